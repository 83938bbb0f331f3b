// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The objects that steps touch, found by address: an open hash table whose
 * entries of earlier schedules count as free. They are numbered in the order in
 * which a schedule meets them, so that reports say the same in every run.
 */
#include <string.h>

#include "tests/interleave/run.h"

#define TABLE_SIZE 1024 /* a power of two */
#define TABLE_FULL (TABLE_SIZE / 2)

static struct il_object table[TABLE_SIZE];
static unsigned int used;
static unsigned long used_in;

static size_t slot_of(const void *address)
{
	uint64_t hash = (uint64_t)(uintptr_t)address * UINT64_C(0x9e3779b97f4a7c15);

	return (size_t)(hash >> 32) & (TABLE_SIZE - 1);
}

static unsigned int count_of(const char *name)
{
	unsigned int n = 0;

	for (size_t i = 0; i < TABLE_SIZE; i++)
		n += table[i].schedule == il_run.schedule && !strcmp(table[i].name, name);
	return n;
}

struct il_object *il_object_of(const void *address, const char *kind)
{
	struct il_object *object;
	size_t i = slot_of(address);

	while (table[i].schedule == il_run.schedule) {
		if (table[i].address == address)
			return &table[i];
		i = (i + 1) & (TABLE_SIZE - 1);
	}
	if (used_in != il_run.schedule)
		used = 0;
	used_in = il_run.schedule;
	if (++used > TABLE_FULL)
		il_violation("more than %d objects in a schedule", TABLE_FULL);
	object = &table[i];
	object->address = address;
	object->name = kind;
	object->number = used;
	object->schedule = il_run.schedule;
	object->last = -1;
	memset(&object->clock, 0, sizeof(object->clock));
	return object;
}

void il_name(const void *address, const char *name)
{
	struct il_object *object = il_object_of(address, name);

	object->name = name;
	object->number = count_of(name);
}

void il_object_print(const struct il_object *object, char *buf, size_t size)
{
	if (object)
		snprintf(buf, size, "%s#%u", object->name, object->number);
	else
		snprintf(buf, size, "-");
}
