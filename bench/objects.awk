# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Sums the self cost of the objects librdmacm* and libnl* in a callgrind file made with
# --compress-strings=no --compress-pos=no. The line after calls= is the callee's inclusive cost.
/^ob=/ { ours = /librdmacm|libnl-/; next }
/^calls=/ { skip = 1; next }
/^[0-9]/ {
	if (!skip && ours)
		sum += $NF
	skip = 0
}
END { print sum + 0 }
