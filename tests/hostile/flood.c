// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Too much of it: connections, requests, reads, garbage. The victim neither
 * blocks nor grows by what a peer sends, and others are served meanwhile.
 */
#include <errno.h>
#include <malloc.h>
#include <sys/socket.h>

#include "tests/hostile/hostile.h"

#define CROWD 300
#define HANDSHAKES 80 /* as many may be open at a time, and a few that it has not seen yet */
#define REQUESTS 200
#define BACKLOG_MAX 64
#define SOON_MS 4000 /* sooner than a time limit would help */
#define READS 4000
#define GARBAGE (10u << 20)
#define EMPTY_WRITES 20000
#define GROWTH (1u << 20)

static bool is_open(int fd)
{
	uint8_t byte;

	return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

static unsigned int count_open(const int *fds, unsigned int n)
{
	unsigned int open = 0;

	for (unsigned int i = 0; i < n; i++)
		open += is_open(fds[i]);
	return open;
}

/* Those who come later get in; of those who say nothing only so many are kept. */
static void crowd(struct test *t, const void *bytes, size_t len)
{
	uint64_t limit = now_ms() + SOON_MS;
	int fds[CROWD];

	for (unsigned int i = 0; i < CROWD; i++) {
		fds[i] = peer_connect(t);
		peer_send(fds[i], bytes, len);
	}
	good_peer(t);
	while (count_open(fds, CROWD) > HANDSHAKES && now_ms() < limit)
		nap_ms(10);
	require(t, count_open(fds, CROWD) <= HANDSHAKES, "%u half-open connections are kept",
		count_open(fds, CROWD));
	good_peer(t);
}

static void crowd_in_silence(struct test *t)
{
	crowd(t, "", 0);
}

static void crowd_with_half_frames(struct test *t)
{
	crowd(t, "MPA ID Req Frame\0\1\2\0half", 24);
}

/* ---- requests that the program does not come to */

static unsigned int count_rejected(struct test *t, const int *fds, unsigned int n)
{
	struct wire_frame reply;
	unsigned int rejected = 0;

	for (unsigned int i = 0; i < n; i++) {
		if (is_open(fds[i]))
			continue;
		peer_read_frame(t, fds[i], &reply);
		require(t, reply.flags & MPA_REJECTED, "flags 0x%02x", reply.flags);
		rejected++;
	}
	return rejected;
}

static void crowd_of_requests(struct test *t)
{
	const struct wire_frame request = { .key = WIRE_REQUEST, .revision = 1, .len = 512 };
	uint64_t limit = now_ms() + WAIT_MS;
	unsigned int rejected, seen = 0;
	int fds[REQUESTS];

	for (unsigned int i = 0; i < REQUESTS; i++) {
		fds[i] = peer_connect(t);
		peer_send_frame(t, fds[i], &request);
	}
	while (count_open(fds, REQUESTS) > BACKLOG_MAX && now_ms() < limit)
		nap_ms(10);
	nap_ms(1000);
	rejected = count_rejected(t, fds, REQUESTS);
	require(t, rejected >= REQUESTS - BACKLOG_MAX, "%u of %u are refused", rejected, REQUESTS);
	while (seen + rejected < REQUESTS && victim_step(t, 2000))
		seen++;
	require(t, seen + rejected == REQUESTS, "%u refused, %u seen", rejected, seen);
	for (unsigned int i = 0; i < t->v.nends; i++)
		if (t->v.ends[i].id)
			victim_drop(t, &t->v.ends[i]);
}

/* ---- reads that nobody takes the answers of */

static size_t allocated(void)
{
	return mallinfo2().uordblks;
}

/* Until the victim has had enough. */
static void send_reads(struct test *t, struct stream *s, unsigned int n)
{
	const struct wire_read read = { .sink_stag = 1,
					.size = REGION_SIZE,
					.source_stag = victim_stag(t, AT_READ),
					.source_to = victim_to(t, AT_READ) };
	struct wire_segment request = {
		.ddp = UNTAGGED_LAST, .rdmap = OP_READ_REQUEST, .qn = 1, .len = 28
	};
	uint8_t body[28];

	wire_read_body(&read, body);
	request.payload = body;
	for (unsigned int i = 0; i < n; i++) {
		request.msn = s->msn[1]++;
		t->fpdu_len = wire_fpdu(&request, s->crc, t->fpdu);
		if (!peer_send(s->fd, t->fpdu, t->fpdu_len))
			break;
	}
}

static void flood_of_reads(struct test *t)
{
	size_t before, after;
	struct stream s;

	stream_open(t, &s, S_DEEP | S_INITIATOR);
	before = allocated();
	send_reads(t, &s, READS);
	/* Not a byte is read before: a slow victim could answer all of them. */
	victim_wait_disconnected(t, s.end);
	after = allocated();
	require(t, after < before + GROWTH, "%zu bytes for a peer that does not read",
		after - before);
	/* More than agreed: IRD exceeded. */
	stream_expect_terminate(t, &s, TERM(0, 2, 7), false);
}

/* The peer never takes a byte: destroying the QP waits for nobody. */
static void destroy_under_reads(struct test *t)
{
	struct stream s;
	uint64_t start;

	stream_open(t, &s, S_DEEP);
	send_reads(t, &s, READS);
	start = now_ms();
	victim_drop(t, s.end);
	require(t, now_ms() - start < SOON_MS, "destroying takes %u ms",
		(unsigned int)(now_ms() - start));
}

/* In the number that was agreed on, again and again: all are answered. */
static void answer_within_ird(struct test *t)
{
	struct wire_segment answer;
	struct stream s;

	stream_open(t, &s, 0);
	for (unsigned int i = 0; i < 200; i++) {
		size_t got = 0;

		send_reads(t, &s, 4);
		while (got < (size_t)4 * REGION_SIZE) {
			require(t, peer_read_segment(t, &s, &answer), "the stream ends");
			require(t, answer.rdmap == OP_READ_RESPONSE, "opcode 0x%02x", answer.rdmap);
			got += answer.len;
		}
	}
	stream_good_send(t, &s, 0);
}

/* ---- garbage */

static void send_garbage(int fd)
{
	uint8_t chunk[16384];
	uint32_t seed = 12345;

	for (unsigned int done = 0; done < GARBAGE; done += sizeof(chunk)) {
		for (size_t i = 0; i < sizeof(chunk); i++) {
			seed = seed * 1664525 + 1013904223;
			chunk[i] = (uint8_t)(seed >> 24);
		}
		peer_send(fd, chunk, sizeof(chunk));
	}
}

static void garbage_as_request(struct test *t)
{
	int fd = peer_connect(t);

	send_garbage(fd);
	peer_expect_end(t, fd);
}

static void garbage_as_stream(struct test *t)
{
	for (unsigned int how = 0; how < 4; how++) {
		struct stream s;

		stream_open(t, &s, (how & 1 ? S_CRC : 0) | (how & 2 ? S_INITIATOR : 0));
		send_garbage(s.fd);
		peer_close(t, s.fd);
		victim_wait_disconnected(t, s.end);
		victim_poll(t);
		require(t, s.end->wcs == NRECV, "%u completions", s.end->wcs);
		victim_drop(t, s.end);
	}
}

static void empty_writes(struct test *t)
{
	const struct wire_segment write = { .ddp = TAGGED_LAST, .rdmap = OP_WRITE };
	struct stream s;

	stream_open(t, &s, S_CRC);
	for (unsigned int i = 0; i < EMPTY_WRITES; i++)
		peer_send_segment(t, &s, &write);
	stream_good_send(t, &s, 0);
}

/* ---- slowness of one is nobody else's */

static void slow_fpdu(struct test *t)
{
	const struct wire_segment write = {
		.ddp = TAGGED_LAST,
		.rdmap = OP_WRITE,
		.stag = victim_stag(t, AT_WRITE),
		.to = victim_to(t, AT_WRITE),
		.len = 80,
	};
	uint8_t fpdu[128];
	struct stream slow, quick;
	size_t size;

	stream_open(t, &slow, S_CRC | S_INITIATOR);
	stream_open(t, &quick, 0);
	size = wire_fpdu(&write, true, fpdu);
	for (size_t i = 0; i < size; i++) {
		peer_send(slow.fd, fpdu + i, 1);
		quick.end->wcs = 0;
		stream_good_send(t, &quick, 0);
		require(t, victim_post_recv(t, quick.end, (unsigned int)i % NRECV) == 0, "post");
		arena_allow(t, AT_LOCAL, 0, (size_t)NRECV * RECV_SIZE);
	}
	arena_expect(t, AT_WRITE, 0, NULL, 80);
	stream_good_send(t, &slow, 0);
}

static void many_half_fpdus(struct test *t)
{
	const struct wire_segment send = {
		.ddp = UNTAGGED_LAST, .rdmap = OP_SEND, .msn = 1, .len = 100
	};
	struct stream s;

	for (unsigned int i = 0; i < 40; i++) {
		stream_open(t, &s, i % 2 ? S_CRC : S_INITIATOR);
		wire_fpdu(&send, s.crc, t->fpdu);
		peer_send(s.fd, t->fpdu, 1 + i * 3);
	}
	good_peer(t);
	arena_allow(t, AT_LOCAL, 0, 100);
}

static const struct hostile_case cases[] = {
	{ "serves_others__beside_300_silent_connections", crowd_in_silence, NULL, false },
	{ "serves_others__beside_300_half_requests", crowd_with_half_frames, NULL, false },
	{ "refuses_requests__beyond_the_backlog", crowd_of_requests, NULL, false },
	{ "refuses_reads__beyond_ird", flood_of_reads, NULL, true },
	{ "destroys_qp__whose_answers_nobody_takes", destroy_under_reads, NULL, false },
	{ "answers_reads__within_ird", answer_within_ird, NULL, false },
	{ "drops_request__of_10_megabytes", garbage_as_request, NULL, false },
	{ "ends_stream__of_10_megabytes_of_garbage", garbage_as_stream, NULL, false },
	{ "takes_writes__of_nothing_20000_times", empty_writes, NULL, false },
	{ "serves_others__beside_an_fpdu_in_drops", slow_fpdu, NULL, false },
	{ "serves_others__beside_many_half_fpdus", many_half_fpdus, NULL, false },
};

const struct theme theme_flood = {
	.name = "flood",
	.cases = cases,
	.n = sizeof(cases) / sizeof(*cases),
};
