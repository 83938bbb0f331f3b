#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Whatever rdma-core's rdma_cma.h and rdma_verbs.h define, ours define with the same
# value, size and offset. The compiler judges: each word of theirs is tried as a
# function or constant, a tag, a type and a member of each struct; what their header
# makes of it, ours has to make of it, too. TAP-like lines.
srcdir=${srcdir:-.}
stock=${STOCK_INCLUDE:-/usr/include}
CC=${CC:-cc}
cat "$stock/rdma/rdma_cma.h" "$stock/rdma/rdma_verbs.h" >/dev/null 2>&1 || {
	echo "skipped: no rdma-core headers in $stock"
	exit 77
}
. "$srcdir/tests/tap.sh"

# compiler FLAGS...: with the headers that $headers names, before those of the system.
compiler() {
	# shellcheck disable=SC2086 # CC may have flags
	$CC -std=gnu11 -w -I"$headers" "$@"
}

# good TEMPLATE: those of the words on standard input with which TEMPLATE compiles, @
# being the word, or its parts @1 and @2 at a colon, and # its number. One line each, so
# that a complaint tells the word.
good() {
	cat >"$tmp/words"
	{
		echo '#include <rdma/rdma_verbs.h>'
		awk -F: -v template="$1" '{ text = template
			gsub(/@1/, $1, text); gsub(/@2/, $2, text)
			gsub(/@/, $0, text); gsub(/#/, NR, text); print text }' "$tmp/words"
	} >"$tmp/try.c"
	compiler -fmax-errors=0 -ftrack-macro-expansion=0 -fno-diagnostics-show-caret \
		-fsyntax-only "$tmp/try.c" 2>&1 |
		sed -n 's/^[^:]*try\.c:\([0-9]*\):.*error.*/\1/p' | sort -un >"$tmp/wrong"
	awk 'FILENAME ~ /wrong$/ { wrong[$1] = 1; next } !((FNR + 1) in wrong)' \
		"$tmp/wrong" "$tmp/words"
}

# What the headers make of $tmp/names and $tmp/members: a line each, with its value, its
# size or its place.
sorts() {
	good 'void f#(void) { (void)(@); }' <"$tmp/names" >"$tmp/values"
	good 'enum { c# = (@) };' <"$tmp/values" >"$tmp/constants"
	grep '^rdma_' "$tmp/names" | good 'int s#[sizeof(struct @)];' >"$tmp/structs"
	grep '^rdma_' "$tmp/names" | good 'int e#[sizeof(enum @)];' >"$tmp/enums"
	awk 'NR == FNR { structs[$1]; next } { for (s in structs) print s ":" $1 }' \
		"$tmp/structs" "$tmp/members" |
		good 'void f#(void) { (void)sizeof(((struct @1 *)0)->@2); }' >"$tmp/fields"
	{
		cat <<'END'
#include <rdma/rdma_verbs.h>
#include <stddef.h>
#include <stdio.h>
#define CONSTANT(c) printf("constant %s %lld\n", #c, (long long)(c));
#define SIZE(kind, t) printf("%s %s of %zu\n", #kind, #t, sizeof(kind t));
#define PLACE(s, m) \
	printf("member %s.%s at %zu, %zu\n", #s, #m, offsetof(struct s, m), \
	       sizeof(((struct s *)0)->m));
int main(void)
{
END
		sed 's/.*/CONSTANT(&)/' "$tmp/constants"
		sed 's/.*/SIZE(struct, &)/' "$tmp/structs"
		sed 's/.*/SIZE(enum, &)/' "$tmp/enums"
		sed 's/\(.*\):\(.*\)/PLACE(\1, \2)/' "$tmp/fields"
		echo 'return 0; }'
	} >"$tmp/show.c"
	compiler "$tmp/show.c" -o "$tmp/show" -Wl,--unresolved-symbols=ignore-all &&
		{ "$tmp/show" && sed 's/^/value /' "$tmp/values"; } | sort
}

# The words of a header without its comments.
words() {
	$CC -fpreprocessed -dD -E -P "$1" | grep -oE '\b[A-Za-z_][A-Za-z0-9_]*\b'
}

for header in rdma_cma rdma_verbs; do
	words "$stock/rdma/$header.h"
done | sort -u >"$tmp/all"
grep -E '^(rdma|RDMA|RAI)_' "$tmp/all" >"$tmp/names"
# Keywords and the inline functions' own would only be in the way.
grep -E '^[a-z][a-z0-9_]*$' "$tmp/all" | grep -vE '^(rdma|ibv)_' | grep -vxE \
	'do|else|enum|extern|for|if|inline|int|return|sizeof|static|struct|union|void|while' \
	>"$tmp/members"

headers=$stock
sorts >"$tmp/theirs" 2>"$tmp/log"
verdict $? "rdma-core's headers compile"
headers=$srcdir/include
sorts >"$tmp/ours" 2>"$tmp/log"
verdict $? "ours compile"
for kind in value constant struct enum member; do
	grep "^$kind " "$tmp/theirs" >"$tmp/some"
	grep "^$kind " "$tmp/ours" | comm -23 "$tmp/some" - >"$tmp/log"
	[ -s "$tmp/some" ] && ! [ -s "$tmp/log" ]
	verdict $? "$(wc -l <"$tmp/some") of the sort: $kind"
done
echo "1..$n"
exit $bad
