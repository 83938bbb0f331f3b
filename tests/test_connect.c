// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Connections: both sides, parameters, wrong order, and a whole session with a
 * fault at every place where one can be.
 */
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "tests/shim_util.h"

/* ---- connect */

Test(connect, param__defaults)
{
	struct pair p = util_request();
	struct iw_cm_conn_param param = fake_last_param();

	cr_assert_eq(param.responder_resources, MOCK_MAX_RD_ATOM);
	cr_assert_eq(param.initiator_depth, MOCK_MAX_RD_ATOM);
	cr_assert_eq(param.retry_count, 7);
	cr_assert_eq(param.rnr_retry_count, 7);
	cr_assert_eq(param.private_data_len, 0);
	cr_assert_eq(param.qp_num, p.client->qp->qp_num);
	succeeds(rdma_accept(p.child, NULL));
	param = fake_last_param();
	cr_assert_eq(param.responder_resources, MOCK_MAX_RD_ATOM);
	cr_assert_eq(param.qp_num, p.child->qp->qp_num);
	util_end_pair(&p);
}

Test(connect, param__limits)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *listener = util_listen(ch, PORT), *id = util_client(ch, PORT);
	struct rdma_conn_param param = { .responder_resources = MOCK_MAX_RD_ATOM + 1 };

	fails_with(EINVAL, rdma_connect(id, &param));
	param.responder_resources = 1;
	param.initiator_depth = 254;
	fails_with(EINVAL, rdma_connect(id, &param));
	param.initiator_depth = RDMA_MAX_INIT_DEPTH;
	param.private_data_len = 4;
	fails_with(EINVAL, rdma_connect(id, &param)); /* data without an address */
	param.private_data = "data";
	param.qp_num = 4711; /* the id's QP counts */
	succeeds(rdma_connect(id, &param));
	cr_assert_eq(fake_last_param().responder_resources, 1);
	cr_assert_eq(fake_last_param().initiator_depth, MOCK_MAX_RD_ATOM);
	cr_assert_eq(fake_last_param().qp_num, id->qp->qp_num);
	util_destroy(id);
	util_nothing(ch); /* the request went with who asked */
	util_destroy(listener);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

Test(connect, param__a_qp_that_only_the_program_knows)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *listener = util_listen(ch, PORT), *id = util_client(ch, PORT);
	struct rdma_conn_param param = { .qp_num = 4711, .srq = 1 };

	rdma_destroy_qp(id);
	fails_with(EINVAL, rdma_connect(id, NULL));
	succeeds(rdma_connect(id, &param));
	cr_assert_eq(fake_last_param().qp_num, 4711);
	cr_assert_eq(fake_last_param().srq, 1);
	util_destroy(id);
	util_destroy(listener);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

Test(connect, order__every_wrong_one)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_conn_param param = { 0 };
	struct rdma_cm_id *id = util_id(ch), *listener = util_listen(ch, PORT);

	fails_with(EINVAL, rdma_connect(id, &param));
	fails_with(EINVAL, rdma_connect(listener, &param));
	fails_with(EINVAL, rdma_accept(id, &param));
	fails_with(EINVAL, rdma_accept(listener, &param));
	fails_with(EINVAL, rdma_reject(id, NULL, 0));
	fails_with(EINVAL, rdma_reject(listener, NULL, 0));
	fails_with(EINVAL, rdma_disconnect(id));
	fails_with(EINVAL, rdma_disconnect(listener));
	fails_with(EINVAL, rdma_establish(id));
	fails_with(EINVAL, rdma_notify(id, IBV_EVENT_COMM_EST));
	succeeds(rdma_notify(listener, IBV_EVENT_COMM_EST));
	fails_with(EINVAL, rdma_listen(listener, 1));
	fails_with(EINVAL, util_resolve(listener, PORT));
	succeeds(util_resolve(id, PORT));
	util_expect(ch, RDMA_CM_EVENT_ADDR_RESOLVED);
	fails_with(EINVAL, rdma_connect(id, &param));
	fails_with(EINVAL, rdma_disconnect(id));
	fails_with(EINVAL, rdma_listen(id, 1));
	util_destroy(id);
	util_destroy(listener);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

Test(connect, fails__in_the_call_and_may_be_tried_again)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = util_client(ch, PORT), *listener;

	fails_with(ECONNREFUSED, rdma_connect(id, NULL));
	fake_fail(FAKE_CONNECT, -ETIMEDOUT);
	fails_with(ETIMEDOUT, rdma_connect(id, NULL));
	fails_with(EINVAL, rdma_disconnect(id));
	listener = util_listen(ch, PORT);
	succeeds(rdma_connect(id, NULL));
	fails_with(EINVAL, rdma_connect(id, NULL));
	util_destroy(id);
	util_destroy(listener);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

static void *connect_now(void *id)
{
	return (void *)(long)(rdma_connect(id, NULL) ? errno : 0);
}

Test(connect, twice_at_once__one_wins)
{
	struct rdma_event_channel *ch = util_channel();

	fake_hold(true);
	for (int i = 0; i < 50; i++) {
		struct later *a, *b;
		struct rdma_cm_id *id;
		long ra, rb;

		fake_hold(false);
		id = util_client(ch, PORT);
		fake_hold(true);
		a = util_later(connect_now, id);
		b = util_later(connect_now, id);
		ra = (long)util_join(a);
		rb = (long)util_join(b);
		cr_assert_eq(ra + rb, EINVAL);
		cr_assert_eq(ra * rb, 0);
		util_destroy(id);
	}
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

/* ---- listen */

Test(listen, from_idle__binds_the_wildcard)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = util_id(ch);

	succeeds(rdma_listen(id, 0));
	cr_assert_eq(fake_last_backlog(), 0);
	cr_assert_neq(rdma_get_src_port(id), 0);
	cr_assert_null(id->verbs);
	util_destroy(id);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

Test(listen, fails__and_may_be_tried_again)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = util_id(ch);
	struct sockaddr_in addr = fake_addr(0, PORT);

	succeeds(rdma_bind_addr(id, (struct sockaddr *)&addr));
	fake_fail(FAKE_LISTEN, -EADDRINUSE);
	fails_with(EADDRINUSE, rdma_listen(id, 1));
	iw_fault_arm(IW_FAULT_ALLOC, 1);
	fails_with(ENOMEM, rdma_listen(id, 1));
	iw_fault_arm(0, 0);
	succeeds(rdma_listen(id, 1));
	util_destroy(id);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

Test(listen, backlog__counts_requests_not_yet_retrieved)
{
	struct rdma_event_channel *server = util_channel(), *ch = util_channel();
	struct sockaddr_in addr = fake_addr(0, PORT);
	struct rdma_cm_id *id = util_id(server), *clients[3];
	struct rdma_cm_event *ev;

	succeeds(rdma_bind_addr(id, (struct sockaddr *)&addr));
	succeeds(rdma_listen(id, 1));
	for (int i = 0; i < 3; i++)
		clients[i] = util_client(ch, PORT);
	for (int i = 0; i < 3; i++) {
		succeeds(rdma_connect(clients[i], NULL));
		fake_pump(id);
	}
	util_expect(ch, RDMA_CM_EVENT_REJECTED);
	util_expect(ch, RDMA_CM_EVENT_REJECTED);
	util_nothing(ch);
	ev = util_next(server, RDMA_CM_EVENT_CONNECT_REQUEST);
	util_destroy(clients[1]);
	clients[1] = util_client(ch, PORT);
	succeeds(rdma_connect(clients[1], NULL)); /* there is room again */
	util_destroy(ev->id);
	succeeds(rdma_ack_cm_event(ev));
	ev = util_next(server, RDMA_CM_EVENT_CONNECT_REQUEST);
	util_destroy(ev->id);
	succeeds(rdma_ack_cm_event(ev));
	for (int i = 0; i < 3; i++)
		util_destroy(clients[i]);
	util_destroy(id);
	rdma_destroy_event_channel(server);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

/* ---- accept and reject */

Test(accept, param__limits_and_repetition)
{
	struct pair p = util_request();
	struct rdma_conn_param param = { .responder_resources = MOCK_MAX_RD_ATOM + 1 };

	fails_with(EINVAL, rdma_accept(p.child, &param));
	param.responder_resources = RDMA_MAX_RESP_RES;
	param.private_data_len = 1;
	fails_with(EINVAL, rdma_accept(p.child, &param));
	param.private_data_len = 0;
	succeeds(rdma_accept(p.child, &param));
	cr_assert_eq(fake_last_param().responder_resources, MOCK_MAX_RD_ATOM);
	fails_with(EINVAL, rdma_accept(p.child, &param));
	fails_with(EINVAL, rdma_accept(p.client, &param));
	util_expect(p.ch, RDMA_CM_EVENT_ESTABLISHED);
	util_expect(p.ch, RDMA_CM_EVENT_ESTABLISHED);
	fails_with(EINVAL, rdma_accept(p.child, &param));
	fails_with(EINVAL, rdma_reject(p.child, NULL, 0));
	util_end_pair(&p);
}

Test(accept, without_a_qp__needs_parameters)
{
	struct pair p = util_request();
	struct rdma_conn_param param = { .qp_num = 99 };

	rdma_destroy_qp(p.child);
	fails_with(EINVAL, rdma_accept(p.child, NULL));
	succeeds(rdma_accept(p.child, &param));
	cr_assert_eq(fake_last_param().qp_num, 99);
	util_end_pair(&p);
}

Test(accept, fails__the_peer_is_refused)
{
	struct pair p = util_request();

	fake_fail(FAKE_ACCEPT, -ENOMEM);
	fails_with(ENOMEM, rdma_accept(p.child, NULL));
	cr_assert_lt(util_expect(p.ch, RDMA_CM_EVENT_REJECTED), 0);
	util_nothing(p.ch);
	util_end_pair(&p);
}

Test(accept, fails__the_peer_has_gone)
{
	struct pair p = util_request();

	util_destroy(p.client);
	p.client = NULL;
	util_nothing(p.ch); /* a child says nothing before it is accepted */
	fails_with(ECONNRESET, rdma_accept(p.child, NULL));
	util_end_pair(&p);
}

Test(reject, data__reaches_the_peer)
{
	struct pair p = util_request();
	struct rdma_cm_event *ev;

	fails_with(EINVAL, rdma_reject(p.child, NULL, 3));
	succeeds(rdma_reject(p.child, "why", 3));
	fails_with(EINVAL, rdma_reject(p.child, NULL, 0));
	fails_with(EINVAL, rdma_accept(p.child, NULL));
	ev = util_next(p.ch, RDMA_CM_EVENT_REJECTED);
	cr_assert_eq(ev->status, -ECONNREFUSED);
	cr_assert_eq(ev->param.conn.private_data_len, 3);
	cr_assert_eq(memcmp(ev->param.conn.private_data, "why", 3), 0);
	succeeds(rdma_ack_cm_event(ev));
	util_nothing(p.ch);
	util_end_pair(&p);
}

/* ---- established */

Test(establish, without_a_qp__active_and_established)
{
	struct pair p = util_pair();

	fails_with(EINVAL, rdma_establish(p.client)); /* has a QP */
	rdma_destroy_qp(p.client);
	succeeds(rdma_establish(p.client));
	rdma_destroy_qp(p.child);
	fails_with(EINVAL, rdma_establish(p.child));
	succeeds(rdma_notify(p.client, IBV_EVENT_COMM_EST));
	fake_fail(FAKE_NOTIFY, -EINVAL);
	fails_with(EINVAL, rdma_notify(p.client, IBV_EVENT_COMM_EST));
	util_end_pair(&p);
}

Test(disconnect, both_sides__one_event_each_and_repetition_is_fine)
{
	struct pair p = util_pair();

	succeeds(rdma_disconnect(p.client));
	cr_assert_eq(util_expect(p.ch, RDMA_CM_EVENT_DISCONNECTED), 0);
	cr_assert_eq(util_expect(p.ch, RDMA_CM_EVENT_DISCONNECTED), 0);
	succeeds(rdma_disconnect(p.child));
	succeeds(rdma_disconnect(p.client));
	util_nothing(p.ch);
	fails_with(EINVAL, rdma_connect(p.client, NULL));
	util_end_pair(&p);
}

Test(disconnect, pending_connect__ends_it)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = util_client(ch, PORT);

	fake_hold(true);
	succeeds(rdma_connect(id, NULL));
	succeeds(rdma_disconnect(id));
	cr_assert_lt(util_expect(ch, RDMA_CM_EVENT_CONNECT_ERROR), 0);
	util_nothing(ch);
	util_destroy(id);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

Test(disconnect, fails__as_the_driver_says)
{
	struct pair p = util_pair();

	fake_fail(FAKE_DISCONNECT, -EIO);
	fails_with(EIO, rdma_disconnect(p.client));
	util_end_pair(&p);
}

/* ---- a whole session, and a fault at each place */

struct session {
	struct rdma_event_channel *ch;
	struct rdma_cm_id *listener, *client, *child;
};

static int next_of(struct rdma_event_channel *ch, enum rdma_cm_event_type type,
		   struct rdma_cm_id **id)
{
	struct rdma_cm_event *ev;
	bool right;

	if (rdma_get_cm_event(ch, &ev))
		return -1;
	right = ev->event == type;
	if (right && id)
		*id = ev->id;
	else if (ev->event == RDMA_CM_EVENT_CONNECT_REQUEST)
		rdma_destroy_id(ev->id);
	rdma_ack_cm_event(ev);
	return right ? 0 : -1;
}

static int make_qp(struct rdma_cm_id *id)
{
	struct ibv_qp_init_attr attr = util_qp_attr();

	return rdma_create_qp(id, NULL, &attr);
}

static int prepare(struct session *s)
{
	struct sockaddr_in addr = fake_addr(0, PORT);

	s->ch = rdma_create_event_channel();
	if (!s->ch)
		return -1;
	fcntl(s->ch->fd, F_SETFL, O_NONBLOCK);
	return rdma_create_id(s->ch, &s->listener, NULL, RDMA_PS_TCP) ||
	       rdma_bind_addr(s->listener, (struct sockaddr *)&addr) ||
	       rdma_listen(s->listener, 2) || rdma_create_id(s->ch, &s->client, NULL, RDMA_PS_TCP);
}

static int converse(struct session *s)
{
	return util_resolve(s->client, PORT) || next_of(s->ch, RDMA_CM_EVENT_ADDR_RESOLVED, NULL) ||
	       make_qp(s->client) || rdma_resolve_route(s->client, 100) ||
	       next_of(s->ch, RDMA_CM_EVENT_ROUTE_RESOLVED, NULL) ||
	       rdma_connect(s->client, NULL) ||
	       next_of(s->ch, RDMA_CM_EVENT_CONNECT_REQUEST, &s->child) || make_qp(s->child) ||
	       rdma_accept(s->child, NULL) || next_of(s->ch, RDMA_CM_EVENT_ESTABLISHED, NULL) ||
	       next_of(s->ch, RDMA_CM_EVENT_ESTABLISHED, NULL) || rdma_disconnect(s->client) ||
	       next_of(s->ch, RDMA_CM_EVENT_DISCONNECTED, NULL) ||
	       next_of(s->ch, RDMA_CM_EVENT_DISCONNECTED, NULL);
}

static void finish(struct session *s)
{
	util_destroy(s->client);
	util_destroy(s->child);
	util_destroy(s->listener);
	if (s->ch)
		rdma_destroy_event_channel(s->ch);
	util_all_gone();
}

/* EAGAIN: the event did not come, because the request was refused in silence. */
static bool is_clean_error(int error)
{
	return error == ENOMEM || error == EMFILE || error == EAGAIN || error == ENODEV;
}

static unsigned long sweep(unsigned int kinds)
{
	unsigned long n;

	for (n = 1;; n++) {
		struct session s = { 0 };
		int rc, error;

		iw_fault_arm(kinds, n);
		errno = 0;
		rc = prepare(&s) || converse(&s);
		error = errno;
		rc = rc && iw_fault_passed() >= n;
		iw_fault_arm(0, 0);
		if (rc)
			cr_assert(is_clean_error(error), "site %lu: errno %d", n, error);
		finish(&s);
		if (!rc)
			break;
		s = (struct session){ 0 }; /* the next one works */
		cr_assert(!prepare(&s) && !converse(&s), "after site %lu: errno %d", n, errno);
		finish(&s);
		cr_assert_lt(n, 1000);
	}
	return n - 1;
}

Test(session, asynchronous__each_fault, .timeout = 120)
{
	cr_assert_gt(sweep(IW_FAULT_ALLOC), 5);
	cr_assert_gt(sweep(IW_FAULT_SYSCALL), 5);
}

/* The passive half of a synchronous session; the error it met, or 0. */
static void *serve(void *arg)
{
	struct rdma_cm_id *listener = arg, *child = NULL;
	struct rdma_cm_event *ev;
	int rc, error;

	if (rdma_get_cm_event(listener->channel, &ev))
		return (void *)(long)errno;
	child = ev->id;
	rdma_ack_cm_event(ev);
	rc = make_qp(child) || rdma_accept(child, NULL) || rdma_disconnect(child);
	error = rc ? errno : 0;
	rdma_destroy_qp(child);
	rdma_destroy_id(child);
	return (void *)(long)error;
}

static int sync_client(void)
{
	struct rdma_cm_id *id = NULL;
	int rc;

	rc = rdma_create_id(NULL, &id, NULL, RDMA_PS_TCP) || util_resolve(id, PORT) ||
	     make_qp(id) || rdma_resolve_route(id, 100) || rdma_connect(id, NULL) ||
	     rdma_disconnect(id);
	rc = rc ? errno : 0;
	if (id) {
		rdma_destroy_qp(id);
		rdma_destroy_id(id);
	}
	return rc;
}

static struct rdma_cm_id *sync_listener(void)
{
	struct sockaddr_in addr = fake_addr(0, PORT);
	struct rdma_cm_id *id = NULL;

	if (rdma_create_id(NULL, &id, NULL, RDMA_PS_TCP))
		return NULL;
	if (!rdma_bind_addr(id, (struct sockaddr *)&addr) && !rdma_listen(id, 4))
		return id;
	rdma_destroy_id(id);
	return NULL;
}

struct server {
	struct rdma_cm_id *listener;
	bool stop;
};

/* Serves until it is told to stop: a client's attempt may end before it connects. */
static void *serve_all(void *arg)
{
	struct server *server = arg;

	while (!__atomic_load_n(&server->stop, __ATOMIC_ACQUIRE))
		if (serve(server->listener))
			usleep(100);
	return NULL;
}

/* Each fault costs one attempt at most; whether it was met. */
static bool survives(unsigned int kind, unsigned long n)
{
	struct server server = { 0 };
	struct later *l;
	int attempts = 0;
	bool met;

	iw_fault_arm(kind, n);
	for (; !server.listener && attempts < 2; attempts++)
		server.listener = sync_listener();
	cr_assert_not_null(server.listener);
	fcntl(server.listener->channel->fd, F_SETFL, O_NONBLOCK);
	l = util_later(serve_all, &server);
	for (attempts = 0; attempts < 3; attempts++)
		if (!sync_client())
			break;
	cr_assert_lt(attempts, 3, "fault %lu lasts", n);
	__atomic_store_n(&server.stop, true, __ATOMIC_RELEASE);
	util_join(l);
	met = iw_fault_passed() >= n;
	iw_fault_arm(0, 0);
	util_destroy(server.listener);
	util_all_gone();
	return met;
}

Test(session, synchronous__each_fault, .timeout = 120)
{
	unsigned long n;

	for (n = 1; survives(IW_FAULT_ALLOC, n); n++)
		cr_assert_lt(n, 1000);
	cr_assert_gt(n, 5);
	for (n = 1; survives(IW_FAULT_SYSCALL, n); n++)
		cr_assert_lt(n, 1000);
	cr_assert_gt(n, 5);
}
