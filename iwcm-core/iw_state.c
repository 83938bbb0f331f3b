// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The tables of states and the functions that write a state; names for logs. */
#include "iwcm-core/iw_state.h"

#include <errno.h>

#include "base/log.h"

static const bool legal[IW_CM_NSTATES][IW_CM_NSTATES] = {
	[IW_CM_IDLE] = {
		[IW_CM_LISTEN] = true,
		[IW_CM_CONN_SENT] = true,
		[IW_CM_CONN_RECV] = true, /* a child at its birth */
		[IW_CM_DESTROYING] = true,
	},
	[IW_CM_LISTEN] = {
		[IW_CM_IDLE] = true, /* the driver could not listen */
		[IW_CM_DESTROYING] = true,
	},
	[IW_CM_CONN_RECV] = {
		[IW_CM_IDLE] = true, /* rejected, or accept failed */
		[IW_CM_ESTABLISHED] = true,
		[IW_CM_DESTROYING] = true,
	},
	[IW_CM_CONN_SENT] = {
		[IW_CM_IDLE] = true, /* the connection failed */
		[IW_CM_ESTABLISHED] = true,
		[IW_CM_DESTROYING] = true,
	},
	[IW_CM_ESTABLISHED] = {
		[IW_CM_CLOSING] = true,
		[IW_CM_IDLE] = true, /* closed at once */
		[IW_CM_DESTROYING] = true,
	},
	[IW_CM_CLOSING] = {
		[IW_CM_IDLE] = true,
		[IW_CM_DESTROYING] = true,
	},
	/* Nothing leads out of DESTROYING. */
};

#define ASKED IW_QP_ASKED
#define TOLD IW_QP_TOLD
#define BOTH (IW_QP_ASKED | IW_QP_TOLD)

/*
 * On iWARP RTS is the driver's to reach: it holds the connection that carries
 * the data. It may tell so from RESET or INIT, for a client that prepared the QP
 * itself. Elsewhere RTS is asked for.
 */
static const unsigned char qp_legal[IW_QP_NSTATES][IW_QP_NSTATES] = {
	[IW_QP_RESET] = { [IW_QP_INIT] = ASKED, [IW_QP_RTS] = TOLD, [IW_QP_ERR] = BOTH },
	[IW_QP_INIT] = { [IW_QP_RESET] = ASKED,
			 [IW_QP_RTR] = ASKED,
			 [IW_QP_RTS] = TOLD,
			 [IW_QP_ERR] = BOTH },
	[IW_QP_RTR] = { [IW_QP_RTS] = BOTH, [IW_QP_ERR] = BOTH },
	[IW_QP_RTS] = { [IW_QP_SQD] = ASKED, [IW_QP_ERR] = BOTH },
	[IW_QP_SQD] = { [IW_QP_ERR] = BOTH },
	[IW_QP_ERR] = { [IW_QP_RESET] = ASKED },
};

static const char *const state_names[] = {
	[IW_CM_IDLE] = "IDLE",
	[IW_CM_LISTEN] = "LISTEN",
	[IW_CM_CONN_RECV] = "CONN_RECV",
	[IW_CM_CONN_SENT] = "CONN_SENT",
	[IW_CM_ESTABLISHED] = "ESTABLISHED",
	[IW_CM_CLOSING] = "CLOSING",
	[IW_CM_DESTROYING] = "DESTROYING",
};

static const char *const event_names[] = {
	[IW_CM_EVENT_CONNECT_REQUEST] = "CONNECT_REQUEST",
	[IW_CM_EVENT_CONNECT_REPLY] = "CONNECT_REPLY",
	[IW_CM_EVENT_ESTABLISHED] = "ESTABLISHED",
	[IW_CM_EVENT_DISCONNECT] = "DISCONNECT",
	[IW_CM_EVENT_CLOSE] = "CLOSE",
	[IW_CM_EVENT_DEVICE_GONE] = "DEVICE_GONE",
	[IW_CM_EVENT_ADDR] = "ADDR",
	[IW_CM_EVENT_ROUTE] = "ROUTE",
	[IW_CM_EVENT_ADDR_CHANGE] = "ADDR_CHANGE",
	[IW_CM_EVENT_TIMEWAIT_EXIT] = "TIMEWAIT_EXIT",
	[IW_CM_EVENT_CONNECT_RESPONSE] = "CONNECT_RESPONSE",
	[IW_CM_EVENT_MULTICAST] = "MULTICAST",
	[IW_CM_EVENT_ADDRINFO] = "ADDRINFO",
};

static const char *const qp_names[] = {
	[IW_QP_RESET] = "RESET", [IW_QP_INIT] = "INIT", [IW_QP_RTR] = "RTR",
	[IW_QP_RTS] = "RTS",	 [IW_QP_SQD] = "SQD",	[IW_QP_ERR] = "ERR",
};

static const char *name_of(const char *const names[], size_t n, unsigned int i)
{
	return i < n ? names[i] : "?";
}

const char *iw_cm_state_name(enum iw_cm_state state)
{
	return name_of(state_names, IW_ARRAY_SIZE(state_names), state);
}

const char *iw_cm_event_name(enum iw_cm_event_type type)
{
	return name_of(event_names, IW_ARRAY_SIZE(event_names), type);
}

const char *iw_qp_state_name(enum iw_qp_state state)
{
	return name_of(qp_names, IW_ARRAY_SIZE(qp_names), state);
}

bool iw_state_legal(enum iw_cm_state from, enum iw_cm_state to)
{
	return (unsigned int)from < IW_CM_NSTATES && (unsigned int)to < IW_CM_NSTATES &&
	       legal[from][to];
}

bool iw_qp_legal(enum iw_qp_state from, enum iw_qp_state to, enum iw_qp_by by)
{
	return (unsigned int)from < IW_QP_NSTATES && (unsigned int)to < IW_QP_NSTATES &&
	       (qp_legal[from][to] & by);
}

int iw_state_set(struct iw_id *id, enum iw_cm_state to)
{
	iw_assert_held(&id->lock);
	if (!iw_state_legal(id->state, to)) {
		iw_error("id %p: no way from %s to %s", (void *)id, iw_cm_state_name(id->state),
			 iw_cm_state_name(to));
		return -EINVAL;
	}
	iw_debug("id %p (%s): %s -> %s", (void *)id, id->pub.ops->name, iw_cm_state_name(id->state),
		 iw_cm_state_name(to));
	id->state = to;
	return 0;
}

enum iw_cm_state iw_cm_get_state(struct iw_cm_id *pub)
{
	struct iw_id *id = iw_id_of(pub);
	enum iw_cm_state state;

	iw_lock(&id->lock);
	state = id->state;
	iw_unlock(&id->lock);
	return state;
}

void iw_qp_record(struct iw_id *id, enum iw_qp_state to, enum iw_qp_by by)
{
	iw_assert_held(&id->lock);
	if (!id->qp || !iw_qp_legal(id->qp_state, to, by))
		return;
	iw_debug("id %p: QP %s -> %s, %s", (void *)id, iw_qp_state_name(id->qp_state),
		 iw_qp_state_name(to), by == IW_QP_TOLD ? "by the driver" : "as asked");
	id->qp_state = to;
}
