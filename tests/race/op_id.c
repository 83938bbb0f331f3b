// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Calls on ids that live on channels which all threads share. */
#include <errno.h>
#include <string.h>

#include "tests/race/race.h"

static struct life *pick(uint64_t dice)
{
	return slot_get((unsigned int)(dice % SLOTS));
}

/* One that is no listener and may be called now. */
static struct life *share(uint64_t dice)
{
	struct life *life = pick(dice);

	if (!life || life->kind == LISTENER || !life_share(life))
		return NULL;
	return life;
}

static int channel_for(uint64_t dice)
{
	int chan = (int)(dice >> 24 & 15);

	return chan ? chan % CHANNELS : CHANNELS + (int)(dice >> 28) % (int)race.threads;
}

void give_qp(struct rdma_cm_id *id)
{
	struct ibv_qp_init_attr attr = {
		.cap = { .max_send_wr = 1, .max_recv_wr = 1, .max_send_sge = 1, .max_recv_sge = 1 },
		.qp_type = IBV_QPT_RC,
	};

	if (race_driver.needs_qp && !id->qp && rdma_create_qp(id, NULL, &attr))
		fail("rdma_create_qp: %m");
}

/* ---- birth and death */

void life_end(struct racer *r, struct life *life)
{
	ack_all(r);
	racer_enter(r, "rdma_destroy_id");
	if (life->id->qp)
		rdma_destroy_qp(life->id);
	if (rdma_destroy_id(life->id))
		fail("rdma_destroy_id: %m");
	racer_leave(r);
	oracle_destroyed(life);
	slot_clear(life); /* who ends its channel has waited for that */
	life_bury(r, life);
}

static bool listen_at(struct life *life, unsigned int slot)
{
	static const int errnos[] = { EADDRINUSE, 0 };
	struct sockaddr_in any = race_driver.addr(LISTENER, 0);

	if (!legal(rdma_bind_addr(life->id, (struct sockaddr *)&any), "rdma_bind_addr", errnos) ||
	    !legal(rdma_listen(life->id, 16), "rdma_listen", errnos))
		return false;
	relax(&race.ports[slot], rdma_get_src_port(life->id));
	return true;
}

static enum kind kind_for(unsigned int slot, uint64_t dice)
{
	if (slot < LISTENERS)
		return LISTENER;
	return race_driver.groups && (dice >> 32 & 3) == 3 ? DATAGRAM : ACTIVE;
}

bool op_create(struct racer *r, uint64_t dice)
{
	unsigned int slot = (unsigned int)(dice % SLOTS);
	enum kind kind = kind_for(slot, dice);
	int chan = channel_for(dice);
	struct life *life;

	if (slot_get(slot) || !chan_enter(chan))
		return false;
	life = life_new(r, kind, chan);
	racer_enter(r, "rdma_create_id");
	if (rdma_create_id(race.chans[chan].ch, &life->id, life,
			   kind == DATAGRAM ? RDMA_PS_UDP : RDMA_PS_TCP))
		fail("rdma_create_id: %m");
	racer_leave(r);
	if ((kind == LISTENER && !listen_at(life, slot)) || !slot_put(slot, life)) {
		if (life_claim(life))
			life_end(r, life);
	}
	chan_leave(chan);
	return true;
}

bool op_destroy(struct racer *r, uint64_t dice)
{
	struct life *life = pick(dice);

	/* Listeners live longer, so that something comes of them. */
	if (!life || (life->kind == LISTENER && dice >> 20 & 3) || !life_claim(life))
		return false;
	life_end(r, life);
	return true;
}

/* ---- on the way to a connection */

uint16_t port_of(uint64_t dice)
{
	unsigned int i = (unsigned int)(dice >> 16) % (LISTENERS + 1);
	uint16_t port = i < LISTENERS ? relaxed(&race.ports[i]) : race.ep_port;

	return port ? port : htons(1);
}

bool op_resolve_addr(struct racer *r, uint64_t dice)
{
	static const int errnos[] = { EINVAL, 0 };
	struct life *life = share(dice);
	struct sockaddr_in to, from;

	if (!life)
		return false;
	to = race_driver.addr(life->kind, port_of(dice));
	from = race_driver.addr(life->kind, 0);
	add(&life->asked_addr, 1);
	racer_enter(r, "rdma_resolve_addr");
	if (!legal(rdma_resolve_addr(life->id, (struct sockaddr *)&from, (struct sockaddr *)&to,
				     2000),
		   "rdma_resolve_addr", errnos))
		add(&life->asked_addr, -1u);
	racer_leave(r);
	life_unshare(life);
	return true;
}

bool op_resolve_route(struct racer *r, uint64_t dice)
{
	static const int errnos[] = { EINVAL, 0 };
	struct life *life = share(dice);

	if (!life)
		return false;
	add(&life->asked_route, 1);
	racer_enter(r, "rdma_resolve_route");
	if (!legal(rdma_resolve_route(life->id, 2000), "rdma_resolve_route", errnos))
		add(&life->asked_route, -1u);
	racer_leave(r);
	life_unshare(life);
	return true;
}

/* The driver below may need a QP, which only one thread may make. */
static bool ready_to_connect(struct life *life)
{
	if (!race_driver.needs_qp)
		return life_share(life);
	if (!life_take(life))
		return false;
	if (life->id->verbs && (life->kind == CHILD || relaxed(&life->told_route)))
		give_qp(life->id);
	life_give(life);
	return life_share(life);
}

bool op_connect(struct racer *r, uint64_t dice)
{
	static const int errnos[] = { EINVAL, ECONNREFUSED, 0 };
	struct rdma_conn_param param = { .qp_num = 1 };
	struct life *life = pick(dice);

	if (!life || life->kind != ACTIVE || !ready_to_connect(life))
		return false;
	racer_enter(r, "rdma_connect");
	if (legal(rdma_connect(life->id, &param), "rdma_connect", errnos))
		relax(&life->connected, true);
	racer_leave(r);
	life_unshare(life);
	return true;
}

static void accept_child(struct racer *r, struct life *child)
{
	static const int errnos[] = { EINVAL, ECONNRESET, 0 };
	struct rdma_conn_param param = { .qp_num = 1 };

	racer_enter(r, "rdma_accept");
	if (legal(rdma_accept(child->id, &param), "rdma_accept", errnos))
		relax(&child->accepted, true);
	racer_leave(r);
}

static void reject_child(struct racer *r, struct life *child)
{
	static const int errnos[] = { EINVAL, 0 };

	racer_enter(r, "rdma_reject");
	legal(rdma_reject(child->id, "no", 2), "rdma_reject", errnos);
	racer_leave(r);
}

/* Of twenty: most are accepted, and some have to wait for another thread. */
void op_answer_child(struct racer *r, struct life *child, unsigned int how)
{
	if (how < 13) {
		if (race_driver.needs_qp && !child->id->qp)
			return; /* op_answer() makes it */
		accept_child(r, child);
	} else if (how < 16) {
		reject_child(r, child);
	}
}

bool op_answer(struct racer *r, uint64_t dice)
{
	struct life *life = pick(dice);

	if (!life || life->kind != CHILD || !ready_to_connect(life))
		return false;
	op_answer_child(r, life, (unsigned int)(dice >> 20) % 16);
	life_unshare(life);
	return true;
}

/* Once there was a connection, or a request of ours was out, the end is due. */
bool op_disconnect(struct racer *r, uint64_t dice)
{
	static const int errnos[] = { EINVAL, 0 };
	struct life *life = share(dice);
	bool due;

	if (!life)
		return false;
	due = relaxed(&life->established) || relaxed(&life->connected);
	racer_enter(r, "rdma_disconnect");
	if (legal(rdma_disconnect(life->id), "rdma_disconnect", errnos) && due)
		relax(&life->ended, true);
	racer_leave(r);
	life_unshare(life);
	return true;
}

/* ---- elsewhere */

bool op_migrate(struct racer *r, uint64_t dice)
{
	struct life *life = pick(dice);
	int to = channel_for(dice);

	if (!life || !chan_enter(to))
		return false;
	if (!life_take(life)) {
		chan_leave(to);
		return false;
	}
	ack_all(r);
	relax(&life->where, relaxed(&life->where) | MOVING);
	racer_enter(r, "rdma_migrate_id");
	if (rdma_migrate_id(life->id, race.chans[to].ch))
		fail("rdma_migrate_id: %m");
	racer_leave(r);
	relax(&life->where, (uint64_t)to);
	life_give(life);
	chan_leave(to);
	return true;
}

bool op_notice(struct racer *r, uint64_t dice)
{
	struct life *life = pick(dice);

	if (!life || !race_driver.notice)
		return false;
	add(&race.notices, 1);
	racer_enter(r, "news from below");
	race_driver.notice(life, dice >> 20);
	racer_leave(r);
	return true;
}
