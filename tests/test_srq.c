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
	attr.srq_type = IBV_SRQT_XRC;
	fails_with(EOPNOTSUPP, rdma_create_srq_ex(id, &attr));
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
