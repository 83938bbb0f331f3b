// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The watch: rings for readers that wait where nothing is to come, and ends the
 * run if a thread stays in one call, be it that its wake-up was lost or that a
 * destroy waits for what was acknowledged.
 */
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/asleep.h"
#include "tests/race/race.h"

#define PATIENCE_MS 10000
#define RING_MS 1

static pthread_t thread;
static pthread_mutex_t looking = PTHREAD_MUTEX_INITIALIZER;
static bool stop;

void racer_wait(struct racer *r, const char *call, int chan, unsigned int signal_ms)
{
	relax(&r->since, iw_now_ms());
	relax(&r->waits_on, chan);
	relax(&r->signal_ms, signal_ms);
	__atomic_store_n(&r->at, call, __ATOMIC_RELEASE);
}

void racer_enter(struct racer *r, const char *call)
{
	racer_wait(r, call, -1, 0);
}

void racer_leave(struct racer *r)
{
	relax(&r->waits_on, -1);
	relax(&r->signal_ms, 0);
	relax(&r->since, iw_now_ms());
	relax(&r->at, r->around);
}

void racer_begin(struct racer *r, const char *operation)
{
	r->around = operation;

	racer_leave(r);
}

bool racer_sleeps(const struct racer *r, unsigned int ms)
{
	return iw_now_ms() - relaxed(&r->since) >= ms && is_asleep(relaxed(&r->tid));
}

/* ---- */

static void name_all(void)
{
	for (unsigned int i = 0; i < race.threads; i++) {
		struct racer *r = &race.racers[i];
		const char *at = __atomic_load_n(&r->at, __ATOMIC_ACQUIRE);

		printf("# thread %u: %s for %llu ms, channel %d\n", i, at ? at : "between calls",
		       (unsigned long long)(iw_now_ms() - relaxed(&r->since)),
		       relaxed(&r->waits_on));
	}
}

/* Not what goes with an id, or to another channel with it. */
static bool owes(const struct life *life)
{
	return !(relaxed(&life->where) & MOVING) && relaxed(&life->alive) >= 0 && oracle_owes(life);
}

static bool channel_owes(int chan)
{
	struct life *life;

	for (unsigned int i = 0; i < SLOTS; i++) {
		life = slot_get(i);
		if (life && life_chan(life) == chan && owes(life))
			return true;
	}
	return false;
}

/* An event where none is to come; where one is, its own wake-up has to do. */
static void ring(int chan)
{
	struct life *bell;
	uint64_t arg;

	if (!chan_enter(chan))
		return;
	bell = __atomic_load_n(&race.chans[chan].bell, __ATOMIC_ACQUIRE);
	if (!oracle_owes(bell) && !channel_owes(chan) && life_hold(bell)) {
		oracle_number(bell, THREADS_MAX, &arg);
		add(&bell->written[THREADS_MAX], 1);
		if (rdma_write_cm_event(bell->id, RDMA_CM_EVENT_USER, (int)(uint32_t)arg, arg))
			fail("rdma_write_cm_event: %m");
		life_let(bell);
	}
	chan_leave(chan);
}

static void look_at(struct racer *r)
{
	const char *at = __atomic_load_n(&r->at, __ATOMIC_ACQUIRE);
	uint64_t ms = iw_now_ms() - relaxed(&r->since);
	unsigned int signal_ms = relaxed(&r->signal_ms);
	int chan = relaxed(&r->waits_on);

	if (!at || ms > UINT32_MAX)
		return;
	if (ms > PATIENCE_MS) {
		name_all();
		fail("thread %u is in %s for ever", r->index, at);
	}
	if (ms < RING_MS)
		return;
	if (chan >= 0)
		ring(chan);
	if (signal_ms && ms >= signal_ms)
		pthread_kill(r->thread, SIGUSR1);
}

static void *watch(void *arg)
{
	struct timespec nap = { .tv_nsec = 300000 };

	while (!relaxed(&stop)) {
		pthread_mutex_lock(&looking);
		for (unsigned int i = 0; i < race.threads; i++)
			look_at(&race.racers[i]);
		pthread_mutex_unlock(&looking);
		nanosleep(&nap, NULL);
	}
	return NULL;
}

void watch_pause(bool pause)
{
	if (pause)
		pthread_mutex_lock(&looking);
	else
		pthread_mutex_unlock(&looking);
}

void watch_start(void)
{
	if (pthread_create(&thread, NULL, watch, NULL))
		fail("no thread");
}

void watch_stop(void)
{
	relax(&stop, true);
	pthread_join(thread, NULL);
}
