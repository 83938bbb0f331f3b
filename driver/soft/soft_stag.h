/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The table of STags: from 32 bits that a peer sent to the region or window
 * that they name, and pins on it. Knows nothing of rights; see soft_mr.h.
 *
 * The upper 24 bits are the number of an entry, scrambled by keys of this
 * process so that a peer cannot guess one from another; the lower 8 are a key
 * that no entry repeats within 256 lives. Entries stand in chunks that never
 * move or go away, so a stale STag always finds memory of ours to be compared
 * with. A freed entry waits until SOFT_STAG_RESERVE others were freed.
 *
 * A pin is one atomic addition to the word that also holds the STag and whether
 * it is valid; unpinning is one subtraction. Who closes an entry marks it
 * invalid and waits for the pins to drop.
 */
#ifndef IW_SOFT_STAG_H
#define IW_SOFT_STAG_H

#include "driver/soft/soft.h"

#define SOFT_STAG_RESERVE 512

enum soft_region_kind {
	SOFT_REGION_MR,
	SOFT_REGION_MW1,
	SOFT_REGION_MW2,
};

/* One cache line. */
struct soft_region {
	uint64_t state; /* atomic: STag << 32 | valid << 31 | pins */

	/* Constant while valid; read under a pin. */
	struct soft_pd *pd;
	uint8_t *base;	/* the byte at @start */
	uint64_t start; /* the first TO or address; start + length <= 2^64 */
	uint64_t length;
	uint64_t owner; /* serial of the one QP that may use it; 0: all of the PD */

	/* Under soft_stag_lock(). */
	union {
		struct soft_region *parent; /* of a bound window */
		struct soft_region *next_free;
		uint64_t windows; /* bound to this region */
	};
	uint32_t slot;	/* constant */
	uint8_t access; /* IBV_ACCESS_*, constant while valid; a window's is what it grants */
	uint8_t kind;	/* enum soft_region_kind; constant while allocated */
	uint8_t key;	/* given out last */
	bool closing;
};

void soft_stag_lock(void);
void soft_stag_unlock(void);

/*
 * An entry, not valid yet, with an STag that was not seen before. -ENOMEM: no
 * memory, or SOFT_MAX_MR entries live; -errno of getrandom(2).
 */
int soft_stag_alloc(enum soft_region_kind kind, struct soft_region **region);
void soft_stag_free(struct soft_region *region); /* not valid */
/* The same entry with its next key; not valid by itself. */
uint32_t soft_stag_next(struct soft_region *region);

static inline uint32_t soft_stag_of(const struct soft_region *region)
{
	return (uint32_t)(__atomic_load_n(&region->state, __ATOMIC_RELAXED) >> 32);
}

/* Below: soft_stag_lock() is held. */

bool soft_stag_is_valid(const struct soft_region *region);
/* Makes an invalid entry valid as @stag, which has its index. */
void soft_stag_open(struct soft_region *region, uint32_t stag);
/*
 * Makes an entry invalid and waits until nobody has it pinned; the lock is
 * released meanwhile. The caller holds no pin.
 */
void soft_stag_close(struct soft_region *region);
/* Waits until nobody else is closing it; the lock is released meanwhile. */
void soft_stag_settle(const struct soft_region *region);
/* NULL if it is not valid. */
struct soft_region *soft_stag_find(uint32_t stag);

/* Takes no lock. NULL: nobody's. */
struct soft_region *soft_stag_pin(uint32_t stag);
static inline void soft_stag_unpin(struct soft_region *region)
{
	__atomic_fetch_sub(&region->state, 1, __ATOMIC_RELEASE);
}

#endif
