// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Races between calls, events and destroy, with real threads. What must hold
 * is checked by the fake driver and client in every step; the sanitizers add
 * their own. IWSHIM_SEED repeats a run of the stress.
 */
#include <time.h>

#include "tests/core_fake.h"

#if defined(IW_DEBUG)
#define ROUNDS 2000
#define STRESS_STEPS 3000
#else
#define ROUNDS 10000
#define STRESS_STEPS 60000
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

/* ----------------------------------------------------------------- stress */

enum {
	STRESS_IDS = 4,
	STRESS_THREADS = 6
};

struct stress_slot {
	pthread_rwlock_t lock; /* readers: calls; writer: destroy and create */
	struct client *c;
};

static struct stress_slot slots[STRESS_IDS];
static unsigned int stress_seed;

static int stress_event(struct client *c, const struct iw_cm_event *ev)
{
	unsigned int seed = client_count(c) + stress_seed;

	if (ev->type == IW_CM_EVENT_CONNECT_REQUEST)
		return 1;
	if (rand_r(&seed) % 8 == 0)
		iw_cm_disconnect(c->id, false);
	if (rand_r(&seed) % 16 == 0)
		iw_cm_qp_detach(c->id);
	return 0;
}

static struct client *stress_client(unsigned int *seed)
{
	struct client *c = client_bare();

	c->on_event = stress_event;
	c->arg = fake_qp_new();
	cr_assert_eq(iw_cm_create(rand_r(seed) % 2 ? &fake_ops : &fake_pool_ops, NULL,
				  client_handler, c, &c->id),
		     0);
	return c;
}

static void stress_replace(struct stress_slot *slot, unsigned int *seed)
{
	struct client *c;

	pthread_rwlock_wrlock(&slot->lock);
	c = slot->c;
	cr_assert_eq(iw_cm_destroy(c->id), 0);
	fake_qp_free(c->arg); /* poison: nobody of ours may use it any more */
	memset(c, 0xff, sizeof(*c));
	free(c);
	slot->c = stress_client(seed);
	pthread_rwlock_unlock(&slot->lock);
}

static void stress_call(struct client *c, unsigned int *seed)
{
	struct iw_cm_id *id = c->id;

	switch (rand_r(seed) % 16) {
	case 0:
	case 1:
		iw_cm_connect(id, &no_param);
		break;
	case 2:
		iw_cm_listen(id, 2, 2);
		break;
	case 3:
		fake_request(id);
		break;
	case 4:
		iw_cm_disconnect(id, rand_r(seed) % 2);
		break;
	case 5:
		iw_cm_migrate(id, NULL, NULL, NULL);
		break;
	case 6:
		iw_cm_qp_attach(id, c->arg);
		break;
	case 7:
		iw_cm_qp_detach(id);
		break;
	case 8:
		iw_cm_qp_modify(id, rand_r(seed) % IW_QP_NSTATES);
		break;
	case 9:
		iw_cm_query(id, NULL);
		break;
	default:
		fake_post(id, 1 + rand_r(seed) % (IW_CM_NEVENTS - 1), 0);
	}
}

static void *stress_run(void *arg)
{
	unsigned int seed = stress_seed + (unsigned int)(uintptr_t)arg;

	for (int i = 0; i < STRESS_STEPS; i++) {
		struct stress_slot *slot = &slots[rand_r(&seed) % STRESS_IDS];

		if (rand_r(&seed) % 16 == 0) {
			stress_replace(slot, &seed);
			continue;
		}
		pthread_rwlock_rdlock(&slot->lock);
		stress_call(slot->c, &seed);
		pthread_rwlock_unlock(&slot->lock);
	}
	return NULL;
}

Test(iw_race, stress__random_calls_events_and_destroys, .timeout = 120)
{
	const char *env = getenv("IWSHIM_SEED");
	pthread_t thread[STRESS_THREADS];

	stress_seed = env ? (unsigned int)strtoul(env, NULL, 0) : (unsigned int)time(NULL);
	printf("IWSHIM_SEED=%u\n", stress_seed);
	for (int i = 0; i < STRESS_IDS; i++) {
		unsigned int seed = stress_seed + 100 + (unsigned int)i;

		pthread_rwlock_init(&slots[i].lock, NULL);
		slots[i].c = stress_client(&seed);
	}
	for (uintptr_t i = 0; i < STRESS_THREADS; i++)
		pthread_create(&thread[i], NULL, stress_run, (void *)i);
	for (int i = 0; i < STRESS_THREADS; i++)
		pthread_join(thread[i], NULL);
	for (int i = 0; i < STRESS_IDS; i++) {
		cr_assert_eq(iw_cm_destroy(slots[i].c->id), 0);
		fake_qp_free(slots[i].c->arg);
		free(slots[i].c);
	}
	fake_check_end();
}
