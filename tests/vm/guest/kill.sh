#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# A client or a server is killed: its peer gets DISCONNECTED, once, and can go on.
# The observations are api_diff's; the values that they must have are here.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$SRC/tests/vm/guest/lib.sh"
need_our_lib
prog=$BUILD/tests/vm/prog/api_diff
[ -x "$prog" ] || bail "there is no $prog: make check-progs, with librdmacm-dev"

with_lib place "$prog" killed >"$OUT/log" 2>"$OUT/err"
is $? 0 "the program's exit status"
like "$OUT/log" '^killed_client\.server: DISCONNECTED\(0\)$' "client killed: the server gets DISCONNECTED once"
like "$OUT/log" '^killed_client\.disconnect: 0$' "and may disconnect"
like "$OUT/log" '^killed_client\.destroy: 0$' "and destroy"
like "$OUT/log" '^killed_client\.unanswered: none$' "killed before the answer: no event"
like "$OUT/log" '^killed_client\.unanswered_accept: -1 ' "but an error from rdma_accept"
like "$OUT/log" '^killed_server\.client: DISCONNECTED\(0\) ' "server killed: the client gets DISCONNECTED once"
like "$OUT/log" '^killed_server\.disconnect: 0$' "and may disconnect"
done_testing
