// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The shared receive queue of an id: rdma_create_srq(3). One of XRC belongs to a
 * domain and has a completion queue of its own, both made where the program
 * brings none.
 */
#include "shim/shim.h"

#include <rdma/rdma_verbs.h>

static int check(const struct rdma_cm_id *id, const struct ibv_srq_init_attr_ex *attr)
{
	if (!attr || !id->verbs || id->srq)
		return -EINVAL;
	if (!(attr->comp_mask & IBV_SRQ_INIT_ATTR_TYPE))
		return -EINVAL;
	if (attr->comp_mask & IBV_SRQ_INIT_ATTR_PD && attr->pd && attr->pd->context != id->verbs)
		return -EINVAL;
	return 0;
}

static void use_default_pd(const struct rdma_cm_id *id, struct ibv_srq_init_attr_ex *attr)
{
	if (attr->comp_mask & IBV_SRQ_INIT_ATTR_PD && attr->pd)
		return;
	attr->comp_mask |= IBV_SRQ_INIT_ATTR_PD;
	attr->pd = id->pd;
}

static int use_default_domain(struct shim_id *id, struct ibv_srq_init_attr_ex *attr)
{
	struct ibv_xrcd *xrcd;
	int rc;

	if (attr->comp_mask & IBV_SRQ_INIT_ATTR_XRCD && attr->xrcd)
		return 0;
	rc = shim_device_xrcd(id->device, &xrcd);
	if (rc)
		return rc;
	attr->comp_mask |= IBV_SRQ_INIT_ATTR_XRCD;
	attr->xrcd = xrcd;
	return 0;
}

/* A queue that the id has is used; one that is made goes with the SRQ. */
static int use_default_cq(struct shim_id *id, struct ibv_srq_init_attr_ex *attr)
{
	int rc;

	if (attr->comp_mask & IBV_SRQ_INIT_ATTR_CQ && attr->cq)
		return 0;
	if (!id->id.recv_cq) {
		rc = shim_cq_new(&id->id, attr->attr.max_wr, &id->id.recv_cq,
				 &id->id.recv_cq_channel);
		if (rc)
			return rc;
		id->srq_has_cq = true;
	}
	attr->comp_mask |= IBV_SRQ_INIT_ATTR_CQ;
	attr->cq = id->id.recv_cq;
	return 0;
}

static void end_cq(struct shim_id *id)
{
	if (id->srq_has_cq)
		shim_cq_end(&id->id.recv_cq, &id->id.recv_cq_channel);
	id->srq_has_cq = false;
}

static int prepare_xrc(struct shim_id *id, struct ibv_srq_init_attr_ex *attr)
{
	int rc = use_default_domain(id, attr);

	return rc ? rc : use_default_cq(id, attr);
}

/* On an error @attr is as the program gave it: it names nothing that is gone again. */
static int create_srq(struct shim_id *id, struct ibv_srq_init_attr_ex *attr)
{
	struct ibv_srq_init_attr_ex was;
	struct ibv_srq *srq;
	int rc = check(&id->id, attr);

	if (rc)
		return rc;
	was = *attr;
	use_default_pd(&id->id, attr);
	if (attr->srq_type == IBV_SRQT_XRC)
		rc = prepare_xrc(id, attr);
	if (rc)
		goto put_back;
	errno = 0;
	srq = iw_fault(IW_FAULT_SYSCALL) ? NULL : ibv_create_srq_ex(id->id.verbs, attr);
	if (!srq) {
		rc = shim_errno_or(-ENOMEM);
		goto end_cq;
	}
	id->id.srq = srq;
	return 0;

end_cq:
	end_cq(id);
put_back:
	*attr = was;
	return rc;
}

IW_EXPORT int rdma_create_srq_ex(struct rdma_cm_id *id, struct ibv_srq_init_attr_ex *attr)
{
	struct shim_id *priv;
	int rc = shim_id_check(id, &priv);

	return shim_return(rc ? rc : create_srq(priv, attr));
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
	static const struct iw_slow slow = {
		"ibv_destroy_srq",
		"its asynchronous events were given out and are not acknowledged by "
		"ibv_ack_async_event",
		IW_LOG_ERROR,
	};
	struct iw_watch watch;
	struct shim_id *priv;
	int rc;

	if (shim_id_check(id, &priv) || !id->srq)
		return;
	iw_watch_begin(&watch, &slow);
	rc = ibv_destroy_srq(id->srq);
	iw_watch_end(&watch);
	if (rc)
		iw_warn("id %p: the SRQ was not destroyed: %s", (void *)id, strerror(rc));
	id->srq = NULL;
	end_cq(priv);
}
