// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Sweeps a failure over every allocation and every system call that our library
 * makes in a session: a client and a server connect, exchange a message,
 * disconnect and end. Each run is a fresh process with one failure armed. The
 * session may then fail, but with an errno, without a crash, without waiting
 * for something that never comes, and so that the session after it succeeds and
 * no descriptor is left over.
 *
 * usage: faults alloc|syscall async|sync [FIRST [LAST]]
 * Environment: FAULTS_STEP=N takes each N-th site.
 * Prints a line for each site that is wrong, and one of totals. Exit: 0 or 1.
 *
 * Linked with our static libraries, where the failures are.
 */
#include "api.h"
#include "base/fault.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

/* Longer than any step takes in an emulated guest. */
#define STEP_MS 4000
#define RUN_SECONDS 30

/* What a run tells its parent. */
struct report {
	unsigned long passed; /* sites in the session, so far */
	char step[64];	      /* where the session failed, and how */
	int err;
	char verdict[512]; /* what is wrong; empty: nothing */
	int descriptors;
};
static struct report *report;

/* ---- a session */

struct session {
	bool sync;
	struct rdma_event_channel *sch, *cch;
	struct rdma_cm_id *listener, *child, *client;
};

static int failed(const char *step)
{
	report->err = errno;
	snprintf(report->step, sizeof(report->step), "%s", step);
	return -1;
}

#define STEP(call)                            \
	do {                                  \
		errno = 0;                    \
		if (call)                     \
			return failed(#call); \
	} while (0)

/*
 * poll(2) may tell of a request that then cannot be made whole: it is refused,
 * and there is no event after all.
 */
static void nonblock(struct rdma_event_channel *ch)
{
	fcntl(ch->fd, F_SETFL, fcntl(ch->fd, F_GETFL) | O_NONBLOCK);
}

/* The event that is due; another one, or none, fails the step. */
static int get(struct rdma_event_channel *ch, enum rdma_cm_event_type want,
	       struct rdma_cm_event **out)
{
	int64_t end = now_ms() + STEP_MS;
	struct rdma_cm_event *ev;

	do {
		errno = 0;
		ev = next_event(ch, (int)(end - now_ms()));
	} while (!ev && errno == EAGAIN && now_ms() < end);
	if (!ev) {
		errno = errno && errno != EAGAIN ? errno : ETIME;
		return -1;
	}
	if (ev->event != want) {
		errno = ev->status ? -ev->status : EPROTO;
		rdma_ack_cm_event(ev);
		return -1;
	}
	if (out)
		*out = ev;
	else
		rdma_ack_cm_event(ev);
	return 0;
}

static int serve(void *arg)
{
	struct rdma_conn_param param = conn_param("yes", 4);
	struct session *s = arg;
	struct rdma_cm_event *ev;
	int ret;

	errno = 0;
	if (get(s->sch, RDMA_CM_EVENT_CONNECT_REQUEST, &ev))
		return -1;
	s->child = ev->id;
	ret = make_qp(s->child);
	if (!ret)
		ret = rdma_accept(s->child, &param);
	/* A client that waits in rdma_connect has to learn of the failure. */
	if (ret)
		rdma_reject(s->child, NULL, 0);
	rdma_ack_cm_event(ev);
	return ret ? ret : get(s->sch, RDMA_CM_EVENT_ESTABLISHED, NULL);
}

static int open_session(struct session *s)
{
	STEP(!(s->sch = rdma_create_event_channel()));
	nonblock(s->sch);
	STEP(rdma_create_id(s->sch, &s->listener, NULL, RDMA_PS_TCP));
	STEP(rdma_bind_addr(s->listener, sa(ADDR, 0)));
	STEP(rdma_listen(s->listener, 2));
	if (!s->sync)
		STEP(!(s->cch = rdma_create_event_channel()));
	if (s->cch)
		nonblock(s->cch);
	STEP(rdma_create_id(s->cch, &s->client, NULL, RDMA_PS_TCP));
	return 0;
}

static int connect_async(struct session *s, uint16_t port)
{
	struct rdma_conn_param param = conn_param("hello", 6);

	STEP(rdma_resolve_addr(s->client, NULL, sa(ADDR, port), 2000));
	STEP(get(s->cch, RDMA_CM_EVENT_ADDR_RESOLVED, NULL));
	STEP(rdma_resolve_route(s->client, 2000));
	STEP(get(s->cch, RDMA_CM_EVENT_ROUTE_RESOLVED, NULL));
	STEP(make_qp(s->client));
	STEP(rdma_connect(s->client, &param));
	/* A request that the server never saw was refused: the client knows. */
	STEP(serve(s) && errno != ETIME);
	STEP(get(s->cch, RDMA_CM_EVENT_ESTABLISHED, NULL));
	return s->child ? 0 : failed("no child, but a connection");
}

static int connect_sync(struct session *s, uint16_t port)
{
	struct rdma_conn_param param = conn_param("hello", 6);
	struct task server = { .fn = serve, .arg = s };
	int ret;

	STEP(rdma_resolve_addr(s->client, NULL, sa(ADDR, port), 2000));
	STEP(rdma_resolve_route(s->client, 2000));
	STEP(make_qp(s->client));
	task_start(&server);
	ret = rdma_connect(s->client, &param);
	if (ret)
		failed("rdma_connect");
	/* Without a request the server gives up by itself. */
	if (!task_done(&server, 2 * STEP_MS + 1000)) {
		errno = ETIME;
		return failed("the server's thread");
	}
	if (ret)
		return -1;
	errno = server.err;
	return server.ret ? failed("serve") : 0;
}

static int run_session(struct session *s)
{
	struct pair p;
	uint16_t port;

	if (open_session(s))
		return -1;
	port = ntohs(rdma_get_src_port(s->listener));
	if (s->sync ? connect_sync(s, port) : connect_async(s, port))
		return -1;
	p = (struct pair){ .client = s->client, .child = s->child };
	STEP(pair_talk(&p) != 16);
	STEP(rdma_disconnect(s->client));
	if (!s->sync)
		STEP(get(s->cch, RDMA_CM_EVENT_DISCONNECTED, NULL));
	STEP(get(s->sch, RDMA_CM_EVENT_DISCONNECTED, NULL));
	return 0;
}

/* A destroy that fails says so, leaves the id alone, and succeeds later. */
static void end_id(struct rdma_cm_id *id)
{
	if (!id)
		return;
	if (id->qp)
		rdma_destroy_qp(id);
	if (rdma_destroy_id(id) && rdma_destroy_id(id))
		snprintf(report->verdict, sizeof(report->verdict), "rdma_destroy_id fails: %s",
			 strerrorname_np(errno));
}

static void close_session(struct session *s)
{
	end_id(s->client);
	end_id(s->child);
	end_id(s->listener);
	if (s->sch)
		rdma_destroy_event_channel(s->sch);
	if (s->cch)
		rdma_destroy_event_channel(s->cch);
}

static int session(bool sync)
{
	struct session s = { .sync = sync };
	int ret = run_session(&s);

	close_session(&s);
	return ret;
}

/* ---- a run */

static int count_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = -1; /* the folder's own */

	while (d && readdir(d))
		n++;
	closedir(d);
	return n - 2; /* . and .. */
}

/* What they are, for the one who has to find the leak. */
static void name_descriptors(char *text, size_t room)
{
	char path[64], name[64];
	ssize_t n;

	for (int fd = 3; fd < 40; fd++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		n = readlink(path, name, sizeof(name) - 1);
		if (n <= 0 || (size_t)n + 2 > room)
			continue;
		name[n] = '\0';
		snprintf(text, room, " %s", name);
		text += n + 1;
		room -= (size_t)n + 1;
	}
}

static void complain(const char *what)
{
	if (!report->verdict[0])
		snprintf(report->verdict, sizeof(report->verdict), "%s", what);
}

/* @descriptors: what a process has left after sessions; 0 if not yet known. */
static void run(unsigned int kind, unsigned long nth, bool sync, int descriptors)
{
	int ret;

	iw_fault_arm(kind, nth);
	ret = session(sync);
	report->passed = iw_fault_passed();
	iw_fault_arm(0, 0);
	if (ret && report->err == ETIME)
		complain("something that was due never came");
	if (ret && (report->err <= 0 || report->err > 133))
		complain("no errno");
	if (!ret)
		report->step[0] = '\0';
	if (session(sync))
		complain("the next session fails");
	report->descriptors = count_descriptors();
	if (descriptors && report->descriptors > descriptors) {
		complain("descriptors are left over:");
		name_descriptors(report->verdict + strlen(report->verdict),
				 sizeof(report->verdict) - strlen(report->verdict));
	}
}

/* In a process of its own; its exit code tells of leaks (LeakSanitizer). */
static void run_apart(unsigned int kind, unsigned long nth, bool sync, int descriptors)
{
	int status;
	pid_t pid;

	memset(report, 0, sizeof(*report));
	fflush(stdout);
	pid = fork();
	if (!pid) {
		alarm(RUN_SECONDS);
		run(kind, nth, sync, descriptors);
		exit(0);
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

static unsigned long sweep(unsigned int kind, bool sync, unsigned long first, unsigned long last)
{
	const char *every = getenv("FAULTS_STEP");
	unsigned long n, step = every ? strtoul(every, NULL, 0) : 1, runs = 0;
	unsigned long wrong = 0, survived = 0;
	int descriptors;

	run_apart(kind, 1000000, sync, 0);
	descriptors = report->descriptors;
	printf("sites=%lu descriptors=%d %s\n", report->passed, descriptors, report->verdict);
	if (report->verdict[0] || report->step[0])
		return 1;
	for (n = first; n <= last; n += step ? step : 1) {
		runs++;
		run_apart(kind, n, sync, descriptors);
		if (report->verdict[0]) {
			wrong++;
			printf("wrong: site %lu: %s [%s: %s]\n", n, report->verdict, report->step,
			       strerrorname_np(report->err));
		} else if (getenv("FAULTS_VERBOSE")) {
			printf("site %lu: %s %s\n", n, report->step[0] ? report->step : "survived",
			       report->step[0] ? strerrorname_np(report->err) : "");
		}
		survived += !report->step[0];
		if (!report->verdict[0] && report->passed < n)
			break;
	}
	printf("swept=%lu survived=%lu wrong=%lu\n", runs, survived, wrong);
	return wrong;
}

int main(int argc, char **argv)
{
	unsigned int kind;
	bool sync;

	if (argc < 3 || !ADDR) {
		fprintf(stderr, "usage: ADDR=... faults alloc|syscall async|sync [FIRST [LAST]]\n");
		return 2;
	}
	kind = strcmp(argv[1], "alloc") ? IW_FAULT_SYSCALL : IW_FAULT_ALLOC;
	sync = !strcmp(argv[2], "sync");
	report = mmap(NULL, sizeof(*report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (report == MAP_FAILED)
		return 2;
	return sweep(kind, sync, argc > 3 ? strtoul(argv[3], NULL, 0) : 1,
		     argc > 4 ? strtoul(argv[4], NULL, 0) : 2000)
		       ? 1
		       : 0;
}
