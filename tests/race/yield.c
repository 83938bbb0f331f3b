// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Who loses the processor, and where: between calls, and in builds with asserted
 * locks at each lock and wait of the library. How is drawn anew for each round:
 * not at all, a little everywhere, one thread all the time, or by priorities that
 * change at random points (after Burckhardt and others, "A randomized scheduler
 * with probabilistic guarantees of finding bugs", 2010): but the best thread all
 * are slowed down, so that it runs as far as it gets.
 */
#include <sched.h>
#include <unistd.h>

#include "base/lock.h"
#include "tests/race/race.h"

enum mode {
	FREE,
	SPREAD,
	SLOW_ONE,
	PRIORITIES,
	NMODES
};

/* Atomic. */
static enum mode mode;
static unsigned int slow;	  /* SLOW_ONE: who */
static unsigned int best;	  /* PRIORITIES: who runs */
static unsigned int until_change; /* points that the best may pass until it is the last */

static void spread(uint64_t dice)
{
	if (dice % 1024 == 0)
		usleep(1 + dice / 1024 % 60);
	else if (dice % 24 == 0)
		sched_yield();
	else if (dice % 16 == 1)
		for (volatile unsigned int i = 0; i < (dice / 16) % 200;)
			i = i + 1;
}

static void priorities(struct racer *r, uint64_t dice)
{
	if (r->index != relaxed(&best)) {
		if (dice % 96 == 0)
			usleep(1);
		else if (dice % 4 == 0)
			sched_yield();
		return;
	}
	if (relaxed(&until_change)) {
		add(&until_change, -1u);
		return;
	}
	relax(&best, (unsigned int)(dice % race.threads));
	relax(&until_change, (unsigned int)(dice >> 32) % 3000);
}

void yield_here(void)
{
	static __thread struct rng others; /* of threads that are the library's */
	struct racer *r = racer;
	uint64_t dice = rng_next(r ? &r->noise : &others) >> 8;

	switch (relaxed(&mode)) {
	case SPREAD:
		spread(dice);
		break;
	case SLOW_ONE:
		if (r && r->index == relaxed(&slow) && dice % 48 == 0)
			usleep(1 + dice / 64 % 30);
		break;
	case PRIORITIES:
		if (r)
			priorities(r, dice);
		break;
	default:
		break;
	}
}

#ifdef IW_DEBUG
static void hook(enum iw_lock_step step, const struct iw_lock *lock)
{
	yield_here();
}
#endif

void yield_install(void)
{
#ifdef IW_DEBUG
	__atomic_store_n(&iw_lock_hook, hook, __ATOMIC_RELAXED);
#endif
}

void yield_round(unsigned int round)
{
	struct rng rng;

	rng_seed(&rng, race.seed, 1000 + round);
	relax(&mode, (enum mode)below(&rng, NMODES));
	relax(&slow, below(&rng, race.threads));
	relax(&best, below(&rng, race.threads));
	relax(&until_change, below(&rng, 3000));
}
