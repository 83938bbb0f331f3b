#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# check_interleavings.sh [--quick | --deep] [--only-mutants | --no-mutants]: all
# scenarios in all their schedules, in two processes; then the proof that the
# checker sees what it is for: each patch of tests/mutants/, applied to a copy of
# the core, has to bring a violation. Called by make, which says how to compile
# (IL_COMPILE) and to link (IL_LINK). MUTANTS is a pattern of names. TAP.
srcdir=${srcdir:-.}
builddir=${builddir:-.}
form=
run=yes
mutants=yes
for arg; do
	case $arg in
	--quick | --deep) form=$arg ;;
	--only-mutants) run= ;;
	--no-mutants) mutants= ;;
	*) echo "$0: what is $arg?" >&2 && exit 2 ;;
	esac
done
il=$builddir/tests/interleave
tmp=$(mktemp -d) || exit 99
trap 'rm -rf "$tmp"' EXIT
bad=0

total() {
	awk -v what="$1" '$1 == "#" && $2 == what { n += $3 } END { print n + 0 }' "$tmp"/part.*
}

# Start states come from both processes: one line for each.
print_parts() {
	cat "$tmp"/part.* | grep '^# .*\(VIOLATION\|replay\|cut off\)'
	cat "$tmp"/part.* | awk '
		/^(not )?ok / {
			sub(/^not ok [0-9]+ - |^ok [0-9]+ - /, "")
			split($0, half, ": ")
			split(half[2], n, " ")
			scenarios[half[1]] += n[1]
			schedules[half[1]] += n[3]
			violations[half[1]] += n[5]
		}
		END {
			for (name in scenarios)
				printf "%s %d - %s: %d scenarios, %d schedules, %d violations\n",
					violations[name] ? "not ok" : "ok", ++i, name,
					scenarios[name], schedules[name], violations[name]
		}'
	echo "# $(total scenarios) scenarios ($(total unbounded) without a bound), $(total schedules) schedules, $(total pruned) pruned," \
		"$(total steps) steps, $(total cut) cut off, $(total violations) violations"
}

run_scenarios() {
	# shellcheck disable=SC2086
	"$il/interleave" $form --part 1/2 >"$tmp/part.1" 2>&1 &
	first=$!
	# shellcheck disable=SC2086
	"$il/interleave" $form --part 2/2 >"$tmp/part.2" 2>&1 || bad=1
	wait $first || bad=1
	print_parts
}

# build PATCH DIR: the checker with a core that has the defect.
build() {
	mkdir -p "$2" && cp -r "$srcdir/iwcm-core" "$2/" && cp "$il/libcore.a" "$2/" || return
	if ! patch -s -f -p1 -d "$2" <"$1"; then
		echo "does not apply"
		return 1
	fi
	for file in $(sed -n 's|^+++ b/\(iwcm-core/[a-z_]*\.c\)$|\1|p' "$1"); do
		object=$2/tests_interleave_libcore_a-$(basename "$file" .c).o
		# shellcheck disable=SC2086
		$IL_COMPILE -iquote "$2" $IL_COMPILE_FLAGS -c "$2/$file" -o "$object" || return
		ar r "$2/libcore.a" "$object" 2>/dev/null || return
	done
	sh "$srcdir/tests/interleave/collect.sh" "$2/libcore.a" "$2/core.o" || return
	# shellcheck disable=SC2086
	$IL_LINK -o "$2/interleave" "$il"/interleave-*.o \
		"$builddir"/base/tests_interleave_interleave-caller.o "$2/core.o" "$il/libsched.a"
}

# Limited by the processor's time: others may use the machine as well.
hunt() {
	(ulimit -t 100 && timeout 900 "$1/interleave" --hunt) >"$1/out" 2>&1
	rc=$?
	case $rc in
	0 | 1) sed -n 's/^# VIOLATION in //p' "$1/out" ;;
	124 | 137 | 152) ;; # out of time
	*) echo "CRASH, status $rc" ;;
	esac
}

mutant() {
	name=$(basename "$1" .patch)
	dir=$tmp/$name
	if ! build "$1" "$dir" >"$tmp/$name.log" 2>&1; then
		echo "not ok - mutant $name: not built"
		sed 's/^/# /' "$tmp/$name.log"
	else
		found=$(hunt "$dir")
		n=$(sed -n 's/^# schedules //p' "$dir/out")
		if [ -n "$found" ]; then
			echo "ok - mutant $name: caught after $n schedules: $found"
		else
			echo "not ok - mutant $name: survived ${n:-all that was tried in 100 s,} schedules"
		fi
	fi
	rm -rf "$dir"
}

# Every second one.
half() {
	i=0
	for patch in "$srcdir"/tests/mutants/${MUTANTS:-*}.patch; do
		i=$((i + 1))
		[ $((i % 2)) = "$1" ] && mutant "$patch"
	done
}

# What the hunt finds must be of the mutants: it finds nothing in the core itself.
control() {
	"$il/interleave" --hunt --enough 200000 >"$tmp/control" 2>&1
	if [ $? = 0 ]; then
		echo "ok - the core as it is: nothing in $(sed -n 's/^# schedules //p' "$tmp/control") schedules"
	else
		echo "not ok - the core as it is: the hunt finds something"
		grep '^# ' "$tmp/control"
	fi
}

run_mutants() {
	control >"$tmp/half.2" &
	half 0 >"$tmp/half.0" &
	half 1 >"$tmp/half.1"
	wait
	cat "$tmp"/half.[2] "$tmp"/half.[01] | awk '
		/^(not )?ok / { sub(/ok - /, "ok " ++n " - "); caught += !/^not/ }
		{ print }
		END { print "# " caught - 1 " of " n - 1 " mutants caught"; exit caught != n || n < 2 }' ||
		bad=1
}

[ -n "$run" ] && run_scenarios
[ -n "$mutants" ] && run_mutants
exit $bad
