// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Shared receive queues: life, limit and size (ibv_create_srq(3), ibv_modify_srq(3)). */
#include <errno.h>
#include <stdlib.h>

#include "base/cancel.h"
#include "driver/soft/soft_dev.h"
#include "driver/soft/soft_mr.h"
#include "driver/soft/soft_rq.h"
#include "driver/soft/soft_stall.h"

static unsigned int srqs; /* of the process; atomic */

int soft_srq_create(struct soft_pd *pd, const struct ibv_srq_init_attr *attr, struct soft_srq **out)
{
	struct soft_srq *srq;
	int rc = -ENOMEM;

	if (!attr->attr.max_wr)
		return -EINVAL;
	if (__atomic_add_fetch(&srqs, 1, __ATOMIC_RELAXED) > SOFT_MAX_SRQ)
		goto uncount;
	srq = iw_calloc(1, sizeof(*srq));
	if (!srq)
		goto uncount;
	rc = soft_rq_init(&srq->rq, attr->attr.max_wr, attr->attr.max_sge);
	if (rc)
		goto free_srq;
	srq->pd = pd;
	srq->ctx = soft_context_of(pd->ibv.context);
	srq->ibv.context = pd->ibv.context;
	srq->ibv.pd = &pd->ibv;
	srq->ibv.srq_context = attr->srq_context;
	pthread_mutex_init(&srq->ibv.mutex, NULL);
	pthread_cond_init(&srq->ibv.cond, NULL);
	soft_pd_get(pd);
	soft_context_get(srq->ctx);
	*out = srq;
	return 0;
free_srq:
	free(srq);
uncount:
	__atomic_sub_fetch(&srqs, 1, __ATOMIC_RELAXED);
	return rc;
}

void soft_srq_query(struct soft_srq *srq, struct ibv_srq_attr *attr)
{
	iw_lock(&srq->rq.lock);
	attr->max_wr = srq->rq.max_wr;
	attr->max_sge = srq->rq.max_sge;
	attr->srq_limit = srq->rq.limit;
	iw_unlock(&srq->rq.lock);
}

static void set_limit(struct soft_rq *rq, uint32_t limit)
{
	iw_lock(&rq->lock);
	rq->limit = limit;
	iw_unlock(&rq->lock);
}

int soft_srq_modify(struct soft_srq *srq, const struct ibv_srq_attr *attr, int mask)
{
	struct ibv_srq_attr wanted;
	int rc = 0;

	soft_srq_query(srq, &wanted);
	if (mask & IBV_SRQ_MAX_WR)
		wanted.max_wr = attr->max_wr;
	if (mask & IBV_SRQ_LIMIT)
		wanted.srq_limit = attr->srq_limit;
	if (mask & ~(IBV_SRQ_MAX_WR | IBV_SRQ_LIMIT) || wanted.srq_limit > wanted.max_wr)
		return -EINVAL;
	if (mask & IBV_SRQ_MAX_WR)
		rc = soft_rq_resize(&srq->rq, wanted.max_wr);
	if (!rc && (mask & IBV_SRQ_LIMIT))
		set_limit(&srq->rq, wanted.srq_limit);
	return rc;
}

int soft_srq_destroy(struct soft_srq *srq)
{
	const struct soft_acks_wait wait = {
		.call = "ibv_destroy_srq",
		.object = &srq->ibv,
		.acks = { { &srq->async_events, &srq->ibv.events_completed, SOFT_ACKS_ASYNC } },
	};
	struct soft_context *ctx = srq->ctx;
	IW_UNCANCELLED;

	if (__atomic_load_n(&srq->qps, __ATOMIC_ACQUIRE))
		return -EBUSY;
	soft_async_purge(ctx, &srq->ibv);
	soft_wait_acked(&srq->ibv.mutex, &srq->ibv.cond, &wait);
	soft_rq_fini(&srq->rq);
	pthread_cond_destroy(&srq->ibv.cond);
	pthread_mutex_destroy(&srq->ibv.mutex);
	soft_pd_put(srq->pd);
	free(srq);
	__atomic_sub_fetch(&srqs, 1, __ATOMIC_RELAXED);
	soft_context_put(ctx);
	return 0;
}
