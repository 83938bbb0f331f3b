// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Private data of each length, both ways: connection n carries n bytes in the request and n other
 * bytes in the answer, which accepts or (-r) rejects.
 *
 * usage: private_each -s | -c [-a address] [-p port] [-f from] [-t to] [-r]
 *
 * A client connects once for each length in from..to (defaults 0..251), one after another; a
 * server serves until it has had the length -t. Both say what is not as it should be,
 *	length 17: REJECTED status -104 private 0
 * and end with "good N bad M". Exit: 0 if none was bad, 2 otherwise, 1 on errors.
 */
#include "prog.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WAIT_MS 15000

static struct {
	bool server, reject;
	const char *address, *port;
	unsigned int from, to;
} opt = { .address = "0.0.0.0", .port = "7471", .to = 251 };

static struct rdma_event_channel *channel;
static unsigned int good, bad;

/* Byte @i of the request, or of the answer, of connection @n. */
static uint8_t byte_of(unsigned int n, unsigned int i, bool answer)
{
	uint8_t b = (uint8_t)(n * 7 + i * 13 + 1);

	return answer ? (uint8_t)~b : b;
}

static const uint8_t *bytes_of(unsigned int n, bool answer)
{
	static uint8_t bytes[256];
	unsigned int i;

	for (i = 0; i < n; i++)
		bytes[i] = byte_of(n, i, answer);
	return bytes;
}

static bool has_bytes(const struct rdma_cm_event *e, unsigned int n, bool answer)
{
	return e->param.conn.private_data_len == n &&
	       (!n || !memcmp(e->param.conn.private_data, bytes_of(n, answer), n));
}

static void judge(bool well, unsigned int n, const struct rdma_cm_event *e)
{
	if (well) {
		good++;
		return;
	}
	bad++;
	printf("length %u: %s status %d private %u\n", n, rdma_event_str(e->event) + 14, e->status,
	       e->param.conn.private_data ? e->param.conn.private_data_len : 0);
}

static struct rdma_conn_param param_of(unsigned int n, bool answer)
{
	struct rdma_conn_param param = prog_param(NULL);

	param.private_data = bytes_of(n, answer);
	param.private_data_len = (uint8_t)n;
	return param;
}

/* NULL after WAIT_MS. */
static struct rdma_cm_event *next_event(void)
{
	struct pollfd fd = { .fd = channel->fd, .events = POLLIN };
	struct rdma_cm_event *e;

	if (poll(&fd, 1, opt.server ? -1 : WAIT_MS) <= 0)
		return NULL;
	if (rdma_get_cm_event(channel, &e))
		prog_die("rdma_get_cm_event");
	return e;
}

/* ---- client */

static void must_be(enum rdma_cm_event_type type)
{
	struct rdma_cm_event *e = next_event();

	if (!e || e->event != type) {
		fprintf(stderr, "no %s\n", rdma_event_str(type));
		exit(1);
	}
	rdma_ack_cm_event(e);
}

static void one_outcome(struct rdma_cm_id *id, unsigned int n)
{
	enum rdma_cm_event_type want =
		opt.reject ? RDMA_CM_EVENT_REJECTED : RDMA_CM_EVENT_ESTABLISHED;
	struct rdma_cm_event *e = next_event();
	bool established;

	if (!e) {
		bad++;
		printf("length %u: no event\n", n);
		return;
	}
	established = e->event == RDMA_CM_EVENT_ESTABLISHED;
	judge(e->event == want && has_bytes(e, n, true), n, e);
	rdma_ack_cm_event(e);
	if (!established)
		return;
	if (rdma_disconnect(id))
		prog_complain("rdma_disconnect");
	must_be(RDMA_CM_EVENT_DISCONNECTED);
}

static void one_connection(unsigned int n)
{
	struct sockaddr_storage address = prog_address(opt.address, opt.port);
	struct rdma_conn_param param;
	struct prog_qp qp = { 0 };
	struct rdma_cm_id *id;

	if (rdma_create_id(channel, &id, NULL, RDMA_PS_TCP) ||
	    rdma_resolve_addr(id, NULL, (struct sockaddr *)&address, 2000))
		prog_die("resolve");
	must_be(RDMA_CM_EVENT_ADDR_RESOLVED);
	if (rdma_resolve_route(id, 2000))
		prog_die("rdma_resolve_route");
	must_be(RDMA_CM_EVENT_ROUTE_RESOLVED);
	if (prog_open_qp(&qp, id, 1))
		prog_die("rdma_create_qp");
	param = param_of(n, false);
	if (!rdma_connect(id, &param)) {
		one_outcome(id, n);
	} else {
		bad++;
		printf("length %u: connect: %s\n", n, strerror(errno));
	}
	prog_close_qp(&qp, id);
	rdma_destroy_id(id);
}

/* ---- server */

/* Its answer; false if this was the last. */
static bool answer(struct rdma_cm_id *id, unsigned int n)
{
	struct rdma_conn_param param = param_of(n, true);
	struct prog_qp *qp;

	if (opt.reject) {
		if (rdma_reject(id, param.private_data, param.private_data_len)) {
			bad++;
			printf("length %u: reject: %s\n", n, strerror(errno));
		}
		rdma_destroy_id(id);
		return n < opt.to;
	}
	qp = calloc(1, sizeof(*qp));
	id->context = qp;
	if (!qp || prog_open_qp(qp, id, 1))
		prog_die("rdma_create_qp");
	if (rdma_accept(id, &param)) {
		bad++;
		printf("length %u: accept: %s\n", n, strerror(errno));
	}
	return true;
}

/* The connection is over; false if this was the last. */
static bool end(struct rdma_cm_id *id)
{
	prog_close_qp(id->context, id);
	free(id->context);
	rdma_destroy_id(id);
	return good + bad < opt.to - opt.from + 1;
}

static void serve(void)
{
	struct sockaddr_storage address = prog_address(opt.address, opt.port);
	struct rdma_cm_id *listener;
	enum rdma_cm_event_type type;
	struct rdma_cm_event *e;
	struct rdma_cm_id *id;
	unsigned int n;
	bool more = true;

	if (rdma_create_id(channel, &listener, NULL, RDMA_PS_TCP) ||
	    rdma_bind_addr(listener, (struct sockaddr *)&address) || rdma_listen(listener, 16))
		prog_die("listen");
	while (more) {
		e = next_event();
		type = e->event;
		id = e->id;
		n = e->param.conn.private_data_len;
		if (type == RDMA_CM_EVENT_CONNECT_REQUEST)
			judge(has_bytes(e, n, false), n, e);
		rdma_ack_cm_event(e);
		if (type == RDMA_CM_EVENT_CONNECT_REQUEST)
			more = answer(id, n);
		else if (type != RDMA_CM_EVENT_ESTABLISHED)
			more = end(id);
	}
	rdma_destroy_id(listener);
}

static void parse(int argc, char **argv)
{
	int o;

	while ((o = getopt(argc, argv, "sca:p:f:t:r")) != -1) {
		if (prog_side_option(o, &opt.server, &opt.address, &opt.port))
			continue;
		switch (o) {
		case 'f':
			opt.from = (unsigned int)atoi(optarg);
			break;
		case 't':
			opt.to = (unsigned int)atoi(optarg) & 255;
			break;
		case 'r':
			opt.reject = true;
			break;
		default:
			exit(1);
		}
	}
}

int main(int argc, char **argv)
{
	unsigned int n;

	parse(argc, argv);
	setvbuf(stdout, NULL, _IOLBF, 0);
	channel = rdma_create_event_channel();
	if (!channel)
		prog_die("rdma_create_event_channel");
	if (opt.server)
		serve();
	for (n = opt.from; !opt.server && n <= opt.to; n++)
		one_connection(n);
	rdma_destroy_event_channel(channel);
	printf("good %u bad %u\n", good, bad);
	return bad ? 2 : 0;
}
