// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * nl_topo: the walk below VLANs and masters, through a table made by hand and
 * through the kernel's own.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "netlink/nl_topo.h"
#include "tests/nl_ns.h"

/* ---- what stands on what, by hand */

struct visits {
	int seen[16];
	size_t n;
	int wanted;
};

static bool visit(int ifindex, void *arg)
{
	struct visits *visits = arg;

	cr_assert_lt(visits->n, IW_ARRAY_SIZE(visits->seen));
	visits->seen[visits->n++] = ifindex;
	return ifindex == visits->wanted;
}

/* 20 VLAN on 10, a bond of 1 (waits), 2 (active), 3 (down), 4 (no carrier). */
static struct nl_topo_link bonded[] = {
	{ .ifindex = 1, .master = 10, .up = true, .running = true, .backup = true },
	{ .ifindex = 2, .master = 10, .up = true, .running = true },
	{ .ifindex = 3, .master = 10, .running = true },
	{ .ifindex = 4, .master = 10, .up = true },
	{ .ifindex = 10, .kind = NL_KIND_MASTER, .up = true, .running = true },
	{ .ifindex = 20, .kind = NL_KIND_UPPER, .lower = 10, .up = true, .running = true },
};

Test(nl_topo, below__asks_the_nearest_first_and_active_slaves_before_waiting_ones)
{
	const struct nl_topo topo = { .links = bonded, .n = IW_ARRAY_SIZE(bonded) };
	struct visits visits = { 0 };

	cr_assert_not(nl_topo_below(&topo, 20, visit, &visits));
	cr_assert_eq(visits.n, 4);
	cr_assert_eq(visits.seen[0], 20);
	cr_assert_eq(visits.seen[1], 10);
	cr_assert_eq(visits.seen[2], 2);
	cr_assert_eq(visits.seen[3], 1);
	visits = (struct visits){ .wanted = 2 };
	cr_assert(nl_topo_below(&topo, 20, visit, &visits));
	cr_assert_eq(visits.n, 3);
}

Test(nl_topo, below__ends_in_a_loop_and_at_an_unknown_interface)
{
	struct nl_topo_link looped[] = {
		{ .ifindex = 1, .kind = NL_KIND_UPPER, .lower = 2 },
		{ .ifindex = 2, .kind = NL_KIND_UPPER, .lower = 1 },
	};
	const struct nl_topo topo = { .links = looped, .n = IW_ARRAY_SIZE(looped) };
	struct visits visits = { 0 };

	cr_assert_not(nl_topo_below(&topo, 1, visit, &visits));
	cr_assert_leq(visits.n, 10);
	visits = (struct visits){ 0 };
	cr_assert_not(nl_topo_below(&topo, 9, visit, &visits));
	cr_assert_eq(visits.n, 1);
}

/* ---- what stands on what, by the kernel */

static bool stands_on(const char *upper, const char *lower)
{
	struct visits visits = { .wanted = ns_ifindex(lower) };
	struct nl_topo topo = { 0 };
	bool found;

	cr_assert_eq(nl_topo_read(&topo), 0);
	found = nl_topo_below(&topo, ns_ifindex(upper), visit, &visits);
	nl_topo_fini(&topo);
	return found;
}

Test(nl_topo, read__does_not_take_a_veth_peer_for_a_lower_interface)
{
	ns_enter_veth();
	cr_assert(stands_on("v0", "v0"));
	cr_assert_not(stands_on("v0", "v1"));
}

static void stands_on_v0(const char *kind, const char *add)
{
	ns_enter_veth();
	ns_need(kind, "ip link add link v0 name u0 type %s", add);
	ns_run("ip link set u0 up");
	cr_assert(stands_on("u0", "v0"));
	cr_assert_not(stands_on("u0", "w0"));
	cr_assert_not(stands_on("v0", "u0"));
}

Test(nl_topo, read__finds_what_is_below_a_vlan)
{
	stands_on_v0("VLAN", "vlan id 5");
}

Test(nl_topo, read__finds_what_is_below_a_macvlan)
{
	stands_on_v0("macvlan", "macvlan");
}

Test(nl_topo, read__finds_what_is_below_an_ipvlan)
{
	stands_on_v0("ipvlan", "ipvlan");
}

Test(nl_topo, read__takes_no_number_of_another_namespace)
{
	pid_t peer;

	ns_enter_veth();
	peer = ns_peer("w1");
	ns_need("macvlan", "ip link add link v0 name u0 type macvlan");
	ns_run("ip link set u0 netns %d", (int)peer);
	ns_run("nsenter -t %d -n ip link set u0 up", (int)peer);
	ns_run("ip link set v0 down");
	cr_assert(stands_on("v0", "v0"));
}

static void has_slave(const char *kind, const char *add)
{
	ns_enter_veth();
	ns_need(kind, "ip link add m0 type %s", add);
	ns_run("ip link set w0 down; ip link set w0 master m0; ip link set m0 up; ip link set w0 up");
	for (int i = 0; i < 100 && !stands_on("m0", "w0"); i++)
		usleep(20000);
	cr_assert(stands_on("m0", "w0"));
	cr_assert_not(stands_on("m0", "v0"));
	ns_run("ip link set w0 down");
	cr_assert_not(stands_on("m0", "w0"));
}

Test(nl_topo, read__finds_the_slave_of_a_bond)
{
	has_slave("bond", "bond mode active-backup miimon 10");
}

Test(nl_topo, read__finds_the_port_of_a_bridge)
{
	has_slave("bridge", "bridge");
}

Test(nl_topo, read__finds_the_slave_of_a_vrf)
{
	has_slave("VRF", "vrf table 10");
}

Test(nl_topo, read__knows_which_slave_of_a_bond_waits)
{
	struct nl_topo topo = { 0 };

	ns_enter_veth();
	ns_need("bond", "ip link add m0 type bond mode active-backup miimon 10");
	ns_run("ip link set v0 down; ip link set w0 down; ip link set m0 up");
	ns_run("ip link set v0 master m0; ip link set w0 master m0");
	ns_run("ip link set m0 type bond active_slave w0");
	cr_assert_eq(nl_topo_read(&topo), 0);
	cr_assert(nl_topo_find(&topo, ns_ifindex("v0"))->backup);
	cr_assert_not(nl_topo_find(&topo, ns_ifindex("w0"))->backup);
	nl_topo_fini(&topo);
}

Test(nl_topo, one__reads_flags)
{
	struct nl_topo_link link;

	ns_enter_veth();
	cr_assert_eq(nl_topo_one(1, &link), 0);
	cr_assert(link.up && link.no_arp);
	ns_run("ip link set v0 down");
	cr_assert_eq(nl_topo_one(ns_ifindex("v0"), &link), 0);
	cr_assert_not(link.up);
	cr_assert_not(link.no_arp);
	cr_assert_not(link.infiniband);
	cr_assert_eq(nl_topo_one(9999, &link), -ENODEV);
	cr_assert_eq(nl_topo_one(0, &link), -ENODEV);
}

/* 250 names of 100 letters make one answer bigger than the socket's buffer. */
Test(nl_topo, one__reads_an_answer_beyond_the_buffer)
{
	struct nl_topo_link link;

	ns_enter_veth();
	ns_need("alternative names",
		"for i in $(seq 100 349); do echo link property add dev v0 altname "
		"n$i$(printf '%%0100d' 0); done | ip -batch -");
	cr_assert_eq(nl_topo_one(ns_ifindex("v0"), &link), 0);
	cr_assert_eq(link.ifindex, ns_ifindex("v0"));
	ns_run("ip link add v7 type veth peer name v8");
	iw_fault_arm(IW_FAULT_ALLOC, 1);
	cr_assert_eq(nl_topo_one(ns_ifindex("v0"), &link), 0, "the bigger buffer stays");
	iw_fault_arm(0, 0);
}

Test(nl_topo, one__without_memory_for_a_bigger_buffer)
{
	struct nl_topo_link link;

	ns_enter_veth();
	ns_need("alternative names",
		"for i in $(seq 100 349); do echo link property add dev v0 altname "
		"n$i$(printf '%%0100d' 0); done | ip -batch -");
	cr_assert_eq(nl_topo_one(1, &link), 0);
	iw_fault_arm(IW_FAULT_ALLOC, 1);
	cr_assert_eq(nl_topo_one(ns_ifindex("v0"), &link), -ENOMEM);
	iw_fault_arm(0, 0);
	cr_assert_eq(nl_topo_one(1, &link), 0);
}

Test(nl_topo, read__recovers_from_a_fault_at_each_site)
{
	struct nl_topo topo = { 0 };
	unsigned long nth;
	int rc;

	ns_enter_veth();
	for (nth = 1;; nth++) {
		iw_fault_arm(IW_FAULT_ALLOC | IW_FAULT_SYSCALL, nth);
		rc = nl_topo_read(&topo);
		if (iw_fault_passed() < nth)
			break;
		cr_assert_lt(rc, 0, "%lu", nth);
		cr_assert_null(topo.links, "%lu", nth);
	}
	iw_fault_arm(0, 0);
	cr_assert_eq(rc, 0);
	cr_assert_eq(topo.n, 5);
	nl_topo_fini(&topo);
}
