// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Datagram ids: an exchange of names by the states of a connection, without an
 * end, and with a QP that moves by its owner's wishes alone.
 */
#include "tests/core_fake.h"

static const struct iw_cm_conn_param no_param;

/* A QP that its owner has brought to RTS. */
static struct fake_qp *attach_rts(struct iw_cm_id *id)
{
	struct fake_qp *qp = fake_qp_new();

	cr_assert_eq(iw_cm_qp_attach(id, qp), 0);
	cr_assert_eq(iw_cm_qp_modify(id, IW_QP_INIT), 0);
	cr_assert_eq(iw_cm_qp_modify(id, IW_QP_RTR), 0);
	cr_assert_eq(iw_cm_qp_modify(id, IW_QP_RTS), 0);
	fake.count[F_MODIFY_QP] = 0;
	return qp;
}

static void check_untouched(struct client *c, struct fake_qp *qp)
{
	cr_assert_eq(fake.count[F_MODIFY_QP], 0);
	cr_assert_eq(iw_cm_qp_state(c->id), IW_QP_RTS);
	cr_assert_eq(qp->state, IW_QP_RTS);
}

static void finish(struct stage *stage, struct fake_qp *qp)
{
	stage_clear(stage); /* nor does destroy move it */
	cr_assert_eq(qp->state, IW_QP_RTS);
	fake_qp_free(qp);
	fake_check_end();
}

Test(iw_dgram, transport__is_iwarp_until_it_is_said)
{
	struct stage stage = stage_set(S_LISTEN, &fake_ops);

	cr_assert_eq(iw_cm_transport(stage.c->id), IW_CM_IWARP);
	iw_cm_set_transport(stage.c->id, IW_CM_DATAGRAM);
	cr_assert_eq(iw_cm_transport(stage.c->id), IW_CM_DATAGRAM);
	cr_assert_eq(fake_request(stage.c->id), 0);
	cr_assert_eq(iw_cm_transport(stage.c->child->id), IW_CM_IWARP);
	client_free(stage.c->child);
	stage_clear(&stage);
	fake_check_end();
}

Test(iw_dgram, connect__reply_brings_the_name_and_leaves_the_qp)
{
	struct stage stage = stage_set_on(IW_CM_DATAGRAM, S_CONN_SENT, &fake_ops);
	struct fake_qp *qp = attach_rts(stage.c->id);
	struct iw_cm_event ev = {
		.type = IW_CM_EVENT_CONNECT_REPLY,
		.param = { .qp_num = 17, .qkey = 0x1ee1, .ah = { 5, 6, 7, 8 } },
	};

	cr_assert_eq(iw_cm_post(stage.c->id, &ev), 0);
	cr_assert_eq(iw_cm_get_state(stage.c->id), IW_CM_ESTABLISHED);
	cr_assert_eq(stage.c->events[0].param.qp_num, 17);
	cr_assert_eq(stage.c->events[0].param.ah[2], 7);
	check_untouched(stage.c, qp);
	finish(&stage, qp);
}

Test(iw_dgram, connect__does_not_tell_of_rts_for_a_qp_that_is_not_there)
{
	struct stage stage = stage_set_on(IW_CM_DATAGRAM, S_CONN_SENT, &fake_ops);
	struct fake_qp *qp = fake_qp_new();

	cr_assert_eq(iw_cm_qp_attach(stage.c->id, qp), 0);
	cr_assert_eq(iw_cm_qp_modify(stage.c->id, IW_QP_INIT), 0);
	fake_post(stage.c->id, IW_CM_EVENT_CONNECT_REPLY, 0);
	cr_assert_eq(iw_cm_qp_state(stage.c->id), IW_QP_INIT);
	stage_clear(&stage);
	fake_qp_free(qp);
	fake_check_end();
}

Test(iw_dgram, connect__failure_is_reported_and_leaves_the_qp)
{
	struct stage stage = stage_set_on(IW_CM_DATAGRAM, S_CONN_SENT, &fake_ops);
	struct fake_qp *qp = attach_rts(stage.c->id);
	struct iw_cm_event bad = { .type = IW_CM_EVENT_CONNECT_REPLY, .status = 7 };

	fake_post(stage.c->id, IW_CM_EVENT_CONNECT_REPLY, -EHOSTUNREACH);
	cr_assert_eq(stage.c->events[0].status, -EHOSTUNREACH);
	cr_assert_eq(iw_cm_get_state(stage.c->id), IW_CM_IDLE);
	cr_assert_eq(iw_cm_connect(stage.c->id, &no_param), 0);
	cr_assert_eq(iw_cm_post(stage.c->id, &bad), -EINVAL);
	cr_assert_eq(stage.c->events[1].status, -EPROTO);
	cr_assert_eq(fake.count[F_DISCONNECT], 0);
	check_untouched(stage.c, qp);
	finish(&stage, qp);
}

Test(iw_dgram, accept__is_established_at_once_without_an_event)
{
	struct stage stage = stage_set_on(IW_CM_DATAGRAM, S_CONN_RECV, &fake_ops);
	struct fake_qp *qp = fake_qp_new();

	cr_assert_eq(iw_cm_qp_attach(stage.c->id, qp), 0);
	cr_assert_eq(iw_cm_qp_modify(stage.c->id, IW_QP_INIT), 0);
	cr_assert_eq(iw_cm_accept(stage.c->id, &no_param), 0);
	cr_assert_eq(iw_cm_get_state(stage.c->id), IW_CM_ESTABLISHED);
	cr_assert_eq(fake.count[F_MODIFY_QP], 1); /* INIT, ours */
	cr_assert_eq(iw_cm_qp_state(stage.c->id), IW_QP_INIT);
	cr_assert_eq(iw_cm_accept(stage.c->id, &no_param), -EINVAL);
	/* An outcome that the driver has all the same is dropped. */
	fake_post(stage.c->id, IW_CM_EVENT_ESTABLISHED, -ETIMEDOUT);
	fake_post(stage.c->id, IW_CM_EVENT_ESTABLISHED, 0);
	cr_assert_eq(client_count(stage.c), 0);
	cr_assert_eq(iw_cm_get_state(stage.c->id), IW_CM_ESTABLISHED);
	cr_assert_eq(fake.count[F_DISCONNECT] + fake.count[F_REJECT], 0);
	stage_clear(&stage);
	cr_assert_eq(qp->state, IW_QP_INIT);
	fake_qp_free(qp);
	fake_check_end();
}

Test(iw_dgram, accept__error_refuses_and_leaves_the_qp)
{
	struct stage stage = stage_set_on(IW_CM_DATAGRAM, S_CONN_RECV, &fake_ops);
	struct fake_qp *qp = attach_rts(stage.c->id);

	fake.fail[F_ACCEPT] = -EIO;
	cr_assert_eq(iw_cm_accept(stage.c->id, &no_param), -EIO);
	cr_assert_eq(iw_cm_get_state(stage.c->id), IW_CM_IDLE);
	cr_assert_eq(fake.count[F_REJECT], 1);
	check_untouched(stage.c, qp);
	finish(&stage, qp);
}

static void destroy_inside(struct iw_cm_id *id, int arg)
{
	cr_assert_eq(iw_cm_destroy(id), 0);
}

Test(iw_dgram, accept__destroyed_inside_the_op)
{
	struct stage stage = stage_set_on(IW_CM_DATAGRAM, S_CONN_RECV, &fake_ops);

	fake.hook[F_ACCEPT] = destroy_inside;
	cr_assert_eq(iw_cm_accept(stage.c->id, &no_param), 0);
	cr_assert_eq(client_count(stage.c), 0);
	stage.c->id = NULL;
	stage_clear(&stage);
	fake_check_end();
}

Test(iw_dgram, reject__carries_the_reason)
{
	struct stage stage = stage_set_on(IW_CM_DATAGRAM, S_CONN_RECV, &fake_ops);

	cr_assert_eq(iw_cm_reject(stage.c->id, "no", 2, 28), 0);
	cr_assert_eq(fake.calls[fake_find(F_REJECT, 0)].arg, 2 | 28 << 16);
	stage_clear(&stage);
	fake_check_end();
}

/* Neither the driver nor the peer hears of it, and the state stays. */
Test(iw_dgram, disconnect__stops_the_qp_once_there_was_an_exchange)
{
	for (int s = 0; s < S_NSITUATIONS; s++) {
		int want = s == S_IDLE ? -EINVAL : 0;
		struct stage stage = { 0 };
		struct fake_qp *qp;

		if (s == S_ACCEPTED || s == S_CLOSING) /* there is no such thing */
			continue;
		stage = stage_set_on(IW_CM_DATAGRAM, s, &fake_ops);
		cr_assert_eq(iw_cm_disconnect(stage.c->id, false), want); /* without a QP */
		qp = attach_rts(stage.c->id);
		cr_assert_eq(iw_cm_disconnect(stage.c->id, false), want);
		cr_assert_eq(qp->state, want ? IW_QP_RTS : IW_QP_ERR);
		cr_assert_eq(iw_cm_disconnect(stage.c->id, true), want);
		cr_assert_eq(iw_cm_get_state(stage.c->id), state_of[s]);
		cr_assert_eq(fake.count[F_MODIFY_QP], want ? 0 : 1);
		cr_assert_eq(fake.count[F_DISCONNECT], 0);
		stage_clear(&stage);
		fake_qp_free(qp);
	}
	fake_check_end();
}

Test(iw_dgram, disconnect__passes_the_error_of_the_qp)
{
	struct stage stage = stage_set_on(IW_CM_DATAGRAM, S_ESTABLISHED, &fake_ops);
	struct fake_qp *qp = attach_rts(stage.c->id);

	fake.fail[F_MODIFY_QP] = -EIO;
	cr_assert_eq(iw_cm_disconnect(stage.c->id, false), -EIO);
	fake.fail[F_MODIFY_QP] = 0;
	cr_assert_eq(iw_cm_disconnect(stage.c->id, false), 0);
	cr_assert_eq(qp->state, IW_QP_ERR);
	stage_clear(&stage);
	fake_qp_free(qp);
	fake_check_end();
}

/* Nothing that a driver could say of an end counts, in any state. */
Test(iw_dgram, events__of_connections_are_dropped)
{
	static const enum iw_cm_event_type types[] = {
		IW_CM_EVENT_CONNECT_RESPONSE,
		IW_CM_EVENT_ESTABLISHED,
		IW_CM_EVENT_DISCONNECT,
		IW_CM_EVENT_CLOSE,
	};

	for (int s = 0; s < S_NSITUATIONS; s++) {
		struct stage stage = { 0 };
		struct fake_qp *qp;

		if (s == S_ACCEPTED || s == S_CLOSING)
			continue;
		stage = stage_set_on(IW_CM_DATAGRAM, s, &fake_ops);
		qp = attach_rts(stage.c->id);
		for (size_t i = 0; i < IW_ARRAY_SIZE(types); i++)
			cr_assert_eq(fake_post(stage.c->id, types[i], 0), 0);
		cr_assert_eq(client_count(stage.c), 0);
		cr_assert_eq(iw_cm_get_state(stage.c->id), state_of[s]);
		cr_assert_eq(fake.count[F_DISCONNECT] + fake.count[F_REJECT], 0);
		check_untouched(stage.c, qp);
		stage_clear(&stage);
		fake_qp_free(qp);
	}
	fake_check_end();
}

Test(iw_dgram, establish__is_not_for_datagrams)
{
	struct stage stage = stage_set_on(IW_CM_DATAGRAM, S_CONN_SENT, &fake_ops);

	cr_assert_eq(iw_cm_establish(stage.c->id), -EINVAL);
	cr_assert_eq(fake.count[F_ESTABLISH], 0);
	stage_clear(&stage);
	fake_check_end();
}

Test(iw_dgram, qp__moves_by_the_wishes_of_its_owner)
{
	struct stage stage = stage_set_on(IW_CM_DATAGRAM, S_ESTABLISHED, &fake_ops);
	struct fake_qp *qp = attach_rts(stage.c->id);

	cr_assert_eq(iw_cm_qp_modify(stage.c->id, IW_QP_ERR), 0);
	cr_assert_eq(iw_cm_qp_modify(stage.c->id, IW_QP_RTS), -EINVAL);
	cr_assert_eq(qp->state, IW_QP_ERR);
	stage_clear(&stage);
	fake_qp_free(qp);
	fake_check_end();
}
