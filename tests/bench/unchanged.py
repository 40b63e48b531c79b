# SPDX-License-Identifier: GPL-3.0-or-later
"""A build whose inputs have not changed: how long it takes, and that it starts nothing."""
import os
import re
import shutil
import tempfile

from rounds import TABLE, Series, timed, verdict
from subject import run

TARGET_S = 0.015
# a thread is made by clone(CLONE_THREAD ...): that is no process
STARTS = re.compile(r'\b(?:v?fork|clone3?)\((?!.*CLONE_THREAD)')


def processes_started(argv):
    """How many processes the command starts; None if there is no strace to look with."""
    if not shutil.which('strace'):
        return None
    with tempfile.TemporaryDirectory() as folder:
        log = os.path.join(folder, 'log')
        run(['strace', '-f', '-o', log, '-e', 'trace=fork,vfork,clone,clone3,execve', *argv])
        with open(log, encoding='utf-8', errors='replace') as f:
            lines = f.read().splitlines()
    execs = sum('execve(' in line for line in lines)
    return sum(bool(STARTS.search(line)) for line in lines) + execs - 1


def measure(subject, rounds):
    subject.call('build')
    argv = subject.argv('build')
    series = Series('pmkmod build')
    for _ in range(rounds):
        timed(series, lambda: run(argv))
    print('build of an unchanged cell')
    print(series.line())
    print('  target below %.0f ms: %s' % (TARGET_S * 1000, verdict(series.median < TARGET_S)))
    TABLE.time('build of an unchanged cell', series.times, TARGET_S)
    started = processes_started(argv)
    if started is None:
        print('  processes started: not looked at, there is no strace')
    else:
        print('  processes started: %d, target 0: %s' % (started, verdict(started == 0)), flush=True)
