#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The written files, read again by code that shares nothing with the writer (tarfile, zlib, openssl)."""
import base64
import hashlib
import io
import os
import stat
import subprocess
import sys
import tarfile
import tempfile
import unittest
import zlib

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import apk_writer  # noqa: E402
from apk_writer import Entry  # noqa: E402

FIELDS = {'pkgname': 'probe', 'pkgver': '1.2-r3', 'pkgdesc': 'a probe', 'url': '', 'builddate': 1700000000,
          'arch': 'aarch64', 'license': 'MIT', 'depend': ['a', 'b>=1'], 'provides': ['cmd:probe=1.2-r3'],
          'triggers': ['/x', '/y/*']}


def members(data):
    """[(compressed, inflated)] of each gzip member."""
    found = []
    while data:
        inflate = zlib.decompressobj(31)
        plain = inflate.decompress(data) + inflate.flush()
        if not inflate.eof:
            raise AssertionError('cut gzip member')
        used = len(data) - len(inflate.unused_data)
        found.append((data[:used], plain))
        data = inflate.unused_data
    return found


def read_tar(plain):
    with tarfile.open(fileobj=io.BytesIO(plain)) as archive:
        return [(info, archive.extractfile(info).read() if info.isreg() else None) for info in archive]


class WithKey(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.key = os.path.join(cls.folder.name, 'probe.rsa')
        apk_writer.make_key(cls.key)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def verify(self, data, signature, digest):
        path = os.path.join(self.folder.name, 'signature')
        with open(path, 'wb') as handle:
            handle.write(signature)
        result = subprocess.run(['openssl', 'dgst', '-' + digest, '-verify', self.key + '.pub', '-signature', path],
                                input=data, stdout=subprocess.PIPE)
        self.assertEqual(result.returncode, 0, result.stdout)


class Package(WithKey):
    ENTRIES = [Entry('usr', kind='dir'), Entry('usr/a', content=b'content\n', mode=0o4755),
               Entry('usr/b', kind='hard', target='usr/a'), Entry('usr/c', kind='link', target='a'),
               Entry('usr/' + 'd' * 120, content=b''), Entry('usr/' + 'e' * 90 + '/' + 'f' * 90, content=b'1')]

    def test_key_is_private(self):
        self.assertEqual(stat.S_IMODE(os.stat(self.key).st_mode), 0o600)

    def test_layout(self):
        for algorithm, digest, pax in (('RSA', 'sha1', False), ('RSA256', 'sha256', True),
                                       ('RSA512', 'sha512', False)):
            with self.subTest(algorithm):
                whole, _ = apk_writer.package(FIELDS, self.ENTRIES, self.key, {'post-install': '#!/bin/sh\n'},
                                              algorithm, pax)
                (_, sign), (control, control_tar), (data, data_tar) = members(whole)
                self.assertEqual(len(sign), 2048 if pax else 1024)
                self.assertEqual(sign[156:157], b'x' if pax else b'0')
                [(info, signature)] = read_tar(sign)
                self.assertEqual(info.name, '.SIGN.%s.probe.rsa.pub' % algorithm)
                self.verify(control, signature, digest)
                # Cut: whole blocks, the last of them not the end-of-archive mark.
                for cut in (sign, control_tar):
                    self.assertEqual(len(cut) % 512, 0)
                    self.assertTrue(any(cut[-512:]))
                self.assertEqual(data_tar[-1024:], bytes(1024))
                names = [info.name for info, _ in read_tar(control_tar)]
                self.assertEqual(names, ['.PKGINFO', '.post-install'])
                lines = read_tar(control_tar)[0][1].decode().splitlines()
                self.assertEqual(lines[-1], 'datahash = ' + hashlib.sha256(data).hexdigest())
                self.assertIn('triggers = /x /y/*', lines)
                self.assertIn('depend = b>=1', lines)
                self.assertIn('size = 9', lines)

    def test_data(self):
        whole, _ = apk_writer.package(FIELDS, self.ENTRIES, self.key)
        entries = read_tar(members(whole)[2][1])
        self.assertEqual([info.name for info, _ in entries], [entry.name for entry in self.ENTRIES])
        for info, content in entries:
            self.assertEqual((info.uname, info.gname, info.uid, info.gid), ('root', 'root', 0, 0))
            checksum = info.pax_headers.get('APK-TOOLS.checksum.SHA1')
            if info.isreg():
                self.assertEqual(checksum, hashlib.sha1(content).hexdigest())
            elif info.issym():
                self.assertEqual(checksum, hashlib.sha1(info.linkname.encode()).hexdigest())
            else:
                self.assertIsNone(checksum)
        self.assertEqual(entries[1][0].mode, 0o4755)
        self.assertEqual(entries[2][0].linkname, 'usr/a')

    def test_same_input_same_bytes(self):
        first = apk_writer.package(FIELDS, self.ENTRIES, self.key)
        self.assertEqual(first, apk_writer.package(FIELDS, self.ENTRIES, self.key))

    def test_pax_length_counts_itself(self):
        for size in range(80, 120):
            record = apk_writer.pax_record('k', 'v' * size)
            self.assertEqual(int(record.split()[0]), len(record))

    def test_crafted_parts(self):
        """What evil packages are made of comes out as it was asked for."""
        raw = apk_writer.header(Entry('a', checksum='00' * 20, size=7, typeflag=b'S', magic=b'notustar',
                                      pax=(('size', '9'),), mtime=5))
        self.assertEqual(raw[1024 + 156:1024 + 157], b'S')
        self.assertEqual(raw[1024 + 257:1024 + 265], b'notustar')
        self.assertEqual(raw[1024 + 124:1024 + 136], b'00000000007\0')
        self.assertIn(b'APK-TOOLS.checksum.SHA1=' + b'00' * 20, raw)
        self.assertIn(b'size=9\n', raw)
        self.assertNotIn(b'checksum', apk_writer.header(Entry('a', checksum='')))
        with self.assertRaises(ValueError):
            apk_writer.pkginfo({'pkgnam': 'x'})


class Index(WithKey):
    def test_index(self):
        records = []
        for name in ('alpha', 'beta'):
            records.append(apk_writer.write_package(self.folder.name, dict(FIELDS, pkgname=name),
                                                    [Entry(name, content=b'12345')], self.key))
        path = os.path.join(self.folder.name, 'APKINDEX.tar.gz')
        apk_writer.write_index(path, records, self.key)
        with open(path, 'rb') as handle:
            data = handle.read()
        (sign_packed, sign), (body, plain) = members(data)
        [(info, signature)] = read_tar(sign)
        self.assertEqual(info.name, '.SIGN.RSA256.probe.rsa.pub')
        self.assertEqual(sign_packed + body, data)
        self.verify(body, signature, 'sha256')
        (description, _), (index, text) = read_tar(plain)
        self.assertEqual((description.name, index.name), ('DESCRIPTION', 'APKINDEX'))
        self.assertEqual(text[-2:], b'\n\n')
        paragraphs = text.decode().strip().split('\n\n')
        self.assertEqual(len(paragraphs), 2)
        for name, paragraph in zip(('alpha', 'beta'), paragraphs):
            with open(os.path.join(self.folder.name, name + '-1.2-r3.apk'), 'rb') as handle:
                package = handle.read()
            self.assertEqual(''.join(line[0] for line in paragraph.splitlines()), 'CPVASITULtDp')
            fields = {line[0]: line[2:] for line in paragraph.splitlines()}
            control = members(package)[1][0]
            self.assertEqual(fields['C'], 'Q1' + base64.b64encode(hashlib.sha1(control).digest()).decode())
            self.assertEqual((fields['P'], fields['S'], fields['I']), (name, str(len(package)), '5'))
            self.assertEqual((fields['D'], fields['U']), ('a b>=1', ''))


if __name__ == '__main__':
    unittest.main()
