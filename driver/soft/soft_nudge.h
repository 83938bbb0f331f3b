/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A responder may miss what an initiator sends right behind its Reply. Kernel siw
 * looks at the socket when the socket says that data came, and takes that word up
 * only after it has sent the Reply: an FPDU in between lies there until another
 * one comes. If it was the first message, both programs wait. If it was an RTR, the
 * server never hears ESTABLISHED, and if the stream ends then, siw's kernel dies
 * (BUG() of iw_cm for a close before ESTABLISHED): that is why we do not ask others
 * for peer-to-peer.
 *
 * So an initiator whose FPDUs nobody answers says something more: a zero-length
 * RDMA Write, as an RTR is one (RFC 6581), whose STag nobody looks at and which no
 * program sees. A few times, between two messages, at growing distances, and never
 * to a peer that has spoken, read or not yet, or is one of ours.
 */
#ifndef IW_SOFT_NUDGE_H
#define IW_SOFT_NUDGE_H

#include "driver/soft/soft_loop.h"

struct soft_qp;

struct soft_nudge {
	struct soft_timer timer;
	uint32_t from; /* sq.tx when the stream began; under sq.lock */
	uint8_t next;  /* the distance to wait for; under sq.lock */
};

/* sq.lock is held: a stream has been attached. */
void soft_nudge_start(struct soft_qp *qp);
/* The stream has ended. */
void soft_nudge_stop(struct soft_qp *qp);

#endif
