#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# rdma_getaddrinfo(): where docs/differences.md names no difference, ours and the
# stock library answer alike. What they answer to all cases is left in $OUT.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$SRC/tests/vm/guest/lib.sh"
need_our_lib

prog=$BUILD/tests/vm/prog/addrinfo_diff
[ -x "$prog" ] || skip_all "$prog is not built (librdmacm-dev is missing)"
for lib in stock ours; do
	with_lib $lib "$prog" >"$OUT/$lib" 2>"$OUT/$lib.err"
	is $? 0 "it runs with $lib"
	with_lib $lib "$prog" all >"$OUT/$lib.all" 2>>"$OUT/$lib.err"
done

like "$OUT/stock" '^v4: flags=0 .* dst=192.0.2.1:7471$' "the stock library resolves here"
while IFS= read -r line; do
	name=${line%%: *}
	is "$(grep "^$name: " "$OUT/ours")" "$line" "$name"
done <"$OUT/stock"
diff "$OUT/stock.all" "$OUT/ours.all" >"$OUT/differences"
sed 's/^/# /' "$OUT/differences"
done_testing
