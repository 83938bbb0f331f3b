#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Records what two software devices say to each other on lo and has Wireshark's decoder read it;
# likewise the recording of the guest's soft_siw_ends.sh, if there is one.
# usage: decode.sh [PCAP...]   in the build tree; TAP. Skips (77) without tshark, or the right to
# capture, or the programs; in CI that is a failure.
set -u

prog=$PWD/tests/vm/prog/pair
lib=$PWD/.libs/librdmacm.so.1
guest=$PWD/tests/vm/log/files/soft_siw_ends/far.pcap
port=$((21000 + $$ % 9000))
n=0 bad=0

skip() {
	echo "skipped: $*"
	[ "${CI:-}" = true ] && exit 1
	exit 77
}

# is GOT WANT TEXT
is() {
	n=$((n + 1))
	if [ "$1" = "$2" ]; then
		echo "ok $n - $3"
	else
		echo "not ok $n - $3: got '$1', not '$2'"
		bad=1
	fi
}

# Two readings of a recording: $tmp/text, all that is known of each frame, and $tmp/frames, a line
# each. The payload is not for the protocols that usually lie above. Wireshark knows the protocol
# by its first frames, so a recording begins before the connections.
decode() {
	local how=(-n -r "$1" --disable-protocol rpcordma --disable-protocol smb_direct
		-o tcp.try_heuristic_first:TRUE)
	tshark "${how[@]}" -V >"$tmp/text" 2>/dev/null
	tshark -2 "${how[@]}" -T fields -e tcp.stream -e tcp.analysis.ack_lost_segment -e tcp.len \
		-e frame.protocols -e tcp.reassembled_in -e tcp.analysis.retransmission \
		-e tcp.analysis.spurious_retransmission -e tcp.analysis.fast_retransmission \
		-e tcp.analysis.out_of_order -E separator=, >"$tmp/frames" 2>/dev/null
}

# lines REGEX: how many of the text match
lines() {
	grep -cE -- "$1" "$tmp/text"
}

# values REGEX: what follows it, each once, on a line
values() {
	sed -nE "s/^.*$1//p" "$tmp/text" | sort -u | tr '\n' ' ' | sed 's/ $//'
}

# Frames that break off. Where a connection has the ports of an earlier one, Wireshark takes its
# Request and Reply for FPDUs of 19792 bytes, which is "MP": those are not counted.
malformed() {
	awk '/ULPDU length: 19792 / { again = 1 }
		/^\[Malformed Packet: / { n += !again; again = 0 }
		END { print n + 0 }' "$tmp/text"
}

# Connections of which the recording lacks data: the receiver acknowledged what is not there. A
# guest without hardware virtualization loses packets on the way to tcpdump.
torn() {
	awk -F, '$2 != "" && !seen[$1]++' "$tmp/frames" | wc -l
}

# Frames with data that belong to no FPDU or set-up frame, nor to one that ends in a later frame,
# and were not sent before. Torn connections cannot be read to their end and are not counted.
undecoded() {
	awk -F, 'NR == FNR { torn[$1] += $2 != ""; next }
		!torn[$1] && $3 > 0 && $4 !~ /iwarp_mpa/ && $5 $6 $7 $8 $9 == ""' \
		"$tmp/frames" "$tmp/frames" | wc -l
}

# What holds of any recording of connections that were set up well.
check_frames() {
	local name=$1 streams
	streams=$(cut -d, -f1 "$tmp/frames" | sort -u | wc -l)
	is "$(($(torn) * 10 <= streams))" 1 "$name: $(torn) of $streams connections lack packets"
	is "$(undecoded)" 0 "$name: every frame with data is decoded"
	is "$(malformed)" 0 "$name: no frame is malformed"
	is "$(lines '\(Bad CRC')" 0 "$name: no bad CRC"
	is "$(values '^        Revision: ')" 2 "$name: MPA revision 2"
	is "$(lines 'Marker flag: True')" 0 "$name: nobody wants markers"
	is "$(values 'DDP protocol version: ') $(values '^ +01\.\. \.\.\.\. = Version: ')" "1 1" \
		"$name: DDP and RDMAP version 1"
	is "$(values '00(00)?\.\.(\.\.)? = Reserved: ')" 0x0 "$name: reserved bits are 0"
}

# ---- between two of ours

start_capture() {
	tcpdump -i lo -Z root --immediate-mode -s 0 -B 65536 -U -w "$tmp/lo.pcap" "tcp port $port" 2>"$tmp/tcpdump" &
	capture=$!
	local i
	for ((i = 0; i < 100; i++)); do
		grep -q '^tcpdump: listening' "$tmp/tcpdump" && return
		kill -0 "$capture" 2>/dev/null || break
		sleep 0.1
	done
	skip "cannot capture: $(tail -n 1 "$tmp/tcpdump")"
}

listens() {
	grep -qE "$(printf ':%04X [0-9A-F:]* 0A ' "$port")" /proc/net/tcp
}

# until_still FILE: what was captured is in it.
until_still() {
	local size=-1 i
	for ((i = 0; i < 60 && size != $(stat -c %s "$1"); i++)); do
		size=$(stat -c %s "$1")
		sleep 0.5
	done
}

# record SCENARIO...: with CRC; all must succeed
record() {
	local env=(IWSHIM_DEVICE=soft IWSHIM_CRC=on "LD_PRELOAD=$lib") i server
	start_capture
	env "${env[@]}" "$prog" -s -a 127.0.0.1 -p $port >"$tmp/server" 2>&1 &
	server=$!
	for ((i = 0; i < 100; i++)); do
		listens && break
		sleep 0.1
	done
	env "${env[@]}" "$prog" -c -a 127.0.0.1 -p $port "$@" >"$tmp/client" 2>&1
	is $? 0 "the scenarios $* succeed"
	kill $server
	until_still "$tmp/lo.pcap"
	kill -INT "$capture"
	wait 2>/dev/null
}

check_ours() {
	record echo write read few_up few_down bad_write_stag bad_write_end bad_read_stag \
		bad_read_end bad_no_receive bad_too_long
	decode "$tmp/lo.pcap"
	check_frames lo
	is "$(values ' = OpCode: [A-Za-z ]*')" "(0x0) (0x1) (0x2) (0x3) (0x7)" \
		"lo: Write, Read Request, Read Response, Send, Terminate"
	is "$(lines 'CRC flag: True') $(lines 'CRC flag: False')" "22 0" "lo: both want a CRC"
	is "$(lines 'ID Req frame:') $(lines 'ID Rep frame:')" "11 11" \
		"lo: a Request and a Reply for each connection"
	is "$(lines '\(Good CRC32\)')" "$(lines 'ULPDU length:')" "lo: a good CRC in every FPDU"
	is "$(terminates)" "DDP-1-00 DDP-1-01 RDMA-1-00 RDMA-1-01 DDP-2-02 DDP-2-05" \
		"lo: a Terminate for each violation: its layer, type and code"
}

# The Terminates of the text, in order.
terminates() {
	sed -nE 's/^.*= Layer: ([A-Z]+).*/\1/p; s/^.*Error Types for .*\(0x([0-9a-f]+)\)/-\1/p
		s/^.*Error Code for .*\(0x([0-9a-f]+)\)/-\1 /p' "$tmp/text" | tr -d '\n' |
		sed 's/ $//'
}

# ---- all

command -v tshark >/dev/null || skip "no tshark"
command -v tcpdump >/dev/null || skip "no tcpdump"
tmp=$(mktemp -d) || exit 99
trap 'rm -rf "$tmp"' EXIT
if [ $# = 0 ]; then
	[ -x "$prog" ] || skip "not built: make check-progs"
	[ -e "$lib" ] || skip "the library is not built"
	nm -D "$lib" | grep -qE '__(asan|tsan)_init' && {
		echo "skipped: built with a sanitizer"
		exit 77
	}
	check_ours
	[ ! -s "$guest" ] || set -- "$guest"
fi
for pcap in "$@"; do
	decode "$pcap"
	check_frames "${pcap##*/}"
done
echo "1..$n"
exit $bad
