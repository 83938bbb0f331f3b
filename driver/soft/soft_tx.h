/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The transmitter of a QP: cuts work into FPDUs, gathers many of them into one
 * sendmsg straight from registered memory, and goes on where the socket stopped.
 * Everything here happens under sq.lock.
 *
 * What leaves, by turns: the RTR of a peer-to-peer initiator first; read and
 * atomic responses, at most SOFT_TX_RESPONSES in a row while send work waits;
 * send work in order. A responder sends nothing before the first FPDU of its
 * peer. FPDUs end at the TCP segment (mpa_mulpdu of the current MSS).
 *
 * Between calls nothing is kept but where to go on, and of an FPDU that the socket
 * took in part the rest, until it is gone.
 */
#ifndef IW_SOFT_TX_H
#define IW_SOFT_TX_H

#include "driver/soft/rdmap.h"
#include "driver/soft/soft.h"

#define SOFT_TX_RESPONSES 4
#define SOFT_TX_BUDGET (4u << 20) /* bytes a call; the rest when the socket is writable */

/* What the peer asked for: a read or an atomic to be answered, in order. */
struct soft_response {
	bool is_atomic;
	uint32_t sink_stag, source_stag;
	uint64_t sink_to, source_to;
	uint32_t size;
	uint32_t request_id; /* atomic */
	uint64_t old_value;  /* atomic */
};

struct soft_tx_rest; /* soft_tx_batch.h: what a sendmsg left of an FPDU */

/* How far the transmitter is; with sq.tx all that cutting an FPDU moves on. */
struct soft_tx_cursor {
	uint32_t tx;				 /* copy of sq.tx */
	uint32_t offset;			 /* sent of the message in work at tx */
	uint32_t msn;				 /* of the Send in work */
	uint32_t send_msn, read_msn, atomic_msn; /* next on QN 0, 1, 3; from 1 */
	uint32_t irq_head, irq_sent;		 /* the answer in work, payload sent of it */
	uint32_t reads;				 /* in flight, those being cut included */
	uint8_t responses_in_row;
	bool imm_due;	/* of a work request with immediate data only that is left */
	bool rtr_due;	/* initiator, peer-to-peer */
	bool nudge_due; /* soft_nudge.h; set between two messages */
};

struct soft_tx {
	bool held;	 /* responder before the first FPDU */
	bool closing;	 /* what is posted up to close_at still goes */
	bool want_write; /* the socket was full: EPOLLOUT is awaited */
	bool watching;	 /* and has been asked for */
	bool kicked;	 /* atomic: work came while another thread held sq.lock */
	bool gone; /* nothing can be sent: the receiver reads what there is and ends the stream */
	bool torn; /* an FPDU that is partly sent cannot be completed */
	uint8_t mss_age; /* large batches since the MSS was asked for */
	uint16_t mulpdu; /* of the current MSS */
	uint32_t close_at;
	struct soft_tx_cursor at;
	/* Ring of irq_size >= stream.ird entries, from at.irq_head; NULL before the first. */
	struct soft_response *irq;
	uint32_t irq_size, irq_tail;
	struct soft_tx_rest *rest; /* NULL: the socket stands between two FPDUs */
};

void soft_tx_init(struct soft_qp *qp); /* at attach */
void soft_tx_fini(struct soft_qp *qp);

/* sq.lock is held. The socket may take more: goes on if it had been full. */
void soft_tx_writable(struct soft_qp *qp);
/* sq.lock is held. Sends until nothing is left, the socket is full or the QP fails. */
void soft_tx_run(struct soft_qp *qp);
/* sq.lock is held. A graceful close: nothing posted from now on leaves. */
void soft_tx_close(struct soft_qp *qp);
/* True if all posted work and all answers have been handed to TCP. sq.lock held. */
bool soft_tx_is_idle(const struct soft_qp *qp);

/*
 * rx.lock is held, sq.lock is not. Queues an answer and sends it if it can.
 * -EOVERFLOW: the peer exceeds our IRD; -ENOMEM: no room for the queue, whose
 * size we have agreed to.
 */
int soft_tx_respond(struct soft_qp *qp, const struct soft_response *response);
/* The first FPDU of the peer came: a responder may send. */
void soft_tx_release(struct soft_qp *qp);

/*
 * For the end of the stream, sq.lock is held: the bytes that complete the FPDU
 * which is partly on the wire, then a Terminate if @terminate is not NULL, in
 * memory of malloc(3). NULL with *@len 0: nothing, or no memory.
 */
void *soft_tx_last_words(struct soft_qp *qp, const struct rdmap_terminate *terminate, size_t *len);

#endif
