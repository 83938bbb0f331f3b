// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Making and ending connections: what is delivered, what the driver is asked,
 * in which order. All pairs of states and events are in test_iw_state.c.
 */
#include "tests/core_fake.h"

static const struct iw_cm_conn_param no_param;

/* ---------------------------------------------------------------- connect */

Test(iw_conn, connect__replied_then_closed)
{
	struct client *c = client_new(&fake_ops);

	cr_assert_eq(iw_cm_connect(c->id, &no_param), 0);
	cr_assert_eq(fake_post(c->id, IW_CM_EVENT_CONNECT_REPLY, 0), 0);
	cr_assert_eq(fake_post(c->id, IW_CM_EVENT_CLOSE, 0), 0);
	cr_assert_eq(client_count(c), 2);
	cr_assert_eq(c->events[0].type, IW_CM_EVENT_CONNECT_REPLY);
	cr_assert_eq(c->events[1].type, IW_CM_EVENT_CLOSE);
	client_free(c);
	fake_check_end();
}

Test(iw_conn, connect__refused_can_be_tried_again)
{
	struct client *c = client_new(&fake_ops);

	cr_assert_eq(iw_cm_connect(c->id, &no_param), 0);
	fake_post(c->id, IW_CM_EVENT_CONNECT_REPLY, -ECONNREFUSED);
	cr_assert_eq(c->events[0].status, -ECONNREFUSED);
	cr_assert_eq(iw_cm_connect(c->id, &no_param), 0);
	fake_post(c->id, IW_CM_EVENT_CONNECT_REPLY, 0);
	cr_assert_eq(iw_cm_get_state(c->id), IW_CM_ESTABLISHED);
	client_free(c);
	fake_check_end();
}

static void reply_now(struct iw_cm_id *id, int arg)
{
	fake_post(id, IW_CM_EVENT_CONNECT_REPLY, 0);
}

static void fail_now(struct iw_cm_id *id, int arg)
{
	fake_post(id, IW_CM_EVENT_CONNECT_REPLY, -ECONNREFUSED);
}

static void refuse_and_connect_again(struct iw_cm_id *id, int arg)
{
	fake.hook[F_CONNECT] = NULL;
	fake.fail[F_CONNECT] = 0;
	fake_post(id, IW_CM_EVENT_CONNECT_REPLY, -ECONNREFUSED);
	cr_assert_eq(iw_cm_connect(id, &no_param), 0);
	fake.fail[F_CONNECT] = -EIO;
}

Test(iw_conn, connect__reply_inside_the_op)
{
	struct client *c = client_new(&fake_ops);

	fake.hook[F_CONNECT] = fail_now;
	cr_assert_eq(iw_cm_connect(c->id, &no_param), 0);
	cr_assert_eq(iw_cm_get_state(c->id), IW_CM_IDLE);
	fake.hook[F_CONNECT] = reply_now;
	cr_assert_eq(iw_cm_connect(c->id, &no_param), 0);
	cr_assert_eq(iw_cm_get_state(c->id), IW_CM_ESTABLISHED);
	cr_assert_eq(client_count(c), 2);
	client_free(c);
	fake_check_end();
}

Test(iw_conn, connect__error_after_a_reply_leaves_the_connection)
{
	struct client *c = client_new(&fake_ops);

	fake.hook[F_CONNECT] = reply_now;
	fake.fail[F_CONNECT] = -EIO;
	cr_assert_eq(iw_cm_connect(c->id, &no_param), -EIO);
	cr_assert_eq(iw_cm_get_state(c->id), IW_CM_ESTABLISHED);
	client_free(c);
	fake_check_end();
}

Test(iw_conn, connect__error_of_an_old_attempt_leaves_the_new_one)
{
	struct client *c = client_new(&fake_ops);

	fake.hook[F_CONNECT] = refuse_and_connect_again;
	cr_assert_eq(iw_cm_connect(c->id, &no_param), -EIO);
	cr_assert_eq(iw_cm_get_state(c->id), IW_CM_CONN_SENT);
	client_free(c);
	fake_check_end();
}

Test(iw_conn, connect__error_is_no_attempt_that_was_reported)
{
	struct client *c = client_new(&fake_ops);

	fake.fail[F_CONNECT] = -ENETUNREACH;
	cr_assert_eq(iw_cm_connect(c->id, &no_param), -ENETUNREACH);
	cr_assert_eq(iw_cm_disconnect(c->id, false), -EINVAL);
	cr_assert_eq(client_count(c), 0);
	client_free(c);
	fake_check_end();
}

Test(iw_conn, connect__private_data_is_checked)
{
	struct client *c = client_new(&fake_ops);
	struct iw_cm_conn_param param = { .private_data = "x",
					  .private_data_len = IW_CM_PRIVATE_DATA_MAX + 1 };

	cr_assert_eq(iw_cm_connect(c->id, &param), -EINVAL);
	cr_assert_eq(iw_cm_accept(c->id, &param), -EINVAL);
	cr_assert_eq(iw_cm_reject(c->id, param.private_data, param.private_data_len, 0), -EINVAL);
	param = (struct iw_cm_conn_param){ .private_data_len = 1 };
	cr_assert_eq(iw_cm_connect(c->id, &param), -EINVAL);
	cr_assert_eq(iw_cm_connect(c->id, NULL), -EINVAL);
	cr_assert_eq(fake.count[F_CONNECT], 0);
	client_free(c);
	fake_check_end();
}

/* ----------------------------------------------------------------- passive */

static void request_now(struct iw_cm_id *id, int arg)
{
	cr_assert_eq(fake_request(id), 0);
}

Test(iw_conn, listen__request_inside_the_op)
{
	struct client *c = client_new(&fake_ops);

	fake.hook[F_LISTEN] = request_now;
	cr_assert_eq(iw_cm_listen(c->id, 1, 1), 0);
	cr_assert_eq(client_saw(c, IW_CM_EVENT_CONNECT_REQUEST), 1);
	client_free(c->child);
	client_free(c);
	fake_check_end();
}

Test(iw_conn, listen__error_leads_back_and_children_live_on)
{
	struct client *c = client_new(&fake_ops);

	fake.hook[F_LISTEN] = request_now;
	fake.fail[F_LISTEN] = -EADDRINUSE;
	cr_assert_eq(iw_cm_listen(c->id, 1, 1), -EADDRINUSE);
	cr_assert_eq(iw_cm_get_state(c->id), IW_CM_IDLE);
	cr_assert_eq(fake_request(c->id), -EINVAL);
	cr_assert_eq(iw_cm_listen(c->id, 1, 0), -EINVAL);
	fake.fail[F_LISTEN] = 0;
	fake.hook[F_LISTEN] = NULL;
	cr_assert_eq(iw_cm_listen(c->id, 1, 1), 0);
	client_free(c->child);
	client_free(c);
	fake_check_end();
}

static int accept_it(struct client *c, const struct iw_cm_event *ev)
{
	if (ev->type == IW_CM_EVENT_CONNECT_REQUEST) {
		c->child = client_bare();
		c->child->id = ev->child;
		iw_cm_set_context(ev->child, client_handler, c->child);
		cr_assert_eq(iw_cm_accept(ev->child, &no_param), 0);
		/* Its events wait until this handler has returned. */
		cr_assert_eq(client_count(c->child), 0);
	}
	return 0;
}

static void establish_now(struct iw_cm_id *id, int arg)
{
	cr_assert_eq(fake_post(id, IW_CM_EVENT_ESTABLISHED, 0), 0);
}

Test(iw_conn, accept__in_the_request_handler_with_established_inside_the_op)
{
	struct client *c = client_new(&fake_ops);

	c->on_event = accept_it;
	fake.hook[F_ACCEPT] = establish_now;
	cr_assert_eq(iw_cm_listen(c->id, 1, 1), 0);
	cr_assert_eq(fake_request(c->id), 0);
	cr_assert_eq(client_saw(c->child, IW_CM_EVENT_ESTABLISHED), 1);
	cr_assert_eq(iw_cm_get_state(c->child->id), IW_CM_ESTABLISHED);
	client_free(c->child);
	client_free(c);
	fake_check_end();
}

Test(iw_conn, accept__error_refuses_and_moves_the_qp)
{
	struct stage stage = stage_set(S_CONN_RECV, &fake_ops);
	struct fake_qp *qp = fake_qp_new();
	struct iw_cm_id *id = stage.c->id;

	cr_assert_eq(iw_cm_qp_attach(id, qp), 0);
	cr_assert_eq(iw_cm_qp_modify(id, IW_QP_INIT), 0);
	fake.fail[F_ACCEPT] = -ECONNRESET;
	cr_assert_eq(iw_cm_accept(id, &no_param), -ECONNRESET);
	cr_assert_eq(iw_cm_get_state(id), IW_CM_IDLE);
	cr_assert_eq(fake.count[F_REJECT], 1);
	cr_assert_eq(qp->state, IW_QP_ERR);
	cr_assert_eq(iw_cm_disconnect(id, false), -EINVAL);
	cr_assert_eq(iw_cm_accept(id, &no_param), -EINVAL);
	iw_cm_qp_detach(id);
	stage_clear(&stage);
	fake_qp_free(qp);
	fake_check_end();
}

Test(iw_conn, accept__error_of_the_qp_refuses)
{
	struct stage stage = stage_set(S_CONN_RECV, &fake_ops);
	struct fake_qp *qp = fake_qp_new();
	struct iw_cm_id *id = stage.c->id;

	cr_assert_eq(iw_cm_qp_attach(id, qp), 0);
	cr_assert_eq(iw_cm_qp_modify(id, IW_QP_INIT), 0);
	fake.fail[F_MODIFY_QP] = -EIO;
	cr_assert_eq(iw_cm_accept(id, &no_param), -EIO);
	cr_assert_eq(fake.count[F_ACCEPT], 0);
	cr_assert_eq(fake.count[F_REJECT], 1);
	stage_clear(&stage);
	fake_qp_free(qp);
	fake_check_end();
}

Test(iw_conn, accept__error_after_established_leaves_the_connection)
{
	struct stage stage = stage_set(S_CONN_RECV, &fake_ops);

	fake.hook[F_ACCEPT] = establish_now;
	fake.fail[F_ACCEPT] = -EIO;
	cr_assert_eq(iw_cm_accept(stage.c->id, &no_param), -EIO);
	cr_assert_eq(iw_cm_get_state(stage.c->id), IW_CM_ESTABLISHED);
	cr_assert_eq(fake.count[F_REJECT], 0);
	stage_clear(&stage);
	fake_check_end();
}

Test(iw_conn, accept__error_without_a_reject_op)
{
	struct iw_cm_driver_ops ops = fake_ops;
	struct stage stage;

	ops.reject = NULL;
	stage = stage_set(S_CONN_RECV, &ops);
	cr_assert_eq(iw_cm_reject(stage.c->id, NULL, 0, 0), -EOPNOTSUPP);
	fake.fail[F_ACCEPT] = -EIO;
	cr_assert_eq(iw_cm_accept(stage.c->id, &no_param), -EIO);
	cr_assert_eq(iw_cm_get_state(stage.c->id), IW_CM_IDLE);
	stage_clear(&stage);
	fake_check_end();
}

Test(iw_conn, reject__once_even_if_the_driver_fails)
{
	struct stage stage = stage_set(S_CONN_RECV, &fake_ops);

	fake.fail[F_REJECT] = -EPIPE;
	cr_assert_eq(iw_cm_reject(stage.c->id, "bye", 3, 0), -EPIPE);
	cr_assert_eq(iw_cm_reject(stage.c->id, "bye", 3, 0), -EINVAL);
	cr_assert_eq(fake.calls[fake_find(F_REJECT, 0)].arg, 3);
	stage_clear(&stage);
	fake_check_end();
}

/* Whether the listener has a credit: asks, and refuses what comes. */
static bool has_credit(struct client *listener)
{
	int rc;

	listener->ret = 1;
	rc = fake_request(listener->id);
	listener->ret = 0;
	cr_assert(rc == 0 || rc == -EBUSY);
	return rc == 0;
}

Test(iw_conn, credits__come_back_by_every_way_once)
{
	struct client *c = client_new(&fake_ops);

	cr_assert_eq(iw_cm_listen(c->id, 1, 1), 0);
	for (int way = 0; way < 4; way++) {
		cr_assert_eq(fake_request(c->id), 0);
		cr_assert(!has_credit(c), "way %d", way);
		if (way == 0)
			iw_cm_request_taken(c->child->id);
		if (way == 1)
			cr_assert_eq(iw_cm_reject(c->child->id, NULL, 0, 0), 0);
		if (way == 2) {
			fake.fail[F_ACCEPT] = -EIO;
			cr_assert_eq(iw_cm_accept(c->child->id, &no_param), -EIO);
		}
		if (way < 3) {
			iw_cm_request_taken(c->child->id);
			cr_assert(has_credit(c), "way %d", way);
		}
		client_free(c->child);
		cr_assert(has_credit(c), "way %d", way);
	}
	client_free(c);
	fake_check_end();
}

Test(iw_conn, credits__a_child_outlives_its_listener)
{
	struct stage stage = stage_set(S_CONN_RECV, &fake_ops);

	client_free(stage.listener);
	stage.listener = NULL;
	iw_cm_request_taken(stage.c->id);
	cr_assert_eq(iw_cm_accept(stage.c->id, &no_param), 0);
	fake_post(stage.c->id, IW_CM_EVENT_ESTABLISHED, 0);
	cr_assert_eq(iw_cm_get_state(stage.c->id), IW_CM_ESTABLISHED);
	stage_clear(&stage);
	fake_check_end();
}

Test(iw_conn, credits__a_child_that_listens_itself_has_its_own)
{
	struct stage stage = stage_set(S_CONN_RECV, &fake_ops);

	fake_post(stage.c->id, IW_CM_EVENT_CLOSE, 0); /* the request is void, unread */
	cr_assert_eq(iw_cm_get_state(stage.c->id), IW_CM_IDLE);
	cr_assert_eq(iw_cm_listen(stage.c->id, 1, 1), 0);
	iw_cm_request_taken(stage.c->id);
	cr_assert_eq(fake_request(stage.c->id), 0);
	cr_assert_eq(fake_request(stage.c->id), -EBUSY);
	client_free(stage.c->child);
	stage_clear(&stage);
	fake_check_end();
}

/* -------------------------------------------------------------- disconnect */

Test(iw_conn, disconnect__graceful_asks_sqd_then_the_driver)
{
	struct stage stage = stage_set(S_ESTABLISHED, &fake_ops);

	cr_assert_eq(iw_cm_disconnect(stage.c->id, false), 0);
	cr_assert_eq(fake.calls[fake_find(F_DISCONNECT, 0)].arg, false);
	cr_assert_eq(iw_cm_disconnect(stage.c->id, true), 0);
	cr_assert_eq(fake.count[F_DISCONNECT], 1);
	fake_post(stage.c->id, IW_CM_EVENT_CLOSE, 0);
	cr_assert_eq(client_saw(stage.c, IW_CM_EVENT_CLOSE), 1);
	stage_clear(&stage);
	fake_check_end();
}

Test(iw_conn, disconnect__passes_the_error_of_the_driver)
{
	struct stage stage = stage_set(S_ESTABLISHED, &fake_ops);

	fake.fail[F_DISCONNECT] = -ENOTCONN;
	cr_assert_eq(iw_cm_disconnect(stage.c->id, true), -ENOTCONN);
	cr_assert_eq(iw_cm_get_state(stage.c->id), IW_CM_CLOSING);
	stage_clear(&stage);
	fake_check_end();
}

/* Cancelling: the driver hears of it once, abruptly; the outcome is reported. */
static void check_cancel(enum situation s, enum iw_cm_event_type outcome)
{
	for (int came_first = 0; came_first < 2; came_first++) {
		struct stage stage = stage_set(s, &fake_ops);

		cr_assert_eq(iw_cm_disconnect(stage.c->id, false), 0);
		cr_assert_eq(iw_cm_disconnect(stage.c->id, false), 0);
		cr_assert_eq(fake.count[F_DISCONNECT], 1);
		cr_assert_eq(fake.calls[fake_find(F_DISCONNECT, 0)].arg, true);
		fake_post(stage.c->id, outcome, came_first ? 0 : -ECONNABORTED);
		if (came_first)
			fake_post(stage.c->id, IW_CM_EVENT_CLOSE, 0);
		cr_assert_eq(client_count(stage.c), came_first ? 2 : 1);
		cr_assert_eq(iw_cm_get_state(stage.c->id), IW_CM_IDLE);
		cr_assert_eq(iw_cm_disconnect(stage.c->id, false), 0);
		stage_clear(&stage);
	}
}

Test(iw_conn, disconnect__cancels_a_connect)
{
	check_cancel(S_CONN_SENT, IW_CM_EVENT_CONNECT_REPLY);
	fake_check_end();
}

Test(iw_conn, disconnect__cancels_an_accept)
{
	check_cancel(S_ACCEPTED, IW_CM_EVENT_ESTABLISHED);
	fake_check_end();
}

static void cancel_inside(struct iw_cm_id *id, int arg)
{
	/* Nothing to cancel yet, says the driver; that is no error here. */
	cr_assert_eq(iw_cm_disconnect(id, true), 0);
	fake.fail[F_DISCONNECT] = 0;
}

Test(iw_conn, disconnect__before_the_driver_has_begun_is_said_again)
{
	struct stage stage = stage_set(S_IDLE, &fake_ops);

	fake.hook[F_CONNECT] = cancel_inside;
	fake.fail[F_DISCONNECT] = -ENOTCONN;
	cr_assert_eq(iw_cm_connect(stage.c->id, &no_param), 0);
	cr_assert_eq(fake.count[F_DISCONNECT], 2);
	stage_clear(&stage);
	stage = stage_set(S_CONN_RECV, &fake_ops);
	fake.hook[F_ACCEPT] = cancel_inside;
	cr_assert_eq(iw_cm_accept(stage.c->id, &no_param), 0);
	cr_assert_eq(fake.count[F_DISCONNECT], 2);
	stage_clear(&stage);
	fake_check_end();
}

Test(iw_conn, disconnect__that_the_driver_refused_can_be_tried_again)
{
	struct stage stage = stage_set(S_CONN_SENT, &fake_ops);

	fake.fail[F_DISCONNECT] = -EIO;
	cr_assert_eq(iw_cm_disconnect(stage.c->id, true), -EIO);
	fake.fail[F_DISCONNECT] = 0;
	cr_assert_eq(iw_cm_disconnect(stage.c->id, true), 0);
	cr_assert_eq(fake.count[F_DISCONNECT], 2);
	stage_clear(&stage);
	fake_check_end();
}

static void close_now(struct iw_cm_id *id, int arg)
{
	fake_post(id, IW_CM_EVENT_CLOSE, 0);
}

Test(iw_conn, disconnect__that_the_peer_overtook_is_no_error)
{
	struct stage stage = stage_set(S_ESTABLISHED, &fake_ops);

	fake.hook[F_DISCONNECT] = close_now;
	fake.fail[F_DISCONNECT] = -ENOTCONN;
	cr_assert_eq(iw_cm_disconnect(stage.c->id, false), 0);
	cr_assert_eq(iw_cm_get_state(stage.c->id), IW_CM_IDLE);
	stage_clear(&stage);
	fake_check_end();
}

/* ------------------------------------------------------------------ events */

static int post_burst(struct client *c, const struct iw_cm_event *ev)
{
	if (ev->type != IW_CM_EVENT_ADDR_CHANGE)
		return 0;
	/* They wait behind this one. */
	cr_assert_eq(fake_post(c->id, IW_CM_EVENT_CONNECT_REPLY, 0), 0);
	cr_assert_eq(fake_post(c->id, IW_CM_EVENT_DISCONNECT, 0), 0);
	cr_assert_eq(fake_post(c->id, IW_CM_EVENT_CLOSE, 0), 0);
	cr_assert_eq(client_count(c), 1);
	return 0;
}

Test(iw_conn, burst__reply_disconnect_close_is_established_then_closed)
{
	struct stage stage = stage_set(S_CONN_SENT, &fake_ops);

	stage.c->on_event = post_burst;
	fake_post(stage.c->id, IW_CM_EVENT_ADDR_CHANGE, 0);
	cr_assert_eq(client_count(stage.c), 3);
	cr_assert_eq(stage.c->events[1].type, IW_CM_EVENT_CONNECT_REPLY);
	cr_assert_eq(stage.c->events[1].status, 0);
	cr_assert_eq(stage.c->events[2].type, IW_CM_EVENT_CLOSE);
	cr_assert_eq(iw_cm_get_state(stage.c->id), IW_CM_IDLE);
	stage_clear(&stage);
	fake_check_end();
}

Test(iw_conn, close__in_every_state_at_most_one_is_delivered)
{
	for (int s = 0; s < S_NSITUATIONS; s++) {
		struct stage stage = stage_set(s, &fake_ops);

		for (int i = 0; i < 3; i++)
			cr_assert_eq(fake_post(stage.c->id, IW_CM_EVENT_CLOSE, 0), 0);
		cr_assert_eq(client_saw(stage.c, IW_CM_EVENT_CLOSE),
			     s == S_ESTABLISHED || s == S_CLOSING, "%s", situation_name[s]);
		stage_clear(&stage);
	}
	fake_check_end();
}

Test(iw_conn, established__twice_idle_and_after_close)
{
	struct stage stage = stage_set(S_ACCEPTED, &fake_ops);

	fake_post(stage.c->id, IW_CM_EVENT_ESTABLISHED, 0);
	fake_post(stage.c->id, IW_CM_EVENT_ESTABLISHED, 0);
	cr_assert_eq(iw_cm_get_state(stage.c->id), IW_CM_CLOSING);
	fake_post(stage.c->id, IW_CM_EVENT_CLOSE, 0);
	fake_post(stage.c->id, IW_CM_EVENT_ESTABLISHED, 0);
	cr_assert_eq(client_saw(stage.c, IW_CM_EVENT_ESTABLISHED), 1);
	cr_assert_eq(iw_cm_get_state(stage.c->id), IW_CM_IDLE);
	stage_clear(&stage);
	fake_check_end();
}

Test(iw_conn, reply__twice_ends_the_connection_once)
{
	struct stage stage = stage_set(S_CONN_SENT, &fake_ops);

	fake_post(stage.c->id, IW_CM_EVENT_CONNECT_REPLY, 0);
	fake_post(stage.c->id, IW_CM_EVENT_CONNECT_REPLY, 0);
	cr_assert_eq(fake.count[F_DISCONNECT], 1);
	cr_assert_eq(fake.calls[fake_find(F_DISCONNECT, 0)].arg, true);
	fake_post(stage.c->id, IW_CM_EVENT_CLOSE, 0);
	cr_assert_eq(client_count(stage.c), 2);
	stage_clear(&stage);
	fake_check_end();
}

Test(iw_conn, unexpected__what_the_driver_is_told)
{
	static const struct {
		enum situation s;
		enum iw_cm_event_type type;
		int status;
		unsigned int disconnects, rejects;
	} cases[] = {
		{ S_IDLE, IW_CM_EVENT_CONNECT_REPLY, 0, 1, 0 },
		{ S_IDLE, IW_CM_EVENT_ESTABLISHED, 0, 1, 0 },
		{ S_IDLE, IW_CM_EVENT_CONNECT_REPLY, -EIO, 0, 0 },
		{ S_IDLE, IW_CM_EVENT_CLOSE, 0, 0, 0 },
		{ S_LISTEN, IW_CM_EVENT_CONNECT_REPLY, 0, 0, 0 },
		{ S_CONN_RECV, IW_CM_EVENT_CLOSE, 0, 0, 1 },
		{ S_ACCEPTED, IW_CM_EVENT_CLOSE, 0, 1, 0 },
		{ S_CONN_SENT, IW_CM_EVENT_CLOSE, 0, 1, 0 },
		{ S_CONN_SENT, IW_CM_EVENT_ADDR, 0, 0, 0 },
		{ S_ESTABLISHED, IW_CM_EVENT_ESTABLISHED, 0, 1, 0 },
		{ S_CLOSING, IW_CM_EVENT_CONNECT_REPLY, 0, 1, 0 },
	};

	for (size_t i = 0; i < IW_ARRAY_SIZE(cases); i++) {
		struct stage stage = stage_set(cases[i].s, &fake_ops);

		fake_post(stage.c->id, cases[i].type, cases[i].status);
		cr_assert_eq(fake.count[F_DISCONNECT], cases[i].disconnects, "case %zu", i);
		cr_assert_eq(fake.count[F_REJECT], cases[i].rejects, "case %zu", i);
		stage_clear(&stage);
	}
	fake_check_end();
}

Test(iw_conn, unexpected__with_a_driver_that_has_neither_op)
{
	struct iw_cm_driver_ops ops = fake_ops;
	struct stage stage;

	ops.disconnect = NULL;
	ops.reject = NULL;
	stage = stage_set(S_CONN_SENT, &ops);
	fake_post(stage.c->id, IW_CM_EVENT_CLOSE, 0);
	cr_assert_eq(iw_cm_get_state(stage.c->id), IW_CM_CONN_SENT);
	stage_clear(&stage);
	stage = stage_set(S_CONN_RECV, &ops);
	fake_post(stage.c->id, IW_CM_EVENT_CLOSE, 0);
	cr_assert_eq(iw_cm_get_state(stage.c->id), IW_CM_IDLE);
	stage_clear(&stage);
	fake_check_end();
}

/* -------------------------------------------------------- malformed events */

static int post_bad(struct iw_cm_id *id, enum iw_cm_event_type type, int how)
{
	struct iw_cm_event ev = { .type = type };

	if (how == 0)
		ev.param.private_data_len = 20;
	else if (how == 1)
		ev.status = 7;
	else
		ev.param = (struct iw_cm_conn_param){
			.private_data = &ev,
			.private_data_len = IW_CM_PRIVATE_DATA_MAX + 1,
		};
	return iw_cm_post(id, &ev);
}

Test(iw_conn, malformed__outcome_fails_the_attempt)
{
	for (int how = 0; how < 3; how++) {
		struct stage stage = stage_set(S_CONN_SENT, &fake_ops);

		cr_assert_eq(post_bad(stage.c->id, IW_CM_EVENT_CONNECT_REPLY, how), -EINVAL);
		cr_assert_eq(client_count(stage.c), 1);
		cr_assert_eq(stage.c->events[0].status, -EPROTO);
		cr_assert_eq(stage.c->events[0].param.private_data_len, 0);
		cr_assert_eq(iw_cm_get_state(stage.c->id), IW_CM_IDLE);
		cr_assert_eq(fake.count[F_DISCONNECT], 1);
		stage_clear(&stage);
	}
	fake_check_end();
}

Test(iw_conn, malformed__disconnect_and_close_end_the_connection)
{
	for (int how = 0; how < 3; how++) {
		struct stage stage = stage_set(S_ESTABLISHED, &fake_ops);

		cr_assert_eq(post_bad(stage.c->id, IW_CM_EVENT_DISCONNECT, how), -EINVAL);
		cr_assert_eq(iw_cm_get_state(stage.c->id), IW_CM_CLOSING);
		cr_assert_eq(fake.count[F_DISCONNECT], 1);
		cr_assert_eq(post_bad(stage.c->id, IW_CM_EVENT_CLOSE, how), -EINVAL);
		cr_assert_eq(client_saw(stage.c, IW_CM_EVENT_CLOSE), 1);
		stage_clear(&stage);
	}
	fake_check_end();
}

Test(iw_conn, malformed__notices_and_unknown_types_are_refused)
{
	struct client *c = client_new(&fake_ops);

	cr_assert_eq(post_bad(c->id, IW_CM_EVENT_ADDR, 0), -EINVAL);
	cr_assert_eq(post_bad(c->id, IW_CM_EVENT_ADDR_CHANGE, 1), -EINVAL);
	cr_assert_eq(fake_post(c->id, IW_CM_NEVENTS, 0), -EINVAL);
	cr_assert_eq(fake_post(c->id, (enum iw_cm_event_type) - 1, 0), -EINVAL);
	cr_assert_eq(client_count(c), 0);
	client_free(c);
	fake_check_end();
}

Test(iw_conn, malformed__request_is_refused)
{
	struct stage stage = stage_set(S_LISTEN, &fake_ops);

	for (int how = 0; how < 4; how++) {
		struct iw_cm_event ev = { .type = IW_CM_EVENT_CONNECT_REQUEST };

		cr_assert_eq(fake_request_data(stage.c->id, NULL, 20), -EINVAL);
		cr_assert_eq(iw_cm_post(stage.c->id, &ev), -EINVAL); /* no child */
	}
	cr_assert_eq(client_count(stage.c), 0);
	stage_clear(&stage);
	fake_check_end();
}

Test(iw_conn, request__posted_twice_leaves_the_child_to_its_owner)
{
	struct stage stage = stage_set(S_CONN_RECV, &fake_ops);
	struct iw_cm_event ev = { .type = IW_CM_EVENT_CONNECT_REQUEST, .child = stage.c->id };

	cr_assert_eq(iw_cm_post(stage.listener->id, &ev), -EBUSY);
	cr_assert_eq(iw_cm_get_state(stage.c->id), IW_CM_CONN_RECV);
	stage_clear(&stage);
	fake_check_end();
}

Test(iw_conn, request__with_a_status_is_refused)
{
	struct stage stage = stage_set(S_LISTEN, &fake_ops);
	struct iw_cm_event ev = { .type = IW_CM_EVENT_CONNECT_REQUEST, .status = -EIO };

	cr_assert_eq(fake_child(stage.c->id, &ev.child), 0);
	cr_assert_eq(iw_cm_post(stage.c->id, &ev), -EINVAL);
	cr_assert_eq(client_count(stage.c), 0);
	stage_clear(&stage);
	fake_check_end();
}
