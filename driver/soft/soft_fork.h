/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What a fork(2) does to the software device; see soft_generation() in soft.h. */
#ifndef IW_SOFT_FORK_H
#define IW_SOFT_FORK_H

#include "base/lock.h"

#define SOFT_FORK_GUARDS 8

/*
 * A fork waits until @lock (of static storage, never nested with another guarded
 * one) is free, so that the child finds what it protects in good order. To be
 * called before the lock is used first; again is harmless.
 */
void soft_fork_guard(struct iw_lock *lock);

#endif
