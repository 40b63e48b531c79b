#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what apt offers to the list of packages of one architecture: what to convert, what to say of it."""
import hashlib
import os
import re

import own_packages
import package_set
from apt_private import deb_name
from convert import Job
from package_set import ARCHES
from version_map import holds, map_version

MAINTAINER = 'pmkmod stand-in <standin@localhost>'
BASE = 'standin-baselayout'
FLAVOUR = 'standin'
# Debian's headers name the kernel's own folders; these patterns bring them where Alpine has them.
IMAGE_RENAMES = [
    (r'\Aboot/vmlinuz-.*', 'boot/vmlinuz-' + FLAVOUR),
    (r'\Ausr/lib/linux-image-[^/]+', 'boot/dtbs-' + FLAVOUR),
]
# Debian's System.map only says that it is elsewhere.
IMAGE_DROPS = [r'boot/System\.map-.*', r'usr/share/bug/.*']


def _package(name, version, description, depends=(), **more):
    package = {'name': name, 'version': version, 'description': description, 'depends': list(depends),
               'provides': [], 'debs': [], 'homepage': 'https://www.debian.org/', 'origin': name}
    package.update(more)
    return package


def _from_debian(name, fields, depends, **more):
    source = fields.get('Source', fields['Package']).partition(' ')[0]
    return _package(name, map_version(fields['Version']), fields.get('Description', name), depends,
                    homepage=fields.get('Homepage', 'https://www.debian.org/'), origin=source,
                    debs=[fields], **more)


def _crosses(arch, available, extras):
    """Our metapackages of a build machine -> Debian's packages they need."""
    crosses = {ours: [name] for ours, name in package_set.cross_compilers(arch).items()}
    if 'prepare' in extras:
        crosses.update(package_set.cross_libcs(arch))
    return {ours: names for ours, names in crosses.items() if all(name in available for name in names)}


def _debian_closure(arch, available, native, extras):
    roots = list(package_set.ROOTS)
    crosses = {}
    if native:
        crosses = _crosses(arch, available, extras)
        roots += [name for names in crosses.values() for name in names]
        roots += [name for extra in extras for name in package_set.EXTRAS[extra]]
    release, kernel = package_set.kernel_debs(available, ARCHES[arch]['flavour'])
    kbuild = package_set.closure(kernel['scripts'], available)
    # The kernel's programs become a package of another name; what they need stays a Debian package.
    roots += [real for name in kernel['scripts'] for real, _ in kbuild[name]]
    return package_set.closure(roots, available), crosses, release, kernel, kbuild


def make(arch, available, native, extras=()):
    """The packages of one architecture, as plain data (it is kept as JSON).

    native: it is the build machine's, which gets cross compilers and the EXTRAS that were asked for.
    """
    closure, crosses, release, kernel, kbuild = _debian_closure(arch, available, native, extras)
    real_names = set(closure)
    packages = []
    for name in sorted(closure):
        fields = available[name]
        depends = [package_set.map_dependency(real, clause, available) for real, clause in closure[name]]
        packages.append(_from_debian(
            package_set.RENAMED.get(name, name), fields, depends,
            provides=package_set.map_provides(fields, real_names),
            provider_priority=package_set.PROVIDER_PRIORITY.get(name)))
    for package in packages:
        if package['name'] == 'busybox':
            package['provides'] = ['/bin/sh'] + [one for one in package['provides'] if one != 'busybox']
        package['links'] = package_set.ALTERNATIVES.get(package['name'], {})
        package['drops'] = package_set.DROPS.get(package['name'], [])
    packages += _kernel_packages(available, release, kernel, kbuild)
    packages += _module_sources(available)
    packages += _own(arch, closure)
    for ours, names in crosses.items():
        kind, _, other = ours.rpartition('-')
        packages.append(_package(ours, map_version(available[names[0]]['Version']), '%s for %s' % (
            'Cross compiler' if kind == 'gcc' else 'C library', other), names, meta=True))
    for package in packages:
        package['arch'] = arch
        if package['name'] != BASE:
            package['depends'] = [BASE] + sorted(set(package['depends']))
    return {'release': release, 'packages': sorted(packages, key=lambda package: package['name'])}


def _kernel_packages(available, release, kernel, kbuild):
    image = available[kernel['image'][0]]
    version = map_version(image['Version'])
    scripts_depends = [package_set.map_dependency(real, clause, available)
                       for name in kernel['scripts'] for real, clause in kbuild[name]]
    return [
        _package('linux-' + FLAVOUR, version, image.get('Description', ''), ['kmod'], origin='linux-' + FLAVOUR,
                 debs=[image], renames=IMAGE_RENAMES, drops=IMAGE_DROPS, license='GPL-2.0-only',
                 files={'usr/share/kernel/%s/kernel.release' % FLAVOUR: release + '\n'}),
        # As on Alpine, the headers do not need the kernel.
        _package('linux-%s-dev' % FLAVOUR, version, 'Headers to build modules for linux-' + FLAVOUR,
                 ['kernel-scripts-%s=%s' % (FLAVOUR, version)], origin='linux-' + FLAVOUR,
                 debs=[available[name] for name in kernel['dev']], license='GPL-2.0-only'),
        _package('kernel-scripts-' + FLAVOUR, version, 'Programs of kbuild, for the kernel\'s architecture',
                 scripts_depends, origin='linux-' + FLAVOUR, license='GPL-2.0-only',
                 debs=[available[name] for name in kernel['scripts']]),
    ]


def _module_sources(available):
    result = []
    for ours, name in sorted(package_set.MODULE_SOURCES.items()):
        if name in available:
            result.append(_from_debian(ours, available[name], [], license='GPL-2.0-or-later',
                                       drops=[r'etc/.*', r'usr/share/(?!doc/).*', r'usr/s?bin/.*']))
    return result


def _own(arch, closure):
    build_base = [name for name in package_set.BUILD_BASE if name in closure or name == 'awk']
    return [
        _package(BASE, '1-r0', 'Base layout of the stand-in distribution', own='baselayout'),
        _package('build-base', '1-r0', 'What it takes to build', build_base, meta=True),
        _package('standin-logd', '1.2-r3', 'A package with a user of its own', ['busybox'], own='logd'),
        _package('standin-hostid', '0.9_rc2-r1', 'A package whose script writes a file', ['busybox>=1.30'],
                 own='hostid'),
    ]


def own_entries(package):
    """The tar entries of a package that come from here and not from Debian."""
    name, arch = package['name'], package['arch']
    if package.get('own') == 'baselayout':
        return own_packages.baselayout(arch)
    if package.get('own'):
        return getattr(own_packages, package['own'])()
    entries = own_packages.busybox() if name == 'busybox' else []
    for path, target in sorted(package.get('links', {}).items()):
        entries.append(own_packages.link(path, target))
    for path, text in sorted(package.get('files', {}).items()):
        entries.append(own_packages.file(path, text))
    return entries


def job(package, debs):
    return Job(name=package['name'], arch=package['arch'], machine=ARCHES[package['arch']]['machine'],
               debs=[os.path.join(debs, deb_name(fields)) for fields in package['debs']],
               hashes=[fields['SHA256'] for fields in package['debs']], entries=own_entries(package),
               renames=package.get('renames', []), drops=package.get('drops', []),
               bytes=sum(int(fields['Size']) for fields in package['debs']))


def info(package, facts, providers):
    """The .PKGINFO fields of a converted package. providers: every so: name of the repository."""
    name, version = package['name'], package['version']
    scripts = own_packages.SCRIPTS.get(name, {})
    depends = list(package['depends'])
    if any(text.startswith('#!/bin/sh\n') for text in scripts.values()):
        depends.append('/bin/sh')
    depends += sorted('so:' + one for one in facts['needed'] if one in providers)
    provides = package['provides'] + sorted(
        ['so:%s=%s' % item for item in facts['libraries'].items()]
        + ['cmd:%s=%s' % (command, version) for command in facts['commands']
           if re.fullmatch(r'[\w.+\[-]+', command)])
    hashes = ''.join(fields['SHA256'] for fields in package['debs'])
    fields = {
        'pkgname': name, 'pkgver': version, 'pkgdesc': package['description'], 'url': package['homepage'],
        'builddate': facts['builddate'] or own_packages.TIME, 'packager': MAINTAINER,
        # 0 is what makes a package virtual for apk; one with any file or script must not be.
        'size': 0 if package.get('meta') else max(facts['size'], 1), 'arch': package['arch'],
        'origin': package['origin'], 'commit': hashlib.sha1((name + version + hashes).encode()).hexdigest(),
        'maintainer': MAINTAINER, 'license': package.get('license', 'custom'),
        'provider_priority': package.get('provider_priority'), 'depend': depends, 'provides': provides,
        'triggers': own_packages.TRIGGERS.get(name, []), 'datahash': facts['datahash'],
    }
    return {key: value for key, value in fields.items() if value not in (None, [])}, scripts


def drop_rival_provides(fields_by_name):
    """Two packages that provide one name with versions cannot be installed together: keep the first.

    Which happens to Debian's packages with a library or program twice, and would make a root unsolvable.
    """
    taken, dropped = {}, []
    for name in sorted(fields_by_name):
        keep = []
        for provide in fields_by_name[name].get('provides', []):
            virtual, equals, _ = provide.partition('=')
            if equals and taken.setdefault(virtual, name) != name:
                dropped.append('%s: %s (is in %s)' % (name, provide, taken[virtual]))
            else:
                keep.append(provide)
        if 'provides' in fields_by_name[name]:
            fields_by_name[name]['provides'] = keep
    return dropped


def unresolved(fields_by_name):
    """Dependencies nothing in the repository satisfies: the conversion's own mistakes."""
    offers = {}
    for name, fields in fields_by_name.items():
        offers.setdefault(name, []).append(fields['pkgver'])
        for provide in fields.get('provides', []):
            virtual, _, version = provide.partition('=')
            offers.setdefault(virtual, []).append(version)
    problems = []
    for name, fields in fields_by_name.items():
        for depend in fields.get('depend', []):
            wanted, operator, version = re.match(r'([^<>=]+)([<>=]*)(.*)', depend).groups()
            found = offers.get(wanted, [])
            if not found or operator and not any(one and holds(one, operator, version) for one in found):
                problems.append('%s needs %s' % (name, depend))
    return problems
