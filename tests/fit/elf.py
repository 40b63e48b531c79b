# SPDX-License-Identifier: GPL-3.0-or-later
"""A little-endian ELF file that can be bent in any way: what a header says is believed only to find things."""
import struct

SHT_NULL, SHT_PROGBITS, SHT_SYMTAB, SHT_STRTAB, SHT_RELA, SHT_NOBITS, SHT_REL = 0, 1, 2, 3, 4, 8, 9
SHF_WRITE, SHF_ALLOC, SHF_EXECINSTR = 1, 2, 4
SHN_UNDEF, SHN_ABS, SHN_COMMON = 0, 0xfff1, 0xfff2
STB_GLOBAL, STB_WEAK = 1, 2

# field -> (offset, format) for 64 and 32 bits
HEADER = {
    64: {'ei_class': (4, 'B'), 'ei_data': (5, 'B'), 'e_type': (16, 'H'), 'e_machine': (18, 'H'), 'e_shoff': (40, 'Q'),
         'e_flags': (48, 'I'), 'e_shentsize': (58, 'H'), 'e_shnum': (60, 'H'), 'e_shstrndx': (62, 'H')},
    32: {'ei_class': (4, 'B'), 'ei_data': (5, 'B'), 'e_type': (16, 'H'), 'e_machine': (18, 'H'), 'e_shoff': (32, 'I'),
         'e_flags': (36, 'I'), 'e_shentsize': (46, 'H'), 'e_shnum': (48, 'H'), 'e_shstrndx': (50, 'H')},
}
SECTION = {
    64: {'name': (0, 'I'), 'type': (4, 'I'), 'flags': (8, 'Q'), 'addr': (16, 'Q'), 'offset': (24, 'Q'),
         'size': (32, 'Q'), 'link': (40, 'I'), 'info': (44, 'I'), 'align': (48, 'Q'), 'entsize': (56, 'Q')},
    32: {'name': (0, 'I'), 'type': (4, 'I'), 'flags': (8, 'I'), 'addr': (12, 'I'), 'offset': (16, 'I'),
         'size': (20, 'I'), 'link': (24, 'I'), 'info': (28, 'I'), 'align': (32, 'I'), 'entsize': (36, 'I')},
}
SYMBOL = {
    64: {'name': (0, 'I'), 'info': (4, 'B'), 'other': (5, 'B'), 'shndx': (6, 'H'), 'value': (8, 'Q'), 'size': (16, 'Q')},
    32: {'name': (0, 'I'), 'value': (4, 'I'), 'size': (8, 'I'), 'info': (12, 'B'), 'other': (13, 'B'), 'shndx': (14, 'H')},
}
SECTION_SIZE = {64: 64, 32: 40}
SYMBOL_SIZE = {64: 24, 32: 16}
VERSION_SIZE = 64  # struct modversion_info


class Elf:
    def __init__(self, data):
        if data[:4] != b'\x7fELF' or data[5] != 1:
            raise ValueError('no little-endian ELF file')
        self.data = bytearray(data)
        self.bits = 64 if data[4] == 2 else 32
        self.headers = self.get('e_shoff')  # where they are, whatever e_shoff says later
        self.count = self.get('e_shnum')
        self.strings = self.get('e_shstrndx')

    # ---- numbers ----

    def _read(self, at, kind):
        return struct.unpack_from('<' + kind, self.data, at)[0]

    def _write(self, at, kind, value):
        struct.pack_into('<' + kind, self.data, at, value)

    def get(self, field):
        return self._read(*HEADER[self.bits][field])

    def set(self, field, value):
        self._write(*HEADER[self.bits][field], value)

    def _section_field(self, index, field):
        at, kind = SECTION[self.bits][field]
        return self.headers + index * SECTION_SIZE[self.bits] + at, kind

    def sget(self, index, field):
        return self._read(*self._section_field(index, field))

    def sset(self, index, field, value):
        self._write(*self._section_field(index, field), value)

    # ---- sections ----

    def string(self, table, at):
        begin = self.sget(table, 'offset') + at
        return self.data[begin:self.data.index(b'\0', begin)].decode()

    def name(self, index):
        return self.string(self.strings, self.sget(index, 'name'))

    def find(self, name):
        """Its index; KeyError if there is none of that name."""
        for index in range(1, self.count):
            if self.name(index) == name:
                return index
        raise KeyError('no section ' + name)

    def content(self, index):
        begin = self.sget(index, 'offset')
        return bytes(self.data[begin:begin + self.sget(index, 'size')])

    def append(self, content):
        self.data += bytes(-len(self.data) % 16)
        at = len(self.data)
        self.data += content
        return at

    def replace(self, index, content):
        """Other content, elsewhere in the file if it is longer."""
        if len(content) <= self.sget(index, 'size'):
            begin = self.sget(index, 'offset')
            self.data[begin:begin + len(content)] = content
        else:
            self.sset(index, 'offset', self.append(content))
        self.sset(index, 'size', len(content))

    def add_string(self, table, text):
        strings = self.content(table)
        self.replace(table, strings + text.encode() + b'\0')
        return len(strings)

    def rename(self, index, name):
        self.sset(index, 'name', self.add_string(self.strings, name))

    def add_section(self, name, content, flags=0):
        at = self.add_string(self.strings, name)
        place = self.append(content)
        size = SECTION_SIZE[self.bits]
        table = bytes(self.data[self.headers:self.headers + self.count * size])
        self.headers = self.append(table + bytes(size))
        self.count += 1
        self.set('e_shoff', self.headers)
        self.set('e_shnum', self.count)
        index = self.count - 1
        for field, value in (('name', at), ('type', SHT_PROGBITS), ('flags', flags), ('offset', place),
                             ('size', len(content)), ('align', 8)):
            self.sset(index, field, value)
        return index

    # ---- symbols ----

    def symtab(self):
        return next(i for i in range(1, self.count) if self.sget(i, 'type') == SHT_SYMTAB)

    def strtab(self):
        return self.sget(self.symtab(), 'link')

    def symbols(self):
        return range(self.sget(self.symtab(), 'size') // SYMBOL_SIZE[self.bits])

    def _symbol_field(self, number, field):
        at, kind = SYMBOL[self.bits][field]
        return self.sget(self.symtab(), 'offset') + number * SYMBOL_SIZE[self.bits] + at, kind

    def yget(self, number, field):
        return self._read(*self._symbol_field(number, field))

    def yset(self, number, field, value):
        self._write(*self._symbol_field(number, field), value)

    def symbol_name(self, number):
        return self.string(self.strtab(), self.yget(number, 'name'))

    def symbol(self, name):
        for number in self.symbols():
            if self.symbol_name(number) == name:
                return number
        raise KeyError('no symbol ' + name)

    def rename_symbol(self, number, name):
        self.yset(number, 'name', self.add_string(self.strtab(), name))

    def undefined(self):
        return [self.symbol_name(n) for n in self.symbols() if n and self.yget(n, 'shndx') == SHN_UNDEF]

    # ---- relocations ----

    def relocations(self, target):
        """Of a section: the index of theirs."""
        for prefix in ('.rela', '.rel'):
            try:
                return self.find(prefix + target)
            except KeyError:
                pass
        raise KeyError('no relocations of ' + target)

    def _relocation(self, index, number):
        size = {SHT_RELA: {64: 24, 32: 12}, SHT_REL: {64: 16, 32: 8}}[self.sget(index, 'type')][self.bits]
        return self.sget(index, 'offset') + number * size

    def relocation(self, index, number):
        """(offset, symbol, type)"""
        at = self._relocation(index, number)
        offset, info = struct.unpack_from('<QQ' if self.bits == 64 else '<II', self.data, at)
        return (offset, info >> 32, info & 0xffffffff) if self.bits == 64 else (offset, info >> 8, info & 0xff)

    def set_relocation(self, index, number, offset, symbol, kind):
        at = self._relocation(index, number)
        info = symbol << 32 | kind if self.bits == 64 else symbol << 8 | kind
        struct.pack_into('<QQ' if self.bits == 64 else '<II', self.data, at, offset, info)

    # ---- what modules have ----

    def modinfo(self):
        return [entry.decode() for entry in self.content(self.find('.modinfo')).split(b'\0') if entry]

    def set_modinfo(self, entries):
        self.replace(self.find('.modinfo'), b''.join(entry.encode() + b'\0' for entry in entries))

    def info(self, tag):
        return next((e[len(tag) + 1:] for e in self.modinfo() if e.startswith(tag + '=')), None)

    def set_info(self, tag, value):
        """Another value, or none at all."""
        entries = [e for e in self.modinfo() if not e.startswith(tag + '=')]
        self.set_modinfo(entries + ([] if value is None else [tag + '=' + value]))

    def versions(self):
        """name -> where its entry is in the file; empty without MODVERSIONS."""
        try:
            index = self.find('__versions')
        except KeyError:
            return {}
        begin, found = self.sget(index, 'offset'), {}
        for at in range(begin, begin + self.sget(index, 'size'), VERSION_SIZE):
            name = bytes(self.data[at + self.bits // 8:at + VERSION_SIZE])
            found[name[:name.index(b'\0')].decode()] = at
        return found

    def crc(self, name):
        return self._read(self.versions()[name], 'I')

    def set_version(self, entry, name=None, crc=None):
        at, wide = self.versions()[entry], self.bits // 8
        if crc is not None:
            self._write(at, 'I', crc)
        if name is not None:
            self.data[at + wide:at + VERSION_SIZE] = name.encode().ljust(VERSION_SIZE - wide, b'\0')

    def version(self, name, crc):
        """An entry of __versions."""
        return (struct.pack('<Q' if self.bits == 64 else '<I', crc) + name.encode()).ljust(VERSION_SIZE, b'\0')

    def add_version(self, name, crc):
        index = self.find('__versions')
        self.replace(index, self.content(index) + self.version(name, crc))
