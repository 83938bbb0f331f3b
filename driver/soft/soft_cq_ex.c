// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Extended completion queues: the methods of struct ibv_cq_ex (ibv_create_cq_ex(3)),
 * which look at one completion at a time. As methods they answer in verbs'
 * dialect: 0 or a positive errno.
 */
#include <errno.h>

#include "driver/soft/soft_cq.h"
#include "driver/soft/soft_dev.h"

static struct soft_cq *of(struct ibv_cq_ex *ex)
{
	return iw_container_of(ex, struct soft_cq, ex);
}

static int next(struct soft_cq *cq)
{
	int n = soft_cq_poll(cq, 1, &cq->current);

	if (n < 1)
		return n < 0 ? -n : ENOENT;
	cq->ex.status = cq->current.status;
	cq->ex.wr_id = cq->current.wr_id;
	return 0;
}

static int start_poll(struct ibv_cq_ex *ex, struct ibv_poll_cq_attr *attr)
{
	struct soft_cq *cq = of(ex);
	int rc;

	if (attr && attr->comp_mask)
		return EINVAL;
	if (soft_context_check(ex->context))
		return EACCES;
	iw_lock(&cq->poll_lock);
	rc = next(cq);
	/* Without a first completion there is no batch, and no end_poll. */
	if (rc)
		iw_unlock(&cq->poll_lock);
	return rc;
}

static int next_poll(struct ibv_cq_ex *ex)
{
	return next(of(ex));
}

static void end_poll(struct ibv_cq_ex *ex)
{
	iw_unlock(&of(ex)->poll_lock);
}

static enum ibv_wc_opcode read_opcode(struct ibv_cq_ex *ex)
{
	return of(ex)->current.opcode;
}

static uint32_t read_vendor_err(struct ibv_cq_ex *ex)
{
	return of(ex)->current.vendor_err;
}

static uint32_t read_byte_len(struct ibv_cq_ex *ex)
{
	return of(ex)->current.byte_len;
}

/* Also the invalidated rkey, which shares its place. */
static __be32 read_imm_data(struct ibv_cq_ex *ex)
{
	return of(ex)->current.imm_data;
}

static uint32_t read_qp_num(struct ibv_cq_ex *ex)
{
	return of(ex)->current.qp_num;
}

static uint32_t read_src_qp(struct ibv_cq_ex *ex)
{
	return of(ex)->current.src_qp;
}

static unsigned int read_wc_flags(struct ibv_cq_ex *ex)
{
	return of(ex)->current.wc_flags;
}

static uint32_t read_slid(struct ibv_cq_ex *ex)
{
	return of(ex)->current.slid;
}

static uint8_t read_sl(struct ibv_cq_ex *ex)
{
	return of(ex)->current.sl;
}

static uint8_t read_dlid_path_bits(struct ibv_cq_ex *ex)
{
	return of(ex)->current.dlid_path_bits;
}

static void set_methods(struct soft_cq *cq)
{
	cq->ex.start_poll = start_poll;
	cq->ex.next_poll = next_poll;
	cq->ex.end_poll = end_poll;
	cq->ex.read_opcode = read_opcode;
	cq->ex.read_vendor_err = read_vendor_err;
	cq->ex.read_byte_len = read_byte_len;
	cq->ex.read_imm_data = read_imm_data;
	cq->ex.read_qp_num = read_qp_num;
	cq->ex.read_src_qp = read_src_qp;
	cq->ex.read_wc_flags = read_wc_flags;
	cq->ex.read_slid = read_slid;
	cq->ex.read_sl = read_sl;
	cq->ex.read_dlid_path_bits = read_dlid_path_bits;
}

/* One that need not be thread-safe is so all the same. */
static bool is_supported(const struct ibv_cq_init_attr_ex *attr)
{
	if (attr->wc_flags & ~(uint64_t)IBV_WC_STANDARD_FLAGS)
		return false;
	if (attr->comp_mask & ~(uint32_t)IBV_CQ_INIT_ATTR_MASK_FLAGS)
		return false;
	return !(attr->comp_mask & IBV_CQ_INIT_ATTR_MASK_FLAGS) ||
	       !(attr->flags & ~(uint32_t)IBV_CREATE_CQ_ATTR_SINGLE_THREADED);
}

int soft_cq_create_ex(struct soft_context *ctx, const struct ibv_cq_init_attr_ex *attr,
		      struct soft_cq **out)
{
	struct soft_channel *channel = NULL;
	struct soft_cq *cq;
	int rc;

	if (!is_supported(attr))
		return -EOPNOTSUPP;
	if (attr->cqe > SOFT_MAX_CQE)
		return -EINVAL;
	if (attr->channel)
		channel = iw_container_of(attr->channel, struct soft_channel, ibv);
	rc = soft_cq_create(ctx, (int)attr->cqe, attr->cq_context, channel, &cq);
	if (rc)
		return rc;
	set_methods(cq);
	*out = cq;
	return 0;
}
