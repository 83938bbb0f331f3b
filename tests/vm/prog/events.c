// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Prints every event of the connection manager, one a line, as it comes:
 *
 *	event ESTABLISHED status 0 id 1 private 5:hello
 *
 * usage: events -s | -c [-a address] [-p port] [-d private data] [-n connections]
 *	[-w seconds until a client disconnects] [-l seconds to go on after the last end] [-r]
 *
 * A server accepts (-r: rejects) until -n connections have ended (default 1); a client makes one.
 * Ids are numbered as they appear, the first is 1; a listener is 0. Exit: 0 when every connection
 * was established and ended by DISCONNECTED, 2 when the peer or the kernel refused, 1 on errors.
 */
#include "prog.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct peer {
	struct prog_qp qp;
	int number;
	bool ended;
};

static struct {
	bool server, reject;
	const char *address, *port, *private_data;
	int connections, linger_s;
	double hold_s;
} opt = { .address = "0.0.0.0", .port = "7471", .connections = 1, .hold_s = 1e9 };

static struct rdma_event_channel *channel;
static int ids, ended, refused;
static double disconnect_at;
static struct rdma_cm_id *client;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct peer *new_peer(void)
{
	struct peer *p = calloc(1, sizeof(*p));

	if (!p)
		prog_die("calloc");
	p->number = ++ids;
	return p;
}

static void print_event(const struct rdma_cm_event *e, const struct peer *p)
{
	const unsigned char *data = e->param.conn.private_data;
	const char *name = rdma_event_str(e->event);
	unsigned int i;

	if (!strncmp(name, "RDMA_CM_EVENT_", 14))
		name += 14;
	printf("event %s status %d id %d private %u:", name, e->status, p ? p->number : 0,
	       data ? e->param.conn.private_data_len : 0);
	for (i = 0; data && i < e->param.conn.private_data_len; i++)
		printf(isprint(data[i]) ? "%c" : "\\%02x", data[i]);
	printf("\n");
}

static void end(struct peer *p, bool well)
{
	if (p->ended)
		return;
	p->ended = true;
	ended++;
	if (!well)
		refused++;
}

static void answer(struct rdma_cm_id *id)
{
	struct rdma_conn_param param = prog_param(opt.private_data);
	struct peer *p = id->context;

	if (opt.reject) {
		if (rdma_reject(id, param.private_data, param.private_data_len))
			prog_die("rdma_reject");
		end(p, true);
		return;
	}
	if (prog_open_qp(&p->qp, id, 1))
		prog_die("rdma_create_qp");
	if (rdma_accept(id, &param)) {
		prog_complain("rdma_accept");
		end(p, false);
	}
}

static void ask(struct rdma_cm_id *id)
{
	struct rdma_conn_param param = prog_param(opt.private_data);
	struct peer *p = id->context;

	if (prog_open_qp(&p->qp, id, 1))
		prog_die("rdma_create_qp");
	if (rdma_connect(id, &param)) {
		prog_complain("rdma_connect");
		end(p, false);
	}
}

static void act(struct rdma_cm_id *id, enum rdma_cm_event_type type)
{
	switch (type) {
	case RDMA_CM_EVENT_ADDR_RESOLVED:
		if (rdma_resolve_route(id, 2000))
			prog_die("rdma_resolve_route");
		break;
	case RDMA_CM_EVENT_ROUTE_RESOLVED:
		ask(id);
		break;
	case RDMA_CM_EVENT_CONNECT_REQUEST:
		answer(id);
		break;
	case RDMA_CM_EVENT_ESTABLISHED:
		disconnect_at = opt.server ? 0 : now() + opt.hold_s;
		break;
	case RDMA_CM_EVENT_DISCONNECTED:
		end(id->context, true);
		break;
	case RDMA_CM_EVENT_TIMEWAIT_EXIT:
		break;
	default:
		end(id->context, false);
	}
}

/* One event: read, printed, acknowledged, then acted upon. */
static void serve_event(void)
{
	struct rdma_cm_event *event;
	enum rdma_cm_event_type type;
	struct rdma_cm_id *id;

	if (rdma_get_cm_event(channel, &event))
		prog_die("rdma_get_cm_event");
	id = event->id;
	type = event->event;
	if (type == RDMA_CM_EVENT_CONNECT_REQUEST)
		id->context = new_peer();
	print_event(event, id->context);
	rdma_ack_cm_event(event);
	if (id->context)
		act(id, type);
}

static int wait_ms(double until)
{
	double left = until - now();

	return left < 0 ? 0 : left > 3600 ? 3600000 : (int)(left * 1000) + 1;
}

static void loop(void)
{
	struct pollfd fd = { .fd = channel->fd, .events = POLLIN };
	double stop_at = 0;
	double until;

	while (!stop_at || now() < stop_at) {
		if (!stop_at && ended >= opt.connections)
			stop_at = now() + opt.linger_s;
		if (disconnect_at && now() >= disconnect_at) {
			disconnect_at = 0;
			if (rdma_disconnect(client))
				prog_complain("rdma_disconnect");
		}
		until = stop_at ? stop_at : disconnect_at ? disconnect_at : 1e12;
		if (poll(&fd, 1, wait_ms(until)) > 0)
			serve_event();
	}
}

static void start(void)
{
	struct sockaddr_storage address = prog_address(opt.address, opt.port);
	struct rdma_cm_id *id;

	channel = rdma_create_event_channel();
	if (!channel)
		prog_die("rdma_create_event_channel");
	if (rdma_create_id(channel, &id, NULL, RDMA_PS_TCP))
		prog_die("rdma_create_id");
	if (opt.server) {
		if (rdma_bind_addr(id, (struct sockaddr *)&address) || rdma_listen(id, 16))
			prog_die("listen");
		return;
	}
	client = id;
	id->context = new_peer();
	if (rdma_resolve_addr(id, NULL, (struct sockaddr *)&address, 2000))
		prog_die("rdma_resolve_addr");
}

static void parse(int argc, char **argv)
{
	int o;

	while ((o = getopt(argc, argv, "sca:p:d:n:w:l:r")) != -1) {
		if (prog_side_option(o, &opt.server, &opt.address, &opt.port))
			continue;
		switch (o) {
		case 'd':
			opt.private_data = optarg;
			break;
		case 'n':
			opt.connections = atoi(optarg);
			break;
		case 'w':
			opt.hold_s = atof(optarg);
			break;
		case 'l':
			opt.linger_s = atoi(optarg);
			break;
		case 'r':
			opt.reject = true;
			break;
		default:
			exit(1);
		}
	}
}

/* The ids are left to the kernel: a kill test looks at what the library does without help. */
int main(int argc, char **argv)
{
	parse(argc, argv);
	setvbuf(stdout, NULL, _IOLBF, 0);
	start();
	loop();
	return refused ? 2 : 0;
}
