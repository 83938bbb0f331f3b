// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * A hash set that grows up to a limit; beyond it nothing is added, which makes
 * the exploration longer, never less.
 */
#include <stdlib.h>

#include "tests/interleave/explore.h"

#define FIRST_SIZE ((size_t)1 << 16)
#define LAST_SIZE ((size_t)1 << 23)

struct entry {
	uint64_t state; /* 0: free */
	uint32_t preemptions;
};

struct il_visited {
	struct entry *entries;
	size_t size, used;
};

struct il_visited *il_visited_new(void)
{
	struct il_visited *visited = calloc(1, sizeof(*visited));

	if (!visited)
		return NULL;
	visited->size = FIRST_SIZE;
	visited->entries = calloc(visited->size, sizeof(*visited->entries));
	if (!visited->entries) {
		free(visited);
		return NULL;
	}
	return visited;
}

void il_visited_free(struct il_visited *visited)
{
	if (!visited)
		return;
	free(visited->entries);
	free(visited);
}

/* Of @state, or the free one where it belongs. */
static struct entry *entry_of(struct entry *entries, size_t size, uint64_t state)
{
	size_t i = (size_t)state & (size - 1);

	while (entries[i].state && entries[i].state != state)
		i = (i + 1) & (size - 1);
	return &entries[i];
}

/* False: it cannot take more. */
static bool make_room(struct il_visited *visited)
{
	struct entry *bigger;

	if (visited->used < visited->size / 4 * 3)
		return true;
	if (visited->size == LAST_SIZE)
		return false;
	bigger = calloc(visited->size * 2, sizeof(*bigger));
	if (!bigger)
		return false;
	for (size_t i = 0; i < visited->size; i++)
		if (visited->entries[i].state)
			*entry_of(bigger, visited->size * 2, visited->entries[i].state) =
				visited->entries[i];
	free(visited->entries);
	visited->entries = bigger;
	visited->size *= 2;
	return true;
}

bool il_visited_before(struct il_visited *visited, uint64_t state, unsigned int preemptions)
{
	struct entry *entry;

	if (!state)
		state = 1;
	entry = entry_of(visited->entries, visited->size, state);
	if (entry->state && entry->preemptions <= preemptions)
		return true;
	if (!entry->state) {
		if (!make_room(visited))
			return false;
		entry = entry_of(visited->entries, visited->size, state);
		visited->used++;
	}
	*entry = (struct entry){ .state = state, .preemptions = preemptions };
	return false;
}
