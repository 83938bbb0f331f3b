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
 * Moves @qp, which belongs to @kid's connection; also learns from it how its
 * device tells depths. On iWARP without asking rdma_cm, and RTS is left to the
 * kernel. SQD is RDMAC's Closing: other transports get ERR. @param: what is being
 * accepted, or NULL.
 */
int kqp_modify(struct kid *kid, struct ibv_qp *qp, enum iw_qp_state to,
	       const struct iw_cm_conn_param *param);

/* The kernel's answer for @attr->qp_state, in libibverbs' types. */
int kqp_init_attr(const struct kid *kid, struct ibv_qp_attr *attr, int *mask);

void kqp_fork_begin(void);
void kqp_fork_end(void);

#endif
