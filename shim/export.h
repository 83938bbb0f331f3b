/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What marks a function of the librdmacm ABI. Everything else is hidden.
 */
#ifndef IW_SHIM_EXPORT_H
#define IW_SHIM_EXPORT_H

#define IW_EXPORT __attribute__((visibility("default")))

#endif
