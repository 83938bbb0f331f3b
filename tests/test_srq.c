// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * rdma_create_srq(3) and its kind, over verbs in memory.
 */
#include <rdma/rdma_verbs.h>

#include "tests/shim_util.h"

static struct rdma_event_channel *ch;

static struct rdma_cm_id *bound(void)
{
	struct sockaddr_in addr = fake_addr(0, PORT);
	struct rdma_cm_id *id;

	ch = util_channel();
	id = util_id(ch);
	succeeds(rdma_bind_addr(id, (struct sockaddr *)&addr));
	return id;
}

static void end(struct rdma_cm_id *id)
{
	util_destroy(id);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

Test(srq, create__on_the_default_pd_with_what_was_made_told)
{
	struct ibv_srq_init_attr attr = { .srq_context = &ch, .attr = { .max_wr = 5 } };
	struct rdma_cm_id *id = bound();

	succeeds(rdma_create_srq(id, NULL, &attr));
	cr_assert_eq(id->srq->pd, id->pd);
	cr_assert_eq(id->srq->srq_context, &ch);
	cr_assert_eq(attr.attr.max_wr, 6);
	fails_with(EINVAL, rdma_create_srq(id, NULL, &attr)); /* one is all */
	rdma_destroy_srq(id);
	cr_assert_null(id->srq);
	rdma_destroy_srq(id);
	succeeds(rdma_create_srq(id, id->pd, &attr));
	rdma_destroy_srq(id);
	end(id);
}

Test(srq, create__a_qp_of_the_id_uses_it)
{
	struct ibv_srq_init_attr attr = { .attr = { .max_wr = 5 } };
	struct rdma_cm_id *id = bound();

	succeeds(rdma_create_srq(id, NULL, &attr));
	util_qp(id);
	cr_assert_eq(id->qp->srq, id->srq);
	rdma_destroy_qp(id);
	rdma_destroy_srq(id);
	end(id);
}

Test(srq, create_ex__needs_a_type)
{
	struct ibv_srq_init_attr_ex attr = { .attr = { .max_wr = 5 } };
	struct rdma_cm_id *id = bound();

	fails_with(EINVAL, rdma_create_srq_ex(id, &attr));
	attr.comp_mask = IBV_SRQ_INIT_ATTR_TYPE;
	attr.srq_type = IBV_SRQT_XRC; /* not on this device */
	fails_with(EOPNOTSUPP, rdma_create_srq_ex(id, &attr));
	cr_assert_null(attr.pd);
	attr.srq_type = IBV_SRQT_BASIC;
	succeeds(rdma_create_srq_ex(id, &attr));
	cr_assert_eq(attr.pd, id->pd);
	rdma_destroy_srq(id);
	end(id);
}

Test(srq, create__bad_arguments)
{
	struct ibv_srq_init_attr attr = { .attr = { .max_wr = 5 } };
	struct ibv_context elsewhere;
	struct ibv_pd foreign = { .context = &elsewhere };
	struct rdma_cm_id *id = bound(), *unbound = util_id(ch);

	fails_with(EINVAL, rdma_create_srq(NULL, NULL, &attr));
	fails_with(EINVAL, rdma_create_srq(id, NULL, NULL));
	fails_with(EINVAL, rdma_create_srq_ex(id, NULL));
	fails_with(EINVAL, rdma_create_srq(id, &foreign, &attr));
	fails_with(EINVAL, rdma_create_srq(unbound, NULL, &attr));
	rdma_destroy_srq(NULL);
	util_destroy(unbound);
	end(id);
}

Test(srq, create__verbs_fail)
{
	struct ibv_srq_init_attr attr = { .attr = { .max_wr = 5 } };
	struct rdma_cm_id *id = bound();

	mock_verbs_fail(MOCK_CREATE_SRQ, ENOSPC);
	fails_with(ENOSPC, rdma_create_srq(id, NULL, &attr));
	iw_fault_arm(IW_FAULT_SYSCALL, 1);
	fails_with(ENOMEM, rdma_create_srq(id, NULL, &attr));
	iw_fault_arm(0, 0);
	cr_assert_null(id->srq);
	cr_assert_eq(attr.attr.max_wr, 5);
	end(id);
}

Test(srq, destroy__fails)
{
	struct ibv_srq_init_attr attr = { .attr = { .max_wr = 5 } };
	struct rdma_cm_id *id = bound();
	struct ibv_srq *srq;

	succeeds(rdma_create_srq(id, NULL, &attr));
	srq = id->srq;
	mock_verbs_fail(MOCK_DESTROY_SRQ, EBUSY);
	rdma_destroy_srq(id);
	cr_assert_null(id->srq);
	cr_assert_eq(ibv_destroy_srq(srq), 0);
	end(id);
}

/* ---- XRC */

static struct ibv_srq_init_attr_ex xrc_attr(void)
{
	return (struct ibv_srq_init_attr_ex){ .attr = { .max_wr = 5 },
					      .comp_mask = IBV_SRQ_INIT_ATTR_TYPE,
					      .srq_type = IBV_SRQT_XRC };
}

Test(srq, xrc__gets_a_domain_and_a_queue_that_go_with_it)
{
	struct ibv_srq_init_attr_ex attr = xrc_attr();
	struct rdma_cm_id *id;
	struct ibv_xrcd *domain;

	mock_verbs_xrc(true);
	id = bound();
	succeeds(rdma_create_srq_ex(id, &attr));
	cr_assert_not_null(attr.xrcd);
	cr_assert_eq(attr.cq, id->recv_cq);
	cr_assert_eq(attr.cq->cqe, 5);
	cr_assert_not_null(id->recv_cq_channel);
	cr_assert_eq(attr.pd, id->pd);
	fails_with(EINVAL, rdma_create_srq_ex(id, &attr));
	domain = attr.xrcd;
	rdma_destroy_srq(id);
	cr_assert_null(id->srq);
	cr_assert_null(id->recv_cq);
	attr = xrc_attr();
	succeeds(rdma_create_srq_ex(id, &attr));
	cr_assert_eq(attr.xrcd, domain, "one a device");
	cr_assert_eq(mock_verbs_calls(MOCK_OPEN_XRCD), 1);
	rdma_destroy_srq(id);
	end(id);
}

Test(srq, xrc__what_the_program_brings_is_used_and_stays)
{
	struct ibv_srq_init_attr_ex attr = xrc_attr(), mine = xrc_attr();
	struct rdma_cm_id *id;

	mock_verbs_xrc(true);
	id = bound();
	succeeds(rdma_create_srq_ex(id, &attr)); /* makes the domain */
	mine.comp_mask |= IBV_SRQ_INIT_ATTR_XRCD | IBV_SRQ_INIT_ATTR_CQ;
	mine.xrcd = attr.xrcd;
	mine.cq = ibv_create_cq(id->verbs, 9, NULL, NULL, 0);
	rdma_destroy_srq(id);
	succeeds(rdma_create_srq_ex(id, &mine));
	cr_assert_null(id->recv_cq);
	rdma_destroy_srq(id);
	cr_assert_eq(ibv_destroy_cq(mine.cq), 0);
	end(id);
}

Test(srq, xrc__a_target_qp_has_the_domain_and_no_queues)
{
	struct ibv_qp_init_attr qp = util_qp_attr();
	struct ibv_srq_init_attr_ex attr = xrc_attr();
	struct rdma_cm_id *id;

	mock_verbs_xrc(true);
	id = bound();
	succeeds(rdma_create_srq_ex(id, &attr));
	qp.qp_type = IBV_QPT_XRC_RECV;
	succeeds(rdma_create_qp(id, NULL, &qp));
	cr_assert_eq(mock_verbs_last_qp()->xrcd, attr.xrcd);
	cr_assert(mock_verbs_last_qp()->comp_mask & IBV_QP_INIT_ATTR_XRCD);
	cr_assert_null(mock_verbs_last_qp()->recv_cq);
	cr_assert_null(mock_verbs_last_qp()->pd);
	rdma_destroy_qp(id);
	cr_assert_not_null(id->recv_cq, "the SRQ's");
	rdma_destroy_srq(id);
	mock_verbs_fail(MOCK_CREATE_QP, ENOSPC);
	fails_with(ENOSPC, rdma_create_qp(id, NULL, &qp));
	end(id);
}

Test(srq, xrc__a_source_qp_leaves_the_queue_of_the_srq)
{
	struct ibv_srq_init_attr_ex attr = xrc_attr();
	struct rdma_cm_id *id;

	mock_verbs_xrc(true);
	id = bound();
	succeeds(rdma_create_srq_ex(id, &attr));
	util_qp(id);
	cr_assert_eq(id->qp->recv_cq, id->recv_cq);
	cr_assert_neq(id->qp->send_cq, id->recv_cq);
	rdma_destroy_qp(id);
	rdma_destroy_srq(id);
	end(id);
}

Test(srq, xrc__each_step_may_fail)
{
	const enum mock_call steps[] = { MOCK_OPEN_XRCD, MOCK_CREATE_COMP_CHANNEL, MOCK_CREATE_CQ,
					 MOCK_CREATE_SRQ_EX };
	struct ibv_srq_init_attr_ex attr = xrc_attr();
	struct ibv_qp_init_attr qp = util_qp_attr();
	struct rdma_cm_id *id;

	mock_verbs_xrc(true);
	id = bound();
	mock_verbs_fail(MOCK_OPEN_XRCD, ENOSYS);
	qp.qp_type = IBV_QPT_XRC_RECV;
	fails_with(ENOSYS, rdma_create_qp(id, NULL, &qp));
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		mock_verbs_fail(steps[i], EMFILE);
		fails_with(EMFILE, rdma_create_srq_ex(id, &attr));
		cr_assert_null(attr.xrcd);
		cr_assert_null(attr.cq);
		cr_assert_null(id->recv_cq);
	}
	for (unsigned long n = 1;; n++) {
		iw_fault_arm(IW_FAULT_SYSCALL, n);
		errno = 0;
		if (!rdma_create_srq_ex(id, &attr))
			break;
		cr_assert_eq(errno, ENOMEM);
	}
	iw_fault_arm(0, 0);
	rdma_destroy_srq(id);
	end(id);
}

Test(srq, xrc__the_domain_goes_with_a_removed_device)
{
	struct ibv_srq_init_attr_ex attr = xrc_attr();
	struct rdma_cm_id *id;

	for (int fails = 0; fails < 2; fails++) {
		mock_verbs_xrc(true);
		id = bound();
		attr = xrc_attr();
		succeeds(rdma_create_srq_ex(id, &attr));
		rdma_destroy_srq(id);
		fake_post_plain(id, IW_CM_EVENT_DEVICE_GONE, 0);
		util_expect(ch, RDMA_CM_EVENT_DEVICE_REMOVAL);
		if (fails)
			mock_verbs_fail(MOCK_CLOSE_XRCD, EBUSY);
		end(id);
		cr_assert_eq(mock_verbs_contexts(), fails ? 2 : 0);
	}
}
