/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The events of an id: one list in the order of posting, drained by one thread
 * at a time. Records are allocated with the id, so that a post cannot run out
 * of memory.
 */
#ifndef IW_EVENT_H
#define IW_EVENT_H

#include "iwcm-core/iw_id.h"

/* What the drain does with an event once the lock is released, in this order. */
struct iw_step {
	bool complete;	     /* iw_establish.c, which decides on the rest */
	bool qp_err;	     /* ask for ERR */
	bool end_connection; /* the driver's disconnect, abrupt */
	bool end_request;    /* the driver's reject */
	bool deliver;	     /* the client's handler */
};

/* An event taken off the list; its private data is copied into @data. */
struct iw_delivery {
	struct iw_cm_event ev;
	bool malformed;
	struct iw_step step;
	uint8_t data[IW_CM_PRIVATE_DATA_MAX];
};

/*
 * Delivers what waits until nothing does, the id is dying or it is held back.
 * The caller gives its DRAIN reference and no lock; @id may be gone afterwards.
 */
void iw_event_drain(struct iw_id *id);

/*
 * Sees to it that what waits is drained. Under the id's lock. True: the caller
 * has to call iw_event_drain() after unlocking, and has the reference for it.
 */
bool iw_event_kick(struct iw_id *id);

/*
 * Appends an event of the kinds that have a record of their own. Entered with
 * the id's lock, left without it. @drain as for iw_cm_append(). -ESHUTDOWN,
 * -EBUSY, and for MULTICAST -ENOENT; -EINVAL: appended as a malformed one.
 */
int iw_event_append_and_unlock(struct iw_id *id, const struct iw_cm_event *ev, bool *drain);

/*
 * Takes back a drain that waits for a thread of the pool and has not begun.
 * Under the id's lock; the caller holds a reference of another class.
 */
void iw_event_unschedule(struct iw_id *id);

#endif
