#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# base/fault.h reaches all that can fail. What can fail is read from the object
# files (their imports, by tests/fault-calls.txt); where it is called, from the
# sources: each such call spends an iw_fault() that stands before it in the same
# function. A call without one stands in tests/fault-exempt.txt with a reason.
# TAP. usage: check_faults.sh [-l], -l lists the calls that spend none
srcdir=${srcdir:-.}
folders='base iwcm-core netlink driver verbs shim'
calls=$srcdir/tests/fault-calls.txt
exempt=$srcdir/tests/fault-exempt.txt
. "$srcdir/tests/tap.sh"

# The names of class $1, as one regular expression.
pattern() {
	awk -v class="$1" '$1 == class { for (i = 2; i <= NF; i++) print $i }' "$calls" |
		sed 's/\*/[A-Za-z0-9_]*/g' | paste -sd'|' | sed 's/^/^(/;s/$/)$/'
}
faulty=$(pattern faulty)
known="$faulty|$(pattern safe)|$(pattern neutral)"

# Lines "file function call FREE" or "... COVERED", one for each call.
sources() {
	for folder in $folders; do
		find "$srcdir/$folder" -name '*.[ch]'
	done | sort | xargs awk -v faulty="$faulty" -v asks="$(pattern asks)" -v root="$srcdir/" -f "$srcdir/tests/fault-scan.awk"
}
sources >"$tmp/calls"
if [ "${1:-}" = -l ]; then
	grep ' FREE$' "$tmp/calls"
	exit
fi

# ---- what is imported

for folder in $folders; do
	[ ! -d "$folder" ] || find "$folder" -name '*.o' -path '*/.libs/*'
done >"$tmp/objects"
if [ -s "$tmp/objects" ]; then
	xargs nm --defined-only <"$tmp/objects" 2>/dev/null | awk 'NF == 3 { print $3 }' |
		sort -u >"$tmp/ours"
	xargs nm -A -u <"$tmp/objects" | sed 's/^\([^:]*\):.* \([^ ]*\)$/\1 \2/' |
		sed 's/ __\([a-z0-9]*\)_chk$/ \1/; s/ __\(open[a-z0-9]*\)_2$/ \1/' |
		awk 'FILENAME == ARGV[1] { ours[$1]; next } !($2 in ours)' "$tmp/ours" - >"$tmp/imports"
	cut -d' ' -f2 "$tmp/imports" | sort -u | grep -vE "$known" >"$tmp/log"
	report "each of $(cut -d' ' -f2 "$tmp/imports" | sort -u | wc -l) imported functions is classified"

	# A call that the scan of the sources does not see: made by a macro, a table.
	cut -d' ' -f3 "$tmp/calls" | sort -u >"$tmp/seen"
	cut -d' ' -f2 "$tmp/imports" | sort -u | grep -E "$faulty" |
		comm -23 - "$tmp/seen" >"$tmp/log"
	report "the sources show each imported function that can fail"
else
	echo "ok $((n += 1)) - # SKIP nothing is built here"
fi

# ---- where it is called

grep -v '^#' "$exempt" | awk 'NF { print $1, $2, $3 }' | sort >"$tmp/excused"
grep ' FREE$' "$tmp/calls" | sed 's/ FREE$//' | sort -u >"$tmp/free"
comm -23 "$tmp/free" "$tmp/excused" >"$tmp/log"
report "$(grep -c ' COVERED$' "$tmp/calls") calls that can fail come behind iw_fault(); the rest is excused"
comm -13 "$tmp/free" "$tmp/excused" >"$tmp/log"
report "each of $(wc -l <"$tmp/excused") excuses has its call"
grep -v '^#' "$exempt" | awk 'NF && NF < 5' >"$tmp/log"
report "each excuse gives a reason"
uniq -d "$tmp/excused" >"$tmp/log"
report "no excuse stands twice"

awk '$3 ~ /^(malloc|calloc|realloc.*|str.*dup|v?asprintf|aligned_alloc|posix_memalign|mmap)$/ &&
	$1 != "base/fault.c"' "$tmp/calls" >"$tmp/log"
report "memory comes from iw_calloc() alone"
echo "1..$n"
exit $bad
