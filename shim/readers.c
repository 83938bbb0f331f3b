// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The threads inside of rdma_get_cm_event(3), and what becomes of them when
 * their channel is destroyed.
 *
 * Programs destroy a channel under a thread that reads it, and end (rping). The
 * kernel never wakes such a thread, so neither do we: it leaves the channel's
 * memory and waits for the end of the process. The same befalls one that is
 * between two calls when the destruction begins, if it comes back soon.
 */
#include "base/cancel.h"
#include "base/clock.h"
#include "shim/shim.h"

#define ENDED 0x80000000u /* the channel is being destroyed */
#define BACK 0x40000000u  /* somebody came and found that */
#define INSIDE (BACK - 1) /* how many threads are inside */

struct shim_readers_patience shim_readers_patience = { .away_ms = 20, .return_ms = 10 };

/* For a reader to finish what it is at. Longer: it was taken away by longjmp(3), or stopped. */
#define LEAVE_MS 1000

/* Ticks of some milliseconds; a fraction of the cost of iw_now_ms(). */
static uint64_t coarse_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

bool shim_readers_enter(struct shim_readers *r)
{
	unsigned int word = __atomic_fetch_add(&r->word, 1, __ATOMIC_ACQ_REL);

	if (word & ENDED)
		return false;
	if (iw_thread_is_self(__atomic_load_n(&r->away, __ATOMIC_RELAXED)))
		__atomic_store_n(&r->away, 0, __ATOMIC_RELAXED);
	return true;
}

void shim_readers_leave(struct shim_readers *r, bool with_event)
{
	if (with_event) {
		shim_readers_acked(r);
		__atomic_store_n(&r->away, iw_thread_self(), __ATOMIC_RELAXED);
	}
	__atomic_fetch_sub(&r->word, 1, __ATOMIC_RELEASE);
}

void shim_readers_leave_ended(struct shim_readers *r)
{
	__atomic_fetch_or(&r->word, BACK, __ATOMIC_RELAXED);
	__atomic_fetch_sub(&r->word, 1, __ATOMIC_RELEASE);
}

void shim_readers_acked(struct shim_readers *r)
{
	__atomic_store_n(&r->since, coarse_ms(), __ATOMIC_RELAXED);
}

bool shim_readers_ended(const struct shim_readers *r)
{
	return __atomic_load_n(&r->word, __ATOMIC_RELAXED) & ENDED;
}

bool shim_readers_end(struct shim_readers *r)
{
	return __atomic_fetch_or(&r->word, ENDED, __ATOMIC_ACQ_REL) & INSIDE;
}

/* Until the bits of @mask are @want, or @ms are over. Sleeps: nobody is woken by a reader. */
static bool wait_for(const struct shim_readers *r, unsigned int mask, bool want, unsigned int ms)
{
	struct timespec nap = { .tv_nsec = 20000 };
	uint64_t end = iw_now_ms() + ms;

	IW_UNCANCELLED;

	while (!(__atomic_load_n(&r->word, __ATOMIC_ACQUIRE) & mask) == want) {
		if (iw_now_ms() > end)
			return false;
		nanosleep(&nap, NULL);
		if (nap.tv_nsec < 500000)
			nap.tv_nsec *= 2;
	}
	return true;
}

bool shim_readers_left(const struct shim_readers *r)
{
	return wait_for(r, INSIDE, false, LEAVE_MS);
}

void shim_readers_await_return(const struct shim_readers *r)
{
	iw_thread_id away = __atomic_load_n(&r->away, __ATOMIC_RELAXED);
	uint64_t since = __atomic_load_n(&r->since, __ATOMIC_RELAXED);

	if (away && !iw_thread_is_self(away) &&
	    coarse_ms() - since <= shim_readers_patience.away_ms)
		wait_for(r, BACK, true, shim_readers_patience.return_ms);
}
