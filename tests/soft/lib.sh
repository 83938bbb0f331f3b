# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Sourced by the scripts of tests/soft: arguments, an ordinary user, TAP.
# shellcheck shell=bash disable=SC2034 # used by those who source it

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=$PWD only=''
while getopts b:o: option; do
	case $option in
	b) build=$(cd "$OPTARG" && pwd) || exit 2 ;;
	o) only=$OPTARG ;;
	*)
		echo "usage: $0 [-b BUILD] [-o REGEX]" >&2
		exit 2
		;;
	esac
done
our_lib=$build/.libs/librdmacm.so.1
tool=$build/tools/iwshim
patient=$build/tests/soft/.libs/patient.so # see tests/soft/patient.c

tests=0 bad=0 reason=''
ok() {
	tests=$((tests + 1))
	echo "ok $tests - $*${reason:+ # TODO $reason}"
	reason=''
}
# A test that is known to fail ($reason) does not fail the script.
not_ok() {
	tests=$((tests + 1))
	[ -n "$reason" ] || bad=$((bad + 1))
	echo "not ok $tests - $*${reason:+ # TODO $reason}"
	reason=''
}
skip() {
	tests=$((tests + 1))
	echo "ok $tests - $1 # SKIP $2"
	reason=''
}
chosen() {
	[ -z "$only" ] || [[ $1 =~ $only ]]
}
done_testing() {
	echo "1..$tests"
	[ "$bad" = 0 ]
	exit
}
skip_all() {
	echo "1..0 # SKIP $1"
	exit 0
}
listens() {
	local hex
	printf -v hex ':%04X' "$1"
	grep -qE "$hex [0-9A-F]+:0000 0A" /proc/net/tcp /proc/net/tcp6
}
# wait_listen PORT PID: until somebody listens, or the server has gone.
wait_listen() {
	for _ in $(seq 200); do
		listens "$1" && return
		kill -0 "$2" 2>/dev/null || return
		sleep 0.05
	done
}
have() {
	command -v "$1" >/dev/null
}

# Root becomes nobody, where nobody can read the build: nothing here needs rights.
ordinary_user() {
	local user=(setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all)
	[ "$(id -u)" = 0 ] || return 0
	if "${user[@]}" test -r "$our_lib" -a -r "$0" 2>/dev/null; then
		exec "${user[@]}" env HOME=/ TMPDIR=/tmp bash "$0" -b "$build" ${only:+-o "$only"}
	fi
	echo "# as root: another user cannot read $our_lib"
}

prepare() {
	[ -e "$our_lib" ] || skip_all "$our_lib is not built"
	nm -D "$our_lib" 2>/dev/null | grep -qE '__(asan|tsan)_init' &&
		skip_all "built with a sanitizer"
	ordinary_user
	unset LD_PRELOAD LD_LIBRARY_PATH IWSHIM_LOG IWSHIM_DEVICE
	work=$(mktemp -d) || exit 99
	trap 'rm -rf "$work"' EXIT
}
