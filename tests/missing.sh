# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Sourced by the checks of symbols: what docs/missing-symbols.md admits.
# shellcheck shell=sh

# missing_in FILE: "VERSION symbol" lines of the table of missing symbols in a Markdown file.
missing_in() {
	sed -n '/<!-- missing-symbols -->/,/<!-- \/missing-symbols -->/p' "$1" |
		awk -F'`' '{ for (i = 2; i <= NF; i += 2)
			if ($i ~ /^RDMACM_/) version = $i; else print version, $i }' | sort
}

# without_rsockets: of such lines those that are not of the sockets API.
without_rsockets() {
	grep ' rdma_' || :
}
