// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Depth first through all schedules of a scenario, each run from its start. The
 * path to where the search stands is a stack of nodes, one a decision.
 *
 * Without a bound: dynamic partial-order reduction by clocks (who could have
 * come before a step that it depends on is tried there, too), with sleep sets.
 * With a bound on preemptions: all who may go on are tried; a state that was
 * reached by the same steps in the same order of dependent ones, with the same
 * actor running and no fewer preemptions left, is not gone on from again.
 */
#include "tests/interleave/explore.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/interleave/sanitize.h"
#ifdef IL_ASAN
#include <sanitizer/common_interface_defs.h>
#endif

enum reduction {
	NONE, /* but for the bound */
	VISITED,
	DPOR,
};

struct node {
	struct il_decision decision;
	unsigned int answers; /* of a choice */

	uint32_t ready;
	uint32_t todo;	/* to be tried here */
	uint32_t sleep; /* not to be tried: was, or is equal to what was */

	/* The step that was taken, of the present run. */
	struct il_op op;
	struct il_clock clock;
	uint16_t index;		/* which of its actor's */
	int before[IL_TOUCHES]; /* the last step that touched the object, -1: none */
};

static struct {
	const char *name;
	enum reduction reduction;
	unsigned int bound;
	struct node *nodes;
	int depth;  /* of the present run */
	int known;  /* nodes that it shares with the one before */
	int fresh;  /* the first node that it does not share whole */
	int parent; /* the last step, -1: none */
	unsigned int preemptions;
	uint64_t trace;
	struct il_visited *visited;
} search;

void (*il_trace_hook)(uint64_t trace);

static uint32_t bit(int slot)
{
	return UINT32_C(1) << slot;
}

static uint8_t lowest(uint32_t set)
{
	return (uint8_t)__builtin_ctz(set);
}

/* ------------------------------------------------------------------- races */

/* One has to hold the lock for it, the other that it be free. */
static bool exclude_each_other(const struct il_op *pending, const struct il_op *done)
{
	if (pending->kind != IL_LOCK)
		return false;
	return done->kind == IL_UNLOCK ||
	       (done->kind == IL_SLEEP && done->object[1] == pending->object[0]);
}

/* What has @clock comes after none of the steps in @first[] of those in @seen. */
static bool is_free(const struct il_clock *clock, const uint16_t *first, uint32_t seen)
{
	for (; seen; seen &= seen - 1)
		if (clock->at[lowest(seen)] >= first[lowest(seen)])
			return false;
	return true;
}

static bool comes_after(const struct il_actor *actor, const struct node *node)
{
	return actor->clock.at[node->decision.value] >= node->index;
}

/*
 * What came since node @at and need not come after its step, and then the next
 * operation of @actor: who of them all can begin, if the step is left out? None
 * if the actor stood before this operation already and it could not be done: its
 * object is as it was, for what changed it since comes after the step.
 */
static uint32_t initials(const struct il_actor *actor, int at)
{
	const struct node *node = &search.nodes[at];
	uint16_t first[IL_SLOTS]; /* the step that each begins with */
	uint32_t seen = 0, set = 0;
	int slot = (int)(actor - il_run.actors);

	for (int i = at + 1; i < search.depth; i++) {
		const struct node *later = &search.nodes[i];
		uint8_t who = later->decision.value;

		if (later->decision.choice || (seen & bit(who)) ||
		    later->clock.at[node->decision.value] >= node->index)
			continue;
		if (is_free(&later->clock, first, seen))
			set |= bit(who);
		first[who] = later->index;
		seen |= bit(who);
	}
	if (!(seen & bit(slot)) && is_free(&actor->clock, first, seen)) {
		if (!(node->ready & bit(slot)))
			return 0;
		set |= bit(slot);
	}
	return set & node->ready;
}

/* The next operation of @slot could come before the step of node @at. */
static void try_before(int slot, int at)
{
	struct node *node = &search.nodes[at];
	uint32_t set = initials(&il_run.actors[slot], at);

	if (set && !(set & (node->todo | node->sleep)))
		node->todo |= set & bit(slot) ? bit(slot) : bit(lowest(set));
}

/* The last step that touched @object and need not come before @actor's next; -1: none. */
static int race_on(const struct il_actor *actor, const struct il_object *object)
{
	int at = object->last;

	while (at >= 0) {
		const struct node *node = &search.nodes[at];

		if (comes_after(actor, node))
			return -1;
		if (!exclude_each_other(&actor->op, &node->op))
			return at;
		at = node->before[node->op.object[0] == object ? 0 : 1];
	}
	return -1;
}

static void announced(int slot)
{
	const struct il_actor *actor = &il_run.actors[slot];
	int at = -1, other;

	if (search.reduction != DPOR || search.depth <= search.fresh)
		return;
	for (int i = 0; i < IL_TOUCHES; i++) {
		if (!actor->op.object[i])
			continue;
		other = race_on(actor, actor->op.object[i]);
		at = other > at ? other : at;
	}
	if (at >= 0)
		try_before(slot, at);
}

/* The step of the top node against what all others are about to do. */
static void races_of_step(int slot)
{
	const struct il_op *op = &il_run.actors[slot].op;

	for (int i = 0; i < il_run.nactors; i++) {
		const struct il_actor *other = &il_run.actors[i];

		if (i != slot && other->state == IL_READY && il_dependent(&other->op, op) &&
		    !exclude_each_other(&other->op, op))
			try_before(i, search.depth - 1);
	}
}

static void step(int slot)
{
	struct node *node = &search.nodes[search.depth - 1];
	const struct il_actor *actor = &il_run.actors[slot];

	node->op = actor->op;
	node->clock = actor->clock;
	node->index = actor->clock.at[slot];
	if (search.reduction == DPOR && search.depth > search.fresh)
		races_of_step(slot);
	for (int i = 0; i < IL_TOUCHES; i++) {
		if (!node->op.object[i])
			continue;
		node->before[i] = node->op.object[i]->last;
		node->op.object[i]->last = search.depth - 1;
	}
	search.parent = search.depth - 1;
	search.trace += il_trace_step(slot, &actor->clock);
}

/* --------------------------------------------------------------- decisions */

static void check_room(void)
{
	if (search.depth == IL_DECISIONS_MAX)
		il_violation("more than %d decisions in a schedule", IL_DECISIONS_MAX);
}

/* Those who sleep at the parent and whom its step did not wake. */
static uint32_t inherited_sleep(void)
{
	const struct node *parent;
	uint32_t set = 0;

	if (search.parent < 0)
		return 0;
	parent = &search.nodes[search.parent];
	for (int i = 0; i < il_run.nactors; i++)
		if ((parent->sleep & bit(i)) && i != parent->decision.value &&
		    !il_dependent(&il_run.actors[i].op, &parent->op))
			set |= bit(i);
	return set;
}

static bool is_preemption(uint32_t ready, int slot)
{
	return il_run.current >= 0 && (ready & bit(il_run.current)) && slot != il_run.current;
}

/* Who goes on if nothing speaks against it: the one who ran. */
static uint8_t favourite(uint32_t set)
{
	if (il_run.current >= 0 && (set & bit(il_run.current)))
		return (uint8_t)il_run.current;
	return lowest(set);
}

/* False: nothing new can come of this state. */
static bool open_reduced(struct node *node)
{
	uint32_t set;

	node->sleep = inherited_sleep();
	set = node->ready & ~node->sleep;
	if (!set)
		return false;
	node->decision.value = favourite(set);
	node->todo = bit(node->decision.value);
	return true;
}

static bool open_bounded(struct node *node)
{
	bool may_switch = il_run.current < 0 || !(node->ready & bit(il_run.current));
	uint64_t who = may_switch ? 0 : (uint64_t)il_run.current + 1;

	if (search.reduction == VISITED && node->ready & (node->ready - 1) &&
	    il_visited_before(search.visited, search.trace ^ who * UINT64_C(0x9e3779b97f4a7c15),
			      search.preemptions))
		return false;
	node->sleep = 0;
	node->decision.value = favourite(node->ready);
	node->todo = may_switch || search.preemptions < search.bound ? node->ready
								     : bit(node->decision.value);
	return true;
}

static int pick(uint32_t ready)
{
	struct node *node = &search.nodes[search.depth];
	bool open = true;

	check_room();
	if (search.depth >= search.known) {
		node->decision.choice = false;
		node->ready = ready;
		open = search.reduction == DPOR ? open_reduced(node) : open_bounded(node);
	} else if (node->decision.choice || node->ready != ready) {
		il_violation("the scenario is not deterministic: step %d differs", search.depth);
	}
	if (!open)
		return -1;
	search.depth++;
	search.preemptions += is_preemption(ready, node->decision.value);
	return node->decision.value;
}

static unsigned int choose(unsigned int n)
{
	struct node *node = &search.nodes[search.depth];

	check_room();
	il_check(n <= UINT8_MAX, "a choice of %u", n);
	if (search.depth >= search.known) {
		node->decision = (struct il_decision){ .choice = true };
		node->answers = n;
	} else if (!node->decision.choice || node->answers != n) {
		il_violation("the scenario is not deterministic: choice %d differs", search.depth);
	}
	search.depth++;
	search.trace += il_trace_choice(il_run.current, &il_self()->clock, node->decision.value);
	return node->decision.value;
}

static const struct il_policy policy = {
	.pick = pick,
	.choose = choose,
	.announced = announced,
	.step = step,
};

/* -------------------------------------------------------------- the search */

/* Changes the last decision that can be; false: all were tried. */
static bool next_schedule(void)
{
	while (search.depth) {
		struct node *node = &search.nodes[search.depth - 1];
		uint32_t set = 0;

		search.fresh = search.depth - 1;
		search.known = search.depth;
		if (node->decision.choice) {
			if (++node->decision.value < node->answers)
				return true;
		} else {
			node->sleep |= bit(node->decision.value);
			set = node->todo & node->ready & ~node->sleep;
		}
		if (set) {
			node->decision.value = lowest(set);
			return true;
		}
		search.depth--;
	}
	return false;
}

static enum il_end run_next(const struct il_scenario *scenario, const struct il_limits *limits)
{
	search.depth = 0;
	search.parent = -1;
	search.preemptions = 0;
	search.trace = 0;
	return il_run_schedule(scenario, &policy, limits->steps);
}

static void print_seed(char *buf, size_t size)
{
	static struct il_decision decisions[IL_DECISIONS_MAX];

	for (int i = 0; i < search.depth; i++)
		decisions[i] = search.nodes[i].decision;
	il_seed_print(decisions, (size_t)search.depth, buf, size);
}

#ifdef IL_ASAN
/* The sanitizer ends the process: say where it was. */
static void tell_death(void)
{
	char seed[sizeof(((struct il_result *)NULL)->seed)];

	if (!search.nodes || il_run.end != IL_RUNNING)
		return;
	print_seed(seed, sizeof(seed));
	fprintf(stderr, "in actor %s, scenario %s, seed %s\n", il_actor_name(), search.name, seed);
}
#endif

static void tell_violation(struct il_result *result)
{
	result->violated = true;
	memcpy(result->report, il_run.report, sizeof(result->report));
	print_seed(result->seed, sizeof(result->seed));
}

static void explore(const struct il_scenario *scenario, const struct il_limits *limits,
		    struct il_result *result)
{
	enum il_end end;

	do {
		if (limits->schedules && result->schedules + result->pruned == limits->schedules) {
			result->cut = true;
			return;
		}
		end = run_next(scenario, limits);
		result->steps += il_run.steps;
		if (end == IL_CUT)
			result->pruned++;
		else
			result->schedules++;
		if (end == IL_VIOLATED)
			tell_violation(result);
		if (end != IL_CUT && il_trace_hook)
			il_trace_hook(search.trace);
	} while ((!result->violated || il_trace_hook) && next_schedule());
}

int il_explore(const struct il_scenario *scenario, const struct il_limits *limits,
	       struct il_result *result)
{
	memset(result, 0, sizeof(*result));
	memset(&search, 0, sizeof(search));
	if (limits->plain)
		search.reduction = NONE;
	else
		search.reduction = limits->preemptions == IL_UNBOUNDED ? DPOR : VISITED;
	search.name = scenario->name;
	search.bound = limits->preemptions;
	search.nodes = calloc(IL_DECISIONS_MAX, sizeof(*search.nodes));
	search.visited = search.reduction == VISITED ? il_visited_new() : NULL;
	if (!search.nodes || (search.reduction == VISITED && !search.visited)) {
		free(search.nodes);
		return -ENOMEM;
	}
#ifdef IL_ASAN
	__sanitizer_set_death_callback(tell_death);
#endif
	explore(scenario, limits, result);
	il_visited_free(search.visited);
	free(search.nodes);
	search.nodes = NULL;
	return 0;
}
