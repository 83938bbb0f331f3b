/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The software iWARP device, an RNIC in this process: what its modules share.
 *
 *   soft_verbs   verbs' calling conventions over the modules below; soft_methods:
 *                those of the methods of a context
 *   soft_dev     devices (usiw_<interface>), contexts, async events
 *   soft_mr      protection domains, regions, windows: who may touch which bytes
 *   soft_cq      completion queues and channels
 *   soft_rq      receive queues: a QP's own and shared ones
 *   soft_qp      queue pairs: life, states, the end of a stream
 *   soft_sq      posting and retiring send work; soft_wr: by ibv_wr_*
 *   soft_tx      send queue -> FPDUs -> socket
 *   soft_rx      socket -> FPDUs -> memory, answers to reads and atomics
 *   soft_guard   notices that a peer with bytes of ours under way is dead
 *   soft_pset    who drives which sockets: the pollers or the loop
 *   soft_loop    the one thread, watches, timers, lingering sockets
 *   soft_cm      the iwcm-core driver; soft_conn: TCP and MPA set-up; soft_bind:
 *                addresses, soft_port: ports that may be any
 *   soft_limit   how long peers are waited for
 *   mpa ddp rdmap crc32c   codecs that know no socket
 *
 * Locks, from the outside in; a thread takes them in this order only:
 *   qp->rx.lock > qp->sq.lock > qp->rq->lock > cq->lock > channel->lock
 * The regions are pinned without a lock. No lock of these is held over a call
 * into the core or into a QP's owner.
 *
 * All functions return 0 or a negative errno, outputs set last; what programs
 * call by name or by pointer alone speaks verbs' dialects (errno, positive errors,
 * NULL): soft_verbs, soft_methods, soft_cq_ex, soft_wr.
 *
 * System calls under a lock are cancellation points: calls of the program that
 * get there are not cancelled meanwhile (base/cancel.h).
 */
#ifndef IW_SOFT_H
#define IW_SOFT_H

#include <infiniband/verbs.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "base/list.h"
#include "base/lock.h"
#include "base/log.h"

/* What ibv_query_device says, and what holds. */
#define SOFT_MAX_SGE 16
#define SOFT_MAX_INLINE 1024
#define SOFT_MAX_WR 32768
#define SOFT_MAX_CQE (1 << 22)
#define SOFT_MAX_RD_ATOM 128 /* IRD and ORD of a QP */
#define SOFT_MAX_QP ((1 << 17) - 2)
#define SOFT_MAX_CQ (1 << 17)
#define SOFT_MAX_SRQ (1 << 16)
#define SOFT_MAX_PD (1 << 16)
#define SOFT_MAX_MR (1 << 20) /* regions and windows together; indices are 24 bits */
#define SOFT_MAX_MSG UINT32_MAX

struct soft_context;
struct soft_pd;
struct soft_cq;
struct soft_qp;
struct soft_srq;
struct soft_rq;
struct soft_pset;

/*
 * A process forked from the one that opened a device cannot use it: threads and
 * locks do not survive. Every object remembers its context's generation; calls
 * check it before they take a lock (-EACCES).
 */
unsigned int soft_generation(void);

#endif
