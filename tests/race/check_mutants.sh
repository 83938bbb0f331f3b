#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Deliberate defects of the shim (mutants/*.patch), one at a time in a copy, and whether
# channel_race finds each, as TAP: check_mutants.sh SOURCE BUILD [PATCH...]
# BUILD is a configured build out of SOURCE; with --enable-tsan most is found. Neither of the
# two is changed. RACE_OPERATIONS (200000) and RACE_SEED as for check_races.sh.
set -eu
source=$(cd "$1" && pwd)
build=$(cd "$2" && pwd)
shift 2
operations=${RACE_OPERATIONS:-200000}
seed=${RACE_SEED:-$(date +%s)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

[ $# -gt 0 ] || set -- "$source"/tests/race/mutants/*.patch
for patch; do
	grep -q '^--- a/' "$patch"
done

mkdir "$work/s" "$work/b"
(cd "$source" && git ls-files -z | xargs -0 cp --parents -t "$work/s")
cp -a "$source/configure" "$source/Makefile.in" "$source/aclocal.m4" "$source/config.h.in" \
	"$source/build-aux" "$source/m4" "$work/s/"
touch "$work/s/aclocal.m4" && touch "$work/s/configure" "$work/s/Makefile.in" "$work/s/config.h.in"
options=$("$build/config.status" --config)
(cd "$work/b" && eval "'$work/s/configure' -q $options" >/dev/null && make -s tests/race/channel_race >/dev/null)

n=0
failed=0

# found: some number of threads makes channel_race complain.
found() {
	for threads in 2 3 4; do
		timeout 120 "$work/b/tests/race/channel_race" -s "$seed" -t $threads \
			-n "$operations" >"$work/log" 2>&1 || return 0
	done
	return 1
}

echo "1..$(($# + 1))"
for patch; do
	n=$((n + 1))
	(cd "$work/s" && patch -s -p1 <"$patch")
	(cd "$work/b" && make -s tests/race/channel_race >/dev/null)
	if found; then
		echo "ok $n - $(basename "$patch" .patch): $(grep -m 1 -e '^# seed.*:' -e SUMMARY \
			"$work/log" | cut -c 1-150)"
	else
		echo "not ok $n - $(basename "$patch" .patch) is not found, seed $seed"
		failed=1
	fi
	(cd "$work/s" && patch -s -R -p1 <"$patch")
done

n=$((n + 1))
(cd "$work/b" && make -s tests/race/channel_race >/dev/null)
if found; then
	echo "not ok $n - without a defect nothing is found, seed $seed"
	sed 's/^/# /' "$work/log"
	failed=1
else
	echo "ok $n - without a defect nothing is found"
fi
exit $failed
