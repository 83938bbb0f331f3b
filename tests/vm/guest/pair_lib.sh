# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Sourced after lib.sh by the scripts that run a program's server against its clients: one pair of
# them is one test, on the libraries of $combo (set_combo). What is tried with which program is in
# program_cases.sh.

watch_siw

wanted() {
	[[ $1 =~ ${ONLY:-.} ]]
}

# set_combo SERVER/CLIENT: the libraries of what follows.
set_combo() {
	combo=$1 server_lib=${1%/*} client_lib=${1#*/}
	[ "$combo" = stock/stock ] || need_our_lib
	server_file=$(lib_file "$server_lib")
}

# ---- a server and its clients

# Options of pair, set before it and cleared after it.
clear_options() {
	kill_server='' retries=0 want_client='' want_server='' limit=${LIMIT:-40} ready=wait_listen
	may_dump='' first=''
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
	if ! $ready "$server"; then
		why="the server is not ready: $(log_tail "$log.server")"
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
	local name=$1 try missed=0 log=$OUT/$DEV.${combo/\//-}.$1 begin=$EPOCHREALTIME
	shift
	if wanted "$name"; then
		for ((try = 0; try <= retries; try++)); do
			attempt "$log" "$@"
			[ -n "$why" ] || break
			if siw_missed && ((missed++ < 2)); then
				((retries++))
			fi
			[ "$try" != "$retries" ] || break
			echo "# $name [$DEV $combo] tries again:$why"
			[ -z "$may_dump" ] || rm -f "$OUT/../cores/$may_dump"*
		done
		if [ -z "$why" ]; then
			ok "$name [$DEV $combo] $(seconds_since "$begin")"
		else
			not_ok "$name [$DEV $combo]" "$why"
		fi
	fi
	clear_options
}

# ---- one side alone

# alone NAME COMMAND: the exit status is stock's, and the error says something.
alone() {
	local log=$OUT/$DEV.$client_lib.$1 got want
	wanted "$1" || return 0
	eval "start stock '$log.stock' $2"
	wait_end $! 20
	want=$?
	eval "start '$client_lib' '$log' $2"
	wait_end $! 20
	got=$?
	if [ "$got" = "$want" ] && [ -s "$log" ]; then
		ok "$1 [$DEV $client_lib] ends with status $want"
	else
		not_ok "$1 [$DEV $client_lib] ends as on stock" "status $got, stock $want" \
			"says:  $(log_tail "$log")" "stock: $(log_tail "$log.stock")"
	fi
}
