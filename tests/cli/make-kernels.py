#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many kernels of one series, as a distribution has them: the stand-in's headers, made again for each.

  make-kernels.py DIR MIRROR ARCH FIRST COUNT [PROFILES]

DIR gets ARCH/linux-kN-*.apk (release 6.1.0-N-kN), linux-kN-dev-*.apk, the index and keys/*.pub; PROFILES
gets devices/kN.ini. As in kernels of pmaports the source is the same, but the release, the configuration
(.config, auto.conf, autoconf.h, some files of include/config), the symbols' CRCs (Module.symvers) and the
time of all files (abuild gives them that of the last commit) differ.
"""
import hashlib
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'standin'))
import apk_writer as apk  # noqa: E402
import apktool  # noqa: E402

VERSION = '6.1.192-r2'
# where all kernels have something else
OPTIONS = re.compile(rb'/(?:\.config|include/config/auto\.conf|include/generated/autoconf\.h)$')


class Headers:
    """Entries of linux-standin-dev, read once."""

    def __init__(self, mirror, arch):
        name = 'linux-standin-dev-%s.apk' % VERSION
        _, control, data = apktool.package(os.path.join(mirror, arch, name))
        self.entries = [(info, content) for info, content in apktool.entries(data)]
        self.release = next(info.name.split('/')[3] for info, _ in self.entries
                            if info.name.startswith('usr/lib/modules/') and info.name.count('/') == 3)
        info = next(content for entry, content in apktool.entries(control) if entry.name == '.PKGINFO')
        self.info = info.decode()


def changed_crcs(text, number):
    """One symbol in four has another CRC: those that a changed structure reaches."""
    lines = text.split(b'\n')
    for i in range(number % 4, len(lines), 4):
        crc, tab, rest = lines[i].partition(b'\t')
        if tab and crc.startswith(b'0x'):
            lines[i] = b'0x%08x' % (int(crc, 16) ^ (number * 0x01000193 & 0xffffffff)) + tab + rest
    return b'\n'.join(lines)


def content_of(name, content, number):
    if name.endswith('/Module.symvers'):
        return changed_crcs(content, number)
    if OPTIONS.search(name.encode()):
        define = b'#define CONFIG_K%d %d\n' if name.endswith('.h') else b'CONFIG_K%d=%d\n'
        content += b''.join(define % (i, number) for i in range(20))
    return content


def headers(base, number, key):
    """linux-kN-dev: (bytes, record)."""
    old, new = base.release.encode(), b'6.1.0-%d-k%d' % (number, number)
    # Debian has a folder for all flavours beside that of one
    pairs = ((old, new), (b'6.1.0-56-common', b'6.1.0-%d-k%d-common' % (number, number)))
    entries = []
    for info, content in base.entries:
        name, target = info.name, info.linkname
        # programs stay where their package has them
        keep = '/kernel-scripts/' in target
        content = content_of(name, content, number)
        for a, b in pairs:
            name = name.replace(a.decode(), b.decode())
            target = target if keep else target.replace(a.decode(), b.decode())
            content = content.replace(a, b)
        kind = 'dir' if info.isdir() else 'link' if info.issym() else 'file'
        entries.append(apk.Entry(name, kind=kind, mode=info.mode & 0o7777, content=content, target=target,
                                 mtime=1600000000 + 86400 * number))
        if name.endswith('/include/config'):
            entries += [apk.Entry('%s/K%d' % (name, i), mtime=1600000000) for i in range(number % 7)]
    data = apk.gzip_member(apk.tar(entries, end=True), level=0)
    info = re.sub(r'(?m)^pkgname = .*$', 'pkgname = linux-k%d-dev' % number, base.info)
    info = re.sub(r'(?m)^datahash = .*$', 'datahash = %s' % hashlib.sha256(data).hexdigest(), info)
    control = apk.control_member(info)
    whole = apk.sign_member(control, key) + control + data
    record = {'C': apk.identity(control), 'P': 'linux-k%d-dev' % number, 'V': VERSION,
              'S': str(len(whole)), 'I': '54558751', 'T': 'headers', 'U': '', 'L': 'GPL-2.0-only'}
    return whole, record, new.decode()


def kernel(number, arch, release, key):
    where = 'usr/share/kernel/k%d' % number
    folders = [apk.Entry('/'.join(where.split('/')[:i + 1]), kind='dir') for i in range(4)]
    fields = {'pkgname': 'linux-k%d' % number, 'pkgver': VERSION, 'arch': arch, 'pkgdesc': 'A kernel',
              'license': 'GPL-2.0-only', 'builddate': 1700000000}
    return apk.package(fields, folders + [
        apk.Entry(where + '/kernel.release', content=release.encode() + b'\n')], key)


def main():
    if len(sys.argv) not in (6, 7):
        sys.exit(__doc__)
    folder, mirror, arch = sys.argv[1:4]
    first, count = int(sys.argv[4]), int(sys.argv[5])
    target, keys, private = os.path.join(folder, arch), os.path.join(folder, 'keys'), os.path.join(folder, 'k.rsa')
    os.makedirs(target, exist_ok=True)
    os.makedirs(keys, exist_ok=True)
    if not os.path.exists(private):
        apk.make_key(private)
        os.rename(private + '.pub', os.path.join(keys, 'k.rsa.pub'))
    base, records = Headers(mirror, arch), []
    for number in range(first, first + count):
        whole, record, release = headers(base, number, private)
        apk.write_file(os.path.join(target, 'linux-k%d-dev-%s.apk' % (number, VERSION)), whole)
        depends = ' '.join(re.findall(r'(?m)^depend = (.*)$', base.info))
        records.append(''.join('%s:%s\n' % item for item in record.items()) +
                       'A:%s\nD:%s\n' % (arch, depends))
        whole, record = kernel(number, arch, release, private)
        apk.write_file(os.path.join(target, 'linux-k%d-%s.apk' % (number, VERSION)), whole)
        records.append(record)
        if len(sys.argv) == 7:
            os.makedirs(os.path.join(sys.argv[6], 'devices'), exist_ok=True)
            with open(os.path.join(sys.argv[6], 'devices', 'k%d.ini' % number), 'w', encoding='ascii') as f:
                f.write('[device]\narch = %s\nkernel = linux-k%d\nflavor = k%d\nchannel = kernels\n'
                        % (arch, number, number))
    apk.write_index(os.path.join(target, 'APKINDEX.tar.gz'), records, private)
    for other in set(os.listdir(mirror)) - {arch}:
        os.makedirs(os.path.join(folder, other), exist_ok=True)
        apk.write_index(os.path.join(folder, other, 'APKINDEX.tar.gz'), [], private)


if __name__ == '__main__':
    main()
