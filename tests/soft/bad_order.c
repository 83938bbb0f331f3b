// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Bad input: calls while the answer to the last one is due, channels and events
 * in the wrong hands, names that are none, QPs that nobody has.
 */
#include "bad_input.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <limits.h>
#include <rdma/rdma_verbs.h>

/* ---- before the event */

static void before_the_event(void)
{
	struct rdma_conn_param param = conn_param(NULL, 0);
	struct rdma_cm_id *id;
	struct pair p;
	int port;

	pair_at(&p, FRESH);
	id = p.client;
	port = ntohs(rdma_get_src_port(p.listener));
	BAD(rdma_resolve_addr(id, NULL, sa(ADDR, (uint16_t)port), 2000), 0);
	BAD(rdma_resolve_addr(id, NULL, sa(ADDR, (uint16_t)port), 2000), EINVAL);
	BAD(rdma_bind_addr(id, sa(ADDR, 0)), EINVAL);
	BAD(rdma_listen(id, 1), EINVAL);
	BAD(rdma_connect(id, &param), EINVAL);
	BAD(make_qp(id), ALIVE); /* the device may be known already */
	expect(p.cch, RDMA_CM_EVENT_ADDR_RESOLVED);
	BAD(rdma_resolve_route(id, 2000), 0);
	BAD(rdma_resolve_route(id, 2000), EINVAL);
	BAD(rdma_resolve_addr(id, NULL, sa(ADDR, 7), 2000), EINVAL);
	BAD(rdma_listen(id, 1), EINVAL);
	expect(p.cch, RDMA_CM_EVENT_ROUTE_RESOLVED);
	HOLDS(!next_event(p.cch, 20));
	pair_on(&p, "after calls that came too early");
}

/* ---- channels and events */

static void channels(void)
{
	struct rdma_event_channel *ch = new_channel(), *closed = new_channel();
	struct rdma_cm_event *ev;
	struct rdma_cm_id *id;

	HOLDS(!fcntl(ch->fd, F_SETFL, O_NONBLOCK));
	BAD(rdma_get_cm_event(ch, &ev), EAGAIN);
	close(closed->fd);
	HOLDS(rdma_get_cm_event(closed, &ev) == -1 && errno);
	BAD(rdma_create_id(closed, &id, NULL, RDMA_PS_TCP), ALIVE);
	BAD(rdma_bind_addr(id, sa(ADDR, 0)), ALIVE);
	BAD(rdma_resolve_addr(id, NULL, sa(ADDR, 7), 100), ALIVE);
	BAD(rdma_destroy_id(id), 0);
	BAD_VOID(rdma_destroy_event_channel(closed));
	BAD_VOID(rdma_destroy_event_channel(ch));
}

/* The library acknowledges a synchronous id's event itself; so does this program. */
static void acknowledged_twice(void)
{
	struct rdma_cm_id *id;

	need(!rdma_create_id(NULL, &id, NULL, RDMA_PS_TCP));
	BAD(rdma_resolve_addr(id, NULL, sa(ADDR, 7), 2000), 0);
	BAD(rdma_ack_cm_event(id->event), 0);
	BAD(rdma_resolve_route(id, 2000), 0);
	BAD(rdma_ack_cm_event(id->event), 0);
	BAD(rdma_destroy_id(id), 0);
}

/* ---- names */

static int look_up(const char *node, const char *service, int family)
{
	struct rdma_addrinfo hints = { .ai_family = family, .ai_flags = RAI_NUMERICHOST }, *info;
	int ret = rdma_getaddrinfo(node, service, &hints, &info);

	if (!ret)
		rdma_freeaddrinfo(info);
	return ret;
}

static void names(void)
{
	static char very_long[70000];
	static const char *const services[] = { "65536", "-1", "99999999999999999999", "1x",
						"no/such" };

	memset(very_long, 'a', sizeof(very_long) - 1);
	HOLDS(look_up(very_long, NULL, 0));
	HOLDS(look_up("127.0.0.1", very_long, 0));
	HOLDS(look_up("", NULL, 0));
	HOLDS(look_up("256.1.1.1", NULL, 0));
	HOLDS(look_up("127.0.0.1", NULL, AF_UNIX));
	HOLDS(look_up("127.0.0.1", NULL, -1));
	HOLDS(look_up("127.0.0.1", NULL, AF_INET6));
	for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++) {
		begin("rdma_getaddrinfo, service %s", services[i]);
		judge_true(look_up("127.0.0.1", services[i], 0));
	}
	HOLDS(!look_up("127.0.0.1", "7", 0));
}

/* ---- QPs by number: iWARP's devices look for them, InfiniBand's peers do */

static void strange_qps(void)
{
	static const uint32_t numbers[] = { 0, 0xffffff, UINT32_MAX };
	struct rdma_conn_param param = conn_param(NULL, 0);
	struct pair p;

	pair_at(&p, ROUTE_RESOLVED);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		begin("rdma_connect of QP %#x, which is none", numbers[i]);
		param.qp_num = numbers[i];
		errno = 0;
		judge(rdma_connect(p.client, &param), SOME_ERROR);
	}
	BAD(rdma_connect(p.client, NULL), EINVAL);
	pair_on(&p, "after QPs that are none");

	pair_prepare(&p);
	param = conn_param(NULL, 0);
	need(!rdma_connect(p.client, &param));
	p.request = next_event(p.sch, PATIENT_MS);
	need(p.request);
	p.child = p.request->id;
	BAD(rdma_accept(p.child, NULL), EINVAL);
	param.qp_num = 0xffffff;
	BAD(rdma_accept(p.child, &param), SOME_ERROR);
	pair_down(&p);
}

/* All fields as large as they go, but for the depths: 255 is "what the device can". */
static void large_numbers(void)
{
	struct rdma_conn_param param;
	struct pair p;

	memset(&param, 0xff, sizeof(param));
	param.private_data = NULL;
	param.private_data_len = 0;
	pair_at(&p, WITH_QP);
	BAD(rdma_connect(p.client, &param), 0);
	pair_finish(&p, "with the largest numbers");
}

const struct bad_group order_groups[] = {
	{ "before the event", before_the_event, ON_ALL },
	{ "channels", channels, ON_ALL },
	{ "acknowledged twice", acknowledged_twice, ON_ALL },
	{ "names", names, ON_ALL },
	{ "strange QPs", strange_qps, ON_IWARP },
	{ "large numbers", large_numbers, ON_ALL },
	{ 0 },
};
