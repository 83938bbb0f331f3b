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
	} while (n < 0 && errno == EINTR && iw_may_restart());
	if (n < 0)
		return -errno;
	return pfd.revents & POLLNVAL ? -EBADF : 0;
}

int shim_park(int cancel)
{
	int n;

	do {
		pthread_setcancelstate(cancel, NULL);
		n = poll(NULL, 0, -1);
		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	} while (n < 0 && errno == EINTR && iw_may_restart());
	return -EBADF;
}
