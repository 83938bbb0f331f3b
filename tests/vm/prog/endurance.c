// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Very many connections through one event channel and one thread on each side, and what they
 * leave behind: in sequence, or all at once.
 *
 * usage: endurance -s | -c [-a address] [-p port] [-n connections] [-w rounds]
 *	-n  connections in total, or of a round (default 10000)
 *	-w  at once: a round is over when all its connections, established together, have ended
 *
 * In sequence each connection has a protection domain, completion queue and region of its own,
 * and each hundredth carries a message both ways; at once they share the first two. Prints
 *	events ADDR_RESOLVED=10000 ROUTE_RESOLVED=10000 ESTABLISHED=10000 DISCONNECTED=10000
 *	state at=1000 fds=9 rss_kb=4711	  after a tenth, and at the end; at once after each round
 *	total failed=0 messages=100 most=1 late=0 end_fds=4 start_fds=3 seconds=9.8
 * most: established at a time; late: events after the last that were due. Exit 0 or 1: failed.
 */
#include "prog.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define MESSAGE_EVERY 100
#define MESSAGE_SIZE 64
#define PATIENCE_S 20
#define EVENTS 32

struct conn {
	struct prog_qp qp;
	struct ibv_mr *mr;
	bool talks;
	char in[MESSAGE_SIZE], out[MESSAGE_SIZE];
};

static struct {
	bool server;
	const char *address, *port;
	int connections, rounds; /* 0 rounds: in sequence */
} opt = { .address = "127.0.0.1", .port = "7473", .connections = 10000 };

static struct sockaddr_storage address;
static struct rdma_event_channel *channel;
static struct rdma_cm_id **ids; /* [opt.connections] of a client's round */
static struct prog_qp shared;	/* at once: for all of a device */
static int begun, established, ended, most, failed, messages;
static unsigned long counts[EVENTS];

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void pause_ms(long ms)
{
	nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 }, NULL);
}

/* ---- what the process holds */

static int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = -1; /* dir's own */

	if (!dir)
		prog_die("/proc/self/fd");
	for (struct dirent *e; (e = readdir(dir));)
		n += e->d_name[0] != '.';
	closedir(dir);
	return n;
}

static long rss_kb(void)
{
	FILE *file = fopen("/proc/self/status", "r");
	char line[256];
	long kb = -1;

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "VmRSS: %ld", &kb) == 1)
			break;
	if (file)
		fclose(file);
	return kb;
}

/* The fewest within half a second: a socket may take its time to close. */
static int settled_fds(void)
{
	int least = count_fds(), n;

	for (int i = 0; i < 25; i++) {
		pause_ms(20);
		n = count_fds();
		least = n < least ? n : least;
	}
	return least;
}

static void say_state(void)
{
	printf("state at=%d fds=%d rss_kb=%ld\n", ended, settled_fds(), rss_kb());
	fflush(stdout);
}

/* ---- messages */

static int post_receive(struct conn *c, struct rdma_cm_id *id)
{
	struct ibv_sge sge = { (uintptr_t)c->in, MESSAGE_SIZE, c->mr->lkey };
	struct ibv_recv_wr wr = { .sg_list = &sge, .num_sge = 1 }, *bad;

	return ibv_post_recv(id->qp, &wr, &bad);
}

static int post_send(struct conn *c, struct rdma_cm_id *id)
{
	struct ibv_sge sge = { (uintptr_t)c->out, MESSAGE_SIZE, c->mr->lkey };
	struct ibv_send_wr wr = { .sg_list = &sge,
				  .num_sge = 1,
				  .opcode = IBV_WR_SEND,
				  .send_flags = IBV_SEND_SIGNALED },
			   *bad;

	return ibv_post_send(id->qp, &wr, &bad);
}

/* Waits for @n good completions. */
static int complete(const struct conn *c, int n)
{
	double end = now_s() + PATIENCE_S;
	struct ibv_wc wc;
	int got;

	while (n) {
		got = ibv_poll_cq(c->qp.cq, 1, &wc);
		if (got < 0 || (got && wc.status) || now_s() > end)
			return -1;
		n -= got;
	}
	return 0;
}

/* The client asks, the server answers with what it was asked. */
static int talk(struct conn *c, struct rdma_cm_id *id)
{
	if (opt.server && complete(c, 1))
		return -1;
	if (opt.server)
		memcpy(c->out, c->in, MESSAGE_SIZE);
	else
		snprintf(c->out, MESSAGE_SIZE, "connection %d", ended);
	if (post_send(c, id) || complete(c, opt.server ? 1 : 2))
		return -1;
	messages++;
	return opt.server || !memcmp(c->in, c->out, MESSAGE_SIZE) ? 0 : -1;
}

/* ---- connections */

static struct conn *new_conn(void)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (!c)
		prog_die("calloc");
	return c;
}

static int share(struct rdma_cm_id *id)
{
	if (!shared.pd)
		shared.pd = ibv_alloc_pd(id->verbs);
	if (shared.pd && !shared.cq)
		shared.cq = ibv_create_cq(id->verbs, 16, NULL, NULL, 0);
	shared.borrowed = true;
	return shared.cq ? 0 : -1;
}

static int open_conn(struct conn *c, struct rdma_cm_id *id)
{
	if (opt.rounds) {
		if (share(id))
			return -1;
		c->qp = shared;
	}
	if (prog_open_qp(&c->qp, id, 2))
		return -1;
	if (opt.rounds)
		return 0;
	c->mr = ibv_reg_mr(c->qp.pd, c->in, sizeof(c->in) + sizeof(c->out), IBV_ACCESS_LOCAL_WRITE);
	return c->mr ? post_receive(c, id) : -1;
}

static void close_conn(struct rdma_cm_id *id)
{
	struct conn *c = id->context;

	if (id->qp)
		rdma_destroy_qp(id);
	if (c->mr)
		ibv_dereg_mr(c->mr);
	prog_close_qp(&c->qp, id);
	if (rdma_destroy_id(id)) {
		prog_complain("rdma_destroy_id");
		failed++;
	}
	free(c);
}

static void begin_one(void)
{
	struct conn *c = new_conn();
	struct rdma_cm_id *id;

	c->talks = !opt.rounds && begun % MESSAGE_EVERY == MESSAGE_EVERY - 1;
	if (rdma_create_id(channel, &id, c, RDMA_PS_TCP))
		prog_die("rdma_create_id");
	if (rdma_resolve_addr(id, NULL, (struct sockaddr *)&address, PATIENCE_S * 1000))
		prog_die("rdma_resolve_addr");
	ids[begun++ % opt.connections] = id;
}

static int do_connect(struct rdma_cm_id *id)
{
	struct conn *c = id->context;
	struct rdma_conn_param param = prog_param(c->talks ? "talk" : NULL);

	return open_conn(c, id) || rdma_connect(id, &param) ? -1 : 0;
}

/* InfiniBand's private data come with zeros behind them. */
static int do_accept(struct rdma_cm_id *id, const struct rdma_conn_param *from)
{
	struct rdma_conn_param param = prog_param(NULL);
	struct conn *c = new_conn();

	id->context = c;
	c->talks = from->private_data_len >= 4 && !memcmp(from->private_data, "talk", 4);
	return open_conn(c, id) || rdma_accept(id, &param) ? -1 : 0;
}

/* Once the last is up the server has a moment to see it, too. */
static int on_established(struct rdma_cm_id *id)
{
	struct conn *c = id->context;

	established++;
	most = established > most ? established : most;
	if (c->talks && talk(c, id))
		return -1;
	if (opt.server)
		return 0;
	if (!opt.rounds)
		return rdma_disconnect(id);
	if (established < opt.connections)
		return 0;
	pause_ms(500);
	for (int i = 0; i < opt.connections; i++)
		if (ids[i] && rdma_disconnect(ids[i]))
			return -1;
	return 0;
}

static void on_end(void)
{
	ended++;
	established--;
	if (opt.rounds ? ended % opt.connections == 0
		       : ended == opt.connections / 10 || ended == opt.connections)
		say_state();
	if (opt.server)
		return;
	if (!opt.rounds && begun < opt.connections)
		begin_one();
	if (opt.rounds && ended == begun && begun < opt.connections * opt.rounds)
		for (int i = 0; i < opt.connections; i++)
			begin_one();
}

/* 0: it goes on, 1: it has ended, -1: it failed. */
static int step(const struct rdma_cm_event *event)
{
	switch (event->event) {
	case RDMA_CM_EVENT_ADDR_RESOLVED:
		return rdma_resolve_route(event->id, PATIENCE_S * 1000);
	case RDMA_CM_EVENT_ROUTE_RESOLVED:
		return do_connect(event->id);
	case RDMA_CM_EVENT_CONNECT_REQUEST:
		return do_accept(event->id, &event->param.conn);
	case RDMA_CM_EVENT_ESTABLISHED:
		return on_established(event->id);
	case RDMA_CM_EVENT_TIMEWAIT_EXIT:
		return 0;
	case RDMA_CM_EVENT_DISCONNECTED:
		return 1;
	default:
		errno = 0;
		return -1;
	}
}

/* A failure is told and ends the process: what follows could not be counted. */
static void serve(struct rdma_cm_event *event)
{
	enum rdma_cm_event_type type = event->event;
	struct rdma_cm_id *id = event->id;
	int status = event->status, ret;

	counts[type % EVENTS]++;
	ret = step(event);
	if (ret < 0) {
		fprintf(stderr, "endurance: %s, status %d, errno %s, connection %d\n",
			rdma_event_str(type), status, strerror(errno), ended);
		failed++;
	}
	if (rdma_ack_cm_event(event))
		prog_die("rdma_ack_cm_event");
	if (!ret || failed)
		return;
	close_conn(id);
	on_end();
}

/* ---- the whole */

static struct rdma_cm_id *listen_here(void)
{
	struct rdma_cm_id *id;

	if (rdma_create_id(channel, &id, NULL, RDMA_PS_TCP))
		prog_die("rdma_create_id");
	if (rdma_bind_addr(id, (struct sockaddr *)&address) ||
	    rdma_listen(id, opt.rounds ? opt.connections : 16))
		prog_die("listen");
	return id;
}

static int late_events(void)
{
	struct pollfd pfd = { .fd = channel->fd, .events = POLLIN };
	struct rdma_cm_event *event;
	int n = 0;

	fcntl(channel->fd, F_SETFL, O_NONBLOCK);
	while (poll(&pfd, 1, 200) > 0 && !rdma_get_cm_event(channel, &event)) {
		counts[event->event % EVENTS]++;
		n++;
		rdma_ack_cm_event(event);
	}
	return n;
}

static void run(void)
{
	int total = opt.connections * (opt.rounds ? opt.rounds : 1);
	struct rdma_cm_event *event;

	for (int i = 0; !opt.server && i < (opt.rounds ? opt.connections : 1); i++)
		begin_one();
	while (ended < total && !failed) {
		if (!rdma_get_cm_event(channel, &event))
			serve(event);
		else if (errno != EINTR)
			prog_die("rdma_get_cm_event");
	}
}

static void say_events(void)
{
	printf("events");
	for (int i = 0; i < EVENTS; i++)
		if (counts[i] && i != RDMA_CM_EVENT_TIMEWAIT_EXIT)
			printf(" %s=%lu", rdma_event_str((enum rdma_cm_event_type)i) + 14,
			       counts[i]);
	putchar('\n');
}

static void parse(int argc, char **argv)
{
	int o;

	while ((o = getopt(argc, argv, "sca:p:n:w:")) != -1) {
		if (prog_side_option(o, &opt.server, &opt.address, &opt.port))
			continue;
		switch (o) {
		case 'n':
			opt.connections = atoi(optarg);
			break;
		case 'w':
			opt.rounds = atoi(optarg);
			break;
		default:
			exit(2);
		}
	}
	if (opt.connections < 1 || opt.rounds < 0)
		exit(2);
}

static void more_descriptors(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv)
{
	struct rdma_cm_id *listener = NULL;
	int start_fds = count_fds(), late;
	double start;

	parse(argc, argv);
	more_descriptors();
	address = prog_address(opt.address, opt.port);
	ids = calloc((size_t)opt.connections, sizeof(*ids));
	channel = rdma_create_event_channel();
	if (!ids || !channel)
		prog_die("start");
	if (opt.server)
		listener = listen_here();
	start = now_s();
	run();
	start = now_s() - start;
	late = late_events();
	say_events();
	if (failed)
		return 1; /* with connections that are not over */
	if (listener)
		rdma_destroy_id(listener);
	shared.borrowed = false;
	if (shared.cq)
		ibv_destroy_cq(shared.cq);
	if (shared.pd)
		ibv_dealloc_pd(shared.pd);
	rdma_destroy_event_channel(channel);
	free(ids);
	printf("total failed=%d messages=%d most=%d late=%d end_fds=%d start_fds=%d seconds=%.1f\n",
	       failed, messages, most, late, settled_fds(), start_fds, start);
	return 0;
}
