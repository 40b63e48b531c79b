#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make what a user of pmbootstrap has: a work folder, a pmaports, pmbootstrap's own configuration.

  make-work.py DIR CHANNEL ARCH [OWNER]

DIR/work is as `pmbootstrap build_init` and some builds leave it, with packages and an index that
pmkmod could not have written; DIR/pmaports is a git checkout in which branch main of upstream has
channels.cfg; DIR/pmbootstrap_v3.cfg names both. With OWNER (a uid) packages and keys belong to it.
"""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'standin'))
import apk_writer as apk  # noqa: E402

KEY = 'pmos@local-5f0e1d2c.rsa'
UPSTREAM = 'https://gitlab.postmarketos.org/postmarketOS/pmaports.git'


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w') as handle:
        handle.write(text)


def work_folder(work, channel, arch):
    abuild, keys = os.path.join(work, 'config_abuild'), os.path.join(work, 'config_apk_keys')
    write(os.path.join(work, 'version'), '8\n')
    write(os.path.join(work, 'workdir.cfg'), '[chroot-channels]\nnative = %s\n\n' % channel)
    os.makedirs(keys)
    write(os.path.join(abuild, 'abuild.conf'),
          '# Global settings\nPACKAGER="pmos <pmos@local>"\n'
          'PACKAGER_PRIVKEY="/home/pmos/.abuild/%s"\n' % KEY)
    key = os.path.join(abuild, KEY)
    apk.make_key(key)
    with open(key + '.pub') as handle:
        write(os.path.join(keys, KEY + '.pub'), handle.read())
    for name in (channel, 'systemd-' + channel):
        packages(os.path.join(work, 'packages', name, arch), arch, key)


def packages(folder, arch, key):
    """Two builds of one package, one with a name after ours; fields that only pmaports writes."""
    os.makedirs(folder)
    records = []
    for name, version in (('aaa', '1-r0'), ('aaa', '1.1-r0'), ('zzz-é', '2_git20200101-r3')):
        fields = {'pkgname': name.replace('é', 'e'), 'pkgver': version, 'arch': arch,
                  'pkgdesc': 'Of the porter, %s: é' % name, 'license': 'MIT', 'origin': 'aaa',
                  'builddate': 1700000000, 'url': 'http://x/?a=b:c', 'provider_priority': '10',
                  'commit': 'c0ffee-dirty', 'depend': ['busybox', '!vvv<2'],
                  'provides': ['cmd:a=1-r0', 'so:liba.so.1=1']}
        record = apk.write_package(folder, fields, [apk.Entry('usr/bin/' + fields['pkgname'],
                                                              content=b'x' * 100)], key)
        records.append(record + 'g:odd\n')
    # not in the order of names, as an index becomes that `apk index --index` has added to
    records.append(records.pop(0))
    apk.write_index(os.path.join(folder, 'APKINDEX.tar.gz'), records, key, algorithm='RSA',
                    description='2026-01-02T03:04:05', pax=True)


def pmaports(folder, channel):
    write(os.path.join(folder, 'pmaports.cfg'),
          '# comment\n[pmaports]\nversion=7\npmbootstrap_min_version=3.0.0\nchannel=%s\n'
          'supported_arches=aarch64,armv7,x86_64\nsupported_usr_merge=True\n\n[repo:systemd]\n'
          'pmaports_dir=systemd\n' % channel)
    section = ('[channels.cfg]\nrecommended=%s\n\n[%s]\ndescription=Of a test\n'
               'branch_pmaports=main\nbranch_aports=master\nmirrordir_alpine=edge\n')
    write(os.path.join(folder, 'channels.cfg'), section % (channel, channel))
    for name, options in (('postmarketos-ui-console', 'pmb:systemd'), ('vpoll-kmod', '')):
        write(os.path.join(folder, 'main', name, 'APKBUILD'),
              'pkgname=%s\npkgver=1\npkgrel=0\narch="noarch"\noptions="!check %s"\n'
              % (name, options))

    def git(*arguments):
        subprocess.run(['git', '-C', folder, '-c', 'user.name=t', '-c', 'user.email=t@t',
                        *arguments], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
    git('init', '-q', '-b', 'main')
    git('add', '-A')
    git('commit', '-q', '-m', 'test')
    git('remote', 'add', 'mine', 'https://example.org/pmaports.git')
    git('remote', 'add', 'up', UPSTREAM)
    git('update-ref', 'refs/remotes/up/main', 'HEAD')
    # the checkout's own copy is of another day
    write(os.path.join(folder, 'channels.cfg'), '[channels.cfg]\nrecommended=old\n')


def main():
    folder, channel, arch = sys.argv[1:4]
    work = os.path.join(folder, 'work')
    work_folder(work, channel, arch)
    pmaports(os.path.join(folder, 'pmaports'), channel)
    write(os.path.join(folder, 'pmbootstrap_v3.cfg'),
          '[pmbootstrap]\nwork = %s\nAPORTS: %s/pmaports\ndevice = qemu-aarch64\n\n[providers]\n\n'
          '[mirrors]\n' % (work, folder))
    os.chmod(os.path.join(folder, 'pmbootstrap_v3.cfg'), 0o600)
    if len(sys.argv) > 4:
        owner = int(sys.argv[4])
        for name in ('config_abuild', 'packages'):
            for path, folders, files in os.walk(os.path.join(work, name)):
                for each in [path] + [os.path.join(path, file) for file in files]:
                    os.chown(each, owner, owner if os.geteuid() == 0 else -1)


main()
