/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Cutting work into FPDUs: which message is next, its headers, how much payload.
 * Moves a cursor and fills a batch; changes nothing of the QP but what a read
 * request has to remember in its own entry.
 */
#ifndef IW_SOFT_TX_CUT_H
#define IW_SOFT_TX_CUT_H

#include "driver/soft/soft.h"
#include "driver/soft/soft_sq.h"
#include "driver/soft/soft_tx_batch.h"

/* Why nothing could be cut. */
struct soft_cut_fault {
	enum ibv_wc_status status; /* of the work at the cursor; 0: an answer is at fault */
	uint16_t terminate;	   /* enum rdmap_term */
};

/* sq.lock is held. 1: an FPDU more in the batch; 0: nothing may leave now; -EFAULT: @fault. */
int soft_cut_next(struct soft_qp *qp, struct soft_tx_batch *batch, struct soft_tx_cursor *at,
		  struct soft_cut_fault *fault);
/* Work that needs no wire: LOCAL_INV, BIND_MW. */
bool soft_cut_is_local(const struct soft_swqe *wqe);
static inline bool soft_cut_is_read(uint8_t opcode)
{
	return opcode == IBV_WR_RDMA_READ || opcode == IBV_WR_ATOMIC_CMP_AND_SWP ||
	       opcode == IBV_WR_ATOMIC_FETCH_AND_ADD;
}
/* Whether the send work at the cursor may start, or go on. */
bool soft_cut_may_send(const struct soft_qp *qp, const struct soft_tx_cursor *at);
/* The terminate code for a read source or an atomic target that may not be touched. */
uint16_t soft_cut_source_fault(enum soft_mem_fault fault);

#endif
