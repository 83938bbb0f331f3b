// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * From the core's events to the program's: the memory they live in and their
 * translation. Retrieval is in retrieve.c.
 *
 * An event that a call may cause is provided for by that call
 * (shim_events_promise), so none is lost to ENOMEM. The events of an id go back
 * to it when acknowledged and serve again.
 */
#include "shim/shim.h"

#include <stdlib.h>

/* ---- memory */

/* Not of an id. NULL: no memory. */
static struct shim_event *event_new(struct shim_id *owner)
{
	struct shim_event *ev = iw_calloc(1, sizeof(*ev) + SHIM_PRIVATE_DATA_MAX);

	if (!ev)
		return NULL;
	ev->owner = owner;
	ev->private_data = (uint8_t *)(ev + 1);
	return ev;
}

int shim_events_promise(struct shim_id *id, unsigned int n)
{
	struct shim_event *ev;
	bool enough;

	for (;;) {
		iw_lock(&id->lock);
		enough = id->nspares >= id->promised + n;
		if (enough)
			id->promised += n;
		iw_unlock(&id->lock);
		if (enough)
			return 0;
		ev = event_new(id);
		if (!ev)
			return -ENOMEM;
		iw_lock(&id->lock);
		TAILQ_INSERT_TAIL(&id->spares, ev, link);
		id->nspares++;
		iw_unlock(&id->lock);
	}
}

void shim_events_unpromise(struct shim_id *id, unsigned int n)
{
	iw_lock(&id->lock);
	id->promised -= iw_min_u32(n, id->promised);
	iw_unlock(&id->lock);
}

/* The first spare with room for private data, or without: that is to be used up first. */
static struct shim_event *spare_find(struct shim_id *id, bool room)
{
	struct shim_event *ev;

	iw_assert_held(&id->lock);
	TAILQ_FOREACH (ev, &id->spares, link)
		if (room == !!ev->private_data)
			return ev;
	return NULL;
}

/* NULL: there is none of that kind. */
static struct shim_event *spare_take(struct shim_id *id, bool room)
{
	struct shim_event *ev = spare_find(id, room);

	if (ev) {
		TAILQ_REMOVE(&id->spares, ev, link);
		id->nspares--;
	}
	return ev;
}

/*
 * An event for @id, from its spares if there are; one that is not @promised must
 * leave enough for those that are. With @room it holds private data, unless
 * there is no memory: then the event is worth more than its data.
 */
static struct shim_event *event_take(struct shim_id *id, bool promised, bool room)
{
	struct shim_event *ev = NULL;

	iw_lock(&id->lock);
	if (promised || id->nspares > id->promised)
		ev = spare_take(id, room);
	if (!ev && !room && (promised || id->nspares > id->promised))
		ev = spare_take(id, true);
	if (promised && id->promised)
		id->promised--;
	iw_unlock(&id->lock);
	if (!ev)
		ev = event_new(id);
	if (!ev && promised) {
		iw_lock(&id->lock);
		ev = spare_take(id, false);
		iw_unlock(&id->lock);
	}
	return ev;
}

/* How many bytes of private data it can hold. */
static size_t room_of(const struct shim_event *event)
{
	return event->private_data ? SHIM_PRIVATE_DATA_MAX : 0;
}

/* Back to the owner, whose lock is held, or NULL; else to be freed by the caller. */
static struct shim_event *event_give_back(struct shim_event *ev)
{
	struct shim_id *id = ev->owner;

	iw_assert_held(&id->lock);
	if (ev == &id->removal)
		return NULL;
	if (!ev->embedded && id->nspares >= id->promised)
		return ev;
	TAILQ_INSERT_TAIL(&id->spares, ev, link);
	id->nspares++;
	return NULL;
}

void shim_event_drop(struct shim_event *event)
{
	struct shim_id *owner = event->owner;

	if (shim_is_request(event)) {
		shim_id_free(shim_child_of(event));
		free(event);
		return;
	}
	iw_lock(&owner->lock);
	event = event_give_back(event);
	iw_unlock(&owner->lock);
	free(event);
}

void shim_event_hand_out(struct shim_event *event)
{
	struct shim_id *owner = event->owner;

	iw_lock(&owner->lock);
	event->magic = SHIM_EVENT_MAGIC;
	event->left_behind = false;
	event->of_sync = owner->sync;
	TAILQ_INSERT_TAIL(&owner->unacked, event, link);
	if (event->ev.event == RDMA_CM_EVENT_DISCONNECTED)
		shim_flag(&owner->closed, true);
	iw_unlock(&owner->lock);
}

static void unkeep(struct shim_id *id)
{
	iw_assert_held(&id->lock);
	if (!id->kept)
		return;
	if (id->id.event == &id->kept->ev) /* the program may have taken it away */
		id->id.event = NULL;
	id->kept->keeper = NULL;
	id->kept = NULL;
}

void shim_event_unkeep(struct shim_id *id)
{
	iw_lock(&id->lock);
	unkeep(id);
	iw_unlock(&id->lock);
}

void shim_event_keep(struct shim_event *event, struct shim_id *id)
{
	iw_lock(&id->lock);
	unkeep(id);
	event->keeper = id;
	id->kept = event;
	id->id.event = &event->ev;
	iw_unlock(&id->lock);
}

/* Of two threads in rdma_get_request(3) on one listener one finds it. */
void shim_event_ack_kept(struct shim_id *id)
{
	struct rdma_cm_event *ev;

	iw_lock(&id->lock);
	ev = id->id.event;
	id->id.event = NULL;
	if (ev)
		unkeep(id);
	iw_unlock(&id->lock);
	if (ev)
		shim_event_ack(shim_event_of(ev));
}

int shim_event_ack(struct shim_event *event)
{
	struct shim_id *owner = event->owner;
	struct shim_event *rest = event;

	if (event->keeper)
		shim_event_unkeep(event->keeper);
	iw_lock(&owner->lock);
	event->magic = 0;
	TAILQ_REMOVE(&owner->unacked, event, link);
	if (event->member)
		shim_member_acked(event);
	if (!shim_is_request(event))
		rest = event_give_back(event);
	if (event->left_behind || TAILQ_EMPTY(&owner->unacked))
		iw_cond_broadcast(&owner->acked);
	iw_unlock(&owner->lock);
	free(rest);
	return 0;
}

/* ---- from the core */

static void fill(struct shim_event *event, struct shim_id *id, enum rdma_cm_event_type type,
		 int status)
{
	event->ev.id = &id->id;
	event->ev.listen_id = NULL;
	event->ev.event = type;
	event->ev.status = status;
	event->member = NULL;
	event->asked = 0;
	memset(&event->ev.param, 0, sizeof(event->ev.param));
}

static uint8_t clamp_u8(uint16_t value)
{
	return value > UINT8_MAX ? UINT8_MAX : (uint8_t)value;
}

static void fill_conn(struct shim_event *event, const struct iw_cm_conn_param *from)
{
	struct rdma_conn_param *to = &event->ev.param.conn;
	size_t len = iw_copy(event->private_data, room_of(event), from->private_data,
			     from->private_data_len);

	to->private_data = len ? event->private_data : NULL;
	to->private_data_len = (uint8_t)len;
	to->responder_resources = clamp_u8(from->responder_resources);
	to->initiator_depth = clamp_u8(from->initiator_depth);
	to->flow_control = from->flow_control;
	to->retry_count = from->retry_count;
	to->rnr_retry_count = from->rnr_retry_count;
	to->srq = from->srq;
	to->qp_num = from->qp_num;
}

static void fill_ud(struct shim_event *event, const struct iw_cm_conn_param *from)
{
	struct rdma_ud_param *to = &event->ev.param.ud;
	size_t len = iw_copy(event->private_data, room_of(event), from->private_data,
			     from->private_data_len);

	_Static_assert(sizeof(to->ah_attr) <= sizeof(from->ah), "the core has room for it");
	to->private_data = len ? event->private_data : NULL;
	to->private_data_len = (uint8_t)len;
	memcpy(&to->ah_attr, from->ah, sizeof(to->ah_attr));
	to->qp_num = from->qp_num;
	to->qkey = from->qkey;
}

static void fill_param(struct shim_event *event, const struct shim_id *id,
		       const struct iw_cm_conn_param *from)
{
	if (shim_is_datagram(id))
		fill_ud(event, from);
	else
		fill_conn(event, from);
}

/* Programs know the reasons of InfiniBand's CM, which are above 0; else it is an errno. */
static int status_of(const struct iw_cm_event *ev)
{
	return ev->reason ? (int)ev->reason : ev->status;
}

static bool has_param(enum iw_cm_event_type type)
{
	return type == IW_CM_EVENT_CONNECT_REPLY || type == IW_CM_EVENT_CONNECT_RESPONSE ||
	       type == IW_CM_EVENT_ESTABLISHED;
}

/* @asked: the number of the call that it answers; 0: of none that has one. */
static void queue_answer(struct shim_id *id, enum rdma_cm_event_type type,
			 const struct iw_cm_event *ev, unsigned int asked)
{
	bool promised = type != RDMA_CM_EVENT_ADDR_CHANGE && type != RDMA_CM_EVENT_TIMEWAIT_EXIT;
	struct shim_event *event = event_take(id, promised, has_param(ev->type));

	if (!event) {
		iw_error("no memory for %s of id %p: lost", rdma_event_str(type), (void *)id);
		return;
	}
	fill(event, id, type, status_of(ev));
	event->asked = asked;
	if (has_param(ev->type))
		fill_param(event, id, &ev->param);
	shim_channel_queue(id->channel, event);
}

static void queue_plain(struct shim_id *id, enum rdma_cm_event_type type,
			const struct iw_cm_event *ev)
{
	queue_answer(id, type, ev, 0);
}

/* Of the query that is under way: before a state that allows another one. */
static unsigned int number_of_query(struct shim_id *id)
{
	unsigned int way;

	iw_lock(&id->lock);
	way = id->way;
	iw_unlock(&id->lock);
	return way;
}

void shim_event_ud(struct shim_id *id, enum rdma_cm_event_type type, const struct iw_cm_event *ev,
		   struct shim_member *member, void *context)
{
	struct shim_event *event = event_take(id, true, false);

	if (!event) {
		iw_error("no memory for %s of id %p: lost", rdma_event_str(type), (void *)id);
		return;
	}
	fill(event, id, type, ev->status);
	fill_ud(event, &ev->param);
	event->ev.param.ud.private_data = context; /* as rdma_join_multicast(3) says */
	event->member = member;
	shim_channel_queue(id->channel, event);
}

int shim_event_own(struct shim_id *id, enum rdma_cm_event_type type, int status, uint64_t arg)
{
	bool promised =
		type == RDMA_CM_EVENT_ADDRINFO_RESOLVED || type == RDMA_CM_EVENT_ADDRINFO_ERROR;
	struct shim_event *event = event_take(id, promised, false);
	bool alive;

	if (!event)
		return -ENOMEM;
	fill(event, id, type, status);
	if (promised)
		event->asked = (unsigned int)arg;
	else
		event->ev.param.arg = arg;
	iw_lock(&id->moving);
	alive = id->channel;
	if (alive)
		shim_channel_queue(id->channel, event);
	iw_unlock(&id->moving);
	if (!alive)
		shim_event_drop(event);
	return alive ? 0 : -EINVAL;
}

/* ADDR_QUERY -> ADDR_RESOLVED or BOUND. Opens the device on this thread. */
static void on_addr(struct shim_id *id, struct iw_cm_id *cm, const struct iw_cm_event *ev)
{
	unsigned int asked = number_of_query(id);
	struct iw_cm_event out = *ev;

	if (!out.status)
		out.status = shim_id_refresh(id, cm);
	if (out.status == -ESHUTDOWN)
		return; /* being destroyed: no news for the program */
	if (!out.status && !id->device)
		out.status = -ENODEV;
	if (out.status)
		iw_info("id %p: address not resolved: %s", (void *)id, strerror(-out.status));
	shim_id_set_state(id, out.status ? SHIM_BOUND : SHIM_ADDR_RESOLVED);
	queue_answer(id, out.status ? RDMA_CM_EVENT_ADDR_ERROR : RDMA_CM_EVENT_ADDR_RESOLVED, &out,
		     asked);
}

/* ROUTE_QUERY -> ROUTE_RESOLVED or ADDR_RESOLVED. */
static void on_route(struct shim_id *id, struct iw_cm_id *cm, const struct iw_cm_event *ev)
{
	unsigned int asked = number_of_query(id);
	struct iw_cm_event out = *ev;

	if (!out.status)
		out.status = shim_path_refresh(id, cm);
	if (out.status == -ESHUTDOWN)
		return;
	shim_id_set_state(id, out.status ? SHIM_ADDR_RESOLVED : SHIM_ROUTE_RESOLVED);
	queue_answer(id, out.status ? RDMA_CM_EVENT_ROUTE_ERROR : RDMA_CM_EVENT_ROUTE_RESOLVED,
		     &out, asked);
}

/* No state: the result is the program's to take. */
static void on_addrinfo(struct shim_id *id, struct iw_cm_id *cm, const struct iw_cm_event *ev)
{
	struct iw_cm_event out = { .type = ev->type, .status = ev->status };
	unsigned int asked = shim_info_answer(id, cm, &out.status);

	if (!asked || out.status == -ESHUTDOWN)
		return;
	queue_answer(id,
		     out.status ? RDMA_CM_EVENT_ADDRINFO_ERROR : RDMA_CM_EVENT_ADDRINFO_RESOLVED,
		     &out, asked);
}

/* On iWARP nobody is left to refuse what the program has accepted: a peer that goes has failed. */
static enum rdma_cm_event_type failure_type(const struct shim_id *id, int status)
{
	bool accepted = id->passive && shim_is_iwarp(id);

	switch (status) {
	case -ECONNREFUSED:
	case -ECONNRESET:
		return accepted ? RDMA_CM_EVENT_CONNECT_ERROR : RDMA_CM_EVENT_REJECTED;
	case -ETIMEDOUT:
		return RDMA_CM_EVENT_UNREACHABLE;
	default:
		return RDMA_CM_EVENT_CONNECT_ERROR;
	}
}

/* The peer has accepted; the program, whose QP we do not know, completes the connection. */
static void on_response(struct shim_id *id, const struct iw_cm_event *ev)
{
	iw_lock(&id->lock);
	shim_flag(&id->responded, true);
	iw_unlock(&id->lock);
	id->remote_ece = ev->param.ece;
	queue_plain(id, RDMA_CM_EVENT_CONNECT_RESPONSE, ev);
}

/* The outcome of connect or accept. */
static void on_outcome(struct shim_id *id, const struct iw_cm_event *ev)
{
	iw_lock(&id->lock);
	shim_flag(ev->status ? &id->failed : &id->established, true);
	iw_unlock(&id->lock);
	queue_plain(id, ev->status ? failure_type(id, ev->status) : RDMA_CM_EVENT_ESTABLISHED, ev);
}

static void on_device_gone(struct shim_id *id, const struct iw_cm_event *ev)
{
	bool first;

	iw_lock(&id->lock);
	first = !id->removed;
	id->removed = true;
	iw_unlock(&id->lock);
	if (!first)
		return;
	if (id->device)
		shim_device_gone(id->device);
	fill(&id->removal, id, RDMA_CM_EVENT_DEVICE_REMOVAL, 0);
	shim_channel_queue(id->channel, &id->removal);
}

/*
 * A request: makes the child as the program will see it. An error has the core
 * destroy its id, which refuses the request on the wire.
 */
static int on_request(struct shim_id *listener, const struct iw_cm_event *ev)
{
	struct shim_event *event = event_new(NULL);
	struct shim_id *child;
	int rc = -ENOMEM;

	if (!event)
		goto refuse;
	rc = shim_id_new(listener->channel, listener->id.context, listener->id.ps, &child);
	if (rc)
		goto free_event;
	child->cm = ev->child;
	child->kind = listener->kind;
	child->passive = true;
	child->state = SHIM_CONNECT;
	child->id.qp_type = listener->id.qp_type;
	child->remote_ece = ev->param.ece;
	rc = shim_id_refresh(child, ev->child);
	if (rc)
		goto free_child;
	iw_cm_set_context(ev->child, shim_handler, child);
	event->owner = listener;
	fill(event, child, RDMA_CM_EVENT_CONNECT_REQUEST, 0);
	fill_param(event, child, &ev->param);
	event->ev.listen_id = &listener->id;
	child->request_rr = clamp_u8(ev->param.responder_resources);
	child->request_depth = clamp_u8(ev->param.initiator_depth);
	shim_channel_queue(listener->channel, event);
	return 0;

free_child:
	child->cm = NULL; /* the core's to destroy */
	shim_id_free(child);
free_event:
	free(event);
refuse:
	iw_error("connection request refused: %s", strerror(-rc));
	return rc;
}

/* What befalls a driver that the id has left is no news. */
static bool has_left(struct shim_id *id, const struct iw_cm_id *cm)
{
	bool left;

	iw_lock(&id->lock);
	left = id->parked == cm;
	iw_unlock(&id->lock);
	return left;
}

int shim_handler(struct iw_cm_id *cm, const struct iw_cm_event *ev)
{
	struct shim_id *id = cm->context;

	if (has_left(id, cm))
		return 0;
	switch (ev->type) {
	case IW_CM_EVENT_CONNECT_REQUEST:
		return on_request(id, ev);
	case IW_CM_EVENT_ADDR:
		on_addr(id, cm, ev);
		break;
	case IW_CM_EVENT_ROUTE:
		on_route(id, cm, ev);
		break;
	case IW_CM_EVENT_ADDRINFO:
		on_addrinfo(id, cm, ev);
		break;
	case IW_CM_EVENT_CONNECT_RESPONSE:
		on_response(id, ev);
		break;
	case IW_CM_EVENT_MULTICAST:
		shim_member_event(id, ev);
		break;
	case IW_CM_EVENT_CONNECT_REPLY:
	case IW_CM_EVENT_ESTABLISHED:
		on_outcome(id, ev);
		break;
	case IW_CM_EVENT_CLOSE:
		queue_plain(id, RDMA_CM_EVENT_DISCONNECTED, ev);
		break;
	case IW_CM_EVENT_DEVICE_GONE:
		on_device_gone(id, ev);
		break;
	case IW_CM_EVENT_ADDR_CHANGE:
		queue_plain(id, RDMA_CM_EVENT_ADDR_CHANGE, ev);
		break;
	case IW_CM_EVENT_TIMEWAIT_EXIT:
		queue_plain(id, RDMA_CM_EVENT_TIMEWAIT_EXIT, ev);
		break;
	default:
		iw_warn("id %p: event %d is not for the program", (void *)id, (int)ev->type);
		break;
	}
	return 0;
}
