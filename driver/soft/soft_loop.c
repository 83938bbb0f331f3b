// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The loop's thread. What it serves is in soft_watch.c (descriptors),
 * soft_timer.c and soft_linger.c.
 */
#include "driver/soft/soft_loop.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "driver/soft/soft_fork.h"

/* @lock protects: the start. The rest is constant once @running is true. */
static struct {
	struct iw_lock lock;
	bool running; /* atomic */
	int epfd;
	struct soft_watch timers;
} loop = { .lock = IW_LOCK_STATIC, .epfd = -1 };

static _Thread_local bool is_self;

static void keep(struct soft_watch *watch)
{
}

static void timers_ready(struct soft_watch *watch, uint32_t events)
{
	soft_timer_run(watch->fd);
}

/* A child has no thread yet, and shares no epoll with its parent. */
static void reset(void)
{
	iw_lock_init(&loop.lock);
	if (loop.running) {
		close(loop.epfd);
		close(loop.timers.fd);
	}
	loop.running = false;
	loop.epfd = -1;
	loop.timers.handle = 0;
	is_self = false;
}

static const struct soft_watch_ops timers_ops = {
	.get = keep,
	.put = keep,
	.ready = timers_ready,
};

static void *run(void *arg)
{
	int rc;

	is_self = true;
	do {
		rc = soft_watch_run(loop.epfd, -1);
	} while (rc >= 0 || rc == -EINTR);
	/* Programs that close all descriptors take ours along; do not spin on it. */
	iw_error("soft: the progress thread ends: %s", strerror(-rc));
	return NULL;
}

static int start(void)
{
	int rc, timers;

	iw_assert_held(&loop.lock);
	rc = soft_watch_epoll();
	if (rc < 0)
		return rc;
	loop.epfd = rc;
	timers = soft_timer_open();
	rc = timers;
	if (rc < 0)
		goto close_epoll;
	loop.timers.ops = &timers_ops;
	rc = soft_watch_add(&loop.timers, loop.epfd, timers, EPOLLIN);
	if (rc)
		goto close_timers;
	rc = iw_thread_start(run, NULL, "iwshim-soft");
	if (rc)
		goto remove_watch;
	__atomic_store_n(&loop.running, true, __ATOMIC_RELEASE);
	return 0;

remove_watch:
	soft_watch_remove(&loop.timers);
close_timers:
	close(timers);
close_epoll:
	close(loop.epfd);
	loop.epfd = -1;
	iw_error("soft: cannot start the progress thread: %s", strerror(-rc));
	return rc;
}

int soft_loop_start(void)
{
	int rc = 0;

	if (!__atomic_load_n(&loop.running, __ATOMIC_ACQUIRE)) {
		soft_fork_in_child(reset); /* before a child can find the lock taken */
		iw_lock(&loop.lock);
		if (!loop.running)
			rc = start();
		iw_unlock(&loop.lock);
	}
	return rc;
}

int soft_loop_fd(void)
{
	return loop.epfd;
}

bool soft_loop_is_self(void)
{
	return is_self;
}
