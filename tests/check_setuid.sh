#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# A set-user-ID program ignores each of our environment variables; the same program without
# the bit does not, so that this can fail. Run in the build directory, as root; TAP.
srcdir=${srcdir:-.}
program=tests/secure_env
n=0 bad=0
verdict() {
	n=$((n + 1))
	if [ "$2" = "$3" ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1: $2, not $3"
		bad=1
	fi
}
# Nobody reads the environment in any other way than secure_getenv(3).
plain=$(cd "$srcdir" && grep -nE '(^|[^_a-z])(getenv|environ)\b' -r base iwcm-core netlink driver verbs shim \
	--include='*.c' --include='*.h' | xargs)
verdict "the environment is read by secure_getenv(3) alone" "$plain" ""

skip() {
	n=$((n + 1))
	echo "ok $n - setuid programs ignore our environment # SKIP $1"
	echo "1..$n"
	exit $bad
}
[ "$(id -u)" = 0 ] || skip "only root can make one for another user"
[ -x "$program" ] || skip "$program is not built"
nm "$program" 2>/dev/null | grep -qE '__(asan|tsan)_init' &&
	skip "a sanitizer does not start in a setuid program"
command -v setpriv >/dev/null || skip "no setpriv"
tmp=$(mktemp -d) || exit 99
trap 'rm -rf "$tmp"' EXIT
cp "$program" "$tmp/program" && chown 65534:65534 "$tmp/program" && chmod 0755 "$tmp" || exit 99
mkdir -m 1777 "$tmp/log"

# run MODE: the program by a third user; its answers in $tmp/out.
run() {
	chmod "$1" "$tmp/program"
	rm -f "$tmp"/log/*
	env IWSHIM_DEVICE=kernel IWSHIM_CRC=refuse IWSHIM_LOG=trace IWSHIM_LOG_FILE="$tmp/log/file" \
		IWSHIM_LIBIBVERBS=/nowhere/libibverbs.so.1 setpriv --reuid=65533 --regid=65533 \
		--clear-groups "$tmp/program" >"$tmp/out" 2>"$tmp/err"
}
answer() {
	sed -n "s/^$1 //p" "$tmp/out"
}

run 0755
verdict "control: an ordinary program takes them" "$(answer secure) $(answer device) $(answer crc) $(answer log) $(answer verbs)" \
	"0 1 3 4 none"
verdict "control: it makes the log file" "$(ls "$tmp/log")" file
verdict "control: for its owner alone" "$(stat -c %a-%u "$tmp"/log/file)" 600-65533

for mode in 4755 2755; do
	run $mode
	[ "$(answer secure)" = 1 ] || skip "nosuid, or no new privileges"
	verdict "mode $mode: IWSHIM_DEVICE is ignored" "$(answer device)" 0
	verdict "mode $mode: IWSHIM_CRC is ignored" "$(answer crc)" 0
	verdict "mode $mode: IWSHIM_LOG is ignored" "$(answer log)" 0
	verdict "mode $mode: IWSHIM_LOG_FILE is ignored" "$(ls "$tmp/log")" ""
	verdict "mode $mode: the log is standard error" "$(grep -c 'said by secure_env' "$tmp/err")" 1
	verdict "mode $mode: IWSHIM_LIBIBVERBS is ignored" "$(answer verbs | grep -c '^/usr\|^/lib')" 1
done
echo "1..$n"
exit $bad
