// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* A worker's loop, and the making and breaking of its connections. */
#include "tests/soft/stress.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>

/* ---- connections */

void worker_up(struct worker *w)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };

	inet_pton(AF_INET, options.addr, &sin.sin_addr);
	w->events = rdma_create_event_channel();
	if (!w->events || rdma_create_id(w->events, &w->listener, NULL, RDMA_PS_TCP) ||
	    rdma_bind_addr(w->listener, (struct sockaddr *)&sin) || rdma_listen(w->listener, 16))
		fail("listen: %m");
	for (unsigned int i = 0; i < options.pairs; i++)
		for (int e = 0; e < 2; e++) {
			w->pairs[i].end[e].memory = calloc(1, END_MEMORY);
			if (!w->pairs[i].end[e].memory)
				fail("calloc");
		}
}

void worker_down(struct worker *w)
{
	for (unsigned int i = 0; i < options.pairs; i++)
		for (int e = 0; e < 2; e++) {
			if (w->pairs[i].end[e].mr)
				ibv_dereg_mr(w->pairs[i].end[e].mr);
			free(w->pairs[i].end[e].memory);
		}
	rdma_destroy_id(w->listener);
	if (w->cq && ibv_destroy_cq(w->cq))
		fail("ibv_destroy_cq: %m");
	if (w->channel && ibv_destroy_comp_channel(w->channel))
		fail("ibv_destroy_comp_channel: %m");
	rdma_destroy_event_channel(w->events);
}

static void shared(struct worker *w, struct rdma_cm_id *id)
{
	if (w->cq)
		return;
	w->channel = ibv_create_comp_channel(id->verbs);
	w->cq = w->channel ? ibv_create_cq(id->verbs, 4096, w, w->channel, 0) : NULL;
	if (!w->cq)
		fail("cq: %m");
	__atomic_store_n(&w->pd, id->pd, __ATOMIC_RELEASE);
}

static void make_qp(struct worker *w, struct pair *p, int e)
{
	struct end *end = &p->end[e];
	struct ibv_qp_init_attr attr = {
		.cap = { .max_send_wr = 4 * SLOTS,
			 .max_recv_wr = 4 * SLOTS,
			 .max_send_sge = 4,
			 .max_recv_sge = 4,
			 .max_inline_data = 64 },
		.qp_type = IBV_QPT_RC,
	};

	shared(w, end->id);
	attr.send_cq = attr.recv_cq = w->cq;
	if (rdma_create_qp(end->id, w->pd, &attr))
		fail("rdma_create_qp: %m");
	if (end->mr)
		return;
	end->mr = ibv_reg_mr(w->pd, end->memory, END_MEMORY,
			     IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE |
				     IBV_ACCESS_REMOTE_READ | IBV_ACCESS_REMOTE_ATOMIC);
	if (!end->mr)
		fail("ibv_reg_mr: %m");
}

static struct rdma_conn_param param(void)
{
	return (struct rdma_conn_param){ .responder_resources = 4, .initiator_depth = 4 };
}

static void on_event(struct worker *w, struct pair *p, const struct rdma_cm_event *ev)
{
	struct rdma_conn_param cp = param();
	int e = ev->id == p->end[1].id;

	switch (ev->event) {
	case RDMA_CM_EVENT_ADDR_RESOLVED:
		if (rdma_resolve_route(ev->id, 2000))
			fail("rdma_resolve_route: %m");
		break;
	case RDMA_CM_EVENT_ROUTE_RESOLVED:
		make_qp(w, p, 0);
		if (rdma_connect(ev->id, &cp))
			fail("rdma_connect: %m");
		break;
	case RDMA_CM_EVENT_CONNECT_REQUEST:
		p->end[1].id = ev->id;
		make_qp(w, p, 1);
		if (rdma_accept(ev->id, &cp))
			fail("rdma_accept: %m");
		break;
	case RDMA_CM_EVENT_ESTABLISHED:
		if (ev->id == p->end[e].id)
			p->established[e] = true;
		break;
	case RDMA_CM_EVENT_DISCONNECTED:
		break; /* of an earlier life of some pair, or of one that ends: completions tell */
	default:
		fail("%s, status %d", rdma_event_str(ev->event), ev->status);
	}
}

void pair_connect(struct worker *w, struct pair *p)
{
	struct sockaddr_in sin = *(struct sockaddr_in *)rdma_get_local_addr(w->listener);
	struct rdma_cm_event *ev, copy;

	memset(p->established, 0, sizeof(p->established));
	p->end[1].id = NULL;
	if (rdma_create_id(w->events, &p->end[0].id, p, RDMA_PS_TCP) ||
	    rdma_resolve_addr(p->end[0].id, NULL, (struct sockaddr *)&sin, 2000))
		fail("resolve: %m");
	while (!p->established[0] || !p->established[1]) {
		if (rdma_get_cm_event(w->events, &ev))
			fail("rdma_get_cm_event: %m");
		copy = *ev;
		rdma_ack_cm_event(ev);
		on_event(w, p, &copy);
	}
	pthread_mutex_lock(&p->lock);
	p->up = true;
	pthread_mutex_unlock(&p->lock);
	p->broken = false;
	w->connects++;
}

void pair_drop(struct pair *p)
{
	pthread_mutex_lock(&p->lock);
	p->up = false;
	pthread_mutex_unlock(&p->lock);
	for (int e = 0; e < 2; e++) {
		rdma_destroy_qp(p->end[e].id);
		if (rdma_destroy_id(p->end[e].id))
			fail("rdma_destroy_id: %m");
	}
	p->in_round = false;
}

/* ---- the loop */

static struct pair *pair_of(struct worker *w, const struct ibv_wc *wc)
{
	return &w->pairs[wc->wr_id >> 16 & 0xff];
}

static void reap(struct worker *w)
{
	struct ibv_wc wc[16];
	int n = ibv_poll_cq(w->cq, 16, wc);

	if (n < 0)
		fail("ibv_poll_cq: %d", n);
	for (int i = 0; i < n; i++) {
		struct pair *p = pair_of(w, &wc[i]);

		/* Left over from a life that is over. */
		if ((uint32_t)(wc[i].wr_id >> 32) != p->round || !p->in_round)
			continue;
		if (!wc[i].status) {
			round_completion(w, p, &wc[i]);
		} else if (wc[i].status == IBV_WC_WR_FLUSH_ERR) {
			p->broken = true;
		} else {
			fail("completion: %s, opcode %d", ibv_wc_status_str(wc[i].status),
			     wc[i].opcode);
		}
	}
}

/* Now and then sleep for completions, with the program's own poll(2) or the library's. */
static void maybe_sleep(struct worker *w)
{
	struct pollfd pfd = { .fd = w->channel->fd, .events = POLLIN };
	uint32_t dice = next_random(&w->seed) % 64;
	struct ibv_cq *cq;
	void *context;

	if (dice > 1)
		return;
	if (ibv_req_notify_cq(w->cq, 0))
		fail("ibv_req_notify_cq");
	reap(w);
	if (poll(&pfd, 1, 20) <= 0)
		return;
	if (ibv_get_cq_event(w->channel, &cq, &context))
		fail("ibv_get_cq_event: %m");
	ibv_ack_cq_events(cq, 1);
}

static bool qp_is_dead(const struct pair *p)
{
	struct ibv_qp_init_attr init;
	struct ibv_qp_attr attr;

	for (int e = 0; e < 2; e++) {
		if (ibv_query_qp(p->end[e].id->qp, &attr, IBV_QP_STATE, &init))
			fail("ibv_query_qp");
		if (attr.qp_state != IBV_QPS_RTS)
			return true;
	}
	return false;
}

void *work(void *arg)
{
	struct worker *w = arg;

	worker_up(w);
	while (!time_is_up()) {
		for (unsigned int i = 0; i < options.pairs; i++) {
			struct pair *p = &w->pairs[i];

			if (!p->up)
				pair_connect(w, p);
			if (!p->in_round)
				round_begin(w, p);
			reap(w);
			if (p->broken || qp_is_dead(p)) {
				w->broken++;
				pair_drop(p);
			}
		}
		maybe_sleep(w);
	}
	for (unsigned int i = 0; i < options.pairs; i++)
		if (w->pairs[i].up)
			pair_drop(&w->pairs[i]);
	worker_down(w);
	return NULL;
}
