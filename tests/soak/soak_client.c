// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The active ends of short connections: threads over two shared channels. */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <unistd.h>

#include "tests/soak/soak_end.h"

#define CHANNELS 2
#define THREADS 3
#define LIVES 32 /* at a time */

static struct rdma_event_channel *channels[CHANNELS];

/* ---- work: by the thread that has ESTABLISHED, with the end's lock held */

static void sleep_for_completion(struct end *e)
{
	struct pollfd pfd = { .fd = e->channel->fd, .events = POLLIN };
	struct ibv_cq *cq;
	void *context;

	if (poll(&pfd, 1, 100) <= 0)
		return;
	if (ibv_get_cq_event(e->channel, &cq, &context) || cq != e->cq)
		fail("ibv_get_cq_event: %m");
	ibv_ack_cq_events(cq, 1);
}

static int next_completion(struct end *e, struct ibv_wc *wc)
{
	int n = ibv_poll_cq(e->cq, 1, wc);

	if (n || !e->channel) {
		sched_yield();
		return n;
	}
	if (ibv_req_notify_cq(e->cq, 0))
		fail("ibv_req_notify_cq: %m");
	n = ibv_poll_cq(e->cq, 1, wc);
	if (!n)
		sleep_for_completion(e);
	return n;
}

/* False: the connection has gone. */
static bool complete(struct end *e, unsigned int n)
{
	struct ibv_wc wc;
	int got;

	while (n) {
		got = next_completion(e, &wc);
		if (got < 0)
			fail("ibv_poll_cq: %d", got);
		if (!got)
			continue;
		if (wc.status && wc.status != IBV_WC_WR_FLUSH_ERR)
			book_see(e->plan.number, ACTIVE, SEEN_BAD);
		if (wc.status)
			return false;
		n--;
	}
	return true;
}

static uint64_t key_of(const struct end *e, uint32_t seq)
{
	return (uint64_t)e->plan.number << 8 | seq;
}

/* The next message. @len: of the payload. */
static void send_message(struct end *e, enum command command, uint32_t len)
{
	uint32_t seq = e->next_seq++;
	struct message *m = &e->memory->out[seq];
	struct ibv_send_wr wr = { .wr_id = end_wr_id(e, seq, true), .opcode = IBV_WR_SEND };

	m->number = e->plan.number;
	m->seq = seq;
	m->command = command;
	m->len = len;
	fill(m->payload, len, key_of(e, seq));
	end_post(e, &wr, m, (uint32_t)offsetof(struct message, payload) + len);
}

static void check(struct end *e, bool good)
{
	if (!good)
		book_see(e->plan.number, ACTIVE, SEEN_BAD);
}

static bool do_send(struct end *e, uint32_t len)
{
	uint32_t seq = e->next_seq;
	const struct message *m = &e->memory->in[seq];

	send_message(e, COMMAND_ECHO, len);
	if (!complete(e, 2))
		return false;
	check(e, m->seq == seq && m->len == len && is_filled(m->payload, len, key_of(e, seq)));
	return true;
}

static bool do_write_read(struct end *e, uint32_t len, uint32_t op)
{
	uint64_t key = key_of(e, 0x80 + op);
	struct ibv_send_wr wr = { .wr_id = end_wr_id(e, WRS, true), .opcode = IBV_WR_RDMA_WRITE };

	wr.wr.rdma.remote_addr =
		e->offer.addr + offsetof(struct memory, target) - offsetof(struct memory, counter);
	wr.wr.rdma.rkey = e->offer.rkey;
	fill(e->memory->target, len, key);
	memset(e->memory->read, 0, len);
	end_post(e, &wr, e->memory->target, len);
	wr.opcode = IBV_WR_RDMA_READ;
	end_post(e, &wr, e->memory->read, len);
	if (!complete(e, 2))
		return false;
	check(e, is_filled(e->memory->read, len, key));
	return true;
}

static bool do_fetch_add(struct end *e, uint64_t expected)
{
	struct ibv_send_wr wr = { .wr_id = end_wr_id(e, WRS, true),
				  .opcode = IBV_WR_ATOMIC_FETCH_AND_ADD };

	wr.wr.atomic.remote_addr = e->offer.addr;
	wr.wr.atomic.rkey = e->offer.rkey;
	wr.wr.atomic.compare_add = 1;
	end_post(e, &wr, &e->memory->found, sizeof(e->memory->found));
	if (!complete(e, 1))
		return false;
	check(e, e->memory->found == expected);
	return true;
}

static bool do_op(struct end *e, unsigned int i, uint64_t *added)
{
	end_doing(e, "completions");
	switch (e->plan.ops[i]) {
	case OP_SEND:
		return do_send(e, e->plan.sizes[i]);
	case OP_WRITE_READ:
		return do_write_read(e, e->plan.sizes[i], i);
	default:
		return do_fetch_add(e, (*added)++);
	}
}

/* True: this end is to be destroyed by the caller, if nobody has claimed it. */
static bool work(struct end *e)
{
	uint64_t added = 0;

	for (unsigned int i = 0; i < e->plan.nops; i++)
		if (!do_op(e, i, &added))
			return false;
	book_see(e->plan.number, ACTIVE, SEEN_WORK_DONE);
	for (unsigned int i = 0; i < e->plan.left; i++)
		send_message(e, COMMAND_ECHO, MAX_PAYLOAD);
	end_doing(e, "DISCONNECTED");
	switch (e->plan.ending) {
	case END_CLIENT:
		rdma_disconnect(e->id);
		return false;
	case END_SERVER:
		send_message(e, COMMAND_DISCONNECT, 0);
		return false;
	case END_SERVER_DESTROYS:
		send_message(e, COMMAND_DESTROY, 0);
		return false;
	default:
		return true;
	}
}

/* ---- events */

/*
 * An error of a call is the outcome, too. The end is the event's until that is
 * acknowledged, and then nobody's: it is claimed before.
 */
static void acknowledge(struct rdma_cm_event *ev, bool failed, bool gives_up)
{
	struct end *e = ev->id->context;
	bool mine = (failed || gives_up) && end_claim(e);

	rdma_ack_cm_event(ev);
	if (!mine)
		return;
	book_see(e->plan.number, ACTIVE, failed ? SEEN_FAILED : SEEN_GAVE_UP);
	end_finish(e);
}

static void on_address(struct rdma_cm_event *ev)
{
	struct end *e = ev->id->context;
	int rc = 0;

	pthread_mutex_lock(&e->lock);
	if (!end_is_ending(e))
		rc = rdma_resolve_route(e->id, 10000);
	pthread_mutex_unlock(&e->lock);
	acknowledge(ev, rc, e->plan.giving_up == GIVE_UP_ROUTE);
}

static int do_connect(struct end *e)
{
	struct rdma_conn_param param = { .responder_resources = 4,
					 .initiator_depth = 4,
					 .private_data = &e->plan.number,
					 .private_data_len = sizeof(e->plan.number) };

	if (end_open(e, NULL))
		fail("a QP to connect with: %m");
	end_doing(e, "ESTABLISHED");
	e->connect_us = now_us();
	return rdma_connect(e->id, &param);
}

static void on_route(struct rdma_cm_event *ev)
{
	struct end *e = ev->id->context;
	bool gives_up = e->plan.giving_up == GIVE_UP_CONNECTING;
	int rc = 0;

	pthread_mutex_lock(&e->lock);
	if (!end_is_ending(e))
		rc = do_connect(e);
	pthread_mutex_unlock(&e->lock);
	if (gives_up)
		usleep(e->plan.late_us);
	acknowledge(ev, rc, gives_up);
}

static void on_established(struct rdma_cm_event *ev)
{
	struct end *e = ev->id->context;
	bool destroy = false;

	e->established++;
	book_see(e->plan.number, ACTIVE, SEEN_ESTABLISHED);
	book_latency(now_us() - e->connect_us);
	if (ev->param.conn.private_data_len >= sizeof(e->offer))
		memcpy(&e->offer, ev->param.conn.private_data, sizeof(e->offer));
	check(e, e->offer.number == e->plan.number);
	pthread_mutex_lock(&e->lock);
	if (!end_is_ending(e))
		destroy = work(e);
	pthread_mutex_unlock(&e->lock);
	acknowledge(ev, false, destroy);
}

static void on_event(struct rdma_cm_event *ev)
{
	switch (ev->event) {
	case RDMA_CM_EVENT_ADDR_RESOLVED:
		on_address(ev);
		break;
	case RDMA_CM_EVENT_ROUTE_RESOLVED:
		on_route(ev);
		break;
	case RDMA_CM_EVENT_ESTABLISHED:
		on_established(ev);
		break;
	case RDMA_CM_EVENT_TIMEWAIT_EXIT:
		rdma_ack_cm_event(ev);
		break;
	case RDMA_CM_EVENT_DISCONNECTED:
	case RDMA_CM_EVENT_CONNECT_ERROR:
	case RDMA_CM_EVENT_UNREACHABLE:
	case RDMA_CM_EVENT_REJECTED:
		end_on_end(ev);
		break;
	default:
		fail("%s, status %d", rdma_event_str(ev->event), ev->status);
	}
}

/* ---- the process */

/* False: enough are under way. */
static bool attempt(void)
{
	struct end *e = NULL;
	struct sockaddr_storage to;
	uint32_t number;
	int rc;

	if (ends_used() >= LIVES)
		return false;
	number = book_number();
	if (number != UINT32_MAX)
		e = end_new(ACTIVE, number, false, 0);
	if (!e)
		return false;
	book_begin(number, ACTIVE, 0);
	to = address_of(e->plan.server, e->plan.door);
	end_doing(e, "ADDR_RESOLVED");
	if (rdma_create_id(channels[number % CHANNELS], &e->id, e, RDMA_PS_TCP))
		fail("rdma_create_id: %m");
	/* From here on another thread may have it, and end it. */
	pthread_mutex_lock(&e->lock);
	rc = rdma_resolve_addr(e->id, NULL, (struct sockaddr *)&to, 10000);
	if (rc)
		fail("rdma_resolve_addr: %m");
	rc = e->plan.giving_up == GIVE_UP_RESOLVING && end_claim(e);
	pthread_mutex_unlock(&e->lock);
	if (rc) {
		book_see(number, ACTIVE, SEEN_GAVE_UP);
		end_finish(e);
	}
	return true;
}

static void *drive(void *unused)
{
	while (phase() == PHASE_RUN || ends_used()) {
		while (phase() == PHASE_RUN && attempt())
			;
		events_take(channels, CHANNELS, on_event);
	}
	return unused;
}

void client_run(void)
{
	pthread_t threads[THREADS], sync;

	sample_self_start();
	for (unsigned int i = 0; i < CHANNELS; i++)
		channels[i] = new_channel();
	for (unsigned int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, drive, NULL);
	pthread_create(&sync, NULL, sync_connect, NULL);
	atomic_set(&book->procs[self].ready, true);
	pthread_join(sync, NULL);
	for (unsigned int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (unsigned int i = 0; i < CHANNELS; i++)
		rdma_destroy_event_channel(channels[i]);
	sample_self_end();
}
