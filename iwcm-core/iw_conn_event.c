// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Event handlers of a connection. All run in the drain, under the id's lock,
 * and none may block: they change the state and say what is to be done once
 * the lock is released. The calls are in iw_conn.c.
 */
#include <errno.h>

#include "base/log.h"
#include "iwcm-core/iw_conn.h"
#include "iwcm-core/iw_establish.h"
#include "iwcm-core/iw_state.h"
#include "iwcm-core/iw_stats.h"

#define BIT(event) (1u << (event))
#define NOTICES                                                        \
	(BIT(IW_CM_EVENT_DEVICE_GONE) | BIT(IW_CM_EVENT_ADDR_CHANGE) | \
	 BIT(IW_CM_EVENT_TIMEWAIT_EXIT) | BIT(IW_CM_EVENT_MULTICAST) | BIT(IW_CM_EVENT_ADDRINFO))

/* What may arrive in which state; is_expected() asks for more. */
static const unsigned int expected[IW_CM_NSTATES] = {
	[IW_CM_IDLE] = NOTICES | BIT(IW_CM_EVENT_ADDR) | BIT(IW_CM_EVENT_ROUTE),
	[IW_CM_LISTEN] = NOTICES | BIT(IW_CM_EVENT_CONNECT_REQUEST),
	[IW_CM_CONN_RECV] = NOTICES | BIT(IW_CM_EVENT_ESTABLISHED),
	[IW_CM_CONN_SENT] =
		NOTICES | BIT(IW_CM_EVENT_CONNECT_REPLY) | BIT(IW_CM_EVENT_CONNECT_RESPONSE),
	[IW_CM_ESTABLISHED] = NOTICES | BIT(IW_CM_EVENT_DISCONNECT) | BIT(IW_CM_EVENT_CLOSE),
	[IW_CM_CLOSING] = NOTICES | BIT(IW_CM_EVENT_DISCONNECT) | BIT(IW_CM_EVENT_CLOSE),
};

static bool is_of_connection(enum iw_cm_event_type type)
{
	return type >= IW_CM_EVENT_CONNECT_REPLY && type <= IW_CM_EVENT_CLOSE;
}

static bool is_expected(const struct iw_id *id, enum iw_cm_event_type type)
{
	enum iw_cm_transport transport = iw_cm_transport(&id->pub);

	/* Datagrams have an outcome on the active side and no end. */
	if (transport == IW_CM_DATAGRAM && is_of_connection(type) &&
	    type != IW_CM_EVENT_CONNECT_REPLY)
		return false;
	if (type == IW_CM_EVENT_ESTABLISHED && !id->accepting)
		return false;
	if (type == IW_CM_EVENT_CONNECT_RESPONSE &&
	    (transport != IW_CM_INFINIBAND || id->responded))
		return false;
	return expected[id->state] & BIT(type);
}

/* CONN_SENT or CONN_RECV -> ESTABLISHED or IDLE. */
static void on_outcome(struct iw_id *id, struct iw_delivery *d)
{
	d->step.deliver = true;
	/* The driver may believe in it. */
	d->step.end_connection = d->malformed && iw_cm_transport(&id->pub) != IW_CM_DATAGRAM;
	if (!d->ev.status) {
		iw_establish_made(id);
		return;
	}
	id->ended = true;
	iw_state_set(id, IW_CM_IDLE);
	d->step.qp_err = true;
}

/*
 * CONN_SENT, which the drain completes if there is a QP and else the client. A
 * response to an attempt that is being cancelled is only remembered: the driver
 * owes the outcome. One that is in error fails the attempt.
 */
static void on_response(struct iw_id *id, struct iw_delivery *d)
{
	id->responded = true;
	if (d->ev.status) {
		iw_establish_failed(id, d, d->ev.status);
	} else if (!id->cancelling) {
		id->completing = id->qp;
		d->step.complete = id->completing;
		d->step.deliver = !id->completing;
	}
}

/*
 * The peer of an InfiniBand connection began to close it, or may have when we
 * did: of two requests that cross each needs its answer, and nobody tells.
 */
static void note_close(struct iw_id *id)
{
	if (iw_cm_transport(&id->pub) != IW_CM_INFINIBAND)
		return;
	if (id->state == IW_CM_ESTABLISHED)
		id->answer_owed = !id->cancelling;
	else
		id->answer_owed |= id->close_begun;
	id->close_begun = false;
}

/*
 * ESTABLISHED -> CLOSING. In the queue, not in the post: a reply may wait in
 * front of it.
 */
static void on_disconnect(struct iw_id *id, struct iw_delivery *d)
{
	note_close(id);
	if (id->state == IW_CM_ESTABLISHED)
		iw_state_set(id, IW_CM_CLOSING);
}

/* ESTABLISHED or CLOSING -> IDLE. On InfiniBand nobody has moved the QP. */
static void on_close(struct iw_id *id, struct iw_delivery *d)
{
	note_close(id);
	id->ended = true;
	iw_state_set(id, IW_CM_IDLE);
	if (iw_cm_transport(&id->pub) != IW_CM_INFINIBAND)
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
	[IW_CM_EVENT_CONNECT_RESPONSE] = on_response,
	[IW_CM_EVENT_MULTICAST] = on_notice,
	[IW_CM_EVENT_ADDRINFO] = on_notice,
};

/*
 * Driver and core disagree on what exists: ends the connection as a disconnect
 * by the client would, so that the client hears of it once.
 * ESTABLISHED -> CLOSING; a request nobody accepted -> IDLE; so does an attempt
 * that waits for the client to complete it. Of datagrams nothing exists.
 */
static void end(struct iw_id *id, struct iw_delivery *d)
{
	if (iw_cm_transport(&id->pub) == IW_CM_DATAGRAM)
		return;
	switch (id->state) {
	case IW_CM_ESTABLISHED:
		iw_state_set(id, IW_CM_CLOSING);
		break;
	case IW_CM_CLOSING:
		break;
	case IW_CM_CONN_SENT:
		if (!iw_establish_open(id))
			break;
		iw_establish_failed(id, d, -EPROTO);
		return;
	case IW_CM_CONN_RECV:
		if (id->accepting)
			break;
		id->completing = true; /* IDLE when it is refused */
		d->step.end_request = true;
		return;
	case IW_CM_IDLE:
		/* Only a success claims that there is something to end. */
		d->step.end_connection =
			!d->ev.status && (d->ev.type == IW_CM_EVENT_CONNECT_REPLY ||
					  d->ev.type == IW_CM_EVENT_ESTABLISHED);
		d->step.end_request = !d->ev.status && d->ev.type == IW_CM_EVENT_CONNECT_RESPONSE;
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
	if (!known && is_of_connection(type))
		end(id, d);
	else if (d->malformed && type == IW_CM_EVENT_DISCONNECT)
		end(id, d);
}
