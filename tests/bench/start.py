# SPDX-License-Identifier: GPL-3.0-or-later
"""What starting costs: the program itself, and a sandbox."""
import os

from rounds import TABLE, Series, timed, verdict
from subject import DEVICE, run

HELP_TARGET_S = 0.004
SANDBOX_TARGET_S = 0.015
MORE = 5  # of what takes milliseconds there are more rounds


def empty_program(work):
    path = os.path.join(work, 'empty')
    with open(path + '.c', 'w', encoding='utf-8') as f:
        f.write('int main(void)\n{\n\treturn 0;\n}\n')
    run(['cc', '-O2', '-o', path, path + '.c'])
    return path


def show(title, series, values, target):
    print(title)
    for s in series:
        print(s.line())
    median = sorted(values)[len(values) // 2]
    print('  %.1f ms, target at most %.0f ms: %s' % (
        median * 1000, target * 1000, verdict(median <= target)), flush=True)
    TABLE.time(title, values, target)


def program(subject, work, rounds):
    empty = empty_program(work)
    ours, theirs = Series('pmkmod --help'), Series('an empty program')
    for _ in range(rounds * MORE):
        timed(ours, lambda: run([subject.program, '--help']))
        timed(theirs, lambda: run([empty]))
    show('`pmkmod --help` over an empty program', (ours, theirs),
         [a - b for a, b in zip(ours.times, theirs.times)], HELP_TARGET_S)


def sandbox(subject, rounds):
    """A command that does nothing in the root of a build, and all that is before and after it."""
    subject.call('build')
    argv = subject.argv('shell')[:-1] + ['--', 'true']
    series = Series('pmkmod shell %s -- true' % DEVICE)
    for _ in range(rounds * MORE):
        timed(series, lambda: run(argv))
    show('start and end of a sandbox, whole process', (series,), series.times, SANDBOX_TARGET_S)


def measure(subject, work, rounds):
    program(subject, work, rounds)
    sandbox(subject, rounds)
