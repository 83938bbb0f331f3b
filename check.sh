#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Builds iwshim and runs its tests: unit tests, network namespaces (as root), and
# the real-device tests in a guest with siw. Prints a verdict.
#   --quick     no guest
#   --sanitize  also schedules of the core, races, ASan+UBSan, TSan, clang, coverage and the fuzz
#               targets: what CI runs
# By command in the build tree: check-interleavings, check-valgrind and soak at full length.
set -u
src=$(cd "$(dirname "$0")" && pwd)
export src
. "$src/tests/setup.sh"
. "$src/tests/lanes.sh"

quick=no sanitize=no
for arg in "$@"; do
	case $arg in
	--quick) quick=yes ;;
	--sanitize) sanitize=yes ;;
	*) die "usage: check.sh [--quick] [--sanitize]" ;;
	esac
done

# Most tests wait more than they compute. Checks of the sources run once, with gcc.
units() {
	make -s -j4 -C "$1" "${2-check-programs}"
}

# What is built to be looked into need not be fast, but be built fast. Debian's valgrind reads no
# DWARF 5 of clang.
build_for_tests() {
	local dir=$1
	shift
	nice bash -c '. "$src/tests/setup.sh"; build_into "$@"' build "$dir" CFLAGS="-O1 -g1 -gdwarf-4" "$@"
}

# The guest emulates its processor and mostly waits: it has a lane of its own.
guest_steps() {
	step "Guest" "$src/tests/vm/build.sh"
	step "Real device (siw)" make -s -C "$src/build" check-vm
	step "Frames between siw and the software device" \
		"$src/tests/soft/decode.sh" "$src/build/tests/vm/log/files/soft_siw_ends/far.pcap"
	[ $sanitize = yes ] || return 0
	wait_ready asan 1800
	step "Real device, ASan and UBSan" vm_stress "$src/build-asan"
	wait_ready tsan 1800
	step "Real device, TSan" vm_stress "$src/build-tsan"
}

unit_steps() {
	step "Unit tests (gcc)" units "$src/build" check
	step "Real programs on the software device" make -s -C "$src/build" check-soft
	step "Networks that fail" make -s -C "$src/build" check-net
	step "What a program that hangs is told" make -s -C "$src/build" check-stall
}

# The guest goes first where both want the processor. Each compiler builds for each sanitizer. All
# unit tests run in gcc's build with ASan and in clang's without a sanitizer, the long ones (hostile
# peers, the fault sweep) with gcc alone; those with threads in gcc's with TSan; sessions through all
# layers in all with TSan or by clang with ASan.
sanitizer_steps() {
	step "Interleavings of the core" make -s -C "$src/build" check-interleavings ILFLAGS=--quick
	step "Races in the shim" env RACE_SEED=1 make -s -C "$src/build" check-races
	step "Build (ASan, UBSan)" build_for_tests "$src/build-asan" --enable-asan
	[ $quick = yes ] || ready asan
	step "Unit tests (ASan, UBSan)" units "$src/build-asan"
	export IWSHIM_TESTS=short
	build_tests=guest step "Build (TSan)" build_for_tests "$src/build-tsan" --enable-tsan
	[ $quick = yes ] || ready tsan
	step "Unit tests (TSan)" units "$src/build-tsan" check-threads
	sessions TSan "$src/build-tsan"
	step "Build (clang)" build_for_tests "$src/build-clang" CC=clang
	step "Unit tests (clang)" units "$src/build-clang"
}

# What needs no build of the guest's. Memcheck has its full list by command.
more_sanitizer_steps() {
	local some='session (rping|ucmatose)|mpa|ddp|rdmap|rx_place|soft_tx|soft_cm|soft_wr|iw_|connect|kconn|endpoint|_log'
	step "Memcheck" "$src/tests/check_valgrind.sh" -b "$src/build" -o "$some"
	step "Memcheck (clang)" "$src/tests/check_valgrind.sh" -b "$src/build-clang" -o "$some"
	clang_sessions asan "clang, ASan, UBSan"
	clang_sessions tsan "clang, TSan"
	step "Coverage" "$src/tests/coverage.sh" "$src/build-cov"
	step "Fuzz (20 s each)" "$src/fuzz/run.sh" 20 "$src/build-fuzz"
}

load_steps() {
	step "Load, and ten thousand connections" make -s -C "$src/build" check-soak
}

# sessions NAME BUILD
sessions() {
	step "Sessions ($1)" env RACE_SEED=1 RACE_OPERATIONS=200000 STRESS_SECONDS=9 \
		make -s -j4 -C "$2" check-sessions
}

# clang_sessions SANITIZER NAME
clang_sessions() {
	local dir=$src/build-clang-$1

	build_tests=no step "Build ($2)" build_for_tests "$dir" CC=clang "--enable-$1"
	sessions "$2" "$dir"
}

join_lane() {
	say "$1"
	lane_join "$1"
}

say "Packages"
sets="build test soft"
[ $quick = yes ] || sets="$sets vm"
[ $sanitize = no ] || sets="$sets sanitize"
# shellcheck disable=SC2086
need_packages $sets || die "packages are missing (see above)"

step "Build (gcc)" build_into "$src/build"
[ $quick = yes ] || lane guest_steps
unit_steps
[ $sanitize = no ] || sanitizer_steps
[ $quick = yes ] || join_lane "In the guest, meanwhile"
if [ $sanitize = yes ]; then
	lane load_steps # a fixed time of waiting and computing
	more_sanitizer_steps
	join_lane "Load, meanwhile"
fi
if [ $failed = 0 ]; then
	say "SUCCESS"
else
	say "FAILURE"
	show_failures
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
