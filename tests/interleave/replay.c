// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Runs the one schedule that a seed names, and tells every step of it. */
#include <errno.h>
#include <string.h>

#include "tests/interleave/explore.h"

static struct {
	struct il_decision decisions[IL_DECISIONS_MAX];
	int n, at;
	bool misfit; /* the seed is of another scenario */
	FILE *out;
} replay;

/* Beyond the seed: whoever ran goes on. */
static int pick(uint32_t ready)
{
	const struct il_decision *decision = &replay.decisions[replay.at];

	if (replay.at == replay.n) {
		if (il_run.current >= 0 && (ready & UINT32_C(1) << il_run.current))
			return il_run.current;
		return __builtin_ctz(ready);
	}
	replay.at++;
	replay.misfit = decision->choice || !(ready & UINT32_C(1) << decision->value);
	return replay.misfit ? -1 : decision->value;
}

static unsigned int choose(unsigned int n)
{
	const struct il_decision *decision = &replay.decisions[replay.at];
	unsigned int answer = 0;

	if (replay.at < replay.n) {
		replay.at++;
		replay.misfit = !decision->choice || decision->value >= n;
		answer = replay.misfit ? 0 : decision->value;
	}
	if (replay.out)
		fprintf(replay.out, "     %-14s chooses %u of %u\n", il_actor_name(), answer, n);
	return answer;
}

static void announced(int slot)
{
}

static void step(int slot)
{
	const struct il_actor *actor = &il_run.actors[slot];
	char object[48];

	if (!replay.out)
		return;
	il_object_print(actor->op.object[0], object, sizeof(object));
	fprintf(replay.out, "%4u %-14s %-12s %-16s %s\n", il_run.steps, actor->name, actor->op.what,
		object, actor->op.where ? actor->op.where : "");
}

static const struct il_policy policy = {
	.pick = pick,
	.choose = choose,
	.announced = announced,
	.step = step,
};

int il_replay(const struct il_scenario *scenario, const char *seed, FILE *out,
	      struct il_result *result)
{
	enum il_end end;

	memset(result, 0, sizeof(*result));
	memset(&replay, 0, sizeof(replay));
	replay.n = il_seed_parse(seed, replay.decisions, IL_DECISIONS_MAX);
	if (replay.n < 0)
		return -EINVAL;
	replay.out = out;
	end = il_run_schedule(scenario, &policy, IL_STEPS_MAX);
	if (replay.misfit)
		return -EINVAL;
	result->schedules = 1;
	result->steps = il_run.steps;
	result->violated = end == IL_VIOLATED;
	if (result->violated) {
		memcpy(result->report, il_run.report, sizeof(result->report));
		snprintf(result->seed, sizeof(result->seed), "%s", seed);
		if (out)
			fprintf(out, "     %s\n", result->report);
	}
	return 0;
}
