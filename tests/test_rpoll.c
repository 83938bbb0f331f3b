// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <unistd.h>

int rpoll(struct pollfd *fds, nfds_t nfds, int timeout);

Test(rpoll, rpoll__is_poll_for_ordinary_descriptors)
{
	struct pollfd pfd = { .events = POLLIN };
	int fds[2];

	cr_assert_eq(pipe(fds), 0);
	pfd.fd = fds[0];
	cr_assert_eq(rpoll(&pfd, 1, 0), 0);
	cr_assert_eq(write(fds[1], "x", 1), 1);
	cr_assert_eq(rpoll(&pfd, 1, -1), 1);
	cr_assert_eq(pfd.revents, POLLIN);
}

Test(rpoll, rpoll__errors_as_poll)
{
	struct pollfd *nowhere = (struct pollfd *)8;

	errno = 0;
	cr_assert_eq(rpoll(nowhere, 1, 0), -1);
	cr_assert_eq(errno, EFAULT);
}
