#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# A route look-up costs exactly two system calls once the socket is there.
strace -o /dev/null true 2>/dev/null || {
	echo "strace is missing or not allowed"
	exit 77
}
trace=$(mktemp) || exit 1
trap 'rm -f "$trace"' EXIT

# System calls of a process that looks 127.0.0.1 up $1 times.
calls() {
	ASAN_OPTIONS=detect_leaks=0 strace -f -o "$trace" tests/nl_show -n "$1" 127.0.0.1 >/dev/null || exit 1
	grep -c '(' "$trace"
}

few=$(calls 10) || exit 1
many=$(calls 110) || exit 1
echo "100 look-ups: $((many - few)) system calls"
[ $((many - few)) = 200 ]
