// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Forks with live connections. A child gets an error from each call on what its
 * parent made, in no time; it can use the device anew; its end leaves the parent
 * unharmed, which goes on transferring, while other threads are in the middle of
 * calls as the forks happen. Prints TAP.
 *
 * usage: fork_live [ROUNDS]
 */
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/soft/sweep.h"

#define CHILD_SECONDS 20
#define THREADS 2

static struct sweep live;
static bool over;	      /* atomic */
static unsigned int sessions; /* atomic */

/* ---- the child */

static int wrong;

static void expect(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "# child %d: %s: %m\n", (int)getpid(), what);
	wrong = 1;
}

#define REFUSED(call) (errno = 0, expect((call) != 0 && errno == EACCES, #call))
#define REFUSED_NULL(call) (errno = 0, expect(!(call) && errno == EACCES, #call))

static void try_cm(void)
{
	struct rdma_conn_param param = { 0 };
	struct rdma_cm_event *event;
	struct rdma_cm_id *id;

	REFUSED(rdma_get_cm_event(live.client.events, &event));
	REFUSED(rdma_create_id(live.client.events, &id, NULL, RDMA_PS_TCP));
	REFUSED(rdma_listen(live.listener, 1));
	REFUSED(rdma_connect(live.client.id, &param));
	REFUSED(rdma_accept(live.server.id, &param));
	REFUSED(rdma_disconnect(live.client.id));
	REFUSED(rdma_resolve_route(live.client.id, 100));
	REFUSED(rdma_destroy_id(live.server.id));
	REFUSED(rdma_destroy_id(live.listener));
	rdma_destroy_qp(live.client.id);
}

static void try_verbs(void)
{
	struct ibv_sge sge = { (uintptr_t)live.client.bytes, 8, live.client.mr->lkey };
	struct ibv_send_wr swr = { .sg_list = &sge, .num_sge = 1, .opcode = IBV_WR_SEND }, *sbad;
	struct ibv_recv_wr rwr = { .sg_list = &sge, .num_sge = 1 }, *rbad;
	struct ibv_qp_attr attr = { .qp_state = IBV_QPS_ERR };
	struct ibv_qp_init_attr init;
	struct ibv_device_attr device;
	struct ibv_context *ctx = live.client.id->verbs;
	struct ibv_cq *cq;
	struct ibv_wc wc;
	void *context;

	expect(ibv_post_send(live.client.id->qp, &swr, &sbad) == EACCES, "ibv_post_send");
	expect(ibv_post_recv(live.client.id->qp, &rwr, &rbad) == EACCES, "ibv_post_recv");
	expect(ibv_poll_cq(live.client.cq, 1, &wc) < 0, "ibv_poll_cq");
	expect(ibv_req_notify_cq(live.client.cq, 0) == EACCES, "ibv_req_notify_cq");
	expect(ibv_modify_qp(live.client.id->qp, &attr, IBV_QP_STATE) == EACCES, "ibv_modify_qp");
	expect(ibv_query_qp(live.client.id->qp, &attr, IBV_QP_STATE, &init) == EACCES,
	       "ibv_query_qp");
	expect(ibv_query_device(ctx, &device) == EACCES, "ibv_query_device");
	expect(ibv_get_cq_event(live.client.comp, &cq, &context) == -1, "ibv_get_cq_event");
	expect(ibv_dereg_mr(live.client.mr) == EACCES, "ibv_dereg_mr");
	expect(ibv_destroy_qp(live.client.id->qp) == EACCES, "ibv_destroy_qp");
	expect(ibv_destroy_cq(live.client.cq) == EACCES, "ibv_destroy_cq");
	REFUSED_NULL(ibv_alloc_pd(ctx));
	REFUSED_NULL(ibv_create_comp_channel(ctx));
	REFUSED_NULL(ibv_create_cq(ctx, 4, NULL, NULL, 0));
	REFUSED_NULL(ibv_reg_mr(live.client.id->pd, live.client.bytes, 8, 0));
}

static void use_anew(void)
{
	struct sweep own = { 0 };

	if (sweep_kinds[0].run(&own)) {
		errno = own.err;
		expect(false, own.step);
	}
	sweep_close(&own);
	expect(!own.verdict[0], own.verdict);
}

static void child(unsigned int round)
{
	alarm(CHILD_SECONDS);
	if (round % 4 == 3)
		execl("/bin/true", "true", NULL);
	if (round % 4 != 2) {
		try_cm();
		try_verbs();
	}
	if (round % 4 != 1)
		use_anew();
	if (round % 2)
		_exit(wrong);
	exit(wrong);
}

/* ---- the parent */

static void *churn(void *unused)
{
	while (!__atomic_load_n(&over, __ATOMIC_ACQUIRE)) {
		struct sweep s = { 0 };

		if (sweep_kinds[0].run(&s)) {
			fprintf(stderr, "# churn: %s: %s\n", s.step, strerror(s.err));
			exit(1);
		}
		sweep_close(&s);
		__atomic_add_fetch(&sessions, 1, __ATOMIC_RELAXED);
	}
	return unused;
}

static int report(int *n, bool ok, const char *what)
{
	printf("%sok %d - %s\n", ok ? "" : "not ", ++*n, what);
	return !ok;
}

/* Forks; 0 if the child found all as it should be. */
static int fork_once(unsigned int round)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid)
		child(round);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFSIGNALED(status))
		fprintf(stderr, "# round %u: child ended by signal %d\n", round, WTERMSIG(status));
	return status;
}

static int rounds(unsigned int n)
{
	int bad = 0;

	for (unsigned int i = 0; i < n; i++) {
		bad |= fork_once(i);
		if (sweep_talk(&live)) {
			fprintf(stderr, "# round %u: %s: %s\n", i, live.step, strerror(live.err));
			return -1;
		}
	}
	return bad;
}

/* What the threads of the parent had allocated is nobody's in a child. */
static pid_t parent;
__attribute__((visibility("default"))) int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
	return parent && getpid() != parent;
}

#if defined(__SANITIZE_THREAD__)
#define SANITIZED_THREADS 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SANITIZED_THREADS 1
#endif
#endif

int main(int argc, char **argv)
{
	unsigned int n = argc > 1 ? (unsigned int)atoi(argv[1]) : 12;
	pthread_t threads[THREADS];
	int tests = 0, bad = 0;

#if SANITIZED_THREADS
	printf("1..0 # SKIP ThreadSanitizer knows no threads after a fork\n");
	return 77;
#endif
	parent = getpid();
	setenv("IWSHIM_DEVICE", "soft", 1);
	alarm(300);
	bad |= report(&tests, ibv_fork_init() == 0, "ibv_fork_init");
	bad |= report(&tests, !sweep_connect(&live) && !sweep_talk(&live), "a connection");
	if (!bad) {
		bad |= report(&tests, !rounds(n), "forks of one thread");
		for (int i = 0; i < THREADS; i++)
			pthread_create(&threads[i], NULL, churn, NULL);
		bad |= report(&tests, !rounds(2 * n), "forks in the middle of others' calls");
		__atomic_store_n(&over, true, __ATOMIC_RELEASE);
		for (int i = 0; i < THREADS; i++)
			pthread_join(threads[i], NULL);
		printf("# %u sessions of other threads meanwhile\n", sessions);
	}
	sweep_close(&live);
	printf("1..%d\n", tests);
	return bad;
}
