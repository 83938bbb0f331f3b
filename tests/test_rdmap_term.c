// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Terminate messages in RFC 5040's bit order and in siw's. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "driver/soft/rdmap.h"

static int parse(struct rdmap_terminate *t, const char *bytes, size_t len)
{
	return rdmap_terminate_parse(t, (const uint8_t *)bytes, len);
}

/* A Send and an RDMA Write at fault, without MPA's length, and a Read Request's body. */
#define SEND_HDR "\x41\x43\0\0\0\0\0\0\0\0\0\0\0\5\0\0\0\0"
#define WRITE_HDR "\xc1\x40\0\0\0\1\1\2\3\4\5\6\7\x08"
#define READ_HDR "\x41\x41\0\0\0\0\0\0\0\1\0\0\0\1\0\0\0\0"
#define READ_BODY "\0\0\0\7\0\0\0\0\0\0\x10\0\0\0\0\x20\0\0\0\x08\0\0\0\0\0\0\x30\0"

Test(rdmap_term, parse__control_bytes_alone)
{
	/* What siw sends for a length error: only its own order makes sense of it. */
	static const struct {
		const char *bytes;
		uint16_t code;
		bool siw;
	} cases[] = {
		{ "\x20\3\0\0", TERM_MPA_LENGTH, false },
		{ "\x02\3\0\0", TERM_MPA_LENGTH, true },
		{ "\x02\2\0\0", TERM_MPA_CRC, true },
		{ "\x20\2\0\0", TERM_MPA_CRC, false },
		{ "\x20\6\0\0", TERM_MPA_IRD, false },
		{ "\x20\7\0\0", TERM_MPA_RTR, false },
		{ "\x02\6\0\0", TERM_RDMAP_OPCODE, false },
		{ "\x12\3\0\0", TERM_DDP_MSN, false },
		{ "\x21\3\0\0", TERM_DDP_MSN, true },
		{ "\0\xff\0\0", TERM_RDMAP_LOCAL, false },
		{ "\0\1\0\0", RDMAP_TERM(0, 0, 1), false },
		{ "\x10\0\0\0", TERM_DDP_LOCAL, false },
		{ "\xff\xee\0\0", 0xffee, false },
	};
	struct rdmap_terminate t;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cr_assert_eq(parse(&t, cases[i].bytes, 4), 0, "%zu", i);
		cr_assert_eq(t.code, cases[i].code, "%zu: %x", i, t.code);
		cr_assert_eq(t.from_siw, cases[i].siw, "%zu", i);
		cr_assert_eq(t.header_len, 0);
		cr_assert(!t.has_read);
	}
}

Test(rdmap_term, parse__bad_msn_in_both_orders)
{
	static const char rfc[] = "\x12\3\xc0\0\0\x1a" SEND_HDR;
	static const char siw[] = "\x21\3\3\0\0\x08" SEND_HDR;
	struct rdmap_terminate t;

	cr_assert_eq(parse(&t, rfc, 24), 0);
	cr_assert_eq(t.code, TERM_DDP_MSN);
	cr_assert(!t.from_siw);
	cr_assert_eq(t.ddp_len, 26);
	cr_assert_eq(t.header_len, 18);
	cr_assert_arr_eq(t.header, SEND_HDR, 18);
	cr_assert(!t.has_read);

	cr_assert_eq(parse(&t, siw, 24), 0);
	cr_assert_eq(t.code, TERM_DDP_MSN);
	cr_assert(t.from_siw);
	cr_assert_eq(t.ddp_len, 8);
	cr_assert_eq(t.header_len, 18);
	cr_assert_arr_eq(t.header, SEND_HDR, 18);
}

Test(rdmap_term, parse__tagged_header_in_both_orders)
{
	static const char rfc[] = "\x11\0\xc0\0\0\x12" WRITE_HDR;
	static const char siw[] = "\x11\0\3\0\0\4" WRITE_HDR;
	struct rdmap_terminate t;

	cr_assert_eq(parse(&t, rfc, 20), 0);
	cr_assert_eq(t.code, TERM_DDP_STAG);
	cr_assert(!t.from_siw);
	cr_assert_eq(t.header_len, 14);
	cr_assert_arr_eq(t.header, WRITE_HDR, 14);
	cr_assert_eq(parse(&t, siw, 20), 0);
	cr_assert_eq(t.code, TERM_DDP_STAG);
	cr_assert(t.from_siw);
	cr_assert_eq(t.header_len, 14);
}

Test(rdmap_term, parse__read_request_in_both_orders)
{
	static const char rfc[] = "\1\0\xe0\0\0\x2e" READ_HDR READ_BODY;
	static const char siw[] = "\x10\0\7\0\0\x1c" READ_HDR READ_BODY;
	struct rdmap_terminate t;

	cr_assert_eq(parse(&t, rfc, 52), 0);
	cr_assert_eq(t.code, TERM_RDMAP_STAG);
	cr_assert(!t.from_siw && t.has_read);
	cr_assert_arr_eq(t.read, READ_BODY, RDMAP_READ_BODY);
	cr_assert_eq(parse(&t, siw, 52), 0);
	cr_assert_eq(t.code, TERM_RDMAP_STAG);
	cr_assert(t.from_siw && t.has_read);
	cr_assert_arr_eq(t.read, READ_BODY, RDMAP_READ_BODY);
}

Test(rdmap_term, parse__refuses_every_prefix)
{
	static const char whole[] = "\1\0\xe0\0\0\x2e" READ_HDR READ_BODY;
	struct rdmap_terminate t = { .code = 77 };
	size_t len;

	for (len = 0; len < 52; len++) {
		char *prefix = malloc(len ? len : 1);

		cr_assert_not_null(prefix);
		memcpy(prefix, whole, len);
		cr_assert_eq(parse(&t, prefix, len), -EBADMSG, "%zu bytes", len);
		free(prefix);
	}
	cr_assert_eq(t.code, 77, "set in spite of an error");
	cr_assert_eq(parse(&t, "\x11\0\xc0\0\0\x12" WRITE_HDR, 19), -EBADMSG);
	cr_assert_eq(parse(&t, "\x11\0\xc0\0\0\x12" WRITE_HDR, 7), -EBADMSG);
}

Test(rdmap_term, parse__takes_no_body_where_there_is_none)
{
	struct rdmap_terminate t;

	/* A tagged header has no RDMAP header behind it, whatever the flag says. */
	cr_assert_eq(parse(&t, "\x11\0\xe0\0\0\x12" WRITE_HDR, 20), 0);
	cr_assert_eq(t.header_len, 14);
	cr_assert(!t.has_read);
	/* Nor is there one without a DDP header. */
	cr_assert_eq(parse(&t, "\1\0\x20\0", 4), 0);
	cr_assert_eq(t.header_len, 0);
	cr_assert(!t.has_read);
	/* A length that is not announced as valid is none. */
	cr_assert_eq(parse(&t, "\x11\0\x40\0\0\x12" WRITE_HDR, 20), 0);
	cr_assert_eq(t.ddp_len, 0);
	cr_assert_eq(t.header_len, 14);
}

static void expect_build(const struct rdmap_terminate *t, const char *bytes, size_t len)
{
	uint8_t out[RDMAP_TERM_BODY_MAX];

	cr_assert_eq(rdmap_terminate_build(t, out), len);
	cr_assert_arr_eq(out, bytes, len);
}

Test(rdmap_term, build__is_in_rfc_order)
{
	struct rdmap_terminate t = { .code = TERM_MPA_LENGTH, .from_siw = true };

	expect_build(&t, "\x20\3\0\0", 4);

	t = (struct rdmap_terminate){ .code = TERM_DDP_MSN, .ddp_len = 26, .header_len = 18 };
	memcpy(t.header, SEND_HDR, 18);
	expect_build(&t, "\x12\3\xc0\0\0\x1a" SEND_HDR, 24);

	t = (struct rdmap_terminate){ .code = TERM_DDP_STAG, .ddp_len = 18, .header_len = 14 };
	memcpy(t.header, WRITE_HDR, 14);
	expect_build(&t, "\x11\0\xc0\0\0\x12" WRITE_HDR, 20);
	t.has_read = true;
	expect_build(&t, "\x11\0\xc0\0\0\x12" WRITE_HDR, 20);

	t = (struct rdmap_terminate){
		.code = TERM_RDMAP_STAG, .ddp_len = 46, .header_len = 18, .has_read = true
	};
	memcpy(t.header, READ_HDR, 18);
	memcpy(t.read, READ_BODY, RDMAP_READ_BODY);
	expect_build(&t, "\1\0\xe0\0\0\x2e" READ_HDR READ_BODY, RDMAP_TERM_BODY_MAX);
}

Test(rdmap_term, text__of_every_code)
{
	unsigned int code;

	for (code = 0; code <= 0xffff; code++)
		cr_assert_not_null(rdmap_term_text((uint16_t)code));
	cr_assert_str_eq(rdmap_term_text(TERM_RDMAP_STAG), "remote protection error: invalid STag");
	cr_assert_str_eq(rdmap_term_text(RDMAP_TERM(0, 0, 3)), "local catastrophic error");
	cr_assert_str_eq(rdmap_term_text(TERM_MPA_CRC), "MPA: CRC error");
	cr_assert_str_eq(rdmap_term_text(0xffff), "unknown error");
}
