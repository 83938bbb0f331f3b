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
tmp=$(mktemp -d) || exit 99
trap 'rm -rf "$tmp"' EXIT
n=0
bad=0
unset LD_PRELOAD LD_LIBRARY_PATH IWSHIM_LOG

# report STATUS NAME FILE: which tells more if the status is bad.
report() {
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $n - $2"
	else
		echo "not ok $n - $2"
		sed 's/^/# /' "$3"
		bad=1
	fi
}

check_header() {
	"tests/headers_$1" --header | grep -qx "$2" >"$tmp/log"
	report $? "headers_$1 is built with the header of $2" "$tmp/log"
}
check_header ours ours
check_header stock rdma-core

for header in ours stock; do
	timeout 60 "$build/tools/iwshim" run --soft -- "tests/headers_$header" \
		>"$tmp/$header.iwshim" 2>"$tmp/log"
	report $? "headers_$header runs on our library" "$tmp/log"
done
diff "$tmp/stock.iwshim" "$tmp/ours.iwshim" >"$tmp/log"
report $? "either header, the same answers of our library" "$tmp/log"
[ "$(grep -c '^RDMA_CM_EVENT' "$tmp/ours.iwshim")" = 4 ] && tail -1 "$tmp/ours.iwshim" |
	grep -qx 'written: written once'
report $? "the connection came and went, and moved its data" "$tmp/ours.iwshim"

# What needs no device: the lines before the first event.
for header in ours stock; do
	timeout 60 "tests/headers_$header" >"$tmp/$header.stock" 2>"$tmp/log"
	status=$?
	sed 's/^/# the system'\''s library: /' "$tmp/log"
	[ $status -eq 0 ] || [ $status -eq 3 ] || [ -n "$(ls /sys/class/infiniband 2>/dev/null)" ]
	report $? "headers_$header runs on the system's library, or finds no device" "$tmp/log"
	sed '/^RDMA_CM_EVENT/,$d' "$tmp/$header.iwshim" >"$tmp/first"
	sed '/^RDMA_CM_EVENT/,$d' "$tmp/$header.stock" | diff - "$tmp/first" >"$tmp/log"
	report $? "either library, the same answers to headers_$header" "$tmp/log"
done
echo "1..$n"
exit $bad
