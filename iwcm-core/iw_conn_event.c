// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Event handlers of a connection. All run in the drain, under the id's lock,
 * and none may block: they change the state and say what is to be done once
 * the lock is released. The calls are in iw_conn.c.
 */
#include <errno.h>

#include "base/log.h"
#include "iwcm-core/iw_conn.h"
#include "iwcm-core/iw_state.h"
#include "iwcm-core/iw_stats.h"

#define BIT(event) (1u << (event))
#define NOTICES                                                        \
	(BIT(IW_CM_EVENT_DEVICE_GONE) | BIT(IW_CM_EVENT_ADDR_CHANGE) | \
	 BIT(IW_CM_EVENT_TIMEWAIT_EXIT))

/* What may arrive in which state. ESTABLISHED needs an accept besides. */
static const unsigned int expected[IW_CM_NSTATES] = {
	[IW_CM_IDLE] = NOTICES | BIT(IW_CM_EVENT_ADDR) | BIT(IW_CM_EVENT_ROUTE),
	[IW_CM_LISTEN] = NOTICES | BIT(IW_CM_EVENT_CONNECT_REQUEST),
	[IW_CM_CONN_RECV] = NOTICES | BIT(IW_CM_EVENT_ESTABLISHED),
	[IW_CM_CONN_SENT] = NOTICES | BIT(IW_CM_EVENT_CONNECT_REPLY),
	[IW_CM_ESTABLISHED] = NOTICES | BIT(IW_CM_EVENT_DISCONNECT) | BIT(IW_CM_EVENT_CLOSE),
	[IW_CM_CLOSING] = NOTICES | BIT(IW_CM_EVENT_DISCONNECT) | BIT(IW_CM_EVENT_CLOSE),
};

static bool is_expected(const struct iw_id *id, enum iw_cm_event_type type)
{
	if (type == IW_CM_EVENT_ESTABLISHED && !id->accepting)
		return false;
	return expected[id->state] & BIT(type);
}

/* CONN_SENT or CONN_RECV -> ESTABLISHED or IDLE. */
static void on_outcome(struct iw_id *id, struct iw_delivery *d)
{
	d->step.deliver = true;
	d->step.end_connection = d->malformed; /* the driver may believe in it */
	if (!d->ev.status) {
		iw_state_set(id, IW_CM_ESTABLISHED);
		iw_qp_record(id, IW_QP_RTS, IW_QP_TOLD);
		return;
	}
	id->ended = true;
	iw_state_set(id, IW_CM_IDLE);
	d->step.qp_err = true;
}

/*
 * ESTABLISHED -> CLOSING. In the queue, not in the post: a reply may wait in
 * front of it.
 */
static void on_disconnect(struct iw_id *id, struct iw_delivery *d)
{
	if (id->state == IW_CM_ESTABLISHED)
		iw_state_set(id, IW_CM_CLOSING);
}

/* ESTABLISHED or CLOSING -> IDLE. */
static void on_close(struct iw_id *id, struct iw_delivery *d)
{
	id->ended = true;
	iw_state_set(id, IW_CM_IDLE);
	iw_qp_record(id, IW_QP_ERR, IW_QP_TOLD);
	d->step.deliver = true;
}

/* No state: the client alone knows what to make of it. */
static void on_notice(struct iw_id *id, struct iw_delivery *d)
{
	d->step.deliver = true;
}

static void (*const on_event[IW_CM_NEVENTS])(struct iw_id *, struct iw_delivery *) = {
	[IW_CM_EVENT_CONNECT_REQUEST] = on_notice,
	[IW_CM_EVENT_CONNECT_REPLY] = on_outcome,
	[IW_CM_EVENT_ESTABLISHED] = on_outcome,
	[IW_CM_EVENT_DISCONNECT] = on_disconnect,
	[IW_CM_EVENT_CLOSE] = on_close,
	[IW_CM_EVENT_DEVICE_GONE] = on_notice,
	[IW_CM_EVENT_ADDR] = on_notice,
	[IW_CM_EVENT_ROUTE] = on_notice,
	[IW_CM_EVENT_ADDR_CHANGE] = on_notice,
	[IW_CM_EVENT_TIMEWAIT_EXIT] = on_notice,
	[IW_CM_EVENT_CONNECT_RESPONSE] = on_notice,
	[IW_CM_EVENT_MULTICAST] = on_notice,
};

/*
 * Driver and core disagree on what exists: ends the connection as a disconnect
 * by the client would, so that the client hears of it once.
 * ESTABLISHED -> CLOSING; a request nobody accepted -> IDLE.
 */
static void end(struct iw_id *id, struct iw_delivery *d)
{
	switch (id->state) {
	case IW_CM_ESTABLISHED:
		iw_state_set(id, IW_CM_CLOSING);
		break;
	case IW_CM_CLOSING:
	case IW_CM_CONN_SENT:
		break;
	case IW_CM_CONN_RECV:
		if (id->accepting)
			break;
		iw_state_set(id, IW_CM_IDLE);
		d->step.end_request = true;
		return;
	case IW_CM_IDLE:
		/* Only a success claims that there is something to end. */
		d->step.end_connection =
			!d->ev.status && (d->ev.type == IW_CM_EVENT_CONNECT_REPLY ||
					  d->ev.type == IW_CM_EVENT_ESTABLISHED);
		return;
	default: /* a listener has no connection, a dying id no events */
		return;
	}
	id->cancelling = true;
	d->step.qp_err = true;
	d->step.end_connection = true;
}

void iw_conn_event(struct iw_id *id, struct iw_delivery *d)
{
	enum iw_cm_event_type type = d->ev.type;
	bool known = is_expected(id, type);

	iw_assert_held(&id->lock);
	d->step = (struct iw_step){ 0 };
	if (!known) {
		iw_stat_inc(events_unexpected);
		iw_warn("id %p: %s (status %d) in %s is dropped", (void *)id,
			iw_cm_event_name(type), d->ev.status, iw_cm_state_name(id->state));
	} else {
		on_event[type](id, d);
	}
	/* A result of addressing that comes late harms no connection. */
	if (!known && type >= IW_CM_EVENT_CONNECT_REPLY && type <= IW_CM_EVENT_CLOSE)
		end(id, d);
	else if (d->malformed && type == IW_CM_EVENT_DISCONNECT)
		end(id, d);
}
