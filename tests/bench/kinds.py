# SPDX-License-Identifier: GPL-3.0-or-later
"""Every kind of source against a bare make of the same files: one file, and a module of many."""
import glob
import os
import shutil
import subprocess

from bare_root import module_source
from builds import HYBRID_TARGET, MANY_SHARE, MANY_TARGET, bare_native
from rounds import Series, report, timed
from subject import MODULE, BenchError, Times, run

AKMBUILD = 'modname=%s\nmodver=1\nbuilt_modules="%s.ko"\n' % (MODULE, MODULE)
MANY = 'jool-dkms'
MANY_MODULES = ('common', 'nat64', 'siit')


def variant(folder, name, source):
    """A copy of the source without any description but its Makefile."""
    to = os.path.join(folder, name)
    shutil.copytree(source, to, symlinks=True)
    os.unlink(os.path.join(to, 'dkms.conf'))
    return to


def write(path, text):
    with open(path, 'w', encoding='utf-8') as f:
        f.write(text)


def in_git(folder, *words):
    run(['git', '-C', folder, '-c', 'user.name=Bench', '-c', 'user.email=bench@example.org', *words])


def kinds(folder, source, standin):
    """(title, what pmkmod is given) of every kind of source."""
    own = variant(folder, 'own', source)
    kbuild = variant(folder, 'kbuild', source)
    os.unlink(os.path.join(kbuild, 'Makefile'))
    write(os.path.join(kbuild, 'Kbuild'), 'obj-m := %s.o\n' % MODULE)
    akms = variant(folder, 'akms', source)
    write(os.path.join(akms, 'AKMBUILD'), AKMBUILD)
    history = variant(folder, 'history', source)
    in_git(history, 'init', '-q', '-b', 'main')
    in_git(history, 'add', '-A')
    in_git(history, 'commit', '-q', '-m', 'first')
    archive = os.path.join(folder, 'archive.tar.gz')
    run(['tar', '-czf', archive, '-C', folder, 'own'])
    found = [('package of an Alpine repository', MODULE), ('folder with a Kbuild file', kbuild),
             ('folder with its own Makefile', own), ('folder with a dkms.conf', source),
             ('folder with an AKMBUILD', akms), ('archive', archive),
             ('git repository', 'git+file://%s#main' % history)]
    debs = glob.glob(os.path.join(standin, 'debs', MODULE + '-dkms_*.deb'))
    return found + [('Debian package', debs[0])] if debs else found


def one_file(subject, work, rounds):
    standin = os.path.join(subject.standin, 'mirror/v1/main')
    folder = os.path.join(work, 'kinds')
    os.makedirs(folder)
    subject.call('build')
    plan = subject.plan()
    root = bare_native(plan, folder, standin)
    root.source = module_source(os.path.join(standin, 'aarch64'), MODULE + '-src', folder + '/source')
    bare = Series('bare native cross make')
    ours = [(Series(title), what) for title, what in kinds(folder, root.source, subject.standin)]
    for _, what in ours:
        subject.call('build', module=what)
    for _ in range(rounds):
        for series, what in ours:
            timed(series, lambda: subject.call('build', '--rebuild', '-q', module=what))
        timed(bare, lambda: root.make(plan.facts.get('cross', '')), root.fresh_source)
    ratios = [report('source: ' + series.name, series, bare, HYBRID_TARGET) for series, _ in ours]
    return root, max(ratios)


def many_files(subject, root, work, rounds):
    """The package is Debian's; where apt does not give it, that is said."""
    folder = os.path.join(work, 'many')
    os.makedirs(folder)
    got = subprocess.run(['apt-get', 'download', '-q', MANY], cwd=folder, capture_output=True, check=False)
    debs = glob.glob(os.path.join(folder, MANY + '_*.deb'))
    if got.returncode or not debs:
        print('source: %s: not measured, apt-get download does not give it' % MANY, flush=True)
        return 0
    run(['dpkg-deb', '-x', debs[0], folder])
    root.source = glob.glob(os.path.join(folder, 'usr/src/*'))[0]
    files = sum(name.endswith('.c') for _, _, names in os.walk(root.source) for name in names)
    subject.call('build', module=debs[0])
    cross = subject.plan().facts.get('cross', '')
    ours, bare, times = Series(MANY), Series('bare native cross make'), Times()

    def make():
        for name in MANY_MODULES:
            root.make(cross, 'src/mod/' + name)

    for _ in range(rounds):
        timed(ours, lambda: subject.rebuild(times, module=debs[0]))
        timed(bare, make, root.fresh_source)
    if not glob.glob(os.path.join(root.work, 'src/src/mod/*/*.ko')):
        raise BenchError('the bare make of %s made no module' % MANY)
    ratio = report('source: %s, %d files' % (MANY, files), ours, bare, MANY_TARGET)
    times.report(MANY, MANY_SHARE)
    print('  processors used: ours %.2f, bare make %.2f' % (ours.median_cpu / ours.median,
                                                           bare.median_cpu / bare.median), flush=True)
    return ratio


def measure(subject, work, rounds):
    """The worst ratio of one file."""
    return one_file(subject, work, rounds)[1]


def many(subject, work, rounds):
    standin = os.path.join(subject.standin, 'mirror/v1/main')
    folder = os.path.join(work, 'many-root')
    os.makedirs(folder)
    subject.call('build')
    root = bare_native(subject.plan(), folder, standin)
    return many_files(subject, root, work, rounds)
