// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The QP of an id: who moves it when, and that nobody uses it after a detach. */
#include "tests/core_fake.h"

static const struct iw_cm_conn_param no_param;

Test(iw_qp, attach__one_and_never_none)
{
	struct client *c = client_new(&fake_ops);
	struct fake_qp *qp = fake_qp_new();

	cr_assert_eq(iw_cm_qp_attach(c->id, NULL), -EINVAL);
	cr_assert_eq(iw_cm_qp_detach(c->id), -EINVAL);
	cr_assert_eq(iw_cm_qp_attach(c->id, qp), 0);
	cr_assert_eq(iw_cm_qp_attach(c->id, qp), -EBUSY);
	cr_assert_eq(iw_cm_qp_detach(c->id), 0);
	cr_assert_eq(iw_cm_qp_attach(c->id, qp), 0);
	client_free(c);
	fake_qp_free(qp);
	fake_check_end();
}

Test(iw_qp, modify__by_the_table)
{
	struct client *c = client_new(&fake_ops);
	struct fake_qp *qp = fake_qp_new();

	cr_assert_eq(iw_cm_qp_modify(c->id, IW_QP_INIT), -EINVAL);
	iw_cm_qp_attach(c->id, qp);
	cr_assert_eq(iw_cm_qp_state(c->id), IW_QP_RESET);
	cr_assert_eq(iw_cm_qp_modify(c->id, IW_QP_RESET), 0);
	cr_assert_eq(iw_cm_qp_modify(c->id, IW_QP_SQD), -EINVAL);
	cr_assert_eq(iw_cm_qp_modify(c->id, IW_QP_RTS), -EINVAL);
	cr_assert_eq(iw_cm_qp_modify(c->id, IW_QP_NSTATES), -EINVAL);
	cr_assert_eq(fake.count[F_MODIFY_QP], 0);
	cr_assert_eq(iw_cm_qp_modify(c->id, IW_QP_INIT), 0);
	cr_assert_eq(iw_cm_qp_modify(c->id, IW_QP_INIT), 0);
	cr_assert_eq(fake.count[F_MODIFY_QP], 1);
	fake.fail[F_MODIFY_QP] = -EIO;
	cr_assert_eq(iw_cm_qp_modify(c->id, IW_QP_ERR), -EIO);
	cr_assert_eq(iw_cm_qp_state(c->id), IW_QP_INIT);
	client_free(c);
	fake_qp_free(qp);
	fake_check_end();
}

/* An established connection with a QP in RTS. */
static struct stage with_qp(struct fake_qp *qp, enum situation s)
{
	struct stage stage =
		stage_set(s == S_ACCEPTED || s == S_CONN_RECV ? S_CONN_RECV : S_IDLE, &fake_ops);
	struct iw_cm_id *id = stage.c->id;

	cr_assert_eq(iw_cm_qp_attach(id, qp), 0);
	cr_assert_eq(iw_cm_qp_modify(id, IW_QP_INIT), 0);
	if (s == S_ACCEPTED)
		cr_assert_eq(iw_cm_accept(id, &no_param), 0);
	if (s == S_CONN_SENT || s == S_ESTABLISHED)
		cr_assert_eq(iw_cm_connect(id, &no_param), 0);
	if (s == S_ESTABLISHED)
		cr_assert_eq(fake_post(id, IW_CM_EVENT_CONNECT_REPLY, 0), 0);
	memset(fake.count, 0, sizeof(fake.count));
	fake.ncalls = 0;
	return stage;
}

static void without_qp(struct stage *stage, struct fake_qp *qp)
{
	stage_clear(stage);
	fake_qp_free(qp);
}

Test(iw_qp, accept__asks_rtr_before_the_driver_accepts)
{
	struct fake_qp *qp = fake_qp_new();
	struct stage stage = with_qp(qp, S_CONN_RECV);

	cr_assert_eq(iw_cm_accept(stage.c->id, &no_param), 0);
	cr_assert_eq(fake.calls[0].op, F_MODIFY_QP);
	cr_assert_eq(fake.calls[0].arg, IW_QP_RTR);
	cr_assert_eq(fake.calls[1].op, F_ACCEPT);
	fake_post(stage.c->id, IW_CM_EVENT_ESTABLISHED, 0);
	cr_assert_eq(iw_cm_qp_state(stage.c->id), IW_QP_RTS);
	cr_assert_eq(fake.count[F_MODIFY_QP], 1); /* RTS is the driver's */
	without_qp(&stage, qp);
	fake_check_end();
}

Test(iw_qp, accept__leaves_a_qp_that_is_not_in_init)
{
	struct stage stage = stage_set(S_CONN_RECV, &fake_ops);
	struct fake_qp *qp = fake_qp_new();

	iw_cm_qp_attach(stage.c->id, qp);
	cr_assert_eq(iw_cm_accept(stage.c->id, &no_param), 0);
	cr_assert_eq(fake.count[F_MODIFY_QP], 0);
	without_qp(&stage, qp);
	fake_check_end();
}

Test(iw_qp, disconnect__graceful_sqd_abrupt_err)
{
	for (int abrupt = 0; abrupt < 2; abrupt++) {
		struct fake_qp *qp = fake_qp_new();
		struct stage stage = with_qp(qp, S_ESTABLISHED);

		cr_assert_eq(iw_cm_disconnect(stage.c->id, abrupt), 0);
		cr_assert_eq(fake.calls[0].op, F_MODIFY_QP);
		cr_assert_eq(fake.calls[0].arg, abrupt ? IW_QP_ERR : IW_QP_SQD);
		cr_assert_eq(fake.calls[1].op, F_DISCONNECT);
		fake_post(stage.c->id, IW_CM_EVENT_CLOSE, 0);
		cr_assert_eq(iw_cm_qp_state(stage.c->id), IW_QP_ERR);
		cr_assert_eq(fake.count[F_MODIFY_QP], 1);
		without_qp(&stage, qp);
	}
	fake_check_end();
}

Test(iw_qp, disconnect__goes_on_when_the_qp_does_not_move)
{
	struct fake_qp *qp = fake_qp_new();
	struct stage stage = with_qp(qp, S_ESTABLISHED);

	fake.fail[F_MODIFY_QP] = -EINVAL;
	cr_assert_eq(iw_cm_disconnect(stage.c->id, false), 0);
	cr_assert_eq(fake.count[F_DISCONNECT], 1);
	cr_assert_eq(iw_cm_qp_state(stage.c->id), IW_QP_RTS);
	without_qp(&stage, qp);
	fake_check_end();
}

static int check_err_asked(struct client *c, const struct iw_cm_event *ev)
{
	cr_assert_eq(iw_cm_qp_state(c->id), IW_QP_ERR);
	return 0;
}

Test(iw_qp, failed_outcome__asks_err_before_the_handler)
{
	struct fake_qp *qp = fake_qp_new();
	struct stage stage = with_qp(qp, S_CONN_SENT);

	stage.c->on_event = check_err_asked;
	fake_post(stage.c->id, IW_CM_EVENT_CONNECT_REPLY, -ETIMEDOUT);
	cr_assert_eq(client_count(stage.c), 1);
	cr_assert_eq(qp->state, IW_QP_ERR);
	without_qp(&stage, qp);
	qp = fake_qp_new();
	stage = with_qp(qp, S_ACCEPTED);
	stage.c->on_event = check_err_asked;
	fake_post(stage.c->id, IW_CM_EVENT_ESTABLISHED, -ETIMEDOUT);
	cr_assert_eq(client_count(stage.c), 1);
	without_qp(&stage, qp);
	fake_check_end();
}

Test(iw_qp, outcome__does_not_bring_a_dead_qp_back)
{
	struct fake_qp *qp = fake_qp_new();
	struct stage stage = with_qp(qp, S_CONN_SENT);

	cr_assert_eq(iw_cm_qp_modify(stage.c->id, IW_QP_ERR), 0);
	fake_post(stage.c->id, IW_CM_EVENT_CONNECT_REPLY, 0);
	cr_assert_eq(iw_cm_qp_state(stage.c->id), IW_QP_ERR);
	without_qp(&stage, qp);
	fake_check_end();
}

static void close_inside(struct iw_cm_id *id, int arg)
{
	fake.hook[F_MODIFY_QP] = NULL;
	cr_assert_eq(fake_post(id, IW_CM_EVENT_CLOSE, 0), 0);
}

Test(iw_qp, modify__overtaken_by_close_records_err)
{
	struct fake_qp *qp = fake_qp_new();
	struct stage stage = with_qp(qp, S_ESTABLISHED);

	fake.hook[F_MODIFY_QP] = close_inside;
	cr_assert_eq(iw_cm_disconnect(stage.c->id, false), 0);
	cr_assert_eq(iw_cm_qp_state(stage.c->id), IW_QP_ERR);
	without_qp(&stage, qp);
	fake_check_end();
}

static int detach_it(struct client *c, const struct iw_cm_event *ev)
{
	cr_assert_eq(iw_cm_qp_detach(c->id), 0);
	return 0;
}

Test(iw_qp, detach__in_a_handler_inside_a_transition_does_not_hang)
{
	struct fake_qp *qp = fake_qp_new();
	struct stage stage = with_qp(qp, S_ESTABLISHED);

	fake.hook[F_MODIFY_QP] = close_inside;
	stage.c->on_event = detach_it;
	cr_assert_eq(iw_cm_disconnect(stage.c->id, false), 0);
	cr_assert_eq(iw_cm_qp_detach(stage.c->id), -EINVAL);
	cr_assert_eq(iw_cm_qp_state(stage.c->id), IW_QP_RESET);
	without_qp(&stage, qp);
	fake_check_end();
}

static int slow_entered; /* atomic */

static void be_slow(struct iw_cm_id *id, int arg)
{
	__atomic_store_n(&slow_entered, 1, __ATOMIC_RELEASE);
	usleep(20000);
}

static void *abort_it(void *arg)
{
	iw_cm_disconnect(arg, true);
	return NULL;
}

Test(iw_qp, detach__waits_for_a_transition_in_flight)
{
	struct fake_qp *qp = fake_qp_new();
	struct stage stage = with_qp(qp, S_ESTABLISHED);
	pthread_t thread;

	fake.hook[F_MODIFY_QP] = be_slow;
	pthread_create(&thread, NULL, abort_it, stage.c->id);
	cr_assert(wait_for(__atomic_load_n(&slow_entered, __ATOMIC_ACQUIRE)));
	cr_assert_eq(iw_cm_qp_detach(stage.c->id), 0);
	fake_qp_free(qp); /* poisoned: a late driver would be caught */
	pthread_join(thread, NULL);
	stage_clear(&stage);
	fake_check_end();
}

/* Two at once could end in either order: the first is over before the second is asked for. */
Test(iw_qp, modify__waits_for_a_transition_in_flight)
{
	struct fake_qp *qp = fake_qp_new();
	struct stage stage = with_qp(qp, S_ESTABLISHED);
	pthread_t thread;

	slow_entered = 0;
	fake.hook[F_MODIFY_QP] = be_slow;
	pthread_create(&thread, NULL, abort_it, stage.c->id);
	cr_assert(wait_for(__atomic_load_n(&slow_entered, __ATOMIC_ACQUIRE)));
	cr_assert_eq(iw_cm_qp_modify(stage.c->id, IW_QP_SQD), -EINVAL);
	cr_assert_eq(iw_cm_qp_modify(stage.c->id, IW_QP_ERR), 0);
	cr_assert_eq(fake.count[F_MODIFY_QP], 1);
	cr_assert_eq(iw_cm_qp_state(stage.c->id), IW_QP_ERR);
	pthread_join(thread, NULL);
	without_qp(&stage, qp);
	fake_check_end();
}

static int destroy_and_detach(struct client *c, const struct iw_cm_event *ev)
{
	cr_assert_eq(iw_cm_destroy(c->id), 0);
	cr_assert_eq(iw_cm_qp_detach(c->id), 0);
	fake_qp_free(c->arg);
	return 0;
}

Test(iw_qp, detach__works_in_the_handler_that_destroyed_the_id)
{
	struct fake_qp *qp = fake_qp_new();
	struct stage stage = with_qp(qp, S_ESTABLISHED);

	stage.c->arg = qp;
	stage.c->on_event = destroy_and_detach;
	fake_post(stage.c->id, IW_CM_EVENT_ADDR_CHANGE, 0);
	stage.c->id = NULL;
	stage_clear(&stage);
	fake_check_end();
}

Test(iw_qp, destroy__moves_the_qp_of_a_connection_to_err)
{
	static const struct {
		enum situation s;
		unsigned int asked;
	} cases[] = { { S_IDLE, 0 },
		      { S_CONN_RECV, 0 },
		      { S_ACCEPTED, 1 },
		      { S_CONN_SENT, 1 },
		      { S_ESTABLISHED, 1 } };

	for (size_t i = 0; i < IW_ARRAY_SIZE(cases); i++) {
		struct fake_qp *qp = fake_qp_new();
		struct stage stage = with_qp(qp, cases[i].s);
		unsigned int before = qp->transitions;

		stage_clear(&stage);
		cr_assert_eq(qp->transitions - before, cases[i].asked, "case %zu", i);
		fake_qp_free(qp);
	}
	fake_check_end();
}

Test(iw_qp, connection__without_a_modify_op_needs_none)
{
	struct iw_cm_driver_ops ops = fake_ops;
	struct fake_qp *qp = fake_qp_new();
	struct stage stage;

	ops.modify_qp = NULL;
	stage = stage_set(S_CONN_RECV, &ops);
	iw_cm_qp_attach(stage.c->id, qp);
	cr_assert_eq(iw_cm_accept(stage.c->id, &no_param), 0);
	fake_post(stage.c->id, IW_CM_EVENT_ESTABLISHED, 0);
	cr_assert_eq(iw_cm_disconnect(stage.c->id, false), 0);
	fake_post(stage.c->id, IW_CM_EVENT_CLOSE, 0);
	cr_assert_eq(iw_cm_qp_state(stage.c->id), IW_QP_ERR);
	without_qp(&stage, qp);
	fake_check_end();
}

/* Who may move a QP over which edge: the whole life, written down. */
Test(iw_qp, transitions__each_edge_has_one_initiator)
{
	static const int asked[] = { IW_QP_INIT, IW_QP_RTR, IW_QP_SQD };
	struct stage stage = stage_set(S_CONN_RECV, &fake_ops);
	struct fake_qp *qp = fake_qp_new();
	unsigned int n = 0;

	iw_cm_qp_attach(stage.c->id, qp);
	iw_cm_qp_modify(stage.c->id, IW_QP_INIT);
	iw_cm_accept(stage.c->id, &no_param);
	fake_post(stage.c->id, IW_CM_EVENT_ESTABLISHED, 0); /* RTS: the driver */
	iw_cm_disconnect(stage.c->id, false);
	fake_post(stage.c->id, IW_CM_EVENT_CLOSE, 0); /* ERR: the driver */
	for (int i = -1; (i = fake_find(F_MODIFY_QP, (unsigned int)(i + 1))) >= 0;)
		cr_assert_eq(fake.calls[i].arg, asked[n++]);
	cr_assert_eq(n, IW_ARRAY_SIZE(asked));
	cr_assert_eq(iw_cm_qp_modify(stage.c->id, IW_QP_ERR), 0); /* it is there: no call */
	cr_assert_eq(fake.count[F_MODIFY_QP], n);
	without_qp(&stage, qp);
	fake_check_end();
}
