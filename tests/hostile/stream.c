// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Streams as both sides want them, and what is due at the end of one. */
#include <errno.h>

#include "tests/hostile/hostile.h"

static uint8_t depth_of(unsigned int how)
{
	return how & S_DEEP ? 128 : 4;
}

/* What a peer that is, or is not, one of us says of RTR frames. */
static struct wire_frame hello(unsigned int how, const char *key)
{
	struct wire_frame frame = {
		.key = key,
		.flags = (uint8_t)(MPA_S | (how & S_CRC ? MPA_CRC_WANTED : 0)),
		.revision = 2,
		.word0 = depth_of(how),
		.word1 = depth_of(how),
	};

	if (how & S_OURS) {
		frame.word0 |= MPA_A | MPA_B;
		frame.word1 |= MPA_C | MPA_D;
	} else if (how & S_INITIATOR) {
		frame.word0 |= MPA_A;
		frame.word1 |= MPA_C;
	}
	return frame;
}

static void open_to_responder(struct test *t, struct stream *s, unsigned int how)
{
	const struct wire_segment rtr = { .ddp = TAGGED_LAST, .rdmap = OP_WRITE, .stag = 1 };
	struct wire_frame frame = hello(how, WIRE_REQUEST);

	s->fd = peer_connect(t);
	peer_send_frame(t, s->fd, &frame);
	s->end = victim_wait_request(t);
	victim_make_qp(t, s->end, how & S_NO_RECV ? 0 : NRECV);
	require(t, victim_accept(s->end, depth_of(how), 4) == 0, "rdma_accept: %s",
		strerror(errno));
	peer_read_frame(t, s->fd, &frame);
	require(t, !strcmp(frame.key, WIRE_REPLY) && !(frame.flags & MPA_REJECTED),
		"the Reply is none, or rejects");
	require(t, !(frame.flags & MPA_CRC_WANTED) == !s->crc, "CRC: flags 0x%02x", frame.flags);
	if (how & S_OURS)
		peer_send_segment(t, s, &rtr);
	victim_wait_established(t, s->end);
}

static void open_from_initiator(struct test *t, struct stream *s, unsigned int how)
{
	struct wire_frame frame;
	struct wire_segment rtr;
	int listener, port;

	listener = peer_listen(t, &port);
	s->end = victim_connect(t, port, how & S_NO_RECV ? 0 : NRECV, 4);
	s->fd = peer_accept(t, listener);
	peer_close(t, listener);
	peer_read_frame(t, s->fd, &frame);
	require(t, !strcmp(frame.key, WIRE_REQUEST) && frame.revision == 2, "no Request");
	frame = hello(how, WIRE_REPLY);
	peer_send_frame(t, s->fd, &frame);
	victim_wait_established(t, s->end);
	require(t,
		peer_read_rtr(t, s, &rtr) && rtr.ddp == TAGGED_LAST && rtr.rdmap == OP_WRITE &&
			!rtr.len,
		"no RTR Write");
}

void stream_open(struct test *t, struct stream *s, unsigned int how)
{
	*s = (struct stream){ .fd = -1, .crc = how & S_CRC, .msn = { 1, 1, 1, 1 } };
	if (how & S_INITIATOR)
		open_from_initiator(t, s, how);
	else
		open_to_responder(t, s, how);
}

void stream_good_send(struct test *t, struct stream *s, unsigned int nth)
{
	const struct wire_segment send = {
		.ddp = UNTAGGED_LAST,
		.rdmap = OP_SEND,
		.msn = s->msn[0]++,
		.payload = "good morning",
		.len = 12,
	};
	const struct ibv_wc *wc;

	peer_send_segment(t, s, &send);
	wc = victim_wait_wc(t, s->end, nth);
	require(t, wc->status == IBV_WC_SUCCESS && wc->opcode == IBV_WC_RECV && wc->byte_len == 12,
		"a good Send completes as %d, %u bytes", wc->status, wc->byte_len);
	arena_expect(t, AT_LOCAL, wc->wr_id * RECV_SIZE, send.payload, send.len);
}

void good_peer(struct test *t)
{
	struct stream s;

	stream_open(t, &s, 0);
	stream_good_send(t, &s, 0);
	peer_close(t, s.fd);
	victim_wait_disconnected(t, s.end);
	victim_drop(t, s.end);
}

/* ---- the end */

static void check_quote(struct test *t, const struct wire_segment *term)
{
	const uint8_t *body = term->payload;
	size_t head = (t->fpdu[2] & 0x80 ? 16 : 20) - 2;
	bool is_read = !(body[0] >> 4) && t->fpdu[3] == OP_READ_REQUEST && t->fpdu[2] < 0x80 &&
		       wire_get(t->fpdu, 2) == 46;

	require(t, body[2] == (is_read ? 0xe0 : 0xc0) && body[3] == 0, "Terminate: flags 0x%02x",
		body[2]);
	require(t, term->len == 4 + 2 + head + (is_read ? 28 : 0), "Terminate of %zu bytes",
		term->len);
	require(t, memcmp(body + 4, t->fpdu, 2 + head + (is_read ? 28 : 0)) == 0,
		"the Terminate quotes another segment");
}

void stream_expect_terminate(struct test *t, const struct stream *s, uint16_t code, bool quotes)
{
	struct wire_segment term;
	uint16_t got;

	do
		require(t, peer_read_segment(t, s, &term), "no Terminate, 0x%04x is due", code);
	while (term.rdmap == OP_READ_RESPONSE || term.rdmap == OP_ATOMIC_RESPONSE);
	require(t, term.ddp == UNTAGGED_LAST && term.rdmap == OP_TERMINATE, "opcode 0x%02x",
		term.rdmap);
	require(t, !term.stag && term.qn == 2 && term.msn == 1 && !term.mo && term.len >= 4,
		"the Terminate lies on QN %u, MSN %u, MO %u", term.qn, term.msn, term.mo);
	got = (uint16_t)wire_get(term.payload, 2);
	require(t, got == code, "Terminate 0x%04x, 0x%04x is due", got, code);
	if (quotes)
		check_quote(t, &term);
	peer_expect_end(t, s->fd);
}

/* What the @nth completion of its kind has to say. */
static enum ibv_wc_status status_due(const struct outcome *due, bool is_read, unsigned int nth)
{
	if (is_read)
		return nth ? IBV_WC_WR_FLUSH_ERR : due->read;
	if (nth < due->used)
		return IBV_WC_SUCCESS;
	return nth == due->used && due->recv ? due->recv : IBV_WC_WR_FLUSH_ERR;
}

static void check_completions(struct test *t, struct end *end, const struct outcome *due)
{
	unsigned int reads = due->read && !due->reads ? 1 : due->reads, got_reads = 0, got = 0;

	/* All flushed before the program hears of the end. */
	victim_poll(t);
	require(t, end->wcs == end->receives + reads, "%u completions, %u are due", end->wcs,
		end->receives + reads);
	for (unsigned int i = 0; i < end->wcs; i++) {
		const struct ibv_wc *wc = &end->wc[i];
		bool is_read = wc->wr_id == READ_ID;
		enum ibv_wc_status status;

		status = status_due(due, is_read, is_read ? got_reads++ : got);
		require(t, wc->status == status, "completion %u: status %d, %d is due", i,
			wc->status, status);
		if (!is_read)
			require(t, wc->wr_id == got++, "completion %u is of receive %u", i,
				(unsigned int)wc->wr_id);
	}
}

static void check_qp(struct test *t, struct end *end, const struct outcome *due)
{
	struct ibv_qp_init_attr init;
	struct ibv_qp_attr attr;

	require(t, ibv_query_qp(end->qp, &attr, IBV_QP_STATE, &init) == 0, "ibv_query_qp");
	require(t, attr.qp_state == IBV_QPS_ERR, "QP in state %d", attr.qp_state);
	if (due->event)
		require(t, async_wait(end->qp, due->event), "no %s",
			ibv_event_type_str(due->event));
	require(t, async_count(end->qp) == (due->event ? 1 : 0), "%u asynchronous events",
		async_count(end->qp));
}

void stream_expect_over(struct test *t, struct stream *s, const struct outcome *due)
{
	if (due->terminate == NO_TERMINATE)
		peer_expect_end(t, s->fd);
	else
		stream_expect_terminate(t, s, due->terminate, due->quotes);
	victim_wait_disconnected(t, s->end);
	check_completions(t, s->end, due);
	check_qp(t, s->end, due);
	peer_close(t, s->fd);
	victim_drop(t, s->end);
}
