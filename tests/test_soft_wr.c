// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* ibv_wr_*(3) on a queue pair. */
#include <criterion/criterion.h>
#include <errno.h>
#include <sys/socket.h>

#include "soft_qp_fake.h"

static const struct soft_stream ours = {
	.initiator = true, .extensions = true, .ird = 4, .ord = 4
};
static uint64_t word;
static struct ibv_qp_ex *ex;

static void setup(void)
{
	fake_setup(16);
	ex = &fake.qp->ex;
	cr_assert_eq(fake_attach(ours, SOCK_STREAM), 0);
}

TestSuite(wr, .init = setup, .fini = fake_teardown);

static size_t wire_bytes(void)
{
	static uint8_t sink[1 << 16];

	return fake_read(sink, sizeof(sink));
}

Test(wr, all__one_batch)
{
	struct ibv_mw_bind_info info = { .length = 0 };
	struct soft_mw mw = { 0 };

	ibv_wr_start(ex);
	ex->wr_id = 1;
	ex->wr_flags = IBV_SEND_SIGNALED;
	ibv_wr_send(ex);
	ibv_wr_set_sge(ex, FAKE_KEY, (uintptr_t)&word, 8);
	ibv_wr_send_imm(ex, 5);
	ibv_wr_send_inv(ex, 7);
	ibv_wr_rdma_write(ex, 1, 0);
	ibv_wr_set_inline_data(ex, &word, 4);
	ibv_wr_rdma_write_imm(ex, 1, 0, 5);
	ibv_wr_rdma_read(ex, 1, 0);
	ibv_wr_set_sge(ex, FAKE_KEY, (uintptr_t)&word, 8);
	ibv_wr_atomic_fetch_add(ex, 1, 8, 1);
	ibv_wr_set_sge(ex, FAKE_KEY, (uintptr_t)&word, 8);
	ibv_wr_atomic_cmp_swp(ex, 1, 8, 1, 2);
	ibv_wr_set_sge(ex, FAKE_KEY, (uintptr_t)&word, 8);
	ibv_wr_local_inv(ex, FAKE_KEY);
	ibv_wr_bind_mw(ex, &mw.ibv, 1, &info);
	cr_assert_eq(wire_bytes(), 0);
	cr_assert_eq(ibv_wr_complete(ex), 0);
	cr_assert_eq(wire_bytes(), 32 + (24 + 32) + 24 + 24 + (20 + 32) + 52 + 2 * 76);
	cr_assert_eq(fake.n_wc, 5); /* the read holds up what is behind it */
	cr_assert_eq(fake.invalidated + fake.binds, 2);
}

Test(wr, lists__of_parts)
{
	struct ibv_sge sge[2] = { fake_sge("ab", 2), fake_sge("cde", 3) };
	struct ibv_data_buf data[2] = { { (void *)"ab", 2 }, { (void *)"cde", 3 } };
	uint8_t got[128];

	ibv_wr_start(ex);
	ibv_wr_send(ex);
	ibv_wr_set_sge_list(ex, 2, sge);
	ibv_wr_send(ex);
	ibv_wr_set_inline_data_list(ex, 2, data);
	cr_assert_eq(ibv_wr_complete(ex), 0);
	cr_assert_eq(fake_read(got, sizeof(got)), 64);
	cr_assert_arr_eq(got + 20, "abcde", 5);
	cr_assert_arr_eq(got + 52, "abcde", 5);
}

Test(wr, abort__takes_all_back)
{
	ibv_wr_start(ex);
	ibv_wr_send(ex);
	ibv_wr_abort(ex);
	cr_assert_eq(wire_bytes(), 0);
	cr_assert_eq(fake.qp->sq.posted, 0);
}

Test(wr, complete__first_error_takes_all_back)
{
	struct ibv_sge sge[5] = { 0 };
	struct ibv_mw_bind_info info = { .length = 0 };
	char big[200] = { 0 };

	ibv_wr_start(ex);
	ibv_wr_send(ex);
	ibv_wr_set_sge_list(ex, 5, sge);
	ibv_wr_send(ex);
	cr_assert_eq(ibv_wr_complete(ex), EINVAL);

	ibv_wr_start(ex);
	ibv_wr_send(ex);
	ibv_wr_set_inline_data(ex, big, sizeof(big));
	cr_assert_eq(ibv_wr_complete(ex), EINVAL);

	ibv_wr_start(ex);
	ibv_wr_atomic_fetch_add(ex, 1, 8, 1); /* no local part */
	cr_assert_eq(ibv_wr_complete(ex), EINVAL);

	ibv_wr_start(ex);
	ibv_wr_bind_mw(ex, NULL, 1, &info);
	ibv_wr_set_sge(ex, FAKE_KEY, 0, 0);
	cr_assert_eq(ibv_wr_complete(ex), EINVAL);
	cr_assert_eq(wire_bytes(), 0);
	cr_assert_eq(fake.n_wc, 0);
}

Test(wr, all__refused_in_a_forked_child)
{
	fake.ctx.generation++;
	iw_lock(&fake.qp->sq.lock); /* by a thread of the parent */
	ibv_wr_start(ex);
	ibv_wr_send(ex);
	ibv_wr_set_sge(ex, 1, 0, 4);
	cr_assert_eq(ibv_wr_complete(ex), EACCES);
	ibv_wr_start(ex);
	ibv_wr_abort(ex);
	iw_unlock(&fake.qp->sq.lock);
	cr_assert_eq(fake.qp->sq.posted, 0);
	fake.ctx.generation--;
}

Test(wr, complete__full)
{
	ibv_wr_start(ex);
	for (unsigned int i = 0; i < 17; i++)
		ibv_wr_send(ex);
	cr_assert_eq(ibv_wr_complete(ex), ENOMEM);
	cr_assert_eq(wire_bytes(), 0);
}
