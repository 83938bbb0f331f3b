#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Many complete connections by conn_loop: sequential, synchronous, and from 8 threads that share
# channels on both sides; and that a process on kernel devices has no thread but its own.
# Environment: COMBOS ("server/client ..."), N (connections of a case).
# Time limit: 600 s
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$SRC/tests/vm/guest/lib.sh"

: "${COMBOS:=preload/preload preload/stock}" "${N:=100}"
loop=$BUILD/tests/vm/prog/conn_loop

# loop_case NAME SERVER_OPTIONS CLIENT_OPTIONS
loop_case() {
	local log=$OUT/${combo/\//-}.$1 server status
	# shellcheck disable=SC2086 # options are words
	start "${combo%/*}" "$log.server" "$loop" -s -a "$ADDR" $2
	server=$!
	wait_listen "$server"
	# shellcheck disable=SC2086
	start "${combo#*/}" "$log.client" "$loop" -c -a "$ADDR" $3
	wait_end $! 120
	is $? 0 "$1 [$combo]: every connection of the client ended well"
	[ "$tap_failed" = 0 ] || echo "# $(log_tail "$log.client")"
	wait_end "$server" 5
	status=$?
	is "$status" 0 "$1 [$combo]: and of the server"
	[ "$status" = 0 ] || echo "# $(log_tail "$log.server")"
	echo "# $(grep ^role "$log.client")"
}

no_thread() {
	is "$(grep ^threads= "$OUT/${combo/\//-}.sequential.$1")" threads=1 \
		"the $1 has no thread but its own [$combo]"
}

few_drivers
for combo in $COMBOS; do
	[ "$combo" = stock/stock ] || need_our_lib
	loop_case sequential "-n $N -w" "-n $N -w"
	no_thread server
	no_thread client
	loop_case synchronous "-n $N" "-n $N -S"
	loop_case threads "-n $N -t 4" "-n $N -t 4"
	loop_case shared-8 "-n $N -t 8" "-n $N -t 8 -x"
done
done_testing
