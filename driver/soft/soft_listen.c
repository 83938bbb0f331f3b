// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Listening: TCP connections come in, each becomes a handshake that reads the
 * MPA Request, and with a good one a child id. What the program does with the
 * child is in soft_passive.c.
 *
 * Peers are hostile: a handshake has SOFT_CM_REQUEST_MS in all, there are at most
 * max_pending of them (the oldest gives way), all listeners together have a share
 * of the process's descriptors (each keeps PENDING_LEAST), and one wakeup takes
 * ACCEPT_BUDGET.
 * Good Requests beyond the backlog stay among them, and try again for a while, in
 * the order in which their connections came: programs number theirs by it. One is
 * handed over when the program has taken up the last (soft_turn.h).
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "driver/soft/soft_conn.h"
#include "driver/soft/soft_limit.h"
#include "driver/soft/soft_share.h"
#include "driver/soft/soft_turn.h"

#define ACCEPT_BUDGET 16
#define PENDING_MIN 64
#define PENDING_MAX 4096
#define PENDING_LEAST 16
/* Without descriptors or memory accept(2) would fail again and again at once. */
#define ACCEPT_PAUSE_MS 100
#define ROOM_STEP_MS 20
#define ROOM_MS 4000 /* less than the time that peers wait for a Reply */
#define TURN_STEP_MS 2

/* ------------------------------------------------------------ Pending list */

/* Atomic: the handshakes of all listeners. */
static unsigned int pending_in_all;

/* -ESHUTDOWN: the listener was stopped, and nobody will look at its list again. */
static int list(struct soft_conn *listener, struct soft_conn *conn)
{
	int ret = -ESHUTDOWN;

	iw_lock(&listener->lock);
	if (listener->phase == SOFT_CONN_LISTENING) {
		soft_conn_get(conn);
		conn->listed = true;
		TAILQ_INSERT_TAIL(&listener->pending, conn, pending_link);
		listener->npending++;
		__atomic_fetch_add(&pending_in_all, 1, __ATOMIC_RELAXED);
		ret = 0;
	}
	iw_unlock(&listener->lock);
	return ret;
}

/* The list's reference becomes the caller's. */
static void unlist(struct soft_conn *listener, struct soft_conn *conn)
{
	iw_assert_held(&listener->lock);
	TAILQ_REMOVE(&listener->pending, conn, pending_link);
	conn->listed = false;
	conn->in_line = false;
	listener->npending--;
	__atomic_fetch_sub(&pending_in_all, 1, __ATOMIC_RELAXED);
}

/* The handshake has ended, well or not; the listener's reference goes. */
static void leave(struct soft_conn *conn, struct soft_conn *listener)
{
	bool listed;

	if (!listener)
		return;
	iw_lock(&listener->lock);
	listed = conn->listed;
	if (listed)
		unlist(listener, conn);
	iw_unlock(&listener->lock);
	if (listed)
		soft_conn_put(conn);
	soft_conn_put(listener);
}

/* The lock is held: takes the reference out of @conn. */
static struct soft_conn *take_listener(struct soft_conn *conn)
{
	struct soft_conn *listener = conn->listener;

	iw_assert_held(&conn->lock);
	conn->listener = NULL;
	return listener;
}

/* Ends a handshake, if it is one still: without a word, or with No to a Request. */
static void drop(struct soft_conn *conn)
{
	struct soft_conn *listener = NULL;
	struct soft_after after;

	soft_conn_lock(conn, &after);
	if (conn->phase == SOFT_CONN_HANDSHAKE) {
		if (conn->waits_since_ms)
			soft_passive_refuse(conn, NULL, 0);
		else
			soft_conn_reset(conn, &after);
		listener = take_listener(conn);
	}
	soft_conn_unlock(conn, &after);
	leave(conn, listener);
}

/* The oldest, with the list's reference, if more than @max are pending. */
static struct soft_conn *pop_beyond(struct soft_conn *listener, unsigned int max)
{
	struct soft_conn *conn = NULL;

	iw_lock(&listener->lock);
	if (listener->npending > max) {
		conn = TAILQ_FIRST(&listener->pending);
		unlist(listener, conn);
	}
	iw_unlock(&listener->lock);
	return conn;
}

static void drop_beyond(struct soft_conn *listener, unsigned int max)
{
	struct soft_conn *conn;

	while ((conn = pop_beyond(listener, max))) {
		drop(conn);
		soft_conn_put(conn);
	}
}

/* Together they hold more descriptors than strangers may. */
static bool is_crowded(void)
{
	const unsigned int n = __atomic_load_n(&pending_in_all, __ATOMIC_RELAXED);

	return n > SOFT_SHARE_LEAST && n > soft_share_of_descriptors(SOFT_SHARE_HANDSHAKES);
}

/* False: there was none that may give way. */
static bool drop_oldest(struct soft_conn *listener)
{
	struct soft_conn *conn = pop_beyond(listener, PENDING_LEAST);

	if (!conn)
		return false;
	drop(conn);
	soft_conn_put(conn);
	return true;
}

static void make_room(struct soft_conn *listener)
{
	drop_beyond(listener, listener->max_pending);
	while (is_crowded() && drop_oldest(listener))
		;
}

/* ---------------------------------------------------------------- Listening */

static int ensure_bound(struct soft_conn *conn)
{
	static const struct sockaddr_in any = { .sin_family = AF_INET };
	const struct sockaddr *addr = (const struct sockaddr *)&conn->src;
	int ret;

	if (conn->fd >= 0)
		return 0;
	if (!conn->src.ss_family)
		addr = (const struct sockaddr *)&any;
	ret = soft_bind_socket(addr, &conn->opts, &conn->fd);
	return ret ? ret : soft_bind_names(conn->fd, &conn->src, NULL);
}

/* Twice the backlog; 0 or less asks for the most. */
static unsigned int max_pending(int backlog)
{
	if (backlog <= 0 || backlog > PENDING_MAX / 2)
		return PENDING_MAX;
	return backlog < PENDING_MIN / 2 ? PENDING_MIN : 2 * (unsigned int)backlog;
}

static int start(struct soft_conn *conn, int backlog)
{
	int ret;

	if (conn->phase != SOFT_CONN_IDLE || conn->gone)
		return -EINVAL;
	ret = ensure_bound(conn);
	if (!ret)
		ret = soft_bind_listen(conn->fd);
	if (!ret && !conn->turns)
		ret = soft_turn_new(conn, &conn->turns);
	if (ret)
		return ret;
	conn->max_pending = max_pending(backlog);
	conn->phase = SOFT_CONN_LISTENING;
	ret = soft_conn_watch(conn, EPOLLIN);
	if (ret)
		conn->phase = SOFT_CONN_IDLE;
	return ret;
}

int soft_listen_start(struct soft_conn *conn, int backlog)
{
	struct soft_after after;
	int ret = soft_loop_start();

	if (ret)
		return ret;
	soft_conn_lock(conn, &after);
	ret = start(conn, backlog);
	soft_conn_unlock(conn, &after);
	return ret;
}

void soft_listen_stop(struct soft_conn *conn)
{
	soft_turn_stop(conn->turns);
	drop_beyond(conn, 0);
}

/* -------------------------------------------------------------------- TCP in */

/* Unless the Request has been read, or the listener has let go of it. */
static int await_request(struct soft_conn *conn)
{
	int ret = 0;

	iw_lock(&conn->lock);
	if (conn->phase == SOFT_CONN_HANDSHAKE && !conn->waits_since_ms) {
		ret = soft_conn_watch(conn, EPOLLIN | EPOLLRDHUP);
		if (!ret)
			soft_conn_time(conn, soft_limit_ms(SOFT_CM_REQUEST_MS));
	}
	iw_unlock(&conn->lock);
	return ret;
}

/* Nobody came before it whose Request may have arrived as well. */
static bool is_alone(struct soft_conn *listener)
{
	bool alone;

	iw_lock(&listener->lock);
	alone = listener->npending == 1;
	iw_unlock(&listener->lock);
	return alone;
}

/* The first to read is whoever accepted: a Request is often there already. */
static int shake_hands(struct soft_conn *listener, struct soft_conn *conn)
{
	int ret;

	conn->setup = iw_calloc(1, sizeof(*conn->setup));
	ret = conn->setup ? list(listener, conn) : -ENOMEM;
	if (ret)
		return ret;
	if (is_alone(listener))
		soft_listen_request_ready(conn);
	return await_request(conn);
}

/* A new handshake on @fd, which it owns. */
static void handshake_new(struct soft_conn *listener, int fd)
{
	struct soft_conn *conn = soft_conn_new(true);

	if (!conn) {
		close(fd);
		return;
	}
	soft_conn_get(listener);
	conn->listener = listener;
	conn->fd = fd;
	conn->opts = listener->opts;
	if (shake_hands(listener, conn))
		drop(conn);
	soft_conn_put(conn);
}

static int accept_one(struct soft_conn *listener)
{
	int fd = -EMFILE;

	iw_lock(&listener->lock);
	if (listener->phase != SOFT_CONN_LISTENING)
		fd = -ESHUTDOWN;
	else if (!iw_fault(IW_FAULT_SYSCALL))
		fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd == -1)
		fd = -errno;
	iw_unlock(&listener->lock);
	return fd;
}

/* Errors of one connection, as accept(2) passes them on. */
static bool is_of_the_peer(int error)
{
	switch (error) {
	case -ECONNABORTED:
	case -EINTR:
	case -EPROTO:
	case -ENETDOWN:
	case -ENETUNREACH:
	case -EHOSTDOWN:
	case -EHOSTUNREACH:
	case -ENONET:
	case -ENOPROTOOPT:
	case -EOPNOTSUPP:
	case -EPERM:
		return true;
	default:
		return false;
	}
}

/* Those that a handshake holds. */
static bool is_of_descriptors(int error)
{
	return error == -EMFILE || error == -ENFILE;
}

static void pause_accepting(struct soft_conn *listener, int error)
{
	iw_warn("id %p: cannot take connections for %d ms: %s", (void *)listener->id,
		ACCEPT_PAUSE_MS, strerror(-error));
	iw_lock(&listener->lock);
	if (listener->phase == SOFT_CONN_LISTENING) {
		soft_conn_watch(listener, 0);
		soft_conn_time(listener, ACCEPT_PAUSE_MS);
	}
	iw_unlock(&listener->lock);
}

void soft_listen_resume(struct soft_conn *listener)
{
	iw_lock(&listener->lock);
	if (listener->phase == SOFT_CONN_LISTENING) {
		listener->timer_due_ms = 0;
		if (soft_conn_watch(listener, EPOLLIN)) /* or it would be deaf for ever */
			soft_conn_time(listener, ACCEPT_PAUSE_MS);
	}
	iw_unlock(&listener->lock);
}

void soft_listen_ready(struct soft_conn *listener)
{
	for (int i = 0; i < ACCEPT_BUDGET; i++) {
		int fd = accept_one(listener);

		if (fd >= 0) {
			handshake_new(listener, fd);
			make_room(listener);
		} else if (fd == -EAGAIN || fd == -ESHUTDOWN) {
			return;
		} else if (is_of_descriptors(fd) && drop_oldest(listener)) {
			continue;
		} else if (!is_of_the_peer(fd)) {
			pause_accepting(listener, fd);
			return;
		}
	}
}

/* ------------------------------------------------------------------- Request */

/* Back to HANDSHAKE, to try again, or refused. Takes @listener. */
static void no_room(struct soft_conn *conn, struct soft_conn *listener, int error)
{
	const uint64_t now = iw_now_ms();
	struct soft_after after;
	bool waits, listed;

	soft_conn_get(listener);
	soft_conn_lock(conn, &after);
	if (!conn->waits_since_ms)
		conn->waits_since_ms = now;
	waits = error == -EAGAIN ||
		(error == -EBUSY && now - conn->waits_since_ms < soft_limit_ms(ROOM_MS));
	if (waits) {
		conn->phase = SOFT_CONN_HANDSHAKE;
		conn->listener = listener;
		soft_conn_time(conn, error == -EAGAIN ? TURN_STEP_MS : ROOM_STEP_MS);
	} else {
		soft_passive_refuse(conn, NULL, 0);
	}
	soft_conn_unlock(conn, &after);
	if (!waits)
		leave(conn, listener);
	/* The listener may have let go of it, and found it REQUESTED. */
	iw_lock(&listener->lock);
	listed = conn->listed;
	conn->in_line = listed && waits;
	iw_unlock(&listener->lock);
	if (waits && !listed)
		drop(conn);
	soft_conn_put(listener);
}

/* Somebody who came before @conn still waits for room. */
static bool is_behind(struct soft_conn *conn, struct soft_conn *listener)
{
	struct soft_conn *c;

	iw_lock(&listener->lock);
	TAILQ_FOREACH (c, &listener->pending, pending_link)
		if (c == conn || c->in_line)
			break;
	iw_unlock(&listener->lock);
	return c && c != conn;
}

/* A child for the good Request of @conn, which is REQUESTED now. Takes @listener. */
static void hand_over(struct soft_conn *conn, struct soft_conn *listener)
{
	const struct mpa_frame *request = &conn->setup->peer;
	struct iw_cm_event ev = {
		.type = IW_CM_EVENT_CONNECT_REQUEST,
		.param = {
			.private_data = request->private_data,
			.private_data_len = request->private_data_len,
			.responder_resources = soft_setup_depth(request->ord),
			.initiator_depth = soft_setup_depth(request->ird),
		},
	};
	int ret;

	soft_conn_get(conn); /* the id's */
	ret = is_behind(conn, listener) ? -EBUSY : soft_turn_check(listener->turns);
	if (!ret)
		ret = iw_cm_child_new(listener->id, conn, &conn->id);
	if (ret) {
		conn->id = NULL;
		no_room(conn, listener, ret);
		soft_conn_put(conn);
		return;
	}
	ev.child = conn->id;
	soft_turn_begin(listener->turns, conn);
	/* On error the core ends the child: id_gone refuses the request. */
	iw_cm_post(listener->id, &ev);
	leave(conn, listener);
}

/* A Request that no program needs to see: refused or forgotten. */
static void bad_request(struct soft_conn *conn, int error, bool answer, struct soft_after *after)
{
	iw_info("a request is %s: %s", answer ? "refused" : "dropped", strerror(-error));
	if (answer)
		soft_passive_refuse(conn, NULL, 0);
	else
		soft_conn_reset(conn, after);
}

/* HANDSHAKE -> REQUESTED. */
static int take_request(struct soft_conn *conn)
{
	struct soft_setup *setup = conn->setup;
	bool same_host;
	int ret;

	ret = soft_bind_names(conn->fd, &conn->src, &conn->dst);
	if (ret)
		return ret;
	same_host = soft_bind_is_same_host((struct sockaddr *)&conn->src,
					   (struct sockaddr *)&conn->dst);
	soft_bind_tune_accepted(conn->fd, &conn->opts, same_host);
	soft_setup_crc(&setup->offer, soft_setup_crc_policy(), same_host);
	ret = soft_setup_judge(&setup->peer, &setup->offer);
	if (ret == -EOPNOTSUPP)
		iw_warn("a peer insists on MPA markers, which this device does not send");
	if (ret)
		return ret;
	soft_conn_quiet(conn);
	conn->phase = SOFT_CONN_REQUESTED;
	return 0;
}

void soft_listen_request_ready(struct soft_conn *conn)
{
	struct soft_conn *listener = NULL;
	struct soft_after after;
	int ret = 0;

	soft_conn_lock(conn, &after);
	if (conn->phase == SOFT_CONN_HANDSHAKE)
		ret = soft_setup_read(conn->setup, conn->fd, false);
	if (ret < 0)
		bad_request(conn, ret, false, &after);
	if (ret > 0) {
		ret = take_request(conn);
		if (ret)
			bad_request(conn, ret, ret == -EOPNOTSUPP || ret == -EPERM, &after);
		listener = take_listener(conn);
	} else if (ret < 0) {
		listener = take_listener(conn);
	}
	soft_conn_unlock(conn, &after);
	if (listener && !ret)
		hand_over(conn, listener);
	else
		leave(conn, listener);
}

/* The Request of @conn has been read before. */
static void request_again(struct soft_conn *conn)
{
	struct soft_conn *listener = NULL;
	struct soft_after after;

	soft_conn_lock(conn, &after);
	if (conn->phase == SOFT_CONN_HANDSHAKE) {
		conn->phase = SOFT_CONN_REQUESTED;
		listener = take_listener(conn);
	}
	soft_conn_unlock(conn, &after);
	if (listener)
		hand_over(conn, listener);
}

void soft_listen_next(struct soft_conn *listener)
{
	struct soft_conn *conn;

	iw_lock(&listener->lock);
	TAILQ_FOREACH (conn, &listener->pending, pending_link)
		if (conn->in_line)
			break;
	if (conn)
		soft_conn_get(conn);
	iw_unlock(&listener->lock);
	if (!conn)
		return;
	request_again(conn);
	soft_conn_put(conn);
}

void soft_listen_taken_up(struct soft_conn *conn)
{
	soft_turn_taken(__atomic_exchange_n(&conn->turn, NULL, __ATOMIC_ACQ_REL), conn->turn_no);
}

void soft_listen_request_timeout(struct soft_conn *conn)
{
	bool waits;

	iw_lock(&conn->lock);
	waits = conn->waits_since_ms;
	iw_unlock(&conn->lock);
	if (waits) {
		request_again(conn);
		return;
	}
	iw_info("a connection sent no MPA Request in %u ms", soft_limit_ms(SOFT_CM_REQUEST_MS));
	drop(conn);
}
