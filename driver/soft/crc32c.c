// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CRC32C by tables, by the instructions of x86-64 and by those of ARMv8. The
 * choice is made once, when the library is loaded and no thread of ours exists,
 * so that a digest costs one indirect call and no synchronisation.
 *
 * Everything is in the reflected representation: bit 31 of a digest is the
 * coefficient of x^0.
 */
#include "driver/soft/crc32c.h"

#include <endian.h>
#include <string.h>

#include "base/bytes.h"

#define POLYNOMIAL 0x82f63b78u
#define SLICES 8

/* tables[k][b]: the digest of the byte b and k zero bytes behind it, from zero. */
static uint32_t tables[SLICES][256];

static void init_tables(void)
{
	unsigned int b, k, bit;

	for (b = 0; b < 256; b++) {
		uint32_t crc = b;

		for (bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? POLYNOMIAL : 0);
		tables[0][b] = crc;
	}
	for (k = 1; k < SLICES; k++)
		for (b = 0; b < 256; b++)
			tables[k][b] = tables[k - 1][b] >> 8 ^ tables[0][tables[k - 1][b] & 0xff];
}

static inline uint64_t load_word(const uint8_t *in)
{
	uint64_t v;

	memcpy(&v, in, sizeof(v));
	return le64toh(v);
}

static bool always(void)
{
	return true;
}

static uint32_t update_table(uint32_t crc, const uint8_t *in, size_t len)
{
	unsigned int k;

	for (; len >= SLICES; in += SLICES, len -= SLICES) {
		uint64_t word = load_word(in) ^ crc;

		for (crc = 0, k = 0; k < SLICES; k++, word >>= 8)
			crc ^= tables[SLICES - 1 - k][word & 0xff];
	}
	for (; len; in++, len--)
		crc = crc >> 8 ^ tables[0][(crc ^ *in) & 0xff];
	return crc;
}

#ifdef __x86_64__
#include <nmmintrin.h>
#include <wmmintrin.h>

static bool have_sse42(void)
{
	return __builtin_cpu_supports("sse4.2");
}

/* One stream: the instruction's latency bounds it, but nothing has to be put together. */
__attribute__((target("sse4.2"))) static inline uint32_t update_sse42(uint32_t crc,
								      const uint8_t *in, size_t len)
{
	uint64_t wide = crc;
	uint32_t half;

	for (; len >= 8; in += 8, len -= 8)
		wide = _mm_crc32_u64(wide, load_word(in));
	crc = (uint32_t)wide;
	if (len & 4) {
		memcpy(&half, in, sizeof(half));
		crc = _mm_crc32_u32(crc, half);
		in += 4;
	}
	for (len &= 3; len; in++, len--)
		crc = _mm_crc32_u8(crc, *in);
	return crc;
}

/*
 * Three streams over three neighbouring pieces of as many words hide the latency.
 * They are put together by moving the first two digests over what lies behind
 * them: a multiplication by x^(64 n), n the words skipped.
 */
#define PIECE_MAX 128	  /* words a piece; as long as to make the multiplications cheap */
#define THREE_WAY_MIN 256 /* bytes; below one stream is as fast */

/* shifts[n - 1]: x^(64 n - 33). A carry-less product brings x, the instruction x^32. */
static uint32_t shifts[2 * PIECE_MAX];

static void init_shifts(void)
{
	static const uint8_t zeros[8];
	size_t i;

	shifts[0] = 1; /* x^31 */
	for (i = 1; i < IW_ARRAY_SIZE(shifts); i++)
		shifts[i] = update_table(shifts[i - 1], zeros, sizeof(zeros));
}

static bool have_pclmul(void)
{
	return have_sse42() && __builtin_cpu_supports("pclmul");
}

/* @crc moved over @words words, before the reduction that _mm_crc32_u64() makes. */
__attribute__((target("sse4.2,pclmul"))) static inline uint64_t move_digest(uint64_t crc,
									    size_t words)
{
	return (uint64_t)_mm_cvtsi128_si64(_mm_clmulepi64_si128(
		_mm_cvtsi64_si128((long long)crc), _mm_cvtsi32_si128((int)shifts[words - 1]), 0));
}

/* Three times @words words. */
__attribute__((target("sse4.2,pclmul"))) static inline uint32_t
update_pieces(uint32_t crc, const uint8_t *in, size_t words)
{
	const uint8_t *end = in + 8 * words;
	uint64_t a = crc, b = 0, c = 0;

	for (; in < end; in += 8) {
		a = _mm_crc32_u64(a, load_word(in));
		b = _mm_crc32_u64(b, load_word(in + 8 * words));
		c = _mm_crc32_u64(c, load_word(in + 16 * words));
	}
	return (uint32_t)(_mm_crc32_u64(0, move_digest(a, 2 * words) ^ move_digest(b, words)) ^ c);
}

__attribute__((target("sse4.2,pclmul"))) static uint32_t
update_pclmul(uint32_t crc, const uint8_t *in, size_t len)
{
	while (len >= THREE_WAY_MIN) {
		size_t words = iw_min_size(len / 24, PIECE_MAX);

		crc = update_pieces(crc, in, words);
		in += 24 * words;
		len -= 24 * words;
	}
	return update_sse42(crc, in, len);
}
#endif

#ifdef __aarch64__
#include <sys/auxv.h>

#ifndef HWCAP_CRC32
#define HWCAP_CRC32 (1 << 7)
#endif

static bool have_armv8(void)
{
	return getauxval(AT_HWCAP) & HWCAP_CRC32;
}

/* In assembly, since compilers disagree about how to enable their intrinsics for one function. */
static inline uint32_t step_word(uint32_t crc, uint64_t word)
{
	__asm__(".arch_extension crc\n\tcrc32cx %w0, %w0, %x1" : "+r"(crc) : "r"(word));
	return crc;
}

static inline uint32_t step_byte(uint32_t crc, uint32_t byte)
{
	__asm__(".arch_extension crc\n\tcrc32cb %w0, %w0, %w1" : "+r"(crc) : "r"(byte));
	return crc;
}

static uint32_t update_armv8(uint32_t crc, const uint8_t *in, size_t len)
{
	for (; len >= 8; in += 8, len -= 8)
		crc = step_word(crc, load_word(in));
	for (; len; in++, len--)
		crc = step_byte(crc, *in);
	return crc;
}
#endif

/* From the slowest on: the last usable one is taken. */
static const struct crc32c_impl impls[] = {
	{ "table", always, update_table },
#ifdef __x86_64__
	{ "sse4.2", have_sse42, update_sse42 },
	{ "sse4.2+pclmul", have_pclmul, update_pclmul },
#endif
#ifdef __aarch64__
	{ "armv8", have_armv8, update_armv8 },
#endif
};

static const struct crc32c_impl *chosen = &impls[0];

__attribute__((constructor)) static void choose(void)
{
	size_t i;

	init_tables();
#ifdef __x86_64__
	init_shifts();
	__builtin_cpu_init(); /* constructors may run before libgcc's own */
#endif
	for (i = 0; i < IW_ARRAY_SIZE(impls); i++)
		if (impls[i].usable())
			chosen = &impls[i];
}

uint32_t crc32c_update(uint32_t crc, const void *data, size_t len)
{
	return chosen->update(crc, data, len);
}

uint32_t crc32c_update_table(uint32_t crc, const void *data, size_t len)
{
	return update_table(crc, data, len);
}

const char *crc32c_implementation(void)
{
	return chosen->name;
}

const struct crc32c_impl *crc32c_impl(size_t i)
{
	return i < IW_ARRAY_SIZE(impls) ? &impls[i] : NULL;
}
