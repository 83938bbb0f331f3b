// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Synchronous ids: a thread's own, under signals, with events of the program's
 * among those that the calls wait for; and one listener that all threads ask for
 * requests. What the program wrote is there in the end, in order.
 */
#include <errno.h>
#include <fcntl.h>

#include "tests/race/race.h"

#define CONNECT_MS 20 /* then a signal ends it: nobody may be there to accept */

/* Atomic. */
static unsigned int ep_written, ep_told;
static bool connecting; /* one at a time, so that the others can accept */

static void write_to(struct rdma_cm_id *id, unsigned int n)
{
	/* A status that a call must not take for its own. */
	if (rdma_write_cm_event(id, RDMA_CM_EVENT_USER, ECONNRESET, n))
		fail("rdma_write_cm_event: %m");
}

/* Fetches what was written to a synchronous id: @from is the first. */
static unsigned int fetch_written(struct rdma_cm_id *id, unsigned int from, bool ordered)
{
	struct rdma_cm_event *ev;

	if (fcntl(id->channel->fd, F_SETFL, O_NONBLOCK))
		fail("fcntl: %m");
	while (!rdma_get_cm_event(id->channel, &ev)) {
		if (ev->event == RDMA_CM_EVENT_USER && ordered && ev->param.arg != from)
			fail("event %llu of a synchronous id instead of %u",
			     (unsigned long long)ev->param.arg, from);
		from += ev->event == RDMA_CM_EVENT_USER;
		rdma_ack_cm_event(ev);
	}
	return from;
}

static void end(struct racer *r, struct rdma_cm_id *id)
{
	racer_enter(r, "rdma_destroy_id of a synchronous id");
	if (id->qp)
		rdma_destroy_qp(id);
	if (rdma_destroy_id(id))
		fail("rdma_destroy_id: %m");
	racer_leave(r);
}

/* As far as its route; an interrupted call ends it. */
static bool resolve(struct racer *r, struct rdma_cm_id *id, uint64_t dice, unsigned int *written)
{
	static const int errnos[] = { EINTR, 0 };
	struct sockaddr_in to = race_driver.addr(ACTIVE, port_of(dice));
	bool ok;

	if (dice >> 20 & 1)
		write_to(id, (*written)++);
	racer_enter(r, "synchronous rdma_resolve_addr");
	ok = legal(rdma_resolve_addr(id, NULL, (struct sockaddr *)&to, 2000),
		   "synchronous rdma_resolve_addr", errnos);
	racer_leave(r);
	if (!ok)
		return false;
	for (unsigned int i = (unsigned int)(dice >> 21 & 3); i; i--)
		write_to(id, (*written)++);
	racer_enter(r, "synchronous rdma_resolve_route");
	ok = legal(rdma_resolve_route(id, 2000), "synchronous rdma_resolve_route", errnos);
	racer_leave(r);
	return ok;
}

static struct rdma_cm_id *create(void)
{
	struct rdma_cm_id *id;

	if (rdma_create_id(NULL, &id, NULL, RDMA_PS_TCP))
		fail("rdma_create_id: %m");
	return id;
}

bool op_sync_resolve(struct racer *r, uint64_t dice)
{
	struct rdma_cm_id *id;
	unsigned int written = 0, told;

	ack_all(r);
	id = create();
	resolve(r, id, dice, &written);
	told = fetch_written(id, 0, true);
	if (told != written)
		fail("of %u events that were written to a synchronous id %u came", written, told);
	end(r, id);
	return true;
}

static void connect_and_leave(struct racer *r, struct rdma_cm_id *id)
{
	static const int errnos[] = { EINTR, ECONNREFUSED, ECONNRESET, 0 },
			 left[] = { EINTR, EINVAL, 0 };
	struct rdma_conn_param param = { .qp_num = 1 };
	bool ok;

	give_qp(id);
	racer_wait(r, "synchronous rdma_connect", -1, CONNECT_MS);
	ok = legal(rdma_connect(id, &param), "synchronous rdma_connect", errnos);
	racer_leave(r);
	if (!ok)
		return;
	racer_wait(r, "synchronous rdma_disconnect", -1, 0);
	legal(rdma_disconnect(id), "synchronous rdma_disconnect", left);
	racer_leave(r);
}

bool op_sync_connect(struct racer *r, uint64_t dice)
{
	struct rdma_cm_id *id;
	unsigned int written = 0;

	if (race.threads < 2 || __atomic_exchange_n(&connecting, true, __ATOMIC_RELAXED))
		return false;
	ack_all(r);
	id = create();
	if (resolve(r, id, dice, &written))
		connect_and_leave(r, id);
	end(r, id);
	relax(&connecting, false);
	return true;
}

/* ---- the passive side */

static void serve(struct racer *r, struct rdma_cm_id *child, uint64_t dice)
{
	static const int errnos[] = { EINTR, EINVAL, ECONNRESET, ECONNREFUSED, 0 };
	struct rdma_conn_param param = { .qp_num = 1 };

	switch (dice >> 32 & 7) {
	case 0:
		racer_enter(r, "rdma_reject of a synchronous child");
		legal(rdma_reject(child, NULL, 0), "rdma_reject", errnos);
		break;
	case 1:
		break;
	default:
		give_qp(child);
		racer_wait(r, "synchronous rdma_accept", -1, CONNECT_MS);
		if (!legal(rdma_accept(child, &param), "synchronous rdma_accept", errnos))
			break;
		racer_wait(r, "rdma_disconnect of a synchronous child", -1, CONNECT_MS);
		if (dice >> 36 & 1)
			legal(rdma_disconnect(child), "rdma_disconnect", errnos);
		break;
	}
	racer_leave(r);
	end(r, child);
}

bool op_get_request(struct racer *r, uint64_t dice)
{
	static const int errnos[] = { EAGAIN, EINTR, 0 };
	struct rdma_cm_id *child;
	int rc;

	ack_all(r);
	if (!(dice & 15) && relaxed(&ep_written) < relaxed(&ep_told) + 32) {
		add(&ep_written, 1);
		write_to(race.ep, 0);
	}
	if (fcntl(race.ep->channel->fd, F_SETFL, dice >> 4 & 7 ? O_NONBLOCK : 0))
		fail("fcntl: %m");
	racer_wait(r, "rdma_get_request", -1, 1);
	rc = rdma_get_request(race.ep, &child);
	racer_leave(r);
	if (legal(rc, "rdma_get_request", errnos))
		serve(r, child, dice);
	return true;
}

/* ---- from one quiet point to the next */

void sync_begin(void)
{
	struct sockaddr_in any = race_driver.addr(LISTENER, 0);

	race.ep = create();
	if (rdma_bind_addr(race.ep, (struct sockaddr *)&any) || rdma_listen(race.ep, 16))
		fail("rdma_listen: %m");
	race.ep_port = rdma_get_src_port(race.ep);
}

/* Requests stay where they are: each is answered by its retrieval. */
static void take_written(void)
{
	struct rdma_cm_event *ev;

	if (fcntl(race.ep->channel->fd, F_SETFL, O_NONBLOCK))
		fail("fcntl: %m");
	while (!rdma_get_cm_event(race.ep->channel, &ev)) {
		struct rdma_cm_id *child =
			ev->event == RDMA_CM_EVENT_CONNECT_REQUEST ? ev->id : NULL;

		if (ev->event == RDMA_CM_EVENT_USER)
			add(&ep_told, 1);
		rdma_ack_cm_event(ev);
		if (child)
			rdma_destroy_id(child);
	}
}

void sync_quiet(void)
{
	take_written();
	if (ep_told != ep_written)
		fail("of %u events that were written to a synchronous listener %u came", ep_written,
		     ep_told);
}

void sync_end(void)
{
	if (rdma_destroy_id(race.ep))
		fail("rdma_destroy_id: %m");
}
