/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Spares libibverbs from loading every provider library that is installed.
 */
#ifndef IW_SHIM_PROVIDER_H
#define IW_SHIM_PROVIDER_H

/*
 * Loads the one provider library of the device that RDMA netlink calls
 * @ibdev_index, before libibverbs lists devices for the first time in the
 * process: libibverbs loads all that are configured (some 250 system calls)
 * only if a device is left without a driver. Best effort: if anything is not
 * as expected, libibverbs goes its usual way.
 */
void shim_provider_load(int ibdev_index);

#endif
