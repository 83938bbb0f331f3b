#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Every observation that prog/api_diff makes of our library equals that of the stock library, on
# each kind of device, or prog/api_diff.expected names a row of docs/differences.md for it. Ends
# with a table, which is kept as $OUT/table, too.
# Environment: DEVICES ("siw rxe"), ONLY (the beginning of the cases' names), API_SLOW (not empty:
# what takes the kernel minutes to end on stock as well).
# Time limit: 900 s
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$SRC/tests/vm/guest/lib.sh"
need_our_lib
prog=$BUILD/tests/vm/prog/api_diff
[ -x "$prog" ] || bail "there is no $prog: make check-progs, with librdmacm-dev"
differences=$(<"$SRC/docs/differences.md")
expected=$SRC/tests/vm/prog/api_diff.expected
: "${DEVICES:=siw rxe}"

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

# judge siw|rxe EXPECTED STOCK OURS: a line a finding, "ok GROUP", "differs NAME STOCK OURS",
# "tag TAG" and "used ROW" of what is documented, "sum OBSERVATIONS EQUAL DOCUMENTED UNEXPLAINED".
judge() {
	awk -v OFS='\t' -v device="$1" '
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
		if ($0 ~ /^(#|$)/ || ($3 != "" && $3 != device))
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
			observations++
			if ((n in stock) && (n in ours) && stock[n] == ours[n]) {
				equal++
				continue
			}
			t = tag_of(n)
			if (t != "") {
				tags[t] = 1
				documented++
			} else {
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
			if (i in used)
				print "used", shown[i]
		print "sum", observations, equal, documented + 0,
			observations - equal - documented
	}' "${@:2}" | sort
}

# Stock Linux 6.1 may stop in iw_cm at the deadly cases; those of RoCE are harmless.
observe() {
	local deadly=API_DEADLY=1
	[ "$1" = rxe ] || deadly=API_=
	with_lib stock env "$deadly" API_STEP=25 "$prog" ${ONLY:+"$ONLY"} \
		>"$OUT/$1.stock" 2>"$OUT/$1.stock.err"
	is $? 0 "$1: the program's exit status on the stock library"
	with_lib place env API_DEADLY=1 "$prog" ${ONLY:+"$ONLY"} >"$OUT/$1.ours" 2>"$OUT/$1.ours.err"
	is $? 0 "$1: and on ours"
	echo "# $1: by $SECONDS s"
}

# report siw|rxe: the findings as tests, the sum as a line of the table.
report() {
	local kind name one two three
	while IFS=$'\t' read -r kind name one two three; do
		case $kind in
		ok) ok "$1: $name: as stock, or as docs/differences.md says" ;;
		differs) not_ok "$1: $name differs without a reason" "stock: $one" "ours:  $two" ;;
		used) used+=" $name " ;;
		tag)
			[[ $differences == *"[$name]"* ]]
			is $? 0 "$1: docs/differences.md has the row [$name]"
			;;
		sum)
			printf '%-8s %12s %8s %11s %12s\n' "$1" "$name" "$one" "$two" "$three" \
				>>"$OUT/table"
			[ -n "${ONLY-}" ] || [ "$name" -ge 300 ]
			is $? 0 "$1: at least 300 observations ($name)"
			;;
		esac
	done < <(judge "$1" "$expected" "$OUT/$1.stock" "$OUT/$1.ours")
	is "$(grep -E ': (crash|hang|exit)' "$OUT/$1.ours")" "" "$1: nothing crashes or hangs on ours"
}

# Each row of the expected differences is still needed, if its case was run.
stale() {
	local row rest
	[ "$DEVICES" = "siw rxe" ] && [ -z "${ONLY-}" ] || return 0
	while read -r row rest; do
		[[ $row != "#"* && -n $row && $used != *" $row "* ]] || continue
		grep -qE "^$(sed 's/\..*//; s/[*]/.*/' <<<"$row")[.]" "$OUT"/*.ours || continue
		not_ok "api_diff.expected: no difference is left for $row"
	done <"$expected"
}

surroundings
export API_WORKERS=6
used=
printf '%-8s %12s %8s %11s %12s\n' device observations equal documented unexplained >"$OUT/table"
for device in $DEVICES; do
	set_device "$device"
	observe "$device"
	report "$device"
done
stale
sed 's/^/# /' "$OUT/table"
ip link delete d0 # its subnet is soft_siw's, too
done_testing
