// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "driver/kernel/kpark.h"

#include <string.h>
#include <unistd.h>

#include "base/lock.h"
#include "base/log.h"
#include "driver/kernel/ucma.h"

/*
 * The lock protects all fields and makes one thread at a time read the file:
 * so the id of an event is the one that was parked, not a later one to which
 * the kernel gave the same number. Commands below it do not wait for peers.
 */
static struct {
	struct iw_lock lock;
	int fd; /* open while n > 0 */
	unsigned int n;
} park = { .lock = IW_LOCK_STATIC, .fd = -1 };

static bool is_outcome(uint32_t event)
{
	switch (event) {
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
	close(park.fd);
	park.fd = -1;
}

static void reap(void)
{
	struct rdma_ucm_event_resp resp;
	uint32_t reported;
	int ret;

	iw_assert_held(&park.lock);
	while (park.n && !ucma_get_event(park.fd, &resp)) {
		if (!is_outcome(resp.event))
			continue;
		ret = ucma_destroy_id(park.fd, resp.id, &reported);
		if (ret)
			iw_warn("parked kernel id %u is not destroyed: %s", resp.id,
				strerror(-ret));
		__atomic_store_n(&park.n, park.n - 1, __ATOMIC_RELAXED);
	}
	close_if_empty();
}

int kpark_id(int fd, uint32_t kernel_id, uint32_t *reported)
{
	int ret = 0;

	iw_lock(&park.lock);
	if (park.fd < 0)
		ret = park.fd = ucma_open(ucma_default_paths.device);
	if (ret >= 0)
		ret = ucma_migrate_id(park.fd, kernel_id, fd, reported);
	if (!ret) {
		__atomic_store_n(&park.n, park.n + 1, __ATOMIC_RELAXED);
		reap();
	}
	close_if_empty();
	iw_unlock(&park.lock);
	return ret;
}

void kpark_reap(void)
{
	if (!__atomic_load_n(&park.n, __ATOMIC_RELAXED))
		return;
	iw_lock(&park.lock);
	reap();
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
	if (child) {
		__atomic_store_n(&park.n, 0, __ATOMIC_RELAXED);
		close_if_empty();
	}
	iw_unlock(&park.lock);
}
