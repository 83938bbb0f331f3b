#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Debian's own rping, ucmatose and cmtime over siw, unmodified: each case in all four combinations
# of our and the stock librdmacm, ours by both routes (preload, in place), stock/stock as control.
# Environment: COMBOS ("server/client ..." of stock, preload, place), ONLY (a regex of case names).
# Time limit: 900 s
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$SRC/tests/vm/guest/lib.sh"

: "${COMBOS:=preload/preload place/place preload/stock place/stock stock/preload stock/place stock/stock}"
progs=$BUILD/tests/vm/prog

wanted() {
	[[ $1 =~ ${ONLY:-.} ]]
}

# ---- a server and its clients

# Options of pair, set before it and cleared after it.
clear_options() {
	kill_server='' retries=0 want_client='' want_server='' limit=40
}
clear_options

# run_clients LOG COMMAND...: one after another; the first status that is not 0.
run_clients() {
	local log=$1 c status=0
	shift
	: >"$log"
	for c in "$@"; do
		eval "start '$client_lib' '$log.now' $c"
		wait_end $! "$limit"
		status=$?
		cat "$log.now" >>"$log"
		[ "$status" = 0 ] || break
	done
	return "$status"
}

# attempt LOG SERVER CLIENT...: sets why to what was wrong, or to nothing.
attempt() {
	local log=$1 server status
	eval "start '$server_lib' '$log.server' $2"
	server=$!
	why=
	if ! wait_listen "$server"; then
		why="the server does not listen: $(log_tail "$log.server")"
	elif [ "$(served_by "$server")" != "$server_file" ]; then
		why="the server runs on $(served_by "$server"), not on $server_file"
	fi
	run_clients "$log.client" "${@:3}" || why+=" client status $?: $(log_tail "$log.client")"
	[ -z "$kill_server$why" ] || kill "$server" 2>/dev/null
	wait_end "$server" 10
	status=$?
	[ -n "$kill_server" ] || [ "$status" = 0 ] ||
		why+=" server status $status: $(log_tail "$log.server")"
	[ -z "$want_client" ] || grep -qE -- "$want_client" "$log.client" ||
		why+=" client does not say '$want_client': $(log_tail "$log.client")"
	[ -z "$want_server" ] || grep -qE -- "$want_server" "$log.server" ||
		why+=" server does not say '$want_server': $(log_tail "$log.server")"
}

# seconds_since BEGIN, with one decimal place, both ways of $EPOCHREALTIME.
seconds_since() {
	local tenths=$(((${EPOCHREALTIME/./} - ${1/./}) / 100000))
	echo "($((tenths / 10)).$((tenths % 10)) s)"
}

# pair NAME SERVER CLIENT...: one test.
pair() {
	local name=$1 try log=$OUT/${combo/\//-}.$1 begin=$EPOCHREALTIME
	shift
	if wanted "$name"; then
		for ((try = 0; try <= retries; try++)); do
			attempt "$log" "$@"
			[ -n "$why" ] || break
			[ "$try" = "$retries" ] || echo "# $name [$combo] tries again:$why"
		done
		if [ -z "$why" ]; then
			ok "$name [$combo] $(seconds_since "$begin")"
		else
			not_ok "$name [$combo]" "$why"
		fi
	fi
	clear_options
}

# ---- cases

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

# The text of a command that runs N copies of another at once and fails if one does.
at_once() {
	printf "bash -c 'for i in \$(seq %d); do %s & p=\"\$p \$!\"; done; r=0;" "$1" "$2"
	# shellcheck disable=SC2016 # expands in the shell that runs it
	printf ' for i in $p; do wait $i || r=1; done; exit $r'"'"
}

# The server of ucmatose sends first, which races on siw: see tests/vm/README.md.
ucmatose_case() {
	retries=3 want_client='return status 0' want_server='return status 0'
	pair "$1" "ucmatose -b $ADDR $2" "ucmatose -s $ADDR $2"
}

ucmatose_cases() {
	ucmatose_case ucmatose-c30 "-c 30 -C 10 -S 4096"
	ucmatose_case ucmatose-tos "-t 32"
	retries=3 want_client='return status 0' want_server='return status 0'
	pair ucmatose-ipv6 "ucmatose -b $ADDR6 -f ipv6 -c 4" "ucmatose -s $ADDR6 -f ipv6 -c 4"
}

cmtime_cases() {
	kill_server=1 limit=60 want_client='destroy '
	pair cmtime-c60 "cmtime -b $ADDR -c 60" "cmtime -s $ADDR -c 60"
}

# ---- one side alone

# alone NAME COMMAND: the exit status is stock's, and the error says something.
alone() {
	local log=$OUT/$client_lib.$1 got want
	wanted "$1" || return 0
	eval "start stock '$log.stock' $2"
	wait_end $! 20
	want=$?
	eval "start '$client_lib' '$log' $2"
	wait_end $! 20
	got=$?
	if [ "$got" = "$want" ] && [ -s "$log" ]; then
		ok "$1 [$client_lib] ends with status $want"
	else
		not_ok "$1 [$client_lib] ends as on stock" "status $got, stock $want" \
			"says:  $(log_tail "$log")" "stock: $(log_tail "$log.stock")"
	fi
}

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
for combo in $COMBOS; do
	server_lib=${combo%/*} client_lib=${combo#*/}
	[ "$combo" = stock/stock ] || need_our_lib
	server_file=$(lib_file "$server_lib")
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
