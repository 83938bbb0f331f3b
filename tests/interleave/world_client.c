// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The client: its calls, and its handler, which checks the order and the number
 * of what it is told.
 */
#include <errno.h>
#include <stddef.h>

#include "iwcm-core/iw_ref.h"
#include "tests/interleave/scenarios.h"

#define BIT(n) (1u << (n))

static const struct iw_cm_conn_param no_param;

struct w_id *w_create(struct w_id *wid, const char *name)
{
	int rc;

	wid->name = name;
	wid->used = true;
	iw_lock_init(&wid->lock);
	rc = iw_cm_create(&w_ops, wid, w_handler, NULL, &wid->id);
	il_check(!rc, "%s cannot be made: error %d", name, rc);
	iw_cm_set_transport(wid->id, w.spec->transport);
	return wid;
}

void w_keep(struct w_id *wid)
{
	struct iw_id *id = iw_id_of(wid->id);

	iw_lock(&id->lock);
	iw_ref_get(id, IW_REF_CREATOR);
	iw_unlock(&id->lock);
}

void w_unkeep(struct w_id *wid)
{
	struct iw_id *id = iw_id_of(wid->id);

	iw_lock(&id->lock);
	iw_ref_put_and_unlock(id, IW_REF_CREATOR);
}

/* -------------------------------------------------------------------- calls */

/* Sums that are read when all have ended; of two calls at once each has to count. */
static void add(unsigned int *sum, bool one)
{
	__atomic_add_fetch(sum, one, __ATOMIC_RELAXED);
}

/* The handler looks at it only where the device errs. */
static void begin_attempt(struct w_id *wid)
{
	if (!w.spec->loose)
		return;
	il_point("an attempt is called", wid);
	wid->begun++;
}

void w_connect(struct w_id *wid)
{
	begin_attempt(wid);
	add(&wid->attempts, !iw_cm_connect(wid->id, &no_param));
}

void w_accept(struct w_id *wid)
{
	begin_attempt(wid);
	add(&wid->attempts, !iw_cm_accept(wid->id, &no_param));
}

/* Of a request, or of the response of an InfiniBand peer. */
void w_reject(struct w_id *wid)
{
	add(&wid->refused, !iw_cm_reject(wid->id, NULL, 0, W_REASON_CLIENT));
}

void w_establish(struct w_id *wid)
{
	add(&wid->completed, !iw_cm_establish(wid->id));
}

IL_UNWATCHED static void note_end(struct w_id *wid)
{
	wid->ends++;
}

void w_disconnect(struct w_id *wid, bool abrupt)
{
	note_end(wid);
	add(&wid->given_up, !iw_cm_disconnect(wid->id, abrupt));
}

/* Those that nobody saw go with their listener, and before it. */
IL_UNWATCHED static void check_children(const struct w_id *listener)
{
	if (listener->child)
		return;
	for (const struct w_id *child = w.ids; child < w.ids + W_IDS; child++)
		il_check(!child->used || !child->child || !child->queued || child->handed ||
				 child->put || w.spec->loose,
			 "%s: destroy has returned before a child was gone", listener->name);
}

void w_destroy(struct w_id *wid)
{
	int rc = iw_cm_destroy(wid->id);

	il_check(!rc || rc == -EALREADY, "%s: destroy: error %d", wid->name, rc);
	if (rc) {
		il_point("destroy comes second", wid);
		wid->lost = true;
		return;
	}
	il_point("destroy has returned", wid);
	il_check(!wid->inside, "%s: destroy has returned while the handler runs", wid->name);
	il_check(wid->gone == 1, "%s: destroy has returned before id_gone", wid->name);
	il_check(wid->put == 1, "%s: destroy has returned before the driver put its reference",
		 wid->name);
	check_children(wid);
	wid->returned = true;
}

static void moved(void *arg)
{
	struct w_id *wid = arg;

	il_point("moved", wid);
	il_check(wid->moving, "%s: moved without a migration", wid->name);
	il_check(!wid->inside, "%s: moved while the handler runs", wid->name);
	wid->moving = false;
}

void w_migrate(struct w_id *wid)
{
	iw_cm_migrate(wid->id, NULL, moved, wid);
}

void w_attach(struct w_id *wid)
{
	struct w_qp *qp = wid->qps;
	int rc;

	il_point("attach is called", wid);
	while (qp->attached)
		qp++;
	qp->attached = true;
	qp->may_be |= BIT(IW_QP_RESET); /* what was told before may be heard now */
	rc = iw_cm_qp_attach(wid->id, qp);
	if (rc) {
		il_point("attach is refused", wid);
		qp->detached = true;
	}
}

void w_detach(struct w_id *wid)
{
	struct w_qp *qp = wid->qps;
	int rc = iw_cm_qp_detach(wid->id);

	if (rc)
		return;
	il_point("detach has returned", wid);
	while (qp->detached)
		qp++;
	il_check(!qp->moving, "%s: detach has returned while the QP moves", wid->name);
	qp->detached = true;
}

void w_modify(struct w_id *wid, enum iw_qp_state to)
{
	iw_cm_qp_modify(wid->id, to);
}

void w_listen(struct w_id *wid)
{
	iw_cm_listen(wid->id, 2, 2);
}

void w_resolve(struct w_id *wid)
{
	iw_cm_resolve_addr(wid->id, NULL, NULL, 0);
}

void w_join(struct w_id *wid)
{
	const struct iw_cm_join join = { .addr = W_MEMBER, .membership = W_MEMBER };

	iw_cm_join(wid->id, &join);
}

void w_leave(struct w_id *wid)
{
	int rc = iw_cm_leave(wid->id, W_MEMBER);

	if (rc)
		return;
	il_point("leave has returned", wid);
	wid->left = true;
}

/* ------------------------------------------------------------------ handler */

static void count_outcome(struct w_id *wid, const struct iw_cm_event *ev)
{
	bool up = !ev->status && w.spec->transport != IW_CM_DATAGRAM;
	/* A device that errs may answer before it was asked. */
	unsigned int calls = w.spec->loose ? wid->begun : wid->calls;

	if (ev->status)
		w_check_qp_over(wid, "an attempt has failed");
	wid->outcomes++;
	il_check(wid->outcomes <= calls, "%s: outcome %u of %u attempts: %s, status %d", wid->name,
		 wid->outcomes, calls, iw_cm_event_name(ev->type), ev->status);
	il_check(!up || wid->made + wid->ups >= wid->closes, "%s: ESTABLISHED in a connection",
		 wid->name);
	wid->made += up;
}

static void count(struct w_id *wid, const struct iw_cm_event *ev)
{
	switch (ev->type) {
	case IW_CM_EVENT_CONNECT_REPLY:
	case IW_CM_EVENT_ESTABLISHED:
		count_outcome(wid, ev);
		break;
	case IW_CM_EVENT_CLOSE:
		wid->closes++;
		il_check(wid->closes <= wid->made + wid->ups,
			 "%s: DISCONNECTED without, or twice for, an ESTABLISHED", wid->name);
		break;
	case IW_CM_EVENT_DEVICE_GONE:
		il_check(!wid->goodbyes++, "%s: the device goes twice", wid->name);
		break;
	case IW_CM_EVENT_DISCONNECT:
		il_violation("%s: DISCONNECT is delivered", wid->name);
	case IW_CM_EVENT_MULTICAST:
		il_check(!wid->left || wid->joined, /* again */
			 "%s: an event of the group after leave returned", wid->name);
		break;
	default:
		break;
	}
}

/* Events of the core's own making have no number; those of a device that errs neither. */
static void check_order(struct w_id *wid, const struct iw_cm_event *ev)
{
	if (!ev->detail)
		return;
	il_check(ev->detail > wid->heard, "%s: %s, posted as event %u, comes after event %u",
		 wid->name, iw_cm_event_name(ev->type), ev->detail, wid->heard);
	wid->heard = ev->detail;
}

static void enter(struct w_id *wid, const struct iw_cm_event *ev)
{
	const char *name = iw_cm_event_name(ev->type);

	il_point(name, wid);
	il_check(!wid->inside, "%s: %s while another handler of the id runs", wid->name, name);
	wid->inside++;
	il_check(!wid->returned, "%s: %s after destroy returned", wid->name, name);
	il_check(!wid->doomed, "%s: %s after the handler wished an end", wid->name, name);
	il_check(!wid->gone, "%s: %s after id_gone", wid->name, name);
	il_check(!wid->moving, "%s: %s between migrate and moved", wid->name, name);
	il_check(!wid->handed || wid->requested, "%s: %s while its request is handled", wid->name,
		 name);
	il_check(!iw_lock_is_mine(&iw_id_of(wid->id)->lock), "%s: %s under the lock of the id",
		 wid->name, name);
	check_order(wid, ev);
	count(wid, ev);
}

static void destroy_inside(struct w_id *wid)
{
	int rc = iw_cm_destroy(wid->id);

	il_check(!rc || rc == -EALREADY, "%s: destroy inside: error %d", wid->name, rc);
	il_point("destroy inside has returned", wid);
	wid->doomed |= !rc;
}

/* What the scenario wants once, of the events of a connection. */
static int react(struct w_id *wid)
{
	int rc;

	wid->acted = true;
	switch (w.spec->on) {
	case ON_NONZERO:
		wid->doomed = true;
		return 1;
	case ON_DESTROY:
		destroy_inside(wid);
		return 0;
	case ON_DISCONNECT:
		w_disconnect(wid, false);
		return 0;
	case ON_MIGRATE:
		rc = iw_cm_migrate(wid->id, NULL, moved, wid);
		il_check(rc == -EDEADLK, "%s: migrate inside: %d", wid->name, rc);
		return 0;
	case ON_DETACH:
		w_detach(wid);
		return 0;
	default:
		return 0;
	}
}

/* The same, of a request: the child is who is acted on. */
static int react_request(struct w_id *listener, struct w_id *child)
{
	if (!w.target || child == w.target) /* of the start state */
		return 0;
	switch (w.spec->on) {
	case ON_NONZERO:
	case ON_DESTROY:
		return react(child);
	case ON_ACCEPT:
		w_accept(child);
		return 0;
	case ON_REJECT:
		w_reject(child);
		child->doomed = true;
		return 1;
	case ON_PARENT:
		destroy_inside(listener);
		return 0;
	default:
		return 0;
	}
}

static int request(struct w_id *listener, struct iw_cm_id *id)
{
	struct w_id *child = w_find(id);

	iw_cm_set_context(id, w_handler, NULL);
	iw_cm_set_transport(id, w.spec->transport);
	il_point("the request is handed out", child);
	child->handed = true;
	return react_request(listener, child);
}

int w_handler(struct iw_cm_id *id, const struct iw_cm_event *ev)
{
	struct w_id *child, *wid = w_find(id);
	int ret = 0;

	enter(wid, ev);
	if (ev->type == IW_CM_EVENT_CONNECT_REQUEST)
		ret = request(wid, ev->child);
	else if (wid == w.target && !wid->acted)
		ret = react(wid);
	il_point("the handler returns", wid);
	wid->inside--;
	if (ev->type != IW_CM_EVENT_CONNECT_REQUEST)
		return ret;
	child = w_find(ev->child);
	il_point("the request was handled", child);
	child->requested = true;
	return ret;
}
