// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The driver's ops. Each checks what the contract promises to drivers and
 * answers as a device in that state could, by il_choose() where it may fail.
 */
#include "tests/interleave/world.h"

#include <errno.h>
#include <string.h>

#include "iwcm-core/iw_id.h"
#include "tests/interleave/scenarios.h"

#define BIT(n) (1u << (n))

IL_STATE struct world w;

/* Of records that others fill it reads no more than whose they are not. */
IL_UNWATCHED struct w_id *w_find(struct iw_cm_id *id)
{
	for (struct w_id *wid = w.ids; wid < w.ids + W_IDS; wid++)
		if (wid->used && wid->id == id)
			return wid;
	il_violation("an id that nobody made");
}

/* ------------------------------------------------------------- all the ops */

static void op_begin(struct w_id *wid, struct iw_cm_id *id, const char *op)
{
	il_point(op, wid);
	il_check(wid->id == id, "%s: driver's %s of another id", wid->name, op);
	il_check(!wid->gone, "%s: driver's %s after id_gone", wid->name, op);
	il_check(!iw_lock_is_mine(&iw_id_of(id)->lock), "%s: driver's %s under the lock of the id",
		 wid->name, op);
	wid->ops++;
}

/* One that takes no time. */
static void op_at_once(struct w_id *wid, struct iw_cm_id *id, const char *op)
{
	op_begin(wid, id, op);
	wid->ops--;
}

/* In between others may go on. */
static void op_end(struct w_id *wid, const char *op)
{
	il_point(op, wid);
	il_check(!wid->gone, "%s: id_gone while driver's %s runs", wid->name, op);
	wid->ops--;
}

/* An op that a device may refuse. */
static int may_fail(const char *op, int error)
{
	return w.spec->fails == FAIL_OPS && !w.calm && il_choose(op, 2) ? error : 0;
}

/* Where nobody but the core moves it, and no move fails. */
IL_UNWATCHED void w_check_qp_over(const struct w_id *wid, const char *when)
{
	const struct w_qp *qp = wid->qps;

	if (w.spec->loose || w.spec->fails == FAIL_QP || w.spec->transport == IW_CM_DATAGRAM ||
	    !w.qp_is_the_cores || !qp->attached)
		return;
	il_check(qp->may_be & BIT(IW_QP_ERR), "%s: %s, and the QP may go on", wid->name, when);
}

IL_UNWATCHED void w_actors_start(void)
{
	enum w_link link = w.target->link;

	w.was_up = link == L_UP || link == L_CLOSING || link == L_PEER;
	for (struct w_id *wid = w.ids; wid < w.ids + W_IDS; wid++) {
		wid->ends_before = wid->ends;
		wid->calls_before = wid->calls;
	}
}

/* ------------------------------------------------------------ birth, death */

static int w_id_new(struct iw_cm_id *id, void *arg, void **drv)
{
	struct w_id *wid = arg;

	wid->id = id;
	*drv = wid;
	return 0;
}

static void w_id_gone(struct iw_cm_id *id, void *drv)
{
	struct w_id *wid = drv;
	bool put;

	op_at_once(wid, id, "id_gone");
	il_check(!wid->ops, "%s: id_gone while %u ops run", wid->name, wid->ops);
	il_check(!wid->inside, "%s: id_gone while the handler runs", wid->name);
	il_check(w.spec->loose || wid->aborts || wid->link == L_NONE,
		 "%s: id_gone, and nobody has aborted the connection", wid->name);
	if (wid->was_connected)
		w_check_qp_over(wid, "id_gone");
	wid->gone++;
	wid->link = L_NONE;
	put = !wid->users;
	wid->put += put;
	if (put)
		iw_cm_driver_put(id);
}

void w_user_end(struct w_id *wid)
{
	bool put;

	il_point("the driver's thread is done", wid);
	wid->users--;
	put = wid->gone && !wid->users && !wid->put;
	wid->put += put;
	if (put)
		iw_cm_driver_put(wid->id);
}

static void w_abort(struct iw_cm_id *id, void *drv, enum iw_cm_state was)
{
	struct w_id *wid = drv;

	op_at_once(wid, id, "abort");
	il_check(!wid->aborts++, "%s: abort is called twice", wid->name);
	il_check(was != IW_CM_IDLE && was != IW_CM_DESTROYING, "%s: abort of %s", wid->name,
		 iw_cm_state_name(was));
	wid->was_connected =
		was == IW_CM_CONN_SENT || was == IW_CM_ESTABLISHED || was == IW_CM_CLOSING;
}

/* --------------------------------------------------------------- connecting */

static int w_op_listen(struct iw_cm_id *id, void *drv, int backlog)
{
	struct w_id *wid = drv;
	int rc;

	op_begin(wid, id, "listen");
	wid->link = L_LISTEN;
	op_end(wid, "listen returns");
	rc = may_fail("listen fails", -EADDRINUSE);
	if (rc)
		wid->link = L_NONE;
	return rc;
}

static void attempt_begin(struct w_id *wid, enum w_link link)
{
	wid->link = link;
	wid->calls++;
	wid->posting = false;
	wid->cancelled = false;
	wid->in_attempt = true;
}

/* What it owes if it returns 0 may have been posted by now, and then it must. */
static int attempt_end(struct w_id *wid, enum w_link link, enum w_link before)
{
	int rc = 0;

	wid->in_attempt = false;
	if (wid->link == link && !wid->posting)
		rc = may_fail("the attempt fails", -ECONNREFUSED);
	if (rc)
		wid->link = before;
	return rc;
}

static int w_op_connect(struct iw_cm_id *id, void *drv, const struct iw_cm_conn_param *param)
{
	struct w_id *wid = drv;

	op_begin(wid, id, "connect");
	il_check(w.spec->loose || wid->link == L_NONE, "%s: connect while there is a connection",
		 wid->name);
	attempt_begin(wid, L_TRYING);
	op_end(wid, "connect returns");
	return attempt_end(wid, L_TRYING, L_NONE);
}

static int w_op_accept(struct iw_cm_id *id, void *drv, const struct iw_cm_conn_param *param)
{
	struct w_id *wid = drv;

	op_begin(wid, id, "accept");
	il_check(w.spec->loose || wid->link == L_ASKED, "%s: accept of no request", wid->name);
	il_check(!wid->decided++, "%s: a request is answered twice", wid->name);
	attempt_begin(wid, L_ACCEPTED);
	op_end(wid, "accept returns");
	return attempt_end(wid, L_ACCEPTED, L_ASKED);
}

static int w_op_reject(struct iw_cm_id *id, void *drv, const void *data, size_t len, uint8_t reason)
{
	struct w_id *wid = drv;
	bool asked;
	int rc;

	op_at_once(wid, id, "reject");
	asked = wid->link == L_ASKED;
	il_check(w.spec->loose || asked || w.spec->transport == IW_CM_INFINIBAND,
		 "%s: reject of no request", wid->name);
	if (asked || wid->link == L_RESPONDED || wid->link == L_TRYING)
		wid->link = L_NONE;
	rc = asked ? may_fail("reject fails", -EIO) : 0;
	wid->turned_down += asked && !rc && reason == W_REASON_CLIENT;
	return rc;
}

static int w_op_establish(struct iw_cm_id *id, void *drv)
{
	struct w_id *wid = drv;
	int rc;

	op_begin(wid, id, "establish");
	il_check(w.spec->loose || (!wid->completing && wid->link != L_UP),
		 "%s: a connection is completed twice", wid->name);
	wid->completing = true;
	wid->ups++;
	rc = wid->link == L_RESPONDED ? 0 : -ENOTCONN;
	op_end(wid, "establish returns");
	wid->completing = false;
	if (!rc)
		rc = may_fail("establish fails", -EIO);
	if (!rc && wid->link == L_RESPONDED)
		wid->link = L_UP;
	return rc;
}

/* -------------------------------------------------------------- disconnect */

/* Of an attempt. The outcome follows: now, or from a thread of the driver. */
static int cancel(struct w_id *wid)
{
	int rc = may_fail("nothing to cancel", -EINVAL);

	wid->cancelled |= !rc;
	wid->uncancelled |= rc && !wid->in_attempt;
	return rc;
}

static int disconnect_link(struct w_id *wid)
{
	int rc;

	switch (wid->link) {
	case L_TRYING:
	case L_ACCEPTED:
		return cancel(wid);
	case L_UP:
		rc = may_fail("disconnect fails", -EIO);
		if (!rc)
			wid->link = L_CLOSING;
		return rc;
	case L_CLOSING:
	case L_PEER:
		return 0;
	case L_RESPONDED:
		return -EINVAL;
	default:
		return -ENOTCONN;
	}
}

/* By a core that knows what there is, and what its client wants. */
IL_UNWATCHED static void check_disconnect(struct w_id *wid)
{
	bool up = wid->link == L_UP || wid->link == L_CLOSING || wid->link == L_PEER;

	il_check(w.spec->transport != IW_CM_DATAGRAM, "%s: disconnect of a datagram id", wid->name);
	if (w.spec->loose)
		return;
	il_check(wid->ends != wid->ends_before || wid->calls == wid->calls_before,
		 "%s: disconnect of an attempt that nobody has given up", wid->name);
	/* A word to an attempt may come when it is made. */
	if (!up || w.spec->transport != IW_CM_IWARP || !w.was_up || wid->calls != wid->calls_before)
		return;
	il_check(!wid->closed_here, "%s: a connection is closed twice", wid->name);
	wid->closed_here = true;
}

static int w_op_disconnect(struct iw_cm_id *id, void *drv, bool abrupt)
{
	struct w_id *wid = drv;
	bool now;
	int rc;

	op_at_once(wid, id, "disconnect");
	check_disconnect(wid);
	rc = disconnect_link(wid);
	/* A driver may post from here. Two ops do not hold the lock at once. */
	now = !rc && w.spec->fails == FAIL_OPS && !w.calm && !wid->in_attempt &&
	      il_choose("posts at once", 2);
	if (now)
		w_device(wid, wid->cancelled ? E_REPLY_FAIL : E_CLOSE);
	return rc;
}

/* ---------------------------------------------------------------------- QP */

/* What may be asked for, after the contract: not the core's own table. */
static bool may_ask(enum iw_qp_state from, enum iw_qp_state to)
{
	static const unsigned char ways[IW_QP_NSTATES] = {
		[IW_QP_RESET] = BIT(IW_QP_INIT) | BIT(IW_QP_ERR),
		[IW_QP_INIT] = BIT(IW_QP_RESET) | BIT(IW_QP_RTR) | BIT(IW_QP_ERR),
		[IW_QP_RTR] = BIT(IW_QP_RTS) | BIT(IW_QP_ERR),
		[IW_QP_RTS] = BIT(IW_QP_SQD) | BIT(IW_QP_ERR),
		[IW_QP_SQD] = BIT(IW_QP_ERR),
		[IW_QP_ERR] = BIT(IW_QP_RESET),
	};

	return ways[from] & BIT(to);
}

/* What a device may tell of a QP in @state. */
static unsigned int may_follow(enum iw_qp_state state)
{
	return BIT(IW_QP_ERR) | (state <= IW_QP_RTR ? BIT(IW_QP_RTS) : 0);
}

static void check_move(struct w_id *wid, struct w_qp *qp, enum iw_qp_state to)
{
	bool legal = false;

	il_check(qp, "%s: modify_qp without a QP", wid->name);
	il_check(!qp->detached, "%s: QP to %s after its detach returned", wid->name,
		 iw_qp_state_name(to));
	il_check(!qp->moving, "%s: QP to %s while another transition of it runs", wid->name,
		 iw_qp_state_name(to));
	for (enum iw_qp_state from = 0; from < IW_QP_NSTATES; from++)
		legal |= (qp->may_be & BIT(from)) && (from == to || may_ask(from, to));
	il_check(legal, "%s: QP to %s, which no state that it may be in allows (%#x)", wid->name,
		 iw_qp_state_name(to), qp->may_be);
}

static int w_op_modify_qp(struct iw_cm_id *id, void *drv, void *arg, enum iw_qp_state to,
			  const struct iw_cm_conn_param *param)
{
	struct w_id *wid = drv;
	struct w_qp *qp = arg;
	int rc = 0;

	op_begin(wid, id, "modify_qp");
	check_move(wid, qp, to);
	qp->moving++;
	op_end(wid, "modify_qp returns");
	il_check(!qp->detached, "%s: detach has returned while the QP goes to %s", wid->name,
		 iw_qp_state_name(to));
	qp->moving--;
	if (w.spec->fails == FAIL_QP && !w.calm && il_choose("modify_qp fails", 2))
		rc = -EINVAL;
	if (!rc)
		qp->may_be = BIT(to) | (qp->told & may_follow(to));
	return rc;
}

/* ------------------------------------------------------------------- others */

static int w_op_migrate(struct iw_cm_id *id, void *drv, void *source)
{
	struct w_id *wid = drv;
	int rc;

	op_begin(wid, id, "migrate");
	il_check(!wid->inside, "%s: migrate while the handler runs", wid->name);
	il_check(!wid->moving, "%s: two migrations at once", wid->name);
	wid->moving = true;
	wid->migrations++;
	op_end(wid, "migrate returns");
	rc = may_fail("migrate fails", -EIO);
	if (rc)
		wid->moving = false;
	return rc;
}

static int w_op_resolve_addr(struct iw_cm_id *id, void *drv, const struct sockaddr *src,
			     const struct sockaddr *dst, int timeout_ms)
{
	struct w_id *wid = drv;

	op_at_once(wid, id, "resolve_addr");
	wid->resolving = true;
	return 0;
}

static int w_op_join(struct iw_cm_id *id, void *drv, const struct iw_cm_join *join)
{
	struct w_id *wid = drv;
	int rc;

	op_begin(wid, id, "join");
	wid->joined = true;
	wid->leaving = false;
	op_end(wid, "join returns");
	rc = wid->said ? 0 : may_fail("join fails", -EIO);
	if (rc)
		wid->joined = false;
	return rc;
}

static int w_op_leave(struct iw_cm_id *id, void *drv, void *membership)
{
	struct w_id *wid = drv;

	op_begin(wid, id, "leave");
	il_check(!wid->leaving, "%s: a group is left twice", wid->name);
	wid->leaving = true;
	wid->joined = false;
	op_end(wid, "leave returns");
	return 0;
}

/* clang-format off */
#define W_OPS                                                            \
	.id_new = w_id_new, .id_gone = w_id_gone, .abort = w_abort,      \
	.listen = w_op_listen, .connect = w_op_connect,                  \
	.accept = w_op_accept, .reject = w_op_reject,                    \
	.establish = w_op_establish, .disconnect = w_op_disconnect,      \
	.modify_qp = w_op_modify_qp, .migrate = w_op_migrate,            \
	.resolve_addr = w_op_resolve_addr, .join = w_op_join,            \
	.leave = w_op_leave
/* clang-format on */

const struct iw_cm_driver_ops w_ops = { .name = "inline", W_OPS };
const struct iw_cm_driver_ops w_pool_ops = { .name = "pool", .drain_in_pool = true, W_OPS };
