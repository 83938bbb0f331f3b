/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The receiver of a QP: finds FPDUs in the byte stream, checks every header
 * before a byte of its payload is placed, and places it where it belongs: small
 * ones by a copy out of the thread's buffer, large ones by recvmsg straight
 * into registered memory. A QP that waits keeps no buffer: only the part of a
 * header that has come.
 *
 * Peers are hostile. Nothing here waits, allocates by a measure of theirs (the
 * queue of answers has the size that MPA agreed), or loops without a bound
 * that the peer cannot move (SOFT_RX_BUDGET bytes a call).
 */
#ifndef IW_SOFT_RX_H
#define IW_SOFT_RX_H

#include "driver/soft/ddp.h"
#include "driver/soft/rdmap.h"
#include "driver/soft/soft.h"
#include "driver/soft/soft_rq.h"

#define SOFT_RX_BUDGET (1u << 20)
#define SOFT_RX_HDR_MAX \
	(DDP_UNTAGGED_HDR + RDMAP_ATOMIC_BODY) /* the longest head that is checked whole */

enum soft_rx_phase {
	SOFT_RX_HEADER,	 /* collecting hdr[] */
	SOFT_RX_PAYLOAD, /* placing */
	SOFT_RX_TRAILER, /* pad and CRC */
};

/* @lock protects: all of it. Taken by try-lock for progress: whoever has it works for all. */
struct soft_rx {
	struct iw_lock lock;
	enum soft_rx_phase phase;
	bool heard;    /* something came; read atomically by the nudge */
	bool got_fpdu; /* the first one was good */
	uint8_t hdr[SOFT_RX_HDR_MAX];
	uint32_t hdr_have, hdr_need;
	struct ddp_header ddp; /* of the segment in work */
	uint32_t left;	       /* payload bytes of it not yet placed */
	bool bulk;	       /* large FPDUs come: read little between them */
	uint8_t trailer[8];
	uint32_t trailer_have, trailer_need;
	uint32_t crc; /* running */

	uint32_t send_msn, read_msn, atomic_msn; /* next expected; from 1 */
	/* The untagged message on QN 0 that is being placed. */
	bool in_send;
	bool send_held; /* placed, but its Immediate has to come first */
	uint8_t send_op;
	uint32_t send_mo; /* placed so far */
	/* The tagged message that is being placed, to check that segments follow on. */
	bool in_tagged;
	uint8_t tagged_op;
	uint32_t tagged_stag;
	uint64_t tagged_to;
	/* A Write that an Immediate follows completes a receive as one (WRITE_WITH_IMM). */
	bool write_before_imm;
	uint64_t write_len;
	/* The receive of in_send and send_held. Last: a QP has memory for its max_sge alone. */
	struct soft_rwqe rwqe;
};

int soft_rx_init(struct soft_qp *qp); /* at creation; starts anew at attach */
void soft_rx_fini(struct soft_qp *qp);
void soft_rx_restart(struct soft_qp *qp);

/*
 * Receives what is there, within the budget. Does nothing if another thread is
 * at it. No lock is held. True if the budget ended it: there may be more.
 */
bool soft_rx_run(struct soft_qp *qp);

/*
 * The same with bytes that the caller has, as if they had been received. 0, or
 * -EPROTO once the QP fails. Takes rx.lock; no lock is held. For tests and fuzzing.
 */
int soft_rx_feed(struct soft_qp *qp, const void *bytes, size_t len);

/* For the end of the stream, rx.lock held: the receive in work completes with @status. */
void soft_rx_flush(struct soft_qp *qp, enum ibv_wc_status status);

#endif
