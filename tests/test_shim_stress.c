// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Eight threads, four channels, one listener: connect, accept, reject,
 * disconnect, migrate and destroy at random, while every thread also serves
 * the channels. At the end every event has been counted and nothing is left.
 *
 * IWSHIM_STRESS_SEED repeats a run as far as threads can be repeated,
 * IWSHIM_STRESS_MS says how long it takes (1500).
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/shim_util.h"

#define THREADS 8
#define CHANNELS 4

/* What an id of ours has been told; the context of the id. */
struct life {
	struct rdma_cm_id *id;
	unsigned int addr, route, established, failed, disconnected;
	bool child;
};

struct counts {
	unsigned long attempts, requests, accepted, rejected, established, failed, disconnected;
	unsigned long migrated, child_established, child_disconnected, child_failed;
};

static struct rdma_event_channel *channels[CHANNELS];
static struct rdma_cm_id *listener;
static struct counts total;
static bool stop;
static unsigned int seed;

/* Adds one to the counter of that name. */
#define count(what) __atomic_add_fetch(&total.what, 1, __ATOMIC_RELAXED)

static unsigned int random_below(unsigned int *state, unsigned int n)
{
	return (unsigned int)rand_r(state) / 7 % n;
}

static void wrong(const char *what, struct life *life)
{
	fprintf(stderr, "seed %u: %s: addr %u route %u established %u failed %u disconnected %u\n",
		seed, what, life->addr, life->route, life->established, life->failed,
		life->disconnected);
	abort();
}

static void end_life(struct life *life)
{
	if (rdma_destroy_id(life->id))
		wrong("destroy failed", life);
	free(life);
}

/* The child's fate is decided where its request is retrieved. */
static void on_request(struct rdma_cm_event *ev, unsigned int *state)
{
	struct life *life = calloc(1, sizeof(*life));
	struct rdma_conn_param param = { .qp_num = 1 };

	count(requests);
	life->id = ev->id;
	life->child = true;
	life->id->context = life;
	rdma_ack_cm_event(ev);
	switch (random_below(state, 8)) {
	case 0:
		if (!rdma_reject(life->id, "no", 2))
			count(rejected);
		end_life(life);
		return;
	case 1:
		end_life(life);
		return;
	default:
		if (rdma_accept(life->id, &param))
			end_life(life); /* the peer has gone */
		else
			count(accepted);
	}
}

/* Children end with their connection; the active ones belong to their thread. */
static void on_event(struct rdma_cm_event *ev, unsigned int *state)
{
	struct life *life = ev->id->context;
	enum rdma_cm_event_type type = ev->event;
	bool end = false;

	if (type == RDMA_CM_EVENT_CONNECT_REQUEST) {
		on_request(ev, state);
		return;
	}
	switch (type) {
	case RDMA_CM_EVENT_ADDR_RESOLVED:
		__atomic_add_fetch(&life->addr, 1, __ATOMIC_RELEASE);
		break;
	case RDMA_CM_EVENT_ROUTE_RESOLVED:
		__atomic_add_fetch(&life->route, 1, __ATOMIC_RELEASE);
		break;
	case RDMA_CM_EVENT_ESTABLISHED:
		if (__atomic_add_fetch(&life->established, 1, __ATOMIC_RELEASE) != 1)
			wrong("established twice", life);
		count(established);
		if (life->child)
			count(child_established);
		break;
	case RDMA_CM_EVENT_DISCONNECTED:
		if (__atomic_add_fetch(&life->disconnected, 1, __ATOMIC_RELEASE) != 1)
			wrong("disconnected twice", life);
		count(disconnected);
		end = life->child;
		if (end)
			count(child_disconnected);
		break;
	default:
		if (__atomic_add_fetch(&life->failed, 1, __ATOMIC_RELEASE) != 1)
			wrong("failed twice", life);
		count(failed);
		end = life->child;
		if (end)
			count(child_failed);
		break;
	}
	rdma_ack_cm_event(ev);
	if (end)
		end_life(life);
}

static void serve(unsigned int *state)
{
	struct rdma_cm_event *ev;

	if (!rdma_get_cm_event(channels[random_below(state, CHANNELS)], &ev))
		on_event(ev, state);
	else if (errno != EAGAIN)
		abort();
	else
		sched_yield();
}

/* False if it was time to stop before @what came, or the attempt had failed. */
static bool await(struct life *life, unsigned int *what, unsigned int *state)
{
	while (!__atomic_load_n(what, __ATOMIC_ACQUIRE)) {
		if (__atomic_load_n(&life->failed, __ATOMIC_ACQUIRE))
			return false;
		serve(state);
	}
	return true;
}

static void maybe_migrate(struct life *life, unsigned int *state)
{
	if (random_below(state, 4))
		return;
	if (rdma_migrate_id(life->id, channels[random_below(state, CHANNELS)]))
		wrong("migrate failed", life);
	count(migrated);
}

/* One active connection, left at a random point. */
static void live(struct life *life, unsigned int *state)
{
	struct rdma_conn_param param = { .qp_num = 1 };
	unsigned int leave = random_below(state, 12);

	if (util_resolve(life->id, PORT))
		wrong("resolve_addr failed", life);
	if (leave == 0 || !await(life, &life->addr, state))
		return;
	maybe_migrate(life, state);
	if (rdma_resolve_route(life->id, 100))
		wrong("resolve_route failed", life);
	if (leave == 1 || !await(life, &life->route, state))
		return;
	maybe_migrate(life, state);
	if (rdma_connect(life->id, &param))
		wrong("connect failed", life);
	if (leave == 2)
		return;
	maybe_migrate(life, state);
	if (leave == 3)
		rdma_disconnect(life->id); /* while it is pending, or not any more */
	if (leave == 3 || !await(life, &life->established, state) || leave == 4)
		return;
	maybe_migrate(life, state);
	if (rdma_disconnect(life->id))
		wrong("disconnect failed", life);
	if (leave != 5)
		await(life, &life->disconnected, state);
}

static void *work(void *arg)
{
	unsigned int state = seed + (unsigned int)(uintptr_t)arg;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		struct life *life = calloc(1, sizeof(*life));

		count(attempts);
		if (rdma_create_id(channels[random_below(&state, CHANNELS)], &life->id, life,
				   RDMA_PS_TCP))
			abort();
		live(life, &state);
		end_life(life);
		for (int i = 0; i < 3; i++)
			serve(&state);
	}
	return NULL;
}

/* What the last destroys left for the children; nothing comes after that. */
static void serve_the_rest(void)
{
	unsigned int state = seed;
	struct rdma_cm_event *ev;

	for (bool more = true; more;) {
		more = false;
		for (int i = 0; i < CHANNELS; i++)
			while (!rdma_get_cm_event(channels[i], &ev)) {
				on_event(ev, &state);
				more = true;
			}
	}
}

static unsigned int from_environment(const char *name, unsigned int otherwise)
{
	const char *value = getenv(name);

	return value ? (unsigned int)strtoul(value, NULL, 0) : otherwise;
}

Test(shim, stress__shared_channels, .timeout = 300)
{
	struct later *threads[THREADS];
	struct timespec ts = { 0 };
	unsigned int ms = from_environment("IWSHIM_STRESS_MS", 1500);

	seed = from_environment("IWSHIM_STRESS_SEED", (unsigned int)time(NULL));
	for (int i = 0; i < CHANNELS; i++)
		channels[i] = util_channel();
	listener = util_listen(channels[0], PORT);
	for (uintptr_t i = 0; i < THREADS; i++)
		threads[i] = util_later(work, (void *)i);
	ts.tv_sec = ms / 1000;
	ts.tv_nsec = (long)(ms % 1000) * 1000000;
	nanosleep(&ts, NULL);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (int i = 0; i < THREADS; i++)
		util_join(threads[i]);
	serve_the_rest();
	fprintf(stderr,
		"seed %u: %lu attempts, %lu requests, %lu accepted, %lu rejected, "
		"%lu established, %lu failed, %lu disconnected, %lu migrated\n",
		seed, total.attempts, total.requests, total.accepted, total.rejected,
		total.established, total.failed, total.disconnected, total.migrated);
	util_destroy(listener);
	for (int i = 0; i < CHANNELS; i++)
		rdma_destroy_event_channel(channels[i]);
	/* An accepted child was established and ended, or failed: each told once. */
	cr_assert_gt(total.accepted, 0);
	cr_assert_eq(total.accepted, total.child_disconnected + total.child_failed);
	cr_assert_eq(total.child_established, total.child_disconnected);
	util_all_gone();
}
