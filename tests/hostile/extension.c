// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Atomics and Immediate Data (RFC 7306) between two of ours, and Sends that
 * invalidate.
 */
#include <errno.h>

#include "tests/hostile/shot.h"

#define END REGION_SIZE
#define FETCH_ADD 0
#define CMP_SWAP 2
#define FOLLOWED .value = 1 /* an Immediate comes with this Send */
#define KIND_ALONE "imm!\0\0\0\0"
#define KIND_OF_SEND "imm!\0\0\0\1"
#define KIND_JUNK "imm!\0\0\0\2"

static const struct shot shots[] = {
	{ .name = "refuses_atomic__misaligned",
	  .how = S_OURS,
	  .b = { { B_ATOMIC, .off = 4 } },
	  .due = DUE(0, 2, 7, FATAL) },
	{ .name = "refuses_atomic__misaligned_by_one",
	  .how = S_OURS,
	  .b = { { B_ATOMIC, .off = 1, .value = CMP_SWAP } },
	  .due = DUE(0, 2, 7, FATAL) },
	{ .name = "refuses_atomic__of_another_operation",
	  .how = S_OURS,
	  .b = { { B_ATOMIC, .value = 1 } },
	  .due = DUE(0, 2, 6, FATAL) },
	{ .name = "refuses_atomic__above_bounds",
	  .how = S_OURS,
	  .b = { { B_ATOMIC, .off = END } },
	  .due = DUE(0, 1, 1, REQ_ERR) },
	{ .name = "refuses_atomic__below_bounds",
	  .how = S_OURS,
	  .b = { { B_ATOMIC, .off = -8 } },
	  .due = DUE(0, 1, 1, REQ_ERR) },
	{ .name = "refuses_atomic__at_the_last_offset_of_all",
	  .how = S_OURS,
	  .b = { { B_ATOMIC, .to = UINT64_MAX - 7 } },
	  .due = DUE(0, 1, 1, REQ_ERR) },
	{ .name = "refuses_atomic__on_unknown_stag",
	  .how = S_OURS,
	  .b = { { B_ATOMIC, .where = AT_UNKNOWN } },
	  .due = DUE(0, 1, 0, REQ_ERR) },
	{ .name = "refuses_atomic__with_a_stale_key",
	  .how = S_OURS,
	  .b = { { B_ATOMIC, .where = AT_STALE } },
	  .due = DUE(0, 1, 0, REQ_ERR) },
	{ .name = "refuses_atomic__on_another_pd",
	  .how = S_OURS,
	  .b = { { B_ATOMIC, .where = AT_OTHER_PD } },
	  .due = DUE(0, 1, 3, REQ_ERR) },
	{ .name = "refuses_atomic__on_a_region_to_read",
	  .how = S_OURS,
	  .b = { { B_ATOMIC, .where = AT_READ } },
	  .due = DUE(0, 1, 2, ACCESS_ERR) },
	{ .name = "refuses_atomic__on_a_region_to_write",
	  .how = S_OURS,
	  .b = { { B_ATOMIC, .where = AT_WRITE, .value = CMP_SWAP } },
	  .due = DUE(0, 1, 2, ACCESS_ERR) },
	{ .name = "refuses_atomic__with_a_wrong_msn",
	  .how = S_OURS,
	  .b = { { .ddp = UNTAGGED_LAST, .rdmap = OP_ATOMIC_REQUEST, .qn = 1, .msn = 2 } },
	  .due = DUE(1, 2, 3, FATAL) },
	{ .name = "refuses_atomic__that_goes_on",
	  .how = S_OURS,
	  .b = { { .ddp = UNTAGGED, .rdmap = OP_ATOMIC_REQUEST, .qn = 1, .msn = 1 } },
	  .due = DUE(1, 2, 5, FATAL) },
	{ .name = "refuses_atomic_response__unasked",
	  .how = S_OURS,
	  .b = { { .ddp = UNTAGGED_LAST,
		   .rdmap = OP_ATOMIC_RESPONSE,
		   .qn = 3,
		   .msn = 1,
		   .len = 12 } },
	  .due = DUE(1, 2, 2, FATAL) },
	{ .name = "refuses_atomic_response__with_a_wrong_msn",
	  .how = S_OURS,
	  .b = { { .ddp = UNTAGGED_LAST,
		   .rdmap = OP_ATOMIC_RESPONSE,
		   .qn = 3,
		   .msn = 7,
		   .len = 12 } },
	  .due = DUE(1, 2, 3, FATAL) },

	{ .name = "refuses_immediate__inside_a_send",
	  .how = S_OURS,
	  .b = { { .ddp = UNTAGGED, .rdmap = OP_SEND, .msn = 1, .len = 8 }, { B_IMM } },
	  .due = DUE_RECV(0, 2, 6, GENERAL_ERR) },
	{ .name = "refuses_immediate__of_no_send",
	  .how = S_OURS,
	  .b = { { B_IMM, .payload = KIND_OF_SEND } },
	  .due = DUE(0, 2, 7, FATAL) },
	{ .name = "refuses_immediate__of_an_unknown_kind",
	  .how = S_OURS,
	  .b = { { B_IMM, .payload = KIND_JUNK } },
	  .due = DUE(0, 2, 7, FATAL) },
	{ .name = "refuses_immediate__alone_after_a_marked_send",
	  .how = S_OURS | SHOT_SILENT,
	  .b = { { B_SEND, FOLLOWED, .len = 8 },
		 { .ddp = UNTAGGED_LAST,
		   .rdmap = OP_IMMEDIATE,
		   .msn = 2,
		   .len = 8,
		   .payload = KIND_ALONE } },
	  .due = DUE_RECV(0, 2, 7, GENERAL_ERR) },
	{ .name = "refuses_send__in_place_of_its_immediate",
	  .how = S_OURS,
	  .b = { { B_SEND, FOLLOWED, .len = 8 },
		 { .ddp = UNTAGGED_LAST, .rdmap = OP_SEND, .msn = 2, .len = 8 } },
	  .due = DUE_RECV(0, 2, 7, GENERAL_ERR) },
	{ .name = "refuses_immediate__without_a_receive",
	  .how = S_OURS | S_NO_RECV,
	  .b = { { B_IMM, .payload = KIND_ALONE } },
	  .due = DUE(1, 2, 2, FATAL) },
	{ .name = "refuses_immediate__of_9_bytes",
	  .how = S_OURS,
	  .b = { { .ddp = UNTAGGED_LAST, .rdmap = OP_IMMEDIATE, .msn = 1, .len = 9 } },
	  .due = DUE_RECV(1, 2, 5, GENERAL_ERR) },
	{ .name = "refuses_immediate__that_goes_on",
	  .how = S_OURS,
	  .b = { { .ddp = UNTAGGED,
		   .rdmap = OP_IMMEDIATE,
		   .msn = 1,
		   .len = 8,
		   .payload = KIND_ALONE } },
	  .due = DUE_RECV(1, 2, 5, GENERAL_ERR) },
	{ .name = "takes_immediate__alone",
	  .how = S_OURS | SHOT_LEGAL,
	  .b = { { B_IMM, .payload = KIND_ALONE } },
	  .due = { .used = 1 } },
	{ .name = "takes_send__with_its_immediate",
	  .how = S_OURS | SHOT_LEGAL,
	  .b = { { B_SEND, FOLLOWED, .len = 8 },
		 { .ddp = UNTAGGED_LAST,
		   .rdmap = OP_IMMEDIATE,
		   .msn = 2,
		   .len = 8,
		   .payload = KIND_OF_SEND } },
	  .due = { .used = 1, .msn = 1 } },

	{ .name = "refuses_invalidate__of_a_region",
	  .how = SHOT_PLACES,
	  .b = { { .ddp = UNTAGGED_LAST, .rdmap = OP_SEND_INV, .msn = 1, .len = 8 } },
	  .due = DUE_RECV(0, 1, 9, GENERAL_ERR) },
	{ .name = "refuses_invalidate__of_another_pds_region",
	  .how = SHOT_PLACES,
	  .b = { { .ddp = UNTAGGED_LAST,
		   .rdmap = OP_SEND_SE_INV,
		   .msn = 1,
		   .len = 8,
		   .where = AT_OTHER_PD } },
	  .due = DUE_RECV(0, 1, 9, GENERAL_ERR) },
	{ .name = "refuses_invalidate__of_unknown_stag",
	  .how = SHOT_PLACES,
	  .b = { { .ddp = UNTAGGED_LAST,
		   .rdmap = OP_SEND_INV,
		   .msn = 1,
		   .len = 8,
		   .where = AT_UNKNOWN } },
	  .due = DUE_RECV(0, 1, 9, GENERAL_ERR) },
	{ .name = "refuses_invalidate__of_stag_0",
	  .how = SHOT_PLACES,
	  .b = { { .ddp = UNTAGGED_LAST,
		   .rdmap = OP_SEND_INV,
		   .msn = 1,
		   .len = 8,
		   .where = AT_ZERO } },
	  .due = DUE_RECV(0, 1, 9, GENERAL_ERR) },
};

/* ---- windows, which belong to a QP */

static uint32_t bind_window(struct test *t, struct stream *s, struct ibv_mw *mw)
{
	struct ibv_send_wr wr = { .wr_id = READ_ID, .opcode = IBV_WR_BIND_MW }, *bad;
	const struct ibv_wc *wc;

	wr.bind_mw.mw = mw;
	wr.bind_mw.rkey = ibv_inc_rkey(mw->rkey);
	wr.bind_mw.bind_info = (struct ibv_mw_bind_info){
		.mr = t->v.mr[AT_ALL],
		.addr = victim_to(t, AT_ALL),
		.length = 64,
		.mw_access_flags = IBV_ACCESS_REMOTE_WRITE,
	};
	require(t, ibv_post_send(s->end->qp, &wr, &bad) == 0, "ibv_post_send: bind");
	wc = victim_wait_wc(t, s->end, 0);
	require(t, wc->status == IBV_WC_SUCCESS, "bind: status %d", wc->status);
	s->end->wcs = 0;
	return wr.bind_mw.rkey;
}

static void send_stag(struct test *t, struct stream *s, uint8_t rdmap, uint32_t stag)
{
	struct wire_segment segment = { .rdmap = rdmap, .stag = stag, .len = 8 };

	segment.ddp = rdmap == OP_WRITE ? TAGGED_LAST : UNTAGGED_LAST;
	segment.to = victim_to(t, AT_ALL);
	segment.msn = s->msn[0];
	s->msn[0] += rdmap != OP_WRITE;
	peer_send_segment(t, s, &segment);
}

/* The peer of one QP reaches for the window of another, by invalidation or by Write. */
static void reach_for_window(struct test *t, uint8_t rdmap, const struct outcome *due)
{
	struct stream owner, thief;
	struct ibv_mw *mw;
	uint32_t rkey;

	stream_open(t, &owner, S_INITIATOR);
	stream_open(t, &thief, 0);
	mw = ibv_alloc_mw(t->v.pd, IBV_MW_TYPE_2);
	require(t, mw, "ibv_alloc_mw: %s", strerror(errno));
	rkey = bind_window(t, &owner, mw);
	send_stag(t, &thief, rdmap, rkey);
	stream_expect_over(t, &thief, due);
	arena_allow(t, AT_LOCAL, 0, RECV_SIZE);

	/* It still is its owner's: to write, and to take away. */
	send_stag(t, &owner, OP_WRITE, rkey);
	send_stag(t, &owner, OP_SEND_INV, rkey);
	require(t, victim_wait_wc(t, owner.end, 0)->status == IBV_WC_SUCCESS, "no Send");
	require(t, owner.end->wc[0].wc_flags & IBV_WC_WITH_INV, "nothing is invalidated");
	arena_expect(t, AT_ALL, 0, NULL, 8);
	arena_allow(t, AT_LOCAL, 0, RECV_SIZE);
	send_stag(t, &owner, OP_WRITE, rkey);
	stream_expect_over(t, &owner,
			   &(struct outcome){ .terminate = TERM(1, 1, 0),
					      .quotes = true,
					      .event = IBV_EVENT_QP_FATAL,
					      .used = 1 });
	require(t, ibv_dealloc_mw(mw) == 0, "ibv_dealloc_mw");
}

static void invalidate_window(struct test *t)
{
	reach_for_window(t, OP_SEND_INV, &(const struct outcome)DUE_RECV(0, 1, 9, GENERAL_ERR));
}

static void write_to_window(struct test *t)
{
	reach_for_window(t, OP_WRITE, &(const struct outcome)DUE(1, 1, 2, FATAL));
}

/* ---- atomics that work */

static void swap(struct test *t)
{
	struct wire_atomic atomic = { .op = CMP_SWAP, .id = 3, .add_swap = 7 };
	struct wire_segment request = { .ddp = UNTAGGED_LAST,
					.rdmap = OP_ATOMIC_REQUEST,
					.qn = 1,
					.msn = 1,
					.len = 52 },
			    answer;
	uint64_t before, after = 7;
	uint8_t body[52];
	struct stream s;

	stream_open(t, &s, S_OURS | S_CRC);
	memcpy(&before, arena_at(t, AT_ALL, REGION_SIZE - 8), 8);
	atomic.compare = before;
	atomic.stag = victim_stag(t, AT_ALL);
	atomic.to = victim_to(t, AT_ALL) + REGION_SIZE - 8;
	wire_atomic_body(&atomic, body);
	request.payload = body;
	peer_send_segment(t, &s, &request);
	require(t,
		peer_read_segment(t, &s, &answer) && answer.rdmap == OP_ATOMIC_RESPONSE &&
			answer.qn == 3 && answer.msn == 1 && answer.len == 12,
		"no Atomic Response");
	require(t, wire_get(answer.payload, 4) == 3, "another request's id");
	require(t, wire_get((const uint8_t *)answer.payload + 4, 8) == before, "another value");
	arena_expect(t, AT_ALL, REGION_SIZE - 8, &after, 8);
	stream_good_send(t, &s, 0);
}

static const struct hostile_case cases[] = {
	{ "refuses_invalidate__of_another_qps_window", invalidate_window, NULL, false },
	{ "refuses_write__to_another_qps_window", write_to_window, NULL, false },
	{ "takes_atomic__at_the_very_end", swap, NULL, false },
};

const struct theme theme_extension = {
	.name = "extension",
	.cases = cases,
	.n = sizeof(cases) / sizeof(*cases),
	.shots = shots,
	.nshots = sizeof(shots) / sizeof(*shots),
};
