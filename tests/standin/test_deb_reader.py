#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
import gzip
import io
import lzma
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import deb_reader  # noqa: E402


def tar_of(files):
    """files: [(name, content or '->target' or '=>hard link' or None for a folder)]"""
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode='w', format=tarfile.GNU_FORMAT) as archive:
        for name, content in files:
            info = tarfile.TarInfo('./' + name)
            info.mtime, info.uname, info.gname = 1234567890, 'root', 'root'
            if content is None:
                info.type, info.mode = tarfile.DIRTYPE, 0o755
                archive.addfile(info)
            elif isinstance(content, str) and content.startswith('->'):
                info.type, info.linkname = tarfile.SYMTYPE, content[2:]
                archive.addfile(info)
            elif isinstance(content, str) and content.startswith('=>'):
                info.type, info.linkname = tarfile.LNKTYPE, './' + content[2:]
                archive.addfile(info)
            else:
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return output.getvalue()


def ar_of(members):
    output = b'!<arch>\n'
    for name, data in members:
        output += b'%-16s%-12d%-6d%-6d%-8s%-10d`\n' % (name.encode(), 1111111111, 0, 0, b'100644', len(data))
        output += data + b'\n' * (len(data) % 2)
    return output


def deb_of(files, kind='xz'):
    pack = {'xz': lzma.compress, 'gz': gzip.compress, '': bytes,
            'zst': lambda data: subprocess.run(['zstd', '-qc'], input=data, stdout=subprocess.PIPE,
                                               check=True).stdout}[kind]
    suffix = '.' + kind if kind else ''
    control = tar_of([('control', b'Package: x\nVersion: 1:2-3\nDescription: short\n long\n .\n more\n')])
    return ar_of([('debian-binary', b'2.0\n'), ('control.tar' + suffix, pack(control)),
                  ('data.tar' + suffix, pack(tar_of(files)))])


class Reader(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def write(self, data):
        path = os.path.join(self.folder.name, 'x.deb')
        with open(path, 'wb') as handle:
            handle.write(data)
        return path

    def test_every_compression(self):
        for kind in ('xz', 'gz', '') + (('zst',) if shutil.which('zstd') else ()):
            path = self.write(deb_of([('usr/', None), ('usr/a', b'x' * 100001), ('usr/b', '->a')], kind))
            seen = [(info.name, content.read() if content else info.linkname)
                    for info, content in deb_reader.entries(path)]
            self.assertEqual(seen, [('./usr', ''), ('./usr/a', b'x' * 100001), ('./usr/b', 'a')], kind)
            self.assertEqual(deb_reader.control(path)['Version'], '1:2-3')
            self.assertEqual(deb_reader.build_time(path), 1111111111)

    def test_stopping_early(self):
        if shutil.which('zstd'):
            path = self.write(deb_of([('a', os.urandom(3 << 20)), ('b', b'')], 'zst'))
            for _ in deb_reader.entries(path):
                break

    def test_broken(self):
        good = deb_of([('a', os.urandom(4096))])
        for name, data in (('no ar', b'PK' + good), ('empty', b''), ('no data', ar_of([('debian-binary', b'2')])),
                           ('number', good.replace(b'100644', b'100644', 1)[:56] + b'abcd' + good[60:]),
                           ('magic', good[:66] + b'xx' + good[68:]), ('cut', good[:-2000])):
            with self.subTest(name), self.assertRaises((deb_reader.DebError, tarfile.TarError, EOFError)):
                for _, content in deb_reader.entries(self.write(data)):
                    if content:
                        content.read()

    def test_paragraphs(self):
        text = 'A: 1\nB: 2\n continued\n\n\nA: 3\n'
        self.assertEqual(list(deb_reader.paragraphs(text.splitlines())), [{'A': '1', 'B': '2'}, {'A': '3'}])


if __name__ == '__main__':
    unittest.main()
