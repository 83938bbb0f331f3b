// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Enhanced connection establishment: options that InfiniBand's messages carry
 * for programs with QPs of their own. iWARP's carry none: what is set goes
 * nowhere, and the peer's are zeros, which stand for "no options".
 */
#include "shim/shim.h"

static int check(struct rdma_cm_id *id, const struct ibv_ece *ece)
{
	struct shim_id *priv;
	int rc = shim_id_check(id, &priv);

	if (rc)
		return rc;
	return !ece || id->qp ? -EINVAL : 0;
}

IW_EXPORT int rdma_set_local_ece(struct rdma_cm_id *id, struct ibv_ece *ece)
{
	int rc = check(id, ece);

	if (!rc && (!ece->vendor_id || ece->comp_mask))
		rc = -EINVAL;
	return shim_return(rc);
}

IW_EXPORT int rdma_get_remote_ece(struct rdma_cm_id *id, struct ibv_ece *ece)
{
	int rc = check(id, ece);

	if (!rc)
		memset(ece, 0, sizeof(*ece));
	return shim_return(rc);
}

/* The reason that it names, unsuitable options, has no place in an MPA Reply. */
IW_EXPORT int rdma_reject_ece(struct rdma_cm_id *id, const void *private_data,
			      uint8_t private_data_len)
{
	return rdma_reject(id, private_data, private_data_len);
}
