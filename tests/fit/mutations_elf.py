# SPDX-License-Identifier: GPL-3.0-or-later
"""Alterations of the file that the loader takes apart."""
import elf as E
from mutations import local_symbol, mutation, only_arm, rename_export

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
