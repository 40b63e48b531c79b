#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make small repositories for the command-line tests: good ones and evil ones.

  make-repository.py newer-kernel DIR MIRROR ARCH   MIRROR's packages, its kernel as 6.1.999-r0
  make-repository.py rebuilt-kernel DIR MIRROR ARCH the same, its kernel of the same version built again
  make-repository.py bare-kernel DIR ARCH RELEASE [CONFIG [MODULE...]]
                                                    linux-bare, a kernel without headers and image
  make-repository.py altered DIR MIRROR ARCH [LINE...]
                                                    linux-altered and linux-altered-dev: MIRROR's headers
                                                    with these lines at the end of .config;
                                                    "certificate=FILE" puts FILE into the kernel's image,
                                                    "banner=TEXT" is the compiler in its banner
  make-repository.py foreign-headers DIR ARCH MACHINE DEV SCRIPTS
                                                     the headers package DEV with the programs that SCRIPTS
                                                     has for MACHINE in it, as cross-built ones come
  make-repository.py files DIR ARCH PACKAGE-VERSION[:PATH[@FILE]...] ...
                                                     packages with these files; FILE is what is in it
  make-repository.py KIND DIR ARCH [OUTSIDE]        see kinds(); a device called linux-tiny

DIR gets ARCH/*.apk, ARCH/APKINDEX.tar.gz and keys/*.pub. OUTSIDE is a folder that evil packages try
to write to.
"""
import hashlib
import io
import os
import shutil
import sys
import tarfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'standin'))
import apk_writer as apk  # noqa: E402
import apktool  # noqa: E402

VERSION = '1-r0'
KERNEL_PACKAGES = ('linux-standin', 'linux-standin-dev', 'kernel-scripts-standin')
NEWER = '6.1.999-r0'


def new_key(folder, name='test.rsa'):
    keys = os.path.join(folder, 'keys')
    os.makedirs(keys, exist_ok=True)
    private = os.path.join(folder, name)
    if os.path.exists(private):  # of another repository, which the caller has put there
        return private
    apk.make_key(private)
    os.rename(private + '.pub', os.path.join(keys, name + '.pub'))
    return private


# ---- a mirror with a newer kernel ----

def renamed(path, old, new, key):
    """The package at `path` as version `new`: (bytes, new record's C: and S: lines)."""
    _, control, data = apktool.package(path)
    entries = []
    for info, content in apktool.entries(control):
        if info.name == '.PKGINFO':
            content = content.replace(old.encode(), new.encode()) + b'# made again\n'
        entries.append(apk.Entry(info.name, content=content, mode=info.mode))
    control = apk.gzip_member(apk.tar(entries, end=False))
    return apk.sign_member(control, key) + control + data, apk.identity(control)


def newer_kernel(folder, mirror, arch, version=NEWER):
    """`version` None: the one it has."""
    key = new_key(folder)
    source, target = os.path.join(mirror, arch), os.path.join(folder, arch)
    os.makedirs(target)
    for other in set(os.listdir(mirror)) - {arch}:
        os.symlink(os.path.join(mirror, other), os.path.join(folder, other))
    records = []
    for record in apktool.records(apktool.read(os.path.join(source, 'APKINDEX.tar.gz'))[1]):
        name = '%s-%s.apk' % (record['P'], record['V'])
        if record['P'] in KERNEL_PACKAGES:
            old = record['V']
            new = version or old
            whole, identity = renamed(os.path.join(source, name), old, new, key)
            record = {k: v.replace(old, new) for k, v in record.items()}
            record.update(C=identity, S=str(len(whole)))
            apk.write_file(os.path.join(target, '%s-%s.apk' % (record['P'], new)), whole)
        else:
            os.symlink(os.path.join(source, name), os.path.join(target, name))
        records.append(''.join('%s:%s\n' % item for item in record.items()))
    apk.write_index(os.path.join(target, 'APKINDEX.tar.gz'), records, key)


# ---- a kernel that has no headers ----

def bare_kernel(folder, arch, release, config=None, *modules):
    key = new_key(folder)
    share = 'usr/share/kernel/bare'
    entries = [apk.Entry(name, kind='dir') for name in ('boot', 'usr', 'usr/share', 'usr/share/kernel', share)]
    entries.append(apk.Entry(share + '/kernel.release', content=release.encode() + b'\n'))
    if config:
        with open(config, 'rb') as handle:
            entries.append(apk.Entry('boot/config-bare', content=handle.read()))
    if modules:
        entries += folders_of('usr/lib/modules/%s/x' % release)[1:]
    for path in modules:
        with open(path, 'rb') as handle:
            entries.append(apk.Entry('usr/lib/modules/%s/%s' % (release, os.path.basename(path)),
                                     content=handle.read()))
    entries.sort(key=lambda entry: entry.name)
    for one in ('aarch64', 'armv7', 'x86_64'):
        target = os.path.join(folder, one)
        os.makedirs(target)
        records = []
        if one == arch:
            fields = {'pkgname': 'linux-bare', 'pkgver': VERSION, 'arch': arch, 'pkgdesc': 'A bare kernel',
                      'license': 'GPL-2.0-only', 'builddate': 1700000000}
            records.append(apk.write_package(target, fields, entries, key))
        apk.write_index(os.path.join(target, 'APKINDEX.tar.gz'), records, key)


# ---- packages of a few files ----

def files(folder, arch, *packages):
    key = new_key(folder)
    target = os.path.join(folder, arch)
    os.makedirs(target)
    records = []
    for word in packages:
        whole, *paths = word.split(':')
        name, version, release = whole.rsplit('-', 2)
        contents = {path: path.encode() for path in paths if '@' not in path}
        for path, file in (word.split('@', 1) for word in paths if '@' in word):
            with open(file, 'rb') as handle:
                contents[path] = handle.read()
        entries = {entry.name: entry for path in contents for entry in folders_of(path)}
        entries.update((path, apk.Entry(path, content=content)) for path, content in contents.items())
        fields = {'pkgname': name, 'pkgver': version + '-' + release, 'arch': arch, 'license': 'custom',
                  'pkgdesc': 'A package of a test', 'builddate': 1700000000}
        records.append(apk.write_package(target, fields, [entries[path] for path in sorted(entries)], key))
    apk.write_index(os.path.join(target, 'APKINDEX.tar.gz'), records, key)


# ---- a kernel whose configuration is another one ----

def find(mirror, arch, package):
    """Index record of a package, and its control and data members."""
    for record in apktool.records(apktool.read(os.path.join(mirror, arch, 'APKINDEX.tar.gz'))[1]):
        if record['P'] == package:
            name = '%s-%s.apk' % (package, record['V'])
            return record, apktool.package(os.path.join(mirror, arch, name))[1:]
    sys.exit('no %s in %s' % (package, mirror))


def folders_of(path):
    parts = path.split('/')[:-1]
    return [apk.Entry('/'.join(parts[:i + 1]), kind='dir') for i in range(len(parts))]


def with_file(data, suffix, change):
    """The data member with the content of the one file that ends so changed; the rest byte for byte."""
    raw = apktool.inflated(data)
    with tarfile.open(fileobj=io.BytesIO(raw)) as archive:
        for info in archive:
            if info.isreg() and info.name.endswith(suffix):
                content = change(archive.extractfile(info).read())
                new = apk.tar([apk.Entry(info.name, content=content, mode=info.mode)], end=False)
                rest = info.offset_data + (info.size + 511) // 512 * 512
                return apk.gzip_member(raw[:info.offset] + new + raw[rest:], level=1), info.name
    sys.exit('no %s' % suffix)


def altered_headers(mirror, arch, lines, key):
    """linux-standin-dev under another name, with lines at the end of .config: (bytes, record)."""
    record, (control, data) = find(mirror, arch, 'linux-standin-dev')
    extra = ''.join(line + '\n' for line in lines).encode()
    data, path = with_file(data, '/.config', lambda config: config + extra)
    info = next(content for entry, content in apktool.entries(control) if entry.name == '.PKGINFO').decode()
    info = ''.join({'pkgname': 'pkgname = linux-altered-dev\n',
                    'datahash': 'datahash = %s\n' % hashlib.sha256(data).hexdigest()}.get(
                        line.partition(' = ')[0], line) for line in info.splitlines(True))
    control = apk.control_member(info)
    whole = apk.sign_member(control, key) + control + data
    record = dict(record, P='linux-altered-dev', C=apk.identity(control), S=str(len(whole)))
    return whole, ''.join('%s:%s\n' % item for item in record.items()), record['V'], path


def altered(folder, mirror, arch, lines):
    key = new_key(folder)
    target = os.path.join(folder, arch)
    os.makedirs(target)
    image_lines = dict(line.split('=', 1) for line in lines if line.startswith(('certificate=', 'banner=')))
    whole, headers, version, path = altered_headers(mirror, arch, [
        line for line in lines if not line.startswith(('certificate=', 'banner='))], key)
    apk.write_file(os.path.join(target, 'linux-altered-dev-%s.apk' % version), whole)
    release = path.split('/')[2].partition('headers-')[2].encode()
    # an arm64 Image has its magic number at 56
    image = b'MZ'.ljust(56, b'\0') + b'ARMd'.ljust(8, b'\0') + b'Linux version ' + release + \
        b' (test@example.org) (%s) #1 SMP\n\0' % image_lines.get('banner', 'gcc version 12.2.0').encode()
    if 'certificate' in image_lines:
        with open(image_lines['certificate'], 'rb') as handle:
            image += handle.read()
    where = 'usr/share/kernel/altered/kernel.release'
    fields = {'pkgname': 'linux-altered', 'pkgver': version, 'arch': arch, 'pkgdesc': 'altered',
              'license': 'custom', 'builddate': 1700000000}
    whole, kernel = apk.package(fields, [
        apk.Entry('boot', kind='dir'), apk.Entry('boot/vmlinuz-altered', content=image)] +
        folders_of(where) + [apk.Entry(where, content=release + b'\n')], key)
    apk.write_file(os.path.join(target, 'linux-altered-%s.apk' % version), whole)
    apk.write_index(os.path.join(target, 'APKINDEX.tar.gz'), [headers, kernel], key)
    for other in set(os.listdir(mirror)) - {arch}:
        os.makedirs(os.path.join(folder, other))
        apk.write_index(os.path.join(folder, other, 'APKINDEX.tar.gz'), [], key)


# ---- headers with the build machine's programs in them ----

def foreign_headers(folder, arch, machine, dev, scripts):
    key = new_key(folder)
    mark, programs, entries = '/%s/scripts/' % machine, {}, []
    for info, content in apktool.entries(apktool.package(scripts)[2]):
        if info.isreg() and mark in info.name:
            programs['scripts/' + info.name.partition(mark)[2]] = content
    _, control, data = apktool.package(dev)
    for info, content in apktool.entries(data):
        if info.issym() and '/kernel-scripts/' in info.linkname:
            name = info.name.split('/', 3)[3]
            entries.append(apk.Entry(info.name, content=programs[name], mode=0o755))
        elif info.issym():
            entries.append(apk.Entry(info.name, kind='link', target=info.linkname))
        elif info.isdir():
            entries.append(apk.Entry(info.name, kind='dir'))
        else:
            entries.append(apk.Entry(info.name, content=content, mode=info.mode))
    text = next(content for info, content in apktool.entries(control) if info.name == '.PKGINFO').decode()
    fields = dict(line.split(' = ', 1) for line in text.splitlines() if ' = ' in line)
    for one in ('aarch64', 'armv7', 'x86_64'):
        target = os.path.join(folder, one)
        os.makedirs(target)
        records = [apk.write_package(target, {
            'pkgname': fields['pkgname'], 'pkgver': fields['pkgver'], 'arch': arch, 'pkgdesc': 'Cross-built headers',
            'license': 'GPL-2.0-only', 'builddate': 1700000000}, entries, key)] if one == arch else []
        apk.write_index(os.path.join(target, 'APKINDEX.tar.gz'), records, key)


# ---- a tiny distribution: one device, one package that may be evil ----

class Tiny:
    def __init__(self, folder, arch):
        self.folder, self.arch = os.path.join(folder, arch), arch
        os.makedirs(self.folder)
        self.top = folder
        self.key = new_key(folder)
        self.records = []

    def add(self, name, entries, depend=(), change=None, record_of=None, scripts=None):
        """change(bytes) gives what is written; record_of(whole) what the index is made of."""
        fields = {'pkgname': name, 'pkgver': VERSION, 'arch': self.arch, 'pkgdesc': name,
                  'license': 'custom', 'depend': list(depend), 'builddate': 1700000000}
        whole, record = apk.package(fields, entries, self.key, scripts)
        if record_of:
            record = record_of(whole, record)
        if change:
            whole = change(whole)
        path = os.path.join(self.folder, '%s-%s.apk' % (name, VERSION))
        if whole is not None:
            apk.write_file(path, whole)
        self.records.append(record)

    def finish(self, key=None):
        release = '6.1.0-tiny'
        modules, source = 'usr/lib/modules/' + release, 'usr/src/linux-headers-' + release
        self.add('linux-tiny', [apk.Entry(name, kind='dir') for name in (
            'usr', 'usr/share', 'usr/share/kernel', 'usr/share/kernel/tiny')] + [
                apk.Entry('usr/share/kernel/tiny/kernel.release', content=release.encode() + b'\n')])
        folders = ('usr', 'usr/lib', 'usr/lib/modules', modules, 'usr/src', source,
                   source + '/include', source + '/include/config')
        self.add('linux-tiny-dev', [apk.Entry(name, kind='dir') for name in folders] + [
            apk.Entry(modules + '/build', kind='link', target='/' + source),
            apk.Entry(source + '/Makefile', content=b'all:\n'),
            apk.Entry(source + '/.config', content=b'CONFIG_MODULES=y\n'),
            apk.Entry(source + '/include/config/kernel.release', content=release.encode() + b'\n')])
        self.add('tiny-build', [], depend=['tiny-base'])
        apk.write_index(os.path.join(self.folder, 'APKINDEX.tar.gz'), self.records, key or self.key)


def victim(size=200000):
    """A package's files: enough that its data does not fit one buffer."""
    content = b''.join(hashlib.sha256(b'%d' % i).digest() for i in range(size // 32))
    return [apk.Entry('usr', kind='dir'), apk.Entry('usr/share', kind='dir'),
            apk.Entry('usr/share/victim', content=content)]


def flip(offset_of):
    def change(whole):
        at = offset_of(whole)
        return whole[:at] + bytes([whole[at] ^ 0x20]) + whole[at + 1:]
    return change


def start_of_control(whole):
    return len(apktool.members(whole)[0])


def start_of_data(whole):
    return sum(len(part) for part in apktool.members(whole)[:2])


def good_base(tiny):
    tiny.add('tiny-base', victim())


def many(tiny, outside):
    names = ['tiny-%d' % i for i in range(1, 5)]
    for name in names:
        tiny.add(name, [apk.Entry('usr', kind='dir'), apk.Entry('usr/' + name, content=name.encode() * 500)])
    tiny.add('tiny-base', victim(), depend=names)


def evil_entries(entries):
    return lambda tiny, outside: tiny.add('tiny-base', victim() + entries(outside))


def changed(change):
    return lambda tiny, outside: tiny.add('tiny-base', victim(), change=change)


def up(outside):
    return '../' * 40 + outside.lstrip('/')


def through_link(make_target):
    """One package ships a link that leads outside, another one a file below that link."""
    def make(tiny, outside):
        target = make_target(outside)
        tiny.add('tiny-link', [apk.Entry('usr', kind='dir'), apk.Entry('usr/out', kind='link', target=target)])
        tiny.add('tiny-base', victim() + [apk.Entry('usr/out', kind='dir'),
                                          apk.Entry('usr/out/escaped', content=b'escaped\n')],
                 depend=['tiny-link'])
    return make


def resigned(whole_change):
    """The control member is exchanged for another one that is signed by the very key."""
    def make(tiny, outside):
        tiny.add('tiny-base', victim(), record_of=whole_change)
    return make


def other_identity(whole, record):
    lines = record.splitlines()
    lines[0] = 'C:' + apk.identity(b'another control member')
    return '\n'.join(lines) + '\n'


def big(tiny, outside):
    tiny.add('tiny-base', victim(32 << 20))


def failing_script(tiny, outside):
    """Its script prints more than is kept, then says why and fails; busybox runs it."""
    with open(shutil.which('busybox') or '/bin/busybox', 'rb') as f:
        busybox = f.read()
    script = """#!/bin/busybox sh
i=0
while [ $i -lt 2000 ]; do echo "line $i of its chatter"; i=$((i + 1)); done
echo "$APK_SCRIPT of $APK_PACKAGE: the disk is upside down" >&2
exit 3
"""
    tiny.add('tiny-base', [apk.Entry('bin', kind='dir'), apk.Entry('bin/busybox', content=busybox, mode=0o755)] + victim(),
             scripts={'post-install': script})


def many_files(count):
    return evil_entries(lambda outside: [
        apk.Entry('usr/share/file-%d' % i, content=b'x') for i in range(count)])


KINDS = {
    'failing-script': failing_script,
    'good': lambda tiny, outside: good_base(tiny),
    'big': big,
    'many': many,
    'missing': changed(lambda whole: None),
    'truncated': changed(lambda whole: whole[:-5000]),
    'cut-at-member': changed(lambda whole: whole[:start_of_data(whole)]),
    'empty': changed(lambda whole: b''),
    'data-altered': changed(flip(lambda whole: start_of_data(whole) + 5000)),
    'data-last-byte': changed(flip(lambda whole: len(whole) - 1)),
    'control-altered': changed(flip(lambda whole: start_of_control(whole) + 60)),
    'signature-altered': changed(flip(lambda whole: 60)),
    'trailing': changed(lambda whole: whole + b'trailing data'),
    'trailing-member': changed(lambda whole: whole + apk.data_member(
        [apk.Entry('usr/share/added', content=b'added\n')])),
    'other-package': resigned(other_identity),
    'dotdot': evil_entries(lambda outside: [apk.Entry(up(outside) + '/escaped', content=b'x\n')]),
    'dotdot-inside': evil_entries(lambda outside: [
        apk.Entry('usr/share/../../' + up(outside) + '/escaped', content=b'x\n')]),
    'absolute': evil_entries(lambda outside: [apk.Entry(outside + '/escaped', content=b'x\n')]),
    'hard-link': evil_entries(lambda outside: [
        apk.Entry('usr/share/hard', kind='hard', target=up(outside) + '/secret')]),
    'newline': evil_entries(lambda outside: [apk.Entry('usr/share/a\nF:etc', content=b'x\n')]),
    'many-files': many_files(40),
    'long-name': evil_entries(lambda outside: [
        apk.Entry('usr/share/' + 'n' * 200, content=b'x')]),
    'zeros': evil_entries(lambda outside: [
        apk.Entry('usr/share/zeros', content=bytes(80 << 20))]),
    'link-absolute': through_link(lambda outside: outside),
    'link-dotdot': through_link(up),
}


def main():
    kind, folder = sys.argv[1:3]
    os.makedirs(folder, exist_ok=True)
    if kind == 'newer-kernel':
        newer_kernel(folder, *sys.argv[3:5])
        return
    if kind == 'rebuilt-kernel':
        newer_kernel(folder, *sys.argv[3:5], version=None)
        return
    if kind == 'files':
        files(folder, *sys.argv[3:])
        return
    if kind == 'bare-kernel':
        bare_kernel(folder, *sys.argv[3:])
        return
    if kind == 'foreign-headers':
        foreign_headers(folder, *sys.argv[3:7])
        return
    if kind == 'altered':
        altered(folder, *sys.argv[3:5], sys.argv[5:])
        return
    arch = sys.argv[3]
    outside = sys.argv[4] if len(sys.argv) > 4 else '/nonexistent'
    tiny = Tiny(folder, arch)
    index = os.path.join(tiny.folder, 'APKINDEX.tar.gz')
    if kind in KINDS:
        KINDS[kind](tiny, outside)
        tiny.finish()
        return
    good_base(tiny)
    if kind == 'unknown-key':
        other = os.path.join(folder, 'stranger.rsa')
        apk.make_key(other)
        tiny.finish(other)
    elif kind == 'false-key':
        # the name of a trusted key, but not that key
        os.makedirs(os.path.join(folder, 'false'))
        other = os.path.join(folder, 'false', 'test.rsa')
        apk.make_key(other)
        tiny.finish(other)
    elif kind in ('index-altered', 'index-truncated', 'index-unsigned', 'index-garbage'):
        tiny.finish()
        with open(index, 'rb') as handle:
            whole = handle.read()
        whole = {'index-altered': flip(lambda w: start_of_control(w) + 100),
                 'index-truncated': lambda w: w[:-40],
                 'index-unsigned': lambda w: w[start_of_control(w):],
                 'index-garbage': lambda w: b'<html>not here</html>\n'}[kind](whole)
        apk.write_file(index, whole)
    else:
        sys.exit('no such kind: %s' % kind)


if __name__ == '__main__':
    main()
