# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Sourced after pair_lib.sh: what the scripts try with each of Debian's programs, a function a
# program, on whichever device serves $ADDR; $kind says iwarp or roce.
# shellcheck disable=SC2034,SC2154 # the options of pair in pair_lib.sh, and what lib.sh sets

# ---- connections

rping_cases() {
	local s="rping -s -a $ADDR" c="rping -c -a $ADDR"
	pair rping-C100-V "$s -C 100 -V" "$c -C 100 -V"
	pair rping-S65535 "$s -C 10 -V -S 65535" "$c -C 10 -V -S 65535"
	pair rping-ipv6 "rping -s -a $ADDR6 -C 10 -V" "rping -c -a $ADDR6 -C 10 -V"
	pair rping-any "rping -s -C 5 -p 9999" "$c -C 5 -p 9999"
	pair rping-source "$s -C 5 -V" "$c -I $ADDR2 -C 5 -V"
	kill_server=1
	pair rping-P-5-in-turn "rping -s -P -a $ADDR -V" "$c -C 5 -V" "$c -C 5 -V" "$c -C 5 -V" \
		"$c -C 5 -V" "$c -C 5 -V"
	kill_server=1 retries=2
	pair rping-P-3-at-once "rping -s -P -a $ADDR -V" "$(at_once 3 "$c -C 10 -V")"
}

# What siw cannot on any library: IPv4 at ::, and queue pairs that the program moves itself.
rping_roce_cases() {
	local s="rping -s -a $ADDR" c="rping -c -a $ADDR"
	pair rping-v4-at-v6-any "rping -s -a ::0 -C 10 -V" "$c -C 10 -V"
	pair rping-own-qp-server "$s -q -C 10 -V" "$c -C 10 -V"
	pair rping-own-qp-client "$s -C 10 -V" "$c -q -C 10 -V"
	pair rping-own-qp "$s -q -C 10 -V" "$c -q -C 10 -V"
}

# The text of a command that runs N copies of another at once and fails if one does.
at_once() {
	printf "bash -c 'for i in \$(seq %d); do %s & p=\"\$p \$!\"; done; r=0;" "$1" "$2"
	# shellcheck disable=SC2016 # expands in the shell that runs it
	printf ' for i in $p; do wait $i || r=1; done; exit $r'"'"
}

# content NAME SERVER CLIENT: for the programs that end by saying so.
content() {
	want_client='return status 0' want_server='return status 0'
	pair "$@"
}

# The server of ucmatose sends first, which races on siw: see tests/vm/README.md.
ucmatose_case() {
	[ "$kind" = roce ] || retries=3
	content "$1" "ucmatose -b $2" "ucmatose -s $2"
}

ucmatose_cases() {
	ucmatose_case ucmatose-c30 "$ADDR -c 30 -C 10 -S 4096"
	ucmatose_case ucmatose-tos "$ADDR -t 32"
	ucmatose_case ucmatose-ipv6 "$ADDR6 -f ipv6 -c 4"
}

# siw has no room for so many queue pairs, and its ids no migration halfway.
ucmatose_roce_cases() {
	ucmatose_case ucmatose-c100 "$ADDR -c 100 -C 2"
	ucmatose_case ucmatose-migrate "$ADDR -c 5 -m"
}

cmtime_cases() {
	kill_server=1 limit=60 want_client='destroy '
	pair cmtime-c60 "cmtime -b $ADDR -c 60" "cmtime -s $ADDR -c 60"
}

# rdma_client and rdma_server; rdma_xclient and rdma_xserver with a shared receive queue. Their
# mode of XRC needs a device that has it: see refused_cases of programs.sh.
endpoint_cases() {
	want_client='end 0' want_server='end 0'
	pair rdma_client "rdma_server" "rdma_client -s $ADDR"
	want_client='end 0' want_server='end 0'
	pair rdma_client-ipv6 "rdma_server -s $ADDR6 -p 7481" "rdma_client -s $ADDR6 -p 7481"
	want_client='end 0' want_server='end 0'
	pair rdma_xclient-srq "rdma_xserver -c r" "rdma_xclient -s $ADDR -c r"
}

# ---- datagrams

udaddy_cases() {
	content udaddy "udaddy -b $ADDR" "udaddy -s $ADDR"
	content udaddy-c10 "udaddy -b $ADDR -c 10" "udaddy -s $ADDR -c 10"
	content udaddy-C100-S1000 "udaddy -b $ADDR -C 100 -S 1000" "udaddy -s $ADDR -C 100 -S 1000"
	content udaddy-tos "udaddy -b $ADDR -t 32" "udaddy -s $ADDR -t 32"
	content udaddy-ipv6 "udaddy -b $ADDR6" "udaddy -s $ADDR6"
}

# A receiver of mckey has no listener: it is ready when its interface has one more group.
in_group() {
	local i
	for ((i = 0; i < 100; i++)); do
		if [ "$(groups_of_v0)" != "$groups" ]; then
			pause 0.5 # until its receives are posted
			return 0
		fi
		! is_over "$1" || return 1
		pause 0.1
	done
	return 1
}

groups_of_v0() {
	ip maddr show dev v0 | wc -l
}

# mckey_case NAME GROUP AND OPTIONS
mckey_case() {
	ready=in_group groups=$(groups_of_v0)
	content "$1" "mckey $2 -b $ADDR" "mckey $2 -b $ADDR -s"
}

mckey_cases() {
	mckey_case mckey "-m 239.1.1.1"
	mckey_case mckey-c3 "-m 239.1.1.2 -c 3 -C 5"
	ready=in_group groups=$(groups_of_v0)
	content mckey-send-only "mckey -m 239.1.1.4 -b $ADDR" "mckey -m 239.1.1.4 -b $ADDR -s -o"
}

# ---- perftest

# perftest's client dies of an error path of its own when, now and then, rxe refuses the first try.
perftest_case() {
	if [ "$kind" = iwarp ]; then
		first=$patient
	else
		retries=2 may_dump=ib_
	fi
	want_client=$3 limit=60
	pair "$1" "$2 -R -F -d $DEV" "$2 -R -F -d $DEV $ADDR"
}

perftest_cases() {
	local verb what size
	for verb in send write read; do
		for what in bw lat; do
			for size in 64 65536 1048576; do
				perftest_case "ib_${verb}_$what-$size" \
					"ib_${verb}_$what -n 5 -s $size" "^ $size "
			done
		done
	done
}

perftest_roce_cases() {
	perftest_case ib_send_lat-ud "ib_send_lat -c UD -n 50 -s 64" '^ 64 '
	perftest_case ib_send_bw-ud "ib_send_bw -c UD -n 50 -s 1024" '^ 1024 '
	perftest_case ib_atomic_lat "ib_atomic_lat -n 50" 't_avg'
}
