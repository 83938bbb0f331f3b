// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Migration between channels, synchronous ids, and use after fork. */
#include "api_diff.h"

#include <arpa/inet.h>
#include <sys/wait.h>

/* ---- migrate */

static void migrate(void)
{
	struct rdma_event_channel *a = new_channel(), *b = new_channel();
	struct rdma_cm_id *id = new_id(a);

	at("idle");
	say_rc(rdma_migrate_id(id, b), "moved=%d", id->channel == b);
	at("same");
	say("%s", rc(rdma_migrate_id(id, b)));
	need(!rdma_resolve_addr(id, NULL, sa(ADDR, 7), 2000));
	at("event_after");
	say("old=%s new=%s", event_text(a, 0), event_text(b, PATIENT_MS));
	need(!rdma_resolve_route(id, 2000));
	sleep_ms(QUIET_MS);
	at("unread_event");
	say_rc(rdma_migrate_id(id, a), "old=%s new=%s", event_text(b, QUIET_MS),
	       event_text(a, QUIET_MS));
	id = new_client(a, BOUND, 0);
	at("bound");
	say("%s", rc(rdma_migrate_id(id, b)));
	rdma_destroy_event_channel(a);
	OBSERVE("old_channel_gone", rdma_destroy_id(id));
}

static void migrate_connection(void)
{
	struct rdma_event_channel *other = new_channel();
	struct pair p;

	pair_up(&p);
	at("child");
	say("%s", rc(rdma_migrate_id(p.child, other)));
	at("talk");
	say("%d", pair_talk(&p));
	need(!rdma_disconnect(p.client));
	at("disconnected");
	say("old=%s new=%s", event_text(p.sch, QUIET_MS), event_text(other, PATIENT_MS));
}

static void migrate_listener(void)
{
	struct rdma_conn_param param = conn_param(NULL, 0);
	struct rdma_event_channel *other = new_channel();
	struct rdma_cm_event *ev;
	struct pair p;

	pair_prepare(&p);
	OBSERVE("listener", rdma_migrate_id(p.listener, other));
	need(!rdma_connect(p.client, &param));
	ev = next_event(other, PATIENT_MS);
	need(ev);
	at("request");
	say("%s child_on_new=%d old=%s", param_text(ev), ev->id->channel == other,
	    event_text(p.sch, 0));
}

static void migrate_unread_request(void)
{
	struct rdma_conn_param param = conn_param(NULL, 0);
	struct rdma_event_channel *other = new_channel();
	struct rdma_cm_event *ev;
	struct pair p;

	pair_prepare(&p);
	need(!rdma_connect(p.client, &param));
	sleep_ms(QUIET_MS);
	OBSERVE("listener", rdma_migrate_id(p.listener, other));
	ev = next_event(other, PATIENT_MS);
	need(ev);
	at("request");
	say("%s on_new=%d", param_text(ev), ev->id->channel == other);
	need(!make_qp(ev->id));
	OBSERVE("accept", rdma_accept(ev->id, &param));
	at("events");
	say_events(p.cch, other, 1, 1);
}

struct move {
	struct rdma_cm_id *id;
	struct rdma_event_channel *to;
};

static int do_migrate(void *arg)
{
	struct move *m = arg;

	return rdma_migrate_id(m->id, m->to);
}

static void migrate_waits(void)
{
	struct rdma_event_channel *a = new_channel(), *b = new_channel();
	struct move m = { .id = new_id(a), .to = b };
	struct task t = { .fn = do_migrate, .arg = &m };
	struct rdma_cm_event *ev;
	bool early, late;

	need(!rdma_resolve_addr(m.id, NULL, sa(ADDR, 7), 2000));
	ev = next_event(a, PATIENT_MS);
	need(ev);
	at("for_ack");
	task_start(&t);
	early = task_done(&t, QUIET_MS);
	rdma_ack_cm_event(ev);
	late = task_done(&t, PATIENT_MS);
	say("before ack=%d after=%d ret=%s", early, late, rc(t.ret));
}

static void migrate_sync(void)
{
	struct rdma_event_channel *ch = new_channel();
	struct rdma_cm_id *id = new_client(ch, BOUND, 0);

	at("to_synchronous");
	say_rc(rdma_migrate_id(id, NULL), "own=%d", id->channel && id->channel != ch);
	OBSERVE("again", rdma_migrate_id(id, NULL));
	at("resolve");
	say_rc(rdma_resolve_addr(id, NULL, sa(ADDR, 7), 2000), "event=%d",
	       id->event ? (int)id->event->event : -1);
	at("back");
	say_rc(rdma_migrate_id(id, ch), "channel=%d event=%d", id->channel == ch, !!id->event);
	at("asynchronous");
	say_rc(rdma_resolve_route(id, 2000), "%s", event_text(ch, PATIENT_MS));
}

/* ---- synchronous ids */

struct server {
	struct rdma_event_channel *ch;
	struct rdma_cm_id *listener, *child;
	bool reject;
};

static int serve_one(void *arg)
{
	struct rdma_conn_param param = conn_param("yes", 4);
	struct server *s = arg;
	struct rdma_cm_event *ev = next_event(s->ch, PATIENT_MS);

	if (!ev)
		return -1;
	s->child = ev->id;
	if (s->reject)
		rdma_reject(ev->id, "no", 3);
	else if (make_qp(ev->id) || rdma_accept(ev->id, &param))
		return -1;
	return rdma_ack_cm_event(ev);
}

/* Answers the client's end: where that waits for ours, as InfiniBand's does. */
static int end_too(void *arg)
{
	struct server *s = arg;
	struct rdma_cm_event *ev;
	bool last;

	while ((ev = next_event(s->ch, PATIENT_MS))) {
		last = ev->event == RDMA_CM_EVENT_DISCONNECTED;
		rdma_ack_cm_event(ev);
		if (last)
			return rdma_disconnect(s->child);
	}
	return -1;
}

static void end_with_client(struct server *s)
{
	static struct task t = { .fn = end_too };

	t.arg = s;
	if (on_ib())
		task_start(&t);
}

static struct rdma_cm_id *sync_client(struct server *s)
{
	struct rdma_cm_id *id = new_id(NULL);

	s->ch = new_channel();
	s->listener = new_listener(s->ch, 4);
	at("resolve");
	say_rc(rdma_resolve_addr(id, NULL, sa(ADDR, ntohs(rdma_get_src_port(s->listener))), 2000),
	       "event=%d", id->event ? (int)id->event->event : -1);
	at("route");
	say_rc(rdma_resolve_route(id, 2000), "event=%d", id->event ? (int)id->event->event : -1);
	need(!make_qp(id));
	return id;
}

static void sync_connect(void)
{
	struct rdma_conn_param param = conn_param(NULL, 0);
	struct server s = { .reject = false };
	struct rdma_cm_id *id = sync_client(&s);
	struct task t = { .fn = serve_one, .arg = &s };

	task_start(&t);
	at("connect");
	say_rc(rdma_connect(id, &param), "%s", id->event ? param_text(id->event) : "");
	need(task_done(&t, PATIENT_MS) && !t.ret);
	expect(s.ch, RDMA_CM_EVENT_ESTABLISHED);
	end_with_client(&s);
	at("disconnect");
	say_rc(rdma_disconnect(id), "event=%d", id->event ? (int)id->event->event : -1);
	at("server");
	say("%s", events_text(s.ch, 1));
	rdma_destroy_qp(id);
	OBSERVE("destroy", rdma_destroy_id(id));
}

static void sync_twice(void)
{
	struct rdma_conn_param param = conn_param(NULL, 0);
	struct server s = { .reject = false };
	struct rdma_cm_id *id = sync_client(&s);
	struct task t = { .fn = serve_one, .arg = &s };

	task_start(&t);
	need(!rdma_connect(id, &param) && task_done(&t, PATIENT_MS));
	end_with_client(&s);
	need(!rdma_disconnect(id));
	OBSERVE("disconnect", rdma_disconnect(id));
}

static void sync_peer_first(void)
{
	struct rdma_conn_param param = conn_param(NULL, 0);
	struct server s = { .reject = false };
	struct rdma_cm_id *id = sync_client(&s);
	struct task t = { .fn = serve_one, .arg = &s };

	task_start(&t);
	need(!rdma_connect(id, &param) && task_done(&t, PATIENT_MS));
	expect(s.ch, RDMA_CM_EVENT_ESTABLISHED);
	need(!rdma_disconnect(s.child));
	sleep_ms(QUIET_MS);
	at("disconnect");
	say_rc(rdma_disconnect(id), "event=%d", id->event ? (int)id->event->event : -1);
}

static void sync_reject(void)
{
	struct rdma_conn_param param = conn_param(NULL, 0);
	struct server s = { .reject = true };
	struct rdma_cm_id *id = sync_client(&s);
	struct task t = { .fn = serve_one, .arg = &s };

	task_start(&t);
	at("connect");
	say("%s", rc(rdma_connect(id, &param)));
	at("event");
	say("%s data=%s", id->event ? param_text(id->event) : "",
	    id->event ? (const char *)id->event->param.conn.private_data : "");
}

static void sync_errors(void)
{
	struct rdma_cm_id *id = new_id(NULL);

	OBSERVE("silent_neighbour",
		rdma_resolve_addr(new_id(NULL), NULL, sa("10.77.0.97", 7), 500));
	OBSERVE("no_route", rdma_resolve_addr(new_id(NULL), NULL, sa("198.51.100.1", 7), 500));
	OBSERVE("no_device", rdma_resolve_addr(new_id(NULL), NULL, sa("10.88.0.2", 7), 500));
	OBSERVE("resolve", rdma_resolve_addr(id, NULL, sa(ADDR, 7), 500));
	OBSERVE("route", rdma_resolve_route(id, 500));
	need(!make_qp(id));
	OBSERVE("connect_refused", rdma_connect(id, &(struct rdma_conn_param){ 0 }));
}

static void sync_listen(void)
{
	struct rdma_cm_id *id = new_id(NULL);

	OBSERVE("bind", rdma_bind_addr(id, sa(ADDR, fresh_port())));
	OBSERVE("listen", rdma_listen(id, 2));
	OBSERVE("destroy", rdma_destroy_id(id));
}

/* ---- fork */

static void in_child(struct pair *p, struct rdma_cm_id *fresh)
{
	struct rdma_conn_param param = conn_param(NULL, 0);
	struct rdma_cm_event *ev;
	struct rdma_cm_id *id;

	OBSERVE("create_id", rdma_create_id(p->cch, &id, NULL, RDMA_PS_TCP));
	OBSERVE("bind", rdma_bind_addr(fresh, sa(ADDR, 0)));
	OBSERVE("resolve", rdma_resolve_addr(fresh, NULL, sa(ADDR, 7), 100));
	OBSERVE("listen", rdma_listen(fresh, 1));
	OBSERVE("option", rdma_set_option(fresh, 0, RDMA_OPTION_ID_TOS, &(uint8_t){ 1 }, 1));
	OBSERVE("get_event", rdma_get_cm_event(p->cch, &ev));
	OBSERVE("connect", rdma_connect(p->client, &param));
	OBSERVE("accept", rdma_accept(p->child, &param));
	OBSERVE("reject", rdma_reject(p->child, NULL, 0));
	OBSERVE("notify", rdma_notify(p->client, IBV_EVENT_COMM_EST));
	OBSERVE("destroy", rdma_destroy_id(p->child));
	at("own_channel");
	p->cch = new_channel();
	id = new_id(p->cch);
	say_rc(rdma_resolve_addr(id, NULL, sa(ADDR, 7), 2000), "%s",
	       event_text(p->cch, PATIENT_MS));
	fflush(stdout);
	_exit(0);
}

static void after_fork(void)
{
	struct rdma_cm_id *fresh;
	struct pair p;
	pid_t pid;

	pair_up(&p);
	fresh = new_id(p.cch);
	fflush(stdout);
	pid = fork();
	if (!pid)
		in_child(&p, fresh);
	waitpid(pid, NULL, 0);
	at("parent_talk");
	say("%d", pair_talk(&p));
	OBSERVE("parent_disconnect", rdma_disconnect(p.client));
	at("parent_events");
	say_events(p.cch, p.sch, UNLESS_IB, 1);
}

const struct api_case api_misc[] = {
	{ "migrate", migrate, 0, ALWAYS },
	{ "migrate_child", migrate_connection, 0, ALWAYS },
	{ "migrate_listener", migrate_listener, 0, ALWAYS },
	{ "migrate_request", migrate_unread_request, 8, ALWAYS },
	{ "migrate_waits", migrate_waits, 0, ALWAYS },
	{ "migrate_sync", migrate_sync, 0, ALWAYS },
	{ "sync", sync_connect, 0, ALWAYS },
	{ "sync_twice", sync_twice, 6, ALWAYS },
	{ "sync_peer_first", sync_peer_first, 0, ALWAYS },
	{ "sync_reject", sync_reject, 0, ALWAYS },
	{ "sync_errors", sync_errors, 0, ALWAYS },
	{ "sync_listen", sync_listen, 0, ALWAYS },
	{ "fork", after_fork, 0, ALWAYS },
	{ NULL, NULL, 0, ALWAYS },
};
