// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The shared receive queue of an id: rdma_create_srq(3). XRC, which would bring
 * domains and queues of its own, is refused.
 */
#include "shim/shim.h"

#include <rdma/rdma_verbs.h>

static int check(const struct rdma_cm_id *id, const struct ibv_srq_init_attr_ex *attr)
{
	if (!attr || !id->verbs || id->srq)
		return -EINVAL;
	if (!(attr->comp_mask & IBV_SRQ_INIT_ATTR_TYPE))
		return -EINVAL;
	if (attr->srq_type == IBV_SRQT_XRC)
		return -EOPNOTSUPP;
	if (attr->comp_mask & IBV_SRQ_INIT_ATTR_PD && attr->pd && attr->pd->context != id->verbs)
		return -EINVAL;
	return 0;
}

static int create_srq(struct rdma_cm_id *id, struct ibv_srq_init_attr_ex *attr)
{
	struct ibv_srq *srq;
	int rc = check(id, attr);

	if (rc)
		return rc;
	if (!(attr->comp_mask & IBV_SRQ_INIT_ATTR_PD) || !attr->pd) {
		attr->comp_mask |= IBV_SRQ_INIT_ATTR_PD;
		attr->pd = id->pd;
	}
	errno = 0;
	srq = iw_fault(IW_FAULT_SYSCALL) ? NULL : ibv_create_srq_ex(id->verbs, attr);
	if (!srq)
		return shim_errno_or(-ENOMEM);
	id->srq = srq;
	return 0;
}

IW_EXPORT int rdma_create_srq_ex(struct rdma_cm_id *id, struct ibv_srq_init_attr_ex *attr)
{
	struct shim_id *priv;
	int rc = shim_id_check(id, &priv);

	return shim_return(rc ? rc : create_srq(id, attr));
}

IW_EXPORT int rdma_create_srq(struct rdma_cm_id *id, struct ibv_pd *pd,
			      struct ibv_srq_init_attr *attr)
{
	struct ibv_srq_init_attr_ex ex = {
		.comp_mask = IBV_SRQ_INIT_ATTR_TYPE | IBV_SRQ_INIT_ATTR_PD,
		.srq_type = IBV_SRQT_BASIC,
		.pd = pd,
	};
	int rc;

	if (!attr)
		return shim_return(-EINVAL);
	ex.srq_context = attr->srq_context;
	ex.attr = attr->attr;
	rc = rdma_create_srq_ex(id, &ex);
	if (!rc)
		attr->attr = ex.attr;
	return rc;
}

IW_EXPORT void rdma_destroy_srq(struct rdma_cm_id *id)
{
	struct shim_id *priv;
	int rc;

	if (shim_id_check(id, &priv) || !id->srq)
		return;
	rc = ibv_destroy_srq(id->srq);
	if (rc)
		iw_warn("id %p: the SRQ was not destroyed: %s", (void *)id, strerror(rc));
	id->srq = NULL;
}
