/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Completion queues, plain and extended, and completion channels.
 *
 * A channel is a pipe of 8-byte CQ pointers (struct ib_uverbs_comp_event_desc),
 * because programs poll and read it themselves. Its read end is
 * channel->fd. What finds no room in the pipe waits in order and follows
 * when events are read; an event is never lost.
 */
#ifndef IW_SOFT_CQ_H
#define IW_SOFT_CQ_H

#include "driver/soft/soft.h"
#include "driver/soft/soft_loop.h"

/*
 * @lock protects: all below it but refs, the pending and comp_events fields of
 * its CQs, and who writes to the pipe.
 */
struct soft_channel {
	struct ibv_comp_channel ibv;
	struct soft_context *ctx;
	struct iw_lock lock;
	int write_fd; /* -1: destroyed */
	/* CQs whose events are not in the pipe: it was full, or the poster is the reader. */
	TAILQ_HEAD(, soft_cq) pending;
	TAILQ_HEAD(, soft_cq) cqs;
	unsigned int n_cqs;
	struct soft_watch room; /* for the full pipe, of write_fd, in the loop */
	unsigned int refs;	/* atomic: the program's, callbacks in flight */
};

/*
 * @lock protects: the ring and its indices, armed, overflowed.
 * ibv.mutex, ibv.cond and the *_events_completed counters behave as in
 * libibverbs: its ibv_ack_cq_events works on them.
 */
struct soft_cq {
	union {
		struct ibv_cq ibv;
		struct ibv_cq_ex ex; /* same head as ibv_cq */
	};
	struct soft_context *ctx;
	struct soft_channel *channel; /* may be NULL */
	struct soft_pset *pset;	      /* set by the first QP; its sockets are driven by polling */
	unsigned int qps;	      /* QPs and SRQs that use it; atomic */

	struct iw_lock lock;
	struct ibv_wc *ring;
	uint32_t size, head, tail; /* head: next to poll; free-running */
	enum {
		SOFT_CQ_UNARMED,
		SOFT_CQ_ARMED_SOLICITED,
		SOFT_CQ_ARMED_NEXT
	} armed;
	bool overflowed;
	TAILQ_ENTRY(soft_cq) link;    /* in the channel's cqs */
	TAILQ_ENTRY(soft_cq) pending; /* while pending_events is not 0 */
	uint32_t pending_events;
	uint32_t comp_events; /* posted to the channel; destroy waits until all are acked */
	uint32_t async_events;
	/*
	 * The extended interface. @poll_lock is held from start_poll to end_poll, over
	 * whatever the program does there: outside all others. Protects: current.
	 */
	struct iw_lock poll_lock;
	struct ibv_wc current;
};

static inline struct soft_cq *soft_cq_of(struct ibv_cq *cq)
{
	return iw_container_of(cq, struct soft_cq, ibv);
}

int soft_channel_create(struct soft_context *ctx, struct soft_channel **channel);
int soft_channel_destroy(struct soft_channel *channel); /* -EBUSY while CQs use it */
/*
 * ibv_get_cq_event(3): blocks by the O_NONBLOCK of the channel's fd. While it
 * blocks, this thread drives the sockets of the channel's CQs (soft_pset), so
 * that no other thread has to wake it.
 */
int soft_channel_get_event(struct soft_channel *channel, struct soft_cq **cq);

/* For soft_cq.c. An event of @cq; its lock may be held. */
void soft_channel_post(struct soft_channel *channel, struct soft_cq *cq);
void soft_channel_join(struct soft_channel *channel, struct soft_cq *cq);
/* Also takes back the events of @cq that nobody has read. */
void soft_channel_leave(struct soft_channel *channel, struct soft_cq *cq);

/* -EINVAL for no or too many entries. The queue has at least @cqe entries. */
int soft_cq_create(struct soft_context *ctx, int cqe, void *cq_context,
		   struct soft_channel *channel, struct soft_cq **cq);
/* Also fills in the method pointers. -EOPNOTSUPP for wc_flags or comp_mask beyond ours. */
int soft_cq_create_ex(struct soft_context *ctx, const struct ibv_cq_init_attr_ex *attr,
		      struct soft_cq **cq);
/* -EBUSY while QPs use it; waits until all events of it are acknowledged. */
int soft_cq_destroy(struct soft_cq *cq);
int soft_cq_resize(struct soft_cq *cq, int cqe); /* -EINVAL if what waits would not fit */

/*
 * ibv_poll_cq(3). If the queue is empty, drives the sockets behind it once, on
 * this thread, and looks again. Returns the count, -EIO after an overflow.
 */
int soft_cq_poll(struct soft_cq *cq, int n, struct ibv_wc *wc);
void soft_cq_req_notify(struct soft_cq *cq, bool solicited_only);

/*
 * Adds completions, in order. @solicited: one of them is an event for those who
 * armed for solicited ones; errors always are. A full queue overflows: the
 * completions are lost, IBV_EVENT_CQ_ERR is raised once, polls fail.
 * Takes the CQ's lock; any lock above it may be held.
 */
void soft_cq_push(struct soft_cq *cq, const struct ibv_wc *wc, unsigned int n, bool solicited);
/* Removes completions of a QP that is reset or destroyed. */
void soft_cq_purge(struct soft_cq *cq, uint32_t qp_num);

#endif
