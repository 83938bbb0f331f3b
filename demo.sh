#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Shows iwshim at its main job: Debian's own rping and ucmatose, unmodified, on
# our librdmacm.so.1, over a real kernel iWARP device (siw) in a small guest.
# Installs packages (as root), builds, boots the guest, prints a verdict.
set -u
src=$(cd "$(dirname "$0")" && pwd)
. "$src/tests/setup.sh"

say "1. Packages"
need_packages build vm || die "packages are missing (see above)"
say "2. Build"
build_into "$src/build" || die "the build failed: see $src/build/build.log"
say "3. Guest with a kernel iWARP device (siw)"
"$src/tests/vm/build.sh" || die "the guest could not be made (see above)"
say "4. rping and ucmatose on iwshim over siw: by LD_PRELOAD, and in place of librdmacm.so.1"
if "$src/tests/vm/run.sh" -b "$src/build" "$src/tests/vm/guest/demo.sh"; then
	say "SUCCESS: unmodified rping and ucmatose ran over siw on iwshim, by both routes"
else
	die "the demonstration failed: see the lines 'not ok' above"
fi
