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

# The guest goes first where both want the processor. The long unit tests (hostile peers, the
# fault sweep) run with gcc and with ASan.
# Each compiler builds for each sanitizer; all unit tests run in gcc's builds, and in clang's
# without one, sessions through all layers in the others. Memcheck leaves out, in CI, what takes
# longest (soft_rx, soft_mr) and for clang's build most of the rest.
sanitizer_steps() {
	step "Interleavings of the core" make -s -C "$src/build" check-interleavings ILFLAGS=--quick
	step "Races in the shim" env RACE_SEED=1 make -s -C "$src/build" check-races
	step "Build (ASan, UBSan)" build_for_tests "$src/build-asan" --enable-asan
	[ $quick = yes ] || ready asan
	step "Unit tests (ASan, UBSan)" units "$src/build-asan"
	export IWSHIM_TESTS=short
	step "Build (TSan)" build_for_tests "$src/build-tsan" --enable-tsan
	[ $quick = yes ] || ready tsan
	step "Unit tests (TSan)" units "$src/build-tsan"
	step "Races in the shim (TSan)" env RACE_SEED=1 RACE_OPERATIONS=200000 \
		make -s -C "$src/build-tsan" check-races
	step "Build (clang)" build_for_tests "$src/build-clang" CC=clang
	step "Unit tests (clang)" units "$src/build-clang"
	step "Memcheck" "$src/tests/check_valgrind.sh" -b "$src/build" -x 'test_soft_(rx|mr)$'
	step "Memcheck (clang)" "$src/tests/check_valgrind.sh" -b "$src/build-clang" \
		-o 'session|mpa|ddp|rdmap|rx_place|rx_access|soft_cm|iw_|connect|kconn'
	sessions asan "clang, ASan, UBSan"
	sessions tsan "clang, TSan"
	step "Coverage" nice "$src/tests/coverage.sh" "$src/build-cov"
	step "Fuzz (20 s each)" nice "$src/fuzz/run.sh" 20 "$src/build-fuzz"
}

# sessions SANITIZER NAME: of a build of the library by clang.
sessions() {
	local dir=$src/build-clang-$1
	build_tests=no step "Build ($2)" build_for_tests "$dir" CC=clang "--enable-$1"
	step "Sessions ($2)" env RACE_SEED=1 RACE_OPERATIONS=200000 make -s -j4 -C "$dir" check-sessions
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
if [ $quick = no ]; then
	say "In the guest, meanwhile"
	lane_join
fi
[ $sanitize = no ] || step "Load, and ten thousand connections" make -s -C "$src/build" check-soak
if [ $failed = 0 ]; then
	say "SUCCESS"
else
	say "FAILURE"
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
