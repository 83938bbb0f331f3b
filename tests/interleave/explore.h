/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Between the parts of the explorer. */
#ifndef IL_EXPLORE_H
#define IL_EXPLORE_H

#include "tests/interleave/run.h"

/* One decision of a schedule: who goes on, or what il_choose() answered. */
struct il_decision {
	bool choice;
	uint8_t value; /* slot or answer */
};

/* il_choose() counts, too. */
#define IL_DECISIONS_MAX (2 * IL_STEPS_MAX)

/* seed.c: as text, in which a number tells how often: "a12b3=1c" */
void il_seed_print(const struct il_decision *decisions, size_t n, char *buf, size_t size);
/* How many, at most @max; -EINVAL. */
int il_seed_parse(const char *seed, struct il_decision *decisions, size_t max);

/*
 * trace.c: what a schedule is but for the order of independent steps: a number
 * that is the same for equal ones, updated step by step.
 */
uint64_t il_trace_step(int slot, const struct il_clock *clock);
uint64_t il_trace_choice(int slot, const struct il_clock *clock, unsigned int answer);

/* visited.c: states that were gone on from, with the preemptions used up to them. */
struct il_visited;
struct il_visited *il_visited_new(void);
void il_visited_free(struct il_visited *visited);
/* True if it was there with as few preemptions, or fewer; else it is now. */
bool il_visited_before(struct il_visited *visited, uint64_t state, unsigned int preemptions);

/*
 * For the explorer's own tests: hears of each schedule that was run to its end,
 * a deadlock, too; violations do not end the search then.
 */
extern void (*il_trace_hook)(uint64_t trace);

#endif
