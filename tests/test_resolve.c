// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Bind, address and route resolution, ports.
 */
#include <stdio.h>
#include <unistd.h>

#include "tests/shim_util.h"

static struct sockaddr *sa(void *addr)
{
	return addr;
}

static void end(struct rdma_event_channel *ch, struct rdma_cm_id *id)
{
	util_destroy(id);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

/* ---- bind */

Test(bind, addr__of_a_device_opens_it)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = util_id(ch);
	struct sockaddr_in addr = fake_addr(1, 0);

	succeeds(rdma_bind_addr(id, sa(&addr)));
	cr_assert_not_null(id->verbs);
	cr_assert_str_eq(id->verbs->device->name, "mock1");
	cr_assert_eq(id->pd->context, id->verbs);
	cr_assert_eq(id->port_num, 1);
	cr_assert_neq(rdma_get_src_port(id), 0);
	cr_assert_eq(rdma_get_dst_port(id), 0);
	fails_with(EINVAL, rdma_bind_addr(id, sa(&addr)));
	end(ch, id);
}

Test(bind, addr__wildcard_and_ipv6)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = util_id(ch), *v6 = util_id(ch);
	struct sockaddr_in any = { .sin_family = AF_INET };
	struct sockaddr_in6 addr6 = fake_addr6(0, PORT);

	succeeds(rdma_bind_addr(id, sa(&any)));
	cr_assert_null(id->verbs);
	cr_assert_neq(rdma_get_src_port(id), 0);
	cr_assert_eq(mock_verbs_calls(MOCK_OPEN_DEVICE), 0);
	succeeds(rdma_bind_addr(v6, sa(&addr6)));
	cr_assert_not_null(v6->verbs);
	cr_assert_eq(rdma_get_src_port(v6), htons(PORT));
	util_destroy(v6);
	end(ch, id);
}

Test(bind, addr__bad_ones)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = util_id(ch), *other = util_listen(ch, PORT);
	struct sockaddr_in addr = fake_addr(0, PORT), none = { .sin_family = AF_UNSPEC };

	fails_with(EINVAL, rdma_bind_addr(id, NULL));
	fails_with(EINVAL, rdma_bind_addr(id, sa(&none)));
	none.sin_family = AF_UNIX;
	fails_with(EINVAL, rdma_bind_addr(id, sa(&none)));
	fails_with(EADDRINUSE, rdma_bind_addr(id, sa(&addr)));
	addr.sin_addr.s_addr = htonl(0x0a090101);
	fails_with(EADDRNOTAVAIL, rdma_bind_addr(id, sa(&addr)));
	addr.sin_addr.s_addr = htonl(0xc0000201);
	fails_with(ENODEV, rdma_bind_addr(id, sa(&addr)));
	addr = fake_addr(0, 0);
	succeeds(rdma_bind_addr(id, sa(&addr))); /* nothing of it stuck */
	util_destroy(other);
	end(ch, id);
}

Test(bind, addr__the_device_does_not_open)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = util_id(ch);
	struct sockaddr_in addr = fake_addr(0, PORT);

	mock_verbs_fail(MOCK_OPEN_DEVICE, EACCES);
	fails_with(EACCES, rdma_bind_addr(id, sa(&addr)));
	cr_assert_null(id->verbs);
	end(ch, id);
}

/* ---- address */

Test(resolve, addr__fills_in_the_id)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = util_id(ch);
	struct sockaddr_in src = fake_addr(1, 0), dst = fake_addr(0, PORT);

	succeeds(rdma_resolve_addr(id, sa(&src), sa(&dst), 100));
	cr_assert_null(id->verbs); /* not before the event is retrieved */
	cr_assert_eq(rdma_get_dst_port(id), htons(PORT));
	cr_assert_eq(util_expect(ch, RDMA_CM_EVENT_ADDR_RESOLVED), 0);
	cr_assert_str_eq(id->verbs->device->name, "mock1");
	cr_assert_eq(id->route.addr.src_sin.sin_addr.s_addr, src.sin_addr.s_addr);
	cr_assert_eq(id->route.num_paths, 0);
	cr_assert_eq(mock_netlink_asked_src().ss_family, AF_INET);
	end(ch, id);
}

Test(resolve, addr__bad_pairs)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = util_id(ch);
	struct sockaddr_in v4 = fake_addr(0, PORT), odd = { .sin_family = AF_UNIX };
	struct sockaddr_in none = { .sin_family = AF_UNSPEC };
	struct sockaddr_in6 v6 = fake_addr6(0, PORT);

	fails_with(EINVAL, rdma_resolve_addr(id, NULL, NULL, 100));
	fails_with(EINVAL, rdma_resolve_addr(id, NULL, sa(&odd), 100));
	fails_with(EINVAL, rdma_resolve_addr(id, NULL, sa(&none), 100));
	fails_with(EINVAL, rdma_resolve_addr(id, sa(&odd), sa(&v4), 100));
	fails_with(EINVAL, rdma_resolve_addr(id, sa(&v6), sa(&v4), 100));
	v4.sin_port = 0;
	succeeds(rdma_bind_addr(id, sa(&v4)));
	fails_with(EINVAL, rdma_resolve_addr(id, NULL, sa(&v6), 100));
	v4 = fake_addr(0, PORT);
	succeeds(rdma_resolve_addr(id, sa(&none), sa(&v4), 100)); /* as no source */
	fails_with(EINVAL, rdma_resolve_addr(id, NULL, sa(&v4), 100));
	util_expect(ch, RDMA_CM_EVENT_ADDR_RESOLVED);
	fails_with(EINVAL, rdma_resolve_addr(id, NULL, sa(&v4), 100));
	end(ch, id);
}

Test(resolve, addr__ipv6)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = util_id(ch);
	struct sockaddr_in6 dst = fake_addr6(0, PORT);

	succeeds(rdma_resolve_addr(id, NULL, sa(&dst), 100));
	util_expect(ch, RDMA_CM_EVENT_ADDR_RESOLVED);
	cr_assert_eq(rdma_get_dst_port(id), htons(PORT));
	cr_assert_neq(rdma_get_src_port(id), 0);
	end(ch, id);
}

Test(resolve, addr__no_route_is_told_at_once)
{
	static const int speak[] = { ENETUNREACH, EHOSTUNREACH, EACCES, EADDRNOTAVAIL };
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = util_id(ch);

	for (size_t i = 0; i < 4; i++) {
		mock_netlink_route(-speak[i]);
		fails_with(speak[i], util_resolve(id, PORT));
	}
	mock_netlink_route(-EMFILE); /* says nothing about the route */
	succeeds(util_resolve(id, PORT));
	util_expect(ch, RDMA_CM_EVENT_ADDR_RESOLVED);
	end(ch, id);
}

Test(resolve, addr__again_after_an_error)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = util_id(ch);

	fake_fail(FAKE_ADDR_EVENT, -ETIMEDOUT);
	succeeds(util_resolve(id, PORT));
	cr_assert_eq(util_expect(ch, RDMA_CM_EVENT_ADDR_ERROR), -ETIMEDOUT);
	fake_fail(FAKE_RESOLVE_ADDR, -ENETUNREACH);
	fails_with(ENETUNREACH, util_resolve(id, PORT));
	succeeds(util_resolve(id, PORT));
	cr_assert_eq(util_expect(ch, RDMA_CM_EVENT_ADDR_RESOLVED), 0);
	end(ch, id);
}

Test(resolve, addr__no_device_behind_it)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = util_id(ch);
	struct sockaddr_in src = { .sin_family = AF_INET }, dst = fake_addr(0, PORT);

	succeeds(rdma_resolve_addr(id, sa(&src), sa(&dst), 100));
	cr_assert_eq(util_expect(ch, RDMA_CM_EVENT_ADDR_ERROR), -ENODEV);
	util_destroy(id);
	id = util_id(ch);
	mock_verbs_fail(MOCK_OPEN_DEVICE, EMFILE);
	succeeds(util_resolve(id, PORT));
	cr_assert_eq(util_expect(ch, RDMA_CM_EVENT_ADDR_ERROR), -EMFILE);
	cr_assert_null(id->verbs);
	end(ch, id);
}

Test(resolve, addr__loopback_goes_to_an_address_with_a_device)
{
	struct rdma_event_channel *ch = util_channel();
	struct sockaddr_in lo = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	struct sockaddr_in6 lo6 = { .sin6_family = AF_INET6, .sin6_port = htons(PORT) };
	struct sockaddr_in first = fake_addr(1, 0), bound = fake_addr(0, 0);
	struct sockaddr_in6 first6 = fake_addr6(1, 0);
	struct sockaddr_storage ss = { 0 };
	struct rdma_cm_id *id = util_id(ch);

	lo.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	lo6.sin6_addr = in6addr_loopback;
	memcpy(&ss, &first, sizeof(first));
	mock_netlink_first(&ss);
	succeeds(rdma_resolve_addr(id, NULL, sa(&lo), 100));
	cr_assert_eq(id->route.addr.dst_sin.sin_addr.s_addr, first.sin_addr.s_addr);
	cr_assert_eq(rdma_get_dst_port(id), htons(PORT));
	util_destroy(id);

	id = util_id(ch);
	succeeds(rdma_bind_addr(id, sa(&bound)));
	succeeds(rdma_resolve_addr(id, NULL, sa(&lo), 100));
	cr_assert_eq(id->route.addr.dst_sin.sin_addr.s_addr, bound.sin_addr.s_addr);
	cr_assert_eq(rdma_get_dst_port(id), htons(PORT));
	util_destroy(id);

	id = util_id(ch);
	memcpy(&ss, &first6, sizeof(first6));
	mock_netlink_first(&ss);
	succeeds(rdma_resolve_addr(id, NULL, sa(&lo6), 100));
	cr_assert_eq(memcmp(&id->route.addr.dst_sin6.sin6_addr, &first6.sin6_addr, 16), 0);
	cr_assert_eq(rdma_get_dst_port(id), htons(PORT));
	util_destroy(id);

	id = util_id(ch);
	mock_netlink_first(NULL);
	succeeds(rdma_resolve_addr(id, NULL, sa(&lo), 100)); /* the driver has to say */
	cr_assert_eq(id->route.addr.dst_sin.sin_addr.s_addr, lo.sin_addr.s_addr);
	end(ch, id);
}

Test(resolve, addr__the_log_says_which_way)
{
	char path[] = "/tmp/iwshim-shim-XXXXXX", text[8192] = "";
	struct rdma_event_channel *ch;
	struct sockaddr_in6 dst = fake_addr6(0, PORT);
	struct rdma_cm_id *id;
	int fd = mkstemp(path);

	setenv("IWSHIM_LOG", "debug", 1);
	setenv("IWSHIM_LOG_FILE", path, 1);
	ch = util_channel();
	for (int i = 0; i < 3; i++) {
		id = util_id(ch);
		mock_netlink_local(i == 0);
		mock_netlink_device(i == 1);
		succeeds(rdma_resolve_addr(id, NULL, sa(&dst), 100));
		util_expect(ch, RDMA_CM_EVENT_ADDR_RESOLVED);
		util_destroy(id);
	}
	cr_assert_gt(read(fd, text, sizeof(text) - 1), 0);
	cr_assert_not_null(strstr(text, "fd00::1 is an address of this host"), "%s", text);
	cr_assert_not_null(strstr(text, "RDMA device mock0 port 1"), "%s", text);
	cr_assert_not_null(strstr(text, "which has no RDMA device"), "%s", text);
	unlink(path);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

Test(resolve, addr__each_fault_leaves_the_id_usable)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = util_id(ch);

	for (unsigned long n = 1;; n++) {
		iw_fault_arm(IW_FAULT_ALLOC | IW_FAULT_SYSCALL, n);
		if (!util_resolve(id, PORT))
			break;
		cr_assert(errno == ENOMEM || errno == EMFILE, "errno %d", errno);
		cr_assert_lt(n, 100);
	}
	iw_fault_arm(0, 0);
	util_expect(ch, RDMA_CM_EVENT_ADDR_RESOLVED);
	end(ch, id);
}

/* ---- route */

Test(resolve, route__order_and_timeout)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = util_id(ch);

	fails_with(EINVAL, rdma_resolve_route(id, 100));
	succeeds(util_resolve(id, PORT));
	fails_with(EINVAL, rdma_resolve_route(id, 100));
	util_expect(ch, RDMA_CM_EVENT_ADDR_RESOLVED);
	fails_with(EINVAL, rdma_resolve_route(id, 0));
	succeeds(rdma_resolve_route(id, 100));
	fails_with(EINVAL, rdma_resolve_route(id, 100));
	util_expect(ch, RDMA_CM_EVENT_ROUTE_RESOLVED);
	fails_with(EINVAL, rdma_resolve_route(id, 100));
	end(ch, id);
}

Test(resolve, route__errors_may_be_tried_again)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = util_id(ch);

	succeeds(util_resolve(id, PORT));
	util_expect(ch, RDMA_CM_EVENT_ADDR_RESOLVED);
	fake_fail(FAKE_RESOLVE_ROUTE, -EINTR);
	fails_with(EINTR, rdma_resolve_route(id, 100));
	fake_fail(FAKE_ROUTE_EVENT, -ENETUNREACH);
	succeeds(rdma_resolve_route(id, 100));
	cr_assert_eq(util_expect(ch, RDMA_CM_EVENT_ROUTE_ERROR), -ENETUNREACH);
	succeeds(rdma_resolve_route(id, 100));
	util_expect(ch, RDMA_CM_EVENT_ROUTE_RESOLVED);
	end(ch, id);
}
