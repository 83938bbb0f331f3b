// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Tells a forked child from its parent without a system call a call.
 */
#include "shim/shim.h"

static unsigned int generation = 1;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void in_child(void)
{
	generation++;
}

static void watch_forks(void)
{
	if (iw_fault(IW_FAULT_SYSCALL) || pthread_atfork(NULL, NULL, in_child))
		iw_warn("no memory to watch forks: a child's use of our objects is not noticed");
}

unsigned int shim_generation(void)
{
	pthread_once(&once, watch_forks);
	return generation;
}
