// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The explorer itself: toy programs with a known number of schedules or a known
 * end, and random programs, in which the reduced search has to reach what the
 * plain one does.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/interleave/explore.h"
#include "tests/interleave/sanitize.h"
#include "tests/interleave/toys.h"

#ifdef IL_TSAN
Test(explore, thread_sanitizer)
{
	cr_skip_test("one thread that changes its stack: nothing to sanitize");
}
#else

static const struct il_limits unbounded = { .preemptions = IL_UNBOUNDED, .steps = 500 };

static struct il_result explore(void (*run)(const void *arg), const void *arg,
				const struct il_limits *limits)
{
	struct il_scenario scenario = { .name = "toy", .run = run, .arg = arg };
	struct il_result result;

	cr_assert_eq(il_explore(&scenario, limits, &result), 0);
	return result;
}

Test(explore, independent_steps__one_schedule)
{
	struct toy_steps steps = { .actors = 3, .steps = 4, .shared = false };
	struct il_result result = explore(toy_steps, &steps, &unbounded);

	cr_expect_not(result.violated);
	cr_expect_eq(result.schedules, 1, "%lu schedules", result.schedules);
}

Test(explore, dependent_steps__binomial)
{
	struct toy_steps steps = { .actors = 2, .steps = 4, .shared = true };
	struct il_result result = explore(toy_steps, &steps, &unbounded);

	cr_expect_eq(result.schedules, 70, "%lu schedules", result.schedules);
	steps.actors = 3;
	steps.steps = 2;
	result = explore(toy_steps, &steps, &unbounded);
	cr_expect_eq(result.schedules, 90, "%lu schedules", result.schedules);
}

/* A run that is repeated says the same. */
static void expect_same(const struct il_result *a, const struct il_result *b)
{
	cr_expect_eq(a->schedules, b->schedules);
	cr_expect_eq(a->pruned, b->pruned);
	cr_expect_eq(a->steps, b->steps);
	cr_expect_str_eq(a->report, b->report);
	cr_expect_str_eq(a->seed, b->seed);
}

/* With and without a bound it ends in @report; the seed leads there again. */
static void expect_violation(void (*run)(const void *arg), const void *arg, const char *report)
{
	struct il_limits limits[] = { unbounded, { .preemptions = 1, .steps = 500 } };
	struct il_scenario scenario = { .name = "toy", .run = run, .arg = arg };
	struct il_result again;

	for (size_t i = 0; i < 2; i++) {
		struct il_result result = explore(run, arg, &limits[i]);

		cr_assert(result.violated, "not found: %s", report);
		cr_expect(strstr(result.report, report), "%s: %s", report, result.report);
		again = explore(run, arg, &limits[i]);
		expect_same(&result, &again);
		cr_assert_eq(il_replay(&scenario, result.seed, NULL, &again), 0);
		if (!strncmp(report, "livelock", 8))
			continue; /* the replay has its own limit */
		cr_expect_str_eq(again.report, result.report);
	}
}

/* --------------------------------------------------------------- known ends */

Test(explore, abba__deadlock)
{
	expect_violation(toy_abba, NULL, "deadlock: ab in a_then_b: lock lock#");
}

Test(explore, deadlock__tells_who_has_it)
{
	struct il_result result = explore(toy_abba, NULL, &unbounded);

	cr_expect(strstr(result.report, "(ba has it)"), "%s", result.report);
	cr_expect(strstr(result.report, "(ab has it)"), "%s", result.report);
}

Test(explore, lost_wake_up__found)
{
	bool wrongly = true;

	expect_violation(toy_lost_wakeup, &wrongly,
			 "deadlock: waiter in wait_for_flag_wrongly: a signal of condition#");
}

Test(explore, wait_in_a_loop__no_violation)
{
	bool wrongly = false;
	struct il_result result = explore(toy_lost_wakeup, &wrongly, &unbounded);

	cr_expect_not(result.violated, "%s", result.report);
	cr_expect_gt(result.schedules, 1);
}

Test(explore, livelock__found)
{
	expect_violation(toy_livelock, NULL, "livelock: ");
}

/* AddressSanitizer would end the test; there are no hooks in its builds. */
#ifdef IL_ASAN
#define MISUSES TOY_READ_AFTER_FREE
#define PROGRAMS 25
#else
#define MISUSES TOY_MISUSES
#define PROGRAMS 100
#endif

Test(explore, misuse__found)
{
	static const char *const reports[TOY_MISUSES] = {
		[TOY_USE_AFTER_FREE] = "use after free: ",
		[TOY_FREE_TWICE] = "freed twice, first by one",
		[TOY_LEAK] = "leak: block#1 (12 bytes) of scenario",
		[TOY_UNLOCK_FOREIGN] = "unlock of a lock that",
		[TOY_LOCK_TWICE] = "locks again what it holds",
		[TOY_FINI_HELD] = "fini of a lock that one holds",
		[TOY_FINI_AWAITED] = "fini of a condition that one waits for",
		[TOY_NOT_HELD] = "the lock is not held in assert_a",
		[TOY_READ_AFTER_FREE] = "use after free: reads block#1+8 at pc 0x",
		[TOY_WRITE_AFTER_FREE] = "use after free: writes block#1+8 at pc 0x",
		[TOY_CHECK_OUTSIDE] = "data race: reads il_state+",
		[TOY_WRITE_AFTER_UNLOCK] = "data race: ",
	};

	for (enum toy_misuse misuse = 0; misuse < MISUSES; misuse++)
		expect_violation(toy_misuse, &misuse, reports[misuse]);
}

Test(explore, preemptions__as_many_as_needed)
{
	static const struct {
		unsigned int turns, preemptions;
	} needs[] = { { 1, 0 }, { 3, 1 }, { 5, 3 }, { 7, 5 } };

	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
		struct il_limits limits = { .preemptions = needs[i].preemptions, .steps = 500 };
		struct il_result result = explore(toy_turns, &needs[i].turns, &limits);

		cr_expect(result.violated, "%u turns", needs[i].turns);
		if (!limits.preemptions--)
			continue;
		result = explore(toy_turns, &needs[i].turns, &limits);
		cr_expect_not(result.violated, "%u turns: %s", needs[i].turns, result.report);
	}
}

Test(explore, limit_of_schedules__cut)
{
	struct toy_steps steps = { .actors = 2, .steps = 4, .shared = true };
	struct il_limits limits = unbounded;
	struct il_result result;

	limits.schedules = 69;
	result = explore(toy_steps, &steps, &limits);
	cr_expect(result.cut);
	cr_expect_eq(result.schedules, 69);
	limits.schedules = 70;
	result = explore(toy_steps, &steps, &limits);
	cr_expect_not(result.cut);
}

/* ------------------------------------------------------------------- seeds */

Test(replay, no_seed__einval)
{
	static const char *const seeds[] = { "A", "a0x", "=", "q", "a99999999", "ad", "b", "=1" };
	struct il_scenario scenario = { .name = "toy", .run = toy_abba };
	struct il_result result;

	for (size_t i = 0; i < sizeof(seeds) / sizeof(seeds[0]); i++)
		cr_expect_neq(il_replay(&scenario, seeds[i], NULL, &result), 0, "%s", seeds[i]);
	cr_expect_eq(il_replay(&scenario, "ab2", NULL, &result), 0);
}

Test(replay, seed__tells_every_step)
{
	struct il_scenario scenario = { .name = "toy", .run = toy_abba };
	struct il_result result = explore(toy_abba, NULL, &unbounded);
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	cr_assert(out);
	cr_assert_eq(il_replay(&scenario, result.seed, out, &result), 0);
	fclose(out);
	cr_expect(strstr(text, "a_then_b"), "%s", text);
	cr_expect(strstr(text, "lock#1"), "%s", text);
	cr_expect(strstr(text, result.report), "%s", text);
	free(text);
}

/* ----------------------------------------------------------- random programs */

#define TRACES_MAX 20000

static uint64_t traces[TRACES_MAX];
static size_t ntraces;

static void keep_trace(uint64_t trace)
{
	if (ntraces < TRACES_MAX)
		traces[ntraces++] = trace;
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* The traces that a search reaches: how many, and their sum. -1: too many. */
static long reach(const uint64_t *seed, const struct il_limits *limits, uint64_t *sum,
		  struct il_result *result)
{
	long different = 0;

	ntraces = 0;
	il_trace_hook = keep_trace;
	*result = explore(toy_random, seed, limits);
	il_trace_hook = NULL;
	if (result->cut || ntraces == TRACES_MAX)
		return -1;
	qsort(traces, ntraces, sizeof(traces[0]), compare);
	*sum = 0;
	for (size_t i = 0; i < ntraces; i++) {
		if (i && traces[i] == traces[i - 1])
			continue;
		*sum += traces[i];
		different++;
	}
	return different;
}

static unsigned int compare_searches(unsigned int preemptions, uint64_t seeds, bool exact)
{
	struct il_limits plain = {
		.preemptions = preemptions, .steps = 500, .schedules = TRACES_MAX, .plain = true
	};
	struct il_limits reduced = plain;
	unsigned int compared = 0, dead = 0;
	unsigned long most = 0;

	reduced.plain = false;
	for (uint64_t seed = 1; seed <= seeds; seed++) {
		struct il_result all, few;
		uint64_t want, have;
		long n = reach(&seed, &plain, &want, &all), m;

		if (all.cut)
			continue;
		m = reach(&seed, &reduced, &have, &few);
		cr_assert_eq(all.violated, few.violated, "seed %lu: %s | %s", (unsigned long)seed,
			     all.report, few.report);
		dead += all.violated;
		cr_assert_eq(m, n, "seed %lu: %ld of %ld traces", (unsigned long)seed, m, n);
		cr_assert_eq(have, want, "seed %lu: other traces", (unsigned long)seed);
		if (exact)
			cr_assert_eq(few.schedules, (unsigned long)n);
		most = all.schedules > most ? all.schedules : most;
		compared++;
	}
	printf("# %u programs compared, %u with deadlocks, the largest of %lu schedules\n",
	       compared, dead, most);
	return compared;
}

Test(explore, random_programs__all_traces_once)
{
	cr_expect_gt(compare_searches(IL_UNBOUNDED, 3 * PROGRAMS, true), PROGRAMS);
}

Test(explore, random_programs__all_within_the_bound)
{
	for (unsigned int bound = 0; bound < 4; bound++)
		cr_expect_gt(compare_searches(bound, PROGRAMS, false), PROGRAMS / 2);
}
#endif
