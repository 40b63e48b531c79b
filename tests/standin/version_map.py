#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rewrite Debian version numbers into version numbers apk accepts, and compare the latter.

apk:    digits{.digits}{letter}{_suffix[num]}*{-rN}
Debian: [epoch:]upstream[-revision], with almost any character.

The epoch is dropped (no Alpine version looks like it).  The map is deterministic, always gives a valid
version, and keeps Debian's order for the changes that happen inside one stable release.
"""
import re

PRE = ('alpha', 'beta', 'pre', 'rc')
POST = ('cvs', 'svn', 'git', 'hg', 'p')
VALID = re.compile(r'\d+(\.\d+)*[a-z]?(_(?:%s)\d*)*(-r\d+)?\Z' % '|'.join(PRE + POST))
# apk-tools 2.14 refuses numbers of 18 digits and more.
MAX_DIGITS = 17
# Words in which Debian says "we repacked the source": nothing a reader of the version needs.
REPACK = ('dfsg', 'ds', 'debian', 'repack', 'orig')


def split_debian(version):
    """'4:12.2.0-3' -> ('4', '12.2.0', '3'); a native package has revision ''."""
    epoch, colon, rest = version.partition(':')
    if not colon:
        epoch, rest = '', version
    upstream, dash, revision = rest.rpartition('-')
    if not dash:
        upstream, revision = rest, ''
    return epoch, upstream, revision


def _number(text):
    return text[:MAX_DIGITS]


def map_upstream(upstream):
    text = upstream.lower()
    head = re.match(r'\d+(?:\.\d+)*', text)
    if head:
        out, text = head.group(), text[head.end():]
        out = '.'.join(_number(part) for part in out.split('.'))
    else:
        out = '0'
    letter = re.match(r'[a-z](?![a-z0-9])', text)
    if letter:
        out, text = out + letter.group(), text[letter.end():]
    for sign, word, number in re.findall(r'([^a-z0-9]*)(?:([a-z]+)(\d*)|\d+)', _numbers_named(text)):
        if word == 'num':
            word = ''
        if word in REPACK:
            # A second repack must still differ from the first.
            if number and number != '1':
                out += '_p' + _number(number)
            continue
        if word in PRE:
            out += '_%s%s' % (word, _number(number))
        elif word in ('a', 'b') and number and '~' in sign:
            out += '_%s%s' % ({'a': 'alpha', 'b': 'beta'}[word], _number(number))
        elif word in POST and '~' not in sign:
            out += '_%s%s' % (word, _number(number))
        elif '~' in sign:
            out += '_pre' + _number(number)
        else:
            out += '_p' + _number(number)
    return out


def _numbers_named(text):
    """Give every bare number a word and drop commit ids, so that one pattern reads the rest."""
    def hexid(match):
        word = match.group()
        return '' if re.search('[a-f]', word) and re.search(r'\d', word) else word
    text = re.sub(r'(?<![a-z0-9])[0-9a-f]{7,40}(?![a-z0-9])', hexid, text)
    return re.sub(r'(?<![a-z0-9])(\d+)', r'num\1', text)


def map_revision(revision):
    """'9+deb12u14' -> 900121400: revision, NMU, stable release, its update, binary rebuild."""
    if not revision:
        return 0
    match = re.match(r'(\d+)(?:\.(\d+))?((?:[+~]deb\d+u\d+)*)((?:\+b\d+)?)\Z', revision)
    if match:
        main, nmu, updates, rebuild = match.groups()
        if not (nmu or updates or rebuild):
            return int(_number(main))
        main = int(main)
        release = update = 0
        found = re.findall(r'([+~])deb(\d+)u(\d+)', updates)
        if found:
            sign, release, update = found[-1]
            # A backport (1~deb12u1) is older than what it was made from (1).
            if sign == '~':
                main = max(main - 1, 0)
        parts = (int(nmu or 0), int(release), int(update), int(rebuild[2:] or 0))
        return int('%d%s' % (main, ''.join('%02d' % min(part, 99) for part in parts)))
    numbers = re.findall(r'\d+', revision) or ['0']
    text = numbers[0] + ''.join('%02d' % min(int(n), 99) for n in numbers[1:5])
    return int(_number(text))


def map_version(version):
    """A whole Debian version -> a whole apk version."""
    _, upstream, revision = split_debian(version)
    return '%s-r%d' % (map_upstream(upstream), map_revision(revision))


def is_valid(version):
    return bool(VALID.match(version)) and all(
        len(number) <= MAX_DIGITS for number in re.findall(r'\d+', version))


def _tokens(version):
    version, _, release = version.partition('-r')
    head = re.match(r'\d+(?:\.\d+)*', version)
    rest = version[head.end():]
    tokens = []
    for place, part in enumerate(head.group().split('.')):
        # After a dot a leading zero makes apk compare as text; before it, it means nothing.
        if place and part.startswith('0') and len(part) > 1:
            tokens.append((5, 0, part))
        else:
            tokens.append((5, 1, int(part)))
    if rest and rest[0] != '_':
        tokens.append((4, ord(rest[0]), 0))
        rest = rest[1:]
    for word, number in re.findall(r'_([a-z]+)(\d*)', rest):
        rank = PRE.index(word) - len(PRE) if word in PRE else POST.index(word) + 1
        tokens.append((3, rank, int(number or 0)))
    if release:
        tokens.append((2, int(release), 0))
    return tokens


def compare(left, right):
    """-1, 0 or 1, as apk orders two valid versions."""
    end = (0, 0, 0)
    left, right = _tokens(left), _tokens(right)
    for index in range(max(len(left), len(right))):
        a = left[index] if index < len(left) else end
        b = right[index] if index < len(right) else end
        if a == b:
            continue
        if a[0] == b[0]:
            if a[0] == 5 and a[1] != b[1]:
                a, b = (0, 0, str(a[2])), (0, 0, str(b[2]))
            return -1 if a < b else 1
        # A pre-release suffix is less than anything that could stand in its place.
        if a[0] == 3 and a[1] < 0:
            return -1
        if b[0] == 3 and b[1] < 0:
            return 1
        return 1 if a[0] > b[0] else -1
    return 0


def holds(version, operator, wanted):
    order = compare(version, wanted)
    return {'=': order == 0, '<': order < 0, '>': order > 0,
            '<=': order <= 0, '>=': order >= 0}[operator]
