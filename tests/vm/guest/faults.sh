#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# A failure in each allocation and in each fourth system call of a session (FAULTS=all: in
# each): prog/faults.c.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$SRC/tests/vm/guest/lib.sh"
prog=$BUILD/tests/vm/prog/faults
[ -x "$prog" ] || bail "there is no $prog: make check-progs"
export LSAN_OPTIONS=suppressions=$SRC/tests/vm/prog/lsan.supp

pids=()
for kind in alloc syscall; do
	[ "$kind" = alloc ] || [ "${FAULTS:-}" = all ] || export FAULTS_STEP=4
	for mode in async sync; do
		timeout 250 "$prog" $kind $mode >"$OUT/$kind.$mode" 2>"$OUT/$kind.$mode.err" &
		pids+=($!)
	done
done
for kind in alloc syscall; do
	for mode in async sync; do
		wait "${pids[0]}"
		status=$?
		pids=("${pids[@]:1}")
		log=$OUT/$kind.$mode
		while IFS= read -r line; do
			not_ok "$kind $mode: ${line#wrong: }"
		done < <(grep '^wrong' "$log")
		like "$log" '^swept=[0-9]{2,} ' "$kind $mode: $(tail -n 1 "$log")"
		is $status 0 "$kind $mode: exit status"
	done
done
done_testing
