/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The multicast groups that an id has joined. Each has records of its own, so
 * that no number of groups makes an event of one wait for another's.
 */
#ifndef IW_MEMBER_H
#define IW_MEMBER_H

#include "iwcm-core/iw_id.h"

/* The result of the join and a later loss may wait at once. */
#define IW_MEMBER_RECORDS 2

/* All of it under the lock of its id. */
struct iw_member {
	TAILQ_ENTRY(iw_member) link;
	void *name;	   /* the client's */
	unsigned int busy; /* calls of join or leave that use it */
	bool leaving;	   /* leave was called */
	bool left;	   /* no event is delivered; goes when nobody uses it */
	struct iw_record records[IW_MEMBER_RECORDS];
	struct iw_cm_conn_param params[IW_MEMBER_RECORDS]; /* the records' */
};

/*
 * A record of the membership that no event waits in. Under the id's lock.
 * -ENOENT: no such membership; -EBUSY: all wait.
 */
int iw_member_record(struct iw_id *id, const void *name, struct iw_record **rec);

/* Frees them with the id, which nobody uses any more. */
void iw_members_free(struct iw_id *id);

#endif
