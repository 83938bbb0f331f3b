// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Queue pairs of ids: creation in every state, its queues, and init_qp_attr's table. */
#include "api_diff.h"

#include <arpa/inet.h>

static const char *queues(struct rdma_cm_id *id, const struct ibv_qp_init_attr *attr)
{
	static char text[160];

	snprintf(text, sizeof(text),
		 "qp=%d scq=%d rcq=%d schan=%d rchan=%d same=%d out=%d,%d state=%s", !!id->qp,
		 !!id->send_cq, !!id->recv_cq, !!id->send_cq_channel, !!id->recv_cq_channel,
		 id->send_cq && id->send_cq == id->recv_cq, id->qp && attr->send_cq,
		 id->qp && attr->recv_cq, qp_state(id->qp));
	return text;
}

static void create(void)
{
	struct rdma_event_channel *ch = new_channel();
	struct rdma_cm_id *id = new_client(ch, BOUND, 0);
	struct ibv_qp_init_attr attr = qp_attr();
	const char *result;

	at("bound");
	result = rc(rdma_create_qp(id, NULL, &attr));
	say("%s %s", result, queues(id, &attr));
	at("fields");
	say("pd=%d context=%d cq_context=%d,%d caps=%d verbs=%d type=%d", id->qp->pd == id->pd,
	    id->qp->qp_context == attr.qp_context, id->send_cq->cq_context == id,
	    id->recv_cq->cq_context == id, attr.cap.max_send_wr >= 2 && attr.cap.max_recv_wr >= 2,
	    id->qp->context == id->verbs, (int)id->qp->qp_type);
	OBSERVE("second", make_qp(id));
	rdma_destroy_qp(id);
	at("destroyed");
	say("%s", queues(id, &attr));
	attr = qp_attr();
	at("again");
	result = rc(rdma_create_qp(id, id->pd, &attr));
	say("%s %s", result, queues(id, &attr));
	rdma_destroy_qp(id);
	id = new_client(ch, ADDR_RESOLVED, htons(7));
	OBSERVE("addr_resolved", make_qp(id));
	id = new_client(ch, ROUTE_RESOLVED, htons(7));
	OBSERVE("route_resolved", make_qp(id));
	OBSERVE("listening", make_qp(new_listener(ch, 1)));
}

static void create_idle(void)
{
	OBSERVE("idle", make_qp(new_id(new_channel())));
}

static void create_wildcard(void)
{
	struct rdma_cm_id *id = new_id(new_channel());

	need(!rdma_bind_addr(id, sa("0.0.0.0", 0)));
	OBSERVE("wildcard", make_qp(id));
}

static void create_null(void)
{
	struct rdma_cm_id *id = new_client(new_channel(), BOUND, 0);

	OBSERVE("attr", rdma_create_qp(id, NULL, NULL));
}

static void create_no_receives(void)
{
	struct rdma_cm_id *id = new_client(new_channel(), BOUND, 0);
	struct ibv_qp_init_attr attr = qp_attr();
	const char *result;

	attr.cap.max_recv_wr = 0;
	at("create");
	result = rc(rdma_create_qp(id, NULL, &attr));
	say("%s %s", result, queues(id, &attr));
}

static void create_no_sends(void)
{
	struct rdma_cm_id *id = new_client(new_channel(), BOUND, 0);
	struct ibv_qp_init_attr attr = qp_attr();
	const char *result;

	attr.cap.max_send_wr = 0;
	at("create");
	result = rc(rdma_create_qp(id, NULL, &attr));
	say("%s %s", result, queues(id, &attr));
}

static void create_nothing(void)
{
	struct rdma_cm_id *id = new_client(new_channel(), BOUND, 0);
	struct ibv_qp_init_attr attr = qp_attr();
	const char *result;

	attr.cap.max_send_wr = attr.cap.max_recv_wr = 0;
	at("create");
	result = rc(rdma_create_qp(id, NULL, &attr));
	say("%s %s", result, queues(id, &attr));
}

static void create_sizes(void)
{
	struct rdma_event_channel *ch = new_channel();
	struct rdma_cm_id *id = new_client(ch, BOUND, 0);
	struct ibv_qp_init_attr attr = qp_attr();
	const char *result;

	attr.cap.max_send_wr = 1u << 30;
	at("too_many");
	result = rc(rdma_create_qp(id, NULL, &attr));
	say("%s %s", result, queues(id, &attr));
	attr = qp_attr();
	OBSERVE("after_failure", rdma_create_qp(id, NULL, &attr));
	id = new_client(ch, BOUND, 0);
	attr = qp_attr();
	attr.qp_type = IBV_QPT_UD;
	at("datagram");
	result = rc(rdma_create_qp(id, NULL, &attr));
	say("%s %s", result, queues(id, &attr));
}

static void create_own_queues(void)
{
	struct rdma_event_channel *ch = new_channel();
	struct rdma_cm_id *id = new_client(ch, BOUND, 0);
	struct ibv_qp_init_attr attr = qp_attr();
	struct ibv_cq *cq = ibv_create_cq(id->verbs, 8, NULL, NULL, 0);
	const char *result;

	need(cq);
	attr.send_cq = attr.recv_cq = cq;
	at("both");
	result = rc(rdma_create_qp(id, NULL, &attr));
	say("%s %s kept=%d", result, queues(id, &attr), attr.send_cq == cq);
	rdma_destroy_qp(id);
	at("survive");
	say("%d", ibv_destroy_cq(cq));
	id = new_client(ch, BOUND, 0);
	attr = qp_attr();
	attr.send_cq = cq = ibv_create_cq(id->verbs, 8, NULL, NULL, 0);
	at("send_only");
	result = rc(rdma_create_qp(id, NULL, &attr));
	say("%s %s", result, queues(id, &attr));
}

static void create_pd(void)
{
	struct rdma_event_channel *ch = new_channel();
	struct rdma_cm_id *id = new_client(ch, BOUND, 0);
	struct ibv_qp_init_attr attr = qp_attr();
	struct ibv_context *other = ibv_open_device(id->verbs->device);
	struct ibv_pd *own = ibv_alloc_pd(id->verbs), *foreign = ibv_alloc_pd(other);

	need(own && foreign);
	at("foreign");
	say_rc(rdma_create_qp(id, foreign, &attr), "qp=%d cq=%d", !!id->qp, !!id->send_cq);
	attr = qp_attr();
	at("own");
	say_rc(rdma_create_qp(id, own, &attr), "used=%d", id->qp && id->qp->pd == own);
}

static void create_ex(void)
{
	struct rdma_event_channel *ch = new_channel();
	struct rdma_cm_id *id = new_client(ch, BOUND, 0);
	struct ibv_qp_init_attr_ex attr = {
		.cap = { .max_send_wr = 2, .max_recv_wr = 2, .max_send_sge = 1, .max_recv_sge = 1 },
		.qp_type = IBV_QPT_RC,
	};
	struct ibv_qp_init_attr_ex second = attr;

	at("without_pd");
	say_rc(rdma_create_qp_ex(id, &attr), "mask=%#x pd=%d", attr.comp_mask, attr.pd == id->pd);
	OBSERVE("second", rdma_create_qp_ex(id, &second));
}

static void destroy_none(void)
{
	struct rdma_cm_id *id = new_client(new_channel(), BOUND, 0);

	at("none");
	rdma_destroy_qp(id);
	say("survived");
}

/* ---- init_qp_attr */

static void attrs(struct rdma_cm_id *id, const char *when)
{
	static const char *const names[] = { "reset", "init", "rtr", "rts", "sqd", "sqe", "err" };
	struct ibv_qp_attr attr;
	const char *result;
	int mask;

	for (int s = IBV_QPS_RESET; s <= IBV_QPS_ERR; s++) {
		memset(&attr, 0, sizeof(attr));
		attr.qp_state = (enum ibv_qp_state)s;
		mask = 0;
		at("%s_%s", when, names[s]);
		result = rc(rdma_init_qp_attr(id, &attr, &mask));
		say("%s mask=%#x access=%#x port=%d state=%d rd=%d,%d", result, (unsigned int)mask,
		    attr.qp_access_flags, attr.port_num, (int)attr.qp_state, attr.max_rd_atomic,
		    attr.max_dest_rd_atomic);
	}
}

static void attr_table(void)
{
	struct rdma_event_channel *ch = new_channel();
	struct rdma_conn_param param = conn_param(NULL, 0);
	struct pair p;

	attrs(new_client(ch, BOUND, 0), "bound");
	attrs(new_listener(ch, 1), "listening");
	attrs(new_client(ch, ROUTE_RESOLVED, htons(7)), "resolved");
	pair_prepare(&p);
	pair_request(&p);
	attrs(p.client, "connecting");
	attrs(p.child, "requested");
	need(!rdma_accept(p.child, &param));
	rdma_ack_cm_event(p.request);
	expect(p.cch, RDMA_CM_EVENT_ESTABLISHED);
	expect(p.sch, RDMA_CM_EVENT_ESTABLISHED);
	attrs(p.client, "active");
	attrs(p.child, "passive");
	pair_hang_up(&p);
	attrs(p.client, "disconnected");
}

static void attr_idle(void)
{
	struct ibv_qp_attr attr = { .qp_state = IBV_QPS_INIT };
	int mask;

	OBSERVE("idle", rdma_init_qp_attr(new_id(new_channel()), &attr, &mask));
}

static void attr_wildcard(void)
{
	struct ibv_qp_attr attr = { .qp_state = IBV_QPS_INIT };
	struct rdma_cm_id *id = new_id(new_channel());
	int mask;

	need(!rdma_bind_addr(id, sa("0.0.0.0", 0)));
	OBSERVE("wildcard", rdma_init_qp_attr(id, &attr, &mask));
}

/* ---- states on the way */

static void states(void)
{
	struct rdma_conn_param param = conn_param(NULL, 0);
	struct pair p;

	pair_prepare(&p);
	at("client_created");
	say("%s", qp_state(p.client->qp));
	pair_request(&p);
	at("child_created");
	say("%s", qp_state(p.child->qp));
	need(!rdma_accept(p.child, &param));
	rdma_ack_cm_event(p.request);
	expect(p.cch, RDMA_CM_EVENT_ESTABLISHED);
	expect(p.sch, RDMA_CM_EVENT_ESTABLISHED);
	at("established");
	say("client=%s child=%s", qp_state(p.client->qp), qp_state(p.child->qp));
	at("talk");
	say("%d", pair_talk(&p));
	pair_hang_up(&p);
	expect(p.sch, RDMA_CM_EVENT_DISCONNECTED);
	at("disconnected");
	say("client=%s child=%s", qp_state(p.client->qp), qp_state(p.child->qp));
}

static void state_rejected(void)
{
	const char *event;
	struct pair p;

	pair_prepare(&p);
	pair_request(&p);
	need(!rdma_reject(p.child, NULL, 0));
	at("client");
	event = event_text(p.cch, PATIENT_MS);
	say("%s %s", event, qp_state(p.client->qp));
	at("child");
	say("%s", qp_state(p.child->qp));
}

const struct api_case api_qp[] = {
	{ "qp", create, 0, ALWAYS },
	{ "qp_idle", create_idle, 3, ALWAYS },
	{ "qp_wildcard", create_wildcard, 3, ALWAYS },
	{ "qp_null", create_null, 3, ALWAYS },
	{ "qp_size", create_sizes, 0, ALWAYS },
	{ "qp_no_receives", create_no_receives, 3, ALWAYS },
	{ "qp_no_sends", create_no_sends, 3, ALWAYS },
	{ "qp_nothing", create_nothing, 3, ALWAYS },
	{ "qp_queues", create_own_queues, 0, ALWAYS },
	{ "qp_pd", create_pd, 0, ALWAYS },
	{ "qp_ex", create_ex, 0, ALWAYS },
	{ "qp_destroy", destroy_none, 3, ALWAYS },
	{ "qp_attr", attr_table, 0, ALWAYS },
	{ "qp_attr_idle", attr_idle, 3, ALWAYS },
	{ "qp_attr_wildcard", attr_wildcard, 3, ALWAYS },
	{ "qp_state", states, 0, ALWAYS },
	{ "qp_state_rejected", state_rejected, 0, ALWAYS },
	{ NULL, NULL, 0, ALWAYS },
};
