// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Fires the shots of the tables. */
#include "tests/hostile/shot.h"

/* Behind the DDP header: what the opcode has there, unless the shot has its own. */
static void load_body(struct test *t, const struct bullet *b, struct wire_segment *s,
		      uint8_t body[52])
{
	uint32_t stag = victim_stag(t, b->where);
	uint64_t to = b->to ? b->to : victim_to(t, b->where) + (uint64_t)b->off;
	struct wire_read read = {
		.sink_stag = 0xdead00, .size = b->len, .source_stag = stag, .source_to = to
	};
	struct wire_atomic atomic = {
		.op = b->value, .id = 9, .stag = stag, .to = to, .add_swap = 5, .compare = 5
	};

	if (s->rdmap == OP_READ_REQUEST) {
		wire_read_body(&read, body);
		s->payload = body;
		s->len = 28;
	} else if (s->rdmap == OP_ATOMIC_REQUEST) {
		wire_atomic_body(&atomic, body);
		s->payload = body;
		s->len = 52;
	}
}

static void load(struct test *t, const struct bullet *b, struct wire_segment *s, uint8_t body[52])
{
	*s = (struct wire_segment){
		.ddp = b->ddp,
		.rdmap = b->rdmap,
		.qn = b->qn,
		.msn = b->msn,
		.mo = b->mo,
		.payload = b->payload,
		.len = b->len,
		.lie = b->lie,
	};
	if (b->ddp & 0x80) {
		s->stag = victim_stag(t, b->where);
		s->to = b->to ? b->to : victim_to(t, b->where) + (uint64_t)b->off;
	} else if (b->rdmap == OP_SEND_INV || b->rdmap == OP_SEND_SE_INV) {
		s->stag = victim_stag(t, b->where);
	} else if (b->rdmap == OP_SEND) {
		s->stag = b->value;
	}
	if (!b->payload && !b->lie)
		load_body(t, b, s, body);
}

/* What a segment leaves that has done no wrong. */
static void allow(struct test *t, const struct bullet *b)
{
	unsigned int op = b->rdmap & 0x4f;

	if (op == OP_WRITE && b->where < NREGIONS)
		arena_allow(t, b->where, (size_t)b->off, b->len);
	else if (op >= OP_SEND && op <= OP_SEND_SE_INV)
		arena_allow(t, AT_LOCAL, 0, (size_t)NRECV * RECV_SIZE);
}

static void fire(struct test *t, const struct shot *shot, unsigned int how, bool slowly)
{
	unsigned int n = 0, used = shot->due.used;
	struct outcome due = shot->due;
	struct wire_segment segment;
	uint8_t body[52];
	struct stream s;

	stream_open(t, &s, how);
	s.slowly = slowly;
	while (n < SHOT_BULLETS && shot->b[n].ddp) {
		load(t, &shot->b[n++], &segment, body);
		peer_send_segment(t, &s, &segment);
	}
	if (shot->how & SHOT_SILENT)
		due.quotes = false;
	if (shot->how & SHOT_LEGAL) {
		s.msn[0] += used + due.msn;
		stream_good_send(t, &s, used);
		peer_close(t, s.fd);
		victim_wait_disconnected(t, s.end);
		victim_drop(t, s.end);
	} else {
		stream_expect_over(t, &s, &due);
	}
	for (unsigned int i = 0; i < n; i++)
		if (i + 1 < n || shot->how & (SHOT_PLACES | SHOT_LEGAL))
			allow(t, &shot->b[i]);
	arena_check(t);
}

void shot_run(struct test *t, const struct shot *shot)
{
	unsigned int how = shot->how & (S_OURS | S_NO_RECV | S_DEEP | S_CRC);

	fire(t, shot, how, false);
	if (!(shot->how & SHOT_WHOLE))
		fire(t, shot, how | S_CRC | S_INITIATOR, true);
}
