// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Sweeps a failure over the allocations and system calls that our library makes
 * in a session on the software device (sweep_sessions.c). Each run is a process
 * of its own with one failure armed. The session may then fail, but with an
 * errno, without a crash, without waiting for what never comes, and so that the
 * session after it succeeds and no descriptor, thread or memory is left over.
 *
 * usage: fault_sweep [-a] [-v] [KIND [FIRST LAST]]
 * -a: every site that is passed, however often; else the first two passes of each
 * way to it, over all kinds. Prints TAP. Linked with our static libraries, where the failures are.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <execinfo.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fault.h"
#include "tests/soft/sweep.h"

#define KINDS (IW_FAULT_ALLOC | IW_FAULT_SYSCALL)
#define RUN_SECONDS 60
#define MAX_SITES 4096
#define FRAMES 12
#define NEVER 1000000
#define NEAR 4 /* callers that make a way to a site another one */
#define TWICE 2
#define MAX_WAYS (8 * MAX_SITES)

/* What a run tells its parent. */
struct report {
	unsigned long passed;
	uint64_t way[MAX_SITES]; /* to the nth site: a digest of who called */
	void *frames[FRAMES];	 /* of the one that failed */
	int n_frames;
	char step[200], verdict[256];
	int err, descriptors;
};
static struct report *report;
static bool every, verbose;

/* ---- a run */

static void hook(unsigned long nth, bool fails)
{
	void *frames[FRAMES];
	int n = backtrace(frames, FRAMES);
	uint64_t digest = 14695981039346656037u;

	for (int i = 2; i < n && i < 2 + NEAR; i++)
		digest = (digest ^ (uintptr_t)frames[i]) * 1099511628211u;
	if (nth < MAX_SITES)
		report->way[nth] = digest;
	if (!fails)
		return;
	memcpy(report->frames, frames, sizeof(frames));
	report->n_frames = n;
}

static int count_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = -3; /* the folder's own, . and .. */

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n;
}

static void complain(const char *what)
{
	if (!report->verdict[0])
		snprintf(report->verdict, sizeof(report->verdict), "%s", what);
}

/* What they are, for the one who has to find the leak. */
static void name_descriptors(void)
{
	char path[64], name[64];
	size_t used = strlen(report->verdict);
	ssize_t n;

	for (int fd = 3; fd < 64; fd++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		n = readlink(path, name, sizeof(name) - 1);
		if (n <= 0 || used + (size_t)n + 2 > sizeof(report->verdict))
			continue;
		name[n] = '\0';
		used += (size_t)snprintf(report->verdict + used, sizeof(report->verdict) - used,
					 " %s", name);
	}
}

/* Closing a connection outlives the session by a little: its socket lingers. */
static void check_descriptors(int usual)
{
	for (int i = 0; i < 400; i++) {
		report->descriptors = count_descriptors();
		if (usual && report->descriptors <= usual)
			return;
		if (!usual && i > 50)
			return;
		usleep(10000);
	}
	complain("descriptors are left over:");
	name_descriptors();
}

static void run(const struct sweep_kind *kind, unsigned long nth, int usual)
{
	struct sweep *s = calloc(1, sizeof(*s));
	void *warm[1];
	int ret;

	backtrace(warm, 1); /* loads what it needs */
	iw_fault_hook = hook;
	iw_fault_arm(KINDS, nth);
	ret = kind->run(s);
	sweep_close(s);
	report->passed = iw_fault_passed();
	iw_fault_arm(0, 0);
	if (ret) {
		snprintf(report->step, sizeof(report->step), "%.150s", s->step);
		report->err = s->err;
		if (s->err == ETIME)
			complain("something that was due never came");
		else if (s->err <= 0 || s->err > 133)
			complain("no errno");
	}
	if (s->verdict[0])
		complain(s->verdict);
	*s = (struct sweep){ 0 };
	if (kind->run(s)) {
		if (!report->verdict[0])
			snprintf(report->verdict, sizeof(report->verdict),
				 "the next session fails: %.120s: %s", s->step,
				 strerrorname_np(s->err));
	}
	sweep_close(s);
	free(s);
	check_descriptors(usual);
}

static void run_apart(const struct sweep_kind *kind, unsigned long nth, int usual)
{
	int status;
	pid_t pid;

	memset(report, 0, sizeof(*report));
	fflush(stdout);
	pid = fork();
	if (!pid) {
		alarm(RUN_SECONDS);
		run(kind, nth, usual);
		exit(0); /* LeakSanitizer has its word here */
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFSIGNALED(status))
		snprintf(report->verdict, sizeof(report->verdict), "%s",
			 WTERMSIG(status) == SIGALRM ? "hangs" : strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status))
		snprintf(report->verdict, sizeof(report->verdict), "exit status %d (a leak?)",
			 WEXITSTATUS(status));
}

/* ---- the sweep */

/* Who failed, by addr2line where there is one. */
static void name_site(void)
{
	char command[64 + FRAMES * 20], line[256];
	Dl_info program;
	FILE *f;
	int used;

	if (report->n_frames <= 2 || !dladdr((void *)(uintptr_t)name_site, &program))
		return;
	used = snprintf(command, sizeof(command), "addr2line -s -f -p -e /proc/%d/exe", getpid());
	for (int i = 2; i < report->n_frames; i++)
		used += snprintf(command + used, sizeof(command) - (size_t)used, " %lx",
				 (unsigned long)((uintptr_t)report->frames[i] - 1 -
						 (uintptr_t)program.dli_fbase));
	f = popen(command, "r");
	for (int i = 2; f && fgets(line, sizeof(line), f); i++)
		if (line[0] != '?')
			printf("#\t%s", line);
	if (f)
		pclose(f);
}

static void print_run(const struct sweep_kind *kind, unsigned long nth)
{
	if (!report->verdict[0] && !verbose)
		return;
	printf("# %s site %lu: %s [%s: %s]\n", kind->name, nth,
	       report->verdict[0] ? report->verdict : "well", report->step,
	       strerrorname_np(report->err));
	name_site();
}

/* The sites worth a run: not those that are passed again and again in the same way. */
static size_t plan(unsigned long *sites, const struct report *r)
{
	static uint64_t seen[MAX_WAYS];
	static size_t n_seen;
	size_t n = 0;

	for (unsigned long i = 1; i <= r->passed && i < MAX_SITES; i++) {
		unsigned int before = 0;

		for (size_t k = 0; k < n_seen && before < TWICE; k++)
			before += seen[k] == r->way[i];
		if (n_seen < MAX_WAYS)
			seen[n_seen++] = r->way[i];
		if (every || before < TWICE)
			sites[n++] = i;
	}
	return n;
}

static unsigned int sweep(const struct sweep_kind *kind, unsigned long first, unsigned long last)
{
	static unsigned long sites[MAX_SITES];
	unsigned int wrong = 0, survived = 0;
	unsigned long passed;
	int usual;
	size_t n;

	run_apart(kind, NEVER, 0);
	if (report->verdict[0] || report->step[0]) {
		print_run(kind, 0);
		return 1;
	}
	usual = report->descriptors;
	passed = report->passed;
	n = plan(sites, report);
	for (size_t i = 0; i < n; i++) {
		if (sites[i] < first || sites[i] > last)
			continue;
		run_apart(kind, sites[i], usual);
		print_run(kind, sites[i]);
		wrong += report->verdict[0] != 0;
		survived += !report->step[0];
	}
	printf("# %s: %lu sites passed, %zu runs, %u survived, %u wrong\n", kind->name, passed, n,
	       survived, wrong);
	return wrong;
}

int main(int argc, char **argv)
{
	unsigned int bad = 0, tests = 0;
	int opt;

	if (getenv("IWSHIM_TESTS") && !strcmp(getenv("IWSHIM_TESTS"), "short")) {
		printf("1..0 # SKIP IWSHIM_TESTS=short\n");
		return 77;
	}
	while ((opt = getopt(argc, argv, "av")) != -1) {
		every |= opt == 'a';
		verbose |= opt == 'v';
	}
	argv += optind;
	argc -= optind;
	setenv("IWSHIM_DEVICE", "soft", 1);
	if (!verbose)
		setenv("IWSHIM_LOG_FILE", "/dev/null", 0);
	setvbuf(stdout, NULL, _IOLBF, 0);
	report = mmap(NULL, sizeof(*report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (report == MAP_FAILED)
		return 2;
	for (const struct sweep_kind *kind = sweep_kinds; kind->name; kind++) {
		unsigned int wrong;

		if (argc > 0 && strcmp(argv[0], kind->name))
			continue;
		wrong = sweep(kind, argc > 1 ? strtoul(argv[1], NULL, 0) : 1,
			      argc > 2 ? strtoul(argv[2], NULL, 0) : NEVER);
		printf("%sok %u - each failure in a session: %s\n", wrong ? "not " : "", ++tests,
		       kind->name);
		bad |= wrong;
	}
	printf("1..%u\n", tests);
	return bad ? 1 : 0;
}
