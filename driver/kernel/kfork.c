// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "driver/kernel/kfork.h"

#include <errno.h>
#include <pthread.h>

#include "base/fault.h"
#include "driver/kernel/kid.h"
#include "driver/kernel/kpark.h"
#include "driver/kernel/kqp.h"

/* Protects @ready. Never held by a thread that forks. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int ready;
static unsigned int count;

/* In the order in which they nest. */
static void before(void)
{
	kpark_fork_begin();
	kid_fork_begin();
	kqp_fork_begin();
}

static void in_parent(void)
{
	kqp_fork_end();
	kid_fork_end();
	kpark_fork_end(false);
}

static void in_child(void)
{
	count++;
	kqp_fork_end();
	kid_fork_end();
	kpark_fork_end(true);
}

int kfork_setup(void)
{
	int ret = 0;

	if (__atomic_load_n(&ready, __ATOMIC_ACQUIRE))
		return 0;
	pthread_mutex_lock(&lock);
	if (!ready) {
		ret = iw_fault(IW_FAULT_SYSCALL) ? ENOMEM
						 : pthread_atfork(before, in_parent, in_child);
		__atomic_store_n(&ready, !ret, __ATOMIC_RELEASE);
	}
	pthread_mutex_unlock(&lock);
	return -ret;
}

unsigned int kfork_count(void)
{
	return __atomic_load_n(&count, __ATOMIC_RELAXED);
}
