#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# What librdmacm.so.1 exports of libibverbs, and in which versions; what it needs
# of the real one. Run in the build directory; TAP-like lines.
srcdir=${srcdir:-.}
lib=.libs/librdmacm.so.1
skip() {
	echo "skipped: $1"
	exit 77
}
[ -e $lib ] || skip "$lib is not built"
nm -D $lib 2>/dev/null | grep -q ' ibv_get_device_list' || skip "no entry points in it"
real=$(readelf -d $lib | sed -n 's,.*(NEEDED).*\[\(/.*libibverbs\.so\.1\)\],\1,p')
. "$srcdir/tests/tap.sh"

# "symbol version" lines, the default versions alone.
exports() {
	nm -D --defined-only "$1" | awk '$2 ~ /[TW]/ && $3 ~ /@@IBVERBS_/ {
		split($3, part, "@@"); print part[1], part[2] }' | sort
}

[ -n "$real" ] && : >"$tmp/log" || readelf -d $lib | grep NEEDED >"$tmp/log"
report "the real libibverbs is needed by its absolute path"

readelf -d $lib | grep -F '[libibverbs.so.1]' >"$tmp/log"
report "and not by its name"

exports $lib >"$tmp/ours"
exports "${real:-/dev/null}" >"$tmp/real"
comm -23 "$tmp/ours" "$tmp/real" >"$tmp/log"
# Newer than an old libibverbs of this machine.
if ! grep -q 'IBVERBS_1.14$' "$tmp/real"; then
	grep -vE 'IBVERBS_1\.1[0-9]$' "$tmp/log" >"$tmp/log2"
	mv "$tmp/log2" "$tmp/log"
fi
report "each symbol has the version that it has in the real libibverbs"

awk '/^IBVERBS_/ { version = $1 } /^\t\t[a-z_]/ { sub(/;/, ""); print $1, version }' \
	"$srcdir/verbs/libibverbs.map" | sort | diff - "$tmp/ours" >"$tmp/log"
report "the exports are those of verbs/libibverbs.map"

i=33
while [ $i -le 99 ]; do echo ibv_query_gid_type@IBVERBS_PRIVATE_$i && i=$((i + 1)); done |
	sort >"$tmp/private"
readelf -W --dyn-syms $lib | awk '$8 ~ /^ibv_query_gid_type/ { print $8 }' | sort |
	diff "$tmp/private" - >"$tmp/log"
report "what each release asks for by another version has them all"

readelf -W --dyn-syms $lib | awk '$7 == "ABS" { sub(/@.*/, "", $8); print $8 }' | sort >"$tmp/have"
{
	i=0
	while [ $i -le 40 ]; do echo IBVERBS_1.$i && i=$((i + 1)); done
	i=33
	while [ $i -le 99 ]; do echo IBVERBS_PRIVATE_$i && i=$((i + 1)); done
} | sort | comm -23 - "$tmp/have" >"$tmp/log"
report "all versions that others may ask of libibverbs are there"

nm -D --undefined-only $lib | awk '{ sub(/@.*/, "", $2); print $2 }' |
	grep -E '^(_?ibv_|verbs_|soft_|shim_|iw_|nl_link|nl_route|nl_neigh|rdma_)' >"$tmp/log"
[ -n "$real" ] && nm -D --defined-only "$real" | awk '{ sub(/@.*/, "", $3); print $3 }' |
	sort -u >"$tmp/names" && sort "$tmp/log" | comm -23 - "$tmp/names" >"$tmp/log2" &&
	mv "$tmp/log2" "$tmp/log"
report "nothing is left undefined but what the real libibverbs has"

nm -D --defined-only tools/librdmacm-link.so | awk '$2 ~ /[TW]/ { print $3 }' |
	grep -v '@@RDMACM_1\.' >"$tmp/log"
report "the library to link with has RDMACM versions alone"

echo "1..$n"
exit $bad
