// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * What iWARP has not, and says so: enhanced connection establishment.
 */
#include "tests/shim_util.h"

Test(ece, options__are_checked_and_go_nowhere)
{
	struct ibv_ece ece = { .vendor_id = 7, .options = 9 };
	struct pair p = util_pair();
	struct ibv_qp *qp = p.client->qp;

	fails_with(EINVAL, rdma_set_local_ece(p.client, &ece)); /* the id has a QP */
	fails_with(EINVAL, rdma_get_remote_ece(p.client, &ece));
	p.client->qp = NULL;
	succeeds(rdma_set_local_ece(p.client, &ece));
	succeeds(rdma_get_remote_ece(p.client, &ece));
	cr_assert_eq(ece.vendor_id, 0);
	cr_assert_eq(ece.options, 0);
	fails_with(EINVAL, rdma_set_local_ece(p.client, &ece)); /* no vendor */
	ece = (struct ibv_ece){ .vendor_id = 7, .comp_mask = 1 };
	fails_with(EINVAL, rdma_set_local_ece(p.client, &ece));
	fails_with(EINVAL, rdma_set_local_ece(p.client, NULL));
	fails_with(EINVAL, rdma_get_remote_ece(p.client, NULL));
	fails_with(EINVAL, rdma_set_local_ece(NULL, &ece));
	p.client->qp = qp;
	util_end_pair(&p);
	util_all_gone();
}

Test(ece, reject__as_without)
{
	struct pair p = util_request();
	struct rdma_cm_event *ev;

	fails_with(EINVAL, rdma_reject_ece(p.client, NULL, 0));
	fails_with(EINVAL, rdma_reject_ece(p.child, NULL, 1));
	succeeds(rdma_reject_ece(p.child, "no", 2));
	ev = util_next(p.ch, RDMA_CM_EVENT_REJECTED);
	cr_assert_eq(ev->param.conn.private_data_len, 2);
	succeeds(rdma_ack_cm_event(ev));
	util_end_pair(&p);
	util_all_gone();
}
