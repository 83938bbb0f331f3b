// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Connections that come and go: threads over shared channels and shared CQs
 * resolve, connect, accept, reject, send, disconnect, migrate and destroy at
 * random while listeners are made and destroyed. Every thread serves every
 * channel. No event may be lost or come twice, no completion be missing when
 * DISCONNECTED has come, and in the end nothing is left.
 * usage: cm_stress [-a ADDR] [-t THREADS] [-n CONNECTIONS] [-s SECONDS] [-r SEED]
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <infiniband/verbs.h>
#include <netinet/in.h>
#include <pthread.h>
#include <rdma/rdma_cma.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAX_THREADS 16
#define CHANNELS 4
#define LISTENERS 2
#define CQS 3
#define LIVES 256 /* both ends together */
#define WRS 4
#define WR_SIZE 2048

#define fail(...)                                           \
	do {                                                \
		fprintf(stderr, "cm_stress: " __VA_ARGS__); \
		fputc('\n', stderr);                        \
		_exit(1);                                   \
	} while (0)

/* One end of a connection; the context of its id. Slots are used again. */
struct life {
	struct rdma_cm_id *id;
	pthread_mutex_t posting; /* protects: the QP, while it is posted to and destroyed */
	struct ibv_mr *mr;
	/*
	 * Atomic: the generation << 32, and what was posted and has not completed. One
	 * word, since a completion may be in a poller's hands when its life ends.
	 */
	uint64_t due;
	bool child, ending; /* ending: atomic, whoever sets it destroys */
	unsigned int established, failed, disconnected;
	struct life *next_free;
	char memory[2 * WRS * WR_SIZE];
};

/* Atomic. */
static struct {
	unsigned long attempts, requests, accepted, rejected, established, failed, disconnected,
		migrated, listeners, completions;
} total;
#define count(what) __atomic_add_fetch(&total.what, 1, __ATOMIC_RELAXED)

static struct life lives[LIVES];
static struct life *first_free;
static unsigned int n_live;
/* Protects: the two above, the queues below. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct ibv_cq *cqs[CQS];

static struct rdma_event_channel *channels[CHANNELS];
static in_port_t ports[LISTENERS]; /* atomic */
static struct sockaddr_in address = { .sin_family = AF_INET };
static unsigned long wanted = 10000;
static unsigned int n_threads = 8, seconds = 60;
static uint32_t first_seed;
static bool stop;

static uint32_t random_below(uint32_t *seed, uint32_t n)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed % n;
}

/* ---- lives */

static uint32_t due_of(const struct life *life)
{
	return (uint32_t)__atomic_load_n(&life->due, __ATOMIC_ACQUIRE);
}

static uint32_t generation_of(const struct life *life)
{
	return __atomic_load_n(&life->due, __ATOMIC_ACQUIRE) >> 32;
}

static uint64_t wr_id_of(const struct life *life)
{
	return (uint64_t)generation_of(life) << 32 | (uint64_t)(life - lives);
}

static struct life *new_life(unsigned int leave)
{
	struct life *life = NULL;

	pthread_mutex_lock(&lock);
	if (n_live + leave < LIVES) {
		life = first_free;
		first_free = life->next_free;
		n_live++;
	}
	pthread_mutex_unlock(&lock);
	if (!life)
		return NULL;
	life->id = NULL;
	life->mr = NULL;
	__atomic_store_n(&life->ending, false, __ATOMIC_RELAXED);
	life->child = false;
	life->established = life->failed = life->disconnected = 0;
	return life;
}

static void free_life(struct life *life)
{
	if (life->established > 1 || life->failed > 1 || life->disconnected > 1 ||
	    (life->established && life->failed) || life->disconnected > life->established)
		fail("events: %u established, %u failed, %u disconnected", life->established,
		     life->failed, life->disconnected);
	__atomic_store_n(&life->due, (uint64_t)(generation_of(life) + 1) << 32, __ATOMIC_RELEASE);
	pthread_mutex_lock(&lock);
	life->next_free = first_free;
	first_free = life;
	n_live--;
	pthread_mutex_unlock(&lock);
}

/* True: the caller is the one to destroy it. */
static bool claim(struct life *life)
{
	return !__atomic_exchange_n(&life->ending, true, __ATOMIC_ACQ_REL);
}

/* Whoever has claimed it; who uses it under @posting looks for that first. */
static void end_life(struct life *life, uint32_t *seed)
{
	bool mr_first = random_below(seed, 2);

	pthread_mutex_lock(&life->posting);
	pthread_mutex_unlock(&life->posting);
	if (life->mr && mr_first && ibv_dereg_mr(life->mr))
		fail("ibv_dereg_mr");
	pthread_mutex_lock(&life->posting);
	if (life->id->qp)
		rdma_destroy_qp(life->id);
	pthread_mutex_unlock(&life->posting);
	if (rdma_destroy_id(life->id))
		fail("rdma_destroy_id: %m");
	if (life->mr && !mr_first && ibv_dereg_mr(life->mr))
		fail("ibv_dereg_mr");
	free_life(life);
}

/* ---- work */

/* Unless it is of an earlier life. */
static void completed(uint64_t wr_id)
{
	struct life *life = &lives[(uint32_t)wr_id];
	uint64_t due = __atomic_load_n(&life->due, __ATOMIC_ACQUIRE);

	while (due >> 32 == wr_id >> 32) {
		if (!(uint32_t)due)
			fail("more completions than work requests");
		if (__atomic_compare_exchange_n(&life->due, &due, due - 1, false, __ATOMIC_ACQ_REL,
						__ATOMIC_ACQUIRE))
			return;
	}
}

static void reap(unsigned int which)
{
	struct ibv_cq *cq = __atomic_load_n(&cqs[which], __ATOMIC_ACQUIRE);
	struct ibv_wc wc[8];
	int n = cq ? ibv_poll_cq(cq, 8, wc) : 0;

	if (n < 0)
		fail("ibv_poll_cq: %d", n);
	for (int i = 0; i < n; i++) {
		count(completions);
		completed(wc[i].wr_id);
	}
}

/* After DISCONNECTED everything that was posted has completed, or does now. */
static void wait_for_completions(struct life *life)
{
	time_t until = time(NULL) + 20;

	while (due_of(life)) {
		if (time(NULL) > until)
			fail("%u completions are missing after DISCONNECTED", due_of(life));
		for (unsigned int i = 0; i < CQS; i++)
			reap(i);
	}
}

static void post(struct life *life, bool send, unsigned int i)
{
	struct ibv_sge sge = { .addr = (uintptr_t)life->memory + (send ? WRS + i : i) * WR_SIZE,
			       .length = WR_SIZE,
			       .lkey = life->mr->lkey };
	struct ibv_send_wr swr = { .wr_id = wr_id_of(life),
				   .sg_list = &sge,
				   .num_sge = 1,
				   .opcode = IBV_WR_SEND,
				   .send_flags = IBV_SEND_SIGNALED },
			   *bad_s;
	struct ibv_recv_wr rwr = { .wr_id = wr_id_of(life), .sg_list = &sge, .num_sge = 1 }, *bad_r;
	int rc;

	__atomic_add_fetch(&life->due, 1, __ATOMIC_ACQ_REL);
	if (send)
		rc = ibv_post_send(life->id->qp, &swr, &bad_s);
	else
		rc = ibv_post_recv(life->id->qp, &rwr, &bad_r);
	if (rc)
		fail("post: %s", strerror(rc));
}

static void make_qp(struct life *life, uint32_t *seed)
{
	struct ibv_qp_init_attr attr = {
		.cap = { .max_send_wr = WRS,
			 .max_recv_wr = WRS,
			 .max_send_sge = 1,
			 .max_recv_sge = 1 },
		.qp_type = IBV_QPT_RC,
	};

	pthread_mutex_lock(&lock);
	for (unsigned int i = 0; i < CQS && !cqs[CQS - 1]; i++)
		__atomic_store_n(&cqs[i], ibv_create_cq(life->id->verbs, 8192, NULL, NULL, 0),
				 __ATOMIC_RELEASE);
	attr.send_cq = cqs[random_below(seed, CQS)];
	attr.recv_cq = random_below(seed, 2) ? attr.send_cq : cqs[random_below(seed, CQS)];
	pthread_mutex_unlock(&lock);
	if (rdma_create_qp(life->id, NULL, &attr))
		fail("rdma_create_qp: %m");
	life->mr = ibv_reg_mr(life->id->pd, life->memory, sizeof(life->memory),
			      IBV_ACCESS_LOCAL_WRITE);
	if (!life->mr)
		fail("ibv_reg_mr: %m");
	for (unsigned int i = 0; i < WRS; i++)
		post(life, false, i);
}

static void migrate(struct life *life, uint32_t *seed)
{
	if (random_below(seed, 4))
		return;
	if (rdma_migrate_id(life->id, channels[random_below(seed, CHANNELS)]))
		fail("rdma_migrate_id: %m");
	count(migrated);
}

/* ---- events; what they say is counted before they are acknowledged */

static const struct rdma_conn_param param;

/* The child's fate is decided where its request is retrieved. */
static void on_request(struct rdma_cm_event *ev, uint32_t *seed)
{
	struct life *life = new_life(0);
	struct rdma_conn_param p = param;

	count(requests);
	if (!life)
		fail("more requests than attempts");
	life->id = ev->id;
	life->child = true;
	life->id->context = life;
	rdma_ack_cm_event(ev);
	switch (random_below(seed, 10)) {
	case 0:
		if (!rdma_reject(life->id, "no", 2))
			count(rejected);
		/* fall through */
	case 1:
		claim(life);
		end_life(life, seed);
		return;
	default:
		break;
	}
	migrate(life, seed);
	make_qp(life, seed);
	/* The peer may have gone; an error is the end of it. */
	if (rdma_accept(life->id, &p)) {
		if (claim(life))
			end_life(life, seed);
		return;
	}
	count(accepted);
}

static void advance(struct rdma_cm_event *ev, struct life *life, uint32_t *seed)
{
	struct rdma_conn_param p = param;
	enum rdma_cm_event_type type = ev->event;
	int rc = 0;

	rdma_ack_cm_event(ev);
	if (random_below(seed, 32) == 0 && claim(life)) {
		end_life(life, seed);
		return;
	}
	if (type == RDMA_CM_EVENT_ADDR_RESOLVED) {
		migrate(life, seed);
		rc = rdma_resolve_route(life->id, 5000);
	} else {
		make_qp(life, seed);
		rc = rdma_connect(life->id, &p);
	}
	if (rc && claim(life))
		end_life(life, seed);
}

/*
 * A child may leave the end to its peer. Another thread may have DISCONNECTED
 * already and destroy the id.
 */
static void on_established(struct rdma_cm_event *ev, struct life *life, uint32_t *seed)
{
	unsigned int sends = random_below(seed, WRS + 1);
	bool mine = random_below(seed, 5) == 0 && claim(life);

	life->established++;
	count(established);
	pthread_mutex_lock(&life->posting);
	if (mine || !__atomic_load_n(&life->ending, __ATOMIC_ACQUIRE)) {
		for (unsigned int i = 0; i < sends; i++)
			post(life, true, i);
		if (!mine && (!life->child || random_below(seed, 2)))
			rdma_disconnect(life->id);
	}
	pthread_mutex_unlock(&life->posting);
	rdma_ack_cm_event(ev);
	if (mine)
		end_life(life, seed);
}

static void on_end(struct rdma_cm_event *ev, struct life *life, uint32_t *seed)
{
	bool mine;

	if (ev->event == RDMA_CM_EVENT_DISCONNECTED) {
		life->disconnected++;
		count(disconnected);
	} else {
		life->failed++;
		count(failed);
	}
	mine = claim(life);
	rdma_ack_cm_event(ev);
	if (!mine)
		return;
	if (life->disconnected)
		wait_for_completions(life);
	end_life(life, seed);
}

static void on_event(struct rdma_cm_event *ev, uint32_t *seed)
{
	struct life *life = ev->id->context;

	switch (ev->event) {
	case RDMA_CM_EVENT_CONNECT_REQUEST:
		on_request(ev, seed);
		break;
	case RDMA_CM_EVENT_ADDR_RESOLVED:
	case RDMA_CM_EVENT_ROUTE_RESOLVED:
		advance(ev, life, seed);
		break;
	case RDMA_CM_EVENT_ESTABLISHED:
		on_established(ev, life, seed);
		break;
	case RDMA_CM_EVENT_DISCONNECTED:
	case RDMA_CM_EVENT_CONNECT_ERROR:
	case RDMA_CM_EVENT_UNREACHABLE:
	case RDMA_CM_EVENT_REJECTED:
		on_end(ev, life, seed);
		break;
	default:
		fail("%s, status %d", rdma_event_str(ev->event), ev->status);
	}
}

/* ---- threads */

static bool is_over(void)
{
	return __atomic_load_n(&stop, __ATOMIC_ACQUIRE) ||
	       __atomic_load_n(&total.attempts, __ATOMIC_RELAXED) >= wanted;
}

/* Half of the lives are for the children. */
static void attempt(uint32_t *seed)
{
	struct life *life = new_life(LIVES / 2);
	struct sockaddr_in to = address;

	if (!life)
		return;
	to.sin_port = __atomic_load_n(&ports[random_below(seed, LISTENERS)], __ATOMIC_RELAXED);
	count(attempts);
	if (rdma_create_id(channels[random_below(seed, CHANNELS)], &life->id, life, RDMA_PS_TCP))
		fail("rdma_create_id: %m");
	if (rdma_resolve_addr(life->id, NULL, (struct sockaddr *)&to, 5000))
		fail("rdma_resolve_addr: %m");
}

static unsigned int live_now(void)
{
	unsigned int n;

	pthread_mutex_lock(&lock);
	n = n_live;
	pthread_mutex_unlock(&lock);
	return n;
}

static void *work(void *arg)
{
	uint32_t seed = first_seed * 2654435761u + (uint32_t)(uintptr_t)arg * 40503u + 1;
	struct rdma_cm_event *ev;

	while (!is_over() || live_now()) {
		if (!is_over())
			attempt(&seed);
		for (unsigned int i = 0; i < CHANNELS; i++) {
			if (!rdma_get_cm_event(channels[random_below(&seed, CHANNELS)], &ev))
				on_event(ev, &seed);
			else if (errno != EAGAIN)
				fail("rdma_get_cm_event: %m");
		}
		reap(random_below(&seed, CQS));
		sched_yield();
	}
	return NULL;
}

static struct rdma_cm_id *new_listener(unsigned int i, uint32_t *seed)
{
	struct sockaddr_in sin = address;
	struct rdma_cm_id *id;

	if (rdma_create_id(channels[random_below(seed, CHANNELS)], &id, NULL, RDMA_PS_TCP) ||
	    rdma_bind_addr(id, (struct sockaddr *)&sin) || rdma_listen(id, 64))
		fail("rdma_listen: %m");
	__atomic_store_n(&ports[i], rdma_get_src_port(id), __ATOMIC_RELAXED);
	count(listeners);
	return id;
}

/* Listeners go while requests come in; their requests go with them. */
static void *replace_listeners(void *arg)
{
	struct rdma_cm_id **listeners = arg, *old;
	uint32_t seed = first_seed ^ 0x5bd1e995;
	unsigned int i;

	while (!is_over()) {
		usleep(5000 + random_below(&seed, 150000));
		i = random_below(&seed, LISTENERS);
		old = listeners[i];
		listeners[i] = new_listener(i, &seed);
		if (rdma_destroy_id(old))
			fail("rdma_destroy_id of a listener: %m");
	}
	return NULL;
}

/* ---- set-up */

static void make_channels(void)
{
	for (unsigned int i = 0; i < CHANNELS; i++) {
		channels[i] = rdma_create_event_channel();
		if (!channels[i])
			fail("rdma_create_event_channel: %m");
		fcntl(channels[i]->fd, F_SETFL, O_NONBLOCK);
	}
	for (unsigned int i = LIVES; i-- > 0;) {
		pthread_mutex_init(&lives[i].posting, NULL);
		lives[i].next_free = first_free;
		first_free = &lives[i];
	}
}

static void parse(int argc, char **argv)
{
	const char *addr = "127.0.0.1";
	int o;

	first_seed = (uint32_t)time(NULL);
	while ((o = getopt(argc, argv, "a:t:n:s:r:")) != -1) {
		switch (o) {
		case 'a':
			addr = optarg;
			break;
		case 't':
			n_threads = (unsigned int)atoi(optarg);
			break;
		case 'n':
			wanted = strtoul(optarg, NULL, 0);
			break;
		case 's':
			seconds = (unsigned int)atoi(optarg);
			break;
		case 'r':
			first_seed = (uint32_t)strtoul(optarg, NULL, 0);
			break;
		default:
			exit(2);
		}
	}
	if (!n_threads || n_threads > MAX_THREADS ||
	    inet_pton(AF_INET, addr, &address.sin_addr) != 1)
		exit(2);
}

static void report(void)
{
	printf("cm_stress: seed %u: %lu attempts (%lu established ends, %lu failed), %lu requests "
	       "(%lu accepted, %lu rejected), %lu DISCONNECTED, %lu migrated, %lu listeners, "
	       "%lu completions\n",
	       first_seed, total.attempts, total.established, total.failed, total.requests,
	       total.accepted, total.rejected, total.disconnected, total.migrated, total.listeners,
	       total.completions);
	if (!total.established || !total.accepted)
		fail("nothing happened");
	printf("ok\n");
}

static void *watch_the_time(void *arg)
{
	for (unsigned int i = 0; i < seconds * 10 && !is_over(); i++)
		usleep(100000);
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	/* An event that was lost leaves a life that nobody ends. */
	for (unsigned int i = 0; i < 600 && live_now(); i++)
		usleep(100000);
	if (live_now())
		fail("%u ends wait for events that do not come", live_now());
	return arg;
}

int main(int argc, char **argv)
{
	pthread_t threads[MAX_THREADS], replacer, timer;
	struct rdma_cm_id *listeners[LISTENERS];
	uint32_t seed;

	parse(argc, argv);
	setvbuf(stdout, NULL, _IOLBF, 0);
	seed = first_seed | 1;
	make_channels();
	for (unsigned int i = 0; i < LISTENERS; i++)
		listeners[i] = new_listener(i, &seed);
	for (unsigned int i = 0; i < n_threads; i++)
		pthread_create(&threads[i], NULL, work, (void *)(uintptr_t)i);
	pthread_create(&replacer, NULL, replace_listeners, listeners);
	pthread_create(&timer, NULL, watch_the_time, NULL);
	pthread_join(timer, NULL);
	alarm(60); /* a hang is a failure */
	pthread_join(replacer, NULL);
	for (unsigned int i = 0; i < n_threads; i++)
		pthread_join(threads[i], NULL);
	for (unsigned int i = 0; i < LISTENERS; i++)
		rdma_destroy_id(listeners[i]);
	for (unsigned int i = 0; i < CQS; i++)
		if (cqs[i] && ibv_destroy_cq(cqs[i]))
			fail("ibv_destroy_cq: %m");
	for (unsigned int i = 0; i < CHANNELS; i++)
		rdma_destroy_event_channel(channels[i]);
	report();
	return 0;
}
