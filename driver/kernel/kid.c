// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "driver/kernel/kid.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/list.h"

#define TABLE_FIRST 64

struct slot {
	struct kid *kid;
	uint32_t generation; /* of the handle that is or was last in use here */
	uint32_t next_free;  /* index + 1; 0 ends the list */
};

/*
 * The lock protects the table, the sources' lists of children and the fields
 * that struct kid names. One for the process: it is held for some instructions
 * only, next to a system call each time, and an object can change its source.
 * Nothing else is locked inside it.
 */
static struct {
	struct iw_lock lock;
	struct slot *slots;
	uint32_t nslots, first_free;
} table = { .lock = IW_LOCK_STATIC };

void kid_fork_begin(void)
{
	iw_lock(&table.lock);
}

void kid_fork_end(void)
{
	iw_unlock(&table.lock);
}

/* ----------------------------------------------------------------- Handles */

static uint64_t handle_of(uint32_t index)
{
	return (uint64_t)table.slots[index].generation << 32 | index;
}

static int table_grow(void)
{
	uint32_t n = table.nslots ? 2 * table.nslots : TABLE_FIRST;
	struct slot *slots;

	iw_assert_held(&table.lock);
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

static int table_add(struct kid *kid)
{
	struct slot *slot;

	iw_assert_held(&table.lock);
	if (!table.first_free && table_grow())
		return -ENOMEM;
	slot = &table.slots[table.first_free - 1];
	/* Never 0: the kernel shows uid 0 for a child that is not accepted. */
	if (!++slot->generation)
		slot->generation = 1;
	kid->handle = handle_of(table.first_free - 1);
	table.first_free = slot->next_free;
	slot->kid = kid;
	return 0;
}

static void table_remove(struct kid *kid)
{
	uint32_t index = (uint32_t)kid->handle;

	iw_assert_held(&table.lock);
	table.slots[index].kid = NULL;
	table.slots[index].next_free = table.first_free;
	table.first_free = index + 1;
	if (kid->listed)
		TAILQ_REMOVE(&kid->source->children, kid, sibling);
	kid->listed = false;
}

static struct kid *table_find(uint64_t handle)
{
	uint32_t index = (uint32_t)handle;

	iw_assert_held(&table.lock);
	if (index >= table.nslots || handle_of(index) != handle)
		return NULL;
	return table.slots[index].kid;
}

/* -------------------------------------------------------------------- Life */

int kid_new(struct iw_source *source, bool passive, struct kid **kid)
{
	struct kid *new = iw_calloc(1, sizeof(*new));
	int ret;

	if (!new)
		return -ENOMEM;
	new->source = source;
	new->passive = passive;
	iw_cond_init(&new->finished);
	iw_lock(&table.lock);
	ret = table_add(new);
	iw_unlock(&table.lock);
	if (ret) {
		iw_cond_fini(&new->finished);
		free(new);
		return ret;
	}
	*kid = new;
	return 0;
}

void kid_name(struct kid *kid, struct iw_cm_id *id, uint32_t kernel_id)
{
	iw_lock(&table.lock);
	kid->id = id;
	kid->kernel_id = kernel_id;
	iw_unlock(&table.lock);
}

/* Of an object that the table does not name any more. */
static void release(struct kid *kid)
{
	iw_cond_fini(&kid->finished);
	free(kid);
}

void kid_free(struct kid *kid)
{
	if (!kid)
		return;
	iw_lock(&table.lock);
	table_remove(kid);
	iw_unlock(&table.lock);
	release(kid);
}

void kid_list_child(struct kid *kid)
{
	iw_lock(&table.lock);
	TAILQ_INSERT_TAIL(&kid->source->children, kid, sibling);
	kid->listed = true;
	iw_unlock(&table.lock);
}

struct kid *kid_pin(uint64_t handle)
{
	struct kid *kid;

	iw_lock(&table.lock);
	kid = table_find(handle);
	if (kid)
		kid->busy++;
	iw_unlock(&table.lock);
	return kid;
}

/*
 * Kernels before 5.10 can show ESTABLISHED with uid 0, so this walk is rare.
 * The kernel uses its ids again: of two equal ones the older still waits for
 * an event that was fetched before the younger was born.
 */
struct kid *kid_pin_child(struct iw_source *source, uint32_t kernel_id)
{
	struct kid *kid;

	iw_lock(&table.lock);
	TAILQ_FOREACH (kid, &source->children, sibling)
		if (kid->kernel_id == kernel_id)
			break;
	if (kid)
		kid->busy++;
	iw_unlock(&table.lock);
	return kid;
}

/* ----------------------------------------------------------------- Attempts */

void kid_attempt(struct kid *kid, bool begun)
{
	iw_lock(&table.lock);
	kid->pending = begun;
	iw_unlock(&table.lock);
}

enum kid_hearing kid_outcome(struct kid *kid)
{
	enum kid_hearing hearing = KID_HEARD_BY_CORE;

	iw_lock(&table.lock);
	if (kid->parked && kid->pending)
		hearing = KID_HEARD_BY_PARK;
	else if (kid->parked || kid->cancelled)
		hearing = KID_HEARD_BY_NOBODY;
	kid->pending = false;
	iw_unlock(&table.lock);
	return hearing;
}

bool kid_park(struct kid *kid)
{
	bool pending;

	iw_lock(&table.lock);
	kid->parked = true;
	pending = kid->pending;
	iw_unlock(&table.lock);
	return pending;
}

bool kid_cancel(struct kid *kid)
{
	bool now;

	iw_lock(&table.lock);
	now = kid->pending && !kid->cancelled;
	kid->cancelled |= now;
	iw_unlock(&table.lock);
	return now;
}

bool kid_is_pending(struct kid *kid)
{
	bool pending;

	iw_lock(&table.lock);
	pending = kid->pending;
	iw_unlock(&table.lock);
	return pending;
}

bool kid_is_cancelled(struct kid *kid)
{
	bool cancelled;

	iw_lock(&table.lock);
	cancelled = kid->cancelled;
	iw_unlock(&table.lock);
	return cancelled;
}

/* ---------------------------------------------------------------------- End */

static bool all_seen(const struct kid *kid, uint32_t reported)
{
	return (int32_t)(kid->seen - reported) >= 0;
}

/* Takes the object out of the table if nobody needs it any more. */
static bool remove_if_done(struct kid *kid)
{
	iw_assert_held(&table.lock);
	if (!kid->gone || kid->busy || !all_seen(kid, kid->reported))
		return false;
	table_remove(kid);
	return true;
}

static void put_and_release(struct kid *kid)
{
	struct iw_cm_id *id = kid->id;

	release(kid);
	iw_cm_driver_put(id);
}

void kid_unpin(struct kid *kid)
{
	bool done;

	iw_lock(&table.lock);
	kid->busy--;
	kid->seen++;
	if (kid->waiting)
		iw_cond_broadcast(&kid->finished);
	done = remove_if_done(kid);
	iw_unlock(&table.lock);
	if (done)
		put_and_release(kid);
}

void kid_retire(struct kid *kid, const uint32_t *reported)
{
	bool done;

	iw_lock(&table.lock);
	kid->gone = true;
	kid->reported = reported ? *reported : kid->seen;
	done = remove_if_done(kid);
	iw_unlock(&table.lock);
	if (done)
		put_and_release(kid);
}

void kid_drop(struct kid *kid)
{
	struct iw_cm_id *id = kid->id;

	iw_lock(&table.lock);
	table_remove(kid);
	iw_unlock(&table.lock);
	/* The condition stays: destroying it would wait for the parent's waiter. */
	free(kid);
	iw_cm_driver_put(id);
}

bool kid_move(struct kid *kid, uint32_t reported, struct iw_source *source, unsigned int ms)
{
	bool in_time = true;

	iw_lock(&table.lock);
	kid->waiting++;
	while (in_time && (kid->busy || !all_seen(kid, reported)))
		in_time = iw_cond_wait_ms(&kid->finished, &table.lock, ms);
	kid->waiting--;
	if (kid->listed) {
		TAILQ_REMOVE(&kid->source->children, kid, sibling);
		TAILQ_INSERT_TAIL(&source->children, kid, sibling);
	}
	kid->source = source;
	iw_unlock(&table.lock);
	return in_time;
}
