/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the log says of calls that block in the software device. Programs call
 * verbs by themselves, so these lines name verbs' objects and ask no caller.
 */
#ifndef IW_SOFT_STALL_H
#define IW_SOFT_STALL_H

#include "base/stall.h"
#include "driver/soft/soft.h"

struct soft_channel;
struct soft_qp;
struct soft_region;

/* Events of one kind: handed out so far, and how many of them were acknowledged. */
struct soft_acks {
	const uint32_t *given, *acked; /* @given is read atomically */
	const char *how;	       /* "ibv_get_cq_event and ibv_ack_cq_events" */
};

struct soft_acks_wait {
	const char *call;
	const void *object; /* the program's pointer */
	struct soft_acks acks[2];
};

/* How the events of queues are acknowledged: @how of struct soft_acks. */
#define SOFT_ACKS_ASYNC "asynchronous: ibv_ack_async_event"
#define SOFT_ACKS_COMP "of completions: ibv_ack_cq_events"

/*
 * Until all events of an element have been acknowledged, which verbs count under
 * @mutex and tell by @cond. For as long as the program likes; a line in the log
 * is an error.
 */
void soft_wait_acked(pthread_mutex_t *mutex, pthread_cond_t *cond,
		     const struct soft_acks_wait *wait);

/* For struct iw_stall. With a pointer to the channel's pointer: info. */
void soft_channel_tell(const void *channel, unsigned int seconds);
/* With a pointer to the context's pointer: info. */
void soft_async_tell(const void *context, unsigned int seconds);
/* With a QP, whose fail_lock is held: an error. */
void soft_stream_tell(const void *qp, unsigned int seconds);
/* With a region: an error. */
void soft_stag_tell(const void *region, unsigned int seconds);

#endif
