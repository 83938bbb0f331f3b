/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Queue pairs: creation, states, and the life of the stream that one carries.
 *
 * A QP is attached to a socket once MPA has been agreed, moves to RTS, and keeps
 * the socket until the stream ends, for whatever reason: then the QP is in ERR,
 * its last words (the rest of an FPDU, a Terminate) and the socket go to
 * soft_loop_linger(), everything queued is flushed, the async event follows,
 * then the owner (soft_cm) is told. In this order, always by soft_qp_settle().
 */
#ifndef IW_SOFT_QP_H
#define IW_SOFT_QP_H

#include "driver/soft/mpa.h"
#include "driver/soft/rdmap.h"
#include "driver/soft/soft.h"
#include "driver/soft/soft_cq.h"
#include "driver/soft/soft_dev.h"
#include "driver/soft/soft_guard.h"
#include "driver/soft/soft_loop.h"
#include "driver/soft/soft_mr.h"
#include "driver/soft/soft_nudge.h"
#include "driver/soft/soft_pset.h"
#include "driver/soft/soft_rq.h"
#include "driver/soft/soft_rx.h"
#include "driver/soft/soft_sq.h"
#include "driver/soft/soft_tx.h"

/* What MPA agreed. */
struct soft_stream {
	int fd; /* connected, non-blocking, TCP_NODELAY; nothing unread in it that we know of */
	bool initiator;
	bool crc;
	bool extensions;   /* RFC 7306: the peer is one of ours */
	bool peer_to_peer; /* an RTR opens the stream */
	uint8_t rtr;	   /* initiator: the one to send; responder: those that may come */
	uint16_t ird;	   /* reads and atomics that the peer may have outstanding here */
	uint16_t ord;	   /* that we may have outstanding there */
};

/* Whom a QP tells of its stream. Called with no lock held, on any thread. */
struct soft_owner_ops {
	/* Responder: the first FPDU came in good order. At most once, before ended. */
	void (*first_fpdu)(void *owner);
	/*
	 * Exactly once for each successful attach; the QP does not use @owner
	 * any more. @status 0: closed by either side; negative: why it broke.
	 */
	void (*ended)(void *owner, int status);
};

/* Why a stream ends. The first reason counts. */
struct soft_failure {
	int status; /* for the owner */
	bool reset; /* the peer is dead: no last words, and no waiting for its FIN */
	bool send_terminate;
	struct rdmap_terminate terminate;
	enum ibv_wc_status
		sq_status; /* of the oldest send work not done; 0: flushed like the rest */
	enum ibv_wc_status rq_status; /* of the receive being filled */
	bool has_event;
	enum ibv_event_type event; /* IBV_EVENT_QP_FATAL, _QP_REQ_ERR, _QP_ACCESS_ERR */
};

/*
 * @state is written with rx.lock, sq.lock and own_rq.lock (or, with an SRQ, the
 * first two) held and read with any of them.
 * @fail_lock protects: failing, failure, live, settling, settler. Innermost, any
 * lock may be held.
 */
struct soft_qp {
	union {
		struct ibv_qp ibv;   /* handle, qp_num, state, qp_type as verbs show them */
		struct ibv_qp_ex ex; /* same head */
	};
	struct soft_context *ctx;
	struct soft_pd *pd;
	struct soft_cq *send_cq, *recv_cq;
	struct soft_srq *srq; /* NULL: own_rq */
	struct soft_rq own_rq;
	struct soft_rq *rq; /* srq's or own */
	struct ibv_qp_cap cap;
	bool sq_sig_all;
	unsigned int refs; /* atomic: the program's, the stream's, callbacks in flight */
	uint32_t async_events;
	uint64_t serial;   /* unlike ibv.qp_num never given twice; not 0 */
	uint64_t send_ops; /* that ibv_wr_* was asked for; 0: none */

	enum ibv_qp_state state;
	struct ibv_qp_attr attr; /* what modify set, for query; its rights hold */

	struct soft_stream stream; /* fd -1: none (any more) */
	const struct soft_owner_ops *owner_ops;
	void *owner;
	uint64_t attached_ms;	 /* when the stream began, of CLOCK_MONOTONIC */
	struct soft_watch watch; /* of stream.fd, in pset */
	struct soft_pset *pset;

	struct iw_lock fail_lock;
	bool failing; /* also read atomically, as a hint: rx and tx stop */
	struct soft_failure failure;
	bool first_fpdu_due; /* atomic: settle tells the owner */
	bool live;	     /* a stream is attached and not yet flushed; read atomically */
	bool settling;	     /* a thread, @settler, does what settle has to do */
	iw_thread_id settler;
	struct iw_cond over; /* live ended */
	struct soft_timer close_timer;
	struct soft_guard guard;
	struct soft_nudge nudge;

	struct soft_sq sq;
	struct soft_tx tx;
	struct soft_rx rx; /* last: as it says itself */
};

static inline struct soft_qp *soft_qp_of(struct ibv_qp *qp)
{
	return iw_container_of(qp, struct soft_qp, ibv);
}

/* ---- verbs' side */

/*
 * RC only (-EOPNOTSUPP for others). @attr->cap is rounded up to what holds.
 * Also the send_ops_flags of ibv_create_qp_ex (method pointers of ibv_wr_*).
 */
int soft_qp_create(struct soft_context *ctx, struct ibv_qp_init_attr_ex *attr, struct soft_qp **qp);
/*
 * A stream that lives is cut abruptly (the owner hears of it); afterwards the
 * CQs, the PD and the program's memory are not touched any more. Waits until
 * async events are acknowledged.
 */
int soft_qp_destroy(struct soft_qp *qp);
/*
 * ibv_modify_qp(3) for an iWARP QP: RESET, INIT, RTR, RTS (only with a stream),
 * SQD (graceful close), SQE, ERR. -EINVAL for what the table forbids. A QP that
 * was never given IBV_QP_ACCESS_FLAGS, or was RESET since, has all remote rights.
 */
int soft_qp_modify(struct soft_qp *qp, const struct ibv_qp_attr *attr, int mask);
int soft_qp_query(struct soft_qp *qp, struct ibv_qp_attr *attr, int mask,
		  struct ibv_qp_init_attr *init);

/*
 * ibv_post_recv(3): -EINVAL in RESET or with an SRQ, else as soft_rq_post(). In
 * ERR the work is flushed at once.
 */
int soft_qp_post_recv(struct soft_qp *qp, struct ibv_recv_wr *wr, struct ibv_recv_wr **bad);

/* ---- the CM's side */

/* With a reference; NULL: no such QP. */
struct soft_qp *soft_qp_find(uint32_t qp_num);
void soft_qp_get(struct soft_qp *qp);
void soft_qp_put(struct soft_qp *qp);
/*
 * INIT or RTR -> RTS on the stream. On success the descriptor is the QP's and
 * ended() is owed; may call first_fpdu() and ended() before it returns.
 * -EINVAL: wrong state, or it has a stream; -ENOMEM (ird and ord size tables).
 */
int soft_qp_attach(struct soft_qp *qp, const struct soft_stream *stream,
		   const struct soft_owner_ops *ops, void *owner);
/* A responder may send although nothing came yet. */
void soft_qp_release(struct soft_qp *qp);
/* What the stream still allows: all posted work is sent first, at most for @ms. */
void soft_qp_close(struct soft_qp *qp, unsigned int ms);
/* At once. */
void soft_qp_abort(struct soft_qp *qp);

/* ---- between the files of the QP (soft_qp, soft_qp_table, soft_stream) */

int soft_qp_table_add(struct soft_qp *qp); /* sets ibv.qp_num, serial; -ENOMEM */
void soft_qp_table_remove(struct soft_qp *qp);
/* Ends the stream, if there is one, and waits until nothing of it is left to do. */
void soft_stream_cut(struct soft_qp *qp, const struct soft_failure *why);
bool soft_stream_is_live(const struct soft_qp *qp);
/* All locks of the state are held. */
void soft_qp_set_state(struct soft_qp *qp, enum ibv_qp_state state);
/* All locks of the state for its change, from outside in. */
void soft_qp_lock_all(struct soft_qp *qp);
void soft_qp_unlock_all(struct soft_qp *qp);
/* rx.lock is held: empties the QP's own receive queue into the CQ. */
void soft_qp_flush_recv(struct soft_qp *qp);

/* ---- for sq, tx and rx */

/*
 * soft_mem_pin_remote() for the peer of @qp, whose own rights count as well.
 * A lock of the QP is held.
 */
static inline enum soft_mem_fault soft_qp_pin_remote(const struct soft_qp *qp,
						     const struct ibv_sge *bytes, unsigned int need,
						     struct soft_pin *pin)
{
	enum soft_mem_fault fault = soft_mem_pin_remote(qp->pd, qp->serial, bytes->lkey,
							bytes->addr, bytes->length, need, pin);

	if (fault == SOFT_MEM_OK && bytes->length && need & ~qp->attr.qp_access_flags) {
		soft_mem_unpin(pin);
		fault = SOFT_MEM_ACCESS;
	}
	return fault;
}

/* Notes the reason; the end comes with soft_qp_settle(). Any lock may be held. */
void soft_qp_fail(struct soft_qp *qp, const struct soft_failure *why);
static inline bool soft_qp_is_failing(const struct soft_qp *qp)
{
	return __atomic_load_n(&qp->failing, __ATOMIC_ACQUIRE);
}
/*
 * With no lock held, at the end of every call and callback that may have failed
 * the QP: ends the stream if that is due, tells the owner what it is owed.
 */
void soft_qp_settle(struct soft_qp *qp);
/* Receives, sends what waits, settles. The watch's callback. Never blocks. */
void soft_qp_progress(struct soft_qp *qp, uint32_t events);

#endif
