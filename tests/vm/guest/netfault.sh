#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Bad networks by netem, between two namespaces of the guest: what is lost, late, out of order,
# twice or damaged costs time, and neither a byte nor a connection; a cable that is cut costs the
# connection, in time. The software device at both ends.
# Environment: ONLY=regex of conditions, NETFAULT_OPS (operations a condition and direction, 60),
# NETFAULT_TIMEOUT (seconds; of the cut: 12).
# Time limit: 900 s
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$SRC/tests/vm/guest/lib.sh"
# shellcheck source-path=SCRIPTDIR source=../../netfault/lib.sh
. "$SRC/tests/netfault/lib.sh"

need_our_lib
: "${NETFAULT_OPS:=60}" "${NETFAULT_TIMEOUT:=12}" "${ONLY:=.}"
work=$TMPDIR
peer=("$BUILD/tests/netfault/.libs/peer")
ours=(LD_LIBRARY_PATH="$BUILD/.libs" IWSHIM_DEVICE=soft)
# Emulation is slow, and so is TCP where every fifth packet is lost.
patience=120000

# netem RULE: on both ways through the router; none: as it was.
netem() {
	in_r "( for i in nfa nfb; do tc qdisc replace dev \$i root ${1:+netem} ${1:-pfifo} || exit 1; done )" ||
		not_ok "netem $1"
}
clean_up() {
	stop_end a
	stop_end b
	close_net
	cp "$work/log" "$work"/*.err "$OUT" 2>/dev/null
}

start_both() {
	start_end b "${ours[@]}" "$@" && start_end a "${ours[@]}" "$@" || bail "the ends do not start"
	tell b listen $port
	await b - LISTENING 10000 || bail "b does not listen"
}

# bad_net NAME SIZE RULE: connects, moves data both ways and leaves, all of it on that net.
bad_net() {
	local name=${1// /_} size=$2
	[[ $1 =~ $ONLY ]] || return
	netem "$3"
	connect "$name"
	tell a flow "$name" svrw "$NETFAULT_OPS" "$size"
	tell b flow "$name" svrw "$NETFAULT_OPS" "$size"
	now_ms && fault=$now
	within a "$name" "DONE ops=$NETFAULT_OPS bad=0" $patience "$1: data, active"
	within b "$name" "DONE ops=$NETFAULT_OPS bad=0" $patience "$1: data, passive"
	silent a "$name" '(DISCONNECTED|BROKEN)' 1 "$1: the connection stays"
	now_ms && fault=$now
	tell a disconnect "$name"
	ended a "$name" DISCONNECTED $patience "$1: the end, active"
	ended b "$name" DISCONNECTED $patience "$1: the end, passive"
	end_case "$1"
}

# small_path MTU [ROUTE OPTIONS]: of the link between the router and b, at both of its ends: what a
# veth with less takes from one with more is dropped, and nobody is told. That b announces segments
# of 1460 bytes all the same leaves a to find out from the router.
small_path() {
	{ in_r "ip link set nfb mtu $1" && ip -n "${ns}b" link set nfb mtu "$1" &&
		ip -n "${ns}b" route replace default via 10.91.2.1 ${2:-}; } || not_ok "MTU $1"
}

bad_nets() {
	bad_net calm 8192 ''
	bad_net 'loss 1' 8192 'loss 1%'
	bad_net 'loss 5' 8192 'loss 5%'
	bad_net 'loss 20' 4096 'loss 20%'
	bad_net 'delay 1' 8192 'delay 1ms 1ms'
	bad_net 'delay 50' 8192 'delay 50ms 20ms'
	bad_net 'delay 200' 4096 'delay 200ms 10ms'
	bad_net reorder 8192 'delay 10ms reorder 25% 50%'
	bad_net duplicate 8192 'duplicate 20%'
	bad_net corrupt 8192 'corrupt 2%'
	bad_net rate 4096 'rate 2mbit limit 20'
	bad_net 'all at once' 4096 'delay 20ms 10ms loss 2% duplicate 2% corrupt 1% reorder 10%'
	small_path 576 'advmss 1460'
	bad_net 'mtu 576' 4096 'loss 1%'
	small_path 1500
	netem ''
}

# The same cable cut as on the host, by netem, while packets are late and lost.
cut_by_netem() {
	local x name dead=$((NETFAULT_TIMEOUT * 1000 + 3000))
	[[ cut =~ $ONLY ]] || return
	connect idle both
	netem 'delay 5ms loss 1%'
	tell a flow both svrw 0 8192
	tell b flow both svrw 0 8192
	pause 1
	netem 'loss 100%'
	now_ms && fault=$now
	tell a connect late $addr_b $port
	within a late UNREACHABLE $((dead / 2 + 3000)) "cut: TCP connect"
	for x in a b; do
		for name in idle both; do
			ended $x $name DISCONNECTED $dead "cut: $name, $x"
		done
	done
	netem ''
	end_case cut
}

[ -x "${peer[0]}" ] || bail "there is no ${peer[0]}"
trap clean_up EXIT
open_net || bail "no namespaces"
start_both
bad_nets
stop_end a
stop_end b
start_both IWSHIM_PEER_TIMEOUT="$NETFAULT_TIMEOUT"
cut_by_netem
done_testing
