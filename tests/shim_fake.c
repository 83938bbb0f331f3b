// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The driver in memory: its script, its ids and its sources. What waits for a
 * pump is counted by the source's eventfd, so that its descriptor is readable
 * exactly while something waits. The ops are in shim_fake_ops.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "driver/registry.h"
#include "tests/shim_fake_net.h"

pthread_mutex_t fake_lock = PTHREAD_MUTEX_INITIALIZER;
struct fake_ids fake_ids = TAILQ_HEAD_INITIALIZER(fake_ids);
bool fake_holding;
static pthread_cond_t appended = PTHREAD_COND_INITIALIZER;
static int nsources;
static struct {
	int error;
	unsigned int skip, calls;
} script[FAKE_NOPS];

/* ---- the script */

void fake_fail_after(enum fake_op op, int error, unsigned int skip)
{
	pthread_mutex_lock(&fake_lock);
	script[op].error = error;
	script[op].skip = skip;
	pthread_mutex_unlock(&fake_lock);
}

void fake_fail(enum fake_op op, int error)
{
	fake_fail_after(op, error, 0);
}

static int called_locked(enum fake_op op)
{
	int error;

	script[op].calls++;
	if (!script[op].error)
		return 0;
	if (script[op].skip) {
		script[op].skip--;
		return 0;
	}
	error = script[op].error;
	script[op].error = 0;
	return error;
}

int fake_called(enum fake_op op)
{
	int error;

	pthread_mutex_lock(&fake_lock);
	error = called_locked(op);
	pthread_mutex_unlock(&fake_lock);
	return error;
}

unsigned int fake_calls(enum fake_op op)
{
	unsigned int n;

	pthread_mutex_lock(&fake_lock);
	n = script[op].calls;
	pthread_mutex_unlock(&fake_lock);
	return n;
}

void fake_hold(bool hold)
{
	pthread_mutex_lock(&fake_lock);
	fake_holding = hold;
	pthread_mutex_unlock(&fake_lock);
}

int fake_live(void)
{
	struct fake_id *f;
	int n;

	pthread_mutex_lock(&fake_lock);
	n = nsources;
	TAILQ_FOREACH (f, &fake_ids, link)
		n++;
	pthread_mutex_unlock(&fake_lock);
	return n;
}

/* ---- sources */

/* Under the lock. */
void fake_put(struct fake_id *f, struct fake_id *peer, const struct iw_cm_event *ev)
{
	struct fake_event *e = calloc(1, sizeof(*e));

	e->id = f;
	e->peer = peer;
	e->ev = *ev;
	e->ev.param.private_data_len = (uint16_t)iw_copy(
		e->data, sizeof(e->data), ev->param.private_data, ev->param.private_data_len);
	e->ev.param.private_data = e->data;
	TAILQ_INSERT_TAIL(&f->source->queue, e, link);
	if (f->silent)
		f->unshown++;
	else
		eventfd_write(f->source->fd, 1);
}

void fake_put_plain(struct fake_id *f, enum iw_cm_event_type type, int status)
{
	struct iw_cm_event ev = { .type = type, .status = status };

	fake_put(f, NULL, &ev);
}

/* Under the lock. */
void fake_take(struct iw_source *s, struct fake_event *e)
{
	eventfd_t one;

	TAILQ_REMOVE(&s->queue, e, link);
	eventfd_read(s->fd, &one);
}

int fake_source_open(struct iw_source **source, int *fd)
{
	struct iw_source *s;
	int rc = fake_called(FAKE_SOURCE_OPEN);

	if (rc)
		return rc;
	s = calloc(1, sizeof(*s));
	s->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE);
	if (s->fd < 0) {
		free(s);
		return -errno;
	}
	TAILQ_INIT(&s->queue);
	pthread_mutex_lock(&fake_lock);
	nsources++;
	pthread_mutex_unlock(&fake_lock);
	*source = s;
	*fd = s->fd;
	return 0;
}

void fake_source_close(struct iw_source *s)
{
	pthread_mutex_lock(&fake_lock);
	nsources--;
	pthread_mutex_unlock(&fake_lock);
	close(s->fd);
	free(s);
}

static struct fake_id *id_make(struct iw_source *source)
{
	struct fake_id *f = calloc(1, sizeof(*f));

	f->source = source;
	f->device = -1;
	return f;
}

/* Under the lock: @f has no peer any more, and the peer hears of it. */
void fake_part(struct fake_id *f, int status)
{
	struct fake_id *peer = f->peer;

	f->peer = NULL;
	f->want = false;
	if (!peer)
		return;
	peer->peer = NULL;
	if (peer->connected)
		fake_put_plain(peer, IW_CM_EVENT_CLOSE, 0);
	else if (peer->want)
		fake_put_plain(peer, IW_CM_EVENT_CONNECT_REPLY, status);
	peer->want = false;
	peer->connected = false;
}

/* Under the lock: nothing of @f waits any more. */
static void forget_events(struct fake_id *f)
{
	struct fake_event *e, *next;

	TAILQ_FOREACH_SAFE (e, &f->source->queue, link, next) {
		if (e->id != f)
			continue;
		fake_take(f->source, e);
		if (e->peer && !e->peer->gone && e->peer->want)
			fake_put_plain(e->peer, IW_CM_EVENT_CONNECT_REPLY, -ECONNRESET);
		free(e);
	}
}

/* Under the lock: a request whose asker has gone is asked by nobody. */
void fake_forget_requests_of(struct fake_id *f)
{
	struct fake_event *e, *next;
	struct fake_id *l;

	TAILQ_FOREACH (l, &fake_ids, link) {
		if (!l->listening)
			continue;
		TAILQ_FOREACH_SAFE (e, &l->source->queue, link, next) {
			if (e->peer != f)
				continue;
			fake_take(l->source, e);
			free(e);
		}
	}
}

void fake_forget_group(struct fake_id *f, const void *membership)
{
	struct fake_event *e, *next;

	pthread_mutex_lock(&fake_lock);
	TAILQ_FOREACH_SAFE (e, &f->source->queue, link, next) {
		if (e->id != f || e->ev.type != IW_CM_EVENT_MULTICAST ||
		    e->ev.membership != membership)
			continue;
		fake_take(f->source, e);
		free(e);
	}
	while (f->appending == membership)
		pthread_cond_wait(&appended, &fake_lock);
	pthread_mutex_unlock(&fake_lock);
}

/* With the lock held, left without it. */
static void finish_and_unlock(struct fake_id *f)
{
	bool last = f->gone && !f->busy;
	struct iw_cm_id *cm = f->cm;

	if (last)
		TAILQ_REMOVE(&fake_ids, f, link);
	pthread_mutex_unlock(&fake_lock);
	if (!last)
		return;
	free(f);
	iw_cm_driver_put(cm);
}

static struct fake_id *child_of(struct fake_id *listener, struct fake_id *peer)
{
	struct fake_id *f = id_make(listener->source);

	f->listener = listener;
	f->src = peer->dst;
	f->dst = peer->src;
	f->device = fake_device_of(f, (struct sockaddr *)&f->src);
	f->peer = peer;
	peer->peer = f;
	return f;
}

/* With the lock held and @e->id busy; left without the lock. */
static void make_request_and_unlock(struct fake_event *e)
{
	struct fake_id *listener = e->id, *child;
	int rc;

	child = child_of(listener, e->peer);
	child->busy++;
	TAILQ_INSERT_TAIL(&fake_ids, child, link);
	pthread_mutex_unlock(&fake_lock);
	rc = iw_cm_child_new(listener->cm, child, &e->ev.child);
	pthread_mutex_lock(&fake_lock);
	if (rc) {
		fake_part(child, -ECONNRESET);
		TAILQ_REMOVE(&fake_ids, child, link);
		pthread_mutex_unlock(&fake_lock);
		free(child);
		return;
	}
	child->cm = e->ev.child;
	pthread_mutex_unlock(&fake_lock);
	iw_cm_post(listener->cm, &e->ev);
	pthread_mutex_lock(&fake_lock);
	child->busy--;
	finish_and_unlock(child);
}

/*
 * With the lock held and @e->id busy; left without the lock. Who leaves a group
 * waits for its event to reach the core, and not for the handler, which may leave
 * it itself.
 */
static void post_and_unlock(struct fake_event *e)
{
	struct fake_id *f = e->id;
	bool drain;

	if (e->ev.type == IW_CM_EVENT_MULTICAST)
		f->appending = e->ev.membership;
	pthread_mutex_unlock(&fake_lock);
	iw_cm_append(f->cm, &e->ev, &drain);
	pthread_mutex_lock(&fake_lock);
	f->appending = NULL;
	pthread_cond_broadcast(&appended);
	pthread_mutex_unlock(&fake_lock);
	if (drain)
		iw_cm_drain(f->cm);
}

/* The first whose id no other thread is posting for: their order must hold. */
static struct fake_event *first_free(struct iw_source *s)
{
	struct fake_event *e;

	TAILQ_FOREACH (e, &s->queue, link)
		if (!e->id->busy && !e->id->silent)
			return e;
	return NULL;
}

int fake_source_pump(struct iw_source *s)
{
	struct fake_event *e;
	struct fake_id *f;
	int rc;

	pthread_mutex_lock(&fake_lock);
	rc = called_locked(FAKE_PUMP);
	e = rc ? NULL : first_free(s);
	if (!e) {
		pthread_mutex_unlock(&fake_lock);
		return rc ? rc : -EAGAIN;
	}
	fake_take(s, e);
	f = e->id;
	f->busy++;
	if (e->ev.type == IW_CM_EVENT_CONNECT_REQUEST)
		make_request_and_unlock(e);
	else
		post_and_unlock(e);
	free(e);
	pthread_mutex_lock(&fake_lock);
	f->busy--;
	finish_and_unlock(f);
	return 0;
}

int fake_id_new(struct iw_cm_id *cm, void *arg, void **drv)
{
	struct iw_cm_open_arg *open = arg;
	struct fake_id *f;
	int rc = fake_called(FAKE_ID_NEW);

	if (rc)
		return rc;
	f = id_make(open->source);
	f->cm = cm;
	pthread_mutex_lock(&fake_lock);
	TAILQ_INSERT_TAIL(&fake_ids, f, link);
	pthread_mutex_unlock(&fake_lock);
	*drv = f;
	return 0;
}

void fake_id_gone(struct iw_cm_id *cm, void *drv)
{
	struct fake_id *f = drv, *other;

	pthread_mutex_lock(&fake_lock);
	if (!f->cm)
		f->cm = cm; /* a child, before its maker could say */
	fake_part(f, -ECONNRESET);
	forget_events(f);
	fake_forget_requests_of(f);
	TAILQ_FOREACH (other, &fake_ids, link)
		if (other->listener == f)
			other->listener = NULL;
	f->listening = false;
	f->gone = true;
	finish_and_unlock(f);
}

/* ---- what the test and the shim reach it by */

/* The shim may just be telling it, of a child; then it is none that a test looks for. */
__attribute__((noinline, no_sanitize("thread"))) static void *context_of(const struct fake_id *f)
{
	return f->cm->context;
}

/* Under the lock. */
static struct fake_id *find(struct rdma_cm_id *id)
{
	struct fake_id *f;

	TAILQ_FOREACH (f, &fake_ids, link)
		if (f->cm && context_of(f) == id && !f->gone)
			return f;
	return NULL;
}

void fake_post(struct rdma_cm_id *id, const struct iw_cm_event *ev)
{
	struct fake_id *f;

	pthread_mutex_lock(&fake_lock);
	f = find(id);
	if (f)
		fake_put(f, NULL, ev);
	pthread_mutex_unlock(&fake_lock);
}

void fake_post_now(struct rdma_cm_id *id, const struct iw_cm_event *ev)
{
	struct fake_id *f;

	pthread_mutex_lock(&fake_lock);
	f = find(id);
	if (f)
		f->busy++;
	pthread_mutex_unlock(&fake_lock);
	if (!f)
		return;
	iw_cm_post(f->cm, ev);
	pthread_mutex_lock(&fake_lock);
	f->busy--;
	finish_and_unlock(f);
}

void fake_silence(struct rdma_cm_id *id, bool silent)
{
	struct fake_id *f;

	pthread_mutex_lock(&fake_lock);
	f = find(id);
	f->silent = silent;
	if (!silent && f->unshown)
		eventfd_write(f->source->fd, f->unshown);
	f->unshown = 0;
	pthread_mutex_unlock(&fake_lock);
}

void fake_pump(struct rdma_cm_id *id)
{
	struct iw_source *source;
	struct fake_id *f;

	pthread_mutex_lock(&fake_lock);
	f = find(id);
	source = f ? f->source : NULL;
	pthread_mutex_unlock(&fake_lock);
	if (source)
		fake_source_pump(source);
}

void fake_post_plain(struct rdma_cm_id *id, enum iw_cm_event_type type, int status)
{
	struct iw_cm_event ev = { .type = type, .status = status };

	fake_post(id, &ev);
}

static int probe(void)
{
	return fake_called(FAKE_PROBE);
}

static const struct iw_driver driver = {
	.name = "fake",
	.cm = &fake_ops,
	.probe = probe,
	.source_open = fake_source_open,
	.source_pump = fake_source_pump,
	.source_close = fake_source_close,
};

const struct iw_driver *iw_driver_get(enum iw_driver_kind kind)
{
	if (kind == IW_DRIVER_SOFT)
		return fake_has_soft ? &fake_soft_driver : NULL;
	return &driver;
}
