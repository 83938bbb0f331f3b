// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The transmitter, decoded by hand at the other end of a socket pair. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "driver/soft/crc32c.h"
#include "driver/soft/soft_tx_batch.h"
#include "driver/soft/wire.h"
#include "soft_qp_fake.h"

#define SIGNALED IBV_SEND_SIGNALED

static const struct soft_stream plain = { .initiator = true, .ird = 4, .ord = 2 };
static const struct soft_stream digest = { .initiator = true, .crc = true, .ird = 4, .ord = 2 };

static void setup(void)
{
	fake_setup(64);
}

TestSuite(tx, .init = setup, .fini = fake_teardown);

static void expect_bytes(const char *hex)
{
	uint8_t want[512], got[512];
	unsigned int byte;
	size_t n = 0;

	for (; *hex; hex++) {
		if (*hex == ' ')
			continue;
		cr_assert_eq(sscanf(hex++, "%2x", &byte), 1);
		want[n++] = (uint8_t)byte;
	}
	cr_assert_eq(fake_read(got, sizeof(got)), n);
	cr_assert_arr_eq(got, want, n);
}

Test(tx, send__golden_bytes_with_crc)
{
	cr_assert_eq(fake_attach(digest, SOCK_STREAM), 0);
	cr_assert_eq(fake_post(IBV_WR_SEND, "hello", 5, SIGNALED), 0);
	expect_bytes("0017 4143 00000000 00000000 00000001 00000000 68656c6c6f 000000 b990b10c");
	cr_assert_eq(fake.n_wc, 1);
	cr_assert_eq(fake.wc[0].status, IBV_WC_SUCCESS);
	cr_assert_eq(fake.wc[0].opcode, IBV_WC_SEND);
}

Test(tx, send__crc_is_zero_when_off)
{
	cr_assert_eq(fake_attach(plain, SOCK_STREAM), 0);
	cr_assert_eq(fake_post(IBV_WR_SEND, "hello", 5, IBV_SEND_SOLICITED), 0);
	expect_bytes("0017 4145 00000000 00000000 00000001 00000000 68656c6c6f 000000 00000000");
	cr_assert_eq(fake.n_wc, 0);
}

Test(tx, write__golden_bytes_when_empty)
{
	cr_assert_eq(fake_attach(digest, SOCK_STREAM), 0);
	cr_assert_eq(fake_post(IBV_WR_RDMA_WRITE, NULL, 0, SIGNALED), 0);
	expect_bytes("000e c140 00000001 0000000000000000 ebd34c5f");
}

Test(tx, rtr__read_has_golden_bytes_and_no_completion)
{
	struct soft_stream s = digest;
	struct soft_swqe *wqe;

	s.peer_to_peer = true;
	s.rtr = MPA_RTR_READ;
	cr_assert_eq(fake_attach(s, SOCK_STREAM), 0);
	expect_bytes("002e 4141 00000000 00000001 00000001 00000000 00000000 0000000000000000"
		     "00000000 00000001 0000000000000000 ba10e3c9");
	iw_lock(&fake.qp->sq.lock);
	wqe = soft_sq_oldest_read(&fake.qp->sq);
	cr_assert(wqe && wqe->internal && wqe->sink_stag == 0 && wqe->length == 0);
	soft_sq_read_done(fake.qp);
	cr_assert_null(soft_sq_oldest_read(&fake.qp->sq));
	iw_unlock(&fake.qp->sq.lock);
	cr_assert_eq(fake.n_wc, 0);
}

Test(tx, rtr__goes_before_work)
{
	struct soft_stream s = digest;

	s.peer_to_peer = true;
	s.rtr = MPA_RTR_WRITE;
	cr_assert_eq(fake_attach(s, SOCK_STREAM), 0);
	expect_bytes("000e c140 00000001 0000000000000000 ebd34c5f");
}

Test(tx, read__request_names_a_private_sink)
{
	uint8_t got[64];
	char sink[100];

	cr_assert_eq(fake_attach(plain, SOCK_STREAM), 0);
	cr_assert_eq(fake_post(IBV_WR_RDMA_READ, sink, sizeof(sink), SIGNALED), 0);
	cr_assert_eq(fake_read(got, sizeof(got)), 52);
	cr_assert_eq(wire_get16(got), 46);
	cr_assert_eq(wire_get32(got + 8), DDP_QN_READ);
	cr_assert_eq(wire_get32(got + 20), soft_sq_at(&fake.qp->sq, 0)->sink_stag);
	cr_assert_neq(wire_get32(got + 20), FAKE_KEY);
	cr_assert_neq(wire_get32(got + 20), 0);
	cr_assert_eq(wire_get32(got + 32), sizeof(sink));
	cr_assert_eq(fake.n_wc, 0);
	iw_lock(&fake.qp->sq.lock);
	soft_sq_read_done(fake.qp);
	iw_unlock(&fake.qp->sq.lock);
	cr_assert_eq(fake.n_wc, 1);
	cr_assert_eq(fake.wc[0].opcode, IBV_WC_RDMA_READ);
}

Test(tx, list__leaves_in_one_sendmsg)
{
	struct ibv_sge sge = fake_sge("0123456789abcdef0123456789abcdef", 32);
	struct ibv_send_wr wr[50] = { 0 }, *bad;
	uint8_t got[8192];

	cr_assert_eq(fake_attach(plain, SOCK_SEQPACKET), 0);
	for (unsigned int i = 0; i < 50; i++)
		wr[i] = (struct ibv_send_wr){ .wr_id = i,
					      .next = i < 49 ? &wr[i + 1] : NULL,
					      .sg_list = &sge,
					      .num_sge = 1,
					      .opcode = IBV_WR_SEND,
					      .send_flags = SIGNALED };
	cr_assert_eq(soft_sq_post(fake.qp, wr, &bad), 0);
	cr_assert_eq(recv(fake.peer, got, sizeof(got), 0), 50 * 56);
	cr_assert_lt(recv(fake.peer, got, sizeof(got), MSG_DONTWAIT), 0);
	for (unsigned int i = 0; i < 50; i++)
		cr_assert_eq(wire_get32(got + 56 * i + 12), i + 1);
	cr_assert_eq(fake.n_wc, 50);
	cr_assert_leq(fake.pushes, 2);
}

/* ---- a peer that reads slowly */

/* Checks Sends of @msg_len bytes with the pattern of fill(), as they come. */
struct parser {
	uint8_t buf[1 << 16];
	size_t have;
	uint32_t msn, mo;
};

static void fill(uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)(i * 7 + i / 251);
}

static void parse(struct parser *p, const uint8_t *data)
{
	size_t at = 0;

	while (p->have - at >= 20) {
		const uint8_t *f = p->buf + at;
		size_t ulpdu = wire_get16(f), size = mpa_fpdu_size((unsigned int)ulpdu);

		if (p->have - at < size)
			break;
		cr_assert_eq(f[3], 0x43);
		cr_assert_eq(wire_get32(f + 12), p->msn);
		cr_assert_eq(wire_get32(f + 16), p->mo);
		cr_assert_arr_eq(f + 20, data + p->mo, ulpdu - 18);
		p->mo += (uint32_t)ulpdu - 18;
		if (f[2] & 0x40) {
			p->msn++;
			p->mo = 0;
		}
		at += size;
	}
	p->have -= at;
	memmove(p->buf, p->buf + at, p->have);
}

static void drain(struct parser *p, const uint8_t *data, size_t step)
{
	for (unsigned int idle = 0; idle < 3;) {
		ssize_t n = recv(fake.peer, p->buf + p->have,
				 iw_min_size(step, sizeof(p->buf) - p->have), MSG_DONTWAIT);

		if (n > 0) {
			p->have += (size_t)n;
			parse(p, data);
			idle = 0;
		} else {
			idle++;
		}
		soft_qp_progress(fake.qp, EPOLLOUT);
	}
}

static void slow_peer(size_t len, size_t step)
{
	static struct parser p;
	uint8_t *data = malloc(len);

	fill(data, len);
	p.msn = 1;
	cr_assert_eq(fake_attach(digest, SOCK_STREAM), 0);
	for (unsigned int i = 0; i < 4; i++)
		cr_assert_eq(fake_post(IBV_WR_SEND, data, (uint32_t)len, SIGNALED), 0);
	cr_assert(fake.wants_write);
	drain(&p, data, step);
	cr_assert_eq(p.msn, 5);
	cr_assert_eq(fake.n_wc, 4);
	cr_assert_not(fake.wants_write);
	cr_assert_eq(fake.pins, 0);
	free(data);
}

Test(tx, full_socket__goes_on_where_it_stopped)
{
	slow_peer(1 << 20, 10007);
}

/* It used to wait for ever. */
Test(tx, full_socket__that_cannot_be_watched_ends_the_stream)
{
	size_t len = 3 << 20;
	uint8_t *data = calloc(1, len);
	unsigned long n, passed, ended = 0;

	cr_assert_not_null(soft_batch_get()); /* its sites come once */
	for (n = 1;; n++) {
		cr_assert_eq(fake_attach(digest, SOCK_STREAM), 0);
		iw_fault_arm(IW_FAULT_SYSCALL, n);
		for (unsigned int i = 0; i < 4; i++)
			fake_post(IBV_WR_SEND, data, (uint32_t)len, SIGNALED);
		passed = iw_fault_passed();
		iw_fault_arm(0, 0);
		soft_qp_progress(fake.qp, EPOLLIN);
		cr_assert(fake.wants_write || soft_qp_is_failing(fake.qp), "site %lu", n);
		ended += soft_qp_is_failing(fake.qp);
		if (passed < n)
			break;
		fake_teardown();
		fake_setup(64);
	}
	cr_assert_gt(ended, 0);
	free(data);
}

Test(tx, full_socket__large_steps)
{
	slow_peer((3 << 20) + 5, 60000);
}

Test(tx, full_socket__leftover_is_completed_in_the_last_words)
{
	static uint8_t data[1 << 20], got[1 << 21];
	size_t have, at = 0;

	cr_assert_eq(fake_attach(digest, SOCK_STREAM), 0);
	cr_assert_eq(fake_post(IBV_WR_SEND, data, sizeof(data), 0), 0);
	if (!fake.qp->tx.rest)
		cr_skip_test("the socket stopped between two FPDUs");
	soft_qp_abort(fake.qp);
	have = fake_read(got, sizeof(got));
	cr_assert_gt(fake.words_len, 0);
	memcpy(got + have, fake.words, fake.words_len);
	have += fake.words_len;
	while (at < have)
		at += mpa_fpdu_size(wire_get16(got + at));
	cr_assert_eq(at, have);
	cr_assert_eq(fake.wc[0].status, IBV_WC_WR_FLUSH_ERR);
}

Test(tx, full_socket__region_gone_meanwhile_sends_no_foreign_byte)
{
	static uint8_t data[1 << 20];

	cr_assert_eq(fake_attach(digest, SOCK_STREAM), 0);
	cr_assert_eq(fake_post(IBV_WR_SEND, data, sizeof(data), 0), 0);
	fake.key_gone = true;
	while (fake_read(data, sizeof(data)))
		;
	soft_qp_progress(fake.qp, EPOLLOUT);
	cr_assert_eq(fake.qp->state, IBV_QPS_ERR);
	cr_assert_eq(fake.event, IBV_EVENT_QP_FATAL);
	cr_assert_eq(fake.wc[0].status, IBV_WC_LOC_PROT_ERR);
}

/* ---- faults */

static void expect_terminate(unsigned int code)
{
	cr_assert_geq(fake.words_len, 28);
	cr_assert_eq(fake.words[3], 0x47);
	cr_assert_eq(wire_get32(fake.words + 8), DDP_QN_TERMINATE);
	cr_assert_eq(wire_get16(fake.words + 20), code);
}

Test(tx, bad_lkey__ends_the_stream_after_what_was_good)
{
	struct ibv_sge sge[2] = { fake_sge("abcd", 4), fake_sge("efgh", 4) };
	struct ibv_send_wr wr[3] = { 0 }, *bad;
	uint8_t got[256];

	sge[1].lkey = FAKE_STALE;
	for (unsigned int i = 0; i < 3; i++)
		wr[i] = (struct ibv_send_wr){ .wr_id = i,
					      .next = i < 2 ? &wr[i + 1] : NULL,
					      .sg_list = &sge[i == 1],
					      .num_sge = 1,
					      .opcode = IBV_WR_SEND };
	cr_assert_eq(fake_attach(plain, SOCK_STREAM), 0);
	cr_assert_eq(soft_sq_post(fake.qp, wr, &bad), 0);
	cr_assert_eq(fake_read(got, sizeof(got)), 28);
	expect_terminate(TERM_RDMAP_LOCAL);
	cr_assert_str_eq(fake.trace, "LssxAE");
	cr_assert_eq(fake.wc[0].wr_id, 1);
	cr_assert_eq(fake.wc[0].status, IBV_WC_LOC_PROT_ERR);
	cr_assert_eq(fake.wc[1].status, IBV_WC_WR_FLUSH_ERR);
	cr_assert_eq(fake.event, IBV_EVENT_QP_FATAL);
	cr_assert_eq(fake.ended_status, -EFAULT);
}

Test(tx, hole_in_memory__ends_the_stream)
{
	struct ibv_sge sge = { .addr = 4096, .length = 100000, .lkey = FAKE_HOLE };
	struct ibv_send_wr wr = { .sg_list = &sge, .num_sge = 1, .opcode = IBV_WR_SEND }, *bad;

	cr_assert_eq(fake_attach(plain, SOCK_STREAM), 0);
	fake.qp->tx.mulpdu = 60000; /* small pieces are copied unseen */
	fake.qp->tx.mss_age = 0;
	cr_assert_eq(soft_sq_post(fake.qp, &wr, &bad), 0);
	soft_qp_progress(fake.qp, EPOLLOUT);
	cr_assert_eq(fake.qp->state, IBV_QPS_ERR);
	cr_assert_eq(fake.wc[0].status, IBV_WC_LOC_PROT_ERR);
}

/* The receiver may have to read what the peer said before it went. */
Test(tx, sendmsg_fails__stream_ends_flushed_once_all_is_read)
{
	char said[3];

	cr_assert_not_null(soft_batch_get()); /* its sites come once */
	cr_assert_eq(fake_attach(plain, SOCK_STREAM), 0);
	cr_assert_eq(write(fake.peer, "bye", 3), 3);
	iw_fault_arm(IW_FAULT_SYSCALL, 1);
	cr_assert_eq(fake_post(IBV_WR_SEND, "hello", 5, 0), 0);
	iw_fault_arm(0, 0);
	cr_assert_eq(fake_post(IBV_WR_SEND, "hello", 5, 0), 0);
	soft_qp_progress(fake.qp, EPOLLIN | EPOLLOUT);
	cr_assert_eq(fake.n_wc, 0);
	cr_assert_eq(fake.qp->state, IBV_QPS_RTS);
	cr_assert_eq(read(fake.qp->stream.fd, said, sizeof(said)), 3);
	soft_qp_progress(fake.qp, EPOLLIN);
	cr_assert_eq(fake.ended_status, 0);
	cr_assert_eq(fake.n_wc, 2);
	cr_assert_eq(fake.wc[0].status, IBV_WC_WR_FLUSH_ERR);
}

Test(tx, sendmsg_fails__close_ends_the_stream)
{
	cr_assert_not_null(soft_batch_get()); /* its sites come once */
	cr_assert_eq(fake_attach(plain, SOCK_STREAM), 0);
	cr_assert_eq(write(fake.peer, "bye", 3), 3);
	iw_fault_arm(IW_FAULT_SYSCALL, 1);
	cr_assert_eq(fake_post(IBV_WR_SEND, "hello", 5, 0), 0);
	iw_fault_arm(0, 0);
	soft_qp_close(fake.qp, 1000);
	cr_assert_eq(fake.qp->state, IBV_QPS_ERR);
	cr_assert_eq(fake.wc[0].status, IBV_WC_WR_FLUSH_ERR);
}

Test(tx, sendmsg_fails__while_closing)
{
	cr_assert_not_null(soft_batch_get()); /* its sites come once */
	cr_assert_eq(fake_attach(plain, SOCK_STREAM), 0);
	fake.qp->tx.held = true;
	cr_assert_eq(fake_post(IBV_WR_SEND, "hello", 5, 0), 0);
	fake.qp->tx.held = false;
	iw_fault_arm(IW_FAULT_SYSCALL, 1);
	soft_qp_close(fake.qp, 1000);
	iw_fault_arm(0, 0);
	cr_assert_eq(fake.qp->state, IBV_QPS_ERR);
	cr_assert_eq(fake.wc[0].status, IBV_WC_WR_FLUSH_ERR);
}

Test(tx, no_memory__stream_ends_flushed)
{
	static uint8_t data[4 << 20];

	cr_assert_eq(fake_attach(plain, SOCK_STREAM), 0);
	for (unsigned long nth = 1; nth < 3; nth++) {
		iw_fault_arm(IW_FAULT_ALLOC, nth);
		cr_assert_eq(fake_post(IBV_WR_SEND, data, sizeof(data), 0), 0);
		iw_fault_arm(0, 0);
	}
	cr_assert_eq(fake.qp->state, IBV_QPS_ERR);
}

/* ---- answers */

static int respond(uint32_t size, const void *source, uint32_t stag)
{
	struct soft_response r = {
		.sink_stag = 9, .source_stag = stag, .source_to = (uintptr_t)source, .size = size
	};
	int rc;

	iw_lock(&fake.qp->rx.lock);
	rc = soft_tx_respond(fake.qp, &r);
	iw_unlock(&fake.qp->rx.lock);
	soft_qp_settle(fake.qp);
	return rc;
}

Test(tx, respond__empty_read_has_golden_bytes)
{
	cr_assert_eq(fake_attach(plain, SOCK_STREAM), 0);
	cr_assert_eq(respond(0, NULL, FAKE_STALE), 0);
	expect_bytes("000e c142 00000009 0000000000000000 00000000");
}

Test(tx, respond__payload_in_segments)
{
	static uint8_t data[3000], got[4000];
	size_t n;

	fill(data, sizeof(data));
	cr_assert_eq(fake_attach(plain, SOCK_STREAM), 0);
	cr_assert_eq(respond(sizeof(data), data, FAKE_KEY), 0);
	n = mpa_fpdu_size(fake.qp->tx.mulpdu);
	cr_assert_gt(fake_read(got, sizeof(got)), 3000);
	cr_assert_eq(got[2], 0x81);
	cr_assert_arr_eq(got + 16, data, n - 20);
	cr_assert_eq(got[n + 3], 0x42);
	cr_assert_eq(wire_get64(got + n + 8), n - 20);
}

Test(tx, respond__source_gone_terminates)
{
	cr_assert_eq(fake_attach(plain, SOCK_STREAM), 0);
	cr_assert_eq(respond(10, "0123456789", FAKE_STALE), 0);
	expect_terminate(TERM_RDMAP_STAG);
	cr_assert_eq(fake.event, IBV_EVENT_QP_REQ_ERR);
}

/* Checks the digests of the FPDUs that came, and forgets them. */
static void check_digests(struct parser *p)
{
	size_t at = 0, size;

	while (p->have - at >= 2) {
		size = mpa_fpdu_size(wire_get16(p->buf + at));
		if (p->have - at < size)
			break;
		cr_assert_eq(crc32c_load(p->buf + at + size - 4),
			     crc32c_final(crc32c_update(CRC32C_INIT, p->buf + at, size - 4)));
		at += size;
	}
	p->have -= at;
	memmove(p->buf, p->buf + at, p->have);
}

Test(tx, respond__source_that_changes_fits_its_crc)
{
	static uint8_t data[1 << 20];
	static struct parser p;
	ssize_t n;

	cr_assert_eq(fake_attach(digest, SOCK_STREAM), 0);
	cr_assert_eq(respond(sizeof(data), data, FAKE_KEY), 0);
	cr_assert(fake.wants_write);
	while ((n = recv(fake.peer, p.buf + p.have, sizeof(p.buf) - p.have, MSG_DONTWAIT)) > 0) {
		p.have += (size_t)n;
		check_digests(&p);
		memset(data, (uint8_t)n, sizeof(data));
		soft_qp_progress(fake.qp, EPOLLOUT);
	}
	cr_assert_eq(p.have, 0);
	cr_assert_eq(fake.qp->tx.at.irq_head, fake.qp->tx.irq_tail);
}

Test(tx, respond__hole_in_the_source_terminates)
{
	cr_assert_eq(fake_attach(digest, SOCK_STREAM), 0);
	cr_assert_eq(respond(100, (void *)4096, FAKE_HOLE), 0);
	cr_assert_eq(fake.qp->state, IBV_QPS_ERR);
	cr_assert_eq(fake.event, IBV_EVENT_QP_REQ_ERR);
}

Test(tx, respond__atomic)
{
	struct soft_response r = { .is_atomic = true,
				   .request_id = 0x01020304,
				   .old_value = 0x1112131415161718 };

	cr_assert_eq(fake_attach(plain, SOCK_STREAM), 0);
	iw_lock(&fake.qp->rx.lock);
	cr_assert_eq(soft_tx_respond(fake.qp, &r), 0);
	iw_unlock(&fake.qp->rx.lock);
	expect_bytes("001e 414b 00000000 00000003 00000001 00000000 01020304 1112131415161718"
		     "00000000");
}

Test(tx, respond__without_memory_for_the_queue)
{
	cr_assert_eq(fake_attach(plain, SOCK_STREAM), 0);
	iw_fault_arm(IW_FAULT_ALLOC, 1);
	cr_assert_eq(respond(0, NULL, 0), -ENOMEM);
	iw_fault_arm(0, 0);
	cr_assert_eq(respond(0, NULL, 0), 0);
}

Test(tx, responder__is_held_until_the_first_fpdu_and_counts_ird)
{
	struct soft_stream s = plain;

	s.initiator = false;
	cr_assert_eq(fake_attach(s, SOCK_STREAM), 0);
	cr_assert_eq(fake_post(IBV_WR_SEND, "hello", 5, SIGNALED), 0);
	for (unsigned int i = 0; i < s.ird; i++)
		cr_assert_eq(respond(0, NULL, 0), 0);
	cr_assert_eq(respond(0, NULL, 0), -EOVERFLOW);
	expect_bytes("");
	soft_tx_release(fake.qp);
	expect_bytes("000e c142 00000009 0000000000000000 00000000"
		     "000e c142 00000009 0000000000000000 00000000"
		     "000e c142 00000009 0000000000000000 00000000"
		     "000e c142 00000009 0000000000000000 00000000"
		     "0017 4143 00000000 00000000 00000001 00000000 68656c6c6f 000000 00000000");
}

Test(tx, responses__give_way_to_work)
{
	struct soft_stream s = plain;
	uint8_t got[512];

	s.initiator = false;
	s.ird = 16;
	cr_assert_eq(fake_attach(s, SOCK_STREAM), 0);
	cr_assert_eq(fake_post(IBV_WR_SEND, "hello", 5, SIGNALED), 0);
	for (unsigned int i = 0; i < 6; i++)
		cr_assert_eq(respond(0, NULL, 0), 0);
	soft_tx_release(fake.qp);
	cr_assert_eq(fake_read(got, sizeof(got)), 6 * 20 + 32);
	cr_assert_eq(got[SOFT_TX_RESPONSES * 20 + 3], 0x43);
}

/* ---- RFC 7306 and local work */

Test(tx, immediate__follows_its_send_and_its_write)
{
	struct soft_stream s = plain;

	s.extensions = true;
	cr_assert_eq(fake_attach(s, SOCK_STREAM), 0);
	cr_assert_eq(fake_post(IBV_WR_SEND_WITH_IMM, "abcd", 4, IBV_SEND_SOLICITED), 0);
	expect_bytes("0016 4143 00000001 00000000 00000001 00000000 61626364 00000000"
		     "001a 4149 00000000 00000000 00000002 00000000 00000000 00000001 00000000");
	cr_assert_eq(fake_post(IBV_WR_RDMA_WRITE_WITH_IMM, NULL, 0, SIGNALED), 0);
	expect_bytes("000e c140 00000001 0000000000000000 00000000"
		     "001a 4148 00000000 00000000 00000003 00000000 00000000 00000000 00000000");
	cr_assert_eq(fake.n_wc, 1);
}

Test(tx, atomic__request_bytes)
{
	struct soft_stream s = plain;
	uint8_t got[128];
	uint64_t old = 0;
	struct ibv_sge sge = fake_sge(&old, 8);
	struct ibv_send_wr wr = {
		.sg_list = &sge,
		.num_sge = 1,
		.opcode = IBV_WR_ATOMIC_CMP_AND_SWP,
		.wr.atomic = { .remote_addr = 64, .rkey = 7, .compare_add = 5, .swap = 6 }
	};
	struct ibv_send_wr *bad;

	s.extensions = true;
	cr_assert_eq(fake_attach(s, SOCK_STREAM), 0);
	cr_assert_eq(soft_sq_post(fake.qp, &wr, &bad), 0);
	cr_assert_eq(fake_read(got, sizeof(got)), 76);
	cr_assert_eq(wire_get32(got + 20), RDMAP_CMP_SWAP);
	cr_assert_eq(wire_get32(got + 24), soft_sq_at(&fake.qp->sq, 0)->sink_stag);
	cr_assert_eq(wire_get64(got + 40), 6);
	cr_assert_eq(wire_get64(got + 56), 5);
}

Test(tx, local_work__is_done_in_its_turn)
{
	struct ibv_sge sge = fake_sge("abcd", 4);
	struct soft_mw mw = { 0 };
	struct ibv_send_wr wr[4] = {
		{ .sg_list = &sge, .num_sge = 1, .opcode = IBV_WR_SEND, .next = &wr[1] },
		{ .opcode = IBV_WR_LOCAL_INV,
		  .invalidate_rkey = FAKE_KEY,
		  .send_flags = SIGNALED,
		  .next = &wr[2] },
		{ .opcode = IBV_WR_BIND_MW,
		  .bind_mw = { .mw = &mw.ibv },
		  .send_flags = SIGNALED,
		  .next = &wr[3] },
		{ .opcode = IBV_WR_LOCAL_INV, .invalidate_rkey = FAKE_STALE },
	};
	struct ibv_send_wr *bad;

	cr_assert_eq(fake_attach(plain, SOCK_STREAM), 0);
	cr_assert_eq(soft_sq_post(fake.qp, wr, &bad), 0);
	cr_assert_eq(fake.invalidated, 1);
	cr_assert_eq(fake.binds, 1);
	cr_assert_eq(fake.n_wc, 3);
	cr_assert_eq(fake.wc[0].opcode, IBV_WC_LOCAL_INV);
	cr_assert_eq(fake.wc[1].opcode, IBV_WC_BIND_MW);
	cr_assert_neq(fake.wc[2].status, IBV_WC_SUCCESS);
	cr_assert_eq(fake.qp->state, IBV_QPS_ERR);
}
