#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""apt with its own state: any architecture's packages, without root, the host's apt untouched.

One folder per architecture, because apt then needs no foreign architecture at all: for it the machine simply
is an arm64. From the host come the sources, the trusted keys and how to reach the network (Acquire::*,
proxies included); not its hooks, which would act on the host.
"""
import glob
import hashlib
import os
import re
import shutil
import subprocess
import time

from deb_reader import paragraphs

WANTED_FIELDS = ('Package', 'Version', 'Architecture', 'Depends', 'Pre-Depends', 'Provides', 'Size', 'SHA256',
                 'Filename', 'Source', 'Homepage', 'Maintainer', 'Description', 'Installed-Size')
# apt's lists of today are good for half a day; --refresh asks at once.
LIST_AGE = 12 * 3600


class AptError(Exception):
    pass


def _host_setting(name):
    return subprocess.run(['apt-config', 'shell', 'value', name], stdout=subprocess.PIPE, text=True,
                          check=True).stdout.strip().partition('=')[2].strip("'")


class PrivateApt:
    def __init__(self, folder, architecture):
        self.folder = os.path.abspath(folder)
        self.architecture = architecture
        self._conf = os.path.join(self.folder, 'apt.conf')
        self._environment = dict(os.environ, APT_CONFIG=self._conf, LC_ALL='C.UTF-8')

    def _set_up(self):
        for part in ('lists/partial', 'cache/archives/partial', 'sources.list.d', 'empty.d'):
            os.makedirs(os.path.join(self.folder, part), exist_ok=True)
        with open(os.path.join(self.folder, 'status'), 'a', encoding='utf-8'):
            pass
        self._copy_sources()
        acquire = subprocess.run(['apt-config', 'dump', '--format', '%F "%v";%n', 'Acquire'],
                                 stdout=subprocess.PIPE, text=True, check=True).stdout
        keep = [line for line in acquire.splitlines()
                if line.startswith('Acquire::') and not line.startswith('Acquire::IndexTargets')
                and not line.startswith('Acquire::Languages')]
        own = {
            'Dir::State': self.folder,
            'Dir::State::lists': 'lists/',
            'Dir::State::status': os.path.join(self.folder, 'status'),
            'Dir::Cache': os.path.join(self.folder, 'cache'),
            'Dir::Etc::parts': os.path.join(self.folder, 'empty.d'),
            'Dir::Etc::main': '/dev/null',
            'Dir::Etc::sourcelist': os.path.join(self.folder, 'sources.list'),
            'Dir::Etc::sourceparts': os.path.join(self.folder, 'sources.list.d'),
            'Dir::Etc::preferences': '/dev/null',
            'Dir::Etc::preferencesparts': os.path.join(self.folder, 'empty.d'),
            'Acquire::Languages': 'none',
            'APT::Architecture': self.architecture,
            'APT::Get::List-Cleanup': 'false',
            # The output folder may be closed to apt's own user; an ordinary user has no choice anyway.
            'APT::Sandbox::User': 'root',
        }
        lines = keep + ['%s "%s";' % item for item in own.items()]
        lines.append('APT::Architectures { "%s"; };' % self.architecture)
        _write_if_changed(self._conf, '\n'.join(lines) + '\n')

    def _copy_sources(self):
        """The host's sources, without a restriction to the host's architecture."""
        wanted = {}
        main = _host_setting('Dir::Etc::sourcelist/f') or '/etc/apt/sources.list'
        parts = _host_setting('Dir::Etc::sourceparts/d') or '/etc/apt/sources.list.d'
        files = [main] + sorted(glob.glob(os.path.join(parts, '*.list'))
                                + glob.glob(os.path.join(parts, '*.sources')))
        for path in files:
            if not os.path.exists(path):
                continue
            with open(path, encoding='utf-8') as handle:
                text = handle.read()
            text = re.sub(r'(?im)^Architectures:.*\n', '', text)
            text = re.sub(r'\barch=[^\s\]]+', '', text)
            text = re.sub(r'(?m)^(deb(?:-src)?\s+)\[\s*\]', r'\1', text)
            name = 'sources.list' if path == main else 'sources.list.d/' + os.path.basename(path)
            wanted[os.path.join(self.folder, name)] = text
        if not wanted:
            raise AptError('this machine has no apt sources; the stand-in is made from Debian packages')
        for path, text in wanted.items():
            _write_if_changed(path, text)
        for path in glob.glob(os.path.join(self.folder, 'sources.list.d', '*')):
            if path not in wanted:
                os.unlink(path)

    def _run(self, *command, cwd=None):
        return subprocess.run(command, env=self._environment, cwd=cwd, text=True, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)

    def refresh(self, force, say):
        """Fetch the lists if they are missing or old. An old list is better than none: it only warns."""
        self._set_up()
        stamp = os.path.join(self.folder, 'refreshed')
        if not force and os.path.exists(stamp) and time.time() - os.path.getmtime(stamp) < LIST_AGE:
            return
        for attempt in range(3):
            result = self._run('apt-get', '-q', 'update')
            failed = [line for line in result.stdout.splitlines() if line.startswith(('E:', 'W:', 'Err:'))]
            if result.returncode == 0 and not failed:
                break
            time.sleep(attempt)
        if failed:
            say('apt (%s): %s' % (self.architecture, failed[0]))
        if not glob.glob(os.path.join(self.folder, 'lists', '*_Packages*')):
            raise AptError('apt-get update gave no package list for %s:\n%s'
                           % (self.architecture, result.stdout[-2000:]))
        with open(stamp, 'w', encoding='utf-8'):
            pass
        if failed:
            # A mirror half way through its own update: ask again in an hour.
            then = time.time() - LIST_AGE + 3600
            os.utime(stamp, (then, then))

    def state(self):
        """A text that changes when what apt offers may have changed."""
        digest = hashlib.sha256()
        for path in sorted(glob.glob(os.path.join(self.folder, 'lists', '*'))):
            if os.path.isfile(path) and not path.endswith('lock'):
                status = os.stat(path)
                digest.update(('%s %d %d\n' % (os.path.basename(path), status.st_size,
                                               status.st_mtime_ns)).encode())
        return digest.hexdigest()

    def available(self):
        """name -> fields, of the version apt would install of every package."""
        result = subprocess.Popen(['apt-cache', 'dumpavail'], env=self._environment, text=True,
                                  encoding='utf-8', errors='replace', stdout=subprocess.PIPE)
        found = {}
        with result:
            for fields in paragraphs(result.stdout):
                if fields.get('Architecture') in (self.architecture, 'all') and 'SHA256' in fields:
                    found.setdefault(fields['Package'], {key: fields[key] for key in WANTED_FIELDS
                                                         if key in fields})
        if not found:
            raise AptError('apt offers no packages for ' + self.architecture)
        return found

    def download(self, packages, debs, say):
        """Bring each package (fields as from available()) into the folder debs, verified."""
        missing = [fields for fields in packages
                   if not os.path.exists(os.path.join(debs, deb_name(fields)))]
        if not missing:
            return 0
        partial = os.path.join(debs, 'partial')
        os.makedirs(partial, exist_ok=True)
        say('%s: downloading %d packages, %.0f MB' % (
            self.architecture, len(missing), sum(int(fields['Size']) for fields in missing) / 1e6))
        output = ''
        for _ in range(3):
            names = ['%s=%s' % (fields['Package'], fields['Version']) for fields in missing]
            output = self._run('apt-get', '-q', 'download', *names, cwd=partial).stdout
            still = []
            for fields in missing:
                path = os.path.join(partial, deb_name(fields))
                if os.path.exists(path) and _sha256(path) == fields['SHA256']:
                    os.rename(path, os.path.join(debs, deb_name(fields)))
                else:
                    still.append(fields)
            count, missing = len(missing) - len(still), still
            if not missing:
                shutil.rmtree(partial, ignore_errors=True)
                return count
        raise AptError('apt could not download %s:\n%s' % (
            ', '.join(fields['Package'] for fields in missing), output[-2000:]))


def deb_name(fields):
    """The file name apt-get download gives a package."""
    return '%s_%s_%s.deb' % (fields['Package'], fields['Version'].replace(':', '%3a'),
                             fields['Architecture'])


def _sha256(path):
    with open(path, 'rb') as handle:
        return hashlib.file_digest(handle, 'sha256').hexdigest()


def _write_if_changed(path, text):
    try:
        with open(path, encoding='utf-8') as handle:
            if handle.read() == text:
                return
    except FileNotFoundError:
        pass
    with open(path + '.new', 'w', encoding='utf-8') as handle:
        handle.write(text)
    os.rename(path + '.new', path)
