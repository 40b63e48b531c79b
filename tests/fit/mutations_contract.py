# SPDX-License-Identifier: GPL-3.0-or-later
"""Alterations of what binds a module to one kernel: vermagic, symbol versions, namespaces, licences, names."""
import elf as E
from mutations import local_symbol, mutation, with_versions

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


@mutation('name-core', 'fit_params')
def name_core(elf, kernel):
    """the name under which the kernel has the parameters that are of no part"""
    rename_module(elf, 'kernel')


@mutation('name-prefix', 'fit_params')
def name_prefix(elf, kernel):
    """the name that a part gives to its parameters, which is not that of its file"""
    rename_module(elf, 'rcutree')


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
