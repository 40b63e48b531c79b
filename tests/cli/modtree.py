#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small trees of kernel modules, and what depmod, modprobe and pmkmod make of them.

  modtree.py make DIR SPEC        a kernel's folder: kernel/*.ko, modules.order, Module.symvers, .config, System.map
  modtree.py random DIR SEED      the same of any shape; prints the names of those that are given
  modtree.py loads NAME           what a report (stdin) says is loaded with NAME
  modtree.py compare ROOT RELEASE the modules a report (stdin) has nothing against: what is loaded with each is what
                                  `modprobe --show-depends` says; prints how many were compared, and with how many
                                  others

SPEC has a module a line: NAME FOLDER [+exported symbol] [-needed symbol] [tag=value with '_' for ' ']...; a
module in the folder `given` goes to DIR/given and not into the kernel. The symbol `printk` is the kernel's own.
"""
import json
import os
import random
import subprocess
import sys

ASSEMBLER = 'aarch64-linux-gnu-as'


def assembly(words):
    exports = [word[1:] for word in words if word[0] == '+']
    needs = [word[1:] for word in words if word[0] == '-']
    tags = [word.replace('_', ' ') if word.startswith('softdep=') else word for word in words if '=' in word]
    lines = ['.section .modinfo,"a"']
    lines += ['.asciz "%s"' % tag for tag in ['license=GPL'] + tags]
    lines += ['.section .gnu.linkonce.this_module,"aw"', '.globl __this_module', '__this_module: .zero 1024', '.data']
    lines += ['.xword %s' % need for need in needs]
    for symbol in exports:
        lines += ['.section __ksymtab_strings,"aMS",%progbits,1', '__kstrtab_{0}: .asciz "{0}"', '__kstrtabns_{0}: .asciz ""',
                  '.section __ksymtab_gpl,"a"', '__ksymtab_{0}: .zero 12', '.data', '.globl {0}', '{0}: .xword 0']
        lines = [line.replace('{0}', symbol) for line in lines]
    return '\n'.join(lines) + '\n'


def write(path, text):
    with open(path, 'w', encoding='ascii') as handle:
        handle.write(text)


def make(top, spec):
    order, symvers = [], ['0x00000000\tprintk\tvmlinux\tEXPORT_SYMBOL\n']
    os.makedirs(os.path.join(top, 'given'), exist_ok=True)
    for line in spec:
        name, folder, *words = line.split()
        path = os.path.join(folder, name + '.ko')
        os.makedirs(os.path.join(top, folder), exist_ok=True)
        subprocess.run([ASSEMBLER, '-o', os.path.join(top, path), '-'], input=assembly(words).encode(), check=True)
        if folder == 'given':
            continue
        order.append(path + '\n')
        symvers += ['0x00000000\t%s\t%s\tEXPORT_SYMBOL_GPL\n' % (word[1:], path[len('kernel/'):-3])
                    for word in words if word[0] == '+']
    if order:
        write(os.path.join(top, 'modules.order'), ''.join(order))
    write(os.path.join(top, 'Module.symvers'), ''.join(symvers))
    write(os.path.join(top, '.config'), 'CONFIG_MODULES=y\nCONFIG_ARM64=y\nCONFIG_SMP=y\nCONFIG_MODULE_UNLOAD=y\n')
    write(os.path.join(top, 'System.map'), '0000000000001000 T printk\n0000000000002000 r __ksymtab_printk\n')


def any_tree(seed):
    """Modules that need earlier ones; some of them given, some in another's place, some with wishes."""
    dice = random.Random(seed)
    names = ['m%d%s' % (i, dice.choice(['', '-x', '_y'])) for i in range(12)]
    needs = {name: dice.sample(names[:i], dice.randrange(min(i, 3) + 1)) for i, name in enumerate(names)}
    spec, given = [], []
    for name in names:
        words = ['+f_' + name.replace('-', '_')] + ['-f_' + need.replace('-', '_') for need in needs[name]] + ['-printk']
        own = dice.random()
        if dice.random() < 0.3:
            words.append('softdep=pre:_%s_post:_%s' % (dice.choice(names).replace('_', '-'), dice.choice(['nowhere', 'helper-7'])))
        if dice.random() < 0.15:
            words.append('alias=helper-*')
        words.append('depends=' + ','.join(needs[name]))
        if own < 0.75:
            spec.append(' '.join([name, 'kernel'] + words))
        if own >= 0.6:
            # one that takes the kernel's place may need something else
            fewer = words if own >= 0.75 else [word for word in words if not word.startswith('-f_')]
            spec.append(' '.join([name, 'given'] + fewer))
            given.append(name)
    return spec, given


def normal(name):
    return os.path.basename(name).split('.ko')[0].replace('-', '_')


def loads(report, wanted):
    return [line.split(': ', 1)[1] for line in report['loads'] if line.split(': ', 1)[0] == wanted]


def insmods(root, release, wanted):
    shown = subprocess.run(['modprobe', '-C', '/dev/null', '-d', root, '-S', release, '--show-depends', wanted],
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False).stdout.decode()
    names = [normal(line.split()[1]) for line in shown.splitlines() if line.startswith('insmod ')]
    if wanted not in names:
        sys.exit('modprobe does not find %s' % wanted)
    return set(names) - {wanted}


def compare(root, release):
    compared = others = 0
    for report in json.load(sys.stdin)['files']:
        name = normal(report['file'])
        if [point['result'] for point in report['points'] if point['point'] == 'depends'] != ['pass']:
            continue
        ours, theirs = loads(report, name), insmods(root, release, name)
        if set(ours) != theirs or len(ours) != len(theirs):
            sys.exit('%s: pmkmod says %s, modprobe %s' % (name, sorted(ours), sorted(theirs)))
        compared += 1
        others += len(ours)
    print(compared, others)


def main():
    verb, *rest = sys.argv[1:]
    if verb == 'make':
        make(rest[0], [line for line in rest[1].splitlines() if line.strip()])
    elif verb == 'random':
        spec, given = any_tree(int(rest[1]))
        make(rest[0], spec)
        print('\n'.join(given))
    elif verb == 'compare':
        compare(*rest)
    else:
        print(' '.join(name for report in json.load(sys.stdin)['files'] for name in loads(report, rest[0])))


if __name__ == '__main__':
    main()
