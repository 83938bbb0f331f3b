// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Multicast memberships: whose events go where, and that none is delivered
 * after leave has returned.
 */
#include "iwcm-core/iw_member.h"
#include "tests/core_fake.h"

static char names[4];

static int join(struct iw_cm_id *id, char *name)
{
	struct iw_cm_join join = { .addr = (void *)names, .flags = 1, .membership = name };

	return iw_cm_join(id, &join);
}

/* Nobody is left on the list of @c. */
static bool has_members(struct client *c)
{
	struct iw_id *id = iw_id_of(c->id);
	bool any;

	iw_lock(&id->lock);
	any = !TAILQ_EMPTY(&id->members);
	iw_unlock(&id->lock);
	return any;
}

/* -------------------------------------------------------------------- join */

Test(iw_member, join__needs_a_name_an_address_and_a_driver)
{
	struct client *c = client_new(&fake_ops);
	struct iw_cm_join bad = { .addr = (void *)names };

	cr_assert_eq(iw_cm_join(c->id, NULL), -EINVAL);
	cr_assert_eq(iw_cm_join(c->id, &bad), -EINVAL);
	bad = (struct iw_cm_join){ .membership = names };
	cr_assert_eq(iw_cm_join(c->id, &bad), -EINVAL);
	cr_assert_eq(iw_cm_leave(c->id, NULL), -ENOENT);
	cr_assert_eq(fake.count[F_JOIN] + fake.count[F_LEAVE], 0);
	client_free(c);
	fake_check_end();
}

Test(iw_member, join__passes_the_group_and_delivers_its_event)
{
	struct client *c = client_new(&fake_ops);
	struct iw_cm_event ev = {
		.type = IW_CM_EVENT_MULTICAST,
		.membership = &names[1],
		.param = { .qp_num = 0xffffff, .qkey = 7, .ah = { 1, 2, 3, 4 } },
	};

	cr_assert_eq(join(c->id, &names[0]), 0);
	cr_assert_eq(join(c->id, &names[1]), 0);
	cr_assert_eq(fake.calls[fake_find(F_JOIN, 2)].more, &names[1]);
	cr_assert_eq(fake.calls[fake_find(F_JOIN, 2)].arg, 1);
	cr_assert_eq(iw_cm_post(c->id, &ev), 0);
	cr_assert_eq(fake_post_member(c->id, &names[0], -ENETUNREACH), 0);
	cr_assert_eq(c->events[0].membership, &names[1]);
	cr_assert_eq(c->events[0].param.qkey, 7);
	cr_assert_eq(c->events[0].param.ah[3], 4);
	cr_assert_eq(c->events[1].membership, &names[0]);
	cr_assert_eq(c->events[1].status, -ENETUNREACH);
	client_free(c); /* both end with the id */
	fake_check_end();
}

Test(iw_member, join__twice_by_one_name)
{
	struct client *c = client_new(&fake_ops);

	cr_assert_eq(join(c->id, names), 0);
	cr_assert_eq(join(c->id, names), -EEXIST);
	cr_assert_eq(fake.count[F_JOIN], 1);
	cr_assert_eq(iw_cm_leave(c->id, names), 0);
	cr_assert_eq(join(c->id, names), 0);
	client_free(c);
	fake_check_end();
}

Test(iw_member, join__error_leaves_nothing)
{
	struct client *c = client_new(&fake_ops);

	fake.fail[F_JOIN] = -ENODEV;
	cr_assert_eq(join(c->id, names), -ENODEV);
	cr_assert(!has_members(c));
	cr_assert_eq(fake_post_member(c->id, names, 0), -ENOENT);
	cr_assert_eq(iw_cm_leave(c->id, names), -ENOENT);
	iw_fault_arm(IW_FAULT_ALLOC, 1);
	cr_assert_eq(join(c->id, names), -ENOMEM);
	iw_fault_arm(0, 0);
	cr_assert_eq(fake.count[F_JOIN], 1);
	cr_assert_eq(client_count(c), 0);
	client_free(c);
	fake_check_end();
}

Test(iw_member, join__on_an_id_that_is_going)
{
	struct client *c = client_new(&fake_ops);
	struct iw_cm_id *id = c->id;

	fake.defer_put = true;
	c->ret = 1;
	fake_post(id, IW_CM_EVENT_ADDR, 0);
	cr_assert_eq(join(id, names), -ESHUTDOWN);
	cr_assert_eq(iw_cm_leave(id, names), -ESHUTDOWN);
	cr_assert_eq(fake_post_member(id, names, 0), -ESHUTDOWN);
	fake_put_all();
	free(c);
	fake_check_end();
}

static void post_inside(struct iw_cm_id *id, int arg)
{
	cr_assert_eq(fake_post_member(id, names, 0), 0);
}

Test(iw_member, join__event_inside_the_op)
{
	struct client *c = client_new(&fake_ops);

	fake.hook[F_JOIN] = post_inside;
	cr_assert_eq(join(c->id, names), 0);
	cr_assert_eq(client_saw(c, IW_CM_EVENT_MULTICAST), 1);
	client_free(c);
	fake_check_end();
}

static int leave_it(struct client *c, const struct iw_cm_event *ev)
{
	cr_assert_eq(iw_cm_leave(c->id, ev->membership), 0);
	/* Whoever joined is still at it. */
	cr_assert_eq(iw_cm_leave(c->id, ev->membership), -ENOENT);
	cr_assert_eq(fake_post_member(c->id, ev->membership, -EIO), -ENOENT);
	return 0;
}

Test(iw_member, leave__in_the_handler_inside_join)
{
	for (int fail = 0; fail < 2; fail++) {
		struct client *c = client_new(&fake_ops);

		c->on_event = leave_it;
		fake.hook[F_JOIN] = post_inside;
		fake.fail[F_JOIN] = fail ? -EIO : 0;
		cr_assert_eq(join(c->id, names), fail ? -EIO : 0);
		cr_assert_eq(client_count(c), 1);
		cr_assert(!has_members(c));
		client_free(c);
	}
	fake_check_end();
}

/* ------------------------------------------------------------------ events */

static int post_three(struct client *c, const struct iw_cm_event *ev)
{
	if (ev->type != IW_CM_EVENT_ADDR_CHANGE)
		return 0;
	cr_assert_eq(fake_post_member(c->id, &names[0], 0), 0);
	cr_assert_eq(fake_post_member(c->id, &names[0], -EIO), 0);
	cr_assert_eq(fake_post_member(c->id, &names[0], -EIO), -EBUSY);
	cr_assert_eq(fake_post_member(c->id, &names[1], 0), 0);
	cr_assert_eq(fake_post_member(c->id, &names[2], 0), -ENOENT);
	return 0;
}

Test(iw_member, post__result_and_loss_wait_at_once)
{
	struct client *c = client_new(&fake_ops);

	cr_assert_eq(join(c->id, &names[0]), 0);
	cr_assert_eq(join(c->id, &names[1]), 0);
	c->on_event = post_three;
	fake_post(c->id, IW_CM_EVENT_ADDR_CHANGE, 0);
	cr_assert_eq(client_saw(c, IW_CM_EVENT_MULTICAST), 3);
	cr_assert_eq(c->events[1].status, 0);
	cr_assert_eq(c->events[2].status, -EIO);
	cr_assert_eq(c->events[3].membership, &names[1]);
	cr_assert_eq(fake_post_member(c->id, &names[0], 7), -EINVAL);
	client_free(c);
	fake_check_end();
}

static int queue_and_leave(struct client *c, const struct iw_cm_event *ev)
{
	cr_assert_eq(fake_post_member(c->id, &names[0], 0), 0);
	cr_assert_eq(fake_post_member(c->id, &names[1], 0), 0);
	cr_assert_eq(fake_post_member(c->id, &names[0], -EIO), 0);
	c->on_event = NULL;
	cr_assert_eq(iw_cm_leave(c->id, &names[0]), 0);
	return 0;
}

Test(iw_member, leave__takes_back_what_waits_and_nothing_else)
{
	struct client *c = client_new(&fake_ops);

	cr_assert_eq(join(c->id, &names[0]), 0);
	cr_assert_eq(join(c->id, &names[1]), 0);
	c->on_event = queue_and_leave;
	fake_post(c->id, IW_CM_EVENT_ADDR_CHANGE, 0);
	cr_assert_eq(client_count(c), 2);
	cr_assert_eq(c->events[1].membership, &names[1]);
	client_free(c);
	fake_check_end();
}

static int queue_and_destroy(struct client *c, const struct iw_cm_event *ev)
{
	cr_assert_eq(fake_post_member(c->id, &names[0], 0), 0);
	cr_assert_eq(fake_post_member(c->id, &names[0], -EIO), 0);
	return 1;
}

Test(iw_member, destroy__discards_what_waits)
{
	struct client *c = client_new(&fake_ops);

	cr_assert_eq(join(c->id, &names[0]), 0);
	c->on_event = queue_and_destroy;
	fake_post(c->id, IW_CM_EVENT_ADDR_CHANGE, 0);
	cr_assert_eq(client_count(c), 1);
	cr_assert_eq(fake.count[F_LEAVE], 0); /* id_gone says it */
	free(c);
	fake_check_end();
}

/* ------------------------------------------------------------------- leave */

Test(iw_member, leave__error_of_the_driver_ends_it_too)
{
	struct client *c = client_new(&fake_ops);

	cr_assert_eq(join(c->id, names), 0);
	fake.fail[F_LEAVE] = -EIO;
	cr_assert_eq(iw_cm_leave(c->id, names), -EIO);
	cr_assert_eq(fake.calls[fake_find(F_LEAVE, 0)].more, names);
	cr_assert_eq(fake_post_member(c->id, names, 0), -ENOENT);
	client_free(c);
	fake_check_end();
}

static int entered, open_gate, left; /* atomic */

static int stay(struct client *c, const struct iw_cm_event *ev)
{
	__atomic_store_n(&entered, 1, __ATOMIC_RELEASE);
	wait_for(__atomic_load_n(&open_gate, __ATOMIC_ACQUIRE));
	usleep(2000);
	cr_assert_eq(__atomic_load_n(&left, __ATOMIC_ACQUIRE), 0);
	return c->ret;
}

static void *post_one(void *arg)
{
	fake_post_member(arg, &names[0], 0);
	return NULL;
}

static void *leave_zero(void *arg)
{
	cr_assert_eq(iw_cm_leave(arg, &names[0]), 0);
	__atomic_store_n(&left, 1, __ATOMIC_RELEASE);
	return NULL;
}

/* A handler for the first name runs on another thread. */
static pthread_t hold(struct client *c)
{
	pthread_t thread;

	entered = open_gate = left = 0;
	cr_assert_eq(join(c->id, &names[0]), 0);
	cr_assert_eq(join(c->id, &names[1]), 0);
	c->on_event = stay;
	pthread_create(&thread, NULL, post_one, c->id);
	cr_assert(wait_for(__atomic_load_n(&entered, __ATOMIC_ACQUIRE)));
	return thread;
}

Test(iw_member, leave__waits_for_the_handler_of_its_member_alone)
{
	struct client *c = client_new(&fake_ops);
	pthread_t handler = hold(c), leaver;

	/* Another member's is none of its business. */
	cr_assert_eq(iw_cm_leave(c->id, &names[1]), 0);
	pthread_create(&leaver, NULL, leave_zero, c->id);
	cr_assert(wait_for(__atomic_load_n(&fake.count[F_LEAVE], __ATOMIC_ACQUIRE) == 2));
	cr_assert_eq(iw_cm_leave(c->id, &names[0]), -ENOENT);
	cr_assert_eq(join(c->id, &names[0]), -EEXIST);
	__atomic_store_n(&open_gate, 1, __ATOMIC_RELEASE);
	pthread_join(leaver, NULL);
	pthread_join(handler, NULL);
	cr_assert(!has_members(c));
	client_free(c);
	fake_check_end();
}

Test(iw_member, leave__while_the_id_is_destroyed)
{
	struct client *c = client_new(&fake_ops);
	pthread_t handler = hold(c), leaver;

	c->ret = 1; /* the handler destroys the id */
	pthread_create(&leaver, NULL, leave_zero, c->id);
	cr_assert(wait_for(__atomic_load_n(&fake.count[F_LEAVE], __ATOMIC_ACQUIRE) == 1));
	__atomic_store_n(&open_gate, 1, __ATOMIC_RELEASE);
	pthread_join(leaver, NULL);
	pthread_join(handler, NULL);
	free(c);
	fake_check_end();
}

static int queue_behind(struct client *c, const struct iw_cm_event *ev)
{
	if (ev->type == IW_CM_EVENT_ADDR_CHANGE) {
		cr_assert_eq(fake_post_member(c->id, &names[0], 0), 0);
		cr_assert_eq(iw_cm_leave(c->id, &names[0]), 0);
	}
	return 0;
}

static void destroy_inside(struct iw_cm_id *id, int arg)
{
	cr_assert_eq(iw_cm_destroy(id), 0);
}

Test(iw_member, leave__destroyed_inside_the_op)
{
	struct client *c = client_new(&fake_ops);

	cr_assert_eq(join(c->id, &names[0]), 0);
	c->on_event = queue_behind;
	fake.hook[F_LEAVE] = destroy_inside;
	fake_post(c->id, IW_CM_EVENT_ADDR_CHANGE, 0);
	cr_assert_eq(client_count(c), 1);
	free(c);
	fake_check_end();
}

/* In every state: also where a connection is. */
Test(iw_member, join__in_every_situation)
{
	for (int s = 0; s < S_NSITUATIONS; s++) {
		struct stage stage = stage_set(s, &fake_ops);

		cr_assert_eq(join(stage.c->id, names), 0);
		cr_assert_eq(fake_post_member(stage.c->id, names, 0), 0);
		cr_assert_eq(client_saw(stage.c, IW_CM_EVENT_MULTICAST), 1);
		cr_assert_eq(iw_cm_leave(stage.c->id, names), 0);
		stage_clear(&stage);
	}
	fake_check_end();
}
