// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Where an id is and where it goes: bind, address and route resolution, ports.
 * The kernel's routing table is asked first (netlink/), so that a destination
 * without a route is refused at once and the log can say which way it goes.
 */
#include "shim/shim.h"

#include <arpa/inet.h>
#include <infiniband/sa.h>

#include "netlink/nl_link.h"
#include "netlink/nl_route.h"

#ifndef AF_IB
#define AF_IB 27
#endif

static bool known_family(const struct sockaddr *addr)
{
	return addr && (addr->sa_family == AF_INET || addr->sa_family == AF_INET6 ||
			addr->sa_family == AF_IB);
}

static size_t addr_size(const struct sockaddr *addr)
{
	switch (addr->sa_family) {
	case AF_INET:
		return sizeof(struct sockaddr_in);
	case AF_INET6:
		return sizeof(struct sockaddr_in6);
	default:
		return sizeof(struct sockaddr_storage) < 48 ? sizeof(struct sockaddr_storage) : 48;
	}
}

static const struct in6_addr *v6_of(const struct sockaddr *addr)
{
	return &((const struct sockaddr_in6 *)(const void *)addr)->sin6_addr;
}

static uint32_t v4_of(const struct sockaddr *addr)
{
	return ntohl(((const struct sockaddr_in *)(const void *)addr)->sin_addr.s_addr);
}

static bool is_any(const struct sockaddr *addr)
{
	return addr->sa_family == AF_INET
		       ? !v4_of(addr)
		       : addr->sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(v6_of(addr));
}

static bool is_loopback(const struct sockaddr *addr)
{
	return addr->sa_family == AF_INET
		       ? v4_of(addr) >> 24 == 127
		       : addr->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(v6_of(addr));
}

static __be16 port_of(const struct sockaddr *addr)
{
	switch (addr->sa_family) {
	case AF_INET:
		return ((const struct sockaddr_in *)(const void *)addr)->sin_port;
	case AF_INET6:
		return ((const struct sockaddr_in6 *)(const void *)addr)->sin6_port;
	default:
		return 0;
	}
}

/* ---- bind */

static int bind_addr(struct shim_id *id, const struct sockaddr *addr)
{
	struct iw_cm_id *cm;
	int rc;

	if (!known_family(addr))
		return -EINVAL;
	if (shim_id_state(id) != SHIM_IDLE)
		return -EINVAL;
	rc = shim_id_attach(id, IW_DRIVER_KERNEL, &cm);
	if (rc)
		return rc;
	rc = iw_cm_bind(cm, addr);
	if (rc)
		return rc;
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
 * This host by its loopback or wildcard name: the kernel's devices do not sit
 * on the loopback, so go to the address that the id is bound to, or else to
 * the first one that has a device, keeping the port.
 */
static void loopback_to_device(struct shim_id *id, struct sockaddr_storage *dst)
{
	const struct sockaddr *bound = &id->id.route.addr.src_addr;
	__be16 port = port_of((struct sockaddr *)dst);
	struct sockaddr_storage to = { 0 };
	struct nl_rdma_dev dev;

	if (!is_loopback((struct sockaddr *)dst) && !is_any((struct sockaddr *)dst))
		return;
	if (bound->sa_family == dst->ss_family && !is_any(bound) && !is_loopback(bound))
		memcpy(&to, bound, addr_size(bound));
	else if (nl_link_first_rdma_addr(dst->ss_family, &dev, &to))
		return;
	memcpy(dst, &to, sizeof(*dst));
	if (dst->ss_family == AF_INET)
		((struct sockaddr_in *)(void *)dst)->sin_port = port;
	else
		((struct sockaddr_in6 *)(void *)dst)->sin6_port = port;
}

/* Errors of the socket itself do not speak about the route: the kernel will. */
static bool speaks_of_route(int rc)
{
	switch (rc) {
	case -ENETUNREACH:
	case -EHOSTUNREACH:
	case -EACCES:
	case -EADDRNOTAVAIL:
	case -EINVAL:
		return true;
	default:
		return false;
	}
}

static int check_route(struct shim_id *id, const struct sockaddr *src, const struct sockaddr *dst)
{
	struct nl_rdma_dev dev;
	struct nl_route route;
	char host[INET6_ADDRSTRLEN] = "";
	int rc;

	if (dst->sa_family == AF_IB)
		return 0;
	rc = nl_route_lookup(dst, src, 0, &route);
	if (rc)
		return speaks_of_route(rc) ? rc : 0;
	if (!iw_log_enabled(IW_LOG_DEBUG))
		return 0;
	inet_ntop(dst->sa_family,
		  dst->sa_family == AF_INET
			  ? (const void *)&((const struct sockaddr_in *)(const void *)dst)->sin_addr
			  : v6_of(dst),
		  host, sizeof(host));
	if (route.is_local)
		iw_debug("id %p: %s is an address of this host", (void *)id, host);
	else if (nl_link_rdma_dev(route.ifindex, &dev))
		iw_debug("id %p: %s leaves by interface %d, which has no RDMA device", (void *)id,
			 host, route.ifindex);
	else
		iw_debug("id %p: %s leaves by interface %d, RDMA device %s port %u", (void *)id,
			 host, route.ifindex, dev.name, dev.port);
	return 0;
}

/* IDLE or BOUND -> ADDR_QUERY, with the one event it will cause. */
static int begin_addr_query(struct shim_id *id, enum shim_state *was)
{
	int rc = shim_events_promise(id, 1);

	if (rc)
		return rc;
	*was = shim_id_state(id);
	if ((*was == SHIM_IDLE || *was == SHIM_BOUND) && shim_id_move(id, *was, SHIM_ADDR_QUERY))
		return 0;
	shim_events_unpromise(id, 1);
	return -EINVAL;
}

static int check_pair(struct shim_id *id, const struct sockaddr *src, const struct sockaddr *dst)
{
	sa_family_t bound = id->id.route.addr.src_addr.sa_family;

	if (!known_family(dst))
		return -EINVAL;
	if (src && src->sa_family && (!known_family(src) || src->sa_family != dst->sa_family))
		return -EINVAL;
	return bound && bound != dst->sa_family ? -EINVAL : 0;
}

static int resolve_addr(struct shim_id *id, const struct sockaddr *src, const struct sockaddr *dst,
			int timeout_ms)
{
	struct sockaddr_storage to = { 0 };
	const struct sockaddr *from = src && src->sa_family ? src : NULL;
	const struct sockaddr *bound = &id->id.route.addr.src_addr; /* family 0: not yet */
	const bool sync = id->sync;
	enum shim_state was;
	struct iw_cm_id *cm;
	int rc = check_pair(id, src, dst);

	if (rc)
		return rc;
	rc = begin_addr_query(id, &was);
	if (rc)
		return rc;
	if (bound->sa_family)
		from = bound; /* what the id is bound to counts */
	memcpy(&to, dst, addr_size(dst));
	if (dst->sa_family != AF_IB)
		loopback_to_device(id, &to);
	rc = check_route(id, from, (struct sockaddr *)&to);
	if (rc)
		goto back;
	rc = shim_id_attach(id, IW_DRIVER_KERNEL, &cm);
	if (rc)
		goto back;
	memcpy(&id->id.route.addr.dst_storage, &to, sizeof(to));
	rc = iw_cm_resolve_addr(cm, from == bound ? NULL : from, (struct sockaddr *)&to,
				timeout_ms);
	if (rc)
		goto forget;
	return sync ? shim_complete(id, RDMA_CM_EVENT_ADDR_RESOLVED) : 0;

forget:
	memset(&id->id.route.addr.dst_storage, 0, sizeof(to));
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

static int resolve_route(struct shim_id *id, int timeout_ms)
{
	struct iw_cm_id *cm = shim_id_cm(id);
	const bool sync = id->sync;
	int rc;

	if (!timeout_ms || !cm)
		return -EINVAL;
	rc = shim_events_promise(id, 1);
	if (rc)
		return rc;
	if (!shim_id_move(id, SHIM_ADDR_RESOLVED, SHIM_ROUTE_QUERY)) {
		rc = -EINVAL;
		goto unpromise;
	}
	rc = iw_cm_resolve_route(cm, timeout_ms);
	if (rc)
		goto back;
	return sync ? shim_complete(id, RDMA_CM_EVENT_ROUTE_RESOLVED) : 0;

back:
	shim_id_set_state(id, SHIM_ADDR_RESOLVED);
unpromise:
	shim_events_unpromise(id, 1);
	return rc;
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

	return shim_id_check(id, &priv) == -EINVAL ? 0 : port_of(&id->route.addr.src_addr);
}

IW_EXPORT __be16 rdma_get_dst_port(struct rdma_cm_id *id)
{
	struct shim_id *priv;

	return shim_id_check(id, &priv) == -EINVAL ? 0 : port_of(&id->route.addr.dst_addr);
}
