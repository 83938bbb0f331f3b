/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Progress sets: the sockets of the QPs of one completion queue (or of several
 * that share QPs), and who drives them.
 *
 * Waking an idle core costs five times the whole latency of a polled socket, so
 * the loop's thread must not be woken for what a polling program serves itself:
 *
 *   LOOP     nobody polls: the set's epoll descriptor is watched by the loop.
 *   LEASED   a program polls: the loop does not watch the set. A timer of the
 *            loop looks every SOFT_LEASE_MS whether polls still happen; if none
 *            did, the set returns to LOOP.
 *   WAITER   a thread sleeps in ibv_get_cq_event: it waits on the sockets
 *            itself. No timer runs for long. When it leaves, LEASED.
 *
 * While a CQ of the set is armed (ibv_req_notify_cq) the program may sleep on
 * the channel's descriptor by its own poll(2): polls then drive but do not
 * lease, and arming ends a lease at once. The exception: a program whose last
 * sleep was in ibv_get_cq_event is expected there again, so that an event does
 * not cost it two epoll_ctl; if the timer finds it elsewhere, LOOP, and it is
 * expected no more.
 *
 * Whoever drives, drives the whole set: up to SOFT_PSET_DIRECT members are
 * asked directly, more through the set's epoll descriptor.
 */
#ifndef IW_SOFT_PSET_H
#define IW_SOFT_PSET_H

#include "driver/soft/soft.h"
#include "driver/soft/soft_loop.h"

#define SOFT_PSET_DIRECT 4
#define SOFT_LEASE_MS 2
/* So many sets a sleeping thread takes over at most; the loop keeps the others. */
#define SOFT_PSET_WAIT_MAX 16

/*
 * References: one for each CQ and each member. -ENOMEM, -EMFILE, or what
 * soft_loop_start() says.
 */
int soft_pset_new(struct soft_pset **set);
void soft_pset_get(struct soft_pset *set);
void soft_pset_put(struct soft_pset *set);

/*
 * The set of a QP of two CQs: theirs, if they agree or one has none yet (it
 * gets the other's); a new one if none has; if they differ, one of its own
 * that only the loop and explicit drives of the QP serve. With a reference.
 */
int soft_pset_for(struct soft_cq *send_cq, struct soft_cq *recv_cq, struct soft_pset **set);

/*
 * @watch: the QP's; its ready() callback makes progress and must not block. A
 * member holds no reference to the set: its owner does.
 */
int soft_pset_add(struct soft_pset *set, struct soft_watch *watch, int fd);
/* Also wait until the socket takes more (or no longer). */
int soft_pset_want_write(struct soft_pset *set, struct soft_watch *watch, bool want);
/* No callback takes its reference after it; one that has it goes on. */
void soft_pset_remove(struct soft_pset *set, struct soft_watch *watch);

/* A poll found its CQ empty: leases the set if it may, drives it once. */
void soft_pset_drive(struct soft_pset *set);
/* A CQ of the set was armed, or its armed state ended. Any lock of soft.h may be held. */
void soft_pset_armed(struct soft_pset *set, bool armed);

/*
 * A thread will sleep until a socket of the sets or @fd is readable. Drives what
 * came. 0: @fd is readable or something was driven, the caller looks and calls
 * again; or -EINTR, -EBADF. Of @n sets the first SOFT_PSET_WAIT_MAX count.
 * A cancellation point while it sleeps, by @cancel (the state that the caller
 * found); otherwise the caller has cancellation disabled. After @timeout ms (-1:
 * never) it is 0, too.
 */
int soft_pset_wait(struct soft_pset *const *sets, unsigned int n, int fd, int cancel, int timeout);

#endif
