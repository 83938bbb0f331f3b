#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# librdmacm.so.1 exports what its version script says, with the versions of
# tests/librdmacm-symbols.txt, and lacks what docs/missing-symbols.md admits.
# libibverbs' symbols are looked at by check_ibv_symbols.sh.
# Run in the build directory; an argument names another library to look at.
srcdir=${srcdir:-.}
lib=${1:-.libs/librdmacm.so.1}
. "$srcdir/tests/missing.sh"
if ! [ -e "$lib" ]; then
	echo "skipped: $lib is not built"
	exit 77
fi
. "$srcdir/tests/tap.sh"

sort "$srcdir/tests/librdmacm-symbols.txt" >"$tmp/contract"
awk '/^RDMACM_/ { version = $1 } /^\t\t[a-z]/ { sub(/;/, ""); print version, $1 }' \
	"$srcdir/shim/librdmacm.map" | sort >"$tmp/map"
readelf -W --dyn-syms "$lib" >"$tmp/readelf" || exit 99
awk '$7 != "UND" && ($5 == "GLOBAL" || $5 == "WEAK") && $7 != "ABS" && NF >= 8 {
	at = index($8, "@")
	if (!at) print "unversioned", $8
	else { version = substr($8, at); sub(/^@+/, "", version)
	       print version, substr($8, 1, at - 1) } }' "$tmp/readelf" |
	grep -vE '^(IBVERBS_|unversioned ibv_query_gid_type$)' | sort >"$tmp/exported"

comm -23 "$tmp/exported" "$tmp/contract" >"$tmp/log"
report "nothing is exported that librdmacm does not export, in no other version"

diff "$tmp/map" "$tmp/exported" >"$tmp/log"
report "the exports are those of shim/librdmacm.map"

comm -13 "$tmp/exported" "$tmp/contract" >"$tmp/missing"
missing_in "$srcdir/docs/missing-symbols.md" | diff - "$tmp/missing" >"$tmp/log"
report "docs/missing-symbols.md lists what is missing"

# Those of 1.4 are to come; once the version script has the first, it must have all.
without_rsockets <"$tmp/missing" >"$tmp/log"
if [ -s "$tmp/log" ] && ! grep -qv '^RDMACM_1.4 ' "$tmp/log" &&
	! grep -q '^RDMACM_1.4 ' "$tmp/map"; then
	n=$((n + 1))
	echo "not ok $n - nothing but rsockets is missing # TODO the functions of RDMACM_1.4"
else
	report "nothing but rsockets is missing"
fi

if grep -q '<!-- missing-symbols -->' "$srcdir/README.md"; then
	missing_in "$srcdir/README.md" | diff - "$tmp/missing" >"$tmp/log"
	report "README.md lists what is missing"
fi

: >"$tmp/log"
for version in RDMACM_1.0 RDMACM_1.1 RDMACM_1.2 RDMACM_1.3 RDMACM_1.4; do
	awk -v v=$version '$7 == "ABS" && ($8 == v || $8 == v "@@" v) { found = 1 }
		END { exit !found }' "$tmp/readelf" || echo "$version" >>"$tmp/log"
done
report "each version is defined as an absolute symbol"

readelf -V "$lib" | awk '
	/Name: RDMACM_/ { sub(/.*Name: /, ""); own = $1; order = order own " " }
	/Parent 1: RDMACM_/ { order = order "<" $NF " " }
	END { if (order != "RDMACM_1.0 RDMACM_1.1 <RDMACM_1.0 RDMACM_1.2 <RDMACM_1.1 " \
		"RDMACM_1.3 <RDMACM_1.2 RDMACM_1.4 <RDMACM_1.3 ") print order }' >"$tmp/log"
report "each version inherits the one before"

readelf -d "$lib" | grep -q 'SONAME.*\[librdmacm.so.1\]' && : >"$tmp/log" ||
	readelf -d "$lib" | grep SONAME >"$tmp/log"
report "the soname is librdmacm.so.1"

echo "1..$n"
exit $bad
