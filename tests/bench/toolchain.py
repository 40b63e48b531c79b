# SPDX-License-Identifier: GPL-3.0-or-later
"""Assembling the toolchain layer against tar: the same packages, on tmpfs, without scripts."""
import os
import shutil
import subprocess
import tempfile

from rounds import interleaved, report, verdict
from subject import BenchError, run

RATIO_TARGET = 1.0
MEMORY_TARGET_MIB = 100
TMPFS = '/dev/shm'


def copy_repository(standin, arch, packages, to):
    """Index and packages to the tmpfs, so that both sides read from memory. Returns the files."""
    source = os.path.join(standin, 'mirror/v1/main', arch)
    folder = os.path.join(to, arch)
    os.makedirs(folder)
    shutil.copy(os.path.join(source, 'APKINDEX.tar.gz'), folder)
    return [shutil.copy(os.path.join(source, name + '.apk'), folder) for name in packages]


def dependency(package):
    """'gcc-12.2.0-r3' -> 'gcc=12.2.0-r3'."""
    name, version, release = package.rsplit('-', 2)
    return '%s=%s-%s' % (name, version, release)


class Assembly:
    """Both ways to fill one folder."""

    def __init__(self, build, standin, packages, folder):
        self.driver = os.path.join(build, 'bench/assemble_layer')
        self.keys = os.path.join(standin, 'keys')
        self.repository = os.path.join(folder, 'repository')
        self.files = copy_repository(standin, 'aarch64', packages, self.repository)
        self.dependencies = [dependency(p) for p in packages]
        self.root = os.path.join(folder, 'root')
        self.peak_kib = 0

    def empty(self):
        shutil.rmtree(self.root, ignore_errors=True)
        os.mkdir(self.root)

    def assemble(self):
        out = run([self.driver, self.root, 'aarch64', self.keys, self.repository, *self.dependencies])
        self.peak_kib = max(self.peak_kib, int(out.split()[-1]))

    def untar(self):
        for path in self.files:
            # tar complains about apk's own PAX records; it does not fail for them
            subprocess.run(['tar', '-xzf', path, '-C', self.root, '--warning=none'], check=True)


def measure(subject, build, rounds):
    if not os.path.isdir(TMPFS):
        raise BenchError('there is no tmpfs at %s' % TMPFS)
    packages = subject.plan('--emulate', 'full').packages['toolchain']
    with tempfile.TemporaryDirectory(prefix='pmkmod-bench-', dir=TMPFS) as folder:
        job = Assembly(build, subject.standin, packages, folder)
        a, b = interleaved(
            ('index, solver, installer; everything verified', job.assemble, job.empty),
            ('tar -xzf of each .apk', job.untar, job.empty), rounds)
    ratio = report('assembling the toolchain layer, %d packages, on tmpfs, without scripts'
                   % len(packages), a, b, RATIO_TARGET)
    print('  peak memory %.1f MiB, target below %d MiB: %s' % (
        job.peak_kib / 1024, MEMORY_TARGET_MIB,
        verdict(job.peak_kib < MEMORY_TARGET_MIB * 1024)), flush=True)
    return ratio
