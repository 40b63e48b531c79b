# SPDX-License-Identifier: GPL-3.0-or-later
"""Bytes a device: the headers of many kernels, with and without files that they share."""
import json
import os
import shutil

from rounds import Series, timed, verdict
from subject import PROFILES, run

GENERATOR = os.path.realpath(os.path.join(os.path.dirname(__file__), '../cli/make-kernels.py'))
BATCH = 5
TARGET_PERCENT = 15
MIB = 1 << 20


class Kernels:
    """Kernels of one series, each with a repository that is there only until its layer is made."""

    def __init__(self, subject, work):
        self.work = os.path.join(work, 'sharing')
        self.mirror = os.path.join(subject.standin, 'mirror/v1/main')
        self.repository = os.path.join(self.work, 'repository')
        profiles = os.path.join(self.work, 'profiles')
        self.base = [subject.program, '--config', '/dev/null', '-q',
                     '-o', 'paths.state=' + os.path.join(self.work, 'state'),
                     '-o', 'paths.cache=' + os.path.join(self.work, 'cache'),
                     '-o', 'paths.standin=' + subject.standin,
                     '-o', 'paths.profiles=%s %s' % (profiles, PROFILES),
                     '-o', 'channel.kernels.title=kernels', '-o', 'channel.kernels.like=standin',
                     '-o', 'channel.kernels.repositories=file://%s file://%s' % (self.repository, self.mirror),
                     '-o', 'channel.kernels.keys=%s/keys %s/keys' % (self.repository, subject.standin)]
        self.profiles = profiles
        os.makedirs(self.work)

    def make(self, first, count):
        shutil.rmtree(self.repository, ignore_errors=True)
        run(['/usr/bin/python3', '-B', GENERATOR, self.repository, self.mirror, 'aarch64', str(first),
             str(count), self.profiles])

    def assemble(self, number):
        run(self.base + ['shell', 'k%d' % number, '--', '/bin/true'])

    def stats(self):
        return json.loads(run(self.base + ['cache', 'stats', '--json']))


def line(stats):
    n = len(stats['kernel_layers'])
    alone, shared = stats['kernel_layers_alone'], stats['kernel_layers_shared']
    print('  %5d kernels: %7.1f MiB, %5.1f a kernel; without sharing %8.1f MiB, %5.1f a kernel' % (
        n, shared / MIB, shared / n / MIB, alone / MIB, alone / n / MIB), flush=True)


def measure(subject, work, kernels):
    made, shown = Kernels(subject, work), {1, 2, 5, 10, 20, 50, 100, kernels}
    series = Series('root of one more kernel')
    print('headers of %d kernels of one series (configuration, release, CRCs differ)' % kernels)
    for first in range(1, kernels + 1, BATCH):
        count = min(BATCH, kernels + 1 - first)
        made.make(first, count)
        for number in range(first, first + count):
            timed(series, lambda number=number: made.assemble(number))
            if number in shown:
                line(made.stats())
    # the first one makes the layers below, too
    series.times, series.cpu = series.times[1:], series.cpu[1:]
    if series.times:
        print(series.line())
    stats = made.stats()
    own = [layer['own'] for layer in stats['kernel_layers']]
    percent = 100 * stats['kernel_layers_shared'] / stats['kernel_layers_alone']
    print('  what only one kernel has: %.1f to %.1f MiB' % (min(own) / MIB, max(own) / MIB))
    print('  with sharing %.1f %% of without, target below %d: %s' % (
        percent, TARGET_PERCENT, verdict(percent < TARGET_PERCENT)), flush=True)
