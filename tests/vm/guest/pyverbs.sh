#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# pyverbs' own unit tests, as Debian's python3-pyverbs carries them, on our library over siw and
# rxe. What fails is run on the stock library as well: if it fails there, too, it is known.
# Environment: DEVICES ("siw rxe"), MODULES ("test_rdmacm ..."), LIBRARY (place, preload or stock).
# Time limit: 1200 s
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$SRC/tests/vm/guest/lib.sh"
need_our_lib

: "${DEVICES:=siw rxe}" "${LIBRARY:=place}"
: "${MODULES:=test_rdmacm test_addr test_device test_pd test_mr test_cq test_cqex test_cq_events
	test_qp test_qpex test_odp test_atomic test_fork test_shared_pd test_parent_domain
	test_relaxed_ordering}"
from=/usr/share/doc/rdma-core/tests

# run_tests LIBRARY MODULE [TEST...]: its lines.
run_tests() {
	local status
	with_lib "$1" timeout -k 3 120 /usr/bin/python3 "$SRC/tests/soft/pyv.py" "$DEV" "$ADDR" \
		"${@:2}" 2>&1
	status=$?
	[ "$status" -lt 2 ] || echo "not ok $2 ends with status $status"
}

# class_of MODULE TEST: as unittest names it.
class_of() {
	awk -v test="$2" '/^class / { c = $2; sub(/[(:].*/, "", c) }
		$1 == "def" && index($2, test "(") == 1 { print c; exit }' \
		"$TMPDIR/py/tests/$1.py"
}

# failed MODULE TEST WHY: one that our library fails, or anything in its place.
failed() {
	if [ "$LIBRARY" != stock ] && [[ $2 == test_* && $2 != "$1" ]] &&
		run_tests stock "$1" "$(class_of "$1" "$2").$2" | grep -q '^not ok'; then
		todo "the stock library fails, too"
	fi
	not_ok "$DEV $1 $2: $3"
}

run_module() {
	local verdict name rest log=$OUT/$DEV.$1
	run_tests "$LIBRARY" "$1" >"$log"
	while read -r verdict name rest; do
		case $verdict:$name in
		ok:*) ok "$DEV $1 $name" ;;
		skip:*) skip "$DEV $1 $name" "$rest" ;;
		not:ok) failed "$1" "${rest%% *}" "${rest#* }" ;;
		esac
	done <"$log"
}

/usr/bin/python3 -c 'import pyverbs.device' 2>/dev/null || skip_all "python3-pyverbs is not installed"
mkdir -p "$TMPDIR/py"
cp -r $from "$TMPDIR/py/tests" 2>/dev/null && gunzip -qf "$TMPDIR"/py/tests/*.gz
[ -e "$TMPDIR/py/tests/base.py" ] ||
	skip_all "pyverbs' tests are not in $from (documentation is excluded at installation)"
export PYVTESTS=$TMPDIR/py PYTHONDONTWRITEBYTECODE=1
few_drivers
for device in $DEVICES; do
	set_device "$device"
	for module in $MODULES; do
		run_module "$module"
	done
done
done_testing
