/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Small helpers on memory: from a member to its container, array sizes,
 * minimum and maximum, and copies that cannot overrun.
 */
#ifndef IW_BYTES_H
#define IW_BYTES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define iw_container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#define IW_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static inline size_t iw_min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

static inline uint32_t iw_min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* The least power of two that is not below @n, which is at most 2^31. */
static inline uint32_t iw_power_of_two(uint32_t n)
{
	uint32_t size = 1;

	while (size < n)
		size *= 2;
	return size;
}

/* Copy at most @room bytes; returns how many were copied. NULL with 0 is fine. */
static inline size_t iw_copy(void *to, size_t room, const void *from, size_t len)
{
	size_t n = iw_min_size(room, len);

	if (n)
		memcpy(to, from, n);
	return n;
}

#endif
