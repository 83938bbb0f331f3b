// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "base/restart.h"

#include <pthread.h>
#include <signal.h>

/* Faults of the program itself: their handlers say nothing about waiting. */
static bool is_fault(int sig)
{
	switch (sig) {
	case SIGABRT:
	case SIGBUS:
	case SIGFPE:
	case SIGILL:
	case SIGSEGV:
	case SIGSYS:
	case SIGTRAP:
		return true;
	default:
		return false;
	}
}

/* A handler that was good for one signal is gone by now, its flags are not. */
static bool interrupts(const struct sigaction *sa)
{
	if (sa->sa_flags & SA_RESTART)
		return false;
	if (sa->sa_handler == SIG_DFL)
		return sa->sa_flags & (int)SA_RESETHAND;
	return sa->sa_handler != SIG_IGN;
}

bool iw_may_restart(void)
{
	struct sigaction sa;
	sigset_t blocked;

	if (pthread_sigmask(SIG_SETMASK, NULL, &blocked))
		return false;
	for (int sig = 1; sig < NSIG; sig++) {
		if (is_fault(sig) || sigismember(&blocked, sig) || sigaction(sig, NULL, &sa))
			continue;
		if (interrupts(&sa))
			return false;
	}
	return true;
}
