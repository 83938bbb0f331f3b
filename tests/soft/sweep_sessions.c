// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The sessions of fault_sweep with both ends in this process. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "tests/soft/sweep_steps.h"

/* ---- kinds */

static int run_transfer(struct sweep *s)
{
	if (sweep_connect_ends(s, false) || sweep_message(s, IBV_WR_SEND, SMALL, IBV_SEND_INLINE) ||
	    sweep_message(s, IBV_WR_SEND_WITH_IMM, LARGE, 0) ||
	    sweep_message(s, IBV_WR_RDMA_WRITE_WITH_IMM, LARGE, 0) ||
	    sweep_one_sided(s, IBV_WR_RDMA_WRITE, LARGE) ||
	    sweep_one_sided(s, IBV_WR_RDMA_READ, LARGE) ||
	    sweep_one_sided(s, IBV_WR_ATOMIC_FETCH_AND_ADD, 8))
		return -1;
	return sweep_disconnect(s, &s->client);
}

static int run_srq(struct sweep *s)
{
	struct ibv_srq_attr limit = { .srq_limit = 1 };

	if (sweep_connect_ends(s, true))
		return -1;
	VERB(ibv_modify_srq(s->server.srq, &limit, IBV_SRQ_LIMIT));
	if (sweep_message(s, IBV_WR_SEND, SMALL, 0) || sweep_message(s, IBV_WR_SEND, LARGE, 0))
		return -1;
	return sweep_disconnect(s, &s->server);
}

/* The completion is announced by the channel of an armed CQ. */
static int announced(struct sweep *s, struct sweep_end *end)
{
	struct pollfd pfd = { .fd = end->comp->fd, .events = POLLIN };
	struct ibv_cq *cq;
	void *context;

	errno = ETIME;
	if (poll(&pfd, 1, sweep_wait_ms) != 1)
		return sweep_failed(s, "the channel of the CQ stays silent");
	STEP(ibv_get_cq_event(end->comp, &cq, &context));
	ibv_ack_cq_events(cq, 1);
	return 0;
}

static int run_armed(struct sweep *s)
{
	struct ibv_wc wc;

	if (sweep_connect_ends(s, false) || sweep_post_recv(s, &s->server, SMALL))
		return -1;
	VERB(ibv_req_notify_cq(s->server.cq, 0));
	VERB(ibv_req_notify_cq(s->client.cq, 0));
	if (sweep_post(s, IBV_WR_SEND, SMALL, IBV_SEND_SOLICITED) || announced(s, &s->client))
		return -1;
	STEP(sweep_complete(s, &s->client, &wc));
	if (announced(s, &s->server))
		return -1;
	STEP(sweep_complete(s, &s->server, &wc));
	return sweep_disconnect(s, &s->client);
}

static int run_reject(struct sweep *s)
{
	struct rdma_conn_param cp = sweep_param();

	if (sweep_open_listener(s) || sweep_resolve(s) || sweep_equip(s, &s->client))
		return -1;
	STEP(rdma_connect(s->client.id, &cp));
	STEP(sweep_await_request(s));
	STEP(rdma_reject(s->server.id, "no", 3));
	STEP(sweep_answer(s, RDMA_CM_EVENT_REJECTED));
	return 0;
}

/* A request that is destroyed is refused. */
static int run_abandon(struct sweep *s)
{
	struct rdma_conn_param cp = sweep_param();

	if (sweep_open_listener(s) || sweep_resolve(s) || sweep_equip(s, &s->client))
		return -1;
	STEP(rdma_connect(s->client.id, &cp));
	STEP(sweep_await_request(s));
	STEP(rdma_destroy_id(s->server.id));
	s->server.id = NULL;
	STEP(sweep_answer(s, RDMA_CM_EVENT_REJECTED));
	return 0;
}

/* ---- synchronous endpoints */

static void *serve_endpoint(void *arg)
{
	struct sweep *s = arg;

	if (rdma_get_request(s->listener, &s->server.id))
		return (void *)"rdma_get_request";
	if (!rdma_accept(s->server.id, NULL))
		return NULL;
	/* A client that waits in rdma_connect has to learn of the failure. */
	rdma_destroy_ep(s->server.id);
	s->server.id = NULL;
	return (void *)"rdma_accept";
}

int sweep_make_ep(struct sweep *s, struct rdma_cm_id **id, uint16_t port, bool passive)
{
	struct ibv_qp_init_attr attr = {
		.cap = { .max_send_wr = 2, .max_recv_wr = 2, .max_send_sge = 1, .max_recv_sge = 1 },
		.sq_sig_all = 1,
	};
	struct rdma_addrinfo hints = { .ai_flags = RAI_NUMERICHOST, .ai_port_space = RDMA_PS_TCP };
	struct rdma_addrinfo *res;
	char service[8];
	int ret;

	if (passive)
		hints.ai_flags |= RAI_PASSIVE;
	snprintf(service, sizeof(service), "%u", port);
	STEP(rdma_getaddrinfo("127.0.0.1", service, &hints, &res));
	errno = 0;
	ret = rdma_create_ep(id, res, NULL, &attr);
	rdma_freeaddrinfo(res);
	return ret ? sweep_failed(s, "rdma_create_ep") : 0;
}

static void ask_again(struct sweep *s)
{
	struct rdma_cm_id *id;

	if (!__atomic_load_n(&s->server.id, __ATOMIC_ACQUIRE) &&
	    !sweep_make_ep(s, &id, ntohs(rdma_get_src_port(s->listener)), false)) {
		rdma_connect(id, NULL);
		rdma_destroy_ep(id);
	}
	usleep(1000);
}

static int run_sync(struct sweep *s)
{
	pthread_t thread;
	void *why = NULL;
	int err = 0;

	if (sweep_make_ep(s, &s->listener, 0, true))
		return -1;
	STEP(rdma_listen(s->listener, 2));
	if (sweep_make_ep(s, &s->client.id, ntohs(rdma_get_src_port(s->listener)), false))
		return -1;
	pthread_create(&thread, NULL, serve_endpoint, s);
	if (rdma_connect(s->client.id, NULL))
		err = errno ? errno : -1;
	/* It may wait for a request that was refused: others end that. */
	while (err && pthread_tryjoin_np(thread, &why) == EBUSY)
		ask_again(s);
	if (!err)
		pthread_join(thread, &why);
	errno = err;
	if (err)
		return sweep_failed(s, "rdma_connect");
	if (why) {
		errno = EPROTO;
		return sweep_failed(s, why);
	}
	STEP(rdma_disconnect(s->client.id));
	return 0;
}

/* ---- the table */

static int run_six(struct sweep *s)
{
	s->six = true;
	if (sweep_connect_ends(s, false) || sweep_message(s, IBV_WR_SEND, SMALL, 0))
		return -1;
	return sweep_disconnect(s, &s->server);
}

static int run_wildcard(struct sweep *s)
{
	s->wildcard = true;
	if (sweep_connect_ends(s, false) || sweep_message(s, IBV_WR_SEND, SMALL, 0))
		return -1;
	return sweep_disconnect(s, &s->client);
}

const struct sweep_kind sweep_kinds[] = {
	{ "transfer", run_transfer, false },
	{ "srq", run_srq, false },
	{ "armed", run_armed, false },
	{ "reject", run_reject, false },
	{ "abandon", run_abandon, false },
	{ "sync", run_sync, false },
	{ "active", sweep_run_active, true },
	{ "passive", sweep_run_passive, true },
	{ "migrate", sweep_run_migrate, false },
	{ "cancel", sweep_run_cancel, false },
	{ "nobody", sweep_run_nobody, false },
	{ "refused", sweep_run_refused, false },
	{ "six", run_six, false },
	{ "wildcard", run_wildcard, false },
	{ NULL, NULL, false },
};
