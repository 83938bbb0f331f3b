#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Compares our library with the stock librdmacm on the same device, in one boot of the test guest.
# usage: bench/run.sh [-b BUILD] [-d siw|rxe] [-l LOGDIR] [-m] [-e VAR=VALUE]...
#   -b  build tree (default: the current folder), built with make all check-progs
#   -d  the kernel device: siw (iWARP, the default) or rxe (RoCE)
#   -l  where raw values and logs go (default: BUILD/bench/log)
#   -m  print the table as Markdown only, as bench/results.md has it
#   -e  ROUNDS, LOOP, ONLY: see bench/guest.sh
# Exit: 0 measured, 1 the measuring failed, 77 no guest can be run here. Goals that are missed
# are said in the table, not by the exit status.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

about() {
	echo "Device: $device. Stock: librdmacm $(dpkg-query -W -f '${Version}' librdmacm1 2>/dev/null || echo '?')," \
		"guest kernel $(basename "$("$here/../tests/vm/build.sh")" | sed 's/-[0-9a-f]*$//')," \
		"emulated, 2 processors; medians, libraries in turn; ratio = ours / stock."
}

table() {
	awk -v markdown="$1" -f "$here/table.awk" "$logdir/files/guest/raw" || :
}

main() {
	local o build=$PWD markdown='' extra=() status=0
	logdir='' device=siw
	while getopts b:d:l:me: o; do
		case $o in
		b) build=$OPTARG ;;
		d) device=$OPTARG ;;
		l) logdir=$OPTARG ;;
		m) markdown=1 ;;
		e) extra+=(-e "$OPTARG") ;;
		*) exit 2 ;;
		esac
	done
	: "${logdir:=$build/bench/log}"
	mkdir -p "$logdir"
	"$here/../tests/vm/run.sh" -b "$build" -l "$logdir" -e "DEVICE=$device" ${extra[@]+"${extra[@]}"} \
		"$here/guest.sh" >&2 || status=$?
	[ -s "$logdir/files/guest/raw" ] || exit "$status"
	[ -n "$markdown" ] || table ""
	[ -n "$markdown" ] || echo
	about
	echo
	table 1
	exit "$status"
}

main "$@"
