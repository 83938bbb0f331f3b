// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Receives: taken for a Send or an Immediate, completed, flushed. A Send that an
 * Immediate follows (rdmap.h) keeps its receive until that has come.
 */
#include "driver/soft/soft_rx_call.h"

bool soft_rx_take(struct soft_rx_call *call)
{
	struct soft_qp *qp = call->qp;
	bool hit_limit = false;

	if (soft_rq_pop(qp->rq, &qp->rx.rwqe, &hit_limit))
		return false;
	qp->rx.send_mo = 0;
	/* An event needs no lock but its context's, and here the SRQ cannot go away. */
	if (hit_limit && qp->srq)
		soft_async_post(qp->ctx, IBV_EVENT_SRQ_LIMIT_REACHED, &qp->srq->ibv);
	return true;
}

void soft_rx_push(struct soft_rx_call *call)
{
	if (!call->wcs)
		return;
	soft_cq_push(call->qp->recv_cq, call->wc, call->wcs, call->solicited);
	call->wcs = 0;
	call->solicited = false;
}

static void complete(struct soft_rx_call *call, const struct ibv_wc *how, bool solicited)
{
	struct soft_rx *rx = &call->qp->rx;
	struct ibv_wc *wc = &call->wc[call->wcs++];

	*wc = *how;
	wc->status = IBV_WC_SUCCESS;
	wc->wr_id = rx->rwqe.wr_id;
	wc->qp_num = call->qp->ibv.qp_num;
	call->solicited |= solicited;
	rx->in_send = false;
	rx->send_held = false;
	if (call->wcs == SOFT_RX_BATCH)
		soft_rx_push(call);
}

static int invalidate(struct soft_rx_call *call, uint32_t stag)
{
	struct soft_qp *qp = call->qp;

	if (soft_mem_invalidate(qp->pd, qp->serial, stag))
		return soft_rx_fault_for(call, TERM_RDMAP_INVALIDATE,
					 &(struct soft_rx_blame){ .rq = IBV_WC_GENERAL_ERR });
	return 0;
}

int soft_rx_send_done(struct soft_rx_call *call)
{
	struct soft_rx *rx = &call->qp->rx;
	enum rdmap_opcode op = soft_rx_op(call);
	struct ibv_wc wc = { .opcode = IBV_WC_RECV, .byte_len = rx->send_mo };
	bool solicited = op == RDMAP_SEND_SE || op == RDMAP_SEND_SE_INV;
	int err;

	if (!rx->ddp.last)
		return 0;
	rx->send_msn++;
	if (!rx->in_send)
		return 0; /* an RTR */
	if (op == RDMAP_SEND_INV || op == RDMAP_SEND_SE_INV) {
		err = invalidate(call, rx->ddp.stag);
		if (err)
			return err;
		wc.wc_flags = IBV_WC_WITH_INV;
		wc.invalidated_rkey = rx->ddp.stag;
	} else if (call->qp->stream.extensions && rx->ddp.stag == RDMAP_SEND_IMM_FOLLOWS) {
		rx->in_send = false;
		rx->send_held = true;
		return 0;
	}
	complete(call, &wc, solicited);
	return 0;
}

int soft_rx_immediate(struct soft_rx_call *call, const uint8_t *body)
{
	struct soft_rx *rx = &call->qp->rx;
	struct ibv_wc wc = { .opcode = IBV_WC_RECV, .wc_flags = IBV_WC_WITH_IMM };
	bool solicited = soft_rx_op(call) == RDMAP_IMMEDIATE_SE;
	struct rdmap_immediate imm;

	rdmap_immediate_parse(&imm, body);
	if (imm.kind != (rx->send_held ? RDMAP_IMM_OF_SEND : RDMAP_IMM_ALONE))
		return soft_rx_fault_for(call, TERM_RDMAP_STREAM,
					 &(struct soft_rx_blame){ .rq = IBV_WC_GENERAL_ERR });
	if (!rx->send_held && !soft_rx_take(call))
		return soft_rx_fault(call, TERM_DDP_NO_BUFFER);
	rx->send_msn++;
	wc.imm_data = imm.imm_data;
	wc.byte_len = rx->send_mo;
	if (rx->write_before_imm && !rx->send_held) {
		wc.opcode = IBV_WC_RECV_RDMA_WITH_IMM;
		wc.byte_len =
			(uint32_t)(rx->write_len < SOFT_MAX_MSG ? rx->write_len : SOFT_MAX_MSG);
	}
	rx->write_before_imm = false;
	complete(call, &wc, solicited);
	return 0;
}

void soft_rx_flush(struct soft_qp *qp, enum ibv_wc_status status)
{
	struct soft_rx *rx = &qp->rx;
	struct ibv_wc wc = {
		.opcode = IBV_WC_RECV,
		.status = status ? status : IBV_WC_WR_FLUSH_ERR,
		.wr_id = rx->rwqe.wr_id,
		.qp_num = qp->ibv.qp_num,
	};

	iw_assert_held(&rx->lock);
	if (!rx->in_send && !rx->send_held)
		return;
	rx->in_send = false;
	rx->send_held = false;
	soft_cq_push(qp->recv_cq, &wc, 1, true);
}
