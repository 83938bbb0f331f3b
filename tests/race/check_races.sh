#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# The shim under races, as TAP: check_races.sh DIRECTORY [OPERATIONS [SEED]]
# 10^6 operations over the driver in memory by 2, 3 and 4 threads, a few thousand over the
# software device. RACE_OPERATIONS and RACE_SEED stand for the arguments.
set -u
dir=$1
operations=${2:-${RACE_OPERATIONS:-1000000}}
seed=${3:-${RACE_SEED:-$(date +%s)}}
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
n=0
failed=0

# run NAME ARGUMENTS...
run() {
	name=$1
	shift
	n=$((n + 1))
	# A report of ThreadSanitizer ends with 66.
	if timeout 300 "$dir/channel_race" "$@" >"$log" 2>&1; then
		echo "ok $n - $name"
		tail -n 2 "$log"
	else
		echo "not ok $n - $name (status $?)"
		grep -v '^iwshim' "$log" | head -n 120 | sed 's/^/# /'
		failed=1
	fi
}

echo "1..4"
for threads in 2 3 4; do
	run "$threads threads, seed $seed" -s "$seed" -t $threads -n $((operations / 3))
done
run "the software device, 3 threads, seed $seed" -d soft -s "$seed" -t 3 -n $((operations / 100))
exit $failed
