// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The peer's sockets: bytes to and from the victim. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/hostile/hostile.h"

/* As many bytes are sent one by one: all headers; and so often with time between. */
#define SLOW_BYTES 120
#define SLOW_NAPS 6

uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void nap_ms(unsigned int ms)
{
	struct timespec time = { ms / 1000, (long)(ms % 1000) * 1000000 };

	while (nanosleep(&time, &time) && errno == EINTR)
		;
}

int peer_socket(struct test *t, int fd)
{
	const struct timeval limit = { WAIT_MS / 1000, 0 };
	const int on = 1;

	require(t, fd >= 0, "socket: %s", strerror(errno));
	if (t->nsockets == MAX_SOCKETS)
		close(fd);
	require(t, t->nsockets < MAX_SOCKETS, "too many sockets");
	t->sockets[t->nsockets++] = fd;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

int peer_connect(struct test *t)
{
	int fd = peer_socket(t, socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));

	require(t, connect(fd, (struct sockaddr *)&t->v.addr, sizeof(t->v.addr)) == 0,
		"connect: %s", strerror(errno));
	return fd;
}

int peer_listen(struct test *t, int *port)
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	int fd = peer_socket(t, socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	socklen_t len = sizeof(addr);

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	require(t,
		bind(fd, (struct sockaddr *)&addr, len) == 0 && listen(fd, 4) == 0 &&
			getsockname(fd, (struct sockaddr *)&addr, &len) == 0,
		"listen: %s", strerror(errno));
	*port = ntohs(addr.sin_port);
	return fd;
}

int peer_accept(struct test *t, int listener)
{
	struct pollfd pfd = { .fd = listener, .events = POLLIN };

	require(t, poll(&pfd, 1, WAIT_MS) == 1, "the victim does not connect");
	return peer_socket(t, accept4(listener, NULL, NULL, SOCK_CLOEXEC));
}

void peer_close(struct test *t, int fd)
{
	for (unsigned int i = 0; i < t->nsockets; i++) {
		if (t->sockets[i] != fd)
			continue;
		t->sockets[i] = t->sockets[--t->nsockets];
		close(fd);
		return;
	}
}

void peer_reset(struct test *t, int fd)
{
	const struct linger now = { 1, 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	peer_close(t, fd);
}

bool peer_send(int fd, const void *bytes, size_t len)
{
	const char *at = bytes;
	ssize_t n;

	while (len) {
		n = send(fd, at, len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

void peer_send_slowly(int fd, const void *bytes, size_t len, size_t piece)
{
	const char *at = bytes;

	for (size_t i = 0; i < SLOW_BYTES / piece && len > piece; i++) {
		peer_send(fd, at, piece);
		at += piece;
		len -= piece;
		if (i % (SLOW_BYTES / SLOW_NAPS) == 0)
			nap_ms(1);
	}
	peer_send(fd, at, len);
}

size_t peer_read(struct test *t, int fd, void *bytes, size_t len)
{
	size_t have = 0;
	ssize_t n;

	while (have < len) {
		n = recv(fd, (char *)bytes + have, len - have, 0);
		if (n < 0 && errno == EINTR)
			continue;
		require(t, n >= 0 || errno == ECONNRESET || errno == EPIPE,
			"the victim says nothing: %s", strerror(errno));
		if (n <= 0)
			break;
		have += (size_t)n;
	}
	return have;
}

/* An initiator whom nobody answers says so, with a Write of nothing (soft_nudge.h). */
static const uint8_t nudge[] = { 0, 14, 0xc1, 0x40, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0 };

void peer_expect_end(struct test *t, int fd)
{
	uint8_t bytes[sizeof(nudge) + 4];
	size_t n;

	while ((n = peer_read(t, fd, bytes, sizeof(bytes))))
		require(t, n == sizeof(bytes) && !memcmp(bytes, nudge, sizeof(nudge)),
			"the victim talks: 0x%02x", bytes[0]);
}

void peer_expect_silence(struct test *t, int fd, unsigned int ms)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	uint8_t bytes[sizeof(nudge) + 4];

	while (poll(&pfd, 1, (int)ms))
		require(t,
			recv(fd, bytes, sizeof(bytes), MSG_PEEK | MSG_DONTWAIT) == sizeof(bytes) &&
				!memcmp(bytes, nudge, sizeof(nudge)) &&
				peer_read(t, fd, bytes, sizeof(bytes)) == sizeof(bytes),
			"the victim talks or closes");
}

void peer_send_frame(struct test *t, int fd, const struct wire_frame *frame)
{
	peer_send(fd, t->frame, wire_frame(frame, t->frame));
}

void peer_read_frame(struct test *t, int fd, struct wire_frame *frame)
{
	size_t said;

	require(t, peer_read(t, fd, t->frame, 20) == 20, "no frame");
	said = wire_get(t->frame + 18, 2);
	require(t, said <= 512, "PD_Length %zu", said);
	require(t, peer_read(t, fd, t->frame + 20, said) == said, "half a frame");
	*frame = (struct wire_frame){ .key = memcmp(t->frame, WIRE_REPLY, 16) ? WIRE_REQUEST
									      : WIRE_REPLY };
	require(t, memcmp(t->frame, frame->key, 16) == 0, "a wrong key");
	frame->flags = t->frame[16];
	frame->revision = t->frame[17];
	frame->data = t->frame + 20;
	frame->len = said;
	if (!(frame->flags & MPA_S))
		return;
	require(t, said >= 4, "PD_Length %zu with S", said);
	frame->word0 = (uint16_t)wire_get(t->frame + 20, 2);
	frame->word1 = (uint16_t)wire_get(t->frame + 22, 2);
	frame->data = t->frame + 24;
	frame->len -= 4;
}

void peer_send_segment(struct test *t, const struct stream *s, const struct wire_segment *segment)
{
	t->fpdu_len = wire_fpdu(segment, s->crc, t->fpdu);
	if (s->slowly)
		peer_send_slowly(s->fd, t->fpdu, t->fpdu_len, 1);
	else
		peer_send(s->fd, t->fpdu, t->fpdu_len);
}

bool peer_read_rtr(struct test *t, const struct stream *s, struct wire_segment *segment)
{
	size_t have = peer_read(t, s->fd, t->in, 4), size;

	if (!have)
		return false;
	require(t, have == 4, "the stream ends in a header");
	size = wire_fpdu_size((unsigned int)wire_get(t->in, 2));
	require(t, peer_read(t, s->fd, t->in + 4, size - 4) == size - 4,
		"the stream ends in an FPDU");
	require(t, wire_parse(segment, t->in, size, s->crc), "an FPDU with a wrong CRC");
	return true;
}

bool peer_read_segment(struct test *t, const struct stream *s, struct wire_segment *segment)
{
	do
		if (!peer_read_rtr(t, s, segment))
			return false;
	while (!memcmp(t->in, nudge, sizeof(nudge)));
	return true;
}
