// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Asynchronous events: records in a pipe, whose read end is the context's
 * async_fd and belongs to the program's poll(2); what finds no room waits in a
 * list. All reading is done under the context's lock, so that events of an
 * object that is being destroyed can be taken out.
 *
 * An element counts an event when it is handed to the program, which then owes
 * an acknowledgement.
 */
#include "driver/soft/soft_async.h"
#include "driver/soft/soft_stall.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <rdma/ib_user_verbs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/restart.h"
#include "driver/soft/soft_cq.h"
#include "driver/soft/soft_qp.h"
#include "driver/soft/soft_rq.h"

struct soft_async_record {
	struct ib_uverbs_async_event_desc desc;
	STAILQ_ENTRY(soft_async_record) next;
};

#define RECORD sizeof(struct ib_uverbs_async_event_desc)
#define PAGE_RECORDS (4096 / RECORD)

int soft_async_init(struct soft_context *ctx)
{
	int fds[2];

	if (iw_fault(IW_FAULT_SYSCALL))
		return -EMFILE;
	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	/* The end that is read blocks or not as the program says. */
	fcntl(fds[1], F_SETFL, O_NONBLOCK);
	ctx->verbs.context.async_fd = fds[0];
	ctx->async_write_fd = fds[1];
	STAILQ_INIT(&ctx->pending);
	return 0;
}

static void drop_pending(struct soft_context *ctx, uint64_t element)
{
	STAILQ_HEAD(, soft_async_record) all = STAILQ_HEAD_INITIALIZER(all);
	struct soft_async_record *record;

	STAILQ_CONCAT(&all, &ctx->pending);
	while ((record = STAILQ_FIRST(&all))) {
		STAILQ_REMOVE_HEAD(&all, next);
		if (element && record->desc.element != element)
			STAILQ_INSERT_TAIL(&ctx->pending, record, next);
		else
			free(record);
	}
}

void soft_async_fini(struct soft_context *ctx)
{
	iw_assert_held(&ctx->lock);
	drop_pending(ctx, 0);
	close(ctx->async_write_fd);
	close(ctx->verbs.context.async_fd);
	ctx->async_write_fd = -1;
}

/* ---------------------------------------------------------------- Queueing */

/* False: no room. A pipe takes a record whole or not at all. */
static bool write_record(struct soft_context *ctx, const struct ib_uverbs_async_event_desc *desc)
{
	ssize_t n;

	do
		n = write(ctx->async_write_fd, desc, RECORD);
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)RECORD;
}

static void move_pending(struct soft_context *ctx)
{
	struct soft_async_record *record;

	while ((record = STAILQ_FIRST(&ctx->pending)) && write_record(ctx, &record->desc)) {
		STAILQ_REMOVE_HEAD(&ctx->pending, next);
		free(record);
	}
}

static void append(struct soft_context *ctx, const struct ib_uverbs_async_event_desc *desc)
{
	struct soft_async_record *record = iw_calloc(1, sizeof(*record));

	if (!record) {
		iw_error("%s: no memory for asynchronous event %u: it is lost", ctx->dev->ibv.name,
			 desc->event_type);
		return;
	}
	record->desc = *desc;
	STAILQ_INSERT_TAIL(&ctx->pending, record, next);
}

static void queue(struct soft_context *ctx, const struct ib_uverbs_async_event_desc *desc)
{
	if (STAILQ_EMPTY(&ctx->pending) && !iw_fault(IW_FAULT_SYSCALL) && write_record(ctx, desc))
		return;
	append(ctx, desc);
	move_pending(ctx);
}

void soft_async_post(struct soft_context *ctx, enum ibv_event_type type, void *element)
{
	struct ib_uverbs_async_event_desc desc = {
		.element = (uintptr_t)element,
		.event_type = (uint32_t)type,
	};

	iw_lock(&ctx->lock);
	if (!ctx->closed)
		queue(ctx, &desc);
	iw_unlock(&ctx->lock);
}

/* ----------------------------------------------------------------- Reading */

static uint32_t *count_of(const struct ib_uverbs_async_event_desc *desc)
{
	void *element = (void *)(uintptr_t)desc->element;

	if (!element)
		return NULL;
	switch (desc->event_type) {
	case IBV_EVENT_CQ_ERR:
		return &soft_cq_of(element)->async_events;
	case IBV_EVENT_QP_FATAL:
	case IBV_EVENT_QP_REQ_ERR:
	case IBV_EVENT_QP_ACCESS_ERR:
	case IBV_EVENT_COMM_EST:
	case IBV_EVENT_SQ_DRAINED:
	case IBV_EVENT_QP_LAST_WQE_REACHED:
		return &soft_qp_of(element)->async_events;
	case IBV_EVENT_SRQ_ERR:
	case IBV_EVENT_SRQ_LIMIT_REACHED:
		return &iw_container_of(element, struct soft_srq, ibv)->async_events;
	default:
		return NULL; /* of the port or the device */
	}
}

/* The lock is held: nobody else reads, so what is there stays. */
static bool read_record(struct soft_context *ctx, struct ib_uverbs_async_event_desc *desc)
{
	int fd = ctx->verbs.context.async_fd, bytes = 0;

	if (ioctl(fd, FIONREAD, &bytes) || bytes < (int)RECORD)
		return false;
	return read(fd, desc, RECORD) == (ssize_t)RECORD;
}

/* The next event; -EAGAIN: none. */
static int try_get(struct soft_context *ctx, struct ib_uverbs_async_event_desc *desc)
{
	uint32_t *count;
	int rc = -EAGAIN;

	iw_lock(&ctx->lock);
	if (ctx->closed) {
		rc = -EBADF;
	} else if (read_record(ctx, desc)) {
		count = count_of(desc);
		if (count)
			__atomic_add_fetch(count, 1, __ATOMIC_RELAXED);
		move_pending(ctx);
		rc = 0;
	}
	iw_unlock(&ctx->lock);
	return rc;
}

/* As read(2) would; a cancellation point, by the state that the caller of verbs had. */
static int wait_for_one(int fd, int cancel, struct iw_stall *stall)
{
	int timeout = iw_log_enabled(IW_LOG_INFO) ? iw_stall_timeout(stall) : -1;
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	int n, error;

	if (iw_fault(IW_FAULT_SYSCALL))
		return -EINTR;
	pthread_setcancelstate(cancel, NULL);
	n = poll(&pfd, 1, timeout);
	error = errno;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	if (!n)
		iw_stall_tell(stall);
	if (n >= 0)
		return 0;
	return error == EINTR && iw_may_restart() ? 0 : -error;
}

static int get(struct soft_context *ctx, struct ib_uverbs_async_event_desc *desc, int cancel)
{
	struct ibv_context *pub = &ctx->verbs.context;
	struct iw_stall stall = IW_STALL(soft_async_tell, &pub);
	int rc, flags, fd = pub->async_fd;

	while ((rc = try_get(ctx, desc)) == -EAGAIN) {
		flags = fcntl(fd, F_GETFL);
		if (flags < 0)
			return -errno;
		if (flags & O_NONBLOCK)
			return -EAGAIN;
		rc = wait_for_one(fd, cancel, &stall);
		if (rc)
			return rc;
	}
	return rc;
}

int soft_async_get(struct soft_context *ctx, struct ibv_async_event *event)
{
	struct ib_uverbs_async_event_desc desc;
	int rc, cancel = iw_cancel_disable();

	rc = get(ctx, &desc, cancel);
	iw_cancel_restore(&cancel);
	if (rc)
		return rc;
	event->event_type = (enum ibv_event_type)desc.event_type;
	event->element.cq = (void *)(uintptr_t)desc.element;
	return 0;
}

/* What comes behind a record that found no room has to wait as well. */
static void write_back(struct soft_context *ctx, const struct ib_uverbs_async_event_desc *desc)
{
	if (!STAILQ_EMPTY(&ctx->pending) || iw_fault(IW_FAULT_SYSCALL) || !write_record(ctx, desc))
		append(ctx, desc);
}

/*
 * Reads a page of records, or the last @left, and writes back those of others,
 * behind the rest. A page at a time, for less would free no page of the pipe to
 * write to.
 */
static size_t purge_page(struct soft_context *ctx, uint64_t element, size_t left)
{
	struct ib_uverbs_async_event_desc page[PAGE_RECORDS];
	ssize_t n =
		read(ctx->verbs.context.async_fd, page, RECORD * iw_min_size(left, PAGE_RECORDS));
	size_t records = n > 0 ? (size_t)n / RECORD : 0;

	for (size_t i = 0; i < records; i++)
		if (page[i].element != element)
			write_back(ctx, &page[i]);
	return records;
}

void soft_async_purge(struct soft_context *ctx, void *element)
{
	STAILQ_HEAD(, soft_async_record) newer = STAILQ_HEAD_INITIALIZER(newer);
	size_t left, n;
	int bytes = 0;

	iw_lock(&ctx->lock);
	if (ctx->closed)
		goto out;
	if (ioctl(ctx->verbs.context.async_fd, FIONREAD, &bytes))
		bytes = 0;
	STAILQ_CONCAT(&newer, &ctx->pending);
	/* Round the whole pipe, so that the order stays. */
	for (left = (size_t)bytes / RECORD; left; left -= n) {
		n = purge_page(ctx, (uintptr_t)element, left);
		if (!n)
			break;
	}
	STAILQ_CONCAT(&ctx->pending, &newer);
	drop_pending(ctx, (uintptr_t)element);
	move_pending(ctx);
out:
	iw_unlock(&ctx->lock);
}
