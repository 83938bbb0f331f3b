// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Queue pairs as verbs see them: create, modify, query, receive, destroy. The
 * stream that one carries is soft_stream.c, its number soft_qp_table.c.
 */
#include "driver/soft/soft_qp.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cancel.h"
#include "driver/soft/soft_limit.h"
#include "driver/soft/soft_stall.h"

#define CLOSE_MS 5000
#define REMOTE_ALL (IBV_ACCESS_REMOTE_READ | IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_ATOMIC)
#define INIT_ATTR_MASK \
	(IBV_QP_INIT_ATTR_PD | IBV_QP_INIT_ATTR_CREATE_FLAGS | IBV_QP_INIT_ATTR_SEND_OPS_FLAGS)
#define ANY_STATE                                                                       \
	(1 << IBV_QPS_RESET | 1 << IBV_QPS_INIT | 1 << IBV_QPS_RTR | 1 << IBV_QPS_RTS | \
	 1 << IBV_QPS_SQD | 1 << IBV_QPS_SQE | 1 << IBV_QPS_ERR)

/*
 * From which states each may be asked for. RTS itself comes with the stream. A program that
 * moves its own queue pair may walk it from INIT to RTS when the stream is there already.
 */
static const uint8_t legal_from[] = {
	[IBV_QPS_RESET] = ANY_STATE,
	[IBV_QPS_INIT] = 1 << IBV_QPS_RESET | 1 << IBV_QPS_INIT | 1 << IBV_QPS_RTS,
	[IBV_QPS_RTR] = 1 << IBV_QPS_INIT | 1 << IBV_QPS_RTR | 1 << IBV_QPS_RTS,
	[IBV_QPS_RTS] = 1 << IBV_QPS_RTS,
	[IBV_QPS_SQD] = 1 << IBV_QPS_RTS | 1 << IBV_QPS_SQD,
	[IBV_QPS_SQE] = 1 << IBV_QPS_RTS | 1 << IBV_QPS_SQE,
	[IBV_QPS_ERR] = ANY_STATE,
};

/* ---- create */

static int check_attr(const struct ibv_qp_init_attr_ex *attr)
{
	const struct ibv_qp_cap *cap = &attr->cap;

	if (attr->qp_type != IBV_QPT_RC || attr->comp_mask & ~(uint32_t)INIT_ATTR_MASK)
		return -EOPNOTSUPP;
	if (attr->comp_mask & IBV_QP_INIT_ATTR_CREATE_FLAGS && attr->create_flags)
		return -EOPNOTSUPP;
	if (!(attr->comp_mask & IBV_QP_INIT_ATTR_PD) || !attr->pd || !attr->send_cq ||
	    !attr->recv_cq)
		return -EINVAL;
	if (cap->max_send_wr > SOFT_MAX_WR || cap->max_send_sge > SOFT_MAX_SGE ||
	    cap->max_inline_data > SOFT_MAX_INLINE)
		return -EINVAL;
	if (!attr->srq && (cap->max_recv_wr > SOFT_MAX_WR || cap->max_recv_sge > SOFT_MAX_SGE))
		return -EINVAL;
	return 0;
}

static void fill_ibv(struct soft_qp *qp, const struct ibv_qp_init_attr_ex *attr)
{
	struct ibv_qp *ibv = &qp->ibv;

	ibv->context = &qp->ctx->verbs.context;
	ibv->qp_context = attr->qp_context;
	ibv->pd = attr->pd;
	ibv->send_cq = attr->send_cq;
	ibv->recv_cq = attr->recv_cq;
	ibv->srq = attr->srq;
	ibv->qp_type = attr->qp_type;
	ibv->state = IBV_QPS_RESET;
	pthread_mutex_init(&ibv->mutex, NULL);
	pthread_cond_init(&ibv->cond, NULL);
}

static int init_queues(struct soft_qp *qp, struct ibv_qp_cap *cap)
{
	int rc = soft_sq_init(&qp->sq, cap);

	if (rc)
		return rc;
	rc = soft_rx_init(qp);
	if (rc)
		goto free_sq;
	qp->rq = &qp->own_rq;
	if (qp->srq) {
		qp->rq = &qp->srq->rq;
		cap->max_recv_wr = cap->max_recv_sge = 0;
	} else {
		rc = soft_rq_init(&qp->own_rq, cap->max_recv_wr, cap->max_recv_sge);
		if (rc)
			goto free_rx;
		cap->max_recv_wr = qp->own_rq.max_wr;
	}
	cap->max_send_wr = qp->sq.max_wr;
	/* The room is there in any case, and programs send inline without asking for it. */
	cap->max_inline_data =
		iw_min_u32(qp->sq.stride - (uint32_t)sizeof(struct soft_swqe), SOFT_MAX_INLINE);
	return 0;
free_rx:
	soft_rx_fini(qp);
free_sq:
	soft_sq_fini(&qp->sq);
	return rc;
}

static void fini_queues(struct soft_qp *qp)
{
	if (!qp->srq)
		soft_rq_fini(&qp->own_rq);
	soft_tx_fini(qp);
	soft_rx_fini(qp);
	soft_sq_fini(&qp->sq);
}

/* What other objects know of the QP by counting. */
static void tie(struct soft_qp *qp)
{
	soft_context_get(qp->ctx);
	soft_pd_get(qp->pd);
	__atomic_add_fetch(&qp->send_cq->qps, 1, __ATOMIC_RELAXED);
	__atomic_add_fetch(&qp->recv_cq->qps, 1, __ATOMIC_RELAXED);
	if (qp->srq)
		__atomic_add_fetch(&qp->srq->qps, 1, __ATOMIC_RELAXED);
}

static void untie(struct soft_qp *qp)
{
	if (qp->srq)
		__atomic_sub_fetch(&qp->srq->qps, 1, __ATOMIC_RELEASE);
	__atomic_sub_fetch(&qp->recv_cq->qps, 1, __ATOMIC_RELEASE);
	__atomic_sub_fetch(&qp->send_cq->qps, 1, __ATOMIC_RELEASE);
	soft_pd_put(qp->pd);
	soft_context_put(qp->ctx);
}

/* The receive in work ends the struct, and its parts end it: only as many as can be. */
static size_t size_of_qp(const struct ibv_qp_init_attr_ex *attr)
{
	const struct soft_srq *srq =
		attr->srq ? iw_container_of(attr->srq, struct soft_srq, ibv) : NULL;
	uint32_t max_sge = srq ? srq->rq.max_sge : attr->cap.max_recv_sge;

	return offsetof(struct soft_qp, rx.rwqe.sge) + max_sge * sizeof(struct ibv_sge);
}

static struct soft_qp *new_qp(struct soft_context *ctx, const struct ibv_qp_init_attr_ex *attr)
{
	struct soft_qp *qp = iw_calloc(1, size_of_qp(attr));

	if (!qp)
		return NULL;
	qp->ctx = ctx;
	qp->pd = iw_container_of(attr->pd, struct soft_pd, ibv);
	qp->send_cq = soft_cq_of(attr->send_cq);
	qp->recv_cq = soft_cq_of(attr->recv_cq);
	qp->srq = attr->srq ? iw_container_of(attr->srq, struct soft_srq, ibv) : NULL;
	qp->sq_sig_all = attr->sq_sig_all != 0;
	qp->refs = 1;
	qp->state = IBV_QPS_RESET;
	qp->attr.qp_access_flags = REMOTE_ALL;
	qp->stream.fd = -1;
	iw_lock_init(&qp->fail_lock);
	iw_cond_init(&qp->over);
	fill_ibv(qp, attr);
	return qp;
}

static void free_qp(struct soft_qp *qp)
{
	pthread_cond_destroy(&qp->ibv.cond);
	pthread_mutex_destroy(&qp->ibv.mutex);
	iw_cond_fini(&qp->over);
	iw_lock_fini(&qp->fail_lock);
	free(qp);
}

int soft_qp_create(struct soft_context *ctx, struct ibv_qp_init_attr_ex *attr, struct soft_qp **qp)
{
	struct ibv_qp_cap cap = attr->cap;
	struct soft_qp *q;
	int rc = check_attr(attr);

	if (rc)
		return rc;
	q = new_qp(ctx, attr);
	if (!q)
		return -ENOMEM;
	rc = init_queues(q, &cap);
	if (rc)
		goto free_it;
	if (attr->comp_mask & IBV_QP_INIT_ATTR_SEND_OPS_FLAGS)
		rc = soft_sq_set_methods(q, attr->send_ops_flags);
	if (!rc)
		rc = soft_qp_table_add(q);
	if (rc)
		goto free_queues;
	q->cap = cap;
	tie(q);
	attr->cap = cap;
	*qp = q;
	return 0;
free_queues:
	fini_queues(q);
free_it:
	free_qp(q);
	return rc;
}

/* ---- modify */

static int check_modify(const struct soft_qp *qp, const struct ibv_qp_attr *attr, int mask)
{
	if (mask & IBV_QP_CUR_STATE && attr->cur_qp_state != qp->state)
		return -EINVAL;
	if (mask & IBV_QP_PORT && attr->port_num != 1)
		return -EINVAL;
	if (mask & IBV_QP_MAX_QP_RD_ATOMIC && attr->max_rd_atomic > SOFT_MAX_RD_ATOM)
		return -EINVAL;
	if (mask & IBV_QP_MAX_DEST_RD_ATOMIC && attr->max_dest_rd_atomic > SOFT_MAX_RD_ATOM)
		return -EINVAL;
	if (!(mask & IBV_QP_STATE))
		return 0;
	if ((size_t)attr->qp_state >= IW_ARRAY_SIZE(legal_from))
		return -EINVAL;
	return legal_from[attr->qp_state] & 1 << qp->state ? 0 : -EINVAL;
}

/* What means nothing on iWARP is taken, and forgotten. */
static void remember(struct soft_qp *qp, const struct ibv_qp_attr *attr, int mask)
{
	if (mask & IBV_QP_ACCESS_FLAGS)
		qp->attr.qp_access_flags = attr->qp_access_flags;
	if (mask & IBV_QP_PKEY_INDEX)
		qp->attr.pkey_index = attr->pkey_index;
	if (mask & IBV_QP_PORT)
		qp->attr.port_num = attr->port_num;
	if (mask & IBV_QP_MAX_QP_RD_ATOMIC)
		qp->attr.max_rd_atomic = attr->max_rd_atomic;
	if (mask & IBV_QP_MAX_DEST_RD_ATOMIC)
		qp->attr.max_dest_rd_atomic = attr->max_dest_rd_atomic;
}

/*
 * No stream is left, and with another state none is attached any more: locked,
 * and true. False: one was attached since the last was cut.
 */
static bool leave_streams(struct soft_qp *qp, enum ibv_qp_state state)
{
	soft_qp_lock_all(qp);
	if (soft_stream_is_live(qp)) {
		soft_qp_unlock_all(qp);
		return false;
	}
	soft_qp_set_state(qp, state);
	return true;
}

/* Ends the stream, empties and forgets. */
static void reset(struct soft_qp *qp)
{
	struct soft_failure closed = { .status = 0 };

	do
		soft_stream_cut(qp, &closed);
	while (!leave_streams(qp, IBV_QPS_RESET));
	if (!qp->srq)
		iw_unlock(&qp->own_rq.lock);
	qp->attr.qp_access_flags = REMOTE_ALL;
	soft_sq_clear(&qp->sq);
	soft_rx_restart(qp);
	if (!qp->srq)
		soft_rq_clear(&qp->own_rq);
	soft_sq_unlock(qp);
	iw_unlock(&qp->rx.lock);
	soft_cq_purge(qp->send_cq, qp->ibv.qp_num);
	if (qp->recv_cq != qp->send_cq)
		soft_cq_purge(qp->recv_cq, qp->ibv.qp_num);
}

/* The end of a stream flushes; without one receives can be waiting. */
static void flush(struct soft_qp *qp)
{
	struct soft_failure closed = { .status = 0 };

	do
		soft_stream_cut(qp, &closed);
	while (!leave_streams(qp, IBV_QPS_ERR));
	if (!qp->srq)
		iw_unlock(&qp->own_rq.lock);
	soft_sq_flush(qp, 0);
	soft_qp_flush_recv(qp);
	soft_sq_unlock(qp);
	iw_unlock(&qp->rx.lock);
}

static void enter(struct soft_qp *qp, enum ibv_qp_state state)
{
	struct soft_failure fatal = { .status = -ECONNABORTED,
				      .send_terminate = true,
				      .terminate.code = TERM_RDMAP_LOCAL };

	switch (state) {
	case IBV_QPS_RESET:
		reset(qp);
		break;
	case IBV_QPS_SQD:
		soft_qp_close(qp, soft_limit_ms(CLOSE_MS));
		break;
	case IBV_QPS_SQE:
		soft_stream_cut(qp, &fatal);
		break;
	case IBV_QPS_ERR:
		flush(qp);
		break;
	default:
		break; /* INIT, RTR: set by the caller; RTS holds already */
	}
}

int soft_qp_modify(struct soft_qp *qp, const struct ibv_qp_attr *attr, int mask)
{
	int rc;

	soft_qp_lock_all(qp);
	rc = check_modify(qp, attr, mask);
	if (!rc) {
		remember(qp, attr, mask);
		if (mask & IBV_QP_STATE && qp->state != IBV_QPS_RTS &&
		    (attr->qp_state == IBV_QPS_INIT || attr->qp_state == IBV_QPS_RTR))
			soft_qp_set_state(qp, attr->qp_state);
	}
	soft_qp_unlock_all(qp);
	if (!rc && mask & IBV_QP_STATE)
		enter(qp, attr->qp_state);
	return rc;
}

int soft_qp_query(struct soft_qp *qp, struct ibv_qp_attr *attr, int mask,
		  struct ibv_qp_init_attr *init)
{
	(void)mask; /* all there is */
	soft_qp_lock_all(qp);
	*attr = qp->attr;
	attr->qp_state = attr->cur_qp_state = qp->state;
	if (soft_stream_is_live(qp)) { /* what MPA agreed, not what was asked for */
		attr->max_rd_atomic = (uint8_t)qp->stream.ord;
		attr->max_dest_rd_atomic = (uint8_t)qp->stream.ird;
	}
	soft_qp_unlock_all(qp);
	attr->cap = qp->cap;
	attr->path_mtu = soft_verbs_mtu(__atomic_load_n(&qp->ctx->dev->mtu, __ATOMIC_RELAXED));
	*init = (struct ibv_qp_init_attr){ .qp_context = qp->ibv.qp_context,
					   .send_cq = qp->ibv.send_cq,
					   .recv_cq = qp->ibv.recv_cq,
					   .srq = qp->ibv.srq,
					   .cap = qp->cap,
					   .qp_type = qp->ibv.qp_type,
					   .sq_sig_all = qp->sq_sig_all };
	return 0;
}

/* ---- receive */

int soft_qp_post_recv(struct soft_qp *qp, struct ibv_recv_wr *wr, struct ibv_recv_wr **bad)
{
	int rc;

	if (qp->srq || __atomic_load_n(&qp->state, __ATOMIC_ACQUIRE) == IBV_QPS_RESET) {
		*bad = wr;
		return -EINVAL;
	}
	soft_qp_get(qp); /* as in soft_sq_post() */
	rc = soft_rq_post(&qp->own_rq, wr, bad);
	/* Posted before the flush took the queue's lock: it has found it; else we see ERR. */
	if (__atomic_load_n(&qp->state, __ATOMIC_ACQUIRE) == IBV_QPS_ERR) {
		iw_lock(&qp->rx.lock);
		soft_qp_flush_recv(qp);
		iw_unlock(&qp->rx.lock);
	}
	soft_qp_put(qp);
	return rc;
}

/* ---- references and destroy */

void soft_qp_get(struct soft_qp *qp)
{
	__atomic_add_fetch(&qp->refs, 1, __ATOMIC_RELAXED);
}

void soft_qp_put(struct soft_qp *qp)
{
	if (__atomic_sub_fetch(&qp->refs, 1, __ATOMIC_ACQ_REL))
		return;
	if (qp->pset)
		soft_pset_put(qp->pset);
	fini_queues(qp);
	free_qp(qp);
}

int soft_qp_destroy(struct soft_qp *qp)
{
	const struct soft_acks_wait wait = {
		.call = "ibv_destroy_qp",
		.object = &qp->ibv,
		.acks = { { &qp->async_events, &qp->ibv.events_completed, SOFT_ACKS_ASYNC } },
	};
	IW_UNCANCELLED;

	soft_qp_table_remove(qp);
	reset(qp);
	soft_async_purge(qp->ctx, &qp->ibv);
	soft_wait_acked(&qp->ibv.mutex, &qp->ibv.cond, &wait);
	untie(qp);
	soft_qp_put(qp);
	return 0;
}
