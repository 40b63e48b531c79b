# SPDX-License-Identifier: GPL-3.0-or-later
"""Against DKMS, where it is at home: this machine's own architecture, the same kernel's headers, the same source.

DKMS builds on this machine itself, with no sandbox, and makes no package: its `build` and, for root, its `install`
are held against pmkmod's whole way to a published package. All it writes is below the bench's work folder.
"""
import glob
import os
import re
import shutil
import subprocess

from kinds import MANY
from rounds import Series, report, timed
from subject import MODULE, Subject, run

TARGET = 1.0
DEVICES = {'x86_64': ('standin-x86_64', 'amd64'), 'aarch64': ('standin-aarch64', 'arm64')}


class Native(Subject):
    """The stand-in device of this machine's own architecture."""

    def __init__(self, like, device):
        super().__init__(os.path.dirname(like.program), os.path.dirname(like.state))
        self.device = device

    def argv(self, command, *options, module=MODULE):
        argv = super().argv(command, *options, module=module)
        argv[-2] = self.device
        return argv


def only(pattern):
    found = sorted(glob.glob(pattern))
    return found[-1] if found else None


class Kernel:
    """Debian's headers as they are in the stand-in's packages, at paths of their own, which their Makefiles name."""

    def __init__(self, debs, arch, folder):
        deb = only('%s/linux-headers-*-%s_*_%s.deb' % (debs, arch, arch))
        self.release = re.match('linux-headers-([^_]*)_', os.path.basename(deb)).group(1) if deb else None
        if not deb:
            return
        abi = self.release[:-len(arch) - 1]
        for name in (deb, only('%s/linux-headers-%s-common_*' % (debs, abi)),
                     only('%s/linux-kbuild-*_%s.deb' % (debs, arch))):
            run(['dpkg-deb', '-x', name, folder])
        self.headers = os.path.join(folder, 'usr/src/linux-headers-' + self.release)
        for path in glob.glob(self.headers + '/Makefile') + glob.glob(self.headers + '/.kernelvariables'):
            with open(path, encoding='utf-8') as f:
                text = f.read()
            with open(path, 'w', encoding='utf-8') as f:
                f.write(text.replace('/usr/src/', folder + '/usr/src/'))
        link = os.path.join(self.headers, 'scripts')
        os.unlink(link)
        os.symlink(only(folder + '/usr/lib/linux-kbuild-*/scripts'), link)
        tools = os.path.join(self.headers, 'tools')
        if os.path.islink(tools):
            os.unlink(tools)
            os.symlink(only(folder + '/usr/lib/linux-kbuild-*/tools'), tools)


class Dkms:
    def __init__(self, folder, kernel, deb):
        self.folder, self.kernel = folder, kernel
        run(['dpkg-deb', '-x', deb, folder + '/package'])
        source = only(folder + '/package/usr/src/*')
        self.name, self.version = os.path.basename(source).rsplit('-', 1)
        os.makedirs(folder + '/source')
        os.rename(source, '%s/source/%s-%s' % (folder, self.name, self.version))

    def forget(self):
        shutil.rmtree(self.folder + '/tree', ignore_errors=True)
        shutil.rmtree(self.folder + '/install', ignore_errors=True)
        os.makedirs(self.folder + '/tree')
        os.makedirs('%s/install/%s' % (self.folder, self.kernel.release))
        self.call('add')

    def call(self, command, *options):
        where = ['--dkmstree', self.folder + '/tree', '--sourcetree', self.folder + '/source',
                 '--installtree', self.folder + '/install']
        if command != 'add':
            where += ['-k', self.kernel.release, '--kernelsourcedir', self.kernel.headers]
        run(['dkms', command, '-m', self.name, '-v', self.version, *where, *options])

    def build(self):
        self.call('build')
        if os.geteuid() == 0:
            # the machine's own modules are not this kernel's
            self.call('install', '--no-depmod')


def source_deb(subject, package, folder):
    """The Debian package of a module, from the stand-in or by apt; None if neither has it."""
    deb = only('%s/debs/%s_*.deb' % (subject.standin, package))
    if not deb:
        subprocess.run(['apt-get', 'download', '-q', package], cwd=folder, capture_output=True, check=False)
        deb = only('%s/%s_*.deb' % (folder, package))
    return deb


def one(subject, kernel, package, work, rounds):
    folder = os.path.join(work, 'dkms-' + package)
    os.makedirs(folder)
    deb = source_deb(subject, package, folder)
    if not deb:
        print('dkms: %s: not measured, apt-get download does not give it' % package, flush=True)
        return
    theirs = Dkms(folder, kernel, deb)
    subject.call('build', module=deb)
    a, b = Series('pmkmod build --rebuild'), Series('dkms build%s' % ('' if os.geteuid() else ' and install'))
    for _ in range(rounds):
        timed(a, lambda: subject.call('build', '--rebuild', '-q', module=deb))
        timed(b, theirs.build, theirs.forget)
    report('native build of %s; DKMS' % package, a, b, TARGET)


def measure(subject, work, rounds, rounds_many):
    device, arch = DEVICES.get(os.uname().machine, (None, None))
    if not device or not shutil.which('dkms'):
        print('dkms: not measured, %s' % ('there is no dkms' if device else 'no device of this machine'), flush=True)
        return
    folder = os.path.join(work, 'dkms-kernel')
    os.makedirs(folder)
    kernel = Kernel(os.path.join(subject.standin, 'debs'), arch, folder)
    if not kernel.release:
        print("dkms: not measured, the stand-in's folder has no headers for %s" % arch, flush=True)
        return
    native = Native(subject, device)
    one(native, kernel, MODULE + '-dkms', work, rounds)
    one(native, kernel, MANY, work, rounds_many)
