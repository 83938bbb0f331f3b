#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Arrows run down only: which folder may include which header, and what the core
# may call. Run by make check in the build folder; TAP-like lines.
srcdir=${srcdir:-.}
. "$srcdir/tests/tap.sh"

sources() {
	find "$srcdir/$1" -name '*.[ch]' 2>/dev/null
}

# own FOLDER PATTERN: all includes of ours in FOLDER match PATTERN.
own() {
	[ -d "$srcdir/$1" ] || return 0
	sources "$1" | xargs -r grep -Hn '^[ 	]*#[ 	]*include[ 	]*"' |
		grep -Ev "\"($2)[^\"]*\"" >"$tmp/log"
	report "$1 includes nothing of ours above it"
}

# foreign FOLDER PATTERN WHY: no system header in FOLDER matches PATTERN.
foreign() {
	sources "$1" | grep -v '/iw_driver\.h$' |
		xargs -r grep -HnE "^[ 	]*#[ 	]*include[ 	]*[<\"]($2)" >"$tmp/log"
	report "$1 $3"
}

own base 'base/'
own iwcm-core 'base/|iwcm-core/'
own netlink 'base/|netlink/'
own driver 'base/|iwcm-core/|driver/|config\.h'
own verbs 'base/|driver/soft/|netlink/|verbs/'
own shim 'base/|iwcm-core/|netlink/|driver/registry\.h|shim/'

foreign iwcm-core 'sys/socket|netinet|arpa|net/|linux/|rdma/|infiniband/|netlink/|time\.h|sys/time|iwcm-core/iw_driver' \
	'knows no socket, netlink, verbs or clock'
foreign netlink 'infiniband/|rdma/rdma_cma|rdma/rdma_user_cm' 'knows no RDMA but devices'
foreign driver 'rdma/rdma_cma' 'knows no rdma_cm_id'

sources iwcm-core | xargs grep -nE '\bpthread_|\bsem_|\busleep\(|\bnanosleep\(' >"$tmp/log"
report "iwcm-core threads through base/lock.h alone"

sources iwcm-core | xargs grep -nE '\b(assert|abort)\(' | grep -vE 'ops->abort\(|:[ 	]*\*' >"$tmp/log"
report "iwcm-core never aborts the process"

# What the core leaves undefined is in base or in libc.
core=.libs/libiwcm.a base=.libs/libiwbase.a
libc=$(ldd /bin/sh | sed -n 's/.*=> \(.*libc\.so[^ ]*\) .*/\1/p')
if [ -f $core ] && [ -f $base ] && [ -f "$libc" ]; then
	{
		nm --defined-only $core $base | awk 'NF == 3 { print $3 }'
		nm -D --defined-only "$libc" | awk '{ sub(/@.*/, "", $NF); print $NF }'
	} | sort -u >"$tmp/there"
	nm -u $core | awk 'NF == 2 { print $2 }' | sort -u >"$tmp/wanted"
	# The compiler's own: sanitizers and coverage.
	comm -23 "$tmp/wanted" "$tmp/there" |
		grep -vE '^(_GLOBAL_OFFSET_TABLE_|__(asan|ubsan|tsan|gcov|sanitizer)_|__llvm_)' >"$tmp/log"
	report "libiwcm needs nothing but libiwbase and libc"
	grep -xE 'socket|connect|bind|listen|accept4?|send(to|msg)?|recv(from|msg)?|ioctl|open(at|64)?|clock_gettime|gettimeofday|time|(ibv|rdma|nl)_.*' \
		"$tmp/wanted" >"$tmp/log"
	report "libiwcm calls no socket, no device and no clock"
else
	echo "ok $((n + 1)) - # SKIP the core is not built here"
fi
exit $bad
