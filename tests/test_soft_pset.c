// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Who drives the sockets of a set: a stand-in for QPs turns each byte that comes
 * over a socket into a completion, and notes on which thread.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "driver/soft/soft_cq.h"
#include "driver/soft/soft_pset.h"
#include "tests/asleep.h"
#include "tests/soft_fake.h"

struct member {
	struct soft_watch watch;
	struct soft_pset *set;
	struct soft_cq *cq;
	int peer;
	unsigned int refs;
	unsigned int by_loop, by_others, asked; /* atomic */
	unsigned int writable;
};

static struct member *member_of(struct soft_watch *watch)
{
	return iw_container_of(watch, struct member, watch);
}

static void get(struct soft_watch *watch)
{
	__atomic_fetch_add(&member_of(watch)->refs, 1, __ATOMIC_RELAXED);
}

static void put(struct soft_watch *watch)
{
	__atomic_fetch_sub(&member_of(watch)->refs, 1, __ATOMIC_RELEASE);
}

static void ready(struct soft_watch *watch, uint32_t events)
{
	struct member *m = member_of(watch);
	struct ibv_wc wc = { 0 };
	char byte;

	__atomic_fetch_add(&m->asked, 1, __ATOMIC_RELAXED);
	if (events & EPOLLOUT)
		__atomic_fetch_add(&m->writable, 1, __ATOMIC_RELEASE);
	while (recv(watch->fd, &byte, 1, MSG_DONTWAIT) == 1) {
		__atomic_fetch_add(soft_loop_is_self() ? &m->by_loop : &m->by_others, 1,
				   __ATOMIC_RELEASE);
		if (m->cq)
			soft_cq_push(m->cq, &wc, 1, false);
	}
}

static const struct soft_watch_ops ops = { get, put, ready };

static void join(struct member *m, struct soft_pset *set, struct soft_cq *cq)
{
	int fd[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	*m = (struct member){ .watch.ops = &ops, .set = set, .cq = cq, .peer = fd[1] };
	cr_assert_eq(soft_pset_add(set, &m->watch, fd[0]), 0);
}

static void part(struct member *m)
{
	int fd = m->watch.fd;

	soft_pset_remove(m->set, &m->watch);
	cr_assert(fake_becomes(&m->refs, 0));
	close(fd);
	close(m->peer);
}

static void say(struct member *m)
{
	cr_assert_eq(write(m->peer, "x", 1), 1);
}

/* One CQ with a channel, a set and @n members. */
struct world {
	struct soft_channel *channel;
	struct soft_cq *cq;
	struct soft_pset *set;
	struct member m[8];
	int n;
};

static struct world w;

static void open_world(int n)
{
	cr_assert_eq(soft_channel_create(&fake_dev.ctx, &w.channel), 0);
	cr_assert_eq(soft_cq_create(&fake_dev.ctx, 4096, NULL, w.channel, &w.cq), 0);
	cr_assert_eq(soft_pset_for(w.cq, w.cq, &w.set), 0);
	for (w.n = 0; w.n < n; w.n++)
		join(&w.m[w.n], w.set, w.cq);
}

static void close_world(void)
{
	while (w.n)
		part(&w.m[--w.n]);
	soft_pset_put(w.set);
	cr_assert_eq(soft_cq_destroy(w.cq), 0);
	cr_assert_eq(soft_channel_destroy(w.channel), 0);
}

/* Polls for one completion, at most 5 s. */
static void poll_one(void)
{
	struct ibv_wc wc;
	int n = 0;

	for (int i = 0; i < 50000 && !n; i++) {
		n = soft_cq_poll(w.cq, 1, &wc);
		if (!n)
			usleep(100);
	}
	cr_assert_eq(n, 1);
}

static void quiet(void)
{
	usleep(20 * SOFT_LEASE_MS * 1000);
}

/* ---- which set is whose */

Test(soft_pset, for__the_same_for_cqs_that_share_a_qp)
{
	struct soft_cq *a, *b, *c;
	struct soft_pset *set, *second, *own;

	cr_assert_eq(soft_cq_create(&fake_dev.ctx, 1, NULL, NULL, &a), 0);
	cr_assert_eq(soft_cq_create(&fake_dev.ctx, 1, NULL, NULL, &b), 0);
	cr_assert_eq(soft_cq_create(&fake_dev.ctx, 1, NULL, NULL, &c), 0);
	soft_cq_req_notify(a, false);
	cr_assert_eq(soft_pset_for(a, b, &set), 0);
	cr_assert_eq(a->pset, set);
	cr_assert_eq(b->pset, set);
	cr_assert_eq(soft_pset_for(b, a, &second), 0);
	cr_assert_eq(second, set);
	soft_pset_put(second);

	cr_assert_eq(soft_pset_for(c, c, &second), 0);
	cr_assert_neq(second, set);
	cr_assert_eq(soft_pset_for(a, c, &own), 0);
	cr_assert_neq(own, set);
	cr_assert_neq(own, second);
	soft_pset_put(own);
	soft_pset_put(second);
	soft_pset_put(set);
	cr_assert_eq(soft_cq_destroy(a), 0);
	cr_assert_eq(soft_cq_destroy(b), 0);
	cr_assert_eq(soft_cq_destroy(c), 0);
}

Test(soft_pset, new__fails_in_good_order)
{
	static const int wanted[] = { -ENOMEM, -EMFILE, -ENOMEM };
	struct soft_pset *set = NULL;
	struct soft_cq *cq;

	cr_assert_eq(soft_loop_start(), 0);
	cr_assert_eq(soft_cq_create(&fake_dev.ctx, 1, NULL, NULL, &cq), 0);
	for (unsigned long nth = 1; nth <= 3; nth++) {
		iw_fault_arm(IW_FAULT_ALLOC | IW_FAULT_SYSCALL | IW_FAULT_HERE, nth);
		cr_assert_eq(soft_pset_for(cq, cq, &set), wanted[nth - 1]);
	}
	iw_fault_arm(0, 0);
	cr_assert_null(cq->pset);
	cr_assert_null(set);
	cr_assert_eq(soft_cq_destroy(cq), 0);
}

Test(soft_pset, add__fails_in_good_order)
{
	struct member m = { .watch.ops = &ops };

	open_world(0);
	iw_fault_arm(IW_FAULT_SYSCALL | IW_FAULT_HERE, 1);
	cr_assert_eq(soft_pset_add(w.set, &m.watch, 0), -ENOMEM);
	iw_fault_arm(0, 0);
	soft_pset_remove(w.set, &m.watch);
	soft_pset_drive(w.set);
	cr_assert_eq(m.asked, 0);
	close_world();
}

/* ---- who drives */

Test(soft_pset, loop__drives_what_nobody_polls)
{
	open_world(2);
	say(&w.m[1]);
	cr_assert(fake_becomes(&w.m[1].by_loop, 1));
	close_world();
}

Test(soft_pset, drive__the_poller_and_not_the_loop)
{
	struct ibv_wc wc;

	open_world(2);
	cr_assert_eq(soft_cq_poll(w.cq, 1, &wc), 0);
	for (unsigned int i = 0; i < 300; i++) {
		say(&w.m[i % 2]);
		poll_one();
	}
	cr_assert_lt(w.m[0].by_loop + w.m[1].by_loop, 100);
	close_world();
}

Test(soft_pset, drive__more_members_than_are_asked_directly)
{
	struct ibv_wc wc;

	open_world(8);
	soft_cq_poll(w.cq, 1, &wc);
	for (unsigned int i = 0; i < 8; i++) {
		say(&w.m[i]);
		poll_one();
		cr_assert_eq(w.m[i].by_loop + w.m[i].by_others, 1);
	}
	/* Few again. */
	while (w.n > SOFT_PSET_DIRECT)
		part(&w.m[--w.n]);
	say(&w.m[0]);
	poll_one();
	close_world();
}

Test(soft_pset, lease__ends_when_the_polls_do)
{
	struct ibv_wc wc;

	open_world(1);
	soft_cq_poll(w.cq, 1, &wc);
	quiet();
	say(&w.m[0]);
	cr_assert(fake_becomes(&w.m[0].by_loop, 1));
	close_world();
}

Test(soft_pset, lease__not_while_armed)
{
	struct pollfd pfd;
	struct ibv_wc wc;

	open_world(1);
	pfd = (struct pollfd){ .fd = w.channel->ibv.fd, .events = POLLIN };
	soft_cq_poll(w.cq, 1, &wc);
	soft_cq_req_notify(w.cq, false);
	soft_cq_poll(w.cq, 1, &wc);
	say(&w.m[0]);
	cr_assert_eq(poll(&pfd, 1, 5000), 1);
	cr_assert_eq(__atomic_load_n(&w.m[0].by_loop, __ATOMIC_ACQUIRE), 1);
	close_world();
}

Test(soft_pset, lease__a_loop_that_cannot_be_told_is_told_later)
{
	struct ibv_wc wc;

	open_world(1);
	iw_fault_arm(IW_FAULT_SYSCALL | IW_FAULT_HERE, 1);
	soft_cq_poll(w.cq, 1, &wc);
	cr_assert_gt(iw_fault_passed(), 0);
	iw_fault_arm(0, 0);
	say(&w.m[0]);
	poll_one();
	soft_cq_poll(w.cq, 1, &wc);
	iw_fault_arm(IW_FAULT_SYSCALL | IW_FAULT_HERE, 1);
	soft_cq_req_notify(w.cq, false);
	iw_fault_arm(0, 0);
	quiet();
	say(&w.m[0]);
	for (int i = 0; i < 5000 && !__atomic_load_n(&w.m[0].by_loop, __ATOMIC_ACQUIRE); i++)
		usleep(1000);
	cr_assert_gt(__atomic_load_n(&w.m[0].by_loop, __ATOMIC_ACQUIRE), 0);
	close_world();
}

Test(soft_pset, want_write__is_awaited_and_left)
{
	open_world(1);
	cr_assert_eq(soft_pset_want_write(w.set, &w.m[0].watch, true), 0);
	for (int i = 0; i < 5000 && !__atomic_load_n(&w.m[0].writable, __ATOMIC_ACQUIRE); i++)
		usleep(1000);
	cr_assert_gt(__atomic_load_n(&w.m[0].writable, __ATOMIC_ACQUIRE), 0);
	cr_assert_eq(soft_pset_want_write(w.set, &w.m[0].watch, false), 0);
	close_world();
}

/* ---- sleeping */

static void *say_later(void *arg)
{
	struct member *m = arg;

	wait_until_others_sleep();
	say(m);
	return NULL;
}

/* As ibv_ack_cq_events(3) does. */
static void ack(struct soft_cq *cq)
{
	pthread_mutex_lock(&cq->ibv.mutex);
	cq->ibv.comp_events_completed++;
	pthread_mutex_unlock(&cq->ibv.mutex);
}

static void next_event(void)
{
	struct soft_cq *cq;

	cr_assert_eq(soft_channel_get_event(w.channel, &cq), 0);
	cr_assert_eq(cq, w.cq);
	ack(cq);
}

Test(soft_pset, wait__the_sleeper_drives)
{
	struct ibv_wc wc;
	pthread_t thread;

	open_world(2);
	for (int i = 0; i < 3; i++) {
		soft_cq_req_notify(w.cq, false);
		pthread_create(&thread, NULL, say_later, &w.m[1]);
		next_event();
		cr_assert_eq(soft_cq_poll(w.cq, 1, &wc), 1);
		pthread_join(thread, NULL);
	}
	cr_assert_eq(w.m[1].by_others, 3);
	cr_assert_eq(w.m[1].by_loop, 0);
	quiet();
	say(&w.m[0]);
	cr_assert(fake_becomes(&w.m[0].by_loop, 1), "the loop again");
	close_world();
}

Test(soft_pset, wait__an_expected_sleeper_who_polls_the_descriptor_is_served)
{
	struct pollfd pfd;
	pthread_t thread;

	open_world(1);
	pfd = (struct pollfd){ .fd = w.channel->ibv.fd, .events = POLLIN };
	soft_cq_req_notify(w.cq, false);
	pthread_create(&thread, NULL, say_later, &w.m[0]);
	next_event();
	pthread_join(thread, NULL);
	soft_cq_req_notify(w.cq, false);
	say(&w.m[0]);
	cr_assert_eq(poll(&pfd, 1, 5000), 1);
	close_world();
}

static void *sleep_once(void *arg)
{
	next_event();
	return NULL;
}

Test(soft_pset, wait__a_member_that_joins_later_wakes_the_sleeper)
{
	pthread_t thread;

	open_world(0);
	soft_cq_req_notify(w.cq, false);
	pthread_create(&thread, NULL, sleep_once, NULL);
	wait_until_others_sleep();
	join(&w.m[0], w.set, w.cq);
	w.n = 1;
	say(&w.m[0]);
	pthread_join(thread, NULL);
	cr_assert_eq(w.m[0].by_others, 1);
	close_world();
}

static uint64_t cpu_us(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 +
	       (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

Test(soft_pset, idle__costs_nothing)
{
	struct ibv_wc wc;
	pthread_t thread;
	long before;
	struct rusage u;
	uint64_t cpu;

	open_world(2);
	soft_cq_poll(w.cq, 1, &wc);
	soft_cq_req_notify(w.cq, false);
	pthread_create(&thread, NULL, sleep_once, NULL);
	quiet();
	getrusage(RUSAGE_SELF, &u);
	before = u.ru_nvcsw;
	cpu = cpu_us();
	usleep(300000);
	getrusage(RUSAGE_SELF, &u);
	cr_assert_lt(u.ru_nvcsw - before, 10, "the threads sleep");
	cr_assert_lt(cpu_us() - cpu, 20000);
	say(&w.m[0]);
	pthread_join(thread, NULL);
	close_world();
}

/* ---- many threads */

#define BYTES 3000

static unsigned int stop, done;

static void *poll_many(void *arg)
{
	struct ibv_wc wc[8];
	int n;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		n = soft_cq_poll(w.cq, 8, wc);
		if (n > 0)
			__atomic_fetch_add(&done, (unsigned int)n, __ATOMIC_RELEASE);
	}
	return NULL;
}

Test(soft_pset, drive__by_threads_while_members_come_and_go)
{
	pthread_t thread[2];
	struct member m;

	open_world(4);
	for (int i = 0; i < 2; i++)
		pthread_create(&thread[i], NULL, poll_many, NULL);
	for (unsigned int i = 0; i < BYTES; i++) {
		say(&w.m[i % 4]);
		if (i % 20)
			continue;
		join(&m, w.set, NULL);
		say(&m);
		part(&m);
	}
	cr_assert(fake_becomes(&done, BYTES));
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	close_world();
}

/* Sleeps, polls what came, arms again: the loop of an event-driven program. */
static void *events_many(void *arg)
{
	struct soft_cq *cq;
	struct ibv_wc wc[8];
	int n;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		if (soft_channel_get_event(w.channel, &cq))
			break;
		ack(cq);
		soft_cq_req_notify(cq, false);
		while ((n = soft_cq_poll(cq, 8, wc)) > 0)
			__atomic_fetch_add(&done, (unsigned int)n, __ATOMIC_RELEASE);
	}
	return NULL;
}

Test(soft_pset, wait__two_sleepers_and_a_poller_lose_nothing)
{
	struct ibv_wc wc = { 0 };
	pthread_t thread[3];

	open_world(6);
	soft_cq_req_notify(w.cq, false);
	for (int i = 0; i < 2; i++)
		pthread_create(&thread[i], NULL, events_many, NULL);
	pthread_create(&thread[2], NULL, poll_many, NULL);
	for (unsigned int i = 0; i < BYTES; i++)
		say(&w.m[i % 6]);
	cr_assert(fake_becomes(&done, BYTES));
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	pthread_join(thread[2], NULL);
	for (int i = 0; i < 2; i++) {
		soft_cq_req_notify(w.cq, false);
		soft_cq_push(w.cq, &wc, 1, false);
		usleep(20000);
	}
	for (int i = 0; i < 2; i++) {
		soft_cq_req_notify(w.cq, false);
		soft_cq_push(w.cq, &wc, 1, false);
		pthread_join(thread[i], NULL);
	}
	close_world();
}
