// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Frames and FPDUs, right or wrong as the caller wants them. */
#include "tests/hostile/wire.h"

#include <string.h>

uint64_t wire_get(const uint8_t *in, unsigned int bytes)
{
	uint64_t value = 0;

	while (bytes--)
		value = value << 8 | *in++;
	return value;
}

void wire_put(uint8_t *out, uint64_t value, unsigned int bytes)
{
	while (bytes--) {
		out[bytes] = (uint8_t)value;
		value >>= 8;
	}
}

uint8_t wire_pattern(size_t i)
{
	return (uint8_t)(i * 7 + (i >> 8) + 3);
}

/* One bit at a time: slow, and easily compared with the definition. */
static uint32_t crc32c(const uint8_t *in, size_t len)
{
	uint32_t crc = 0xffffffff;

	while (len--) {
		crc ^= *in++;
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return ~crc;
}

static void fill(uint8_t *out, const void *data, size_t len)
{
	if (data && len)
		memcpy(out, data, len);
	else
		for (size_t i = 0; i < len; i++)
			out[i] = wire_pattern(i);
}

size_t wire_frame(const struct wire_frame *frame, uint8_t *out)
{
	size_t words = frame->flags & MPA_S ? 4 : 0, said = words + frame->len;

	if (frame->lie)
		said = frame->lie < 0 ? 0 : (size_t)frame->lie;
	memcpy(out, frame->key, 16);
	out[16] = frame->flags;
	out[17] = frame->revision;
	wire_put(out + 18, said, 2);
	if (words) {
		wire_put(out + 20, frame->word0, 2);
		wire_put(out + 22, frame->word1, 2);
	}
	fill(out + 20 + words, frame->data, frame->len);
	return 20 + words + frame->len;
}

static size_t header_size(uint8_t ddp)
{
	return ddp & 0x80 ? 16 : 20;
}

size_t wire_fpdu_size(unsigned int ulpdu)
{
	return (2 + (size_t)ulpdu + 3) / 4 * 4 + 4;
}

static void put_crc(uint8_t *out, uint32_t crc)
{
	for (int i = 0; i < 4; i++)
		out[i] = (uint8_t)(crc >> 8 * i);
}

size_t wire_fpdu(const struct wire_segment *s, bool crc, uint8_t *out)
{
	size_t head = header_size(s->ddp), ulpdu = head - 2 + s->len, size;

	if (s->lie)
		ulpdu = s->lie < 0 ? 0 : (size_t)s->lie;
	size = wire_fpdu_size((unsigned int)ulpdu);
	memset(out, 0, size > head ? size : head);
	fill(out + head, s->payload, s->len);
	memset(out + 2 + ulpdu, 0, size - 2 - ulpdu);
	wire_put(out, ulpdu, 2);
	out[2] = s->ddp;
	out[3] = s->rdmap;
	wire_put(out + 4, s->stag, 4);
	if (s->ddp & 0x80) {
		wire_put(out + 8, s->to, 8);
	} else {
		wire_put(out + 8, s->qn, 4);
		wire_put(out + 12, s->msn, 4);
		wire_put(out + 16, s->mo, 4);
	}
	put_crc(out + size - 4, crc ? crc32c(out, size - 4) : 0);
	return size;
}

bool wire_parse(struct wire_segment *s, const uint8_t *fpdu, size_t size, bool crc)
{
	size_t head = header_size(fpdu[2]), ulpdu = wire_get(fpdu, 2);
	uint8_t good[4];

	put_crc(good, crc ? crc32c(fpdu, size - 4) : 0);
	if (memcmp(good, fpdu + size - 4, 4) != 0 || ulpdu + 2 < head)
		return false;
	*s = (struct wire_segment){ .ddp = fpdu[2], .rdmap = fpdu[3] };
	s->stag = (uint32_t)wire_get(fpdu + 4, 4);
	if (fpdu[2] & 0x80) {
		s->to = wire_get(fpdu + 8, 8);
	} else {
		s->qn = (uint32_t)wire_get(fpdu + 8, 4);
		s->msn = (uint32_t)wire_get(fpdu + 12, 4);
		s->mo = (uint32_t)wire_get(fpdu + 16, 4);
	}
	s->payload = fpdu + head;
	s->len = ulpdu + 2 - head;
	return true;
}

void wire_read_body(const struct wire_read *read, uint8_t out[28])
{
	wire_put(out, read->sink_stag, 4);
	wire_put(out + 4, read->sink_to, 8);
	wire_put(out + 12, read->size, 4);
	wire_put(out + 16, read->source_stag, 4);
	wire_put(out + 20, read->source_to, 8);
}

void wire_read_parse(struct wire_read *read, const uint8_t in[28])
{
	read->sink_stag = (uint32_t)wire_get(in, 4);
	read->sink_to = wire_get(in + 4, 8);
	read->size = (uint32_t)wire_get(in + 12, 4);
	read->source_stag = (uint32_t)wire_get(in + 16, 4);
	read->source_to = wire_get(in + 20, 8);
}

void wire_atomic_body(const struct wire_atomic *atomic, uint8_t out[52])
{
	wire_put(out, atomic->op, 4);
	wire_put(out + 4, atomic->id, 4);
	wire_put(out + 8, atomic->stag, 4);
	wire_put(out + 12, atomic->to, 8);
	wire_put(out + 20, atomic->add_swap, 8);
	wire_put(out + 28, atomic->op == 2 ? UINT64_MAX : 0, 8);
	wire_put(out + 36, atomic->compare, 8);
	wire_put(out + 44, UINT64_MAX, 8);
}
