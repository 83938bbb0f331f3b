// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "driver/kernel/ucma.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <infiniband/ib.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/device_choice.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/stall.h"

const struct ucma_paths ucma_default_paths = {
	.device = "/dev/infiniband/rdma_cm",
	.abi_version = "/sys/class/misc/rdma_cm/abi_version",
	.class_dir = "/sys/class/infiniband",
};

/* True, with errno set to @err, if a fault is to be injected here. */
static bool injected(int err)
{
	if (!iw_fault(IW_FAULT_SYSCALL))
		return false;
	errno = err;
	return true;
}

/* ------------------------------------------------------------------- Probe */

/* This process has run out of something: says nothing about the system. */
static bool is_shortage(int err)
{
	return err == EMFILE || err == ENFILE || err == ENOMEM;
}

static int check_class(const char *path)
{
	const struct dirent *entry;
	int ret = -ENODEV;
	DIR *dir;

	dir = injected(EMFILE) ? NULL : opendir(path);
	if (!dir)
		return is_shortage(errno) ? -errno : -ENODEV;
	while (ret && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			ret = 0;
	closedir(dir);
	return ret;
}

static int check_access(const char *path)
{
	if (!injected(ENOENT) && !access(path, R_OK | W_OK))
		return 0;
	return errno == EACCES || errno == EROFS ? -EACCES : -ENODEV;
}

/* 0 if the file does not exist: opening the device may load the module yet. */
static int check_abi(const char *path, char *text, size_t room)
{
	unsigned long version;
	ssize_t n = -1;
	char *end;
	int fd;

	text[0] = 0;
	fd = injected(EMFILE) ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && is_shortage(errno))
		return -errno;
	if (fd < 0)
		return errno == ENOENT ? 0 : -EPERM;
	do
		n = injected(EIO) ? -1 : read(fd, text, room - 1);
	while (n < 0 && errno == EINTR);
	close(fd);
	text[n < 0 ? 0 : n] = 0;
	text[strcspn(text, "\n")] = 0;
	version = strtoul(text, &end, 10);
	if (end == text || *end || version < UCMA_ABI_MIN || version > UCMA_ABI_MAX)
		return -EPERM;
	return 0;
}

/* A program that tries again and again reads about it once. */
static bool probe_is_news(int err)
{
	static int last;

	return __atomic_exchange_n(&last, err, __ATOMIC_RELAXED) != err;
}

int ucma_probe(const struct ucma_paths *paths)
{
	/* Where the software device serves instead, nothing is wrong. */
	const enum iw_log_level level =
		iw_device_choice() == IW_DEVICE_KERNEL ? IW_LOG_WARN : IW_LOG_INFO;
	char version[32] = "";
	int ret;

	ret = check_class(paths->class_dir);
	if (ret == -ENODEV) {
		if (probe_is_news(1))
			iw_log(level,
			       "no RDMA device in %s: load the device's driver or add one "
			       "(rdma link add NAME type siw netdev INTERFACE)",
			       paths->class_dir);
	}
	if (ret)
		return ret;
	ret = check_access(paths->device);
	if (ret) {
		if (!probe_is_news(ret))
			return ret;
		if (ret == -EACCES)
			iw_error("no permission for %s: have it made accessible to your group "
				 "(a udev rule) or run as root",
				 paths->device);
		else
			iw_log(level, "%s is missing: modprobe rdma_ucm", paths->device);
		return ret;
	}
	ret = check_abi(paths->abi_version, version, sizeof(version));
	if (ret == -EPERM && probe_is_news(ret))
		iw_error("the kernel's rdma_cm speaks ABI version \"%s\" (%s), this library %d to "
			 "%d: update the older of the two",
			 version, paths->abi_version, UCMA_ABI_MIN, UCMA_ABI_MAX);
	return ret;
}

/* ---------------------------------------------------------------- Commands */

int ucma_open(const char *device)
{
	int fd;

	if (injected(EMFILE))
		return -EMFILE;
	do
		fd = open(device, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	while (fd < 0 && errno == EINTR);
	return fd < 0 ? -errno : fd;
}

/*
 * What may wait for a peer, for a handler of the kernel or for verbs. The other
 * commands wait at most for one of these on the same id.
 */
static const struct iw_slow slow_commands[] = {
	[RDMA_USER_CM_CMD_CONNECT] = { "the kernel's CONNECT",
				       "siw makes the TCP connection in it: the peer does not "
				       "answer, or its packets are dropped",
				       IW_LOG_WARN },
	[RDMA_USER_CM_CMD_ACCEPT] = { "the kernel's ACCEPT", "the device sends the answer in it",
				      IW_LOG_ERROR },
	[RDMA_USER_CM_CMD_REJECT] = { "the kernel's REJECT", "the device sends the refusal in it",
				      IW_LOG_ERROR },
	[RDMA_USER_CM_CMD_DISCONNECT] = { "the kernel's DISCONNECT",
					  "it waits for the outcome of a connect or an accept, or "
					  "for the device to close",
					  IW_LOG_ERROR },
	[RDMA_USER_CM_CMD_DESTROY_ID] = { "the kernel's DESTROY_ID",
					  "it waits for its own work on the connection, which may "
					  "wait for the device or for the peer",
					  IW_LOG_ERROR },
	[RDMA_USER_CM_CMD_MIGRATE_ID] = { "the kernel's MIGRATE_ID",
					  "another command on the id has not returned",
					  IW_LOG_ERROR },
	[RDMA_USER_CM_CMD_LEAVE_MCAST] = { "the kernel's LEAVE_MCAST",
					   "it waits for the subnet's answer to the join",
					   IW_LOG_ERROR },
};

static ssize_t write_watched(int fd, const void *message, size_t len)
{
	const struct rdma_ucm_cmd_hdr *hdr = message;
	const struct iw_slow *slow = NULL;
	struct iw_watch watch;
	ssize_t n;

	if (hdr->cmd < IW_ARRAY_SIZE(slow_commands))
		slow = &slow_commands[hdr->cmd];
	if (!slow || !slow->what)
		return write(fd, message, len);
	iw_watch_begin(&watch, slow);
	n = write(fd, message, len);
	iw_watch_end(&watch);
	return n;
}

static int ucma_write(int fd, const void *message, size_t len)
{
	ssize_t n;

	if (injected(ENOMEM))
		return -ENOMEM;
	n = write_watched(fd, message, len);
	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EIO;
}

void ucma_close(int fd)
{
	static const struct iw_slow slow = {
		"close of /dev/infiniband/rdma_cm",
		"the kernel ends the ids of the channel that are left",
		IW_LOG_ERROR,
	};
	struct iw_watch watch;

	iw_watch_begin(&watch, &slow);
	close(fd);
	iw_watch_end(&watch);
}

static int ucma_write_all(int fd, const void *message, size_t len)
{
	int ret;

	do
		ret = ucma_write(fd, message, len);
	while (ret == -EINTR);
	return ret;
}

#define UCMA_HEADER(number, message, room) \
	.hdr = { .cmd = (number), .in = sizeof((message).cmd), .out = (room) }
#define UCMA_RESPONSE(resp) ((uintptr_t)(resp))

int ucma_create_id(int fd, uint64_t uid, uint16_t ps, uint8_t qp_type, uint32_t *id)
{
	struct rdma_ucm_create_id_resp resp = { .id = 0 };
	struct ucma_create_id msg = {
		UCMA_HEADER(RDMA_USER_CM_CMD_CREATE_ID, msg, sizeof(resp)),
		.cmd = { .uid = uid,
			 .response = UCMA_RESPONSE(&resp),
			 .ps = ps,
			 .qp_type = qp_type },
	};
	int ret = ucma_write_all(fd, &msg, sizeof(msg));

	if (!ret)
		*id = resp.id;
	return ret;
}

int ucma_destroy_id(int fd, uint32_t id, uint32_t *reported)
{
	struct rdma_ucm_destroy_id_resp resp = { .events_reported = 0 };
	struct ucma_destroy_id msg = {
		UCMA_HEADER(RDMA_USER_CM_CMD_DESTROY_ID, msg, sizeof(resp)),
		.cmd = { .response = UCMA_RESPONSE(&resp), .id = id },
	};
	int ret = ucma_write_all(fd, &msg, sizeof(msg));

	if (!ret)
		*reported = resp.events_reported;
	return ret;
}

static size_t sockaddr_size(const struct sockaddr *addr)
{
	switch (addr ? addr->sa_family : AF_UNSPEC) {
	case AF_INET:
		return sizeof(struct sockaddr_in);
	case AF_INET6:
		return sizeof(struct sockaddr_in6);
	case AF_IB:
		return sizeof(struct sockaddr_ib);
	}
	return 0;
}

int ucma_bind(int fd, uint32_t id, const struct sockaddr *addr)
{
	struct ucma_bind msg = {
		UCMA_HEADER(RDMA_USER_CM_CMD_BIND, msg, 0),
		.cmd = { .id = id },
	};
	struct ucma_bind_ip ip = {
		UCMA_HEADER(RDMA_USER_CM_CMD_BIND_IP, ip, 0),
		.cmd = { .id = id },
	};
	size_t size = sockaddr_size(addr);

	if (!size)
		return -EINVAL;
	if (addr->sa_family == AF_IB) {
		msg.cmd.addr_size = (uint16_t)size;
		iw_copy(&msg.cmd.addr, sizeof(msg.cmd.addr), addr, size);
		return ucma_write_all(fd, &msg, sizeof(msg));
	}
	iw_copy(&ip.cmd.addr, sizeof(ip.cmd.addr), addr, size);
	return ucma_write_all(fd, &ip, sizeof(ip));
}

static int resolve_ib(int fd, uint32_t id, const struct sockaddr *src, const struct sockaddr *dst,
		      uint32_t timeout_ms)
{
	struct ucma_resolve_addr msg = {
		UCMA_HEADER(RDMA_USER_CM_CMD_RESOLVE_ADDR, msg, 0),
		.cmd = { .id = id, .timeout_ms = timeout_ms },
	};

	msg.cmd.src_size = (uint16_t)sockaddr_size(src);
	msg.cmd.dst_size = (uint16_t)sockaddr_size(dst);
	iw_copy(&msg.cmd.src_addr, sizeof(msg.cmd.src_addr), src, msg.cmd.src_size);
	iw_copy(&msg.cmd.dst_addr, sizeof(msg.cmd.dst_addr), dst, msg.cmd.dst_size);
	return ucma_write_all(fd, &msg, sizeof(msg));
}

int ucma_resolve_addr(int fd, uint32_t id, const struct sockaddr *src, const struct sockaddr *dst,
		      uint32_t timeout_ms)
{
	struct ucma_resolve_ip msg = {
		UCMA_HEADER(RDMA_USER_CM_CMD_RESOLVE_IP, msg, 0),
		.cmd = { .id = id, .timeout_ms = timeout_ms },
	};

	if (!sockaddr_size(dst) || (src && !sockaddr_size(src)))
		return -EINVAL;
	if (dst->sa_family == AF_IB || (src && src->sa_family == AF_IB))
		return resolve_ib(fd, id, src, dst, timeout_ms);
	iw_copy(&msg.cmd.src_addr, sizeof(msg.cmd.src_addr), src, sockaddr_size(src));
	iw_copy(&msg.cmd.dst_addr, sizeof(msg.cmd.dst_addr), dst, sockaddr_size(dst));
	return ucma_write_all(fd, &msg, sizeof(msg));
}

int ucma_resolve_route(int fd, uint32_t id, uint32_t timeout_ms)
{
	struct ucma_resolve_route msg = {
		UCMA_HEADER(RDMA_USER_CM_CMD_RESOLVE_ROUTE, msg, 0),
		.cmd = { .id = id, .timeout_ms = timeout_ms },
	};

	return ucma_write_all(fd, &msg, sizeof(msg));
}

int ucma_query_route(int fd, uint32_t id, struct rdma_ucm_query_route_resp *resp)
{
	struct ucma_query msg = {
		UCMA_HEADER(RDMA_USER_CM_CMD_QUERY_ROUTE, msg, sizeof(*resp)),
		.cmd = { .response = UCMA_RESPONSE(resp), .id = id },
	};

	memset(resp, 0, sizeof(*resp));
	resp->ibdev_index = UINT32_MAX;
	return ucma_write_all(fd, &msg, sizeof(msg));
}

static int query(int fd, uint32_t id, uint32_t option, void *resp, uint16_t room)
{
	struct ucma_query msg = {
		UCMA_HEADER(RDMA_USER_CM_CMD_QUERY, msg, room),
		.cmd = { .response = UCMA_RESPONSE(resp), .id = id, .option = option },
	};

	return ucma_write_all(fd, &msg, sizeof(msg));
}

int ucma_query_addr(int fd, uint32_t id, struct rdma_ucm_query_addr_resp *resp)
{
	memset(resp, 0, sizeof(*resp));
	resp->ibdev_index = UINT32_MAX;
	return query(fd, id, RDMA_USER_CM_QUERY_ADDR, resp, sizeof(*resp));
}

int ucma_query_gid(int fd, uint32_t id, struct rdma_ucm_query_addr_resp *resp)
{
	memset(resp, 0, sizeof(*resp));
	return query(fd, id, RDMA_USER_CM_QUERY_GID, resp, sizeof(*resp));
}

int ucma_query_path(int fd, uint32_t id, struct ucma_query_path_resp *resp)
{
	memset(resp, 0, sizeof(*resp));
	return query(fd, id, RDMA_USER_CM_QUERY_PATH, resp, sizeof(*resp));
}

int ucma_resolve_service(int fd, uint32_t id, const struct ucma_service *service)
{
	struct ucma_resolve_service msg = {
		UCMA_HEADER(UCMA_CMD_RESOLVE_SERVICE, msg, 0),
		.cmd = { .id = id, .service = *service },
	};

	return ucma_write_all(fd, &msg, sizeof(msg));
}

int ucma_query_service(int fd, uint32_t id, struct ucma_query_service_resp *resp)
{
	memset(resp, 0, sizeof(*resp));
	return query(fd, id, UCMA_QUERY_SERVICE, resp, sizeof(*resp));
}

int ucma_listen(int fd, uint32_t id, int backlog)
{
	struct ucma_listen msg = {
		UCMA_HEADER(RDMA_USER_CM_CMD_LISTEN, msg, 0),
		.cmd = { .id = id, .backlog = (uint32_t)backlog },
	};

	return ucma_write_all(fd, &msg, sizeof(msg));
}

int ucma_connect(int fd, uint32_t id, const struct rdma_ucm_conn_param *param,
		 const struct rdma_ucm_ece *ece)
{
	struct ucma_connect msg = {
		UCMA_HEADER(RDMA_USER_CM_CMD_CONNECT, msg, 0),
		.cmd = { .conn_param = *param, .id = id, .ece = *ece },
	};

	return ucma_write(fd, &msg, sizeof(msg));
}

int ucma_accept(int fd, uint32_t id, uint64_t uid, const struct rdma_ucm_conn_param *param,
		const struct rdma_ucm_ece *ece)
{
	struct ucma_accept msg = {
		UCMA_HEADER(RDMA_USER_CM_CMD_ACCEPT, msg, 0),
		.cmd = { .uid = uid, .conn_param = *param, .id = id, .ece = *ece },
	};

	return ucma_write_all(fd, &msg, sizeof(msg));
}

int ucma_establish(int fd, uint32_t id)
{
	const struct rdma_ucm_conn_param none = { .valid = 0 };
	const struct rdma_ucm_ece no_ece = { .vendor_id = 0 };

	return ucma_accept(fd, id, 0, &none, &no_ece);
}

int ucma_reject(int fd, uint32_t id, const void *private_data, uint8_t len, uint8_t reason)
{
	struct ucma_reject msg = {
		UCMA_HEADER(RDMA_USER_CM_CMD_REJECT, msg, 0),
		.cmd = { .id = id, .private_data_len = len, .reason = reason },
	};

	iw_copy(msg.cmd.private_data, sizeof(msg.cmd.private_data), private_data, len);
	return ucma_write_all(fd, &msg, sizeof(msg));
}

int ucma_disconnect(int fd, uint32_t id)
{
	struct ucma_disconnect msg = {
		UCMA_HEADER(RDMA_USER_CM_CMD_DISCONNECT, msg, 0),
		.cmd = { .id = id },
	};

	return ucma_write_all(fd, &msg, sizeof(msg));
}

int ucma_init_qp_attr(int fd, uint32_t id, uint32_t qp_state, struct ib_uverbs_qp_attr *resp)
{
	struct ucma_init_qp_attr msg = {
		UCMA_HEADER(RDMA_USER_CM_CMD_INIT_QP_ATTR, msg, sizeof(*resp)),
		.cmd = { .response = UCMA_RESPONSE(resp), .id = id, .qp_state = qp_state },
	};

	memset(resp, 0, sizeof(*resp));
	return ucma_write_all(fd, &msg, sizeof(msg));
}

int ucma_get_event(int fd, struct rdma_ucm_event_resp *resp)
{
	struct ucma_get_event msg = {
		UCMA_HEADER(RDMA_USER_CM_CMD_GET_EVENT, msg, sizeof(*resp)),
		.cmd = { .response = UCMA_RESPONSE(resp) },
	};

	memset(resp, 0, sizeof(*resp));
	return ucma_write_all(fd, &msg, sizeof(msg));
}

int ucma_set_option(int fd, uint32_t id, const struct rdma_ucm_set_option *option)
{
	struct ucma_set_option msg = {
		UCMA_HEADER(RDMA_USER_CM_CMD_SET_OPTION, msg, 0),
		.cmd = *option,
	};

	msg.cmd.id = id;
	return ucma_write_all(fd, &msg, sizeof(msg));
}

int ucma_notify(int fd, uint32_t id, uint32_t event)
{
	struct ucma_notify msg = {
		UCMA_HEADER(RDMA_USER_CM_CMD_NOTIFY, msg, 0),
		.cmd = { .id = id, .event = event },
	};

	return ucma_write_all(fd, &msg, sizeof(msg));
}

static int join_any(int fd, const struct ucma_group *group, struct rdma_ucm_create_id_resp *resp)
{
	struct ucma_join_mcast msg = {
		UCMA_HEADER(RDMA_USER_CM_CMD_JOIN_MCAST, msg, sizeof(*resp)),
		.cmd = { .response = UCMA_RESPONSE(resp),
			 .uid = group->uid,
			 .id = group->id,
			 .addr_size = (uint16_t)sockaddr_size(group->addr),
			 .join_flags = group->flags },
	};

	iw_copy(&msg.cmd.addr, sizeof(msg.cmd.addr), group->addr, msg.cmd.addr_size);
	return ucma_write_all(fd, &msg, sizeof(msg));
}

static int join_ip(int fd, const struct ucma_group *group, struct rdma_ucm_create_id_resp *resp)
{
	struct ucma_join_ip_mcast msg = {
		UCMA_HEADER(RDMA_USER_CM_CMD_JOIN_IP_MCAST, msg, sizeof(*resp)),
		.cmd = { .response = UCMA_RESPONSE(resp), .uid = group->uid, .id = group->id },
	};

	iw_copy(&msg.cmd.addr, sizeof(msg.cmd.addr), group->addr, sockaddr_size(group->addr));
	return ucma_write_all(fd, &msg, sizeof(msg));
}

int ucma_join(int fd, const struct ucma_group *group, uint32_t *membership)
{
	struct rdma_ucm_create_id_resp resp = { .id = 0 };
	int ret;

	if (!sockaddr_size(group->addr))
		return -EINVAL;
	if (group->addr->sa_family == AF_IB || group->flags != RDMA_MC_JOIN_FLAG_FULLMEMBER)
		ret = join_any(fd, group, &resp);
	else
		ret = join_ip(fd, group, &resp);
	if (!ret)
		*membership = resp.id;
	return ret;
}

int ucma_leave(int fd, uint32_t membership, uint32_t *reported)
{
	struct rdma_ucm_destroy_id_resp resp = { .events_reported = 0 };
	struct ucma_destroy_id msg = {
		UCMA_HEADER(RDMA_USER_CM_CMD_LEAVE_MCAST, msg, sizeof(resp)),
		.cmd = { .response = UCMA_RESPONSE(&resp), .id = membership },
	};
	int ret = ucma_write_all(fd, &msg, sizeof(msg));

	if (!ret)
		*reported = resp.events_reported;
	return ret;
}

int ucma_migrate_id(int fd, uint32_t id, int old_fd, uint32_t *reported)
{
	struct rdma_ucm_migrate_resp resp = { .events_reported = 0 };
	struct ucma_migrate_id msg = {
		UCMA_HEADER(RDMA_USER_CM_CMD_MIGRATE_ID, msg, sizeof(resp)),
		.cmd = { .response = UCMA_RESPONSE(&resp), .id = id, .fd = (uint32_t)old_fd },
	};
	int ret = ucma_write_all(fd, &msg, sizeof(msg));

	if (!ret)
		*reported = resp.events_reported;
	return ret;
}
