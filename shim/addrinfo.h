/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What rdma_getaddrinfo(3) and rdma_resolve_addrinfo(3) share.
 */
#ifndef IW_SHIM_ADDRINFO_H
#define IW_SHIM_ADDRINFO_H

#include <rdma/rdma_cma.h>

/*
 * What is wrong with @hints (NULL: nothing) as far as they tell alone. As of
 * rdma_getaddrinfo(): 0, EAI_*, or -1 with errno.
 */
int shim_addrinfo_check(const struct rdma_addrinfo *hints);
/*
 * A copy of the first element, which has been checked. -ENOMEM. To be freed
 * with rdma_freeaddrinfo().
 */
int shim_addrinfo_copy(const struct rdma_addrinfo *from, struct rdma_addrinfo **copy);

#endif
