#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# The command iwshim: what it gives to the program, and what it says to mistakes.
# Run in the build directory; TAP-like lines.
tool=$PWD/tools/iwshim
[ -e private/libibverbs.so.1 ] && [ -x "$tool" ] || {
	echo "skipped: not built"
	exit 77
}
nm -D private/librdmacm.so.1 | grep -qE '__(asan|tsan)_init' && {
	echo "skipped: built with a sanitizer"
	exit 77
}
tmp=$(mktemp -d) || exit 99
trap 'rm -rf "$tmp"' EXIT
n=0
bad=0
# The library comes along with every program that is started here.
unset LD_PRELOAD LD_LIBRARY_PATH IWSHIM_DEVICE IWSHIM_LOG

check() {
	n=$((n + 1))
	if [ "$2" = "$3" ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1: $2, not $3"
		bad=1
	fi
}

# says NAME EXIT-CODE WORDS ARGUMENTS...
says() {
	name=$1
	code=$2
	words=$3
	shift 3
	"$tool" "$@" >"$tmp/out" 2>&1
	check "$name: exit code" $? "$code"
	grep -qF -- "$words" "$tmp/out"
	check "$name: says so" $? 0
}

# shellcheck disable=SC2016 # for the inner shell
show='echo "$IWSHIM_DEVICE,$IWSHIM_LOG,$*"'
says "no command" 2 "no command given"
says "unknown command" 2 "unknown command dance" dance
says "no program" 2 "no program given" run --soft --
says "unknown option" 2 "unknown option --sofd" run --sofd true
says "unknown level" 2 "unknown log level loud" run --log loud true
says "no level" 2 "--log needs a level" run --log
says "missing program" 2 "/nowhere/program: no such program" run /nowhere/program
says "help" 0 "usage: iwshim run" --help

check "nothing chosen" "$("$tool" run sh -c "$show" - a "b c")" ",,a b c"
check "soft" "$("$tool" run --soft -- sh -c "$show" - --soft)" "soft,,--soft"
check "kernel and level" "$("$tool" run --kernel --log=info sh -c "$show" -)" "kernel,info,"
check "level apart" "$("$tool" run --log info -- sh -c "$show" -)" ",info,"
# shellcheck disable=SC2016
check "what was preloaded stays" "$(LD_LIBRARY_PATH=/a:/b "$tool" run \
	sh -c 'echo "$LD_LIBRARY_PATH"')" "$PWD/private:/a:/b"
"$tool" run sh -c 'exit 7'
check "the program's exit code" $? 7

mkdir "$tmp/tools" && cp "$tool" "$tmp/tools" && : >"$tmp/config.status"
tool=$tmp/tools/iwshim
says "missing library" 2 "$tmp/private/librdmacm.so.1 is missing" run true
echo "1..$n"
exit $bad
