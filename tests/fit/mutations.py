# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of alterations: MUTATIONS. What a kernel answers to each is not written here, it is asked."""
import bz2
import gzip
import lzma
import struct
import subprocess
from collections import namedtuple

import elf as E

# base: the good module it is made from. dependencies: good modules to load first; a function may return altered ones.
# kernels: a function of the kernel, which says whether it makes sense there. late: it may well crash the machine, which
# costs least when little is left to be tried.
Mutation = namedtuple('Mutation', 'name what base change dependencies kernels late')
MUTATIONS = []

MARKER = b'~Module signature appended~\n'
SIGNATURE_SIZE = 12  # struct module_signature


def always(_):
    return True


def mutation(name, base, *dependencies, kernels=always, late=False):
    """The function's first argument is what it changes, by its name: elf, data (unsigned) or signed (with its end)."""
    def add(function):
        MUTATIONS.append(Mutation(name, function.__doc__, base, function, dependencies, kernels, late))
        return function
    return add


def with_versions(kernel):
    return kernel.modversions


def with_signatures(kernel):
    return kernel.checks_signatures


def with_types(kernel):
    return kernel.btf


def only_arm(kernel):
    return kernel.bits == 32


# ---- nothing is wrong with these ----

def good(name, *dependencies):
    @mutation('good-' + name, 'fit_' + name, *dependencies)
    def unchanged(elf, kernel):
        """as it was built"""


good('base')
good('user', 'fit_base')
good('gpl', 'fit_base')
good('ns', 'fit_base')
good('params')
good('types')


@mutation('good-shipped-symbol', 'fit_params', 'crc16')
def shipped_symbol(elf, kernel):
    """needs a symbol of a module that the kernel's package ships"""
    number = local_symbol(elf)
    elf.yset(number, 'shndx', E.SHN_UNDEF)
    elf.yset(number, 'info', E.STB_GLOBAL << 4)
    elf.rename_symbol(number, 'crc16')
    if kernel.modversions:
        elf.add_version('crc16', kernel.crc('crc16'))


# ---- vermagic, piece by piece ----

def vermagic(name, what, change):
    def altered(elf, kernel):
        was = elf.info('vermagic')
        pieces = was.split(' ')
        elf.set_info('vermagic', change(pieces))
        assert elf.info('vermagic') != was
    altered.__doc__ = what
    mutation('vermagic-' + name, 'fit_params')(altered)


def swapped(pieces, piece):
    """With the piece where it was missing, without it where it was."""
    if piece in pieces:
        return ' '.join(p for p in pieces if p != piece)
    return ' '.join(pieces[:2] + [piece] + pieces[2:])


vermagic('release', 'the release is another', lambda p: ' '.join([p[0] + '-other'] + p[1:]))
vermagic('version', 'the release is of another version', lambda p: ' '.join(['5' + p[0][1:]] + p[1:]))
vermagic('smp', 'SMP is missing', lambda p: swapped(p, 'SMP'))
vermagic('preempt', 'preempt is there', lambda p: swapped(p, 'preempt'))
vermagic('unload', 'mod_unload is missing', lambda p: swapped(p, 'mod_unload'))
vermagic('modversions', 'modversions is the other way round', lambda p: swapped(p, 'modversions'))
vermagic('processor', 'another processor family',
         lambda p: ' '.join({'aarch64': 'riscv', 'ARMv7': 'ARMv6'}.get(x, x) for x in p))
vermagic('order', 'the same pieces in another order', lambda p: ' '.join([p[0]] + p[2:3] + p[1:2] + p[3:]))
vermagic('end', 'the blank at its end is the other way round', lambda p: ' '.join(p[:-1] if not p[-1] else p + ['']))


@mutation('vermagic-none', 'fit_params')
def vermagic_none(elf, kernel):
    """no vermagic at all"""
    elf.set_info('vermagic', None)


@mutation('vermagic-second', 'fit_params')
def vermagic_second(elf, kernel):
    """a second vermagic, of another kernel, behind the right one"""
    elf.set_modinfo(elf.modinfo() + ['vermagic=5.4.0 SMP mod_unload'])


# ---- symbol versions ----

@mutation('crc-one', 'fit_params', kernels=with_versions)
def crc_one(elf, kernel):
    """one CRC is another"""
    elf.set_version('kobject_put', crc=elf.crc('kobject_put') ^ 1)


@mutation('crc-wide', 'fit_params', kernels=with_versions)
def crc_wide(elf, kernel):
    """a CRC has bits where no CRC has any"""
    elf.data[elf.versions()['kobject_put'] + 6] = 1


@mutation('crc-weak', 'fit_params', kernels=with_versions)
def crc_weak(elf, kernel):
    """one CRC is another, of a symbol that may be missing"""
    elf.yset(elf.symbol('kobject_put'), 'info', E.STB_WEAK << 4)
    elf.set_version('kobject_put', crc=elf.crc('kobject_put') ^ 1)


@mutation('crc-layout', 'fit_params', kernels=with_versions)
def crc_layout(elf, kernel):
    """the CRC of module_layout is another"""
    elf.set_version('module_layout', crc=elf.crc('module_layout') ^ 0x80000000)


@mutation('crc-missing', 'fit_params', kernels=with_versions)
def crc_missing(elf, kernel):
    """a symbol has no CRC"""
    elf.set_version('kobject_put', name='kobject_puts')


@mutation('crc-layout-missing', 'fit_params', kernels=with_versions)
def crc_layout_missing(elf, kernel):
    """module_layout has no CRC"""
    elf.set_version('module_layout', name='module_layouts')


@mutation('crc-of-module', 'fit_user', 'fit_base', kernels=with_versions)
def crc_of_module(elf, kernel):
    """the CRC of another module's symbol is another"""
    elf.set_version('fit_plain', crc=elf.crc('fit_plain') ^ 0x10)


@mutation('versions-none', 'fit_params', kernels=with_versions)
def versions_none(elf, kernel):
    """__versions is not there"""
    elf.rename(elf.find('__versions'), '__verzions')


@mutation('versions-none-other-release', 'fit_params', kernels=with_versions)
def versions_none_other_release(elf, kernel):
    """__versions is not there, so the release counts, which is another"""
    elf.rename(elf.find('__versions'), '__verzions')
    elf.set_info('vermagic', 'x' + elf.info('vermagic'))


@mutation('versions-empty', 'fit_params', kernels=with_versions)
def versions_empty(elf, kernel):
    """__versions has no entry"""
    elf.sset(elf.find('__versions'), 'size', 0)


@mutation('versions-needless', 'fit_params', kernels=lambda kernel: not kernel.modversions)
def versions_needless(elf, kernel):
    """CRCs for a kernel that has none"""
    elf.add_section('__versions', elf.version('_printk', 0x12345678), E.SHF_ALLOC)


# ---- namespaces, licences ----

@mutation('namespace-none', 'fit_ns', 'fit_base')
def namespace_none(elf, kernel):
    """does not import the namespace of a symbol it uses"""
    elf.set_info('import_ns', None)


@mutation('namespace-other', 'fit_ns', 'fit_base')
def namespace_other(elf, kernel):
    """imports another namespace than that of the symbol it uses"""
    elf.set_info('import_ns', 'FIT_TESTS')


@mutation('licence-proprietary', 'fit_user', 'fit_base')
def licence_proprietary(elf, kernel):
    """proprietary, and uses no GPL-only symbol"""
    elf.set_info('license', 'Proprietary')


@mutation('licence-proprietary-gpl', 'fit_gpl', 'fit_base')
def licence_proprietary_gpl(elf, kernel):
    """proprietary, and uses a GPL-only symbol of another module"""
    elf.set_info('license', 'Proprietary')


@mutation('licence-proprietary-kernel', 'fit_params')
def licence_proprietary_kernel(elf, kernel):
    """proprietary, and uses a GPL-only symbol of the kernel"""
    elf.set_info('license', 'Proprietary')


@mutation('licence-proprietary-weak', 'fit_user', 'fit_base')
def licence_proprietary_weak(elf, kernel):
    """proprietary, and would use a GPL-only symbol if it could"""
    elf.set_info('license', 'Proprietary')
    number = local_symbol(elf)
    elf.yset(number, 'shndx', E.SHN_UNDEF)
    elf.yset(number, 'info', E.STB_WEAK << 4)
    elf.rename_symbol(number, 'fit_gpl_only')
    if kernel.modversions:
        elf.add_version('fit_gpl_only', 0x12345678)


@mutation('licence-second', 'fit_params')
def licence_second(elf, kernel):
    """a second licence, a proprietary one, behind the right one"""
    elf.set_modinfo(elf.modinfo() + ['license=Proprietary'])


@mutation('licence-empty', 'fit_params')
def licence_empty(elf, kernel):
    """a licence without any text, and a GPL-only symbol"""
    elf.set_info('license', '')


@mutation('licence-odd', 'fit_params')
def licence_odd(elf, kernel):
    """a free licence that the kernel's list does not have"""
    elf.set_info('license', 'GPLv3+')


@mutation('licence-dual', 'fit_params')
def licence_dual(elf, kernel):
    """another licence of the kernel's list"""
    elf.set_info('license', 'Dual BSD/GPL')


@mutation('licence-none', 'fit_params')
def licence_none(elf, kernel):
    """no licence at all, and uses a GPL-only symbol"""
    elf.set_info('license', None)


@mutation('licence-between', 'fit_gpl', 'fit_base')
def licence_between(elf, kernel):
    """a GPL module that uses GPL-only symbols and a proprietary module's"""
    below = kernel.good('fit_base')
    below.set_info('license', 'Proprietary')
    return {'fit_base': below}


# ---- the ELF header ----

def header(name, what, field, value):
    def altered(elf, kernel):
        elf.set(field, value(elf) if callable(value) else value)
    altered.__doc__ = what
    mutation('elf-' + name, 'fit_params')(altered)


header('machine', 'for x86_64', 'e_machine', 62)
header('type-program', 'an executable', 'e_type', 2)
header('type-library', 'a shared object', 'e_type', 3)
header('class', 'says that it has the other number of bits', 'ei_class', lambda elf: 1 if elf.bits == 64 else 2)
header('data', 'says that it is big-endian', 'ei_data', 2)
header('shoff', 'its section headers are behind its end', 'e_shoff', lambda elf: len(elf.data) + 64)
header('shoff-huge', 'its section headers are at the end of all addresses', 'e_shoff',
       lambda elf: 2 ** elf.bits - 64)
header('shentsize', 'its section headers have another size', 'e_shentsize', lambda elf: 104 - E.SECTION_SIZE[elf.bits])
header('shnum', 'it claims the most sections there can be', 'e_shnum', 0xfeff)
header('shnum-none', 'it claims to have no section', 'e_shnum', 0)
header('shstrndx', 'the section names are in a section there is not', 'e_shstrndx', lambda elf: elf.count)
header('shstrndx-none', 'it does not say where the section names are', 'e_shstrndx', 0)
header('flags', 'unknown bits among its flags', 'e_flags', lambda elf: elf.get('e_flags') | 0x00100000)


@mutation('elf-flags-old', 'fit_params', kernels=only_arm)
def flags_old(elf, kernel):
    """for the old ABI, with 26-bit addresses"""
    elf.set('e_flags', 0x8)


@mutation('elf-magic', 'fit_params')
def magic(elf, kernel):
    """its magic number is damaged"""
    elf.data[1] ^= 0x20


@mutation('elf-version', 'fit_params')
def elf_version(elf, kernel):
    """of a version of ELF there is not"""
    elf.data[6] = 7


# ---- cut off, and what is no module at all ----

def cut(name, what, length):
    def altered(data, kernel):
        return data[:length(data)]
    altered.__doc__ = what
    mutation('cut-' + name, 'fit_params')(altered)


cut('empty', 'nothing at all', lambda data: 0)
cut('header', 'ends within its header', lambda data: 40)
cut('half', 'the second half is missing', lambda data: len(data) // 2)
cut('last', 'the last byte is missing', lambda data: len(data) - 1)


@mutation('file-text', 'fit_params')
def file_text(data, kernel):
    """a text"""
    return b'version https://git-lfs.github.com/spec/v1\n'


@mutation('file-archive', 'fit_params')
def file_archive(data, kernel):
    """an ar archive with the module in it"""
    return b'!<arch>\n' + b'%-16s%-12d%-6d%-6d%-8o%-10d`\n' % (b'fit_params.ko/', 0, 0, 0, 0o644, len(data)) + data


@mutation('file-other', 'fit_params')
def file_other(data, kernel):
    """built for another kernel of another architecture"""
    return kernel.foreign()


# ---- sections ----

@mutation('section-beyond', 'fit_params')
def section_beyond(elf, kernel):
    """a section begins behind the end of the file"""
    elf.sset(elf.find('.comment'), 'offset', len(elf.data) + 1)


@mutation('section-long', 'fit_params')
def section_long(elf, kernel):
    """a section is longer than the file"""
    elf.sset(elf.find('.modinfo'), 'size', len(elf.data))


@mutation('section-overflow', 'fit_params')
def section_overflow(elf, kernel):
    """offset and size of a section together exceed all addresses"""
    elf.sset(elf.find('.comment'), 'offset', 2 ** elf.bits - 16)


@mutation('section-overlap', 'fit_params')
def section_overlap(elf, kernel):
    """two sections that the kernel does not look at overlap"""
    elf.sset(elf.find('.comment'), 'offset', elf.sget(elf.find('.note.GNU-stack'), 'offset') - 8)


@mutation('section-first', 'fit_params')
def section_first(elf, kernel):
    """the first section header is not empty"""
    elf.sset(0, 'size', 16)


@mutation('section-names-end', 'fit_params')
def section_names_end(elf, kernel):
    """the table of section names has no end"""
    elf.data[elf.sget(elf.strings, 'offset') + elf.sget(elf.strings, 'size') - 1] = 0x41


@mutation('section-names-empty', 'fit_params')
def section_names_empty(elf, kernel):
    """the table of section names is empty"""
    elf.sset(elf.strings, 'size', 0)


@mutation('section-name-outside', 'fit_params')
def section_name_outside(elf, kernel):
    """the name of a section lies outside of the table of names"""
    elf.sset(elf.find('.modinfo'), 'name', 0x7fffffff)


@mutation('section-name-unused', 'fit_params', late=True)
def section_name_unused(elf, kernel):
    """the name of a section that is not loaded lies outside of the table of names"""
    elf.sset(elf.find('.comment'), 'name', 0x7fffffff)


@mutation('section-names-type', 'fit_params')
def section_names_type(elf, kernel):
    """the table of section names is not marked as one"""
    elf.sset(elf.strings, 'type', E.SHT_PROGBITS)


@mutation('modinfo-end', 'fit_params')
def modinfo_end(elf, kernel):
    """the last entry of .modinfo has no end"""
    index = elf.find('.modinfo')
    elf.replace(index, elf.content(index) + b'staging=Y')


@mutation('modinfo-twice', 'fit_params')
def modinfo_twice(elf, kernel):
    """there are two sections .modinfo"""
    elf.add_section('.modinfo', b'license=Proprietary\0', E.SHF_ALLOC)


@mutation('modinfo-depends', 'fit_params')
def modinfo_depends(elf, kernel):
    """says that it depends on a module that it does not use"""
    elf.set_info('depends', 'fit_nobody')


@mutation('modinfo-none', 'fit_params')
def modinfo_none(elf, kernel):
    """there is no .modinfo"""
    elf.rename(elf.find('.modinfo'), '.nodinfo')


@mutation('modinfo-livepatch', 'fit_params')
def modinfo_livepatch(elf, kernel):
    """a live patch"""
    elf.set_info('livepatch', 'Y')


@mutation('modinfo-staging', 'fit_params')
def modinfo_staging(elf, kernel):
    """of staging quality, which the kernel only notes"""
    elf.set_info('staging', 'Y')


@mutation('module-none', 'fit_params')
def module_none(elf, kernel):
    """there is no .gnu.linkonce.this_module"""
    elf.rename(elf.find('.gnu.linkonce.this_module'), '.gnu.linkonce.that_module')


@mutation('module-longer', 'fit_params')
def module_longer(elf, kernel):
    """its struct module is longer"""
    index = elf.find('.gnu.linkonce.this_module')
    elf.replace(index, elf.content(index) + bytes(64))


@mutation('module-shorter', 'fit_params')
def module_shorter(elf, kernel):
    """its struct module is shorter"""
    index = elf.find('.gnu.linkonce.this_module')
    elf.sset(index, 'size', elf.sget(index, 'size') - 64)


@mutation('module-empty', 'fit_params', late=True)
def module_empty(elf, kernel):
    """its struct module has no content"""
    elf.sset(elf.find('.gnu.linkonce.this_module'), 'type', E.SHT_NOBITS)


@mutation('module-twice', 'fit_params')
def module_twice(elf, kernel):
    """there are two struct modules"""
    elf.add_section('.gnu.linkonce.this_module', elf.content(elf.find('.gnu.linkonce.this_module')), E.SHF_ALLOC)


@mutation('module-init-moved', 'fit_params')
def module_init_moved(elf, kernel):
    """the pointer to its init function is elsewhere in struct module, as with another configuration"""
    index, number = init_relocation(elf)
    offset, symbol, kind = elf.relocation(index, number)
    elf.set_relocation(index, number, offset - 3 * elf.bits // 8, symbol, kind)


def init_relocation(elf):
    index = elf.relocations('.gnu.linkonce.this_module')
    for number in range(elf.sget(index, 'size') // elf.sget(index, 'entsize')):
        _, symbol, _ = elf.relocation(index, number)
        if elf.symbol_name(symbol) == 'init_module':
            return index, number
    raise KeyError('no relocation for init_module')


# ---- symbols ----

@mutation('symbols-none', 'fit_params')
def symbols_none(elf, kernel):
    """there is no symbol table"""
    elf.sset(elf.symtab(), 'type', E.SHT_PROGBITS)


@mutation('symbols-twice', 'fit_params')
def symbols_twice(elf, kernel):
    """there are two symbol tables"""
    index = elf.add_section('.symtab2', elf.content(elf.symtab()))
    elf.sset(index, 'type', E.SHT_SYMTAB)
    elf.sset(index, 'link', elf.strtab())


@mutation('symbols-strings-type', 'fit_params')
def symbols_strings_type(elf, kernel):
    """the table of symbol names is not marked as one"""
    elf.sset(elf.strtab(), 'type', E.SHT_PROGBITS)


@mutation('symbols-strings', 'fit_params')
def symbols_strings(elf, kernel):
    """the symbol table's names are in a section there is not"""
    elf.sset(elf.symtab(), 'link', 0xffff)


@mutation('symbols-end', 'fit_params')
def symbols_end(elf, kernel):
    """the table of symbol names has no end"""
    table = elf.strtab()
    at = elf.add_string(table, 'fit_nobody')
    elf.sset(table, 'size', elf.sget(table, 'size') - 1)
    elf.data[elf.sget(table, 'offset') + elf.sget(table, 'size')] = 0x58
    elf.yset(local_symbol(elf), 'name', at)


@mutation('symbol-section', 'fit_params')
def symbol_section(elf, kernel):
    """a symbol is in a section there is not"""
    elf.yset(local_symbol(elf), 'shndx', 0xfe00)


@mutation('symbol-common', 'fit_params')
def symbol_common(elf, kernel):
    """a common symbol"""
    number = local_symbol(elf)
    elf.yset(number, 'shndx', E.SHN_COMMON)
    elf.rename_symbol(number, 'fit_common')


@mutation('symbol-unknown', 'fit_params')
def symbol_unknown(elf, kernel):
    """needs a symbol that nobody has"""
    elf.rename_symbol(elf.symbol('_printk'), 'fit_nobody')


@mutation('symbol-unknown-weak', 'fit_params')
def symbol_unknown_weak(elf, kernel):
    """would use a symbol if there were one"""
    number = local_symbol(elf)
    elf.yset(number, 'shndx', E.SHN_UNDEF)
    elf.yset(number, 'info', E.STB_WEAK << 4)
    elf.rename_symbol(number, 'fit_nobody')


@mutation('symbol-not-loaded', 'fit_user')
def symbol_not_loaded(elf, kernel):
    """needs a symbol of a module that is not there"""


@mutation('symbol-not-exported', 'fit_user', 'fit_base')
def symbol_not_exported(elf, kernel):
    """the module it needs does not export the symbol"""
    elf.rename_symbol(elf.symbol('fit_plain'), 'fit_flat')
    if kernel.modversions:
        elf.set_version('fit_plain', name='fit_flat')


@mutation('export-twice', 'fit_base')
def export_twice(elf, kernel):
    """exports a symbol that the kernel exports"""
    rename_export(elf, 'fit_plain', 'kfree')


def rename_export(elf, old, new):
    index = elf.find('__ksymtab_strings')
    strings, was = elf.content(index), old.encode() + b'\0'
    assert was in strings and len(new) <= len(old)
    elf.replace(index, strings.replace(was, new.encode().ljust(len(was), b'\0')))
    for prefix in ('__ksymtab_', '__kstrtab_', '__kstrtabns_', '__crc_'):
        try:
            elf.rename_symbol(elf.symbol(prefix + old), prefix + new)
        except KeyError:
            pass


def local_symbol(elf):
    """One that nothing refers to."""
    used = set()
    for index in range(1, elf.count):
        if elf.sget(index, 'type') in (E.SHT_RELA, E.SHT_REL):
            for number in range(elf.sget(index, 'size') // elf.sget(index, 'entsize')):
                used.add(elf.relocation(index, number)[1])
    for number in reversed(elf.symbols()):
        name = elf.symbol_name(number)
        if number not in used and name and elf.yget(number, 'shndx') not in (E.SHN_UNDEF, E.SHN_ABS) and \
                name not in ('init_module', 'cleanup_module', '__this_module') and name[0] != '$':
            return number
    raise KeyError('every symbol is used')


# ---- relocations ----

def relocation(name, what, change, late=False):
    def altered(elf, kernel):
        index = elf.relocations('.init.text')
        number = next(n for n in range(elf.sget(index, 'size') // elf.sget(index, 'entsize'))
                      if elf.relocation(index, n)[2])
        elf.set_relocation(index, number, *change(elf, *elf.relocation(index, number)))
    altered.__doc__ = what
    mutation('relocation-' + name, 'fit_params', late=late)(altered)


relocation('unknown', 'a type of relocation that no loader knows',
           lambda elf, offset, symbol, kind: (offset, symbol, 1999 if elf.bits == 64 else 250))
relocation('outside', 'a relocation of a place outside of the section',
           lambda elf, offset, symbol, kind: (0x7fff0000, symbol, kind), late=True)
relocation('symbol', 'a relocation with a symbol there is not',
           lambda elf, offset, symbol, kind: (offset, 0xffff00, kind), late=True)


@mutation('relocation-format', 'fit_params')
def relocation_format(elf, kernel):
    """relocations in the format that this architecture does not have"""
    index = elf.relocations('.init.text')
    other = E.SHT_REL if elf.sget(index, 'type') == E.SHT_RELA else E.SHT_RELA
    elf.sset(index, 'type', other)


@mutation('relocation-got', 'fit_params')
def relocation_got(elf, kernel):
    """position-independent code: a relocation by way of a global offset table"""
    index = elf.relocations('.init.text')
    number = next(n for n in range(elf.sget(index, 'size') // elf.sget(index, 'entsize'))
                  if elf.relocation(index, n)[2])
    offset, symbol, _ = elf.relocation(index, number)
    elf.set_relocation(index, number, offset, symbol, 311 if elf.bits == 64 else 26)


# ---- type information ----

def btf(types, strings):
    """A .BTF section of these parts."""
    return struct.pack('<HBBIIIII', 0xeb9f, 1, 0, 24, 0, len(types), len(types), len(strings)) + types + strings


@mutation('btf-shipped', 'fit_types', kernels=with_types)
def btf_shipped(elf, kernel):
    """type information made from this very kernel"""
    elf.add_section('.BTF', kernel.shipped_btf())


@mutation('btf-other', 'fit_types', kernels=with_types)
def btf_other(elf, kernel):
    """type information made from another kernel, which has more types"""
    # struct fit_thing {} with one member, whose type is far behind this kernel's last
    member = struct.pack('<III', 1, 0x00fffff0, 0)
    elf.add_section('.BTF', btf(struct.pack('<III', 1, 4 << 24 | 1, 8) + member, b'\0fit_thing\0'))


@mutation('btf-alone', 'fit_types', kernels=with_types)
def btf_alone(elf, kernel):
    """type information that was made without a kernel's"""
    integer = struct.pack('<IIII', 1, 1 << 24, 4, 1 << 24 | 32)
    thing = struct.pack('<III', 5, 4 << 24 | 1, 4) + struct.pack('<III', 15, 1, 0)
    elf.add_section('.BTF', btf(integer + thing, b'\0int\0fit_thing\0value\0'))


@mutation('btf-cut', 'fit_types', kernels=with_types)
def btf_cut(elf, kernel):
    """type information that ends within its header"""
    elf.add_section('.BTF', kernel.shipped_btf()[:16])


@mutation('btf-damaged', 'fit_types', kernels=with_types)
def btf_damaged(elf, kernel):
    """type information with another magic number"""
    elf.add_section('.BTF', b'\0\0' + kernel.shipped_btf()[2:])


# ---- type information that brings along what it builds on (since 6.11) ----

INT, PTR, STRUCT, FWD = 1, 2, 4, 7
UNION_FLAG = 1 << 31


def named(kind, name, size, *words, vlen=0):
    """One type, as a function of where names are."""
    return lambda place: struct.pack('<III', place(name), (kind & 0x1f) << 24 | kind & UNION_FLAG | vlen, size) + \
        struct.pack('<%dI' % len(words), *words)


def member(owner, kind):
    """A structure with one member of that type, and pointers behind it."""
    return [lambda place: struct.pack('<III', place(owner), STRUCT << 24 | 1, 64) + struct.pack('<III', 0, kind, 0)] + \
        4 * [named(PTR, '', kind)]


def integer(signed=1):
    return named(INT, 'int', 4, signed << 24 | 32)


def list_head(size=16):
    return named(STRUCT, 'list_head', size)


def brings(name, what, base, own, further=''):
    """A mutation: the types that are brought along, and its own."""
    @mutation('btf-base-' + name, 'fit_types', kernels=with_types)
    def altered(elf, kernel):
        strings = bytearray(b'\0' + further.encode() + b'\0')

        def place(text):
            text = text.encode() + b'\0'
            if text == b'\0':
                return 0
            at = strings.find(b'\0' + text) + 1
            if not at:
                at = len(strings)
                strings.extend(text)
            return at

        elf.add_section('.BTF.base', btf(b''.join(make(place) for make in base), bytes(strings)))
        below = len(strings)
        types = b''.join(make(place) for make in own)
        elf.add_section('.BTF', btf(types, bytes(strings[below:])))
    MUTATIONS[-1] = MUTATIONS[-1]._replace(what=what)


brings('good', 'brings along what the kernel has', [integer(), list_head()], member('fit_thing', 2))
brings('embedded', 'has a structure inside that has another size in the kernel', [list_head(8)], member('fit_thing', 1))
brings('last', 'the same as its last type', [list_head(8)], member('fit_thing', 1)[:1])
brings('pointer', 'points to a structure that has another size in the kernel', [list_head(8)], [named(PTR, '', 1)])
brings('unknown', 'brings along a structure that the kernel does not have',
       [named(STRUCT, 'fit_no_such_thing', 8)], [named(PTR, '', 1)])
brings('unsigned', 'brings along an int without a sign', [integer(0)], [named(PTR, '', 1)])
brings('kind', 'brings along a pointer', [integer(), named(PTR, '', 1)], [named(PTR, '', 2)])
brings('anonymous', 'brings along a structure without a name', [named(STRUCT, '', 16)], [named(PTR, '', 1)])
brings('declared', 'brings along the declaration of a structure', [named(FWD, 'list_head', 0)], [named(PTR, '', 1)])
brings('union', 'brings along the declaration of a union, which is a structure in the kernel',
       [named(FWD | UNION_FLAG, 'list_head', 0)], [named(PTR, '', 1)])
brings('name', 'one of its own types has a name that was only brought along', [integer()],
       member('fit_unclaimed', 1), 'fit_unclaimed')

# ---- control flow ----

@mutation('cfi-other', 'fit_params', kernels=lambda kernel: kernel.cfi, late=True)
def cfi_other(elf, kernel):
    """the hash before its init function is of another type"""
    symbol = elf.symbol('init_module')
    at = elf.sget(elf.yget(symbol, 'shndx'), 'offset') + elf.yget(symbol, 'value') - 4
    elf.data[at] ^= 1


# ---- signatures: these get the signed file ----

@mutation('signature-none', 'fit_params', kernels=with_signatures)
def signature_none(data, kernel):
    """not signed"""
    return kernel.raw(data)


@mutation('signature-stranger', 'fit_params', kernels=with_signatures)
def signature_stranger(data, kernel):
    """signed by somebody whom the kernel does not know"""
    return kernel.raw(kernel.sign(data, 'stranger'))


@mutation('signature-content', 'fit_params', kernels=with_signatures)
def signature_content(data, kernel):
    """changed after it was signed"""
    signed = bytearray(kernel.sign(data, 'porter'))
    signed[signed.index(b'Good module')] ^= 0x20
    return kernel.raw(bytes(signed))


def parts(signed):
    """content, PKCS#7 message, struct module_signature"""
    signed = signed[:-len(MARKER)]
    end = signed[-SIGNATURE_SIZE:]
    length = struct.unpack('>I', end[8:])[0]
    return signed[:-SIGNATURE_SIZE - length], signed[-SIGNATURE_SIZE - length:-SIGNATURE_SIZE], end


def signature(name, what, change):
    """change(message, length as told) -> the same"""
    def altered(data, kernel):
        content, message, end = parts(kernel.sign(data, 'porter'))
        message, length = change(message, len(message))
        return kernel.raw(content + message + end[:8] + struct.pack('>I', length) + MARKER)
    altered.__doc__ = what
    mutation('signature-' + name, 'fit_params', kernels=with_signatures)(altered)


signature('cut', 'the end of its signature is missing', lambda message, length: (message[:-40], length - 40))
signature('damaged', 'a bit of the signature proper is flipped',
          lambda message, length: (message[:-9] + bytes([message[-9] ^ 4]) + message[-8:], length))
signature('long', 'its signature claims to be longer than the file', lambda message, length: (message, 0x7fffffff))
signature('zero', 'its signature has no length', lambda message, length: (message, 0))
signature('padded', 'something follows its signature, which takes it for a part', lambda message, length: (message + bytes(4), length + 4))
signature('text', 'its signature is no PKCS#7 message', lambda message, length: (b'x' * length, length))


@mutation('signature-fields', 'fit_params', kernels=with_signatures)
def signature_fields(data, kernel):
    """a field of the signature is not zero that must be"""
    content, message, end = parts(kernel.sign(data, 'porter'))
    return kernel.raw(content + message + b'\1' + end[1:] + MARKER)


@mutation('signature-kind', 'fit_params', kernels=with_signatures)
def signature_kind(data, kernel):
    """a kind of signature from before 4.3"""
    content, message, end = parts(kernel.sign(data, 'porter'))
    return kernel.raw(content + message + end[:2] + b'\1' + end[3:] + MARKER)


@mutation('signature-marker', 'fit_params')
def signature_marker(data, kernel):
    """the marker alone at its end"""
    return kernel.raw(data + MARKER)


@mutation('signature-twice', 'fit_params', kernels=with_signatures)
def signature_twice(data, kernel):
    """signed again over the first signature"""
    return kernel.raw(kernel.sign(kernel.sign(data, 'stranger'), 'porter'))


@mutation('signature-sha1', 'fit_params', kernels=with_signatures)
def signature_sha1(data, kernel):
    """signed with a digest that the kernel does not have"""
    return kernel.raw(kernel.sign(data, 'porter', 'sha1'))


@mutation('signature-sha512', 'fit_params', kernels=with_signatures)
def signature_sha512(data, kernel):
    """signed with a longer digest"""
    return kernel.raw(kernel.sign(data, 'porter', 'sha512'))


# ---- compression: of the signed file ----

def compressed(name, what, pack):
    def altered(data, kernel):
        return kernel.raw(pack(kernel.signed(data)))
    altered.__doc__ = what
    mutation('compressed-' + name, 'fit_params')(altered)


def by(*command):
    return lambda data: subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout


def damaged(data):
    return data[:len(data) // 2] + bytes(b ^ 0xff for b in data[len(data) // 2:])


compressed('gz', 'by gzip', gzip.compress)
compressed('xz', 'by xz', lambda data: lzma.compress(data, check=lzma.CHECK_CRC32))
compressed('zst', 'by zstd', by('zstd', '-cq'))
compressed('lz4', 'by lz4, which kmod cannot read', by('lz4', '-cq'))
compressed('bz2', 'by bzip2, which kmod cannot read', bz2.compress)
compressed('lzma', 'by the old lzma, which kmod cannot read', lambda data: lzma.compress(data, lzma.FORMAT_ALONE))
compressed('gz-cut', 'by gzip, cut off', lambda data: gzip.compress(data)[:-100])
compressed('xz-damaged', 'by xz, damaged', lambda data: damaged(lzma.compress(data)))
compressed('zst-cut', 'by zstd, cut off', lambda data: by('zstd', '-cq')(data)[:-100])
compressed('twice', 'by gzip, twice', lambda data: gzip.compress(gzip.compress(data)))


# ---- names ----

def rename_module(elf, name):
    index = elf.find('.gnu.linkonce.this_module')
    at = elf.sget(index, 'offset') + elf.content(index).index(b'fit_params\0')
    # struct module's room for it is larger
    elf.data[at:at + 32] = name.encode().ljust(32, b'\0')
    elf.set_info('name', name)


@mutation('name-builtin', 'fit_params')
def name_builtin(elf, kernel):
    """the name of a builtin module that has neither parameters nor a version"""
    rename_module(elf, kernel.builtin(with_parameters=False))


@mutation('name-builtin-parameters', 'fit_params')
def name_builtin_parameters(elf, kernel):
    """the name of a builtin module that has parameters"""
    rename_module(elf, kernel.builtin(with_parameters=True))


@mutation('name-kernel-parameters', 'fit_params')
def name_kernel_parameters(elf, kernel):
    """the name of a part of the kernel that has parameters and is no module"""
    rename_module(elf, 'printk')


@mutation('name-shipped', 'fit_params')
def name_shipped(elf, kernel):
    """the name of a module that the kernel's package ships and that is not loaded"""
    rename_module(elf, 'crc16')


@mutation('name-inside', 'fit_params')
def name_inside(elf, kernel):
    """struct module has another name than .modinfo, one that the kernel's parameters have"""
    rename_module(elf, 'printk')
    elf.set_info('name', 'fit_params')


@mutation('name-same', 'fit_params', 'fit_types')
def name_same(elf, kernel):
    """the name of a module that is needed beside it"""
    rename_module(elf, 'fit_types')
