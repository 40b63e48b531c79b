#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make one package for the command-line tests.

  make-package.py APK KEY NAME [FIELD=VALUE...] [PATH:FILE...]   FILE's content as PATH in the package;
                                                                 as a script, if it is .post-install or so
  make-package.py --altered APK FROM OLD NEW                     FROM with another control part, which
                                                                 its signature does not cover

KEY is made (KEY and KEY.pub) if it is not there.
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'standin'))
import apk_writer as apk  # noqa: E402
import apktool  # noqa: E402


def altered(to, source, old, new):
    signature, control, data = apktool.package(source)
    entries = [apk.Entry(info.name, content=content.replace(old.encode(), new.encode()), mode=info.mode)
               for info, content in apktool.entries(control)]
    apk.write_file(to, signature + apk.gzip_member(apk.tar(entries, end=False)) + data)


def made(to, key, name, *rest):
    if not os.path.exists(key):
        apk.make_key(key)
    fields = {'pkgname': name, 'pkgver': '1-r0', 'arch': 'aarch64', 'pkgdesc': 'A package of a test',
              'license': 'custom', 'builddate': 1700000000}
    folders, entries, scripts = set(), [], {}
    for word in rest:
        if '=' in word and ':' not in word.partition('=')[0]:
            field, _, value = word.partition('=')
            fields[field] = value
            continue
        path, _, source = word.partition(':')
        if path.startswith('.'):
            with open(source, encoding='utf-8') as handle:
                scripts[path[1:]] = handle.read()
            continue
        parts = path.split('/')[:-1]
        folders.update('/'.join(parts[:i + 1]) for i in range(len(parts)))
        with open(source, 'rb') as handle:
            entries.append(apk.Entry(path, content=handle.read()))
    entries += [apk.Entry(folder, kind='dir') for folder in folders]
    entries.sort(key=lambda entry: entry.name)
    apk.write_file(to, apk.package(fields, entries, key, scripts=scripts)[0])


if __name__ == '__main__':
    if sys.argv[1] == '--altered':
        altered(*sys.argv[2:6])
    else:
        made(*sys.argv[1:])
