// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The passive ends: threads over two shared channels and one CQ, as servers have them. */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <unistd.h>

#include "tests/soak/soak_end.h"

#define CHANNELS 2
#define THREADS 3
#define CQES (ENDS * 4 * WRS)

static struct rdma_event_channel *channels[CHANNELS];
static struct rdma_cm_id *listeners[CHANNELS];
static struct ibv_comp_channel *comp;
static struct ibv_cq *cq;				   /* atomic */
static pthread_mutex_t making = PTHREAD_MUTEX_INITIALIZER; /* protects: the making of it */
static pthread_t completions;
static bool ended; /* atomic */

/* ---- messages */

static void answer(struct end *e, unsigned int i)
{
	struct message *m = &e->memory->in[i];
	struct ibv_send_wr wr = { .wr_id = end_wr_id(e, i, true), .opcode = IBV_WR_SEND };

	end_post(e, &wr, m, (uint32_t)offsetof(struct message, payload) + m->len);
}

static bool is_good(const struct end *e, const struct message *m, uint32_t len)
{
	return len >= offsetof(struct message, payload) && m->number == e->plan.number &&
	       m->len == len - offsetof(struct message, payload) && m->seq == e->next_seq &&
	       is_filled(m->payload, m->len, (uint64_t)m->number << 8 | m->seq);
}

/* True: the end is to be destroyed. The end's lock is held. */
static bool on_message(struct end *e, unsigned int i, const struct ibv_wc *wc)
{
	const struct message *m = &e->memory->in[i];

	if (!is_good(e, m, wc->byte_len)) {
		book_see(e->plan.number, PASSIVE, SEEN_BAD);
		return true;
	}
	e->next_seq++;
	switch (m->command) {
	case COMMAND_ECHO:
		answer(e, i);
		return false;
	case COMMAND_DISCONNECT:
		rdma_disconnect(e->id);
		return false;
	default:
		return true;
	}
}

static void on_completion(const struct ibv_wc *wc)
{
	bool send, destroy = false;
	unsigned int i;
	struct end *e = end_of(wc->wr_id, &i, &send);

	if (!e || send || wc->status)
		return;
	pthread_mutex_lock(&e->lock);
	if (end_of(wc->wr_id, &i, &send) == e && !end_is_ending(e) && e->id->qp)
		destroy = on_message(e, i, wc) && end_claim(e);
	pthread_mutex_unlock(&e->lock);
	if (!destroy)
		return;
	book_see(e->plan.number, PASSIVE, SEEN_GAVE_UP);
	end_finish(e);
}

static void take_completions(void)
{
	struct ibv_wc wc[16];
	int n;

	while ((n = ibv_poll_cq(cq, 16, wc)) > 0)
		for (int i = 0; i < n; i++)
			on_completion(&wc[i]);
	if (n < 0)
		fail("ibv_poll_cq: %d", n);
}

static void *serve_completions(void *unused)
{
	struct pollfd pfd = { .fd = comp->fd, .events = POLLIN };
	struct ibv_cq *which;
	void *context;

	while (!atomic_get(&ended)) {
		if (poll(&pfd, 1, 100) <= 0)
			continue;
		if (ibv_get_cq_event(comp, &which, &context))
			fail("ibv_get_cq_event: %m");
		ibv_ack_cq_events(which, 1);
		if (ibv_req_notify_cq(cq, 0))
			fail("ibv_req_notify_cq: %m");
		take_completions();
	}
	return unused;
}

/* At the first request: before it there is no device. */
static struct ibv_cq *server_cq(struct ibv_context *verbs)
{
	struct ibv_cq *made;

	if (atomic_get(&cq))
		return cq;
	pthread_mutex_lock(&making);
	if (!cq) {
		comp = ibv_create_comp_channel(verbs);
		made = comp ? ibv_create_cq(verbs, CQES, NULL, comp, 0) : NULL;
		if (!made || ibv_req_notify_cq(made, 0))
			fail("ibv_create_cq: %m");
		atomic_set(&cq, made);
		pthread_create(&completions, NULL, serve_completions, NULL);
	}
	pthread_mutex_unlock(&making);
	return cq;
}

/* ---- events */

static void accept_end(struct end *e)
{
	struct rdma_conn_param param = { .responder_resources = 4, .initiator_depth = 4 };
	int rc;

	if (e->plan.answer == ANSWER_LATE)
		usleep(e->plan.late_us);
	pthread_mutex_lock(&e->lock);
	if (end_open(e, server_cq(e->id->verbs)))
		fail("a QP to accept with: %m");
	e->offer = (struct offer){ (uintptr_t)&e->memory->counter, e->mr->rkey, e->plan.number };
	param.private_data = &e->offer;
	param.private_data_len = sizeof(e->offer);
	end_doing(e, "ESTABLISHED");
	/* Whoever destroys it waits for the lock; without it, it may be another's slot. */
	rc = rdma_accept(e->id, &param) && end_claim(e);
	pthread_mutex_unlock(&e->lock);
	if (rc) {
		book_see(e->plan.number, PASSIVE, SEEN_FAILED);
		end_finish(e);
	}
}

/* The peer may have gone. */
static void refuse(struct end *e)
{
	uint32_t number = e->plan.number;

	if (e->plan.answer == ANSWER_DROP)
		book_see(number, PASSIVE, SEEN_GAVE_UP);
	else if (rdma_reject(e->id, &number, sizeof(number)))
		book_see(number, PASSIVE, SEEN_FAILED);
	else
		book_see(number, PASSIVE, SEEN_REJECTED);
	end_finish(e);
}

static void on_request(struct rdma_cm_event *ev)
{
	struct rdma_cm_id *id = ev->id;
	uint32_t number = UINT32_MAX;
	struct end *e;
	bool refuses;

	if (ev->param.conn.private_data_len >= sizeof(number))
		memcpy(&number, ev->param.conn.private_data, sizeof(number));
	if (number >= RECORDS)
		fail("a request of nobody");
	e = end_new(PASSIVE, number, false, 0);
	if (!e)
		fail("more connections than the clients have");
	e->id = id;
	id->context = e;
	book_begin(number, PASSIVE, 0);
	refuses = e->plan.answer == ANSWER_REJECT || e->plan.answer == ANSWER_DROP;
	if (refuses && !end_claim(e)) {
		rdma_ack_cm_event(ev);
		return;
	}
	rdma_ack_cm_event(ev);
	if (refuses)
		refuse(e);
	else
		accept_end(e);
}

static void on_established(struct rdma_cm_event *ev)
{
	struct end *e = ev->id->context;

	e->established++;
	book_see(e->plan.number, PASSIVE, SEEN_ESTABLISHED);
	if (!end_is_ending(e))
		end_doing(e, "DISCONNECTED");
	rdma_ack_cm_event(ev);
}

static void on_event(struct rdma_cm_event *ev)
{
	switch (ev->event) {
	case RDMA_CM_EVENT_CONNECT_REQUEST:
		on_request(ev);
		break;
	case RDMA_CM_EVENT_ESTABLISHED:
		on_established(ev);
		break;
	case RDMA_CM_EVENT_DISCONNECTED:
	case RDMA_CM_EVENT_CONNECT_ERROR:
	case RDMA_CM_EVENT_UNREACHABLE:
	case RDMA_CM_EVENT_REJECTED:
		end_on_end(ev);
		break;
	case RDMA_CM_EVENT_TIMEWAIT_EXIT:
		rdma_ack_cm_event(ev);
		break;
	default:
		fail("%s, status %d", rdma_event_str(ev->event), ev->status);
	}
}

/* ---- the process */

static void listen_at(unsigned int i, unsigned int server)
{
	struct sockaddr_storage address = address_of(server, i ? DOOR_V6 : DOOR_V4);

	channels[i] = new_channel();
	if (rdma_create_id(channels[i], &listeners[i], NULL, RDMA_PS_TCP) ||
	    rdma_bind_addr(listeners[i], (struct sockaddr *)&address) ||
	    rdma_listen(listeners[i], 1024))
		fail("server %u cannot listen at port %u: %m", server,
		     book->port + server * DOORS + i);
}

static void *serve(void *unused)
{
	while (phase() < PHASE_QUIT)
		events_take(channels, CHANNELS, on_event);
	return unused;
}

static void close_all(void)
{
	for (unsigned int i = 0; i < CHANNELS; i++) {
		rdma_destroy_id(listeners[i]);
		rdma_destroy_event_channel(channels[i]);
	}
	if (!cq)
		return;
	atomic_set(&ended, true);
	pthread_join(completions, NULL);
	if (ibv_destroy_cq(cq) || ibv_destroy_comp_channel(comp))
		fail("ibv_destroy_cq: %m");
}

void server_run(unsigned int server)
{
	pthread_t threads[THREADS], sync, longs;

	sample_self_start();

	for (unsigned int i = 0; i < CHANNELS; i++)
		listen_at(i, server);
	for (unsigned int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, serve, NULL);
	pthread_create(&sync, NULL, sync_serve, (void *)(uintptr_t)server);
	pthread_create(&longs, NULL, long_serve, (void *)(uintptr_t)server);
	while (atomic_get(&book->procs[self].listening) < 2)
		usleep(1000);
	atomic_set(&book->procs[self].ready_ms, now_ms());
	atomic_set(&book->procs[self].ready, true);
	for (unsigned int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	pthread_join(sync, NULL);
	pthread_join(longs, NULL);
	ends_wait_all();
	close_all();
	sample_self_end();
}
