// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Cases, observations, addresses, events as text, tasks. The pairs are in api_pair.c. */
#include "api.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#define HANG_SECONDS 15

#define NAME_MAX_LEN 120

/* Shared with the parent, which reports what the child did not live to say. */
struct shared {
	char observation[NAME_MAX_LEN];
	bool done;
};
/* Of all workers: how many cases were begun. */
static unsigned int *begun;
static struct shared own, *shared = &own;
static const char *case_name = "";
static uint16_t port_base, port_used;

void at(const char *fmt, ...)
{
	va_list ap;
	int n = snprintf(shared->observation, NAME_MAX_LEN, "%s.", case_name);

	va_start(ap, fmt);
	vsnprintf(shared->observation + n, (size_t)(NAME_MAX_LEN - n), fmt, ap);
	va_end(ap);
}

void say(const char *fmt, ...)
{
	va_list ap;

	printf("%s: ", shared->observation);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
}

void give_up(const char *what)
{
	printf("%s: gave up: %s (%s)\n", shared->observation, what, strerrorname_np(errno));
	fflush(stdout);
	__atomic_store_n(&shared->done, true, __ATOMIC_RELEASE);
	_exit(3);
}

const char *rc(int ret)
{
	static char text[4][32];
	static int turn;
	int err = errno;
	char *t = text[turn++ % 4];

	if (ret == -1)
		snprintf(t, sizeof(text[0]), "-1 %s", strerrorname_np(err));
	else
		snprintf(t, sizeof(text[0]), "%d", ret);
	return t;
}

static void run_child(const struct api_case *c)
{
	struct rlimit no_core = { 0, 0 };

	setrlimit(RLIMIT_CORE, &no_core);
	c->run();
	fflush(stdout);
	__atomic_store_n(&shared->done, true, __ATOMIC_RELEASE);
	_exit(0);
}

enum end {
	END_GOOD,
	END_BAD, /* as its status says */
	END_HANG,
};

/*
 * Nobody waits for a child that has said all it will, or never will: the kernel
 * may take minutes to end a process that has connections pending.
 */
static enum end end_of(const struct api_case *c, pid_t pid, int *status)
{
	int64_t last = now_ms() + 1000LL * (c->seconds ? c->seconds : HANG_SECONDS);

	for (;;) {
		if (__atomic_load_n(&shared->done, __ATOMIC_ACQUIRE))
			return END_GOOD;
		if (waitpid(pid, status, WNOHANG) == pid)
			return *status ? END_BAD : END_GOOD;
		if (now_ms() > last) {
			kill(pid, SIGKILL);
			return END_HANG;
		}
		sleep_ms(5);
	}
}

static void run_one(const struct api_case *c)
{
	int64_t start = now_ms();
	enum end end;
	int status;
	pid_t pid;

	case_name = c->name;
	at("begin");
	fflush(stdout);
	shared->done = false;
	pid = fork();
	if (!pid)
		run_child(c);
	port_used = (uint16_t)(port_used + 10);
	end = end_of(c, pid, &status);
	fprintf(stderr, "%s took %lld ms\n", c->name, (long long)(now_ms() - start));
	if (end == END_HANG)
		say("hang");
	else if (end == END_BAD && WIFSIGNALED(status))
		say("crash SIG%s", sigabbrev_np(WTERMSIG(status)));
	else if (end == END_BAD && WEXITSTATUS(status) != 3)
		say("exit %d", WEXITSTATUS(status));
}

static bool is_wanted(const struct api_case *c, const char *only)
{
	if ((c->when == DEADLY && !getenv("API_DEADLY")) ||
	    (c->when == SLOW && !getenv("API_SLOW")))
		return false;
	return !only || !strncmp(c->name, only, strlen(only));
}

/* The cases that no other worker has begun, one after another. */
static void work(const struct api_case *const *tables, size_t n, const char *only, int nth)
{
	unsigned int i = 0, mine = __atomic_fetch_add(begun, 1, __ATOMIC_RELAXED);
	const struct api_case *c;

	port_base = (uint16_t)(20000 + 1500 * nth);
	for (; n; n--, tables++)
		for (c = *tables; c->name; c++)
			if (is_wanted(c, only) && i++ == mine) {
				run_one(c);
				mine = __atomic_fetch_add(begun, 1, __ATOMIC_RELAXED);
			}
}

static void *share(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static int start_worker(const struct api_case *const *tables, size_t n, const char *only, int nth)
{
	pid_t pid = fork();

	if (pid)
		return pid < 0 ? 2 : 0;
	shared = share(sizeof(*shared));
	if (!shared)
		exit(2);
	work(tables, n, only, nth);
	exit(0);
}

int api_run(const struct api_case *const *tables, size_t n, const char *only)
{
	int workers = getenv("API_WORKERS") ? atoi(getenv("API_WORKERS")) : 1;
	int failed = 0, status, devices;

	begun = share(sizeof(*begun));
	if (!begun)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	/* The children need not load the providers again. */
	ibv_free_device_list(ibv_get_device_list(&devices));
	for (int i = 0; i < workers; i++)
		failed |= start_worker(tables, n, only, i);
	while (wait(&status) > 0 || errno == EINTR)
		failed |= status ? 2 : 0;
	return failed;
}

/* ---- addresses */

bool on_ib(void)
{
	const char *device = getenv("DEV");

	return device && strncmp(device, "siw", 3) != 0;
}

struct sockaddr *sa(const char *host, uint16_t port)
{
	static struct sockaddr_storage buffers[8];
	static int turn;
	struct sockaddr_storage *ss = &buffers[turn++ % 8];
	struct sockaddr_in6 *v6 = (void *)ss;
	struct sockaddr_in *v4 = (void *)ss;
	char text[80];
	char *scope;

	memset(ss, 0, sizeof(*ss));
	snprintf(text, sizeof(text), "%s", host);
	scope = strchr(text, '%');
	if (scope)
		*scope++ = '\0';
	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
	} else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(port);
		v6->sin6_scope_id = scope ? if_nametoindex(scope) : 0;
	} else {
		give_up(host);
	}
	return (struct sockaddr *)ss;
}

const char *name_of(const struct sockaddr *addr)
{
	static char text[4][INET6_ADDRSTRLEN + 8];
	static int turn;
	char *t = text[turn++ % 4];
	char host[INET6_ADDRSTRLEN] = "-";
	const struct sockaddr_in6 *v6 = (const void *)addr;
	const struct sockaddr_in *v4 = (const void *)addr;

	if (addr->sa_family == AF_INET)
		inet_ntop(AF_INET, &v4->sin_addr, host, sizeof(host));
	else if (addr->sa_family == AF_INET6)
		inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof(host));
	/* A link-local address follows from the interface's MAC: of this boot alone. */
	if (!strncmp(host, "fe80:", 5))
		strcpy(host, "fe80");
	snprintf(t, sizeof(text[0]), "%s:%s", host, addr->sa_family && v4->sin_port ? "port" : "0");
	return t;
}

uint16_t fresh_port(void)
{
	return (uint16_t)(port_base + port_used++);
}

/* ---- events */

struct rdma_cm_event *next_event(struct rdma_event_channel *ch, int ms)
{
	struct pollfd p = { .fd = ch->fd, .events = POLLIN };
	struct rdma_cm_event *ev = NULL;
	int n = poll(&p, 1, ms);

	if (!n)
		errno = ETIMEDOUT; /* not what the last call left there */
	if (n != 1 || rdma_get_cm_event(ch, &ev))
		return NULL;
	return ev;
}

static const char *event_name(const struct rdma_cm_event *ev)
{
	const char *s = rdma_event_str(ev->event);

	return strncmp(s, "RDMA_CM_EVENT_", 14) ? s : s + 14;
}

const char *event_text(struct rdma_event_channel *ch, int ms)
{
	static char text[4][64];
	static int turn;
	char *t = text[turn++ % 4];
	struct rdma_cm_event *ev = next_event(ch, ms);

	if (!ev)
		return "none";
	snprintf(t, sizeof(text[0]), "%s(%d)", event_name(ev), ev->status);
	rdma_ack_cm_event(ev);
	return t;
}

const char *events_text(struct rdma_event_channel *ch, int due)
{
	static char text[4][256];
	static int turn;
	char *t = text[turn++ % 4];
	const char *one;
	size_t used = 0;

	t[0] = '\0';
	while (strcmp(one = event_text(ch, due-- > 0 ? PATIENT_MS / 2 : QUIET_MS), "none"))
		if (used < sizeof(text[0]) - 64)
			used += (size_t)sprintf(t + used, "%s%s", used ? " " : "", one);
	return used ? t : "none";
}

void say_events(struct rdma_event_channel *client, struct rdma_event_channel *server, int c, int s)
{
	const char *of_client = events_text(client, c);

	say("client=%s server=%s", of_client, events_text(server, s));
}

const char *param_text(const struct rdma_cm_event *ev)
{
	static char text[4][128];
	static int turn;
	char *t = text[turn++ % 4];
	const struct rdma_conn_param *p = &ev->param.conn;

	snprintf(t, sizeof(text[0]),
		 "%s(%d) rr=%u depth=%u data=%s%u flow=%u retry=%u,%u srq=%u qpn=%s",
		 event_name(ev), ev->status, p->responder_resources, p->initiator_depth,
		 p->private_data ? "" : "NULL,", p->private_data_len, p->flow_control,
		 p->retry_count, p->rnr_retry_count, p->srq, p->qp_num ? "set" : "0");
	return t;
}

void expect(struct rdma_event_channel *ch, enum rdma_cm_event_type type)
{
	struct rdma_cm_event *ev = next_event(ch, PATIENT_MS);
	char what[128];

	if (!ev)
		give_up(rdma_event_str(type));
	if (ev->event != type || ev->status) {
		snprintf(what, sizeof(what), "%s instead of %s", param_text(ev),
			 rdma_event_str(type));
		give_up(what);
	}
	rdma_ack_cm_event(ev);
}

/* ---- tasks and time */

static void *task_main(void *arg)
{
	struct task *t = arg;

	t->ret = t->fn(t->arg);
	t->err = errno;
	__atomic_store_n(&t->done, true, __ATOMIC_RELEASE);
	return NULL;
}

void task_start(struct task *t)
{
	pthread_t thread;

	need(!pthread_create(&thread, NULL, task_main, t));
	pthread_detach(thread);
}

bool task_done(struct task *t, int ms)
{
	int64_t end = now_ms() + ms;

	while (!__atomic_load_n(&t->done, __ATOMIC_ACQUIRE)) {
		if (now_ms() >= end)
			return false;
		sleep_ms(2);
	}
	errno = t->err;
	return true;
}

void sleep_ms(int ms)
{
	struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

	nanosleep(&ts, NULL);
}

int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}
