// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Races that tests/race/ found, or that were found by reading for it, one by
 * one. Where one thread has to stand at a certain place while another goes on,
 * the locks of the library hold it there: such tests say nothing in builds
 * whose locks cannot be listened to.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

#include "shim/shim.h"
#include "tests/shim_util.h"

static void on_signal(int sig)
{
}

/* Again and again: the first may come before the call. */
static void interrupt_me_soon(void)
{
	struct itimerval when = { .it_value.tv_usec = 30000, .it_interval.tv_usec = 30000 };
	struct sigaction sa = { .sa_handler = on_signal };

	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &when, NULL);
}

static void interrupt_me_no_more(void)
{
	setitimer(ITIMER_REAL, &(struct itimerval){ 0 }, NULL);
}

static struct rdma_cm_id *sync_id(void)
{
	struct rdma_cm_id *id;

	succeeds(rdma_create_id(NULL, &id, NULL, RDMA_PS_TCP));
	return id;
}

static struct shim_id *shim_of(struct rdma_cm_id *id)
{
	return (struct shim_id *)(void *)id;
}

static bool is_readable(struct rdma_event_channel *ch)
{
	struct pollfd pfd = { .fd = ch->fd, .events = POLLIN };

	return poll(&pfd, 1, 0) == 1;
}

/* ---- what the program wrote, and calls that wait for something else */

static void write_to(struct rdma_cm_id *id, uint64_t arg)
{
	succeeds(rdma_write_cm_event(id, RDMA_CM_EVENT_USER, ECONNRESET, arg));
}

static void expect_written(struct rdma_cm_id *id, uint64_t arg)
{
	struct rdma_cm_event *ev = util_next(id->channel, RDMA_CM_EVENT_USER);

	cr_assert_eq(ev->param.arg, arg);
	cr_assert_eq(ev->status, ECONNRESET);
	succeeds(rdma_ack_cm_event(ev));
}

Test(race, written__is_beside_a_synchronous_call_and_stays, .timeout = 30)
{
	struct rdma_cm_id *id = sync_id();

	write_to(id, 1);
	write_to(id, 2);
	succeeds(util_resolve(id, PORT));
	cr_assert_eq(id->event->event, RDMA_CM_EVENT_ADDR_RESOLVED);
	write_to(id, 3);
	succeeds(rdma_resolve_route(id, 1000));
	cr_assert(is_readable(id->channel));
	fcntl(id->channel->fd, F_SETFL, O_NONBLOCK);
	for (uint64_t i = 1; i <= 3; i++)
		expect_written(id, i);
	util_nothing(id->channel);
	cr_assert_not(is_readable(id->channel));
	util_destroy(id);
	util_all_gone();
}

Test(race, written__survives_an_interrupted_call, .timeout = 30)
{
	struct rdma_cm_id *id = sync_id();

	fake_hold(true);
	write_to(id, 1);
	interrupt_me_soon();
	fails_with(EINTR, util_resolve(id, PORT));
	interrupt_me_no_more();
	cr_assert(is_readable(id->channel));
	expect_written(id, 1);
	util_destroy(id);
	util_all_gone();
}

static void *resolve_for_ever(void *id)
{
	util_resolve(id, PORT);
	return NULL;
}

Test(race, written__survives_a_cancelled_call, .timeout = 30)
{
	struct rdma_cm_id *id = sync_id();
	struct later *l;

	fake_hold(true);
	write_to(id, 1);
	l = util_later(resolve_for_ever, id);
	cr_assert(util_still_runs(l, 30));
	pthread_cancel(*(pthread_t *)(void *)l); /* the first member */
	cr_assert_eq(util_join(l), PTHREAD_CANCELED);
	cr_assert_not(shim_of(id)->waiting);
	cr_assert(is_readable(id->channel));
	expect_written(id, 1);
	util_destroy(id);
	util_all_gone();
}

Test(race, written__is_beside_get_request, .timeout = 30)
{
	struct rdma_event_channel *ch = util_channel();
	struct sockaddr_in addr = fake_addr(0, PORT);
	struct rdma_cm_id *listener = sync_id(), *client, *child;
	struct rdma_conn_param param = { .qp_num = 1 };

	succeeds(rdma_bind_addr(listener, (struct sockaddr *)&addr));
	succeeds(rdma_listen(listener, 1));
	client = util_client(ch, PORT);
	write_to(listener, 1);
	succeeds(rdma_connect(client, &param));
	succeeds(rdma_get_request(listener, &child));
	expect_written(listener, 1);
	util_destroy(child);
	util_destroy(client);
	util_destroy(listener);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

/* ---- what an interrupted call leaves behind */

static void resolve_fails_late(struct rdma_cm_id *id, enum iw_cm_event_type type, int rc)
{
	cr_assert_eq(rc, -1);
	cr_assert_eq(errno, EINTR);
	interrupt_me_no_more();
	fake_hold(false);
	fake_post_plain(id, type, -ETIMEDOUT);
	fake_pump(id); /* it may be tried again from here on */
}

Test(race, interrupted__address_error_is_not_the_next_calls, .timeout = 30)
{
	struct rdma_cm_id *id = sync_id();

	fake_hold(true);
	interrupt_me_soon();
	resolve_fails_late(id, IW_CM_EVENT_ADDR, util_resolve(id, PORT));
	succeeds(util_resolve(id, PORT));
	cr_assert_eq(id->event->event, RDMA_CM_EVENT_ADDR_RESOLVED);
	util_destroy(id);
	util_all_gone();
}

Test(race, interrupted__route_error_is_not_the_next_calls, .timeout = 30)
{
	struct rdma_cm_id *id = sync_id();

	succeeds(util_resolve(id, PORT));
	fake_hold(true);
	interrupt_me_soon();
	resolve_fails_late(id, IW_CM_EVENT_ROUTE, rdma_resolve_route(id, 1000));
	succeeds(rdma_resolve_route(id, 1000));
	cr_assert_eq(id->event->event, RDMA_CM_EVENT_ROUTE_RESOLVED);
	util_destroy(id);
	util_all_gone();
}

/* ---- migration */

static struct rdma_event_channel *target;

static void *migrate(void *id)
{
	return rdma_migrate_id(id, target) ? id : NULL;
}

Test(race, migrate__waits_for_the_old_channel_alone, .timeout = 30)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = util_id(ch);
	struct rdma_cm_event *old, *new;
	struct later *l;

	target = util_channel();
	write_to(id, 1);
	old = util_next(ch, RDMA_CM_EVENT_USER);
	l = util_later(migrate, id);
	cr_assert(util_still_runs(l, 30));
	write_to(id, 2);
	new = util_next(target, RDMA_CM_EVENT_USER);
	succeeds(rdma_ack_cm_event(old));
	cr_assert_not(util_still_runs(l, 10000));
	cr_assert_null(util_join(l));
	succeeds(rdma_ack_cm_event(new));
	util_destroy(id);
	rdma_destroy_event_channel(ch);
	rdma_destroy_event_channel(target);
	util_all_gone();
}

#ifdef IW_DEBUG

/* ---- one thread stands still at its locks while another reads */

static struct rdma_event_channel *channels[2];
static pthread_t held_back;
static unsigned int passes; /* atomic: of the reader over both channels */
static bool may_look;	    /* atomic: the request is off the queue of the first */
static bool reader_ends;    /* atomic */
static struct rdma_cm_id *unseen, *retrieved;
static bool too_soon; /* an event of the child came before its request */

/* What the first channel's queue begins with; nobody else is there yet. */
static struct shim_event *first_event(void)
{
	return TAILQ_FIRST(&((struct shim_channel *)(void *)channels[0])->queue);
}

/* The thread that moves the listener: lets the reader look around at each step. */
static void hold_back(enum iw_lock_step step, const struct iw_lock *lock)
{
	unsigned int from = __atomic_load_n(&passes, __ATOMIC_ACQUIRE);

	if (!pthread_equal(pthread_self(), held_back) || step != IW_LOCK_LEFT)
		return;
	if (!__atomic_load_n(&may_look, __ATOMIC_RELAXED)) {
		if (first_event() && shim_is_request(first_event()))
			return;
		__atomic_store_n(&may_look, true, __ATOMIC_RELEASE);
	}
	for (int i = 0; i < 20 && __atomic_load_n(&passes, __ATOMIC_ACQUIRE) < from + 2; i++)
		usleep(200); /* or until it seems to wait for us */
}

static void look_at(struct rdma_event_channel *ch)
{
	struct rdma_cm_event *ev;

	if (rdma_get_cm_event(ch, &ev))
		return;
	if (ev->event == RDMA_CM_EVENT_CONNECT_REQUEST)
		retrieved = ev->id;
	else if (ev->id == unseen && !retrieved)
		too_soon = true;
	rdma_ack_cm_event(ev);
}

static void *look_around(void *arg)
{
	while (!__atomic_load_n(&reader_ends, __ATOMIC_ACQUIRE)) {
		if (!__atomic_load_n(&may_look, __ATOMIC_ACQUIRE)) {
			usleep(100);
			continue;
		}
		look_at(channels[0]);
		look_at(channels[1]);
		__atomic_add_fetch(&passes, 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

/* A child that the program has not seen, with a request that waits and news behind it. */
static void begin_unseen(struct rdma_cm_id **listener, struct rdma_cm_id **client)
{
	struct rdma_conn_param param = { .qp_num = 1 };

	channels[0] = util_channel();
	channels[1] = util_channel();
	*listener = util_listen(channels[0], PORT);
	*client = util_client(channels[1], PORT);
	succeeds(rdma_connect(*client, &param));
	fake_pump(*listener);
	unseen = first_event()->ev.id;
	fake_post_plain(unseen, IW_CM_EVENT_DEVICE_GONE, 0);
	fake_pump(unseen);
}

static void end_unseen(struct later *reader, struct rdma_cm_id *client)
{
	__atomic_store_n(&iw_lock_hook, NULL, __ATOMIC_RELAXED);
	__atomic_store_n(&reader_ends, true, __ATOMIC_RELEASE);
	util_join(reader);
	cr_assert_not(too_soon);
	util_destroy(client);
}

static struct later *begin_to_look(void)
{
	struct later *reader;

	held_back = pthread_self();
	reader = util_later(look_around, NULL);
	__atomic_store_n(&iw_lock_hook, hold_back, __ATOMIC_RELAXED);
	return reader;
}

Test(race, migrate__a_request_goes_before_what_its_child_hears, .timeout = 60)
{
	struct rdma_cm_id *listener, *client;
	struct later *reader;

	begin_unseen(&listener, &client);
	reader = begin_to_look();
	succeeds(rdma_migrate_id(listener, channels[1]));
	end_unseen(reader, client);
	look_at(channels[1]);
	look_at(channels[1]);
	if (retrieved)
		util_destroy(retrieved);
	util_destroy(listener);
	rdma_destroy_event_channel(channels[0]);
	rdma_destroy_event_channel(channels[1]);
	util_all_gone();
}

/* ---- a disconnect that meets a connect of the same synchronous id */

static struct rdma_cm_id *caller;

static void *connect_it(void *arg)
{
	struct rdma_conn_param param = { .qp_num = 1 };

	return rdma_connect(caller, &param) ? (void *)(long)errno : NULL;
}

static bool is_established(struct rdma_cm_id *id)
{
	struct shim_id *priv = shim_of(id);
	bool established;

	iw_lock(&priv->lock);
	established = priv->established;
	iw_unlock(&priv->lock);
	return established;
}

/* The connecting thread knows that it is established, and has not fetched the event. */
static void be_slow(enum iw_lock_step step, const struct iw_lock *lock)
{
	if (step == IW_LOCK_WANTED && !pthread_equal(pthread_self(), held_back) &&
	    lock == &shim_of(caller)->channel->lock && is_established(caller))
		usleep(100000);
}

Test(race, disconnect__leaves_a_connect_its_event, .timeout = 30)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *listener = util_listen(ch, PORT), *child;
	struct rdma_conn_param param = { .qp_num = 1 };
	struct rdma_cm_event *ev;
	struct later *l;

	caller = sync_id();
	succeeds(util_resolve(caller, PORT));
	succeeds(rdma_resolve_route(caller, 1000));
	held_back = pthread_self();
	l = util_later(connect_it, NULL);
	while (rdma_get_cm_event(ch, &ev))
		usleep(100);
	child = ev->id;
	rdma_ack_cm_event(ev);
	__atomic_store_n(&iw_lock_hook, be_slow, __ATOMIC_RELAXED);
	succeeds(rdma_accept(child, &param));
	while (!is_established(caller))
		usleep(100);
	succeeds(rdma_disconnect(caller));
	__atomic_store_n(&iw_lock_hook, NULL, __ATOMIC_RELAXED);
	cr_assert_not(util_still_runs(l, 10000), "rdma_connect never returns");
	cr_assert_null(util_join(l));
	util_destroy(caller);
	util_destroy(child);
	util_destroy(listener);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

#endif
