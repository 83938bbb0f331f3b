// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "driver/kernel/kquery.h"

#include <infiniband/ib.h>
#include <string.h>

#include "base/bytes.h"
#include "driver/kernel/kattr.h"
#include "driver/kernel/ucma.h"

/* --------------------------------------------------------------- Addresses */

static int query_ib_addresses(const struct kid *kid, struct iw_cm_addr_info *info)
{
	struct rdma_ucm_query_addr_resp resp;
	int ret;

	ret = ucma_query_addr(kid->source->fd, kid->kernel_id, &resp);
	if (ret)
		return ret;
	memset(&info->src, 0, sizeof(info->src));
	memset(&info->dst, 0, sizeof(info->dst));
	iw_copy(&info->src, sizeof(info->src), &resp.src_addr,
		iw_min_size(resp.src_size, sizeof(resp.src_addr)));
	iw_copy(&info->dst, sizeof(info->dst), &resp.dst_addr,
		iw_min_size(resp.dst_size, sizeof(resp.dst_addr)));
	return 0;
}

int kquery_addr(struct kid *kid, struct iw_cm_addr_info *info)
{
	struct rdma_ucm_query_route_resp resp;
	struct iw_cm_addr_info found;
	int ret;

	ret = ucma_query_route(kid->source->fd, kid->kernel_id, &resp);
	if (ret)
		return ret;
	memset(&found, 0, sizeof(found));
	iw_copy(&found.src, sizeof(found.src), &resp.src_addr, sizeof(resp.src_addr));
	iw_copy(&found.dst, sizeof(found.dst), &resp.dst_addr, sizeof(resp.dst_addr));
	found.node_guid = resp.node_guid;
	found.port_num = resp.port_num;
	/* Device 0 exists: a zero means something only if there is a device. */
	found.ibdev_index =
		resp.node_guid && resp.ibdev_index <= INT32_MAX ? (int)resp.ibdev_index : -1;
	if (found.src.ss_family == AF_IB)
		ret = query_ib_addresses(kid, &found);
	if (ret)
		return ret;
	__atomic_store_n(&kid->port_num, resp.port_num, __ATOMIC_RELAXED);
	*info = found;
	return 0;
}

/* ------------------------------------------------------------------- Paths */

/* Before there is a path, the first record holds the GIDs and the P_Key alone. */
static void paths_of_route(const struct rdma_ucm_query_route_resp *resp,
			   struct iw_cm_path_info *info)
{
	memcpy(info->sgid.raw, resp->ib_route[0].sgid, sizeof(info->sgid.raw));
	memcpy(info->dgid.raw, resp->ib_route[0].dgid, sizeof(info->dgid.raw));
	info->pkey = resp->ib_route[0].pkey;
	info->num_paths = iw_min_u32(resp->num_paths, UCMA_PATHS_MAX);
	for (unsigned int i = 0; i < info->num_paths; i++)
		kattr_path(&resp->ib_route[i], &info->paths[i]);
}

static void gid_of(const struct __kernel_sockaddr_storage *addr, union ibv_gid *gid)
{
	struct sockaddr_ib ib;

	memcpy(&ib, addr, sizeof(ib));
	if (ib.sib_family == AF_IB)
		memcpy(gid->raw, ib.sib_addr.sib_raw, sizeof(gid->raw));
}

static int query_ib_paths(const struct kid *kid, struct iw_cm_path_info *info)
{
	struct rdma_ucm_query_addr_resp gids;
	struct ucma_query_path_resp paths;
	int ret;

	ret = ucma_query_gid(kid->source->fd, kid->kernel_id, &gids);
	if (!ret)
		ret = ucma_query_path(kid->source->fd, kid->kernel_id, &paths);
	if (ret)
		return ret;
	gid_of(&gids.src_addr, &info->sgid);
	gid_of(&gids.dst_addr, &info->dgid);
	info->pkey = (__be16)gids.pkey; /* in network order already */
	info->num_paths = iw_min_u32(paths.num_paths, UCMA_PATHS_MAX);
	for (unsigned int i = 0; i < info->num_paths; i++)
		kattr_path_packed(&paths.path_data[i], &info->paths[i]);
	return 0;
}

int kquery_path(struct kid *kid, struct iw_cm_path_info *info)
{
	struct rdma_ucm_query_route_resp resp;
	struct iw_cm_path_info found;
	int ret;

	ret = ucma_query_route(kid->source->fd, kid->kernel_id, &resp);
	if (ret)
		return ret;
	memset(&found, 0, sizeof(found));
	if (resp.src_addr.sin6_family == AF_IB)
		ret = query_ib_paths(kid, &found);
	else
		paths_of_route(&resp, &found);
	if (!ret)
		*info = found;
	return ret;
}

static_assert(IW_ARRAY_SIZE(((struct iw_cm_path_info *)0)->paths) == UCMA_PATHS_MAX,
	      "room for what the kernel tells");
static_assert(sizeof(struct sockaddr_ib) <= sizeof(struct __kernel_sockaddr_storage),
	      "a GID's address");
