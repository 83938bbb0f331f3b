/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The one thread of the software device: started on first use, asleep in
 * epoll_wait while nothing happens. It serves watches (listeners, sockets in
 * set-up, the sockets of QPs that nobody polls), timers, and sockets that only
 * have to be closed in good order.
 *
 * A watch is named in epoll by index and generation, never by address: an event
 * that was fetched before the watch went finds nothing. While its callback runs,
 * the watched object is kept alive by get/put.
 */
#ifndef IW_SOFT_LOOP_H
#define IW_SOFT_LOOP_H

#include "driver/soft/soft.h"

struct soft_watch;

struct soft_watch_ops {
	/* A reference for the time of the callback; called with a lock held: takes none. */
	void (*get)(struct soft_watch *watch);
	void (*put)(struct soft_watch *watch);
	/*
	 * @events: EPOLL*. Runs on whatever thread waits; never twice at once by
	 * itself in the loop, but several threads may drive one set.
	 */
	void (*ready)(struct soft_watch *watch, uint32_t events);
};

/* Embedded in what is watched. Zeroed: not watched. */
struct soft_watch {
	const struct soft_watch_ops *ops;
	uint64_t handle; /* 0: not in the table */
	int epfd, fd;
	TAILQ_ENTRY(soft_watch) link; /* in its set */
};

/* Starts the thread if it does not run in this process. -EAGAIN, -EMFILE. */
int soft_loop_start(void);
/* The loop's own epoll descriptor. */
int soft_loop_fd(void);
bool soft_loop_is_self(void);

/* A new epoll descriptor, or -errno. */
int soft_watch_epoll(void);
/*
 * Watches of the loop (epfd = soft_loop_fd()) or of a set (soft_pset.h).
 * -ENOMEM, -ENOSPC, or what epoll_ctl(2) says. The callback may come before the
 * call returns.
 */
int soft_watch_add(struct soft_watch *watch, int epfd, int fd, uint32_t events);
int soft_watch_change(struct soft_watch *watch, uint32_t events);
/*
 * No callback takes its reference after it; one that has it goes on. Does
 * nothing to what is not watched. The descriptor is closed afterwards, not before.
 */
void soft_watch_remove(struct soft_watch *watch);
/* Runs the callback of one event as epoll_wait returned it. */
void soft_watch_dispatch(uint64_t handle, uint32_t events);
/*
 * Waits @ms (-1: for ever) on @epfd and runs the callbacks of up to 64 events.
 * Their count, or what epoll_wait(2) says.
 */
int soft_watch_run(int epfd, int ms);

/*
 * Timers: run on the loop's thread, which has been started. Start of a running
 * one moves it. After soft_timer_stop() returned true it does not fire; false:
 * it fires, is firing or was not started. @get/@put as above.
 */
struct soft_timer;
struct soft_timer_ops {
	void (*get)(struct soft_timer *timer);
	void (*put)(struct soft_timer *timer);
	void (*fire)(struct soft_timer *timer);
};
struct soft_timer {
	const struct soft_timer_ops *ops;
	TAILQ_ENTRY(soft_timer) link;
	uint64_t due_ms; /* CLOCK_MONOTONIC; 0: not running */
};
void soft_timer_start(struct soft_timer *timer, unsigned int ms);
bool soft_timer_stop(struct soft_timer *timer);

/* For the loop alone: makes the timers' descriptor (or -errno); fires what is due. */
int soft_timer_open(void);
void soft_timer_run(int fd);

/*
 * Takes over a socket whose stream has ended: sends @bytes (@len may be 0;
 * copied), then FIN, reads and discards until the peer's FIN or for
 * @ms milliseconds in all, closes. So a Terminate is not destroyed by a reset.
 * Never fails: without memory it closes at once. At most SOFT_LINGER_MAX wait at
 * a time, or a share of the process's descriptors (soft_share.h); beyond them the
 * oldest is closed.
 */
#define SOFT_LINGER_MAX 1024
#define SOFT_LINGER_MS 2000
void soft_loop_linger(int fd, const void *bytes, size_t len, unsigned int ms);
/*
 * The same, but nothing is said for @hold_ms, unless the peer closes. exit(3)
 * waits for it, 150 ms at most.
 */
void soft_loop_linger_held(int fd, const void *bytes, size_t len, unsigned int hold_ms,
			   unsigned int ms);

#endif
