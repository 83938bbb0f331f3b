// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Waiting on a channel's descriptor as read(2) on it would: by its O_NONBLOCK,
 * through signals whose handlers ask for a restart, and as the one place where
 * a thread of the program may be cancelled.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>

#include "shim/shim.h"

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

/*
 * poll(2) returns EINTR whatever SA_RESTART says, and does not tell for which
 * signal. Where every handler that may run on this thread wants a restart, the
 * answer is clear; where they differ the program hears of the signal.
 */
static bool may_restart(void)
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

int shim_wait(int fd, int cancel)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	int flags, n;

	do {
		flags = fcntl(fd, F_GETFL);
		if (flags < 0)
			return -errno;
		if (flags & O_NONBLOCK)
			return -EAGAIN;
		pthread_setcancelstate(cancel, NULL);
		n = poll(&pfd, 1, -1);
		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	} while (n < 0 && errno == EINTR && may_restart());
	if (n < 0)
		return -errno;
	return pfd.revents & POLLNVAL ? -EBADF : 0;
}
