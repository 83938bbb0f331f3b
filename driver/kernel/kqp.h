/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * QPs of kernel devices: their transitions, the attributes that these need, and
 * what must be known about a device to read its events. Verbs calls on the
 * caller's QP only; opens nothing.
 */
#ifndef IW_KQP_H
#define IW_KQP_H

#include <infiniband/verbs.h>

#include "driver/kernel/kid.h"

/*
 * Moves @qp, which belongs to @kid's connection; also learns from it what kind
 * of device serves the connection. On iWARP without asking rdma_cm, and RTS is
 * left to the kernel. SQD is RDMAC's Closing: other transports get ERR.
 */
int kqp_modify(struct kid *kid, struct ibv_qp *qp, enum iw_qp_state to);

/* True if a QP of the connection was seen, and its device is no iWARP one. */
bool kqp_is_infiniband(const struct kid *kid);

/* The kernel's answer for @attr->qp_state, in libibverbs' types. */
int kqp_init_attr(const struct kid *kid, struct ibv_qp_attr *attr, int *mask);

/* The conversion alone: @attr is zeroed first. */
void kqp_attr_from_uapi(const struct ib_uverbs_qp_attr *from, struct ibv_qp_attr *attr, int *mask);

void kqp_fork_begin(void);
void kqp_fork_end(void);

#endif
