# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Lines "NAME tcp|siw|soft VALUE" -> medians as ratios of TCP, as Markdown.
function median(key,   i, j, n, t, v) {
	n = count[key]
	for (i = 1; i <= n; i++)
		v[i] = value[key, i]
	for (i = 2; i <= n; i++)
		for (j = i; j > 1 && v[j - 1] > v[j]; j--) {
			t = v[j]; v[j] = v[j - 1]; v[j - 1] = t
		}
	return n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2
}
!($1 in seen) { seen[$1] = 1; names[++rows] = $1 }
{ key = $1 SUBSEP $2; value[key, ++count[key]] = $3 + 0 }
END {
	print "| what | TCP | siw / TCP | software device / TCP | at least as good |"
	print "|---|---|---|---|---|"
	for (r = 1; r <= rows; r++) {
		n = names[r]
		if (!count[n, "tcp"] || !count[n, "siw"] || !count[n, "soft"]) {
			printf "| %s | - | - | - | not measured |\n", n
			continue
		}
		tcp = median(n SUBSEP "tcp"); siw = median(n SUBSEP "siw") / tcp
		soft = median(n SUBSEP "soft") / tcp
		good = n ~ /^lat/ ? soft <= siw : soft >= siw
		printf "| %s | %.5g | %.2f | %.2f | %s |\n", n, tcp, siw, soft, good ? "yes" : "NO"
	}
}
