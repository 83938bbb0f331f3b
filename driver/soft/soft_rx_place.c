// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Payload: from the stream into registered memory. Every piece asks anew whether
 * it may go where it goes, and holds its pin for the one copy or system call
 * only: a region that is deregistered in the middle of a message fails the rest.
 */
#include <errno.h>

#include "driver/soft/crc32c.h"
#include "driver/soft/soft_rx_call.h"

/* The parts of a work request, from @offset on. */
struct sge_list {
	struct soft_pd *pd;
	const struct ibv_sge *sge;
	uint32_t n;
	uint64_t offset;
};

static int map_sges(struct soft_rx_call *call, const struct sge_list *list, uint32_t len,
		    struct soft_rx_dest *dest)
{
	uint64_t skip = list->offset;

	for (uint32_t i = 0; i < list->n && len; i++) {
		const struct ibv_sge *sge = &list->sge[i];
		struct soft_pin *pin = &dest->pin[dest->pieces];
		uint32_t part;

		if (skip >= sge->length) {
			skip -= sge->length;
			continue;
		}
		part = iw_min_u32(len, sge->length - (uint32_t)skip);
		if (soft_mem_pin_local(list->pd, sge->lkey, sge->addr + skip, part, true, pin))
			return soft_rx_fault_local(call, IBV_WC_LOC_PROT_ERR);
		dest->iov[dest->pieces++] = (struct iovec){ .iov_base = pin->ptr, .iov_len = part };
		len -= part;
		skip = 0;
	}
	return len ? soft_rx_fault_local(call, IBV_WC_LOC_LEN_ERR) : 0;
}

static int map_recv(struct soft_rx_call *call, uint32_t len, struct soft_rx_dest *dest)
{
	struct soft_qp *qp = call->qp;
	struct sge_list list = {
		.pd = qp->srq ? qp->srq->pd : qp->pd,
		.sge = qp->rx.rwqe.sge,
		.n = qp->rx.rwqe.num_sge,
		.offset = qp->rx.send_mo,
	};

	return map_sges(call, &list, len, dest);
}

static int map_read(struct soft_rx_call *call, uint32_t len, struct soft_rx_dest *dest)
{
	const struct soft_swqe *wqe = soft_rx_oldest_read(call);
	struct sge_list list = { .pd = call->qp->pd };

	if (!wqe)
		return soft_rx_fault(call, TERM_DDP_STAG);
	list.sge = wqe->sge;
	list.n = wqe->num_sge;
	list.offset = wqe->received;
	return map_sges(call, &list, len, dest);
}

static int map_write(struct soft_rx_call *call, uint32_t len, struct soft_rx_dest *dest)
{
	struct soft_rx *rx = &call->qp->rx;
	struct soft_rx_blame blame = { 0 };
	struct soft_pin *pin = &dest->pin[0];
	struct ibv_sge bytes = { rx->tagged_to, rx->left, rx->tagged_stag };
	enum soft_mem_fault fault;

	fault = soft_qp_pin_remote(call->qp, &bytes, IBV_ACCESS_REMOTE_WRITE, pin);
	if (fault) {
		if (fault == SOFT_MEM_ACCESS)
			blame.event = IBV_EVENT_QP_ACCESS_ERR;
		return soft_rx_fault_for(call, soft_rx_tagged_term(fault), &blame);
	}
	dest->iov[0] = (struct iovec){ .iov_base = pin->ptr, .iov_len = len };
	dest->pieces = 1;
	return 0;
}

int soft_rx_map(struct soft_rx_call *call, uint32_t len, struct soft_rx_dest *dest)
{
	int err;

	dest->pieces = 0;
	switch (soft_rx_op(call)) {
	case RDMAP_WRITE:
		err = map_write(call, len, dest);
		break;
	case RDMAP_READ_RESPONSE:
		err = map_read(call, len, dest);
		break;
	default:
		err = map_recv(call, len, dest);
	}
	if (err)
		soft_rx_unmap(dest);
	return err;
}

void soft_rx_unmap(struct soft_rx_dest *dest)
{
	while (dest->pieces)
		soft_mem_unpin(&dest->pin[--dest->pieces]);
}

void soft_rx_advance(struct soft_rx_call *call, uint32_t len)
{
	struct soft_rx *rx = &call->qp->rx;
	struct soft_swqe *wqe;

	rx->left -= len;
	switch (soft_rx_op(call)) {
	case RDMAP_WRITE:
		rx->tagged_to += len;
		rx->write_len += len;
		break;
	case RDMAP_READ_RESPONSE:
		rx->tagged_to += len;
		wqe = soft_rx_oldest_read(call);
		if (wqe)
			wqe->received += len;
		break;
	default:
		rx->send_mo += len;
	}
}

static void fill(const struct soft_rx_dest *dest, const uint8_t *bytes)
{
	for (unsigned int i = 0; i < dest->pieces; i++) {
		memcpy(dest->iov[i].iov_base, bytes, dest->iov[i].iov_len);
		bytes += dest->iov[i].iov_len;
	}
}

int soft_rx_copy(struct soft_rx_call *call, const uint8_t *bytes, uint32_t len)
{
	struct soft_rx_dest dest;
	int err;

	err = soft_rx_map(call, len, &dest);
	if (err)
		return err;
	fill(&dest, bytes);
	soft_rx_unmap(&dest);
	soft_rx_advance(call, len);
	return 0;
}

void soft_rx_digest(struct soft_rx *rx, const struct soft_rx_dest *dest, size_t len)
{
	for (unsigned int i = 0; i < dest->pieces && len; i++) {
		size_t part = iw_min_size(len, dest->iov[i].iov_len);

		rx->crc = crc32c_update(rx->crc, dest->iov[i].iov_base, part);
		len -= part;
	}
}

int soft_rx_store(struct soft_rx_call *call, const struct soft_swqe *wqe, const void *bytes,
		  uint32_t len)
{
	struct sge_list list = { .pd = call->qp->pd, .sge = wqe->sge, .n = wqe->num_sge };
	struct soft_rx_dest dest;
	int err;

	dest.pieces = 0;
	err = map_sges(call, &list, len, &dest);
	if (!err)
		fill(&dest, bytes);
	soft_rx_unmap(&dest);
	return err;
}
