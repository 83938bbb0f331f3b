// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Terminate messages between bytes and values (RFC 5040 section 4.8), also as
 * Linux siw sends them: its headers are C bitfields of a little-endian host, so
 * that layer and error type are swapped and the flags lie at the other end of
 * their byte.
 */
#include "driver/soft/rdmap.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "driver/soft/wire.h"

/* The third control byte. */
enum {
	HAS_LENGTH = 0x80,
	HAS_DDP = 0x40,
	HAS_RDMAP = 0x20,
	HAS_ALL = HAS_LENGTH | HAS_DDP | HAS_RDMAP,
};

/* The same in siw's order. */
enum {
	SIW_LENGTH = 0x01,
	SIW_DDP = 0x02,
	SIW_RDMAP = 0x04,
	SIW_ALL = SIW_LENGTH | SIW_DDP | SIW_RDMAP,
};

/* The DDP segment length, in the place of MPA's ULPDU_Length. */
#define LEN_FIELD 2

static const struct {
	uint16_t code;
	const char *text;
} term_texts[] = {
	{ TERM_RDMAP_LOCAL, "local catastrophic error" },
	{ TERM_RDMAP_STAG, "remote protection error: invalid STag" },
	{ TERM_RDMAP_BOUNDS, "remote protection error: base or bounds violation" },
	{ TERM_RDMAP_ACCESS, "remote protection error: access rights violation" },
	{ TERM_RDMAP_PD, "remote protection error: STag not associated with the stream" },
	{ TERM_RDMAP_WRAP, "remote protection error: TO wrap" },
	{ TERM_RDMAP_INVALIDATE, "remote protection error: STag cannot be invalidated" },
	{ RDMAP_TERM(0, 1, 0xff), "remote protection error: unspecified" },
	{ TERM_RDMAP_VERSION, "remote operation error: invalid RDMAP version" },
	{ TERM_RDMAP_OPCODE, "remote operation error: unexpected opcode" },
	{ TERM_RDMAP_STREAM, "remote operation error: catastrophic, this stream" },
	{ TERM_RDMAP_GLOBAL, "remote operation error: catastrophic, all streams" },
	{ RDMAP_TERM(0, 2, 9), "remote operation error: STag cannot be invalidated" },
	{ TERM_RDMAP_UNSPEC, "remote operation error: unspecified" },
	{ TERM_DDP_LOCAL, "DDP: local catastrophic error" },
	{ TERM_DDP_STAG, "DDP tagged buffer: invalid STag" },
	{ TERM_DDP_BOUNDS, "DDP tagged buffer: base or bounds violation" },
	{ TERM_DDP_PD, "DDP tagged buffer: STag not associated with the stream" },
	{ TERM_DDP_WRAP, "DDP tagged buffer: TO wrap" },
	{ TERM_DDP_TAGGED_VERSION, "DDP tagged buffer: invalid DDP version" },
	{ TERM_DDP_QN, "DDP untagged buffer: invalid queue number" },
	{ TERM_DDP_NO_BUFFER, "DDP untagged buffer: no buffer for this message" },
	{ TERM_DDP_MSN, "DDP untagged buffer: MSN out of range" },
	{ TERM_DDP_MO, "DDP untagged buffer: invalid offset" },
	{ TERM_DDP_TOO_LONG, "DDP untagged buffer: message too long for the buffer" },
	{ TERM_DDP_UNTAGGED_VERSION, "DDP untagged buffer: invalid DDP version" },
	{ TERM_MPA_LOST, "MPA: TCP connection lost" },
	{ TERM_MPA_CRC, "MPA: CRC error" },
	{ TERM_MPA_LENGTH, "MPA: marker and length disagree" },
	{ TERM_MPA_FRAME, "MPA: invalid set-up frame" },
	{ TERM_MPA_LOCAL, "MPA: local catastrophic error" },
	{ TERM_MPA_IRD, "MPA: insufficient IRD" },
	{ TERM_MPA_RTR, "MPA: no common RTR message" },
};

static const char *find_text(uint16_t code)
{
	size_t i;

	if (code >> 8 == TERM_RDMAP_LOCAL >> 8)
		code = TERM_RDMAP_LOCAL; /* RFC 5040 leaves its codes open */
	for (i = 0; i < IW_ARRAY_SIZE(term_texts); i++)
		if (term_texts[i].code == code)
			return term_texts[i].text;
	return NULL;
}

const char *rdmap_term_text(uint16_t code)
{
	const char *text = find_text(code);

	return text ? text : "unknown error";
}

static uint16_t swap_nibbles(uint16_t code)
{
	return (uint16_t)((code & 0x0f00) << 4 | (code & 0xf000) >> 4 | (code & 0xff));
}

/*
 * Which order the sender used. Flags tell, where there are any; a message with
 * none is siw's if it makes sense in that order alone.
 */
static bool looks_like_siw(uint16_t code, uint8_t flags)
{
	if (flags & HAS_ALL)
		return code >> 12 > RDMAP_LAYER_LLP;
	if (flags & SIW_ALL)
		return true;
	return !find_text(code) && find_text(swap_nibbles(code));
}

static uint8_t flags_from_siw(uint8_t flags)
{
	return (uint8_t)((flags & SIW_LENGTH ? HAS_LENGTH : 0) | (flags & SIW_DDP ? HAS_DDP : 0) |
			 (flags & SIW_RDMAP ? HAS_RDMAP : 0));
}

/* What follows the control bytes if the flags announce a DDP header. */
static int parse_headers(struct rdmap_terminate *t, uint8_t flags, const uint8_t *in, size_t len)
{
	size_t header_len;

	if (len < LEN_FIELD + 1)
		return -EBADMSG;
	header_len = ddp_header_size(in[LEN_FIELD]) - LEN_FIELD;
	if (len < LEN_FIELD + header_len)
		return -EBADMSG;
	if (flags & HAS_LENGTH)
		t->ddp_len = wire_get16(in);
	memcpy(t->header, in + LEN_FIELD, header_len);
	t->header_len = (uint8_t)header_len;

	/* Of RDMAP's messages only the untagged Read Request has a header of its own. */
	if (!(flags & HAS_RDMAP) || header_len != sizeof(t->header))
		return 0;
	if (len < LEN_FIELD + header_len + RDMAP_READ_BODY)
		return -EBADMSG;
	memcpy(t->read, in + LEN_FIELD + header_len, RDMAP_READ_BODY);
	t->has_read = true;
	return 0;
}

int rdmap_terminate_parse(struct rdmap_terminate *t, const uint8_t *in, size_t len)
{
	struct rdmap_terminate got = { 0 };
	uint8_t flags;
	int ret;

	if (len < RDMAP_TERM_FIXED)
		return -EBADMSG;
	got.code = wire_get16(in);
	flags = in[2];
	got.from_siw = looks_like_siw(got.code, flags);
	if (got.from_siw) {
		got.code = swap_nibbles(got.code);
		flags = flags_from_siw(flags);
	}
	if (flags & HAS_DDP) {
		ret = parse_headers(&got, flags, in + RDMAP_TERM_FIXED, len - RDMAP_TERM_FIXED);
		if (ret)
			return ret;
	}
	*t = got;
	return 0;
}

size_t rdmap_terminate_build(const struct rdmap_terminate *t, uint8_t *out)
{
	size_t n = RDMAP_TERM_FIXED;
	/* The header itself says its size to whoever parses this. */
	size_t header_len = t->header_len ? ddp_header_size(t->header[0]) - LEN_FIELD : 0;

	wire_put16(out, t->code);
	out[2] = 0;
	out[3] = 0;
	if (!header_len)
		return n;
	out[2] |= HAS_LENGTH | HAS_DDP;
	wire_put16(out + n, t->ddp_len);
	n += LEN_FIELD;
	n += iw_copy(out + n, sizeof(t->header), t->header, header_len);
	if (t->has_read && header_len == sizeof(t->header)) {
		out[2] |= HAS_RDMAP;
		n += iw_copy(out + n, sizeof(t->read), t->read, sizeof(t->read));
	}
	return n;
}
