# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Makes the table of the goals from "metric library value" lines: medians, ratio, verdict.
# -v markdown=1 for a Markdown table, else plain columns.

BEGIN {
	# metric, text, goal: "<= x" and ">= x" are ratios ours / stock, "= x" the value itself
	row("calls_active", "system calls per connection, active", "<= 1.3")
	row("calls_passive", "system calls per connection, passive", "<= 1.3")
	row("first_calls_active", "system calls of the first connection, active", "<= 0.8")
	row("first_calls_passive", "system calls of the first connection, passive", "<= 0.8")
	row("insns_active", "instructions per connection, active", "<= 1.0")
	row("insns_passive", "instructions per connection, passive", "<= 1.0")
	row("rate_cmtime", "connections a second, cmtime -c 60", ">= 0.97")
	row("rate_loop", "connections a second, 500 in sequence", ">= 0.97")
	row("first_id", "first rdma_create_id, channel included, us", "<= 0.5")
	row("first_id_sync", "first rdma_create_id, synchronous, us", "<= 0.5")
	row("threads_active", "threads of a client that has one", "= 1")
	row("threads_passive", "threads of a server that has one", "= 1")
}

function row(metric, text, goal)
{
	order[++rows] = metric
	texts[metric] = text
	goals[metric] = goal
}

NF == 3 {
	k = $1 SUBSEP $2
	values[k, ++count[k]] = $3 + 0
}

function median(metric, lib,    k, n, i, j, v, t)
{
	k = metric SUBSEP lib
	n = count[k]
	for (i = 1; i <= n; i++)
		v[i] = values[k, i]
	for (i = 2; i <= n; i++)
		for (j = i; j > 1 && v[j - 1] > v[j]; j--) {
			t = v[j]
			v[j] = v[j - 1]
			v[j - 1] = t
		}
	return n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2
}

function verdict(goal, ratio, value,    g)
{
	split(goal, g, " ")
	if (g[1] == "<=")
		return ratio <= g[2] + 0 ? "met" : "missed"
	if (g[1] == ">=")
		return ratio >= 1.05 ? "stretch" : ratio >= g[2] + 0 ? "met" : "missed"
	return value == g[2] + 0 ? "met" : "missed"
}

function line(a, b, c, d, e, f, g)
{
	if (markdown)
		printf "| %s | %s | %s | %s | %s | %s | %s |\n", a, b, c, d, e, f, g
	else
		printf "%-46s %9s %9s %7s %8s %8s  %s\n", a, b, c, d, e, f, g
}

function print_row(metric,    ours, stock, ratio)
{
	n = count[metric, "ours"]
	if (!n || !count[metric, "stock"]) {
		line(texts[metric], "-", "-", "-", goals[metric], 0, "not measured")
		missed++
		return
	}
	ours = median(metric, "ours")
	stock = median(metric, "stock")
	ratio = stock ? ours / stock : 0
	v = verdict(goals[metric], ratio, ours)
	missed += v == "missed"
	line(texts[metric], sprintf("%.1f", ours), sprintf("%.1f", stock), sprintf("%.2f", ratio),
	     goals[metric], n, v)
}

END {
	line("figure", "ours", "stock", "ratio", "goal", "rounds", "verdict")
	if (markdown)
		print "|---|---|---|---|---|---|---|"
	for (i = 1; i <= rows; i++)
		print_row(order[i])
	exit missed > 0
}
