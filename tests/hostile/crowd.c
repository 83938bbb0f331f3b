// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Thousands of half-open handshakes from other processes against one that may have few
 * descriptors: it keeps most of them for itself, serves good clients meanwhile, and is as
 * before when they have gone. TAP.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <rdma/rdma_cma.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DESCRIPTORS 400 /* that the victim may have */
#define LISTENERS 2
#define CROWDS 4  /* processes */
#define EACH 1000 /* sockets of one that are open at a time */
#define GOOD 20	  /* clients, each listener */
#define GOOD_MS 3000
#define LINGER_MS 9000 /* until all has gone: MPA's time limit, and closing */

static struct {
	struct rdma_event_channel *events;
	struct rdma_cm_id *listener[LISTENERS];
	struct sockaddr_in addr[LISTENERS];
	unsigned int most; /* descriptors seen */
} victim;
static unsigned int tests, bad;

static void verdict(bool passed, const char *name, unsigned int figure)
{
	bad += !passed;
	printf("%sok %u - crowd.%s (%u)\n", passed ? "" : "not ", ++tests, name, figure);
	fflush(stdout);
}

static void die(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(1);
}

static unsigned int now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (unsigned int)(now.tv_sec * 1000 + now.tv_nsec / 1000000);
}

static unsigned int descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int n = 0;

	while (dir && readdir(dir))
		n++;
	if (!dir)
		return DESCRIPTORS; /* there is none left to look with */
	closedir(dir);
	return n - 3; /* ".", "..", and what looks */
}

/* ---- the crowd: connects, says the first @bytes of a Request, and holds on */

static const char request[] = "MPA ID Req Frame\x40\x02\x00\x04";

static int half_open(const struct sockaddr_in *to, size_t bytes)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	connect(fd, (const struct sockaddr *)to, sizeof(*to));
	if (bytes)
		send(fd, request, bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
	return fd;
}

/* For ever; the victim's end is this one's. */
static void crowd(unsigned int number)
{
	const struct rlimit limit = { EACH + 100, EACH + 100 };
	const struct timespec pause = { .tv_nsec = 2000000 };
	static int fd[EACH];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setrlimit(RLIMIT_NOFILE, &limit);
	memset(fd, -1, sizeof(fd));
	for (unsigned int i = 0;; i = (i + 1) % EACH) {
		if (fd[i] >= 0)
			close(fd[i]);
		fd[i] = half_open(&victim.addr[(number + i) % LISTENERS], i % sizeof(request));
		if (i % 8 == 0)
			nanosleep(&pause, NULL);
	}
}

/* ---- a good client, which wants a Reply to a whole Request of revision 1 */

static bool is_answered(int fd, unsigned int limit)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char reply[20];
	size_t have = 0;
	ssize_t n;

	while (have < sizeof(reply)) {
		const int left = (int)(limit - now_ms());

		if (left <= 0 || poll(&p, 1, left) != 1)
			return false;
		n = recv(fd, reply + have, sizeof(reply) - have, 0);
		if (n <= 0)
			return false;
		have += (size_t)n;
	}
	return !memcmp(reply, "MPA ID Rep Frame", 16);
}

static bool ask(const struct sockaddr_in *to)
{
	static const char whole[20] = "MPA ID Req Frame\x00\x01\x00\x00";
	const unsigned int limit = now_ms() + GOOD_MS;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool good;

	good = fd >= 0 && !connect(fd, (const struct sockaddr *)to, sizeof(*to)) &&
	       send(fd, whole, sizeof(whole), MSG_NOSIGNAL) == sizeof(whole) &&
	       is_answered(fd, limit);
	close(fd);
	return good;
}

/* Exit code: how many were not served. */
static void good_clients(void)
{
	unsigned int failed = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (unsigned int i = 0; i < GOOD * LISTENERS; i++)
		failed += !ask(&victim.addr[i % LISTENERS]);
	_exit((int)failed);
}

/* ---- the victim: rejects whoever asks, which is an answer, too */

static void listen_on(unsigned int i)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	if (rdma_create_id(victim.events, &victim.listener[i], NULL, RDMA_PS_TCP) ||
	    rdma_bind_addr(victim.listener[i], (struct sockaddr *)&at) ||
	    rdma_listen(victim.listener[i], 0))
		die("rdma_listen");
	at.sin_port = rdma_get_src_port(victim.listener[i]);
	victim.addr[i] = at;
}

static void serve(int ms)
{
	struct pollfd p = { .fd = victim.events->fd, .events = POLLIN };
	struct rdma_cm_event *event;
	struct rdma_cm_id *id;
	unsigned int n;

	if (poll(&p, 1, ms) == 1 && !rdma_get_cm_event(victim.events, &event)) {
		id = event->event == RDMA_CM_EVENT_CONNECT_REQUEST ? event->id : NULL;
		rdma_ack_cm_event(event);
		if (id) {
			rdma_reject(id, NULL, 0);
			rdma_destroy_id(id);
		}
	}
	n = descriptors();
	victim.most = n > victim.most ? n : victim.most;
}

static pid_t start(void (*run)(unsigned int), unsigned int number)
{
	pid_t pid = fork();

	if (!pid) {
		run(number);
		_exit(0);
	}
	if (pid < 0)
		die("fork");
	return pid;
}

static void run_good_clients(unsigned int number)
{
	good_clients();
}

/* Serves until @pid has ended, or for @ms; its exit code. */
static int serve_until(pid_t pid, unsigned int ms)
{
	const unsigned int limit = now_ms() + ms;
	int status = -1;

	while ((int)(limit - now_ms()) > 0) {
		serve(10);
		if (pid > 0 && waitpid(pid, &status, WNOHANG) == pid)
			return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	}
	return -1;
}

static void be_crowded(unsigned int before)
{
	pid_t pids[CROWDS];
	int failed, fd;

	for (unsigned int i = 0; i < CROWDS; i++)
		pids[i] = start(crowd, i);
	serve_until(0, 1500);
	failed = serve_until(start(run_good_clients, 0), GOOD * LISTENERS * GOOD_MS);
	verdict(!failed, "serves__good_clients_beside_thousands_of_half_requests",
		(unsigned int)failed);
	fd = open("/dev/null", O_RDONLY);
	verdict(fd >= 0 && victim.most + 60 <= DESCRIPTORS, "leaves__descriptors_to_the_program",
		victim.most);
	close(fd);
	verdict(victim.most - before <= DESCRIPTORS * 3 / 4 + LISTENERS,
		"bounds__what_all_listeners_hold_for_strangers", victim.most - before);
	verdict(victim.most - before >= 60, "is__a_crowd_indeed", victim.most - before);
	for (unsigned int i = 0; i < CROWDS; i++) {
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
}

int main(void)
{
	const struct rlimit limit = { DESCRIPTORS, DESCRIPTORS };
	unsigned int before, until;

	if (getenv("IWSHIM_TESTS") && !strcmp(getenv("IWSHIM_TESTS"), "short")) {
		printf("1..0 # SKIP IWSHIM_TESTS=short\n");
		return 77;
	}
	setenv("IWSHIM_DEVICE", "soft", 1);
	setenv("IWSHIM_LOG_FILE", "/dev/null", 0);
	if (setrlimit(RLIMIT_NOFILE, &limit))
		die("setrlimit");
	victim.events = rdma_create_event_channel();
	if (!victim.events)
		die("rdma_create_event_channel");
	for (unsigned int i = 0; i < LISTENERS; i++)
		listen_on(i);
	serve_until(start(run_good_clients, 0), GOOD * LISTENERS * GOOD_MS);
	serve_until(0, 2500); /* until what lingers has gone */
	before = descriptors();
	victim.most = 0;
	be_crowded(before);
	for (until = now_ms() + LINGER_MS; (int)(until - now_ms()) > 0 && descriptors() > before;)
		serve(50);
	verdict(descriptors() <= before, "forgets__all_of_them_in_time", descriptors() - before);
	for (unsigned int i = 0; i < LISTENERS; i++)
		rdma_destroy_id(victim.listener[i]);
	rdma_destroy_event_channel(victim.events);
	printf("1..%u\n", tests);
	return bad ? 1 : 0;
}
