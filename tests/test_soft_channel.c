// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Completion channels over their real pipes; the sockets behind are in test_soft_pset.c. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "driver/soft/soft_cq.h"
#include "driver/soft/soft_pset.h"
#include "tests/interrupt.h"
#include "tests/soft_fake.h"

/* More than a pipe takes. */
#define MANY 9000

static struct soft_channel *new_channel(void)
{
	struct soft_channel *channel = NULL;

	cr_assert_eq(soft_channel_create(&fake_dev.ctx, &channel), 0);
	return channel;
}

static struct soft_cq *new_cq(struct soft_channel *channel)
{
	struct soft_cq *cq = NULL;

	cr_assert_eq(soft_cq_create(&fake_dev.ctx, 16384, NULL, channel, &cq), 0);
	return cq;
}

static void push(struct soft_cq *cq, enum ibv_wc_status status, bool solicited)
{
	struct ibv_wc wc = { .status = status };

	soft_cq_push(cq, &wc, 1, solicited);
}

static void event(struct soft_cq *cq)
{
	soft_cq_req_notify(cq, false);
	push(cq, IBV_WC_SUCCESS, false);
}

static bool readable(struct soft_channel *channel)
{
	struct pollfd pfd = { .fd = channel->ibv.fd, .events = POLLIN };

	return poll(&pfd, 1, 0) == 1;
}

/* As ibv_ack_cq_events(3) does. */
static void ack(struct soft_cq *cq, unsigned int n)
{
	pthread_mutex_lock(&cq->ibv.mutex);
	cq->ibv.comp_events_completed += n;
	pthread_cond_signal(&cq->ibv.cond);
	pthread_mutex_unlock(&cq->ibv.mutex);
}

static void expect(struct soft_channel *channel, struct soft_cq *wanted)
{
	struct soft_cq *cq = NULL;

	cr_assert_eq(soft_channel_get_event(channel, &cq), 0);
	cr_assert_eq(cq, wanted);
	ack(cq, 1);
}

static void no_block(struct soft_channel *channel)
{
	fcntl(channel->ibv.fd, F_SETFL, fcntl(channel->ibv.fd, F_GETFL) | O_NONBLOCK);
}

Test(soft_channel, create__fails_in_good_order)
{
	struct soft_channel *channel = NULL;

	cr_assert_eq(soft_loop_start(), 0);
	iw_fault_arm(IW_FAULT_ALLOC | IW_FAULT_SYSCALL, 1);
	cr_assert_eq(soft_channel_create(&fake_dev.ctx, &channel), -ENOMEM);
	iw_fault_arm(IW_FAULT_ALLOC | IW_FAULT_SYSCALL, 2);
	cr_assert_eq(soft_channel_create(&fake_dev.ctx, &channel), -EMFILE);
	iw_fault_arm(0, 0);
	cr_assert_null(channel);
}

Test(soft_channel, destroy__refused_while_cqs_use_it)
{
	struct soft_channel *channel = new_channel();
	struct soft_cq *cq = new_cq(channel);

	cr_assert_eq(channel->ibv.refcnt, 1);
	cr_assert_eq(cq->ibv.channel, &channel->ibv);
	cr_assert_eq(soft_channel_destroy(channel), -EBUSY);
	cr_assert_eq(soft_cq_destroy(cq), 0);
	cr_assert_eq(channel->ibv.refcnt, 0);
	cr_assert_eq(soft_channel_destroy(channel), 0);
	cr_assert_eq(fake_dev.objects, 0);
}

Test(soft_channel, get_event__only_what_was_armed_for)
{
	struct soft_channel *channel = new_channel();
	struct soft_cq *cq = new_cq(channel), *got;

	no_block(channel);
	push(cq, IBV_WC_SUCCESS, true);
	cr_assert_eq(soft_channel_get_event(channel, &got), -EAGAIN);
	event(cq);
	push(cq, IBV_WC_SUCCESS, true);
	expect(channel, cq);
	cr_assert_eq(soft_channel_get_event(channel, &got), -EAGAIN, "one for each arming");

	soft_cq_req_notify(cq, true);
	push(cq, IBV_WC_SUCCESS, false);
	cr_assert(!readable(channel));
	push(cq, IBV_WC_SUCCESS, true);
	expect(channel, cq);
	soft_cq_req_notify(cq, true);
	push(cq, IBV_WC_WR_FLUSH_ERR, false);
	expect(channel, cq);
	soft_cq_req_notify(cq, false);
	soft_cq_req_notify(cq, true);
	push(cq, IBV_WC_SUCCESS, false);
	expect(channel, cq);
	cr_assert_eq(soft_cq_destroy(cq), 0);
	cr_assert_eq(soft_channel_destroy(channel), 0);
}

Test(soft_channel, fd__carries_pointers_for_those_who_read_it_themselves)
{
	struct soft_channel *channel = new_channel();
	struct soft_cq *cq = new_cq(channel);
	uint64_t record[2];

	event(cq);
	cr_assert(readable(channel));
	cr_assert_eq(read(channel->ibv.fd, record, sizeof(record)), 8);
	cr_assert_eq(record[0], (uintptr_t)&cq->ibv);
	ack(cq, 1);
	cr_assert_eq(soft_cq_destroy(cq), 0);
	cr_assert_eq(soft_channel_destroy(channel), 0);
}

static void *post_later(void *arg)
{
	usleep(20000);
	event(arg);
	return NULL;
}

Test(soft_channel, get_event__sleeps_until_another_thread_posts)
{
	struct soft_channel *channel = new_channel();
	struct soft_cq *cq = new_cq(channel);
	pthread_t thread;

	pthread_create(&thread, NULL, post_later, cq);
	expect(channel, cq);
	pthread_join(thread, NULL);
	cr_assert_eq(soft_cq_destroy(cq), 0);
	cr_assert_eq(soft_channel_destroy(channel), 0);
}

Test(soft_channel, post__a_full_pipe_loses_nothing)
{
	struct soft_channel *channel = new_channel();
	struct soft_cq *a = new_cq(channel), *b = new_cq(channel), *cq;
	unsigned int n[2] = { 0 };

	for (int i = 0; i < MANY; i++)
		event(i % 2 ? b : a);
	cr_assert_neq(channel->room.handle, 0, "the loop waits for room");
	for (int i = 0; i < MANY; i++) {
		cr_assert_eq(soft_channel_get_event(channel, &cq), 0);
		n[cq == b]++;
	}
	cr_assert(!readable(channel));
	cr_assert_eq(n[0], MANY / 2);
	cr_assert_eq(n[1], MANY / 2);
	ack(a, n[0]);
	ack(b, n[1]);
	cr_assert_eq(soft_cq_destroy(a), 0);
	cr_assert_eq(soft_cq_destroy(b), 0);
	cr_assert_eq(soft_channel_destroy(channel), 0);
}

Test(soft_channel, post__the_loop_refills_a_pipe_that_the_program_reads)
{
	struct soft_channel *channel = new_channel();
	struct soft_cq *cq = new_cq(channel);
	uint64_t record;

	for (int i = 0; i < MANY; i++)
		event(cq);
	for (int i = 0; i < MANY; i++)
		cr_assert_eq(read(channel->ibv.fd, &record, sizeof(record)), 8);
	cr_assert(!readable(channel));
	ack(cq, MANY);
	cr_assert_eq(soft_cq_destroy(cq), 0);
	cr_assert_eq(soft_channel_destroy(channel), 0);
}

Test(soft_channel, post__survives_a_failed_write)
{
	struct soft_channel *channel = new_channel();
	struct soft_cq *cq = new_cq(channel);

	iw_fault_arm(IW_FAULT_SYSCALL | IW_FAULT_HERE, 1);
	event(cq);
	iw_fault_arm(0, 0);
	expect(channel, cq);
	cr_assert_eq(soft_cq_destroy(cq), 0);
	cr_assert_eq(soft_channel_destroy(channel), 0);
}

Test(soft_channel, leave__takes_unread_events_back)
{
	struct soft_channel *channel = new_channel();
	struct soft_cq *dead = new_cq(channel), *lives = new_cq(channel);

	for (int i = 0; i < MANY; i++) {
		event(dead);
		if (i % 1000 == 0)
			event(lives);
	}
	cr_assert_eq(soft_cq_destroy(dead), 0);
	for (int i = 0; i < MANY / 1000; i++)
		expect(channel, lives);
	cr_assert(!readable(channel));
	cr_assert_eq(soft_cq_destroy(lives), 0);
	cr_assert_eq(soft_channel_destroy(channel), 0);
}

static unsigned int destroyed;

static void *destroy(void *arg)
{
	cr_assert_eq(soft_cq_destroy(arg), 0);
	__atomic_store_n(&destroyed, 1, __ATOMIC_RELEASE);
	return NULL;
}

Test(soft_channel, destroy__waits_for_what_was_handed_out)
{
	struct soft_channel *channel = new_channel();
	struct soft_cq *cq = new_cq(channel), *got;
	pthread_t thread;

	event(cq);
	event(cq);
	cr_assert_eq(soft_channel_get_event(channel, &got), 0);
	pthread_create(&thread, NULL, destroy, cq);
	usleep(20000);
	cr_assert_eq(__atomic_load_n(&destroyed, __ATOMIC_ACQUIRE), 0);
	ack(cq, 1);
	pthread_join(thread, NULL);
	cr_assert(!readable(channel));
	cr_assert_eq(soft_channel_destroy(channel), 0);
}

/* ---- signals and cancellation */

static void on_signal(int sig)
{
}

static unsigned int began, ended;
static int ended_with;

static void *get_one(void *arg)
{
	struct soft_cq *cq;

	__atomic_store_n(&began, 1, __ATOMIC_RELEASE);
	ended_with = soft_channel_get_event(arg, &cq);
	if (!ended_with)
		ack(cq, 1);
	__atomic_fetch_add(&ended, 1, __ATOMIC_RELEASE);
	return NULL;
}

static pthread_t sleeper_with(struct soft_channel *channel, int sa_flags)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = sa_flags };
	pthread_t thread;

	/* What the test runner handles would decide otherwise. */
	for (int sig = 1; sig < NSIG; sig++)
		sigaction(sig, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
	sigaction(SIGUSR1, &sa, NULL);
	pthread_create(&thread, NULL, get_one, channel);
	cr_assert(fake_becomes(&began, 1));
	usleep(20000);
	return thread;
}

Test(soft_channel, get_event__a_signal_interrupts)
{
	struct soft_channel *channel = new_channel();
	struct soft_cq *cq = new_cq(channel);
	pthread_t thread = sleeper_with(channel, 0);

	interrupt_and_join(thread);
	cr_assert_eq(ended_with, -EINTR);
	cr_assert_eq(soft_cq_destroy(cq), 0);
	cr_assert_eq(soft_channel_destroy(channel), 0);
}

Test(soft_channel, get_event__a_signal_with_restart_does_not)
{
	struct soft_channel *channel = new_channel();
	struct soft_cq *cq = new_cq(channel);
	pthread_t thread = sleeper_with(channel, SA_RESTART);

	for (int i = 0; i < 10; i++) {
		pthread_kill(thread, SIGUSR1);
		usleep(2000);
	}
	cr_assert_eq(__atomic_load_n(&ended, __ATOMIC_ACQUIRE), 0);
	event(cq);
	pthread_join(thread, NULL);
	cr_assert_eq(ended_with, 0);
	cr_assert_eq(soft_cq_destroy(cq), 0);
	cr_assert_eq(soft_channel_destroy(channel), 0);
}

Test(soft_channel, get_event__cancelled_sleeper_leaves_nothing_behind)
{
	struct soft_channel *channel = new_channel();
	struct soft_cq *cq = new_cq(channel);
	struct soft_pset *set;
	pthread_t thread;
	void *rc;

#ifdef __SANITIZE_THREAD__
	cr_skip_test("ThreadSanitizer sees no locks of a thread that is cancelled in a call");
#endif
	cr_assert_eq(soft_pset_for(cq, cq, &set), 0);
	soft_pset_put(set);
	pthread_create(&thread, NULL, get_one, channel);
	cr_assert(fake_becomes(&began, 1));
	usleep(20000);
	pthread_cancel(thread);
	pthread_join(thread, &rc);
	cr_assert_eq(rc, PTHREAD_CANCELED);
	event(cq);
	expect(channel, cq);
	cr_assert_eq(soft_cq_destroy(cq), 0);
	cr_assert_eq(soft_channel_destroy(channel), 0);
}

#define ROUNDS 2000

static void *get_many(void *arg)
{
	struct soft_cq *cq;

	for (int i = 0; i < ROUNDS; i++) {
		cr_assert_eq(soft_channel_get_event(arg, &cq), 0);
		ack(cq, 1);
	}
	return NULL;
}

Test(soft_channel, get_event__by_many_threads)
{
	struct soft_channel *channel = new_channel();
	struct soft_cq *cq = new_cq(channel);
	pthread_t thread[3];

	for (int i = 0; i < 3; i++)
		pthread_create(&thread[i], NULL, get_many, channel);
	for (int i = 0; i < 3 * ROUNDS; i++)
		event(cq);
	for (int i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
	cr_assert(!readable(channel));
	cr_assert_eq(soft_cq_destroy(cq), 0);
	cr_assert_eq(soft_channel_destroy(channel), 0);
}
