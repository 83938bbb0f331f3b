/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Cancellation of the program's threads (pthread_cancel(3)). Most system calls
 * are cancellation points, and a thread that ends in one takes the locks along
 * that it holds. So what makes system calls under a lock is not cancelled; what
 * waits for the program or for a peer is, at a place where nothing is held.
 */
#ifndef IW_CANCEL_H
#define IW_CANCEL_H

#include <pthread.h>

static inline int iw_cancel_disable(void)
{
	int state = PTHREAD_CANCEL_ENABLE;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	return state;
}

static inline void iw_cancel_restore(const int *state)
{
	pthread_setcancelstate(*state, NULL);
}

/* A declaration: the rest of the block is not cancelled. */
#define IW_UNCANCELLED                                                                 \
	const int iw_uncancelled __attribute__((unused, cleanup(iw_cancel_restore))) = \
		iw_cancel_disable()

#endif
