// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Devices over interfaces that the test plays (getifaddrs is wrapped), contexts,
 * what they say about themselves, and asynchronous events.
 */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "driver/soft/soft_cq.h"
#include "driver/soft/soft_dev.h"
#include "driver/soft/soft_qp.h"
#include "driver/soft/soft_verbs.h"

/* ------------------------------------------------------------ Fake interfaces */

#define FAKE_MAX 16
static struct {
	struct ifaddrs ifa[FAKE_MAX];
	struct sockaddr_storage addr[FAKE_MAX];
	unsigned int n, calls;
	bool real;
	int error;
} net;

int __real_getifaddrs(struct ifaddrs **all);
int __wrap_getifaddrs(struct ifaddrs **all);
void __real_freeifaddrs(struct ifaddrs *all);
void __wrap_freeifaddrs(struct ifaddrs *all);

int __wrap_getifaddrs(struct ifaddrs **all)
{
	net.calls++;
	if (net.real)
		return __real_getifaddrs(all);
	if (net.error) {
		errno = net.error;
		return -1;
	}
	*all = net.n ? net.ifa : NULL;
	return 0;
}

void __wrap_freeifaddrs(struct ifaddrs *all)
{
	if (net.real)
		__real_freeifaddrs(all);
}

static void *add(const char *name, sa_family_t family, unsigned int flags)
{
	struct ifaddrs *ifa = &net.ifa[net.n];
	struct sockaddr *sa = (void *)&net.addr[net.n];

	cr_assert_lt(net.n, FAKE_MAX);
	ifa->ifa_name = (char *)name;
	ifa->ifa_flags = flags;
	ifa->ifa_addr = sa;
	sa->sa_family = family;
	if (net.n)
		net.ifa[net.n - 1].ifa_next = ifa;
	net.n++;
	return sa;
}

static void add_link(const char *name, int ifindex, unsigned int flags, uint8_t mac)
{
	struct sockaddr_ll *ll = add(name, AF_PACKET, flags);

	ll->sll_ifindex = ifindex;
	ll->sll_halen = 6;
	memset(ll->sll_addr, mac, 6);
}

static void add_ip(const char *name, const char *ip, unsigned int scope)
{
	if (strchr(ip, ':')) {
		struct sockaddr_in6 *in6 = add(name, AF_INET6, IFF_UP);

		cr_assert_eq(inet_pton(AF_INET6, ip, &in6->sin6_addr), 1);
		in6->sin6_scope_id = scope;
	} else {
		struct sockaddr_in *in = add(name, AF_INET, IFF_UP);

		cr_assert_eq(inet_pton(AF_INET, ip, &in->sin_addr), 1);
	}
}

static void fake_net(void)
{
	memset(&net, 0, sizeof(net));
	add_link("lo", 1, IFF_UP | IFF_LOOPBACK, 0);
	add_link("eth0", 2, IFF_UP, 0x22);
	add_link("eth0.5", 3, IFF_UP, 0x22);
	add_link("down0", 4, 0, 0x44);
	add_link("eth1", 5, IFF_UP, 0x55);
	add_ip("lo", "127.0.0.1", 0);
	add_ip("eth0", "192.0.2.1", 0);
	add_ip("eth0:1", "192.0.2.2", 0);
	add_ip("lo", "::1", 0);
	add_ip("eth0", "fe80::1", 2);
	add_ip("eth1", "fe80::1", 5);
	add_ip("eth1", "2001:db8::1", 0);
}

void soft_verbs_methods(struct soft_context *ctx)
{
	ctx->verbs.context.abi_compat = __VERBS_ABI_IS_EXTENDED;
}

static void init(void)
{
	unsetenv("IWSHIM_DEVICE");
	fake_net();
}

TestSuite(soft_dev, .timeout = 60);

static struct soft_device *by_ip(const char *ip, unsigned int scope)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_scope_id = scope };
	struct sockaddr_in in = { .sin_family = AF_INET };
	const void *sa = strchr(ip, ':') ? (void *)&in6 : (void *)&in;
	struct soft_device *dev = NULL;
	int rc;

	inet_pton(AF_INET6, ip, &in6.sin6_addr);
	inet_pton(AF_INET, ip, &in.sin_addr);
	rc = soft_dev_by_addr(sa, &dev);
	cr_assert_eq(rc, dev ? 0 : -ENODEV);
	return dev;
}

static const char *name_of(const char *ip, unsigned int scope)
{
	struct soft_device *dev = by_ip(ip, scope);

	return dev ? dev->ibv.name : "none";
}

static struct soft_context *open_lo(void)
{
	struct soft_context *ctx;

	cr_assert_eq(soft_context_open(by_ip("127.0.0.1", 0), &ctx), 0);
	return ctx;
}

/* ------------------------------------------------------------------- Devices */

Test(soft_dev, list__one_for_each_interface_that_is_up, .init = init)
{
	struct soft_device *list[8];
	unsigned int n = 8;

	cr_assert_eq(soft_dev_list(list, &n), 0);
	cr_assert_eq(n, 4);
	cr_assert_str_eq(list[0]->ibv.name, "usiw_lo");
	cr_assert_str_eq(list[1]->ibv.name, "usiw_eth0");
	cr_assert_str_eq(list[2]->ibv.name, "usiw_eth0.5");
	cr_assert_str_eq(list[3]->ibv.name, "usiw_eth1");
	cr_assert_eq(list[1]->ifindex, 2);
	for (unsigned int i = 0; i < n; i++) {
		cr_assert_eq(list[i]->ibv.node_type, IBV_NODE_RNIC);
		cr_assert_eq(list[i]->ibv.transport_type, IBV_TRANSPORT_IWARP);
		cr_assert(soft_dev_is_ours(&list[i]->ibv));
		cr_assert_neq(access(list[i]->ibv.dev_path, F_OK), 0);
		cr_assert_neq(access(list[i]->ibv.ibdev_path, F_OK), 0);
		for (size_t j = 0; j < sizeof(list[i]->slack); j++)
			cr_assert_eq(list[i]->slack[j], 0);
	}
}

Test(soft_dev, list__too_short, .init = init)
{
	struct soft_device *list[1];
	unsigned int n = 1;

	cr_assert_eq(soft_dev_list(list, &n), -ENOSPC);
	cr_assert_eq(n, 4);
	cr_assert_str_eq(list[0]->ibv.name, "usiw_lo");
}

Test(soft_dev, list__devices_stay_the_same, .init = init)
{
	struct soft_device *before[8], *after[8];
	unsigned int n = 8, m = 8;

	cr_assert_eq(soft_dev_list(before, &n), 0);
	memset(&net, 0, sizeof(net));
	add_link("eth1", 9, IFF_UP, 0x55);
	add_link("new0", 10, IFF_UP, 0x66);
	cr_assert_eq(soft_dev_list(after, &m), 0);
	cr_assert_eq(m, 2);
	cr_assert_eq(after[0], before[3]);
	cr_assert_eq(after[0]->ifindex, 9);
	cr_assert(soft_dev_is_ours(&before[0]->ibv),
		  "an interface that went down keeps its device");
}

Test(soft_dev, list__switched_off, .init = init)
{
	struct soft_device *list[8];
	unsigned int n = 8;

	setenv("IWSHIM_DEVICE", "kernel", 1);
	cr_assert_eq(soft_dev_list(list, &n), -ENODEV);
	cr_assert_null(by_ip("127.0.0.1", 0));
	cr_assert_eq(soft_dev_by_guid(1, list), -ENODEV);
	setenv("IWSHIM_DEVICE", "auto", 1);
	cr_assert_eq(soft_dev_list(list, &n), 0);
}

Test(soft_dev, list__faults, .init = init)
{
	struct soft_device *list[8];
	unsigned int n = 8;
	int rc;

	net.error = ENOBUFS;
	cr_assert_eq(soft_dev_list(list, &n), -ENOBUFS);
	cr_assert_eq(soft_dev_by_guid(1, list), -ENOBUFS);
	net.error = 0;
	for (unsigned long nth = 1;; nth++) {
		iw_fault_arm(IW_FAULT_ALLOC | IW_FAULT_SYSCALL, nth);
		rc = soft_dev_list(list, &n);
		if (iw_fault_passed() < nth)
			break;
		cr_assert(rc == 0 || rc == -ENOMEM || rc == -ENOBUFS);
	}
	iw_fault_arm(0, 0);
	cr_assert_eq(rc, 0);
	cr_assert_eq(n, 4);
}

Test(soft_dev, list__real_interfaces, .init = init)
{
	struct soft_device *list[256];
	unsigned int n = 256;

	net.real = true;
	cr_assert_eq(soft_dev_list(list, &n), 0);
	for (unsigned int i = 0; i < n; i++)
		if (!strcmp(list[i]->ibv.name, "usiw_lo"))
			cr_assert_gt(list[i]->mtu, 1500);
}

Test(soft_dev, guid__is_local_unique_and_lasting, .init = init)
{
	struct soft_device *list[8], *found;
	unsigned int n = 8;
	static const uint8_t none[6];

	cr_assert_eq(soft_dev_list(list, &n), 0);
	for (unsigned int i = 0; i < n; i++) {
		uint8_t guid[8];

		memcpy(guid, &list[i]->guid, 8);
		cr_assert_eq(guid[0] & 3, 2, "locally administered, unicast");
		for (unsigned int j = 0; j < i; j++)
			cr_assert_neq(list[j]->guid, list[i]->guid);
		cr_assert_eq(soft_dev_by_guid(list[i]->guid, &found), 0);
		cr_assert_eq(found, list[i]);
		cr_assert(memcmp(list[i]->mac, none, 6), "even lo shows one");
	}
	cr_assert_eq(soft_dev_by_guid(12345, &found), -ENODEV);
}

Test(soft_dev, by_addr__finds_the_interface, .init = init)
{
	cr_assert_str_eq(name_of("127.0.0.1", 0), "usiw_lo");
	cr_assert_str_eq(name_of("127.9.8.7", 0), "usiw_lo");
	cr_assert_str_eq(name_of("::1", 0), "usiw_lo");
	cr_assert_str_eq(name_of("::ffff:192.0.2.1", 0), "usiw_eth0");
	cr_assert_str_eq(name_of("192.0.2.1", 0), "usiw_eth0");
	cr_assert_str_eq(name_of("192.0.2.2", 0), "usiw_eth0");
	cr_assert_str_eq(name_of("2001:db8::1", 0), "usiw_eth1");
	cr_assert_str_eq(name_of("fe80::1", 2), "usiw_eth0");
	cr_assert_str_eq(name_of("fe80::1", 5), "usiw_eth1");
	cr_assert_str_eq(name_of("fe80::1", 7), "none");
	cr_assert_str_eq(name_of("0.0.0.0", 0), "none");
	cr_assert_str_eq(name_of("192.0.2.77", 0), "none");
}

Test(soft_dev, by_addr__other_families, .init = init)
{
	struct sockaddr sa = { .sa_family = AF_UNIX };
	struct soft_device *dev;

	cr_assert_eq(soft_dev_by_addr(&sa, &dev), -ENODEV);
}

/* Connections must not read all interfaces each time; a new address is found at once. */
Test(soft_dev, by_addr__remembers_for_a_second, .init = init)
{
	unsigned int calls;

	cr_assert_not_null(by_ip("192.0.2.1", 0));
	calls = net.calls;
	for (int i = 0; i < 100; i++)
		cr_assert_not_null(by_ip("192.0.2.1", 0));
	cr_assert_leq(net.calls, calls + 1);
	cr_assert_null(by_ip("192.0.2.9", 0));
	add_ip("eth1", "192.0.2.9", 0);
	cr_assert_str_eq(name_of("192.0.2.9", 0), "usiw_eth1");
}

Test(soft_dev, is_ours__strangers_are_not, .init = init)
{
	struct ibv_device stranger;
	struct ibv_context context = { .device = &stranger };

	cr_assert_not(soft_dev_is_ours(NULL));
	cr_assert_not(soft_dev_is_ours(&stranger));
	cr_assert_not(soft_dev_is_ours((void *)1));
	cr_assert_not(soft_context_is_ours(NULL));
	cr_assert_not(soft_context_is_ours(&context));
}

/* ------------------------------------------------------------------ Contexts */

Test(soft_dev, context__opens_and_closes, .init = init)
{
	struct soft_context *ctx = open_lo(), *other = open_lo();
	int fd = ctx->verbs.context.async_fd;

	cr_assert_neq(ctx, other);
	cr_assert(soft_context_is_ours(&ctx->verbs.context));
	cr_assert_eq(soft_context_check(&ctx->verbs.context), 0);
	cr_assert_eq(ctx->verbs.context.cmd_fd, -1);
	cr_assert_eq(ctx->verbs.context.num_comp_vectors, 1);
	cr_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	cr_assert_eq(soft_context_close(ctx), 0);
	cr_assert_eq(fcntl(fd, F_GETFD), -1);
	cr_assert_eq(soft_context_close(other), 0);
}

Test(soft_dev, context__each_fault_unwinds, .init = init)
{
	struct soft_device *dev = by_ip("127.0.0.1", 0);
	struct soft_context *ctx = NULL;
	int rc;

	for (unsigned long nth = 1;; nth++) {
		iw_fault_arm(IW_FAULT_ALLOC | IW_FAULT_SYSCALL, nth);
		rc = soft_context_open(dev, &ctx);
		if (!rc)
			break;
		cr_assert(rc == -ENOMEM || rc == -EMFILE);
		cr_assert_null(ctx);
	}
	iw_fault_arm(0, 0);
	soft_context_close(ctx);
}

Test(soft_dev, context__outlives_close_with_its_objects, .init = init)
{
	struct soft_context *ctx = open_lo();

	soft_context_get(ctx);
	soft_context_get(ctx);
	soft_context_close(ctx);
	soft_async_post(ctx, IBV_EVENT_PORT_ACTIVE, NULL);
	soft_async_purge(ctx, ctx);
	soft_context_put(ctx);
	cr_assert(ctx->closed);
	soft_context_put(ctx);
}

/* ------------------------------------------------------------------- Queries */

Test(soft_dev, query_device__says_the_limits, .init = init)
{
	struct soft_context *ctx = open_lo();
	struct ibv_device_attr attr;

	memset(&attr, 0xff, sizeof(attr));
	soft_query_device(ctx, &attr);
	cr_assert_eq(attr.node_guid, ctx->dev->guid);
	cr_assert_eq(attr.max_sge, SOFT_MAX_SGE);
	cr_assert_eq(attr.max_qp_wr, SOFT_MAX_WR);
	cr_assert_eq(attr.max_qp_rd_atom, SOFT_MAX_RD_ATOM);
	cr_assert_eq(attr.max_qp_init_rd_atom, SOFT_MAX_RD_ATOM);
	cr_assert_gt(attr.max_res_rd_atom, 0);
	cr_assert_eq(attr.atomic_cap, IBV_ATOMIC_HCA);
	cr_assert_eq(attr.phys_port_cnt, 1);
	cr_assert_eq(attr.max_ah, 0);
	cr_assert_gt(strlen(attr.fw_ver), 0);
	cr_assert(attr.device_cap_flags & IBV_DEVICE_MEM_WINDOW_TYPE_2B);
	soft_context_close(ctx);
}

Test(soft_dev, query_device_ex__honours_size, .init = init)
{
	struct soft_context *ctx = open_lo();
	struct ibv_query_device_ex_input input = { .comp_mask = 1 };
	struct {
		struct ibv_device_attr_ex attr;
		uint8_t beyond[64];
	} all;
	uint8_t *bytes = (uint8_t *)&all;
	const size_t least = sizeof(all.attr.orig_attr);

	cr_assert_eq(soft_query_device_ex(ctx, &input, &all.attr, sizeof(all.attr)), -EINVAL);
	cr_assert_eq(soft_query_device_ex(ctx, NULL, &all.attr, least - 1), -EINVAL);
	memset(&all, 0xff, sizeof(all));
	cr_assert_eq(soft_query_device_ex(ctx, NULL, &all.attr, least), 0);
	cr_assert_eq(bytes[least], 0xff);
	cr_assert_eq(all.attr.orig_attr.max_sge, SOFT_MAX_SGE);
	cr_assert_eq(soft_query_device_ex(ctx, NULL, &all.attr, sizeof(all)), 0);
	cr_assert_eq(all.beyond[63], 0);
	cr_assert_eq(all.attr.phys_port_cnt_ex, 1);
	soft_context_close(ctx);
}

Test(soft_dev, query_port__honours_size_and_mtu, .init = init)
{
	struct soft_context *ctx = open_lo();
	struct ibv_port_attr attr;
	static const struct {
		unsigned int mtu;
		enum ibv_mtu verbs;
	} cases[] = { { 65536, IBV_MTU_4096 }, { 9000, IBV_MTU_4096 }, { 4096, IBV_MTU_4096 },
		      { 4095, IBV_MTU_2048 },  { 1500, IBV_MTU_1024 }, { 576, IBV_MTU_512 },
		      { 68, IBV_MTU_256 } };

	for (size_t i = 0; i < IW_ARRAY_SIZE(cases); i++) {
		ctx->dev->mtu = cases[i].mtu;
		cr_assert_eq(soft_query_port(ctx, 1, &attr, sizeof(attr)), 0);
		cr_assert_eq(attr.active_mtu, cases[i].verbs);
	}
	cr_assert_eq(attr.state, IBV_PORT_ACTIVE);
	cr_assert_eq(attr.link_layer, IBV_LINK_LAYER_ETHERNET);
	cr_assert_eq(attr.max_msg_sz, UINT32_MAX);
	cr_assert_eq(attr.gid_tbl_len, 1);
	cr_assert_eq(soft_query_port(ctx, 2, &attr, sizeof(attr)), -EINVAL);
	memset(&attr, 0xff, sizeof(attr));
	cr_assert_eq(soft_query_port(ctx, 1, &attr, offsetof(struct ibv_port_attr, flags)), 0);
	cr_assert_eq(attr.flags, 0xff);
	cr_assert_eq(attr.link_layer, IBV_LINK_LAYER_ETHERNET);
	soft_context_close(ctx);
}

Test(soft_dev, query_gid__mac_then_zeros, .init = init)
{
	struct soft_context *ctx;
	union ibv_gid gid;
	__be16 pkey;

	cr_assert_eq(soft_context_open(by_ip("192.0.2.1", 0), &ctx), 0);
	cr_assert_eq(soft_query_gid(ctx, 1, 0, &gid), 0);
	for (int i = 0; i < 16; i++)
		cr_assert_eq(gid.raw[i], i < 6 ? 0x22 : 0);
	cr_assert_eq(soft_query_gid(ctx, 1, 1, &gid), -EINVAL);
	cr_assert_eq(soft_query_gid(ctx, 2, 0, &gid), -EINVAL);
	cr_assert_eq(soft_query_pkey(ctx, 1, 0, &pkey), -EINVAL);
	soft_context_close(ctx);
}

/* -------------------------------------------------------------- Async events */

static struct soft_cq cq;
static struct soft_qp qp, qp2;
static struct soft_srq srq;

static void nonblock(struct soft_context *ctx)
{
	fcntl(ctx->verbs.context.async_fd, F_SETFL, O_NONBLOCK);
}

static bool is_readable(struct soft_context *ctx)
{
	struct pollfd pfd = { .fd = ctx->verbs.context.async_fd, .events = POLLIN };

	return poll(&pfd, 1, 0) == 1;
}

Test(soft_dev, async__in_order_and_counted_by_element, .init = init)
{
	struct soft_context *ctx = open_lo();
	struct ibv_async_event event;

	nonblock(ctx);
	cr_assert_not(is_readable(ctx));
	cr_assert_eq(soft_async_get(ctx, &event), -EAGAIN);
	soft_async_post(ctx, IBV_EVENT_CQ_ERR, &cq.ibv);
	soft_async_post(ctx, IBV_EVENT_QP_FATAL, &qp.ibv);
	soft_async_post(ctx, IBV_EVENT_SRQ_LIMIT_REACHED, &srq.ibv);
	soft_async_post(ctx, IBV_EVENT_PORT_ACTIVE, NULL);
	cr_assert_eq(cq.async_events + qp.async_events + srq.async_events, 0);
	cr_assert(is_readable(ctx));
	cr_assert_eq(soft_async_get(ctx, &event), 0);
	cr_assert(event.event_type == IBV_EVENT_CQ_ERR && event.element.cq == &cq.ibv);
	cr_assert_eq(soft_async_get(ctx, &event), 0);
	cr_assert(event.event_type == IBV_EVENT_QP_FATAL && event.element.qp == &qp.ibv);
	cr_assert_eq(soft_async_get(ctx, &event), 0);
	cr_assert(event.event_type == IBV_EVENT_SRQ_LIMIT_REACHED && event.element.srq == &srq.ibv);
	cr_assert_eq(soft_async_get(ctx, &event), 0);
	cr_assert_eq(event.event_type, IBV_EVENT_PORT_ACTIVE);
	cr_assert(cq.async_events == 1 && qp.async_events == 1 && srq.async_events == 1);
	cr_assert_eq(soft_async_get(ctx, &event), -EAGAIN);
	soft_context_close(ctx);
}

Test(soft_dev, async__more_than_the_pipe_holds, .init = init)
{
	enum {
		N = 10000
	};
	struct soft_context *ctx = open_lo();
	struct ibv_async_event event;

	nonblock(ctx);
	for (int i = 0; i < N; i++)
		soft_async_post(ctx, i % 3 ? IBV_EVENT_QP_FATAL : IBV_EVENT_QP_REQ_ERR,
				i % 2 ? &qp.ibv : &qp2.ibv);
	cr_assert_not(STAILQ_EMPTY(&ctx->pending));
	for (int i = 0; i < N / 2; i++) {
		cr_assert_eq(soft_async_get(ctx, &event), 0);
		cr_assert_eq(event.event_type, i % 3 ? IBV_EVENT_QP_FATAL : IBV_EVENT_QP_REQ_ERR);
		cr_assert_eq(event.element.qp, i % 2 ? &qp.ibv : &qp2.ibv);
	}
	soft_async_purge(ctx, &qp.ibv);
	for (int i = N / 2; i < N; i += 2) {
		cr_assert_eq(soft_async_get(ctx, &event), 0);
		cr_assert_eq(event.event_type, i % 3 ? IBV_EVENT_QP_FATAL : IBV_EVENT_QP_REQ_ERR);
		cr_assert_eq(event.element.qp, &qp2.ibv);
	}
	cr_assert_eq(soft_async_get(ctx, &event), -EAGAIN);
	cr_assert_eq(qp.async_events, N / 4);
	cr_assert_eq(qp2.async_events, N / 2);
	for (int i = 0; i < N; i++)
		soft_async_post(ctx, IBV_EVENT_QP_FATAL, &qp.ibv);
	soft_context_close(ctx);
}

Test(soft_dev, async__purge_without_room_keeps_the_order, .init = init)
{
	static const enum ibv_event_type in[] = { IBV_EVENT_QP_FATAL, IBV_EVENT_QP_REQ_ERR,
						  IBV_EVENT_QP_ACCESS_ERR, IBV_EVENT_COMM_EST,
						  IBV_EVENT_SQ_DRAINED };
	struct soft_context *ctx = open_lo();
	struct ibv_async_event event;

	for (unsigned int i = 0; i < IW_ARRAY_SIZE(in); i++) {
		if (i == 4) /* this one waits for room already */
			iw_fault_arm(IW_FAULT_SYSCALL | IW_FAULT_HERE, 1);
		soft_async_post(ctx, in[i], &qp.ibv);
	}
	iw_fault_arm(IW_FAULT_SYSCALL | IW_FAULT_HERE, 2);
	soft_async_purge(ctx, &qp2.ibv);
	iw_fault_arm(0, 0);
	for (unsigned int i = 0; i < IW_ARRAY_SIZE(in); i++) {
		cr_assert_eq(soft_async_get(ctx, &event), 0);
		cr_assert_eq(event.event_type, in[i], "event %u", i);
	}
	soft_context_close(ctx);
}

Test(soft_dev, async__faults, .init = init)
{
	struct soft_context *ctx = open_lo();
	struct ibv_async_event event;

	iw_fault_arm(IW_FAULT_SYSCALL | IW_FAULT_HERE, 1); /* no room at first */
	soft_async_post(ctx, IBV_EVENT_QP_FATAL, &qp.ibv);
	iw_fault_arm(IW_FAULT_SYSCALL | IW_FAULT_HERE, 1);
	cr_assert_eq(soft_async_get(ctx, &event), 0);
	cr_assert_eq(soft_async_get(ctx, &event), -EINTR);
	iw_fault_arm(IW_FAULT_ALLOC | IW_FAULT_SYSCALL | IW_FAULT_HERE,
		     2); /* nothing to sweep beyond */
	soft_async_post(ctx, IBV_EVENT_QP_FATAL, &qp.ibv);
	cr_assert_eq(iw_fault_passed(), 1);
	iw_fault_arm(0, 0);
	soft_context_close(ctx);
}

static void *post_later(void *ctx)
{
	usleep(20000);
	soft_async_post(ctx, IBV_EVENT_QP_FATAL, &qp.ibv);
	return NULL;
}

Test(soft_dev, async__get_blocks, .init = init)
{
	struct soft_context *ctx = open_lo();
	struct ibv_async_event event;
	pthread_t thread;

	cr_assert_eq(pthread_create(&thread, NULL, post_later, ctx), 0);
	cr_assert_eq(soft_async_get(ctx, &event), 0);
	cr_assert_eq(event.event_type, IBV_EVENT_QP_FATAL);
	pthread_join(thread, NULL);
	soft_context_close(ctx);
}

static void nothing(int sig)
{
	(void)sig;
}

Test(soft_dev, async__signal_ends_the_wait, .init = init)
{
	struct sigaction action = { .sa_handler = nothing };
	struct soft_context *ctx = open_lo();
	struct ibv_async_event event;

	sigaction(SIGALRM, &action, NULL);
	ualarm(20000, 20000);
	cr_assert_eq(soft_async_get(ctx, &event), -EINTR);
	ualarm(0, 0);
	soft_context_close(ctx);
}

#define POSTS 20000

static void *post_many(void *ctx)
{
	for (int i = 0; i < POSTS; i++)
		soft_async_post(ctx, IBV_EVENT_QP_FATAL, &qp.ibv);
	return NULL;
}

static void *get_many(void *ctx)
{
	struct ibv_async_event event;

	for (int i = 0; i < POSTS; i++)
		cr_assert_eq(soft_async_get(ctx, &event), 0);
	return NULL;
}

Test(soft_dev, async__many_threads_lose_nothing, .init = init)
{
	struct soft_context *ctx = open_lo();
	pthread_t threads[4];

	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, i % 2 ? get_many : post_many, ctx);
	for (int i = 0; i < 100; i++) {
		soft_async_purge(ctx, &qp2.ibv);
		usleep(100);
	}
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	cr_assert_eq(qp.async_events, 2 * POSTS);
	soft_context_close(ctx);
}
