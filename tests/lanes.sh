# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Sourced by check.sh: steps, what they count, and lanes of steps that run at once.
# shellcheck shell=bash disable=SC2030,SC2031

passed=0 failed=0 skipped=0

# Counts what automake's test driver or a TAP stream printed.
count() {
	local p f s
	p=$(grep -cE '^(PASS:|ok )' "$1")
	f=$(grep -E '^(FAIL:|ERROR:|XPASS:|not ok )' "$1" | grep -vc '# TODO') # known of siw
	s=$(grep -cE '^SKIP:|^ok .*# SKIP' "$1")
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
}

# step NAME COMMAND...: a step that prints no counts of its own is one test.
step() {
	local name=$1 log rc
	shift
	say "$name"
	log=$(mktemp)
	"$@" 2>&1 | tee "$log"
	rc=${PIPESTATUS[0]}
	local before=$((passed + failed))
	count "$log"
	if [ "$rc" != 0 ] && ! grep -E '^(FAIL:|ERROR:|not ok )' "$log" | grep -qv '# TODO'; then
		failed=$((failed + 1))
		echo "FAILED ($rc): $name"
	elif [ $((passed + failed)) = "$before" ]; then
		passed=$((passed + 1))
	fi
	rm -f "$log"
}

# lane FUNCTION: runs its steps beside what follows; lane_join shows what they printed.
lane() {
	lane_dir=$(mktemp -d)
	set -m # a process group, to be ended whole
	(
		passed=0 failed=0 skipped=0
		"$1"
		echo "$passed $failed $skipped" >"$lane_dir/counts"
	) >"$lane_dir/log" 2>&1 &
	lane_pid=$!
	set +m
	trap 'kill -- "-$lane_pid" 2>/dev/null; rm -rf "$lane_dir"' EXIT
}

lane_join() {
	local p f s
	wait "$lane_pid"
	cat "$lane_dir/log"
	if read -r p f s 2>/dev/null <"$lane_dir/counts"; then
		passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	else
		failed=$((failed + 1))
		echo "FAILED: the steps above did not come to their end"
	fi
	rm -rf "$lane_dir"
	trap - EXIT
}

# Steps of one lane that need what another builds: ready NAME, and wait_ready NAME SECONDS.
ready() {
	: >"$lane_dir/ready-$1"
}

wait_ready() {
	local n=0
	until [ -e "$lane_dir/ready-$1" ]; do
		[ $((n += 1)) -le "$2" ] || return 1
		sleep 1
	done
}
