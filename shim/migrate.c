// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * From one event channel to another: rdma_migrate_id(3), and the channel of its
 * own that the child of a synchronous listener gets.
 */
#include "shim/shim.h"

struct move {
	struct shim_id *id;
	struct shim_channel *to;
	struct shim_event *request; /* a child's that nobody has seen: goes before its events */
	bool sync;		    /* the channel is the id's alone */
};

static void move_unseen(struct shim_event *request, struct shim_channel *to);

/* What the program has of the id it was given on the old channel. */
static void leave_behind(struct shim_id *id, bool sync)
{
	struct shim_event *ev;

	iw_lock(&id->lock);
	id->sync = sync;
	TAILQ_FOREACH (ev, &id->unacked, link)
		ev->left_behind = true;
	iw_unlock(&id->lock);
}

/* From here on the program may know of the child, and destroy it when its move is over. */
static void arrive(struct shim_id *id, struct shim_channel *to, struct shim_event *request)
{
	shim_id_on_channel(id, to);
	if (!request)
		return;
	iw_lock(&to->lock);
	id->taken = false;
	iw_unlock(&to->lock);
	shim_channel_queue(to, request);
}

/*
 * The kernel moves a listener's requests with it, but not the ids in them: so
 * that nothing is lost, all that the old channel's kernel file holds has been
 * read before (shim_channel_drain).
 * While no handler of the id runs: its unread events follow it, in order, and
 * so do the children of requests that nobody has seen.
 */
static void move_to_channel(void *arg)
{
	const struct move *move = arg;
	struct shim_event_list list = TAILQ_HEAD_INITIALIZER(list);
	struct shim_id *id = move->id;
	struct shim_event *ev;

	iw_lock(&id->moving);
	shim_channel_purge(id->channel, id, NULL, &list);
	iw_lock(&id->channel->lock);
	TAILQ_REMOVE(&id->channel->ids, id, link);
	iw_unlock(&id->channel->lock);
	leave_behind(id, move->sync);
	arrive(id, move->to, move->request);
	while ((ev = TAILQ_FIRST(&list))) {
		TAILQ_REMOVE(&list, ev, link);
		if (shim_is_request(ev))
			move_unseen(ev, move->to);
		else
			shim_channel_queue(move->to, ev);
	}
	iw_unlock(&id->moving);
}

static int move_id(struct move *move)
{
	struct shim_id *id = move->id;
	struct iw_source *source;
	int rc;

	if (!id->cm) {
		move_to_channel(move);
		return 0;
	}
	shim_id_drop_parked(id); /* it would stay behind */
	rc = shim_channel_source(move->to, id->kind, &source);
	if (rc)
		return rc;
	return iw_cm_migrate(id->cm, source, move_to_channel, move);
}

/* Refused, as if never seen, if it cannot follow. */
static void move_unseen(struct shim_event *request, struct shim_channel *to)
{
	struct move move = { .id = shim_child_of(request), .to = to, .request = request };

	if (move_id(&move))
		shim_event_drop(request);
}

int shim_id_make_private(struct shim_id *id)
{
	struct move move = { .id = id, .sync = true };
	int rc = shim_channel_new(&move.to);

	if (rc)
		return rc;
	rc = move_id(&move);
	if (rc)
		shim_channel_free(move.to);
	return rc;
}

static int migrate_to(struct shim_id *id, struct shim_channel *to)
{
	struct move move = { .id = id, .to = to };
	struct shim_channel *old = id->channel;
	bool was_sync = id->sync;
	int rc;

	if (was_sync)
		shim_event_ack_kept(id);
	shim_channel_drain(old);
	rc = move_id(&move);
	if (rc)
		return rc;
	shim_channel_recheck(to);
	shim_id_wait_left_behind(id);
	if (was_sync)
		shim_channel_free(old);
	return 0;
}

static int migrate_to_private(struct shim_id *id)
{
	int rc;

	if (id->sync)
		return -EINVAL;
	shim_channel_drain(id->channel);
	rc = shim_id_make_private(id);
	if (rc)
		return rc;
	shim_channel_recheck(id->channel);
	shim_id_wait_left_behind(id);
	return 0;
}

IW_EXPORT int rdma_migrate_id(struct rdma_cm_id *id, struct rdma_event_channel *channel)
{
	struct shim_channel *to;
	struct shim_id *priv;
	int rc = shim_id_check(id, &priv);

	if (rc)
		return shim_return(rc);
	if (!priv->channel)
		return shim_return(-EINVAL);
	if (!channel)
		return shim_return(migrate_to_private(priv));
	rc = shim_channel_check(channel, &to);
	if (!rc && to != priv->channel)
		rc = migrate_to(priv, to);
	return shim_return(rc);
}
