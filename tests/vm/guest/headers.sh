#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# tests/headers_both.c by rdma-core's headers and by ours, on the system's library and on
# ours, over siw: four runs, one transcript.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$SRC/tests/vm/guest/lib.sh"
need_our_lib

for header in stock ours; do
	for lib in stock ours; do
		with_lib $lib "$BUILD/tests/headers_$header" "$ADDR" \
			>"$OUT/$header.$lib" 2>"$OUT/$header.$lib.err"
		is $? 0 "the header of $header on the library of $lib"
		is "$(diff "$OUT/stock.stock" "$OUT/$header.$lib")" "" "it prints what stock on stock does"
	done
done
like "$OUT/ours.ours" '^written: written once$' "the data has moved"
done_testing
