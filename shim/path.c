// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * What InfiniBand and RoCE have below IP addresses, for programs that look:
 * GIDs, the partition, and the records of the resolved path.
 */
#include "shim/shim.h"

/* The records live as long as the id: a program may keep the pointer. */
static int keep_paths(struct rdma_route *route, const struct iw_cm_path_info *info)
{
	unsigned int n = iw_min_u32(info->num_paths, IW_ARRAY_SIZE(info->paths));

	if (n && !route->path_rec)
		route->path_rec = iw_calloc(IW_ARRAY_SIZE(info->paths), sizeof(info->paths[0]));
	if (n && !route->path_rec)
		return -ENOMEM;
	if (n)
		memcpy(route->path_rec, info->paths, n * sizeof(info->paths[0]));
	route->num_paths = (int)n;
	return 0;
}

int shim_path_refresh(struct shim_id *id, struct iw_cm_id *cm)
{
	struct rdma_route *route = &id->id.route;
	struct iw_cm_path_info info = { 0 };
	int rc;

	if (!id->device || shim_is_iwarp(id))
		return 0;
	rc = iw_cm_query_path(cm, &info);
	if (rc)
		return rc == -EOPNOTSUPP ? 0 : rc;
	route->addr.addr.ibaddr = (struct rdma_ib_addr){
		.sgid = info.sgid,
		.dgid = info.dgid,
		.pkey = info.pkey,
	};
	return keep_paths(route, &info);
}
