# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Sourced by check.sh: steps, what they count, and lanes of steps that run at once.
# shellcheck shell=bash disable=SC2030,SC2031

passed=0 failed=0 skipped=0 failures=()

# The lines of failures in what automake's test driver or a TAP stream printed; TODO is known of siw.
failing() {
	grep -aE '^(FAIL:|ERROR:|XPASS:|not ok )' "$1" | grep -av '# TODO'
}

# count STEP LOG: counts them, and keeps them for the end.
count() {
	local p s lines
	p=$(grep -acE '^(PASS:|ok )' "$2")
	s=$(grep -acE '^SKIP:|^ok .*# SKIP' "$2")
	mapfile -t lines < <(failing "$2")
	passed=$((passed + p)) failed=$((failed + ${#lines[@]})) skipped=$((skipped + s))
	failures+=("${lines[@]/#/$1: }")
}

# step NAME COMMAND...: a step that prints no counts of its own is one test.
step() {
	local name=$1 log rc
	shift
	say "$name"
	log=$(mktemp)
	"$@" 2>&1 | tee "$log"
	rc=${PIPESTATUS[0]}
	local before=$((passed + failed)) known=$failed
	count "$name" "$log"
	if [ "$rc" != 0 ] && [ "$failed" = "$known" ]; then
		failed=$((failed + 1))
		failures+=("$name: exit status $rc")
		echo "FAILED ($rc): $name"
	elif [ $((passed + failed)) = "$before" ]; then
		passed=$((passed + 1))
	fi
	rm -f "$log"
}

show_failures() {
	[ ${#failures[@]} = 0 ] || printf '%s\n' "${failures[@]}"
}

# lane FUNCTION: runs its steps beside what follows; lane_join shows what they printed.
lane() {
	lane_dir=$(mktemp -d)
	set -m # a process group, to be ended whole
	(
		passed=0 failed=0 skipped=0 failures=()
		"$1"
		show_failures >"$lane_dir/failures"
		echo "$passed $failed $skipped" >"$lane_dir/counts"
	) >"$lane_dir/log" 2>&1 &
	lane_pid=$!
	set +m
	trap 'kill -- "-$lane_pid" 2>/dev/null; rm -rf "$lane_dir"' EXIT
}

# lane_join [NAME]
lane_join() {
	local p f s
	wait "$lane_pid"
	cat "$lane_dir/log"
	if read -r p f s 2>/dev/null <"$lane_dir/counts"; then
		passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
		mapfile -t -O ${#failures[@]} failures <"$lane_dir/failures"
	else
		failed=$((failed + 1))
		failures+=("$1: did not come to its end")
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
