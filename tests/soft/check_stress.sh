#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# The stress programs of the software device, in whatever build this is; run in
# the build directory. STRESS_SECONDS: how long they may take together (6; with a
# sanitizer 21). STRESS_SEED: to repeat a run.
seed=${STRESS_SEED:-$(date +%s)}
so=$(ls .libs/librdmacm.so.1 private/librdmacm.so.1 2>/dev/null | head -1)
[ -n "$so" ] && [ -x tests/soft/transfer_stress ] || {
	echo "skipped: not built"
	exit 77
}
seconds=6
nm -D "$so" | grep -qE '__(asan|tsan)_init' && seconds=21
seconds=$(((${STRESS_SECONDS:-$seconds} + 2) / 3)) # for each
export IWSHIM_DEVICE=soft
n=0 bad=0

run() {
	n=$((n + 1))
	if out=$("$@" 2>&1); then
		echo "ok $n - $*: $(echo "$out" | tail -2 | head -1)"
	else
		echo "not ok $n - $*"
		echo "$out" | tail -100
		bad=1
	fi
}

run tests/soft/transfer_stress -r "$seed" -s "$seconds"
run tests/soft/cm_stress -r "$seed" -s "$seconds"
run tests/soft/share_stress -r "$seed" -s "$seconds"
run tests/soft/progress
exit $bad
