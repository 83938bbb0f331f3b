// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The table of STags. What an entry means is soft_mr's business.
 */
#include "driver/soft/soft_stag.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "driver/soft/soft_fork.h"
#include "driver/soft/soft_stall.h"

#define VALID (1ull << 31)
#define PINS (VALID - 1)
#define LINE 64
#define CHUNK 256
#define SLOTS (SOFT_MAX_MR + 4 * SOFT_STAG_RESERVE)
#define ROUNDS 4
#define HALF_BITS 12
#define HALF_MASK ((1u << HALF_BITS) - 1)
#define SPINS 64
#define YIELDS 64
#define NAP_NS 20000

_Static_assert(sizeof(struct soft_region) == LINE, "an entry fills its cache line");
_Static_assert(SLOTS % CHUNK == 0, "the last chunk is whole");
_Static_assert(SLOTS < 1 << (2 * HALF_BITS), "slots fit the index of an STag");

/*
 * @lock protects: all but what pins read, @chunks and @seeded, which are written
 * under it and read atomically, and @keys, which are constant once seeded; a
 * forked child is seeded anew. It is innermost: nobody takes another lock, waits
 * or pins while holding it.
 */
static struct {
	struct iw_lock lock;
	bool seeded;
	struct {
		uint32_t add, multiply;
	} keys[ROUNDS];
	uint8_t key_start, key_step;
	uint32_t slots, live, n_free; /* slots: ever used */
	struct soft_region *first_free, *last_free;
	struct soft_region *chunks[SLOTS / CHUNK];
} table = { .lock = IW_LOCK_STATIC };

void soft_stag_lock(void)
{
	iw_lock(&table.lock);
}

void soft_stag_unlock(void)
{
	iw_unlock(&table.lock);
}

/* ------------------------------------------------------- Slots and indices */

/* In a child: its STags shall not follow from those of its parent and siblings. */
static void forget_keys(void)
{
	table.seeded = false;
}

static int seed(void)
{
	uint32_t random[2 * ROUNDS + 1];
	ssize_t n;

	if (table.seeded)
		return 0;
	do /* a machine that has just booted lets it wait, and signals interrupt it */
		n = iw_fault(IW_FAULT_SYSCALL) ? (errno = ENOSYS, -1)
					       : getrandom(random, sizeof(random), 0);
	while (n < 0 && errno == EINTR);
	if (n != (ssize_t)sizeof(random))
		return n < 0 ? -errno : -EIO;
	for (unsigned int i = 0; i < ROUNDS; i++) {
		table.keys[i].add = random[2 * i];
		table.keys[i].multiply = random[2 * i + 1] | 1;
	}
	table.key_step = (uint8_t)(random[2 * ROUNDS] | 1);
	table.key_start = (uint8_t)(random[2 * ROUNDS] >> 8);
	__atomic_store_n(&table.seeded, true, __ATOMIC_RELEASE);
	return 0;
}

static uint32_t scramble_half(unsigned int round, uint32_t half)
{
	return ((half + table.keys[round].add) * table.keys[round].multiply) >> (32 - HALF_BITS);
}

/* A Feistel network: whatever the round function, one to one. */
static uint32_t slot_to_index(uint32_t slot)
{
	uint32_t left = slot >> HALF_BITS, right = slot & HALF_MASK, old;

	for (unsigned int i = 0; i < ROUNDS; i++) {
		old = right;
		right = left ^ scramble_half(i, right);
		left = old;
	}
	return left << HALF_BITS | right;
}

static uint32_t index_to_slot(uint32_t index)
{
	uint32_t left = index >> HALF_BITS, right = index & HALF_MASK, old;

	for (unsigned int i = ROUNDS; i-- > 0;) {
		old = left;
		left = right ^ scramble_half(i, left);
		right = old;
	}
	return left << HALF_BITS | right;
}

static struct soft_region *entry_of(uint32_t stag)
{
	struct soft_region *chunk;
	uint32_t slot;

	if (!__atomic_load_n(&table.seeded, __ATOMIC_ACQUIRE))
		return NULL;
	slot = index_to_slot(stag >> 8);
	if (slot >= SLOTS)
		return NULL;
	chunk = __atomic_load_n(&table.chunks[slot / CHUNK], __ATOMIC_ACQUIRE);
	return chunk ? &chunk[slot % CHUNK] : NULL;
}

/* Starts at a cache line, and is never freed. */
static struct soft_region *new_chunk(void)
{
	uintptr_t memory = (uintptr_t)iw_calloc(CHUNK + 1, LINE);

	return memory ? (struct soft_region *)((memory + LINE - 1) & ~(uintptr_t)(LINE - 1)) : NULL;
}

/* A slot that was never used; index 0 has STag 0 and stays unused. */
static struct soft_region *new_entry(void)
{
	uint32_t slot = table.slots, index = slot_to_index(slot);
	struct soft_region **chunk, *entry;

	if (!index)
		index = slot_to_index(++slot);
	if (slot >= SLOTS)
		return NULL;
	chunk = &table.chunks[slot / CHUNK];
	if (!*chunk) {
		struct soft_region *memory = new_chunk();

		if (!memory)
			return NULL;
		__atomic_store_n(chunk, memory, __ATOMIC_RELEASE);
	}
	entry = &(*chunk)[slot % CHUNK];
	entry->slot = slot;
	entry->key = (uint8_t)(index * 167 + table.key_start);
	table.slots = slot + 1;
	return entry;
}

static struct soft_region *oldest_free(void)
{
	struct soft_region *entry = table.first_free;

	if (!entry)
		return NULL;
	table.first_free = entry->next_free;
	table.n_free--;
	return entry;
}

/* The upper half is the lock holder's alone; pins that come and go are kept. */
static void set_stag(struct soft_region *region, uint32_t stag, bool valid)
{
	uint64_t old = __atomic_load_n(&region->state, __ATOMIC_RELAXED) & ~PINS;
	uint64_t new = (uint64_t)stag << 32 | (valid ? VALID : 0);

	__atomic_fetch_add(&region->state, new - old, __ATOMIC_RELEASE);
}

static uint32_t next_stag(struct soft_region *region)
{
	uint32_t stag;

	do {
		region->key = (uint8_t)(region->key + table.key_step);
		stag = slot_to_index(region->slot) << 8 | region->key;
	} while (!stag); /* a slot may have index 0 in a child */
	return stag;
}

int soft_stag_alloc(enum soft_region_kind kind, struct soft_region **region)
{
	struct soft_region *entry = NULL;
	int rc;

	soft_fork_guard(&table.lock);
	soft_fork_in_child(forget_keys);
	soft_stag_lock();
	rc = seed();
	if (rc)
		goto out;
	rc = -ENOMEM;
	if (table.live >= SOFT_MAX_MR)
		goto out;
	if (table.n_free > SOFT_STAG_RESERVE)
		entry = oldest_free();
	if (!entry)
		entry = new_entry();
	if (!entry)
		goto out;
	table.live++;
	entry->kind = (uint8_t)kind;
	entry->windows = 0;
	set_stag(entry, next_stag(entry), false);
	*region = entry;
	rc = 0;
out:
	soft_stag_unlock();
	return rc;
}

void soft_stag_free(struct soft_region *region)
{
	soft_stag_lock();
	region->next_free = NULL;
	if (table.first_free)
		table.last_free->next_free = region;
	else
		table.first_free = region;
	table.last_free = region;
	table.n_free++;
	table.live--;
	soft_stag_unlock();
}

uint32_t soft_stag_next(struct soft_region *region)
{
	uint32_t stag;

	soft_stag_lock();
	stag = next_stag(region);
	soft_stag_unlock();
	return stag;
}

/* ------------------------------------------------------ Validity and pins */

bool soft_stag_is_valid(const struct soft_region *region)
{
	return __atomic_load_n(&region->state, __ATOMIC_RELAXED) & VALID;
}

void soft_stag_open(struct soft_region *region, uint32_t stag)
{
	iw_assert_held(&table.lock);
	region->key = (uint8_t)stag;
	set_stag(region, stag, true);
}

/* Pins last for a system call or a copy; sleeping beats a wake-up on each unpin. */
static void relax(unsigned int round, struct iw_stall *stall)
{
	struct timespec nap = { .tv_nsec = NAP_NS };

	if (round < SPINS)
		return;
	if (round < SPINS + YIELDS) {
		sched_yield();
		return;
	}
	nanosleep(&nap, NULL);
	iw_stall_tell(stall);
}

void soft_stag_close(struct soft_region *region)
{
	struct iw_stall stall = IW_STALL(soft_stag_tell, region);

	iw_assert_held(&table.lock);
	soft_stag_settle(region);
	if (!soft_stag_is_valid(region))
		return;
	region->closing = true;
	__atomic_fetch_and(&region->state, ~VALID, __ATOMIC_ACQ_REL);
	soft_stag_unlock();
	for (unsigned int i = 0; __atomic_load_n(&region->state, __ATOMIC_ACQUIRE) & PINS; i++)
		relax(i, &stall);
	soft_stag_lock();
	region->closing = false;
}

void soft_stag_settle(const struct soft_region *region)
{
	struct iw_stall stall = IW_STALL(soft_stag_tell, region);

	iw_assert_held(&table.lock);
	for (unsigned int i = 0; region->closing; i++) {
		soft_stag_unlock();
		relax(i, &stall);
		soft_stag_lock();
	}
}

static bool names(uint64_t state, uint32_t stag)
{
	return (state & ~PINS) == ((uint64_t)stag << 32 | VALID);
}

struct soft_region *soft_stag_find(uint32_t stag)
{
	struct soft_region *entry = entry_of(stag);

	iw_assert_held(&table.lock);
	if (!entry || !names(__atomic_load_n(&entry->state, __ATOMIC_RELAXED), stag))
		return NULL;
	return entry;
}

struct soft_region *soft_stag_pin(uint32_t stag)
{
	struct soft_region *entry = entry_of(stag);

	/* A peer that tries STags shall not write to the entries of others. */
	if (!entry || !names(__atomic_load_n(&entry->state, __ATOMIC_RELAXED), stag))
		return NULL;
	if (names(__atomic_fetch_add(&entry->state, 1, __ATOMIC_ACQUIRE), stag))
		return entry;
	soft_stag_unpin(entry);
	return NULL;
}
