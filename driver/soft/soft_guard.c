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

#include "driver/soft/soft_limit.h"
#include "driver/soft/soft_qp.h"

/* While a peer keeps its window shut, so many looks within the limit. */
#define LOOKS 6
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

int soft_guard_judge(const struct soft_guard_view *view, unsigned int limit_ms)
{
	if (!view->unacked && !view->notsent)
		return SOFT_GUARD_IDLE;
	if (view->silent_ms < limit_ms)
		return (int)(limit_ms - view->silent_ms);
	return may_yet_answer(view) ? (int)(limit_ms / LOOKS) : SOFT_GUARD_DEAD;
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
	};
	return 0;
}

/* sq.lock is held. As soft_guard_judge(). */
static int look(const struct soft_qp *qp)
{
	const unsigned int limit_ms = soft_limit_dead_peer_s() * 1000;
	struct soft_guard_view view;

	if (!qp->guard.on || qp->stream.fd < 0 || soft_qp_is_failing(qp))
		return SOFT_GUARD_IDLE;
	if (view_stream(qp->stream.fd, &view))
		return (int)(limit_ms / LOOKS);
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
	iw_info("QP %u: the peer has acknowledged nothing for %u s", qp->ibv.qp_num,
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
	qp->guard.timer.ops = &timer_ops;
	soft_timer_start(&qp->guard.timer, soft_limit_dead_peer_s() * 1000);
}

void soft_guard_stop(struct soft_qp *qp)
{
	iw_lock(&qp->sq.lock);
	qp->guard.on = false;
	soft_timer_stop(&qp->guard.timer);
	iw_unlock(&qp->sq.lock);
}
