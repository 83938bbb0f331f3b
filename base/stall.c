// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "base/stall.h"

#include <errno.h>
#include <time.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/fault.h"

/* ---- told by the waiting thread */

int iw_stall_timeout(struct iw_stall *stall)
{
	unsigned long long waited = iw_stall_waited(stall), due = iw_stall_due(stall->told);

	return waited < due ? (int)(due - waited) : 0;
}

void iw_stall_tell(struct iw_stall *stall)
{
	unsigned long long waited = iw_stall_waited(stall);

	if (waited < iw_stall_due(stall->told))
		return;
	stall->told++;
	stall->tell(stall->arg, (unsigned int)(waited / 1000));
}

void iw_stall_wait(pthread_cond_t *cond, pthread_mutex_t *mutex, struct iw_stall *stall)
{
	int ms = iw_stall_timeout(stall);
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += (long)(ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	if (pthread_cond_timedwait(cond, mutex, &until) == ETIMEDOUT)
		iw_stall_tell(stall);
}

/* ---- told by another */

/*
 * @lock protects all fields. It is taken under locks of the shim and the drivers
 * and, but for the log's lines, nothing is called under it.
 */
static struct {
	struct iw_lock lock;
	struct iw_cond cond;
	TAILQ_HEAD(, iw_watch) list; /* oldest first */
	bool forks;		     /* are told of, and the condition is there */
	bool runs, idle;	     /* the thread; it waits for the first call to watch */
} watcher = { .lock = IW_LOCK_STATIC, .list = TAILQ_HEAD_INITIALIZER(watcher.list) };

/* Ticks of some milliseconds, without a system call on any machine. */
static uint64_t coarse_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/*
 * The thread is the parent's, and so are the calls. Nothing is taken before a
 * fork: drivers hold their locks over calls that are watched, and take them then.
 */
static void in_child(void)
{
	iw_lock_init(&watcher.lock);
	iw_cond_init(&watcher.cond);
	TAILQ_INIT(&watcher.list);
	watcher.runs = watcher.idle = false;
}

static void say(const struct iw_watch *w, unsigned long long waited)
{
	char who[IW_CALLER_TEXT];

	iw_log(w->slow->level, "%s has waited %llu s for %s to return (thread %#lx): %s",
	       iw_caller_text(&w->caller, who), waited / 1000, w->slow->what, w->thread,
	       w->slow->why);
}

/* Says what is due; returns when to look again, in ms. 0: there is nothing to watch. */
static unsigned int look(void)
{
	unsigned long long waited, due, next = 0;
	struct iw_watch *w;

	iw_assert_held(&watcher.lock);
	TAILQ_FOREACH (w, &watcher.list, link) {
		waited = coarse_ms() - w->since_ms;
		if (waited >= iw_stall_due(w->told)) {
			w->told++;
			say(w, waited);
		}
		due = iw_stall_due(w->told);
		due = due > waited ? due - waited : 1;
		if (!next || due < next)
			next = due;
	}
	return (unsigned int)next;
}

/* It wakes once in the patience while calls come and go, and not at all without any. */
static void *watch(void *arg)
{
	unsigned int ms;

	iw_lock(&watcher.lock);
	for (;;) {
		ms = look();
		if (ms) {
			iw_cond_wait_ms(&watcher.cond, &watcher.lock, ms);
			continue;
		}
		watcher.idle = true;
		iw_cond_wait(&watcher.cond, &watcher.lock);
		watcher.idle = false;
	}
	return arg;
}

/* Whatever fails is tried again at the next call. */
static bool is_running(void)
{
	iw_assert_held(&watcher.lock);
	if (!watcher.forks) {
		if (iw_fault(IW_FAULT_SYSCALL) || pthread_atfork(NULL, NULL, in_child))
			return false;
		iw_cond_init(&watcher.cond);
		watcher.forks = true;
	}
	if (!watcher.runs)
		watcher.runs = !iw_thread_start(watch, NULL, "iwshim-watch");
	return watcher.runs;
}

/* Whom nobody can watch speaks for itself when it is back. */
static void list(struct iw_watch *w)
{
	iw_lock(&watcher.lock);
	if (is_running()) {
		TAILQ_INSERT_TAIL(&watcher.list, w, link);
		w->listed = true;
		if (watcher.idle)
			iw_cond_signal(&watcher.cond);
	}
	iw_unlock(&watcher.lock);
}

void iw_watch_start(struct iw_watch *w, const struct iw_slow *slow)
{
	int saved = errno;

	w->since_ms = coarse_ms();
	w->listed = false;
	w->slow = slow;
	w->cancel = iw_cancel_disable();
	if (!iw_log_enabled(IW_LOG_INFO))
		goto restore;
	w->caller = iw_caller_now;
	w->told = 0;
	w->thread = (unsigned long)pthread_self();
	list(w);
restore:
	/* One that is cancelled must not leave its stack on the list. */
	if (!w->listed)
		iw_cancel_restore(&w->cancel);
	errno = saved;
}

static void came_back(const struct iw_watch *w, unsigned long long waited)
{
	char who[IW_CALLER_TEXT];

	iw_warn("%s has waited %llu s for %s, which has returned: %s",
		iw_caller_text(&iw_caller_now, who), waited / 1000, w->slow->what, w->slow->why);
}

void iw_watch_stop(struct iw_watch *w)
{
	unsigned long long waited = coarse_ms() - w->since_ms;
	int cancel, saved = errno;

	cancel = w->listed ? w->cancel : iw_cancel_disable();
	if (w->listed) {
		iw_lock(&watcher.lock);
		TAILQ_REMOVE(&watcher.list, w, link);
		iw_unlock(&watcher.lock);
		w->listed = false;
	}
	if (waited >= iw_stall_due(0))
		came_back(w, waited);
	iw_cancel_restore(&cancel);
	errno = saved;
}
