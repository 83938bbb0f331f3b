/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Protection: protection domains, memory regions, memory windows, and the one
 * question that all data paths ask: may these bytes be touched, and where are
 * they. STag = index (24 bits, hard to guess) << 8 | key (varied at each
 * registration); lkey == rkey == STag. STag 0 is nobody's.
 *
 * An answer is a pin: until it is dropped, deregistration of that region (or
 * window, or invalidation) waits. Pins are held for the length of one
 * non-blocking system call or one copy, never while waiting for anything, so
 * that soft_mr_dereg() returns in bounded time. Pinning takes no lock. A thread
 * that holds pins calls nothing here but pin and unpin: it would wait for itself.
 */
#ifndef IW_SOFT_MR_H
#define IW_SOFT_MR_H

#include "driver/soft/soft.h"

struct soft_region; /* an entry of the table */

struct soft_pd {
	struct ibv_pd ibv;
	unsigned int users; /* regions, windows, QPs, SRQs; atomic */
};

struct soft_mr {
	struct ibv_mr ibv;
	struct soft_region *region;
};

struct soft_mw {
	struct ibv_mw ibv; /* rkey changes with each bind */
	struct soft_region *region;
};

int soft_pd_alloc(struct soft_context *ctx, struct soft_pd **pd);
int soft_pd_dealloc(struct soft_pd *pd); /* -EBUSY while used */
void soft_pd_get(struct soft_pd *pd);
void soft_pd_put(struct soft_pd *pd);

/*
 * @access: IBV_ACCESS_* (local and remote read, write, atomic, MW_BIND,
 * ZERO_BASED, RELAXED_ORDERING and other optional flags ignored). Remote write
 * and atomic want local write (-EINVAL), as verbs say. @iova: what addresses in
 * work requests and TOs count from; 0 with ZERO_BASED. @length 0: -EINVAL; not
 * all mapped: -EFAULT. Reads nothing of the memory, and does not keep it: what is
 * unmapped before it is deregistered ends the stream that touches it, or, where
 * small pieces are copied, the program.
 */
int soft_mr_reg(struct soft_pd *pd, void *addr, size_t length, uint64_t iova, unsigned int access,
		struct soft_mr **mr);
int soft_mr_dereg(struct soft_mr *mr); /* -EBUSY while windows are bound to it */

int soft_mw_alloc(struct soft_pd *pd, enum ibv_mw_type type, struct soft_mw **mw);
int soft_mw_dealloc(struct soft_mw *mw);
/* The rkey that ibv_bind_mw(3) announces, for a later soft_mw_bind(). */
uint32_t soft_mw_next_rkey(struct soft_mw *mw);
/*
 * Binds (length 0: unbinds). Type 1: *@rkey is from soft_mw_next_rkey(), or 0
 * and a new one is made and returned. Type 2: *@rkey is the one the program
 * chose (same index, its own key byte), usable by the QP of serial @qp only. A bound
 * window of type 1 changes over. Success sets mw->ibv.rkey. -EINVAL (of another
 * PD, index or range), -EACCES (the region lacks MW_BIND or the rights asked
 * for), -EBUSY (type 2 already bound). Waits for pins on what was bound: the
 * calling thread holds none.
 */
int soft_mw_bind(struct soft_mw *mw, uint64_t qp, const struct ibv_mw_bind_info *info,
		 uint32_t *rkey);

enum soft_mem_fault {
	SOFT_MEM_OK,
	SOFT_MEM_STAG,	 /* unknown, stale, invalidated */
	SOFT_MEM_PD,	 /* of another PD or QP */
	SOFT_MEM_ACCESS, /* the right is missing */
	SOFT_MEM_BOUNDS,
	SOFT_MEM_WRAP, /* offset + length exceeds 2^64 */
};

struct soft_pin {
	struct soft_region *region; /* NULL: nothing to unpin (zero length, fault) */
	uint8_t *ptr;		    /* where the bytes are */
};

/* A local SGE; @write: the device will write there. len 0: SOFT_MEM_OK, no pin. */
enum soft_mem_fault soft_mem_pin_local(struct soft_pd *pd, uint32_t lkey, uint64_t addr,
				       uint32_t len, bool write, struct soft_pin *pin);
/*
 * A peer's access. @need: IBV_ACCESS_REMOTE_READ, _WRITE or _ATOMIC. Windows of
 * type 2 answer to their QP only. Order of checks: STag, PD, access, wrap, bounds.
 * @len 0: SOFT_MEM_OK whatever the STag, no pin.
 */
enum soft_mem_fault soft_mem_pin_remote(struct soft_pd *pd, uint64_t qp, uint32_t stag, uint64_t to,
					uint64_t len, unsigned int need, struct soft_pin *pin);
void soft_mem_unpin(struct soft_pin *pin);

/*
 * Send with Invalidate, local invalidate. Type 2 windows bound to this QP only,
 * others SOFT_MEM_ACCESS (a region that verbs registered cannot be invalidated).
 */
enum soft_mem_fault soft_mem_invalidate(struct soft_pd *pd, uint64_t qp, uint32_t stag);

#endif
