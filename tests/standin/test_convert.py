#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Conversion of crafted Debian packages, the reordering gzip, the choice of packages, the server."""
import hashlib
import http.client
import io
import os
import random
import struct
import sys
import tarfile
import tempfile
import threading
import unittest
import zlib

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import convert  # noqa: E402
import package_set  # noqa: E402
import plan  # noqa: E402
import segment_gzip  # noqa: E402
import serve  # noqa: E402
from apk_writer import Entry  # noqa: E402
from test_deb_reader import deb_of  # noqa: E402


class SegmentGzip(unittest.TestCase):
    def test_crc_join(self):
        source = random.Random(1)
        for size in (0, 1, 511, 512, 70000):
            a, b = source.randbytes(1000), source.randbytes(size)
            self.assertEqual(segment_gzip.crc_join(zlib.crc32(a), zlib.crc32(b), size), zlib.crc32(a + b))

    def test_other_order(self):
        pieces = [os.urandom(10), b'a' * 100000, os.urandom(5000), b'']
        spool_file, output = io.BytesIO(), io.BytesIO()
        spool = segment_gzip.Spool(spool_file, 1)
        stored = [spool.add([piece]) for piece in pieces]
        digest, size = segment_gzip.assemble(
            spool_file, [b'x', b'y', stored[2], stored[0], b'z', stored[3], stored[1]], output, 6)
        data = output.getvalue()
        self.assertEqual((hashlib.sha256(data).hexdigest(), len(data)), (digest, size))
        inflate = zlib.decompressobj(31)
        self.assertEqual(inflate.decompress(data),
                         b'xy' + pieces[2] + pieces[0] + b'z' + pieces[1])
        self.assertTrue(inflate.eof)
        self.assertEqual(inflate.unused_data, b'')


def small_library(soname, needed):
    """The least of a 64-bit ELF that has a dynamic section; read at its own addresses."""
    strings = b'\0' + soname + b'\0' + needed + b'\0'
    at = 64 + 2 * 56
    dynamic = at + len(strings)
    table = b''.join(struct.pack('<QQ', *pair) for pair in (
        (5, 0x1000 + at), (14, 1), (1, 2 + len(soname)), (0, 0)))
    head = b'\x7fELF\x02\x01\x01' + bytes(9) + struct.pack('<HHIQQQIHHHHHH', 3, 183, 1, 0, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    total = dynamic + len(table)
    return (head + struct.pack('<IIQQQQQQ', 1, 5, 0, 0x1000, 0x1000, total, total, 4096)
            + struct.pack('<IIQQQQQQ', 2, 4, dynamic, 0x1000 + dynamic, 0, len(table), len(table), 8)
            + strings + table)


class Convert(unittest.TestCase):
    def convert(self, files, **job):
        with tempfile.TemporaryDirectory() as folder:
            deb = os.path.join(folder, 'x.deb')
            with open(deb, 'wb') as handle:
                handle.write(deb_of(files))
            job = convert.Job('x', 'aarch64', 183, [deb], ['hash'], **job)
            facts = convert.convert(job, folder, 'key')
            with open(os.path.join(folder, 'x-key.data'), 'rb') as handle:
                data = handle.read()
            self.assertEqual(hashlib.sha256(data).hexdigest(), facts['datahash'])
            self.assertEqual(convert.convert(job, folder, 'key'), facts)
            with tarfile.open(fileobj=io.BytesIO(data), mode='r:gz') as archive:
                return facts, {info.name: (info, archive.extractfile(info).read() if info.isreg() else None)
                               for info in archive}

    def test_merge_sort_parents(self):
        facts, seen = self.convert([
            ('bin/', None), ('bin/b', b'real'), ('lib/', None), ('lib/x/', None), ('lib/x/link', '->../../usr/share/y'),
            ('sbin/tool', '->../bin/b'), ('usr/bin/b', '->/bin/b'),
            ('usr/share/man/', None), ('usr/share/man/b.1', b'm'),
            ('usr/share/doc/x/copyright', b'c'), ('usr/share/doc/x/NEWS', b'n'), ('usr/share/y', b'y'),
            ('var/empty/', None)])
        self.assertEqual(list(seen), sorted(seen))
        self.assertEqual(seen['usr/bin/b'][1], b'real')
        self.assertEqual(seen['usr/lib/x/link'][0].linkname, '../../share/y')
        self.assertEqual(seen['usr/sbin/tool'][0].linkname, '../bin/b')
        self.assertIn('usr/share/doc/x/copyright', seen)
        self.assertTrue(seen['var/empty'][0].isdir() and seen['usr/lib'][0].isdir())
        for gone in ('bin', 'lib', 'usr/share/man', 'usr/share/doc/x/NEWS'):
            self.assertNotIn(gone, seen)
        self.assertEqual(facts['commands'], ['b', 'tool'])
        self.assertEqual(facts['size'], 6)

    def test_hard_link_sorted_before_its_content(self):
        _, seen = self.convert([('usr/z', b'content'), ('usr/a', '=>usr/z'), ('usr/m', '=>usr/z')])
        self.assertEqual(seen['usr/a'][1], b'content')
        for name in ('usr/m', 'usr/z'):
            self.assertTrue(seen[name][0].islnk())
            self.assertEqual(seen[name][0].linkname, 'usr/a')

    def test_libraries(self):
        library = small_library(b'libx.so.1', b'libc.so.6')
        facts, _ = self.convert([('usr/lib/aarch64-linux-gnu/libx.so.1.2', library),
                                 ('usr/lib/private/liby.so.1', small_library(b'liby.so.1', b'libz.so.1'))])
        self.assertEqual(facts['libraries'], {'libx.so.1': '1.2'})
        self.assertEqual(facts['needed'], ['libc.so.6', 'libz.so.1'])
        for cut in range(0, len(library), 7):
            convert.elf_facts(library[:cut], 183)

    def test_nothing_but_our_own(self):
        _, seen = self.convert([], entries=[Entry('etc/x', content=b'1')], renames=[('a', 'b')])
        self.assertEqual(list(seen), ['etc', 'etc/x'])
        _, seen = self.convert([])
        self.assertEqual(list(seen), ['.dummy'])


class PackageSet(unittest.TestCase):
    AVAILABLE = {
        'a': {'Package': 'a', 'Version': '1-1', 'Depends': 'b (>= 2:1.0-1~), debconf | c, virtual, d (= 1-2) | e'},
        'b': {'Package': 'b', 'Version': '2:1.5-3', 'Pre-Depends': 'a'},
        'c': {'Package': 'c', 'Version': '1'},
        'd': {'Package': 'd', 'Version': '1-2+b1', 'Provides': 'd-api, d-abi (= 3)'},
        'p': {'Package': 'p', 'Version': '1', 'Provides': 'virtual'},
    }

    def test_closure(self):
        found = package_set.closure(['a'], self.AVAILABLE)
        self.assertEqual(sorted(found), ['a', 'b', 'd', 'p'])
        mapped = [package_set.map_dependency(real, clause, self.AVAILABLE) for real, clause in found['a']]
        # "d (= 1-2)" does not hold for 1-2+b1, so it says no version.
        self.assertEqual(mapped, ['b>=1.0', 'p', 'd'])
        self.assertEqual(package_set.map_provides(self.AVAILABLE['d'], {'d-api'}), ['d-abi=3-r0'])
        with self.assertRaises(package_set.SetError):
            package_set.closure(['nothing'], self.AVAILABLE)

    def test_rivals_and_gaps(self):
        fields = {'a': {'pkgver': '1-r0', 'provides': ['so:x=1', 'virtual']},
                  'b': {'pkgver': '1-r0', 'provides': ['so:x=1', 'virtual'], 'depend': ['a>=1', 'so:x', 'gone', 'a>2']}}
        self.assertEqual(len(plan.drop_rival_provides(fields)), 1)
        self.assertEqual(fields['b']['provides'], ['virtual'])
        self.assertEqual(plan.unresolved(fields), ['b needs gone', 'b needs a>2'])


class Serve(unittest.TestCase):
    def test_serve(self):
        with tempfile.TemporaryDirectory() as folder:
            os.mkdir(os.path.join(folder, 'root'))
            for name in ('root/g++-1~2.apk', 'secret'):
                with open(os.path.join(folder, name), 'wb') as handle:
                    handle.write(b'0123456789')
            os.symlink('../secret', os.path.join(folder, 'root/out'))
            server = serve.make_server(os.path.join(folder, 'root'))
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            self.addCleanup(thread.join)
            self.addCleanup(server.server_close)
            self.addCleanup(server.shutdown)
            connection = http.client.HTTPConnection('127.0.0.1', server.server_address[1])
            self.addCleanup(connection.close)
            for path, span, status, body in (
                    ('/g++-1~2.apk', None, 200, b'0123456789'), ('/g%2B%2B-1%7E2.apk', None, 200, b'0123456789'),
                    ('/g++-1~2.apk', 'bytes=4-', 206, b'456789'), ('/g++-1~2.apk', 'bytes=10-', 416, b''),
                    ('/../secret', None, 404, b''), ('/%2e%2e/secret', None, 404, b''), ('/out', None, 404, b''),
                    ('/none', None, 404, b''), ('/', None, 404, b'')):
                connection.request('GET', path, headers={'Range': span} if span else {})
                answer = connection.getresponse()
                self.assertEqual((answer.status, answer.read()), (status, body), path)


if __name__ == '__main__':
    unittest.main()
