// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The passive side from the request on: accept and reject. While a request
 * waits nobody watches its socket; whether the peer is still there shows when it
 * is answered.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "driver/soft/soft_conn.h"
#include "driver/soft/soft_limit.h"

/* ------------------------------------------------------------------- accept */

/* 0 if the peer waits in silence, as it must. */
static int peer_waits(int fd)
{
	uint8_t byte;
	ssize_t n;

	if (iw_fault(IW_FAULT_SYSCALL))
		return -ECONNRESET;
	do
		n = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n > 0)
		return -EPROTO;
	if (!n)
		return -ECONNRESET;
	return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -errno;
}

/* The Reply to a request, and what it makes of the stream. */
static int queue_reply(struct soft_conn *conn, const struct iw_cm_conn_param *param)
{
	struct soft_setup *setup = conn->setup;
	struct mpa_frame reply;
	int ret;

	setup->offer.ird = soft_setup_depth(param->responder_resources);
	setup->offer.ord = soft_setup_depth(param->initiator_depth);
	setup->offer.private_data = param->private_data;
	setup->offer.private_data_len = param->private_data_len;
	soft_setup_accept(&setup->peer, &setup->offer, &reply, &conn->stream);
	ret = soft_setup_queue(setup, &reply);
	setup->offer.private_data = NULL; /* the caller's */
	return ret;
}

/* REQUESTED -> ANSWERING. 1: the Reply is out. */
static int answer(struct soft_conn *conn, const struct iw_cm_conn_param *param)
{
	int ret;

	if (conn->phase != SOFT_CONN_REQUESTED || conn->gone)
		return -EINVAL;
	ret = peer_waits(conn->fd);
	if (!ret)
		ret = queue_reply(conn, param);
	if (ret)
		return ret;
	ret = soft_setup_write(conn->setup, conn->fd);
	if (ret)
		return ret == -EPIPE ? -ECONNRESET : ret;
	ret = soft_conn_watch(conn, EPOLLOUT);
	if (!ret)
		soft_conn_time(conn, soft_limit_ms(SOFT_CM_REPLY_MS));
	return ret;
}

int soft_passive_accept(struct soft_conn *conn, const struct iw_cm_conn_param *param)
{
	struct soft_after after;
	struct soft_qp *qp;
	int ret;

	if (param->private_data_len > SOFT_SETUP_DATA_MAX)
		return -EINVAL;
	qp = soft_qp_find(param->qp_num);
	if (!qp)
		return -EINVAL;
	soft_conn_lock(conn, &after);
	ret = answer(conn, param);
	if (ret < 0) {
		after.put = qp;
		soft_conn_unlock(conn, &after);
		return ret;
	}
	conn->qp = qp;
	conn->why = 0;
	conn->phase = SOFT_CONN_ANSWERING;
	if (ret)
		soft_conn_attach_and_unlock(conn, &after);
	else
		soft_conn_unlock(conn, &after);
	return 0;
}

void soft_passive_ready(struct soft_conn *conn)
{
	struct soft_after after;
	int ret = 0;

	soft_conn_lock(conn, &after);
	if (conn->phase == SOFT_CONN_ANSWERING)
		ret = soft_setup_write(conn->setup, conn->fd);
	if (ret > 0) {
		soft_conn_attach_and_unlock(conn, &after);
		return;
	}
	if (ret < 0)
		soft_conn_fail(conn, ret == -EPIPE ? -ECONNRESET : ret, NULL, &after);
	soft_conn_unlock(conn, &after);
}

/* ------------------------------------------------------------------- reject */

void soft_passive_refuse(struct soft_conn *conn, const void *data, uint16_t len)
{
	struct soft_setup *setup = conn->setup;
	struct mpa_frame reply;

	soft_setup_refuse(&setup->peer, data, len, &reply);
	if (!soft_setup_queue(setup, &reply))
		soft_conn_linger(conn, setup->out, setup->out_len);
	soft_conn_shut(conn);
	free(setup);
	conn->setup = NULL;
	conn->phase = SOFT_CONN_IDLE;
}

int soft_passive_reject(struct soft_conn *conn, const void *data, size_t len)
{
	struct soft_after after;

	if (len > SOFT_SETUP_DATA_MAX || (len && !data))
		return -EINVAL;
	soft_conn_lock(conn, &after);
	if (conn->phase == SOFT_CONN_REQUESTED)
		soft_passive_refuse(conn, data, (uint16_t)len);
	soft_conn_unlock(conn, &after);
	return 0;
}
