// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Makes complete connections, create ... destroy, one after another, and says how long they took.
 *
 * usage: conn_loop -s | -c [-a address] [-p port] [-n connections] [-t threads] [-x] [-S] [-k]
 *	[-d queue depth] [-w]
 *	-n  connections in total (default 100); 0 exits at once, as a base line
 *	-t  threads; a client has that many connections under way
 *	-x  the client's threads share one channel: any thread serves any connection
 *	    (a server's threads always share theirs)
 *	-S  the client uses synchronous ids (no channel)
 *	-k  keep: one protection domain and completion queue for all, not one a connection
 *	-w  say how many threads the process has while the first connection stands
 *
 * The client disconnects as soon as it is established. Prints one line of name=value:
 *	role=active connections=100 failed=0 seconds=0.512 rate=195.3 median_us=5040 p99_us=6120
 * Exit: 0, or 1 when a connection failed.
 */
#include "prog.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

struct conn {
	pthread_mutex_t lock; /* over, and the steps: two threads may hold events of one id */
	bool over;
	struct prog_qp qp;
	double started;
};

/* A thread and the channel it serves, which it may share. */
struct lane {
	pthread_t thread;
	struct rdma_event_channel *channel;
	bool busy; /* of a channel of its own: a connection is under way */
};

static struct {
	bool server, shared, sync, keep, count_threads;
	const char *address, *port;
	int connections, threads;
	uint32_t depth;
} opt = { .address = "0.0.0.0", .port = "7472", .connections = 100, .threads = 1, .depth = 1 };

static struct sockaddr_storage address;
static int finished_fd; /* readable when the last connection has ended */
static atomic_int started, ended, failed, told_threads;
static double *took_us; /* [opt.connections], in the order in which they ended */

/* Kept for all connections with -k; set once. */
static struct prog_qp kept;
static pthread_mutex_t kept_lock = PTHREAD_MUTEX_INITIALIZER;

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void say_threads(void)
{
	struct dirent *entry;
	int n = 0;
	DIR *dir;

	if (!opt.count_threads || atomic_exchange(&told_threads, 1))
		return;
	dir = opendir("/proc/self/task");
	if (!dir)
		prog_die("/proc/self/task");
	while ((entry = readdir(dir)))
		n += entry->d_name[0] != '.';
	closedir(dir);
	printf("threads=%d\n", n);
}

/* -k: what all connections have in common is made by the first. */
static int keep_for_all(struct rdma_cm_id *id)
{
	pthread_mutex_lock(&kept_lock);
	kept.borrowed = true;
	if (!kept.pd)
		kept.pd = ibv_alloc_pd(id->verbs);
	if (kept.pd && !kept.cq)
		kept.cq = ibv_create_cq(id->verbs, 1024, NULL, NULL, 0);
	pthread_mutex_unlock(&kept_lock);
	return kept.cq ? 0 : -1;
}

static int open_qp(struct conn *c, struct rdma_cm_id *id)
{
	if (opt.keep) {
		if (keep_for_all(id))
			return -1;
		c->qp = kept;
	}
	return prog_open_qp(&c->qp, id, opt.depth);
}

static struct conn *new_conn(void)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (!c)
		prog_die("calloc");
	pthread_mutex_init(&c->lock, NULL);
	c->started = now_us();
	return c;
}

/* Counts a connection that is over, and wakes everybody after the last. */
static void finish(struct rdma_cm_id *id, bool well)
{
	struct conn *c = id->context;
	int n;

	prog_close_qp(&c->qp, id);
	if (rdma_destroy_id(id))
		prog_complain("rdma_destroy_id");
	if (!well)
		failed++;
	n = atomic_fetch_add(&ended, 1);
	if (n < opt.connections)
		took_us[n] = now_us() - c->started;
	if (n + 1 == opt.connections && eventfd_write(finished_fd, 1))
		prog_die("eventfd_write");
	pthread_mutex_destroy(&c->lock);
	free(c);
}

/* Starts the next connection of the client; false if none is left. */
static bool next(struct rdma_event_channel *channel)
{
	struct rdma_cm_id *id;

	while (atomic_fetch_add(&started, 1) < opt.connections) {
		if (rdma_create_id(channel, &id, new_conn(), RDMA_PS_TCP))
			prog_die("rdma_create_id");
		if (!rdma_resolve_addr(id, NULL, (struct sockaddr *)&address, 2000))
			return true;
		prog_complain("rdma_resolve_addr");
		finish(id, false);
	}
	return false;
}

static int do_connect(struct rdma_cm_id *id)
{
	struct rdma_conn_param param = prog_param(NULL);

	return open_qp(id->context, id) || rdma_connect(id, &param) ? -1 : 0;
}

static int do_accept(struct rdma_cm_id *id)
{
	struct rdma_conn_param param = prog_param(NULL);

	return open_qp(id->context, id) || rdma_accept(id, &param) ? -1 : 0;
}

/* One step of a connection: 0 it goes on, 1 it is over, -1 it failed. */
static int step(struct rdma_cm_id *id, enum rdma_cm_event_type type)
{
	switch (type) {
	case RDMA_CM_EVENT_ADDR_RESOLVED:
		return rdma_resolve_route(id, 2000);
	case RDMA_CM_EVENT_ROUTE_RESOLVED:
		return do_connect(id);
	case RDMA_CM_EVENT_CONNECT_REQUEST:
		return do_accept(id);
	case RDMA_CM_EVENT_ESTABLISHED:
		say_threads();
		return opt.server ? 0 : rdma_disconnect(id);
	case RDMA_CM_EVENT_TIMEWAIT_EXIT:
		return 0;
	case RDMA_CM_EVENT_DISCONNECTED:
		return 1;
	default:
		errno = 0;
		return -1;
	}
}

/*
 * Takes an event to its end. It is acknowledged after the step: until then no other thread's
 * rdma_destroy_id() of the same id returns, so the connection is there for us.
 */
static void serve(struct lane *lane, struct rdma_cm_event *event)
{
	enum rdma_cm_event_type type = event->event;
	struct rdma_cm_id *id = event->id;
	int status = event->status;
	struct conn *c;
	int ret = 0;

	if (type == RDMA_CM_EVENT_CONNECT_REQUEST)
		id->context = new_conn();
	c = id->context;
	if (!c) { /* the listener's: its device went away */
		rdma_ack_cm_event(event);
		return;
	}
	pthread_mutex_lock(&c->lock);
	if (!c->over)
		ret = step(id, type);
	c->over |= ret != 0;
	pthread_mutex_unlock(&c->lock);
	rdma_ack_cm_event(event);
	if (!ret)
		return;
	if (ret < 0)
		fprintf(stderr, "conn_loop: %s, status %d, errno %s\n", rdma_event_str(type),
			status, strerror(errno));
	finish(id, ret > 0);
	if (!opt.server)
		lane->busy = next(lane->channel);
}

/*
 * True while there is something to wait for. A thread alone on its channel blocks in the library,
 * as most programs do; those who share one would not learn of the end there.
 */
static bool wait_event(struct lane *lane)
{
	struct pollfd fds[] = { { .fd = lane->channel->fd, .events = POLLIN },
				{ .fd = finished_fd, .events = POLLIN } };

	if (!opt.shared)
		return opt.server ? ended < opt.connections : lane->busy;
	while (poll(fds, 2, -1) < 0 && errno == EINTR)
		;
	return !fds[1].revents;
}

static void *event_lane(void *arg)
{
	struct lane *lane = arg;
	struct rdma_cm_event *event;

	if (!opt.server)
		lane->busy = next(lane->channel);
	while (wait_event(lane)) {
		if (!rdma_get_cm_event(lane->channel, &event))
			serve(lane, event);
		else if (errno != EAGAIN && errno != EINTR)
			prog_die("rdma_get_cm_event");
	}
	return NULL;
}

static int sync_connection(struct rdma_cm_id *id)
{
	if (rdma_resolve_addr(id, NULL, (struct sockaddr *)&address, 2000) ||
	    rdma_resolve_route(id, 2000) || do_connect(id))
		return -1;
	say_threads();
	return rdma_disconnect(id);
}

static void *sync_lane(void *arg)
{
	struct rdma_cm_id *id;
	int ret;

	while (atomic_fetch_add(&started, 1) < opt.connections) {
		if (rdma_create_id(NULL, &id, new_conn(), RDMA_PS_TCP))
			prog_die("rdma_create_id");
		ret = sync_connection(id);
		if (ret)
			prog_complain("connection");
		finish(id, !ret);
	}
	return NULL;
}

static struct rdma_event_channel *new_channel(void)
{
	struct rdma_event_channel *channel = rdma_create_event_channel();

	if (!channel)
		prog_die("rdma_create_event_channel");
	if (opt.shared && fcntl(channel->fd, F_SETFL, O_NONBLOCK))
		prog_die("fcntl");
	return channel;
}

static struct rdma_cm_id *listen_on(struct rdma_event_channel *channel)
{
	struct rdma_cm_id *id;

	if (rdma_create_id(channel, &id, NULL, RDMA_PS_TCP))
		prog_die("rdma_create_id");
	if (rdma_bind_addr(id, (struct sockaddr *)&address) || rdma_listen(id, 128))
		prog_die("listen");
	return id;
}

static void run_lanes(struct lane *lanes)
{
	int i;

	for (i = 1; i < opt.threads; i++)
		if (pthread_create(&lanes[i].thread, NULL, opt.sync ? sync_lane : event_lane,
				   &lanes[i]))
			prog_die("pthread_create");
	if (opt.sync)
		sync_lane(&lanes[0]);
	else
		event_lane(&lanes[0]);
	for (i = 1; i < opt.threads; i++)
		pthread_join(lanes[i].thread, NULL);
}

static void run(void)
{
	struct lane *lanes = calloc((size_t)opt.threads, sizeof(*lanes));
	struct rdma_cm_id *listener = NULL;
	int i;

	if (!lanes)
		prog_die("calloc");
	for (i = 0; i < opt.threads && !opt.sync; i++)
		lanes[i].channel = i && opt.shared ? lanes[0].channel : new_channel();
	if (opt.server)
		listener = listen_on(lanes[0].channel);
	run_lanes(lanes);
	if (listener)
		rdma_destroy_id(listener);
	for (i = 0; i < opt.threads && !opt.sync; i++)
		if (!i || !opt.shared)
			rdma_destroy_event_channel(lanes[i].channel);
	free(lanes);
}

static int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void report(double seconds)
{
	int n = opt.connections;

	qsort(took_us, (size_t)n, sizeof(*took_us), by_value);
	printf("role=%s connections=%d failed=%d seconds=%.3f rate=%.1f median_us=%.0f "
	       "p99_us=%.0f\n",
	       opt.server ? "passive" : "active", n, failed, seconds, n / seconds, took_us[n / 2],
	       took_us[n * 99 / 100]);
}

static void parse(int argc, char **argv)
{
	int o;

	while ((o = getopt(argc, argv, "sca:p:n:t:d:xSkw")) != -1) {
		if (prog_side_option(o, &opt.server, &opt.address, &opt.port))
			continue;
		switch (o) {
		case 'n':
			opt.connections = atoi(optarg);
			break;
		case 't':
			opt.threads = atoi(optarg);
			break;
		case 'd':
			opt.depth = (uint32_t)atoi(optarg);
			break;
		case 'x':
			opt.shared = true;
			break;
		case 'S':
			opt.sync = true;
			break;
		case 'k':
			opt.keep = true;
			break;
		case 'w':
			opt.count_threads = true;
			break;
		default:
			exit(1);
		}
	}
	opt.sync &= !opt.server;
	opt.shared = opt.threads > 1 && (opt.shared || opt.server) && !opt.sync;
}

int main(int argc, char **argv)
{
	double begin;

	parse(argc, argv);
	if (opt.connections < 1 || opt.threads < 1)
		return 0;
	address = prog_address(opt.address, opt.port);
	finished_fd = eventfd(0, EFD_CLOEXEC);
	took_us = calloc((size_t)opt.connections, sizeof(*took_us));
	if (finished_fd < 0 || !took_us)
		prog_die("start");
	begin = now_us();
	run();
	report((now_us() - begin) / 1e6);
	return failed ? 1 : 0;
}
