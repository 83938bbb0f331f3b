/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * From the kernel's events to the core's: a pure function over one response of
 * GET_EVENT. Finds no ids, posts nothing.
 */
#ifndef IW_KEVENT_H
#define IW_KEVENT_H

#include <stdbool.h>

#include "driver/kernel/ucma_abi.h"
#include "iwcm-core/iw_cm.h"

enum kevent_flag {
	KEVENT_PASSIVE = 1,	   /* the id is a listener's child */
	KEVENT_DEPTHS_SWAPPED = 2, /* the device swaps IRD and ORD in ESTABLISHED */
	KEVENT_DATAGRAM = 4	   /* the id is one of UD: parameters name a destination */
};

/* True for events whose uid is that of a membership. */
bool kevent_is_multicast(const struct rdma_ucm_event_resp *resp);

/*
 * Fills @ev but for child and membership, which are NULL; its private data points into @resp.
 * status is 0 or a negative errno that fits the event, detail the kernel's number, reason the
 * status of bad news where that is positive. -EPROTO: an event that no id of this driver can have;
 * @ev is untouched.
 */
int kevent_translate(const struct rdma_ucm_event_resp *resp, unsigned int flags,
		     struct iw_cm_event *ev);

#endif
