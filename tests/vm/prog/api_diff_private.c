// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Private data of every length, and responder resources and initiator depth in every event. */
#include "api_diff.h"

/*
 * The longest that a request, an acceptance and a rejection carry. Of siw's 256 bytes four are
 * MPA's own; a request by the port spaces of IP has lost 36 of InfiniBand's 92 to the addresses.
 */
#define ASKED (on_ib() ? 56u : 251u)
#define ACCEPTED (on_ib() ? 196u : 251u)
#define REJECTED (on_ib() ? 148u : 251u)

static uint8_t pattern[256];

static void make_pattern(void)
{
	for (unsigned int i = 0; i < sizeof(pattern); i++)
		pattern[i] = (uint8_t)(i * 7 + 1);
}

static bool as_sent(const struct rdma_cm_event *ev, unsigned int len)
{
	const struct rdma_conn_param *p = &ev->param.conn;

	/* InfiniBand's messages have one length; what was not given is zero. */
	if (on_ib() ? p->private_data_len < len : p->private_data_len != len)
		return false;
	return len ? !memcmp(p->private_data, pattern, len) : on_ib() || !p->private_data;
}

/* API_STEP: not every length but every n-th, to save time. */
static unsigned int step(void)
{
	return getenv("API_STEP") ? (unsigned int)atoi(getenv("API_STEP")) : 1;
}

/* The lengths at which something was not as sent, at most a few of them. */
struct wrong {
	char text[80];
	unsigned int n;
};

static void note(struct wrong *w, unsigned int len)
{
	if (w->n++ < 8)
		sprintf(w->text + strlen(w->text), " %u", len);
}

static void tell(const char *what, const struct wrong *w)
{
	at("%s", what);
	if (w->n)
		say("%u lengths wrong:%s", w->n, w->text);
	else
		say("all as sent");
}

/* A queue pair for each id would be most of the time: all share their queues. */
static void shared_qp(struct rdma_cm_id *id)
{
	static struct ibv_cq *cq;
	struct ibv_qp_init_attr attr = qp_attr();

	if (!cq)
		cq = ibv_create_cq(id->verbs, 16, NULL, NULL, 0);
	attr.send_cq = attr.recv_cq = cq;
	need(!rdma_create_qp(id, NULL, &attr));
}

static struct rdma_cm_id *ask(struct pair *p, unsigned int len)
{
	struct rdma_conn_param param = conn_param(pattern, (uint8_t)len);

	p->client = new_client(p->cch, ROUTE_RESOLVED, rdma_get_src_port(p->listener));
	shared_qp(p->client);
	need(!rdma_connect(p->client, &param));
	p->request = next_event(p->sch, PATIENT_MS);
	need(p->request && p->request->event == RDMA_CM_EVENT_CONNECT_REQUEST);
	p->child = p->request->id;
	return p->child;
}

static void finish(struct pair *p)
{
	rdma_ack_cm_event(p->request);
	rdma_destroy_qp(p->client);
	rdma_destroy_id(p->client);
	if (p->child->qp)
		rdma_destroy_qp(p->child);
	rdma_destroy_id(p->child);
}

static void start(struct pair *p)
{
	make_pattern();
	memset(p, 0, sizeof(*p));
	p->sch = new_channel();
	p->cch = new_channel();
	p->listener = new_listener(p->sch, 8);
}

/* Requests of every length, answered by an accept of every length. */
static void accept_lengths(void)
{
	struct wrong requests = { 0 }, accepts = { 0 }, passive = { 0 };
	struct rdma_conn_param param;
	struct rdma_cm_event *ev;
	struct pair p;

	start(&p);
	for (unsigned int len = 0; len <= ASKED; len += step()) {
		at("length_%u", len);
		ask(&p, len);
		if (!as_sent(p.request, len))
			note(&requests, len);
		shared_qp(p.child);
		param = conn_param(pattern, (uint8_t)(ACCEPTED - len));
		need(!rdma_accept(p.child, &param));
		ev = next_event(p.cch, PATIENT_MS);
		need(ev && ev->event == RDMA_CM_EVENT_ESTABLISHED);
		if (!as_sent(ev, ACCEPTED - len))
			note(&accepts, ACCEPTED - len);
		rdma_ack_cm_event(ev);
		ev = next_event(p.sch, PATIENT_MS);
		need(ev && ev->event == RDMA_CM_EVENT_ESTABLISHED);
		if (!as_sent(ev, 0))
			note(&passive, len);
		rdma_ack_cm_event(ev);
		finish(&p);
	}
	tell("request", &requests);
	tell("accept", &accepts);
	tell("passive_has_none", &passive);
}

static void reject_lengths(void)
{
	struct wrong rejects = { 0 };
	struct rdma_cm_event *ev;
	struct pair p;

	start(&p);
	for (unsigned int len = 0; len <= REJECTED; len += step()) {
		at("length_%u", len);
		ask(&p, 0);
		need(!rdma_reject(p.child, pattern, (uint8_t)len));
		ev = next_event(p.cch, PATIENT_MS);
		need(ev && ev->event == RDMA_CM_EVENT_REJECTED);
		if (!as_sent(ev, len))
			note(&rejects, len);
		rdma_ack_cm_event(ev);
		finish(&p);
	}
	tell("reject", &rejects);
}

/*
 * Beyond what siw carries. Replies of 252 to 255 bytes are not sent: an
 * unchecked one reaches a peer as garbage.
 */
static void too_long(void)
{
	struct rdma_conn_param param;
	struct pair p;

	start(&p);
	for (unsigned int len = ASKED + 1; len <= 255; len += on_ib() ? 49 : 1) {
		p.client = new_client(p.cch, ROUTE_RESOLVED, rdma_get_src_port(p.listener));
		shared_qp(p.client);
		param = conn_param(pattern, (uint8_t)len);
		at("connect_%u", len);
		say("%s", rc(rdma_connect(p.client, &param)));
		at("connect_%u_events", len);
		say("server=%s client=%s", event_text(p.sch, QUIET_MS),
		    event_text(p.cch, QUIET_MS));
		rdma_destroy_qp(p.client);
		rdma_destroy_id(p.client);
	}
}

static void no_pointer(void)
{
	struct rdma_conn_param param = conn_param(NULL, 5);
	struct pair p;

	pair_prepare(&p);
	OBSERVE("connect", rdma_connect(p.client, &param));
}

/* ---- responder resources and initiator depth */

struct depths {
	uint8_t rr, depth;
};

/* Client asks with @c, server accepts with @s: what each event says. */
static void negotiate(struct depths c, struct depths s)
{
	struct rdma_conn_param param = conn_param(NULL, 0);
	struct rdma_cm_event *ev;
	struct pair p;

	at("%u_%u_to_%u_%u", c.rr, c.depth, s.rr, s.depth);
	pair_prepare(&p);
	param.responder_resources = c.rr;
	param.initiator_depth = c.depth;
	need(!rdma_connect(p.client, &param));
	p.request = next_event(p.sch, PATIENT_MS);
	need(p.request);
	p.child = p.request->id;
	need(!make_qp(p.child));
	at("%u_%u_to_%u_%u.request", c.rr, c.depth, s.rr, s.depth);
	say("%s", param_text(p.request));
	param.responder_resources = s.rr;
	param.initiator_depth = s.depth;
	at("%u_%u_to_%u_%u.accept", c.rr, c.depth, s.rr, s.depth);
	say("%s", rc(rdma_accept(p.child, &param)));
	ev = next_event(p.cch, PATIENT_MS);
	need(ev);
	at("%u_%u_to_%u_%u.client", c.rr, c.depth, s.rr, s.depth);
	say("%s", param_text(ev));
	rdma_ack_cm_event(ev);
	ev = next_event(p.sch, PATIENT_MS);
	need(ev);
	at("%u_%u_to_%u_%u.server", c.rr, c.depth, s.rr, s.depth);
	say("%s", param_text(ev));
	rdma_ack_cm_event(ev);
	pair_down(&p);
}

static void depths(void)
{
	negotiate((struct depths){ 0, 0 }, (struct depths){ 0, 0 });
	negotiate((struct depths){ 1, 1 }, (struct depths){ 1, 1 });
	negotiate((struct depths){ 4, 3 }, (struct depths){ 2, 1 });
	negotiate((struct depths){ 7, 5 }, (struct depths){ 3, 2 });
	negotiate((struct depths){ 7, 5 }, (struct depths){ 5, 7 });
	negotiate((struct depths){ 16, 128 }, (struct depths){ 128, 16 });
	negotiate((struct depths){ 255, 255 }, (struct depths){ 255, 255 });
}

const struct api_case api_private[] = {
	{ "private_accept", accept_lengths, 120, ALWAYS },
	{ "private_reject", reject_lengths, 120, ALWAYS },
	{ "private_long", too_long, 0, ALWAYS },
	{ "private_null", no_pointer, 0, ALWAYS },
	{ "depths", depths, 0, ALWAYS },
	{ NULL, NULL, 0, ALWAYS },
};
