// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Protection domains, regions, windows, STags and pins. The context is played
 * by the test, so that nothing but soft_mr and soft_stag is linked.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

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

static void init(void)
{
	cr_assert_eq(soft_pd_alloc(&context, &pd), 0);
}

static void fini(void)
{
	cr_assert_eq(soft_pd_dealloc(pd), 0);
	cr_assert_eq(objects, 0);
}

TestSuite(soft_mr, .timeout = 120);

static struct soft_mr *reg(unsigned int access)
{
	struct soft_mr *mr;

	cr_assert_eq(soft_mr_reg(pd, memory, sizeof(memory), (uintptr_t)memory, access, &mr), 0);
	return mr;
}

static void dereg(struct soft_mr *mr)
{
	cr_assert_eq(soft_mr_dereg(mr), 0);
}

static enum soft_mem_fault local(uint32_t lkey, uint64_t addr, uint32_t len, bool write)
{
	struct soft_pin pin;
	enum soft_mem_fault fault = soft_mem_pin_local(pd, lkey, addr, len, write, &pin);

	cr_assert_eq(!!pin.region, !fault && len);
	soft_mem_unpin(&pin);
	return fault;
}

/* *@at: the offset in memory[] that the access reached. */
static enum soft_mem_fault remote_at(uint32_t stag, uint64_t to, uint64_t len, unsigned int need,
				     long *at)
{
	struct soft_pin pin;
	enum soft_mem_fault fault = soft_mem_pin_remote(pd, QP, stag, to, len, need, &pin);

	cr_assert_eq(!!pin.region, !fault && len);
	*at = pin.ptr ? pin.ptr - memory : -1;
	soft_mem_unpin(&pin);
	return fault;
}

static enum soft_mem_fault remote(uint32_t stag, uint64_t to, uint64_t len, unsigned int need)
{
	long at;

	return remote_at(stag, to, len, need, &at);
}

static uint64_t addr_of(size_t offset)
{
	return (uintptr_t)memory + offset;
}

/* ------------------------------------------------------------------ Regions */

Test(soft_mr, pd__in_use_is_busy, .init = init, .fini = fini)
{
	struct soft_mr *mr = reg(0);

	cr_assert_eq(soft_pd_dealloc(pd), -EBUSY);
	dereg(mr);
}

Test(soft_mr, pd__no_memory, .init = init, .fini = fini)
{
	struct soft_pd *other = NULL;

	iw_fault_arm(IW_FAULT_ALLOC, 1);
	cr_assert_eq(soft_pd_alloc(&context, &other), -ENOMEM);
	iw_fault_arm(0, 0);
	cr_assert_null(other);
}

Test(soft_mr, reg__fills_in_what_verbs_show, .init = init, .fini = fini)
{
	struct soft_mr *mr = reg(LOCAL);

	cr_assert_eq(mr->ibv.addr, memory);
	cr_assert_eq(mr->ibv.length, sizeof(memory));
	cr_assert_eq(mr->ibv.pd, &pd->ibv);
	cr_assert_eq(mr->ibv.context, &context.verbs.context);
	cr_assert_eq(mr->ibv.lkey, mr->ibv.rkey);
	cr_assert_neq(mr->ibv.lkey, 0);
	dereg(mr);
}

Test(soft_mr, reg__bad_arguments, .init = init, .fini = fini)
{
	struct soft_mr *mr = NULL;
	const struct {
		uintptr_t addr;
		size_t length;
		uint64_t iova;
		unsigned int access;
		int rc;
	} bad[] = {
		{ 0x1000, 0, 0x1000, LOCAL, -EINVAL },
		{ UINTPTR_MAX - 9, 11, 0, LOCAL, -EINVAL },
		{ 0x1000, 11, UINT64_MAX - 9, LOCAL, -EINVAL },
		{ 0x1000, 10, 0, IBV_ACCESS_REMOTE_WRITE, -EINVAL },
		{ 0x1000, 10, 0, IBV_ACCESS_REMOTE_ATOMIC, -EINVAL },
		{ 0x1000, 10, 0, 1u << 12, -EINVAL },
		{ 0x1000, 10, 0, 1u << 31, -EINVAL },
		{ 0, SIZE_MAX, 0, LOCAL, -EFAULT },
		{ 8, SIZE_MAX - 7, 8, LOCAL, -EFAULT },
		{ 0x1000, 10, 0, IBV_ACCESS_ON_DEMAND, -EOPNOTSUPP },
		{ 0x1000, 10, 0, LOCAL, -EFAULT },
		{ (uintptr_t)memory, SIZE_MAX / 2, 0, LOCAL, -EFAULT },
	};

	for (size_t i = 0; i < IW_ARRAY_SIZE(bad); i++)
		cr_assert_eq(soft_mr_reg(pd, (void *)bad[i].addr, bad[i].length, bad[i].iova,
					 bad[i].access, &mr),
			     bad[i].rc, "case %zu", i);
	cr_assert_null(mr);
}

Test(soft_mr, reg__hints_are_ignored, .init = init, .fini = fini)
{
	dereg(reg(LOCAL | IBV_ACCESS_RELAXED_ORDERING | IBV_ACCESS_HUGETLB |
		  IBV_ACCESS_OPTIONAL_RANGE));
}

Test(soft_mr, reg__each_fault_unwinds, .init = init, .fini = fini)
{
	struct soft_mr *mr = NULL;

	iw_fault_arm(IW_FAULT_SYSCALL, 2); /* getrandom, the first time, behind pthread_atfork */
	cr_assert_eq(soft_mr_reg(pd, memory, 1, 0, 0, &mr), -ENOSYS);
	for (unsigned long nth = 1;; nth++) {
		iw_fault_arm(IW_FAULT_ALLOC | IW_FAULT_SYSCALL, nth);
		if (!soft_mr_reg(pd, memory, 1, 0, 0, &mr))
			break;
		cr_assert_null(mr);
		cr_assert_eq(pd->users, 0);
	}
	cr_assert_gt(iw_fault_passed(), 0);
	iw_fault_arm(0, 0);
	dereg(mr);
}

Test(soft_mr, dereg__makes_the_stag_unknown, .init = init, .fini = fini)
{
	struct soft_mr *mr = reg(ALL);
	uint32_t stag = mr->ibv.lkey;

	cr_assert_eq(local(stag, addr_of(0), 1, true), SOFT_MEM_OK);
	dereg(mr);
	cr_assert_eq(local(stag, addr_of(0), 1, true), SOFT_MEM_STAG);
	cr_assert_eq(remote(stag, addr_of(0), 1, IBV_ACCESS_REMOTE_READ), SOFT_MEM_STAG);
}

/* --------------------------------------------------------------------- STags */

Test(soft_mr, stag__before_the_first_is_nobodys, .init = init, .fini = fini)
{
	cr_assert_eq(remote(0, 0, 1, 0), SOFT_MEM_STAG);
	cr_assert_eq(remote(0x12345678, 0, 1, 0), SOFT_MEM_STAG);
}

Test(soft_mr, stag__random_ones_are_nobodys, .init = init, .fini = fini)
{
	struct soft_mr *mr = reg(ALL);
	uint32_t stag = 1;

	for (unsigned int i = 0; i < 200000; i++) {
		stag = stag * 1664525 + 1013904223;
		if (stag != mr->ibv.rkey)
			cr_assert_eq(remote(stag, addr_of(0), 1, 0), SOFT_MEM_STAG);
	}
	dereg(mr);
}

Test(soft_mr, stag__wrong_key_is_nobodys, .init = init, .fini = fini)
{
	struct soft_mr *mr = reg(ALL);

	for (uint32_t flip = 1; flip < 256; flip++)
		cr_assert_eq(remote(mr->ibv.rkey ^ flip, addr_of(0), 1, 0), SOFT_MEM_STAG);
	dereg(mr);
}

/* Neighbours in time are no neighbours in number, and nothing repeats. */
Test(soft_mr, stag__indices_are_spread, .init = init, .fini = fini)
{
	enum {
		N = 2000
	};
	static struct soft_mr *mrs[N];
	unsigned int close = 0;

	for (int i = 0; i < N; i++) {
		mrs[i] = reg(0);
		cr_assert_gt(mrs[i]->ibv.rkey >> 8, 0);
		if (i && (uint32_t)abs((int)(mrs[i]->ibv.rkey >> 8) -
				       (int)(mrs[i - 1]->ibv.rkey >> 8)) < 4096)
			close++;
		for (int j = 0; j < i; j++)
			cr_assert_neq(mrs[i]->ibv.rkey >> 8, mrs[j]->ibv.rkey >> 8);
	}
	cr_assert_lt(close, N / 20, "%u of %d are close to the one before", close, N);
	for (int i = 0; i < N; i++)
		dereg(mrs[i]);
}

Test(soft_mr, stag__reuse_is_late_and_with_another_key, .init = init, .fini = fini)
{
	enum {
		LIVES = 20000
	};
	static uint32_t seen[LIVES];
	static unsigned int last[1 << 24];
	struct soft_mr *mr;

	for (unsigned int i = 0; i < LIVES; i++) {
		uint32_t index;

		mr = reg(0);
		seen[i] = mr->ibv.rkey;
		index = seen[i] >> 8;
		if (last[index]) {
			cr_assert_geq(i - last[index], SOFT_STAG_RESERVE - 1);
			cr_assert_neq(seen[last[index] - 1], seen[i]);
		}
		last[index] = i + 1;
		dereg(mr);
	}
}

Test(soft_mr, stag__full_table_says_so, .init = init, .fini = fini, .timeout = 300)
{
	static struct soft_region *all[SOFT_MAX_MR];
	struct soft_region *more;

	for (uint32_t i = 0; i < SOFT_MAX_MR; i++)
		cr_assert_eq(soft_stag_alloc(SOFT_REGION_MR, &all[i]), 0);
	cr_assert_eq(soft_stag_alloc(SOFT_REGION_MR, &more), -ENOMEM);
	soft_stag_free(all[0]);
	cr_assert_eq(soft_stag_alloc(SOFT_REGION_MR, &all[0]), 0);
	for (uint32_t i = 0; i < SOFT_MAX_MR; i++)
		soft_stag_free(all[i]);
}

/* -------------------------------------------------------------------- Access */

Test(soft_mr, local__rights, .init = init, .fini = fini)
{
	struct soft_mr *ro = reg(0), *rw = reg(LOCAL);

	cr_assert_eq(local(ro->ibv.lkey, addr_of(0), 1, false), SOFT_MEM_OK);
	cr_assert_eq(local(ro->ibv.lkey, addr_of(0), 1, true), SOFT_MEM_ACCESS);
	cr_assert_eq(local(rw->ibv.lkey, addr_of(0), 1, true), SOFT_MEM_OK);
	cr_assert_eq(local(12345, addr_of(0), 0, true), SOFT_MEM_OK);
	dereg(ro);
	dereg(rw);
}

Test(soft_mr, remote__rights, .init = init, .fini = fini)
{
	static const unsigned int one[] = { IBV_ACCESS_REMOTE_READ, IBV_ACCESS_REMOTE_WRITE,
					    IBV_ACCESS_REMOTE_ATOMIC };

	for (size_t has = 0; has < 3; has++) {
		struct soft_mr *mr = reg(LOCAL | one[has]);

		for (size_t need = 0; need < 3; need++)
			cr_assert_eq(remote(mr->ibv.rkey, addr_of(0), 8, one[need]),
				     has == need ? SOFT_MEM_OK : SOFT_MEM_ACCESS);
		dereg(mr);
	}
	cr_assert_eq(remote(12345, 1, 0, IBV_ACCESS_REMOTE_READ), SOFT_MEM_OK);
}

Test(soft_mr, bounds__at_the_edges, .init = init, .fini = fini)
{
	struct soft_mr *mr = reg(ALL);
	const uint64_t size = sizeof(memory);
	uint32_t stag = mr->ibv.rkey;
	long at;

	cr_assert_eq(remote_at(stag, addr_of(0), size, 0, &at), SOFT_MEM_OK);
	cr_assert_eq(at, 0);
	cr_assert_eq(remote_at(stag, addr_of(size - 1), 1, 0, &at), SOFT_MEM_OK);
	cr_assert_eq(at, (long)size - 1);
	cr_assert_eq(remote(stag, addr_of(0), size + 1, 0), SOFT_MEM_BOUNDS);
	cr_assert_eq(remote(stag, addr_of(1), size, 0), SOFT_MEM_BOUNDS);
	cr_assert_eq(remote(stag, addr_of(size), 1, 0), SOFT_MEM_BOUNDS);
	cr_assert_eq(remote(stag, addr_of(0) - 1, 1, 0), SOFT_MEM_BOUNDS);
	cr_assert_eq(remote(stag, addr_of(0) - 1, size, 0), SOFT_MEM_BOUNDS);
	cr_assert_eq(remote(stag, 0, 1, 0), SOFT_MEM_BOUNDS);
	cr_assert_eq(remote(stag, UINT64_MAX, 1, 0), SOFT_MEM_BOUNDS);
	cr_assert_eq(remote(stag, UINT64_MAX, 2, 0), SOFT_MEM_WRAP);
	cr_assert_eq(remote(stag, addr_of(0), UINT64_MAX, 0), SOFT_MEM_WRAP);
	cr_assert_eq(local(stag, addr_of(0), UINT32_MAX, true), SOFT_MEM_BOUNDS);
	dereg(mr);
}

Test(soft_mr, bounds__zero_based, .init = init, .fini = fini)
{
	struct soft_mr *mr = reg(ALL | IBV_ACCESS_ZERO_BASED);
	long at;

	cr_assert_eq(remote_at(mr->ibv.rkey, 0, sizeof(memory), 0, &at), SOFT_MEM_OK);
	cr_assert_eq(at, 0);
	cr_assert_eq(remote_at(mr->ibv.rkey, 100, 1, 0, &at), SOFT_MEM_OK);
	cr_assert_eq(at, 100);
	cr_assert_eq(remote(mr->ibv.rkey, addr_of(0), 1, 0), SOFT_MEM_BOUNDS);
	cr_assert_eq(local(mr->ibv.lkey, 10, 1, true), SOFT_MEM_OK);
	dereg(mr);
}

Test(soft_mr, bounds__iova_at_the_top, .init = init, .fini = fini)
{
	const uint64_t iova = UINT64_MAX - 99;
	struct soft_mr *mr;
	long at;

	cr_assert_eq(soft_mr_reg(pd, memory, 100, iova, ALL, &mr), 0);
	cr_assert_eq(remote_at(mr->ibv.rkey, iova, 100, 0, &at), SOFT_MEM_OK);
	cr_assert_eq(at, 0);
	cr_assert_eq(remote_at(mr->ibv.rkey, UINT64_MAX, 1, 0, &at), SOFT_MEM_OK);
	cr_assert_eq(at, 99);
	cr_assert_eq(remote(mr->ibv.rkey, iova, 101, 0), SOFT_MEM_WRAP);
	cr_assert_eq(remote(mr->ibv.rkey, iova - 1, 1, 0), SOFT_MEM_BOUNDS);
	dereg(mr);
}

/* STag, PD, access, wrap, bounds: the first that fails is told. */
Test(soft_mr, remote__order_of_checks, .init = init, .fini = fini)
{
	struct soft_mr *mr = reg(LOCAL);
	struct soft_pd *other;
	struct soft_pin pin;

	cr_assert_eq(soft_pd_alloc(&context, &other), 0);
	cr_assert_eq(soft_mem_pin_remote(other, QP, mr->ibv.rkey + 1, UINT64_MAX, 2,
					 IBV_ACCESS_REMOTE_READ, &pin),
		     SOFT_MEM_STAG);
	cr_assert_eq(soft_mem_pin_remote(other, QP, mr->ibv.rkey, UINT64_MAX, 2,
					 IBV_ACCESS_REMOTE_READ, &pin),
		     SOFT_MEM_PD);
	cr_assert_eq(soft_mem_pin_local(other, mr->ibv.lkey, 0, 2, true, &pin), SOFT_MEM_PD);
	cr_assert_eq(remote(mr->ibv.rkey, UINT64_MAX, 2, IBV_ACCESS_REMOTE_READ), SOFT_MEM_ACCESS);
	cr_assert_eq(remote(mr->ibv.rkey, UINT64_MAX, 2, 0), SOFT_MEM_WRAP);
	soft_pd_dealloc(other);
	dereg(mr);
}

/* ------------------------------------------------------------------- Windows */

static struct soft_mw *window(enum ibv_mw_type type)
{
	struct soft_mw *mw;

	cr_assert_eq(soft_mw_alloc(pd, type, &mw), 0);
	cr_assert_eq(mw->ibv.type, type);
	return mw;
}

static struct ibv_mw_bind_info info(struct soft_mr *mr, size_t offset, size_t length,
				    unsigned int access)
{
	return (struct ibv_mw_bind_info){
		.mr = &mr->ibv,
		.addr = addr_of(offset),
		.length = length,
		.mw_access_flags = access,
	};
}

Test(soft_mr, mw__alloc_faults, .init = init, .fini = fini)
{
	struct soft_mw *mw = NULL;

	cr_assert_eq(soft_mw_alloc(pd, (enum ibv_mw_type)3, &mw), -EINVAL);
	for (unsigned long nth = 1;; nth++) {
		iw_fault_arm(IW_FAULT_ALLOC | IW_FAULT_SYSCALL, nth);
		if (!soft_mw_alloc(pd, IBV_MW_TYPE_1, &mw))
			break;
		cr_assert_eq(pd->users, 0);
	}
	iw_fault_arm(0, 0);
	cr_assert_eq(soft_mw_dealloc(mw), 0);
}

Test(soft_mr, mw1__bind_rebind_unbind, .init = init, .fini = fini)
{
	struct soft_mr *mr = reg(ALL);
	struct soft_mw *mw = window(IBV_MW_TYPE_1);
	struct ibv_mw_bind_info part = info(mr, 100, 50, IBV_ACCESS_REMOTE_READ);
	uint32_t unbound = mw->ibv.rkey, first = 0, second;
	long at;

	cr_assert_eq(remote(unbound, addr_of(100), 1, 0), SOFT_MEM_STAG);
	cr_assert_eq(soft_mw_bind(mw, QP, &part, &first), 0);
	cr_assert_eq(mw->ibv.rkey, first);
	cr_assert_neq(first, unbound);
	cr_assert_eq(first >> 8, unbound >> 8);
	cr_assert_eq(remote_at(first, addr_of(100), 50, IBV_ACCESS_REMOTE_READ, &at), SOFT_MEM_OK);
	cr_assert_eq(at, 100);
	cr_assert_eq(remote(first, addr_of(99), 1, 0), SOFT_MEM_BOUNDS);
	cr_assert_eq(remote(first, addr_of(100), 51, 0), SOFT_MEM_BOUNDS);
	cr_assert_eq(remote(first, addr_of(100), 1, IBV_ACCESS_REMOTE_WRITE), SOFT_MEM_ACCESS);
	cr_assert_eq(soft_mr_dereg(mr), -EBUSY);

	second = soft_mw_next_rkey(mw);
	part = info(mr, 0, 10, IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_ZERO_BASED);
	cr_assert_eq(soft_mw_bind(mw, QP, &part, &second), 0);
	cr_assert_neq(second, first);
	cr_assert_eq(remote(first, addr_of(100), 1, 0), SOFT_MEM_STAG);
	cr_assert_eq(remote_at(second, 9, 1, IBV_ACCESS_REMOTE_WRITE, &at), SOFT_MEM_OK);
	cr_assert_eq(at, 9);
	cr_assert_eq(soft_mr_dereg(mr), -EBUSY);

	part = (struct ibv_mw_bind_info){ 0 };
	first = 0;
	cr_assert_eq(soft_mw_bind(mw, QP, &part, &first), 0);
	cr_assert_eq(remote(second, 0, 1, 0), SOFT_MEM_STAG);
	dereg(mr);
	cr_assert_eq(soft_mw_dealloc(mw), 0);
}

Test(soft_mr, mw__bind_with_local_write, .init = init, .fini = fini)
{
	struct soft_mr *mr = reg(ALL);
	struct soft_mw *mw = window(IBV_MW_TYPE_1);
	struct ibv_mw_bind_info part =
		info(mr, 0, 50, IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE);
	uint32_t rkey = 0;

	cr_assert_eq(soft_mw_bind(mw, QP, &part, &rkey), 0);
	cr_assert_eq(remote(rkey, addr_of(0), 50, IBV_ACCESS_REMOTE_WRITE), SOFT_MEM_OK);
	cr_assert_eq(remote(rkey, addr_of(0), 50, IBV_ACCESS_REMOTE_READ), SOFT_MEM_ACCESS);
	cr_assert_eq(soft_mw_dealloc(mw), 0);
	cr_assert_eq(soft_mr_dereg(mr), 0);
}

Test(soft_mr, mw__refused_binds, .init = init, .fini = fini)
{
	struct soft_mr *mr = reg(ALL), *plain = reg(LOCAL | REMOTE),
		       *readonly = reg(IBV_ACCESS_REMOTE_READ | IBV_ACCESS_MW_BIND), *foreign;
	struct soft_mw *mw = window(IBV_MW_TYPE_1), *mw2 = window(IBV_MW_TYPE_2);
	struct soft_pd *other;

	cr_assert_eq(soft_pd_alloc(&context, &other), 0);
	cr_assert_eq(soft_mr_reg(other, memory, 100, (uintptr_t)memory, ALL, &foreign), 0);
	const struct {
		struct ibv_mw_bind_info info;
		int rc;
	} bad[] = {
		{ info(mr, sizeof(memory) - 1, 2, 0), -EINVAL },
		{ info(mr, sizeof(memory) + 1, 1, 0), -EINVAL },
		{ info(mr, (size_t)-1, 1, 0), -EINVAL },
		{ info(mr, 1, SIZE_MAX, 0), -EINVAL },
		{ info(mr, 0, 1, IBV_ACCESS_MW_BIND), -EINVAL },
		{ { .length = 1 }, -EINVAL },
		{ info(foreign, 0, 1, 0), -EINVAL },
		{ info(plain, 0, 1, 0), -EACCES },
		{ info(readonly, 0, 1, IBV_ACCESS_REMOTE_WRITE), -EACCES },
		{ info(readonly, 0, 1, IBV_ACCESS_REMOTE_ATOMIC), -EACCES },
	};

	for (size_t i = 0; i < IW_ARRAY_SIZE(bad); i++) {
		uint32_t rkey = 0;

		cr_assert_eq(soft_mw_bind(mw, QP, &bad[i].info, &rkey), bad[i].rc, "case %zu", i);
		rkey = mw2->ibv.rkey;
		cr_assert_eq(soft_mw_bind(mw2, QP, &bad[i].info, &rkey), bad[i].rc, "case %zu", i);
	}
	for (uint32_t rkey = 0; rkey < 2; rkey++) {
		struct ibv_mw_bind_info good = info(mr, 0, 1, 0);
		uint32_t wrong = rkey ? mw2->ibv.rkey ^ 0x100 : 0;

		cr_assert_eq(soft_mw_bind(mw2, QP, &good, &wrong), -EINVAL);
	}
	soft_mw_dealloc(mw);
	soft_mw_dealloc(mw2);
	dereg(mr);
	dereg(plain);
	dereg(readonly);
	dereg(foreign);
	cr_assert_eq(soft_pd_dealloc(other), 0);
}

Test(soft_mr, mw2__answers_to_its_qp_alone, .init = init, .fini = fini)
{
	struct soft_mr *mr = reg(ALL);
	struct soft_mw *mw = window(IBV_MW_TYPE_2);
	struct ibv_mw_bind_info part = info(mr, 0, 10, IBV_ACCESS_REMOTE_READ);
	uint32_t rkey = ibv_inc_rkey(mw->ibv.rkey), again = ibv_inc_rkey(rkey);
	struct soft_pin pin;

	cr_assert_eq(soft_mw_bind(mw, QP, &part, &rkey), 0);
	cr_assert_eq(mw->ibv.rkey, rkey);
	cr_assert_eq(remote(rkey, addr_of(0), 10, IBV_ACCESS_REMOTE_READ), SOFT_MEM_OK);
	cr_assert_eq(soft_mem_pin_remote(pd, QP + 1, rkey, addr_of(0), 1, 0, &pin), SOFT_MEM_PD);
	cr_assert_eq(local(rkey, addr_of(0), 1, false), SOFT_MEM_STAG);
	cr_assert_eq(soft_mw_bind(mw, QP, &part, &again), -EBUSY);
	cr_assert_eq(soft_mr_dereg(mr), -EBUSY);

	cr_assert_eq(soft_mem_invalidate(pd, QP, rkey), SOFT_MEM_OK);
	cr_assert_eq(remote(rkey, addr_of(0), 1, 0), SOFT_MEM_STAG);
	cr_assert_eq(soft_mem_invalidate(pd, QP, rkey), SOFT_MEM_STAG);
	cr_assert_eq(soft_mw_bind(mw, QP, &part, &again), 0);
	cr_assert_eq(soft_mw_dealloc(mw), 0);
	cr_assert_eq(remote(again, addr_of(0), 1, 0), SOFT_MEM_STAG);
	dereg(mr);
}

Test(soft_mr, invalidate__what_may_not_be, .init = init, .fini = fini)
{
	struct soft_mr *mr = reg(ALL);
	struct soft_mw *one = window(IBV_MW_TYPE_1), *two = window(IBV_MW_TYPE_2);
	struct ibv_mw_bind_info part = info(mr, 0, 10, 0);
	uint32_t first = 0, second = two->ibv.rkey;
	struct soft_pd *other;

	cr_assert_eq(soft_pd_alloc(&context, &other), 0);
	cr_assert_eq(soft_mw_bind(one, QP, &part, &first), 0);
	cr_assert_eq(soft_mw_bind(two, QP, &part, &second), 0);
	cr_assert_eq(soft_mem_invalidate(pd, QP, mr->ibv.rkey), SOFT_MEM_ACCESS);
	cr_assert_eq(soft_mem_invalidate(pd, QP, first), SOFT_MEM_ACCESS);
	cr_assert_eq(soft_mem_invalidate(pd, QP + 1, second), SOFT_MEM_PD);
	cr_assert_eq(soft_mem_invalidate(other, QP, second), SOFT_MEM_PD);
	cr_assert_eq(soft_mem_invalidate(pd, QP, second ^ 1), SOFT_MEM_STAG);
	cr_assert_eq(remote(second, addr_of(0), 1, 0), SOFT_MEM_OK);
	cr_assert_eq(soft_mw_dealloc(one), 0);
	cr_assert_eq(soft_mw_dealloc(two), 0);
	dereg(mr);
	soft_pd_dealloc(other);
}

/* ------------------------------------------------------------------- Threads */

#define THREADS 4
#define ROUNDS 3000

/* What the pinning threads see: a region whose memory must be alive while pinned. */
static struct {
	uint32_t stag; /* atomic */
	bool stop;     /* atomic */
	int at_work;   /* atomic: threads that have done what they are there for */
	unsigned long corrupt;
} race;

static int at_work(void)
{
	return __atomic_load_n(&race.at_work, __ATOMIC_ACQUIRE);
}

static void *pin_often(void *arg)
{
	unsigned long corrupt = 0;
	bool pinned = false;
	struct soft_pin pin;

	while (!__atomic_load_n(&race.stop, __ATOMIC_ACQUIRE)) {
		uint32_t stag = __atomic_load_n(&race.stag, __ATOMIC_RELAXED);

		if (soft_mem_pin_remote(pd, QP, stag, 0, 64, IBV_ACCESS_REMOTE_READ, &pin)) {
			sched_yield();
			continue;
		}
		if (!pinned)
			__atomic_add_fetch(&race.at_work, 1, __ATOMIC_RELEASE);
		pinned = true;
		for (int i = 0; i < 64; i++)
			corrupt += __atomic_load_n(&pin.ptr[i], __ATOMIC_RELAXED) != 0x5a;
		soft_mem_unpin(&pin);
	}
	__atomic_add_fetch(&race.corrupt, corrupt, __ATOMIC_RELAXED);
	return arg;
}

static void start(pthread_t *threads, void *(*work)(void *))
{
	for (int i = 0; i < THREADS; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, work, NULL), 0);
}

static void finish(pthread_t *threads)
{
	__atomic_store_n(&race.stop, true, __ATOMIC_RELEASE);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	cr_assert_eq(race.corrupt, 0);
	cr_assert_gt(at_work(), 0);
}

/* Memory that is freed, or written, after dereg returned is never seen by a pin. */
Test(soft_mr, race__pins_against_dereg, .init = init, .fini = fini)
{
	pthread_t threads[THREADS];
	struct soft_mr *mr;

	start(threads, pin_often);
	for (int i = 0; i < ROUNDS || !at_work(); i++) {
		uint8_t *bytes = malloc(64);

		memset(bytes, 0x5a, 64);
		cr_assert_eq(soft_mr_reg(pd, bytes, 64, 0, ALL, &mr), 0);
		__atomic_store_n(&race.stag, mr->ibv.rkey, __ATOMIC_RELAXED);
		if (i % 4 == 0)
			sched_yield();
		dereg(mr);
		memset(bytes, 0, 64);
		free(bytes);
	}
	finish(threads);
}

/* The same with a window that is bound and invalidated again and again. */
Test(soft_mr, race__pins_against_invalidate, .init = init, .fini = fini)
{
	struct soft_mw *mw = window(IBV_MW_TYPE_2);
	pthread_t threads[THREADS];
	uint32_t rkey = mw->ibv.rkey;
	struct soft_mr *mr;

	start(threads, pin_often);
	for (int i = 0; i < ROUNDS || !at_work(); i++) {
		uint8_t *bytes = malloc(64);
		struct ibv_mw_bind_info all = { .length = 64,
						.mw_access_flags = IBV_ACCESS_REMOTE_READ };

		memset(bytes, 0x5a, 64);
		cr_assert_eq(soft_mr_reg(pd, bytes, 64, 0, ALL, &mr), 0);
		all.mr = &mr->ibv;
		rkey = ibv_inc_rkey(rkey);
		cr_assert_eq(soft_mw_bind(mw, QP, &all, &rkey), 0);
		__atomic_store_n(&race.stag, rkey, __ATOMIC_RELAXED);
		if (i % 4 == 0)
			sched_yield();
		cr_assert_eq(soft_mem_invalidate(pd, QP, rkey), SOFT_MEM_OK);
		dereg(mr);
		memset(bytes, 0, 64);
		free(bytes);
	}
	finish(threads);
	soft_mw_dealloc(mw);
}

static void *dereg_thread(void *mr)
{
	dereg(mr);
	__atomic_store_n(&race.stop, true, __ATOMIC_RELEASE);
	return NULL;
}

Test(soft_mr, dereg__waits_for_a_pin, .init = init, .fini = fini)
{
	struct soft_mr *mr = reg(ALL);
	uint32_t stag = mr->ibv.rkey;
	struct soft_pin pin;
	pthread_t thread;

	cr_assert_eq(soft_mem_pin_remote(pd, QP, stag, addr_of(0), 1, 0, &pin), 0);
	cr_assert_eq(pthread_create(&thread, NULL, dereg_thread, mr), 0);
	while (remote(stag, addr_of(0), 1, 0) == SOFT_MEM_OK)
		sched_yield();
	usleep(20000);
	cr_assert_not(__atomic_load_n(&race.stop, __ATOMIC_ACQUIRE));
	soft_mem_unpin(&pin);
	pthread_join(thread, NULL);
	cr_assert(race.stop);
}

static void register_some(void)
{
	struct soft_mr *mrs[16];

	for (int j = 0; j < 16; j++)
		mrs[j] = reg(ALL);
	for (int j = 0; j < 16; j++)
		cr_assert_eq(local(mrs[j]->ibv.lkey, addr_of(0), 1, true), SOFT_MEM_OK);
	for (int j = 0; j < 16; j++)
		dereg(mrs[j]);
}

static void *reg_often(void *arg)
{
	for (int i = 0; i < ROUNDS / 16; i++)
		register_some();
	return arg;
}

Test(soft_mr, race__registrations, .init = init, .fini = fini)
{
	pthread_t threads[THREADS];

	start(threads, reg_often);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

/* ---------------------------------------------------------------------- Fork */

static void *reg_until_stop(void *arg)
{
	register_some();
	__atomic_add_fetch(&race.at_work, 1, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&race.stop, __ATOMIC_ACQUIRE))
		register_some();
	return arg;
}

static int child_generation(unsigned int parent)
{
	struct soft_mr *mr;

	if (soft_generation() == parent)
		return 1;
	/* The table's lock is free, whatever the parent's other threads did. */
	return soft_mr_reg(pd, memory, 1, 0, 0, &mr) ? 2 : 0;
}

/* The next STag of this process, or of a child of it. */
static uint32_t stag_after_fork(bool in_child)
{
	struct soft_region *region;
	uint32_t stag = 0;
	int pipes[2];

	cr_assert_eq(pipe(pipes), 0);
	if (!in_child || !fork()) {
		if (!soft_stag_alloc(SOFT_REGION_MR, &region))
			stag = soft_stag_of(region);
		if (write(pipes[1], &stag, sizeof(stag)) != sizeof(stag) || in_child)
			_exit(0);
	}
	cr_assert_eq(read(pipes[0], &stag, sizeof(stag)), (ssize_t)sizeof(stag));
	close(pipes[0]);
	close(pipes[1]);
	cr_assert_neq(stag, 0);
	return stag;
}

/* Servers fork for each client: what one of them learns tells nothing of the others. */
Test(soft_mr, stag__of_a_forked_child_does_not_follow_from_its_parents, .init = init, .fini = fini)
{
	uint32_t child, sibling, parent;

	stag_after_fork(false);
	child = stag_after_fork(true);
	sibling = stag_after_fork(true);
	parent = stag_after_fork(false);
	cr_assert_neq(child, sibling);
	cr_assert_neq(child, parent);
	cr_assert_neq(sibling, parent);
}

/* No thread ends before the last fork: ThreadSanitizer would call it a leak of the child's. */
Test(soft_mr, fork__child_is_another_generation_with_free_locks, .init = init, .fini = fini)
{
	unsigned int generation = soft_generation();
	pthread_t threads[THREADS];
	int status;

	start(threads, reg_until_stop);
	while (at_work() < THREADS)
		sched_yield();
	for (int i = 0; i < 20; i++) {
		pid_t pid = fork();

		cr_assert_geq(pid, 0);
		if (!pid)
			_exit(child_generation(generation));
		cr_assert_eq(waitpid(pid, &status, 0), pid);
		cr_assert_eq(status, 0);
	}
	finish(threads);
	cr_assert_eq(soft_generation(), generation);
}
