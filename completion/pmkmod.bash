# SPDX-License-Identifier: GPL-3.0-or-later
# Completion of pmkmod's command line for bash. Names of devices and modules are asked of pmkmod itself.

# First column of a list, without its heading: _pmkmod_names devices|modules. compgen expands words as the
# shell does: what is no plain name never gets there.
_pmkmod_names() {
	"$_pmkmod_program" ${_pmkmod_config:+--config "$_pmkmod_config"} -q list "$1" 2>/dev/null </dev/null |
		awk 'NR > 1 && $1 ~ /^[A-Za-z0-9][A-Za-z0-9._+-]*$/ { print $1 }'
}

# Candidates that begin with the word: _pmkmod_reply WORD "CANDIDATE..."
_pmkmod_reply() {
	mapfile -t COMPREPLY < <(compgen -W "$2" -- "$1")
}

# Files or (-d) folders
_pmkmod_files() {
	compopt -o filenames 2>/dev/null
	mapfile -t COMPREPLY < <(compgen "${2:--f}" -- "$1")
}

_pmkmod_takes_value() {
	case $1 in
	-o | -j | --jobs | --config | --emulate | --kdir | --source | --kernel-config | --image | --symvers | \
		--cc | --aport | --sign-key | --emit-aport | --device | --kernel-dir | --verdict | --kernel | \
		--report | --engine | --emit | --shared | --plan | --task | --phone | --host | --port | --user | \
		--timeout) ;;
	*) return 1 ;;
	esac
}

# The last of words with commas between: _pmkmod_list WORD "CANDIDATE..."
_pmkmod_list() {
	local before=${1%"${1##*,}"}
	_pmkmod_reply "${1##*,}" "$2"
	COMPREPLY=("${COMPREPLY[@]/#/$before}")
}

# The value of an option that takes one: _pmkmod_value OPTION WORD
_pmkmod_value() {
	case $1 in
	--config | --kernel-config | --image | --symvers | --sign-key | --source) _pmkmod_files "$2" ;;
	--kdir | --aport | --kernel-dir | --emit-aport | --report | --shared | --plan) _pmkmod_files "$2" -d ;;
	--emulate) _pmkmod_reply "$2" 'tools full' ;;
	--engine) _pmkmod_reply "$2" 'local slurm' ;;
	--emit) _pmkmod_reply "$2" 'gitlab slurm' ;;
	--cc) _pmkmod_reply "$2" 'gcc gcc6 gcc4 clang' ;;
	--device) _pmkmod_reply "$2" "$(_pmkmod_names devices)" ;;
	--verdict) _pmkmod_list "$2" 'ready source symvers signed no-modules arch no-kernel' ;;
	--json) _pmkmod_reply "$2" events ;;
	--phone | --host) mapfile -t COMPREPLY < <(compgen -A hostname -- "$2") ;;
	esac
}

# Argument number $2 (from 1) of the command $1
_pmkmod_argument() {
	case $1:$2 in
	build:1 | boot:1 | sideload:1 | plan:1 | log:1 | phone:1 | headers:1 | signing-kernel:1 | shell:1 | \
		init:1 | stale:* | doctor:*)
		_pmkmod_reply "$3" "$(_pmkmod_names devices)"
		;;
	build:2 | boot:2 | sideload:2 | plan:2 | log:2)
		case $3 in
		*/* | .* | '~'*) _pmkmod_files "$3" ;;
		*) _pmkmod_reply "$3" "$(_pmkmod_names modules)" ;;
		esac
		;;
	matrix:1) _pmkmod_list "$3" "all $(_pmkmod_names devices)" ;;
	matrix:2)
		case $3 in
		*/* | .* | '~'*) _pmkmod_files "$3" ;;
		*) _pmkmod_list "$3" "all $(_pmkmod_names modules)" ;;
		esac
		;;
	check:* | symvers:1 | symvers:2 | info:1) _pmkmod_files "$3" ;;
	list:1) _pmkmod_reply "$3" 'devices modules verdicts' ;;
	cache:1) _pmkmod_reply "$3" 'stats prune verify' ;;
	clean:1) _pmkmod_reply "$3" 'layers cache all' ;;
	esac
}

# Bash splits words at = and : (COMP_WORDBREAKS); here they are whole again: in $words
_pmkmod_join() {
	local i token joined=
	words=()
	for ((i = 0; i <= COMP_CWORD; i++)); do
		token=${COMP_WORDS[i]}
		if ((i > 1)) && [[ -n $joined || $token == [=:]* ]] &&
			[[ $COMP_LINE == *"${words[-1]}$token"* ]]; then
			words[-1]+=$token
		else
			words+=("$token")
		fi
		joined=
		[[ $token != *[=:] ]] || joined=yes
	done
}

_pmkmod() {
	local command='' arguments=0 i cur option before=
	local -a words
	local _pmkmod_program=${COMP_WORDS[0]/#\~\//$HOME/} _pmkmod_config=
	local commands='build matrix run-cell merge-cells boot sideload phone plan check headers list shell log symvers
		signing-kernel init stale info doctor cache clean'
	local options='-o --config --emulate --autoload --force --rebuild --kdir --source --kernel-config
		--image --symvers --cc --aport --sign-key --emit-aport --device --kernel-dir --json --verdict
		--kernel --publish-pmbootstrap --no-publish-pmbootstrap --phone --host --port --user
		--install-key --dry-run --timing --keep --keep-going --only-failed --report --engine --emit
		--shared --wait --plan --task --timeout -j --jobs -v --verbose -q --quiet -h --help --version'

	COMPREPLY=()
	_pmkmod_join
	cur=${words[-1]}
	for ((i = 1; i < ${#words[@]} - 1; i++)); do
		option=${words[i]}
		case $option in
		--)
			# a command in the phone's root, of which nothing is known here
			_pmkmod_files "$cur"
			return
			;;
		--config=*) _pmkmod_config=${option#*=} ;;
		-*)
			_pmkmod_takes_value "$option" || continue
			((++i < ${#words[@]} - 1)) || {
				_pmkmod_value "$option" "$cur"
				return
			}
			[ "$option" != --config ] || _pmkmod_config=${words[i]}
			;;
		*)
			if [ -z "$command" ]; then command=$option; else ((arguments++)); fi
			;;
		esac
	done
	_pmkmod_config=${_pmkmod_config/#\~\//$HOME/}
	case $cur in
	--*=*)
		# only what is behind the last break is replaced by a candidate
		[[ ${COMP_WORDS[COMP_CWORD]} != --*=* ]] || before=${cur%%=*}=
		_pmkmod_value "${cur%%=*}" "${cur#*=}"
		COMPREPLY=("${COMPREPLY[@]/#/$before}")
		;;
	-*) _pmkmod_reply "$cur" "$options" ;;
	*)
		if [ -z "$command" ]; then
			_pmkmod_reply "$cur" "$commands"
		else
			_pmkmod_argument "$command" $((arguments + 1)) "$cur"
		fi
		;;
	esac
}

complete -F _pmkmod pmkmod
