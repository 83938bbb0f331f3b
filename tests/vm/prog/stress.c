// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Threads that share two channels, one of a listener and one of its clients:
 * any thread takes any event. Each connection follows one of a few plans (who
 * accepts, refuses, disconnects, destroys what and when); the plan says how
 * many events of which kind both ids must have had when they are gone.
 *
 * usage: stress [-t threads] [-s seconds] [-c connections at once] [-r seed]
 * Prints what is wrong and one line of totals. Exit: 0, or 1 if anything is.
 *
 * Linked with our static libraries, so that a sanitizer sees all of them.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <rdma/rdma_cma.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>
#include <unistd.h>

/* Seconds until what is under way at the end must be over. */
#define PATIENCE 30

/* What becomes of a connection; goes to the server as its private data. */
enum plan {
	CLIENT_DISCONNECTS,
	SERVER_DISCONNECTS,
	BOTH_DISCONNECT,
	REFUSED,
	UNANSWERED,	 /* the server destroys its id instead of answering */
	CLIENT_DESTROYS, /* once established, without a disconnect */
	SERVER_DESTROYS, /* likewise */
	CLIENT_GIVES_UP, /* right after rdma_connect */
	CLIENT_LEAVES,	 /* while its address or route is resolved */
	PLANS
};

/*
 * One end of a connection. @lock protects all below it and every call on the
 * id. Who sets @over destroys the id, outside of the lock: the destroy waits
 * for the acknowledgements of other threads, which take the lock before.
 */
struct end {
	LIST_ENTRY(end) link;
	struct rdma_cm_id *id;
	bool passive;
	enum plan plan;
	pthread_mutex_t lock;
	bool over;
	int established, disconnected, refused, others;
};

static struct {
	int threads, seconds, at_once;
	unsigned int seed;
} opt = { .threads = 8, .seconds = 10, .at_once = 8, .seed = 0 };

static struct rdma_event_channel *server_channel, *client_channel;
static struct rdma_cm_id *listener;
static struct ibv_pd *pd;
static struct ibv_cq *cq;
static struct timespec stop_at;
static atomic_int live_clients, live_children, errors;
static atomic_long connections, events, overtaken, by_plan[PLANS];
static atomic_bool stopping;
/* The ends that exist; for those that wait for ever. */
static pthread_mutex_t all_lock = PTHREAD_MUTEX_INITIALIZER;
static LIST_HEAD(, end) all = LIST_HEAD_INITIALIZER(all);

static void wrong(const char *what, const struct end *e)
{
	atomic_fetch_add(&errors, 1);
	printf("wrong: %s (%s, plan %d: established %d, disconnected %d, refused %d, others %d; %s)\n",
	       what, e->passive ? "passive" : "active", (int)e->plan, e->established,
	       e->disconnected, e->refused, e->others, strerror(errno));
}

/* Seconds since no more connections are begun; negative before. */
static long overtime(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec - stop_at.tv_sec;
}

/* Something never ended: says what, and gives up. */
static void stuck(void)
{
	struct end *e;

	pthread_mutex_lock(&all_lock);
	LIST_FOREACH (e, &all, link)
		wrong(e->over ? "is not destroyed" : "waits for ever", e);
	exit(1);
}

/* ---- ends */

static struct end *end_new(struct rdma_cm_id *id, bool passive, enum plan plan)
{
	struct end *e = calloc(1, sizeof(*e));

	if (!e)
		abort();
	e->id = id;
	e->passive = passive;
	e->plan = plan;
	pthread_mutex_init(&e->lock, NULL);
	pthread_mutex_lock(&all_lock);
	LIST_INSERT_HEAD(&all, e, link);
	pthread_mutex_unlock(&all_lock);
	return e;
}

/*
 * siw notices a close that follows the reply at once before it reads the reply:
 * to its client the connection never was.
 */
static bool is_overtaken(const struct end *e)
{
	bool server_first = e->plan == SERVER_DISCONNECTS || e->plan == BOTH_DISCONNECT ||
			    e->plan == SERVER_DESTROYS;

	return !e->passive && server_first && e->refused == 1 && !e->established &&
	       !e->disconnected;
}

/*
 * The one that destroys its QP under a live connection may yet see the end of
 * it: between that and the destroy of the id another thread takes events.
 */
static bool has_met(const struct end *e)
{
	bool abrupt = e->plan == (e->passive ? SERVER_DESTROYS : CLIENT_DESTROYS);

	if (abrupt)
		return e->established == 1 && e->disconnected <= 1 && !e->refused;
	switch (e->plan) {
	case CLIENT_DISCONNECTS:
	case SERVER_DISCONNECTS:
	case BOTH_DISCONNECT:
		return e->established == 1 && e->disconnected == 1 && !e->refused;
	case REFUSED:
	case UNANSWERED:
		return !e->established && !e->disconnected && e->refused == !e->passive;
	case CLIENT_DESTROYS:
	case SERVER_DESTROYS:
		return e->established == 1 && e->disconnected == 1 && !e->refused;
	case CLIENT_GIVES_UP:
		return e->established <= 1 && e->disconnected <= e->established;
	default:
		return !e->established && !e->disconnected && !e->refused;
	}
}

/* Its caller has set over. */
static void end_destroy(struct end *e)
{
	if (e->id->qp)
		rdma_destroy_qp(e->id);
	if (rdma_destroy_id(e->id))
		wrong("rdma_destroy_id failed", e);
	pthread_mutex_lock(&all_lock);
	LIST_REMOVE(e, link);
	pthread_mutex_unlock(&all_lock);
	/* All events are acknowledged: nobody else knows this end any more. */
	if (is_overtaken(e))
		atomic_fetch_add(&overtaken, 1);
	else if (e->others || !has_met(e))
		wrong("events", e);
	atomic_fetch_sub(e->passive ? &live_children : &live_clients, 1);
	pthread_mutex_destroy(&e->lock);
	free(e);
}

static int end_qp(struct end *e)
{
	struct ibv_qp_init_attr attr = {
		.send_cq = cq,
		.recv_cq = cq,
		.cap = { .max_send_wr = 1, .max_recv_wr = 1, .max_send_sge = 1, .max_recv_sge = 1 },
		.qp_type = IBV_QPT_RC,
	};

	return rdma_create_qp(e->id, pd, &attr);
}

/* ---- the client */

static void client_start(unsigned int *seed)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = rdma_get_src_port(listener) };
	enum plan plan = (enum plan)(rand_r(seed) % PLANS);
	struct rdma_cm_id *id;
	struct end *e;

	inet_pton(AF_INET, getenv("ADDR"), &to.sin_addr);
	if (rdma_create_id(client_channel, &id, NULL, RDMA_PS_TCP)) {
		atomic_fetch_add(&errors, 1);
		atomic_fetch_sub(&live_clients, 1);
		perror("wrong: rdma_create_id");
		return;
	}
	e = end_new(id, false, plan);
	id->context = e;
	atomic_fetch_add(&connections, 1);
	atomic_fetch_add(&by_plan[plan], 1);
	pthread_mutex_lock(&e->lock);
	if (rdma_resolve_addr(id, NULL, (struct sockaddr *)&to, 5000))
		wrong("rdma_resolve_addr", e);
	/* Half of those that leave do so at once, the others at ADDR_RESOLVED. */
	e->over = plan == CLIENT_LEAVES && rand_r(seed) & 1;
	plan = e->over ? CLIENT_LEAVES : PLANS;
	pthread_mutex_unlock(&e->lock);
	if (plan == CLIENT_LEAVES)
		end_destroy(e);
}

/* The client is to be destroyed. */
static bool client_connect(struct end *e)
{
	uint8_t plan = (uint8_t)e->plan;
	struct rdma_conn_param param = { .private_data = &plan,
					 .private_data_len = 1,
					 .responder_resources = 1,
					 .initiator_depth = 1 };

	if (end_qp(e)) {
		wrong("rdma_create_qp", e);
		return true;
	}
	if (rdma_connect(e->id, &param)) {
		wrong("rdma_connect", e);
		return true;
	}
	return e->plan == CLIENT_GIVES_UP;
}

static bool client_event(struct end *e, const struct rdma_cm_event *ev)
{
	switch (ev->event) {
	case RDMA_CM_EVENT_ADDR_RESOLVED:
		if (rdma_resolve_route(e->id, 5000))
			wrong("rdma_resolve_route", e);
		return e->plan == CLIENT_LEAVES;
	case RDMA_CM_EVENT_ROUTE_RESOLVED:
		return client_connect(e);
	case RDMA_CM_EVENT_ESTABLISHED:
		if ((e->plan == CLIENT_DISCONNECTS || e->plan == BOTH_DISCONNECT) &&
		    rdma_disconnect(e->id))
			wrong("rdma_disconnect", e);
		return e->plan == CLIENT_DESTROYS;
	case RDMA_CM_EVENT_DISCONNECTED:
	case RDMA_CM_EVENT_REJECTED:
		return true;
	default:
		wrong(rdma_event_str(ev->event), e);
		return true;
	}
}

/* ---- the server */

static bool server_accept(struct end *e)
{
	struct rdma_conn_param param = { .responder_resources = 1, .initiator_depth = 1 };

	if (end_qp(e)) {
		wrong("rdma_create_qp", e);
		return true;
	}
	if (!rdma_accept(e->id, &param))
		return false;
	if (e->plan != CLIENT_GIVES_UP)
		wrong("rdma_accept", e);
	return true;
}

static bool server_request(struct end *e)
{
	switch (e->plan) {
	case REFUSED:
		if (rdma_reject(e->id, "no", 2))
			wrong("rdma_reject", e);
		return true;
	case UNANSWERED:
		return true;
	default:
		return server_accept(e);
	}
}

static bool server_event(struct end *e, const struct rdma_cm_event *ev)
{
	switch (ev->event) {
	case RDMA_CM_EVENT_CONNECT_REQUEST:
		return server_request(e);
	case RDMA_CM_EVENT_ESTABLISHED:
		if ((e->plan == SERVER_DISCONNECTS || e->plan == BOTH_DISCONNECT) &&
		    rdma_disconnect(e->id))
			wrong("rdma_disconnect", e);
		return e->plan == SERVER_DESTROYS;
	case RDMA_CM_EVENT_DISCONNECTED:
		return true;
	default:
		if (e->plan != CLIENT_GIVES_UP)
			wrong(rdma_event_str(ev->event), e);
		return true;
	}
}

/* ---- events */

static struct end *end_of(const struct rdma_cm_event *ev)
{
	uint8_t plan;

	if (ev->event != RDMA_CM_EVENT_CONNECT_REQUEST)
		return ev->id->context;
	plan = ev->param.conn.private_data_len ? *(const uint8_t *)ev->param.conn.private_data
					       : (uint8_t)PLANS;
	atomic_fetch_add(&live_children, 1);
	ev->id->context = end_new(ev->id, true, (enum plan)plan);
	return ev->id->context;
}

static void count(struct end *e, enum rdma_cm_event_type type)
{
	switch (type) {
	case RDMA_CM_EVENT_ESTABLISHED:
		e->established++;
		break;
	case RDMA_CM_EVENT_DISCONNECTED:
		e->disconnected++;
		break;
	case RDMA_CM_EVENT_REJECTED:
		e->refused++;
		break;
	case RDMA_CM_EVENT_ADDR_RESOLVED:
	case RDMA_CM_EVENT_ROUTE_RESOLVED:
	case RDMA_CM_EVENT_CONNECT_REQUEST:
		break;
	default:
		e->others += e->plan != CLIENT_GIVES_UP;
	}
}

static void handle(struct rdma_cm_event *ev)
{
	struct end *e = end_of(ev);
	bool mine = false;

	atomic_fetch_add(&events, 1);
	pthread_mutex_lock(&e->lock);
	count(e, ev->event);
	if (!e->over) {
		mine = e->passive ? server_event(e, ev) : client_event(e, ev);
		e->over = mine;
	}
	pthread_mutex_unlock(&e->lock);
	rdma_ack_cm_event(ev);
	if (mine)
		end_destroy(e);
}

static void serve(struct rdma_event_channel *ch)
{
	struct pollfd p = { .fd = ch->fd, .events = POLLIN };
	struct rdma_cm_event *ev;

	if (poll(&p, 1, 20) != 1)
		return;
	if (!rdma_get_cm_event(ch, &ev))
		handle(ev);
	else if (errno != EAGAIN && errno != EINTR)
		perror("wrong: rdma_get_cm_event"), atomic_fetch_add(&errors, 1);
}

/* Takes a place for a new connection, unless all are taken. */
static bool claim_place(void)
{
	if (atomic_fetch_add(&live_clients, 1) < opt.at_once)
		return true;
	atomic_fetch_sub(&live_clients, 1);
	return false;
}

static void *run(void *arg)
{
	unsigned int nth = (unsigned int)(uintptr_t)arg, seed = opt.seed * 31 + nth;
	bool client = nth & 1;

	for (;;) {
		if (overtime() >= 0)
			atomic_store(&stopping, true);
		if (overtime() > PATIENCE)
			stuck();
		if (client && !atomic_load(&stopping) && claim_place())
			client_start(&seed);
		serve(client ? client_channel : server_channel);
		if (atomic_load(&stopping) && !atomic_load(&live_clients) &&
		    !atomic_load(&live_children))
			return NULL;
	}
}

/* ---- set-up */

static void check(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(1);
}

static void nonblock(struct rdma_event_channel *ch)
{
	fcntl(ch->fd, F_SETFL, fcntl(ch->fd, F_GETFL) | O_NONBLOCK);
}

static void set_up(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET };

	check(getenv("ADDR") && inet_pton(AF_INET, getenv("ADDR"), &at.sin_addr) == 1, "ADDR");
	server_channel = rdma_create_event_channel();
	client_channel = rdma_create_event_channel();
	check(server_channel && client_channel, "rdma_create_event_channel");
	nonblock(server_channel);
	nonblock(client_channel);
	check(!rdma_create_id(server_channel, &listener, NULL, RDMA_PS_TCP), "rdma_create_id");
	check(!rdma_bind_addr(listener, (struct sockaddr *)&at), "rdma_bind_addr");
	pd = ibv_alloc_pd(listener->verbs);
	cq = ibv_create_cq(listener->verbs, 64, NULL, NULL, 0);
	check(pd && cq, "verbs");
	check(!rdma_listen(listener, 0), "rdma_listen");
}

static void tear_down(void)
{
	check(!rdma_destroy_id(listener), "rdma_destroy_id");
	rdma_destroy_event_channel(server_channel);
	rdma_destroy_event_channel(client_channel);
	check(!ibv_destroy_cq(cq), "ibv_destroy_cq: a queue pair was left behind");
	check(!ibv_dealloc_pd(pd), "ibv_dealloc_pd");
}

static void parse(int argc, char **argv)
{
	int o;

	opt.seed = (unsigned int)time(NULL);
	while ((o = getopt(argc, argv, "t:s:c:r:")) != -1) {
		int value = atoi(optarg ? optarg : "0");

		if (o == 't')
			opt.threads = value;
		else if (o == 's')
			opt.seconds = value;
		else if (o == 'c')
			opt.at_once = value;
		else if (o == 'r')
			opt.seed = (unsigned int)value;
		else
			exit(2);
	}
	clock_gettime(CLOCK_MONOTONIC, &stop_at);
	stop_at.tv_sec += opt.seconds;
}

int main(int argc, char **argv)
{
	pthread_t threads[64];

	parse(argc, argv);
	check(opt.threads > 1 && opt.threads <= 64, "threads");
	printf("seed=%u\n", opt.seed);
	fflush(stdout);
	set_up();
	for (int i = 0; i < opt.threads; i++)
		check(!pthread_create(&threads[i], NULL, run, (void *)(uintptr_t)i), "thread");
	for (int i = 0; i < opt.threads; i++)
		pthread_join(threads[i], NULL);
	tear_down();
	printf("connections=%ld events=%ld errors=%d overtaken=%ld plans=",
	       atomic_load(&connections), atomic_load(&events), atomic_load(&errors),
	       atomic_load(&overtaken));
	for (int i = 0; i < PLANS; i++)
		printf("%ld%s", atomic_load(&by_plan[i]), i + 1 < PLANS ? "," : "\n");
	return atomic_load(&errors) ? 1 : 0;
}
