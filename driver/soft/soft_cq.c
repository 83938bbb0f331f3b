// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Completion queues: the ring, arming, life. Their events are soft_channel.c's,
 * the extended way to poll is soft_cq_ex.c's.
 */
#include "driver/soft/soft_cq.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cancel.h"
#include "driver/soft/soft_dev.h"
#include "driver/soft/soft_pset.h"
#include "driver/soft/soft_stall.h"

static unsigned int cqs; /* of the process; atomic */

static struct ibv_wc *at(const struct soft_cq *cq, uint32_t index)
{
	return &cq->ring[index & (cq->size - 1)];
}

static uint32_t count(const struct soft_cq *cq)
{
	iw_assert_held(&cq->lock);
	return cq->tail - cq->head;
}

/* Read without the lock by looks_empty(). */
static void set_index(uint32_t *index, uint32_t value)
{
	__atomic_store_n(index, value, __ATOMIC_RELAXED);
}

/* ---- polling */

/* A hint that costs no lock: what it misses the next poll sees. */
static bool looks_empty(const struct soft_cq *cq)
{
	return __atomic_load_n(&cq->head, __ATOMIC_RELAXED) ==
		       __atomic_load_n(&cq->tail, __ATOMIC_RELAXED) &&
	       !__atomic_load_n(&cq->overflowed, __ATOMIC_RELAXED);
}

static int take(struct soft_cq *cq, int n, struct ibv_wc *wc)
{
	int got;

	iw_lock(&cq->lock);
	for (got = 0; got < n && count(cq); got++) {
		wc[got] = *at(cq, cq->head);
		set_index(&cq->head, cq->head + 1);
	}
	if (!got && cq->overflowed)
		got = -EIO;
	iw_unlock(&cq->lock);
	return got;
}

int soft_cq_poll(struct soft_cq *cq, int n, struct ibv_wc *wc)
{
	struct soft_pset *set;

	if (looks_empty(cq)) {
		set = __atomic_load_n(&cq->pset, __ATOMIC_ACQUIRE);
		if (set) {
			IW_UNCANCELLED;

			soft_pset_drive(set);
		}
		if (looks_empty(cq))
			return 0;
	}
	return take(cq, n, wc);
}

/* ---- arming and pushing */

static void set_armed(struct soft_cq *cq, int armed)
{
	bool was = cq->armed != SOFT_CQ_UNARMED, is = armed != SOFT_CQ_UNARMED;

	iw_assert_held(&cq->lock);
	cq->armed = armed;
	if (cq->pset && was != is)
		soft_pset_armed(cq->pset, is);
}

void soft_cq_req_notify(struct soft_cq *cq, bool solicited_only)
{
	iw_lock(&cq->lock);
	/* The wider request stays. */
	if (!solicited_only)
		set_armed(cq, SOFT_CQ_ARMED_NEXT);
	else if (cq->armed == SOFT_CQ_UNARMED)
		set_armed(cq, SOFT_CQ_ARMED_SOLICITED);
	iw_unlock(&cq->lock);
}

static bool has_error(const struct ibv_wc *wc, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		if (wc[i].status != IBV_WC_SUCCESS)
			return true;
	return false;
}

static bool wants_event(const struct soft_cq *cq, const struct ibv_wc *wc, unsigned int n,
			bool solicited)
{
	if (cq->armed == SOFT_CQ_ARMED_SOLICITED)
		return solicited || has_error(wc, n);
	return cq->armed == SOFT_CQ_ARMED_NEXT;
}

/* False: they do not fit. */
static bool append(struct soft_cq *cq, const struct ibv_wc *wc, unsigned int n)
{
	if (cq->overflowed || n > cq->size - count(cq))
		return false;
	for (unsigned int i = 0; i < n; i++)
		*at(cq, cq->tail + i) = wc[i];
	set_index(&cq->tail, cq->tail + n);
	return true;
}

void soft_cq_push(struct soft_cq *cq, const struct ibv_wc *wc, unsigned int n, bool solicited)
{
	bool raise = false;

	iw_lock(&cq->lock);
	if (append(cq, wc, n)) {
		/* Within the lock: whoever destroys the CQ has taken it after us. */
		if (wants_event(cq, wc, n, solicited)) {
			set_armed(cq, SOFT_CQ_UNARMED);
			if (cq->channel)
				soft_channel_post(cq->channel, cq);
		}
	} else {
		raise = !cq->overflowed;
		__atomic_store_n(&cq->overflowed, true, __ATOMIC_RELAXED);
	}
	iw_unlock(&cq->lock);
	if (raise) {
		iw_error("soft: a completion queue of %d entries overflows", cq->ibv.cqe);
		soft_async_post(cq->ctx, IBV_EVENT_CQ_ERR, &cq->ibv);
	}
}

void soft_cq_purge(struct soft_cq *cq, uint32_t qp_num)
{
	uint32_t to;

	iw_lock(&cq->lock);
	to = cq->head;
	for (uint32_t from = cq->head; from != cq->tail; from++)
		if (at(cq, from)->qp_num != qp_num)
			*at(cq, to++) = *at(cq, from);
	set_index(&cq->tail, to);
	iw_unlock(&cq->lock);
}

/* ---- life */

static int check_cqe(int cqe)
{
	return cqe < 1 || cqe > SOFT_MAX_CQE ? -EINVAL : 0;
}

static void init(struct soft_cq *cq, struct soft_context *ctx, uint32_t size)
{
	cq->ctx = ctx;
	cq->size = size;
	cq->ibv.context = &ctx->verbs.context;
	cq->ibv.cqe = (int)size;
	pthread_mutex_init(&cq->ibv.mutex, NULL);
	pthread_cond_init(&cq->ibv.cond, NULL);
	iw_lock_init(&cq->lock);
	iw_lock_init(&cq->poll_lock);
}

int soft_cq_create(struct soft_context *ctx, int cqe, void *cq_context,
		   struct soft_channel *channel, struct soft_cq **out)
{
	struct soft_cq *cq;
	int rc = check_cqe(cqe);

	if (rc)
		return rc;
	if (__atomic_add_fetch(&cqs, 1, __ATOMIC_RELAXED) > SOFT_MAX_CQ)
		goto uncount;
	cq = iw_calloc(1, sizeof(*cq));
	if (!cq)
		goto uncount;
	cq->ring = iw_calloc(iw_power_of_two((uint32_t)cqe), sizeof(*cq->ring));
	if (!cq->ring)
		goto free_cq;
	init(cq, ctx, iw_power_of_two((uint32_t)cqe));
	cq->ibv.cq_context = cq_context;
	if (channel) {
		cq->channel = channel;
		cq->ibv.channel = &channel->ibv;
		soft_channel_join(channel, cq);
	}
	soft_context_get(ctx);
	*out = cq;
	return 0;
free_cq:
	free(cq);
uncount:
	__atomic_sub_fetch(&cqs, 1, __ATOMIC_RELAXED);
	return -ENOMEM;
}

/* What was handed out is the program's to acknowledge; that may take as long as it likes. */
static void wait_for_acks(struct soft_cq *cq)
{
	const struct soft_acks_wait wait = {
		.call = "ibv_destroy_cq",
		.object = &cq->ibv,
		.acks = { { &cq->comp_events, &cq->ibv.comp_events_completed, SOFT_ACKS_COMP },
			  { &cq->async_events, &cq->ibv.async_events_completed, SOFT_ACKS_ASYNC } },
	};

	soft_wait_acked(&cq->ibv.mutex, &cq->ibv.cond, &wait);
}

static void fini(struct soft_cq *cq)
{
	iw_lock(&cq->lock);
	set_armed(cq, SOFT_CQ_UNARMED);
	iw_unlock(&cq->lock);
	if (cq->pset)
		soft_pset_put(cq->pset);
	iw_lock_fini(&cq->poll_lock);
	iw_lock_fini(&cq->lock);
	pthread_cond_destroy(&cq->ibv.cond);
	pthread_mutex_destroy(&cq->ibv.mutex);
	free(cq->ring);
	free(cq);
}

int soft_cq_destroy(struct soft_cq *cq)
{
	struct soft_context *ctx = cq->ctx;
	IW_UNCANCELLED;

	if (__atomic_load_n(&cq->qps, __ATOMIC_ACQUIRE))
		return -EBUSY;
	if (cq->channel)
		soft_channel_leave(cq->channel, cq);
	soft_async_purge(ctx, &cq->ibv);
	wait_for_acks(cq);
	fini(cq);
	__atomic_sub_fetch(&cqs, 1, __ATOMIC_RELAXED);
	soft_context_put(ctx);
	return 0;
}

static void move_to(struct soft_cq *cq, struct ibv_wc *ring, uint32_t size)
{
	uint32_t n = count(cq);

	for (uint32_t i = 0; i < n; i++)
		ring[i] = *at(cq, cq->head + i);
	cq->ring = ring;
	cq->size = size;
	cq->ibv.cqe = (int)size;
	set_index(&cq->head, 0);
	set_index(&cq->tail, n);
}

int soft_cq_resize(struct soft_cq *cq, int cqe)
{
	struct ibv_wc *ring, *unused;
	int rc = check_cqe(cqe);

	if (rc)
		return rc;
	ring = iw_calloc(iw_power_of_two((uint32_t)cqe), sizeof(*ring));
	if (!ring)
		return -ENOMEM;
	unused = ring;
	iw_lock(&cq->lock);
	if (count(cq) > (uint32_t)cqe) {
		rc = -EINVAL;
	} else {
		unused = cq->ring;
		move_to(cq, ring, iw_power_of_two((uint32_t)cqe));
	}
	iw_unlock(&cq->lock);
	free(unused);
	return rc;
}
