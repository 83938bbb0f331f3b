// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* QPs of InfiniBand and RoCE; those of iWARP are in test_kdev.c. */
#include <criterion/criterion.h>
#include <errno.h>

#include "base/fault.h"
#include "tests/kdev_ends.h"
#include "tests/kdev_fake.h"

static void setup(void)
{
	kdev_setup();
	device.transport_type = IBV_TRANSPORT_IB;
	qp.qp_type = IBV_QPT_RC;
}

static int modify(struct iw_cm_id *id, enum iw_qp_state to, const struct iw_cm_conn_param *param)
{
	return driver->cm->modify_qp(id, id->drv, &qp, to, param);
}

Test(kqp, modify__depths_are_those_accepted_with, .init = setup)
{
	struct iw_cm_conn_param param = { .responder_resources = 3, .initiator_depth = 4 };
	struct iw_cm_id *id = kdev_make();

	k.qp_attr.max_rd_atomic = 10;
	k.qp_attr.max_dest_rd_atomic = 11;
	k.qp_attr.qp_attr_mask = IBV_QP_STATE | IBV_QP_MAX_DEST_RD_ATOMIC;
	cr_assert_eq(modify(id, IW_QP_RTR, &param), 0);
	cr_assert_eq(v.modified, 2, "INIT again, for the access rights");
	cr_assert_eq(v.attr.max_dest_rd_atomic, 3);
	cr_assert_eq(modify(id, IW_QP_RTR, NULL), 0);
	cr_assert_eq(v.attr.max_dest_rd_atomic, 11);
	k.qp_attr.qp_attr_mask = IBV_QP_STATE | IBV_QP_MAX_QP_RD_ATOMIC;
	cr_assert_eq(modify(id, IW_QP_RTS, &param), 0);
	cr_assert_eq(v.modified, 5);
	cr_assert_eq(v.attr.max_rd_atomic, 4);
	cr_assert_eq(v.attr.max_dest_rd_atomic, 11);
	cr_assert_eq(modify(id, IW_QP_RTS, NULL), 0);
	cr_assert_eq(v.attr.max_rd_atomic, 10);
	param.initiator_depth = 256;
	cr_assert_eq(modify(id, IW_QP_RTS, &param), -EINVAL);
	kdev_finish(id);
}

Test(kqp, modify__datagrams_ask_for_init_alone, .init = setup)
{
	struct iw_cm_id *id = kdev_make_datagram();

	qp.qp_type = IBV_QPT_UD;
	k.qp_attr.qp_state = IBV_QPS_INIT;
	k.qp_attr.qp_attr_mask = IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT | IBV_QP_QKEY;
	k.qp_attr.qkey = 0x1234567;
	cr_assert_eq(modify(id, IW_QP_INIT, NULL), 0);
	cr_assert_eq(v.mask, (int)k.qp_attr.qp_attr_mask);
	cr_assert_eq(v.attr.qkey, 0x1234567);
	cr_assert_eq(modify(id, IW_QP_RTR, NULL), 0);
	cr_assert_eq(v.mask, IBV_QP_STATE);
	cr_assert_eq(v.attr.qp_state, IBV_QPS_RTR);
	cr_assert_eq(modify(id, IW_QP_RTS, NULL), 0);
	cr_assert_eq(v.mask, IBV_QP_STATE | IBV_QP_SQ_PSN);
	cr_assert_eq(v.attr.qp_state, IBV_QPS_RTS);
	cr_assert_eq(k.commands[RDMA_USER_CM_CMD_INIT_QP_ATTR], 1);
	cr_assert_eq(modify(id, IW_QP_ERR, NULL), 0);
	cr_assert_eq(v.attr.qp_state, IBV_QPS_ERR);
	cr_assert_eq(modify(id, IW_QP_RESET, NULL), 0);
	cr_assert_eq(v.attr.qp_state, IBV_QPS_RESET);
	kdev_finish(id);
}

Test(kqp, modify__faults, .init = setup)
{
	struct iw_cm_id *id = kdev_make();
	unsigned long n;

	for (n = 1;; n++) {
		iw_fault_arm(IW_FAULT_SYSCALL, n);
		if (!modify(id, IW_QP_RTR, NULL))
			break;
	}
	iw_fault_arm(0, 0);
	cr_assert_eq(n, 5, "two commands, two modifications");
	kdev_finish(id);
}
