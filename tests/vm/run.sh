#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Boots the guest once, runs guest scripts in it, and prints their results as one TAP stream.
# usage: run.sh [-b BUILD] [-k] [-l LOGDIR] [-t SECONDS] [-T SECONDS] [-e VAR=VALUE]... SCRIPT...
#   -b  build tree whose .libs/librdmacm.so.1 is under test (default: the current folder)
#   -k  keep the logs of a run that passed, too (implied by -l)
#   -l  where the logs go: console.log, port.log and files/ (written by the guest)
#   -t  time limit of a script that names none (default 300); -T of the whole run (default: an
#       hour; hangs are for the limit of the script)
#   -e  further environment for the scripts
# Exit: 0 all ok; 1 something not ok, a script died or timed out, a kernel warning, a core dump;
# 77 a prerequisite is missing (1 when CI=true: there it must not be skipped); 2 usage.
# Environment: IWSHIM_VM_CACHE, IWSHIM_VM_MEM (MiB), IWSHIM_VM_ACCEL (default tcg).
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
src=$(cd "$here/../.." && pwd)
# shellcheck source-path=SCRIPTDIR source=merge.sh
. "$here/merge.sh"

usage() {
	sed -n 's/^# \{0,1\}//; 3,15p' "${BASH_SOURCE[0]}" >&2
	exit 2
}

skip_run() {
	if [ "${CI:-}" = true ]; then
		echo "Bail out! $*"
		exit 1
	fi
	echo "1..0 # SKIP $*"
	exit 77
}

parse_options() {
	local o
	build=$PWD keep='' logdir='' each=300 whole=3600 extra=()
	while getopts b:kl:t:T:e: o; do
		case $o in
		b) build=$OPTARG ;;
		k) keep=1 ;;
		l) logdir=$OPTARG keep=1 ;;
		t) each=$OPTARG ;;
		T) whole=$OPTARG ;;
		e) extra+=("$OPTARG") ;;
		*) usage ;;
		esac
	done
	scripts=("${@:OPTIND}")
	[ ${#scripts[@]} -gt 0 ] || usage
}

absolute_paths() {
	local i
	[ -d "$build" ] || skip_run "no build tree $build"
	build=$(cd "$build" && pwd)
	for i in "${!scripts[@]}"; do
		[ -r "${scripts[i]}" ] || skip_run "no script ${scripts[i]}"
		scripts[i]=$(realpath "${scripts[i]}")
	done
	[ -n "$logdir" ] || logdir=$(mktemp -d "${TMPDIR:-/tmp}/iwshim-vm.XXXXXX")
	rm -rf "$logdir"/{files,console.log,port.log,qemu.err} # of the last run
	mkdir -p "$logdir/files"
	logdir=$(cd "$logdir" && pwd)
	case $logdir in
	*[[:space:]]*) skip_run "the log folder's name has a space: $logdir" ;;
	esac
}

# A sanitized library can be preloaded only behind its runtime.
sanitizer_runtime() {
	local lib=$build/.libs/librdmacm.so.1
	[ -e "$lib" ] || return 0
	ldd "$lib" | awk '/lib[at]san/ { print $3 }'
}

# The guest's init sources this file.
write_job() {
	local e
	{
		declare -p each scripts
		echo "export BUILD=${build@Q} SRC=${src@Q} SAN_RUNTIME=$(sanitizer_runtime)"
		for e in ${extra[@]+"${extra[@]}"}; do
			echo "export ${e%%=*}=$(printf %q "${e#*=}")"
		done
	} >"$logdir/files/job.sh"
}

# The accelerator is TCG unless asked otherwise: nested KVM hangs on some machines.
boot() {
	local accel=tcg,thread=multi cpu=max
	if [ "${IWSHIM_VM_ACCEL:-tcg}" != tcg ]; then
		accel=$IWSHIM_VM_ACCEL cpu=host
	fi
	exec timeout -k 5 "$whole" qemu-system-x86_64 -accel "$accel" -cpu "$cpu" -smp 2 -M q35 \
		-m "${IWSHIM_VM_MEM:-3072}" -nodefaults -no-user-config -no-reboot \
		-display none -monitor none -serial "file:$logdir/console.log" \
		-kernel "$guest/vmlinuz" -initrd "$guest/initrd.gz" -append "$(cmdline)" \
		-fsdev local,id=h,path=/,security_model=none,multidevs=remap,readonly=on \
		-device virtio-9p-pci,fsdev=h,mount_tag=host \
		-fsdev "local,id=f,path=$logdir/files,security_model=none,multidevs=remap" \
		-device virtio-9p-pci,fsdev=f,mount_tag=files \
		-device virtio-serial-pci -chardev file,id=tap,path=/dev/fd/1 \
		-device virtserialport,chardev=tap,name=iwshim.tap \
		</dev/null 2>"$logdir/qemu.err"
}

# Emulated processors stall when the host is busy: the watchdogs get time, and the kernel does not
# panic at boot because a timer interrupt came late. An oops ends the guest: what comes after would
# wait for what is dead.
cmdline() {
	echo "console=ttyS0 quiet panic=-1 mitigations=off log_buf_len=4M watchdog_thresh=60" \
		"oops=panic no_timer_check rcupdate.rcu_cpu_stall_timeout=120" \
		"iwshim.init=$here/guest/init.sh iwshim.files=$logdir/files"
}

stop_guest() {
	[ -z "${guest_pid:-}" ] || kill "$guest_pid" 2>/dev/null || :
}

main() {
	local status=0
	parse_options "$@"
	absolute_paths
	guest=$("$here/build.sh") || {
		[ $? = 77 ] && skip_run "the guest cannot be built here: see above"
		echo "Bail out! the guest did not build"
		exit 1
	}
	write_job
	mkfifo "$logdir/tap.$$"
	trap 'stop_guest; rm -f "$logdir/tap.$$"' EXIT
	trap 'exit 1' INT TERM HUP
	boot >"$logdir/tap.$$" &
	guest_pid=$!
	merge_tap "$logdir" "${scripts[@]}" <"$logdir/tap.$$" || status=1
	wait "$guest_pid" || :
	guest_pid=
	if [ "$status" = 0 ] && [ -z "$keep" ]; then
		rm -rf "$logdir"
	else
		echo "# logs: $logdir"
	fi
	return "$status"
}

main "$@"
