// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* MPA Requests, good and bad, and peers that stop halfway: the victim listens. */
#include <errno.h>
#include <sys/socket.h>

#include "tests/hostile/hostile.h"

#define REQUEST_MS 5000 /* as long as a peer may take */
#define LORIS_MS 150	/* between its bytes */

enum verdict {
	CLOSED,	 /* without a word */
	REFUSED, /* by a Reply, unseen by the program */
	TAKEN,
};

struct ask {
	struct wire_frame frame;
	enum verdict verdict;
	size_t behind; /* bytes that follow in the same flight */
	/* The Reply to one that is taken; the program offers 4 and 4. */
	uint8_t flags, revision;
	uint16_t word0, word1;
};

static void expect_unseen(struct test *t)
{
	require(t, !victim_step(t, 30), "the program hears of it");
}

static void check_reply(struct test *t, int fd, const struct ask *ask)
{
	struct wire_frame reply;

	peer_read_frame(t, fd, &reply);
	require(t,
		!strcmp(reply.key, WIRE_REPLY) && reply.flags == ask->flags &&
			reply.revision == ask->revision,
		"Reply with flags 0x%02x, revision %u", reply.flags, reply.revision);
	if (reply.flags & MPA_S)
		require(t, reply.word0 == ask->word0 && reply.word1 == ask->word1,
			"Reply with 0x%04x 0x%04x", reply.word0, reply.word1);
}

static void check_taken(struct test *t, int fd, const struct ask *ask)
{
	const struct wire_segment rtr = { .ddp = TAGGED_LAST, .rdmap = OP_WRITE };
	struct stream s = { .fd = fd, .msn = { 1, 1, 1, 1 } };
	size_t len = ask->frame.len;

	s.end = victim_wait_request(t);
	if (len > UINT8_MAX)
		len = UINT8_MAX; /* all that rdma_cm_event can say */
	require(t, s.end->private_data_len == len, "%u bytes of private data",
		s.end->private_data_len);
	for (size_t i = 0; i < len; i++)
		require(t, s.end->private_data[i] == wire_pattern(i), "private data differs");
	victim_make_qp(t, s.end, NRECV);
	require(t, victim_accept(s.end, 4, 4) == 0, "rdma_accept: %m");
	check_reply(t, fd, ask);
	s.crc = ask->flags & MPA_CRC_WANTED;
	if (ask->flags & MPA_S && ask->word0 & MPA_A)
		peer_send_segment(t, &s, &rtr);
	victim_wait_established(t, s.end);
	stream_good_send(t, &s, 0);
}

static void ask_for(struct test *t, const struct ask *ask, bool slowly)
{
	int fd = peer_connect(t);
	size_t len = wire_frame(&ask->frame, t->frame);

	memset(t->frame + len, 0, ask->behind);
	if (slowly)
		peer_send_slowly(fd, t->frame, len + ask->behind, 1);
	else
		peer_send(fd, t->frame, len + ask->behind);
	if (ask->verdict == TAKEN) {
		check_taken(t, fd, ask);
	} else {
		if (ask->verdict == REFUSED)
			check_reply(t, fd, ask);
		peer_expect_end(t, fd);
		expect_unseen(t);
	}
	peer_close(t, fd);
}

static void ask_once(struct test *t)
{
	ask_for(t, t->arg, false);
}

static void ask_slowly(struct test *t)
{
	ask_for(t, t->arg, true);
}

/* A full-sized frame, every length of private data. */
static void ask_every_length(struct test *t)
{
	struct ask ask = { .frame = { .key = WIRE_REQUEST, .revision = 1 },
			   .verdict = TAKEN,
			   .revision = 1 };

	for (ask.frame.len = 0; ask.frame.len <= 512; ask.frame.len += 61) {
		ask_for(t, &ask, false);
		victim_down(t);
		victim_up(t);
	}
	ask.frame.len = 512;
	ask_for(t, &ask, true);
}

/* ---- peers that stop */

static const struct wire_frame good = {
	.key = WIRE_REQUEST,
	.flags = MPA_S,
	.revision = 2,
	.word0 = 1,
	.word1 = 1,
	.len = 20,
};

/* The first @cut bytes, then @stop. */
static void stop_at_every_byte(struct test *t, void (*stop)(struct test *t, int fd))
{
	size_t len = wire_frame(&good, t->frame);

	for (size_t cut = 0; cut < len; cut++) {
		int fd = peer_connect(t);

		peer_send(fd, t->frame, cut);
		stop(t, fd);
	}
	expect_unseen(t);
}

static void close_at_every_byte(struct test *t)
{
	stop_at_every_byte(t, peer_close);
}

static void reset_at_every_byte(struct test *t)
{
	stop_at_every_byte(t, peer_reset);
}

static void shut_and_wait(struct test *t, int fd)
{
	shutdown(fd, SHUT_WR);
	peer_expect_end(t, fd);
	peer_close(t, fd);
}

static void shut_at_every_byte(struct test *t)
{
	stop_at_every_byte(t, shut_and_wait);
}

static void expect_time(struct test *t, uint64_t start)
{
	uint64_t took = now_ms() - start;

	require(t, took > REQUEST_MS * 3 / 4, "closed after %u ms", (unsigned int)took);
	require(t, took < REQUEST_MS * 3, "closed after %u ms", (unsigned int)took);
	expect_unseen(t);
}

static void say_nothing(struct test *t)
{
	uint64_t start = now_ms();
	int fd = peer_connect(t);

	peer_expect_end(t, fd);
	expect_time(t, start);
}

static void say_half(struct test *t)
{
	uint64_t start = now_ms();
	int fd = peer_connect(t);

	wire_frame(&good, t->frame);
	peer_send(fd, t->frame, 30);
	peer_expect_end(t, fd);
	expect_time(t, start);
}

/* The limit is for the frame, not for each byte of it. */
static void say_it_slowly(struct test *t)
{
	uint64_t start = now_ms();
	int fd = peer_connect(t);
	uint8_t byte;

	wire_frame(&good, t->frame);
	for (size_t i = 0; i < 43; i++) {
		peer_send(fd, t->frame + i, 1);
		nap_ms(LORIS_MS);
		if (recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0)
			break;
	}
	peer_expect_end(t, fd);
	expect_time(t, start);
}

static void say_one_wrong_byte(struct test *t)
{
	uint64_t start = now_ms();
	int fd = peer_connect(t);

	peer_send(fd, "X", 1);
	peer_expect_end(t, fd);
	require(t, now_ms() - start < REQUEST_MS / 2, "what is wrong at once takes its time");
	expect_unseen(t);
}

/* ---- while the program thinks about the request */

static void say_more(struct test *t)
{
	const struct wire_segment early = { .ddp = TAGGED_LAST, .rdmap = OP_WRITE };
	struct stream s = { .fd = peer_connect(t) };

	peer_send_frame(t, s.fd, &good);
	s.end = victim_wait_request(t);
	peer_send_segment(t, &s, &early);
	victim_make_qp(t, s.end, NRECV);
	nap_ms(20);
	require(t, victim_accept(s.end, 4, 4) != 0, "a peer that talks early is accepted");
	victim_drop(t, s.end);
	t->fpdu_len = 0;
}

static void leave(struct test *t, void (*stop)(struct test *t, int fd))
{
	int fd = peer_connect(t);
	struct end *end;

	peer_send_frame(t, fd, &good);
	end = victim_wait_request(t);
	victim_make_qp(t, end, NRECV);
	stop(t, fd);
	nap_ms(20);
	require(t, victim_accept(end, 4, 4) != 0, "a peer that has gone is accepted");
	victim_drop(t, end);
}

static void leave_by_fin(struct test *t)
{
	leave(t, peer_close);
}

static void leave_by_reset(struct test *t)
{
	leave(t, peer_reset);
}

/* Told in a Reply, with the request's values. */
static void expect_rejected(struct test *t, int fd, const void *data, size_t len)
{
	struct wire_frame reply;

	peer_read_frame(t, fd, &reply);
	require(t, reply.flags == (MPA_S | MPA_REJECTED) && reply.revision == 2, "flags 0x%02x",
		reply.flags);
	require(t, reply.len == len && !memcmp(reply.data, data, len), "%zu bytes of data",
		reply.len);
	peer_expect_end(t, fd);
}

static void be_rejected(struct test *t)
{
	int fd = peer_connect(t);
	struct end *end;

	peer_send_frame(t, fd, &good);
	end = victim_wait_request(t);
	require(t, rdma_reject(end->id, "no", 2) == 0, "rdma_reject: %m");
	expect_rejected(t, fd, "no", 2);
	victim_drop(t, end);
}

static void be_destroyed(struct test *t)
{
	int fd = peer_connect(t);

	peer_send_frame(t, fd, &good);
	victim_drop(t, victim_wait_request(t));
	expect_rejected(t, fd, "", 0);
}

/* No first FPDU of a peer-to-peer initiator: there is no connection. */
static void forget_rtr(struct test *t)
{
	struct wire_frame request = good, reply;
	int fd = peer_connect(t);
	struct end *end;

	request.word0 = MPA_A | 1;
	request.word1 = MPA_C | 1;
	peer_send_frame(t, fd, &request);
	end = victim_wait_request(t);
	victim_make_qp(t, end, NRECV);
	require(t, victim_accept(end, 4, 4) == 0, "rdma_accept: %m");
	peer_read_frame(t, fd, &reply);
	peer_expect_silence(t, fd, 2000);
	require(t, !end->outcome && !victim_step(t, 0), "an outcome without the first FPDU");
	victim_wait_outcome(t, end, RDMA_CM_EVENT_UNREACHABLE, -ETIMEDOUT);
	peer_expect_end(t, fd);
}

/* ---- the table */

#define ENHANCED .flags = MPA_S, .revision = 2
#define ASK(...)                                             \
	&(const struct ask)                                  \
	{                                                    \
		.frame = {.key = WIRE_REQUEST, __VA_ARGS__ } \
	}
#define ASK_TAKEN(reply_flags, rev, w0, w1, ...)                                 \
	&(const struct ask)                                                      \
	{                                                                        \
		.frame = { .key = WIRE_REQUEST, __VA_ARGS__ }, .verdict = TAKEN, \
		.flags = reply_flags, .revision = rev, .word0 = w0, .word1 = w1  \
	}
#define KEY(text)                                      \
	&(const struct ask)                            \
	{                                              \
		.frame = {.key = text, .revision = 1 } \
	}
#define MARKERS(rev, bits)                                                                        \
	&(const struct ask)                                                                       \
	{                                                                                         \
		.frame = { .key = WIRE_REQUEST, .flags = MPA_MARKERS | (bits), .revision = rev }, \
		.verdict = REFUSED, .flags = MPA_REJECTED | (bits), .revision = rev               \
	}
#define BEHIND(count)                                                                 \
	&(const struct ask)                                                           \
	{                                                                             \
		.frame = { .key = WIRE_REQUEST, ENHANCED, .len = 3 }, .behind = count \
	}

static const struct hostile_case cases[] = {
	{ "drops_request__with_a_wrong_key", ask_once, KEY("MPA ID Rex Frame"), false },
	{ "drops_request__with_a_key_in_lower_case", ask_once, KEY("mpa id req frame"), false },
	{ "drops_request__with_the_key_of_a_reply", ask_once, KEY(WIRE_REPLY), false },
	{ "drops_request__with_a_late_wrong_byte", ask_slowly, KEY("MPA ID Req Framf"), false },
	{ "drops_request__in_http", ask_once, KEY("GET / HTTP/1.1\r\n"), false },
	{ "drops_request__of_revision_3", ask_once, ASK(.revision = 3), false },
	{ "drops_request__of_revision_255", ask_once, ASK(.revision = 255), false },
	{ "drops_request__with_s_in_revision_1", ask_once, ASK(.flags = MPA_S, .revision = 1),
	  false },
	{ "drops_request__with_s_in_revision_0", ask_once, ASK(.flags = MPA_S), false },
	{ "drops_request__with_pd_length_513", ask_once, ASK(.revision = 1, .lie = 513), false },
	{ "drops_request__with_pd_length_65535", ask_once, ASK(ENHANCED, .lie = 65535), false },
	{ "drops_request__with_s_and_pd_length_3", ask_once, ASK(ENHANCED, .lie = 3), false },
	{ "drops_request__with_s_and_pd_length_0", ask_once, ASK(ENHANCED, .lie = -1), false },
	{ "drops_request__with_a_byte_behind", ask_once, BEHIND(1), false },
	{ "drops_request__with_an_fpdu_behind", ask_once, BEHIND(20), false },
	{ "drops_request__with_much_behind", ask_once, BEHIND(60000), false },
	{ "refuses_request__with_markers", ask_once, MARKERS(1, 0), false },
	{ "refuses_request__with_markers_and_s", ask_once, MARKERS(2, MPA_S), false },

	{ "takes_request__of_revision_0", ask_once, ASK_TAKEN(0, 0, 0, 0, .len = 5), false },
	{ "takes_request__of_revision_1", ask_once, ASK_TAKEN(0, 1, 0, 0, .revision = 1), false },
	{ "takes_request__of_revision_2_without_s", ask_once,
	  ASK_TAKEN(0, 2, 0, 0, .revision = 2, .len = 8), false },
	{ "takes_request__with_r_set", ask_once,
	  ASK_TAKEN(0, 1, 0, 0, .revision = 1, .flags = MPA_REJECTED), false },
	{ "takes_request__with_reserved_bits", ask_once,
	  ASK_TAKEN(0, 1, 0, 0, .revision = 1, .flags = 0x0f), false },
	{ "takes_request__with_crc", ask_once,
	  ASK_TAKEN(MPA_CRC_WANTED, 1, 0, 0, .revision = 1, .flags = MPA_CRC_WANTED), false },
	{ "takes_request__byte_by_byte", ask_slowly,
	  ASK_TAKEN(MPA_S, 2, 4, 2, ENHANCED, .word0 = 2, .word1 = 1, .len = 40), false },
	{ "takes_request__with_depths_left_to_others", ask_once,
	  ASK_TAKEN(MPA_S, 2, 0x3fff, 0x3fff, ENHANCED, .word0 = 0x3fff, .word1 = 0x3fff), false },
	{ "takes_request__that_wants_the_most_reads", ask_once,
	  ASK_TAKEN(MPA_S, 2, 128, 4, ENHANCED, .word0 = 0x3ffe, .word1 = 0x3ffe), false },
	{ "takes_request__that_ignores_rtr_bits_without_a", ask_once,
	  ASK_TAKEN(MPA_S, 2, 4, 1, ENHANCED, .word0 = MPA_B | 1, .word1 = MPA_D | 1), false },
	{ "takes_request__with_no_rtr_offered", ask_once,
	  ASK_TAKEN(MPA_S, 2, MPA_A | 4, MPA_C | 1, ENHANCED, .word0 = MPA_A | 1, .word1 = 1),
	  false },
	{ "takes_request__with_a_write_after_a_read_rtr", ask_once,
	  ASK_TAKEN(MPA_S, 2, MPA_A | 4, MPA_D | 1, ENHANCED, .word0 = MPA_A | 1,
		    .word1 = MPA_D | 1),
	  false },
	{ "takes_request__of_every_length", ask_every_length, NULL, false },

	{ "forgets_request__closed_at_every_byte", close_at_every_byte, NULL, false },
	{ "forgets_request__reset_at_every_byte", reset_at_every_byte, NULL, false },
	{ "forgets_request__half_closed_at_every_byte", shut_at_every_byte, NULL, false },
	{ "limits_time__of_silence", say_nothing, NULL, false },
	{ "limits_time__of_half_a_request", say_half, NULL, false },
	{ "limits_time__of_a_request_in_drops", say_it_slowly, NULL, false },
	{ "limits_time__of_an_rtr_that_does_not_come", forget_rtr, NULL, false },
	{ "drops_request__at_its_first_wrong_byte", say_one_wrong_byte, NULL, false },
	{ "fails_accept__of_a_peer_that_talks_early", say_more, NULL, false },
	{ "fails_accept__of_a_peer_that_closed", leave_by_fin, NULL, false },
	{ "fails_accept__of_a_peer_that_reset", leave_by_reset, NULL, false },
	{ "rejects_request__with_private_data", be_rejected, NULL, false },
	{ "rejects_request__whose_id_is_destroyed", be_destroyed, NULL, false },
};

const struct theme theme_request = {
	.name = "request",
	.cases = cases,
	.n = sizeof(cases) / sizeof(*cases),
};
