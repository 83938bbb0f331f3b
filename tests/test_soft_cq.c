// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Completion queues, plain and extended, without sockets behind them. */
#include <criterion/criterion.h>
#include <errno.h>
#include <unistd.h>

#include "driver/soft/soft_cq.h"
#include "tests/soft_fake.h"

static struct soft_cq *new_cq(int cqe)
{
	struct soft_cq *cq = NULL;

	cr_assert_eq(soft_cq_create(&fake_dev.ctx, cqe, NULL, NULL, &cq), 0);
	return cq;
}

static void push(struct soft_cq *cq, uint64_t wr_id, uint32_t qp_num)
{
	struct ibv_wc wc = { .wr_id = wr_id, .qp_num = qp_num };

	soft_cq_push(cq, &wc, 1, false);
}

Test(soft_cq, create__has_at_least_what_was_asked_for)
{
	struct soft_cq *cq;

	cr_assert_eq(soft_cq_create(&fake_dev.ctx, 0, NULL, NULL, &cq), -EINVAL);
	cr_assert_eq(soft_cq_create(&fake_dev.ctx, -1, NULL, NULL, &cq), -EINVAL);
	cr_assert_eq(soft_cq_create(&fake_dev.ctx, SOFT_MAX_CQE + 1, NULL, NULL, &cq), -EINVAL);
	cr_assert_eq(soft_cq_create(&fake_dev.ctx, 100, &cq, NULL, &cq), 0);
	cr_assert_geq(cq->ibv.cqe, 100);
	cr_assert_eq(cq->ibv.cq_context, &cq);
	cr_assert_eq(cq->ibv.context, &fake_dev.ctx.verbs.context);
	cr_assert_eq(fake_dev.objects, 1);
	cr_assert_eq(soft_cq_destroy(cq), 0);
	cr_assert_eq(fake_dev.objects, 0);
	cr_assert_eq(fake_dev.purged, 1);
}

Test(soft_cq, create__without_memory)
{
	struct soft_cq *cq = NULL;

	for (unsigned long nth = 1; nth <= 2; nth++) {
		iw_fault_arm(IW_FAULT_ALLOC, nth);
		cr_assert_eq(soft_cq_create(&fake_dev.ctx, 4, NULL, NULL, &cq), -ENOMEM);
	}
	iw_fault_arm(0, 0);
	cr_assert_null(cq);
	cr_assert_eq(fake_dev.objects, 0);
}

Test(soft_cq, create__as_many_as_announced)
{
	static struct soft_cq *cq[SOFT_MAX_CQ + 1];

	for (unsigned int i = 0; i < SOFT_MAX_CQ; i++)
		cr_assert_eq(soft_cq_create(&fake_dev.ctx, 1, NULL, NULL, &cq[i]), 0);
	cr_assert_eq(soft_cq_create(&fake_dev.ctx, 1, NULL, NULL, &cq[SOFT_MAX_CQ]), -ENOMEM);
	cr_assert_eq(soft_cq_destroy(cq[0]), 0);
	cr_assert_eq(soft_cq_create(&fake_dev.ctx, 1, NULL, NULL, &cq[0]), 0);
	for (unsigned int i = 0; i < SOFT_MAX_CQ; i++)
		cr_assert_eq(soft_cq_destroy(cq[i]), 0);
}

Test(soft_cq, poll__in_order_over_the_end_of_the_ring)
{
	struct soft_cq *cq = new_cq(4);
	struct ibv_wc wc[8];
	uint64_t next = 0, pushed = 0;

	cr_assert_eq(soft_cq_poll(cq, 8, wc), 0);
	for (int round = 0; round < 10; round++) {
		for (int i = 0; i < 3; i++)
			push(cq, pushed++, 1);
		cr_assert_eq(soft_cq_poll(cq, 2, wc), 2);
		cr_assert_eq(soft_cq_poll(cq, 8, wc + 2), 1);
		for (int i = 0; i < 3; i++)
			cr_assert_eq(wc[i].wr_id, next++);
	}
	cr_assert_eq(soft_cq_destroy(cq), 0);
}

Test(soft_cq, push__overflow_is_raised_once_and_polls_fail)
{
	struct soft_cq *cq = new_cq(2);
	struct ibv_wc wc[4] = { 0 };

	push(cq, 1, 1);
	soft_cq_push(cq, wc, 2, false);
	soft_cq_push(cq, wc, 2, false);
	cr_assert_eq(fake_dev.n_events, 1);
	cr_assert_eq(fake_dev.type[0], IBV_EVENT_CQ_ERR);
	cr_assert_eq(fake_dev.element[0], &cq->ibv);
	cr_assert_eq(soft_cq_poll(cq, 4, wc), 1);
	cr_assert_eq(soft_cq_poll(cq, 4, wc), -EIO);
	cr_assert_eq(soft_cq_destroy(cq), 0);
}

Test(soft_cq, purge__takes_one_qps_and_keeps_the_order)
{
	struct soft_cq *cq = new_cq(8);
	struct ibv_wc wc[8];

	for (uint64_t i = 0; i < 7; i++)
		push(cq, i, i % 2);
	soft_cq_purge(cq, 1);
	soft_cq_purge(cq, 5);
	cr_assert_eq(soft_cq_poll(cq, 8, wc), 4);
	for (uint64_t i = 0; i < 4; i++)
		cr_assert_eq(wc[i].wr_id, 2 * i);
	cr_assert_eq(soft_cq_destroy(cq), 0);
}

Test(soft_cq, resize__keeps_what_waits)
{
	struct soft_cq *cq = new_cq(4);
	struct ibv_wc wc[8];

	push(cq, 0, 1);
	cr_assert_eq(soft_cq_poll(cq, 1, wc), 1);
	for (uint64_t i = 1; i <= 4; i++)
		push(cq, i, 1);
	cr_assert_eq(soft_cq_resize(cq, 3), -EINVAL);
	cr_assert_eq(soft_cq_resize(cq, 0), -EINVAL);
	iw_fault_arm(IW_FAULT_ALLOC, 1);
	cr_assert_eq(soft_cq_resize(cq, 8), -ENOMEM);
	iw_fault_arm(0, 0);
	cr_assert_eq(soft_cq_resize(cq, 6), 0);
	cr_assert_geq(cq->ibv.cqe, 6);
	push(cq, 5, 1);
	cr_assert_eq(soft_cq_poll(cq, 8, wc), 5);
	for (uint64_t i = 0; i < 5; i++)
		cr_assert_eq(wc[i].wr_id, i + 1);
	cr_assert_eq(soft_cq_resize(cq, 1), 0);
	cr_assert_eq(soft_cq_destroy(cq), 0);
}

Test(soft_cq, destroy__refused_while_used)
{
	struct soft_cq *cq = new_cq(1);

	cq->qps = 1;
	cr_assert_eq(soft_cq_destroy(cq), -EBUSY);
	cq->qps = 0;
	cr_assert_eq(soft_cq_destroy(cq), 0);
}

static void *destroy(void *arg)
{
	return (void *)(intptr_t)soft_cq_destroy(arg);
}

/* As ibv_ack_async_event(3) does. */
static void ack_async(struct soft_cq *cq)
{
	pthread_mutex_lock(&cq->ibv.mutex);
	cq->ibv.async_events_completed++;
	pthread_cond_signal(&cq->ibv.cond);
	pthread_mutex_unlock(&cq->ibv.mutex);
}

Test(soft_cq, destroy__waits_for_async_events)
{
	struct soft_cq *cq = new_cq(1);
	pthread_t thread;
	void *rc;

	cq->async_events = 2;
	pthread_create(&thread, NULL, destroy, cq);
	usleep(10000);
	cr_assert_eq(__atomic_load_n(&fake_dev.objects, __ATOMIC_RELAXED), 1);
	ack_async(cq);
	ack_async(cq);
	pthread_join(thread, &rc);
	cr_assert_null(rc);
	cr_assert_eq(fake_dev.objects, 0);
}

#define THREADS 3
#define EACH 4000

static void *push_many(void *arg)
{
	for (uint64_t i = 0; i < EACH; i++)
		push(arg, i, 1);
	return NULL;
}

static unsigned int polled;

static void *poll_many(void *arg)
{
	struct ibv_wc wc[16];
	int n;

	while (__atomic_load_n(&polled, __ATOMIC_RELAXED) < THREADS * EACH) {
		n = soft_cq_poll(arg, 16, wc);
		cr_assert_geq(n, 0);
		__atomic_fetch_add(&polled, (unsigned int)n, __ATOMIC_RELAXED);
	}
	return NULL;
}

Test(soft_cq, poll__by_threads_while_threads_push_and_one_resizes)
{
	struct soft_cq *cq = new_cq(THREADS * EACH);
	pthread_t pushers[THREADS], pollers[2];

	for (int i = 0; i < THREADS; i++)
		pthread_create(&pushers[i], NULL, push_many, cq);
	for (int i = 0; i < 2; i++)
		pthread_create(&pollers[i], NULL, poll_many, cq);
	for (int i = 0; i < 20; i++)
		cr_assert_eq(soft_cq_resize(cq, (THREADS + i % 2) * EACH), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(pushers[i], NULL);
	for (int i = 0; i < 2; i++)
		pthread_join(pollers[i], NULL);
	cr_assert_eq(polled, THREADS * EACH);
	cr_assert_eq(soft_cq_destroy(cq), 0);
}

/* ---- extended */

Test(soft_cq_ex, create__refuses_what_is_not_ours)
{
	struct ibv_cq_init_attr_ex attr = { .cqe = 4 };
	struct soft_cq *cq;

	attr.wc_flags = IBV_WC_STANDARD_FLAGS | IBV_WC_EX_WITH_COMPLETION_TIMESTAMP;
	cr_assert_eq(soft_cq_create_ex(&fake_dev.ctx, &attr, &cq), -EOPNOTSUPP);
	attr.wc_flags = IBV_WC_STANDARD_FLAGS;
	attr.comp_mask = IBV_CQ_INIT_ATTR_MASK_PD;
	cr_assert_eq(soft_cq_create_ex(&fake_dev.ctx, &attr, &cq), -EOPNOTSUPP);
	attr.comp_mask = IBV_CQ_INIT_ATTR_MASK_FLAGS;
	attr.flags = IBV_CREATE_CQ_ATTR_IGNORE_OVERRUN;
	cr_assert_eq(soft_cq_create_ex(&fake_dev.ctx, &attr, &cq), -EOPNOTSUPP);
	attr.flags = IBV_CREATE_CQ_ATTR_SINGLE_THREADED;
	attr.cqe = UINT32_MAX;
	cr_assert_eq(soft_cq_create_ex(&fake_dev.ctx, &attr, &cq), -EINVAL);
	attr.cqe = 4;
	iw_fault_arm(IW_FAULT_ALLOC, 1);
	cr_assert_eq(soft_cq_create_ex(&fake_dev.ctx, &attr, &cq), -ENOMEM);
	iw_fault_arm(0, 0);
	cr_assert_eq(soft_cq_create_ex(&fake_dev.ctx, &attr, &cq), 0);
	cr_assert_eq(soft_cq_destroy(cq), 0);
}

Test(soft_cq_ex, poll__shows_one_completion_at_a_time)
{
	struct ibv_cq_init_attr_ex init = { .cqe = 4, .wc_flags = IBV_WC_STANDARD_FLAGS };
	struct ibv_poll_cq_attr attr = { 0 };
	struct ibv_wc wc = { .wr_id = 7,
			     .status = IBV_WC_SUCCESS,
			     .opcode = IBV_WC_RECV,
			     .vendor_err = 1,
			     .byte_len = 2,
			     .imm_data = 3,
			     .qp_num = 4,
			     .src_qp = 5,
			     .wc_flags = IBV_WC_WITH_IMM };
	struct soft_cq *cq;

	cr_assert_eq(soft_cq_create_ex(&fake_dev.ctx, &init, &cq), 0);
	cr_assert_eq(ibv_start_poll(&cq->ex, &attr), ENOENT);
	fake_generation++; /* in a forked child */
	cr_assert_eq(ibv_start_poll(&cq->ex, &attr), EACCES);
	fake_generation--;
	soft_cq_push(cq, &wc, 1, false);
	wc.wr_id = 8;
	wc.status = IBV_WC_WR_FLUSH_ERR;
	soft_cq_push(cq, &wc, 1, false);

	attr.comp_mask = 1;
	cr_assert_eq(ibv_start_poll(&cq->ex, &attr), EINVAL);
	attr.comp_mask = 0;
	cr_assert_eq(ibv_start_poll(&cq->ex, &attr), 0);
	cr_assert_eq(cq->ex.wr_id, 7);
	cr_assert_eq(cq->ex.status, IBV_WC_SUCCESS);
	cr_assert_eq(ibv_wc_read_opcode(&cq->ex), IBV_WC_RECV);
	cr_assert_eq(ibv_wc_read_vendor_err(&cq->ex), 1);
	cr_assert_eq(ibv_wc_read_byte_len(&cq->ex), 2);
	cr_assert_eq(ibv_wc_read_imm_data(&cq->ex), 3);
	cr_assert_eq(ibv_wc_read_qp_num(&cq->ex), 4);
	cr_assert_eq(ibv_wc_read_src_qp(&cq->ex), 5);
	cr_assert_eq(ibv_wc_read_wc_flags(&cq->ex), IBV_WC_WITH_IMM);
	cr_assert_eq(ibv_wc_read_slid(&cq->ex), 0);
	cr_assert_eq(ibv_wc_read_sl(&cq->ex), 0);
	cr_assert_eq(ibv_wc_read_dlid_path_bits(&cq->ex), 0);
	/* Work posted between the two may complete at once, on this thread. */
	push(cq, 9, 1);
	cr_assert_eq(ibv_next_poll(&cq->ex), 0);
	cr_assert_eq(cq->ex.wr_id, 8);
	cr_assert_eq(cq->ex.status, IBV_WC_WR_FLUSH_ERR);
	cr_assert_eq(ibv_next_poll(&cq->ex), 0);
	cr_assert_eq(cq->ex.wr_id, 9);
	cr_assert_eq(ibv_next_poll(&cq->ex), ENOENT);
	ibv_end_poll(&cq->ex);
	cr_assert_eq(soft_cq_destroy(cq), 0);
}

Test(soft_cq_ex, poll__fails_after_an_overflow)
{
	struct ibv_cq_init_attr_ex init = { .cqe = 1 };
	struct ibv_poll_cq_attr attr = { 0 };
	struct soft_cq *cq;

	cr_assert_eq(soft_cq_create_ex(&fake_dev.ctx, &init, &cq), 0);
	push(cq, 1, 1);
	push(cq, 2, 1);
	cr_assert_eq(ibv_start_poll(&cq->ex, &attr), 0);
	cr_assert_eq(ibv_next_poll(&cq->ex), EIO);
	ibv_end_poll(&cq->ex);
	cr_assert_eq(ibv_start_poll(&cq->ex, &attr), EIO);
	cr_assert_eq(soft_cq_destroy(cq), 0);
}
