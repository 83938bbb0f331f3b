/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Queues of receive work requests: a QP's own, or a shared one (SRQ).
 */
#ifndef IW_SOFT_RQ_H
#define IW_SOFT_RQ_H

#include "driver/soft/soft.h"

struct soft_rwqe {
	uint64_t wr_id;
	uint32_t num_sge;
	uint64_t length; /* sum of the SGEs */
	struct ibv_sge sge[SOFT_MAX_SGE];
};

/* @lock protects: all below it but the constants. */
struct soft_rq {
	struct iw_lock lock;
	uint32_t size;	     /* entries, a power of two */
	uint32_t max_wr;     /* what the program asked for and may post at once */
	uint32_t max_sge;    /* constant */
	uint32_t head, tail; /* head: oldest posted; free-running */
	uint32_t limit;	     /* SRQ: raises LIMIT_REACHED below this, once; 0: off */
	void *ring;	     /* entries of (2 + 2 * max_sge) * 8 bytes */
};

struct soft_srq {
	struct ibv_srq ibv;
	struct soft_context *ctx;
	struct soft_pd *pd;
	struct soft_rq rq;
	unsigned int qps; /* that use it; atomic */
	uint32_t async_events;
};

/* -EINVAL: beyond SOFT_MAX_WR, SOFT_MAX_SGE; -ENOMEM. @max_wr 0: nothing can be posted. */
int soft_rq_init(struct soft_rq *rq, uint32_t max_wr, uint32_t max_sge);
void soft_rq_fini(struct soft_rq *rq);
/*
 * -ENOMEM: full; -EINVAL: too many SGEs. Lists stop at the first bad one, which
 * *@bad names; what came before it is posted. Takes the lock.
 */
int soft_rq_post(struct soft_rq *rq, struct ibv_recv_wr *wr, struct ibv_recv_wr **bad);
/*
 * Takes the oldest. -ENOENT: none. *@hit_limit: the SRQ limit was reached now,
 * the caller raises the event when it holds no lock. Takes the lock.
 */
int soft_rq_pop(struct soft_rq *rq, struct soft_rwqe *wqe, bool *hit_limit);
void soft_rq_clear(struct soft_rq *rq);
/* -EINVAL: what is posted would not fit. Takes the lock. */
int soft_rq_resize(struct soft_rq *rq, uint32_t max_wr);

/* -EINVAL, -ENOMEM as above. The limit of @attr does not count at creation. */
int soft_srq_create(struct soft_pd *pd, const struct ibv_srq_init_attr *attr,
		    struct soft_srq **srq);
/* IBV_SRQ_MAX_WR and IBV_SRQ_LIMIT; -EINVAL: what is posted would not fit, or limit > size. */
int soft_srq_modify(struct soft_srq *srq, const struct ibv_srq_attr *attr, int mask);
void soft_srq_query(struct soft_srq *srq, struct ibv_srq_attr *attr);
int soft_srq_destroy(struct soft_srq *srq); /* -EBUSY while QPs use it */

#endif
