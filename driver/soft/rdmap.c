// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * RDMAP's opcodes, request bodies and atomic arithmetic between bytes and
 * values. Terminate has rdmap_term.c; what a request may do is soft_rx's to say.
 */
#include "driver/soft/rdmap.h"

#include "driver/soft/wire.h"

static const struct rdmap_op_info op_infos[RDMAP_NOPCODES] = {
	[RDMAP_WRITE] = { .name = "RDMA Write", .tagged = true },
	[RDMAP_READ_REQUEST] = { .name = "Read Request",
				 .single = true,
				 .qn = DDP_QN_READ,
				 .body = RDMAP_READ_BODY },
	[RDMAP_READ_RESPONSE] = { .name = "Read Response", .tagged = true },
	[RDMAP_SEND] = { .name = "Send", .qn = DDP_QN_SEND },
	[RDMAP_SEND_INV] = { .name = "Send with Invalidate", .qn = DDP_QN_SEND },
	[RDMAP_SEND_SE] = { .name = "Send with SE", .qn = DDP_QN_SEND },
	[RDMAP_SEND_SE_INV] = { .name = "Send with SE and Invalidate", .qn = DDP_QN_SEND },
	[RDMAP_TERMINATE] = { .name = "Terminate", .single = true, .qn = DDP_QN_TERMINATE },
	[RDMAP_IMMEDIATE] = { .name = "Immediate Data",
			      .single = true,
			      .qn = DDP_QN_SEND,
			      .body = RDMAP_IMM_BODY },
	[RDMAP_IMMEDIATE_SE] = { .name = "Immediate Data with SE",
				 .single = true,
				 .qn = DDP_QN_SEND,
				 .body = RDMAP_IMM_BODY },
	[RDMAP_ATOMIC_REQUEST] = { .name = "Atomic Request",
				   .single = true,
				   .qn = DDP_QN_READ,
				   .body = RDMAP_ATOMIC_BODY },
	[RDMAP_ATOMIC_RESPONSE] = { .name = "Atomic Response",
				    .single = true,
				    .qn = DDP_QN_ATOMIC_RESPONSE,
				    .body = RDMAP_ATOMIC_RESP },
};

const struct rdmap_op_info *rdmap_op_info(unsigned int op)
{
	return op < RDMAP_NOPCODES ? &op_infos[op] : NULL;
}

void rdmap_read_parse(struct rdmap_read_request *r, const uint8_t in[RDMAP_READ_BODY])
{
	r->sink_stag = wire_get32(in);
	r->sink_to = wire_get64(in + 4);
	r->size = wire_get32(in + 12);
	r->source_stag = wire_get32(in + 16);
	r->source_to = wire_get64(in + 20);
}

void rdmap_read_build(const struct rdmap_read_request *r, uint8_t out[RDMAP_READ_BODY])
{
	wire_put32(out, r->sink_stag);
	wire_put64(out + 4, r->sink_to);
	wire_put32(out + 12, r->size);
	wire_put32(out + 16, r->source_stag);
	wire_put64(out + 20, r->source_to);
}

void rdmap_atomic_parse(struct rdmap_atomic_request *r, const uint8_t in[RDMAP_ATOMIC_BODY])
{
	r->op = in[3] & 0x0f; /* the 28 bits before it are reserved */
	r->request_id = wire_get32(in + 4);
	r->stag = wire_get32(in + 8);
	r->to = wire_get64(in + 12);
	r->add_swap = wire_get64(in + 20);
	r->add_swap_mask = wire_get64(in + 28);
	r->compare = wire_get64(in + 36);
	r->compare_mask = wire_get64(in + 44);
}

void rdmap_atomic_build(const struct rdmap_atomic_request *r, uint8_t out[RDMAP_ATOMIC_BODY])
{
	wire_put32(out, r->op & 0x0f);
	wire_put32(out + 4, r->request_id);
	wire_put32(out + 8, r->stag);
	wire_put64(out + 12, r->to);
	wire_put64(out + 20, r->add_swap);
	wire_put64(out + 28, r->add_swap_mask);
	wire_put64(out + 36, r->compare);
	wire_put64(out + 44, r->compare_mask);
}

/*
 * Adds field by field; a bit in @tops is the highest of its field. With the tops
 * held back no carry can leave a field; they are added without carry afterwards.
 */
static uint64_t add_fields(uint64_t a, uint64_t b, uint64_t tops)
{
	return ((a & ~tops) + (b & ~tops)) ^ ((a ^ b) & tops);
}

uint64_t rdmap_atomic_apply(const struct rdmap_atomic_request *r, uint64_t old)
{
	switch (r->op) {
	case RDMAP_FETCH_ADD:
		return add_fields(old, r->add_swap, r->add_swap_mask);
	case RDMAP_CMP_SWAP:
		if ((old ^ r->compare) & r->compare_mask)
			return old;
		return (old & ~r->add_swap_mask) | (r->add_swap & r->add_swap_mask);
	default:
		return old;
	}
}
