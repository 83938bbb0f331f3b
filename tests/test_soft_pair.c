// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Two queue pairs of this process on a TCP connection, no stand-in anywhere: what
 * one end's transmitter sends is what the other end's receiver understands.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "driver/soft/soft_qp.h"

#define LEN (200u << 10)
#define SMALL 64
#define ALL_RIGHTS                                                                   \
	(IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_READ | \
	 IBV_ACCESS_REMOTE_ATOMIC)

struct end {
	struct soft_cq *cq;
	struct soft_qp *qp;
	struct soft_mr *mr;
	uint8_t *bytes;
	unsigned int first_fpdus, ended; /* atomic */
};

static struct soft_context *ctx;
static struct soft_pd *pd;
static struct end a, b; /* a: the initiator */

static void on_first_fpdu(void *owner)
{
	__atomic_add_fetch(&((struct end *)owner)->first_fpdus, 1, __ATOMIC_ACQ_REL);
}

static void on_ended(void *owner, int status)
{
	__atomic_add_fetch(&((struct end *)owner)->ended, 1, __ATOMIC_ACQ_REL);
}

static const struct soft_owner_ops ops = { on_first_fpdu, on_ended };

static void open_end(struct end *end)
{
	struct ibv_qp_init_attr_ex attr = {
		.cap = { .max_send_wr = 16,
			 .max_recv_wr = 64,
			 .max_send_sge = 4,
			 .max_recv_sge = 4 },
		.qp_type = IBV_QPT_RC,
		.sq_sig_all = 1,
		.comp_mask = IBV_QP_INIT_ATTR_PD,
		.pd = &pd->ibv,
	};
	struct ibv_qp_attr init = { .qp_state = IBV_QPS_INIT };

	end->bytes = malloc(LEN);
	cr_assert_eq(soft_mr_reg(pd, end->bytes, LEN, (uintptr_t)end->bytes, ALL_RIGHTS, &end->mr),
		     0);
	cr_assert_eq(soft_cq_create(ctx, 64, NULL, NULL, &end->cq), 0);
	attr.send_cq = &end->cq->ibv;
	attr.recv_cq = &end->cq->ibv;
	cr_assert_eq(soft_qp_create(ctx, &attr, &end->qp), 0);
	cr_assert_eq(soft_qp_modify(end->qp, &init, IBV_QP_STATE), 0);
}

static void close_end(struct end *end)
{
	cr_expect_eq(soft_qp_destroy(end->qp), 0);
	cr_expect_eq(soft_cq_destroy(end->cq), 0);
	cr_expect_eq(soft_mr_dereg(end->mr), 0);
	free(end->bytes);
}

static void tcp_pair(int fds[2])
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	socklen_t len = sizeof(addr);
	int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	cr_assert_eq(bind(listener, (struct sockaddr *)&addr, len), 0);
	cr_assert_eq(listen(listener, 1), 0);
	getsockname(listener, (struct sockaddr *)&addr, &len);
	fds[0] = socket(AF_INET, SOCK_STREAM, 0);
	cr_assert_eq(connect(fds[0], (struct sockaddr *)&addr, len), 0);
	fds[1] = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	setsockopt(fds[0], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fds[1], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	close(listener);
}

static void setup(bool crc, enum mpa_rtr rtr)
{
	struct sockaddr_in local = { .sin_family = AF_INET };
	struct soft_stream stream = {
		.crc = crc,
		.extensions = true,
		.peer_to_peer = rtr,
		.rtr = (uint8_t)rtr,
		.ird = 4,
		.ord = 4,
	};
	struct soft_device *dev;
	int fds[2];

	local.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	cr_assert_eq(soft_dev_by_addr((struct sockaddr *)&local, &dev), 0);
	cr_assert_eq(soft_context_open(dev, &ctx), 0);
	cr_assert_eq(soft_pd_alloc(ctx, &pd), 0);
	a = b = (struct end){ 0 };
	open_end(&a);
	open_end(&b);
	for (size_t i = 0; i < LEN; i++) {
		a.bytes[i] = (uint8_t)(i * 11 + (i >> 9));
		b.bytes[i] = 0;
	}
	tcp_pair(fds);
	stream.fd = fds[1];
	cr_assert_eq(soft_qp_attach(b.qp, &stream, &ops, &b), 0);
	stream.fd = fds[0];
	stream.initiator = true;
	cr_assert_eq(soft_qp_attach(a.qp, &stream, &ops, &a), 0);
}

static void teardown(void)
{
	close_end(&a);
	close_end(&b);
	cr_expect_eq(soft_pd_dealloc(pd), 0);
	cr_expect_eq(soft_context_close(ctx), 0);
}

/* The next completion of @end; fails the test after 10 s. */
static struct ibv_wc next(struct end *end)
{
	struct ibv_wc wc;
	time_t limit = time(NULL) + 10;
	struct end *other = end == &a ? &b : &a;

	while (soft_cq_poll(end->cq, 1, &wc) == 0) {
		cr_assert_lt(time(NULL), limit, "no completion");
		soft_qp_progress(other->qp, 0);
	}
	return wc;
}

static struct ibv_wc good(struct end *end)
{
	struct ibv_wc wc = next(end);

	cr_assert_eq(wc.status, IBV_WC_SUCCESS, "status %d", wc.status);
	return wc;
}

static void post_recv(struct end *end, uint64_t id, size_t len)
{
	struct ibv_sge sge = { (uintptr_t)end->bytes, (uint32_t)len, end->mr->ibv.lkey };
	struct ibv_recv_wr wr = { .wr_id = id, .sg_list = &sge, .num_sge = 1 }, *bad;

	cr_assert_eq(soft_qp_post_recv(end->qp, &wr, &bad), 0);
}

static void post(enum ibv_wr_opcode opcode, unsigned int flags, size_t len)
{
	struct ibv_sge sge = { (uintptr_t)a.bytes, (uint32_t)len, a.mr->ibv.lkey };
	struct ibv_send_wr wr = {
		.wr_id = opcode,
		.sg_list = &sge,
		.num_sge = 1,
		.opcode = opcode,
		.send_flags = flags,
		.imm_data = htobe32(0xcafe),
	}, *bad;

	wr.wr.rdma.remote_addr = (uintptr_t)b.bytes;
	wr.wr.rdma.rkey = b.mr->ibv.rkey;
	if (opcode == IBV_WR_ATOMIC_FETCH_AND_ADD || opcode == IBV_WR_ATOMIC_CMP_AND_SWP) {
		wr.wr.atomic.remote_addr = (uintptr_t)b.bytes;
		wr.wr.atomic.rkey = b.mr->ibv.rkey;
		wr.wr.atomic.compare_add = 5;
		wr.wr.atomic.swap = 9;
	}
	cr_assert_eq(soft_sq_post(a.qp, &wr, &bad), 0);
}

static void check_recv(uint64_t id, enum ibv_wc_opcode opcode, size_t len, bool imm)
{
	struct ibv_wc wc = good(&b);

	cr_assert_eq(wc.wr_id, id);
	cr_assert_eq(wc.opcode, opcode);
	cr_assert_eq(wc.byte_len, len);
	cr_assert_eq(wc.wc_flags, imm ? IBV_WC_WITH_IMM : 0);
	if (imm)
		cr_assert_eq(wc.imm_data, htobe32(0xcafe));
}

static void sends_of(size_t len)
{
	memset(b.bytes, 0, LEN);
	post_recv(&b, 1, LEN);
	post_recv(&b, 2, LEN);
	post_recv(&b, 3, LEN);
	post(IBV_WR_SEND, 0, len);
	post(IBV_WR_SEND_WITH_IMM, IBV_SEND_SOLICITED, len);
	post(IBV_WR_SEND, IBV_SEND_SOLICITED, len);
	check_recv(1, IBV_WC_RECV, len, false);
	check_recv(2, IBV_WC_RECV, len, true);
	check_recv(3, IBV_WC_RECV, len, false);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(good(&a).opcode, IBV_WC_SEND);
	cr_assert_arr_eq(a.bytes, b.bytes, len);
}

static void writes_of(size_t len)
{
	memset(b.bytes, 0, LEN);
	post_recv(&b, 1, 0);
	post(IBV_WR_RDMA_WRITE, 0, len);
	post(IBV_WR_RDMA_WRITE_WITH_IMM, 0, len);
	check_recv(1, IBV_WC_RECV_RDMA_WITH_IMM, len, true);
	for (int i = 0; i < 2; i++)
		cr_assert_eq(good(&a).opcode, IBV_WC_RDMA_WRITE);
	cr_assert_arr_eq(a.bytes, b.bytes, len);
}

static void reads_of(size_t len)
{
	memset(a.bytes, 0x5a, LEN);
	for (size_t i = 0; i < LEN; i++)
		b.bytes[i] = (uint8_t)(i * 3 + (i >> 8));
	for (int i = 0; i < 6; i++) /* more than are allowed at a time */
		post(IBV_WR_RDMA_READ, 0, len);
	for (int i = 0; i < 6; i++)
		cr_assert_eq(good(&a).opcode, IBV_WC_RDMA_READ);
	cr_assert_arr_eq(a.bytes, b.bytes, len);
}

static void atomics(void)
{
	uint64_t value = 7;

	memcpy(b.bytes, &value, 8);
	post(IBV_WR_ATOMIC_FETCH_AND_ADD, 0, 8);
	cr_assert_eq(good(&a).opcode, IBV_WC_FETCH_ADD);
	memcpy(&value, a.bytes, 8);
	cr_assert_eq(value, 7);
	memcpy(&value, b.bytes, 8);
	cr_assert_eq(value, 12);
	value = 5;
	memcpy(b.bytes, &value, 8);
	post(IBV_WR_ATOMIC_CMP_AND_SWP, 0, 8);
	cr_assert_eq(good(&a).opcode, IBV_WC_COMP_SWAP);
	memcpy(&value, b.bytes, 8);
	cr_assert_eq(value, 9);
}

Test(pair, understands_each_other_in_every_operation, .timeout = 120)
{
	static const size_t lens[] = { 0, 1, SMALL, 4000, 65000, LEN };

#ifdef __SANITIZE_THREAD__
	cr_skip_test("ThreadSanitizer does not know that a socket orders what it carries");
#endif
	for (int crc = 0; crc < 2; crc++) {
		setup(crc, 0);
		for (unsigned int i = 0; i < IW_ARRAY_SIZE(lens); i++) {
			sends_of(lens[i]);
			writes_of(lens[i]);
			reads_of(lens[i]);
		}
		atomics();
		cr_assert_eq(a.ended + b.ended, 0);
		cr_assert_eq(b.first_fpdus, 1);
		teardown();
	}
}

static bool changes_are_over;

static void *change_all_the_time(void *bytes)
{
	uint8_t *at = bytes, value = 0;

	for (; !__atomic_load_n(&changes_are_over, __ATOMIC_RELAXED); value++)
		for (size_t i = 0; i < LEN; i += 997)
			__atomic_store_n(&at[i], value, __ATOMIC_RELAXED);
	return NULL;
}

/* The digest is of what is, or was, on the wire. */
static void survives_changes_of(struct end *end, enum ibv_wr_opcode opcode)
{
	pthread_t thread;

#ifdef __SANITIZE_THREAD__
	cr_skip_test("it races on purpose");
#endif
	setup(true, 0);
	changes_are_over = false;
	cr_assert_eq(pthread_create(&thread, NULL, change_all_the_time, end->bytes), 0);
	for (int i = 0; i < 100; i++) {
		if (opcode != IBV_WR_RDMA_READ)
			post_recv(&b, 1, LEN);
		post(opcode, 0, LEN);
		if (opcode != IBV_WR_RDMA_READ)
			good(&b);
		good(&a);
	}
	__atomic_store_n(&changes_are_over, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	cr_assert_eq(a.ended + b.ended, 0);
	teardown();
}

/* As a program does that clears what it has polled for. */
Test(pair, changes__where_a_write_goes, .timeout = 120)
{
	survives_changes_of(&b, IBV_WR_RDMA_WRITE_WITH_IMM);
}

Test(pair, changes__where_a_read_comes_from, .timeout = 120)
{
	survives_changes_of(&b, IBV_WR_RDMA_READ);
}

/* As perftest does, whose last words come to where it writes from. */
Test(pair, changes__where_a_write_comes_from, .timeout = 120)
{
	survives_changes_of(&a, IBV_WR_RDMA_WRITE_WITH_IMM);
}

Test(pair, opens_with_every_rtr, .timeout = 60)
{
	static const enum mpa_rtr kinds[] = { MPA_RTR_SEND, MPA_RTR_WRITE, MPA_RTR_READ };

	for (unsigned int i = 0; i < IW_ARRAY_SIZE(kinds); i++) {
		time_t limit = time(NULL) + 10;

		setup(true, kinds[i]);
		/* The responder's owner hears of it with no message of the program. */
		while (!__atomic_load_n(&b.first_fpdus, __ATOMIC_ACQUIRE)) {
			cr_assert_lt(time(NULL), limit);
			soft_qp_progress(b.qp, 0);
		}
		sends_of(SMALL);
		reads_of(SMALL);
		cr_assert_eq(a.ended + b.ended, 0);
		teardown();
	}
}

Test(pair, ends_at_both_ends_if_one_breaks_the_rules, .timeout = 60)
{
	setup(true, 0);
	post_recv(&b, 1, SMALL);
	post_recv(&b, 2, SMALL);
	post(IBV_WR_SEND, 0, SMALL + 1);
	cr_assert_eq(next(&b).status, IBV_WC_LOC_LEN_ERR);
	cr_assert_eq(next(&b).status, IBV_WC_WR_FLUSH_ERR);
	cr_assert_eq(good(&a).opcode, IBV_WC_SEND);
	for (int i = 0; i < 10000 && !__atomic_load_n(&a.ended, __ATOMIC_ACQUIRE); i++) {
		soft_qp_progress(a.qp, 0);
		usleep(1000);
	}
	cr_assert_eq(__atomic_load_n(&a.ended, __ATOMIC_ACQUIRE), 1);
	cr_assert_eq(__atomic_load_n(&b.ended, __ATOMIC_ACQUIRE), 1);
	teardown();
}

#define LAST_WORDS 20 /* 2 KB each: all of them fit in the first window */

static void say_last_words(void)
{
	struct ibv_sge sge = { (uintptr_t)b.bytes, 2048, b.mr->ibv.lkey };
	struct ibv_send_wr wr = { .sg_list = &sge, .num_sge = 1, .opcode = IBV_WR_SEND }, *bad;
	struct sockaddr none = { .sa_family = AF_UNSPEC };

	for (int i = 0; i < LAST_WORDS; i++) {
		cr_assert_eq(soft_sq_post(b.qp, &wr, &bad), 0);
		good(&b);
	}
	cr_assert_eq(connect(b.qp->stream.fd, &none, sizeof(none)), 0); /* a reset */
}

/* It used to lose what it had not read yet when it came to send first. */
static void hears_the_last_words(bool sends)
{
	int i;

	setup(true, 0);
	post_recv(&b, 1, SMALL);
	post(IBV_WR_SEND, 0, SMALL);
	good(&a);
	good(&b);
	for (i = 0; i < LAST_WORDS + 1; i++)
		post_recv(&a, (uint64_t)i, 2048);
	iw_lock(&a.qp->rx.lock); /* it is slow */
	say_last_words();
	for (i = 0; i < 2 && sends; i++)
		post(IBV_WR_SEND, 0, SMALL);
	cr_expect_eq(a.ended, 0);
	iw_unlock(&a.qp->rx.lock);
	for (i = 0; i < LAST_WORDS; i++)
		cr_assert_eq(good(&a).wr_id, (uint64_t)i);
	for (i = 0; i < (sends ? 3 : 1); i++)
		cr_assert_eq(next(&a).status, IBV_WC_WR_FLUSH_ERR);
	cr_assert_eq(__atomic_load_n(&a.ended, __ATOMIC_ACQUIRE), 1);
	teardown();
}

Test(pair, peer_resets__what_it_said_is_heard, .timeout = 60)
{
	hears_the_last_words(false);
}

Test(pair, peer_resets__what_it_said_is_heard_by_who_sends, .timeout = 60)
{
	hears_the_last_words(true);
}

/* What became of the socket of @b, whose receiver is not let near it, when @a's peer is dead. */
static int end_of_socket(bool refused)
{
	const struct soft_failure dead = { .status = -ETIMEDOUT, .reset = true };
	struct pollfd pfd = { .events = POLLIN };
	int error = 0;
	socklen_t len = sizeof(error);

	setup(true, 0);
	iw_lock(&b.qp->rx.lock);
	soft_qp_fail(a.qp, &dead);
	if (refused)
		iw_fault_arm(IW_FAULT_SYSCALL, 1);
	soft_qp_settle(a.qp);
	iw_fault_arm(0, 0);
	pfd.fd = b.qp->stream.fd;
	cr_assert_eq(poll(&pfd, 1, 10000), 1);
	cr_assert_eq(getsockopt(pfd.fd, SOL_SOCKET, SO_ERROR, &error, &len), 0);
	iw_unlock(&b.qp->rx.lock);
	cr_assert_eq(__atomic_load_n(&a.ended, __ATOMIC_ACQUIRE), 1);
	teardown();
	return error;
}

Test(pair, peer_is_dead__it_is_reset_in_case_it_hears, .timeout = 60)
{
	cr_assert_eq(end_of_socket(false), ECONNRESET);
}

Test(pair, peer_is_dead__closed_if_it_cannot_be_reset, .timeout = 60)
{
	cr_assert_eq(end_of_socket(true), 0);
}

/* With a cancellation pending, the first cancellation point would be the last. */
static void *work_while_cancelled(void *arg)
{
	unsigned int *step = arg;
	struct ibv_wc wc;

	pthread_cancel(pthread_self());
	post(IBV_WR_SEND, 0, SMALL);
	*step = 1;
	while (soft_cq_poll(b.cq, 1, &wc) == 0)
		;
	*step = 2;
	pthread_testcancel();
	*step = 3;
	return NULL;
}

Test(pair, calls__are_not_cancelled_under_their_locks, .timeout = 60)
{
	unsigned int step = 0;
	pthread_t thread;

#ifdef __SANITIZE_ADDRESS__
	cr_skip_test("AddressSanitizer takes the stack of a cancelled thread for overrun");
#endif
	setup(false, 0);
	post_recv(&b, 1, LEN);
	cr_assert_eq(pthread_create(&thread, NULL, work_while_cancelled, &step), 0);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	cr_assert_eq(step, 2);
	teardown();
}
