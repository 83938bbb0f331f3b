// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The software device in verbs' dialects: what verbs/ forwards to. The methods
 * of a context, which programs call through inline wrappers, are in soft_methods.
 */
#include "driver/soft/soft_verbs.h"

#include "base/cancel.h"
#include "driver/soft/soft_cq.h"
#include "driver/soft/soft_dialect.h"
#include "driver/soft/soft_mr.h"
#include "driver/soft/soft_qp.h"
#include "driver/soft/soft_rq.h"

static struct soft_pd *pd_of(struct ibv_pd *pd)
{
	return iw_container_of(pd, struct soft_pd, ibv);
}

static struct soft_mr *mr_of(struct ibv_mr *mr)
{
	return iw_container_of(mr, struct soft_mr, ibv);
}

static struct soft_channel *channel_of(struct ibv_comp_channel *channel)
{
	return iw_container_of(channel, struct soft_channel, ibv);
}

static struct soft_srq *srq_of(struct ibv_srq *srq)
{
	return iw_container_of(srq, struct soft_srq, ibv);
}

/* ------------------------------------------------------ Device and context */

struct ibv_context *soft_ibv_open_device(struct ibv_device *dev)
{
	struct soft_context *ctx;
	int rc = soft_context_open(iw_container_of(dev, struct soft_device, ibv), &ctx);

	return rc ? soft_null(rc) : &ctx->verbs.context;
}

int soft_ibv_close_device(struct ibv_context *ctx)
{
	int rc = soft_context_check(ctx);
	IW_UNCANCELLED;

	return soft_minus_one(rc ? rc : soft_context_close(soft_context_of(ctx)));
}

int soft_ibv_query_device(struct ibv_context *ctx, struct ibv_device_attr *attr)
{
	int rc = soft_context_check(ctx);

	if (!rc)
		soft_query_device(soft_context_of(ctx), attr);
	return soft_positive(rc);
}

int soft_ibv_query_port(struct ibv_context *ctx, uint8_t port, struct ibv_port_attr *attr,
			size_t size)
{
	int rc = soft_context_check(ctx);

	return soft_positive(rc ? rc : soft_query_port(soft_context_of(ctx), port, attr, size));
}

int soft_ibv_query_gid(struct ibv_context *ctx, uint8_t port, int index, union ibv_gid *gid)
{
	int rc = soft_context_check(ctx);

	return soft_minus_one(rc ? rc : soft_query_gid(soft_context_of(ctx), port, index, gid));
}

static int query_gid_entry(struct soft_context *ctx, uint32_t port, uint32_t index,
			   struct ibv_gid_entry *entry)
{
	if (port > UINT8_MAX || index > INT32_MAX)
		return -EINVAL;
	*entry = (struct ibv_gid_entry){
		.gid_index = index,
		.port_num = port,
		.gid_type = IBV_GID_TYPE_IB, /* "not RoCE" */
		.ndev_ifindex = __atomic_load_n(&ctx->dev->ifindex, __ATOMIC_RELAXED),
	};
	return soft_query_gid(ctx, (uint8_t)port, (int)index, &entry->gid);
}

int soft_ibv_query_gid_ex(struct ibv_context *ctx, uint32_t port, uint32_t index,
			  struct ibv_gid_entry *entry, uint32_t flags, size_t size)
{
	struct ibv_gid_entry all;
	int rc = soft_context_check(ctx);

	if (!rc && (flags || size < sizeof(entry->gid)))
		rc = -EINVAL;
	if (!rc)
		rc = query_gid_entry(soft_context_of(ctx), port, index, &all);
	if (rc)
		return soft_positive(rc);
	memset(entry, 0, size);
	iw_copy(entry, size, &all, sizeof(all));
	return 0;
}

ssize_t soft_ibv_query_gid_table(struct ibv_context *ctx, struct ibv_gid_entry *entries, size_t max,
				 uint32_t flags, size_t size)
{
	int rc;

	if (!max)
		return -soft_positive(-EINVAL);
	rc = soft_ibv_query_gid_ex(ctx, 1, 0, entries, flags, size);
	return rc ? -rc : 1;
}

int soft_ibv_query_pkey(struct ibv_context *ctx, uint8_t port, int index, __be16 *pkey)
{
	int rc = soft_context_check(ctx);

	return soft_minus_one(rc ? rc : soft_query_pkey(soft_context_of(ctx), port, index, pkey));
}

int soft_ibv_get_pkey_index(struct ibv_context *ctx, uint8_t port, __be16 pkey)
{
	__be16 found;

	for (int i = 0; !soft_ibv_query_pkey(ctx, port, i, &found); i++)
		if (found == pkey)
			return i;
	return -1;
}

int soft_ibv_get_async_event(struct ibv_context *ctx, struct ibv_async_event *event)
{
	int rc = soft_context_check(ctx);

	return soft_minus_one(rc ? rc : soft_async_get(soft_context_of(ctx), event));
}

/* ----------------------------------------------------------------- Memory */

struct ibv_pd *soft_ibv_alloc_pd(struct ibv_context *ctx)
{
	struct soft_pd *pd;
	int rc = soft_context_check(ctx);

	if (!rc)
		rc = soft_pd_alloc(soft_context_of(ctx), &pd);
	return rc ? soft_null(rc) : &pd->ibv;
}

int soft_ibv_dealloc_pd(struct ibv_pd *pd)
{
	int rc = soft_context_check(pd->context);

	return soft_positive(rc ? rc : soft_pd_dealloc(pd_of(pd)));
}

struct ibv_mr *soft_ibv_reg_mr(struct ibv_pd *pd, void *addr, size_t length, uint64_t iova,
			       unsigned int access)
{
	struct soft_mr *mr;
	int rc = soft_context_check(pd->context);
	IW_UNCANCELLED;

	if (!rc)
		rc = soft_mr_reg(pd_of(pd), addr, length, iova, access, &mr);
	return rc ? soft_null(rc) : &mr->ibv;
}

int soft_ibv_dereg_mr(struct ibv_mr *mr)
{
	int rc = soft_context_check(mr->context);
	IW_UNCANCELLED;

	return soft_positive(rc ? rc : soft_mr_dereg(mr_of(mr)));
}

/* ------------------------------------------------------------ Completions */

struct ibv_comp_channel *soft_ibv_create_comp_channel(struct ibv_context *ctx)
{
	struct soft_channel *channel;
	int rc = soft_context_check(ctx);
	IW_UNCANCELLED;

	if (!rc)
		rc = soft_channel_create(soft_context_of(ctx), &channel);
	return rc ? soft_null(rc) : &channel->ibv;
}

int soft_ibv_destroy_comp_channel(struct ibv_comp_channel *channel)
{
	int rc = soft_context_check(channel->context);
	IW_UNCANCELLED;

	return soft_positive(rc ? rc : soft_channel_destroy(channel_of(channel)));
}

struct ibv_cq *soft_ibv_create_cq(struct ibv_context *ctx, int cqe, void *cq_context,
				  struct ibv_comp_channel *channel, int comp_vector)
{
	struct soft_cq *cq;
	int rc = soft_context_check(ctx);

	if (!rc && (comp_vector < 0 || comp_vector >= ctx->num_comp_vectors ||
		    (channel && channel->context != ctx)))
		rc = -EINVAL;
	if (!rc)
		rc = soft_cq_create(soft_context_of(ctx), cqe, cq_context,
				    channel ? channel_of(channel) : NULL, &cq);
	return rc ? soft_null(rc) : &cq->ibv;
}

int soft_ibv_destroy_cq(struct ibv_cq *cq)
{
	int rc = soft_context_check(cq->context);

	return soft_positive(rc ? rc : soft_cq_destroy(soft_cq_of(cq)));
}

int soft_ibv_resize_cq(struct ibv_cq *cq, int cqe)
{
	int rc = soft_context_check(cq->context);

	return soft_positive(rc ? rc : soft_cq_resize(soft_cq_of(cq), cqe));
}

int soft_ibv_get_cq_event(struct ibv_comp_channel *channel, struct ibv_cq **cq, void **cq_context)
{
	struct soft_cq *ready;
	int rc = soft_context_check(channel->context);

	if (!rc)
		rc = soft_channel_get_event(channel_of(channel), &ready);
	if (rc)
		return soft_minus_one(rc);
	*cq = &ready->ibv;
	*cq_context = ready->ibv.cq_context;
	return 0;
}

/* --------------------------------------------------- Shared receive queues */

struct ibv_srq *soft_ibv_create_srq(struct ibv_pd *pd, struct ibv_srq_init_attr *attr)
{
	struct soft_srq *srq;
	int rc = soft_context_check(pd->context);

	if (!rc)
		rc = soft_srq_create(pd_of(pd), attr, &srq);
	if (rc)
		return soft_null(rc);
	soft_srq_query(srq, &attr->attr);
	return &srq->ibv;
}

int soft_ibv_modify_srq(struct ibv_srq *srq, struct ibv_srq_attr *attr, int mask)
{
	int rc = soft_context_check(srq->context);

	return soft_positive(rc ? rc : soft_srq_modify(srq_of(srq), attr, mask));
}

int soft_ibv_query_srq(struct ibv_srq *srq, struct ibv_srq_attr *attr)
{
	int rc = soft_context_check(srq->context);

	if (!rc)
		soft_srq_query(srq_of(srq), attr);
	return soft_positive(rc);
}

int soft_ibv_destroy_srq(struct ibv_srq *srq)
{
	int rc = soft_context_check(srq->context);

	return soft_positive(rc ? rc : soft_srq_destroy(srq_of(srq)));
}

/* -------------------------------------------------------------- Queue pairs */

/*
 * The kernel finds objects by handle and misses those of other contexts. We would
 * take a completion queue of another driver for one of ours.
 */
static bool is_of_context(const struct ibv_context *ctx, const struct ibv_qp_init_attr_ex *attr)
{
	return attr->comp_mask & IBV_QP_INIT_ATTR_PD && attr->pd && attr->pd->context == ctx &&
	       (!attr->send_cq || attr->send_cq->context == ctx) &&
	       (!attr->recv_cq || attr->recv_cq->context == ctx) &&
	       (!attr->srq || attr->srq->context == ctx);
}

struct ibv_qp *soft_ibv_create_qp_ex(struct ibv_context *ctx, struct ibv_qp_init_attr_ex *attr)
{
	struct soft_qp *qp;
	int rc = soft_context_check(ctx);

	if (!rc && !is_of_context(ctx, attr))
		rc = -EINVAL;
	if (!rc)
		rc = soft_qp_create(soft_context_of(ctx), attr, &qp);
	return rc ? soft_null(rc) : &qp->ibv;
}

struct ibv_qp *soft_ibv_create_qp(struct ibv_pd *pd, struct ibv_qp_init_attr *attr)
{
	struct ibv_qp_init_attr_ex ex = {
		.qp_context = attr->qp_context,
		.send_cq = attr->send_cq,
		.recv_cq = attr->recv_cq,
		.srq = attr->srq,
		.cap = attr->cap,
		.qp_type = attr->qp_type,
		.sq_sig_all = attr->sq_sig_all,
		.comp_mask = IBV_QP_INIT_ATTR_PD,
		.pd = pd,
	};
	struct ibv_qp *qp = soft_ibv_create_qp_ex(pd->context, &ex);

	if (qp)
		attr->cap = ex.cap;
	return qp;
}

int soft_ibv_modify_qp(struct ibv_qp *qp, struct ibv_qp_attr *attr, int mask)
{
	int rc = soft_context_check(qp->context);
	IW_UNCANCELLED;

	return soft_positive(rc ? rc : soft_qp_modify(soft_qp_of(qp), attr, mask));
}

int soft_ibv_query_qp(struct ibv_qp *qp, struct ibv_qp_attr *attr, int mask,
		      struct ibv_qp_init_attr *init)
{
	int rc = soft_context_check(qp->context);

	return soft_positive(rc ? rc : soft_qp_query(soft_qp_of(qp), attr, mask, init));
}

int soft_ibv_destroy_qp(struct ibv_qp *qp)
{
	int rc = soft_context_check(qp->context);

	return soft_positive(rc ? rc : soft_qp_destroy(soft_qp_of(qp)));
}

struct ibv_qp_ex *soft_ibv_qp_to_qp_ex(struct ibv_qp *qp)
{
	struct soft_qp *soft = soft_qp_of(qp);

	return soft->ex.wr_start ? &soft->ex : NULL;
}
