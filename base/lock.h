/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Locks whose ownership can be asserted, condition variables and threads.
 *
 * Everything that iwcm-core does between threads goes through this header, so
 * that a test build can replace it by a scheduler of its own.
 */
#ifndef IW_LOCK_H
#define IW_LOCK_H

#include <pthread.h>
#include <stdbool.h>

struct iw_lock {
	pthread_mutex_t mutex;
#ifdef IW_DEBUG
	pthread_t owner; /* valid while @held; written by the holder only */
	bool held;
#endif
};

struct iw_cond {
	pthread_cond_t cond;
};

/* For objects of the whole process; such a condition has no timed wait. */
#define IW_LOCK_STATIC                             \
	{                                          \
		.mutex = PTHREAD_MUTEX_INITIALIZER \
	}
#define IW_COND_STATIC                           \
	{                                        \
		.cond = PTHREAD_COND_INITIALIZER \
	}

/* Who runs, to recognise a call that comes from inside one's own handler. */
typedef pthread_t iw_thread_id;

static inline iw_thread_id iw_thread_self(void)
{
	return pthread_self();
}

static inline bool iw_thread_is_self(iw_thread_id thread)
{
	return pthread_equal(thread, pthread_self());
}

/* Cannot fail: default attributes allocate nothing on glibc. */
void iw_lock_init(struct iw_lock *lock);
void iw_lock_fini(struct iw_lock *lock);

/*
 * iw_assert_held() finds a programming error of ours, never reachable by
 * input: it aborts in builds with --enable-debug and compiles to nothing
 * otherwise, as does what it costs to know the owner.
 */
#ifdef IW_DEBUG
void iw_lock(struct iw_lock *lock);
void iw_unlock(struct iw_lock *lock);
/* True if it was free and is the caller's now. */
bool iw_trylock(struct iw_lock *lock);
/* True if the calling thread holds @lock. */
bool iw_lock_is_mine(const struct iw_lock *lock);
void iw_assert_held_at(const struct iw_lock *lock, const char *where);
#define iw_assert_held(lock) iw_assert_held_at(lock, __func__)

/* Where a thread can lose the processor: NULL, or a test that makes it lose it there. */
enum iw_lock_step {
	IW_LOCK_WANTED, /* before it is taken */
	IW_LOCK_TAKEN,	/* it is held */
	IW_LOCK_LEFT,	/* it was released just now */
	IW_LOCK_WAITING /* before and after a wait for a condition, with the lock */
};
extern void (*iw_lock_hook)(enum iw_lock_step step, const struct iw_lock *lock);
#else
static inline void iw_lock(struct iw_lock *lock)
{
	pthread_mutex_lock(&lock->mutex);
}

static inline void iw_unlock(struct iw_lock *lock)
{
	pthread_mutex_unlock(&lock->mutex);
}

static inline bool iw_trylock(struct iw_lock *lock)
{
	return pthread_mutex_trylock(&lock->mutex) == 0;
}

#define iw_assert_held(lock) ((void)(lock))
#endif

void iw_cond_init(struct iw_cond *cond);
void iw_cond_fini(struct iw_cond *cond);
void iw_cond_wait(struct iw_cond *cond, struct iw_lock *lock);
/* Waits at most @ms milliseconds (monotonic); false if the time ran out. */
bool iw_cond_wait_ms(struct iw_cond *cond, struct iw_lock *lock, unsigned int ms);

/*
 * A wait that should be short and may be long: whatever a caller of ours blocks
 * on tells the log what it is. One lives on the stack of the call, over all the
 * rounds of its loop:
 *
 *	struct iw_stall stall = IW_STALL(tell_what, id);
 *	while (!over)
 *		iw_cond_wait_told(&cond, &lock, &stall);
 */
struct iw_stall {
	/* Writes one line; runs under the lock of the wait, blocks nobody. */
	void (*tell)(const void *arg, unsigned int seconds);
	const void *arg;
	unsigned long long since_ms; /* of the first wait, monotonic; 0: none yet */
	unsigned int told;
};

/* From the beginning of the wait to its first line; each next one after double the time. */
#define IW_STALL_MS 5000
extern unsigned int iw_stall_ms; /* it; constant but for tests */
#define IW_STALL(tell_, arg_)                  \
	{                                      \
		.tell = (tell_), .arg = (arg_) \
	}

/* As iw_cond_wait() (it may wake for nothing), for a condition with a timed wait. */
void iw_cond_wait_told(struct iw_cond *cond, struct iw_lock *lock, struct iw_stall *stall);
/* For base/stall.h: since the first call for @stall, and when the next line is due; ms. */
unsigned long long iw_stall_waited(struct iw_stall *stall);
unsigned long long iw_stall_due(unsigned int told);

static inline void iw_cond_signal(struct iw_cond *cond)
{
	pthread_cond_signal(&cond->cond);
}

static inline void iw_cond_broadcast(struct iw_cond *cond)
{
	pthread_cond_broadcast(&cond->cond);
}

/*
 * Starts a detached thread with all signals blocked, so that no handler of the
 * program ever runs on a thread of ours. 0 or -errno (-EAGAIN).
 */
int iw_thread_start(void *(*fn)(void *), void *arg, const char *name);

#endif
