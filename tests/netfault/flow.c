// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Traffic that checks itself. A slot has one operation under way; when it is
 * complete the next begins, so that SLOTS are always in flight. A send counts as
 * complete when the peer has acknowledged it, which also keeps receives posted.
 * Every byte depends on the operation's number and its place.
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "peer.h"

enum work {
	WORK_DATA,
	WORK_ACK,
	WORK_RECV
};

enum {
	KIND_DATA = 0x44415441,
	KIND_ACK = 0x41434b21
};

/* Begins every message. */
struct head {
	uint32_t kind, slot, seq, size;
};

#define AREA_BYTES ((size_t)(3 * SLOTS + RECVS) * SIZE_MAX_MSG)

enum area {
	AREA_OUT,
	AREA_BACK,
	AREA_TARGET,
	AREA_RECV
};

static uint8_t *place(const struct flow *flow, enum area area, unsigned int n)
{
	return flow->mem + (size_t)(area * SLOTS + n) * SIZE_MAX_MSG;
}

static uint64_t work_id(enum work work, unsigned int n)
{
	return (uint64_t)work << 32 | n;
}

static uint8_t pattern(uint32_t seq, uint32_t at)
{
	return (uint8_t)(seq * 167 + at + (at >> 8));
}

static void fill(uint8_t *to, uint32_t seq, uint32_t from, uint32_t size)
{
	for (uint32_t i = from; i < size; i++)
		to[i] = pattern(seq, i);
}

static bool is_filled(const uint8_t *bytes, uint32_t seq, uint32_t from, uint32_t size)
{
	for (uint32_t i = from; i < size; i++)
		if (bytes[i] != pattern(seq, i))
			return false;
	return true;
}

/* ------------------------------------------------------------------ Posting */

static struct ibv_sge sge_of(const struct flow *flow, const void *at, uint32_t size)
{
	return (struct ibv_sge){ .addr = (uintptr_t)at, .length = size, .lkey = flow->mr->lkey };
}

static bool post_send(struct flow *flow, struct ibv_send_wr *wr)
{
	struct ibv_send_wr *bad;

	wr->num_sge = 1;
	wr->send_flags |= IBV_SEND_SIGNALED;
	if (flow->over || ibv_post_send(flow->qp, wr, &bad))
		return false;
	flow->posted++;
	return true;
}

static void post_recv(struct flow *flow, unsigned int n)
{
	struct ibv_sge sge = sge_of(flow, place(flow, AREA_RECV, n), SIZE_MAX_MSG);
	struct ibv_recv_wr wr = { .wr_id = work_id(WORK_RECV, n), .sg_list = &sge, .num_sge = 1 };
	struct ibv_recv_wr *bad;

	if (!ibv_post_recv(flow->qp, &wr, &bad))
		flow->posted++;
}

static void acknowledge(struct flow *flow, const struct head *data)
{
	struct head ack = { .kind = KIND_ACK, .slot = data->slot, .seq = data->seq };
	struct ibv_sge sge = sge_of(flow, &ack, sizeof(ack));
	struct ibv_send_wr wr = {
		.wr_id = work_id(WORK_ACK, 0),
		.sg_list = &sge,
		.opcode = IBV_WR_SEND,
		.send_flags = IBV_SEND_INLINE,
	};

	post_send(flow, &wr);
}

static bool post_one(struct flow *flow, unsigned int n, enum ibv_wr_opcode opcode)
{
	uint8_t *at = place(flow, opcode == IBV_WR_RDMA_READ ? AREA_BACK : AREA_OUT, n);
	struct ibv_sge sge = sge_of(flow, at, flow->size);
	struct ibv_send_wr wr = {
		.wr_id = work_id(WORK_DATA, n),
		.sg_list = &sge,
		.opcode = opcode,
		.wr.rdma = { .remote_addr = flow->far.addr + n * SIZE_MAX_MSG,
			     .rkey = flow->far.key },
	};

	return post_send(flow, &wr);
}

static void begin_send(struct flow *flow, unsigned int n)
{
	struct slot *slot = &flow->slots[n];
	struct head head = { KIND_DATA, n, slot->seq, flow->size };
	uint8_t *at = place(flow, AREA_OUT, n);

	memcpy(at, &head, sizeof(head));
	fill(at, slot->seq, sizeof(head), flow->size);
	slot->open = post_one(flow, n, IBV_WR_SEND) ? 2 : 0;
}

/* False: there is nothing left to begin, or it cannot be. */
static bool begin(struct flow *flow, unsigned int n)
{
	struct slot *slot = &flow->slots[n];

	if (!slot->kind || !flow->todo || flow->over)
		return false;
	flow->todo--;
	slot->seq++;
	slot->reading = slot->kind == 'r';
	if (slot->kind == 's') {
		begin_send(flow, n);
		return slot->open;
	}
	fill(place(flow, AREA_OUT, n), slot->seq, 0, flow->size);
	slot->open = post_one(flow, n, slot->reading ? IBV_WR_RDMA_READ : IBV_WR_RDMA_WRITE);
	return slot->open;
}

void flow_start(struct conn *conn, const char *kinds, unsigned long count, uint32_t size)
{
	struct flow *flow = &conn->flow;

	flow->size = size > SIZE_MAX_MSG ? SIZE_MAX_MSG : size;
	flow->todo = count ? count : (unsigned long)-1;
	for (unsigned int n = 0; n < SLOTS; n++) {
		if (flow->slots[n].open)
			continue;
		flow->slots[n].kind = kinds[n % strlen(kinds)];
		if (begin(flow, n))
			flow->busy++;
	}
}

/* --------------------------------------------------------------- Completing */

static void next(struct conn *conn, unsigned int n)
{
	struct flow *flow = &conn->flow;
	struct slot *slot = &flow->slots[n];

	if (--slot->open)
		return;
	if (slot->kind == 'v' && !slot->reading) {
		slot->reading = true;
		slot->open = post_one(flow, n, IBV_WR_RDMA_READ);
		return;
	}
	if (slot->kind == 'v' && !is_filled(place(flow, AREA_BACK, n), slot->seq, 0, flow->size))
		flow->bad++;
	flow->ops++;
	if (begin(flow, n))
		return;
	if (!--flow->busy && !flow->over)
		say(conn, "DONE ops=%lu bad=%lu", flow->ops, flow->bad);
}

static void received(struct conn *conn, unsigned int n, uint32_t len)
{
	struct flow *flow = &conn->flow;
	const uint8_t *at = place(flow, AREA_RECV, n);
	struct head head;

	memcpy(&head, at, sizeof(head));
	if (head.slot >= SLOTS || len < sizeof(head)) {
		flow->bad++;
	} else if (head.kind == KIND_DATA) {
		if (len != head.size || !is_filled(at, head.seq, sizeof(head), head.size))
			flow->bad++;
		acknowledge(flow, &head);
	} else if (head.kind == KIND_ACK && flow->slots[head.slot].seq == head.seq) {
		next(conn, head.slot);
	} else {
		flow->bad++;
	}
	post_recv(flow, n);
}

static void failed(struct conn *conn, const struct ibv_wc *wc)
{
	struct flow *flow = &conn->flow;

	flow->over = true;
	if (wc->status == IBV_WC_WR_FLUSH_ERR) {
		flow->flushed++;
		return;
	}
	if (!flow->broken++)
		say(conn, "BROKEN %s", ibv_wc_status_str(wc->status));
}

static void completed(struct conn *conn, const struct ibv_wc *wc)
{
	const enum work work = (enum work)(wc->wr_id >> 32);
	const unsigned int n = (unsigned int)wc->wr_id;

	if (wc->status) {
		failed(conn, wc);
		return;
	}
	conn->flow.good++;
	if (work == WORK_RECV)
		received(conn, n, wc->byte_len);
	else if (work == WORK_DATA)
		next(conn, n);
}

static void take_all(struct conn *conn)
{
	struct ibv_wc wc[16];
	int n;

	do {
		pthread_mutex_lock(&lock);
		n = ibv_poll_cq(conn->flow.cq, 16, wc);
		for (int i = 0; i < n; i++)
			completed(conn, &wc[i]);
		say_if_quiet(conn);
		pthread_mutex_unlock(&lock);
	} while (n > 0);
}

static void *run(void *arg)
{
	struct conn *conn = arg;
	struct flow *flow = &conn->flow;
	struct pollfd pfd = { .fd = flow->channel->fd, .events = POLLIN };
	struct ibv_cq *cq;
	void *context;

	while (!__atomic_load_n(&flow->stop, __ATOMIC_ACQUIRE)) {
		if (poll(&pfd, 1, 50) != 1)
			continue;
		if (ibv_get_cq_event(flow->channel, &cq, &context))
			break;
		ibv_ack_cq_events(cq, 1);
		ibv_req_notify_cq(cq, 0);
		take_all(conn);
	}
	return NULL;
}

/* -------------------------------------------------------------- Begin and end */

static int make_qp(struct conn *conn)
{
	struct flow *flow = &conn->flow;
	struct ibv_qp_init_attr attr = {
		.qp_type = IBV_QPT_RC,
		.cap = { .max_send_wr = 2 * RECVS,
			 .max_recv_wr = RECVS,
			 .max_send_sge = 1,
			 .max_recv_sge = 1,
			 .max_inline_data = sizeof(struct head) },
	};

	flow->channel = ibv_create_comp_channel(conn->id->verbs);
	if (!flow->channel)
		return -1;
	flow->cq = ibv_create_cq(conn->id->verbs, 4 * RECVS, NULL, flow->channel, 0);
	if (!flow->cq || ibv_req_notify_cq(flow->cq, 0))
		return -1;
	attr.send_cq = attr.recv_cq = flow->cq;
	if (rdma_create_qp(conn->id, NULL, &attr))
		return -1;
	flow->qp = conn->id->qp;
	return 0;
}

int flow_open(struct conn *conn)
{
	struct flow *flow = &conn->flow;

	if (make_qp(conn))
		return -1;
	/* Not of the heap, whose size is measured. */
	flow->mem =
		mmap(NULL, AREA_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (flow->mem == MAP_FAILED)
		return -1;
	flow->mr = ibv_reg_mr(conn->id->pd, flow->mem, AREA_BYTES,
			      IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE |
				      IBV_ACCESS_REMOTE_READ);
	if (!flow->mr)
		return -1;
	for (unsigned int n = 0; n < RECVS; n++)
		post_recv(flow, n);
	if (pthread_create(&flow->thread, NULL, run, conn))
		return -1;
	flow->runs = true;
	return 0;
}

void flow_hello(const struct conn *conn, struct hello *hello)
{
	*hello = (struct hello){ .addr = (uintptr_t)place(&conn->flow, AREA_TARGET, 0),
				 .key = conn->flow.mr->rkey,
				 .size = sizeof(*hello) };
	memcpy(hello->name, conn->name, sizeof(hello->name));
}

void flow_close(struct conn *conn)
{
	struct flow *flow = &conn->flow;

	__atomic_store_n(&flow->stop, true, __ATOMIC_RELEASE);
	if (flow->runs)
		pthread_join(flow->thread, NULL);
	if (flow->qp)
		rdma_destroy_qp(conn->id);
	if (flow->mr)
		ibv_dereg_mr(flow->mr);
	if (flow->cq)
		ibv_destroy_cq(flow->cq);
	if (flow->channel)
		ibv_destroy_comp_channel(flow->channel);
	if (flow->mem && flow->mem != MAP_FAILED)
		munmap(flow->mem, AREA_BYTES);
	flow->qp = NULL;
}
