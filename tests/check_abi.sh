#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# librdmacm.so.1 in the place of the system's, as libabigail sees it: no function lost
# but those of docs/missing-symbols.md, no public type or prototype changed, and what
# Debian's programs import is there. The system's library has no debug information, so
# types are compared by a small library that uses each once, built by its headers and
# by ours. Run in the build directory; TAP-like lines.
srcdir=${srcdir:-.}
CC=${CC:-cc}
. "$srcdir/tests/missing.sh"
lib=.libs/librdmacm.so.1
includes=${STOCK_INCLUDE:-/usr/include}

# What is missing on a developer's machine is a fault of a CI.
skip() {
	echo "skipped: $1"
	[ "${CI-}" = true ] && [ "$2" = needed ] && exit 1
	exit 77
}
[ -e $lib ] || skip "$lib is not built"
nm -D $lib 2>/dev/null | grep -qE '__(asan|tsan)_init' && skip "built with a sanitizer"
command -v abidiff >/dev/null || skip "no abidiff (abigail-tools)" needed
[ -e "$includes/rdma/rdma_cma.h" ] || skip "no headers of rdma-core (librdmacm-dev)" needed
stock=$({ PATH=$PATH:/sbin:/usr/sbin ldconfig -p; } 2>/dev/null |
	awk '$1 == "librdmacm.so.1" { print $NF; exit }')
[ -e "$stock" ] || skip "no librdmacm.so.1 of the system (librdmacm1)" needed
. "$srcdir/tests/tap.sh"

# ---- functions and their versions

# exports_of LIBRARY: "VERSION symbol" lines.
exports_of() {
	readelf -W --dyn-syms "$1" | awk '$7 != "UND" && $7 != "ABS" && $8 ~ /@/ {
		split($8, part, /@+/); print part[2], part[1] }' | sort
}
exports_of "$stock" | grep '^RDMACM_' >"$tmp/stock"
exports_of $lib >"$tmp/ours"
missing_in "$srcdir/docs/missing-symbols.md" >"$tmp/missing"

[ -s "$tmp/stock" ] || echo "none found in $stock" >"$tmp/log"
report "the system's library has versioned symbols"

comm -23 "$tmp/stock" "$tmp/ours" | comm -23 - "$tmp/missing" >"$tmp/log"
report "no function and no version of $stock is missing without being listed"

without_rsockets <"$tmp/missing" | comm -12 "$tmp/stock" - >"$tmp/log"
report "of those that it has only rsockets are listed"

# By abidiff: 12 is "incompatible", for the functions that are removed.
abidiff --no-added-syms "$stock" $lib >"$tmp/abidiff" 2>&1
[ $(($? & 3)) -eq 0 ] || cat "$tmp/abidiff" >"$tmp/log"
report "abidiff can compare them"

awk '/\[D\]/ { split($2 == "'\''function" ? "" : $2, part, /@+/); if (part[1] != "") print part[2], part[1] }
	/\[C\]/ { print "changed:", $0 }
	/\[D\] .function/ { print "removed:", $0 }' "$tmp/abidiff" |
	sort | comm -23 - "$tmp/missing" >"$tmp/log"
report "abidiff finds no function removed or changed but those that are listed"

# ---- types and prototypes

# What rdma-core's headers have that is ours to give: functions, inline ones, types.
headers="$includes/rdma/rdma_cma.h $includes/rdma/rdma_verbs.h"
uses() {
	echo '#include <rdma/rdma_verbs.h>'
	# shellcheck disable=SC2086 # two headers
	cat $headers | grep -oE '\brdma_[a-z0-9_]+\(' | tr -d '(' | sort -u |
		while read -r name; do echo "__typeof__(&$name) use_$name;"; done
	# shellcheck disable=SC2086
	cat $headers | sed -nE 's/^(struct|enum) ([a-z0-9_]+) \{/\1 \2 use_\2;/p' | sort -u
}
uses >"$tmp/use.c"

# build_uses OUTPUT FLAGS...
build_uses() {
	output=$1
	shift
	# shellcheck disable=SC2086 # CC may have flags
	$CC -g -shared -fPIC -w "$@" "$tmp/use.c" -o "$tmp/$output" >"$tmp/log" 2>&1
}

build_uses stock.so -isystem "$includes" && : >"$tmp/log"
report "a library that uses $(grep -c use_ "$tmp/use.c") declarations builds with rdma-core's headers"
build_uses ours.so -I"$srcdir/include" && : >"$tmp/log"
report "and with ours"
# Without harmless changes: an enumerator more, members of a union in another order.
abidiff "$tmp/stock.so" "$tmp/ours.so" >"$tmp/log" 2>&1 && : >"$tmp/log"
report "abidiff finds no type or prototype changed"

# mutant NAME SED-EXPRESSION: the same comparison notices it.
mutant() {
	rm -rf "$tmp/mutant" && mkdir "$tmp/mutant" && cp -r "$srcdir/include/rdma" "$tmp/mutant"
	chmod -R u+w "$tmp/mutant"
	sed -i -E "$2" "$tmp/mutant/rdma/rdma_cma.h"
	if cmp -s "$srcdir/include/rdma/rdma_cma.h" "$tmp/mutant/rdma/rdma_cma.h"; then
		echo "nothing was changed" >"$tmp/log"
	elif build_uses mutant.so -I"$tmp/mutant" &&
		! abidiff "$tmp/stock.so" "$tmp/mutant.so" >"$tmp/out" 2>&1; then
		: >"$tmp/log"
	else
		echo "not noticed" >>"$tmp/log"
	fi
	report "a mutant is caught: $1"
}
mutant "a wider member" 's/uint8_t([[:space:]]+)responder_resources/uint16_t\1responder_resources/'
mutant "a member of another sign" 's/uint8_t([[:space:]]+)responder_resources/int8_t\1responder_resources/'
mutant "an event's number" 's/(RDMA_CM_EVENT_DISCONNECTED) = 10,/\1 = 42,/'
mutant "a parameter's type" 's/^(int rdma_listen\(struct rdma_cm_id \*id, )int /\1long /'

# ---- programs

# Those of rdmacm-utils, bound as the loader binds them; abicompat 2.2 cannot open a
# program without debug information.
for name in rping ucmatose cmtime udaddy mckey rdma_client rdma_server rdma_xclient rdma_xserver; do
	program=$(command -v $name) || continue
	readelf -W --dyn-syms "$program" | awk '$7 == "UND" && $8 ~ /@RDMACM_/ {
		split($8, part, /@+/); print part[2], part[1] }' | sort >"$tmp/wants"
	[ -s "$tmp/wants" ] || echo "imports nothing" >"$tmp/log"
	comm -23 "$tmp/wants" "$tmp/ours" >>"$tmp/log"
	report "all $(grep -c . "$tmp/wants") imports of $name are there"
done

echo "1..$n"
exit $bad
