// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The driver and the core over a kernel that the test plays. */
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "base/lock.h"
#include "driver/kernel/kpark.h"
#include "driver/registry.h"
#include "tests/kdev_ends.h"
#include "tests/kdev_fake.h"

/* ------------------------------------------------------------------ Events */

Test(kdev, pump__what_nobody_can_use_is_ignored, .init = kdev_setup)
{
	struct iw_cm_id *id = kdev_make();
	struct rdma_ucm_event_resp *resp;

	resp = queue_event(0, UCMA_EVENT_ADDR_RESOLVED, 0);
	resp->uid = 0xdeadbeef;
	resp = queue_event(0, UCMA_EVENT_ESTABLISHED, 1234);
	resp->uid = 0;
	queue_event(0, UCMA_EVENT_CONNECT_RESPONSE, 0);
	queue_event(0, UCMA_EVENT_MULTICAST_JOIN, 0);
	queue_event(0, 77, 0);
	queue_event(0, UINT32_MAX, 0);
	kdev_pump_all();
	cr_assert_eq(nseen, 0);
	k.ids[0].reported = 3; /* those that named it: a membership has its own uid */
	kdev_finish(id);
}

Test(kdev, pump__a_request_for_nobody_is_refused, .init = kdev_setup)
{
	struct iw_cm_id *id = kdev_make();

	queue_event(0, UCMA_EVENT_CONNECT_REQUEST, CHILD)->uid = 0xdeadbeef;
	kdev_pump_all();
	cr_assert(!k.ids[CHILD].used);
	cr_assert_eq(nseen, 0);
	k.ids[0].reported = 0;
	kdev_finish(id);
}

Test(kdev, pump__a_request_without_credit_is_refused, .init = kdev_setup)
{
	struct iw_cm_id *id = kdev_listener(1);

	queue_event(0, UCMA_EVENT_CONNECT_REQUEST, CHILD);
	queue_event(0, UCMA_EVENT_CONNECT_REQUEST, CHILD + 1);
	kdev_pump_all();
	cr_assert_eq(nseen, 1);
	cr_assert(k.ids[CHILD].used);
	cr_assert(!k.ids[CHILD + 1].used);
	iw_cm_destroy(seen[0].child);
	kdev_finish(id);
}

Test(kdev, pump__a_request_without_memory_is_refused, .init = kdev_setup)
{
	struct iw_cm_id *id = kdev_listener(4);

	for (unsigned int n = 1; nseen == 0; n++) {
		queue_event(0, UCMA_EVENT_CONNECT_REQUEST, CHILD);
		iw_fault_arm(IW_FAULT_ALLOC, n);
		kdev_pump_all();
		iw_fault_arm(0, 0);
		cr_assert_eq(k.ids[CHILD].used, nseen == 1);
		cr_assert_lt(n, 10);
	}
	iw_cm_destroy(seen[0].child);
	kdev_finish(id);
}

Test(kdev, pump__established_of_an_old_kernel_has_no_uid, .init = kdev_setup)
{
	struct iw_cm_id *id = kdev_listener(1);
	struct iw_cm_conn_param param = { .qp_num = 1 };

	queue_event(0, UCMA_EVENT_CONNECT_REQUEST, CHILD);
	kdev_pump_all();
	cr_assert_eq(iw_cm_accept(seen[0].child, &param), 0);
	queue_event(CHILD, UCMA_EVENT_ESTABLISHED, CHILD)->uid = 0;
	kdev_pump_all();
	cr_assert_eq(nseen, 2);
	cr_assert_eq(seen[1].type, IW_CM_EVENT_ESTABLISHED);
	iw_cm_destroy(seen[0].child);
	kdev_finish(id);
}

Test(kdev, pump__error_of_the_file, .init = kdev_setup)
{
	k.fail_cmd = RDMA_USER_CM_CMD_GET_EVENT;
	k.fail_errno = EACCES;
	cr_assert_eq(driver->source_pump(source), -EACCES);
	kdev_finish(NULL);
}

/* -------------------------------------------------------------------- Life */

Test(kdev, source_open__faults)
{
	static const unsigned long sites[] = { 1, 2, 2 }; /* the fork handlers stay */
	struct iw_source *none;
	int fd;

	driver = iw_driver_get(IW_DRIVER_KERNEL);
	for (size_t i = 0; i < IW_ARRAY_SIZE(sites); i++) {
		iw_fault_arm(IW_FAULT_ALLOC | IW_FAULT_SYSCALL, sites[i]);
		cr_assert_lt(driver->source_open(&none, &fd), 0, "case %zu", i);
		iw_fault_arm(0, 0);
	}
	cr_assert_eq(k.open_fds, 0);
}

Test(kdev, id_new__faults, .init = kdev_setup)
{
	struct iw_cm_open_arg arg = { .source = source, .ps = RDMA_PS_TCP, .qp_type = 2 };
	struct iw_cm_id *id = NULL;
	unsigned int n;

	for (n = 1;; n++) {
		iw_fault_arm(IW_FAULT_ALLOC | IW_FAULT_SYSCALL, n);
		if (!iw_cm_create(driver->cm, &arg, kdev_on_event, NULL, &id))
			break;
	}
	iw_fault_arm(0, 0);
	cr_assert_eq(n, 5, "the core's id, ours, the table, the command");
	kdev_finish(id);
}

Test(kdev, id_gone__even_if_the_kernel_refuses, .init = kdev_setup)
{
	struct iw_cm_id *id = kdev_make();

	k.fail_cmd = RDMA_USER_CM_CMD_DESTROY_ID;
	k.fail_errno = EACCES;
	cr_assert_eq(iw_cm_destroy(id), 0);
	k.ids[0].used = false;
	kdev_finish(NULL);
}

Test(kdev, fork__the_child_drops_what_it_has, .init = kdev_setup)
{
	struct iw_cm_id *id = kdev_make();
	int status;
	pid_t pid = fork();

	if (!pid) {
		unsigned int before = k.commands[RDMA_USER_CM_CMD_DESTROY_ID];

		if (iw_cm_qp_attach(id, &qp) || iw_cm_qp_modify(id, IW_QP_INIT) != -EACCES ||
		    v.modified)
			_exit(1);
		iw_cm_destroy(id);
		driver->source_close(source);
		_exit(k.commands[RDMA_USER_CM_CMD_DESTROY_ID] == before ? 0 : 2);
	}
	waitpid(pid, &status, 0);
	cr_assert_eq(status, 0);
	kdev_finish(id);
}

Test(kdev, migrate__follows_its_events, .init = kdev_setup)
{
	struct iw_source *other, *first = source;
	struct iw_cm_id *id = kdev_pending();
	int fd;

	cr_assert_eq(driver->source_open(&other, &fd), 0);
	queue_event(0, UCMA_EVENT_REJECTED, 0)->status = (uint32_t)-ECONNRESET;
	k.fail_cmd = RDMA_USER_CM_CMD_MIGRATE_ID;
	k.fail_errno = EACCES;
	cr_assert_eq(iw_cm_migrate(id, other, NULL, NULL), -EACCES);
	k.fail_cmd = -1;
	cr_assert_eq(iw_cm_migrate(id, other, NULL, NULL), 0);
	kdev_pump_all();
	cr_assert_eq(nseen, 0);
	source = other;
	kdev_pump_all();
	cr_assert_eq(nseen, 1);
	cr_assert_eq(seen[0].status, -ECONNREFUSED);
	iw_cm_destroy(id);
	driver->source_close(other);
	source = first;
	kdev_finish(NULL);
}

/* ---------------------------------------------------------------- Attempts */

Test(kdev, disconnect__of_an_attempt, .init = kdev_setup)
{
	struct iw_cm_id *id = kdev_pending();

	cr_assert_eq(iw_cm_disconnect(id, false), 0);
	cr_assert_eq(k.commands[RDMA_USER_CM_CMD_DISCONNECT], 0, "it would wait for the peer");
	cr_assert_eq(nseen, 1);
	cr_assert_eq(seen[0].type, IW_CM_EVENT_CONNECT_REPLY);
	cr_assert_eq(seen[0].status, -ECANCELED);
	queue_event(0, UCMA_EVENT_ESTABLISHED, 0);
	kdev_pump_all();
	cr_assert_eq(k.commands[RDMA_USER_CM_CMD_DISCONNECT], 1, "nobody wants it");
	queue_event(0, UCMA_EVENT_DISCONNECTED, 0);
	kdev_pump_all();
	cr_assert_eq(nseen, 1);
	kdev_finish(id);
}

Test(kdev, disconnect__with_the_outcome_unread, .init = kdev_setup)
{
	struct iw_cm_id *id = kdev_pending();

	queue_event(0, UCMA_EVENT_ESTABLISHED, 0);
	cr_assert_eq(iw_cm_disconnect(id, false), 0);
	cr_assert_eq(k.commands[RDMA_USER_CM_CMD_DISCONNECT], 1);
	cr_assert_eq(nseen, 1);
	cr_assert_eq(seen[0].status, 0);
	queue_event(0, UCMA_EVENT_DISCONNECTED, 0);
	kdev_pump_all();
	cr_assert_eq(nseen, 2);
	cr_assert_eq(seen[1].type, IW_CM_EVENT_CLOSE);
	kdev_finish(id);
}

Test(kdev, id_gone__of_an_attempt_is_parked, .init = kdev_setup)
{
	struct iw_cm_id *id = kdev_pending();

	cr_assert_eq(iw_cm_destroy(id), 0);
	cr_assert_eq(kpark_count(), 1);
	cr_assert(k.ids[0].used);
	id = kdev_make();
	cr_assert_eq(kpark_count(), 1, "no outcome yet");
	queue_event(0, UCMA_EVENT_ADDR_RESOLVED, 0);
	queue_event(0, UCMA_EVENT_UNREACHABLE, 0);
	iw_cm_destroy(id);
	id = kdev_make();
	cr_assert_eq(kpark_count(), 0);
	cr_assert_eq(k.open_fds, 1);
	kdev_finish(id);
}

Test(kdev, id_gone__of_an_attempt_with_the_outcome_unread, .init = kdev_setup)
{
	struct iw_cm_id *id = kdev_pending();

	queue_event(0, UCMA_EVENT_ESTABLISHED, 0);
	iw_cm_destroy(id);
	cr_assert_eq(kpark_count(), 0, "it is closed at once");
	kdev_finish(NULL);
}

static struct iw_cm_id *doomed;

static void *destroy_doomed(void *arg)
{
	iw_cm_destroy(doomed);
	__atomic_store_n(&doomed, NULL, __ATOMIC_RELEASE);
	return NULL;
}

static void destroy_meanwhile(void)
{
	on_the_way = NULL;
	cr_assert_eq(iw_thread_start(destroy_doomed, NULL, "iw-test"), 0);
	while (!kpark_count())
		usleep(1000);
	usleep(20000);
}

Test(kdev, id_gone__while_the_outcome_is_on_its_way, .init = kdev_setup)
{
	doomed = kdev_pending();
	queue_event(0, UCMA_EVENT_REJECTED, 0);
	on_the_way = destroy_meanwhile;
	kdev_pump_all();
	while (__atomic_load_n(&doomed, __ATOMIC_ACQUIRE))
		usleep(1000);
	cr_assert_eq(nseen, 0);
	cr_assert_eq(kpark_count(), 0, "no other outcome would come");
	kdev_finish(NULL);
}

static bool second_pump_done;

static void *second_pump(void *arg)
{
	kdev_pump_all();
	__atomic_store_n(&second_pump_done, true, __ATOMIC_RELEASE);
	return NULL;
}

/* The first thread has ESTABLISHED in its hands when another comes to pump. */
static void pump_meanwhile(void)
{
	on_the_way = NULL;
	cr_assert_eq(iw_thread_start(second_pump, NULL, "iw-test"), 0);
	usleep(50000);
}

Test(kdev, pump__two_threads_keep_the_order_of_an_id, .init = kdev_setup)
{
	struct iw_cm_id *id = kdev_pending();

	queue_event(0, UCMA_EVENT_ESTABLISHED, 0);
	queue_event(0, UCMA_EVENT_DISCONNECTED, 0);
	on_the_way = pump_meanwhile;
	kdev_pump_all();
	while (!__atomic_load_n(&second_pump_done, __ATOMIC_ACQUIRE))
		usleep(1000);
	cr_assert_eq(nseen, 2);
	cr_assert_eq(seen[0].type, IW_CM_EVENT_CONNECT_REPLY);
	cr_assert_eq(seen[0].status, 0);
	cr_assert_eq(seen[1].type, IW_CM_EVENT_CLOSE);
	kdev_finish(id);
}

Test(kdev, id_gone__of_an_attempt_whose_device_goes, .init = kdev_setup)
{
	struct iw_cm_id *id = kdev_pending();

	queue_event(0, UCMA_EVENT_DEVICE_REMOVAL, 0);
	kdev_pump_all();
	iw_cm_destroy(id);
	cr_assert_eq(kpark_count(), 0);
	kdev_finish(NULL);
}

Test(kdev, id_gone__waits_if_it_cannot_be_parked, .init = kdev_setup)
{
	struct iw_cm_id *id = kdev_pending();

	k.fail_cmd = RDMA_USER_CM_CMD_MIGRATE_ID;
	k.fail_errno = ENOMEM;
	iw_cm_destroy(id);
	cr_assert_eq(kpark_count(), 0);
	kdev_finish(NULL);
}

Test(kdev, id_gone__faults_while_parking, .init = kdev_setup)
{
	for (unsigned long n = 1; n <= 3; n++) { /* memory, open, MIGRATE_ID */
		struct iw_cm_id *id = kdev_pending();

		iw_fault_arm(IW_FAULT_ALLOC | IW_FAULT_SYSCALL, n);
		iw_cm_destroy(id);
		cr_assert_geq(iw_fault_passed(), n);
		iw_fault_arm(0, 0);
		cr_assert_eq(kpark_count(), 0);
		cr_assert_eq(k.open_fds, 1);
	}
	kdev_finish(NULL);
}

Test(kdev, connect__a_failed_call_owes_nothing, .init = kdev_setup)
{
	struct iw_cm_conn_param param = { .qp_num = 1 };
	struct iw_cm_id *id = kdev_make();

	k.fail_cmd = RDMA_USER_CM_CMD_CONNECT;
	k.fail_errno = ECONNREFUSED;
	cr_assert_eq(iw_cm_connect(id, &param), -ECONNREFUSED);
	iw_cm_destroy(id);
	cr_assert_eq(kpark_count(), 0);
	kdev_finish(NULL);
}

static struct iw_cm_id *connecting;

static void give_up(void)
{
	cr_assert_eq(iw_cm_disconnect(connecting, false), 0);
}

/* Once, by event: the program must not be told to try again besides. */
Test(kdev, connect__fails_after_it_was_given_up, .init = kdev_setup)
{
	struct iw_cm_conn_param param = { .qp_num = 1 };

	connecting = kdev_make();
	while_connecting = give_up;
	k.fail_cmd = RDMA_USER_CM_CMD_CONNECT;
	k.fail_errno = ECONNREFUSED;
	cr_assert_eq(iw_cm_connect(connecting, &param), 0);
	cr_assert_eq(nseen, 1);
	cr_assert_eq(seen[0].type, IW_CM_EVENT_CONNECT_REPLY);
	cr_assert_eq(seen[0].status, -ECANCELED);
	iw_cm_destroy(connecting);
	cr_assert_eq(kpark_count(), 0);
	kdev_finish(NULL);
}

Test(kdev, connect__limits_of_the_wire, .init = kdev_setup)
{
	struct iw_cm_conn_param param = { .qp_num = 1, .private_data_len = 252 };
	struct iw_cm_id *id = kdev_make();
	char data[256] = "data";

	param.private_data = data;
	cr_assert_eq(iw_cm_connect(id, &param), -EINVAL);
	param.private_data_len = 251;
	param.responder_resources = 256;
	cr_assert_eq(iw_cm_connect(id, &param), -EINVAL);
	param.responder_resources = 0;
	param.initiator_depth = 256;
	cr_assert_eq(iw_cm_connect(id, &param), -EINVAL);
	cr_assert_eq(k.commands[RDMA_USER_CM_CMD_CONNECT], 0);
	param.initiator_depth = 255;
	cr_assert_eq(iw_cm_connect(id, &param), 0);
	cr_assert_eq(k.param.private_data_len, 251);
	cr_assert_eq(k.param.initiator_depth, 255);
	cr_assert_eq(k.param.valid, 1);
	queue_event(0, UCMA_EVENT_REJECTED, 0);
	kdev_pump_all();
	kdev_finish(id);
}

Test(kdev, reject__limits_of_the_wire, .init = kdev_setup)
{
	struct iw_cm_id *id = kdev_listener(1);
	char data[256] = "";

	queue_event(0, UCMA_EVENT_CONNECT_REQUEST, CHILD);
	kdev_pump_all();
	cr_assert_eq(driver->cm->reject(seen[0].child, seen[0].child->drv, data, 252, 0), -EINVAL);
	cr_assert_eq(driver->cm->reject(seen[0].child, seen[0].child->drv, NULL, 1, 0), -EINVAL);
	cr_assert_eq(driver->cm->reject(seen[0].child, seen[0].child->drv, data, 251, 0), 0);
	iw_cm_destroy(seen[0].child);
	kdev_finish(id);
}

/* --------------------------------------------------------------- Addressing */

Test(kdev, query__with_and_without_a_device, .init = kdev_setup)
{
	struct iw_cm_id *id = kdev_make();
	struct iw_cm_addr_info info;

	cr_assert_eq(iw_cm_query(id, &info), 0);
	cr_assert_eq(info.ibdev_index, -1);
	cr_assert_eq(info.port_num, 0);
	cr_assert_eq(info.src.ss_family, 0);
	k.route.node_guid = 42;
	k.route.port_num = 1;
	k.route.src_addr.sin6_family = AF_INET6;
	cr_assert_eq(iw_cm_query(id, &info), 0);
	cr_assert_eq(info.ibdev_index, 0, "device 0 is a device");
	cr_assert_eq(info.node_guid, 42);
	cr_assert_eq(info.src.ss_family, AF_INET6);
	k.route_len = offsetof(struct rdma_ucm_query_route_resp, ibdev_index);
	cr_assert_eq(iw_cm_query(id, &info), 0);
	cr_assert_eq(info.ibdev_index, -1, "an old kernel says nothing");
	kdev_finish(id);
}

Test(kdev, set_option_and_notify__pass, .init = kdev_setup)
{
	struct iw_cm_id *id = kdev_make();
	int on = 1;

	cr_assert_eq(iw_cm_set_option(id, 0, 1, &on, sizeof(on)), 0);
	cr_assert_eq(iw_cm_notify(id, 2), 0);
	k.fail_cmd = RDMA_USER_CM_CMD_SET_OPTION;
	k.fail_errno = ENOSYS;
	cr_assert_eq(iw_cm_set_option(id, 7, 1, &on, sizeof(on)), -ENOSYS);
	kdev_finish(id);
}

/* ---------------------------------------------------------------------- QPs */

static int modify(struct iw_cm_id *id, enum iw_qp_state to)
{
	return driver->cm->modify_qp(id, id->drv, &qp, to, NULL);
}

Test(kdev, modify_qp__iwarp_asks_nobody, .init = kdev_setup)
{
	struct iw_cm_id *id = kdev_make();

	cr_assert_eq(modify(id, IW_QP_INIT), 0);
	cr_assert_eq(v.mask, 0x29);
	cr_assert_eq(v.attr.qp_access_flags, 0);
	cr_assert_eq(v.attr.port_num, 1);
	cr_assert_eq(modify(id, IW_QP_RTR), 0);
	cr_assert_eq(v.mask, 0x29);
	cr_assert_eq(v.attr.qp_state, IBV_QPS_RTR);
	cr_assert_eq(v.attr.qp_access_flags, IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_READ);
	cr_assert_eq(modify(id, IW_QP_RTS), 0);
	cr_assert_eq(v.modified, 2, "the kernel makes RTS");
	cr_assert_eq(modify(id, IW_QP_SQD), 0);
	cr_assert_eq(v.attr.qp_state, IBV_QPS_SQD);
	cr_assert_eq(v.mask, IBV_QP_STATE);
	cr_assert_eq(modify(id, IW_QP_ERR), 0);
	cr_assert_eq(v.attr.qp_state, IBV_QPS_ERR);
	cr_assert_eq(modify(id, IW_QP_NSTATES), -EINVAL);
	cr_assert_eq(k.commands[RDMA_USER_CM_CMD_INIT_QP_ATTR], 0);
	kdev_finish(id);
}

Test(kdev, modify_qp__errors, .init = kdev_setup)
{
	struct iw_cm_id *id = kdev_make();

	v.ret_sqd = EINVAL;
	cr_assert_eq(modify(id, IW_QP_SQD), 0, "ERR does it");
	cr_assert_eq(v.attr.qp_state, IBV_QPS_ERR);
	v.ret = ENOTCONN;
	cr_assert_eq(modify(id, IW_QP_SQD), -ENOTCONN);
	v.ret = -1;
	errno = EIO;
	cr_assert_eq(modify(id, IW_QP_INIT), -EIO);
	v.ret = 0;
	iw_fault_arm(IW_FAULT_SYSCALL, 1);
	cr_assert_eq(modify(id, IW_QP_INIT), -ENOMEM);
	iw_fault_arm(0, 0);
	kdev_finish(id);
}

Test(kdev, modify_qp__never_while_an_accept_is_pending, .init = kdev_setup)
{
	struct iw_cm_id *id = kdev_listener(1), *child;
	struct iw_cm_conn_param param = { .qp_num = 1 };

	queue_event(0, UCMA_EVENT_CONNECT_REQUEST, CHILD);
	kdev_pump_all();
	child = seen[0].child;
	cr_assert_eq(iw_cm_accept(child, &param), 0);
	cr_assert_eq(modify(child, IW_QP_ERR), -EBUSY);
	cr_assert_eq(modify(child, IW_QP_SQD), -EBUSY);
	cr_assert_eq(v.modified, 0);
	queue_event(CHILD, UCMA_EVENT_ESTABLISHED, CHILD);
	kdev_pump_all();
	cr_assert_eq(modify(child, IW_QP_ERR), 0);
	iw_cm_destroy(child);
	kdev_finish(id);
}

Test(kdev, modify_qp__other_transports_ask_the_kernel, .init = kdev_setup)
{
	struct iw_cm_id *id = kdev_make();

	device.transport_type = IBV_TRANSPORT_IB;
	k.qp_attr.qp_state = IBV_QPS_RTR;
	k.qp_attr.qp_attr_mask = IBV_QP_STATE | IBV_QP_PKEY_INDEX;
	k.qp_attr.pkey_index = 3;
	k.qp_attr.ah_attr.port_num = 2;
	k.qp_attr.ah_attr.grh.dgid[15] = 9;
	cr_assert_eq(modify(id, IW_QP_RTR), 0);
	cr_assert_eq(v.mask, IBV_QP_STATE | IBV_QP_PKEY_INDEX);
	cr_assert_eq(v.attr.pkey_index, 3);
	cr_assert_eq(v.attr.ah_attr.port_num, 2);
	cr_assert_eq(v.attr.ah_attr.grh.dgid.raw[15], 9);
	cr_assert_eq(modify(id, IW_QP_SQD), 0);
	cr_assert_eq(v.attr.qp_state, IBV_QPS_ERR, "SQD is not Closing there");
	k.fail_cmd = RDMA_USER_CM_CMD_INIT_QP_ATTR;
	k.fail_errno = EINVAL;
	cr_assert_eq(modify(id, IW_QP_INIT), -EINVAL);
	cr_assert_eq(v.queried, 0);
	kdev_finish(id);
}

Test(kdev, destroy__infiniband_is_never_parked, .init = kdev_setup)
{
	struct iw_cm_id *id = kdev_make();
	struct iw_cm_conn_param param = { .qp_num = 1 };

	iw_cm_set_transport(id, IW_CM_INFINIBAND);
	cr_assert_eq(iw_cm_connect(id, &param), 0);
	iw_cm_destroy(id);
	cr_assert_eq(kpark_count(), 0);
	kdev_finish(NULL);
}

static void expect_depths(uint32_t vendor_id, uint16_t responder_resources)
{
	struct iw_cm_id *id = kdev_pending();
	struct rdma_ucm_event_resp *resp;

	v.vendor_id = vendor_id;
	cr_assert_eq(modify(id, IW_QP_INIT), 0);
	resp = queue_event(0, UCMA_EVENT_ESTABLISHED, 0);
	resp->param.conn.responder_resources = 2;
	resp->param.conn.initiator_depth = 5;
	kdev_pump_all();
	cr_assert_eq(seen[(nseen - 1) % SEEN_MAX].param.responder_resources, responder_resources);
	iw_cm_destroy(id);
}

Test(kdev, depths__siw_swaps_them_and_is_asked_once, .init = kdev_setup)
{
	expect_depths(0x626d74, 5);
	expect_depths(0x626d74, 5);
	cr_assert_eq(v.queried, 1);
	strcpy(device.name, "cxgb4_0");
	expect_depths(0x1425, 2);
	cr_assert_eq(v.queried, 2);
	kdev_finish(NULL);
}

Test(kdev, depths__unknown_after_a_fault, .init = kdev_setup)
{
	struct iw_cm_id *id = kdev_make();

	iw_fault_arm(IW_FAULT_SYSCALL, 1);
	cr_assert_eq(modify(id, IW_QP_INIT), 0);
	iw_fault_arm(0, 0);
	cr_assert_eq(v.queried, 0);
	cr_assert_eq(modify(id, IW_QP_RTR), 0);
	cr_assert_eq(v.queried, 1, "asked again");
	kdev_finish(id);
}
