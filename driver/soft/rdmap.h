/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * RDMAP messages behind the DDP header (RFC 5040, RFC 7306): opcodes, request
 * bodies and Terminate.
 */
#ifndef IW_RDMAP_H
#define IW_RDMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "driver/soft/ddp.h"

#define RDMAP_VERSION 1
#define RDMAP_READ_BODY 28
#define RDMAP_ATOMIC_BODY 52
#define RDMAP_ATOMIC_RESP 12
#define RDMAP_IMM_BODY 8
#define RDMAP_TERM_FIXED 4
#define RDMAP_TERM_BODY_MAX (RDMAP_TERM_FIXED + 2 + 18 + RDMAP_READ_BODY)

enum rdmap_opcode {
	RDMAP_WRITE = 0,
	RDMAP_READ_REQUEST = 1,
	RDMAP_READ_RESPONSE = 2,
	RDMAP_SEND = 3,
	RDMAP_SEND_INV = 4,
	RDMAP_SEND_SE = 5,
	RDMAP_SEND_SE_INV = 6,
	RDMAP_TERMINATE = 7,
	RDMAP_IMMEDIATE = 8,
	RDMAP_IMMEDIATE_SE = 9,
	RDMAP_ATOMIC_REQUEST = 10,
	RDMAP_ATOMIC_RESPONSE = 11,
	RDMAP_NOPCODES
};

static inline uint8_t rdmap_control(enum rdmap_opcode op)
{
	return (uint8_t)(RDMAP_VERSION << 6 | op);
}

static inline unsigned int rdmap_version(uint8_t control)
{
	return control >> 6;
}

static inline unsigned int rdmap_op(uint8_t control)
{
	return control & 0x0f;
}

/* How the opcodes lie on DDP: tagged or not, which queue, one segment or many. */
struct rdmap_op_info {
	const char *name;
	bool tagged;
	bool single;   /* exactly one segment */
	uint8_t qn;    /* untagged */
	uint16_t body; /* fixed body in bytes behind the DDP header; 0: payload follows */
};
/* NULL for an opcode that does not exist. */
const struct rdmap_op_info *rdmap_op_info(unsigned int op);

struct rdmap_read_request {
	uint32_t sink_stag, source_stag, size;
	uint64_t sink_to, source_to;
};
void rdmap_read_parse(struct rdmap_read_request *r, const uint8_t in[RDMAP_READ_BODY]);
void rdmap_read_build(const struct rdmap_read_request *r, uint8_t out[RDMAP_READ_BODY]);

/* RFC 7306 section 5. */
enum rdmap_atomic_op {
	RDMAP_FETCH_ADD = 0,
	RDMAP_CMP_SWAP = 2,
};
struct rdmap_atomic_request {
	uint8_t op; /* enum rdmap_atomic_op */
	uint32_t request_id, stag;
	uint64_t to;
	uint64_t add_swap, add_swap_mask, compare, compare_mask;
};
void rdmap_atomic_parse(struct rdmap_atomic_request *r, const uint8_t in[RDMAP_ATOMIC_BODY]);
void rdmap_atomic_build(const struct rdmap_atomic_request *r, uint8_t out[RDMAP_ATOMIC_BODY]);
/* What the target holds afterwards, given what it holds. */
uint64_t rdmap_atomic_apply(const struct rdmap_atomic_request *r, uint64_t old);

/*
 * Immediate Data between two of ours (stream.extensions). Of its 8 bytes the
 * first four are imm_data as the program gave it, the last four say, big-endian,
 * what it completes:
 *
 *   WRITE_WITH_IMM  Write, then Immediate with RDMAP_IMM_ALONE. The receive that
 *                   it takes completes as IBV_WC_RECV_RDMA_WITH_IMM with the
 *                   Write's length. A Write is sent even if it is empty. No
 *                   other Write and nothing on QN 0 goes between the two; read
 *                   and atomic traffic may.
 *   SEND_WITH_IMM   Send whose segments all carry RDMAP_SEND_IMM_FOLLOWS in
 *                   RsvdULP (otherwise 0), then Immediate with RDMAP_IMM_OF_SEND,
 *                   the next message on QN 0. The Send's receive is held back and
 *                   completes once, with data and imm_data.
 *
 * Both messages have an MSN of their own. Solicited: the Immediate says it (SE).
 * An RDMAP_IMM_ALONE that follows no Write completes a receive with length 0.
 */
#define RDMAP_SEND_IMM_FOLLOWS 1
enum rdmap_imm_kind {
	RDMAP_IMM_ALONE = 0,
	RDMAP_IMM_OF_SEND = 1,
};
struct rdmap_immediate {
	uint32_t imm_data; /* network order, as verbs have it */
	uint32_t kind;	   /* enum rdmap_imm_kind */
};
static inline void rdmap_immediate_parse(struct rdmap_immediate *imm,
					 const uint8_t in[RDMAP_IMM_BODY])
{
	memcpy(&imm->imm_data, in, 4);
	imm->kind = (uint32_t)in[4] << 24 | (uint32_t)in[5] << 16 | (uint32_t)in[6] << 8 | in[7];
}
static inline void rdmap_immediate_build(const struct rdmap_immediate *imm,
					 uint8_t out[RDMAP_IMM_BODY])
{
	memcpy(out, &imm->imm_data, 4);
	out[4] = out[5] = out[6] = 0;
	out[7] = (uint8_t)imm->kind;
}

/* Terminate: layer, error type, code (RFC 5040 section 4.8). */
enum rdmap_layer {
	RDMAP_LAYER_RDMAP = 0,
	RDMAP_LAYER_DDP = 1,
	RDMAP_LAYER_LLP = 2
};

#define RDMAP_TERM(layer, etype, code) ((uint16_t)((layer) << 12 | (etype) << 8 | (code)))
enum rdmap_term {
	TERM_RDMAP_LOCAL = RDMAP_TERM(0, 0, 0xff),
	TERM_RDMAP_STAG = RDMAP_TERM(0, 1, 0),
	TERM_RDMAP_BOUNDS = RDMAP_TERM(0, 1, 1),
	TERM_RDMAP_ACCESS = RDMAP_TERM(0, 1, 2),
	TERM_RDMAP_PD = RDMAP_TERM(0, 1, 3),
	TERM_RDMAP_WRAP = RDMAP_TERM(0, 1, 4),
	TERM_RDMAP_INVALIDATE = RDMAP_TERM(0, 1, 9),
	TERM_RDMAP_VERSION = RDMAP_TERM(0, 2, 5),
	TERM_RDMAP_OPCODE = RDMAP_TERM(0, 2, 6),
	TERM_RDMAP_STREAM = RDMAP_TERM(0, 2, 7), /* also: IRD exceeded, atomic misaligned */
	TERM_RDMAP_GLOBAL = RDMAP_TERM(0, 2, 8),
	TERM_RDMAP_UNSPEC = RDMAP_TERM(0, 2, 0xff),
	TERM_DDP_LOCAL = RDMAP_TERM(1, 0, 0),
	TERM_DDP_STAG = RDMAP_TERM(1, 1, 0),
	TERM_DDP_BOUNDS = RDMAP_TERM(1, 1, 1),
	TERM_DDP_PD = RDMAP_TERM(1, 1, 2),
	TERM_DDP_WRAP = RDMAP_TERM(1, 1, 3),
	TERM_DDP_TAGGED_VERSION = RDMAP_TERM(1, 1, 4),
	TERM_DDP_QN = RDMAP_TERM(1, 2, 1),
	TERM_DDP_NO_BUFFER = RDMAP_TERM(1, 2, 2),
	TERM_DDP_MSN = RDMAP_TERM(1, 2, 3),
	TERM_DDP_MO = RDMAP_TERM(1, 2, 4),
	TERM_DDP_TOO_LONG = RDMAP_TERM(1, 2, 5),
	TERM_DDP_UNTAGGED_VERSION = RDMAP_TERM(1, 2, 6),
	TERM_MPA_LOST = RDMAP_TERM(2, 0, 1),
	TERM_MPA_CRC = RDMAP_TERM(2, 0, 2),
	TERM_MPA_LENGTH = RDMAP_TERM(2, 0, 3),
	TERM_MPA_FRAME = RDMAP_TERM(2, 0, 4),
	TERM_MPA_LOCAL = RDMAP_TERM(2, 0, 5),
	TERM_MPA_IRD = RDMAP_TERM(2, 0, 6),
	TERM_MPA_RTR = RDMAP_TERM(2, 0, 7),
};

struct rdmap_terminate {
	uint16_t code; /* enum rdmap_term */
	bool from_siw; /* parsed: came in siw's little-endian bit order */
	/* The header of the segment that was at fault; none if 0. */
	uint16_t ddp_len;   /* DDP segment length (ULPDU_Length of the segment) */
	uint8_t header[18]; /* DDP and RDMAP control bytes onwards, no MPA length */
	uint8_t header_len; /* 0, 14 or 18 */
	bool has_read;	    /* @read follows, for faults of a Read Request */
	uint8_t read[RDMAP_READ_BODY];
};

/*
 * The body of a Terminate message (behind its DDP header) of @len bytes, in
 * RFC order or in siw's. -EBADMSG: shorter than what its flags announce.
 */
int rdmap_terminate_parse(struct rdmap_terminate *t, const uint8_t *in, size_t len);
/* Always in RFC order; the size of the body. @out has RDMAP_TERM_BODY_MAX bytes. */
size_t rdmap_terminate_build(const struct rdmap_terminate *t, uint8_t *out);
/* "remote protection error: invalid STag"; never NULL. */
const char *rdmap_term_text(uint16_t code);

#endif
