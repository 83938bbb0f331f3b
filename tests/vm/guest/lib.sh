# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Sourced by the guest scripts: TAP, running programs on our or the stock librdmacm, waiting.
# A script ends with done_testing. What it leaves in $OUT is found in the host's LOGDIR/files.

# ---- TAP

tap_n=0 tap_failed=0 tap_todo=

# The next result is known to fail for REASON: reported, but not a failure of the run.
todo() {
	tap_todo=" # TODO $*"
}

ok() {
	tap_n=$((tap_n + 1))
	echo "ok $tap_n - $1$tap_todo"
	tap_todo=
}

# not_ok TEXT [DETAIL...]: each detail is a comment line.
not_ok() {
	local d
	tap_n=$((tap_n + 1))
	[ -n "$tap_todo" ] || tap_failed=$((tap_failed + 1))
	echo "not ok $tap_n - $1$tap_todo"
	tap_todo=
	for d in "${@:2}"; do
		echo "#   $d"
	done
}

# is GOT WANT TEXT
is() {
	if [ "$1" = "$2" ]; then
		ok "$3"
	else
		not_ok "$3" "got:  $1" "want: $2"
	fi
}

# like FILE REGEX TEXT: a line of the file matches; otherwise its end is shown.
like() {
	if grep -qE -- "$2" "$1"; then
		ok "$3"
	else
		not_ok "$3" "no line matches $2" "$(log_tail "$1")"
	fi
}

# skip TEXT REASON
skip() {
	tap_n=$((tap_n + 1))
	echo "ok $tap_n - $1 # SKIP $2"
}

skip_all() {
	echo "1..0 # SKIP $*"
	exit 0
}

bail() {
	echo "Bail out! $*"
	exit 1
}

done_testing() {
	echo "1..$tap_n"
	[ "$tap_failed" = 0 ]
	exit
}

log_tail() {
	tail -n 4 "$1" 2>/dev/null | cut -c1-160 | tr '\n' '|'
}

# ---- which device

# These machines have kernel devices, and what is tested here is how they are driven; where they
# do not serve, nothing shall. A script about the choice sets its own.
export IWSHIM_DEVICE=${IWSHIM_DEVICE:-kernel}

# ---- which library

our_lib=$BUILD/.libs/librdmacm.so.1
place_dir=${TMPDIR:-/tmp}/place
patient=$BUILD/tests/soft/.libs/patient.so # for perftest: see tests/soft/patient.c

need_our_lib() {
	[ -e "$our_lib" ] || bail "there is no $our_lib: build first, or name the build tree with -b"
}

# Sets lib_env to the environment that gives a program the library WHICH:
#   stock             the system's
#   ours, preload     ours by LD_PRELOAD
#   place             ours in place of the system's: LD_LIBRARY_PATH to a folder with it alone
# $first, if it is set, is preloaded before it.
lib_env() {
	case $1 in
	stock)
		lib_env=("LD_PRELOAD=${first-}")
		;;
	ours | preload)
		lib_env=("LD_PRELOAD=${SAN_RUNTIME:+$SAN_RUNTIME:}${first:+$first:}$our_lib")
		;;
	place)
		[ -d "$place_dir" ] ||
			{ mkdir -p "$place_dir" && ln -s "$our_lib" "$place_dir/librdmacm.so.1"; }
		lib_env=("LD_LIBRARY_PATH=$place_dir" "LD_PRELOAD=${SAN_RUNTIME:-}${first:+:$first}")
		;;
	*)
		bail "no such library: $1"
		;;
	esac
}

# with_lib WHICH COMMAND...: runs it in the foreground.
with_lib() {
	lib_env "$1"
	shift
	env "${lib_env[@]}" "$@"
}

# start WHICH LOG COMMAND...: runs it in the background; its process id is in $!.
start() {
	lib_env "$1"
	env "${lib_env[@]}" "${@:3}" >"$2" 2>&1 </dev/null &
}

# The files of librdmacm that a process has mapped, one a line.
served_by() {
	awk '$6 ~ /librdmacm/ && !seen[$6]++ { print $6 }' "/proc/$1/maps" 2>/dev/null
}

# The file that WHICH stands for, as a process has it mapped.
lib_file() {
	case $1 in
	stock) ldconfig -p | awk '/librdmacm\.so\.1 / { print $NF; exit }' | xargs readlink -f ;;
	*) readlink -f "$our_lib" ;;
	esac
}

# is_served_by PID WHICH TEXT: one test; the program must be running.
is_served_by() {
	is "$(served_by "$1")" "$(lib_file "$2")" "$3"
}

# The librdmacm that the loader picks for a program, for those too short-lived to look at.
loader_picks() {
	with_lib "$1" env LD_TRACE_LOADED_OBJECTS=1 "$(command -v "$2")" |
		sed -n 's/^[[:space:]]*\(.*=> \)\{0,1\}\(.*librdmacm[^ ]*\) (0x.*/\2/p' |
		xargs -r readlink -f | sort -u
}

# ---- waiting
# Starting a process is slow under emulation: the loops below start as few as they can.

mkfifo "${TMPDIR:-/tmp}/never.$$"
exec {never}<>"${TMPDIR:-/tmp}/never.$$"

# pause SECONDS: sleep without a program. In a shell of its own: where the time is over before it has
# begun to read (a busy host), the read of bash 5.2 restores a signal mask that it has not saved. With
# SIGCHLD in it that shell reaps no child any more unless it waits for one.
pause() {
	(read -r -t "$1" -u "$never" _)
	return 0
}

# is_over PID: it has ended. One that the shell has not reaped still takes signals.
is_over() {
	local stat
	kill -0 "$1" 2>/dev/null || return 0
	read -r stat 2>/dev/null <"/proc/$1/stat" && [[ $stat == *') Z '* ]]
}

# wait_listen PID [SECONDS]: until a kernel cm_id of the process listens; 1 if it died or did not.
wait_listen() {
	local i ids
	for ((i = 0; i < ${2:-10} * 10; i++)); do
		ids=$(rdma resource show cm_id 2>/dev/null)
		[[ $ids =~ LISTEN[^$'\n']*" pid $1 " ]] && return 0
		! is_over "$1" || return 1
		pause 0.1
	done
	return 1
}

# wait_port PORT [SECONDS]: the same for any process, by the port.
wait_port() {
	local i ids
	for ((i = 0; i < ${2:-10} * 10; i++)); do
		ids=$(rdma resource show cm_id 2>/dev/null)
		[[ $ids =~ LISTEN[^$'\n']*" src-addr "[^[:space:]]*":$1"([[:space:]]|$) ]] && return 0
		pause 0.1
	done
	return 1
}

# wait_line FILE REGEX [SECONDS]: until a line matches.
wait_line() {
	local i
	for ((i = 0; i < ${3:-10} * 10; i++)); do
		grep -qE -- "$2" "$1" 2>/dev/null && return 0
		pause 0.1
	done
	return 1
}

# sleeps_in PID: where each thread of a process that hangs is, for the log.
sleeps_in() {
	local task state
	for task in /proc/"$1"/task/*; do
		state=$(sed -n 's/^State:[[:space:]]*//p' "$task/status" 2>/dev/null)
		echo "# hangs: $(tr '\0' ' ' <"/proc/$1/cmdline" 2>/dev/null)thread ${task##*/}" \
			"$(cat "$task/comm" 2>/dev/null): $state, in $(cat "$task/wchan" 2>/dev/null)," \
			"call $(cat "$task/syscall" 2>/dev/null)"
	done
}

# wait_end PID [SECONDS]: its exit status, or 124 after it had to be killed. The child is ours.
wait_end() {
	local i
	for ((i = 0; i < ${2:-40} * 20; i++)); do
		if is_over "$1"; then
			wait "$1" 2>/dev/null
			return
		fi
		pause 0.05
	done
	sleeps_in "$1"
	kill -9 "$1" 2>/dev/null
	wait "$1" 2>/dev/null
	return 124
}

# ---- what siw misses
# A client's first message that siw's server does not see ("Known of siw" in tests/vm/README.md), on
# any library, leaves a trace: bytes that stay in an established socket. Everything else that hangs
# is a failure; what left this trace may be tried again.

# watch_siw: looks for it from now on, in the background.
watch_siw() {
	missed_file=$TMPDIR/missed
	: >"$missed_file"
	watch_sockets &
}

# siw_missed: was there one since the last call?
siw_missed() {
	[ -s "$missed_file" ] || return 1
	: >"$missed_file"
	echo "# siw missed a first message: it stayed in its socket"
}

# again_on_siw CASE...: a case, in a shell of its own, which watch_siw() watches: tried up to three
# times if siw missed a first message; with siw_refuses=yes whatever failed, for a server that sends
# first, which siw's client refuses now and then.
again_on_siw() {
	local try line
	for try in 1 2 3; do
		("$@") >"$OUT/try" 2>&1
		grep -q '^not ok' "$OUT/try" || break
		siw_missed || [ -n "${siw_refuses-}" ] || break
	done
	while IFS= read -r line; do
		case $line in
		"ok "*) ok "${line#* - }" ;;
		"not ok "*) not_ok "${line#* - } (try $try)" ;;
		*) echo "$line" ;;
		esac
	done <"$OUT/try"
}

watch_sockets() {
	local before=' ' now here there state queues
	while pause 3; do
		now=' '
		while read -r _ here there state queues _; do
			[[ "$state $queues" =~ ^01.*:0*[1-9A-F] ]] || continue
			queues="$here $there ${queues#*:};"
			[[ $before != *"$queues"* ]] || echo "$queues" >>"$missed_file"
			now+=$queues
		done < <(cat /proc/net/tcp /proc/net/tcp6)
		before=$now
	done
}

# ---- the guest's set-up

# libibverbs opens the drivers of all vendors in every process; with the two that we have here
# programs start several times faster. Undone when the script ends.
few_drivers() {
	mkdir -p "$TMPDIR/drivers"
	cp /etc/libibverbs.d/{siw,rxe}.driver "$TMPDIR/drivers/"
	mount --bind "$TMPDIR/drivers" /etc/libibverbs.d
}

# set_device siw|rxe: that driver's device, alone, serves the addresses; sets DEV and kind. The
# guest's init puts siw0 back when the script ends.
set_device() {
	local i
	[ "$1" = siw ] && kind=iwarp || kind=roce
	[ "$DEV" != "$1"0 ] || return 0
	rdma link delete "$DEV"
	export DEV=$1"0"
	rdma link add "$DEV" type "$1" netdev v0
	for ((i = 0; i < 100; i++)); do
		[[ $(rdma link show "$DEV/1" 2>/dev/null) != *"state ACTIVE"* ]] || return 0
		pause 0.1
	done
	bail "$DEV did not become active"
}
# shellcheck disable=SC2034 # for the scripts
kind=iwarp
