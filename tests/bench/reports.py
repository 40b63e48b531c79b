# SPDX-License-Identifier: GPL-3.0-or-later
"""The reports of a matrix of as many devices and modules as postmarketOS has, with logs and fit reports."""
import os
import re
import subprocess

from planning import DEVICES, MEMORY_MIB, MODULES
from rounds import verdict
from subject import BenchError

TARGET_S, PAGE_MIB = 3.0, 20
LINE = re.compile(r'(\S+) +([0-9.]+) (?:s +([0-9.]+) )?MiB')


def once(build, folder):
    """[(name, seconds or MiB, MiB or '')] as tests/matrix/reports.c prints them."""
    argv = [os.path.join(build, 'matrix/reports'), folder, str(DEVICES), str(MODULES)]
    done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise BenchError('%s failed' % argv[0])
    return LINE.findall(done.stdout)


def measure(build, work, rounds):
    folder = os.path.join(work, 'reports')
    os.makedirs(folder)
    runs = [once(build, folder) for _ in range(rounds)]
    print('reports of %d devices and %d modules' % (DEVICES, MODULES))
    for i, (name, _, size) in enumerate(runs[0]):
        values = sorted(float(run[i][1]) for run in runs)
        median = values[len(values) // 2]
        if name == 'memory':
            print('  memory %.0f MiB, target at most %d MiB: %s' % (
                values[-1], MEMORY_MIB, verdict(values[-1] <= MEMORY_MIB)), flush=True)
            continue
        print('  %-46s median %.2f s, %.2f to %.2f; %s MiB; %d rounds' % (
            name, median, values[0], values[-1], size, rounds))
        print('  target below %.0f s: %s' % (TARGET_S, verdict(median < TARGET_S)))
        if name == 'report.html':
            print('  target at most %d MiB: %s' % (PAGE_MIB, verdict(float(size) <= PAGE_MIB)))
