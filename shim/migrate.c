// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * From one event channel to another: rdma_migrate_id(3), and the channel of its
 * own that the child of a synchronous listener gets.
 */
#include "shim/shim.h"

struct move {
	struct shim_id *id;
	struct shim_channel *to;
};

static int move_id(struct shim_id *id, struct shim_channel *to);

/*
 * The kernel moves a listener's requests with it, but not the ids in them: so
 * that nothing is lost, all that the old channel's kernel file holds has been
 * read before (shim_channel_drain).
 * While no handler of the id runs: its unread events follow it, in order, and
 * so do the children of requests that nobody has seen.
 */
static void move_to_channel(void *arg)
{
	struct move *move = arg;
	struct shim_event_list list = TAILQ_HEAD_INITIALIZER(list);
	struct shim_id *id = move->id;
	struct shim_event *ev;

	iw_lock(&id->moving);
	shim_channel_purge(id->channel, id, NULL, &list);
	iw_lock(&id->channel->lock);
	TAILQ_REMOVE(&id->channel->ids, id, link);
	iw_unlock(&id->channel->lock);
	shim_id_on_channel(id, move->to);
	while ((ev = TAILQ_FIRST(&list))) {
		TAILQ_REMOVE(&list, ev, link);
		if (shim_is_request(ev) && move_id(shim_child_of(ev), move->to))
			shim_event_drop(ev); /* refused, as if never seen */
		else
			shim_channel_queue(move->to, ev);
	}
	iw_unlock(&id->moving);
}

static int move_id(struct shim_id *id, struct shim_channel *to)
{
	struct move move = { .id = id, .to = to };
	struct iw_source *source;
	int rc;

	if (!id->cm) {
		move_to_channel(&move);
		return 0;
	}
	shim_id_drop_parked(id); /* it would stay behind */
	rc = shim_channel_source(to, id->kind, &source);
	if (rc)
		return rc;
	return iw_cm_migrate(id->cm, source, move_to_channel, &move);
}

int shim_id_make_private(struct shim_id *id)
{
	struct shim_channel *channel;
	int rc = shim_channel_new(&channel);

	if (rc)
		return rc;
	rc = move_id(id, channel);
	if (rc)
		shim_channel_free(channel);
	else
		id->sync = true;
	return rc;
}

static int migrate_to(struct shim_id *id, struct shim_channel *to)
{
	struct shim_channel *old = id->channel;
	bool was_sync = id->sync;
	int rc;

	if (was_sync && id->id.event) {
		shim_event_ack(shim_event_of(id->id.event));
		id->id.event = NULL;
	}
	shim_channel_drain(old);
	rc = move_id(id, to);
	if (rc)
		return rc;
	shim_channel_recheck(to);
	id->sync = false;
	shim_id_wait_acked(id);
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
	shim_id_wait_acked(id);
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
