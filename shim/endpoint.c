// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Endpoints: an id, its address and its QP in one step, always synchronous; and
 * rdma_get_request(3), which gives each child of a listening one its QP.
 */
#include <rdma/rdma_verbs.h>
#include <stdlib.h>

#include "shim/addr.h"
#include "shim/shim.h"

/* What one step of an active endpoint may take; rdma_create_ep(3) has no say. */
#define STEP_MS 2000

/*
 * Programs that fill one in by hand may leave the length 0: it goes by the family
 * then, as everywhere. One that is too short for that is wrong about something.
 */
static bool is_cut_off(const struct sockaddr *addr, socklen_t len)
{
	if (!addr || !len)
		return false;
	return len < sizeof(addr->sa_family) ||
	       (shim_addr_known(addr) && len < shim_addr_size(addr));
}

/* Whether a QP of that type can belong to an id of that port space; 0: the usual one. */
static bool type_fits(int type, int port_space)
{
	const bool datagram = port_space == RDMA_PS_UDP || port_space == RDMA_PS_IPOIB;

	switch (type) {
	case 0:
		return true;
	case IBV_QPT_UD:
		return datagram || port_space == RDMA_PS_IB;
	case IBV_QPT_RC:
	case IBV_QPT_UC:
	case IBV_QPT_XRC_SEND:
	case IBV_QPT_XRC_RECV:
	case IBV_QPT_DRIVER:
		return !datagram;
	default:
		return false;
	}
}

static int check_info(const struct rdma_addrinfo *info)
{
	if (info->ai_connect_len && !info->ai_connect)
		return -EINVAL;
	if (info->ai_route_len && !info->ai_route)
		return -EINVAL;
	if (is_cut_off(info->ai_src_addr, info->ai_src_len) ||
	    is_cut_off(info->ai_dst_addr, info->ai_dst_len))
		return -EINVAL;
	return type_fits(info->ai_qp_type, info->ai_port_space) ? 0 : -EINVAL;
}

/* What the endpoint brings to later calls, if anything. */
static int keep_connect_data(struct shim_id *id, const struct rdma_addrinfo *info)
{
	if (!info->ai_connect_len)
		return 0;
	if (info->ai_connect_len > SHIM_PRIVATE_DATA_SENT)
		return -EINVAL;
	id->ep = iw_calloc(1, sizeof(*id->ep));
	if (!id->ep)
		return -ENOMEM;
	id->ep->connect_len = (uint8_t)iw_copy(id->ep->connect, sizeof(id->ep->connect),
					       info->ai_connect, info->ai_connect_len);
	return 0;
}

static int keep_qp_attr(struct shim_id *id, struct ibv_pd *pd, const struct ibv_qp_init_attr *attr)
{
	if (!attr)
		return 0;
	id->ep = iw_calloc(1, sizeof(*id->ep));
	if (!id->ep)
		return -ENOMEM;
	id->ep->has_attr = true;
	id->ep->pd = pd;
	id->ep->attr = *attr;
	id->ep->attr.qp_type = id->id.qp_type;
	return 0;
}

/* Synchronous calls: -1 and errno, as the program would see them. */
static int passive(struct shim_id *id, const struct rdma_addrinfo *info, struct ibv_pd *pd,
		   const struct ibv_qp_init_attr *attr)
{
	int rc = keep_qp_attr(id, pd, attr);

	return rc ? shim_return(rc) : rdma_bind_addr(&id->id, info->ai_src_addr);
}

/* A path that the address came with need not be looked for. */
static int find_route(struct rdma_cm_id *id, const struct rdma_addrinfo *info)
{
	if (!info->ai_route_len)
		return rdma_resolve_route(id, STEP_MS);
	return rdma_set_option(id, RDMA_OPTION_IB, RDMA_OPTION_IB_PATH, info->ai_route,
			       info->ai_route_len);
}

static int active(struct shim_id *id, const struct rdma_addrinfo *info, struct ibv_pd *pd,
		  struct ibv_qp_init_attr *attr)
{
	struct rdma_cm_id *pub = &id->id;
	int rc = keep_connect_data(id, info);

	if (rc)
		return shim_return(rc);
	if (rdma_resolve_addr(pub, info->ai_src_addr, info->ai_dst_addr, STEP_MS))
		return -1;
	if (find_route(pub, info))
		return -1;
	if (!attr)
		return 0;
	attr->qp_type = id->id.qp_type;
	return rdma_create_qp(pub, pd, attr);
}

IW_EXPORT int rdma_create_ep(struct rdma_cm_id **id, struct rdma_addrinfo *res, struct ibv_pd *pd,
			     struct ibv_qp_init_attr *qp_init_attr)
{
	struct rdma_cm_id *made;
	struct shim_id *priv;
	int rc = id && res ? check_info(res) : -EINVAL;

	if (rc)
		return shim_return(rc);
	if (rdma_create_id(NULL, &made, NULL, (enum rdma_port_space)res->ai_port_space))
		return -1;
	priv = (struct shim_id *)(void *)made;
	if (res->ai_qp_type)
		made->qp_type = (enum ibv_qp_type)res->ai_qp_type; /* as verbs will judge */
	rc = res->ai_flags & RAI_PASSIVE ? passive(priv, res, pd, qp_init_attr)
					 : active(priv, res, pd, qp_init_attr);
	if (rc) {
		rc = -errno;
		rdma_destroy_ep(made);
		return shim_return(rc);
	}
	*id = made;
	return 0;
}

IW_EXPORT void rdma_destroy_ep(struct rdma_cm_id *id)
{
	struct shim_id *priv;

	if (shim_id_check(id, &priv))
		return;
	rdma_destroy_qp(id);
	rdma_destroy_srq(id);
	rdma_destroy_id(id);
}

/* ---- requests */

/* The QP that the listener's endpoint promised to its children. */
static int give_qp(struct shim_id *listener, struct rdma_cm_id *child)
{
	struct ibv_qp_init_attr attr;

	if (!listener->ep || !listener->ep->has_attr)
		return 0;
	attr = listener->ep->attr;
	return rdma_create_qp(child, listener->ep->pd, &attr) ? -errno : 0;
}

/* On success the child has the event; its destroy acknowledges it. */
static int get_request(struct shim_id *listener, struct rdma_cm_id **id)
{
	struct rdma_cm_id *child;
	struct shim_event *event;
	int rc;

	if (!listener->sync || shim_id_state(listener) != SHIM_LISTEN)
		return -EINVAL;
	rc = shim_next(listener, &event);
	if (rc)
		return rc;
	if (!shim_is_request(event)) {
		rc = shim_meaning(&event->ev, RDMA_CM_EVENT_CONNECT_REQUEST);
		shim_event_keep(event, listener); /* another thread's to acknowledge from here on */
		return rc;
	}
	child = event->ev.id;
	shim_event_keep(event, shim_child_of(event));
	child->qp_type = listener->id.qp_type; /* which XRC has from the address */
	rc = give_qp(listener, child);
	if (rc) {
		rdma_destroy_id(child); /* refuses the request */
		return rc;
	}
	*id = child;
	return 0;
}

IW_EXPORT int rdma_get_request(struct rdma_cm_id *listen, struct rdma_cm_id **id)
{
	struct shim_id *priv;
	int rc = id ? shim_id_check(listen, &priv) : -EINVAL;

	return shim_return(rc ? rc : get_request(priv, id));
}
