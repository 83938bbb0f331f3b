// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The checker of interleavings: runs the scenarios, one after the other, each in
 * all its schedules, and says what it has run. A violation is printed with the
 * command that replays it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/interleave/scenarios.h"

/* More steps than any schedule needs: a destroy that takes longer is not bounded. */
#define STEPS_MAX 2000
#define REPORTS_MAX 20

enum form {
	QUICK,
	NORMAL,
	DEEP,
	NFORMS
};

#define ACTORS_MAX (IL_ACTS_MAX + 2)

/*
 * How far each form goes, by the number of actors, all that run counted. What
 * takes more schedules than this is tried again by the limits of fallbacks[]. A
 * pair in which the handler does something is as long as a triple, and goes as far.
 */
static const struct il_limits limits[NFORMS][ACTORS_MAX + 1] = {
	[QUICK] = { [2] = { .preemptions = IL_UNBOUNDED, .schedules = 500 },
		    [3] = { .preemptions = 1 },
		    [4] = { .preemptions = 0 },
		    [5] = { .preemptions = 0 } },
	[NORMAL] = { [2] = { .preemptions = IL_UNBOUNDED, .schedules = 3000 },
		     [3] = { .preemptions = 2, .schedules = 300 },
		     [4] = { .preemptions = 0 },
		     [5] = { .preemptions = 0 } },
	[DEEP] = { [2] = { .preemptions = IL_UNBOUNDED, .schedules = 10000000 },
		   [3] = { .preemptions = 4, .schedules = 10000000 },
		   [4] = { .preemptions = 3, .schedules = 10000000 },
		   [5] = { .preemptions = 2, .schedules = 10000000 } },
};

static const struct il_limits fallbacks[NFORMS][ACTORS_MAX + 1] = {
	[QUICK] = { [2] = { .preemptions = 1 } },
	[NORMAL] = { [2] = { .preemptions = 2 }, [3] = { .preemptions = 1 } },
};

struct options {
	enum form form;
	bool list, verbose;
	bool hunt; /* ends with the first violation, and looks where one is likely first */
	unsigned long enough; /* schedules of a hunt; 0: no limit */
	const char *match, *seed;
	unsigned int part, parts;
	unsigned int actors; /* 0: any number */
};

struct totals {
	unsigned long scenarios, schedules, pruned, steps, cut, violations;
	unsigned long unbounded; /* scenarios run in all schedules */
	unsigned long most;	 /* schedules of one scenario */
	const char *most_name;
};

static struct totals totals, states[S_N];
static char self[256];
static bool hunting;

static void usage(void)
{
	fprintf(stderr,
		"usage: %s [--quick | --deep] [--part I/N] [--actors N] [--scenario NAME]\n"
		"       [--hunt [--enough N]] [--list] [--verbose] [--seed NAME:SEED]\n"
		"NAME may be the beginning of names.\n",
		self);
	exit(2);
}

static struct il_scenario scenario_of(const struct il_spec *spec)
{
	return (struct il_scenario){
		.name = spec->name, .run = il_scenario_run, .check = il_scenario_check, .arg = spec
	};
}

static void add_up(struct totals *t, const struct il_spec *spec, const struct il_result *r)
{
	t->scenarios++;
	t->schedules += r->schedules;
	t->pruned += r->pruned;
	t->steps += r->steps;
	t->cut += r->cut;
	t->violations += r->violated;
	if (r->schedules > t->most) {
		t->most = r->schedules;
		t->most_name = spec->name;
	}
}

static void report(const struct il_spec *spec, const struct il_result *r)
{
	if (r->cut && !hunting)
		printf("# %s: cut off after %lu schedules\n", spec->name, r->schedules);
	if (!r->violated || totals.violations > REPORTS_MAX)
		return;
	printf("# VIOLATION in %s, schedule %lu: %s\n", spec->name, r->schedules + 1, r->report);
	printf("#   replay: %s --seed '%s:%s'\n", self, spec->name, r->seed);
}

static void explore(const struct il_spec *spec, const struct il_limits *limit, struct il_result *r)
{
	struct il_scenario scenario = scenario_of(spec);
	int rc = il_explore(&scenario, limit, r);

	if (!rc)
		return;
	fprintf(stderr, "%s: %s\n", spec->name, strerror(-rc));
	exit(99);
}

/* @fallback, or NULL: what is tried if @limit does not hold all. */
static bool run_one(const struct il_spec *spec, const struct il_limits *limit,
		    const struct il_limits *fallback, bool verbose)
{
	static struct il_result first, result;
	clock_t before = clock();

	explore(spec, limit, &result);
	totals.unbounded += limit->preemptions == IL_UNBOUNDED && !result.cut;
	if (result.cut && fallback) {
		first = result;
		explore(spec, fallback, &result);
		result.schedules += first.schedules;
		result.pruned += first.pruned;
		result.steps += first.steps;
	}
	add_up(&totals, spec, &result);
	add_up(&states[spec->start], spec, &result);
	report(spec, &result);
	if (verbose)
		printf("# %s: %lu schedules, %lu pruned, %lu steps, %.3f s\n", spec->name,
		       result.schedules, result.pruned, result.steps,
		       (double)(clock() - before) / CLOCKS_PER_SEC);
	fflush(stdout);
	return result.violated;
}

static struct il_limits limit_of(const struct il_limits table[NFORMS][ACTORS_MAX + 1],
				 const struct il_spec *spec, enum form form)
{
	unsigned int n = il_nactors(spec) + (form != DEEP && spec->on != ON_NOTHING);
	struct il_limits limit = table[form][n < ACTORS_MAX ? n : ACTORS_MAX];

	limit.steps = STEPS_MAX;
	return limit;
}

static bool is_meant(const struct il_spec *spec, unsigned int nth, const struct options *o)
{
	if ((spec->deep && o->form != DEEP) || (spec->nacts > 2 && o->form == QUICK))
		return false;
	if (o->match && strncmp(spec->name, o->match, strlen(o->match)) != 0)
		return false;
	if (o->actors && il_nactors(spec) != o->actors)
		return false;
	return !o->parts || nth % o->parts == o->part;
}

static void print_totals(void)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < S_N; i++) {
		const struct totals *t = &states[i];

		if (t->scenarios)
			printf("%s %u - %s: %lu scenarios, %lu schedules, %lu violations\n",
			       t->violations ? "not ok" : "ok", ++n, il_start_names[i],
			       t->scenarios, t->schedules, t->violations);
	}
	printf("1..%u\n", n);
	printf("# scenarios %lu\n# unbounded %lu\n# schedules %lu\n# pruned %lu\n# steps %lu\n# cut %lu\n"
	       "# violations %lu\n",
	       totals.scenarios, totals.unbounded, totals.schedules, totals.pruned, totals.steps,
	       totals.cut, totals.violations);
	if (totals.most_name)
		printf("# most %lu in %s\n", totals.most, totals.most_name);
}

static void run_each(const struct il_spec *specs, unsigned int n, const struct options *o)
{
	struct il_limits limit, fallback;

	for (unsigned int i = 0; i < n; i++) {
		if (!is_meant(&specs[i], i, o))
			continue;
		limit = limit_of(limits, &specs[i], o->form);
		fallback = limit_of(fallbacks, &specs[i], o->form);
		run_one(&specs[i], &limit, o->form == DEEP ? NULL : &fallback, o->verbose);
	}
}

struct turn {
	const struct il_spec *spec;
	unsigned int nth; /* of its start state */
	unsigned int at;
};

static int compare(const void *left, const void *right)
{
	const struct turn *a = left, *b = right;

	if (a->nth != b->nth)
		return a->nth < b->nth ? -1 : 1;
	return a->at < b->at ? -1 : 1;
}

/* All pairs: the start states by turns, and of each such that have little in common. */
static unsigned int hunt_order(const struct il_spec *specs, unsigned int n, const struct options *o,
			       struct turn *turns)
{
	const unsigned long stride = 7919; /* a prime that divides no number of scenarios */
	unsigned int of_state[S_N] = { 0 }, nturns = 0;

	for (unsigned int i = 0; i < n; i++) {
		const struct il_spec *spec = &specs[i * stride % n];

		if (spec->nacts != 2 || !is_meant(spec, i, o))
			continue;
		turns[nturns] = (struct turn){ spec, of_state[spec->start]++, nturns };
		nturns++;
	}
	qsort(turns, nturns, sizeof(*turns), compare);
	return nturns;
}

/* Until the first violation: by few preemptions and briefly at first. */
static void hunt(const struct il_spec *specs, unsigned int n, const struct options *o)
{
	static const struct il_limits rounds[] = { { .preemptions = 1, .schedules = 300 },
						   { .preemptions = 2, .schedules = 3000 },
						   { .preemptions = 3, .schedules = 30000 } };
	struct turn *turns = calloc(n, sizeof(*turns));
	unsigned int nturns = turns ? hunt_order(specs, n, o, turns) : 0;

	for (unsigned int round = 0; round < 3; round++)
		for (unsigned int i = 0; i < nturns; i++) {
			struct il_limits limit = rounds[round];

			limit.steps = STEPS_MAX;
			if (run_one(turns[i].spec, &limit, NULL, o->verbose) ||
			    (o->enough && totals.schedules >= o->enough))
				goto out;
		}
out:
	free(turns);
}

static int run_all(const struct options *o)
{
	unsigned int n;
	const struct il_spec *specs = il_specs(&n);

	if (o->list) {
		for (unsigned int i = 0; i < n; i++)
			if (is_meant(&specs[i], i, o))
				puts(specs[i].name);
		return 0;
	}
	hunting = o->hunt;
	if (o->hunt)
		hunt(specs, n, o);
	else
		run_each(specs, n, o);
	print_totals();
	if (!totals.scenarios) {
		fprintf(stderr, "no such scenario\n");
		return 2;
	}
	return totals.violations ? 1 : 0;
}

/* NAME:SEED. */
static int replay(const char *what)
{
	static struct il_result result;
	const struct il_spec *specs;
	struct il_scenario scenario;
	const char *colon = strchr(what, ':');
	unsigned int n;
	int rc;

	if (!colon)
		usage();
	specs = il_specs(&n);
	for (unsigned int i = 0; i < n; i++) {
		if (strlen(specs[i].name) != (size_t)(colon - what) ||
		    strncmp(specs[i].name, what, (size_t)(colon - what)) != 0)
			continue;
		scenario = scenario_of(&specs[i]);
		rc = il_replay(&scenario, colon + 1, stdout, &result);
		if (rc) {
			fprintf(stderr, "%s: %s\n", what, strerror(-rc));
			return 2;
		}
		printf("%s\n", result.violated ? result.report : "no violation");
		return result.violated;
	}
	fprintf(stderr, "no such scenario\n");
	return 2;
}

static const char *value_of(char **argv, int *i)
{
	if (!argv[*i + 1])
		usage();
	return argv[++*i];
}

static void parse(char **argv, struct options *o)
{
	for (int i = 1; argv[i]; i++) {
		if (!strcmp(argv[i], "--quick"))
			o->form = QUICK;
		else if (!strcmp(argv[i], "--deep"))
			o->form = DEEP;
		else if (!strcmp(argv[i], "--list"))
			o->list = true;
		else if (!strcmp(argv[i], "--hunt"))
			o->hunt = true;
		else if (!strcmp(argv[i], "--verbose"))
			o->verbose = true;
		else if (!strcmp(argv[i], "--enough"))
			o->enough = strtoul(value_of(argv, &i), NULL, 10);
		else if (!strcmp(argv[i], "--scenario"))
			o->match = value_of(argv, &i);
		else if (!strcmp(argv[i], "--seed"))
			o->seed = value_of(argv, &i);
		else if (!strcmp(argv[i], "--actors"))
			o->actors = (unsigned int)atoi(value_of(argv, &i));
		else if (strcmp(argv[i], "--part") != 0 ||
			 sscanf(value_of(argv, &i), "%u/%u", &o->part, &o->parts) != 2 ||
			 !o->part || o->part > o->parts)
			usage();
	}
}

int main(int argc, char **argv)
{
	struct options o = { .form = NORMAL };

	snprintf(self, sizeof(self), "%s", argc ? argv[0] : "interleave");
	parse(argv, &o);
	if (o.parts)
		o.part--;
	/* A core that errs has much to say; a replay is to be read. */
	if (!o.seed)
		setenv("IWSHIM_LOG", "error", 0);
	return o.seed ? replay(o.seed) : run_all(&o);
}
