/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * MPA, DDP and RDMAP as a hostile peer writes them: every field may be wrong.
 * Written from the RFCs alone; shares nothing with driver/soft, so that a mistake
 * there does not cancel out here.
 */
#ifndef HOSTILE_WIRE_H
#define HOSTILE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_FPDU_MAX (2 + 65535 + 3 + 4)
#define WIRE_FRAME_MAX (20 + 65535)

/* Byte 2 of an FPDU: tagged, last, DDP version 1. Byte 3: RDMAP version 1, opcode. */
enum {
	TAGGED = 0x81,
	TAGGED_LAST = 0xc1,
	UNTAGGED = 0x01,
	UNTAGGED_LAST = 0x41,

	OP_WRITE = 0x40,
	OP_READ_REQUEST = 0x41,
	OP_READ_RESPONSE = 0x42,
	OP_SEND = 0x43,
	OP_SEND_INV = 0x44,
	OP_SEND_SE = 0x45,
	OP_SEND_SE_INV = 0x46,
	OP_TERMINATE = 0x47,
	OP_IMMEDIATE = 0x48,
	OP_IMMEDIATE_SE = 0x49,
	OP_ATOMIC_REQUEST = 0x4a,
	OP_ATOMIC_RESPONSE = 0x4b,
};

/* Flags of a set-up frame. */
enum {
	MPA_MARKERS = 0x80,
	MPA_CRC_WANTED = 0x40,
	MPA_REJECTED = 0x20,
	MPA_S = 0x10,
};

/* Upper bits of its enhanced data. */
enum {
	MPA_A = 0x8000,
	MPA_B = 0x4000, /* in the first word, with A */
	MPA_C = 0x8000,
	MPA_D = 0x4000, /* in the second */
};

struct wire_frame {
	const char *key; /* 16 bytes */
	uint8_t flags, revision;
	uint16_t word0, word1; /* with MPA_S */
	int lie;	       /* PD_Length if not 0: another than the true one; -1: says 0 */
	size_t len;	       /* private data behind the words, a pattern if @data is NULL */
	const void *data;
};
#define WIRE_REQUEST "MPA ID Req Frame"
#define WIRE_REPLY "MPA ID Rep Frame"

size_t wire_frame(const struct wire_frame *frame, uint8_t *out);

struct wire_segment {
	uint8_t ddp, rdmap;
	uint32_t stag; /* tagged; untagged: RsvdULP */
	uint64_t to;
	uint32_t qn, msn, mo;
	const void *payload; /* NULL: a pattern */
	size_t len;
	int lie; /* what ULPDU_Length says if not 0; the bytes on the wire follow it; -1: 0 */
};

/* A whole FPDU with a good CRC or zeros; its size. */
size_t wire_fpdu(const struct wire_segment *segment, bool crc, uint8_t *out);
/* Of one that came; @fpdu has all @size bytes. Payload points into it. False: CRC wrong. */
bool wire_parse(struct wire_segment *segment, const uint8_t *fpdu, size_t size, bool crc);
size_t wire_fpdu_size(unsigned int ulpdu);
uint8_t wire_pattern(size_t i); /* what a payload of NULL is filled with */

struct wire_read {
	uint32_t sink_stag, size, source_stag;
	uint64_t sink_to, source_to;
};
void wire_read_body(const struct wire_read *read, uint8_t out[28]);
void wire_read_parse(struct wire_read *read, const uint8_t in[28]);

struct wire_atomic {
	uint32_t op, id, stag;
	uint64_t to, add_swap, compare;
};
void wire_atomic_body(const struct wire_atomic *atomic, uint8_t out[52]);

uint64_t wire_get(const uint8_t *in, unsigned int bytes);
void wire_put(uint8_t *out, uint64_t value, unsigned int bytes);

#endif
