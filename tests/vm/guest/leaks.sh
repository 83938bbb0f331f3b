#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# After a thousand connections memory, descriptors and the kernel's objects are as before. With a
# build for AddressSanitizer its leak check has the last word.
# Environment: LEAKS_N
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$SRC/tests/vm/guest/lib.sh"
prog=$BUILD/tests/vm/prog/leaks
[ -x "$prog" ] || bail "there is no $prog: make check-progs"
export LSAN_OPTIONS=suppressions=$SRC/tests/vm/prog/lsan.supp

mkfifo "$TMPDIR/go"
LEAKS_PAUSE=1 "$prog" "${LEAKS_N:-1000}" <"$TMPDIR/go" >"$OUT/log" 2>"$OUT/err" &
pid=$!
exec 3>"$TMPDIR/go"
wait_line "$OUT/log" '^connections=' 250
is $? 0 "the connections are through"
for kind in cm_id qp mr cq; do
	is "$(rdma resource show $kind | grep -c " pid $pid ")" 0 "the kernel holds no $kind for it"
done
echo >&3
wait_end "$pid" 60
is $? 0 "the program is content: $(cat "$OUT/log")"
is "$(grep -cE 'ERROR: (Leak|Address)Sanitizer|runtime error' "$OUT/err")" 0 "no sanitizer complains"
[ "$tap_failed" = 0 ] || head -n 30 "$OUT/err" | cut -c1-160
done_testing
