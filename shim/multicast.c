// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Multicast is for datagrams, and iWARP has none: groups are never joined.
 */
#include "shim/addr.h"
#include "shim/shim.h"

/* EINVAL is for calls that are wrong on any transport. */
static int join(struct rdma_cm_id *id, const struct sockaddr *addr)
{
	struct shim_id *priv;
	int rc = shim_id_check(id, &priv);

	if (rc)
		return rc;
	if (!shim_addr_known(addr) || !id->verbs || id->qp_type != IBV_QPT_UD)
		return -EINVAL;
	return -EOPNOTSUPP;
}

IW_EXPORT int rdma_join_multicast(struct rdma_cm_id *id, struct sockaddr *addr, void *context)
{
	return shim_return(join(id, addr));
}

static int check_attr(const struct rdma_cm_join_mc_attr_ex *attr)
{
	const uint32_t needed = RDMA_CM_JOIN_MC_ATTR_ADDRESS | RDMA_CM_JOIN_MC_ATTR_JOIN_FLAGS;

	if (!attr)
		return -EINVAL;
	if (attr->comp_mask >= RDMA_CM_JOIN_MC_ATTR_RESERVED)
		return -ENOTSUP;
	if ((attr->comp_mask & needed) != needed)
		return -EINVAL;
	return attr->join_flags >= RDMA_MC_JOIN_FLAG_RESERVED ? -EINVAL : 0;
}

IW_EXPORT int rdma_join_multicast_ex(struct rdma_cm_id *id,
				     struct rdma_cm_join_mc_attr_ex *mc_join_attr, void *context)
{
	int rc = check_attr(mc_join_attr);

	return shim_return(rc ? rc : join(id, mc_join_attr->addr));
}

IW_EXPORT int rdma_leave_multicast(struct rdma_cm_id *id, struct sockaddr *addr)
{
	struct shim_id *priv;
	int rc = shim_id_check(id, &priv);

	if (!rc)
		rc = shim_addr_known(addr) ? -EADDRNOTAVAIL : -EINVAL;
	return shim_return(rc);
}

/* ---- events */

void shim_member_event(struct shim_id *id, const struct iw_cm_event *ev)
{
	iw_warn("id %p: %s of a group that was never joined", (void *)id,
		iw_cm_event_name(ev->type));
}

void shim_member_acked(struct shim_event *event)
{
	iw_cond_broadcast(&event->owner->acked);
}

void shim_members_free(struct shim_id *id)
{
	(void)id;
}
