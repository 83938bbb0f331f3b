/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the tests of regions and windows share: a context that the test plays,
 * so that nothing but soft_mr and soft_stag is linked, a protection domain,
 * some memory, and short names for what is done with them. Include it once a
 * program.
 */
#ifndef SOFT_MR_ENV_H
#define SOFT_MR_ENV_H

#include <criterion/criterion.h>

#include "driver/soft/soft_dev.h"
#include "driver/soft/soft_mr.h"
#include "driver/soft/soft_stag.h"

#define QP 77
#define LOCAL IBV_ACCESS_LOCAL_WRITE
#define REMOTE (IBV_ACCESS_REMOTE_READ | IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_ATOMIC)
#define ALL (LOCAL | REMOTE | IBV_ACCESS_MW_BIND)

static struct soft_context context;
static int objects;
static uint8_t memory[4096];
static struct soft_pd *pd;

void soft_context_get(struct soft_context *ctx)
{
	cr_assert_eq(ctx, &context);
	__atomic_add_fetch(&objects, 1, __ATOMIC_RELAXED);
}

void soft_context_put(struct soft_context *ctx)
{
	cr_assert_eq(ctx, &context);
	__atomic_sub_fetch(&objects, 1, __ATOMIC_RELAXED);
}

static inline void init(void)
{
	cr_assert_eq(soft_pd_alloc(&context, &pd), 0);
}

static inline void fini(void)
{
	cr_assert_eq(soft_pd_dealloc(pd), 0);
	cr_assert_eq(objects, 0);
}

static inline struct soft_mr *reg(unsigned int access)
{
	struct soft_mr *mr;

	cr_assert_eq(soft_mr_reg(pd, memory, sizeof(memory), (uintptr_t)memory, access, &mr), 0);
	return mr;
}

static inline void dereg(struct soft_mr *mr)
{
	cr_assert_eq(soft_mr_dereg(mr), 0);
}

static inline enum soft_mem_fault local(uint32_t lkey, uint64_t addr, uint32_t len, bool write)
{
	struct soft_pin pin;
	enum soft_mem_fault fault = soft_mem_pin_local(pd, lkey, addr, len, write, &pin);

	cr_assert_eq(!!pin.region, !fault && len);
	soft_mem_unpin(&pin);
	return fault;
}

/* *@at: the offset in memory[] that the access reached. */
static inline enum soft_mem_fault remote_at(uint32_t stag, uint64_t to, uint64_t len,
					    unsigned int need, long *at)
{
	struct soft_pin pin;
	enum soft_mem_fault fault = soft_mem_pin_remote(pd, QP, stag, to, len, need, &pin);

	cr_assert_eq(!!pin.region, !fault && len);
	*at = pin.ptr ? pin.ptr - memory : -1;
	soft_mem_unpin(&pin);
	return fault;
}

static inline enum soft_mem_fault remote(uint32_t stag, uint64_t to, uint64_t len,
					 unsigned int need)
{
	long at;

	return remote_at(stag, to, len, need, &at);
}

static inline uint64_t addr_of(size_t offset)
{
	return (uintptr_t)memory + offset;
}

static inline struct soft_mw *window(enum ibv_mw_type type)
{
	struct soft_mw *mw;

	cr_assert_eq(soft_mw_alloc(pd, type, &mw), 0);
	cr_assert_eq(mw->ibv.type, type);
	return mw;
}

#endif
