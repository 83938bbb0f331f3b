// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Connections on InfiniBand: who moves the QP at accept and at the end, what a
 * disconnect means before and after the response, and who answers a close. How
 * the active side completes a connection is in test_iw_establish.c.
 */
#include "tests/core_fake.h"

static const struct iw_cm_conn_param no_param;

static struct stage ib(enum situation s)
{
	return stage_set_on(IW_CM_INFINIBAND, s, &fake_ops);
}

/* With a QP that was led to @state; the calls so far are forgotten. */
static struct stage ib_qp(enum situation s, enum iw_qp_state state, struct fake_qp **qp)
{
	struct stage stage = ib(s);

	*qp = fake_qp_new();
	cr_assert_eq(iw_cm_qp_attach(stage.c->id, *qp), 0);
	for (enum iw_qp_state to = IW_QP_INIT; to <= state; to++)
		cr_assert_eq(iw_cm_qp_modify(stage.c->id, to), 0);
	memset(fake.count, 0, sizeof(fake.count));
	fake.ncalls = 0;
	return stage;
}

static void finish(struct stage *stage, struct fake_qp *qp)
{
	stage_clear(stage);
	if (qp)
		fake_qp_free(qp);
	fake_check_end();
}

/* ------------------------------------------------------------------ accept */

Test(iw_ib, accept__moves_the_qp_with_its_parameters_first)
{
	struct fake_qp *qp;
	struct stage stage = ib_qp(S_CONN_RECV, IW_QP_INIT, &qp);

	cr_assert_eq(iw_cm_accept(stage.c->id, &no_param), 0);
	cr_assert_eq(fake.ncalls, 3);
	cr_assert_eq(fake.calls[0].arg, IW_QP_RTR);
	cr_assert_eq(fake.calls[0].more, &no_param);
	cr_assert_eq(fake.calls[1].arg, IW_QP_RTS);
	cr_assert_eq(fake.calls[1].more, &no_param);
	cr_assert_eq(fake.calls[2].op, F_ACCEPT);
	fake_post(stage.c->id, IW_CM_EVENT_ESTABLISHED, 0);
	cr_assert_eq(iw_cm_get_state(stage.c->id), IW_CM_ESTABLISHED);
	cr_assert_eq(iw_cm_qp_state(stage.c->id), IW_QP_RTS);
	cr_assert_eq(fake.count[F_MODIFY_QP], 2);
	finish(&stage, qp);
}

Test(iw_ib, accept__leaves_a_qp_that_is_not_in_init)
{
	struct fake_qp *qp;
	struct stage stage = ib_qp(S_CONN_RECV, IW_QP_RESET, &qp);

	cr_assert_eq(iw_cm_accept(stage.c->id, &no_param), 0);
	cr_assert_eq(fake.count[F_MODIFY_QP], 0);
	finish(&stage, qp);
}

static void fail_rts(struct iw_cm_id *id, int to)
{
	fake.fail[F_MODIFY_QP] = to == IW_QP_RTS ? -EIO : 0;
}

Test(iw_ib, accept__errors_refuse_and_move_the_qp_to_err)
{
	for (int way = 0; way < 3; way++) {
		struct fake_qp *qp;
		struct stage stage = ib_qp(S_CONN_RECV, IW_QP_INIT, &qp);

		if (way == 0)
			fake.fail[F_MODIFY_QP] = -EIO;
		if (way == 1)
			fake.hook[F_MODIFY_QP] = fail_rts;
		if (way == 2)
			fake.fail[F_ACCEPT] = -EIO;
		cr_assert_eq(iw_cm_accept(stage.c->id, &no_param), -EIO);
		cr_assert_eq(iw_cm_get_state(stage.c->id), IW_CM_IDLE);
		cr_assert_eq(fake.count[F_ACCEPT], way == 2);
		cr_assert_eq(fake.count[F_REJECT], 1);
		cr_assert_eq(fake.calls[fake_find(F_REJECT, 0) - 1].arg, IW_QP_ERR);
		fake.hook[F_MODIFY_QP] = NULL;
		fake.fail[F_MODIFY_QP] = fake.fail[F_ACCEPT] = 0;
		stage_clear(&stage);
		fake_qp_free(qp);
	}
	fake_check_end();
}

Test(iw_ib, accept__failure_afterwards_is_reported)
{
	struct fake_qp *qp;
	struct stage stage = ib_qp(S_CONN_RECV, IW_QP_INIT, &qp);

	cr_assert_eq(iw_cm_accept(stage.c->id, &no_param), 0);
	fake_post(stage.c->id, IW_CM_EVENT_ESTABLISHED, -ETIMEDOUT);
	cr_assert_eq(stage.c->events[0].status, -ETIMEDOUT);
	cr_assert_eq(qp->state, IW_QP_ERR);
	finish(&stage, qp);
}

/* The active side refuses what we accepted, and says why. */
Test(iw_ib, accept__refused_afterwards_with_private_data)
{
	const struct iw_cm_event ev = {
		.type = IW_CM_EVENT_ESTABLISHED,
		.status = -ECONNREFUSED,
		.param = { .private_data = "why", .private_data_len = 3 },
	};
	struct stage stage = ib(S_ACCEPTED);

	cr_assert_eq(iw_cm_post(stage.c->id, &ev), 0);
	cr_assert_eq(stage.c->events[0].param.private_data_len, 3);
	cr_assert_arr_eq(stage.c->events[0].data, "why", 3);
	finish(&stage, NULL);
}

/* ------------------------------------------------- cancelling, unexpected */

static void respond_inside(struct iw_cm_id *id, int arg)
{
	fake.hook[F_DISCONNECT] = NULL;
	cr_assert_eq(fake_post(id, IW_CM_EVENT_CONNECT_RESPONSE, 0), 0);
}

Test(iw_ib, disconnect__before_the_response_is_the_drivers_to_report)
{
	struct fake_qp *qp;
	struct stage stage = ib_qp(S_CONN_SENT, IW_QP_INIT, &qp);

	fake.hook[F_DISCONNECT] = respond_inside;
	cr_assert_eq(iw_cm_disconnect(stage.c->id, false), 0);
	cr_assert_eq(client_count(stage.c), 0);
	cr_assert_eq(iw_cm_establish(stage.c->id), -EINVAL);
	cr_assert_eq(iw_cm_reject(stage.c->id, NULL, 0, 0), -EINVAL);
	fake_post(stage.c->id, IW_CM_EVENT_CONNECT_REPLY, -ECONNABORTED);
	cr_assert_eq(client_count(stage.c), 1);
	cr_assert_eq(fake.count[F_ESTABLISH] + fake.count[F_REJECT], 0);
	finish(&stage, qp);
}

Test(iw_ib, disconnect__that_the_driver_refused_ends_what_came_meanwhile)
{
	struct stage stage = ib(S_CONN_SENT);

	fake.hook[F_DISCONNECT] = respond_inside;
	fake.fail[F_DISCONNECT] = -EINVAL;
	cr_assert_eq(iw_cm_disconnect(stage.c->id, false), 0);
	cr_assert_eq(fake.count[F_REJECT], 1);
	cr_assert_eq(client_count(stage.c), 1);
	cr_assert_eq(stage.c->events[0].status, -ECONNABORTED);
	cr_assert_eq(iw_cm_get_state(stage.c->id), IW_CM_IDLE);
	finish(&stage, NULL);
}

static void cancel_then_response(struct iw_cm_id *id, int arg)
{
	fake.fail[F_DISCONNECT] = -EINVAL;
	cr_assert_eq(iw_cm_disconnect(id, false), 0); /* said again when connect returns */
	if (fake.count[F_CONNECT] == 2)
		cr_assert_eq(fake_post(id, IW_CM_EVENT_CONNECT_RESPONSE, 0), 0);
}

/* The driver can cancel neither while connect runs nor afterwards. */
Test(iw_ib, disconnect__inside_connect_that_cannot_be_cancelled)
{
	struct stage stage = ib(S_IDLE);

	fake.hook[F_CONNECT] = cancel_then_response;
	cr_assert_eq(iw_cm_connect(stage.c->id, &no_param), 0);
	cr_assert_eq(fake.count[F_DISCONNECT], 2);
	cr_assert_eq(client_count(stage.c), 0);
	/* It goes on as if nothing had been said. */
	cr_assert_eq(fake_post(stage.c->id, IW_CM_EVENT_CONNECT_RESPONSE, 0), 0);
	cr_assert_eq(iw_cm_reject(stage.c->id, NULL, 0, 0), 0);
	/* With a response there is something to refuse. */
	cr_assert_eq(iw_cm_connect(stage.c->id, &no_param), 0);
	cr_assert_eq(fake.count[F_REJECT], 2);
	cr_assert_eq(client_saw(stage.c, IW_CM_EVENT_CONNECT_REPLY), 1);
	cr_assert_eq(iw_cm_get_state(stage.c->id), IW_CM_IDLE);
	finish(&stage, NULL);
}

/* An active id that has been told of the response. */
static struct stage ib_responded(void)
{
	struct stage stage = ib(S_CONN_SENT);

	cr_assert_eq(fake_post(stage.c->id, IW_CM_EVENT_CONNECT_RESPONSE, 0), 0);
	cr_assert_eq(client_count(stage.c), 1);
	return stage;
}

/* After the response one failed CONNECT_REPLY, then IDLE where disconnect is 0. */
static void check_failed(struct client *c, int status)
{
	cr_assert_eq(client_count(c), 2);
	cr_assert_eq(c->events[1].type, IW_CM_EVENT_CONNECT_REPLY);
	cr_assert_eq(c->events[1].status, status);
	cr_assert_eq(iw_cm_get_state(c->id), IW_CM_IDLE);
	cr_assert_eq(iw_cm_disconnect(c->id, false), 0);
}

Test(iw_ib, disconnect__of_a_response_refuses_it)
{
	struct fake_qp *qp = fake_qp_new();
	struct stage stage = ib_responded();

	/* The client was about to complete it. */
	cr_assert_eq(iw_cm_qp_attach(stage.c->id, qp), 0);
	fake.fail[F_REJECT] = -EIO; /* to be seen in the log alone */
	cr_assert_eq(iw_cm_disconnect(stage.c->id, false), 0);
	cr_assert_eq(fake.ncalls, 2);
	cr_assert_eq(fake.calls[0].arg, IW_QP_ERR);
	cr_assert_eq(fake.calls[1].op, F_REJECT);
	check_failed(stage.c, -ECONNABORTED);
	finish(&stage, qp);
}

static void fail_inside(struct iw_cm_id *id, int arg)
{
	cr_assert_eq(fake_post(id, IW_CM_EVENT_CONNECT_REPLY, -ECONNREFUSED), 0);
}

Test(iw_ib, disconnect__of_a_response_that_the_peer_took_back)
{
	struct stage stage = ib_responded();

	fake.hook[F_REJECT] = fail_inside;
	cr_assert_eq(iw_cm_disconnect(stage.c->id, false), 0);
	check_failed(stage.c, -ECONNREFUSED);
	finish(&stage, NULL);
}

Test(iw_ib, disconnect__of_a_response_with_a_driver_that_cannot_reject)
{
	struct iw_cm_driver_ops ops = fake_ops;
	struct stage stage;

	ops.reject = NULL;
	stage = stage_set_on(IW_CM_INFINIBAND, S_CONN_SENT, &ops);
	fake_post(stage.c->id, IW_CM_EVENT_CONNECT_RESPONSE, 0);
	cr_assert_eq(iw_cm_disconnect(stage.c->id, false), 0);
	cr_assert_eq(stage.c->events[1].status, -ECONNABORTED);
	cr_assert_eq(iw_cm_get_state(stage.c->id), IW_CM_IDLE);
	finish(&stage, NULL);
}

Test(iw_ib, unexpected__what_the_driver_is_told)
{
	static const struct {
		enum situation s;
		bool responded;
		enum iw_cm_event_type type;
		int status;
		unsigned int disconnects, rejects, events;
		enum iw_cm_state after;
	} cases[] = {
		{ S_IDLE, false, IW_CM_EVENT_CONNECT_RESPONSE, 0, 0, 1, 0, IW_CM_IDLE },
		{ S_IDLE, false, IW_CM_EVENT_CONNECT_RESPONSE, -EIO, 0, 0, 0, IW_CM_IDLE },
		{ S_CONN_SENT, true, IW_CM_EVENT_CONNECT_RESPONSE, 0, 0, 1, 2, IW_CM_IDLE },
		{ S_CONN_SENT, true, IW_CM_EVENT_CLOSE, 0, 0, 1, 2, IW_CM_IDLE },
		{ S_CONN_SENT, true, IW_CM_EVENT_ADDR, 0, 0, 0, 1, IW_CM_CONN_SENT },
		{ S_CONN_SENT, false, IW_CM_EVENT_CLOSE, 0, 1, 0, 0, IW_CM_CONN_SENT },
		{ S_ESTABLISHED, false, IW_CM_EVENT_CONNECT_RESPONSE, 0, 1, 0, 0, IW_CM_CLOSING },
		{ S_CONN_RECV, false, IW_CM_EVENT_CONNECT_RESPONSE, 0, 0, 1, 0, IW_CM_IDLE },
	};

	for (size_t i = 0; i < IW_ARRAY_SIZE(cases); i++) {
		struct stage stage = ib(cases[i].s);

		if (cases[i].responded)
			fake_post(stage.c->id, IW_CM_EVENT_CONNECT_RESPONSE, 0);
		fake_post(stage.c->id, cases[i].type, cases[i].status);
		cr_assert_eq(fake.count[F_DISCONNECT], cases[i].disconnects, "case %zu", i);
		cr_assert_eq(fake.count[F_REJECT], cases[i].rejects, "case %zu", i);
		cr_assert_eq(client_count(stage.c), cases[i].events, "case %zu", i);
		cr_assert_eq(iw_cm_get_state(stage.c->id), cases[i].after, "case %zu", i);
		stage_clear(&stage);
	}
	fake_check_end();
}

/* The end was imposed, the driver could not: what follows is the client's. */
Test(iw_ib, unexpected__that_the_driver_cannot_end)
{
	struct stage stage = ib(S_CONN_SENT);

	fake.fail[F_DISCONNECT] = -EINVAL;
	fake_post(stage.c->id, IW_CM_EVENT_CLOSE, 0);
	fake_post(stage.c->id, IW_CM_EVENT_CONNECT_RESPONSE, 0);
	cr_assert_eq(client_saw(stage.c, IW_CM_EVENT_CONNECT_RESPONSE), 1);
	finish(&stage, NULL);
}

/* ------------------------------------------------------------------- close */

Test(iw_ib, disconnect__moves_the_qp_to_err_and_is_as_gentle_as_asked)
{
	for (int abrupt = 0; abrupt < 2; abrupt++) {
		struct fake_qp *qp;
		struct stage stage = ib_qp(S_ESTABLISHED, IW_QP_RTS, &qp);

		cr_assert_eq(iw_cm_disconnect(stage.c->id, abrupt), 0);
		cr_assert_eq(fake.calls[0].op, F_MODIFY_QP);
		cr_assert_eq(fake.calls[0].arg, IW_QP_ERR);
		cr_assert_eq(fake.calls[1].op, F_DISCONNECT);
		cr_assert_eq(fake.calls[1].arg, abrupt);
		fake_post(stage.c->id, IW_CM_EVENT_CLOSE, 0);
		cr_assert_eq(iw_cm_disconnect(stage.c->id, false), 0);
		cr_assert_eq(fake.ncalls, 3); /* we began, but the peer may have, too */
		cr_assert_eq(fake.calls[2].op, F_DISCONNECT);
		cr_assert_eq(iw_cm_disconnect(stage.c->id, false), 0);
		cr_assert_eq(fake.ncalls, 3);
		stage_clear(&stage);
		fake_qp_free(qp);
	}
	fake_check_end();
}

Test(iw_ib, close__is_answered_once_whatever_the_driver_says)
{
	for (int fail = 0; fail < 2; fail++) {
		struct fake_qp *qp;
		struct stage stage = ib_qp(S_ESTABLISHED, IW_QP_RTS, &qp);

		fake_post(stage.c->id, IW_CM_EVENT_CLOSE, 0);
		cr_assert_eq(client_saw(stage.c, IW_CM_EVENT_CLOSE), 1);
		cr_assert_eq(iw_cm_get_state(stage.c->id), IW_CM_IDLE);
		cr_assert_eq(fake.ncalls, 0);
		cr_assert_eq(iw_cm_qp_state(stage.c->id), IW_QP_RTS); /* nobody moved it */
		fake.fail[F_DISCONNECT] = fail ? -EINVAL : 0;
		for (int i = 0; i < 2; i++) {
			cr_assert_eq(iw_cm_disconnect(stage.c->id, i), 0);
			cr_assert_eq(fake.ncalls, 2);
		}
		cr_assert_eq(fake.calls[0].arg, IW_QP_ERR);
		cr_assert_eq(fake.calls[1].op, F_DISCONNECT);
		cr_assert_eq(fake.calls[1].arg, false);
		cr_assert_eq(qp->state, IW_QP_ERR);
		fake.fail[F_DISCONNECT] = 0;
		stage_clear(&stage);
		fake_qp_free(qp);
	}
	fake_check_end();
}

static int answer_inside(struct client *c, const struct iw_cm_event *ev)
{
	cr_assert_eq(iw_cm_disconnect(c->id, false), 0);
	return 0;
}

Test(iw_ib, close__answered_inside_its_handler)
{
	struct stage stage = ib(S_ESTABLISHED);

	stage.c->on_event = answer_inside;
	fake_post(stage.c->id, IW_CM_EVENT_CLOSE, 0);
	cr_assert_eq(fake.count[F_DISCONNECT], 1);
	finish(&stage, NULL);
}

Test(iw_ib, close__announced_by_a_disconnect_event)
{
	struct stage stage = ib(S_ESTABLISHED);

	fake_post(stage.c->id, IW_CM_EVENT_DISCONNECT, 0);
	cr_assert_eq(iw_cm_get_state(stage.c->id), IW_CM_CLOSING);
	cr_assert_eq(iw_cm_disconnect(stage.c->id, false), 0);
	cr_assert_eq(iw_cm_disconnect(stage.c->id, false), 0);
	fake_post(stage.c->id, IW_CM_EVENT_CLOSE, 0);
	cr_assert_eq(iw_cm_disconnect(stage.c->id, false), 0);
	cr_assert_eq(fake.count[F_DISCONNECT], 1);
	finish(&stage, NULL);
}

/* Neither side's request is answered otherwise, and no time wait begins. */
Test(iw_ib, close__of_both_at_once_is_answered_once)
{
	for (int announced = 0; announced < 2; announced++) {
		struct stage stage = ib(S_ESTABLISHED);

		cr_assert_eq(iw_cm_disconnect(stage.c->id, false), 0);
		cr_assert_eq(iw_cm_disconnect(stage.c->id, false), 0);
		cr_assert_eq(fake.count[F_DISCONNECT], 1);
		if (announced)
			fake_post(stage.c->id, IW_CM_EVENT_DISCONNECT, 0);
		fake_post(stage.c->id, IW_CM_EVENT_CLOSE, 0);
		for (int i = 0; i < 2; i++)
			cr_assert_eq(iw_cm_disconnect(stage.c->id, false), 0);
		cr_assert_eq(fake.count[F_DISCONNECT], 2);
		fake.count[F_DISCONNECT] = 0;
		stage_clear(&stage);
	}
	fake_check_end();
}

Test(iw_ib, close__of_a_connection_that_was_cancelled_owes_no_answer)
{
	struct stage stage = ib(S_ACCEPTED);

	cr_assert_eq(iw_cm_disconnect(stage.c->id, false), 0);
	fake_post(stage.c->id, IW_CM_EVENT_ESTABLISHED, 0);
	fake_post(stage.c->id, IW_CM_EVENT_CLOSE, 0);
	cr_assert_eq(iw_cm_disconnect(stage.c->id, false), 0);
	cr_assert_eq(fake.count[F_DISCONNECT], 1);
	finish(&stage, NULL);
}

Test(iw_ib, close__unanswered_is_forgotten_by_the_next_connection)
{
	struct stage stage = ib(S_ESTABLISHED);

	fake_post(stage.c->id, IW_CM_EVENT_CLOSE, 0);
	cr_assert_eq(iw_cm_connect(stage.c->id, &no_param), 0);
	fake_post(stage.c->id, IW_CM_EVENT_CONNECT_REPLY, -ECONNREFUSED);
	cr_assert_eq(iw_cm_disconnect(stage.c->id, false), 0);
	cr_assert_eq(fake.count[F_DISCONNECT], 0);
	finish(&stage, NULL);
}
