// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The methods of a context, which the inline wrappers of <infiniband/verbs.h>
 * call. All of ibv_context_ops are set, for some are called unchecked; of the
 * extended ones those that we have, for NULL means "not supported".
 */
#include "base/cancel.h"
#include "driver/soft/soft_cq.h"
#include "driver/soft/soft_dialect.h"
#include "driver/soft/soft_mr.h"
#include "driver/soft/soft_qp.h"
#include "driver/soft/soft_rq.h"
#include "driver/soft/soft_verbs.h"

/* ----------------------------------------------------------- Memory windows */

static struct soft_mw *mw_of(struct ibv_mw *mw)
{
	return iw_container_of(mw, struct soft_mw, ibv);
}

static struct ibv_mw *alloc_mw(struct ibv_pd *pd, enum ibv_mw_type type)
{
	struct soft_mw *mw;
	int rc = soft_context_check(pd->context);
	IW_UNCANCELLED;

	if (!rc)
		rc = soft_mw_alloc(iw_container_of(pd, struct soft_pd, ibv), type, &mw);
	return rc ? soft_null(rc) : &mw->ibv;
}

static int dealloc_mw(struct ibv_mw *mw)
{
	int rc = soft_context_check(mw->context);
	IW_UNCANCELLED;

	return soft_positive(rc ? rc : soft_mw_dealloc(mw_of(mw)));
}

/* Windows of type 1: the work request is made here, its rkey announced at once. */
static int bind_mw(struct ibv_qp *qp, struct ibv_mw *mw, struct ibv_mw_bind *bind)
{
	struct ibv_send_wr *bad, wr = {
		.wr_id = bind->wr_id,
		.opcode = IBV_WR_BIND_MW,
		.send_flags = bind->send_flags,
	};
	uint32_t old = mw->rkey;
	int rc = soft_context_check(qp->context);

	if (!rc && (mw->type != IBV_MW_TYPE_1 || mw->pd != qp->pd))
		rc = -EINVAL;
	if (rc)
		return soft_positive(rc);
	wr.bind_mw.mw = mw;
	wr.bind_mw.rkey = soft_mw_next_rkey(mw_of(mw));
	wr.bind_mw.bind_info = bind->bind_info;
	__atomic_store_n(&mw->rkey, wr.bind_mw.rkey, __ATOMIC_RELAXED);
	rc = soft_sq_post(soft_qp_of(qp), &wr, &bad);
	if (rc)
		__atomic_store_n(&mw->rkey, old, __ATOMIC_RELAXED);
	return soft_positive(rc);
}

/* ----------------------------------------------------------- Work and polls */

static int poll_cq(struct ibv_cq *cq, int n, struct ibv_wc *wc)
{
	int rc = soft_context_check(cq->context);

	return rc ? rc : soft_cq_poll(soft_cq_of(cq), n, wc);
}

static int req_notify_cq(struct ibv_cq *cq, int solicited_only)
{
	int rc = soft_context_check(cq->context);

	if (!rc)
		soft_cq_req_notify(soft_cq_of(cq), solicited_only != 0);
	return soft_positive(rc);
}

static int post_send(struct ibv_qp *qp, struct ibv_send_wr *wr, struct ibv_send_wr **bad)
{
	int rc = soft_context_check(qp->context);

	if (rc) {
		*bad = wr;
		return soft_positive(rc);
	}
	return soft_positive(soft_sq_post(soft_qp_of(qp), wr, bad));
}

static int post_recv(struct ibv_qp *qp, struct ibv_recv_wr *wr, struct ibv_recv_wr **bad)
{
	int rc = soft_context_check(qp->context);

	if (rc) {
		*bad = wr;
		return soft_positive(rc);
	}
	return soft_positive(soft_qp_post_recv(soft_qp_of(qp), wr, bad));
}

static int post_srq_recv(struct ibv_srq *srq, struct ibv_recv_wr *wr, struct ibv_recv_wr **bad)
{
	int rc = soft_context_check(srq->context);

	if (rc) {
		*bad = wr;
		return soft_positive(rc);
	}
	return soft_positive(
		soft_rq_post(&iw_container_of(srq, struct soft_srq, ibv)->rq, wr, bad));
}

/* --------------------------------------------------------- Extended methods */

static int query_device_ex(struct ibv_context *ctx, const struct ibv_query_device_ex_input *input,
			   struct ibv_device_attr_ex *attr, size_t size)
{
	int rc = soft_context_check(ctx);

	return soft_positive(rc ? rc
				: soft_query_device_ex(soft_context_of(ctx), input, attr, size));
}

static struct ibv_cq_ex *create_cq_ex(struct ibv_context *ctx, struct ibv_cq_init_attr_ex *attr)
{
	struct soft_cq *cq;
	int rc = soft_context_check(ctx);

	if (!rc && (attr->comp_vector >= (uint32_t)ctx->num_comp_vectors ||
		    (attr->channel && attr->channel->context != ctx)))
		rc = -EINVAL;
	if (!rc)
		rc = soft_cq_create_ex(soft_context_of(ctx), attr, &cq);
	return rc ? soft_null(rc) : &cq->ex;
}

static struct ibv_srq *create_srq_ex(struct ibv_context *ctx, struct ibv_srq_init_attr_ex *attr)
{
	const uint32_t known = IBV_SRQ_INIT_ATTR_TYPE | IBV_SRQ_INIT_ATTR_PD;
	struct ibv_srq_init_attr plain = { .srq_context = attr->srq_context, .attr = attr->attr };
	struct ibv_srq *srq;

	if (attr->comp_mask & ~known)
		return soft_null(-EOPNOTSUPP);
	if (attr->comp_mask & IBV_SRQ_INIT_ATTR_TYPE && attr->srq_type != IBV_SRQT_BASIC)
		return soft_null(-EOPNOTSUPP);
	if (!(attr->comp_mask & IBV_SRQ_INIT_ATTR_PD) || !attr->pd || attr->pd->context != ctx)
		return soft_null(-EINVAL);
	srq = soft_ibv_create_srq(attr->pd, &plain);
	if (srq)
		attr->attr = plain.attr;
	return srq;
}

/* -------------------------------------------------------------- Old methods */

/* Up to where the struct grew. */
static int compat_query_port(struct ibv_context *ctx, uint8_t port,
			     struct _compat_ibv_port_attr *attr)
{
	return soft_ibv_query_port(ctx, port, (struct ibv_port_attr *)attr,
				   offsetof(struct ibv_port_attr, port_cap_flags2));
}

static void *refuse(void)
{
	return soft_null(-EOPNOTSUPP);
}

/*
 * Where libibverbs keeps its private table of a context. It never gets to see a
 * context of ours; should it, it finds functions that return NULL, whatever its
 * version has at which place.
 */
#define PRIVATE_WORDS 512
static void *(*const private_table[PRIVATE_WORDS])(void) = { [0 ... PRIVATE_WORDS - 1] = refuse };

static const struct ibv_context_ops plain_ops = {
	._compat_query_device = soft_ibv_query_device,
	._compat_query_port = compat_query_port,
	._compat_alloc_pd = refuse,
	._compat_dealloc_pd = refuse,
	._compat_reg_mr = refuse,
	._compat_rereg_mr = refuse,
	._compat_dereg_mr = refuse,
	.alloc_mw = alloc_mw,
	.bind_mw = bind_mw,
	.dealloc_mw = dealloc_mw,
	._compat_create_cq = refuse,
	.poll_cq = poll_cq,
	.req_notify_cq = req_notify_cq,
	._compat_cq_event = refuse,
	._compat_resize_cq = refuse,
	._compat_destroy_cq = refuse,
	._compat_create_srq = refuse,
	._compat_modify_srq = refuse,
	._compat_query_srq = refuse,
	._compat_destroy_srq = refuse,
	.post_srq_recv = post_srq_recv,
	._compat_create_qp = refuse,
	._compat_query_qp = refuse,
	._compat_modify_qp = refuse,
	._compat_destroy_qp = refuse,
	.post_send = post_send,
	.post_recv = post_recv,
	._compat_create_ah = refuse,
	._compat_destroy_ah = refuse,
	._compat_attach_mcast = refuse,
	._compat_detach_mcast = refuse,
	._compat_async_event = refuse,
};

void soft_verbs_methods(struct soft_context *ctx)
{
	struct verbs_context *verbs = &ctx->verbs;

	verbs->context.ops = plain_ops;
	verbs->context.abi_compat = __VERBS_ABI_IS_EXTENDED;
	verbs->sz = sizeof(*verbs);
	verbs->priv = (struct verbs_ex_private *)(uintptr_t)private_table;
	verbs->query_port = soft_ibv_query_port;
	verbs->query_device_ex = query_device_ex;
	verbs->create_cq_ex = create_cq_ex;
	verbs->create_qp_ex = soft_ibv_create_qp_ex;
	verbs->create_srq_ex = create_srq_ex;
}
