# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Sourced by demo.sh, check.sh and .ci/run: packages, builds, messages.
# shellcheck shell=bash

# Where the time of a long check goes is in the margin.
say() {
	printf '\n== %s (after %d s)\n' "$*" "$SECONDS"
}

die() {
	printf '\n== FAILURE: %s\n' "$*" >&2
	exit 1
}

packages_of() {
	case $1 in
	build) echo autoconf automake libtool make gcc libc6-dev pkg-config libnl-3-dev \
		libnl-route-3-dev libibverbs-dev librdmacm-dev ;;
	test) echo libcriterion-dev iproute2 strace g++ clang clang-format util-linux binutils \
		tshark tcpdump mandoc man-db abigail-tools rdmacm-utils ;;
	vm) echo qemu-system-x86 busybox-static cpio kmod xz-utils dpkg-dev iproute2 rdma-core \
		rdmacm-utils ibverbs-utils ibverbs-providers procps strace perftest tcpdump ;;
	sanitize) echo clang libclang-rt-14-dev gcovr valgrind patch ;;
	demo) echo rdmacm-utils ;;
	soft) echo rdmacm-utils perftest ibverbs-utils ibverbs-providers python3-pyverbs \
		util-linux ;;
	bench) echo valgrind strace perftest ;;
	esac
}

missing_packages() {
	local p
	for p in "$@"; do
		dpkg-query -W -f '${Status}\n' "$p" 2>/dev/null | grep -q 'ok installed' || echo "$p"
	done
}

# need_packages SET...: installs what is missing as root, else says the command.
need_packages() {
	local all=() missing s
	command -v dpkg-query >/dev/null || {
		echo "not a Debian system: make sure that these are there: $(for s in "$@"; do
			packages_of "$s"
		done | tr '\n' ' ')"
		return 0
	}
	for s in "$@"; do
		# shellcheck disable=SC2207
		all+=($(packages_of "$s"))
	done
	# shellcheck disable=SC2207
	missing=($(missing_packages "${all[@]}" | sort -u))
	if [ ${#missing[@]} = 0 ]; then
		echo "all there"
		return 0
	fi
	if [ "$(id -u)" != 0 ]; then
		echo "run as root:  apt-get install ${missing[*]}"
		return 1
	fi
	echo "installing: ${missing[*]}"
	apt-get update -qq &&
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
			"${missing[@]}" >/dev/null
}

# build_into DIR [configure argument...]: out of tree; its output in DIR/build.log.
# With build_tests=no the library and the tools alone, with build_tests=guest what runs in the
# guest as well.
build_into() {
	local dir=$1
	shift
	mkdir -p "$dir" || return
	if [ ! -e "$src/configure" ] || [ "$src/configure.ac" -nt "$src/configure" ]; then
		"$src/autogen.sh" >"$dir/build.log" 2>&1 || {
			tail -20 "$dir/build.log"
			return 1
		}
	fi
	(
		cd "$dir" || exit
		[ -e config.status ] || "$src/configure" --enable-werror "$@" || exit
		make -s -j"$(nproc)" || exit
		[ "${build_tests-yes}" != no ] || exit 0
		make -s -j"$(nproc)" check-progs || exit
		# Not beside it: automake's check builds the same programs in a make of its own.
		[ "${build_tests-yes}" = guest ] || make -s -j"$(nproc)" check TESTS=
	) >>"$dir/build.log" 2>&1 || {
		tail -20 "$dir/build.log"
		return 1
	}
	echo "built in $dir"
}

# The multi-threaded stress over siw with a sanitized build.
vm_stress() {
	"$src/tests/vm/run.sh" -b "$1" "$src/tests/vm/guest/stress.sh"
}
