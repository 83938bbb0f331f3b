#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Builds iwshim and runs its tests: unit tests, network namespaces (as root), and
# the real-device tests in a guest with siw. Prints a verdict.
#   --quick     no guest
#   --sanitize  also ASan+UBSan and TSan builds, gcc and clang, and coverage
set -u
src=$(cd "$(dirname "$0")" && pwd)
. "$src/tests/setup.sh"

quick=no sanitize=no
for arg in "$@"; do
	case $arg in
	--quick) quick=yes ;;
	--sanitize) sanitize=yes ;;
	*) die "usage: check.sh [--quick] [--sanitize]" ;;
	esac
done

passed=0 failed=0 skipped=0
# Counts what automake's test driver or a TAP stream printed.
count() {
	local p f s
	p=$(grep -cE '^(PASS:|ok )' "$1")
	f=$(grep -E '^(FAIL:|ERROR:|XPASS:|not ok )' "$1" | grep -vc '# TODO') # known of siw
	s=$(grep -cE '^SKIP:|^ok .*# SKIP' "$1")
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
}
# step NAME COMMAND...: a step that prints no counts of its own is one test.
step() {
	local name=$1 log rc
	shift
	say "$name"
	log=$(mktemp)
	"$@" 2>&1 | tee "$log"
	rc=${PIPESTATUS[0]}
	local before=$((passed + failed))
	count "$log"
	if [ "$rc" != 0 ] && ! grep -E '^(FAIL:|ERROR:|not ok )' "$log" | grep -qv '# TODO'; then
		failed=$((failed + 1))
		echo "FAILED ($rc): $name"
	elif [ $((passed + failed)) = "$before" ]; then
		passed=$((passed + 1))
	fi
	rm -f "$log"
}

say "Packages"
sets="build test soft"
[ $quick = yes ] || sets="$sets vm"
[ $sanitize = no ] || sets="$sets sanitize"
# shellcheck disable=SC2086
need_packages $sets || die "packages are missing (see above)"

step "Build (gcc)" build_into "$src/build"
step "Unit tests (gcc)" make -s -j2 -C "$src/build" check
step "Real programs on the software device" make -s -C "$src/build" check-soft
if [ $sanitize = yes ]; then
	step "Build (clang)" build_into "$src/build-clang" CC=clang
	# The long ones have run with gcc and run with ASan: hostile peers, the fault sweep.
	step "Unit tests (clang)" env IWSHIM_TESTS=short make -s -j2 -C "$src/build-clang" check
	step "Build (ASan, UBSan)" build_into "$src/build-asan" --enable-asan
	step "Unit tests (ASan, UBSan)" make -s -j2 -C "$src/build-asan" check
	step "Build (TSan)" build_into "$src/build-tsan" --enable-tsan
	step "Unit tests (TSan)" env IWSHIM_TESTS=short make -s -j2 -C "$src/build-tsan" check
	step "Coverage of the core" coverage_of_core "$src/build-cov"
	step "Fuzz (60 s each)" "$src/fuzz/run.sh" 60 "$src/build-fuzz"
fi
if [ $quick = no ]; then
	step "Guest" "$src/tests/vm/build.sh"
	step "Real device (siw)" make -s -C "$src/build" check-vm
	step "Frames between siw and the software device" \
		"$src/tests/soft/decode.sh" "$src/build/tests/vm/log/files/soft_siw_ends/far.pcap"
	if [ $sanitize = yes ]; then
		step "Real device, ASan and UBSan" vm_stress "$src/build-asan"
		step "Real device, TSan" vm_stress "$src/build-tsan"
	fi
fi
if [ $failed = 0 ]; then
	say "SUCCESS"
else
	say "FAILURE"
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
