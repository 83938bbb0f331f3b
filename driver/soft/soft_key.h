/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Keys of memory that belongs to a thread, made by whoever needs one first. */
#ifndef SOFT_KEY_H
#define SOFT_KEY_H

#include <pthread.h>
#include <stdbool.h>

/* Static and zeroed. */
struct soft_key {
	unsigned int made; /* atomic: the key and 1; 0: none yet */
};

/*
 * *@out: the key, whose values are dropped by @drop. False: the process has no
 * key left; the next call tries again, which pthread_once(3) would not.
 */
bool soft_key_get(struct soft_key *key, void (*drop)(void *), pthread_key_t *out);

#endif
