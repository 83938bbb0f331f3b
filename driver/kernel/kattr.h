/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * From the structs of the kernel's uapi headers to those of libibverbs: QP
 * attributes, address handles, path records. Pure functions; every output is
 * written whole.
 */
#ifndef IW_KATTR_H
#define IW_KATTR_H

#include <infiniband/sa.h>
#include <infiniband/verbs.h>

#include "driver/kernel/ucma_abi.h"

void kattr_qp(const struct ib_uverbs_qp_attr *from, struct ibv_qp_attr *attr, int *mask);
void kattr_ah(const struct ib_uverbs_ah_attr *from, struct ibv_ah_attr *ah);
/* As QUERY_ROUTE tells it. */
void kattr_path(const struct ib_user_path_rec *from, struct ibv_sa_path_rec *path);
/* As QUERY tells it: the record of the subnet administrator's MAD. */
void kattr_path_packed(const struct ib_path_rec_data *from, struct ibv_sa_path_rec *path);

#endif
