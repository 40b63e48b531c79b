#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A built kernel as pmaports' kernels come: one package, in a signed repository, without headers."""
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'standin'))
import apk_writer as apk  # noqa: E402

KEY = 'kernels.rsa'
TIME = 1767225600


def ensure_key(folder, locked):
    """The key that signs all of them; `keys` beside it is what pmkmod is told to trust."""
    with locked(folder):
        if not os.path.exists(os.path.join(folder, 'keys', KEY + '.pub')):
            os.makedirs(os.path.join(folder, 'keys'), exist_ok=True)
            private = os.path.join(folder, KEY)
            apk.make_key(private)
            os.rename(private + '.pub', os.path.join(folder, 'keys', KEY + '.pub'))


def _tree(entries, folder, below):
    for base, names, files in os.walk(folder):
        names.sort()
        inside = os.path.normpath(os.path.join(below, os.path.relpath(base, folder)))
        entries.append(apk.Entry(inside, kind='dir', mtime=TIME))
        for name in sorted(files):
            with open(os.path.join(base, name), 'rb') as handle:
                entries.append(apk.Entry(os.path.join(inside, name), content=handle.read(), mtime=TIME))


def make(kernel, folder, flavor, arch, version, key_folder, with_config):
    """Write folder/keys and folder/repository/<arch>, of the built kernel in the folder `kernel`.

    Other architectures have an index without packages.
    """
    with open(os.path.join(kernel, 'kernel.release'), encoding='utf-8') as handle:
        release = handle.read().strip()
    entries = [apk.Entry(name, kind='dir', mtime=TIME) for name in (
        'boot', 'usr', 'usr/lib', 'usr/lib/modules', 'usr/share', 'usr/share/kernel',
        'usr/share/kernel/' + flavor)]
    shipped = [('image', 'boot/vmlinuz'), ('kernel.release', 'usr/share/kernel/%s/kernel.release' % flavor)]
    if with_config:
        shipped.append(('config', 'boot/config'))
    for name, path in shipped:
        with open(os.path.join(kernel, name), 'rb') as handle:
            entries.append(apk.Entry(path, content=handle.read(), mtime=TIME))
    _tree(entries, os.path.join(kernel, 'modules'), 'usr/lib/modules/' + release)
    entries.sort(key=lambda entry: entry.name)
    key = os.path.join(key_folder, KEY)
    shutil.copytree(os.path.join(key_folder, 'keys'), os.path.join(folder, 'keys'))
    for one in ('aarch64', 'armv7', 'riscv64', 'x86_64'):
        target = os.path.join(folder, 'repository', one)
        os.makedirs(target)
        records = []
        if one == arch:
            fields = {'pkgname': 'linux-' + flavor, 'pkgver': version + '-r0', 'arch': arch, 'builddate': TIME,
                      'pkgdesc': 'Kernel of a phone that the tests made up', 'license': 'GPL-2.0-only',
                      'origin': 'linux-' + flavor}
            records.append(apk.write_package(target, fields, entries, key))
        apk.write_index(os.path.join(target, 'APKINDEX.tar.gz'), records, key, description='kernels')
