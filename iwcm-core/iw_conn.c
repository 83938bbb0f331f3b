// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The calls that make and end connections. Each is headed by its transition;
 * each takes an OPERATION reference, changes the state under the id's lock and
 * calls the driver without it. Event handlers are in iw_conn_event.c, what the
 * active side of InfiniBand does after the peer's response in iw_establish.c.
 */
#include "iwcm-core/iw_conn.h"

#include <errno.h>

#include "base/log.h"
#include "iwcm-core/iw_credit.h"
#include "iwcm-core/iw_establish.h"
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
	id->answer_owed = false;
	id->close_begun = false;
	id->responded = false;
	return ++id->attempt;
}

/* True if the outcome of this attempt has not arrived from elsewhere. */
static bool attempt_is_open(const struct iw_id *id, unsigned int attempt, enum iw_cm_state state)
{
	return id->attempt == attempt && id->state == state;
}

/* The driver could not cancel. True: the peer has responded, so we refuse that. */
static bool cancel_failed(struct iw_id *id)
{
	iw_assert_held(&id->lock);
	if (!id->responded)
		id->cancelling = false; /* the client may try again */
	return id->responded && !id->completing;
}

/* The driver's disconnect, said again to an attempt. Returns as cancel_failed(). */
static bool cancel_again(struct iw_id *id, unsigned int attempt, enum iw_cm_state state)
{
	bool refuse = false;

	if (!id->pub.ops->disconnect || !id->pub.ops->disconnect(&id->pub, id->pub.drv, true))
		return false;
	iw_lock(&id->lock);
	if (attempt_is_open(id, attempt, state))
		refuse = cancel_failed(id);
	iw_unlock(&id->lock);
	return refuse;
}

/*
 * The driver's connect or accept has returned 0. If a disconnect came before,
 * the driver may have had nothing to cancel then, and hears of it again.
 */
static void attempt_called(struct iw_id *id, unsigned int attempt, enum iw_cm_state state)
{
	bool again;

	iw_lock(&id->lock);
	again = attempt_is_open(id, attempt, state) && id->cancelling && !id->completing;
	if (id->attempt == attempt)
		id->calling = false;
	iw_unlock(&id->lock);
	if (again && cancel_again(id, attempt, state))
		iw_establish_refuse(id, attempt);
}

/* The driver has accepted for a datagram id, which owes no event: -> ESTABLISHED. */
static void datagram_accepted(struct iw_id *id, unsigned int attempt)
{
	iw_lock(&id->lock);
	if (attempt_is_open(id, attempt, IW_CM_CONN_RECV))
		iw_establish_made(id);
	id->calling = false;
	iw_unlock(&id->lock);
}

/* Its connect returned an error: CONN_SENT -> IDLE, if that is still to be said. */
static void connect_failed(struct iw_id *id, unsigned int attempt)
{
	iw_lock(&id->lock);
	if (attempt_is_open(id, attempt, IW_CM_CONN_SENT))
		iw_state_set(id, IW_CM_IDLE);
	if (id->attempt == attempt)
		id->calling = false;
	iw_unlock(&id->lock);
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

/* What was held back while the request or the response was refused. Leaves @op. */
static void refused(struct iw_id *id, struct iw_op *op, enum iw_cm_state state)
{
	bool drain;

	iw_lock(&id->lock);
	id->completing = false;
	if (id->state == state) /* else it is being destroyed */
		iw_state_set(id, IW_CM_IDLE);
	drain = iw_event_kick(id);
	iw_op_leave_and_unlock(id, op);
	if (drain)
		iw_event_drain(id);
}

/*
 * The driver did not accept: CONN_RECV -> IDLE, if that is still to be said. Nobody
 * else will refuse the request, which is done before the client may begin anew.
 */
static void accept_failed(struct iw_id *id, unsigned int attempt, struct iw_op *op)
{
	bool open;

	iw_lock(&id->lock);
	open = attempt_is_open(id, attempt, IW_CM_CONN_RECV);
	if (id->attempt == attempt)
		id->calling = false;
	if (!open) {
		iw_op_leave_and_unlock(id, op);
		return;
	}
	id->completing = true;
	iw_unlock(&id->lock);
	iw_qp_end(id, IW_QP_ERR);
	if (id->pub.ops->reject)
		id->pub.ops->reject(&id->pub, id->pub.drv, NULL, 0, 0);
	iw_id_give_credit(id);
	refused(id, op, IW_CM_CONN_RECV);
}

/* Before the driver accepts. Entered with the lock, left without it. */
static int accept_qp_and_unlock(struct iw_id *id, const struct iw_cm_conn_param *param)
{
	enum iw_cm_transport transport = iw_cm_transport(&id->pub);

	if (transport == IW_CM_DATAGRAM || !iw_qp_may(id, IW_QP_RTR)) {
		iw_unlock(&id->lock);
		return 0;
	}
	if (transport == IW_CM_INFINIBAND)
		return iw_qp_ready_and_unlock(id, param);
	return iw_qp_ask_and_unlock(id, IW_QP_RTR, param);
}

/*
 * In CONN_RECV, once; ESTABLISHED follows by event, for datagrams at once and
 * without one. Blocks as the driver does.
 */
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
	if (id->state != IW_CM_CONN_RECV || id->accepting || id->completing) {
		iw_op_leave_and_unlock(id, &op);
		return -EINVAL;
	}
	attempt = attempt_begin(id);
	id->accepting = true;
	rc = accept_qp_and_unlock(id, param);
	if (!rc)
		rc = pub->ops->accept(pub, pub->drv, param);
	if (rc) {
		accept_failed(id, attempt, &op);
		return rc;
	}
	if (iw_cm_transport(pub) == IW_CM_DATAGRAM)
		datagram_accepted(id, attempt);
	else
		attempt_called(id, attempt, IW_CM_CONN_RECV);
	iw_op_end(id, &op);
	return 0;
}

/* A request nobody has accepted, or a response nobody has answered. */
static bool may_reject(const struct iw_id *id)
{
	if (id->state == IW_CM_CONN_RECV)
		return !id->accepting && !id->completing;
	return iw_establish_open(id);
}

/*
 * CONN_RECV or CONN_SENT -> IDLE. Blocks as the driver does. What is refused is so
 * before IDLE lets the client begin anew: the refusal would hit that.
 */
int iw_cm_reject(struct iw_cm_id *pub, const void *private_data, size_t len, uint8_t reason)
{
	struct iw_id *id = iw_id_of(pub);
	enum iw_cm_state state;
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
	if (!may_reject(id)) {
		iw_op_leave_and_unlock(id, &op);
		return -EINVAL;
	}
	state = id->state;
	id->completing = true;
	iw_unlock(&id->lock);

	rc = pub->ops->reject(pub, pub->drv, private_data, len, reason);

	iw_id_give_credit(id);
	refused(id, &op, state);
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
		connect_failed(id, attempt);
	iw_op_end(id, &op);
	return rc;
}

/* ------------------------------------------------------------- both sides */

enum ending_how {
	END_NOTHING, /* it has ended, or somebody is at it */
	END_TELL,    /* the driver's disconnect */
	END_REFUSE,  /* the peer has responded: the driver's reject */
	END_ANSWER,  /* the peer has closed and waits for our word */
	END_QP,	     /* nothing is closed, but the QP stops */
};

/* What is to end, and the state it stays in until it has. */
struct ending {
	enum ending_how how;
	unsigned int attempt;
	enum iw_cm_state state;
};

/* An attempt: while it is being completed, who does it ends it afterwards. */
static enum ending_how cancel_begin(struct iw_id *id)
{
	bool first = !id->cancelling;

	id->cancelling = true;
	if (!first || id->completing)
		return END_NOTHING;
	return id->responded ? END_REFUSE : END_TELL;
}

static enum ending_how answer_begin(struct iw_id *id)
{
	bool owed = id->answer_owed;

	id->answer_owed = false;
	return owed ? END_ANSWER : END_NOTHING;
}

/* Of datagrams: between two names that have met, or wait to, there is nothing but the QP. */
static int datagram_begin(struct iw_id *id, struct ending *e)
{
	if (id->state == IW_CM_IDLE && !id->ended)
		return -EINVAL;
	e->how = END_QP;
	return 0;
}

/* What a disconnect means in this state; moves ESTABLISHED -> CLOSING. */
static int disconnect_begin(struct iw_id *id, struct ending *e)
{
	iw_assert_held(&id->lock);
	*e = (struct ending){ .attempt = id->attempt, .state = id->state };
	if (iw_cm_transport(&id->pub) == IW_CM_DATAGRAM)
		return datagram_begin(id, e);
	switch (id->state) {
	case IW_CM_LISTEN:
		return iw_cm_transport(&id->pub) == IW_CM_IWARP ? -EINVAL : 0;
	case IW_CM_ESTABLISHED:
		iw_state_set(id, IW_CM_CLOSING);
		id->close_begun = true;
		e->state = IW_CM_CLOSING;
		e->how = END_TELL;
		return 0;
	case IW_CM_CONN_RECV:
		if (!id->accepting)
			return -EINVAL;
		/* fall through */
	case IW_CM_CONN_SENT:
		e->how = cancel_begin(id);
		return 0;
	case IW_CM_CLOSING:
		e->how = answer_begin(id);
		return 0;
	case IW_CM_IDLE:
		if (!id->ended)
			return -EINVAL;
		e->how = answer_begin(id);
		return 0;
	default:
		return -EINVAL;
	}
}

/*
 * The driver could not. No error if what was to end has ended meanwhile, if the
 * attempt has not begun there and attempt_called() says it again, or if there is
 * a response to refuse; but if the attempt has succeeded meanwhile, its connection
 * is there, and the client has to know.
 */
static int disconnect_failed(struct iw_id *id, const struct ending *e, int rc)
{
	bool refuse = false;

	iw_lock(&id->lock);
	if (attempt_is_open(id, e->attempt, IW_CM_ESTABLISHED))
		id->cancelling = false;
	else if (!attempt_is_open(id, e->attempt, e->state))
		rc = 0;
	else if (e->state != IW_CM_CLOSING && id->calling)
		rc = 0;
	else if (e->state != IW_CM_CLOSING)
		refuse = cancel_failed(id);
	iw_unlock(&id->lock);
	if (!refuse)
		return rc;
	iw_establish_refuse(id, e->attempt);
	return 0;
}

/* On InfiniBand it is we who stop the QP, and there is no way to do it gently. */
static int disconnect_tell(struct iw_id *id, const struct ending *e, bool abrupt)
{
	const struct iw_cm_driver_ops *ops = id->pub.ops;
	bool gently;
	int rc;

	abrupt = abrupt || e->state != IW_CM_CLOSING;
	gently = !abrupt && iw_cm_transport(&id->pub) == IW_CM_IWARP;
	iw_qp_end(id, gently ? IW_QP_SQD : IW_QP_ERR);
	rc = ops->disconnect(&id->pub, id->pub.drv, abrupt);
	return rc ? disconnect_failed(id, e, rc) : 0;
}

/* The connection is over for us: what the driver makes of it changes nothing. */
static void disconnect_answer(struct iw_id *id)
{
	int rc;

	iw_qp_end(id, IW_QP_ERR);
	rc = id->pub.ops->disconnect(&id->pub, id->pub.drv, false);
	if (rc)
		iw_info("id %p: the peer's close is not answered: error %d", (void *)id, rc);
}

static int disconnect_qp(struct iw_id *id)
{
	iw_lock(&id->lock);
	if (iw_qp_may(id, IW_QP_ERR))
		return iw_qp_ask_and_unlock(id, IW_QP_ERR, NULL);
	iw_unlock(&id->lock);
	return 0;
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
	if (e.how == END_TELL)
		rc = disconnect_tell(id, &e, abrupt);
	else if (e.how == END_REFUSE)
		iw_establish_refuse(id, e.attempt);
	else if (e.how == END_ANSWER)
		disconnect_answer(id);
	else if (e.how == END_QP)
		rc = disconnect_qp(id);
	iw_op_end(id, &op);
	return rc;
}
