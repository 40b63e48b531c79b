# SPDX-License-Identifier: GPL-3.0-or-later
"""Timing two things side by side, and what came out as one line of text."""
import statistics
import time


class Series:
    """The times of one thing, in seconds."""

    def __init__(self, name):
        self.name = name
        self.times = []

    @property
    def median(self):
        return statistics.median(self.times)

    def line(self):
        digits = 3 if self.median < 1 else 2
        return '  %-46s median %.*f s, %.*f to %.*f, %d rounds' % (
            self.name, digits, self.median, digits, min(self.times), digits, max(self.times),
            len(self.times))


def timed(series, action, before=None):
    """Run `before` (not timed) and `action` (timed)."""
    if before:
        before()
    start = time.monotonic()
    action()
    series.times.append(time.monotonic() - start)


def interleaved(ours, theirs, rounds):
    """A B A B ...: both are (name, action, before); returns their two series."""
    a, b = Series(ours[0]), Series(theirs[0])
    for _ in range(rounds):
        timed(a, ours[1], ours[2])
        timed(b, theirs[1], theirs[2])
    return a, b


def verdict(met):
    return 'met' if met else 'MISSED'


def report(title, a, b, target):
    """Print both series and their ratio; returns the ratio."""
    pairs = sorted(x / y for x, y in zip(a.times, b.times))
    ratio = a.median / b.median
    print(title)
    print(a.line())
    print(b.line())
    print('  ratio %.2f (round by round %.2f to %.2f), target at most %.2f: %s' % (
        ratio, pairs[0], pairs[-1], target, verdict(ratio <= target)), flush=True)
    return ratio
