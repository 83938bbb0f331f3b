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
	both rping "rping -s -a $at -C 20 -V" "rping -c -a $at -C 20 -V"
	both rping-S65535 "rping -s -a $at -C 5 -V -S 65535" "rping -c -a $at -C 5 -V -S 65535"
	both rping-S23 "rping -s -a $at -C 5 -S 23 -V" "rping -c -a $at -C 5 -S 23 -V"
	both rping-any "rping -s -C 3 -p 9999 -V" "rping -c -a $at -p 9999 -C 3 -V"
	kill_server=1
	both rping-persistent "rping -s -P -a $at -V" "rping -c -a $at -C 5 -V" \
		"rping -c -a $at -C 5 -V" "rping -c -a $at -C 5 -V"
	[ "$path" = local ] ||
		both rping-ipv6 "rping -s -a $at6 -C 5 -V" "rping -c -a $at6 -C 5 -V"
}

# Its server sends first, which races in siw's client: see tests/vm/README.md.
ucmatose_cases() {
	retries=3 want='return status 0'
	both ucmatose "ucmatose -b $at" "ucmatose -s $at"
	retries=3 want='return status 0'
	both ucmatose-c10 "ucmatose -b $at -c 10 -C 10 -S 4096" "ucmatose -s $at -c 10 -C 10 -S 4096"
}

perftest_cases() {
	local op
	for op in send_bw send_lat write_bw write_lat read_bw read_lat; do
		port=18515
		both "ib_$op" "ib_$op -R -F -n 50 -s 65536" "ib_$op -R -F -n 50 -s 65536 $at"
	done
	port=18515
	both ib_send_bw-both "ib_send_bw -b -R -F -n 50 -s 4096" "ib_send_bw -b -R -F -n 50 -s 4096 $at"
}

# What is known of siw: it serves reads of regions without that right, and what its socket holds
# when it closes is lost.
scenarios_of() {
	local name known='server_first'
	[ "$server_side" = soft ] || known+='|bad_read_rights|many_down'
	[ "$server_side" = siw ] || known+='|many_up'
	for name in $("$progs/pair" -l); do
		[[ $name =~ ^($known)$ ]] || echo "$name"
	done
}

pair_cases() {
	local names
	wanted pair || return 0
	names=$(scenarios_of)
	# shellcheck disable=SC2086
	play "pair$1" $names
	wanted "pair-first" || return 0
	play_until_ok "pair-first$1" server_first
}

few_drivers
for path in ${PATHS:-far local}; do
	set_path
	for server_side in ${SERVERS:-soft siw}; do
		set_sides
		rping_cases
		ucmatose_cases
		perftest_cases
		pair_cases ""
		for crc in on off; do
			soft_env=("IWSHIM_CRC=$crc")
			both "rping-crc-$crc" "rping -s -a $at -C 5 -V" "rping -c -a $at -C 5 -V"
			wanted pair-crc && play "pair-crc-$crc" echo write read
			soft_env=()
		done
	done
done
unset_path
done_testing
