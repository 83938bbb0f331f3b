// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Calls on channels and events. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>

#include "tests/race/race.h"

static int channel_of(uint64_t dice)
{
	/* Mostly one of those that live long; a visitor's now and then. */
	int chan = (int)(dice % (4 * CHANNELS + 1));

	return chan < 4 * CHANNELS ? chan % CHANNELS : CHANNELS + (int)(dice / 16 % race.threads);
}

/* ---- retrieval */

/* A request: the child becomes anybody's, and its fate is decided, maybe. */
static void got_request(struct racer *r, int chan, struct rdma_cm_id *id)
{
	struct life *life = life_new(r, CHILD, chan);

	life->id = id;
	life->use = 1;
	__atomic_store_n(&id->context, life, __ATOMIC_RELEASE);
	if (!slot_put_anywhere(life)) {
		life->use = 0;
		if (life_claim(life))
			life_end(r, life);
		return;
	}
	op_answer_child(r, life, below(&r->noise, 20));
	life_unshare(life);
}

void got(struct racer *r, int chan, struct rdma_cm_event *ev, uint64_t began, bool keep)
{
	struct held held = oracle_got(chan, ev, began);

	if (ev->event == RDMA_CM_EVENT_CONNECT_REQUEST)
		got_request(r, chan, ev->id);
	if (keep && r->nstash < STASH)
		r->stash[r->nstash++] = held;
	else
		oracle_ack(&held);
}

void ack_all(struct racer *r)
{
	while (r->nstash)
		oracle_ack(&r->stash[--r->nstash]);
}

bool op_get(struct racer *r, uint64_t dice)
{
	static const int errnos[] = { EAGAIN, EINTR, 0 },
			 at_the_end[] = { EAGAIN, EINTR, EBADF, 0 };
	int chan = channel_of(dice);
	struct chan *c = &race.chans[chan];
	struct rdma_cm_event *ev;
	uint64_t began = tick();
	int rc;

	if (!chan_enter(chan))
		return false;
	if (chan >= CHANNELS)
		ack_all(r); /* its end waits for them, and rings for nobody */
	racer_wait(r, "rdma_get_cm_event", chan, 0);
	rc = rdma_get_cm_event(c->ch, &ev);
	racer_leave(r);
	if (legal(rc, "rdma_get_cm_event", relaxed(&c->closing) ? at_the_end : errnos))
		got(r, chan, ev, began, dice >> 40 & 1);
	chan_leave(chan);
	return true;
}

bool op_ack(struct racer *r, uint64_t dice)
{
	unsigned int i;

	if (!r->nstash)
		return false;
	i = (unsigned int)dice % r->nstash; /* in any order */
	oracle_ack(&r->stash[i]);
	r->stash[i] = r->stash[--r->nstash];
	return true;
}

/* ---- the descriptor */

bool op_toggle(struct racer *r, uint64_t dice)
{
	int chan = channel_of(dice);

	if (!chan_enter(chan))
		return false;
	chan_block(chan, dice >> 20 & 1 && dice >> 21 & 1);
	chan_leave(chan);
	return true;
}

/* As a program that polls first; another thread may be faster. */
bool op_poll(struct racer *r, uint64_t dice)
{
	int chan = channel_of(dice);
	struct pollfd pfd = { .events = POLLIN };
	bool ready;

	if (!chan_enter(chan))
		return false;
	pfd.fd = race.chans[chan].ch->fd;
	ready = poll(&pfd, 1, 0) == 1;
	if (pfd.revents & ~POLLIN)
		fail("poll says %#x", (unsigned int)pfd.revents);
	chan_leave(chan);
	return ready ? op_get(r, dice) : true;
}

/* Edges: each of an epoll of the thread's own; an edge means that something came. */
bool op_epoll(struct racer *r, uint64_t dice)
{
	struct epoll_event ev;
	int n = epoll_wait(r->epfd, &ev, 1, 0);

	if (n < 0 && errno != EINTR)
		fail("epoll_wait: %m");
	return n == 1 ? op_get(r, (dice & ~0xffull) | ev.data.u32) : true;
}

/* ---- to readers */

bool op_write(struct racer *r, uint64_t dice)
{
	struct life *life = slot_get((unsigned int)(dice % SLOTS));
	uint64_t arg;

	if (!life || !life_hold(life))
		return false;
	if (!oracle_number(life, r->index, &arg)) {
		life_let(life);
		return false;
	}
	add(&life->written[r->index], 1);
	racer_enter(r, "rdma_write_cm_event");
	if (rdma_write_cm_event(life->id, RDMA_CM_EVENT_USER, (int)(uint32_t)arg, arg))
		fail("rdma_write_cm_event: %m");
	racer_leave(r);
	life_let(life);
	return true;
}

bool op_signal(struct racer *r, uint64_t dice)
{
	struct racer *to = &race.racers[dice % race.threads];

	if (to == r)
		return false;
	pthread_kill(to->thread, dice >> 20 & 1 ? SIGUSR1 : SIGUSR2);
	return true;
}

/* ---- the end of a channel under its readers */

/* The thread reads @chan, surely from inside of the call. */
static bool is_inside(const struct racer *r, int chan)
{
	return relaxed(&r->waits_on) == chan && racer_sleeps(r, 5);
}

/* Until nobody uses it but readers that block in it. */
static void await_blocked(int chan)
{
	for (;;) {
		int inside = 0, use = __atomic_load_n(&race.chans[chan].use, __ATOMIC_ACQUIRE);

		for (unsigned int i = 0; i < race.threads && inside < use; i++)
			inside += is_inside(&race.racers[i], chan);
		if (inside >= use)
			return;
		sched_yield();
	}
}

/* They have lost their channel and wait for the end, or for a signal. */
static void release_blocked(int chan)
{
	while (__atomic_load_n(&race.chans[chan].use, __ATOMIC_ACQUIRE)) {
		for (unsigned int i = 0; i < race.threads; i++)
			if (relaxed(&race.racers[i].waits_on) == chan)
				pthread_kill(race.racers[i].thread, SIGUSR1);
		sched_yield();
	}
}

/* The thread's own channel ends, with all ids on it, and begins anew. */
bool op_guest(struct racer *r, uint64_t dice)
{
	int chan = CHANNELS + (int)r->index;

	ack_all(r);
	racer_begin(r, "rdma_destroy_event_channel");
	__atomic_store_n(&race.chans[chan].closing, true, __ATOMIC_SEQ_CST);
	chan_empty(r, chan);
	chan_silence(r, chan);
	await_blocked(chan);
	chan_empty(r, chan); /* of those that were under way to it */
	await_blocked(chan);
	rdma_destroy_event_channel(race.chans[chan].ch);
	release_blocked(chan);
	chan_open(r, chan);
	racer_begin(r, NULL);
	return true;
}
