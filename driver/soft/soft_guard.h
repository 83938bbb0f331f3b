/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Notices that a peer with bytes of ours under way is dead: it has acknowledged
 * nothing, new or old, for soft_limit_dead_peer_s(). TCP itself tries for a
 * quarter of an hour; its TCP_USER_TIMEOUT would also end connections to a peer
 * that lives, and answers, but does not read for a while (it is stopped, or in a
 * debugger). A peer that owes us nothing is keepalive's (soft_bind).
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
	uint32_t silent_ms; /* since the last acknowledgement */
	uint32_t rto_ms;    /* the present distance of retransmissions */
	uint32_t probes;    /* of a shut window, not answered */
};

struct soft_guard {
	struct soft_timer timer;
	bool on; /* under sq.lock */
};

enum {
	SOFT_GUARD_DEAD = 0,
	SOFT_GUARD_IDLE = -1,
};
/* The time to look again in ms, or one of the above. */
int soft_guard_judge(const struct soft_guard_view *view, unsigned int limit_ms);

/* sq.lock is held: bytes are about to leave. */
void soft_guard_start(struct soft_qp *qp);
/* The stream has ended. */
void soft_guard_stop(struct soft_qp *qp);

#endif
