# SPDX-License-Identifier: GPL-3.0-or-later
"""What the alterations (mutations_*.py) share, and the table of them: MUTATIONS."""
import struct
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


def parts(signed):
    """content, PKCS#7 message, struct module_signature"""
    signed = signed[:-len(MARKER)]
    end = signed[-SIGNATURE_SIZE:]
    length = struct.unpack('>I', end[8:])[0]
    return signed[:-SIGNATURE_SIZE - length], signed[-SIGNATURE_SIZE - length:-SIGNATURE_SIZE], end


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
