/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * RAI_SA: what rdma_resolve_addrinfo(3) asks the subnet administrator of an
 * InfiniBand network, and the answer in the program's terms. When to ask and
 * whom to tell is resolve_info.c's.
 */
#ifndef IW_SHIM_SERVICE_H
#define IW_SHIM_SERVICE_H

#include "iwcm-core/iw_driver.h"
#include "shim/shim.h"

/*
 * What a program may want to be looked up: -EINVAL with a node, without a service,
 * with flags that rule each other out, or a name or number that is too long.
 */
int shim_service_read(const char *node, const char *text, int flags, struct iw_cm_service *service);
/*
 * -EINVAL: the id is bound to no device. -EOPNOTSUPP: to one without a subnet
 * administrator. verbs' errors.
 */
int shim_service_port(struct shim_id *id);
/*
 * After ADDRINFO: a list of at least one, an AF_IB destination each, with what
 * @hints bring along. -ENODATA: nobody offers it. -ENOMEM; the driver's errors.
 */
int shim_service_list(struct iw_cm_id *cm, const struct rdma_addrinfo *hints,
		      struct rdma_addrinfo **list);

#endif
