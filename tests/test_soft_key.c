// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <criterion/criterion.h>
#include <pthread.h>

#include "base/fault.h"
#include "driver/soft/soft_key.h"
#include "driver/soft/soft_tx_batch.h"

static unsigned int dropped;

static void drop(void *value)
{
	*(unsigned int *)value = 1;
}

static void *keep_a_value(void *arg)
{
	struct soft_key *key = arg;
	pthread_key_t own;

	if (soft_key_get(key, drop, &own))
		pthread_setspecific(own, &dropped);
	return NULL;
}

Test(soft_key, get__is_one_for_all_threads)
{
	static struct soft_key key;
	pthread_key_t mine, again;
	pthread_t thread;

	cr_assert(soft_key_get(&key, drop, &mine));
	cr_assert(soft_key_get(&key, drop, &again));
	cr_assert_eq(mine, again);
	cr_assert_eq(pthread_create(&thread, NULL, keep_a_value, &key), 0);
	pthread_join(thread, NULL);
	cr_assert_eq(dropped, 1);
	cr_assert_null(pthread_getspecific(mine));
}

Test(soft_key, get__tries_again_after_a_failure)
{
	static struct soft_key key;
	pthread_key_t mine;

	iw_fault_arm(IW_FAULT_SYSCALL, 1);
	cr_assert(!soft_key_get(&key, drop, &mine));
	iw_fault_arm(0, 0);
	cr_assert(soft_key_get(&key, drop, &mine));
}

/* It used to be made once: a process that had none then never sent a byte. */
Test(soft_batch, get__tries_again_after_a_failure)
{
	iw_fault_arm(IW_FAULT_SYSCALL, 1);
	cr_assert_null(soft_batch_get());
	iw_fault_arm(0, 0);
	cr_assert_not_null(soft_batch_get());
}
