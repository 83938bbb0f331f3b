// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * usage: channel_race [-d fake|soft] [-s SEED] [-n OPERATIONS] [-t THREADS] [-p SECONDS]
 *
 * A seed repeats what each thread calls, in its order; with one thread, the run.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/race/race.h"

#define ROUND 1500 /* operations of a thread between two quiet points */

struct race race = { .threads = 3, .operations = 100000 };
__thread struct racer *racer;

/* Atomic: who has nothing more to do, who has stopped, and which round may begin. */
static unsigned int arrived, stopped, go;
static uint64_t began_ms;

/* ---- rounds */

static void serve(struct racer *r, int chan)
{
	struct rdma_cm_event *ev;
	uint64_t began = tick();
	int rc;

	/* Another thread may have made it block just now: then the watch rings. */
	racer_wait(r, "rdma_get_cm_event", chan, 0);
	rc = rdma_get_cm_event(race.chans[chan].ch, &ev);
	racer_leave(r);
	if (!rc)
		got(r, chan, ev, began, false);
}

/* Requests and events of others wait for nobody. */
static void serve_while_waiting(struct racer *r)
{
	while (relaxed(&arrived) < race.threads) {
		for (int i = 0; i < CHANNELS; i++) {
			if (relaxed(&race.chans[i].blocks))
				chan_block(i, false);
			else
				serve(r, i);
		}
		usleep(100);
	}
}

static bool is_late(void)
{
	return race.seconds && iw_now_ms() - began_ms > 1000ull * race.seconds;
}

static void judge(unsigned int round)
{
	watch_pause(true);
	oracle_quiet();
	sync_quiet();
	for (unsigned int i = 0; i < race.threads; i++)
		life_free_all(&race.racers[i]);
	watch_pause(false);
	if (is_late())
		race.over = true;
	yield_round(round + 1);
}

/* One thread judges while the others stand still. */
static void quiet_point(struct racer *r, unsigned int round)
{
	ack_all(r);
	add(&arrived, 1);
	serve_while_waiting(r);
	__atomic_add_fetch(&stopped, 1, __ATOMIC_ACQ_REL);
	if (r->index) {
		while (__atomic_load_n(&go, __ATOMIC_ACQUIRE) == round)
			usleep(50);
		return;
	}
	while (__atomic_load_n(&stopped, __ATOMIC_ACQUIRE) < race.threads)
		usleep(50);
	relax(&arrived, 0);
	relax(&stopped, 0);
	judge(round);
	__atomic_store_n(&go, round + 1, __ATOMIC_RELEASE);
}

static void *run(void *arg)
{
	struct racer *r = arg;
	unsigned long mine = race.operations / race.threads;

	racer = r;
	relax(&r->tid, (pid_t)syscall(SYS_gettid));
	add(&arrived, 1); /* they send signals to each other */
	while (!__atomic_load_n(&go, __ATOMIC_ACQUIRE))
		usleep(100);
	for (unsigned int round = 1; mine && !race.over; round++) {
		unsigned long n = mine < ROUND ? mine : ROUND;

		mine -= n;
		while (n--)
			plan_step(r);
		quiet_point(r, round);
	}
	return NULL;
}

/* ---- set-up */

static void on_signal(int sig)
{
}

static void take_signals(void)
{
	struct sigaction act = { .sa_handler = on_signal };

	sigaction(SIGUSR1, &act, NULL);
	act.sa_flags = SA_RESTART;
	sigaction(SIGUSR2, &act, NULL);
}

static void watch_edges(struct racer *r)
{
	r->epfd = epoll_create1(EPOLL_CLOEXEC);
	for (uint32_t i = 0; i < CHANNELS; i++) {
		struct epoll_event ev = { .events = EPOLLIN | EPOLLET, .data.u32 = i };

		epoll_ctl(r->epfd, EPOLL_CTL_ADD, race.chans[i].ch->fd, &ev);
	}
}

static void begin(void)
{
	take_signals();
	race_driver.setup();
	began_ms = iw_now_ms();
	yield_install();
	yield_round(0);
	for (unsigned int i = 0; i < race.threads; i++) {
		struct racer *r = &race.racers[i];

		r->index = i;
		r->waits_on = -1;
		rng_seed(&r->plan, race.seed, 2 * i);
		rng_seed(&r->noise, race.seed, 2 * i + 1);
	}
	for (unsigned int i = 0; i < CHANNELS + race.threads; i++)
		chan_open(&race.racers[0], (int)i);
	sync_begin();
	for (unsigned int i = 0; i < race.threads; i++)
		watch_edges(&race.racers[i]);
}

static void end(void)
{
	struct racer *r = racer = &race.racers[0];

	for (unsigned int i = 0; i < CHANNELS + race.threads; i++) {
		chan_empty(r, (int)i);
		chan_silence(r, (int)i);
		rdma_destroy_event_channel(race.chans[i].ch);
	}
	sync_end();
	for (unsigned int i = 0; i < race.threads; i++) {
		life_free_all(&race.racers[i]);
		close(race.racers[i].epfd);
	}
}

static void start_all(void)
{
	for (unsigned int i = 0; i < race.threads; i++)
		if (pthread_create(&race.racers[i].thread, NULL, run, &race.racers[i]))
			fail("no thread");
	while (relaxed(&arrived) < race.threads)
		usleep(100);
	watch_start();
	relax(&arrived, 0);
	__atomic_store_n(&go, 1, __ATOMIC_RELEASE);
}

static void race_once(void)
{
	unsigned long calls = 0;

	begin();
	start_all();
	for (unsigned int i = 0; i < race.threads; i++) {
		pthread_join(race.racers[i].thread, NULL);
		calls += race.racers[i].calls;
	}
	watch_stop();
	end();
	oracle_end();
	plan_print();
	printf("# %s: %u threads, %lu operations, %lu events, seed %llu, %.1f s\n",
	       race_driver.name, race.threads, calls, race.events, (unsigned long long)race.seed,
	       (double)(iw_now_ms() - began_ms) / 1000);
}

/* What the library keeps for good is there before the descriptors are counted. */
static void warm_up(void)
{
	struct sockaddr_in any = race_driver.addr(LISTENER, 0);
	struct sockaddr_in to = race_driver.addr(LISTENER, htons(1));
	struct rdma_event_channel *ch;
	struct rdma_cm_id *listener, *id;
	struct rdma_cm_event *ev;

	race_driver.setup();
	ch = rdma_create_event_channel();
	if (!ch || rdma_create_id(ch, &listener, NULL, RDMA_PS_TCP) ||
	    rdma_bind_addr(listener, (struct sockaddr *)&any) || rdma_listen(listener, 1) ||
	    rdma_create_id(ch, &id, NULL, RDMA_PS_TCP) ||
	    rdma_resolve_addr(id, NULL, (struct sockaddr *)&to, 2000) || rdma_get_cm_event(ch, &ev))
		fail("no connection manager: %m");
	rdma_ack_cm_event(ev);
	rdma_destroy_id(id);
	rdma_destroy_id(listener);
	rdma_destroy_event_channel(ch);
}

/* The other driver is another program. */
static void change_driver(const char *name, char **argv)
{
	bool soft = !strcmp(name, "soft");
	char path[4096];

	if (soft == race_driver.needs_qp)
		return;
	snprintf(path, sizeof(path), "%s%s", argv[0], "_soft");
	execv(path, argv);
	fail("%s: %m", path);
}

static void parse(int argc, char **argv)
{
	int o;

	race.seed = (uint64_t)time(NULL) << 16 ^ (uint64_t)getpid();
	while ((o = getopt(argc, argv, "d:s:n:t:p:")) != -1) {
		switch (o) {
		case 'd':
			change_driver(optarg, argv);
			break;
		case 's':
			race.seed = strtoull(optarg, NULL, 0);
			break;
		case 'n':
			race.operations = strtoul(optarg, NULL, 0);
			break;
		case 't':
			race.threads = (unsigned int)atoi(optarg);
			break;
		case 'p':
			race.seconds = (unsigned int)atoi(optarg);
			break;
		default:
			exit(2);
		}
	}
	if (!race.threads || race.threads > THREADS_MAX || optind < argc)
		exit(2);
}

int main(int argc, char **argv)
{
	parse(argc, argv);
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("# seed %llu\n", (unsigned long long)race.seed);
	warm_up();
	oracle_begin();
	race_once();
	return 0;
}
