// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * nl_link and what it stands on: the RDMA table out of a sysfs made by hand,
 * the walk below VLANs and masters, both by hand and by the kernel's own link
 * table, and the questions about addresses. RDMA netlink itself is tested in
 * the guest (tests/vm/guest/netlink.sh).
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "netlink/nl_link.h"
#include "netlink/nl_rdma.h"
#include "netlink/nl_topo.h"
#include "tests/nl_ns.h"

/* ---- a sysfs of our own */

static char root[] = "/tmp/test_nl_link.XXXXXX";

static void sysfs_make(void)
{
	cr_assert_not_null(mkdtemp(root));
}

static void sysfs_remove(void)
{
	ns_run("rm -rf %s", root);
}

/* sysfs_write("class/net/eth0/ifindex", "2"); folders are made on the way. */
static void sysfs_write(const char *path, const char *text)
{
	ns_run("mkdir -p $(dirname %s/%s); printf '%%s\\n' '%s' >%s/%s", root, path, text, root,
	       path);
}

static void sysfs_interface(const char *name, int ifindex, const char *mac)
{
	char path[128], text[16];

	snprintf(path, sizeof(path), "class/net/%s/ifindex", name);
	snprintf(text, sizeof(text), "%d", ifindex);
	sysfs_write(path, text);
	snprintf(path, sizeof(path), "class/net/%s/address", name);
	sysfs_write(path, mac);
}

static void sysfs_three_interfaces(void)
{
	sysfs_interface("eth0", 2, "02:00:00:00:00:02");
	sysfs_interface("eth1", 3, "02:00:00:00:00:03");
	sysfs_interface("eth1.5", 7, "02:00:00:00:00:03");
}

Test(nl_rdma, read_sysfs__takes_interfaces_from_the_gid_table, .init = sysfs_make,
     .fini = sysfs_remove)
{
	struct nl_rdma_table table = { 0 };
	const struct nl_rdma_dev *dev;

	sysfs_three_interfaces();
	sysfs_write("class/infiniband/mlx5_0/ports/1/gid_attrs/ndevs/0", "eth0");
	sysfs_write("class/infiniband/mlx5_0/ports/1/gid_attrs/ndevs/1", "eth0");
	sysfs_write("class/infiniband/mlx5_0/ports/1/gid_attrs/ndevs/2", "");
	sysfs_write("class/infiniband/mlx5_0/ports/2/gid_attrs/ndevs/0", "eth1");
	sysfs_write("class/infiniband/mlx5_0/ports/3/gid_attrs/ndevs/0", "gone0");
	sysfs_write("class/infiniband/mlx5_0/ports/other", "");
	cr_assert_eq(nl_rdma_read_sysfs(root, &table), 0);
	cr_assert_eq(table.n, 2);
	dev = nl_rdma_on(&table, 3);
	cr_assert_str_eq(dev->name, "mlx5_0");
	cr_assert_eq(dev->port, 2);
	cr_assert_eq(dev->index, UINT32_MAX);
	cr_assert_eq(nl_rdma_on(&table, 2)->port, 1);
	cr_assert_null(nl_rdma_on(&table, 7));
	nl_rdma_fini(&table);
	cr_assert_eq(nl_rdma_any(root), 0);
}

Test(nl_rdma, read_sysfs__takes_interfaces_from_the_parent, .init = sysfs_make,
     .fini = sysfs_remove)
{
	struct nl_rdma_table table = { 0 };

	sysfs_three_interfaces();
	sysfs_write("class/infiniband/cxgb4_0/ports/1/state", "4: ACTIVE");
	sysfs_write("class/infiniband/cxgb4_0/device/net/eth0/dev_port", "0");
	sysfs_write("class/infiniband/cxgb4_0/device/net/eth1/dev_port", "1");
	cr_assert_eq(nl_rdma_read_sysfs(root, &table), 0);
	cr_assert_eq(table.n, 2);
	cr_assert_eq(nl_rdma_on(&table, 2)->port, 1);
	cr_assert_eq(nl_rdma_on(&table, 3)->port, 2);
	nl_rdma_fini(&table);
}

Test(nl_rdma, read_sysfs__knows_iwarp_by_its_gid, .init = sysfs_make, .fini = sysfs_remove)
{
	struct nl_rdma_table table = { 0 };

	sysfs_three_interfaces();
	sysfs_write("class/infiniband/siw0/node_type", "4: RNIC");
	sysfs_write("class/infiniband/siw0/ports/1/gids/0",
		    "0200:0000:0003:0000:0000:0000:0000:0000");
	sysfs_write("class/infiniband/ib0/node_type", "1: CA");
	sysfs_write("class/infiniband/ib0/ports/1/gids/0",
		    "0200:0000:0002:0000:0000:0000:0000:0000");
	cr_assert_eq(nl_rdma_read_sysfs(root, &table), 0);
	cr_assert_eq(table.n, 1);
	cr_assert_str_eq(table.devs[0].name, "siw0");
	cr_assert_eq(table.devs[0].ifindex, 3, "not the VLAN, which has the same address");
	nl_rdma_fini(&table);
}

Test(nl_rdma, read_sysfs__without_devices_or_class, .init = sysfs_make, .fini = sysfs_remove)
{
	struct nl_rdma_table table = { 0 };

	cr_assert_eq(nl_rdma_read_sysfs(root, &table), -ENOENT);
	cr_assert_eq(nl_rdma_any(root), -ENODEV);
	ns_run("mkdir -p %s/class/infiniband", root);
	cr_assert_eq(nl_rdma_read_sysfs(root, &table), 0);
	cr_assert_eq(table.n, 0);
	cr_assert_eq(nl_rdma_any(root), -ENODEV);
}

Test(nl_rdma, read_sysfs__of_a_name_too_long_for_paths)
{
	static char path[PATH_MAX + 1];
	struct nl_rdma_table table = { 0 };

	memset(path, 'x', PATH_MAX);
	cr_assert_eq(nl_rdma_read_sysfs(path, &table), -ENAMETOOLONG);
	cr_assert_eq(nl_rdma_any(path), -ENODEV);
}

Test(nl_rdma, read_sysfs__survives_a_fault_at_each_site, .init = sysfs_make, .fini = sysfs_remove)
{
	struct nl_rdma_table table = { 0 };
	unsigned long nth;
	int rc;

	sysfs_three_interfaces();
	sysfs_write("class/infiniband/mlx5_0/ports/1/gid_attrs/ndevs/0", "eth0");
	sysfs_write("class/infiniband/cxgb4_0/ports/1/state", "4: ACTIVE");
	sysfs_write("class/infiniband/cxgb4_0/device/net/eth1/dev_port", "1");
	for (nth = 1;; nth++) {
		iw_fault_arm(IW_FAULT_ALLOC | IW_FAULT_SYSCALL, nth);
		rc = nl_rdma_read_sysfs(root, &table);
		if (iw_fault_passed() < nth)
			break;
		cr_assert(!rc || rc == -ENOMEM || rc == -EMFILE, "%lu: %d", nth, rc);
		if (rc)
			cr_assert_null(table.devs, "%lu", nth);
		nl_rdma_fini(&table);
	}
	iw_fault_arm(0, 0);
	cr_assert_gt(nth, 8);
	cr_assert_eq(rc, 0);
	nl_rdma_fini(&table);
	iw_fault_arm(IW_FAULT_SYSCALL, 1);
	cr_assert_eq(nl_rdma_any(root), -ENODEV);
	iw_fault_arm(0, 0);
}

Test(nl_rdma, add__keeps_one_of_equals_and_grows)
{
	struct nl_rdma_table table = { 0 };
	struct nl_rdma_dev dev = { .name = "a", .port = 1 };

	for (int i = 1; i <= 20; i++) {
		dev.ifindex = i;
		cr_assert_eq(nl_rdma_add(&table, &dev), 0);
		cr_assert_eq(nl_rdma_add(&table, &dev), 0);
	}
	cr_assert_eq(table.n, 20);
	cr_assert_eq(nl_rdma_on(&table, 17)->ifindex, 17);
	nl_rdma_fini(&table);
}

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

/* ---- addresses */

static int by_addr(const char *text, int *ifindex)
{
	struct sockaddr_storage sa;

	return nl_link_by_addr(ns_addr(text, &sa), ifindex);
}

static void expect_owner(const char *text, const char *dev)
{
	int ifindex = 0, rc = by_addr(text, &ifindex);

	cr_expect_eq(rc, 0, "%s: %d", text, rc);
	cr_expect_eq(ifindex, ns_ifindex(dev), "%s", text);
}

Test(nl_link, by_addr__finds_the_owner)
{
	ns_enter_veth();
	ns_run("ip -6 addr add fe80::7/64 dev v0 nodad; ip -6 addr add fe80::7/64 dev w0 nodad");
	ns_run("ip addr add 10.3.0.1 peer 10.3.0.2 dev v0");
	expect_owner("10.1.0.2", "v0");
	expect_owner("10.2.0.1", "w0");
	expect_owner("10.3.0.1", "v0");
	expect_owner("::ffff:10.2.0.1", "w0");
	expect_owner("127.0.0.1", "lo");
	expect_owner("127.4.5.6", "lo");
	expect_owner("fd01::2", "v0");
	expect_owner("fd02::1", "w0");
	expect_owner("::1", "lo");
	expect_owner("fe80::7%v0", "v0");
	expect_owner("fe80::7%w0", "w0");
}

Test(nl_link, by_addr__of_others_finds_none)
{
	struct sockaddr sa = { .sa_family = AF_UNIX };
	int ifindex;

	ns_enter_veth();
	cr_expect_eq(by_addr("10.1.0.3", &ifindex), -EADDRNOTAVAIL);
	cr_expect_eq(by_addr("10.3.0.2", &ifindex), -EADDRNOTAVAIL);
	cr_expect_eq(by_addr("128.0.0.1", &ifindex), -EADDRNOTAVAIL);
	cr_expect_eq(by_addr("0.0.0.0", &ifindex), -EADDRNOTAVAIL);
	cr_expect_eq(by_addr("::", &ifindex), -EADDRNOTAVAIL);
	cr_expect_eq(by_addr("fd01::3", &ifindex), -EADDRNOTAVAIL);
	cr_expect_eq(by_addr("fe80::99%v0", &ifindex), -EADDRNOTAVAIL);
	cr_expect_eq(by_addr("fe80::99", &ifindex), -EINVAL);
	cr_expect_eq(nl_link_by_addr(&sa, &ifindex), -EINVAL);
	cr_expect_eq(nl_link_by_addr(NULL, &ifindex), -EINVAL);
}

Test(nl_link, by_addr__recovers_from_a_fault_at_each_site)
{
	static const char *const texts[] = { "10.1.0.1", "fd01::1" };
	unsigned long nth;
	int ifindex, rc;

	ns_enter_veth();
	for (size_t i = 0; i < IW_ARRAY_SIZE(texts); i++) {
		for (nth = 1;; nth++) {
			iw_fault_arm(IW_FAULT_ALLOC | IW_FAULT_SYSCALL, nth);
			rc = by_addr(texts[i], &ifindex);
			if (iw_fault_passed() < nth)
				break;
			cr_assert_lt(rc, 0, "%s %lu", texts[i], nth);
		}
		iw_fault_arm(0, 0);
		cr_assert_eq(rc, 0);
	}
}

static void expect_first(const char *dev, int family, const char *text)
{
	struct sockaddr_storage sa;

	cr_expect_eq(nl_link_first_addr(ns_ifindex(dev), family, &sa), 0, "%s", dev);
	cr_expect_eq(sa.ss_family, family);
	cr_expect_str_eq(ns_text(&sa), text, "%s", dev);
}

Test(nl_link, first_addr__prefers_global_ones_that_are_in_use)
{
	struct sockaddr_storage sa;

	ns_enter_veth();
	ns_run("ip addr flush dev v1; ip -6 addr add fe80::7/64 dev v1 nodad");
	ns_run("ip addr add 169.254.0.1/16 dev w1 scope link; ip addr add 10.6.0.1/24 dev w1");
	ns_run("ip -6 addr add fd06::1/64 dev w1 nodad preferred_lft 0");
	expect_first("v0", AF_INET, "10.1.0.1");
	expect_first("w1", AF_INET, "10.6.0.1");
	expect_first("w1", AF_INET6, "fd06::1");
	ns_run("ip -6 addr add fd06::2/64 dev w1 nodad");
	expect_first("w1", AF_INET6, "fd06::2");
	expect_first("w0", AF_INET6, "fd02::1");
	expect_first("lo", AF_INET, "127.0.0.1");
	expect_first("lo", AF_INET6, "::1");
	expect_first("v1", AF_INET6, "fe80::7");
	cr_assert_eq(nl_link_first_addr(ns_ifindex("v1"), AF_INET6, &sa), 0);
	cr_assert_eq(((struct sockaddr_in6 *)&sa)->sin6_scope_id, (uint32_t)ns_ifindex("v1"));
	cr_assert_eq(nl_link_first_addr(ns_ifindex("v1"), AF_INET, &sa), -EADDRNOTAVAIL);
	cr_assert_eq(nl_link_first_addr(9999, AF_INET, &sa), -EADDRNOTAVAIL);
	cr_assert_eq(nl_link_first_addr(1, AF_UNIX, &sa), -EINVAL);
	iw_fault_arm(IW_FAULT_SYSCALL, 1);
	cr_assert_lt(nl_link_first_addr(1, AF_INET, &sa), 0);
	iw_fault_arm(0, 0);
}

/* ---- RDMA devices on a machine that has none */

static void need_no_rdma(void)
{
	if (!access("/sys/class/infiniband", F_OK))
		cr_skip_test("this machine has RDMA devices");
}

Test(nl_link, rdma_dev__on_a_machine_without)
{
	struct sockaddr_storage sa;
	struct nl_rdma_dev dev;

	need_no_rdma();
	cr_assert_eq(nl_link_any_rdma_dev(), -ENODEV);
	cr_assert_eq(nl_link_rdma_dev(1, &dev), -ENODEV);
	cr_assert_eq(nl_link_rdma_dev(0, &dev), -ENODEV);
	cr_assert_eq(nl_link_rdma_dev(-1, &dev), -ENODEV);
	cr_assert_eq(nl_link_first_rdma_addr(AF_INET, &dev, &sa), -ENODEV);
	cr_assert_eq(nl_link_first_rdma_addr(AF_UNIX, &dev, &sa), -EINVAL);
	nl_link_forget();
	cr_assert_eq(nl_link_rdma_dev(1, &dev), -ENODEV);
}

Test(nl_rdma, read__without_rdma_netlink_says_so)
{
	struct nl_rdma_table table = { 0 };

	need_no_rdma();
	cr_assert_lt(nl_rdma_read_netlink(&table), 0);
	cr_assert_lt(nl_rdma_read(&table), 0);
	cr_assert_null(table.devs);
	iw_fault_arm(IW_FAULT_ALLOC, 1);
	cr_assert_lt(nl_rdma_read(&table), 0);
	iw_fault_arm(0, 0);
}

static volatile bool stop;

static void *ask_often(void *arg)
{
	struct nl_rdma_dev dev;
	int ifindex;

	for (int i = 0; !__atomic_load_n(&stop, __ATOMIC_RELAXED); i++) {
		nl_link_rdma_dev(1, &dev);
		if (by_addr("10.1.0.1", &ifindex))
			return arg;
		if (!(i % 20))
			nl_link_forget();
	}
	return NULL;
}

Test(nl_link, any_question__by_8_threads_and_over_forks)
{
	pthread_t threads[8];
	int status, ifindex;
	void *failed;
	pid_t pid;

	ns_enter_veth();
	for (size_t i = 0; i < 8; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, ask_often, threads), 0);
	for (int i = 0; i < 10; i++) {
		pid = fork();
		if (!pid)
			_exit(by_addr("10.2.0.1", &ifindex) ? 1 : 0);
		cr_assert_eq(waitpid(pid, &status, 0), pid);
		cr_assert_eq(status, 0);
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (size_t i = 0; i < 8; i++) {
		pthread_join(threads[i], &failed);
		cr_assert_null(failed);
	}
}
