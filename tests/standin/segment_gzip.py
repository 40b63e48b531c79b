#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A gzip member whose pieces are compressed in one order and put together in another.

An .apk's entries are sorted by name and carry their content's checksum before the content, but a .deb
gives them in its own order.  Holding or unpacking a kernel package to sort it would be slow and large, so
each content is compressed once, as it streams by, into a spool: deflate data flushed completely stands
alone and may be moved.  Only the CRC of the whole has to be computed from the CRCs of its parts.
"""
import functools
import hashlib
import struct
import zlib

# As abuild's gzip -n -9 writes it: no time, no name, "best compression", Unix.
GZIP_HEADER = b'\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03'
_POLYNOMIAL = 0xedb88320


def _multiply(a, b):
    """a(x) * b(x) modulo the CRC-32 polynomial, bits reflected (as in zlib's crc32.c)."""
    product, bit = 0, 1 << 31
    while a:
        if a & bit:
            product ^= b
            a ^= bit
        bit >>= 1
        b = (b >> 1) ^ _POLYNOMIAL if b & 1 else b >> 1
    return product


def _squares():
    table = [1 << 30]
    while len(table) < 32:
        table.append(_multiply(table[-1], table[-1]))
    return table


_SQUARES = _squares()


@functools.lru_cache(maxsize=65536)
def _shift(length):
    """x to the power of 8 * length: what appending so many bytes does to a CRC."""
    result, place = 1 << 31, 3
    while length:
        if length & 1:
            result = _multiply(_SQUARES[place & 31], result)
        length >>= 1
        place += 1
    return result


def crc_join(first, second, second_length):
    """The CRC-32 of two concatenated byte strings."""
    return _multiply(_shift(second_length), first) ^ second


class Spool:
    """Compresses pieces into a file; remembers where each one is."""

    def __init__(self, handle, level):
        self._handle = handle
        self._deflate = zlib.compressobj(level, zlib.DEFLATED, -15, 9)
        self._at = 0

    def add(self, chunks):
        """Compress one piece (an iterable of bytes); returns (offset, packed, crc, length)."""
        start, crc, length = self._at, 0, 0
        for chunk in chunks:
            crc = zlib.crc32(chunk, crc)
            length += len(chunk)
            self._write(self._deflate.compress(chunk))
        self._write(self._deflate.flush(zlib.Z_FULL_FLUSH))
        return start, self._at - start, crc, length

    def _write(self, data):
        self._at += self._handle.write(data)


def assemble(spool_handle, parts, output, level):
    """Write one gzip member: parts are bytes (compressed here) or what Spool.add() returned.

    Returns (sha256 of the compressed member, its length).
    """
    digest, total, crc, length = hashlib.sha256(), 0, 0, 0
    deflate = zlib.compressobj(level, zlib.DEFLATED, -15, 9)
    pending = []

    def emit(data):
        nonlocal total
        digest.update(data)
        total += output.write(data)

    def flush():
        nonlocal crc, length
        if pending:
            data = b''.join(pending)
            pending.clear()
            crc, length = zlib.crc32(data, crc), length + len(data)
            emit(deflate.compress(data) + deflate.flush(zlib.Z_FULL_FLUSH))

    emit(GZIP_HEADER)
    for part in parts:
        if isinstance(part, bytes):
            pending.append(part)
            continue
        flush()
        start, packed, part_crc, part_length = part
        spool_handle.seek(start)
        while packed:
            chunk = spool_handle.read(min(packed, 1 << 20))
            if not chunk:
                raise EOFError('the spool is shorter than what was written to it')
            packed -= len(chunk)
            emit(chunk)
        crc, length = crc_join(crc, part_crc, part_length), length + part_length
    flush()
    emit(deflate.flush(zlib.Z_FINISH))
    emit(struct.pack('<II', crc, length & 0xffffffff))
    return digest.hexdigest(), total
