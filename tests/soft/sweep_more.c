// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Sessions of fault_sweep that do not go the straight way. */
#include <fcntl.h>
#include <poll.h>
#include <rdma/rdma_verbs.h>
#include <unistd.h>

#include "tests/soft/sweep_steps.h"

static int accept_request(struct sweep *s)
{
	struct rdma_conn_param cp = sweep_param();

	if (sweep_equip(s, &s->server))
		return -1;
	STEP(rdma_accept(s->server.id, &cp));
	return 0;
}

static int established(struct sweep *s)
{
	STEP(sweep_get(s->client.events, RDMA_CM_EVENT_ESTABLISHED, NULL));
	STEP(sweep_get(s->server.events, RDMA_CM_EVENT_ESTABLISHED, NULL));
	return 0;
}

/* ---- to another channel and back */

static int migrate(struct sweep *s, struct sweep_end *end)
{
	struct rdma_event_channel *from = end->events;

	STEP(rdma_migrate_id(end->id, s->spare));
	end->events = s->spare;
	s->spare = from;
	return 0;
}

int sweep_run_migrate(struct sweep *s)
{
	struct rdma_conn_param cp = sweep_param();

	if (sweep_open_listener(s) || sweep_resolve(s) || sweep_equip(s, &s->client))
		return -1;
	STEP(!(s->spare = rdma_create_event_channel()));
	fcntl(s->spare->fd, F_SETFL, fcntl(s->spare->fd, F_GETFL) | O_NONBLOCK);
	if (migrate(s, &s->client))
		return -1;
	STEP(rdma_connect(s->client.id, &cp));
	STEP(sweep_await_request(s));
	if (accept_request(s) || established(s) || migrate(s, &s->client) ||
	    sweep_message(s, IBV_WR_SEND, SMALL, 0))
		return -1;
	return sweep_disconnect(s, &s->server);
}

/* ---- the client goes before it is answered */

/* Either the accept fails, or an event says that nobody is there. */
static int no_client(struct sweep *s)
{
	struct rdma_cm_event *ev;

	if (accept_request(s))
		return 0;
	for (;;) {
		STEP(!(ev = sweep_next_event(s->server.events)));
		if (ev->event != RDMA_CM_EVENT_ESTABLISHED)
			break;
		rdma_ack_cm_event(ev);
	}
	rdma_ack_cm_event(ev);
	return 0;
}

int sweep_run_cancel(struct sweep *s)
{
	struct rdma_conn_param cp = sweep_param();
	int ret;

	if (sweep_open_listener(s) || sweep_resolve(s) || sweep_equip(s, &s->client))
		return -1;
	STEP(rdma_connect(s->client.id, &cp));
	STEP(sweep_await_request(s));
	rdma_destroy_qp(s->client.id);
	ret = rdma_destroy_id(s->client.id);
	STEP(ret);
	/* The memory goes by itself: its protection domain is the device's. */
	s->client.id = NULL;
	return no_client(s);
}

/* ---- nobody listens */

int sweep_run_nobody(struct sweep *s)
{
	struct rdma_conn_param cp = sweep_param();
	int ret;

	if (sweep_open_channel(s, &s->server))
		return -1;
	STEP(rdma_create_id(s->server.events, &s->listener, NULL, RDMA_PS_TCP));
	STEP(rdma_bind_addr(s->listener, sweep_addr(s, false, 0)));
	s->port = ntohs(rdma_get_src_port(s->listener));
	if (sweep_resolve(s) || sweep_equip(s, &s->client))
		return -1;
	ret = rdma_connect(s->client.id, &cp);
	if (ret)
		return errno == ECONNREFUSED ? 0 : sweep_failed(s, "rdma_connect");
	STEP(sweep_get(s->client.events, RDMA_CM_EVENT_REJECTED, NULL));
	return 0;
}

/* ---- what the software device does not have */

static void refused(struct sweep *s, int ret, const char *what)
{
	if (!ret && !s->verdict[0])
		snprintf(s->verdict, sizeof(s->verdict), "%s succeeds", what);
	if (ret && errno <= 0 && !s->verdict[0])
		snprintf(s->verdict, sizeof(s->verdict), "%s: no errno", what);
}

int sweep_run_refused(struct sweep *s)
{
	struct ibv_srq_init_attr_ex srq = {
		.attr = { .max_wr = 2, .max_sge = 1 },
		.comp_mask = IBV_SRQ_INIT_ATTR_TYPE | IBV_SRQ_INIT_ATTR_PD,
		.srq_type = IBV_SRQT_XRC,
	};
	struct ibv_qp_init_attr ud = {
		.cap = { .max_send_wr = 1, .max_recv_wr = 1, .max_send_sge = 1, .max_recv_sge = 1 },
		.qp_type = IBV_QPT_UD,
	};

	if (sweep_open_listener(s) || sweep_resolve(s))
		return -1;
	errno = 0;
	refused(s, rdma_create_qp(s->client.id, NULL, &ud), "a datagram QP");
	errno = 0;
	srq.pd = s->client.id->pd;
	refused(s, rdma_create_srq_ex(s->client.id, &srq), "an XRC SRQ");
	errno = 0;
	refused(s, rdma_join_multicast(s->client.id, sweep_addr(s, false, 0), NULL),
		"a multicast group");
	return s->verdict[0] ? -1 : 0;
}
