#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# The manual: a page for every function, pages that mandoc and man(1) take without a
# word, references that lead somewhere, synopses that agree with the headers, and whole
# programs that compile and, on the software device, run. Run in the build directory;
# TAP-like lines. The pages are laid out as they will be installed first.
# shellcheck disable=SC2086 # lists of words
case ${srcdir:=.} in
/*) ;;
*) srcdir=$PWD/$srcdir ;;
esac
build=$PWD
man=$srcdir/man
include=$srcdir/include
# Pages of others that ours may refer to.
others="bind(2) connect(2) epoll(7) errno(3) execve(2) fcntl(2) fork(2) gai_strerror(3)
	getaddrinfo(3) ibv_devices(1) ip(7) ipv6(7) ld.so(8) listen(2) malloc(3) netlink(7)
	nsswitch.conf(5) poll(2) pthreads(7) rdma(8) rdma-link(8) rping(1) select(2) signal(7)
	socket(7) ss(8) tcp(7) ucmatose(1)"

for tool in mandoc man gcc; do
	$tool --version >/dev/null 2>&1 || command -v $tool >/dev/null || {
		echo "skipped: no $tool here"
		[ "${CI-}" = true ] && exit 1
		exit 77
	}
done
. "$srcdir/tests/tap.sh"
for section in 1 3 7; do
	mkdir -p "$tmp/man$section"
	cp "$man"/*.$section "$tmp/man$section"
done

# among WORD WORDS...
among() {
	word=$1
	shift
	for w in "$@"; do
		[ "$w" = "$word" ] && return 0
	done
	return 1
}

# Every folder and file name in $tmp, as .so wants them.
pages() {
	(cd "$tmp" && ls man1/* man3/* man7/*)
}

functions() {
	sed -n 's/^\t\t\(r[a-z_]*\);$/\1/p' "$srcdir/shim/librdmacm.map"
	sed -n 's/^static inline .*\<\(rdma_[a-z_]*\)(.*/\1/p' "$include"/rdma/rdma_cma.h \
		"$include"/rdma/rdma_verbs.h | grep -v '^iw_'
}

target_of() {
	sed -n 's/^\.so //p' "$tmp/$1"
}

# section NAME FILE
section() {
	awk -v name="$1" '/^\.SH/ { on = ($0 == ".SH " name || $0 == ".SH \"" name "\"") ; next }
		on' "$tmp/$2"
}

# References as "name(section)".
references() {
	sed -n 's/^\.BR \([A-Za-z][A-Za-z0-9_.\\-]*\) (\([1-9]\)).*/\1(\2)/p' "$tmp/$1" |
		sed 's/\\-/-/g' | sort -u
}

: >"$tmp/log"
functions | sort -u >"$tmp/functions"
[ "$(wc -l <"$tmp/functions")" -gt 50 ] || echo "found too few functions" >"$tmp/log"
while read -r f; do
	[ -e "$tmp/man3/$f.3" ] || echo "man/$f.3 is missing"
done <"$tmp/functions" >>"$tmp/log"
report "every function has a page"

grep -oE 'man/[a-z_]+\.[137]' "$man/local.mk" | sort >"$tmp/listed"
(cd "$srcdir" && ls man/*.[137]) | diff "$tmp/listed" - >"$tmp/log"
report "man/local.mk lists what is in man/"

for page in $(pages); do
	head -1 "$tmp/$page" | grep -qF '.\" SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only' ||
		echo "$page: no licence in line 1"
	awk -v page="$page" 'length($0) >= 100 { print page ":" FNR ": " length($0) " columns" }
		/[ \t]$/ { print page ":" FNR ": blank at the end" }' "$tmp/$page"
done >"$tmp/log"
report "licences and widths"

for page in $(pages); do
	target=$(target_of "$page")
	[ -z "$target" ] || {
		[ -e "$tmp/$target" ] || echo "$page: no $target"
		[ -z "$(target_of "$target" 2>/dev/null)" ] || echo "$page: $target is no page itself"
		continue
	}
	for name in NAME SYNOPSIS DESCRIPTION "SEE ALSO"; do
		[ -n "$(section "$name" "$page")" ] || echo "$page: no $name"
	done
done >"$tmp/log"
report "sections and .so targets"

for page in $(pages); do
	name=$(basename "$page" | sed 's/\.[137]$//')
	target=$(target_of "$page")
	section NAME "${target:-$page}" | sed 's/\\-.*//' | tr -d ' \n' | tr , '\n' |
		grep -qx "$name" || echo "$page: not named in NAME of ${target:-itself}"
done >"$tmp/log"
report "NAME lists each name that leads to the page"

for page in $(pages); do
	for ref in $(references "$page"); do
		section=${ref##*(}
		section=${section%)}
		[ -e "$tmp/man$section/${ref%(*}.$section" ] && continue
		case "$ref" in ibv_*"(3)") continue ;; esac
		among "$ref" $others || echo "$page: who is $ref?"
	done
done >"$tmp/log"
report "references lead somewhere"

(cd "$tmp" && pages | xargs grep -L '^\.so ' | xargs mandoc -T lint -W warning) \
	>"$tmp/log" 2>&1
report "mandoc -T lint -W warning"

for page in $(pages); do
	(cd "$tmp" && LC_ALL=C.UTF-8 MANROFFSEQ='' MANWIDTH=80 MANPATH="$tmp" \
		man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>&1 >/dev/null) |
		sed "s|^|$page: |"
done >"$tmp/log"
report "man --warnings"

(cd "$srcdir" && grep -rhoE 'getenv\("[A-Z_]+"' base shim driver verbs netlink iwcm-core |
	sed 's/.*"\(.*\)"/\1/' | sort -u | while read -r variable; do
	grep -q "$variable" man/iwshim.7 || echo "$variable"
done) >"$tmp/log"
report "iwshim(7) knows every environment variable that is read"

# The prototypes of a page have to be redeclarations of those in the headers.
(cd "$tmp" && for page in man3/*; do
	[ -z "$(target_of "$page")" ] || continue
	{
		echo '#include <poll.h>'
		mandoc -T ascii -O width=240 "$page" | sed 's/.\x08//g' |
			awk '/^[A-Z]/ { on = /^SYNOPSIS/; next } on' |
			awk '/^ *#include/ { print; next } { text = text "\n" $0 } END {
				print "#include <rdma/rdma_verbs.h>"; print text }'
	} >synopsis.c
	grep -q '(' synopsis.c || echo "$page: no prototype in SYNOPSIS"
	gcc -std=gnu11 -Wall -Wextra -Werror -fsyntax-only -I"$include" synopsis.c \
		2>&1 | grep -E 'error' | sed "s|^|$page: |"
done) >"$tmp/log"
report "synopses agree with the headers"

# A block that begins with an #include compiles: PAGE-NUMBER.c. With a main() it links, too.
for page in $(pages); do
	sed -e '/^\.\\"/d' -e "s/\\\\(aq/'/g" -e 's/\\(dq/"/g' -e 's/\\(ha/^/g' -e 's/\\(ti/~/g' \
		-e 's/\\&//g' -e 's/\\-/-/g' -e 's/\\e/\\/g' "$tmp/$page" |
		awk -v stem="$tmp/$(basename "$page" | tr . _)" '
			/^\.EX/ { on = 1; text = ""; next }
			/^\.EE/ { if (text ~ /^#include/) printf "%s", text >(stem "-" ++n ".c"); on = 0 }
			on { text = text $0 "\n" }'
done
link=$build/private/librdmacm.so.1
for c in "$tmp"/*-*.c; do
	gcc -std=gnu11 -Wall -Wextra -Werror -O2 -I"$include" -c "$c" -o "${c%.c}.o" 2>&1
	if grep -q ' main(' "$c" && [ -e "$link" ] && [ -e "${c%.c}.o" ]; then
		gcc "${c%.c}.o" "$link" -Wl,--allow-shlib-undefined -libverbs -o "${c%.c}" 2>&1
	fi
done >"$tmp/log"
[ -e "$tmp/rdma_cm_7-2.o" ] || echo "rdma_cm(7) has no two programs" >>"$tmp/log"
report "examples compile with -Wall -Wextra -Werror"

# The two sides of rdma_cm(7) with each other: the server first.
talk() {
	unset LD_PRELOAD LD_LIBRARY_PATH IWSHIM_LOG
	timeout 30 "$build/tools/iwshim" run --soft -- "$tmp/rdma_cm_7-1" >"$tmp/server" 2>&1 &
	server=$!
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		grep -q listening "$tmp/server" && break
		sleep 0.2
	done
	timeout 30 "$build/tools/iwshim" run --soft -- "$tmp/rdma_cm_7-2" 127.0.0.1 \
		>"$tmp/client" 2>&1 || echo "client: exit $?"
	wait $server || echo "server: exit $?"
	grep -q hello "$tmp/server" || sed 's/^/server: /' "$tmp/server"
	grep -q hello "$tmp/client" || sed 's/^/client: /' "$tmp/client"
}
if [ ! -x "$tmp/rdma_cm_7-2" ]; then
	echo "# the library is not built: programs not run"
elif nm -D "$link" | grep -qE '__(asan|tsan)_init'; then
	echo "# built with a sanitizer: programs not run"
else
	talk >"$tmp/log"
	report "the programs of rdma_cm(7) talk to each other"
fi
echo "1..$n"
exit $bad
