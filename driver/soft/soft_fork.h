/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What a fork(2) does to the software device; see soft_generation() in soft.h. */
#ifndef IW_SOFT_FORK_H
#define IW_SOFT_FORK_H

#include "base/lock.h"

#define SOFT_FORK_GUARDS 12

/*
 * A fork waits until @lock (of static storage, never nested with another guarded
 * one) is free, so that the child finds what it protects in good order. To be
 * called before the lock is used first; again is harmless.
 */
void soft_fork_guard(struct iw_lock *lock);
/*
 * @reset is called in each child, in the middle of fork(2), with all guarded
 * locks held: what it concerns is the parent's, and begins anew. Once a module.
 */
void soft_fork_in_child(void (*reset)(void));

#endif
