// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Calls that pass through the core to the driver: addressing, queries, options.
 * They change no state; the core adds the reference and the check of the state.
 * Each blocks as the driver does. And what the device that serves the address
 * speaks.
 */
#include <errno.h>

#include "iwcm-core/iw_ref.h"

/* An operation in any state but DESTROYING. On 0, left without the lock. */
static int begin(struct iw_id *id, struct iw_op *op)
{
	int rc = iw_op_begin(id, op);

	if (!rc)
		iw_unlock(&id->lock);
	return rc;
}

/* An operation in IDLE alone. */
static int begin_idle(struct iw_id *id, struct iw_op *op)
{
	int rc = iw_op_begin(id, op);

	if (rc)
		return rc;
	if (id->state != IW_CM_IDLE) {
		iw_op_leave_and_unlock(id, op);
		return -EINVAL;
	}
	iw_unlock(&id->lock);
	return 0;
}

/* No state. Never blocks. */
void iw_cm_set_transport(struct iw_cm_id *pub, enum iw_cm_transport transport)
{
	__atomic_store_n(&pub->transport, transport, __ATOMIC_RELAXED);
}

int iw_cm_bind(struct iw_cm_id *pub, const struct sockaddr *addr)
{
	struct iw_op op;
	int rc;

	if (!pub->ops->bind)
		return -EOPNOTSUPP;
	rc = begin_idle(iw_id_of(pub), &op);
	if (rc)
		return rc;
	rc = pub->ops->bind(pub, pub->drv, addr);
	iw_op_end(iw_id_of(pub), &op);
	return rc;
}

int iw_cm_resolve_addr(struct iw_cm_id *pub, const struct sockaddr *src, const struct sockaddr *dst,
		       int timeout_ms)
{
	struct iw_op op;
	int rc;

	if (!pub->ops->resolve_addr)
		return -EOPNOTSUPP;
	rc = begin_idle(iw_id_of(pub), &op);
	if (rc)
		return rc;
	rc = pub->ops->resolve_addr(pub, pub->drv, src, dst, timeout_ms);
	iw_op_end(iw_id_of(pub), &op);
	return rc;
}

int iw_cm_resolve_route(struct iw_cm_id *pub, int timeout_ms)
{
	struct iw_op op;
	int rc;

	if (!pub->ops->resolve_route)
		return -EOPNOTSUPP;
	rc = begin_idle(iw_id_of(pub), &op);
	if (rc)
		return rc;
	rc = pub->ops->resolve_route(pub, pub->drv, timeout_ms);
	iw_op_end(iw_id_of(pub), &op);
	return rc;
}

int iw_cm_resolve_service(struct iw_cm_id *pub, const struct iw_cm_service *service)
{
	struct iw_op op;
	int rc;

	if (!pub->ops->resolve_service)
		return -EOPNOTSUPP;
	rc = begin_idle(iw_id_of(pub), &op);
	if (rc)
		return rc;
	rc = pub->ops->resolve_service(pub, pub->drv, service);
	iw_op_end(iw_id_of(pub), &op);
	return rc;
}

int iw_cm_query(struct iw_cm_id *pub, struct iw_cm_addr_info *info)
{
	struct iw_op op;
	int rc;

	if (!pub->ops->query)
		return -EOPNOTSUPP;
	rc = begin(iw_id_of(pub), &op);
	if (rc)
		return rc;
	rc = pub->ops->query(pub, pub->drv, info);
	iw_op_end(iw_id_of(pub), &op);
	return rc;
}

int iw_cm_query_path(struct iw_cm_id *pub, struct iw_cm_path_info *info)
{
	struct iw_op op;
	int rc;

	if (!pub->ops->query_path)
		return -EOPNOTSUPP;
	rc = begin(iw_id_of(pub), &op);
	if (rc)
		return rc;
	rc = pub->ops->query_path(pub, pub->drv, info);
	iw_op_end(iw_id_of(pub), &op);
	return rc;
}

int iw_cm_query_service(struct iw_cm_id *pub, struct iw_cm_service_info *info)
{
	struct iw_op op;
	int rc;

	if (!pub->ops->query_service)
		return -EOPNOTSUPP;
	rc = begin(iw_id_of(pub), &op);
	if (rc)
		return rc;
	rc = pub->ops->query_service(pub, pub->drv, info);
	iw_op_end(iw_id_of(pub), &op);
	return rc;
}

int iw_cm_set_option(struct iw_cm_id *pub, int level, int name, const void *val, size_t len)
{
	struct iw_op op;
	int rc;

	if (!pub->ops->set_option)
		return -EOPNOTSUPP;
	rc = begin(iw_id_of(pub), &op);
	if (rc)
		return rc;
	rc = pub->ops->set_option(pub, pub->drv, level, name, val, len);
	iw_op_end(iw_id_of(pub), &op);
	return rc;
}

int iw_cm_notify(struct iw_cm_id *pub, int event)
{
	struct iw_op op;
	int rc;

	if (!pub->ops->notify)
		return -EOPNOTSUPP;
	rc = begin(iw_id_of(pub), &op);
	if (rc)
		return rc;
	rc = pub->ops->notify(pub, pub->drv, event);
	iw_op_end(iw_id_of(pub), &op);
	return rc;
}

int iw_cm_init_qp_attr(struct iw_cm_id *pub, void *qp_attr, int *mask)
{
	struct iw_op op;
	int rc;

	if (!pub->ops->init_qp_attr)
		return -EOPNOTSUPP;
	rc = begin(iw_id_of(pub), &op);
	if (rc)
		return rc;
	rc = pub->ops->init_qp_attr(pub, pub->drv, qp_attr, mask);
	iw_op_end(iw_id_of(pub), &op);
	return rc;
}
