#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Calls that make no sense, and systems that cannot serve: an errno each, never a crash.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$SRC/tests/vm/guest/lib.sh"
prog=$BUILD/tests/vm/prog/misuse
[ -x "$prog" ] || bail "there is no $prog: make check-progs"
runs=0

# report TEXT STATUS LOG: the program's results become ours.
report() {
	local line
	while IFS= read -r line; do
		case $line in
		"ok "*) ok "$1: ${line#ok }" ;;
		"not ok "*) not_ok "$1: ${line#not ok }" ;;
		esac
	done <"$3"
	if [ "$2" -gt 1 ] || [ ! -s "$3" ]; then
		not_ok "$1: came to its end" "status $2" "$(log_tail "$3.err")"
	fi
}

# run TEXT ARGUMENT...
run() {
	local text=$1 log=$OUT/run.$((runs += 1))
	shift
	timeout 60 "$prog" "$@" >"$log" 2>"$log.err"
	report "$text" $? "$log"
}

# Arranges with COMMAND in a mount namespace of its own: run_in TEXT COMMAND ARGUMENT...
run_in() {
	local text=$1 command=$2 log=$OUT/run.$((runs += 1))
	shift 2
	# shellcheck disable=SC2016 # for the inner shell
	unshare -m bash -c "$command"' && exec timeout 60 "$0" "$@"' "$prog" "$@" >"$log" 2>"$log.err"
	report "$text" $? "$log"
}

run "no id" null
# A sanitizer's allocator catches what this looks for before we can tell.
[ -n "$SAN_RUNTIME" ] || run "destroyed" stale
run "state" state
run "fork" fork
run "descriptors" fds

node=/dev/infiniband/rdma_cm
abi=$(readlink -f /sys/class/misc/rdma_cm)/abi_version
hide='mount -t tmpfs none /dev/infiniband'
run_in "no $node" "$hide" without ENODEV
run_in "a node of no driver" "$hide && mknod $node c 250 250" later ENXIO
chmod 600 "$node"
run "no permission" without EACCES as-nobody
chmod 666 "$node"
echo 9 >"$TMPDIR/abi"
run_in "an ABI of the future" "mount --bind $TMPDIR/abi $abi" without EPERM
: >"$TMPDIR/abi"
run_in "no ABI version" "mount --bind $TMPDIR/abi $abi" without EPERM
rdma link delete "$DEV"
NO_DEVICE=1 run "no device" without ENODEV
rdma link add "$DEV" type siw netdev v0
for ((i = 0; i < 100; i++)); do
	rdma link show "$DEV/1" 2>/dev/null | grep -q 'state ACTIVE' && break
	sleep 0.1
done
run "after all that" null
done_testing
