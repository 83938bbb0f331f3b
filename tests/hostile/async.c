// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Asynchronous events. All victims share the context that librdmacm opened, so
 * one thread reads for all of them and keeps what each QP got.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>

#include "tests/hostile/hostile.h"

#define MAX_KEPT 512
#define STEP_MS 20

static struct {
	pthread_mutex_t lock; /* protects: kept, n, stop */
	struct {
		const struct ibv_qp *qp;
		enum ibv_event_type event;
	} kept[MAX_KEPT];
	unsigned int n;
	bool stop;
	pthread_t thread;
	struct ibv_context *verbs;
} all = { .lock = PTHREAD_MUTEX_INITIALIZER };

static bool is_of_qp(enum ibv_event_type event)
{
	return event == IBV_EVENT_QP_FATAL || event == IBV_EVENT_QP_REQ_ERR ||
	       event == IBV_EVENT_QP_ACCESS_ERR || event == IBV_EVENT_QP_LAST_WQE_REACHED ||
	       event == IBV_EVENT_SQ_DRAINED || event == IBV_EVENT_COMM_EST;
}

/* The oldest gives way: those who wait do so soon after. */
static void keep(const struct ibv_async_event *event)
{
	pthread_mutex_lock(&all.lock);
	all.kept[all.n % MAX_KEPT].qp = is_of_qp(event->event_type) ? event->element.qp : NULL;
	all.kept[all.n % MAX_KEPT].event = event->event_type;
	all.n++;
	pthread_mutex_unlock(&all.lock);
}

static bool stopped(void)
{
	bool stop;

	pthread_mutex_lock(&all.lock);
	stop = all.stop;
	pthread_mutex_unlock(&all.lock);
	return stop;
}

static void *read_events(void *arg)
{
	struct pollfd pfd = { .fd = all.verbs->async_fd, .events = POLLIN };
	struct ibv_async_event event;

	while (!stopped()) {
		if (poll(&pfd, 1, STEP_MS) <= 0 || ibv_get_async_event(all.verbs, &event))
			continue;
		keep(&event);
		ibv_ack_async_event(&event);
	}
	return NULL;
}

int async_start(struct ibv_context *verbs)
{
	all.verbs = verbs;
	fcntl(verbs->async_fd, F_SETFL, fcntl(verbs->async_fd, F_GETFL) | O_NONBLOCK);
	return pthread_create(&all.thread, NULL, read_events, NULL);
}

void async_stop(void)
{
	pthread_mutex_lock(&all.lock);
	all.stop = true;
	pthread_mutex_unlock(&all.lock);
	pthread_join(all.thread, NULL);
}

void async_forget(const struct ibv_qp *qp)
{
	pthread_mutex_lock(&all.lock);
	for (unsigned int i = 0; i < MAX_KEPT; i++)
		if (all.kept[i].qp == qp)
			all.kept[i].qp = NULL;
	pthread_mutex_unlock(&all.lock);
}

/* How many of them, of any kind, and whether @event is one. */
static unsigned int look(const struct ibv_qp *qp, enum ibv_event_type event, bool *found)
{
	unsigned int n = 0;

	*found = false;
	pthread_mutex_lock(&all.lock);
	for (unsigned int i = 0; i < MAX_KEPT; i++) {
		if (all.kept[i].qp != qp)
			continue;
		n++;
		*found = *found || all.kept[i].event == event;
	}
	pthread_mutex_unlock(&all.lock);
	return n;
}

bool async_wait(const struct ibv_qp *qp, enum ibv_event_type event)
{
	bool found = false;

	for (unsigned int ms = 0; ms < WAIT_MS && !found; ms += STEP_MS / 4) {
		look(qp, event, &found);
		if (!found)
			nap_ms(STEP_MS / 4);
	}
	return found;
}

unsigned int async_count(const struct ibv_qp *qp)
{
	bool found;

	return look(qp, IBV_EVENT_QP_FATAL, &found);
}
