# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Sourced by run.sh: merges what comes out of the guest's port into one TAP stream.
# Between the TAP lines of the scripts the guest's init writes lines of its own:
#   #@ begin NAME        #@ end NAME STATUS SECONDS
#   #@ bad NAME TEXT     (a kernel message, a core)        #@ done

tap_total=0 tap_bad=0 tap_skip=0 tap_todo=0

# emit ok|"not ok" TEXT: a result of the merged stream.
emit() {
	tap_total=$((tap_total + 1))
	case $2 in
	*"# SKIP"* | *"# skip"*) tap_skip=$((tap_skip + 1)) ;;
	*"# TODO"* | *"# todo"*) tap_todo=$((tap_todo + 1)) ;;
	*) [ "$1" = ok ] || tap_bad=$((tap_bad + 1)) ;;
	esac
	echo "$1 $tap_total - $2"
}

script_begins() {
	script=$1 planned='' seen=0 bad_before=$tap_bad bailed=
	begun+=("$1")
	echo "# ---- $1"
}

# script_ends STATUS SECONDS: whatever a script got wrong about its own stream is a failure.
script_ends() {
	echo "# $script took $2 s"
	if [ "$1" = 124 ] || [ "$1" = 137 ]; then
		emit "not ok" "$script: timed out"
	elif [ "$1" = 77 ] && [ "$seen" = 0 ]; then
		emit ok "$script # SKIP exit status 77"
	elif [ -n "$bailed" ]; then
		:
	elif [ -z "$planned" ]; then
		emit "not ok" "$script: printed no plan (exit status $1)"
	elif [ "$planned" != "$seen" ]; then
		emit "not ok" "$script: planned $planned tests, ran $seen"
	elif [ "$1" != 0 ] && [ "$tap_bad" = "$bad_before" ]; then
		emit "not ok" "$script: exit status $1"
	fi
	script=
}

control_line() {
	local word name rest
	read -r word name rest <<<"$1"
	case $word in
	begin) script_begins "$name" ;;
	end) script_ends "${rest%% *}" "${rest##* }" ;;
	bad) emit "not ok" "$name: $rest" ;;
	done) finished=1 ;;
	esac
}

plan_line() {
	planned=${1#1..}
	planned=${planned%%[!0-9]*}
	[ "$planned" != 0 ] || emit ok "$script # SKIP ${1#*[Ss][Kk][Ii][Pp] }"
}

merge_line() {
	local result='^(not )?ok([[:space:]]+[0-9]+)?([[:space:]]+-)?([[:space:]]+(.*))?$'
	if [[ $1 == '#@ '* ]]; then
		control_line "${1#\#@ }"
	elif [[ $1 =~ $result ]]; then
		seen=$((seen + 1))
		emit "${BASH_REMATCH[1]}ok" "$script: ${BASH_REMATCH[5]}"
	elif [[ $1 =~ ^1\.\.[0-9]+ ]]; then
		plan_line "$1"
	elif [[ $1 == 'Bail out!'* ]]; then
		bailed=1
		emit "not ok" "$script: bailed out:${1#Bail out!}"
	elif [[ $1 == '#'* ]]; then
		echo "$1"
	elif [ -n "$1" ]; then
		echo "# $1"
	fi
}

# The guest is gone: what of it could not be said over the port?
account_for() {
	local s logdir=$1
	shift
	[ -z "$script" ] || emit "not ok" "$script: the guest died or timed out in it"
	if [ -z "$finished" ]; then
		emit "not ok" "guest: did not finish"
		tail -n 15 "$logdir/console.log" "$logdir/qemu.err" 2>/dev/null | sed 's/^/# /'
	fi
	for s in "${@:${#begun[@]}+1}"; do
		emit "not ok" "$(basename "$s" .sh): did not run"
	done
}

# merge_tap LOGDIR SCRIPT... <port: prints TAP; 0 if nothing failed.
merge_tap() {
	local line script='' planned='' seen=0 bad_before=0 bailed='' begun=() finished=''
	local start=$SECONDS
	echo "TAP version 13"
	while IFS= read -r line; do
		line=${line%$'\r'}
		printf '%s\n' "$line" >>"$1/port.log"
		merge_line "$line"
	done
	account_for "$@"
	echo "1..$tap_total"
	echo "# $((tap_total - tap_bad - tap_skip - tap_todo)) ok, $tap_bad not ok," \
		"$tap_skip skipped, $tap_todo known failures, $((SECONDS - start)) s"
	[ "$tap_bad" = 0 ]
}
