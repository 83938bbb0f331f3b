// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The list of an id: order, one handler at a time, records that wait once,
 * private data, the pool, and migration.
 */
#include "tests/core_fake.h"

static const struct iw_cm_conn_param no_param;
static const struct iw_cm_driver_ops *const both[] = { &fake_ops, &fake_pool_ops };

/* A gate that a handler waits at. */
struct gate {
	int entered, open; /* atomic */
};

static int wait_at_gate(struct client *c, const struct iw_cm_event *ev)
{
	struct gate *gate = c->arg;

	__atomic_store_n(&gate->entered, 1, __ATOMIC_RELEASE);
	wait_for(__atomic_load_n(&gate->open, __ATOMIC_ACQUIRE));
	return c->ret;
}

static void *post_notice(void *arg)
{
	cr_assert_eq(fake_post(arg, IW_CM_EVENT_ADDR_CHANGE, 0), 0);
	return NULL;
}

/* Starts a handler of @c that stays until the gate opens. */
static pthread_t hold(struct client *c, struct gate *gate)
{
	pthread_t thread;

	gate->entered = gate->open = 0;
	c->arg = gate;
	c->on_event = wait_at_gate;
	pthread_create(&thread, NULL, post_notice, c->id);
	cr_assert(wait_for(__atomic_load_n(&gate->entered, __ATOMIC_ACQUIRE)));
	return thread;
}

static void release(struct gate *gate, pthread_t thread)
{
	__atomic_store_n(&gate->open, 1, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
}

/* ------------------------------------------------------------------- order */

Test(iw_event, post__nobody_drains_the_poster_does)
{
	struct client *c = client_new(&fake_ops);

	cr_assert_eq(fake_post(c->id, IW_CM_EVENT_ADDR, 0), 0);
	cr_assert_eq(client_count(c), 1);
	client_free(c);
	fake_check_end();
}

Test(iw_event, post__while_a_handler_runs_returns_and_keeps_the_order)
{
	static const enum iw_cm_event_type order[] = {
		IW_CM_EVENT_ADDR_CHANGE,   IW_CM_EVENT_ROUTE,	    IW_CM_EVENT_ADDR,
		IW_CM_EVENT_TIMEWAIT_EXIT, IW_CM_EVENT_DEVICE_GONE,
	};

	for (size_t i = 0; i < IW_ARRAY_SIZE(both); i++) {
		struct client *c = client_new(both[i]);
		struct gate gate;
		pthread_t thread = hold(c, &gate);

		for (size_t e = 1; e < IW_ARRAY_SIZE(order); e++)
			cr_assert_eq(fake_post(c->id, order[e], 0), 0);
		cr_assert_eq(client_count(c), 1);
		release(&gate, thread);
		cr_assert(client_wait(c, IW_ARRAY_SIZE(order)));
		for (size_t e = 0; e < IW_ARRAY_SIZE(order); e++)
			cr_assert_eq(c->events[e].type, order[e]);
		client_free(c);
	}
	fake_check_end();
}

Test(iw_event, post__of_a_kind_that_waits_is_busy)
{
	struct client *c = client_new(&fake_ops);
	struct gate gate;
	pthread_t thread = hold(c, &gate);

	/* ADDR_CHANGE was taken off before its handler began. */
	cr_assert_eq(fake_post(c->id, IW_CM_EVENT_ADDR_CHANGE, 0), 0);
	for (int type = IW_CM_EVENT_CONNECT_REPLY; type < IW_CM_NEVENTS; type++) {
		if (type == IW_CM_EVENT_MULTICAST) /* test_iw_member.c */
			continue;
		if (type != IW_CM_EVENT_ADDR_CHANGE && type != IW_CM_EVENT_ESTABLISHED)
			cr_assert_eq(fake_post(c->id, type, 0), 0);
		cr_assert_eq(fake_post(c->id, type, 0), -EBUSY, "type %d", type);
	}
	release(&gate, thread);
	client_free(c);
	fake_check_end();
}

Test(iw_event, post__device_gone_once)
{
	struct client *c = client_new(&fake_ops);

	cr_assert_eq(fake_post(c->id, IW_CM_EVENT_DEVICE_GONE, 0), 0);
	cr_assert_eq(fake_post(c->id, IW_CM_EVENT_DEVICE_GONE, 0), -EBUSY);
	cr_assert_eq(client_count(c), 1);
	client_free(c);
	fake_check_end();
}

static int append_behind(struct client *c, const struct iw_cm_event *ev)
{
	struct iw_cm_event next = { .type = IW_CM_EVENT_ROUTE };
	bool drain = true;

	if (ev->type != IW_CM_EVENT_ADDR)
		return 0;
	cr_assert_eq(iw_cm_append(c->id, &next, &drain), 0);
	cr_assert(!drain); /* whoever runs this handler delivers it */
	return 0;
}

Test(iw_event, append__runs_no_handler_until_the_drain)
{
	struct client *c = client_new(&fake_ops);
	struct iw_cm_event ev = { .type = IW_CM_EVENT_ADDR };
	bool drain = false;

	c->on_event = append_behind;
	cr_assert_eq(iw_cm_append(c->id, &ev, &drain), 0);
	cr_assert(drain);
	cr_assert_eq(client_count(c), 0);
	ev.type = IW_CM_EVENT_ADDR_CHANGE;
	cr_assert_eq(iw_cm_append(c->id, &ev, &drain), 0);
	cr_assert(!drain); /* owed once */
	iw_cm_drain(c->id);
	cr_assert_eq(client_count(c), 3);
	cr_assert_eq(c->events[2].type, IW_CM_EVENT_ROUTE);
	client_free(c);
	fake_check_end();
}

static int post_the_same(struct client *c, const struct iw_cm_event *ev)
{
	if (client_count(c) < 4)
		cr_assert_eq(fake_post(c->id, ev->type, 0), 0);
	return 0;
}

Test(iw_event, post__from_the_handler_is_next_not_nested)
{
	struct client *c = client_new(&fake_ops);

	c->on_event = post_the_same;
	cr_assert_eq(fake_post(c->id, IW_CM_EVENT_ADDR, 0), 0);
	cr_assert_eq(client_count(c), 4);
	client_free(c);
	fake_check_end();
}

/* ------------------------------------------------------------ private data */

static int reply_again(struct client *c, const struct iw_cm_event *ev)
{
	uint8_t other[IW_CM_PRIVATE_DATA_MAX];
	struct iw_cm_event next = {
		.type = IW_CM_EVENT_CONNECT_REPLY,
		.status = -ECONNREFUSED,
		.param = { .private_data = other, .private_data_len = sizeof(other) },
	};
	const uint8_t *mine = ev->param.private_data;

	if (client_count(c) > 1)
		return 0;
	memset(other, 0x55, sizeof(other));
	cr_assert_eq(iw_cm_connect(c->id, &no_param), 0);
	cr_assert_eq(iw_cm_post(c->id, &next), 0);
	for (size_t i = 0; i < ev->param.private_data_len; i++)
		cr_assert_eq(mine[i], 0xaa);
	return 0;
}

Test(iw_event, private_data__is_the_handlers_own_while_it_runs)
{
	struct stage stage = stage_set(S_CONN_SENT, &fake_ops);
	uint8_t data[IW_CM_PRIVATE_DATA_MAX];
	struct iw_cm_event ev = {
		.type = IW_CM_EVENT_CONNECT_REPLY,
		.status = -ECONNREFUSED,
		.param = { .private_data = data, .private_data_len = sizeof(data) },
	};

	memset(data, 0xaa, sizeof(data));
	stage.c->on_event = reply_again;
	cr_assert_eq(iw_cm_post(stage.c->id, &ev), 0);
	cr_assert_eq(client_count(stage.c), 2);
	cr_assert_eq(stage.c->events[1].data[511], 0x55);
	stage_clear(&stage);
	fake_check_end();
}

Test(iw_event, private_data__of_a_request_and_of_its_parameters)
{
	struct stage stage = stage_set(S_LISTEN, &fake_ops);

	cr_assert_eq(fake_request_data(stage.c->id, "hello", 5), 0);
	cr_assert_eq(stage.c->events[0].param.private_data_len, 5);
	cr_assert_arr_eq(stage.c->events[0].data, "hello", 5);
	client_free(stage.c->child);
	stage_clear(&stage);
	fake_check_end();
}

Test(iw_event, private_data__is_dropped_where_no_record_keeps_it)
{
	struct stage stage = stage_set(S_ESTABLISHED, &fake_ops);
	struct iw_cm_event ev = {
		.type = IW_CM_EVENT_CLOSE,
		.param = { .private_data = "x", .private_data_len = 1 },
	};

	cr_assert_eq(iw_cm_post(stage.c->id, &ev), 0);
	cr_assert_eq(stage.c->events[0].param.private_data_len, 0);
	cr_assert_null(stage.c->events[0].param.private_data);
	stage_clear(&stage);
	fake_check_end();
}

/* ---------------------------------------------------------------- requests */

Test(iw_event, child__its_events_wait_for_the_request_handler)
{
	struct stage stage = stage_set(S_LISTEN, &fake_ops);
	struct iw_cm_event ev = { .type = IW_CM_EVENT_CONNECT_REQUEST };

	cr_assert_eq(fake_child(stage.c->id, &ev.child), 0);
	cr_assert_eq(fake_post(ev.child, IW_CM_EVENT_DEVICE_GONE, 0), 0);
	cr_assert_eq(client_count(stage.c), 0);
	cr_assert_eq(iw_cm_post(stage.c->id, &ev), 0);
	cr_assert_eq(client_count(stage.c), 1);
	cr_assert_eq(client_saw(stage.c->child, IW_CM_EVENT_DEVICE_GONE), 1);
	client_free(stage.c->child);
	stage_clear(&stage);
	fake_check_end();
}

Test(iw_event, requests__keep_their_order_among_the_listeners_events)
{
	struct stage stage = stage_set(S_LISTEN, &fake_ops);
	struct gate gate;
	pthread_t thread = hold(stage.c, &gate);

	cr_assert_eq(fake_request(stage.c->id), 0);
	cr_assert_eq(fake_post(stage.c->id, IW_CM_EVENT_DEVICE_GONE, 0), 0);
	cr_assert_eq(fake_request(stage.c->id), 0);
	stage.c->ret = 1; /* the children are not wanted; the listener is gone as well */
	release(&gate, thread);
	cr_assert_eq(client_count(stage.c), 1);
	stage.c->id = NULL;
	stage_clear(&stage);
	fake_check_end();
}

static void request_then_fail(struct iw_cm_id *id, int arg)
{
	cr_assert_eq(fake_request(id), 0);
}

Test(iw_event, requests__of_a_listen_that_failed_are_refused)
{
	struct client *c = client_new(&fake_ops);
	struct gate gate;
	pthread_t thread = hold(c, &gate);
	struct iw_cm_stats a, b;

	/* The request waits behind the handler; meanwhile listen fails. */
	fake.hook[F_LISTEN] = request_then_fail;
	fake.fail[F_LISTEN] = -EADDRINUSE;
	cr_assert_eq(iw_cm_listen(c->id, 1, 1), -EADDRINUSE);
	cr_assert_eq(fake.count[F_ID_GONE], 0);
	iw_cm_get_stats(&a);
	release(&gate, thread);
	iw_cm_get_stats(&b);
	cr_assert_eq(client_count(c), 1);
	cr_assert_eq(fake.count[F_ID_GONE], 1);
	cr_assert_eq(b.events_unexpected - a.events_unexpected, 1);
	cr_assert_eq(b.requests_refused - a.requests_refused, 1);
	client_free(c);
	fake_check_end();
}

/* -------------------------------------------------------------------- pool */

Test(iw_event, pool__never_runs_a_handler_on_the_poster)
{
	struct client *c = client_new(&fake_pool_ops);
	struct gate gate = { 0 };

	c->arg = &gate;
	c->on_event = wait_at_gate;
	cr_assert_eq(fake_post(c->id, IW_CM_EVENT_ADDR, 0), 0);
	cr_assert(wait_for(__atomic_load_n(&gate.entered, __ATOMIC_ACQUIRE)));
	__atomic_store_n(&gate.open, 1, __ATOMIC_RELEASE);
	client_free(c);
	fake_check_end();
}

Test(iw_event, pool__a_sleeping_handler_stalls_its_own_id_only)
{
	enum {
		N = 26
	};
	struct client *c[N];
	struct gate gate = { 0 };

	for (int i = 0; i < N; i++)
		c[i] = client_new(&fake_pool_ops);
	c[0]->arg = &gate;
	c[0]->on_event = wait_at_gate;
	fake_post(c[0]->id, IW_CM_EVENT_ADDR, 0);
	cr_assert(wait_for(__atomic_load_n(&gate.entered, __ATOMIC_ACQUIRE)));
	fake_post(c[0]->id, IW_CM_EVENT_ROUTE, 0);
	for (int i = 1; i < N; i++) {
		cr_assert_eq(fake_post(c[i]->id, IW_CM_EVENT_ADDR, 0), 0);
		cr_assert_eq(fake_post(c[i]->id, IW_CM_EVENT_ROUTE, 0), 0);
	}
	for (int i = 1; i < N; i++)
		cr_assert(client_wait(c[i], 2));
	cr_assert_eq(client_count(c[0]), 1);
	__atomic_store_n(&gate.open, 1, __ATOMIC_RELEASE);
	cr_assert(client_wait(c[0], 2));
	for (int i = 0; i < N; i++)
		client_free(c[i]);
	fake_check_end();
}

Test(iw_event, pool__no_thread_no_id)
{
	struct iw_cm_id *id;

	iw_fault_arm(IW_FAULT_SYSCALL, 1);
	cr_assert_eq(iw_cm_create(&fake_pool_ops, NULL, client_handler, NULL, &id), -EAGAIN);
	iw_fault_arm(0, 0);
	fake_check_end();
}

static int destroy_other(struct client *c, const struct iw_cm_event *ev)
{
	struct client *other = c->arg;

	/* No second thread can be had: @other waits behind this very handler. */
	iw_fault_arm(IW_FAULT_SYSCALL, 1);
	cr_assert_eq(fake_post(other->id, IW_CM_EVENT_ADDR, 0), 0);
	iw_fault_arm(0, 0);
	cr_assert_eq(iw_cm_destroy(other->id), 0);
	return 0;
}

Test(iw_event, pool__of_one_thread_destroys_an_id_that_waits_for_it)
{
	struct client *c = client_new(&fake_pool_ops), *other = client_new(&fake_pool_ops);

	c->arg = other;
	c->on_event = destroy_other;
	cr_assert_eq(fake_post(c->id, IW_CM_EVENT_ADDR, 0), 0);
	cr_assert(client_wait(c, 1));
	client_free(c);
	cr_assert_eq(client_count(other), 0);
	free(other);
	fake_check_end();
}

/* --------------------------------------------------------------- migration */

struct migration {
	struct client *c;
	int entered, go_on; /* atomic */
	unsigned int moved;
	int rc;
};

static struct migration migration;

static void migrate_hook(struct iw_cm_id *id, int arg)
{
	cr_assert_eq(migration.c->inside, 0);
	__atomic_store_n(&migration.entered, 1, __ATOMIC_RELEASE);
	wait_for(__atomic_load_n(&migration.go_on, __ATOMIC_ACQUIRE));
}

static void moved(void *arg)
{
	(*(unsigned int *)arg)++;
}

static void *migrate_it(void *arg)
{
	struct iw_cm_id *id = migration.c->id;

	__atomic_store_n(&migration.rc, iw_cm_migrate(id, NULL, moved, &migration.moved),
			 __ATOMIC_RELEASE);
	return NULL;
}

static pthread_t migration_start(struct client *c)
{
	pthread_t thread;

	memset(&migration, 0, sizeof(migration));
	migration.c = c;
	fake.hook[F_MIGRATE] = migrate_hook;
	pthread_create(&thread, NULL, migrate_it, NULL);
	return thread;
}

Test(iw_event, migrate__holds_events_back_and_lets_them_go)
{
	for (size_t i = 0; i < IW_ARRAY_SIZE(both); i++) {
		struct client *c = client_new(both[i]);
		pthread_t thread = migration_start(c);

		cr_assert(wait_for(__atomic_load_n(&migration.entered, __ATOMIC_ACQUIRE)));
		cr_assert_eq(fake_post(c->id, IW_CM_EVENT_ADDR, 0), 0);
		cr_assert_eq(fake_post(c->id, IW_CM_EVENT_ROUTE, 0), 0);
		usleep(2000);
		cr_assert_eq(client_count(c), 0);
		__atomic_store_n(&migration.go_on, 1, __ATOMIC_RELEASE);
		pthread_join(thread, NULL);
		cr_assert_eq(migration.rc, 0);
		cr_assert_eq(migration.moved, 1);
		cr_assert(client_wait(c, 2));
		client_free(c);
	}
	fake_check_end();
}

Test(iw_event, migrate__waits_for_a_running_handler_and_stops_the_drain)
{
	struct client *c = client_new(&fake_ops);
	struct gate gate;
	pthread_t handler = hold(c, &gate), thread;

	fake_post(c->id, IW_CM_EVENT_ADDR, 0);
	thread = migration_start(c);
	cr_assert(wait_for(iw_ref_held(iw_id_of(c->id), IW_REF_OPERATION) == 1));
	cr_assert_eq(__atomic_load_n(&migration.entered, __ATOMIC_ACQUIRE), 0);
	release(&gate, handler);
	cr_assert(wait_for(__atomic_load_n(&migration.entered, __ATOMIC_ACQUIRE)));
	cr_assert_eq(client_count(c), 1);
	__atomic_store_n(&migration.go_on, 1, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	cr_assert_eq(client_count(c), 2);
	client_free(c);
	fake_check_end();
}

Test(iw_event, migrate__one_after_the_other)
{
	struct client *c = client_new(&fake_ops);
	pthread_t thread = migration_start(c), second;

	cr_assert(wait_for(__atomic_load_n(&migration.entered, __ATOMIC_ACQUIRE)));
	pthread_create(&second, NULL, migrate_it, NULL);
	cr_assert(wait_for(iw_ref_held(iw_id_of(c->id), IW_REF_OPERATION) == 2));
	cr_assert_eq(__atomic_load_n(&fake.count[F_MIGRATE], __ATOMIC_RELAXED), 1);
	__atomic_store_n(&migration.go_on, 1, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	pthread_join(second, NULL);
	cr_assert_eq(migration.moved, 2);
	client_free(c);
	fake_check_end();
}

Test(iw_event, migrate__failing_does_not_move_and_events_flow)
{
	struct client *c = client_new(&fake_ops);
	unsigned int n = 0;

	fake.fail[F_MIGRATE] = -ENODEV;
	cr_assert_eq(iw_cm_migrate(c->id, NULL, moved, &n), -ENODEV);
	cr_assert_eq(n, 0);
	fake.fail[F_MIGRATE] = 0;
	cr_assert_eq(iw_cm_migrate(c->id, NULL, NULL, NULL), 0);
	cr_assert_eq(fake_post(c->id, IW_CM_EVENT_ADDR, 0), 0);
	cr_assert_eq(client_count(c), 1);
	client_free(c);
	fake_check_end();
}

static int migrate_inside(struct client *c, const struct iw_cm_event *ev)
{
	struct iw_cm_id *id = ev->child ? ev->child : c->id;

	cr_assert_eq(iw_cm_migrate(id, NULL, NULL, NULL), -EDEADLK);
	return ev->child != NULL;
}

Test(iw_event, migrate__inside_the_handler_is_a_deadlock)
{
	struct stage stage = stage_set(S_LISTEN, &fake_ops);

	stage.c->on_event = migrate_inside;
	fake_post(stage.c->id, IW_CM_EVENT_ADDR_CHANGE, 0);
	fake_request(stage.c->id);
	cr_assert_eq(client_count(stage.c), 2);
	stage_clear(&stage);
	fake_check_end();
}

Test(iw_event, migrate__gives_up_when_the_id_is_destroyed)
{
	for (int first = 0; first < 2; first++) {
		struct client *c = client_new(&fake_ops);
		struct gate gate;
		pthread_t handler = hold(c, &gate), thread, second;

		c->ret = 1; /* the handler destroys the id when it returns */
		thread = migration_start(c);
		cr_assert(wait_for(iw_ref_held(iw_id_of(c->id), IW_REF_OPERATION) == 1));
		pthread_create(&second, NULL, migrate_it, NULL);
		cr_assert(wait_for(iw_ref_held(iw_id_of(c->id), IW_REF_OPERATION) == 2));
		release(&gate, handler);
		pthread_join(thread, NULL);
		pthread_join(second, NULL);
		cr_assert_eq(migration.rc, -ESHUTDOWN);
		cr_assert_eq(migration.moved, 0);
		c->id = NULL;
		client_free(c);
	}
	fake_check_end();
}

Test(iw_event, stats__add_up)
{
	struct stage stage = stage_set(S_ESTABLISHED, &fake_ops);
	struct iw_cm_stats a, b;

	iw_cm_get_stats(&a);
	fake_post(stage.c->id, IW_CM_EVENT_DISCONNECT, 0);
	fake_post(stage.c->id, IW_CM_EVENT_CLOSE, 0);
	fake_post(stage.c->id, IW_CM_EVENT_CLOSE, 0);
	iw_cm_get_stats(&b);
	cr_assert_eq(b.events_posted - a.events_posted, 3);
	cr_assert_eq(b.events_delivered - a.events_delivered, 1);
	cr_assert_eq(b.events_unexpected - a.events_unexpected, 1);
	stage_clear(&stage);
	fake_check_end();
}
