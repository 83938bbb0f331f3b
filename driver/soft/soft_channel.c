// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Completion channels: a pipe of CQ pointers that anybody may read, and the
 * thread that sleeps for one while it drives the sockets behind it.
 *
 * An event that the sleeper itself brings about is handed to it by the list of
 * pending ones, without a way through the pipe. The same list holds what found
 * the pipe full, until the loop sees room.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <rdma/ib_user_verbs.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/restart.h"
#include "driver/soft/soft_cq.h"
#include "driver/soft/soft_dev.h"
#include "driver/soft/soft_pset.h"
#include "driver/soft/soft_stall.h"

typedef struct ib_uverbs_comp_event_desc record;

#define RECORDS_AT_ONCE 256
/* So many CQs of a channel are looked at for their sets; the loop serves the rest. */
#define CQS_AT_ONCE 64

/* The channel that this thread sleeps for: its events need no pipe. */
static _Thread_local struct soft_channel *sleeps_for;

static void unref(struct soft_channel *channel)
{
	if (__atomic_sub_fetch(&channel->refs, 1, __ATOMIC_ACQ_REL))
		return;
	iw_lock_fini(&channel->lock);
	free(channel);
}

/* ---- the pipe */

/*
 * Reads without waiting, whatever the descriptor's O_NONBLOCK says, which is the
 * program's: on the read end of a pipe vmsplice(2) copies. The count of records.
 */
static unsigned int read_records(struct soft_channel *channel, record *records, unsigned int n)
{
	struct iovec iov = { .iov_base = records, .iov_len = n * sizeof(*records) };
	struct pollfd pfd = { .fd = channel->ibv.fd, .events = POLLIN };
	ssize_t got;

	iw_assert_held(&channel->lock);
	got = iw_fault(IW_FAULT_SYSCALL) ? (errno = EINVAL, -1)
					 : vmsplice(channel->ibv.fd, &iov, 1, SPLICE_F_NONBLOCK);
	if (got < 0 && errno != EAGAIN && !iw_fault(IW_FAULT_SYSCALL) && poll(&pfd, 1, 0) == 1)
		got = read(channel->ibv.fd, records, iov.iov_len);
	return got < 0 ? 0 : (unsigned int)((size_t)got / sizeof(*records));
}

/* -EAGAIN: full. */
static int write_record(struct soft_channel *channel, struct soft_cq *cq)
{
	record r = { .cq_handle = (uintptr_t)&cq->ibv };

	if (iw_fault(IW_FAULT_SYSCALL))
		return -EAGAIN;
	return write(channel->write_fd, &r, sizeof(r)) == (ssize_t)sizeof(r) ? 0 : -errno;
}

static struct soft_cq *cq_of(const record *r)
{
	return soft_cq_of((struct ibv_cq *)(uintptr_t)r->cq_handle);
}

/* ---- events that are not in the pipe */

static void add_pending(struct soft_channel *channel, struct soft_cq *cq)
{
	iw_assert_held(&channel->lock);
	if (!cq->pending_events++)
		TAILQ_INSERT_TAIL(&channel->pending, cq, pending);
}

static void drop_pending(struct soft_channel *channel, struct soft_cq *cq, uint32_t n)
{
	iw_assert_held(&channel->lock);
	if (!n)
		return;
	cq->pending_events -= n;
	if (!cq->pending_events)
		TAILQ_REMOVE(&channel->pending, cq, pending);
}

/* Moves them to the pipe; the loop goes on when the reader has made room. */
static void flush(struct soft_channel *channel)
{
	struct soft_cq *cq;

	iw_assert_held(&channel->lock);
	while ((cq = TAILQ_FIRST(&channel->pending))) {
		if (write_record(channel, cq))
			break;
		drop_pending(channel, cq, 1);
	}
	if (!cq && channel->room.handle)
		soft_watch_remove(&channel->room);
	else if (cq && !channel->room.handle &&
		 soft_watch_add(&channel->room, soft_loop_fd(), channel->write_fd, EPOLLOUT))
		iw_warn("soft: an event of a full completion channel waits for the next one");
}

static void room_get(struct soft_watch *watch)
{
	__atomic_fetch_add(&iw_container_of(watch, struct soft_channel, room)->refs, 1,
			   __ATOMIC_RELAXED);
}

static void room_put(struct soft_watch *watch)
{
	unref(iw_container_of(watch, struct soft_channel, room));
}

static void room_ready(struct soft_watch *watch, uint32_t events)
{
	struct soft_channel *channel = iw_container_of(watch, struct soft_channel, room);

	iw_lock(&channel->lock);
	if (channel->write_fd >= 0)
		flush(channel);
	iw_unlock(&channel->lock);
}

static const struct soft_watch_ops room_ops = {
	.get = room_get,
	.put = room_put,
	.ready = room_ready,
};

/* ---- life */

static int open_pipe(int fds[2])
{
	int flags;

	if (iw_fault(IW_FAULT_SYSCALL))
		return -EMFILE;
	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	/* The read end blocks until the program decides otherwise. */
	flags = fcntl(fds[1], F_GETFL);
	fcntl(fds[1], F_SETFL, flags | O_NONBLOCK);
	return 0;
}

int soft_channel_create(struct soft_context *ctx, struct soft_channel **out)
{
	struct soft_channel *channel;
	int fds[2], rc;

	rc = soft_loop_start();
	if (rc)
		return rc;
	channel = iw_calloc(1, sizeof(*channel));
	if (!channel)
		return -ENOMEM;
	rc = open_pipe(fds);
	if (rc) {
		free(channel);
		return rc;
	}
	iw_lock_init(&channel->lock);
	TAILQ_INIT(&channel->pending);
	TAILQ_INIT(&channel->cqs);
	channel->ctx = ctx;
	channel->ibv.context = &ctx->verbs.context;
	channel->ibv.fd = fds[0];
	channel->write_fd = fds[1];
	channel->room.ops = &room_ops;
	channel->refs = 1;
	soft_context_get(ctx);
	*out = channel;
	return 0;
}

int soft_channel_destroy(struct soft_channel *channel)
{
	struct soft_context *ctx = channel->ctx;

	iw_lock(&channel->lock);
	if (channel->n_cqs) {
		iw_unlock(&channel->lock);
		return -EBUSY;
	}
	soft_watch_remove(&channel->room);
	close(channel->ibv.fd);
	close(channel->write_fd);
	channel->write_fd = -1;
	iw_unlock(&channel->lock);
	unref(channel);
	soft_context_put(ctx);
	return 0;
}

void soft_channel_join(struct soft_channel *channel, struct soft_cq *cq)
{
	iw_lock(&channel->lock);
	TAILQ_INSERT_TAIL(&channel->cqs, cq, link);
	channel->ibv.refcnt = (int)++channel->n_cqs;
	iw_unlock(&channel->lock);
}

/* All goes through the pending list, so that the others' events need no memory. */
static void take_back(struct soft_channel *channel, struct soft_cq *cq)
{
	record records[RECORDS_AT_ONCE];
	unsigned int n;

	iw_assert_held(&channel->lock);
	while ((n = read_records(channel, records, RECORDS_AT_ONCE)))
		for (unsigned int i = 0; i < n; i++)
			add_pending(channel, cq_of(&records[i]));
	cq->comp_events -= cq->pending_events;
	drop_pending(channel, cq, cq->pending_events);
	flush(channel);
}

void soft_channel_leave(struct soft_channel *channel, struct soft_cq *cq)
{
	iw_lock(&channel->lock);
	take_back(channel, cq);
	TAILQ_REMOVE(&channel->cqs, cq, link);
	channel->ibv.refcnt = (int)--channel->n_cqs;
	iw_unlock(&channel->lock);
}

/* ---- events */

void soft_channel_post(struct soft_channel *channel, struct soft_cq *cq)
{
	iw_lock(&channel->lock);
	cq->comp_events++;
	add_pending(channel, cq);
	if (sleeps_for != channel)
		flush(channel);
	iw_unlock(&channel->lock);
}

/* The oldest is in the pipe, unless what is pending was handed to this thread just now. */
static bool handed(const struct soft_channel *channel)
{
	return !channel->room.handle && !TAILQ_EMPTY(&channel->pending);
}

static int take(struct soft_channel *channel, struct soft_cq **cq)
{
	record r;
	int rc = 0;

	iw_lock(&channel->lock);
	if (!handed(channel) && read_records(channel, &r, 1)) {
		*cq = cq_of(&r);
	} else if (!TAILQ_EMPTY(&channel->pending)) {
		*cq = TAILQ_FIRST(&channel->pending);
		drop_pending(channel, *cq, 1);
	} else {
		rc = -EAGAIN;
	}
	if (!TAILQ_EMPTY(&channel->pending))
		flush(channel);
	iw_unlock(&channel->lock);
	return rc;
}

struct sleep {
	struct soft_pset *sets[SOFT_PSET_WAIT_MAX];
	unsigned int n;
};

static bool contains(const struct sleep *sleep, const struct soft_pset *set)
{
	for (unsigned int i = 0; i < sleep->n; i++)
		if (sleep->sets[i] == set)
			return true;
	return false;
}

/* The sets of the channel's CQs, with references. False: an event waits already. */
static bool collect(struct soft_channel *channel, struct sleep *sleep)
{
	unsigned int left = CQS_AT_ONCE;
	struct soft_pset *set;
	struct soft_cq *cq;
	bool none;

	sleep->n = 0;
	iw_lock(&channel->lock);
	none = TAILQ_EMPTY(&channel->pending);
	TAILQ_FOREACH (cq, &channel->cqs, link) {
		if (!none || !left-- || sleep->n == SOFT_PSET_WAIT_MAX)
			break;
		set = __atomic_load_n(&cq->pset, __ATOMIC_ACQUIRE);
		if (!set || contains(sleep, set))
			continue;
		soft_pset_get(set);
		sleep->sets[sleep->n++] = set;
	}
	iw_unlock(&channel->lock);
	return none;
}

static void release(void *arg)
{
	struct sleep *sleep = arg;

	sleeps_for = NULL;
	for (unsigned int i = 0; i < sleep->n; i++)
		soft_pset_put(sleep->sets[i]);
}

/* 0: look again. */
static int wait_for_one(struct soft_channel *channel, int cancel, struct iw_stall *stall)
{
	const bool tells = iw_log_enabled(IW_LOG_INFO);
	int timeout = tells ? iw_stall_timeout(stall) : -1;
	struct sleep sleep;
	int rc;

	if (!collect(channel, &sleep))
		return 0;
	sleeps_for = channel;
	pthread_cleanup_push(release, &sleep);
	rc = soft_pset_wait(sleep.sets, sleep.n, channel->ibv.fd, cancel, timeout);
	pthread_cleanup_pop(1);
	if (tells)
		iw_stall_tell(stall);
	return rc == -EINTR && iw_may_restart() ? 0 : rc;
}

/* As read(2): without O_NONBLOCK the way to an event leads through a sleep that ends at once. */
static int get_event(struct soft_channel *channel, struct soft_cq **cq, int cancel)
{
	struct iw_stall stall = IW_STALL(soft_channel_tell, &channel);
	int flags, rc;

	do {
		flags = fcntl(channel->ibv.fd, F_GETFL);
		if (flags < 0)
			return -errno;
		if (flags & O_NONBLOCK)
			return take(channel, cq);
		rc = wait_for_one(channel, cancel, &stall);
		if (rc)
			return rc;
		rc = take(channel, cq);
	} while (rc == -EAGAIN);
	return rc;
}

int soft_channel_get_event(struct soft_channel *channel, struct soft_cq **cq)
{
	int cancel, rc;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	rc = get_event(channel, cq, cancel);
	pthread_setcancelstate(cancel, NULL);
	return rc;
}
