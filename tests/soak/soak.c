// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The soak's supervisor: starts the servers and the clients, this program again,
 * disturbs them for a while, lets all of it end in good order, and judges.
 *
 * usage: soak [-s SECONDS] [-r SEED] [-p PORT] [-q]
 *	-s  how long connections are made (180)
 *	-p  the first of eight ports (31000)
 *	-q  quiet: no kills and no stops
 */
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/soak/soak_end.h"

#define SAMPLE_MS 2000 /* at least 40 a run, and room for all */
#define LINGER_S 90    /* for processes to end when they are told to */

const char *role_names[ROLES] = { "server", "server, killed", "client",	     "client",
				  "client", "long client",    "long, killed" };
unsigned int running[ROLES];
static unsigned int started;
static int book_fd;
static char log_dir[64];
static struct sample samples[SAMPLES];
static unsigned int n_samples;

/* ---- processes */

static void be(unsigned int role)
{
	ends_init();
	if (role < SERVERS)
		server_run(role);
	else if (role < STEADY_LONG)
		client_run();
	else
		long_client_run();
}

/* Never returns. A new program, so that it shares nothing of the library with us. */
static void exec_role(unsigned int role)
{
	char fd[16], number[16], index[16], file[128];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(fd, sizeof(fd), "%d", book_fd);
	snprintf(number, sizeof(number), "%u", role);
	snprintf(index, sizeof(index), "%u", running[role]);
	snprintf(file, sizeof(file), "%s/%u", log_dir, running[role]);
	setenv("IWSHIM_DEVICE", "soft", 1);
	setenv("IWSHIM_LOG", "error", 1);
	setenv("IWSHIM_LOG_FILE", file, 1);
	execl("/proc/self/exe", "soak", "-R", number, "-F", fd, "-I", index, NULL);
	_exit(127);
}

void start_role(unsigned int role)
{
	struct proc *p;
	int pid;

	if (started == PROCS)
		fail("too many processes");
	running[role] = started++;
	p = &book->procs[running[role]];
	p->role = role;
	p->began_ms = now_ms();
	pid = fork();
	if (pid < 0)
		fail("fork: %m");
	if (!pid)
		exec_role(role);
	p->pid = pid; /* not in the child: they share it */
}

static const char *end_of_process(int status)
{
	static char text[64];

	if (WIFSIGNALED(status))
		snprintf(text, sizeof(text), "signal %d", WTERMSIG(status));
	else
		snprintf(text, sizeof(text), "status %d", WEXITSTATUS(status));
	return text;
}

/* A process that ends of its own: false if it should not have. */
static void reap(bool may_end)
{
	int status, pid = waitpid(-1, &status, WNOHANG);

	if (pid <= 0)
		return;
	for (unsigned int i = 0; i < started; i++)
		if (book->procs[i].pid == pid) {
			book->procs[i].over = true;
			book->procs[i].ended_ms = now_ms();
			if (status || !may_end)
				fail("%s (process %u, pid %d) ended with %s; seed %llu",
				     role_names[book->procs[i].role], i, pid,
				     end_of_process(status), (unsigned long long)book->seed);
		}
}

static bool all_over(unsigned int from, unsigned int to)
{
	for (unsigned int role = from; role < to; role++)
		if (!book->procs[running[role]].over)
			return false;
	return true;
}

static void end_roles(enum phase p, unsigned int from, unsigned int to)
{
	uint32_t until = now_ms() + LINGER_S * 1000;

	atomic_set(&book->phase, p);
	while (!all_over(from, to)) {
		if (now_ms() > until)
			fail("processes do not end in phase %d; seed %llu", p,
			     (unsigned long long)book->seed);
		reap(true);
		usleep(10000);
	}
}

/* ---- time */

static void take_sample(void)
{
	const struct proc *p = &book->procs[running[STEADY_SERVER]];
	struct sample *s = &samples[n_samples];

	if (n_samples == SAMPLES || !sample_process(p->pid, s))
		return;
	s->ms = now_ms();
	s->closed = atomic_get(&p->closed);
	s->heap = atomic_get(&p->heap);
	n_samples++;
	printf("# %6.1f s: %u connections begun, server: %llu open, heap %llu, RSS %llu kB, "
	       "%llu descriptors, %llu threads\n",
	       s->ms / 1e3, book->next_record, (unsigned long long)atomic_get(&p->ends),
	       (unsigned long long)s->heap, (unsigned long long)s->rss_kb,
	       (unsigned long long)s->fds, (unsigned long long)s->threads);
}

static void run(struct chaos *chaos, uint32_t seconds, bool quiet)
{
	uint32_t step = seconds < 80 ? seconds * 25 : SAMPLE_MS;
	uint32_t next = now_ms() + step, until = now_ms() + seconds * 1000;

	while (now_ms() < until) {
		if (!quiet)
			chaos_tick(chaos);
		reap(false);
		if (now_ms() >= next) {
			take_sample();
			next += step * (1 + seconds / 7200);
		}
		usleep(20000);
	}
	chaos_end(chaos);
}

static void await_ready(unsigned int role)
{
	uint32_t until = now_ms() + 30000;

	while (!atomic_get(&book->procs[running[role]].ready)) {
		reap(false);
		if (now_ms() > until)
			fail("%s does not start", role_names[role]);
		usleep(1000);
	}
}

/* ---- what the library said */

static unsigned int show_log(const char *path)
{
	FILE *f = fopen(path, "r");
	unsigned int n = 0;
	char line[512];

	while (f && fgets(line, sizeof(line), f))
		if (n++ < 5)
			printf("# log: %s", line);
	if (f)
		fclose(f);
	unlink(path);
	return n;
}

static bool logs_are_empty(void)
{
	unsigned int n = 0;
	char path[128];

	for (unsigned int i = 0; i < started; i++) {
		snprintf(path, sizeof(path), "%s/%u", log_dir, i);
		n += show_log(path);
	}
	rmdir(log_dir);
	return !n;
}

/* ---- the whole */

static int supervise(uint32_t seconds, bool quiet)
{
	struct chaos chaos = { .dice = book->seed };
	struct verdict verdict;

	snprintf(log_dir, sizeof(log_dir), "/tmp/soak.XXXXXX");
	if (!mkdtemp(log_dir))
		fail("mkdtemp: %m");
	for (unsigned int role = 0; role < ROLES; role++) {
		start_role(role);
		await_ready(role);
	}
	run(&chaos, seconds, quiet);
	for (unsigned int role = 0; role < ROLES; role++)
		await_ready(role);
	sleep(1); /* long connections are up again */
	end_roles(PHASE_STOP, SERVERS, STEADY_LONG);
	end_roles(PHASE_STOP_LONG, STEADY_LONG, ROLES);
	end_roles(PHASE_QUIT, 0, SERVERS);
	verdict = judge_all();
	return report(&verdict, &chaos, samples, n_samples, logs_are_empty());
}

int main(int argc, char **argv)
{
	uint32_t seconds = 180, role = UINT32_MAX;
	uint64_t seed = (uint64_t)time(NULL);
	uint16_t port = 31000;
	bool quiet = false;
	int o;

	while ((o = getopt(argc, argv, "s:r:p:qR:F:I:")) != -1) {
		switch (o) {
		case 's':
			seconds = (uint32_t)strtoul(optarg, NULL, 0);
			break;
		case 'r':
			seed = strtoull(optarg, NULL, 0);
			break;
		case 'p':
			port = (uint16_t)strtoul(optarg, NULL, 0);
			break;
		case 'q':
			quiet = true;
			break;
		case 'R':
			role = (uint32_t)strtoul(optarg, NULL, 0);
			break;
		case 'F':
			book_open(atoi(optarg));
			break;
		case 'I':
			self = (unsigned int)strtoul(optarg, NULL, 0);
			break;
		default:
			return 2;
		}
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (role < ROLES) {
		be(role);
		return 0;
	}
	book_make(&book_fd);
	book->seed = seed;
	book->port = port;
	printf("# seed %llu, %u s\n", (unsigned long long)seed, seconds);
	return supervise(seconds, quiet);
}
