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
#include "tests/interleave/toys.h"

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

/* ----------------------------------------------------------- random programs */

#define TRACES_MAX 200000

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
	cr_expect_gt(compare_searches(IL_UNBOUNDED, 300, true), 50);
}

Test(explore, random_programs__all_within_the_bound)
{
	for (unsigned int bound = 0; bound < 4; bound++)
		cr_expect_gt(compare_searches(bound, 200, false), 50);
}
