// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * ibv_wr_*(3): posting by method pointers. sq.lock is held from wr_start to
 * wr_complete or wr_abort; the first error makes the whole batch fail.
 */
#include <errno.h>

#include "base/cancel.h"
#include "driver/soft/soft_qp.h"
#include "driver/soft/soft_sq.h"

static struct soft_qp *qp_of(struct ibv_qp_ex *ex)
{
	return iw_container_of(ex, struct soft_qp, ex);
}

/* The request that the setters amend; NULL after an error. */
static struct soft_swqe *last(const struct soft_qp *qp)
{
	const struct soft_sq *sq = &qp->sq;

	if (sq->wr_error || sq->posted == sq->wr_first)
		return NULL;
	return soft_sq_at(sq, sq->posted - 1);
}

static void note(struct soft_qp *qp, int rc)
{
	if (rc && !qp->sq.wr_error)
		qp->sq.wr_error = -rc;
}

static struct soft_swqe *begin(struct ibv_qp_ex *ex, enum ibv_wr_opcode opcode)
{
	struct soft_qp *qp = qp_of(ex);
	struct soft_swqe *wqe;
	int rc;

	if (qp->sq.wr_error)
		return NULL;
	rc = soft_sq_claim(qp, opcode, &wqe);
	if (rc) {
		note(qp, rc);
		return NULL;
	}
	wqe->wr_id = ex->wr_id;
	wqe->flags = (uint8_t)ex->wr_flags;
	qp->sq.posted++;
	return wqe;
}

static struct soft_swqe *begin_remote(struct ibv_qp_ex *ex, enum ibv_wr_opcode opcode,
				      uint32_t rkey, uint64_t remote_addr)
{
	struct soft_swqe *wqe = begin(ex, opcode);

	if (!wqe)
		return NULL;
	wqe->rkey = rkey;
	wqe->remote_addr = remote_addr;
	return wqe;
}

static void wr_atomic_cmp_swp(struct ibv_qp_ex *ex, uint32_t rkey, uint64_t remote_addr,
			      uint64_t compare, uint64_t swap)
{
	struct soft_swqe *wqe = begin_remote(ex, IBV_WR_ATOMIC_CMP_AND_SWP, rkey, remote_addr);

	if (!wqe)
		return;
	wqe->compare_add = compare;
	wqe->swap = swap;
}

static void wr_atomic_fetch_add(struct ibv_qp_ex *ex, uint32_t rkey, uint64_t remote_addr,
				uint64_t add)
{
	struct soft_swqe *wqe = begin_remote(ex, IBV_WR_ATOMIC_FETCH_AND_ADD, rkey, remote_addr);

	if (wqe)
		wqe->compare_add = add;
}

static void wr_bind_mw(struct ibv_qp_ex *ex, struct ibv_mw *mw, uint32_t rkey,
		       const struct ibv_mw_bind_info *info)
{
	struct soft_swqe *wqe;

	if (!mw) {
		note(qp_of(ex), -EINVAL);
		return;
	}
	wqe = begin(ex, IBV_WR_BIND_MW);
	if (!wqe)
		return;
	wqe->bind->mw = mw;
	wqe->bind->rkey = rkey;
	wqe->bind->info = *info;
}

static void wr_local_inv(struct ibv_qp_ex *ex, uint32_t rkey)
{
	struct soft_swqe *wqe = begin(ex, IBV_WR_LOCAL_INV);

	if (wqe)
		wqe->imm_or_inv = rkey;
}

static void wr_rdma_read(struct ibv_qp_ex *ex, uint32_t rkey, uint64_t remote_addr)
{
	begin_remote(ex, IBV_WR_RDMA_READ, rkey, remote_addr);
}

static void wr_rdma_write(struct ibv_qp_ex *ex, uint32_t rkey, uint64_t remote_addr)
{
	begin_remote(ex, IBV_WR_RDMA_WRITE, rkey, remote_addr);
}

static void wr_rdma_write_imm(struct ibv_qp_ex *ex, uint32_t rkey, uint64_t remote_addr,
			      __be32 imm_data)
{
	struct soft_swqe *wqe = begin_remote(ex, IBV_WR_RDMA_WRITE_WITH_IMM, rkey, remote_addr);

	if (wqe)
		wqe->imm_or_inv = imm_data;
}

static void wr_send(struct ibv_qp_ex *ex)
{
	begin(ex, IBV_WR_SEND);
}

static void wr_send_imm(struct ibv_qp_ex *ex, __be32 imm_data)
{
	struct soft_swqe *wqe = begin(ex, IBV_WR_SEND_WITH_IMM);

	if (wqe)
		wqe->imm_or_inv = imm_data;
}

static void wr_send_inv(struct ibv_qp_ex *ex, uint32_t rkey)
{
	struct soft_swqe *wqe = begin(ex, IBV_WR_SEND_WITH_INV);

	if (wqe)
		wqe->imm_or_inv = rkey;
}

/* ---- local parts */

/* BIND_MW keeps its own things where the local parts would be. */
static struct soft_swqe *last_with_parts(struct soft_qp *qp)
{
	struct soft_swqe *wqe = last(qp);

	if (!wqe || wqe->opcode != IBV_WR_BIND_MW)
		return wqe;
	note(qp, -EINVAL);
	return NULL;
}

static void wr_set_sge_list(struct ibv_qp_ex *ex, size_t n, const struct ibv_sge *sge)
{
	struct soft_qp *qp = qp_of(ex);
	struct soft_swqe *wqe = last_with_parts(qp);

	if (!wqe)
		return;
	note(qp, soft_sq_set_sges(qp, wqe, sge, n));
	note(qp, soft_sq_check(wqe));
}

static void wr_set_sge(struct ibv_qp_ex *ex, uint32_t lkey, uint64_t addr, uint32_t length)
{
	struct ibv_sge sge = { .addr = addr, .length = length, .lkey = lkey };

	wr_set_sge_list(ex, 1, &sge);
}

static void wr_set_inline_data_list(struct ibv_qp_ex *ex, size_t n, const struct ibv_data_buf *buf)
{
	struct soft_qp *qp = qp_of(ex);
	struct soft_swqe *wqe = last_with_parts(qp);

	if (!wqe)
		return;
	wqe->length = 0;
	wqe->is_inline = true;
	for (size_t i = 0; i < n; i++)
		note(qp, soft_sq_add_inline(qp, wqe, buf[i].addr, buf[i].length));
	note(qp, soft_sq_check(wqe));
}

static void wr_set_inline_data(struct ibv_qp_ex *ex, void *addr, size_t length)
{
	struct ibv_data_buf buf = { .addr = addr, .length = length };

	wr_set_inline_data_list(ex, 1, &buf);
}

/* ---- the batch */

static void wr_start(struct ibv_qp_ex *ex)
{
	struct soft_qp *qp = qp_of(ex);

	/* The parent's lock is no lock here; the error keeps the setters off. */
	if (soft_context_check(qp->ibv.context)) {
		qp->sq.wr_error = EACCES;
		return;
	}
	iw_lock(&qp->sq.lock);
	qp->sq.wr_first = qp->sq.posted;
	qp->sq.wr_error = 0;
}

static void wr_abort(struct ibv_qp_ex *ex)
{
	struct soft_qp *qp = qp_of(ex);
	IW_UNCANCELLED;

	if (soft_context_check(qp->ibv.context))
		return;
	qp->sq.posted = qp->sq.wr_first;
	soft_sq_unlock(qp);
}

/* An atomic without its local part is found only here. */
static void check_batch(struct soft_qp *qp)
{
	for (uint32_t i = qp->sq.wr_first; i != qp->sq.posted; i++)
		note(qp, soft_sq_check(soft_sq_at(&qp->sq, i)));
}

static int wr_complete(struct ibv_qp_ex *ex)
{
	struct soft_qp *qp = qp_of(ex);
	int rc;
	IW_UNCANCELLED;

	if (soft_context_check(qp->ibv.context))
		return EACCES;
	soft_qp_get(qp); /* as in soft_sq_post() */
	check_batch(qp);
	rc = qp->sq.wr_error;
	if (rc)
		qp->sq.posted = qp->sq.wr_first;
	else
		soft_sq_start(qp);
	soft_sq_unlock(qp);
	soft_qp_settle(qp);
	soft_qp_put(qp);
	return rc;
}

#define SEND_OPS                                                                                \
	(IBV_QP_EX_WITH_RDMA_WRITE | IBV_QP_EX_WITH_RDMA_WRITE_WITH_IMM | IBV_QP_EX_WITH_SEND | \
	 IBV_QP_EX_WITH_SEND_WITH_IMM | IBV_QP_EX_WITH_RDMA_READ |                              \
	 IBV_QP_EX_WITH_ATOMIC_CMP_AND_SWP | IBV_QP_EX_WITH_ATOMIC_FETCH_AND_ADD |              \
	 IBV_QP_EX_WITH_LOCAL_INV | IBV_QP_EX_WITH_BIND_MW | IBV_QP_EX_WITH_SEND_WITH_INV)

/* All methods of ours are set, whichever of them were asked for. */
int soft_sq_set_methods(struct soft_qp *qp, uint64_t ops_flags)
{
	struct ibv_qp_ex *ex = &qp->ex;

	if (ops_flags & ~(uint64_t)SEND_OPS)
		return -EOPNOTSUPP;
	ex->wr_atomic_cmp_swp = wr_atomic_cmp_swp;
	ex->wr_atomic_fetch_add = wr_atomic_fetch_add;
	ex->wr_bind_mw = wr_bind_mw;
	ex->wr_local_inv = wr_local_inv;
	ex->wr_rdma_read = wr_rdma_read;
	ex->wr_rdma_write = wr_rdma_write;
	ex->wr_rdma_write_imm = wr_rdma_write_imm;
	ex->wr_send = wr_send;
	ex->wr_send_imm = wr_send_imm;
	ex->wr_send_inv = wr_send_inv;
	ex->wr_set_inline_data = wr_set_inline_data;
	ex->wr_set_inline_data_list = wr_set_inline_data_list;
	ex->wr_set_sge = wr_set_sge;
	ex->wr_set_sge_list = wr_set_sge_list;
	ex->wr_start = wr_start;
	ex->wr_complete = wr_complete;
	ex->wr_abort = wr_abort;
	qp->send_ops = ops_flags;
	return 0;
}
