#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# The kernel driver below the core, without the shim, on siw: see tests/vm/prog/kdrv_test.c.
prog=$BUILD/tests/vm/prog/kdrv_test
[ -x "$prog" ] || {
	echo "Bail out! there is no $prog: build first, or name the build tree with -b"
	exit 1
}
exec "$prog" "$ADDR" "$ADDR6"
