// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Options of an id. The driver holds and judges them, bad pointers (EFAULT)
 * included.
 */
#include "shim/shim.h"

static int set_option(struct shim_id *id, int level, int name, const void *val, size_t len)
{
	struct iw_cm_id *cm;
	int rc;

	rc = shim_id_attach(id, IW_DRIVER_KERNEL, &cm);
	return rc ? rc : iw_cm_set_option(cm, level, name, val, len);
}

IW_EXPORT int rdma_set_option(struct rdma_cm_id *id, int level, int optname, void *optval,
			      size_t optlen)
{
	struct shim_id *priv;
	int rc = shim_id_check(id, &priv);

	return shim_return(rc ? rc : set_option(priv, level, optname, optval, optlen));
}
