// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <criterion/criterion.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <infiniband/ib.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "driver/kernel/ucma.h"

/* ------------------------------------------------------------- Fake kernel */

#define FAKE_FD 4711

static union {
	struct rdma_ucm_cmd_hdr hdr;
	unsigned char bytes[512];
	struct ucma_create_id create_id;
	struct ucma_bind_ip bind_ip;
	struct ucma_bind bind;
	struct ucma_resolve_ip resolve_ip;
	struct ucma_resolve_addr resolve_addr;
	struct ucma_query query;
	struct ucma_connect connect;
	struct ucma_listen listen;
	struct ucma_accept accept;
	struct ucma_reject reject;
	struct ucma_init_qp_attr init_qp_attr;
	struct ucma_set_option set_option;
	struct ucma_notify notify;
	struct ucma_migrate_id migrate_id;
	struct ucma_destroy_id destroy_id;
	struct ucma_join_ip_mcast join_ip_mcast;
	struct ucma_join_mcast join_mcast;
	struct ucma_resolve_service resolve_service;
} last;
static unsigned int nwrites, interrupted;
static int answer_errno;
static bool short_write;
static unsigned char response[8192];

ssize_t __real_write(int fd, const void *buf, size_t len);
ssize_t __wrap_write(int fd, const void *buf, size_t len);

static void respond(uint32_t cmd, uint16_t room)
{
	uint64_t to = 0;

	switch (cmd) {
	case RDMA_USER_CM_CMD_CREATE_ID:
		to = last.create_id.cmd.response;
		break;
	case RDMA_USER_CM_CMD_DESTROY_ID:
	case RDMA_USER_CM_CMD_QUERY_ROUTE:
	case RDMA_USER_CM_CMD_QUERY:
	case RDMA_USER_CM_CMD_LEAVE_MCAST:
	case RDMA_USER_CM_CMD_JOIN_IP_MCAST:
	case RDMA_USER_CM_CMD_JOIN_MCAST:
	case RDMA_USER_CM_CMD_INIT_QP_ATTR:
	case RDMA_USER_CM_CMD_GET_EVENT:
	case RDMA_USER_CM_CMD_MIGRATE_ID:
		to = last.query.cmd.response; /* the first field of all of them */
		break;
	}
	if (to)
		memcpy((void *)(uintptr_t)to, response, room);
}

ssize_t __wrap_write(int fd, const void *buf, size_t len)
{
	if (fd != FAKE_FD)
		return __real_write(fd, buf, len);
	nwrites++;
	if (interrupted) {
		interrupted--;
		errno = EINTR;
		return -1;
	}
	if (answer_errno) {
		errno = answer_errno;
		return -1;
	}
	memset(&last, 0, sizeof(last));
	memcpy(&last, buf, len);
	cr_assert_eq(last.hdr.in + sizeof(last.hdr), len);
	respond(last.hdr.cmd, last.hdr.out);
	return short_write ? (ssize_t)len - 1 : (ssize_t)len;
}

static void told(uint32_t cmd, size_t in, size_t out)
{
	cr_assert_eq(last.hdr.cmd, cmd);
	cr_assert_eq(last.hdr.in, in);
	cr_assert_eq(last.hdr.out, out);
}

/* ---------------------------------------------------------------- Commands */

Test(ucma, create_and_destroy__framing)
{
	uint32_t id = 0, reported = 0;

	response[0] = 7;
	cr_assert_eq(ucma_create_id(FAKE_FD, 0x1122334455667788, RDMA_PS_TCP, 2, &id), 0);
	told(RDMA_USER_CM_CMD_CREATE_ID, 24, 4);
	cr_assert_eq(last.create_id.cmd.uid, 0x1122334455667788);
	cr_assert_eq(last.create_id.cmd.ps, RDMA_PS_TCP);
	cr_assert_eq(last.create_id.cmd.qp_type, 2);
	cr_assert_eq(id, 7);
	cr_assert_eq(ucma_destroy_id(FAKE_FD, 7, &reported), 0);
	told(RDMA_USER_CM_CMD_DESTROY_ID, 16, 4);
	cr_assert_eq(reported, 7);
}

Test(ucma, command__retried_after_a_signal)
{
	interrupted = 2;
	cr_assert_eq(ucma_listen(FAKE_FD, 1, 5), 0);
	cr_assert_eq(nwrites, 3);
	told(RDMA_USER_CM_CMD_LISTEN, 8, 0);
	cr_assert_eq(last.listen.cmd.backlog, 5);
}

Test(ucma, connect__tells_of_a_signal)
{
	struct rdma_ucm_conn_param param = { .qp_num = 3, .valid = 1 };
	struct rdma_ucm_ece ece = { .vendor_id = 7, .attr_mod = 8 };

	interrupted = 1;
	cr_assert_eq(ucma_connect(FAKE_FD, 9, &param, &ece), -EINTR);
	cr_assert_eq(ucma_connect(FAKE_FD, 9, &param, &ece), 0);
	told(RDMA_USER_CM_CMD_CONNECT, 288, 0);
	cr_assert_eq(last.connect.cmd.id, 9);
	cr_assert_eq(last.connect.cmd.conn_param.qp_num, 3);
	cr_assert_eq(last.connect.cmd.ece.vendor_id, 7);
	cr_assert_eq(last.connect.cmd.ece.attr_mod, 8);
}

Test(ucma, command__errno_and_untouched_output)
{
	uint32_t id = 99;

	answer_errno = EACCES;
	cr_assert_eq(ucma_create_id(FAKE_FD, 1, RDMA_PS_TCP, 2, &id), -EACCES);
	cr_assert_eq(ucma_destroy_id(FAKE_FD, 1, &id), -EACCES);
	cr_assert_eq(ucma_migrate_id(FAKE_FD, 1, 2, &id), -EACCES);
	cr_assert_eq(id, 99);
}

Test(ucma, command__short_write)
{
	short_write = true;
	cr_assert_eq(ucma_disconnect(FAKE_FD, 1), -EIO);
}

Test(ucma, command__fault)
{
	iw_fault_arm(IW_FAULT_SYSCALL, 1);
	cr_assert_eq(ucma_disconnect(FAKE_FD, 1), -ENOMEM);
	cr_assert_eq(nwrites, 0);
	cr_assert_eq(ucma_disconnect(FAKE_FD, 1), 0);
	iw_fault_arm(0, 0);
	told(RDMA_USER_CM_CMD_DISCONNECT, 4, 0);
}

Test(ucma, bind__by_family)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = 1234 };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_scope_id = 3 };
	struct sockaddr_storage ib = { .ss_family = AF_IB };
	struct sockaddr none = { .sa_family = AF_UNSPEC };

	cr_assert_eq(ucma_bind(FAKE_FD, 1, (struct sockaddr *)&v4), 0);
	told(RDMA_USER_CM_CMD_BIND_IP, 40, 0);
	cr_assert_eq(memcmp(&last.bind_ip.cmd.addr, &v4, sizeof(v4)), 0);
	cr_assert_eq(ucma_bind(FAKE_FD, 1, (struct sockaddr *)&v6), 0);
	told(RDMA_USER_CM_CMD_BIND_IP, 40, 0);
	cr_assert_eq(last.bind_ip.cmd.addr.sin6_scope_id, 3);
	cr_assert_eq(ucma_bind(FAKE_FD, 1, (struct sockaddr *)&ib), 0);
	told(RDMA_USER_CM_CMD_BIND, 136, 0);
	cr_assert_eq(last.bind.cmd.addr_size, 48);
	cr_assert_eq(ucma_bind(FAKE_FD, 1, &none), -EINVAL);
	cr_assert_eq(ucma_bind(FAKE_FD, 1, NULL), -EINVAL);
}

Test(ucma, resolve_addr__by_family)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = 1234 };
	struct sockaddr_storage ib = { .ss_family = AF_IB };
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	const struct sockaddr *sa = (struct sockaddr *)&v4;

	cr_assert_eq(ucma_resolve_addr(FAKE_FD, 1, NULL, sa, 2000), 0);
	told(RDMA_USER_CM_CMD_RESOLVE_IP, 64, 0);
	cr_assert_eq(last.resolve_ip.cmd.src_addr.sin6_family, 0);
	cr_assert_eq(last.resolve_ip.cmd.dst_addr.sin6_family, AF_INET);
	cr_assert_eq(last.resolve_ip.cmd.timeout_ms, 2000);
	cr_assert_eq(ucma_resolve_addr(FAKE_FD, 1, sa, sa, 1), 0);
	cr_assert_eq(last.resolve_ip.cmd.src_addr.sin6_family, AF_INET);
	cr_assert_eq(ucma_resolve_addr(FAKE_FD, 1, NULL, (struct sockaddr *)&ib, 1), 0);
	told(RDMA_USER_CM_CMD_RESOLVE_ADDR, 272, 0);
	cr_assert_eq(last.resolve_addr.cmd.src_size, 0);
	cr_assert_eq(last.resolve_addr.cmd.dst_size, 48);
	cr_assert_eq(ucma_resolve_addr(FAKE_FD, 1, NULL, &none, 1), -EINVAL);
	cr_assert_eq(ucma_resolve_addr(FAKE_FD, 1, &none, sa, 1), -EINVAL);
	cr_assert_eq(ucma_resolve_addr(FAKE_FD, 1, NULL, NULL, 1), -EINVAL);
	cr_assert_eq(ucma_resolve_route(FAKE_FD, 1, 2), 0);
	told(RDMA_USER_CM_CMD_RESOLVE_ROUTE, 8, 0);
}

Test(ucma, query_and_attributes__responses)
{
	struct rdma_ucm_query_route_resp route;
	struct ib_uverbs_qp_attr attr;
	struct rdma_ucm_event_resp event;

	response[0] = 5;
	cr_assert_eq(ucma_query_route(FAKE_FD, 3, &route), 0);
	told(RDMA_USER_CM_CMD_QUERY_ROUTE, 16, 208);
	cr_assert_eq(last.query.cmd.id, 3);
	cr_assert_eq(ucma_init_qp_attr(FAKE_FD, 3, 1, &attr), 0);
	told(RDMA_USER_CM_CMD_INIT_QP_ATTR, 16, 144);
	cr_assert_eq(attr.qp_attr_mask, 5);
	cr_assert_eq(ucma_get_event(FAKE_FD, &event), 0);
	told(RDMA_USER_CM_CMD_GET_EVENT, 8, 336);
	cr_assert_eq(event.uid, 5);
	answer_errno = EAGAIN;
	cr_assert_eq(ucma_get_event(FAKE_FD, &event), -EAGAIN);
}

Test(ucma, accept_and_reject__framing)
{
	struct rdma_ucm_conn_param param = { .responder_resources = 4, .valid = 1 };
	struct rdma_ucm_ece ece = { .vendor_id = 7, .attr_mod = 8 };

	cr_assert_eq(ucma_accept(FAKE_FD, 2, 77, &param, &ece), 0);
	told(RDMA_USER_CM_CMD_ACCEPT, 296, 0);
	cr_assert_eq(last.accept.cmd.uid, 77);
	cr_assert_eq(last.accept.cmd.conn_param.responder_resources, 4);
	cr_assert_eq(last.accept.cmd.ece.vendor_id, 7);
	cr_assert_eq(last.accept.cmd.ece.attr_mod, 8);
	cr_assert_eq(ucma_reject(FAKE_FD, 2, "no", 2, 28), 0);
	told(RDMA_USER_CM_CMD_REJECT, 264, 0);
	cr_assert_eq(last.reject.cmd.private_data_len, 2);
	cr_assert_eq(last.reject.cmd.reason, 28);
	cr_assert_eq(memcmp(last.reject.cmd.private_data, "no", 3), 0);
	cr_assert_eq(ucma_reject(FAKE_FD, 2, NULL, 0, 0), 0);
}

Test(ucma, establish__is_an_accept_without_parameters)
{
	cr_assert_eq(ucma_establish(FAKE_FD, 5), 0);
	told(RDMA_USER_CM_CMD_ACCEPT, 296, 0);
	cr_assert_eq(last.accept.cmd.id, 5);
	cr_assert_eq(last.accept.cmd.uid, 0);
	cr_assert_eq(last.accept.cmd.conn_param.valid, 0);
	answer_errno = EINVAL;
	cr_assert_eq(ucma_establish(FAKE_FD, 5), -EINVAL);
}

Test(ucma, query__options_and_rooms)
{
	struct rdma_ucm_query_addr_resp addr;
	struct ucma_query_path_resp path;

	response[0] = 2;
	cr_assert_eq(ucma_query_addr(FAKE_FD, 3, &addr), 0);
	told(RDMA_USER_CM_CMD_QUERY, 16, 280);
	cr_assert_eq(last.query.cmd.id, 3);
	cr_assert_eq(last.query.cmd.option, RDMA_USER_CM_QUERY_ADDR);
	cr_assert_eq(addr.node_guid, 2);
	cr_assert_eq(ucma_query_gid(FAKE_FD, 3, &addr), 0);
	told(RDMA_USER_CM_CMD_QUERY, 16, 280);
	cr_assert_eq(last.query.cmd.option, RDMA_USER_CM_QUERY_GID);
	cr_assert_eq(ucma_query_path(FAKE_FD, 3, &path), 0);
	told(RDMA_USER_CM_CMD_QUERY, 16, 8 + 3 * 72);
	cr_assert_eq(last.query.cmd.option, RDMA_USER_CM_QUERY_PATH);
	cr_assert_eq(path.num_paths, 2);
	answer_errno = ENOENT;
	cr_assert_eq(ucma_query_addr(FAKE_FD, 3, &addr), -ENOENT);
	cr_assert_eq(addr.ibdev_index, UINT32_MAX, "an old kernel says nothing");
}

/* The bytes, as the header of Linux 6.18 lays them out. */
Test(ucma, services__framing)
{
	struct ucma_service service = { .service_id = 0x1122334455667788, .flags = 1 };
	struct ucma_query_service_resp resp;

	memcpy(service.name, "name", 5);
	cr_assert_eq(ucma_resolve_service(FAKE_FD, 3, &service), 0);
	told(23, 88, 0);
	cr_assert_eq(last.bytes[8], 3, "the id");
	cr_assert_eq(last.bytes[16], 0x88, "the service id after a reserved word");
	cr_assert_eq(memcmp(last.bytes + 24, "name", 5), 0);
	cr_assert_eq(last.bytes[88], 1, "the flags");
	response[0] = 1;
	response[8 + 7] = 4; /* the id, in network order */
	response[8 + 8 + 15] = 5;
	response[8 + 24] = 0xff;
	memcpy(response + 8 + 48, "name", 5);
	cr_assert_eq(ucma_query_service(FAKE_FD, 3, &resp), 0);
	told(RDMA_USER_CM_CMD_QUERY, 16, 8 + UCMA_SERVICES_MAX * 176);
	cr_assert_eq(last.query.cmd.option, 3);
	cr_assert_eq(resp.num_records, 1);
	cr_assert_eq(be64toh(resp.records[0].id), 4);
	cr_assert_eq(resp.records[0].gid[15], 5);
	cr_assert_eq(be16toh(resp.records[0].pkey), 0xff00);
	cr_assert_str_eq((const char *)resp.records[0].name, "name");
	answer_errno = ENODATA;
	cr_assert_eq(ucma_query_service(FAKE_FD, 3, &resp), -ENODATA);
	cr_assert_eq(resp.num_records, 0, "nothing of the one before");
}

Test(ucma, join__by_what_can_say_it)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_storage ib = { .ss_family = AF_IB };
	struct ucma_group group = { .id = 3, .uid = 99, .addr = (struct sockaddr *)&v4 };
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	uint32_t membership = 0;

	response[0] = 7;
	cr_assert_eq(ucma_join(FAKE_FD, &group, &membership), 0);
	told(RDMA_USER_CM_CMD_JOIN_IP_MCAST, 48, 4);
	cr_assert_eq(last.join_ip_mcast.cmd.uid, 99);
	cr_assert_eq(last.join_ip_mcast.cmd.id, 3);
	cr_assert_eq(last.join_ip_mcast.cmd.addr.sin6_family, AF_INET);
	cr_assert_eq(membership, 7);
	group.flags = RDMA_MC_JOIN_FLAG_SENDONLY_FULLMEMBER;
	cr_assert_eq(ucma_join(FAKE_FD, &group, &membership), 0);
	told(RDMA_USER_CM_CMD_JOIN_MCAST, 152, 4);
	cr_assert_eq(last.join_mcast.cmd.addr_size, 16);
	cr_assert_eq(last.join_mcast.cmd.join_flags, RDMA_MC_JOIN_FLAG_SENDONLY_FULLMEMBER);
	group.flags = 0;
	group.addr = (struct sockaddr *)&ib;
	cr_assert_eq(ucma_join(FAKE_FD, &group, &membership), 0);
	told(RDMA_USER_CM_CMD_JOIN_MCAST, 152, 4);
	cr_assert_eq(last.join_mcast.cmd.addr_size, 48);
	group.addr = &none;
	cr_assert_eq(ucma_join(FAKE_FD, &group, &membership), -EINVAL);
	group.addr = NULL;
	cr_assert_eq(ucma_join(FAKE_FD, &group, &membership), -EINVAL);
	group.addr = (struct sockaddr *)&v4;
	answer_errno = ENOSYS;
	membership = 55;
	cr_assert_eq(ucma_join(FAKE_FD, &group, &membership), -ENOSYS);
	cr_assert_eq(membership, 55);
}

Test(ucma, leave__tells_what_was_reported)
{
	uint32_t reported = 0;

	response[0] = 3;
	cr_assert_eq(ucma_leave(FAKE_FD, 12, &reported), 0);
	told(RDMA_USER_CM_CMD_LEAVE_MCAST, 16, 4);
	cr_assert_eq(last.destroy_id.cmd.id, 12);
	cr_assert_eq(reported, 3);
	answer_errno = ENOENT;
	cr_assert_eq(ucma_leave(FAKE_FD, 12, &reported), -ENOENT);
	cr_assert_eq(reported, 3);
}

Test(ucma, option_notify_migrate__framing)
{
	struct rdma_ucm_set_option option = { .optval = 1, .level = 2, .optname = 3, .optlen = 4 };
	uint32_t reported = 0;

	cr_assert_eq(ucma_set_option(FAKE_FD, 5, &option), 0);
	told(RDMA_USER_CM_CMD_SET_OPTION, 24, 0);
	cr_assert_eq(last.set_option.cmd.id, 5);
	cr_assert_eq(last.set_option.cmd.optlen, 4);
	cr_assert_eq(ucma_notify(FAKE_FD, 5, 6), 0);
	told(RDMA_USER_CM_CMD_NOTIFY, 8, 0);
	cr_assert_eq(last.notify.cmd.event, 6);
	response[0] = 3;
	cr_assert_eq(ucma_migrate_id(FAKE_FD, 5, 42, &reported), 0);
	told(RDMA_USER_CM_CMD_MIGRATE_ID, 16, 4);
	cr_assert_eq(last.migrate_id.cmd.fd, 42);
	cr_assert_eq(reported, 3);
}

/* ------------------------------------------------------------------- Probe */

struct tree {
	char dir[64], device[96], abi[96], class_dir[96];
	struct ucma_paths paths;
};

static void put(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	fputs(text, f);
	fclose(f);
}

/* A machine with one RDMA device whose kernel says @version. */
static void tree_make(struct tree *t, const char *version)
{
	char entry[128];

	strcpy(t->dir, "/tmp/iwshim-ucma-XXXXXX");
	cr_assert_not_null(mkdtemp(t->dir));
	snprintf(t->device, sizeof(t->device), "%s/rdma_cm", t->dir);
	snprintf(t->abi, sizeof(t->abi), "%s/abi_version", t->dir);
	snprintf(t->class_dir, sizeof(t->class_dir), "%s/class", t->dir);
	put(t->device, "");
	put(t->abi, version);
	mkdir(t->class_dir, 0700);
	snprintf(entry, sizeof(entry), "%s/siw0", t->class_dir);
	put(entry, "");
	t->paths = (struct ucma_paths){ t->device, t->abi, t->class_dir };
}

static void tree_remove(const struct tree *t)
{
	char entry[128];

	snprintf(entry, sizeof(entry), "%s/siw0", t->class_dir);
	unlink(entry);
	rmdir(t->class_dir);
	unlink(t->device);
	unlink(t->abi);
	rmdir(t->dir);
}

Test(ucma, probe__abi_versions)
{
	static const struct {
		const char *text;
		int ret;
	} cases[] = {
		{ "2\n", -EPERM },
		{ "3\n", 0 },
		{ "4\n", 0 },
		{ "4", 0 },
		{ "5\n", -EPERM },
		{ "", -EPERM },
		{ "four\n", -EPERM },
		{ "4x\n", -EPERM },
		{ "-1", -EPERM },
		{ "44\n", -EPERM },
		{ "99999999999999999999999\n", -EPERM },
	};
	struct tree t;

	for (size_t i = 0; i < IW_ARRAY_SIZE(cases); i++) {
		tree_make(&t, cases[i].text);
		cr_assert_eq(ucma_probe(&t.paths), cases[i].ret, "\"%s\"", cases[i].text);
		tree_remove(&t);
	}
}

Test(ucma, probe__what_is_missing)
{
	struct tree t;

	tree_make(&t, "4\n");
	unlink(t.abi);
	cr_assert_eq(ucma_probe(&t.paths), 0, "opening the device may load the module");
	unlink(t.device);
	cr_assert_eq(ucma_probe(&t.paths), -ENODEV);
	cr_assert_eq(ucma_probe(&t.paths), -ENODEV, "looked at again");
	put(t.device, "");
	cr_assert_eq(ucma_probe(&t.paths), 0);
	tree_remove(&t);
	cr_assert_eq(ucma_probe(&t.paths), -ENODEV, "no class directory");
	mkdir(t.dir, 0700);
	mkdir(t.class_dir, 0700);
	cr_assert_eq(ucma_probe(&t.paths), -ENODEV, "no device in it");
	tree_remove(&t);
}

Test(ucma, probe__no_permission)
{
	struct tree t;

	tree_make(&t, "4\n");
	chmod(t.dir, 0755);
	chmod(t.class_dir, 0755);
	chmod(t.device, 0600);
	if (geteuid() == 0)
		cr_assert_eq(setresuid(65534, 65534, 0), 0);
	else
		chmod(t.device, 0);
	cr_assert_eq(ucma_probe(&t.paths), -EACCES);
	cr_assert_eq(ucma_probe(&t.paths), -EACCES);
	if (getuid() == 65534)
		cr_assert_eq(setresuid(0, 0, 0), 0);
	tree_remove(&t);
}

Test(ucma, probe__faults)
{
	struct tree t;
	unsigned long n;

	tree_make(&t, "4\n");
	for (n = 1;; n++) {
		iw_fault_arm(IW_FAULT_SYSCALL, n);
		if (!ucma_probe(&t.paths))
			break;
	}
	iw_fault_arm(0, 0);
	cr_assert_eq(n, 5, "four sites: class, device, version and its bytes");
	tree_remove(&t);
}

Test(ucma, open__errors)
{
	cr_assert_eq(ucma_open("/nonexistent/rdma_cm"), -ENOENT);
	iw_fault_arm(IW_FAULT_SYSCALL, 1);
	cr_assert_eq(ucma_open("/dev/null"), -EMFILE);
	iw_fault_arm(0, 0);
}

Test(ucma, open__flags)
{
	int fd = ucma_open("/dev/null");

	cr_assert_geq(fd, 0);
	cr_assert(fcntl(fd, F_GETFL) & O_NONBLOCK);
	cr_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
}
