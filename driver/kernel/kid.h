/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The driver's object for one id, and how long it lives.
 *
 * The kernel names an id by the uid that we gave it: here a handle (khandle.h).
 * The kernel counts the events of an id that GET_EVENT handed out and tells that
 * count when the id ends; we count those that a pump has finished with. The
 * object lives until the two are equal and no pump is at it.
 *
 * An id's multicast memberships have uids of their own, which their events
 * show; yet these events count as the id's. So a membership stays known until
 * its end is told by the kernel, or that of its id.
 *
 * Issues no command and knows nothing of events' contents.
 */
#ifndef IW_KID_H
#define IW_KID_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/lock.h"
#include "iwcm-core/iw_driver.h"

/* How the device reports IRD and ORD in ESTABLISHED. */
enum kid_depths {
	KID_DEPTHS_UNKNOWN,
	KID_DEPTHS_STRAIGHT,
	KID_DEPTHS_SWAPPED
};

/* Who is to hear of an outcome. */
enum kid_hearing {
	KID_HEARD_BY_CORE,
	KID_HEARD_BY_NOBODY, /* the core was told one in advance, or the id is going */
	KID_HEARD_BY_PARK    /* was fetched before the id was parked: end it there */
};

/* Whether the kernel can look up the services of InfiniBand. */
enum kid_services {
	KID_SERVICES_NOT_ASKED,
	KID_SERVICES_KNOWN,
	KID_SERVICES_UNKNOWN
};

/* Of one JOIN. All fields are protected by khandle_lock but the constant ones. */
struct kmember {
	/* Constant once the kernel knows the object. */
	struct kid *kid;
	uint64_t handle;

	TAILQ_ENTRY(kmember) link;
	void *membership; /* the core's name for it; NULL: its events are nobody's */
	uint32_t kernel_id;
	bool named; /* kernel_id is known */
};

struct kid {
	/* Constant once the kernel or the core knows the object. */
	struct iw_cm_id *id;
	uint64_t handle;
	uint32_t kernel_id;
	bool passive;
	bool datagram; /* of UD: its events have other parameters */

	/* Changes in migrate alone, while no pump is at the object. */
	struct iw_source *source;

	/* Protected by khandle_lock. */
	TAILQ_HEAD(, kmember) members;
	struct iw_cond finished; /* a pump finished, while somebody waits */
	TAILQ_ENTRY(kid) sibling;
	bool listed;	/* among the source's children */
	bool gone;	/* the kernel's id has ended; @reported is final */
	bool pending;	/* connect or accept has begun, its outcome is not known */
	bool responded; /* the peer has accepted, it is the core's turn */
	bool cancelled; /* the core has been told the outcome in advance */
	bool closed;	/* the kernel has told that the connection ended */
	bool parked;	/* the kernel's id is kpark.c's */
	unsigned int busy, waiting;
	uint32_t seen, reported;

	/* Written by operations on the id, read by pumps: atomically. */
	uint8_t port_num; /* 0: not known */
	enum kid_depths depths;
};

/*
 * The lock makes fetching an event and appending it to its id one step, among
 * the threads that pump. It is taken before khandle_lock, never around a handler.
 */
struct iw_source {
	struct iw_lock order;
	int fd;
	unsigned int forks;	    /* kfork_count() at opening */
	enum kid_services services; /* atomic; kservice.c */
	TAILQ_HEAD(, kid) children; /* oldest first; protected by khandle_lock */
};

/* An object with a handle. -ENOMEM. */
int kid_new(struct iw_source *source, bool passive, struct kid **kid);
/* Before the first command that can cause an event: pumps see both. */
void kid_name(struct kid *kid, struct iw_cm_id *id, uint32_t kernel_id);
/* Of an object that the core does not hold: forgets it. NULL is fine. */
void kid_free(struct kid *kid);

/*
 * A child that the core knows; until its accept the kernel knows it by its
 * kernel id alone.
 */
void kid_list_child(struct kid *kid);

/* Finds the object of an event, which then stays until kid_unpin(). NULL: none. */
struct kid *kid_pin(uint64_t handle);
struct kid *kid_pin_child(struct iw_source *source, uint32_t kernel_id);
/* The event is through. May drop the core's reference and free the object. */
void kid_unpin(struct kid *kid);

/* connect or accept begins, before the command; or (false) has failed. */
void kid_attempt(struct kid *kid, bool begun);
/* The kernel has told the outcome, or that the connection has ended. */
enum kid_hearing kid_outcome(struct kid *kid);
/* InfiniBand: the peer has accepted. If the core is to hear of it, it stays pending. */
enum kid_hearing kid_response(struct kid *kid);
/* The kernel has told that the connection has ended. */
void kid_close(struct kid *kid);
/* The kernel's id was parked. False if its outcome was seen meanwhile. */
bool kid_park(struct kid *kid);
/* True if an attempt was pending: the core is to be told, by the caller, once. */
bool kid_cancel(struct kid *kid);
bool kid_is_pending(struct kid *kid);
bool kid_is_cancelled(struct kid *kid);
bool kid_is_responded(struct kid *kid);
bool kid_is_closed(struct kid *kid);

/* ------------------------------------------------------------- Memberships */

/* -EEXIST, -ENOMEM. */
int kid_member_new(struct kid *kid, void *membership, struct kmember **member);
/* JOIN told its kernel id. False if it was given up meanwhile. */
bool kid_member_name(struct kmember *member, uint32_t kernel_id);
/*
 * No event that is fetched from now on is the core's. NULL: there is none of
 * that name. @named: LEAVE is the caller's; else that of whoever joins.
 */
struct kmember *kid_member_give_up(struct kid *kid, void *membership, bool *named);
/* The kernel has forgotten it. Those that are left at its end the id frees itself. */
void kid_member_free(struct kmember *member);
/* As kid_pin(), for an event of a membership. @membership: whom it is for; NULL: nobody. */
struct kid *kid_pin_member(uint64_t handle, void **membership);
/*
 * Waits until every event of the id that was fetched before is posted. Not for
 * handlers; so it may be called in one.
 */
void kid_flush(struct kid *kid);

/*
 * The kernel's id has ended after @reported events (NULL: not known, none is
 * to come). Drops the core's DRIVER reference and frees the object, here or in
 * the kid_unpin() of the last event.
 */
void kid_retire(struct kid *kid, const uint32_t *reported);
/* The same in a forked child, where pumps of the parent never finish: at once. */
void kid_drop(struct kid *kid);

/*
 * Waits until @reported events are through, at most @ms milliseconds, then
 * makes @source the object's. False if the time ran out (it moved anyway).
 */
bool kid_move(struct kid *kid, uint32_t reported, struct iw_source *source, unsigned int ms);

void kid_fork_begin(void);
void kid_fork_end(void);

#endif
