// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "tests/soft_fake.h"

#include <unistd.h>

struct fake_dev fake_dev = { .ctx.generation = 1 };
unsigned int fake_generation = 1;

unsigned int soft_generation(void)
{
	return fake_generation;
}

void soft_context_get(struct soft_context *ctx)
{
	__atomic_fetch_add(&fake_dev.objects, 1, __ATOMIC_RELAXED);
}

void soft_context_put(struct soft_context *ctx)
{
	__atomic_fetch_sub(&fake_dev.objects, 1, __ATOMIC_RELAXED);
}

void soft_async_post(struct soft_context *ctx, enum ibv_event_type type, void *element)
{
	unsigned int i = fake_dev.n_events;

	if (i == FAKE_EVENTS)
		return;
	fake_dev.type[i] = type;
	fake_dev.element[i] = element;
	__atomic_store_n(&fake_dev.n_events, i + 1, __ATOMIC_RELEASE);
}

void soft_async_purge(struct soft_context *ctx, void *element)
{
	fake_dev.purged++;
}

void soft_pd_get(struct soft_pd *pd)
{
	__atomic_fetch_add(&pd->users, 1, __ATOMIC_RELAXED);
}

void soft_pd_put(struct soft_pd *pd)
{
	__atomic_fetch_sub(&pd->users, 1, __ATOMIC_RELAXED);
}

bool fake_becomes(const unsigned int *value, unsigned int wanted)
{
	for (int i = 0; i < 5000; i++) {
		if (__atomic_load_n(value, __ATOMIC_ACQUIRE) == wanted)
			return true;
		usleep(1000);
	}
	return false;
}
