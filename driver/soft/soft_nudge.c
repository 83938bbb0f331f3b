// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Nudges for a responder that may have missed our first FPDU. See the header.
 */
#include "driver/soft/soft_nudge.h"

#include <errno.h>
#include <sys/socket.h>

#include "driver/soft/soft_qp.h"

/* Between two nudges; an emulated or busy peer may be away for long. */
static const uint16_t distance_ms[] = { 20, 100, 500 };

static struct soft_qp *qp_of(struct soft_timer *timer)
{
	return iw_container_of(timer, struct soft_qp, nudge.timer);
}

static void timer_get(struct soft_timer *timer)
{
	soft_qp_get(qp_of(timer));
}

static void timer_put(struct soft_timer *timer)
{
	soft_qp_put(qp_of(timer));
}

/* Has anything left at all? The first word of a stream is the program's. */
static bool has_spoken(const struct soft_qp *qp)
{
	return qp->stream.peer_to_peer || qp->sq.tx != qp->nudge.from;
}

/*
 * What it said may lie in the socket yet. If those were its last words, and some of
 * them do not fit in our window, a nudge would have them reset away.
 */
static bool is_answered(const struct soft_qp *qp)
{
	char first;

	return __atomic_load_n(&qp->rx.heard, __ATOMIC_RELAXED) ||
	       recv(qp->stream.fd, &first, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || errno != EAGAIN;
}

/* A timer of the last stream may come late. */
static bool is_wanted(const struct soft_qp *qp)
{
	return qp->stream.initiator && !qp->stream.extensions && qp->stream.fd >= 0 &&
	       !soft_qp_is_failing(qp) && !is_answered(qp);
}

/* Work may wait there, for the end of a Read that the peer has missed. */
static bool is_between_messages(const struct soft_tx *tx)
{
	return !tx->rest && !tx->want_write && !tx->at.offset && !tx->at.imm_due;
}

static void timer_fire(struct soft_timer *timer)
{
	struct soft_qp *qp = qp_of(timer);

	iw_lock(&qp->sq.lock);
	if (is_wanted(qp)) {
		if (has_spoken(qp) && is_between_messages(&qp->tx)) {
			qp->tx.at.nudge_due = true;
			soft_tx_run(qp);
		}
		if (++qp->nudge.next < IW_ARRAY_SIZE(distance_ms))
			soft_timer_start(timer, distance_ms[qp->nudge.next]);
	}
	soft_sq_unlock(qp);
	soft_qp_settle(qp);
}

static const struct soft_timer_ops timer_ops = { timer_get, timer_put, timer_fire };

void soft_nudge_start(struct soft_qp *qp)
{
	iw_assert_held(&qp->sq.lock);
	if (!is_wanted(qp))
		return;
	qp->nudge.from = qp->sq.tx;
	qp->nudge.next = 0;
	qp->nudge.timer.ops = &timer_ops;
	soft_timer_start(&qp->nudge.timer, distance_ms[0]);
}

void soft_nudge_stop(struct soft_qp *qp)
{
	iw_lock(&qp->sq.lock);
	soft_timer_stop(&qp->nudge.timer);
	iw_unlock(&qp->sq.lock);
}
