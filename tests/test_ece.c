// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * What iWARP has not, and says so: enhanced connection establishment and
 * multicast.
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

Test(multicast, join__is_for_datagrams)
{
	struct sockaddr_in here = fake_addr(0, PORT), group = { .sin_family = AF_INET };
	struct sockaddr *to = (struct sockaddr *)&group;
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *stream = util_id(ch), *id;

	succeeds(rdma_create_id(ch, &id, NULL, RDMA_PS_UDP));
	fails_with(EINVAL, rdma_join_multicast(id, to, NULL)); /* not bound */
	succeeds(rdma_bind_addr(id, (struct sockaddr *)&here));
	fails_with(EOPNOTSUPP, rdma_join_multicast(id, to, NULL));
	fails_with(EINVAL, rdma_join_multicast(id, NULL, NULL));
	fails_with(EINVAL, rdma_join_multicast(NULL, to, NULL));
	fails_with(EADDRNOTAVAIL, rdma_leave_multicast(id, to));
	fails_with(EINVAL, rdma_leave_multicast(id, NULL));
	fails_with(EINVAL, rdma_leave_multicast(NULL, to));
	util_destroy(id);
	here = fake_addr(0, PORT + 1);
	succeeds(rdma_bind_addr(stream, (struct sockaddr *)&here));
	fails_with(EINVAL, rdma_join_multicast(stream, to, NULL));
	util_destroy(stream);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

Test(multicast, join_ex__attributes)
{
	struct sockaddr_in here = fake_addr(0, PORT), group = { .sin_family = AF_INET };
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_join_mc_attr_ex attr = { .addr = (struct sockaddr *)&group };
	struct rdma_cm_id *id;

	succeeds(rdma_create_id(ch, &id, NULL, RDMA_PS_UDP));
	succeeds(rdma_bind_addr(id, (struct sockaddr *)&here));
	fails_with(EINVAL, rdma_join_multicast_ex(id, NULL, NULL));
	fails_with(EINVAL, rdma_join_multicast_ex(id, &attr, NULL));
	attr.comp_mask = RDMA_CM_JOIN_MC_ATTR_RESERVED;
	fails_with(ENOTSUP, rdma_join_multicast_ex(id, &attr, NULL));
	attr.comp_mask = RDMA_CM_JOIN_MC_ATTR_ADDRESS | RDMA_CM_JOIN_MC_ATTR_JOIN_FLAGS;
	attr.join_flags = RDMA_MC_JOIN_FLAG_RESERVED;
	fails_with(EINVAL, rdma_join_multicast_ex(id, &attr, NULL));
	attr.join_flags = RDMA_MC_JOIN_FLAG_SENDONLY_FULLMEMBER;
	fails_with(EOPNOTSUPP, rdma_join_multicast_ex(id, &attr, NULL));
	util_destroy(id);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}
