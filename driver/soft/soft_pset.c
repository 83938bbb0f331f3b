// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Progress sets: members, and the scheme of who drives them (soft_pset.h).
 * How a socket is served is its QP's; which CQs a set stands for is decided by
 * soft_pset_for() alone.
 *
 * The state of the header is kept as: watched (LOOP), waiters (WAITER), neither
 * (LEASED; the timer runs). What polls and events pass through costs no system
 * call and no clock: a timer that runs is left to run and looks for itself.
 */
#include "driver/soft/soft_pset.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "driver/soft/soft_cq.h"
#include "driver/soft/soft_fork.h"

/*
 * @lock protects: all of it but refs, users, polls and armed, which are atomic.
 * Any lock of soft.h may be held when it is taken; inside it those of the watches
 * and the timers alone.
 */
struct soft_pset {
	struct iw_lock lock;
	unsigned int refs;  /* the users' one, the running timer's, callbacks in flight */
	unsigned int users; /* CQs and owners of members */
	TAILQ_HEAD(, soft_watch) members;
	unsigned int n;
	struct soft_watch watch; /* of epfd, in the loop */
	int epfd;

	bool watched; /* by the loop; read without the lock as a hint */
	unsigned int waiters;
	bool expect_waiter; /* the last sleep was in soft_pset_wait() */
	struct soft_timer timer;
	bool timed;	   /* the timer runs and holds a reference */
	unsigned int seen; /* polls when the timer looked last */

	unsigned int polls;
	int armed;
};

static void ref(struct soft_pset *set)
{
	__atomic_fetch_add(&set->refs, 1, __ATOMIC_RELAXED);
}

static void unref(struct soft_pset *set)
{
	if (__atomic_sub_fetch(&set->refs, 1, __ATOMIC_ACQ_REL))
		return;
	close(set->epfd);
	iw_lock_fini(&set->lock);
	free(set);
}

/* ---- driving */

/* The members with references, if they are few enough; else 0 of them and true. */
static bool snapshot(struct soft_pset *set, struct soft_watch **members, unsigned int *n)
{
	struct soft_watch *watch;
	bool many;

	*n = 0;
	iw_lock(&set->lock);
	many = set->n > SOFT_PSET_DIRECT;
	if (!many) {
		TAILQ_FOREACH (watch, &set->members, link) {
			watch->ops->get(watch);
			members[(*n)++] = watch;
		}
	}
	iw_unlock(&set->lock);
	return many;
}

static void drive(struct soft_pset *set)
{
	struct soft_watch *members[SOFT_PSET_DIRECT];
	unsigned int n;

	if (snapshot(set, members, &n)) {
		soft_watch_run(set->epfd, 0);
		return;
	}
	for (unsigned int i = 0; i < n; i++) {
		members[i]->ops->ready(members[i], 0);
		members[i]->ops->put(members[i]);
	}
}

/* ---- between loop and lease */

static void watch_get(struct soft_watch *watch)
{
	ref(iw_container_of(watch, struct soft_pset, watch));
}

static void watch_put(struct soft_watch *watch)
{
	unref(iw_container_of(watch, struct soft_pset, watch));
}

/* By the events, not by asking: a socket that broke says so only here. */
static void watch_ready(struct soft_watch *watch, uint32_t events)
{
	soft_watch_run(watch->fd, 0);
}

static const struct soft_watch_ops watch_ops = {
	.get = watch_get,
	.put = watch_put,
	.ready = watch_ready,
};

static void start_timer(struct soft_pset *set)
{
	iw_assert_held(&set->lock);
	if (set->timed)
		return;
	set->timed = true;
	set->seen = __atomic_load_n(&set->polls, __ATOMIC_RELAXED);
	ref(set);
	soft_timer_start(&set->timer, SOFT_LEASE_MS);
}

static void set_watched(struct soft_pset *set, bool watched)
{
	iw_assert_held(&set->lock);
	if (set->watched == watched)
		return;
	/* The loop that cannot be told goes on as before: slower, not wrong. */
	if (soft_watch_change(&set->watch, watched ? EPOLLIN : 0)) {
		if (watched)
			start_timer(set);
		return;
	}
	__atomic_store_n(&set->watched, watched, __ATOMIC_RELAXED);
}

static void timer_get(struct soft_timer *timer)
{
	ref(iw_container_of(timer, struct soft_pset, timer));
}

static void timer_put(struct soft_timer *timer)
{
	unref(iw_container_of(timer, struct soft_pset, timer));
}

/* Of the other states, whoever ends them starts the timer again. */
static bool is_leased(const struct soft_pset *set)
{
	return !set->watched && !set->waiters && __atomic_load_n(&set->users, __ATOMIC_RELAXED);
}

static void end_idle_lease(struct soft_pset *set)
{
	if (__atomic_load_n(&set->polls, __ATOMIC_RELAXED) != set->seen) {
		start_timer(set);
		return;
	}
	set->expect_waiter = false;
	set_watched(set, true);
}

static void timer_fire(struct soft_timer *timer)
{
	struct soft_pset *set = iw_container_of(timer, struct soft_pset, timer);

	iw_lock(&set->lock);
	set->timed = false;
	if (is_leased(set))
		end_idle_lease(set);
	iw_unlock(&set->lock);
	unref(set);
}

static const struct soft_timer_ops timer_ops = {
	.get = timer_get,
	.put = timer_put,
	.fire = timer_fire,
};

/* Somebody drives, for now: he is believed until the timer finds him gone. */
static void lease(struct soft_pset *set)
{
	iw_assert_held(&set->lock);
	__atomic_fetch_add(&set->polls, 1, __ATOMIC_RELAXED);
	set_watched(set, false);
	if (!set->watched && !set->waiters)
		start_timer(set);
}

static bool is_armed(const struct soft_pset *set)
{
	return __atomic_load_n(&set->armed, __ATOMIC_SEQ_CST) > 0;
}

void soft_pset_drive(struct soft_pset *set)
{
	/* A lost count is no harm: only whether it moves is looked at. */
	__atomic_store_n(&set->polls, __atomic_load_n(&set->polls, __ATOMIC_RELAXED) + 1,
			 __ATOMIC_RELAXED);
	if (__atomic_load_n(&set->watched, __ATOMIC_RELAXED) && !is_armed(set)) {
		iw_lock(&set->lock);
		/* Again: one that armed since has looked at a set that was watched. */
		if (!is_armed(set))
			lease(set);
		iw_unlock(&set->lock);
	}
	drive(set);
}

void soft_pset_armed(struct soft_pset *set, bool armed)
{
	__atomic_fetch_add(&set->armed, armed ? 1 : -1, __ATOMIC_SEQ_CST);
	if (!armed)
		return;
	iw_lock(&set->lock);
	if (set->expect_waiter && !set->watched)
		lease(set);
	else if (!set->waiters)
		set_watched(set, true);
	iw_unlock(&set->lock);
}

/* ---- sleeping */

struct sleep {
	struct soft_pset *const *sets;
	unsigned int n;
};

static void enter(struct soft_pset *set)
{
	soft_pset_get(set);
	iw_lock(&set->lock);
	set->waiters++;
	set->expect_waiter = true;
	set_watched(set, false);
	iw_unlock(&set->lock);
}

static void leave(struct soft_pset *set)
{
	iw_lock(&set->lock);
	if (!--set->waiters)
		lease(set);
	iw_unlock(&set->lock);
	soft_pset_put(set);
}

static void leave_all(void *arg)
{
	struct sleep *sleep = arg;

	for (unsigned int i = 0; i < sleep->n; i++)
		leave(sleep->sets[i]);
}

/* Nothing of ours is held while it sleeps but what leave_all() gives back. */
static int sleep_for(struct sleep *sleep, struct pollfd *pfd, int cancel, int timeout)
{
	int n, error;

	pthread_cleanup_push(leave_all, sleep);
	pthread_setcancelstate(cancel, NULL);
	n = iw_fault(IW_FAULT_SYSCALL) ? (errno = ENOMEM, -1) : poll(pfd, sleep->n + 1, timeout);
	error = errno;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	pthread_cleanup_pop(0);
	return n < 0 ? -error : 0;
}

int soft_pset_wait(struct soft_pset *const *sets, unsigned int n, int fd, int cancel, int timeout)
{
	struct pollfd pfd[SOFT_PSET_WAIT_MAX + 1];
	struct sleep sleep = { .sets = sets };
	int rc;

	for (; sleep.n < n && sleep.n < SOFT_PSET_WAIT_MAX; sleep.n++) {
		enter(sets[sleep.n]);
		pfd[sleep.n] = (struct pollfd){ .fd = sets[sleep.n]->epfd, .events = POLLIN };
	}
	pfd[sleep.n] = (struct pollfd){ .fd = fd, .events = POLLIN };
	rc = sleep_for(&sleep, pfd, cancel, timeout);
	for (unsigned int i = 0; !rc && i < sleep.n; i++)
		if (pfd[i].revents)
			drive(sets[i]);
	leave_all(&sleep);
	if (!rc && pfd[sleep.n].revents & POLLNVAL)
		rc = -EBADF;
	return rc;
}

/* ---- members */

int soft_pset_add(struct soft_pset *set, struct soft_watch *watch, int fd)
{
	int rc;

	iw_lock(&set->lock);
	rc = soft_watch_add(watch, set->epfd, fd, EPOLLIN | EPOLLRDHUP);
	if (!rc) {
		TAILQ_INSERT_TAIL(&set->members, watch, link);
		set->n++;
	}
	iw_unlock(&set->lock);
	return rc;
}

int soft_pset_want_write(struct soft_pset *set, struct soft_watch *watch, bool want)
{
	return soft_watch_change(watch, EPOLLIN | EPOLLRDHUP | (want ? EPOLLOUT : 0));
}

void soft_pset_remove(struct soft_pset *set, struct soft_watch *watch)
{
	iw_lock(&set->lock);
	if (watch->handle) {
		TAILQ_REMOVE(&set->members, watch, link);
		set->n--;
		soft_watch_remove(watch);
	}
	iw_unlock(&set->lock);
}

/* ---- life */

int soft_pset_new(struct soft_pset **out)
{
	struct soft_pset *set;
	int rc = soft_loop_start();

	if (rc)
		return rc;
	set = iw_calloc(1, sizeof(*set));
	if (!set)
		return -ENOMEM;
	rc = soft_watch_epoll();
	if (rc < 0)
		goto free_set;
	set->epfd = rc;
	iw_lock_init(&set->lock);
	TAILQ_INIT(&set->members);
	set->refs = set->users = 1;
	set->watched = true;
	set->watch.ops = &watch_ops;
	set->timer.ops = &timer_ops;
	rc = soft_watch_add(&set->watch, soft_loop_fd(), set->epfd, EPOLLIN);
	if (rc)
		goto close_epoll;
	*out = set;
	return 0;

close_epoll:
	close(set->epfd);
	iw_lock_fini(&set->lock);
free_set:
	free(set);
	return rc;
}

void soft_pset_get(struct soft_pset *set)
{
	__atomic_fetch_add(&set->users, 1, __ATOMIC_RELAXED);
}

/* A timer that still runs ends by itself. */
void soft_pset_put(struct soft_pset *set)
{
	if (__atomic_sub_fetch(&set->users, 1, __ATOMIC_ACQ_REL))
		return;
	soft_watch_remove(&set->watch);
	unref(set);
}

/* ---- which set is whose */

/* Serialises soft_pset_for(): a CQ gets a set once and keeps it. Outside cq->lock. */
static struct iw_lock for_lock = IW_LOCK_STATIC;
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;

static void reset(void)
{
	iw_lock_init(&for_lock);
}

static void watch_forks(void)
{
	soft_fork_in_child(reset);
}

static struct soft_pset *set_of(struct soft_cq *cq)
{
	return __atomic_load_n(&cq->pset, __ATOMIC_ACQUIRE);
}

static void adopt(struct soft_cq *cq, struct soft_pset *set)
{
	if (set_of(cq))
		return;
	soft_pset_get(set);
	iw_lock(&cq->lock);
	__atomic_store_n(&cq->pset, set, __ATOMIC_RELEASE);
	if (cq->armed != SOFT_CQ_UNARMED)
		soft_pset_armed(set, true);
	iw_unlock(&cq->lock);
}

/* A new one where the two disagree: no poll finds it, the loop serves it for ever. */
static int choose(struct soft_pset *send, struct soft_pset *recv, struct soft_pset **set)
{
	struct soft_pset *common = send ? send : recv;

	if (!common || (recv && recv != common))
		return soft_pset_new(set);
	soft_pset_get(common);
	*set = common;
	return 0;
}

int soft_pset_for(struct soft_cq *send_cq, struct soft_cq *recv_cq, struct soft_pset **out)
{
	struct soft_pset *set;
	int rc;

	pthread_once(&fork_once, watch_forks);
	iw_lock(&for_lock);
	rc = choose(set_of(send_cq), set_of(recv_cq), &set);
	if (!rc) {
		adopt(send_cq, set);
		adopt(recv_cq, set);
		*out = set;
	}
	iw_unlock(&for_lock);
	return rc;
}
