// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The table of watches: what an event of epoll names, and whether it is still
 * there. Knows no loop and no set; either brings its own epoll descriptor.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "driver/soft/soft_fork.h"
#include "driver/soft/soft_loop.h"

#define EVENTS_AT_ONCE 64
#define FIRST_SLOTS 64
#define NO_SLOT UINT32_MAX

struct slot {
	struct soft_watch *watch; /* NULL: free */
	uint32_t generation;
	uint32_t next_free;
};

/* @lock protects: all of it, and the handles of the watches. Innermost. */
static struct {
	struct iw_lock lock;
	struct slot *slots;
	uint32_t size, free;
} table = { .lock = IW_LOCK_STATIC, .free = NO_SLOT };

static pthread_once_t fork_once = PTHREAD_ONCE_INIT;

/* What the parent watches is nothing to a child. */
static void reset(void)
{
	free(table.slots);
	table.slots = NULL;
	table.size = 0;
	table.free = NO_SLOT;
}

static void watch_forks(void)
{
	soft_fork_guard(&table.lock);
	soft_fork_in_child(reset);
}

static uint64_t handle_of(uint32_t index)
{
	return (uint64_t)table.slots[index].generation << 32 | (index + 1);
}

/* NULL: the watch that had this handle is gone. */
static struct slot *slot_of(uint64_t handle)
{
	uint32_t index = (uint32_t)handle - 1;

	iw_assert_held(&table.lock);
	if (index >= table.size || !table.slots[index].watch || handle_of(index) != handle)
		return NULL;
	return &table.slots[index];
}

static int grow(void)
{
	uint32_t size = table.size ? table.size * 2 : FIRST_SLOTS;
	struct slot *slots;

	iw_assert_held(&table.lock);
	slots = iw_calloc(size, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	if (table.size)
		memcpy(slots, table.slots, table.size * sizeof(*slots));
	for (uint32_t i = size; i-- > table.size;) {
		slots[i].next_free = table.free;
		table.free = i;
	}
	free(table.slots);
	table.slots = slots;
	table.size = size;
	return 0;
}

static int enter(struct soft_watch *watch)
{
	uint32_t index;
	int rc;

	if (table.free == NO_SLOT) {
		rc = grow();
		if (rc)
			return rc;
	}
	index = table.free;
	table.free = table.slots[index].next_free;
	table.slots[index].watch = watch;
	watch->handle = handle_of(index);
	return 0;
}

/* False: it was not in the table. */
static bool leave(struct soft_watch *watch)
{
	struct slot *slot = slot_of(watch->handle);

	watch->handle = 0;
	if (!slot)
		return false;
	slot->watch = NULL;
	slot->generation++;
	slot->next_free = table.free;
	table.free = (uint32_t)(slot - table.slots);
	return true;
}

static int control(int op, struct soft_watch *watch, uint64_t handle, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.u64 = handle };

	if (iw_fault(IW_FAULT_SYSCALL))
		return -ENOMEM;
	return epoll_ctl(watch->epfd, op, watch->fd, &ev) ? -errno : 0;
}

int soft_watch_epoll(void)
{
	int fd;

	if (iw_fault(IW_FAULT_SYSCALL))
		return -EMFILE;
	fd = epoll_create1(EPOLL_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int soft_watch_add(struct soft_watch *watch, int epfd, int fd, uint32_t events)
{
	uint64_t handle;
	int rc;

	pthread_once(&fork_once, watch_forks);
	iw_lock(&table.lock);
	watch->epfd = epfd;
	watch->fd = fd;
	rc = enter(watch);
	handle = watch->handle;
	iw_unlock(&table.lock);
	if (rc)
		return rc;
	rc = control(EPOLL_CTL_ADD, watch, handle, events);
	if (rc) {
		iw_lock(&table.lock);
		leave(watch);
		iw_unlock(&table.lock);
	}
	return rc;
}

int soft_watch_change(struct soft_watch *watch, uint32_t events)
{
	uint64_t handle;

	iw_lock(&table.lock);
	handle = watch->handle;
	iw_unlock(&table.lock);
	return handle ? control(EPOLL_CTL_MOD, watch, handle, events) : -ENOENT;
}

void soft_watch_remove(struct soft_watch *watch)
{
	struct epoll_event unused = { 0 };
	bool there;

	iw_lock(&table.lock);
	there = leave(watch);
	iw_unlock(&table.lock);
	if (there)
		epoll_ctl(watch->epfd, EPOLL_CTL_DEL, watch->fd, &unused);
}

void soft_watch_dispatch(uint64_t handle, uint32_t events)
{
	struct soft_watch *watch = NULL;
	struct slot *slot;

	iw_lock(&table.lock);
	slot = slot_of(handle);
	if (slot) {
		watch = slot->watch;
		watch->ops->get(watch);
	}
	iw_unlock(&table.lock);
	if (!watch)
		return;
	watch->ops->ready(watch, events);
	watch->ops->put(watch);
}

int soft_watch_run(int epfd, int ms)
{
	struct epoll_event events[EVENTS_AT_ONCE];
	int n;

	n = iw_fault(IW_FAULT_SYSCALL) ? (errno = EINTR, -1)
				       : epoll_wait(epfd, events, EVENTS_AT_ONCE, ms);
	if (n < 0)
		return -errno;
	for (int i = 0; i < n; i++)
		soft_watch_dispatch(events[i].data.u64, events[i].events);
	return n;
}
