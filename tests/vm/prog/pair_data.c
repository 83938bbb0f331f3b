// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Scenarios in which both sides behave: data both ways, closing, limits. See pair.h. */
#include "pair.h"

#include <string.h>

#define SLOT (PAIR_AREA / 4)
#define POUR_LEN 16384u
#define POUR_FEW 4u
#define POUR_MANY 48u
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Around the sizes of segments on Ethernet and on lo, and odd ones for the padding. */
static const uint32_t sizes[] = { 0,	 1,	2,     3,     4,      5,      63,   64,
				  1023,	 1024,	1399,  1400,  1424,   1425,   1428, 1429,
				  1447,	 1448,	1449,  1460,  2896,   4096,   8191, 65000,
				  65520, 65535, 65536, 65537, 131072, 200001, SLOT };

/* ---- echo: Sends of many sizes, there and back */

static void echo_client(struct pair *p)
{
	struct ibv_wc wc;
	size_t i;
	int k;

	for (i = 0; i < COUNT(sizes) && !p->why[0]; i++) {
		pair_fill(p->local + 2 * SLOT, sizes[i], (unsigned int)i);
		pair_send(p, 2 * SLOT, sizes[i], 100);
		for (k = 0; k < 2 && pair_wc(p, &wc); k++) {
			if (wc.status)
				return pair_fail(p, "size %u: %s", sizes[i],
						 ibv_wc_status_str(wc.status));
			if (wc.opcode != IBV_WC_RECV)
				continue;
			if (wc.byte_len != sizes[i])
				pair_fail(p, "%u bytes came of %u", wc.byte_len, sizes[i]);
			pair_check(p, p->local + wc.wr_id * SLOT, sizes[i], (unsigned int)i);
			pair_recv(p, (uint32_t)wc.wr_id * SLOT, SLOT, wc.wr_id);
		}
	}
}

static void echo_server(struct pair *p)
{
	size_t echoed = 0;
	struct ibv_wc wc;

	while (echoed < COUNT(sizes) && pair_wc(p, &wc)) {
		if (wc.status)
			return pair_fail(p, "after %zu: %s", echoed, ibv_wc_status_str(wc.status));
		if (wc.opcode != IBV_WC_RECV) {
			echoed++;
			continue;
		}
		memcpy(p->local + 2 * SLOT, p->local + wc.wr_id * SLOT, wc.byte_len);
		pair_recv(p, (uint32_t)wc.wr_id * SLOT, SLOT, wc.wr_id);
		pair_send(p, 2 * SLOT, wc.byte_len, 100);
	}
}

/* ---- first: the server speaks first */

static void first_client(struct pair *p)
{
	struct ibv_wc wc;

	if (!pair_done(p, IBV_WC_RECV, &wc))
		return;
	pair_check(p, p->local, 1000, 3);
	pair_send(p, SLOT, 10, 0);
	pair_done(p, IBV_WC_SEND, &wc);
}

static void first_server(struct pair *p)
{
	struct ibv_wc wc;

	pair_fill(p->local + SLOT, 1000, 3);
	pair_send(p, SLOT, 1000, 0);
	if (pair_done(p, IBV_WC_SEND, &wc))
		pair_done(p, IBV_WC_RECV, &wc);
}

/* ---- pour: messages, and the end right behind them */

static void pour(struct pair *p, unsigned int n)
{
	struct ibv_wc wc;
	unsigned int i;

	pair_fill(p->local, POUR_LEN, 9);
	for (i = 0; i < n; i++)
		pair_send(p, 0, POUR_LEN, 0);
	for (i = 0; i < n; i++)
		if (!pair_done(p, IBV_WC_SEND, &wc))
			return;
	if (rdma_disconnect(p->id))
		pair_fail(p, "rdma_disconnect");
}

/* The completion of the call may come behind the first of them. */
static void drink(struct pair *p, unsigned int n)
{
	struct ibv_wc wc;
	unsigned int i = 0;

	while (i < n) {
		if (!pair_wc(p, &wc) || wc.status)
			return pair_fail(p, "%u of %u came", i, n);
		if (wc.opcode != IBV_WC_RECV)
			continue;
		pair_check(p, p->local + wc.wr_id * POUR_LEN, POUR_LEN, 9);
		i++;
	}
}

/* The server may not be the first to speak. */
static void call_server(struct pair *p)
{
	pair_send(p, PAIR_AREA - 64, 1, 0);
}

static void answer_call(struct pair *p, unsigned int n)
{
	struct ibv_wc wc;

	if (pair_done(p, IBV_WC_RECV, &wc))
		pour(p, n);
}

static void few_up_client(struct pair *p)
{
	pour(p, POUR_FEW);
}
static void few_up_server(struct pair *p)
{
	drink(p, POUR_FEW);
}
static void few_down_client(struct pair *p)
{
	call_server(p);
	drink(p, POUR_FEW);
}
static void few_down_server(struct pair *p)
{
	answer_call(p, POUR_FEW);
}
static void many_up_client(struct pair *p)
{
	pour(p, POUR_MANY);
}
static void many_up_server(struct pair *p)
{
	drink(p, POUR_MANY);
}
static void many_down_client(struct pair *p)
{
	call_server(p);
	drink(p, POUR_MANY);
}
static void many_down_server(struct pair *p)
{
	answer_call(p, POUR_MANY);
}

/* ---- write and read */

static void write_client(struct pair *p)
{
	struct ibv_wc wc;
	uint32_t at = 1;
	size_t i;

	for (i = 0; i < COUNT(sizes) && !p->why[0]; i++) {
		pair_fill(p->local, sizes[i], (unsigned int)i);
		pair_rdma(p, IBV_WR_RDMA_WRITE, 0, sizes[i], at, 0);
		if (!pair_done(p, IBV_WC_RDMA_WRITE, &wc))
			return;
		at += sizes[i] + 1;
	}
	pair_send(p, 0, 0, 0);
	pair_done(p, IBV_WC_SEND, &wc);
	pair_done(p, IBV_WC_RECV, &wc);
}

/* A Send is delivered after the Writes before it are placed. */
static void write_server(struct pair *p)
{
	struct ibv_wc wc;
	uint32_t at = 1;
	size_t i;

	if (!pair_done(p, IBV_WC_RECV, &wc))
		return;
	for (i = 0; i < COUNT(sizes); i++) {
		pair_check(p, p->open + at, sizes[i], (unsigned int)i);
		at += sizes[i] + 1;
	}
	pair_send(p, 0, 0, 0);
	pair_done(p, IBV_WC_SEND, &wc);
}

static void read_client(struct pair *p)
{
	struct ibv_wc wc;
	size_t i;

	for (i = 0; i < COUNT(sizes) && !p->why[0]; i++) {
		memset(p->local, 0, SLOT);
		pair_rdma(p, IBV_WR_RDMA_READ, 0, sizes[i], 0, 0);
		if (!pair_done(p, IBV_WC_RDMA_READ, &wc))
			return;
		pair_check(p, p->local, sizes[i], 77);
	}
	memset(p->local, 0, 32 * 1024); /* more at once than are allowed under way */
	for (i = 0; i < 32; i++)
		pair_rdma(p, IBV_WR_RDMA_READ, (uint32_t)i * 1024, 1024, (int64_t)i * 1024, 0);
	for (i = 0; i < 32; i++)
		if (!pair_done(p, IBV_WC_RDMA_READ, &wc))
			return;
	pair_check(p, p->local, 32 * 1024, 77);
}

static void read_server(struct pair *p)
{
	(void)p; /* its region was filled before it was told */
}

/* ---- inline data; a Send behind the Read that brings what it sends */

static void inline_client(struct pair *p)
{
	struct ibv_send_wr wr = { .opcode = IBV_WR_SEND, .send_flags = IBV_SEND_INLINE };
	struct ibv_wc wc;

	pair_fill(p->local + SLOT, 64, 5);
	if (pair_post(p, &wr, SLOT, 64))
		return pair_fail(p, "inline");
	memset(p->local + SLOT, 0, 64); /* it was taken when posted */
	if (!pair_done(p, IBV_WC_SEND, &wc))
		return;
	wr.send_flags = IBV_SEND_FENCE | IBV_SEND_SOLICITED;
	pair_rdma(p, IBV_WR_RDMA_READ, 2 * SLOT, 5000, 0, 0);
	if (pair_post(p, &wr, 2 * SLOT, 5000)) /* what the read brings */
		return pair_fail(p, "fence");
	if (pair_done(p, IBV_WC_RDMA_READ, &wc))
		pair_done(p, IBV_WC_SEND, &wc);
}

static void inline_server(struct pair *p)
{
	struct ibv_wc wc;

	if (!pair_done(p, IBV_WC_RECV, &wc))
		return;
	pair_check(p, p->local + wc.wr_id * SLOT, 64, 5);
	if (!pair_done(p, IBV_WC_RECV, &wc))
		return;
	pair_check(p, p->local + wc.wr_id * SLOT, 5000, 77);
}

#define POUR_RECV .receives = POUR_MANY, .receive_len = POUR_LEN
#define TWO_SLOTS .receives = 2, .receive_len = SLOT

const struct pair_scenario pair_data[] = {
	{ "echo", echo_client, echo_server, TWO_SLOTS },
	{ "write", write_client, write_server, TWO_SLOTS },
	{ "read", read_client, read_server },
	{ "read_one_at_a_time", read_client, read_server, .resources = 1, .depth = 1 },
	{ "read_128", read_client, read_server, .resources = 128, .depth = 128 },
	{ "inline_fence", inline_client, inline_server, TWO_SLOTS },
	{ "few_up", few_up_client, few_up_server, POUR_RECV },
	{ "few_down", few_down_client, few_down_server, POUR_RECV },
	{ "many_up", many_up_client, many_up_server, POUR_RECV },
	{ "many_down", many_down_client, many_down_server, POUR_RECV },
	{ "server_first", first_client, first_server, TWO_SLOTS },
	{ NULL },
};
