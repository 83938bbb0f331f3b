#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Runs every fuzz target for a while:
#
#   fuzz/run.sh SECONDS [BUILD]
#
# builds in the folder BUILD (build-fuzz), which is configured with clang if it is
# not yet, then gives each target SECONDS, one after the other, and says a line
# for each:
#
#   ok 1 - fuzz_mpa: runs 123456, covered 78, corpus 90, 120 s
#
# Seeds come from fuzz/corpus/TARGET/ and are left alone. What is learnt goes to
# BUILD/fuzz/corpus/TARGET/, so that a later run goes on from there, the log and the
# inputs that fail to BUILD/fuzz/TARGET.log and BUILD/fuzz/TARGET-crash-*.
# Fails if a target does.
set -u
seconds=${1:?usage: fuzz/run.sh SECONDS [BUILD]}
case $seconds in
'' | *[!0-9]* | 0)
	# To libFuzzer 0 is for ever.
	echo "fuzz/run.sh: SECONDS is a number above 0, not $seconds" >&2
	exit 2
	;;
esac
src=$(cd "$(dirname "$0")/.." && pwd) || exit 2
build=${2:-build-fuzz}
n=0
bad=0

prepare() {
	if [ -z "$(find "$src/configure" -newer "$src/configure.ac" 2>/dev/null)" ]; then
		(cd "$src" && ./autogen.sh) || return
	fi
	mkdir -p "$build" && cd "$build" || return
	[ -f Makefile ] || "$src/configure" --enable-fuzz CC="${CC:-clang}" || return
	grep -q '^S\["IW_FUZZ_TRUE"\]=""$' config.status && return
	echo "fuzz/run.sh: $build is configured without --enable-fuzz" >&2
	return 1
}

# report TARGET HOW-IT-ENDED
report() {
	n=$((n + 1))
	if [ "$2" = 0 ]; then
		echo "ok $n - $1: $(summary "fuzz/$1.log")"
		return
	fi
	bad=1
	echo "not ok $n - $1"
	tail -n 20 "fuzz/$1.log" | sed 's/^/# /'
}

# What libFuzzer says at the end, in one line.
summary() {
	awk -v seconds="$seconds" '
		/^#[0-9]+[ \t]+DONE/ {
			for (i = 1; i < NF; i++) {
				if ($i == "cov:") cov = $(i + 1)
				if ($i == "corp:") { corpus = $(i + 1); sub("/.*", "", corpus) }
			}
		}
		/^stat::number_of_executed_units:/ { runs = $2 }
		END { printf "runs %s, covered %s, corpus %s, %s s\n", runs, cov, corpus, seconds }
	' "$1"
}

run() {
	target=$1
	seeds=$src/fuzz/corpus/$target
	[ -d "$seeds" ] || seeds=
	mkdir -p "fuzz/corpus/$target"
	"fuzz/$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
		-artifact_prefix="fuzz/$target-" "fuzz/corpus/$target" ${seeds:+"$seeds"} \
		>"fuzz/$target.log" 2>&1
}

if ! log=$(prepare 2>&1); then
	echo "$log" | tail -n 20 >&2
	echo "Bail out! $build cannot be configured"
	exit 2
fi
cd "$build" || exit 2
mkdir -p fuzz
targets=
for source in "$src"/fuzz/fuzz_*.c; do
	target=$(basename "$source" .c)
	targets="$targets $target"
	# The build and the run write the same log: one of them fails.
	make -s "fuzz/$target" >"fuzz/$target.log" 2>&1 || rm -f "fuzz/$target"
done
# Two at a time: most machines have the processors.
one() {
	[ -x "fuzz/$1" ] && run "$1"
	echo $? >"fuzz/$1.status"
}
running=0
for target in $targets; do
	one "$target" &
	running=$((running + 1))
	[ $((running % 2)) = 0 ] && wait
done
wait
for target in $targets; do
	report "$target" "$(cat "fuzz/$target.status")"
done
echo "1..$n"
exit $bad
