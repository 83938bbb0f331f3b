/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The software device and the interfaces of the machine as verbs/ sees them:
 * each call of driver/soft only leaves its name.
 */
#ifndef IW_FAKE_SOFT_H
#define IW_FAKE_SOFT_H

#include "driver/soft/soft_dev.h"

#define FAKE_SOFT_NDEVICES 20 /* more than verbs/ makes room for at first */
#define FAKE_SOFT_RC 55

extern struct soft_device fake_soft_devices[FAKE_SOFT_NDEVICES];
extern unsigned int fake_soft_up;	 /* how many of them soft_dev_list() shows */
extern int fake_soft_list_error;	 /* it fails with this */
extern unsigned int fake_kernel_ifindex; /* has a kernel device; 0: none has */

/* The software device's function that was called last; NULL: none. */
extern const char *fake_soft_last;
/* A context on the first of them. */
extern struct ibv_context fake_soft_context;

#endif
