// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Races between calls, events and destroy, with real threads. What must hold
 * is checked by the fake driver and client in every step; the sanitizers add
 * their own. Random calls on many ids are in test_iw_stress.c.
 */
#include "tests/core_fake.h"

#if defined(IW_DEBUG)
#define ROUNDS 2000
#else
#define ROUNDS 10000
#endif

static const struct iw_cm_conn_param no_param;

/* ------------------------------------------------ two actors, many rounds */

/*
 * A thread that does one thing to one id each round. Both sides spin, so that
 * they meet as closely as the machine allows.
 */
struct actor {
	pthread_t thread;
	int (*act)(struct iw_cm_id *id);
	struct iw_cm_id *id;
	unsigned int round, done; /* atomic; round ~0: end */
};

static void *actor_run(void *arg)
{
	struct actor *a = arg;
	unsigned int round, last = 0;

	for (;;) {
		while ((round = __atomic_load_n(&a->round, __ATOMIC_ACQUIRE)) == last)
			sched_yield();
		if (round == ~0u)
			return NULL;
		a->act(a->id);
		last = round;
		__atomic_store_n(&a->done, round, __ATOMIC_RELEASE);
	}
}

static void actor_start(struct actor *a, int (*act)(struct iw_cm_id *id))
{
	memset(a, 0, sizeof(*a));
	a->act = act;
	pthread_create(&a->thread, NULL, actor_run, a);
}

static void actor_go(struct actor *a, struct iw_cm_id *id)
{
	a->id = id;
	__atomic_store_n(&a->round, a->done + 1, __ATOMIC_RELEASE);
}

static void actor_wait(struct actor *a)
{
	while (__atomic_load_n(&a->done, __ATOMIC_ACQUIRE) != a->round)
		sched_yield();
}

static void actor_end(struct actor *a)
{
	__atomic_store_n(&a->round, ~0u, __ATOMIC_RELEASE);
	pthread_join(a->thread, NULL);
}

/* The driver's thread: it holds its own reference while it posts. */
static int post_close(struct iw_cm_id *id)
{
	int rc = fake_post(id, IW_CM_EVENT_CLOSE, 0);

	cr_assert(rc == 0 || rc == -ESHUTDOWN);
	return rc;
}

static struct client *established(const struct iw_cm_driver_ops *ops)
{
	struct client *c = client_new(ops);

	iw_cm_connect(c->id, &no_param);
	fake_post(c->id, IW_CM_EVENT_CONNECT_REPLY, 0);
	while (!client_count(c)) /* the pool delivers it */
		sched_yield();
	return c;
}

static int destroy_now(struct iw_cm_id *id)
{
	return iw_cm_destroy(id);
}

static void destroy_against_close(const struct iw_cm_driver_ops *ops, int rounds)
{
	struct actor destroyer;

	fake.defer_put = true; /* the poster is the driver: it puts when it has posted */
	actor_start(&destroyer, destroy_now);
	for (int i = 0; i < rounds; i++) {
		struct client *c = established(ops);

		actor_go(&destroyer, c->id);
		post_close(c->id);
		while (__atomic_load_n(&destroyer.done, __ATOMIC_ACQUIRE) != destroyer.round) {
			fake_put_all();
			sched_yield();
		}
		cr_assert_leq(client_saw(c, IW_CM_EVENT_CLOSE), 1);
		cr_assert_eq(c->inside, 0);
		memset(c, 0xff, sizeof(*c)); /* the context is the client's again */
		free(c);
		if (i % 64 == 63) {
			fake_check_end();
			fake.defer_put = true;
		}
	}
	actor_end(&destroyer);
	fake_check_end();
}

Test(iw_race, destroy_against_close__inline, .timeout = 120)
{
	destroy_against_close(&fake_ops, ROUNDS);
}

Test(iw_race, destroy_against_close__pool, .timeout = 120)
{
	destroy_against_close(&fake_pool_ops, ROUNDS);
}

static int detach_and_poison(struct iw_cm_id *id)
{
	struct client *c = id->context;

	if (!iw_cm_qp_detach(id))
		fake_qp_free(c->arg);
	return 0;
}

static int disconnect_now(struct iw_cm_id *id)
{
	int rc = iw_cm_disconnect(id, false);

	cr_assert_eq(rc, 0);
	return rc;
}

/* Review point 4: a QP that poisons itself when its last user should be gone. */
Test(iw_race, disconnect_against_close_and_detach__poisoned_qp, .timeout = 120)
{
	struct actor disconnecter, detacher;

	actor_start(&disconnecter, disconnect_now);
	actor_start(&detacher, detach_and_poison);
	for (int i = 0; i < ROUNDS; i++) {
		struct client *c = established(&fake_ops);

		c->arg = fake_qp_new();
		cr_assert_eq(iw_cm_qp_attach(c->id, c->arg), 0);
		actor_go(&disconnecter, c->id);
		actor_go(&detacher, c->id);
		post_close(c->id);
		actor_wait(&disconnecter);
		actor_wait(&detacher);
		cr_assert_eq(client_saw(c, IW_CM_EVENT_CLOSE), 1);
		client_free(c);
		if (i % 64 == 63)
			fake_check_end();
	}
	actor_end(&disconnecter);
	actor_end(&detacher);
	fake_check_end();
}

static int post_reply(struct iw_cm_id *id)
{
	return fake_post(id, IW_CM_EVENT_CONNECT_REPLY, 0);
}

/* Review point 14: ESTABLISHED and then CLOSE, or one failure alone. */
Test(iw_race, reply_against_disconnect__ends_once, .timeout = 120)
{
	struct actor replier;

	actor_start(&replier, post_reply);
	for (int i = 0; i < ROUNDS; i++) {
		struct client *c = client_new(&fake_ops);

		cr_assert_eq(iw_cm_connect(c->id, &no_param), 0);
		actor_go(&replier, c->id);
		cr_assert_eq(iw_cm_disconnect(c->id, false), 0);
		actor_wait(&replier);
		post_close(c->id);
		cr_assert_eq(client_count(c), 2);
		cr_assert_eq(c->events[0].type, IW_CM_EVENT_CONNECT_REPLY);
		cr_assert_eq(c->events[1].type, IW_CM_EVENT_CLOSE);
		client_free(c);
		if (i % 64 == 63)
			fake_check_end();
	}
	actor_end(&replier);
	fake_check_end();
}

static int post_response(struct iw_cm_id *id)
{
	return fake_post(id, IW_CM_EVENT_CONNECT_RESPONSE, 0);
}

/* The driver in memory: what it is told ends in the outcome that it owes. */
static void cancel_or_close(struct iw_cm_id *id, int abrupt)
{
	bool made = __atomic_load_n(&fake.count[F_ESTABLISH], __ATOMIC_ACQUIRE);

	fake_post(id, made ? IW_CM_EVENT_CLOSE : IW_CM_EVENT_CONNECT_REPLY,
		  made ? 0 : -ECONNABORTED);
}

/* Whoever comes first, the client hears of one outcome, and of one end at most. */
Test(iw_race, response_against_disconnect__one_outcome, .timeout = 120)
{
	struct actor responder;

	actor_start(&responder, post_response);
	for (int i = 0; i < ROUNDS; i++) {
		struct client *c = client_new(&fake_ops);
		struct fake_qp *qp = fake_qp_new();

		iw_cm_set_transport(c->id, IW_CM_INFINIBAND);
		if (i % 2) {
			cr_assert_eq(iw_cm_qp_attach(c->id, qp), 0);
			cr_assert_eq(iw_cm_qp_modify(c->id, IW_QP_INIT), 0);
		}
		fake.count[F_ESTABLISH] = 0;
		fake.hook[F_DISCONNECT] = cancel_or_close;
		cr_assert_eq(iw_cm_connect(c->id, &no_param), 0);
		actor_go(&responder, c->id);
		cr_assert_eq(iw_cm_disconnect(c->id, false), 0);
		actor_wait(&responder);
		cr_assert_eq(client_saw(c, IW_CM_EVENT_CONNECT_REPLY), 1);
		cr_assert_leq(client_saw(c, IW_CM_EVENT_CONNECT_RESPONSE), 1);
		cr_assert_eq(client_saw(c, IW_CM_EVENT_CLOSE),
			     c->events[client_count(c) - 1].type == IW_CM_EVENT_CLOSE);
		cr_assert_eq(iw_cm_get_state(c->id), IW_CM_IDLE);
		client_free(c);
		fake_qp_free(qp);
		if (i % 64 == 63)
			fake_check_end();
	}
	actor_end(&responder);
	fake_check_end();
}

static char group;

static int post_loss(struct iw_cm_id *id)
{
	return fake_post_member(id, &group, -EIO);
}

static int count_group(struct client *c, const struct iw_cm_event *ev)
{
	/* The client frees what the name stands for once it has left. */
	cr_assert_eq(__atomic_load_n((char *)ev->membership, __ATOMIC_ACQUIRE), 1);
	return 0;
}

Test(iw_race, leave_against_loss__nothing_after_it, .timeout = 120)
{
	const struct iw_cm_join join = { .addr = (void *)&group, .membership = &group };
	struct client *c = client_new(&fake_ops);
	struct actor loser;

	actor_start(&loser, post_loss);
	c->on_event = count_group;
	for (int i = 0; i < ROUNDS; i++) {
		__atomic_store_n(&group, 1, __ATOMIC_RELEASE);
		cr_assert_eq(iw_cm_join(c->id, &join), 0);
		actor_go(&loser, c->id);
		cr_assert_eq(iw_cm_leave(c->id, &group), 0);
		__atomic_store_n(&group, 0, __ATOMIC_RELEASE);
		actor_wait(&loser);
	}
	actor_end(&loser);
	client_free(c);
	fake_check_end();
}

static int wins; /* atomic */

static int destroy_or_lose(struct iw_cm_id *id)
{
	int rc = iw_cm_destroy(id);

	cr_assert(rc == 0 || rc == -EALREADY);
	__atomic_fetch_add(&wins, rc == 0, __ATOMIC_RELAXED);
	return rc;
}

/* Both must hold the id valid: the driver's reference does while put waits. */
Test(iw_race, destroy_against_destroy__one_wins, .timeout = 120)
{
	struct actor a, b;

	actor_start(&a, destroy_or_lose);
	actor_start(&b, destroy_or_lose);
	for (int i = 0; i < ROUNDS / 4; i++) {
		struct client *c = established(&fake_ops);
		struct iw_cm_id *id = c->id;

		wins = 0;
		fake.defer_put = true;
		actor_go(&a, id);
		actor_go(&b, id);
		/* Put only when the loser is through. */
		cr_assert(wait_for(__atomic_load_n(&a.done, __ATOMIC_ACQUIRE) == a.round ||
				   __atomic_load_n(&b.done, __ATOMIC_ACQUIRE) == b.round));
		cr_assert(wait_for(fake_gone_count(id) == 1));
		fake_put_all();
		actor_wait(&a);
		actor_wait(&b);
		cr_assert_eq(wins, 1);
		free(c);
		fake_check_end();
	}
	actor_end(&a);
	actor_end(&b);
}

/* ------------------------------------------------------------------- order */

static struct {
	pthread_mutex_t lock; /* one numbers and posts at a time */
	unsigned int posted, handled;
	struct client *c;
} line = { .lock = PTHREAD_MUTEX_INITIALIZER };

static int next_in_line(struct client *c, const struct iw_cm_event *ev)
{
	cr_assert_eq(ev->detail, line.handled);
	__atomic_store_n(&line.handled, line.handled + 1, __ATOMIC_RELEASE);
	return 0;
}

static void *post_in_line(void *arg)
{
	struct iw_cm_event ev = { .type = (enum iw_cm_event_type)(uintptr_t)arg };

	for (int i = 0; i < ROUNDS; i++) {
		pthread_mutex_lock(&line.lock);
		ev.detail = line.posted;
		if (!iw_cm_post(line.c->id, &ev)) /* else one of the kind still waits */
			line.posted++;
		pthread_mutex_unlock(&line.lock);
	}
	return NULL;
}

static void check_order(const struct iw_cm_driver_ops *ops)
{
	static const enum iw_cm_event_type types[] = { IW_CM_EVENT_ADDR, IW_CM_EVENT_ROUTE,
						       IW_CM_EVENT_ADDR_CHANGE,
						       IW_CM_EVENT_TIMEWAIT_EXIT };
	pthread_t thread[IW_ARRAY_SIZE(types)];

	line.posted = line.handled = 0;
	line.c = client_new(ops);
	line.c->on_event = next_in_line;
	for (size_t i = 0; i < IW_ARRAY_SIZE(types); i++)
		pthread_create(&thread[i], NULL, post_in_line, (void *)(uintptr_t)types[i]);
	for (size_t i = 0; i < IW_ARRAY_SIZE(types); i++)
		pthread_join(thread[i], NULL);
	cr_assert(wait_for(__atomic_load_n(&line.handled, __ATOMIC_ACQUIRE) == line.posted));
	client_free(line.c);
	fake_check_end();
}

Test(iw_race, post__from_many_threads_keeps_the_order, .timeout = 120)
{
	check_order(&fake_ops);
	check_order(&fake_pool_ops);
}

/* ------------------------------------------------------------ request storm */

struct storm {
	struct iw_cm_id *listener;
	unsigned int asked, refused, taken; /* atomic */
	int go, stop, callers;		    /* atomic */
};

static int take_or_refuse(struct client *c, const struct iw_cm_event *ev)
{
	struct storm *storm = c->arg;
	unsigned int n = __atomic_fetch_add(&storm->taken, 1, __ATOMIC_RELAXED);

	if (n % 3 == 0)
		return 1;
	if (n % 3 == 1) {
		cr_assert_eq(iw_cm_reject(ev->child, NULL, 0, 0), 0);
		return 1;
	}
	cr_assert_eq(iw_cm_accept(ev->child, &no_param), 0);
	iw_cm_request_taken(ev->child);
	cr_assert_eq(iw_cm_destroy(ev->child), 0);
	return 0;
}

static void *storm_run(void *arg)
{
	struct storm *storm = arg;
	int rc = 0;

	while (rc != -ESHUTDOWN) {
		rc = fake_request(storm->listener);
		__atomic_fetch_add(&storm->asked, 1, __ATOMIC_RELAXED);
		__atomic_fetch_add(&storm->refused, rc != 0, __ATOMIC_RELAXED);
		cr_assert(rc == 0 || rc == -EBUSY || rc == -ESHUTDOWN, "%d", rc);
	}
	__atomic_fetch_sub(&storm->callers, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void *storm_put(void *arg)
{
	struct storm *storm = arg;

	/* The driver drops its reference on the listener last of all. */
	wait_for(!__atomic_load_n(&storm->callers, __ATOMIC_ACQUIRE));
	while (!__atomic_load_n(&storm->stop, __ATOMIC_ACQUIRE)) {
		fake_put_all();
		usleep(100);
	}
	return NULL;
}

static void storm_round(const struct iw_cm_driver_ops *ops)
{
	enum {
		CALLERS = 3
	};
	struct client *c = client_new(ops);
	struct storm storm = { .listener = c->id, .callers = CALLERS };
	pthread_t caller[CALLERS], putter;
	unsigned int after;

	c->arg = &storm;
	c->on_event = take_or_refuse;
	fake.defer_put = true;
	cr_assert_eq(iw_cm_listen(c->id, 4, 4), 0);
	for (int i = 0; i < CALLERS; i++)
		pthread_create(&caller[i], NULL, storm_run, &storm);
	pthread_create(&putter, NULL, storm_put, &storm);
	wait_for(__atomic_load_n(&storm.taken, __ATOMIC_ACQUIRE) > 20);
	cr_assert_eq(iw_cm_destroy(c->id), 0);
	after = client_count(c);
	__atomic_store_n(&storm.stop, 1, __ATOMIC_RELEASE);
	for (int i = 0; i < CALLERS; i++)
		pthread_join(caller[i], NULL);
	pthread_join(putter, NULL);
	fake_put_all();
	cr_assert_eq(client_count(c), after);
	free(c);
	fake_check_end();
}

Test(iw_race, storm__while_the_listener_dies, .timeout = 120)
{
	for (int i = 0; i < 10; i++) {
		storm_round(&fake_ops);
		storm_round(&fake_pool_ops);
	}
}
