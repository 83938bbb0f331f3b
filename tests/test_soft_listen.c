// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The passive side: listening, handshakes, accept and reject, against raw peers. */
#include <criterion/criterion.h>
#include <errno.h>
#include <unistd.h>

#include "base/clock.h"
#include "driver/soft/soft_cm.h"
#include "driver/soft/soft_turn.h"
#include "tests/asleep.h"
#include "tests/soft_cm_fake.h"

static struct fake_seen seen;
static struct sockaddr_storage addr;
static struct iw_cm_id *listener;

/* As kernel siw asks, for IRD 7 and ORD 5. */
static const struct mpa_frame siw = { .enhanced = true,
				      .revision = 2,
				      .ird = 7,
				      .ord = 5,
				      .private_data = (const uint8_t *)"hi",
				      .private_data_len = 2 };

static void setup(void)
{
	listener = fake_listener(&seen, 4, &addr);
}

static int ask(const struct mpa_frame *request)
{
	int fd = peer_connect(&addr);

	peer_send_frame(fd, request);
	return fd;
}

/* The n-th event is a request; its child. */
static struct iw_cm_id *child(unsigned int n)
{
	fake_wait_for(fake_count(&seen) > n);
	cr_assert_eq(seen.ev[n].type, IW_CM_EVENT_CONNECT_REQUEST);
	return seen.ev[n].child;
}

static const struct iw_cm_event *established(unsigned int n)
{
	fake_wait_for(fake_count(&seen) > n);
	cr_assert_eq(seen.ev[n].type, IW_CM_EVENT_ESTABLISHED);
	return &seen.ev[n];
}

static void finish(struct iw_cm_id *id)
{
	if (id)
		cr_assert_eq(iw_cm_destroy(id), 0);
	cr_assert_eq(iw_cm_destroy(listener), 0);
	fake_finish();
}

static const struct iw_cm_conn_param answer = { .qp_num = 1,
						.responder_resources = 3,
						.initiator_depth = 2,
						.private_data = "\xbb\xbb",
						.private_data_len = 2 };

/* -------------------------------------------------------------------- Accept */

Test(soft_listen, accept__client_and_server, .init = setup)
{
	/* Captured from kernel siw for the same values, but for IRD: see RFC 6581. */
	static const uint8_t golden[] = "MPA ID Rep Frame\x10\x02\x00\x06\x00\x05\x00\x02\xbb\xbb";
	uint8_t bytes[sizeof(golden) - 1];
	struct iw_cm_addr_info info;
	struct iw_cm_id *id;
	int fd = ask(&siw);

	id = child(0);
	cr_assert_eq(seen.ev[0].param.responder_resources, 5);
	cr_assert_eq(seen.ev[0].param.initiator_depth, 7);
	cr_assert_eq(seen.ev[0].param.private_data_len, 2);
	cr_assert_arr_eq(seen.data[0], "hi", 2);
	cr_assert(peer_sees_silence(fd, 20));
	cr_assert_eq(iw_cm_query(id, &info), 0);
	cr_assert_eq(info.node_guid, FAKE_GUID);
	cr_assert_eq(iw_cm_accept(id, &answer), 0);
	peer_read(fd, bytes, sizeof(bytes));
	cr_assert_arr_eq(bytes, golden, sizeof(bytes));
	cr_assert_eq(established(1)->status, 0);
	cr_assert_eq(seen.ev[1].param.responder_resources, 5);
	cr_assert_eq(seen.ev[1].param.initiator_depth, 2);
	cr_assert_eq(seen.ev[1].param.private_data_len, 0);
	cr_assert(!fake_stream.initiator && !fake_stream.peer_to_peer);
	close(fd);
	fake_wait_for(fake_count(&seen) == 3);
	cr_assert_eq(seen.ev[2].type, IW_CM_EVENT_CLOSE);
	finish(id);
}

Test(soft_listen, accept__a_silent_client_may_be_spoken_to, .init = setup)
{
	struct iw_cm_id *id;
	int fd = ask(&siw);

	id = child(0);
	cr_assert_eq(iw_cm_accept(id, &answer), 0);
	cr_assert_eq(established(1)->status, 0);
	cr_assert_eq(__atomic_load_n(&fake_released, __ATOMIC_ACQUIRE), 0);
	fake_wait_for(__atomic_load_n(&fake_released, __ATOMIC_ACQUIRE) == 1);
	close(fd);
	finish(id);
}

Test(soft_listen, accept__a_client_that_speaks_is_waited_for_no_more, .init = setup)
{
	struct iw_cm_id *id;
	int fd = ask(&siw);

	id = child(0);
	cr_assert_eq(iw_cm_accept(id, &answer), 0);
	peer_read_frame(fd, true);
	cr_assert_eq(established(1)->status, 0);
	peer_send_rtr(fd);
	usleep((SOFT_CM_FIRST_MS + 100) * 1000);
	cr_assert_eq(__atomic_load_n(&fake_released, __ATOMIC_ACQUIRE), 0);
	close(fd);
	finish(id);
}

Test(soft_listen, accept__peer_to_peer_waits_for_the_first_fpdu, .init = setup)
{
	struct mpa_frame request = siw, reply;
	struct iw_cm_id *id;
	int fd;

	request.peer_to_peer = true;
	request.rtr = SOFT_SETUP_RTR_ALL;
	fd = ask(&request);
	id = child(0);
	cr_assert_eq(iw_cm_accept(id, &answer), 0);
	reply = peer_read_frame(fd, true);
	cr_assert_eq(reply.rtr, SOFT_SETUP_RTR_ALL);
	cr_assert(fake_stream.extensions && fake_stream.peer_to_peer);
	usleep(20000);
	cr_assert_eq(fake_count(&seen), 1);
	peer_send_rtr(fd);
	cr_assert_eq(established(1)->status, 0);
	close(fd);
	finish(id);
}

Test(soft_listen, accept__the_peer_goes_before_its_first_fpdu, .init = setup)
{
	struct mpa_frame request = siw;
	struct iw_cm_id *id;
	int fd;

	request.peer_to_peer = true;
	request.rtr = MPA_RTR_WRITE;
	fd = ask(&request);
	id = child(0);
	cr_assert_eq(iw_cm_accept(id, &answer), 0);
	peer_read_frame(fd, true);
	close(fd);
	cr_assert_eq(established(1)->status, -ECONNRESET);
	cr_assert_eq(fake_count(&seen), 2);
	finish(id);
}

Test(soft_listen, accept__cancelled_before_the_first_fpdu, .init = setup)
{
	struct mpa_frame request = siw;
	struct iw_cm_id *id;
	int fd;

	request.peer_to_peer = true;
	request.rtr = MPA_RTR_WRITE;
	fd = ask(&request);
	id = child(0);
	cr_assert_eq(iw_cm_accept(id, &answer), 0);
	cr_assert_eq(iw_cm_disconnect(id, false), 0);
	cr_assert_eq(established(1)->status, -ECANCELED);
	cr_assert(peer_sees_end(fd));
	close(fd);
	finish(id);
}

Test(soft_listen, accept__revisions_0_and_1, .init = setup)
{
	for (uint8_t revision = 0; revision < 2; revision++) {
		const struct mpa_frame request = { .revision = revision, .crc = true };
		unsigned int n = fake_count(&seen);
		struct mpa_frame reply;
		struct iw_cm_id *id;
		int fd = ask(&request);

		id = child(n);
		cr_assert_eq(seen.ev[n].param.responder_resources, 0);
		cr_assert_eq(iw_cm_accept(id, &answer), 0);
		reply = peer_read_frame(fd, true);
		cr_assert_eq(reply.revision, revision);
		cr_assert(reply.crc && !reply.enhanced);
		cr_assert_eq(established(n + 1)->status, 0);
		cr_assert(fake_stream.crc);
		cr_assert_eq(iw_cm_destroy(id), 0);
		cr_assert(peer_sees_end(fd));
		close(fd);
	}
	finish(NULL);
}

Test(soft_listen, accept__the_peer_has_gone, .init = setup)
{
	struct iw_cm_id *id;
	int fd = ask(&siw);

	id = child(0);
	close(fd);
	usleep(20000);
	cr_assert_eq(iw_cm_accept(id, &answer), -ECONNRESET);
	cr_assert_eq(fake_count(&seen), 1);
	finish(id);
}

Test(soft_listen, accept__the_peer_talks_before_the_reply, .init = setup)
{
	struct iw_cm_id *id;
	int fd = ask(&siw);

	id = child(0);
	peer_send_rtr(fd);
	usleep(20000);
	cr_assert_eq(iw_cm_accept(id, &answer), -EPROTO);
	close(fd);
	finish(id);
}

Test(soft_listen, accept__arguments, .init = setup)
{
	static const char data[SOFT_SETUP_DATA_MAX + 1];
	struct iw_cm_conn_param param = answer;
	struct mpa_frame reply;
	struct iw_cm_id *id;
	int fd = ask(&siw);

	id = child(0);
	param.private_data = data;
	param.private_data_len = sizeof(data);
	cr_assert_eq(iw_cm_accept(id, &param), -EINVAL, "then the core refuses the request");
	reply = peer_read_frame(fd, true);
	cr_assert(reply.reject);
	cr_assert(peer_sees_end(fd));
	close(fd);
	cr_assert_eq(iw_cm_destroy(id), 0);
	fd = ask(&siw);
	id = child(1);
	param.private_data_len = 0;
	param.qp_num = FAKE_QPS + 1;
	cr_assert_eq(iw_cm_accept(id, &param), -EINVAL);
	close(fd);
	finish(id);
}

Test(soft_listen, accept__the_qp_does_not_take_it, .init = setup)
{
	struct iw_cm_id *id;
	int fd = ask(&siw);

	fake_attach_error = -EINVAL;
	id = child(0);
	cr_assert_eq(iw_cm_accept(id, &answer), 0, "the Reply is out");
	cr_assert_eq(established(1)->status, -EINVAL);
	cr_assert(peer_sees_end(fd));
	close(fd);
	finish(id);
}

/* -------------------------------------------------------------------- Reject */

Test(soft_listen, reject__with_private_data, .init = setup)
{
	static const uint8_t golden[] = "MPA ID Rep Frame\x30\x02\x00\x05\x00\x05\x00\x07!";
	uint8_t bytes[sizeof(golden) - 1];
	struct iw_cm_id *id;
	int fd = ask(&siw);

	id = child(0);
	cr_assert_eq(iw_cm_reject(id, "!", 1, 0), 0);
	peer_read(fd, bytes, sizeof(bytes));
	cr_assert_arr_eq(bytes, golden, sizeof(bytes));
	cr_assert(peer_sees_end(fd));
	close(fd);
	finish(id);
}

Test(soft_listen, reject__by_destroy_and_room_for_the_next, .init = setup)
{
	struct mpa_frame reply;
	int fd[6];

	for (unsigned int i = 0; i < 4; i++) {
		fd[i] = ask(&siw);
		child(i);
	}
	fd[4] = ask(&siw); /* four slots are taken: it waits */
	wait_until_others_sleep();
	cr_assert_eq(seen.n, 4);
	iw_cm_request_taken(seen.ev[0].child);
	child(4);
	fd[5] = ask(&siw);
	wait_until_others_sleep();
	cr_assert_eq(iw_cm_destroy(listener), 0);
	listener = NULL;
	reply = peer_read_frame(fd[5], true);
	cr_assert(reply.reject, "nobody will take it");
	cr_assert(peer_sees_end(fd[5]));
	close(fd[5]);
	for (unsigned int i = 0; i < 5; i++) {
		cr_assert_eq(iw_cm_destroy(seen.ev[i].child), 0);
		reply = peer_read_frame(fd[i], true);
		cr_assert(reply.reject && !reply.private_data_len);
		cr_assert(peer_sees_end(fd[i]));
		close(fd[i]);
	}
	fake_finish();
}

Test(soft_listen, request__waits_for_room_in_its_turn, .init = setup)
{
	struct mpa_frame request = siw;
	int fd[12];

	for (unsigned int i = 0; i < 8; i++) {
		request.ord = (uint16_t)(i + 1);
		fd[i] = ask(&request);
	}
	usleep(50000);
	for (unsigned int i = 0; i < IW_ARRAY_SIZE(fd); i++) {
		child(i);
		cr_assert_eq(seen.ev[i].param.responder_resources, i + 1);
		iw_cm_request_taken(seen.ev[i].child);
		if (i + 8 >= IW_ARRAY_SIZE(fd))
			continue;
		/* There is room now, but others were here before. */
		request.ord = (uint16_t)(i + 9);
		fd[i + 8] = ask(&request);
	}
	for (unsigned int i = 0; i < IW_ARRAY_SIZE(fd); i++) {
		cr_assert_eq(iw_cm_destroy(seen.ev[i].child), 0);
		close(fd[i]);
	}
	finish(NULL);
}

Test(soft_listen, request__comes_when_the_last_was_taken_up, .init = setup)
{
	uint64_t began = iw_now_ms();
	int a = ask(&siw), b, n;

	child(0);
	b = ask(&siw);
	usleep(TURN_PATIENCE_MS * 1000 / 4);
	n = fake_count(&seen);
	if (iw_now_ms() - began < TURN_PATIENCE_MS) /* not under valgrind, say */
		cr_assert_eq(n, 1);
	cr_assert_eq(iw_cm_reject(seen.ev[0].child, NULL, 0, 0), 0);
	cr_assert_eq(iw_cm_destroy(child(1)), 0);
	cr_assert_eq(iw_cm_destroy(seen.ev[0].child), 0);
	close(a);
	close(b);
	finish(NULL);
}

Test(soft_listen, reject__markers, .init = setup)
{
	struct mpa_frame request = siw, reply;
	int fd;

	request.markers = true;
	fd = ask(&request);
	reply = peer_read_frame(fd, true);
	cr_assert(reply.reject && !reply.markers);
	cr_assert(peer_sees_end(fd));
	cr_assert_eq(fake_count(&seen), 0);
	close(fd);
	finish(NULL);
}

/* -------------------------------------------------------------- Bad requests */

Test(soft_listen, handshake__bad_requests_end_in_silence, .init = setup)
{
	static const struct {
		const char *bytes;
		size_t len;
	} bad[] = {
		{ "GET / HTTP/1.1\r\n\r\n", 18 },
		{ "MPA ID Rep Frame\x00\x01\x00\x00", 20 },
		{ "MPA ID Req Frame\x00\x03\x00\x00", 20 },
		{ "MPA ID Req Frame\x10\x01\x00\x04\x00\x00\x00\x00", 24 },
		{ "MPA ID Req Frame\x10\x02\x00\x02\x00\x00", 22 },
		{ "MPA ID Req Frame\x00\x01\x02\x01", 20 },
		{ "MPA ID Req Frame\x00\x01\x00\x00!", 21 },
	};

	for (size_t i = 0; i < IW_ARRAY_SIZE(bad); i++) {
		int fd = peer_connect(&addr);

		peer_send(fd, bad[i].bytes, bad[i].len);
		cr_assert(peer_sees_end(fd), "case %zu", i);
		close(fd);
	}
	cr_assert_eq(fake_count(&seen), 0);
	finish(NULL);
}

Test(soft_listen, handshake__in_pieces, .init = setup)
{
	static const char bytes[] = "MPA ID Req Frame\x00\x01\x00\x02hi";
	int fd = peer_connect(&addr);

	for (size_t i = 0; i < sizeof(bytes) - 1; i++) {
		peer_send(fd, bytes + i, 1);
		usleep(1000);
	}
	child(0);
	cr_assert_arr_eq(seen.data[0], "hi", 2);
	cr_assert_eq(iw_cm_destroy(seen.ev[0].child), 0);
	close(fd);
	finish(NULL);
}

Test(soft_listen, handshake__has_a_time_limit, .init = setup)
{
	int fd = peer_connect(&addr);

	peer_send(fd, "MPA", 3);
	cr_assert(peer_sees_silence(fd, SOFT_CM_REQUEST_MS - 1000));
	cr_assert(peer_sees_end(fd));
	close(fd);
	finish(NULL);
}

Test(soft_listen, handshake__the_oldest_gives_way, .init = setup)
{
	int fd[70];

	for (size_t i = 0; i < IW_ARRAY_SIZE(fd); i++)
		fd[i] = peer_connect(&addr);
	for (int i = 0; i < 6; i++)
		cr_assert(peer_sees_end(fd[i]), "%d", i);
	cr_assert(peer_sees_silence(fd[6], 50));
	peer_send_frame(fd[69], &siw);
	child(0);
	cr_assert_eq(iw_cm_destroy(seen.ev[0].child), 0);
	cr_assert_eq(iw_cm_destroy(listener), 0);
	cr_assert(peer_sees_end(fd[40]));
	for (size_t i = 0; i < IW_ARRAY_SIZE(fd); i++)
		close(fd[i]);
	fake_finish();
}

Test(soft_listen, handshake__no_backlog_is_the_largest)
{
	struct iw_cm_id *id = fake_id(&seen);
	struct iw_cm_addr_info info;
	int fd[70];

	cr_assert_eq(iw_cm_bind(id,
				(struct sockaddr *)&(struct sockaddr_in){
					.sin_family = AF_INET,
					.sin_addr.s_addr = htonl(INADDR_LOOPBACK) }),
		     0);
	cr_assert_eq(iw_cm_listen(id, 0, 4), 0);
	cr_assert_eq(iw_cm_query(id, &info), 0);
	addr = info.src;
	for (size_t i = 0; i < IW_ARRAY_SIZE(fd); i++)
		fd[i] = peer_connect(&addr);
	cr_assert(peer_sees_silence(fd[0], 50));
	cr_assert_eq(iw_cm_destroy(id), 0);
	for (size_t i = 0; i < IW_ARRAY_SIZE(fd); i++)
		close(fd[i]);
	fake_finish();
}

Test(soft_listen, listen__from_nothing_and_twice)
{
	struct iw_cm_addr_info info;

	listener = fake_id(&seen);
	cr_assert_eq(iw_cm_listen(listener, 4, 4), 0);
	cr_assert_eq(iw_cm_query(listener, &info), 0);
	cr_assert_eq(info.src.ss_family, AF_INET);
	cr_assert_neq(((struct sockaddr_in *)(void *)&info.src)->sin_port, 0);
	cr_assert_eq(info.node_guid, 0, "the wildcard has no device");
	cr_assert_eq(info.port_num, 0);
	addr = info.src;
	close(ask(&siw));
	fake_wait_for(fake_count(&seen) == 1);
	cr_assert_eq(iw_cm_query(seen.ev[0].child, &info), 0);
	cr_assert_eq(info.node_guid, FAKE_GUID, "the child has one");
	finish(seen.ev[0].child);
}

Test(soft_listen, listen__port_is_taken)
{
	struct fake_seen more = { 0 };
	struct iw_cm_id *id;
	int on = 1;

	setup();
	id = fake_id(&more);
	cr_assert_eq(iw_cm_bind(id, (struct sockaddr *)&addr), -EADDRINUSE);
	cr_assert_eq(iw_cm_set_option(id, 0, 1, &on, sizeof(on)), 0);
	cr_assert_eq(iw_cm_bind(id, (struct sockaddr *)&addr), -EADDRINUSE);
	cr_assert_eq(iw_cm_set_option(listener, 0, 1, &on, sizeof(on)), -EINVAL);
	finish(id);
}

static unsigned long second_fault;

static bool fails_twice(unsigned long nth, bool fails)
{
	return nth == 2 || nth == __atomic_load_n(&second_fault, __ATOMIC_RELAXED);
}

/* accept(2) fails, and so does what follows, the call that listens again among it. */
Test(soft_listen, accept__is_tried_again_whatever_fails)
{
	iw_fault_hook = fails_twice; /* before there is a loop, which reads it */
	setup();
	for (unsigned long nth = 3; nth <= 10; nth++) {
		unsigned int before = (unsigned int)fake_count(&seen);
		int fd;

		__atomic_store_n(&second_fault, nth, __ATOMIC_RELAXED);
		iw_fault_arm(IW_FAULT_ALLOC | IW_FAULT_SYSCALL, 1000000);
		fd = peer_connect(&addr);
		usleep(150000);
		iw_fault_arm(0, 0);
		close(fd);
		fd = ask(&siw);
		cr_assert_eq(iw_cm_destroy(child(before)), 0);
		close(fd);
	}
	finish(NULL);
}

static bool has_ended(int fd)
{
	char bytes[256];
	ssize_t n;

	do
		n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	while (n > 0);
	return n == 0 || errno != EAGAIN;
}

Test(soft_listen, handshake__faults, .init = setup)
{
	unsigned long n;

	for (n = 1; n < 40; n++) {
		unsigned int before = fake_count(&seen);
		int fd;

		iw_fault_arm(IW_FAULT_ALLOC | IW_FAULT_SYSCALL, n);
		fd = ask(&siw);
		fake_wait_saying(fake_count(&seen) > before || iw_fault_passed() >= n, "site %lu",
				 n);
		if (iw_fault_passed() < n) /* all went well */
			break;
		iw_fault_arm(0, 0);
		/* It was refused, or accepting goes on after a pause. */
		fake_wait_saying(fake_count(&seen) > before || has_ended(fd), "site %lu", n);
		if (fake_count(&seen) > before)
			cr_assert_eq(iw_cm_destroy(seen.ev[before].child), 0);
		close(fd);
		usleep(150000);
	}
	iw_fault_arm(0, 0);
	cr_assert(n > 3 && n < 40);
	cr_assert_eq(iw_cm_destroy(seen.ev[fake_count(&seen) - 1].child), 0);
	finish(NULL);
}
