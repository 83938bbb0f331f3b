#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Bad input of every kind to every call, on the software device: an error each, never a crash or
# a hang, and nothing lost by it. TAP.
#   bad_input.sh [-b BUILD] [-o REGEX]: groups of cases whose name matches
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

prepare
program=$build/tests/soft/bad_input
[ -x "$program" ] || skip_all "$program is not built (make check-progs)"
ADDR=$(ip -4 -o addr show scope global 2>/dev/null |
	awk '{ sub("/.*", "", $4); print $4; exit }')
# Our library is linked with the program. The loopback address names no one address.
export ADDR=${ADDR:-127.0.0.1} DEV=soft IWSHIM_DEVICE=soft
timeout -k 2 120 "$program" >"$work/out" 2>"$work/err"
status=$?
while IFS= read -r line; do
	text=${line#not }
	text=${text#ok }
	chosen "$text" || continue
	case $line in
	"ok "*) ok "$text" ;;
	"not ok "*) not_ok "$text" ;;
	*) echo "$line" ;;
	esac
done <"$work/out"
if [ "$status" -gt 1 ] || ! grep -q '^# .* cases' "$work/out"; then
	not_ok "bad_input comes to its end: status $status"
	sed 's/^/# /' "$work/err" | tail -n 5
fi
done_testing
