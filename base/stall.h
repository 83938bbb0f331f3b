/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Waits that are not on a condition of ours (base/lock.h has those): on a
 * descriptor, on a condition of verbs, and inside a call of the system or of a
 * foreign library, where the waiting thread cannot speak. For that there is one
 * thread of ours, started on first need if the log shows more than errors and
 * warnings; else the thread speaks when the call has come back.
 */
#ifndef IW_STALL_H
#define IW_STALL_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/caller.h"
#include "base/list.h"
#include "base/lock.h"
#include "base/log.h"

/* For poll(2) and its like: how long to wait for the next line, in ms. Begins the wait. */
int iw_stall_timeout(struct iw_stall *stall);
/* Says the line if it is due. */
void iw_stall_tell(struct iw_stall *stall);
/*
 * As pthread_cond_wait(3), which it may replace in a loop, on a condition that
 * has the default clock, as those of verbs have: a step of that clock lets a line
 * be late or a wait end for nothing.
 */
void iw_stall_wait(pthread_cond_t *cond, pthread_mutex_t *mutex, struct iw_stall *stall);

/* What may not return soon: a constant. */
struct iw_slow {
	const char *what, *why; /* its name, and what holds it then */
	enum iw_log_level level;
};

/* A call of it. On the stack, uninitialised, from iw_watch_begin() to _end(). */
struct iw_watch {
	bool started;

	/* Valid if @started. */
	const struct iw_slow *slow;
	struct iw_caller caller;
	unsigned long thread; /* as debuggers show it */
	uint64_t since_ms;    /* coarse */
	unsigned int told;    /* of the watching thread, under its lock */
	int cancel;	      /* as it was; while @listed nobody cancels the thread */
	bool listed;
	TAILQ_ENTRY(iw_watch) link;
};

/*
 * Neither fails, blocks or changes errno. While the log shows errors alone they do
 * nothing, with warnings they read a clock each, without a system call. While the
 * call is watched by another thread it is no cancellation point.
 */
void iw_watch_start(struct iw_watch *watch, const struct iw_slow *slow);
void iw_watch_stop(struct iw_watch *watch);

static inline void iw_watch_begin(struct iw_watch *watch, const struct iw_slow *slow)
{
	watch->started = iw_log_enabled(IW_LOG_WARN);
	if (__builtin_expect(watch->started, 0))
		iw_watch_start(watch, slow);
}

static inline void iw_watch_end(struct iw_watch *watch)
{
	if (__builtin_expect(watch->started, 0))
		iw_watch_stop(watch);
}

#endif
