// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Cutting work into FPDUs. See soft_tx.h for the order in which work leaves.
 */
#include "driver/soft/soft_tx_cut.h"

#include <errno.h>
#include <sys/random.h>

#include "driver/soft/mpa.h"
#include "driver/soft/soft_qp.h"
#include "driver/soft/wire.h"

#define TAGGED_ULPDU (DDP_TAGGED_HDR - MPA_LEN_FIELD)
#define UNTAGGED_ULPDU (DDP_UNTAGGED_HDR - MPA_LEN_FIELD)
#define RTR_STAG 1 /* 0 is special to some hardware */

/* What an FPDU is cut from. */
struct cut {
	struct soft_qp *qp;
	struct soft_tx_batch *batch;
	struct soft_tx_cursor *at;
};

bool soft_cut_is_local(const struct soft_swqe *wqe)
{
	return wqe->opcode == IBV_WR_LOCAL_INV || wqe->opcode == IBV_WR_BIND_MW;
}

uint16_t soft_cut_source_fault(enum soft_mem_fault fault)
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

/* Hard to guess, never 0. The system is asked for many at a time. */
static uint32_t new_sink(void)
{
	static __thread uint32_t pool[32];
	static __thread unsigned int left;
	uint32_t stag;

	if (!left) {
		if (iw_fault(IW_FAULT_SYSCALL) ||
		    getrandom(pool, sizeof(pool), GRND_NONBLOCK) != sizeof(pool))
			for (unsigned int i = 0; i < IW_ARRAY_SIZE(pool); i++)
				pool[i] = pool[i] * 1664525u + 1013904223u +
					  (uint32_t)(uintptr_t)&stag;
		left = IW_ARRAY_SIZE(pool);
	}
	stag = pool[--left];
	return stag ? stag : RTR_STAG;
}

/* ---- pieces of FPDUs */

static void add_header(const struct cut *c, const struct ddp_header *h)
{
	soft_batch_begin(c->batch);
	ddp_build(h, soft_batch_stage(c->batch, h->tagged ? DDP_TAGGED_HDR : DDP_UNTAGGED_HDR));
}

static int end_fpdu(const struct cut *c)
{
	soft_batch_end(c->batch, c->qp->stream.crc, c->at);
	return 1;
}

/* Payload that fits behind a header, of @left bytes. */
static uint32_t room_for(const struct cut *c, uint32_t header, uint32_t left)
{
	return iw_min_u32(left, c->qp->tx.mulpdu - header);
}

static struct ddp_header tagged(enum rdmap_opcode op, uint32_t stag, uint64_t to, uint32_t payload,
				bool last)
{
	return (struct ddp_header){ .ulpdu = (uint16_t)(TAGGED_ULPDU + payload),
				    .tagged = true,
				    .last = last,
				    .version = DDP_VERSION,
				    .rdmap = rdmap_control(op),
				    .stag = stag,
				    .to = to };
}

static struct ddp_header untagged(enum rdmap_opcode op, enum ddp_queue qn, uint32_t msn,
				  uint32_t payload)
{
	return (struct ddp_header){ .ulpdu = (uint16_t)(UNTAGGED_ULPDU + payload),
				    .last = true,
				    .version = DDP_VERSION,
				    .rdmap = rdmap_control(op),
				    .qn = qn,
				    .msn = msn };
}

/* @len bytes of the local parts, from byte @from. */
static enum soft_mem_fault add_payload(const struct cut *c, const struct soft_swqe *wqe,
				       uint32_t from, uint32_t len)
{
	enum soft_mem_fault fault;

	if (wqe->is_inline) {
		if (len)
			memcpy(soft_batch_stage(c->batch, len), wqe->data + from, len);
		return SOFT_MEM_OK;
	}
	for (unsigned int i = 0; len; i++) {
		struct ibv_sge part = wqe->sge[i];

		if (from >= part.length) {
			from -= part.length;
			continue;
		}
		part.addr += from;
		part.length = iw_min_u32(part.length - from, len);
		fault = soft_batch_add_local(c->batch, c->qp, &part);
		if (fault)
			return fault;
		len -= part.length;
		from = 0;
	}
	return SOFT_MEM_OK;
}

/* ---- send work */

static void next_work(struct soft_tx_cursor *at)
{
	at->tx++;
	at->offset = 0;
	at->imm_due = false;
}

static enum rdmap_opcode send_opcode(const struct soft_swqe *wqe)
{
	bool solicited = wqe->flags & IBV_SEND_SOLICITED;

	if (wqe->opcode == IBV_WR_SEND_WITH_INV)
		return solicited ? RDMAP_SEND_SE_INV : RDMAP_SEND_INV;
	/* Of a Send with immediate data, the Immediate says that it is solicited. */
	return solicited && wqe->opcode == IBV_WR_SEND ? RDMAP_SEND_SE : RDMAP_SEND;
}

static bool has_imm(const struct soft_swqe *wqe)
{
	return wqe->opcode == IBV_WR_SEND_WITH_IMM || wqe->opcode == IBV_WR_RDMA_WRITE_WITH_IMM;
}

static int cut_immediate(const struct cut *c, const struct soft_swqe *wqe)
{
	enum rdmap_opcode op =
		wqe->flags & IBV_SEND_SOLICITED ? RDMAP_IMMEDIATE_SE : RDMAP_IMMEDIATE;
	struct rdmap_immediate imm = { .imm_data = wqe->imm_or_inv,
				       .kind = wqe->opcode == IBV_WR_SEND_WITH_IMM
						       ? RDMAP_IMM_OF_SEND
						       : RDMAP_IMM_ALONE };
	struct ddp_header h = untagged(op, DDP_QN_SEND, c->at->send_msn++, RDMAP_IMM_BODY);

	add_header(c, &h);
	rdmap_immediate_build(&imm, soft_batch_stage(c->batch, RDMAP_IMM_BODY));
	next_work(c->at);
	return end_fpdu(c);
}

/* The header of the next segment of a Send or a Write, with @len bytes of payload. */
static struct ddp_header message_header(const struct cut *c, const struct soft_swqe *wqe,
					uint32_t len)
{
	uint32_t offset = c->at->offset;
	struct ddp_header h;

	if (wqe->opcode == IBV_WR_RDMA_WRITE || wqe->opcode == IBV_WR_RDMA_WRITE_WITH_IMM)
		return tagged(RDMAP_WRITE, wqe->rkey, wqe->remote_addr + offset, len,
			      offset + len == wqe->length);
	if (!offset)
		c->at->msn = c->at->send_msn++;
	h = untagged(send_opcode(wqe), DDP_QN_SEND, c->at->msn, len);
	h.last = offset + len == wqe->length;
	h.mo = offset;
	if (wqe->opcode == IBV_WR_SEND_WITH_INV)
		h.stag = wqe->imm_or_inv;
	else if (wqe->opcode == IBV_WR_SEND_WITH_IMM)
		h.stag = RDMAP_SEND_IMM_FOLLOWS;
	return h;
}

/* The next segment of a Send or a Write. */
static int cut_message(const struct cut *c, const struct soft_swqe *wqe,
		       struct soft_cut_fault *fault)
{
	bool is_write =
		wqe->opcode == IBV_WR_RDMA_WRITE || wqe->opcode == IBV_WR_RDMA_WRITE_WITH_IMM;
	uint32_t len =
		room_for(c, is_write ? TAGGED_ULPDU : UNTAGGED_ULPDU, wqe->length - c->at->offset);
	struct soft_tx_cursor before = *c->at;
	struct ddp_header h = message_header(c, wqe, len);

	add_header(c, &h);
	if (add_payload(c, wqe, c->at->offset, len)) {
		soft_batch_drop(c->batch);
		*c->at = before;
		*fault = (struct soft_cut_fault){ IBV_WC_LOC_PROT_ERR, TERM_RDMAP_LOCAL };
		return -EFAULT;
	}
	c->at->offset += len;
	if (h.last && has_imm(wqe))
		c->at->imm_due = true;
	else if (h.last)
		next_work(c->at);
	return end_fpdu(c);
}

static int cut_read(const struct cut *c, struct soft_swqe *wqe)
{
	struct ddp_header h =
		untagged(RDMAP_READ_REQUEST, DDP_QN_READ, c->at->read_msn++, RDMAP_READ_BODY);
	struct rdmap_read_request r = { .size = wqe->length,
					.source_stag = wqe->rkey,
					.source_to = wqe->remote_addr };

	wqe->sink_stag = new_sink();
	wqe->sink_to = 0;
	r.sink_stag = wqe->sink_stag;
	add_header(c, &h);
	rdmap_read_build(&r, soft_batch_stage(c->batch, RDMAP_READ_BODY));
	c->at->reads++;
	next_work(c->at);
	return end_fpdu(c);
}

static int cut_atomic(const struct cut *c, struct soft_swqe *wqe)
{
	bool is_add = wqe->opcode == IBV_WR_ATOMIC_FETCH_AND_ADD;
	struct ddp_header h =
		untagged(RDMAP_ATOMIC_REQUEST, DDP_QN_READ, c->at->read_msn++, RDMAP_ATOMIC_BODY);
	struct rdmap_atomic_request r = { .op = is_add ? RDMAP_FETCH_ADD : RDMAP_CMP_SWAP,
					  .stag = wqe->rkey,
					  .to = wqe->remote_addr };

	if (is_add) {
		r.add_swap = wqe->compare_add; /* mask 0: one field of 64 bits */
	} else {
		r.add_swap = wqe->swap;
		r.compare = wqe->compare_add;
		r.add_swap_mask = r.compare_mask = UINT64_MAX;
	}
	wqe->sink_stag = new_sink();
	r.request_id = wqe->sink_stag;
	add_header(c, &h);
	rdmap_atomic_build(&r, soft_batch_stage(c->batch, RDMAP_ATOMIC_BODY));
	c->at->reads++;
	next_work(c->at);
	return end_fpdu(c);
}

static uint32_t last_work(const struct soft_qp *qp)
{
	return qp->tx.closing ? qp->tx.close_at : qp->sq.posted;
}

bool soft_cut_may_send(const struct soft_qp *qp, const struct soft_tx_cursor *at)
{
	const struct soft_swqe *wqe;

	if (at->tx == last_work(qp))
		return false;
	if (at->offset || at->imm_due)
		return true;
	wqe = soft_sq_at(&qp->sq, at->tx);
	if (wqe->flags & IBV_SEND_FENCE && at->reads)
		return false;
	/* Without any ORD it is tried, and fails. */
	return !soft_cut_is_read(wqe->opcode) || at->reads < qp->stream.ord || !qp->stream.ord;
}

static int cut_work(const struct cut *c, struct soft_cut_fault *fault)
{
	struct soft_swqe *wqe = soft_sq_at(&c->qp->sq, c->at->tx);

	if (soft_cut_is_local(wqe))
		return 0; /* in its turn, with no FPDU in front of it that might be left over */
	c->at->responses_in_row = 0;
	if (c->at->imm_due)
		return cut_immediate(c, wqe);
	if (!soft_cut_is_read(wqe->opcode))
		return cut_message(c, wqe, fault);
	if (!c->qp->stream.ord) {
		*fault = (struct soft_cut_fault){ IBV_WC_LOC_QP_OP_ERR, TERM_RDMAP_LOCAL };
		return -EFAULT;
	}
	return wqe->opcode == IBV_WR_RDMA_READ ? cut_read(c, wqe) : cut_atomic(c, wqe);
}

/* ---- answers */

static int cut_atomic_response(const struct cut *c, const struct soft_response *r)
{
	struct ddp_header h = untagged(RDMAP_ATOMIC_RESPONSE, DDP_QN_ATOMIC_RESPONSE,
				       c->at->atomic_msn++, RDMAP_ATOMIC_RESP);
	uint8_t *out;

	add_header(c, &h);
	out = soft_batch_stage(c->batch, RDMAP_ATOMIC_RESP);
	wire_put32(out, r->request_id);
	wire_put64(out + 4, r->old_value);
	c->at->irq_head++;
	c->at->responses_in_row++;
	return end_fpdu(c);
}

static int cut_response(const struct cut *c, struct soft_cut_fault *fault)
{
	const struct soft_tx *tx = &c->qp->tx;
	const struct soft_response *r = &tx->irq[c->at->irq_head % tx->irq_size];
	struct ibv_sge source = { .addr = r->source_to + c->at->irq_sent, .lkey = r->source_stag };
	enum soft_mem_fault why;
	struct ddp_header h;

	if (r->is_atomic)
		return cut_atomic_response(c, r);
	source.length = room_for(c, TAGGED_ULPDU, r->size - c->at->irq_sent);
	h = tagged(RDMAP_READ_RESPONSE, r->sink_stag, r->sink_to + c->at->irq_sent, source.length,
		   c->at->irq_sent + source.length == r->size);
	add_header(c, &h);
	why = source.length ? soft_batch_add_remote(c->batch, c->qp, &source) : SOFT_MEM_OK;
	if (why) {
		soft_batch_drop(c->batch);
		*fault = (struct soft_cut_fault){ 0, soft_cut_source_fault(why) };
		return -EFAULT;
	}
	c->at->irq_sent += source.length;
	if (h.last) {
		c->at->irq_head++;
		c->at->irq_sent = 0;
		c->at->responses_in_row++;
	}
	return end_fpdu(c);
}

/* ---- the RTR, and what is next */

/* A zero-length RDMA Write: the usual RTR, and a nudge (soft_nudge.h). */
static int cut_empty_write(const struct cut *c)
{
	struct ddp_header h = tagged(RDMAP_WRITE, RTR_STAG, 0, 0, true);

	c->at->nudge_due = false;
	add_header(c, &h);
	return end_fpdu(c);
}

static int cut_rtr(const struct cut *c)
{
	struct rdmap_read_request r = { .source_stag = RTR_STAG };
	struct ddp_header h;

	c->at->rtr_due = false;
	switch (c->qp->stream.rtr) {
	case MPA_RTR_READ:
		h = untagged(RDMAP_READ_REQUEST, DDP_QN_READ, c->at->read_msn++, RDMAP_READ_BODY);
		add_header(c, &h);
		rdmap_read_build(&r, soft_batch_stage(c->batch, RDMAP_READ_BODY));
		c->at->reads++;
		break;
	case MPA_RTR_SEND:
		h = untagged(RDMAP_SEND, DDP_QN_SEND, c->at->send_msn++, 0);
		add_header(c, &h);
		break;
	default:
		return cut_empty_write(c);
	}
	return end_fpdu(c);
}

/* A message of work that is begun is not interrupted; else answers go first, for a while. */
static bool response_is_next(const struct soft_qp *qp, const struct soft_tx_cursor *at)
{
	if (at->irq_head == qp->tx.irq_tail)
		return false;
	if (at->irq_sent)
		return true;
	if (at->offset || at->imm_due)
		return false;
	return at->responses_in_row < SOFT_TX_RESPONSES || !soft_cut_may_send(qp, at);
}

int soft_cut_next(struct soft_qp *qp, struct soft_tx_batch *batch, struct soft_tx_cursor *at,
		  struct soft_cut_fault *fault)
{
	struct cut c = { .qp = qp, .batch = batch, .at = at };

	if (at->rtr_due)
		return cut_rtr(&c);
	if (at->nudge_due)
		return cut_empty_write(&c);
	if (response_is_next(qp, at))
		return cut_response(&c, fault);
	if (soft_cut_may_send(qp, at))
		return cut_work(&c, fault);
	return 0;
}
