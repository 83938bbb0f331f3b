// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The QP of an id, with the completion queues that librdmacm makes where the
 * program brings none. Its states are the core's business.
 */
#include "shim/shim.h"

/* ---- completion queues */

void shim_cq_end(struct ibv_cq **cq, struct ibv_comp_channel **channel)
{
	static const struct iw_slow slow = {
		"ibv_destroy_cq",
		"its events were given out and are not acknowledged by ibv_ack_cq_events",
		IW_LOG_ERROR,
	};
	struct iw_watch watch;

	iw_watch_begin(&watch, &slow);
	if (*cq)
		ibv_destroy_cq(*cq);
	iw_watch_end(&watch);
	*cq = NULL;
	if (*channel)
		ibv_destroy_comp_channel(*channel);
	*channel = NULL;
}

int shim_cq_new(struct rdma_cm_id *id, uint32_t size, struct ibv_cq **cq,
		struct ibv_comp_channel **channel)
{
	struct ibv_comp_channel *cc;
	struct ibv_cq *c;
	int rc;

	errno = 0;
	cc = iw_fault(IW_FAULT_SYSCALL) ? NULL : ibv_create_comp_channel(id->verbs);
	if (!cc)
		return shim_errno_or(-ENOMEM);
	c = iw_fault(IW_FAULT_SYSCALL) ? NULL : ibv_create_cq(id->verbs, (int)size, id, cc, 0);
	if (!c) {
		rc = shim_errno_or(-ENOMEM);
		ibv_destroy_comp_channel(cc);
		return rc;
	}
	*channel = cc;
	*cq = c;
	return 0;
}

/* But for that of an XRC SRQ, which goes with that. */
static bool srq_has_cq(const struct rdma_cm_id *id)
{
	return ((const struct shim_id *)(const void *)id)->srq_has_cq;
}

static void destroy_cqs(struct rdma_cm_id *id)
{
	if (!srq_has_cq(id)) {
		if (id->recv_cq && id->recv_cq != id->send_cq)
			shim_cq_end(&id->recv_cq, &id->recv_cq_channel);
		id->recv_cq = NULL;
		id->recv_cq_channel = NULL;
	}
	shim_cq_end(&id->send_cq, &id->send_cq_channel);
}

/* A queue for each direction that the program left open and that holds work. */
static int create_cqs(struct rdma_cm_id *id, const struct ibv_qp_init_attr_ex *attr)
{
	int rc = 0;

	if (attr->qp_type == IBV_QPT_XRC_RECV)
		return 0;
	if (!attr->recv_cq && !srq_has_cq(id) && attr->cap.max_recv_wr)
		rc = shim_cq_new(id, attr->cap.max_recv_wr, &id->recv_cq, &id->recv_cq_channel);
	if (!rc && !attr->send_cq && attr->cap.max_send_wr)
		rc = shim_cq_new(id, attr->cap.max_send_wr, &id->send_cq, &id->send_cq_channel);
	if (rc)
		destroy_cqs(id);
	return rc;
}

/* ---- creation */

/*
 * The rest of a QP's life hangs on it. To the datagrams of a connection iWARP's
 * devices, which have none, say so themselves.
 */
static bool fits_id(const struct rdma_cm_id *id, const struct ibv_qp_init_attr_ex *attr)
{
	bool datagram = attr->qp_type == IBV_QPT_UD;

	if (id->qp_type == IBV_QPT_UD)
		return datagram;
	return !datagram || id->verbs->device->transport_type == IBV_TRANSPORT_IWARP;
}

static int check_create(struct rdma_cm_id *id, const struct ibv_qp_init_attr_ex *attr)
{
	if (!attr || !id->verbs || id->qp || !fits_id(id, attr))
		return -EINVAL;
	if (attr->comp_mask & IBV_QP_INIT_ATTR_PD && attr->pd && attr->pd->context != id->verbs)
		return -EINVAL;
	if (id->send_cq && attr->send_cq && id->send_cq != attr->send_cq)
		return -EINVAL;
	if (id->recv_cq && attr->recv_cq && id->recv_cq != attr->recv_cq)
		return -EINVAL;
	return 0;
}

static void fill_in(struct rdma_cm_id *id, struct ibv_qp_init_attr_ex *attr)
{
	if (!(attr->comp_mask & IBV_QP_INIT_ATTR_PD) || !attr->pd) {
		attr->comp_mask |= IBV_QP_INIT_ATTR_PD;
		attr->pd = id->pd;
	}
	if (!attr->send_cq)
		attr->send_cq = id->send_cq;
	if (!attr->recv_cq)
		attr->recv_cq = id->recv_cq;
	/* Verbs want two queues, even where no work goes to one. */
	if (!attr->send_cq)
		attr->send_cq = attr->recv_cq;
	if (!attr->recv_cq)
		attr->recv_cq = attr->send_cq;
	if (!attr->srq)
		attr->srq = id->srq;
}

/* The target of an XRC connection has a domain, and neither PD nor queues of its own. */
static int fill_in_target(struct shim_id *id, struct ibv_qp_init_attr_ex *attr)
{
	struct ibv_xrcd *xrcd;
	int rc;

	if (!attr->pd)
		attr->comp_mask &= ~(uint32_t)IBV_QP_INIT_ATTR_PD;
	if (attr->comp_mask & IBV_QP_INIT_ATTR_XRCD && attr->xrcd)
		return 0;
	rc = shim_device_xrcd(id->device, &xrcd);
	if (rc)
		return rc;
	attr->comp_mask |= IBV_QP_INIT_ATTR_XRCD;
	attr->xrcd = xrcd;
	return 0;
}

static int prepare(struct shim_id *id, struct ibv_qp_init_attr_ex *attr)
{
	if (attr->qp_type == IBV_QPT_XRC_RECV)
		return fill_in_target(id, attr);
	fill_in(&id->id, attr);
	return attr->send_cq ? 0 : -EINVAL;
}

/*
 * A QP that is to be connected waits in INIT. One of datagrams can send at once,
 * as rdma_create_qp(3) says.
 */
static int move_new_qp(struct shim_id *id)
{
	int rc = iw_cm_qp_modify(id->cm, IW_QP_INIT);

	if (rc || !shim_is_datagram(id) || shim_is_iwarp(id))
		return rc;
	rc = iw_cm_qp_modify(id->cm, IW_QP_RTR);
	return rc ? rc : iw_cm_qp_modify(id->cm, IW_QP_RTS);
}

static int make_qp(struct shim_id *id, struct ibv_qp_init_attr_ex *attr)
{
	struct ibv_qp *qp;
	int rc;

	errno = 0;
	qp = iw_fault(IW_FAULT_SYSCALL) ? NULL : ibv_create_qp_ex(id->id.verbs, attr);
	if (!qp)
		return shim_errno_or(-ENOMEM);
	rc = iw_cm_qp_attach(id->cm, qp);
	if (rc)
		goto destroy;
	rc = move_new_qp(id);
	if (rc)
		goto detach;
	id->id.qp = qp;
	return 0;

detach:
	iw_cm_qp_detach(id->cm);
destroy:
	ibv_destroy_qp(qp);
	return rc;
}

/* What fill_in() changes, as the program had it. */
static void put_back(struct ibv_qp_init_attr_ex *attr, const struct ibv_qp_init_attr_ex *was)
{
	attr->send_cq = was->send_cq;
	attr->recv_cq = was->recv_cq;
	attr->srq = was->srq;
	attr->comp_mask = was->comp_mask;
	if (was->comp_mask & IBV_QP_INIT_ATTR_PD)
		attr->pd = was->pd;
	if (was->comp_mask & IBV_QP_INIT_ATTR_XRCD)
		attr->xrcd = was->xrcd;
}

/* On an error @attr names none of the queues that are gone again. */
static int create_qp_ex(struct shim_id *id, struct ibv_qp_init_attr_ex *attr)
{
	struct ibv_qp_init_attr_ex was = { 0 };
	int rc = check_create(&id->id, attr);

	if (rc)
		return rc;
	if (!id->cm || shim_id_state(id) == SHIM_LISTEN)
		return -EINVAL;
	rc = create_cqs(&id->id, attr);
	if (rc)
		return rc;
	put_back(&was, attr);
	rc = prepare(id, attr);
	if (!rc)
		rc = make_qp(id, attr);
	if (rc) {
		put_back(attr, &was);
		destroy_cqs(&id->id);
	}
	return rc;
}

IW_EXPORT int rdma_create_qp_ex(struct rdma_cm_id *id, struct ibv_qp_init_attr_ex *qp_init_attr)
{
	struct shim_id *priv;
	int rc = shim_id_check(id, &priv);

	return shim_return(rc ? rc : create_qp_ex(priv, qp_init_attr));
}

/* The plain attributes are the head of the extended ones: what is read and written back. */
#define PLAIN_SIZE offsetof(struct ibv_qp_init_attr_ex, comp_mask)

_Static_assert(offsetof(struct ibv_qp_init_attr, sq_sig_all) ==
		       offsetof(struct ibv_qp_init_attr_ex, sq_sig_all),
	       "the plain attributes begin the extended ones");

IW_EXPORT int rdma_create_qp(struct rdma_cm_id *id, struct ibv_pd *pd,
			     struct ibv_qp_init_attr *qp_init_attr)
{
	struct ibv_qp_init_attr_ex attr = { 0 };
	int rc;

	if (!qp_init_attr)
		return shim_return(-EINVAL);
	memcpy(&attr, qp_init_attr, PLAIN_SIZE);
	attr.comp_mask = IBV_QP_INIT_ATTR_PD;
	attr.pd = pd;
	rc = rdma_create_qp_ex(id, &attr);
	if (!rc)
		memcpy(qp_init_attr, &attr, PLAIN_SIZE);
	return rc;
}

IW_EXPORT void rdma_destroy_qp(struct rdma_cm_id *id)
{
	static const struct iw_slow slow = {
		"ibv_destroy_qp",
		"its asynchronous events were given out and are not acknowledged by "
		"ibv_ack_async_event",
		IW_LOG_ERROR,
	};
	struct iw_watch watch;
	struct shim_id *priv;
	struct ibv_qp *qp;
	int rc;

	if (shim_id_check(id, &priv) || !id->qp)
		return;
	qp = shim_members_take_qp(priv);
	if (priv->cm)
		iw_cm_qp_detach(priv->cm);
	iw_watch_begin(&watch, &slow);
	rc = ibv_destroy_qp(qp);
	iw_watch_end(&watch);
	if (rc)
		iw_warn("id %p: the QP was not destroyed: %s", (void *)id, strerror(rc));
	destroy_cqs(id);
}

/* ---- attributes for programs that move their QP themselves */

static int init_qp_attr(struct shim_id *id, struct ibv_qp_attr *attr, int *mask)
{
	if (!attr || !mask || !id->cm || !id->id.verbs || shim_id_state(id) == SHIM_LISTEN)
		return -EINVAL;
	/* Of an iWARP id without a connection the kernel takes any number. */
	if ((unsigned int)attr->qp_state > IBV_QPS_ERR)
		return -EINVAL;
	return iw_cm_init_qp_attr(id->cm, attr, mask);
}

IW_EXPORT int rdma_init_qp_attr(struct rdma_cm_id *id, struct ibv_qp_attr *qp_attr,
				int *qp_attr_mask)
{
	struct shim_id *priv;
	int rc = shim_id_check(id, &priv);

	return shim_return(rc ? rc : init_qp_attr(priv, qp_attr, qp_attr_mask));
}
