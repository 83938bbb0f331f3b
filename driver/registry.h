/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The drivers of this build, by name. The shim's only view of driver/.
 */
#ifndef IW_DRIVER_REGISTRY_H
#define IW_DRIVER_REGISTRY_H

#include "iwcm-core/iw_driver.h"

enum iw_driver_kind {
	IW_DRIVER_KERNEL, /* /dev/infiniband/rdma_cm and verbs */
	IW_DRIVER_SOFT,	  /* the RNIC in this process */
	IW_DRIVER_NKINDS
};

/* NULL: this build does not have that driver. IW_DRIVER_KERNEL is always there. */
const struct iw_driver *iw_driver_get(enum iw_driver_kind kind);

#endif
