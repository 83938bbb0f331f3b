// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* MPA Replies, good and bad, and their absence: the victim connects. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "tests/hostile/hostile.h"

#define REPLY_MS 10000 /* as long as a peer may take */
#define LORIS_MS 300

struct answer {
	struct wire_frame frame;
	size_t cut; /* only so many, then it closes */
	enum rdma_cm_event_type event;
	int status;
	uint16_t terminate; /* 0: none */
	bool no_rtr;	    /* the victim does not send one */
};

/* Takes the victim's connection and its Request, of @revision. */
static int take(struct test *t, int listener, uint8_t revision)
{
	struct wire_frame request;
	int fd = peer_accept(t, listener);

	peer_read_frame(t, fd, &request);
	require(t, !strcmp(request.key, WIRE_REQUEST) && request.revision == revision,
		"Request of revision %u", request.revision);
	require(t, !(request.flags & (MPA_MARKERS | MPA_REJECTED)), "flags 0x%02x", request.flags);
	require(t, !(request.flags & MPA_S) == (revision < 2), "flags 0x%02x", request.flags);
	require(t, request.len == 6 && !memcmp(request.data, "victim", 6), "private data");
	return fd;
}

static void send_answer(struct test *t, int fd, const struct answer *answer, bool slowly)
{
	size_t len = wire_frame(&answer->frame, t->frame);

	if (answer->cut)
		len = answer->cut;
	if (slowly)
		peer_send_slowly(fd, t->frame, len, 1);
	else
		peer_send(fd, t->frame, len);
	if (answer->cut)
		shutdown(fd, SHUT_WR);
}

static void check_established(struct test *t, struct stream *s, const struct answer *answer)
{
	struct wire_segment rtr;

	victim_wait_established(t, s->end);
	if (!answer->no_rtr)
		require(t, peer_read_rtr(t, s, &rtr), "no RTR");
	else
		peer_expect_silence(t, s->fd, 50);
	stream_good_send(t, s, 0);
}

static void answer_with(struct test *t, const struct answer *answer, bool slowly)
{
	struct stream s = { .msn = { 1, 1, 1, 1 } };
	int port, listener = peer_listen(t, &port);

	s.crc = answer->frame.flags & MPA_CRC_WANTED;
	s.end = victim_connect(t, port, NRECV, 4);
	s.fd = take(t, listener, 2);
	send_answer(t, s.fd, answer, slowly);
	if (answer->event == RDMA_CM_EVENT_ESTABLISHED) {
		check_established(t, &s, answer);
		return;
	}
	victim_wait_outcome(t, s.end, answer->event, answer->status);
	if (answer->terminate)
		stream_expect_terminate(t, &s, answer->terminate, false);
	else
		peer_expect_end(t, s.fd);
	/* A Reply that rejects brings the peer's private data. */
	if (answer->frame.flags & MPA_REJECTED)
		require(t, s.end->private_data_len == answer->frame.len, "%u bytes",
			s.end->private_data_len);
}

static void answer_once(struct test *t)
{
	answer_with(t, t->arg, false);
}

static void answer_slowly(struct test *t)
{
	answer_with(t, t->arg, true);
}

/* As kernel siw lets its programs: the first Send in the flight of the Reply. */
static void answer_and_speak(struct test *t)
{
	const struct wire_frame reply = {
		.key = WIRE_REPLY, .flags = MPA_S, .revision = 2, .word0 = 4, .word1 = 4
	};
	const struct wire_segment send = { .ddp = UNTAGGED_LAST,
					   .rdmap = OP_SEND,
					   .msn = 1,
					   .payload = "good morning",
					   .len = 12 };
	struct stream s = { .msn = { 2, 1, 1, 1 } };
	int port, listener = peer_listen(t, &port);
	const struct ibv_wc *wc;

	s.end = victim_connect(t, port, NRECV, 4);
	s.fd = take(t, listener, 2);
	setsockopt(s.fd, IPPROTO_TCP, TCP_CORK, &(int){ 1 }, sizeof(int));
	peer_send_frame(t, s.fd, &reply);
	peer_send_segment(t, &s, &send);
	setsockopt(s.fd, IPPROTO_TCP, TCP_CORK, &(int){ 0 }, sizeof(int));
	victim_wait_established(t, s.end);
	wc = victim_wait_wc(t, s.end, 0);
	require(t, wc->status == IBV_WC_SUCCESS && wc->byte_len == 12, "it completes as %d",
		wc->status);
	stream_good_send(t, &s, 1);
}

/* ---- no answer */

static void expect_timeout(struct test *t, struct end *end, int fd, uint64_t start)
{
	uint64_t took;

	victim_wait_outcome(t, end, RDMA_CM_EVENT_UNREACHABLE, -ETIMEDOUT);
	took = now_ms() - start;
	require(t, took > REPLY_MS * 3 / 4 && took < REPLY_MS * 2, "after %u ms",
		(unsigned int)took);
	peer_expect_end(t, fd);
}

static void say_nothing(struct test *t)
{
	int port, listener = peer_listen(t, &port);
	struct end *end = victim_connect(t, port, NRECV, 4);
	uint64_t start = now_ms();

	expect_timeout(t, end, take(t, listener, 2), start);
}

static void say_it_slowly(struct test *t)
{
	const struct wire_frame reply = {
		.key = WIRE_REPLY, .flags = MPA_S, .revision = 2, .len = 100
	};
	int port, listener = peer_listen(t, &port);
	struct end *end = victim_connect(t, port, NRECV, 4);
	int fd = take(t, listener, 2);
	uint64_t start = now_ms();

	wire_frame(&reply, t->frame);
	for (size_t i = 0; i < 100 && !end->outcome; i++) {
		peer_send(fd, t->frame + i, 1);
		victim_step(t, LORIS_MS);
	}
	expect_timeout(t, end, fd, start);
}

/* ---- once more, with revision 1 */

static const struct wire_frame old_reply = { .key = WIRE_REPLY, .revision = 1, .len = 9 };

static void ask_again(struct test *t, void (*stop)(struct test *t, int fd))
{
	struct stream s = { .msn = { 1, 1, 1, 1 } };
	int port, listener = peer_listen(t, &port);

	s.end = victim_connect(t, port, NRECV, 4);
	stop(t, take(t, listener, 2));
	s.fd = take(t, listener, 1);
	peer_send_frame(t, s.fd, &old_reply);
	victim_wait_established(t, s.end);
	require(t, s.end->private_data_len == 9, "%u bytes", s.end->private_data_len);
	stream_good_send(t, &s, 0);
}

static void ask_again_after_fin(struct test *t)
{
	ask_again(t, peer_close);
}

static void ask_again_after_reset(struct test *t)
{
	ask_again(t, peer_reset);
}

static void ask_but_twice(struct test *t)
{
	int port, listener = peer_listen(t, &port);
	struct end *end = victim_connect(t, port, NRECV, 4);

	peer_close(t, take(t, listener, 2));
	peer_close(t, take(t, listener, 1));
	victim_wait_outcome(t, end, RDMA_CM_EVENT_REJECTED, -ECONNRESET);
	peer_expect_silence(t, listener, 200);
}

static void get_s_for_revision_1(struct test *t)
{
	const struct wire_frame reply = { .key = WIRE_REPLY, .flags = MPA_S, .revision = 2 };
	int port, listener = peer_listen(t, &port);
	struct end *end = victim_connect(t, port, NRECV, 4);

	peer_close(t, take(t, listener, 2));
	peer_send_frame(t, take(t, listener, 1), &reply);
	victim_wait_outcome(t, end, RDMA_CM_EVENT_REJECTED, -ECONNRESET);
}

/* ---- the table */

#define S2 .flags = MPA_S, .revision = 2
#define ANSWER(ev, st, term, ...)                                                         \
	&(const struct answer)                                                            \
	{                                                                                 \
		.frame = { .key = WIRE_REPLY, __VA_ARGS__ }, .event = RDMA_CM_EVENT_##ev, \
		.status = st, .terminate = term                                           \
	}
#define WRONG_KEY(text)                                                             \
	&(const struct answer)                                                      \
	{                                                                           \
		.frame = { .key = text, S2 }, .event = RDMA_CM_EVENT_CONNECT_ERROR, \
		.status = -EINVAL, .terminate = TERM(2, 0, 4)                       \
	}
#define CUT(bytes)                                                                        \
	&(const struct answer)                                                            \
	{                                                                                 \
		.frame = { .key = WIRE_REPLY, S2, .word0 = 4, .word1 = 4 }, .cut = bytes, \
		.event = RDMA_CM_EVENT_REJECTED, .status = -ECONNRESET                    \
	}
#define TAKEN(silent, ...)                                                                       \
	&(const struct answer)                                                                   \
	{                                                                                        \
		.frame = { .key = WIRE_REPLY, __VA_ARGS__ }, .event = RDMA_CM_EVENT_ESTABLISHED, \
		.no_rtr = silent                                                                 \
	}

static const struct hostile_case cases[] = {
	{ "refuses_reply__with_a_wrong_key", answer_once, WRONG_KEY("MPA ID Rep Flame"), false },
	{ "refuses_reply__with_the_key_of_a_request", answer_once, WRONG_KEY(WIRE_REQUEST), false },
	{ "refuses_reply__in_http", answer_slowly, WRONG_KEY("HTTP/1.1 400 Bad"), false },
	{ "refuses_reply__of_revision_3", answer_once,
	  ANSWER(CONNECT_ERROR, -EINVAL, 0, .flags = MPA_S, .revision = 3), false },
	{ "refuses_reply__with_s_in_revision_1", answer_once,
	  ANSWER(CONNECT_ERROR, -EINVAL, 0, .flags = MPA_S, .revision = 1), false },
	{ "refuses_reply__with_pd_length_513", answer_once,
	  ANSWER(CONNECT_ERROR, -EINVAL, 0, S2, .lie = 513), false },
	{ "refuses_reply__with_pd_length_65535", answer_once,
	  ANSWER(CONNECT_ERROR, -EINVAL, 0, S2, .lie = 65535), false },
	{ "refuses_reply__with_s_and_pd_length_3", answer_once,
	  ANSWER(CONNECT_ERROR, -EINVAL, 0, S2, .lie = 3), false },
	{ "refuses_reply__with_markers", answer_once,
	  ANSWER(REJECTED, -ECONNREFUSED, TERM(2, 0, 5), .flags = MPA_S | MPA_MARKERS,
		 .revision = 2),
	  false },
	{ "refuses_reply__without_s", answer_once,
	  ANSWER(REJECTED, -ECONNRESET, TERM(2, 0, 5), .revision = 2), false },
	{ "refuses_reply__of_revision_1", answer_once,
	  ANSWER(REJECTED, -ECONNRESET, TERM(2, 0, 5), .revision = 1), false },
	{ "refuses_reply__that_wants_too_much_ird", answer_once,
	  ANSWER(CONNECT_ERROR, -EINVAL, TERM(2, 0, 6), S2, .word0 = 4, .word1 = 129), false },
	{ "refuses_reply__that_wants_the_most_ird", answer_once,
	  ANSWER(CONNECT_ERROR, -EINVAL, TERM(2, 0, 6), S2, .word0 = 4, .word1 = 0x3ffe), false },
	{ "refuses_reply__with_no_common_rtr", answer_once,
	  ANSWER(CONNECT_ERROR, -EINVAL, TERM(2, 0, 7), S2, .word0 = MPA_A | 4, .word1 = 4),
	  false },
	{ "refuses_reply__with_a_read_rtr_and_no_ird", answer_once,
	  ANSWER(CONNECT_ERROR, -EINVAL, TERM(2, 0, 7), S2, .word0 = MPA_A, .word1 = MPA_D | 4),
	  false },
	{ "takes_reply__with_an_fpdu_behind", answer_and_speak, NULL, false },
	{ "refuses_reply__cut_in_its_key", answer_once, CUT(7), false },
	{ "refuses_reply__cut_in_its_length", answer_once, CUT(19), false },
	{ "refuses_reply__cut_in_its_data", answer_slowly, CUT(22), false },
	{ "takes_reply__that_rejects", answer_once,
	  ANSWER(REJECTED, -ECONNREFUSED, 0, .flags = MPA_S | MPA_REJECTED, .revision = 2,
		 .len = 30),
	  false },
	{ "takes_reply__that_rejects_whatever_else_it_says", answer_once,
	  ANSWER(REJECTED, -ECONNREFUSED, 0, .flags = MPA_REJECTED | MPA_MARKERS, .revision = 1,
		 .len = 3),
	  false },

	{ "takes_reply__byte_by_byte", answer_slowly, TAKEN(true, S2, .word0 = 4, .word1 = 4),
	  false },
	{ "takes_reply__with_a_send_rtr", answer_once,
	  TAKEN(false, S2, .word0 = MPA_A | MPA_B | 4, .word1 = 4), false },
	{ "takes_reply__with_a_read_rtr", answer_once,
	  TAKEN(false, S2, .word0 = MPA_A | 4, .word1 = MPA_D | 4), false },
	{ "takes_reply__with_crc", answer_once,
	  TAKEN(false, .flags = MPA_S | MPA_CRC_WANTED, .revision = 2, .word0 = MPA_A | 4,
		.word1 = MPA_C | 4),
	  false },
	{ "takes_reply__with_the_longest_data", answer_once,
	  TAKEN(true, S2, .word0 = 4, .word1 = 4, .len = 508), false },
	{ "takes_reply__with_depths_left_to_others", answer_once,
	  TAKEN(true, S2, .word0 = 0x3fff, .word1 = 0x3fff), false },
	{ "limits_time__of_silence", say_nothing, NULL, false },
	{ "limits_time__of_a_reply_in_drops", say_it_slowly, NULL, false },
	{ "asks_again__after_a_close", ask_again_after_fin, NULL, false },
	{ "asks_again__after_a_reset", ask_again_after_reset, NULL, false },
	{ "asks_again__only_once", ask_but_twice, NULL, false },
	{ "refuses_reply__with_s_to_revision_1", get_s_for_revision_1, NULL, false },
};

const struct theme theme_reply = {
	.name = "reply",
	.cases = cases,
	.n = sizeof(cases) / sizeof(*cases),
};
