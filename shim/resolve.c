// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Where an id is and where it goes: bind, address and route resolution, ports.
 * The kernel's routing table is asked first (netlink/), so that a destination
 * without a route is refused at once and the log can say which way it goes.
 */
#include "shim/addr.h"
#include "shim/choose.h"
#include "shim/shim.h"

/* ---- bind */

static int bind_addr(struct shim_id *id, const struct sockaddr *addr)
{
	enum iw_driver_kind kind;
	struct iw_cm_id *cm;
	int rc;

	if (!shim_addr_known(addr))
		return -EINVAL;
	if (shim_id_state(id) != SHIM_IDLE)
		return -EINVAL;
	rc = shim_choose_local(addr, &kind);
	if (rc)
		return rc;
	rc = shim_id_attach(id, kind, &cm);
	if (rc)
		return rc;
	rc = iw_cm_bind(cm, addr);
	if (rc)
		return rc;
	id->any_port = !shim_addr_port(addr);
	shim_id_set_state(id, SHIM_BOUND);
	return shim_id_refresh(id, cm);
}

IW_EXPORT int rdma_bind_addr(struct rdma_cm_id *id, struct sockaddr *addr)
{
	struct shim_id *priv;
	int rc = shim_id_check(id, &priv);

	return shim_return(rc ? rc : bind_addr(priv, addr));
}

/* ---- address */

/*
 * The way to @dst. An id at one address stays with the driver that serves that;
 * one at all addresses, or at none yet, goes with whom the way needs.
 */
static int find_path(struct shim_id *id, const struct sockaddr *from, const struct sockaddr *dst,
		     struct shim_path *path)
{
	const struct sockaddr *bound = &id->id.route.addr.src_addr;
	bool fixed = shim_id_cm(id) && bound->sa_family && !shim_addr_is_any(bound);

	return fixed ? shim_choose_path_of(id->kind, from, dst, path)
		     : shim_choose_path(from, dst, path);
}

/*
 * The source to tell the driver; NULL: none. What the id is bound to, the driver
 * knows; the kernel chooses by itself; the software device has to be told.
 */
static const struct sockaddr *source_for(struct shim_id *id, const struct sockaddr *from,
					 struct shim_path *path)
{
	const struct sockaddr *bound = &id->id.route.addr.src_addr;

	if (bound->sa_family && (path->kind == IW_DRIVER_KERNEL || !shim_addr_is_any(bound)))
		return NULL;
	if (path->kind == IW_DRIVER_KERNEL)
		return from;
	if (!path->src.ss_family)
		return from;
	if (bound->sa_family || from)
		shim_addr_set_port(&path->src, shim_addr_port(bound->sa_family ? bound : from));
	return (struct sockaddr *)&path->src;
}

/* With a number of its own, which its answer will have. */
static bool begin_query(struct shim_id *id, enum shim_state from, enum shim_state to)
{
	bool ok;

	iw_lock(&id->lock);
	ok = id->state == from;
	if (ok) {
		__atomic_store_n(&id->state, to, __ATOMIC_RELAXED);
		id->way = ++id->asked;
	}
	iw_unlock(&id->lock);
	return ok;
}

/* IDLE or BOUND -> ADDR_QUERY, with the one event it will cause. */
static int begin_addr_query(struct shim_id *id, enum shim_state *was)
{
	int rc = shim_events_promise(id, 1);

	if (rc)
		return rc;
	*was = shim_id_state(id);
	if ((*was == SHIM_IDLE || *was == SHIM_BOUND) && begin_query(id, *was, SHIM_ADDR_QUERY))
		return 0;
	shim_events_unpromise(id, 1);
	return -EINVAL;
}

static int check_pair(const struct sockaddr *src, const struct sockaddr *dst)
{
	if (!shim_addr_known(dst))
		return -EINVAL;
	if (src && src->sa_family && (!shim_addr_known(src) || src->sa_family != dst->sa_family))
		return -EINVAL;
	return 0;
}

static int resolve_addr(struct shim_id *id, const struct sockaddr *src, const struct sockaddr *dst,
			int timeout_ms)
{
	const struct sockaddr *from = src && src->sa_family ? src : NULL;
	const struct sockaddr *bound = &id->id.route.addr.src_addr; /* family 0: not yet */
	const bool sync = id->sync;
	struct shim_path path;
	enum shim_state was;
	struct iw_cm_id *cm;
	int rc = check_pair(src, dst);

	if (rc)
		return rc;
	rc = begin_addr_query(id, &was);
	if (rc)
		return rc;
	/* From here on nobody else writes the addresses of the id. */
	if (bound->sa_family)
		from = bound; /* what the id is bound to counts */
	rc = from && from->sa_family != dst->sa_family ? -EINVAL : 0;
	if (rc)
		goto back;
	rc = find_path(id, from, dst, &path);
	if (rc)
		goto back;
	rc = shim_id_attach(id, path.kind, &cm);
	if (rc)
		goto back;
	id->id.route.addr.dst_storage = path.dst;
	rc = iw_cm_resolve_addr(cm, source_for(id, from, &path), (struct sockaddr *)&path.dst,
				timeout_ms);
	if (rc)
		goto forget;
	return sync ? shim_complete(id, RDMA_CM_EVENT_ADDR_RESOLVED) : 0;

forget:
	memset(&id->id.route.addr.dst_storage, 0, sizeof(path.dst));
back:
	shim_events_unpromise(id, 1);
	shim_id_set_state(id, was);
	return rc;
}

IW_EXPORT int rdma_resolve_addr(struct rdma_cm_id *id, struct sockaddr *src_addr,
				struct sockaddr *dst_addr, int timeout_ms)
{
	struct shim_id *priv;
	int rc = shim_id_check(id, &priv);

	return shim_return(rc ? rc : resolve_addr(priv, src_addr, dst_addr, timeout_ms));
}

/* ---- route */

int shim_route_begin(struct shim_id *id)
{
	int rc = shim_events_promise(id, 1);

	if (rc)
		return rc;
	if (begin_query(id, SHIM_ADDR_RESOLVED, SHIM_ROUTE_QUERY))
		return 0;
	shim_events_unpromise(id, 1);
	return -EINVAL;
}

int shim_route_begun(struct shim_id *id, bool sync, int rc)
{
	if (!rc)
		return sync ? shim_complete(id, RDMA_CM_EVENT_ROUTE_RESOLVED) : 0;
	shim_id_set_state(id, SHIM_ADDR_RESOLVED);
	shim_events_unpromise(id, 1);
	return rc;
}

static int resolve_route(struct shim_id *id, int timeout_ms)
{
	struct iw_cm_id *cm = shim_id_cm(id);
	const bool sync = id->sync;
	int rc;

	if (!timeout_ms || !cm)
		return -EINVAL;
	rc = shim_route_begin(id);
	if (rc)
		return rc;
	rc = iw_cm_resolve_route(cm, timeout_ms);
	return shim_route_begun(id, sync, rc);
}

IW_EXPORT int rdma_resolve_route(struct rdma_cm_id *id, int timeout_ms)
{
	struct shim_id *priv;
	int rc = shim_id_check(id, &priv);

	return shim_return(rc ? rc : resolve_route(priv, timeout_ms));
}

/* ---- ports */

IW_EXPORT __be16 rdma_get_src_port(struct rdma_cm_id *id)
{
	struct shim_id *priv;

	return shim_id_check(id, &priv) == -EINVAL ? 0 : shim_addr_port(&id->route.addr.src_addr);
}

IW_EXPORT __be16 rdma_get_dst_port(struct rdma_cm_id *id)
{
	struct shim_id *priv;

	return shim_id_check(id, &priv) == -EINVAL ? 0 : shim_addr_port(&id->route.addr.dst_addr);
}
