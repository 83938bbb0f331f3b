/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Fields as they lie on the wire: big-endian, at any alignment. The digest of an
 * FPDU is the one exception; crc32c.h has it.
 */
#ifndef IW_WIRE_H
#define IW_WIRE_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t wire_get16(const uint8_t *in)
{
	uint16_t v;

	memcpy(&v, in, sizeof(v));
	return be16toh(v);
}

static inline uint32_t wire_get32(const uint8_t *in)
{
	uint32_t v;

	memcpy(&v, in, sizeof(v));
	return be32toh(v);
}

static inline uint64_t wire_get64(const uint8_t *in)
{
	uint64_t v;

	memcpy(&v, in, sizeof(v));
	return be64toh(v);
}

static inline void wire_put16(uint8_t *out, uint16_t v)
{
	v = htobe16(v);
	memcpy(out, &v, sizeof(v));
}

static inline void wire_put32(uint8_t *out, uint32_t v)
{
	v = htobe32(v);
	memcpy(out, &v, sizeof(v));
}

static inline void wire_put64(uint8_t *out, uint64_t v)
{
	v = htobe64(v);
	memcpy(out, &v, sizeof(v));
}

#endif
