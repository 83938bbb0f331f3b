/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The explorer: runs one scenario again and again, each time by another
 * schedule, until every schedule within the limits has been run.
 *
 * A scenario is a function that runs as the first actor. It builds a start
 * state, spawns actors, and returns; the schedule ends when all actors have
 * returned (those of iw_thread_start may wait). Actors are switched at points
 * alone: every function of tests/interleave/base/lock.h, il_point(), il_wait().
 * What runs between two points is one step. A schedule is the list of decisions
 * at its points: who goes on, and what il_choose() answered.
 *
 * Two steps are dependent if they touch the same object (lock, condition, the
 * object of a point); schedules that differ in the order of independent steps
 * alone are run once. That independent steps share nothing else is not taken on
 * trust: instrumented code (the core and the scenarios, in builds without
 * sanitizers) that touches static data of il_state or memory of il_calloc()
 * which another actor touches, one of them writing, without an order through
 * objects, is a violation (data race). What an unlock is followed by up to the
 * next point is not protected by the lock.
 *
 * Without a bound the search is dynamic partial-order reduction by clocks, with
 * sleep sets: each class of equal schedules is run once. With a bound that would
 * lose schedules (an equal one may need more preemptions), so there all schedules
 * within the bound are tried, but a state is not gone on from twice: it is known
 * by its steps and the order of the dependent ones, by who runs, and has to have
 * as many preemptions left.
 */
#ifndef IL_SCHED_H
#define IL_SCHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct il_scenario {
	const char *name;
	void (*run)(const void *arg);	/* the first actor */
	void (*check)(const void *arg); /* after all have ended; not an actor. May be NULL */
	const void *arg;
};

/* -------------------------------------------------- inside a schedule */

/* No point. A new actor; runs from the next point on. At most IL_ACTORS_MAX live ones. */
#define IL_ACTORS_MAX 12
void il_spawn(const char *name, void (*fn)(void *arg), void *arg);

/* Others may go on here. The step that follows touches @object (never NULL). */
void il_point(const char *what, const void *object);

/* 0 to n - 1: each is explored. */
unsigned int il_choose(const char *what, unsigned int n);

/*
 * Blocks this actor until @ready(@arg), which reads what points of @object guard;
 * asked when somebody passes one. Nobody left who could make it true: a violation
 * (deadlock), which names @what.
 */
void il_wait(const char *what, const void *object, bool (*ready)(void *arg), void *arg);

/* What reports and replays call @object, with a number; @name stays where it is. */
void il_name(const void *object, const char *name);

/* Static data that is to be the same at the start of every schedule. */
#define IL_STATE __attribute__((section("il_state")))

/*
 * A function whose own accesses are not looked at: of one who watches the others
 * and whose findings do not change what they do.
 */
#define IL_UNWATCHED __attribute__((no_sanitize("thread")))

/* Of the running actor, for reports. */
const char *il_actor_name(void);

/* Ends the schedule, and the exploration of the scenario, with this report. */
void il_violation(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
#define il_check(cond, ...)                        \
	do {                                       \
		if (!(cond))                       \
			il_violation(__VA_ARGS__); \
	} while (0)

/*
 * Memory: the core's calloc and free in the checker's build (malloc, calloc,
 * free by macro). Freed memory is poisoned and kept until the schedule ends; a
 * lock in it, or a change of the poison, is a use after free; what is not freed
 * at the end is a leak.
 */
void *il_calloc(size_t n, size_t size);
void il_free(void *memory);

/* ----------------------------------------------------------- exploring */

struct il_limits {
	/*
	 * How often an actor that could go on may be made to wait for another one
	 * in a schedule (CHESS' bound). IL_UNBOUNDED: as often as it goes.
	 */
	unsigned int preemptions;
	unsigned int steps;	 /* of one schedule; more is a livelock: a violation */
	unsigned long schedules; /* of one scenario, pruned ones, too; 0: no limit */
	bool plain;		 /* no reduction but the bound: to prove the explorer itself */
};
#define IL_UNBOUNDED (~0u)

struct il_result {
	unsigned long schedules; /* run to their end */
	unsigned long pruned;	 /* cut short as equal to one that was run */
	unsigned long steps;
	bool cut;      /* the limit of schedules was reached */
	bool violated; /* then: */
	char report[512];
	char seed[1024]; /* the decisions, as text; il_replay() takes it */
};

/* 0, or -ENOMEM. A violation is a result. */
int il_explore(const struct il_scenario *scenario, const struct il_limits *limits,
	       struct il_result *result);

/* Runs the one schedule of @seed and writes each step to @out (NULL: none). -EINVAL: no seed. */
int il_replay(const struct il_scenario *scenario, const char *seed, FILE *out,
	      struct il_result *result);

#endif
