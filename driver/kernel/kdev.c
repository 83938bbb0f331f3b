// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "driver/kernel/kdev.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/caller.h"
#include "base/fault.h"
#include "base/log.h"
#include "driver/kernel/kconn.h"
#include "driver/kernel/kevent.h"
#include "driver/kernel/kfork.h"
#include "driver/kernel/kid.h"
#include "driver/kernel/kmember.h"
#include "driver/kernel/kpark.h"
#include "driver/kernel/kqp.h"
#include "driver/kernel/kquery.h"
#include "driver/kernel/kservice.h"
#include "driver/kernel/ucma.h"

/* Only pumps between the kernel and the core are waited for, never a peer. */
#define MIGRATE_WAIT_MS 10000

/* --------------------------------------------------------- Probe and source */

static int kdev_probe(void)
{
	static bool served;
	int ret;

	if (__atomic_load_n(&served, __ATOMIC_RELAXED))
		return 0;
	ret = ucma_probe(&ucma_default_paths);
	if (!ret)
		__atomic_store_n(&served, true, __ATOMIC_RELAXED);
	return ret;
}

static int source_open(struct iw_source **source, int *fd)
{
	struct iw_source *new;
	int ret;

	kpark_reap();
	ret = kfork_setup();
	if (ret)
		return ret;
	new = iw_calloc(1, sizeof(*new));
	if (!new)
		return -ENOMEM;
	new->fd = ucma_open(ucma_default_paths.device);
	if (new->fd < 0) {
		ret = new->fd;
		free(new);
		return ret;
	}
	new->forks = kfork_count();
	iw_lock_init(&new->order);
	TAILQ_INIT(&new->children);
	*source = new;
	*fd = new->fd;
	return 0;
}

static void source_close(struct iw_source *source)
{
	kpark_reap();
	ucma_close(source->fd);
	iw_lock_fini(&source->order);
	free(source);
}

/* ------------------------------------------------------------------- Events */

/* A request that nobody takes is refused on the wire. */
static void refuse(const struct iw_source *source, uint32_t kernel_id)
{
	uint32_t reported;
	int ret = ucma_destroy_id(source->fd, kernel_id, &reported);

	if (ret)
		iw_warn("cannot refuse request %u: %s", kernel_id, strerror(-ret));
}

static int child_new(struct iw_source *source, struct kid *listener, uint32_t kernel_id,
		     struct iw_cm_id **id)
{
	struct kid *child;
	int ret;

	ret = kid_new(source, true, &child);
	if (ret)
		return ret;
	child->kernel_id = kernel_id;
	child->datagram = listener->datagram;
	ret = iw_cm_child_new(listener->id, child, &child->id);
	if (ret) {
		kid_free(child);
		return ret;
	}
	kid_list_child(child);
	*id = child->id;
	return 0;
}

/* True: the caller owes the core a drain. */
static bool append(struct kid *kid, const struct iw_cm_event *ev)
{
	bool drain;
	int ret = iw_cm_append(kid->id, ev, &drain);

	if (ret)
		iw_debug("kernel id %u: event %u was not taken: %s", kid->kernel_id, ev->detail,
			 strerror(-ret));
	return drain;
}

static unsigned int translation_flags(const struct kid *kid)
{
	enum kid_depths depths = __atomic_load_n(&kid->depths, __ATOMIC_RELAXED);

	return (kid->passive ? KEVENT_PASSIVE : 0) | (kid->datagram ? KEVENT_DATAGRAM : 0) |
	       (depths == KID_DEPTHS_SWAPPED ? KEVENT_DEPTHS_SWAPPED : 0);
}

/* From the kernel to the core's list. True: the caller owes the core a drain. */
static bool take_event(struct iw_source *source, struct kid *kid,
		       const struct rdma_ucm_event_resp *resp, void *membership)
{
	struct iw_cm_event ev;
	int ret;

	if (kevent_translate(resp, translation_flags(kid), &ev)) {
		iw_warn("kernel id %u: unexpected event %u of rdma_cm ignored", kid->kernel_id,
			resp->event);
		return false;
	}
	if (ev.type == IW_CM_EVENT_CONNECT_REQUEST) {
		ret = child_new(source, kid, resp->id, &ev.child);
		if (ret) {
			iw_info("request %u refused: %s", resp->id, strerror(-ret));
			refuse(source, resp->id);
			return false;
		}
	}
	/* A device that goes waits for its ids, so none of them may be parked. */
	if (ev.type == IW_CM_EVENT_DEVICE_GONE)
		kid_attempt(kid, false);
	if (!kconn_event_wanted(kid, &ev))
		return false;
	ev.membership = membership;
	return append(kid, &ev);
}

/* Whose event it is. @membership: what the core calls a membership's. */
static struct kid *pin_owner(struct iw_source *source, const struct rdma_ucm_event_resp *resp,
			     void **membership)
{
	if (kevent_is_multicast(resp))
		return kid_pin_member(resp->uid, membership);
	return resp->uid ? kid_pin(resp->uid) : kid_pin_child(source, resp->id);
}

static void for_nobody(const struct iw_source *source, const struct rdma_ucm_event_resp *resp)
{
	iw_warn("event %u of rdma_cm for nobody (uid %#llx, id %u) ignored", resp->event,
		(unsigned long long)resp->uid, resp->id);
	if (resp->event == UCMA_EVENT_CONNECT_REQUEST)
		refuse(source, resp->id);
}

static int source_pump(struct iw_source *source)
{
	struct rdma_ucm_event_resp resp;
	void *membership = NULL;
	struct kid *kid = NULL;
	bool drain = false;
	int ret;

	iw_lock(&source->order);
	ret = ucma_get_event(source->fd, &resp);
	if (ret)
		goto unlock;
	kid = pin_owner(source, &resp, &membership);
	if (!kid)
		for_nobody(source, &resp);
	else if (membership || !kevent_is_multicast(&resp))
		drain = take_event(source, kid, &resp, membership);
unlock:
	iw_unlock(&source->order);
	if (drain)
		iw_cm_drain(kid->id);
	if (kid)
		kid_unpin(kid);
	return ret;
}

/* --------------------------------------------------------------------- Life */

static int id_new(struct iw_cm_id *id, void *arg, void **drv)
{
	const struct iw_cm_open_arg *open_arg = arg;
	uint32_t kernel_id;
	struct kid *kid;
	int ret;

	kpark_reap();
	ret = kid_new(open_arg->source, false, &kid);
	if (ret)
		return ret;
	kid->datagram = open_arg->qp_type == IBV_QPT_UD;
	ret = ucma_create_id(open_arg->source->fd, kid->handle, open_arg->ps, open_arg->qp_type,
			     &kernel_id);
	if (ret) {
		kid_free(kid);
		return ret;
	}
	kid_name(kid, id, kernel_id);
	*drv = kid;
	return 0;
}

/* True in a forked child for what its parent made. */
static bool is_inherited(const struct kid *kid)
{
	return kid->source->forks != kfork_count();
}

/* Without waiting for a peer: while the kernel's iWARP CM waits for one, the id is parked. */
static int end_kernel_id(struct kid *kid, uint32_t *reported)
{
	int ret;

	if (kid_is_pending(kid) && iw_cm_transport(kid->id) == IW_CM_IWARP) {
		ret = kpark_id(kid->source->fd, kid->kernel_id, kid->handle, reported);
		if (!ret && !kid_park(kid))
			kpark_end(kid->handle);
		if (!ret)
			return 0;
		iw_warn("kernel id %u: destroying it may wait for its peer, since parking failed: "
			"%s",
			kid->kernel_id, strerror(-ret));
	}
	return ucma_destroy_id(kid->source->fd, kid->kernel_id, reported);
}

static void id_gone(struct iw_cm_id *id, void *drv)
{
	struct kid *kid = drv;
	uint32_t reported;
	int ret;

	if (is_inherited(kid)) {
		kid_drop(kid);
		return;
	}
	ret = end_kernel_id(kid, &reported);
	if (ret)
		iw_warn("kernel id %u is not destroyed: %s", kid->kernel_id, strerror(-ret));
	kid_retire(kid, ret ? NULL : &reported);
}

static int migrate(struct iw_cm_id *id, void *drv, void *source)
{
	struct iw_source *to = source;
	char who[IW_CALLER_TEXT];
	struct kid *kid = drv;
	uint32_t reported;
	int ret;

	ret = ucma_migrate_id(to->fd, kid->kernel_id, kid->source->fd, &reported);
	if (ret)
		return ret;
	if (!kid_move(kid, reported, to, MIGRATE_WAIT_MS))
		iw_error("%s has waited %d s for another thread to be through with an event of "
			 "kernel id %u, and goes on",
			 iw_caller_text(&iw_caller_now, who), MIGRATE_WAIT_MS / 1000,
			 kid->kernel_id);
	return 0;
}

/* --------------------------------------------------------------- Addressing */

static int kid_fd(const struct kid *kid)
{
	return kid->source->fd;
}

static int bind_addr(struct iw_cm_id *id, void *drv, const struct sockaddr *addr)
{
	const struct kid *kid = drv;

	return ucma_bind(kid_fd(kid), kid->kernel_id, addr);
}

static int resolve_addr(struct iw_cm_id *id, void *drv, const struct sockaddr *src,
			const struct sockaddr *dst, int timeout_ms)
{
	const struct kid *kid = drv;

	return ucma_resolve_addr(kid_fd(kid), kid->kernel_id, src, dst, (uint32_t)timeout_ms);
}

static int resolve_route(struct iw_cm_id *id, void *drv, int timeout_ms)
{
	const struct kid *kid = drv;

	return ucma_resolve_route(kid_fd(kid), kid->kernel_id, (uint32_t)timeout_ms);
}

static int query(struct iw_cm_id *id, void *drv, struct iw_cm_addr_info *info)
{
	return kquery_addr(drv, info);
}

static int query_path(struct iw_cm_id *id, void *drv, struct iw_cm_path_info *info)
{
	return kquery_path(drv, info);
}

static int resolve_service(struct iw_cm_id *id, void *drv, const struct iw_cm_service *service)
{
	return kservice_resolve(drv, service);
}

static int query_service(struct iw_cm_id *id, void *drv, struct iw_cm_service_info *info)
{
	return kservice_query(drv, info);
}

static int set_option(struct iw_cm_id *id, void *drv, int level, int name, const void *val,
		      size_t len)
{
	const struct kid *kid = drv;
	struct rdma_ucm_set_option option = {
		.optval = (uintptr_t)val,
		.level = (uint32_t)level,
		.optname = (uint32_t)name,
		.optlen = (uint32_t)len,
	};

	if (len > UINT32_MAX)
		return -EINVAL;
	return ucma_set_option(kid_fd(kid), kid->kernel_id, &option);
}

static int notify(struct iw_cm_id *id, void *drv, int event)
{
	const struct kid *kid = drv;

	return ucma_notify(kid_fd(kid), kid->kernel_id, (uint32_t)event);
}

/* -------------------------------------------------------------- Connections */

static int kdev_listen(struct iw_cm_id *id, void *drv, int backlog)
{
	const struct kid *kid = drv;

	return ucma_listen(kid_fd(kid), kid->kernel_id, backlog);
}

static int kdev_connect(struct iw_cm_id *id, void *drv, const struct iw_cm_conn_param *param)
{
	return kconn_connect(drv, param);
}

static int kdev_accept(struct iw_cm_id *id, void *drv, const struct iw_cm_conn_param *param)
{
	return kconn_accept(drv, param);
}

static int reject(struct iw_cm_id *id, void *drv, const void *private_data, size_t len,
		  uint8_t reason)
{
	return kconn_reject(drv, private_data, len, reason);
}

static int establish(struct iw_cm_id *id, void *drv)
{
	return kconn_establish(drv);
}

/*
 * The kernel's DISCONNECT of an attempt sleeps until its outcome on iWARP, and
 * does nothing on InfiniBand: the core gets the outcome now, the kernel's own is
 * swallowed when it comes.
 */
static int disconnect(struct iw_cm_id *id, void *drv, bool abrupt)
{
	struct kid *kid = drv;
	struct iw_cm_event ev = {
		.type = kid->passive ? IW_CM_EVENT_ESTABLISHED : IW_CM_EVENT_CONNECT_REPLY,
		.status = -ECANCELED,
		.detail = UCMA_EVENT_CONNECT_ERROR,
	};

	/* It may be in the queue: then there is a connection to end. */
	while (kid_is_pending(kid) && !source_pump(kid->source))
		;
	if (!kconn_cancel(kid))
		return kconn_disconnect(kid);
	if (append(kid, &ev))
		iw_cm_drain(id);
	return 0;
}

/*
 * A QP that leaves between accept and ESTABLISHED, while a peer-to-peer client
 * owes its first FPDU, makes the iw_cm of Linux 6.1 run into a BUG().
 */
static bool must_stay(struct kid *kid, enum iw_qp_state to)
{
	return (to == IW_QP_ERR || to == IW_QP_SQD) && kid->passive && kid_is_pending(kid) &&
	       iw_cm_transport(kid->id) == IW_CM_IWARP;
}

static int modify_qp(struct iw_cm_id *id, void *drv, void *qp, enum iw_qp_state to,
		     const struct iw_cm_conn_param *param)
{
	/* uverbs, unlike rdma_cm, would let a forked child break its parent's QP. */
	if (is_inherited(drv))
		return -EACCES;
	if (must_stay(drv, to))
		return -EBUSY;
	return kqp_modify(drv, qp, to, param);
}

static int init_qp_attr(struct iw_cm_id *id, void *drv, void *qp_attr, int *mask)
{
	return kqp_init_attr(drv, qp_attr, mask);
}

/* --------------------------------------------------------------- Multicast */

static int join(struct iw_cm_id *id, void *drv, const struct iw_cm_join *join)
{
	return kmember_join(drv, join);
}

static int leave(struct iw_cm_id *id, void *drv, void *membership)
{
	/* The parent's thread may hold the lock of the source for ever. */
	return is_inherited(drv) ? -EACCES : kmember_leave(drv, membership);
}

static const struct iw_cm_driver_ops kdev_ops = {
	.name = "kernel",
	.id_new = id_new,
	.id_gone = id_gone,
	.bind = bind_addr,
	.resolve_addr = resolve_addr,
	.resolve_route = resolve_route,
	.query = query,
	.query_path = query_path,
	.resolve_service = resolve_service,
	.query_service = query_service,
	.set_option = set_option,
	.notify = notify,
	.init_qp_attr = init_qp_attr,
	.listen = kdev_listen,
	.connect = kdev_connect,
	.accept = kdev_accept,
	.reject = reject,
	.establish = establish,
	.disconnect = disconnect,
	.modify_qp = modify_qp,
	.join = join,
	.leave = leave,
	.migrate = migrate,
};

const struct iw_driver iw_kernel_driver = {
	.name = "kernel",
	.cm = &kdev_ops,
	.probe = kdev_probe,
	.source_open = source_open,
	.source_pump = source_pump,
	.source_close = source_close,
};
