// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <criterion/criterion.h>
#include <errno.h>
#include <unistd.h>

#include "driver/soft/soft_rq.h"
#include "tests/soft_fake.h"

static struct soft_pd pd;

static struct soft_srq *new_srq(uint32_t max_wr)
{
	struct ibv_srq_init_attr attr = { .srq_context = &pd, .attr = { max_wr, 1, 7 } };
	struct soft_srq *srq = NULL;

	pd.ibv.context = &fake_dev.ctx.verbs.context;
	cr_assert_eq(soft_srq_create(&pd, &attr, &srq), 0);
	return srq;
}

static int modify(struct soft_srq *srq, uint32_t max_wr, uint32_t limit, int mask)
{
	struct ibv_srq_attr attr = { .max_wr = max_wr, .srq_limit = limit };

	return soft_srq_modify(srq, &attr, mask);
}

static void post(struct soft_srq *srq, int n)
{
	struct ibv_recv_wr wr = { 0 }, *bad;

	while (n--)
		cr_assert_eq(soft_rq_post(&srq->rq, &wr, &bad), 0);
}

static bool pop_hits(struct soft_srq *srq)
{
	struct soft_rwqe wqe;
	bool hit;

	cr_assert_eq(soft_rq_pop(&srq->rq, &wqe, &hit), 0);
	return hit;
}

Test(soft_srq, create__and_query)
{
	struct soft_srq *srq = new_srq(10);
	struct ibv_srq_attr attr;

	soft_srq_query(srq, &attr);
	cr_assert_geq(attr.max_wr, 10);
	cr_assert_eq(attr.max_sge, 1);
	cr_assert_eq(attr.srq_limit, 0, "the limit is irrelevant at creation");
	cr_assert_eq(srq->ibv.srq_context, &pd);
	cr_assert_eq(pd.users, 1);
	cr_assert_eq(soft_srq_destroy(srq), 0);
	cr_assert_eq(pd.users, 0);
	cr_assert_eq(fake_dev.objects, 0);
}

Test(soft_srq, create__as_many_as_announced)
{
	static struct soft_srq *srq[SOFT_MAX_SRQ];
	struct ibv_srq_init_attr attr = { .attr = { 1, 1, 0 } };
	struct soft_srq *more;

	for (unsigned int i = 0; i < SOFT_MAX_SRQ; i++)
		srq[i] = new_srq(1);
	cr_assert_eq(soft_srq_create(&pd, &attr, &more), -ENOMEM);
	for (unsigned int i = 0; i < SOFT_MAX_SRQ; i++)
		cr_assert_eq(soft_srq_destroy(srq[i]), 0);
	cr_assert_eq(soft_srq_destroy(new_srq(1)), 0);
}

Test(soft_srq, create__fails_in_good_order)
{
	struct ibv_srq_init_attr attr = { .attr = { .max_wr = 0, .max_sge = 1 } };
	struct soft_srq *srq;

	pd.ibv.context = &fake_dev.ctx.verbs.context;
	cr_assert_eq(soft_srq_create(&pd, &attr, &srq), -EINVAL);
	attr.attr.max_wr = SOFT_MAX_WR + 1;
	cr_assert_eq(soft_srq_create(&pd, &attr, &srq), -EINVAL);
	attr.attr.max_wr = 1;
	for (unsigned long nth = 1; nth <= 2; nth++) {
		iw_fault_arm(IW_FAULT_ALLOC, nth);
		cr_assert_eq(soft_srq_create(&pd, &attr, &srq), -ENOMEM);
	}
	iw_fault_arm(0, 0);
	cr_assert_eq(pd.users, 0);
	cr_assert_eq(fake_dev.objects, 0);
}

Test(soft_srq, limit__is_reached_once)
{
	struct soft_srq *srq = new_srq(8);
	struct ibv_srq_attr attr;

	post(srq, 6);
	cr_assert_eq(modify(srq, 0, 5, IBV_SRQ_LIMIT), 0);
	cr_assert(!pop_hits(srq));
	cr_assert(pop_hits(srq));
	soft_srq_query(srq, &attr);
	cr_assert_eq(attr.srq_limit, 0);
	cr_assert(!pop_hits(srq));
	cr_assert_eq(modify(srq, 0, 3, IBV_SRQ_LIMIT), 0);
	cr_assert(pop_hits(srq));
	cr_assert_eq(soft_srq_destroy(srq), 0);
}

Test(soft_srq, modify__checks_before_it_changes)
{
	struct soft_srq *srq = new_srq(4);
	struct ibv_srq_attr attr;

	post(srq, 3);
	cr_assert_eq(modify(srq, 1, 0, 4), -EINVAL);
	cr_assert_eq(modify(srq, 0, 5, IBV_SRQ_LIMIT), -EINVAL);
	cr_assert_eq(modify(srq, 2, 0, IBV_SRQ_MAX_WR), -EINVAL);
	cr_assert_eq(modify(srq, 8, 9, IBV_SRQ_MAX_WR | IBV_SRQ_LIMIT), -EINVAL);
	iw_fault_arm(IW_FAULT_ALLOC, 1);
	cr_assert_eq(modify(srq, 8, 7, IBV_SRQ_MAX_WR | IBV_SRQ_LIMIT), -ENOMEM);
	iw_fault_arm(0, 0);
	soft_srq_query(srq, &attr);
	cr_assert_eq(attr.max_wr, 4);
	cr_assert_eq(attr.srq_limit, 0);
	cr_assert_eq(modify(srq, 8, 7, IBV_SRQ_MAX_WR | IBV_SRQ_LIMIT), 0);
	cr_assert_eq(modify(srq, 6, 0, IBV_SRQ_MAX_WR), -EINVAL, "below its limit");
	cr_assert_eq(modify(srq, 6, 2, IBV_SRQ_MAX_WR | IBV_SRQ_LIMIT), 0);
	post(srq, 3);
	cr_assert(!pop_hits(srq));
	cr_assert_eq(soft_srq_destroy(srq), 0);
}

static void *destroy(void *arg)
{
	return (void *)(intptr_t)soft_srq_destroy(arg);
}

Test(soft_srq, destroy__waits_for_users_and_events)
{
	struct soft_srq *srq = new_srq(1);
	pthread_t thread;

	srq->qps = 1;
	cr_assert_eq(soft_srq_destroy(srq), -EBUSY);
	srq->qps = 0;
	srq->async_events = 1;
	pthread_create(&thread, NULL, destroy, srq);
	usleep(10000);
	cr_assert_eq(__atomic_load_n(&fake_dev.objects, __ATOMIC_RELAXED), 1);
	pthread_mutex_lock(&srq->ibv.mutex);
	srq->ibv.events_completed++;
	pthread_cond_signal(&srq->ibv.cond);
	pthread_mutex_unlock(&srq->ibv.mutex);
	pthread_join(thread, NULL);
	cr_assert_eq(fake_dev.objects, 0);
	cr_assert_eq(fake_dev.purged, 1);
}
