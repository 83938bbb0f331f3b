/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Small programs whose schedules can be counted by hand, and random ones. */
#ifndef IL_TOYS_H
#define IL_TOYS_H

#include <stdint.h>

#include "tests/interleave/sched.h"

struct toy_steps {
	unsigned int actors, steps;
	bool shared; /* one object for all, else each has its own */
};

void toy_steps(const void *arg); /* struct toy_steps */
void toy_abba(const void *arg);
void toy_lost_wakeup(const void *arg); /* bool: the flag is set without the lock */
void toy_livelock(const void *arg);
/* unsigned int, odd: how far two actors get in turn; 5 needs three preemptions. */
void toy_turns(const void *arg);

enum toy_misuse {
	TOY_USE_AFTER_FREE, /* in one of two orders */
	TOY_FREE_TWICE,
	TOY_LEAK,
	TOY_UNLOCK_FOREIGN,
	TOY_LOCK_TWICE,
	TOY_FINI_HELD,
	TOY_FINI_AWAITED,
	TOY_NOT_HELD,
	/* Seen by instrumented code alone, see watch.h. */
	TOY_READ_AFTER_FREE,
	TOY_WRITE_AFTER_FREE,
	TOY_CHECK_OUTSIDE,
	TOY_WRITE_AFTER_UNLOCK,
	TOY_MISUSES
};

void toy_misuse(const void *arg); /* enum toy_misuse */

/* A program of 2 or 3 actors on 2 locks, a condition and an object, by a seed. */
void toy_random(const void *arg); /* uint64_t */

#endif
