// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Event channels: one pollable descriptor over the drivers' event sources and
 * our own queue, and the wait in rdma_get_cm_event(3).
 *
 * An event from a source is read, run through the core and queued by the very
 * thread that waits for it. The eventfd is written only for events that no
 * source's descriptor shows: those queued by other threads, or left over.
 */
#include "shim/choose.h"
#include "shim/shim.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* How far one miss or one wait moves channel_should_wait()'s opinion. */
#define WAIT_CREDIT_MIN (-6)
#define WAIT_CREDIT_MAX 2

/* The channel whose source this thread is reading, and whether that queued anything. */
static __thread struct shim_channel *pumping __attribute__((tls_model("initial-exec")));
static __thread bool pumped __attribute__((tls_model("initial-exec")));

int shim_channel_check(struct rdma_event_channel *ch, struct shim_channel **channel)
{
	struct shim_channel *c = (struct shim_channel *)(void *)ch;

	if (!c || c->magic != SHIM_CHANNEL_MAGIC)
		return -EINVAL;
	if (c->generation != shim_generation())
		return -EACCES;
	*channel = c;
	return 0;
}

static int epoll_watch(int epfd, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };

	if (iw_fault(IW_FAULT_SYSCALL))
		return -ENOMEM;
	return epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &ev) ? -errno : 0;
}

static int open_fds(struct shim_channel *c)
{
	int rc;

	if (iw_fault(IW_FAULT_SYSCALL))
		return -EMFILE;
	c->ch.fd = epoll_create1(EPOLL_CLOEXEC);
	if (c->ch.fd < 0)
		return -errno;
	if (iw_fault(IW_FAULT_SYSCALL)) {
		rc = -EMFILE;
		goto close_epoll;
	}
	c->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (c->wake_fd < 0) {
		rc = -errno;
		goto close_epoll;
	}
	rc = epoll_watch(c->ch.fd, c->wake_fd);
	if (rc)
		goto close_wake;
	return 0;

close_wake:
	close(c->wake_fd);
close_epoll:
	close(c->ch.fd);
	return rc;
}

int shim_channel_new(struct shim_channel **channel)
{
	struct shim_channel *c = iw_calloc(1, sizeof(*c));
	int rc;

	if (!c)
		return -ENOMEM;
	rc = open_fds(c);
	if (rc) {
		free(c);
		return rc;
	}
	c->magic = SHIM_CHANNEL_MAGIC;
	c->generation = shim_generation();
	iw_lock_init(&c->lock);
	TAILQ_INIT(&c->queue);
	TAILQ_INIT(&c->aside);
	TAILQ_INIT(&c->ids);
	*channel = c;
	return 0;
}

static struct iw_source *peek_source(struct shim_channel *c, enum iw_driver_kind kind)
{
	return __atomic_load_n(&c->sources[kind], __ATOMIC_ACQUIRE);
}

/*
 * 0: @s is the channel's now. -EEXIST: another thread was faster. A source
 * without a descriptor queues from threads of its own, by the eventfd.
 */
static int add_source(struct shim_channel *c, enum iw_driver_kind kind, struct iw_source *s, int fd)
{
	int rc = -EEXIST;

	iw_lock(&c->lock);
	if (!c->sources[kind])
		rc = fd < 0 ? 0 : epoll_watch(c->ch.fd, fd);
	if (!rc) {
		c->source_fds[kind] = fd;
		__atomic_store_n(&c->sources[kind], s, __ATOMIC_RELEASE);
	}
	iw_unlock(&c->lock);
	return rc;
}

int shim_channel_source(struct shim_channel *c, enum iw_driver_kind kind, struct iw_source **source)
{
	const struct iw_driver *driver = iw_driver_get(kind);
	struct iw_source *s = peek_source(c, kind);
	int fd, rc;

	if (s)
		goto out;
	rc = driver->source_open(&s, &fd);
	if (rc)
		return rc;
	rc = add_source(c, kind, s, fd);
	if (rc)
		driver->source_close(s);
	if (rc && rc != -EEXIST)
		return rc;
	s = peek_source(c, kind);
out:
	*source = s;
	return 0;
}

/*
 * The eventfd follows the queue: not zero while @signalled. read and write are
 * cancellation points, and a thread must not end here, with the lock held.
 */
static void channel_signal(struct shim_channel *c)
{
	int cancel;

	iw_assert_held(&c->lock);
	c->signalled = true;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	eventfd_write(c->wake_fd, 1);
	pthread_setcancelstate(cancel, NULL);
}

static void channel_unsignal(struct shim_channel *c)
{
	eventfd_t value;
	int cancel;

	iw_assert_held(&c->lock);
	if (!c->signalled || shim_readers_ended(&c->readers))
		return;
	c->signalled = false;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	eventfd_read(c->wake_fd, &value);
	pthread_setcancelstate(cancel, NULL);
}

void shim_channel_queue(struct shim_channel *c, struct shim_event *event)
{
	iw_lock(&c->lock);
	TAILQ_INSERT_TAIL(&c->queue, event, link);
	TAILQ_INSERT_TAIL(&event->owner->queued, event, of_owner);
	if (pumping == c)
		pumped = true;
	else
		channel_signal(c); /* each event is an edge, for EPOLLET */
	iw_unlock(&c->lock);
}

static void unqueue(struct shim_channel *c, struct shim_event *event)
{
	iw_assert_held(&c->lock);
	TAILQ_REMOVE(&c->queue, event, link);
	TAILQ_REMOVE(&event->owner->queued, event, of_owner);
}

/* What was passed over is first again. */
static void end_aside(struct shim_channel *c)
{
	struct shim_event_list rest = TAILQ_HEAD_INITIALIZER(rest);

	iw_assert_held(&c->lock);
	TAILQ_CONCAT(&rest, &c->queue, link);
	TAILQ_CONCAT(&c->queue, &c->aside, link);
	TAILQ_CONCAT(&c->queue, &rest, link);
}

/* The call of a synchronous id is over, or its wait: all is the program's to fetch. */
static void put_back(struct shim_channel *c)
{
	iw_lock(&c->lock);
	end_aside(c);
	if (!TAILQ_EMPTY(&c->queue) && !c->signalled)
		channel_signal(c);
	iw_unlock(&c->lock);
}

void shim_channel_purge(struct shim_channel *c, struct shim_id *id,
			const struct shim_member *member, struct shim_event_list *list)
{
	struct shim_event *ev, *next;

	iw_lock(&c->lock);
	end_aside(c);
	TAILQ_FOREACH_SAFE (ev, &id->queued, of_owner, next) {
		if (member && ev->member != member)
			continue;
		if (shim_is_request(ev)) /* its events stay until it is elsewhere, or gone */
			shim_child_of(ev)->taken = true;
		unqueue(c, ev);
		TAILQ_INSERT_TAIL(list, ev, link);
	}
	if (TAILQ_EMPTY(&c->queue))
		channel_unsignal(c);
	iw_unlock(&c->lock);
}

/* The first that may be handed out; a synchronous call passes over what the program wrote. */
static struct shim_event *first(struct shim_channel *c, bool of_call)
{
	struct shim_event *ev, *next;

	iw_assert_held(&c->lock);
	if (!of_call && !TAILQ_EMPTY(&c->aside))
		end_aside(c);
	TAILQ_FOREACH_SAFE (ev, &c->queue, link, next) {
		if (of_call && ev->ev.event == RDMA_CM_EVENT_USER) {
			TAILQ_REMOVE(&c->queue, ev, link);
			TAILQ_INSERT_TAIL(&c->aside, ev, link);
		} else if (!ev->owner->taken) {
			return ev;
		}
	}
	return NULL;
}

/*
 * Takes the first event and charges it to its owner, in one step, so that a
 * destroy sees it either queued or handed out. What stays behind is signalled:
 * this thread leaves. -ESHUTDOWN: the channel is being destroyed.
 */
static int channel_pop(struct shim_channel *c, bool of_call, struct shim_event **event)
{
	struct shim_event *ev = NULL;
	bool ended;

	iw_lock(&c->lock);
	ended = shim_readers_ended(&c->readers);
	if (!ended)
		ev = first(c, of_call);
	if (ev) {
		unqueue(c, ev);
		shim_event_hand_out(ev);
	}
	if (!first(c, of_call))
		channel_unsignal(c);
	else if (!c->signalled)
		channel_signal(c);
	iw_unlock(&c->lock);
	*event = ev;
	return ended ? -ESHUTDOWN : ev ? 0 : -EAGAIN;
}

/*
 * Reads one event of any source. -EAGAIN: none waits. What was queued goes
 * before an error: the caller has to look, since nobody was signalled.
 */
static int channel_pump(struct shim_channel *c)
{
	struct iw_source *s;
	int rc = -EAGAIN;

	pumping = c;
	pumped = false;
	for (int kind = 0; kind < IW_DRIVER_NKINDS && rc == -EAGAIN; kind++) {
		s = peek_source(c, kind);
		if (s && c->source_fds[kind] >= 0)
			rc = iw_driver_get(kind)->source_pump(s);
	}
	pumping = NULL;
	return pumped ? 0 : rc;
}

void shim_channel_drain(struct shim_channel *c)
{
	while (!channel_pump(c))
		;
	iw_lock(&c->lock);
	if (!TAILQ_EMPTY(&c->queue))
		channel_signal(c);
	iw_unlock(&c->lock);
}

void shim_channel_recheck(struct shim_channel *c)
{
	struct epoll_event ev = { .events = EPOLLIN };

	iw_lock(&c->lock);
	for (int kind = 0; kind < IW_DRIVER_NKINDS; kind++) {
		ev.data.fd = c->source_fds[kind];
		if (c->sources[kind] && ev.data.fd >= 0 &&
		    epoll_ctl(c->ch.fd, EPOLL_CTL_MOD, ev.data.fd, &ev))
			iw_warn("cannot watch a source: %s", strerror(errno));
	}
	iw_unlock(&c->lock);
}

/* Whether there is anything to read: a channel may hear from threads alone. */
static bool channel_can_pump(struct shim_channel *c)
{
	for (int kind = 0; kind < IW_DRIVER_NKINDS; kind++)
		if (peek_source(c, kind) && c->source_fds[kind] >= 0)
			return true;
	return false;
}

/*
 * Reading first costs one system call if an event is there and three more if
 * not; waiting first costs three always. Recent luck decides, and waiting is
 * given up now and then to see whether luck has turned. Where nothing can be
 * read there is nothing to learn.
 */
static bool channel_should_wait(struct shim_channel *c)
{
	return __atomic_load_n(&c->wait_credit, __ATOMIC_RELAXED) < 0;
}

static void channel_learn(struct shim_channel *c, int by)
{
	int credit = __atomic_load_n(&c->wait_credit, __ATOMIC_RELAXED) + by;

	if (!channel_can_pump(c))
		return;
	if (credit >= WAIT_CREDIT_MIN && credit <= WAIT_CREDIT_MAX)
		__atomic_store_n(&c->wait_credit, credit, __ATOMIC_RELAXED);
}

static void leave_cancelled(void *arg)
{
	struct shim_channel *c = arg;

	put_back(c);
	shim_readers_leave(&c->readers, false);
}

static int channel_wait(struct shim_channel *c, int cancel, struct iw_stall *stall)
{
	int rc;

	pthread_cleanup_push(leave_cancelled, c);
	rc = shim_wait(c->ch.fd, cancel, stall);
	pthread_cleanup_pop(0);
	return rc;
}

static int channel_get(struct shim_channel *c, int cancel, bool of_call, struct shim_event **event)
{
	struct iw_stall stall = IW_STALL(shim_channel_tell, &c);
	bool may_wait_first = channel_should_wait(c);
	int rc;

	while ((rc = channel_pop(c, of_call, event)) == -EAGAIN) {
		if (may_wait_first) {
			may_wait_first = false;
			channel_learn(c, 1);
			rc = channel_wait(c, cancel, &stall);
			if (rc && rc != -EAGAIN)
				return rc;
		}
		rc = channel_pump(c);
		if (!rc)
			continue;
		if (rc != -EAGAIN)
			return rc;
		channel_learn(c, -3);
		rc = channel_wait(c, cancel, &stall);
		if (rc)
			return rc;
	}
	return rc;
}

/* Whoever meets the end of the channel here blocks as if it had no events, as with the kernel's. */
static int leave_ended(struct shim_channel *c, int cancel)
{
	int flags = fcntl(c->ch.fd, F_GETFL);

	shim_readers_leave_ended(&c->readers);
	iw_caller_now.object = NULL; /* another thread frees it, or has */
	if (flags < 0 || flags & O_NONBLOCK)
		return -EBADF;
	return shim_park(cancel);
}

int shim_channel_get(struct shim_channel *c, int cancel, bool of_call, struct shim_event **event)
{
	int rc = -ESHUTDOWN;

	if (shim_readers_enter(&c->readers)) {
		rc = channel_get(c, cancel, of_call, event);
		if (of_call)
			put_back(c);
	}
	if (rc == -ESHUTDOWN)
		return leave_ended(c, cancel);
	shim_readers_leave(&c->readers, !rc);
	return rc;
}

static struct shim_id *first_id(struct shim_channel *c)
{
	struct shim_id *id;

	iw_lock(&c->lock);
	id = TAILQ_FIRST(&c->ids);
	iw_unlock(&c->lock);
	return id;
}

/*
 * The ids that are still there lose their connections, and then, when no
 * handler of theirs can want it any more, their channel.
 */
static void orphan_ids(struct shim_channel *c)
{
	struct shim_id *id;

	while ((id = first_id(c))) {
		shim_id_detach(id);
		iw_lock(&c->lock);
		TAILQ_REMOVE(&c->ids, id, link);
		iw_unlock(&c->lock);
		iw_lock(&id->moving);
		id->channel = NULL;
		id->id.channel = NULL;
		iw_unlock(&id->moving);
	}
}

static void drop_event(struct shim_channel *c, struct shim_event *event)
{
	iw_lock(&c->lock);
	unqueue(c, event);
	iw_unlock(&c->lock);
	shim_event_drop(event);
}

/* A request that is dropped takes its child along: what the child owns goes first. */
static void drop_queue(struct shim_channel *c)
{
	struct shim_event *ev, *next;

	TAILQ_FOREACH_SAFE (ev, &c->queue, link, next) {
		if (ev->ev.event != RDMA_CM_EVENT_CONNECT_REQUEST)
			drop_event(c, ev);
	}
	while ((ev = TAILQ_FIRST(&c->queue)))
		drop_event(c, ev);
}

/*
 * In a forked child of a parent's channel, too: its copy of the kernel's file
 * would keep the connections alive after the parent.
 */
static void close_all(struct shim_channel *c)
{
	for (int kind = 0; kind < IW_DRIVER_NKINDS; kind++)
		if (c->sources[kind])
			iw_driver_get(kind)->source_close(c->sources[kind]);
	close(c->wake_fd);
	close(c->ch.fd);
}

/* From here on nobody is given an event, and who waits on the descriptor wakes up. */
static bool end_readers(struct shim_channel *c)
{
	iw_lock(&c->lock);
	if (shim_readers_end(&c->readers))
		channel_signal(c);
	iw_unlock(&c->lock);
	return shim_readers_left(&c->readers);
}

/* What a reader inside may use goes once it has left; if it does not leave, it stays. */
void shim_channel_free(struct shim_channel *c)
{
	bool left = end_readers(c);

	c->magic = 0;
	orphan_ids(c);
	drop_queue(c);
	close_all(c);
	if (!left || !shim_readers_left(&c->readers)) {
		iw_warn("a thread does not leave rdma_get_cm_event: its channel's memory is lost");
		return;
	}
	iw_caller_forget(c);
	iw_lock_fini(&c->lock);
	free(c);
}

IW_EXPORT struct rdma_event_channel *rdma_create_event_channel(void)
{
	struct shim_channel *c = NULL;
	int rc = shim_choose_any();

	if (!rc)
		rc = shim_channel_new(&c);
	if (!rc)
		return &c->ch;
	errno = -rc;
	return NULL;
}

IW_EXPORT void rdma_destroy_event_channel(struct rdma_event_channel *channel)
{
	struct shim_channel *c = NULL;
	int rc = shim_channel_check(channel, &c);

	iw_caller_is(__func__, c, shim_channel_describe);
	if (rc == -EACCES) {
		c = (struct shim_channel *)(void *)channel;
		c->magic = 0;
		close_all(c);
		return;
	}
	if (rc)
		return;
	end_readers(c);
	shim_readers_await_return(&c->readers);
	shim_channel_free(c);
}
