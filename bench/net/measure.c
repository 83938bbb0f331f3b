// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* What is measured over RDMA. The client prints; the server is the other end. */
#include "bench/net/net.h"

#include <unistd.h>

#define DEPTH 512
#define SIGNAL 32 /* every so many work requests one is signalled */
#define LAT_RING 8

/* One connection, made. */
static struct ep *single(struct bench *b, struct rdma *r, unsigned int depth, size_t len)
{
	rdma_up(b, r, 1, depth, len);
	if (b->server)
		rdma_accept_one(r, r->eps);
	else
		rdma_connect_one(b, r, r->eps);
	return r->eps;
}

/* Completions of Sends on the way are passed over. */
static void reap_receives(struct bench *b, struct rdma *r, unsigned int n)
{
	while (n)
		if (reap(b, r, 1) != UINT64_MAX)
			n--;
}

/* The client says that it is through, the server answers: all before it has arrived. */
static void finish(struct bench *b, struct rdma *r, struct ep *ep)
{
	if (b->server) {
		reap_receives(b, r, 1);
		post_op(r, ep, IBV_WR_SEND, 1, true);
	} else {
		post_op(r, ep, IBV_WR_SEND, 1, true);
		reap_receives(b, r, 1);
	}
}

void lat_rdma(struct bench *b)
{
	struct rdma r;
	struct ep *ep = single(b, &r, LAT_RING, 4096 > b->size ? 4096 : b->size);
	double t = 0;

	if (!b->server)
		for (unsigned int i = 0; i < LAT_RING; i++)
			post_recv(&r, ep, i, b->size);
	meet(b);
	for (unsigned int i = 0; i < b->n + b->n / 10; i++) {
		if (i == b->n / 10)
			t = now();
		if (!b->server)
			post_op(&r, ep, IBV_WR_SEND, b->size, i % 4 == 3);
		reap_receives(b, &r, 1);
		post_recv(&r, ep, 0, b->size);
		if (b->server)
			post_op(&r, ep, IBV_WR_SEND, b->size, i % 4 == 3);
	}
	if (!b->server)
		printf("%.3f\n", (now() - t) / b->n / 2 * 1e6);
	meet(b);
	rdma_down(&r);
}

static enum ibv_wr_opcode opcode(const char *op)
{
	if (!strcmp(op, "write"))
		return IBV_WR_RDMA_WRITE;
	if (!strcmp(op, "read"))
		return IBV_WR_RDMA_READ;
	if (!strcmp(op, "send"))
		return IBV_WR_SEND;
	DIE("no such operation: %s", op);
}

/* Keeps up to @window bytes under way. */
static void stream(struct bench *b, struct rdma *r, enum ibv_wr_opcode op, size_t window)
{
	unsigned int room = (unsigned int)(window / b->size), flying = 0;

	room = room < 2 ? 2 : room > DEPTH ? DEPTH : room;
	if (op == IBV_WR_RDMA_READ && room > 16)
		room = 16;
	for (unsigned int i = 0; i < b->n; i++) {
		if (flying == room) {
			reap(b, r, 1);
			flying--;
		}
		post_op(r, r->eps, op, b->size, true);
		flying++;
	}
	reap(b, r, flying);
}

#define CREDIT 64

/* Keeps its ring of receives full and tells the client, which never overruns it. */
static void sink(struct bench *b, struct rdma *r)
{
	for (unsigned int i = 0; i < b->n; i++) {
		reap_receives(b, r, 1);
		post_recv(r, r->eps, 0, r->len);
		if (i % CREDIT == CREDIT - 1)
			post_op(r, r->eps, IBV_WR_SEND, 1, true);
	}
}

/* As stream(), by the server's credits: one Send back for CREDIT that it received. */
static void stream_sends(struct bench *b, struct rdma *r)
{
	unsigned int flying = 0, credit = 6 * CREDIT, sent = 0, credits = 0;

	while (sent < b->n || flying || credits < b->n / CREDIT) {
		for (; sent < b->n && credit && flying < DEPTH - 1; sent++, credit--, flying++)
			post_op(r, r->eps, IBV_WR_SEND, b->size, true);
		if (reap(b, r, 1) == UINT64_MAX) {
			flying--;
		} else {
			post_recv(r, r->eps, 0, 64);
			credit += CREDIT;
			credits++;
		}
	}
}

void bw_rdma(struct bench *b, const char *name)
{
	enum ibv_wr_opcode op = opcode(name);
	struct rdma r;
	struct ep *ep = single(b, &r, DEPTH, b->size < 4096 ? 4096 : b->size);
	double t;

	if (!b->server)
		for (unsigned int i = 0; i < 64; i++)
			post_recv(&r, ep, i, 64);
	meet(b);
	t = now();
	if (!b->server && op == IBV_WR_SEND)
		stream_sends(b, &r);
	else if (!b->server)
		stream(b, &r, op, 8u << 20);
	else if (op == IBV_WR_SEND)
		sink(b, &r);
	finish(b, &r, ep);
	if (!b->server)
		printf("%.1f\n", (double)b->size * b->n / (now() - t) / 1e6);
	meet(b);
	rdma_down(&r);
}

#define LIST 64

static void post_list(struct bench *b, struct rdma *r, unsigned int n)
{
	struct ibv_sge sge = { .addr = (uintptr_t)r->buf,
			       .length = (uint32_t)b->size,
			       .lkey = r->mr->lkey };
	struct ibv_send_wr wr[LIST] = { 0 }, *bad;

	for (unsigned int i = 0; i < n; i++) {
		wr[i].next = i + 1 < n ? &wr[i + 1] : NULL;
		wr[i].sg_list = &sge;
		wr[i].num_sge = 1;
		wr[i].opcode = IBV_WR_RDMA_WRITE;
		wr[i].send_flags = i + 1 < n ? 0 : IBV_SEND_SIGNALED;
		wr[i].wr.rdma.remote_addr = r->eps->peer_addr;
		wr[i].wr.rdma.rkey = r->eps->peer_rkey;
	}
	MUST(!ibv_post_send(r->eps->qp, wr, &bad));
}

static void rate_lists(struct bench *b, struct rdma *r)
{
	unsigned int flying = 0;

	for (unsigned int i = 0; i < b->n; i += LIST) {
		if (flying == DEPTH / LIST) {
			reap(b, r, 1);
			flying--;
		}
		post_list(b, r, LIST);
		flying++;
	}
	reap(b, r, flying);
}

static void rate_singles(struct bench *b, struct rdma *r)
{
	unsigned int flying = 0;

	for (unsigned int i = 0; i < b->n; i++) {
		if (flying == DEPTH / SIGNAL) {
			reap(b, r, 1);
			flying--;
		}
		post_op(r, r->eps, IBV_WR_RDMA_WRITE, b->size, i % SIGNAL == SIGNAL - 1);
		flying += i % SIGNAL == SIGNAL - 1;
	}
	reap(b, r, flying);
}

void rate_rdma(struct bench *b)
{
	struct rdma r;
	struct ep *ep;
	double t;

	b->n -= b->n % LIST;
	ep = single(b, &r, DEPTH + 1, 4096);
	if (!b->server)
		post_recv(&r, ep, 0, 64);
	meet(b);
	t = now();
	if (!b->server)
		b->list ? rate_lists(b, &r) : rate_singles(b, &r);
	finish(b, &r, ep);
	if (!b->server)
		printf("%.0f\n", b->n / (now() - t));
	meet(b);
	rdma_down(&r);
}

/* Whole cycles, one after the other: ids, QPs, connect, disconnect, destroy. */
void setup_rdma(struct bench *b)
{
	struct rdma r;
	double t;

	rdma_up(b, &r, 1, 1, 4096);
	meet(b);
	t = now();
	for (unsigned int i = 0; i < b->n; i++) {
		if (b->server)
			rdma_accept_one(&r, r.eps);
		else
			rdma_connect_one(b, &r, r.eps);
		rdma_drop(r.eps);
	}
	if (!b->server)
		printf("%.1f\n", b->n / (now() - t));
	meet(b);
	rdma_down(&r);
}

/* ---- many connections */

static void many_lat(struct bench *b, struct rdma *r)
{
	unsigned int at = 0;
	struct ep *ep;
	double t = now();

	for (unsigned int i = 0; i < b->n; i++) {
		at = (at + 7919) % b->conns;
		ep = &r->eps[at];
		if (!b->server) {
			post_recv(r, ep, 0, b->size);
			post_op(r, ep, IBV_WR_SEND, b->size, true);
		}
		reap_receives(b, r, 1);
		if (b->server) {
			post_recv(r, ep, 0, b->size);
			post_op(r, ep, IBV_WR_SEND, b->size, true);
		}
	}
	if (!b->server)
		printf("%.3f\n", (now() - t) / b->n / 2 * 1e6);
}

/* Writes, round robin, a signalled one in 32; at the end a Send on every connection used. */
static void many_rate(struct bench *b, struct rdma *r)
{
	unsigned int at = 0, flying = 0;
	double t = now();

	for (unsigned int i = 0; !b->server && i < b->n; i++) {
		at = (at + 7919) % b->conns;
		post_op(r, &r->eps[at], IBV_WR_RDMA_WRITE, b->size, true);
		if (++flying == 256) {
			reap(b, r, 128);
			flying -= 128;
		}
	}
	if (b->server) {
		reap_receives(b, r, b->conns);
		post_op(r, r->eps, IBV_WR_SEND, 1, true);
		return;
	}
	reap(b, r, flying);
	post_recv(r, r->eps, 0, 64);
	for (unsigned int i = 0; i < b->conns; i++)
		post_op(r, &r->eps[i], IBV_WR_SEND, 1, true);
	reap_receives(b, r, 1);
	printf("%.0f\n", b->n / (now() - t));
}

#define MANY_DEPTH 4

/* What the end that needs more needs. */
static void memory_of_both(struct bench *b, double mine)
{
	double other;

	if (b->server) {
		MUST(write(b->ctl, &mine, sizeof(mine)) == sizeof(mine));
		return;
	}
	MUST(read(b->ctl, &other, sizeof(other)) == sizeof(other));
	printf("%.0f\n", mine > other ? mine : other);
}

void many_rdma(struct bench *b, const char *what)
{
	uint64_t before, after;
	struct rdma r;

	rdma_up(b, &r, b->conns, MANY_DEPTH, 4096);
	for (unsigned int i = 0; i < b->conns; i++)
		r.eps[i].peer_rkey = 1; /* our own memory does not count */
	before = rss();
	for (unsigned int i = 0; i < b->conns; i++) {
		if (b->server)
			rdma_accept_one(&r, &r.eps[i]);
		else
			rdma_connect_one(b, &r, &r.eps[i]);
	}
	after = rss();
	meet(b);
	if (!strcmp(what, "lat"))
		many_lat(b, &r);
	else if (!strcmp(what, "rate"))
		many_rate(b, &r);
	else if (strcmp(what, "mem"))
		DIE("no such test: many_%s", what);
	else
		memory_of_both(b, (double)(after - before) / b->conns);
	meet(b);
	rdma_down(&r);
}
