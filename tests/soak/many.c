// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Ten thousand connections at a time in one process, on the software device, to
 * a second one: opened as fast as it goes, left idle, each used in both
 * directions, a tenth closed and opened again, all closed in random order. TAP.
 *
 * usage: many [-1] [-n CONNECTIONS] [-r SEED]
 *	-1  both ends in one process: 20,000 sockets
 */
#include "tests/soak/many.h"

#include <getopt.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SPARE_FDS 200
#define WARM_UP 64
#define IDLE_S 2
#define IDLE_CPU_MS 20
#define REOPEN 10 /* one of so many */
#define PATIENCE_S 60
#define DEARER 2.5
/* When all is closed: tables that have grown for all of them. */
#define HEAP_REST (4u << 20)

struct side *sides;
in_port_t *ports;
unsigned int wanted = 10000;
static bool one_process;
static uint64_t dice;
static int tests, failed;

static uint32_t random_below(uint32_t n)
{
	dice = dice * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(dice >> 33) % n;
}

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void test(bool good, const char *what)
{
	tests++;
	failed += !good;
	printf("%sok %d - %s\n", good ? "" : "not ", tests, what);
}

static double cpu_of(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Of both sides. */
static double cpu_s(void)
{
	double cpu = cpu_of(CLOCK_PROCESS_CPUTIME_ID);
	clockid_t clock;

	if (!one_process && !clock_getcpuclockid(sides[CLIENT].pid, &clock))
		cpu += cpu_of(clock);
	return cpu;
}

/* ---- jobs, and what main() waits for */

static void wake(struct side *s)
{
	uint64_t one = 1;

	if (write(s->wake, &one, sizeof(one)) < 0)
		fail("eventfd: %m");
}

static struct held measure(struct side *s)
{
	__atomic_store_n(&s->measure, true, __ATOMIC_RELEASE);
	wake(s);
	for (int i = 0; get(&s->measure); i++) {
		if (i > 10000)
			fail("a side does not answer");
		usleep(1000);
	}
	return s->held;
}

static void begin_job(struct side *s, enum what what, const uint32_t *indices, unsigned int n)
{
	if (!n)
		return;
	s->job.indices = indices;
	s->job.n = n;
	s->job.next = 0;
	__atomic_store_n(&s->job.what, what, __ATOMIC_RELEASE);
	wake(s);
}

static void await(const unsigned int *counter, unsigned int n, const char *what)
{
	double until = now_s() + PATIENCE_S;

	while (get(counter) < n) {
		if (now_s() > until)
			fail("%s: %u of %u after %d s", what, get(counter), n, PATIENCE_S);
		usleep(500);
	}
}

static void await_both(size_t at, unsigned int more, const unsigned int before[SIDES],
		       const char *what)
{
	for (int i = 0; i < SIDES; i++)
		await((const unsigned int *)((const char *)&sides[i] + at), before[i] + more, what);
}

#define AT(field) offsetof(struct side, field)

static void open_all(const uint32_t *indices, unsigned int n)
{
	unsigned int before[SIDES] = { sides[0].established, sides[1].established };

	begin_job(&sides[CLIENT], OPEN, indices, n);
	await_both(AT(established), n, before, "established");
}

/* The first @half by the client, the others by the server. */
static void close_all(const uint32_t *indices, unsigned int n)
{
	unsigned int before[SIDES] = { sides[0].disconnected, sides[1].disconnected };
	unsigned int half = n / 2;

	begin_job(&sides[CLIENT], CLOSE, indices, half);
	begin_job(&sides[SERVER], CLOSE, indices + half, n - half);
	await_both(AT(disconnected), n, before, "disconnected");
}

static void talk_all(const uint32_t *indices, unsigned int n)
{
	unsigned int received[SIDES] = { sides[0].received, sides[1].received };
	unsigned int sent[SIDES] = { sides[0].sent, sides[1].sent };

	begin_job(&sides[CLIENT], SEND, indices, n);
	await_both(AT(received), n, received, "messages");
	await_both(AT(sent), n, sent, "completions of Sends");
}

static void shuffle(uint32_t *indices, unsigned int n)
{
	for (unsigned int i = n; i > 1; i--) {
		uint32_t j = random_below(i), index = indices[i - 1];

		indices[i - 1] = indices[j];
		indices[j] = index;
	}
}

/* ---- start and end */

static void *shared(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		fail("mmap: %m");
	return p;
}

static void side_new(enum side_of which)
{
	struct side *s = &sides[which];

	s->which = which;
	s->ones = shared(wanted * sizeof(*s->ones));
	s->wake = eventfd(0, EFD_CLOEXEC);
	if (s->wake < 0)
		fail("eventfd: %m");
}

/* Before anything of the library is used here. */
static void start_side(struct side *s, bool process)
{
	pid_t parent = getpid();

	if (!process) {
		if (pthread_create(&s->thread, NULL, side_live, s))
			fail("pthread_create");
		return;
	}
	s->pid = fork();
	if (s->pid < 0)
		fail("fork: %m");
	if (s->pid)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() == parent)
		side_live(s);
	exit(0);
}

static void end_side(struct side *s)
{
	int status = 0;

	__atomic_store_n(&s->quit, true, __ATOMIC_RELEASE);
	wake(s);
	if (s->pid)
		waitpid(s->pid, &status, 0);
	else
		pthread_join(s->thread, NULL);
	if (status)
		fail("the client's process ended with %#x", status);
}

/* In CI the means have to be there. */
static void check_limit(void)
{
	const unsigned int need = (one_process ? 2 : 1) * wanted + SPARE_FDS;
	const char *ci = getenv("CI");
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	/* Who has the right lifts the hard limit, too. */
	if (limit.rlim_max < need) {
		struct rlimit more = { .rlim_cur = need, .rlim_max = need };

		if (!setrlimit(RLIMIT_NOFILE, &more))
			return;
	}
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_max >= need)
		return;
	if (ci && *ci && strcmp(ci, "false")) {
		printf("not ok 1 - %u descriptors; %lu are allowed\n1..1\n", 2 * wanted + SPARE_FDS,
		       (unsigned long)limit.rlim_max);
		exit(1);
	}
	printf("1..0 # SKIP %u descriptors are needed, %lu are allowed (ulimit -Hn)\n", need,
	       (unsigned long)limit.rlim_max);
	exit(0);
}

/* Sockets may take two seconds to close. */
static struct held settled(struct side *s, unsigned int fds)
{
	struct held h = measure(s);

	for (int i = 0; i < 200 && h.fds > fds; i++) {
		usleep(20000);
		h = measure(s);
	}
	return h;
}

static void stay_idle(void)
{
	double cpu;

	usleep(300000);
	cpu = cpu_s();
	sleep(IDLE_S);
	cpu = (cpu_s() - cpu) * 1e3;
	printf("# idle: %.1f ms of CPU in %d s\n", cpu, IDLE_S);
	test(cpu <= IDLE_CPU_MS, "idle connections cost no CPU");
}

/* CPU time for each, in seconds. */
static double timed(const char *what, void (*all)(const uint32_t *, unsigned int),
		    const uint32_t *indices, unsigned int n)
{
	double start = now_s(), cpu = cpu_s();

	all(indices, n);
	start = now_s() - start;
	cpu = cpu_s() - cpu;
	printf("# %-8s %6u in %6.2f s, %6.1f us each, CPU %6.1f us each\n", what, n, start,
	       start / n * 1e6, cpu / n * 1e6);
	return cpu / n;
}

static unsigned int count_up(const struct side *s)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < wanted; i++)
		n += s->ones[i].up;
	return n;
}

static void say_held(const char *when, const struct held *was)
{
	unsigned int last = one_process ? 1 : 2;

	for (unsigned int i = 0; i < last; i++) {
		struct held h = measure(&sides[i]);

		printf("# %s, %s: each %.0f bytes malloc'ed, %.0f resident; %u descriptors\n", when,
		       one_process ? "both ends"
		       : i	   ? "server"
				   : "client",
		       (double)(h.heap - was[i].heap) / wanted,
		       ((double)h.rss_kb - (double)was[i].rss_kb) * 1024 / wanted, h.fds);
	}
}

/* What grows with their number shows here: of all at a time each costs no more. */
static void test_cost(double all, double few, const char *what)
{
	test(all < DEARER * few, what);
}

static void all_phases(uint32_t *indices, const struct held *was)
{
	double open, close;

	open = timed("open", open_all, indices, wanted);
	say_held("open", was);
	test(count_up(&sides[CLIENT]) == wanted && count_up(&sides[SERVER]) == wanted,
	     "all are established at a time");
	stay_idle();
	timed("messages", talk_all, indices, wanted);
	shuffle(indices, wanted);
	close = timed("close", close_all, indices, wanted / REOPEN);
	test_cost(open, timed("reopen", open_all, indices, wanted / REOPEN),
		  "to open all costs each no more than to open some");
	timed("messages", talk_all, indices, wanted);
	shuffle(indices, wanted);
	test_cost(timed("close", close_all, indices, wanted), close,
		  "to close all costs each no more than to close some");
}

/* What stays for the rest of the process is made by the first few. */
static void warm_up(const uint32_t *indices, struct held *was)
{
	open_all(indices, WARM_UP);
	talk_all(indices, WARM_UP);
	for (int i = 0; i < SIDES; i++)
		was[i] = measure(&sides[i]);
	close_all(indices, WARM_UP);
	for (int i = 0; i < SIDES; i++)
		was[i] = settled(&sides[i], was[i].fds - (one_process ? 2 : 1) * WARM_UP);
}

static void test_held(const struct held *was)
{
	for (int i = 0; i < SIDES; i++) {
		struct held h = settled(&sides[i], was[i].fds);

		printf("# %s: heap %zu to %zu, resident %lu to %lu kB, descriptors %u to %u\n",
		       i == CLIENT ? "client" : "server", was[i].heap, h.heap, was[i].rss_kb,
		       h.rss_kb, was[i].fds, h.fds);
		test(h.fds == was[i].fds, "all descriptors are closed");
		test(h.heap < was[i].heap + HEAP_REST, "all memory is free");
	}
}

static void test_counts(void)
{
	unsigned int n = WARM_UP + wanted + wanted / REOPEN;

	for (int i = 0; i < SIDES; i++) {
		const struct side *s = &sides[i];

		printf("# %s: %u begun, %u established, %u disconnected, %u sent, %u received, "
		       "%u bad\n",
		       i == CLIENT ? "client" : "server", s->begun, s->established, s->disconnected,
		       s->sent, s->received, s->bad);
		test(s->begun == n && s->established == n && s->disconnected == n && !count_up(s),
		     "each connection is established once and ends once");
		test(s->sent == 2 * wanted + WARM_UP && s->received == s->sent && !s->bad,
		     "each message came, and was right");
	}
}

static uint32_t *all_indices(void)
{
	uint32_t *indices = shared(wanted * sizeof(*indices));

	for (uint32_t i = 0; i < wanted; i++)
		indices[i] = i;
	return indices;
}

static int do_all(void)
{
	uint32_t *indices = all_indices();
	struct held was[SIDES];

	sides = shared(SIDES * sizeof(*sides));
	ports = shared(ADDRESSES * sizeof(*ports));
	side_new(CLIENT);
	side_new(SERVER);
	start_side(&sides[CLIENT], !one_process);
	start_side(&sides[SERVER], false);
	while (!get(&ports[ADDRESSES - 1]))
		usleep(1000);
	warm_up(indices, was);
	all_phases(indices, was);
	test_held(was);
	test_counts();
	end_side(&sides[CLIENT]);
	end_side(&sides[SERVER]);
	printf("1..%d\n", tests);
	return failed != 0;
}

int main(int argc, char **argv)
{
	int o;

	dice = (uint64_t)time(NULL);
	while ((o = getopt(argc, argv, "1n:r:")) != -1) {
		if (o == '1')
			one_process = true;
		else if (o == 'n')
			wanted = (unsigned int)strtoul(optarg, NULL, 0);
		else if (o == 'r')
			dice = strtoull(optarg, NULL, 0);
		else
			return 2;
	}
	if (wanted < WARM_UP)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	check_limit();
	setenv("IWSHIM_DEVICE", "soft", 1);
	printf("# %u connections, seed %llu\n", wanted, (unsigned long long)dice);
	return do_all();
}
