/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * InfiniBand services, which the kernel looks up in the subnet administrator
 * since Linux 6.18.
 */
#ifndef IW_KSERVICE_H
#define IW_KSERVICE_H

#include "driver/kernel/kid.h"

/* -EOPNOTSUPP: the kernel does not know the command. Otherwise one ADDRINFO follows. */
int kservice_resolve(struct kid *kid, const struct iw_cm_service *service);
/* The records of the last one that succeeded. The kernel's errno if there are none. */
int kservice_query(struct kid *kid, struct iw_cm_service_info *info);

#endif
