// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The driver's table and its active side, against a peer that speaks MPA by
 * hand. The passive side is in test_soft_listen.c.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "driver/soft/soft_cm.h"
#include "tests/soft_cm_fake.h"

static struct fake_seen seen;
static struct sockaddr_in peer_addr;
static int peer;

static void setup(void)
{
	setenv("IWSHIM_PEER_TO_PEER", "on", 1); /* what follows from it, too */
	peer = peer_listen(&peer_addr);
}

/* An id whose Request lies before the peer; *@fd is the peer's end. */
static struct iw_cm_id *connecting(int *fd, struct mpa_frame *request)
{
	struct iw_cm_conn_param param = {
		.qp_num = 1,
		.responder_resources = 4,
		.initiator_depth = 3,
		.private_data = "hello",
		.private_data_len = 5,
	};
	struct iw_cm_id *id = fake_connector(&seen, &peer_addr);

	cr_assert_eq(iw_cm_connect(id, &param), 0);
	*fd = peer_accept(peer);
	*request = peer_read_frame(*fd, false);
	return id;
}

static struct mpa_frame reply_to(const struct mpa_frame *request)
{
	return (struct mpa_frame){ .is_reply = true,
				   .revision = request->revision,
				   .enhanced = request->enhanced,
				   .peer_to_peer = request->peer_to_peer,
				   .rtr = request->rtr & MPA_RTR_WRITE,
				   .ird = 8,
				   .ord = 2,
				   .private_data = (const uint8_t *)"reply",
				   .private_data_len = 5 };
}

static const struct iw_cm_event *outcome(void)
{
	fake_wait_for(fake_count(&seen) >= 3);
	cr_assert_eq(seen.ev[2].type, IW_CM_EVENT_CONNECT_REPLY);
	return &seen.ev[2];
}

static void finish(struct iw_cm_id *id)
{
	cr_assert_eq(iw_cm_destroy(id), 0);
	close(peer);
	fake_finish();
}

/* ----------------------------------------------------------------- Connect */

Test(soft_cm, connect__accepted, .init = setup)
{
	struct mpa_frame request, reply;
	uint8_t rtr[20];
	struct iw_cm_id *id;
	int fd;

	id = connecting(&fd, &request);
	cr_assert_eq(request.revision, 2);
	cr_assert(request.enhanced && request.peer_to_peer && !request.markers && !request.crc);
	cr_assert_eq(request.rtr, SOFT_SETUP_RTR_ALL);
	cr_assert_eq(request.ird, 4);
	cr_assert_eq(request.ord, 3);
	cr_assert_eq(request.private_data_len, 5);
	cr_assert_arr_eq(request.private_data, "hello", 5);
	cr_assert(peer_sees_silence(fd, 20), "nothing before the Reply");
	reply = reply_to(&request);
	peer_send_frame(fd, &reply);
	peer_read(fd, rtr, sizeof(rtr));
	cr_assert_eq(outcome()->status, 0);
	cr_assert_eq(outcome()->param.responder_resources, 2);
	cr_assert_eq(outcome()->param.initiator_depth, 8);
	cr_assert_eq(outcome()->param.private_data_len, 5);
	cr_assert_arr_eq(seen.data[2], "reply", 5);
	cr_assert_eq(fake_stream.ird, 2);
	cr_assert_eq(fake_stream.ord, 3);
	cr_assert_eq(fake_stream.rtr, MPA_RTR_WRITE);
	cr_assert(fake_stream.initiator && !fake_stream.extensions);
	close(fd);
	fake_wait_for(fake_count(&seen) == 4);
	cr_assert_eq(seen.ev[3].type, IW_CM_EVENT_CLOSE);
	cr_assert_eq(seen.ev[3].status, 0);
	finish(id);
}

/* Asks as users do, and hears @rtr. */
static struct iw_cm_id *connected(int *fd, uint8_t rtr)
{
	struct mpa_frame request, reply;
	struct iw_cm_id *id;

	unsetenv("IWSHIM_PEER_TO_PEER");
	id = connecting(fd, &request);
	cr_assert(!request.peer_to_peer);
	cr_assert_eq(request.rtr, SOFT_SETUP_RTR_ALL, "how ours know each other");
	reply = reply_to(&request);
	reply.rtr = rtr;
	peer_send_frame(*fd, &reply);
	cr_assert_eq(outcome()->status, 0);
	return id;
}

/* As siw asks and answers. */
Test(soft_cm, connect__client_and_server_unless_told, .init = setup)
{
	int fd;
	struct iw_cm_id *id = connected(&fd, 0);

	cr_assert(peer_sees_silence(fd, 20), "no RTR");
	cr_assert(!fake_stream.peer_to_peer && !fake_stream.extensions);
	close(fd);
	finish(id);
}

Test(soft_cm, connect__the_peer_is_ours, .init = setup)
{
	int fd;
	struct iw_cm_id *id = connected(&fd, SOFT_SETUP_RTR_ALL);

	cr_assert(fake_stream.extensions && fake_stream.peer_to_peer);
	cr_assert_eq(iw_cm_disconnect(id, false), 0);
	fake_wait_for(fake_count(&seen) == 4);
	cr_assert_eq(seen.ev[3].type, IW_CM_EVENT_CLOSE);
	cr_assert_eq(iw_cm_disconnect(id, false), 0);
	close(fd);
	finish(id);
}

Test(soft_cm, connect__rejected, .init = setup)
{
	struct mpa_frame request, reply;
	struct iw_cm_id *id;
	int fd;

	id = connecting(&fd, &request);
	reply = reply_to(&request);
	reply.reject = true;
	peer_send_frame(fd, &reply);
	cr_assert_eq(outcome()->status, -ECONNREFUSED);
	cr_assert_eq(outcome()->param.private_data_len, 5);
	cr_assert_arr_eq(seen.data[2], "reply", 5);
	cr_assert(peer_sees_end(fd));
	close(fd);
	finish(id);
}

Test(soft_cm, connect__nobody_listens, .init = setup)
{
	struct iw_cm_conn_param param = { .qp_num = 1 };
	struct iw_cm_id *id = fake_connector(&seen, &peer_addr);

	close(peer);
	peer = -1;
	cr_assert_eq(iw_cm_connect(id, &param), 0);
	cr_assert_eq(outcome()->status, -ECONNREFUSED);
	finish(id);
}

/* What the initiator says when the Reply does not suit it: layer 2, type 0. */
static void expect_terminate(int fd, uint8_t code)
{
	uint8_t bytes[SOFT_SETUP_TERMINATE_SIZE];

	peer_read(fd, bytes, sizeof(bytes));
	cr_assert_eq(bytes[3], 0x47);
	cr_assert_eq(bytes[20], 0x20);
	cr_assert_eq(bytes[21], code);
	cr_assert(peer_sees_end(fd));
	close(fd);
}

Test(soft_cm, connect__ird_cannot_be_as_large, .init = setup)
{
	struct mpa_frame request, reply;
	struct iw_cm_id *id;
	int fd;

	id = connecting(&fd, &request);
	reply = reply_to(&request);
	reply.ord = 1000;
	peer_send_frame(fd, &reply);
	cr_assert_eq(outcome()->status, -EINVAL);
	expect_terminate(fd, 6);
	finish(id);
}

Test(soft_cm, connect__no_common_rtr, .init = setup)
{
	struct mpa_frame request, reply;
	struct iw_cm_id *id;
	int fd;

	id = connecting(&fd, &request);
	reply = reply_to(&request);
	reply.rtr = 0;
	peer_send_frame(fd, &reply);
	cr_assert_eq(outcome()->status, -EINVAL);
	expect_terminate(fd, 7);
	finish(id);
}

Test(soft_cm, connect__reply_with_markers, .init = setup)
{
	struct mpa_frame request, reply;
	struct iw_cm_id *id;
	int fd;

	id = connecting(&fd, &request);
	reply = reply_to(&request);
	reply.markers = true;
	peer_send_frame(fd, &reply);
	cr_assert_eq(outcome()->status, -ECONNREFUSED);
	expect_terminate(fd, 5);
	finish(id);
}

Test(soft_cm, connect__reply_with_the_wrong_key, .init = setup)
{
	struct mpa_frame request;
	struct iw_cm_id *id;
	int fd;

	id = connecting(&fd, &request);
	peer_send_frame(fd, &request);
	cr_assert_eq(outcome()->status, -EINVAL);
	expect_terminate(fd, 4);
	finish(id);
}

/* They are the stream's: siw's programs may speak first. */
Test(soft_cm, connect__bytes_follow_the_reply, .init = setup)
{
	static const uint8_t bytes[] = "MPA ID Rep Frame\x10\x02\x00\x04\xc0\x04\x40\x03!";
	struct mpa_frame request;
	struct iw_cm_id *id;
	int fd;

	id = connecting(&fd, &request);
	peer_send(fd, bytes, sizeof(bytes) - 1);
	cr_assert_eq(outcome()->status, 0);
	close(fd);
	finish(id);
}

Test(soft_cm, connect__asks_again_with_revision_1, .init = setup)
{
	struct mpa_frame request, reply;
	struct iw_cm_id *id;
	int fd;

	id = connecting(&fd, &request);
	close(fd);
	fd = peer_accept(peer);
	request = peer_read_frame(fd, false);
	cr_assert_eq(request.revision, 1);
	cr_assert_not(request.enhanced);
	cr_assert_eq(request.private_data_len, 5);
	cr_assert_arr_eq(request.private_data, "hello", 5);
	reply = reply_to(&request);
	peer_send_frame(fd, &reply);
	cr_assert_eq(outcome()->status, 0);
	cr_assert_eq(outcome()->param.private_data_len, 5);
	cr_assert(!fake_stream.peer_to_peer && !fake_stream.extensions);
	cr_assert_eq(fake_stream.ird, 4);
	cr_assert_eq(fake_stream.ord, 3);
	close(fd);
	finish(id);
}

Test(soft_cm, connect__closed_twice_without_a_reply, .init = setup)
{
	struct mpa_frame request;
	struct iw_cm_id *id;
	int fd;

	id = connecting(&fd, &request);
	close(fd);
	close(peer_accept(peer));
	cr_assert_eq(outcome()->status, -ECONNRESET);
	finish(id);
}

Test(soft_cm, connect__half_a_reply_then_closed, .init = setup)
{
	struct mpa_frame request;
	struct iw_cm_id *id;
	int fd;

	id = connecting(&fd, &request);
	peer_send(fd, "MPA ID Rep Fra", 14);
	close(fd);
	cr_assert_eq(outcome()->status, -ECONNRESET, "it knows revision 2 and died");
	finish(id);
}

Test(soft_cm, connect__arguments, .init = setup)
{
	static const char data[SOFT_SETUP_DATA_MAX + 1];
	struct iw_cm_conn_param param = { .qp_num = FAKE_QPS + 1 };
	struct fake_seen none = { 0 };
	struct iw_cm_id *id = fake_id(&none);

	cr_assert_eq(iw_cm_connect(id, &param), -EINVAL, "no such QP, and no destination");
	iw_cm_destroy(id);
	id = fake_connector(&seen, &peer_addr);
	cr_assert_eq(iw_cm_connect(id, &param), -EINVAL, "no such QP");
	param.qp_num = 1;
	param.private_data = data;
	param.private_data_len = sizeof(data);
	cr_assert_eq(iw_cm_connect(id, &param), -EINVAL);
	param.private_data_len--;
	cr_assert_eq(iw_cm_connect(id, &param), 0);
	finish(id);
}

Test(soft_cm, connect__the_qp_does_not_take_it, .init = setup)
{
	struct mpa_frame request, reply;
	struct iw_cm_id *id;
	int fd;

	fake_attach_error = -EINVAL;
	id = connecting(&fd, &request);
	reply = reply_to(&request);
	peer_send_frame(fd, &reply);
	cr_assert_eq(outcome()->status, -EINVAL);
	expect_terminate(fd, 5);
	finish(id);
}

Test(soft_cm, connect__the_stream_ends_at_once, .init = setup)
{
	struct mpa_frame request, reply;
	struct iw_cm_id *id;
	int fd;

	fake_end_in_attach = true;
	id = connecting(&fd, &request);
	reply = reply_to(&request);
	peer_send_frame(fd, &reply);
	fake_wait_for(fake_count(&seen) == 4);
	cr_assert_eq(outcome()->status, 0);
	cr_assert_eq(seen.ev[3].type, IW_CM_EVENT_CLOSE);
	close(fd);
	finish(id);
}

Test(soft_cm, connect__faults, .init = setup)
{
	struct iw_cm_conn_param param = { .qp_num = 1 };
	struct iw_cm_id *id = fake_connector(&seen, &peer_addr);
	unsigned long n = 0, passed;
	int ret, failed = 0;

	cr_assert_eq(soft_loop_start(), 0);
	do {
		iw_fault_arm(IW_FAULT_ALLOC | IW_FAULT_SYSCALL, ++n);
		ret = iw_cm_connect(id, &param);
		passed = iw_fault_passed();
		iw_fault_arm(0, 0);
		if (ret) {
			failed++;
			cr_assert_eq(fake_qp_refs(), 0, "site %lu", n);
		} else if (n <= passed) { /* one that a connection lives without */
			cr_assert_eq(iw_cm_destroy(id), 0);
			seen.n = 0;
			id = fake_connector(&seen, &peer_addr);
		}
		cr_assert_lt(n, 20);
	} while (n <= passed);
	cr_assert_gt(failed, 3);
	finish(id);
}

/* --------------------------------------------------------------- Addressing */

Test(soft_cm, resolve__binds_and_names_the_device, .init = setup)
{
	struct iw_cm_id *id = fake_connector(&seen, &peer_addr);
	const struct sockaddr_in *src, *dst;
	struct ibv_context *verbs = NULL;
	struct iw_cm_addr_info info;

	cr_assert_eq(iw_cm_query(id, &info), 0);
	src = (const void *)&info.src;
	dst = (const void *)&info.dst;
	cr_assert_eq(src->sin_addr.s_addr, htonl(INADDR_LOOPBACK));
	cr_assert_neq(src->sin_port, 0);
	cr_assert_eq(dst->sin_port, peer_addr.sin_port);
	cr_assert_eq(info.node_guid, FAKE_GUID);
	cr_assert_eq(info.port_num, 1);
	cr_assert_eq(info.ibdev_index, -1);
	cr_assert_eq(iw_soft_driver.open_verbs(&info, &verbs), 0);
	cr_assert_not_null(verbs);
	info.node_guid = 1;
	cr_assert_eq(iw_soft_driver.open_verbs(&info, &verbs), -ENODEV);
	finish(id);
}

Test(soft_cm, resolve__errors, .init = setup)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_addr = in6addr_loopback };
	struct sockaddr_in here = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in there = here;
	struct iw_cm_id *id = fake_id(&seen);

	there.sin_addr.s_addr = htonl(0xc0000201);
	cr_assert_eq(iw_cm_resolve_route(id, 1000), -EINVAL);
	cr_assert_eq(iw_cm_resolve_addr(id, (void *)&there, (void *)&here, 1), -EADDRNOTAVAIL);
	cr_assert_eq(iw_cm_bind(id, (void *)&there), -EADDRNOTAVAIL);
	cr_assert_eq(iw_cm_bind(id, (void *)&here), 0);
	cr_assert_eq(iw_cm_bind(id, (void *)&here), -EINVAL);
	cr_assert_eq(iw_cm_resolve_addr(id, NULL, (void *)&six, 1), -EINVAL);
	here.sin_family = AF_UNIX;
	cr_assert_eq(iw_cm_resolve_addr(id, NULL, (void *)&here, 1), -EINVAL);
	cr_assert_eq(seen.n, 0);
	finish(id);
}

Test(soft_cm, options__judged, .init = setup)
{
	struct iw_cm_id *id = fake_id(&seen);
	uint8_t byte = 1;
	int on = 1;

	cr_assert_eq(iw_cm_set_option(id, 0, 0, &byte, 1), 0);
	cr_assert_eq(iw_cm_set_option(id, 0, 0, &on, 4), -EINVAL);
	cr_assert_eq(iw_cm_set_option(id, 0, 1, &on, 4), 0);
	cr_assert_eq(iw_cm_set_option(id, 0, 2, &on, 4), 0);
	cr_assert_eq(iw_cm_set_option(id, 0, 3, &byte, 1), 0);
	cr_assert_eq(iw_cm_set_option(id, 0, 4, &byte, 1), -ENOSYS);
	cr_assert_eq(iw_cm_set_option(id, 1, 1, &byte, 1), -EINVAL);
	cr_assert_eq(iw_cm_set_option(id, 1, 0, &byte, 1), -ENOSYS);
	cr_assert_eq(iw_cm_set_option(id, 1, 2, &byte, 1), -ENOSYS);
	cr_assert_eq(iw_cm_set_option(id, 2, 1, &byte, 1), -ENOSYS);
	cr_assert_eq(iw_cm_set_option(id, 0, 1, NULL, 4), -EFAULT);
	cr_assert_eq(iw_cm_set_option(id, 0, 1, (void *)16, 4), -EFAULT);
	cr_assert_eq(iw_cm_notify(id, 1), 0);
	finish(id);
}

Test(soft_cm, init_qp_attr__as_an_iwarp_kernel, .init = setup)
{
	struct iw_cm_id *id = fake_id(&seen);
	struct ibv_qp_attr attr = { .qp_state = IBV_QPS_RTS };
	int mask = 0;

	cr_assert_eq(iw_cm_init_qp_attr(id, &attr, &mask), -EINVAL, "bound to nothing");
	iw_cm_destroy(id);
	id = fake_connector(&seen, &peer_addr);
	cr_assert_eq(iw_cm_init_qp_attr(id, &attr, &mask), 0);
	cr_assert_eq(mask, 0x29);
	cr_assert_eq(attr.qp_access_flags,
		     IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_READ | IBV_ACCESS_REMOTE_ATOMIC);
	cr_assert_eq(attr.port_num, 1);
	finish(id);
}

/* ------------------------------------------------------------------- Driver */

Test(soft_cm, driver__probe_and_source)
{
	struct sockaddr_in here = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct iw_source *source;
	int fd;

	unsetenv("IWSHIM_DEVICE");
	cr_assert_eq(iw_soft_driver.probe(), 0);
	setenv("IWSHIM_DEVICE", "kernel", 1);
	cr_assert_eq(iw_soft_driver.probe(), -ENODEV);
	cr_assert_eq(iw_soft_driver.serves((void *)&here), 0);
	here.sin_addr.s_addr = htonl(0xc0000201);
	cr_assert_eq(iw_soft_driver.serves((void *)&here), -ENODEV);
	iw_fault_arm(IW_FAULT_ALLOC, 1);
	cr_assert_eq(iw_soft_driver.source_open(&source, &fd), -ENOMEM);
	iw_fault_arm(0, 0);
	cr_assert_eq(iw_soft_driver.source_open(&source, &fd), 0);
	cr_assert_eq(fd, -1);
	cr_assert_eq(iw_soft_driver.source_pump(source), -EAGAIN);
	iw_soft_driver.source_close(source);
}

Test(soft_cm, id_new__refuses_datagrams_and_lacks_memory)
{
	struct iw_cm_open_arg arg = { .ps = 0x111, .qp_type = IBV_QPT_UD };
	struct iw_cm_id *id = fake_id(&seen);

	cr_assert_eq(iw_cm_create(iw_soft_driver.cm, &arg, id->handler, NULL, &id), -EOPNOTSUPP);
	arg.qp_type = IBV_QPT_RC;
	for (int n = 1; n <= 2; n++) {
		struct iw_cm_id *none;

		iw_fault_arm(IW_FAULT_ALLOC, (unsigned long)n);
		cr_assert_eq(iw_cm_create(iw_soft_driver.cm, &arg, id->handler, NULL, &none),
			     -ENOMEM);
	}
	iw_fault_arm(0, 0);
	iw_cm_destroy(id);
	fake_finish();
}

Test(soft_cm, fork__the_child_is_refused_and_harms_nobody, .init = setup)
{
	struct mpa_frame request, reply;
	struct iw_cm_id *id;
	int fd, status;
	pid_t pid;

	id = connecting(&fd, &request);
	pid = fork();
	if (!pid) {
		struct iw_cm_addr_info info;

		fake_generation++;
		if (iw_cm_query(id, &info) != -EACCES || iw_cm_disconnect(id, true) != -EACCES)
			_exit(1);
		iw_cm_destroy(id);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	cr_assert_eq(status, 0);
	reply = reply_to(&request);
	peer_send_frame(fd, &reply);
	cr_assert_eq(outcome()->status, 0);
	close(fd);
	finish(id);
}

/* ----------------------------------------------------------------- Two of us */

Test(soft_cm, both_ends__meet_and_part_again_and_again)
{
	struct iw_cm_conn_param active = { .qp_num = 1, .initiator_depth = 6 };
	struct iw_cm_conn_param passive = { .qp_num = 2, .responder_resources = 2 };
	struct sockaddr_storage addr;
	struct fake_seen served;

	for (int i = 0; i < 100; i++) {
		struct iw_cm_id *listener, *id;

		memset(&seen, 0, sizeof(seen));
		memset(&served, 0, sizeof(served));
		listener = fake_listener(&served, 1, &addr);
		id = fake_connector(&seen, (struct sockaddr_in *)(void *)&addr);
		cr_assert_eq(iw_cm_connect(id, &active), 0);
		fake_wait_for(fake_count(&served) == 1);
		cr_assert_eq(iw_cm_accept(served.ev[0].child, &passive), 0);
		cr_assert_eq(outcome()->status, 0);
		fake_wait_for(fake_count(&served) == 2);
		cr_assert_eq(served.ev[1].type, IW_CM_EVENT_ESTABLISHED);
		cr_assert_eq(served.ev[1].status, 0);
		cr_assert(fake_stream.extensions, "each knows the other");
		cr_assert_eq(served.ev[1].param.responder_resources, 6);
		cr_assert_eq(iw_cm_disconnect(i & 1 ? id : served.ev[0].child, false), 0);
		fake_wait_for(fake_count(&seen) == 4 && fake_count(&served) == 3);
		cr_assert_eq(iw_cm_destroy(served.ev[0].child), 0);
		cr_assert_eq(iw_cm_destroy(listener), 0);
		cr_assert_eq(iw_cm_destroy(id), 0);
	}
	fake_finish();
}
