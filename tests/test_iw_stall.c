// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * What the core says of a call that waits for long. In each test one thread is
 * held at a gate inside of a handler or of the driver, and another waits for it.
 */
#include "base/caller.h"
#include "tests/core_fake.h"
#include "tests/log_capture.h"

#define STALL_MS 50

static char group;

static int gate_entered, gate_open; /* atomic */

static void gate(struct iw_cm_id *id, int arg)
{
	__atomic_store_n(&gate_entered, 1, __ATOMIC_RELEASE);
	cr_assert(wait_for(__atomic_load_n(&gate_open, __ATOMIC_ACQUIRE)));
}

static int gate_in_handler(struct client *c, const struct iw_cm_event *ev)
{
	gate(c->id, 0);
	return 0;
}

/* ---- whom the others wait for */

static void *post_change(void *id)
{
	iw_caller_is("rdma_get_cm_event", NULL, NULL);
	fake_post(id, IW_CM_EVENT_ADDR_CHANGE, 0);
	return NULL;
}

static void *post_of_group(void *id)
{
	fake_post_member(id, &group, 0);
	return NULL;
}

static void *notify(void *id)
{
	iw_caller_is("rdma_notify", NULL, NULL);
	iw_cm_notify(id, 0);
	return NULL;
}

static void *modify(void *id)
{
	iw_caller_is("rdma_disconnect", NULL, NULL);
	iw_cm_qp_modify(id, IW_QP_INIT);
	return NULL;
}

static pthread_t hold(void *(*fn)(void *), struct iw_cm_id *id)
{
	pthread_t thread;

	cr_assert_eq(pthread_create(&thread, NULL, fn, id), 0);
	cr_assert(wait_for(__atomic_load_n(&gate_entered, __ATOMIC_ACQUIRE)));
	return thread;
}

/* ---- who waits */

static void describe(const void *object, char *text, size_t room)
{
	snprintf(text, room, "id <%s>", (const char *)object);
}

static void *destroy(void *id)
{
	iw_caller_is("rdma_destroy_id", "me", describe);
	return (void *)(long)iw_cm_destroy(id);
}

static void *migrate(void *id)
{
	iw_caller_is("rdma_migrate_id", "me", describe);
	return (void *)(long)iw_cm_migrate(id, NULL, NULL, NULL);
}

static void *leave(void *id)
{
	iw_caller_is("rdma_leave_multicast", "me", describe);
	return (void *)(long)iw_cm_leave(id, &group);
}

static void *detach(void *id)
{
	iw_caller_is("rdma_destroy_qp", "me", describe);
	return (void *)(long)iw_cm_qp_detach(id);
}

/* @what is said @lines times while the gate is closed, and the call succeeds when it opens. */
static void waits(void *(*call)(void *), struct iw_cm_id *id, pthread_t held, const char *what)
{
	pthread_t thread;
	void *result;

	cr_assert_eq(pthread_create(&thread, NULL, call, id), 0);
	cr_assert(captured_wait(what, 2), "not said twice: %s\n%s", what, captured());
	cr_assert_eq(captured_count(what), captured_count("has waited"), "%s", captured());
	cr_assert_leq(captured_count(what), 10, "said at each wake-up: %s", captured());
	__atomic_store_n(&gate_open, 1, __ATOMIC_RELEASE);
	if (held)
		pthread_join(held, NULL);
	else
		fake_put_all();
	pthread_join(thread, &result);
	cr_assert_null(result);
}

static struct client *begin(void)
{
	struct client *c = client_new(&fake_ops);

	capture_begin(IW_LOG_ERROR, STALL_MS);
	return c;
}

static void end(struct client *c)
{
	capture_end();
	client_free(c);
	fake_check_end();
}

/* ---- the waits */

Test(iw_stall, destroy__for_a_driver_that_keeps_the_id)
{
	struct client *c = begin();
	char who[64];

	fake.defer_put = true;
	snprintf(who, sizeof(who), "connection %p (DESTROYING)", (void *)c->id);
	waits(destroy, c->id, 0,
	      "error: rdma_destroy_id of id <me> has waited 0 s for the last users of the id: ");
	c->id = NULL;
	cr_assert_captured(who);
	cr_assert_captured(" is used by 0 event, 0 call, 1 driver\n");
	end(c);
}

Test(iw_stall, destroy__for_a_handler)
{
	struct client *c = begin();

	c->on_event = gate_in_handler;
	waits(destroy, c->id, hold(post_change, c->id),
	      "rdma_destroy_id of id <me> has waited 0 s for the last users of the id: ");
	c->id = NULL;
	cr_assert_captured(" is used by 1 event, 0 call, 1 driver; its handler runs (thread 0x");
	end(c);
}

Test(iw_stall, destroy__for_a_call_of_another_thread)
{
	struct client *c = begin();

	fake.hook[F_NOTIFY] = gate;
	waits(destroy, c->id, hold(notify, c->id),
	      "rdma_destroy_id of id <me> has waited 0 s for the last users of the id: ");
	c->id = NULL;
	cr_assert_captured(" is used by 0 event, 1 call, 1 driver; rdma_notify in it (thread 0x");
	end(c);
}

static void destroy_inside(struct iw_cm_id *id, int arg)
{
	cr_assert_eq(iw_cm_destroy(id), 0);
}

static void *set_option(void *id)
{
	iw_caller_is("rdma_set_option", "me", describe);
	return (void *)(long)(iw_cm_set_option(id, 0, 0, NULL, 0) == -ESHUTDOWN);
}

Test(iw_stall, destroy__inside_a_call_for_a_handler)
{
	struct client *c = begin();

	c->on_event = gate_in_handler;
	fake.hook[F_SET_OPTION] = destroy_inside;
	waits(set_option, c->id, hold(post_change, c->id),
	      "rdma_set_option of id <me> has waited 0 s for a handler of the id in another "
	      "thread: ");
	c->id = NULL;
	end(c);
}

Test(iw_stall, migrate__for_a_handler)
{
	struct client *c = begin();

	c->on_event = gate_in_handler;
	waits(migrate, c->id, hold(post_change, c->id),
	      "rdma_migrate_id of id <me> has waited 0 s for another migration or a handler of "
	      "the id: ");
	cr_assert_captured("(IDLE) is used by 1 event, 1 call, 1 driver; its handler runs");
	c->on_event = NULL;
	end(c);
}

Test(iw_stall, leave__for_a_handler_of_the_group)
{
	struct client *c = begin();
	struct iw_cm_join join = { .addr = (void *)&group, .flags = 1, .membership = &group };

	cr_assert_eq(iw_cm_join(c->id, &join), 0);
	c->on_event = gate_in_handler;
	waits(leave, c->id, hold(post_of_group, c->id),
	      "rdma_leave_multicast of id <me> has waited 0 s for a handler of the group's "
	      "events: ");
	c->on_event = NULL;
	end(c);
}

Test(iw_stall, detach__for_a_transition_in_another_thread)
{
	struct fake_qp *qp = fake_qp_new();
	struct client *c = begin();

	cr_assert_eq(iw_cm_qp_attach(c->id, qp), 0);
	fake.hook[F_MODIFY_QP] = gate;
	waits(detach, c->id, hold(modify, c->id),
	      "rdma_destroy_qp of id <me> has waited 0 s for the end of the QP's transition in "
	      "another thread: ");
	cr_assert_captured("; rdma_disconnect in it (thread 0x");
	end(c);
	fake_qp_free(qp);
}

Test(iw_stall, all__nothing_is_said_of_a_wait_that_ends_in_time)
{
	struct client *c = begin();
	pthread_t thread, held;

	iw_stall_ms = IW_STALL_MS;
	c->on_event = gate_in_handler;
	held = hold(post_change, c->id);
	cr_assert_eq(pthread_create(&thread, NULL, destroy, c->id), 0);
	usleep(50000);
	__atomic_store_n(&gate_open, 1, __ATOMIC_RELEASE);
	pthread_join(held, NULL);
	pthread_join(thread, NULL);
	c->id = NULL;
	cr_assert_str_eq(captured(), "");
	end(c);
}
