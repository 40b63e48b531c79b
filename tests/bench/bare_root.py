# SPDX-License-Identifier: GPL-3.0-or-later
"""What pmkmod is measured against: the same make in a plain folder, entered by unshare and chroot."""
import glob
import os
import shutil

from subject import BenchError, run

HERE = os.path.dirname(os.path.abspath(__file__))
# of an .apk: not .PKGINFO, signature and scripts
FILES_ONLY = ('--anchored', '--exclude=.*', '--warning=none')
MOUNT_POINTS = ('proc', 'dev', 'tmp', 'mnt', 'build')

# Linux' Documentation/admin-guide/binfmt-misc.rst; ELF header of a 64-bit little-endian program for
# EM_AARCH64. F: the program is opened now, so it need not be inside the root. P: it is told argv[0], which
# busybox lives by.
BINFMT_AARCH64 = (r':bench-aarch64:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00'
                  r':\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:%s:FP')


class BareRoot:
    def __init__(self, folder, layers):
        """Copies of layers, lowest first: the originals stay as they are."""
        self.folder = folder
        self.qemu = ''
        self.source = None
        self.work = folder + '.work'
        os.makedirs(folder)
        for layer in layers:
            run(['cp', '-a', '--reflink=auto', layer + '/.', folder])
        for name in MOUNT_POINTS:
            os.makedirs(os.path.join(folder, name), exist_ok=True)

    def add_package(self, path):
        """The files of one more package; the members of an .apk that are not files stay out."""
        run(['tar', '-xzf', path, '-C', self.folder, *FILES_ONLY, '--overwrite'])

    def emulate(self):
        program = shutil.which('qemu-aarch64-static') or shutil.which('qemu-aarch64')
        if not program:
            raise BenchError('there is no qemu-aarch64-static on PATH')
        self.qemu = '%s %s' % (program, BINFMT_AARCH64 % program)

    def kernel_dir(self):
        found = glob.glob(os.path.join(self.folder, 'usr/lib/modules/*/build'))
        if len(found) != 1:
            raise BenchError('%s: there must be one set of headers, not %d' % (self.folder, len(found)))
        return found[0][len(self.folder):]

    def fresh_source(self):
        """Forget what the last make left."""
        shutil.rmtree(self.work, ignore_errors=True)
        shutil.copytree(self.source, os.path.join(self.work, 'src'), symlinks=True)

    def make(self, cross, below=''):
        jobs = os.sysconf('SC_NPROCESSORS_ONLN')
        run(['unshare', '-r', '--mount', '--pid', '--fork', os.path.join(HERE, 'bare_make'),
             self.folder, self.work, self.qemu,
             'make', '-j%d' % jobs, '-C', self.kernel_dir(), 'M=/build/src/' + below, 'ARCH=arm64',
             'CROSS_COMPILE=' + cross, 'KBUILD_MODPOST_WARN=1', 'modules'])

    def module(self, name):
        return os.path.join(self.work, 'src', name + '.ko')


def module_source(repository, package, folder):
    """The source a package ships below /usr/src; returns its folder."""
    os.makedirs(folder)
    run(['tar', '-xzf', package_file(repository, package), '-C', folder, *FILES_ONLY])
    found = glob.glob(os.path.join(folder, 'usr/src/*'))
    if len(found) != 1:
        raise BenchError('%s ships %d folders in /usr/src' % (package, len(found)))
    return found[0]


def package_file(repository, name):
    found = [p for p in glob.glob(os.path.join(repository, name + '-*.apk'))
             if os.path.basename(p)[len(name) + 1].isdigit()]
    if len(found) != 1:
        raise BenchError('%s has %d packages %s' % (repository, len(found), name))
    return found[0]
