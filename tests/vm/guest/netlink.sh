#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# netlink/ with real RDMA devices: which one serves an address, through VLAN, macvlan, bond and
# bridge; both ways of reading the table; and its unit tests, on a kernel that has every link type.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$SRC/tests/vm/guest/lib.sh"

show=$BUILD/tests/nl_show
[ -x "$show" ] || skip_all "there is no $show: make check-progs builds it (needs Criterion)"

# field NAME ADDRESS: one field of what nl_show says.
field() {
	"$show" "$2" | tr ' ' '\n' | sed -n "s/^$1=//p"
}

# A device needs a moment until its port shows.
wait_dev() {
	local i
	for ((i = 0; i < 100; i++)); do
		rdma link show "$1/1" 2>/dev/null | grep -q ACTIVE && return
		sleep 0.05
	done
}

# ---- direct and local

is "$(field rdma 10.77.0.99)" "$DEV/1" "an address beyond v0 is served by $DEV"
is "$(field dev 10.77.0.99)" v0 "and leaves by v0"
is "$(field src 10.77.0.99)" "$ADDR" "from its first address"
is "$(field rdma "$ADDR")" "$DEV/1" "so is an address of this host"
is "$(field local "$ADDR")" 1 "which is local"
is "$(field rdma "$ADDR6")" "$DEV/1" "and an IPv6 one"
is "$(field rdma fe80::9%v0)" "$DEV/1" "and a link-local one"
is "$(field rdma "::ffff:10.77.0.99")" "$DEV/1" "and an IPv4-mapped one"
is "$(field rdma 127.0.0.1)" -19 "the loopback has no device"
is "$(field rdma fe80::9%v1)" -19 "nor has the veth peer of an interface that has one"
is "$(field error 192.0.2.1)" -101 "without a route there is none to look for"
is "$("$show" -a | head -n 1)" "first $DEV/1 $ADDR" "the first address with a device"
is "$("$show" -a | tail -n 1)" "first $DEV/1 $ADDR6" "and of IPv6"

# ---- the two sources

is "$("$show" -t | grep netlink)" "netlink $DEV/1 v0" "RDMA netlink tells the interface"
is "$("$show" -t | grep sysfs)" "sysfs $DEV/1 v0" "sysfs does as well (siw: by its GID)"

# ---- above the device

ip link add link v0 name v0.5 type vlan id 5
ip addr add 10.78.0.1/24 dev v0.5
ip link set v0.5 up
is "$(field rdma 10.78.0.9)" "$DEV/1" "a VLAN is served by the device below it"
is "$(field dev 10.78.0.9)" v0.5 "though the route names the VLAN"
is "$("$show" -t | grep sysfs)" "sysfs $DEV/1 v0" "sysfs does not take the VLAN for the device's"

ip link add link v0.5 name mac0 type macvlan
ip addr add 10.79.0.1/24 dev mac0
ip link set mac0 up
is "$(field rdma 10.79.0.9)" "$DEV/1" "a macvlan over the VLAN, too"

ip link add b0 type veth peer name b1
ip link add c0 type veth peer name c1
ip link add bnd0 type bond mode active-backup miimon 10
for i in b0 c0; do
	ip link set $i down
	ip link set $i master bnd0
done
ip link set b1 up
ip link set c1 up
ip addr add 10.80.0.1/24 dev bnd0
ip link set bnd0 up
wait_line /sys/class/net/bnd0/operstate up 5
is "$(field rdma 10.80.0.9)" -19 "a bond of interfaces without devices has none"
rdma link add siwb type siw netdev b0
wait_dev siwb
is "$(field rdma 10.80.0.9)" siwb/1 "then it has that of its slave"
rdma link add siwc type siw netdev c0
wait_dev siwc
ip link set bnd0 type bond active_slave c0
is "$(field rdma 10.80.0.9)" siwc/1 "and that of the active one if there are two"
ip link set bnd0 type bond active_slave b0
is "$(field rdma 10.80.0.9)" siwb/1 "whichever that is"

ip link add br0 type bridge
ip link add d0 type veth peer name d1
ip link set d0 master br0
ip link set d0 up
ip link set d1 up
ip addr add 10.81.0.1/24 dev br0
ip link set br0 up
wait_line /sys/class/net/br0/operstate up 5
rdma link add siwd type siw netdev d0
wait_dev siwd
is "$(field rdma 10.81.0.9)" siwd/1 "a bridge is served by the device of its port"

ip link add red type vrf table 10
ip link set red up
ip link add e0 type veth peer name e1
ip link set e0 master red
ip addr add 10.82.0.1/24 dev e0
ip link set e0 up
ip link set e1 up
rdma link add siwe type siw netdev e0
wait_dev siwe
is "$("$show" -o red 10.82.0.9 | sed 's/.*rdma=//')" siwe/1 "and an interface in a VRF by its own"

# ---- devices that come and go, seen by one process

coproc LONG { exec "$show" -; }
ask() {
	echo "$1" >&"${LONG[1]}"
	read -r -t 10 line <&"${LONG[0]}"
	echo "$line" | tr ' ' '\n' | sed -n 's/^rdma=//p'
}
is "$(ask 10.77.0.99)" "$DEV/1" "a process that lasts finds the device"
ip link add f0 type veth peer name f1
ip addr add 10.83.0.1/24 dev f0
ip link set f0 up
ip link set f1 up
is "$(ask 10.83.0.9)" -19 "and none on a new interface"
rdma link add siwf type siw netdev f0
wait_dev siwf
is "$(ask 10.83.0.9)" siwf/1 "until one comes"
ip link del f0
eval "exec ${LONG[1]}>&-"

# ---- no permission to RDMA netlink, and none at all

setpriv --reuid 65534 --clear-groups "$show" 10.77.0.99 >"$OUT/nobody"
like "$OUT/nobody" "rdma=$DEV/1" "without privileges it is the same"
unshare -n "$show" -t >"$OUT/elsewhere"
is $? 0 "in another namespace the question is harmless"

# ---- unit tests of link types that the machine outside may lack; of all they would take minutes

# unit PROGRAM FILTER
unit() {
	[ -x "$BUILD/tests/$1" ] || return
	timeout 120 "$BUILD/tests/$1" --filter "$2" --verbose=1 >"$OUT/$1" 2>&1
	is $? 0 "$1 passes on this kernel: $2"
	grep -aE 'SKIP|FAIL|Assertion|expression|ip says' "$OUT/$1" | grep -v 'is disabled' | sed 's/^/# /'
}

unit test_nl_route 'nl_route/lookup__agrees_@(in_a_vrf|on_a_bond|on_a_vlan|on_refusing_routes)'
unit test_nl_topo 'nl_topo/read__@(finds_the_slave_of_a_bond|knows_which_slave_of_a_bond_waits)'

for i in siwb siwc siwd siwe; do
	rdma link del $i
done
for i in mac0 v0.5 bnd0 br0 red b0 c0 d0 e0; do
	ip link del $i
done
done_testing
