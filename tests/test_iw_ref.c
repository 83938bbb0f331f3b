// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Birth, references and destroy, one thread at a time or nearly so. Races are
 * in test_iw_race.c.
 */
#include "base/clock.h"
#include "tests/core_fake.h"

static const struct iw_cm_conn_param no_param;
static const struct iw_cm_driver_ops *const both[] = { &fake_ops, &fake_pool_ops };

/* ------------------------------------------------------------------- birth */

Test(iw_ref, create__needs_a_driver_and_a_handler)
{
	struct iw_cm_driver_ops ops = { .name = "none" };
	struct iw_cm_id *id;

	cr_assert_eq(iw_cm_create(NULL, NULL, client_handler, NULL, &id), -EINVAL);
	cr_assert_eq(iw_cm_create(&ops, NULL, client_handler, NULL, &id), -EINVAL);
	ops.id_new = fake_ops.id_new;
	cr_assert_eq(iw_cm_create(&ops, NULL, client_handler, NULL, &id), -EINVAL);
	cr_assert_eq(iw_cm_create(&fake_ops, NULL, NULL, NULL, &id), -EINVAL);
	fake_check_end();
}

Test(iw_ref, create__error_of_the_driver_leaves_nothing)
{
	struct iw_cm_id *id = NULL;

	fake.fail[F_ID_NEW] = -EACCES;
	cr_assert_eq(iw_cm_create(&fake_ops, NULL, client_handler, NULL, &id), -EACCES);
	cr_assert_null(id);
	cr_assert_eq(fake.count[F_ID_GONE], 0);
	fake_check_end();
}

/* A passive connection from the listener to the end; the first error, or 0. */
static int whole_connection(void)
{
	struct iw_cm_id *id, *child = NULL;
	struct client *c = client_bare();
	int rc, gone;

	rc = iw_cm_create(&fake_ops, NULL, client_handler, c, &id);
	if (rc)
		goto free_client;
	rc = iw_cm_listen(id, 1, 1);
	if (rc)
		goto destroy;
	rc = fake_request(id);
	if (rc)
		goto destroy;
	child = c->child->id;
	rc = iw_cm_accept(child, &no_param);
	if (!rc)
		rc = fake_post(child, IW_CM_EVENT_ESTABLISHED, 0);
	if (!rc)
		rc = fake_post(child, IW_CM_EVENT_CLOSE, 0);
	iw_cm_destroy(child);
	free(c->child);
destroy:
	gone = iw_cm_destroy(id);
	cr_assert_eq(gone, 0);
free_client:
	free(c);
	return rc;
}

Test(iw_ref, allocation__every_failure_is_enomem_and_leaks_nothing)
{
	unsigned long n = 0;
	int rc;

	do {
		iw_fault_arm(IW_FAULT_ALLOC, ++n);
		rc = whole_connection();
		cr_assert(rc == 0 || rc == -ENOMEM, "allocation %lu: %d", n, rc);
		cr_assert_eq(rc == 0, iw_fault_passed() < n, "allocation %lu", n);
		fake_check_end();
	} while (rc);
	cr_assert_eq(n, 4); /* id, credits, child: nothing else is ever allocated */
	iw_fault_arm(0, 0);
}

Test(iw_ref, child__without_memory_returns_the_credit)
{
	struct stage stage = stage_set(S_LISTEN, &fake_ops);

	for (int i = 0; i < 20; i++) {
		iw_fault_arm(IW_FAULT_ALLOC, 1);
		cr_assert_eq(fake_request(stage.c->id), -ENOMEM);
	}
	iw_fault_arm(0, 0);
	cr_assert_eq(fake_request(stage.c->id), 0);
	client_free(stage.c->child);
	stage_clear(&stage);
	fake_check_end();
}

Test(iw_ref, ledger__each_owner_class_while_it_owns)
{
	struct client *c = client_new(&fake_ops);
	struct iw_id *id = iw_id_of(c->id);

	cr_assert_eq(iw_ref_held(id, IW_REF_CREATOR), 1);
	cr_assert_eq(iw_ref_held(id, IW_REF_DRIVER), 1);
	cr_assert_eq(iw_ref_held(id, IW_REF_DRAIN), 0);
	cr_assert_eq(iw_ref_held(id, IW_REF_OPERATION), 0);
	cr_assert_eq(iw_cm_connect(c->id, &no_param), 0);
	fake_post(c->id, IW_CM_EVENT_CONNECT_REPLY, 0);
	/* No state carries a reference. */
	cr_assert_eq(iw_ref_held(id, IW_REF_CREATOR), 1);
	cr_assert_eq(iw_ref_held(id, IW_REF_DRIVER), 1);
	cr_assert_eq(iw_ref_held(id, IW_REF_DRAIN), 0);
	cr_assert_eq(iw_ref_held(id, IW_REF_OPERATION), 0);
	client_free(c);
	fake_check_end();
}

Test(iw_ref, put__once_too_often_is_survived)
{
	struct client *c = client_new(&fake_ops);
	struct iw_id *id = iw_id_of(c->id);

	iw_lock(&id->lock);
	iw_ref_put_and_unlock(id, IW_REF_DRAIN);
	cr_assert_eq(iw_ref_held(id, IW_REF_DRAIN), 0);
	client_free(c);
	fake_check_end();
}

/* ----------------------------------------------------------------- destroy */

Test(iw_ref, destroy__in_every_state_aborts_then_tells_the_driver_once)
{
	for (int s = 0; s < S_NSITUATIONS; s++)
		for (size_t i = 0; i < IW_ARRAY_SIZE(both); i++) {
			struct stage stage = stage_set(s, both[i]);
			int abort;

			client_free(stage.c);
			abort = fake_find(F_ABORT, 0);
			if (state_of[s] == IW_CM_IDLE) {
				cr_assert_eq(abort, -1);
			} else {
				cr_assert_eq(fake.calls[abort].arg, (int)state_of[s]);
				cr_assert_gt(fake_find(F_ID_GONE, 0), abort);
			}
			cr_assert_eq(fake.count[F_ID_GONE], 1);
			if (stage.listener)
				client_free(stage.listener);
		}
	fake_check_end();
}

Test(iw_ref, destroy__without_an_abort_op_and_without_a_qp)
{
	struct iw_cm_driver_ops ops = fake_ops;
	struct stage stage;

	ops.abort = NULL;
	stage = stage_set(S_ESTABLISHED, &ops);
	stage_clear(&stage);
	cr_assert_eq(fake.count[F_ID_GONE], 1);
	cr_assert_eq(fake.count[F_MODIFY_QP], 0);
	fake_check_end();
}

static int aborted, connecting; /* atomic */
static bool cancelled;

static void silent_peer(struct iw_cm_id *id, int arg)
{
	__atomic_store_n(&connecting, 1, __ATOMIC_RELEASE);
	cancelled = wait_for(__atomic_load_n(&aborted, __ATOMIC_ACQUIRE));
}

static void cancel_silent_peer(struct iw_cm_id *id, int arg)
{
	__atomic_store_n(&aborted, 1, __ATOMIC_RELEASE);
}

static void *connect_it(void *arg)
{
	iw_cm_connect(arg, &no_param);
	return NULL;
}

Test(iw_ref, destroy__with_a_silent_peer_returns_at_once)
{
	struct client *c = client_new(&fake_ops);
	uint64_t start;
	pthread_t thread;

	/* The op itself blocks on the peer until abort cancels it. */
	fake.hook[F_CONNECT] = silent_peer;
	fake.hook[F_ABORT] = cancel_silent_peer;
	fake.fail[F_CONNECT] = -ECONNABORTED;
	pthread_create(&thread, NULL, connect_it, c->id);
	cr_assert(wait_for(__atomic_load_n(&connecting, __ATOMIC_ACQUIRE)));
	start = iw_now_ms();
	client_free(c);
	cr_assert_lt(iw_now_ms() - start, 1000);
	pthread_join(thread, NULL);
	cr_assert(cancelled);
	fake_check_end();
}

static void *destroy_it(void *arg)
{
	cr_assert_eq(iw_cm_destroy(arg), 0);
	return NULL;
}

Test(iw_ref, destroy__twice_is_already_under_way)
{
	struct client *c = client_new(&fake_ops);
	struct iw_cm_id *id = c->id;
	pthread_t thread;

	fake.defer_put = true;
	pthread_create(&thread, NULL, destroy_it, id);
	cr_assert(wait_for(fake_gone_count(id) == 1));
	cr_assert_eq(iw_cm_destroy(id), -EALREADY);
	fake_put_all();
	pthread_join(thread, NULL);
	free(c);
	fake_check_end();
}

/* ------------------------------------------ destroy from inside the handler */

static int destroy_inside(struct client *c, const struct iw_cm_event *ev)
{
	struct iw_cm_id *id = c->id;

	cr_assert_eq(iw_cm_destroy(id), 0);
	cr_assert_eq(iw_cm_destroy(id), -EALREADY);
	cr_assert_eq(iw_cm_connect(id, &no_param), -ESHUTDOWN);
	cr_assert_eq(fake_gone_count(id), 0);
	return c->ret;
}

Test(iw_ref, destroy__inside_the_own_handler_takes_effect_after_it)
{
	for (int ret = 0; ret < 2; ret++)
		for (size_t i = 0; i < IW_ARRAY_SIZE(both); i++) {
			struct stage stage = stage_set(S_ESTABLISHED, both[i]);

			stage.c->on_event = destroy_inside;
			stage.c->ret = ret;
			cr_assert_eq(fake_post(stage.c->id, IW_CM_EVENT_CLOSE, 0), 0);
			cr_assert(wait_for(
				__atomic_load_n(&fake.count[F_ID_GONE], __ATOMIC_ACQUIRE) == 1));
			cr_assert_eq(client_count(stage.c), 1);
			stage.c->id = NULL;
			fake_check_end();
			stage_clear(&stage);
		}
}

static void reply_inside(struct iw_cm_id *id, int arg)
{
	fake_post(id, IW_CM_EVENT_CONNECT_REPLY, -ECONNREFUSED);
}

Test(iw_ref, destroy__in_a_handler_inside_an_op_of_the_id)
{
	struct client *c = client_new(&fake_ops);

	fake.hook[F_CONNECT] = reply_inside;
	c->on_event = destroy_inside;
	cr_assert_eq(iw_cm_connect(c->id, &no_param), 0);
	cr_assert_eq(fake.count[F_ID_GONE], 1);
	free(c);
	fake_check_end();
}

static struct client *victim;

static int destroy_victim(struct client *c, const struct iw_cm_event *ev)
{
	cr_assert_eq(iw_cm_destroy(victim->id), 0);
	return 0;
}

static void notify_other(struct iw_cm_id *id, int arg)
{
	struct client *c = id->context;

	fake_post(((struct client *)c->arg)->id, IW_CM_EVENT_ADDR_CHANGE, 0);
}

Test(iw_ref, destroy__in_anothers_handler_inside_an_op_of_the_id)
{
	struct client *c = client_new(&fake_ops), *other = client_new(&fake_ops);

	victim = c;
	c->arg = other;
	other->on_event = destroy_victim;
	fake.hook[F_QUERY] = notify_other;
	cr_assert_eq(iw_cm_query(c->id, NULL), 0);
	free(c);
	client_free(other);
	fake_check_end();
}

static int stay_a_while(struct client *c, const struct iw_cm_event *ev)
{
	__atomic_store_n(&connecting, 1, __ATOMIC_RELEASE);
	usleep(20000);
	__atomic_store_n(&aborted, 1, __ATOMIC_RELEASE);
	return 0;
}

static void *post_notice(void *arg)
{
	fake_post(arg, IW_CM_EVENT_ADDR_CHANGE, 0);
	return NULL;
}

static void destroy_in_op(struct iw_cm_id *id, int arg)
{
	cr_assert_eq(iw_cm_destroy(id), 0);
	/* The handler on the other thread is over. */
	cr_assert_eq(__atomic_load_n(&aborted, __ATOMIC_ACQUIRE), 1);
}

Test(iw_ref, destroy__inside_an_op_waits_for_a_handler_elsewhere)
{
	struct client *c = client_new(&fake_ops);
	pthread_t thread;

	c->on_event = stay_a_while;
	pthread_create(&thread, NULL, post_notice, c->id);
	cr_assert(wait_for(__atomic_load_n(&connecting, __ATOMIC_ACQUIRE)));
	fake.hook[F_QUERY] = destroy_in_op;
	cr_assert_eq(iw_cm_query(c->id, NULL), 0);
	pthread_join(thread, NULL);
	free(c);
	fake_check_end();
}

/* --------------------------------------------- non-zero return, with a queue */

static const enum iw_cm_event_type behind[] = {
	IW_CM_EVENT_DISCONNECT,	   IW_CM_EVENT_CLOSE,	    IW_CM_EVENT_DEVICE_GONE,
	IW_CM_EVENT_TIMEWAIT_EXIT, IW_CM_EVENT_ADDR_CHANGE,
};

struct queue_plan {
	unsigned int n; /* events to queue behind the current one */
	int (*then)(struct client *c);
};

static int return_one(struct client *c)
{
	return 1;
}

static int destroy_then(struct client *c)
{
	return iw_cm_destroy(c->id);
}

static int queue_and_end(struct client *c, const struct iw_cm_event *ev)
{
	struct queue_plan *plan = c->arg;
	struct iw_cm_id *id = ev->child ? ev->child : c->id;

	for (unsigned int i = 0; i < plan->n; i++) {
		/* What is being handled may be posted again, but for DEVICE_GONE. */
		int rc = fake_post(id, behind[i], 0);

		cr_assert(rc == 0 || ev->type == IW_CM_EVENT_DEVICE_GONE);
	}
	return ev->child ? 1 : plan->then(c);
}

/* Brings an id to where @type is delivered, and posts it. */
static struct stage provoke(enum iw_cm_event_type type, const struct iw_cm_driver_ops *ops,
			    struct queue_plan *plan)
{
	static const enum situation where[] = {
		[IW_CM_EVENT_CONNECT_REQUEST] = S_LISTEN,
		[IW_CM_EVENT_CONNECT_REPLY] = S_CONN_SENT,
		[IW_CM_EVENT_ESTABLISHED] = S_ACCEPTED,
		[IW_CM_EVENT_CONNECT_RESPONSE] = S_CONN_SENT,
		[IW_CM_EVENT_MULTICAST] = S_IDLE,
		[IW_CM_EVENT_ADDRINFO] = S_IDLE,
		[IW_CM_EVENT_CLOSE] = S_ESTABLISHED,
		[IW_CM_EVENT_DEVICE_GONE] = S_CLOSING,
		[IW_CM_EVENT_ADDR] = S_IDLE,
		[IW_CM_EVENT_ROUTE] = S_IDLE,
		[IW_CM_EVENT_ADDR_CHANGE] = S_LISTEN,
		[IW_CM_EVENT_TIMEWAIT_EXIT] = S_ENDED,
	};
	const struct iw_cm_join join = { .addr = (void *)plan, .membership = plan };
	struct stage stage = stage_set(where[type], ops);

	stage.c->arg = plan;
	stage.c->on_event = queue_and_end;
	if (type == IW_CM_EVENT_CONNECT_RESPONSE)
		iw_cm_set_transport(stage.c->id, IW_CM_INFINIBAND);
	cr_assert_eq(iw_cm_join(stage.c->id, &join), 0);
	if (type == IW_CM_EVENT_CONNECT_REQUEST)
		cr_assert_eq(fake_request(stage.c->id), 0);
	else if (type == IW_CM_EVENT_MULTICAST)
		cr_assert_eq(fake_post_member(stage.c->id, plan, 0), 0);
	else
		cr_assert_eq(fake_post(stage.c->id, type, 0), 0);
	return stage;
}

static void check_nothing_after(enum iw_cm_event_type type, size_t driver, struct queue_plan *plan)
{
	struct stage stage = provoke(type, both[driver], plan);

	cr_assert(wait_for(__atomic_load_n(&fake.count[F_ID_GONE], __ATOMIC_ACQUIRE) == 1),
		  "%s with %u behind", iw_cm_event_name(type), plan->n);
	cr_assert_eq(client_count(stage.c), 1, "%s with %u behind: %u events",
		     iw_cm_event_name(type), plan->n, client_count(stage.c));
	if (type != IW_CM_EVENT_CONNECT_REQUEST) /* there it was the child */
		stage.c->id = NULL;
	stage_clear(&stage);
	fake_check_end();
}

static void check_every_event(int (*then)(struct client *c))
{
	static const unsigned int depths[] = { 0, 1, 5 };

	for (int type = 0; type < IW_CM_NEVENTS; type++)
		for (size_t d = 0; d < IW_ARRAY_SIZE(depths); d++)
			for (size_t i = 0; i < IW_ARRAY_SIZE(both); i++) {
				struct queue_plan plan = { .n = depths[d], .then = then };

				if (type != IW_CM_EVENT_DISCONNECT) /* never delivered */
					check_nothing_after(type, i, &plan);
			}
}

Test(iw_ref, nonzero__from_every_handler_with_0_1_5_events_behind)
{
	check_every_event(return_one);
}

Test(iw_ref, destroy__in_every_handler_with_0_1_5_events_behind)
{
	check_every_event(destroy_then);
}

/* A driver that cannot put before its post has returned. */
Test(iw_ref, nonzero__does_not_wait_for_the_thread_that_posted)
{
	struct stage stage = stage_set(S_ESTABLISHED, &fake_ops);

	fake.defer_put = true;
	stage.c->ret = 1;
	cr_assert_eq(fake_post(stage.c->id, IW_CM_EVENT_CLOSE, 0), 0);
	cr_assert_eq(fake.count[F_ID_GONE], 1);
	cr_assert_eq(fake_post(stage.c->id, IW_CM_EVENT_CLOSE, 0), -ESHUTDOWN);
	fake_put_all();
	stage.c->id = NULL;
	stage_clear(&stage);
	fake_check_end();
}

/* --------------------------------------------------- listener and children */

static int destroy_child(struct client *c, const struct iw_cm_event *ev)
{
	cr_assert_eq(iw_cm_destroy(ev->child), 0);
	return c->ret;
}

Test(iw_ref, destroy__of_a_child_in_its_request_handler)
{
	for (int ret = 0; ret < 2; ret++)
		for (int defer = 0; defer < 2; defer++) {
			struct stage stage = stage_set(S_LISTEN, &fake_ops);

			stage.c->on_event = destroy_child;
			stage.c->ret = ret;
			fake.defer_put = defer;
			cr_assert_eq(fake_request(stage.c->id), 0);
			cr_assert_eq(fake.count[F_ID_GONE], 1);
			fake_put_all();
			fake.defer_put = false;
			stage_clear(&stage);
			fake_check_end();
		}
}

static int destroy_listener(struct client *c, const struct iw_cm_event *ev)
{
	struct iw_cm_id *id = c->id;

	cr_assert_eq(fake_request(id), 0); /* waits behind: nobody will see it */
	cr_assert_eq(iw_cm_destroy(id), 0);
	cr_assert_eq(fake_request(id), -ESHUTDOWN);
	c->child = client_bare();
	c->child->id = ev->child;
	iw_cm_set_context(ev->child, client_handler, c->child);
	return 0;
}

Test(iw_ref, destroy__of_the_listener_in_a_request_handler_leaves_that_child)
{
	struct stage stage = stage_set(S_LISTEN, &fake_ops);

	stage.c->on_event = destroy_listener;
	cr_assert_eq(fake_request(stage.c->id), 0);
	cr_assert_eq(client_count(stage.c), 1);
	cr_assert_eq(fake.count[F_ID_GONE], 2); /* the listener and the unseen child */
	cr_assert_eq(iw_cm_accept(stage.c->child->id, &no_param), 0);
	client_free(stage.c->child);
	free(stage.c);
	fake_check_end();
}

struct held_listener {
	struct client *c;
	int entered, open, destroyed; /* atomic */
};

static int stay_in_request(struct client *c, const struct iw_cm_event *ev)
{
	struct held_listener *held = c->arg;

	__atomic_store_n(&held->entered, 1, __ATOMIC_RELEASE);
	wait_for(__atomic_load_n(&held->open, __ATOMIC_ACQUIRE));
	cr_assert_eq(__atomic_load_n(&held->destroyed, __ATOMIC_ACQUIRE), 0);
	return 1;
}

static void *request_it(void *arg)
{
	fake_request(arg);
	return NULL;
}

static void *destroy_held(void *arg)
{
	struct held_listener *held = arg;

	cr_assert_eq(iw_cm_destroy(held->c->id), 0);
	__atomic_store_n(&held->destroyed, 1, __ATOMIC_RELEASE);
	return NULL;
}

Test(iw_ref, destroy__of_a_listener_waits_for_the_request_and_refuses_the_rest)
{
	struct stage stage = stage_set(S_LISTEN, &fake_ops);
	struct held_listener held = { .c = stage.c };
	struct iw_cm_id *id = stage.c->id;
	pthread_t request, destroy;

	stage.c->arg = &held;
	stage.c->on_event = stay_in_request;
	pthread_create(&request, NULL, request_it, id);
	cr_assert(wait_for(__atomic_load_n(&held.entered, __ATOMIC_ACQUIRE)));
	for (int i = 0; i < 3; i++)
		cr_assert_eq(fake_request(id), 0);
	cr_assert_eq(fake_post(id, IW_CM_EVENT_ADDR_CHANGE, 0), 0);
	pthread_create(&destroy, NULL, destroy_held, &held);
	/* The three that nobody saw are refused while the handler still runs. */
	cr_assert(wait_for(__atomic_load_n(&fake.count[F_ID_GONE], __ATOMIC_ACQUIRE) == 3));
	cr_assert_eq(fake_request(id), -ESHUTDOWN);
	usleep(2000);
	__atomic_store_n(&held.open, 1, __ATOMIC_RELEASE);
	pthread_join(request, NULL);
	pthread_join(destroy, NULL);
	cr_assert_eq(client_count(stage.c), 1);
	cr_assert_eq(fake.count[F_ID_GONE], 5);
	free(stage.c);
	fake_check_end();
}

Test(iw_ref, post__of_a_child_on_a_listener_that_is_going_refuses_it)
{
	struct stage stage = stage_set(S_LISTEN, &fake_ops);
	struct iw_cm_event ev = { .type = IW_CM_EVENT_CONNECT_REQUEST };
	struct iw_cm_id *id = stage.c->id;
	struct iw_cm_stats a, b;
	pthread_t thread;

	cr_assert_eq(fake_child(id, &ev.child), 0);
	fake.defer_put = true;
	pthread_create(&thread, NULL, destroy_it, id);
	cr_assert(wait_for(fake_gone_count(id) == 1));
	iw_cm_get_stats(&a);
	cr_assert_eq(iw_cm_post(id, &ev), -ESHUTDOWN);
	iw_cm_get_stats(&b);
	cr_assert_eq(fake_gone_count(ev.child), 1);
	cr_assert_eq(b.requests_refused - a.requests_refused, 1);
	fake_put_all();
	pthread_join(thread, NULL);
	free(stage.c);
	fake_check_end();
}
