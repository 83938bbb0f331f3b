// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The memory of a schedule: one arena, from which blocks are cut one after the
 * other and never given out twice, so that addresses are the same in every run
 * and freed memory keeps its poison until the end.
 */
#include <string.h>
#include <sys/mman.h>

#include "tests/interleave/run.h"
#include "tests/interleave/sanitize.h"
#include "tests/interleave/watch.h"

#define ARENA_SIZE (1024 * 1024)
#define GRAIN 16
#define GAP GRAIN /* behind each block: nobody's */
#define POISON 0x6b
#define BLOCKS_MAX 1024

struct block {
	size_t offset, size;
	bool freed;
	const char *by; /* who allocated it, then who freed it */
};

static char *arena;
static unsigned char live[ARENA_SIZE / GRAIN]; /* of each grain: allocated now */
static struct block blocks[BLOCKS_MAX];
static unsigned int nblocks;
static size_t used;
static char wrong[160];

void il_memory_begin(void)
{
	if (!arena) {
		arena = mmap(NULL, ARENA_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			     -1, 0);
		if (arena == MAP_FAILED) {
			arena = NULL;
			return; /* il_calloc() has nothing to give */
		}
		il_watch_area(arena, ARENA_SIZE);
	}
	memset(live, 0, used / GRAIN);
	il_poison(arena, ARENA_SIZE);
	nblocks = 0;
	used = 0;
}

static size_t round_up(size_t size)
{
	return (size + GRAIN - 1) / GRAIN * GRAIN;
}

void *il_calloc(size_t n, size_t size)
{
	size_t bytes = n * size, rounded = round_up(bytes);
	struct block *block = &blocks[nblocks];
	char *memory;

	if (!arena || nblocks == BLOCKS_MAX || bytes > ARENA_SIZE - used ||
	    rounded + GAP > ARENA_SIZE - used)
		il_violation("the arena of a schedule is full: %zu bytes in %u blocks", used,
			     nblocks);
	*block = (struct block){ .offset = used, .size = bytes, .by = il_actor_name() };
	nblocks++;
	memory = arena + used;
	used += rounded + GAP;
	memset(live + block->offset / GRAIN, 1, rounded / GRAIN);
	il_unpoison(memory, bytes);
	memset(memory, 0, bytes);
	return memory;
}

static struct block *block_of(const void *memory)
{
	size_t offset = (size_t)((const char *)memory - arena);

	for (unsigned int i = nblocks; i--;)
		if (blocks[i].offset == offset)
			return &blocks[i];
	return NULL;
}

void il_free(void *memory)
{
	struct block *block;

	if (!memory)
		return;
	block = block_of(memory);
	il_check(block, "free of what was never allocated");
	il_check(!block->freed, "block#%u (%zu bytes) is freed twice, first by %s",
		 (unsigned int)(block - blocks) + 1, block->size, block->by);
	il_watch_access(memory, block->size, true, (uintptr_t)__builtin_return_address(0));
	block->freed = true;
	block->by = il_actor_name();
	memset(memory, POISON, block->size);
	memset(live + block->offset / GRAIN, 0, round_up(block->size) / GRAIN);
	il_poison(memory, block->size);
}

bool il_memory_is_dead(const void *address)
{
	size_t offset = (size_t)((const char *)address - arena);

	return arena && (const char *)address >= arena && offset < ARENA_SIZE &&
	       !live[offset / GRAIN];
}

void il_memory_print(const void *address, char *buf, size_t size)
{
	size_t offset = (size_t)((const char *)address - arena);

	for (unsigned int i = nblocks; offset < used && i--;)
		if (blocks[i].offset <= offset) {
			snprintf(buf, size, "block#%u+%zu", i + 1, offset - blocks[i].offset);
			return;
		}
	il_statics_print(address, buf, size);
}

static bool is_poison(const char *memory, size_t size)
{
	return !size || (*memory == POISON && !memcmp(memory, memory + 1, size - 1));
}

const char *il_memory_end(void)
{
	for (unsigned int i = 0; i < nblocks; i++) {
		const struct block *block = &blocks[i];
		const char *memory = arena + block->offset;

		if (!block->freed) {
			snprintf(wrong, sizeof(wrong), "leak: block#%u (%zu bytes) of %s", i + 1,
				 block->size, block->by);
			return wrong;
		}
		il_unpoison(memory, block->size);
		if (!is_poison(memory, block->size)) {
			snprintf(wrong, sizeof(wrong),
				 "block#%u (%zu bytes) was written to after %s had freed it", i + 1,
				 block->size, block->by);
			return wrong;
		}
	}
	return NULL;
}
