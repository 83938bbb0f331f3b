// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Sockets that only have to be closed in good order: their last words are sent,
 * then they wait for the peer's FIN. Closing a socket with bytes unread resets
 * it, and the reset would overtake what was said last.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "driver/soft/soft_fork.h"
#include "driver/soft/soft_loop.h"
#include "driver/soft/soft_share.h"

#define DISCARD_AT_ONCE (256u << 10)
#define DISCARD_CALLS 4

/* How long exit(3) may wait for ends that are held. */
#define EXIT_STEPS 15
#define EXIT_STEP_NS 10000000

struct lingering {
	TAILQ_ENTRY(lingering) link;
	struct soft_watch watch;
	struct soft_timer timer;
	unsigned int refs; /* atomic: being on the list, callbacks in flight */
	bool listed, held;
	int fd;
	unsigned int
		then_ms; /* the loop's: the time limit once it is no longer held; 0: it is not */
	size_t len, sent;
	uint8_t bytes[];
};

/* @lock protects: the list, @listed, @held, start and end of a socket's watch and timer. */
static struct {
	struct iw_lock lock;
	TAILQ_HEAD(, lingering) list; /* oldest first */
	unsigned int n;
} all = { .lock = IW_LOCK_STATIC, .list = TAILQ_HEAD_INITIALIZER(all.list) };

static pthread_once_t fork_once = PTHREAD_ONCE_INIT;

static void get(struct lingering *l)
{
	__atomic_fetch_add(&l->refs, 1, __ATOMIC_RELAXED);
}

static void put(struct lingering *l)
{
	if (__atomic_sub_fetch(&l->refs, 1, __ATOMIC_ACQ_REL))
		return;
	close(l->fd);
	free(l);
}

/* The last reference, often that of a callback, closes the socket. */
static void end(struct lingering *l)
{
	bool listed;

	iw_lock(&all.lock);
	listed = l->listed;
	if (listed) {
		l->listed = false;
		TAILQ_REMOVE(&all.list, l, link);
		all.n--;
		soft_watch_remove(&l->watch);
		soft_timer_stop(&l->timer);
	}
	iw_unlock(&all.lock);
	if (listed)
		put(l);
}

/* 0: all is said; -EAGAIN: the socket is full; else it is broken. */
static int say(struct lingering *l)
{
	ssize_t n;

	while (l->sent < l->len) {
		if (iw_fault(IW_FAULT_SYSCALL))
			return -ENOBUFS;
		n = send(l->fd, l->bytes + l->sent, l->len - l->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n > 0)
			l->sent += (size_t)n;
		else if (n < 0 && errno != EINTR)
			return errno == EWOULDBLOCK ? -EAGAIN : -errno;
	}
	if (l->len == l->sent && (iw_fault(IW_FAULT_SYSCALL) || shutdown(l->fd, SHUT_WR)))
		return -ENOTCONN;
	return 0;
}

/*
 * Takes bytes from the socket and copies them nowhere. Not by recv(3), for which
 * ThreadSanitizer holds NULL to be a buffer that all threads write.
 */
static ssize_t drop(int fd)
{
	return syscall(SYS_recvfrom, fd, NULL, DISCARD_AT_ONCE, MSG_TRUNC | MSG_DONTWAIT, NULL,
		       NULL);
}

/* -EAGAIN: more may come; 0: the peer has closed; else it is broken. */
static int discard(struct lingering *l)
{
	ssize_t n;

	for (unsigned int i = 0; i < DISCARD_CALLS; i++) {
		if (iw_fault(IW_FAULT_SYSCALL))
			return -ENOBUFS;
		n = drop(l->fd);
		if (!n)
			return 0;
		if (n < 0 && errno != EINTR)
			return errno == EWOULDBLOCK ? -EAGAIN : -errno;
	}
	return -EAGAIN;
}

static void watch_get(struct soft_watch *watch)
{
	get(iw_container_of(watch, struct lingering, watch));
}

static void watch_put(struct soft_watch *watch)
{
	put(iw_container_of(watch, struct lingering, watch));
}

static void watch_ready(struct soft_watch *watch, uint32_t events)
{
	struct lingering *l = iw_container_of(watch, struct lingering, watch);
	int rc = 0;

	if (l->sent < l->len && !l->then_ms) {
		rc = say(l);
		if (!rc)
			rc = soft_watch_change(watch, EPOLLIN);
	}
	if (!rc || rc == -EAGAIN)
		rc = discard(l);
	if (rc != -EAGAIN)
		end(l);
}

static const struct soft_watch_ops watch_ops = {
	.get = watch_get,
	.put = watch_put,
	.ready = watch_ready,
};

static void timer_get(struct soft_timer *timer)
{
	get(iw_container_of(timer, struct lingering, timer));
}

static void timer_put(struct soft_timer *timer)
{
	put(iw_container_of(timer, struct lingering, timer));
}

/* Held long enough: what was to be said is said now. */
static int unhold(struct lingering *l)
{
	unsigned int ms = l->then_ms;
	int rc = say(l);

	l->then_ms = 0;
	if (rc && rc != -EAGAIN)
		return rc;
	iw_lock(&all.lock);
	l->held = false;
	if (l->listed)
		soft_timer_start(&l->timer, ms);
	rc = l->listed && rc ? soft_watch_change(&l->watch, EPOLLIN | EPOLLOUT) : 0;
	iw_unlock(&all.lock);
	return rc;
}

static void timer_fire(struct soft_timer *timer)
{
	struct lingering *l = iw_container_of(timer, struct lingering, timer);

	if (!l->then_ms || unhold(l))
		end(l);
}

static const struct soft_timer_ops timer_ops = {
	.get = timer_get,
	.put = timer_put,
	.fire = timer_fire,
};

static struct lingering *new_lingering(int fd, const void *bytes, size_t len)
{
	struct lingering *l = iw_calloc(1, sizeof(*l) + len);

	if (!l)
		return NULL;
	l->watch.ops = &watch_ops;
	l->timer.ops = &timer_ops;
	l->refs = 1;
	l->fd = fd;
	l->len = len;
	if (len)
		memcpy(l->bytes, bytes, len);
	return l;
}

/* In a child: the parent's sockets are closed by the parent, ours of them here. */
static void reset(void)
{
	struct lingering *l, *next;

	/* The list is in pieces if another thread was at it. */
	for (l = iw_trylock(&all.lock) ? TAILQ_FIRST(&all.list) : NULL; l; l = next) {
		next = TAILQ_NEXT(l, link);
		close(l->fd);
		free(l);
	}
	iw_lock_init(&all.lock);
	TAILQ_INIT(&all.list);
	all.n = 0;
}

static void watch_forks(void)
{
	soft_fork_in_child(reset);
}

/* On the list, so that whoever ends it finds watch and timer either whole or not begun. */
static int begin(struct lingering *l, uint32_t events, unsigned int ms)
{
	int rc;

	pthread_once(&fork_once, watch_forks);
	iw_lock(&all.lock);
	rc = soft_watch_add(&l->watch, soft_loop_fd(), l->fd, events);
	if (!rc) {
		soft_timer_start(&l->timer, ms);
		TAILQ_INSERT_TAIL(&all.list, l, link);
		l->listed = true;
		all.n++;
	}
	iw_unlock(&all.lock);
	return rc;
}

/* With a reference; NULL: there is room. */
static struct lingering *oldest_if_full(void)
{
	struct lingering *l = NULL;

	iw_lock(&all.lock);
	if (all.n >= SOFT_LINGER_MAX ||
	    (all.n >= SOFT_SHARE_LEAST &&
	     all.n >= soft_share_of_descriptors(SOFT_SHARE_LINGERING))) {
		l = TAILQ_FIRST(&all.list);
		get(l);
	}
	iw_unlock(&all.lock);
	return l;
}

/* Without the means to wait: a peer that has nothing under way still hears the last words. */
static void say_and_close(int fd, const void *bytes, size_t len)
{
	ssize_t n;

	do
		n = len && !iw_fault(IW_FAULT_SYSCALL)
			    ? send(fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT)
			    : 0;
	while (n < 0 && errno == EINTR);
	close(fd);
}

/* True: the loop has it now. */
static bool say_or_hold(struct lingering *l, unsigned int hold_ms, unsigned int ms)
{
	int rc;

	if (hold_ms) {
		l->held = true;
		l->then_ms = ms;
		return !begin(l, EPOLLIN, hold_ms);
	}
	rc = say(l);
	if (rc == -EAGAIN)
		return !begin(l, EPOLLIN | EPOLLOUT, ms);
	/* A peer that has closed before us is not waited for. */
	if (!rc)
		rc = discard(l);
	return rc == -EAGAIN && !begin(l, EPOLLIN, ms);
}

void soft_loop_linger(int fd, const void *bytes, size_t len, unsigned int ms)
{
	soft_loop_linger_held(fd, bytes, len, 0, ms);
}

void soft_loop_linger_held(int fd, const void *bytes, size_t len, unsigned int hold_ms,
			   unsigned int ms)
{
	struct lingering *l, *oldest;

	l = soft_loop_start() ? NULL : new_lingering(fd, bytes, len);
	if (!l) {
		say_and_close(fd, bytes, len);
		return;
	}
	while ((oldest = oldest_if_full())) {
		end(oldest);
		put(oldest);
	}
	if (!say_or_hold(l, hold_ms, ms))
		put(l);
}

/* Perhaps, if the lock is taken: it may be for good, by the thread that exits. */
static bool any_held(void)
{
	struct lingering *l;

	if (!iw_trylock(&all.lock))
		return true;
	l = TAILQ_FIRST(&all.list);
	while (l && !l->held)
		l = TAILQ_NEXT(l, link);
	iw_unlock(&all.lock);
	return l;
}

/* The end of the process would close the sockets that are held before their time. */
__attribute__((destructor)) static void wait_for_held(void)
{
	const struct timespec step = { .tv_nsec = EXIT_STEP_NS };

	for (unsigned int i = 0; i < EXIT_STEPS && any_held(); i++)
		nanosleep(&step, NULL);
}
