// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Bad input: every call on an id in every state, calls that are made twice, synchronous ids. */
#include "bad_input.h"

#include <arpa/inet.h>
#include <rdma/rdma_verbs.h>

/* ---- the calls */

static struct rdma_conn_param param;

static int do_bind(struct rdma_cm_id *id)
{
	return rdma_bind_addr(id, sa(ADDR, 0));
}

static int do_resolve_addr(struct rdma_cm_id *id)
{
	return rdma_resolve_addr(id, NULL, sa(ADDR, 7), 2000);
}

static int do_resolve_route(struct rdma_cm_id *id)
{
	return rdma_resolve_route(id, 2000);
}

static int do_create_qp_ex(struct rdma_cm_id *id)
{
	struct ibv_qp_init_attr_ex attr = { .cap = { 1, 1, 1, 1, 0 }, .qp_type = IBV_QPT_RC };

	return rdma_create_qp_ex(id, &attr);
}

static int do_init_qp_attr(struct rdma_cm_id *id)
{
	struct ibv_qp_attr attr = { .qp_state = IBV_QPS_INIT };
	int mask;

	return rdma_init_qp_attr(id, &attr, &mask);
}

static int do_init_qp_mad(struct rdma_cm_id *id)
{
	struct ibv_qp_attr attr = { .qp_state = (enum ibv_qp_state)77 };
	int mask;

	return rdma_init_qp_attr(id, &attr, &mask);
}

static int do_connect(struct rdma_cm_id *id)
{
	return rdma_connect(id, &param);
}

static int do_connect_null(struct rdma_cm_id *id)
{
	return rdma_connect(id, NULL);
}

static int do_listen(struct rdma_cm_id *id)
{
	return rdma_listen(id, 1);
}

static int do_accept(struct rdma_cm_id *id)
{
	return rdma_accept(id, &param);
}

static int do_accept_null(struct rdma_cm_id *id)
{
	return rdma_accept(id, NULL);
}

static int do_reject(struct rdma_cm_id *id)
{
	return rdma_reject(id, NULL, 0);
}

static int do_reject_ece(struct rdma_cm_id *id)
{
	return rdma_reject_ece(id, NULL, 0);
}

static int do_disconnect(struct rdma_cm_id *id)
{
	return rdma_disconnect(id);
}

static int do_tos(struct rdma_cm_id *id)
{
	uint8_t tos = 0;

	return rdma_set_option(id, RDMA_OPTION_ID, RDMA_OPTION_ID_TOS, &tos, 1);
}

static int do_afonly(struct rdma_cm_id *id)
{
	int one = 1;

	return rdma_set_option(id, RDMA_OPTION_ID, RDMA_OPTION_ID_AFONLY, &one, sizeof(one));
}

static int do_path(struct rdma_cm_id *id)
{
	struct ibv_path_data path = { 0 };

	return rdma_set_option(id, RDMA_OPTION_IB, RDMA_OPTION_IB_PATH, &path, sizeof(path));
}

static int do_get_request(struct rdma_cm_id *id)
{
	struct rdma_cm_id *child;

	return rdma_get_request(id, &child);
}

static int do_join(struct rdma_cm_id *id)
{
	return rdma_join_multicast(id, sa("239.1.1.1", 0), NULL);
}

static int do_join_ex(struct rdma_cm_id *id)
{
	struct rdma_cm_join_mc_attr_ex attr = { .comp_mask = 3, .addr = sa("239.1.1.1", 0) };

	return rdma_join_multicast_ex(id, &attr, NULL);
}

static int do_leave(struct rdma_cm_id *id)
{
	return rdma_leave_multicast(id, sa("239.1.1.1", 0));
}

static int do_query(struct rdma_cm_id *id)
{
	struct rdma_addrinfo *info;

	return rdma_query_addrinfo(id, &info);
}

static int do_write_event(struct rdma_cm_id *id)
{
	return rdma_write_cm_event(id, RDMA_CM_EVENT_ESTABLISHED, 0, 0);
}

static int do_migrate_foreign(struct rdma_cm_id *id)
{
	return rdma_migrate_id(id, foreign());
}

static int do_set_ece_zero(struct rdma_cm_id *id)
{
	struct ibv_ece ece = { 0 };

	return rdma_set_local_ece(id, &ece);
}

/* ---- the states */

enum state {
	ST_FRESH,
	ST_BOUND,
	ST_LISTENING,
	ST_ADDR,
	ST_ROUTE,
	ST_CONNECTING,
	ST_ACTIVE,
	ST_PASSIVE,
	ST_OVER,     /* disconnected, active */
	ST_REQUEST,  /* a child, not yet accepted */
	ST_REJECTED, /* active */
	ST_REFUSED,  /* a child that was rejected */
	ST_SHELL,    /* bound, and its channel is destroyed */
	ST_COUNT,
};

static const char *const state_names[ST_COUNT] = {
	"a fresh",	"a bound",    "a listening",	"an addr-resolved", "a route-resolved",
	"a connecting", "an active",  "a passive",	"a disconnected",   "a requested",
	"a rejected",	"a refusing", "a channel-less",
};

/*
 * What each call answers in each state, in the order of enum state: e EINVAL,
 * 0, a EADDRNOTAVAIL, o ENOENT, i EINVAL on iWARP and else 0, ? either errno or 0
 * as the kernel likes, - is right there, or spoils the state.
 */
static const struct {
	const char *name;
	int (*fn)(struct rdma_cm_id *id);
	char want[ST_COUNT + 1];
} calls[] = {
	/*                                         FBLARCAPORJUS */
	{ "rdma_bind_addr", do_bind, "-eeeeeeeeeeee" },
	{ "rdma_resolve_addr", do_resolve_addr, "--eeeeeeeeeee" },
	{ "rdma_resolve_route", do_resolve_route, "eee-eeeeeeeee" },
	{ "rdma_create_qp", make_qp, "e-e--eeee-eee" },
	{ "rdma_create_qp_ex", do_create_qp_ex, "e-e--eeee-eee" },
	{ "rdma_init_qp_attr", do_init_qp_attr, "e-e---------e" },
	{ "rdma_init_qp_attr to no state", do_init_qp_mad, "eeeeeeeeeeeee" },
	{ "rdma_connect", do_connect, "eeee-eeeeeeee" },
	{ "rdma_connect by default", do_connect_null, "eeee-eeeeeeee" },
	{ "rdma_listen", do_listen, "--eeeeeeeeeee" },
	{ "rdma_accept", do_accept, "eeeeeeeee-eee" },
	{ "rdma_accept by default", do_accept_null, "eeeeeeeee-eee" },
	{ "rdma_reject", do_reject, "eeeeeeeee-eee" },
	{ "rdma_reject_ece", do_reject_ece, "eeeeeeeee-eee" },
	{ "rdma_establish", rdma_establish, "eeeeeeeeeeeee" },
	{ "rdma_disconnect", do_disconnect, "eeiee---0000e" },
	{ "rdma_set_option of TOS", do_tos, "000000000000e" },
	{ "rdma_set_option of AFONLY", do_afonly, "--eeeeeeeeeee" },
	{ "rdma_set_option of a path", do_path, "eeeeeeeeeeeee" },
	{ "rdma_get_request", do_get_request, "eeeeeeeeeeeee" },
	{ "rdma_join_multicast", do_join, "eeeeeeeeeeeee" },
	{ "rdma_join_multicast_ex", do_join_ex, "eeeeeeeeeeeee" },
	{ "rdma_leave_multicast", do_leave, "aaaaaaaaaaaaa" },
	{ "rdma_query_addrinfo", do_query, "ooooooooooooo" },
	{ "rdma_write_cm_event of ESTABLISHED", do_write_event, "eeeeeeeeeeeee" },
	{ "rdma_migrate_id to no channel of ours", do_migrate_foreign, "eeeeeeeeeeeee" },
	{ "rdma_set_local_ece of zeroes", do_set_ece_zero, "eeeeeeeeeeeee" },
};

static void all_calls(struct rdma_cm_id *id, enum state state)
{
	param = conn_param(NULL, 0);
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		char want = calls[i].want[state];

		if (want == '-')
			continue;
		begin("%s of %s id", calls[i].name, state_names[state]);
		errno = 0;
		judge(calls[i].fn(id), want == 'e'   ? EINVAL
				       : want == 'i' ? by_device(EINVAL, EINVAL, 0)
				       : want == 'a' ? EADDRNOTAVAIL
				       : want == 'o' ? ENOENT
						     : 0);
	}
}

/* A client on its way, and then all the way. */
static void on_the_way(enum stage stage, enum state state)
{
	struct pair p;

	pair_at(&p, stage);
	all_calls(p.client, state);
	pair_on(&p, state_names[state]);
}

static void fresh(void)
{
	on_the_way(FRESH, ST_FRESH);
}

static void bound(void)
{
	on_the_way(BOUND, ST_BOUND);
}

static void addr_resolved(void)
{
	on_the_way(ADDR_RESOLVED, ST_ADDR);
}

static void route_resolved(void)
{
	on_the_way(ROUTE_RESOLVED, ST_ROUTE);
}

static void listening(void)
{
	struct pair p;

	pair_at(&p, FRESH);
	all_calls(p.listener, ST_LISTENING);
	pair_on(&p, "a listening");
}

static void connecting(void)
{
	struct pair p;

	pair_prepare(&p);
	pair_request(&p);
	all_calls(p.client, ST_CONNECTING);
	pair_finish(&p, "a connecting");
}

static void requested(void)
{
	struct pair p;

	pair_prepare(&p);
	param = conn_param(NULL, 0);
	need(!rdma_connect(p.client, &param));
	p.request = next_event(p.sch, PATIENT_MS);
	need(p.request);
	p.child = p.request->id;
	all_calls(p.child, ST_REQUEST);
	pair_finish(&p, "a requested");
}

static void established(void)
{
	struct pair p;

	pair_up(&p);
	all_calls(p.client, ST_ACTIVE);
	all_calls(p.child, ST_PASSIVE);
	HOLDS(pair_talk(&p) == 16);
	HOLDS(!next_event(p.cch, 20) && !next_event(p.sch, 20));
	pair_down(&p);
}

static void disconnected(void)
{
	struct pair p;

	pair_up(&p);
	pair_hang_up(&p);
	all_calls(p.client, ST_OVER);
	BAD(rdma_disconnect(p.client), 0);
	BAD(rdma_disconnect(p.client), 0);
	pair_down(&p);
}

static void rejected(void)
{
	struct rdma_cm_event *ev;
	struct pair p;

	pair_prepare(&p);
	pair_request(&p);
	need(!rdma_reject(p.child, NULL, 0));
	ev = next_event(p.cch, PATIENT_MS);
	need(ev && ev->event == RDMA_CM_EVENT_REJECTED);
	rdma_ack_cm_event(ev);
	all_calls(p.client, ST_REJECTED);
	all_calls(p.child, ST_REFUSED);
	pair_down(&p);
}

/* What is left of an id when the program destroys its channel first. */
static void channel_less(void)
{
	struct rdma_event_channel *ch = new_channel();
	struct rdma_cm_id *id = new_client(ch, BOUND, 0);
	struct rdma_cm_id *resolved = new_client(ch, WITH_QP, htons(7));

	rdma_destroy_event_channel(ch);
	all_calls(id, ST_SHELL);
	all_calls(resolved, ST_SHELL);
	BAD(rdma_migrate_id(id, NULL), EINVAL);
	BAD(rdma_migrate_id(id, new_channel()), EINVAL);
	BAD(rdma_resolve_addrinfo(id, ADDR, NULL, NULL), EINVAL);
	BAD(rdma_write_cm_event(id, RDMA_CM_EVENT_USER, 0, 0), EINVAL);
	BAD_VOID(rdma_destroy_qp(resolved));
	BAD(rdma_destroy_id(id), 0);
	BAD(rdma_destroy_id(resolved), 0);
}

/* ---- twice */

static void twice(void)
{
	struct rdma_conn_param p1 = conn_param(NULL, 0);
	struct pair p;

	pair_at(&p, WITH_QP);
	BAD(rdma_listen(p.listener, 8), EINVAL);
	BAD(make_qp(p.client), EINVAL);
	BAD_VOID(rdma_destroy_qp(p.client));
	BAD_VOID(rdma_destroy_qp(p.client));
	BAD(make_qp(p.client), 0);
	pair_request(&p);
	BAD(rdma_connect(p.client, &p1), EINVAL);
	BAD(rdma_accept(p.child, &p1), 0);
	BAD(rdma_accept(p.child, &p1), EINVAL);
	BAD(rdma_reject(p.child, NULL, 0), EINVAL);
	rdma_ack_cm_event(p.request);
	p.request = NULL;
	expect(p.cch, RDMA_CM_EVENT_ESTABLISHED);
	expect(p.sch, RDMA_CM_EVENT_ESTABLISHED);
	HOLDS(pair_talk(&p) == 16);
	BAD(rdma_disconnect(p.client), 0);
	BAD(rdma_disconnect(p.client), 0);
	BAD(rdma_disconnect(p.child), 0);
	BAD(rdma_disconnect(p.child), 0);
	expect(p.cch, RDMA_CM_EVENT_DISCONNECTED);
	BAD(rdma_connect(p.client, &p1), EINVAL);
	BAD_VOID(rdma_destroy_qp(p.client));
	BAD_VOID(rdma_destroy_qp(p.client));
	BAD(make_qp(p.client), ALIVE);
	pair_down(&p);
}

/* ---- synchronous ids */

static struct rdma_cm_id *new_sync(void)
{
	struct rdma_cm_id *id;

	need(!rdma_create_id(NULL, &id, NULL, RDMA_PS_TCP));
	return id;
}

static int accept_one(void *arg)
{
	struct rdma_cm_id **listener = arg, *child;

	if (rdma_get_request(*listener, &child))
		return -1;
	*listener = child;
	return make_qp(child) ? -1 : rdma_accept(child, NULL);
}

static void synchronous(void)
{
	struct rdma_cm_id *id = new_sync(), *listener = new_sync(), *served = listener;
	struct task task = { .fn = accept_one, .arg = &served };
	struct rdma_cm_id *child;

	param = conn_param(NULL, 0);
	BAD(rdma_get_request(id, &child), EINVAL);
	BAD(rdma_migrate_id(id, NULL), EINVAL);
	BAD(rdma_accept(id, &param), EINVAL);
	BAD(rdma_disconnect(id), EINVAL);
	BAD(rdma_connect(id, &param), EINVAL);
	BAD(rdma_resolve_route(id, 100), EINVAL);
	BAD(rdma_bind_addr(listener, sa(ADDR, 0)), 0);
	BAD(rdma_get_request(listener, &child), EINVAL);
	BAD(rdma_disconnect(listener), EINVAL);
	BAD(rdma_listen(listener, 4), 0);
	BAD(rdma_listen(listener, 4), EINVAL);
	BAD(rdma_accept(listener, NULL), EINVAL);
	BAD(rdma_disconnect(listener), by_device(EINVAL, EINVAL, 0));
	task_start(&task);
	BAD(rdma_resolve_addr(id, NULL, sa(ADDR, ntohs(rdma_get_src_port(listener))), 2000), 0);
	BAD(rdma_resolve_addr(id, NULL, sa(ADDR, 7), 2000), EINVAL);
	BAD(rdma_connect(id, &param), EINVAL);
	BAD(rdma_resolve_route(id, 2000), 0);
	BAD(rdma_resolve_route(id, 2000), EINVAL);
	BAD(make_qp(id), 0);
	BAD(rdma_get_request(id, &child), EINVAL);
	BAD(rdma_connect(id, &param), 0);
	BAD(rdma_connect(id, &param), EINVAL);
	BAD(rdma_accept(id, &param), EINVAL);
	BAD(rdma_establish(id), EINVAL);
	HOLDS(task_done(&task, 5000) && !task.ret);
	BAD(rdma_accept(served, NULL), EINVAL);
	BAD(rdma_get_request(served, &child), EINVAL);
	/* InfiniBand's side hears of the end when both have said so. */
	if (device() != ON_RXE) {
		BAD(rdma_disconnect(id), 0);
		BAD(rdma_disconnect(id), 0);
		BAD(rdma_disconnect(served), 0);
		BAD(rdma_disconnect(served), 0);
	}
	BAD_VOID(rdma_destroy_ep(id));
	BAD_VOID(rdma_destroy_ep(served));
	BAD_VOID(rdma_destroy_ep(listener));
}

const struct bad_group state_groups[] = {
	{ "fresh", fresh, ON_ALL },
	{ "bound", bound, ON_ALL },
	{ "listening", listening, ON_ALL },
	{ "address resolved", addr_resolved, ON_ALL },
	{ "route resolved", route_resolved, ON_ALL },
	{ "connecting", connecting, ON_ALL },
	{ "requested", requested, ON_ALL },
	{ "established", established, ON_ALL },
	{ "disconnected", disconnected, ON_ALL },
	{ "rejected", rejected, ON_ALL },
	{ "no channel", channel_less, ON_ALL },
	{ "twice", twice, ON_ALL },
	{ "synchronous", synchronous, ON_ALL },
	{ 0 },
};
