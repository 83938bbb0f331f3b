// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * nl_link, and the RDMA table out of a sysfs made by hand; RDMA netlink itself
 * is tested in the guest (tests/vm/guest/netlink.sh). Then the questions about
 * addresses, and a machine without devices.
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
