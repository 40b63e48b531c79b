# SPDX-License-Identifier: GPL-3.0-or-later
"""Twenty kernels and five modules: `pmkmod matrix` beside `xargs -P` of the same bare makes."""
import glob
import os
import shutil
import subprocess
import time

from bare_root import HERE, BareRoot, module_source, package_file
from rounds import Series, interleaved, report, timed, verdict
from sharing import Kernels
from subject import BenchError, run

KERNELS, TARGET, MEMORY_MIB = 20, 1.2, 50
# a name and the package of the stand-in whose source it is
MODULES = (('v4l2loopback', 'v4l2loopback'), ('vpoll', 'vpoll'), ('lime', 'lime-forensics'),
           ('dm-writeboost', 'dm-writeboost'), ('again', 'v4l2loopback'))


class Many(Kernels):
    """The kernels, and the modules as recipes of their own, so that both make the very same files."""

    def __init__(self, subject, work):
        super().__init__(subject, work)
        self.sources = os.path.join(self.work, 'sources')
        os.makedirs(self.sources)
        os.makedirs(os.path.join(self.profiles, 'modules'))
        for name, package in MODULES:
            found = module_source(os.path.join(self.mirror, 'aarch64'), package + '-src',
                                  os.path.join(self.work, 'packages', name))
            shutil.copytree(found, os.path.join(self.sources, name))
            # what DKMS would do besides is not what is compared
            for other in glob.glob(os.path.join(self.sources, name, 'dkms.conf')):
                os.unlink(other)
            with open(os.path.join(self.profiles, 'modules', 'b-%s.ini' % name), 'w', encoding='utf-8') as f:
                f.write('[module]\nsource = %s\nuse = kbuild\n' % os.path.join(self.sources, name))
        self.make(1, KERNELS)

    def matrix(self, *options):
        # the kernels' packages have no modules, which some of these would need on a phone: --force
        return run(self.base + ['matrix', 'k*', 'b-*', '--keep-going', '--force', *options])

    def plan(self):
        words = {}
        for line in run(self.base + ['plan', 'k1', 'b-vpoll']).splitlines():
            word, _, rest = line.partition(' ')
            words.setdefault(word, rest)
        return words


class Bare:
    """One root with the native tools and all headers; a folder with the sources for each make."""

    def __init__(self, many, work):
        plan, layers = many.plan(), os.path.join(many.work, 'state', 'layers')
        self.cross = plan.get('cross', '')
        self.sources, self.folder = many.sources, os.path.join(work, 'bare-many')
        self.root = BareRoot(self.folder, [os.path.join(layers, plan['native'], 'root')])
        for path in sorted(glob.glob(os.path.join(many.repository, 'aarch64', 'linux-k*-dev-*.apk'))):
            self.root.add_package(path)
        self.root.add_package(package_file(os.path.join(many.mirror, os.uname().machine),
                                           'kernel-scripts-standin'))
        self.builds = sorted(glob.glob(os.path.join(self.folder, 'usr/lib/modules/*/build')))
        if len(self.builds) != KERNELS:
            raise BenchError('%d kernels have headers, not %d' % (len(self.builds), KERNELS))
        self.jobs = os.path.join(work, 'bare-jobs')

    def fresh(self):
        shutil.rmtree(self.jobs, ignore_errors=True)
        lines = []
        for build in self.builds:
            for name, _ in MODULES:
                work = os.path.join(self.jobs, os.path.basename(os.path.dirname(build)), name)
                shutil.copytree(os.path.join(self.sources, name), os.path.join(work, 'src'), symlinks=True)
                lines.append(' '.join((work, build[len(self.folder):])))
        with open(os.path.join(self.jobs, 'list'), 'w', encoding='utf-8') as f:
            f.write('\n'.join(lines) + '\n')

    def make(self):
        script = ('unshare -r --mount --pid --fork %s/bare_make %s "$0" "" make -C "$1" M=/build/src ARCH=arm64 '
                  'CROSS_COMPILE=%s KBUILD_MODPOST_WARN=1 modules >"$0/log" 2>&1' % (HERE, self.folder, self.cross))
        run(['sh', '-c', 'xargs -P%d -n2 sh -c \'%s\' <%s/list' % (
            os.sysconf('SC_NPROCESSORS_ONLN'), script, self.jobs)])
        made = glob.glob(os.path.join(self.jobs, '*/*/src/*.ko'))
        if len(made) != KERNELS * len(MODULES):
            raise BenchError('the bare makes made %d modules' % len(made))


def measure(subject, work, rounds):
    many = Many(subject, work)
    print('matrix of %d kernels and %d modules' % (KERNELS, len(MODULES)))
    cold = Series('pmkmod matrix, nothing at hand')
    timed(cold, many.matrix)
    print(cold.line())
    bare = Bare(many, work)
    ours, theirs = interleaved(('pmkmod matrix --rebuild', lambda: many.matrix('--rebuild'), None),
                               ('xargs -P%d of bare makes' % os.sysconf('SC_NPROCESSORS_ONLN'), bare.make,
                                bare.fresh), rounds)
    ratio = report('matrix of %d kernels and %d modules, layers at hand' % (KERNELS, len(MODULES)), ours, theirs,
                   TARGET)
    again = Series('pmkmod matrix, nothing has changed')
    for _ in range(rounds):
        timed(again, many.matrix)
    print(again.line())
    peak = peak_mib(many)
    print('  memory of pmkmod itself %.0f MiB, target at most %d MiB: %s' % (peak, MEMORY_MIB,
                                                                          verdict(peak <= MEMORY_MIB)), flush=True)
    return ratio


def peak_mib(many):
    """VmHWM of the process that plans and supervises, asked while it still is."""
    running = subprocess.Popen(many.base + ['matrix', 'k*', 'b-*', '--force', '--rebuild'], stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    peak = 0
    while running.poll() is None:
        try:
            with open('/proc/%d/status' % running.pid, encoding='ascii') as f:
                for line in f:
                    if line.startswith('VmHWM:'):
                        peak = max(peak, int(line.split()[1]) / 1024)
        except (OSError, ValueError):
            break
        time.sleep(0.2)
    running.wait()
    return peak
