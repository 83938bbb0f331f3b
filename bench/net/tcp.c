// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The same patterns on a plain TCP socket: what the path itself can do. */
#include "bench/net/net.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

static void tune(int fd)
{
	int one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5);
}

int tcp_listen_on(struct bench *b)
{
	struct sockaddr_in sin;
	socklen_t len = sizeof(sin);
	int fd = socket(b->addr.ss_family, SOCK_STREAM, 0);

	MUST(fd >= 0);
	tune(fd);
	MUST(!bind(fd, (struct sockaddr *)&b->addr, b->addr_len));
	MUST(!listen(fd, 1024));
	MUST(!getsockname(fd, (struct sockaddr *)&sin, &len));
	share_port(b, ntohs(sin.sin_port));
	return fd;
}

int tcp_dial(struct bench *b)
{
	int fd = socket(b->addr.ss_family, SOCK_STREAM, 0);

	MUST(fd >= 0);
	tune(fd);
	MUST(!connect(fd, (struct sockaddr *)&b->addr, b->addr_len));
	return fd;
}

int tcp_take(int listener)
{
	int fd = accept(listener, NULL, NULL);

	MUST(fd >= 0);
	tune(fd);
	return fd;
}

void tcp_read_all(int fd, void *buf, size_t len, bool poll)
{
	size_t have = 0;
	ssize_t n;

	while (have < len) {
		n = recv(fd, (char *)buf + have, len - have, poll ? MSG_DONTWAIT : 0);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0)
			DIE("recv: %s", n ? strerror(errno) : "closed");
		have += (size_t)n;
	}
}

void tcp_write_all(int fd, const void *buf, size_t len)
{
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		n = send(fd, (const char *)buf + done, len - done, MSG_NOSIGNAL);
		MUST(n > 0);
		done += (size_t)n;
	}
}

static int tcp_pair(struct bench *b)
{
	int listener, fd;

	if (!b->server) {
		share_port(b, 0);
		return tcp_dial(b);
	}
	listener = tcp_listen_on(b);
	fd = tcp_take(listener);
	close(listener);
	return fd;
}

void lat_tcp(struct bench *b)
{
	char *buf = calloc(1, b->size);
	int fd = tcp_pair(b);
	double t = 0;

	for (unsigned int i = 0; i < b->n + b->n / 10; i++) {
		if (i == b->n / 10)
			t = now();
		if (!b->server)
			tcp_write_all(fd, buf, b->size);
		tcp_read_all(fd, buf, b->size, !b->event);
		if (b->server)
			tcp_write_all(fd, buf, b->size);
	}
	if (!b->server)
		printf("%.3f\n", (now() - t) / b->n / 2 * 1e6);
	close(fd);
	free(buf);
}

/*
 * How fast the kernel copies depends on where the bytes lie in their page. The
 * reference gets what suits it best: from the start of a page on for large
 * chunks (twice as fast), behind it for small ones (1.4 times).
 */
#define LARGE 65536
#define BEHIND 16

static char *best_aligned(size_t size, size_t chunk, void **whole)
{
	MUST(!posix_memalign(whole, 4096, size + BEHIND));
	return (char *)*whole + (chunk < LARGE ? BEHIND : 0);
}

/* Bytes one way, @chunk at a time, then one byte back. */
static double flow(struct bench *b, size_t chunk, size_t read_size)
{
	size_t size = chunk > read_size ? chunk : read_size, total = chunk * b->n, got = 0;
	void *whole;
	char *buf = best_aligned(size, chunk, &whole);
	int fd = tcp_pair(b);
	double t;
	ssize_t n;

	memset(buf, 1, size);
	meet(b);
	t = now();
	for (unsigned int i = 0; !b->server && i < b->n; i++)
		tcp_write_all(fd, buf, chunk);
	while (b->server && got < total) {
		n = recv(fd, buf, read_size, 0);
		MUST(n > 0);
		got += (size_t)n;
	}
	if (b->server)
		tcp_write_all(fd, buf, 1);
	else
		tcp_read_all(fd, buf, 1, false);
	t = now() - t;
	close(fd);
	free(whole);
	return t;
}

void bw_tcp(struct bench *b)
{
	double t = flow(b, b->size, b->size < 262144 ? 262144 : b->size);

	if (!b->server)
		printf("%.1f\n", (double)b->size * b->n / t / 1e6);
}

void rate_tcp(struct bench *b)
{
	double t = flow(b, b->size, 65536);

	if (!b->server)
		printf("%.0f\n", b->n / t);
}

/* Connect, 20 bytes each way (as MPA does), close. */
void setup_tcp(struct bench *b)
{
	char buf[20] = { 0 };
	int listener = -1, fd;
	double t;

	if (b->server)
		listener = tcp_listen_on(b);
	else
		share_port(b, 0);
	t = now();
	for (unsigned int i = 0; i < b->n; i++) {
		fd = b->server ? tcp_take(listener) : tcp_dial(b);
		if (!b->server)
			tcp_write_all(fd, buf, sizeof(buf));
		tcp_read_all(fd, buf, sizeof(buf), false);
		if (b->server)
			tcp_write_all(fd, buf, sizeof(buf));
		close(fd);
	}
	if (!b->server)
		printf("%.1f\n", b->n / (now() - t));
	else
		close(listener);
}
