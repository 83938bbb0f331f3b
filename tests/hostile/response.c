// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Answers to the victim's RDMA Reads: wrong ones, and ones that nobody asked for. */
#include <sys/socket.h>

#include "tests/hostile/shot.h"

#define READ_LEN 64
#define SILENT_MS 200
#define SINK (REGION_SIZE / 2)
#define B_RESPONSE .ddp = TAGGED_LAST, .rdmap = OP_READ_RESPONSE

/* ---- unasked */

static const struct shot shots[] = {
	{ .name = "refuses_response__unasked",
	  .b = { { B_RESPONSE, .len = 8 } },
	  .due = DUE(1, 1, 0, FATAL) },
	{ .name = "refuses_response__unasked_to_a_local_region",
	  .b = { { B_RESPONSE, .where = AT_LOCAL, .off = SINK, .len = 8 } },
	  .due = DUE(1, 1, 0, FATAL) },
	{ .name = "refuses_response__unasked_of_nothing",
	  .b = { { B_RESPONSE } },
	  .due = DUE(1, 1, 0, FATAL) },
	{ .name = "refuses_response__unasked_of_64_kilobytes",
	  .b = { { B_RESPONSE, .len = 65521 } },
	  .due = DUE(1, 1, 0, FATAL) },
};

/* ---- wrong */

/* A segment of an answer, in terms of the right one. */
struct piece {
	bool more;     /* L is not set */
	int64_t at;    /* TO, from the sink's start */
	uint32_t stag; /* what to change in the STag */
	bool region;   /* names AT_ALL instead */
	uint32_t len;
	bool is_write, none;
};
struct reply {
	struct piece piece[3]; /* up to the first with no length */
	uint16_t terminate;
	enum ibv_wc_status status; /* of the read */
};

static void receive_request(struct test *t, struct stream *s, struct wire_read *read, uint32_t msn)
{
	struct wire_segment segment;

	require(t, peer_read_segment(t, s, &segment), "no Read Request");
	require(t,
		segment.ddp == UNTAGGED_LAST && segment.rdmap == OP_READ_REQUEST &&
			segment.qn == 1 && segment.msn == msn && !segment.mo && segment.len == 28,
		"opcode 0x%02x, MSN %u", segment.rdmap, segment.msn);
	wire_read_parse(read, segment.payload);
	require(t, read->size == READ_LEN && read->source_stag == 0x5eed00, "a wrong request");
}

static void open_and_ask(struct test *t, struct stream *s, unsigned int how, struct wire_read *read)
{
	stream_open(t, s, how);
	victim_post_read(t, s->end, READ_LEN);
	receive_request(t, s, read, 1);
}

static void send_piece(struct test *t, struct stream *s, const struct wire_read *read,
		       const struct piece *piece)
{
	struct wire_segment segment = {
		.ddp = piece->more ? TAGGED : TAGGED_LAST,
		.rdmap = piece->is_write ? OP_WRITE : OP_READ_RESPONSE,
		.stag = read->sink_stag ^ piece->stag,
		.to = read->sink_to + (uint64_t)piece->at,
		.len = piece->len,
	};

	if (piece->region) {
		segment.stag = victim_stag(t, AT_ALL);
		segment.to = victim_to(t, AT_ALL);
	}
	peer_send_segment(t, s, &segment);
}

static void answer(struct test *t, unsigned int how)
{
	const struct reply *reply = t->arg;
	struct outcome due = { .terminate = reply->terminate,
			       .quotes = true,
			       .event = IBV_EVENT_QP_FATAL,
			       .read = reply->status };
	struct wire_read read;
	struct stream s;

	open_and_ask(t, &s, how, &read);
	s.slowly = how & S_INITIATOR;
	for (int i = 0; i < 3 && !reply->piece[i].none && (!i || reply->piece[i].len); i++)
		send_piece(t, &s, &read, &reply->piece[i]);
	stream_expect_over(t, &s, &due);
	arena_allow(t, AT_LOCAL, SINK, READ_LEN);
	arena_check(t);
}

static void answer_wrongly(struct test *t)
{
	answer(t, S_OURS);
	answer(t, S_INITIATOR | S_CRC);
}

static void answer_nothing_first(struct test *t)
{
	static const struct piece nothing = { .more = true, .at = 99, .stag = 7 };
	static const struct piece all = { .len = READ_LEN };
	struct wire_read read;
	struct stream s;

	open_and_ask(t, &s, S_INITIATOR, &read);
	send_piece(t, &s, &read, &nothing);
	peer_expect_silence(t, s.fd, 50);
	peer_close(t, s.fd);
	victim_wait_disconnected(t, s.end);
	open_and_ask(t, &s, S_INITIATOR, &read);
	send_piece(t, &s, &read, &all);
	require(t, victim_wait_wc(t, s.end, 0)->status == IBV_WC_SUCCESS, "no success");
	arena_expect(t, AT_LOCAL, SINK, NULL, READ_LEN);
}

/* Two reads, answered in the wrong order; each has an STag of its own. */
static void answer_the_second_first(struct test *t)
{
	static const struct outcome due = { .terminate = TERM(1, 1, 0),
					    .quotes = true,
					    .event = IBV_EVENT_QP_FATAL,
					    .read = IBV_WC_GENERAL_ERR,
					    .reads = 2 };
	static const struct piece all = { .len = READ_LEN / 2, .at = 16 };
	struct wire_read read;
	struct stream s;

	open_and_ask(t, &s, S_INITIATOR, &read);
	victim_post_read(t, s.end, READ_LEN);
	receive_request(t, &s, &read, 2);
	send_piece(t, &s, &read, &all);
	stream_expect_over(t, &s, &due);
}

/* The answer after a Send, a Write and other things that may come between its parts. */
static void answer_in_parts(struct test *t)
{
	static const struct piece first = { .more = true, .len = 16 };
	static const struct piece last = { .at = 16, .len = READ_LEN - 16 };
	struct wire_read read;
	struct stream s;

	open_and_ask(t, &s, S_INITIATOR | S_CRC, &read);
	stream_good_send(t, &s, 0);
	send_piece(t, &s, &read, &first);
	stream_good_send(t, &s, 1);
	send_piece(t, &s, &read, &last);
	require(t, victim_wait_wc(t, s.end, 2)->wr_id == READ_ID, "no read");
	require(t, s.end->wc[2].status == IBV_WC_SUCCESS, "no success");
	arena_allow(t, AT_LOCAL, SINK, READ_LEN);
}

/* A Terminate, or an end, in place of the answer: the read is flushed. */
static void die_instead(struct test *t)
{
	static const struct outcome due = { .terminate = NO_TERMINATE,
					    .event = IBV_EVENT_QP_FATAL,
					    .read = IBV_WC_WR_FLUSH_ERR };
	static const uint8_t bounds[] = { 0x01, 0x01, 0, 0 };
	const struct wire_segment term = { .ddp = UNTAGGED_LAST,
					   .rdmap = OP_TERMINATE,
					   .qn = 2,
					   .msn = 1,
					   .payload = bounds,
					   .len = 4 };
	struct wire_read read;
	struct stream s;

	open_and_ask(t, &s, S_OURS, &read);
	peer_send_segment(t, &s, &term);
	stream_expect_over(t, &s, &due);
}

/*
 * A responder is silent until the first FPDU, and for a while even if none comes
 * (driver/soft/soft_cm.h says why not for ever).
 */
static void be_silent_first(struct test *t)
{
	uint64_t start = now_ms();
	struct wire_read read;
	struct stream s;
	uint8_t byte;

	stream_open(t, &s, 0);
	victim_post_read(t, s.end, READ_LEN);
	nap_ms(SILENT_MS / 2);
	require(t,
		recv(s.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 || now_ms() - start >= SILENT_MS,
		"it talks after %u ms", (unsigned int)(now_ms() - start));
	stream_good_send(t, &s, 0);
	receive_request(t, &s, &read, 1);
}

#define REPLY(code, ...)                                                                  \
	&(const struct reply)                                                             \
	{                                                                                 \
		.piece = { __VA_ARGS__ }, .terminate = code, .status = IBV_WC_GENERAL_ERR \
	}
#define STAG TERM(1, 1, 0)
#define BOUNDS TERM(1, 1, 1)

static const struct hostile_case cases[] = {
	{ "refuses_response__with_another_key", answer_wrongly,
	  REPLY(STAG, { .stag = 1, .len = READ_LEN }), false },
	{ "refuses_response__with_another_index", answer_wrongly,
	  REPLY(STAG, { .stag = 0x100, .len = READ_LEN }), false },
	{ "refuses_response__to_another_region", answer_wrongly,
	  REPLY(STAG, { .region = true, .len = READ_LEN }), false },
	{ "refuses_response__before_the_sink", answer_wrongly,
	  REPLY(BOUNDS, { .at = -4, .len = READ_LEN }), false },
	{ "refuses_response__behind_the_sinks_start", answer_wrongly,
	  REPLY(BOUNDS, { .at = 4, .len = READ_LEN - 4 }), false },
	{ "refuses_response__too_short", answer_wrongly, REPLY(BOUNDS, { .len = READ_LEN - 1 }),
	  false },
	{ "refuses_response__of_nothing", answer_wrongly, REPLY(BOUNDS, { .len = 0 }), false },
	{ "refuses_response__too_long", answer_wrongly, REPLY(BOUNDS, { .len = READ_LEN + 1 }),
	  false },
	{ "refuses_response__far_too_long", answer_wrongly, REPLY(BOUNDS, { .len = 65521 }),
	  false },
	{ "refuses_response__whose_parts_are_too_long", answer_wrongly,
	  REPLY(BOUNDS, { .more = true, .len = READ_LEN }, { .at = READ_LEN, .len = 4 }), false },
	{ "refuses_response__whose_parts_overlap", answer_wrongly,
	  REPLY(BOUNDS, { .more = true, .len = 32 }, { .at = 28, .len = 36 }), false },
	{ "refuses_response__whose_parts_leave_a_gap", answer_wrongly,
	  REPLY(BOUNDS, { .more = true, .len = 32 }, { .at = 40, .len = 24 }), false },
	{ "refuses_response__that_ends_early", answer_wrongly,
	  REPLY(BOUNDS, { .more = true, .len = 32 }, { .at = 32, .len = 24 }), false },
	{ "refuses_response__whose_parts_change_the_stag", answer_wrongly,
	  REPLY(STAG, { .more = true, .len = 32 }, { .at = 32, .stag = 1, .len = 32 }), false },
	{ "refuses_response__without_an_end", answer_wrongly,
	  REPLY(BOUNDS, { .more = true, .len = READ_LEN }, { .at = 0, .len = READ_LEN }), false },
	{ "refuses_response__that_a_write_interrupts", answer_wrongly,
	  REPLY(TERM(0, 2, 6), { .more = true, .len = 32 },
		{ .at = 32, .is_write = true, .len = 32 }),
	  false },
	{ "takes_response__of_an_empty_part", answer_nothing_first, NULL, false },
	{ "refuses_response__for_the_second_read_first", answer_the_second_first, NULL, false },
	{ "takes_response__in_parts", answer_in_parts, NULL, false },
	{ "flushes_read__that_a_terminate_answers", die_instead, NULL, false },
	{ "holds_read__until_the_first_fpdu", be_silent_first, NULL, false },
};

const struct theme theme_response = {
	.name = "response",
	.cases = cases,
	.n = sizeof(cases) / sizeof(*cases),
	.shots = shots,
	.nshots = sizeof(shots) / sizeof(*shots),
};
