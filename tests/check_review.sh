#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# docs/review.md answers all 26 points of the review, and what it names exists:
# tests as suite/name or as the check of a script, functions as file:function.
srcdir=${srcdir:-.}
doc=$srcdir/docs/review.md
n=0
bad=0

report() {
	n=$((n + 1))
	if [ -z "$2" ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		echo "$2" | sed 's/^/# /'
		bad=1
	fi
}

rows=$(grep -cE '^\| [0-9]+ \|' "$doc")
report "26 rows" "$([ "$rows" = 26 ] || echo "there are $rows")"
report "numbered from 1 to 26" "$(for i in $(seq 26); do
	grep -q "^| $i |" "$doc" || echo "row $i is missing"
done)"
report "each row names a test" "$(grep -E '^\| [0-9]+ \|' "$doc" |
	grep -vE '`(iw_[a-z]+/[a-z0-9_]+|tests/check_[a-z]+\.sh)`')"

missing=
for name in $(grep -oE '`iw_[a-z]+/[a-z0-9_]+`' "$doc" | tr -d '`' | sort -u); do
	grep -qE "^Test\(${name%/*}, ${name#*/}[,)]" "$srcdir"/tests/*.c ||
		missing="$missing $name"
done
report "the tests exist" "$missing"

missing=
for name in $(grep -oE '`tests/check_style\.sh` [a-z-]+' "$doc" | tr -d '`' | tr ' ' ':'); do
	grep -q "^check ${name#*:} " "$srcdir/${name%:*}" || missing="$missing $name"
done
report "the checks of style exist" "$missing"

missing=
for name in $(grep -oE '`[a-z_]+\.[ch]:[a-z_]+`' "$doc" | tr -d '`' | sort -u); do
	file=$srcdir/iwcm-core/${name%:*}
	grep -qE "\b${name#*:}\b" "$file" 2>/dev/null || missing="$missing $name"
done
report "the functions exist" "$missing"
exit $bad
