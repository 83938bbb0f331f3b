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

#define ENDED 0x80000000u  /* the channel is being destroyed */
#define INSIDE (ENDED - 1) /* how many threads are inside */

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

static void set_away(struct shim_readers *r, iw_thread_id from, iw_thread_id to)
{
	iw_thread_id was;

	for (int i = 0; i < SHIM_READERS_AWAY; i++) {
		was = from;
		if (__atomic_compare_exchange_n(&r->away[i], &was, to, false, __ATOMIC_RELEASE,
						__ATOMIC_RELAXED))
			return;
	}
}

static bool is_away(const struct shim_readers *r, iw_thread_id self)
{
	for (int i = 0; i < SHIM_READERS_AWAY; i++)
		if (__atomic_load_n(&r->away[i], __ATOMIC_RELAXED) == self)
			return true;
	return false;
}

bool shim_readers_enter(struct shim_readers *r)
{
	unsigned int word = __atomic_fetch_add(&r->word, 1, __ATOMIC_ACQ_REL);
	iw_thread_id self = iw_thread_self();

	if (is_away(r, self))
		set_away(r, self, 0);
	return !(word & ENDED);
}

void shim_readers_leave(struct shim_readers *r, bool with_event)
{
	if (with_event) {
		shim_readers_acked(r);
		set_away(r, 0, iw_thread_self());
	}
	__atomic_fetch_sub(&r->word, 1, __ATOMIC_RELEASE);
}

void shim_readers_leave_ended(struct shim_readers *r)
{
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

static bool nobody_inside(const struct shim_readers *r)
{
	return !(__atomic_load_n(&r->word, __ATOMIC_ACQUIRE) & INSIDE);
}

static bool nobody_away(const struct shim_readers *r)
{
	for (int i = 0; i < SHIM_READERS_AWAY; i++) {
		iw_thread_id away = __atomic_load_n(&r->away[i], __ATOMIC_ACQUIRE);

		if (away && !iw_thread_is_self(away))
			return false;
	}
	return true;
}

/* For at most @ms. Sleeps: nobody is woken by a reader. */
static bool wait_for(const struct shim_readers *r, bool (*over)(const struct shim_readers *),
		     unsigned int ms)
{
	struct timespec nap = { .tv_nsec = 20000 };
	uint64_t end = iw_now_ms() + ms;

	IW_UNCANCELLED;

	while (!over(r)) {
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
	return wait_for(r, nobody_inside, LEAVE_MS);
}

void shim_readers_await_return(const struct shim_readers *r)
{
	uint64_t since = __atomic_load_n(&r->since, __ATOMIC_RELAXED);

	if (coarse_ms() - since <= shim_readers_patience.away_ms)
		wait_for(r, nobody_away, shim_readers_patience.return_ms);
}
