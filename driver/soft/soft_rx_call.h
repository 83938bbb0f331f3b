/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Between the files of the receiver:
 *
 *   soft_rx         the stream: reading, the phases of an FPDU, its CRC
 *   soft_rx_check   headers: what is wrong, and which Terminate says so
 *   soft_rx_place   payload: where it goes
 *   soft_rx_recv    receives: taken, completed, flushed
 *   soft_rx_end     what a whole segment sets off
 *   soft_rx_answer  requests of the peer: reads and atomics
 *
 * All of it runs with rx.lock held. Functions that return int give 0, or -EPROTO
 * once the QP fails; then nothing more of the stream is looked at.
 */
#ifndef IW_SOFT_RX_CALL_H
#define IW_SOFT_RX_CALL_H

#include <sys/uio.h>

#include "driver/soft/soft_qp.h"

#define SOFT_RX_BATCH 16

/* One call of the receiver: what it does not keep for the next one. */
struct soft_rx_call {
	struct soft_qp *qp;
	const uint8_t *head; /* header and fixed body of the segment in work, from its length on */
	/* The read that a response is for, once looked up. */
	struct soft_swqe *read;
	/* Receive completions that the CQ has not got yet. */
	unsigned int wcs;
	bool solicited;
	struct ibv_wc wc[SOFT_RX_BATCH];
};

/* Where payload goes: pinned pieces, and room for one more piece behind them. */
struct soft_rx_dest {
	unsigned int pieces;
	struct iovec iov[SOFT_MAX_SGE + 1];
	struct soft_pin pin[SOFT_MAX_SGE];
};

static inline void soft_rx_call_init(struct soft_rx_call *call, struct soft_qp *qp)
{
	call->qp = qp;
	call->head = qp->rx.hdr;
	call->read = NULL;
	call->wcs = 0;
	call->solicited = false;
}

static inline enum rdmap_opcode soft_rx_op(const struct soft_rx_call *call)
{
	return (enum rdmap_opcode)rdmap_op(call->qp->rx.ddp.rdmap);
}

/* ---- soft_rx_check */

/* What a fault means besides its Terminate. Zero: QP_FATAL, all work is flushed. */
struct soft_rx_blame {
	enum ibv_event_type event;
	enum ibv_wc_status sq; /* of the oldest send work */
	enum ibv_wc_status rq; /* of the receive in work */
};

/* Fails the QP with the Terminate @code about the segment in work. -EPROTO. */
int soft_rx_fault(struct soft_rx_call *call, enum rdmap_term code);
int soft_rx_fault_for(struct soft_rx_call *call, enum rdmap_term code,
		      const struct soft_rx_blame *blame);
/* Local memory is not what the work request said: @code local, QP_ACCESS_ERR. */
int soft_rx_fault_local(struct soft_rx_call *call, enum ibv_wc_status status);

/* The first 4 bytes, at call->head: may the rest of a DDP header follow? */
int soft_rx_check_length(struct soft_rx_call *call);
/*
 * The DDP header, also parsed into rx.ddp. Accepts the segment in its message,
 * taking a receive for a new Send.
 */
int soft_rx_check_header(struct soft_rx_call *call);
/* Bytes behind the DDP header that are kept with it; the rest is payload to place. */
uint32_t soft_rx_body(const struct ddp_header *ddp);
/* What a peer's access that @fault forbids is answered with. */
enum rdmap_term soft_rx_tagged_term(enum soft_mem_fault fault);
enum rdmap_term soft_rx_request_term(enum soft_mem_fault fault);

/* ---- soft_rx_place */

/*
 * Pins where the next @len bytes of the segment go, all @len of them. For a
 * Write the rest of the segment is checked, however small @len is.
 */
int soft_rx_map(struct soft_rx_call *call, uint32_t len, struct soft_rx_dest *dest);
void soft_rx_unmap(struct soft_rx_dest *dest);
/* @len bytes have been placed. */
void soft_rx_advance(struct soft_rx_call *call, uint32_t len);
/* Copies the next @len bytes to where they go. */
int soft_rx_copy(struct soft_rx_call *call, const uint8_t *bytes, uint32_t len);
/* Adds what lies in the first @len bytes of @dest to the running CRC. */
void soft_rx_digest(struct soft_rx *rx, const struct soft_rx_dest *dest, size_t len);
/* Writes @len bytes over the local parts of a work request. */
int soft_rx_store(struct soft_rx_call *call, const struct soft_swqe *wqe, const void *bytes,
		  uint32_t len);

/* ---- soft_rx_recv */

/* Takes a receive for a new message into rx.rwqe. False: none is posted. */
bool soft_rx_take(struct soft_rx_call *call);
/* The last segment of a Send is placed. */
int soft_rx_send_done(struct soft_rx_call *call);
int soft_rx_immediate(struct soft_rx_call *call, const uint8_t *body);
/* Hands the completions over to the CQ. */
void soft_rx_push(struct soft_rx_call *call);

/* ---- soft_rx_end */

/* The segment is whole and its CRC is good. */
int soft_rx_segment_done(struct soft_rx_call *call);
/* The oldest read or atomic that waits for its response; NULL: none. */
struct soft_swqe *soft_rx_oldest_read(struct soft_rx_call *call);

/* ---- soft_rx_answer */

int soft_rx_read_request(struct soft_rx_call *call, const uint8_t *body);
int soft_rx_atomic_request(struct soft_rx_call *call, const uint8_t *body);

/* ---- soft_rx */

/* Consumes @len bytes of the stream. */
int soft_rx_consume(struct soft_rx_call *call, const uint8_t *bytes, size_t len);

#endif
