// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Connect, listen, accept, reject, establish, notify: who may, when, and what comes of it. */
#include "api_diff.h"

#include <arpa/inet.h>

/* ---- connect */

static void connect_states(void)
{
	struct rdma_conn_param param = conn_param(NULL, 0);
	struct rdma_event_channel *ch = new_channel();
	struct pair p;

	OBSERVE("bound", rdma_connect(new_client(ch, BOUND, 0), &param));
	OBSERVE("addr_resolved", rdma_connect(new_client(ch, ADDR_RESOLVED, htons(7)), &param));
	OBSERVE("listening", rdma_connect(new_listener(ch, 1), &param));
	OBSERVE("null_without_qp", rdma_connect(new_client(ch, ROUTE_RESOLVED, htons(7)), NULL));
	OBSERVE("unknown_qp", rdma_connect(new_client(ch, ROUTE_RESOLVED, htons(7)), &param));
	pair_prepare(&p);
	pair_request(&p);
	OBSERVE("pending", rdma_connect(p.client, &param));
	OBSERVE("child", rdma_connect(p.child, &param));
	need(!rdma_accept(p.child, &param));
	rdma_ack_cm_event(p.request);
	expect(p.cch, RDMA_CM_EVENT_ESTABLISHED);
	OBSERVE("established", rdma_connect(p.client, &param));
	pair_hang_up(&p);
	OBSERVE("disconnected", rdma_connect(p.client, &param));
}

static void connect_idle(void)
{
	struct rdma_conn_param param = conn_param(NULL, 0);

	OBSERVE("idle", rdma_connect(new_id(new_channel()), &param));
}

static void connect_null(void)
{
	struct rdma_cm_event *ev;
	struct pair p;

	pair_prepare(&p);
	OBSERVE("param", rdma_connect(p.client, NULL));
	ev = next_event(p.sch, PATIENT_MS);
	need(ev);
	at("request");
	say("%s", param_text(ev));
}

/* Nobody listens; then somebody does, and the same id succeeds. */
static void connect_refused(void)
{
	struct rdma_conn_param param = conn_param(NULL, 0);
	uint16_t port = fresh_port();
	struct pair p;

	memset(&p, 0, sizeof(p));
	p.sch = new_channel();
	p.cch = new_channel();
	p.client = new_client(p.cch, WITH_QP, htons(port));
	at("first");
	say("%s", rc(rdma_connect(p.client, &param)));
	at("first_events");
	say("%s", events_text(p.cch, 0));
	OBSERVE("disconnect", rdma_disconnect(p.client));
	p.listener = new_id(p.sch);
	need(!rdma_bind_addr(p.listener, sa(ADDR, port)) && !rdma_listen(p.listener, 2));
	at("qp");
	say("%s", qp_state(p.client->qp));
	at("retry");
	say("%s", rc(rdma_connect(p.client, &param)));
	p.request = next_event(p.sch, UNLESS_IB_MS);
	need(p.request);
	p.child = p.request->id;
	need(!make_qp(p.child) && !rdma_accept(p.child, &param));
	at("retry_events");
	say("client=%s", event_text(p.cch, PATIENT_MS));
	at("retry_talk");
	say("%d", pair_talk(&p));
}

/* @rr and @depth beyond the device: siw can do 128 of each. */
static void resources(void)
{
	static const uint8_t pairs[][2] = { { 129, 1 }, { 1, 129 }, { 200, 200 }, { 254, 1 } };
	struct rdma_conn_param param = conn_param(NULL, 0);
	struct pair p;

	pair_prepare(&p);
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		param.responder_resources = pairs[i][0];
		param.initiator_depth = pairs[i][1];
		at("connect_%u_%u", pairs[i][0], pairs[i][1]);
		say("%s", rc(rdma_connect(p.client, &param)));
	}
	pair_request(&p);
	param.responder_resources = 129;
	OBSERVE("accept_129_1", rdma_accept(p.child, &param));
	at("after");
	say("client=%s server=%s", event_text(p.cch, QUIET_MS), event_text(p.sch, QUIET_MS));
	param = conn_param(NULL, 0);
	OBSERVE("accept_after", rdma_accept(p.child, &param));
}

/* ---- listen */

static void listens(void)
{
	static const int backlogs[] = { -1, 0, 1, 2000000 };
	struct rdma_event_channel *ch = new_channel();
	struct rdma_cm_id *id = new_id(ch);

	at("idle");
	say("%s", rc(rdma_listen(id, 1)));
	at("idle_address");
	say("%s verbs=%d", name_of(rdma_get_local_addr(id)), !!id->verbs);
	OBSERVE("twice", rdma_listen(id, 1));
	for (size_t i = 0; i < 4; i++) {
		at("backlog_%d", backlogs[i]);
		say("%s", rc(rdma_listen(new_client(ch, BOUND, 0), backlogs[i])));
	}
	OBSERVE("resolved", rdma_listen(new_client(ch, ROUTE_RESOLVED, htons(7)), 1));
	id = new_id(ch);
	need(!rdma_bind_addr(id, sa("127.0.0.1", fresh_port())));
	OBSERVE("loopback", rdma_listen(id, 1));
	id = new_id(ch);
	need(!rdma_bind_addr(id, sa(ADDR6, fresh_port())));
	OBSERVE("v6", rdma_listen(id, 1));
	need(!rdma_create_id(ch, &id, NULL, RDMA_PS_UDP));
	at("datagram");
	need(!rdma_bind_addr(id, sa(ADDR, 0)));
	say("%s", rc(rdma_listen(id, 1)));
}

/* With room for one unfetched request the others are refused. */
static void backlog(void)
{
	struct rdma_conn_param param = conn_param(NULL, 0);
	struct rdma_event_channel *sch = new_channel(), *cch = new_channel();
	struct rdma_cm_id *listener = new_listener(sch, 1), *clients[3];

	for (int i = 0; i < 3; i++)
		clients[i] = new_client(cch, WITH_QP, rdma_get_src_port(listener));
	for (int i = 0; i < 3; i++) {
		need(!rdma_connect(clients[i], &param));
		sleep_ms(QUIET_MS);
	}
	at("clients");
	say("%s", events_text(cch, 2 * UNLESS_IB));
	at("server");
	say("%s", events_text(sch, 1));
}

/* ---- what a request brings */

static void request(void)
{
	struct pair p;
	int mark;

	pair_prepare(&p);
	p.listener->context = &mark;
	need(!rdma_connect(p.client, &(struct rdma_conn_param){ .responder_resources = 3 }));
	p.request = next_event(p.sch, PATIENT_MS);
	need(p.request);
	p.child = p.request->id;
	at("event");
	say("listen_id=%d other=%d", p.request->listen_id == p.listener, p.child != p.listener);
	at("child");
	say("context=%d ps=%#x type=%d channel=%d verbs=%d pd=%d port=%d event=%d qp=%d",
	    p.child->context == &mark, (unsigned int)p.child->ps, (int)p.child->qp_type,
	    p.child->channel == p.sch, p.child->verbs == p.client->verbs, !!p.child->pd,
	    p.child->port_num, !!p.child->event, !!p.child->qp);
	at("addresses");
	say("src=%s dst=%s", name_of(rdma_get_local_addr(p.child)),
	    name_of(rdma_get_peer_addr(p.child)));
	at("ports");
	say("local=%d peer=%d", rdma_get_src_port(p.child) == rdma_get_src_port(p.listener),
	    rdma_get_dst_port(p.child) == rdma_get_src_port(p.client));
	at("client");
	say("src=%s dst=%s", name_of(rdma_get_local_addr(p.client)),
	    name_of(rdma_get_peer_addr(p.client)));
}

static void connect_v6(void)
{
	struct rdma_conn_param param = conn_param(NULL, 0);
	struct rdma_event_channel *sch = new_channel(), *cch = new_channel();
	struct rdma_cm_id *listener = new_id(sch), *client = new_id(cch);
	struct rdma_cm_event *ev;
	uint16_t port = fresh_port();

	need(!rdma_bind_addr(listener, sa("::", port)) && !rdma_listen(listener, 2));
	need(!rdma_resolve_addr(client, NULL, sa(ADDR6, port), 2000));
	expect(cch, RDMA_CM_EVENT_ADDR_RESOLVED);
	need(!rdma_resolve_route(client, 2000));
	expect(cch, RDMA_CM_EVENT_ROUTE_RESOLVED);
	need(!make_qp(client) && !rdma_connect(client, &param));
	ev = next_event(sch, PATIENT_MS);
	need(ev);
	at("child");
	say("src=%s dst=%s", name_of(rdma_get_local_addr(ev->id)),
	    name_of(rdma_get_peer_addr(ev->id)));
	need(!make_qp(ev->id) && !rdma_accept(ev->id, &param));
	at("client");
	say("%s", event_text(cch, PATIENT_MS));
}

/* A wildcard listener is reached by each of the device's addresses. */
static void connect_wildcard(void)
{
	struct rdma_event_channel *sch = new_channel(), *cch = new_channel();
	struct rdma_conn_param param = conn_param(NULL, 0);
	struct rdma_cm_id *listener = new_id(sch), *client = new_id(cch);
	struct rdma_cm_event *ev;

	need(!rdma_listen(listener, 2));
	need(!rdma_resolve_addr(client, NULL, sa(ADDR2, ntohs(rdma_get_src_port(listener))), 2000));
	expect(cch, RDMA_CM_EVENT_ADDR_RESOLVED);
	need(!rdma_resolve_route(client, 2000));
	expect(cch, RDMA_CM_EVENT_ROUTE_RESOLVED);
	need(!make_qp(client) && !rdma_connect(client, &param));
	ev = next_event(sch, PATIENT_MS);
	need(ev);
	at("child");
	say("src=%s verbs=%d listener_verbs=%d", name_of(rdma_get_local_addr(ev->id)),
	    !!ev->id->verbs, !!listener->verbs);
}

/* ---- accept */

static void accept_states(void)
{
	struct rdma_conn_param param = conn_param(NULL, 0);
	struct rdma_event_channel *ch = new_channel();
	struct pair p;

	OBSERVE("bound", rdma_accept(new_client(ch, BOUND, 0), &param));
	OBSERVE("resolved", rdma_accept(new_client(ch, WITH_QP, htons(7)), &param));
	OBSERVE("listening", rdma_accept(new_listener(ch, 1), &param));
	pair_prepare(&p);
	pair_request(&p);
	OBSERVE("child", rdma_accept(p.child, &param));
	at("events");
	say_events(p.cch, p.sch, 1, 1);
}

/* Before the client's last message, or after it: InfiniBand's kernel has a message for both. */
static void accept_then_reject(void)
{
	struct rdma_conn_param param = conn_param(NULL, 0);
	struct pair p;

	pair_prepare(&p);
	pair_request(&p);
	need(!rdma_accept(p.child, &param));
	OBSERVE("child", rdma_reject(p.child, NULL, 0));
	at("events");
	say_events(p.cch, p.sch, 1, 1);
}

static void accept_active(void)
{
	struct rdma_conn_param param = conn_param(NULL, 0);
	struct pair p;

	pair_prepare(&p);
	pair_request(&p);
	OBSERVE("connecting", rdma_accept(p.client, &param));
	need(!rdma_accept(p.child, &param));
	at("events");
	say_events(p.cch, p.sch, 1, 1);
	OBSERVE("connected", rdma_accept(p.client, &param));
	at("talk");
	say("%d", pair_talk(&p));
}

static void accept_twice(void)
{
	struct rdma_conn_param param = conn_param(NULL, 0);
	struct pair p;

	pair_prepare(&p);
	pair_request(&p);
	need(!rdma_accept(p.child, &param));
	OBSERVE("at_once", rdma_accept(p.child, &param));
	rdma_ack_cm_event(p.request);
	expect(p.cch, RDMA_CM_EVENT_ESTABLISHED);
	expect(p.sch, RDMA_CM_EVENT_ESTABLISHED);
	OBSERVE("established", rdma_accept(p.child, &param));
	at("talk");
	say("%d", pair_talk(&p));
}

static void accept_idle(void)
{
	struct rdma_conn_param param = conn_param(NULL, 0);

	OBSERVE("idle", rdma_accept(new_id(new_channel()), &param));
}

static void accept_null_without_qp(void)
{
	struct pair p;

	pair_prepare(&p);
	pair_request(&p);
	rdma_destroy_qp(p.child);
	OBSERVE("null", rdma_accept(p.child, NULL));
}

static void accept_null(void)
{
	struct pair p;
	struct rdma_cm_event *ev;

	pair_prepare(&p);
	pair_request(&p);
	OBSERVE("child", rdma_accept(p.child, NULL));
	ev = next_event(p.cch, PATIENT_MS);
	need(ev);
	at("client");
	say("%s", param_text(ev));
	ev = next_event(p.sch, PATIENT_MS);
	need(ev);
	at("server");
	say("%s", param_text(ev));
}

static void accept_unknown_qp(void)
{
	struct rdma_conn_param param = conn_param(NULL, 0);
	struct pair p;

	pair_prepare(&p);
	pair_request(&p);
	rdma_destroy_qp(p.child);
	param.qp_num = 0xabcdef;
	OBSERVE("child", rdma_accept(p.child, &param));
	at("client");
	say("%s", events_text(p.cch, 1));
}

/* The client is gone before the request is answered. */
static void accept_gone(void)
{
	struct rdma_conn_param param = conn_param(NULL, 0);
	struct pair p;

	pair_prepare(&p);
	pair_request(&p);
	rdma_destroy_qp(p.client);
	rdma_destroy_id(p.client);
	sleep_ms(QUIET_MS);
	at("events");
	say("%s", events_text(p.sch, 0));
	OBSERVE("accept", rdma_accept(p.child, &param));
	at("events_after");
	say("%s", events_text(p.sch, 0));
	OBSERVE("destroy", rdma_destroy_id(p.child));
}

/* ---- reject */

static void reject_states(void)
{
	struct rdma_event_channel *ch = new_channel();
	struct pair p;

	OBSERVE("bound", rdma_reject(new_client(ch, BOUND, 0), NULL, 0));
	OBSERVE("idle", rdma_reject(new_id(ch), NULL, 0));
	OBSERVE("listening", rdma_reject(new_listener(ch, 1), NULL, 0));
	pair_prepare(&p);
	pair_request(&p);
	OBSERVE("child", rdma_reject(p.child, "no", 3));
	OBSERVE("twice", rdma_reject(p.child, NULL, 0));
	OBSERVE("accept_after", rdma_accept(p.child, &(struct rdma_conn_param){ 0 }));
	at("events");
	say_events(p.cch, p.sch, 1, 0);
	OBSERVE("client_disconnect", rdma_disconnect(p.client));
	OBSERVE("child_disconnect", rdma_disconnect(p.child));
}

static void reject_active(void)
{
	struct pair p;

	pair_prepare(&p);
	pair_request(&p);
	OBSERVE("client", rdma_reject(p.client, NULL, 0));
	OBSERVE("child", rdma_reject(p.child, NULL, 0));
	at("events");
	say_events(p.cch, p.sch, 1, 0);
}

static void reject_without_qp(void)
{
	struct rdma_conn_param param = conn_param(NULL, 0);
	struct rdma_cm_event *ev;
	struct pair p;

	pair_prepare(&p);
	need(!rdma_connect(p.client, &param));
	p.request = next_event(p.sch, PATIENT_MS);
	need(p.request);
	OBSERVE("child", rdma_reject(p.request->id, "sorry", 6));
	ev = next_event(p.cch, PATIENT_MS);
	need(ev);
	at("client");
	say("%s", param_text(ev));
	at("data");
	say("%d", ev->param.conn.private_data && !strcmp(ev->param.conn.private_data, "sorry"));
}

/* ---- establish, notify */

static void establish(void)
{
	struct rdma_event_channel *ch = new_channel();
	struct pair p;

	OBSERVE("idle", rdma_establish(new_id(ch)));
	OBSERVE("bound", rdma_establish(new_client(ch, BOUND, 0)));
	OBSERVE("resolved", rdma_establish(new_client(ch, ROUTE_RESOLVED, htons(7))));
	pair_up(&p);
	OBSERVE("client_with_qp", rdma_establish(p.client));
	OBSERVE("child_with_qp", rdma_establish(p.child));
}

static void notify(void)
{
	struct rdma_event_channel *ch = new_channel();
	struct pair p;

	OBSERVE("idle", rdma_notify(new_id(ch), IBV_EVENT_COMM_EST));
	OBSERVE("bound", rdma_notify(new_client(ch, BOUND, 0), IBV_EVENT_COMM_EST));
	OBSERVE("listening", rdma_notify(new_listener(ch, 1), IBV_EVENT_COMM_EST));
	OBSERVE("resolved", rdma_notify(new_client(ch, WITH_QP, htons(7)), IBV_EVENT_COMM_EST));
	pair_prepare(&p);
	pair_request(&p);
	OBSERVE("connecting", rdma_notify(p.client, IBV_EVENT_COMM_EST));
	OBSERVE("requested", rdma_notify(p.child, IBV_EVENT_COMM_EST));
	pair_up(&p);
	OBSERVE("client", rdma_notify(p.client, IBV_EVENT_COMM_EST));
	OBSERVE("child", rdma_notify(p.child, IBV_EVENT_COMM_EST));
	OBSERVE("other_event", rdma_notify(p.client, IBV_EVENT_QP_FATAL));
	at("talk");
	say("%d", pair_talk(&p));
}

const struct api_case api_conn[] = {
	{ "connect", connect_states, 0, ALWAYS },
	{ "connect_idle", connect_idle, 3, ALWAYS },
	{ "connect_null", connect_null, 0, ALWAYS },
	{ "connect_refused", connect_refused, 0, ALWAYS },
	{ "connect_v6", connect_v6, 0, ALWAYS },
	{ "connect_any", connect_wildcard, 0, ALWAYS },
	{ "resources", resources, 0, ALWAYS },
	{ "listen", listens, 0, ALWAYS },
	{ "backlog", backlog, 0, ALWAYS },
	{ "request", request, 0, ALWAYS },
	{ "accept", accept_states, 0, ALWAYS },
	{ "accept_reject", accept_then_reject, 8, SLOW },
	{ "accept_active", accept_active, 0, DEADLY },
	{ "accept_twice", accept_twice, 0, DEADLY },
	{ "accept_idle", accept_idle, 3, ALWAYS },
	{ "accept_no_qp", accept_null_without_qp, 3, ALWAYS },
	{ "accept_null", accept_null, 0, ALWAYS },
	{ "accept_unknown_qp", accept_unknown_qp, 0, ALWAYS },
	{ "accept_gone", accept_gone, 0, ALWAYS },
	{ "reject", reject_states, 0, ALWAYS },
	{ "reject_active", reject_active, 0, ALWAYS },
	{ "reject_no_qp", reject_without_qp, 0, ALWAYS },
	{ "establish", establish, 0, ALWAYS },
	{ "notify", notify, 0, ALWAYS },
	{ NULL, NULL, 0, ALWAYS },
};
