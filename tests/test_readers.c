// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Channels that are destroyed under the threads that read them: nobody touches
 * what is gone (the sanitizers look), nobody returns who would not return with
 * the kernel's channels, and a destruction waits for nobody but such readers.
 */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <unistd.h>

#include "base/clock.h"
#include "shim/shim.h"
#include "tests/shim_util.h"

/* After such a pause a reader does not come back. */
#define LONG_MS 100

/* A thread that reads a channel; its pauses are of the program. */
struct reader {
	struct later *later;
	struct rdma_event_channel *ch;
	unsigned int events;   /* to get, before the call that is watched */
	const bool *go;	       /* atomic: when the pause begins; NULL: at once */
	unsigned int pause_ms; /* before that call */
	bool ends;	       /* after the pause, without that call */
	bool away, over;       /* atomic: has its events; that call returned */
	int error;	       /* of that call; valid when over */
};

static void *read_on(void *arg)
{
	struct reader *r = arg;
	struct rdma_cm_event *ev;

	for (unsigned int i = 0; i < r->events; i++) {
		if (rdma_get_cm_event(r->ch, &ev))
			return r;
		rdma_ack_cm_event(ev);
	}
	__atomic_store_n(&r->away, true, __ATOMIC_RELEASE);
	while (r->go && !__atomic_load_n(r->go, __ATOMIC_ACQUIRE))
		usleep(100);
	usleep(r->pause_ms * 1000);
	if (r->ends)
		return NULL;
	r->error = rdma_get_cm_event(r->ch, &ev) ? errno : 0;
	__atomic_store_n(&r->over, true, __ATOMIC_RELEASE);
	return NULL;
}

static void on_signal(int sig)
{
}

static struct rdma_event_channel *blocking_channel(void)
{
	struct rdma_event_channel *ch = util_channel();

	fcntl(ch->fd, F_SETFL, 0);
	return ch;
}

/* With @events, which are there already, or will be; its pause begins at *@go. */
static struct reader *start_gated(struct rdma_event_channel *ch, unsigned int events,
				  unsigned int pause_ms, const bool *go)
{
	struct sigaction sa = { .sa_handler = on_signal };
	struct reader *r = calloc(1, sizeof(*r));

	cr_assert_not_null(r);
	sigaction(SIGUSR1, &sa, NULL);
	*r = (struct reader){ .ch = ch, .events = events, .go = go, .pause_ms = pause_ms };
	r->ends = pause_ms >= LONG_MS;
	r->later = util_later(read_on, r);
	return r;
}

static struct reader *start(struct rdma_event_channel *ch, unsigned int events,
			    unsigned int pause_ms)
{
	return start_gated(ch, events, pause_ms, NULL);
}

static void await_away(const struct reader *r)
{
	while (!__atomic_load_n(&r->away, __ATOMIC_ACQUIRE))
		usleep(100);
}

static bool is_over(const struct reader *r)
{
	return __atomic_load_n(&r->over, __ATOMIC_ACQUIRE);
}

/* The call that is watched has not returned, and a signal ends it: it was told nothing. */
static void was_left_blocked(struct reader *r)
{
	cr_assert(util_still_runs(r->later, 20));
	cr_assert(!is_over(r));
	cr_assert_null(util_interrupt(r->later));
	cr_assert_eq(r->error, EBADF);
	free(r);
}

/* Until @n threads are inside. */
static void await_inside(struct rdma_event_channel *ch, unsigned int n)
{
	const struct shim_channel *c = (struct shim_channel *)(void *)ch;

	while (__atomic_load_n(&c->readers.word, __ATOMIC_ACQUIRE) != n)
		usleep(100);
}

/* For readers that come back however busy the machine is. */
static void be_patient(void)
{
	shim_readers_patience = (struct shim_readers_patience){ 10000, 10000 };
}

static void be_as_usual(void)
{
	shim_readers_patience = (struct shim_readers_patience){ 20, 10 };
}

/* An id whose event the channel has. */
static struct rdma_cm_id *id_with_event(struct rdma_event_channel *ch)
{
	struct rdma_cm_id *id = util_id(ch);

	succeeds(util_resolve(id, PORT));
	return id;
}

static uint64_t destroy_ms(struct rdma_event_channel *ch)
{
	uint64_t start = iw_now_ms();

	rdma_destroy_event_channel(ch);
	return iw_now_ms() - start;
}

/* ---- inside */

Test(readers, end__one_inside_stays_blocked, .timeout = 20)
{
	struct rdma_event_channel *ch = blocking_channel();
	struct reader *r = start(ch, 0, 0);

	await_inside(ch, 1);
	rdma_destroy_event_channel(ch);
	was_left_blocked(r);
	util_all_gone();
}

Test(readers, end__many_inside, .timeout = 30)
{
	struct rdma_event_channel *ch = blocking_channel();
	struct rdma_cm_id *id = id_with_event(ch); /* there is a source to read, too */
	struct reader *readers[8];

	for (int i = 0; i < 8; i++) {
		readers[i] = start(ch, i == 0, 0);
		await_away(readers[i]); /* the event is the first one's */
	}
	await_inside(ch, 8);
	util_destroy(id);
	rdma_destroy_event_channel(ch);
	for (int i = 0; i < 8; i++)
		was_left_blocked(readers[i]);
	util_all_gone();
}

/* At whatever it is at: on its way in, waiting, reading, on its way out. */
Test(readers, end__at_any_moment, .timeout = 60)
{
	be_patient();
	for (unsigned int round = 0; round < 200; round++) {
		struct rdma_event_channel *ch = blocking_channel();
		struct rdma_cm_id *id = id_with_event(ch);
		struct reader *r = start(ch, 1, 0);

		await_away(r);
		for (volatile unsigned int spin = 0; spin < round * 50; spin++)
			;
		util_destroy(id);
		rdma_destroy_event_channel(ch);
		was_left_blocked(r);
	}
	util_all_gone();
}

Test(readers, end__an_event_that_waits_is_not_handed_out, .timeout = 20)
{
	struct rdma_event_channel *ch = blocking_channel();
	struct shim_channel *c = (struct shim_channel *)(void *)ch;
	struct rdma_cm_id *id = id_with_event(ch);
	struct rdma_cm_event *ev;

	fake_pump(id);
	cr_assert_not(TAILQ_EMPTY(&c->queue));
	shim_readers_end(&c->readers);
	fcntl(ch->fd, F_SETFL, O_NONBLOCK);
	fails_with(EBADF, rdma_get_cm_event(ch, &ev));
	cr_assert_not(TAILQ_EMPTY(&c->queue));
	rdma_destroy_event_channel(ch);
	util_destroy(id);
	util_all_gone();
}

static void *get_request(void *arg)
{
	struct rdma_cm_id *child;

	return rdma_get_request(arg, &child) ? (void *)(long)errno : NULL;
}

Test(readers, end__of_a_synchronous_id, .timeout = 20)
{
	struct sockaddr_in addr = fake_addr(0, PORT);
	struct rdma_cm_id *listener;
	struct later *l;

	sigaction(SIGUSR1, &(struct sigaction){ .sa_handler = on_signal }, NULL);
	succeeds(rdma_create_id(NULL, &listener, NULL, RDMA_PS_TCP));
	succeeds(rdma_bind_addr(listener, (struct sockaddr *)&addr));
	succeeds(rdma_listen(listener, 1));
	l = util_later(get_request, listener);
	await_inside(listener->channel, 1);
	succeeds(rdma_destroy_id(listener));
	cr_assert(util_still_runs(l, 20));
	cr_assert_eq((long)util_interrupt(l), EBADF);
	util_all_gone();
}

/* ---- between two calls */

Test(readers, end__one_that_comes_back_soon_is_waited_for, .timeout = 20)
{
	struct rdma_event_channel *ch = blocking_channel();
	struct rdma_cm_id *id = id_with_event(ch);
	struct reader *r = start(ch, 1, 3);

	be_patient();
	await_away(r);
	util_destroy(id);
	rdma_destroy_event_channel(ch);
	was_left_blocked(r);
	util_all_gone();
}

Test(readers, end__all_that_come_back_soon_are_waited_for, .timeout = 20)
{
	struct rdma_event_channel *ch = blocking_channel();
	struct rdma_cm_id *ids[SHIM_READERS_AWAY];
	struct reader *readers[SHIM_READERS_AWAY];
	bool go = false; /* none is back while another's event waits */

	be_patient();
	for (unsigned int i = 0; i < SHIM_READERS_AWAY; i++) {
		ids[i] = id_with_event(ch);
		readers[i] = start_gated(ch, 1, 5 * i, &go);
	}
	for (unsigned int i = 0; i < SHIM_READERS_AWAY; i++)
		await_away(readers[i]);
	for (unsigned int i = 0; i < SHIM_READERS_AWAY; i++)
		util_destroy(ids[i]);
	__atomic_store_n(&go, true, __ATOMIC_RELEASE);
	rdma_destroy_event_channel(ch);
	for (unsigned int i = 0; i < SHIM_READERS_AWAY; i++)
		was_left_blocked(readers[i]);
	util_all_gone();
}

Test(readers, end__one_that_comes_back_with_o_nonblock_is_told, .timeout = 20)
{
	struct rdma_event_channel *ch = blocking_channel();
	struct rdma_cm_id *id = id_with_event(ch);
	struct reader *r = start(ch, 1, 3);

	be_patient();
	await_away(r);
	fcntl(ch->fd, F_SETFL, O_NONBLOCK);
	util_destroy(id);
	rdma_destroy_event_channel(ch);
	cr_assert_null(util_join(r->later));
	cr_assert_eq(r->error, EBADF);
	free(r);
	util_all_gone();
}

static void *destroy(void *id)
{
	return rdma_destroy_id(id) ? id : NULL;
}

/* The reader held it for longer than anybody waits for a reader. */
Test(readers, end__who_waited_for_an_acknowledgement_says_so, .timeout = 20)
{
	struct rdma_event_channel *ch = util_channel();
	struct shim_channel *c = (struct shim_channel *)(void *)ch;
	struct rdma_cm_id *id = id_with_event(ch);
	struct rdma_cm_event *ev = util_next(ch, RDMA_CM_EVENT_ADDR_RESOLVED);
	struct later *l;
	uint64_t since = c->readers.since;

	l = util_later(destroy, id);
	cr_assert(util_still_runs(l, 60));
	succeeds(rdma_ack_cm_event(ev));
	cr_assert_null(util_join(l));
	cr_assert_gt(c->readers.since, since);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

/* ---- nobody to wait for */

/* The shortest of some tries: the machine may be busy. */
static uint64_t shortest(uint64_t (*once)(void))
{
	uint64_t best = UINT64_MAX, ms;

	be_as_usual();
	for (int i = 0; i < 20 && best > 5; i++) {
		ms = once();
		best = ms < best ? ms : best;
	}
	return best;
}

static uint64_t by_the_reader_itself(void)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = id_with_event(ch);

	util_expect(ch, RDMA_CM_EVENT_ADDR_RESOLVED);
	util_destroy(id);
	return destroy_ms(ch);
}

static uint64_t long_after(void)
{
	struct rdma_event_channel *ch = blocking_channel();
	struct rdma_cm_id *id = id_with_event(ch);
	struct reader *r = start(ch, 1, LONG_MS);
	uint64_t ms;

	await_away(r);
	util_destroy(id);
	usleep(60000);
	ms = destroy_ms(ch);
	util_join(r->later);
	free(r);
	return ms;
}

static uint64_t nobody(void)
{
	return destroy_ms(util_channel());
}

Test(readers, end__by_the_reader_itself_does_not_wait, .timeout = 20)
{
	cr_assert_leq(shortest(by_the_reader_itself), 5);
	util_all_gone();
}

Test(readers, end__long_after_the_last_event_does_not_wait, .timeout = 30)
{
	cr_assert_leq(shortest(long_after), 5);
	util_all_gone();
}

Test(readers, end__without_readers_does_not_wait, .timeout = 20)
{
	cr_assert_leq(shortest(nobody), 5);
	util_all_gone();
}

Test(readers, end__the_reader_has_gone_for_good, .timeout = 20)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = id_with_event(ch);
	struct reader *r = start(ch, 1, 0);

	be_as_usual();
	util_join(r->later); /* O_NONBLOCK: its second call has returned */
	cr_assert_eq(r->error, EAGAIN);
	util_destroy(id);
	rdma_destroy_event_channel(ch);
	free(r);
	util_all_gone();
}

/* ---- those who do not leave */

static sigjmp_buf out;

static void jump(int sig)
{
	siglongjmp(out, 1);
}

/* The thread that destroys it jumped out of its own read: it waits for itself, but not for ever. */
Test(readers, end__one_that_jumped_out_is_not_waited_for_for_ever, .timeout = 30)
{
	struct sigaction sa = { .sa_handler = jump };
	struct rdma_event_channel *ch = blocking_channel();
	struct shim_channel *c = (struct shim_channel *)(void *)ch;
	struct rdma_cm_event *ev;

	sigaction(SIGALRM, &sa, NULL);
	if (!sigsetjmp(out, 1)) {
		ualarm(100000, 0);
		rdma_get_cm_event(ch, &ev);
		cr_assert_fail("it returned");
	}
	cr_assert_eq(c->readers.word, 1, "the alarm came too soon");
	rdma_destroy_event_channel(ch);
	cr_assert_eq(c->magic, 0); /* its memory is still there */
	fails_with(EINVAL, rdma_get_cm_event(ch, &ev));
	free(c); /* by us, who know */
	util_all_gone();
}

#ifndef __SANITIZE_THREAD__
Test(readers, end__after_one_was_cancelled, .timeout = 20)
{
	struct rdma_event_channel *ch = blocking_channel();
	struct reader *r = start(ch, 0, 0);

	await_inside(ch, 1);
	pthread_cancel(*(pthread_t *)(void *)r->later);
	cr_assert_eq(util_join(r->later), PTHREAD_CANCELED);
	free(r);
	cr_assert_lt(destroy_ms(ch), 900);
	util_all_gone();
}

Test(readers, end__one_left_blocked_can_be_cancelled, .timeout = 20)
{
	struct rdma_event_channel *ch = blocking_channel();
	struct reader *r = start(ch, 0, 0);

	await_inside(ch, 1);
	rdma_destroy_event_channel(ch);
	cr_assert(util_still_runs(r->later, 20));
	pthread_cancel(*(pthread_t *)(void *)r->later);
	cr_assert_eq(util_join(r->later), PTHREAD_CANCELED);
	free(r);
	util_all_gone();
}
#endif
