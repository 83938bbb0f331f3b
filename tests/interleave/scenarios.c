// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * One scenario as it runs: the first actor builds the start state alone, starts
 * the actors, waits for them, and settles. Which scenarios there are is in
 * scenarios_list.c.
 */
#include "tests/interleave/scenarios.h"

#include <errno.h>
#include <string.h>

#include "iwcm-core/iw_id.h"
#include "iwcm-core/iw_pool.h"

const char *const il_start_names[S_N] = {
	[S_IDLE] = "idle",
	[S_ENDED] = "ended",
	[S_LISTEN] = "listen",
	[S_LISTEN_1] = "listen-1-queued",
	[S_LISTEN_2] = "listen-2-queued",
	[S_RECV_HANDLER] = "recv-in-handler",
	[S_RECV] = "recv",
	[S_ACCEPTING] = "accepting",
	[S_SENT] = "sent",
	[S_CANCELLED] = "cancelled",
	[S_RESPONDED] = "responded",
	[S_UP] = "up",
	[S_UP_PASSIVE] = "up-passive",
	[S_QUEUED] = "up-close-queued",
	[S_CLOSING] = "closing",
	[S_CLOSING_PEER] = "closing-by-peer",
	[S_MIGRATING] = "migrating",
	[S_DESTROYING] = "destroying",
	[S_GROUP] = "group",
};

const char *const il_act_names[A_N] = {
	[A_CONNECT] = "connect",
	[A_ACCEPT] = "accept",
	[A_REJECT] = "reject",
	[A_ESTABLISH] = "establish",
	[A_DISCONNECT] = "disconnect",
	[A_ABORT] = "abort",
	[A_DESTROY] = "destroy",
	[A_DESTROY_LISTENER] = "destroy-listener",
	[A_MIGRATE] = "migrate",
	[A_ATTACH] = "attach",
	[A_DETACH] = "detach",
	[A_MODIFY] = "modify",
	[A_LISTEN] = "listen",
	[A_RESOLVE] = "resolve",
	[A_JOIN] = "join",
	[A_LEAVE] = "leave",
	[A_REQUEST] = "REQUEST",
	[A_REPLY_OK] = "REPLY",
	[A_REPLY_FAIL] = "FAIL",
	[A_RESPONSE] = "RESPONSE",
	[A_ESTABLISHED] = "ESTABLISHED",
	[A_PEER] = "DISCONNECT",
	[A_CLOSE] = "CLOSE",
	[A_GONE] = "GONE",
	[A_ADDR] = "ADDR",
	[A_NOTICE] = "NOTICE",
	[A_MEMBER] = "MULTICAST",
	[A_TWICE] = "twice",
	[A_BACKWARDS] = "backwards",
	[A_MALFORMED] = "malformed",
	[A_BURST] = "burst",
};

/* One actor of the scenario; its own end is its own object. */
struct actor {
	enum il_act act;
	struct w_id *target, *child;
	struct w_id *kept; /* it holds the memory of what it calls, which may be destroyed */
	bool done;
};

/* Those of the scenario, and the one that the start state keeps running, if it does. */
static IL_STATE struct actor actors[IL_ACTS_MAX], running;

bool il_act_is_driver(enum il_act act)
{
	return act >= A_REQUEST;
}

static bool starts_running(enum il_start start)
{
	return start == S_LISTEN_1 || start == S_LISTEN_2 || start == S_RECV_HANDLER ||
	       start == S_QUEUED || start == S_MIGRATING || start == S_DESTROYING;
}

unsigned int il_nactors(const struct il_spec *spec)
{
	return spec->nacts + spec->pool + starts_running(spec->start);
}

/* ------------------------------------------------------------------- actors */

#define EV(type_, status_)                            \
	{                                             \
		.type = (type_), .status = (status_), \
	}

static void raw(struct w_id *wid, enum il_act act)
{
	static const struct iw_cm_event twice[] = {
		EV(IW_CM_EVENT_CONNECT_REPLY, 0),
		EV(IW_CM_EVENT_CONNECT_REPLY, 0),
		EV(IW_CM_EVENT_ESTABLISHED, 0),
		EV(IW_CM_EVENT_ESTABLISHED, 0),
	};
	static const struct iw_cm_event backwards[] = {
		EV(IW_CM_EVENT_CLOSE, 0),
		EV(IW_CM_EVENT_DISCONNECT, 0),
		EV(IW_CM_EVENT_CONNECT_REPLY, -ECONNRESET),
	};
	static const struct iw_cm_event malformed[] = {
		{ .type = IW_CM_EVENT_CONNECT_REPLY, .param.private_data_len = 4 },
		EV(IW_CM_EVENT_ESTABLISHED, 5),
		EV(IW_CM_EVENT_DISCONNECT, 1),
	};
	static const struct iw_cm_event burst[] = {
		EV(IW_CM_EVENT_CONNECT_REPLY, 0),
		EV(IW_CM_EVENT_DISCONNECT, 0),
		EV(IW_CM_EVENT_CLOSE, 0),
	};

	if (act == A_TWICE)
		w_raw(wid, twice, 4);
	else if (act == A_BACKWARDS)
		w_raw(wid, backwards, 3);
	else if (act == A_MALFORMED)
		w_raw(wid, malformed, 3);
	else
		w_raw(wid, burst, 3);
}

static void device(struct actor *a)
{
	static const enum w_event event_of[A_N] = {
		[A_REPLY_OK] = E_REPLY_OK, [A_REPLY_FAIL] = E_REPLY_FAIL,
		[A_RESPONSE] = E_RESPONSE, [A_ESTABLISHED] = E_ESTABLISHED,
		[A_PEER] = E_DISCONNECT,   [A_CLOSE] = E_CLOSE,
		[A_GONE] = E_GONE,	   [A_ADDR] = E_ADDR,
		[A_NOTICE] = E_NOTICE,	   [A_MEMBER] = E_MEMBER,
	};

	if (a->act == A_REQUEST)
		w_request(a->target, a->child);
	else if (a->act >= A_TWICE)
		raw(a->target, a->act);
	else
		w_device(a->target, event_of[a->act]);
	w_user_end(a->target);
	/* Last, so that the listener does not wait for the child by waiting for this thread. */
	if (a->act == A_REQUEST && a->child->id)
		w_user_end(a->child);
}

static void client_connection(struct w_id *wid, enum il_act act)
{
	switch (act) {
	case A_CONNECT:
		w_connect(wid);
		break;
	case A_ACCEPT:
		w_accept(wid);
		break;
	case A_REJECT:
		w_reject(wid);
		break;
	case A_ESTABLISH:
		w_establish(wid);
		break;
	case A_DISCONNECT:
	case A_ABORT:
		w_disconnect(wid, act == A_ABORT);
		break;
	case A_DESTROY:
		w_destroy(wid);
		break;
	default:
		w_destroy(w.listener);
	}
}

static void client_other(struct w_id *wid, enum il_act act)
{
	switch (act) {
	case A_MIGRATE:
		w_migrate(wid);
		break;
	case A_ATTACH:
		w_attach(wid);
		break;
	case A_DETACH:
		w_detach(wid);
		break;
	case A_MODIFY:
		w_modify(wid, IW_QP_ERR);
		break;
	case A_LISTEN:
		w_listen(wid);
		break;
	case A_RESOLVE:
		w_resolve(wid);
		break;
	case A_JOIN:
		w_join(wid);
		break;
	default:
		w_leave(wid);
	}
}

static void actor_run(void *arg)
{
	struct actor *a = arg;

	if (il_act_is_driver(a->act))
		device(a);
	else if (a->act <= A_DESTROY_LISTENER)
		client_connection(a->target, a->act);
	else
		client_other(a->target, a->act);
	if (a->kept)
		w_unkeep(a->kept);
	il_point("an actor ends", a);
	a->done = true;
}

/* A drain that an append of the start state owes. */
static void drain_run(void *arg)
{
	struct actor *a = arg;

	iw_cm_drain(a->target->id);
	il_point("an actor ends", a);
	a->done = true;
}

static bool is_done(void *arg)
{
	const struct actor *a = arg;

	return a->done;
}

/* -------------------------------------------------------------- start states */

static struct w_id *const the_id = &w.ids[0];

static void attach(struct w_id *wid)
{
	if (!w.spec->qp)
		return;
	w_attach(wid);
	w_modify(wid, IW_QP_INIT);
}

static void build_active(enum il_start start)
{
	w_create(the_id, "id");
	attach(the_id);
	if (start == S_IDLE || start == S_GROUP)
		return;
	w_connect(the_id);
	if (start == S_SENT || start == S_CANCELLED)
		return;
	w_device(the_id, w.spec->transport == IW_CM_INFINIBAND ? E_RESPONSE : E_REPLY_OK);
	if (w.spec->transport != IW_CM_INFINIBAND || w.spec->qp || start == S_RESPONDED)
		return;
	w_establish(the_id);
}

static void build_listener(enum il_start start)
{
	w.listener = w_create(start >= S_RECV_HANDLER ? &w.ids[1] : the_id, "listener");
	w_listen(w.listener);
}

static void build_passive(enum il_start start)
{
	build_listener(start);
	if (start == S_RECV_HANDLER)
		return;
	w_request(w.listener, the_id);
	w_user_end(the_id);
	attach(the_id);
	if (start == S_RECV)
		return;
	w_accept(the_id);
	if (start == S_UP_PASSIVE)
		w_device(the_id, E_ESTABLISHED);
}

static void build_more(enum il_start start)
{
	switch (start) {
	case S_ENDED:
		w_device(the_id, E_CLOSE);
		break;
	case S_CANCELLED:
	case S_CLOSING:
		w_disconnect(the_id, false);
		break;
	case S_CLOSING_PEER:
		w_device(the_id, E_DISCONNECT);
		break;
	case S_GROUP:
		w_join(the_id);
		break;
	default:
		break;
	}
}

static void build(enum il_start start)
{
	w.calm = true;
	if (start >= S_LISTEN && start <= S_LISTEN_2)
		build_listener(start);
	else if ((start >= S_RECV_HANDLER && start <= S_ACCEPTING) || start == S_UP_PASSIVE)
		build_passive(start);
	else
		build_active(start);
	build_more(start);
	the_id->acted = false;
	w.target = the_id;
	w.calm = false;
	if (!w.spec->pool)
		return;
	/* The start state itself was drained here: it is the same in each schedule. */
	iw_pool_start();
	for (struct w_id *wid = w.ids; wid < w.ids + W_IDS; wid++)
		if (wid->used)
			wid->id->ops = &w_pool_ops;
}

/* ------------------------------------- what of the start state runs on meanwhile */

static bool is_handed(void *arg)
{
	return the_id->handed;
}

static bool is_moving(void *arg)
{
	return the_id->migrations;
}

static bool is_gone(void *arg)
{
	return the_id->gone;
}

static void start_queued(bool drain)
{
	running = (struct actor){ .act = A_N, .target = w.target, .done = !drain };
	if (drain)
		il_spawn("drain", drain_run, &running);
}

/* Whether it was in time is another matter: it may be through when the others begin. */
static void start_in(enum il_act act, bool (*there)(void *arg), const char *what)
{
	running = (struct actor){ .act = act, .target = w.target };
	if (act == A_REQUEST) {
		running.target = w.listener;
		running.child = the_id;
		w.listener->users++;
	}
	il_spawn(what, actor_run, &running);
	il_wait(what, the_id, there, NULL);
}

static void start_running(enum il_start start)
{
	bool drain;

	w.calm = true;
	if (start == S_LISTEN_1 || start == S_LISTEN_2) {
		drain = w_request_append(the_id, &w.ids[1]);
		w_user_end(&w.ids[1]);
		if (start == S_LISTEN_2) {
			drain |= w_request_append(the_id, &w.ids[2]);
			w_user_end(&w.ids[2]);
		}
		start_queued(drain);
	} else if (start == S_QUEUED) {
		drain = w_device_append(the_id, E_DISCONNECT);
		drain |= w_device_append(the_id, E_CLOSE);
		start_queued(drain);
	} else if (start == S_RECV_HANDLER) {
		start_in(A_REQUEST, is_handed, "request");
	} else if (start == S_MIGRATING) {
		start_in(A_MIGRATE, is_moving, "migrate");
	} else if (start == S_DESTROYING) {
		the_id->users++; /* a thread of the driver that takes its time */
		start_in(A_DESTROY, is_gone, "destroy");
	}
	w.calm = false;
}

/* ---------------------------------------------------------------- the whole */

/* Somebody may destroy what another one calls. */
static bool may_vanish(const struct il_spec *spec)
{
	if (spec->start == S_DESTROYING || spec->on == ON_NONZERO || spec->on == ON_DESTROY ||
	    spec->on == ON_PARENT)
		return true;
	for (unsigned int i = 0; i < spec->nacts; i++)
		if (spec->acts[i] == A_DESTROY)
			return true;
	return false;
}

static void prepare(struct actor *a, unsigned int nth)
{
	if (il_act_is_driver(a->act)) {
		il_point("a thread of the driver", a->target);
		a->target->users++;
		a->child = &w.ids[3 + nth];
	} else if (a->act == A_DESTROY_LISTENER) {
		a->kept = w.listener;
	} else if (may_vanish(w.spec)) {
		a->kept = a->target;
	}
	if (a->kept)
		w_keep(a->kept);
}

/* Before anybody runs that may destroy it. */
static void prepare_all(const struct il_spec *spec)
{
	for (unsigned int i = 0; i < spec->nacts; i++) {
		actors[i] = (struct actor){ .act = spec->acts[i], .target = w.target };
		prepare(&actors[i], i);
	}
}

static void start_all(const struct il_spec *spec)
{
	for (struct actor *a = actors; a < actors + spec->nacts; a++)
		il_spawn(il_act_names[a->act], actor_run, a);
}

static void wait_all(const struct il_spec *spec)
{
	for (struct actor *a = actors; a < actors + spec->nacts; a++)
		il_wait("the actors end", a, is_done, a);
	if (spec->start == S_DESTROYING) /* the slow thread of the driver is done at last */
		w_user_end(the_id);
	if (starts_running(spec->start))
		il_wait("the start state ends", &running, is_done, &running);
}

static bool leaves_the_qp(const struct il_spec *spec)
{
	if (spec->on == ON_DETACH || spec->start == S_ENDED) /* a QP in ERR from the beginning */
		return false;
	for (unsigned int i = 0; i < spec->nacts; i++)
		if (spec->acts[i] == A_ATTACH || spec->acts[i] == A_DETACH ||
		    spec->acts[i] == A_MODIFY)
			return false;
	return true;
}

void il_scenario_run(const void *arg)
{
	const struct il_spec *spec = arg;

	memset(&w, 0, sizeof(w));
	w.spec = spec;
	w.qp_is_the_cores = leaves_the_qp(spec);
	build(spec->start);
	if (spec->start != S_RECV_HANDLER)
		prepare_all(spec);
	start_running(spec->start);
	if (spec->start == S_RECV_HANDLER) /* it is the start that makes the target */
		prepare_all(spec);
	w_actors_start();
	start_all(spec);
	wait_all(spec);
	w_settle();
}

void il_scenario_check(const void *arg)
{
	w_check_end();
}
