// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The victim: a program of the public API, with nothing of the library's inside. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "tests/hostile/hostile.h"

/* ---- life */

static const struct {
	unsigned int access;
	bool other_pd;
} regions[NREGIONS] = {
	[AT_ALL] = { IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_READ |
			     IBV_ACCESS_REMOTE_ATOMIC | IBV_ACCESS_MW_BIND,
		     false },
	[AT_READ] = { IBV_ACCESS_REMOTE_READ, false },
	[AT_WRITE] = { IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE, false },
	[AT_LOCAL] = { IBV_ACCESS_LOCAL_WRITE, false },
	[AT_OTHER_PD] = { IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE |
				  IBV_ACCESS_REMOTE_READ | IBV_ACCESS_REMOTE_ATOMIC,
			  true },
};

static void register_all(struct test *t)
{
	struct victim *v = &t->v;
	struct ibv_mr *mr;

	for (int i = 0; i < NREGIONS; i++) {
		v->mr[i] = ibv_reg_mr(regions[i].other_pd ? v->other_pd : v->pd,
				      arena_at(t, (enum where)i, 0), REGION_SIZE,
				      (int)regions[i].access);
		require(t, v->mr[i], "ibv_reg_mr: %s", strerror(errno));
	}
	mr = ibv_reg_mr(v->pd, arena_at(t, AT_ALL, 0), REGION_SIZE, (int)regions[AT_ALL].access);
	require(t, mr, "ibv_reg_mr: %s", strerror(errno));
	v->gone = mr->rkey;
	ibv_dereg_mr(mr);
}

void victim_up(struct test *t)
{
	struct victim *v = &t->v;

	arena_up(t);
	v->addr = (struct sockaddr_in){ .sin_family = AF_INET };
	v->addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	v->events = rdma_create_event_channel();
	require(t, v->events && !rdma_create_id(v->events, &v->listener, NULL, RDMA_PS_TCP),
		"rdma_create_id: %s", strerror(errno));
	require(t,
		!rdma_bind_addr(v->listener, (struct sockaddr *)&v->addr) &&
			!rdma_listen(v->listener, 8),
		"rdma_listen: %s", strerror(errno));
	v->addr.sin_port = rdma_get_src_port(v->listener);
	v->pd = ibv_alloc_pd(v->listener->verbs);
	v->other_pd = ibv_alloc_pd(v->listener->verbs);
	v->cq = ibv_create_cq(v->listener->verbs, 1024, NULL, NULL, 0);
	require(t, v->pd && v->other_pd && v->cq, "verbs: %s", strerror(errno));
	register_all(t);
}

static void down_end(struct end *end)
{
	if (end->qp)
		rdma_destroy_qp(end->id);
	if (end->id)
		rdma_destroy_id(end->id);
	*end = (struct end){ 0 };
}

void victim_down(struct test *t)
{
	struct victim *v = &t->v;
	int err = 0;

	for (unsigned int i = 0; i < v->nends; i++)
		down_end(&v->ends[i]);
	if (v->listener)
		err |= rdma_destroy_id(v->listener);
	for (int i = 0; i < NREGIONS; i++)
		if (v->mr[i])
			err |= ibv_dereg_mr(v->mr[i]);
	if (v->cq)
		err |= ibv_destroy_cq(v->cq);
	if (v->other_pd)
		err |= ibv_dealloc_pd(v->other_pd);
	if (v->pd)
		err |= ibv_dealloc_pd(v->pd);
	if (v->events)
		rdma_destroy_event_channel(v->events);
	arena_down(t);
	memset(v, 0, sizeof(*v));
	if (err && !t->failed) {
		t->failed = true;
		snprintf(t->failure, sizeof(t->failure), "the victim cannot take itself down");
	}
}

/* ---- events */

static struct end *new_end(struct test *t, struct rdma_cm_id *id)
{
	struct victim *v = &t->v;
	struct end *end = NULL;

	for (unsigned int i = 0; i < v->nends && !end; i++)
		if (!v->ends[i].id)
			end = &v->ends[i];
	if (!end && v->nends < MAX_ENDS)
		end = &v->ends[v->nends++];
	if (!end)
		rdma_destroy_id(id);
	require(t, end, "too many connections");
	*end = (struct end){ .id = id };
	id->context = end;
	return end;
}

static void note(struct end *end, const struct rdma_cm_event *ev)
{
	end->event = ev->event;
	end->status = ev->status;
	end->ird = ev->param.conn.responder_resources;
	end->ord = ev->param.conn.initiator_depth;
	end->private_data_len = ev->param.conn.private_data_len;
	if (ev->param.conn.private_data)
		memcpy(end->private_data, ev->param.conn.private_data, end->private_data_len);
	switch (ev->event) {
	case RDMA_CM_EVENT_DISCONNECTED:
		end->disconnected = true;
		break;
	case RDMA_CM_EVENT_ESTABLISHED:
		end->established = true;
		end->outcome = true;
		break;
	case RDMA_CM_EVENT_CONNECT_ERROR:
	case RDMA_CM_EVENT_UNREACHABLE:
	case RDMA_CM_EVENT_REJECTED:
		end->outcome = true;
		break;
	default:
		break;
	}
}

bool victim_step(struct test *t, int ms)
{
	struct pollfd pfd = { .fd = t->v.events->fd, .events = POLLIN };
	struct rdma_cm_event *ev, copy;
	uint8_t data[256] = { 0 };
	struct end *end;

	if (poll(&pfd, 1, ms) <= 0 || rdma_get_cm_event(t->v.events, &ev))
		return false;
	copy = *ev;
	if (copy.param.conn.private_data) {
		memcpy(data, copy.param.conn.private_data, copy.param.conn.private_data_len);
		copy.param.conn.private_data = data;
	}
	rdma_ack_cm_event(ev);
	end = copy.event == RDMA_CM_EVENT_CONNECT_REQUEST ? new_end(t, copy.id) : copy.id->context;
	if (end)
		note(end, &copy);
	return true;
}

struct end *victim_wait_request(struct test *t)
{
	uint64_t limit = now_ms() + WAIT_MS;

	while (now_ms() < limit) {
		victim_step(t, 100);
		for (unsigned int i = 0; i < t->v.nends; i++) {
			struct end *end = &t->v.ends[i];

			if (end->id && !end->qp && end->event == RDMA_CM_EVENT_CONNECT_REQUEST)
				return end;
		}
	}
	require(t, false, "no connect request");
}

void victim_wait_outcome(struct test *t, struct end *end, enum rdma_cm_event_type event, int status)
{
	uint64_t limit = now_ms() + WAIT_MS;

	while (!end->outcome && now_ms() < limit)
		victim_step(t, 100);
	require(t, end->outcome, "nobody tells the program how its connection fares");
	require(t, end->event == event && end->status == status, "%s, status %d",
		rdma_event_str(end->event), end->status);
}

void victim_wait_established(struct test *t, struct end *end)
{
	victim_wait_outcome(t, end, RDMA_CM_EVENT_ESTABLISHED, 0);
}

void victim_wait_disconnected(struct test *t, struct end *end)
{
	uint64_t limit = now_ms() + WAIT_MS;

	while (!end->disconnected && now_ms() < limit)
		victim_step(t, 100);
	require(t, end->disconnected, "no DISCONNECTED");
	require(t, end->status == 0, "DISCONNECTED with status %d", end->status);
}

/* ---- connections */

void victim_make_qp(struct test *t, struct end *end, unsigned int receives)
{
	struct ibv_qp_init_attr attr = {
		.send_cq = t->v.cq,
		.recv_cq = t->v.cq,
		.cap = { .max_send_wr = 16,
			 .max_recv_wr = NRECV,
			 .max_send_sge = 2,
			 .max_recv_sge = 2 },
		.qp_type = IBV_QPT_RC,
		.sq_sig_all = 1,
	};

	require(t, rdma_create_qp(end->id, t->v.pd, &attr) == 0, "rdma_create_qp: %s",
		strerror(errno));
	end->qp = end->id->qp;
	end->qp_num = end->qp->qp_num;
	end->receives = receives;
	async_forget(end->qp);
	for (unsigned int i = 0; i < receives; i++)
		require(t, victim_post_recv(t, end, i) == 0, "ibv_post_recv");
}

int victim_accept(struct end *end, uint8_t ird, uint8_t ord)
{
	struct rdma_conn_param param = { .responder_resources = ird, .initiator_depth = ord };

	return rdma_accept(end->id, &param);
}

static void wait_event(struct test *t, struct end *end, enum rdma_cm_event_type event)
{
	uint64_t limit = now_ms() + WAIT_MS;

	while (end->event != event && now_ms() < limit)
		victim_step(t, 100);
	require(t, end->event == event, "%s", rdma_event_str(end->event));
}

struct end *victim_connect(struct test *t, int port, unsigned int receives, uint8_t ord)
{
	struct sockaddr_in to = t->v.addr;
	struct rdma_conn_param param = {
		.responder_resources = 4,
		.initiator_depth = ord,
		.private_data = "victim",
		.private_data_len = 6,
	};
	struct rdma_cm_id *id;
	struct end *end;

	to.sin_port = htons((uint16_t)port);
	require(t, rdma_create_id(t->v.events, &id, NULL, RDMA_PS_TCP) == 0, "rdma_create_id");
	end = new_end(t, id);
	end->event = RDMA_CM_EVENT_ADDR_CHANGE; /* none yet */
	require(t, rdma_resolve_addr(id, NULL, (struct sockaddr *)&to, 2000) == 0, "resolve");
	wait_event(t, end, RDMA_CM_EVENT_ADDR_RESOLVED);
	require(t, rdma_resolve_route(id, 2000) == 0, "route");
	wait_event(t, end, RDMA_CM_EVENT_ROUTE_RESOLVED);
	victim_make_qp(t, end, receives);
	require(t, rdma_connect(id, &param) == 0, "rdma_connect: %s", strerror(errno));
	return end;
}

void victim_drop(struct test *t, struct end *end)
{
	if (end->qp)
		rdma_destroy_qp(end->id);
	end->qp = NULL;
	require(t, rdma_destroy_id(end->id) == 0, "rdma_destroy_id: %s", strerror(errno));
	*end = (struct end){ 0 };
}

/* ---- verbs */

int victim_post_recv(struct test *t, struct end *end, unsigned int slot)
{
	struct ibv_sge sge = { .length = RECV_SIZE, .lkey = t->v.mr[AT_LOCAL]->lkey };
	struct ibv_recv_wr wr = { .wr_id = slot, .sg_list = &sge, .num_sge = 1 }, *bad;

	sge.addr = (uintptr_t)arena_at(t, AT_LOCAL, slot * RECV_SIZE);
	return ibv_post_recv(end->qp, &wr, &bad);
}

void victim_post_read(struct test *t, struct end *end, uint32_t len)
{
	struct ibv_sge sge = { .length = len, .lkey = t->v.mr[AT_LOCAL]->lkey };
	struct ibv_send_wr wr = {
		.wr_id = READ_ID,
		.sg_list = &sge,
		.num_sge = 1,
		.opcode = IBV_WR_RDMA_READ,
	}, *bad;

	sge.addr = (uintptr_t)arena_at(t, AT_LOCAL, REGION_SIZE / 2);
	wr.wr.rdma.remote_addr = 0x1000;
	wr.wr.rdma.rkey = 0x5eed00;
	require(t, ibv_post_send(end->qp, &wr, &bad) == 0, "ibv_post_send");
}

void victim_poll(struct test *t)
{
	struct ibv_wc wc;
	int n;

	while ((n = ibv_poll_cq(t->v.cq, 1, &wc)) > 0)
		for (unsigned int i = 0; i < t->v.nends; i++) {
			struct end *end = &t->v.ends[i];

			if (end->qp && end->qp_num == wc.qp_num &&
			    end->wcs < sizeof(end->wc) / sizeof(*end->wc))
				end->wc[end->wcs++] = wc;
		}
	require(t, n == 0, "ibv_poll_cq: %d", n);
}

const struct ibv_wc *victim_wait_wc(struct test *t, struct end *end, unsigned int nth)
{
	uint64_t limit = now_ms() + WAIT_MS;

	for (victim_poll(t); end->wcs <= nth && now_ms() < limit; victim_poll(t))
		nap_ms(1);
	require(t, end->wcs > nth, "completion %u does not come", nth);
	return &end->wc[nth];
}

uint32_t victim_stag(const struct test *t, enum where where)
{
	switch (where) {
	case AT_STALE:
		return t->v.mr[AT_ALL]->rkey ^ 1;
	case AT_GONE:
		return t->v.gone;
	case AT_UNKNOWN:
		return t->v.mr[AT_ALL]->rkey ^ 0x5a5a5a00;
	case AT_ZERO:
		return 0;
	default:
		return t->v.mr[where]->rkey;
	}
}

uint64_t victim_to(const struct test *t, enum where where)
{
	return (uintptr_t)arena_at(t, where < NREGIONS ? where : AT_ALL, 0);
}
