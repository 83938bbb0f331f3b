// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The transmitter: fills batches, sends them, keeps account of what is gone.
 * How work becomes FPDUs is soft_tx_cut.c, what a batch is soft_tx_batch.c.
 */
#include "driver/soft/soft_tx.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "driver/soft/crc32c.h"
#include "driver/soft/mpa.h"
#include "driver/soft/soft_qp.h"
#include "driver/soft/soft_tx_batch.h"
#include "driver/soft/soft_tx_cut.h"

#define MSS_UNKNOWN 1460
#define MSS_AGE 8
#define TERMINATE_MAX (DDP_UNTAGGED_HDR + RDMAP_TERM_BODY_MAX + 3 + MPA_CRC)

/* The MSS follows the path and the peer's window. */
static void read_mss(struct soft_qp *qp)
{
	socklen_t len = sizeof(int);
	int mss = 0;

	if (iw_fault(IW_FAULT_SYSCALL) ||
	    getsockopt(qp->stream.fd, IPPROTO_TCP, TCP_MAXSEG, &mss, &len) || mss <= 0)
		mss = MSS_UNKNOWN;
	qp->tx.mulpdu = (uint16_t)mpa_mulpdu((unsigned int)mss);
	qp->tx.mss_age = 0;
}

void soft_tx_init(struct soft_qp *qp)
{
	struct soft_tx *tx = &qp->tx;
	uint32_t size = iw_power_of_two(qp->stream.ird);

	memset(tx, 0, sizeof(*tx));
	tx->irq_size = size;
	tx->held = !qp->stream.initiator;
	tx->at.rtr_due = qp->stream.initiator && qp->stream.peer_to_peer;
	tx->at.tx = qp->sq.tx;
	tx->at.send_msn = tx->at.read_msn = tx->at.atomic_msn = 1;
	read_mss(qp);
}

void soft_tx_fini(struct soft_qp *qp)
{
	free(qp->tx.irq);
	free(qp->tx.rest);
	qp->tx.irq = NULL;
	qp->tx.rest = NULL;
}

/* ---- failures */

static void stream_lost(struct soft_qp *qp, int err)
{
	struct soft_failure why = { .status = 0 };

	iw_info("QP %u: the stream broke while sending: %s", qp->ibv.qp_num, strerror(-err));
	qp->tx.torn = true;
	soft_qp_fail(qp, &why);
}

/*
 * Nothing leaves any more, mostly because the peer is gone. What it said before may
 * still lie in the socket: the receiver reads that, comes to the end, which is here
 * if the socket does not know of it yet, and ends the stream.
 */
static void cannot_send(struct soft_qp *qp, int err)
{
	iw_info("QP %u: nothing can be sent any more: %s", qp->ibv.qp_num, strerror(-err));
	qp->tx.torn = true;
	qp->tx.gone = true;
	shutdown(qp->stream.fd, SHUT_RD);
}

/* @fault concerns the oldest thing that is not sent. */
static void cut_failed(struct soft_qp *qp, const struct soft_cut_fault *fault)
{
	struct soft_failure why = { .status = -EFAULT,
				    .send_terminate = true,
				    .terminate.code = fault->terminate,
				    .has_event = true,
				    .event = IBV_EVENT_QP_FATAL };

	if (fault->status)
		soft_sq_at(&qp->sq, qp->sq.tx)->status = (uint8_t)fault->status;
	else
		why.event = IBV_EVENT_QP_REQ_ERR;
	iw_warn("QP %u: %s may not be touched", qp->ibv.qp_num,
		fault->status ? "memory of a send request" : "what the peer reads");
	soft_qp_fail(qp, &why);
}

/* The memory is registered, but not there (any more). */
static void memory_gone(struct soft_qp *qp)
{
	struct soft_cut_fault fault = { .terminate = TERM_RDMAP_LOCAL };

	if (!qp->tx.at.irq_sent && soft_cut_may_send(qp, &qp->tx.at))
		fault.status = IBV_WC_LOC_PROT_ERR;
	qp->tx.torn = qp->tx.rest != NULL;
	cut_failed(qp, &fault);
}

/* ---- account */

static void wait_for_room(struct soft_qp *qp)
{
	struct soft_tx *tx = &qp->tx;
	int rc;

	__atomic_store_n(&tx->want_write, true, __ATOMIC_RELAXED);
	if (tx->watching)
		return;
	/* Who sleeps would never hear that there is room again. */
	rc = soft_pset_want_write(qp->pset, &qp->watch, true);
	if (rc)
		stream_lost(qp, rc);
	else
		tx->watching = true;
}

/* Everything up to @to has been handed to TCP. */
static void commit(struct soft_qp *qp, const struct soft_tx_cursor *to)
{
	struct soft_sq *sq = &qp->sq;

	if (qp->tx.at.rtr_due && !to->rtr_due && qp->stream.rtr == MPA_RTR_READ)
		sq->rtr_reading = true;
	for (; sq->tx != to->tx; sq->tx++) {
		struct soft_swqe *wqe = soft_sq_at(sq, sq->tx);

		if (soft_cut_is_read(wqe->opcode)) {
			wqe->state = SOFT_WQE_SENT;
			sq->orq[sq->orq_tail++ % sq->orq_size] = sq->tx;
		} else {
			wqe->state = SOFT_WQE_DONE;
		}
	}
	qp->tx.at = *to;
}

/* The socket took @sent bytes of the batch, not all. */
static void sent_in_part(struct soft_qp *qp, const struct soft_tx_batch *batch, uint32_t sent)
{
	unsigned int i = 0;
	uint32_t begun;

	while (batch->fpdu[i].end <= sent)
		i++;
	if (i)
		commit(qp, &batch->fpdu[i - 1].after);
	begun = i ? batch->fpdu[i - 1].end : 0;
	if (sent > begun) {
		qp->tx.rest = soft_batch_rest(batch, i, sent);
		if (!qp->tx.rest) {
			stream_lost(qp, -ENOMEM);
			return;
		}
	}
	wait_for_room(qp);
}

/* ---- sending */

/* Work that needs no wire. Stops at a failure. */
static void run_local(struct soft_qp *qp)
{
	struct soft_sq *sq = &qp->sq;

	for (;;) {
		struct soft_tx_cursor *at = &qp->tx.at;
		struct soft_cut_fault fault = { .terminate = TERM_RDMAP_LOCAL };
		struct soft_swqe *wqe = soft_sq_at(sq, at->tx);
		struct soft_mw *mw;
		uint32_t rkey;

		at->reads = soft_sq_reads(sq);
		if (!soft_cut_may_send(qp, at) || !soft_cut_is_local(wqe))
			return;
		if (wqe->opcode == IBV_WR_LOCAL_INV) {
			if (soft_mem_invalidate(qp->pd, qp->serial, wqe->imm_or_inv))
				fault.status = IBV_WC_LOC_PROT_ERR;
		} else {
			rkey = wqe->bind->rkey;
			mw = iw_container_of(wqe->bind->mw, struct soft_mw, ibv);
			if (soft_mw_bind(mw, qp->serial, &wqe->bind->info, &rkey))
				fault.status = IBV_WC_MW_BIND_ERR;
		}
		if (fault.status) {
			cut_failed(qp, &fault);
			return;
		}
		wqe->state = SOFT_WQE_DONE;
		at->tx = ++sq->tx;
	}
}

/* What a full socket left. True: all of it is gone. */
static bool send_rest(struct soft_qp *qp)
{
	struct soft_tx *tx = &qp->tx;
	struct soft_tx_rest *rest = tx->rest;
	int rc = soft_rest_send(rest, qp);

	if (rc == 1) {
		tx->rest = NULL;
		commit(qp, &rest->after);
		free(rest);
		return true;
	}
	if (rc == 0 || rc == -EAGAIN)
		wait_for_room(qp);
	else if (rc == -EFAULT)
		memory_gone(qp);
	else
		cannot_send(qp, rc);
	return false;
}

static void fill(struct soft_qp *qp, struct soft_tx_batch *batch)
{
	struct soft_tx_cursor at = qp->tx.at;
	struct soft_cut_fault fault;
	int rc = 1;

	at.reads = soft_sq_reads(&qp->sq);
	while (rc > 0 && soft_batch_has_room(batch))
		rc = soft_cut_next(qp, batch, &at, &fault);
	/* What comes before a fault still leaves; the next round finds it again. */
	if (rc < 0 && !batch->n_fpdus)
		cut_failed(qp, &fault);
}

/* Bytes sent; 0: nothing (more) can be. */
static uint32_t send_batch(struct soft_qp *qp, struct soft_tx_batch *batch)
{
	ssize_t sent;

	fill(qp, batch);
	if (!batch->n_fpdus)
		return 0;
	sent = soft_batch_send(batch, qp->stream.fd);
	if (sent == (ssize_t)batch->bytes) {
		commit(qp, &batch->fpdu[batch->n_fpdus - 1].after);
		return batch->bytes;
	}
	if (sent >= 0)
		sent_in_part(qp, batch, (uint32_t)sent);
	else if (sent == -EAGAIN)
		wait_for_room(qp);
	else if (sent == -EFAULT)
		memory_gone(qp);
	else
		cannot_send(qp, (int)sent);
	return 0;
}

/* True if what comes next does not fit in one FPDU, so that the MSS matters. */
static bool is_bulk(const struct soft_qp *qp)
{
	const struct soft_tx *tx = &qp->tx;

	if (tx->at.irq_head != tx->irq_tail &&
	    tx->irq[tx->at.irq_head % tx->irq_size].size > tx->mulpdu)
		return true;
	return tx->at.tx != qp->sq.posted &&
	       soft_sq_at(&qp->sq, tx->at.tx)->length - tx->at.offset > tx->mulpdu;
}

static void send_all(struct soft_qp *qp, struct soft_tx_batch *batch)
{
	uint32_t sent, total = 0;

	while (!qp->tx.want_write && !soft_qp_is_failing(qp)) {
		if (total >= SOFT_TX_BUDGET) {
			wait_for_room(qp); /* others want to be served as well */
			return;
		}
		run_local(qp);
		if (is_bulk(qp) && ++qp->tx.mss_age >= MSS_AGE)
			read_mss(qp);
		sent = send_batch(qp, batch);
		soft_batch_done(batch);
		if (!sent)
			return;
		total += sent;
	}
}

static bool may_run(const struct soft_qp *qp)
{
	const struct soft_tx *tx = &qp->tx;

	return qp->stream.fd >= 0 && !tx->held && !tx->gone && !tx->want_write &&
	       !soft_qp_is_failing(qp);
}

void soft_tx_run(struct soft_qp *qp)
{
	struct soft_failure closed = { .status = 0 };
	struct soft_tx_batch *batch;

	iw_assert_held(&qp->sq.lock);
	if (!may_run(qp))
		return;
	if (!soft_tx_is_idle(qp))
		soft_guard_start(qp);
	if (!qp->tx.rest || send_rest(qp)) {
		batch = soft_tx_is_idle(qp) ? NULL : soft_batch_get();
		if (batch)
			send_all(qp, batch);
		else if (!soft_tx_is_idle(qp))
			stream_lost(qp, -ENOMEM);
	}
	soft_sq_retire(qp);
	if (qp->tx.closing && (qp->tx.gone || soft_tx_is_idle(qp)))
		soft_qp_fail(qp, &closed);
}

void soft_tx_writable(struct soft_qp *qp)
{
	struct soft_tx *tx = &qp->tx;

	iw_assert_held(&qp->sq.lock);
	if (qp->stream.fd < 0)
		return;
	__atomic_store_n(&tx->want_write, false, __ATOMIC_RELAXED);
	soft_tx_run(qp);
	if (tx->want_write || !tx->watching)
		return;
	tx->watching = false;
	soft_pset_want_write(qp->pset, &qp->watch, false);
}

void soft_tx_close(struct soft_qp *qp)
{
	iw_assert_held(&qp->sq.lock);
	if (qp->tx.closing)
		return;
	qp->tx.closing = true;
	qp->tx.close_at = qp->sq.posted;
	/* A responder that never heard its peer may not send; nobody waits for that. */
	if (qp->tx.held || qp->tx.gone)
		soft_qp_fail(qp, &(struct soft_failure){ .status = 0 });
	else
		soft_tx_run(qp);
}

bool soft_tx_is_idle(const struct soft_qp *qp)
{
	const struct soft_tx *tx = &qp->tx;

	return !tx->rest && !tx->at.rtr_due && !tx->at.nudge_due &&
	       tx->at.irq_head == tx->irq_tail &&
	       qp->sq.tx == (tx->closing ? tx->close_at : qp->sq.posted);
}

/* ---- the receiver's side */

/* Many connections never see a request: the first one makes the queue. */
static int queue_response(struct soft_qp *qp, const struct soft_response *response)
{
	struct soft_tx *tx = &qp->tx;

	if (tx->irq_tail - tx->at.irq_head >= qp->stream.ird)
		return -EOVERFLOW;
	if (!tx->irq)
		tx->irq = iw_calloc(tx->irq_size, sizeof(*tx->irq));
	if (!tx->irq)
		return -ENOMEM;
	tx->irq[tx->irq_tail++ % tx->irq_size] = *response;
	return 0;
}

int soft_tx_respond(struct soft_qp *qp, const struct soft_response *response)
{
	int rc;

	iw_lock(&qp->sq.lock);
	rc = queue_response(qp, response);
	if (!rc)
		soft_tx_run(qp);
	soft_sq_unlock(qp);
	return rc;
}

void soft_tx_release(struct soft_qp *qp)
{
	iw_lock(&qp->sq.lock);
	qp->tx.held = false;
	soft_tx_run(qp);
	soft_sq_unlock(qp);
}

/* ---- the end */

static size_t build_terminate(const struct soft_qp *qp, const struct rdmap_terminate *t,
			      uint8_t *out)
{
	size_t body = rdmap_terminate_build(t, out + DDP_UNTAGGED_HDR);
	struct ddp_header h = {
		.ulpdu = (uint16_t)(DDP_UNTAGGED_HDR - MPA_LEN_FIELD + body),
		.last = true,
		.version = DDP_VERSION,
		.rdmap = rdmap_control(RDMAP_TERMINATE),
		.qn = DDP_QN_TERMINATE,
		.msn = 1,
	};
	size_t len = DDP_UNTAGGED_HDR + body + mpa_pad(h.ulpdu);
	uint32_t crc = 0;

	ddp_build(&h, out);
	memset(out + DDP_UNTAGGED_HDR + body, 0, mpa_pad(h.ulpdu));
	if (qp->stream.crc)
		crc = crc32c_final(crc32c_update(CRC32C_INIT, out, len));
	crc32c_store(out + len, crc);
	return len + MPA_CRC;
}

void *soft_tx_last_words(struct soft_qp *qp, const struct rdmap_terminate *terminate, size_t *len)
{
	struct soft_tx_rest *rest = qp->tx.rest;
	size_t size = 0;
	uint8_t *out;

	iw_assert_held(&qp->sq.lock);
	*len = 0;
	if (qp->tx.torn || (!rest && !terminate))
		return NULL;
	out = iw_calloc(1, (rest ? soft_rest_size(rest) : 0) + TERMINATE_MAX);
	if (!out)
		return NULL;
	if (rest) {
		/* Better an FPDU that ends early than one that carries what it must not. */
		if (soft_rest_copy(rest, qp, out)) {
			free(out);
			return NULL;
		}
		size = soft_rest_size(rest);
	}
	if (terminate)
		size += build_terminate(qp, terminate, out + size);
	*len = size;
	return out;
}
