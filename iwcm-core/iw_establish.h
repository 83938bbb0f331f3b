/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * How a connection comes to stand, and the active side of InfiniBand, which has
 * to complete it after the peer's response.
 */
#ifndef IW_ESTABLISH_H
#define IW_ESTABLISH_H

#include "iwcm-core/iw_event.h"

/* CONN_SENT or CONN_RECV -> ESTABLISHED. Under the id's lock. */
void iw_establish_made(struct iw_id *id);

/* True in CONN_SENT if the client may complete or reject now. Under the lock. */
bool iw_establish_open(const struct iw_id *id);

/*
 * In CONN_SENT, in the drain, under the id's lock: the attempt fails. carry_out
 * below refuses the peer's response and makes @d the failed CONNECT_REPLY.
 */
void iw_establish_failed(struct iw_id *id, struct iw_delivery *d, int status);

/*
 * Completes the connection that @d, a response, is for (or ends an attempt that
 * failed): moves the QP to RTS, calls the driver's establish and makes @d the
 * CONNECT_REPLY, whose steps are left to the caller. In the drain, without the
 * lock; blocks as the driver does.
 */
void iw_establish_carry_out(struct iw_id *id, struct iw_delivery *d);

/*
 * Cancels an attempt that the peer has responded to: the QP is asked to go to
 * ERR, the driver rejects, and a failed CONNECT_REPLY is appended unless the
 * outcome of @attempt has come from elsewhere. May run the handler. Without the
 * lock; the caller holds an OPERATION reference.
 */
void iw_establish_refuse(struct iw_id *id, unsigned int attempt);

#endif
