/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * DDP segment headers (RFC 5041). The 2-byte ULPDU_Length of MPA in front of
 * each is treated as part of it: sizes and offsets count from there.
 */
#ifndef IW_DDP_H
#define IW_DDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DDP_TAGGED_HDR 16   /* length, control, RDMAP control, STag, TO */
#define DDP_UNTAGGED_HDR 20 /* length, control, RDMAP control, RsvdULP, QN, MSN, MO */
#define DDP_VERSION 1

enum ddp_queue {
	DDP_QN_SEND = 0,
	DDP_QN_READ = 1, /* Read and Atomic Requests */
	DDP_QN_TERMINATE = 2,
	DDP_QN_ATOMIC_RESPONSE = 3, /* RFC 7306 */
};

struct ddp_header {
	uint16_t ulpdu; /* ULPDU_Length: all behind the length field, no pad, no CRC */
	bool tagged, last;
	uint8_t version;
	uint8_t rdmap;	      /* the RDMAP control byte, unread */
	uint32_t stag;	      /* tagged; untagged: RsvdULP (the STag to invalidate) */
	uint64_t to;	      /* tagged */
	uint32_t qn, msn, mo; /* untagged */
};

/* Bytes of the header whose third byte is @control. */
static inline size_t ddp_header_size(uint8_t control)
{
	return control & 0x80 ? DDP_TAGGED_HDR : DDP_UNTAGGED_HDR;
}

/* @in holds a whole header (ddp_header_size). Checks nothing. */
void ddp_parse(struct ddp_header *h, const uint8_t *in);
/* Returns the size written: DDP_TAGGED_HDR or DDP_UNTAGGED_HDR. */
size_t ddp_build(const struct ddp_header *h, uint8_t *out);

/* Payload bytes behind the DDP header; negative if ULPDU_Length is too short. */
static inline int ddp_payload(const struct ddp_header *h)
{
	return (int)h->ulpdu + 2 - (h->tagged ? DDP_TAGGED_HDR : DDP_UNTAGGED_HDR);
}

#endif
