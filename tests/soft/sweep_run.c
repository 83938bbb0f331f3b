// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * A run: a session with a failure in it, then one without, and what is left over
 * of both. Who hangs is shown, each thread with its calls.
 */
#include <dirent.h>
#include <execinfo.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tests/soft/sweep_run.h"

#define RUN_SECONDS 60
#define IMPATIENT_MS 1500 /* when nothing works any more */
#define MEMORY_ROUNDS 4	  /* more than there are threads */
#define SETTLE_STEPS 400  /* of 10 ms: a closed socket lingers */
#define SETTLE_USUAL 40

static int count(const char *path)
{
	DIR *d = opendir(path);
	int n = -2; /* . and .. */

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n;
}

static int descriptors(void)
{
	return count("/proc/self/fd") - 1; /* the folder's own */
}

static void complain(const char *what)
{
	if (!sweep_report->verdict[0])
		snprintf(sweep_report->verdict, sizeof(sweep_report->verdict), "%s", what);
}

/* ---- who hangs */

static void show_calls(int signal)
{
	void *frames[32];

	(void)signal;
	backtrace_symbols_fd(frames, backtrace(frames, 32), STDERR_FILENO);
	(void)!write(STDERR_FILENO, "\n", 1);
}

static void show_threads(int signal)
{
	DIR *d = opendir("/proc/self/task");
	struct dirent *entry;

	(void)signal;
	while (d && (entry = readdir(d))) {
		if (entry->d_name[0] == '.')
			continue;
		syscall(SYS_tgkill, getpid(), atoi(entry->d_name), SIGUSR2);
		for (int i = 0; i < 20; i++)
			usleep(10000);
	}
	_exit(99);
}

/* ---- leftovers */

/* What they are, for the one who has to find the leak. */
static void name_descriptors(void)
{
	char path[64], name[64];
	size_t used = strlen(sweep_report->verdict);
	ssize_t n;

	for (int fd = 3; fd < 64; fd++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		n = readlink(path, name, sizeof(name) - 1);
		if (n <= 0 || used + (size_t)n + 2 > sizeof(sweep_report->verdict))
			continue;
		name[n] = '\0';
		used += (size_t)snprintf(sweep_report->verdict + used,
					 sizeof(sweep_report->verdict) - used, " %s", name);
	}
}

static void take_stock(void)
{
	sweep_report->descriptors = descriptors();
	sweep_report->threads = count("/proc/self/task");
	sweep_report->live = sweep_live();
}

static bool is_usual(const struct sweep_report *usual)
{
	return sweep_report->descriptors <= usual->descriptors &&
	       sweep_report->threads <= usual->threads && sweep_report->live <= usual->live;
}

/* Closing a connection outlives the session by a little. */
static void check_leftovers(const struct sweep_report *usual)
{
	for (int i = 0; i < (usual ? SETTLE_STEPS : SETTLE_USUAL); i++) {
		take_stock();
		if (usual && is_usual(usual))
			return;
		usleep(10000);
	}
	if (!usual)
		return;
	if (sweep_report->descriptors > usual->descriptors) {
		complain("descriptors are left over:");
		name_descriptors();
		return;
	}
	if (sweep_report->threads > usual->threads)
		complain("threads are left over");
}

/* ---- sessions */

static void judge(const struct sweep *s, bool failed, const struct sweep_job *job)
{
	if (failed) {
		snprintf(sweep_report->step, sizeof(sweep_report->step), "%.150s", s->step);
		sweep_report->err = s->err;
		if (s->err == ETIME && !job->onward)
			complain("something that was due never came");
		else if (s->err <= 0 || s->err > 133)
			complain("no errno");
	}
	if (s->verdict[0] && !job->onward)
		complain(s->verdict);
}

static void session(const struct sweep_kind *kind, const struct sweep_job *job, int peer)
{
	struct sweep *s = calloc(1, sizeof(*s));
	int patience = sweep_wait_ms;
	bool failed;

	s->peer = peer;
	if (job->onward)
		sweep_wait_ms = IMPATIENT_MS;
	sweep_arm(job);
	failed = kind->run(s) != 0;
	sweep_close(s);
	sweep_disarm();
	sweep_wait_ms = patience;
	judge(s, failed, job);
	free(s);
}

static void next_session(const struct sweep_kind *kind, int peer)
{
	struct sweep *s = calloc(1, sizeof(*s));
	char text[200];

	s->peer = peer;
	if (kind->run(s)) {
		snprintf(text, sizeof(text), "the next session fails: %.120s: %s", s->step,
			 strerrorname_np(s->err));
		complain(text);
	}
	sweep_close(s);
	if (s->verdict[0])
		complain(s->verdict);
	free(s);
}

/* How many allocations another round leaves behind. */
static long growth(const struct sweep_kind *kind, const struct sweep_job *job, int peer)
{
	long before = sweep_live();

	session(kind, job, peer);
	next_session(kind, peer);
	for (int i = 0; i < SETTLE_STEPS && sweep_live() > before; i++)
		usleep(10000);
	return sweep_live() - before;
}

/*
 * What a table or one of the threads keeps for the next time is there once, and which
 * threads come to need it differs from round to round; a leak grows in each.
 */
static void check_memory(const struct sweep_kind *kind, const struct sweep_job *job, int peer)
{
	char text[64];
	long n = 0;

	for (int i = 0; i < MEMORY_ROUNDS; i++) {
		n = growth(kind, job, peer);
		if (n <= 0)
			return;
	}
	snprintf(text, sizeof(text), "%ld allocations are left over in each round", n);
	complain(text);
}

_Noreturn void sweep_run(const struct sweep_kind *kind, const struct sweep_job *job,
			 const struct sweep_report *usual)
{
	int peer = kind->apart ? sweep_peer_start() : 0;

	signal(SIGUSR2, show_calls);
	signal(SIGALRM, show_threads);
	alarm(RUN_SECONDS);
	session(kind, job, peer);
	next_session(kind, peer);
	check_leftovers(usual);
	if (usual && sweep_report->live > usual->live)
		check_memory(kind, job, peer);
	exit(0); /* LeakSanitizer has its word here */
}
