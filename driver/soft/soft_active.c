// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The active side: TCP connect, MPA Request, MPA Reply. On one host TCP answers
 * at once, so that the Request leaves in the call itself.
 *
 * A peer that closes without a Reply may know revision 1 alone: it is asked once
 * more, with that.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "driver/soft/soft_conn.h"
#include "driver/soft/soft_limit.h"

/* Ports that are tried in turn where the one that we chose is taken for this peer. */
#define PORTS 16

static const struct sockaddr *addr_of(const struct sockaddr_storage *addr)
{
	return (const struct sockaddr *)addr;
}

/* -------------------------------------------------------------------- Steps */

static int ensure_socket(struct soft_conn *conn)
{
	int ret;

	if (conn->fd >= 0)
		return 0;
	ret = soft_bind_socket(addr_of(&conn->src), &conn->opts, &conn->fd);
	return ret ? ret : soft_bind_names(conn->fd, &conn->src, NULL);
}

/* connect(2): 0, -EINPROGRESS or why not. */
static int connect_socket(const struct soft_conn *conn)
{
	int ret;

	if (iw_fault(IW_FAULT_SYSCALL))
		return -ENOBUFS;
	do
		ret = connect(conn->fd, addr_of(&conn->dst), soft_addr_size(addr_of(&conn->dst)));
	while (ret && errno == EINTR);
	return ret ? -errno : 0;
}

/*
 * Within a host TCP is there as soon as connect(2) returns, whatever that says. To
 * go on at once saves a trip through the loop, and Requests leave in the order of
 * the calls.
 */
static bool is_there(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };

	return !iw_fault(IW_FAULT_SYSCALL) && poll(&pfd, 1, 0) == 1 && pfd.revents == POLLOUT;
}

/* TCP is there, the Request is built: it goes out, the Reply is awaited. */
static int send_request(struct soft_conn *conn)
{
	int ret;

	soft_bind_names(conn->fd, &conn->src, NULL);
	ret = soft_setup_write(conn->setup, conn->fd);
	if (ret < 0)
		return ret;
	conn->phase = SOFT_CONN_REPLY_DUE;
	soft_conn_time(conn, soft_limit_ms(SOFT_CM_REPLY_MS));
	return soft_conn_watch(conn, ret ? EPOLLIN | EPOLLRDHUP : EPOLLIN | EPOLLOUT | EPOLLRDHUP);
}

/* IDLE (or a lost first try) -> CONNECTING or REPLY_DUE. */
static int begin(struct soft_conn *conn)
{
	int ret;

	ret = ensure_socket(conn);
	if (ret)
		return ret;
	soft_bind_tune(conn->fd, &conn->opts,
		       soft_bind_is_same_host(addr_of(&conn->src), addr_of(&conn->dst)));
	ret = connect_socket(conn);
	if (!ret || (ret == -EINPROGRESS && is_there(conn->fd)))
		return send_request(conn);
	if (ret != -EINPROGRESS)
		return ret;
	conn->phase = SOFT_CONN_CONNECTING;
	soft_conn_time(conn, soft_limit_ms(SOFT_CM_CONNECT_MS));
	return soft_conn_watch(conn, EPOLLOUT);
}

/*
 * From the port that the program was told. If that is taken for this peer, by a
 * connection of a moment ago, and was our choice: from another.
 */
static int begin_somewhere(struct soft_conn *conn)
{
	int ret = begin(conn);

	for (unsigned int i = 0; i < PORTS && conn->opts.any_port; i++) {
		if (ret != -EADDRINUSE && ret != -EADDRNOTAVAIL)
			break;
		soft_conn_shut(conn);
		soft_addr_set_port((struct sockaddr *)&conn->src, 0);
		ret = begin(conn);
	}
	return ret;
}

/* On a new socket: that of the last connection has gone, and what it held as well. */
static int begin_anew(struct soft_conn *conn)
{
	conn->opts.any_port = true;
	return begin_somewhere(conn);
}

/* ------------------------------------------------------------------ connect */

static int queue_request(struct soft_conn *conn, struct soft_setup *setup,
			 const struct iw_cm_conn_param *param)
{
	struct mpa_frame request;

	setup->offer = (struct soft_offer){
		.ird = soft_setup_depth(param->responder_resources),
		.ord = soft_setup_depth(param->initiator_depth),
		.peer_to_peer = soft_setup_wants_peer_to_peer(),
		.private_data = param->private_data,
		.private_data_len = param->private_data_len,
	};
	soft_setup_crc(&setup->offer, soft_setup_crc_policy(),
		       soft_bind_is_same_host(addr_of(&conn->src), addr_of(&conn->dst)));
	soft_setup_request(&setup->offer, SOFT_SETUP_REVISION, &request);
	setup->offer.private_data = NULL; /* the caller's */
	return soft_setup_queue(setup, &request);
}

/* What the peer, or the way to it, answered: told by event. Others by the call. */
static bool is_answer(int error)
{
	return error == -ECONNREFUSED || error == -ECONNRESET || error == -ETIMEDOUT ||
	       error == -EHOSTUNREACH || error == -EPIPE;
}

static int start(struct soft_conn *conn, struct soft_setup *setup, struct soft_qp *qp,
		 struct soft_after *after)
{
	int ret;

	if (conn->phase != SOFT_CONN_IDLE || conn->gone) {
		free(setup);
		after->put = qp;
		return -EINVAL;
	}
	conn->setup = setup;
	conn->qp = qp;
	conn->why = 0;
	conn->phase = SOFT_CONN_CONNECTING;
	ret = conn->fd < 0 ? begin_anew(conn) : begin_somewhere(conn);
	if (ret && is_answer(ret)) {
		soft_conn_fail(conn, ret == -EPIPE ? -ECONNRESET : ret, NULL, after);
		return 0;
	}
	if (ret)
		soft_conn_reset(conn, after);
	return ret;
}

int soft_active_connect(struct soft_conn *conn, const struct iw_cm_conn_param *param)
{
	struct soft_after after;
	struct soft_setup *setup;
	struct soft_qp *qp;
	int ret;

	if (!conn->dst.ss_family || param->private_data_len > SOFT_SETUP_DATA_MAX)
		return -EINVAL;
	ret = soft_loop_start();
	if (ret)
		return ret;
	setup = iw_calloc(1, sizeof(*setup));
	if (!setup)
		return -ENOMEM;
	ret = queue_request(conn, setup, param);
	qp = ret ? NULL : soft_qp_find(param->qp_num);
	if (!qp) {
		free(setup);
		return ret ? ret : -EINVAL;
	}
	soft_conn_lock(conn, &after);
	ret = start(conn, setup, qp, &after);
	soft_conn_unlock(conn, &after);
	return ret;
}

/* ------------------------------------------------------------ Second attempt */

/* The Request once more, without enhanced data; its private data lies in @out. */
static int queue_revision_1(struct soft_setup *setup)
{
	uint8_t data[MPA_PRIVATE_MAX];
	struct mpa_frame request;

	setup->offer.private_data_len = (uint16_t)iw_copy(
		data, sizeof(data), setup->ours.private_data, setup->ours.private_data_len);
	setup->offer.private_data = data;
	setup->have = 0;
	soft_setup_request(&setup->offer, 1, &request);
	setup->offer.private_data = NULL;
	return soft_setup_queue(setup, &request);
}

static int retry(struct soft_conn *conn)
{
	int ret;

	soft_conn_shut(conn);
	conn->retried = true;
	ret = queue_revision_1(conn->setup);
	return ret ? ret : begin_anew(conn);
}

/* True if there was a second attempt to make; then it is under way. */
static bool may_retry(const struct soft_conn *conn, int error)
{
	return (error == -ECONNRESET || error == -EPIPE) && !conn->retried && !conn->setup->have;
}

/* TCP or the peer ended the attempt. The first failure is the one that counts. */
static void lost(struct soft_conn *conn, int error, struct soft_after *after)
{
	if (conn->phase == SOFT_CONN_REPLY_DUE && may_retry(conn, error)) {
		iw_info("id %p: closed without a Reply: asking again with MPA revision 1",
			(void *)conn->id);
		if (!retry(conn))
			return;
		error = -ECONNRESET;
	}
	if (conn->retried || error == -EPIPE)
		error = -ECONNRESET;
	soft_conn_fail(conn, error, NULL, after);
}

/* -------------------------------------------------------------------- Reply */

static void close_with(struct soft_conn *conn, uint16_t code)
{
	const bool crc = conn->setup->ours.crc || conn->setup->peer.crc;
	uint8_t bytes[SOFT_SETUP_TERMINATE_SIZE];

	if (code)
		soft_conn_linger(conn, bytes, soft_setup_terminate(code, crc, bytes));
}

/* The Reply is no frame that we understand: CONNECT_ERROR. */
static void bad_reply(struct soft_conn *conn, int error, struct soft_after *after)
{
	iw_warn("id %p: bad MPA Reply: %s", (void *)conn->id, strerror(-error));
	if (error == -EPROTO || error == -EBADMSG)
		close_with(conn, TERM_MPA_FRAME);
	soft_conn_fail(conn, -EINVAL, NULL, after);
}

/* The event that tells of a Reply that refused. */
static void refused(struct soft_conn *conn, int status, struct soft_after *after)
{
	const struct mpa_frame *reply = &conn->setup->peer;
	struct iw_cm_conn_param param = {
		.private_data = reply->private_data,
		.private_data_len = reply->private_data_len,
	};

	soft_conn_fail(conn, status, reply->reject ? &param : NULL, after);
}

/* A whole Reply is there. Releases the lock. */
static void conclude_and_unlock(struct soft_conn *conn, struct soft_after *after)
{
	struct soft_setup *setup = conn->setup;
	uint16_t terminate;
	int ret;

	ret = soft_setup_conclude(&setup->ours, &setup->peer, &setup->offer, &conn->stream,
				  &terminate);
	if (!ret) {
		soft_conn_attach_and_unlock(conn, after);
		return;
	}
	close_with(conn, terminate);
	refused(conn, ret, after);
	soft_conn_unlock(conn, after);
}

static bool is_of_tcp(int error)
{
	return error == -ECONNRESET || error == -EPIPE || error == -ETIMEDOUT ||
	       error == -EHOSTUNREACH || error == -ENETUNREACH || error == -ECONNREFUSED;
}

/* REPLY_DUE. Releases the lock. */
static void reply_ready_and_unlock(struct soft_conn *conn, struct soft_after *after)
{
	int ret = 1;

	if (conn->setup->sent < conn->setup->out_len) {
		ret = soft_setup_write(conn->setup, conn->fd);
		if (ret > 0)
			ret = soft_conn_watch(conn, EPOLLIN | EPOLLRDHUP);
	}
	if (ret >= 0)
		ret = soft_setup_read(conn->setup, conn->fd, true);
	if (ret > 0) {
		conclude_and_unlock(conn, after);
		return;
	}
	if (ret < 0 && is_of_tcp(ret))
		lost(conn, ret, after);
	else if (ret < 0)
		bad_reply(conn, ret, after);
	soft_conn_unlock(conn, after);
}

/* CONNECTING. */
static void tcp_ready(struct soft_conn *conn, struct soft_after *after)
{
	socklen_t len = sizeof(int);
	int error = 0;

	if (getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &error, &len))
		error = errno;
	error = error ? -error : send_request(conn);
	if (error)
		lost(conn, error, after);
}

void soft_active_ready(struct soft_conn *conn)
{
	struct soft_after after;

	soft_conn_lock(conn, &after);
	if (conn->phase == SOFT_CONN_REPLY_DUE) {
		reply_ready_and_unlock(conn, &after);
		return;
	}
	if (conn->phase == SOFT_CONN_CONNECTING && conn->fd >= 0)
		tcp_ready(conn, &after);
	soft_conn_unlock(conn, &after);
}
