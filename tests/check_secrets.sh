#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# A session on the software device at the most talkative level: its payload and private data
# are not in the log, and nothing is left in /tmp or in shared memory. Run in the build
# directory; TAP.
srcdir=${srcdir:-.}
lib=$PWD/.libs/librdmacm.so.1
skip_all() {
	echo "1..0 # SKIP $1"
	[ -z "$CI" ] || exit 1
	exit 77
}
[ -e "$lib" ] && [ -x tools/iwshim ] || skip_all "the library is not built"
if nm -D "$lib" | grep -qE '__(asan|tsan)_init'; then
	echo "1..0 # SKIP built with a sanitizer"
	exit 77
fi
command -v rping >/dev/null || skip_all "no rping"
tmp=$(mktemp -d) || exit 99
trap 'rm -rf "$tmp"' EXIT
unset LD_PRELOAD LD_LIBRARY_PATH
n=0 bad=0
verdict() {
	n=$((n + 1))
	if [ "$2" = 0 ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		bad=1
	fi
}
ours() {
	find /tmp /dev/shm /run -maxdepth 1 -newer "$tmp/start" -name '*iwshim*' -o \
		-maxdepth 1 -newer "$tmp/start" -name '*usiw*' 2>/dev/null | grep -vE '^/tmp/iwshim-' | sort
}
touch "$tmp/start"
port=$((20000 + RANDOM % 10000))
export IWSHIM_LOG=trace
IWSHIM_LOG_FILE=$tmp/server.log timeout 60 tools/iwshim run --soft -- rping -s -a 127.0.0.1 -p $port \
	-C 10 -V -v >"$tmp/server" 2>&1 &
server=$!
for ((i = 0; i < 200; i++)); do
	grep -qi listen "$tmp/server.log" 2>/dev/null && break
	sleep 0.05
done
for ((i = 0; i < 20; i++)); do
	IWSHIM_LOG_FILE=$tmp/client.log timeout 60 tools/iwshim run --soft -- rping -c -a 127.0.0.1 \
		-p $port -C 10 -V -v >"$tmp/client" 2>&1 && break
	sleep 0.25
done
wait $server
verdict "a session with a log of the level trace" $?
[ -s "$tmp/client.log" ] && [ -s "$tmp/server.log" ]
verdict "it is logged: $(cat "$tmp"/*.log | wc -l) lines" $?
grep -q 'rdma-ping-3' "$tmp/server" "$tmp/client"
verdict "the payload went over the wire" $?
! grep -q 'rdma-ping' "$tmp"/*.log
verdict "no payload in the log" $?
! grep -qiE 'rkey|lkey|stag|private data:' "$tmp"/*.log
verdict "no key and no private data in the log" $?
# What the sources hand to the log, at whatever level and on whatever path.
leak=$(cd "$srcdir" && grep -rnE -A4 'iw_(error|warn|info|debug|trace)\(' base iwcm-core netlink driver verbs shim \
	--include='*.c' | grep -E '[^_a-z](rkey|lkey|stag)\b|private_data[^_]' | grep -E 'iw_(error|warn|info|debug|trace)\(|"' | xargs)
[ -z "$leak" ]
verdict "no key and no private data is an argument of the log${leak:+: $leak}" $?
[ -z "$(ours)" ]
verdict "nothing is left behind in /tmp, /run and /dev/shm: $(ours | xargs)" $?
echo "1..$n"
exit $bad
