// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "tests/kdev_fake.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"

/* ------------------------------------------------------------- Fake kernel */

struct kdev_fake k = { .next_fd = FD_FIRST, .fail_cmd = -1, .route_len = sizeof(k.route) };

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __real_close(int fd);
int __wrap_close(int fd);
ssize_t __real_write(int fd, const void *buf, size_t len);
ssize_t __wrap_write(int fd, const void *buf, size_t len);

int __wrap_open(const char *path, int flags, ...)
{
	if (strcmp(path, ucma_default_paths.device))
		return __real_open(path, flags, 0600);
	k.open_fds++;
	return k.next_fd++;
}

int __wrap_close(int fd)
{
	if (fd < FD_FIRST)
		return __real_close(fd);
	k.open_fds--;
	return 0;
}

struct rdma_ucm_event_resp *queue_event(uint32_t owner, uint32_t event, uint32_t id)
{
	struct rdma_ucm_event_resp *resp = &k.queue[k.queued].resp;

	memset(&k.queue[k.queued], 0, sizeof(k.queue[0]));
	k.queue[k.queued].fd = k.ids[owner].fd;
	k.queue[k.queued++].owner = owner;
	resp->uid = k.ids[owner].uid;
	resp->id = id;
	resp->event = event;
	if (event == UCMA_EVENT_CONNECT_REQUEST && id < IDS_MAX) {
		k.ids[id].used = true;
		k.ids[id].fd = k.ids[owner].fd;
	}
	return resp;
}

struct rdma_ucm_event_resp *queue_member_event(uint32_t member, uint32_t event)
{
	struct rdma_ucm_event_resp *resp = queue_event(k.members[member].owner, event, member);

	resp->uid = k.members[member].uid;
	k.queue[k.queued - 1].member = member + 1;
	return resp;
}

static void drop_event(unsigned int i)
{
	memmove(&k.queue[i], &k.queue[i + 1], (--k.queued - i) * sizeof(k.queue[0]));
}

void (*on_the_way)(void);

static int get_event(int fd, void *to)
{
	for (unsigned int i = 0; i < k.queued; i++) {
		if (k.queue[i].fd != fd)
			continue;
		memcpy(to, &k.queue[i].resp, sizeof(k.queue[i].resp));
		k.ids[k.queue[i].owner].reported++;
		if (k.queue[i].member)
			k.members[k.queue[i].member - 1].reported++;
		drop_event(i);
		if (on_the_way)
			on_the_way();
		return 0;
	}
	return EAGAIN;
}

static int create_id(int fd, const struct rdma_ucm_create_id *cmd, void *to)
{
	for (uint32_t i = 0; i < CHILD; i++) {
		if (k.ids[i].used)
			continue;
		k.ids[i].used = true;
		k.ids[i].fd = fd;
		k.ids[i].uid = cmd->uid;
		k.ids[i].reported = 0;
		memcpy(to, &i, sizeof(i));
		return 0;
	}
	return ENOMEM;
}

static int destroy_id(uint32_t id, void *to)
{
	if (id >= IDS_MAX || !k.ids[id].used)
		return ENOENT;
	for (unsigned int i = k.queued; i-- > 0;)
		if (k.queue[i].owner == id)
			drop_event(i);
	for (unsigned int i = 0; i < MEMBERS_MAX; i++)
		if (k.members[i].used && k.members[i].owner == id)
			k.members[i].used = false;
	memcpy(to, &k.ids[id].reported, 4);
	memset(&k.ids[id], 0, sizeof(k.ids[id]));
	return 0;
}

static int migrate_id(int fd, uint32_t id, void *to)
{
	for (unsigned int i = 0; i < k.queued; i++)
		if (k.queue[i].owner == id)
			k.queue[i].fd = fd;
	k.ids[id].fd = fd;
	memcpy(to, &k.ids[id].reported, 4);
	return 0;
}

void (*while_joining)(void);

static int join_mcast(uint32_t id, uint64_t uid, void *to)
{
	for (uint32_t i = 0; i < MEMBERS_MAX; i++) {
		if (k.members[i].used)
			continue;
		k.members[i].used = true;
		k.members[i].uid = uid;
		k.members[i].owner = id;
		k.members[i].reported = 0;
		if (while_joining)
			while_joining();
		memcpy(to, &i, sizeof(i));
		return 0;
	}
	return ENOMEM;
}

static int leave_mcast(uint32_t member, void *to)
{
	if (member >= MEMBERS_MAX || !k.members[member].used)
		return ENOENT;
	for (unsigned int i = k.queued; i-- > 0;)
		if (k.queue[i].member == member + 1)
			drop_event(i);
	memcpy(to, &k.members[member].reported, 4);
	k.members[member].used = false;
	return 0;
}

/* Linux 6.18; before, it is a number among many that there are not. */
static int resolve_service(const struct rdma_ucm_resolve_service *cmd)
{
	if (!k.knows_services)
		return EINVAL;
	if (cmd->id >= IDS_MAX || !k.ids[cmd->id].used)
		return ENOENT;
	k.service = cmd->service;
	return 0;
}

static int query_service(void *to)
{
	if (!k.services.num_records)
		return ENODATA;
	memcpy(to, &k.services, sizeof(k.services));
	return 0;
}

static int query(const struct rdma_ucm_query *cmd, void *to)
{
	if (cmd->option == RDMA_USER_CM_QUERY_PATH)
		memcpy(to, &k.path, sizeof(k.path));
	else if (cmd->option == UCMA_QUERY_SERVICE)
		return query_service(to);
	else
		memcpy(to, &k.addr, sizeof(k.addr));
	return 0;
}

static int take_accept(const struct rdma_ucm_accept *accept)
{
	k.param = accept->conn_param;
	k.ece = accept->ece;
	k.accept_uid = accept->uid;
	if (accept->conn_param.valid)
		k.ids[accept->id].uid = accept->uid;
	return 0;
}

static int serve(int fd, uint32_t cmd, const void *in)
{
	const struct rdma_ucm_create_id *create = in;
	const struct rdma_ucm_query *query_cmd = in; /* response and id, as in others */
	const struct rdma_ucm_join_ip_mcast *join_ip = in;
	const struct rdma_ucm_join_mcast *join = in;
	void *to = (void *)(uintptr_t)query_cmd->response;

	switch (cmd) {
	case RDMA_USER_CM_CMD_CREATE_ID:
		return create_id(fd, create, (void *)(uintptr_t)create->response);
	case RDMA_USER_CM_CMD_DESTROY_ID:
		return destroy_id(query_cmd->id, to);
	case RDMA_USER_CM_CMD_GET_EVENT:
		return get_event(fd, to);
	case RDMA_USER_CM_CMD_MIGRATE_ID:
		return migrate_id(fd, query_cmd->id, to);
	case RDMA_USER_CM_CMD_QUERY_ROUTE:
		memcpy(to, &k.route, k.route_len);
		return 0;
	case RDMA_USER_CM_CMD_INIT_QP_ATTR:
		memcpy(to, &k.qp_attr, sizeof(k.qp_attr));
		return 0;
	case UCMA_CMD_RESOLVE_SERVICE:
		return resolve_service(in);
	case RDMA_USER_CM_CMD_QUERY:
		return query(query_cmd, to);
	case RDMA_USER_CM_CMD_JOIN_IP_MCAST:
		return join_mcast(join_ip->id, join_ip->uid, to);
	case RDMA_USER_CM_CMD_JOIN_MCAST:
		return join_mcast(join->id, join->uid, to);
	case RDMA_USER_CM_CMD_LEAVE_MCAST:
		return leave_mcast(query_cmd->id, to);
	case RDMA_USER_CM_CMD_CONNECT:
		k.param = ((const struct rdma_ucm_connect *)in)->conn_param;
		k.ece = ((const struct rdma_ucm_connect *)in)->ece;
		return 0;
	case RDMA_USER_CM_CMD_ACCEPT:
		return take_accept(in);
	case RDMA_USER_CM_CMD_REJECT:
		k.reject_reason = ((const struct rdma_ucm_reject *)in)->reason;
		return 0;
	}
	return 0;
}

void (*while_connecting)(void);

ssize_t __wrap_write(int fd, const void *buf, size_t len)
{
	const struct rdma_ucm_cmd_hdr *hdr = buf;
	uint64_t copy[64] = { 0 }; /* so that serve() may look at any command alike */

	if (fd < FD_FIRST)
		return __real_write(fd, buf, len);
	iw_copy(copy, sizeof(copy), hdr + 1, hdr->in);
	k.commands[hdr->cmd]++;
	if (hdr->cmd == RDMA_USER_CM_CMD_CONNECT && while_connecting)
		while_connecting();
	errno = (int)hdr->cmd == k.fail_cmd ? k.fail_errno : serve(fd, hdr->cmd, copy);
	return errno ? -1 : (ssize_t)len;
}

/* ------------------------------------------------------------- Fake verbs */

struct verbs_fake v;

int __wrap_ibv_modify_qp(struct ibv_qp *of, struct ibv_qp_attr *attr, int mask);
int __wrap_ibv_query_device(struct ibv_context *of, struct ibv_device_attr *attr);

int __wrap_ibv_modify_qp(struct ibv_qp *of, struct ibv_qp_attr *attr, int mask)
{
	v.states[v.modified++ % IW_ARRAY_SIZE(v.states)] = attr->qp_state;
	v.attr = *attr;
	v.mask = mask;
	return attr->qp_state == IBV_QPS_SQD ? v.ret_sqd : v.ret;
}

int __wrap_ibv_query_device(struct ibv_context *of, struct ibv_device_attr *attr)
{
	v.queried++;
	memset(attr, 0, sizeof(*attr));
	attr->vendor_id = v.vendor_id;
	attr->vendor_part_id = 2; /* the second siw device of its kernel */
	return 0;
}

struct ibv_device device = { .transport_type = IBV_TRANSPORT_IWARP,
			     .name = "siw0",
			     .dev_name = "uverbs0" };
struct ibv_context context = { .device = &device };
struct ibv_qp qp = { .context = &context };
