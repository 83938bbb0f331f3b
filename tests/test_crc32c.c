// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* CRC32C: the vectors of RFC 5044 and of captures, and all implementations against each other. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "driver/soft/crc32c.h"

/* The definition, bit by bit. */
static uint32_t update_bits(uint32_t crc, const uint8_t *in, size_t len)
{
	unsigned int bit;

	for (; len; in++, len--) {
		crc ^= *in;
		for (bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
	}
	return crc;
}

static uint32_t digest(const void *data, size_t len)
{
	return crc32c_final(crc32c_update(CRC32C_INIT, data, len));
}

static void fill(uint8_t *out, size_t len)
{
	uint32_t x = 2463534242u;

	while (len--) {
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		*out++ = (uint8_t)x;
	}
}

Test(crc32c, digest__of_the_check_string)
{
	cr_assert_eq(digest("123456789", 9), 0xe3069283u);
}

Test(crc32c, digest__of_nothing)
{
	cr_assert_eq(digest("", 0), 0);
}

static void expect_wire(const void *fpdu, size_t len, const char *crc)
{
	uint8_t out[4];

	crc32c_store(out, digest(fpdu, len));
	cr_assert_arr_eq(out, crc, 4);
	cr_assert_eq(crc32c_load(out), digest(fpdu, len));
}

/* An FPDU with a Send of 24 zero bytes. */
#define SEND_24(msn) "\0\x2a\x41\x43\0\0\0\0\0\0\0\0\0\0\0" msn "\0\0\0\0"

Test(crc32c, digest__of_rfc_5044_figure_5)
{
	static const uint8_t fpdu[48] = "\0\0\0\0" SEND_24("\1");

	expect_wire(fpdu, 48, "\x52\x23\x99\x83");
	expect_wire(fpdu + 4, 44, "\xb7\x24\x3e\xc3");
}

Test(crc32c, digest__of_rfc_5044_figure_6)
{
	static const uint8_t fpdu[48] = SEND_24("\2") "\0\0\0\x14";

	expect_wire(fpdu, 48, "\x84\x92\x58\x98");
}

Test(crc32c, digest__of_captured_fpdus)
{
	static const uint8_t hello[28] = "\0\x17\x41\x43\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\0hello";
	static const uint8_t write_0[16] = "\0\x0e\xc1\x40\0\0\0\1";
	static const uint8_t read_0[48] = "\0\x2e\x41\x41\0\0\0\0\0\0\0\1\0\0\0\1\0\0\0\0"
					  "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1";

	expect_wire(hello, sizeof(hello), "\xb9\x90\xb1\x0c");
	expect_wire(write_0, sizeof(write_0), "\xeb\xd3\x4c\x5f");
	expect_wire(read_0, sizeof(read_0), "\xba\x10\xe3\xc9");
}

Test(crc32c, table__is_the_definition)
{
	uint8_t data[300];
	size_t len;

	fill(data, sizeof(data));
	for (len = 0; len <= sizeof(data); len++)
		cr_assert_eq(crc32c_update_table(CRC32C_INIT, data, len),
			     update_bits(CRC32C_INIT, data, len), "%zu bytes", len);
}

/* Up to there each length goes another way: pieces of all sizes, and two rounds of them. */
#define LEN_MAX 6200
#define ALIGN_MAX 16

Test(crc32c, all__agree_with_the_table)
{
	/* Exactly sized, so that a sanitizer sees a byte read too many. */
	uint8_t *data = malloc(LEN_MAX + ALIGN_MAX);
	const struct crc32c_impl *impl;
	size_t i, len, shift;

	cr_assert_not_null(data);
	fill(data, LEN_MAX + ALIGN_MAX);
	for (i = 0; (impl = crc32c_impl(i)); i++) {
		if (!impl->usable())
			continue;
		for (len = 0; len <= LEN_MAX; len++) {
			shift = len % ALIGN_MAX;
			cr_assert_eq(impl->update(0x12345678, data + shift, len),
				     crc32c_update_table(0x12345678, data + shift, len),
				     "%s, %zu bytes at %zu", impl->name, len, shift);
		}
		for (len = 0; len < 600; len++)
			for (shift = 0; shift < ALIGN_MAX; shift++)
				cr_assert_eq(impl->update(len, data + shift, len),
					     crc32c_update_table(len, data + shift, len),
					     "%s, %zu bytes at %zu", impl->name, len, shift);
	}
	free(data);
}

Test(crc32c, update__reads_nothing_behind_the_end)
{
	const struct crc32c_impl *impl;
	size_t i, len;

	for (i = 0; (impl = crc32c_impl(i)); i++) {
		for (len = 0; impl->usable() && len < 1000; len++) {
			uint8_t *data = calloc(1, len ? len : 1);

			cr_assert_not_null(data);
			cr_assert_eq(impl->update(1, data, len), crc32c_update_table(1, data, len));
			free(data);
		}
	}
}

Test(crc32c, update__continues_across_any_split)
{
	uint8_t data[1500];
	uint32_t whole;
	size_t i;

	fill(data, sizeof(data));
	whole = crc32c_update(CRC32C_INIT, data, sizeof(data));
	for (i = 0; i <= sizeof(data); i++) {
		uint32_t crc = crc32c_update(CRC32C_INIT, data, i);

		crc = crc32c_update(crc, data + i, sizeof(data) - i);
		cr_assert_eq(crc, whole, "split at %zu", i);
	}
}

Test(crc32c, implementation__is_the_last_usable)
{
	const struct crc32c_impl *impl, *last = NULL;
	size_t i;

	for (i = 0; (impl = crc32c_impl(i)); i++)
		if (impl->usable())
			last = impl;
	cr_assert_not_null(last);
	cr_assert_str_eq(crc32c_implementation(), last->name);
}
