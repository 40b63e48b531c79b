#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Convert the data of Debian packages into the data member of one .apk, streaming.

The result is cached as two files: the finished gzip member and a .json of what was seen on the way (sizes,
commands, libraries). Control files and signatures are made later, from those, and cost next to nothing.
"""
import contextlib
import dataclasses
import hashlib
import json
import os
import posixpath
import re
import stat
import struct
import tempfile

import apk_writer
import deb_reader
import segment_gzip
from apk_writer import Entry

MERGED = ('bin', 'sbin', 'lib', 'lib64', 'lib32', 'libx32', 'libo32')
# What Alpine splits off into -doc and -lang packages, and what only Debian's own tools read.
DROPPED = re.compile(r'''(?x)
    usr/share/(man|info|locale|lintian|bug|doc-base|menu|initramfs-tools|bash-completion|gdb|pixmaps|zsh
               |applications|reportbug)(/.*)?
    | usr/share/doc/(?!.*/copyright$).*/.*
    | usr/share/doc/[^/]+(?<!/)$
    | etc/(init\.d|init|default|cron\.[a-z]+|skel|alternatives|kernel)(/.*)?
    | usr/lib/gcc(-cross)?/.*/lib(asan|hwasan|itm|lsan|quadmath|tsan|ubsan)[._].*
    | usr/lib/systemd(/.*)? | usr/lib/(python3?|valgrind)(/.*)? | usr/libexec/dpkg(/.*)?
    ''')
# An ELF file up to this size is looked into; larger ones (cc1) need nothing their package does not name.
ELF_LIMIT = 8 << 20
CHUNK = 1 << 20
LIBRARY = re.compile(r'usr/lib(64)?(/[a-z0-9_]+-linux-gnu[a-z0-9]*)?/([^/]+)\Z')
COMMAND = re.compile(r'usr/s?bin/([^/@]+)\Z')


@dataclasses.dataclass
class Job:
    """One package to make. Everything that decides the result is in here, for the cache's key."""
    name: str
    arch: str
    machine: int
    debs: list = dataclasses.field(default_factory=list)      # paths
    hashes: list = dataclasses.field(default_factory=list)    # their SHA-256
    entries: list = dataclasses.field(default_factory=list)   # entries of our own
    renames: list = dataclasses.field(default_factory=list)   # (regular expression, replacement)
    drops: list = dataclasses.field(default_factory=list)     # regular expressions
    bytes: int = 0

    def key(self, converter):
        parts = [converter, self.name, self.arch, str(self.machine), repr(self.hashes), repr(self.entries),
                 repr(self.renames), repr(self.drops)]
        return hashlib.sha256('\0'.join(parts).encode()).hexdigest()[:24]


def merge_path(path):
    """usr-merge: bin/ls -> usr/bin/ls. The links bin -> usr/bin belong to the base layout."""
    first = path.partition('/')[0]
    return 'usr/' + path if first in MERGED else path


def merge_target(old_path, target):
    """A relative link's target, seen from where the link has moved to."""
    new_path = merge_path(old_path)
    if target.startswith('/') or new_path == old_path:
        return target
    absolute = posixpath.normpath(posixpath.join(posixpath.dirname('/' + old_path), target))
    return posixpath.relpath('/' + merge_path(absolute.lstrip('/')), posixpath.dirname('/' + new_path))


def elf_facts(data, machine):
    """(SONAME or None, [NEEDED]) of a dynamic ELF file of the wanted machine, else None."""
    try:
        if data[:4] != b'\x7fELF' or data[5] != 1:
            return None
        wide = data[4] == 2
        kind, found = struct.unpack_from('<HH', data, 16)
        if kind not in (2, 3) or found != machine:
            return None
        offset = struct.unpack_from('<Q', data, 32)[0] if wide else struct.unpack_from('<I', data, 28)[0]
        size, count = struct.unpack_from('<HH', data, 54 if wide else 42)
        loads, dynamic = [], None
        for index in range(count):
            at = offset + index * size
            if wide:
                tag, _, place, address, _, length = struct.unpack_from('<IIQQQQ', data, at)
            else:
                tag, place, address, _, length = struct.unpack_from('<IIIII', data, at)
            if tag == 1:
                loads.append((address, place, length))
            elif tag == 2:
                dynamic = place, length
        if dynamic is None:
            return None
        table = [pair for pair in struct.iter_unpack(
            '<QQ' if wide else '<II', data[dynamic[0]:dynamic[0] + dynamic[1]])]
        base = next(value for tag, value in table if tag == 5)
        strings = next(place + base - address for address, place, length in loads
                       if address <= base < address + length)

        def text(value):
            end = data.index(b'\0', strings + value)
            return data[strings + value:end].decode()
        sonames = [text(value) for tag, value in table if tag == 14]
        return sonames[0] if sonames else None, [text(value) for tag, value in table if tag == 1]
    except (struct.error, IndexError, ValueError, StopIteration):
        return None


class _Collector:
    """Gathers one package's entries; contents go to the spool at once."""

    def __init__(self, job, spool):
        self.job, self._spool = job, spool
        self.entries = {}
        self.pieces = {}
        self.sonames, self.needed = {}, set()
        self._drops = [re.compile(pattern) for pattern in job.drops]
        self._renames = [(re.compile(pattern), new) for pattern, new in job.renames]
        self._had_children = set()

    def place(self, raw):
        """Where a path of a Debian package goes; None if it is dropped."""
        old = posixpath.normpath(raw).lstrip('/')
        if old in ('.', '') or old in MERGED:
            return None
        path = merge_path(old)
        self._had_children.add(posixpath.dirname(path))
        if DROPPED.fullmatch(path) or any(pattern.fullmatch(path) for pattern in self._drops):
            return None
        for pattern, new in self._renames:
            path = pattern.sub(new, path)
        return path

    def take(self, info, content):
        path = self.place(info.name)
        if path is None:
            return
        entry = Entry(path, mode=stat.S_IMODE(info.mode), uid=info.uid, gid=info.gid,
                      uname=info.uname or 'root', gname=info.gname or 'root', mtime=int(info.mtime))
        if info.isdir():
            entry.kind = 'dir'
        elif info.issym():
            entry.kind, entry.mode = 'link', 0o777
            old = posixpath.normpath(info.name).lstrip('/')
            entry.target = merge_target(old, info.linkname)
        elif info.islnk():
            entry.kind, entry.target = 'hard', self.place(info.linkname) or ''
        elif not info.isreg():
            return
        known = self.entries.get(path)
        if known and (known.kind in ('file', 'hard') or entry.kind == 'dir'):
            # bin/x and usr/bin/x -> /bin/x become one: the file is what is meant.
            return
        if entry.kind == 'file':
            self.pieces[path] = self._store(entry, path, content, info.size)
        self.entries[path] = entry

    def own(self, entry):
        entry = dataclasses.replace(entry)
        if entry.kind == 'file':
            self.pieces[entry.name] = self._store(entry, entry.name, None, len(entry.content))
            entry.content = b''
        self.entries[entry.name] = entry

    def _store(self, entry, path, stream, size):
        """Content -> the spool; sets the entry's checksum. Returns (piece or None, size)."""
        digest = hashlib.sha1()

        def chunks():
            if stream is None:
                yield entry.content
            else:
                limit = ELF_LIMIT if size <= ELF_LIMIT else CHUNK
                while chunk := stream.read(limit):
                    if size <= ELF_LIMIT:
                        self._look(path, chunk)
                    yield chunk

        def hashed():
            for chunk in chunks():
                digest.update(chunk)
                yield chunk
            yield apk_writer.pad(size)
        piece = self._spool.add(hashed()) if size else None
        entry.checksum = digest.hexdigest()
        return piece, size

    def _look(self, path, data):
        if data[:4] != b'\x7fELF' or path.endswith('.ko'):
            return
        facts = elf_facts(data, self.job.machine)
        if facts:
            self.needed.update(facts[1])
            if facts[0] and LIBRARY.match(path):
                self.sonames[facts[0]] = posixpath.basename(path)

    def finish(self):
        """Sorted entries with their parents; hard links after what they link to."""
        for path, entry in list(self.entries.items()):
            if entry.kind == 'dir' and path in self._had_children:
                # Comes back as a parent if anything below it was kept.
                self.entries['\0' + path] = self.entries.pop(path)
        remembered = {path[1:]: self.entries.pop(path) for path in list(self.entries) if path[0] == '\0'}
        for path in list(self.entries):
            parent = posixpath.dirname(path)
            while parent and parent not in self.entries:
                self.entries[parent] = remembered.get(parent) or Entry(parent, kind='dir', mode=0o755)
                parent = posixpath.dirname(parent)
        for path in sorted(self.entries, key=os.fsencode):
            entry = self.entries[path]
            if entry.kind == 'hard':
                self._first_gets_content(path, entry)
        return [self.entries[path] for path in sorted(self.entries, key=os.fsencode)]

    def _first_gets_content(self, path, entry):
        target = entry.target
        while self.entries.get(target) and self.entries[target].kind == 'hard':
            target = self.entries[target].target
        real = self.entries.get(target)
        if real is None or real.kind != 'file':
            raise deb_reader.DebError('%s: hard link %s has no target' % (self.job.name, path))
        entry.target = target
        if os.fsencode(path) < os.fsencode(target):
            self.pieces[path] = self.pieces.pop(target)
            self.entries[path] = dataclasses.replace(real, name=path)
            self.entries[target] = dataclasses.replace(entry, name=target, target=path)


def so_version(soname, filename):
    """abuild's version of a library: what the file's name says after .so. - libz.so.1.2.13 -> 1.2.13."""
    match = re.search(r'\.so\.(\d+(?:\.\d+)*)\Z', filename)
    return match.group(1) if match else '0'


def _facts(collector, entries):
    commands, libraries = set(), {}
    for entry in entries:
        command = COMMAND.match(entry.name)
        if command and entry.kind in ('file', 'link', 'hard'):
            commands.add(command.group(1))
    for soname, filename in collector.sonames.items():
        libraries[soname] = so_version(soname, filename)
    return {
        'size': sum(size for _, size in collector.pieces.values()),
        'files': sum(entry.kind != 'dir' for entry in entries),
        'commands': sorted(commands),
        'libraries': libraries,
        'needed': sorted(collector.needed - set(libraries)),
        'builddate': 0,
    }


def convert(job, cache, key):
    """Make cache/<name>-<key>.data and .json; returns the facts."""
    base = os.path.join(cache, '%s-%s' % (job.name, key))
    with contextlib.suppress(FileNotFoundError), open(base + '.json', encoding='utf-8') as handle:
        return json.load(handle)
    # The large packages are large because of kernel modules and compilers: time matters more there.
    level = 1 if job.bytes > 2_000_000 else 6
    with tempfile.TemporaryFile(dir=cache) as spool_handle:
        collector = _Collector(job, segment_gzip.Spool(spool_handle, level))
        for deb in job.debs:
            for info, content in deb_reader.entries(deb):
                collector.take(info, content)
        for entry in job.entries:
            collector.own(entry)
        entries = collector.finish()
        facts = _facts(collector, entries)
        if not entries:
            # abuild puts a file apk ignores into a package without any.
            collector.own(Entry('.dummy'))
            entries = list(collector.entries.values())
        if job.debs:
            facts['builddate'] = max(deb_reader.build_time(deb) for deb in job.debs)

        def parts():
            for entry in entries:
                piece, size = collector.pieces.get(entry.name, (None, 0))
                yield apk_writer.header(entry, size)
                if piece:
                    yield piece
            yield apk_writer.END_OF_ARCHIVE
        temporary = '%s.new.%d' % (base, os.getpid())
        with open(temporary, 'wb') as output:
            facts['datahash'], facts['packed'] = segment_gzip.assemble(spool_handle, parts(), output, level)
    os.rename(temporary, base + '.data')
    # The .json comes last: if it is there, so is the data.
    apk_writer.write_file(base + '.json', json.dumps(facts, sort_keys=True).encode())
    return facts
