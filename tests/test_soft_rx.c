// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The receiver's stream: captured frames, CRC, reading from the socket, its
 * budget, its end, and faults of the system.
 */
#include "driver/soft/soft_rx.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/soft_rx_env.h"

#define REMOTE_WRITE (IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE)
#define LARGE 65000
#define MIB (1u << 20)

static struct rx_mem mem;

static void done(void)
{
	rx_mem_check(&mem, false);
	rx_mem_free(&mem);
	rx_env_free();
}

static void put_send(uint32_t msn, size_t len)
{
	struct ddp_header h = rx_hdr(RDMAP_SEND, msn);

	rx_put(&h, rx_payload(0), len);
}

/* A message in FPDUs of @step payload bytes. */
static void put_long(struct ddp_header h, size_t len, size_t step)
{
	for (size_t at = 0; at < len; at += step) {
		size_t n = iw_min_size(step, len - at);

		h.last = at + n == len;
		rx_put(&h, rx_payload(at), n);
		h.to += n;
		h.mo += (uint32_t)n;
	}
}

static struct ddp_header write_hdr(void)
{
	struct ddp_header h = rx_hdr(RDMAP_WRITE, mem.mr->ibv.rkey);

	h.to = (uintptr_t)mem.ptr;
	h.mo = 0;
	return h;
}

/* ---- CRC */

Test(crc, of_a_captured_send_is_good)
{
	static const uint8_t fpdu[] = { 0x00, 0x17, 0x41, 0x43, 0, 0, 0,    0,	  0,	0,   0,
					0,    0,    0,	  0,	1, 0, 0,    0,	  0,	'h', 'e',
					'l',  'l',  'o',  0,	0, 0, 0xb9, 0x90, 0xb1, 0x0c };

	rx_env_new(true);
	mem = rx_mem_new(16, IBV_ACCESS_LOCAL_WRITE);
	rx_recv(3, &mem);
	cr_assert_eq(soft_rx_feed(rx_env->qp, fpdu, sizeof(fpdu)), 0);
	cr_assert_eq(rx_env->wcs, 1);
	cr_assert_eq(rx_env->wc[0].byte_len, 5);
	cr_assert_arr_eq(mem.ptr, "hello", 5);
	done();
}

static size_t flip_at;

static void build_flipped(void)
{
	mem = rx_mem_new(16, IBV_ACCESS_LOCAL_WRITE);
	rx_recv(3, &mem);
	put_send(1, 5);
	rx_env->out[flip_at] ^= 0x40;
}

static void check_flipped(void)
{
	if (rx_env->qp->stream.crc) {
		cr_assert_eq(rx_env->failures, 1);
		cr_assert_eq(rx_env->failure.terminate.code, TERM_MPA_CRC);
		cr_assert_eq(rx_env->failure.terminate.header_len, 0);
		cr_assert_eq(rx_env->failure.rq_status, IBV_WC_GENERAL_ERR);
		cr_assert_eq(rx_env->wcs, 0);
	} else {
		cr_assert_eq(rx_env->failures, 0);
		cr_assert_eq(rx_env->wcs, 1);
	}
	rx_mem_check(&mem, false);
	rx_mem_free(&mem);
}

Test(crc, covers_payload_pad_and_itself)
{
	static const size_t places[] = { 20, 24, 25, 27, 28, 31 };

	for (unsigned int i = 0; i < IW_ARRAY_SIZE(places); i++) {
		flip_at = places[i];
		rx_each_way(build_flipped, check_flipped);
	}
}

Test(crc, of_a_whole_fpdu_is_checked_before_its_header_and_placing)
{
	for (size_t at = 2; at < 32; at++) {
		rx_env_new(true);
		mem = rx_mem_new(16, IBV_ACCESS_LOCAL_WRITE);
		rx_recv(3, &mem);
		put_send(1, 5);
		rx_env->out[at] ^= 0x81;
		rx_play_now();
		cr_assert_eq(rx_env->failure.terminate.code, TERM_MPA_CRC);
		rx_mem_check(&mem, true);
		done();
	}
}

Test(crc, of_a_large_fpdu_that_was_placed_keeps_it_from_delivery)
{
	rx_env_new(true);
	mem = rx_mem_new(LARGE, IBV_ACCESS_LOCAL_WRITE);
	rx_recv(3, &mem);
	put_send(1, LARGE);
	rx_env->out[40000] ^= 1;
	rx_play(&(struct rx_way){ .cut = 100 });
	cr_assert_eq(rx_env->failure.terminate.code, TERM_MPA_CRC);
	cr_assert_eq(rx_env->wcs, 0);
	done();
}

/* ---- large and small messages */

static void build_large(void)
{
	struct ibv_sge sge[2];

	mem = rx_mem_new(300000, REMOTE_WRITE);
	sge[0] = rx_sge(&mem, 0, 50000);
	sge[1] = rx_sge(&mem, 50000, 90000);
	rx_recv_sges(1, sge, 2);
	rx_recv(2, &mem);
	put_long(rx_hdr(RDMAP_SEND, 1), 140000, LARGE);
	put_long(write_hdr(), 300000, LARGE);
	put_send(2, 40);
}

static void check_large(void)
{
	cr_assert_eq(rx_env->failures, 0);
	cr_assert_eq(rx_env->wcs, 2);
	cr_assert_eq(rx_env->wc[0].byte_len, 140000);
	cr_assert_eq(rx_env->wc[1].byte_len, 40);
	rx_mem_check_pattern(&mem, 0, 300000, 0);
	rx_mem_check(&mem, false);
	rx_mem_free(&mem);
}

Test(stream, places_large_and_small_messages_in_turn)
{
	rx_each_way(build_large, check_large);
}

Test(stream, of_fpdus_of_every_size_is_placed)
{
	for (int crc = 0; crc < 2; crc++) {
		rx_env_new(crc);
		mem = rx_mem_new(MIB, REMOTE_WRITE);
		for (size_t step = 1; step < MPA_ULPDU_MAX - 14; step += step / 3 + 1) {
			memset(mem.ptr, 0, MIB);
			put_long(write_hdr(), step < 100 ? 5000 : MIB, step);
			rx_play(&(struct rx_way){ .cut = step });
			cr_assert_eq(rx_env->failures, 0);
			rx_mem_check_pattern(&mem, 0, step < 100 ? 5000 : MIB, 0);
		}
		done();
	}
}

Test(read, takes_one_call_for_a_small_message)
{
	rx_env_new(false);
	mem = rx_mem_new(64, IBV_ACCESS_LOCAL_WRITE);
	for (uint32_t i = 1; i <= 8; i++) {
		rx_recv(i, &mem);
		put_send(i, 64);
		rx_play_now();
		cr_assert_eq(rx_env->wcs, i);
		cr_assert_eq(rx_env->reads_of_socket, i);
	}
	done();
}

Test(read, takes_one_call_and_one_push_for_many_small_messages)
{
	rx_env_new(true);
	mem = rx_mem_new(64, IBV_ACCESS_LOCAL_WRITE);
	for (uint32_t i = 1; i <= 16; i++) {
		rx_recv(i, &mem);
		put_send(i, 64);
	}
	rx_play_now();
	cr_assert_eq(rx_env->wcs, 16);
	cr_assert_eq(rx_env->reads_of_socket, 1);
	cr_assert_eq(rx_env->pushes, 1);
	done();
}

Test(read, puts_large_payload_straight_into_memory)
{
	rx_env_new(false);
	mem = rx_mem_new(4 * LARGE, REMOTE_WRITE);
	put_long(write_hdr(), 4 * LARGE, LARGE);
	/* The head comes first; from then on each FPDU takes one call. */
	rx_play(&(struct rx_way){ .cut = 16 });
	cr_assert_eq(rx_env->failures, 0);
	rx_mem_check_pattern(&mem, 0, 4 * LARGE, 0);
	cr_assert_leq(rx_env->reads_of_socket, 6);
	done();
}

Test(read, stops_at_its_budget)
{
	struct ddp_header h;
	size_t sent = 0, len;
	ssize_t n;

	rx_env_new(false);
	mem = rx_mem_new(MIB, REMOTE_WRITE);
	h = write_hdr();
	for (int i = 0; i < 3; i++)
		put_long(h, MIB, LARGE);
	len = rx_env->out_len;
	while (sent < len && (n = write(rx_env->peer, rx_env->out + sent, len - sent)) > 0)
		sent += (size_t)n;
	if (sent < MIB + 3 * LARGE)
		cr_skip_test("the socket takes %zu bytes only", sent);
	cr_assert(soft_rx_run(rx_env->qp), "there is more");
	while (soft_rx_run(rx_env->qp)) {
	}
	cr_assert_eq(rx_env->failures, 0);
	done();
}

Test(read, leaves_a_receiver_at_work_alone)
{
	rx_env_new(false);
	mem = rx_mem_new(64, IBV_ACCESS_LOCAL_WRITE);
	iw_lock(&rx_env->qp->rx.lock);
	cr_assert(!soft_rx_run(rx_env->qp));
	cr_assert_eq(rx_env->reads_of_socket, 0);
	iw_unlock(&rx_env->qp->rx.lock);
	done();
}

Test(read, ignores_what_comes_after_a_failure)
{
	rx_env_new(false);
	mem = rx_mem_new(64, IBV_ACCESS_LOCAL_WRITE);
	rx_env->qp->failing = true;
	rx_recv(1, &mem);
	put_send(1, 5);
	rx_play_now();
	cr_assert_eq(rx_env->wcs, 0);
	cr_assert_eq(rx_env->reads_of_socket, 0);
	cr_assert_eq(soft_rx_feed(rx_env->qp, "", 1), -EPROTO);
	rx_mem_check(&mem, true);
	done();
}

Test(read, hears_the_first_byte)
{
	rx_env_new(false);
	mem = rx_mem_new(16, IBV_ACCESS_LOCAL_WRITE);
	cr_assert_not(rx_env->qp->rx.heard);
	cr_assert_eq(soft_rx_feed(rx_env->qp, "", 0), 0);
	cr_assert_not(rx_env->qp->rx.heard);
	cr_assert_eq(soft_rx_feed(rx_env->qp, "", 1), 0);
	cr_assert(rx_env->qp->rx.heard);
	soft_rx_restart(rx_env->qp);
	cr_assert_not(rx_env->qp->rx.heard);
	done();
}

Test(restart, begins_a_stream_anew)
{
	rx_env_new(false);
	mem = rx_mem_new(64, IBV_ACCESS_LOCAL_WRITE);
	for (uint64_t i = 0; i < 2; i++) {
		rx_recv(i, &mem);
		rx_recv(i, &mem);
		put_send(1, 5);
		put_send(2, 5);
		rx_env->out_len -= 3;
		rx_play_now();
		iw_lock(&rx_env->qp->rx.lock);
		soft_rx_flush(rx_env->qp, IBV_WC_WR_FLUSH_ERR);
		iw_unlock(&rx_env->qp->rx.lock);
		soft_rx_restart(rx_env->qp);
		cr_assert_eq(rx_env->failures, 0);
		cr_assert_eq(rx_env->wcs, 2 * (i + 1));
	}
	done();
}

/* ---- the end of the stream */

static void expect_end(int status, bool event)
{
	cr_assert(!soft_rx_run(rx_env->qp));
	cr_assert_eq(rx_env->failures, 1);
	cr_assert_eq(rx_env->failure.status, status, "%d", rx_env->failure.status);
	cr_assert_eq(rx_env->failure.has_event, event);
	cr_assert(!rx_env->failure.send_terminate);
}

Test(end, of_a_peer_that_closes_is_a_disconnect)
{
	rx_env_new(false);
	mem = rx_mem_new(64, IBV_ACCESS_LOCAL_WRITE);
	close(rx_env->peer);
	rx_env->peer = -1;
	expect_end(0, false);
	done();
}

Test(end, within_a_message_is_a_disconnect)
{
	rx_env_new(false);
	mem = rx_mem_new(64, IBV_ACCESS_LOCAL_WRITE);
	rx_recv(1, &mem);
	put_send(1, 20);
	rx_env->out_len -= 10;
	rx_play_now();
	close(rx_env->peer);
	rx_env->peer = -1;
	expect_end(0, false);
	cr_assert_eq(rx_env->wcs, 0);
	done();
}

static void use_tcp(void)
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	struct linger now = { .l_onoff = 1 };
	socklen_t len = sizeof(addr);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	cr_assert_eq(bind(listener, (struct sockaddr *)&addr, len), 0);
	cr_assert_eq(listen(listener, 1), 0);
	getsockname(listener, (struct sockaddr *)&addr, &len);
	close(rx_env->peer);
	close(rx_env->qp->stream.fd);
	rx_env->peer = socket(AF_INET, SOCK_STREAM, 0);
	cr_assert_eq(connect(rx_env->peer, (struct sockaddr *)&addr, len), 0);
	rx_env->qp->stream.fd = accept(listener, NULL, NULL);
	setsockopt(rx_env->peer, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(listener);
}

Test(end, of_a_peer_that_resets_is_a_disconnect)
{
	rx_env_new(false);
	mem = rx_mem_new(64, IBV_ACCESS_LOCAL_WRITE);
	use_tcp();
	cr_assert(!soft_rx_run(rx_env->qp));
	cr_assert_eq(rx_env->failures, 0);
	close(rx_env->peer);
	rx_env->peer = -1;
	expect_end(0, false);
	done();
}

Test(end, by_a_system_error_says_why)
{
	rx_env_new(false);
	mem = rx_mem_new(64, IBV_ACCESS_LOCAL_WRITE);
	cr_assert(!soft_rx_run(rx_env->qp)); /* the thread's buffer has sites of its own */
	iw_fault_arm(IW_FAULT_SYSCALL, 1);
	expect_end(-ENOBUFS, true);
	iw_fault_arm(0, 0);
	done();
}

/* ---- faults of the system */

static void *receive_without_memory(void *arg)
{
	iw_fault_arm(IW_FAULT_ALLOC, 1);
	rx_play_now();
	iw_fault_arm(0, 0);
	return NULL;
}

Test(memory, of_a_thread_is_not_needed_to_receive)
{
	pthread_t thread;

	rx_env_new(true);
	mem = rx_mem_new(4000, IBV_ACCESS_LOCAL_WRITE);
	for (uint32_t i = 1; i <= 10; i++) {
		rx_recv(i, &mem);
		put_send(i, 400 * i);
	}
	cr_assert_eq(pthread_create(&thread, NULL, receive_without_memory, NULL), 0);
	pthread_join(thread, NULL);
	cr_assert_eq(rx_env->wcs, 10);
	cr_assert_eq(rx_env->failures, 0);
	rx_mem_check_pattern(&mem, 0, 4000, 0);
	done();
}

Test(memory, that_is_not_there_ends_the_stream)
{
	struct ddp_header h = rx_hdr(RDMAP_WRITE, 0);
	struct soft_mr *mr;
	void *gone;

	rx_env_new(false);
	mem = rx_mem_new(64, IBV_ACCESS_LOCAL_WRITE);
	gone = mmap(NULL, LARGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(gone, MAP_FAILED);
	cr_assert_eq(soft_mr_reg(rx_env->pd, gone, LARGE, 0, REMOTE_WRITE, &mr), 0);
	cr_assert_eq(mprotect(gone, LARGE, PROT_NONE), 0);
	h.stag = mr->ibv.rkey;
	rx_put(&h, rx_payload(0), LARGE);
	rx_play(&(struct rx_way){ .cut = DDP_TAGGED_HDR });
	cr_assert_eq(rx_env->failures, 1);
	cr_assert_eq(rx_env->failure.terminate.code, TERM_DDP_LOCAL);
	cr_assert_eq(rx_env->failure.event, IBV_EVENT_QP_ACCESS_ERR);
	cr_assert_eq(soft_mr_dereg(mr), 0);
	munmap(gone, LARGE);
	done();
}
