# SPDX-License-Identifier: GPL-3.0-or-later
"""Alterations of what is around a module: signature, compression."""
import bz2
import gzip
import lzma
import struct
import subprocess

from mutations import MARKER, mutation, parts, with_signatures

# ---- signatures: these get the signed file ----

@mutation('signature-none', 'fit_params', kernels=with_signatures)
def signature_none(data, kernel):
    """not signed"""
    return kernel.raw(data)


@mutation('signature-stranger', 'fit_params', kernels=with_signatures)
def signature_stranger(data, kernel):
    """signed by somebody whom the kernel does not know"""
    return kernel.raw(kernel.sign(data, 'stranger'))


@mutation('signature-content', 'fit_params', kernels=with_signatures)
def signature_content(data, kernel):
    """changed after it was signed"""
    signed = bytearray(kernel.sign(data, 'porter'))
    signed[signed.index(b'Good module')] ^= 0x20
    return kernel.raw(bytes(signed))


def signature(name, what, change):
    """change(message, length as told) -> the same"""
    def altered(data, kernel):
        content, message, end = parts(kernel.sign(data, 'porter'))
        message, length = change(message, len(message))
        return kernel.raw(content + message + end[:8] + struct.pack('>I', length) + MARKER)
    altered.__doc__ = what
    mutation('signature-' + name, 'fit_params', kernels=with_signatures)(altered)


signature('cut', 'the end of its signature is missing', lambda message, length: (message[:-40], length - 40))
signature('damaged', 'a bit of the signature proper is flipped',
          lambda message, length: (message[:-9] + bytes([message[-9] ^ 4]) + message[-8:], length))
signature('long', 'its signature claims to be longer than the file', lambda message, length: (message, 0x7fffffff))
signature('zero', 'its signature has no length', lambda message, length: (message, 0))
signature('padded', 'something follows its signature, which takes it for a part', lambda message, length: (message + bytes(4), length + 4))
signature('text', 'its signature is no PKCS#7 message', lambda message, length: (b'x' * length, length))


@mutation('signature-fields', 'fit_params', kernels=with_signatures)
def signature_fields(data, kernel):
    """a field of the signature is not zero that must be"""
    content, message, end = parts(kernel.sign(data, 'porter'))
    return kernel.raw(content + message + b'\1' + end[1:] + MARKER)


@mutation('signature-kind', 'fit_params', kernels=with_signatures)
def signature_kind(data, kernel):
    """a kind of signature from before 4.3"""
    content, message, end = parts(kernel.sign(data, 'porter'))
    return kernel.raw(content + message + end[:2] + b'\1' + end[3:] + MARKER)


@mutation('signature-marker', 'fit_params')
def signature_marker(data, kernel):
    """the marker alone at its end"""
    return kernel.raw(data + MARKER)


@mutation('signature-twice', 'fit_params', kernels=with_signatures)
def signature_twice(data, kernel):
    """signed again over the first signature"""
    return kernel.raw(kernel.sign(kernel.sign(data, 'stranger'), 'porter'))


@mutation('signature-sha1', 'fit_params', kernels=with_signatures)
def signature_sha1(data, kernel):
    """signed with a digest that the kernel does not have"""
    return kernel.raw(kernel.sign(data, 'porter', 'sha1'))


@mutation('signature-sha512', 'fit_params', kernels=with_signatures)
def signature_sha512(data, kernel):
    """signed with a longer digest"""
    return kernel.raw(kernel.sign(data, 'porter', 'sha512'))


# ---- compression: of the signed file ----

def compressed(name, what, pack):
    def altered(data, kernel):
        return kernel.raw(pack(kernel.signed(data)))
    altered.__doc__ = what
    mutation('compressed-' + name, 'fit_params')(altered)


def by(*command):
    return lambda data: subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout


def damaged(data):
    return data[:len(data) // 2] + bytes(b ^ 0xff for b in data[len(data) // 2:])


compressed('gz', 'by gzip', gzip.compress)
compressed('xz', 'by xz', lambda data: lzma.compress(data, check=lzma.CHECK_CRC32))
compressed('zst', 'by zstd', by('zstd', '-cq'))
compressed('lz4', 'by lz4, which kmod cannot read', by('lz4', '-cq'))
compressed('bz2', 'by bzip2, which kmod cannot read', bz2.compress)
compressed('lzma', 'by the old lzma, which kmod cannot read', lambda data: lzma.compress(data, lzma.FORMAT_ALONE))
compressed('gz-cut', 'by gzip, cut off', lambda data: gzip.compress(data)[:-100])
compressed('xz-damaged', 'by xz, damaged', lambda data: damaged(lzma.compress(data)))
compressed('zst-cut', 'by zstd, cut off', lambda data: by('zstd', '-cq')(data)[:-100])
compressed('twice', 'by gzip, twice', lambda data: gzip.compress(gzip.compress(data)))
