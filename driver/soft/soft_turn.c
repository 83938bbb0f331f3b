// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "driver/soft/soft_turn.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "driver/soft/soft_conn.h"

/* @lock protects all of it. Innermost. */
struct soft_turn {
	struct iw_lock lock;
	unsigned int refs;
	struct soft_conn *listener; /* NULL: it has stopped */
	uint64_t current;	    /* the number of the last request; 0: none yet */
	bool taken;
	uint64_t since_ms;
	unsigned int impatience;
};

int soft_turn_new(struct soft_conn *listener, struct soft_turn **turn)
{
	struct soft_turn *t = iw_calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	iw_lock_init(&t->lock);
	t->refs = 1;
	t->listener = listener;
	*turn = t;
	return 0;
}

void soft_turn_stop(struct soft_turn *turn)
{
	if (!turn)
		return;
	iw_lock(&turn->lock);
	turn->listener = NULL;
	iw_unlock(&turn->lock);
}

void soft_turn_put(struct soft_turn *turn)
{
	bool last;

	if (!turn)
		return;
	iw_lock(&turn->lock);
	last = !--turn->refs;
	iw_unlock(&turn->lock);
	if (!last)
		return;
	iw_lock_fini(&turn->lock);
	free(turn);
}

int soft_turn_check(struct soft_turn *turn)
{
	int ret = 0;

	if (!turn)
		return 0;
	iw_lock(&turn->lock);
	if (turn->current && !turn->taken && turn->impatience < TURN_PATIENCE) {
		if (iw_now_ms() - turn->since_ms < TURN_PATIENCE_MS)
			ret = -EAGAIN;
		else
			turn->impatience++;
	}
	iw_unlock(&turn->lock);
	return ret;
}

void soft_turn_begin(struct soft_turn *turn, struct soft_conn *conn)
{
	if (!turn)
		return;
	iw_lock(&turn->lock);
	turn->refs++;
	turn->taken = false;
	turn->since_ms = iw_now_ms();
	conn->turn_no = ++turn->current;
	iw_unlock(&turn->lock);
	__atomic_store_n(&conn->turn, turn, __ATOMIC_RELEASE);
}

void soft_turn_taken(struct soft_turn *turn, uint64_t no)
{
	struct soft_conn *listener = NULL;

	if (!turn)
		return;
	iw_lock(&turn->lock);
	if (turn->current == no) {
		turn->taken = true;
		listener = turn->listener;
	}
	if (listener)
		soft_conn_get(listener);
	iw_unlock(&turn->lock);
	soft_turn_put(turn);
	if (!listener)
		return;
	soft_listen_next(listener);
	soft_conn_put(listener);
}
