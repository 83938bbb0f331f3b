// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "driver/kernel/khandle.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"

#define TABLE_FIRST 64

struct slot {
	void *object;
	enum khandle_kind kind;
	uint32_t generation; /* of the handle that is or was last in use here */
	uint32_t next_free;  /* index + 1; 0 ends the list */
};

struct iw_lock khandle_lock = IW_LOCK_STATIC;

static struct {
	struct slot *slots;
	uint32_t nslots, first_free;
} table;

static uint64_t handle_of(uint32_t index)
{
	return (uint64_t)table.slots[index].generation << 32 | index;
}

static int table_grow(void)
{
	uint32_t n = table.nslots ? 2 * table.nslots : TABLE_FIRST;
	struct slot *slots;

	slots = iw_calloc(n, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	if (table.nslots)
		memcpy(slots, table.slots, table.nslots * sizeof(*slots));
	for (uint32_t i = table.nslots; i < n; i++)
		slots[i].next_free = i + 1 < n ? i + 2 : 0;
	table.first_free = table.nslots + 1;
	free(table.slots);
	table.slots = slots;
	table.nslots = n;
	return 0;
}

int khandle_add(enum khandle_kind kind, void *object, uint64_t *handle)
{
	struct slot *slot;

	iw_assert_held(&khandle_lock);
	if (!table.first_free && table_grow())
		return -ENOMEM;
	slot = &table.slots[table.first_free - 1];
	/* Never 0: the kernel shows uid 0 for a child that is not accepted. */
	if (!++slot->generation)
		slot->generation = 1;
	*handle = handle_of(table.first_free - 1);
	table.first_free = slot->next_free;
	slot->object = object;
	slot->kind = kind;
	return 0;
}

void *khandle_find(enum khandle_kind kind, uint64_t handle)
{
	uint32_t index = (uint32_t)handle;

	iw_assert_held(&khandle_lock);
	if (index >= table.nslots || handle_of(index) != handle)
		return NULL;
	return table.slots[index].kind == kind ? table.slots[index].object : NULL;
}

void khandle_remove(uint64_t handle)
{
	uint32_t index = (uint32_t)handle;
	struct slot *slot = &table.slots[index];

	iw_assert_held(&khandle_lock);
	slot->object = NULL;
	slot->kind = KHANDLE_NONE;
	slot->next_free = table.first_free;
	table.first_free = index + 1;
}
