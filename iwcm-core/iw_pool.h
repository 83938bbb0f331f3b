/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Threads that drain ids for drivers which must not run handlers themselves.
 * The first thread starts with the first such id, so that a post can never fail
 * for want of one; more start while all are busy in handlers.
 */
#ifndef IW_POOL_H
#define IW_POOL_H

#include "iwcm-core/iw_id.h"

/* Makes sure that there is a thread. 0 or -EAGAIN. */
int iw_pool_start(void);
/* Schedules a drain of @id, whose lock and a DRAIN reference are held. */
void iw_pool_submit(struct iw_id *id);
/* Takes back a drain that has not begun, under the id's lock: true if there was one. */
bool iw_pool_cancel(struct iw_id *id);

#endif
