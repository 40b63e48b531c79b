#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The packages that are ours and not Debian's: base layout, scripts, triggers, users.

Small, but each behaves like one of Alpine's that a tool building a root trips over: the layout everything
stands on, busybox's applet links, depmod by trigger, a user made just before its own files arrive.
"""
from apk_writer import Entry

# Everything of ours carries this time: reproducible, and older than any Debian package in it.
TIME = 1700000000


def file(path, text, mode=0o644, **owner):
    return Entry(path, content=text.encode(), mode=mode, mtime=TIME, **owner)


def _dir(path, mode=0o755, **owner):
    return Entry(path, kind='dir', mode=mode, mtime=TIME, **owner)


def link(path, target):
    return Entry(path, kind='link', target=target, mode=0o777, mtime=TIME)


PASSWD = '''root:x:0:0:root:/root:/bin/sh
bin:x:1:1:bin:/bin:/sbin/nologin
daemon:x:2:2:daemon:/sbin:/sbin/nologin
lp:x:4:7:lp:/var/spool/lpd:/sbin/nologin
man:x:13:15:man:/usr/man:/sbin/nologin
guest:x:405:100:guest:/dev/null:/sbin/nologin
nobody:x:65534:65534:nobody:/:/sbin/nologin
'''
GROUP = '''root:x:0:root
bin:x:1:root,bin,daemon
daemon:x:2:root,bin,daemon
sys:x:3:root,bin
adm:x:4:root,daemon
tty:x:5:
disk:x:6:root
lp:x:7:lp
mem:x:8:
kmem:x:9:
wheel:x:10:root
man:x:15:man
audio:x:18:
shadow:x:42:
utmp:x:43:
video:x:44:
users:x:100:
nogroup:x:65533:
nobody:x:65534:
'''
OS_RELEASE = '''NAME="pmkmod stand-in"
ID=standin
VERSION_ID=1
PRETTY_NAME="pmkmod's stand-in distribution, made of Debian packages; not Alpine, not postmarketOS"
'''


def baselayout(arch):
    """Directories, the usr-merge links, users. It comes first: every other package depends on it."""
    entries = [
        link('bin', 'usr/bin'), link('lib', 'usr/lib'), link('sbin', 'usr/sbin'),
        _dir('usr/bin'), _dir('usr/lib'), _dir('usr/sbin'), _dir('usr/share'), _dir('usr/local'), _dir('usr/src'),
        _dir('boot'), _dir('dev'), _dir('etc'), _dir('home'), _dir('mnt'), _dir('opt'), _dir('proc', 0o555),
        _dir('root', 0o700), _dir('run'), _dir('sys', 0o555), _dir('tmp', 0o1777),
        _dir('var'), _dir('var/cache'), _dir('var/empty', 0o555), _dir('var/lib'), _dir('var/log'), _dir('var/spool'),
        _dir('var/tmp', 0o1777), link('var/run', '../run'), link('var/lock', '../run/lock'),
        file('etc/passwd', PASSWD), file('etc/group', GROUP),
        file('etc/shadow', ''.join('%s:!::0:::::\n' % line.partition(':')[0] for line in PASSWD.splitlines()),
              0o640, gid=42, gname='shadow'),
        file('etc/hosts', '127.0.0.1\tlocalhost localhost.localdomain\n::1\t\tlocalhost\n'),
        file('etc/profile', 'export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n'),
        file('etc/shells', '/bin/sh\n/bin/bash\n'), link('etc/mtab', '../proc/mounts'),
        file('usr/lib/os-release', OS_RELEASE), link('etc/os-release', '../usr/lib/os-release'),
    ]
    if arch == 'x86_64':
        entries += [link('lib64', 'usr/lib64'), _dir('usr/lib64')]
    return entries


# Debian's busybox has neither; on Alpine both are applets, and packages' scripts call them like this.
ADDGROUP = '''#!/bin/busybox sh
# addgroup [-S] [-g GID] GROUP, or addgroup USER GROUP: the part of busybox's applet that packages use.
gid='' first=100
while getopts Sg: option; do
	case $option in
	S) ;;
	g) gid=$OPTARG ;;
	*) exit 1 ;;
	esac
done
shift $((OPTIND - 1))
if [ $# = 2 ]; then
	grep -q "^$2:" /etc/group || { echo "addgroup: unknown group $2" >&2; exit 1; }
	sed -i "/^$2:/{/[:,]$1\\(,\\|\\$\\)/!{s/\\$/,$1/;s/:,/:/}}" /etc/group
	exit
fi
if grep -q "^$1:" /etc/group; then
	echo "addgroup: group '$1' in use" >&2
	exit 1
fi
if [ -z "$gid" ]; then
	gid=$first
	while cut -d: -f3 /etc/group | grep -qx "$gid"; do gid=$((gid + 1)); done
fi
echo "$1:x:$gid:" >>/etc/group
'''
ADDUSER = '''#!/bin/busybox sh
# adduser [-S] [-D] [-H] [-h HOME] [-s SHELL] [-g GECOS] [-G GROUP] [-u UID] USER: the part packages use.
home='' shell=/sbin/nologin gecos='Linux User,,,' group='' uid='' make=yes
while getopts SDHh:s:g:G:u: option; do
	case $option in
	S | D) ;;
	H) make=no ;;
	h) home=$OPTARG ;;
	s) shell=$OPTARG ;;
	g) gecos=$OPTARG ;;
	G) group=$OPTARG ;;
	u) uid=$OPTARG ;;
	*) exit 1 ;;
	esac
done
shift $((OPTIND - 1))
if grep -q "^$1:" /etc/passwd; then
	echo "adduser: user '$1' in use" >&2
	exit 1
fi
group=${group:-nogroup}
gid=$(grep "^$group:" /etc/group | cut -d: -f3)
[ -n "$gid" ] || { echo "adduser: unknown group $group" >&2; exit 1; }
if [ -z "$uid" ]; then
	uid=100
	while cut -d: -f3 /etc/passwd | grep -qx "$uid"; do uid=$((uid + 1)); done
fi
echo "$1:x:$uid:$gid:$gecos:${home:-/home/$1}:$shell" >>/etc/passwd
echo "$1:!::0:::::" >>/etc/shadow
[ $make = no ] || mkdir -p "${home:-/home/$1}"
'''


def busybox():
    return [link('usr/bin/sh', 'busybox'), file('usr/sbin/addgroup', ADDGROUP, 0o755),
            file('usr/sbin/adduser', ADDUSER, 0o755), _dir('etc/busybox-paths.d')]


BUSYBOX_INSTALL = '''#!/bin/busybox sh
# Links are made only where nothing is: a package that brings the real program wins.
/bin/busybox --install -s
'''
BUSYBOX_TRIGGER = '''#!/bin/busybox sh
for folder in "$@"; do
	case $folder in
	/bin | /sbin | /usr/bin | /usr/sbin) links=yes ;;
	esac
done
[ "$links" != yes ] || /bin/busybox --install -s
'''
DEPMOD_TRIGGER = '''#!/bin/sh
# A folder stays behind without its modules when a kernel is removed and a built module was left in it.
# By its path: busybox' shell would take its own applet, which writes no index for kmod's modprobe.
for folder in "$@"; do
	[ -f "$folder/modules.order" ] || continue
	/usr/sbin/depmod "${folder##*/}" || status=1
done
exit ${status:-0}
'''
LOGD_PRE_INSTALL = '''#!/bin/sh
addgroup -S standinlog 2>/dev/null
adduser -S -D -H -h /var/lib/standin-logd -s /sbin/nologin -G standinlog -g standinlog standinlog 2>/dev/null
exit 0
'''
HOSTID_POST_INSTALL = '''#!/bin/sh
if [ ! -s /etc/standin-hostid ]; then
	echo "standin-$(uname -m)" >/etc/standin-hostid
fi
exit 0
'''


def logd():
    """A daemon's package: its user is made by pre-install and owns what comes right after."""
    owner = {'uid': 100, 'gid': 101, 'uname': 'standinlog', 'gname': 'standinlog'}
    return [_dir('var/lib/standin-logd', 0o750, **owner),
            file('var/lib/standin-logd/state', 'empty\n', 0o640, **owner),
            file('etc/standin-logd.conf', 'level = info\n', 0o640, gid=101, gname='standinlog'),
            file('usr/sbin/standin-logd', '#!/bin/sh\nexec logger "$@"\n', 0o755)]


def hostid():
    """A package whose post-install writes a file no package owns."""
    return [file('usr/bin/standin-hostid', '#!/bin/sh\ncat /etc/standin-hostid\n', 0o755)]


# name -> scripts and triggers of packages whose files come from elsewhere as well.
SCRIPTS = {
    'busybox': {'post-install': BUSYBOX_INSTALL, 'post-upgrade': BUSYBOX_INSTALL, 'trigger': BUSYBOX_TRIGGER},
    'kmod': {'trigger': DEPMOD_TRIGGER},
    'standin-logd': {'pre-install': LOGD_PRE_INSTALL},
    'standin-hostid': {'post-install': HOSTID_POST_INSTALL},
}
TRIGGERS = {
    'busybox': ['/bin', '/usr/bin', '/sbin', '/usr/sbin'],
    'kmod': ['/lib/modules/*', '/usr/lib/modules/*'],
}
