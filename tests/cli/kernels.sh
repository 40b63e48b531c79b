# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The tests' own kernels (tests/kernels/README.md) as devices. $kernels is the folder they are in.
# shellcheck disable=SC2154,SC2034 # lib.sh and the test files set and use them

need() { [ -e "$kernels/$1/complete" ] || die "there is no $kernels/$1 (make kernels)"; }

# phone NAME ARCH SERIES [LINE...]: its profile, with further lines for [kernel], and its channel
phone() {
	local name=$1 arch=$2 series=$3
	shift 3
	need "$name"
	release=$(cat "$kernels/$name/kernel.release")
	printf '%s\n' '[device]' "title = $name" "arch = $arch" "kernel = linux-$name" \
		"channel = $name" '[kernel]' "source = $kernels/source-$series" "$@" \
		>"$D/profiles/devices/$name.ini"
	grep -qF "[channel.$name]" "$XDG_CONFIG_HOME/pmkmod/pmkmod.ini" && return
	# {test.kernels} keeps a blank in a path from splitting the list; <<- leaves blanks in front
	cat >>"$XDG_CONFIG_HOME/pmkmod/pmkmod.ini" <<-EOF
		[test]
		kernels = $kernels
		[channel.$name]
		title = $name of the tests
		like = standin
		repositories = file://{test.kernels}/$name/repository
		    file://{paths.standin}/mirror/v1/main
		keys = {paths.standin}/keys
		    {test.kernels}/$name/keys
	EOF
	share_layers
}

phone_a() { phone phone-a aarch64 6.1 "$@"; }
phone_b() { phone phone-b armv7 6.1; }
# Its package has no configuration, and its image is not asked for it.
phone_c() { phone phone-c aarch64 6.12 "config = $kernels/phone-c/config" "$@"; }
# signs_c KEY [LINE...]: whoever's key that is
signs_c() {
	need phone-c
	install -m 600 "$kernels/porter/$1.pem" "$D/$1.pem"
	phone_c "sign_key = $D/$1.pem" "${@:2}"
}

# Headers take up to two minutes to make, and are the same for every case that changes nothing of what
# they are made of: has_headers NAME has those of an earlier case, or makes them for later ones.
has_headers() {
	local made=$shared/made/$1
	if [ -d "$made" ]; then
		cp -a "$made/." "$state/"
	else
		must headers "$1"
		keep_headers "$1"
	fi
}

keep_headers() {
	local made=$shared/made/$1
	[ ! -d "$made" ] || return 0
	mkdir -p "$made.new"
	cp -a "$state/headers" "$state/packages" "$made.new/"
	mv "$made.new" "$made"
}
