#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Debian's own programs over kernel RoCE (rxe), unmodified, and those over siw that clients.sh does
# not try: rdmacm-utils as far as they need no rsockets, perftest with -R.
# Environment: DEVICES ("siw rxe"), COMBOS ("server/client ..." of stock, preload, place), ONLY (a
# regex of case names), ALL (not empty: the variants that take time and show little, too), LIMIT
# (seconds a client may take). Without COMBOS: ours on both sides, and some cases mixed with the
# stock library.
# Time limit: 900 s
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$SRC/tests/vm/guest/lib.sh"
# shellcheck source=pair_lib.sh
. "$SRC/tests/vm/guest/pair_lib.sh"
# shellcheck source=program_cases.sh
. "$SRC/tests/vm/guest/program_cases.sh"

: "${DEVICES:=siw rxe}"
mixed='^(rping-C100-V|rdma_client|udaddy|ib_write_lat-65536)$'
[ -z "${ALL-}" ] ||
	mixed='^(rping-C100-V|rping-own-qp|ucmatose-c30|rdma_client|rdma_xclient-srq|udaddy|mckey|ib_write_lat-65536)$'
rare='^(rping-(any|source|own-qp-.*)|ucmatose-(c30|tos)|udaddy-(tos|ipv6)|mckey-(c3|send-only)'
rare+='|rdma_client-ipv6|ib_.*-64|ib_write_bw-65536|ib_(send|read)_lat-65536|ib_.*_lat-1048576|ib_(send|read)_bw-1048576)$'

# Instead of pair_lib.sh's.
wanted() {
	[ -n "${ONLY-}${ALL-}" ] || [[ ! $1 =~ $rare ]] || return 1
	[[ $1 =~ ${ONLY:-.} ]]
}

# clients.sh has the others on siw.
device_cases() {
	if [ "$kind" = roce ]; then
		rping_cases
		rping_roce_cases
		ucmatose_cases
		ucmatose_roce_cases
		cmtime_cases
		udaddy_cases
		mckey_cases
		perftest_roce_cases
	fi
	endpoint_cases
	perftest_cases
}

# Neither device has XRC, rxe no multicast by a group's own id: told as by the stock library.
refused_cases() {
	alone rdma_xclient-xrc "rdma_xclient -s $ADDR -c x"
	alone mckey-unmapped "mckey -M ff0e::ffff:239.1.1.3 -b $ADDR"
}

few_drivers
for device in $DEVICES; do
	set_device "$device"
	for c in ${COMBOS:-place/place}; do
		set_combo "$c"
		device_cases
		refused_cases
	done
	[ -z "${COMBOS-}" ] || continue
	ONLY=${ONLY:-$mixed}
	for c in preload/stock stock/preload; do
		set_combo "$c"
		device_cases
	done
	[ "$ONLY" != "$mixed" ] || ONLY=
done
skip udpong "it is made of rsockets"
done_testing
