// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Sweeps a failure over the allocations and system calls that our library makes
 * in a session on the software device. Each run is a process of its own with one
 * failure. The session may then fail, but with an errno, without a crash, without
 * waiting for what never comes, and so that the session after it succeeds and no
 * descriptor, thread or memory is left over. Behind the single failures come
 * interrupted calls, short transfers, pairs, and everything failing from a site on.
 *
 * usage: fault_sweep [-a] [-l] [-v] [-j JOBS] [-s SEED] [KIND]
 * -a: every pass of a site; else the first two of each way to it, over all kinds.
 * -l: more pairs and more starts of "everything". Prints TAP. Linked with our
 * static libraries, where the failures are.
 */
#include <dlfcn.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/soft/sweep_run.h"

#define TWICE 2
#define MAX_WAYS (16 * SWEEP_SITES)
#define MAX_JOBS (4 * SWEEP_SITES)
#define MAX_AT_ONCE 16
#define TRIES 3 /* for a way that threads may or may not take */

static const char *const class_names[] = { "failures", "interrupted", "short" };
static bool every, longer, verbose;
static unsigned int at_once = 16, seed = 1;

static struct {
	struct sweep_job jobs[MAX_JOBS];
	unsigned int tries[MAX_JOBS];
	size_t n, next;
	unsigned int runs, survived, wrong, silent;
} plan;
static struct worker {
	pid_t pid;
	size_t job;
	struct sweep_report *report;
} workers[MAX_AT_ONCE];
static struct sweep_report *usual;

/* ---- names */

/* The calls of a site, by addr2line where there is one; @say is called for each. */
static void name_frames(void *const *frames, int n, bool (*say)(const char *line))
{
	char command[64 + SWEEP_FRAMES * 20], line[300];
	Dl_info program;
	FILE *f;
	int used;

	if (n <= 0 || !dladdr((void *)(uintptr_t)name_frames, &program))
		return;
	used = snprintf(command, sizeof(command), "addr2line -i -f -p -e /proc/%d/exe", getpid());
	for (int i = 0; i < n; i++)
		used += snprintf(
			command + used, sizeof(command) - (size_t)used, " %lx",
			(unsigned long)((uintptr_t)frames[i] - 1 - (uintptr_t)program.dli_fbase));
	f = popen(command, "r");
	while (f && fgets(line, sizeof(line), f) && say(line))
		;
	if (f)
		pclose(f);
}

static bool print_frame(const char *line)
{
	const char *slash = strrchr(line, '/');
	const char *at = strstr(line, " at ");

	if (line[0] != '?')
		printf("#\t%.*s %s", at ? (int)(at - line) : 20, line, slash ? slash + 1 : "\n");
	return true;
}

static void print_run(const struct sweep_kind *kind, const struct sweep_job *job,
		      const struct sweep_report *r)
{
	if (!r->verdict[0] && !verbose)
		return;
	printf("# %s, %s%s%s: %s [%s: %s]\n", kind->name, class_names[job->class],
	       job->onward ? " from here on" : "", job->second ? ", two" : "",
	       r->verdict[0] ? r->verdict : "well", r->step, strerrorname_np(r->err));
	name_frames(r->frames, r->n_frames, print_frame);
}

/* ---- what nobody announced */

static const char *gap_name;
static bool gap_is_excused;

static bool is_in_exempt(const char *file, const char *function, const char *call)
{
	char path[500], want[300], line[500];
	const char *srcdir = getenv("srcdir");
	size_t n = (size_t)snprintf(want, sizeof(want), "%s %s %s ", file, function, call);
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "%s/tests/fault-exempt.txt", srcdir ? srcdir : SRCDIR);
	f = fopen(path, "r");
	while (f && !found && fgets(line, sizeof(line), f))
		found = !strncmp(line, want, n);
	if (f)
		fclose(f);
	return found;
}

/* The innermost call decides: ours and not excused, or a test's. */
static bool judge_gap(const char *line)
{
	static const char *const folders[] = { "/base/",   "/iwcm-core/", "/netlink/",
					       "/driver/", "/verbs/",	  "/shim/" };
	const char *file = NULL, *at = strstr(line, " at ");
	char name[200], function[100];

	for (size_t i = 0; !file && i < sizeof(folders) / sizeof(folders[0]); i++)
		file = strstr(line, folders[i]);
	gap_is_excused = !file || strstr(line, "/tests/");
	if (gap_is_excused || !at)
		return false;
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(file + 1, ":"), file + 1);
	snprintf(function, sizeof(function), "%.*s", (int)strcspn(line, ". "), line);
	gap_is_excused = is_in_exempt(name, function, gap_name);
	if (!gap_is_excused)
		printf("# no iw_fault() before %s in %s of %s\n", gap_name, function, name);
	return false;
}

/* clang's tail calls and its lines hide who calls: there they are shown, and do not count. */
#ifdef __clang__
#define GAPS_COUNT 0
#else
#define GAPS_COUNT 1
#endif

static unsigned int gaps(const struct sweep_report *r)
{
	unsigned int wrong = 0;

	for (unsigned int i = 0; i < r->n_gaps; i++) {
		gap_name = r->gap[i].name;
		gap_is_excused = true;
		name_frames(&r->gap[i].from, 1, judge_gap);
		wrong += GAPS_COUNT && !gap_is_excused;
	}
	return wrong;
}

/* ---- runs */

static void start(struct worker *w, const struct sweep_kind *kind, const struct sweep_job *job,
		  const struct sweep_report *like)
{
	memset(w->report, 0, sizeof(*w->report));
	fflush(stdout);
	w->pid = fork();
	if (w->pid)
		return;
	sweep_report = w->report;
	sweep_run(kind, job, like);
}

static void note_end(struct sweep_report *r, int status)
{
	if (WIFSIGNALED(status))
		snprintf(r->verdict, sizeof(r->verdict), "%s", strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status) == 99)
		snprintf(r->verdict, sizeof(r->verdict), "hangs");
	else if (WEXITSTATUS(status))
		snprintf(r->verdict, sizeof(r->verdict), "exit status %d (a leak?)",
			 WEXITSTATUS(status));
}

static void finish(struct worker *w, const struct sweep_kind *kind, int status)
{
	struct sweep_report *r = w->report;
	const size_t job = w->job;

	w->pid = 0;
	note_end(r, status);
	print_run(kind, &plan.jobs[job], r);
	plan.runs++;
	plan.wrong += r->verdict[0] != 0;
	if (!r->fired && !r->verdict[0] && ++plan.tries[job] < TRIES) {
		start(w, kind, &plan.jobs[job], usual);
		w->job = job;
		return;
	}
	plan.silent += !r->fired;
	plan.survived += r->fired && !r->step[0];
}

static bool fill(const struct sweep_kind *kind)
{
	bool busy = false;

	for (unsigned int i = 0; i < at_once; i++) {
		if (!workers[i].pid && plan.next < plan.n) {
			workers[i].job = plan.next++;
			start(&workers[i], kind, &plan.jobs[workers[i].job], usual);
		}
		busy |= workers[i].pid != 0;
	}
	return busy;
}

static void run_plan(const struct sweep_kind *kind)
{
	int status;
	pid_t pid;

	while (fill(kind)) {
		pid = waitpid(-1, &status, 0);
		for (unsigned int i = 0; pid > 0 && i < at_once; i++)
			if (workers[i].pid == pid)
				finish(&workers[i], kind, status);
	}
}

/* ---- the plan */

static void add(struct sweep_job job)
{
	if (plan.n == MAX_JOBS)
		return;
	plan.tries[plan.n] = 0;
	plan.jobs[plan.n++] = job;
}

/* How often @way was chosen, over all kinds; counts it. */
static unsigned int chosen(uint64_t way, enum sweep_class class)
{
	static struct {
		uint64_t way;
		unsigned int times;
	} seen[MAX_WAYS];
	static size_t n;
	size_t i = 0;

	way ^= (uint64_t) class * 0x9e3779b97f4a7c15u;
	while (i < n && seen[i].way != way)
		i++;
	if (i == MAX_WAYS)
		return 0;
	if (i == n)
		seen[n++].way = way;
	return seen[i].times++;
}

static unsigned int occurrence_of(enum sweep_class class, unsigned int at)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i <= at; i++)
		n += usual->way[class][i] == usual->way[class][at];
	return n;
}

static void plan_singles(enum sweep_class class)
{
	for (unsigned int i = 0; i < usual->passed[class]; i++)
		if (chosen(usual->way[class][i], class) < TWICE || every)
			add((struct sweep_job){ .class = class,
						.way = usual->way[class][i],
						.occurrence = occurrence_of(class, i) });
}

static struct sweep_job job_at(unsigned int at)
{
	return (struct sweep_job){ .class = SWEEP_FAULT,
				   .way = usual->way[SWEEP_FAULT][at],
				   .occurrence = occurrence_of(SWEEP_FAULT, at) };
}

static void plan_pairs(unsigned int pairs)
{
	struct sweep_job job;

	for (unsigned int i = 0; i < pairs; i++) {
		job = job_at((unsigned int)rand_r(&seed) % usual->passed[SWEEP_FAULT]);
		job.second = 1 + (unsigned int)rand_r(&seed) % 16;
		add(job);
	}
}

static void plan_onward(unsigned int starts)
{
	struct sweep_job job;

	for (unsigned int i = 0; i < starts; i++) {
		job = job_at(i * usual->passed[SWEEP_FAULT] / starts);
		job.onward = true;
		add(job);
	}
}

/* ---- the sweep */

static unsigned int part(const struct sweep_kind *kind, const char *name)
{
	unsigned int wrong;

	run_plan(kind);
	printf("# %s: %s: %u runs, %u survived, %u not fired, %u wrong\n", kind->name, name,
	       plan.runs, plan.survived, plan.silent, plan.wrong);
	wrong = plan.wrong;
	memset(&plan, 0, sizeof(plan));
	return wrong;
}

static unsigned int ways(enum sweep_class class)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < usual->passed[class]; i++)
		n += occurrence_of(class, i) == 1;
	return n;
}

static unsigned int sweep(const struct sweep_kind *kind)
{
	unsigned int wrong = 0;
	int status = 0;

	start(&workers[0], kind, &(struct sweep_job){ 0 }, NULL);
	waitpid(workers[0].pid, &status, 0);
	workers[0].pid = 0;
	note_end(workers[0].report, status);
	memcpy(usual, workers[0].report, sizeof(*usual));
	if (usual->verdict[0] || usual->step[0] || !usual->passed[SWEEP_FAULT]) {
		printf("# %s: without a failure: %s [%s: %s]\n", kind->name, usual->verdict,
		       usual->step, strerrorname_np(usual->err));
		return 1;
	}
	printf("# %s: ways to a failure %u, to an interrupted call %u, to a short one %u\n",
	       kind->name, ways(SWEEP_FAULT), ways(SWEEP_EINTR), ways(SWEEP_SHORT));
	wrong += gaps(usual);
	for (enum sweep_class class = 0; class < SWEEP_CLASSES; class ++) {
		plan_singles(class);
		wrong += part(kind, class_names[class]);
	}
	plan_pairs(longer ? 200 : 6);
	wrong += part(kind, "two failures");
	plan_onward(longer ? 50 : 3);
	return wrong + part(kind, "all from one on");
}

static void *shared(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		exit(2);
	return memory;
}

static void options(int argc, char **argv)
{
	int opt;

	while ((opt = getopt(argc, argv, "alvj:s:")) != -1) {
		every |= opt == 'a';
		longer |= opt == 'a' || opt == 'l';
		verbose |= opt == 'v';
		if (opt == 'j')
			at_once = (unsigned int)atoi(optarg);
		if (opt == 's')
			seed = (unsigned int)atoi(optarg);
	}
	if (!at_once || at_once > MAX_AT_ONCE)
		at_once = 1;
}

int main(int argc, char **argv)
{
	unsigned int bad = 0, tests = 0;

	if (getenv("IWSHIM_TESTS") && !strcmp(getenv("IWSHIM_TESTS"), "short")) {
		printf("1..0 # SKIP IWSHIM_TESTS=short\n");
		return 77;
	}
	options(argc, argv);
	setenv("IWSHIM_DEVICE", "soft", 1);
	if (!verbose)
		setenv("IWSHIM_LOG_FILE", "/dev/null", 0);
	setvbuf(stdout, NULL, _IOLBF, 0);
	usual = shared(sizeof(*usual));
	for (unsigned int i = 0; i < at_once; i++)
		workers[i].report = shared(sizeof(*workers[i].report));
	printf("# seed %u\n", seed);
	for (const struct sweep_kind *kind = sweep_kinds; kind->name; kind++) {
		unsigned int wrong;

		if (optind < argc && strcmp(argv[optind], kind->name))
			continue;
		wrong = sweep(kind);
		printf("%sok %u - each failure in a session: %s\n", wrong ? "not " : "", ++tests,
		       kind->name);
		bad |= wrong;
	}
	printf("1..%u\n", tests);
	return bad ? 1 : 0;
}
