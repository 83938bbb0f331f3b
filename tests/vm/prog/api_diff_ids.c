// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Channels, ids, devices: making them, waiting on them, ending them in every state. */
#include "api_diff.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/time.h>

/* ---- channel */

static void channel(void)
{
	struct rdma_event_channel *ch = new_channel();
	struct rdma_cm_event *ev = NULL;
	char c;

	at("flags");
	say("cloexec=%d nonblock=%d access=%d", fcntl(ch->fd, F_GETFD) & FD_CLOEXEC,
	    !!(fcntl(ch->fd, F_GETFL) & O_NONBLOCK), fcntl(ch->fd, F_GETFL) & O_ACCMODE);
	OBSERVE("read", (int)read(ch->fd, &c, 1));
	OBSERVE("get_null", rdma_get_cm_event(ch, NULL));
	fcntl(ch->fd, F_SETFL, fcntl(ch->fd, F_GETFL) | O_NONBLOCK);
	OBSERVE("get_nonblock_empty", rdma_get_cm_event(ch, &ev));
	OBSERVE("ack_null", rdma_ack_cm_event(NULL));
	close(ch->fd);
	OBSERVE("get_closed_fd", rdma_get_cm_event(ch, &ev));
}

static void on_alarm(int sig)
{
	(void)sig;
}

static void channel_eintr(void)
{
	struct sigaction sa_ = { .sa_handler = on_alarm };
	struct itimerval soon = { .it_value.tv_usec = 100000 };
	struct rdma_event_channel *ch = new_channel();
	struct rdma_cm_event *ev = NULL;

	sigaction(SIGALRM, &sa_, NULL);
	at("empty");
	setitimer(ITIMER_REAL, &soon, NULL);
	say("%s", rc(rdma_get_cm_event(ch, &ev)));
	new_client(ch, BOUND, 0);
	at("with_kernel_channel");
	setitimer(ITIMER_REAL, &soon, NULL);
	say("%s", rc(rdma_get_cm_event(ch, &ev)));
}

/* What poll, select and epoll say of a channel, now. */
static const char *readiness(struct rdma_event_channel *ch)
{
	static char text[64];
	struct pollfd p = { .fd = ch->fd, .events = POLLIN | POLLOUT };
	struct timeval now = { 0, 0 };
	struct epoll_event e = { .events = EPOLLIN };
	int ep = epoll_create1(0), polled, selected;
	fd_set set;

	polled = poll(&p, 1, 0) == 1 ? p.revents : 0;
	FD_ZERO(&set);
	FD_SET(ch->fd, &set);
	selected = select(ch->fd + 1, &set, NULL, NULL, &now);
	epoll_ctl(ep, EPOLL_CTL_ADD, ch->fd, &e);
	snprintf(text, sizeof(text), "poll=%#x select=%d epoll=%d", (unsigned int)polled & ~0x40u,
		 selected, epoll_wait(ep, &e, 1, 0));
	close(ep);
	return text;
}

static void channel_poll(void)
{
	struct rdma_event_channel *ch = new_channel();
	struct rdma_cm_id *id = new_id(ch);
	int copy;

	at("empty");
	say("%s", readiness(ch));
	need(!rdma_resolve_addr(id, NULL, sa(ADDR, 7), 2000));
	sleep_ms(QUIET_MS);
	at("queued");
	say("%s", readiness(ch));
	at("queued_still");
	say("%s", readiness(ch));
	copy = dup(ch->fd);
	at("duplicate");
	say("%d", poll(&(struct pollfd){ .fd = copy, .events = POLLIN }, 1, 0));
	expect(ch, RDMA_CM_EVENT_ADDR_RESOLVED);
	at("drained");
	say("%s", readiness(ch));
	at("nonblock_drained");
	fcntl(ch->fd, F_SETFL, fcntl(ch->fd, F_GETFL) | O_NONBLOCK);
	say("%s", rc(rdma_get_cm_event(ch, &(struct rdma_cm_event *){ NULL })));
}

/* Two events of two ids: first in, first out; one readable until both are read. */
static void channel_order(void)
{
	struct rdma_event_channel *ch = new_channel();
	struct rdma_cm_id *a = new_id(ch), *b = new_id(ch);
	struct rdma_cm_event *first, *second;

	need(!rdma_resolve_addr(b, NULL, sa(ADDR, 7), 2000));
	sleep_ms(QUIET_MS);
	need(!rdma_resolve_addr(a, NULL, sa(ADDR, 7), 2000));
	first = next_event(ch, PATIENT_MS);
	need(first);
	second = next_event(ch, PATIENT_MS);
	need(second);
	at("fifo");
	say("first=%s second=%s", first->id == b ? "b" : "a", second->id == a ? "a" : "b");
	at("listen_id");
	say("%s", first->listen_id ? "set" : "NULL");
	OBSERVE("ack_second_first", rdma_ack_cm_event(second));
	OBSERVE("ack_first", rdma_ack_cm_event(first));
}

/* Edge-triggered: each event that arrives is an edge. */
static void channel_edge(void)
{
	struct rdma_event_channel *ch = new_channel();
	struct rdma_cm_id *a = new_id(ch);
	struct epoll_event e = { .events = EPOLLIN | EPOLLET };
	int ep = epoll_create1(0), before, first, second;

	epoll_ctl(ep, EPOLL_CTL_ADD, ch->fd, &e);
	before = epoll_wait(ep, &e, 1, 0);
	need(!rdma_resolve_addr(a, NULL, sa(ADDR, 7), 2000));
	first = epoll_wait(ep, &e, 1, PATIENT_MS);
	expect(ch, RDMA_CM_EVENT_ADDR_RESOLVED);
	need(!rdma_resolve_route(a, 2000));
	second = epoll_wait(ep, &e, 1, PATIENT_MS);
	at("edges");
	say("before=%d first=%d second=%d", before, first, second);
}

static void event_strings(void)
{
	for (int i = -1; i <= 20; i++) {
		at("%d", i);
		say("%s", rdma_event_str((enum rdma_cm_event_type)i));
	}
}

/* ---- ids */

static void id_create(void)
{
	static const int spaces[] = { 0, RDMA_PS_IPOIB, RDMA_PS_TCP, RDMA_PS_UDP, RDMA_PS_IB,
				      1, 0x107,		0xffff };
	struct rdma_event_channel *ch = new_channel();
	struct rdma_cm_id *id;
	int ret;

	for (size_t i = 0; i < sizeof(spaces) / sizeof(spaces[0]); i++) {
		id = NULL;
		at("ps_%#x", (unsigned int)spaces[i]);
		ret = rdma_create_id(ch, &id, &ret, (enum rdma_port_space)spaces[i]);
		say_rc(ret, "qp_type=%d", id ? (int)id->qp_type : -1);
		if (!ret)
			rdma_destroy_id(id);
	}
	need(!rdma_create_id(ch, &id, &ret, RDMA_PS_TCP));
	at("fields");
	say("context=%d channel=%d verbs=%d qp=%d pd=%d port=%d event=%d cq=%d paths=%d ps=%#x",
	    id->context == &ret, id->channel == ch, !!id->verbs, !!id->qp, !!id->pd, id->port_num,
	    !!id->event, id->send_cq || id->recv_cq || id->srq, id->route.num_paths,
	    (unsigned int)id->ps);
	at("ports");
	say("src=%u dst=%u", rdma_get_src_port(id), rdma_get_dst_port(id));
	at("addresses");
	say("src=%s dst=%s", name_of(rdma_get_local_addr(id)), name_of(rdma_get_peer_addr(id)));
	need(!rdma_create_id(NULL, &id, NULL, RDMA_PS_TCP));
	at("synchronous");
	say("channel=%d own=%d event=%d", !!id->channel, id->channel != ch, !!id->event);
	OBSERVE("synchronous_destroy", rdma_destroy_id(id));
}

static void id_create_null(void)
{
	OBSERVE("out", rdma_create_id(new_channel(), NULL, NULL, RDMA_PS_TCP));
}

static void id_destroy_null(void)
{
	OBSERVE("id", rdma_destroy_id(NULL));
}

static void channel_get_null(void)
{
	struct rdma_cm_event *ev;

	OBSERVE("channel", rdma_get_cm_event(NULL, &ev));
}

static void id_destroy_stages(void)
{
	struct rdma_event_channel *ch = new_channel();
	struct rdma_cm_id *listener = new_listener(ch, 1), *id;

	for (int s = FRESH; s <= WITH_QP; s++) {
		id = new_client(ch, (enum stage)s, rdma_get_src_port(listener));
		at("stage_%d", s);
		say_rc(rdma_destroy_id(id), "events=%s", event_text(ch, 0));
	}
	OBSERVE("listener", rdma_destroy_id(listener));
	id = new_id(ch);
	need(!rdma_resolve_addr(id, NULL, sa("10.77.0.99", 7), 5000));
	at("while_resolving");
	say_rc(rdma_destroy_id(id), "events=%s", events_text(ch, 0));
	id = new_id(ch);
	need(!rdma_resolve_addr(id, NULL, sa(ADDR, 7), 2000));
	sleep_ms(QUIET_MS);
	at("with_unread_event");
	say_rc(rdma_destroy_id(id), "events=%s", events_text(ch, 0));
}

static int destroy(void *id)
{
	return rdma_destroy_id(id);
}

/* Destroy waits for the acknowledgement of what was retrieved. */
static void id_destroy_waits(void)
{
	struct rdma_event_channel *ch = new_channel();
	struct rdma_cm_id *id = new_id(ch);
	struct task t = { .fn = destroy, .arg = id };
	struct rdma_cm_event *ev;
	bool early, late;

	need(!rdma_resolve_addr(id, NULL, sa(ADDR, 7), 2000));
	ev = next_event(ch, PATIENT_MS);
	need(ev);
	at("for_ack");
	task_start(&t);
	early = task_done(&t, QUIET_MS);
	rdma_ack_cm_event(ev);
	late = task_done(&t, PATIENT_MS);
	say("before ack=%d after=%d ret=%s", early, late, rc(t.ret));
}

/* A request is charged to the listener alone. */
static void id_destroy_request(void)
{
	struct pair p;
	struct task t = { .fn = destroy };
	bool early, late;

	pair_prepare(&p);
	pair_request(&p);
	rdma_destroy_qp(p.child);
	OBSERVE("child_with_request_unacked", rdma_destroy_id(p.child));
	t.arg = p.listener;
	at("listener_with_request_unacked");
	task_start(&t);
	early = task_done(&t, QUIET_MS);
	rdma_ack_cm_event(p.request);
	late = task_done(&t, PATIENT_MS);
	say("before ack=%d after=%d ret=%s", early, late, rc(t.ret));
	at("client");
	say("events=%s", events_text(p.cch, 1));
}

/* ---- devices */

static void devices(void)
{
	struct ibv_context **list, **again;
	struct rdma_event_channel *ch;
	struct rdma_cm_id *id;
	int n = -1;

	at("list");
	list = rdma_get_devices(&n);
	say("list=%d n=%d terminated=%d", !!list, n, list && !list[n]);
	at("again");
	again = rdma_get_devices(NULL);
	say("same=%d", again && list && again[0] == list[0]);
	ch = new_channel();
	id = new_client(ch, BOUND, 0);
	at("verbs_of_id");
	say("%s", id->verbs == list[0] ? "same" : "other");
	rdma_free_devices(list);
	rdma_free_devices(again);
	at("verbs_after_free");
	say("%d", ibv_query_device(id->verbs, &(struct ibv_device_attr){ .max_qp = 0 }));
}

const struct api_case api_ids[] = {
	{ "channel", channel, 0, ALWAYS },
	{ "channel_eintr", channel_eintr, 0, ALWAYS },
	{ "channel_poll", channel_poll, 0, ALWAYS },
	{ "channel_order", channel_order, 0, ALWAYS },
	{ "channel_edge", channel_edge, 0, ALWAYS },
	{ "channel_get_null", channel_get_null, 3, ALWAYS },
	{ "event_str", event_strings, 0, ALWAYS },
	{ "id_create", id_create, 0, ALWAYS },
	{ "id_create_null", id_create_null, 3, ALWAYS },
	{ "id_destroy_null", id_destroy_null, 3, ALWAYS },
	{ "id_destroy", id_destroy_stages, 0, ALWAYS },
	{ "id_destroy_waits", id_destroy_waits, 0, ALWAYS },
	{ "id_destroy_request", id_destroy_request, 0, ALWAYS },
	{ "devices", devices, 0, ALWAYS },
	{ NULL, NULL, 0, ALWAYS },
};
