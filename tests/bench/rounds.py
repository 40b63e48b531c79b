# SPDX-License-Identifier: GPL-3.0-or-later
"""Timing two things side by side, and what came out as one line of text."""
import resource
import statistics
import time


def cpu_of_children():
    """Seconds of processor time of all processes that ended below this one."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class Series:
    """The times of one thing, in seconds."""

    def __init__(self, name):
        self.name = name
        self.times = []
        self.cpu = []

    @property
    def median(self):
        return statistics.median(self.times)

    @property
    def median_cpu(self):
        return statistics.median(self.cpu)

    def line(self):
        digits = 3 if self.median < 1 else 2
        return '  %-46s median %.*f s, %.*f to %.*f; processor %.*f s; %d rounds' % (
            self.name, digits, self.median, digits, min(self.times), digits, max(self.times),
            digits, self.median_cpu, len(self.times))


def timed(series, action, before=None):
    """Run `before` (not timed) and `action` (timed)."""
    if before:
        before()
    cpu, start = cpu_of_children(), time.monotonic()
    action()
    series.times.append(time.monotonic() - start)
    series.cpu.append(cpu_of_children() - cpu)


def interleaved(ours, theirs, rounds):
    """A B A B ...: both are (name, action, before); returns their two series."""
    a, b = Series(ours[0]), Series(theirs[0])
    for _ in range(rounds):
        timed(a, ours[1], ours[2])
        timed(b, theirs[1], theirs[2])
    return a, b


class Table:
    """What was measured, as the README shows it; a row that failed its target says so."""

    def __init__(self):
        self.rows = []

    def ratio(self, what, a, b, target):
        pairs = [x / y for x, y in zip(a.times, b.times)]
        ratio = a.median / b.median
        self.rows.append((what, '%.2f (%.2f to %.2f)' % (ratio, min(pairs), max(pairs)),
                          '%.2f' % (a.median_cpu / b.median_cpu), '%.2f' % target,
                          len(a.times), ratio <= target))

    def time(self, what, times, target):
        """Seconds, shown as milliseconds."""
        median = statistics.median(times)
        self.rows.append((what, '%.1f ms (%.1f to %.1f)' % (
            median * 1000, min(times) * 1000, max(times) * 1000), '', '%.0f ms' % (target * 1000),
            len(times), median <= target))

    def share(self, what, shares, target):
        """Fractions of a whole, shown as per cent."""
        median = statistics.median(shares)
        self.rows.append((what, '%.1f %% (%.1f to %.1f)' % (
            median * 100, min(shares) * 100, max(shares) * 100), '', '%.0f %%' % (target * 100),
            len(shares), median <= target))

    def text(self):
        lines = ['| measured | median (spread) | processor | at most | rounds | |',
                 '| --- | --- | --- | --- | --- | --- |']
        lines += ['| %s | %s | %s | %s | %d | %s |' % (*row[:5], verdict(row[5])) for row in self.rows]
        return '\n'.join(lines)


TABLE = Table()


def verdict(met):
    return 'met' if met else 'MISSED'


def report(title, a, b, target):
    """Print both series and the ratio of their medians, which is returned."""
    pairs = sorted(x / y for x, y in zip(a.times, b.times))
    ratio = a.median / b.median
    print(title)
    print(a.line())
    print(b.line())
    print('  ratio %.2f (round by round %.2f to %.2f; of processor time %.2f), target at most %.2f: %s' % (
        ratio, pairs[0], pairs[-1], a.median_cpu / b.median_cpu, target, verdict(ratio <= target)),
        flush=True)
    TABLE.ratio(title, a, b, target)
    return ratio
