/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * MPA: the set-up frames and the framing of FPDUs (RFC 5044, RFC 6581). Pure:
 * bytes in, values out; no socket, no memory of its own.
 */
#ifndef IW_MPA_H
#define IW_MPA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MPA_FRAME_HDR 20    /* key, flags, revision, PD_Length */
#define MPA_PRIVATE_MAX 512 /* RFC 5044 section 7.1.1, enhanced data included */
#define MPA_FRAME_MAX (MPA_FRAME_HDR + MPA_PRIVATE_MAX)
#define MPA_ENHANCED 4
#define MPA_REPLY_PD_MAX 256 /* what a Linux peer survives, enhanced data included */
#define MPA_DEPTH_MAX 0x3fff
#define MPA_DEPTH_ELSEWHERE 0x3fff /* "the ULP negotiates it" */
#define MPA_ULPDU_MAX 65535
#define MPA_LEN_FIELD 2
#define MPA_CRC 4
#define MPA_MIN_MULPDU 128

/* RTR frames an initiator can send (RFC 6581 section 9): bits B, C, D. */
enum mpa_rtr {
	MPA_RTR_SEND = 1,
	MPA_RTR_WRITE = 2,
	MPA_RTR_READ = 4,
};

struct mpa_frame {
	bool is_reply;
	bool markers;  /* M: the sender wants them in what it receives */
	bool crc;      /* C */
	bool reject;   /* R, replies only */
	bool enhanced; /* S */
	uint8_t revision;
	/* Of the enhanced data; 0 if there is none. */
	bool peer_to_peer; /* A */
	uint8_t rtr;	   /* enum mpa_rtr, or'ed; without A they mean nothing to RFC 6581 */
	uint16_t ird, ord; /* of the sender */
	/* The ULP's part: without the enhanced data. Points into the input. */
	const uint8_t *private_data;
	uint16_t private_data_len;
};

/*
 * Reads a frame from the first @len bytes of a stream; @want_reply says which
 * key is expected. Returns how many bytes the frame has, 0 if more are needed
 * (never more than MPA_FRAME_MAX), or
 * -EPROTO	the key is neither (known from the first wrong byte)
 * -EBADMSG	the other key: both ends are initiators or both responders
 * -EMSGSIZE	PD_Length above MPA_PRIVATE_MAX, or S with less than 4
 * -EPROTONOSUPPORT	a revision above 2, or S with a revision below 2
 */
int mpa_frame_parse(struct mpa_frame *frame, const uint8_t *in, size_t len, bool want_reply);

/* Bytes written, -EMSGSIZE if the private data does not fit in MPA_PRIVATE_MAX, -ENOBUFS. */
int mpa_frame_build(const struct mpa_frame *frame, uint8_t *out, size_t room);

/* Pad bytes after an ULPDU of @ulpdu bytes. */
static inline unsigned int mpa_pad(unsigned int ulpdu)
{
	return (4 - ((MPA_LEN_FIELD + ulpdu) & 3)) & 3;
}

/* All bytes of an FPDU. */
static inline unsigned int mpa_fpdu_size(unsigned int ulpdu)
{
	return MPA_LEN_FIELD + ulpdu + mpa_pad(ulpdu) + MPA_CRC;
}

/*
 * MULPDU without markers for a TCP segment of @emss bytes (RFC 5044 section
 * 4.2): FPDUs do not exceed a segment; between MPA_MIN_MULPDU and MPA_ULPDU_MAX.
 */
unsigned int mpa_mulpdu(unsigned int emss);

#endif
