#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which packages the stand-in holds, as tables, and the closure of their dependencies."""
import re

from version_map import holds, is_valid, map_upstream, map_version, split_debian

# Alpine's name of an architecture -> Debian's, its kernel flavour, the GNU triplet, ELF's e_machine.
ARCHES = {
    'aarch64': {'debian': 'arm64', 'flavour': 'arm64', 'triplet': 'aarch64-linux-gnu', 'machine': 183},
    'armv7': {'debian': 'armhf', 'flavour': 'armmp', 'triplet': 'arm-linux-gnueabihf', 'machine': 40},
    'x86_64': {'debian': 'amd64', 'flavour': 'amd64', 'triplet': 'x86_64-linux-gnu', 'machine': 62},
}

# Metapackages: name -> its dependencies.
BUILD_BASE = ('gcc', 'cpp', 'binutils', 'make', 'libc6-dev', 'bash', 'awk', 'sed', 'grep', 'coreutils', 'findutils',
              'diffutils', 'patch', 'perl-base', 'gzip', 'xz-utils', 'zstd')
ROOTS = tuple(name for name in BUILD_BASE if name != 'awk') + ('mawk', 'kmod', 'busybox-static')

# What is only made on demand (make-standin --with), and only for the build machine: more than 100 MB.
EXTRAS = {
    # Preparing a kernel's source. pahole: without it kconfig switches type information off, and with it
    # the layout of struct module changes; where it is on, the kernel's own libbpf needs python.
    'prepare': ('flex', 'bison', 'bc', 'libssl-dev', 'libelf-dev', 'zlib1g-dev', 'pahole', 'python3-minimal'),
    # Kernels built by clang.
    'clang': ('clang-16', 'lld-16', 'llvm-16'),
    # Device-tree overlays of modules.
    'overlays': ('device-tree-compiler',),
}
# With 'prepare' also the C libraries of the other architectures, for the programs of their kernels:
# libc-dev-<arch> needs these packages, of a Debian architecture.
CROSS_LIBC = ('libc6-dev-%s-cross', 'libc6-%s-cross', 'libgcc-s1-%s-cross', 'linux-libc-dev-%s-cross')

# Sources of modules: our name -> Debian's. Those of them known to build for the kernel of the stand-in.
MODULE_SOURCES = {
    'v4l2loopback-src': 'v4l2loopback-dkms',
    'ddcci-src': 'ddcci-dkms',
    'lime-forensics-src': 'lime-forensics-dkms',
    'dm-writeboost-src': 'dm-writeboost-dkms',
    'vpoll-src': 'vpoll-dkms',
}

# Dependencies that make no sense here: configuration and init systems, package management, what an
# interpreter is needed for only by maintainer scripts, the sanitizers' run time (no kernel links it), of
# clang and llvm what serves other languages, downloads of debug information and performance counters.
DROPPED = re.compile(r'''(?x)
    debconf.* | cdebconf | init-system-helpers | linux-initramfs-tool | initramfs-tools | dkms
    | python(?!3\.\d+-minimal).* | linux-base | dpkg | base-files | base-passwd | debianutils | install-info
    | perl | perl-modules.* | perl:any
    | libnsl-dev | rpcsvc-proto | sensible-utils | systemd.* | tzdata | linux-compiler-.* | gcc-[0-9]+-cross-base
    | lib(asan8|tsan2|ubsan1|lsan0|hwasan0|itm1|quadmath0)(-.*-cross)?
    | libstdc\+\+-[0-9]+-dev | libobjc-[0-9]+-dev | libclang1-.* | libcurl4 | libpfm4
    | libgcc-s1-.*-cross | libgomp1-.*-cross | libatomic1-.*-cross | libc6-.*-cross | libgcc-s1-.*
    ''')

# Real packages that only exist in another shape here.
RENAMED = {'busybox-static': 'busybox'}

# The programs of llvm that a kernel's Makefile calls.
LLVM_TOOLS = ('llvm-ar', 'llvm-nm', 'llvm-objcopy', 'llvm-objdump', 'llvm-ranlib', 'llvm-readelf', 'llvm-readobj',
              'llvm-strip')

# Files of Debian's update-alternatives, as plain links: package -> {path: target}.
ALTERNATIVES = {
    'mawk': {'usr/bin/awk': 'mawk'},
    'gcc': {'usr/bin/cc': 'gcc'},
    'clang-16': {'usr/bin/clang': '../lib/llvm-16/bin/clang'},
    'lld-16': {'usr/bin/ld.lld': '../lib/llvm-16/bin/ld.lld'},
    'llvm-16': {'usr/bin/' + name: '../lib/llvm-16/bin/' + name for name in LLVM_TOOLS},
}

# Files that nobody needs here: package -> regular expressions. Most of llvm's hundred programs are its own tests.
DROPS = {
    'llvm-16': [r'usr/lib/llvm-16/bin/(?!(%s)\Z).*' % '|'.join(LLVM_TOOLS), r'usr/bin/.*', r'usr/share/(?!doc/).*'],
    'llvm-16-runtime': [r'usr/(lib/llvm-16/)?bin/.*', r'usr/share/(?!doc/).*'],
}

# Virtual names that have a provider apk may choose by itself: package -> priority.
PROVIDER_PRIORITY = {'mawk': 100}

NAME = re.compile(r'[a-z0-9][a-z0-9+.-]*\Z')


class SetError(Exception):
    pass


def kernel_release(available, flavour):
    """The kernel ABI's name, e.g. 6.1.0-56-arm64: what the metapackage depends on."""
    meta = available.get('linux-image-' + flavour)
    for alternatives in _dependencies(meta or {}, ('Depends',)):
        name = alternatives[0][0]
        if name.startswith('linux-image-'):
            # What is signed for secure boot carries no suffix, what is not does.
            return name.removeprefix('linux-image-').removesuffix('-unsigned')
    raise SetError('apt offers no linux-image-%s; the sources of this machine are not Debian\'s' % flavour)


def kernel_debs(available, flavour):
    """{'image': names, 'dev': names, 'scripts': names} of the kernel's Debian packages."""
    release = kernel_release(available, flavour)
    image = 'linux-image-' + release
    if image not in available:
        image += '-unsigned'
    headers = 'linux-headers-' + release
    found = {'image': [image], 'dev': [headers], 'scripts': []}
    for alternatives in _dependencies(available.get(headers, {}), ('Depends',)):
        name = alternatives[0][0]
        if name.endswith('-common'):
            found['dev'].append(name)
        elif name.startswith('linux-kbuild-'):
            found['scripts'].append(name)
    for name in sum(found.values(), []):
        if name not in available:
            raise SetError('apt offers no %s' % name)
    return release, found


def _dependencies(fields, keys=('Pre-Depends', 'Depends')):
    """[[(name, operator, version), ...alternatives], ...]"""
    result = []
    for key in keys:
        for clause in fields.get(key, '').split(','):
            alternatives = []
            for one in clause.split('|'):
                match = re.match(r'\s*([^\s(:\[]+)(?::\w+)?\s*(?:\(\s*([<>=]+)\s*([^)\s]+)\s*\))?', one)
                if match:
                    alternatives.append(match.groups())
            if alternatives:
                result.append(alternatives)
    return result


def provided(fields):
    """[(name, version or None)] of Debian's Provides."""
    return [(name, version) for clause in _dependencies(fields, ('Provides',))
            for name, _, version in clause]


def _choose(alternatives, available, providers):
    """The real package that serves a dependency: (real name, clause) or (None, None)."""
    for clause in alternatives:
        if DROPPED.fullmatch(clause[0]):
            # The first alternative is the one Debian means: if that makes no sense, none does.
            return None, None
        if clause[0] in available:
            return clause[0], clause
        if clause[0] in providers:
            return providers[clause[0]][0], (clause[0], None, None)
    return None, None


def closure(roots, available):
    """Debian's names -> [(real name, clause)] of every package that has to come along."""
    providers = {}
    for name in sorted(available):
        for virtual, _ in provided(available[name]):
            providers.setdefault(virtual, []).append(name)
    found, queue = {}, list(roots)
    while queue:
        name = queue.pop()
        if name in found:
            continue
        if name not in available:
            raise SetError('apt offers no package %s' % name)
        found[name] = []
        for alternatives in _dependencies(available[name]):
            real, clause = _choose(alternatives, available, providers)
            if real and real != name:
                found[name].append((real, clause))
                queue.append(real)
    return found


def map_dependency(real, clause, available):
    """A Debian dependency as apk's: versioned where the rewritten versions still say the same."""
    name, operator, version = clause
    target = RENAMED.get(real, real)
    if name != real or not operator:
        return target
    have = map_version(available[real]['Version'])
    if operator == '=':
        wanted = map_version(version)
    else:
        operator = {'<<': '<', '>>': '>'}.get(operator, operator)
        # Without a revision: "12.2.0-1~" means 12.2.0, whatever its packaging.
        wanted = map_upstream(split_debian(version)[1])
    if is_valid(wanted) and holds(have, operator, wanted):
        return target + operator + wanted
    return target


def map_provides(fields, real_names):
    """Debian's virtual packages; a name that is a real package here would shadow it."""
    result = []
    for name, version in provided(fields):
        if NAME.match(name) and name not in real_names and name != fields['Package']:
            mapped = map_version(version) if version else None
            result.append('%s=%s' % (name, mapped) if mapped else name)
    return result


def cross_compilers(arch):
    """On a build machine of this arch: our names of compilers for the others -> Debian's package."""
    return {'gcc-' + other: 'gcc-%s' % data['triplet'].replace('_', '-')
            for other, data in ARCHES.items() if other != arch}


def cross_libcs(arch):
    """On a build machine of this arch: our names of C libraries of the others -> Debian's packages."""
    return {'libc-dev-' + other: [name % data['debian'] for name in CROSS_LIBC]
            for other, data in ARCHES.items() if other != arch}
