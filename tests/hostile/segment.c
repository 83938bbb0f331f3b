// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* What is wrong with an FPDU before anybody asks what it is for; and with Sends. */
#include "tests/hostile/shot.h"

/* Every opcode with one byte less than its header needs. */
#define SHORT(text, op, control, queue, length, extra)                                          \
	{                                                                                       \
		.name = "refuses_fpdu__too_short_for_" text, .how = extra,                      \
		.b = { { .ddp = control, .rdmap = op, .qn = queue, .msn = 1, .lie = length } }, \
		.due = DUE(2, 0, 3, FATAL)                                                      \
	}
#define VERSION(text, control, op, layer, type, code)                         \
	{                                                                     \
		.name = "refuses_version__" text,                             \
		.b = { { .ddp = control, .rdmap = op, .msn = 1, .len = 8 } }, \
		.due = DUE(layer, type, code, FATAL)                          \
	}
/* The opcode does not lie on DDP like this, or is nobody's. */
#define OPCODE(text, control, op, queue, length, extra)                                         \
	{                                                                                       \
		.name = "refuses_opcode__" text, .how = extra,                                  \
		.b = { { .ddp = control, .rdmap = op, .qn = queue, .msn = 1, .len = length } }, \
		.due = DUE(0, 2, 6, FATAL)                                                      \
	}
#define BOTH_WAYS(text, op)                               \
	OPCODE(text "_tagged", TAGGED_LAST, op, 0, 8, 0), \
		OPCODE(text "_untagged", UNTAGGED_LAST, op, 0, 8, 0)
#define QUEUE(text, op, queue, length, extra)                 \
	{                                                     \
		.name = "refuses_queue__" text, .how = extra, \
		.b = { { .ddp = UNTAGGED_LAST,                \
			 .rdmap = op,                         \
			 .qn = queue,                         \
			 .msn = 1,                            \
			 .len = length } },                   \
		.due = DUE(1, 2, 1, FATAL)                    \
	}
#define SEND_QUEUE(text, op, queue)                                                              \
	{                                                                                        \
		.name = "refuses_queue__" text,                                                  \
		.b = { { .ddp = UNTAGGED_LAST, .rdmap = op, .qn = queue, .msn = 1, .len = 8 } }, \
		.due = DUE_RECV(1, 2, 1, GENERAL_ERR)                                            \
	}

static const struct shot shots[] = {
	{ .name = "refuses_fpdu__of_no_bytes",
	  .b = { { .ddp = UNTAGGED_LAST, .rdmap = OP_SEND, .msn = 1, .lie = -1 } },
	  .how = SHOT_WHOLE,
	  .due = DUE(2, 0, 3, FATAL) },
	SHORT("its_control_bytes", OP_SEND, UNTAGGED_LAST, 0, 1, SHOT_WHOLE),
	SHORT("write", OP_WRITE, TAGGED_LAST, 0, 13, 0),
	SHORT("read_request", OP_READ_REQUEST, UNTAGGED_LAST, 1, 45, 0),
	SHORT("read_response", OP_READ_RESPONSE, TAGGED_LAST, 0, 13, 0),
	SHORT("send", OP_SEND, UNTAGGED_LAST, 0, 17, 0),
	SHORT("send_inv", OP_SEND_INV, UNTAGGED_LAST, 0, 17, 0),
	SHORT("send_se", OP_SEND_SE, UNTAGGED_LAST, 0, 2, 0),
	SHORT("terminate", OP_TERMINATE, UNTAGGED_LAST, 2, 21, 0),
	SHORT("immediate", OP_IMMEDIATE, UNTAGGED_LAST, 0, 25, S_OURS),
	SHORT("atomic_request", OP_ATOMIC_REQUEST, UNTAGGED_LAST, 1, 69, S_OURS),
	SHORT("atomic_response", OP_ATOMIC_RESPONSE, UNTAGGED_LAST, 3, 29, S_OURS),

	VERSION("ddp_0_tagged", 0xc0, OP_WRITE, 1, 1, 4),
	VERSION("ddp_2_tagged", 0xc2, OP_WRITE, 1, 1, 4),
	VERSION("ddp_3_tagged", 0xc3, OP_WRITE, 1, 1, 4),
	VERSION("ddp_0_untagged", 0x40, OP_SEND, 1, 2, 6),
	VERSION("ddp_2_untagged", 0x42, OP_SEND, 1, 2, 6),
	VERSION("ddp_3_untagged", 0x43, OP_SEND, 1, 2, 6),
	VERSION("rdmap_0", UNTAGGED_LAST, 0x03, 0, 2, 5),
	VERSION("rdmap_2", UNTAGGED_LAST, 0x83, 0, 2, 5),
	VERSION("rdmap_3_tagged", TAGGED_LAST, 0xc0, 0, 2, 5),

	BOTH_WAYS("12", 0x4c),
	BOTH_WAYS("13", 0x4d),
	BOTH_WAYS("14", 0x4e),
	BOTH_WAYS("15", 0x4f),
	OPCODE("write_untagged", UNTAGGED_LAST, OP_WRITE, 0, 8, 0),
	OPCODE("read_request_tagged", TAGGED_LAST, OP_READ_REQUEST, 0, 32, SHOT_SILENT),
	OPCODE("read_response_untagged", UNTAGGED_LAST, OP_READ_RESPONSE, 0, 8, 0),
	OPCODE("send_tagged", TAGGED_LAST, OP_SEND, 0, 8, 0),
	OPCODE("send_inv_tagged", TAGGED_LAST, OP_SEND_INV, 0, 8, 0),
	OPCODE("send_se_tagged", TAGGED_LAST, OP_SEND_SE, 0, 8, 0),
	OPCODE("send_se_inv_tagged", TAGGED_LAST, OP_SEND_SE_INV, 0, 8, 0),
	OPCODE("terminate_tagged", TAGGED_LAST, OP_TERMINATE, 0, 8, 0),
	OPCODE("immediate_tagged", TAGGED_LAST, OP_IMMEDIATE, 0, 12, S_OURS),
	OPCODE("atomic_request_tagged", TAGGED_LAST, OP_ATOMIC_REQUEST, 0, 60, S_OURS),
	OPCODE("atomic_response_tagged", TAGGED_LAST, OP_ATOMIC_RESPONSE, 0, 16, S_OURS),
	OPCODE("immediate_of_a_stranger", UNTAGGED_LAST, OP_IMMEDIATE, 0, 8, 0),
	OPCODE("immediate_se_of_a_stranger", UNTAGGED_LAST, OP_IMMEDIATE_SE, 0, 8, 0),
	OPCODE("atomic_request_of_a_stranger", UNTAGGED_LAST, OP_ATOMIC_REQUEST, 1, 52, 0),
	OPCODE("atomic_response_of_a_stranger", UNTAGGED_LAST, OP_ATOMIC_RESPONSE, 3, 12, 0),

	SEND_QUEUE("1_for_send", OP_SEND, 1),
	SEND_QUEUE("2_for_send", OP_SEND, 2),
	SEND_QUEUE("3_for_send", OP_SEND, 3),
	SEND_QUEUE("4_for_send", OP_SEND, 4),
	SEND_QUEUE("ffffffff_for_send", OP_SEND, 0xffffffff),
	SEND_QUEUE("1_for_send_inv", OP_SEND_INV, 1),
	QUEUE("0_for_read_request", OP_READ_REQUEST, 0, 28, 0),
	QUEUE("2_for_read_request", OP_READ_REQUEST, 2, 28, 0),
	QUEUE("ffffffff_for_read_request", OP_READ_REQUEST, 0xffffffff, 28, 0),
	QUEUE("0_for_terminate", OP_TERMINATE, 0, 4, 0),
	QUEUE("1_for_terminate", OP_TERMINATE, 1, 4, 0),
	QUEUE("0_for_atomic_request", OP_ATOMIC_REQUEST, 0, 52, S_OURS),
	QUEUE("1_for_atomic_response", OP_ATOMIC_RESPONSE, 1, 12, S_OURS),

	{ .name = "refuses_msn__of_0",
	  .b = { { .ddp = UNTAGGED_LAST, .rdmap = OP_SEND, .len = 8 } },
	  .due = DUE_RECV(1, 2, 3, GENERAL_ERR) },
	{ .name = "refuses_msn__of_2_at_first",
	  .b = { { .ddp = UNTAGGED_LAST, .rdmap = OP_SEND, .msn = 2, .len = 8 } },
	  .due = DUE_RECV(1, 2, 3, GENERAL_ERR) },
	{ .name = "refuses_msn__of_ffffffff",
	  .b = { { .ddp = UNTAGGED_LAST, .rdmap = OP_SEND, .msn = 0xffffffff, .len = 8 } },
	  .due = DUE_RECV(1, 2, 3, GENERAL_ERR) },
	{ .name = "refuses_msn__repeated",
	  .b = { { B_SEND, .len = 8 }, { B_SEND, .len = 8 } },
	  .due = DUE_USED(1, 2, 3, GENERAL_ERR, 1) },
	{ .name = "refuses_msn__skipped",
	  .b = { { B_SEND, .len = 8 },
		 { .ddp = UNTAGGED_LAST, .rdmap = OP_SEND, .msn = 3, .len = 8 } },
	  .due = DUE_USED(1, 2, 3, GENERAL_ERR, 1) },
	{ .name = "refuses_msn__changed_in_a_message",
	  .b = { { .ddp = UNTAGGED, .rdmap = OP_SEND, .msn = 1, .len = 8 },
		 { .ddp = UNTAGGED_LAST, .rdmap = OP_SEND, .msn = 2, .mo = 8, .len = 8 } },
	  .due = DUE_RECV(1, 2, 3, GENERAL_ERR) },
	{ .name = "refuses_msn__of_2_in_read_request",
	  .b = { { .ddp = UNTAGGED_LAST, .rdmap = OP_READ_REQUEST, .qn = 1, .msn = 2 } },
	  .due = DUE(1, 2, 3, FATAL) },
	{ .name = "refuses_msn__of_2_in_terminate",
	  .b = { { .ddp = UNTAGGED_LAST, .rdmap = OP_TERMINATE, .qn = 2, .msn = 2, .len = 4 } },
	  .due = DUE(1, 2, 3, FATAL) },

	{ .name = "refuses_offset__in_a_first_segment",
	  .b = { { B_SEND, .mo = 4, .len = 8 } },
	  .due = DUE_RECV(1, 2, 4, GENERAL_ERR) },
	{ .name = "refuses_offset__of_ffffffff",
	  .b = { { B_SEND, .mo = 0xffffffff, .len = 8 } },
	  .due = DUE_RECV(1, 2, 4, GENERAL_ERR) },
	{ .name = "refuses_offset__that_overlaps",
	  .b = { { .ddp = UNTAGGED, .rdmap = OP_SEND, .msn = 1, .len = 16 },
		 { B_SEND, .mo = 12, .len = 8 } },
	  .due = DUE_RECV(1, 2, 4, GENERAL_ERR) },
	{ .name = "refuses_offset__that_leaves_a_gap",
	  .b = { { .ddp = UNTAGGED, .rdmap = OP_SEND, .msn = 1, .len = 16 },
		 { B_SEND, .mo = 20, .len = 8 } },
	  .due = DUE_RECV(1, 2, 4, GENERAL_ERR) },
	{ .name = "refuses_offset__that_wraps",
	  .b = { { .ddp = UNTAGGED, .rdmap = OP_SEND, .msn = 1, .len = 16 },
		 { B_SEND, .mo = 0xfffffff8, .len = 8 } },
	  .due = DUE_RECV(1, 2, 4, GENERAL_ERR) },
	{ .name = "refuses_offset__of_a_segment_out_of_order",
	  .b = { { B_SEND, .mo = 8, .len = 8 },
		 { .ddp = UNTAGGED, .rdmap = OP_SEND, .msn = 1, .len = 8 } },
	  .how = SHOT_SILENT,
	  .due = DUE_RECV(1, 2, 4, GENERAL_ERR) },
	{ .name = "refuses_offset__in_read_request",
	  .b = { { B_READ, .mo = 28 } },
	  .due = DUE(1, 2, 4, FATAL) },

	{ .name = "refuses_send__longer_than_the_receive",
	  .b = { { B_SEND, .len = RECV_SIZE + 1 } },
	  .due = DUE_RECV(1, 2, 5, LOC_LEN_ERR) },
	{ .name = "refuses_send__of_a_last_byte_too_many",
	  .b = { { .ddp = UNTAGGED, .rdmap = OP_SEND, .msn = 1, .len = RECV_SIZE },
		 { B_SEND, .mo = RECV_SIZE, .len = 1 } },
	  .due = DUE_RECV(1, 2, 5, LOC_LEN_ERR) },
	{ .name = "refuses_send__of_65535",
	  .b = { { B_SEND, .len = 65517 } },
	  .due = DUE_RECV(1, 2, 5, LOC_LEN_ERR) },
	{ .name = "refuses_send__without_a_receive",
	  .how = S_NO_RECV,
	  .b = { { B_SEND, .len = 8 } },
	  .due = DUE(1, 2, 2, FATAL) },
	{ .name = "refuses_send__of_nothing_without_a_receive",
	  .how = S_NO_RECV,
	  .b = { { B_SEND } },
	  .due = DUE(1, 2, 2, FATAL) },
	{ .name = "refuses_send__of_another_kind_in_a_message",
	  .b = { { .ddp = UNTAGGED, .rdmap = OP_SEND, .msn = 1, .len = 8 },
		 { .ddp = UNTAGGED_LAST, .rdmap = OP_SEND_SE, .msn = 1, .mo = 8, .len = 8 } },
	  .due = DUE_RECV(0, 2, 6, GENERAL_ERR) },
	{ .name = "refuses_read_request__that_goes_on",
	  .b = { { .ddp = UNTAGGED, .rdmap = OP_READ_REQUEST, .qn = 1, .msn = 1 } },
	  .due = DUE(1, 2, 5, FATAL) },
	{ .name = "refuses_read_request__of_29_bytes",
	  .b = { { B_READ, .payload = "0123456789012345678901234567890", .len = 29 } },
	  .due = DUE(1, 2, 5, FATAL) },

	{ .name = "takes_send__of_an_empty_segment_in_between",
	  .how = SHOT_LEGAL,
	  .b = { { .ddp = UNTAGGED, .rdmap = OP_SEND, .msn = 1, .len = 8 },
		 { .ddp = UNTAGGED, .rdmap = OP_SEND, .msn = 1, .mo = 8 },
		 { B_SEND, .mo = 8, .len = 8 } },
	  .due = { .used = 1 } },
	{ .name = "takes_segments__of_a_send_and_a_write_mixed",
	  .how = SHOT_LEGAL,
	  .b = { { .ddp = UNTAGGED, .rdmap = OP_SEND, .msn = 1, .len = 8 },
		 { .ddp = TAGGED, .rdmap = OP_WRITE, .len = 8 },
		 { B_SEND, .mo = 8, .len = 8 },
		 { B_WRITE, .off = 8, .len = 8 } },
	  .due = { .used = 1 } },
	{ .name = "takes_reserved_bits__as_they_come",
	  .how = SHOT_LEGAL,
	  .b = { { .ddp = UNTAGGED_LAST | 0x3c, .rdmap = OP_SEND | 0x30, .msn = 1, .len = 8 } },
	  .due = { .used = 1 } },
};

/* ---- CRC */

static void spoil(struct test *t, unsigned int how, size_t at)
{
	static const struct outcome due = {
		.terminate = TERM(2, 0, 2),
		.event = IBV_EVENT_QP_FATAL,
	};
	const struct wire_segment send = {
		.ddp = UNTAGGED_LAST, .rdmap = OP_SEND, .msn = 1, .len = 21
	};
	struct stream s;
	size_t size;

	stream_open(t, &s, how);
	size = wire_fpdu(&send, s.crc, t->fpdu);
	t->fpdu[at] ^= 0x10;
	peer_send(s.fd, t->fpdu, size);
	if (s.crc) {
		stream_expect_over(t, &s, &due);
	} else {
		s.msn[0]++;
		stream_good_send(t, &s, 1);
	}
	arena_allow(t, AT_LOCAL, 0, RECV_SIZE);
}

static void crc_in_payload(struct test *t)
{
	spoil(t, S_CRC, 25);
}

static void crc_in_pad(struct test *t)
{
	spoil(t, S_CRC, 41);
}

static void crc_itself(struct test *t)
{
	spoil(t, S_CRC | S_INITIATOR, 47);
}

static void crc_in_header(struct test *t)
{
	spoil(t, S_CRC | S_INITIATOR, 7);
}

static void crc_off(struct test *t)
{
	spoil(t, 0, 47);
	spoil(t, 0, 41);
}

/* The digest comes last: what was placed before is there, but is not delivered. */
static void crc_of_a_large_send(struct test *t)
{
	static const struct outcome due = {
		.terminate = TERM(2, 0, 2),
		.event = IBV_EVENT_QP_FATAL,
	};
	const struct wire_segment write = {
		.ddp = TAGGED_LAST,
		.rdmap = OP_WRITE,
		.stag = victim_stag(t, AT_WRITE),
		.to = victim_to(t, AT_WRITE),
		.len = REGION_SIZE,
	};
	struct stream s;
	size_t size;

	stream_open(t, &s, S_CRC);
	size = wire_fpdu(&write, true, t->fpdu);
	t->fpdu[size - 1] ^= 1;
	peer_send_slowly(s.fd, t->fpdu, size, 40);
	stream_expect_over(t, &s, &due);
	arena_allow(t, AT_WRITE, 0, REGION_SIZE);
}

static const struct hostile_case cases[] = {
	{ "refuses_crc__wrong_in_payload", crc_in_payload, NULL, false },
	{ "refuses_crc__wrong_in_pad", crc_in_pad, NULL, false },
	{ "refuses_crc__itself_wrong", crc_itself, NULL, false },
	{ "refuses_crc__wrong_in_header", crc_in_header, NULL, false },
	{ "refuses_crc__of_a_large_write", crc_of_a_large_send, NULL, false },
	{ "ignores_crc__if_off", crc_off, NULL, false },
};

const struct theme theme_segment = {
	.name = "segment",
	.cases = cases,
	.n = sizeof(cases) / sizeof(*cases),
	.shots = shots,
	.nshots = sizeof(shots) / sizeof(*shots),
};
