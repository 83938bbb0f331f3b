// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "driver/soft/soft_stall.h"

#include <stdio.h>
#include <string.h>

#include "driver/soft/soft_cq.h"
#include "driver/soft/soft_qp.h"
#include "driver/soft/soft_stag.h"

/* ---- acknowledgements */

static uint32_t missing(const struct soft_acks *acks)
{
	return acks->given ? __atomic_load_n(acks->given, __ATOMIC_RELAXED) - *acks->acked : 0;
}

static void tell_acks(const void *arg, unsigned int seconds)
{
	const struct soft_acks_wait *wait = arg;
	char text[160] = "";
	size_t used;

	for (size_t i = 0; i < IW_ARRAY_SIZE(wait->acks); i++) {
		used = strlen(text);
		if (missing(&wait->acks[i]))
			snprintf(text + used, sizeof(text) - used, "%s%u %s", used ? ", " : "",
				 missing(&wait->acks[i]), wait->acks[i].how);
	}
	iw_error("%s of %p has waited %u s for events that were given out and nobody has "
		 "acknowledged: %s",
		 wait->call, wait->object, seconds, text);
}

void soft_wait_acked(pthread_mutex_t *mutex, pthread_cond_t *cond,
		     const struct soft_acks_wait *wait)
{
	struct iw_stall stall = IW_STALL(tell_acks, wait);

	pthread_mutex_lock(mutex);
	while (missing(&wait->acks[0]) || missing(&wait->acks[1]))
		iw_stall_wait(cond, mutex, &stall);
	pthread_mutex_unlock(mutex);
}

/* ---- completions that do not come */

struct count {
	unsigned int cqs, unarmed, idle, waiting;
};

/* The order of locks is the other way round: a queue that is busy is alive. */
static void count_cq(struct count *count, struct soft_cq *cq)
{
	count->cqs++;
	if (!__atomic_load_n(&cq->qps, __ATOMIC_RELAXED))
		count->idle++;
	if (!iw_trylock(&cq->lock))
		return;
	if (cq->armed == SOFT_CQ_UNARMED)
		count->unarmed++;
	if (cq->head != cq->tail)
		count->waiting++;
	iw_unlock(&cq->lock);
}

static const char *dead_end(const struct count *count)
{
	if (!count->cqs)
		return "; no queue has this channel, so no event will come";
	if (count->unarmed == count->cqs)
		return "; none is armed by ibv_req_notify_cq, so no event will come";
	if (count->idle == count->cqs)
		return "; no queue pair uses them, so no event will come";
	return count->waiting ? "; poll once more after ibv_req_notify_cq" : "";
}

void soft_channel_tell(const void *arg, unsigned int seconds)
{
	struct soft_channel *channel = *(struct soft_channel *const *)arg;
	struct count count = { 0 };
	struct soft_cq *cq;

	iw_lock(&channel->lock);
	TAILQ_FOREACH (cq, &channel->cqs, link)
		count_cq(&count, cq);
	iw_unlock(&channel->lock);
	iw_info("ibv_get_cq_event of channel %p has waited %u s for a completion; of its %u queues "
		"%u are not armed, %u hold completions that nobody has polled, %u have no queue "
		"pair%s",
		(void *)channel, seconds, count.cqs, count.unarmed, count.waiting, count.idle,
		dead_end(&count));
}

void soft_async_tell(const void *arg, unsigned int seconds)
{
	iw_info("ibv_get_async_event of context %p has waited %u s: nothing has gone wrong, and no "
		"queue has reached its limit",
		*(void *const *)arg, seconds);
}

/* ---- other threads */

void soft_stream_tell(const void *arg, unsigned int seconds)
{
	const struct soft_qp *qp = arg;

	iw_assert_held(&qp->fail_lock);
	iw_error("the end of queue pair %u has waited %u s for thread %#lx, which works on its "
		 "connection",
		 qp->ibv.qp_num, seconds, (unsigned long)qp->settler);
}

void soft_stag_tell(const void *arg, unsigned int seconds)
{
	const struct soft_region *region = arg;

	iw_error(
		"the end of a memory region (state %#llx) has waited %u s for a transfer by another "
		"thread to leave it",
		(unsigned long long)__atomic_load_n(&region->state, __ATOMIC_RELAXED), seconds);
}
