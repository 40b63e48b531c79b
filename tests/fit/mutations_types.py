# SPDX-License-Identifier: GPL-3.0-or-later
"""Alterations of what is said of types: BTF, kCFI."""
import struct

from mutations import MUTATIONS, mutation, with_types

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
