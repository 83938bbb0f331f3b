// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "base/lock.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/fault.h"

#ifdef IW_DEBUG
void (*iw_lock_hook)(enum iw_lock_step step, const struct iw_lock *lock);

static void tell_hook(enum iw_lock_step step, const struct iw_lock *lock)
{
	void (*hook)(enum iw_lock_step, const struct iw_lock *) =
		__atomic_load_n(&iw_lock_hook, __ATOMIC_RELAXED);

	if (hook)
		hook(step, lock);
}

static void tell_wait(const struct iw_lock *lock)
{
	tell_hook(IW_LOCK_WAITING, lock);
}

static void lock_taken(struct iw_lock *lock)
{
	__atomic_store_n(&lock->owner, pthread_self(), __ATOMIC_RELAXED);
	__atomic_store_n(&lock->held, true, __ATOMIC_RELEASE);
}

static void lock_left(struct iw_lock *lock)
{
	__atomic_store_n(&lock->held, false, __ATOMIC_RELAXED);
}

void iw_lock(struct iw_lock *lock)
{
	tell_hook(IW_LOCK_WANTED, lock);
	pthread_mutex_lock(&lock->mutex);
	lock_taken(lock);
	tell_hook(IW_LOCK_TAKEN, lock);
}

void iw_unlock(struct iw_lock *lock)
{
	lock_left(lock);
	pthread_mutex_unlock(&lock->mutex);
	tell_hook(IW_LOCK_LEFT, lock);
}

bool iw_trylock(struct iw_lock *lock)
{
	if (pthread_mutex_trylock(&lock->mutex))
		return false;
	lock_taken(lock);
	return true;
}

bool iw_lock_is_mine(const struct iw_lock *lock)
{
	/* Another thread may be taking it just now. */
	return __atomic_load_n(&lock->held, __ATOMIC_ACQUIRE) &&
	       pthread_equal(__atomic_load_n(&lock->owner, __ATOMIC_RELAXED), pthread_self());
}

void iw_assert_held_at(const struct iw_lock *lock, const char *where)
{
	if (iw_lock_is_mine(lock))
		return;
	fprintf(stderr, "iwshim: %s called without its lock\n", where);
	abort();
}
#else
static void lock_taken(struct iw_lock *lock)
{
}

static void lock_left(struct iw_lock *lock)
{
}

static void tell_wait(const struct iw_lock *lock)
{
}
#endif

void iw_lock_init(struct iw_lock *lock)
{
	pthread_mutex_init(&lock->mutex, NULL);
	lock_left(lock);
}

void iw_lock_fini(struct iw_lock *lock)
{
	pthread_mutex_destroy(&lock->mutex);
}

void iw_cond_init(struct iw_cond *cond)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&cond->cond, &attr);
	pthread_condattr_destroy(&attr);
}

void iw_cond_fini(struct iw_cond *cond)
{
	pthread_cond_destroy(&cond->cond);
}

void iw_cond_wait(struct iw_cond *cond, struct iw_lock *lock)
{
	tell_wait(lock);
	lock_left(lock);
	pthread_cond_wait(&cond->cond, &lock->mutex);
	lock_taken(lock);
	tell_wait(lock);
}

bool iw_cond_wait_ms(struct iw_cond *cond, struct iw_lock *lock, unsigned int ms)
{
	struct timespec until;
	int rc;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += (long)(ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	tell_wait(lock);
	lock_left(lock);
	rc = pthread_cond_timedwait(&cond->cond, &lock->mutex, &until);
	lock_taken(lock);
	tell_wait(lock);
	return rc != ETIMEDOUT;
}

unsigned int iw_stall_ms = IW_STALL_MS;

unsigned long long iw_stall_due(unsigned int told)
{
	return (unsigned long long)iw_stall_ms << (told < 16 ? told : 16);
}

unsigned long long iw_stall_waited(struct iw_stall *stall)
{
	unsigned long long now = iw_now_ms();

	if (!stall->since_ms)
		stall->since_ms = now;
	return now - stall->since_ms;
}

void iw_cond_wait_told(struct iw_cond *cond, struct iw_lock *lock, struct iw_stall *stall)
{
	unsigned long long waited = iw_stall_waited(stall), due = iw_stall_due(stall->told);

	if (waited < due) {
		iw_cond_wait_ms(cond, lock, (unsigned int)(due - waited));
		return;
	}
	stall->told++;
	stall->tell(stall->arg, (unsigned int)(waited / 1000));
}

int iw_thread_start(void *(*fn)(void *), void *arg, const char *name)
{
	sigset_t all, old;
	pthread_t thread;
	int rc;

	if (iw_fault(IW_FAULT_SYSCALL))
		return -EAGAIN;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&thread, NULL, fn, arg);
	if (!rc) {
		/* Detached before, it could be gone by the time that it gets its name. */
		pthread_setname_np(thread, name);
		pthread_detach(thread);
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -rc;
}
