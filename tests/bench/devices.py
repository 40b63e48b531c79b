# SPDX-License-Identifier: GPL-3.0-or-later
"""All devices of a pmaports: read and judged, from what was remembered, and one device's plan."""
import glob
import os
import shutil
import subprocess
import time

from rounds import Series, interleaved, report, timed, verdict
from subject import PROFILES, run

GENERATOR = os.path.join(os.path.dirname(__file__), '../pmaports/make-pmaports')
KINDS = ('device/*/device-*/deviceinfo', 'device/*/device-*/APKBUILD', 'device/*/linux-*/APKBUILD',
         'device/*/linux-*/config-*')
READ_S, REMEMBERED_S, PLAN_S, MEMORY_MIB = 1.0, 0.150, 0.100, 60
RATIO_TARGET = 1.0

# what a script without a reader of the shell does: read all, look for three symbols
SCRIPT = '''
import glob, re, sys
wanted = re.compile(rb'^(?:# )?CONFIG_(?:MODULES|MODVERSIONS|MODULE_SIG_FORCE)[ =].*$', re.MULTILINE)
for kind in sys.argv[1:]:
    for name in glob.glob(kind):
        with open(name, 'rb') as f:
            text = f.read()
        if '/config-' in name:
            wanted.findall(text)
'''


def make_tree(work):
    """Of the size of the real one: 665 devices, 426 kernels, 62 MB of configurations."""
    run([os.path.realpath(GENERATOR), '--bulk', '590', os.path.join(work, 'pmaports')])
    return os.path.join(work, 'pmaports', 'pmaports')


class Devices:
    def __init__(self, subject, tree, work):
        self.cache = os.path.join(work, 'devices-cache')
        self.base = [subject.program, '--config', '/dev/null', '-o', 'pmbootstrap.aports=' + tree,
                     '-o', 'paths.cache=' + self.cache, '-o', 'paths.state=' + subject.state,
                     '-o', 'paths.profiles=' + PROFILES]

    def forget(self):
        shutil.rmtree(os.path.join(self.cache, 'pmaports'), ignore_errors=True)

    def list(self):
        run(self.base + ['list', 'devices', '--json'])

    def plan(self, device):
        # a kernel that rules modules out: nothing but pmaports is looked at
        subprocess.run(self.base + ['plan', device, 'v4l2loopback'], stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, check=False)

    def memory_mib(self):
        listing = subprocess.Popen(self.base + ['list', 'devices', '--json'], stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(listing.pid, 0)
        listing.returncode = os.waitstatus_to_exitcode(status)
        return usage.ru_maxrss / 1024


def alone(name, action, rounds, target):
    series = Series(name)
    for _ in range(rounds):
        timed(series, action)
    print(series.line())
    print('  target below %.0f ms: %s' % (target * 1000, verdict(series.median < target)), flush=True)


def measure(subject, work, rounds, pmaports):
    tree = os.path.realpath(pmaports) if pmaports else make_tree(work)
    files = [name for kind in KINDS for name in glob.glob(os.path.join(tree, kind))]
    devices = Devices(subject, tree, work)
    reference = ['/usr/bin/python3', '-c', SCRIPT, *KINDS]
    run(reference, cwd=tree)  # warm
    time.sleep(3)  # what changed this very moment is not remembered
    title = 'devices of a pmaports (%d files)' % len(files)
    ours, theirs = interleaved(('pmkmod list devices --json', devices.list, devices.forget),
                               ('python3 reads the files, finds 3 symbols', lambda: run(
                                   reference, cwd=tree), None), rounds)
    report(title, ours, theirs, RATIO_TARGET)
    print('  target below %.0f ms: %s' % (READ_S * 1000, verdict(ours.median < READ_S)))
    devices.forget()
    memory = devices.memory_mib()
    print('  memory %.0f MiB, target below %d: %s' % (memory, MEMORY_MIB, verdict(memory < MEMORY_MIB)))
    devices.list()
    alone('the same, remembered', devices.list, rounds, REMEMBERED_S)
    name = min(os.path.basename(p) for p in glob.glob(os.path.join(tree, 'device/*/device-*')))
    alone('pmkmod plan of one device', lambda: devices.plan(name[len('device-'):]), rounds, PLAN_S)
