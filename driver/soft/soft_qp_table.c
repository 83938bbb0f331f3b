// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * QP numbers: 24 bits, the slot in a table that grows and above it how often the
 * slot has been used, so that a number comes back late. Freed slots wait in line.
 */
#include <errno.h>
#include <stdlib.h>

#include "driver/soft/soft_fork.h"
#include "driver/soft/soft_qp.h"

#define SLOT_BITS 17
#define FIRST_SLOT 2 /* 0 and 1 are special QPs elsewhere */
#define FIRST_SIZE 64
#define NO_SLOT 0

_Static_assert(SOFT_MAX_QP == (1 << SLOT_BITS) - FIRST_SLOT, "as many as we announce");

struct slot {
	struct soft_qp *qp;
	uint32_t next_free;
	uint8_t uses; /* upper bits of the number */
};

/* @table_lock protects: all of the table. */
static struct iw_lock table_lock = IW_LOCK_STATIC;
static struct {
	struct slot *slots;
	uint32_t size, used; /* slots that were ever used: below @used */
	uint32_t free_first, free_last;
	uint64_t serials; /* given out */
} table = { .used = FIRST_SLOT };

static pthread_once_t fork_once = PTHREAD_ONCE_INIT;

static void watch_forks(void)
{
	soft_fork_guard(&table_lock);
}

static int grow(void)
{
	uint32_t size = table.size ? table.size * 2 : FIRST_SIZE;
	struct slot *slots;

	if (table.used >= 1u << SLOT_BITS)
		return -ENOMEM;
	slots = iw_calloc(size, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	if (table.size)
		memcpy(slots, table.slots, table.size * sizeof(*slots));
	free(table.slots);
	table.slots = slots;
	table.size = size;
	return 0;
}

static int take_slot(uint32_t *slot)
{
	int rc;

	if (table.used < table.size) {
		*slot = table.used++;
		return 0;
	}
	if (table.free_first != NO_SLOT) {
		*slot = table.free_first;
		table.free_first = table.slots[*slot].next_free;
		if (table.free_first == NO_SLOT)
			table.free_last = NO_SLOT;
		return 0;
	}
	rc = grow();
	if (!rc)
		*slot = table.used++;
	return rc;
}

int soft_qp_table_add(struct soft_qp *qp)
{
	uint32_t slot;
	int rc;

	pthread_once(&fork_once, watch_forks);
	iw_lock(&table_lock);
	rc = take_slot(&slot);
	if (!rc) {
		table.slots[slot].qp = qp;
		qp->serial = ++table.serials;
		qp->ibv.qp_num = ((uint32_t)table.slots[slot].uses << SLOT_BITS | slot) & 0xffffff;
	}
	iw_unlock(&table_lock);
	return rc;
}

void soft_qp_table_remove(struct soft_qp *qp)
{
	uint32_t slot = qp->ibv.qp_num & ((1u << SLOT_BITS) - 1);

	iw_lock(&table_lock);
	table.slots[slot].qp = NULL;
	table.slots[slot].uses++;
	table.slots[slot].next_free = NO_SLOT;
	if (table.free_last == NO_SLOT)
		table.free_first = slot;
	else
		table.slots[table.free_last].next_free = slot;
	table.free_last = slot;
	iw_unlock(&table_lock);
}

struct soft_qp *soft_qp_find(uint32_t qp_num)
{
	uint32_t slot = qp_num & ((1u << SLOT_BITS) - 1);
	struct soft_qp *qp = NULL;

	iw_lock(&table_lock);
	if (slot < table.used && slot < table.size)
		qp = table.slots[slot].qp;
	if (qp && qp->ibv.qp_num == qp_num)
		soft_qp_get(qp);
	else
		qp = NULL;
	iw_unlock(&table_lock);
	return qp;
}
