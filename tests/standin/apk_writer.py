#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write Alpine packages and indexes of format 2, from their smallest parts up.

Small functions that give bytes, so that a test can make a good package with one call (write_package) and
an evil one by replacing any single part: a tar header field (Entry), a member (data_member, control_member,
sign_member), a checksum, the order of it all (any concatenation of members).

  package = sign_member(control) + control_member(pkginfo) + data_member(entries)
  index   = sign_member(body) + index_member(records)
"""
import base64
import dataclasses
import hashlib
import os
import subprocess
import tempfile
import zlib

from segment_gzip import GZIP_HEADER

BLOCK = 512
END_OF_ARCHIVE = bytes(2 * BLOCK)
TYPES = {'file': b'0', 'hard': b'1', 'link': b'2', 'char': b'3', 'block': b'4', 'dir': b'5', 'fifo': b'6'}
DIGESTS = {'RSA': 'sha1', 'RSA256': 'sha256', 'RSA512': 'sha512'}
# The order in which apk itself writes an index entry, and the .PKGINFO key each letter comes from.
INDEX_FIELDS = (
    ('P', 'pkgname'), ('V', 'pkgver'), ('A', 'arch'), ('S', None), ('I', 'size'), ('T', 'pkgdesc'),
    ('U', 'url'), ('L', 'license'), ('o', 'origin'), ('m', 'maintainer'), ('t', 'builddate'),
    ('c', 'commit'), ('k', 'provider_priority'), ('D', 'depend'), ('p', 'provides'), ('i', 'install_if'))
INDEX_ALWAYS = 'PVASITUL'
# The order in which abuild writes .PKGINFO; datahash has to be the last line.
PKGINFO_FIELDS = (
    'pkgname', 'pkgver', 'pkgdesc', 'url', 'builddate', 'packager', 'size', 'arch', 'origin', 'commit',
    'maintainer', 'replaces_priority', 'provider_priority', 'license', 'replaces', 'depend', 'provides',
    'triggers', 'install_if', 'datahash')
ONE_PER_LINE = ('replaces', 'depend', 'provides')


@dataclasses.dataclass
class Entry:
    """One tar entry. Everything may be set to nonsense; the defaults are what abuild writes."""
    name: str
    kind: str = 'file'
    mode: int = -1
    content: bytes = b''
    target: str = ''
    uid: int = 0
    gid: int = 0
    uname: str = 'root'
    gname: str = 'root'
    mtime: int = 0
    major: int = 0
    minor: int = 0
    # None: of the content or link target; '': no checksum record at all; else written as it is.
    checksum: str = None
    xattrs: dict = dataclasses.field(default_factory=dict)
    # Further PAX records, written after the others.
    pax: tuple = ()
    # Overrides for crafted archives.
    typeflag: bytes = None
    size: int = None
    magic: bytes = b'ustar\x0000'
    bare: bool = False

    def default_mode(self):
        return {'dir': 0o755, 'link': 0o777}.get(self.kind, 0o644)


def pad(size):
    return bytes(-size % BLOCK)


def pax_record(key, value):
    """'LENGTH key=value\\n', where LENGTH counts its own digits."""
    if isinstance(value, str):
        value = value.encode('utf-8', 'surrogateescape')
    body = b' ' + key.encode() + b'=' + value + b'\n'
    length = len(body)
    while len(str(length)) + len(body) != length:
        length = len(str(length)) + len(body)
    return str(length).encode() + body


def _ustar(name, prefix, entry, mode, size, typeflag, target, mtime):
    header = bytearray(BLOCK)

    def put(offset, width, value):
        header[offset:offset + min(len(value), width)] = value[:width]

    def octal(offset, width, value):
        put(offset, width, b'%0*o\0' % (width - 1, value))

    put(0, 100, name)
    octal(100, 8, mode)
    octal(108, 8, entry.uid)
    octal(116, 8, entry.gid)
    octal(124, 12, size)
    octal(136, 12, mtime)
    put(148, 8, b' ' * 8)
    put(156, 1, typeflag)
    put(157, 100, target)
    put(257, 8, entry.magic)
    put(265, 31, entry.uname.encode())
    put(297, 31, entry.gname.encode())
    octal(329, 8, entry.major)
    octal(337, 8, entry.minor)
    put(345, 155, prefix)
    put(148, 8, b'%06o\0 ' % sum(header))
    return bytes(header)


def _split_name(name):
    """(prefix, name) that fit a ustar header, or None."""
    if len(name) <= 100:
        return b'', name
    cut = name.rfind(b'/', 0, 156)
    if 0 < cut <= 155 and 0 < len(name) - cut - 1 <= 100:
        return name[:cut], name[cut + 1:]
    return None


def header(entry, size=None, checksum=None):
    """The header blocks of one entry: a PAX header, if it needs one, and the ustar header."""
    name = entry.name.encode('utf-8', 'surrogateescape')
    if entry.kind == 'dir' and not name.endswith(b'/'):
        name += b'/'
    target = entry.target.encode('utf-8', 'surrogateescape')
    mode = entry.mode if entry.mode >= 0 else entry.default_mode()
    if size is None:
        size = len(entry.content) if entry.kind == 'file' else 0
    if entry.size is not None:
        size = entry.size
    records = [] if entry.bare else [pax_record('atime', '0'), pax_record('ctime', '0')]
    split = _split_name(name)
    if split is None:
        records.append(pax_record('path', name))
        split = b'', name[:100]
    if len(target) > 100:
        records.append(pax_record('linkpath', target))
    for key in sorted(entry.xattrs):
        records.append(pax_record('SCHILY.xattr.' + key, entry.xattrs[key]))
    if entry.checksum is not None:
        checksum = entry.checksum
    elif checksum is None:
        if entry.kind == 'file':
            checksum = hashlib.sha1(entry.content).hexdigest()
        elif entry.kind == 'link':
            checksum = hashlib.sha1(target).hexdigest()
    if checksum and not entry.bare:
        records.append(pax_record('APK-TOOLS.checksum.SHA1', checksum))
    records += [pax_record(key, value) for key, value in entry.pax]
    out = b''
    if records:
        body = b''.join(records)
        plain = name.rstrip(b'/')
        folder, _, base = plain.rpartition(b'/')
        pax_name = ((folder or b'.') + b'/PaxHeaders/' + base)[:100]
        plain_owner = dataclasses.replace(entry, uid=0, gid=0, uname='', gname='', major=0, minor=0)
        out = _ustar(pax_name, b'', plain_owner, 0o644, len(body), b'x', b'', entry.mtime)
        out += body + pad(len(body))
    typeflag = entry.typeflag if entry.typeflag is not None else TYPES[entry.kind]
    return out + _ustar(split[1], split[0], entry, mode, size, typeflag, target, entry.mtime)


def tar(entries, end=True):
    """A whole archive; end=False cuts it as abuild-tar --cut does."""
    parts = []
    for entry in entries:
        parts.append(header(entry))
        if entry.content:
            parts += [entry.content, pad(len(entry.content))]
    return b''.join(parts) + (END_OF_ARCHIVE if end else b'')


def gzip_member(data, level=9):
    deflate = zlib.compressobj(level, zlib.DEFLATED, -15, 9)
    packed = deflate.compress(data) + deflate.flush()
    return (GZIP_HEADER + packed + zlib.crc32(data).to_bytes(4, 'little')
            + (len(data) & 0xffffffff).to_bytes(4, 'little'))


def data_member(entries, level=9):
    return gzip_member(tar(entries), level)


def pkginfo(fields):
    """.PKGINFO text; fields maps abuild's keys to a string, a number or a list of strings."""
    unknown = set(fields) - set(PKGINFO_FIELDS)
    if unknown:
        raise ValueError('no such .PKGINFO key: %s' % ', '.join(sorted(unknown)))
    lines = ['# Generated by pmkmod\'s stand-in distribution']
    for key in PKGINFO_FIELDS:
        value = fields.get(key)
        if value is None or value == []:
            continue
        if isinstance(value, (list, tuple)):
            values = value if key in ONE_PER_LINE else [' '.join(value)]
        else:
            values = [str(value)]
        lines += ['%s = %s' % (key, one) for one in values]
    return '\n'.join(lines) + '\n'


def control_member(info, scripts=None, mtime=0, level=9):
    """info is .PKGINFO text; scripts maps 'post-install', 'trigger', ... to their text."""
    entries = [Entry('.PKGINFO', content=info.encode(), mtime=mtime)]
    for name in sorted(scripts or {}):
        entries.append(Entry('.' + name, content=scripts[name].encode(), mode=0o755, mtime=mtime))
    return gzip_member(tar(entries, end=False), level)


def make_key(path):
    """Make a private key (mode 0600) and, beside it, its public half with .pub appended."""
    folder = os.path.dirname(path) or '.'
    with tempfile.TemporaryDirectory(dir=folder) as work:
        private, public = os.path.join(work, 'private'), os.path.join(work, 'public')
        subprocess.run(['openssl', 'genrsa', '-out', private, '2048'], check=True,
                       stderr=subprocess.DEVNULL)
        os.chmod(private, 0o600)
        subprocess.run(['openssl', 'rsa', '-in', private, '-pubout', '-out', public], check=True,
                       stderr=subprocess.DEVNULL)
        os.chmod(public, 0o644)
        os.rename(public, path + '.pub')
        os.rename(private, path)


def sign(data, key, algorithm='RSA'):
    return subprocess.run(['openssl', 'dgst', '-' + DIGESTS[algorithm], '-sign', key],
                          input=data, stdout=subprocess.PIPE, check=True).stdout


def sign_member(data, key, algorithm='RSA', name=None, pax=False, signature=None):
    """The member that goes before data; name is the public key's file name in etc/apk/keys."""
    name = name or os.path.basename(key) + '.pub'
    if signature is None:
        signature = sign(data, key, algorithm)
    # bare: no PAX header, as abuild wrote it until 2024 and melange still does.
    entry = Entry('.SIGN.%s.%s' % (algorithm, name), content=signature, checksum='', bare=not pax)
    return gzip_member(tar([entry], end=False))


def identity(control):
    """'Q1' + base64: how index and database name a package's exact build."""
    return 'Q1' + base64.b64encode(hashlib.sha1(control).digest()).decode()


def index_record(fields, control, file_size):
    """One index entry. fields: as for pkginfo(); control: the compressed control member."""
    lines = ['C:' + identity(control)]
    for letter, key in INDEX_FIELDS:
        value = str(file_size) if key is None else fields.get(key)
        if isinstance(value, (list, tuple)):
            value = ' '.join(value)
        if letter in INDEX_ALWAYS or value not in (None, ''):
            lines.append('%s:%s' % (letter, '' if value is None else value))
    return '\n'.join(lines) + '\n'


def index_member(records, description='stand-in', level=9):
    """records are what index_record() gives, already in order."""
    text = ''.join(record + '\n' for record in records).encode()
    return gzip_member(tar([
        Entry('DESCRIPTION', content=description.encode(), bare=True),
        Entry('APKINDEX', content=text, bare=True)]), level)


def write_file(path, *parts):
    """Write under a temporary name, then rename: a reader never sees half a file."""
    temporary = '%s.new.%d' % (path, os.getpid())
    with open(temporary, 'wb') as handle:
        for part in parts:
            handle.write(part)
    os.rename(temporary, path)


def package(fields, entries, key, scripts=None, algorithm='RSA', pax=False):
    """A whole small package: (its bytes, its index record)."""
    data = data_member(entries)
    fields = dict(fields)
    fields.setdefault('size', sum(len(entry.content) for entry in entries))
    fields['datahash'] = hashlib.sha256(data).hexdigest()
    control = control_member(pkginfo(fields), scripts, fields.get('builddate', 0))
    whole = sign_member(control, key, algorithm, pax=pax) + control + data
    return whole, index_record(fields, control, len(whole))


def write_package(folder, fields, entries, key, **options):
    """Write folder/name-version.apk; returns its index record."""
    whole, record = package(fields, entries, key, **options)
    write_file(os.path.join(folder, '%s-%s.apk' % (fields['pkgname'], fields['pkgver'])), whole)
    return record


def write_index(path, records, key, algorithm='RSA256', description='stand-in', pax=False):
    body = index_member(records, description)
    write_file(path, sign_member(body, key, algorithm, pax=pax), body)
