/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Multicast groups of an id: joining and leaving them in the kernel. */
#ifndef IW_KMEMBER_H
#define IW_KMEMBER_H

#include "driver/kernel/kid.h"

/* Returning 0 it owes one event of @join->membership. */
int kmember_join(struct kid *kid, const struct iw_cm_join *join);
/*
 * When it returns, whatever that is, no event of @membership is posted any more.
 * Waits for events that are between the kernel and the core, not for handlers.
 */
int kmember_leave(struct kid *kid, void *membership);

#endif
