// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * What a software device says about itself: attributes, port, GID. The numbers
 * are those of soft.h, which the modules enforce.
 */
#include <errno.h>
#include <stdio.h>

#include "driver/soft/soft_dev.h"
#include <config.h>

/* "IWS", not an OUI: real vendor ids are, and programs tune by them. */
#define VENDOR_ID 0x495753
#define VENDOR_PART 1
#define PORT 1
#define PHYS_LINK_UP 5
#define WIDTH_1X 1
#define SPEED_10G 4 /* of one lane; the interface's own is not known to verbs */

#define CAP_FLAGS                                                                                \
	(IBV_DEVICE_MEM_WINDOW | IBV_DEVICE_MEM_WINDOW_TYPE_2B | IBV_DEVICE_MEM_MGT_EXTENSIONS | \
	 IBV_DEVICE_SRQ_RESIZE)

static void query_limits(struct ibv_device_attr *attr)
{
	attr->max_mr_size = UINT64_MAX;
	attr->page_size_cap = UINT64_MAX & ~4095ull;
	attr->max_qp = SOFT_MAX_QP;
	attr->max_qp_wr = SOFT_MAX_WR;
	attr->max_sge = SOFT_MAX_SGE;
	attr->max_sge_rd = SOFT_MAX_SGE;
	attr->max_cq = SOFT_MAX_CQ;
	attr->max_cqe = SOFT_MAX_CQE;
	attr->max_mr = SOFT_MAX_MR;
	attr->max_mw = SOFT_MAX_MR;
	attr->max_pd = SOFT_MAX_PD;
	attr->max_qp_rd_atom = SOFT_MAX_RD_ATOM;
	attr->max_qp_init_rd_atom = SOFT_MAX_RD_ATOM;
	attr->max_res_rd_atom = SOFT_MAX_RD_ATOM * SOFT_MAX_QP;
	attr->max_srq = SOFT_MAX_SRQ;
	attr->max_srq_wr = SOFT_MAX_WR;
	attr->max_srq_sge = SOFT_MAX_SGE;
}

void soft_query_device(struct soft_context *ctx, struct ibv_device_attr *attr)
{
	*attr = (struct ibv_device_attr){ 0 };
	query_limits(attr);
	snprintf(attr->fw_ver, sizeof(attr->fw_ver), "%s", PACKAGE_VERSION);
	attr->node_guid = ctx->dev->guid;
	attr->sys_image_guid = ctx->dev->guid;
	attr->vendor_id = VENDOR_ID;
	attr->vendor_part_id = VENDOR_PART;
	attr->hw_ver = 1;
	attr->device_cap_flags = CAP_FLAGS;
	attr->atomic_cap = IBV_ATOMIC_HCA;
	attr->phys_port_cnt = 1;
}

int soft_query_device_ex(struct soft_context *ctx, const struct ibv_query_device_ex_input *input,
			 struct ibv_device_attr_ex *attr, size_t size)
{
	struct ibv_device_attr_ex all = { 0 };

	if ((input && input->comp_mask) || size < sizeof(all.orig_attr))
		return -EINVAL;
	soft_query_device(ctx, &all.orig_attr);
	all.device_cap_flags_ex = CAP_FLAGS;
	all.phys_port_cnt_ex = 1;
	memset(attr, 0, size);
	iw_copy(attr, size, &all, sizeof(all));
	return 0;
}

int soft_query_port(struct soft_context *ctx, uint8_t port, struct ibv_port_attr *attr, size_t size)
{
	unsigned int mtu = __atomic_load_n(&ctx->dev->mtu, __ATOMIC_RELAXED);
	struct ibv_port_attr all = {
		.state = IBV_PORT_ACTIVE,
		.max_mtu = soft_verbs_mtu(mtu),
		.active_mtu = soft_verbs_mtu(mtu),
		.gid_tbl_len = 1,
		.port_cap_flags = IBV_PORT_CM_SUP,
		.max_msg_sz = SOFT_MAX_MSG,
		.max_vl_num = 1,
		.active_width = WIDTH_1X,
		.active_speed = SPEED_10G,
		.phys_state = PHYS_LINK_UP,
		.link_layer = IBV_LINK_LAYER_ETHERNET,
	};

	if (port != PORT)
		return -EINVAL;
	memset(attr, 0, size);
	iw_copy(attr, size, &all, sizeof(all));
	return 0;
}

int soft_query_gid(struct soft_context *ctx, uint8_t port, int index, union ibv_gid *gid)
{
	if (port != PORT || index)
		return -EINVAL;
	memset(gid, 0, sizeof(*gid));
	memcpy(gid->raw, ctx->dev->mac, sizeof(ctx->dev->mac));
	return 0;
}

/* iWARP has no partitions, and the port's table no entry. */
int soft_query_pkey(struct soft_context *ctx, uint8_t port, int index, __be16 *pkey)
{
	(void)ctx;
	(void)port;
	(void)index;
	(void)pkey;
	return -EINVAL;
}
