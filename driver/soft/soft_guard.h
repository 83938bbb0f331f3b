/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Notices that a peer with bytes of ours under way is dead: it has answered
 * nothing for soft_limit_dead_peer_s(). TCP itself tries for a quarter of an
 * hour; its TCP_USER_TIMEOUT would also end connections to a peer that lives, and
 * answers, but does not read for a while (it is stopped, or in a debugger). A
 * peer that owes us nothing is keepalive's (soft_bind).
 *
 * An answer acknowledges bytes, or is a segment without data, as the answer to a
 * probe is. A peer that we do not reach any more, while what it says still comes,
 * sends its data again at ever longer distances, and they acknowledge what they
 * did before: that is none.
 *
 * The guard of a QP is a timer that runs while bytes may be under way: the first
 * send starts it, a look that finds all acknowledged ends it.
 */
#ifndef IW_SOFT_GUARD_H
#define IW_SOFT_GUARD_H

#include "driver/soft/soft_loop.h"

struct soft_qp;

/* What TCP says of a stream. */
struct soft_guard_view {
	uint32_t unacked;   /* segments */
	uint32_t notsent;   /* bytes that wait for the window, or for their turn */
	uint32_t window;    /* that the peer gives; UINT32_MAX: not known */
	uint32_t silent_ms; /* since the last acknowledgement, new or old; later: answer */
	uint32_t rto_ms;    /* the present distance of retransmissions */
	uint32_t probes;    /* of a shut window, not answered */
	uint32_t bare;	    /* segments without data that have come; wraps */
	uint64_t acked;	    /* bytes, in all; 0 with no bare segment: the kernel does not count */
};

/* What the last look saw. */
struct soft_guard_past {
	uint64_t answer_ms; /* when the peer answered, or began to owe; iw_now_ms() */
	uint64_t acked;
	uint32_t bare;
	bool looked;
};

struct soft_guard {
	struct soft_timer timer;
	struct soft_guard_past past; /* under sq.lock, as @on */
	bool on;
};

enum {
	SOFT_GUARD_DEAD = 0,
	SOFT_GUARD_IDLE = -1,
};
/* @now_ms: iw_now_ms(). Makes @view->silent_ms the time since the last answer. */
void soft_guard_recall(struct soft_guard_past *past, struct soft_guard_view *view, uint64_t now_ms);
/* The time to look again in ms, or one of the above. */
int soft_guard_judge(const struct soft_guard_view *view, unsigned int limit_ms);

/* sq.lock is held: bytes are about to leave. */
void soft_guard_start(struct soft_qp *qp);
/* The stream has ended. */
void soft_guard_stop(struct soft_qp *qp);

#endif
