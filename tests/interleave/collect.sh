#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# collect.sh ARCHIVE OBJECT: the members of ARCHIVE as one object, with all data
# that they can write to in the section il_state.
set -eu
archive=$1
object=$2
tmp=$object.tmp

${LD:-ld} -r --whole-archive -o "$tmp" "$archive"
set --
for section in .data .data.rel .data.rel.local .bss; do
	set -- "$@" --set-section-flags "$section=alloc,load,contents,data" \
		--rename-section "$section=il_state,alloc,load,contents,data"
done
${OBJCOPY:-objcopy} "$@" "$tmp" "$object"
rm -f "$tmp"

# What is left and can be written to would keep its value from schedule to schedule.
left=$(${READELF:-readelf} -SW "$object" | sed 's/\[ */[/' |
	awk '$1 ~ /^\[[0-9]/ && $8 ~ /W/ && $2 != "il_state" &&
		$2 !~ /^\.data\.rel\.ro|^\.init_array|^\.fini_array|^asan_|^\.t(bss|data)/ &&
		$6 !~ /^0+$/ { print $2 }')
if [ -n "$left" ]; then
	echo "$object: data outside of il_state: $left" >&2
	rm -f "$object"
	exit 1
fi
