// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Scenarios in which the client breaks a rule, and the server must bear it. See pair.h. */
#include "pair.h"

#include <stdio.h>

#define FILLED 77 /* the seed of the server's region */

/* What a client's bad request comes to: not a success of a Read, and the end. */
static void suffer(struct pair *p, bool read)
{
	struct ibv_wc wc;

	if (p->why[0])
		return;
	if (!pair_wc(p, &wc))
		pair_fail(p, "no completion");
	else if (read && !wc.status)
		pair_fail(p, "a read that must fail succeeded");
	pair_wait_end(p);
	if (!p->disconnected)
		pair_fail(p, "not disconnected");
}

/* The server: its receive is flushed, its memory is as it was. */
static void bear(struct pair *p)
{
	struct ibv_wc wc;

	pair_wait_end(p);
	if (!p->disconnected)
		return pair_fail(p, "not disconnected");
	if (!pair_wc(p, &wc))
		pair_fail(p, "the receive was not flushed");
	else if (!wc.status)
		pair_fail(p, "the receive succeeded");
	pair_check(p, p->open, PAIR_AREA, FILLED);
}

/* The same where nothing was posted. */
static void bear_alone(struct pair *p)
{
	pair_wait_end(p);
	if (!p->disconnected)
		pair_fail(p, "not disconnected");
	pair_check(p, p->open, PAIR_AREA, FILLED);
}

static void write_stag(struct pair *p)
{
	pair_rdma(p, IBV_WR_RDMA_WRITE, 0, 64, 0, p->remote.rkey ^ 0x00550000);
	suffer(p, false);
}

static void write_key(struct pair *p)
{
	pair_rdma(p, IBV_WR_RDMA_WRITE, 0, 64, 0, p->remote.rkey ^ 0x55);
	suffer(p, false);
}

static void write_end(struct pair *p)
{
	pair_rdma(p, IBV_WR_RDMA_WRITE, 0, 64, PAIR_AREA - 63, 0);
	suffer(p, false);
}

static void write_before(struct pair *p)
{
	pair_rdma(p, IBV_WR_RDMA_WRITE, 0, 64, -1, 0);
	suffer(p, false);
}

static void write_rights(struct pair *p)
{
	pair_rdma(p, IBV_WR_RDMA_WRITE, 0, 64, 0, 0);
	suffer(p, false);
}

static void read_stag(struct pair *p)
{
	pair_rdma(p, IBV_WR_RDMA_READ, 0, 64, 0, p->remote.rkey ^ 0x00550000);
	suffer(p, true);
}

static void read_end(struct pair *p)
{
	pair_rdma(p, IBV_WR_RDMA_READ, 0, 64, PAIR_AREA - 63, 0);
	suffer(p, true);
}

static void read_rights(struct pair *p)
{
	pair_rdma(p, IBV_WR_RDMA_READ, 0, 64, 0, 0);
	suffer(p, true);
}

static void send_small(struct pair *p)
{
	pair_send(p, 0, 8, 0);
	suffer(p, false);
}

static void send_long(struct pair *p)
{
	pair_send(p, 0, 4096, 0);
	suffer(p, false);
}

/* ---- what the other side's device does not have */

/* Refused when posted or failed by its completion; the region as it was. */
static void refused(struct pair *p, struct ibv_send_wr *wr)
{
	struct ibv_wc wc;

	wr->wr.rdma.remote_addr = p->remote.address;
	wr->wr.rdma.rkey = p->remote.rkey;
	if (pair_post(p, wr, 0, 8))
		return;
	if (pair_wc(p, &wc) && !wc.status)
		pair_fail(p, "it succeeded");
}

static void send_imm(struct pair *p)
{
	struct ibv_send_wr wr = { .opcode = IBV_WR_SEND_WITH_IMM };

	refused(p, &wr);
}

static void write_imm(struct pair *p)
{
	struct ibv_send_wr wr = { .opcode = IBV_WR_RDMA_WRITE_WITH_IMM };

	refused(p, &wr);
}

static void fetch_add(struct pair *p)
{
	struct ibv_send_wr wr = { .opcode = IBV_WR_ATOMIC_FETCH_AND_ADD,
				  .wr.atomic = { .remote_addr = p->remote.address,
						 .rkey = p->remote.rkey,
						 .compare_add = 1 } };
	struct ibv_wc wc;

	if (!pair_post(p, &wr, 0, 8) && pair_wc(p, &wc) && !wc.status)
		pair_fail(p, "it succeeded");
}

/*
 * Send with Invalidate of the server's region: that is refused (ours: only windows can be
 * invalidated), or done (siw), and then a Write there is a violation. Either way it is the end.
 */
static void invalidate(struct pair *p)
{
	struct ibv_send_wr wr = { .opcode = IBV_WR_SEND_WITH_INV,
				  .invalidate_rkey = p->remote.rkey };
	struct ibv_wc wc;

	if (pair_post(p, &wr, 0, 8)) {
		printf("# this device has no Send with Invalidate\n");
		return;
	}
	if (!pair_wc(p, &wc))
		return;
	pair_rdma(p, IBV_WR_RDMA_WRITE, 0, 64, 0, 0);
	suffer(p, false);
}

#define ONE .receives = 1, .receive_len = 64
#define R_ONLY .access = IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_READ
#define W_ONLY .access = IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE
#define BREAKS .violates = true

const struct pair_scenario pair_bad[] = {
	{ "bad_write_stag", write_stag, bear, ONE, BREAKS },
	{ "bad_write_key", write_key, bear, ONE, BREAKS },
	{ "bad_write_end", write_end, bear, ONE, BREAKS },
	{ "bad_write_before", write_before, bear, ONE, BREAKS },
	{ "bad_write_rights", write_rights, bear, ONE, R_ONLY, BREAKS },
	{ "bad_read_stag", read_stag, bear, ONE, BREAKS },
	{ "bad_read_end", read_end, bear, ONE, BREAKS },
	{ "bad_read_rights", read_rights, bear, ONE, W_ONLY, BREAKS },
	{ "bad_no_receive", send_small, bear_alone, BREAKS },
	{ "bad_too_long", send_long, bear, ONE, BREAKS },
	{ "bad_invalidate", invalidate, bear_alone, ONE, BREAKS },
	{ "no_send_imm", send_imm, bear, ONE },
	{ "no_write_imm", write_imm, bear, ONE },
	{ "no_fetch_add", fetch_add, bear, ONE },
	{ NULL },
};
