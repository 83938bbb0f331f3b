#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Process 1 of the guest (after initrd-init.sh): sets the machine up, runs the scripts of the job,
# and reports over the virtio port. usage: init.sh FILES   (the folder shared with the host)

files=$1
here=${0%/*}
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C
export DEV=siw0 ADDR=10.77.0.1 ADDR2=10.77.0.2 ADDR6=fd77::1
# What counts as the kernel complaining.
complaint='WARNING: |BUG: |Oops|KASAN|UBSAN|general protection|kernel BUG|Call Trace|refcount_t'
complaint+='|blocked for more than|soft lockup|detected stall|corruption|unregister_netdevice: wait'

# The port is open once at a time (EBUSY): where a process of a script still has it, that one is
# waited for.
say() {
	local i
	for ((i = 0; i < 200; i++)); do
		{ printf '\n%s\n' "#@ $*" >"$port"; } 2>/dev/null && return
		sleep 0.05
	done
	echo "vm: the port is busy: $*"
}

find_port() {
	local p
	for p in /sys/class/virtio-ports/*; do
		[ "$(cat "$p/name")" = iwshim.tap ] && port=/dev/${p##*/} && return
	done
	echo "vm: no port to the host"
	power_off
}

power_off() {
	sync
	echo o >/proc/sysrq-trigger
	sleep 60
}

mounts() {
	mount -t tmpfs tmp /run
	mkdir -p /dev/shm /dev/pts
	mount -t tmpfs shm /dev/shm
	mount -t devpts pts /dev/pts
	mount -t debugfs debug /sys/kernel/debug
	mount -t tracefs trace /sys/kernel/tracing
	mount -t cgroup2 cgroup /sys/fs/cgroup
	ln -sf /proc/self/fd /dev/fd
}

# hung_after SECONDS: the kernel complains of a task that has waited so long, which is a failure.
hung_after() {
	echo "$1" >/proc/sys/kernel/hung_task_timeout_secs
}

limits() {
	# Sanitizers cannot place their shadow with Debian's 32 bits of randomness.
	echo 28 >/proc/sys/vm/mmap_rnd_bits
	mkdir -p "$files/cores"
	echo "$files/cores/%e.%p" >/proc/sys/kernel/core_pattern
	hung_after 60
	ulimit -c unlimited -l unlimited -n 65536
}

network() {
	hostname guest
	ip link set lo up
	ip link add v0 type veth peer name v1
	ip addr add "$ADDR/24" dev v0
	ip addr add "$ADDR2/24" dev v0
	ip link set v0 up
	ip link set v1 up
	ip -6 addr add "$ADDR6/64" dev v0 nodad
	rdma link add "$DEV" type siw netdev v0
	wait_link
}

# set_device of lib.sh may have put another in its place.
restore_device() {
	# ib_cm asks an address that never answers for some 100 s after the program's end, and whoever
	# deletes the device meanwhile (behind api_diff) waits for it.
	if [ -e /sys/class/infiniband/rxe0 ]; then
		hung_after 120
		rdma link delete rxe0
		hung_after 60
	fi
	[ -e "/sys/class/infiniband/$DEV" ] || rdma link add "$DEV" type siw netdev v0
	wait_link
}

wait_link() {
	local i
	for ((i = 0; i < 100; i++)); do
		rdma link show "$DEV/1" 2>/dev/null | grep -q 'state ACTIVE' && return
		sleep 0.05
	done
	say "bad guest $DEV did not become active"
}

# Everything but init and the kernel's own threads: a script leaves nothing behind. Again until there
# is none: one that is killed may have started another meanwhile.
kill_leftovers() {
	local p i found=yes
	for ((i = 0; i < 200 && ${#found} > 0; i++)); do
		found=
		for p in /proc/[0-9]*; do
			p=${p#/proc/}
			[ "$p" = 1 ] || [ ! -e "/proc/$p/exe" ] && continue
			kill -9 "$p" 2>/dev/null
			found=yes
		done
		[ -z "$found" ] || sleep 0.05
	done
}

report_kernel() {
	local line
	dmesg -c >"$files/dmesg.$1"
	grep -E "$complaint" "$files/dmesg.$1" |
		grep -vEf <(grep -vE '^(#|$)' "$here/kernel-ok.txt") |
		head -n 5 | while IFS= read -r line; do
		say "bad $1 kernel: $line"
	done
}

report_cores() {
	local c
	for c in "$files"/cores/*; do
		[ -e "$c" ] || continue
		mkdir -p "$files/$1"
		mv "$c" "$files/$1/core.${c##*/}"
		say "bad $1 core dump: $files/$1/core.${c##*/}"
	done
}

# A script may ask for more than the usual time with a line "# Time limit: N s".
time_limit() {
	local own
	own=$(sed -n '1,20s/^# Time limit: \([0-9]*\) s.*/\1/p' "$1")
	echo "${own:-$each}"
}

run_script() {
	local name status start=$SECONDS
	name=$(basename "$1" .sh)
	export OUT=$files/$name TMPDIR=/run/$name
	mkdir -p "$OUT" "$TMPDIR"
	say "begin $name"
	cd "$TMPDIR" || return
	setsid timeout -k 5 "$(time_limit "$1")" bash "$1" >"$port" 2>&1 </dev/null
	status=$?
	kill_leftovers
	umount /etc/libibverbs.d 2>/dev/null # few_drivers of lib.sh
	restore_device
	report_kernel "$name"
	report_cores "$name"
	say "end $name $status $((SECONDS - start))"
}

main() {
	local s
	find_port
	mounts
	each=300 scripts=()
	# shellcheck disable=SC1091
	. "$files/job.sh" # sets both
	limits
	network
	dmesg -n 7
	dmesg -c >"$files/dmesg.boot"
	for s in "${scripts[@]}"; do
		run_script "$s"
	done
	say "done"
	power_off
}

main
