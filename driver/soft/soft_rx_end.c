// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * What a segment sets off once it is whole and its CRC is good: messages are
 * delivered, reads complete, requests are answered, a Terminate ends the stream.
 */
#include <errno.h>

#include "driver/soft/soft_rx_call.h"
#include "driver/soft/wire.h"

/*
 * The pointer outlives the lock: entries that wait for a response are completed
 * or flushed by a holder of rx.lock only.
 */
struct soft_swqe *soft_rx_oldest_read(struct soft_rx_call *call)
{
	struct soft_sq *sq = &call->qp->sq;

	if (!call->read) {
		iw_lock(&sq->lock);
		call->read = soft_sq_oldest_read(sq);
		soft_sq_unlock(call->qp);
	}
	return call->read;
}

static int read_done(struct soft_rx_call *call)
{
	struct soft_qp *qp = call->qp;

	/* On a CQ for both queues what came first completes first. */
	soft_rx_push(call);
	call->read = NULL;
	iw_lock(&qp->sq.lock);
	soft_sq_read_done(qp);
	soft_sq_unlock(qp);
	return 0;
}

static int atomic_response(struct soft_rx_call *call, const uint8_t *body)
{
	struct soft_rx *rx = &call->qp->rx;
	struct soft_swqe *wqe = soft_rx_oldest_read(call);
	uint64_t old = wire_get64(body + 4);
	int err;

	rx->atomic_msn++;
	if (!wqe || wqe->opcode == IBV_WR_RDMA_READ)
		return soft_rx_fault(call, TERM_DDP_NO_BUFFER);
	if (wire_get32(body) != wqe->sink_stag)
		return soft_rx_fault_for(call, TERM_RDMAP_STREAM,
					 &(struct soft_rx_blame){ .sq = IBV_WC_GENERAL_ERR });
	err = soft_rx_store(call, wqe, &old, sizeof(old));
	return err ? err : read_done(call);
}

static int terminate_received(struct soft_rx_call *call, const uint8_t *body)
{
	/* For the owner a peer that gives up has closed; the log knows why. */
	static const struct soft_failure why = { .has_event = true, .event = IBV_EVENT_QP_FATAL };
	uint32_t qp_num = call->qp->ibv.qp_num;
	struct rdmap_terminate t;

	if (rdmap_terminate_parse(&t, body, (size_t)ddp_payload(&call->qp->rx.ddp)))
		iw_info("qp %u: the peer terminated the stream; its reason is cut off", qp_num);
	else
		iw_info("qp %u: the peer terminated the stream: %s (0x%04x%s)", qp_num,
			rdmap_term_text(t.code), t.code, t.from_siw ? ", in siw's bit order" : "");
	soft_qp_fail(call->qp, &why);
	return -EPROTO;
}

/* A responder may send from now on, and its owner hears that the stream works. */
static void first_fpdu(struct soft_rx_call *call)
{
	struct soft_qp *qp = call->qp;

	qp->rx.got_fpdu = true;
	if (qp->stream.initiator)
		return;
	__atomic_store_n(&qp->first_fpdu_due, true, __ATOMIC_RELEASE);
	soft_tx_release(qp);
}

static int tagged_done(struct soft_rx_call *call)
{
	struct soft_rx *rx = &call->qp->rx;

	if (!rx->ddp.last)
		return 0;
	rx->in_tagged = false;
	if (rx->tagged_op == RDMAP_READ_RESPONSE)
		return read_done(call);
	rx->write_before_imm = true;
	return 0;
}

static int untagged_done(struct soft_rx_call *call)
{
	const uint8_t *body = call->head + DDP_UNTAGGED_HDR;

	switch (soft_rx_op(call)) {
	case RDMAP_READ_REQUEST:
		return soft_rx_read_request(call, body);
	case RDMAP_ATOMIC_REQUEST:
		return soft_rx_atomic_request(call, body);
	case RDMAP_ATOMIC_RESPONSE:
		return atomic_response(call, body);
	case RDMAP_IMMEDIATE:
	case RDMAP_IMMEDIATE_SE:
		return soft_rx_immediate(call, body);
	case RDMAP_TERMINATE:
		return terminate_received(call, body);
	default:
		return soft_rx_send_done(call);
	}
}

int soft_rx_segment_done(struct soft_rx_call *call)
{
	struct soft_rx *rx = &call->qp->rx;
	int err;

	err = rx->ddp.tagged ? tagged_done(call) : untagged_done(call);
	if (!err && !rx->got_fpdu)
		first_fpdu(call);
	return err;
}
