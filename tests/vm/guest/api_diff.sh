#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Every observation that prog/api_diff makes of our library equals that of the stock library, or
# prog/api_diff.expected names a row of docs/differences.md for it.
# Time limit: 600 s
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$SRC/tests/vm/guest/lib.sh"
need_our_lib
prog=$BUILD/tests/vm/prog/api_diff
[ -x "$prog" ] || bail "there is no $prog: make check-progs, with librdmacm-dev"
differences=$(<"$SRC/docs/differences.md")

# What api_diff_addr.c counts on.
surroundings() {
	ip link add d0 type dummy
	ip addr add 10.88.0.1/24 dev d0
	ip link set d0 up
	ip neigh replace 10.88.0.2 lladdr 02:00:00:00:00:02 dev d0
	ip route add unreachable 192.0.2.1
	ip route add blackhole 192.0.2.2
	ip route add prohibit 192.0.2.3
	ip route add throw 192.0.2.4
	LINK_LOCAL=$(ip -6 -o addr show dev v0 scope link | awk '{ sub("/.*", "", $4); print $4; exit }')
	[ -z "$LINK_LOCAL" ] || export LINK_LOCAL=$LINK_LOCAL%v0
}

# A line a finding: "ok GROUP", "differs NAME STOCK OURS", "tag TAG" in use, "stale ROW".
judge() {
	awk -v OFS='\t' '
	function group(name) { sub(/\..*/, "", name); return name }
	function rest(line) { return substr(line, index(line, ": ") + 2) }
	function name(line) { return substr(line, 1, index(line, ": ") - 1) }
	function tag_of(n,    i) {
		for (i = 1; i <= rows; i++)
			if (n ~ row[i]) {
				used[i] = 1
				return tag[i]
			}
		return ""
	}
	FILENAME == ARGV[1] {
		if ($0 ~ /^(#|$)/)
			next
		rows++
		shown[rows] = $1
		row[rows] = $1
		gsub(/\./, "\\.", row[rows])
		gsub(/\*/, ".*", row[rows])
		row[rows] = "^" row[rows] "$"
		tag[rows] = $2
		next
	}
	FILENAME == ARGV[2] { stock[name($0)] = rest($0); next }
	{ ours[name($0)] = rest($0) }
	END {
		for (n in stock)
			all[n] = 1
		for (n in ours)
			all[n] = 1
		for (n in all) {
			if (!(group(n) in bad))
				bad[group(n)] = 0
			if ((n in stock) && (n in ours) && stock[n] == ours[n])
				continue
			t = tag_of(n)
			if (t != "")
				tags[t] = 1
			else {
				bad[group(n)]++
				print "differs", n, (n in stock) ? stock[n] : "-", (n in ours) ? ours[n] : "-"
			}
		}
		for (g in bad)
			if (!bad[g])
				print "ok", g
		for (t in tags)
			print "tag", t
		for (i = 1; i <= rows; i++)
			if (!(i in used))
				print "stale", shown[i]
	}' "$@" | sort
}

surroundings
export API_WORKERS=4
with_lib stock env API_STEP=25 "$prog" >"$OUT/stock" 2>"$OUT/stock.err"
is $? 0 "the program's exit status on the stock library"
with_lib place env API_DEADLY=1 "$prog" >"$OUT/ours" 2>"$OUT/ours.err"
is $? 0 "and on ours"

while IFS=$'\t' read -r kind name stock ours; do
	case $kind in
	ok) ok "$name: as stock, or as docs/differences.md says" ;;
	differs) not_ok "$name differs without a reason" "stock: $stock" "ours:  $ours" ;;
	stale) not_ok "api_diff.expected: no difference is left for $name" ;;
	tag)
		[[ $differences == *"[$name]"* ]]
		is $? 0 "docs/differences.md has the row [$name]"
		;;
	esac
done < <(judge "$SRC/tests/vm/prog/api_diff.expected" "$OUT/stock" "$OUT/ours")

is "$(grep -E ': (crash|hang|exit)' "$OUT/ours")" "" "nothing crashes or hangs on ours"
n=$(wc -l <"$OUT/ours")
[ "$n" -ge 150 ]
is $? 0 "at least 150 observations ($n)"
done_testing
