// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Locks, conditions and threads of the core, played by actors. Each function
 * says what it is about to do, and does it when it was picked. Outside of
 * actors (a scenario's check) nobody else runs: they take effect at once.
 */
#include "base/lock.h"

#include <errno.h>

#include "tests/interleave/run.h"

#define NOBODYS 0x7fffffff /* the owner of a lock taken outside of actors */

static int me(void)
{
	return il_run.current < 0 ? NOBODYS : il_run.current + 1;
}

static const char *holder_of(const struct iw_lock *lock)
{
	return lock->owner == NOBODYS ? "explorer" : il_run.actors[lock->owner - 1].name;
}

static void step(enum il_kind kind, const char *what, const char *where, const void *object)
{
	if (il_self())
		il_step(kind, what, where, object, NULL);
}

static void lock_check(const struct iw_lock *lock, const char *what, const char *where)
{
	il_check(!il_memory_is_dead(lock), "use after free: %s of a lock in freed memory, in %s",
		 what, where);
	il_check(lock->magic == IL_LOCK_ALIVE, "%s of what is no lock (any more), in %s", what,
		 where);
}

static void cond_check(const struct iw_cond *cond, const char *what, const char *where)
{
	il_check(!il_memory_is_dead(cond),
		 "use after free: %s of a condition in freed memory, in %s", what, where);
	il_check(cond->magic == IL_COND_ALIVE, "%s of what is no condition (any more), in %s", what,
		 where);
}

/* ------------------------------------------------------------------- locks */

iw_thread_id iw_thread_self(void)
{
	return me();
}

bool iw_thread_is_self(iw_thread_id thread)
{
	return thread == me();
}

/* No point: nobody else knows the lock yet. */
void iw_lock_init(struct iw_lock *lock)
{
	lock->owner = 0;
	lock->magic = IL_LOCK_ALIVE;
}

void iw_lock_fini_at(struct iw_lock *lock, const char *where)
{
	step(IL_FINI, "fini", where, lock);
	lock_check(lock, "fini", where);
	il_check(!lock->owner, "fini of a lock that %s holds, in %s", holder_of(lock), where);
	lock->magic = 0;
}

void iw_lock_at(struct iw_lock *lock, const char *where)
{
	il_check(lock->magic != IL_LOCK_ALIVE || lock->owner != me(),
		 "locks again what it holds, in %s", where);
	step(IL_LOCK, "lock", where, lock);
	lock_check(lock, "lock", where);
	il_check(!lock->owner, "%s holds the lock, and nobody is left to wait for, in %s",
		 holder_of(lock), where);
	lock->owner = me();
}

void iw_unlock_at(struct iw_lock *lock, const char *where)
{
	step(IL_UNLOCK, "unlock", where, lock);
	lock_check(lock, "unlock", where);
	il_check(lock->owner, "unlock of a lock that is free, in %s", where);
	il_check(lock->owner == me(), "unlock of a lock that %s holds, in %s", holder_of(lock),
		 where);
	lock->owner = 0;
}

bool iw_trylock_at(struct iw_lock *lock, const char *where)
{
	step(IL_TRYLOCK, "trylock", where, lock);
	lock_check(lock, "trylock", where);
	if (lock->owner)
		return false;
	lock->owner = me();
	return true;
}

bool iw_lock_is_mine(const struct iw_lock *lock)
{
	return lock->owner == me();
}

void iw_assert_held_at(const struct iw_lock *lock, const char *where)
{
	lock_check(lock, "assertion", where);
	il_check(lock->owner == me(), "the lock is not held in %s", where);
}

/* -------------------------------------------------------------- conditions */

void iw_cond_init(struct iw_cond *cond)
{
	cond->magic = IL_COND_ALIVE;
}

void iw_cond_fini_at(struct iw_cond *cond, const char *where)
{
	step(IL_FINI, "fini", where, cond);
	cond_check(cond, "fini", where);
	for (int i = 0; i < il_run.nactors; i++)
		il_check(il_run.actors[i].state != IL_ASLEEP || il_run.actors[i].cond != cond,
			 "fini of a condition that %s waits for, in %s", il_run.actors[i].name,
			 where);
	cond->magic = 0;
}

/* The lock is let go and taken again: the second is an operation of its own. */
void iw_cond_wait_at(struct iw_cond *cond, struct iw_lock *lock, const char *where)
{
	struct il_actor *self = il_self();

	il_check(self, "waits when all actors have ended, in %s", where);
	il_step(IL_SLEEP, "wait", where, cond, lock);
	cond_check(cond, "wait", where);
	lock_check(lock, "wait", where);
	il_check(lock->owner == me(), "waits without its lock, in %s", where);
	lock->owner = 0;
	self->cond = cond;
	self->queued = ++il_run.asleep;
	il_sleep(where, lock);
	lock_check(lock, "wake-up", where);
	lock->owner = me();
}

/* Who sleeps on @cond, the longest first; @among[] has room for all. */
static unsigned int sleepers(const struct iw_cond *cond, struct il_actor **among)
{
	unsigned int n = 0, at;

	for (int i = 0; i < il_run.nactors; i++) {
		struct il_actor *actor = &il_run.actors[i];

		if (actor->state != IL_ASLEEP || actor->cond != cond)
			continue;
		for (at = n++; at && among[at - 1]->queued > actor->queued; at--)
			among[at] = among[at - 1];
		among[at] = actor;
	}
	return n;
}

static void wake(struct il_actor *actor)
{
	actor->state = IL_READY;
	actor->cond = NULL;
	if (il_self()) /* what it does now comes after the signal */
		il_clock_join(&actor->clock, &il_self()->clock);
	il_announce(actor);
}

void iw_cond_signal_at(struct iw_cond *cond, const char *where)
{
	struct il_actor *among[IL_SLOTS];
	unsigned int n;

	step(IL_SIGNAL, "signal", where, cond);
	cond_check(cond, "signal", where);
	n = sleepers(cond, among);
	if (n)
		wake(among[il_choose("who is woken", n)]);
}

void iw_cond_broadcast_at(struct iw_cond *cond, const char *where)
{
	struct il_actor *among[IL_SLOTS];
	unsigned int n;

	step(IL_SIGNAL, "broadcast", where, cond);
	cond_check(cond, "broadcast", where);
	n = sleepers(cond, among);
	for (unsigned int i = 0; i < n; i++)
		wake(among[i]);
}

/* ----------------------------------------------------------------- threads */

static void thread_main(void *arg)
{
	void *(*fn)(void *) = (void *(*)(void *))(uintptr_t)arg;

	fn(il_self()->thread_arg);
}

int iw_thread_start(void *(*fn)(void *), void *arg, const char *name)
{
	int slot = il_actor_new(name, thread_main, (void *)(uintptr_t)fn, true);

	if (slot < 0)
		return -EAGAIN;
	il_run.actors[slot].thread_arg = arg;
	return 0;
}
