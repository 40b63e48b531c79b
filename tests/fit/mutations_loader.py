# SPDX-License-Identifier: GPL-3.0-or-later
"""Alterations of what the loader gives room to, makes executable and relocates."""
import elf as E
from mutations import mutation, only_arm

GIB = 1 << 30


def only_64(kernel):
    return kernel.bits == 64


# ---- memory ----

def percpu(name, what, size):
    def altered(elf, kernel):
        elf.add_section('.data..percpu', bytes(size), E.SHF_ALLOC | E.SHF_WRITE)
    altered.__doc__ = what
    mutation('percpu-' + name, 'fit_params')(altered)


percpu('some', 'has per-CPU data', 512)
percpu('most', 'has more per-CPU data than the kernel keeps for modules', 8200)
percpu('huge', 'has more per-CPU data than one allocation may have', 65536)


@mutation('bss-large', 'fit_params')
def bss_large(elf, kernel):
    """20 MiB without content"""
    elf.sset(elf.find('.bss'), 'size', 20 << 20)


@mutation('bss-huge', 'fit_params')
def bss_huge(elf, kernel):
    """more without content than there is room for modules"""
    elf.sset(elf.find('.bss'), 'size', 3 * GIB)


@mutation('align-huge', 'fit_params')
def align_huge(elf, kernel):
    """a section that is aligned to 2 GiB"""
    elf.sset(elf.find('.data'), 'align', 2 * GIB)


@mutation('align-page', 'fit_params')
def align_page(elf, kernel):
    """a section that is aligned to 64 KiB"""
    elf.sset(elf.find('.data'), 'align', 1 << 16)


# ---- what may be done there ----

def flags(name, what, section, change, late=False):
    def altered(elf, kernel):
        index = elf.find(section)
        elf.sset(index, 'flags', change(elf.sget(index, 'flags')))
    altered.__doc__ = what
    mutation('flags-' + name, 'fit_params', late=late)(altered)


flags('write-execute', 'its init code may be written, too', '.init.text', lambda f: f | E.SHF_WRITE)
flags('write-execute-unloaded', 'what is not loaded may be written and executed', '.comment',
      lambda f: f | E.SHF_WRITE | E.SHF_EXECINSTR)
flags('no-execute', 'its init code may not be executed', '.init.text', lambda f: f & ~E.SHF_EXECINSTR, late=True)
flags('no-alloc', 'its init code is not loaded', '.init.text', lambda f: f & ~E.SHF_ALLOC, late=True)
flags('read-only', 'its data may not be written, which it does not try', '.data', lambda f: f & ~E.SHF_WRITE)


@mutation('function-behind', 'fit_params', late=True)
def function_behind(elf, kernel):
    """its init function is behind the end of its section"""
    elf.yset(elf.symbol('init_module'), 'value', 0x7fffff00)


@mutation('symbol-address-0', 'fit_params', late=True)
def symbol_address_0(elf, kernel):
    """a function of the kernel is said to be at address 0"""
    number = elf.symbol('kobject_create_and_add')
    elf.yset(number, 'shndx', E.SHN_ABS)


# ---- the name in struct module ----

def own_name(name, what, text, kernels=lambda kernel: True, late=False):
    def altered(elf, kernel):
        index, size = elf.find('.gnu.linkonce.this_module'), 64 - elf.bits // 8
        at = elf.sget(index, 'offset') + elf.content(index).index(b'fit_params\0')
        elf.data[at:at + size] = text(size).ljust(size, b'\0')
    altered.__doc__ = what
    mutation('name-' + name, 'fit_params', kernels=kernels, late=late)(altered)


own_name('empty', 'it has no name', lambda size: b'')
own_name('longest', 'the longest name there is room for', lambda size: b'a' * (size - 1))
own_name('endless', 'a name without an end', lambda size: b'a' * size, late=True)
own_name('kernel', "the name of the kernel's own parameters", lambda size: b'kernel')


# ---- relocations ----

def pointers(elf):
    """Relocations of whole words: those of the parameters."""
    return elf.relocations('__param')


def relocated(name, what, kinds, kernels=lambda kernel: True):
    """As another kind: 64 bits, 32 bits."""
    def altered(elf, kernel):
        index = pointers(elf)
        offset, symbol, _ = elf.relocation(index, 0)
        elf.set_relocation(index, 0, offset, symbol, kinds[elf.bits])
    altered.__doc__ = what
    mutation('relocation-' + name, 'fit_params', kernels=kernels)(altered)


relocated('narrow', 'an address in 32 of 64 bits', {64: 258}, only_64)
relocated('narrower', 'an address in 16 of 64 bits', {64: 259}, only_64)
relocated('movw', 'an address in one instruction, of 16 bits', {64: 263}, only_64)


@mutation('relocation-half-outside', 'fit_params', late=True)
def relocation_half_outside(elf, kernel):
    """a relocation of a place that ends outside of the section"""
    # the code behind is gone with it, so that what the loader writes there is no matter of luck: it cannot be executed
    index = elf.relocations('.init.text')
    elf.sset(index, 'size', elf.sget(index, 'entsize'))
    elf.sset(elf.find('.init.text'), 'size', elf.relocation(index, 0)[0] + 1)


@mutation('relocation-nowhere', 'fit_params', late=True)
def relocation_nowhere(elf, kernel):
    """the relocations of its init code are for a section there is not"""
    elf.sset(elf.relocations('.init.text'), 'info', 0xfff0)


@mutation('relocation-twice', 'fit_params', late=True)
def relocation_twice(elf, kernel):
    """each pointer is relocated twice"""
    index = pointers(elf)
    elf.replace(index, elf.content(index) * 2)


@mutation('relocation-cut', 'fit_params', kernels=only_arm, late=True)
def relocation_cut(elf, kernel):
    """the last relocation of its init code is cut off"""
    index = elf.relocations('.init.text')
    elf.sset(index, 'size', elf.sget(index, 'size') - 1)


# lld puts strings right behind, so that the kernel would take it and write into those
@mutation('parameters-cut', 'fit_params', kernels=lambda kernel: not kernel.cfi)
def parameters_cut(elf, kernel):
    """the last parameter is cut off"""
    index = elf.find('__param')
    elf.sset(index, 'size', elf.sget(index, 'size') - 3)


# ---- says nothing of itself ----

@mutation('modinfo-none-plain', 'fit_base')
def modinfo_none_plain(elf, kernel):
    """there is no .modinfo, and no symbol is GPL-only"""
    elf.rename(elf.find('.modinfo'), '.nodinfo')
