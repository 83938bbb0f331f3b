#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# The software device against plain TCP on the same path: prints the table of goals.
# usage: bench/soft.sh [-b BUILD] [-r ROUNDS] [-d N] [-o REGEX] [-m] [-q]
#   -b  build tree with bench/netbench (default: the current folder)
#   -r  rounds, each with the reference and ours in turn (default 5)
#   -d  shorter: divides what is counted by N
#   -o  only the rows whose name matches
#   -m  Markdown;  -q  very short runs (-d 20), to see that it works
# Others on the machine disturb less if it runs in a scheduling group of its own, with weight:
#   setsid -w sh -c 'echo -20 >/proc/self/autogroup; exec bench/soft.sh'
# Exit 0: measured (goals that are missed are said in the table).
set -uo pipefail

build=$PWD rounds=5 only=. markdown='' scale=1
while getopts b:r:d:o:mq o; do
	case $o in
	b) build=$(cd "$OPTARG" && pwd) ;;
	r) rounds=$OPTARG ;;
	d) scale=$OPTARG ;;
	o) only=$OPTARG ;;
	m) markdown=1 ;;
	q) scale=20 ;;
	*) exit 2 ;;
	esac
done
bench=$build/bench/netbench
raw=$(mktemp)
trap 'rm -f "$raw"' EXIT
# Linked in place of librdmacm, our library answers for libibverbs too.
ours=("$build/tools/iwshim" run --soft --)
[ -x "$bench" ] && [ -x "${ours[0]}" ] || {
	echo "soft.sh: no $bench or ${ours[0]}: run make check-progs in $build" >&2
	exit 1
}
# A path of Ethernet's size: the loopback of a namespace of our own.
mtu1500=(unshare -Urn sh -c 'ip link set lo mtu 1500 up && exec "$@"' sh)

# one NAME KIND COMMAND...: one figure; a failure is said and has no figure.
one() {
	local name=$1 kind=$2 value
	shift 2
	value=$(timeout 120 "$@" 2>"$raw.err") || {
		echo "soft.sh: $name ($kind) failed: $(tail -n 1 "$raw.err")" >&2
		return
	}
	echo "$name $kind $value" >>"$raw"
}
count() {
	local n=$(($1 / scale))
	echo $((n < 64 ? 64 : n))
}

# row NAME GOAL 'REFERENCE' 'OURS' [COMMAND in front of both]: GOAL is <=X or >=X.
rows=()
row() {
	rows+=("$1|$2|$3|$4|${5:-}")
}
define_rows() {
	row "64 B latency, polled" "<=1.15" "-n $(count 40000) tcp_lat" "-n $(count 40000) rdma_lat"
	row "64 B latency, events" "<=1.15" "-e -n $(count 8000) tcp_lat" "-e -n $(count 8000) rdma_lat"
	local op crc size n goal
	for crc in off on; do
		[ $crc = off ] && goal=">=0.95" || goal=">=0.88"
		for size in 65536 1048576; do
			n=$(count $((3221225472 / size)))
			for op in write send; do
				row "$op $((size / 1024)) KiB, CRC $crc" "$goal" "-s $size -n $n tcp_bw" \
					"-s $size -n $n rdma_bw_$op" "env IWSHIM_CRC=$crc"
			done
		done
	done
	for size in 65536 1048576; do
		n=$(count $((3221225472 / size)))
		row "read / write, $((size / 1024)) KiB" ">=0.9" "R-s $size -n $n rdma_bw_write" \
			"-s $size -n $n rdma_bw_read" "env IWSHIM_CRC=off"
	done
	for op in write send; do
		row "$op 4 KiB" ">=0.6" "-s 4096 -n $(count 300000) tcp_bw" \
			"-s 4096 -n $(count 300000) rdma_bw_$op" "env IWSHIM_CRC=off"
	done
	row "write 1 MiB, path MTU 1500" ">=0.5" "-s 1048576 -n $(count 2000) tcp_bw" \
		"-s 1048576 -n $(count 2000) rdma_bw_write" "mtu1500"
	row "64 B messages, one post each" ">=0.95" "-n $(count 500000) tcp_rate" "-n $(count 500000) rdma_rate"
	row "64 B messages, lists of 64" ">=7" "-n $(count 500000) tcp_rate" "-l -n $(count 2000000) rdma_rate"
	row "connections, one by one" ">=0.5" "-n $(count 3000) tcp_setup" "-n $(count 3000) rdma_setup"
	row "latency, 1,000 / 10 connections" "<=1.15" "R-c 10 -n $(count 20000) rdma_many_lat" "-c 1000 -n $(count 20000) rdma_many_lat"
	row "latency, 9,900 / 10 connections" "<=1.4" "R-c 10 -n $(count 20000) rdma_many_lat" "-c 9900 -n $(count 20000) rdma_many_lat"
	row "rate, 1,000 / 10 connections" ">=0.75" "R-c 10 -n $(count 300000) rdma_many_rate" "-c 1000 -n $(count 300000) rdma_many_rate"
	row "rate, 9,900 / 10 connections" ">=0.6" "R-c 10 -n $(count 300000) rdma_many_rate" "-c 9900 -n $(count 300000) rdma_many_rate"
	row "bytes of an idle connection (4 + 4 deep)" "<=6144" "" "-c 1000 -n 64 rdma_many_mem"
}

# run ROW: the reference, then ours. A reference that begins with R runs on our library.
run() {
	local name goal ref mine front args=()
	IFS='|' read -r name goal ref mine front <<<"$1"
	[[ $name =~ $only ]] || return 0
	case $front in
	mtu1500) args=("${mtu1500[@]}") ;;
	?*) read -ra args <<<"$front" ;;
	esac
	# shellcheck disable=SC2086
	case $ref in
	R*) one "${name// /_}" ref ${args[@]+"${args[@]}"} "${ours[@]}" "$bench" ${ref#R} ;;
	?*) one "${name// /_}" ref ${args[@]+"${args[@]}"} "$bench" $ref ;;
	esac
	# shellcheck disable=SC2086
	one "${name// /_}" ours ${args[@]+"${args[@]}"} "${ours[@]}" "$bench" $mine
}

ulimit -n "$(ulimit -Hn)"
define_rows
for ((i = 0; i < rounds; i++)); do
	for r in "${rows[@]}"; do
		run "$r"
	done
done
for r in "${rows[@]}"; do
	IFS='|' read -r name goal _ <<<"$r"
	[[ $name =~ $only ]] && echo "${name// /_} goal $goal"
done | cat - "$raw" | awk -v markdown="$markdown" -f "$(dirname "$0")/soft.awk"
