// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The life of a connection object, its way from a socket into a QP, and every
 * way out: the peer's close, a disconnect, a timeout, the end of the id. How it
 * comes as far as a socket that MPA has agreed on is in soft_active.c,
 * soft_listen.c and soft_passive.c.
 */
#include "driver/soft/soft_conn.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "driver/soft/soft_limit.h"
#include "driver/soft/soft_turn.h"

/* How much the loop may round a time: less than the shortest that is asked for. */
#define TIMER_SLACK_MS 50

static void watch_get(struct soft_watch *watch);
static void watch_put(struct soft_watch *watch);
static void ready(struct soft_watch *watch, uint32_t events);
static void timer_get(struct soft_timer *timer);
static void timer_put(struct soft_timer *timer);
static void fire(struct soft_timer *timer);

static const struct soft_watch_ops watch_ops = {
	.get = watch_get,
	.put = watch_put,
	.ready = ready,
};
static const struct soft_timer_ops timer_ops = {
	.get = timer_get,
	.put = timer_put,
	.fire = fire,
};

/* -------------------------------------------------------------------- Life */

struct soft_conn *soft_conn_new(bool passive)
{
	struct soft_conn *conn = iw_calloc(1, sizeof(*conn));

	if (!conn)
		return NULL;
	conn->refs = 1;
	conn->generation = soft_generation();
	iw_lock_init(&conn->lock);
	conn->phase = passive ? SOFT_CONN_HANDSHAKE : SOFT_CONN_IDLE;
	conn->passive = passive;
	conn->fd = -1;
	conn->watch.ops = &watch_ops;
	conn->timer.ops = &timer_ops;
	conn->opts = (struct soft_bind_opts){ .tos = -1, .afonly = -1 };
	TAILQ_INIT(&conn->pending);
	return conn;
}

void soft_conn_get(struct soft_conn *conn)
{
	__atomic_add_fetch(&conn->refs, 1, __ATOMIC_RELAXED);
}

void soft_conn_put(struct soft_conn *conn)
{
	struct iw_cm_id *id;

	if (__atomic_sub_fetch(&conn->refs, 1, __ATOMIC_ACQ_REL))
		return;
	/* Not before: a handshake whose listener drops it may become a request meanwhile. */
	id = conn->id;
	iw_lock_fini(&conn->lock);
	soft_turn_put(conn->turns);
	free(conn->setup);
	free(conn);
	if (id)
		iw_cm_driver_put(id);
}

int soft_conn_check(const struct soft_conn *conn)
{
	return conn->generation == soft_generation() ? 0 : -EACCES;
}

void soft_conn_lock(struct soft_conn *conn, struct soft_after *after)
{
	memset(after, 0, sizeof(*after));
	iw_lock(&conn->lock);
}

void soft_conn_unlock(struct soft_conn *conn, struct soft_after *after)
{
	iw_unlock(&conn->lock);
	if (after->abort) {
		soft_qp_abort(after->abort);
		soft_qp_put(after->abort);
	}
	if (after->release) {
		soft_qp_release(after->release);
		soft_qp_put(after->release);
	}
	if (after->put)
		soft_qp_put(after->put);
	if (after->drain)
		iw_cm_drain(conn->id);
}

/* -------------------------------------------------------- Watch and timer */

static struct soft_conn *of_watch(struct soft_watch *watch)
{
	return iw_container_of(watch, struct soft_conn, watch);
}

static struct soft_conn *of_timer(struct soft_timer *timer)
{
	return iw_container_of(timer, struct soft_conn, timer);
}

static void watch_get(struct soft_watch *watch)
{
	soft_conn_get(of_watch(watch));
}

static void watch_put(struct soft_watch *watch)
{
	soft_conn_put(of_watch(watch));
}

static void timer_get(struct soft_timer *timer)
{
	soft_conn_get(of_timer(timer));
}

static void timer_put(struct soft_timer *timer)
{
	soft_conn_put(of_timer(timer));
}

void soft_conn_time(struct soft_conn *conn, unsigned int ms)
{
	iw_assert_held(&conn->lock);
	conn->timer_due_ms = iw_now_ms() + ms;
	soft_timer_start(&conn->timer, ms);
}

int soft_conn_watch(struct soft_conn *conn, uint32_t events)
{
	iw_assert_held(&conn->lock);
	if (conn->watch.handle)
		return soft_watch_change(&conn->watch, events);
	return soft_watch_add(&conn->watch, soft_loop_fd(), conn->fd, events);
}

void soft_conn_quiet(struct soft_conn *conn)
{
	iw_assert_held(&conn->lock);
	if (conn->watch.handle)
		soft_watch_remove(&conn->watch);
	if (conn->timer_due_ms)
		soft_timer_stop(&conn->timer);
	conn->timer_due_ms = 0;
}

static void ready(struct soft_watch *watch, uint32_t events)
{
	struct soft_conn *conn = of_watch(watch);
	enum soft_conn_phase phase;

	iw_lock(&conn->lock);
	phase = conn->phase;
	iw_unlock(&conn->lock);
	/* Each looks at the phase again: a call may come in between. */
	if (phase == SOFT_CONN_LISTENING)
		soft_listen_ready(conn);
	else if (phase == SOFT_CONN_HANDSHAKE)
		soft_listen_request_ready(conn);
	else if (phase == SOFT_CONN_ANSWERING)
		soft_passive_ready(conn);
	else
		soft_active_ready(conn);
}

/* A phase took too long. */
static void timed_out(struct soft_conn *conn, struct soft_after *after)
{
	switch (conn->phase) {
	case SOFT_CONN_CONNECTING:
	case SOFT_CONN_REPLY_DUE:
	case SOFT_CONN_ANSWERING:
		soft_conn_fail(conn, -ETIMEDOUT, NULL, after);
		break;
	case SOFT_CONN_RTR_DUE:
		conn->why = -ETIMEDOUT;
		soft_qp_get(conn->qp);
		after->abort = conn->qp;
		break;
	case SOFT_CONN_STREAMING:
		soft_qp_get(conn->qp);
		after->release = conn->qp;
		break;
	default:
		break;
	}
}

static void fire(struct soft_timer *timer)
{
	struct soft_conn *conn = of_timer(timer);
	enum soft_conn_phase phase;
	struct soft_after after;

	soft_conn_lock(conn, &after);
	phase = conn->phase;
	/* Not if it was stopped, or started anew, while it fired. */
	if (!conn->timer_due_ms || iw_now_ms() + TIMER_SLACK_MS < conn->timer_due_ms)
		phase = SOFT_CONN_IDLE;
	else
		timed_out(conn, &after);
	soft_conn_unlock(conn, &after);
	if (phase == SOFT_CONN_LISTENING)
		soft_listen_resume(conn);
	else if (phase == SOFT_CONN_HANDSHAKE)
		soft_listen_request_timeout(conn);
}

/* ------------------------------------------------------------------ Sockets */

void soft_conn_shut(struct soft_conn *conn)
{
	soft_conn_quiet(conn);
	if (conn->fd >= 0)
		close(conn->fd);
	conn->fd = -1;
}

void soft_conn_linger(struct soft_conn *conn, const void *bytes, size_t len)
{
	soft_conn_quiet(conn);
	if (conn->fd >= 0)
		soft_loop_linger(conn->fd, bytes, len, SOFT_LINGER_MS);
	conn->fd = -1;
}

void soft_conn_reset(struct soft_conn *conn, struct soft_after *after)
{
	soft_conn_shut(conn);
	free(conn->setup);
	conn->setup = NULL;
	conn->phase = SOFT_CONN_IDLE;
	conn->retried = false;
	after->put = conn->qp;
	conn->qp = NULL;
}

/* ------------------------------------------------------------------- Events */

static void append(struct soft_conn *conn, const struct iw_cm_event *ev, struct soft_after *after)
{
	bool drain;

	iw_assert_held(&conn->lock);
	if (conn->gone || !conn->id)
		return;
	iw_cm_append(conn->id, ev, &drain);
	after->drain = after->drain || drain;
}

static void append_outcome(struct soft_conn *conn, int status, const struct iw_cm_conn_param *param,
			   struct soft_after *after)
{
	struct iw_cm_event ev = {
		.type = conn->passive ? IW_CM_EVENT_ESTABLISHED : IW_CM_EVENT_CONNECT_REPLY,
		.status = status,
	};

	if (param)
		ev.param = *param;
	append(conn, &ev, after);
}

void soft_conn_fail(struct soft_conn *conn, int status, const struct iw_cm_conn_param *param,
		    struct soft_after *after)
{
	iw_info("id %p: no connection: %s", (void *)conn->id, strerror(-status));
	append_outcome(conn, status, param, after);
	soft_conn_reset(conn, after);
}

/* STREAMING -> IDLE: once for each connection, after its outcome. */
static void closed(struct soft_conn *conn, struct soft_after *after)
{
	static const struct iw_cm_event disconnect = { .type = IW_CM_EVENT_DISCONNECT };
	static const struct iw_cm_event close = { .type = IW_CM_EVENT_CLOSE };

	soft_conn_reset(conn, after);
	append(conn, &disconnect, after);
	append(conn, &close, after);
}

/* ATTACHING or RTR_DUE -> STREAMING. What the event says is in iw_cm.h. */
static void established(struct soft_conn *conn, struct soft_after *after)
{
	struct iw_cm_conn_param param = {
		.responder_resources = conn->stream.ird,
		.initiator_depth = conn->stream.ord,
	};
	const struct mpa_frame *reply = &conn->setup->peer;

	if (!conn->passive) {
		param.private_data = reply->private_data;
		param.private_data_len = reply->private_data_len;
		if (reply->enhanced) {
			param.responder_resources = soft_setup_depth(reply->ord);
			param.initiator_depth = soft_setup_depth(reply->ird);
		}
	}
	soft_conn_quiet(conn);
	conn->phase = SOFT_CONN_STREAMING;
	append_outcome(conn, 0, &param, after);
	free(conn->setup);
	conn->setup = NULL;
	if (conn->ended)
		closed(conn, after);
	else if (conn->passive && !conn->got_fpdu)
		soft_conn_time(conn, SOFT_CM_FIRST_MS);
}

/* ------------------------------------------------------------ Tie to the QP */

static void first_fpdu(void *owner)
{
	struct soft_conn *conn = owner;
	struct soft_after after;

	soft_conn_lock(conn, &after);
	conn->got_fpdu = true;
	if (conn->phase == SOFT_CONN_RTR_DUE)
		established(conn, &after);
	else if (conn->phase == SOFT_CONN_STREAMING)
		soft_conn_quiet(conn);
	soft_conn_unlock(conn, &after);
}

static void ended(void *owner, int status)
{
	struct soft_conn *conn = owner;
	struct soft_after after;

	soft_conn_lock(conn, &after);
	if (status)
		iw_info("id %p: the stream broke: %s", (void *)conn->id, strerror(-status));
	conn->ended = true;
	if (conn->phase == SOFT_CONN_STREAMING)
		closed(conn, &after);
	else if (conn->phase == SOFT_CONN_RTR_DUE)
		soft_conn_fail(conn, conn->why ? conn->why : -ECONNRESET, NULL, &after);
	soft_conn_unlock(conn, &after);
	soft_conn_put(conn);
}

static const struct soft_owner_ops owner_ops = { .first_fpdu = first_fpdu, .ended = ended };

/* The QP would not have the stream: the peer believes in it, so it is told. */
static void not_attached(struct soft_conn *conn, int error, struct soft_after *after)
{
	uint8_t bytes[SOFT_SETUP_TERMINATE_SIZE];
	size_t len = 0;

	/* A responder is silent before the first FPDU. */
	if (!conn->passive)
		len = soft_setup_terminate(TERM_MPA_LOCAL, conn->stream.crc, bytes);
	soft_conn_linger(conn, bytes, len);
	soft_conn_fail(conn, conn->why ? conn->why : error, NULL, after);
}

static void attached(struct soft_conn *conn, struct soft_after *after)
{
	bool unwanted = conn->gone || conn->why;

	if (!conn->passive || !conn->stream.peer_to_peer || conn->got_fpdu) {
		established(conn, after);
	} else if (conn->ended) {
		soft_conn_fail(conn, conn->why ? conn->why : -ECONNRESET, NULL, after);
	} else {
		conn->phase = SOFT_CONN_RTR_DUE;
		soft_conn_time(conn, soft_limit_ms(SOFT_CM_RTR_MS));
	}
	if (unwanted && conn->qp) {
		soft_qp_get(conn->qp);
		after->abort = conn->qp;
	}
}

void soft_conn_attach_and_unlock(struct soft_conn *conn, struct soft_after *after)
{
	struct soft_stream stream = conn->stream;
	struct soft_qp *qp = conn->qp; /* stays: nobody else leaves ATTACHING */
	int ret;

	soft_conn_quiet(conn);
	conn->phase = SOFT_CONN_ATTACHING;
	conn->got_fpdu = conn->ended = false;
	stream.fd = conn->fd;
	conn->fd = -1;
	soft_conn_get(conn);
	iw_unlock(&conn->lock);

	ret = soft_qp_attach(qp, &stream, &owner_ops, conn);

	iw_lock(&conn->lock);
	if (ret) {
		conn->fd = stream.fd;
		not_attached(conn, ret, after);
	} else {
		attached(conn, after);
	}
	soft_conn_unlock(conn, after);
	if (ret)
		soft_conn_put(conn);
}

/* ---------------------------------------------------------------- The ends */

/* True: a graceful close of *@qp (with a reference) is the caller's. */
static bool begin_disconnect(struct soft_conn *conn, bool abrupt, struct soft_qp **qp,
			     struct soft_after *after)
{
	switch (conn->phase) {
	case SOFT_CONN_CONNECTING:
	case SOFT_CONN_REPLY_DUE:
	case SOFT_CONN_ANSWERING:
		soft_conn_fail(conn, -ECANCELED, NULL, after);
		return false;
	case SOFT_CONN_ATTACHING:
		conn->why = -ECANCELED;
		return false;
	case SOFT_CONN_RTR_DUE:
		conn->why = -ECANCELED;
		abrupt = true;
		break;
	case SOFT_CONN_STREAMING:
		break;
	default: /* it has ended, or has not begun: then we hear of it again */
		return false;
	}
	soft_qp_get(conn->qp);
	*(abrupt ? &after->abort : qp) = conn->qp;
	return !abrupt;
}

int soft_conn_disconnect(struct soft_conn *conn, bool abrupt)
{
	struct soft_after after;
	struct soft_qp *qp = NULL;
	bool graceful;

	soft_conn_lock(conn, &after);
	graceful = begin_disconnect(conn, abrupt, &qp, &after);
	soft_conn_unlock(conn, &after);
	if (graceful) {
		soft_qp_close(qp, soft_limit_ms(SOFT_CM_CLOSE_MS));
		soft_qp_put(qp);
	}
	return 0;
}

/* In a forked child: the locks and the loop are the parent's, our descriptors are ours. */
static void gone_in_child(struct soft_conn *conn)
{
	struct iw_cm_id *id = conn->id;

	if (conn->fd >= 0)
		close(conn->fd);
	free(conn);
	iw_cm_driver_put(id);
}

void soft_conn_gone(struct soft_conn *conn)
{
	enum soft_conn_phase phase;
	struct soft_after after;

	if (soft_conn_check(conn)) {
		gone_in_child(conn);
		return;
	}
	soft_conn_lock(conn, &after);
	conn->gone = true;
	phase = conn->phase;
	switch (phase) {
	case SOFT_CONN_ATTACHING: /* who attaches it will see */
		break;
	case SOFT_CONN_RTR_DUE:
	case SOFT_CONN_STREAMING:
		soft_qp_get(conn->qp);
		after.abort = conn->qp;
		break;
	case SOFT_CONN_REQUESTED:
		soft_passive_refuse(conn, NULL, 0);
		break;
	default:
		soft_conn_reset(conn, &after);
		break;
	}
	soft_conn_unlock(conn, &after);
	if (phase == SOFT_CONN_LISTENING)
		soft_listen_stop(conn);
	soft_conn_put(conn);
}
