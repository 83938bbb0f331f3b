/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the kernel knows about where an id is and how its peer is reached, in the
 * core's structs.
 */
#ifndef IW_KQUERY_H
#define IW_KQUERY_H

#include "driver/kernel/kid.h"

/* One command; for an id with AF_IB addresses, which QUERY_ROUTE cuts off, two. */
int kquery_addr(struct kid *kid, struct iw_cm_addr_info *info);
int kquery_path(struct kid *kid, struct iw_cm_path_info *info);

#endif
