// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The send queue: the ring, posting by ibv_post_send, retiring and flushing.
 * ibv_wr_* is soft_wr.c; what sends the work is soft_tx.c.
 */
#include "driver/soft/soft_sq.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cancel.h"
#include "driver/soft/soft_qp.h"

#define ATOMIC_LEN 8
#define RETIRE_WCS 32

int soft_sq_init(struct soft_sq *sq, const struct ibv_qp_cap *cap)
{
	size_t local = sizeof(((struct soft_swqe *)0)->bind[0]);
	uint32_t size = iw_power_of_two(cap->max_send_wr);

	if (local < cap->max_send_sge * sizeof(struct ibv_sge))
		local = cap->max_send_sge * sizeof(struct ibv_sge);
	if (local < cap->max_inline_data)
		local = cap->max_inline_data;
	memset(sq, 0, sizeof(*sq));
	sq->stride = (uint32_t)((sizeof(struct soft_swqe) + local + 7) & ~(size_t)7);
	sq->ring = iw_calloc(size, sq->stride);
	if (!sq->ring)
		return -ENOMEM;
	sq->size = sq->max_wr = size;
	iw_lock_init(&sq->lock);
	return 0;
}

void soft_sq_fini(struct soft_sq *sq)
{
	free(sq->ring);
	free(sq->orq);
	sq->ring = NULL;
	sq->orq = NULL;
	iw_lock_fini(&sq->lock);
}

void soft_sq_clear(struct soft_sq *sq)
{
	sq->posted = sq->tx = sq->done = 0;
	sq->orq_head = sq->orq_tail = 0;
	sq->rtr_reading = false;
}

int soft_sq_set_ord(struct soft_sq *sq, uint16_t ord)
{
	uint32_t size = iw_power_of_two(ord), *orq;

	orq = iw_calloc(size, sizeof(*orq));
	if (!orq)
		return -ENOMEM;
	free(sq->orq);
	sq->orq = orq;
	sq->orq_size = size;
	sq->orq_head = sq->orq_tail = 0;
	sq->rtr_reading = false;
	return 0;
}

/* ---- posting */

static int check_opcode(const struct soft_qp *qp, enum ibv_wr_opcode opcode)
{
	switch (opcode) {
	case IBV_WR_SEND:
	case IBV_WR_SEND_WITH_INV:
	case IBV_WR_RDMA_WRITE:
	case IBV_WR_RDMA_READ:
	case IBV_WR_LOCAL_INV:
	case IBV_WR_BIND_MW:
		return 0;
	case IBV_WR_SEND_WITH_IMM:
	case IBV_WR_RDMA_WRITE_WITH_IMM:
	case IBV_WR_ATOMIC_CMP_AND_SWP:
	case IBV_WR_ATOMIC_FETCH_AND_ADD:
		return qp->stream.extensions || qp->state == IBV_QPS_ERR ? 0 : -EOPNOTSUPP;
	default:
		return -EINVAL;
	}
}

int soft_sq_claim(struct soft_qp *qp, enum ibv_wr_opcode opcode, struct soft_swqe **wqe)
{
	struct soft_sq *sq = &qp->sq;
	struct soft_swqe *w;
	int rc;

	iw_assert_held(&sq->lock);
	if (qp->state == IBV_QPS_RESET || qp->state == IBV_QPS_INIT || qp->state == IBV_QPS_RTR)
		return -EINVAL;
	rc = check_opcode(qp, opcode);
	if (rc)
		return rc;
	if (sq->posted - sq->done >= sq->max_wr)
		return -ENOMEM;
	w = soft_sq_at(sq, sq->posted);
	memset(w, 0, sizeof(*w));
	w->opcode = (uint8_t)opcode;
	*wqe = w;
	return 0;
}

int soft_sq_set_sges(const struct soft_qp *qp, struct soft_swqe *wqe, const struct ibv_sge *sge,
		     size_t n)
{
	uint64_t length = 0;

	if (n > qp->cap.max_send_sge)
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		wqe->sge[i] = sge[i];
		length += sge[i].length;
	}
	if (length > SOFT_MAX_MSG)
		return -EINVAL;
	wqe->num_sge = (uint8_t)n;
	wqe->is_inline = false;
	wqe->length = (uint32_t)length;
	return 0;
}

int soft_sq_add_inline(const struct soft_qp *qp, struct soft_swqe *wqe, const void *data,
		       size_t len)
{
	if (len > qp->cap.max_inline_data - wqe->length)
		return -EINVAL;
	if (len)
		memcpy(wqe->data + wqe->length, data, len);
	wqe->is_inline = true;
	wqe->length += (uint32_t)len;
	return 0;
}

int soft_sq_check(const struct soft_swqe *wqe)
{
	switch (wqe->opcode) {
	case IBV_WR_ATOMIC_CMP_AND_SWP:
	case IBV_WR_ATOMIC_FETCH_AND_ADD:
		if (wqe->length != ATOMIC_LEN || wqe->remote_addr % ATOMIC_LEN)
			return -EINVAL;
		return wqe->is_inline ? -EINVAL : 0;
	case IBV_WR_RDMA_READ:
		return wqe->is_inline ? -EINVAL : 0;
	case IBV_WR_LOCAL_INV:
	case IBV_WR_BIND_MW:
		return wqe->length || wqe->is_inline ? -EINVAL : 0;
	default:
		return 0;
	}
}

static int copy_parts(const struct soft_qp *qp, struct soft_swqe *wqe, const struct ibv_send_wr *wr)
{
	int rc = 0;

	if (wr->num_sge < 0)
		return -EINVAL;
	if (!(wr->send_flags & IBV_SEND_INLINE))
		return soft_sq_set_sges(qp, wqe, wr->sg_list, (size_t)wr->num_sge);
	wqe->is_inline = true;
	for (int i = 0; i < wr->num_sge && !rc; i++)
		rc = soft_sq_add_inline(qp, wqe, (const void *)(uintptr_t)wr->sg_list[i].addr,
					wr->sg_list[i].length);
	return rc;
}

static void copy_remote(struct soft_swqe *wqe, const struct ibv_send_wr *wr)
{
	switch (wr->opcode) {
	case IBV_WR_ATOMIC_CMP_AND_SWP:
	case IBV_WR_ATOMIC_FETCH_AND_ADD:
		wqe->remote_addr = wr->wr.atomic.remote_addr;
		wqe->rkey = wr->wr.atomic.rkey;
		wqe->compare_add = wr->wr.atomic.compare_add;
		wqe->swap = wr->wr.atomic.swap;
		break;
	case IBV_WR_RDMA_WRITE_WITH_IMM:
	case IBV_WR_RDMA_WRITE:
	case IBV_WR_RDMA_READ:
		wqe->imm_or_inv = wr->imm_data;
		wqe->remote_addr = wr->wr.rdma.remote_addr;
		wqe->rkey = wr->wr.rdma.rkey;
		break;
	case IBV_WR_SEND_WITH_IMM:
		wqe->imm_or_inv = wr->imm_data;
		break;
	default:
		wqe->imm_or_inv = wr->invalidate_rkey;
	}
}

static int post_one(struct soft_qp *qp, const struct ibv_send_wr *wr)
{
	struct soft_swqe *wqe;
	int rc;

	rc = soft_sq_claim(qp, wr->opcode, &wqe);
	if (rc)
		return rc;
	wqe->wr_id = wr->wr_id;
	wqe->flags = (uint8_t)wr->send_flags;
	if (wr->opcode == IBV_WR_BIND_MW) {
		if (!wr->bind_mw.mw)
			return -EINVAL;
		wqe->bind->mw = wr->bind_mw.mw;
		wqe->bind->rkey = wr->bind_mw.rkey;
		wqe->bind->info = wr->bind_mw.bind_info;
	} else {
		copy_remote(wqe, wr);
		rc = copy_parts(qp, wqe, wr);
		if (!rc)
			rc = soft_sq_check(wqe);
		if (rc)
			return rc;
	}
	qp->sq.posted++;
	return 0;
}

void soft_sq_start(struct soft_qp *qp)
{
	iw_assert_held(&qp->sq.lock);
	if (qp->state == IBV_QPS_ERR)
		soft_sq_flush(qp, 0);
	else
		soft_tx_run(qp);
}

void soft_sq_unlock(struct soft_qp *qp)
{
	struct soft_sq *sq = &qp->sq;

	iw_unlock(&sq->lock);
	while (__atomic_load_n(&qp->tx.kicked, __ATOMIC_SEQ_CST) && iw_trylock(&sq->lock)) {
		if (__atomic_exchange_n(&qp->tx.kicked, false, __ATOMIC_SEQ_CST))
			soft_tx_writable(qp);
		iw_unlock(&sq->lock);
	}
}

int soft_sq_post(struct soft_qp *qp, struct ibv_send_wr *wr, struct ibv_send_wr **bad)
{
	int rc = 0;
	IW_UNCANCELLED;

	/* Whoever sees the work complete may destroy the QP before we are through. */
	soft_qp_get(qp);
	iw_lock(&qp->sq.lock);
	for (; wr && !rc; wr = rc ? wr : wr->next)
		rc = post_one(qp, wr);
	if (rc)
		*bad = wr;
	soft_sq_start(qp);
	soft_sq_unlock(qp);
	soft_qp_settle(qp);
	soft_qp_put(qp);
	return rc;
}

/* ---- completing */

static enum ibv_wc_opcode wc_opcode(uint8_t opcode)
{
	switch (opcode) {
	case IBV_WR_RDMA_WRITE:
	case IBV_WR_RDMA_WRITE_WITH_IMM:
		return IBV_WC_RDMA_WRITE;
	case IBV_WR_RDMA_READ:
		return IBV_WC_RDMA_READ;
	case IBV_WR_ATOMIC_CMP_AND_SWP:
		return IBV_WC_COMP_SWAP;
	case IBV_WR_ATOMIC_FETCH_AND_ADD:
		return IBV_WC_FETCH_ADD;
	case IBV_WR_LOCAL_INV:
		return IBV_WC_LOCAL_INV;
	case IBV_WR_BIND_MW:
		return IBV_WC_BIND_MW;
	default:
		return IBV_WC_SEND;
	}
}

/* Moves the entries up to @end to the CQ, with the status that each has. */
static void complete(struct soft_qp *qp, uint32_t end)
{
	struct soft_sq *sq = &qp->sq;
	struct ibv_wc wc[RETIRE_WCS];
	unsigned int n = 0;

	for (; sq->done != end; sq->done++) {
		const struct soft_swqe *wqe = soft_sq_at(sq, sq->done);

		if (!wqe->status && !qp->sq_sig_all && !(wqe->flags & IBV_SEND_SIGNALED))
			continue;
		if (n == RETIRE_WCS) {
			soft_cq_push(qp->send_cq, wc, n, false);
			n = 0;
		}
		wc[n++] = (struct ibv_wc){ .wr_id = wqe->wr_id,
					   .status = (enum ibv_wc_status)wqe->status,
					   .opcode = wc_opcode(wqe->opcode),
					   .byte_len = wqe->length,
					   .qp_num = qp->ibv.qp_num };
	}
	if (n)
		soft_cq_push(qp->send_cq, wc, n, false);
}

void soft_sq_retire(struct soft_qp *qp)
{
	struct soft_sq *sq = &qp->sq;
	uint32_t end = sq->done;

	iw_assert_held(&sq->lock);
	while (end != sq->tx && soft_sq_at(sq, end)->state == SOFT_WQE_DONE)
		end++;
	if (end != sq->done)
		complete(qp, end);
}

struct soft_swqe *soft_sq_oldest_read(struct soft_sq *sq)
{
	iw_assert_held(&sq->lock);
	if (sq->rtr_reading) {
		sq->rtr = (struct soft_swqe){ .opcode = IBV_WR_RDMA_READ,
					      .state = SOFT_WQE_SENT,
					      .internal = true };
		return &sq->rtr;
	}
	if (sq->orq_head == sq->orq_tail)
		return NULL;
	return soft_sq_at(sq, sq->orq[sq->orq_head % sq->orq_size]);
}

void soft_sq_read_done(struct soft_qp *qp)
{
	struct soft_sq *sq = &qp->sq;
	struct soft_swqe *wqe = soft_sq_oldest_read(sq);

	if (!wqe)
		return;
	wqe->state = SOFT_WQE_DONE;
	if (sq->rtr_reading)
		sq->rtr_reading = false;
	else
		sq->orq_head++;
	soft_sq_retire(qp);
	if (sq->tx != sq->posted)
		soft_tx_run(qp);
}

void soft_sq_flush(struct soft_qp *qp, enum ibv_wc_status first)
{
	struct soft_sq *sq = &qp->sq;

	iw_assert_held(&sq->lock);
	/* What was done before the failure and waits for nothing has succeeded. */
	soft_sq_retire(qp);
	for (uint32_t i = sq->done; i != sq->posted; i++) {
		struct soft_swqe *wqe = soft_sq_at(sq, i);

		if (!wqe->status)
			wqe->status =
				(uint8_t)(i == sq->done && first ? first : IBV_WC_WR_FLUSH_ERR);
	}
	sq->tx = sq->posted;
	sq->orq_head = sq->orq_tail;
	sq->rtr_reading = false;
	complete(qp, sq->posted);
}
