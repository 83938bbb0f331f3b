// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Terminates, ends in the middle, and what comes too late. */
#include <sys/socket.h>

#include "tests/hostile/shot.h"

#define B_TERM .ddp = UNTAGGED_LAST, .rdmap = OP_TERMINATE, .qn = 2, .msn = 1
/* Nothing is said back; all is flushed. */
#define DUE_SILENCE                                                    \
	{                                                              \
		.terminate = NO_TERMINATE, .event = IBV_EVENT_QP_FATAL \
	}
#define BODY(bytes, size) .payload = bytes, .len = size
#define TERMINATE(text, bytes, size)                                                      \
	{                                                                                 \
		.name = "takes_terminate__" text, .b = { { B_TERM, BODY(bytes, size) } }, \
		.due = DUE_SILENCE                                                        \
	}
#define HEADER_18 "\0\22\101\103\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\0"

static const struct shot shots[] = {
	TERMINATE("with_no_header", "\x12\x03\0\0", 4),
	TERMINATE("in_the_order_of_the_rfc", "\x12\x03\xc0\0" HEADER_18, 24),
	TERMINATE("in_the_order_of_siw", "\x21\x03\x03\0" HEADER_18, 24),
	TERMINATE("of_a_read_in_siws_order",
		  "\x10\0\x07\0" HEADER_18 "0123456789012345678901234567", 52),
	TERMINATE("of_garbage", "\xff\xff\xff\xff\xff\xff\xff\xff", 8),
	TERMINATE("of_zeros", "\0\0\0\0\0\0\0\0", 8),
	TERMINATE("that_announces_what_is_not_there", "\x12\x03\xe0\0", 4),
	TERMINATE("cut_in_its_header", "\x12\x03\xc0\0" HEADER_18, 15),
	TERMINATE("cut_in_its_read", "\x01\0\xe0\0" HEADER_18 "01234567", 32),
	TERMINATE("of_an_unknown_layer", "\xf7\x99\xc0\0" HEADER_18, 24),
	{ .name = "takes_terminate__twice",
	  .b = { { B_TERM, BODY("\x12\x03\0\0", 4) },
		 { .ddp = UNTAGGED_LAST,
		   .rdmap = OP_TERMINATE,
		   .qn = 2,
		   .msn = 2,
		   BODY("\x12\x03\0\0", 4) } },
	  .due = DUE_SILENCE },
	{ .name = "takes_nothing__after_a_terminate",
	  .b = { { B_TERM, BODY("\x12\x03\0\0", 4) },
		 { B_SEND, .len = 8 },
		 { B_WRITE, .len = 8 },
		 { .ddp = 0xff, .rdmap = 0xff, .len = 60000 } },
	  .how = SHOT_SILENT,
	  .due = DUE_SILENCE },
	{ .name = "takes_terminate__inside_a_send",
	  .b = { { .ddp = UNTAGGED, .rdmap = OP_SEND, .msn = 1, .len = 8 },
		 { B_TERM, BODY("\x12\x03\0\0", 4) } },
	  .due = DUE_SILENCE },
	{ .name = "refuses_terminate__of_60_kilobytes",
	  .b = { { B_TERM, .len = 60000 } },
	  .due = DUE(1, 2, 5, FATAL) },
	{ .name = "refuses_terminate__that_goes_on",
	  .b = { { .ddp = UNTAGGED, .rdmap = OP_TERMINATE, .qn = 2, .msn = 1, .len = 4 } },
	  .due = DUE(1, 2, 5, FATAL) },
	{ .name = "refuses_terminate__with_an_offset",
	  .b = { { B_TERM, .mo = 4, .len = 4 } },
	  .due = DUE(1, 2, 4, FATAL) },
};

/* ---- the end of TCP at every byte of an FPDU: header, payload, pad, CRC */

#define PAYLOAD 21

static void half_close(struct test *t, int fd)
{
	shutdown(fd, SHUT_WR);
	peer_expect_end(t, fd);
	peer_close(t, fd);
}

static void stop_at(struct test *t, const struct wire_segment *segment, size_t cut,
		    void (*stop)(struct test *t, int fd))
{
	unsigned int how = cut % 2 ? S_CRC : S_INITIATOR;
	struct stream s;

	stream_open(t, &s, how);
	wire_fpdu(segment, s.crc, t->fpdu);
	peer_send(s.fd, t->fpdu, cut);
	if (cut % 3 == 0)
		nap_ms(2);
	stop(t, s.fd);
	victim_wait_disconnected(t, s.end);
	victim_poll(t);
	require(t, s.end->wcs == NRECV, "%u completions", s.end->wcs);
	for (unsigned int i = 0; i < NRECV; i++)
		require(t, s.end->wc[i].status == IBV_WC_WR_FLUSH_ERR, "completion %u: status %d",
			i, s.end->wc[i].status);
	require(t, async_count(s.end->qp) == 0, "an asynchronous event");
	victim_drop(t, s.end);
	arena_allow(t, AT_LOCAL, 0, PAYLOAD);
	arena_allow(t, AT_WRITE, 0, PAYLOAD);
}

static void stop_everywhere(struct test *t, void (*stop)(struct test *t, int fd))
{
	const struct wire_segment send = {
		.ddp = UNTAGGED_LAST, .rdmap = OP_SEND, .msn = 1, .len = PAYLOAD
	};
	const struct wire_segment write = {
		.ddp = TAGGED_LAST,
		.rdmap = OP_WRITE,
		.stag = victim_stag(t, AT_WRITE),
		.to = victim_to(t, AT_WRITE),
		.len = PAYLOAD,
	};
	const struct wire_segment read = {
		.ddp = UNTAGGED_LAST, .rdmap = OP_READ_REQUEST, .qn = 1, .msn = 1, .len = 28
	};

	for (size_t cut = 0; cut < wire_fpdu(&send, false, t->fpdu); cut++)
		stop_at(t, &send, cut, stop);
	for (size_t cut = 1; cut < wire_fpdu(&write, false, t->fpdu); cut++)
		stop_at(t, &write, cut, stop);
	for (size_t cut = 1; cut < wire_fpdu(&read, false, t->fpdu); cut += 3)
		stop_at(t, &read, cut, stop);
}

static void fin_everywhere(struct test *t)
{
	stop_everywhere(t, peer_close);
}

static void reset_everywhere(struct test *t)
{
	stop_everywhere(t, peer_reset);
}

static void half_close_everywhere(struct test *t)
{
	stop_everywhere(t, half_close);
}

/* ---- words at the wrong time */

/* A Send whose end comes right behind it is delivered nevertheless. */
static void send_and_go(struct test *t)
{
	const struct wire_segment send = {
		.ddp = UNTAGGED_LAST, .rdmap = OP_SEND, .msn = 1, .len = 16
	};
	struct stream s;

	stream_open(t, &s, S_CRC);
	peer_send_segment(t, &s, &send);
	peer_close(t, s.fd);
	victim_wait_disconnected(t, s.end);
	victim_poll(t);
	require(t,
		s.end->wcs == NRECV && s.end->wc[0].status == IBV_WC_SUCCESS &&
			s.end->wc[1].status == IBV_WC_WR_FLUSH_ERR,
		"%u completions, the first with %d", s.end->wcs, s.end->wc[0].status);
	arena_expect(t, AT_LOCAL, 0, NULL, 16);
}

/* The victim has disconnected; what the peer still says goes nowhere. */
static void talk_to_the_dead(struct test *t)
{
	const struct wire_segment write = {
		.ddp = TAGGED_LAST,
		.rdmap = OP_WRITE,
		.stag = victim_stag(t, AT_WRITE),
		.to = victim_to(t, AT_WRITE),
		.len = 64,
	};
	struct stream s;

	stream_open(t, &s, 0);
	stream_good_send(t, &s, 0);
	require(t, rdma_disconnect(s.end->id) == 0, "rdma_disconnect: %m");
	peer_expect_end(t, s.fd);
	for (int i = 0; i < 50; i++)
		peer_send_segment(t, &s, &write);
	peer_close(t, s.fd);
	victim_wait_disconnected(t, s.end);
	victim_drop(t, s.end);
	arena_allow(t, AT_WRITE, 0, 64);
}

/* A peer that never closes its end does not keep the victim. */
static void never_close(struct test *t)
{
	uint64_t start = now_ms();
	struct stream s;

	stream_open(t, &s, 0);
	stream_good_send(t, &s, 0);
	require(t, rdma_disconnect(s.end->id) == 0, "rdma_disconnect: %m");
	peer_expect_end(t, s.fd);
	victim_drop(t, s.end);
	require(t, now_ms() - start < WAIT_MS, "the end takes %u ms",
		(unsigned int)(now_ms() - start));
}

static const struct hostile_case cases[] = {
	{ "survives_fin__at_every_byte", fin_everywhere, NULL, false },
	{ "survives_reset__at_every_byte", reset_everywhere, NULL, false },
	{ "survives_half_close__at_every_byte", half_close_everywhere, NULL, false },
	{ "delivers_send__before_a_close", send_and_go, NULL, false },
	{ "ignores_talk__after_a_disconnect", talk_to_the_dead, NULL, false },
	{ "ends_stream__whose_peer_never_closes", never_close, NULL, false },
};

const struct theme theme_end = {
	.name = "end",
	.cases = cases,
	.n = sizeof(cases) / sizeof(*cases),
	.shots = shots,
	.nshots = sizeof(shots) / sizeof(*shots),
};
