/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The send queue: posting, completion in order, flushing.
 *
 * Three free-running indices walk the ring: done <= tx <= posted.
 *   [done, tx)    handed to TCP; waits for its read response, or for an older one
 *   [tx, posted)  not yet (wholly) sent
 */
#ifndef IW_SOFT_SQ_H
#define IW_SOFT_SQ_H

#include "driver/soft/soft.h"

enum soft_wqe_state {
	SOFT_WQE_QUEUED,
	SOFT_WQE_SENT, /* a read or atomic that waits for its response */
	SOFT_WQE_DONE, /* completes when all before it have */
};

/* One send work request. The local parts follow it in the ring. */
struct soft_swqe {
	uint64_t wr_id;
	uint64_t remote_addr;
	union {
		struct {
			uint64_t compare_add, swap; /* ATOMIC */
		};
		uint64_t sink_to; /* READ */
	};
	uint32_t rkey;
	uint32_t imm_or_inv; /* imm_data in network order, or the rkey to invalidate */
	uint32_t length;     /* of all local parts */
	uint32_t received;   /* READ: placed so far */
	uint32_t sink_stag;  /* READ: what its response names; ATOMIC: the request id */
	uint8_t opcode;	     /* enum ibv_wr_opcode */
	uint8_t flags;	     /* enum ibv_send_flags */
	uint8_t num_sge;     /* 0 with inline data */
	uint8_t state;	     /* enum soft_wqe_state */
	uint8_t status;	     /* enum ibv_wc_status */
	bool is_inline;
	bool internal; /* an RTR Read: completes in silence */
	union {
		struct ibv_sge sge[0];
		uint8_t data[0];
		struct {
			struct ibv_mw *mw;
			uint32_t rkey;
			struct ibv_mw_bind_info info;
		} bind[0];
	};
};

/*
 * @lock protects: the ring and its indices, the QP's transmitter (tx), the
 * queue of reads in flight.
 */
struct soft_sq {
	struct iw_lock lock;
	uint32_t size, stride; /* entries (a power of two) and bytes of one; constant */
	uint32_t max_wr;
	uint32_t posted, tx, done;
	uint8_t *ring;
	/* Reads and atomics that wait for a response, oldest first: ring indices. */
	uint32_t *orq;
	uint32_t orq_size, orq_head, orq_tail;
	/* The Read of an RTR has no place in the ring; it is the first of all. */
	bool rtr_reading;
	struct soft_swqe rtr;
	/* ibv_wr_start .. ibv_wr_complete; the lock is held between them. */
	uint32_t wr_first;
	int wr_error;
};

static inline struct soft_swqe *soft_sq_at(const struct soft_sq *sq, uint32_t index)
{
	return (struct soft_swqe *)(void *)(sq->ring +
					    (size_t)(index & (sq->size - 1)) * sq->stride);
}

int soft_sq_init(struct soft_sq *sq, const struct ibv_qp_cap *cap);
void soft_sq_fini(struct soft_sq *sq);
/* Empties the queue in silence: RESET. */
void soft_sq_clear(struct soft_sq *sq);
/* Room for @ord reads in flight, none now. -ENOMEM. */
int soft_sq_set_ord(struct soft_sq *sq, uint16_t ord);

/*
 * ibv_post_send(3): all checks, then the work is sent inline on this thread as
 * far as the socket takes it. -EINVAL, -ENOMEM (full); in ERR work is flushed.
 * Opcodes of RFC 7306 on a stream without extensions: -EOPNOTSUPP, at once.
 */
int soft_sq_post(struct soft_qp *qp, struct ibv_send_wr *wr, struct ibv_send_wr **bad);
/* Fills in the ibv_wr_* method pointers for @ops_flags. -EOPNOTSUPP. */
int soft_sq_set_methods(struct soft_qp *qp, uint64_t ops_flags);

/* Below: sq.lock is held. */

/*
 * The next free entry with its opcode, id and flags set, not yet posted (add 1
 * to sq.posted for that). -EINVAL: state, opcode; -ENOMEM: full; -EOPNOTSUPP.
 */
int soft_sq_claim(struct soft_qp *qp, enum ibv_wr_opcode opcode, struct soft_swqe **wqe);
/* Local parts of a claimed entry. -EINVAL: too many, too long. */
int soft_sq_set_sges(const struct soft_qp *qp, struct soft_swqe *wqe, const struct ibv_sge *sge,
		     size_t n);
int soft_sq_add_inline(const struct soft_qp *qp, struct soft_swqe *wqe, const void *data,
		       size_t len);
/* -EINVAL: the parts do not go with the opcode. */
int soft_sq_check(const struct soft_swqe *wqe);
/* Posted work begins to move: flushed in ERR, else sent. */
void soft_sq_start(struct soft_qp *qp);
/* Releases the lock, and does what others left for its holder. */
void soft_sq_unlock(struct soft_qp *qp);

/* Reads and atomics in flight. */
static inline uint32_t soft_sq_reads(const struct soft_sq *sq)
{
	return sq->orq_tail - sq->orq_head + sq->rtr_reading;
}
/* Moves finished work to the CQ, in order. */
void soft_sq_retire(struct soft_qp *qp);
/* The oldest read or atomic in flight; NULL: none. */
struct soft_swqe *soft_sq_oldest_read(struct soft_sq *sq);
/* Its response is whole: it is done; others may retire; a stalled queue goes on. */
void soft_sq_read_done(struct soft_qp *qp);
/* Completes all that is queued: @first is the status of the oldest, then flushed. */
void soft_sq_flush(struct soft_qp *qp, enum ibv_wc_status first);

#endif
