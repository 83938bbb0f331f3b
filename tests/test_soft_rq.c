// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "driver/soft/soft_rq.h"

static int post(struct soft_rq *rq, uint64_t wr_id, int num_sge)
{
	struct ibv_sge sge[SOFT_MAX_SGE + 1];
	struct ibv_recv_wr wr = { .wr_id = wr_id, .sg_list = sge, .num_sge = num_sge }, *bad;

	for (int i = 0; i < num_sge; i++)
		sge[i] = (struct ibv_sge){ .addr = wr_id + (uint64_t)i, .length = UINT32_MAX };
	return soft_rq_post(rq, &wr, &bad);
}

static void expect(struct soft_rq *rq, uint64_t wr_id, unsigned int num_sge)
{
	struct soft_rwqe wqe;
	bool hit;

	cr_assert_eq(soft_rq_pop(rq, &wqe, &hit), 0);
	cr_assert(!hit);
	cr_assert_eq(wqe.wr_id, wr_id);
	cr_assert_eq(wqe.num_sge, num_sge);
	cr_assert_eq(wqe.length, (uint64_t)num_sge * UINT32_MAX);
	for (unsigned int i = 0; i < num_sge; i++)
		cr_assert_eq(wqe.sge[i].addr, wr_id + i);
}

static void expect_none(struct soft_rq *rq)
{
	struct soft_rwqe wqe;
	bool hit = true;

	cr_assert_eq(soft_rq_pop(rq, &wqe, &hit), -ENOENT);
	cr_assert(!hit);
}

Test(soft_rq, init__checks_its_limits)
{
	struct soft_rq rq = { 0 };

	cr_assert_eq(soft_rq_init(&rq, SOFT_MAX_WR + 1, 1), -EINVAL);
	cr_assert_eq(soft_rq_init(&rq, 1, SOFT_MAX_SGE + 1), -EINVAL);
	iw_fault_arm(IW_FAULT_ALLOC, 1);
	cr_assert_eq(soft_rq_init(&rq, 1, 1), -ENOMEM);
	iw_fault_arm(0, 0);
	soft_rq_fini(&rq);
	cr_assert_eq(soft_rq_init(&rq, SOFT_MAX_WR, SOFT_MAX_SGE), 0);
	soft_rq_fini(&rq);
	soft_rq_fini(&rq);
}

Test(soft_rq, post__as_many_as_were_asked_for)
{
	struct soft_rq rq;

	cr_assert_eq(soft_rq_init(&rq, 5, 2), 0);
	expect_none(&rq);
	for (uint64_t round = 0; round < 4; round++) {
		for (uint64_t i = 0; i < 5; i++)
			cr_assert_eq(post(&rq, round * 100 + i, (int)(i % 3)), 0);
		cr_assert_eq(post(&rq, 9, 1), -ENOMEM);
		for (uint64_t i = 0; i < 5; i++)
			expect(&rq, round * 100 + i, i % 3);
		expect_none(&rq);
	}
	cr_assert_eq(post(&rq, 1, 3), -EINVAL);
	cr_assert_eq(post(&rq, 1, -1), -EINVAL);
	soft_rq_fini(&rq);
}

Test(soft_rq, post__nothing_where_nothing_was_asked_for)
{
	struct soft_rq rq;

	cr_assert_eq(soft_rq_init(&rq, 0, 0), 0);
	cr_assert_eq(post(&rq, 1, 0), -ENOMEM);
	expect_none(&rq);
	soft_rq_fini(&rq);
}

Test(soft_rq, post__a_list_stops_at_the_first_bad_one)
{
	struct ibv_recv_wr wr[4] = { 0 }, *bad = NULL;
	struct soft_rq rq;

	cr_assert_eq(soft_rq_init(&rq, 8, 1), 0);
	for (int i = 0; i < 3; i++)
		wr[i] = (struct ibv_recv_wr){ .wr_id = (uint64_t)i, .next = &wr[i + 1] };
	wr[2].num_sge = 2;
	cr_assert_eq(soft_rq_post(&rq, wr, &bad), -EINVAL);
	cr_assert_eq(bad, &wr[2]);
	expect(&rq, 0, 0);
	expect(&rq, 1, 0);
	expect_none(&rq);
	soft_rq_fini(&rq);
}

Test(soft_rq, resize__keeps_order_and_counts)
{
	struct soft_rq rq;

	cr_assert_eq(soft_rq_init(&rq, 4, 2), 0);
	for (uint64_t i = 0; i < 3; i++)
		cr_assert_eq(post(&rq, i, 2), 0);
	expect(&rq, 0, 2);
	for (uint64_t i = 3; i < 5; i++)
		cr_assert_eq(post(&rq, i, 2), 0);
	cr_assert_eq(soft_rq_resize(&rq, 3), -EINVAL);
	cr_assert_eq(soft_rq_resize(&rq, 0), -EINVAL);
	cr_assert_eq(soft_rq_resize(&rq, SOFT_MAX_WR + 1), -EINVAL);
	cr_assert_eq(soft_rq_resize(&rq, UINT32_MAX), -EINVAL);
	iw_fault_arm(IW_FAULT_ALLOC, 1);
	cr_assert_eq(soft_rq_resize(&rq, 10), -ENOMEM);
	iw_fault_arm(0, 0);
	cr_assert_eq(soft_rq_resize(&rq, 10), 0);
	for (uint64_t i = 5; i < 11; i++)
		cr_assert_eq(post(&rq, i, 2), 0);
	cr_assert_eq(post(&rq, 11, 2), -ENOMEM);
	for (uint64_t i = 1; i < 11; i++)
		expect(&rq, i, 2);
	soft_rq_fini(&rq);
}

Test(soft_rq, clear__forgets_all)
{
	struct soft_rq rq;

	cr_assert_eq(soft_rq_init(&rq, 4, 1), 0);
	cr_assert_eq(post(&rq, 1, 1), 0);
	soft_rq_clear(&rq);
	expect_none(&rq);
	soft_rq_fini(&rq);
}

#define EACH 5000

static void *post_many(void *arg)
{
	for (uint64_t i = 0; i < EACH;)
		if (!post(arg, i, 1))
			i++;
	return NULL;
}

Test(soft_rq, pop__while_threads_post)
{
	pthread_t thread[2];
	struct soft_rwqe wqe;
	struct soft_rq rq;
	unsigned int got = 0;
	bool hit;

	cr_assert_eq(soft_rq_init(&rq, 16, 1), 0);
	for (int i = 0; i < 2; i++)
		pthread_create(&thread[i], NULL, post_many, &rq);
	while (got < 2 * EACH)
		got += !soft_rq_pop(&rq, &wqe, &hit);
	for (int i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	expect_none(&rq);
	soft_rq_fini(&rq);
}
