// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The send queue: what may be posted, and in which order it completes. */
#include <criterion/criterion.h>
#include <errno.h>
#include <sys/socket.h>

#include "soft_qp_fake.h"

#define SIGNALED IBV_SEND_SIGNALED

static const struct soft_stream plain = { .initiator = true, .ird = 4, .ord = 2 };
static char buf[4096];

static void setup(void)
{
	fake_setup(8);
}

TestSuite(sq, .init = setup, .fini = fake_teardown);

static int post(struct ibv_send_wr *wr)
{
	struct ibv_send_wr *bad = NULL;
	int rc = soft_sq_post(fake.qp, wr, &bad);

	cr_assert_eq(rc ? bad : NULL, rc ? wr : NULL);
	return rc;
}

static void read_done(void)
{
	iw_lock(&fake.qp->sq.lock);
	soft_sq_read_done(fake.qp);
	iw_unlock(&fake.qp->sq.lock);
}

static size_t wire_bytes(void)
{
	static uint8_t sink[1 << 16];

	return fake_read(sink, sizeof(sink));
}

Test(sq, post__refused_before_rts)
{
	cr_assert_eq(fake_post(IBV_WR_SEND, buf, 1, 0), -EINVAL);
}

Test(sq, post__checks_each_request)
{
	struct ibv_sge sge[5] = { fake_sge(buf, 8), fake_sge(buf, 1), fake_sge(buf, 1),
				  fake_sge(buf, 1), fake_sge(buf, 1) };
	struct ibv_send_wr wr = { .sg_list = sge, .num_sge = 5, .opcode = IBV_WR_SEND };

	cr_assert_eq(fake_attach(plain, SOCK_STREAM), 0);
	cr_assert_eq(post(&wr), -EINVAL); /* too many */
	wr.num_sge = -1;
	cr_assert_eq(post(&wr), -EINVAL);
	wr.num_sge = 2;
	sge[0].length = sge[1].length = UINT32_MAX;
	cr_assert_eq(post(&wr), -EINVAL); /* too long */
	wr.num_sge = 1;
	sge[0].length = 129;
	wr.send_flags = IBV_SEND_INLINE;
	cr_assert_eq(post(&wr), -EINVAL);
	sge[0].length = 8;
	wr.opcode = IBV_WR_RDMA_READ;
	cr_assert_eq(post(&wr), -EINVAL); /* inline */
	wr.send_flags = 0;
	wr.opcode = IBV_WR_LOCAL_INV;
	cr_assert_eq(post(&wr), -EINVAL); /* with data */
	wr.opcode = IBV_WR_BIND_MW;
	cr_assert_eq(post(&wr), -EINVAL); /* no window */
	wr.opcode = IBV_WR_TSO;
	cr_assert_eq(post(&wr), -EINVAL);
	cr_assert_eq(fake.n_wc, 0);
	cr_assert_eq(wire_bytes(), 0);
}

Test(sq, post__rfc7306_needs_a_peer_of_ours)
{
	struct ibv_sge sge = fake_sge(buf, 8);
	struct ibv_send_wr wr = { .sg_list = &sge, .num_sge = 1 };
	const enum ibv_wr_opcode ops[] = { IBV_WR_SEND_WITH_IMM, IBV_WR_RDMA_WRITE_WITH_IMM,
					   IBV_WR_ATOMIC_CMP_AND_SWP, IBV_WR_ATOMIC_FETCH_AND_ADD };

	cr_assert_eq(fake_attach(plain, SOCK_STREAM), 0);
	for (unsigned int i = 0; i < IW_ARRAY_SIZE(ops); i++) {
		wr.opcode = ops[i];
		cr_assert_eq(post(&wr), -EOPNOTSUPP);
	}
}

Test(sq, post__atomics_want_eight_aligned_bytes)
{
	struct soft_stream s = plain;
	struct ibv_sge sge = fake_sge(buf, 4);
	struct ibv_send_wr wr = { .sg_list = &sge,
				  .num_sge = 1,
				  .opcode = IBV_WR_ATOMIC_FETCH_AND_ADD };

	s.extensions = true;
	cr_assert_eq(fake_attach(s, SOCK_STREAM), 0);
	cr_assert_eq(post(&wr), -EINVAL);
	sge.length = 8;
	wr.wr.atomic.remote_addr = 4;
	cr_assert_eq(post(&wr), -EINVAL);
	wr.wr.atomic.remote_addr = 8;
	cr_assert_eq(post(&wr), 0);
}

Test(sq, post__list_stops_at_the_bad_one)
{
	struct ibv_sge sge = fake_sge(buf, 8);
	struct ibv_send_wr wr[3] = {
		{ .sg_list = &sge, .num_sge = 1, .opcode = IBV_WR_SEND, .next = &wr[1] },
		{ .sg_list = &sge, .num_sge = 9, .opcode = IBV_WR_SEND, .next = &wr[2] },
		{ .sg_list = &sge, .num_sge = 1, .opcode = IBV_WR_SEND },
	};
	struct ibv_send_wr *bad;

	cr_assert_eq(fake_attach(plain, SOCK_STREAM), 0);
	cr_assert_eq(soft_sq_post(fake.qp, wr, &bad), -EINVAL);
	cr_assert_eq(bad, &wr[1]);
	cr_assert_eq(wire_bytes(), 32);
}

Test(sq, post__full_queue)
{
	cr_assert_eq(fake_attach(plain, SOCK_STREAM), 0);
	for (unsigned int i = 0; i < 8; i++)
		cr_assert_eq(fake_post(IBV_WR_RDMA_READ, buf, 8, SIGNALED), 0);
	cr_assert_eq(fake_post(IBV_WR_SEND, buf, 8, 0), -ENOMEM);
	read_done();
	cr_assert_eq(fake_post(IBV_WR_SEND, buf, 8, 0), 0);
}

Test(sq, reads__stall_at_ord_and_complete_in_order)
{
	cr_assert_eq(fake_attach(plain, SOCK_STREAM), 0);
	for (unsigned int i = 0; i < 3; i++)
		cr_assert_eq(fake_post(IBV_WR_RDMA_READ, buf, 8, SIGNALED), 0);
	cr_assert_eq(fake_post(IBV_WR_SEND, buf, 8, SIGNALED), 0);
	cr_assert_eq(wire_bytes(), 2 * 52);
	read_done();
	cr_assert_eq(fake.n_wc, 1);
	cr_assert_eq(wire_bytes(), 52 + 32);
	read_done();
	read_done();
	cr_assert_eq(fake.n_wc, 4);
	cr_assert_eq(fake.wc[2].opcode, IBV_WC_RDMA_READ);
	cr_assert_eq(fake.wc[3].opcode, IBV_WC_SEND);
	read_done(); /* one too many is nothing */
	cr_assert_eq(fake.n_wc, 4);
}

Test(sq, fence__waits_for_reads)
{
	cr_assert_eq(fake_attach(plain, SOCK_STREAM), 0);
	cr_assert_eq(fake_post(IBV_WR_RDMA_READ, buf, 8, 0), 0);
	cr_assert_eq(fake_post(IBV_WR_SEND, buf, 8, IBV_SEND_FENCE), 0);
	cr_assert_eq(wire_bytes(), 52);
	read_done();
	cr_assert_eq(wire_bytes(), 32);
}

Test(sq, read__without_ord_fails)
{
	struct soft_stream s = plain;

	s.ord = 0;
	cr_assert_eq(fake_attach(s, SOCK_STREAM), 0);
	cr_assert_eq(fake_post(IBV_WR_RDMA_READ, buf, 8, 0), 0);
	cr_assert_eq(fake.wc[0].status, IBV_WC_LOC_QP_OP_ERR);
}

Test(sq, inline__is_copied_at_post)
{
	char text[6] = "hello";
	uint8_t got[64];

	cr_assert_eq(fake_attach(plain, SOCK_STREAM), 0);
	cr_assert_eq(fake_post(IBV_WR_RDMA_READ, buf, 8, 0), 0);
	cr_assert_eq(fake_post(IBV_WR_SEND, text, 5, IBV_SEND_INLINE | IBV_SEND_FENCE), 0);
	memset(text, 'x', 5);
	cr_assert_eq(wire_bytes(), 52);
	read_done();
	cr_assert_eq(fake_read(got, sizeof(got)), 32);
	cr_assert_arr_eq(got + 20, "hello", 5);
}

Test(sq, many__wrap_around_the_ring)
{
	cr_assert_eq(fake_attach(plain, SOCK_STREAM), 0);
	for (unsigned int i = 0; i < 100; i++) {
		cr_assert_eq(fake_post(IBV_WR_SEND, buf, 40, i % 4 ? 0 : SIGNALED), 0);
		cr_assert_eq(wire_bytes(), 64);
	}
	cr_assert_eq(fake.n_wc, 25);
}

Test(sq, error_state__flushes_what_is_posted)
{
	cr_assert_eq(fake_attach(plain, SOCK_STREAM), 0);
	soft_qp_abort(fake.qp);
	cr_assert_eq(fake_post(IBV_WR_SEND, buf, 8, 0), 0);
	cr_assert_eq(fake_post(IBV_WR_RDMA_READ, buf, 8, 0), 0);
	cr_assert_eq(fake.n_wc, 2);
	cr_assert_eq(fake.wc[1].status, IBV_WC_WR_FLUSH_ERR);
}

Test(sq, flush__reads_first_then_the_rest)
{
	struct soft_failure why = { .status = -EPROTO, .sq_status = IBV_WC_GENERAL_ERR };

	cr_assert_eq(fake_attach(plain, SOCK_STREAM), 0);
	cr_assert_eq(fake_post(IBV_WR_SEND, buf, 8, 0), 0); /* done, in silence */
	for (unsigned int i = 0; i < 3; i++)
		cr_assert_eq(fake_post(IBV_WR_RDMA_READ, buf, 8, 0), 0);
	cr_assert_eq(fake_post(IBV_WR_SEND, buf, 8, 0), 0);
	soft_qp_fail(fake.qp, &why);
	soft_qp_settle(fake.qp);
	cr_assert_eq(fake.n_wc, 4);
	cr_assert_eq(fake.wc[0].status, IBV_WC_GENERAL_ERR);
	for (unsigned int i = 1; i < 4; i++)
		cr_assert_eq(fake.wc[i].status, IBV_WC_WR_FLUSH_ERR);
	cr_assert_eq(fake.ended_status, -EPROTO);
}
