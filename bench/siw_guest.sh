#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Runs in the guest: plain TCP, kernel siw with the stock libraries and our software device,
# in turn on one address. Writes "NAME tcp|siw|soft VALUE" to $OUT/raw; bench/siw.sh shows it.
# Environment: ROUNDS (default 5), ONLY (a regex of names).
# Time limit: 2400 s
# shellcheck source-path=SCRIPTDIR source=../tests/vm/guest/lib.sh
. "$SRC/tests/vm/guest/lib.sh"

: "${ROUNDS:=5}" "${ONLY:=.*}"
bench=$BUILD/bench/netbench

one() {
	local name=$1 kind=$2 value
	shift 2
	value=$(timeout 60 "$@" 2>"$OUT/err") ||
		{ echo "# $name $kind: $(tail -n 1 "$OUT/err")"; return; }
	echo "$name $kind $value" >>"$OUT/raw"
}

# row NAME 'TCP' 'RDMA': arguments of netbench.
row() {
	[[ $1 =~ $ONLY ]] || return
	# shellcheck disable=SC2086
	one "$1" tcp "$bench" -a "$ADDR" $2
	# shellcheck disable=SC2086
	one "$1" siw env -u LD_PRELOAD "$bench" -a "$ADDR" $3
	# shellcheck disable=SC2086
	one "$1" soft env IWSHIM_DEVICE=soft LD_PRELOAD="$our_lib" "$bench" -a "$ADDR" $3
}

need_our_lib
[ -x "$bench" ] || skip_all "bench/netbench is not built"
for ((i = 0; i < ROUNDS; i++)); do
	row lat_polled "-n 2000 tcp_lat" "-n 2000 rdma_lat"
	row lat_event "-e -n 1000 tcp_lat" "-e -n 1000 rdma_lat"
	for op in write send read; do
		row "$op-4K" "-s 4096 -n 8000 tcp_bw" "-s 4096 -n 8000 rdma_bw_$op"
		row "$op-64K" "-s 65536 -n 2000 tcp_bw" "-s 65536 -n 2000 rdma_bw_$op"
		row "$op-1M" "-s 1048576 -n 150 tcp_bw" "-s 1048576 -n 150 rdma_bw_$op"
	done
	row rate_single "-n 20000 tcp_rate" "-n 20000 rdma_rate"
	row rate_list "-n 20000 tcp_rate" "-l -n 60000 rdma_rate"
	row setup "-n 100 tcp_setup" "-n 100 rdma_setup"
done
ok "measured"
done_testing
