// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * nl_neigh against the kernel's table, with a peer in a namespace of its own
 * that answers, one that does not, and a process without privileges.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/neighbour.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/fault.h"
#include "netlink/nl_neigh.h"
#include "tests/nl_ns.h"

static int lookup(const char *dev, const char *text, struct nl_neigh *neigh)
{
	struct sockaddr_storage sa;

	return nl_neigh_lookup(ns_ifindex(dev), ns_addr(text, &sa), neigh);
}

static int resolve(const char *dev, const char *text, int timeout_ms)
{
	struct sockaddr_storage sa;

	return nl_neigh_resolve(ns_ifindex(dev), ns_addr(text, &sa), timeout_ms);
}

/* v1 answers elsewhere for 10.1.0.9 and fd01::9. */
static pid_t enter_with_peer(void)
{
	pid_t peer;

	ns_enter_veth();
	peer = ns_peer("v1");
	ns_run("nsenter -t %d -n ip addr add 10.1.0.9/24 dev v1", (int)peer);
	ns_run("nsenter -t %d -n ip addr add fd01::9/64 dev v1 nodad", (int)peer);
	return peer;
}

static void quick_to_give_up(const char *family)
{
	ns_run("echo 30 >/proc/sys/net/%s/neigh/v0/retrans_time_ms", family);
}

Test(nl_neigh, lookup__reads_state_and_address)
{
	static const uint8_t mac[] = { 2, 0, 0, 0, 0, 9 };
	struct nl_neigh neigh;

	ns_enter_veth();
	ns_run("ip neigh add 10.1.0.9 lladdr 02:00:00:00:00:09 dev v0 nud permanent");
	ns_run("ip neigh add fd01::9 lladdr 02:00:00:00:00:09 dev v0 nud stale");
	cr_assert_eq(lookup("v0", "10.1.0.9", &neigh), 0);
	cr_assert(neigh.valid);
	cr_assert_eq(neigh.state, NUD_PERMANENT);
	cr_assert_eq(neigh.lladdr_len, sizeof(mac));
	cr_assert_arr_eq(neigh.lladdr, mac, sizeof(mac));
	cr_assert_eq(lookup("v0", "::ffff:10.1.0.9", &neigh), 0);
	cr_assert_eq(neigh.state, NUD_PERMANENT);
	cr_assert_eq(lookup("v0", "fd01::9", &neigh), 0);
	cr_assert(neigh.valid);
	cr_assert_eq(neigh.state, NUD_STALE);
}

Test(nl_neigh, lookup__finds_none)
{
	struct sockaddr sa = { .sa_family = AF_UNIX };
	struct nl_neigh neigh;

	ns_enter_veth();
	ns_run("ip neigh add 10.1.0.9 lladdr 02:00:00:00:00:09 dev v0 nud permanent");
	cr_assert_eq(lookup("v0", "10.1.0.8", &neigh), -ENOENT);
	cr_assert_eq(lookup("w0", "10.1.0.9", &neigh), -ENOENT);
	cr_assert_eq(lookup("v0", "fd01::8", &neigh), -ENOENT);
	cr_assert_eq(lookup("v0", "0.0.0.0", &neigh), -EINVAL);
	cr_assert_eq(nl_neigh_lookup(1, &sa, &neigh), -EINVAL);
	cr_assert_eq(nl_neigh_lookup(1, NULL, &neigh), -EINVAL);
	ns_run("ip neigh flush all");
	cr_assert_eq(nl_neigh_resolve(0, &sa, 10), -EINVAL);
}

Test(nl_neigh, lookup__recovers_from_a_fault_at_each_site)
{
	struct nl_neigh neigh;
	unsigned long nth;
	int rc;

	ns_enter_veth();
	ns_run("ip neigh add 10.1.0.9 lladdr 02:00:00:00:00:09 dev v0 nud permanent");
	for (nth = 1;; nth++) {
		iw_fault_arm(IW_FAULT_ALLOC | IW_FAULT_SYSCALL, nth);
		rc = lookup("v0", "10.1.0.9", &neigh);
		if (iw_fault_passed() < nth)
			break;
		cr_assert(rc == -ENOMEM || rc == -EMFILE || rc == -ENOBUFS, "%lu: %d", nth, rc);
	}
	iw_fault_arm(0, 0);
	cr_assert_eq(rc, 0);
}

Test(nl_neigh, resolve__has_a_peer_answer)
{
	struct nl_neigh neigh;

	enter_with_peer();
	cr_assert_eq(lookup("v0", "10.1.0.9", &neigh), -ENOENT);
	cr_assert_eq(resolve("v0", "10.1.0.9", 3000), 0);
	cr_assert_eq(lookup("v0", "10.1.0.9", &neigh), 0);
	cr_assert(neigh.valid);
	cr_assert_eq(neigh.lladdr_len, 6);
	cr_assert_eq(resolve("v0", "fd01::9", 3000), 0);
	cr_assert_eq(resolve("v0", "10.1.0.9", 0), 0, "known already");
}

Test(nl_neigh, resolve__works_without_privileges)
{
	enter_with_peer();
	cr_assert_eq(setresuid(65534, 65534, 65534), 0);
	cr_assert_eq(resolve("v0", "10.1.0.9", 3000), 0);
	cr_assert_eq(resolve("v0", "fd01::9", 3000), 0);
}

Test(nl_neigh, resolve__without_privileges_reports_a_failed_socket)
{
	int rc;

	ns_enter_veth();
	cr_assert_eq(setresuid(65534, 65534, 65534), 0);
	/* Socket, send, receive; link: send, receive; probe: send, receive; socket. */
	iw_fault_arm(IW_FAULT_SYSCALL, 8);
	rc = resolve("v0", "10.1.0.8", 10);
	cr_assert_eq(iw_fault_passed(), 8);
	iw_fault_arm(0, 0);
	cr_assert_eq(rc, -EMFILE);
}

Test(nl_neigh, resolve__of_a_silent_peer_fails_when_the_kernel_gives_up)
{
	ns_enter_veth();
	quick_to_give_up("ipv4");
	quick_to_give_up("ipv6");
	cr_assert_eq(resolve("v0", "10.1.0.8", 5000), -EHOSTUNREACH);
	cr_assert_eq(resolve("v0", "fd01::8", 5000), -EHOSTUNREACH);
	cr_assert_eq(resolve("v0", "10.1.0.8", 5000), -EHOSTUNREACH, "asked again");
}

Test(nl_neigh, resolve__waits_no_longer_than_told)
{
	struct timespec from, to;
	long ms;

	ns_enter_veth();
	clock_gettime(CLOCK_MONOTONIC, &from);
	cr_assert_eq(resolve("v0", "10.1.0.8", 100), -ETIMEDOUT);
	clock_gettime(CLOCK_MONOTONIC, &to);
	ms = (to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000;
	cr_assert_geq(ms, 99);
	cr_assert_lt(ms, 900);
	cr_assert_eq(resolve("v0", "10.1.0.8", 0), -ETIMEDOUT);
}

Test(nl_neigh, resolve__needs_no_arp_on_the_loopback)
{
	struct sockaddr_storage sa;

	ns_enter_veth();
	cr_assert_eq(resolve("lo", "127.0.0.1", 0), 0);
	cr_assert_eq(resolve("lo", "::1", 0), 0);
	ns_run("ip link set w0 arp off");
	cr_assert_eq(resolve("w0", "10.2.0.9", 0), 0);
	cr_assert_eq(nl_neigh_resolve(9999, ns_addr("10.2.0.9", &sa), 0), -EINVAL);
}

Test(nl_neigh, resolve__recovers_from_a_fault_at_each_site)
{
	unsigned long nth;
	int rc;

	ns_enter_veth();
	ns_run("ip link set w0 arp off");
	for (nth = 1;; nth++) {
		iw_fault_arm(IW_FAULT_ALLOC | IW_FAULT_SYSCALL, nth);
		rc = resolve("w0", "10.2.0.9", 0);
		if (iw_fault_passed() < nth)
			break;
		cr_assert_lt(rc, 0, "%lu", nth);
	}
	iw_fault_arm(0, 0);
	cr_assert_eq(rc, 0);
}
