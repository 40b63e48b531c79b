# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages: solving on indexes of Alpine's size, and, given a real apk, both sides of each measure.

The indexes are made here, of the shape of Alpine 3.22's (main and community: 23,000 records of about
400 bytes, 2.5 dependencies and 1.5 provides each, every third with install_if), and hold what a kernel
is built with as a chain of packages that need each other's libraries."""
import gzip
import io
import os
import random
import shutil
import subprocess
import tarfile
import tempfile
import time

from rounds import Series, interleaved, report, verdict
from subject import DEVICE, PROFILES, run
from toolchain import TMPFS

PACKAGES = (5600, 17400)  # of main and of community
WORLD = ('build-base', 'bash', 'perl', 'gawk', 'bison', 'flex', 'bc', 'linux-headers', 'openssl-dev',
         'elfutils-dev', 'zlib-dev')
ROOT = ('standin-baselayout', 'busybox', 'kmod', 'standin-hostid', 'standin-logd', 'build-base', 'gcc-aarch64')
SOLVE_MS, BOTH_MS, MEMORY_MIB, SECOND_MS, APK_RATIO = 30, 60, 40, 20, 0.9
# what the words of WORLD pull in, beside libraries: NAME: dependencies
CHAIN = {
    'build-base': 'binutils file gcc g++ make musl-dev fortify-headers patch', 'gcc': 'binutils so:libgmp.so.1',
    'g++': 'gcc libstdc++-dev', 'bison': 'm4', 'flex': 'm4', 'openssl-dev': 'libcrypto3 libssl3 pkgconf',
    'elfutils-dev': 'libelf libdw xz-dev zstd-dev zlib-dev', 'xz-dev': 'xz', 'zstd-dev': 'zstd',
    'libstdc++-dev': 'so:libstdc++.so.1', 'bash': '/bin/sh so:libreadline.so.1', 'busybox': '',
}
LIBRARIES = ('gmp', 'stdc++', 'readline', 'isl', 'mpfr', 'mpc', 'ncursesw', 'bz2', 'lzma', 'z', 'fts')


def record(rng, name, depends, provides, install_if=''):
    version = '%d.%d.%d-r%d' % tuple(rng.randrange(10) for _ in range(4))
    identity = ''.join(rng.choice('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz') for _ in range(26))
    lines = ['C:Q1%sA=' % identity, 'P:' + name, 'V:' + version, 'A:x86_64',
             'S:%d' % rng.randrange(1000, 9999999), 'I:%d' % rng.randrange(4096, 99999999),
             'T:A description of usual length of the package ' + name,
             'U:https://www.example.org/software/%s/' % name, 'L:GPL-3.0-or-later', 'o:' + name,
             'm:A Maintainer <maintainer@example.org>', 't:%d' % rng.randrange(1600000000, 1700000000),
             'c:%040x' % rng.getrandbits(160)]
    lines += ['D:' + ' '.join(depends)] if depends else []
    lines += ['p:' + ' '.join(p.replace('=V', '=' + version) for p in provides)] if provides else []
    lines += ['i:' + install_if] if install_if else []
    lines += ['k:60'] if '/bin/sh' in provides else []
    return '\n'.join(lines) + '\n'


def known(rng):
    """What WORLD needs."""
    names = dict.fromkeys([*WORLD, *CHAIN])
    for needs in CHAIN.values():
        names.update(dict.fromkeys(d for d in needs.split() if ':' not in d and '/' not in d))
    for name in names:
        needs = CHAIN.get(name, '').split()
        libraries = ['so:lib%s.so.1' % lib for lib in rng.sample(LIBRARIES, 2)]
        provides = ['/bin/sh'] if name == 'busybox' else ['cmd:%s=V' % name]
        yield record(rng, name, ['so:libc.musl-x86_64.so.1', *needs, *libraries], provides)
    yield record(rng, 'musl', [], ['so:libc.musl-x86_64.so.1=1'])
    for lib in LIBRARIES:
        yield record(rng, 'lib' + lib, ['so:libc.musl-x86_64.so.1'], ['so:lib%s.so.1=1.0' % lib])


def others(rng, word, count):
    for i in range(count):
        name = '%s-%s-%d' % (word, rng.choice(('lib', 'tool', 'py3', 'font', 'perl')), i)
        depends = ['so:libc.musl-x86_64.so.1'] + ['so:lib%s.so.1' % rng.choice(LIBRARIES)
                                                  for _ in range(rng.randrange(4))]
        if i % 3 == 2:
            yield record(rng, name + '-openrc', [], [], '%s=1.0-r0 openrc' % name)
        else:
            yield record(rng, name, depends, ['so:%s.so.1=1.0' % name, 'cmd:%s=V' % name][:rng.randrange(3)])


def write_index(path, records):
    text = '\n'.join(records).encode()
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode='w', format=tarfile.USTAR_FORMAT) as t:
        for name, data in (('DESCRIPTION', b'made for the bench\n'), ('APKINDEX', text)):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            t.addfile(info, io.BytesIO(data))
    with open(path, 'wb') as f:
        f.write(gzip.compress(tar.getvalue(), 9, mtime=0))


def make_indexes(folder):
    rng = random.Random(1)
    paths = []
    for word, count in zip(('main', 'community'), PACKAGES):
        # as a repository on disk, for apk
        os.makedirs(os.path.join(folder, word, 'x86_64'))
        paths.append(os.path.join(folder, word, 'x86_64/APKINDEX.tar.gz'))
        first = list(known(rng)) if word == 'main' else []
        write_index(paths[-1], first + list(others(rng, word, count - len(first))))
    return paths


class Apk:
    """A real apk, with a root that knows the repositories."""

    def __init__(self, program, folder, arch, repositories, keys=None):
        self.program, self.root, self.arch = program, folder, arch
        self.repositories, self.keys = repositories, keys

    def empty(self):
        shutil.rmtree(self.root, ignore_errors=True)
        for name in ('etc/apk/keys', 'lib/apk/db', 'usr/lib', 'usr/bin', 'usr/sbin'):
            os.makedirs(os.path.join(self.root, name), exist_ok=True)
        for name in ('etc/apk/world', 'lib/apk/db/installed'):
            with open(os.path.join(self.root, name), 'w', encoding='ascii'):
                pass
        with open(os.path.join(self.root, 'etc/apk/repositories'), 'w', encoding='utf-8') as f:
            f.write(''.join(r + '\n' for r in self.repositories))
        for key in os.listdir(self.keys) if self.keys else ():
            shutil.copy(os.path.join(self.keys, key), os.path.join(self.root, 'etc/apk/keys'))

    def merge_usr(self):
        """As the root is that pmkmod makes: the packages' /lib is /usr/lib."""
        self.empty()
        shutil.move(os.path.join(self.root, 'lib/apk'), os.path.join(self.root, 'usr/lib/apk'))
        os.rmdir(os.path.join(self.root, 'lib'))
        for name in ('bin', 'sbin', 'lib'):
            os.symlink('usr/' + name, os.path.join(self.root, name))

    def add(self, *words, scripts=False):
        run([self.program, '--root', self.root, '--arch', self.arch, '--no-cache', '--allow-untrusted',
             *([] if scripts else ['--no-scripts']), '-q', 'add', *words])


def solving(build, rounds, apk):
    with tempfile.TemporaryDirectory(prefix='pmkmod-bench-', dir=TMPFS) as folder:
        indexes = make_indexes(folder)
        driver = os.path.join(build, 'apk/solve')
        words = run([driver, '--time', str(max(rounds, 3)), *indexes, '--', *WORLD]).split()
        load, solve, both = (int(words[i]) / 1000 for i in (1, 3, 5))
        # of one round: what is freed and taken again says nothing about one use
        memory = int(run([driver, '--time', '1', *indexes, '--', *WORLD]).split()[7]) / 1024
        chosen = len(run([driver, *indexes, '--', *WORLD]).splitlines())
        print('solving for a kernel\'s build on indexes of %d packages: %d chosen' % (sum(PACKAGES), chosen))
        print('  load %.1f ms, solve %.1f ms, target at most %d ms: %s; both %.1f ms, target at most %d ms: %s' % (
            load, solve, SOLVE_MS, verdict(solve <= SOLVE_MS), both, BOTH_MS, verdict(both <= BOTH_MS)))
        print('  memory %.1f MiB, target at most %d MiB: %s' % (memory, MEMORY_MIB, verdict(memory <= MEMORY_MIB)),
              flush=True)
        if apk:
            theirs = Apk(apk, os.path.join(folder, 'root'), 'x86_64',
                         [os.path.join(folder, word) for word in ('main', 'community')])
            theirs.empty()
            a, b = interleaved(('pmkmod, a process of its own', lambda: run([driver, *indexes, '--', *WORLD]), None),
                               ('apk --simulate', lambda: theirs.add('--simulate', *WORLD), None), rounds)
            report('the same beside apk', a, b, 1.0)


def assembling(build, standin, rounds, apk):
    """Packages of this machine's architecture, so that both run their scripts by chroot(2) alone."""
    arch = os.uname().machine
    scripts = os.geteuid() == 0
    repository = os.path.join(standin, 'mirror/v1/main')
    keys = os.path.join(standin, 'keys')
    with tempfile.TemporaryDirectory(prefix='pmkmod-bench-', dir=TMPFS) as folder:
        copy = os.path.join(folder, 'repository')
        shutil.copytree(os.path.join(repository, arch), os.path.join(copy, arch))
        root = os.path.join(folder, 'root')
        theirs = Apk(apk, os.path.join(folder, 'apk'), arch, [copy], keys)
        argv = [os.path.join(build, 'bench/assemble_layer'), *(['--scripts'] if scripts else []), root, arch, keys,
                copy, *ROOT]

        def empty():
            shutil.rmtree(root, ignore_errors=True)
            os.mkdir(root)

        a, b = interleaved(('pmkmod', lambda: run(argv), empty),
                           ('apk add', lambda: theirs.add(*ROOT, scripts=scripts), theirs.merge_usr), rounds)
        empty()
        count = int(run(argv).split()[0])
        size = int(run(['du', '-s', '--block-size=1M', root]).split()[0])
        report('a root of %d packages, %d MiB, on tmpfs, %s scripts, beside apk' % (
            count, size, 'with' if scripts else 'without'), a, b, APK_RATIO)


def second_device(subject, work, rounds):
    """The time between the lines of the stages before and after: what the layers cost it."""
    folder = os.path.join(work, 'second', 'devices')
    os.makedirs(folder)
    shutil.copy(os.path.join(PROFILES, 'devices', DEVICE + '.ini'), os.path.join(folder, 'second.ini'))
    subject.call('build')
    argv = [word.replace('paths.profiles=', 'paths.profiles=%s ' % os.path.dirname(folder)).replace(DEVICE, 'second')
            for word in subject.argv('build', '--rebuild')]
    series = Series('assemble of a second device')
    for _ in range(rounds):
        with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as p:
            before = time.monotonic()
            for line in p.stderr:
                now = time.monotonic()
                if line.startswith('assemble '):
                    series.times.append(now - before)
                before = now
    print('a second device with the same packages')
    print('  %s: median %.1f ms, %.1f to %.1f; target at most %d ms: %s' % (
        series.name, series.median * 1000, min(series.times) * 1000, max(series.times) * 1000, SECOND_MS,
        verdict(series.median * 1000 <= SECOND_MS)), flush=True)


def measure(subject, build, work, rounds):
    apk = os.environ.get('APK')
    second_device(subject, work, min(rounds, 3))
    solving(build, rounds, apk)
    if apk:
        assembling(build, subject.standin, rounds, apk)
    else:
        print('beside a real apk: not measured, APK=<path of one> is not set', flush=True)
