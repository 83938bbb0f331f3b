// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * One end of connections whose network is about to fail. It does what standard
 * input says, a command a line, and prints every event with its time:
 *
 *   listen PORT			accepts at once, but for names that begin with h
 *   connect NAME ADDRESS PORT	both ends know the connection by NAME
 *   accept NAME | reject NAME	one that was held
 *   flow NAME KINDS COUNT SIZE	see peer.h; COUNT 0: without end
 *   disconnect NAME
 *   destroy NAME|all		and says how long it took, and what never came back
 *   state			descriptors and resident memory
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "peer.h"

#define RESOLVE_MS 2000
#define DEPTH 8 /* reads in flight, each way */

pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static struct conn *conns; /* under the lock */
static struct rdma_event_channel *channel;
static struct rdma_cm_id *listener;

static long long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void say(const struct conn *conn, const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	printf("%lld %s %s\n", now_ms(), conn ? conn->name : "-", text);
	fflush(stdout);
}

void say_if_quiet(struct conn *conn)
{
	const struct flow *flow = &conn->flow;

	if (conn->quiet || !conn->established || !conn->ends || flow->posted != flow_back(flow))
		return;
	conn->quiet = true;
	say(conn, "FLUSHED posted=%lu good=%lu flushed=%lu broken=%lu bad=%lu", flow->posted,
	    flow->good, flow->flushed, flow->broken, flow->bad);
}

/* --------------------------------------------------------------- Connections */

/* The lock is held. */
static struct conn *find(const char *name)
{
	struct conn *conn = conns;

	while (conn && strcmp(conn->name, name))
		conn = conn->next;
	return conn;
}

static struct conn *conn_new(const char *name, struct rdma_cm_id *id)
{
	struct conn *conn = calloc(1, sizeof(*conn));

	if (!conn)
		abort();
	snprintf(conn->name, sizeof(conn->name), "%s", name);
	conn->id = id;
	id->context = conn;
	conn->next = conns;
	conns = conn;
	return conn;
}

static void fill_param(const struct conn *conn, struct hello *hello, struct rdma_conn_param *param)
{
	flow_hello(conn, hello);
	*param = (struct rdma_conn_param){
		.private_data = hello,
		.private_data_len = sizeof(*hello),
		.responder_resources = DEPTH,
		.initiator_depth = DEPTH,
		.retry_count = 7,
		.rnr_retry_count = 7,
	};
}

static void begin_connect(struct conn *conn)
{
	struct rdma_conn_param param;
	struct hello hello;

	if (flow_open(conn)) {
		say(conn, "FAILED open %s", strerror(errno));
		return;
	}
	fill_param(conn, &hello, &param);
	if (rdma_connect(conn->id, &param))
		say(conn, "FAILED connect %s", strerror(errno));
	else
		say(conn, "CONNECTING");
}

static void accept_it(struct conn *conn)
{
	struct rdma_conn_param param;
	struct hello hello;

	conn->flow.far = conn->said;
	if (flow_open(conn)) {
		say(conn, "FAILED open %s", strerror(errno));
		return;
	}
	fill_param(conn, &hello, &param);
	if (rdma_accept(conn->id, &param))
		say(conn, "FAILED accept %s", strerror(errno));
	else
		say(conn, "ACCEPTED");
}

/* -------------------------------------------------------------------- Events */

static void on_request(const struct rdma_cm_event *event)
{
	const struct rdma_conn_param *param = &event->param.conn;
	struct hello hello;
	struct conn *conn;

	if (param->private_data_len < sizeof(hello)) {
		say(NULL, "STRANGER");
		return;
	}
	memcpy(&hello, param->private_data, sizeof(hello));
	hello.name[NAME_MAX_LEN - 1] = '\0';
	conn = conn_new(hello.name, event->id);
	conn->passive = true;
	conn->said = hello;
	say(conn, "CONNECT_REQUEST 0");
	if (hello.name[0] != 'h')
		accept_it(conn);
}

static void on_established(struct conn *conn, const struct rdma_cm_event *event)
{
	conn->established = true;
	if (!conn->passive && event->param.conn.private_data_len >= sizeof(struct hello))
		memcpy(&conn->flow.far, event->param.conn.private_data, sizeof(struct hello));
}

static void handle(const struct rdma_cm_event *event)
{
	struct conn *conn = event->id->context;

	if (event->event == RDMA_CM_EVENT_CONNECT_REQUEST) {
		on_request(event);
		return;
	}
	say(conn, "%s %d", rdma_event_str(event->event) + strlen("RDMA_CM_EVENT_"), event->status);
	if (!conn)
		return;
	switch (event->event) {
	case RDMA_CM_EVENT_ADDR_RESOLVED:
		if (rdma_resolve_route(event->id, RESOLVE_MS))
			say(conn, "FAILED route %s", strerror(errno));
		break;
	case RDMA_CM_EVENT_ROUTE_RESOLVED:
		begin_connect(conn);
		break;
	case RDMA_CM_EVENT_ESTABLISHED:
		on_established(conn, event);
		break;
	default:
		if (event->event == RDMA_CM_EVENT_DISCONNECTED)
			rdma_disconnect(conn->id);
		if (++conn->ends > 1)
			say(conn, "WRONG %u ends", conn->ends);
		break;
	}
	say_if_quiet(conn);
}

static void *take_events(void *arg)
{
	struct rdma_cm_event *event;

	while (!rdma_get_cm_event(channel, &event)) {
		pthread_mutex_lock(&lock);
		handle(event);
		pthread_mutex_unlock(&lock);
		rdma_ack_cm_event(event);
	}
	return arg;
}

/* ------------------------------------------------------------------ Commands */

static struct sockaddr_in address(const char *host, const char *port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };

	inet_pton(AF_INET, host, &at.sin_addr);
	return at;
}

static void do_listen(char **word)
{
	struct sockaddr_in at = address("0.0.0.0", word[1]);

	if (rdma_create_id(channel, &listener, NULL, RDMA_PS_TCP) ||
	    rdma_bind_addr(listener, (struct sockaddr *)&at) || rdma_listen(listener, 64))
		say(NULL, "FAILED listen %s", strerror(errno));
	else
		say(NULL, "LISTENING");
}

static void do_connect(char **word)
{
	struct sockaddr_in to = address(word[2], word[3]);
	struct rdma_cm_id *id;
	struct conn *conn;

	if (rdma_create_id(channel, &id, NULL, RDMA_PS_TCP)) {
		say(NULL, "FAILED id %s", strerror(errno));
		return;
	}
	conn = conn_new(word[1], id);
	if (rdma_resolve_addr(id, NULL, (struct sockaddr *)&to, RESOLVE_MS))
		say(conn, "FAILED resolve %s", strerror(errno));
}

static void unlink_conn(struct conn *conn)
{
	struct conn **at = &conns;

	while (*at != conn)
		at = &(*at)->next;
	*at = conn->next;
}

/* The lock is held; not while the id is destroyed, as that waits for events to be acknowledged. */
static void destroy(struct conn *conn)
{
	const struct flow *flow = &conn->flow;
	const long long began = now_ms();

	unlink_conn(conn);
	pthread_mutex_unlock(&lock);
	flow_close(conn);
	rdma_destroy_id(conn->id);
	pthread_mutex_lock(&lock);
	say(conn, "DESTROYED took=%lld ends=%u lost=%lu bad=%lu", now_ms() - began, conn->ends,
	    conn->quiet ? flow->posted - flow_back(flow) : 0, flow->bad);
	free(conn);
}

static void do_destroy(char **word)
{
	struct conn *conn = find(word[1]);

	if (!strcmp(word[1], "all"))
		while (conns)
			destroy(conns);
	else if (conn)
		destroy(conn);
	say(NULL, "GONE %s", word[1]);
}

static unsigned int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

static void do_state(char **word)
{
	FILE *file = fopen("/proc/self/statm", "r");
	long total = 0, resident = 0;

	if (!file || fscanf(file, "%ld %ld", &total, &resident) != 2)
		resident = -1;
	if (file)
		fclose(file);
	say(NULL, "STATE fds=%u rss_kb=%ld", count_fds(), resident * sysconf(_SC_PAGESIZE) / 1024);
}

/* Of connections, by name. */
static void do_named(char **word)
{
	struct conn *conn = find(word[1]);

	if (!conn)
		say(NULL, "UNKNOWN %s", word[1]);
	else if (!strcmp(word[0], "accept"))
		accept_it(conn);
	else if (!strcmp(word[0], "reject"))
		say(conn, "REJECTING %d", rdma_reject(conn->id, NULL, 0) ? errno : 0);
	else if (!strcmp(word[0], "disconnect"))
		say(conn, "DISCONNECTING %d", rdma_disconnect(conn->id) ? errno : 0);
	else
		flow_start(conn, word[2], strtoul(word[3], NULL, 10),
			   (uint32_t)strtoul(word[4], NULL, 10));
}

static const struct {
	const char *name;
	int words;
	void (*run)(char **word);
} commands[] = {
	{ "listen", 2, do_listen },   { "connect", 4, do_connect },  { "accept", 2, do_named },
	{ "reject", 2, do_named },    { "disconnect", 2, do_named }, { "flow", 5, do_named },
	{ "destroy", 2, do_destroy }, { "state", 1, do_state },
};

static void obey(char *line)
{
	char *word[6] = { NULL }, *save = NULL;
	int n = 0;

	for (char *w = strtok_r(line, " \n", &save); w && n < 5; w = strtok_r(NULL, " \n", &save))
		word[n++] = w;
	for (size_t i = 0; n && i < sizeof(commands) / sizeof(*commands); i++) {
		if (strcmp(commands[i].name, word[0]) || commands[i].words != n)
			continue;
		pthread_mutex_lock(&lock);
		commands[i].run(word);
		pthread_mutex_unlock(&lock);
		return;
	}
	say(NULL, "UNKNOWN command %s", n ? word[0] : "");
}

int main(void)
{
	pthread_t thread;
	char line[256];

	channel = rdma_create_event_channel();
	if (!channel || pthread_create(&thread, NULL, take_events, NULL)) {
		perror("peer");
		return 1;
	}
	say(NULL, "READY");
	while (fgets(line, sizeof(line), stdin))
		obey(line);
	exit(0); /* as programs end: with all that lives */
}
