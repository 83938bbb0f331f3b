// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Birth, references and death of an id. Destroy is here, whole: what marks an
 * id as dying, what is cancelled, who tells the driver, who frees.
 */
#include "iwcm-core/iw_ref.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/caller.h"
#include "base/fault.h"
#include "base/log.h"
#include "iwcm-core/iw_credit.h"
#include "iwcm-core/iw_event.h"
#include "iwcm-core/iw_member.h"
#include "iwcm-core/iw_pool.h"
#include "iwcm-core/iw_qp.h"
#include "iwcm-core/iw_state.h"
#include "iwcm-core/iw_stats.h"

/* What an id was when its destroy began. */
struct iw_doom {
	enum iw_cm_state was;
	bool connected; /* there was a connection, or an attempt at one */
	struct iw_record_list queue;
};

/* ------------------------------------------------------------------ birth */

/* Where they keep what goes with them. */
static void records_init(struct iw_id *id, bool child)
{
	struct iw_record *second = child ? &id->request : &id->records[IW_RECORD_RESPONSE];
	struct iw_record *first = &id->records[IW_RECORD_CONNECTION];

	first->param = &id->params[0];
	second->param = &id->params[1];
	first->data = second->data = id->private_data;
}

struct iw_id *iw_id_new(const struct iw_cm_driver_ops *ops, bool child)
{
	struct iw_id *id = iw_calloc(1, sizeof(*id));

	if (!id)
		return NULL;
	id->pub.ops = ops;
	iw_lock_init(&id->lock);
	iw_cond_init(&id->cond);
	TAILQ_INIT(&id->queue);
	TAILQ_INIT(&id->ops);
	TAILQ_INIT(&id->members);
	records_init(id, child);
	iw_lock(&id->lock);
	iw_ref_get(id, IW_REF_CREATOR);
	iw_ref_get(id, IW_REF_DRIVER);
	iw_unlock(&id->lock);
	return id;
}

static int create_check(const struct iw_cm_driver_ops *ops, iw_cm_handler handler)
{
	if (!ops || !ops->id_new || !ops->id_gone || !handler)
		return -EINVAL;
	return ops->drain_in_pool ? iw_pool_start() : 0;
}

int iw_cm_create(const struct iw_cm_driver_ops *ops, void *drv_arg, iw_cm_handler handler,
		 void *context, struct iw_cm_id **out)
{
	struct iw_id *id;
	int rc;

	rc = create_check(ops, handler);
	if (rc)
		return rc;
	id = iw_id_new(ops, false);
	if (!id)
		return -ENOMEM;
	id->pub.handler = handler;
	id->pub.context = context;
	rc = ops->id_new(&id->pub, drv_arg, &id->pub.drv);
	if (rc) {
		iw_id_drop(id);
		return rc;
	}
	iw_stat_inc(ids_created);
	iw_debug("id %p (%s): made", (void *)id, ops->name);
	*out = &id->pub;
	return 0;
}

/* -------------------------------------------------------------- references */

static long ref_totals[IW_REF_NCLASSES];

/* The process-wide ledger costs an atomic operation each: debug builds alone. */
static void ledger_add(enum iw_ref_class class, long n)
{
#ifdef IW_DEBUG
	__atomic_add_fetch(&ref_totals[class], n, __ATOMIC_RELAXED);
#endif
}

long iw_ref_total(enum iw_ref_class class)
{
	return __atomic_load_n(&ref_totals[class], __ATOMIC_RELAXED);
}

void iw_ref_get(struct iw_id *id, enum iw_ref_class class)
{
	iw_assert_held(&id->lock);
	id->refs[class]++;
	ledger_add(class, 1);
}

static bool no_refs(const struct iw_id *id)
{
	for (int i = 0; i < IW_REF_NCLASSES; i++)
		if (id->refs[i])
			return false;
	return true;
}

static void id_free(struct iw_id *id)
{
	iw_members_free(id);
	iw_credits_put(id->credits);
	iw_cond_fini(&id->cond);
	iw_lock_fini(&id->lock);
	free(id);
}

void iw_id_drop(struct iw_id *id)
{
	ledger_add(IW_REF_CREATOR, -1);
	ledger_add(IW_REF_DRIVER, -1);
	id_free(id);
}

void iw_ref_drop(struct iw_id *id, enum iw_ref_class class)
{
	iw_assert_held(&id->lock);
	if (!id->refs[class]) {
		iw_error("id %p: a reference of class %d is put twice", (void *)id, class);
		return;
	}
	id->refs[class]--;
	ledger_add(class, -1);
}

void iw_ref_put_and_unlock(struct iw_id *id, enum iw_ref_class class)
{
	bool tell, last;

	iw_ref_drop(id, class);
	tell = id->dying && !id->gone && !id->refs[IW_REF_DRAIN] && !id->refs[IW_REF_OPERATION];
	if (tell)
		id->gone = true;
	last = no_refs(id);
	iw_cond_broadcast(&id->cond);
	iw_unlock(&id->lock);

	/* The driver's reference keeps the id; it may put it in here. */
	if (tell)
		id->pub.ops->id_gone(&id->pub, id->pub.drv);
	if (last) {
		iw_debug("id %p: freed", (void *)id);
		id_free(id);
		iw_stat_inc(ids_freed);
	}
}

unsigned int iw_ref_held(struct iw_id *id, enum iw_ref_class class)
{
	unsigned int n;

	iw_lock(&id->lock);
	n = id->refs[class];
	iw_unlock(&id->lock);
	return n;
}

void iw_cm_driver_put(struct iw_cm_id *pub)
{
	struct iw_id *id = iw_id_of(pub);

	iw_lock(&id->lock);
	iw_ref_put_and_unlock(id, IW_REF_DRIVER);
}

/* -------------------------------------------------------------- operations */

void iw_op_enter(struct iw_id *id, struct iw_op *op, void *qp)
{
	op->thread = iw_thread_self();
	op->call = iw_caller_now.call;
	op->qp = qp;
	iw_ref_get(id, IW_REF_OPERATION);
	TAILQ_INSERT_TAIL(&id->ops, op, link);
}

void iw_op_leave_and_unlock(struct iw_id *id, struct iw_op *op)
{
	iw_assert_held(&id->lock);
	TAILQ_REMOVE(&id->ops, op, link);
	iw_ref_put_and_unlock(id, IW_REF_OPERATION);
}

int iw_op_begin(struct iw_id *id, struct iw_op *op)
{
	iw_lock(&id->lock);
	if (id->dying) {
		iw_unlock(&id->lock);
		return -ESHUTDOWN;
	}
	iw_op_enter(id, op, NULL);
	return 0;
}

void iw_op_end(struct iw_id *id, struct iw_op *op)
{
	iw_lock(&id->lock);
	iw_op_leave_and_unlock(id, op);
}

bool iw_id_entered(struct iw_id *id)
{
	struct iw_op *op;

	iw_assert_held(&id->lock);
	if (id->running && iw_thread_is_self(id->drainer))
		return true;
	if (id->handing_out && iw_thread_is_self(id->requester))
		return true;
	TAILQ_FOREACH (op, &id->ops, link)
		if (iw_thread_is_self(op->thread))
			return true;
	return false;
}

/* ------------------------------------------------------------------- waits */

/* "; rdma_connect is in it (thread 0x7f01)": as many as fit. */
static void name_ops(const struct iw_id *id, char *text, size_t room)
{
	const struct iw_op *op;
	size_t used = 0;

	text[0] = 0;
	TAILQ_FOREACH (op, &id->ops, link)
		if (used < room && !iw_thread_is_self(op->thread))
			used += (size_t)snprintf(
				text + used, room - used, "; %s in it (thread %#lx)",
				op->call ? op->call : "a thread is", (unsigned long)op->thread);
}

void iw_wait_tell(const void *arg, unsigned int seconds)
{
	const struct iw_wait *wait = arg;
	const struct iw_id *id = wait->id;
	char who[IW_CALLER_TEXT], ops[256], handler[64] = "";

	iw_assert_held(&id->lock);
	if (id->running)
		snprintf(handler, sizeof(handler), "; its handler runs (thread %#lx)",
			 (unsigned long)id->drainer);
	name_ops(id, ops, sizeof(ops));
	iw_error("%s has waited %u s for %s: connection %p (%s) is used by %u event, %u call, "
		 "%u driver%s%s",
		 iw_caller_text(&iw_caller_now, who), seconds, wait->what, (const void *)id,
		 iw_cm_state_name(id->state), id->refs[IW_REF_DRAIN], id->refs[IW_REF_OPERATION],
		 id->refs[IW_REF_DRIVER], handler, ops);
}

/* ----------------------------------------------------------------- destroy */

void iw_id_give_credit(struct iw_id *id)
{
	iw_lock(&id->lock);
	if (id->credit_held)
		iw_credits_give(id->credits);
	id->credit_held = false;
	iw_unlock(&id->lock);
}

static bool has_connection(const struct iw_id *id)
{
	return id->state == IW_CM_CONN_SENT || id->state == IW_CM_ESTABLISHED ||
	       id->state == IW_CM_CLOSING || (id->state == IW_CM_CONN_RECV && id->accepting);
}

/*
 * Any state -> DESTROYING. From here on nothing is delivered and no call
 * begins. Takes an OPERATION reference for doom_carry_out().
 */
static void doom_mark(struct iw_id *id, struct iw_doom *doom)
{
	iw_assert_held(&id->lock);
	doom->was = id->state;
	doom->connected = has_connection(id);
	TAILQ_INIT(&doom->queue);
	TAILQ_CONCAT(&doom->queue, &id->queue, link);
	id->dying = true;
	iw_state_set(id, IW_CM_DESTROYING);
	iw_ref_get(id, IW_REF_OPERATION);
	iw_event_unschedule(id);
	iw_cond_broadcast(&id->cond); /* a migration that waits gives up */
}

/* Events of the id itself need no disposal; children that nobody saw do. */
static void doom_discard(struct iw_doom *doom, bool wait)
{
	struct iw_record *rec, *next;

	TAILQ_FOREACH_SAFE (rec, &doom->queue, link, next) {
		TAILQ_REMOVE(&doom->queue, rec, link);
		iw_stat_inc(events_discarded);
		if (rec->type != IW_CM_EVENT_CONNECT_REQUEST)
			continue;
		iw_stat_inc(requests_refused);
		if (wait)
			iw_cm_destroy(rec->other);
		else
			iw_id_kill(iw_id_of(rec->other));
	}
}

/*
 * Cancels what is pending. May block as modify_qp does; never waits for a
 * peer. With @wait, also until the refused children are gone.
 */
static void doom_carry_out(struct iw_id *id, struct iw_doom *doom, bool wait)
{
	const struct iw_cm_driver_ops *ops = id->pub.ops;

	if (doom->was != IW_CM_IDLE && ops->abort)
		ops->abort(&id->pub, id->pub.drv, doom->was);
	if (doom->connected)
		iw_qp_end(id, IW_QP_ERR);
	doom_discard(doom, wait);
	iw_id_give_credit(id);
	iw_lock(&id->lock);
	iw_ref_put_and_unlock(id, IW_REF_OPERATION);
}

void iw_id_kill(struct iw_id *id)
{
	struct iw_doom doom;

	iw_lock(&id->lock);
	if (id->dying) {
		iw_unlock(&id->lock);
		return;
	}
	doom_mark(id, &doom);
	iw_unlock(&id->lock);
	doom_carry_out(id, &doom, false);
	iw_lock(&id->lock);
	iw_ref_put_and_unlock(id, IW_REF_CREATOR);
}

/* Another thread's handler of the id is over; one's own frames stay. */
static void wait_for_other_handlers(struct iw_id *id)
{
	const struct iw_wait wait = { id, "a handler of the id in another thread" };
	struct iw_stall stall = IW_STALL(iw_wait_tell, &wait);

	while (id->running && !iw_thread_is_self(id->drainer))
		iw_cond_wait_told(&id->cond, &id->lock, &stall);
}

static void wait_for_references(struct iw_id *id)
{
	const struct iw_wait wait = { id, "the last users of the id" };
	struct iw_stall stall = IW_STALL(iw_wait_tell, &wait);

	while (id->refs[IW_REF_DRAIN] || id->refs[IW_REF_OPERATION] || id->refs[IW_REF_DRIVER])
		iw_cond_wait_told(&id->cond, &id->lock, &stall);
}

int iw_cm_destroy(struct iw_cm_id *pub)
{
	struct iw_id *id = iw_id_of(pub);
	struct iw_doom doom;
	bool entered;

	iw_lock(&id->lock);
	if (id->dying) {
		iw_unlock(&id->lock);
		return -EALREADY;
	}
	/* Inside a handler or op of the id its last reference is below us. */
	entered = iw_id_entered(id);
	doom_mark(id, &doom);
	iw_unlock(&id->lock);

	doom_carry_out(id, &doom, !entered);

	iw_lock(&id->lock);
	if (entered)
		wait_for_other_handlers(id);
	else
		wait_for_references(id);
	iw_ref_put_and_unlock(id, IW_REF_CREATOR);
	return 0;
}
