// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "driver/kernel/kqp.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/stall.h"
#include "driver/kernel/kattr.h"
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

static void learn_depths(struct kid *kid, const struct ibv_qp *qp)
{
	if (is_iwarp(qp) && __atomic_load_n(&kid->depths, __ATOMIC_RELAXED) == KID_DEPTHS_UNKNOWN)
		__atomic_store_n(&kid->depths, depths_of(qp->context), __ATOMIC_RELAXED);
}

/* -------------------------------------------------------------- Attributes */

int kqp_init_attr(const struct kid *kid, struct ibv_qp_attr *attr, int *mask)
{
	struct ib_uverbs_qp_attr resp;
	int ret;

	ret = ucma_init_qp_attr(kid->source->fd, kid->kernel_id, attr->qp_state, &resp);
	if (!ret)
		kattr_qp(&resp, attr, mask);
	return ret;
}

/* ------------------------------------------------------------- Transitions */

static int modify(struct ibv_qp *qp, struct ibv_qp_attr *attr, int mask)
{
	static const struct iw_slow slow = {
		"ibv_modify_qp",
		"the device's driver moves the QP, and may close the connection in it",
		IW_LOG_ERROR,
	};
	struct iw_watch watch;
	int ret;

	if (iw_fault(IW_FAULT_SYSCALL))
		return -ENOMEM;
	iw_watch_begin(&watch, &slow);
	ret = ibv_modify_qp(qp, attr, mask);
	iw_watch_end(&watch);
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

/* The depths that the program accepts with count for more than those of the request. */
static int modify_as_told(const struct kid *kid, struct ibv_qp *qp, enum ibv_qp_state state,
			  const struct iw_cm_conn_param *param)
{
	struct ibv_qp_attr attr = { .qp_state = state };
	int ret, mask;

	ret = kqp_init_attr(kid, &attr, &mask);
	if (ret)
		return ret;
	if (param && mask & IBV_QP_MAX_DEST_RD_ATOMIC)
		attr.max_dest_rd_atomic = (uint8_t)param->responder_resources;
	if (param && mask & IBV_QP_MAX_QP_RD_ATOMIC)
		attr.max_rd_atomic = (uint8_t)param->initiator_depth;
	return modify(qp, &attr, mask);
}

/* A datagram QP needs no peer, so rdma_cm is asked about its beginning only. */
static int modify_datagram(const struct kid *kid, struct ibv_qp *qp, enum iw_qp_state to)
{
	struct ibv_qp_attr attr = { .qp_state = IBV_QPS_RTS };

	if (to == IW_QP_INIT)
		return modify_as_told(kid, qp, IBV_QPS_INIT, NULL);
	if (to == IW_QP_RTR)
		return modify_state(qp, IBV_QPS_RTR);
	return modify(qp, &attr, IBV_QP_STATE | IBV_QP_SQ_PSN);
}

/* INIT was before there was a connection: its access rights come with RTR. */
static int modify_on_infiniband(const struct kid *kid, struct ibv_qp *qp, enum iw_qp_state to,
				const struct iw_cm_conn_param *param)
{
	int ret;

	if (qp->qp_type == IBV_QPT_UD)
		return modify_datagram(kid, qp, to);
	if (param && (param->responder_resources > UINT8_MAX || param->initiator_depth > UINT8_MAX))
		return -EINVAL;
	if (to == IW_QP_RTS)
		return modify_as_told(kid, qp, IBV_QPS_RTS, param);
	ret = modify_as_told(kid, qp, IBV_QPS_INIT, NULL);
	if (!ret && to == IW_QP_RTR)
		ret = modify_as_told(kid, qp, IBV_QPS_RTR, param);
	return ret;
}

int kqp_modify(struct kid *kid, struct ibv_qp *qp, enum iw_qp_state to,
	       const struct iw_cm_conn_param *param)
{
	learn_depths(kid, qp);
	switch (to) {
	case IW_QP_INIT:
	case IW_QP_RTR:
	case IW_QP_RTS:
		return is_iwarp(qp) ? modify_on_iwarp(kid, qp, to)
				    : modify_on_infiniband(kid, qp, to, param);
	case IW_QP_SQD:
		return modify_closing(qp);
	case IW_QP_RESET:
		return modify_state(qp, IBV_QPS_RESET);
	case IW_QP_ERR:
		return modify_state(qp, IBV_QPS_ERR);
	default:
		return -EINVAL;
	}
}
