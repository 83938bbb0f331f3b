// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Multicast groups: joined and left by any thread, while another reads of them. */
#include <errno.h>

#include "tests/race/race.h"

enum {
	NONE,
	JOINING,
	JOINED,
	LEAVING
};

static bool step(struct group *g, int from, int to)
{
	return __atomic_compare_exchange_n(&g->state, &from, to, false, __ATOMIC_ACQ_REL,
					   __ATOMIC_RELAXED);
}

static struct sockaddr_in address_of(unsigned int group)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };

	sin.sin_addr.s_addr = htonl(0xe0000101u + group);
	return sin;
}

static struct life *share(uint64_t dice)
{
	struct life *life = slot_get((unsigned int)(dice % SLOTS));

	if (!life || life->kind != DATAGRAM || !relaxed(&life->told_addr) || !life_share(life))
		return NULL;
	return life;
}

bool op_join(struct racer *r, uint64_t dice)
{
	static const int errnos[] = { EINVAL, 0 };
	unsigned int which = (unsigned int)(dice >> 20) % GROUPS;
	struct sockaddr_in sin = address_of(which);
	struct life *life = share(dice);
	struct group *g;
	uintptr_t name;

	if (!life)
		return false;
	g = &life->groups[which];
	if (!step(g, NONE, JOINING)) {
		life_unshare(life);
		return false;
	}
	relax(&g->told, 0);
	name = (uintptr_t)add(&g->nth, 1) * GROUPS + which;
	racer_enter(r, "rdma_join_multicast");
	if (legal(rdma_join_multicast(life->id, (struct sockaddr *)&sin, (void *)name),
		  "rdma_join_multicast", errnos))
		step(g, JOINING, JOINED);
	else
		step(g, JOINING, NONE);
	racer_leave(r);
	life_unshare(life);
	return true;
}

bool op_leave(struct racer *r, uint64_t dice)
{
	unsigned int which = (unsigned int)(dice >> 20) % GROUPS;
	struct sockaddr_in sin = address_of(which);
	struct life *life = share(dice);
	struct group *g;

	if (!life)
		return false;
	g = &life->groups[which];
	if (!step(g, JOINED, LEAVING)) {
		life_unshare(life);
		return false;
	}
	ack_all(r);
	racer_enter(r, "rdma_leave_multicast");
	if (rdma_leave_multicast(life->id, (struct sockaddr *)&sin))
		fail("rdma_leave_multicast: %m");
	racer_leave(r);
	step(g, LEAVING, NONE);
	life_unshare(life);
	return true;
}
