#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# A folder of client scripts from outside, if it is there, on our library: their lines become TAP.
# What fails on stock as well ("xfail") is a known failure.
# Environment: IWSHIM_SHARED (the folder that holds clients/), CLIENTS ("rping cmatose cmtime"),
# SIDE (both, server, client), ONLY (a regex of case names).
# Time limit: 1200 s
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$SRC/tests/vm/guest/lib.sh"

: "${CLIENTS:=rping cmatose cmtime}" "${SIDE:=both}"

find_folder() {
	local d
	for d in "${IWSHIM_SHARED:-/work/shared}" "$SRC/../shared"; do
		[ -r "$d/clients/lib.sh" ] && echo "$d/clients" && return
	done
}

# line_to_tap SCRIPT LINE: a case's verdict; everything else is a comment.
line_to_tap() {
	local verdict name rest
	read -r verdict name rest <<<"$2"
	case $verdict:$name in
	*:"$1["*) echo "# $2" ;; # the summary
	ok:*) ok "$1 $name $rest" ;;
	XPASS:*) ok "$1 $name $rest (stock fails)" ;;
	FAIL:persist-par8) # rping listens with a backlog of 3, siw drops the other SYNs
		todo "siw, every second time, with stock as well"
		not_ok "$1 $name $rest"
		;;
	FAIL:*)
		if [ "$tries" -gt 0 ] && siw_missed; then
			again+="|$name"
			echo "# $2 (again at the end)"
		else
			not_ok "$1 $name $rest"
		fi
		;;
	xfail:*)
		todo "stock fails, too"
		not_ok "$1 $name $rest"
		;;
	skip:*) skip "$1 $name" "$rest" ;;
	*) echo "# $2" ;;
	esac
}

# run_client_script SCRIPT: $again collects the cases that are to be tried again.
run_client_script() {
	local line
	again=
	while IFS= read -r line; do
		line_to_tap "$1" "$line"
	done < <(RDMACM_PRELOAD=${SAN_RUNTIME:+$SAN_RUNTIME:}$our_lib DEV=$DEV ADDR=$ADDR \
		ADDR6=$ADDR6 SIDE=$SIDE LOGD=$OUT/$1 bash "$folder/$1.sh" 2>&1)
}

folder=$(find_folder)
[ -n "$folder" ] || skip_all "no folder of shared clients here (IWSHIM_SHARED)"
need_our_lib
few_drivers
watch_siw
for client in $CLIENTS; do
	tries=2
	run_client_script "$client"
	while [ -n "$again" ]; do
		((tries--))
		ONLY="^(${again#|})\$" run_client_script "$client"
	done
done
done_testing
