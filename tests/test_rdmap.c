// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* RDMAP opcodes, request bodies and atomic arithmetic. */
#include <criterion/criterion.h>
#include <string.h>

#include "driver/soft/rdmap.h"

Test(rdmap, control__carries_version_and_opcode)
{
	cr_assert_eq(rdmap_control(RDMAP_SEND), 0x43);
	cr_assert_eq(rdmap_op(0xff), 15);
	cr_assert_eq(rdmap_version(0x43), RDMAP_VERSION);
	cr_assert_eq(rdmap_version(0x03), 0, "the RDMAC flavour");
}

Test(rdmap, op_info__of_every_opcode)
{
	/* Tagged, queue and ULPDU_Length of an empty message. */
	static const struct {
		bool tagged, single;
		unsigned int qn, empty;
	} wanted[RDMAP_NOPCODES] = {
		{ true, false, 0, 14 },	 { false, true, 1, 46 },  { true, false, 0, 14 },
		{ false, false, 0, 18 }, { false, false, 0, 18 }, { false, false, 0, 18 },
		{ false, false, 0, 18 }, { false, true, 2, 18 },  { false, true, 0, 26 },
		{ false, true, 0, 26 },	 { false, true, 1, 70 },  { false, true, 3, 30 },
	};
	unsigned int op;

	for (op = 0; op < RDMAP_NOPCODES; op++) {
		const struct rdmap_op_info *info = rdmap_op_info(op);

		cr_assert_not_null(info);
		cr_assert_not_null(info->name);
		cr_assert_eq(info->tagged, wanted[op].tagged, "%s", info->name);
		cr_assert_eq(info->single, wanted[op].single, "%s", info->name);
		cr_assert_eq(info->qn, wanted[op].qn, "%s", info->name);
		cr_assert_eq((info->tagged ? 14 : 18) + info->body, wanted[op].empty, "%s",
			     info->name);
	}
	for (; op < 20; op++)
		cr_assert_null(rdmap_op_info(op));
	cr_assert_null(rdmap_op_info(~0u));
}

Test(rdmap, read__round_trip)
{
	static const uint8_t bytes[RDMAP_READ_BODY] =
		"\x01\x02\x03\x04\x11\x12\x13\x14\x15\x16\x17\x18\x21\x22\x23\x24"
		"\x31\x32\x33\x34\x41\x42\x43\x44\x45\x46\x47\x48";
	struct rdmap_read_request r;
	uint8_t out[RDMAP_READ_BODY];

	rdmap_read_parse(&r, bytes);
	cr_assert_eq(r.sink_stag, 0x01020304);
	cr_assert_eq(r.sink_to, 0x1112131415161718);
	cr_assert_eq(r.size, 0x21222324);
	cr_assert_eq(r.source_stag, 0x31323334);
	cr_assert_eq(r.source_to, 0x4142434445464748);
	rdmap_read_build(&r, out);
	cr_assert_arr_eq(out, bytes, sizeof(out));
}

/* The RTR Read Request of RFC 6581 as siw sends it. */
Test(rdmap, read__of_nothing_from_stag_1)
{
	const struct ddp_header h = { .ulpdu = 46,
				      .last = true,
				      .version = DDP_VERSION,
				      .rdmap = rdmap_control(RDMAP_READ_REQUEST),
				      .qn = DDP_QN_READ,
				      .msn = 1 };
	const struct rdmap_read_request r = { .source_stag = 1 };
	static const uint8_t bytes[48] = "\0\x2e\x41\x41\0\0\0\0\0\0\0\1\0\0\0\1\0\0\0\0"
					 "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1";
	uint8_t out[48];

	rdmap_read_build(&r, out + ddp_build(&h, out));
	cr_assert_arr_eq(out, bytes, sizeof(out));
}

Test(rdmap, atomic__round_trip)
{
	static const uint8_t bytes[RDMAP_ATOMIC_BODY] =
		"\0\0\0\2\x01\x02\x03\x04\x05\x06\x07\x08\x11\x12\x13\x14\x15\x16\x17\x18"
		"\x21\x22\x23\x24\x25\x26\x27\x28\x31\x32\x33\x34\x35\x36\x37\x38"
		"\x41\x42\x43\x44\x45\x46\x47\x48\x51\x52\x53\x54\x55\x56\x57\x58";
	uint8_t noisy[RDMAP_ATOMIC_BODY], out[RDMAP_ATOMIC_BODY];
	struct rdmap_atomic_request r;

	/* The reserved bits before the operation mean nothing. */
	memcpy(noisy, bytes, sizeof(noisy));
	memcpy(noisy, "\xff\xff\xff\xf2", 4);
	rdmap_atomic_parse(&r, noisy);
	cr_assert_eq(r.op, RDMAP_CMP_SWAP);
	cr_assert_eq(r.request_id, 0x01020304);
	cr_assert_eq(r.stag, 0x05060708);
	cr_assert_eq(r.to, 0x1112131415161718);
	cr_assert_eq(r.add_swap, 0x2122232425262728);
	cr_assert_eq(r.add_swap_mask, 0x3132333435363738);
	cr_assert_eq(r.compare, 0x4142434445464748);
	cr_assert_eq(r.compare_mask, 0x5152535455565758);
	rdmap_atomic_build(&r, out);
	cr_assert_arr_eq(out, bytes, sizeof(out));
}

static uint64_t fetch_add(uint64_t old, uint64_t add, uint64_t tops)
{
	const struct rdmap_atomic_request r = { .op = RDMAP_FETCH_ADD,
						.add_swap = add,
						.add_swap_mask = tops };

	return rdmap_atomic_apply(&r, old);
}

Test(rdmap, apply__fetch_add)
{
	cr_assert_eq(fetch_add(5, 7, 0), 12);
	cr_assert_eq(fetch_add(UINT64_MAX, 1, 0), 0);
	cr_assert_eq(fetch_add(5, UINT64_MAX, 0), 4, "a negative number");
}

Test(rdmap, apply__fetch_add_keeps_carries_in_their_field)
{
	/* Two halves, eight bytes, and 64 single bits, which is exclusive or. */
	cr_assert_eq(fetch_add(0x00000001ffffffff, 0x0000000200000001, 0x8000000080000000),
		     0x0000000300000000);
	cr_assert_eq(fetch_add(0xff01ff01ff01ff01, 0x0101010101010101, 0x8080808080808080),
		     0x0002000200020002);
	cr_assert_eq(fetch_add(0xf0f0, 0xff00, UINT64_MAX), 0x0ff0);
	cr_assert_eq(fetch_add(0xffffffffffffffff, 0x0000000100000000, 0x80000000),
		     0x00000000ffffffff, "the upper field wraps alone");
}

static uint64_t cmp_swap(uint64_t old, uint64_t compare, uint64_t compare_mask, uint64_t swap_mask)
{
	const struct rdmap_atomic_request r = { .op = RDMAP_CMP_SWAP,
						.add_swap = 0x1111111111111111,
						.add_swap_mask = swap_mask,
						.compare = compare,
						.compare_mask = compare_mask };

	return rdmap_atomic_apply(&r, old);
}

Test(rdmap, apply__cmp_swap)
{
	cr_assert_eq(cmp_swap(42, 42, UINT64_MAX, UINT64_MAX), 0x1111111111111111);
	cr_assert_eq(cmp_swap(42, 43, UINT64_MAX, UINT64_MAX), 42);
	cr_assert_eq(cmp_swap(0xab42, 0xcd42, 0xff, UINT64_MAX), 0x1111111111111111);
	cr_assert_eq(cmp_swap(0xab42, 0xcd42, 0xff00, UINT64_MAX), 0xab42);
	cr_assert_eq(cmp_swap(0xab42, 0, 0, 0xff), 0xab11, "only what the mask names");
	cr_assert_eq(cmp_swap(42, 42, UINT64_MAX, 0), 42);
}

Test(rdmap, apply__changes_nothing_for_an_unknown_operation)
{
	const struct rdmap_atomic_request r = { .op = 1, .add_swap = 1 };

	cr_assert_eq(rdmap_atomic_apply(&r, 42), 42);
}
