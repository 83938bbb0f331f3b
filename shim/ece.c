// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Enhanced connection establishment: options that InfiniBand's messages carry
 * for programs with QPs of their own. iWARP's carry none: what is set goes
 * nowhere, and the peer's are zeros, which stand for "no options".
 */
#include "shim/shim.h"

/* Of the InfiniBand CM: "vendor option is not supported". */
#define REASON_VENDOR_OPTION 35

static int check(struct rdma_cm_id *id, const struct ibv_ece *ece, struct shim_id **priv)
{
	int rc = shim_id_check(id, priv);

	if (rc)
		return rc;
	return !ece || id->qp ? -EINVAL : 0;
}

IW_EXPORT int rdma_set_local_ece(struct rdma_cm_id *id, struct ibv_ece *ece)
{
	struct shim_id *priv;
	int rc = check(id, ece, &priv);

	if (!rc && (!ece->vendor_id || ece->comp_mask))
		rc = -EINVAL;
	if (!rc)
		priv->local_ece = (struct iw_cm_ece){
			.vendor_id = ece->vendor_id,
			.attr_mod = ece->options,
		};
	return shim_return(rc);
}

IW_EXPORT int rdma_get_remote_ece(struct rdma_cm_id *id, struct ibv_ece *ece)
{
	struct shim_id *priv;
	int rc = check(id, ece, &priv);

	if (!rc)
		*ece = (struct ibv_ece){
			.vendor_id = priv->remote_ece.vendor_id,
			.options = priv->remote_ece.attr_mod,
		};
	return shim_return(rc);
}

IW_EXPORT int rdma_reject_ece(struct rdma_cm_id *id, const void *private_data,
			      uint8_t private_data_len)
{
	struct shim_id *priv;
	int rc = shim_id_check(id, &priv);

	return shim_return(
		rc ? rc : shim_reject(priv, private_data, private_data_len, REASON_VENDOR_OPTION));
}
