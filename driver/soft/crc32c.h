/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* CRC32C (Castagnoli), the digest of an FPDU (RFC 5044 section 4.4). */
#ifndef IW_CRC32C_H
#define IW_CRC32C_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Start of a digest; finish with crc32c_final(). */
#define CRC32C_INIT 0xffffffffu

/*
 * Continues @crc over @len bytes. Uses the processor's instruction where there
 * is one (one stream for short pieces, three interleaved for long ones), else
 * tables; chosen once, at run time. Any alignment.
 */
uint32_t crc32c_update(uint32_t crc, const void *data, size_t len);

/* The same by tables alone, to check the others against. */
uint32_t crc32c_update_table(uint32_t crc, const void *data, size_t len);

/* Which one crc32c_update() uses: "table", "sse4.2", "sse4.2+pclmul", "armv8". */
const char *crc32c_implementation(void);

struct crc32c_impl {
	const char *name;
	bool (*usable)(void); /* on this processor */
	uint32_t (*update)(uint32_t crc, const uint8_t *data, size_t len);
};
/* All that were compiled in, from the slowest on; NULL behind the last. For tests. */
const struct crc32c_impl *crc32c_impl(size_t i);

static inline uint32_t crc32c_final(uint32_t crc)
{
	return ~crc;
}

/* On the wire the least significant byte goes first, unlike every other field. */
static inline void crc32c_store(uint8_t out[4], uint32_t final)
{
	out[0] = (uint8_t) final;
	out[1] = (uint8_t)(final >> 8);
	out[2] = (uint8_t)(final >> 16);
	out[3] = (uint8_t)(final >> 24);
}

static inline uint32_t crc32c_load(const uint8_t in[4])
{
	return (uint32_t)in[0] | (uint32_t)in[1] << 8 | (uint32_t)in[2] << 16 |
	       (uint32_t)in[3] << 24;
}

#endif
