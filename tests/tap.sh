# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Sourced by the checks: a folder for what they find, and the lines of TAP that they say of it.
# They end with: exit $bad
# shellcheck shell=sh

tmp=$(mktemp -d) || exit 99
trap 'rm -rf "$tmp"' EXIT
n=0
bad=0

# verdict STATUS NAME: what $tmp/log holds is shown if STATUS is not 0.
verdict() {
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $n - $2"
	else
		echo "not ok $n - $2"
		sed 's/^/# /' "$tmp/log"
		bad=1
	fi
}

# report NAME: what $tmp/log holds is wrong. Empty afterwards.
report() {
	! [ -s "$tmp/log" ]
	verdict $? "$1"
	: >"$tmp/log"
}
