// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "driver/kernel/kqp.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "base/log.h"
#include "driver/kernel/ucma.h"

/* What ibv_query_device says for kernel siw; its part number counts its devices. */
#define SIW_VENDOR_ID 0x626d74

#define DEVICES_MAX 16

struct device_note {
	char name[IBV_SYSFS_NAME_MAX], dev_name[IBV_SYSFS_NAME_MAX];
	enum kid_depths depths;
};

/*
 * One verbs query for each device of the process. By name: contexts come and
 * go, and their addresses return. The lock protects the notes.
 */
static struct {
	struct iw_lock lock;
	struct device_note notes[DEVICES_MAX];
	unsigned int n;
} devices = { .lock = IW_LOCK_STATIC };

void kqp_fork_begin(void)
{
	iw_lock(&devices.lock);
}

void kqp_fork_end(void)
{
	iw_unlock(&devices.lock);
}

/* ------------------------------------------------------------ Device kinds */

static enum kid_depths recall(const struct ibv_device *device)
{
	enum kid_depths depths = KID_DEPTHS_UNKNOWN;

	iw_lock(&devices.lock);
	for (unsigned int i = 0; i < iw_min_u32(devices.n, DEVICES_MAX); i++) {
		const struct device_note *note = &devices.notes[i];

		if (!strncmp(note->name, device->name, sizeof(note->name)) &&
		    !strncmp(note->dev_name, device->dev_name, sizeof(note->dev_name)))
			depths = note->depths;
	}
	iw_unlock(&devices.lock);
	return depths;
}

static void remember(const struct ibv_device *device, enum kid_depths depths)
{
	struct device_note *note;

	iw_lock(&devices.lock);
	note = &devices.notes[devices.n++ % DEVICES_MAX];
	memcpy(note->name, device->name, sizeof(note->name));
	memcpy(note->dev_name, device->dev_name, sizeof(note->dev_name));
	note->depths = depths;
	iw_unlock(&devices.lock);
}

static enum kid_depths depths_of(struct ibv_context *context)
{
	enum kid_depths depths = recall(context->device);
	struct ibv_device_attr attr;

	if (depths != KID_DEPTHS_UNKNOWN)
		return depths;
	if (iw_fault(IW_FAULT_SYSCALL) || ibv_query_device(context, &attr)) {
		iw_warn("%s: ibv_query_device failed: depths of its connections are not corrected",
			context->device->name);
		return KID_DEPTHS_UNKNOWN;
	}
	depths = attr.vendor_id == SIW_VENDOR_ID ? KID_DEPTHS_SWAPPED : KID_DEPTHS_STRAIGHT;
	remember(context->device, depths);
	return depths;
}

static bool is_iwarp(const struct ibv_qp *qp)
{
	return qp->context->device->transport_type == IBV_TRANSPORT_IWARP;
}

bool kqp_is_infiniband(const struct kid *kid)
{
	return __atomic_load_n(&kid->infiniband, __ATOMIC_RELAXED);
}

static void learn_device(struct kid *kid, const struct ibv_qp *qp)
{
	if (__atomic_load_n(&kid->depths, __ATOMIC_RELAXED) != KID_DEPTHS_UNKNOWN)
		return;
	__atomic_store_n(&kid->infiniband, !is_iwarp(qp), __ATOMIC_RELAXED);
	__atomic_store_n(&kid->depths, is_iwarp(qp) ? depths_of(qp->context) : KID_DEPTHS_STRAIGHT,
			 __ATOMIC_RELAXED);
}

/* -------------------------------------------------------------- Attributes */

static void ah_from_uapi(const struct ib_uverbs_ah_attr *from, struct ibv_ah_attr *to)
{
	memcpy(to->grh.dgid.raw, from->grh.dgid, sizeof(to->grh.dgid.raw));
	to->grh.flow_label = from->grh.flow_label;
	to->grh.sgid_index = from->grh.sgid_index;
	to->grh.hop_limit = from->grh.hop_limit;
	to->grh.traffic_class = from->grh.traffic_class;
	to->dlid = from->dlid;
	to->sl = from->sl;
	to->src_path_bits = from->src_path_bits;
	to->static_rate = from->static_rate;
	to->is_global = from->is_global;
	to->port_num = from->port_num;
}

void kqp_attr_from_uapi(const struct ib_uverbs_qp_attr *from, struct ibv_qp_attr *attr, int *mask)
{
	memset(attr, 0, sizeof(*attr));
	attr->qp_state = from->qp_state;
	attr->cur_qp_state = from->cur_qp_state;
	attr->path_mtu = from->path_mtu;
	attr->path_mig_state = from->path_mig_state;
	attr->qkey = from->qkey;
	attr->rq_psn = from->rq_psn;
	attr->sq_psn = from->sq_psn;
	attr->dest_qp_num = from->dest_qp_num;
	attr->qp_access_flags = from->qp_access_flags;
	attr->cap.max_send_wr = from->max_send_wr;
	attr->cap.max_recv_wr = from->max_recv_wr;
	attr->cap.max_send_sge = from->max_send_sge;
	attr->cap.max_recv_sge = from->max_recv_sge;
	attr->cap.max_inline_data = from->max_inline_data;
	ah_from_uapi(&from->ah_attr, &attr->ah_attr);
	ah_from_uapi(&from->alt_ah_attr, &attr->alt_ah_attr);
	attr->pkey_index = from->pkey_index;
	attr->alt_pkey_index = from->alt_pkey_index;
	attr->en_sqd_async_notify = from->en_sqd_async_notify;
	attr->sq_draining = from->sq_draining;
	attr->max_rd_atomic = from->max_rd_atomic;
	attr->max_dest_rd_atomic = from->max_dest_rd_atomic;
	attr->min_rnr_timer = from->min_rnr_timer;
	attr->port_num = from->port_num;
	attr->timeout = from->timeout;
	attr->retry_cnt = from->retry_cnt;
	attr->rnr_retry = from->rnr_retry;
	attr->alt_port_num = from->alt_port_num;
	attr->alt_timeout = from->alt_timeout;
	*mask = (int)from->qp_attr_mask;
}

int kqp_init_attr(const struct kid *kid, struct ibv_qp_attr *attr, int *mask)
{
	struct ib_uverbs_qp_attr resp;
	int ret;

	ret = ucma_init_qp_attr(kid->source->fd, kid->kernel_id, attr->qp_state, &resp);
	if (!ret)
		kqp_attr_from_uapi(&resp, attr, mask);
	return ret;
}

/* ------------------------------------------------------------- Transitions */

static int modify(struct ibv_qp *qp, struct ibv_qp_attr *attr, int mask)
{
	int ret;

	if (iw_fault(IW_FAULT_SYSCALL))
		return -ENOMEM;
	ret = ibv_modify_qp(qp, attr, mask);
	if (ret < 0)
		return errno ? -errno : -EIO;
	return -ret;
}

static int modify_state(struct ibv_qp *qp, enum ibv_qp_state state)
{
	struct ibv_qp_attr attr = { .qp_state = state };

	return modify(qp, &attr, IBV_QP_STATE);
}

/* A QP that cannot close in order, since the peer was first, closes at once. */
static int modify_closing(struct ibv_qp *qp)
{
	return is_iwarp(qp) && !modify_state(qp, IBV_QPS_SQD) ? 0 : modify_state(qp, IBV_QPS_ERR);
}

static int modify_on_iwarp(struct kid *kid, struct ibv_qp *qp, enum iw_qp_state to)
{
	uint8_t port = __atomic_load_n(&kid->port_num, __ATOMIC_RELAXED);
	struct ibv_qp_attr attr = {
		.qp_state = to == IW_QP_RTR ? IBV_QPS_RTR : IBV_QPS_INIT,
		.qp_access_flags =
			to == IW_QP_RTR ? IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_READ : 0,
		.port_num = port ? port : 1,
	};

	if (to == IW_QP_RTS)
		return 0;
	return modify(qp, &attr, IBV_QP_STATE | IBV_QP_ACCESS_FLAGS | IBV_QP_PORT);
}

static int modify_as_told(struct kid *kid, struct ibv_qp *qp, enum ibv_qp_state state)
{
	struct ibv_qp_attr attr = { .qp_state = state };
	int ret, mask;

	ret = kqp_init_attr(kid, &attr, &mask);
	return ret ? ret : modify(qp, &attr, mask);
}

int kqp_modify(struct kid *kid, struct ibv_qp *qp, enum iw_qp_state to)
{
	static const enum ibv_qp_state states[IW_QP_NSTATES] = {
		[IW_QP_RESET] = IBV_QPS_RESET, [IW_QP_INIT] = IBV_QPS_INIT,
		[IW_QP_RTR] = IBV_QPS_RTR,     [IW_QP_RTS] = IBV_QPS_RTS,
		[IW_QP_SQD] = IBV_QPS_SQD,     [IW_QP_ERR] = IBV_QPS_ERR,
	};

	learn_device(kid, qp);
	switch (to) {
	case IW_QP_INIT:
	case IW_QP_RTR:
	case IW_QP_RTS:
		return is_iwarp(qp) ? modify_on_iwarp(kid, qp, to)
				    : modify_as_told(kid, qp, states[to]);
	case IW_QP_SQD:
		return modify_closing(qp);
	case IW_QP_RESET:
	case IW_QP_ERR:
		return modify_state(qp, states[to]);
	default:
		return -EINVAL;
	}
}
