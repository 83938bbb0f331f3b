#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Very many connections on the software device, through one event channel on each side: in
# sequence, and 1000 at once. All events to the last, and nothing left. No RDMA device. TAP.
#   endurance.sh [-b BUILD] [-o REGEX: sequence, crowd]
# Environment: ENDURANCE (connections in sequence, 10000; at least 1000)
# All ports in TIME_WAIT cost a few tries a connection, and no more: run it again at once.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

program=$build/tests/vm/prog/endurance
: "${ENDURANCE:=10000}"
crowd=1000 rounds=3 port=24700
# What may come and go with the heap; a leak of all connections is many times that.
slack_sequence=512 slack_crowd=6144
# epoll, timer, netlink: what a process with a software device keeps.
lasting=8

# test_that NAME VALUE OPERATOR WANTED
test_that() {
	if test "$2" "$3" "$4"; then
		ok "$1"
	else
		not_ok "$1: $2, wanted $3 $4"
		sed 's/^/# /' "$work/$side"
	fi
}

# value NAME: of the line "total".
value() {
	sed -n "s/^total .*\<$1=\([0-9]*\).*/\1/p" "$work/$side"
}

# states NAME: of all lines "state", in order.
states() {
	sed -n "s/^state .*\<$1=\([0-9]*\).*/\1/p" "$work/$side"
}

# judge CASE STATUS EVENTS MESSAGES SLACK: one side, by what it printed.
judge() {
	local fds rss
	test_that "$1, $side: ends well" "$2" = 0
	test_that "$1, $side: exactly $3" "$(grep ^events "$work/$side")" = "events $3"
	test_that "$1, $side: no event after the last" "$(value late)" = 0
	test_that "$1, $side: $4 messages" "$(value messages)" = "$4"
	fds=$(states fds | sort -u | tr '\n' ' ')
	test_that "$1, $side: descriptors stay the same ($fds)" "$(wc -w <<<"$fds")" = 1
	rss=$(states rss_kb | awk 'NR == 1 { first = $1 } END { print NR ? $1 - first : "unknown" }')
	test_that "$1, $side: resident memory stays within $5 kB ($(states rss_kb | tr '\n' ' '))" \
		"$rss" -le "$5"
	test_that "$1, $side: at the end no descriptor of a connection" \
		"$(value end_fds)" -le $((lasting + $(value start_fds)))
}

# run_case CASE ARGUMENT...: both sides; sets client_rc and server_rc.
run_case() {
	local name=$1 server
	shift
	port=$((port + 1))
	env LD_PRELOAD="$our_lib" IWSHIM_DEVICE=soft timeout -k 2 120 \
		"$program" -s -p $port "$@" >"$work/server" 2>&1 &
	server=$!
	wait_listen $port $server
	env LD_PRELOAD="$our_lib" IWSHIM_DEVICE=soft timeout -k 2 120 \
		"$program" -c -p $port "$@" >"$work/client" 2>&1
	client_rc=$?
	[ $client_rc = 0 ] || kill $server 2>/dev/null
	wait $server
	server_rc=$?
	echo "# $name: $(grep -h ^total "$work/client")"
}

both_sides() {
	local n=$2
	side=client
	judge "$1" $client_rc "ADDR_RESOLVED=$n ROUTE_RESOLVED=$n ESTABLISHED=$n DISCONNECTED=$n" \
		"$3" "$4"
	side=server
	judge "$1" $server_rc "CONNECT_REQUEST=$n ESTABLISHED=$n DISCONNECTED=$n" "$3" "$4"
}

prepare
[ -x "$program" ] || skip_all "$program is not built (make check-progs)"
if [ "$(ulimit -Hn)" -lt $((2 * crowd + 200)) ]; then
	skip_all "$(ulimit -Hn) descriptors are too few for $crowd connections"
fi
if chosen sequence; then
	run_case sequence -n "$ENDURANCE"
	both_sides "$ENDURANCE in sequence" "$ENDURANCE" $((ENDURANCE / 100)) $slack_sequence
fi
if chosen crowd; then
	run_case crowd -n $crowd -w $rounds
	both_sides "$crowd at once" $((rounds * crowd)) 0 $slack_crowd
	for side in client server; do
		test_that "$crowd at once, $side: all established together" "$(value most)" = $crowd
	done
fi
done_testing
