// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The calls that make and end connections. Each is headed by its transition;
 * each takes an OPERATION reference, changes the state under the id's lock and
 * calls the driver without it. Event handlers are in iw_conn_event.c.
 */
#include "iwcm-core/iw_conn.h"

#include <errno.h>

#include "base/log.h"
#include "iwcm-core/iw_credit.h"
#include "iwcm-core/iw_qp.h"
#include "iwcm-core/iw_ref.h"
#include "iwcm-core/iw_state.h"
#include "iwcm-core/iw_stats.h"

/* A new connection begins: what was said of the last one is void. */
static unsigned int attempt_begin(struct iw_id *id)
{
	id->accepting = false;
	id->calling = true;
	id->cancelling = false;
	id->ended = false;
	return ++id->attempt;
}

/* True if the outcome of this attempt has not arrived from elsewhere. */
static bool attempt_is_open(const struct iw_id *id, unsigned int attempt, enum iw_cm_state state)
{
	return id->attempt == attempt && id->state == state;
}

/*
 * The driver's connect or accept has returned 0. If a disconnect came before,
 * the driver may have had nothing to cancel then, and hears of it again.
 */
static void attempt_called(struct iw_id *id, unsigned int attempt, enum iw_cm_state state)
{
	const struct iw_cm_driver_ops *ops = id->pub.ops;
	bool again;

	iw_lock(&id->lock);
	again = attempt_is_open(id, attempt, state) && id->cancelling;
	if (id->attempt == attempt)
		id->calling = false;
	iw_unlock(&id->lock);
	if (again && ops->disconnect)
		ops->disconnect(&id->pub, id->pub.drv, true);
}

/* It returned an error: -> IDLE and true, if that is still to be said. */
static bool attempt_failed(struct iw_id *id, unsigned int attempt, enum iw_cm_state state)
{
	bool open;

	iw_lock(&id->lock);
	open = attempt_is_open(id, attempt, state);
	if (open)
		iw_state_set(id, IW_CM_IDLE);
	if (id->attempt == attempt)
		id->calling = false;
	iw_unlock(&id->lock);
	return open;
}

static int check_data(const void *data, size_t len)
{
	return len > IW_CM_PRIVATE_DATA_MAX || (len && !data) ? -EINVAL : 0;
}

static int check_param(const struct iw_cm_conn_param *param)
{
	return param ? check_data(param->private_data, param->private_data_len) : -EINVAL;
}

/* ------------------------------------------------------------------ passive */

/* IDLE -> LISTEN, back on error. Blocks as the driver does. */
int iw_cm_listen(struct iw_cm_id *pub, int backlog, unsigned int slots)
{
	struct iw_credits *credits, *stale = NULL;
	struct iw_id *id = iw_id_of(pub);
	struct iw_op op;
	int rc;

	if (!pub->ops->listen)
		return -EOPNOTSUPP;
	if (!slots)
		return -EINVAL;
	credits = iw_credits_new(slots);
	if (!credits)
		return -ENOMEM;
	rc = iw_op_begin(id, &op);
	if (rc)
		goto put_credits;
	if (id->state != IW_CM_IDLE) {
		iw_op_leave_and_unlock(id, &op);
		rc = -EINVAL;
		goto put_credits;
	}
	/* Requests may arrive before the op returns. */
	if (id->credit_held) /* an accepted child that listens itself later */
		iw_credits_give(id->credits);
	id->credit_held = false;
	stale = id->credits;
	id->credits = credits;
	iw_state_set(id, IW_CM_LISTEN);
	iw_unlock(&id->lock);
	iw_credits_put(stale);

	rc = pub->ops->listen(pub, pub->drv, backlog);

	iw_lock(&id->lock);
	if (rc && id->state == IW_CM_LISTEN)
		iw_state_set(id, IW_CM_IDLE);
	iw_op_leave_and_unlock(id, &op);
	return rc;

put_credits:
	iw_credits_put(credits);
	return rc;
}

/* Takes a credit of the listener for a child to be. Never blocks. */
static int credit_take(struct iw_id *listener, struct iw_credits **credits)
{
	int rc = 0;

	iw_lock(&listener->lock);
	if (listener->dying)
		rc = -ESHUTDOWN;
	else if (listener->state != IW_CM_LISTEN)
		rc = -EINVAL;
	else
		rc = iw_credits_take(listener->credits);
	if (!rc)
		*credits = listener->credits;
	iw_unlock(&listener->lock);
	return rc;
}

/* A child is born: -> CONN_RECV. Never blocks. */
int iw_cm_child_new(struct iw_cm_id *pub, void *drv, struct iw_cm_id **child)
{
	struct iw_id *id, *listener = iw_id_of(pub);
	struct iw_credits *credits;
	int rc;

	rc = credit_take(listener, &credits);
	if (rc)
		goto refused;
	id = iw_id_new(pub->ops, true);
	if (!id) {
		rc = -ENOMEM;
		goto give_credit;
	}
	id->pub.drv = drv;
	id->pub.handler = pub->handler;
	id->pub.context = pub->context;
	id->credits = credits;
	id->credit_held = true;
	id->requesting = true;
	iw_lock(&id->lock);
	iw_state_set(id, IW_CM_CONN_RECV);
	iw_unlock(&id->lock);
	iw_stat_inc(ids_created);
	*child = &id->pub;
	return 0;

give_credit:
	iw_credits_give(credits);
	iw_credits_put(credits);
refused:
	iw_stat_inc(requests_refused);
	iw_info("listener %p: a request is refused: error %d", (void *)listener, rc);
	return rc;
}

/* No state. Never blocks. */
void iw_cm_set_context(struct iw_cm_id *pub, iw_cm_handler handler, void *context)
{
	struct iw_id *id = iw_id_of(pub);

	iw_lock(&id->lock);
	pub->handler = handler;
	pub->context = context;
	iw_unlock(&id->lock);
}

/* No state. Never blocks. */
void iw_cm_request_taken(struct iw_cm_id *child)
{
	iw_id_give_credit(iw_id_of(child));
}

/* The driver did not accept: nobody else will refuse the request. */
static void accept_undo(struct iw_id *id)
{
	iw_qp_end(id, IW_QP_ERR);
	if (id->pub.ops->reject)
		id->pub.ops->reject(&id->pub, id->pub.drv, NULL, 0, 0);
	iw_id_give_credit(id);
}

/* In CONN_RECV, once; ESTABLISHED follows by event. Blocks as the driver does. */
int iw_cm_accept(struct iw_cm_id *pub, const struct iw_cm_conn_param *param)
{
	struct iw_id *id = iw_id_of(pub);
	unsigned int attempt;
	struct iw_op op;
	int rc;

	if (!pub->ops->accept)
		return -EOPNOTSUPP;
	rc = check_param(param);
	if (rc)
		return rc;
	rc = iw_op_begin(id, &op);
	if (rc)
		return rc;
	if (id->state != IW_CM_CONN_RECV || id->accepting) {
		iw_op_leave_and_unlock(id, &op);
		return -EINVAL;
	}
	attempt = attempt_begin(id);
	id->accepting = true;
	if (iw_qp_may(id, IW_QP_RTR))
		rc = iw_qp_ask_and_unlock(id, IW_QP_RTR);
	else
		iw_unlock(&id->lock);

	if (!rc)
		rc = pub->ops->accept(pub, pub->drv, param);
	if (!rc)
		attempt_called(id, attempt, IW_CM_CONN_RECV);
	else if (attempt_failed(id, attempt, IW_CM_CONN_RECV))
		accept_undo(id);
	iw_op_end(id, &op);
	return rc;
}

/* CONN_RECV -> IDLE. Blocks as the driver does. */
int iw_cm_reject(struct iw_cm_id *pub, const void *private_data, size_t len, uint8_t reason)
{
	struct iw_id *id = iw_id_of(pub);
	struct iw_op op;
	int rc;

	if (!pub->ops->reject)
		return -EOPNOTSUPP;
	rc = check_data(private_data, len);
	if (rc)
		return rc;
	rc = iw_op_begin(id, &op);
	if (rc)
		return rc;
	if (id->state != IW_CM_CONN_RECV || id->accepting) {
		iw_op_leave_and_unlock(id, &op);
		return -EINVAL;
	}
	iw_state_set(id, IW_CM_IDLE);
	iw_unlock(&id->lock);

	rc = pub->ops->reject(pub, pub->drv, private_data, len, reason);

	iw_id_give_credit(id);
	iw_op_end(id, &op);
	return rc;
}

/* ------------------------------------------------------------------- active */

/* IDLE -> CONN_SENT, back on error. Blocks as the driver does. */
int iw_cm_connect(struct iw_cm_id *pub, const struct iw_cm_conn_param *param)
{
	struct iw_id *id = iw_id_of(pub);
	unsigned int attempt;
	struct iw_op op;
	int rc;

	if (!pub->ops->connect)
		return -EOPNOTSUPP;
	rc = check_param(param);
	if (rc)
		return rc;
	rc = iw_op_begin(id, &op);
	if (rc)
		return rc;
	if (id->state != IW_CM_IDLE) {
		iw_op_leave_and_unlock(id, &op);
		return -EINVAL;
	}
	attempt = attempt_begin(id);
	iw_state_set(id, IW_CM_CONN_SENT);
	iw_unlock(&id->lock);

	rc = pub->ops->connect(pub, pub->drv, param);

	if (!rc)
		attempt_called(id, attempt, IW_CM_CONN_SENT);
	else
		attempt_failed(id, attempt, IW_CM_CONN_SENT);
	iw_op_end(id, &op);
	return rc;
}

/* ------------------------------------------------------------- both sides */

/* What is to end, and the state it stays in until it has. */
struct ending {
	bool tell_driver;
	unsigned int attempt;
	enum iw_cm_state state;
};

/* What a disconnect means in this state; moves ESTABLISHED -> CLOSING. */
static int disconnect_begin(struct iw_id *id, struct ending *e)
{
	iw_assert_held(&id->lock);
	*e = (struct ending){ .attempt = id->attempt, .state = id->state };
	switch (id->state) {
	case IW_CM_ESTABLISHED:
		iw_state_set(id, IW_CM_CLOSING);
		e->state = IW_CM_CLOSING;
		e->tell_driver = true;
		return 0;
	case IW_CM_CONN_RECV:
		if (!id->accepting)
			return -EINVAL;
		/* fall through */
	case IW_CM_CONN_SENT:
		e->tell_driver = !id->cancelling;
		id->cancelling = true;
		return 0;
	case IW_CM_CLOSING:
		return 0;
	case IW_CM_IDLE:
		return id->ended ? 0 : -EINVAL;
	default:
		return -EINVAL;
	}
}

/*
 * The driver could not. No error if what was to end has ended meanwhile, or if
 * the attempt has not begun there and attempt_called() says it again.
 */
static int disconnect_failed(struct iw_id *id, const struct ending *e, int rc)
{
	iw_lock(&id->lock);
	if (!attempt_is_open(id, e->attempt, e->state))
		rc = 0;
	else if (e->state != IW_CM_CLOSING && id->calling)
		rc = 0;
	else
		id->cancelling = false; /* the client may try again */
	iw_unlock(&id->lock);
	return rc;
}

/*
 * ESTABLISHED -> CLOSING; an attempt stays in its state until its outcome is
 * reported. Blocks as the driver does, never for the peer.
 */
int iw_cm_disconnect(struct iw_cm_id *pub, bool abrupt)
{
	struct iw_id *id = iw_id_of(pub);
	struct ending e;
	struct iw_op op;
	int rc;

	if (!pub->ops->disconnect)
		return -EOPNOTSUPP;
	rc = iw_op_begin(id, &op);
	if (rc)
		return rc;
	rc = disconnect_begin(id, &e);
	iw_unlock(&id->lock);
	if (!rc && e.tell_driver) {
		abrupt = abrupt || e.state != IW_CM_CLOSING;
		iw_qp_end(id, abrupt ? IW_QP_ERR : IW_QP_SQD);
		rc = pub->ops->disconnect(pub, pub->drv, abrupt);
		if (rc)
			rc = disconnect_failed(id, &e, rc);
	}
	iw_op_end(id, &op);
	return rc;
}
