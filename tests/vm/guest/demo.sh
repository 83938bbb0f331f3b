#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# What demo.sh shows: Debian's rping and ucmatose over siw on our library, by both routes.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$SRC/tests/vm/guest/lib.sh"
need_our_lib

# show LOG N: the last lines of a program's output.
show() {
	tail -n "$2" "$1" | cut -c1-110 | sed 's/^/    | /'
}

# demo ROUTE NAME SERVER... -- CLIENT...: a pair on the library by ROUTE.
demo() {
	local route=$1 name=$2 server=() log=$OUT/$2-$1
	shift 2
	while [ "$1" != -- ]; do
		server+=("$1")
		shift
	done
	shift
	echo "$name by $route:"
	echo "    \$ ${server[*]}"
	start "$route" "$log.srv" "${server[@]}"
	local pid=$!
	wait_listen "$pid" || not_ok "$name listens ($route)" "$(log_tail "$log.srv")"
	echo "    | served by $(served_by "$pid" | tr '\n' ' ')"
	is_served_by "$pid" ours "the server, $name, is served by iwshim ($route)"
	echo "    \$ $*"
	with_lib "$route" timeout 40 "$@" >"$log.cli" 2>&1
	is $? 0 "the client, $name, succeeds ($route)"
	show "$log.cli" 3
	wait_end "$pid" 20
	is $? 0 "the server succeeds ($route)"
}

rdma link show | sed 's/^/device: /'
watch_siw
for route in preload place; do
	again_on_siw demo "$route" rping rping -s -a "$ADDR" -C 10 -v -- rping -c -a "$ADDR" -C 10 -v
	siw_refuses=yes again_on_siw demo "$route" ucmatose ucmatose -b "$ADDR" -c 5 -C 10 -S 4096 -- \
		ucmatose -s "$ADDR" -c 5 -C 10 -S 4096
done
done_testing
