// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * What a well-behaved peer sends, in every cutting of its bytes: where the
 * payload ends up, what completes, what is answered.
 */
#include "driver/soft/wire.h"
#include "tests/soft_rx_env.h"

#define ALL_RIGHTS                                                                   \
	(IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_READ | \
	 IBV_ACCESS_REMOTE_ATOMIC | IBV_ACCESS_MW_BIND)

static struct rx_mem a, b;

static void free_memory(void)
{
	rx_mem_check(&a, false);
	rx_mem_check(&b, false);
	rx_mem_free(&a);
	rx_mem_free(&b);
}

static void open_memory(size_t len)
{
	a = rx_mem_new(len, ALL_RIGHTS);
	b = rx_mem_new(len, IBV_ACCESS_LOCAL_WRITE);
}

/* A message in segments of @step bytes. */
static void put_segments(struct ddp_header h, size_t len, size_t step)
{
	size_t done = 0;

	do {
		size_t n = iw_min_size(step, len - done);

		h.last = done + n == len;
		rx_put(&h, rx_payload(done), n);
		done += n;
		if (h.tagged)
			h.to += n;
		else
			h.mo += (uint32_t)n;
	} while (done < len);
}

static void put_send(uint32_t msn, size_t len)
{
	put_segments(rx_hdr(RDMAP_SEND, msn), len, len + 1);
}

static const struct ibv_wc *wc(unsigned int i)
{
	cr_assert_eq(rx_env->failures, 0, "failed: %04x", rx_env->failure.terminate.code);
	cr_assert_lt(i, rx_env->wcs);
	cr_assert_eq(rx_env->wc[i].status, IBV_WC_SUCCESS);
	cr_assert_eq(rx_env->wc[i].qp_num, 77);
	return &rx_env->wc[i];
}

static void check_recv(unsigned int i, uint64_t wr_id, uint32_t len)
{
	cr_assert_eq(wc(i)->opcode, IBV_WC_RECV);
	cr_assert_eq(wc(i)->wr_id, wr_id);
	cr_assert_eq(wc(i)->byte_len, len);
}

/* ---- Sends */

static void build_sends(void)
{
	open_memory(64);
	for (uint64_t i = 0; i < 6; i++)
		rx_recv(100 + i, &a);
	for (uint32_t i = 0; i < 6; i++)
		put_send(i + 1, 5 * i);
}

static void check_sends(void)
{
	cr_assert_eq(rx_env->wcs, 6);
	for (uint32_t i = 0; i < 6; i++) {
		check_recv(i, 100 + i, 5 * i);
		cr_assert_eq(wc(i)->wc_flags, 0);
	}
	cr_assert_eq(rx_env->solicited, 0);
	rx_mem_check_pattern(&a, 0, 25, 0);
	free_memory();
}

Test(send, completes_receives_in_order)
{
	rx_each_way(build_sends, check_sends);
}

static void build_scattered(void)
{
	struct ibv_sge sge[5];

	open_memory(64);
	sge[0] = rx_sge(&a, 1, 3);
	sge[1] = rx_sge(&b, 0, 0);
	sge[2] = rx_sge(&b, 10, 20);
	sge[3] = rx_sge(&a, 30, 1);
	sge[4] = rx_sge(&a, 40, 24);
	rx_recv_sges(7, sge, 5);
	put_segments(rx_hdr(RDMAP_SEND_SE, 1), 40, 11);
}

static void check_scattered(void)
{
	check_recv(0, 7, 40);
	cr_assert_eq(rx_env->solicited, 1);
	rx_mem_check_pattern(&a, 1, 3, 0);
	rx_mem_check_pattern(&b, 10, 20, 3);
	rx_mem_check_pattern(&a, 30, 1, 23);
	rx_mem_check_pattern(&a, 40, 16, 24);
	cr_assert_eq(a.ptr[0], 0x11);
	cr_assert_eq(a.ptr[4], 0x11);
	cr_assert_eq(b.ptr[30], 0x11);
	cr_assert_eq(a.ptr[56], 0x11);
	free_memory();
}

Test(send, scatters_segments_over_the_parts)
{
	rx_each_way(build_scattered, check_scattered);
}

static void build_exact(void)
{
	open_memory(48);
	rx_recv(7, &a);
	put_segments(rx_hdr(RDMAP_SEND, 1), 48, 16);
}

static void check_exact(void)
{
	check_recv(0, 7, 48);
	rx_mem_check_pattern(&a, 0, 48, 0);
	free_memory();
}

Test(send, fills_the_receive_to_its_last_byte)
{
	rx_each_way(build_exact, check_exact);
}

static struct soft_mw *mw;
static uint32_t mw_key;

static void build_invalidate(void)
{
	struct ddp_header h = rx_hdr(RDMAP_SEND_SE_INV, 1);
	struct ibv_mw_bind_info info = { 0 };

	open_memory(48);
	cr_assert_eq(soft_mw_alloc(rx_env->pd, IBV_MW_TYPE_2, &mw), 0);
	info.mr = &a.mr->ibv;
	info.addr = (uintptr_t)a.ptr;
	info.length = 48;
	info.mw_access_flags = IBV_ACCESS_REMOTE_WRITE;
	mw_key = (mw->ibv.rkey & ~0xffu) | ((mw->ibv.rkey + 1) & 0xff);
	cr_assert_eq(soft_mw_bind(mw, 77, &info, &mw_key), 0);
	h.stag = mw_key;
	rx_recv(7, &b);
	rx_put(&h, rx_payload(0), 6);
}

static void check_invalidate(void)
{
	struct soft_pin pin;

	check_recv(0, 7, 6);
	cr_assert_eq(wc(0)->wc_flags, IBV_WC_WITH_INV);
	cr_assert_eq(wc(0)->invalidated_rkey, mw_key);
	cr_assert_eq(rx_env->solicited, 1);
	cr_assert_eq(soft_mem_pin_remote(rx_env->pd, 77, mw_key, (uintptr_t)a.ptr, 1,
					 IBV_ACCESS_REMOTE_WRITE, &pin),
		     SOFT_MEM_STAG);
	cr_assert_eq(soft_mw_dealloc(mw), 0);
	free_memory();
}

Test(send, invalidates_a_window)
{
	rx_each_way(build_invalidate, check_invalidate);
}

/* ---- immediate data */

static void build_send_with_imm(void)
{
	struct ddp_header h = rx_hdr(RDMAP_SEND, 1);

	open_memory(48);
	rx_recv(7, &a);
	rx_recv(8, &a);
	h.stag = RDMAP_SEND_IMM_FOLLOWS;
	put_segments(h, 40, 30);
	rx_put_imm(RDMAP_IMMEDIATE_SE, 2,
		   &(struct rdmap_immediate){ .imm_data = 0x12345678, .kind = RDMAP_IMM_OF_SEND });
	put_send(3, 4);
}

static void check_send_with_imm(void)
{
	cr_assert_eq(rx_env->wcs, 2);
	check_recv(0, 7, 40);
	cr_assert_eq(wc(0)->wc_flags, IBV_WC_WITH_IMM);
	cr_assert_eq(wc(0)->imm_data, 0x12345678);
	check_recv(1, 8, 4);
	cr_assert_eq(wc(1)->wc_flags, 0);
	cr_assert_geq(rx_env->solicited, 1);
	rx_mem_check_pattern(&a, 4, 36, 4);
	free_memory();
}

Test(immediate, of_a_send_completes_once_with_data_and_imm)
{
	rx_each_way(build_send_with_imm, check_send_with_imm);
}

static void build_mark_without_extensions(void)
{
	struct ddp_header h = rx_hdr(RDMAP_SEND, 1);

	rx_env->qp->stream.extensions = false;
	open_memory(48);
	rx_recv(7, &a);
	h.stag = RDMAP_SEND_IMM_FOLLOWS;
	put_segments(h, 40, 30);
}

static void check_mark_without_extensions(void)
{
	check_recv(0, 7, 40);
	free_memory();
}

Test(immediate, mark_of_a_foreign_peer_means_nothing)
{
	rx_each_way(build_mark_without_extensions, check_mark_without_extensions);
}

static void build_write_with_imm(void)
{
	struct ddp_header h = rx_hdr(RDMAP_WRITE, 0);
	struct rdmap_immediate imm = { .imm_data = 0xabcdef01, .kind = RDMAP_IMM_ALONE };

	open_memory(64);
	for (uint64_t i = 0; i < 4; i++)
		rx_recv(i, &b);
	h.stag = a.mr->ibv.rkey;
	h.to = (uintptr_t)a.ptr;
	put_segments(h, 60, 25);
	rx_put_imm(RDMAP_IMMEDIATE, 1, &imm);
	rx_put_imm(RDMAP_IMMEDIATE, 2, &imm); /* follows no Write */
	put_segments(h, 10, 25);
	rx_put_read(1, &(struct rdmap_read_request){ 0 });
	rx_put_imm(RDMAP_IMMEDIATE, 3, &imm);
	put_segments(h, 10, 25);
	put_send(4, 3);
}

static void check_write_with_imm(void)
{
	cr_assert_eq(rx_env->wcs, 4);
	for (unsigned int i = 0; i < 3; i++) {
		cr_assert_eq(wc(i)->wr_id, i);
		cr_assert_eq(wc(i)->wc_flags, IBV_WC_WITH_IMM);
		cr_assert_eq(wc(i)->imm_data, 0xabcdef01);
	}
	cr_assert_eq(wc(0)->opcode, IBV_WC_RECV_RDMA_WITH_IMM);
	cr_assert_eq(wc(0)->byte_len, 60);
	check_recv(1, 1, 0);
	cr_assert_eq(wc(2)->opcode, IBV_WC_RECV_RDMA_WITH_IMM);
	cr_assert_eq(wc(2)->byte_len, 10);
	check_recv(3, 3, 3);
	rx_mem_check_pattern(&a, 0, 60, 0);
	free_memory();
}

Test(immediate, of_a_write_tells_its_length)
{
	rx_each_way(build_write_with_imm, check_write_with_imm);
}

/* ---- Writes */

static void build_writes(void)
{
	struct ddp_header h = rx_hdr(RDMAP_WRITE, 0xdead), send = rx_hdr(RDMAP_SEND, 1);

	open_memory(64);
	h.to = 12345;
	rx_put(&h, NULL, 0); /* nothing: nobody asks where */
	h.stag = a.mr->ibv.rkey;
	h.to = (uintptr_t)a.ptr;
	/* A Send between the segments of a Write. */
	rx_recv(7, &b);
	h.last = false;
	rx_put(&h, rx_payload(0), 30);
	rx_put(&send, rx_payload(0), 9);
	h.last = true;
	h.to += 30;
	rx_put(&h, rx_payload(30), 34);
}

static void check_writes(void)
{
	check_recv(0, 7, 9);
	cr_assert_eq(rx_env->wcs, 1);
	rx_mem_check_pattern(&a, 0, 64, 0);
	free_memory();
}

Test(write, fills_a_region_around_a_send)
{
	rx_each_way(build_writes, check_writes);
}

Test(write, fails_once_the_region_is_deregistered)
{
	struct ddp_header h = rx_hdr(RDMAP_WRITE, 0);

	rx_env_new(false);
	open_memory(64);
	h.stag = a.mr->ibv.rkey;
	h.to = (uintptr_t)a.ptr;
	rx_put(&h, rx_payload(0), 64);
	rx_env->out_len = DDP_TAGGED_HDR + 20;
	rx_play_now();
	cr_assert_eq(rx_env->failures, 0);
	rx_mem_check_pattern(&a, 0, 20, 0);
	cr_assert_eq(soft_mr_dereg(a.mr), 0);
	a.mr = NULL;
	memset(a.ptr, 0x11, 64);
	rx_put_ulpdu(rx_payload(20), 44);
	rx_play_now();
	cr_assert_eq(rx_env->failure.terminate.code, TERM_DDP_STAG);
	rx_mem_check(&a, true);
	free_memory();
	rx_env_free();
}

/* ---- Reads of ours */

static void put_response(const struct soft_swqe *wqe, size_t step)
{
	struct ddp_header h = rx_hdr(RDMAP_READ_RESPONSE, wqe->sink_stag);

	h.to = wqe->sink_to;
	put_segments(h, wqe->length, step);
}

static void build_responses(void)
{
	struct ibv_sge sge[2];

	open_memory(64);
	sge[0] = rx_sge(&a, 2, 10);
	sge[1] = rx_sge(&b, 5, 30);
	put_response(rx_read(IBV_WR_RDMA_READ, sge, 2), 13);
	put_response(rx_read(IBV_WR_RDMA_READ, NULL, 0), 1);
	sge[0] = rx_sge(&a, 20, 20);
	put_response(rx_read(IBV_WR_RDMA_READ, sge, 1), 64);
}

static void check_responses(void)
{
	cr_assert_eq(rx_env->failures, 0);
	cr_assert_eq(rx_env->reads_done, 3);
	rx_mem_check_pattern(&a, 2, 10, 0);
	rx_mem_check_pattern(&b, 5, 30, 10);
	rx_mem_check_pattern(&a, 20, 20, 0);
	free_memory();
}

Test(read_response, goes_to_the_parts_of_the_oldest_read)
{
	rx_each_way(build_responses, check_responses);
}

static void build_atomic_response(void)
{
	struct ibv_sge sge[2];
	uint8_t body[RDMAP_ATOMIC_RESP];
	struct ddp_header h = rx_hdr(RDMAP_ATOMIC_RESPONSE, 1);

	open_memory(64);
	sge[0] = rx_sge(&a, 0, 3);
	sge[1] = rx_sge(&b, 8, 5);
	wire_put32(body, rx_read(IBV_WR_ATOMIC_FETCH_AND_ADD, sge, 2)->sink_stag);
	wire_put64(body + 4, 0x1122334455667788);
	rx_put(&h, body, sizeof(body));
}

static void check_atomic_response(void)
{
	uint64_t value = 0x1122334455667788;

	cr_assert_eq(rx_env->failures, 0);
	cr_assert_eq(rx_env->reads_done, 1);
	cr_assert_arr_eq(a.ptr, (uint8_t *)&value, 3);
	cr_assert_arr_eq(b.ptr + 8, (uint8_t *)&value + 3, 5);
	free_memory();
}

Test(atomic_response, stores_the_value_in_host_order)
{
	rx_each_way(build_atomic_response, check_atomic_response);
}

/* ---- requests of the peer */

static void build_requests(void)
{
	open_memory(64);
	memset(a.ptr, 0, 16);
	a.ptr[8] = 5;
	rx_put_read(1, &(struct rdmap_read_request){ .sink_stag = 9,
						     .sink_to = 10,
						     .size = 64,
						     .source_stag = a.mr->ibv.rkey,
						     .source_to = (uintptr_t)a.ptr });
	rx_put_atomic(2, &(struct rdmap_atomic_request){ .op = RDMAP_FETCH_ADD,
							 .request_id = 0x77,
							 .stag = a.mr->ibv.rkey,
							 .to = (uintptr_t)a.ptr + 8,
							 .add_swap = 3 });
	rx_put_atomic(3, &(struct rdmap_atomic_request){ .op = RDMAP_CMP_SWAP,
							 .request_id = 0x78,
							 .stag = a.mr->ibv.rkey,
							 .to = (uintptr_t)a.ptr,
							 .add_swap = 3,
							 .add_swap_mask = UINT64_MAX,
							 .compare = 1,
							 .compare_mask = UINT64_MAX });
	/* Nothing is read from nowhere. */
	rx_put_read(4, &(struct rdmap_read_request){ .sink_stag = 11, .source_stag = 12 });
}

static void check_requests(void)
{
	const struct soft_response *r = rx_env->responses;
	uint64_t values[2];

	cr_assert_eq(rx_env->failures, 0);
	cr_assert_eq(rx_env->responded, 4);
	cr_assert(!r[0].is_atomic);
	cr_assert_eq(r[0].sink_stag, 9);
	cr_assert_eq(r[0].sink_to, 10);
	cr_assert_eq(r[0].size, 64);
	cr_assert_eq(r[0].source_stag, a.mr->ibv.rkey);
	cr_assert_eq(r[0].source_to, (uintptr_t)a.ptr);
	cr_assert(r[1].is_atomic);
	cr_assert_eq(r[1].request_id, 0x77);
	cr_assert_eq(r[1].old_value, 5);
	cr_assert_eq(r[2].request_id, 0x78);
	cr_assert_eq(r[2].old_value, 0);
	cr_assert_eq(r[3].sink_stag, 11);
	cr_assert_eq(r[3].size, 0);
	memcpy(values, a.ptr, sizeof(values));
	cr_assert_eq(values[0], 0);
	cr_assert_eq(values[1], 8);
	free_memory();
}

Test(request, is_answered_in_order)
{
	rx_each_way(build_requests, check_requests);
}

/* ---- RTR frames of a peer-to-peer initiator, and the first FPDU */

static void expect_rtr(enum mpa_rtr rtr)
{
	rx_env->qp->stream.peer_to_peer = true;
	rx_env->qp->stream.rtr = (uint8_t)rtr;
	open_memory(16);
}

static void build_rtr_send(void)
{
	expect_rtr(MPA_RTR_SEND | MPA_RTR_WRITE);
	rx_recv(7, &a);
	put_send(1, 0);
	put_send(2, 5);
}

static void check_rtr_send(void)
{
	cr_assert_eq(rx_env->wcs, 1);
	check_recv(0, 7, 5);
	cr_assert_eq(rx_env->released, 1);
	cr_assert(rx_env->qp->first_fpdu_due);
	free_memory();
}

Test(rtr, send_takes_no_receive)
{
	rx_each_way(build_rtr_send, check_rtr_send);
}

static void build_rtr_write(void)
{
	struct ddp_header h = rx_hdr(RDMAP_WRITE, 1);

	expect_rtr(MPA_RTR_WRITE);
	rx_put(&h, NULL, 0);
}

static void check_rtr_write(void)
{
	cr_assert_eq(rx_env->failures, 0);
	cr_assert_eq(rx_env->wcs, 0);
	cr_assert_eq(rx_env->released, 1);
	cr_assert(rx_env->qp->first_fpdu_due);
	free_memory();
}

Test(rtr, write_completes_nothing)
{
	rx_each_way(build_rtr_write, check_rtr_write);
}

static void build_rtr_not_agreed(void)
{
	expect_rtr(MPA_RTR_WRITE);
	rx_recv(7, &a);
	put_send(1, 0);
}

static void check_rtr_not_agreed(void)
{
	check_recv(0, 7, 0);
	free_memory();
}

Test(rtr, send_that_was_not_agreed_is_a_message)
{
	rx_each_way(build_rtr_not_agreed, check_rtr_not_agreed);
}

static void build_initiator(void)
{
	open_memory(16);
	rx_env->qp->stream.initiator = true;
	rx_recv(7, &a);
	put_send(1, 3);
}

static void check_initiator(void)
{
	check_recv(0, 7, 3);
	cr_assert_eq(rx_env->released, 0);
	cr_assert(!rx_env->qp->first_fpdu_due);
	free_memory();
}

Test(first_fpdu, means_nothing_to_an_initiator)
{
	rx_each_way(build_initiator, check_initiator);
}

static void build_bad_first(void)
{
	open_memory(16);
	put_send(2, 3);
}

static void check_bad_first(void)
{
	cr_assert_eq(rx_env->failures, 1);
	cr_assert_eq(rx_env->released, 0);
	cr_assert(!rx_env->qp->first_fpdu_due);
	free_memory();
}

Test(first_fpdu, has_to_be_good)
{
	rx_each_way(build_bad_first, check_bad_first);
}

/* ---- shared receive queues, flushing */

static void build_srq(void)
{
	rx_env->qp->srq = &rx_env->srq;
	rx_env->srq.pd = rx_env->other_pd;
	rx_env->qp->rq = &rx_env->srq.rq;
	rx_env->limit_at = 2;
	a = rx_mem_of(rx_env->other_pd, 16, IBV_ACCESS_LOCAL_WRITE);
	b = rx_mem_new(16, 0);
	rx_recv(1, &a);
	rx_recv(2, &a);
	rx_recv(3, &a);
	for (uint32_t i = 1; i <= 3; i++)
		put_send(i, 4);
}

static void check_srq(void)
{
	cr_assert_eq(rx_env->wcs, 3);
	check_recv(2, 3, 4);
	cr_assert_eq(rx_env->limit_events, 1);
	free_memory();
}

Test(srq, uses_its_own_pd_and_raises_the_limit_event_once)
{
	rx_each_way(build_srq, check_srq);
}

static void flush(enum ibv_wc_status status)
{
	iw_lock(&rx_env->qp->rx.lock);
	soft_rx_flush(rx_env->qp, status);
	soft_rx_flush(rx_env->qp, status);
	iw_unlock(&rx_env->qp->rx.lock);
}

Test(flush, completes_the_receive_in_work)
{
	struct ddp_header h = rx_hdr(RDMAP_SEND, 1);

	rx_env_new(false);
	open_memory(16);
	flush(IBV_WC_WR_FLUSH_ERR);
	cr_assert_eq(rx_env->wcs, 0);
	rx_recv(5, &a);
	h.last = false;
	rx_put(&h, rx_payload(0), 4);
	rx_play_now();
	flush(IBV_WC_LOC_LEN_ERR);
	cr_assert_eq(rx_env->wcs, 1);
	cr_assert_eq(rx_env->wc[0].wr_id, 5);
	cr_assert_eq(rx_env->wc[0].status, IBV_WC_LOC_LEN_ERR);
	cr_assert_eq(rx_env->wc[0].qp_num, 77);
	free_memory();
	rx_env_free();
}

Test(flush, completes_a_send_that_waits_for_its_immediate)
{
	struct ddp_header h = rx_hdr(RDMAP_SEND, 1);

	rx_env_new(false);
	open_memory(16);
	rx_recv(5, &a);
	h.stag = RDMAP_SEND_IMM_FOLLOWS;
	rx_put(&h, rx_payload(0), 4);
	rx_play_now();
	cr_assert_eq(rx_env->wcs, 0);
	flush(0);
	cr_assert_eq(rx_env->wcs, 1);
	cr_assert_eq(rx_env->wc[0].status, IBV_WC_WR_FLUSH_ERR);
	free_memory();
	rx_env_free();
}
