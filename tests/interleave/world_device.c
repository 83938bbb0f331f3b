// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * What the device does by itself: requests, replies, closes. A driver that keeps
 * to the contract changes what it knows and appends the event under one lock,
 * and drains without it; one that errs posts what it likes.
 */
#include <errno.h>

#include "iwcm-core/iw_id.h"
#include "tests/interleave/scenarios.h"

#define BIT(n) (1u << (n))

static void tell_qp(struct w_id *wid, enum iw_qp_state state)
{
	for (struct w_qp *qp = wid->qps; qp < wid->qps + W_QPS; qp++) {
		qp->told |= BIT(state);
		qp->may_be |= BIT(state);
	}
}

/* -------------------------------------- what may happen in which state of the link */

static bool outcome(struct w_id *wid, enum w_link next, int status, struct iw_cm_event *ev)
{
	bool active = wid->link == L_TRYING;

	ev->type = active ? IW_CM_EVENT_CONNECT_REPLY : IW_CM_EVENT_ESTABLISHED;
	ev->status = status;
	wid->link = next;
	wid->posting = true;
	if (!status)
		tell_qp(wid, IW_QP_RTS);
	return true;
}

static bool reply_ok(struct w_id *wid, struct iw_cm_event *ev)
{
	enum iw_cm_transport transport = w.spec->transport;

	if (wid->link != L_TRYING || wid->cancelled || transport == IW_CM_INFINIBAND)
		return false;
	return outcome(wid, transport == IW_CM_DATAGRAM ? L_NONE : L_UP, 0, ev);
}

static bool reply_fail(struct w_id *wid, struct iw_cm_event *ev)
{
	if (wid->link != L_TRYING && wid->link != L_ACCEPTED)
		return false;
	return outcome(wid, L_NONE, wid->cancelled ? -ECONNABORTED : -ECONNREFUSED, ev);
}

static bool response(struct w_id *wid, struct iw_cm_event *ev)
{
	if (wid->link != L_TRYING || wid->cancelled || w.spec->transport != IW_CM_INFINIBAND)
		return false;
	wid->link = L_RESPONDED;
	wid->posting = true;
	ev->type = IW_CM_EVENT_CONNECT_RESPONSE;
	return true;
}

static bool established(struct w_id *wid, struct iw_cm_event *ev)
{
	if (wid->link != L_ACCEPTED || wid->cancelled || w.spec->transport == IW_CM_DATAGRAM)
		return false;
	return outcome(wid, L_UP, 0, ev);
}

static bool peer_closes(struct w_id *wid, struct iw_cm_event *ev)
{
	if (wid->link != L_UP)
		return false;
	wid->link = L_PEER;
	ev->type = IW_CM_EVENT_DISCONNECT;
	return true;
}

static bool closed(struct w_id *wid, struct iw_cm_event *ev)
{
	if (wid->link != L_UP && wid->link != L_CLOSING && wid->link != L_PEER)
		return false;
	wid->link = L_NONE;
	ev->type = IW_CM_EVENT_CLOSE;
	tell_qp(wid, IW_QP_ERR);
	return true;
}

static bool device_gone(struct w_id *wid, struct iw_cm_event *ev)
{
	if (wid->device_gone)
		return false;
	wid->device_gone = true;
	ev->type = IW_CM_EVENT_DEVICE_GONE;
	return true;
}

static bool resolved(struct w_id *wid, struct iw_cm_event *ev)
{
	if (!wid->resolving)
		return false;
	wid->resolving = false;
	ev->type = IW_CM_EVENT_ADDR;
	return true;
}

static bool notice(struct w_id *wid, struct iw_cm_event *ev)
{
	ev->type = IW_CM_EVENT_ADDR_CHANGE;
	return true;
}

static bool member(struct w_id *wid, struct iw_cm_event *ev)
{
	if (!wid->joined)
		return false;
	ev->type = IW_CM_EVENT_MULTICAST;
	ev->membership = W_MEMBER;
	return true;
}

static bool (*const happens[E_N])(struct w_id *, struct iw_cm_event *) = {
	[E_REPLY_OK] = reply_ok,       [E_REPLY_FAIL] = reply_fail,  [E_RESPONSE] = response,
	[E_ESTABLISHED] = established, [E_DISCONNECT] = peer_closes, [E_CLOSE] = closed,
	[E_GONE] = device_gone,	       [E_ADDR] = resolved,	     [E_NOTICE] = notice,
	[E_MEMBER] = member,
};

/* ------------------------------------------------------------------ posting */

static void check_posted(struct w_id *wid, const struct iw_cm_event *ev, int rc)
{
	bool busy = rc == -EBUSY &&
		    (ev->type == IW_CM_EVENT_ADDR_CHANGE || ev->type == IW_CM_EVENT_MULTICAST);
	bool unknown = rc == -ENOENT && ev->type == IW_CM_EVENT_MULTICAST;

	il_check(!rc || rc == -ESHUTDOWN || busy || unknown || w.spec->loose,
		 "%s: posting %s: error %d", wid->name, iw_cm_event_name(ev->type), rc);
}

bool w_device_append(struct w_id *wid, enum w_event event)
{
	struct iw_cm_event ev = { 0 };
	bool drain = false;
	int rc;

	iw_lock(&wid->lock);
	if (!wid->gone && happens[event](wid, &ev)) {
		ev.detail = ++wid->said;
		rc = iw_cm_append(wid->id, &ev, &drain);
		check_posted(wid, &ev, rc);
	}
	iw_unlock(&wid->lock);
	return drain;
}

void w_device(struct w_id *wid, enum w_event event)
{
	if (w_device_append(wid, event))
		iw_cm_drain(wid->id);
}

bool w_request_append(struct w_id *listener, struct w_id *child)
{
	struct iw_cm_event ev = { .type = IW_CM_EVENT_CONNECT_REQUEST };
	bool drain = false;
	int rc;

	rc = iw_cm_child_new(listener->id, child, &child->id);
	if (rc) {
		il_check(rc == -EBUSY || rc == -ESHUTDOWN || rc == -EINVAL,
			 "%s: a request is refused: error %d", listener->name, rc);
		return false;
	}
	child->name = "child";
	child->used = child->child = true;
	child->users = 1;
	child->link = L_ASKED;
	iw_lock_init(&child->lock);
	ev.child = child->id;
	iw_lock(&listener->lock);
	ev.detail = ++listener->said;
	rc = iw_cm_append(listener->id, &ev, &drain);
	child->queued = !rc;
	iw_unlock(&listener->lock);
	il_check(!rc || rc == -ESHUTDOWN, "%s: posting a request: error %d", listener->name, rc);
	return drain;
}

void w_request(struct w_id *listener, struct w_id *child)
{
	if (w_request_append(listener, child))
		iw_cm_drain(listener->id);
}

void w_raw(struct w_id *wid, const struct iw_cm_event *evs, unsigned int n)
{
	il_point("the device errs", wid);
	tell_qp(wid, IW_QP_RTS);
	tell_qp(wid, IW_QP_ERR);
	for (unsigned int i = 0; i < n; i++)
		iw_cm_post(wid->id, &evs[i]);
}
