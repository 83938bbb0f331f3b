// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The life of an rdma_cm_id: creation, its tie to a driver, and the destroy that
 * waits for the program's acknowledgements. Migration is in migrate.c.
 */
#include "shim/addr.h"
#include "shim/choose.h"
#include "shim/shim.h"

#include <stdlib.h>

int shim_id_check_for(const char *call, struct rdma_cm_id *id, struct shim_id **priv)
{
	struct shim_id *p = (struct shim_id *)(void *)id;

	if (!p || p->magic != SHIM_ID_MAGIC)
		return -EINVAL;
	if (p->generation != shim_generation())
		return -EACCES;
	iw_caller_is(call, p, shim_id_describe);
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

void shim_id_on_channel(struct shim_id *id, struct shim_channel *channel)
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
	iw_lock_init(&id->moving);
	iw_lock_init(&id->attaching);
	iw_lock_init(&id->lock);
	iw_cond_init(&id->acked);
	TAILQ_INIT(&id->spares);
	TAILQ_INIT(&id->unacked);
	TAILQ_INIT(&id->queued);
	TAILQ_INIT(&id->members);
	for (int i = 0; i < SHIM_OWN_EVENTS; i++) {
		id->own[i].owner = id;
		id->own[i].embedded = true;
		TAILQ_INSERT_TAIL(&id->spares, &id->own[i], link);
	}
	id->own[0].private_data = id->own_data;
	id->nspares = SHIM_OWN_EVENTS;
	id->removal.owner = id;
	id->removal.embedded = true;
	id->magic = SHIM_ID_MAGIC;
	shim_id_on_channel(id, channel);
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

/* The core's id, with the program's options; not the shim id's yet. */
static int make_cm(struct shim_id *id, enum iw_driver_kind kind, struct iw_cm_id **out)
{
	const struct iw_driver *driver = iw_driver_get(kind);
	struct iw_cm_open_arg arg = { .ps = (uint16_t)id->id.ps,
				      .qp_type = (uint8_t)id->id.qp_type };
	struct iw_cm_id *cm;
	int rc;

	if (!id->channel)
		return -EINVAL;
	rc = driver ? driver->probe() : -ENODEV;
	if (rc)
		return rc;
	rc = shim_channel_source(id->channel, kind, &arg.source);
	if (rc)
		return rc;
	rc = iw_cm_create(driver->cm, &arg, shim_handler, id, &cm);
	if (rc)
		return rc;
	rc = shim_options_replay(id, cm);
	if (rc) {
		iw_cm_destroy(cm);
		return rc;
	}
	*out = cm;
	return 0;
}

/* Of two threads that attach at once one wins; the other's is not needed. */
static struct iw_cm_id *attach_first(struct shim_id *id, struct iw_cm_id *cm,
				     enum iw_driver_kind kind)
{
	struct iw_cm_id *winner;

	iw_lock(&id->lock);
	if (!id->cm) {
		id->cm = cm;
		id->kind = kind;
	}
	winner = id->cm;
	iw_unlock(&id->lock);
	if (winner != cm)
		iw_cm_destroy(cm);
	return winner;
}

/* ---- from one driver to another */

static struct iw_cm_id *take_parked(struct shim_id *id)
{
	struct iw_cm_id *cm;

	iw_lock(&id->lock);
	cm = id->parked;
	id->parked = NULL;
	iw_unlock(&id->lock);
	return cm;
}

void shim_id_drop_parked(struct shim_id *id)
{
	struct iw_cm_id *cm = take_parked(id);

	if (cm)
		iw_cm_destroy(cm);
}

/* Not destroyed: another call of the program's may be in it. */
static void park(struct shim_id *id, struct iw_cm_id *cm)
{
	struct iw_cm_id *rest;

	iw_lock(&id->lock);
	rest = id->parked;
	id->parked = cm;
	iw_unlock(&id->lock);
	if (rest)
		iw_cm_destroy(rest);
}

/* @cm takes the place of @was, unless another thread was faster. */
static void swap_cm(struct shim_id *id, struct iw_cm_id *was, struct iw_cm_id *cm,
		    enum iw_driver_kind kind)
{
	struct iw_cm_id *rest = cm;

	iw_lock(&id->lock);
	if (id->cm == was) {
		rest = was;
		id->cm = cm;
		id->kind = kind;
	}
	iw_unlock(&id->lock);
	park(id, rest);
}

/*
 * The address that the program bound to, at another driver. A port that the
 * program left open may be another one there.
 */
static int bind_again(struct shim_id *id, struct iw_cm_id *cm)
{
	struct sockaddr_storage addr = id->id.route.addr.src_storage;
	struct iw_cm_addr_info info = { .ibdev_index = -1 };
	int rc = addr.ss_family ? iw_cm_query(cm, &info) : 0;

	if (rc || !addr.ss_family || info.src.ss_family)
		return rc;
	rc = iw_cm_bind(cm, (struct sockaddr *)&addr);
	if (rc != -EADDRINUSE || !id->any_port)
		return rc;
	shim_addr_set_port(&addr, 0);
	return iw_cm_bind(cm, (struct sockaddr *)&addr);
}

/* With two drivers the one that is parked, if any, is of @kind. */
static int change_driver(struct shim_id *id, enum iw_driver_kind kind, struct iw_cm_id **out)
{
	struct iw_cm_id *was = shim_id_cm(id), *cm = take_parked(id);
	int rc = cm ? shim_options_replay(id, cm) : make_cm(id, kind, &cm);

	if (!cm)
		return rc;
	if (!rc)
		rc = bind_again(id, cm);
	if (rc) {
		iw_error("id %p: cannot move from the %s driver to the %s one: %s", (void *)id,
			 shim_driver_name(id->kind), shim_driver_name(kind), strerror(-rc));
		park(id, cm);
		return rc;
	}
	swap_cm(id, was, cm, kind);
	*out = shim_id_cm(id);
	return shim_id_refresh(id, *out);
}

int shim_id_attach(struct shim_id *id, enum iw_driver_kind kind, struct iw_cm_id **out)
{
	enum iw_driver_kind its_kind;
	struct iw_cm_id *cm;
	int rc;

	iw_lock(&id->lock);
	cm = id->cm;
	its_kind = id->kind;
	iw_unlock(&id->lock);
	if (cm && its_kind == kind) {
		*out = cm;
		return 0;
	}
	if (cm)
		return change_driver(id, kind, out);
	rc = make_cm(id, kind, &cm);
	if (rc)
		return rc;
	*out = attach_first(id, cm, kind);
	return 0;
}

void shim_id_detach(struct shim_id *id)
{
	struct iw_cm_id *cm;

	shim_id_drop_parked(id);
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

static void say_device(const struct shim_id *id)
{
	char text[SHIM_ADDR_TEXT];

	iw_info("id %p: %s is served by %s (%s)", (const void *)id,
		shim_addr_text(&id->id.route.addr.src_addr, text), id->device->verbs->device->name,
		shim_driver_name(id->kind));
}

/* The core takes every id for one on iWARP. */
static void tell_transport(const struct shim_id *id, struct iw_cm_id *cm)
{
	if (!shim_is_iwarp(id))
		iw_cm_set_transport(cm, shim_is_datagram(id) ? IW_CM_DATAGRAM : IW_CM_INFINIBAND);
}

int shim_id_refresh(struct shim_id *id, struct iw_cm_id *cm)
{
	struct iw_cm_addr_info info = { .ibdev_index = -1 };
	struct shim_device *device;
	bool first = false;
	int rc = iw_cm_query(cm, &info);

	if (rc)
		return rc;
	if (info.port_num && !id->device) {
		rc = shim_device_get(id->kind, &info, &device);
		if (rc)
			return rc;
		id->id.verbs = device->verbs;
		id->id.pd = device->pd;
		id->id.port_num = info.port_num;
		__atomic_store_n(&id->device, device, __ATOMIC_RELEASE);
		first = true;
	}
	copy_addr(&id->id.route.addr.src_storage, &info.src);
	copy_addr(&id->id.route.addr.dst_storage, &info.dst);
	if (first) {
		say_device(id);
		tell_transport(id, cm);
	}
	return shim_path_refresh(id, cm);
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
		__atomic_store_n(&id->state, to, __ATOMIC_RELAXED);
	iw_unlock(&id->lock);
	return ok;
}

void shim_id_set_state(struct shim_id *id, enum shim_state to)
{
	iw_lock(&id->lock);
	__atomic_store_n(&id->state, to, __ATOMIC_RELAXED);
	iw_unlock(&id->lock);
}

/* ---- the end */

static bool has_unacked(struct shim_id *id, const struct shim_acks *which)
{
	struct shim_event *ev;

	iw_assert_held(&id->lock);
	TAILQ_FOREACH (ev, &id->unacked, link)
		if ((!which->member || ev->member == which->member) &&
		    (!which->left_behind || ev->left_behind))
			return true;
	return false;
}

static void wait_acked(struct shim_id *id, const struct shim_acks *acks)
{
	struct iw_stall stall = IW_STALL(shim_acks_tell, acks);
	bool waited = false;

	iw_lock(&id->lock);
	for (; has_unacked(id, acks); waited = true)
		iw_cond_wait_told(&id->acked, &id->lock, &stall);
	iw_unlock(&id->lock);
	if (waited && id->channel)
		shim_readers_acked(&id->channel->readers);
}

void shim_id_wait_acked(struct shim_id *id)
{
	wait_acked(id, &(struct shim_acks){ .id = id });
}

void shim_id_wait_member_acked(struct shim_id *id, struct shim_member *member)
{
	wait_acked(id, &(struct shim_acks){ .id = id, .member = member });
}

void shim_id_wait_left_behind(struct shim_id *id)
{
	wait_acked(id, &(struct shim_acks){ .id = id, .left_behind = true });
}

static void drop_unread(struct shim_id *id)
{
	struct shim_event_list list = TAILQ_HEAD_INITIALIZER(list);
	struct shim_event *ev;

	shim_channel_purge(id->channel, id, NULL, &list);
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
	shim_info_end(id);
	shim_id_detach(id);
	if (id->channel)
		drop_unread(id);
	shim_members_free(id);
	leave_channel(id);
	if (id->device)
		shim_device_put(id->device);
	shim_event_unkeep(id);
	free_spares(id);
	free(id->ep);
	free(id->id.route.path_rec);
	iw_caller_forget(id);
	id->magic = 0;
	iw_cond_fini(&id->acked);
	iw_lock_fini(&id->lock);
	iw_lock_fini(&id->attaching);
	iw_lock_fini(&id->moving);
	free(id);
}

/* ---- creation and destruction */

static int create_sync(void *context, enum rdma_port_space ps, struct shim_id **priv)
{
	struct shim_channel *channel;
	int rc = shim_choose_any();

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
	iw_caller_is(__func__, NULL, NULL);
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
	shim_info_end(priv);
	shim_id_detach(priv);
	if (priv->channel)
		drop_unread(priv);
	shim_event_ack_kept(priv);
	shim_id_wait_acked(priv);
	shim_id_free(priv);
	return 0;
}
