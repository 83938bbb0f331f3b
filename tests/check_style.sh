#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# The points of style that a reviewer had to raise once (docs/review.md), and the
# formatter where it is installed. TAP-like lines.
srcdir=${srcdir:-.}
n=0
bad=0

# check NAME AWK-PROGRAM: the program prints what is wrong.
check() {
	n=$((n + 1))
	found=$(find "$srcdir/base" "$srcdir/iwcm-core" "$srcdir/netlink" "$srcdir/driver" \
		"$srcdir/shim" "$srcdir/verbs" -name '*.[ch]' -exec awk "$2" {} +)
	if [ -z "$found" ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		echo "$found" | sed 's/^/# /'
		bad=1
	fi
}

check blank-before-brace '
	FNR == 1 { last = "x" }
	/^[ \t]*}/ && last ~ /^[ \t]*$/ { print FILENAME ":" FNR }
	{ last = $0 }'
check return-at-the-end-of-void '
	/^}/ && last ~ /^\treturn;$/ { print FILENAME ":" FNR }
	{ last = $0 }'
check unlock-on-both-branches '
	FNR == 1 { two = one = "" }
	one ~ /else$/ && /iw_unlock\(/ && two ~ /iw_unlock\(/ { print FILENAME ":" FNR }
	{ two = one; one = $0 }'
check comment-text-on-the-opening-line '
	/^[ \t]*\/\*[^*]/ && !/\*\// { print FILENAME ":" FNR }'

n=$((n + 1))
if command -v clang-format >/dev/null; then
	if find "$srcdir/iwcm-core" "$srcdir/base" -name '*.[ch]' -exec \
		clang-format --dry-run -Werror {} + 2>/dev/null; then
		echo "ok $n - formatted"
	else
		echo "not ok $n - clang-format would change something in iwcm-core or base"
		bad=1
	fi
else
	echo "ok $n - # SKIP clang-format is not installed"
fi
exit $bad
