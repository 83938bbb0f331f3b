// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * What must hold when all is over. First the device gives what it owes, so that
 * each attempt has had its outcome and each connection its end; then the client
 * destroys what it still has; then nothing may be left.
 */
#include <errno.h>

#include "iwcm-core/iw_credit.h"
#include "iwcm-core/iw_ref.h"
#include "iwcm-core/iw_stats.h"
#include "tests/interleave/scenarios.h"

/* The client has it: nobody has destroyed it. */
static bool is_ours(const struct w_id *wid)
{
	return wid->used && !wid->returned && !wid->doomed && !wid->lost &&
	       (wid->handed || !wid->child);
}

/* --------------------------------------------------------------- at quiescence */

IL_UNWATCHED static bool is_drained(void *arg)
{
	const struct w_id *wid = arg;
	const struct iw_id *id = iw_id_of(wid->id);

	return wid->doomed || (TAILQ_EMPTY(&id->queue) && !id->draining);
}

/* An event that nobody will drain is a deadlock here. False: a handler has ended the id. */
static bool wait_drained(struct w_id *wid)
{
	il_wait("what was posted is drained", &iw_id_of(wid->id)->lock, is_drained, wid);
	return !wid->doomed;
}

/* Of the first attempt: what was given up before it began was refused. */
static void check_cancelled(struct w_id *wid)
{
	/* A child that connects has had an attempt, of which the driver may not know. */
	bool open = (wid->link == L_TRYING && !wid->child) || wid->link == L_ACCEPTED;

	il_check(!open || wid->calls > 1 || !wid->given_up || wid->cancelled || wid->uncancelled ||
			 w.spec->transport == IW_CM_DATAGRAM,
		 "%s: a disconnect returned 0, and the driver has not heard of it", wid->name);
	/* What completes a response ends it as well, and cannot say that the device refused to. */
	open = wid->link == L_UP && w.spec->start != S_RESPONDED;
	il_check(!open || wid->calls > 1 || !wid->given_up || wid->given_up < wid->ends,
		 "%s: a disconnect returned 0, and the connection stays", wid->name);
}

/* What the device owes, in the order in which one thing makes it owe the next. */
static void give(struct w_id *wid)
{
	if (wid->link == L_TRYING || wid->link == L_ACCEPTED)
		w_device(wid, E_REPLY_FAIL);
	if (wid->link == L_RESPONDED)
		w_reject(wid);
	if (wid->link == L_UP || wid->link == L_CLOSING || wid->link == L_PEER)
		w_device(wid, E_CLOSE);
	if (wid->resolving)
		w_device(wid, E_ADDR);
	wait_drained(wid);
}

/*
 * An attempt ends in what is told, or by the client's own answer to a response.
 * Requests that were rejected are no attempts of ours.
 */
static unsigned int attempts_over(const struct w_id *wid)
{
	return wid->outcomes + wid->completed + wid->refused - wid->turned_down;
}

static void check_told(struct w_id *wid)
{
	enum iw_cm_state state = iw_cm_get_state(wid->id);
	bool listens = wid->link == L_LISTEN;
	bool asked = wid->link == L_ASKED;

	if (w.spec->transport == IW_CM_DATAGRAM)
		return;
	il_check(attempts_over(wid) == wid->attempts, "%s: %u attempts had %u outcomes", wid->name,
		 wid->attempts, attempts_over(wid));
	il_check(wid->closes == wid->made + wid->completed, "%s: %u connections had %u ends",
		 wid->name, wid->made + wid->completed, wid->closes);
	il_check(state == (listens ? IW_CM_LISTEN
			   : asked ? IW_CM_CONN_RECV
				   : IW_CM_IDLE),
		 "%s: all is over, and the state is %s", wid->name, iw_cm_state_name(state));
}

/* All that came from @wid have gone: as many may come as at the beginning. */
static void check_credits(struct w_id *wid)
{
	struct iw_credits *credits = iw_id_of(wid->id)->credits;
	unsigned int n = 0;

	if (iw_cm_get_state(wid->id) != IW_CM_LISTEN)
		return;
	while (!iw_credits_take(credits))
		n++;
	for (unsigned int i = 0; i < n; i++) {
		iw_credits_give(credits);
		iw_credits_put(credits);
	}
	il_check(n == 2, "%s: %u of 2 credits are left", wid->name, n);
}

static bool is_gone(void *arg)
{
	const struct w_id *wid = arg;

	return wid->gone;
}

static void end(struct w_id *wid)
{
	if (!wid->used)
		return;
	if (!is_ours(wid) || !wait_drained(wid)) {
		il_wait("who destroys it is through", wid, is_gone, wid);
		return;
	}
	if (!w.spec->loose) {
		check_cancelled(wid);
		give(wid);
		check_told(wid);
	}
	check_credits(wid);
	w_destroy(wid);
}

static void wait_if_ours(struct w_id *wid)
{
	il_point("all actors have ended", wid);
	if (is_ours(wid))
		wait_drained(wid);
}

void w_settle(void)
{
	struct w_id *listener = w.listener ? w.listener : w.target;

	/* What waits on the listener becomes a child first; a thread of the core may be at it. */
	wait_if_ours(listener);
	for (struct w_id *wid = w.ids; wid < w.ids + W_IDS; wid++)
		wait_if_ours(wid);
	w.calm = true;
	il_point("the handler does nothing more", w.target);
	w.target->acted = true;
	for (struct w_id *wid = w.ids; wid < w.ids + W_IDS; wid++)
		if (wid != listener)
			end(wid);
	end(listener);
}

/* ------------------------------------------------------------------ afterwards */

static void check_ledger(void)
{
	static const char *const names[IW_REF_NCLASSES] = { "CREATOR", "DRAIN", "OPERATION",
							    "DRIVER" };
	struct iw_cm_stats stats;

	for (int class = 0; class < IW_REF_NCLASSES; class ++)
		il_check(!iw_ref_total(class), "%ld references %s are left", iw_ref_total(class),
			 names[class]);
	iw_cm_get_stats(&stats);
	il_check(stats.ids_created == stats.ids_freed, "%lu ids made, %lu freed",
		 (unsigned long)stats.ids_created, (unsigned long)stats.ids_freed);
}

void w_check_end(void)
{
	for (struct w_id *wid = w.ids; wid < w.ids + W_IDS; wid++) {
		if (!wid->used)
			continue;
		il_check(wid->gone == 1, "%s: id_gone %u times", wid->name, wid->gone);
		il_check(wid->put == 1, "%s: the driver's reference was put %u times", wid->name,
			 wid->put);
		il_check(!wid->inside && !wid->ops && !wid->users && !wid->moving,
			 "%s: something still runs", wid->name);
	}
	check_ledger();
}
