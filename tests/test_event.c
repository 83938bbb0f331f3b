// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Events: what the core's become, acknowledgement, memory, synchronous ids.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include "shim/shim.h"
#include "tests/shim_util.h"

/* ---- translation */

Test(event, request__names_child_listener_and_what_was_said)
{
	struct rdma_conn_param param = { .responder_resources = 7, .initiator_depth = 5 };
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *listener, *client = util_client(ch, PORT);
	struct sockaddr_in addr = fake_addr(0, PORT);
	struct rdma_cm_event *ev;
	int context;

	succeeds(rdma_create_id(ch, &listener, &context, RDMA_PS_TCP));
	succeeds(rdma_bind_addr(listener, (struct sockaddr *)&addr));
	succeeds(rdma_listen(listener, 1));
	param.private_data = "hello";
	param.private_data_len = 5;
	param.retry_count = 3;
	succeeds(rdma_connect(client, &param));
	ev = util_next(ch, RDMA_CM_EVENT_CONNECT_REQUEST);
	cr_assert_eq(ev->status, 0);
	cr_assert_eq(ev->listen_id, listener);
	cr_assert_eq(ev->id->context, &context);
	cr_assert_eq(ev->id->ps, RDMA_PS_TCP);
	cr_assert_eq(ev->id->qp_type, IBV_QPT_RC);
	cr_assert_eq(ev->id->channel, ch);
	cr_assert_eq(ev->id->verbs, client->verbs);
	cr_assert_eq(ev->id->pd, client->pd);
	cr_assert_eq(ev->id->port_num, 1);
	cr_assert_eq(rdma_get_src_port(ev->id), htons(PORT));
	cr_assert_eq(rdma_get_dst_port(ev->id), rdma_get_src_port(client));
	cr_assert_eq(ev->param.conn.private_data_len, 5);
	cr_assert_eq(memcmp(ev->param.conn.private_data, "hello", 5), 0);
	cr_assert_eq(ev->param.conn.responder_resources, 5);
	cr_assert_eq(ev->param.conn.initiator_depth, 7);
	cr_assert_eq(ev->param.conn.retry_count, 0);
	cr_assert_eq(ev->param.conn.qp_num, 0);
	util_destroy(ev->id);
	succeeds(rdma_ack_cm_event(ev));
	util_expect(ch, RDMA_CM_EVENT_REJECTED);
	util_destroy(listener);
	util_destroy(client);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

Test(event, established__private_data_only_for_the_active_side)
{
	struct pair p = util_request();
	struct rdma_conn_param param = { .private_data = "yes",
					 .private_data_len = 3,
					 .responder_resources = 3,
					 .initiator_depth = 2 };
	struct rdma_cm_event *ev;

	succeeds(rdma_accept(p.child, &param));
	for (int i = 0; i < 2; i++) {
		ev = util_next(p.ch, RDMA_CM_EVENT_ESTABLISHED);
		cr_assert_eq(ev->status, 0);
		cr_assert_null(ev->listen_id);
		if (ev->id == p.client) {
			cr_assert_eq(ev->param.conn.private_data_len, 3);
			cr_assert_eq(memcmp(ev->param.conn.private_data, "yes", 3), 0);
			cr_assert_eq(ev->param.conn.responder_resources, 2);
			cr_assert_eq(ev->param.conn.initiator_depth, 3);
		} else {
			cr_assert_eq(ev->id, p.child);
			cr_assert_null(ev->param.conn.private_data);
			cr_assert_eq(ev->param.conn.private_data_len, 0);
		}
		succeeds(rdma_ack_cm_event(ev));
	}
	util_end_pair(&p);
}

Test(event, outcome__status_decides_the_kind)
{
	static const struct {
		int status;
		enum rdma_cm_event_type type;
	} cases[] = {
		{ -ECONNREFUSED, RDMA_CM_EVENT_REJECTED },
		{ -ECONNRESET, RDMA_CM_EVENT_REJECTED },
		{ -ETIMEDOUT, RDMA_CM_EVENT_UNREACHABLE },
		{ -EINVAL, RDMA_CM_EVENT_CONNECT_ERROR },
	};
	struct rdma_event_channel *ch = util_channel();

	fake_hold(true);
	for (size_t i = 0; i < 4; i++) {
		struct rdma_cm_id *id;

		fake_hold(false);
		id = util_client(ch, PORT);
		fake_hold(true);
		succeeds(rdma_connect(id, NULL));
		fake_post_plain(id, IW_CM_EVENT_CONNECT_REPLY, cases[i].status);
		cr_assert_eq(util_expect(ch, cases[i].type), cases[i].status);
		fails_with(EINVAL, rdma_connect(id, NULL)); /* a new id is needed */
		succeeds(rdma_disconnect(id));
		util_nothing(ch);
		util_destroy(id);
	}
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

/* Nobody can refuse what was accepted. */
Test(event, outcome__of_an_accept_that_fails)
{
	static const struct {
		int status;
		enum rdma_cm_event_type type;
	} cases[] = {
		{ -ECONNRESET, RDMA_CM_EVENT_CONNECT_ERROR },
		{ -ECONNREFUSED, RDMA_CM_EVENT_CONNECT_ERROR },
		{ -ETIMEDOUT, RDMA_CM_EVENT_UNREACHABLE },
		{ -EINVAL, RDMA_CM_EVENT_CONNECT_ERROR },
	};

	for (size_t i = 0; i < IW_ARRAY_SIZE(cases); i++) {
		struct pair p;

		fake_hold(false);
		p = util_request();
		fake_hold(true);
		succeeds(rdma_accept(p.child, NULL));
		fake_post_plain(p.child, IW_CM_EVENT_ESTABLISHED, cases[i].status);
		cr_assert_eq(util_expect(p.ch, cases[i].type), cases[i].status);
		util_nothing(p.ch);
		util_end_pair(&p);
	}
	util_all_gone();
}

Test(event, private_data__up_to_255_bytes)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = util_client(ch, PORT);
	uint8_t data[256];
	struct iw_cm_event ev = { .type = IW_CM_EVENT_CONNECT_REPLY,
				  .param = { .private_data = data, .private_data_len = 256 } };
	struct rdma_cm_event *got;

	for (int i = 0; i < 256; i++)
		data[i] = (uint8_t)i;
	ev.param.responder_resources = 1000;
	ev.param.initiator_depth = 255;
	fake_hold(true);
	succeeds(rdma_connect(id, NULL));
	fake_post(id, &ev);
	got = util_next(ch, RDMA_CM_EVENT_ESTABLISHED);
	cr_assert_eq(got->param.conn.private_data_len, 255);
	cr_assert_eq(memcmp(got->param.conn.private_data, data, 255), 0);
	cr_assert_eq(got->param.conn.responder_resources, 255);
	cr_assert_eq(got->param.conn.initiator_depth, 255);
	succeeds(rdma_ack_cm_event(got));
	util_destroy(id);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

Test(event, device_removal__once_and_without_memory)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = util_client(ch, PORT);

	iw_fault_arm(IW_FAULT_ALLOC, 1);
	fake_post_plain(id, IW_CM_EVENT_DEVICE_GONE, 0);
	fake_post_plain(id, IW_CM_EVENT_DEVICE_GONE, 0);
	cr_assert_eq(util_expect(ch, RDMA_CM_EVENT_DEVICE_REMOVAL), 0);
	util_nothing(ch);
	iw_fault_arm(0, 0);
	util_destroy(id);
	cr_assert_eq(mock_verbs_contexts(), 0);
	/* An unread one is dropped with its id. */
	id = util_client(ch, PORT);
	fake_post_plain(id, IW_CM_EVENT_DEVICE_GONE, 0);
	fake_pump(id);
	util_destroy(id);
	util_nothing(ch);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

Test(event, notices__reach_the_program)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = util_client(ch, PORT);

	fake_post_plain(id, IW_CM_EVENT_ADDR_CHANGE, 0);
	fake_post_plain(id, IW_CM_EVENT_TIMEWAIT_EXIT, 0);
	util_expect(ch, RDMA_CM_EVENT_ADDR_CHANGE);
	util_expect(ch, RDMA_CM_EVENT_TIMEWAIT_EXIT);
	util_destroy(id);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

/* A destroy takes the id's tie to the core away, and then waits for its handlers. */
Test(event, addr__while_a_destroy_has_begun)
{
	struct iw_cm_event addr = { .type = IW_CM_EVENT_ADDR };
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = util_id(ch);
	struct shim_id *priv = (struct shim_id *)(void *)id;
	struct iw_cm_id *cm;

	fake_hold(true);
	succeeds(util_resolve(id, PORT));
	cm = priv->cm;
	priv->cm = NULL;
	fake_post_now(id, &addr);
	priv->cm = cm;
	cr_assert_eq(util_expect(ch, RDMA_CM_EVENT_ADDR_RESOLVED), 0);
	util_destroy(id);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

/* The core refuses the question about the addresses: the destroy has its word. */
Test(event, addr__of_an_id_that_is_being_destroyed_is_no_news)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = util_id(ch);

	fake_fail(FAKE_QUERY, -ESHUTDOWN);
	succeeds(util_resolve(id, PORT));
	util_nothing(ch);
	util_destroy(id);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

/* ---- memory */

Test(event, promised__notices_take_no_memory_of_what_a_call_causes)
{
	struct pair p = util_request();
	struct iw_cm_event change = { .type = IW_CM_EVENT_ADDR_CHANGE };
	struct rdma_cm_event *held[4];

	for (int i = 0; i < 4; i++) {
		fake_post_now(p.client, &change);
		held[i] = util_next(p.ch, RDMA_CM_EVENT_ADDR_CHANGE);
	}
	succeeds(rdma_accept(p.child, NULL));
	iw_fault_arm(IW_FAULT_ALLOC, 1);
	fake_post_now(p.client, &change); /* the one that is lost */
	cr_assert_eq(iw_fault_passed(), 1);
	util_expect(p.ch, RDMA_CM_EVENT_ESTABLISHED);
	util_expect(p.ch, RDMA_CM_EVENT_ESTABLISHED);
	succeeds(rdma_disconnect(p.client));
	util_expect(p.ch, RDMA_CM_EVENT_DISCONNECTED);
	util_expect(p.ch, RDMA_CM_EVENT_DISCONNECTED);
	cr_assert_eq(iw_fault_passed(), 1);
	iw_fault_arm(0, 0);
	for (int i = 0; i < 4; i++)
		succeeds(rdma_ack_cm_event(held[i]));
	util_end_pair(&p);
}

Test(event, promised__acknowledged_events_serve_again)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = util_id(ch);

	fake_fail(FAKE_ADDR_EVENT, -ETIMEDOUT);
	succeeds(util_resolve(id, PORT));
	util_expect(ch, RDMA_CM_EVENT_ADDR_ERROR);
	iw_fault_arm(IW_FAULT_ALLOC, 1);
	for (int i = 0; i < 10; i++) {
		fake_fail(FAKE_ADDR_EVENT, -ETIMEDOUT);
		succeeds(util_resolve(id, PORT));
		cr_assert_eq(util_expect(ch, RDMA_CM_EVENT_ADDR_ERROR), -ETIMEDOUT);
	}
	cr_assert_eq(iw_fault_passed(), 0);
	iw_fault_arm(0, 0);
	util_destroy(id);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

Test(event, request__no_memory_refuses_it)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *listener = util_listen(ch, PORT), *client;

	for (unsigned long n = 1; n < 4; n++) {
		client = util_client(ch, PORT);
		succeeds(rdma_connect(client, NULL));
		iw_fault_arm(IW_FAULT_ALLOC, n);
		cr_assert_eq(util_expect(ch, RDMA_CM_EVENT_REJECTED), -ECONNRESET);
		iw_fault_arm(0, 0);
		util_destroy(client);
	}
	client = util_client(ch, PORT);
	fake_fail(FAKE_QUERY, -ENODEV);
	succeeds(rdma_connect(client, NULL));
	cr_assert_eq(util_expect(ch, RDMA_CM_EVENT_REJECTED), -ECONNRESET);
	util_destroy(client);
	util_destroy(listener);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

Test(event, ack__foreign_and_stale_events)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_event foreign[8] = { { .status = 0 } }, *ev;
	struct rdma_cm_id *id = util_id(ch);

	fails_with(EINVAL, rdma_ack_cm_event(foreign));
	succeeds(util_resolve(id, PORT));
	ev = util_next(ch, RDMA_CM_EVENT_ADDR_RESOLVED);
	succeeds(rdma_ack_cm_event(ev));
	fails_with(EINVAL, rdma_ack_cm_event(ev));
	util_destroy(id);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

/* ---- synchronous ids */

static struct rdma_cm_id *sync_id(void)
{
	struct rdma_cm_id *id;

	succeeds(rdma_create_id(NULL, &id, NULL, RDMA_PS_TCP));
	return id;
}

static struct rdma_cm_id *sync_client(void)
{
	struct rdma_cm_id *id = sync_id();

	succeeds(util_resolve(id, PORT));
	util_qp(id);
	succeeds(rdma_resolve_route(id, 1000));
	return id;
}

static void *sync_connect(void *id)
{
	return (void *)(long)(rdma_connect(id, NULL) ? -errno : 0);
}

struct sync_pair {
	struct rdma_cm_id *listener, *client, *child;
};

static struct sync_pair sync_pair(void)
{
	struct sync_pair p = { .listener = sync_id(), .client = sync_client() };
	struct sockaddr_in addr = fake_addr(0, PORT);
	struct rdma_cm_event *ev;
	struct later *l;

	succeeds(rdma_bind_addr(p.listener, (struct sockaddr *)&addr));
	succeeds(rdma_listen(p.listener, 4));
	l = util_later(sync_connect, p.client);
	succeeds(rdma_get_cm_event(p.listener->channel, &ev));
	cr_assert_eq(ev->event, RDMA_CM_EVENT_CONNECT_REQUEST);
	p.child = ev->id;
	cr_assert_neq(p.child->channel, p.listener->channel);
	succeeds(rdma_ack_cm_event(ev));
	util_qp(p.child);
	succeeds(rdma_accept(p.child, NULL));
	cr_assert_eq(p.child->event->event, RDMA_CM_EVENT_ESTABLISHED);
	cr_assert_null(util_join(l));
	cr_assert_eq(p.client->event->event, RDMA_CM_EVENT_ESTABLISHED);
	return p;
}

static void end_sync_pair(struct sync_pair *p)
{
	util_destroy(p->child);
	util_destroy(p->client);
	util_destroy(p->listener);
	util_all_gone();
}

Test(event, sync__a_whole_connection_and_disconnect_twice, .timeout = 30)
{
	struct sync_pair p = sync_pair();

	succeeds(rdma_disconnect(p.client));
	cr_assert_eq(p.client->event->event, RDMA_CM_EVENT_DISCONNECTED);
	succeeds(rdma_disconnect(p.client));
	succeeds(rdma_disconnect(p.child)); /* the peer closed first */
	cr_assert_eq(p.child->event->event, RDMA_CM_EVENT_DISCONNECTED);
	succeeds(rdma_disconnect(p.child));
	end_sync_pair(&p);
}

Test(event, sync__disconnect_of_a_removed_device_waits_for_nothing, .timeout = 30)
{
	struct sync_pair p = sync_pair();

	fake_fail(FAKE_DISCONNECT, -ENODEV);
	fake_post_plain(p.client, IW_CM_EVENT_DEVICE_GONE, 0);
	fails_with(ENODEV, rdma_disconnect(p.client));
	fails_with(ENODEV, rdma_disconnect(p.client)); /* finds the removal */
	succeeds(rdma_disconnect(p.client));
	end_sync_pair(&p);
}

Test(event, sync__reject_is_econnrefused_with_data_readable, .timeout = 30)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *listener = util_listen(ch, PORT), *client = sync_client();
	struct later *l = util_later(sync_connect, client);
	struct rdma_cm_event *ev;

	fcntl(ch->fd, F_SETFL, 0);
	ev = util_next(ch, RDMA_CM_EVENT_CONNECT_REQUEST);
	succeeds(rdma_reject(ev->id, "no", 2));
	util_destroy(ev->id);
	succeeds(rdma_ack_cm_event(ev));
	cr_assert_eq((long)util_join(l), -ECONNREFUSED);
	cr_assert_eq(client->event->event, RDMA_CM_EVENT_REJECTED);
	cr_assert_eq(memcmp(client->event->param.conn.private_data, "no", 2), 0);
	util_destroy(client);
	util_destroy(listener);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

Test(event, sync__errors_of_resolving)
{
	struct rdma_cm_id *id = sync_id();

	fake_fail(FAKE_ADDR_EVENT, -ETIMEDOUT);
	fails_with(ETIMEDOUT, util_resolve(id, PORT));
	cr_assert_eq(id->event->event, RDMA_CM_EVENT_ADDR_ERROR);
	succeeds(util_resolve(id, PORT));
	fake_fail(FAKE_ROUTE_EVENT, -EHOSTUNREACH);
	fails_with(EHOSTUNREACH, rdma_resolve_route(id, 1));
	succeeds(rdma_resolve_route(id, 1));
	util_destroy(id);
	util_all_gone();
}

Test(event, sync__acknowledged_by_the_program, .timeout = 30)
{
	struct rdma_cm_id *id = sync_id();
	struct rdma_cm_event *ev;

	succeeds(util_resolve(id, PORT));
	ev = id->event;
	succeeds(rdma_ack_cm_event(ev));
	cr_assert_null(id->event);
	succeeds(rdma_resolve_route(id, 100));
	cr_assert_eq(id->event->event, RDMA_CM_EVENT_ROUTE_RESOLVED);
	succeeds(rdma_ack_cm_event(id->event));
	fails_with(EINVAL, rdma_ack_cm_event(ev));
	util_destroy(id);
	util_all_gone();
}

Test(event, sync__unexpected_events, .timeout = 30)
{
	struct sockaddr_in any = { .sin_family = AF_INET };
	struct rdma_cm_id *id = sync_id();

	fake_hold(true);
	fake_post_plain(id, IW_CM_EVENT_ADDR_CHANGE, 0); /* no driver yet: nothing */
	succeeds(rdma_bind_addr(id, (struct sockaddr *)&any));
	fake_post_plain(id, IW_CM_EVENT_ADDR_CHANGE, 0);
	fake_post_plain(id, IW_CM_EVENT_DEVICE_GONE, 0);
	fails_with(ENODEV, util_resolve(id, PORT)); /* the notice is passed over */
	cr_assert_eq(id->event->event, RDMA_CM_EVENT_DEVICE_REMOVAL);
	util_destroy(id);
	util_all_gone();
}

/* Of a QP that we do not know: rdma_establish() makes the connection. */
Test(event, sync__a_response_ends_the_connect, .timeout = 30)
{
	struct iw_cm_event response = { .type = IW_CM_EVENT_CONNECT_RESPONSE };
	struct rdma_conn_param param = { .qp_num = 3 };
	struct rdma_cm_id *id = sync_id();

	mock_verbs_transport(0, IBV_TRANSPORT_IB);
	succeeds(util_resolve(id, PORT));
	succeeds(rdma_resolve_route(id, 100));
	fake_hold(true);
	fake_post(id, &response);
	succeeds(rdma_connect(id, &param));
	cr_assert_eq(id->event->event, RDMA_CM_EVENT_CONNECT_RESPONSE);
	succeeds(rdma_establish(id));
	fake_post_plain(id, IW_CM_EVENT_CLOSE, 0);
	succeeds(rdma_disconnect(id));
	cr_assert_eq(id->event->event, RDMA_CM_EVENT_DISCONNECTED);
	util_destroy(id);
	mock_verbs_transport(0, IBV_TRANSPORT_IWARP);
	fake_hold(false);
	util_all_gone();
}

/* Of a connect that a signal interrupted: the next call goes past it. */
Test(event, sync__a_response_left_behind, .timeout = 30)
{
	struct iw_cm_event response = { .type = IW_CM_EVENT_CONNECT_RESPONSE };
	struct rdma_conn_param param = { .qp_num = 3 };
	struct rdma_cm_id *id = sync_id();
	struct rdma_event_channel *ch = util_channel();

	mock_verbs_transport(0, IBV_TRANSPORT_IB);
	succeeds(util_resolve(id, PORT));
	succeeds(rdma_resolve_route(id, 100));
	succeeds(rdma_migrate_id(id, ch));
	fake_hold(true);
	succeeds(rdma_connect(id, &param));
	fake_post(id, &response);
	fake_pump(id);
	succeeds(rdma_migrate_id(id, NULL));
	succeeds(rdma_establish(id));
	fake_post_plain(id, IW_CM_EVENT_CLOSE, 0);
	succeeds(rdma_disconnect(id));
	util_destroy(id);
	rdma_destroy_event_channel(ch);
	mock_verbs_transport(0, IBV_TRANSPORT_IWARP);
	fake_hold(false);
	util_all_gone();
}

Test(event, sync__success_left_behind_by_an_earlier_step, .timeout = 30)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = util_id(ch);

	succeeds(util_resolve(id, PORT));
	fake_pump(id);
	succeeds(rdma_migrate_id(id, NULL));
	succeeds(rdma_resolve_route(id, 100));
	cr_assert_eq(id->event->event, RDMA_CM_EVENT_ROUTE_RESOLVED);
	util_destroy(id);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

Test(event, sync__disconnected_is_no_success_of_accept, .timeout = 30)
{
	struct pair p = util_request();

	succeeds(rdma_migrate_id(p.child, NULL));
	util_destroy(p.client);
	p.client = NULL;
	fails_with(ECONNRESET, rdma_accept(p.child, NULL));
	util_end_pair(&p);
}

static void on_signal(int sig)
{
}

Test(event, sync__interrupted_and_waited_for_again, .timeout = 30)
{
	struct pair p = util_pair();
	struct sigaction sa = { .sa_handler = on_signal };
	/* Again and again: the first may come before the call waits. */
	struct itimerval when = { { .tv_usec = 30000 }, { .tv_usec = 30000 } };

	succeeds(rdma_migrate_id(p.client, NULL));
	sigaction(SIGALRM, &sa, NULL);
	fake_silence(p.client, true);
	setitimer(ITIMER_REAL, &when, NULL);
	fails_with(EINTR, rdma_disconnect(p.client));
	setitimer(ITIMER_REAL, &(struct itimerval){ 0 }, NULL);
	fake_silence(p.client, false);
	succeeds(rdma_disconnect(p.client));
	cr_assert_eq(p.client->event->event, RDMA_CM_EVENT_DISCONNECTED);
	util_end_pair(&p);
}

Test(event, sync__an_established_left_behind_is_not_the_end, .timeout = 30)
{
	struct pair p = util_request();

	succeeds(rdma_accept(p.child, NULL));
	fake_pump(p.child); /* both ESTABLISHED are queued, unread */
	fake_pump(p.child);
	succeeds(rdma_migrate_id(p.child, NULL));
	succeeds(rdma_disconnect(p.child));
	cr_assert_eq(p.child->event->event, RDMA_CM_EVENT_DISCONNECTED);
	util_end_pair(&p);
}

Test(event, sync__a_child_without_a_channel_is_refused, .timeout = 30)
{
	struct rdma_cm_id *listener = sync_id();
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *client = util_client(ch, PORT), *second = util_client(ch, PORT);
	struct sockaddr_in addr = fake_addr(0, PORT);
	struct rdma_cm_event *ev;

	succeeds(rdma_bind_addr(listener, (struct sockaddr *)&addr));
	succeeds(rdma_listen(listener, 4));
	succeeds(rdma_connect(client, NULL));
	succeeds(rdma_connect(second, NULL));
	fcntl(listener->channel->fd, F_SETFL, O_NONBLOCK);
	fake_fail(FAKE_MIGRATE, -ENOMEM);
	ev = util_next(listener->channel, RDMA_CM_EVENT_CONNECT_REQUEST); /* the second */
	cr_assert_eq(util_expect(ch, RDMA_CM_EVENT_REJECTED), -ECONNRESET);
	util_destroy(ev->id);
	succeeds(rdma_ack_cm_event(ev));
	util_expect(ch, RDMA_CM_EVENT_REJECTED);
	util_destroy(client);
	util_destroy(second);
	util_destroy(listener);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}
