// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The guard over peers that owe an acknowledgement. See the header.
 */
#include "driver/soft/soft_guard.h"

#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "driver/soft/soft_limit.h"
#include "driver/soft/soft_qp.h"

/* So many looks within the limit: what is seen of an answer is not much older. */
#define LOOKS 12
/* One that is not answered may have left just now. */
#define PROBES_LOST 2

static struct soft_qp *qp_of(struct soft_timer *timer)
{
	return iw_container_of(timer, struct soft_qp, guard.timer);
}

/*
 * With the window shut TCP asks at ever longer distances, up to two minutes, and
 * the peer speaks only when asked: silence by itself means nothing then.
 */
static bool may_yet_answer(const struct soft_guard_view *view)
{
	if (!view->unacked)
		return view->probes < PROBES_LOST;
	return !view->window && view->silent_ms / PROBES_LOST < view->rto_ms;
}

void soft_guard_recall(struct soft_guard_past *past, struct soft_guard_view *view, uint64_t now_ms)
{
	const uint64_t ack_ms = now_ms - view->silent_ms;
	const bool counted = view->acked || view->bare;
	uint64_t silent_ms;

	if (!past->looked || !counted || view->acked != past->acked || view->bare != past->bare) {
		/* It answered since then; the last acknowledgement is the best guess when. */
		if (view->silent_ms < now_ms && ack_ms > past->answer_ms)
			past->answer_ms = ack_ms;
	}
	past->looked = true;
	past->acked = view->acked;
	past->bare = view->bare;
	silent_ms = now_ms - past->answer_ms;
	view->silent_ms = silent_ms > UINT32_MAX ? UINT32_MAX : (uint32_t)silent_ms;
}

int soft_guard_judge(const struct soft_guard_view *view, unsigned int limit_ms)
{
	const unsigned int next_ms = limit_ms / LOOKS;

	if (!view->unacked && !view->notsent)
		return SOFT_GUARD_IDLE;
	if (view->silent_ms < limit_ms)
		return (int)(limit_ms - view->silent_ms < next_ms ? limit_ms - view->silent_ms
								  : next_ms);
	return may_yet_answer(view) ? (int)next_ms : SOFT_GUARD_DEAD;
}

/* A kernel that says less fills less. */
static int view_stream(int fd, struct soft_guard_view *view)
{
	struct tcp_info info = { .tcpi_snd_wnd = UINT32_MAX };
	socklen_t len = sizeof(info);

	if (iw_fault(IW_FAULT_SYSCALL))
		return -ENOBUFS;
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len))
		return -errno;
	*view = (struct soft_guard_view){
		.unacked = info.tcpi_unacked,
		.notsent = info.tcpi_notsent_bytes,
		.window = info.tcpi_snd_wnd,
		.silent_ms = info.tcpi_last_ack_recv,
		.rto_ms = info.tcpi_rto / 1000,
		.probes = info.tcpi_probes,
		.bare = info.tcpi_segs_in - info.tcpi_data_segs_in,
		.acked = info.tcpi_bytes_acked,
	};
	return 0;
}

/* sq.lock is held. As soft_guard_judge(). */
static int look(struct soft_qp *qp)
{
	const unsigned int limit_ms = soft_limit_dead_peer_s() * 1000;
	struct soft_guard_view view;

	if (!qp->guard.on || qp->stream.fd < 0 || soft_qp_is_failing(qp))
		return SOFT_GUARD_IDLE;
	if (view_stream(qp->stream.fd, &view))
		return (int)(limit_ms / LOOKS);
	soft_guard_recall(&qp->guard.past, &view, iw_now_ms());
	return soft_guard_judge(&view, limit_ms);
}

static void timer_get(struct soft_timer *timer)
{
	soft_qp_get(qp_of(timer));
}

static void timer_put(struct soft_timer *timer)
{
	soft_qp_put(qp_of(timer));
}

static void timer_fire(struct soft_timer *timer)
{
	static const struct soft_failure dead = { .status = -ETIMEDOUT,
						  .reset = true,
						  .has_event = true,
						  .event = IBV_EVENT_QP_FATAL };
	struct soft_qp *qp = qp_of(timer);
	int next;

	iw_lock(&qp->sq.lock);
	next = look(qp);
	qp->guard.on = next > 0;
	if (next > 0)
		soft_timer_start(timer, (unsigned int)next);
	soft_sq_unlock(qp);
	if (next != SOFT_GUARD_DEAD)
		return;
	iw_info("QP %u: the peer has answered nothing for %u s", qp->ibv.qp_num,
		soft_limit_dead_peer_s());
	soft_qp_fail(qp, &dead);
	soft_qp_settle(qp);
}

static const struct soft_timer_ops timer_ops = { timer_get, timer_put, timer_fire };

void soft_guard_start(struct soft_qp *qp)
{
	iw_assert_held(&qp->sq.lock);
	if (qp->guard.on)
		return;
	qp->guard.on = true;
	qp->guard.past = (struct soft_guard_past){ .answer_ms = iw_now_ms() };
	qp->guard.timer.ops = &timer_ops;
	soft_timer_start(&qp->guard.timer, soft_limit_dead_peer_s() * 1000 / LOOKS);
}

void soft_guard_stop(struct soft_qp *qp)
{
	iw_lock(&qp->sq.lock);
	qp->guard.on = false;
	soft_timer_stop(&qp->guard.timer);
	iw_unlock(&qp->sq.lock);
}
