#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read packages and indexes with nothing of pmkmod's own code, for the command-line tests.

  apktool.py list APK                names and modes of what a package ships
  apktool.py control APK             .PKGINFO
  apktool.py cat APK NAME            one file's content
  apktool.py verify APK KEY          signature, both hashes, every file's checksum
  apktool.py index APKINDEX          the index's text
  apktool.py repository DIR KEY      index signed, naming exactly the packages that are there
"""
import base64
import hashlib
import io
import os
import subprocess
import sys
import tarfile
import tempfile
import zlib


def members(data):
    """The gzip members of a file, compressed."""
    found = []
    while data:
        inflate = zlib.decompressobj(31)
        inflate.decompress(data)
        if not inflate.eof:
            sys.exit('a gzip member is cut off')
        size = len(data) - len(inflate.unused_data)
        found.append(data[:size])
        data = data[size:]
    return found


def inflated(member):
    inflate = zlib.decompressobj(31)
    data = inflate.decompress(member)
    if not inflate.eof or inflate.unused_data:
        sys.exit('cut off, or something follows the last gzip member')
    return data


def entries(member):
    # members that other members follow have no end of archive: tarfile wants one
    with tarfile.open(fileobj=io.BytesIO(inflated(member) + bytes(1024))) as archive:
        for info in archive:
            content = archive.extractfile(info).read() if info.isreg() else b''
            yield info, content


def read(path):
    with open(path, 'rb') as handle:
        return members(handle.read())


def check_signature(signature_member, signed, key):
    info, signature = next(entries(signature_member))
    algorithm, _, name = info.name[len('.SIGN.'):].partition('.')
    digest = {'RSA': 'sha1', 'RSA256': 'sha256', 'RSA512': 'sha512'}.get(algorithm)
    if not info.name.startswith('.SIGN.') or not digest:
        sys.exit('%s is no signature' % info.name)
    if name != os.path.basename(key):
        sys.exit('signed by %s, not by %s' % (name, os.path.basename(key)))
    with tempfile.NamedTemporaryFile() as handle:
        handle.write(signature)
        handle.flush()
        subprocess.run(['openssl', 'dgst', '-' + digest, '-verify', key, '-signature', handle.name],
                       input=signed, check=True, stdout=subprocess.DEVNULL)


def package(path):
    """Signature, control and data; the last one, which may be large, is not looked into."""
    with open(path, 'rb') as handle:
        data = handle.read()
    parts = []
    for _ in range(2):
        inflate = zlib.decompressobj(31)
        rest = data
        while rest and not inflate.eof:
            inflate.decompress(rest[:65536])
            rest = rest[65536:]
        if not inflate.eof:
            sys.exit('%s: a gzip member is cut off' % path)
        size = len(data) - len(rest) - len(inflate.unused_data)
        parts.append(data[:size])
        data = data[size:]
    return parts + [data]


def control_text(control):
    for info, content in entries(control):
        if info.name == '.PKGINFO':
            return content.decode()
    sys.exit('no .PKGINFO')


def verify(path, key):
    signature, control, data = package(path)
    check_signature(signature, control, key)
    want = 'datahash = ' + hashlib.sha256(data).hexdigest()
    if want not in control_text(control).splitlines():
        sys.exit('%s: datahash is not that of the data' % path)
    for info, content in entries(data):
        have = info.pax_headers.get('APK-TOOLS.checksum.SHA1')
        # apk skips hidden names in the top folder: a package without files has one, .dummy
        if info.isreg() and info.name != '.dummy' and have != hashlib.sha1(content).hexdigest():
            sys.exit('%s: checksum of %s' % (path, info.name))


def records(index):
    for info, content in entries(index):
        if info.name == 'APKINDEX':
            for block in content.decode().strip().split('\n\n'):
                yield dict(line.split(':', 1) for line in block.splitlines())


def repository(folder, key):
    parts = read(os.path.join(folder, 'APKINDEX.tar.gz'))
    check_signature(parts[0], parts[1], key)
    listed = set()
    for record in records(parts[1]):
        name = '%s-%s.apk' % (record['P'], record['V'])
        path = os.path.join(folder, name)
        verify(path, key)
        identity = 'Q1' + base64.b64encode(hashlib.sha1(package(path)[1]).digest()).decode()
        if record['C'] != identity or int(record['S']) != os.path.getsize(path):
            sys.exit('%s is not the one the index names' % name)
        listed.add(name)
    there = {name for name in os.listdir(folder) if name.endswith('.apk')}
    if there - listed and '--strict' in sys.argv:
        sys.exit('not in the index: %s' % ', '.join(sorted(there - listed)))


def main():
    verb, path = sys.argv[1:3]
    if verb == 'list':
        for info, _ in entries(package(path)[2]):
            print('%s %o %s' % (info.name.rstrip('/'), info.mode, 'dir' if info.isdir() else 'file'))
    elif verb == 'control':
        print(control_text(package(path)[1]), end='')
    elif verb == 'cat':
        for info, content in entries(package(path)[2]):
            if info.name == sys.argv[3]:
                sys.stdout.buffer.write(content)
                return
        sys.exit('no %s in %s' % (sys.argv[3], path))
    elif verb == 'verify':
        verify(path, sys.argv[3])
    elif verb == 'index':
        for info, content in entries(read(path)[-1]):
            if info.name == 'APKINDEX':
                sys.stdout.write(content.decode())
    elif verb == 'repository':
        repository(path, sys.argv[3])
    else:
        sys.exit(__doc__)


if __name__ == '__main__':
    main()
