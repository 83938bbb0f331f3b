#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# A program of tests/soak in a network of its own, if one can be had: its ports in TIME_WAIT
# disturb nobody, and nobody's disturb it. TAP.
#   run.sh [-b BUILD] soak|many [ARGUMENT...]
build=$PWD
if [ "$1" = -b ]; then
	build=$(cd "$2" && pwd) || exit 2
	shift 2
fi
program=$build/tests/soak/$1
shift
[ -x "$program" ] || {
	[ "${CI-}" != true ] || {
		echo "not ok 1 - $program is not built"
		exit 1
	}
	echo "1..0 # SKIP $program is not built"
	exit 0
}
for how in "unshare -n" "unshare -rn"; do
	# shellcheck disable=SC2086
	if $how ip link set lo up 2>/dev/null; then
		# shellcheck disable=SC2016
		exec $how sh -c 'ip link set lo up && exec "$0" "$@"' "$program" "$@"
	fi
done
echo "# no network namespace can be had: in the network of this machine"
exec "$program" "$@"
