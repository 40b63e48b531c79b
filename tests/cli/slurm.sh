# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Slurm on this machine alone, for tests: munged, slurmctld and two slurmd, n1 and n2, of one
# processor each, all in a folder of their own and without systemd.

# slurm_up: $S is their folder; SLURM_CONF is set for what the caller starts.
slurm_up() {
	local base
	# short, since the socket's whole path is limited to 107 bytes
	S=$(mktemp -d /tmp/pmkmod-slurm.XXXXXX) || exit 1
	trap slurm_down EXIT
	chmod 755 "$S"
	mkdir -p "$S/state" "$S/spool-n1" "$S/spool-n2"
	head -c 1024 /dev/urandom >"$S/munge.key"
	chmod 400 "$S/munge.key"
	base=$((20000 + RANDOM % 20000))
	cat >"$S/slurm.conf" <<-EOF
		ClusterName=pmkmod
		SlurmctldHost=$(hostname -s)(127.0.0.1)
		SlurmctldPort=$base
		SlurmUser=root
		SlurmdUser=root
		AuthType=auth/munge
		CredType=cred/munge
		AuthInfo=socket=$S/munge.socket,cred_expire=5
		StateSaveLocation=$S/state
		SlurmdSpoolDir=$S/spool-%n
		SlurmctldPidFile=$S/slurmctld.pid
		SlurmdPidFile=$S/slurmd-%n.pid
		SlurmctldLogFile=$S/slurmctld.log
		SlurmdLogFile=$S/slurmd-%n.log
		ProctrackType=proctrack/linuxproc
		TaskPlugin=task/none
		SelectType=select/cons_tres
		SelectTypeParameters=CR_Core
		JobAcctGatherType=jobacct_gather/none
		AccountingStorageType=accounting_storage/none
		MpiDefault=none
		SwitchType=switch/none
		SlurmdParameters=config_overrides
		SchedulerParameters=bf_interval=2,sched_min_interval=1
		SlurmdTimeout=10
		JobRequeue=1
		ReturnToService=2
		MaxArraySize=1001
		NodeName=n1 NodeHostname=$(hostname -s) NodeAddr=127.0.0.1 Port=$((base + 1)) CPUs=1
		NodeName=n2 NodeHostname=$(hostname -s) NodeAddr=127.0.0.1 Port=$((base + 2)) CPUs=1
		PartitionName=all Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP
	EOF
	export SLURM_CONF=$S/slurm.conf
	/usr/sbin/munged --force --socket="$S/munge.socket" --key-file="$S/munge.key" --pid-file="$S/munged.pid" \
		--seed-file="$S/munged.seed" --log-file="$S/munged.log" || die "munged does not start: $(cat "$S/munged.log")"
	/usr/sbin/slurmctld -c || die "slurmctld does not start: $(tail -5 "$S/slurmctld.log")"
	slurm_node_up n1
	slurm_node_up n2
	slurm_until "two idle nodes" slurm_idle 2
}

slurm_node_up() { /usr/sbin/slurmd -N "$1" || die "slurmd does not start: $(tail -5 "$S/slurmd-$1.log")"; }
slurm_idle() { [ "$(sinfo -h -N -t idle -o %N 2>/dev/null | wc -l)" = "$1" ]; }

# slurm_until WHAT COMMAND...: wait at most a minute for it
slurm_until() {
	local what=$1
	shift
	for _ in $(seq 300); do
		"$@" && return
		sleep 0.2
	done
	die "waited in vain for $what: $(sinfo 2>&1; squeue 2>&1; tail -n 20 "$S/slurmctld.log")"
}

# slurm_processes [NODE]: numbers of all processes of this cluster: daemons, steps, tasks
slurm_processes() {
	local pid
	grep -lzxs "SLURM_CONF=$SLURM_CONF" /proc/[0-9]*/environ | cut -d/ -f3 | while read -r pid; do
		[ -z "${1:-}" ] || grep -qzxs "SLURMD_NODENAME=$1" "/proc/$pid/environ" || continue
		echo "$pid"
	done
}

# A node that loses its current: the daemon, its steps (the tasks' parents) and all tasks end at once.
slurm_node_dies() {
	local task parent pids
	pids=$(cat "$S/slurmd-$1.pid")
	for task in $(slurm_processes "$1"); do
		parent=$(sed -n 's/^PPid:\t//p' "/proc/$task/status" 2>/dev/null)
		pids="$pids $task"
		grep -qx slurmstepd "/proc/$parent/comm" 2>/dev/null && pids="$pids $parent"
	done
	# shellcheck disable=SC2086
	kill -9 $pids 2>/dev/null
}

# Nothing of it is left, however the test ended.
slurm_down() {
	local signal pids
	for signal in TERM TERM TERM KILL KILL; do
		pids=$(slurm_processes)
		[ -n "$pids" ] || break
		# shellcheck disable=SC2086
		kill -"$signal" $pids 2>/dev/null
		sleep 0.5
	done
	[ -z "${KEEP:-}" ] || return 0
	rm -rf "$S"
}
