// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * DDP segment headers between bytes and values. Whether a segment is welcome -
 * version, queue, order, place - is for soft_rx to judge.
 */
#include "driver/soft/ddp.h"

#include "driver/soft/wire.h"

enum {
	CONTROL_TAGGED = 0x80,
	CONTROL_LAST = 0x40,
	CONTROL_VERSION = 0x03,
};

void ddp_parse(struct ddp_header *h, const uint8_t *in)
{
	*h = (struct ddp_header){
		.ulpdu = wire_get16(in),
		.tagged = in[2] & CONTROL_TAGGED,
		.last = in[2] & CONTROL_LAST,
		.version = in[2] & CONTROL_VERSION,
		.rdmap = in[3],
		.stag = wire_get32(in + 4),
	};
	if (h->tagged) {
		h->to = wire_get64(in + 8);
	} else {
		h->qn = wire_get32(in + 8);
		h->msn = wire_get32(in + 12);
		h->mo = wire_get32(in + 16);
	}
}

size_t ddp_build(const struct ddp_header *h, uint8_t *out)
{
	wire_put16(out, h->ulpdu);
	out[2] = (uint8_t)((h->tagged ? CONTROL_TAGGED : 0) | (h->last ? CONTROL_LAST : 0) |
			   (h->version & CONTROL_VERSION));
	out[3] = h->rdmap;
	wire_put32(out + 4, h->stag);
	if (h->tagged) {
		wire_put64(out + 8, h->to);
		return DDP_TAGGED_HDR;
	}
	wire_put32(out + 8, h->qn);
	wire_put32(out + 12, h->msn);
	wire_put32(out + 16, h->mo);
	return DDP_UNTAGGED_HDR;
}
