// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Completing a connection. On iWARP the driver does it alone. On InfiniBand the
 * active side does after the peer's response: the drain if the id has a QP, else
 * the client. While either is at it, @completing keeps the state in CONN_SENT
 * (or DESTROYING): events wait, and a disconnect only leaves word.
 */
#include "iwcm-core/iw_establish.h"

#include <errno.h>

#include "base/log.h"
#include "iwcm-core/iw_qp.h"
#include "iwcm-core/iw_ref.h"
#include "iwcm-core/iw_state.h"

void iw_establish_made(struct iw_id *id)
{
	iw_state_set(id, IW_CM_ESTABLISHED);
	if (iw_cm_transport(&id->pub) != IW_CM_DATAGRAM)
		iw_qp_record(id, IW_QP_RTS, IW_QP_TOLD);
}

bool iw_establish_open(const struct iw_id *id)
{
	iw_assert_held(&id->lock);
	return id->state == IW_CM_CONN_SENT && id->responded && !id->completing && !id->cancelling;
}

static void reject(struct iw_id *id)
{
	const struct iw_cm_driver_ops *ops = id->pub.ops;

	if (ops->reject && ops->reject(&id->pub, id->pub.drv, NULL, 0, 0))
		iw_debug("id %p: the response cannot be refused", (void *)id);
}

/* CONN_SENT -> ESTABLISHED -> CLOSING if the client has given up; true then. */
static bool made_or_given_up(struct iw_id *id)
{
	iw_establish_made(id);
	if (id->cancelling)
		iw_state_set(id, IW_CM_CLOSING);
	return id->cancelling;
}

/* ------------------------------------------------------------ in the drain */

void iw_establish_failed(struct iw_id *id, struct iw_delivery *d, int status)
{
	id->completing = true;
	d->ev.status = status;
	d->step = (struct iw_step){ .complete = true };
}

/* The QP first: the peer may send as soon as it hears of us. */
static int complete(struct iw_id *id)
{
	const struct iw_cm_driver_ops *ops = id->pub.ops;
	bool wanted;
	int rc;

	if (!ops->establish)
		return -EOPNOTSUPP;
	iw_lock(&id->lock);
	rc = iw_qp_ready_and_unlock(id, NULL);
	if (rc)
		return rc;
	iw_lock(&id->lock);
	wanted = id->state == IW_CM_CONN_SENT && !id->cancelling;
	iw_unlock(&id->lock);
	return wanted ? ops->establish(&id->pub, id->pub.drv) : -ECONNABORTED;
}

static bool is_dying(struct iw_id *id)
{
	bool dying;

	iw_lock(&id->lock);
	dying = id->dying;
	iw_unlock(&id->lock);
	return dying;
}

/* CONN_SENT -> IDLE: the response is refused, and @d is what the client hears. */
static void give_up(struct iw_id *id, struct iw_delivery *d, int status)
{
	iw_assert_held(&id->lock);
	d->ev = (struct iw_cm_event){ .type = IW_CM_EVENT_CONNECT_REPLY, .status = status };
	d->step.deliver = true;
	id->ended = true;
	iw_state_set(id, IW_CM_IDLE);
}

/*
 * CONN_SENT -> ESTABLISHED or IDLE. Blocks as the driver does. What fails is
 * refused before IDLE lets the client begin anew: the refusal would hit that.
 */
void iw_establish_carry_out(struct iw_id *id, struct iw_delivery *d)
{
	int rc = d->ev.status ? d->ev.status : complete(id);

	if (rc && !is_dying(id)) {
		iw_info("id %p: the connection cannot be completed: error %d", (void *)id, rc);
		iw_qp_end(id, IW_QP_ERR);
		reject(id);
	}
	iw_lock(&id->lock);
	id->completing = false;
	d->step = (struct iw_step){ 0 };
	if (id->state != IW_CM_CONN_SENT) {
		/* The id is being destroyed: nobody wants to know. */
	} else if (rc) {
		give_up(id, d, rc);
	} else {
		d->ev.type = IW_CM_EVENT_CONNECT_REPLY;
		d->step.deliver = true;
		d->step.end_connection = made_or_given_up(id);
		d->step.qp_err = d->step.end_connection;
	}
	iw_unlock(&id->lock);
}

/* ---------------------------------------------------------- by the client */

void iw_establish_refuse(struct iw_id *id, unsigned int attempt)
{
	const struct iw_cm_event ev = { .type = IW_CM_EVENT_CONNECT_REPLY,
					.status = -ECONNABORTED };
	bool drain = false;

	iw_qp_end(id, IW_QP_ERR);
	reject(id);
	iw_lock(&id->lock);
	if (id->attempt == attempt && id->state == IW_CM_CONN_SENT)
		iw_event_append_and_unlock(id, &ev, &drain);
	else
		iw_unlock(&id->lock);
	if (drain)
		iw_event_drain(id);
}

/* What is left to do when the driver's establish has returned. */
enum aftermath {
	DONE,
	END,	/* it succeeded, but was given up meanwhile */
	REFUSE, /* it failed, and was given up */
};

/* CONN_SENT -> ESTABLISHED (or CLOSING). On error it stays as it was. */
static enum aftermath settle(struct iw_id *id, int *rc)
{
	iw_assert_held(&id->lock);
	id->completing = false;
	if (id->state != IW_CM_CONN_SENT) {
		*rc = *rc ? *rc : -ESHUTDOWN;
		return DONE;
	}
	if (*rc)
		return id->cancelling ? REFUSE : DONE;
	return made_or_given_up(id) ? END : DONE;
}

/* CONN_SENT -> ESTABLISHED. Blocks as the driver does. */
int iw_cm_establish(struct iw_cm_id *pub)
{
	struct iw_id *id = iw_id_of(pub);
	enum aftermath then;
	unsigned int attempt;
	struct iw_op op;
	bool drain;
	int rc;

	if (!pub->ops->establish)
		return -EOPNOTSUPP;
	rc = iw_op_begin(id, &op);
	if (rc)
		return rc;
	if (!iw_establish_open(id)) {
		iw_op_leave_and_unlock(id, &op);
		return -EINVAL;
	}
	id->completing = true;
	attempt = id->attempt;
	iw_unlock(&id->lock);

	rc = pub->ops->establish(pub, pub->drv);

	iw_lock(&id->lock);
	then = settle(id, &rc);
	iw_unlock(&id->lock);
	if (then == END)
		iw_qp_end(id, IW_QP_ERR);
	if (then == END && pub->ops->disconnect)
		pub->ops->disconnect(pub, pub->drv, true);
	if (then == REFUSE)
		iw_establish_refuse(id, attempt);

	iw_lock(&id->lock);
	drain = iw_event_kick(id);
	iw_op_leave_and_unlock(id, &op);
	if (drain)
		iw_event_drain(id);
	return rc;
}
