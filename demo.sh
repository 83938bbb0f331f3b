#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Shows iwshim at its main job: Debian's own rping and ucmatose, unmodified, on
# our librdmacm.so.1. By default on the software iWARP device, as whoever runs
# this; with --siw over a kernel iWARP device in a small guest.
# Installs packages (as root; says the command otherwise), builds, prints a verdict.
set -u
src=$(cd "$(dirname "$0")" && pwd)
. "$src/tests/setup.sh"

siw=no
case ${1-} in
'') ;;
--siw) siw=yes ;;
*) die "usage: demo.sh [--siw]" ;;
esac

# pair TITLE SERVER... -- CLIENT...: both unmodified, on iwshim; says which device served them.
failed=0
pair() {
	local title=$1 log server=() rc
	shift
	while [ "$1" != -- ]; do
		server+=("$1")
		shift
	done
	shift
	log=$(mktemp -d)
	timeout 20 "${run[@]}" "${server[@]}" >"$log/server" 2>&1 &
	wait_listening "$port"
	timeout 20 "${run[@]}" "$@" >"$log/client" 2>&1
	rc=$?
	wait $! || rc=1
	if [ $rc = 0 ]; then
		echo "ok      $title"
		sed -n 's/.*\(served by .*\)/        \1/p' "$log/client" | sort -u
	else
		failed=$((failed + 1))
		echo "FAILED  $title"
		tail -n 5 "$log/server" "$log/client" | sed 's/^/        /'
	fi
	rm -rf "$log"
}

# A server has come up when its TCP port listens; nothing is connected for it.
wait_listening() {
	local hex i
	hex=$(printf ':%04X 00000000:0000 0A' "$1")
	for ((i = 0; i < 100; i++)); do
		grep -qi "$hex" /proc/net/tcp && return
		sleep 0.05
	done
}

free_port() {
	local p
	for ((p = 7471; p < 7571; p++)); do
		grep -qi "$(printf ':%04X ' "$p")" /proc/net/tcp /proc/net/tcp6 || break
	done
	echo "$p"
}

on_software() {
	local run=() way port
	port=$(free_port)
	for way in "through tools/iwshim run" "by LD_PRELOAD alone"; do
		if [[ $way == *PRELOAD* ]]; then
			run=(env IWSHIM_DEVICE=soft IWSHIM_LOG=info
				LD_PRELOAD="$src/build/.libs/librdmacm.so.1")
		else
			run=("$src/build/tools/iwshim" run --soft --log info --)
		fi
		pair "rping, 20 pings verified, $way" rping -s -a 127.0.0.1 -p "$port" -C 20 -V -- \
			rping -c -a 127.0.0.1 -p "$port" -C 20 -V
		pair "ucmatose, 4 connections with data, $way" \
			ucmatose -b 127.0.0.1 -p "$port" -c 4 -C 50 -S 4096 -- \
			ucmatose -s 127.0.0.1 -p "$port" -c 4 -C 50 -S 4096
	done
	[ $failed = 0 ]
}

on_siw() {
	say "3. Guest with a kernel iWARP device (siw)"
	"$src/tests/vm/build.sh" || die "the guest could not be made (see above)"
	say "4. rping and ucmatose on iwshim over siw: by LD_PRELOAD, and in place of librdmacm.so.1"
	"$src/tests/vm/run.sh" -b "$src/build" "$src/tests/vm/guest/demo.sh"
}

say "1. Packages"
if [ $siw = yes ]; then
	need_packages build vm || die "packages are missing (see above)"
else
	need_packages build demo || die "packages are missing (see above)"
fi
say "2. Build"
if [ $siw = yes ]; then build_tests=yes; else build_tests=no; fi
build_into "$src/build" || die "the build failed: see $src/build/build.log"
if [ $siw = yes ]; then
	on_siw || die "the demonstration failed: see the lines 'not ok' above"
	say "SUCCESS: unmodified rping and ucmatose ran over siw on iwshim, by both routes"
else
	say "3. rping and ucmatose on iwshim's software iWARP device, as user $(id -un)"
	on_software || die "the demonstration failed: see above"
	say "SUCCESS: unmodified rping and ucmatose ran with no RDMA device and no root"
fi
