#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look into kernel modules, of any architecture, plain or compressed, without binutils.

  kotool.py same A B      code sections, __versions and .modinfo are byte for byte the same
  kotool.py modinfo A     .modinfo, one `key=value` a line
  kotool.py sections A    names of all sections
  kotool.py machine A     ELF class and e_machine
  kotool.py unsigned A CONTENT SIGNATURE   a signed module cut in two; fails if it is not signed
"""
import gzip
import lzma
import struct
import subprocess
import sys

SHT_NOBITS = 8
SHF_EXECINSTR = 4


def read(path):
    with open(path, 'rb') as handle:
        data = handle.read()
    if data[:2] == b'\x1f\x8b':
        return gzip.decompress(data)
    if data[:6] == b'\xfd7zXZ\0':
        return lzma.decompress(data)
    if data[:4] == b'\x28\xb5\x2f\xfd':
        return subprocess.run(['zstd', '-dcq'], input=data, stdout=subprocess.PIPE, check=True).stdout
    return data


class Elf:
    def __init__(self, path):
        self.data = read(path)
        if self.data[:4] != b'\x7fELF' or self.data[5] != 1:
            sys.exit('%s is no little-endian ELF file' % path)
        self.bits = 64 if self.data[4] == 2 else 32
        self.machine = struct.unpack_from('<H', self.data, 18)[0]
        offset = struct.unpack_from('<Q', self.data, 40)[0] if self.bits == 64 else \
            struct.unpack_from('<I', self.data, 32)[0]
        entry, count, names = struct.unpack_from('<HHH', self.data, 58 if self.bits == 64 else 46)
        headers = [self._header(offset + i * entry) for i in range(count)]
        strings = self._content(headers[names])
        self.sections = []
        for header in headers:
            end = strings.index(b'\0', header[0])
            self.sections.append((strings[header[0]:end].decode(), header[2], self._content(header)))

    def _header(self, at):
        name, kind, flags, _, offset, size = struct.unpack_from(
            '<IIQQQQ' if self.bits == 64 else '<IIIIII', self.data, at)
        return name, kind, flags, offset, size

    def _content(self, header):
        return b'' if header[1] == SHT_NOBITS else self.data[header[3]:header[3] + header[4]]

    def compared(self):
        return {name: content for name, flags, content in self.sections
                if flags & SHF_EXECINSTR or name in ('__versions', '.modinfo')}

    def section(self, wanted):
        for name, _, content in self.sections:
            if name == wanted:
                return content
        sys.exit('no section %s' % wanted)


def same(a, b):
    one, other = Elf(a).compared(), Elf(b).compared()
    if not one.get('.modinfo') or not any(one[name] for name in one if 'text' in name):
        sys.exit('%s has no .modinfo or no code: nothing to compare' % a)
    different = [name for name in sorted(one.keys() | other.keys()) if one.get(name) != other.get(name)]
    if different:
        sys.exit('different: %s' % ', '.join(different))
    print('same: %s' % ', '.join(sorted(one)))


def cut(path, content, signature):
    data, marker = read(path), b'~Module signature appended~\n'
    if not data.endswith(marker):
        sys.exit('%s is not signed' % path)
    data = data[:-len(marker)]
    kind, length = struct.unpack('>2xB5xI', data[-12:])
    if kind != 2 or any(data[-12:-10] + data[-9:-4]):
        sys.exit('%s has no PKCS#7 signature' % path)
    data = data[:-12]
    with open(content, 'wb') as handle:
        handle.write(data[:-length])
    with open(signature, 'wb') as handle:
        handle.write(data[-length:])


def main():
    verb, path = sys.argv[1:3]
    if verb == 'same':
        same(path, sys.argv[3])
    elif verb == 'modinfo':
        sys.stdout.write(''.join(part.decode() + '\n'
                                 for part in Elf(path).section('.modinfo').split(b'\0') if part))
    elif verb == 'sections':
        print('\n'.join(name for name, _, _ in Elf(path).sections if name))
    elif verb == 'unsigned':
        cut(path, *sys.argv[3:5])
    elif verb == 'machine':
        elf = Elf(path)
        print(elf.bits, elf.machine)
    else:
        sys.exit(__doc__)


if __name__ == '__main__':
    main()
