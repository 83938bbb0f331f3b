// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Kills and stops, drawn from the seed; what was killed comes again. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/soak/soak.h"

static bool may_be_killed(unsigned int role)
{
	return role != STEADY_SERVER && role != STEADY_LONG;
}

/* The time comes first: what happens by it comes after. */
static void kill_role(struct chaos *c, unsigned int role)
{
	struct proc *p = &book->procs[running[role]];

	p->ended_ms = now_ms();
	p->killed = true;
	kill(p->pid, SIGKILL);
	waitpid(p->pid, NULL, 0);
	p->over = true;
	c->kills[role]++;
	c->resume_ms[role] = 0;
	c->restart_ms[role] = now_ms() + 100 + random_below(&c->dice, 1500);
}

static void stop_role(struct chaos *c, unsigned int role)
{
	uint32_t ms = 100 + random_below(&c->dice, 2900);

	kill(book->procs[running[role]].pid, SIGSTOP);
	c->stops[role]++;
	c->stopped_ms += ms;
	c->resume_ms[role] = now_ms() + ms;
}

/* Servers and long clients less often, so that connections live for a while. */
static unsigned int victim(struct chaos *c)
{
	uint32_t dice = random_below(&c->dice, 10);

	if (dice == 0)
		return STEADY_SERVER + 1;
	if (dice == 1)
		return STEADY_LONG + 1;
	return SERVERS + random_below(&c->dice, SHORT_CLIENTS);
}

static void act(struct chaos *c)
{
	bool kills = random_below(&c->dice, 2);
	unsigned int role = kills ? victim(c) : random_below(&c->dice, ROLES);

	/* One that is stopped, or not up, is left alone: no stop is longer than 3 s. */
	if (c->resume_ms[role] || c->restart_ms[role] ||
	    !atomic_get(&book->procs[running[role]].ready))
		return;
	if (kills && may_be_killed(role))
		kill_role(c, role);
	else
		stop_role(c, role);
}

static void resume(struct chaos *c, unsigned int role)
{
	kill(book->procs[running[role]].pid, SIGCONT);
	c->resume_ms[role] = 0;
}

static void restart(struct chaos *c, unsigned int role)
{
	c->restart_ms[role] = 0;
	start_role(role);
}

void chaos_tick(struct chaos *c)
{
	uint32_t now = now_ms();

	for (unsigned int role = 0; role < ROLES; role++) {
		if (c->resume_ms[role] && now >= c->resume_ms[role])
			resume(c, role);
		if (c->restart_ms[role] && now >= c->restart_ms[role])
			restart(c, role);
	}
	if (now < c->next_ms)
		return;
	if (c->next_ms)
		act(c);
	c->next_ms = now + 300 + random_below(&c->dice, 3000);
}

void chaos_end(struct chaos *c)
{
	for (unsigned int role = 0; role < ROLES; role++) {
		if (c->resume_ms[role])
			resume(c, role);
		if (c->restart_ms[role])
			restart(c, role);
	}
}
