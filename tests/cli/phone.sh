# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
# A phone for the command-line tests: a real sshd on this machine with a phone's root behind it.
# shellcheck disable=SC2154 # lib.sh sets them

find_sshd() {
	local folder
	for folder in / "$build/openssh/"; do
		if [ -x "${folder}usr/sbin/sshd" ] && [ -x "${folder}usr/lib/openssh/sftp-server" ]; then
			sshd=${folder}usr/sbin/sshd sftp=${folder}usr/lib/openssh/sftp-server
			return
		fi
	done
	skip "no sshd (tests/setup/unpack-sshd)"
}

# Only root's sshd changes to a user without rights, which Debian's package would have made.
prepare_root() {
	[ "$(id -u)" = 0 ] || return 0
	mkdir -p /run/sshd
	id sshd >/dev/null 2>&1 || useradd --system --no-create-home --home-dir /run/sshd \
		--shell /usr/sbin/nologin sshd || skip "no user sshd"
}

# make_phone RELEASE: its root, without any package; sets $phone, $root and $settings
make_phone() {
	find_sshd
	prepare_root
	phone=$D/phone root=$D/phone/root
	"$here/make-phone" "$phone" "$sftp" || die "no phone"
	echo aarch64 >"$root/phone/uname-m"
	echo aarch64 >"$root/etc/apk/arch"
	echo "$1" >"$root/phone/uname-r"
	: >"$root/lib/apk/db/installed"
	: >"$root/etc/apk/world"
	listen
}

# sshd, ssh's own configuration, keys and known hosts
listen() {
	mkdir -p "$HOME/.ssh"
	chmod 700 "$HOME/.ssh"
	ssh-keygen -q -t ed25519 -N '' -C phone -f "$phone/host_key" || die "no host key"
	ssh-keygen -q -t ed25519 -N '' -C user -f "$HOME/.ssh/id" || die "no key"
	cp "$HOME/.ssh/id.pub" "$phone/authorized"
	cat >"$phone/sshd_config" <<-END
		HostKey $phone/host_key
		AuthorizedKeysFile $phone/authorized
		StrictModes no
		UsePAM no
		PasswordAuthentication no
		KbdInteractiveAuthentication no
		PermitRootLogin yes
		PidFile none
		SetEnv SHLVL=5
		KexAlgorithms curve25519-sha256
		Subsystem sftp internal-sftp
		ForceCommand $phone/enter
		Banner $phone/banner
	END
	printf 'Welcome to the phone\n' >"$phone/banner"
	serve "$here/phone-server.py" "$sshd" "$phone/sshd_config"
	# ssh does not go by HOME; root's shell would read its .bashrc for each command but for SHLVL
	cat >"$D/ssh_config" <<-END
		IdentityFile $HOME/.ssh/id
		IdentitiesOnly yes
		UserKnownHostsFile $HOME/.ssh/known_hosts
		GlobalKnownHostsFile none
	END
	know "$phone/host_key.pub"
	mkdir -p "$D/bin"
	for one in ssh scp; do
		printf '#!/bin/sh\nexec %s -F "%s" "$@"\n' "$(command -v $one)" "$D/ssh_config" >"$D/bin/$one"
	done
	chmod 755 "$D"/bin/*
	export PATH=$D/bin:$PATH
	# shellcheck disable=SC2034 # for the test files
	settings=(--host 127.0.0.1 --port "$port" --user "$(id -un)" -o sideload.with=ssh)
}

know() { echo "[127.0.0.1]:$port $(cut -d ' ' -f 1,2 "$1")" >"$HOME/.ssh/known_hosts"; }

# ---- a module for it ----

# The module is built once; putting it onto a phone changes nothing of that state.
built() {
	module=$scratch/hello
	printf '[paths]\nstate = %s\n' "$scratch/built" >>"$XDG_CONFIG_HOME/pmkmod/pmkmod.ini"
	state=$scratch/built
	if [ ! -d "$state" ]; then
		mkdir -p "$state"
		share_layers
		make_module "$module" hello
		must build "$device" "$module"
	fi
	apk=$(find "$state/packages" -name 'hello-kmod-standin-*.apk')
	release=$(apktool list "$apk" | sed -n 's|^usr/lib/modules/\([^/]*\)/.*|\1|p' | head -n 1)
	kernel=$(apktool control "$apk" | sed -n 's/^depend = linux-standin=//p')
	# shellcheck disable=SC2034 # for the test files
	key_name=$(basename "$(key)")
}

# phone: one that has the kernel and trusts the key; a case changes that
phone() {
	built
	make_phone "$release"
	printf 'P:musl\nV:1.2.5-r9\np:so:libc.musl-aarch64.so.1=1\n\nP:linux-standin\nV:%s\n\n' "$kernel" \
		>"$root/lib/apk/db/installed"
	printf 'linux-standin\nmusl\n' >"$root/etc/apk/world"
	cp "$(key)" "$root/etc/apk/keys/"
}
sideload() { pmkmod "${settings[@]}" "$@" sideload "$device" "$module"; }
called() { grep -qF -e "$1" "$root/phone/log"; }
find_left() { [ -n "$(ls -A "$root/tmp")" ]; }
