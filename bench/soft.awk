# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Lines "NAME goal <=X", "NAME ref VALUE", "NAME ours VALUE" -> medians, ratio, verdict.
function median(key, n,   i, j, t, v) {
	for (i = 1; i <= n; i++)
		v[i] = value[key, i]
	for (i = 2; i <= n; i++)
		for (j = i; j > 1 && v[j - 1] > v[j]; j--) {
			t = v[j]; v[j] = v[j - 1]; v[j - 1] = t
		}
	return n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2
}
$2 == "goal" { names[++rows] = $1; goal[$1] = $3; next }
{ key = $1 SUBSEP $2; value[key, ++count[key]] = $3 + 0 }
END {
	line = markdown ? "| %s | %s | %s | %s | %s | %s |\n" : "%-42s %12s %12s %8s %8s  %s\n"
	printf line, "what", "reference", "ours", "ratio", "goal", "verdict"
	if (markdown)
		print "|---|---|---|---|---|---|"
	for (r = 1; r <= rows; r++) {
		name = names[r]
		shown = name
		gsub("_", " ", shown)
		ours = name SUBSEP "ours"
		ref = name SUBSEP "ref"
		if (!count[ours]) {
			printf line, shown, "-", "-", "-", goal[name], "not measured"
			continue
		}
		mine = median(ours, count[ours])
		base = count[ref] ? median(ref, count[ref]) : 0
		figure = base ? mine / base : mine
		limit = substr(goal[name], 3) + 0
		met = goal[name] ~ /^<=/ ? figure <= limit : figure >= limit
		printf line, shown, base ? sprintf("%.5g", base) : "-", sprintf("%.5g", mine), \
			base ? sprintf("%.2f", figure) : "-", goal[name], met ? "met" : "MISSED"
	}
}
