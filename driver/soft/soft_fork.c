// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Forked processes: the generation, by which objects of the parent are known in
 * a child, and the few locks of the whole process, which no thread may hold
 * while its memory is copied. Registered with libc on first use.
 */
#include "driver/soft/soft_fork.h"

#include "driver/soft/soft.h"

static unsigned int generation = 1;
static struct iw_lock guards_lock = IW_LOCK_STATIC; /* protects: guards */
static struct iw_lock *guards[SOFT_FORK_GUARDS];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void before_fork(void)
{
	iw_lock(&guards_lock);
	for (size_t i = 0; i < SOFT_FORK_GUARDS && guards[i]; i++)
		iw_lock(guards[i]);
}

static void after_fork(void)
{
	for (size_t i = 0; i < SOFT_FORK_GUARDS && guards[i]; i++)
		iw_unlock(guards[i]);
	iw_unlock(&guards_lock);
}

static void in_child(void)
{
	__atomic_fetch_add(&generation, 1, __ATOMIC_RELAXED);
	after_fork();
}

static void listen_to_forks(void)
{
	/* Fails for want of memory only; then a child is not told from its parent. */
	if (pthread_atfork(before_fork, after_fork, in_child))
		iw_warn("cannot watch for forks: children must not touch RDMA objects");
}

unsigned int soft_generation(void)
{
	pthread_once(&once, listen_to_forks);
	return __atomic_load_n(&generation, __ATOMIC_RELAXED);
}

void soft_fork_guard(struct iw_lock *lock)
{
	size_t i = 0;

	soft_generation();
	iw_lock(&guards_lock);
	while (i < SOFT_FORK_GUARDS && guards[i] && guards[i] != lock)
		i++;
	if (i < SOFT_FORK_GUARDS)
		guards[i] = lock;
	iw_unlock(&guards_lock);
}
