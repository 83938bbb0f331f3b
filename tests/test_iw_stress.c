// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Random calls, events and destroys on a few ids of every transport, by many
 * threads. IWSHIM_SEED repeats a run.
 */
#include <time.h>

#include "tests/core_fake.h"

#if defined(IW_DEBUG)
#define STRESS_STEPS 3000
#else
#define STRESS_STEPS 60000
#endif

static const struct iw_cm_conn_param no_param;

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
	if (rand_r(&seed) % 4 == 0 && ev->membership)
		iw_cm_leave(c->id, ev->membership);
	if (rand_r(&seed) % 2 == 0 && ev->type == IW_CM_EVENT_CONNECT_RESPONSE)
		iw_cm_establish(c->id);
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
	iw_cm_set_transport(c->id, rand_r(seed) % (IW_CM_DATAGRAM + 1));
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

static void stress_member(struct iw_cm_id *id, unsigned int *seed)
{
	static char names[3];
	char *name = &names[rand_r(seed) % sizeof(names)];
	struct iw_cm_join join = { .addr = (void *)names, .membership = name };

	switch (rand_r(seed) % 3) {
	case 0:
		iw_cm_join(id, &join);
		break;
	case 1:
		iw_cm_leave(id, name);
		break;
	default:
		fake_post_member(id, name, -(int)(rand_r(seed) % 2));
	}
}

static void stress_answer(struct iw_cm_id *id, unsigned int *seed)
{
	if (rand_r(seed) % 2)
		iw_cm_establish(id);
	else
		iw_cm_reject(id, NULL, 0, 28);
}

static void stress_call(struct client *c, unsigned int *seed)
{
	struct iw_cm_id *id = c->id;

	switch (rand_r(seed) % 24) {
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
	case 10:
		stress_answer(id, seed);
		break;
	case 11:
	case 12:
	case 13:
		stress_member(id, seed);
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

Test(iw_stress, random_calls_events_and_destroys, .timeout = 120)
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
