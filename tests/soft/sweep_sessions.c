// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The sessions of fault_sweep: both ends in this process, on the software device
 * of lo. Each step may fail; then the session ends there, and says where.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "tests/soft/sweep.h"

#define SMALL 16
#define LARGE (100u << 10)

static int failed(struct sweep *s, const char *step)
{
	if (!s->step) {
		s->err = errno;
		s->step = step;
	}
	return -1;
}

#define STEP(call)                               \
	do {                                     \
		errno = 0;                       \
		if (call)                        \
			return failed(s, #call); \
	} while (0)

/* A verb that returns its error. */
#define VERB(call)                               \
	do {                                     \
		errno = (call);                  \
		if (errno)                       \
			return failed(s, #call); \
	} while (0)

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* ---- waiting */

/* poll(2) may tell of a request that then cannot be made whole: there is no event after all. */
static struct rdma_cm_event *next_event(struct rdma_event_channel *ch)
{
	int64_t end = now_ms() + SWEEP_WAIT_MS;
	struct rdma_cm_event *ev;
	struct pollfd pfd = { .fd = ch->fd, .events = POLLIN };

	while (now_ms() < end) {
		poll(&pfd, 1, 100);
		if (!rdma_get_cm_event(ch, &ev))
			return ev;
		if (errno != EAGAIN)
			return NULL;
	}
	errno = ETIME;
	return NULL;
}

/* The event that is due; another one fails the step. */
static int get(struct rdma_event_channel *ch, enum rdma_cm_event_type want,
	       struct rdma_cm_event **out)
{
	struct rdma_cm_event *ev = next_event(ch);

	if (!ev)
		return -1;
	if (ev->event != want) {
		errno = ev->status ? abs(ev->status) : EPROTO;
		rdma_ack_cm_event(ev);
		return -1;
	}
	if (out)
		*out = ev;
	else
		rdma_ack_cm_event(ev);
	return 0;
}

/* Receives of a shared queue outlive their connection: its end is all that comes. */
static bool srq_is_cut_off(struct sweep_end *end)
{
	struct pollfd pfd = { .fd = end->events->fd, .events = POLLIN };

	return end->srq && poll(&pfd, 1, 0) == 1;
}

/* The completion of @end that is next, while both ends make progress. */
static int complete(struct sweep *s, struct sweep_end *end, struct ibv_wc *wc)
{
	struct sweep_end *other = end == &s->client ? &s->server : &s->client;
	int64_t limit = now_ms() + SWEEP_WAIT_MS;
	int n;

	while (!(n = ibv_poll_cq(end->cq, 1, wc))) {
		if (srq_is_cut_off(end) && !(n = ibv_poll_cq(end->cq, 1, wc))) {
			errno = ECONNRESET;
			return -1;
		}
		if (n)
			break;
		ibv_poll_cq(other->cq, 0, NULL);
		if (now_ms() > limit) {
			errno = ETIME;
			return -1;
		}
		usleep(200);
	}
	errno = EIO;
	return n == 1 && wc->status == IBV_WC_SUCCESS ? 0 : -1;
}

/* ---- ends */

static struct sockaddr *loopback(uint16_t port)
{
	static __thread struct sockaddr_in sin;

	sin = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port) };
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return (struct sockaddr *)&sin;
}

static int open_channel(struct sweep *s, struct sweep_end *end)
{
	STEP(!(end->events = rdma_create_event_channel()));
	fcntl(end->events->fd, F_SETFL, fcntl(end->events->fd, F_GETFL) | O_NONBLOCK);
	return 0;
}

static int open_listener(struct sweep *s)
{
	if (open_channel(s, &s->server))
		return -1;
	STEP(rdma_create_id(s->server.events, &s->listener, NULL, RDMA_PS_TCP));
	STEP(rdma_bind_addr(s->listener, loopback(0)));
	STEP(rdma_listen(s->listener, 2));
	return 0;
}

static int open_memory(struct sweep *s, struct sweep_end *end)
{
	STEP(!(end->bytes = calloc(1, SWEEP_BUFFER)));
	STEP(!(end->mr = ibv_reg_mr(end->id->pd, end->bytes, SWEEP_BUFFER,
				    IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE |
					    IBV_ACCESS_REMOTE_READ | IBV_ACCESS_REMOTE_ATOMIC)));
	return 0;
}

static int open_srq(struct sweep *s, struct sweep_end *end)
{
	struct ibv_srq_init_attr attr = { .attr = { .max_wr = 8, .max_sge = 1 } };

	STEP(!(end->srq = ibv_create_srq(end->id->pd, &attr)));
	return 0;
}

/* CQ, QP and memory of an id that has its device. */
static int equip(struct sweep *s, struct sweep_end *end)
{
	struct ibv_qp_init_attr attr = {
		.cap = { .max_send_wr = 8,
			 .max_recv_wr = 8,
			 .max_send_sge = 2,
			 .max_recv_sge = 2,
			 .max_inline_data = 64 },
		.qp_type = IBV_QPT_RC,
		.sq_sig_all = 1,
	};

	STEP(!(end->comp = ibv_create_comp_channel(end->id->verbs)));
	STEP(!(end->cq = ibv_create_cq(end->id->verbs, 32, NULL, end->comp, 0)));
	attr.send_cq = attr.recv_cq = end->cq;
	attr.srq = end->srq;
	STEP(rdma_create_qp(end->id, NULL, &attr));
	return open_memory(s, end);
}

static struct rdma_conn_param param(void)
{
	return (struct rdma_conn_param){
		.private_data = "hello",
		.private_data_len = 6,
		.responder_resources = 4,
		.initiator_depth = 4,
	};
}

/* ---- connections */

static int resolve(struct sweep *s)
{
	struct sweep_end *c = &s->client;

	if (open_channel(s, c))
		return -1;
	STEP(rdma_create_id(c->events, &c->id, NULL, RDMA_PS_TCP));
	STEP(rdma_resolve_addr(c->id, NULL, loopback(ntohs(rdma_get_src_port(s->listener))), 2000));
	STEP(get(c->events, RDMA_CM_EVENT_ADDR_RESOLVED, NULL));
	STEP(rdma_resolve_route(c->id, 2000));
	STEP(get(c->events, RDMA_CM_EVENT_ROUTE_RESOLVED, NULL));
	return 0;
}

/*
 * The request arrives, unless the client hears that it does not: it then fails,
 * and the server waits in vain with good reason.
 */
static int await_request(struct sweep *s)
{
	struct pollfd pfd[2] = { { .fd = s->server.events->fd, .events = POLLIN },
				 { .fd = s->client.events->fd, .events = POLLIN } };
	int64_t limit = now_ms() + SWEEP_WAIT_MS;
	struct rdma_cm_event *ev;

	while (now_ms() < limit) {
		poll(pfd, 2, 100);
		if (!rdma_get_cm_event(s->server.events, &ev)) {
			s->server.id = ev->id;
			rdma_ack_cm_event(ev);
			return 0;
		}
		if (errno != EAGAIN)
			return -1;
		if (pfd[1].revents & POLLIN)
			return get(s->client.events, RDMA_CM_EVENT_CONNECT_REQUEST, NULL);
	}
	errno = ETIME;
	return -1;
}

static int connect_ends(struct sweep *s, bool with_srq)
{
	struct rdma_conn_param cp = param();

	if (open_listener(s) || resolve(s) || equip(s, &s->client))
		return -1;
	STEP(rdma_connect(s->client.id, &cp));
	STEP(await_request(s));
	if ((with_srq && open_srq(s, &s->server)) || equip(s, &s->server))
		return -1;
	STEP(rdma_accept(s->server.id, &cp));
	STEP(get(s->client.events, RDMA_CM_EVENT_ESTABLISHED, NULL));
	STEP(get(s->server.events, RDMA_CM_EVENT_ESTABLISHED, NULL));
	return 0;
}

static int disconnect(struct sweep *s, struct sweep_end *first)
{
	STEP(rdma_disconnect(first->id));
	STEP(get(s->client.events, RDMA_CM_EVENT_DISCONNECTED, NULL));
	STEP(get(s->server.events, RDMA_CM_EVENT_DISCONNECTED, NULL));
	return 0;
}

/* ---- transfers */

static int post_recv(struct sweep *s, struct sweep_end *end, uint32_t len)
{
	struct ibv_sge sge = { (uintptr_t)end->bytes, len, end->mr->lkey };
	struct ibv_recv_wr wr = { .sg_list = &sge, .num_sge = 1 }, *bad;

	if (end->srq)
		VERB(ibv_post_srq_recv(end->srq, &wr, &bad));
	else
		VERB(ibv_post_recv(end->id->qp, &wr, &bad));
	return 0;
}

static int post(struct sweep *s, enum ibv_wr_opcode opcode, uint32_t len, unsigned int flags)
{
	struct ibv_sge sge = { (uintptr_t)s->client.bytes, len, s->client.mr->lkey };
	struct ibv_send_wr wr = {
		.opcode = opcode,
		.sg_list = &sge,
		.num_sge = 1,
		.send_flags = flags | IBV_SEND_SIGNALED,
	}, *bad;

	if (opcode == IBV_WR_ATOMIC_FETCH_AND_ADD) {
		wr.wr.atomic.remote_addr = (uintptr_t)s->server.bytes;
		wr.wr.atomic.rkey = s->server.mr->rkey;
		wr.wr.atomic.compare_add = 1;
	} else {
		wr.wr.rdma.remote_addr = (uintptr_t)s->server.bytes;
		wr.wr.rdma.rkey = s->server.mr->rkey;
	}
	VERB(ibv_post_send(s->client.id->qp, &wr, &bad));
	return 0;
}

static void paint(struct sweep_end *end, uint32_t len, unsigned int seed)
{
	for (uint32_t i = 0; i < len; i++)
		end->bytes[i] = (uint8_t)(seed + i * 7 + (i >> 8));
}

/* Bytes that a completion vouches for are there. */
static int compare(struct sweep *s, uint32_t len)
{
	if (!memcmp(s->client.bytes, s->server.bytes, len))
		return 0;
	snprintf(s->verdict, sizeof(s->verdict), "a success, but other bytes");
	return failed(s, "compare");
}

static int one_sided(struct sweep *s, enum ibv_wr_opcode opcode, uint32_t len)
{
	struct ibv_wc wc;

	paint(&s->client, len, 1);
	paint(&s->server, len, 99);
	if (post(s, opcode, len, 0))
		return -1;
	STEP(complete(s, &s->client, &wc));
	return opcode == IBV_WR_RDMA_READ ? compare(s, len) : 0;
}

static int message(struct sweep *s, enum ibv_wr_opcode opcode, uint32_t len, unsigned int flags)
{
	struct ibv_wc wc;

	paint(&s->client, len, len);
	if (post_recv(s, &s->server, len) || post(s, opcode, len, flags))
		return -1;
	STEP(complete(s, &s->server, &wc));
	STEP(complete(s, &s->client, &wc));
	return compare(s, len);
}

/*
 * The client's answer; a client whose connection broke instead may try again in
 * an older way (MPA revision 1), which nobody here answers.
 */
static int answer(struct sweep *s, enum rdma_cm_event_type want)
{
	struct pollfd pfd[2] = { { .fd = s->client.events->fd, .events = POLLIN },
				 { .fd = s->server.events->fd, .events = POLLIN } };
	struct rdma_cm_event *ev;

	poll(pfd, 2, SWEEP_WAIT_MS);
	if (pfd[1].revents & POLLIN && !rdma_get_cm_event(s->server.events, &ev)) {
		struct rdma_cm_id *again = ev->id;

		rdma_ack_cm_event(ev);
		rdma_destroy_id(again);
		errno = ECONNRESET;
		return -1;
	}
	return get(s->client.events, want, NULL);
}

int sweep_connect(struct sweep *s)
{
	return connect_ends(s, false);
}

int sweep_talk(struct sweep *s)
{
	return message(s, IBV_WR_SEND, LARGE, 0);
}

/* ---- kinds */

static int run_transfer(struct sweep *s)
{
	if (connect_ends(s, false) || message(s, IBV_WR_SEND, SMALL, IBV_SEND_INLINE) ||
	    message(s, IBV_WR_SEND_WITH_IMM, LARGE, 0) ||
	    message(s, IBV_WR_RDMA_WRITE_WITH_IMM, LARGE, 0) ||
	    one_sided(s, IBV_WR_RDMA_WRITE, LARGE) || one_sided(s, IBV_WR_RDMA_READ, LARGE) ||
	    one_sided(s, IBV_WR_ATOMIC_FETCH_AND_ADD, 8))
		return -1;
	return disconnect(s, &s->client);
}

static int run_srq(struct sweep *s)
{
	struct ibv_srq_attr limit = { .srq_limit = 1 };

	if (connect_ends(s, true))
		return -1;
	VERB(ibv_modify_srq(s->server.srq, &limit, IBV_SRQ_LIMIT));
	if (message(s, IBV_WR_SEND, SMALL, 0) || message(s, IBV_WR_SEND, LARGE, 0))
		return -1;
	return disconnect(s, &s->server);
}

/* The completion is announced by the channel of an armed CQ. */
static int announced(struct sweep *s, struct sweep_end *end)
{
	struct pollfd pfd = { .fd = end->comp->fd, .events = POLLIN };
	struct ibv_cq *cq;
	void *context;

	errno = ETIME;
	if (poll(&pfd, 1, SWEEP_WAIT_MS) != 1)
		return failed(s, "the channel of the CQ stays silent");
	STEP(ibv_get_cq_event(end->comp, &cq, &context));
	ibv_ack_cq_events(cq, 1);
	return 0;
}

static int run_armed(struct sweep *s)
{
	struct ibv_wc wc;

	if (connect_ends(s, false) || post_recv(s, &s->server, SMALL))
		return -1;
	VERB(ibv_req_notify_cq(s->server.cq, 0));
	VERB(ibv_req_notify_cq(s->client.cq, 0));
	if (post(s, IBV_WR_SEND, SMALL, IBV_SEND_SOLICITED) || announced(s, &s->client))
		return -1;
	STEP(complete(s, &s->client, &wc));
	if (announced(s, &s->server))
		return -1;
	STEP(complete(s, &s->server, &wc));
	return disconnect(s, &s->client);
}

static int run_reject(struct sweep *s)
{
	struct rdma_conn_param cp = param();

	if (open_listener(s) || resolve(s) || equip(s, &s->client))
		return -1;
	STEP(rdma_connect(s->client.id, &cp));
	STEP(await_request(s));
	STEP(rdma_reject(s->server.id, "no", 3));
	STEP(answer(s, RDMA_CM_EVENT_REJECTED));
	return 0;
}

/* A request that is destroyed is refused. */
static int run_abandon(struct sweep *s)
{
	struct rdma_conn_param cp = param();

	if (open_listener(s) || resolve(s) || equip(s, &s->client))
		return -1;
	STEP(rdma_connect(s->client.id, &cp));
	STEP(await_request(s));
	STEP(rdma_destroy_id(s->server.id));
	s->server.id = NULL;
	STEP(answer(s, RDMA_CM_EVENT_REJECTED));
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

static int make_ep(struct sweep *s, struct rdma_cm_id **id, uint16_t port, bool passive)
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
	return ret ? failed(s, "rdma_create_ep") : 0;
}

static int run_sync(struct sweep *s)
{
	pthread_t thread;
	void *why = NULL;
	int err = 0;

	if (make_ep(s, &s->listener, 0, true))
		return -1;
	STEP(rdma_listen(s->listener, 2));
	if (make_ep(s, &s->client.id, ntohs(rdma_get_src_port(s->listener)), false))
		return -1;
	pthread_create(&thread, NULL, serve_endpoint, s);
	if (rdma_connect(s->client.id, NULL))
		err = errno ? errno : -1;
	/* It may wait for a request that was refused: another one ends that. */
	if (err && !__atomic_load_n(&s->server.id, __ATOMIC_ACQUIRE)) {
		struct rdma_cm_id *second = NULL;

		if (!make_ep(s, &second, ntohs(rdma_get_src_port(s->listener)), false)) {
			rdma_connect(second, NULL);
			rdma_destroy_ep(second);
		}
	}
	pthread_join(thread, &why);
	errno = err;
	if (err)
		return failed(s, "rdma_connect");
	if (why) {
		errno = EPROTO;
		return failed(s, why);
	}
	STEP(rdma_disconnect(s->client.id));
	return 0;
}

const struct sweep_kind sweep_kinds[] = {
	{ "transfer", run_transfer },
	{ "srq", run_srq },
	{ "armed", run_armed },
	{ "reject", run_reject },
	{ "abandon", run_abandon },
	{ "sync", run_sync },
	{ NULL, NULL },
};

/* ---- the end */

static void must(struct sweep *s, int ret, const char *what)
{
	if (ret && !s->verdict[0])
		snprintf(s->verdict, sizeof(s->verdict), "%s: %d %m", what, ret);
}

static void end_id(struct sweep *s, struct rdma_cm_id *id)
{
	if (!id)
		return;
	if (id->qp)
		rdma_destroy_qp(id);
	must(s, rdma_destroy_id(id), "rdma_destroy_id");
}

static void close_end(struct sweep *s, struct sweep_end *end)
{
	if (end->mr)
		must(s, ibv_dereg_mr(end->mr), "ibv_dereg_mr");
	end_id(s, end->id);
	if (end->srq)
		must(s, ibv_destroy_srq(end->srq), "ibv_destroy_srq");
	if (end->cq)
		must(s, ibv_destroy_cq(end->cq), "ibv_destroy_cq");
	if (end->comp)
		must(s, ibv_destroy_comp_channel(end->comp), "ibv_destroy_comp_channel");
	free(end->bytes);
}

void sweep_close(struct sweep *s)
{
	close_end(s, &s->client);
	close_end(s, &s->server);
	end_id(s, s->listener);
	if (s->client.events)
		rdma_destroy_event_channel(s->client.events);
	if (s->server.events)
		rdma_destroy_event_channel(s->server.events);
}
