// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * One source, built with rdma-core's headers and with ours: layouts, names of events,
 * and a connection to itself by nearly every inline function, the server synchronous in
 * a thread, the client with an event channel. What it prints has to be the same
 * whichever header and library serve it (tests/check_headers_both.sh).
 *
 *   headers_both [ADDRESS]     exit 3: the library knows no RDMA device
 *   headers_both --header      whose header it was built with
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <rdma/rdma_verbs.h>
#include <semaphore.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SIZE(type) printf("struct %s: %zu bytes\n", #type, sizeof(struct type))
#define AT(type, field) printf("  %s.%s at %zu\n", #type, #field, offsetof(struct type, field))
#define TEXT_MAX 32
#define NO_DEVICE 3

/* What the server tells the client with its acceptance. */
struct invitation {
	uint64_t read_addr, write_addr;
	uint32_t read_key, write_key;
};

/* One side's memory: what comes, what goes, what the peer may read and write. */
struct side {
	char in[2][TEXT_MAX], out[TEXT_MAX], source[TEXT_MAX], sink[TEXT_MAX];
	struct ibv_mr *in_mr, *out_mr, *source_mr, *sink_mr;
};

#ifdef RDMA_CMA_IWSHIM
static const char header[] = "ours";
#else
static const char header[] = "rdma-core";
#endif
static struct side server, client;
static char asked[TEXT_MAX];
/* Kernel siw's server may miss what comes before it is established (tests/vm/README.md). */
static sem_t established;

static void __attribute__((noreturn)) die(const char *what)
{
	fflush(stdout);
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(errno == ENODEV ? NO_DEVICE : 1);
}

#define MUST(call)                  \
	do {                        \
		if (call)           \
			die(#call); \
	} while (0)

/* ---- what needs no device */

static void print_layouts(void)
{
	SIZE(rdma_cm_id);
	AT(rdma_cm_id, verbs);
	AT(rdma_cm_id, channel);
	AT(rdma_cm_id, context);
	AT(rdma_cm_id, qp);
	AT(rdma_cm_id, route);
	AT(rdma_cm_id, route.addr.dst_storage);
	AT(rdma_cm_id, route.addr.addr.ibaddr.pkey);
	AT(rdma_cm_id, route.num_paths);
	AT(rdma_cm_id, ps);
	AT(rdma_cm_id, port_num);
	AT(rdma_cm_id, event);
	AT(rdma_cm_id, send_cq_channel);
	AT(rdma_cm_id, recv_cq);
	AT(rdma_cm_id, srq);
	AT(rdma_cm_id, pd);
	AT(rdma_cm_id, qp_type);
	SIZE(rdma_cm_event);
	AT(rdma_cm_event, listen_id);
	AT(rdma_cm_event, status);
	AT(rdma_cm_event, param.conn.qp_num);
	AT(rdma_cm_event, param.ud.qkey);
	SIZE(rdma_conn_param);
	AT(rdma_conn_param, rnr_retry_count);
	SIZE(rdma_ud_param);
	AT(rdma_ud_param, ah_attr);
	SIZE(rdma_addrinfo);
	AT(rdma_addrinfo, ai_connect);
	AT(rdma_addrinfo, ai_next);
	SIZE(rdma_event_channel);
	SIZE(rdma_cm_join_mc_attr_ex);
}

static void print_events(void)
{
	for (int e = 0; e <= RDMA_CM_EVENT_TIMEWAIT_EXIT; e++)
		printf("event %d is %s\n", e, rdma_event_str((enum rdma_cm_event_type)e));
	errno = 0;
	printf("rdma_seterrno: %d, %d", rdma_seterrno(0), rdma_seterrno(EAGAIN));
	printf(", %s\n", errno == EAGAIN ? "EAGAIN" : "?");
}

/* ---- both sides */

static struct ibv_qp_init_attr qp_attributes(void)
{
	struct ibv_qp_init_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.qp_type = IBV_QPT_RC;
	attr.cap.max_send_wr = attr.cap.max_recv_wr = 8;
	attr.cap.max_send_sge = attr.cap.max_recv_sge = 1;
	return attr;
}

static void open_side(struct side *s, struct rdma_cm_id *id)
{
	struct ibv_sge sge;

	s->in_mr = rdma_reg_msgs(id, s->in, sizeof(s->in));
	s->out_mr = rdma_reg_msgs(id, s->out, sizeof(s->out));
	s->source_mr = rdma_reg_read(id, s->source, sizeof(s->source));
	s->sink_mr = rdma_reg_write(id, s->sink, sizeof(s->sink));
	if (!s->in_mr || !s->out_mr || !s->source_mr || !s->sink_mr)
		die("rdma_reg");
	MUST(rdma_post_recv(id, s->in[0], s->in[0], TEXT_MAX, s->in_mr));
	sge.addr = (uintptr_t)s->in[1];
	sge.length = TEXT_MAX;
	sge.lkey = s->in_mr->lkey;
	MUST(rdma_post_recvv(id, s->in[1], &sge, 1));
}

static void close_side(struct side *s)
{
	MUST(rdma_dereg_mr(s->in_mr));
	MUST(rdma_dereg_mr(s->out_mr));
	MUST(rdma_dereg_mr(s->source_mr));
	MUST(rdma_dereg_mr(s->sink_mr));
}

/* The next completion of that direction is a good one, of the request with this context. */
static void completes(struct rdma_cm_id *id, int sent, const void *context)
{
	struct ibv_wc wc;

	memset(&wc, 0, sizeof(wc));
	if ((sent ? rdma_get_send_comp(id, &wc) : rdma_get_recv_comp(id, &wc)) != 1)
		die("completion");
	if (wc.status == IBV_WC_SUCCESS && wc.wr_id == (uintptr_t)context)
		return;
	errno = EIO;
	die(ibv_wc_status_str(wc.status));
}

static void say(struct rdma_cm_id *id, struct side *s, const char *text)
{
	snprintf(s->out, sizeof(s->out), "%s", text);
	MUST(rdma_post_send(id, s, s->out, strlen(text) + 1, s->out_mr, IBV_SEND_SIGNALED));
	completes(id, 1, s);
}

static void say_gathered(struct rdma_cm_id *id, struct side *s, const char *text)
{
	struct ibv_sge sge;

	snprintf(s->out, sizeof(s->out), "%s", text);
	sge.addr = (uintptr_t)s->out;
	sge.length = (uint32_t)strlen(text) + 1;
	sge.lkey = s->out_mr->lkey;
	MUST(rdma_post_sendv(id, s, &sge, 1, IBV_SEND_SIGNALED));
	completes(id, 1, s);
}

/* ---- the server, synchronous */

static void accept_with(struct rdma_cm_id *id)
{
	struct invitation invitation;
	struct rdma_conn_param param;

	memset(&invitation, 0, sizeof(invitation));
	invitation.read_addr = (uintptr_t)server.source;
	invitation.read_key = server.source_mr->rkey;
	invitation.write_addr = (uintptr_t)server.sink;
	invitation.write_key = server.sink_mr->rkey;
	memset(&param, 0, sizeof(param));
	param.private_data = &invitation;
	param.private_data_len = sizeof(invitation);
	param.responder_resources = param.initiator_depth = 2;
	MUST(rdma_accept(id, &param));
}

static void *serve(void *listener)
{
	struct rdma_cm_id *id;

	MUST(rdma_get_request(listener, &id));
	if (id->event->event == RDMA_CM_EVENT_CONNECT_REQUEST && id->event->listen_id == listener)
		memcpy(asked, id->event->param.conn.private_data, sizeof(asked));
	snprintf(server.source, sizeof(server.source), "read me");
	open_side(&server, id);
	accept_with(id);
	MUST(sem_post(&established));
	completes(id, 0, server.in[0]);
	say(id, &server, "welcome");
	completes(id, 0, server.in[1]);
	say_gathered(id, &server, "goodbye");
	MUST(rdma_disconnect(id));
	close_side(&server);
	rdma_destroy_ep(id);
	return NULL;
}

static struct rdma_cm_id *listen_at(const char *address)
{
	struct ibv_qp_init_attr attr = qp_attributes();
	struct rdma_addrinfo hints, *res;
	struct rdma_cm_id *listener;

	memset(&hints, 0, sizeof(hints));
	hints.ai_flags = RAI_PASSIVE | RAI_NUMERICHOST;
	hints.ai_port_space = RDMA_PS_TCP;
	MUST(rdma_getaddrinfo(address, NULL, &hints, &res));
	MUST(rdma_create_ep(&listener, res, NULL, &attr));
	rdma_freeaddrinfo(res);
	MUST(rdma_listen(listener, 1));
	return listener;
}

/* ---- the client, with an event channel */

/* Prints the next event; the private data, if it is wanted, is that of a connection. */
static void next_event(struct rdma_event_channel *channel, struct rdma_cm_id *id, void *data,
		       size_t len)
{
	struct rdma_cm_event *event;

	MUST(rdma_get_cm_event(channel, &event));
	printf("%s, status %d, %s\n", rdma_event_str(event->event), event->status,
	       event->id == id && !event->listen_id ? "mine" : "whose?");
	if (data && event->param.conn.private_data_len >= len)
		memcpy(data, event->param.conn.private_data, len);
	MUST(rdma_ack_cm_event(event));
}

static void connect_to(struct rdma_cm_id *id, struct sockaddr *server_addr)
{
	struct ibv_qp_init_attr attr = qp_attributes();
	struct rdma_event_channel *channel = id->channel;

	MUST(rdma_resolve_addr(id, NULL, server_addr, 2000));
	next_event(channel, id, NULL, 0);
	MUST(rdma_resolve_route(id, 2000));
	next_event(channel, id, NULL, 0);
	MUST(rdma_create_qp(id, NULL, &attr));
	printf("the id has %s, %s, %s\n", id->verbs && id->pd && id->port_num ? "a device" : "-",
	       id->qp && id->send_cq && id->recv_cq ? "a QP" : "-",
	       id->ps == RDMA_PS_TCP && id->qp_type == IBV_QPT_RC ? "its type" : "-");
	printf("ports: %s, %s\n", rdma_get_src_port(id) ? "own" : "-",
	       rdma_get_dst_port(id) == ((struct sockaddr_in *)server_addr)->sin_port ? "peer"
										      : "-");
	printf("families: %d, %d\n", rdma_get_local_addr(id)->sa_family == AF_INET,
	       rdma_get_peer_addr(id)->sa_family == AF_INET);
}

static void move_data(struct rdma_cm_id *id, const struct invitation *to)
{
	struct ibv_sge sge;

	MUST(rdma_post_read(id, id, client.sink, TEXT_MAX / 2, client.sink_mr, IBV_SEND_SIGNALED,
			    to->read_addr, to->read_key));
	completes(id, 1, id);
	printf("read: %s\n", client.sink);
	memset(client.sink, 0, sizeof(client.sink));
	sge.addr = (uintptr_t)client.sink;
	sge.length = TEXT_MAX;
	sge.lkey = client.sink_mr->lkey;
	MUST(rdma_post_readv(id, id, &sge, 1, IBV_SEND_SIGNALED, to->read_addr, to->read_key));
	completes(id, 1, id);
	printf("read by a list: %s\n", client.sink);
	snprintf(client.source, sizeof(client.source), "written once");
	MUST(rdma_post_write(id, id, client.source, 8, client.source_mr, IBV_SEND_SIGNALED,
			     to->write_addr, to->write_key));
	completes(id, 1, id);
	sge.addr = (uintptr_t)client.source + 8;
	sge.length = 5;
	sge.lkey = client.source_mr->lkey;
	MUST(rdma_post_writev(id, id, &sge, 1, IBV_SEND_SIGNALED, to->write_addr + 8,
			      to->write_key));
	completes(id, 1, id);
}

static void talk(struct sockaddr *server_addr)
{
	struct rdma_event_channel *channel = rdma_create_event_channel();
	struct rdma_conn_param param;
	struct invitation to;
	struct rdma_cm_id *id;
	char ask[TEXT_MAX] = "may I come in?";

	if (!channel)
		die("rdma_create_event_channel");
	MUST(rdma_create_id(channel, &id, &client, RDMA_PS_TCP));
	connect_to(id, server_addr);
	open_side(&client, id);
	memset(&param, 0, sizeof(param));
	param.private_data = ask;
	param.private_data_len = sizeof(ask);
	param.responder_resources = param.initiator_depth = 2;
	param.retry_count = 7;
	MUST(rdma_connect(id, &param));
	memset(&to, 0, sizeof(to));
	next_event(channel, id, &to, sizeof(to));
	MUST(sem_wait(&established));
	say(id, &client, "hello");
	completes(id, 0, client.in[0]);
	move_data(id, &to);
	say_gathered(id, &client, "that was all");
	completes(id, 0, client.in[1]);
	next_event(channel, id, NULL, 0);
	MUST(rdma_disconnect(id));
	printf("context %s\n", id->context == &client ? "kept" : "lost");
	rdma_destroy_qp(id);
	close_side(&client);
	MUST(rdma_destroy_id(id));
	rdma_destroy_event_channel(channel);
}

int main(int argc, char **argv)
{
	/* No transport of this test has datagrams: it compiles. */
	int (*volatile ud_send)(struct rdma_cm_id *, void *, void *, size_t, struct ibv_mr *, int,
				struct ibv_ah *, uint32_t) = rdma_post_ud_send;
	const char *address = argc > 1 ? argv[1] : "127.0.0.1";
	struct rdma_cm_id *listener;
	struct sockaddr_in at;
	pthread_t thread;

	if (!strcmp(address, "--header"))
		return puts(header) < 0;
	alarm(60);
	print_layouts();
	print_events();
	MUST(sem_init(&established, 0, 0));
	listener = listen_at(address);
	memset(&at, 0, sizeof(at));
	at.sin_family = AF_INET;
	at.sin_port = rdma_get_src_port(listener);
	inet_pton(AF_INET, address, &at.sin_addr);
	if (!ud_send || pthread_create(&thread, NULL, serve, listener))
		die("pthread_create");
	talk((struct sockaddr *)&at);
	pthread_join(thread, NULL);
	rdma_destroy_ep(listener);
	printf("asked: %s\nserver heard: %s, %s\n", asked, server.in[0], server.in[1]);
	printf("client heard: %s, %s\nwritten: %s\n", client.in[0], client.in[1], server.sink);
	return 0;
}
