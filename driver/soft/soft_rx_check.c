// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Headers: does a segment fit the stream, and if not, which Terminate says so.
 * Nothing of a segment is placed before it has passed here; whether a tagged one
 * may touch the memory that it names is soft_rx_place's to ask.
 */
#include <errno.h>

#include "driver/soft/soft_rx_call.h"
#include "driver/soft/wire.h"

/* The header of the segment at fault; MPA's faults are not about a segment. */
static void quote_segment(const struct soft_rx_call *call, struct rdmap_terminate *t)
{
	const struct ddp_header *ddp = &call->qp->rx.ddp;
	size_t size = ddp_header_size(call->head[2]);

	t->ddp_len = ddp->ulpdu;
	t->header_len = (uint8_t)(size - MPA_LEN_FIELD);
	memcpy(t->header, call->head + MPA_LEN_FIELD, t->header_len);
	if (soft_rx_op(call) != RDMAP_READ_REQUEST || t->code >> 12 != RDMAP_LAYER_RDMAP)
		return;
	if (ddp->tagged || ddp_payload(ddp) != RDMAP_READ_BODY)
		return;
	/* Its body has been read unless the version was not ours. */
	if (rdmap_version(ddp->rdmap) != RDMAP_VERSION)
		return;
	t->has_read = true;
	memcpy(t->read, call->head + size, RDMAP_READ_BODY);
}

int soft_rx_fault_for(struct soft_rx_call *call, enum rdmap_term code,
		      const struct soft_rx_blame *blame)
{
	struct soft_failure why = {
		.status = -EPROTO,
		.send_terminate = true,
		.terminate.code = (uint16_t)code,
		.sq_status = blame->sq,
		.rq_status = blame->rq,
		.has_event = true,
		.event = blame->event ? blame->event : IBV_EVENT_QP_FATAL,
	};
	unsigned int layer = (unsigned int)code >> 12;

	if (layer != RDMAP_LAYER_LLP)
		quote_segment(call, &why.terminate);
	iw_warn("qp %u: closing the stream: %s", call->qp->ibv.qp_num,
		rdmap_term_text((uint16_t)code));
	soft_qp_fail(call->qp, &why);
	return -EPROTO;
}

int soft_rx_fault(struct soft_rx_call *call, enum rdmap_term code)
{
	return soft_rx_fault_for(call, code, &(struct soft_rx_blame){ 0 });
}

int soft_rx_fault_local(struct soft_rx_call *call, enum ibv_wc_status status)
{
	enum rdmap_opcode op = soft_rx_op(call);
	struct soft_rx_blame blame = { .event = IBV_EVENT_QP_ACCESS_ERR };

	if (op == RDMAP_READ_RESPONSE || op == RDMAP_ATOMIC_RESPONSE)
		blame.sq = status;
	else
		blame.rq = status;
	return soft_rx_fault_for(call, TERM_DDP_LOCAL, &blame);
}

/* About the queue of receives: the one in work, or the next, tells the program. */
static int fault_recv(struct soft_rx_call *call, enum rdmap_term code, enum ibv_wc_status status)
{
	struct soft_rx *rx = &call->qp->rx;

	if (!rx->in_send && !rx->send_held)
		rx->in_send = soft_rx_take(call);
	return soft_rx_fault_for(call, code, &(struct soft_rx_blame){ .rq = status });
}

/* Of the read that a response should have answered. */
static int fault_read(struct soft_rx_call *call, enum rdmap_term code)
{
	return soft_rx_fault_for(call, code, &(struct soft_rx_blame){ .sq = IBV_WC_GENERAL_ERR });
}

int soft_rx_check_length(struct soft_rx_call *call)
{
	uint32_t behind_length = wire_get16(call->head);

	if (behind_length + MPA_LEN_FIELD < ddp_header_size(call->head[2]))
		return soft_rx_fault(call, TERM_MPA_LENGTH);
	return 0;
}

static int check_versions(struct soft_rx_call *call)
{
	const struct ddp_header *ddp = &call->qp->rx.ddp;

	if (ddp->version != DDP_VERSION)
		return soft_rx_fault(call, ddp->tagged ? TERM_DDP_TAGGED_VERSION
						       : TERM_DDP_UNTAGGED_VERSION);
	if (rdmap_version(ddp->rdmap) != RDMAP_VERSION)
		return soft_rx_fault(call, TERM_RDMAP_VERSION);
	return 0;
}

/* The least that the opcode has behind its DDP header. */
static int least_body(enum rdmap_opcode op, const struct rdmap_op_info *info)
{
	return op == RDMAP_TERMINATE ? RDMAP_TERM_FIXED : info->body;
}

static int most_body(enum rdmap_opcode op, const struct rdmap_op_info *info)
{
	return op == RDMAP_TERMINATE ? RDMAP_TERM_BODY_MAX : info->body;
}

static int check_opcode(struct soft_rx_call *call)
{
	const struct ddp_header *ddp = &call->qp->rx.ddp;
	enum rdmap_opcode op = soft_rx_op(call);
	const struct rdmap_op_info *info = rdmap_op_info(op);

	if (!info || ddp->tagged != info->tagged)
		return soft_rx_fault(call, TERM_RDMAP_OPCODE);
	if (op >= RDMAP_IMMEDIATE && !call->qp->stream.extensions)
		return soft_rx_fault(call, TERM_RDMAP_OPCODE);
	if (ddp_payload(ddp) < least_body(op, info))
		return soft_rx_fault(call, TERM_MPA_LENGTH);
	if (ddp->tagged || ddp->qn == info->qn)
		return 0;
	if (info->qn == DDP_QN_SEND)
		return fault_recv(call, TERM_DDP_QN, IBV_WC_GENERAL_ERR);
	return soft_rx_fault(call, TERM_DDP_QN);
}

/* The zero-length Send that opens a peer-to-peer stream; it takes no receive. */
static bool is_rtr(const struct soft_rx_call *call)
{
	const struct soft_stream *stream = &call->qp->stream;
	const struct ddp_header *ddp = &call->qp->rx.ddp;

	return !call->qp->rx.got_fpdu && !stream->initiator && stream->peer_to_peer &&
	       (stream->rtr & MPA_RTR_SEND) && soft_rx_op(call) == RDMAP_SEND && ddp->last &&
	       !ddp_payload(ddp);
}

static int check_send_order(struct soft_rx_call *call)
{
	const struct soft_rx *rx = &call->qp->rx;

	if (rx->ddp.msn != rx->send_msn)
		return fault_recv(call, TERM_DDP_MSN, IBV_WC_GENERAL_ERR);
	/* The Send before was marked: its Immediate comes next. */
	if (rx->send_held)
		return fault_recv(call, TERM_RDMAP_STREAM, IBV_WC_GENERAL_ERR);
	if (rx->in_send && soft_rx_op(call) != rx->send_op)
		return fault_recv(call, TERM_RDMAP_OPCODE, IBV_WC_GENERAL_ERR);
	if (rx->ddp.mo != (rx->in_send ? rx->send_mo : 0))
		return fault_recv(call, TERM_DDP_MO, IBV_WC_GENERAL_ERR);
	return 0;
}

static int check_send(struct soft_rx_call *call)
{
	struct soft_rx *rx = &call->qp->rx;
	uint64_t room;
	int err;

	err = check_send_order(call);
	if (err)
		return err;
	rx->write_before_imm = false;
	if (!rx->in_send) {
		if (is_rtr(call))
			return 0;
		if (!soft_rx_take(call))
			return soft_rx_fault(call, TERM_DDP_NO_BUFFER);
		rx->in_send = true;
		rx->send_op = (uint8_t)soft_rx_op(call);
	}
	room = rx->rwqe.length < SOFT_MAX_MSG ? rx->rwqe.length : SOFT_MAX_MSG;
	if ((uint64_t)rx->send_mo + (uint64_t)ddp_payload(&rx->ddp) > room)
		return fault_recv(call, TERM_DDP_TOO_LONG, IBV_WC_LOC_LEN_ERR);
	return 0;
}

/* The number that the next message on the queue has to have. */
static uint32_t next_msn(const struct soft_rx *rx)
{
	switch (rx->ddp.qn) {
	case DDP_QN_SEND:
		return rx->send_msn;
	case DDP_QN_READ:
		return rx->read_msn;
	case DDP_QN_ATOMIC_RESPONSE:
		return rx->atomic_msn;
	default:
		return 1; /* a Terminate is the only one of its queue */
	}
}

/* Messages of one segment: requests, Immediates, Atomic Responses, Terminate. */
static int check_single(struct soft_rx_call *call, const struct rdmap_op_info *info)
{
	struct soft_rx *rx = &call->qp->rx;
	enum rdmap_opcode op = soft_rx_op(call);
	enum rdmap_term code;

	if (rx->ddp.msn != next_msn(rx))
		code = TERM_DDP_MSN;
	else if (rx->ddp.qn == DDP_QN_SEND && rx->in_send)
		code = TERM_RDMAP_OPCODE; /* inside a Send */
	else if (rx->ddp.mo)
		code = TERM_DDP_MO;
	else if (!rx->ddp.last || ddp_payload(&rx->ddp) > most_body(op, info))
		code = TERM_DDP_TOO_LONG;
	else
		return 0;
	if (rx->ddp.qn == DDP_QN_SEND)
		return fault_recv(call, code, IBV_WC_GENERAL_ERR);
	return soft_rx_fault(call, code);
}

/* Of a segment that does not go on with the tagged message in work. */
static int fault_tagged(struct soft_rx_call *call, enum rdmap_term code)
{
	if (call->qp->rx.tagged_op == RDMAP_READ_RESPONSE)
		return fault_read(call, code);
	return soft_rx_fault(call, code);
}

/* Segments of a tagged message follow one on the other, and none comes between. */
static int check_tagged_order(struct soft_rx_call *call)
{
	struct soft_rx *rx = &call->qp->rx;

	if (rx->in_tagged) {
		if (soft_rx_op(call) != rx->tagged_op)
			return fault_tagged(call, TERM_RDMAP_OPCODE);
		if (rx->ddp.stag != rx->tagged_stag)
			return fault_tagged(call, TERM_DDP_STAG);
		if (rx->ddp.to != rx->tagged_to)
			return fault_tagged(call, TERM_DDP_BOUNDS);
		return 0;
	}
	rx->in_tagged = true;
	rx->tagged_op = (uint8_t)soft_rx_op(call);
	rx->tagged_stag = rx->ddp.stag;
	rx->tagged_to = rx->ddp.to;
	if (rx->tagged_op == RDMAP_WRITE) {
		rx->write_before_imm = false;
		rx->write_len = 0;
	}
	return 0;
}

/* A response is for the oldest read, names its sink, and has exactly its length. */
static int check_read_response(struct soft_rx_call *call)
{
	const struct ddp_header *ddp = &call->qp->rx.ddp;
	const struct soft_swqe *wqe = soft_rx_oldest_read(call);
	uint32_t payload = (uint32_t)ddp_payload(ddp);
	uint64_t total;

	if (!wqe || wqe->opcode != IBV_WR_RDMA_READ)
		return fault_read(call, TERM_DDP_STAG);
	total = (uint64_t)wqe->received + payload;
	if (payload && ddp->stag != wqe->sink_stag)
		return fault_read(call, TERM_DDP_STAG);
	if (payload && ddp->to != wqe->sink_to + wqe->received)
		return fault_read(call, TERM_DDP_BOUNDS);
	if (total > wqe->length || (ddp->last && total < wqe->length))
		return fault_read(call, TERM_DDP_BOUNDS);
	return 0;
}

int soft_rx_check_header(struct soft_rx_call *call)
{
	enum rdmap_opcode op;
	int err;

	ddp_parse(&call->qp->rx.ddp, call->head);
	err = check_versions(call);
	if (!err)
		err = check_opcode(call);
	if (err)
		return err;
	op = soft_rx_op(call);
	if (rdmap_op_info(op)->single)
		return check_single(call, rdmap_op_info(op));
	if (!rdmap_op_info(op)->tagged)
		return check_send(call);
	err = check_tagged_order(call);
	if (!err && op == RDMAP_READ_RESPONSE)
		err = check_read_response(call);
	return err;
}

uint32_t soft_rx_body(const struct ddp_header *ddp)
{
	return rdmap_op_info(rdmap_op(ddp->rdmap))->single ? (uint32_t)ddp_payload(ddp) : 0;
}

/* DDP has no code for a missing right; siw calls such an STag invalid, and so do we. */
enum rdmap_term soft_rx_tagged_term(enum soft_mem_fault fault)
{
	switch (fault) {
	case SOFT_MEM_PD:
		return TERM_DDP_PD;
	case SOFT_MEM_BOUNDS:
		return TERM_DDP_BOUNDS;
	case SOFT_MEM_WRAP:
		return TERM_DDP_WRAP;
	default:
		return TERM_DDP_STAG;
	}
}

enum rdmap_term soft_rx_request_term(enum soft_mem_fault fault)
{
	switch (fault) {
	case SOFT_MEM_PD:
		return TERM_RDMAP_PD;
	case SOFT_MEM_ACCESS:
		return TERM_RDMAP_ACCESS;
	case SOFT_MEM_BOUNDS:
		return TERM_RDMAP_BOUNDS;
	case SOFT_MEM_WRAP:
		return TERM_RDMAP_WRAP;
	default:
		return TERM_RDMAP_STAG;
	}
}
