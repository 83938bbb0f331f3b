// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Protection domains, regions and windows, and what they allow. How an STag
 * finds its entry and how pins are counted is in soft_stag.
 */
#include "driver/soft/soft_mr.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "driver/soft/soft_dev.h"
#include "driver/soft/soft_stag.h"

#define REMOTE_MASK (IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_READ | IBV_ACCESS_REMOTE_ATOMIC)
#define RIGHTS (IBV_ACCESS_LOCAL_WRITE | REMOTE_MASK | IBV_ACCESS_MW_BIND)
/* Says how, not what; nothing here depends on page sizes. */
#define HINTS (IBV_ACCESS_ZERO_BASED | IBV_ACCESS_HUGETLB | IBV_ACCESS_OPTIONAL_RANGE)
/* These rights let somebody write, which a region must allow locally first. */
#define WRITING (IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_ATOMIC)

/* ------------------------------------------------------ Protection domains */

static unsigned int pds, pd_handles; /* atomic */

int soft_pd_alloc(struct soft_context *ctx, struct soft_pd **pd)
{
	struct soft_pd *new;

	if (__atomic_add_fetch(&pds, 1, __ATOMIC_RELAXED) > SOFT_MAX_PD)
		goto full;
	new = iw_calloc(1, sizeof(*new));
	if (!new)
		goto full;
	new->ibv.context = &ctx->verbs.context;
	new->ibv.handle = __atomic_add_fetch(&pd_handles, 1, __ATOMIC_RELAXED);
	soft_context_get(ctx);
	*pd = new;
	return 0;
full:
	__atomic_sub_fetch(&pds, 1, __ATOMIC_RELAXED);
	return -ENOMEM;
}

int soft_pd_dealloc(struct soft_pd *pd)
{
	struct soft_context *ctx = soft_context_of(pd->ibv.context);

	if (__atomic_load_n(&pd->users, __ATOMIC_ACQUIRE))
		return -EBUSY;
	free(pd);
	__atomic_sub_fetch(&pds, 1, __ATOMIC_RELAXED);
	soft_context_put(ctx);
	return 0;
}

void soft_pd_get(struct soft_pd *pd)
{
	__atomic_add_fetch(&pd->users, 1, __ATOMIC_RELAXED);
}

void soft_pd_put(struct soft_pd *pd)
{
	__atomic_sub_fetch(&pd->users, 1, __ATOMIC_RELEASE);
}

/* ---------------------------------------------------------------- Regions */

static bool wraps(uint64_t start, uint64_t length)
{
	return length && length - 1 > UINT64_MAX - start;
}

static int check_access(unsigned int access)
{
	if (access & IBV_ACCESS_ON_DEMAND)
		return -EOPNOTSUPP;
	if (access & ~(unsigned int)(RIGHTS | HINTS))
		return -EINVAL;
	if (access & WRITING && !(access & IBV_ACCESS_LOCAL_WRITE))
		return -EINVAL;
	return 0;
}

/*
 * Hardware pins the pages and finds holes at once. We only look: MS_ASYNC does
 * nothing but walk the mappings. Afterwards they are the program's to keep.
 */
static bool is_mapped(const void *addr, size_t length)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t from = (uintptr_t)addr & ~(page - 1);

	/* The kernel rounds up to pages, and the last one's end is 0. */
	if (length > UINTPTR_MAX - page - (uintptr_t)addr)
		return false;
	return !msync((void *)from, (uintptr_t)addr + length - from, MS_ASYNC) || errno != ENOMEM;
}

#ifndef MADV_POPULATE_READ /* Linux 5.14 */
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif

/* Of longer regions only the first and the last page are touched: the others may stay unused. */
#define PROBE_ALL (1u << 20)

/*
 * Whether the program itself may read or write these whole pages. EINVAL is the
 * answer of a kernel without such advice, too, for a page of the stack as well.
 */
static bool may_touch(uintptr_t from, size_t length, int advice, uintptr_t page)
{
	char known;

	if (!madvise((void *)from, length, advice) || (errno != EINVAL && errno != EFAULT))
		return true;
	return madvise((void *)((uintptr_t)&known & ~(page - 1)), page, advice);
}

/* Hardware cannot pin such pages; here a peer's message would find out, by SIGSEGV. */
static bool is_allowed(const void *addr, size_t length, unsigned int access)
{
	int advice = access & IBV_ACCESS_LOCAL_WRITE ? MADV_POPULATE_WRITE : MADV_POPULATE_READ;
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t first = (uintptr_t)addr & ~(page - 1);
	uintptr_t last = ((uintptr_t)addr + length - 1) & ~(page - 1);

	if (length <= PROBE_ALL)
		return may_touch(first, last - first + page, advice, page);
	return may_touch(first, page, advice, page) && may_touch(last, page, advice, page);
}

static void fill_mr(struct soft_mr *mr, struct soft_pd *pd, void *addr, size_t length)
{
	mr->ibv.context = pd->ibv.context;
	mr->ibv.pd = &pd->ibv;
	mr->ibv.addr = addr;
	mr->ibv.length = length;
	mr->ibv.handle = mr->region->slot;
	mr->ibv.lkey = mr->ibv.rkey = soft_stag_of(mr->region);
}

int soft_mr_reg(struct soft_pd *pd, void *addr, size_t length, uint64_t iova, unsigned int access,
		struct soft_mr **mr)
{
	uint64_t start = access & IBV_ACCESS_ZERO_BASED ? 0 : iova;
	struct soft_region *region;
	struct soft_mr *new;
	int rc;

	rc = check_access(access);
	if (rc)
		return rc;
	if (!length || wraps((uintptr_t)addr, length) || wraps(start, length))
		return -EINVAL;
	if (!is_mapped(addr, length) || !is_allowed(addr, length, access))
		return -EFAULT;
	new = iw_calloc(1, sizeof(*new));
	if (!new)
		return -ENOMEM;
	rc = soft_stag_alloc(SOFT_REGION_MR, &region);
	if (rc) {
		free(new);
		return rc;
	}
	region->pd = pd;
	region->base = addr;
	region->start = start;
	region->length = length;
	region->access = (uint8_t)(access & RIGHTS);
	region->owner = 0;
	new->region = region;
	soft_pd_get(pd);
	fill_mr(new, pd, addr, length);
	soft_stag_lock();
	soft_stag_open(region, new->ibv.lkey);
	soft_stag_unlock();
	*mr = new;
	return 0;
}

int soft_mr_dereg(struct soft_mr *mr)
{
	struct soft_region *region = mr->region;
	struct soft_pd *pd = region->pd;

	soft_stag_lock();
	if (region->windows) {
		soft_stag_unlock();
		return -EBUSY;
	}
	soft_stag_close(region);
	soft_stag_unlock();
	soft_stag_free(region);
	free(mr);
	soft_pd_put(pd);
	return 0;
}

/* ---------------------------------------------------------------- Windows */

int soft_mw_alloc(struct soft_pd *pd, enum ibv_mw_type type, struct soft_mw **mw)
{
	enum soft_region_kind kind = type == IBV_MW_TYPE_2 ? SOFT_REGION_MW2 : SOFT_REGION_MW1;
	struct soft_mw *new;
	int rc;

	if (type != IBV_MW_TYPE_1 && type != IBV_MW_TYPE_2)
		return -EINVAL;
	new = iw_calloc(1, sizeof(*new));
	if (!new)
		return -ENOMEM;
	rc = soft_stag_alloc(kind, &new->region);
	if (rc) {
		free(new);
		return rc;
	}
	new->region->pd = pd;
	new->ibv.context = pd->ibv.context;
	new->ibv.pd = &pd->ibv;
	new->ibv.rkey = soft_stag_of(new->region);
	new->ibv.handle = new->region->slot;
	new->ibv.type = type;
	soft_pd_get(pd);
	*mw = new;
	return 0;
}

/* The table's lock is held, and released while pins are waited for. */
static void unbind(struct soft_region *window)
{
	soft_stag_close(window);
	if (window->parent)
		window->parent->windows--;
	window->parent = NULL;
}

int soft_mw_dealloc(struct soft_mw *mw)
{
	struct soft_pd *pd = mw->region->pd;

	soft_stag_lock();
	unbind(mw->region);
	soft_stag_unlock();
	soft_stag_free(mw->region);
	free(mw);
	soft_pd_put(pd);
	return 0;
}

uint32_t soft_mw_next_rkey(struct soft_mw *mw)
{
	return soft_stag_next(mw->region);
}

/* The table's lock is held. */
static int check_bind(const struct soft_region *window, const struct ibv_mw_bind_info *info)
{
	const struct soft_region *region;
	uint64_t offset;

	/* LOCAL_WRITE: programs say it as they do for a region; it is the region's to give. */
	if (info->mw_access_flags &
	    ~(unsigned int)(REMOTE_MASK | IBV_ACCESS_ZERO_BASED | IBV_ACCESS_LOCAL_WRITE))
		return -EINVAL;
	if (!info->mr)
		return -EINVAL;
	region = iw_container_of(info->mr, struct soft_mr, ibv)->region;
	if (region->pd != window->pd || region->kind != SOFT_REGION_MR ||
	    !soft_stag_is_valid(region))
		return -EINVAL;
	if (!(region->access & IBV_ACCESS_MW_BIND))
		return -EACCES;
	if (info->mw_access_flags & WRITING && !(region->access & IBV_ACCESS_LOCAL_WRITE))
		return -EACCES;
	if (info->addr < region->start)
		return -EINVAL;
	offset = info->addr - region->start;
	if (offset > region->length || info->length > region->length - offset)
		return -EINVAL;
	return 0;
}

/* The table's lock is held; the window is not valid. */
static void bind_window(struct soft_region *window, uint64_t qp,
			const struct ibv_mw_bind_info *info, uint32_t rkey)
{
	struct soft_region *region = iw_container_of(info->mr, struct soft_mr, ibv)->region;

	window->base = region->base + (info->addr - region->start);
	window->start = info->mw_access_flags & IBV_ACCESS_ZERO_BASED ? 0 : info->addr;
	window->length = info->length;
	window->access = (uint8_t)(info->mw_access_flags & REMOTE_MASK);
	window->owner = window->kind == SOFT_REGION_MW2 ? qp : 0;
	window->parent = region;
	region->windows++;
	soft_stag_open(window, rkey);
}

/* Of what is asked for, before anything of the window changes. */
static int may_bind(const struct soft_region *window, const struct ibv_mw_bind_info *info,
		    uint32_t rkey)
{
	if (rkey ? (rkey ^ soft_stag_of(window)) >> 8 : window->kind == SOFT_REGION_MW2)
		return -EINVAL;
	if (!info->length)
		return 0;
	if (window->kind == SOFT_REGION_MW2 && soft_stag_is_valid(window))
		return -EBUSY;
	return check_bind(window, info);
}

int soft_mw_bind(struct soft_mw *mw, uint64_t qp, const struct ibv_mw_bind_info *info,
		 uint32_t *rkey)
{
	struct soft_region *window = mw->region;
	uint32_t stag = *rkey;
	int rc;

	if (!stag && window->kind == SOFT_REGION_MW1)
		stag = soft_stag_next(window);
	soft_stag_lock();
	soft_stag_settle(window);
	rc = may_bind(window, info, stag);
	if (rc)
		goto out;
	unbind(window);
	/* The lock was released: the region may have gone. */
	rc = info->length ? may_bind(window, info, stag) : 0;
	if (rc)
		goto out;
	if (info->length)
		bind_window(window, qp, info, stag);
	__atomic_store_n(&mw->ibv.rkey, stag, __ATOMIC_RELAXED);
	*rkey = stag;
out:
	soft_stag_unlock();
	return rc;
}

/* ------------------------------------------------------------------- Pins */

static enum soft_mem_fault check_range(const struct soft_region *region, uint64_t at, uint64_t len)
{
	if (wraps(at, len))
		return SOFT_MEM_WRAP;
	if (at < region->start || at - region->start > region->length ||
	    len > region->length - (at - region->start))
		return SOFT_MEM_BOUNDS;
	return SOFT_MEM_OK;
}

static enum soft_mem_fault check_local(const struct soft_region *region, const struct soft_pd *pd,
				       bool write)
{
	if (region->kind != SOFT_REGION_MR)
		return SOFT_MEM_STAG;
	if (region->pd != pd)
		return SOFT_MEM_PD;
	return write && !(region->access & IBV_ACCESS_LOCAL_WRITE) ? SOFT_MEM_ACCESS : SOFT_MEM_OK;
}

static enum soft_mem_fault check_remote(const struct soft_region *region, const struct soft_pd *pd,
					uint64_t qp, unsigned int need)
{
	if (region->pd != pd || (region->owner && region->owner != qp))
		return SOFT_MEM_PD;
	return (region->access & need) == need ? SOFT_MEM_OK : SOFT_MEM_ACCESS;
}

/* Keeps the pin if @fault is none and the range is inside. */
static enum soft_mem_fault finish_pin(struct soft_region *region, enum soft_mem_fault fault,
				      uint64_t at, uint64_t len, struct soft_pin *pin)
{
	if (fault == SOFT_MEM_OK)
		fault = check_range(region, at, len);
	if (fault != SOFT_MEM_OK) {
		soft_stag_unpin(region);
		return fault;
	}
	pin->region = region;
	pin->ptr = region->base + (at - region->start);
	return SOFT_MEM_OK;
}

enum soft_mem_fault soft_mem_pin_local(struct soft_pd *pd, uint32_t lkey, uint64_t addr,
				       uint32_t len, bool write, struct soft_pin *pin)
{
	struct soft_region *region;

	*pin = (struct soft_pin){ 0 };
	if (!len)
		return SOFT_MEM_OK;
	region = soft_stag_pin(lkey);
	if (!region)
		return SOFT_MEM_STAG;
	return finish_pin(region, check_local(region, pd, write), addr, len, pin);
}

enum soft_mem_fault soft_mem_pin_remote(struct soft_pd *pd, uint64_t qp, uint32_t stag, uint64_t to,
					uint64_t len, unsigned int need, struct soft_pin *pin)
{
	struct soft_region *region;

	*pin = (struct soft_pin){ 0 };
	if (!len)
		return SOFT_MEM_OK;
	region = soft_stag_pin(stag);
	if (!region)
		return SOFT_MEM_STAG;
	return finish_pin(region, check_remote(region, pd, qp, need), to, len, pin);
}

void soft_mem_unpin(struct soft_pin *pin)
{
	if (!pin->region)
		return;
	soft_stag_unpin(pin->region);
	*pin = (struct soft_pin){ 0 };
}

enum soft_mem_fault soft_mem_invalidate(struct soft_pd *pd, uint64_t qp, uint32_t stag)
{
	enum soft_mem_fault fault = SOFT_MEM_OK;
	struct soft_region *window;

	soft_stag_lock();
	window = soft_stag_find(stag);
	if (!window)
		fault = SOFT_MEM_STAG;
	else if (window->pd != pd)
		fault = SOFT_MEM_PD;
	else if (window->kind != SOFT_REGION_MW2)
		fault = SOFT_MEM_ACCESS;
	else if (window->owner != qp)
		fault = SOFT_MEM_PD;
	else
		unbind(window);
	soft_stag_unlock();
	return fault;
}
