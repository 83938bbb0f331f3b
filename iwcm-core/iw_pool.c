// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* A run queue of ids and the threads that drain them. */
#include "iwcm-core/iw_pool.h"

#include "base/log.h"
#include "iwcm-core/iw_event.h"

/* A handler may block; this many may at once before others have to wait. */
#define POOL_MAX_THREADS 64
/* Idle threads beyond this number end. */
#define POOL_KEEP_IDLE 4

TAILQ_HEAD(pool_queue, iw_id);

/* @lock protects all of it, and pool_link and in_pool of every id. */
static struct {
	struct iw_lock lock;
	struct iw_cond work;
	struct pool_queue queue;
	unsigned int queued, threads;
	unsigned int idle, starting; /* threads that will look at the queue next */
} pool = {
	.lock = IW_LOCK_STATIC,
	.work = IW_COND_STATIC,
	.queue = TAILQ_HEAD_INITIALIZER(pool.queue),
};

static void dequeue(struct iw_id *id)
{
	iw_assert_held(&pool.lock);
	TAILQ_REMOVE(&pool.queue, id, pool_link);
	pool.queued--;
	id->in_pool = false;
}

/* The next id to drain, or NULL: this thread is one too many. Waits. */
static struct iw_id *next_id(void)
{
	struct iw_id *id;

	iw_assert_held(&pool.lock);
	while (!(id = TAILQ_FIRST(&pool.queue)) && pool.idle < POOL_KEEP_IDLE) {
		pool.idle++;
		iw_cond_wait(&pool.work, &pool.lock);
		pool.idle--;
	}
	if (id)
		dequeue(id);
	return id;
}

static void *pool_thread(void *arg)
{
	struct iw_id *id;

	iw_lock(&pool.lock);
	pool.starting--;
	while ((id = next_id())) {
		iw_unlock(&pool.lock);
		iw_event_drain(id);
		iw_lock(&pool.lock);
	}
	pool.threads--;
	iw_unlock(&pool.lock);
	return NULL;
}

static int add_thread(void)
{
	int rc;

	iw_assert_held(&pool.lock);
	rc = iw_thread_start(pool_thread, NULL, "iw-drain");
	if (rc)
		return rc;
	pool.threads++;
	pool.starting++;
	return 0;
}

int iw_pool_start(void)
{
	int rc = 0;

	iw_lock(&pool.lock);
	if (!pool.threads)
		rc = add_thread();
	iw_unlock(&pool.lock);
	if (rc)
		iw_error("no thread for events: error %d", rc);
	return rc;
}

void iw_pool_submit(struct iw_id *id)
{
	iw_assert_held(&id->lock);
	iw_lock(&pool.lock);
	TAILQ_INSERT_TAIL(&pool.queue, id, pool_link);
	pool.queued++;
	id->in_pool = true;
	if (pool.queued > pool.idle + pool.starting && pool.threads < POOL_MAX_THREADS &&
	    add_thread())
		iw_warn("id %p: its events wait for one of %u busy threads", (void *)id,
			pool.threads);
	iw_cond_signal(&pool.work);
	iw_unlock(&pool.lock);
}

bool iw_pool_cancel(struct iw_id *id)
{
	bool was;

	iw_assert_held(&id->lock);
	if (!id->pub.ops->drain_in_pool)
		return false;
	iw_lock(&pool.lock);
	was = id->in_pool;
	if (was)
		dequeue(id);
	iw_unlock(&pool.lock);
	return was;
}
