// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The life of an rdma_cm_id: creation, its tie to a driver, migration between
 * channels, and the destroy that waits for the program's acknowledgements.
 */
#include "shim/shim.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

int shim_id_check(struct rdma_cm_id *id, struct shim_id **priv)
{
	struct shim_id *p = (struct shim_id *)(void *)id;

	if (!p || p->magic != SHIM_ID_MAGIC)
		return -EINVAL;
	if (p->generation != shim_generation())
		return -EACCES;
	*priv = p;
	return 0;
}

static int qp_type_of(enum rdma_port_space ps)
{
	switch (ps) {
	case RDMA_PS_TCP:
	case RDMA_PS_IB:
		return IBV_QPT_RC;
	case RDMA_PS_UDP:
	case RDMA_PS_IPOIB:
		return IBV_QPT_UD;
	default:
		return -EINVAL;
	}
}

static void id_on_channel(struct shim_id *id, struct shim_channel *channel)
{
	iw_lock(&channel->lock);
	id->channel = channel;
	id->id.channel = &channel->ch;
	TAILQ_INSERT_TAIL(&channel->ids, id, link);
	iw_unlock(&channel->lock);
}

int shim_id_new(struct shim_channel *channel, void *context, enum rdma_port_space ps,
		struct shim_id **priv)
{
	int qp_type = qp_type_of(ps);
	struct shim_id *id;

	if (qp_type < 0)
		return qp_type;
	id = iw_calloc(1, sizeof(*id));
	if (!id)
		return -ENOMEM;
	id->id.context = context;
	id->id.ps = ps;
	id->id.qp_type = (enum ibv_qp_type)qp_type;
	id->generation = shim_generation();
	iw_lock_init(&id->lock);
	iw_cond_init(&id->acked);
	TAILQ_INIT(&id->spares);
	TAILQ_INIT(&id->unacked);
	for (int i = 0; i < SHIM_OWN_EVENTS; i++) {
		id->own[i].owner = id;
		id->own[i].embedded = true;
		TAILQ_INSERT_TAIL(&id->spares, &id->own[i], link);
	}
	id->nspares = SHIM_OWN_EVENTS;
	id->removal.owner = id;
	id->removal.embedded = true;
	id->magic = SHIM_ID_MAGIC;
	id_on_channel(id, channel);
	*priv = id;
	return 0;
}

/* ---- the tie to a driver */

struct iw_cm_id *shim_id_cm(struct shim_id *id)
{
	struct iw_cm_id *cm;

	iw_lock(&id->lock);
	cm = id->cm;
	iw_unlock(&id->lock);
	return cm;
}

/* Of two threads that attach at once one wins; the other's is not needed. */
static struct iw_cm_id *attach_first(struct shim_id *id, struct iw_cm_id *cm)
{
	struct iw_cm_id *winner;

	iw_lock(&id->lock);
	if (!id->cm)
		id->cm = cm;
	winner = id->cm;
	iw_unlock(&id->lock);
	if (winner != cm)
		iw_cm_destroy(cm);
	return winner;
}

int shim_id_attach(struct shim_id *id, enum iw_driver_kind kind, struct iw_cm_id **out)
{
	const struct iw_driver *driver = iw_driver_get(kind);
	struct iw_cm_open_arg arg = { .ps = (uint16_t)id->id.ps,
				      .qp_type = (uint8_t)id->id.qp_type };
	struct iw_cm_id *cm = shim_id_cm(id);
	int rc;

	if (cm) {
		*out = cm;
		return 0;
	}
	if (!id->channel)
		return -EINVAL;
	rc = driver->probe();
	if (rc)
		return rc;
	rc = shim_channel_source(id->channel, kind, &arg.source);
	if (rc)
		return rc;
	rc = iw_cm_create(driver->cm, &arg, shim_handler, id, &cm);
	if (rc)
		return rc;
	*out = attach_first(id, cm);
	return 0;
}

void shim_id_detach(struct shim_id *id)
{
	struct iw_cm_id *cm;

	iw_lock(&id->lock);
	cm = id->cm;
	id->cm = NULL;
	iw_unlock(&id->lock);
	if (!cm)
		return;
	/*
	 * The QP is the program's, which may have destroyed it by verbs alone:
	 * leave it be, except to cancel a connect that is pending.
	 */
	if (iw_cm_get_state(cm) != IW_CM_CONN_SENT || !id->id.qp)
		iw_cm_qp_detach(cm);
	iw_cm_destroy(cm);
}

static void copy_addr(struct sockaddr_storage *to, const struct sockaddr_storage *from)
{
	if (from->ss_family)
		memcpy(to, from, sizeof(*to));
}

int shim_id_refresh(struct shim_id *id, struct iw_cm_id *cm)
{
	struct iw_cm_addr_info info = { .ibdev_index = -1 };
	struct shim_device *device;
	int rc = iw_cm_query(cm, &info);

	if (rc)
		return rc;
	if (info.port_num && !id->device) {
		rc = shim_device_get(info.ibdev_index, info.node_guid, &device);
		if (rc)
			return rc;
		id->device = device;
		id->id.verbs = device->verbs;
		id->id.pd = device->pd;
		id->id.port_num = info.port_num;
	}
	copy_addr(&id->id.route.addr.src_storage, &info.src);
	copy_addr(&id->id.route.addr.dst_storage, &info.dst);
	return 0;
}

/* ---- state */

enum shim_state shim_id_state(struct shim_id *id)
{
	enum shim_state state;

	iw_lock(&id->lock);
	state = id->state;
	iw_unlock(&id->lock);
	return state;
}

bool shim_id_move(struct shim_id *id, enum shim_state from, enum shim_state to)
{
	bool ok;

	iw_lock(&id->lock);
	ok = id->state == from;
	if (ok)
		id->state = to;
	iw_unlock(&id->lock);
	return ok;
}

void shim_id_set_state(struct shim_id *id, enum shim_state to)
{
	iw_lock(&id->lock);
	id->state = to;
	iw_unlock(&id->lock);
}

/* ---- the end */

static void name_addr(const struct sockaddr_storage *ss, char text[INET6_ADDRSTRLEN + 8])
{
	const struct sockaddr_in6 *v6 = (const void *)ss;
	const struct sockaddr_in *v4 = (const void *)ss;
	char host[INET6_ADDRSTRLEN] = "-";
	unsigned int port = ntohs(v4->sin_port);

	if (ss->ss_family == AF_INET)
		inet_ntop(AF_INET, &v4->sin_addr, host, sizeof(host));
	else if (ss->ss_family == AF_INET6)
		inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof(host));
	else
		port = 0;
	snprintf(text, INET6_ADDRSTRLEN + 8, "%s:%u", host, port);
}

/* " ESTABLISHED DISCONNECTED": as many as fit. */
static void name_unacked(struct shim_id *id, char *text, size_t room)
{
	struct shim_event *ev;
	size_t used = 0;

	iw_assert_held(&id->lock);
	text[0] = 0;
	TAILQ_FOREACH (ev, &id->unacked, link) {
		if (used < room)
			used += (size_t)snprintf(text + used, room - used, " %s",
						 rdma_event_str(ev->ev.event));
	}
}

static void complain(struct shim_id *id, const char *who)
{
	char src[INET6_ADDRSTRLEN + 8], dst[INET6_ADDRSTRLEN + 8], events[400];

	name_unacked(id, events, sizeof(events));
	name_addr(&id->id.route.addr.src_storage, src);
	name_addr(&id->id.route.addr.dst_storage, dst);
	iw_error("%s of id %p (%s -> %s) waits for events that were retrieved and not "
		 "acknowledged by rdma_ack_cm_event:%s",
		 who, (void *)id, src, dst, events);
}

void shim_id_wait_acked(struct shim_id *id, const char *who)
{
	bool patient = true;

	iw_lock(&id->lock);
	while (!TAILQ_EMPTY(&id->unacked)) {
		if (!patient) {
			iw_cond_wait(&id->acked, &id->lock);
			continue;
		}
		patient = iw_cond_wait_ms(&id->acked, &id->lock, SHIM_PATIENCE_MS);
		if (!patient && !TAILQ_EMPTY(&id->unacked))
			complain(id, who);
	}
	iw_unlock(&id->lock);
}

static void drop_unread(struct shim_id *id)
{
	struct shim_event_list list = TAILQ_HEAD_INITIALIZER(list);
	struct shim_event *ev;

	shim_channel_purge(id->channel, id, &list);
	while ((ev = TAILQ_FIRST(&list))) {
		TAILQ_REMOVE(&list, ev, link);
		shim_event_drop(ev);
	}
}

static void free_spares(struct shim_id *id)
{
	struct shim_event *ev, *next;

	TAILQ_FOREACH_SAFE (ev, &id->spares, link, next)
		if (!ev->embedded)
			free(ev);
}

static void leave_channel(struct shim_id *id)
{
	struct shim_channel *channel = id->channel;

	if (!channel)
		return;
	iw_lock(&channel->lock);
	TAILQ_REMOVE(&channel->ids, id, link);
	iw_unlock(&channel->lock);
	id->channel = NULL;
	if (id->sync)
		shim_channel_free(channel);
}

void shim_id_free(struct shim_id *id)
{
	shim_id_detach(id);
	if (id->channel)
		drop_unread(id);
	leave_channel(id);
	if (id->device)
		shim_device_put(id->device);
	free_spares(id);
	id->magic = 0;
	iw_cond_fini(&id->acked);
	iw_lock_fini(&id->lock);
	free(id);
}

/* ---- migration */

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

	shim_channel_purge(id->channel, id, &list);
	iw_lock(&id->channel->lock);
	TAILQ_REMOVE(&id->channel->ids, id, link);
	iw_unlock(&id->channel->lock);
	id_on_channel(id, move->to);
	while ((ev = TAILQ_FIRST(&list))) {
		TAILQ_REMOVE(&list, ev, link);
		if (shim_is_request(ev) && move_id(shim_child_of(ev), move->to))
			shim_event_drop(ev); /* refused, as if never seen */
		else
			shim_channel_queue(move->to, ev);
	}
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
	rc = shim_channel_source(to, IW_DRIVER_KERNEL, &source);
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
	shim_id_wait_acked(id, "rdma_migrate_id");
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
	shim_id_wait_acked(id, "rdma_migrate_id");
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

/* ---- creation and destruction */

static int create_sync(void *context, enum rdma_port_space ps, struct shim_id **priv)
{
	struct shim_channel *channel;
	int rc = iw_driver_get(IW_DRIVER_KERNEL)->probe();

	if (!rc)
		rc = shim_channel_new(&channel);
	if (rc)
		return rc;
	rc = shim_id_new(channel, context, ps, priv);
	if (rc)
		shim_channel_free(channel);
	else
		(*priv)->sync = true;
	return rc;
}

IW_EXPORT int rdma_create_id(struct rdma_event_channel *channel, struct rdma_cm_id **id,
			     void *context, enum rdma_port_space ps)
{
	struct shim_channel *c;
	struct shim_id *priv;
	int rc;

	if (!id || qp_type_of(ps) < 0)
		return shim_return(-EINVAL);
	if (channel) {
		rc = shim_channel_check(channel, &c);
		if (!rc)
			rc = shim_id_new(c, context, ps, &priv);
	} else {
		rc = create_sync(context, ps, &priv);
	}
	if (!rc)
		*id = &priv->id;
	return shim_return(rc);
}

/* Only one caller may end an id. */
static bool claim_end(struct shim_id *id)
{
	bool mine;

	iw_lock(&id->lock);
	mine = !id->dying;
	id->dying = true;
	iw_unlock(&id->lock);
	return mine;
}

IW_EXPORT int rdma_destroy_id(struct rdma_cm_id *id)
{
	struct shim_id *priv;
	int rc = shim_id_check(id, &priv);

	if (rc)
		return shim_return(rc);
	if (!claim_end(priv))
		return shim_return(-EINVAL);
	shim_id_detach(priv);
	if (priv->channel)
		drop_unread(priv);
	if (id->event) {
		shim_event_ack(shim_event_of(id->event));
		id->event = NULL;
	}
	shim_id_wait_acked(priv, "rdma_destroy_id");
	shim_id_free(priv);
	return 0;
}
