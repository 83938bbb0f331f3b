#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Memcheck: uninitialised reads, which no sanitizer here finds, invalid accesses and leaks, over
# unit tests (a fork each, by the runner of tests/plain_main.c) and over real sessions on the
# software device. Anything that it finds fails. TAP.
#   usage: check_valgrind.sh [-b BUILD] [-j JOBS] [-o REGEX]
#   -o  only what matches
# A build by clang wants -gdwarf-4: valgrind 3.19 does not read its DWARF 5.
src=$(cd "$(dirname "$0")/.." && pwd)
build=$PWD jobs=2 only=.
while getopts b:j:o: option; do
	case $option in
	b) build=$(cd "$OPTARG" && pwd) || exit 2 ;;
	j) jobs=$OPTARG ;;
	o) only=$OPTARG ;;
	*) exit 2 ;;
	esac
done
# The explorer has stacks of its own, which memcheck takes for wild writes; test_soft_pset counts who
# of two threads comes first, where memcheck lets one run at a time; test_rpoll hands in a bad pointer.
left_out='test_interleave test_soft_pset test_rpoll'
skip_all() {
	echo "1..0 # SKIP $1"
	[ -z "$CI" ]
	exit
}
command -v valgrind >/dev/null || skip_all "no valgrind"
cd "$build" || exit 99
[ -e .libs/librdmacm.so.1 ] || skip_all "the library is not built"
nm -D .libs/librdmacm.so.1 | grep -qE '__(asan|tsan)_init' && skip_all "built with a sanitizer"
make -s tests/valgrind_main.so || exit 99
out=$(mktemp -d) || exit 99
trap 'rm -rf "$out"' EXIT
# Programs of others that tests start; ip leaks what it read.
others='*/sh,*/dash,*/bash,*/ip,*/tc'
export out build src others
unset LD_PRELOAD LD_LIBRARY_PATH IWSHIM_LOG IWSHIM_LOG_FILE IWSHIM_DEVICE
export IWSHIM_TESTS=short

# memcheck LOG PROGRAM...
memcheck() {
	local log=$1
	shift
	timeout -k 5 "${limit:-120}" valgrind -q --vgdb=no --leak-check="${leaks:-full}" --show-leak-kinds=definite,indirect \
		--errors-for-leak-kinds=definite,indirect --error-exitcode=99 --trace-children=yes --trace-children-skip="$others" \
		--track-origins=no --num-callers=20 --fair-sched=yes \
		--suppressions="$src/tests/valgrind.supp" --log-file="$log.%p" "$@"
}
# said LOG: what memcheck wrote.
said() {
	cat "$1".[0-9]* 2>/dev/null | grep -v '^$'
}
verdict() {
	local name=$1 rc=$2 log=$3 seconds=$4
	if [ "$rc" = 0 ] && [ -z "$(said "$log")" ]; then
		echo "ok - $name ($seconds s)"
	else
		echo "not ok - $name: exit code $rc ($seconds s)"
		{
			grep -vE '^\[PASS\]' "$log.out" | tail -20
			said "$log" | head -60
		} | sed 's/^/# /'
	fi
}
unit() {
	local rc start=$SECONDS
	LD_PRELOAD=$build/tests/valgrind_main.so memcheck "$out/$1" "tests/$1" >"$out/$1.out" 2>&1
	rc=$?
	grep -qE '^[1-9][0-9]* tests, 0 failed' "$out/$1.out" || rc="$rc, not all tests passed"
	verdict "$1: $(tail -1 "$out/$1.out")" "$rc" "$out/$1" $((SECONDS - start))
}

# ---- sessions: NAME, PORT, SERVER command, CLIENT command; both under memcheck
declare -A sessions=(
	[rping]='rping -s -a 127.0.0.1 -p PORT -C 5 -v|rping -c -a 127.0.0.1 -p PORT -C 5 -v'
	[ucmatose]='ucmatose -b 127.0.0.1 -p PORT -c 2 -C 3|ucmatose -s 127.0.0.1 -p PORT -c 2 -C 3'
	[ib_write_bw]='ib_write_bw -R -d usiw_lo -n 20 -s 4096 -p PORT|ib_write_bw -R -d usiw_lo -n 20 -s 4096 -p PORT 127.0.0.1'
	[ib_read_lat]='ib_read_lat -R -d usiw_lo -n 20 -p PORT|ib_read_lat -R -d usiw_lo -n 20 -p PORT 127.0.0.1'
	[ib_send_bw]='ib_send_bw -R -d usiw_lo -n 20 -s 70000 -p PORT|ib_send_bw -R -d usiw_lo -n 20 -s 70000 -p PORT 127.0.0.1'
)
declare -p sessions >"$out/sessions"

is_listening() {
	ss -Hltn "sport = :$1" 2>/dev/null | grep -q .
}
session() {
	local name=$1 port=$((20000 + RANDOM % 10000)) server rc=0 start=$SECONDS
	local -a near far
	. "$out/sessions"
	read -ra near <<<"${sessions[$name]%|*}"
	read -ra far <<<"${sessions[$name]#*|}"
	command -v "${near[0]}" >/dev/null || {
		echo "ok - $name # SKIP no ${near[0]}"
		return
	}
	limit=180
	# perftest ends without destroying its ids: what hangs on them is lost with them.
	case $name in ib_*) leaks=no ;; esac
	memcheck "$out/$name.server" tools/iwshim run --soft -- "${near[@]/PORT/$port}" \
		>"$out/$name.server.out" 2>&1 &
	server=$!
	for ((i = 0; i < 1200; i++)); do
		is_listening "$port" && break
		kill -0 $server 2>/dev/null || break
		sleep 0.1
	done
	memcheck "$out/$name.client" tools/iwshim run --soft -- "${far[@]/PORT/$port}" \
		>"$out/$name.client.out" 2>&1 || rc=$?
	verdict "$name, client" $rc "$out/$name.client" $((SECONDS - start))
	rc=0
	wait $server || rc=$?
	verdict "$name, server" $rc "$out/$name.server" $((SECONDS - start))
}
export -f memcheck said verdict unit session is_listening

{
	printf 'session %s\n' "${!sessions[@]}" | sort
	(cd "$src/tests" && ls test_*.c) | sed 's/\.c$//' | grep -vxF "${left_out// /$'\n'}" | sed 's/^/unit /'
} | grep -E "$only" | while read -r kind name; do
	[ "$kind" = session ] || [ -x "tests/$name" ] && echo "$kind $name"
done >"$out/list"
xargs -P "$jobs" -I{} bash -c '{}' <"$out/list" >"$out/tap"
awk '/^(not )?ok - / { n++; sub(/ok - /, "ok " n " - ") } { print } END { print "1.." n + 0 }' "$out/tap"
echo "# $(wc -l <"$out/list") programs and sessions, $SECONDS s with $jobs at a time"
grep -q '^ok ' "$out/tap" && ! grep -q '^not ok' "$out/tap"
