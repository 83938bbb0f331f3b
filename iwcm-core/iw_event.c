// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Events of an id: posting, draining, and holding them back for a migration.
 * What an event means for the connection is decided in iw_conn.c.
 */
#include "iwcm-core/iw_event.h"

#include <errno.h>

#include "base/log.h"
#include "iwcm-core/iw_conn.h"
#include "iwcm-core/iw_establish.h"
#include "iwcm-core/iw_member.h"
#include "iwcm-core/iw_pool.h"
#include "iwcm-core/iw_qp.h"
#include "iwcm-core/iw_ref.h"
#include "iwcm-core/iw_state.h"
#include "iwcm-core/iw_stats.h"

static const enum iw_record_kind kind_of[IW_CM_NEVENTS] = {
	[IW_CM_EVENT_CONNECT_REQUEST] = IW_RECORD_NKINDS, /* brings its own record */
	[IW_CM_EVENT_CONNECT_REPLY] = IW_RECORD_CONNECTION,
	[IW_CM_EVENT_ESTABLISHED] = IW_RECORD_CONNECTION,
	[IW_CM_EVENT_CONNECT_RESPONSE] = IW_RECORD_RESPONSE,
	[IW_CM_EVENT_DISCONNECT] = IW_RECORD_DISCONNECT,
	[IW_CM_EVENT_CLOSE] = IW_RECORD_CLOSE,
	[IW_CM_EVENT_DEVICE_GONE] = IW_RECORD_DEVICE_GONE,
	[IW_CM_EVENT_ADDR] = IW_RECORD_ADDR,
	[IW_CM_EVENT_ROUTE] = IW_RECORD_ROUTE,
	[IW_CM_EVENT_ADDR_CHANGE] = IW_RECORD_ADDR_CHANGE,
	[IW_CM_EVENT_TIMEWAIT_EXIT] = IW_RECORD_TIMEWAIT,
	[IW_CM_EVENT_MULTICAST] = IW_RECORD_NKINDS, /* of its membership */
	[IW_CM_EVENT_ADDRINFO] = IW_RECORD_ADDRINFO,
};

/* ----------------------------------------------------------------- posting */

static bool is_malformed(const struct iw_cm_event *ev)
{
	const struct iw_cm_conn_param *param = &ev->param;

	return ev->status > 0 || param->private_data_len > IW_CM_PRIVATE_DATA_MAX ||
	       (param->private_data_len && !param->private_data);
}

static bool is_of_connection(enum iw_cm_event_type type)
{
	return type >= IW_CM_EVENT_CONNECT_REPLY && type <= IW_CM_EVENT_CLOSE;
}

/* Room for private data: none while another record waits with its own there. */
static size_t data_room(const struct iw_id *id, const struct iw_record *rec)
{
	const struct iw_record *reply = &id->records[IW_RECORD_CONNECTION];
	const struct iw_record *response = &id->records[IW_RECORD_RESPONSE];
	const struct iw_record *other = rec == reply ? response : reply;

	if (!rec->data || (other != rec && other->data == rec->data && other->waiting))
		return 0;
	if (id->request.data && rec != &id->request && !id->accepting)
		return 0;
	return IW_CM_PRIVATE_DATA_MAX;
}

/* Copies @ev into @rec, a record of @id; what the record has no room for is dropped. */
static void record_fill(struct iw_id *id, struct iw_record *rec, const struct iw_cm_event *ev)
{
	struct iw_cm_conn_param *param = rec->param;

	rec->type = ev->type;
	rec->malformed = is_malformed(ev);
	rec->status = rec->malformed ? -EPROTO : ev->status;
	rec->detail = ev->detail;
	rec->reason = ev->reason;
	rec->other = ev->type == IW_CM_EVENT_MULTICAST ? ev->membership : (void *)ev->child;
	if (!param)
		return;
	*param = ev->param;
	param->private_data_len =
		(uint16_t)iw_copy(rec->data, rec->malformed ? 0 : data_room(id, rec),
				  ev->param.private_data, ev->param.private_data_len);
	param->private_data = param->private_data_len ? rec->data : NULL;
}

/* The event as the client sees it; @d outlives the record's next use. */
static void record_read(const struct iw_record *rec, struct iw_delivery *d)
{
	d->ev = (struct iw_cm_event){ .type = rec->type,
				      .status = rec->status,
				      .detail = rec->detail,
				      .reason = rec->reason };
	d->malformed = rec->malformed;
	if (rec->type == IW_CM_EVENT_MULTICAST)
		d->ev.membership = rec->other;
	else
		d->ev.child = rec->other;
	if (!rec->param)
		return;
	d->ev.param = *rec->param;
	if (rec->param->private_data_len) {
		iw_copy(d->data, sizeof(d->data), rec->data, rec->param->private_data_len);
		d->ev.param.private_data = d->data;
	}
}

/* Entered with the lock, left without it. True: the caller has to drain. */
static bool append_and_unlock(struct iw_id *id, struct iw_record *rec)
{
	bool drain;

	rec->waiting = true;
	TAILQ_INSERT_TAIL(&id->queue, rec, link);
	iw_stat_inc(events_posted);
	drain = iw_event_kick(id);
	iw_unlock(&id->lock);
	return drain;
}

/* The record that an event of this kind may wait in now. -EBUSY, -ENOENT. */
static int record_find(struct iw_id *id, const struct iw_cm_event *ev, struct iw_record **rec)
{
	if (ev->type == IW_CM_EVENT_MULTICAST)
		return iw_member_record(id, ev->membership, rec);
	*rec = &id->records[kind_of[ev->type]];
	return (*rec)->waiting ? -EBUSY : 0;
}

int iw_event_append_and_unlock(struct iw_id *id, const struct iw_cm_event *ev, bool *drain)
{
	struct iw_record *rec;
	bool malformed;
	int rc;

	iw_assert_held(&id->lock);
	*drain = false;
	if (id->dying)
		rc = -ESHUTDOWN;
	else
		rc = record_find(id, ev, &rec);
	if (rc) {
		iw_unlock(&id->lock);
		if (rc == -ESHUTDOWN)
			iw_stat_inc(events_discarded);
		return rc;
	}
	record_fill(id, rec, ev);
	malformed = rec->malformed;
	*drain = append_and_unlock(id, rec);
	return malformed ? -EINVAL : 0;
}

static int append_own(struct iw_id *id, const struct iw_cm_event *ev, bool *drain)
{
	if (is_malformed(ev) && !is_of_connection(ev->type))
		return -EINVAL;
	iw_lock(&id->lock);
	return iw_event_append_and_unlock(id, ev, drain);
}

/* Why the request cannot be queued, or 0. */
static int request_check(struct iw_id *id, struct iw_id *child, const struct iw_cm_event *ev)
{
	iw_assert_held(&id->lock);
	if (id->dying)
		return -ESHUTDOWN;
	if (!child->credits || child->credits != id->credits || ev->status || is_malformed(ev))
		return -EINVAL;
	return 0;
}

static int append_request(struct iw_id *id, const struct iw_cm_event *ev, bool *drain)
{
	struct iw_id *child;
	int rc;

	if (!ev->child)
		return -EINVAL;
	child = iw_id_of(ev->child);
	iw_lock(&id->lock);
	if (child->posted) { /* its owner is somebody else by now */
		iw_unlock(&id->lock);
		return -EBUSY;
	}
	child->posted = true;
	rc = request_check(id, child, ev);
	if (!rc) {
		record_fill(child, &child->request, ev);
		*drain = append_and_unlock(id, &child->request);
		return 0;
	}
	iw_unlock(&id->lock);
	iw_stat_inc(requests_refused);
	if (rc == -ESHUTDOWN)
		iw_stat_inc(events_discarded);
	iw_id_kill(child);
	return rc;
}

int iw_cm_append(struct iw_cm_id *pub, const struct iw_cm_event *ev, bool *drain)
{
	struct iw_id *id = iw_id_of(pub);
	int rc;

	*drain = false;
	if ((unsigned int)ev->type >= IW_CM_NEVENTS)
		rc = -EINVAL;
	else if (ev->type == IW_CM_EVENT_CONNECT_REQUEST)
		rc = append_request(id, ev, drain);
	else
		rc = append_own(id, ev, drain);
	if (rc && rc != -ESHUTDOWN)
		iw_warn("%s posted for id %p: error %d", iw_cm_event_name(ev->type), (void *)pub,
			rc);
	return rc;
}

void iw_cm_drain(struct iw_cm_id *pub)
{
	iw_event_drain(iw_id_of(pub));
}

int iw_cm_post(struct iw_cm_id *pub, const struct iw_cm_event *ev)
{
	bool drain;
	int rc = iw_cm_append(pub, ev, &drain);

	if (drain)
		iw_cm_drain(pub);
	return rc;
}

/* ---------------------------------------------------------------- draining */

/*
 * Takes the first event off the list and decides on it: whether it counts, what
 * state follows, what is to be done. All under the lock, so that a destroy is
 * either seen here or waits for this drain.
 */
static bool take_next(struct iw_id *id, struct iw_delivery *d)
{
	struct iw_record *rec = TAILQ_FIRST(&id->queue);

	iw_assert_held(&id->lock);
	if (!rec || id->dying || id->migrating || id->completing)
		return false;
	TAILQ_REMOVE(&id->queue, rec, link);
	/* The device goes once: that record is never free again. */
	rec->waiting = rec->type == IW_CM_EVENT_DEVICE_GONE;
	record_read(rec, d);
	id->telling = d->ev.type == IW_CM_EVENT_MULTICAST ? d->ev.membership : NULL;
	iw_conn_event(id, d);
	return true;
}

/* Runs the handler of the listener @id; events of the child wait until it returns. */
static void hand_out(struct iw_id *id, struct iw_id *child, const struct iw_cm_event *ev)
{
	bool drain;

	iw_lock(&child->lock);
	iw_ref_get(child, IW_REF_DRAIN);
	child->handing_out = true;
	child->requester = iw_thread_self();
	iw_unlock(&child->lock);

	iw_stat_inc(events_delivered);
	if (id->pub.handler(&id->pub, ev))
		iw_id_kill(child);

	iw_lock(&child->lock);
	child->handing_out = false;
	child->requesting = false;
	drain = iw_event_kick(child);
	iw_ref_put_and_unlock(child, IW_REF_DRAIN);
	if (drain)
		iw_event_drain(child);
}

/* A driver that cannot leaves it to the client to try again. */
static void end_connection(struct iw_id *id)
{
	const struct iw_cm_driver_ops *ops = id->pub.ops;

	if (ops->disconnect && !ops->disconnect(&id->pub, id->pub.drv, true))
		return;
	iw_lock(&id->lock);
	id->cancelling = false;
	iw_unlock(&id->lock);
}

/* Driver and core disagree. CONN_RECV -> IDLE, if it was a request that nobody had accepted. */
static void end_request(struct iw_id *id)
{
	const struct iw_cm_driver_ops *ops = id->pub.ops;

	if (ops->reject)
		ops->reject(&id->pub, id->pub.drv, NULL, 0, 0);
	iw_lock(&id->lock);
	if (id->state == IW_CM_CONN_RECV)
		iw_state_set(id, IW_CM_IDLE);
	id->completing = false;
	iw_unlock(&id->lock);
}

static void carry_out(struct iw_id *id, struct iw_delivery *d)
{
	const struct iw_step *step = &d->step;

	if (step->complete)
		iw_establish_carry_out(id, d);
	if (step->qp_err)
		iw_qp_end(id, IW_QP_ERR);
	if (step->end_connection)
		end_connection(id);
	if (step->end_request)
		end_request(id);
	if (d->ev.type == IW_CM_EVENT_CONNECT_REQUEST) {
		if (step->deliver) {
			hand_out(id, iw_id_of(d->ev.child), &d->ev);
		} else {
			iw_stat_inc(requests_refused);
			iw_id_kill(iw_id_of(d->ev.child));
		}
	} else if (step->deliver) {
		iw_stat_inc(events_delivered);
		if (id->pub.handler(&id->pub, &d->ev))
			iw_id_kill(id);
	}
}

bool iw_event_kick(struct iw_id *id)
{
	iw_assert_held(&id->lock);
	if (id->draining || id->dying || TAILQ_EMPTY(&id->queue))
		return false;
	if (id->migrating || id->requesting || id->completing)
		return false;
	id->draining = true;
	iw_ref_get(id, IW_REF_DRAIN);
	if (!id->pub.ops->drain_in_pool)
		return true;
	iw_pool_submit(id);
	return false;
}

void iw_event_unschedule(struct iw_id *id)
{
	iw_assert_held(&id->lock);
	if (!iw_pool_cancel(id))
		return;
	id->draining = false;
	iw_ref_drop(id, IW_REF_DRAIN);
}

void iw_event_drain(struct iw_id *id)
{
	struct iw_delivery d;

	iw_lock(&id->lock);
	id->running = true;
	id->drainer = iw_thread_self();
	while (take_next(id, &d)) {
		iw_unlock(&id->lock);
		carry_out(id, &d);
		iw_lock(&id->lock);
		if (id->telling) /* somebody may wait to leave the group */
			iw_cond_broadcast(&id->cond);
		id->telling = NULL;
	}
	id->running = false;
	id->draining = false;
	iw_ref_put_and_unlock(id, IW_REF_DRAIN);
}

/* --------------------------------------------------------------- migration */

/*
 * Waits until no handler of the id runs and none can start. Under the lock.
 * -ESHUTDOWN if a destroy comes first.
 */
static int hold_back(struct iw_id *id)
{
	const struct iw_wait wait = { id, "another migration or a handler of the id" };
	struct iw_stall stall = IW_STALL(iw_wait_tell, &wait);

	while (!id->dying && (id->migrating || id->requesting))
		iw_cond_wait_told(&id->cond, &id->lock, &stall);
	if (id->dying)
		return -ESHUTDOWN;
	id->migrating = true;
	iw_event_unschedule(id);
	while (!id->dying && id->draining)
		iw_cond_wait_told(&id->cond, &id->lock, &stall);
	return id->dying ? -ESHUTDOWN : 0;
}

/* Any state. Waits for a running handler, then blocks as the driver does. */
int iw_cm_migrate(struct iw_cm_id *pub, void *source, void (*moved)(void *arg), void *arg)
{
	struct iw_id *id = iw_id_of(pub);
	bool inside, held, drain;
	struct iw_op op;
	int rc;

	if (!pub->ops->migrate)
		return -EOPNOTSUPP;
	iw_lock(&id->lock);
	inside = iw_id_entered(id);
	iw_unlock(&id->lock);
	if (inside)
		return -EDEADLK;

	rc = iw_op_begin(id, &op);
	if (rc)
		return rc;
	rc = hold_back(id);
	held = !rc;
	iw_unlock(&id->lock);
	if (held)
		rc = pub->ops->migrate(pub, pub->drv, source);
	if (held && !rc && moved)
		moved(arg);

	iw_lock(&id->lock);
	if (held)
		id->migrating = false;
	drain = iw_event_kick(id);
	iw_op_leave_and_unlock(id, &op);
	if (drain)
		iw_event_drain(id);
	return rc;
}
