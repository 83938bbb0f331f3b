# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Sourced by netfault.sh here and in tests/vm/guest: two ends (tests/netfault/peer) in namespaces a
# and b, a router r between them, and questions about what they said. ok and not_ok are the
# caller's, as are $peer (the command that starts an end) and $work (a folder).
# No process is started to wait or to look: the guest is slow at that.
# shellcheck shell=bash disable=SC2034,SC2154

addr_a=10.91.1.2 addr_b=10.91.2.2 port=7471
ns=iwnf$$

now_ms() {
	local t=${EPOCHREALTIME/[.,]/}
	now=${t%???}
}

# ---- the net: a - r - b; whatever r does not forward is lost without a word

open_net() {
	local x
	for x in a r b; do
		ip netns add "$ns$x" || return
		ip -n "$ns$x" link set lo up
	done
	join a 1 && join b 2 || return
	mkfifo "$work/r.in" "$work/r.out"
	ip netns exec "${ns}r" bash <"$work/r.in" >"$work/r.out" 2>>"$work/r.err" &
	pid_r=$!
	exec {fd_r}>"$work/r.in" {from_r}<"$work/r.out"
	mend
}

# join END NUMBER: by the interface of its name in r.
join() {
	ip link add name "nf$1" netns "${ns}r" type veth peer name "nf$1" netns "$ns$1" &&
		ip -n "${ns}r" addr add "10.91.$2.1/24" dev "nf$1" &&
		ip -n "$ns$1" addr add "10.91.$2.2/24" dev "nf$1" &&
		ip -n "${ns}r" link set "nf$1" up &&
		ip -n "$ns$1" link set "nf$1" up &&
		ip -n "$ns$1" route add default via "10.91.$2.1"
}

close_net() {
	local x
	[ -z "${fd_r:-}" ] || exec {fd_r}>&-
	for x in a r b; do
		ip netns delete "$ns$x" 2>/dev/null
	done
	return 0
}

# in_r COMMAND: by the shell that waits there; done when this returns.
in_r() {
	local status
	echo "{ $1; } >&2; echo \$?" >&"$fd_r"
	IFS= read -r -t 20 -u "$from_r" status && [ "$status" = 0 ]
}

# forward END 0|1: what comes from that end; the time of the last change is $fault.
forward() {
	in_r "echo $2 >/proc/sys/net/ipv4/conf/nf$1/forwarding"
	now_ms
	fault=$now
}
cut() {
	forward a 0
	forward b 0
}
mend() {
	in_r "echo 1 >/proc/sys/net/ipv4/ip_forward"
	forward a 1
	forward b 1
}

# ---- the ends

# start_end END [VARIABLE=VALUE...]
start_end() {
	local x=$1 in out
	shift
	rm -f "$work/$x.in" "$work/$x.out"
	mkfifo "$work/$x.in" "$work/$x.out"
	ip netns exec "$ns$x" env "$@" "${peer[@]}" <"$work/$x.in" >"$work/$x.out" \
		2>>"$work/$x.err" &
	printf -v "pid_$x" %s $!
	exec {in}>"$work/$x.in" {out}<"$work/$x.out"
	printf -v "in_$x" %s "$in"
	printf -v "out_$x" %s "$out"
	forget
	await "$x" - READY 20000
}

# What it still holds dies with it.
stop_end() {
	local in=in_$1 out=out_$1 pid=pid_$1
	[ -n "${!pid:-}" ] || return 0
	kill -9 "${!pid}" 2>/dev/null
	wait "${!pid}" 2>/dev/null
	eval "exec ${!in}>&- ${!out}<&-"
	printf -v "$pid" ''
}

# tell END COMMAND...
tell() {
	local in=in_$1
	echo "${*:2}" >&"${!in}"
}

# Lines from before do not count any more.
forget() {
	log_a=() log_b=()
}

# await END NAME REGEX MS: a line of that connection; sets line and at. 1: none in that time.
await() {
	local -n log=log_$1
	local out=out_$1 i=0 end left
	now_ms
	end=$((now + $4))
	while :; do
		for ((; i < ${#log[@]}; i++)); do
			line=${log[i]}
			[[ $line =~ ^([0-9]+)\ $2\ $3 ]] && at=${BASH_REMATCH[1]} && return 0
		done
		now_ms
		left=$((end - now))
		((left > 0)) || return 1
		printf -v left '%d.%03d' $((left / 1000)) $((left % 1000))
		IFS= read -r -t "$left" -u "${!out}" line && log+=("$line") && echo "$1 $line" >>"$work/log"
	done
}

# all_of END NAME: the lines that have come, for a complaint.
all_of() {
	local -n log=log_$1
	local l
	for l in ${log[@]+"${log[@]}"}; do
		[[ $l != *" $2 "* ]] || printf '%s; ' "${l#* }"
	done
}

# within END NAME REGEX MS TEXT: counted from $fault.
within() {
	local took
	now_ms
	# What was said in time is read even if another end has used up the time.
	if ! await "$1" "$2" "$3" $((fault + $4 - now > 200 ? fault + $4 - now : 200)); then
		not_ok "$5" "$1 did not say $2 $3 within $4 ms, but: $(all_of "$1" "$2")"
		return 1
	fi
	took=$((at - fault))
	((took >= 0)) || took=0
	if ((took > $4)); then
		not_ok "$5" "$1 said $2 $3 after $took ms, more than $4"
	else
		ok "$5 (${took} of $4 ms)"
	fi
}

# ended END NAME REGEX MS TEXT: the terminal event, then all work is back.
ended() {
	within "$1" "$2" "$3" "$4" "$5" || return
	await "$1" "$2" FLUSHED 2000 || {
		not_ok "$5: all work is back" "$(all_of "$1" "$2")"
		return 1
	}
	[[ $line == *" bad=0" ]] || not_ok "$5: data" "$line"
}

# silent END NAME REGEX MS TEXT
silent() {
	if await "$1" "$2" "$3" "$4"; then
		not_ok "$5" "$line"
	else
		ok "$5"
	fi
}

# connect NAME...: from a to b, and both know it.
connect() {
	local name
	for name in "$@"; do
		tell a connect "$name" $addr_b $port
	done
	for name in "$@"; do
		{ await a "$name" 'ESTABLISHED 0' 20000 && await b "$name" 'ESTABLISHED 0' 20000; } ||
			not_ok "$name connects" "a: $(all_of a "$name") b: $(all_of b "$name")"
	done
}

# end_case TEXT: both ends let go of all they have, fast; nothing was lost, no event came twice.
end_case() {
	local x l wrong=() slow
	for x in a b; do
		tell $x destroy all
	done
	for x in a b; do
		await $x - 'GONE all' 20000 || wrong+=("$x does not come back")
		local -n said=log_$x
		for l in ${said[@]+"${said[@]}"}; do
			[[ $l != *WRONG* ]] || wrong+=("$x: $l")
			[[ $l != *DESTROYED* || $l == *" lost=0 bad=0" ]] || wrong+=("$x: $l")
			slow=${l#*took=}
			[[ $l != *DESTROYED* || ${slow%% *} -lt 1000 ]] || wrong+=("$x: $l")
		done
	done
	if [ ${#wrong[@]} = 0 ]; then
		ok "$1: nothing lost, no event twice, every destroy within 1 s"
	else
		not_ok "$1: ${#wrong[@]} wrong" "${wrong[@]}"
	fi
	forget
}

# state END: sets fds and rss.
state() {
	tell "$1" state
	await "$1" - STATE 5000
	fds=${line#*fds=} rss=${line#*rss_kb=}
	fds=${fds%% *}
}
