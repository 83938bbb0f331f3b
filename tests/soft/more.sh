#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# More of Debian's own programs on the software device: sizes, crowds, all of perftest's ways,
# mistakes, and the death of either side. As an ordinary user, with no RDMA device. TAP.
#   more.sh [-b BUILD] [-o REGEX of test names]
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

port=24800
# The programs that are tested get our library; the shell does not. Perftest's connect twice.
run() {
	local first=
	[[ $1 != ib_*_* ]] || first=$patient:
	env LD_PRELOAD="$first$our_lib" IWSHIM_DEVICE="${choice:-soft}" timeout -k 2 "${limit:-30}" "$@"
}
fails() {
	not_ok "$1: $2"
	tail -n 4 "$work/server" "$work/client" 2>/dev/null | cut -c1-160 | sed 's/^/# /'
}

# pair NAME 'SERVER' 'CLIENT': both end with 0. @ stands for a port of its own.
pair() {
	local server rc
	chosen "$1" || return
	port=$((port + 1))
	# shellcheck disable=SC2086
	run ${2//@/$port} >"$work/server" 2>&1 &
	server=$!
	wait_listen $port $server
	# shellcheck disable=SC2086
	run ${3//@/$port} >"$work/client" 2>&1
	rc=$?
	[ $rc = 0 ] || kill $server 2>/dev/null
	wait $server
	case $rc:$? in
	0:0) ok "$1" ;;
	*) fails "$1" "client $rc, then the server" ;;
	esac
}

# alone NAME EXIT-CODE-PATTERN WORDS COMMAND...
alone() {
	local name=$1 code=$2 words=$3 rc
	chosen "$name" || return
	shift 3
	rm -f "$work/server"
	run "$@" >"$work/client" 2>&1
	rc=$?
	# shellcheck disable=SC2254
	case $rc in
	$code) grep -qE -- "$words" "$work/client" && ok "$name" || fails "$name" "does not say $words" ;;
	*) fails "$name" "exit code $rc" ;;
	esac
}

# ---- rping, ucmatose, cmtime

rping_sizes() {
	for size in 23 24 100 1000 1460 8192 32768 65535; do
		pair "rping -S $size" "rping -s -a 127.0.0.1 -p @ -C 20 -V -S $size" \
			"rping -c -a 127.0.0.1 -p @ -C 20 -V -S $size"
	done
	pair "rping IPv6" "rping -s -a ::1 -p @ -C 20 -V" "rping -c -a ::1 -p @ -C 20 -V"
	pair "rping -q -q" "rping -s -q -a 127.0.0.1 -p @ -C 20 -V -S 65535" \
		"rping -c -q -a 127.0.0.1 -p @ -C 20 -V -S 65535"
}

# rping -P keeps the id of a request in one place for all requests, and loses one of two that
# come at once: its clients come a little apart, and then run together.
crowd() {
	local server rc=0 pids=() name="rping -P, 8 clients"
	chosen "$name" || return
	port=$((port + 1))
	run rping -s -P -a 127.0.0.1 -p $port >"$work/server" 2>&1 &
	server=$!
	wait_listen $port $server
	for _ in 1 2 3 4 5 6 7 8; do
		run rping -c -a 127.0.0.1 -p $port -C 5000 -V -S 4096 >>"$work/client" 2>&1 &
		pids+=($!)
		sleep 0.1
	done
	for pid in "${pids[@]}"; do
		wait "$pid" || rc=$?
	done
	kill $server
	wait $server 2>/dev/null
	if [ $rc = 0 ]; then ok "$name"; else fails "$name" "a client ended with $rc"; fi
}

many() {
	for n in 100 1000; do
		pair "ucmatose -c $n" "ucmatose -b 127.0.0.1 -p @ -c $n" "ucmatose -s 127.0.0.1 -p @ -c $n"
	done
	cmtime_many 1000
	pair "rdma_xserver -c r" "rdma_xserver -p @ -c r" "rdma_xclient -s 127.0.0.1 -p @ -c r"
}

# cmtime's server does not end.
cmtime_many() {
	local server
	chosen "cmtime -c $1" || return
	port=$((port + 1))
	run cmtime -b 127.0.0.1 -p $port -c "$1" >"$work/server" 2>&1 &
	server=$!
	wait_listen $port $server
	run cmtime -s 127.0.0.1 -p $port -c "$1" >"$work/client" 2>&1
	if grep -q 'destroy ' "$work/client" && ! grep -qE 'fail|error' "$work/client"; then
		ok "cmtime -c $1"
	else
		fails "cmtime -c $1" "incomplete"
	fi
	kill $server
	wait $server 2>/dev/null
}

# ---- perftest

perf() {
	local end="-R -d usiw_lo -F -p @"
	pair "$*" "$* $end" "$* $end 127.0.0.1"
}

perftest() {
	local op
	have ib_send_bw || {
		skip perftest "perftest is not installed"
		return
	}
	for op in send write read; do
		perf ib_${op}_bw -n 100 -s 4096 -q 16
		perf ib_${op}_bw -n 100 -s 1048576
		perf ib_${op}_bw -n 100 -s 1
		perf ib_${op}_bw -n 100 -s 4096 -b
		perf ib_${op}_lat -n 100 -s 1
		perf ib_${op}_lat -n 20 -s 65536
	done
	perf ib_read_bw -n 100 -s 4096 -e
	perf ib_read_lat -n 100 -s 64 -e
	# No -q with --use-srq: its queue pairs send more than the shared queue holds, and iWARP
	# has no retry for a missing receive.
	perf ib_send_lat -n 100 -s 64 --use-srq
	perf ib_write_bw -n 100 -s 64 -I 64
	perf ib_write_lat -n 100 -s 64 -I 64
	perf ib_send_lat -n 100 -s 64 -I 64
	perf ib_send_bw -n 96 -s 4096 -l 16
	perf ib_send_bw -n 100 -s 4096 -Q 10
	perf ib_send_bw -n 100 -s 4096 -x 0
	for op in FETCH_AND_ADD CMP_AND_SWAP; do
		perf ib_atomic_bw -n 100 -A $op
		perf ib_atomic_lat -n 100 -A $op
	done
}

# ---- libibverbs' own programs

verbs_programs() {
	alone "ibv_devices" 0 usiw_lo ibv_devices
	alone "ibv_devinfo -v" 0 'transport:[[:space:]]+iWARP' ibv_devinfo -v -d usiw_lo
	limit=2 alone "ibv_asyncwatch waits" 124 'async event FD|events' \
		stdbuf -oL ibv_asyncwatch -d usiw_lo
	# It exchanges queue pair numbers, which is not how iWARP connects: it says so, and ends.
	rc_pingpong
}

rc_pingpong() {
	local server name="ibv_rc_pingpong is refused (queue pairs by number are not for iWARP)"
	chosen "$name" || return
	port=$((port + 1))
	limit=10 run ibv_rc_pingpong -d usiw_lo -g 0 -p $port >"$work/server" 2>&1 &
	server=$!
	wait_listen $port $server
	limit=10 run ibv_rc_pingpong -d usiw_lo -g 0 -p $port 127.0.0.1 >"$work/client" 2>&1
	case $? in
	0 | 124) fails "$name" "it hangs, or works" ;;
	*)
		wait $server
		if [ $? = 124 ]; then
			fails "$name" "its server hangs"
		elif grep -q 'Failed to modify QP' "$work/server" "$work/client"; then
			ok "$name"
		else
			fails "$name" "unclear"
		fi
		;;
	esac
}

# ---- mistakes

mistakes() {
	limit=15 alone "no listener" '[1-9]*' 'REJECTED|UNREACHABLE|connect error' \
		rping -c -a 127.0.0.1 -p 24799 -C 1
	limit=15 alone "no such address" '[1-9]*' 'rdma_resolve_addr|_ERROR' \
		rping -c -a 240.0.0.1 -p 24799 -C 1
	limit=15 alone "another's address to listen on" '[1-9]*' 'rdma_bind_addr' \
		rping -s -a 192.0.2.1 -p 24799 -C 1
	choice=kernel alone "kernel devices only: rping says so" '[1-9]*' \
		'No such device|no RDMA device|rdma_create_event_channel|RDMA device' \
		rping -c -a 127.0.0.1 -p 24799 -C 1
	choice=kernel alone "kernel devices only: ibv_devinfo says so" '[1-9]*' \
		'No IB devices|Failed to get IB devices' ibv_devinfo
	busy_port
}

busy_port() {
	local holder
	chosen "a busy port" || return
	port=$((port + 1))
	run rping -s -a 127.0.0.1 -p $port >/dev/null 2>&1 &
	holder=$!
	wait_listen $port $holder
	alone "a busy port" '[1-9]*' 'Address already in use' rping -s -a 127.0.0.1 -p $port
	kill $holder
	wait $holder 2>/dev/null
}

# ---- death in the middle

# killed NAME WHO: kill -9 during a transfer; the other side ends within 10 s, with an error.
killed() {
	local pids=() victim=$1 other start
	chosen "SIGKILL of the $1, $2" || return
	port=$((port + 1))
	# exec, so that the process to kill is the program.
	env LD_PRELOAD="$patient:$our_lib" IWSHIM_DEVICE=soft ${3//@/$port} >"$work/server" 2>&1 &
	pids[0]=$!
	wait_listen $port ${pids[0]}
	env LD_PRELOAD="$patient:$our_lib" IWSHIM_DEVICE=soft ${4//@/$port} >"$work/client" 2>&1 &
	pids[1]=$!
	sleep 1
	if [ "$victim" = server ]; then victim=0; else victim=1; fi
	other=${pids[1 - victim]}
	kill -0 "$other" 2>/dev/null || echo "# it had ended before"
	kill -9 "${pids[victim]}"
	start=$SECONDS
	while kill -0 "$other" 2>/dev/null && [ $((SECONDS - start)) -lt 10 ]; do sleep 0.1; done
	if kill -9 "$other" 2>/dev/null; then
		fails "SIGKILL of the $1, $2" "the other side does not end"
	else
		ok "SIGKILL of the $1, $2"
	fi
	wait 2>/dev/null
}

deaths() {
	local end="-R -d usiw_lo -F -p @" op who
	for who in server client; do
		killed $who rping "rping -s -a 127.0.0.1 -p @ -S 65535" \
			"rping -c -a 127.0.0.1 -p @ -S 65535"
		for op in send write read; do
			killed $who "ib_${op}_bw" "ib_${op}_bw $end -D 30 -s 65536" \
				"ib_${op}_bw $end -D 30 -s 65536 127.0.0.1"
		done
	done
}

# ---- 10,000 connections in one process

ten_thousand() {
	local name="10,000 connections in one process" need=10100
	chosen "$name" || return
	[ -x "$build/bench/netbench" ] || {
		skip "$name" "bench/netbench is not built"
		return
	}
	ulimit -n $need 2>/dev/null || {
		skip "$name" "the limit of open files is $(ulimit -Hn), not $need"
		return
	}
	limit=120 run "$build/bench/netbench" -c 9900 rdma_many_mem >"$work/client" 2>&1 &&
		ok "$name" || fails "$name" "exit code"
}

prepare
have rping || skip_all "rdmacm-utils is not installed"
rping_sizes
crowd
many
perftest
verbs_programs
mistakes
deaths
ten_thousand
done_testing
