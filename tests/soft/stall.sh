#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Programs that hang for seven seconds, and what the log says of them. TAP.
#   stall.sh [-b BUILD] [-o REGEX]
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

prepare
program=$build/tests/soft/stall
[ -x "$program" ] || skip_all "$program is not built (make check-stall)"
export IWSHIM_DEVICE=soft LD_LIBRARY_PATH=$build/private

# hang NAME WAY [SETTING]: until its alarm ends it; the log is $work/NAME
hang() {
	{ env ${3:+"$3"} timeout -k 2 60 "$program" "$2" 2>"$work/$1"; } 2>/dev/null
	echo $? >"$work/$1.status"
}

# says NAME TEXT REGEX: one line alone, and it matches
says() {
	local status
	status=$(cat "$work/$1.status")
	if [ "$status" = 142 ] && [ "$(grep -c 'has waited' "$work/$1")" = 1 ] &&
		grep -qE "$3" "$work/$1"; then
		ok "$2"
	else
		not_ok "$2 (status $status)"
		sed 's/^/# /' "$work/$1" | tail -n 5
	fi
}

hang default unacknowledged &
hang info refused IWSHIM_LOG=info &
hang quiet refused &
wait

says default "a destroy without acknowledgement is named at the default level" \
	'error: rdma_destroy_id of id 0x[0-9a-f]+ \(127\.0\.0\.1:[0-9]+ -> 127\.0\.0\.1:7471, usiw_lo, with its address resolved\) has waited 5 s for events .*: 1 x RDMA_CM_EVENT_ADDR_RESOLVED$'
says info "at info, waiting for the outcome of a connect that failed is named" \
	'info: rdma_get_cm_event of channel 0x[0-9a-f]+ has waited 5 s for an event; ids of its channel: 1 without an address; nothing is under way on them, so no event will come'
if [ -s "$work/quiet" ]; then
	not_ok "at the default level a thread that waits for events is silent"
	sed 's/^/# /' "$work/quiet"
else
	ok "at the default level a thread that waits for events is silent"
fi
done_testing
