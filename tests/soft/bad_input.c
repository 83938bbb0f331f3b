// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Runs the groups of bad input, each in a process of its own: a crash or a hang
 * fails the case that was being tried, and the next group goes on.
 *
 * usage: bad_input [GROUP]
 * Prints a TAP result a line, without numbers or a plan. Exit: 0, 1, 2.
 * Environment: ADDR, DEV (soft, siw0, rxe0). An id after DEVICE_REMOVAL is not
 * among the cases: siw and rxe go only when the last process has closed them,
 * and their ids hear nothing before.
 */
#include "bad_input.h"

#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define CASE_SECONDS 5
#define GROUP_SECONDS 30

/* With the parent, which tells what the child did not live to say. */
static struct {
	char name[160];
	unsigned int cases, wrong;
} * shared;

static const char *group_name;

enum bad_device device(void)
{
	const char *dev = getenv("DEV");

	if (!dev || !strcmp(dev, "soft"))
		return ON_SOFT;
	return strncmp(dev, "siw", 3) ? ON_RXE : ON_SIW;
}

int by_device(int soft, int siw, int rxe)
{
	if (device() == ON_RXE)
		return rxe;
	return device() == ON_SIW ? siw : soft;
}

void begin(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(shared->name, sizeof(shared->name), fmt, ap);
	va_end(ap);
	alarm(CASE_SECONDS);
}

void relax(void)
{
	alarm(GROUP_SECONDS);
}

static const char *wanted(int want)
{
	if (want == SOME_ERROR)
		return "-1 and an errno";
	return want ? strerrorname_np(want) : "0";
}

void judge(int ret, int want)
{
	int err = errno;
	bool right;

	if (want == ALIVE)
		right = true;
	else if (want == SOME_ERROR)
		right = ret == -1 && err > 0;
	else
		right = want ? ret == -1 && err == want : !ret;
	errno = err;
	if (right) {
		printf("ok %s: %s\n", group_name, shared->name);
	} else {
		printf("not ok %s: %s: got %s, not %s\n", group_name, shared->name, rc(ret),
		       wanted(want));
		shared->wrong++;
	}
	shared->cases++;
	fflush(stdout);
	relax();
}

void judge_true(bool right)
{
	errno = EPROTO; /* to be recognised */
	judge(right ? 0 : -1, 0);
}

void *foreign(void)
{
	static _Alignas(64) char memory[8192];

	return memory;
}

/* ---- connections */

void pair_at(struct pair *p, enum stage stage)
{
	memset(p, 0, sizeof(*p));
	p->sch = new_channel();
	p->cch = new_channel();
	p->listener = new_listener(p->sch, 8);
	p->client = new_client(p->cch, stage, rdma_get_src_port(p->listener));
}

/* An event of a channel that is through with the others: false if none comes. */
static bool comes(struct rdma_event_channel *ch, enum rdma_cm_event_type type)
{
	struct rdma_cm_event *ev = next_event(ch, PATIENT_MS);
	bool right = ev && ev->event == type && !ev->status;

	if (ev)
		rdma_ack_cm_event(ev);
	return right;
}

static bool finish(struct pair *p)
{
	struct rdma_conn_param param = conn_param(NULL, 0);

	if (!p->request)
		p->request = next_event(p->sch, PATIENT_MS);
	if (!p->request || p->request->event != RDMA_CM_EVENT_CONNECT_REQUEST)
		return false;
	p->child = p->request->id;
	if ((!p->child->qp && make_qp(p->child)) || rdma_accept(p->child, &param))
		return false;
	rdma_ack_cm_event(p->request);
	p->request = NULL;
	return comes(p->cch, RDMA_CM_EVENT_ESTABLISHED) &&
	       comes(p->sch, RDMA_CM_EVENT_ESTABLISHED) && pair_talk(p) == 16;
}

void pair_finish(struct pair *p, const char *what)
{
	begin("%s: the connection is made and carries a message", what);
	alarm(GROUP_SECONDS);
	judge_true(finish(p));
	pair_down(p);
}

static bool go_on(struct pair *p)
{
	struct rdma_conn_param param = conn_param(NULL, 0);
	struct rdma_cm_id *id = p->client;

	if (!rdma_get_dst_port(id) &&
	    (rdma_resolve_addr(id, NULL, sa(ADDR, ntohs(rdma_get_src_port(p->listener))), 2000) ||
	     !comes(p->cch, RDMA_CM_EVENT_ADDR_RESOLVED)))
		return false;
	if (!rdma_resolve_route(id, 2000) && !comes(p->cch, RDMA_CM_EVENT_ROUTE_RESOLVED))
		return false;
	return (id->qp || !make_qp(id)) && !rdma_connect(id, &param);
}

void pair_on(struct pair *p, const char *what)
{
	begin("%s: the id goes on to connect", what);
	alarm(GROUP_SECONDS);
	judge_true(go_on(p));
	pair_finish(p, what);
}

void still_works(void)
{
	struct pair p;

	pair_at(&p, FRESH);
	pair_on(&p, "afterwards");
}

/* ---- groups */

static void run_child(const struct bad_group *group)
{
	struct rlimit no_core = { 0, 0 };

	setrlimit(RLIMIT_CORE, &no_core);
	begin("begins");
	relax();
	group->run();
	begin("works at its end");
	relax();
	still_works();
	fflush(stdout);
	_exit(0);
}

static void run_group(const struct bad_group *group)
{
	const char *how = "gave up after";
	int status = 0;
	pid_t pid;

	group_name = group->name;
	fflush(stdout);
	pid = fork();
	if (!pid)
		run_child(group);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		exit(2);
	if (!status)
		return;
	if (WIFSIGNALED(status))
		how = WTERMSIG(status) == SIGALRM ? "hung" : "crashed";
	printf("not ok %s: %s: %s\n", group_name, shared->name, how);
	shared->wrong++;
}

static void run_table(const struct bad_group *group, const char *only)
{
	for (; group->name; group++)
		if (group->where & device() && (!only || !strcmp(only, group->name)))
			run_group(group);
}

int main(int argc, char **argv)
{
	const char *only = argc > 1 ? argv[1] : NULL;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (shared == MAP_FAILED || !ADDR)
		return 2;
	run_table(null_groups, only);
	run_table(value_groups, only);
	run_table(state_groups, only);
	run_table(order_groups, only);
	run_table(transport_groups, only);
	printf("# %u cases\n", shared->cases);
	return shared->wrong || !shared->cases ? 1 : 0;
}
