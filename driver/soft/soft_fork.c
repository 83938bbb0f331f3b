// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Forked processes: the few locks of the whole process, which no thread may hold
 * while its memory is copied, and what a child begins anew. Registered with libc
 * on first use.
 */
#include "driver/soft/soft_fork.h"

#include "base/fault.h"
#include "base/log.h"

static struct iw_lock guards_lock = IW_LOCK_STATIC; /* protects: guards, resets */
static struct iw_lock *guards[SOFT_FORK_GUARDS];
static void (*resets[SOFT_FORK_GUARDS])(void);
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
	for (size_t i = 0; i < SOFT_FORK_GUARDS && resets[i]; i++)
		resets[i]();
	after_fork();
}

static void listen_to_forks(void)
{
	/* Fails for want of memory only; then a child is not told from its parent. */
	if (iw_fault(IW_FAULT_SYSCALL) || pthread_atfork(before_fork, after_fork, in_child))
		iw_warn("cannot watch for forks: children must not touch RDMA objects");
}

void soft_fork_guard(struct iw_lock *lock)
{
	size_t i = 0;

	pthread_once(&once, listen_to_forks);
	iw_lock(&guards_lock);
	while (i < SOFT_FORK_GUARDS && guards[i] && guards[i] != lock)
		i++;
	if (i < SOFT_FORK_GUARDS)
		guards[i] = lock;
	iw_unlock(&guards_lock);
}

void soft_fork_in_child(void (*reset)(void))
{
	size_t i = 0;

	pthread_once(&once, listen_to_forks);
	iw_lock(&guards_lock);
	while (i < SOFT_FORK_GUARDS && resets[i] && resets[i] != reset)
		i++;
	if (i < SOFT_FORK_GUARDS)
		resets[i] = reset;
	iw_unlock(&guards_lock);
}
