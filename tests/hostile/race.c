// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Memory, QPs and ids that go away while a peer's messages are on their way into
 * or out of them. Once the call that takes them away has returned, not a byte
 * moves any more.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "tests/hostile/hostile.h"

#define ROUNDS 100
#define BLOCK (128u << 10)
#define PAYLOAD 60000
#define MARK 0x77

/* Sends the same bytes over and over, in pieces of any size, until it is stopped. */
struct pump {
	pthread_t thread;
	int fd;
	const uint8_t *bytes;
	size_t len;
	uint32_t seed;
	bool stop; /* atomic */
};

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

static void *pump_run(void *arg)
{
	struct pump *p = arg;
	size_t at = 0;

	while (!__atomic_load_n(&p->stop, __ATOMIC_RELAXED)) {
		size_t n = 1 + next_random(&p->seed) % 40000;
		ssize_t sent;

		n = n < p->len - at ? n : p->len - at;
		sent = send(p->fd, p->bytes + at, n, MSG_NOSIGNAL);
		if (sent <= 0)
			break;
		at = (at + (size_t)sent) % p->len;
	}
	return NULL;
}

/* The peer also takes what it is sent, so that answers flow. */
static void *drain_run(void *arg)
{
	struct pump *p = arg;
	uint8_t bytes[16384];

	while (recv(p->fd, bytes, sizeof(bytes), 0) > 0)
		;
	return NULL;
}

struct race {
	struct stream s;
	uint8_t *block;
	struct ibv_mr *mr;
	struct pump pump, drain;
	uint32_t seed;
};

static void nap_us(uint32_t us)
{
	struct timespec time = { 0, (long)us * 1000 };

	nanosleep(&time, NULL);
}

static void race_begin(struct test *t, struct race *r, unsigned int how)
{
	stream_open(t, &r->s, how);
	r->mr = ibv_reg_mr(t->v.pd, r->block, BLOCK,
			   IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE |
				   IBV_ACCESS_REMOTE_READ);
	require(t, r->mr, "ibv_reg_mr: %s", strerror(errno));
}

static void race_start(struct test *t, struct race *r)
{
	r->pump.fd = r->drain.fd = r->s.fd;
	r->pump.bytes = t->fpdu;
	r->pump.len = t->fpdu_len;
	r->pump.seed = next_random(&r->seed);
	r->pump.stop = false;
	require(t,
		!pthread_create(&r->pump.thread, NULL, pump_run, &r->pump) &&
			!pthread_create(&r->drain.thread, NULL, drain_run, &r->drain),
		"pthread_create");
}

static void race_stop(struct test *t, struct race *r)
{
	__atomic_store_n(&r->pump.stop, true, __ATOMIC_RELAXED);
	shutdown(r->s.fd, SHUT_RDWR);
	pthread_join(r->pump.thread, NULL);
	pthread_join(r->drain.thread, NULL);
	peer_close(t, r->s.fd);
}

/* Nobody writes to the block from now on: marks, and looks a little later. */
static bool block_is_left_alone(struct race *r)
{
	memset(r->block, MARK, BLOCK);
	nap_us(300 + next_random(&r->seed) % 2000);
	for (size_t i = 0; i < BLOCK; i++)
		if (r->block[i] != MARK)
			return false;
	return true;
}

static void load_write(struct test *t, struct race *r)
{
	const struct wire_segment write = {
		.ddp = TAGGED_LAST,
		.rdmap = OP_WRITE,
		.stag = r->mr->rkey,
		.to = (uintptr_t)r->block + 1000,
		.len = PAYLOAD,
	};

	t->fpdu_len = wire_fpdu(&write, r->s.crc, t->fpdu);
}

/* One Read Request after the other would need new MSNs: as many as fit. */
static void load_reads(struct test *t, struct race *r)
{
	const struct wire_read read = { .size = PAYLOAD,
					.source_stag = r->mr->rkey,
					.source_to = (uintptr_t)r->block };
	struct wire_segment request = {
		.ddp = UNTAGGED_LAST, .rdmap = OP_READ_REQUEST, .qn = 1, .len = 28
	};
	uint8_t body[28];

	wire_read_body(&read, body);
	request.payload = body;
	t->fpdu_len = 0;
	for (request.msn = 1; request.msn <= 100; request.msn++)
		t->fpdu_len += wire_fpdu(&request, r->s.crc, t->fpdu + t->fpdu_len);
}

enum victim_act {
	DEREGISTER,
	DESTROY_QP,
	DISCONNECT,
};

/* What the victim does in the middle of it; false: bytes moved afterwards. */
static bool act(struct test *t, struct race *r, enum victim_act what)
{
	uint32_t delay = next_random(&r->seed) % 1500;
	bool alone = true;

	/* The program's polling drives the stream, or the library's thread does. */
	if (delay & 1)
		victim_poll(t);
	nap_us(delay);
	if (what == DISCONNECT)
		rdma_disconnect(r->s.end->id);
	if (what == DESTROY_QP) {
		rdma_destroy_qp(r->s.end->id);
		r->s.end->qp = NULL;
		alone = block_is_left_alone(r);
	}
	alone = ibv_dereg_mr(r->mr) == 0 && alone;
	return block_is_left_alone(r) && alone;
}

static void race(struct test *t, enum victim_act what, void (*load)(struct test *, struct race *))
{
	struct race r = { .block = malloc(BLOCK), .seed = 1 + (uint32_t)what };
	bool alone = true;

	require(t, r.block, "malloc");
	memset(r.block, MARK, BLOCK);
	for (unsigned int i = 0; i < ROUNDS && alone; i++) {
		race_begin(t, &r, (i & 1 ? S_CRC : 0) | (i & 2 ? S_INITIATOR : 0) | S_DEEP);
		load(t, &r);
		race_start(t, &r);
		alone = act(t, &r, what);
		race_stop(t, &r);
		if (what != DESTROY_QP)
			victim_wait_disconnected(t, r.s.end);
		victim_drop(t, r.s.end);
	}
	free(r.block);
	require(t, alone, "memory that was taken away has changed, or could not be taken away");
}

static void deregister_under_writes(struct test *t)
{
	race(t, DEREGISTER, load_write);
}

static void destroy_under_writes(struct test *t)
{
	race(t, DESTROY_QP, load_write);
}

static void disconnect_under_writes(struct test *t)
{
	race(t, DISCONNECT, load_write);
}

static void deregister_under_reads(struct test *t)
{
	race(t, DEREGISTER, load_reads);
}

static void destroy_under_reads(struct test *t)
{
	race(t, DESTROY_QP, load_reads);
}

static const struct hostile_case cases[] = {
	{ "deregisters_region__that_is_written", deregister_under_writes, NULL, false },
	{ "destroys_qp__that_is_written_to", destroy_under_writes, NULL, false },
	{ "disconnects_qp__that_is_written_to", disconnect_under_writes, NULL, false },
	{ "deregisters_region__that_is_read", deregister_under_reads, NULL, false },
	{ "destroys_qp__that_is_read_from", destroy_under_reads, NULL, false },
};

const struct theme theme_race = {
	.name = "race",
	.cases = cases,
	.n = sizeof(cases) / sizeof(*cases),
};
