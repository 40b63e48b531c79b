# SPDX-License-Identifier: GPL-3.0-or-later
"""`pmkmod matrix --dry-run` for as many devices and kernels as postmarketOS has."""
import base64
import hashlib
import os
import re
import shutil
import subprocess
import sys

from rounds import Series, timed, verdict
from subject import run

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../standin'))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../cli'))
import apk_writer as apk  # noqa: E402
import apktool  # noqa: E402

DEVICES, KERNELS, MODULES = 665, 426, 50
TARGET_S, MEMORY_MIB = 3.0, 50
KERNEL_PACKAGES = ('linux-standin', 'linux-standin-dev', 'kernel-scripts-standin')


def identity(text):
    return 'Q1' + base64.b64encode(hashlib.sha1(text.encode()).digest()).decode()


def records(mirror, arch):
    """The stand-in's packages, and its kernel's under many names: an index is all that a plan looks at."""
    for record in apktool.records(apktool.read(os.path.join(mirror, arch, 'APKINDEX.tar.gz'))[1]):
        yield ''.join('%s:%s\n' % item for item in record.items())
        if record['P'] not in KERNEL_PACKAGES:
            continue
        for i in range(KERNELS):
            name = 'k%03d' % i
            other = {k: v.replace('standin', name) if k in 'Pp' else v for k, v in record.items()}
            other['C'] = identity(other['P'])
            yield ''.join('%s:%s\n' % item for item in other.items())


def make(subject, work):
    top = os.path.join(work, 'planning')
    mirror = os.path.join(subject.standin, 'mirror/v1/main')
    for name in ('repo/keys', 'profiles/devices', 'profiles/modules'):
        os.makedirs(os.path.join(top, name))
    key = os.path.join(top, 'repo', 'bench.rsa')
    apk.make_key(key)
    os.rename(key + '.pub', os.path.join(top, 'repo/keys/bench.rsa.pub'))
    for key_of_standin in os.listdir(os.path.join(subject.standin, 'keys')):
        shutil.copy(os.path.join(subject.standin, 'keys', key_of_standin), os.path.join(top, 'repo/keys'))
    native = os.uname().machine
    for arch in {'aarch64', native}:
        os.makedirs(os.path.join(top, 'repo', arch))
        found = records(mirror, arch) if arch == 'aarch64' else ()
        target = os.path.join(top, 'repo', arch, 'APKINDEX.tar.gz')
        if arch == 'aarch64':
            apk.write_index(target, list(found), key)
        else:
            shutil.copy(os.path.join(mirror, arch, 'APKINDEX.tar.gz'), target)
    for i in range(DEVICES):
        with open(os.path.join(top, 'profiles/devices/phone-%03d.ini' % i), 'w', encoding='ascii') as f:
            f.write('[device]\ntitle = Phone %d\narch = aarch64\nkernel = linux-k%03d\nchannel = bench\n' % (
                i, i % KERNELS))
    for i in range(MODULES):
        folder = os.path.join(top, 'modules/m%02d' % i)
        os.makedirs(folder)
        for name, text in (('Makefile', 'obj-m := m.o\n'), ('m.c', '/* %d */\n' % i)):
            with open(os.path.join(folder, name), 'w', encoding='ascii') as f:
                f.write(text)
        with open(os.path.join(top, 'profiles/modules/m%02d.ini' % i), 'w', encoding='ascii') as f:
            f.write('[module]\ntitle = Module %d\nsource = %s\n' % (i, folder))
    return top


class Planner:
    def __init__(self, subject, top):
        self.cache, self.state = os.path.join(top, 'cache'), os.path.join(top, 'state')
        config = os.path.join(top, 'pmkmod.ini')
        with open(config, 'w', encoding='utf-8') as f:
            f.write('[channel.bench]\ntitle = many kernels\nrepositories = file://%s/repo\nkeys = %s/repo/keys\n'
                    'like = standin\n' % (top, top))
        self.argv = [subject.program, '--config', config, '-o', 'paths.state=' + self.state,
                     '-o', 'paths.cache=' + self.cache, '-o', 'paths.standin=' + subject.standin,
                     '-o', 'paths.profiles=%s/profiles' % top, '-o', 'pmbootstrap.aports=/nonexistent',
                     'matrix', 'phone-*', 'm*', '--dry-run']

    def forget(self):
        shutil.rmtree(self.cache, ignore_errors=True)

    def plan(self):
        return run(self.argv)

    def memory_mib(self):
        planning = subprocess.Popen(self.argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(planning.pid, 0)
        planning.returncode = os.waitstatus_to_exitcode(status)
        return usage.ru_maxrss / 1024


def measure(subject, work, rounds):
    planner = Planner(subject, make(subject, work))
    cells = re.search(r'(\d+) cells', planner.plan())
    print('planning of %d devices (%d kernels) and %d modules: %s cells' % (
        DEVICES, KERNELS, MODULES, cells.group(1) if cells else '?'))
    for name, before in (('nothing is known of them', planner.forget), ('as before', None)):
        series = Series('pmkmod matrix --dry-run, ' + name)
        for _ in range(rounds):
            timed(series, planner.plan, before)
        print(series.line())
        print('  target below %.0f s: %s' % (TARGET_S, verdict(series.median < TARGET_S)))
    memory = planner.memory_mib()
    print('  memory %.0f MiB, target at most %d MiB: %s' % (memory, MEMORY_MIB, verdict(memory <= MEMORY_MIB)),
          flush=True)
