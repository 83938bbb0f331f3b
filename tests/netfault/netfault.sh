#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Networks that fail under the software device: two ends in namespaces, a router between them that
# stops forwarding, sockets that are reset, ends that stop reading or vanish. Each outcome has a
# bound, comes once, and all posted work comes back (docs/reliability.md). TAP.
#   netfault.sh [-b BUILD] [-o REGEX of cases]
# Environment: NETFAULT_TIMEOUT (seconds; IWSHIM_PEER_TIMEOUT of both ends, 6; 60 is the default of
# the product and takes ten times as long).
# shellcheck source-path=SCRIPTDIR source=../soft/lib.sh disable=SC2154 # of lib.sh
. "$(dirname "$0")/../soft/lib.sh"
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

: "${NETFAULT_TIMEOUT:=6}"
# The limits of driver/soft/soft_cm.h, and what a busy machine may add.
slack=1000
dead=$((NETFAULT_TIMEOUT * 1000 + slack))
tcp=$((NETFAULT_TIMEOUT * 500 + slack))
reply=$((NETFAULT_TIMEOUT * 1000 / 6 + slack))
close=$((NETFAULT_TIMEOUT * 1000 / 12 + slack))
at_once=$slack

eval "plain_$(declare -f not_ok)"
not_ok() {
	local d
	plain_not_ok "$1"
	for d in "${@:2}"; do
		echo "#   $d"
	done
}

# A missing prerequisite must not be skipped where all is to be tested.
need_all() {
	[ "$(id -u)" = 0 ] || missing "not root"
	have ip || missing "no ip (iproute2)"
	[ -x "$build/tests/netfault/.libs/peer" ] || missing "tests/netfault/peer is not built"
	{ ip netns add iwnf$$ && ip netns delete iwnf$$; } 2>/dev/null || missing "no network namespaces"
}
missing() {
	[ "${CI:-}" != true ] || {
		echo "Bail out! $*"
		exit 1
	}
	skip_all "$*"
}

clean_up() {
	stop_end a
	stop_end b
	close_net
	[ "$bad" = 0 ] || sed 's/^/# log: /' "$work"/{a,b}.err "$work/log" 2>/dev/null | tail -n 150
	rm -rf "$work"
}

start_both() {
	{ start_end b "${ours[@]}" && start_end a "${ours[@]}"; } || {
		not_ok "the ends start"
		exit 1
	}
	tell b listen $port
	await b - LISTENING 5000 || not_ok "b listens"
}

# ---- cases

case_calm() {
	connect calm
	tell a flow calm vsr 200 8192
	tell b flow calm vsw 200 8192
	fault=$now
	within a calm 'DONE ops=200 bad=0' 10000 "calm: data in both directions"
	within b calm 'DONE ops=200 bad=0' 10000 "calm: and back"
	now_ms && fault=$now
	tell a disconnect calm
	ended a calm DISCONNECTED $at_once "calm: the end, here"
	ended b calm DISCONNECTED $at_once "calm: the end, there"
	end_case calm
}

# The cable is pulled at every phase at once.
case_cut() {
	local name flows=(s w r v)
	connect idle s w r v both leave gone
	for name in "${flows[@]}" leave gone; do
		tell a flow "$name" "${name:0:1}" 0 16384
	done
	tell a flow leave w 0 65536
	tell a flow gone svrw 0 65536
	tell a flow both svrw 0 16384
	tell b flow both svrw 0 16384
	tell a connect hold $addr_b $port
	await b hold CONNECT_REQUEST 5000 || not_ok "cut: a request arrives"
	read -r -t 0.3 <>"$work/never"
	cut
	tell a connect late $addr_b $port
	tell b accept hold
	tell a disconnect leave
	tell a destroy gone
	within a gone DESTROYED $at_once "cut: destroy while data flows"
	ended a leave DISCONNECTED $close "cut: disconnect while data flows"
	within a hold UNREACHABLE $reply "cut: the Reply is lost, active"
	within b hold UNREACHABLE $reply "cut: the Reply is lost, passive"
	within a late UNREACHABLE $tcp "cut: TCP connect"
	for name in idle "${flows[@]}" both; do
		ended a "$name" DISCONNECTED $dead "cut: $name, active"
	done
	for name in idle "${flows[@]}" both leave gone; do
		ended b "$name" DISCONNECTED $dead "cut: $name, passive"
	done
	mend
	end_case cut
}

# Shorter than the limit: nobody hears of it.
case_flap() {
	connect idle both
	tell a flow both svrw 3000 4096
	tell b flow both svrw 3000 4096
	cut
	read -r -t 1.5 <>"$work/never"
	mend
	within a both 'DONE ops=3000 bad=0' 15000 "flap: data go on, active"
	within b both 'DONE ops=3000 bad=0' 15000 "flap: and passive"
	ip -n "${ns}a" link set nfa down
	read -r -t 0.5 <>"$work/never"
	ip -n "${ns}a" link set nfa up
	ip -n "${ns}a" route add default via 10.91.1.1
	tell a flow both v 100 4096
	within a both 'DONE ops=3100 bad=0' 15000 "flap: an interface that went down and up again"
	silent a idle DISCONNECTED 1 "flap: an idle connection stays"
	end_case flap
}

# Nothing arrives there, but all that comes from there does: what b says again and again, for want
# of an answer, is no answer to a.
case_one_way() {
	local name x names=(idle both words back)
	connect "${names[@]}"
	tell a flow both svrw 0 4096
	tell b flow both svrw 0 4096
	forward a 0
	tell a flow words s 1 64
	tell b flow words s 1 64
	tell b flow back w 1 64
	for x in a b; do
		for name in "${names[@]}"; do
			ended $x $name DISCONNECTED $dead "one way: $name, $x"
		done
	done
	mend
	end_case "one way"
}

case_link_down() {
	connect idle w
	tell a flow w w 0 16384
	now_ms && fault=$now
	ip -n "${ns}a" link set nfa down
	tell a connect late $addr_b $port
	within a late '(ADDR_ERROR|FAILED resolve)' $at_once "link down: a new connection is told at once"
	ended a w DISCONNECTED $dead "link down: sending"
	ended a idle DISCONNECTED $dead "link down: idle"
	ended b w DISCONNECTED $dead "link down: far end, receiving"
	ended b idle DISCONNECTED $dead "link down: far end, idle"
	ip -n "${ns}a" link set nfa up
	ip -n "${ns}a" route add default via 10.91.1.1
	end_case "link down"
}

# kill_at END: all its connections are reset, by the kernel.
kill_at() {
	ip netns exec "$ns$1" ss -K -t state established >/dev/null 2>&1
}

case_reset() {
	kill_at b
	connect idle s both
	tell a flow s s 0 4096
	tell a flow both svrw 0 4096
	tell b flow both svrw 0 4096
	tell a connect hold $addr_b $port
	await b hold CONNECT_REQUEST 5000 || not_ok "reset: a request arrives"
	now_ms && fault=$now
	kill_at b
	if ! await a idle DISCONNECTED $at_once; then
		skip "reset" "this kernel does not let ss -K reset connections"
		end_case reset
		return
	fi
	local name x
	for x in a b; do
		for name in idle s both; do
			ended $x $name DISCONNECTED $at_once "reset: $name, $x"
		done
	done
	# A peer that closes without a Reply may know revision 1 alone: it is asked again.
	await b hold 'CONNECT_REQUEST' 2000
	kill_at b
	within a hold REJECTED $((2 * reply)) "reset: while a Reply is due, twice"
	now_ms && fault=$now
	tell a connect nobody $addr_b 7
	within a nobody REJECTED $at_once "reset: nobody listens"
	end_case reset
}

# The peer lost its power, and is back without a memory.
case_half_open() {
	connect idle w r
	cut
	kill_at b
	ended b idle DISCONNECTED $at_once "half open: (b has forgotten)" || return
	tell a flow w w 0 4096
	tell a flow r r 0 4096
	mend
	ended a w DISCONNECTED $((2 * slack)) "half open: writing"
	ended a r DISCONNECTED $((2 * slack)) "half open: reading"
	ended a idle DISCONNECTED $tcp "half open: idle"
	end_case "half open"
}

# A process that is stopped reads nothing; it may live on all the same.
case_stopped() {
	local dead_ms=$((NETFAULT_TIMEOUT * 1000))
	connect idle w leave gone
	for name in leave gone; do
		tell a flow "$name" w 0 65536
	done
	kill -STOP "$pid_b"
	tell a flow w vw 2000 16384
	now_ms && fault=$now
	tell a connect late $addr_b $port
	within a late UNREACHABLE $reply "stopped: no Reply"
	now_ms && fault=$now
	tell a disconnect leave
	ended a leave DISCONNECTED $close "stopped: disconnect while sends wait"
	now_ms && fault=$now
	tell a destroy gone
	within a gone DESTROYED $at_once "stopped: destroy while sends wait"
	silent a w DISCONNECTED $((dead_ms + 2 * slack)) "stopped: a peer that lives is waited for"
	silent a idle DISCONNECTED 1 "stopped: idle as well"
	kill -CONT "$pid_b"
	now_ms && fault=$now
	within a w 'DONE ops=2000 bad=0' 15000 "stopped: it goes on when the peer does"
	end_case stopped
}

# It is stopped, its window is shut, and then the cable is pulled.
case_stopped_cut() {
	connect w
	tell a flow w w 0 65536
	kill -STOP "$pid_b"
	read -r -t 1.5 <>"$work/never"
	cut
	ended a w DISCONNECTED $((2 * dead)) "stopped and cut: a window that was shut"
	mend
	kill -CONT "$pid_b"
	now_ms && fault=$now
	ended b w DISCONNECTED $at_once "stopped and cut: there, when it wakes"
	end_case "stopped and cut"
}

case_killed() {
	connect idle both
	tell a flow both svrw 0 16384
	tell b flow both svrw 0 16384
	now_ms && fault=$now
	stop_end b
	ended a idle DISCONNECTED $at_once "killed: idle"
	ended a both DISCONNECTED $at_once "killed: while data flow"
	start_end b "${ours[@]}" || not_ok "b starts again"
	tell b listen $port
	await b - LISTENING 5000
	connect again
	end_case "killed"
}

main() {
	local c first_fds
	need_all
	work=$(mktemp -d) || exit 99
	trap clean_up EXIT
	mkfifo "$work/never"
	unset LD_PRELOAD IWSHIM_LOG
	ours=(LD_LIBRARY_PATH="$build/.libs" IWSHIM_DEVICE=soft IWSHIM_PEER_TIMEOUT="$NETFAULT_TIMEOUT")
	peer=("$build/tests/netfault/.libs/peer")
	open_net || missing "no veth between namespaces"
	start_both
	case_calm # which also leaves what every process keeps from its first connection
	[ "$bad" = 0 ] || { # the rest would wait for everything in vain
		echo "Bail out! the ends cannot talk"
		exit 1
	}
	read -r -t 2.5 <>"$work/never"
	state a
	first_fds=$fds first_rss=$rss
	for c in cut flap one_way link_down reset half_open stopped stopped_cut killed; do
		chosen $c && case_$c
	done
	read -r -t 3 <>"$work/never"
	state a
	if [ "$fds" = "$first_fds" ]; then
		ok "descriptors are those of the beginning ($fds)"
	else
		not_ok "descriptors: $first_fds at the beginning, $fds at the end"
	fi
	if ((rss - first_rss < 16384)); then
		ok "resident memory grew by $((rss - first_rss)) kB"
	else
		not_ok "resident memory grew from $first_rss to $rss kB"
	fi
	done_testing
}

main
