// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Waiting on a channel's descriptor as read(2) on it would: by its O_NONBLOCK,
 * through signals whose handlers ask for a restart, and as the one place where
 * a thread of the program may be cancelled.
 */
#include <fcntl.h>
#include <pthread.h>

#include "base/restart.h"
#include "shim/shim.h"

/* Nobody is told of a wait that may be right. */
static int timeout_of(struct iw_stall *stall)
{
	return iw_log_enabled(IW_LOG_INFO) ? iw_stall_timeout(stall) : -1;
}

/* After poll() has returned @n. */
static bool goes_on(int n, struct iw_stall *stall)
{
	if (n > 0)
		return false;
	if (n < 0)
		return errno == EINTR && iw_may_restart();
	iw_stall_tell(stall);
	return true;
}

int shim_wait(int fd, int cancel, struct iw_stall *stall)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	int flags, timeout, n;

	do {
		flags = fcntl(fd, F_GETFL);
		if (flags < 0)
			return -errno;
		if (flags & O_NONBLOCK)
			return -EAGAIN;
		timeout = timeout_of(stall);
		pthread_setcancelstate(cancel, NULL);
		n = iw_fault(IW_FAULT_SYSCALL) ? (errno = ENOMEM, -1) : poll(&pfd, 1, timeout);
		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	} while (goes_on(n, stall));
	if (n < 0)
		return -errno;
	return pfd.revents & POLLNVAL ? -EBADF : 0;
}

int shim_park(int cancel)
{
	struct iw_stall stall = IW_STALL(shim_park_tell, NULL);
	int timeout, n;

	do {
		timeout = timeout_of(&stall);
		pthread_setcancelstate(cancel, NULL);
		n = poll(NULL, 0, timeout);
		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	} while (goes_on(n, &stall));
	return -EBADF;
}
