// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * MPA Request and Reply frames between bytes and values, and the size of FPDUs.
 * What a side answers, and when, is soft_cm's business.
 */
#include "driver/soft/mpa.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "driver/soft/wire.h"

#define KEY_LEN 16
#define REVISION_MAX 2
#define REVISION_ENHANCED 2

static const char request_key[KEY_LEN + 1] = "MPA ID Req Frame";
static const char reply_key[KEY_LEN + 1] = "MPA ID Rep Frame";

/* Byte 16 of a frame. */
enum {
	FLAG_MARKERS = 0x80,
	FLAG_CRC = 0x40,
	FLAG_REJECT = 0x20,
	FLAG_ENHANCED = 0x10,
};

/* Of the enhanced data: the upper bits of both words. */
enum {
	WORD0_PEER_TO_PEER = 0x8000, /* A */
	WORD0_RTR_SEND = 0x4000,     /* B */
	WORD1_RTR_WRITE = 0x8000,    /* C */
	WORD1_RTR_READ = 0x4000,     /* D */
};

/* 1: the whole expected key; 0: so far so good; negative: an error of mpa_frame_parse(). */
static int match_key(const uint8_t *in, size_t len, bool want_reply)
{
	const char *wanted = want_reply ? reply_key : request_key;
	const char *other = want_reply ? request_key : reply_key;
	size_t n = iw_min_size(len, KEY_LEN);

	if (!n || memcmp(in, wanted, n) == 0)
		return n == KEY_LEN;
	if (memcmp(in, other, n) != 0)
		return -EPROTO;
	return n == KEY_LEN ? -EBADMSG : 0;
}

static void parse_enhanced(struct mpa_frame *frame, const uint8_t *in)
{
	uint16_t word0 = wire_get16(in), word1 = wire_get16(in + 2);

	frame->ird = word0 & MPA_DEPTH_MAX;
	frame->ord = word1 & MPA_DEPTH_MAX;
	frame->peer_to_peer = word0 & WORD0_PEER_TO_PEER;
	frame->rtr = (uint8_t)((word0 & WORD0_RTR_SEND ? MPA_RTR_SEND : 0) |
			       (word1 & WORD1_RTR_WRITE ? MPA_RTR_WRITE : 0) |
			       (word1 & WORD1_RTR_READ ? MPA_RTR_READ : 0));
}

int mpa_frame_parse(struct mpa_frame *frame, const uint8_t *in, size_t len, bool want_reply)
{
	int ret = match_key(in, len, want_reply);
	unsigned int pd_len, enhanced;

	if (ret <= 0)
		return ret;
	/* Each field is judged as soon as it is there, whatever may follow. */
	if (len < KEY_LEN + 2)
		return 0;
	enhanced = in[KEY_LEN] & FLAG_ENHANCED ? MPA_ENHANCED : 0;
	if (in[KEY_LEN + 1] > REVISION_MAX || (enhanced && in[KEY_LEN + 1] < REVISION_ENHANCED))
		return -EPROTONOSUPPORT;
	if (len < MPA_FRAME_HDR)
		return 0;
	pd_len = wire_get16(in + KEY_LEN + 2);
	if (pd_len > MPA_PRIVATE_MAX || pd_len < enhanced)
		return -EMSGSIZE;
	if (len < MPA_FRAME_HDR + pd_len)
		return 0;

	*frame = (struct mpa_frame){
		.is_reply = want_reply,
		.markers = in[KEY_LEN] & FLAG_MARKERS,
		.crc = in[KEY_LEN] & FLAG_CRC,
		.reject = want_reply && in[KEY_LEN] & FLAG_REJECT,
		.enhanced = enhanced,
		.revision = in[KEY_LEN + 1],
		.private_data = in + MPA_FRAME_HDR + enhanced,
		.private_data_len = (uint16_t)(pd_len - enhanced),
	};
	if (enhanced)
		parse_enhanced(frame, in + MPA_FRAME_HDR);
	return (int)(MPA_FRAME_HDR + pd_len);
}

static uint8_t frame_flags(const struct mpa_frame *frame)
{
	return (uint8_t)((frame->markers ? FLAG_MARKERS : 0) | (frame->crc ? FLAG_CRC : 0) |
			 (frame->is_reply && frame->reject ? FLAG_REJECT : 0) |
			 (frame->enhanced ? FLAG_ENHANCED : 0));
}

static void build_enhanced(const struct mpa_frame *frame, uint8_t *out)
{
	uint32_t word0 = iw_min_u32(frame->ird, MPA_DEPTH_MAX);
	uint32_t word1 = iw_min_u32(frame->ord, MPA_DEPTH_MAX);

	word0 |= frame->peer_to_peer ? WORD0_PEER_TO_PEER : 0;
	word0 |= frame->rtr & MPA_RTR_SEND ? WORD0_RTR_SEND : 0;
	word1 |= frame->rtr & MPA_RTR_WRITE ? WORD1_RTR_WRITE : 0;
	word1 |= frame->rtr & MPA_RTR_READ ? WORD1_RTR_READ : 0;
	wire_put16(out, (uint16_t)word0);
	wire_put16(out + 2, (uint16_t)word1);
}

int mpa_frame_build(const struct mpa_frame *frame, uint8_t *out, size_t room)
{
	size_t enhanced = frame->enhanced ? MPA_ENHANCED : 0;
	size_t pd_len = enhanced + frame->private_data_len;

	if (pd_len > MPA_PRIVATE_MAX)
		return -EMSGSIZE;
	if (room < MPA_FRAME_HDR + pd_len)
		return -ENOBUFS;
	memcpy(out, frame->is_reply ? reply_key : request_key, KEY_LEN);
	out[KEY_LEN] = frame_flags(frame);
	out[KEY_LEN + 1] = frame->revision;
	wire_put16(out + KEY_LEN + 2, (uint16_t)pd_len);
	if (enhanced)
		build_enhanced(frame, out + MPA_FRAME_HDR);
	iw_copy(out + MPA_FRAME_HDR + enhanced, MPA_PRIVATE_MAX, frame->private_data,
		frame->private_data_len);
	return (int)(MPA_FRAME_HDR + pd_len);
}

unsigned int mpa_mulpdu(unsigned int emss)
{
	unsigned int overhead = MPA_LEN_FIELD + MPA_CRC + emss % 4;

	if (emss < MPA_MIN_MULPDU + overhead)
		return MPA_MIN_MULPDU;
	return iw_min_u32(emss - overhead, MPA_ULPDU_MAX);
}
