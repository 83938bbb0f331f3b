/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Scenarios that end in a fault of the peer: in every cutting of its bytes the
 * Terminate, what it quotes, what the program hears, and memory as it was.
 */
#ifndef SOFT_RX_FAULT_H
#define SOFT_RX_FAULT_H

#include <errno.h>

#include "driver/soft/wire.h"
#include "tests/soft_rx_env.h"

#define MEM 256
#define ALL_RIGHTS                                                                   \
	(IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_READ | \
	 IBV_ACCESS_REMOTE_ATOMIC)

/* Of the scenario that is played. */
static struct rx_mem all, local, foreign;

struct verdict {
	enum rdmap_term code;
	enum ibv_event_type event; /* 0: QP_FATAL */
	enum ibv_wc_status rq, sq;
	bool untold; /* the header is not quoted */
	bool placed; /* what came before the fault was placed */
};

static inline void open_memory(void)
{
	all = rx_mem_new(MEM, ALL_RIGHTS);
	local = rx_mem_new(MEM, IBV_ACCESS_LOCAL_WRITE);
	foreign = rx_mem_of(rx_env->other_pd, MEM, ALL_RIGHTS);
}

static inline void close_memory(bool placed)
{
	rx_mem_check(&all, !placed);
	rx_mem_check(&local, !placed);
	rx_mem_check(&foreign, true);
	rx_mem_free(&all);
	rx_mem_free(&local);
	rx_mem_free(&foreign);
}

static inline void check_quote(const struct rdmap_terminate *t)
{
	size_t size = rx_env->last[0] & 0x80 ? 14 : 18;

	cr_assert_eq(t->header_len, size);
	cr_assert_eq(t->ddp_len, rx_env->last_len);
	cr_assert_arr_eq(t->header, rx_env->last, size);
	cr_assert_eq(t->has_read, (rx_env->last[1] & 15) == RDMAP_READ_REQUEST &&
					  !(t->code >> 12) && t->code != TERM_RDMAP_VERSION &&
					  t->code != TERM_RDMAP_OPCODE);
	if (t->has_read)
		cr_assert_arr_eq(t->read, rx_env->last + size, RDMAP_READ_BODY);
}

static inline void expect(const struct verdict *v)
{
	const struct soft_failure *f = &rx_env->failure;

	cr_assert_eq(rx_env->failures, 1, "failed %u times", rx_env->failures);
	cr_assert(f->send_terminate);
	cr_assert_eq(f->terminate.code, v->code, "0x%04x", f->terminate.code);
	cr_assert_eq(f->status, -EPROTO);
	cr_assert(f->has_event);
	cr_assert_eq(f->event, v->event ? v->event : IBV_EVENT_QP_FATAL);
	cr_assert_eq(f->rq_status, v->rq);
	cr_assert_eq(f->sq_status, v->sq);
	if (v->untold)
		cr_assert_eq(f->terminate.header_len, 0);
	else
		check_quote(&f->terminate);
	close_memory(v->placed);
}

/* A test that plays what follows it in every way and expects the verdict. */
#define FAULT(suite, name, expected, ...)                                       \
	static void build_##suite##_##name(void);                               \
	static void check_##suite##_##name(void)                                \
	{                                                                       \
		expect(&(struct verdict){ .code = (expected), ##__VA_ARGS__ }); \
	}                                                                       \
	static void play_##suite##_##name(void)                                 \
	{                                                                       \
		open_memory();                                                  \
		build_##suite##_##name();                                       \
	}                                                                       \
	Test(suite, name)                                                       \
	{                                                                       \
		rx_each_way(play_##suite##_##name, check_##suite##_##name);     \
	}                                                                       \
	static void build_##suite##_##name(void)

static inline void put(enum rdmap_opcode op, uint32_t id, size_t len)
{
	struct ddp_header h = rx_hdr(op, id);

	rx_put(&h, rx_payload(0), len);
}

static inline uint64_t to_of(const struct rx_mem *mem)
{
	return (uintptr_t)mem->ptr;
}

#endif
