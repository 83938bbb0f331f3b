// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Runs one schedule: starts the first actor, asks the policy at each point who
 * goes on, and tells how it ended. What locks and conditions do is in lock.c.
 */
#include "tests/interleave/run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/lock.h"

struct il_run il_run = { .current = -1 };

static struct il_coro explorer; /* the thread's own stack */
static jmp_buf out_of_check;

/* ----------------------------------------------------------------- actors */

struct il_actor *il_self(void)
{
	return il_run.current < 0 ? NULL : &il_run.actors[il_run.current];
}

const char *il_actor_name(void)
{
	return il_run.current < 0 ? "explorer" : il_self()->name;
}

static _Noreturn void leave(enum il_end end)
{
	il_run.end = end;
	il_run.current = -1;
	il_coro_switch(NULL, &explorer);
	abort(); /* nobody goes back to an actor of a schedule that is over */
}

void il_violation(const char *fmt, ...)
{
	char text[sizeof(il_run.report) - sizeof(il_run.actors[0].name) - 2];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	snprintf(il_run.report, sizeof(il_run.report), "%s: %s", il_actor_name(), text);
	if (il_run.current >= 0)
		leave(IL_VIOLATED);
	il_run.end = IL_VIOLATED;
	longjmp(out_of_check, 1);
}

bool il_is_ready(const struct il_actor *actor)
{
	const struct iw_lock *lock;
	bool ready;

	if (actor->state != IL_READY)
		return false;
	if (actor->op.kind == IL_WAIT) {
		il_run.asking = true;
		ready = actor->op.ready(actor->op.arg);
		il_run.asking = false;
		return ready;
	}
	if (actor->op.kind != IL_LOCK)
		return true;
	/* To lock what is no lock any more is a violation, found when it is done. */
	lock = actor->op.object[0]->address;
	return il_memory_is_dead(lock) || lock->magic != IL_LOCK_ALIVE || !lock->owner;
}

static uint32_t ready_actors(void)
{
	uint32_t set = 0;

	for (int i = 0; i < il_run.nactors; i++)
		if (il_is_ready(&il_run.actors[i]))
			set |= UINT32_C(1) << i;
	return set;
}

/* ---------------------------------------------------------------- the end */

static const char *verb_of(const struct il_actor *actor)
{
	return actor->state == IL_ASLEEP ? "a signal of" : actor->op.what;
}

/* Who holds what and waits for what, of those that have not ended. */
static void tell_deadlock(void)
{
	char text[sizeof(il_run.report)], name[48];
	size_t used = 0;

	text[0] = '\0';
	for (int i = 0; i < il_run.nactors && used < sizeof(text); i++) {
		const struct il_actor *actor = &il_run.actors[i];
		const struct il_object *object;
		const struct iw_lock *lock;
		int holder = 0;

		if (actor->state == IL_ENDED)
			continue;
		object = actor->state == IL_ASLEEP ? il_object_of(actor->cond, "condition")
						   : actor->op.object[0];
		il_object_print(object, name, sizeof(name));
		if (actor->state == IL_READY && actor->op.kind == IL_LOCK) {
			lock = object->address;
			holder = lock->owner;
		}
		used += (size_t)snprintf(
			text + used, sizeof(text) - used, "%s%s%s in %s: %s %s", used ? "; " : "",
			actor->name, actor->service ? " (may wait)" : "",
			actor->op.where ? actor->op.where : "-", verb_of(actor), name);
		if (holder && used < sizeof(text))
			used += (size_t)snprintf(text + used, sizeof(text) - used, " (%s has it)",
						 il_run.actors[holder - 1].name);
	}
	snprintf(il_run.report, sizeof(il_run.report), "deadlock: %.480s", text);
}

/* A service may wait for work for ever, not for a lock. */
static bool may_rest(const struct il_actor *actor)
{
	if (actor->state == IL_ENDED)
		return true;
	return actor->service && (actor->state == IL_ASLEEP || actor->op.kind == IL_WAIT);
}

static void nobody_is_ready(void)
{
	for (int i = 0; i < il_run.nactors; i++) {
		if (may_rest(&il_run.actors[i]))
			continue;
		tell_deadlock();
		leave(IL_VIOLATED);
	}
	leave(IL_COMPLETE);
}

/* ------------------------------------------------------------------- steps */

bool il_dependent(const struct il_op *a, const struct il_op *b)
{
	for (int i = 0; i < IL_TOUCHES; i++)
		for (int j = 0; j < IL_TOUCHES; j++)
			if (a->object[i] && a->object[i] == b->object[j])
				return true;
	return false;
}

static bool releases(enum il_kind kind)
{
	return kind == IL_UNLOCK || kind == IL_SLEEP || kind == IL_SIGNAL || kind == IL_FINI;
}

/* The order of steps that touch the same object, and what follows from it. */
static void clocks_step(int slot)
{
	struct il_actor *actor = &il_run.actors[slot];

	for (int i = 0; i < IL_TOUCHES; i++)
		if (actor->op.object[i])
			il_clock_join(&actor->clock, &actor->op.object[i]->clock);
	actor->clock.at[slot]++;
	actor->released = releases(actor->op.kind);
	for (int i = 0; i < IL_TOUCHES; i++)
		if (actor->op.object[i])
			actor->op.object[i]->clock = actor->clock;
}

/* Lets the policy pick who goes on, maybe the actor that asks. */
static void pass_on(void)
{
	struct il_actor *self = il_self();
	uint32_t ready = ready_actors();
	int next;

	if (!ready)
		nobody_is_ready();
	if (il_run.steps == il_run.steps_max) {
		snprintf(il_run.report, sizeof(il_run.report),
			 "livelock: %u steps and no end, the last by %s in %s (%s)", il_run.steps,
			 il_actor_name(), self->op.where ? self->op.where : "-", self->op.what);
		leave(IL_VIOLATED);
	}
	next = il_run.policy->pick(ready);
	if (next < 0)
		leave(IL_CUT);
	il_run.steps++;
	clocks_step(next);
	il_run.policy->step(next);
	if (next == il_run.current)
		return;
	il_run.current = next;
	il_coro_switch(&self->coro, &il_run.actors[next].coro);
}

void il_announce(struct il_actor *actor)
{
	il_run.policy->announced((int)(actor - il_run.actors));
}

void il_step(enum il_kind kind, const char *what, const char *where, const void *first,
	     const void *second)
{
	struct il_actor *self = il_self();
	const char *class = kind == IL_POINT || kind == IL_WAIT ? "object" : "lock";

	self->op.kind = kind;
	self->op.what = what;
	self->op.where = where;
	if (kind == IL_SIGNAL || kind == IL_SLEEP)
		class = "condition";
	self->op.object[0] = first ? il_object_of(first, class) : NULL;
	self->op.object[1] = second ? il_object_of(second, "lock") : NULL;
	il_announce(self);
	pass_on();
}

void il_sleep(const char *where, const struct iw_lock *lock)
{
	struct il_actor *self = il_self();

	self->state = IL_ASLEEP;
	self->op = (struct il_op){ .kind = IL_LOCK,
				   .what = "lock again",
				   .where = where,
				   .object = { il_object_of(lock, "lock") } };
	pass_on();
}

void il_point(const char *what, const void *object)
{
	if (il_self())
		il_step(IL_POINT, what, NULL, object, NULL);
}

void il_wait(const char *what, const void *object, bool (*ready)(void *arg), void *arg)
{
	struct il_actor *self = il_self();

	if (!self) {
		il_check(ready(arg), "%s: nobody is left who could end the wait", what);
		return;
	}
	self->op.ready = ready;
	self->op.arg = arg;
	il_step(IL_WAIT, what, NULL, object, NULL);
}

unsigned int il_choose(const char *what, unsigned int n)
{
	return n > 1 && il_self() ? il_run.policy->choose(n) : 0;
}

/* ---------------------------------------------------------- birth and death */

static void actor_main(void)
{
	struct il_actor *self = il_self();

	il_coro_entered();
	self->fn(self->arg);
	self->state = IL_ENDED;
	pass_on();
	abort(); /* not reached: who has ended is never picked */
}

int il_actor_new(const char *name, void (*fn)(void *arg), void *arg, bool service)
{
	int slot = il_run.nactors;
	struct il_actor *actor = &il_run.actors[slot];
	struct il_actor *self = il_self();

	if (slot == IL_SLOTS)
		return -1;
	if (il_coro_reset(&actor->coro, actor_main))
		return -1;
	snprintf(actor->name, sizeof(actor->name), "%s", name);
	actor->fn = fn;
	actor->arg = arg;
	actor->service = service;
	actor->state = IL_READY;
	actor->op = (struct il_op){ .kind = IL_START, .what = "start" };
	actor->cond = NULL;
	actor->released = false;
	memset(&actor->clock, 0, sizeof(actor->clock));
	if (self) { /* it sees all that was done up to here, not what follows */
		self->clock.at[il_run.current]++;
		self->released = true;
		actor->clock = self->clock;
	}
	il_run.nactors++;
	il_announce(actor);
	return slot;
}

void il_spawn(const char *name, void (*fn)(void *arg), void *arg)
{
	int live = 0;

	for (int i = 0; i < il_run.nactors; i++)
		live += il_run.actors[i].state != IL_ENDED;
	if (live >= IL_ACTORS_MAX || il_actor_new(name, fn, arg, false) < 0)
		il_violation("too many actors: no room for %s", name);
}

/* ---------------------------------------------------------------- schedules */

static void first_actor(void *arg)
{
	const struct il_scenario *scenario = arg;

	scenario->run(scenario->arg);
}

/* What is asked when all have ended; not by an actor. */
static void check_end(const struct il_scenario *scenario)
{
	const char *wrong;

	if (setjmp(out_of_check))
		return;
	if (scenario->check)
		scenario->check(scenario->arg);
	wrong = il_memory_end();
	if (wrong)
		il_violation("%s", wrong);
}

enum il_end il_run_schedule(const struct il_scenario *scenario, const struct il_policy *policy,
			    unsigned int steps_max)
{
	il_run.policy = policy;
	il_run.steps_max = steps_max;
	il_run.nactors = 0;
	il_run.current = -1;
	il_run.asking = false;
	il_run.steps = 0;
	il_run.asleep = 0;
	il_run.schedule++;
	il_run.end = IL_RUNNING;
	il_run.report[0] = '\0';
	il_memory_begin();
	il_statics_restore();
	if (il_actor_new("scenario", first_actor, (void *)(uintptr_t)scenario, false) < 0) {
		snprintf(il_run.report, sizeof(il_run.report), "no memory for a stack");
		return IL_VIOLATED;
	}
	policy->pick(1);
	il_run.steps++;
	clocks_step(0);
	policy->step(0);
	il_run.current = 0;
	il_coro_switch(&explorer, &il_run.actors[0].coro);
	if (il_run.end == IL_COMPLETE)
		check_end(scenario);
	return il_run.end;
}
