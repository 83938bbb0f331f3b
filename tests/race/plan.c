// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* What is called, by the seed alone; and how often it was. */
#include <stdio.h>

#include "tests/race/race.h"

/* splitmix64: every state is a good one. */
uint64_t rng_next(struct rng *rng)
{
	uint64_t z = rng->state += 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

void rng_seed(struct rng *rng, uint64_t seed, unsigned int stream)
{
	rng->state = seed * 0xd1342543de82ef95ull + stream;
	rng_next(rng);
}

static struct {
	const char *name;
	bool (*op)(struct racer *r, uint64_t dice);
	unsigned int weight; /* of a thousand */
	unsigned long done;  /* atomic */
} ops[] = {
	{ "create", op_create, 110, 0 },
	{ "resolve_addr", op_resolve_addr, 90, 0 },
	{ "resolve_route", op_resolve_route, 70, 0 },
	{ "connect", op_connect, 60, 0 },
	{ "answer", op_answer, 20, 0 },
	{ "disconnect", op_disconnect, 30, 0 },
	{ "destroy", op_destroy, 50, 0 },
	{ "migrate", op_migrate, 70, 0 },
	{ "write_cm_event", op_write, 140, 0 },
	{ "ack_cm_event", op_ack, 40, 0 },
	{ "fcntl", op_toggle, 15, 0 },
	{ "poll", op_poll, 25, 0 },
	{ "epoll", op_epoll, 15, 0 },
	{ "signal", op_signal, 10, 0 },
	{ "news from below", op_notice, 25, 0 },
	{ "destroy_event_channel", op_guest, 1, 0 },
	{ "join_multicast", op_join, 40, 0 },
	{ "leave_multicast", op_leave, 40, 0 },
	{ "synchronous resolve", op_sync_resolve, 4, 0 },
	{ "synchronous connect", op_sync_connect, 2, 0 },
	{ "get_request", op_get_request, 8, 0 },
	{ "get_cm_event", op_get, 135, 0 }, /* also where another could not be done */
};
#define NOPS (sizeof(ops) / sizeof(ops[0]))

static unsigned int draw(uint64_t dice)
{
	unsigned int n = (unsigned int)(dice >> 48) % 1000;

	for (unsigned int i = 0; i < NOPS; i++) {
		if (n < ops[i].weight)
			return i;
		n -= ops[i].weight;
	}
	return NOPS - 1;
}

void plan_step(struct racer *r)
{
	uint64_t dice = rng_next(&r->plan);
	unsigned int i = draw(dice);

	if (!ops[i].op(r, dice & 0xffffffffffffull)) {
		i = NOPS - 1;
		ops[i].op(r, dice);
	}
	add(&ops[i].done, 1);
	r->calls++;
	yield_here();
}

void plan_print(void)
{
	printf("#");
	for (unsigned int i = 0; i < NOPS; i++)
		printf(" %s %lu%s", ops[i].name, ops[i].done, i + 1 < NOPS ? "," : "\n");
}
