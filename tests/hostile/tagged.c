// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* RDMA Writes and Read Requests that reach for what is not theirs. */
#include "tests/hostile/shot.h"

#define END REGION_SIZE

static const struct shot writes[] = {
	{ .name = "refuses_write__to_stag_0",
	  .b = { { B_WRITE, .where = AT_ZERO, .len = 8 } },
	  .due = DUE(1, 1, 0, FATAL) },
	{ .name = "refuses_write__to_unknown_stag",
	  .b = { { B_WRITE, .where = AT_UNKNOWN, .len = 8 } },
	  .due = DUE(1, 1, 0, FATAL) },
	{ .name = "refuses_write__with_a_stale_key",
	  .b = { { B_WRITE, .where = AT_STALE, .len = 8 } },
	  .due = DUE(1, 1, 0, FATAL) },
	{ .name = "refuses_write__to_a_deregistered_region",
	  .b = { { B_WRITE, .where = AT_GONE, .len = 8 } },
	  .due = DUE(1, 1, 0, FATAL) },
	{ .name = "refuses_write__to_another_pd",
	  .b = { { B_WRITE, .where = AT_OTHER_PD, .len = 8 } },
	  .due = DUE(1, 1, 2, FATAL) },
	{ .name = "refuses_write__to_a_region_to_read",
	  .b = { { B_WRITE, .where = AT_READ, .len = 8 } },
	  .due = DUE(1, 1, 0, ACCESS_ERR) },
	{ .name = "refuses_write__to_a_local_region",
	  .b = { { B_WRITE, .where = AT_LOCAL, .len = 8 } },
	  .due = DUE(1, 1, 0, ACCESS_ERR) },
	{ .name = "refuses_write__below_bounds",
	  .b = { { B_WRITE, .off = -1, .len = 8 } },
	  .due = DUE(1, 1, 1, FATAL) },
	{ .name = "refuses_write__above_bounds",
	  .b = { { B_WRITE, .off = END, .len = 1 } },
	  .due = DUE(1, 1, 1, FATAL) },
	{ .name = "refuses_write__whose_last_byte_is_beyond",
	  .b = { { B_WRITE, .off = END - 7, .len = 8 } },
	  .due = DUE(1, 1, 1, FATAL) },
	{ .name = "refuses_write__longer_than_the_region",
	  .b = { { B_WRITE, .len = END + 1 } },
	  .due = DUE(1, 1, 1, FATAL) },
	{ .name = "refuses_write__far_longer_than_the_region",
	  .b = { { B_WRITE, .len = 65520 } },
	  .due = DUE(1, 1, 1, FATAL) },
	{ .name = "refuses_write__at_the_last_offset_of_all",
	  .b = { { B_WRITE, .to = UINT64_MAX, .len = 1 } },
	  .due = DUE(1, 1, 1, FATAL) },
	{ .name = "refuses_write__that_wraps",
	  .b = { { B_WRITE, .to = UINT64_MAX - 3, .len = 8 } },
	  .due = DUE(1, 1, 3, FATAL) },
	{ .name = "refuses_write__that_wraps_into_the_region",
	  .b = { { B_WRITE, .to = UINT64_MAX, .len = 65520 } },
	  .due = DUE(1, 1, 3, FATAL) },
	{ .name = "refuses_write__whose_segment_jumps_ahead",
	  .b = { { .ddp = TAGGED, .rdmap = OP_WRITE, .len = 16 },
		 { B_WRITE, .off = 20, .len = 8 } },
	  .due = DUE(1, 1, 1, FATAL) },
	{ .name = "refuses_write__whose_segment_goes_back",
	  .b = { { .ddp = TAGGED, .rdmap = OP_WRITE, .len = 16 }, { B_WRITE, .off = 8, .len = 8 } },
	  .due = DUE(1, 1, 1, FATAL) },
	{ .name = "refuses_write__whose_segment_names_another_stag",
	  .b = { { .ddp = TAGGED, .rdmap = OP_WRITE, .len = 16 },
		 { B_WRITE, .where = AT_WRITE, .off = 16, .len = 8 } },
	  .due = DUE(1, 1, 0, FATAL) },
	{ .name = "refuses_write__that_runs_out_of_bounds",
	  .b = { { .ddp = TAGGED, .rdmap = OP_WRITE, .off = END - 16, .len = 16 },
		 { B_WRITE, .off = END, .len = 4 } },
	  .due = DUE(1, 1, 1, FATAL) },
	{ .name = "refuses_write__that_a_response_interrupts",
	  .b = { { .ddp = TAGGED, .rdmap = OP_WRITE, .len = 16 },
		 { .ddp = TAGGED_LAST, .rdmap = OP_READ_RESPONSE, .off = 16, .len = 8 } },
	  .due = DUE(0, 2, 6, FATAL) },
	{ .name = "takes_write__of_the_whole_region",
	  .how = SHOT_LEGAL,
	  .b = { { B_WRITE, .where = AT_WRITE, .len = END } } },
	{ .name = "takes_write__of_nothing_to_stag_0",
	  .how = SHOT_LEGAL,
	  .b = { { B_WRITE, .where = AT_ZERO } } },
	{ .name = "takes_write__of_nothing_to_junk",
	  .how = SHOT_LEGAL,
	  .b = { { B_WRITE, .where = AT_UNKNOWN, .to = UINT64_MAX } } },
	{ .name = "takes_write__of_nothing_to_another_pd",
	  .how = SHOT_LEGAL,
	  .b = { { B_WRITE, .where = AT_OTHER_PD } } },
};

const struct theme theme_write = {
	.name = "write",
	.shots = writes,
	.nshots = sizeof(writes) / sizeof(*writes),
};

static const struct shot reads[] = {
	{ .name = "refuses_read__of_stag_0",
	  .b = { { B_READ, .where = AT_ZERO, .len = 8 } },
	  .due = DUE(0, 1, 0, REQ_ERR) },
	{ .name = "refuses_read__of_unknown_stag",
	  .b = { { B_READ, .where = AT_UNKNOWN, .len = 8 } },
	  .due = DUE(0, 1, 0, REQ_ERR) },
	{ .name = "refuses_read__with_a_stale_key",
	  .b = { { B_READ, .where = AT_STALE, .len = 8 } },
	  .due = DUE(0, 1, 0, REQ_ERR) },
	{ .name = "refuses_read__of_a_deregistered_region",
	  .b = { { B_READ, .where = AT_GONE, .len = 8 } },
	  .due = DUE(0, 1, 0, REQ_ERR) },
	{ .name = "refuses_read__of_another_pd",
	  .b = { { B_READ, .where = AT_OTHER_PD, .len = 8 } },
	  .due = DUE(0, 1, 3, REQ_ERR) },
	{ .name = "refuses_read__of_a_region_to_write",
	  .b = { { B_READ, .where = AT_WRITE, .len = 8 } },
	  .due = DUE(0, 1, 2, ACCESS_ERR) },
	{ .name = "refuses_read__of_a_local_region",
	  .b = { { B_READ, .where = AT_LOCAL, .len = 8 } },
	  .due = DUE(0, 1, 2, ACCESS_ERR) },
	{ .name = "refuses_read__below_bounds",
	  .b = { { B_READ, .off = -1, .len = 8 } },
	  .due = DUE(0, 1, 1, REQ_ERR) },
	{ .name = "refuses_read__above_bounds",
	  .b = { { B_READ, .off = END, .len = 1 } },
	  .due = DUE(0, 1, 1, REQ_ERR) },
	{ .name = "refuses_read__whose_last_byte_is_beyond",
	  .b = { { B_READ, .off = 1, .len = END } },
	  .due = DUE(0, 1, 1, REQ_ERR) },
	{ .name = "refuses_read__of_4_gigabytes",
	  .b = { { B_READ, .len = UINT32_MAX } },
	  .due = DUE(0, 1, 1, REQ_ERR) },
	{ .name = "refuses_read__that_wraps",
	  .b = { { B_READ, .to = UINT64_MAX - 3, .len = 8 } },
	  .due = DUE(0, 1, 4, REQ_ERR) },
	{ .name = "refuses_read__of_4_gigabytes_that_wraps",
	  .b = { { B_READ, .to = UINT64_MAX - 3, .len = UINT32_MAX } },
	  .due = DUE(0, 1, 4, REQ_ERR) },
};

/* ---- reads that are to be answered */

static void ask(struct test *t, struct stream *s, const struct wire_read *read)
{
	struct wire_segment segment = {
		.ddp = UNTAGGED_LAST, .rdmap = OP_READ_REQUEST, .qn = 1, .len = 28
	};
	uint8_t body[28];

	wire_read_body(read, body);
	segment.payload = body;
	segment.msn = s->msn[1]++;
	peer_send_segment(t, s, &segment);
}

/* An empty one validates nothing; its answer names the sink as it was given. */
static void read_nothing(struct test *t)
{
	const struct wire_read read = { .sink_stag = 9,
					.sink_to = 0x1122334455667788,
					.source_stag = 0xffffff,
					.source_to = UINT64_MAX };
	struct wire_segment answer;
	struct stream s;

	stream_open(t, &s, S_CRC);
	ask(t, &s, &read);
	require(t, peer_read_segment(t, &s, &answer), "no answer");
	require(t, answer.ddp == TAGGED_LAST && answer.rdmap == OP_READ_RESPONSE && !answer.len,
		"opcode 0x%02x, %zu bytes", answer.rdmap, answer.len);
	require(t, answer.stag == read.sink_stag && answer.to == read.sink_to, "sink 0x%x/0x%llx",
		answer.stag, (unsigned long long)answer.to);
	stream_good_send(t, &s, 0);
}

/* The sink is the asker's own concern. */
static void read_to_garbage(struct test *t)
{
	const struct wire_read read = { .sink_stag = 0,
					.sink_to = UINT64_MAX - 8,
					.size = 64,
					.source_stag = victim_stag(t, AT_READ),
					.source_to = victim_to(t, AT_READ) };
	struct wire_segment answer;
	struct stream s;

	stream_open(t, &s, S_INITIATOR);
	ask(t, &s, &read);
	require(t, peer_read_segment(t, &s, &answer), "no answer");
	require(t,
		answer.rdmap == OP_READ_RESPONSE && answer.len == 64 && answer.to == read.sink_to &&
			!memcmp(answer.payload, arena_at(t, AT_READ, 0), 64),
		"opcode 0x%02x, %zu bytes", answer.rdmap, answer.len);
	stream_good_send(t, &s, 0);
}

static const struct hostile_case read_cases[] = {
	{ "answers_read__of_nothing_from_junk", read_nothing, NULL, false },
	{ "answers_read__to_a_garbage_sink", read_to_garbage, NULL, false },
};

const struct theme theme_read = {
	.name = "read",
	.cases = read_cases,
	.n = sizeof(read_cases) / sizeof(*read_cases),
	.shots = reads,
	.nshots = sizeof(reads) / sizeof(*reads),
};
