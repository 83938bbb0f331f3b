// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Slots, claims, deadlines, queue pairs of short connections. */
#include "tests/soak/soak_end.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#define WATCH_MS 500

static struct end ends[ENDS];
static struct end *first_free;
static unsigned int n_used;
/* Protects: the two above. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint32_t grace_ms; /* atomic: for how long this process was stopped in all */

/* ---- slots */

void ends_init(void)
{
	for (unsigned int i = ENDS; i-- > 0;) {
		pthread_mutex_init(&ends[i].lock, NULL);
		ends[i].next_free = first_free;
		first_free = &ends[i];
	}
}

uint32_t life_ms(void)
{
	return now_ms() + atomic_get(&grace_ms);
}

static struct end *take_slot(unsigned int leave)
{
	struct end *e = NULL;

	pthread_mutex_lock(&lock);
	if (n_used + leave < ENDS) {
		e = first_free;
		first_free = e->next_free;
		n_used++;
	}
	pthread_mutex_unlock(&lock);
	return e;
}

struct end *end_new(enum side side, uint32_t number, bool sync, unsigned int leave)
{
	struct end *e = take_slot(leave);

	if (!e)
		return NULL;
	e->memory = malloc(sizeof(*e->memory));
	if (!e->memory)
		fail("malloc");
	e->memory->counter = 0;
	e->id = NULL;
	e->channel = NULL;
	e->cq = NULL;
	e->mr = NULL;
	e->side = side;
	e->plan = plan_of(number, sync);
	e->established = e->failed = e->disconnected = e->next_seq = 0;
	atomic_set(&e->ending, false);
	e->since_ms = life_ms();
	end_doing(e, "begin");
	atomic_set(&e->used, true);
	atomic_add(&book->procs[self].ends, 1);
	return e;
}

bool end_claim(struct end *e)
{
	return !__atomic_exchange_n(&e->ending, true, __ATOMIC_ACQ_REL);
}

bool end_is_ending(const struct end *e)
{
	return atomic_get(&e->ending);
}

void end_doing(struct end *e, const char *what)
{
	atomic_set(&e->doing, what);
}

unsigned int ends_used(void)
{
	unsigned int n;

	pthread_mutex_lock(&lock);
	n = n_used;
	pthread_mutex_unlock(&lock);
	return n;
}

static void drop_slot(struct end *e)
{
	atomic_set(&e->used, false);
	__atomic_add_fetch(&e->generation, 1, __ATOMIC_RELEASE);
	pthread_mutex_lock(&lock);
	e->next_free = first_free;
	first_free = e;
	n_used--;
	pthread_mutex_unlock(&lock);
	atomic_add(&book->procs[self].ends, -1);
}

void end_drop(struct end *e)
{
	free(e->memory);
	book_done(e->plan.number, e->side);
	drop_slot(e);
}

static void judge_events(const struct end *e)
{
	if (e->established > 1 || e->failed > 1 || e->disconnected > 1 ||
	    (e->established && e->failed) || e->disconnected > e->established)
		book_see(e->plan.number, e->side, SEEN_TWICE);
}

static void drop_mr(struct end *e)
{
	if (e->mr && ibv_dereg_mr(e->mr))
		fail("ibv_dereg_mr: %m");
	e->mr = NULL;
}

void end_finish(struct end *e)
{
	end_doing(e, "destroying");
	pthread_mutex_lock(&e->lock);
	if (e->plan.number & 1)
		drop_mr(e);
	if (e->id->qp)
		rdma_destroy_qp(e->id);
	pthread_mutex_unlock(&e->lock);
	end_doing(e, "rdma_destroy_id");
	if (rdma_destroy_id(e->id))
		fail("rdma_destroy_id: %m");
	drop_mr(e);
	if (e->cq && ibv_destroy_cq(e->cq))
		fail("ibv_destroy_cq: %m");
	if (e->channel && ibv_destroy_comp_channel(e->channel))
		fail("ibv_destroy_comp_channel: %m");
	judge_events(e);
	end_drop(e);
}

/* ---- deadlines */

static void complain(const struct end *e)
{
	fprintf(stderr,
		"soak: stuck for %u ms: connection %u, %s end, waits for: %s; seen %#x; "
		"events: %u established, %u failed, %u disconnected; seed %llu\n",
		life_ms() - e->since_ms, e->plan.number, e->side == ACTIVE ? "active" : "passive",
		atomic_get(&e->doing), book->records[e->plan.number].seen[e->side], e->established,
		e->failed, e->disconnected, (unsigned long long)book->seed);
}

/* Time in which this process was stopped is not the library's. */
void ends_watch(void)
{
	static uint32_t last;
	uint32_t now = now_ms();
	bool stuck = false;

	if (last && now - last > 2 * WATCH_MS)
		atomic_set(&grace_ms, atomic_get(&grace_ms) - (now - last));
	last = now;
	for (unsigned int i = 0; i < ENDS; i++) {
		struct end *e = &ends[i];

		if (atomic_get(&e->used) && (int32_t)(life_ms() - e->since_ms) > DEADLINE_MS) {
			complain(e);
			stuck = true;
		}
	}
	if (stuck)
		fail("stuck connections");
}

void ends_wait_all(void)
{
	while (ends_used())
		usleep(10000);
}

/* ---- queue pairs */

uint64_t end_wr_id(const struct end *e, unsigned int i, bool send)
{
	return (uint64_t)atomic_get(&e->generation) << 32 | (uint64_t)(e - ends) << 8 | i << 1 |
	       send;
}

struct end *end_of(uint64_t wr_id, unsigned int *i, bool *send)
{
	struct end *e = &ends[wr_id >> 8 & 0xffffff];

	*i = (unsigned int)(wr_id >> 1) & 0x7f;
	*send = wr_id & 1;
	return atomic_get(&e->generation) == wr_id >> 32 ? e : NULL;
}

static void post_receive(struct end *e, unsigned int i)
{
	struct ibv_sge sge = { (uintptr_t)&e->memory->in[i], sizeof(struct message), e->mr->lkey };
	struct ibv_recv_wr wr = { .wr_id = end_wr_id(e, i, false), .sg_list = &sge, .num_sge = 1 };
	struct ibv_recv_wr *bad;
	int rc = ibv_post_recv(e->id->qp, &wr, &bad);

	if (rc)
		fail("ibv_post_recv: %s", strerror(rc));
}

void end_post(struct end *e, struct ibv_send_wr *wr, void *local, uint32_t len)
{
	struct ibv_sge sge = { (uintptr_t)local, len, e->mr->lkey };
	struct ibv_send_wr *bad;
	int rc;

	wr->sg_list = &sge;
	wr->num_sge = 1;
	wr->send_flags = IBV_SEND_SIGNALED;
	rc = ibv_post_send(e->id->qp, wr, &bad);
	if (rc)
		fail("ibv_post_send: %s", strerror(rc));
}

static int own_cq(struct end *e)
{
	if (e->plan.sleeps) {
		e->channel = ibv_create_comp_channel(e->id->verbs);
		if (!e->channel)
			return -1;
	}
	e->cq = ibv_create_cq(e->id->verbs, 4 * WRS, NULL, e->channel, 0);
	return e->cq ? 0 : -1;
}

int end_open(struct end *e, struct ibv_cq *shared)
{
	struct ibv_qp_init_attr attr = {
		.cap = { .max_send_wr = 2 * WRS,
			 .max_recv_wr = WRS,
			 .max_send_sge = 1,
			 .max_recv_sge = 1 },
		.qp_type = IBV_QPT_RC,
	};

	if (!shared && own_cq(e))
		return -1;
	attr.send_cq = attr.recv_cq = shared ? shared : e->cq;
	if (rdma_create_qp(e->id, NULL, &attr))
		return -1;
	e->mr = ibv_reg_mr(e->id->pd, e->memory, sizeof(*e->memory),
			   IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE |
				   IBV_ACCESS_REMOTE_READ | IBV_ACCESS_REMOTE_ATOMIC);
	if (!e->mr)
		return -1;
	for (unsigned int i = 0; i < WRS; i++)
		post_receive(e, i);
	return 0;
}

/* ---- events */

static uint32_t failure_of(const struct end *e, const struct rdma_cm_event *ev)
{
	const struct rdma_conn_param *p = &ev->param.conn;
	uint32_t number = e->plan.number;

	if (ev->event == RDMA_CM_EVENT_DISCONNECTED)
		return SEEN_DISCONNECTED;
	if (ev->event != RDMA_CM_EVENT_REJECTED)
		return SEEN_FAILED;
	if (p->private_data_len < sizeof(number))
		return SEEN_REFUSED;
	return memcmp(p->private_data, &number, sizeof(number)) ? SEEN_BAD : SEEN_REJECTED;
}

void end_on_end(struct rdma_cm_event *ev)
{
	struct end *e = ev->id->context;
	uint32_t seen = failure_of(e, ev);
	bool mine;

	if (seen == SEEN_DISCONNECTED)
		e->disconnected++;
	else
		e->failed++;
	mine = end_claim(e);
	rdma_ack_cm_event(ev);
	if (!mine)
		return;
	book_see(e->plan.number, e->side, seen);
	end_finish(e);
}

struct rdma_event_channel *new_channel(void)
{
	struct rdma_event_channel *channel = rdma_create_event_channel();

	if (!channel)
		fail("rdma_create_event_channel: %m");
	fcntl(channel->fd, F_SETFL, O_NONBLOCK);
	return channel;
}

void events_take(struct rdma_event_channel *const *channels, unsigned int n, on_event_fn on_event)
{
	struct pollfd pfd[8];
	struct rdma_cm_event *ev;

	for (unsigned int i = 0; i < n; i++)
		pfd[i] = (struct pollfd){ .fd = channels[i]->fd, .events = POLLIN };
	if (poll(pfd, n, 20) <= 0)
		return;
	for (unsigned int i = 0; i < n; i++) {
		if (!pfd[i].revents)
			continue;
		if (!rdma_get_cm_event(channels[i], &ev)) {
			atomic_add(&book->procs[self].events, 1);
			on_event(ev);
		} else if (errno != EAGAIN) {
			fail("rdma_get_cm_event: %m");
		}
	}
}
