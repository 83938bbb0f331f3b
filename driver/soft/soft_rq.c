// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The ring of receive work requests. Whether its memory may be touched is asked
 * when a message comes, not here; what is shared about an SRQ is soft_srq.c's.
 */
#include "driver/soft/soft_rq.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* As it stands in the ring, max_sge parts after it. */
struct entry {
	uint64_t wr_id;
	uint32_t num_sge;
	uint32_t unused;
	struct ibv_sge sge[];
};

static size_t entry_size(const struct soft_rq *rq)
{
	return sizeof(struct entry) + rq->max_sge * sizeof(struct ibv_sge);
}

static struct entry *at(const struct soft_rq *rq, uint32_t index)
{
	return (struct entry *)(void *)((uint8_t *)rq->ring +
					(index & (rq->size - 1)) * entry_size(rq));
}

static uint32_t count(const struct soft_rq *rq)
{
	iw_assert_held(&rq->lock);
	return rq->tail - rq->head;
}

int soft_rq_init(struct soft_rq *rq, uint32_t max_wr, uint32_t max_sge)
{
	if (max_wr > SOFT_MAX_WR || max_sge > SOFT_MAX_SGE)
		return -EINVAL;
	memset(rq, 0, sizeof(*rq));
	rq->size = iw_power_of_two(max_wr);
	rq->max_wr = max_wr;
	rq->max_sge = max_sge;
	rq->ring = iw_calloc(rq->size, entry_size(rq));
	if (!rq->ring)
		return -ENOMEM;
	iw_lock_init(&rq->lock);
	return 0;
}

void soft_rq_fini(struct soft_rq *rq)
{
	if (!rq->ring)
		return;
	iw_lock_fini(&rq->lock);
	free(rq->ring);
	rq->ring = NULL;
}

static int post_one(struct soft_rq *rq, const struct ibv_recv_wr *wr)
{
	struct entry *entry;

	if (wr->num_sge < 0 || (uint32_t)wr->num_sge > rq->max_sge)
		return -EINVAL;
	if (count(rq) >= rq->max_wr)
		return -ENOMEM;
	entry = at(rq, rq->tail);
	entry->wr_id = wr->wr_id;
	entry->num_sge = (uint32_t)wr->num_sge;
	for (uint32_t i = 0; i < entry->num_sge; i++)
		entry->sge[i] = wr->sg_list[i];
	rq->tail++;
	return 0;
}

int soft_rq_post(struct soft_rq *rq, struct ibv_recv_wr *wr, struct ibv_recv_wr **bad)
{
	int rc = 0;

	iw_lock(&rq->lock);
	for (; wr; wr = wr->next) {
		rc = post_one(rq, wr);
		if (rc) {
			*bad = wr;
			break;
		}
	}
	iw_unlock(&rq->lock);
	return rc;
}

static void copy_out(const struct entry *entry, struct soft_rwqe *wqe)
{
	wqe->wr_id = entry->wr_id;
	wqe->num_sge = entry->num_sge;
	wqe->length = 0;
	for (uint32_t i = 0; i < entry->num_sge; i++) {
		wqe->sge[i] = entry->sge[i];
		wqe->length += entry->sge[i].length;
	}
}

int soft_rq_pop(struct soft_rq *rq, struct soft_rwqe *wqe, bool *hit_limit)
{
	int rc = -ENOENT;

	*hit_limit = false;
	iw_lock(&rq->lock);
	if (count(rq)) {
		copy_out(at(rq, rq->head), wqe);
		rq->head++;
		*hit_limit = count(rq) < rq->limit;
		if (*hit_limit)
			rq->limit = 0;
		rc = 0;
	}
	iw_unlock(&rq->lock);
	return rc;
}

void soft_rq_clear(struct soft_rq *rq)
{
	iw_lock(&rq->lock);
	rq->head = rq->tail;
	iw_unlock(&rq->lock);
}

/* The entries keep their order; the lock is held. */
static void move_to(struct soft_rq *rq, struct soft_rq *to)
{
	for (uint32_t n = count(rq); to->tail < n; to->tail++)
		memcpy(at(to, to->tail), at(rq, rq->head + to->tail), entry_size(rq));
	rq->ring = to->ring;
	rq->size = to->size;
	rq->max_wr = to->max_wr;
	rq->head = 0;
	rq->tail = to->tail;
}

int soft_rq_resize(struct soft_rq *rq, uint32_t max_wr)
{
	struct soft_rq to = { .max_wr = max_wr, .max_sge = rq->max_sge };
	void *unused;
	int rc = 0;

	if (!max_wr || max_wr > SOFT_MAX_WR)
		return -EINVAL;
	to.size = iw_power_of_two(max_wr);
	to.ring = iw_calloc(to.size, entry_size(&to));
	if (!to.ring)
		return -ENOMEM;
	unused = to.ring;
	iw_lock(&rq->lock);
	if (count(rq) > max_wr) {
		rc = -EINVAL;
	} else {
		unused = rq->ring;
		move_to(rq, &to);
	}
	iw_unlock(&rq->lock);
	free(unused);
	return rc;
}
