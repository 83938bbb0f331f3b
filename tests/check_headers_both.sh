#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# The program tests/headers_both.c, built with rdma-core's headers and with ours, on our
# library with the software device and on the system's: what it prints is the same. A
# machine without RDMA device ends the system's library's part early, with ENODEV
# (tests/vm/guest/headers.sh has both libraries on a device). Run in the build directory;
# TAP-like lines.
build=$PWD
skip() {
	echo "skipped: $1"
	exit 77
}
[ -x tests/headers_stock ] || skip "no librdmacm-dev here"
[ -e private/libibverbs.so.1 ] || skip "the library is not built"
nm -D private/librdmacm.so.1 | grep -qE '__(asan|tsan)_init' && skip "built with a sanitizer"
. "${srcdir:-.}/tests/tap.sh"
unset LD_PRELOAD LD_LIBRARY_PATH IWSHIM_LOG

check_header() {
	"tests/headers_$1" --header | grep -qx "$2" >"$tmp/log"
	verdict $? "headers_$1 is built with the header of $2"
}
check_header ours ours
check_header stock rdma-core

for header in ours stock; do
	timeout 60 "$build/tools/iwshim" run --soft -- "tests/headers_$header" \
		>"$tmp/$header.iwshim" 2>"$tmp/log"
	verdict $? "headers_$header runs on our library"
done
diff "$tmp/stock.iwshim" "$tmp/ours.iwshim" >"$tmp/log"
verdict $? "either header, the same answers of our library"
cp "$tmp/ours.iwshim" "$tmp/log"
[ "$(grep -c '^RDMA_CM_EVENT' "$tmp/ours.iwshim")" = 4 ] && tail -1 "$tmp/ours.iwshim" |
	grep -qx 'written: written once'
verdict $? "the connection came and went, and moved its data"

# What needs no device: the lines before the first event.
for header in ours stock; do
	timeout 60 "tests/headers_$header" >"$tmp/$header.stock" 2>"$tmp/log"
	status=$?
	sed 's/^/# the system'\''s library: /' "$tmp/log"
	[ $status -eq 0 ] || [ $status -eq 3 ] || [ -n "$(ls /sys/class/infiniband 2>/dev/null)" ]
	verdict $? "headers_$header runs on the system's library, or finds no device"
	sed '/^RDMA_CM_EVENT/,$d' "$tmp/$header.iwshim" >"$tmp/first"
	sed '/^RDMA_CM_EVENT/,$d' "$tmp/$header.stock" | diff - "$tmp/first" >"$tmp/log"
	verdict $? "either library, the same answers to headers_$header"
done
echo "1..$n"
exit $bad
