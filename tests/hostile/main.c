// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Runs the themes, many tests at a time, and speaks TAP. Afterwards the process
 * has as many descriptors as before.
 *
 *   hostile [-j THREADS] [PART-OF-A-NAME]
 */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/hostile/hostile.h"
#include "tests/hostile/shot.h"

#define MAX_TESTS 512
#define TIME_LIMIT 600 /* of all; a test that hangs has been caught long before */
#define LINGER_LIMIT_MS 8000

static const struct theme *const themes[] = {
	&theme_request,	 &theme_reply,	   &theme_segment, &theme_write, &theme_read,
	&theme_response, &theme_extension, &theme_end,	   &theme_flood, &theme_race,
};

struct entry {
	const struct theme *theme;
	const struct hostile_case *test; /* or */
	const struct shot *shot;
};

static struct {
	struct entry entries[MAX_TESTS];
	unsigned int n;
	pthread_mutex_t lock; /* protects: next, done, failed, stdout */
	unsigned int next, done, failed;
	bool alone; /* which entries this round takes */
} run = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* ---- one test */

void test_fail(struct test *t, const char *file, int line, const char *format, ...)
{
	const char *base = strrchr(file, '/');
	va_list args;
	int n;

	t->failed = true;
	n = snprintf(t->failure, sizeof(t->failure), "%s:%d: ", base ? base + 1 : file, line);
	va_start(args, format);
	vsnprintf(t->failure + n, sizeof(t->failure) - (size_t)n, format, args);
	va_end(args);
	longjmp(t->out, 1);
}

static void body(struct test *t, const struct entry *entry)
{
	victim_up(t);
	if (entry->shot)
		shot_run(t, entry->shot);
	else
		entry->test->run(t);
	good_peer(t);
	arena_check(t);
}

static void run_entry(const struct entry *entry)
{
	struct test *t = calloc(1, sizeof(*t));
	uint64_t start = now_ms();

	if (!t)
		abort();
	t->theme = entry->theme->name;
	t->name = entry->shot ? entry->shot->name : entry->test->name;
	t->arg = entry->shot ? NULL : entry->test->arg;
	if (!setjmp(t->out))
		body(t, entry);
	while (t->nsockets)
		close(t->sockets[--t->nsockets]);
	victim_down(t);
	pthread_mutex_lock(&run.lock);
	printf("%sok %u - %s.%s (%u ms)\n", t->failed ? "not " : "", ++run.done, t->theme, t->name,
	       (unsigned int)(now_ms() - start));
	if (t->failed)
		printf("# %s\n", t->failure);
	fflush(stdout);
	run.failed += t->failed;
	pthread_mutex_unlock(&run.lock);
	free(t);
}

/* ---- all of them */

static const struct entry *next_entry(void)
{
	const struct entry *entry = NULL;

	pthread_mutex_lock(&run.lock);
	while (run.next < run.n && !entry) {
		const struct entry *e = &run.entries[run.next++];

		if ((e->test && e->test->alone) == run.alone)
			entry = e;
	}
	pthread_mutex_unlock(&run.lock);
	return entry;
}

static void *work(void *arg)
{
	const struct entry *entry;

	while ((entry = next_entry()))
		run_entry(entry);
	return NULL;
}

static void round_of(unsigned int threads, bool alone)
{
	pthread_t *ids = calloc(threads, sizeof(*ids));

	run.next = 0;
	run.alone = alone;
	for (unsigned int i = 0; ids && i < threads; i++)
		if (pthread_create(&ids[i], NULL, work, NULL))
			abort();
	for (unsigned int i = 0; ids && i < threads; i++)
		pthread_join(ids[i], NULL);
	free(ids);
}

static void add(const struct entry *entry, const char *part)
{
	char name[200];

	snprintf(name, sizeof(name), "%s.%s", entry->theme->name,
		 entry->shot ? entry->shot->name : entry->test->name);
	if (run.n < MAX_TESTS && (!part || strstr(name, part)))
		run.entries[run.n++] = *entry;
}

static void collect(const char *part)
{
	/* Those that are cases may take long, so they start first. */
	for (size_t i = 0; i < sizeof(themes) / sizeof(*themes); i++)
		for (size_t j = 0; j < themes[i]->n; j++)
			add(&(struct entry){ themes[i], &themes[i]->cases[j], NULL }, part);
	for (size_t i = 0; i < sizeof(themes) / sizeof(*themes); i++)
		for (size_t j = 0; j < themes[i]->nshots; j++)
			add(&(struct entry){ themes[i], NULL, &themes[i]->shots[j] }, part);
}

/* ---- before and after */

static unsigned int descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

/* Whatever a process of the library has for good is there after a connection each way. */
static void warm_up(struct test *t)
{
	struct stream s;

	if (setjmp(t->out)) {
		printf("Bail out! %s\n", t->failure);
		exit(1);
	}
	victim_up(t);
	if (async_start(t->v.listener->verbs)) {
		printf("Bail out! no thread\n");
		exit(1);
	}
	stream_open(t, &s, S_INITIATOR);
	good_peer(t);
	while (t->nsockets)
		close(t->sockets[--t->nsockets]);
	victim_down(t);
}

/* Sockets linger for a while after their connection. */
static bool descriptors_are_back(unsigned int before)
{
	uint64_t limit = now_ms() + LINGER_LIMIT_MS;

	while (descriptors() > before && now_ms() < limit)
		nap_ms(50);
	printf("%sok %u - run.leaves__no_descriptor (%u, before %u)\n",
	       descriptors() > before ? "not " : "", ++run.done, descriptors(), before);
	return descriptors() <= before;
}

int main(int argc, char **argv)
{
	unsigned int threads = 12, before;
	struct rlimit limit;
	struct test *t;
	int option;

	if (getenv("IWSHIM_TESTS") && !strcmp(getenv("IWSHIM_TESTS"), "short")) {
		printf("1..0 # SKIP IWSHIM_TESTS=short\n");
		return 77;
	}
	while ((option = getopt(argc, argv, "j:")) > 0) {
		if (option != 'j' || atoi(optarg) < 1)
			return 2;
		threads = (unsigned int)atoi(optarg);
	}
	setenv("IWSHIM_DEVICE", "soft", 1);
	setenv("IWSHIM_CRC", "auto", 1);
	setenv("IWSHIM_PEER_TO_PEER", "on", 1); /* the mode with more to go wrong */
	if (!getrlimit(RLIMIT_NOFILE, &limit)) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	alarm(TIME_LIMIT);
	collect(argv[optind]);
	t = calloc(1, sizeof(*t));
	if (!t)
		return 1;
	warm_up(t);
	nap_ms(100);
	before = descriptors();
	round_of(threads, false);
	round_of(1, true);
	run.failed += !descriptors_are_back(before);
	async_stop();
	free(t);
	printf("1..%u\n# %u failed\n", run.done, run.failed);
	return run.failed != 0;
}
