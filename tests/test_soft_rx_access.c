// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Writes, Read Responses, Read and Atomic Requests that may not touch what they
 * name: every Terminate that says so, and memory untouched.
 */
#include "tests/soft_rx_fault.h"

static void put_write(uint32_t stag, uint64_t to, size_t len)
{
	struct ddp_header h = rx_hdr(RDMAP_WRITE, stag);

	h.to = to;
	rx_put(&h, rx_payload(0), len);
}

/* ---- Writes */

FAULT(write, stag_0, TERM_DDP_STAG)
{
	put_write(0, to_of(&all), 8);
}

FAULT(write, stag_unknown, TERM_DDP_STAG)
{
	put_write(all.mr->ibv.rkey ^ 0x55555500, to_of(&all), 8);
}

FAULT(write, stag_with_a_stale_key, TERM_DDP_STAG)
{
	put_write(all.mr->ibv.rkey ^ 1, to_of(&all), 8);
}

FAULT(write, region_of_another_pd, TERM_DDP_PD)
{
	put_write(foreign.mr->ibv.rkey, to_of(&foreign), 8);
}

FAULT(write, without_permission, TERM_DDP_STAG, .event = IBV_EVENT_QP_ACCESS_ERR)
{
	put_write(local.mr->ibv.rkey, to_of(&local), 8);
}

static void take_right(unsigned int right)
{
	rx_env->qp->attr.qp_access_flags &= ~right;
}

FAULT(write, without_permission_of_the_qp, TERM_DDP_STAG, .event = IBV_EVENT_QP_ACCESS_ERR)
{
	take_right(IBV_ACCESS_REMOTE_WRITE);
	put_write(all.mr->ibv.rkey, to_of(&all), 8);
}

FAULT(write, begins_before_the_region, TERM_DDP_BOUNDS)
{
	put_write(all.mr->ibv.rkey, to_of(&all) - 1, 8);
}

FAULT(write, ends_behind_the_region, TERM_DDP_BOUNDS)
{
	put_write(all.mr->ibv.rkey, to_of(&all) + MEM - 7, 8);
}

FAULT(write, much_longer_than_the_region, TERM_DDP_BOUNDS)
{
	put_write(all.mr->ibv.rkey, to_of(&all), 40000);
}

FAULT(write, wraps, TERM_DDP_WRAP)
{
	put_write(all.mr->ibv.rkey, UINT64_MAX - 3, 8);
}

static void put_second_write(uint32_t stag, uint64_t to, size_t len)
{
	struct ddp_header h = rx_hdr(RDMAP_WRITE, all.mr->ibv.rkey);

	h.to = to_of(&all);
	h.last = false;
	rx_put(&h, rx_payload(0), 8);
	put_write(stag, to, len);
}

FAULT(write, continues_with_another_stag, TERM_DDP_STAG, .placed = true)
{
	put_second_write(local.mr->ibv.rkey, to_of(&all) + 8, 8);
}

FAULT(write, continues_elsewhere, TERM_DDP_BOUNDS, .placed = true)
{
	put_second_write(all.mr->ibv.rkey, to_of(&all) + 9, 8);
}

FAULT(write, continues_beyond_the_region, TERM_DDP_BOUNDS, .placed = true)
{
	put_second_write(all.mr->ibv.rkey, to_of(&all) + 8, MEM - 7);
}

FAULT(write, continues_as_a_read_response, TERM_RDMAP_OPCODE, .placed = true)
{
	struct ddp_header h = rx_hdr(RDMAP_WRITE, all.mr->ibv.rkey);

	h.to = to_of(&all);
	h.last = false;
	rx_put(&h, rx_payload(0), 8);
	put(RDMAP_READ_RESPONSE, 1, 8);
}

/* ---- Read Responses */

static void put_response(const struct soft_swqe *wqe, uint64_t at, size_t len, bool last)
{
	struct ddp_header h = rx_hdr(RDMAP_READ_RESPONSE, wqe->sink_stag);

	h.to = wqe->sink_to + at;
	h.last = last;
	rx_put(&h, rx_payload(at), len);
}

static struct soft_swqe *read_into(const struct rx_mem *mem)
{
	struct ibv_sge sge = rx_sge(mem, 0, MEM);

	return rx_read(IBV_WR_RDMA_READ, &sge, 1);
}

FAULT(response, to_no_read, TERM_DDP_STAG, .sq = IBV_WC_GENERAL_ERR)
{
	put(RDMAP_READ_RESPONSE, all.mr->ibv.rkey, 8);
}

FAULT(response, to_an_atomic, TERM_DDP_STAG, .sq = IBV_WC_GENERAL_ERR)
{
	struct ibv_sge sge = rx_sge(&all, 0, 8);

	put_response(rx_read(IBV_WR_ATOMIC_FETCH_AND_ADD, &sge, 1), 0, 8, true);
}

FAULT(response, to_another_sink, TERM_DDP_STAG, .sq = IBV_WC_GENERAL_ERR)
{
	read_into(&all);
	put_response(read_into(&all), 0, MEM, true);
}

FAULT(response, at_another_offset, TERM_DDP_BOUNDS, .sq = IBV_WC_GENERAL_ERR)
{
	put_response(read_into(&all), 1, MEM, true);
}

FAULT(response, too_long, TERM_DDP_BOUNDS, .sq = IBV_WC_GENERAL_ERR)
{
	put_response(read_into(&all), 0, MEM + 1, true);
}

FAULT(response, too_short, TERM_DDP_BOUNDS, .sq = IBV_WC_GENERAL_ERR)
{
	put_response(read_into(&all), 0, MEM - 1, true);
}

FAULT(response, empty, TERM_DDP_BOUNDS, .sq = IBV_WC_GENERAL_ERR)
{
	put_response(read_into(&all), 0, 0, true);
}

FAULT(response, second_segment_too_long, TERM_DDP_BOUNDS, .sq = IBV_WC_GENERAL_ERR, .placed = true)
{
	struct soft_swqe *wqe = read_into(&all);

	put_response(wqe, 0, 200, false);
	put_response(wqe, 200, 57, true);
}

FAULT(response, continues_elsewhere, TERM_DDP_BOUNDS, .sq = IBV_WC_GENERAL_ERR, .placed = true)
{
	struct soft_swqe *wqe = read_into(&all);

	put_response(wqe, 0, 200, false);
	put_response(wqe, 204, 52, true);
}

FAULT(response, continues_as_a_write, TERM_RDMAP_OPCODE, .sq = IBV_WC_GENERAL_ERR, .placed = true)
{
	put_response(read_into(&all), 0, 200, false);
	put_write(all.mr->ibv.rkey, to_of(&all) + 200, 8);
}

FAULT(response, into_a_sink_that_is_gone, TERM_DDP_LOCAL, .sq = IBV_WC_LOC_PROT_ERR,
      .event = IBV_EVENT_QP_ACCESS_ERR)
{
	put_response(read_into(&foreign), 0, MEM, true);
}

FAULT(response, atomic_to_nothing, TERM_DDP_NO_BUFFER)
{
	put(RDMAP_ATOMIC_RESPONSE, 1, RDMAP_ATOMIC_RESP);
}

FAULT(response, atomic_to_a_read, TERM_DDP_NO_BUFFER)
{
	read_into(&all);
	put(RDMAP_ATOMIC_RESPONSE, 1, RDMAP_ATOMIC_RESP);
}

FAULT(response, atomic_to_another_request, TERM_RDMAP_STREAM, .sq = IBV_WC_GENERAL_ERR)
{
	struct ibv_sge sge = rx_sge(&all, 0, 8);

	rx_read(IBV_WR_ATOMIC_FETCH_AND_ADD, &sge, 1);
	put(RDMAP_ATOMIC_RESPONSE, 1, RDMAP_ATOMIC_RESP);
}

FAULT(response, atomic_without_room, TERM_DDP_LOCAL, .sq = IBV_WC_LOC_LEN_ERR,
      .event = IBV_EVENT_QP_ACCESS_ERR, .placed = true)
{
	struct ibv_sge sge = rx_sge(&all, 0, 7);
	uint8_t body[RDMAP_ATOMIC_RESP] = { 0 };
	struct ddp_header h = rx_hdr(RDMAP_ATOMIC_RESPONSE, 1);

	wire_put32(body, rx_read(IBV_WR_ATOMIC_CMP_AND_SWP, &sge, 1)->sink_stag);
	rx_put(&h, body, sizeof(body));
}

/* ---- requests */

static void put_read(uint32_t stag, uint64_t to, uint32_t size)
{
	rx_put_read(1, &(struct rdmap_read_request){
			       .sink_stag = 9,
			       .source_stag = stag,
			       .source_to = to,
			       .size = size,
		       });
}

FAULT(read, stag_unknown, TERM_RDMAP_STAG, .event = IBV_EVENT_QP_REQ_ERR)
{
	put_read(all.mr->ibv.rkey ^ 1, to_of(&all), 8);
}

FAULT(read, region_of_another_pd, TERM_RDMAP_PD, .event = IBV_EVENT_QP_REQ_ERR)
{
	put_read(foreign.mr->ibv.rkey, to_of(&foreign), 8);
}

FAULT(read, without_permission, TERM_RDMAP_ACCESS, .event = IBV_EVENT_QP_ACCESS_ERR)
{
	put_read(local.mr->ibv.rkey, to_of(&local), 8);
}

FAULT(read, without_permission_of_the_qp, TERM_RDMAP_ACCESS, .event = IBV_EVENT_QP_ACCESS_ERR)
{
	take_right(IBV_ACCESS_REMOTE_READ);
	put_read(all.mr->ibv.rkey, to_of(&all), 8);
}

FAULT(read, out_of_bounds, TERM_RDMAP_BOUNDS, .event = IBV_EVENT_QP_REQ_ERR)
{
	put_read(all.mr->ibv.rkey, to_of(&all), MEM + 1);
}

FAULT(read, of_4_gib, TERM_RDMAP_BOUNDS, .event = IBV_EVENT_QP_REQ_ERR)
{
	put_read(all.mr->ibv.rkey, to_of(&all), UINT32_MAX);
}

FAULT(read, wraps, TERM_RDMAP_WRAP, .event = IBV_EVENT_QP_REQ_ERR)
{
	put_read(all.mr->ibv.rkey, UINT64_MAX, 2);
}

FAULT(read, exceeds_the_ird, TERM_RDMAP_STREAM)
{
	rx_env->qp->stream.ird = 0;
	put_read(all.mr->ibv.rkey, to_of(&all), 8);
}

static void put_atomic(uint8_t op, uint32_t stag, uint64_t to)
{
	rx_put_atomic(1, &(struct rdmap_atomic_request){
				 .op = op,
				 .stag = stag,
				 .to = to,
				 .add_swap = 1,
			 });
}

FAULT(atomic, of_unknown_kind, TERM_RDMAP_OPCODE)
{
	put_atomic(1, all.mr->ibv.rkey, to_of(&all));
}

FAULT(atomic, misaligned, TERM_RDMAP_STREAM)
{
	put_atomic(RDMAP_FETCH_ADD, all.mr->ibv.rkey, to_of(&all) + 4);
}

FAULT(atomic, stag_unknown, TERM_RDMAP_STAG, .event = IBV_EVENT_QP_REQ_ERR)
{
	put_atomic(RDMAP_FETCH_ADD, all.mr->ibv.rkey ^ 1, to_of(&all));
}

FAULT(atomic, region_of_another_pd, TERM_RDMAP_PD, .event = IBV_EVENT_QP_REQ_ERR)
{
	put_atomic(RDMAP_CMP_SWAP, foreign.mr->ibv.rkey, to_of(&foreign));
}

FAULT(atomic, without_permission, TERM_RDMAP_ACCESS, .event = IBV_EVENT_QP_ACCESS_ERR)
{
	put_atomic(RDMAP_FETCH_ADD, local.mr->ibv.rkey, to_of(&local));
}

FAULT(atomic, without_permission_of_the_qp, TERM_RDMAP_ACCESS, .event = IBV_EVENT_QP_ACCESS_ERR)
{
	take_right(IBV_ACCESS_REMOTE_ATOMIC);
	put_atomic(RDMAP_FETCH_ADD, all.mr->ibv.rkey, to_of(&all));
}

FAULT(atomic, out_of_bounds, TERM_RDMAP_BOUNDS, .event = IBV_EVENT_QP_REQ_ERR)
{
	put_atomic(RDMAP_FETCH_ADD, all.mr->ibv.rkey, to_of(&all) + MEM);
}

FAULT(atomic, exceeds_the_ird, TERM_RDMAP_STREAM)
{
	rx_env->qp->stream.ird = 0;
	put_atomic(RDMAP_FETCH_ADD, all.mr->ibv.rkey, to_of(&all));
}
