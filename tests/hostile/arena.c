// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The victim's memory: regions with canaries between them, and a shadow of what
 * it should hold. One byte that differs anywhere fails the test.
 */
#include <stdlib.h>

#include "tests/hostile/hostile.h"

#define ARENA_SIZE ((size_t)NREGIONS * (GUARD_SIZE + REGION_SIZE) + GUARD_SIZE)

void arena_up(struct test *t)
{
	t->v.arena = malloc(ARENA_SIZE);
	t->v.shadow = malloc(ARENA_SIZE);
	require(t, t->v.arena && t->v.shadow, "malloc");
	for (size_t i = 0; i < ARENA_SIZE; i++)
		t->v.arena[i] = t->v.shadow[i] = (uint8_t)(0xa5 ^ i * 13 ^ i >> 8);
}

void arena_down(struct test *t)
{
	free(t->v.arena);
	free(t->v.shadow);
	t->v.arena = t->v.shadow = NULL;
}

static size_t offset_of(enum where where, size_t offset)
{
	return GUARD_SIZE + (size_t)where * (GUARD_SIZE + REGION_SIZE) + offset;
}

uint8_t *arena_at(const struct test *t, enum where where, size_t offset)
{
	return t->v.arena + offset_of(where, offset);
}

void arena_expect(struct test *t, enum where where, size_t offset, const void *bytes, size_t len)
{
	uint8_t *shadow = t->v.shadow + offset_of(where, offset);

	for (size_t i = 0; i < len; i++)
		shadow[i] = bytes ? ((const uint8_t *)bytes)[i] : wire_pattern(i);
}

void arena_allow(struct test *t, enum where where, size_t offset, size_t len)
{
	memcpy(t->v.shadow + offset_of(where, offset), arena_at(t, where, offset), len);
}

void arena_check(struct test *t)
{
	for (size_t i = 0; i < ARENA_SIZE; i++)
		require(t, t->v.arena[i] == t->v.shadow[i],
			"memory: byte %zu of region %zu is 0x%02x, not 0x%02x",
			i % (GUARD_SIZE + REGION_SIZE), i / (GUARD_SIZE + REGION_SIZE),
			t->v.arena[i], t->v.shadow[i]);
}
