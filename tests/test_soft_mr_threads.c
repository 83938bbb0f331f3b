// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Regions, windows and STags under several threads, and after a fork. */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/soft_mr_env.h"

TestSuite(soft_mr_threads, .timeout = 120);

/* ------------------------------------------------------------------- Threads */

#define THREADS 4
#define ROUNDS 3000

/* What the pinning threads see: a region whose memory must be alive while pinned. */
static struct {
	uint32_t stag; /* atomic */
	bool stop;     /* atomic */
	int at_work;   /* atomic: threads that have done what they are there for */
	unsigned long corrupt;
} race;

static int at_work(void)
{
	return __atomic_load_n(&race.at_work, __ATOMIC_ACQUIRE);
}

static void *pin_often(void *arg)
{
	unsigned long corrupt = 0;
	bool pinned = false;
	struct soft_pin pin;

	while (!__atomic_load_n(&race.stop, __ATOMIC_ACQUIRE)) {
		uint32_t stag = __atomic_load_n(&race.stag, __ATOMIC_RELAXED);

		if (soft_mem_pin_remote(pd, QP, stag, 0, 64, IBV_ACCESS_REMOTE_READ, &pin)) {
			sched_yield();
			continue;
		}
		if (!pinned)
			__atomic_add_fetch(&race.at_work, 1, __ATOMIC_RELEASE);
		pinned = true;
		for (int i = 0; i < 64; i++)
			corrupt += __atomic_load_n(&pin.ptr[i], __ATOMIC_RELAXED) != 0x5a;
		soft_mem_unpin(&pin);
	}
	__atomic_add_fetch(&race.corrupt, corrupt, __ATOMIC_RELAXED);
	return arg;
}

static void start(pthread_t *threads, void *(*work)(void *))
{
	for (int i = 0; i < THREADS; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, work, NULL), 0);
}

static void finish(pthread_t *threads)
{
	__atomic_store_n(&race.stop, true, __ATOMIC_RELEASE);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	cr_assert_eq(race.corrupt, 0);
	cr_assert_gt(at_work(), 0);
}

/* Memory that is freed, or written, after dereg returned is never seen by a pin. */
Test(soft_mr_threads, race__pins_against_dereg, .init = init, .fini = fini)
{
	pthread_t threads[THREADS];
	struct soft_mr *mr;

	start(threads, pin_often);
	for (int i = 0; i < ROUNDS || !at_work(); i++) {
		uint8_t *bytes = malloc(64);

		memset(bytes, 0x5a, 64);
		cr_assert_eq(soft_mr_reg(pd, bytes, 64, 0, ALL, &mr), 0);
		__atomic_store_n(&race.stag, mr->ibv.rkey, __ATOMIC_RELAXED);
		if (i % 4 == 0)
			sched_yield();
		dereg(mr);
		memset(bytes, 0, 64);
		free(bytes);
	}
	finish(threads);
}

/* The same with a window that is bound and invalidated again and again. */
Test(soft_mr_threads, race__pins_against_invalidate, .init = init, .fini = fini)
{
	struct soft_mw *mw = window(IBV_MW_TYPE_2);
	pthread_t threads[THREADS];
	uint32_t rkey = mw->ibv.rkey;
	struct soft_mr *mr;

	start(threads, pin_often);
	for (int i = 0; i < ROUNDS || !at_work(); i++) {
		uint8_t *bytes = malloc(64);
		struct ibv_mw_bind_info all = { .length = 64,
						.mw_access_flags = IBV_ACCESS_REMOTE_READ };

		memset(bytes, 0x5a, 64);
		cr_assert_eq(soft_mr_reg(pd, bytes, 64, 0, ALL, &mr), 0);
		all.mr = &mr->ibv;
		rkey = ibv_inc_rkey(rkey);
		cr_assert_eq(soft_mw_bind(mw, QP, &all, &rkey), 0);
		__atomic_store_n(&race.stag, rkey, __ATOMIC_RELAXED);
		if (i % 4 == 0)
			sched_yield();
		cr_assert_eq(soft_mem_invalidate(pd, QP, rkey), SOFT_MEM_OK);
		dereg(mr);
		memset(bytes, 0, 64);
		free(bytes);
	}
	finish(threads);
	soft_mw_dealloc(mw);
}

static void *dereg_thread(void *mr)
{
	dereg(mr);
	__atomic_store_n(&race.stop, true, __ATOMIC_RELEASE);
	return NULL;
}

Test(soft_mr_threads, dereg__waits_for_a_pin, .init = init, .fini = fini)
{
	struct soft_mr *mr = reg(ALL);
	uint32_t stag = mr->ibv.rkey;
	struct soft_pin pin;
	pthread_t thread;

	cr_assert_eq(soft_mem_pin_remote(pd, QP, stag, addr_of(0), 1, 0, &pin), 0);
	cr_assert_eq(pthread_create(&thread, NULL, dereg_thread, mr), 0);
	while (remote(stag, addr_of(0), 1, 0) == SOFT_MEM_OK)
		sched_yield();
	usleep(20000);
	cr_assert_not(__atomic_load_n(&race.stop, __ATOMIC_ACQUIRE));
	soft_mem_unpin(&pin);
	pthread_join(thread, NULL);
	cr_assert(race.stop);
}

static void register_some(void)
{
	struct soft_mr *mrs[16];

	for (int j = 0; j < 16; j++)
		mrs[j] = reg(ALL);
	for (int j = 0; j < 16; j++)
		cr_assert_eq(local(mrs[j]->ibv.lkey, addr_of(0), 1, true), SOFT_MEM_OK);
	for (int j = 0; j < 16; j++)
		dereg(mrs[j]);
}

static void *reg_often(void *arg)
{
	for (int i = 0; i < ROUNDS / 16; i++)
		register_some();
	return arg;
}

Test(soft_mr_threads, race__registrations, .init = init, .fini = fini)
{
	pthread_t threads[THREADS];

	start(threads, reg_often);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

/* ---------------------------------------------------------------------- Fork */

static void *reg_until_stop(void *arg)
{
	register_some();
	__atomic_add_fetch(&race.at_work, 1, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&race.stop, __ATOMIC_ACQUIRE))
		register_some();
	return arg;
}

static int child_generation(unsigned int parent)
{
	struct soft_mr *mr;

	if (soft_generation() == parent)
		return 1;
	/* The table's lock is free, whatever the parent's other threads did. */
	return soft_mr_reg(pd, memory, 1, 0, 0, &mr) ? 2 : 0;
}

/* The next STag of this process, or of a child of it. */
static uint32_t stag_after_fork(bool in_child)
{
	struct soft_region *region;
	uint32_t stag = 0;
	int pipes[2];

	cr_assert_eq(pipe(pipes), 0);
	if (!in_child || !fork()) {
		if (!soft_stag_alloc(SOFT_REGION_MR, &region))
			stag = soft_stag_of(region);
		if (write(pipes[1], &stag, sizeof(stag)) != sizeof(stag) || in_child)
			_exit(0);
	}
	cr_assert_eq(read(pipes[0], &stag, sizeof(stag)), (ssize_t)sizeof(stag));
	close(pipes[0]);
	close(pipes[1]);
	cr_assert_neq(stag, 0);
	return stag;
}

/* Servers fork for each client: what one of them learns tells nothing of the others. */
Test(soft_mr_threads, stag__of_a_forked_child_does_not_follow_from_its_parents, .init = init,
     .fini = fini)
{
	uint32_t child, sibling, parent;

	stag_after_fork(false);
	child = stag_after_fork(true);
	sibling = stag_after_fork(true);
	parent = stag_after_fork(false);
	cr_assert_neq(child, sibling);
	cr_assert_neq(child, parent);
	cr_assert_neq(sibling, parent);
}

/* No thread ends before the last fork: ThreadSanitizer would call it a leak of the child's. */
Test(soft_mr_threads, fork__child_is_another_generation_with_free_locks, .init = init, .fini = fini)
{
	unsigned int generation = soft_generation();
	pthread_t threads[THREADS];
	int status;

	start(threads, reg_until_stop);
	while (at_work() < THREADS)
		sched_yield();
	for (int i = 0; i < 20; i++) {
		pid_t pid = fork();

		cr_assert_geq(pid, 0);
		if (!pid)
			_exit(child_generation(generation));
		cr_assert_eq(waitpid(pid, &status, 0), pid);
		cr_assert_eq(status, 0);
	}
	finish(threads);
	cr_assert_eq(soft_generation(), generation);
}
