// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * From a channel's queue to the program: retrieval, acknowledgement, and the
 * one-event-at-a-time order of synchronous ids.
 */
#include "base/cancel.h"
#include "shim/shim.h"

#include <pthread.h>

/* ---- to the program */

/*
 * What happens at retrieval: the request's credit goes back to the listener,
 * and the child of a synchronous listener gets its own channel.
 */
static int request_retrieved(struct shim_event *event)
{
	struct shim_id *child = shim_child_of(event);

	iw_cm_request_taken(child->cm);
	return event->of_sync ? shim_id_make_private(child) : 0;
}

static int get_whole_event(struct shim_channel *channel, int cancel, bool of_call,
			   struct shim_event **out)
{
	struct shim_event *event;
	int rc;

	for (;;) {
		rc = shim_channel_get(channel, cancel, of_call, &event);
		if (rc)
			return rc;
		if (!shim_is_request(event) || !request_retrieved(event))
			break;
		/* The child could not be made whole: refuse it, as if never seen. */
		shim_id_free(shim_child_of(event));
		shim_event_ack(event);
	}
	*out = event;
	return 0;
}

/* Programs cancel threads that sit in here: that must not cost an event or a lock. */
static int get_event(struct shim_channel *channel, bool of_call, struct shim_event **out)
{
	int cancel, rc;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	rc = get_whole_event(channel, cancel, of_call, out);
	pthread_setcancelstate(cancel, NULL);
	return rc;
}

IW_EXPORT int rdma_get_cm_event(struct rdma_event_channel *channel, struct rdma_cm_event **event)
{
	struct shim_channel *c = NULL;
	struct shim_event *ev;
	int rc = event ? shim_channel_check(channel, &c) : -EINVAL;

	iw_caller_is(__func__, c, shim_channel_describe);
	if (!rc)
		rc = get_event(c, false, &ev);
	if (!rc)
		*event = &ev->ev;
	return shim_return(rc);
}

IW_EXPORT int rdma_ack_cm_event(struct rdma_cm_event *event)
{
	if (!event || shim_event_of(event)->magic != SHIM_EVENT_MAGIC)
		return shim_return(-EINVAL);
	return shim_return(shim_event_ack(shim_event_of(event)));
}

/* ---- synchronous ids */

int shim_meaning(const struct rdma_cm_event *ev, enum rdma_cm_event_type want)
{
	if (ev->event == RDMA_CM_EVENT_REJECTED)
		return -ECONNREFUSED;
	if (ev->status)
		return ev->status < 0 ? ev->status : -ev->status;
	if (ev->event == want)
		return 0;
	switch (ev->event) {
	case RDMA_CM_EVENT_CONNECT_RESPONSE: /* for a connect, which rdma_establish() completes */
		return want == RDMA_CM_EVENT_ESTABLISHED ? 0 : -EINVAL;
	case RDMA_CM_EVENT_DISCONNECTED:
		return -ECONNRESET;
	case RDMA_CM_EVENT_DEVICE_REMOVAL:
		return -ENODEV;
	default:
		return -EINVAL;
	}
}

/* What a call of a synchronous id waits for. */
struct awaited {
	enum rdma_cm_event_type type;
	const struct shim_member *member; /* of a join alone */
	unsigned int asked;		  /* the number of a call to resolve; 0: another call */
};

/*
 * Says nothing about the outcome of the call: a notice, news of another group, or
 * what an earlier call has left behind that was interrupted.
 */
static bool is_beside(const struct shim_event *event, const struct awaited *want)
{
	if (event->asked && event->asked != want->asked)
		return true;
	switch (event->ev.event) {
	case RDMA_CM_EVENT_ADDR_CHANGE:
	case RDMA_CM_EVENT_TIMEWAIT_EXIT:
		return true;
	case RDMA_CM_EVENT_MULTICAST_JOIN:
	case RDMA_CM_EVENT_MULTICAST_ERROR:
		return event->member != want->member;
	case RDMA_CM_EVENT_CONNECT_RESPONSE:
	case RDMA_CM_EVENT_ESTABLISHED:
		return want->type > RDMA_CM_EVENT_ESTABLISHED;
	default:
		return false;
	}
}

int shim_next(struct shim_id *id, struct shim_event **event)
{
	shim_event_ack_kept(id);
	return get_event(id->channel, true, event);
}

static int wait_for(struct shim_id *id, const struct awaited *want)
{
	struct shim_event *event;
	int rc;

	do {
		rc = shim_next(id, &event);
		if (rc)
			return rc;
		shim_event_keep(event, id);
	} while (is_beside(event, want));
	return shim_meaning(&event->ev, want->type);
}

static void begin_to_wait(struct shim_id *id)
{
	IW_UNCANCELLED;

	iw_lock(&id->lock);
	while (id->waiting)
		iw_cond_wait(&id->acked, &id->lock);
	id->waiting = true;
	iw_unlock(&id->lock);
}

static void let_others_wait(void *arg)
{
	struct shim_id *id = arg;

	iw_lock(&id->lock);
	id->waiting = false;
	iw_cond_broadcast(&id->acked);
	iw_unlock(&id->lock);
}

/* The end of the connection was taken by the call that was at it before. */
static bool has_come(struct shim_id *id, const struct awaited *want)
{
	bool closed;

	iw_lock(&id->lock);
	closed = id->closed;
	iw_unlock(&id->lock);
	return closed && want->type == RDMA_CM_EVENT_DISCONNECTED;
}

/*
 * A disconnect may meet a connect or an accept that another thread waits in: each
 * has its own event, so that neither may take the other's.
 */
static int complete(struct shim_id *id, const struct awaited *want)
{
	int rc;

	begin_to_wait(id);
	pthread_cleanup_push(let_others_wait, id);
	rc = has_come(id, want) ? 0 : wait_for(id, want);
	pthread_cleanup_pop(1);
	return rc;
}

int shim_complete(struct shim_id *id, enum rdma_cm_event_type type)
{
	struct awaited want = { .type = type };

	iw_lock(&id->lock);
	if (type == RDMA_CM_EVENT_ADDR_RESOLVED || type == RDMA_CM_EVENT_ROUTE_RESOLVED)
		want.asked = id->way;
	iw_unlock(&id->lock);
	return complete(id, &want);
}

int shim_complete_info(struct shim_id *id, unsigned int asked)
{
	const struct awaited want = { .type = RDMA_CM_EVENT_ADDRINFO_RESOLVED, .asked = asked };

	return complete(id, &want);
}

int shim_complete_join(struct shim_id *id, const struct shim_member *member)
{
	const struct awaited want = { .type = RDMA_CM_EVENT_MULTICAST_JOIN, .member = member };

	return complete(id, &want);
}
