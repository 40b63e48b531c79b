# SPDX-License-Identifier: GPL-3.0-or-later
"""A kernel without headers: preparing its source against a bare make, and exports out of an image."""
import os
import re
import shutil
import sys

from rounds import Series, interleaved, report, timed, verdict
from subject import PROFILES, BenchError, run

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../cli'))
import apktool  # noqa: E402

WHOLE_TARGET = 1.8
PREPARE_TARGET = 1.1
# one second for an image of 40 MB
SYMVERS_TARGET_S_PER_MB = 1 / 40
NAME = 'phone-a'


class Kernel:
    """phone-a of the tests' kernels, as a device of its own."""

    def __init__(self, build, work):
        self.folder = os.path.realpath(os.path.join(build, 'kernels', NAME))
        if not os.path.exists(os.path.join(self.folder, 'complete')):
            raise BenchError('there is no %s/kernels/%s (make kernels)' % (build, NAME))
        self.source = os.path.realpath(os.path.join(build, 'kernels/source-6.1'))
        self.program = os.path.join(build, 'pmkmod')
        self.work = os.path.join(work, 'kernel')
        self.state = os.path.join(self.work, 'state')
        self.objects = os.path.join(self.work, 'objects')
        os.makedirs(os.path.join(self.work, 'profiles/devices'))
        standin = os.path.join(build, 'standin')
        self.write('pmkmod.ini', '[paths]', 'state = ' + self.state, 'standin = ' + standin,
                   'cache = ' + os.path.join(self.work, 'cache'),
                   'profiles = %s %s' % (os.path.join(self.work, 'profiles'), PROFILES),
                   '[channel.bench]', 'title = bench', 'like = standin',
                   'repositories = file://%s/repository file://%s/mirror/v1/main' % (self.folder, standin),
                   'keys = %s/keys %s/keys' % (self.folder, standin))
        self.write('profiles/devices/bench.ini', '[device]', 'arch = aarch64', 'kernel = linux-' + NAME,
                   'channel = bench', '[kernel]', 'source = ' + self.source)

    def write(self, name, *lines):
        with open(os.path.join(self.work, name), 'w', encoding='utf-8') as f:
            f.write('\n'.join(lines) + '\n')

    def headers(self):
        run([self.program, '--config', os.path.join(self.work, 'pmkmod.ini'), '-q', '--rebuild',
             'headers', 'bench'])

    def seconds_of_make(self):
        """What the log of the last run says of the two commands that a bare make does as well."""
        with open(os.path.join(self.state, 'headers/bench-aarch64-linux-%s/log' % NAME),
                  encoding='utf-8', errors='replace') as f:
            text = f.read()
        found = re.findall(r'^# command: make .*(?:config|modules_prepare)$.*?^# exit code: 0, ([0-9.]+) s$',
                           text, re.MULTILINE | re.DOTALL)
        if not found:
            raise BenchError('the log of the headers has no times in it')
        return sum(float(x) for x in found)

    def fresh_objects(self):
        shutil.rmtree(self.objects, ignore_errors=True)
        os.mkdir(self.objects)
        shutil.copy(os.path.join(self.folder, 'config'), os.path.join(self.objects, '.config'))

    def bare_make(self):
        run(['make', '-s', '-j%d' % len(os.sched_getaffinity(0)), '-C', self.source, 'O=' + self.objects,
             'ARCH=arm64', 'CROSS_COMPILE=aarch64-linux-gnu-', 'olddefconfig', 'modules_prepare'])


def headers(build, work, rounds):
    kernel = Kernel(build, work)
    kernel.headers()  # layers at hand
    inside = Series('of that olddefconfig and modules_prepare')

    def ours():
        kernel.headers()
        inside.times.append(kernel.seconds_of_make())
        inside.cpu.append(0)

    a, b = interleaved(('pmkmod headers --rebuild', ours, None),
                       ('bare make olddefconfig modules_prepare', kernel.bare_make, kernel.fresh_objects),
                       rounds)
    report('headers and helper programs of a 6.1 kernel, both packages', a, b, WHOLE_TARGET)
    ratio = inside.median / b.median
    print('  %-46s median %.2f s, ratio %.2f, target at most %.2f: %s' % (
        inside.name, inside.median, ratio, PREPARE_TARGET, verdict(ratio <= PREPARE_TARGET)), flush=True)


def image_of(build, work):
    """The largest image at hand: that of the stand-in's kernel."""
    folder = os.path.join(build, 'standin/mirror/v1/main/aarch64')
    package = next(os.path.join(folder, name) for name in sorted(os.listdir(folder))
                   if re.match(r'linux-standin-[0-9]', name))
    data = apktool.package(package)[2]
    for info, content in apktool.entries(data):
        if info.name.startswith('boot/vmlinuz'):
            path = os.path.join(work, 'image')
            with open(path, 'wb') as f:
                f.write(content)
            return path
    raise BenchError('no kernel image in ' + package)


def symvers(build, work, rounds):
    path = image_of(build, work)
    megabytes = os.path.getsize(path) / 1e6
    series = Series('pmkmod symvers')
    for _ in range(rounds):
        timed(series, lambda: run([os.path.join(build, 'pmkmod'), 'symvers', path]))
    limit = SYMVERS_TARGET_S_PER_MB * megabytes
    print('exports out of a kernel image of %.0f MB' % megabytes)
    print(series.line())
    print('  target below %.2f s: %s' % (limit, verdict(series.median < limit)), flush=True)
