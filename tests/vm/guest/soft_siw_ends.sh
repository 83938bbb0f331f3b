#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Our software device against kernel siw with the stock library: how connections begin and end.
# Private data of each length in requests, answers and rejections; refusals; SIGKILL of a side;
# nobody there. What they say on the wire is recorded for tests/soft/decode.sh.
# Environment: SERVERS ("soft siw"), PATHS ("far local"), ONLY (a regex of case names).
# Time limit: 600 s
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$SRC/tests/vm/guest/lib.sh"
# shellcheck source-path=SCRIPTDIR source=soft_siw_lib.sh
. "$SRC/tests/vm/guest/soft_siw_lib.sh"
need_our_lib

# lengths NAME FROM TO [-r]: both sides find the bytes of each length.
lengths() {
	local log=$OUT/$path-$server_side.$1 server
	begin "$server_side" "$log.server" "$progs/private_each" -s -a "$at" -f "$2" -t "$3" "${@:4}"
	server=$!
	wait_tcp "$server" 7471
	begin "$client_side" "$log.client" "$progs/private_each" -c -a "$at" -f "$2" -t "$3" "${@:4}"
	wait_end $! 60
	wait_end "$server" 10
	same "$1" "good $(($3 - $2 + 1)) bad 0"
}

# same NAME LINE: both logs have it.
same() {
	local log=$OUT/$path-$server_side.$1
	if grep -qx -- "$2" "$log.client" && grep -qx -- "$2" "$log.server"; then
		ok "$1 [$path: $server_side serves]"
	else
		not_ok "$1 [$path: $server_side serves]" "client: $(log_tail "$log.client")" \
			"server: $(log_tail "$log.server")"
	fi
}

# The shortest and the longest; siw has about 70 queue pairs a process.
private_cases() {
	local from
	wanted private || return 0
	for from in 0 238; do
		lengths "accepted-$from" "$from" $((from + 13))
		lengths "rejected-$from" "$from" $((from + 13)) -r
	done
}

# Beyond 251 bytes: ours says EINVAL before anything is sent; siw sends a frame with a wrong
# length, and is refused. The server goes on.
beyond_cases() {
	local log=$OUT/$path-$server_side.beyond server said=REJECTED
	wanted beyond || return 0
	[ "$client_side" = siw ] || said='connect: Invalid argument'
	begin "$server_side" "$log.server" "$progs/private_each" -s -a "$at" -f 7 -t 7
	server=$!
	wait_tcp "$server" 7471
	begin "$client_side" "$log.client" "$progs/private_each" -c -a "$at" -f 252 -t 255
	wait_end $! 60
	is "$(grep -cE "^length 25[2-5]: $said" "$log.client")" 4 \
		"252 to 255 bytes are refused ($said) [$path: $server_side serves]"
	begin "$client_side" "$log.client" "$progs/private_each" -c -a "$at" -f 7 -t 7
	wait_end $! 20
	wait_end "$server" 10
	same beyond "good 1 bad 0"
}

# kill_case client|server: the other is told, once.
kill_case() {
	local log=$OUT/$path-$server_side.kill-$1 server client victim told=client
	wanted "kill-$1" || return 0
	begin "$server_side" "$log.server" "$progs/events" -s -a "$at" -l 1
	server=$!
	wait_tcp "$server" 7471
	begin "$client_side" "$log.client" "$progs/events" -c -a "$at" -l 1
	client=$!
	wait_line "$log.client" 'event ESTABLISHED' && wait_line "$log.server" 'event ESTABLISHED'
	victim=$server
	[ "$1" = server ] || { victim=$client && told=server; }
	kill -9 "$victim"
	wait_end "$server" 15
	wait_end "$client" 15
	is "$(grep -c '^event DISCONNECTED' "$log.$told")" 1 \
		"kill-$1: its peer sees DISCONNECTED once [$path: $server_side serves]"
}

# nobody: what a client hears where nobody listens.
nobody_case() {
	local log=$OUT/$path-$server_side.nobody
	wanted nobody || return 0
	begin "$client_side" "$log" "$progs/events" -c -a "$at" -p 7999
	wait_end $! 15
	like "$log" 'REJECTED|Connection refused' "nobody listens [$path: $server_side's address]"
}

# Not in immediate mode: that takes a slot of 256 KiB a packet, and loses some in a burst.
record() {
	tcpdump -i i0 -Z root -s 0 -B 65536 -U -w "$OUT/far.pcap" 'tcp port 7471' \
		2>"$OUT/tcpdump" &
	wait_line "$OUT/tcpdump" '^tcpdump: listening'
}

# auto_case NAME SERVER-ADDRESS CLIENT-ADDRESS DEVICE: rping succeeds, on that device.
auto_case() {
	local log=$OUT/auto-$1 server
	export IWSHIM_DEVICE=auto IWSHIM_LOG=info
	start ours "$log.server" rping -s -a "$2" -C 3 -V
	server=$!
	wait_tcp "$server" 7174
	start ours "$log.client" rping -c -a "$3" -C 3 -V
	wait_end $! 40
	is $? 0 "auto: $1"
	kill "$server" 2>/dev/null
	wait_end "$server" 10
	like "$log.client" "is served by $4 " "auto: $1: by $4"
	export IWSHIM_DEVICE=kernel
	unset IWSHIM_LOG
}

# Left to itself the library takes the kernel's device where one serves, and ours elsewhere.
# Loopback names lead to the kernel's device: see docs/differences.md.
auto_cases() {
	wanted auto || return 0
	auto_case "siw's address" "$ADDR" "$ADDR" siw0
	pause 1 # siw's listener is gone
	auto_case "127.0.0.1" 0.0.0.0 127.0.0.1 siw0
	pause 1
	ip link add d1 type dummy
	ip addr add 10.99.0.1/24 dev d1
	ip link set d1 up
	auto_case "an interface without a kernel device" 10.99.0.1 10.99.0.1 usiw_d1
	ip link delete d1
}

few_drivers
auto_cases
for path in ${PATHS:-far local}; do
	set_path
	[ "$path" = local ] || record
	for server_side in ${SERVERS:-soft siw}; do
		set_sides
		kill_case client
		kill_case server
		nobody_case
		[ "$path" = far ] || continue
		private_cases
		beyond_cases
		play scenarios-for-decode read_one_at_a_time inline_fence bad_write_stag bad_no_receive
	done
done
unset_path
done_testing
