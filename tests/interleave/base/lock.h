/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * base/lock.h for the interleaving checker: stands before the real one on the
 * include path when iwcm-core is compiled for it. Threads are actors of
 * tests/interleave/sched.h, all on one thread of the system; every function
 * here is a point at which another actor may go on. Nothing else of the core is
 * changed for the checker.
 */
#ifndef IW_LOCK_H
#define IW_LOCK_H

#include <stdbool.h>

/* Compared by identity; the checker's state stands beside it, found by the address. */
struct iw_lock {
	int owner;	    /* actor + 1; 0: free */
	unsigned int magic; /* IL_LOCK_ALIVE between init and fini */
};

struct iw_cond {
	unsigned int magic;
};

#define IL_LOCK_ALIVE 0x4b434f4cu
#define IL_COND_ALIVE 0x444e4f43u

#define IW_LOCK_STATIC                 \
	{                              \
		.magic = IL_LOCK_ALIVE \
	}
#define IW_COND_STATIC                 \
	{                              \
		.magic = IL_COND_ALIVE \
	}

typedef int iw_thread_id;

iw_thread_id iw_thread_self(void);
bool iw_thread_is_self(iw_thread_id thread);

void iw_lock_init(struct iw_lock *lock);
void iw_lock_fini_at(struct iw_lock *lock, const char *where); /* held or waited for: a violation */
void iw_lock_at(struct iw_lock *lock, const char *where);
void iw_unlock_at(struct iw_lock *lock, const char *where);
bool iw_trylock_at(struct iw_lock *lock, const char *where);
bool iw_lock_is_mine(const struct iw_lock *lock);
void iw_assert_held_at(const struct iw_lock *lock, const char *where); /* not held: a violation */
#define iw_assert_held(lock) iw_assert_held_at(lock, __func__)

void iw_cond_init(struct iw_cond *cond);
void iw_cond_fini_at(struct iw_cond *cond, const char *where); /* somebody waits: a violation */
void iw_cond_wait_at(struct iw_cond *cond, struct iw_lock *lock, const char *where);
void iw_cond_signal_at(struct iw_cond *cond, const char *where);
void iw_cond_broadcast_at(struct iw_cond *cond, const char *where);

struct iw_stall {
	void (*tell)(const void *arg, unsigned int seconds);
	const void *arg;
};

#define IW_STALL(tell_, arg_)                  \
	{                                      \
		.tell = (tell_), .arg = (arg_) \
	}

/* Time does not pass here: as iw_cond_wait(). */
#define iw_cond_wait_told(cond, lock, stall) ((void)(stall), iw_cond_wait(cond, lock))

/* The reports name the function. */
#define iw_lock(lock) iw_lock_at(lock, __func__)
#define iw_unlock(lock) iw_unlock_at(lock, __func__)
#define iw_trylock(lock) iw_trylock_at(lock, __func__)
#define iw_lock_fini(lock) iw_lock_fini_at(lock, __func__)
#define iw_cond_fini(cond) iw_cond_fini_at(cond, __func__)
#define iw_cond_wait(cond, lock) iw_cond_wait_at(cond, lock, __func__)
#define iw_cond_signal(cond) iw_cond_signal_at(cond, __func__)
#define iw_cond_broadcast(cond) iw_cond_broadcast_at(cond, __func__)

/* A further actor, one that may still be waiting when the schedule ends. */
int iw_thread_start(void *(*fn)(void *), void *arg, const char *name);

#endif
