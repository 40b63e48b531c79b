#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
import os
import random
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from version_map import compare, holds, is_valid, map_upstream, map_version  # noqa: E402


class Mapping(unittest.TestCase):
    CASES = {
        '6.1.176-1': '6.1.176-r1',
        '4:12.2.0-3': '12.2.0-r3',
        '12.2.0-14+deb12u1': '12.2.0-r1400120100',
        '2.36-9+deb12u14': '2.36-r900121400',
        '1:1.35.0-4+deb12u1+b1': '1.35.0-r400120101',
        '5.2.15-2+b13': '5.2.15-r200000013',
        '4.3-4.1': '4.3-r401000000',
        '30+20221128-1': '30_p20221128-r1',
        '1.5.4+dfsg2-5': '1.5.4_p2-r5',
        '2:6.2.1+dfsg1-1.1': '6.2.1-r101000000',
        '1.0~rc2-1': '1.0_rc2-r1',
        '2.0~beta-1': '2.0_beta-r1',
        '9.52e-1': '9.52e-r1',
        '12.1.8': '12.1.8-r0',
        '2023-01-25-1': '2023_p01_p25-r1',
        '2019.2.0~git20230116.bd54183-2': '2019.2.0_pre20230116-r2',
        '0.0svn20121225-3': '0.0_svn20121225-r3',
        'v3-1': '0_p3-r1',
    }

    def test_examples(self):
        for debian, apk in self.CASES.items():
            self.assertEqual(map_version(debian), apk, debian)

    def test_anything_gives_a_valid_version(self):
        source = random.Random(7)
        letters = '0123456789' * 3 + 'abcdefghijklmnopqrstuvwxyz.+-~:ABC'
        for _ in range(20000):
            text = ''.join(source.choice(letters) for _ in range(source.randint(0, 40)))
            self.assertTrue(is_valid(map_version(text)), text)

    def test_known_words_stay_valid(self):
        for text in ('5.1.1alpha+20120614', '1.0+really0.9-1', '7.0.15-1~deb12u10', '3.0.20-1~deb12u1',
                     '20250101000000000000000000-1', '1.2.3+ds+repack-0ubuntu1.2'):
            self.assertTrue(is_valid(map_version(text)), text)

    def test_order_is_kept(self):
        ascending = [
            ['1.0~rc1-1', '1.0-1', '1.0-2', '1.0.1-1', '1.1-1'],
            ['2.36-9+deb12u9', '2.36-9+deb12u10', '2.36-9+deb12u14'],
            ['1:1.35.0-4+b1', '1:1.35.0-4+b2', '1:1.35.0-4+deb12u1', '1:1.35.0-4+deb12u1+b1'],
            ['3.0.20-1~deb12u1', '3.0.20-1~deb12u2', '3.0.22-1~deb12u1'],
            ['6.1.9-1', '6.1.10-1', '6.1.176-1'],
        ]
        for versions in ascending:
            mapped = [map_version(version) for version in versions]
            for older, newer in zip(mapped, mapped[1:]):
                self.assertEqual(compare(older, newer), -1, (older, newer))
                self.assertEqual(compare(newer, older), 1, (older, newer))

    def test_upstream_only(self):
        self.assertEqual(map_upstream('12.2.0'), '12.2.0')
        self.assertEqual(map_upstream('6.2.1+dfsg1'), '6.2.1')


class Comparing(unittest.TestCase):
    def test_pairs(self):
        # From apk-tools' documented rules: suffix ranks, -rN, letters, leading zeros after a dot.
        for left, order, right in (
                ('1.0', 0, '1.0'), ('1.0', -1, '1.0.0'), ('1.0_rc1', -1, '1.0'), ('1.0_p1', 1, '1.0'),
                ('1.0_alpha', -1, '1.0_beta'), ('1.0_pre1', -1, '1.0_rc1'), ('1.0a', 1, '1.0'),
                ('1.0a', -1, '1.0b'), ('1.0-r1', -1, '1.0-r2'), ('1.0', -1, '1.0-r0'), ('1.9', -1, '1.10'),
                ('1.0_rc1-r5', -1, '1.0-r0'), ('1.0.1', 1, '1.0-r9'), ('1.0_git1', -1, '1.0_p1'),
                ('1.02', -1, '1.1'), ('8.2.0', -1, '8.2.001'), ('8.2.0015', -1, '8.2.002')):
            self.assertEqual(compare(left, right), order, (left, right))
            self.assertEqual(compare(right, left), -order, (right, left))

    def test_operators(self):
        self.assertTrue(holds('2.36-r9', '>=', '2.36'))
        self.assertTrue(holds('2.36-r9', '<', '2.37'))
        self.assertFalse(holds('2.36-r9', '=', '2.36-r8'))


if __name__ == '__main__':
    unittest.main()
