// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "tests/soft_peer.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "driver/soft/soft_bind.h"

static const uint8_t rtr_write[] = { 0x00, 0x0e, 0xc1, 0x40, 0, 0, 0, 1, 0, 0,
				     0,	   0,	 0,    0,    0, 0, 0, 0, 0, 0 };

int peer_listen(struct sockaddr_in *addr)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(*addr);

	*addr = (struct sockaddr_in){ .sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	cr_assert_eq(bind(fd, (struct sockaddr *)addr, sizeof(*addr)), 0);
	cr_assert_eq(listen(fd, 64), 0);
	cr_assert_eq(getsockname(fd, (struct sockaddr *)addr, &len), 0);
	return fd;
}

static bool readable(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ms) == 1;
}

int peer_accept(int listener)
{
	int fd;

	cr_assert(readable(listener, 5000), "nobody connects");
	fd = accept(listener, NULL, NULL);
	cr_assert_geq(fd, 0);
	return fd;
}

int peer_connect(const struct sockaddr_storage *addr)
{
	struct sockaddr_storage to = *addr;
	int fd = socket(addr->ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (soft_addr_is_any((struct sockaddr *)&to) && to.ss_family == AF_INET)
		((struct sockaddr_in *)(void *)&to)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	cr_assert_eq(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0, "%s", strerror(errno));
	return fd;
}

void peer_send(int fd, const void *bytes, size_t len)
{
	cr_assert_eq(send(fd, bytes, len, MSG_NOSIGNAL), (ssize_t)len);
}

void peer_read(int fd, void *bytes, size_t len)
{
	for (size_t have = 0; have < len;) {
		ssize_t n;

		cr_assert(readable(fd, 5000), "%zu of %zu bytes came", have, len);
		n = recv(fd, (char *)bytes + have, len - have, 0);
		cr_assert_gt(n, 0, "%zu of %zu bytes came before the end", have, len);
		have += (size_t)n;
	}
}

bool peer_sees_end(int fd)
{
	char bytes[256];

	while (readable(fd, 5000))
		if (recv(fd, bytes, sizeof(bytes), 0) <= 0)
			return true;
	return false;
}

bool peer_sees_silence(int fd, int ms)
{
	return !readable(fd, ms);
}

void peer_send_frame(int fd, const struct mpa_frame *frame)
{
	uint8_t bytes[MPA_FRAME_MAX];
	int len = mpa_frame_build(frame, bytes, sizeof(bytes));

	cr_assert_gt(len, 0);
	peer_send(fd, bytes, (size_t)len);
}

struct mpa_frame peer_read_frame(int fd, bool reply)
{
	static uint8_t bytes[MPA_FRAME_MAX];
	struct mpa_frame frame = { 0 };
	size_t len;

	peer_read(fd, bytes, MPA_FRAME_HDR);
	len = (size_t)bytes[18] << 8 | bytes[19];
	peer_read(fd, bytes + MPA_FRAME_HDR, len);
	cr_assert_eq(mpa_frame_parse(&frame, bytes, MPA_FRAME_HDR + len, reply),
		     (int)(MPA_FRAME_HDR + len));
	return frame;
}

void peer_send_rtr(int fd)
{
	peer_send(fd, rtr_write, sizeof(rtr_write));
}
