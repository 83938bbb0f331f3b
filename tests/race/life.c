// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Which ids and channels there are, and which calls on them the contract allows
 * now. What one thread does before it excludes others, or ends an id, comes
 * after what the others did: nothing else here orders threads.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "tests/race/race.h"

/* ---- ids */

struct life *life_new(struct racer *r, enum kind kind, int chan)
{
	struct life *life = calloc(1, sizeof(*life));

	if (!life)
		fail("no memory");
	life->kind = kind;
	life->where = (uint64_t)chan;
	return life;
}

/* Others may still look at it, until the next quiet point. */
void life_bury(struct racer *r, struct life *life)
{
	life->next = r->graveyard;
	r->graveyard = life;
}

void life_free_all(struct racer *r)
{
	struct life *life;

	while ((life = r->graveyard)) {
		r->graveyard = life->next;
		free(life);
	}
}

struct life *slot_get(unsigned int slot)
{
	return __atomic_load_n(&race.slots[slot], __ATOMIC_ACQUIRE);
}

bool slot_put(unsigned int slot, struct life *life)
{
	struct life *none = NULL;

	return __atomic_compare_exchange_n(&race.slots[slot], &none, life, false, __ATOMIC_RELEASE,
					   __ATOMIC_RELAXED);
}

bool slot_put_anywhere(struct life *life)
{
	for (unsigned int i = LISTENERS; i < SLOTS; i++)
		if (slot_put(i, life))
			return true;
	return false;
}

void slot_clear(struct life *life)
{
	struct life *was;

	for (unsigned int i = 0; i < SLOTS; i++) {
		was = life;
		if (!__atomic_compare_exchange_n(&race.slots[i], &was, NULL, false,
						 __ATOMIC_RELAXED, __ATOMIC_RELAXED))
			continue;
		if (i < LISTENERS)
			relax(&race.ports[i], 0);
		return;
	}
}

static bool enter(int *count)
{
	int n = relaxed(count);

	while (n >= 0)
		if (__atomic_compare_exchange_n(count, &n, n + 1, true, __ATOMIC_RELAXED,
						__ATOMIC_RELAXED))
			return true;
	return false;
}

static void leave(int *count)
{
	__atomic_sub_fetch(count, 1, __ATOMIC_RELEASE);
}

static bool exclude(int *count)
{
	int none = 0;

	return __atomic_compare_exchange_n(count, &none, -1, false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

bool life_hold(struct life *life)
{
	return enter(&life->alive);
}

void life_let(struct life *life)
{
	leave(&life->alive);
}

bool life_share(struct life *life)
{
	if (!enter(&life->use))
		return false;
	(void)__atomic_load_n(&life->moved, __ATOMIC_ACQUIRE);
	return true;
}

void life_unshare(struct life *life)
{
	leave(&life->use);
}

bool life_take(struct life *life)
{
	if (!exclude(&life->use))
		return false;
	(void)__atomic_load_n(&life->moved, __ATOMIC_ACQUIRE);
	return true;
}

void life_give(struct life *life)
{
	__atomic_add_fetch(&life->moved, 1, __ATOMIC_RELEASE);
	__atomic_store_n(&life->use, 0, __ATOMIC_RELEASE);
}

bool life_claim(struct life *life)
{
	if (!life_take(life))
		return false;
	if (exclude(&life->alive))
		return true;
	life_give(life);
	return false;
}

int life_chan(const struct life *life)
{
	return (int)(uint32_t)relaxed(&life->where);
}

/* ---- channels */

bool chan_enter(int chan)
{
	struct chan *c = &race.chans[chan];

	__atomic_add_fetch(&c->use, 1, __ATOMIC_SEQ_CST);
	if (!__atomic_load_n(&c->closing, __ATOMIC_SEQ_CST))
		return true;
	chan_leave(chan);
	return false;
}

void chan_leave(int chan)
{
	__atomic_sub_fetch(&race.chans[chan].use, 1, __ATOMIC_RELEASE);
}

void chan_block(int chan, bool blocks)
{
	int fd = race.chans[chan].ch->fd;

	relax(&race.chans[chan].blocks, blocks);
	if (fcntl(fd, F_SETFL, blocks ? 0 : O_NONBLOCK))
		fail("fcntl: %m");
}

void chan_open(struct racer *r, int chan)
{
	struct chan *c = &race.chans[chan];
	struct life *bell = life_new(r, ACTIVE, chan);

	c->ch = rdma_create_event_channel();
	if (!c->ch)
		fail("rdma_create_event_channel: %m");
	chan_block(chan, false);
	if (rdma_create_id(c->ch, &bell->id, bell, RDMA_PS_TCP))
		fail("rdma_create_id: %m");
	__atomic_store_n(&c->bell, bell, __ATOMIC_RELEASE);
	__atomic_store_n(&c->closing, false, __ATOMIC_SEQ_CST);
}

void chan_empty(struct racer *r, int chan)
{
	struct life *life;
	bool more;

	do {
		more = false;
		for (unsigned int i = 0; i < SLOTS; i++) {
			life = slot_get(i);
			if (!life || life_chan(life) != chan)
				continue;
			more = true;
			if (life_claim(life))
				life_end(r, life);
			else
				sched_yield();
		}
	} while (more);
}

void chan_silence(struct racer *r, int chan)
{
	struct life *bell = race.chans[chan].bell;

	while (!life_claim(bell))
		sched_yield();
	life_end(r, bell);
}
