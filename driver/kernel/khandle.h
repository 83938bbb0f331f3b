/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Handles: the names that we give our objects towards the kernel. An index into
 * a table with a generation, so that a number that is stale, made up, or of
 * another kind finds nothing.
 */
#ifndef IW_KHANDLE_H
#define IW_KHANDLE_H

#include <stdint.h>

#include "base/lock.h"

enum khandle_kind {
	KHANDLE_NONE,
	KHANDLE_KID,   /* struct kid */
	KHANDLE_MEMBER /* struct kmember */
};

/*
 * Protects the table and what the objects' structs name. One for the process:
 * it is held for some instructions only, next to a system call each time, and an
 * object can change its source. Nothing else is locked inside it.
 */
extern struct iw_lock khandle_lock;

/* All of them with the lock held. A handle is never 0. -ENOMEM. */
int khandle_add(enum khandle_kind kind, void *object, uint64_t *handle);
/* NULL: none of this kind. */
void *khandle_find(enum khandle_kind kind, uint64_t handle);
void khandle_remove(uint64_t handle);

#endif
