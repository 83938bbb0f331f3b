#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Our software device against kernel siw with the stock library, either of them as the server:
# rping, ucmatose, perftest, and the scenarios of prog/pair. The two sit at the ends of a veth, or
# (path "local") on one address of this host.
# Environment: SERVERS ("soft siw"), PATHS ("far local"), ONLY (a regex of case names).
# Time limit: 900 s
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$SRC/tests/vm/guest/lib.sh"
# shellcheck source-path=SCRIPTDIR source=soft_siw_lib.sh
. "$SRC/tests/vm/guest/soft_siw_lib.sh"
need_our_lib

rping_cases() {
	both rping "rping -s -a $at -C 10 -V" "rping -c -a $at -C 10 -V"
	[ "$path" = far ] || return 0
	both rping-S65535 "rping -s -a $at -C 5 -V -S 65535" "rping -c -a $at -C 5 -V -S 65535"
	both rping-any "rping -s -C 3 -p 9999 -V" "rping -c -a $at -p 9999 -C 3 -V"
	kill_server=1
	both rping-persistent "rping -s -P -a $at -V" "rping -c -a $at -C 3 -V" \
		"rping -c -a $at -C 3 -V"
	both rping-ipv6 "rping -s -a $at6 -C 3 -V" "rping -c -a $at6 -C 3 -V"
	soft_env=(IWSHIM_CRC=off)
	both rping-no-crc "rping -s -a $at -C 3 -V" "rping -c -a $at -C 3 -V"
	soft_env=()
}

# Its server sends first, which races in siw's client: see tests/vm/README.md.
ucmatose_cases() {
	retries=3 want='return status 0'
	both ucmatose "ucmatose -b $at -c 10 -C 10 -S 4096" "ucmatose -s $at -c 10 -C 10 -S 4096"
}

# Most of the time goes into starting and ending them. ib_write_bw receives its peer's last words into
# the memory that it writes from, of which siw makes no copy: a CRC of siw's can be wrong then.
perftest_cases() {
	local op
	[ "$path" = far ] || return 0
	for op in send_bw send_lat write_bw write_lat read_bw read_lat; do
		port=18515 limit=90 first=$patient
		[ "$server_side $op" != "soft write_bw" ] || retries=2
		both "ib_$op" "ib_$op -R -F -n 20 -s 65536" "ib_$op -R -F -n 20 -s 65536 $at"
	done
}

# What is known of siw: it serves reads of regions without that right, does not flush the receives
# of a queue pair at which it refuses a Read, and what its socket holds when it closes is lost.
scenarios_of() {
	local name known='server_first'
	[ "$server_side" = soft ] || known+='|bad_read_.*|many_down'
	[ "$server_side" = siw ] || known+='|many_up'
	for name in $("$progs/pair" -l); do
		[[ $name =~ ^($known)$ ]] || echo "$name"
	done
}

pair_cases() {
	wanted pair || return 0
	if [ "$path" = local ]; then
		play pair echo write read few_up few_down bad_write_stag
		return
	fi
	# shellcheck disable=SC2046
	play pair $(scenarios_of)
	play_until_ok pair-first server_first
	soft_env=(IWSHIM_CRC=off)
	play pair-no-crc echo
	soft_env=()
	[ "$server_side" = siw ] || return 0
	todo "siw leaves the receives of a queue pair that refused a Read"
	play pair-refused-read bad_read_stag
}

few_drivers
for path in ${PATHS:-far local}; do
	set_path
	for server_side in ${SERVERS:-soft siw}; do
		set_sides
		rping_cases
		ucmatose_cases
		perftest_cases
		pair_cases
	done
done
unset_path
done_testing
