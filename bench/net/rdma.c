// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Connections, work and completions over librdmacm and libibverbs. */
#include "bench/net/net.h"

#include <errno.h>
#include <unistd.h>

struct hello {
	uint64_t addr;
	uint32_t rkey;
};

/*
 * The next event of @type. Those of other connections arrive when they like:
 * requests are kept, ends are passed over.
 */
static struct rdma_cm_event *expect(struct rdma *r, enum rdma_cm_event_type type)
{
	struct rdma_cm_event *ev;

	if (type == RDMA_CM_EVENT_CONNECT_REQUEST && r->nkept)
		return r->kept[--r->nkept];
	for (;;) {
		MUST(!rdma_get_cm_event(r->events, &ev));
		if (ev->event == type)
			return ev;
		if (ev->event == RDMA_CM_EVENT_CONNECT_REQUEST && r->nkept < KEPT)
			r->kept[r->nkept++] = ev;
		else if (ev->event == RDMA_CM_EVENT_DISCONNECTED)
			rdma_ack_cm_event(ev);
		else
			DIE("%s (%d) instead of %s", rdma_event_str(ev->event), ev->status,
			    rdma_event_str(type));
	}
}

static void learn(struct ep *ep, const struct rdma_cm_event *ev)
{
	const struct hello *h = ev->param.conn.private_data;

	if (ev->param.conn.private_data_len < sizeof(*h))
		DIE("the peer said too little");
	ep->peer_addr = h->addr;
	ep->peer_rkey = h->rkey;
}

/* The queue and the region are made with the first connection: verbs is known then. */
static void make_shared(struct rdma *r, struct rdma_cm_id *id)
{
	if (r->cq)
		return;
	r->channel = ibv_create_comp_channel(id->verbs);
	MUST(r->channel);
	r->cq = ibv_create_cq(id->verbs, (int)(r->n * r->depth * 2 + CQ_SPARE), NULL, r->channel,
			      0);
	MUST(r->cq);
	r->mr = ibv_reg_mr(id->pd, r->buf, r->len,
			   IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE |
				   IBV_ACCESS_REMOTE_READ);
	MUST(r->mr);
}

static void make_qp(struct rdma *r, struct ep *ep)
{
	struct ibv_qp_init_attr attr = {
		.cap = { .max_send_wr = r->depth,
			 .max_recv_wr = r->depth,
			 .max_send_sge = 1,
			 .max_recv_sge = 1 },
		.qp_type = IBV_QPT_RC,
	};

	make_shared(r, ep->id);
	attr.send_cq = attr.recv_cq = r->cq;
	MUST(!rdma_create_qp(ep->id, ep->id->pd, &attr));
	ep->qp = ep->id->qp;
}

static struct rdma_conn_param param_of(struct rdma *r, struct hello *h)
{
	h->addr = (uintptr_t)r->buf;
	h->rkey = r->mr->rkey;
	return (struct rdma_conn_param){ .private_data = h,
					 .private_data_len = sizeof(*h),
					 .responder_resources = 16,
					 .initiator_depth = 16,
					 .retry_count = 7 };
}

void rdma_up(struct bench *b, struct rdma *r, unsigned int n, unsigned int depth, size_t len)
{
	memset(r, 0, sizeof(*r));
	r->events = rdma_create_event_channel();
	MUST(r->events);
	r->n = n;
	r->depth = depth;
	r->len = len;
	MUST(!posix_memalign((void **)&r->buf, 4096, len));
	memset(r->buf, b->server ? 's' : 'c', len);
	r->eps = calloc(n, sizeof(*r->eps));
	MUST(r->eps);
	if (b->server)
		rdma_listener(b, r);
	else
		share_port(b, 0);
}

void rdma_listener(struct bench *b, struct rdma *r)
{
	MUST(!rdma_create_id(r->events, &r->listener, NULL, RDMA_PS_TCP));
	MUST(!rdma_bind_addr(r->listener, (struct sockaddr *)&b->addr));
	MUST(!rdma_listen(r->listener, 1024));
	share_port(b, ntohs(rdma_get_src_port(r->listener)));
}

void rdma_connect_one(struct bench *b, struct rdma *r, struct ep *ep)
{
	struct rdma_conn_param param;
	struct rdma_cm_event *ev;
	struct hello hello;

	MUST(!rdma_create_id(r->events, &ep->id, ep, RDMA_PS_TCP));
	MUST(!rdma_resolve_addr(ep->id, NULL, (struct sockaddr *)&b->addr, 2000));
	rdma_ack_cm_event(expect(r, RDMA_CM_EVENT_ADDR_RESOLVED));
	MUST(!rdma_resolve_route(ep->id, 2000));
	rdma_ack_cm_event(expect(r, RDMA_CM_EVENT_ROUTE_RESOLVED));
	make_qp(r, ep);
	param = param_of(r, &hello);
	MUST(!rdma_connect(ep->id, &param));
	ev = expect(r, RDMA_CM_EVENT_ESTABLISHED);
	learn(ep, ev);
	rdma_ack_cm_event(ev);
}

/* The ring of receives is posted before the peer can know of the connection. */
void rdma_accept_one(struct rdma *r, struct ep *ep)
{
	struct rdma_cm_event *ev = expect(r, RDMA_CM_EVENT_CONNECT_REQUEST);
	struct rdma_conn_param param;
	struct hello hello;

	ep->id = ev->id;
	learn(ep, ev);
	rdma_ack_cm_event(ev);
	make_qp(r, ep);
	for (unsigned int i = 0; i < r->depth && i < RING; i++)
		post_recv(r, ep, i, r->len);
	param = param_of(r, &hello);
	MUST(!rdma_accept(ep->id, &param));
	rdma_ack_cm_event(expect(r, RDMA_CM_EVENT_ESTABLISHED));
}

void rdma_drop(struct ep *ep)
{
	rdma_disconnect(ep->id);
	rdma_destroy_qp(ep->id);
	MUST(!rdma_destroy_id(ep->id));
	ep->id = NULL;
}

void rdma_down(struct rdma *r)
{
	for (unsigned int i = 0; i < r->n; i++)
		if (r->eps[i].id)
			rdma_drop(&r->eps[i]);
	if (r->listener)
		rdma_destroy_id(r->listener);
	if (r->mr)
		ibv_dereg_mr(r->mr);
	if (r->cq)
		ibv_destroy_cq(r->cq);
	if (r->channel)
		ibv_destroy_comp_channel(r->channel);
	rdma_destroy_event_channel(r->events);
	free(r->eps);
	free(r->buf);
}

void post_recv(struct rdma *r, struct ep *ep, unsigned int slot, size_t size)
{
	struct ibv_sge sge = { .addr = (uintptr_t)r->buf,
			       .length = (uint32_t)size,
			       .lkey = r->mr->lkey };
	struct ibv_recv_wr wr = { .wr_id = slot, .sg_list = &sge, .num_sge = 1 }, *bad;

	MUST(!ibv_post_recv(ep->qp, &wr, &bad));
}

void post_op(struct rdma *r, struct ep *ep, enum ibv_wr_opcode op, size_t size, bool signaled)
{
	struct ibv_sge sge = { .addr = (uintptr_t)r->buf,
			       .length = (uint32_t)size,
			       .lkey = r->mr->lkey };
	struct ibv_send_wr wr = { .sg_list = &sge, .num_sge = 1, .opcode = op }, *bad;

	wr.wr_id = UINT64_MAX;
	wr.send_flags = signaled ? IBV_SEND_SIGNALED : 0;
	wr.wr.rdma.remote_addr = ep->peer_addr;
	wr.wr.rdma.rkey = ep->peer_rkey;
	MUST(!ibv_post_send(ep->qp, &wr, &bad));
}

static void sleep_for_event(struct rdma *r)
{
	struct ibv_cq *cq;
	void *context;

	MUST(!ibv_get_cq_event(r->channel, &cq, &context));
	ibv_ack_cq_events(cq, 1);
}

uint64_t reap(struct bench *b, struct rdma *r, unsigned int n)
{
	bool armed = false;
	struct ibv_wc wc;
	int got;

	wc.wr_id = 0;
	while (n) {
		got = ibv_poll_cq(r->cq, 1, &wc);
		if (got < 0)
			DIE("poll_cq: %d", got);
		if (got && wc.status)
			DIE("completion: %s", ibv_wc_status_str(wc.status));
		if (got) {
			n--;
		} else if (b->event && armed) {
			sleep_for_event(r);
			armed = false;
		} else if (b->event) {
			MUST(!ibv_req_notify_cq(r->cq, 0));
			armed = true;
		}
	}
	return wc.wr_id;
}
