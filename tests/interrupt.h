/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * One signal may come before the thread sleeps, and is then lost: it is sent until
 * the thread has ended.
 */
#ifndef IW_TEST_INTERRUPT_H
#define IW_TEST_INTERRUPT_H

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

static inline void *interrupt_and_join(pthread_t thread)
{
	void *result;

	while (pthread_tryjoin_np(thread, &result) == EBUSY) {
		pthread_kill(thread, SIGUSR1);
		usleep(2000);
	}
	return result;
}

#endif
