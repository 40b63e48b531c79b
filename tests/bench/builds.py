# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole builds against a bare make: native tools, and everything under qemu-user."""
import os

from bare_root import BareRoot, module_source, package_file
from rounds import interleaved, report
from subject import DEVICE, MODULE, BenchError, Times

HYBRID_TARGET = 1.15
MANY_TARGET = 1.05
FULL_TARGET = 1.05
# the largest share of a stage other than make itself
ONE_FILE_SHARE = 0.15
MANY_SHARE = 0.05


def bare_native(plan, work, standin):
    """The native layer, the phone's headers, and the kbuild programs of this machine: no qemu."""
    root = BareRoot(os.path.join(work, 'bare-native'),
                    [plan.content('native'), plan.content('headers')])
    own = os.path.join(standin, os.uname().machine)
    root.add_package(package_file(own, 'kernel-scripts-standin'))
    return root


def bare_full(plan, work, _standin):
    """The phone's root and headers; everything runs under qemu-user."""
    root = BareRoot(os.path.join(work, 'bare-full'),
                    [plan.content('toolchain'), plan.content('headers')])
    root.emulate()
    return root


def measure(subject, work, rounds, options, make_root, title, target):
    standin = os.path.join(subject.standin, 'mirror/v1/main')
    subject.call('build', *options)  # layers and packages at hand
    plan = subject.plan(*options)
    root = make_root(plan, work, standin)
    root.source = module_source(os.path.join(standin, 'aarch64'), MODULE + '-src',
                                root.folder + '.source')
    cross = plan.facts.get('cross', '')
    root.fresh_source()
    root.make(cross)
    if not os.path.exists(root.module(MODULE)):
        raise BenchError('the bare make made no %s' % root.module(MODULE))
    times = Times()
    a, b = interleaved(
        ('pmkmod ' + ' '.join(options) + (' ' if options else '') + 'build --rebuild',
         lambda: subject.rebuild(times, *options), None),
        (title[1], lambda: root.make(cross), root.fresh_source), rounds)
    ratio = report(title[0], a, b, target)
    times.report('%s%s' % (MODULE, ', emulated' if root.qemu else ''), ONE_FILE_SHARE)
    return ratio


def hybrid(subject, work, rounds):
    return measure(subject, work, rounds, (), bare_native,
                   ('hybrid build of %s for %s' % (MODULE, DEVICE), 'bare native cross make'),
                   HYBRID_TARGET)


def full(subject, work, rounds):
    return measure(subject, work, rounds, ('--emulate', 'full'), bare_full,
                   ('fully emulated build of %s for %s' % (MODULE, DEVICE),
                    'make in a bare qemu-user chroot'), FULL_TARGET)
