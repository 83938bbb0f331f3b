// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The QP of an id: attach, detach, and requests to move it. What state follows
 * which is in iw_state.c; when a connection moves its QP is in iw_conn.c.
 */
#include "iwcm-core/iw_qp.h"

#include <errno.h>

#include "base/log.h"
#include "iwcm-core/iw_ref.h"
#include "iwcm-core/iw_state.h"

int iw_cm_qp_attach(struct iw_cm_id *pub, void *qp)
{
	struct iw_id *id = iw_id_of(pub);
	int rc = 0;

	if (!qp)
		return -EINVAL;
	iw_lock(&id->lock);
	if (id->dying) {
		rc = -ESHUTDOWN;
	} else if (id->qp) {
		rc = -EBUSY;
	} else {
		id->qp = qp;
		id->qp_state = IW_QP_RESET;
	}
	iw_unlock(&id->lock);
	return rc;
}

/* A transition on the caller's own stack is below it and cannot be waited for. */
static bool moved_elsewhere(struct iw_id *id, const void *qp)
{
	struct iw_op *op;

	iw_assert_held(&id->lock);
	TAILQ_FOREACH (op, &id->ops, link)
		if (op->qp == qp && !iw_thread_is_self(op->thread))
			return true;
	return false;
}

/* Allowed on a dying id too: the client must be able to get its QP back. */
int iw_cm_qp_detach(struct iw_cm_id *pub)
{
	struct iw_id *id = iw_id_of(pub);
	const struct iw_wait wait = { id, "the end of the QP's transition in another thread" };
	struct iw_stall stall = IW_STALL(iw_wait_tell, &wait);
	struct iw_op op;
	void *qp;

	iw_lock(&id->lock);
	qp = id->qp;
	if (!qp) {
		iw_unlock(&id->lock);
		return -EINVAL;
	}
	id->qp = NULL;
	id->qp_state = IW_QP_RESET;
	iw_op_enter(id, &op, NULL);
	while (moved_elsewhere(id, qp))
		iw_cond_wait_told(&id->cond, &id->lock, &stall);
	iw_op_leave_and_unlock(id, &op);
	return 0;
}

int iw_cm_qp_modify(struct iw_cm_id *pub, enum iw_qp_state to)
{
	struct iw_id *id = iw_id_of(pub);

	iw_lock(&id->lock);
	if (id->dying) {
		iw_unlock(&id->lock);
		return -ESHUTDOWN;
	}
	return iw_qp_ask_and_unlock(id, to, NULL);
}

enum iw_qp_state iw_cm_qp_state(struct iw_cm_id *pub)
{
	struct iw_id *id = iw_id_of(pub);
	enum iw_qp_state state;

	iw_lock(&id->lock);
	state = id->qp_state;
	iw_unlock(&id->lock);
	return state;
}

bool iw_qp_may(struct iw_id *id, enum iw_qp_state to)
{
	iw_assert_held(&id->lock);
	return id->qp && id->pub.ops->modify_qp && iw_qp_legal(id->qp_state, to, IW_QP_ASKED);
}

static int ask_check(struct iw_id *id, enum iw_qp_state to)
{
	if (!id->qp)
		return -EINVAL;
	if (!iw_qp_legal(id->qp_state, to, IW_QP_ASKED))
		return -EINVAL;
	return id->pub.ops->modify_qp ? 0 : -EOPNOTSUPP;
}

/*
 * One transition at a time: a driver could carry out two in either order, and the
 * one that is asked for second may be illegal before, or after, the first.
 */
static void wait_for_transition(struct iw_id *id)
{
	const struct iw_wait wait = { id, "the end of the QP's transition in another thread" };
	struct iw_stall stall = IW_STALL(iw_wait_tell, &wait);

	while (id->qp && moved_elsewhere(id, id->qp))
		iw_cond_wait_told(&id->cond, &id->lock, &stall);
}

int iw_qp_ask_and_unlock(struct iw_id *id, enum iw_qp_state to,
			 const struct iw_cm_conn_param *param)
{
	struct iw_op op;
	bool there;
	int rc;

	iw_assert_held(&id->lock);
	iw_op_enter(id, &op, NULL);
	wait_for_transition(id);
	there = id->qp && id->qp_state == to;
	rc = there ? 0 : ask_check(id, to);
	if (rc || there) {
		iw_op_leave_and_unlock(id, &op);
		return rc;
	}
	op.qp = id->qp;
	iw_unlock(&id->lock);

	rc = id->pub.ops->modify_qp(&id->pub, id->pub.drv, op.qp, to, param);

	iw_lock(&id->lock);
	if (!rc && id->qp == op.qp)
		iw_qp_record(id, to, IW_QP_ASKED);
	iw_op_leave_and_unlock(id, &op);
	return rc;
}

int iw_qp_ready_and_unlock(struct iw_id *id, const struct iw_cm_conn_param *param)
{
	int rc;

	iw_assert_held(&id->lock);
	if (id->qp_state != IW_QP_RTS) {
		rc = iw_qp_ask_and_unlock(id, IW_QP_RTR, param);
		if (rc)
			return rc;
		iw_lock(&id->lock);
	}
	return iw_qp_ask_and_unlock(id, IW_QP_RTS, param);
}

void iw_qp_end(struct iw_id *id, enum iw_qp_state to)
{
	int rc;

	if (iw_cm_transport(&id->pub) == IW_CM_DATAGRAM)
		return;
	iw_lock(&id->lock);
	if (!iw_qp_may(id, to)) {
		iw_unlock(&id->lock);
		return;
	}
	rc = iw_qp_ask_and_unlock(id, to, NULL);
	if (rc) /* both sides may be closing at once */
		iw_debug("id %p: QP does not go to %s: error %d", (void *)id, iw_qp_state_name(to),
			 rc);
}
