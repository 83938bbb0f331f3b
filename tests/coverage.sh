#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Line and branch coverage of each folder, in one build and two measurements: the core by its
# own tests alone, then everything by all unit tests and the sessions on the software device
# that are quick. The bars are below; docs/coverage.md says what is left and why.
#   usage: tests/coverage.sh BUILD     (gcc; configured if it is not yet)
src=$(cd "$(dirname "$0")/.." && pwd)
build=${1:?usage: coverage.sh BUILD}
core_lines=95 core_branches=90 all_lines=90 file_lines=90
folders='base iwcm-core netlink driver driver/kernel driver/soft verbs shim'
export IWSHIM_TESTS=short
unset LD_PRELOAD LD_LIBRARY_PATH IWSHIM_LOG IWSHIM_LOG_FILE IWSHIM_DEVICE

command -v gcovr gcc >/dev/null || {
	echo "1..0 # SKIP no gcovr or gcc"
	[ -z "$CI" ]
	exit
}
die() {
	echo "not ok $((n + 1)) - $*"
	exit 1
}
n=0 bad=0
verdict() {
	n=$((n + 1))
	if [ "$2" = 0 ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		bad=1
	fi
}

mkdir -p "$build" && cd "$build" || exit 99
[ -e "$src/configure" ] || "$src/autogen.sh" >build.log 2>&1 || die "autogen.sh: $build/build.log"
[ -e config.status ] || "$src/configure" -q --enable-coverage CC=gcc CFLAGS=-O0 >build.log 2>&1 ||
	die "configure: $build/build.log"

core=() units=()
for t in "$src"/tests/test_*.c; do
	t=${t##*/}
	t=tests/${t%.c}
	grep -q "^${t//\//_}_SOURCES\|^${t//\//_}_OBJECTS\|^am_${t//\//_}_OBJECTS" Makefile || continue
	case $t in
	tests/test_iw_*) core+=("$t") ;;
	tests/test_verbs) ;; # of headers alone; does not link without optimisation
	*) units+=("$t") ;;
	esac
done
sessions=(tests/soft/fault_sweep tests/soft/fork_live tests/hostile/crowd tests/hostile/hostile
	tests/soft/cm_stress tests/soft/transfer_stress)
make -s -j2 "${core[@]}" "${units[@]}" "${sessions[@]}" librdmacm.la private/libibverbs.so.1 \
	>>build.log 2>&1 || {
	tail -20 build.log
	die "build: $build/build.log"
}
echo "# built after $SECONDS s: ${#core[@]} tests of the core, ${#units[@]} others, ${#sessions[@]} sessions"
find . -name '*.gcda' -delete

# run_all PROGRAM...: two at a time; what fails is said, and counts for nothing here but is a failure.
run_one() {
	log=$1.coverage.log
	timeout 120 "$@" >"$log" 2>&1
	rc=$?
	[ $rc = 0 ] || [ $rc = 77 ] || echo "$1: exit code $rc, $PWD/$log" >>failed
}
export -f run_one
rm -f failed
run_all() {
	printf '%s\0' "$@" | xargs -0 -n 1 -P 2 bash -c 'run_one $0'
}
# figures FILTER...: gcovr's CSV of these sources into figures.csv.
figures() {
	gcovr -j 2 -r "$src" --object-directory . "$@" --exclude-throw-branches \
		--exclude-unreachable-branches --gcov-ignore-parse-errors --csv figures.csv . 2>gcovr.log ||
		die "gcovr: $(tail -1 gcovr.log)"
}
# Sums files by folder: folder, lines, covered, branches, covered.
sums() {
	awk -F, -v folders="$folders" '
		NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
		{ folder = $1; sub(/\/[^\/]*$/, "", folder)
		  l[folder] += $at["line_total"]; lc[folder] += $at["line_covered"]
		  b[folder] += $at["branch_total"]; bc[folder] += $at["branch_covered"]
		  l["total"] += $at["line_total"]; lc["total"] += $at["line_covered"]
		  b["total"] += $at["branch_total"]; bc["total"] += $at["branch_covered"] }
		END { n = split(folders " total", names, " ")
		      for (i = 1; i <= n; i++)
			if (names[i] in l)
				print names[i], l[names[i]], lc[names[i]], b[names[i]], bc[names[i]] }' figures.csv
}
# table FILE: of such sums.
table() {
	awk 'BEGIN { printf "# %-16s %7s %8s %9s %8s\n", "folder", "lines", "covered", "branches", "covered" }
		{ printf "# %-16s %7d %7.1f%% %9d %7.1f%%\n", $1, $2, 100 * $3 / ($2 ? $2 : 1),
			$4, 100 * $5 / ($4 ? $4 : 1) }' "$1"
}
# at_least LINES BRANCHES FILE: the bars, for the sum in the last line.
at_least() {
	tail -1 "$3" | awk -v l="$1" -v b="$2" '{ exit !(100 * $3 >= l * $2 && 100 * $5 >= b * $4) }'
}

run_all "${core[@]}"
figures -f "$src/iwcm-core/"
sums >core.sums
echo "# iwcm-core by its own tests alone"
table core.sums
at_least $core_lines $core_branches core.sums
verdict "the core by its own tests: $core_lines % of the lines, $core_branches % of the branches" $?

run_all "${units[@]}" "${sessions[@]}"
IWSHIM_TESTS=all run_all tests/hostile/crowd # skipped when short; takes 4 s
figures -f "$src/base/" -f "$src/iwcm-core/" -f "$src/netlink/" -f "$src/driver/" -f "$src/verbs/" \
	-f "$src/shim/"
sums >all.sums
echo "# everything, by all tests of this run (after $SECONDS s)"
table all.sums
at_least $all_lines 0 all.sums
verdict "all folders: $all_lines % of the lines" $?

if [ -s failed ]; then
	sed 's/^/# /' failed
	verdict "each test passes" 1
else
	verdict "each test passes" 0
fi

# A file below the bar has its reason in docs/coverage.md.
awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
	{ print $1, $at["line_total"], $at["line_covered"] }' figures.csv |
	while read -r file lines covered; do
		[ $((100 * covered)) -ge $((file_lines * lines)) ] ||
			echo "$file: $((lines - covered)) of $lines lines"
	done >below
missing=0
while IFS=: read -r file what; do
	if grep -qF "\`$file\`" "$src/docs/coverage.md" 2>/dev/null; then
		echo "# below $file_lines %, with a reason: $file:$what"
	else
		echo "# below $file_lines %, without a reason: $file:$what"
		missing=1
	fi
done <below
verdict "docs/coverage.md has a reason for each file below $file_lines %" $missing
echo "# took $SECONDS s"
echo "1..$n"
exit $bad
