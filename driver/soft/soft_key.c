// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "driver/soft/soft_key.h"

#include "base/fault.h"

/* Two threads may both make one; the second's goes. No lock: a fork may come between. */
static bool make(struct soft_key *key, void (*drop)(void *))
{
	unsigned int none = 0;
	pthread_key_t fresh;

	if (iw_fault(IW_FAULT_SYSCALL) || pthread_key_create(&fresh, drop))
		return false;
	if (!__atomic_compare_exchange_n(&key->made, &none, fresh + 1, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_ACQUIRE))
		pthread_key_delete(fresh);
	return true;
}

bool soft_key_get(struct soft_key *key, void (*drop)(void *), pthread_key_t *out)
{
	if (!__atomic_load_n(&key->made, __ATOMIC_ACQUIRE) && !make(key, drop))
		return false;
	*out = __atomic_load_n(&key->made, __ATOMIC_ACQUIRE) - 1;
	return true;
}
