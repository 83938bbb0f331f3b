/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The driver for kernel devices: connection ops and event sources over
 * /dev/infiniband/rdma_cm, QP transitions over libibverbs.
 */
#ifndef IW_KDEV_H
#define IW_KDEV_H

#include "iwcm-core/iw_driver.h"

extern const struct iw_driver iw_kernel_driver;

#endif
