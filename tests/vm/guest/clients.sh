#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Debian's own rping, ucmatose and cmtime over siw, unmodified: each case in all four combinations
# of our and the stock librdmacm, ours by both routes (preload, in place), stock/stock as control.
# Environment: COMBOS ("server/client ..." of stock, preload, place), ONLY (a regex of case names).
# Time limit: 900 s
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$SRC/tests/vm/guest/lib.sh"
# shellcheck source=pair_lib.sh
. "$SRC/tests/vm/guest/pair_lib.sh"
# shellcheck source=program_cases.sh
. "$SRC/tests/vm/guest/program_cases.sh"

: "${COMBOS:=preload/preload place/place preload/stock place/stock stock/preload stock/place stock/stock}"
progs=$BUILD/tests/vm/prog

# ---- one side alone

# rping hangs on stock when refused (its own pthread_join): ours need not.
alone_cases() {
	alone ucmatose-no-such-host "ucmatose -s 10.77.0.99"
	alone ucmatose-no-route "ucmatose -s 192.0.2.1"
	alone ucmatose-bad-name "ucmatose -s no.such.host.invalid"
	alone ucmatose-nobody-listens "ucmatose -s $ADDR -p 4321"
	alone ucmatose-bind-foreign "ucmatose -b 192.0.2.1"
	alone rping-no-route "rping -c -a 192.0.2.1 -C 1"
	alone rping-server-bind-foreign "rping -s -a 192.0.2.1 -C 1"
}

# ---- kills

# once_disconnected LOG TEXT: it saw the end, and saw it once.
once_disconnected() {
	is "$(grep -c '^event DISCONNECTED' "$1")" 1 "$2"
}

# kill_case server|client: that side dies by SIGKILL; the other is told once.
kill_case() {
	local log=$OUT/${combo/\//-}.kill-$1 server client victim
	wanted "kill-$1" || return 0
	start "$server_lib" "$log.server" "$progs/events" -s -a "$ADDR" -l 2
	server=$!
	wait_listen "$server"
	start "$client_lib" "$log.client" "$progs/events" -c -a "$ADDR" -l 2
	client=$!
	wait_line "$log.client" 'event ESTABLISHED' && wait_line "$log.server" 'event ESTABLISHED'
	victim=$server
	[ "$1" = server ] || victim=$client
	kill -9 "$victim"
	wait_end "$server" 15
	wait_end "$client" 15
	if [ "$1" = server ]; then
		once_disconnected "$log.client" "kill-server [$combo]: the client sees DISCONNECTED once"
	else
		once_disconnected "$log.server" "kill-client [$combo]: the server sees DISCONNECTED once"
	fi
}

# ---- all

few_drivers
for c in $COMBOS; do
	set_combo "$c"
	is "$(loader_picks "$client_lib" rping)" "$(lib_file "$client_lib")" \
		"the loader gives clients the right library [$combo]"
	rping_cases
	ucmatose_cases
	cmtime_cases
	kill_case server
	kill_case client
done
for client_lib in $(tr ' ' '\n' <<<"$COMBOS" | sed 's,.*/,,' | sort -u | grep -v stock); do
	alone_cases
done
done_testing
