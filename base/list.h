/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Doubly linked tail queues: libc's <sys/queue.h>, plus the loop that allows
 * the current element to be removed, which glibc's copy lacks.
 */
#ifndef IW_LIST_H
#define IW_LIST_H

#include <sys/queue.h>

#ifndef TAILQ_FOREACH_SAFE
#define TAILQ_FOREACH_SAFE(var, head, field, next)                                     \
	for ((var) = TAILQ_FIRST(head); (var) && ((next) = TAILQ_NEXT(var, field), 1); \
	     (var) = (next))
#endif

#endif
