/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The software device as a driver of iwcm-core: TCP sockets, MPA set-up, and
 * the tie between a connection and its QP. Threads: the program's, in calls of
 * the core; the loop's. No call blocks on a peer.
 *
 * Time limits: TCP connect SOFT_CM_CONNECT_MS, MPA Reply SOFT_CM_REPLY_MS
 * (UNREACHABLE, -ETIMEDOUT), MPA Request SOFT_CM_REQUEST_MS (silent close),
 * the first FPDU of a peer-to-peer initiator SOFT_CM_RTR_MS, a graceful close
 * SOFT_CM_CLOSE_MS.
 *
 * A responder waits for the first FPDU before it sends (RFC 5044 section 7.1.2).
 * Kernel siw sends none of its own, and programs exist whose server speaks
 * first: to an initiator that is not peer-to-peer we send after SOFT_CM_FIRST_MS
 * all the same. It has long had the Reply by then.
 */
#ifndef IW_SOFT_CM_H
#define IW_SOFT_CM_H

#include "iwcm-core/iw_driver.h"

#define SOFT_CM_CONNECT_MS 30000
#define SOFT_CM_REPLY_MS 10000
#define SOFT_CM_REQUEST_MS 5000
#define SOFT_CM_RTR_MS 10000
#define SOFT_CM_FIRST_MS 200
#define SOFT_CM_CLOSE_MS 5000

extern const struct iw_driver iw_soft_driver;

#endif
