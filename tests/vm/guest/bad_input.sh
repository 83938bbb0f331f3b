#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Bad input of every kind to every call, on each kind of kernel device: an error each, never a
# crash or a hang, and nothing lost by it. A group of cases is a test here; its cases are in
# $OUT/DEVICE.
# Environment: DEVICES ("siw rxe"), ONLY (one group).
# Time limit: 300 s
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$SRC/tests/vm/guest/lib.sh"
prog=$BUILD/tests/soft/bad_input
[ -x "$prog" ] || bail "there is no $prog: make check-progs"
: "${DEVICES:=siw rxe}"

# The results of the cases, by group: "GROUP CASES WRONG".
groups() {
	awk '/^(not )?ok / {
		wrong = /^not /
		sub(/^(not )?ok /, "")
		name = substr($0, 1, index($0, ":") - 1)
		if (!(name in cases))
			order[++n] = name
		cases[name]++
		bad[name] += wrong
	}
	END {
		for (i = 1; i <= n; i++)
			print order[i] "\t" cases[order[i]] "\t" bad[order[i]]
	}' "$1"
}

few_drivers
for device in $DEVICES; do
	set_device "$device"
	log=$OUT/$device
	timeout -k 2 140 "$prog" ${ONLY:+"$ONLY"} >"$log" 2>"$log.err"
	status=$?
	while IFS=$'\t' read -r group cases wrong; do
		if [ "$wrong" = 0 ]; then
			ok "$device: $group, $cases cases"
		else
			mapfile -t which < <(grep "^not ok $group:" "$log")
			not_ok "$device: $group, $wrong of $cases cases" "${which[@]}"
		fi
	done < <(groups "$log")
	echo "# $device $(grep '^# .* cases' "$log")"
	if [ "$status" -gt 1 ] || ! grep -q '^# .* cases' "$log"; then
		not_ok "$device: comes to its end" "status $status" "$(log_tail "$log.err")"
	fi
done
done_testing
