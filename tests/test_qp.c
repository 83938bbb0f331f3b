// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The QP of an id and the queues that are made for it.
 */
#include "tests/shim_util.h"

static struct rdma_cm_id *bound(struct rdma_event_channel *ch, int device)
{
	struct sockaddr_in addr = fake_addr(device, 0);
	struct rdma_cm_id *id = util_id(ch);

	succeeds(rdma_bind_addr(id, (struct sockaddr *)&addr));
	return id;
}

static void end(struct rdma_event_channel *ch, struct rdma_cm_id *id)
{
	util_destroy(id);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

Test(create_qp, queues__made_where_the_program_brings_none)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = bound(ch, 0);
	struct ibv_qp_init_attr attr = util_qp_attr();

	succeeds(rdma_create_qp(id, NULL, &attr));
	cr_assert_not_null(id->qp);
	cr_assert_eq(id->qp->pd, id->pd);
	cr_assert_eq(attr.send_cq, id->send_cq);
	cr_assert_eq(attr.recv_cq, id->recv_cq);
	cr_assert_neq(id->send_cq, id->recv_cq);
	cr_assert_eq(id->send_cq->cq_context, id);
	cr_assert_eq(id->send_cq->channel, id->send_cq_channel);
	cr_assert_eq(id->recv_cq->channel, id->recv_cq_channel);
	cr_assert_eq(mock_verbs_live(), 5);
	cr_assert_eq(fake_calls(FAKE_MODIFY_QP), 1); /* INIT */
	fails_with(EINVAL, rdma_create_qp(id, NULL, &attr));
	rdma_destroy_qp(id);
	cr_assert_null(id->qp);
	cr_assert_null(id->send_cq);
	cr_assert_null(id->recv_cq_channel);
	cr_assert_eq(mock_verbs_live(), 0);
	rdma_destroy_qp(id);
	util_qp(id); /* and again */
	end(ch, id);
}

Test(create_qp, queues__none_for_a_size_of_zero)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = bound(ch, 0);
	struct ibv_qp_init_attr attr = util_qp_attr();

	attr.cap.max_recv_wr = 0;
	succeeds(rdma_create_qp(id, NULL, &attr));
	cr_assert_null(id->recv_cq);
	cr_assert_not_null(id->send_cq);
	end(ch, id);
}

Test(create_qp, queues__the_programs_own)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = bound(ch, 0);
	struct ibv_cq *cq = ibv_create_cq(id->verbs, 4, NULL, NULL, 0);
	struct ibv_qp_init_attr attr = util_qp_attr();

	attr.send_cq = attr.recv_cq = cq;
	succeeds(rdma_create_qp(id, NULL, &attr));
	cr_assert_eq(id->qp->send_cq, cq);
	cr_assert_null(id->send_cq_channel);
	cr_assert_eq(mock_verbs_live(), 2);
	rdma_destroy_qp(id);
	cr_assert_eq(ibv_destroy_cq(cq), 0);
	end(ch, id);
}

Test(create_qp, pd__of_the_program_and_of_another_device)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = bound(ch, 0), *other = bound(ch, 1);
	struct ibv_pd *pd = ibv_alloc_pd(id->verbs);
	struct ibv_qp_init_attr attr = util_qp_attr();

	fails_with(EINVAL, rdma_create_qp(id, other->pd, &attr));
	succeeds(rdma_create_qp(id, pd, &attr));
	cr_assert_eq(id->qp->pd, pd);
	rdma_destroy_qp(id);
	ibv_dealloc_pd(pd);
	util_destroy(other);
	end(ch, id);
}

Test(create_qp, order__unbound_and_null)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = util_id(ch);
	struct ibv_qp_init_attr attr = util_qp_attr();

	fails_with(EINVAL, rdma_create_qp(id, NULL, &attr));
	fails_with(EINVAL, rdma_create_qp(id, NULL, NULL));
	fails_with(EINVAL, rdma_create_qp_ex(id, NULL));
	end(ch, id);
}

Test(create_qp, order__no_connection_on_a_datagram_id)
{
	struct rdma_event_channel *ch = util_channel();
	struct ibv_qp_init_attr attr = util_qp_attr();
	struct sockaddr_in addr = fake_addr(0, PORT);
	struct rdma_cm_id *id;

	succeeds(rdma_create_id(ch, &id, NULL, RDMA_PS_UDP));
	succeeds(rdma_bind_addr(id, (struct sockaddr *)&addr));
	fails_with(EINVAL, rdma_create_qp(id, NULL, &attr));
	cr_assert_null(id->qp);
	util_destroy(id);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

Test(create_qp, order__the_channel_has_gone)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = bound(ch, 0);
	struct ibv_qp_init_attr attr = util_qp_attr();
	struct ibv_qp_attr qp_attr = { 0 };
	int mask;

	rdma_destroy_event_channel(ch);
	fails_with(EINVAL, rdma_create_qp(id, NULL, &attr));
	fails_with(EINVAL, rdma_init_qp_attr(id, &qp_attr, &mask));
	util_destroy(id);
	util_all_gone();
}

Test(create_qp, ex__with_more_than_a_pd)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = bound(ch, 0);
	struct ibv_qp_init_attr_ex attr = {
		.cap = { .max_send_wr = 1, .max_recv_wr = 1 },
		.qp_type = IBV_QPT_RC,
		.comp_mask = IBV_QP_INIT_ATTR_CREATE_FLAGS,
	};

	succeeds(rdma_create_qp_ex(id, &attr));
	cr_assert(attr.comp_mask & IBV_QP_INIT_ATTR_PD);
	cr_assert_eq(attr.pd, id->pd);
	end(ch, id);
}

/* A failure at any step undoes the steps before and names no dead queue. */
Test(create_qp, fails__at_each_step)
{
	static const enum mock_call calls[] = { MOCK_CREATE_COMP_CHANNEL, MOCK_CREATE_CQ,
						MOCK_CREATE_QP };
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = bound(ch, 0);
	struct ibv_qp_init_attr_ex attr = {
		.cap = { .max_send_wr = 1, .max_recv_wr = 1 },
		.qp_type = IBV_QPT_RC,
	};
	struct ibv_qp_init_attr plain = util_qp_attr();
	unsigned long n;

	for (size_t i = 0; i < 3; i++) {
		mock_verbs_fail(calls[i], EMFILE);
		fails_with(EMFILE, rdma_create_qp_ex(id, &attr));
		cr_assert_eq(mock_verbs_live(), 0);
		cr_assert_null(attr.send_cq);
		cr_assert_null(attr.recv_cq);
		cr_assert_null(id->send_cq);
		cr_assert_eq(attr.comp_mask, 0);
	}
	fake_fail(FAKE_MODIFY_QP, -EIO);
	fails_with(EIO, rdma_create_qp(id, NULL, &plain));
	cr_assert_null(plain.send_cq);
	cr_assert_null(id->qp);
	cr_assert_eq(mock_verbs_live(), 0);
	for (n = 1;; n++) {
		iw_fault_arm(IW_FAULT_ALLOC | IW_FAULT_SYSCALL, n);
		if (!rdma_create_qp_ex(id, &attr))
			break;
		cr_assert_eq(mock_verbs_live(), 0);
		cr_assert_lt(n, 100);
	}
	iw_fault_arm(0, 0);
	cr_assert_gt(n, 5);
	end(ch, id);
}

Test(destroy_qp, busy__is_logged_and_forgotten)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = bound(ch, 0);
	struct ibv_qp_init_attr attr = util_qp_attr();
	struct ibv_cq *cq = ibv_create_cq(id->verbs, 4, NULL, NULL, 0);
	struct ibv_qp *qp;

	attr.send_cq = attr.recv_cq = cq;
	succeeds(rdma_create_qp(id, NULL, &attr));
	qp = id->qp;
	mock_verbs_fail(MOCK_DESTROY_QP, EBUSY);
	rdma_destroy_qp(id);
	cr_assert_null(id->qp);
	ibv_destroy_qp(qp);
	ibv_destroy_cq(cq);
	end(ch, id);
}

Test(init_qp_attr, order__bound_ids_only)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = util_id(ch), *ok = bound(ch, 0);
	struct ibv_qp_attr attr = { .qp_state = IBV_QPS_INIT };
	int mask = 0;

	fails_with(EINVAL, rdma_init_qp_attr(id, &attr, &mask));
	fails_with(EINVAL, rdma_init_qp_attr(ok, NULL, &mask));
	fails_with(EINVAL, rdma_init_qp_attr(ok, &attr, NULL));
	succeeds(rdma_init_qp_attr(ok, &attr, &mask));
	cr_assert_eq(mask, 0x29);
	attr.qp_state = (enum ibv_qp_state)(IBV_QPS_ERR + 1);
	fails_with(EINVAL, rdma_init_qp_attr(ok, &attr, &mask));
	attr.qp_state = (enum ibv_qp_state) - 1;
	fails_with(EINVAL, rdma_init_qp_attr(ok, &attr, &mask));
	attr.qp_state = IBV_QPS_INIT;
	fake_fail(FAKE_INIT_QP_ATTR, -EINVAL);
	fails_with(EINVAL, rdma_init_qp_attr(ok, &attr, &mask));
	succeeds(rdma_listen(ok, 1));
	fails_with(EINVAL, rdma_init_qp_attr(ok, &attr, &mask));
	util_destroy(ok);
	end(ch, id);
}
