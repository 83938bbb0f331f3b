// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The life of the stream that a QP carries: attach, progress, the reason why it
 * ends, and its end. Creation and verbs' states are soft_qp.c.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "driver/soft/soft_qp.h"
#include "driver/soft/soft_stall.h"

#define FLUSH_WCS 32
/*
 * The end of a stream to kernel siw that has only just accepted it may overtake
 * the acceptance in its iw_cm, which then stops that kernel's work queue ("kernel
 * BUG at drivers/infiniband/core/iwcm.c", seen with Linux 6.1). So an initiator
 * does not say such an end before the stream is as old as this.
 */
#define YOUNG_MS 100

/* ---- callbacks that keep the QP alive while they run */

static struct soft_qp *qp_of_watch(struct soft_watch *watch)
{
	return iw_container_of(watch, struct soft_qp, watch);
}

static void watch_get(struct soft_watch *watch)
{
	soft_qp_get(qp_of_watch(watch));
}

static void watch_put(struct soft_watch *watch)
{
	soft_qp_put(qp_of_watch(watch));
}

static void watch_ready(struct soft_watch *watch, uint32_t events)
{
	soft_qp_progress(qp_of_watch(watch), events);
}

static const struct soft_watch_ops watch_ops = { watch_get, watch_put, watch_ready };

static struct soft_qp *qp_of_timer(struct soft_timer *timer)
{
	return iw_container_of(timer, struct soft_qp, close_timer);
}

static void timer_get(struct soft_timer *timer)
{
	soft_qp_get(qp_of_timer(timer));
}

static void timer_put(struct soft_timer *timer)
{
	soft_qp_put(qp_of_timer(timer));
}

static void timer_fire(struct soft_timer *timer)
{
	struct soft_qp *qp = qp_of_timer(timer);

	/* It fired while its stream ended: there may be another by now. */
	if (__atomic_load_n(&qp->state, __ATOMIC_ACQUIRE) != IBV_QPS_SQD)
		return;
	iw_info("QP %u: posted work could not be sent in time, the stream is cut", qp->ibv.qp_num);
	soft_qp_abort(qp);
}

static const struct soft_timer_ops timer_ops = { timer_get, timer_put, timer_fire };

/* ---- locks and flags */

void soft_qp_lock_all(struct soft_qp *qp)
{
	iw_lock(&qp->rx.lock);
	iw_lock(&qp->sq.lock);
	if (!qp->srq)
		iw_lock(&qp->own_rq.lock);
}

void soft_qp_unlock_all(struct soft_qp *qp)
{
	if (!qp->srq)
		iw_unlock(&qp->own_rq.lock);
	soft_sq_unlock(qp);
	iw_unlock(&qp->rx.lock);
}

void soft_qp_set_state(struct soft_qp *qp, enum ibv_qp_state state)
{
	__atomic_store_n(&qp->state, state, __ATOMIC_RELEASE);
	__atomic_store_n(&qp->ibv.state, state, __ATOMIC_RELAXED);
}

static void set_fd(struct soft_qp *qp, int fd)
{
	__atomic_store_n(&qp->stream.fd, fd, __ATOMIC_RELAXED);
}

bool soft_stream_is_live(const struct soft_qp *qp)
{
	return __atomic_load_n(&qp->live, __ATOMIC_ACQUIRE);
}

static bool is_due(const struct soft_qp *qp)
{
	return __atomic_load_n(&qp->first_fpdu_due, __ATOMIC_ACQUIRE) ||
	       (soft_qp_is_failing(qp) && soft_stream_is_live(qp));
}

/* ---- the beginning */

/* All locks are held. */
static int start_stream(struct soft_qp *qp)
{
	int rc = soft_sq_set_ord(&qp->sq, qp->stream.ord);

	if (rc)
		return rc;
	soft_sq_clear(&qp->sq);
	soft_tx_init(qp);
	soft_rx_restart(qp);
	if (!qp->pset)
		rc = soft_pset_for(qp->send_cq, qp->recv_cq, &qp->pset);
	if (rc)
		goto free_tx;
	/* Not cleared: a callback for the last stream may still be on its way. */
	__atomic_store_n(&qp->watch.ops, &watch_ops, __ATOMIC_RELAXED);
	rc = soft_pset_add(qp->pset, &qp->watch, qp->stream.fd);
	if (rc)
		goto free_tx;
	return 0;
free_tx:
	soft_tx_fini(qp);
	return rc;
}

/* Its descriptor is read without a lock by who asks whether it takes more. */
static void take_stream(struct soft_qp *qp, const struct soft_stream *stream)
{
	struct soft_stream *s = &qp->stream;

	s->initiator = stream->initiator;
	s->crc = stream->crc;
	s->extensions = stream->extensions;
	s->peer_to_peer = stream->peer_to_peer;
	s->rtr = stream->rtr;
	s->ird = stream->ird;
	s->ord = stream->ord;
	set_fd(qp, stream->fd);
}

/* All locks are held. */
static int attach_locked(struct soft_qp *qp, const struct soft_stream *stream,
			 const struct soft_owner_ops *ops, void *owner)
{
	int rc;

	if (soft_stream_is_live(qp) || qp->stream.fd >= 0 ||
	    (qp->state != IBV_QPS_INIT && qp->state != IBV_QPS_RTR))
		return -EINVAL;
	take_stream(qp, stream);
	rc = start_stream(qp);
	if (rc) {
		set_fd(qp, -1);
		return rc;
	}
	qp->owner_ops = ops;
	qp->owner = owner;
	qp->attached_ms = iw_now_ms();
	iw_lock(&qp->fail_lock);
	memset(&qp->failure, 0, sizeof(qp->failure));
	__atomic_store_n(&qp->failing, false, __ATOMIC_RELAXED);
	__atomic_store_n(&qp->first_fpdu_due, false, __ATOMIC_RELAXED);
	__atomic_store_n(&qp->live, true, __ATOMIC_RELEASE);
	iw_unlock(&qp->fail_lock);
	soft_qp_set_state(qp, IBV_QPS_RTS);
	soft_nudge_start(qp);
	return 0;
}

int soft_qp_attach(struct soft_qp *qp, const struct soft_stream *stream,
		   const struct soft_owner_ops *ops, void *owner)
{
	int rc;

	soft_qp_get(qp); /* the stream's */
	soft_qp_lock_all(qp);
	rc = attach_locked(qp, stream, ops, owner);
	if (!rc)
		soft_tx_run(qp);
	soft_qp_unlock_all(qp);
	if (rc) {
		soft_qp_put(qp);
		return rc;
	}
	soft_qp_settle(qp);
	return 0;
}

/* ---- work */

static void progress_tx(struct soft_qp *qp, uint32_t events)
{
	struct pollfd pfd = { .events = POLLOUT };

	if (!__atomic_load_n(&qp->tx.want_write, __ATOMIC_RELAXED))
		return;
	/* A poller that asks on its own does not say what is ready. */
	if (!(events & (EPOLLOUT | EPOLLERR | EPOLLHUP))) {
		pfd.fd = __atomic_load_n(&qp->stream.fd, __ATOMIC_RELAXED);
		if (iw_fault(IW_FAULT_SYSCALL) || poll(&pfd, 1, 0) <= 0)
			return;
	}
	/* Whoever holds the lock looks at kicked when it lets go. */
	__atomic_store_n(&qp->tx.kicked, true, __ATOMIC_SEQ_CST);
	if (!iw_trylock(&qp->sq.lock))
		return;
	soft_sq_unlock(qp);
}

void soft_qp_progress(struct soft_qp *qp, uint32_t events)
{
	soft_rx_run(qp);
	progress_tx(qp, events);
	soft_qp_settle(qp);
}

void soft_qp_release(struct soft_qp *qp)
{
	soft_tx_release(qp);
	soft_qp_settle(qp);
}

/* ---- the end */

void soft_qp_fail(struct soft_qp *qp, const struct soft_failure *why)
{
	iw_lock(&qp->fail_lock);
	if (qp->live && !qp->failing) {
		qp->failure = *why;
		__atomic_store_n(&qp->failing, true, __ATOMIC_RELEASE);
	}
	iw_unlock(&qp->fail_lock);
}

void soft_qp_flush_recv(struct soft_qp *qp)
{
	struct ibv_wc wc[FLUSH_WCS];
	struct soft_rwqe wqe;
	unsigned int n = 0;
	bool hit_limit;

	iw_assert_held(&qp->rx.lock);
	if (qp->srq)
		return;
	while (soft_rq_pop(&qp->own_rq, &wqe, &hit_limit) == 0) {
		wc[n++] = (struct ibv_wc){ .wr_id = wqe.wr_id,
					   .status = IBV_WC_WR_FLUSH_ERR,
					   .opcode = IBV_WC_RECV,
					   .qp_num = qp->ibv.qp_num };
		if (n == FLUSH_WCS) {
			soft_cq_push(qp->recv_cq, wc, n, false);
			n = 0;
		}
	}
	if (n)
		soft_cq_push(qp->recv_cq, wc, n, false);
}

/* How long the end is kept back; two of ours need not. */
static unsigned int hold_ms(const struct soft_qp *qp)
{
	uint64_t age = iw_now_ms() - qp->attached_ms;

	if (!qp->stream.initiator || qp->stream.extensions || age >= YOUNG_MS)
		return 0;
	return YOUNG_MS - (unsigned int)age;
}

/* A peer that we only do not reach hears at once that it is over. */
static void reset_socket(int fd)
{
	const struct linger now = { .l_onoff = 1 };

	if (iw_fault(IW_FAULT_SYSCALL) || setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)))
		iw_debug("a dead peer's socket is closed, not reset");
	close(fd);
}

/* rx.lock and sq.lock are held: the socket leaves us, with what is still to be said. */
static void give_up_socket(struct soft_qp *qp, const struct soft_failure *why)
{
	size_t len;
	void *words;

	soft_pset_remove(qp->pset, &qp->watch);
	if (why->reset) {
		reset_socket(qp->stream.fd);
		set_fd(qp, -1);
		return;
	}
	words = soft_tx_last_words(qp, why->send_terminate ? &why->terminate : NULL, &len);
	soft_loop_linger_held(qp->stream.fd, words, len, hold_ms(qp), SOFT_LINGER_MS);
	free(words);
	set_fd(qp, -1);
}

static void flush_all(struct soft_qp *qp, const struct soft_failure *why)
{
	soft_qp_lock_all(qp);
	soft_qp_set_state(qp, IBV_QPS_ERR);
	if (!qp->srq)
		iw_unlock(&qp->own_rq.lock);
	give_up_socket(qp, why);
	soft_sq_flush(qp, why->sq_status);
	soft_rx_flush(qp, why->rq_status ? why->rq_status : IBV_WC_WR_FLUSH_ERR);
	soft_qp_flush_recv(qp);
	soft_tx_fini(qp);
	iw_unlock(&qp->sq.lock);
	iw_unlock(&qp->rx.lock);
}

/* By the settler alone. */
static void end_stream(struct soft_qp *qp)
{
	const struct soft_owner_ops *ops = qp->owner_ops;
	void *owner = qp->owner;
	struct soft_failure why;

	iw_lock(&qp->fail_lock);
	why = qp->failure;
	iw_unlock(&qp->fail_lock);
	if (why.send_terminate)
		iw_info("QP %u: the stream is terminated: %s", qp->ibv.qp_num,
			rdmap_term_text(why.terminate.code));
	flush_all(qp, &why);
	soft_timer_stop(&qp->close_timer);
	soft_guard_stop(qp);
	soft_nudge_stop(qp);
	if (why.has_event)
		soft_async_post(qp->ctx, why.event, &qp->ibv);
	if (qp->srq)
		soft_async_post(qp->ctx, IBV_EVENT_QP_LAST_WQE_REACHED, &qp->ibv);
	iw_lock(&qp->fail_lock);
	__atomic_store_n(&qp->live, false, __ATOMIC_RELEASE);
	iw_cond_broadcast(&qp->over);
	iw_unlock(&qp->fail_lock);
	ops->ended(owner, why.status);
	soft_qp_put(qp);
}

static void settle_once(struct soft_qp *qp)
{
	if (__atomic_exchange_n(&qp->first_fpdu_due, false, __ATOMIC_ACQ_REL) &&
	    soft_stream_is_live(qp))
		qp->owner_ops->first_fpdu(qp->owner);
	if (soft_qp_is_failing(qp) && soft_stream_is_live(qp))
		end_stream(qp);
}

void soft_qp_settle(struct soft_qp *qp)
{
	if (!is_due(qp))
		return;
	soft_qp_get(qp);
	iw_lock(&qp->fail_lock);
	if (!qp->settling) {
		qp->settling = true;
		qp->settler = iw_thread_self();
		/* What becomes due while we work is ours: others saw that we are here. */
		while (is_due(qp)) {
			iw_unlock(&qp->fail_lock);
			settle_once(qp);
			iw_lock(&qp->fail_lock);
		}
		qp->settling = false;
	}
	iw_unlock(&qp->fail_lock);
	soft_qp_put(qp);
}

void soft_stream_cut(struct soft_qp *qp, const struct soft_failure *why)
{
	struct iw_stall stall = IW_STALL(soft_stream_tell, qp);
	bool from_inside;

	soft_qp_fail(qp, why);
	soft_qp_settle(qp);
	iw_lock(&qp->fail_lock);
	from_inside = qp->settling && iw_thread_is_self(qp->settler);
	/* One that is not failing was attached since: it is not the one to wait for. */
	while (qp->live && qp->failing && !from_inside)
		iw_cond_wait_told(&qp->over, &qp->fail_lock, &stall);
	iw_unlock(&qp->fail_lock);
	/* In first_fpdu(): nobody else will do it. */
	if (from_inside && soft_stream_is_live(qp))
		end_stream(qp);
}

void soft_qp_close(struct soft_qp *qp, unsigned int ms)
{
	soft_qp_lock_all(qp);
	if (soft_stream_is_live(qp) && qp->state == IBV_QPS_RTS) {
		soft_qp_set_state(qp, IBV_QPS_SQD);
		qp->close_timer.ops = &timer_ops;
		soft_tx_close(qp);
		if (!soft_qp_is_failing(qp))
			soft_timer_start(&qp->close_timer, ms);
	}
	soft_qp_unlock_all(qp);
	soft_qp_settle(qp);
}

void soft_qp_abort(struct soft_qp *qp)
{
	struct soft_failure why = { .status = 0 };

	soft_qp_fail(qp, &why);
	soft_qp_settle(qp);
}
