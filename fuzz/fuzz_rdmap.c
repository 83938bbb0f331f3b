// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * An FPDU's header and the body behind it: every parser, whatever the opcode,
 * reads its bytes alone, and what was read can be written and read again.
 */
#include <errno.h>
#include <string.h>

#include "driver/soft/ddp.h"
#include "driver/soft/mpa.h"
#include "driver/soft/rdmap.h"
#include "fuzz/fuzz.h"

static void try_ddp(const uint8_t *in, size_t size)
{
	uint8_t out[DDP_UNTAGGED_HDR];
	struct ddp_header h, again;

	ddp_parse(&h, in);
	MUST(ddp_build(&h, out) == size);
	ddp_parse(&again, out);
	MUST(h.ulpdu == again.ulpdu && h.tagged == again.tagged && h.last == again.last);
	MUST(h.version == again.version && h.rdmap == again.rdmap && h.stag == again.stag);
	MUST(h.to == again.to && h.qn == again.qn && h.msn == again.msn && h.mo == again.mo);
	out[2] |= in[2] & 0x3c; /* reserved */
	MUST(memcmp(in, out, size) == 0);
	MUST(ddp_payload(&h) == MPA_LEN_FIELD + h.ulpdu - (int)size);
	MUST(mpa_fpdu_size(h.ulpdu) % 4 == 0);
}

static void try_read(const uint8_t *in)
{
	uint8_t out[RDMAP_READ_BODY];
	struct rdmap_read_request r;

	rdmap_read_parse(&r, in);
	rdmap_read_build(&r, out);
	MUST(memcmp(in, out, sizeof(out)) == 0);
}

static void try_atomic(const uint8_t *in)
{
	uint8_t out[RDMAP_ATOMIC_BODY];
	struct rdmap_atomic_request r;
	uint64_t got;

	rdmap_atomic_parse(&r, in);
	rdmap_atomic_build(&r, out);
	MUST(out[3] == (in[3] & 0x0f));
	MUST(memcmp(in + 4, out + 4, sizeof(out) - 4) == 0);

	got = rdmap_atomic_apply(&r, r.to);
	if (r.op == RDMAP_CMP_SWAP)
		MUST(((got ^ r.to) & ~r.add_swap_mask) == 0);
	else if (r.op != RDMAP_FETCH_ADD)
		MUST(got == r.to);
}

static void expect_same(const struct rdmap_terminate *a, const struct rdmap_terminate *b)
{
	MUST(a->code == b->code && a->header_len == b->header_len && a->has_read == b->has_read);
	MUST(a->ddp_len == b->ddp_len);
	MUST(memcmp(a->header, b->header, a->header_len) == 0);
	if (a->has_read)
		MUST(memcmp(a->read, b->read, RDMAP_READ_BODY) == 0);
}

/* Codes that exist come back; with others the order of the bits is anybody's guess. */
static void try_terminate(const uint8_t *in, size_t size)
{
	uint8_t out[RDMAP_TERM_BODY_MAX];
	struct rdmap_terminate t, again;
	size_t len;
	int ret = rdmap_terminate_parse(&t, in, size);

	if (ret) {
		MUST(ret == -EBADMSG);
		return;
	}
	MUST(t.header_len == 0 || t.header_len == 14 || t.header_len == 18);
	MUST(rdmap_term_text(t.code));
	len = rdmap_terminate_build(&t, out);
	MUST(len >= RDMAP_TERM_FIXED && len <= sizeof(out) && len <= size);
	if (strcmp(rdmap_term_text(t.code), "unknown error") == 0)
		return;
	MUST(rdmap_terminate_parse(&again, out, len) == 0);
	MUST(!again.from_siw);
	expect_same(&t, &again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct rdmap_op_info *info;
	size_t header;

	try_terminate(data, size);
	if (size <= 2)
		return 0;
	header = ddp_header_size(data[2]);
	if (size < header)
		return 0;
	try_ddp(data, header);
	info = rdmap_op_info(rdmap_op(data[3]));
	MUST(!info || (info->name && info->body <= RDMAP_ATOMIC_BODY));
	data += header;
	size -= header;
	if (size >= RDMAP_READ_BODY)
		try_read(data);
	if (size >= RDMAP_ATOMIC_BODY)
		try_atomic(data);
	try_terminate(data, size);
	return 0;
}
