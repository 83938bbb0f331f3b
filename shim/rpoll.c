// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * rpoll(3) takes rsockets and ordinary descriptors. There are no rsockets yet,
 * so every descriptor is an ordinary one and this is poll(2), in full. Debian's
 * rping and ucmatose are linked against it and do not start without.
 */
#include <poll.h>

#include "shim/export.h"

IW_EXPORT int rpoll(struct pollfd *fds, nfds_t nfds, int timeout);

int rpoll(struct pollfd *fds, nfds_t nfds, int timeout)
{
	return poll(fds, nfds, timeout);
}
