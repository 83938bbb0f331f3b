// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The generation of this process, by which objects of the parent are known in a child. */
#include "driver/soft/soft.h"
#include "driver/soft/soft_fork.h"

static unsigned int generation = 1;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void in_child(void)
{
	__atomic_fetch_add(&generation, 1, __ATOMIC_RELAXED);
}

static void listen_to_forks(void)
{
	soft_fork_in_child(in_child);
}

unsigned int soft_generation(void)
{
	pthread_once(&once, listen_to_forks);
	return __atomic_load_n(&generation, __ATOMIC_RELAXED);
}
