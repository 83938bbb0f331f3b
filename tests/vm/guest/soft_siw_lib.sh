# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Sourced by the soft_siw*.sh: a second siw at one end of a veth, a network namespace for our
# software device at the other, and running a program on either. They set path (far, local) and
# server_side (soft, siw).
# shellcheck disable=SC2034,SC2154 # shared with them, and with lib.sh

progs=$BUILD/tests/vm/prog
far_siw=10.88.0.1 far_soft=10.88.0.2 far_siw6=fd88::1 far_soft6=fd88::2
soft_env=()

wanted() {
	[[ $1 =~ ${ONLY:-.} ]]
}

# ---- the two places

set_path() {
	unset_path
	[ "$path" = far ] || return 0
	ip netns add far
	ip link add i0 type veth peer name i1 netns far
	ip addr add $far_siw/24 dev i0
	ip -6 addr add $far_siw6/64 dev i0 nodad
	ip link set i0 up
	ip -n far addr add $far_soft/24 dev i1
	ip -n far -6 addr add $far_soft6/64 dev i1 nodad
	ip -n far link set lo up
	ip -n far link set i1 up
	rdma link add siw1 type siw netdev i0
	enter=(nsenter --net=/run/netns/far)
	pause 0.5
}

unset_path() {
	enter=()
	rdma link delete siw1 2>/dev/null
	ip link delete i0 2>/dev/null
	ip netns delete far 2>/dev/null
	return 0
}

# Sets at and at6, the server's addresses, and client_side.
set_sides() {
	client_side=siw
	[ "$server_side" = soft ] || client_side=soft
	at=$ADDR at6=$ADDR6
	[ "$path" = far ] || return 0
	at=$far_soft at6=$far_soft6
	[ "$server_side" = soft ] || at=$far_siw at6=$far_siw6
}

# begin SIDE LOG COMMAND...: in the background, its process id in $!.
begin() {
	local run
	if [ "$1" = soft ]; then
		lib_env ours
		run=(${enter[@]+"${enter[@]}"} env IWSHIM_DEVICE=soft ${soft_env[@]+"${soft_env[@]}"})
	else
		lib_env stock
		run=(env)
	fi
	"${run[@]}" "${lib_env[@]}" "${@:3}" >"$2" 2>&1 </dev/null &
}

# wait_tcp PID PORT: until a TCP socket of the process's namespace listens; siw's do too.
wait_tcp() {
	local i line hex
	printf -v hex ':%04X ' "$2"
	for ((i = 0; i < 150; i++)); do
		while read -r line; do
			[[ $line == *"$hex"*" 0A "* ]] && return 0
		done < <(cat "/proc/$1/net/tcp" "/proc/$1/net/tcp6" 2>/dev/null)
		! is_over "$1" || return 1
		pause 0.1
	done
	return 1
}

# ---- a server and its clients

clear_options() {
	kill_server='' retries=0 want='' limit=40 port='' first=''
}
clear_options

# The port in a server's command.
port_of() {
	[[ $1 =~ \ -p\ ([0-9]+) ]] && echo "${BASH_REMATCH[1]}" || echo "${port:-7174}"
}

# attempt LOG SERVER CLIENT...: sets why to what was wrong, or to nothing.
attempt() {
	local log=$1 server command status listen_port=7174
	why=
	case $2 in
	rping*) listen_port=$(port_of "$2") ;;
	*) listen_port=${port:-7471} ;;
	esac
	# shellcheck disable=SC2086
	begin "$server_side" "$log.server" $2
	server=$!
	export PATIENT_TCP=/proc/$server/net/tcp
	wait_tcp "$server" "$listen_port" || why="the server does not listen: $(log_tail "$log.server")"
	: >"$log.client"
	for command in "${@:3}"; do
		# shellcheck disable=SC2086
		begin "$client_side" "$log.now" $command
		wait_end $! "$limit"
		status=$?
		cat "$log.now" >>"$log.client"
		[ "$status" = 0 ] || why+=" client status $status: $(log_tail "$log.client")"
		[ -z "$why" ] || break
	done
	[ -z "$kill_server$why" ] || kill "$server" 2>/dev/null
	wait_end "$server" 15
	status=$?
	[ -n "$kill_server" ] || [ "$status" = 0 ] ||
		why+=" server status $status: $(log_tail "$log.server")"
	[ -z "$want" ] || grep -qE -- "$want" "$log.client" || why+=" client: no '$want'"
	[ -z "$want" ] || grep -qE -- "$want" "$log.server" || why+=" server: no '$want'"
}

# both NAME SERVER CLIENT...: one test.
both() {
	local try name="$1 [$path: $server_side serves]" log=$OUT/$path-$server_side.$1
	local start=$SECONDS
	if wanted "$1"; then
		for ((try = 0; try <= retries; try++)); do
			attempt "$log" "${@:2}"
			[ -n "$why" ] || break
			[ "$try" = "$retries" ] || echo "# $name tries again: $why"
		done
		if [ -z "$why" ]; then
			ok "$name ($((SECONDS - start)) s)"
		else
			not_ok "$name" "$why"
		fi
	fi
	clear_options
}

# ---- scenarios

# run_play LOG SCENARIO...
run_play() {
	local log=$1 server
	begin "$server_side" "$log.server" "$progs/pair" -s -a "$at"
	server=$!
	wait_tcp "$server" 7471
	begin "$client_side" "$log.client" "$progs/pair" -c -a "$at" "${@:2}"
	wait_end $! 200
	pause 0.5 # the server's last line
	kill "$server" 2>/dev/null
	wait_end "$server" 5
}

# played LOG SCENARIO: both sides are content.
played() {
	grep -qx "ok $2" "$1.client" && grep -qx "ok $2" "$1.server"
}

# play NAME SCENARIO...: one test for each.
play() {
	local name log=$OUT/$path-$server_side.$1
	run_play "$log" "${@:2}"
	for name in "${@:2}"; do
		if played "$log" "$name"; then
			ok "$1: $name [$path: $server_side serves]"
		else
			not_ok "$1: $name [$path: $server_side serves]" \
				"client: $(grep -E "ok $name(:|\$)" "$log.client" || log_tail "$log.client")" \
				"server: $(grep -E "ok $name(:|\$)" "$log.server" || log_tail "$log.server")"
		fi
	done
}

# The same with one scenario that may lose a race in siw: four tries.
play_until_ok() {
	local try log=$OUT/$path-$server_side.$1
	for try in 1 2 3; do
		run_play "$log" "$2"
		played "$log" "$2" && break
		echo "# $2 tries again: $(log_tail "$log.client")"
	done
	play "$1" "$2"
}
