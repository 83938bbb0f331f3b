// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* MPA set-up: what two frames agree on, and their way through a socket. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/soft_cm_fake.h"

static const struct soft_offer offer = { .peer_to_peer = true, .ird = 4, .ord = 3 };

static struct mpa_frame request(uint8_t revision)
{
	struct mpa_frame frame;

	soft_setup_request(&offer, revision, &frame);
	return frame;
}

/* As kernel siw asks: enhanced, client and server. */
static struct mpa_frame siw_request(uint16_t ird, uint16_t ord)
{
	return (struct mpa_frame){ .enhanced = true, .revision = 2, .ird = ird, .ord = ord };
}

static struct mpa_frame siw_reply(uint16_t ird, uint16_t ord)
{
	return (struct mpa_frame){ .is_reply = true,
				   .enhanced = true,
				   .revision = 2,
				   .peer_to_peer = true,
				   .rtr = MPA_RTR_WRITE,
				   .ird = ird,
				   .ord = ord };
}

/* -------------------------------------------------------------------- CRC */

Test(soft_setup, crc__policies)
{
	struct soft_offer o;

	cr_assert_eq(soft_setup_crc_parse(NULL), SOFT_CRC_AUTO);
	cr_assert_eq(soft_setup_crc_parse("on"), SOFT_CRC_REQUIRE);
	cr_assert_eq(soft_setup_crc_parse("require"), SOFT_CRC_REQUIRE);
	cr_assert_eq(soft_setup_crc_parse("off"), SOFT_CRC_OFF);
	cr_assert_eq(soft_setup_crc_parse("refuse"), SOFT_CRC_REFUSE);
	cr_assert_eq(soft_setup_crc_parse("nonsense"), SOFT_CRC_AUTO);
	soft_setup_crc(&o, SOFT_CRC_AUTO, true);
	cr_assert(!o.crc && !o.refuse_crc);
	soft_setup_crc(&o, SOFT_CRC_AUTO, false);
	cr_assert(o.crc && !o.refuse_crc);
	soft_setup_crc(&o, SOFT_CRC_REQUIRE, true);
	cr_assert(o.crc && !o.refuse_crc);
	soft_setup_crc(&o, SOFT_CRC_OFF, false);
	cr_assert(!o.crc && !o.refuse_crc);
	soft_setup_crc(&o, SOFT_CRC_REFUSE, false);
	cr_assert(!o.crc && o.refuse_crc);
}

Test(soft_setup, crc__either_side_asks_for_it)
{
	for (int i = 0; i < 4; i++) {
		struct mpa_frame req = request(2), reply;
		struct soft_offer mine = offer;
		struct soft_stream a, b;
		uint16_t term;

		req.crc = i & 1;
		mine.crc = i & 2;
		soft_setup_accept(&req, &mine, &reply, &b);
		cr_assert_eq(reply.crc, i != 0);
		cr_assert_eq(b.crc, i != 0);
		cr_assert_eq(soft_setup_conclude(&req, &reply, &offer, &a, &term), 0);
		cr_assert_eq(a.crc, i != 0);
		reply.crc = false; /* other echo style */
		cr_assert_eq(soft_setup_conclude(&req, &reply, &offer, &a, &term), 0);
		cr_assert_eq(a.crc, req.crc);
	}
}

Test(soft_setup, crc__refused)
{
	struct soft_offer mine = { .refuse_crc = true };
	struct mpa_frame req = request(2), reply;
	struct soft_stream s;
	uint16_t term;

	req.crc = true;
	cr_assert_eq(soft_setup_judge(&req, &mine), -EPERM);
	cr_assert_eq(soft_setup_judge(&req, &offer), 0);
	req.crc = false;
	cr_assert_eq(soft_setup_judge(&req, &mine), 0);
	reply = siw_reply(1, 1);
	reply.crc = true;
	cr_assert_eq(soft_setup_conclude(&req, &reply, &mine, &s, &term), -ECONNREFUSED);
	cr_assert_eq(term, TERM_MPA_LOCAL);
}

Test(soft_setup, markers__are_refused)
{
	struct mpa_frame req = request(2), reply = siw_reply(1, 1);
	struct soft_stream s;
	uint16_t term;

	reply.markers = true;
	cr_assert_eq(soft_setup_conclude(&req, &reply, &offer, &s, &term), -ECONNREFUSED);
	req.markers = true;
	cr_assert_eq(soft_setup_judge(&req, &offer), -EOPNOTSUPP);
}

/* ------------------------------------------------------------------ Depths */

Test(soft_setup, accept__depths_as_siw_does)
{
	const struct soft_offer mine = { .ird = 3, .ord = 2 };
	struct mpa_frame req = siw_request(7, 5), reply;
	struct soft_stream s;

	soft_setup_accept(&req, &mine, &reply, &s);
	cr_assert(reply.is_reply && reply.enhanced && !reply.reject && !reply.peer_to_peer);
	cr_assert_eq(reply.revision, 2);
	cr_assert_eq(reply.ird, 5, "raised to what the peer will issue");
	cr_assert_eq(reply.ord, 2);
	cr_assert_eq(s.ird, 5);
	cr_assert_eq(s.ord, 2);
	cr_assert(!s.extensions && !s.peer_to_peer && !s.initiator);
	req = siw_request(1, 1000);
	soft_setup_accept(&req, &mine, &reply, &s);
	cr_assert_eq(s.ord, 1, "not more than the peer serves");
	cr_assert_eq(s.ird, SOFT_MAX_RD_ATOM, "not more than there is");
	cr_assert_eq(reply.ird, SOFT_MAX_RD_ATOM);
}

Test(soft_setup, depths__negotiated_elsewhere)
{
	struct mpa_frame req = siw_request(MPA_DEPTH_ELSEWHERE, MPA_DEPTH_ELSEWHERE), reply;
	struct soft_stream s;
	uint16_t term;

	soft_setup_accept(&req, &offer, &reply, &s);
	cr_assert_eq(s.ird, 4);
	cr_assert_eq(s.ord, 3);
	cr_assert_eq(reply.ird, MPA_DEPTH_ELSEWHERE);
	cr_assert_eq(reply.ord, MPA_DEPTH_ELSEWHERE);
	req = request(2);
	reply = siw_reply(MPA_DEPTH_ELSEWHERE, MPA_DEPTH_ELSEWHERE);
	cr_assert_eq(soft_setup_conclude(&req, &reply, &offer, &s, &term), 0);
	cr_assert_eq(s.ird, 4);
	cr_assert_eq(s.ord, 3);
}

Test(soft_setup, conclude__depths)
{
	struct mpa_frame req = request(2), reply = siw_reply(2, 9);
	struct soft_stream s;
	uint16_t term;

	cr_assert_eq(soft_setup_conclude(&req, &reply, &offer, &s, &term), 0);
	cr_assert_eq(s.ord, 2);
	cr_assert_eq(s.ird, 9, "raised to what the peer will issue");
	cr_assert_eq(term, 0);
	reply.ord = SOFT_MAX_RD_ATOM + 1;
	cr_assert_eq(soft_setup_conclude(&req, &reply, &offer, &s, &term), -EINVAL);
	cr_assert_eq(term, TERM_MPA_IRD);
}

/* --------------------------------------------------------------------- RTR */

Test(soft_setup, accept__rtr_by_what_is_offered)
{
	static const uint8_t answers[8] = {
		MPA_RTR_WRITE, MPA_RTR_SEND, MPA_RTR_WRITE, MPA_RTR_WRITE,
		MPA_RTR_READ,  MPA_RTR_READ, MPA_RTR_WRITE, SOFT_SETUP_RTR_ALL,
	};

	for (uint8_t rtr = 0; rtr < 8; rtr++) {
		const struct soft_offer none = { 0 };
		struct mpa_frame req = siw_request(0, 0), reply;
		struct soft_stream s;

		req.peer_to_peer = true;
		req.rtr = rtr;
		soft_setup_accept(&req, &none, &reply, &s);
		cr_assert(reply.peer_to_peer && s.peer_to_peer);
		cr_assert_eq(reply.rtr, answers[rtr], "offered %u", rtr);
		cr_assert_eq(s.rtr, answers[rtr]);
		cr_assert_eq(s.extensions, rtr == SOFT_SETUP_RTR_ALL);
		cr_assert_eq(reply.ird, reply.rtr & MPA_RTR_READ ? 1 : 0, "room for the Read");
	}
}

Test(soft_setup, conclude__rtr_by_what_is_answered)
{
	static const uint8_t chosen[8] = { 0,
					   MPA_RTR_SEND,
					   MPA_RTR_WRITE,
					   MPA_RTR_WRITE,
					   MPA_RTR_READ,
					   MPA_RTR_READ,
					   MPA_RTR_WRITE,
					   MPA_RTR_WRITE };

	for (uint8_t rtr = 0; rtr < 8; rtr++) {
		struct mpa_frame req = request(2), reply = siw_reply(1, 1);
		struct soft_stream s;
		uint16_t term;
		int ret;

		reply.rtr = rtr;
		ret = soft_setup_conclude(&req, &reply, &offer, &s, &term);
		cr_assert_eq(ret, rtr ? 0 : -EINVAL);
		cr_assert_eq(term, rtr ? 0 : TERM_MPA_RTR);
		if (ret)
			continue;
		cr_assert(s.initiator && s.peer_to_peer);
		cr_assert_eq(s.rtr, chosen[rtr], "answered %u", rtr);
		cr_assert_eq(s.extensions, rtr == SOFT_SETUP_RTR_ALL);
	}
}

Test(soft_setup, conclude__a_read_needs_room)
{
	const struct soft_offer none = { .peer_to_peer = true };
	struct mpa_frame req, reply = siw_reply(1, 0);
	struct soft_stream s;
	uint16_t term;

	soft_setup_request(&none, 2, &req);
	reply.rtr = MPA_RTR_READ;
	cr_assert_eq(soft_setup_conclude(&req, &reply, &none, &s, &term), 0);
	cr_assert_eq(s.ord, 1);
	reply.ird = 0;
	cr_assert_eq(soft_setup_conclude(&req, &reply, &none, &s, &term), -EINVAL);
	cr_assert_eq(term, TERM_MPA_RTR);
	reply.rtr = MPA_RTR_READ | MPA_RTR_SEND;
	cr_assert_eq(soft_setup_conclude(&req, &reply, &none, &s, &term), 0);
	cr_assert_eq(s.rtr, MPA_RTR_SEND);
	cr_assert_eq(s.ord, 0);
}

Test(soft_setup, conclude__the_responder_chooses_client_and_server)
{
	struct mpa_frame req = request(2), reply = siw_reply(1, 1);
	struct soft_stream s;
	uint16_t term;

	reply.peer_to_peer = false;
	reply.rtr = 0;
	cr_assert_eq(soft_setup_conclude(&req, &reply, &offer, &s, &term), 0);
	cr_assert(!s.peer_to_peer && !s.extensions);
}

/* RTR bits without A, which others ignore. */
Test(soft_setup, ours__know_each_other_in_what_looks_like_client_and_server)
{
	const struct soft_offer mine = { .ird = 4, .ord = 3 };
	struct soft_stream a, b;
	struct mpa_frame req, reply;
	uint16_t term;

	soft_setup_request(&mine, 2, &req);
	cr_assert(!req.peer_to_peer);
	cr_assert_eq(req.rtr, SOFT_SETUP_RTR_ALL);
	soft_setup_accept(&req, &mine, &reply, &b);
	cr_assert(!reply.peer_to_peer);
	cr_assert_eq(reply.rtr, SOFT_SETUP_RTR_ALL);
	cr_assert(b.peer_to_peer && b.extensions);
	cr_assert_eq(b.rtr, SOFT_SETUP_RTR_ALL);
	cr_assert_eq(soft_setup_conclude(&req, &reply, &mine, &a, &term), 0);
	cr_assert(a.peer_to_peer && a.extensions);
	cr_assert_eq(a.rtr, MPA_RTR_WRITE);
}

Test(soft_setup, others__are_not_asked_for_peer_to_peer)
{
	const struct soft_offer mine = { .ird = 4, .ord = 3 };
	struct mpa_frame req, reply = siw_reply(1, 1);
	struct soft_stream s;
	uint16_t term;

	soft_setup_request(&mine, 2, &req);
	for (uint8_t rtr = 0; rtr < SOFT_SETUP_RTR_ALL; rtr++) {
		reply.peer_to_peer = rtr; /* some say A whatever they were asked */
		reply.rtr = rtr;
		cr_assert_eq(soft_setup_conclude(&req, &reply, &mine, &s, &term), 0);
		cr_assert(!s.peer_to_peer && !s.extensions);
		req.rtr = rtr;
		soft_setup_accept(&req, &mine, &reply, &s);
		cr_assert(!s.peer_to_peer && !s.extensions && !reply.peer_to_peer && !reply.rtr);
		soft_setup_request(&mine, 2, &req);
		reply = siw_reply(1, 1);
	}
}

/* --------------------------------------------------------------- Revisions */

Test(soft_setup, revision_1__local_values_stand)
{
	const struct soft_offer mine = { .ird = 9, .ord = 8 };
	struct mpa_frame req = request(1), reply;
	struct soft_stream a, b;
	uint16_t term;

	cr_assert(!req.enhanced && !req.peer_to_peer && !req.rtr && !req.ird && !req.ord);
	soft_setup_accept(&req, &mine, &reply, &b);
	cr_assert(!reply.enhanced && !reply.peer_to_peer);
	cr_assert_eq(reply.revision, 1);
	cr_assert_eq(b.ird, 9);
	cr_assert_eq(b.ord, 8);
	cr_assert_eq(soft_setup_conclude(&req, &reply, &offer, &a, &term), 0);
	cr_assert_eq(a.ird, 4);
	cr_assert_eq(a.ord, 3);
	req.revision = 0;
	soft_setup_accept(&req, &mine, &reply, &b);
	cr_assert_eq(reply.revision, 0, "echoed");
}

Test(soft_setup, conclude__enhanced_or_not_as_asked)
{
	struct mpa_frame req = request(2), reply = siw_reply(1, 1);
	struct soft_stream s;
	uint16_t term;

	reply.enhanced = false;
	cr_assert_eq(soft_setup_conclude(&req, &reply, &offer, &s, &term), -ECONNRESET);
	cr_assert_eq(term, TERM_MPA_LOCAL);
	req = request(1);
	reply.enhanced = true;
	cr_assert_eq(soft_setup_conclude(&req, &reply, &offer, &s, &term), -ECONNRESET);
	reply.reject = true;
	cr_assert_eq(soft_setup_conclude(&req, &reply, &offer, &s, &term), -ECONNREFUSED);
	cr_assert_eq(term, 0, "a rejection is final whatever else it says");
}

Test(soft_setup, refuse__keeps_the_offered_values)
{
	struct mpa_frame req = siw_request(7, 5), reply;

	soft_setup_refuse(&req, "bb", 2, &reply);
	cr_assert(reply.reject && reply.is_reply && reply.enhanced);
	cr_assert_eq(reply.ird, 5);
	cr_assert_eq(reply.ord, 7);
	cr_assert_eq(reply.private_data_len, 2);
}

/* ------------------------------------------------------------------- Bytes */

static void pair(int fd[2])
{
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
}

Test(soft_setup, queue__golden_request)
{
	/* From kernel siw, IRD 4, ORD 3, but for A, B, C and D, which we set. */
	static const uint8_t golden[] = "MPA ID Req Frame\x10\x02\x00\x04\xc0\x04\xc0\x03";
	struct soft_setup s = { 0 };
	struct mpa_frame req = request(2);

	cr_assert_eq(soft_setup_queue(&s, &req), 0);
	cr_assert_eq(s.out_len, 24);
	cr_assert_arr_eq(s.out, golden, 24);
}

Test(soft_setup, queue__limits)
{
	static const uint8_t data[MPA_PRIVATE_MAX];
	struct soft_setup s = { 0 };
	struct mpa_frame req = request(2);

	req.private_data = data;
	req.private_data_len = SOFT_SETUP_DATA_MAX;
	cr_assert_eq(soft_setup_queue(&s, &req), 0);
	cr_assert_eq(s.out_len, MPA_FRAME_HDR + MPA_REPLY_PD_MAX);
	req.private_data_len++;
	cr_assert_eq(soft_setup_queue(&s, &req), -EINVAL);
}

Test(soft_setup, read__split_at_every_byte)
{
	/* From kernel siw: accept, IRD 5, ORD 2, private data. */
	static const uint8_t golden[] = "MPA ID Rep Frame\x10\x02\x00\x06\x00\x05\x00\x02\xbb\xbb";
	const size_t len = sizeof(golden) - 1;

	for (size_t cut = 0; cut < len; cut++) {
		struct soft_setup s = { 0 };
		int fd[2];

		pair(fd);
		peer_send(fd[1], golden, cut);
		cr_assert_eq(soft_setup_read(&s, fd[0], true), 0, "cut %zu", cut);
		peer_send(fd[1], golden + cut, len - cut);
		cr_assert_eq(soft_setup_read(&s, fd[0], true), 1, "cut %zu", cut);
		cr_assert_eq(s.peer.ird, 5);
		cr_assert_eq(s.peer.ord, 2);
		cr_assert_eq(s.peer.private_data_len, 2);
		cr_assert_eq(s.peer.private_data[1], 0xbb);
		close(fd[0]);
		close(fd[1]);
	}
}

Test(soft_setup, read__leaves_what_follows_a_reply)
{
	static const uint8_t golden[] =
		"MPA ID Rep Frame\x10\x02\x00\x06\x00\x05\x00\x02\xbb\xbbrest";
	struct soft_setup s = { 0 };
	char rest[8];
	int fd[2];

	pair(fd);
	peer_send(fd[1], golden, sizeof(golden) - 1);
	cr_assert_eq(soft_setup_read(&s, fd[0], true), 1);
	cr_assert_eq(s.peer.private_data_len, 2);
	cr_assert_eq(recv(fd[0], rest, sizeof(rest), MSG_DONTWAIT), 4);
	cr_assert_eq(memcmp(rest, "rest", 4), 0);
	close(fd[0]);
	close(fd[1]);
}

static int read_bytes(const char *bytes, size_t len, bool close_it)
{
	struct soft_setup s = { 0 };
	int fd[2], ret;

	pair(fd);
	peer_send(fd[1], bytes, len);
	if (close_it)
		shutdown(fd[1], SHUT_WR);
	ret = soft_setup_read(&s, fd[0], false);
	close(fd[0]);
	close(fd[1]);
	return ret;
}

Test(soft_setup, read__bad_frames)
{
	static const char frame[] = "MPA ID Req Frame\x00\x01\x00\x00!";

	cr_assert_eq(read_bytes(frame, 20, false), 1);
	cr_assert_eq(read_bytes(frame, 20, true), 1, "a close after it is not its business");
	cr_assert_eq(read_bytes(frame, 21, false), -EOVERFLOW);
	cr_assert_eq(read_bytes(frame, 19, true), -ECONNRESET);
	cr_assert_eq(read_bytes(frame, 0, true), -ECONNRESET);
	cr_assert_eq(read_bytes("GET / HTTP/1.1\r\n\r\n", 18, false), -EPROTO);
	cr_assert_eq(read_bytes("MPA ID Rep Frame\x00\x01\x00\x00", 20, false), -EBADMSG);
	cr_assert_eq(read_bytes("MPA ID Req Frame\x00\x03\x00\x00", 20, false), -EPROTONOSUPPORT);
	cr_assert_eq(read_bytes("MPA ID Req Frame\x00\x01\x02\x01", 20, false), -EMSGSIZE);
}

Test(soft_setup, read_and_write__faults)
{
	struct soft_setup s = { 0 };
	struct mpa_frame req = request(2);
	int fd[2];

	pair(fd);
	cr_assert_eq(soft_setup_queue(&s, &req), 0);
	iw_fault_arm(IW_FAULT_SYSCALL, 1);
	cr_assert_eq(soft_setup_write(&s, fd[0]), -ENOBUFS);
	iw_fault_arm(IW_FAULT_SYSCALL, 1);
	cr_assert_eq(soft_setup_read(&s, fd[0], true), -ENOBUFS);
	iw_fault_arm(0, 0);
	cr_assert_eq(soft_setup_write(&s, fd[0]), 1);
	close(fd[1]);
	s.sent = 0;
	cr_assert_eq(soft_setup_write(&s, fd[0]), -EPIPE);
	close(fd[0]);
}

Test(soft_setup, write__goes_on_where_the_socket_was_full)
{
	struct soft_setup s = { 0 };
	struct mpa_frame req = request(2), got;
	static char fill[1 << 16];
	int fd[2], small = 1;
	ssize_t n;

	pair(fd);
	setsockopt(fd[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	do
		n = send(fd[0], fill, sizeof(fill), MSG_DONTWAIT);
	while (n > 0);
	cr_assert_eq(soft_setup_queue(&s, &req), 0);
	cr_assert_eq(soft_setup_write(&s, fd[0]), 0);
	do
		n = recv(fd[1], fill, sizeof(fill), MSG_DONTWAIT);
	while (n > 0);
	cr_assert_eq(soft_setup_write(&s, fd[0]), 1);
	got = peer_read_frame(fd[1], false);
	cr_assert_eq(got.ird, 4);
	close(fd[0]);
	close(fd[1]);
}

Test(soft_setup, terminate__golden)
{
	static const uint8_t golden[24] = { 0x00, 0x16, 0x41, 0x47, 0, 0, 0, 0, 0,    0,    0, 2,
					    0,	  0,	0,    1,    0, 0, 0, 0, 0x20, 0x06, 0, 0 };
	uint8_t out[SOFT_SETUP_TERMINATE_SIZE];

	cr_assert_eq(soft_setup_terminate(TERM_MPA_IRD, false, out), sizeof(out));
	cr_assert_arr_eq(out, golden, sizeof(golden));
	cr_assert_arr_eq(out + 24, "\0\0\0\0", 4, "no digest");
	soft_setup_terminate(TERM_MPA_IRD, true, out);
	cr_assert(memcmp(out + 24, "\0\0\0\0", 4));
}
