// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Connections of InfiniBand and datagrams; those of iWARP are in test_kdev.c. */
#include <criterion/criterion.h>
#include <errno.h>

#include "base/fault.h"
#include "driver/kernel/kpark.h"
#include "tests/kdev_ends.h"
#include "tests/kdev_fake.h"

static struct iw_cm_id *pending(void)
{
	const struct iw_cm_conn_param param = { .qp_num = 1, .ece = { 7, 8 } };
	struct iw_cm_id *id = kdev_make();

	iw_cm_set_transport(id, IW_CM_INFINIBAND);
	cr_assert_eq(iw_cm_connect(id, &param), 0);
	return id;
}

static struct iw_cm_id *responded(void)
{
	struct iw_cm_id *id = pending();
	struct rdma_ucm_event_resp *resp = queue_event(0, UCMA_EVENT_CONNECT_RESPONSE, 0);

	resp->param.conn.qp_num = 55;
	resp->ece.vendor_id = 9;
	kdev_pump_all();
	return id;
}

static struct iw_cm_id *request(struct iw_cm_id *listener, enum iw_cm_transport transport)
{
	queue_event(0, UCMA_EVENT_CONNECT_REQUEST, CHILD);
	kdev_pump_all();
	cr_assert_eq(nseen, 1);
	iw_cm_set_transport(seen[0].child, transport);
	return seen[0].child;
}

Test(kconn, connect__carries_ece, .init = kdev_setup)
{
	struct iw_cm_id *id = pending();

	cr_assert_eq(k.ece.vendor_id, 7);
	cr_assert_eq(k.ece.attr_mod, 8);
	kdev_finish(id);
}

Test(kconn, establish__completes_what_the_peer_accepted, .init = kdev_setup)
{
	struct iw_cm_id *id = responded();

	cr_assert_eq(nseen, 1);
	cr_assert_eq(seen[0].type, IW_CM_EVENT_CONNECT_RESPONSE);
	cr_assert_eq(seen[0].param.qp_num, 55);
	cr_assert_eq(seen[0].param.ece.vendor_id, 9);
	k.accept_uid = 1;
	cr_assert_eq(iw_cm_establish(id), 0);
	cr_assert_eq(k.param.valid, 0);
	cr_assert_eq(k.accept_uid, 0);
	queue_event(0, UCMA_EVENT_DISCONNECTED, 0);
	kdev_pump_all();
	cr_assert_eq(seen[1].type, IW_CM_EVENT_CLOSE);
	kdev_finish(id);
}

Test(kconn, establish__an_error_leaves_it_to_be_rejected, .init = kdev_setup)
{
	struct iw_cm_id *id = responded();

	iw_fault_arm(IW_FAULT_SYSCALL, 1);
	cr_assert_eq(iw_cm_establish(id), -ENOMEM);
	iw_fault_arm(0, 0);
	cr_assert_eq(iw_cm_reject(id, "no", 2, 34), 0);
	cr_assert_eq(k.reject_reason, 34);
	cr_assert_eq(k.commands[RDMA_USER_CM_CMD_REJECT], 1);
	kdev_finish(id);
}

Test(kconn, establish__of_what_was_given_up, .init = kdev_setup)
{
	struct iw_cm_id *id = responded();

	cr_assert_eq(driver->cm->disconnect(id, id->drv, true), 0);
	cr_assert_eq(k.commands[RDMA_USER_CM_CMD_REJECT], 1);
	cr_assert_eq(driver->cm->establish(id, id->drv), -ECANCELED);
	cr_assert_eq(k.commands[RDMA_USER_CM_CMD_DISCONNECT], 1);
	kdev_finish(id);
}

Test(kconn, disconnect__of_a_response_that_cannot_be_rejected, .init = kdev_setup)
{
	struct iw_cm_id *id = responded();

	k.fail_cmd = RDMA_USER_CM_CMD_REJECT;
	k.fail_errno = EINVAL;
	cr_assert_eq(driver->cm->disconnect(id, id->drv, true), 0);
	cr_assert_eq(k.commands[RDMA_USER_CM_CMD_DISCONNECT], 1);
	cr_assert_eq(seen[1].type, IW_CM_EVENT_CONNECT_REPLY);
	cr_assert_eq(seen[1].status, -ECANCELED);
	kdev_finish(id);
}

Test(kconn, disconnect__the_response_comes_later, .init = kdev_setup)
{
	struct iw_cm_id *id = pending();

	cr_assert_eq(iw_cm_disconnect(id, false), 0);
	cr_assert_eq(seen[0].status, -ECANCELED);
	queue_event(0, UCMA_EVENT_CONNECT_RESPONSE, 0);
	kdev_pump_all();
	cr_assert_eq(k.commands[RDMA_USER_CM_CMD_REJECT], 1);
	cr_assert_eq(nseen, 1);
	cr_assert_eq(k.commands[RDMA_USER_CM_CMD_DISCONNECT], 0);
	iw_cm_destroy(id);
	cr_assert_eq(kpark_count(), 0, "nothing to wait for");
	kdev_finish(NULL);
}

Test(kconn, disconnect__answers_a_close, .init = kdev_setup)
{
	struct iw_cm_id *id = responded();

	cr_assert_eq(iw_cm_establish(id), 0);
	k.fail_cmd = RDMA_USER_CM_CMD_DISCONNECT;
	k.fail_errno = EINVAL;
	cr_assert_eq(driver->cm->disconnect(id, id->drv, false), -EINVAL, "nothing said so");
	queue_event(0, UCMA_EVENT_DISCONNECTED, 0);
	kdev_pump_all();
	cr_assert_eq(driver->cm->disconnect(id, id->drv, false), 0, "nothing is left");
	k.fail_errno = EACCES;
	cr_assert_eq(driver->cm->disconnect(id, id->drv, false), -EACCES);
	kdev_finish(id);
}

Test(kconn, accept__pending_qp_may_be_stopped, .init = kdev_setup)
{
	struct iw_cm_id *id = kdev_listener(1), *child = request(id, IW_CM_INFINIBAND);
	const struct iw_cm_conn_param param = { .qp_num = 1, .ece = { 7, 8 } };

	cr_assert_eq(iw_cm_accept(child, &param), 0);
	cr_assert_eq(k.ece.attr_mod, 8);
	cr_assert_neq(k.accept_uid, 0);
	cr_assert_eq(driver->cm->modify_qp(child, child->drv, &qp, IW_QP_ERR, NULL), 0);
	iw_cm_destroy(child);
	cr_assert_eq(kpark_count(), 0);
	kdev_finish(id);
}

/* The peer's last message was lost, and it closes. */
Test(kconn, accept__the_peer_closes_before_it_stands, .init = kdev_setup)
{
	struct iw_cm_id *id = kdev_listener(1), *child = request(id, IW_CM_INFINIBAND);
	const struct iw_cm_conn_param param = { .qp_num = 1 };

	cr_assert_eq(iw_cm_accept(child, &param), 0);
	queue_event(CHILD, UCMA_EVENT_DISCONNECTED, CHILD);
	kdev_pump_all();
	cr_assert_eq(nseen, 2);
	cr_assert_eq(seen[1].type, IW_CM_EVENT_ESTABLISHED);
	cr_assert_eq(seen[1].status, -ECONNABORTED);
	cr_assert_eq(iw_cm_get_state(child), IW_CM_IDLE);
	cr_assert_eq(k.commands[RDMA_USER_CM_CMD_DISCONNECT], 1, "the peer is answered");
	iw_cm_destroy(child);
	kdev_finish(id);
}

/* The server dies before it has heard that its answer came. */
Test(kconn, connect__the_peer_takes_its_answer_back, .init = kdev_setup)
{
	struct iw_cm_id *id = responded();

	cr_assert_eq(iw_cm_establish(id), 0);
	queue_event(0, UCMA_EVENT_REJECTED, 0)->status = 28;
	kdev_pump_all();
	cr_assert_eq(nseen, 2);
	cr_assert_eq(seen[1].type, IW_CM_EVENT_CLOSE);
	cr_assert_eq(seen[1].status, 0);
	cr_assert_eq(iw_cm_get_state(id), IW_CM_IDLE);
	kdev_finish(id);
}

/* The reply's Q_Key is not the id's: the kernel calls that an error of the address. */
Test(kconn, datagram__a_reply_that_does_not_fit, .init = kdev_setup)
{
	const struct iw_cm_conn_param param = { .qp_num = 1 };
	struct iw_cm_id *id = kdev_make_datagram();

	cr_assert_eq(iw_cm_connect(id, &param), 0);
	queue_event(0, UCMA_EVENT_ADDR_ERROR, 0)->status = (uint32_t)-EINVAL;
	kdev_pump_all();
	cr_assert_eq(nseen, 1);
	cr_assert_eq(seen[0].type, IW_CM_EVENT_CONNECT_REPLY);
	cr_assert_eq(seen[0].status, -EINVAL);
	cr_assert_eq(iw_cm_get_state(id), IW_CM_IDLE);
	kdev_finish(id);
}

Test(kconn, datagram__nothing_follows_an_accept, .init = kdev_setup)
{
	struct iw_cm_id *id = kdev_listener(1), *child = request(id, IW_CM_DATAGRAM);
	const struct iw_cm_conn_param param = { .qp_num = 1, .qkey = 2 };

	cr_assert_eq(iw_cm_accept(child, &param), 0);
	cr_assert_eq(k.param.qkey, 2);
	cr_assert_eq(driver->cm->disconnect(child, child->drv, false), -EINVAL);
	cr_assert_eq(k.commands[RDMA_USER_CM_CMD_DISCONNECT], 0);
	iw_cm_destroy(child);
	kdev_finish(id);
}

Test(kconn, datagram__the_reply_names_a_destination, .init = kdev_setup)
{
	const struct iw_cm_conn_param param = { .qp_num = 1 };
	struct iw_cm_id *id = kdev_make_datagram();
	struct rdma_ucm_event_resp *resp;

	cr_assert_eq(iw_cm_connect(id, &param), 0);
	resp = queue_event(0, UCMA_EVENT_ESTABLISHED, 0);
	resp->param.ud.qp_num = 44;
	resp->param.ud.ah_attr.port_num = 1;
	kdev_pump_all();
	cr_assert_eq(seen[0].type, IW_CM_EVENT_CONNECT_REPLY);
	cr_assert_eq(seen[0].status, 0);
	cr_assert_eq(seen[0].param.qp_num, 44);
	kdev_finish(id);
}

Test(kconn, private_data__beyond_iwarp_the_kernel_decides, .init = kdev_setup)
{
	char data[256] = "data";
	struct iw_cm_conn_param param = { .private_data = data, .private_data_len = 256 };
	struct iw_cm_id *id = kdev_make();

	iw_cm_set_transport(id, IW_CM_INFINIBAND);
	cr_assert_eq(iw_cm_connect(id, &param), -EINVAL);
	cr_assert_eq(k.commands[RDMA_USER_CM_CMD_CONNECT], 0);
	param.private_data_len = 255;
	k.fail_cmd = RDMA_USER_CM_CMD_CONNECT;
	k.fail_errno = EINVAL;
	cr_assert_eq(iw_cm_connect(id, &param), -EINVAL);
	cr_assert_eq(k.commands[RDMA_USER_CM_CMD_CONNECT], 1);
	k.fail_cmd = -1;
	cr_assert_eq(iw_cm_connect(id, &param), 0);
	cr_assert_eq(k.param.private_data_len, 255);
	cr_assert_eq(driver->cm->reject(id, id->drv, data, 256, 0), -EINVAL);
	cr_assert_eq(driver->cm->reject(id, id->drv, data, 255, 0), 0);
	kdev_finish(id);
}
