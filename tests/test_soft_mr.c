// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Protection domains, regions, windows, STags and pins; several threads: test_soft_mr_threads.c. */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/soft_mr_env.h"

TestSuite(soft_mr, .timeout = 120);

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

/* Three pages with @prot, more pages that may be written, and three with @prot. */
static uint8_t *fenced(int prot, size_t more)
{
	size_t fence = 3 * (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *mem = mmap(NULL, more + 2 * fence, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	cr_assert_neq(mem, MAP_FAILED);
	cr_assert_eq(mprotect(mem, fence, prot), 0);
	cr_assert_eq(mprotect(mem + fence + more, fence, prot), 0);
	return mem + fence;
}

static int reg_and_dereg(void *addr, size_t length, unsigned int access)
{
	struct soft_mr *mr;
	int rc = soft_mr_reg(pd, addr, length, (uintptr_t)addr, access, &mr);

	if (!rc)
		dereg(mr);
	return rc;
}

static bool old_kernel;
int __real_madvise(void *addr, size_t length, int advice);
int __wrap_madvise(void *addr, size_t length, int advice);

int __wrap_madvise(void *addr, size_t length, int advice)
{
	if (!old_kernel)
		return __real_madvise(addr, length, advice);
	errno = EINVAL;
	return -1;
}

static int interruptions;
ssize_t __real_getrandom(void *to, size_t length, unsigned int flags);
ssize_t __wrap_getrandom(void *to, size_t length, unsigned int flags);

ssize_t __wrap_getrandom(void *to, size_t length, unsigned int flags)
{
	if (!interruptions)
		return __real_getrandom(to, length, flags);
	interruptions--;
	errno = EINTR;
	return -1;
}

Test(soft_mr, reg__survives_signals_in_getrandom, .init = init, .fini = fini)
{
	interruptions = 3;
	dereg(reg(ALL));
	cr_assert_eq(interruptions, 0);
}

/* Before Linux 5.14 nobody can tell. */
Test(soft_mr, reg__kernel_that_cannot_tell_rights, .init = init, .fini = fini)
{
	uint8_t *ro = fenced(PROT_READ, 8192);

	old_kernel = true;
	cr_assert_eq(reg_and_dereg(ro, 8192, ALL), 0);
	cr_assert_eq(reg_and_dereg(ro - 1, 8192, ALL), 0);
	cr_assert_eq(reg_and_dereg((void *)0x1000, 10, LOCAL), -EFAULT);
}

/* Who may not touch it himself must not let a peer find out. */
Test(soft_mr, reg__memory_with_too_few_rights, .init = init, .fini = fini)
{
	const size_t sizes[] = { 8192, 4 << 20 };

	for (size_t i = 0; i < IW_ARRAY_SIZE(sizes); i++) {
		size_t len = sizes[i];
		uint8_t *ro = fenced(PROT_READ, len), *none = fenced(PROT_NONE, len);

		cr_assert_eq(reg_and_dereg(ro, len, ALL), 0);
		cr_assert_eq(reg_and_dereg(ro - 1, len, ALL), -EFAULT);
		cr_assert_eq(reg_and_dereg(ro + 1, len, LOCAL), -EFAULT);
		cr_assert_eq(reg_and_dereg(ro - 1, len + 2, IBV_ACCESS_REMOTE_READ), 0);
		cr_assert_eq(reg_and_dereg(none, len, ALL), 0);
		cr_assert_eq(reg_and_dereg(none - 1, len, 0), -EFAULT);
		cr_assert_eq(reg_and_dereg(none + 1, len, IBV_ACCESS_REMOTE_READ), -EFAULT);
	}
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
