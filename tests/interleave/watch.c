// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Of each eight bytes the last accesses, as far as later ones could still race
 * with them. Two are ordered if the later one's actor has, through objects that
 * both touched, seen the step of the earlier one.
 */
#include "tests/interleave/watch.h"

#include <dlfcn.h>
#include <errno.h>
#include <sys/mman.h>

#include "tests/interleave/run.h"

#define UNIT 8
#define RECORDS 7

struct record {
	uint8_t bytes; /* of the unit, a mask */
	uint8_t slot : 7;
	uint8_t write : 1;
	uint16_t when;
	uint32_t pc; /* within the program */
};

/* One cache line. */
struct unit {
	uint32_t schedule; /* of another one: empty */
	uint32_t n;
	struct record records[RECORDS];
};

struct area {
	uintptr_t start, end;
	struct unit *units;
};

static struct area areas[IL_WATCH_AREAS];
static unsigned int nareas;
static uintptr_t base;

int il_watch_area(const void *memory, size_t size)
{
	size_t units = size / UNIT + 1;
	Dl_info info;
	void *table;

	if (nareas == IL_WATCH_AREAS)
		return -ENOMEM;
	table = mmap(NULL, units * sizeof(struct unit), PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (table == MAP_FAILED)
		return -ENOMEM;
	if (!base && dladdr((void *)(uintptr_t)il_watch_area, &info))
		base = (uintptr_t)info.dli_fbase;
	areas[nareas++] = (struct area){ .start = (uintptr_t)memory,
					 .end = (uintptr_t)memory + size,
					 .units = table };
	return 0;
}

static const struct area *area_of(uintptr_t address)
{
	for (unsigned int i = 0; i < nareas; i++)
		if (address >= areas[i].start && address < areas[i].end)
			return &areas[i];
	return NULL;
}

/*
 * What comes after an unlock or a signal is not seen by who takes the lock or is
 * woken, though the steps are ordered: each step has two times.
 */
static uint16_t now(const struct il_actor *actor, int slot)
{
	return (uint16_t)(2 * actor->clock.at[slot] + actor->released);
}

static bool has_seen(const struct il_actor *actor, const struct record *record)
{
	return 2 * actor->clock.at[record->slot] >= record->when;
}

static _Noreturn void tell_race(const struct record *mine, const struct record *other,
				uintptr_t address)
{
	char name[48];

	il_memory_print((const void *)address, name, sizeof(name));
	il_violation("data race: %s %s at pc 0x%lx, %s %s it at pc 0x%lx, and nothing orders them",
		     mine->write ? "writes" : "reads", name, (unsigned long)mine->pc,
		     il_run.actors[other->slot].name, other->write ? "wrote" : "read",
		     (unsigned long)other->pc);
}

/* @old says nothing any more that @new does not say. */
static bool is_covered(const struct record *old, const struct record *new, bool seen)
{
	if (old->bytes & ~new->bytes || (old->write && !new->write))
		return false;
	return seen;
}

static void unit_access(struct unit *unit, const struct record *new, uintptr_t address)
{
	const struct il_actor *self = il_self();
	uint32_t kept = 0;

	if (unit->schedule != (uint32_t)il_run.schedule) {
		unit->schedule = (uint32_t)il_run.schedule;
		unit->n = 0;
	}
	for (uint32_t i = 0; i < unit->n; i++) {
		const struct record *old = &unit->records[i];
		bool seen = old->slot == new->slot || has_seen(self, old);

		if (!seen && (old->write || new->write) && (old->bytes & new->bytes))
			tell_race(new, old, address);
		if (!is_covered(old, new, seen))
			unit->records[kept++] = *old;
	}
	if (kept == RECORDS) /* the oldest is forgotten */
		for (kept = 0; kept < RECORDS - 1; kept++)
			unit->records[kept] = unit->records[kept + 1];
	unit->records[kept] = *new;
	unit->n = kept + 1;
}

void il_watch_access(const void *memory, size_t size, bool write, uintptr_t pc)
{
	uintptr_t at = (uintptr_t)memory, end = at + size;
	const struct area *area = area_of(at);
	const struct il_actor *self = il_self();
	struct record new;
	char name[48];

	if (!area || !self || il_run.asking)
		return;
	if (il_memory_is_dead(memory)) {
		il_memory_print(memory, name, sizeof(name));
		il_violation("use after free: %s %s at pc 0x%lx", write ? "writes" : "reads", name,
			     (unsigned long)(pc - base));
	}
	new = (struct record){ .slot = (uint8_t)il_run.current,
			       .write = write,
			       .when = now(self, il_run.current),
			       .pc = (uint32_t)(pc - base) };
	while (at < end) {
		uintptr_t first = (at - area->start) % UNIT;
		uintptr_t n = UNIT - first < end - at ? UNIT - first : end - at;

		new.bytes = (uint8_t)(((1u << n) - 1) << first);
		unit_access(&area->units[(at - area->start) / UNIT], &new, at);
		at += n;
	}
}
