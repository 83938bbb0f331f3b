#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# The hardening of what was built, read from the files themselves, and whether SECURITY.md
# names tests that exist. Run in the build directory; TAP. What cannot hold under a
# sanitizer, or with this compiler, is skipped and says why.
srcdir=${srcdir:-.}
cc=$(sed -n 's/^CC = //p' Makefile 2>/dev/null)
flags=$(sed -n 's/^IW_CFLAGS = //p' Makefile 2>/dev/null)
read -ra CC <<<"${cc:-cc}"
lib=.libs/librdmacm.so.1

plan() {
	echo "1..$n"
	exit $bad
}
skip() {
	n=$((n + 1))
	echo "ok $n - $1 # SKIP $2"
}
has_flag() {
	[[ " $flags " == *" $1 "* ]]
}

if ! [ -e "$lib" ] || [ -z "$flags" ]; then
	echo "1..0 # SKIP $lib is not built here"
	[ -z "$CI" ] || exit 1
	exit 77
fi
command -v readelf objdump nm ar >/dev/null || {
	echo "1..0 # SKIP no binutils"
	[ -z "$CI" ] || exit 1
	exit 77
}
. "$srcdir/tests/tap.sh"
sanitizer=
has_flag -fsanitize=thread && sanitizer=TSan
[[ " $flags " == *-fsanitize=*address* ]] && sanitizer=ASan
coverage=
[[ " $flags " == *" --coverage "* ]] && coverage=yes

# ---- any ELF file that is loaded: libraries and programs

dynamic() {
	readelf -W -d "$1"
}
check_linked() {
	local file=$1 segments
	segments=$(readelf -W -l "$file")
	[[ $segments == *GNU_RELRO* ]] || echo "$file: no GNU_RELRO" >>"$tmp/log"
	[[ $segments =~ GNU_STACK[^$'\n']*RW[[:space:]] ]] ||
		echo "$file: its stack may be executable" >>"$tmp/log"
	grep -qE '\((BIND_NOW|FLAGS|FLAGS_1)\).*(NOW|$)' <(dynamic "$file" | grep -E 'BIND_NOW|NOW') ||
		echo "$file: not BIND_NOW" >>"$tmp/log"
	dynamic "$file" | grep -q TEXTREL && echo "$file: TEXTREL" >>"$tmp/log"
	segments=$(grep -E '^ *LOAD.* RWE ' <<<"$segments")
	[ -z "$segments" ] || echo "$file: a segment is both writable and executable" >>"$tmp/log"
}
check_linked "$lib"
report "librdmacm.so.1: RELRO, BIND_NOW, no executable stack, no TEXTREL, nothing both writable and executable"

# The test's own programs are linked with the same flags, and stand for what users link.
for file in .libs/* tests/.libs/* tests/*; do
	[ -f "$file" ] && [ ! -L "$file" ] || continue
	case $file in *.so | *.so.*.*.*) ;; *.*) continue ;; esac
	head -c 4 "$file" | grep -q ELF || continue
	readelf -h "$file" | grep -qE 'Type: +(DYN|EXEC)' || continue
	case $file in */headers_* | */rdmacm_abi*) continue ;; esac # by no flags of ours
	check_linked "$file"
	linked=$((${linked:-0} + 1))
done
report "${linked:-0} libraries and programs of the build are linked so"

# ---- what the compiler did

readelf -W --dyn-syms "$lib" >"$tmp/symbols"
wants() {
	grep -qE " $1(@|\$| )" "$tmp/symbols" || echo "$lib does not use $1" >>"$tmp/log"
}
if has_flag -fstack-protector-strong; then
	wants __stack_chk_fail
	report "stack protector"
else
	skip "stack protector" "the compiler has no -fstack-protector-strong"
fi

if [ -n "$sanitizer" ]; then
	skip "FORTIFY" "$sanitizer looks at these functions itself"
elif ! has_flag -D_FORTIFY_SOURCE=2; then
	skip "FORTIFY" "without optimisation it does nothing"
else
	wants __snprintf_chk
	wants __vsnprintf_chk
	grep -qE ' (sprintf|vsprintf|strcpy|strcat|gets)@' "$tmp/symbols" &&
		echo "unchecked: $(grep -oE ' (sprintf|vsprintf|strcpy|strcat|gets)@.*' "$tmp/symbols" | xargs)" >>"$tmp/log"
	report "FORTIFY: printing into buffers is checked, and nothing prints or copies without a limit"
fi

cat >"$tmp/f.c" <<-END
	int f(char *s) { char b[64]; __builtin_strncpy(b, s, 63); return b[3]; }
END
cet_of() {
	readelf -n "$1" 2>/dev/null | grep -c 'x86 feature:.*IBT.*SHSTK'
}
if ! has_flag -fcf-protection || ! "${CC[@]}" -fcf-protection -c "$tmp/f.c" -o "$tmp/f.o" 2>/dev/null ||
	[ "$(cet_of "$tmp/f.o")" = 0 ]; then
	skip "CET: every object is compiled for IBT and SHSTK" "neither this compiler nor this processor has it"
	skip "CET: the library says so" "see above"
else
	for archive in .libs/libiw*.a; do
		objects=$(ar t "$archive" | wc -l)
		[ "$(cet_of "$archive")" = "$objects" ] ||
			echo "$archive: $(cet_of "$archive") of $objects objects" >>"$tmp/log"
	done
	report "CET: every object is compiled for IBT and SHSTK"
	"${CC[@]}" -fcf-protection -fPIC -shared "$tmp/f.c" -o "$tmp/f.so"
	if [ "$(cet_of "$tmp/f.so")" = 0 ]; then
		skip "CET: the library says so" "the C library's start files here are not built for it"
	else
		[ "$(cet_of "$lib")" != 0 ] || echo "$lib: no x86 feature note" >>"$tmp/log"
		report "CET: the library says so"
	fi
fi

if has_flag -fstack-clash-protection; then
	echo 'void g(char *); void f(void); void f(void) { char b[100000]; g(b); }' >"$tmp/g.c"
	"${CC[@]}" -O2 -fstack-clash-protection -c "$tmp/g.c" -o "$tmp/g.o"
	objdump -d "$tmp/g.o" | grep -qE 'or[lq]? +\$0x0,|movq? +\$0x0,' && probes=yes
fi
if [ -z "${probes-}" ] || [ -n "$sanitizer$coverage" ]; then
	skip "stack clash protection" "the compiler puts no probe that can be seen here"
else
	# A page or more on the stack (PATH_MAX) is touched page by page.
	objdump -d --no-show-raw-insn "$lib" | awk '
		/^[0-9a-f]+ <.*>:$/ { name = $2; frame = 0 }
		/sub +\$0x[0-9a-f]+,%rsp/ {
			match($0, /\$0x[0-9a-f]+/); hex = substr($0, RSTART + 3, RLENGTH - 3)
			if (length(hex) > 4 && hex !~ /^ffffffff/) print name, "takes", hex, "bytes in one step" }' >"$tmp/log"
	objdump -d --no-show-raw-insn "$lib" | grep -qE '(or[lq]?|movq?) +\$0x0,(0x[0-9a-f]+)?\(%rsp\)' ||
		echo "$lib: no probe of the stack" >>"$tmp/log"
	report "stack clash protection: no frame steps over a guard page"
fi

# ---- what is installed

make -s install DESTDIR="$tmp/root" >"$tmp/install.log" 2>&1 || {
	cat "$tmp/install.log" >>"$tmp/log"
	report "make install"
}
here=$(pwd -P)
find "$tmp/root" -type f >"$tmp/files"
installed=0
while read -r file; do
	if head -c 4 "$file" | grep -q ELF; then
		installed=$((installed + 1))
		dynamic "$file" | grep -E 'RPATH|RUNPATH' | grep -v '\[/usr/lib' |
			sed "s|^|${file#"$tmp/root"}: |" >>"$tmp/log"
	elif grep -qF -e "$here" -e "$tmp" "$file"; then
		echo "${file#"$tmp/root"} names the build folder" >>"$tmp/log"
	fi
	[ -n "$(find "$file" -perm /6022)" ] &&
		echo "${file#"$tmp/root"}: mode $(stat -c %a "$file")" >>"$tmp/log"
done <"$tmp/files"
[ $installed -gt 0 ] || echo "no ELF file is installed" >>"$tmp/log"
report "installed files ($installed ELF): no RPATH or RUNPATH, no path of the build, writable by the owner only, not setuid"

# check_symbols.sh and check_ibv_symbols.sh compare names and versions; this says: nothing else.
awk '/^\t\t?[a-z_0-9]+;/ { gsub(/[\t;]/, ""); print }' verbs/exports.map | sort -u >"$tmp/map"
# ibv_query_gid_type has a version that is no map's: verbs/ibv_device.c.
awk '$7 != "UND" && ($5 == "GLOBAL" || $5 == "WEAK") && $7 != "ABS" && NF >= 8 {
	sub(/@.*/, "", $8); if ($8 != "ibv_query_gid_type") print $8 }' "$tmp/symbols" |
	sort -u >"$tmp/exported"
diff "$tmp/map" "$tmp/exported" | grep '^[<>]' >"$tmp/log"
report "the exports are exactly those of the version script ($(wc -l <"$tmp/exported"))"

# ---- SECURITY.md

# `tests/file` and `tests/file: name` (fuzz/ likewise): each file is there, and has each test.
tests_named() {
	grep -oE '`(tests|fuzz)/[^`]+`' "$srcdir/SECURITY.md" | tr -d '`' | sort -u
}
named=0
while IFS= read -r entry; do
	file=${entry%%: *} name=${entry#*: }
	named=$((named + 1))
	if ! [ -e "$srcdir/$file" ]; then
		echo "$file is not there" >>"$tmp/log"
	elif [ "$name" != "$entry" ] && ! grep -qF -e "$name" "$srcdir/$file"; then
		echo "$file has no $name" >>"$tmp/log"
	fi
done < <(tests_named)
[ $named -ge 50 ] || echo "only $named tests are named" >>"$tmp/log"
report "SECURITY.md: the $named tests that it names exist"

# Each row of its tables of promises ends in such a test.
awk -F'|' '/^\| Promise/ { promises = 1; next } /^$/ { promises = 0 }
	promises && /^\| / { n++; if ($(NF - 1) !~ /`(tests|fuzz)\//) print "no test: " $2 }
	END { if (n < 25) print n + 0, "promises only" }' "$srcdir/SECURITY.md" >"$tmp/log"
report "SECURITY.md: each promise names its test"
plan
