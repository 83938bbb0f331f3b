// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Threads that share what belongs together: some post (ibv_post_send and
 * ibv_wr_*), others poll the two CQs of all, one sleeps in ibv_get_cq_event or
 * in its own poll(2); receives come from one SRQ. Connections are closed by
 * either end with Sends under way:
 *   closed by the sender	all that was posted arrives
 *   closed by the receiver	what arrived is the beginning of what was sent
 *   in any case		each work request completes once, in order flushed
 * usage: share_stress [-s SECONDS] [-r SEED]
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <infiniband/verbs.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <rdma/rdma_cma.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define POSTERS 3
#define POLLERS 2
#define SENDS 400 /* of a connection, at most */
#define DEPTH 32
#define RECEIVES 2048 /* more than all posters have under way */
#define SIZE 4096
#define PATIENCE_S 20

#define fail(...)                                              \
	do {                                                   \
		fprintf(stderr, "share_stress: " __VA_ARGS__); \
		fputc('\n', stderr);                           \
		_exit(1);                                      \
	} while (0)

struct message {
	uint32_t poster, round, number;
};

/* What the pollers know of a poster's connection; all atomic. */
struct tally {
	uint32_t round;
	uint32_t posted, succeeded, flushed, received;
	uint8_t seen[SENDS];
};

struct poster {
	uint32_t index, seed;
	struct rdma_event_channel *events;
	struct rdma_cm_id *listener, *from, *to;
	struct tally tally;
	char out[DEPTH][SIZE];
	struct ibv_mr *mr;
	unsigned long sent, by_sender, by_receiver;
};

/* Who polls: posters as well. */
struct reaper {
	uint32_t seed;
	uint32_t hands; /* odd while it has completions in them; atomic */
};

static struct poster posters[POSTERS];
static struct reaper reapers[POSTERS + POLLERS + 1];
static __thread struct reaper *self;
static char in[RECEIVES][SIZE];
static struct ibv_pd *pd;
static struct ibv_comp_channel *channel;
static struct ibv_cq *send_cq, *recv_cq;
static struct ibv_srq *srq;
static struct ibv_mr *in_mr;
static bool stop, wake_up;

static uint32_t random_below(uint32_t *seed, uint32_t n)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed % n;
}

static bool is_over(void)
{
	return __atomic_load_n(&stop, __ATOMIC_ACQUIRE);
}

/* ---- completions */

static void post_receive(uint64_t i)
{
	struct ibv_sge sge = { (uintptr_t)in[i], SIZE, in_mr->lkey };
	struct ibv_recv_wr wr = { .wr_id = i, .sg_list = &sge, .num_sge = 1 }, *bad;

	if (ibv_post_srq_recv(srq, &wr, &bad))
		fail("ibv_post_srq_recv");
}

static void on_receive(const struct ibv_wc *wc)
{
	struct message m;
	struct tally *t;

	if (!wc->status) {
		memcpy(&m, in[wc->wr_id], sizeof(m));
		if (m.poster >= POSTERS || m.number >= SENDS)
			fail("something else than was sent");
		t = &posters[m.poster].tally;
		if (__atomic_load_n(&t->round, __ATOMIC_ACQUIRE) != m.round)
			fail("a message of an earlier connection");
		if (__atomic_exchange_n(&t->seen[m.number], 1, __ATOMIC_RELAXED))
			fail("a message came twice");
		__atomic_add_fetch(&t->received, 1, __ATOMIC_RELEASE);
	} else if (wc->status != IBV_WC_WR_FLUSH_ERR) {
		fail("receive: %s", ibv_wc_status_str(wc->status));
	}
	post_receive(wc->wr_id);
}

static void on_send(const struct ibv_wc *wc)
{
	struct tally *t = &posters[wc->wr_id >> 32].tally;

	if (!wc->status)
		__atomic_add_fetch(&t->succeeded, 1, __ATOMIC_RELEASE);
	else if (wc->status == IBV_WC_WR_FLUSH_ERR)
		__atomic_add_fetch(&t->flushed, 1, __ATOMIC_RELEASE);
	else
		fail("send: %s", ibv_wc_status_str(wc->status));
}

static void turn_hands(void)
{
	__atomic_add_fetch(&self->hands, 1, __ATOMIC_ACQ_REL);
}

static int reap(struct ibv_cq *cq, int most)
{
	struct ibv_wc wc[16];
	int n;

	turn_hands();
	n = ibv_poll_cq(cq, most, wc);
	if (n < 0)
		fail("ibv_poll_cq: %d", n);
	for (int i = 0; i < n; i++)
		(cq == send_cq ? on_send : on_receive)(&wc[i]);
	turn_hands();
	return n;
}

/* Counts what is in the queues, and waits until the others have counted what they took. */
static void settle(void)
{
	while (reap(recv_cq, 16) + reap(send_cq, 16))
		;
	for (unsigned int i = 0; i < POSTERS + POLLERS + 1; i++) {
		uint32_t was = __atomic_load_n(&reapers[i].hands, __ATOMIC_ACQUIRE);

		while (was & 1 && __atomic_load_n(&reapers[i].hands, __ATOMIC_ACQUIRE) == was)
			sched_yield();
	}
}

static void *poll_both(void *arg)
{
	self = arg;
	while (!is_over()) {
		reap(send_cq, 1 + (int)random_below(&self->seed, 16));
		if (random_below(&self->seed, 3))
			reap(recv_cq, 1 + (int)random_below(&self->seed, 16));
		if (random_below(&self->seed, 64) == 0)
			usleep(random_below(&self->seed, 8000));
	}
	return NULL;
}

/* Wakes for each event, by poll(2) of its own or in the library. */
static void *sleep_for_events(void *arg)
{
	struct pollfd pfd = { .fd = channel->fd, .events = POLLIN };
	struct ibv_cq *cq;
	void *context;

	self = arg;
	while (!__atomic_load_n(&wake_up, __ATOMIC_ACQUIRE)) {
		if (ibv_req_notify_cq(recv_cq, 0) || ibv_req_notify_cq(send_cq, 0))
			fail("ibv_req_notify_cq");
		while (reap(recv_cq, 16) + reap(send_cq, 16))
			;
		if (random_below(&self->seed, 2) && poll(&pfd, 1, 100) != 1)
			continue;
		if (ibv_get_cq_event(channel, &cq, &context))
			fail("ibv_get_cq_event: %m");
		ibv_ack_cq_events(cq, 1);
	}
	return NULL;
}

/* ---- connections */

static void make_shared(struct ibv_context *verbs)
{
	struct ibv_srq_init_attr attr = { .attr = { .max_wr = RECEIVES, .max_sge = 1 } };

	pd = ibv_alloc_pd(verbs);
	channel = ibv_create_comp_channel(verbs);
	if (!pd || !channel)
		fail("set-up: %m");
	send_cq = ibv_create_cq(verbs, 4096, NULL, channel, 0);
	recv_cq = ibv_create_cq(verbs, 4096, NULL, channel, 0);
	srq = ibv_create_srq(pd, &attr);
	in_mr = ibv_reg_mr(pd, in, sizeof(in), IBV_ACCESS_LOCAL_WRITE);
	if (!send_cq || !recv_cq || !srq || !in_mr)
		fail("set-up: %m");
	for (uint64_t i = 0; i < RECEIVES; i++)
		post_receive(i);
}

static void make_qp(struct rdma_cm_id *id)
{
	struct ibv_qp_init_attr_ex attr = {
		.send_cq = send_cq,
		.recv_cq = recv_cq,
		.srq = srq,
		.cap = { .max_send_wr = DEPTH, .max_send_sge = 1 },
		.qp_type = IBV_QPT_RC,
		.comp_mask = IBV_QP_INIT_ATTR_PD | IBV_QP_INIT_ATTR_SEND_OPS_FLAGS,
		.pd = pd,
		.send_ops_flags = IBV_QP_EX_WITH_SEND,
	};

	if (rdma_create_qp_ex(id, &attr))
		fail("rdma_create_qp_ex: %m");
}

static enum rdma_cm_event_type step(struct poster *p)
{
	struct rdma_conn_param param = { 0 };
	struct rdma_cm_event *ev;
	enum rdma_cm_event_type type;
	int rc = 0;

	if (rdma_get_cm_event(p->events, &ev))
		fail("rdma_get_cm_event: %m");
	type = ev->event;
	switch (type) {
	case RDMA_CM_EVENT_ADDR_RESOLVED:
		rc = rdma_resolve_route(p->from, 2000);
		break;
	case RDMA_CM_EVENT_ROUTE_RESOLVED:
		make_qp(p->from);
		rc = rdma_connect(p->from, &param);
		break;
	case RDMA_CM_EVENT_CONNECT_REQUEST:
		p->to = ev->id;
		make_qp(p->to);
		rc = rdma_accept(p->to, &param);
		break;
	case RDMA_CM_EVENT_ESTABLISHED:
	case RDMA_CM_EVENT_DISCONNECTED:
		break;
	default:
		fail("%s, status %d", rdma_event_str(type), ev->status);
	}
	if (rc)
		fail("after %s: %m", rdma_event_str(type));
	rdma_ack_cm_event(ev);
	return type;
}

static void resolve(struct poster *p)
{
	if (rdma_create_id(p->events, &p->from, NULL, RDMA_PS_TCP) ||
	    rdma_resolve_addr(p->from, NULL, rdma_get_local_addr(p->listener), 2000))
		fail("rdma_resolve_addr: %m");
}

static void wait_for(struct poster *p, enum rdma_cm_event_type type, unsigned int n)
{
	while (n)
		n -= step(p) == type;
}

/* ---- sending */

static int post_by_list(struct poster *p, uint32_t slot, uint64_t wr_id)
{
	struct ibv_sge sge = { (uintptr_t)p->out[slot], SIZE, p->mr->lkey };
	struct ibv_send_wr wr = { .wr_id = wr_id,
				  .sg_list = &sge,
				  .num_sge = 1,
				  .opcode = IBV_WR_SEND,
				  .send_flags = IBV_SEND_SIGNALED },
			   *bad;

	return ibv_post_send(p->from->qp, &wr, &bad);
}

static int post_by_method(struct poster *p, uint32_t slot, uint64_t wr_id)
{
	struct ibv_qp_ex *ex = ibv_qp_to_qp_ex(p->from->qp);

	ibv_wr_start(ex);
	ex->wr_id = wr_id;
	ex->wr_flags = IBV_SEND_SIGNALED;
	ibv_wr_send(ex);
	ibv_wr_set_sge(ex, p->mr->lkey, (uintptr_t)p->out[slot], SIZE);
	return ibv_wr_complete(ex);
}

static uint32_t done(const struct tally *t)
{
	return __atomic_load_n(&t->succeeded, __ATOMIC_ACQUIRE) +
	       __atomic_load_n(&t->flushed, __ATOMIC_ACQUIRE);
}

/* A slot is free again when the Send before it in that slot has completed: TCP has it. */
static void send_some(struct poster *p, uint32_t n, uint32_t close_at)
{
	struct tally *t = &p->tally;
	struct message m = { .poster = p->index, .round = t->round };
	uint32_t slot;
	int rc;

	for (uint32_t i = 0; i < n; i++) {
		if (i == close_at)
			rdma_disconnect(p->to);
		while (i - done(t) >= DEPTH / 2)
			sched_yield();
		slot = i % DEPTH;
		m.number = i;
		memcpy(p->out[slot], &m, sizeof(m));
		rc = (i & 8 ? post_by_method : post_by_list)(p, slot, (uint64_t)p->index << 32 | i);
		if (rc)
			fail("post: %s", strerror(rc));
		t->posted++;
	}
}

/* ---- what must hold */

static bool is_beginning(const struct tally *t)
{
	uint32_t n = __atomic_load_n(&t->received, __ATOMIC_ACQUIRE);

	for (uint32_t i = 0; i < n; i++)
		if (!__atomic_load_n(&t->seen[i], __ATOMIC_RELAXED))
			return false;
	return true;
}

/* The pollers may still be at it: soon. Nothing of the connection is counted later. */
static void check(const struct poster *p, bool by_sender)
{
	const struct tally *t = &p->tally;
	time_t until = time(NULL) + PATIENCE_S;
	bool ok;

	do {
		ok = done(t) == t->posted && is_beginning(t);
		if (by_sender)
			ok = ok && __atomic_load_n(&t->received, __ATOMIC_ACQUIRE) == t->posted;
		usleep(200);
	} while (!ok && time(NULL) < until);
	settle();
	if (!ok || !is_beginning(t))
		fail("closed by the %s: posted %u, succeeded %u, flushed %u, received %u%s",
		     by_sender ? "sender" : "receiver", t->posted, t->succeeded, t->flushed,
		     t->received, is_beginning(t) ? "" : " with gaps");
}

static void one_connection(struct poster *p)
{
	uint32_t n = 1 + random_below(&p->seed, SENDS - 1);
	bool by_sender = random_below(&p->seed, 2);
	struct tally *t = &p->tally;

	memset(t->seen, 0, sizeof(t->seen));
	t->posted = t->received = t->succeeded = t->flushed = 0;
	__atomic_add_fetch(&t->round, 1, __ATOMIC_RELEASE);
	resolve(p);
	wait_for(p, RDMA_CM_EVENT_ESTABLISHED, 2);
	send_some(p, n, by_sender ? n : random_below(&p->seed, n));
	if (by_sender)
		rdma_disconnect(p->from);
	wait_for(p, RDMA_CM_EVENT_DISCONNECTED, 2);
	check(p, by_sender);
	*(by_sender ? &p->by_sender : &p->by_receiver) += 1;
	p->sent += n;
	rdma_destroy_qp(p->from);
	rdma_destroy_qp(p->to);
	if (rdma_destroy_id(p->from) || rdma_destroy_id(p->to))
		fail("rdma_destroy_id: %m");
}

static void begin(struct poster *p)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	p->events = rdma_create_event_channel();
	if (!p->events || rdma_create_id(p->events, &p->listener, NULL, RDMA_PS_TCP) ||
	    rdma_bind_addr(p->listener, (struct sockaddr *)&sin) || rdma_listen(p->listener, 8))
		fail("rdma_listen: %m");
	if (!pd)
		make_shared(p->listener->verbs);
	p->mr = ibv_reg_mr(pd, p->out, sizeof(p->out), IBV_ACCESS_LOCAL_WRITE);
	if (!p->mr)
		fail("ibv_reg_mr: %m");
}

static void finish(struct poster *p)
{
	rdma_destroy_id(p->listener);
	rdma_destroy_event_channel(p->events);
	ibv_dereg_mr(p->mr);
}

static void *post_and_close(void *arg)
{
	struct poster *p = arg;
	time_t until = time(NULL) + (time_t)p->seed;

	self = &reapers[p->index];
	p->seed = (uint32_t)p->tally.round | 1;
	p->tally.round = 0;
	while (time(NULL) < until)
		one_connection(p);
	return NULL;
}

static void report(uint32_t seed)
{
	unsigned long sent = 0, by_sender = 0, by_receiver = 0;

	for (unsigned int i = 0; i < POSTERS; i++) {
		sent += posters[i].sent;
		by_sender += posters[i].by_sender;
		by_receiver += posters[i].by_receiver;
	}
	printf("share_stress: seed %u: %lu Sends, %lu connections closed by the sender, %lu by the "
	       "receiver\n",
	       seed, sent, by_sender, by_receiver);
	if (!by_sender && !by_receiver)
		fail("nothing happened");
	printf("ok\n");
}

static void run(uint32_t seed, unsigned int seconds)
{
	pthread_t threads[POSTERS], pollers[POLLERS], sleeper;

	for (unsigned int i = 0; i < POSTERS; i++) {
		posters[i].index = i;
		posters[i].seed = seconds;
		posters[i].tally.round = seed * 2654435761u + i * 40503u;
		begin(&posters[i]);
	}
	for (unsigned int i = 0; i < POSTERS + POLLERS + 1; i++)
		reapers[i].seed = seed + i ? seed + i : 1;
	for (unsigned int i = 0; i < POLLERS; i++)
		pthread_create(&pollers[i], NULL, poll_both, &reapers[POSTERS + i]);
	pthread_create(&sleeper, NULL, sleep_for_events, &reapers[POSTERS + POLLERS]);
	for (unsigned int i = 0; i < POSTERS; i++)
		pthread_create(&threads[i], NULL, post_and_close, &posters[i]);
	for (unsigned int i = 0; i < POSTERS; i++)
		pthread_join(threads[i], NULL);
	__atomic_store_n(&wake_up, true, __ATOMIC_RELEASE);
	self = &reapers[0];
	while (pthread_tryjoin_np(sleeper, NULL))
		one_connection(&posters[0]);
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	for (unsigned int i = 0; i < POLLERS; i++)
		pthread_join(pollers[i], NULL);
	for (unsigned int i = 0; i < POSTERS; i++)
		finish(&posters[i]);
}

int main(int argc, char **argv)
{
	uint32_t seed = (uint32_t)time(NULL);
	unsigned int seconds = 5;
	int o;

	while ((o = getopt(argc, argv, "s:r:")) != -1) {
		if (o == 's')
			seconds = (unsigned int)atoi(optarg);
		else if (o == 'r')
			seed = (uint32_t)strtoul(optarg, NULL, 0);
		else
			return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	alarm(seconds + 90); /* a hang is a failure */
	run(seed, seconds);
	if (ibv_destroy_srq(srq) || ibv_destroy_cq(send_cq) || ibv_destroy_cq(recv_cq) ||
	    ibv_destroy_comp_channel(channel) || ibv_dereg_mr(in_mr) || ibv_dealloc_pd(pd))
		fail("tear-down");
	report(seed);
	return 0;
}
