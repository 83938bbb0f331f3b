# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# For check_faults.sh: the calls of our sources that match @faulty, one a line:
# file, function, call, COVERED or FREE. A call is covered by an iw_fault() that
# stands before it in its function and that no call between them has spent.
# Our layout is the kernel's: a body runs from a "{" to a "}" in the first column.
function strip(line) {
	gsub(/\\"/, "", line)
	gsub(/"[^"]*"/, "\"\"", line)
	sub(/\/\/.*/, "", line)
	if (comment) {
		if (!sub(/^.*\*\//, "", line))
			return ""
		comment = 0
	}
	gsub(/\/\*([^*]|\*[^\/])*\*\//, "", line)
	if (line ~ /\/\*/) {
		comment = 1
		sub(/\/\*.*/, "", line)
	}
	return line
}
function calls(line,	name, before) {
	while (match(line, /[A-Za-z_][A-Za-z0-9_]*\(/)) {
		name = substr(line, RSTART, RLENGTH - 1)
		before = RSTART > 1 ? substr(line, RSTART - 1, 1) : ""
		line = substr(line, RSTART + RLENGTH)
		# A member of a table is a driver's or the other library's.
		if (before == "." || before == ">")
			continue
		if (name ~ asks)
			credit++
		else if (name ~ faulty)
			print file, fn, name, (credit-- > 0 ? "COVERED" : "FREE")
		if (credit < 0)
			credit = 0
	}
}
FNR == 1 {
	comment = body = credit = 0
	fn = "-"
	file = substr(FILENAME, length(root) + 1)
}
{ line = strip($0) }
/^[A-Za-z].*\(/ && !body {
	head = line
	sub(/\(.*/, "", head)
	n = split(head, word, /[^A-Za-z0-9_]+/)
	fn = word[n]
}
/^[{]/ { body = 1; credit = 0 }
/^[}]/ { body = 0 }
body || /^#define|^\t.*\\$/ { calls(line) }
