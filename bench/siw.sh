#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# The software device against kernel siw with the stock libraries, each as a ratio of plain TCP
# on the same address, in one boot of the test guest.
# usage: bench/siw.sh [-b BUILD] [-l LOGDIR] [-e ROUNDS=N] [-e ONLY=REGEX]
# Exit: 0 measured, 1 the measuring failed, 77 no guest can be run here.
set -uo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=$PWD logdir='' extra=()
while getopts b:l:e: o; do
	case $o in
	b) build=$OPTARG ;;
	l) logdir=$OPTARG ;;
	e) extra+=(-e "$OPTARG") ;;
	*) exit 2 ;;
	esac
done
: "${logdir:=$build/bench/siw-log}"
mkdir -p "$logdir"
"$here/../tests/vm/run.sh" -b "$build" -l "$logdir" ${extra[@]+"${extra[@]}"} \
	"$here/siw_guest.sh" >&2
status=$?
raw=$(find "$logdir/files" -name raw -path '*siw_guest*' | head -n 1)
[ -s "$raw" ] || exit "$status"
awk -f "$here/siw.awk" "$raw"
