# SPDX-License-Identifier: GPL-3.0-or-later
"""pmkmod as the bench calls it: with a state folder of its own, below the bench's work folder."""
import json
import os
import statistics
import subprocess

from rounds import TABLE, verdict

DEVICE = 'standin-aarch64'
MODULE = 'v4l2loopback'
PROFILES = os.path.realpath(os.path.join(os.path.dirname(__file__), '../../profiles'))


class BenchError(Exception):
    """The bench itself cannot go on; the text says why."""


def run(argv, **options):
    """A command that must succeed; returns its standard output."""
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          errors='replace', check=False, **options)
    if done.returncode != 0:
        raise BenchError('%s ended with status %d\n%s%s' % (
            ' '.join(argv), done.returncode, done.stdout[-2000:], done.stderr[-2000:]))
    return done.stdout


class Subject:
    def __init__(self, build, work):
        self.program = os.path.join(build, 'pmkmod')
        self.state = os.path.join(work, 'state')
        self.cache = os.path.join(work, 'cache')
        self.standin = os.path.join(build, 'standin')

    def argv(self, command, *options, module=MODULE):
        # the user's own configuration and profiles stay out
        return [self.program, '--config', '/dev/null', '-o', 'paths.state=' + self.state,
                '-o', 'paths.cache=' + self.cache, '-o', 'paths.standin=' + self.standin,
                '-o', 'paths.profiles=' + PROFILES, *options, command, DEVICE, module]

    def call(self, command, *options, module=MODULE):
        return run(self.argv(command, *options, module=module))

    def rebuild(self, times, *options, module=MODULE):
        """Build it anew; where the time went is put into times, a Times."""
        out = self.call('build', '--rebuild', '-q', '--json', '--timing', *options, module=module)
        times.add(json.loads(out)['timing'])

    def plan(self, *options):
        return Plan(self, self.call('plan', *options))


class Times:
    """What builds said with --timing of where their time went."""

    def __init__(self):
        self.of = []

    def add(self, timing):
        self.of.append(timing)

    def shares(self):
        """Of each stage its share in each round; of build what is not the programs' own."""
        shares = {}
        for timing in self.of:
            for s in timing['stages']:
                ran = sum(p['seconds'] for p in s['programs']) if s['stage'] == 'build' else 0
                name = 'build, around make' if s['stage'] == 'build' else s['stage']
                shares.setdefault(name, []).append((s['seconds'] - ran) / timing['seconds'])
        return shares

    def text(self):
        """Median milliseconds of each stage."""
        stages = {}
        for timing in self.of:
            for s in timing['stages']:
                stages.setdefault(s['stage'], []).append(s['seconds'])
        return ', '.join('%s %.0f' % (name, statistics.median(t) * 1000) for name, t in stages.items())

    def report(self, what, limit):
        """The largest stage but make itself against its limit."""
        name, shares = max(self.shares().items(), key=lambda pair: statistics.median(pair[1]))
        print('  stages in ms: %s' % self.text())
        print('  largest but make itself: %s, %.1f %%, target at most %.0f %%: %s' % (
            name, statistics.median(shares) * 100, limit * 100,
            verdict(statistics.median(shares) <= limit)), flush=True)
        TABLE.share('largest stage but make (%s), %s' % (name, what), shares, limit)


class Plan:
    """What `pmkmod plan` prints, and where the layers it names are."""

    def __init__(self, subject, text):
        self.layers_dir = os.path.join(subject.state, 'layers')
        self.facts = {}
        self.packages = {}
        what = None
        for line in text.splitlines():
            word, _, rest = line.partition(' ')
            if word == 'layer':
                what = rest.split()[0]
                self.packages[what] = []
            elif line.startswith('  ') and what:
                self.packages[what].append(line.split()[0])
            else:
                self.facts.setdefault(word, rest)

    def content(self, what):
        """The folder with the files of a layer."""
        for name in ('root', 'upper'):
            path = os.path.join(self.layers_dir, self.facts[what], name)
            if os.path.isdir(path):
                return path
        raise BenchError('layer %s (%s) is not below %s' % (what, self.facts[what], self.layers_dir))
