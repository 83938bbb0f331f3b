// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The active side of InfiniBand: how it completes a connection after the peer's
 * response, with a QP and without one, and what may come between. The rest of
 * InfiniBand is in test_iw_ib.c.
 */
#include "tests/core_fake.h"

static const struct iw_cm_conn_param no_param;

static struct stage ib(enum situation s)
{
	return stage_set_on(IW_CM_INFINIBAND, s, &fake_ops);
}

/* With a QP in INIT; the calls so far are forgotten. */
static struct stage ib_qp(enum situation s, struct fake_qp **qp)
{
	struct stage stage = ib(s);

	*qp = fake_qp_new();
	cr_assert_eq(iw_cm_qp_attach(stage.c->id, *qp), 0);
	cr_assert_eq(iw_cm_qp_modify(stage.c->id, IW_QP_INIT), 0);
	memset(fake.count, 0, sizeof(fake.count));
	fake.ncalls = 0;
	return stage;
}

/* An active id that has been told of the response. */
static struct stage ib_responded(void)
{
	struct stage stage = ib(S_CONN_SENT);

	cr_assert_eq(fake_post(stage.c->id, IW_CM_EVENT_CONNECT_RESPONSE, 0), 0);
	cr_assert_eq(client_saw(stage.c, IW_CM_EVENT_CONNECT_RESPONSE), 1);
	return stage;
}

static void finish(struct stage *stage, struct fake_qp *qp)
{
	stage_clear(stage);
	if (qp)
		fake_qp_free(qp);
	fake_check_end();
}

static void respond(struct iw_cm_id *id)
{
	cr_assert_eq(fake_post(id, IW_CM_EVENT_CONNECT_RESPONSE, 0), 0);
}

/* The calls of the driver since the stage was set are these and no others. */
struct want {
	enum fake_op op;
	int arg;
};

static void check_calls(const struct want *want, unsigned int n)
{
	for (unsigned int i = 0; i < n && i < fake.ncalls; i++) {
		cr_assert_eq(fake.calls[i].op, want[i].op, "call %u: %d", i, fake.calls[i].op);
		cr_assert_eq(fake.calls[i].arg, want[i].arg, "call %u: %d", i, fake.calls[i].arg);
	}
	cr_assert_eq(fake.ncalls, n, "%u calls", fake.ncalls);
}

#define CHECK_CALLS(...)                                  \
	check_calls((const struct want[]){ __VA_ARGS__ }, \
		    IW_ARRAY_SIZE(((const struct want[]){ __VA_ARGS__ })))

/* One failed CONNECT_REPLY and nothing else, then IDLE where disconnect is 0. */
static void check_failed(struct client *c, int status)
{
	cr_assert_eq(client_saw(c, IW_CM_EVENT_CONNECT_REPLY), 1);
	cr_assert_eq(c->events[client_count(c) - 1].type, IW_CM_EVENT_CONNECT_REPLY);
	cr_assert_eq(c->events[client_count(c) - 1].status, status);
	cr_assert_eq(iw_cm_get_state(c->id), IW_CM_IDLE);
	cr_assert_eq(iw_cm_disconnect(c->id, false), 0);
	cr_assert_eq(iw_cm_establish(c->id), -EINVAL);
	cr_assert_eq(iw_cm_reject(c->id, NULL, 0, 0), -EINVAL);
}

/* ---------------------------------------------------- response, with a QP */

Test(iw_establish, response__moves_the_qp_then_completes_then_tells)
{
	struct fake_qp *qp;
	struct stage stage = ib_qp(S_CONN_SENT, &qp);
	struct iw_cm_event ev = {
		.type = IW_CM_EVENT_CONNECT_RESPONSE,
		.param = { .private_data = "hello",
			   .private_data_len = 5,
			   .qp_num = 99,
			   .ece = { 0x15b3, 3 } },
	};

	cr_assert_eq(iw_cm_post(stage.c->id, &ev), 0);
	CHECK_CALLS({ F_MODIFY_QP, IW_QP_RTR }, { F_MODIFY_QP, IW_QP_RTS }, { F_ESTABLISH, 0 });
	cr_assert_null(fake.calls[0].more);
	cr_assert_eq(client_count(stage.c), 1);
	cr_assert_eq(stage.c->events[0].type, IW_CM_EVENT_CONNECT_REPLY);
	cr_assert_eq(stage.c->events[0].status, 0);
	cr_assert_eq(stage.c->events[0].param.qp_num, 99);
	cr_assert_eq(stage.c->events[0].param.ece.attr_mod, 3);
	cr_assert_arr_eq(stage.c->events[0].data, "hello", 5);
	cr_assert_eq(iw_cm_get_state(stage.c->id), IW_CM_ESTABLISHED);
	cr_assert_eq(iw_cm_qp_state(stage.c->id), IW_QP_RTS);
	finish(&stage, qp);
}

Test(iw_establish, response__with_a_qp_that_its_owner_moved)
{
	struct fake_qp *qp;
	struct stage stage = ib_qp(S_CONN_SENT, &qp);

	cr_assert_eq(iw_cm_qp_modify(stage.c->id, IW_QP_RTR), 0);
	cr_assert_eq(iw_cm_qp_modify(stage.c->id, IW_QP_RTS), 0);
	respond(stage.c->id);
	cr_assert_eq(fake.count[F_MODIFY_QP], 2);
	cr_assert_eq(iw_cm_get_state(stage.c->id), IW_CM_ESTABLISHED);
	finish(&stage, qp);
}

/* Each step fails in turn. */
Test(iw_establish, response__every_failure_refuses_and_is_reported)
{
	static const struct {
		enum iw_qp_state from; /* RESET cannot be led to RTS */
		enum fake_op fails;
		int want;
	} cases[] = { { IW_QP_INIT, F_MODIFY_QP, -EIO },
		      { IW_QP_RTR, F_MODIFY_QP, -EIO },
		      { IW_QP_INIT, F_ESTABLISH, -EIO },
		      { IW_QP_RESET, F_NOTIFY, -EINVAL } };

	for (size_t i = 0; i < IW_ARRAY_SIZE(cases); i++) {
		struct stage stage = ib(S_CONN_SENT);
		struct fake_qp *qp = fake_qp_new();

		cr_assert_eq(iw_cm_qp_attach(stage.c->id, qp), 0);
		for (enum iw_qp_state to = IW_QP_INIT; to <= cases[i].from; to++)
			cr_assert_eq(iw_cm_qp_modify(stage.c->id, to), 0);
		fake.fail[cases[i].fails] = -EIO;
		respond(stage.c->id);
		check_failed(stage.c, cases[i].want);
		cr_assert_eq(fake.count[F_REJECT], 1, "case %zu", i);
		cr_assert_eq(fake.count[F_DISCONNECT], 0);
		cr_assert_eq(fake.count[F_ESTABLISH], cases[i].fails == F_ESTABLISH);
		fake.fail[cases[i].fails] = 0;
		stage_clear(&stage);
		fake_qp_free(qp);
	}
	fake_check_end();
}

Test(iw_establish, response__to_a_driver_that_cannot_establish)
{
	struct iw_cm_driver_ops ops = fake_ops;
	struct fake_qp *qp = fake_qp_new();
	struct stage stage;

	ops.establish = NULL;
	stage = stage_set_on(IW_CM_INFINIBAND, S_CONN_SENT, &ops);
	cr_assert_eq(iw_cm_establish(stage.c->id), -EOPNOTSUPP);
	cr_assert_eq(iw_cm_qp_attach(stage.c->id, qp), 0);
	respond(stage.c->id);
	cr_assert_eq(stage.c->events[0].status, -EOPNOTSUPP);
	cr_assert_eq(iw_cm_get_state(stage.c->id), IW_CM_IDLE);
	finish(&stage, qp);
}

Test(iw_establish, response__order_of_a_failure)
{
	struct fake_qp *qp;
	struct stage stage = ib_qp(S_CONN_SENT, &qp);

	fake.fail[F_ESTABLISH] = -EIO;
	respond(stage.c->id);
	CHECK_CALLS({ F_MODIFY_QP, IW_QP_RTR }, { F_MODIFY_QP, IW_QP_RTS }, { F_ESTABLISH, 0 },
		    { F_MODIFY_QP, IW_QP_ERR }, { F_REJECT, 0 });
	check_failed(stage.c, -EIO);
	finish(&stage, qp);
}

static int began; /* what connect returned inside the driver's reject */

static void connect_again(struct iw_cm_id *id, int arg)
{
	began = iw_cm_connect(id, &no_param);
}

/* Else the refusal of the old attempt would reach the new one. */
Test(iw_establish, response__is_refused_before_the_client_may_begin_anew)
{
	for (int failed = 0; failed < 2; failed++) {
		struct fake_qp *qp;
		struct stage stage = ib_qp(S_CONN_SENT, &qp);

		fake.fail[F_ESTABLISH] = -EIO;
		fake.hook[F_REJECT] = connect_again;
		fake_post(stage.c->id, IW_CM_EVENT_CONNECT_RESPONSE, failed ? -EIO : 0);
		cr_assert_eq(began, -EINVAL);
		check_failed(stage.c, -EIO);
		finish(&stage, qp);
	}
}

Test(iw_establish, reject__of_a_response_is_out_before_the_client_may_begin_anew)
{
	struct stage stage = ib_responded();

	fake.hook[F_REJECT] = connect_again;
	cr_assert_eq(iw_cm_reject(stage.c->id, NULL, 0, 0), 0);
	cr_assert_eq(began, -EINVAL);
	cr_assert_eq(iw_cm_get_state(stage.c->id), IW_CM_IDLE);
	finish(&stage, NULL);
}

Test(iw_establish, response__in_error_or_malformed_fails_the_attempt)
{
	struct iw_cm_event bad = { .type = IW_CM_EVENT_CONNECT_RESPONSE,
				   .param = { .private_data_len = 9 } };

	for (int malformed = 0; malformed < 2; malformed++) {
		struct stage stage = ib(S_CONN_SENT);

		if (malformed)
			cr_assert_eq(iw_cm_post(stage.c->id, &bad), -EINVAL);
		else
			fake_post(stage.c->id, IW_CM_EVENT_CONNECT_RESPONSE, -EIO);
		check_failed(stage.c, malformed ? -EPROTO : -EIO);
		cr_assert_eq(fake.count[F_REJECT], 1);
		cr_assert_eq(client_count(stage.c), 1);
		stage_clear(&stage);
	}
	fake_check_end();
}

/* A time-out or the peer's reject instead of a response, or after one. */
Test(iw_establish, reply__failed_ends_the_attempt_as_ever)
{
	struct stage stage = ib(S_CONN_SENT);

	fake_post(stage.c->id, IW_CM_EVENT_CONNECT_REPLY, -ETIMEDOUT);
	check_failed(stage.c, -ETIMEDOUT);
	cr_assert_eq(fake.ncalls, 0);
	stage_clear(&stage);
	stage = ib_responded();
	fake_post(stage.c->id, IW_CM_EVENT_CONNECT_REPLY, -ECONNREFUSED);
	check_failed(stage.c, -ECONNREFUSED);
	cr_assert_eq(fake.ncalls, 0);
	cr_assert_eq(iw_cm_connect(stage.c->id, &no_param), 0);
	cr_assert_eq(iw_cm_establish(stage.c->id), -EINVAL); /* that was the old one */
	respond(stage.c->id);
	cr_assert_eq(client_saw(stage.c, IW_CM_EVENT_CONNECT_RESPONSE), 2);
	finish(&stage, NULL);
}

static int post_both(struct client *c, const struct iw_cm_event *ev)
{
	struct iw_cm_event response = {
		.type = IW_CM_EVENT_CONNECT_RESPONSE,
		.param = { .private_data = "yes", .private_data_len = 3 },
	};
	struct iw_cm_event reply = {
		.type = IW_CM_EVENT_CONNECT_REPLY,
		.status = -ECONNREFUSED,
		.param = { .private_data = "no!", .private_data_len = 3 },
	};

	if (ev->type == IW_CM_EVENT_ADDR_CHANGE) {
		cr_assert_eq(iw_cm_post(c->id, &response), 0);
		cr_assert_eq(iw_cm_post(c->id, &reply), 0);
	}
	return 0;
}

Test(iw_establish, response__keeps_its_data_from_a_reject_behind_it)
{
	struct stage stage = ib(S_CONN_SENT);

	stage.c->on_event = post_both;
	fake_post(stage.c->id, IW_CM_EVENT_ADDR_CHANGE, 0);
	cr_assert_eq(client_count(stage.c), 3);
	cr_assert_arr_eq(stage.c->events[1].data, "yes", 3);
	cr_assert_eq(stage.c->events[2].param.private_data_len, 0);
	check_failed(stage.c, -ECONNREFUSED);
	finish(&stage, NULL);
}

/* ------------------------------------- what comes while the drain completes */

static const enum fake_op during[] = { F_MODIFY_QP, F_ESTABLISH };

static void disconnect_once(struct iw_cm_id *id, int arg)
{
	fake.hook[F_MODIFY_QP] = fake.hook[F_ESTABLISH] = NULL;
	cr_assert_eq(iw_cm_disconnect(id, false), 0);
	cr_assert_eq(iw_cm_disconnect(id, false), 0);
	/* Who completes it ends it: it is nobody else's turn. */
	cr_assert_eq(fake.count[F_DISCONNECT] + fake.count[F_REJECT], 0);
	cr_assert_eq(iw_cm_establish(id), -EINVAL);
	cr_assert_eq(iw_cm_reject(id, NULL, 0, 0), -EINVAL);
}

Test(iw_establish, disconnect__before_establish_fails_the_attempt)
{
	struct fake_qp *qp;
	struct stage stage = ib_qp(S_CONN_SENT, &qp);

	fake.hook[F_MODIFY_QP] = disconnect_once;
	respond(stage.c->id);
	check_failed(stage.c, -ECONNABORTED);
	cr_assert_eq(client_count(stage.c), 1);
	cr_assert_eq(fake.count[F_ESTABLISH], 0);
	cr_assert_eq(fake.count[F_REJECT], 1);
	cr_assert_eq(qp->state, IW_QP_ERR);
	finish(&stage, qp);
}

Test(iw_establish, disconnect__during_establish_that_succeeds_ends_the_connection)
{
	struct fake_qp *qp;
	struct stage stage = ib_qp(S_CONN_SENT, &qp);

	fake.hook[F_ESTABLISH] = disconnect_once;
	respond(stage.c->id);
	cr_assert_eq(client_count(stage.c), 1);
	cr_assert_eq(stage.c->events[0].status, 0);
	cr_assert_eq(iw_cm_get_state(stage.c->id), IW_CM_CLOSING);
	CHECK_CALLS({ F_MODIFY_QP, IW_QP_RTR }, { F_MODIFY_QP, IW_QP_RTS }, { F_ESTABLISH, 0 },
		    { F_MODIFY_QP, IW_QP_ERR }, { F_DISCONNECT, true });
	fake_post(stage.c->id, IW_CM_EVENT_CLOSE, 0);
	cr_assert_eq(client_saw(stage.c, IW_CM_EVENT_CLOSE), 1);
	cr_assert_eq(iw_cm_disconnect(stage.c->id, false), 0); /* we began: no answer */
	cr_assert_eq(fake.count[F_DISCONNECT], 1);
	finish(&stage, qp);
}

Test(iw_establish, disconnect__during_establish_that_fails_is_one_failure)
{
	struct fake_qp *qp;
	struct stage stage = ib_qp(S_CONN_SENT, &qp);

	fake.hook[F_ESTABLISH] = disconnect_once;
	fake.fail[F_ESTABLISH] = -EIO;
	respond(stage.c->id);
	check_failed(stage.c, -EIO);
	cr_assert_eq(client_count(stage.c), 1);
	cr_assert_eq(fake.count[F_REJECT], 1);
	cr_assert_eq(fake.count[F_DISCONNECT], 0);
	finish(&stage, qp);
}

static void destroy_once(struct iw_cm_id *id, int arg)
{
	fake.hook[F_MODIFY_QP] = fake.hook[F_ESTABLISH] = NULL;
	cr_assert_eq(iw_cm_destroy(id), 0);
}

Test(iw_establish, destroy__inside_a_step_says_nothing_more)
{
	for (size_t i = 0; i < IW_ARRAY_SIZE(during); i++)
		for (int fail = 0; fail < 2; fail++) {
			struct fake_qp *qp;
			struct stage stage = ib_qp(S_CONN_SENT, &qp);

			fake.hook[during[i]] = destroy_once;
			fake.fail[F_ESTABLISH] = fail ? -EIO : 0;
			respond(stage.c->id);
			cr_assert_eq(client_count(stage.c), 0);
			cr_assert_eq(fake.count[F_ESTABLISH], i);
			cr_assert_eq(fake.count[F_REJECT] + fake.count[F_DISCONNECT], 0);
			cr_assert_eq(fake.count[F_ID_GONE], 1);
			stage.c->id = NULL;
			finish(&stage, qp);
		}
}

static int reached, go_on; /* atomic */

static void stand_still(struct iw_cm_id *id, int arg)
{
	fake.hook[F_ESTABLISH] = NULL;
	__atomic_store_n(&reached, 1, __ATOMIC_RELEASE);
	wait_for(__atomic_load_n(&go_on, __ATOMIC_ACQUIRE));
}

static void let_go(struct iw_cm_id *id, int arg)
{
	__atomic_store_n(&go_on, 1, __ATOMIC_RELEASE);
}

static void *respond_elsewhere(void *arg)
{
	respond(arg);
	return NULL;
}

static void *establish_elsewhere(void *arg)
{
	static int rc;

	__atomic_store_n(&rc, iw_cm_establish(arg), __ATOMIC_RELAXED);
	return &rc;
}

/* @run ends up in the driver's establish and stays there until let_go(). */
static pthread_t stand(struct stage *stage, void *(*run)(void *))
{
	pthread_t thread;

	reached = go_on = 0;
	fake.hook[F_ESTABLISH] = stand_still;
	pthread_create(&thread, NULL, run, stage->c->id);
	cr_assert(wait_for(__atomic_load_n(&reached, __ATOMIC_ACQUIRE)));
	return thread;
}

Test(iw_establish, destroy__elsewhere_waits_for_establish)
{
	struct fake_qp *qp;
	struct stage stage = ib_qp(S_CONN_SENT, &qp);
	pthread_t thread = stand(&stage, respond_elsewhere);

	fake.hook[F_ABORT] = let_go; /* cancels the call in flight */
	cr_assert_eq(iw_cm_destroy(stage.c->id), 0);
	cr_assert_eq(client_count(stage.c), 0);
	cr_assert_eq(qp->state, IW_QP_ERR);
	stage.c->id = NULL;
	pthread_join(thread, NULL);
	finish(&stage, qp);
}

Test(iw_establish, events__during_establish_come_after_the_reply)
{
	struct fake_qp *qp;
	struct stage stage = ib_qp(S_CONN_SENT, &qp);
	pthread_t thread = stand(&stage, respond_elsewhere);

	cr_assert_eq(fake_post(stage.c->id, IW_CM_EVENT_DEVICE_GONE, 0), 0);
	cr_assert_eq(fake_post(stage.c->id, IW_CM_EVENT_CLOSE, 0), 0);
	cr_assert_eq(client_count(stage.c), 0);
	let_go(NULL, 0);
	pthread_join(thread, NULL);
	cr_assert_eq(client_count(stage.c), 3);
	cr_assert_eq(stage.c->events[0].type, IW_CM_EVENT_CONNECT_REPLY);
	cr_assert_eq(stage.c->events[1].type, IW_CM_EVENT_DEVICE_GONE);
	cr_assert_eq(stage.c->events[2].type, IW_CM_EVENT_CLOSE);
	finish(&stage, qp);
}

static void detach_once(struct iw_cm_id *id, int arg)
{
	fake.hook[F_MODIFY_QP] = NULL;
	cr_assert_eq(iw_cm_qp_detach(id), 0);
}

Test(iw_establish, detach__between_the_steps_fails_the_attempt)
{
	struct fake_qp *qp;
	struct stage stage = ib_qp(S_CONN_SENT, &qp);

	fake.hook[F_MODIFY_QP] = detach_once;
	respond(stage.c->id);
	check_failed(stage.c, -EINVAL);
	cr_assert_eq(fake.count[F_MODIFY_QP], 1);
	cr_assert_eq(fake.count[F_REJECT], 1);
	finish(&stage, qp);
}

/* ------------------------------------------------- response, without a QP */

Test(iw_establish, establish__after_the_response_without_an_event)
{
	struct stage stage = ib(S_CONN_SENT);

	cr_assert_eq(iw_cm_establish(stage.c->id), -EINVAL);
	cr_assert_eq(iw_cm_reject(stage.c->id, NULL, 0, 0), -EINVAL);
	respond(stage.c->id);
	cr_assert_eq(iw_cm_get_state(stage.c->id), IW_CM_CONN_SENT);
	cr_assert_eq(iw_cm_establish(stage.c->id), 0);
	CHECK_CALLS({ F_ESTABLISH, 0 });
	cr_assert_eq(client_count(stage.c), 1);
	cr_assert_eq(iw_cm_get_state(stage.c->id), IW_CM_ESTABLISHED);
	cr_assert_eq(iw_cm_establish(stage.c->id), -EINVAL);
	finish(&stage, NULL);
}

Test(iw_establish, establish__error_leaves_the_choice)
{
	for (int again = 0; again < 2; again++) {
		struct stage stage = ib_responded();

		fake.fail[F_ESTABLISH] = -EIO;
		cr_assert_eq(iw_cm_establish(stage.c->id), -EIO);
		cr_assert_eq(iw_cm_get_state(stage.c->id), IW_CM_CONN_SENT);
		fake.fail[F_ESTABLISH] = 0;
		if (again)
			cr_assert_eq(iw_cm_establish(stage.c->id), 0);
		else
			cr_assert_eq(iw_cm_reject(stage.c->id, "bye", 3, 5), 0);
		cr_assert_eq(client_count(stage.c), 1);
		cr_assert_eq(iw_cm_get_state(stage.c->id), again ? IW_CM_ESTABLISHED : IW_CM_IDLE);
		stage_clear(&stage);
	}
	fake_check_end();
}

Test(iw_establish, reject__of_a_response_carries_data_and_reason)
{
	struct stage stage = ib_responded();

	cr_assert_eq(iw_cm_reject(stage.c->id, "bye", 3, 28), 0);
	CHECK_CALLS({ F_REJECT, 3 | 28 << 16 });
	cr_assert_eq(iw_cm_get_state(stage.c->id), IW_CM_IDLE);
	cr_assert_eq(iw_cm_disconnect(stage.c->id, false), -EINVAL); /* as after any reject */
	cr_assert_eq(iw_cm_connect(stage.c->id, &no_param), 0);
	finish(&stage, NULL);
}

static int answer_inside(struct client *c, const struct iw_cm_event *ev)
{
	int (*answer)(struct iw_cm_id * id) = (int (*)(struct iw_cm_id *))(uintptr_t)c->arg;

	if (ev->type == IW_CM_EVENT_CONNECT_RESPONSE)
		cr_assert_eq(answer(c->id), 0);
	return 0;
}

static int reject_plain(struct iw_cm_id *id)
{
	return iw_cm_reject(id, NULL, 0, 0);
}

static int disconnect_plain(struct iw_cm_id *id)
{
	return iw_cm_disconnect(id, false);
}

Test(iw_establish, response__answered_inside_its_handler)
{
	static int (*const answers[])(struct iw_cm_id *) = { iw_cm_establish, reject_plain,
							     disconnect_plain };
	static const enum iw_cm_state after[] = { IW_CM_ESTABLISHED, IW_CM_IDLE, IW_CM_IDLE };

	for (size_t i = 0; i < IW_ARRAY_SIZE(answers); i++) {
		struct stage stage = ib(S_CONN_SENT);

		stage.c->arg = (void *)(uintptr_t)answers[i];
		stage.c->on_event = answer_inside;
		respond(stage.c->id);
		cr_assert_eq(iw_cm_get_state(stage.c->id), after[i]);
		cr_assert_eq(client_count(stage.c), i == 2 ? 2 : 1);
		stage_clear(&stage);
	}
	fake_check_end();
}

/* ------------------------------- what comes while the client establishes */

Test(iw_establish, establish__given_up_meanwhile)
{
	for (int fail = 0; fail < 2; fail++) {
		struct stage stage = ib_responded();

		fake.hook[F_ESTABLISH] = disconnect_once;
		fake.fail[F_ESTABLISH] = fail ? -EIO : 0;
		cr_assert_eq(iw_cm_establish(stage.c->id), fail ? -EIO : 0);
		cr_assert_eq(fake.count[F_REJECT], (unsigned int)fail);
		cr_assert_eq(fake.count[F_DISCONNECT], !fail);
		if (fail) {
			check_failed(stage.c, -ECONNABORTED);
		} else {
			cr_assert_eq(iw_cm_get_state(stage.c->id), IW_CM_CLOSING);
			fake_post(stage.c->id, IW_CM_EVENT_CLOSE, 0);
			cr_assert_eq(client_count(stage.c), 2);
		}
		fake.fail[F_ESTABLISH] = 0;
		stage_clear(&stage);
	}
	fake_check_end();
}

Test(iw_establish, establish__destroyed_meanwhile)
{
	for (int fail = 0; fail < 2; fail++) {
		struct stage stage = ib_responded();

		fake.hook[F_ESTABLISH] = destroy_once;
		fake.fail[F_ESTABLISH] = fail ? -EIO : 0;
		cr_assert_eq(iw_cm_establish(stage.c->id), fail ? -EIO : -ESHUTDOWN);
		cr_assert_eq(client_count(stage.c), 1);
		cr_assert_eq(fake.count[F_ID_GONE], 1);
		stage.c->id = NULL;
		stage_clear(&stage);
	}
	fake_check_end();
}

/* The peer may close before the driver's establish has returned to us. */
Test(iw_establish, establish__events_wait_for_it)
{
	struct stage stage = ib_responded();
	pthread_t thread = stand(&stage, establish_elsewhere);
	void *rc;

	cr_assert_eq(fake_post(stage.c->id, IW_CM_EVENT_DEVICE_GONE, 0), 0);
	cr_assert_eq(fake_post(stage.c->id, IW_CM_EVENT_CLOSE, 0), 0);
	cr_assert_eq(client_count(stage.c), 1);
	cr_assert_eq(iw_cm_establish(stage.c->id), -EINVAL);
	cr_assert_eq(iw_cm_reject(stage.c->id, NULL, 0, 0), -EINVAL);
	let_go(NULL, 0);
	pthread_join(thread, &rc);
	cr_assert_eq(*(int *)rc, 0);
	cr_assert_eq(client_count(stage.c), 3);
	cr_assert_eq(client_saw(stage.c, IW_CM_EVENT_CLOSE), 1);
	cr_assert_eq(fake.count[F_DISCONNECT], 0);
	finish(&stage, NULL);
}
