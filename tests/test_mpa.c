// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* MPA frames: the bytes of siw, every prefix of every frame, every refusal. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "driver/soft/mpa.h"

#define REQ "MPA ID Req Frame"
#define REP "MPA ID Rep Frame"

/* A frame of siw's and what it means; private data "bb bb" where there is some. */
struct capture {
	const char *bytes;
	int len;
	struct mpa_frame frame;
};

static const uint8_t bbbb[] = { 0xbb, 0xbb };

static const struct capture captures[] = {
	{ REQ "\x10\2\0\4\0\4\0\3", 24, { .enhanced = true, .revision = 2, .ird = 4, .ord = 3 } },
	{ REP "\x10\2\0\6\0\5\0\2\xbb\xbb",
	  26,
	  { .is_reply = true,
	    .enhanced = true,
	    .revision = 2,
	    .ird = 5,
	    .ord = 2,
	    .private_data = bbbb,
	    .private_data_len = 2 } },
	{ REP "\x30\2\0\4\0\5\0\7",
	  24,
	  { .is_reply = true,
	    .reject = true,
	    .enhanced = true,
	    .revision = 2,
	    .ird = 5,
	    .ord = 7 } },
	/* Not captured: revision 1, all flags, peer to peer with all RTR kinds. */
	{ REQ "\0\1\0\0", 20, { .revision = 1 } },
	{ REQ "\0\0\0\2\xbb\xbb", 22, { .private_data = bbbb, .private_data_len = 2 } },
	{ REP "\xe0\1\0\2\xbb\xbb",
	  22,
	  { .is_reply = true,
	    .markers = true,
	    .crc = true,
	    .reject = true,
	    .revision = 1,
	    .private_data = bbbb,
	    .private_data_len = 2 } },
	{ REQ "\x50\2\0\6\xff\xff\xff\xfe\xbb\xbb",
	  26,
	  { .crc = true,
	    .enhanced = true,
	    .revision = 2,
	    .peer_to_peer = true,
	    .rtr = MPA_RTR_SEND | MPA_RTR_WRITE | MPA_RTR_READ,
	    .ird = MPA_DEPTH_ELSEWHERE,
	    .ord = MPA_DEPTH_ELSEWHERE - 1,
	    .private_data = bbbb,
	    .private_data_len = 2 } },
	{ REQ "\x10\2\0\4\x80\x10\x80\x20",
	  24,
	  { .enhanced = true,
	    .revision = 2,
	    .peer_to_peer = true,
	    .rtr = MPA_RTR_WRITE,
	    .ird = 16,
	    .ord = 32 } },
	{ REQ "\x10\2\0\4\x80\x10\x40\x20",
	  24,
	  { .enhanced = true,
	    .revision = 2,
	    .peer_to_peer = true,
	    .rtr = MPA_RTR_READ,
	    .ird = 16,
	    .ord = 32 } },
	{ REQ "\x10\2\0\4\xc0\x10\0\x20",
	  24,
	  { .enhanced = true,
	    .revision = 2,
	    .peer_to_peer = true,
	    .rtr = MPA_RTR_SEND,
	    .ird = 16,
	    .ord = 32 } },
};
#define NCAPTURES (sizeof(captures) / sizeof(captures[0]))

static int parse(struct mpa_frame *frame, const char *bytes, size_t len, bool want_reply)
{
	return mpa_frame_parse(frame, (const uint8_t *)bytes, len, want_reply);
}

static int parse_request(const char *bytes, size_t len)
{
	struct mpa_frame frame;

	return parse(&frame, bytes, len, false);
}

static void expect_frame(const struct mpa_frame *got, const struct mpa_frame *wanted)
{
	cr_assert_eq(got->is_reply, wanted->is_reply);
	cr_assert_eq(got->markers, wanted->markers);
	cr_assert_eq(got->crc, wanted->crc);
	cr_assert_eq(got->reject, wanted->reject);
	cr_assert_eq(got->enhanced, wanted->enhanced);
	cr_assert_eq(got->revision, wanted->revision);
	cr_assert_eq(got->peer_to_peer, wanted->peer_to_peer);
	cr_assert_eq(got->rtr, wanted->rtr);
	cr_assert_eq(got->ird, wanted->ird);
	cr_assert_eq(got->ord, wanted->ord);
	cr_assert_eq(got->private_data_len, wanted->private_data_len);
	if (wanted->private_data_len)
		cr_assert_arr_eq(got->private_data, wanted->private_data, wanted->private_data_len);
}

Test(mpa, parse__captured_frames)
{
	struct mpa_frame frame;
	size_t i;

	for (i = 0; i < NCAPTURES; i++) {
		const struct capture *c = &captures[i];

		cr_assert_eq(parse(&frame, c->bytes, c->len, c->frame.is_reply), c->len, "%zu", i);
		expect_frame(&frame, &c->frame);
	}
}

Test(mpa, build__captured_frames)
{
	uint8_t out[MPA_FRAME_MAX];
	size_t i;

	for (i = 0; i < NCAPTURES; i++) {
		const struct capture *c = &captures[i];

		cr_assert_eq(mpa_frame_build(&c->frame, out, sizeof(out)), c->len, "%zu", i);
		cr_assert_arr_eq(out, c->bytes, c->len, "%zu", i);
	}
}

Test(mpa, parse__wants_more_for_every_prefix)
{
	struct mpa_frame frame;
	size_t i;
	int len;

	for (i = 0; i < NCAPTURES; i++) {
		const struct capture *c = &captures[i];

		for (len = 0; len < c->len; len++) {
			/* Exactly sized: a sanitizer sees what is read too early. */
			char *prefix = malloc(len ? len : 1);

			cr_assert_not_null(prefix);
			memcpy(prefix, c->bytes, len);
			frame.revision = 77;
			cr_assert_eq(parse(&frame, prefix, len, c->frame.is_reply), 0,
				     "%d bytes of %zu", len, i);
			cr_assert_eq(frame.revision, 77, "set before the end");
			free(prefix);
		}
	}
}

Test(mpa, parse__leaves_what_follows)
{
	struct mpa_frame frame;

	cr_assert_eq(parse(&frame, REQ "\0\1\0\2\xbb\xbb\0\x12\x41", 25, false), 22);
	cr_assert_eq(frame.private_data_len, 2);
}

Test(mpa, parse__refuses_a_wrong_key_at_its_first_wrong_byte)
{
	char key[] = REQ;
	size_t i, len;

	for (i = 0; i < 16; i++) {
		key[i] ^= 0x80;
		for (len = 0; len <= 16; len++)
			cr_assert_eq(parse_request(key, len), len > i ? -EPROTO : 0,
				     "byte %zu of %zu", i, len);
		key[i] ^= 0x80;
	}
}

Test(mpa, parse__refuses_the_other_key)
{
	struct mpa_frame frame;

	cr_assert_eq(parse(&frame, REP, 15, false), 0);
	cr_assert_eq(parse(&frame, REP, 16, false), -EBADMSG);
	cr_assert_eq(parse(&frame, REQ, 16, true), -EBADMSG);
	/* Half of it is neither. */
	cr_assert_eq(parse(&frame, "MPA ID Rep frame", 16, false), -EPROTO);
}

Test(mpa, parse__refuses_an_unknown_revision)
{
	cr_assert_eq(parse_request(REQ "\0\3", 17), 0);
	cr_assert_eq(parse_request(REQ "\0\3", 18), -EPROTONOSUPPORT);
	cr_assert_eq(parse_request(REQ "\0\xff", 18), -EPROTONOSUPPORT);
	cr_assert_eq(parse_request(REQ "\x10\1", 18), -EPROTONOSUPPORT, "enhanced in revision 1");
	cr_assert_eq(parse_request(REQ "\0\2\0\0", 20), 20, "revision 2 without enhanced data");
}

Test(mpa, parse__refuses_a_length_that_cannot_be)
{
	cr_assert_eq(parse_request(REQ "\0\1\2\1", 19), 0);
	cr_assert_eq(parse_request(REQ "\0\1\2\1", 20), -EMSGSIZE);
	cr_assert_eq(parse_request(REQ "\0\1\xff\xff", 20), -EMSGSIZE);
	cr_assert_eq(parse_request(REQ "\0\1\2\0", 20), 0, "512 are allowed");
	cr_assert_eq(parse_request(REQ "\x10\2\0\3", 20), -EMSGSIZE, "no room for enhanced data");
}

Test(mpa, parse__ignores_what_it_has_to)
{
	struct mpa_frame frame;

	/* R in a Request, reserved flags. */
	cr_assert_eq(parse(&frame, REQ "\x3f\2\0\4\x40\1\xc0\2", 24, false), 24);
	cr_assert(!frame.reject && !frame.markers && !frame.crc && frame.enhanced);
	cr_assert(!frame.peer_to_peer);
	cr_assert_eq(frame.rtr, MPA_RTR_SEND | MPA_RTR_WRITE | MPA_RTR_READ);
	cr_assert_eq(frame.ird, 1);
	cr_assert_eq(frame.ord, 2);
}

Test(mpa, parse__the_longest_frame)
{
	static const uint8_t data[MPA_PRIVATE_MAX] = { 1, 2, 3 };
	struct mpa_frame frame = { .revision = 1,
				   .private_data = data,
				   .private_data_len = sizeof(data) };
	uint8_t out[MPA_FRAME_MAX];
	size_t len;

	cr_assert_eq(mpa_frame_build(&frame, out, sizeof(out)), MPA_FRAME_MAX);
	for (len = 0; len < sizeof(out); len++)
		cr_assert_eq(mpa_frame_parse(&frame, out, len, false), 0);
	cr_assert_eq(mpa_frame_parse(&frame, out, sizeof(out), false), MPA_FRAME_MAX);
	cr_assert_eq(frame.private_data_len, sizeof(data));
	cr_assert_arr_eq(frame.private_data, data, sizeof(data));
}

Test(mpa, build__refuses_what_does_not_fit)
{
	static const uint8_t data[MPA_PRIVATE_MAX + 1];
	struct mpa_frame frame = { .revision = 2, .private_data = data };
	uint8_t out[MPA_FRAME_MAX + 1];

	frame.private_data_len = MPA_PRIVATE_MAX + 1;
	cr_assert_eq(mpa_frame_build(&frame, out, sizeof(out)), -EMSGSIZE);
	frame.private_data_len = MPA_PRIVATE_MAX - MPA_ENHANCED + 1;
	cr_assert_eq(mpa_frame_build(&frame, out, sizeof(out)),
		     MPA_FRAME_HDR + MPA_PRIVATE_MAX - MPA_ENHANCED + 1);
	frame.enhanced = true;
	cr_assert_eq(mpa_frame_build(&frame, out, sizeof(out)), -EMSGSIZE);
	frame.private_data_len--;
	cr_assert_eq(mpa_frame_build(&frame, out, MPA_FRAME_MAX), MPA_FRAME_MAX);
	cr_assert_eq(mpa_frame_build(&frame, out, MPA_FRAME_MAX - 1), -ENOBUFS);
	cr_assert_eq(mpa_frame_build(&frame, out, 0), -ENOBUFS);
}

Test(mpa, build__says_nothing_that_its_sender_may_not)
{
	const struct mpa_frame frame = { .reject = true,
					 .enhanced = true,
					 .revision = 2,
					 .rtr = MPA_RTR_SEND | MPA_RTR_READ,
					 .ird = 0xffff,
					 .ord = 0x4000 };
	uint8_t out[MPA_FRAME_MAX];

	/* No R in a Request, depths cut to 14 bits; RTR bits stand without A as well. */
	cr_assert_eq(mpa_frame_build(&frame, out, sizeof(out)), 24);
	cr_assert_arr_eq(out, REQ "\x10\2\0\4\x7f\xff\x7f\xff", 24);
}

Test(mpa, pad__fills_to_four)
{
	cr_assert_eq(mpa_pad(14), 0);
	cr_assert_eq(mpa_pad(15), 3);
	cr_assert_eq(mpa_pad(16), 2);
	cr_assert_eq(mpa_pad(17), 1);
	cr_assert_eq(mpa_pad(18), 0);
	cr_assert_eq(mpa_fpdu_size(23), 32);
	cr_assert_eq(mpa_fpdu_size(MPA_ULPDU_MAX), 2 + 65535 + 3 + 4);
}

Test(mpa, mulpdu__keeps_an_fpdu_in_a_segment)
{
	unsigned int emss;

	cr_assert_eq(mpa_mulpdu(1460), 1454);
	cr_assert_eq(mpa_mulpdu(1448), 1442);
	for (emss = 0; emss < 70000; emss++) {
		unsigned int mulpdu = mpa_mulpdu(emss);

		cr_assert_geq(mulpdu, MPA_MIN_MULPDU);
		cr_assert_leq(mulpdu, MPA_ULPDU_MAX);
		if (mulpdu > MPA_MIN_MULPDU)
			cr_assert_leq(mpa_fpdu_size(mulpdu), emss);
		if (mulpdu > MPA_MIN_MULPDU && mulpdu < MPA_ULPDU_MAX)
			cr_assert_eq(mpa_pad(mulpdu), 0, "a full FPDU needs no pad");
	}
	cr_assert_eq(mpa_mulpdu(~0u), MPA_ULPDU_MAX);
}
