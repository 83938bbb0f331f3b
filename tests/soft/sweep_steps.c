// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The steps of fault_sweep's sessions: both ends in this process, on the software
 * device of lo. Each step may fail; then the session ends there, and says where.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "tests/soft/sweep_steps.h"

int sweep_wait_ms = 8000;

int sweep_failed(struct sweep *s, const char *step)
{
	if (!s->step) {
		s->err = errno;
		s->step = step;
	}
	return -1;
}

int64_t sweep_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* ---- waiting */

/* poll(2) may tell of a request that then cannot be made whole: there is no event after all. */
struct rdma_cm_event *sweep_next_event(struct rdma_event_channel *ch)
{
	int64_t end = sweep_now_ms() + sweep_wait_ms;
	struct rdma_cm_event *ev;
	struct pollfd pfd = { .fd = ch->fd, .events = POLLIN };

	while (sweep_now_ms() < end) {
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
int sweep_get(struct rdma_event_channel *ch, enum rdma_cm_event_type want,
	      struct rdma_cm_event **out)
{
	struct rdma_cm_event *ev = sweep_next_event(ch);

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
int sweep_complete(struct sweep *s, struct sweep_end *end, struct ibv_wc *wc)
{
	struct sweep_end *other = end == &s->client ? &s->server : &s->client;
	int64_t limit = sweep_now_ms() + sweep_wait_ms;
	int n;

	while (!(n = ibv_poll_cq(end->cq, 1, wc))) {
		if (srq_is_cut_off(end) && !(n = ibv_poll_cq(end->cq, 1, wc))) {
			errno = ECONNRESET;
			return -1;
		}
		if (n)
			break;
		if (other->cq)
			ibv_poll_cq(other->cq, 0, NULL);
		if (sweep_now_ms() > limit) {
			errno = ETIME;
			return -1;
		}
		usleep(200);
	}
	errno = EIO;
	return n == 1 && wc->status == IBV_WC_SUCCESS ? 0 : -1;
}

/* ---- ends */

struct sockaddr *sweep_addr(const struct sweep *s, bool any, uint16_t port)
{
	static __thread struct sockaddr_in sin;
	static __thread struct sockaddr_in6 sin6;

	sin6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons(port) };
	sin6.sin6_addr = any ? in6addr_any : in6addr_loopback;
	sin = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port) };
	sin.sin_addr.s_addr = htonl(any ? INADDR_ANY : INADDR_LOOPBACK);
	return s->six ? (struct sockaddr *)&sin6 : (struct sockaddr *)&sin;
}

int sweep_open_channel(struct sweep *s, struct sweep_end *end)
{
	STEP(!(end->events = rdma_create_event_channel()));
	fcntl(end->events->fd, F_SETFL, fcntl(end->events->fd, F_GETFL) | O_NONBLOCK);
	return 0;
}

int sweep_open_listener(struct sweep *s)
{
	if (sweep_open_channel(s, &s->server))
		return -1;
	STEP(rdma_create_id(s->server.events, &s->listener, NULL, RDMA_PS_TCP));
	STEP(rdma_bind_addr(s->listener, sweep_addr(s, s->wildcard, 0)));
	STEP(rdma_listen(s->listener, 2));
	s->port = ntohs(rdma_get_src_port(s->listener));
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

int sweep_open_srq(struct sweep *s, struct sweep_end *end)
{
	struct ibv_srq_init_attr attr = { .attr = { .max_wr = 8, .max_sge = 1 } };

	STEP(!(end->srq = ibv_create_srq(end->id->pd, &attr)));
	return 0;
}

/* CQ, QP and memory of an id that has its device. */
int sweep_equip(struct sweep *s, struct sweep_end *end)
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

struct rdma_conn_param sweep_param(void)
{
	return (struct rdma_conn_param){
		.private_data = "hello",
		.private_data_len = 6,
		.responder_resources = 4,
		.initiator_depth = 4,
	};
}

/* ---- connections */

int sweep_resolve(struct sweep *s)
{
	struct sweep_end *c = &s->client;

	if (sweep_open_channel(s, c))
		return -1;
	STEP(rdma_create_id(c->events, &c->id, NULL, RDMA_PS_TCP));
	STEP(rdma_resolve_addr(c->id, NULL, sweep_addr(s, false, s->port), 2000));
	STEP(sweep_get(c->events, RDMA_CM_EVENT_ADDR_RESOLVED, NULL));
	STEP(rdma_resolve_route(c->id, 2000));
	STEP(sweep_get(c->events, RDMA_CM_EVENT_ROUTE_RESOLVED, NULL));
	return 0;
}

/*
 * The request arrives, unless the client hears that it does not: it then fails,
 * and the server waits in vain with good reason.
 */
int sweep_await_request(struct sweep *s)
{
	struct pollfd pfd[2] = { { .fd = s->server.events->fd, .events = POLLIN },
				 { .fd = s->client.events->fd, .events = POLLIN } };
	int64_t limit = sweep_now_ms() + sweep_wait_ms;
	struct rdma_cm_event *ev;

	while (sweep_now_ms() < limit) {
		poll(pfd, 2, 100);
		if (!rdma_get_cm_event(s->server.events, &ev)) {
			s->server.id = ev->id;
			rdma_ack_cm_event(ev);
			return 0;
		}
		if (errno != EAGAIN)
			return -1;
		if (pfd[1].revents & POLLIN)
			return sweep_get(s->client.events, RDMA_CM_EVENT_CONNECT_REQUEST, NULL);
	}
	errno = ETIME;
	return -1;
}

int sweep_connect_ends(struct sweep *s, bool with_srq)
{
	struct rdma_conn_param cp = sweep_param();

	if (sweep_open_listener(s) || sweep_resolve(s) || sweep_equip(s, &s->client))
		return -1;
	STEP(rdma_connect(s->client.id, &cp));
	STEP(sweep_await_request(s));
	if ((with_srq && sweep_open_srq(s, &s->server)) || sweep_equip(s, &s->server))
		return -1;
	STEP(rdma_accept(s->server.id, &cp));
	STEP(sweep_get(s->client.events, RDMA_CM_EVENT_ESTABLISHED, NULL));
	STEP(sweep_get(s->server.events, RDMA_CM_EVENT_ESTABLISHED, NULL));
	return 0;
}

int sweep_disconnect(struct sweep *s, struct sweep_end *first)
{
	STEP(rdma_disconnect(first->id));
	STEP(sweep_get(s->client.events, RDMA_CM_EVENT_DISCONNECTED, NULL));
	STEP(sweep_get(s->server.events, RDMA_CM_EVENT_DISCONNECTED, NULL));
	return 0;
}

/* ---- transfers */

int sweep_post_recv(struct sweep *s, struct sweep_end *end, uint32_t len)
{
	struct ibv_sge sge = { (uintptr_t)end->bytes, len, end->mr->lkey };
	struct ibv_recv_wr wr = { .sg_list = &sge, .num_sge = 1 }, *bad;

	if (end->srq)
		VERB(ibv_post_srq_recv(end->srq, &wr, &bad));
	else
		VERB(ibv_post_recv(end->id->qp, &wr, &bad));
	return 0;
}

int sweep_post(struct sweep *s, enum ibv_wr_opcode opcode, uint32_t len, unsigned int flags)
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
	} else if (opcode != IBV_WR_SEND) {
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
	return sweep_failed(s, "compare");
}

int sweep_one_sided(struct sweep *s, enum ibv_wr_opcode opcode, uint32_t len)
{
	struct ibv_wc wc;

	paint(&s->client, len, 1);
	paint(&s->server, len, 99);
	if (sweep_post(s, opcode, len, 0))
		return -1;
	STEP(sweep_complete(s, &s->client, &wc));
	return opcode == IBV_WR_RDMA_READ ? compare(s, len) : 0;
}

int sweep_message(struct sweep *s, enum ibv_wr_opcode opcode, uint32_t len, unsigned int flags)
{
	struct ibv_wc wc;

	paint(&s->client, len, len);
	if (sweep_post_recv(s, &s->server, len) || sweep_post(s, opcode, len, flags))
		return -1;
	STEP(sweep_complete(s, &s->server, &wc));
	STEP(sweep_complete(s, &s->client, &wc));
	return compare(s, len);
}

/*
 * The client's answer; a client whose connection broke instead may try again in
 * an older way (MPA revision 1), which nobody here answers.
 */
int sweep_answer(struct sweep *s, enum rdma_cm_event_type want)
{
	struct pollfd pfd[2] = { { .fd = s->client.events->fd, .events = POLLIN },
				 { .fd = s->server.events->fd, .events = POLLIN } };
	struct rdma_cm_event *ev;

	poll(pfd, 2, sweep_wait_ms);
	if (pfd[1].revents & POLLIN && !rdma_get_cm_event(s->server.events, &ev)) {
		struct rdma_cm_id *again = ev->id;

		rdma_ack_cm_event(ev);
		rdma_destroy_id(again);
		errno = ECONNRESET;
		return -1;
	}
	return sweep_get(s->client.events, want, NULL);
}

int sweep_connect(struct sweep *s)
{
	return sweep_connect_ends(s, false);
}

int sweep_talk(struct sweep *s)
{
	return sweep_message(s, IBV_WR_SEND, LARGE, 0);
}

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
	if (s->spare)
		rdma_destroy_event_channel(s->spare);
	if (s->told && !sweep_peer_is_done(s->peer) && !s->verdict[0])
		snprintf(s->verdict, sizeof(s->verdict), "the other end waits in vain");
}
