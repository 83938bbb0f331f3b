// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Plays scenarios on connections between two processes; see pair.h.
 *
 * usage: pair -s [-a address] [-p port]
 *        pair -c [-a address] [-p port] SCENARIO...     (of pair_data.c and pair_bad.c)
 *        pair -l                                        lists them
 *
 * Each side prints a line for each connection, and a client the depths of both events too:
 *	ok echo
 *	not ok bad_read_end: not disconnected
 * A server serves until it is killed. A client's exit: 0 all ok, 2 not, 1 errors.
 */
#include "pair.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DEPTH 64
#define REGION_SEED 77

static struct {
	bool server;
	const char *address, *port;
} opt = { .address = "0.0.0.0", .port = "7471" };

void pair_fail(struct pair *p, const char *format, ...)
{
	va_list args;

	if (p->why[0])
		return;
	va_start(args, format);
	vsnprintf(p->why, sizeof(p->why), format, args);
	va_end(args);
}

/* ---- bytes */

static uint8_t byte_at(uint32_t i, unsigned int seed)
{
	return (uint8_t)(i * 31 + (i >> 8) * 7 + (i >> 16) + seed);
}

void pair_fill(uint8_t *at, uint32_t len, unsigned int seed)
{
	uint32_t i;

	for (i = 0; i < len; i++)
		at[i] = byte_at(i, seed);
}

void pair_check(struct pair *p, const uint8_t *at, uint32_t len, unsigned int seed)
{
	uint32_t i;

	for (i = 0; i < len; i++)
		if (at[i] != byte_at(i, seed))
			return pair_fail(p, "byte %u of %u is wrong", i, len);
}

/* ---- work */

void pair_recv(struct pair *p, uint32_t off, uint32_t len, uint64_t wr_id)
{
	struct ibv_sge sge = { (uintptr_t)p->local + off, len, p->local_mr->lkey };
	struct ibv_recv_wr wr = { .wr_id = wr_id, .sg_list = &sge, .num_sge = 1 };
	struct ibv_recv_wr *bad;
	int err = ibv_post_recv(p->id->qp, &wr, &bad);

	if (err)
		pair_fail(p, "ibv_post_recv: %s", strerror(err));
}

int pair_post(struct pair *p, struct ibv_send_wr *wr, uint32_t off, uint32_t len)
{
	struct ibv_sge sge = { (uintptr_t)p->local + off, len, p->local_mr->lkey };
	struct ibv_send_wr *bad;

	wr->sg_list = &sge;
	wr->num_sge = 1;
	wr->send_flags |= IBV_SEND_SIGNALED;
	return ibv_post_send(p->id->qp, wr, &bad);
}

void pair_send(struct pair *p, uint32_t off, uint32_t len, uint64_t wr_id)
{
	struct ibv_send_wr wr = { .wr_id = wr_id, .opcode = IBV_WR_SEND };
	int err = pair_post(p, &wr, off, len);

	if (err)
		pair_fail(p, "ibv_post_send: %s", strerror(err));
}

void pair_rdma(struct pair *p, enum ibv_wr_opcode opcode, uint32_t off, uint32_t len, int64_t to,
	       uint32_t rkey)
{
	struct ibv_send_wr wr = { .opcode = opcode };
	int err;

	wr.wr.rdma.remote_addr = p->remote.address + (uint64_t)to;
	wr.wr.rdma.rkey = rkey ? rkey : p->remote.rkey;
	err = pair_post(p, &wr, off, len);
	if (err)
		pair_fail(p, "ibv_post_send: %s", strerror(err));
}

/* ---- waiting */

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

bool pair_wc(struct pair *p, struct ibv_wc *wc)
{
	double until = now_ms() + PAIR_WAIT_MS;
	int n;

	do {
		n = ibv_poll_cq(p->cq, 1, wc);
		if (n)
			return n == 1;
		usleep(50);
	} while (now_ms() < until);
	pair_fail(p, "no completion in time");
	return false;
}

bool pair_done(struct pair *p, enum ibv_wc_opcode opcode, struct ibv_wc *wc)
{
	if (!pair_wc(p, wc))
		return false;
	if (wc->status)
		pair_fail(p, "%s, not opcode %d", ibv_wc_status_str(wc->status), opcode);
	else if (wc->opcode != opcode)
		pair_fail(p, "opcode %d, not %d", wc->opcode, opcode);
	return !p->why[0];
}

/* The next event, acknowledged; -1: none in time. @private_data: of one that may have some. */
static int next_event(struct pair *p, int timeout_ms, void *data, size_t size)
{
	struct pollfd fd = { .fd = p->channel->fd, .events = POLLIN };
	const struct rdma_conn_param *param;
	struct rdma_cm_event *e;
	int type;

	if (poll(&fd, 1, timeout_ms) <= 0)
		return -1;
	if (rdma_get_cm_event(p->channel, &e))
		prog_die("rdma_get_cm_event");
	type = e->event;
	param = &e->param.conn;
	if (data && param->private_data && param->private_data_len >= size)
		memcpy(data, param->private_data, size);
	if (type == RDMA_CM_EVENT_CONNECT_REQUEST || type == RDMA_CM_EVENT_ESTABLISHED)
		printf("# %s resources %u depth %u\n", rdma_event_str(e->event) + 14,
		       param->responder_resources, param->initiator_depth);
	if (type == RDMA_CM_EVENT_CONNECT_REQUEST)
		p->id = e->id;
	if (type == RDMA_CM_EVENT_ESTABLISHED)
		p->established = true;
	if (type == RDMA_CM_EVENT_DISCONNECTED)
		p->disconnected = true;
	rdma_ack_cm_event(e);
	return type;
}

void pair_wait_end(struct pair *p)
{
	while (!p->disconnected)
		if (next_event(p, PAIR_WAIT_MS, NULL, 0) < 0)
			return;
}

static void must_be(struct pair *p, enum rdma_cm_event_type want, void *data, size_t size)
{
	int type = next_event(p, PAIR_WAIT_MS, data, size);

	if (type != (int)want)
		pair_fail(p, "%s instead of %s",
			  type < 0 ? "nothing" : rdma_event_str((enum rdma_cm_event_type)type),
			  rdma_event_str(want));
}

/* ---- a connection's objects */

static uint8_t *pages(size_t len)
{
	uint8_t *at = aligned_alloc(PAIR_GUARD, len);

	if (!at)
		prog_die("aligned_alloc");
	return at;
}

static void open_pair(struct pair *p, const struct pair_scenario *s)
{
	int all = IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_READ;
	struct ibv_qp_init_attr attr = { .qp_type = IBV_QPT_RC };
	unsigned int i;

	p->local = pages(PAIR_AREA);
	p->open = pages(PAIR_AREA + 2 * PAIR_GUARD);
	pair_fill(p->open, PAIR_GUARD, 1);
	p->open += PAIR_GUARD;
	pair_fill(p->open, PAIR_AREA, REGION_SEED);
	pair_fill(p->open + PAIR_AREA, PAIR_GUARD, 2);
	p->pd = ibv_alloc_pd(p->id->verbs);
	p->cq = ibv_create_cq(p->id->verbs, 2 * DEPTH, NULL, NULL, 0);
	if (!p->pd || !p->cq)
		prog_die("ibv_create_cq");
	p->local_mr = ibv_reg_mr(p->pd, p->local, PAIR_AREA, IBV_ACCESS_LOCAL_WRITE);
	p->open_mr = ibv_reg_mr(p->pd, p->open, PAIR_AREA, s->access ? s->access : all);
	if (!p->local_mr || !p->open_mr)
		prog_die("ibv_reg_mr");
	attr.send_cq = attr.recv_cq = p->cq;
	attr.cap.max_send_wr = attr.cap.max_recv_wr = DEPTH;
	attr.cap.max_send_sge = attr.cap.max_recv_sge = 1;
	attr.cap.max_inline_data = 64;
	if (rdma_create_qp(p->id, p->pd, &attr))
		prog_die("rdma_create_qp");
	for (i = 0; i < s->receives; i++)
		pair_recv(p, i * s->receive_len, s->receive_len, i);
}

static void close_pair(struct pair *p)
{
	if (p->open) {
		pair_check(p, p->open - PAIR_GUARD, PAIR_GUARD, 1);
		pair_check(p, p->open + PAIR_AREA, PAIR_GUARD, 2);
	}
	if (p->id->qp)
		rdma_destroy_qp(p->id);
	if (p->open_mr)
		ibv_dereg_mr(p->open_mr);
	if (p->local_mr)
		ibv_dereg_mr(p->local_mr);
	if (p->cq)
		ibv_destroy_cq(p->cq);
	if (p->pd)
		ibv_dealloc_pd(p->pd);
	rdma_destroy_id(p->id);
	free(p->local);
	free(p->open ? p->open - PAIR_GUARD : NULL);
}

static void report(const struct pair *p, const char *name)
{
	if (p->why[0])
		printf("not ok %s: %s\n", name, p->why);
	else
		printf("ok %s\n", name);
}

static const struct pair_scenario *find(const char *name)
{
	const struct pair_scenario *s;

	for (s = pair_data; s->name; s++)
		if (!strcmp(s->name, name))
			return s;
	for (s = pair_bad; s->name; s++)
		if (!strcmp(s->name, name))
			return s;
	return NULL;
}

static struct rdma_conn_param param_of(const struct pair_scenario *s, const void *data, size_t len)
{
	struct rdma_conn_param param = prog_param(NULL);

	param.private_data = data;
	param.private_data_len = (uint8_t)len;
	param.responder_resources = s->resources ? s->resources : 4;
	param.initiator_depth = s->depth ? s->depth : 4;
	return param;
}

/* ---- client */

static void resolve(struct pair *p)
{
	struct sockaddr_storage address = prog_address(opt.address, opt.port);

	if (rdma_create_id(p->channel, &p->id, NULL, RDMA_PS_TCP))
		prog_die("rdma_create_id");
	if (rdma_resolve_addr(p->id, NULL, (struct sockaddr *)&address, 2000))
		prog_die("rdma_resolve_addr");
	must_be(p, RDMA_CM_EVENT_ADDR_RESOLVED, NULL, 0);
	if (p->why[0] || rdma_resolve_route(p->id, 2000))
		prog_die("rdma_resolve_route");
	must_be(p, RDMA_CM_EVENT_ROUTE_RESOLVED, NULL, 0);
}

static bool play_client(struct rdma_event_channel *channel, const struct pair_scenario *s)
{
	struct pair p = { .channel = channel };
	struct pair_hello hello = { 0 };
	struct rdma_conn_param param = param_of(s, &hello, sizeof(hello));

	strncpy(hello.scenario, s->name, sizeof(hello.scenario) - 1);
	resolve(&p);
	open_pair(&p, s);
	if (rdma_connect(p.id, &param))
		pair_fail(&p, "rdma_connect: %s", strerror(errno));
	else
		must_be(&p, RDMA_CM_EVENT_ESTABLISHED, &p.remote, sizeof(p.remote));
	if (p.established) {
		s->client(&p);
		if (rdma_disconnect(p.id) && !s->violates)
			pair_fail(&p, "rdma_disconnect: %s", strerror(errno));
		pair_wait_end(&p);
		if (!p.disconnected)
			pair_fail(&p, "no DISCONNECTED");
	}
	close_pair(&p);
	report(&p, s->name);
	return !p.why[0];
}

/* ---- server */

static void answer(struct pair *p, const struct pair_scenario *s)
{
	struct pair_region region = { 0 };
	struct rdma_conn_param param = param_of(s, &region, sizeof(region));

	open_pair(p, s);
	region = (struct pair_region){ (uintptr_t)p->open, p->open_mr->rkey, PAIR_AREA };
	if (rdma_accept(p->id, &param))
		return pair_fail(p, "rdma_accept: %s", strerror(errno));
	must_be(p, RDMA_CM_EVENT_ESTABLISHED, NULL, 0);
	if (!p->established)
		return;
	s->server(p);
	pair_wait_end(p);
	if (!p->disconnected)
		pair_fail(p, "no DISCONNECTED");
}

/* The connection gets a channel of its own, so that the next request can wait on the listener's. */
static void serve_one(struct rdma_event_channel *channel)
{
	struct pair p = { .channel = channel, .server = true };
	struct pair_hello hello = { 0 };
	const struct pair_scenario *s;

	if (next_event(&p, -1, &hello, sizeof(hello)) != RDMA_CM_EVENT_CONNECT_REQUEST)
		return;
	hello.scenario[sizeof(hello.scenario) - 1] = 0;
	s = find(hello.scenario);
	p.channel = rdma_create_event_channel();
	if (!p.channel || rdma_migrate_id(p.id, p.channel))
		prog_die("rdma_migrate_id");
	if (s)
		answer(&p, s);
	else
		pair_fail(&p, "no such scenario");
	close_pair(&p);
	rdma_destroy_event_channel(p.channel);
	report(&p, hello.scenario);
}

static void serve(struct rdma_event_channel *channel)
{
	struct sockaddr_storage address = prog_address(opt.address, opt.port);
	struct rdma_cm_id *listener;

	if (rdma_create_id(channel, &listener, NULL, RDMA_PS_TCP) ||
	    rdma_bind_addr(listener, (struct sockaddr *)&address) || rdma_listen(listener, 16))
		prog_die("listen");
	for (;;)
		serve_one(channel);
}

static void list(const struct pair_scenario *s)
{
	for (; s->name; s++)
		printf("%s\n", s->name);
}

static void parse(int argc, char **argv)
{
	int o;

	while ((o = getopt(argc, argv, "lsca:p:")) != -1) {
		if (prog_side_option(o, &opt.server, &opt.address, &opt.port))
			continue;
		switch (o) {
		case 'l':
			list(pair_data);
			list(pair_bad);
			exit(0);
		default:
			exit(1);
		}
	}
}

int main(int argc, char **argv)
{
	const struct pair_scenario *s;
	struct rdma_event_channel *channel;
	int status = 0;
	int i;

	parse(argc, argv);
	setvbuf(stdout, NULL, _IOLBF, 0);
	channel = rdma_create_event_channel();
	if (!channel)
		prog_die("rdma_create_event_channel");
	if (opt.server)
		serve(channel);
	for (i = optind; i < argc; i++) {
		s = find(argv[i]);
		if (!s || !play_client(channel, s))
			status = 2;
	}
	rdma_destroy_event_channel(channel);
	return status;
}
