#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that is no module, or a broken one, and everything that is no package, for test-check-input.

  make-bad-files.py DIR GOOD.ko GOOD.apk

GOOD.ko is an ELF64 module. What needs no bytes (pipes, folders, devices) the test makes itself.
"""
import bz2
import gzip
import io
import lzma
import os
import struct
import sys
import tarfile
import zipfile

HEADER, SECTION = 64, 64
SHOFF, SHENTSIZE, SHNUM, SHSTRNDX = 40, 58, 60, 62
# offsets in a section header
NAME, TYPE, FLAGS, OFFSET, SIZE, LINK, INFO, ENTSIZE = 0, 4, 8, 24, 32, 40, 44, 56
PROGBITS, SYMTAB, STRTAB, RELA = 1, 2, 3, 4


class Module:
    """A module whose bytes can be altered by the names of its sections."""

    def __init__(self, data):
        self.data = bytearray(data)
        self.start, = struct.unpack_from('<Q', data, SHOFF)
        self.count, self.names = struct.unpack_from('<HH', data, SHNUM)

    def at(self, index):
        return self.start + index * SECTION

    def get(self, index, field):
        return struct.unpack_from('<I' if field in (NAME, TYPE, LINK, INFO) else '<Q', self.data, self.at(index) + field)[0]

    def put(self, index, field, value):
        struct.pack_into('<I' if field in (NAME, TYPE, LINK, INFO) else '<Q', self.data, self.at(index) + field, value)
        return self

    def word(self, at, value):
        struct.pack_into('<H', self.data, at, value)
        return self

    def name(self, index):
        at = self.get(self.names, OFFSET) + self.get(index, NAME)
        return bytes(self.data[at:self.data.index(b'\0', at)]).decode()

    def section(self, wanted):
        return next(i for i in range(1, self.count) if self.name(i) == wanted)

    def of_type(self, kind):
        return next(i for i in range(1, self.count) if self.get(i, TYPE) == kind)

    def without_end(self, index):
        """A string table whose last byte is not the end of a string."""
        self.data[self.get(index, OFFSET) + self.get(index, SIZE) - 1] = ord('x')
        return self


def many_sections(good, kind, link=0):
    """As many sections as there can be, each of them the whole file."""
    module, count = Module(good), 0xfe00
    old = bytes(module.data[module.start:module.start + module.count * SECTION])
    body = bytes(module.data) + bytes(-len(module.data) % 8)
    size = len(body) // 24 * 24
    more = struct.pack('<IIQQQQIIQQ', 1, kind, 0, 0, 0, size, link or module.of_type(SYMTAB), 1, 8, 24)
    out = bytearray(body + old + more * (count - module.count))
    struct.pack_into('<Q', out, SHOFF, len(body))
    struct.pack_into('<H', out, SHNUM, count)
    return bytes(out)


def with_content(good, index, content, more=0):
    """Another content of a section, and `more` small sections behind the others."""
    module = Module(good)
    at = len(module.data) + -len(module.data) % 8
    module.put(index, OFFSET, at).put(index, SIZE, len(content))
    out = bytearray(bytes(module.data) + bytes(at - len(module.data)) + content + bytes(-len(content) % 8))
    table = bytes(module.data[module.start:module.start + module.count * SECTION])
    struct.pack_into('<Q', out, SHOFF, len(out))
    struct.pack_into('<H', out, SHNUM, module.count + more)
    return bytes(out + table + struct.pack('<IIQQQQIIQQ', 1, PROGBITS, 2, 0, 64, 4, 0, 0, 1, 0) * more)


def exhausting(good):
    """Nothing is out of place, but there is more work in it than the file is large."""
    module = Module(good)
    symtab = module.of_type(SYMTAB)
    strings = module.get(symtab, LINK)
    rela = next(i for i in range(1, module.count)
                if module.get(i, TYPE) == RELA and module.get(module.get(i, INFO), FLAGS) & 2)
    this = next(i for i in range(1, module.count) if module.name(i).endswith('.gnu.linkonce.this_module') and
                module.get(i, TYPE) == RELA)
    count = 300000
    yield 'work-types', with_content(good, rela, b''.join(struct.pack('<QQq', 0, i, 0) for i in range(count)))
    yield 'work-functions', with_content(good, this, struct.pack('<QQq', 0, 0x100000101, 0) * count)
    yield 'work-aliases', with_content(good, module.section('.modinfo'), b'alias=a\0' * count, more=60000)
    yield 'work-sections', with_content(good, module.section('.comment'), b'x', more=60000)
    # a table of names that has one end, and undefined symbols that begin anywhere in it
    long = with_content(good, strings, b'x' * 2000000 + b'\0')
    yield 'work-names', with_content(long, symtab, bytes(24) + b''.join(
        struct.pack('<IBBHQQ', i, 0x10, 0, 0, 0, 0) for i in range(100000)))
    yield 'work-long-name', with_content(long, symtab, bytes(24) + struct.pack('<IBBHQQ', 0, 0x10, 0, 0, 0, 0))
    # and one of section names
    data = bytearray(with_content(good, module.names, b'x' * 2000000 + b'\0', more=60000))
    yield 'work-section-names', bytes(data)


def elf_files(good):
    """name: bytes"""
    def new():
        return Module(good)

    huge = 0x0fffffffffffffff
    names, symtab, rela = new().names, new().of_type(SYMTAB), new().of_type(RELA)
    strings = new().get(symtab, LINK)
    yield 'empty', b''
    yield 'text', b'obj-m := hello.o\n'
    yield 'magic', b'\x7fELF'
    yield 'header', good[:HEADER]
    yield 'short', good[:len(good) // 2]
    yield 'program', bytes(new().word(16, 2).data)
    yield 'shnum-none', bytes(new().word(SHNUM, 0).data)
    yield 'shnum-huge', bytes(new().word(SHNUM, 0).put(0, SIZE, huge).data)
    yield 'shnum-large', bytes(new().word(SHNUM, 0).put(0, SIZE, 0x10000000).data)
    yield 'shnum-ffff', bytes(new().word(SHNUM, 0xffff).data)
    yield 'shstrndx-huge', bytes(new().word(SHSTRNDX, 0xffff).put(0, LINK, 0xfffffff0).data)
    yield 'shstrndx-far', bytes(new().word(SHSTRNDX, 0xfe00).data)
    yield 'shentsize-none', bytes(new().word(SHENTSIZE, 0).data)
    yield 'shentsize-one', bytes(new().word(SHENTSIZE, 1).data)
    yield 'names-without-end', bytes(new().without_end(names).data)
    yield 'strings-without-end', bytes(new().without_end(strings).data)
    yield 'modinfo-without-end', bytes(new().without_end(new().section('.modinfo')).data)
    yield 'name-far', bytes(new().put(1, NAME, 0xfffffff0).data)
    yield 'link-far', bytes(new().put(symtab, LINK, 0xffff0000).data)
    yield 'info-far', bytes(new().put(rela, INFO, 0xffff0000).data)
    yield 'content-far', bytes(new().put(rela, OFFSET, huge).data)
    yield 'content-huge', bytes(new().put(rela, SIZE, huge).data)
    yield 'symtab-entsize', bytes(new().put(symtab, ENTSIZE, 0).data)
    yield 'symtab-odd', bytes(new().put(symtab, SIZE, new().get(symtab, SIZE) - 1).data)
    yield 'overlap-text', bytes(new().put(new().section('.modinfo'), OFFSET, new().get(rela, OFFSET)).data)
    yield 'overlap-header', bytes(new().put(new().section('.modinfo'), OFFSET, 0).data)
    yield 'overlap-all', overlapping(good)
    yield from exhausting(good)
    for name, kind in ('relocations', RELA), ('strings', STRTAB), ('symbols', SYMTAB), ('content', PROGBITS):
        yield 'many-' + name, many_sections(good, kind)


def overlapping(good):
    """All sections with content lie over each other."""
    module = Module(good)
    for i in range(1, module.count):
        if module.get(i, TYPE) == PROGBITS:
            module.put(i, OFFSET, 0).put(i, SIZE, len(good) // 2)
    return bytes(module.data)


def packed(good):
    """Compressed modules: cut off, twice, too much, or not what their names say."""
    gz, xz = gzip.compress(good), lzma.compress(good)
    yield 'cut.ko.gz', gz[:len(gz) // 2]
    yield 'cut.ko.xz', xz[:len(xz) // 2]
    yield 'twice.ko.gz.xz', lzma.compress(gz)
    yield 'twice.ko.xz', lzma.compress(gz)
    yield 'twice.ko.gz', gzip.compress(xz)
    yield 'text.ko.gz', gzip.compress(b'text')
    yield 'bzip2.ko.bz2', bz2.compress(good)
    bomb = gzip.compress(bytes(1 << 24))
    yield 'bomb.ko.gz', bomb * 128
    yield 'bomb.ko.xz', lzma.compress(bytes(1 << 29), preset=0)


def tar_of(*members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode='w') as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def zip_of(*members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, 'w', zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return out.getvalue()


def ar_of(*members):
    out = b'!<arch>\n'
    for name, content in members:
        out += b'%-16s%-12d%-6d%-6d%-8o%-10d`\n' % (name.encode(), 0, 0, 0, 0o644, len(content))
        out += content + b'\n' * (len(content) % 2)
    return out


def archives(good, package):
    tar = tar_of(('extra/hello.ko', good))
    yield 'hello.tar', tar
    yield 'hello.tar.gz', gzip.compress(tar)
    yield 'hello.tar.xz', lzma.compress(tar)
    yield 'hello.zip', zip_of(('hello.ko', good))
    yield 'hello.a', ar_of(('hello.ko/', good))
    yield 'hello.deb', ar_of(('debian-binary', b'2.0\n'), ('control.tar.xz', lzma.compress(tar_of(('control', b'Package: x\n')))),
                             ('data.tar.xz', lzma.compress(tar)))
    yield 'hello.rpm', b'\xed\xab\xee\xdb\x03\x00' + bytes(100)
    # by names that promise something else
    yield 'tar.ko', tar
    yield 'tar.ko.gz', gzip.compress(tar)
    yield 'zip.ko', zip_of(('hello.ko', good))
    yield 'deb.ko', ar_of(('debian-binary', b'2.0\n'))
    yield 'package.ko', package
    yield 'android.apk', zip_of(('AndroidManifest.xml', b'x'), ('lib/hello.ko', good))
    yield 'tar.apk', tar
    yield 'tar-gz.apk', gzip.compress(tar)
    yield 'module.apk', good
    yield 'module-gz.apk', gzip.compress(good)
    yield 'third.apk', b'ADBd' + b'pckg' + bytes(100)
    yield 'third-deflated.apk', b'ADBc\x01\x00' + bytes(100)
    yield 'empty.apk', b''
    yield 'text.apk', b'text'
    yield 'magic.apk', b'\x1f\x8b'


def damaged(package):
    yield 'cut.apk', package[:-100]
    yield 'half.apk', package[:len(package) // 2]
    yield 'more.apk', package + b'more'
    for at in 3, 2:
        bad = bytearray(package)
        bad[len(bad) * at // 4] ^= 0x55
        yield 'altered-%d.apk' % at, bytes(bad)


def main():
    to, module, package = sys.argv[1:4]
    with open(module, 'rb') as handle:
        good = handle.read()
    with open(package, 'rb') as handle:
        apk = handle.read()
    made = {name + '.ko': content for name, content in elf_files(good)}
    made.update(packed(good))
    made.update(archives(good, apk))
    made.update(damaged(apk))
    for name, content in made.items():
        with open(os.path.join(to, name), 'wb') as handle:
            handle.write(content)
    # nothing is on the disk of these 20 GB
    with open(os.path.join(to, 'sparse.ko'), 'wb') as handle:
        handle.truncate(20 << 30)


if __name__ == '__main__':
    main()
