#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernel images for test-symvers: taken out of packages, wrapped, linked, and results compared with the truth."""
import argparse
import gzip
import os
import struct
import subprocess
import sys
import tarfile
import zlib

COLUMNS = 5


def members(package):
    """(name, reader) of every file of an .apk."""
    # of the gzip members those before the last have no end of archive, which suits tarfile
    with gzip.open(package) as data, tarfile.open(fileobj=data, mode='r:') as archive:
        for member in archive:
            if member.isfile():
                yield member.name, lambda m=member: archive.extractfile(m).read()


def parse(text):
    """{(symbol, owner): (crc, export, namespace)} of a Module.symvers of today's form."""
    found = {}
    for line in text.splitlines():
        columns = line.split('\t')
        if len(columns) != COLUMNS:
            sys.exit('not five columns: %r' % line)
        crc, name, owner, export, namespace = columns
        if (name, owner) in found:
            sys.exit('twice: %r' % line)
        found[name, owner] = (int(crc, 16), export, namespace)
    return found


def owners(package):
    """What modpost calls the modules a package ships."""
    found = {'vmlinux'}
    for name, _ in members(package):
        path = name.partition('/kernel/')[2]
        if path and '.ko' in os.path.basename(path):
            found.add(path.rpartition('.ko')[0])
    return found


def compare(options):
    got = parse(open(options.got, encoding='utf-8').read())
    truth = {}
    for name, read in members(options.dev):
        if os.path.basename(name) == 'Module.symvers':
            truth = parse(read().decode())
    if options.image_only:
        truth = {key: value for key, value in truth.items() if key[1] == 'vmlinux'}
    shipped = {'vmlinux'} if options.image_only else owners(options.package)
    # a build may know modules that the package does not ship; their symbols cannot be recovered
    lost = {key for key in truth if key[1] not in shipped}
    wanted = truth.keys() - lost
    wrong = ['missing: %s' % (key,) for key in sorted(wanted - got.keys())]
    wrong += ['invented: %s' % (key,) for key in sorted(got.keys() - truth.keys())]
    wrong += ['%s: %s is really %s' % (key, got[key], truth[key])
              for key in sorted(wanted & got.keys()) if got[key] != truth[key]]
    print('\n'.join(wrong[:20]))
    print('%d symbols of %d, %d of modules that are not shipped' % (len(got), len(truth), len(lost)))
    sys.exit(bool(wrong) or len(truth) < 5000)


def image(options):
    """The kernel image of a package."""
    for name, read in members(options.package):
        if name.startswith('boot/vmlinuz'):
            with open(options.out, 'wb') as out:
                out.write(read())
            return
    sys.exit('no image in %s' % options.package)


def boot(options):
    """An Android boot image; version 0 may have the size of device trees where later ones have the version."""
    kernel = open(options.kernel, 'rb').read()
    if options.version >= 3:
        head = b'ANDROID!' + struct.pack('<4I', len(kernel), 3000, 0x16000140, 1580 + 4 * (options.version == 4))
        head += bytes(16) + struct.pack('<I', options.version)
        page = 4096
    else:
        page = options.page
        head = b'ANDROID!' + struct.pack('<8I', len(kernel), 0x10008000, 3000, 0x11000000, 0, 0x10f00000,
                                         0x10000100, page)
        head += struct.pack('<I', options.version or options.dt)
    ramdisk = zlib.compress(bytes(range(256)) * 12)
    with open(options.out, 'wb') as out:
        for part in (head, kernel, ramdisk):
            out.write(part + bytes(-len(part) % page))


# ---- images linked as the kernel is (scripts/Makefile.modpost, include/asm-generic/vmlinux.lds.h of their time) ----

BANNER = 'Linux version 4.9.77-linked (me@here) (gcc version 4.9.4 (GCC) ) #1 SMP PREEMPT Mon Jan 1 00:00:00 UTC 2018\\n'
LAYOUTS = {
    # word of a reference, words an entry, how a CRC is written, whose binutils, flags of ld, base
    'arm64-rela': ('.quad', 2, '.quad', 'aarch64-linux-gnu', ['-pie', '-Bsymbolic', '--no-apply-dynamic-relocs'],
                   0xffffff8008080000),
    'arm64-rela-applied': ('.quad', 2, '.quad', 'aarch64-linux-gnu', ['-pie', '-Bsymbolic'], 0xffffff8008080000),
    'arm64-distances': ('place', 3, 'distance', 'aarch64-linux-gnu', [], 0xffff800010080000),
    'riscv64': ('.quad', 3, 'literal', 'riscv64-linux-gnu', ['-melf64lriscv'], 0xffffffff80000000),
    'riscv64-rela': ('.quad', 3, 'literal', 'riscv64-linux-gnu', ['-melf64lriscv', '-pie', '-Bsymbolic'],
                     0xffffffff80000000),
    'arm-3.x': ('.long', 2, '.long', 'arm-linux-gnueabihf', [], 0xc0008000),
    'arm-merged': ('.long', 3, 'literal', 'arm-linux-gnueabihf', [], 0xc0008000),
}


def symbols(layout):
    """(name, class, namespace, crc), not in order: the linker sorts."""
    for i in range(600):
        stem = ('', '_', '__')[i % 3] + ('register', 'unregister', 'free', 'alloc')[i % 4]
        name = '%s_thing_%d' % (stem, i // 2)
        namespace = 'A_NAMESPACE' if LAYOUTS[layout][1] == 3 and i % 50 == 7 else ''
        yield name, ('', '_gpl')[i % 5 > 2], namespace, zlib.crc32(name.encode())


def assembly(layout):
    ref, words, crc, _, _, _ = LAYOUTS[layout]
    merge = '"aMS",%progbits,1' if words == 3 else '"a",%progbits'
    point = (lambda to: '.long %s - .' % to) if ref == 'place' else (lambda to: '%s %s' % (ref, to))
    release = BANNER.split()[2]
    text = ['.section .head.text,"ax"', '.globl _text', '_text:', '.space 0x400, 0x5a',
            '.section .rodata,"a"', '.byte 0', '.ascii "%s"' % BANNER, '.byte 0',
            '.asciz "%s SMP preempt mod_unload modversions %s"' % (release, layout.split('-')[0]), '.balign 8']
    for name, table, namespace, value in symbols(layout):
        text += ['.text', '.globl %s' % name, '%s:' % name, '.long 0x12345678',
                 '.section __ksymtab_strings,%s' % merge, '__kstrtab_%s: .asciz "%s"' % (name, name)]
        if words == 3:
            text += ['__kstrtabns_%s: .asciz "%s"' % (name, namespace)]
        text += ['.section ___ksymtab%s+%s,"aw"' % (table, name), '.balign 4', point(name), point('__kstrtab_' + name)]
        if words == 3:
            text += [point('__kstrtabns_' + name)]
        text += ['.section ___kcrctab%s+%s,"aw"' % (table, name)]
        if crc == 'distance':
            text += ['.weak __crc_%s' % name, '.long __crc_%s - .' % name]
        elif crc == 'literal':
            text += ['.long 0x%08x' % value]
        else:
            text += ['.weak __crc_%s' % name, '%s __crc_%s' % (crc, name)]
    return '\n'.join(text) + '\n'


def script(layout):
    crc, base = LAYOUTS[layout][2], LAYOUTS[layout][5]
    crcs = []
    for name, _, _, value in symbols(layout):
        if crc == 'distance':
            crcs.append('.rodata : ALIGN(4) { __crc_%s = .; LONG(0x%08x); }' % (name, value))
        elif crc != 'literal':
            crcs.append('__crc_%s = ABSOLUTE(0x%08x);' % (name, value))
    outside = '\n'.join(crcs) if crc != 'distance' else ''
    inside = '\n'.join(c.replace('.rodata : ALIGN(4) {', '').rstrip('}') for c in crcs) if crc == 'distance' else ''
    return '''%s
SECTIONS {
	. = 0x%x;
	.head.text : { *(.head.text) }
	.text : { *(.text) }
	.rodata : ALIGN(64) { *(.rodata) . = ALIGN(4); %s }
	__ksymtab : { *(SORT(___ksymtab+*)) }
	__ksymtab_gpl : { *(SORT(___ksymtab_gpl+*)) }
	__kcrctab : { *(SORT(___kcrctab+*)) }
	__kcrctab_gpl : { *(SORT(___kcrctab_gpl+*)) }
	__ksymtab_strings : { *(__ksymtab_strings) }
	.data : ALIGN(4096) { *(.data) LONG(0x80808080) }
	.rela : ALIGN(8) { *(.rela .rela*) }
	.dynsym : ALIGN(8) { *(.dynsym) }
	.dynstr : { *(.dynstr) }
	.hash : { *(.hash) *(.gnu.hash) }
	.dynamic : { *(.dynamic) }
	.end : { BYTE(0x80) }
	/DISCARD/ : { *(.interp) *(.note*) *(.comment) *(.ARM*) *(.riscv.attributes) }
}
''' % (outside, base, inside)


def link(options):
    """vmlinux (ELF), Image (flat) and truth in the folder `out`."""
    triplet, flags = LAYOUTS[options.layout][3:5]
    os.makedirs(options.out, exist_ok=True)

    def path(name):
        return os.path.join(options.out, name)
    with open(path('exports.s'), 'w', encoding='ascii') as out:
        out.write(assembly(options.layout))
    with open(path('vmlinux.lds'), 'w', encoding='ascii') as out:
        out.write(script(options.layout))
    with open(path('truth'), 'w', encoding='ascii') as out:
        for name, table, namespace, value in symbols(options.layout):
            out.write('0x%08x\t%s\tvmlinux\tEXPORT_SYMBOL%s\t%s\n' % (value, name, table.upper(), namespace))
    for command in (['as', '-o', path('exports.o'), path('exports.s')],
                    ['ld', '-O2', '--no-dynamic-linker', '--no-warn-rwx-segments', '-z', 'notext', *flags,
                     '-T', path('vmlinux.lds'), '-o', path('vmlinux'), path('exports.o')],
                    ['objcopy', '-O', 'binary', path('vmlinux'), path('Image')]):
        subprocess.run([triplet + '-' + command[0], *command[1:]], check=True)


def cripple(options):
    """A page too many between the table and its CRCs; addresses stay a multiple of it."""
    data = open(options.image, 'rb').read()
    first = zlib.crc32(sorted(name for name, table, _, _ in symbols('arm-3.x') if not table)[0].encode())
    at = data.index(struct.pack('<I', first))
    with open(options.out, 'wb') as out:
        out.write(data[:at] + b'\x5a' * 4096 + data[at:])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True)
    sub = commands.add_parser('compare')
    sub.add_argument('--image-only', action='store_true')
    for name in ('got', 'dev', 'package'):
        sub.add_argument(name)
    sub.set_defaults(run=compare)
    sub = commands.add_parser('image')
    sub.add_argument('package')
    sub.add_argument('out')
    sub.set_defaults(run=image)
    sub = commands.add_parser('boot')
    sub.add_argument('--version', type=int, default=0)
    sub.add_argument('--page', type=int, default=2048)
    sub.add_argument('--dt', type=int, default=0)
    sub.add_argument('kernel')
    sub.add_argument('out')
    sub.set_defaults(run=boot)
    sub = commands.add_parser('link')
    sub.add_argument('layout', choices=sorted(LAYOUTS))
    sub.add_argument('out')
    sub.set_defaults(run=link)
    sub = commands.add_parser('cripple')
    sub.add_argument('image')
    sub.add_argument('out')
    sub.set_defaults(run=cripple)
    options = parser.parse_args()
    options.run(options)


if __name__ == '__main__':
    main()
