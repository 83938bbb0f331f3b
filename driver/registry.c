// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "driver/registry.h"

#include "driver/kernel/kdev.h"
#include "driver/soft/soft_cm.h"

static const struct iw_driver *const drivers[IW_DRIVER_NKINDS] = {
	[IW_DRIVER_KERNEL] = &iw_kernel_driver,
	[IW_DRIVER_SOFT] = &iw_soft_driver,
};

const struct iw_driver *iw_driver_get(enum iw_driver_kind kind)
{
	return drivers[kind];
}
