#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Runs in the guest: measures our library and the stock one in turn and writes one line a value,
# "metric library value", to $OUT/raw. What the values mean is in table.awk.
# The side that is measured runs on the library; for counts the other side is always stock.
# Environment: ROUNDS (default 5), LOOP (connections of the rate, 500), ONLY (a regex of part names),
# DEVICE (siw, the default, or rxe).
# Time limit: 2400 s
# shellcheck disable=SC2317 # parts are called by name
# shellcheck source-path=SCRIPTDIR source=../tests/vm/guest/lib.sh
. "$SRC/tests/vm/guest/lib.sh"

: "${ROUNDS:=5}" "${LOOP:=500}" "${CMTIME:=60}" "${ONLY:=.*}"
progs=$BUILD/tests/vm/prog
loop=$progs/conn_loop
libs="stock place"

value() {
	echo "$1 ${2/place/ours} $3" >>"$OUT/raw"
}

# ---- one side under a tool

# active LIB N TOOL...: the client of N connections runs under the tool; the server is stock.
active() {
	local lib=$1 n=$2 server
	shift 2
	if [ "$n" = 0 ]; then
		with_lib "$lib" "$@" "$loop" -c -n 0 >"$OUT/active.log" 2>&1
		return
	fi
	start stock "$OUT/other.log" "$loop" -s -a "$ADDR" -n "$n"
	server=$!
	wait_listen "$server"
	with_lib "$lib" "$@" "$loop" -c -a "$ADDR" -n "$n" -w >"$OUT/active.log" 2>&1 ||
		echo "# active $lib $n: $(log_tail "$OUT/active.log")"
	wait_end "$server" 10
}

# passive LIB N TOOL...: the same with the server under the tool.
passive() {
	local lib=$1 n=$2 server
	shift 2
	if [ "$n" = 0 ]; then
		with_lib "$lib" "$@" "$loop" -s -n 0 >"$OUT/passive.log" 2>&1
		return
	fi
	start "$lib" "$OUT/passive.log" "$@" "$loop" -s -a "$ADDR" -n "$n" -w
	server=$!
	wait_port 7472 60
	with_lib stock "$loop" -c -a "$ADDR" -n "$n" >"$OUT/other.log" 2>&1
	wait_end "$server" 60 || echo "# passive $lib $n: $(log_tail "$OUT/passive.log")"
}

# ---- counts

# Calls of a whole process; clock_gettime is one only where the clock has no vDSO, as in the guest.
count_calls() {
	"$1" "$2" "$3" strace -f -c -U calls,name -e 'trace=!clock_gettime' -o "$OUT/strace"
	calls=$(awk '$2 == "total" { print $1 }' "$OUT/strace")
	cp "$OUT/strace" "$OUT/strace.$1.$2.$3"
}

# What one connection costs in a process that has made none, loading apart.
first_calls_part() {
	local role load
	for role in active passive; do
		count_calls "$role" "$1" 0
		load=$calls
		count_calls "$role" "$1" 1
		value "first_calls_$role" "$1" $((calls - load))
	done
}

# The steady state: what ten more cost in one that has made ten.
calls_part() {
	local role few
	for role in active passive; do
		count_calls "$role" "$1" 10
		few=$calls
		count_calls "$role" "$1" 20
		value "calls_$role" "$1" "$(div $((calls - few)) 10)"
	done
}

div() {
	awk -v a="$1" -v b="$2" 'BEGIN { printf "%.1f\n", a / b }'
}

# Instructions of librdmacm and of libnl that lies below ours, not of libc and libibverbs.
count_insns() {
	local file=$OUT/callgrind.$1.$2.$3 # kept for callgrind_annotate
	"$1" "$2" "$3" valgrind --tool=callgrind --compress-strings=no --compress-pos=no \
		--callgrind-out-file="$file"
	insns=$(awk -f "$SRC/bench/objects.awk" "$file")
}

insns_part() {
	local lib=$1 role few
	for role in active passive; do
		count_insns "$role" "$lib" 5
		few=$insns
		count_insns "$role" "$lib" 15
		value "insns_$role" "$lib" "$(div $((insns - few)) 10)"
	done
}

# ---- time

first_part() {
	value first_id "$1" "$(with_lib "$1" "$progs/first_id")"
	value first_id_sync "$1" "$(with_lib "$1" "$progs/first_id" -S)"
}

threads_part() {
	active "$1" 1
	value threads_active "$1" "$(sed -n 's/^threads=//p' "$OUT/active.log")"
	passive "$1" 1
	value threads_passive "$1" "$(sed -n 's/^threads=//p' "$OUT/passive.log")"
}

# Both sides run on the library.
loop_part() {
	local server
	start "$1" "$OUT/server.log" "$loop" -s -a "$ADDR" -n "$LOOP"
	server=$!
	wait_listen "$server"
	with_lib "$1" "$loop" -c -a "$ADDR" -n "$LOOP" >"$OUT/loop.log" 2>&1
	value rate_loop "$1" "$(sed -n 's/.* failed=0 .*rate=\([0-9.]*\).*/\1/p' "$OUT/loop.log")"
	wait_end "$server" 5
}

# The rate is all connections by the time of all steps together.
cmtime_part() {
	local server
	start "$1" "$OUT/server.log" cmtime -b "$ADDR" -c "$CMTIME"
	server=$!
	wait_listen "$server"
	with_lib "$1" timeout 60 cmtime -s "$ADDR" -c "$CMTIME" >"$OUT/cmtime.log" 2>&1
	value rate_cmtime "$1" "$(awk -F'[:[:space:]]+' -v n="$CMTIME" '
		/ : |:  / && /[0-9]/ { sub(/^[^:]*:[ \t]*/, ""); ms += $1 }
		END { if (ms) printf "%.1f\n", n * 1000 / ms }' "$OUT/cmtime.log")"
	kill "$server"
	wait_end "$server" 5
}

# ---- all

# part NAME ROUNDS: libraries in turn, so that what disturbs one disturbs the other.
part() {
	local i lib begin=$SECONDS
	[[ $1 =~ ^($ONLY)$ ]] || return
	for ((i = 0; i < $2; i++)); do
		for lib in $libs; do
			"$1_part" "$lib"
		done
	done
	ok "$1: $2 rounds, $((SECONDS - begin)) s"
}

# The other device of the same interface, instead of siw.
use_rxe() {
	rdma link delete siw0 && rdma link add rxe0 type rxe netdev v0 || bail "no rxe0"
	trap 'rdma link delete rxe0; rdma link add siw0 type siw netdev v0' EXIT
}

need_our_lib
[ "${DEVICE:-siw}" = siw ] || use_rxe
: >"$OUT/raw"
part first $((2 * ROUNDS + 1))
part first_calls "$ROUNDS"
few_drivers # from here on starting a process is not measured
part calls "$ROUNDS"
part threads 1
part loop "$ROUNDS"
part cmtime "$ROUNDS"
part insns 1
done_testing
