// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Queue pairs: creation, numbers, states, and how a stream ends. */
#include <criterion/criterion.h>
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "soft_qp_fake.h"

static const struct soft_stream plain = { .initiator = true, .ird = 4, .ord = 2 };
static char buf[1 << 20];

static void setup(void)
{
	fake_setup(16);
}

TestSuite(qp, .init = setup, .fini = fake_teardown);

static struct ibv_qp_init_attr_ex init_attr(void)
{
	return (struct ibv_qp_init_attr_ex){ .send_cq = &fake.send_cq.ibv,
					     .recv_cq = &fake.recv_cq.ibv,
					     .cap = { .max_send_wr = 5, .max_send_sge = 1 },
					     .qp_type = IBV_QPT_RC,
					     .comp_mask = IBV_QP_INIT_ATTR_PD,
					     .pd = &fake.pd.ibv };
}

static int modify(enum ibv_qp_state state)
{
	struct ibv_qp_attr attr = { .qp_state = state };

	return soft_qp_modify(fake.qp, &attr, IBV_QP_STATE);
}

static int post_recv(uint64_t id)
{
	struct ibv_recv_wr wr = { .wr_id = id }, *bad;

	return soft_qp_post_recv(fake.qp, &wr, &bad);
}

/* ---- create, find, query */

Test(qp, create__refuses_what_is_not_ours)
{
	struct ibv_qp_init_attr_ex attr;
	struct soft_qp *qp = NULL;

	attr = init_attr();
	attr.qp_type = IBV_QPT_UD;
	cr_assert_eq(soft_qp_create(&fake.ctx, &attr, &qp), -EOPNOTSUPP);
	attr = init_attr();
	attr.comp_mask |= IBV_QP_INIT_ATTR_XRCD;
	cr_assert_eq(soft_qp_create(&fake.ctx, &attr, &qp), -EOPNOTSUPP);
	attr = init_attr();
	attr.comp_mask |= IBV_QP_INIT_ATTR_CREATE_FLAGS;
	attr.create_flags = 1;
	cr_assert_eq(soft_qp_create(&fake.ctx, &attr, &qp), -EOPNOTSUPP);
	attr = init_attr();
	attr.comp_mask |= IBV_QP_INIT_ATTR_SEND_OPS_FLAGS;
	attr.send_ops_flags = IBV_QP_EX_WITH_TSO;
	cr_assert_eq(soft_qp_create(&fake.ctx, &attr, &qp), -EOPNOTSUPP);
	attr = init_attr();
	attr.send_cq = NULL;
	cr_assert_eq(soft_qp_create(&fake.ctx, &attr, &qp), -EINVAL);
	attr = init_attr();
	attr.cap.max_send_sge = SOFT_MAX_SGE + 1;
	cr_assert_eq(soft_qp_create(&fake.ctx, &attr, &qp), -EINVAL);
	attr = init_attr();
	attr.cap.max_recv_wr = SOFT_MAX_WR + 1;
	cr_assert_eq(soft_qp_create(&fake.ctx, &attr, &qp), -EINVAL);
	cr_assert_null(qp);
}

Test(qp, create__without_memory_leaves_nothing)
{
	struct ibv_qp_init_attr_ex attr;
	struct soft_qp *qp;
	unsigned long nth = 0;
	int rc;

	do {
		attr = init_attr();
		iw_fault_arm(IW_FAULT_ALLOC, ++nth);
		rc = soft_qp_create(&fake.ctx, &attr, &qp);
		iw_fault_arm(0, 0);
		cr_assert(rc == 0 || rc == -ENOMEM);
		if (rc)
			cr_assert_eq(fake.pd.users, 1);
	} while (rc);
	cr_assert_gt(nth, 1);
	cr_assert_eq(attr.cap.max_send_wr, 8);
	soft_qp_destroy(qp);
}

Test(qp, numbers__are_found_and_return_late)
{
	struct ibv_qp_init_attr_ex attr = init_attr();
	struct soft_qp *qp[100], *found;
	uint32_t old;

	for (unsigned int i = 0; i < 100; i++)
		cr_assert_eq(soft_qp_create(&fake.ctx, &attr, &qp[i]), 0);
	for (unsigned int i = 0; i < 100; i++) {
		found = soft_qp_find(qp[i]->ibv.qp_num);
		cr_assert_eq(found, qp[i]);
		soft_qp_put(found);
	}
	old = qp[0]->ibv.qp_num;
	for (unsigned int i = 0; i < 100; i++)
		soft_qp_destroy(qp[i]);
	cr_assert_null(soft_qp_find(old));
	for (unsigned int i = 0; i < 300; i++) {
		cr_assert_eq(soft_qp_create(&fake.ctx, &attr, &qp[0]), 0);
		cr_assert_neq(qp[0]->ibv.qp_num, old);
		soft_qp_destroy(qp[0]);
	}
	cr_assert_null(soft_qp_find(0));
	cr_assert_null(soft_qp_find(0xffffff));
}

Test(qp, query__says_what_holds)
{
	struct ibv_qp_attr attr = { .max_rd_atomic = 3, .port_num = 1 };
	struct ibv_qp_init_attr init;

	cr_assert_eq(soft_qp_modify(fake.qp, &attr, IBV_QP_MAX_QP_RD_ATOMIC | IBV_QP_PORT), 0);
	memset(&attr, 0, sizeof(attr));
	cr_assert_eq(soft_qp_query(fake.qp, &attr, IBV_QP_STATE, &init), 0);
	cr_assert_eq(attr.qp_state, IBV_QPS_INIT);
	cr_assert_eq(attr.max_rd_atomic, 3);
	cr_assert_eq(attr.path_mtu, IBV_MTU_1024);
	fake.dev.mtu = 9000;
	cr_assert_eq(soft_qp_query(fake.qp, &attr, IBV_QP_STATE, &init), 0);
	cr_assert_eq(attr.path_mtu, IBV_MTU_4096);
	cr_assert_eq(init.cap.max_send_wr, 16);
	cr_assert_eq(init.send_cq, &fake.send_cq.ibv);
}

Test(qp, query__depths_of_the_stream)
{
	struct soft_stream stream = { .initiator = true, .ird = 5, .ord = 7 };
	struct ibv_qp_attr attr = { .max_rd_atomic = 3, .max_dest_rd_atomic = 4 };
	struct ibv_qp_init_attr init;

	cr_assert_eq(
		soft_qp_modify(fake.qp, &attr, IBV_QP_MAX_QP_RD_ATOMIC | IBV_QP_MAX_DEST_RD_ATOMIC),
		0);
	cr_assert_eq(fake_attach(stream, SOCK_STREAM), 0);
	cr_assert_eq(soft_qp_query(fake.qp, &attr, IBV_QP_STATE, &init), 0);
	cr_assert_eq(attr.max_rd_atomic, 7);
	cr_assert_eq(attr.max_dest_rd_atomic, 5);
}

Test(qp, serials__never_come_back)
{
	uint32_t number = 0;
	uint64_t serial = 0;

	for (unsigned int i = 0; i < 20000; i++) {
		struct soft_qp qp = { .refs = 1 };

		cr_assert_eq(soft_qp_table_add(&qp), 0);
		if (!i) {
			number = qp.ibv.qp_num;
		} else if (qp.ibv.qp_num == number) {
			cr_assert_gt(qp.serial, serial);
			soft_qp_table_remove(&qp);
			return;
		}
		serial = qp.serial;
		soft_qp_table_remove(&qp);
	}
	cr_assert_fail("no number came back");
}

Test(qp, numbers__as_many_as_announced)
{
	struct soft_qp qp = { .refs = 1 };

	for (unsigned int i = 1; i < SOFT_MAX_QP; i++) /* one is there */
		cr_assert_eq(soft_qp_table_add(&qp), 0);
	cr_assert_eq(soft_qp_table_add(&qp), -ENOMEM);
	soft_qp_table_remove(&qp);
	cr_assert_eq(soft_qp_table_add(&qp), 0);
}

/* ---- modify */

Test(qp, modify__rights_are_all_until_asked_for)
{
	struct ibv_qp_attr attr = { .qp_access_flags = IBV_ACCESS_REMOTE_READ };
	const unsigned int all =
		IBV_ACCESS_REMOTE_READ | IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_ATOMIC;

	cr_assert_eq(fake.qp->attr.qp_access_flags, all);
	cr_assert_eq(soft_qp_modify(fake.qp, &attr, IBV_QP_ACCESS_FLAGS), 0);
	cr_assert_eq(modify(IBV_QPS_RTR), 0);
	cr_assert_eq(fake.qp->attr.qp_access_flags, IBV_ACCESS_REMOTE_READ);
	cr_assert_eq(modify(IBV_QPS_RESET), 0);
	cr_assert_eq(fake.qp->attr.qp_access_flags, all);
}

Test(qp, modify__table)
{
	struct ibv_qp_attr attr = { .cur_qp_state = IBV_QPS_RTS, .port_num = 2 };

	cr_assert_eq(modify(IBV_QPS_RTS), -EINVAL); /* no stream */
	cr_assert_eq(modify(IBV_QPS_SQD), -EINVAL);
	cr_assert_eq(modify(IBV_QPS_UNKNOWN), -EINVAL);
	cr_assert_eq(soft_qp_modify(fake.qp, &attr, IBV_QP_CUR_STATE), -EINVAL);
	cr_assert_eq(soft_qp_modify(fake.qp, &attr, IBV_QP_PORT), -EINVAL);
	attr.max_rd_atomic = attr.max_dest_rd_atomic = SOFT_MAX_RD_ATOM + 1;
	cr_assert_eq(soft_qp_modify(fake.qp, &attr, IBV_QP_MAX_QP_RD_ATOMIC), -EINVAL);
	cr_assert_eq(soft_qp_modify(fake.qp, &attr, IBV_QP_MAX_DEST_RD_ATOMIC), -EINVAL);
	cr_assert_eq(modify(IBV_QPS_RTR), 0);
	cr_assert_eq(modify(IBV_QPS_INIT), -EINVAL);
	cr_assert_eq(modify(IBV_QPS_ERR), 0);
	cr_assert_eq(modify(IBV_QPS_RTS), -EINVAL);
	cr_assert_eq(modify(IBV_QPS_ERR), 0);
	cr_assert_eq(modify(IBV_QPS_RESET), 0);
	cr_assert_eq(post_recv(1), -EINVAL);
	cr_assert_eq(modify(IBV_QPS_INIT), 0);
}

Test(qp, modify__err_flushes_receives)
{
	cr_assert_eq(post_recv(7), 0);
	cr_assert_eq(modify(IBV_QPS_ERR), 0);
	cr_assert_str_eq(fake.trace, "r");
	cr_assert_eq(fake.wc[0].wr_id, 7);
	cr_assert_eq(fake.wc[0].status, IBV_WC_WR_FLUSH_ERR);
	cr_assert_eq(post_recv(8), 0);
	cr_assert_eq(fake.wc[1].wr_id, 8);
}

Test(qp, modify__err_cuts_the_stream)
{
	cr_assert_eq(fake_attach(plain, SOCK_STREAM), 0);
	cr_assert_eq(fake.qp->state, IBV_QPS_RTS);
	cr_assert_eq(modify(IBV_QPS_RTS), 0);
	cr_assert_eq(post_recv(7), 0);
	cr_assert_eq(modify(IBV_QPS_ERR), 0);
	cr_assert_str_eq(fake.trace, "LxrE");
	cr_assert_eq(fake.ended_status, 0);
	cr_assert_eq(fake.words_len, 0);
}

/* A program that moves its own queue pair does so when the connection stands already. */
Test(qp, modify__walk_under_a_stream_changes_nothing)
{
	cr_assert_eq(fake_attach(plain, SOCK_STREAM), 0);
	cr_assert_eq(modify(IBV_QPS_INIT), 0);
	cr_assert_eq(modify(IBV_QPS_RTR), 0);
	cr_assert_eq(fake.qp->state, IBV_QPS_RTS);
	cr_assert_eq(modify(IBV_QPS_RTS), 0);
	cr_assert_eq(modify(IBV_QPS_ERR), 0);
	cr_assert_eq(modify(IBV_QPS_RTR), -EINVAL);
}

Test(qp, modify__sqe_terminates)
{
	cr_assert_eq(fake_attach(plain, SOCK_STREAM), 0);
	cr_assert_eq(modify(IBV_QPS_SQE), 0);
	cr_assert_eq(fake.qp->state, IBV_QPS_ERR);
	cr_assert_gt(fake.words_len, 0);
}

Test(qp, modify__reset_makes_it_new)
{
	for (unsigned int i = 0; i < 3; i++) {
		cr_assert_eq(fake_attach(plain, SOCK_STREAM), 0);
		cr_assert_eq(fake_post(IBV_WR_SEND, buf, 8, 0), 0);
		cr_assert_eq(fake_read(buf, sizeof(buf)), 32);
		cr_assert_eq(buf[15], 1); /* MSN */
		cr_assert_eq(modify(IBV_QPS_RESET), 0);
		cr_assert_eq(modify(IBV_QPS_INIT), 0);
		close(fake.peer);
	}
	fake.peer = -1;
}

/* ---- attach and the end */

/* A kernel that has just accepted may stop its work queue over an end that comes at once. */
Test(qp, end__of_a_young_stream_is_kept_back)
{
	struct soft_stream stream = plain;

	stream.initiator = true;
	cr_assert_eq(fake_attach(stream, SOCK_STREAM), 0);
	soft_qp_abort(fake.qp);
	cr_assert_gt(fake.hold_ms, 0);
	cr_assert_leq(fake.hold_ms, 100);
}

Test(qp, end__of_an_older_stream_is_not)
{
	struct soft_stream stream = plain;

	stream.initiator = true;
	cr_assert_eq(fake_attach(stream, SOCK_STREAM), 0);
	usleep(110000);
	soft_qp_abort(fake.qp);
	cr_assert_eq(fake.hold_ms, 0);
}

Test(qp, end__between_two_of_ours_is_not_kept_back)
{
	struct soft_stream stream = plain;

	stream.initiator = stream.extensions = true;
	cr_assert_eq(fake_attach(stream, SOCK_STREAM), 0);
	soft_qp_abort(fake.qp);
	cr_assert_eq(fake.hold_ms, 0);
}

Test(qp, attach__wants_init_and_no_stream)
{
	cr_assert_eq(fake_attach(plain, SOCK_STREAM), 0);
	cr_assert_eq(fake_attach(plain, SOCK_STREAM), -EINVAL);
	soft_qp_abort(fake.qp);
	cr_assert_eq(fake_attach(plain, SOCK_STREAM), -EINVAL);
}

#ifdef IW_DEBUG
static void attach_in_the_gap(enum iw_lock_step step, const struct iw_lock *lock)
{
	if (step != IW_LOCK_LEFT || lock != &fake.qp->fail_lock)
		return;
	__atomic_store_n(&iw_lock_hook, NULL, __ATOMIC_RELAXED);
	cr_assert_eq(fake_attach(plain, SOCK_STREAM), 0);
}

/* There was no stream to fail, and then there is one to wait for: nobody would end it. */
static void ends_what_is_attached_meanwhile(enum ibv_qp_state state)
{
	alarm(10);
	__atomic_store_n(&iw_lock_hook, attach_in_the_gap, __ATOMIC_RELAXED);
	cr_assert_eq(modify(state), 0);
	cr_assert_null(iw_lock_hook);
	cr_assert_eq(fake.qp->state, state);
	cr_assert_not(soft_stream_is_live(fake.qp));
	cr_assert_str_eq(fake.trace, "LxE");
}

Test(qp, modify__to_error_ends_what_is_attached_meanwhile)
{
	ends_what_is_attached_meanwhile(IBV_QPS_ERR);
}

Test(qp, modify__to_reset_ends_what_is_attached_meanwhile)
{
	ends_what_is_attached_meanwhile(IBV_QPS_RESET);
}
#endif

Test(qp, attach__without_resources_leaves_nothing)
{
	unsigned long nth = 0;
	int rc;

	do {
		iw_fault_arm(IW_FAULT_ALLOC | IW_FAULT_SYSCALL, ++nth);
		rc = fake_attach(plain, SOCK_STREAM);
		iw_fault_arm(0, 0);
		if (rc)
			cr_assert_eq(fake.qp->state, IBV_QPS_INIT);
	} while (rc);
	cr_assert_gt(nth, 1);
	cr_assert_str_eq(fake.trace, "");
}

Test(qp, end__flush_then_event_then_owner)
{
	struct soft_failure why = { .status = -EPROTO,
				    .send_terminate = true,
				    .terminate.code = TERM_DDP_MSN,
				    .has_event = true,
				    .event = IBV_EVENT_QP_FATAL };

	cr_assert_eq(fake_attach(plain, SOCK_STREAM), 0);
	cr_assert_eq(fake_post(IBV_WR_RDMA_READ, buf, 8, 0), 0);
	cr_assert_eq(post_recv(1), 0);
	__atomic_store_n(&fake.qp->first_fpdu_due, true, __ATOMIC_RELEASE);
	soft_qp_fail(fake.qp, &why);
	why.status = 0;
	soft_qp_fail(fake.qp, &why); /* the first counts */
	cr_assert_str_eq(fake.trace, "");
	soft_qp_settle(fake.qp);
	soft_qp_settle(fake.qp);
	cr_assert_str_eq(fake.trace, "FLsxrAE");
	cr_assert_eq(fake.ended_status, -EPROTO);
	cr_assert_eq(fake.words[20], 0x12);
	cr_assert_eq(fake.words[21], 0x03);
}

Test(qp, peer_closes__ended)
{
	cr_assert_eq(fake_attach(plain, SOCK_STREAM), 0);
	close(fake.peer);
	fake.peer = -1;
	soft_qp_progress(fake.qp, EPOLLIN);
	cr_assert_str_eq(fake.trace, "LxE");
}

Test(qp, close__idle_ends_at_once)
{
	cr_assert_eq(fake_attach(plain, SOCK_STREAM), 0);
	cr_assert_eq(fake_post(IBV_WR_SEND, buf, 8, 0), 0);
	soft_qp_close(fake.qp, 1000);
	cr_assert_str_eq(fake.trace, "LxE");
	cr_assert_eq(fake_read(buf, sizeof(buf)), 32);
	cr_assert_null(fake.timer);
}

Test(qp, close__posted_work_leaves_first)
{
	static uint8_t sink[1 << 16];

	cr_assert_eq(fake_attach(plain, SOCK_STREAM), 0);
	cr_assert_eq(fake_post(IBV_WR_SEND, buf, sizeof(buf), IBV_SEND_SIGNALED), 0);
	cr_assert_eq(modify(IBV_QPS_SQD), 0);
	cr_assert_eq(fake.qp->state, IBV_QPS_SQD);
	cr_assert_not_null(fake.timer);
	cr_assert_eq(fake_post(IBV_WR_SEND, buf, 8, 0), 0); /* too late: flushed */
	while (fake.ended_status == 1) {
		while (recv(fake.peer, sink, sizeof(sink), MSG_DONTWAIT) > 0)
			;
		soft_qp_progress(fake.qp, EPOLLOUT);
	}
	cr_assert_str_eq(fake.trace, "sLsxE");
	cr_assert_eq(fake.wc[0].status, IBV_WC_SUCCESS);
	cr_assert_eq(fake.wc[1].status, IBV_WC_WR_FLUSH_ERR);
	cr_assert_null(fake.timer);
}

Test(qp, close__timer_cuts_a_silent_peer)
{
	cr_assert_eq(fake_attach(plain, SOCK_STREAM), 0);
	cr_assert_eq(fake_post(IBV_WR_SEND, buf, sizeof(buf), 0), 0);
	soft_qp_close(fake.qp, 10);
	cr_assert_not_null(fake.timer);
	fake.timer->ops->get(fake.timer);
	fake.timer->ops->fire(fake.timer);
	fake.qp->close_timer.ops->put(&fake.qp->close_timer);
	cr_assert_str_eq(fake.trace, "LsxE");
}

Test(qp, destroy__cuts_the_stream)
{
	cr_assert_eq(fake_attach(plain, SOCK_STREAM), 0);
	soft_qp_get(fake.qp);
	cr_assert_eq(soft_qp_destroy(fake.qp), 0);
	cr_assert_str_eq(fake.trace, "LxE");
	cr_assert_eq(fake.send_cq.qps, 0);
	soft_qp_progress(fake.qp, EPOLLIN | EPOLLOUT); /* a late callback */
	soft_qp_put(fake.qp);
	fake.qp = NULL;
}

Test(qp, memory__idle_connection_is_small)
{
	/* 4 KiB and 256 bytes for each entry of the queues is the goal. */
	cr_assert_leq(sizeof(struct soft_qp), 2048);
	cr_assert_leq(fake.qp->sq.stride, 256);
}
