// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The inline functions of rdma/rdma_verbs.h, over a context whose operations are
 * here: what is posted, and how completions are waited for.
 */
#include <criterion/criterion.h>
#include <rdma/rdma_verbs.h>
#include <stdbool.h>

/* What the fake device saw last, and what it answers. */
static struct {
	struct ibv_send_wr send;
	struct ibv_recv_wr recv;
	struct ibv_sge sge;
	int sends, recvs, srq_recvs, result;
	int polls, arms, arm_result;
	int poll_results[8];
} dev;

static int fake_post_send(struct ibv_qp *qp, struct ibv_send_wr *wr, struct ibv_send_wr **bad)
{
	dev.sends++;
	dev.send = *wr;
	dev.sge = wr->sg_list[0];
	*bad = wr;
	return dev.result;
}

static int fake_post_recv(struct ibv_qp *qp, struct ibv_recv_wr *wr, struct ibv_recv_wr **bad)
{
	dev.recvs++;
	dev.recv = *wr;
	dev.sge = wr->sg_list[0];
	*bad = wr;
	return dev.result;
}

static int fake_post_srq(struct ibv_srq *srq, struct ibv_recv_wr *wr, struct ibv_recv_wr **bad)
{
	dev.srq_recvs++;
	dev.recv = *wr;
	dev.sge = wr->sg_list[0];
	*bad = wr;
	return dev.result;
}

static int fake_poll(struct ibv_cq *cq, int n, struct ibv_wc *wc)
{
	return dev.poll_results[dev.polls++];
}

static int fake_arm(struct ibv_cq *cq, int solicited)
{
	dev.arms++;
	return dev.arm_result;
}

/* In place of libibverbs, which this program is not linked with. */
static bool next_event_fails;
static struct ibv_cq *next_event_cq, *acked_cq;

int ibv_get_cq_event(struct ibv_comp_channel *channel, struct ibv_cq **event_cq,
		     void **event_context)
{
	if (next_event_fails) {
		errno = EINTR;
		return -1;
	}
	*event_cq = next_event_cq;
	*event_context = NULL;
	return 0;
}

void ibv_ack_cq_events(struct ibv_cq *event_cq, unsigned int n)
{
	acked_cq = event_cq;
}

/* Nothing is registered here. */
#undef ibv_reg_mr
struct ibv_mr *ibv_reg_mr(struct ibv_pd *pd, void *addr, size_t length, int access)
{
	return NULL;
}

/* The macro above takes it where the compiler does not see that access is constant: -O0. */
struct ibv_mr *ibv_reg_mr_iova2(struct ibv_pd *pd, void *addr, size_t length, uint64_t iova,
				unsigned int access)
{
	return NULL;
}

int ibv_dereg_mr(struct ibv_mr *region)
{
	return 0;
}

static struct ibv_context context = { .ops = { .post_send = fake_post_send,
					       .post_recv = fake_post_recv,
					       .post_srq_recv = fake_post_srq,
					       .poll_cq = fake_poll,
					       .req_notify_cq = fake_arm } };
static struct ibv_qp qp = { .context = &context };
static struct ibv_srq srq = { .context = &context };
static struct ibv_cq cq = { .context = &context };
static struct ibv_comp_channel channel;
static struct rdma_cm_id id = {
	.verbs = &context,
	.qp = &qp,
	.send_cq = &cq,
	.recv_cq = &cq,
	.send_cq_channel = &channel,
	.recv_cq_channel = &channel,
};
static char buffer[64], tag;
static struct ibv_mr mr = {
	.context = &context, .addr = buffer, .length = sizeof(buffer), .lkey = 0x1234
};

static void check_send(enum ibv_wr_opcode opcode, int flags)
{
	cr_expect_eq(dev.send.opcode, opcode);
	cr_expect_eq(dev.send.send_flags, (unsigned int)flags);
	cr_expect_eq(dev.send.wr_id, (uint64_t)(uintptr_t)&tag);
	cr_expect_eq(dev.send.num_sge, 1);
	cr_expect_null(dev.send.next);
	cr_expect_eq(dev.sge.addr, (uint64_t)(uintptr_t)(buffer + 8));
	cr_expect_eq(dev.sge.length, 16);
}

Test(verbs, post_send__describes_the_buffer)
{
	cr_assert_eq(rdma_post_send(&id, &tag, buffer + 8, 16, &mr, IBV_SEND_SIGNALED), 0);
	check_send(IBV_WR_SEND, IBV_SEND_SIGNALED);
	cr_expect_eq(dev.sge.lkey, mr.lkey);
	cr_assert_eq(rdma_post_send(&id, &tag, buffer + 8, 16, NULL, IBV_SEND_INLINE), 0);
	check_send(IBV_WR_SEND, IBV_SEND_INLINE);
	cr_expect_eq(dev.sge.lkey, 0);
}

Test(verbs, post_read_and_write__name_the_remote_side)
{
	cr_assert_eq(rdma_post_read(&id, &tag, buffer + 8, 16, &mr, 0, 0x1000, 7), 0);
	check_send(IBV_WR_RDMA_READ, 0);
	cr_expect_eq(dev.send.wr.rdma.remote_addr, 0x1000);
	cr_expect_eq(dev.send.wr.rdma.rkey, 7);
	cr_assert_eq(rdma_post_write(&id, &tag, buffer + 8, 16, &mr, 0, 0x2000, 8), 0);
	check_send(IBV_WR_RDMA_WRITE, 0);
	cr_expect_eq(dev.send.wr.rdma.remote_addr, 0x2000);
	cr_expect_eq(dev.send.wr.rdma.rkey, 8);
	cr_expect_eq(rdma_post_read(&id, &tag, buffer, 1, NULL, 0, 0, 0), -1);
	cr_expect_eq(errno, EINVAL);
}

Test(verbs, post_ud_send__carries_the_q_key)
{
	struct ibv_ah ah = { 0 };

	cr_assert_eq(rdma_post_ud_send(&id, &tag, buffer + 8, 16, &mr, 0, &ah, 42), 0);
	check_send(IBV_WR_SEND, 0);
	cr_expect_eq(dev.send.wr.ud.ah, &ah);
	cr_expect_eq(dev.send.wr.ud.remote_qpn, 42);
	cr_expect_eq(dev.send.wr.ud.remote_qkey, RDMA_UDP_QKEY);
}

Test(verbs, post_recv__goes_to_the_srq_if_there_is_one)
{
	struct rdma_cm_id shared = id;

	cr_assert_eq(rdma_post_recv(&id, &tag, buffer + 8, 16, &mr), 0);
	cr_expect_eq(dev.recvs, 1);
	cr_expect_eq(dev.recv.wr_id, (uint64_t)(uintptr_t)&tag);
	cr_expect_eq(dev.sge.lkey, mr.lkey);
	shared.srq = &srq;
	cr_assert_eq(rdma_post_recv(&shared, &tag, buffer, sizeof(buffer), &mr), 0);
	cr_expect_eq(dev.recvs, 1);
	cr_expect_eq(dev.srq_recvs, 1);
}

Test(verbs, post_recv__refuses_what_is_outside)
{
	struct ibv_mr part = mr, imported = mr;

	part.addr = buffer + 8;
	part.length = 16;
	cr_expect_eq(rdma_post_recv(&id, &tag, buffer + 8, 17, &part), -1);
	cr_expect_eq(rdma_post_recv(&id, &tag, buffer + 9, 16, &part), -1);
	cr_expect_eq(rdma_post_recv(&id, &tag, buffer + 7, 1, &part), -1);
	cr_expect_eq(rdma_post_recv(&id, &tag, buffer + 8, SIZE_MAX, &part), -1);
	cr_expect_eq(rdma_post_recv(&id, &tag, buffer + 8, 1, NULL), -1);
	cr_expect_eq(errno, EINVAL);
	cr_expect_eq(dev.recvs, 0);
	cr_expect_eq(rdma_post_recv(&id, &tag, buffer + 8, 16, &part), 0);
	cr_expect_eq(rdma_post_recv(&id, &tag, buffer + 24, 0, &part), 0);

	/* ibv_import_mr(3) knows neither address nor length. */
	imported.addr = NULL;
	imported.length = 0;
	cr_expect_eq(rdma_post_recv(&id, &tag, buffer, sizeof(buffer), &imported), 0);
}

static void nothing_to_post_to(struct rdma_cm_id *on)
{
	struct ibv_sge sge = { .length = 1 };

	cr_expect(rdma_post_recvv(on, &tag, &sge, 1) == -1 && errno == EINVAL);
	errno = 0;
	cr_expect(rdma_post_sendv(on, &tag, &sge, 1, 0) == -1 && errno == EINVAL);
	errno = 0;
	cr_expect(rdma_post_read(on, &tag, buffer, 1, &mr, 0, 0, 0) == -1 && errno == EINVAL);
	errno = 0;
	cr_expect(!rdma_reg_msgs(on, buffer, 1) && errno == EINVAL);
}

Test(verbs, post__needs_a_qp_and_a_list)
{
	struct rdma_cm_id bare = { .verbs = &context };

	nothing_to_post_to(NULL);
	nothing_to_post_to(&bare);
	cr_expect(rdma_post_sendv(&id, &tag, NULL, 1, 0) == -1 && errno == EINVAL);
	errno = 0;
	cr_expect(rdma_post_recvv(&id, &tag, NULL, 1) == -1 && errno == EINVAL);
	errno = 0;
	cr_expect(rdma_post_recvv(&id, &tag, NULL, -1) == -1 && errno == EINVAL);
	errno = 0;
	cr_expect(rdma_dereg_mr(NULL) == -1 && errno == EINVAL);
	cr_expect(!dev.sends && !dev.recvs);
}

Test(verbs, get_comp__needs_a_queue_and_a_channel)
{
	struct rdma_cm_id bare = { .verbs = &context }, no_channel = { .send_cq = &cq };
	struct ibv_wc wc;

	cr_expect(rdma_get_send_comp(NULL, &wc) == -1 && errno == EINVAL);
	errno = 0;
	cr_expect(rdma_get_recv_comp(&bare, &wc) == -1 && errno == EINVAL);
	errno = 0;
	cr_expect(rdma_get_send_comp(&id, NULL) == -1 && errno == EINVAL);
	errno = 0;
	cr_expect(rdma_get_send_comp(&no_channel, &wc) == -1 && errno == EINVAL);
	dev.poll_results[dev.polls] = 1; /* what is there needs no channel */
	cr_expect_eq(rdma_get_send_comp(&no_channel, &wc), 1);
}

Test(verbs, seterrno__makes_errno_positive)
{
	cr_expect_eq(rdma_seterrno(0), 0);
	dev.result = ENOMEM;
	cr_expect_eq(rdma_post_send(&id, &tag, buffer, 1, &mr, 0), -1);
	cr_expect_eq(errno, ENOMEM);
	dev.result = -EINVAL;
	cr_expect_eq(rdma_post_send(&id, &tag, buffer, 1, &mr, 0), -1);
	cr_expect_eq(errno, EINVAL);
	errno = ENOTCONN;
	cr_expect_eq(rdma_seterrno(-1), -1);
	cr_expect_eq(errno, ENOTCONN);
	errno = 0;
	cr_expect_eq(rdma_seterrno(-1), -1);
	cr_expect_eq(errno, EIO);
}

Test(verbs, get_comp__polls_before_it_arms)
{
	struct ibv_wc wc;

	dev.poll_results[0] = 1;
	cr_expect_eq(rdma_get_send_comp(&id, &wc), 1);
	cr_expect_eq(dev.arms, 0);
}

Test(verbs, get_comp__sees_what_came_while_arming)
{
	struct ibv_wc wc;

	dev.poll_results[1] = 1;
	cr_expect_eq(rdma_get_recv_comp(&id, &wc), 1);
	cr_expect_eq(dev.arms, 1);
}

Test(verbs, get_comp__reports_each_failure)
{
	struct ibv_wc wc;

	dev.poll_results[0] = -EINVAL;
	cr_expect_eq(rdma_get_send_comp(&id, &wc), -1);
	cr_expect_eq(errno, EINVAL);
	dev.arm_result = ENOMEM;
	cr_expect_eq(rdma_get_send_comp(&id, &wc), -1);
	cr_expect_eq(errno, ENOMEM);
	dev.arm_result = 0;
	next_event_fails = true;
	cr_expect_eq(rdma_get_send_comp(&id, &wc), -1);
	cr_expect_eq(errno, EINTR);
}

Test(verbs, get_comp__waits_past_the_events_of_others)
{
	struct ibv_cq other = { .context = &context };
	struct ibv_wc wc;

	next_event_cq = &other;
	dev.poll_results[2] = 1;
	cr_expect_eq(rdma_get_send_comp(&id, &wc), 1);
	cr_expect_eq(acked_cq, &other);
	cr_expect_eq(dev.arms, 1);
}
