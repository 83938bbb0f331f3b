// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "driver/kernel/kpark.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/list.h"
#include "base/lock.h"
#include "base/log.h"
#include "driver/kernel/ucma.h"

struct parked {
	TAILQ_ENTRY(parked) link;
	uint64_t uid;
	uint32_t kernel_id;
};

/*
 * The lock protects all fields and the list, and makes one thread at a time use
 * the file. Commands below it do not wait for peers.
 */
static struct {
	struct iw_lock lock;
	TAILQ_HEAD(, parked) ids;
	int fd;		/* open while n > 0 */
	unsigned int n; /* also read without the lock */
} park = { .lock = IW_LOCK_STATIC, .ids = TAILQ_HEAD_INITIALIZER(park.ids), .fd = -1 };

static bool is_outcome(uint32_t event)
{
	switch (event) {
	case UCMA_EVENT_CONNECT_RESPONSE:
	case UCMA_EVENT_CONNECT_ERROR:
	case UCMA_EVENT_UNREACHABLE:
	case UCMA_EVENT_REJECTED:
	case UCMA_EVENT_ESTABLISHED:
	case UCMA_EVENT_DISCONNECTED:
	case UCMA_EVENT_DEVICE_REMOVAL:
		return true;
	}
	return false;
}

static void close_if_empty(void)
{
	iw_assert_held(&park.lock);
	if (park.n || park.fd < 0)
		return;
	ucma_close(park.fd);
	park.fd = -1;
}

static void add(struct parked *entry)
{
	iw_assert_held(&park.lock);
	TAILQ_INSERT_TAIL(&park.ids, entry, link);
	__atomic_store_n(&park.n, park.n + 1, __ATOMIC_RELAXED);
}

static void forget(struct parked *entry)
{
	iw_assert_held(&park.lock);
	TAILQ_REMOVE(&park.ids, entry, link);
	__atomic_store_n(&park.n, park.n - 1, __ATOMIC_RELAXED);
	free(entry);
}

static void end(uint64_t uid)
{
	struct parked *entry;
	uint32_t reported;
	int ret;

	iw_assert_held(&park.lock);
	TAILQ_FOREACH (entry, &park.ids, link)
		if (entry->uid == uid)
			break;
	if (!entry)
		return;
	ret = ucma_destroy_id(park.fd, entry->kernel_id, &reported);
	if (ret)
		iw_warn("parked kernel id %u is not destroyed: %s", entry->kernel_id,
			strerror(-ret));
	forget(entry);
}

static void reap(void)
{
	struct rdma_ucm_event_resp resp;

	iw_assert_held(&park.lock);
	while (park.n && !ucma_get_event(park.fd, &resp))
		if (is_outcome(resp.event))
			end(resp.uid);
}

int kpark_id(int fd, uint32_t kernel_id, uint64_t uid, uint32_t *reported)
{
	struct parked *entry = iw_calloc(1, sizeof(*entry));
	int ret = 0;

	if (!entry)
		return -ENOMEM;
	entry->uid = uid;
	entry->kernel_id = kernel_id;
	iw_lock(&park.lock);
	if (park.fd < 0)
		ret = park.fd = ucma_open(ucma_default_paths.device);
	if (ret >= 0)
		ret = ucma_migrate_id(park.fd, kernel_id, fd, reported);
	if (ret) {
		free(entry);
	} else {
		add(entry);
		reap();
	}
	close_if_empty();
	iw_unlock(&park.lock);
	return ret;
}

void kpark_end(uint64_t uid)
{
	iw_lock(&park.lock);
	end(uid);
	close_if_empty();
	iw_unlock(&park.lock);
}

void kpark_reap(void)
{
	if (!__atomic_load_n(&park.n, __ATOMIC_RELAXED))
		return;
	iw_lock(&park.lock);
	reap();
	close_if_empty();
	iw_unlock(&park.lock);
}

unsigned int kpark_count(void)
{
	return __atomic_load_n(&park.n, __ATOMIC_RELAXED);
}

void kpark_fork_begin(void)
{
	iw_lock(&park.lock);
}

/* What is parked is the parent's; a second holder of the file would keep it alive. */
void kpark_fork_end(bool child)
{
	while (child && !TAILQ_EMPTY(&park.ids))
		forget(TAILQ_FIRST(&park.ids));
	close_if_empty();
	iw_unlock(&park.lock);
}
