// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* DDP headers against the bytes of captures and of RFC 5041. */
#include <criterion/criterion.h>
#include <string.h>

#include "driver/soft/ddp.h"
#include "driver/soft/mpa.h"
#include "driver/soft/rdmap.h"

Test(ddp, build__a_send)
{
	const struct ddp_header h = {
		.ulpdu = 23,
		.last = true,
		.version = DDP_VERSION,
		.rdmap = rdmap_control(RDMAP_SEND),
		.msn = 1,
	};
	uint8_t out[DDP_UNTAGGED_HDR];

	cr_assert_eq(ddp_build(&h, out), DDP_UNTAGGED_HDR);
	cr_assert_arr_eq(out, "\0\x17\x41\x43\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\0", sizeof(out));
	cr_assert_eq(ddp_payload(&h), 5);
	cr_assert_eq(mpa_fpdu_size(h.ulpdu), 32);
}

Test(ddp, build__an_empty_write)
{
	const struct ddp_header h = {
		.ulpdu = 14,
		.tagged = true,
		.last = true,
		.version = DDP_VERSION,
		.rdmap = rdmap_control(RDMAP_WRITE),
		.stag = 1,
	};
	uint8_t out[DDP_TAGGED_HDR];

	cr_assert_eq(ddp_build(&h, out), DDP_TAGGED_HDR);
	cr_assert_arr_eq(out, "\0\x0e\xc1\x40\0\0\0\1\0\0\0\0\0\0\0\0", sizeof(out));
	cr_assert_eq(ddp_payload(&h), 0);
	cr_assert_eq(mpa_fpdu_size(h.ulpdu), 20);
}

Test(ddp, parse__an_empty_read_response_of_siw)
{
	struct ddp_header h;

	ddp_parse(&h, (const uint8_t *)"\0\x0e\xc1\x42\0\0\0\x09\0\0\0\0\0\0\0\0");
	cr_assert(h.tagged && h.last);
	cr_assert_eq(h.version, DDP_VERSION);
	cr_assert_eq(rdmap_op(h.rdmap), RDMAP_READ_RESPONSE);
	cr_assert_eq(rdmap_version(h.rdmap), RDMAP_VERSION);
	cr_assert_eq(h.stag, 9);
	cr_assert_eq(h.to, 0);
}

Test(ddp, parse__all_fields_of_an_untagged_segment)
{
	static const uint8_t in[DDP_UNTAGGED_HDR] =
		"\x12\x34\x03\xbf\x11\x22\x33\x44\x55\x66\x77\x88"
		"\x99\xaa\xbb\xcc\xdd\xee\xff\x01";
	struct ddp_header h;

	cr_assert_eq(ddp_header_size(in[2]), DDP_UNTAGGED_HDR);
	ddp_parse(&h, in);
	cr_assert(!h.tagged && !h.last);
	cr_assert_eq(h.ulpdu, 0x1234);
	cr_assert_eq(h.version, 3);
	cr_assert_eq(h.rdmap, 0xbf);
	cr_assert_eq(rdmap_version(h.rdmap), 2);
	cr_assert_eq(h.stag, 0x11223344);
	cr_assert_eq(h.qn, 0x55667788);
	cr_assert_eq(h.msn, 0x99aabbcc);
	cr_assert_eq(h.mo, 0xddeeff01);
	cr_assert_eq(h.to, 0);
}

Test(ddp, parse__all_fields_of_a_tagged_segment)
{
	static const uint8_t in[DDP_TAGGED_HDR] =
		"\xff\xff\x81\x40\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc";
	struct ddp_header h;

	cr_assert_eq(ddp_header_size(in[2]), DDP_TAGGED_HDR);
	ddp_parse(&h, in);
	cr_assert(h.tagged && !h.last);
	cr_assert_eq(h.stag, 0x11223344);
	cr_assert_eq(h.to, 0x5566778899aabbcc);
	cr_assert_eq(h.qn, 0);
	cr_assert_eq(h.msn, 0);
	cr_assert_eq(h.mo, 0);
	cr_assert_eq(ddp_payload(&h), 65535 + 2 - DDP_TAGGED_HDR);
}

Test(ddp, parse__ignores_reserved_bits_and_build_clears_them)
{
	uint8_t in[DDP_UNTAGGED_HDR] = "\0\x12\x7d\x43";
	uint8_t out[DDP_UNTAGGED_HDR];
	struct ddp_header h;

	ddp_parse(&h, in);
	cr_assert_eq(h.version, DDP_VERSION);
	ddp_build(&h, out);
	in[2] = 0x41;
	cr_assert_arr_eq(out, in, sizeof(out));
}

Test(ddp, payload__is_negative_if_the_length_is_too_short)
{
	cr_assert_lt(ddp_payload(&(struct ddp_header){ .ulpdu = 17 }), 0);
	cr_assert_eq(ddp_payload(&(struct ddp_header){ .ulpdu = 18 }), 0);
	cr_assert_lt(ddp_payload(&(struct ddp_header){ .ulpdu = 13, .tagged = true }), 0);
	cr_assert_eq(ddp_payload(&(struct ddp_header){ .ulpdu = 14, .tagged = true }), 0);
	cr_assert_lt(ddp_payload(&(struct ddp_header){ .ulpdu = 0 }), 0);
}
