#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Where a program's ibv_* calls arrive, for each order of libraries and each way
# to put iwshim in its place. Run in the build directory; TAP-like lines.
srcdir=${srcdir:-.}
CC=${CC:-cc}
build=$PWD
skip() {
	echo "skipped: $1"
	exit 77
}
[ -e private/libibverbs.so.1 ] || skip "the library is not built"
nm -D private/librdmacm.so.1 >/dev/null 2>&1 || skip "no nm"
nm -D private/librdmacm.so.1 | grep -q ' ibv_get_device_list' || skip "no entry points in it"
nm -D private/librdmacm.so.1 | grep -qE '__(asan|tsan)_init' && skip "built with a sanitizer"
command -v "${CC%% *}" >/dev/null || skip "no compiler"
tmp=$(mktemp -d) || exit 99
trap 'rm -rf "$tmp"' EXIT
n=0
bad=0

# build OUTPUT FLAGS...: libraries keep their order, and are needed even if unused.
build() {
	output=$1
	shift
	# shellcheck disable=SC2086 # CC may have flags
	$CC -I"$srcdir/include" "$srcdir/tests/link_orders.c" -o "$tmp/$output" "$@" || exit 99
}

rdmacm=$build/tools/librdmacm-link.so
needed=-Wl,--no-as-needed
build rdmacm_verbs $needed "$rdmacm" -libverbs -ldl
build verbs_rdmacm $needed -libverbs "$rdmacm" -ldl
build verbs_only -DWITHOUT_RDMACM $needed -libverbs -ldl
build host -DWITHOUT_VERBS -DWITHOUT_RDMACM -ldl
build plugin.so -DWITHOUT_RDMACM -shared -fPIC $needed -libverbs "$rdmacm" -ldl
mkdir "$tmp/replaced" && ln -s "$build/.libs/librdmacm.so.1" "$tmp/replaced/librdmacm.so.1"

# arrives WHERE WAY PROGRAM...: WHERE is ours or real. Our entry points name the
# real library in the log when they are first called.
arrives() {
	where=$1
	way=$2
	shift 2
	rm -f "$tmp/log"
	case $way in
	preload) set -- env LD_PRELOAD="$build/private/librdmacm.so.1" "$@" ;;
	replaced) set -- env LD_LIBRARY_PATH="$tmp/replaced" "$@" ;;
	private) set -- env LD_LIBRARY_PATH="$build/private" "$@" ;;
	run) set -- "$build/tools/iwshim" run -- "$@" ;;
	esac
	IWSHIM_LOG=debug IWSHIM_LOG_FILE="$tmp/log" "$@" >"$tmp/out" 2>&1
	status=$?
	found=real
	grep -q 'debug: libibverbs: /' "$tmp/log" 2>/dev/null && found=ours
	n=$((n + 1))
	shift $(($# - 1))
	if [ $status -eq 0 ] && [ $found = "$where" ]; then
		echo "ok $n - $row, $way: $where"
	else
		echo "not ok $n - $row, $way: $found, not $where (exit code $status)"
		sed 's/^/# /' "$tmp/out"
		bad=1
	fi
}

# row NAME WHERE... -- PROGRAM...: WHERE for preload, replaced, private, run.
row() {
	row=$1
	preload=$2 replaced=$3 private=$4 run=$5
	shift 6
	arrives "$preload" preload "$@"
	arrives "$replaced" replaced "$@"
	arrives "$private" private "$@"
	arrives "$run" run "$@"
}

row "rdmacm before ibverbs" ours ours ours ours -- "$tmp/rdmacm_verbs"
row "ibverbs before rdmacm" ours real ours ours -- "$tmp/verbs_rdmacm"
row "verbs alone" ours real ours ours -- "$tmp/verbs_only"
row "plug-in, RTLD_LOCAL" ours real ours ours -- "$tmp/host" "$tmp/plugin.so"
row "plug-in, RTLD_DEEPBIND" real real ours ours -- "$tmp/host" "$tmp/plugin.so" deepbind
row "dlvsym by a handle" real real ours ours -- "$tmp/host" dlvsym

# resolves ANSWER LOG-WORDS PROGRAM...: with software devices alone.
resolves() {
	answer=$1
	words=$2
	shift 2
	rm -f "$tmp/log"
	env IWSHIM_DEVICE=soft IWSHIM_LOG_FILE="$tmp/log" LD_LIBRARY_PATH="$tmp/replaced" \
		"$@" resolve >"$tmp/out" 2>&1
	n=$((n + 1))
	if grep -qx "$answer" "$tmp/out" && { [ -z "$words" ] || grep -qF "$words" "$tmp/log"; }; then
		echo "ok $n - ${1##*/}, replaced: software device $answer"
	else
		echo "not ok $n - ${1##*/}, replaced: software device $answer"
		cat "$tmp/out" "$tmp/log" 2>/dev/null | sed 's/^/# /'
		bad=1
	fi
}
resolves usiw_lo "" "$tmp/rdmacm_verbs"
resolves refused "iwshim run -- PROGRAM" "$tmp/verbs_rdmacm"
echo "1..$n"
exit $bad
