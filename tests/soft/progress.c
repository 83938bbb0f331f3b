// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Who drives the sockets when the program does not: peers that read and write
 * are served at once whatever the program has done before, completions wake who
 * sleeps for them in whatever way, and idle connections cost nothing.
 * Prints a line for each case; exits with 1 at the first that fails.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <infiniband/verbs.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <rdma/rdma_cma.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ENDS 2
#define OPS 50
/* Nobody who is served by the loop waits longer, not even under a sanitizer on a busy machine. */
#define AT_ONCE_MS 2000
#define IDLE_S 2

/* It takes no note of the locks in the cleanup handlers of a thread that is cancelled in poll(2).
 */
#ifdef __has_feature
#if __has_feature(thread_sanitizer)
#define UNDER_TSAN
#endif
#endif
#ifdef __SANITIZE_THREAD__
#define UNDER_TSAN
#endif

#define fail(...)                                       \
	do {                                            \
		fprintf(stderr, "progress: %s: ", now); \
		fprintf(stderr, __VA_ARGS__);           \
		fputc('\n', stderr);                    \
		_exit(1);                               \
	} while (0)

struct end {
	struct rdma_cm_id *id;
	struct ibv_comp_channel *channel[2]; /* of the send and the receive CQ; the same if one */
	struct ibv_cq *send_cq, *recv_cq;
	struct ibv_mr *mr;
	uint64_t memory[1024];
};

/* A connection in this process, made and ended by one thread. */
struct pair {
	struct rdma_event_channel *events;
	struct rdma_cm_id *listener;
	struct end end[ENDS];
};

/* What the passive process tells of its memory. */
struct offer {
	uint64_t addr;
	uint32_t rkey;
};

static const char *now = "start";
static sem_t may_send;

static uint64_t ms_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* ---- connections */

static void make_cqs(struct end *e, bool two)
{
	for (int i = 0; i < 2; i++) {
		e->channel[i] = i && !two ? e->channel[0] : ibv_create_comp_channel(e->id->verbs);
		if (!e->channel[i])
			fail("ibv_create_comp_channel: %m");
	}
	e->send_cq = ibv_create_cq(e->id->verbs, 256, NULL, e->channel[0], 0);
	e->recv_cq = two ? ibv_create_cq(e->id->verbs, 256, NULL, e->channel[1], 0) : e->send_cq;
	if (!e->send_cq || !e->recv_cq)
		fail("ibv_create_cq: %m");
}

static void make_end(struct end *e, bool two_cqs)
{
	struct ibv_qp_init_attr attr = {
		.cap = { .max_send_wr = 64,
			 .max_recv_wr = 64,
			 .max_send_sge = 1,
			 .max_recv_sge = 1 },
		.qp_type = IBV_QPT_RC,
	};

	make_cqs(e, two_cqs);
	attr.send_cq = e->send_cq;
	attr.recv_cq = e->recv_cq;
	if (rdma_create_qp(e->id, NULL, &attr))
		fail("rdma_create_qp: %m");
	e->mr = ibv_reg_mr(e->id->pd, e->memory, sizeof(e->memory),
			   IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_READ |
				   IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_ATOMIC);
	if (!e->mr)
		fail("ibv_reg_mr: %m");
}

static struct rdma_cm_id *new_listener(struct rdma_event_channel *events)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct rdma_cm_id *id;

	if (rdma_create_id(events, &id, NULL, RDMA_PS_TCP) ||
	    rdma_bind_addr(id, (struct sockaddr *)&sin) || rdma_listen(id, 8))
		fail("rdma_listen: %m");
	return id;
}

static void resolve(struct rdma_event_channel *events, struct rdma_cm_id **id, in_port_t port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				   .sin_port = port };

	if (rdma_create_id(events, id, NULL, RDMA_PS_TCP) ||
	    rdma_resolve_addr(*id, NULL, (struct sockaddr *)&sin, 2000))
		fail("rdma_resolve_addr: %m");
}

/* The next event of the ends in @e; the passive one takes the request. */
static enum rdma_cm_event_type step(struct rdma_event_channel *events, struct end *active,
				    struct end *passive, bool two_cqs)
{
	struct rdma_conn_param param = { .responder_resources = 4, .initiator_depth = 4 };
	struct offer offer = { 0 };
	struct rdma_cm_event *ev;
	enum rdma_cm_event_type type;

	if (rdma_get_cm_event(events, &ev))
		fail("rdma_get_cm_event: %m");
	type = ev->event;
	if (type == RDMA_CM_EVENT_ADDR_RESOLVED) {
		if (rdma_resolve_route(active->id, 2000))
			fail("rdma_resolve_route: %m");
	} else if (type == RDMA_CM_EVENT_ROUTE_RESOLVED) {
		make_end(active, two_cqs);
		if (rdma_connect(active->id, &param))
			fail("rdma_connect: %m");
	} else if (type == RDMA_CM_EVENT_CONNECT_REQUEST) {
		passive->id = ev->id;
		make_end(passive, two_cqs);
		offer = (struct offer){ (uintptr_t)passive->memory, passive->mr->rkey };
		param.private_data = &offer;
		param.private_data_len = sizeof(offer);
		if (rdma_accept(passive->id, &param))
			fail("rdma_accept: %m");
	} else if (type == RDMA_CM_EVENT_ESTABLISHED) {
		if (active && ev->id == active->id)
			memcpy(active->memory, ev->param.conn.private_data, sizeof(offer));
	} else if (type != RDMA_CM_EVENT_DISCONNECTED) {
		fail("%s, status %d", rdma_event_str(type), ev->status);
	}
	rdma_ack_cm_event(ev);
	return type;
}

static void connect_pair(struct pair *p, bool two_cqs)
{
	unsigned int established = 0;

	memset(p, 0, sizeof(*p));
	p->events = rdma_create_event_channel();
	if (!p->events)
		fail("rdma_create_event_channel: %m");
	p->listener = new_listener(p->events);
	resolve(p->events, &p->end[0].id, rdma_get_src_port(p->listener));
	while (established < 2)
		established += step(p->events, &p->end[0], &p->end[1], two_cqs) ==
			       RDMA_CM_EVENT_ESTABLISHED;
}

static void end_end(struct end *e)
{
	rdma_destroy_qp(e->id);
	ibv_dereg_mr(e->mr);
	rdma_destroy_id(e->id);
	if (ibv_destroy_cq(e->send_cq) || (e->recv_cq != e->send_cq && ibv_destroy_cq(e->recv_cq)))
		fail("ibv_destroy_cq");
	if (ibv_destroy_comp_channel(e->channel[0]) ||
	    (e->channel[1] != e->channel[0] && ibv_destroy_comp_channel(e->channel[1])))
		fail("ibv_destroy_comp_channel");
}

static void end_pair(struct pair *p)
{
	for (int i = 0; i < ENDS; i++)
		end_end(&p->end[i]);
	rdma_destroy_id(p->listener);
	rdma_destroy_event_channel(p->events);
}

/* ---- work */

static void post(struct end *e, enum ibv_wr_opcode opcode, uint64_t addr, uint32_t rkey)
{
	struct ibv_sge sge = { (uintptr_t)&e->memory[16], 8, e->mr->lkey };
	struct ibv_send_wr wr = { .sg_list = &sge,
				  .num_sge = 1,
				  .opcode = opcode,
				  .send_flags = IBV_SEND_SIGNALED },
			   *bad;

	if (opcode == IBV_WR_ATOMIC_FETCH_AND_ADD) {
		wr.wr.atomic.remote_addr = addr;
		wr.wr.atomic.rkey = rkey;
		wr.wr.atomic.compare_add = 1;
	} else {
		wr.wr.rdma.remote_addr = addr;
		wr.wr.rdma.rkey = rkey;
	}
	if (ibv_post_send(e->id->qp, &wr, &bad))
		fail("ibv_post_send: %m");
}

static void post_recv(struct end *e)
{
	struct ibv_sge sge = { (uintptr_t)&e->memory[32], 8, e->mr->lkey };
	struct ibv_recv_wr wr = { .sg_list = &sge, .num_sge = 1 }, *bad;

	if (ibv_post_recv(e->id->qp, &wr, &bad))
		fail("ibv_post_recv: %m");
}

static void reap(struct ibv_cq *cq, const char *what)
{
	uint64_t until = ms_now() + AT_ONCE_MS;
	struct ibv_wc wc;
	int n;

	while (!(n = ibv_poll_cq(cq, 1, &wc)))
		if (ms_now() > until)
			fail("%s does not complete", what);
	if (n < 0 || wc.status)
		fail("%s: %s", what, n < 0 ? "ibv_poll_cq" : ibv_wc_status_str(wc.status));
}

/* One-sided work, one at a time; the other end has no part in it. */
static void work_on(struct end *e, uint64_t addr, uint32_t rkey)
{
	static const struct {
		enum ibv_wr_opcode opcode;
		const char *name;
	} ops[] = { { IBV_WR_RDMA_READ, "a Read" },
		    { IBV_WR_RDMA_WRITE, "a Write" },
		    { IBV_WR_ATOMIC_FETCH_AND_ADD, "an atomic" } };

	for (unsigned int i = 0; i < OPS; i++) {
		post(e, ops[i % 3].opcode, addr, rkey);
		reap(e->send_cq, ops[i % 3].name);
	}
}

static void work_on_pair(struct pair *p)
{
	work_on(&p->end[0], (uintptr_t)&p->end[1].memory[64], p->end[1].mr->rkey);
}

static void poll_for(struct end *e, unsigned int ms)
{
	uint64_t until = ms_now() + ms;
	struct ibv_wc wc;

	while (ms_now() < until)
		if (ibv_poll_cq(e->recv_cq, 1, &wc))
			fail("an unexpected completion");
}

static void arm(struct end *e)
{
	if (ibv_req_notify_cq(e->recv_cq, 0))
		fail("ibv_req_notify_cq");
}

static void take_event(struct end *e)
{
	struct ibv_cq *cq;
	void *context;

	if (ibv_get_cq_event(e->channel[1], &cq, &context) || cq != e->recv_cq)
		fail("ibv_get_cq_event: %m");
	ibv_ack_cq_events(cq, 1);
}

static void sleep_for_event(struct end *e)
{
	struct pollfd pfd = { .fd = e->channel[1]->fd, .events = POLLIN };

	sem_post(&may_send);
	if (poll(&pfd, 1, AT_ONCE_MS) != 1)
		fail("no event wakes the program's own poll(2)");
	take_event(e);
	reap(e->recv_cq, "a receive");
}

/* @arg: the pair. Its end 0 sends, when end 1 has had the time to fall asleep. */
static void *send_later(void *arg)
{
	struct pair *p = arg;

	while (sem_wait(&may_send))
		;
	usleep(20000);
	post(&p->end[0], IBV_WR_SEND, 0, 0);
	reap(p->end[0].send_cq, "a Send");
	return NULL;
}

static void start_send(struct pair *p, pthread_t *thread)
{
	post_recv(&p->end[1]);
	if (pthread_create(thread, NULL, send_later, p))
		fail("pthread_create");
}

/* ---- cases */

static void idle_after_polling(struct pair *p)
{
	poll_for(&p->end[1], 20);
	work_on_pair(p);
}

static void armed_then_polled(struct pair *p)
{
	pthread_t thread;

	for (int i = 0; i < 10; i++) {
		start_send(p, &thread);
		poll_for(&p->end[1], (unsigned int)i % 3 * 5);
		arm(&p->end[1]);
		poll_for(&p->end[1], (unsigned int)i % 4);
		sleep_for_event(&p->end[1]);
		pthread_join(thread, NULL);
	}
}

static void armed_without_polling(struct pair *p)
{
	pthread_t thread;

	for (int i = 0; i < 5; i++) {
		arm(&p->end[1]);
		start_send(p, &thread);
		sleep_for_event(&p->end[1]);
		pthread_join(thread, NULL);
	}
}

/* The event has been taken, nothing is armed, the program computes. */
static void computing_after_event(struct pair *p)
{
	armed_without_polling(p);
	work_on_pair(p);
}

static void computing_after_get_event(struct pair *p)
{
	pthread_t thread;

	for (int i = 0; i < 5; i++) {
		arm(&p->end[1]);
		start_send(p, &thread);
		sem_post(&may_send);
		take_event(&p->end[1]);
		reap(p->end[1].recv_cq, "a receive");
		pthread_join(thread, NULL);
		work_on_pair(p);
	}
}

/* It was last seen in ibv_get_cq_event, but sleeps elsewhere this time. */
static void elsewhere_after_get_event(struct pair *p)
{
	pthread_t thread;

	for (int i = 0; i < 5; i++) {
		arm(&p->end[1]);
		start_send(p, &thread);
		sem_post(&may_send);
		take_event(&p->end[1]);
		reap(p->end[1].recv_cq, "a receive");
		pthread_join(thread, NULL);
		arm(&p->end[1]);
		start_send(p, &thread);
		poll_for(&p->end[1], (unsigned int)i);
		sleep_for_event(&p->end[1]);
		pthread_join(thread, NULL);
	}
}

#ifndef UNDER_TSAN
static void *sit_in_get_event(void *arg)
{
	struct end *e = arg;

	take_event(e);
	return NULL;
}

/* Two threads sleep in the library, one is cancelled, one leaves. */
static void waiter_cancelled(struct pair *p)
{
	pthread_t thread, one, other;

	arm(&p->end[1]);
	pthread_create(&one, NULL, sit_in_get_event, &p->end[1]);
	pthread_create(&other, NULL, sit_in_get_event, &p->end[1]);
	usleep(20000);
	work_on_pair(p);
	pthread_cancel(one);
	pthread_join(one, NULL);
	work_on_pair(p);
	start_send(p, &thread);
	sem_post(&may_send);
	pthread_join(other, NULL);
	reap(p->end[1].recv_cq, "a receive");
	pthread_join(thread, NULL);
	work_on_pair(p);
}
#endif

static const struct {
	const char *name;
	void (*run)(struct pair *p);
} cases[] = {
	{ "reads after the peer has stopped polling", idle_after_polling },
	{ "own poll(2), polled after arming", armed_then_polled },
	{ "own poll(2), not polled", armed_without_polling },
	{ "reads while the peer computes after an event", computing_after_event },
	{ "reads while the peer computes after ibv_get_cq_event", computing_after_get_event },
	{ "own poll(2) after ibv_get_cq_event", elsewhere_after_get_event },
#ifndef UNDER_TSAN
	{ "a sleeper in ibv_get_cq_event is cancelled", waiter_cancelled },
#endif
};

static void run_cases(bool two_cqs)
{
	static struct pair p;

	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		now = cases[i].name;
		connect_pair(&p, two_cqs);
		cases[i].run(&p);
		end_pair(&p);
		printf("ok - %s, %s\n", now, two_cqs ? "two CQs" : "one CQ");
	}
}

/* ---- a passive process */

/* Accepts one connection and calls nothing from then on. */
static void be_passive(int to, int from)
{
	struct rdma_event_channel *events = rdma_create_event_channel();
	static struct end e;
	in_port_t port;
	char byte;

	if (!events)
		fail("rdma_create_event_channel: %m");
	port = rdma_get_src_port(new_listener(events));
	if (write(to, &port, sizeof(port)) != sizeof(port))
		fail("write");
	while (step(events, NULL, &e, false) != RDMA_CM_EVENT_ESTABLISHED)
		;
	_exit(read(from, &byte, 1) < 0);
}

static void passive_process(void)
{
	int up[2], down[2], status;
	struct rdma_event_channel *events;
	struct offer offer;
	static struct end e;
	in_port_t port;
	pid_t child;

	now = "a process that never calls verbs";
	if (pipe(up) || pipe(down))
		fail("pipe: %m");
	child = fork();
	if (!child) {
		close(down[1]);
		be_passive(up[1], down[0]);
	}
	close(down[0]);
	events = rdma_create_event_channel();
	if (child < 0 || !events || read(up[0], &port, sizeof(port)) != sizeof(port))
		fail("fork: %m");
	resolve(events, &e.id, port);
	while (step(events, &e, NULL, false) != RDMA_CM_EVENT_ESTABLISHED)
		;
	memcpy(&offer, e.memory, sizeof(offer));
	work_on(&e, offer.addr, offer.rkey);
	usleep(50000);
	work_on(&e, offer.addr, offer.rkey);
	close(down[1]);
	if (waitpid(child, &status, 0) != child || status)
		fail("the passive process ended with %d", status);
	end_end(&e);
	rdma_destroy_event_channel(events);
	printf("ok - %s\n", now);
}

/* ---- idle */

struct cost {
	unsigned long ticks, switches;
};

static bool is_loop(const char *task)
{
	char path[300], name[32] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%s/comm", task);
	f = fopen(path, "r");
	if (f) {
		if (!fgets(name, sizeof(name), f))
			name[0] = 0;
		fclose(f);
	}
	return strcmp(name, "iwshim-soft\n") == 0;
}

static void add_cost(const char *task, struct cost *cost)
{
	unsigned long user, sys, n;
	char path[300], line[512];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%s/stat", task);
	f = fopen(path, "r");
	if (f && fscanf(f, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
			&user, &sys) == 2)
		cost->ticks += user + sys;
	if (f)
		fclose(f);
	snprintf(path, sizeof(path), "/proc/self/task/%s/status", task);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "voluntary_ctxt_switches: %lu", &n) == 1)
			cost->switches += n;
	if (f)
		fclose(f);
}

/* What the library's thread has used: a sanitizer has threads of its own. */
static struct cost cost_of_loop(void)
{
	struct cost cost = { 0 };
	struct dirent *entry;
	DIR *dir = opendir("/proc/self/task");

	if (!dir)
		fail("/proc: %m");
	while ((entry = readdir(dir)))
		if (is_loop(entry->d_name))
			add_cost(entry->d_name, &cost);
	closedir(dir);
	if (!cost.switches)
		fail("the library's thread is not found");
	return cost;
}

static void idle(void)
{
	static struct pair pairs[4];
	struct cost before, after;

	now = "idle connections";
	for (unsigned int i = 0; i < 4; i++) {
		connect_pair(&pairs[i], i & 1);
		if (i & 2)
			arm(&pairs[i].end[1]);
		poll_for(&pairs[i].end[1], 10);
		work_on_pair(&pairs[i]);
	}
	usleep(100000);
	before = cost_of_loop();
	sleep(IDLE_S);
	after = cost_of_loop();
	if (after.switches - before.switches > 4 || after.ticks - before.ticks > 1)
		fail("in %d s %lu wake-ups and %lu ticks", IDLE_S, after.switches - before.switches,
		     after.ticks - before.ticks);
	for (unsigned int i = 0; i < 4; i++)
		end_pair(&pairs[i]);
	printf("ok - %s: %lu wake-ups in %d s\n", now, after.switches - before.switches, IDLE_S);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	alarm(120); /* a hang is a failure */
	sem_init(&may_send, 0, 0);
	passive_process();
	run_cases(false);
	run_cases(true);
	idle();
	return 0;
}
