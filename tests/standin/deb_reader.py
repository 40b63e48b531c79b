#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read Debian packages as a stream: the ar container, its members' compression, the tar inside.

Nothing is unpacked and no more than one buffer is held: a kernel image is hundreds of megabytes.
"""
import bz2
import contextlib
import gzip
import io
import lzma
import subprocess
import tarfile


class DebError(Exception):
    pass


class _Slice(io.RawIOBase):
    """The bytes of one ar member, so that a decompressor cannot read past its end."""

    def __init__(self, handle, size):
        self._handle, self._left = handle, size

    def readable(self):
        return True

    def readinto(self, buffer):
        chunk = self._handle.read(min(len(buffer), self._left))
        if self._left and not chunk:
            raise DebError('the package ends inside a member; it was not downloaded completely')
        self._left -= len(chunk)
        buffer[:len(chunk)] = chunk
        return len(chunk)


def members(handle):
    """Yield (name, mtime, size), the handle standing at the member's first byte."""
    if handle.read(8) != b'!<arch>\n':
        raise DebError('not a Debian package: no ar signature')
    while True:
        header = handle.read(60)
        if not header:
            return
        if len(header) != 60 or header[58:] != b'`\n':
            raise DebError('broken ar header')
        try:
            name = header[:16].decode().rstrip().rstrip('/')
            mtime, size = int(header[16:28] or b'0'), int(header[48:58])
        except ValueError as error:
            raise DebError('broken number in an ar header') from error
        start = handle.tell()
        yield name, mtime, size
        handle.seek(start + size + size % 2)


@contextlib.contextmanager
def _decompressed(name, raw):
    kind = name.rpartition('.')[2]
    stream = io.BufferedReader(raw, 1 << 20)
    if kind == 'tar':
        yield stream
    elif kind == 'xz' or kind == 'lzma':
        with lzma.open(stream) as opened:
            yield opened
    elif kind == 'gz':
        with gzip.open(stream) as opened:
            yield opened
    elif kind == 'bz2':
        with bz2.open(stream) as opened:
            yield opened
    elif kind == 'zst':
        # Python 3.11 has no zstd; the program reads the member from a file of its own offset.
        with _zstd(stream) as opened:
            yield opened
    else:
        raise DebError('member %s: unknown compression' % name)


@contextlib.contextmanager
def _zstd(stream):
    import threading
    with subprocess.Popen(['zstd', '-dc'], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        def feed():
            with contextlib.suppress(BrokenPipeError):
                while chunk := stream.read(1 << 20):
                    process.stdin.write(chunk)
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
        feeder = threading.Thread(target=feed)
        feeder.start()
        try:
            yield process.stdout
        finally:
            process.stdout.close()
            feeder.join()
    if process.returncode not in (0, -13):
        raise DebError('zstd failed')


@contextlib.contextmanager
def _open_member(path, prefix):
    with open(path, 'rb') as handle:
        for name, _, size in members(handle):
            if name.startswith(prefix):
                with _decompressed(name, _Slice(handle, size)) as stream:
                    yield stream
                return
    raise DebError('%s: no member %s*' % (path, prefix))


def build_time(path):
    """The time stamp of the package's first member: when Debian built it."""
    with open(path, 'rb') as handle:
        for _, mtime, _ in members(handle):
            return mtime
    raise DebError('%s: empty package' % path)


def entries(path):
    """Yield (TarInfo, file object or None) for each entry of the package's data, in its order.

    The file object is only good until the next entry is asked for.
    """
    with _open_member(path, 'data.tar') as stream:
        with tarfile.open(fileobj=stream, mode='r|', bufsize=1 << 20) as archive:
            for info in archive:
                yield info, archive.extractfile(info) if info.isreg() else None
                # A stream is never read backwards: do not keep tens of thousands of entries.
                archive.members = []


def control(path):
    """The fields of the package's control file."""
    with _open_member(path, 'control.tar') as stream:
        with tarfile.open(fileobj=stream, mode='r|') as archive:
            for info in archive:
                if info.name.lstrip('./') == 'control':
                    text = archive.extractfile(info).read().decode()
                    return next(paragraphs(text.splitlines()), {})
    raise DebError('%s: no control file' % path)


def paragraphs(lines):
    """Yield each paragraph of Debian control text as a dict of single-line values.

    Continuation lines are dropped: of the long description nothing is needed.
    """
    fields = {}
    for line in lines:
        if not line.strip():
            if fields:
                yield fields
            fields = {}
        elif line[0] not in ' \t':
            key, _, value = line.partition(':')
            fields[key] = value.strip()
    if fields:
        yield fields
