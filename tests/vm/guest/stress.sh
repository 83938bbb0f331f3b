#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Threads that share channels, over real siw. With a sanitized build this is what finds races.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$SRC/tests/vm/guest/lib.sh"
prog=$BUILD/tests/vm/prog/stress
[ -x "$prog" ] || bail "there is no $prog: make check-progs"

seconds=10
[ -z "$SAN_RUNTIME" ] || seconds=40
supp=$SRC/tests/vm/prog
export TSAN_OPTIONS="suppressions=$supp/tsan.supp exitcode=66 history_size=4"
export LSAN_OPTIONS="suppressions=$supp/lsan.supp"
export UBSAN_OPTIONS=print_stacktrace=1

timeout 200 "$prog" -t 8 -s "${STRESS_SECONDS:-$seconds}" ${STRESS_SEED:+-r "$STRESS_SEED"} \
	>"$OUT/stress.log" 2>"$OUT/stress.err" &
pid=$!
wait_line "$OUT/stress.log" '^seed=' 30
wait "$pid"
status=$?
is $status 0 "8 threads, $(head -n 1 "$OUT/stress.log"): exit status"
[ $status = 0 ] || tail -n 40 "$OUT/stress.err" "$OUT/stress.log" | cut -c1-200
like "$OUT/stress.log" '^connections=[0-9]{2,} events=[0-9]+ errors=0 ' "every id had the events of its plan"
grep '^connections' "$OUT/stress.log"
is "$(grep -cE 'WARNING: ThreadSanitizer|ERROR: (Address|Leak)Sanitizer|runtime error' \
	"$OUT/stress.err")" 0 "no sanitizer complains"
is "$(rdma resource show cm_id | grep -c " pid $pid ")" 0 "no cm_id is left"
done_testing
