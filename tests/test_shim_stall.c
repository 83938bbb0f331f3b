// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * What the log says of calls of the shim that block: of which id, for what, how
 * often, and that nothing else changes.
 */
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>

#include "shim/shim.h"
#include "tests/interrupt.h"
#include "tests/log_capture.h"
#include "tests/shim_util.h"

#define STALL_MS 50
/* The fake driver's first device. */
#define DEVICE "mock0"

static struct rdma_event_channel *blocking_channel(void)
{
	struct rdma_event_channel *ch = rdma_create_event_channel();

	cr_assert_not_null(ch);
	return ch;
}

static void begin(enum iw_log_level level)
{
	iw_log_read_environment();
	capture_begin(level, STALL_MS);
}

static void end(void)
{
	capture_end();
	util_all_gone();
}

/* ---- events that were not acknowledged: errors */

static void *destroy(void *id)
{
	errno = ENOTTY;
	return (void *)(long)(rdma_destroy_id(id) || errno != ENOTTY);
}

static void *leave(void *id)
{
	struct sockaddr_in group = fake_addr(0, 0);

	return (void *)(long)rdma_leave_multicast(id, (struct sockaddr *)&group);
}

static void *migrate(void *id)
{
	return (void *)(long)rdma_migrate_id(id, NULL);
}

/* @what is said again and again, and nothing else; then @ev is acknowledged. */
static void waits_for_ack(struct later *l, struct rdma_cm_event *ev, const char *what)
{
	cr_assert(captured_wait(what, 2), "not said twice: %s\n%s", what, captured());
	cr_assert_eq(captured_count(what), captured_count("has waited"), "%s", captured());
	cr_assert_leq(captured_count(what), 10, "%s", captured());
	succeeds(rdma_ack_cm_event(ev));
	cr_assert_null(util_join(l));
}

Test(shim_stall, destroy__names_the_id_and_its_events)
{
	struct rdma_cm_event *ev, *again;
	struct rdma_event_channel *ch;
	struct rdma_cm_id *id;
	struct later *l;
	char who[300];

	begin(IW_LOG_ERROR);
	ch = util_channel();
	id = util_id(ch);
	succeeds(util_resolve(id, PORT));
	ev = util_next(ch, RDMA_CM_EVENT_ADDR_RESOLVED);
	succeeds(rdma_write_cm_event(id, RDMA_CM_EVENT_USER, 0, 0));
	succeeds(rdma_write_cm_event(id, RDMA_CM_EVENT_USER, 0, 0));
	succeeds(rdma_ack_cm_event(util_next(ch, RDMA_CM_EVENT_USER)));
	again = util_next(ch, RDMA_CM_EVENT_USER);
	snprintf(who, sizeof(who),
		 "error: rdma_destroy_id of id %p (10.0.0.1:40000 -> 10.0.0.1:7471, " DEVICE
		 ", with its address resolved) has waited 0 s for events that rdma_get_cm_event "
		 "gave out and nobody has acknowledged by rdma_ack_cm_event: ",
		 (void *)id);
	l = util_later(destroy, id);
	cr_assert(captured_wait(": 1 x RDMA_CM_EVENT_ADDR_RESOLVED, 1 x RDMA_CM_EVENT_USER\n", 1),
		  "%s", captured());
	succeeds(rdma_ack_cm_event(again));
	waits_for_ack(l, ev, who);
	rdma_destroy_event_channel(ch);
	end();
}

Test(shim_stall, destroy__in_time_says_nothing)
{
	struct rdma_event_channel *ch;
	struct rdma_cm_event *ev;
	struct rdma_cm_id *id;
	struct later *l;

	begin(IW_LOG_WARN);
	iw_stall_ms = IW_STALL_MS;
	ch = util_channel();
	id = util_id(ch);
	succeeds(util_resolve(id, PORT));
	ev = util_next(ch, RDMA_CM_EVENT_ADDR_RESOLVED);
	l = util_later(destroy, id);
	cr_assert(util_still_runs(l, 60));
	succeeds(rdma_ack_cm_event(ev));
	cr_assert_null(util_join(l));
	cr_assert_str_eq(captured(), "");
	rdma_destroy_event_channel(ch);
	end();
}

Test(shim_stall, migrate__names_the_call)
{
	struct rdma_event_channel *ch;
	struct rdma_cm_event *ev;
	struct rdma_cm_id *id;

	begin(IW_LOG_ERROR);
	ch = util_channel();
	id = util_id(ch);
	succeeds(util_resolve(id, PORT));
	ev = util_next(ch, RDMA_CM_EVENT_ADDR_RESOLVED);
	waits_for_ack(util_later(migrate, id), ev, "error: rdma_migrate_id of id 0x");
	util_destroy(id);
	rdma_destroy_event_channel(ch);
	end();
}

Test(shim_stall, leave__names_the_events_of_the_group_alone)
{
	struct sockaddr_in group = fake_addr(0, 0);
	struct rdma_cm_event *ev, *other;
	struct rdma_event_channel *ch;
	struct rdma_cm_id *id;

	mock_verbs_transport(0, IBV_TRANSPORT_IB);
	begin(IW_LOG_ERROR);
	ch = util_channel();
	succeeds(rdma_create_id(ch, &id, NULL, RDMA_PS_UDP));
	succeeds(util_resolve(id, PORT));
	other = util_next(ch, RDMA_CM_EVENT_ADDR_RESOLVED);
	succeeds(rdma_join_multicast(id, (struct sockaddr *)&group, NULL));
	ev = util_next(ch, RDMA_CM_EVENT_MULTICAST_JOIN);
	waits_for_ack(util_later(leave, id), ev, "rdma_leave_multicast of id 0x");
	cr_assert_captured("rdma_ack_cm_event: 1 x RDMA_CM_EVENT_MULTICAST_JOIN\n");
	succeeds(rdma_ack_cm_event(other));
	util_destroy(id);
	rdma_destroy_event_channel(ch);
	end();
}

/* ---- rdma_get_cm_event: info */

static struct rdma_cm_event *got;

static void *get(void *ch)
{
	errno = ENOTTY;
	return (void *)(long)(rdma_get_cm_event(ch, &got) ? errno : 0);
}

/* Ends the wait of a thread in get() by an event of @id. */
static void give(struct later *l, struct rdma_cm_id *id)
{
	succeeds(rdma_write_cm_event(id, RDMA_CM_EVENT_USER, 0, 0));
	cr_assert_null(util_join(l));
	cr_assert_eq(got->event, RDMA_CM_EVENT_USER);
	succeeds(rdma_ack_cm_event(got));
}

Test(shim_stall, get_event__is_silent_below_info)
{
	struct rdma_event_channel *ch;
	struct rdma_cm_id *id;
	struct later *l;

	begin(IW_LOG_WARN);
	ch = blocking_channel();
	id = util_id(ch);
	l = util_later(get, ch);
	cr_assert(util_still_runs(l, 6 * STALL_MS));
	give(l, id);
	cr_assert_str_eq(captured(), "");
	util_destroy(id);
	rdma_destroy_event_channel(ch);
	end();
}

Test(shim_stall, get_event__says_where_the_ids_stand)
{
	struct rdma_cm_id *bound, *resolved, *resolving;
	struct pair p;
	struct later *l;
	char who[64];

	begin(IW_LOG_INFO);
	p = util_pair();
	bound = util_id(p.ch);
	resolved = util_client(p.ch, PORT);
	fake_hold(true);
	resolving = util_id(p.ch);
	succeeds(util_resolve(resolving, PORT));
	util_nothing(p.ch);
	fcntl(p.ch->fd, F_SETFL, 0);
	l = util_later(get, p.ch);
	snprintf(who, sizeof(who), "info: rdma_get_cm_event of channel %p has waited",
		 (void *)p.ch);
	cr_assert(captured_wait(who, 3));
	cr_assert_leq(captured_count(who), 10, "%s", captured());
	cr_assert_captured(
		" 0 s for an event; ids of its channel: 1 without an address, 1 resolving "
		"an address, 1 not connecting yet, 1 listening for clients, 2 connected\n");
	give(l, bound);
	fake_hold(false);
	util_destroy(bound);
	util_destroy(resolved);
	util_destroy(resolving);
	capture_end();
	util_end_pair(&p);
	util_all_gone();
}

Test(shim_stall, get_event__that_nothing_will_end_says_so)
{
	struct rdma_event_channel *ch, *other;
	struct rdma_cm_id *id, *elsewhere;
	struct later *l;

	begin(IW_LOG_INFO);
	ch = blocking_channel();
	other = util_channel();
	elsewhere = util_id(other);
	l = util_later(get, ch);
	cr_assert(captured_wait("ids of its channel: none; it has no ids, so no event will come\n",
				1),
		  "%s", captured());
	id = util_id(ch);
	give(l, id);
	succeeds(util_resolve(id, PORT));
	cr_assert_eq(util_expect(ch, RDMA_CM_EVENT_ADDR_RESOLVED), 0);
	fails_with(EINVAL, rdma_connect(id, NULL)); /* its outcome is waited for all the same */
	l = util_later(get, ch);
	cr_assert(captured_wait("ids of its channel: 1 with its address resolved; nothing is under "
				"way on them, so no event will come (a call that failed causes "
				"none)\n",
				1),
		  "%s", captured());
	give(l, id);
	util_destroy(id);
	util_destroy(elsewhere);
	rdma_destroy_event_channel(ch);
	rdma_destroy_event_channel(other);
	end();
}

Test(shim_stall, get_event__after_a_refusal)
{
	struct pair p;
	struct later *l;

	begin(IW_LOG_INFO);
	p = util_request();
	fcntl(p.ch->fd, F_SETFL, 0);
	l = util_later(get, p.ch);
	cr_assert(
		captured_wait("1 listening for clients, 1 waiting for the peer's answer, 1 waiting "
			      "for rdma_accept or rdma_reject\n",
			      1),
		"%s", captured());
	succeeds(rdma_reject(p.child, NULL, 0));
	cr_assert_null(util_join(l));
	cr_assert_eq(got->event, RDMA_CM_EVENT_REJECTED);
	succeeds(rdma_ack_cm_event(got));
	rdma_destroy_qp(p.child);
	util_destroy(p.child);
	util_destroy(p.listener);
	p.child = p.listener = NULL;
	l = util_later(get, p.ch);
	cr_assert(captured_wait("ids of its channel: 1 refused or failed; nothing is under way", 1),
		  "%s", captured());
	give(l, p.client);
	capture_end();
	util_end_pair(&p);
	util_all_gone();
}

static struct rdma_cm_id *doomed;

static void on_alarm(int signal)
{
}

static void *get_until_signal(void *ch)
{
	rdma_get_cm_event(ch, &got);
	return (void *)(long)errno;
}

/* The reader that nothing wakes is named; a signal ends it as it did before. */
Test(shim_stall, get_event__of_a_channel_that_was_destroyed)
{
	const struct sigaction plain = { .sa_handler = on_alarm };
	struct rdma_event_channel *ch;
	pthread_t thread;

	begin(IW_LOG_INFO);
	ch = blocking_channel();
	doomed = util_id(ch);
	sigaction(SIGUSR1, &plain, NULL);
	cr_assert_eq(pthread_create(&thread, NULL, get_until_signal, ch), 0);
	cr_assert(captured_wait("ids of its channel: 1 without an address", 1));
	util_destroy(doomed);
	rdma_destroy_event_channel(ch);
	cr_assert(
		captured_wait("info: rdma_get_cm_event has waited 0 s for the end of the process: "
			      "its channel was destroyed by rdma_destroy_event_channel while it "
			      "was inside",
			      2),
		"%s", captured());
	cr_assert_eq((long)interrupt_and_join(thread), EBADF);
	end();
}

static void *get_and_be_interrupted(void *ch)
{
	return get_until_signal(ch);
}

Test(shim_stall, get_event__a_signal_interrupts_as_before)
{
	const struct sigaction plain = { .sa_handler = on_alarm };
	struct rdma_event_channel *ch;
	pthread_t thread;

	begin(IW_LOG_INFO);
	ch = blocking_channel();
	sigaction(SIGUSR1, &plain, NULL);
	cr_assert_eq(pthread_create(&thread, NULL, get_and_be_interrupted, ch), 0);
	cr_assert(captured_wait("it has no ids", 2));
	cr_assert_eq((long)interrupt_and_join(thread), EINTR);
	rdma_destroy_event_channel(ch);
	end();
}

Test(shim_stall, get_event__a_cancelled_thread_leaves_nothing)
{
	struct rdma_event_channel *ch;
	pthread_t thread;
	void *result;

	begin(IW_LOG_INFO);
	ch = blocking_channel();
	cr_assert_eq(pthread_create(&thread, NULL, get, ch), 0);
	cr_assert(captured_wait("it has no ids", 2));
	pthread_cancel(thread);
	pthread_join(thread, &result);
	cr_assert_eq(result, PTHREAD_CANCELED);
	rdma_destroy_event_channel(ch);
	end();
}

/* ---- synchronous ids: info */

static void *request(void *listener)
{
	struct rdma_cm_id *id;

	return (void *)(long)(rdma_get_request(listener, &id) ? errno : 0);
}

static void *resolve(void *id)
{
	return (void *)(long)(util_resolve(id, PORT) ? errno : 0);
}

Test(shim_stall, synchronous__calls_name_themselves)
{
	struct sockaddr_in addr = fake_addr(0, PORT);
	struct rdma_cm_id *listener, *id;
	struct iw_cm_event ev = { .type = IW_CM_EVENT_ADDR, .status = -EHOSTUNREACH };
	struct later *l;
	char who[300];

	begin(IW_LOG_INFO);
	succeeds(rdma_create_id(NULL, &listener, NULL, RDMA_PS_TCP));
	succeeds(rdma_bind_addr(listener, (struct sockaddr *)&addr));
	succeeds(rdma_listen(listener, 1));
	snprintf(who, sizeof(who),
		 "info: rdma_get_request of id %p (10.0.0.1:7471 -> none, " DEVICE
		 ", listening for clients) has waited 0 s for an event; ids of its channel: 1 "
		 "listening for clients\n",
		 (void *)listener);
	l = util_later(request, listener);
	cr_assert(captured_wait(who, 2), "%s", captured());
	fake_post_plain(listener, IW_CM_EVENT_DEVICE_GONE, 0);
	cr_assert_eq((long)util_join(l), ENODEV);
	util_destroy(listener);

	succeeds(rdma_create_id(NULL, &id, NULL, RDMA_PS_TCP));
	fake_hold(true);
	l = util_later(resolve, id);
	cr_assert(captured_wait("info: rdma_resolve_addr of id 0x", 1), "%s", captured());
	cr_assert_captured(
		"-> 10.0.0.1:7471, no device yet, resolving an address) has waited 0 s for "
		"an event; ids of its channel: 1 resolving an address\n");
	fake_post_now(id, &ev);
	cr_assert_eq((long)util_join(l), EHOSTUNREACH);
	fake_hold(false);
	util_destroy(id);
	end();
}

/* ---- foreign libraries that do not return */

static void *look_up(void *id)
{
	return (void *)(long)(rdma_resolve_addrinfo(id, "slow.example", NULL, NULL) ? errno : 0);
}

static const char *until;

/* The name service. */
__attribute__((visibility("default"))) int getaddrinfo(const char *node, const char *service,
						       const struct addrinfo *hints,
						       struct addrinfo **result)
{
	cr_assert(captured_wait(until, 2), "%s", captured());
	return EAI_NONAME;
}

Test(shim_stall, resolve_addrinfo__names_call_and_thread)
{
	struct rdma_cm_id *id;

	begin(IW_LOG_INFO);
	succeeds(rdma_create_id(NULL, &id, NULL, RDMA_PS_TCP));
	until = "ids of its channel: 1 without an address, 1 looking up names\n";
	cr_assert_eq((long)util_join(util_later(look_up, id)), ENOENT);
	cr_assert_captured("info: rdma_resolve_addrinfo of id 0x");
	cr_assert_captured("info: rdma_getaddrinfo has waited 0 s for getaddrinfo to return");
	util_destroy(id);
	end();
}

Test(shim_stall, getaddrinfo__names_itself)
{
	struct rdma_addrinfo *info;

	begin(IW_LOG_INFO);
	until = "info: rdma_getaddrinfo has waited 0 s for getaddrinfo to return (thread 0x";
	cr_assert_eq(rdma_getaddrinfo("slow.example", NULL, NULL, &info), EAI_NONAME);
	cr_assert_captured("): the name service has not answered\n");
	cr_assert_captured(
		"warn: rdma_getaddrinfo has waited 0 s for getaddrinfo, which has returned");
	end();
}
