// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* What the log says of calls of verbs that block in the software device. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>

#include "driver/soft/soft_cq.h"
#include "driver/soft/soft_qp.h"
#include "driver/soft/soft_rq.h"
#include "driver/soft/soft_stag.h"
#include "driver/soft/soft_stall.h"
#include "tests/log_capture.h"
#include "tests/soft_fake.h"

#define STALL_MS 50

static struct soft_pd pd;

static struct soft_channel *new_channel(void)
{
	struct soft_channel *channel = NULL;

	cr_assert_eq(soft_channel_create(&fake_dev.ctx, &channel), 0);
	return channel;
}

static struct soft_cq *new_cq(struct soft_channel *channel)
{
	struct soft_cq *cq = NULL;

	cr_assert_eq(soft_cq_create(&fake_dev.ctx, 16, NULL, channel, &cq), 0);
	return cq;
}

static void push(struct soft_cq *cq)
{
	struct ibv_wc wc = { .status = IBV_WC_SUCCESS };

	soft_cq_push(cq, &wc, 1, false);
}

static void event(struct soft_cq *cq)
{
	soft_cq_req_notify(cq, false);
	push(cq);
}

/* As ibv_ack_cq_events(3) does. */
static void ack(struct soft_cq *cq)
{
	pthread_mutex_lock(&cq->ibv.mutex);
	cq->ibv.comp_events_completed++;
	pthread_cond_signal(&cq->ibv.cond);
	pthread_mutex_unlock(&cq->ibv.mutex);
}

/* As ibv_ack_async_event(3) does. */
static void ack_async(pthread_mutex_t *mutex, pthread_cond_t *cond, uint32_t *completed)
{
	pthread_mutex_lock(mutex);
	++*completed;
	pthread_cond_signal(cond);
	pthread_mutex_unlock(mutex);
}

/* ---- destroys: errors */

static void *destroy_cq(void *cq)
{
	return (void *)(long)soft_cq_destroy(cq);
}

static void *destroy_srq(void *srq)
{
	return (void *)(long)soft_srq_destroy(srq);
}

static pthread_t start(void *(*fn)(void *), void *arg)
{
	pthread_t thread;

	cr_assert_eq(pthread_create(&thread, NULL, fn, arg), 0);
	return thread;
}

static long join(pthread_t thread)
{
	void *result;

	pthread_join(thread, &result);
	return (long)result;
}

Test(soft_stall, destroy_cq__counts_the_events_of_each_kind)
{
	struct soft_channel *channel = new_channel();
	struct soft_cq *cq = new_cq(channel), *got;
	pthread_t thread;
	char line[200];

	capture_begin(IW_LOG_ERROR, STALL_MS);
	for (int i = 0; i < 2; i++) {
		event(cq);
		cr_assert_eq(soft_channel_get_event(channel, &got), 0);
	}
	cq->async_events = 1;
	thread = start(destroy_cq, cq);
	snprintf(line, sizeof(line),
		 "error: ibv_destroy_cq of %p has waited 0 s for events that were given out and "
		 "nobody has acknowledged: 2 of completions: ibv_ack_cq_events, 1 asynchronous: "
		 "ibv_ack_async_event\n",
		 (void *)&cq->ibv);
	cr_assert(captured_wait(line, 2), "%s", captured());
	ack(cq);
	cr_assert(captured_wait("acknowledged: 1 of completions", 1), "%s", captured());
	ack(cq);
	cr_assert(captured_wait("acknowledged: 1 asynchronous: ibv_ack_async_event\n", 1), "%s",
		  captured());
	cr_assert_leq(captured_count("has waited"), 12, "%s", captured());
	ack_async(&cq->ibv.mutex, &cq->ibv.cond, &cq->ibv.async_events_completed);
	cr_assert_eq(join(thread), 0);
	cr_assert_eq(soft_channel_destroy(channel), 0);
	capture_end();
}

Test(soft_stall, destroy_srq__names_it)
{
	struct ibv_srq_init_attr attr = { .attr = { 8, 1, 0 } };
	struct soft_srq *srq;
	pthread_t thread;
	char line[100];

	pd.ibv.context = &fake_dev.ctx.verbs.context;
	cr_assert_eq(soft_srq_create(&pd, &attr, &srq), 0);
	capture_begin(IW_LOG_ERROR, STALL_MS);
	srq->async_events = 1;
	thread = start(destroy_srq, srq);
	snprintf(line, sizeof(line), "error: ibv_destroy_srq of %p has waited 0 s",
		 (void *)&srq->ibv);
	cr_assert(captured_wait(line, 2), "%s", captured());
	ack_async(&srq->ibv.mutex, &srq->ibv.cond, &srq->ibv.events_completed);
	cr_assert_eq(join(thread), 0);
	capture_end();
}

Test(soft_stall, destroy_cq__in_time_says_nothing)
{
	struct soft_channel *channel = new_channel();
	struct soft_cq *cq = new_cq(channel), *got;
	pthread_t thread;

	capture_begin(IW_LOG_WARN, IW_STALL_MS);
	event(cq);
	cr_assert_eq(soft_channel_get_event(channel, &got), 0);
	thread = start(destroy_cq, cq);
	usleep(50000);
	ack(cq);
	cr_assert_eq(join(thread), 0);
	cr_assert_str_eq(captured(), "");
	cr_assert_eq(soft_channel_destroy(channel), 0);
	capture_end();
}

/* ---- ibv_get_cq_event: info */

static void *get_event(void *channel)
{
	struct soft_cq *cq;
	int rc = soft_channel_get_event(channel, &cq);

	if (!rc)
		ack(cq);
	return (void *)(long)rc;
}

Test(soft_stall, get_cq_event__is_silent_below_info)
{
	struct soft_channel *channel = new_channel();
	struct soft_cq *cq = new_cq(channel);
	pthread_t thread;

	capture_begin(IW_LOG_WARN, STALL_MS);
	thread = start(get_event, channel);
	usleep(6 * STALL_MS * 1000);
	event(cq);
	cr_assert_eq(join(thread), 0);
	cr_assert_str_eq(captured(), "");
	cr_assert_eq(soft_cq_destroy(cq), 0);
	cr_assert_eq(soft_channel_destroy(channel), 0);
	capture_end();
}

/* What stands in the way is said; each is taken away in turn. */
Test(soft_stall, get_cq_event__names_dead_ends)
{
	struct soft_channel *channel = new_channel();
	struct soft_cq *cq;
	pthread_t thread;

	capture_begin(IW_LOG_INFO, STALL_MS);
	thread = start(get_event, channel);
	cr_assert(
		captured_wait("of its 0 queues 0 are not armed, 0 hold completions that nobody "
			      "has polled, 0 have no queue pair; no queue has this channel, so no "
			      "event will come\n",
			      2),
		"%s", captured());
	cq = new_cq(channel);
	push(cq);
	cr_assert(captured_wait("of its 1 queues 1 are not armed, 1 hold completions that nobody "
				"has polled, 1 have no queue pair; none is armed by "
				"ibv_req_notify_cq, so no event will come\n",
				1),
		  "%s", captured());
	soft_cq_req_notify(cq, false);
	cr_assert(captured_wait("; no queue pair uses them, so no event will come\n", 1), "%s",
		  captured());
	__atomic_store_n(&cq->qps, 1, __ATOMIC_RELAXED);
	cr_assert(captured_wait("of its 1 queues 0 are not armed, 1 hold completions that nobody "
				"has polled, 0 have no queue pair; poll once more after "
				"ibv_req_notify_cq\n",
				1),
		  "%s", captured());
	push(cq);
	cr_assert_eq(join(thread), 0);
	__atomic_store_n(&cq->qps, 0, __ATOMIC_RELAXED);
	cr_assert_leq(captured_count("info: ibv_get_cq_event of channel 0x"), 12, "%s", captured());
	cr_assert_eq(soft_cq_destroy(cq), 0);
	cr_assert_eq(soft_channel_destroy(channel), 0);
	capture_end();
}

/* ---- other threads: errors */

static void *close_region(void *region)
{
	soft_stag_lock();
	soft_stag_close(region);
	soft_stag_unlock();
	return NULL;
}

Test(soft_stall, region__that_a_transfer_does_not_leave)
{
	struct soft_region *region;
	pthread_t thread;
	uint32_t stag;

	cr_assert_eq(soft_stag_alloc(0, &region), 0);
	stag = soft_stag_of(region);
	soft_stag_lock();
	soft_stag_open(region, stag);
	soft_stag_unlock();
	cr_assert_eq(soft_stag_pin(stag), region);
	capture_begin(IW_LOG_ERROR, STALL_MS);
	thread = start(close_region, region);
	cr_assert(captured_wait("error: the end of a memory region (state 0x", 2), "%s",
		  captured());
	cr_assert_leq(captured_count("has waited"), 10, "%s", captured());
	soft_stag_unpin(region);
	cr_assert_eq(join(thread), 0);
	capture_end();
	soft_stag_free(region);
}

Test(soft_stall, stream__names_queue_pair_and_thread)
{
	static struct soft_qp qp;
	char line[128];

	iw_lock_init(&qp.fail_lock);
	qp.ibv.qp_num = 17;
	qp.settler = iw_thread_self();
	capture_begin(IW_LOG_ERROR, STALL_MS);
	iw_lock(&qp.fail_lock);
	soft_stream_tell(&qp, 5);
	iw_unlock(&qp.fail_lock);
	snprintf(
		line, sizeof(line),
		"error: the end of queue pair 17 has waited 5 s for thread %#lx, which works on its "
		"connection\n",
		(unsigned long)iw_thread_self());
	cr_assert_captured(line);
	capture_end();
}
