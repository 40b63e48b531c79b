# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Harness of the command-line tests: they run the real program on the stand-in distribution.
# A test file says `start "$@"`, then `run NAME FUNCTION [ARGUMENT...]` for each case. Cases are
# functions; the first check that does not hold ends the case. Every case has a folder $D of its
# own, with HOME and the XDG folders in it.
#
# Root runs each file twice, side by side: as an ordinary user, and as root. What takes long and does
# not depend on who runs it is run once, by `run_once`. PMKMOD_TEST_QUEUE=user or root is one half
# of that: run-all has a queue for each, so that neither waits for the other at the end of a file.
set -u

# shellcheck disable=SC2034 # for the test files
device=standin-aarch64

# ---- one file ----

# start BUILD: find out who we are, run the file as an ordinary user too, make the scratch folder.
start() {
	build=$(realpath "${1:?build folder}")
	here=$(realpath "$(dirname "$0")")
	top=$(realpath "$here/../..")
	PMKMOD=$build/pmkmod
	mirror=$build/standin/mirror/v1/main
	topic=${0##*/}
	topic=${topic#test-}
	role=${PMKMOD_TEST_ROLE:-self}
	if [ "$(id -u)" = 0 ] && [ "${PMKMOD_TEST_QUEUE:-}" = user ] && [ "$role" != user ]; then
		# cases that root runs alone are in the other queue
		[ "$role" = alone ] || run_as_ordinary_user "$0"
		exit
	elif [ "$(id -u)" = 0 ] && [ "$role" = self ] && [ "${PMKMOD_TEST_QUEUE:-}" = root ]; then
		role=root
	elif [ "$(id -u)" = 0 ] && [ "$role" = self ]; then
		theirs=$(mktemp) || exit 1
		run_as_ordinary_user "$0" >"$theirs" 2>&1 &
		user_run=$!
		role=root
	fi
	label=$topic
	[ "$role" = self ] || label="$topic, as $role"
	shared=$build/cli/$role
	if [ ! -x "$PMKMOD" ] || [ ! -d "$mirror" ]; then
		echo "not ok - $label: needs $PMKMOD and $mirror (make all standin)"
		exit 1
	fi
	mkdir -p "$shared" || exit 1
	scratch=$(mktemp -d "$shared/$topic.XXXXXX") || exit 1
	trap 'finish' EXIT
	trap '[ -z "${user_run:-}" ] || kill "$user_run"; exit 130' INT TERM HUP
	renew_layers
	umask 022
}

# What the ordinary user's run said, when it has ended.
finish_user() {
	wait "$user_run" || grep -q '^not ok' "$theirs" || echo "not ok - $topic, as user: it did not run"
	cat "$theirs"
	rm -f "$theirs"
}

finish() {
	local pid
	echo "# $label: $SECONDS s"
	[ -z "${user_run:-}" ] || finish_user
	while read -r pid; do
		kill "$pid" 2>/dev/null
	done 2>/dev/null <"$scratch/servers"
	remove_tree "$scratch"
}

# Overlay work folders have no permissions at all.
remove_tree() {
	[ -e "$1" ] || return 0
	find "$1" -type d ! -perm -700 -exec chmod u+rwx {} + 2>/dev/null
	rm -rf "$1"
}

# Layers are the expensive state. They are addressed by their content, so that tests share them, as
# long as the program and the distribution stay the same.
renew_layers() {
	local now
	now=$(cat "$PMKMOD" "$mirror"/*/APKINDEX.tar.gz | sha256sum)
	exec 9>"$shared/lock"
	flock 9
	if [ "$(cat "$shared/stamp" 2>/dev/null)" != "$now" ]; then
		remove_tree "$shared/layers"
		remove_tree "$shared/kernels"
		remove_tree "$shared/made"
		mkdir -m 700 "$shared/layers" "$shared/kernels"
		echo "$now" >"$shared/stamp"
	fi
	exec 9>&-
}

# ---- the ordinary user ----

run_as_ordinary_user() {
	local name=pmkmod-test
	if ! id "$name" >/dev/null 2>&1 &&
		! useradd --system --user-group --no-create-home --shell /bin/sh "$name" 2>/dev/null; then
		name=nobody
	fi
	local public=$build file=$here/${1##*/}
	if ! as "$name" test -x "$PMKMOD" -a -r "$file" -a -r "$mirror/x86_64/APKINDEX.tar.gz"; then
		public=$(public_copy) || exit 1
		file=$public/tests/cli/${1##*/}
	fi
	mkdir -p "$public/cli/user"
	chown "$name" "$public/cli/user"
	as "$name" env PMKMOD_TEST_ROLE=user HOME=/nonexistent PATH="$PATH" TERM=dumb \
		"$file" "$public"
}

as() {
	local name=$1
	shift
	setpriv --reuid "$name" --regid "$(id -g "$name")" --clear-groups -- "$@"
}

# A checkout below /root cannot be read by an ordinary user: a copy that can, made of hard links
# where that is possible, kept for the other test files of this run.
public_copy() {
	local to link=$build/cli/public
	mkdir -p "$build/cli"
	to=$(readlink "$link" 2>/dev/null)
	if [ ! -d "$to" ]; then
		to=$(mktemp -d /var/tmp/pmkmod-cli.XXXXXX) || return 1
		chmod 755 "$to"
		ln -sfn "$to" "$link"
	fi
	mkdir -p "$to/standin"
	rm -rf "$to/tests" "$to/profiles" "$to/completion"
	cp -a "$top/tests" "$top/profiles" "$top/completion" "$to/"
	install -m 755 "$build/pmkmod" "$to/pmkmod"
	if [ ! -d "$to/standin/keys" ]; then
		cp -al "$build/standin/mirror" "$build/standin/keys" "$to/standin/" 2>/dev/null ||
			cp -a "$build/standin/mirror" "$build/standin/keys" "$to/standin/"
	fi
	[ ! -d "$build/openssh" ] || cp -a "$build/openssh" "$to/"
	chmod -R a+rX "$to/tests" "$to/profiles" "$to/completion" "$to/standin"
	[ "$topic" != kernels ] || public_kernels "$to/kernels" || return 1
	echo "$to"
}

# The same of what `make kernels` made: links, each to a folder whose name says what is in it.
public_kernels() {
	local link target copy
	mkdir -p "$1"
	for link in "$build"/kernels/*; do
		target=$(realpath "$link")
		copy=$1/of/${target##*/}
		if [ ! -e "$copy/complete" ]; then
			mkdir -p "$1/of"
			rm -rf "$copy"
			cp -al "$target" "$copy" 2>/dev/null || cp -a "$target" "$copy" || return 1
		fi
		ln -sfn "$copy" "$1/${link##*/}"
	done
}

# ---- one case ----

run() {
	local name="$label: $1" result began=$SECONDS
	shift
	D=$(mktemp -d "$scratch/case.XXXXXX")
	(set_up && cd "$D" && "$@") >"$scratch/log" 2>&1
	result=$?
	case $result in
	0) echo "ok - $name" ;;
	77) echo "ok - $name # SKIP $(tail -n 1 "$scratch/log")" ;;
	*)
		sed 's/^/# /' "$scratch/log"
		echo "not ok - $name"
		;;
	esac
	[ $((SECONDS - began)) -lt 10 ] || echo "# that took $((SECONDS - began)) s"
	[ -n "${KEEP:-}" ] || remove_tree "$D"
}

# By one of the two: the ordinary user, or with once=root by root, which evens out their queues.
run_once() {
	case $role in
	root | user) [ "$role" = "${once:-user}" ] || return 0 ;;
	esac
	run "$@"
}

set_up() {
	export HOME=$D/home
	export XDG_CONFIG_HOME=$HOME/.config XDG_CACHE_HOME=$HOME/.cache XDG_DATA_HOME=$HOME/.local/share
	state=$XDG_DATA_HOME/pmkmod
	cache=$XDG_CACHE_HOME/pmkmod
	mkdir -p "$XDG_CONFIG_HOME/pmkmod" "$cache" "$state" "$D/profiles/devices" "$D/profiles/modules"
	status=none command=none
	# {test.top} keeps a blank in a path from splitting the list
	cat >"$XDG_CONFIG_HOME/pmkmod/pmkmod.ini" <<-EOF
		[test]
		top = $top
		profiles = $D/profiles
		[paths]
		profiles = {test.profiles} {test.top}/profiles
		standin = $build/standin
	EOF
}

# Layers, and what was read from kernel packages: both addressed by what they were made of. And a
# signing key, each of which takes seconds to make; own_key=yes leaves that to pmkmod.
share_layers() {
	ln -s "$shared/layers" "$state/layers"
	ln -s "$shared/kernels" "$cache/kernels"
	[ -n "${own_key:-}" ] || share_key
}

share_key() {
	local keys=$shared/keys
	(
		flock 9
		[ -s "$keys/pmkmod-cafe0001.rsa.pub" ] && exit
		mkdir -p "$keys" && chmod 700 "$keys"
		openssl genrsa -out "$keys/pmkmod-cafe0001.rsa" 4096 2>/dev/null &&
			openssl rsa -in "$keys/pmkmod-cafe0001.rsa" -pubout \
				-out "$keys/pmkmod-cafe0001.rsa.pub" 2>/dev/null
	) 9>"$shared/lock" || die "cannot make a signing key"
	mkdir -p "$state/keys"
	chmod 700 "$state/keys"
	install -m 600 "$keys/pmkmod-cafe0001.rsa" "$state/keys/"
	install -m 644 "$keys/pmkmod-cafe0001.rsa.pub" "$state/keys/"
}

# Run the program; $status, $D/out and $D/err are what the checks look at. A hang is a failure.
pmkmod() {
	command="pmkmod $*"
	timeout -k 10 900 "$PMKMOD" "$@" >"$D/out" 2>"$D/err" </dev/null
	status=$?
}

# The same where no check is wanted but success.
must() {
	pmkmod "$@"
	expect_status 0
}

skip() {
	echo "$1"
	exit 77
}

die() {
	echo "$1"
	echo "command: $command"
	echo "exit status: $status"
	for stream in out err; do
		[ -s "$D/$stream" ] && tail -n 25 "$D/$stream" | sed "s/^/std$stream: /"
	done
	exit 1
}

expect_status() { [ "$status" = "$1" ] || die "expected exit status $1, got $status"; }
expect_err() { grep -qF -e "$1" "$D/err" || die "expected on stderr: $1"; }
expect_out() { grep -qF -e "$1" "$D/out" || die "expected on stdout: $1"; }
expect_out_match() { grep -qE -e "$1" "$D/out" || die "expected on stdout, matching: $1"; }
expect_err_match() { grep -qE -e "$1" "$D/err" || die "expected on stderr, matching: $1"; }
refute_err() { ! grep -qF -e "$1" "$D/err" || die "not expected on stderr: $1"; }
expect_same() { [ "$1" = "$2" ] || die "$3: expected '$1', got '$2'"; }
# expect SENTENCE COMMAND...: the command succeeds.
expect() {
	local sentence=$1
	shift
	"$@" || die "expected: $sentence"
}
refute() {
	local sentence=$1
	shift
	! "$@" || die "not expected: $sentence"
}

# The value of a line of results: value apk
value() { sed -n "s/^$1  *//p" "$D/out" | head -n 1; }
apktool() { /usr/bin/python3 -B "$here/apktool.py" "$@"; }
kotool() { /usr/bin/python3 -B "$here/kotool.py" "$@"; }
key() { echo "$state"/keys/*.rsa.pub; }
repository() { echo "$state/packages/standin/aarch64"; }
# What a repository must be at any time: not there, or whole, signed and without leftovers.
expect_whole_repository() {
	local dir
	for dir in "$state"/packages/*/*/; do
		[ -e "$dir/APKINDEX.tar.gz" ] || continue
		apktool repository "$dir" "$(key)" || die "the repository $dir is damaged"
	done
}
expect_nothing_published() {
	local found
	found=$(find "$state/packages" -name '*.apk' 2>/dev/null)
	[ -z "$found" ] || die "published all the same: $found"
}

# make_module DIR NAME [STATEMENT [TOPLEVEL]]: the smallest module there is.
make_module() {
	local statement=${3:-"pr_info(\"$2 is here\\n\");"}
	mkdir -p "$1"
	echo "obj-m := $2.o" >"$1/Makefile"
	cat >"$1/$2.c" <<-EOF
		// SPDX-License-Identifier: GPL-2.0
		#include <linux/module.h>
		${4:-}
		static int __init start(void)
		{
			$statement
			return 0;
		}
		static void __exit stop(void) {}
		module_init(start);
		module_exit(stop);
		MODULE_LICENSE("GPL");
		MODULE_DESCRIPTION("Module of a test");
	EOF
}

# recipe NAME LINE...: a recipe of one's own
recipe() {
	local name=$1
	shift
	printf '%s\n' '[module]' "$@" >"$D/profiles/modules/$name.ini"
}

# serve COMMAND...: start a server that writes its port into $D/port; sets $port.
serve() {
	/usr/bin/python3 -B "$@" --port-file "$D/port" >/dev/null 2>&1 &
	server=$!
	echo "$server" >>"$scratch/servers"
	for _ in $(seq 300); do
		[ -s "$D/port" ] && break
		sleep 0.1
	done
	# shellcheck disable=SC2034 # for the test files
	port=$(cat "$D/port") || die "the server did not start: $*"
}
