// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* How connections end: disconnect and destroy in every state, dying peers and listeners. */
#include "api_diff.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/wait.h>

static void disconnect_states(void)
{
	struct rdma_event_channel *ch = new_channel();
	struct rdma_cm_id *id;
	struct pair p;

	OBSERVE("bound", rdma_disconnect(new_client(ch, BOUND, 0)));
	OBSERVE("resolved", rdma_disconnect(new_client(ch, WITH_QP, htons(7))));
	OBSERVE("listening", rdma_disconnect(new_listener(ch, 1)));
	id = new_id(ch);
	need(!rdma_listen(id, 1));
	OBSERVE("listening_anywhere", rdma_disconnect(id));
	pair_prepare(&p);
	pair_request(&p);
	OBSERVE("child_unanswered", rdma_disconnect(p.child));
	at("child_unanswered_events");
	say_events(p.cch, p.sch, 0, 0);
}

static void disconnect_idle(void)
{
	OBSERVE("idle", rdma_disconnect(new_id(new_channel())));
}

static void disconnect_sides(void)
{
	struct pair p;

	pair_up(&p);
	OBSERVE("client", rdma_disconnect(p.client));
	at("client_events");
	say_events(p.cch, p.sch, UNLESS_IB, 1);
	OBSERVE("client_twice", rdma_disconnect(p.client));
	OBSERVE("child_after", rdma_disconnect(p.child));
	at("after_events");
	say_events(p.cch, p.sch, 0, 0);
	pair_up(&p);
	OBSERVE("child", rdma_disconnect(p.child));
	at("child_events");
	say_events(p.cch, p.sch, 1, UNLESS_IB);
	OBSERVE("client_after", rdma_disconnect(p.client));
	pair_up(&p);
	at("both");
	say_rc(rdma_disconnect(p.client), "%s", rc(rdma_disconnect(p.child)));
	at("both_events");
	say_events(p.cch, p.sch, 1, 1);
}

/* What is in the queues when a connection ends is flushed. */
static void disconnect_flush(void)
{
	static char buf[16];
	struct ibv_recv_wr wr = { .num_sge = 1 }, *bad;
	struct ibv_sge sge;
	struct ibv_wc wc;
	struct ibv_mr *mr;
	struct pair p;
	int n = 0;

	pair_up(&p);
	mr = ibv_reg_mr(p.child->pd, buf, sizeof(buf), IBV_ACCESS_LOCAL_WRITE);
	need(mr);
	sge = (struct ibv_sge){ (uintptr_t)buf, sizeof(buf), mr->lkey };
	wr.sg_list = &sge;
	need(!ibv_post_recv(p.child->qp, &wr, &bad));
	need(!rdma_disconnect(p.client));
	at("events");
	say_events(p.cch, p.sch, UNLESS_IB, 1);
	for (int i = 0; i < 100 && !(n = ibv_poll_cq(p.child->recv_cq, 1, &wc)); i++)
		sleep_ms(10);
	at("receive");
	say("n=%d status=%d", n, n == 1 ? (int)wc.status : -1);
}

/* ---- destroy with a live connection */

static void destroy_live(void)
{
	struct pair p;

	pair_up(&p);
	OBSERVE("client_with_qp", rdma_destroy_id(p.client));
	at("client_with_qp_server");
	say("%s", events_text(p.sch, 1));
	pair_up(&p);
	OBSERVE("child_with_qp", rdma_destroy_id(p.child));
	at("child_with_qp_client");
	say("%s", events_text(p.cch, 1));
	pair_up(&p);
	at("qp_of_client");
	rdma_destroy_qp(p.client);
	say_events(p.cch, p.sch, UNLESS_IB, UNLESS_IB);
	pair_up(&p);
	at("qp_of_child");
	rdma_destroy_qp(p.child);
	say_events(p.cch, p.sch, UNLESS_IB, UNLESS_IB);
	pair_up(&p);
	at("disconnect_then_destroy");
	need(!rdma_disconnect(p.client));
	rdma_destroy_qp(p.client);
	say_rc(rdma_destroy_id(p.client), "server=%s client=%s", events_text(p.sch, 1),
	       events_text(p.cch, 0));
}

static void destroy_channel(void)
{
	struct pair p;

	pair_up(&p);
	at("server");
	rdma_destroy_event_channel(p.cch);
	say("%s", events_text(p.sch, 1));
}

/* The listener goes; a connection stays. */
static void destroy_listener(void)
{
	struct rdma_conn_param param = conn_param(NULL, 0);
	struct pair p;

	pair_up(&p);
	OBSERVE("live_connection", rdma_destroy_id(p.listener));
	at("live_connection_talk");
	say("%d", pair_talk(&p));
	pair_prepare(&p);
	need(!rdma_connect(p.client, &param));
	sleep_ms(QUIET_MS);
	OBSERVE("unfetched_request", rdma_destroy_id(p.listener));
	at("unfetched_request_events");
	say_events(p.cch, p.sch, 1, 0);
	pair_prepare(&p);
	pair_request(&p);
	rdma_ack_cm_event(p.request);
	OBSERVE("fetched_request", rdma_destroy_id(p.listener));
	OBSERVE("fetched_request_accept", rdma_accept(p.child, &param));
	at("fetched_request_events");
	say_events(p.cch, p.sch, 1, 1);
}

static void destroy_unanswered(void)
{
	struct pair p;

	pair_prepare(&p);
	pair_request(&p);
	rdma_ack_cm_event(p.request);
	rdma_destroy_qp(p.child);
	OBSERVE("child", rdma_destroy_id(p.child));
	at("client");
	say("%s", events_text(p.cch, 1));
	pair_prepare(&p);
	pair_request(&p);
	rdma_destroy_qp(p.client);
	OBSERVE("client_waiting", rdma_destroy_id(p.client));
	at("server");
	say("%s", events_text(p.sch, 0));
}

/* ---- a peer that accepts TCP and then says nothing */

static struct rdma_cm_id *silent_client(struct rdma_event_channel *ch)
{
	struct rdma_conn_param param = conn_param(NULL, 0);
	uint16_t port = fresh_port();
	int tcp = socket(AF_INET, SOCK_STREAM, 0), on = 1;
	struct rdma_cm_id *id;

	setsockopt(tcp, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)); /* the last run's TIME_WAIT */
	need(!bind(tcp, sa(ADDR, port), sizeof(struct sockaddr_in)) && !listen(tcp, 4));
	id = new_client(ch, WITH_QP, htons(port));
	need(!rdma_connect(id, &param));
	return id;
}

static void silent_destroy(void)
{
	struct rdma_cm_id *id = silent_client(new_channel());
	int64_t start = now_ms();

	at("destroy");
	say_rc(rdma_destroy_id(id), "soon=%d", now_ms() - start < 4000);
}

static void silent_destroy_qp_first(void)
{
	struct rdma_cm_id *id = silent_client(new_channel());
	int64_t start = now_ms();

	at("destroy_qp_first");
	rdma_destroy_qp(id);
	say_rc(rdma_destroy_id(id), "soon=%d", now_ms() - start < 4000);
}

static void silent_timeout(void)
{
	struct rdma_event_channel *ch = new_channel();
	struct rdma_cm_id *id = silent_client(ch);

	at("event");
	say("%s", event_text(ch, 16000));
	OBSERVE("disconnect", rdma_disconnect(id));
	at("qp");
	say("%s", qp_state(id->qp));
}

/* ---- killed peers */

/* Connects to @port, tells the pipe, waits to be killed. */
static pid_t victim_client(__be16 port)
{
	struct rdma_conn_param param = conn_param(NULL, 0);
	pid_t pid = fork();
	struct rdma_event_channel *ch;
	struct rdma_cm_id *id;

	if (pid)
		return pid;
	ch = new_channel();
	id = new_client(ch, WITH_QP, port);
	need(!rdma_connect(id, &param));
	event_text(ch, PATIENT_MS); /* InfiniBand's client answers the response in here */
	pause();
	_exit(0);
}

/* Writes its port to the pipe, accepts one connection, and the port again when it stands. */
static pid_t victim_server(int report)
{
	struct rdma_conn_param param = conn_param(NULL, 0);
	pid_t pid = fork();
	struct rdma_event_channel *ch;
	struct rdma_cm_id *listener;
	struct rdma_cm_event *ev;
	__be16 port;

	if (pid)
		return pid;
	ch = new_channel();
	listener = new_listener(ch, 4);
	port = rdma_get_src_port(listener);
	need(write(report, &port, sizeof(port)) == sizeof(port));
	ev = next_event(ch, PATIENT_MS);
	need(ev && !make_qp(ev->id) && !rdma_accept(ev->id, &param));
	rdma_ack_cm_event(ev);
	expect(ch, RDMA_CM_EVENT_ESTABLISHED);
	need(write(report, &port, sizeof(port)) == sizeof(port));
	pause();
	_exit(0);
}

static void put_down(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void killed_client(void)
{
	struct rdma_conn_param param = conn_param(NULL, 0);
	struct rdma_event_channel *ch = new_channel();
	struct rdma_cm_id *listener = new_listener(ch, 4);
	struct rdma_cm_event *ev;
	struct rdma_cm_id *child;
	pid_t pid = victim_client(rdma_get_src_port(listener));

	ev = next_event(ch, PATIENT_MS);
	need(ev);
	child = ev->id;
	need(!make_qp(child) && !rdma_accept(child, &param));
	rdma_ack_cm_event(ev);
	expect(ch, RDMA_CM_EVENT_ESTABLISHED);
	put_down(pid);
	at("server");
	say("%s", events_text(ch, 1));
	OBSERVE("disconnect", rdma_disconnect(child));
	rdma_destroy_qp(child);
	OBSERVE("destroy", rdma_destroy_id(child));
	pid = victim_client(rdma_get_src_port(listener));
	ev = next_event(ch, PATIENT_MS);
	need(ev);
	put_down(pid);
	at("unanswered");
	say("%s", events_text(ch, 0));
	need(!make_qp(ev->id));
	OBSERVE("unanswered_accept", rdma_accept(ev->id, &param));
}

static void killed_server(void)
{
	struct rdma_conn_param param = conn_param(NULL, 0);
	struct rdma_event_channel *ch;
	struct rdma_cm_id *client;
	const char *events;
	__be16 port;
	int report[2];
	pid_t pid;

	need(!pipe(report));
	pid = victim_server(report[1]);
	close(report[1]);
	need(read(report[0], &port, sizeof(port)) == sizeof(port));
	ch = new_channel();
	client = new_client(ch, WITH_QP, port);
	need(!rdma_connect(client, &param));
	expect(ch, RDMA_CM_EVENT_ESTABLISHED);
	/* Before the client's answer is there InfiniBand's server would reject it when it dies. */
	need(read(report[0], &port, sizeof(port)) == sizeof(port));
	put_down(pid);
	at("client");
	events = events_text(ch, 1);
	say("%s qp=%s", events, qp_state(client->qp));
	OBSERVE("disconnect", rdma_disconnect(client));
}

const struct api_case api_end[] = {
	{ "disconnect_state", disconnect_states, 0, ALWAYS },
	{ "disconnect_idle", disconnect_idle, 3, ALWAYS },
	{ "disconnect", disconnect_sides, 40, ALWAYS },
	{ "disconnect_flush", disconnect_flush, 0, ALWAYS },
	{ "destroy_live", destroy_live, 40, ALWAYS },
	{ "destroy_channel", destroy_channel, 0, ALWAYS },
	{ "destroy_listener", destroy_listener, 0, ALWAYS },
	{ "destroy_unanswered", destroy_unanswered, 0, ALWAYS },
	{ "silent", silent_destroy, 0, ALWAYS },
	{ "silent_qp", silent_destroy_qp_first, 0, ALWAYS },
	{ "silent_timeout", silent_timeout, 25, ALWAYS },
	{ "killed_client", killed_client, 0, ALWAYS },
	{ "killed_server", killed_server, 0, ALWAYS },
	{ NULL, NULL, 0, ALWAYS },
};
