// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The ops table, and what needs no connection: sources, probe, addresses,
 * options, the states of the QP. Connections are in soft_conn.c and the files
 * that its header names.
 */
#include "driver/soft/soft_cm.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/device_choice.h"
#include "driver/soft/soft_conn.h"
#include "driver/soft/soft_dev.h"
#include "driver/soft/soft_verbs.h"

/* <rdma/rdma_cma.h> has them for programs. */
enum {
	OPTION_LEVEL_ID = 0,
	OPTION_LEVEL_IB = 1,
	OPTION_IB_PATH = 1,
};
enum {
	OPTION_TOS = 0,
	OPTION_REUSEADDR = 1,
	OPTION_AFONLY = 2,
	OPTION_ACK_TIMEOUT = 3,
};

#define QP_RIGHTS (IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_READ | IBV_ACCESS_REMOTE_ATOMIC)
#define QP_ATTR_MASK (IBV_QP_STATE | IBV_QP_ACCESS_FLAGS | IBV_QP_PORT)

/* The loop and the callers post: there is nothing to fetch. */
struct iw_source {
	int unused;
};

static const struct sockaddr *addr_of(const struct sockaddr_storage *addr)
{
	return (const struct sockaddr *)addr;
}

/* --------------------------------------------------------- Probe and source */

static int soft_probe(void)
{
	return iw_device_choice() == IW_DEVICE_KERNEL ? -ENODEV : 0;
}

static int source_open(struct iw_source **source, int *fd)
{
	struct iw_source *new = iw_calloc(1, sizeof(*new));

	if (!new)
		return -ENOMEM;
	*source = new;
	*fd = -1;
	return 0;
}

static int source_pump(struct iw_source *source)
{
	return -EAGAIN;
}

static void source_close(struct iw_source *source)
{
	free(source);
}

static int open_verbs(const struct iw_cm_addr_info *info, struct ibv_context **verbs)
{
	struct ibv_context *context;
	struct soft_device *dev;
	int ret;

	ret = soft_dev_by_guid(info->node_guid, &dev);
	if (ret)
		return ret;
	errno = 0;
	context = soft_ibv_open_device(&dev->ibv);
	if (!context)
		return errno ? -errno : -ENOMEM;
	*verbs = context;
	return 0;
}

static int serves(const struct sockaddr *local)
{
	struct soft_device *dev;

	return soft_dev_by_addr(local, &dev) ? -ENODEV : 0;
}

/* --------------------------------------------------------------------- Life */

static int id_new(struct iw_cm_id *id, void *arg, void **drv)
{
	const struct iw_cm_open_arg *open_arg = arg;
	struct soft_conn *conn;

	if (open_arg->qp_type == IBV_QPT_UD)
		return -EOPNOTSUPP;
	conn = soft_conn_new(false);
	if (!conn)
		return -ENOMEM;
	conn->id = id;
	*drv = conn;
	return 0;
}

static void id_gone(struct iw_cm_id *id, void *drv)
{
	IW_UNCANCELLED;

	if (!soft_conn_check(drv))
		soft_listen_taken_up(drv);
	soft_conn_gone(drv);
}

static int migrate(struct iw_cm_id *id, void *drv, void *source)
{
	return soft_conn_check(drv);
}

/* --------------------------------------------------------------- Addressing */

/* Binds; the lock is held. */
static int bind_to(struct soft_conn *conn, const struct sockaddr *addr)
{
	struct soft_device *dev;
	int fd, ret;

	if (conn->phase != SOFT_CONN_IDLE || conn->fd >= 0)
		return -EINVAL;
	ret = soft_bind_socket(addr, &conn->opts, &fd);
	if (ret)
		return ret;
	/* An address that the kernel has and we have no device for. */
	if (!soft_addr_is_any(addr))
		ret = soft_dev_by_addr(addr, &dev);
	if (!ret)
		ret = soft_bind_names(fd, &conn->src, NULL);
	if (ret) {
		close(fd);
		return ret;
	}
	conn->fd = fd;
	return 0;
}

static int bind_addr(struct iw_cm_id *id, void *drv, const struct sockaddr *addr)
{
	struct soft_conn *conn = drv;
	int ret = soft_conn_check(conn);
	IW_UNCANCELLED;

	if (ret)
		return ret;
	iw_lock(&conn->lock);
	ret = bind_to(conn, addr);
	iw_unlock(&conn->lock);
	return ret;
}

/* The socket, and the source that packets to @dst will have. The lock is held. */
static int choose_source(struct soft_conn *conn, const struct sockaddr *src,
			 const struct sockaddr *dst)
{
	struct sockaddr_storage from = { 0 };
	const bool bound = conn->fd >= 0;
	struct soft_device *dev;
	in_port_t port = 0;
	int ret = 0;

	if (bound)
		src = addr_of(&conn->src);
	if (src && src->sa_family && src->sa_family != dst->sa_family)
		return -EINVAL;
	if (src && src->sa_family)
		port = soft_addr_port(src);
	if (!src || !src->sa_family || soft_addr_is_any(src))
		ret = soft_bind_source(dst, &from);
	else
		memcpy(&from, src, soft_addr_size(src));
	if (ret)
		return ret;
	soft_addr_set_port((struct sockaddr *)&from, port);
	if (!bound) {
		conn->opts.any_port = !port;
		return bind_to(conn, addr_of(&from));
	}
	ret = soft_dev_by_addr(addr_of(&from), &dev);
	if (!ret)
		conn->src = from;
	return ret;
}

static int resolve_addr(struct iw_cm_id *id, void *drv, const struct sockaddr *src,
			const struct sockaddr *dst, int timeout_ms)
{
	const struct iw_cm_event ev = { .type = IW_CM_EVENT_ADDR };
	struct soft_conn *conn = drv;
	int ret = soft_conn_check(conn);
	IW_UNCANCELLED;

	if (ret)
		return ret;
	if (!soft_addr_known(dst))
		return -EINVAL;
	iw_lock(&conn->lock);
	ret = conn->phase == SOFT_CONN_IDLE ? choose_source(conn, src, dst) : -EINVAL;
	if (!ret) {
		memset(&conn->dst, 0, sizeof(conn->dst));
		memcpy(&conn->dst, dst, soft_addr_size(dst));
	}
	iw_unlock(&conn->lock);
	if (!ret)
		iw_cm_post(id, &ev);
	return ret;
}

static int resolve_route(struct iw_cm_id *id, void *drv, int timeout_ms)
{
	const struct iw_cm_event ev = { .type = IW_CM_EVENT_ROUTE };
	struct soft_conn *conn = drv;
	int ret = soft_conn_check(conn);
	IW_UNCANCELLED;

	if (ret)
		return ret;
	iw_lock(&conn->lock);
	ret = conn->dst.ss_family ? 0 : -EINVAL;
	iw_unlock(&conn->lock);
	if (!ret)
		iw_cm_post(id, &ev);
	return ret;
}

static bool is_bound_to_device(const struct soft_conn *conn)
{
	return conn->src.ss_family && !soft_addr_is_any(addr_of(&conn->src));
}

static int query(struct iw_cm_id *id, void *drv, struct iw_cm_addr_info *info)
{
	struct iw_cm_addr_info now = { .ibdev_index = -1 };
	struct soft_conn *conn = drv;
	struct soft_device *dev;
	int ret = soft_conn_check(conn);
	IW_UNCANCELLED;

	if (ret)
		return ret;
	iw_lock(&conn->lock);
	now.src = conn->src;
	now.dst = conn->dst;
	ret = is_bound_to_device(conn);
	iw_unlock(&conn->lock);
	if (ret && !soft_dev_by_addr(addr_of(&now.src), &dev)) {
		now.node_guid = dev->guid;
		now.port_num = 1;
	}
	*info = now;
	return 0;
}

/* ------------------------------------------------------------------ Options */

/* Programs may pass any pointer, and expect EFAULT of a bad one. */
static int fetch(void *to, const void *from, size_t len)
{
	const struct iovec local = { .iov_base = to, .iov_len = len };
	const struct iovec remote = { .iov_base = (void *)(uintptr_t)from, .iov_len = len };
	ssize_t n;

	if (!from)
		return -EFAULT;
	n = iw_fault(IW_FAULT_SYSCALL) ? (errno = EPERM, -1)
				       : process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
	if (n < 0 && errno != EFAULT)
		memcpy(to, from, len); /* not allowed to look first */
	else if (n != (ssize_t)len)
		return -EFAULT;
	return 0;
}

static int set_reuse(struct soft_conn *conn, bool on)
{
	if (on ? conn->phase == SOFT_CONN_LISTENING : conn->src.ss_family != 0)
		return -EINVAL;
	conn->opts.reuse = on;
	return 0;
}

/* A socket that is bound keeps the family rule it was bound with. */
static int set_afonly(struct soft_conn *conn, bool on)
{
	if (conn->phase != SOFT_CONN_IDLE || conn->dst.ss_family)
		return -EINVAL;
	if (conn->src.ss_family == AF_INET6 && conn->opts.afonly != on)
		return -EINVAL;
	conn->opts.afonly = on;
	return 0;
}

static size_t option_size(int name)
{
	return name == OPTION_TOS || name == OPTION_ACK_TIMEOUT ? sizeof(uint8_t) : sizeof(int);
}

static int apply_option(struct soft_conn *conn, int name, uint8_t byte, int value)
{
	switch (name) {
	case OPTION_TOS:
		conn->opts.tos = byte;
		return 0;
	case OPTION_REUSEADDR:
		return set_reuse(conn, value != 0);
	case OPTION_AFONLY:
		return set_afonly(conn, value != 0);
	default: /* OPTION_ACK_TIMEOUT: TCP keeps its own time */
		return 0;
	}
}

static int set_option(struct iw_cm_id *id, void *drv, int level, int name, const void *val,
		      size_t len)
{
	struct soft_conn *conn = drv;
	uint8_t raw[sizeof(int)] = { 0 };
	int value, ret = soft_conn_check(conn);

	if (ret)
		return ret;
	if (level == OPTION_LEVEL_IB && name == OPTION_IB_PATH)
		return -EINVAL;
	if (level != OPTION_LEVEL_ID || name < OPTION_TOS || name > OPTION_ACK_TIMEOUT)
		return -ENOSYS;
	if (len != option_size(name))
		return -EINVAL;
	ret = fetch(raw, val, len);
	if (ret)
		return ret;
	memcpy(&value, raw, sizeof(value));
	iw_lock(&conn->lock);
	ret = apply_option(conn, name, raw[0], value);
	iw_unlock(&conn->lock);
	return ret;
}

static int notify(struct iw_cm_id *id, void *drv, int event)
{
	return soft_conn_check(drv);
}

/* ---------------------------------------------------------------------- QPs */

static int modify_qp(struct iw_cm_id *id, void *drv, void *qp, enum iw_qp_state to,
		     const struct iw_cm_conn_param *param)
{
	static const enum ibv_qp_state states[IW_QP_NSTATES] = {
		[IW_QP_RESET] = IBV_QPS_RESET, [IW_QP_INIT] = IBV_QPS_INIT,
		[IW_QP_RTR] = IBV_QPS_RTR,     [IW_QP_RTS] = IBV_QPS_RTS,
		[IW_QP_SQD] = IBV_QPS_SQD,     [IW_QP_ERR] = IBV_QPS_ERR,
	};
	struct ibv_qp_attr attr = { .port_num = 1 };
	int ret = soft_conn_check(drv), mask = IBV_QP_STATE;
	IW_UNCANCELLED;

	if (ret)
		return ret;
	if ((unsigned int)to >= IW_QP_NSTATES)
		return -EINVAL;
	soft_listen_taken_up(drv);
	if (to == IW_QP_RTS) /* by soft_qp_attach() */
		return 0;
	attr.qp_state = states[to];
	/* It has all rights from the beginning; those that the program took away stay away. */
	if (to == IW_QP_INIT || to == IW_QP_RTR)
		mask |= IBV_QP_PORT;
	return soft_qp_modify(soft_qp_of(qp), &attr, mask);
}

/*
 * As the kernel says for its iWARP devices: before there is a connection, and after. But
 * the rights come at once, and atomics with them: they hold here, and are all that a queue
 * pair which the program moves itself may ever be given.
 */
static int init_qp_attr(struct iw_cm_id *id, void *drv, void *qp_attr, int *mask)
{
	struct ibv_qp_attr *attr = qp_attr;
	struct ibv_qp_attr out = { .qp_state = attr->qp_state,
				   .port_num = 1,
				   .qp_access_flags = QP_RIGHTS };
	struct soft_conn *conn = drv;
	bool bound, connected;
	int ret = soft_conn_check(conn);

	if (ret)
		return ret;
	iw_lock(&conn->lock);
	bound = is_bound_to_device(conn);
	connected = conn->passive || conn->phase >= SOFT_CONN_CONNECTING;
	iw_unlock(&conn->lock);
	if (!bound)
		return -EINVAL;
	if (connected && out.qp_state != IBV_QPS_INIT && out.qp_state != IBV_QPS_RTR &&
	    out.qp_state != IBV_QPS_RTS)
		return -EINVAL;
	*attr = out;
	*mask = connected && out.qp_state == IBV_QPS_RTS ? IBV_QP_PORT : QP_ATTR_MASK;
	return 0;
}

/* -------------------------------------------------------------- Connections */

static int soft_listen(struct iw_cm_id *id, void *drv, int backlog)
{
	int ret = soft_conn_check(drv);
	IW_UNCANCELLED;

	return ret ? ret : soft_listen_start(drv, backlog);
}

static int soft_connect(struct iw_cm_id *id, void *drv, const struct iw_cm_conn_param *param)
{
	int ret = soft_conn_check(drv);
	IW_UNCANCELLED;

	return ret ? ret : soft_active_connect(drv, param);
}

static int soft_accept(struct iw_cm_id *id, void *drv, const struct iw_cm_conn_param *param)
{
	int ret = soft_conn_check(drv);
	IW_UNCANCELLED;

	if (ret)
		return ret;
	ret = soft_passive_accept(drv, param);
	soft_listen_taken_up(drv);
	return ret;
}

static int soft_reject(struct iw_cm_id *id, void *drv, const void *private_data, size_t len,
		       uint8_t reason)
{
	int ret = soft_conn_check(drv);
	IW_UNCANCELLED;

	if (ret)
		return ret;
	ret = soft_passive_reject(drv, private_data, len);
	soft_listen_taken_up(drv);
	return ret;
}

static int soft_disconnect(struct iw_cm_id *id, void *drv, bool abrupt)
{
	int ret = soft_conn_check(drv);
	IW_UNCANCELLED;

	return ret ? ret : soft_conn_disconnect(drv, abrupt);
}

static const struct iw_cm_driver_ops soft_ops = {
	.name = "soft",
	.id_new = id_new,
	.id_gone = id_gone,
	.bind = bind_addr,
	.resolve_addr = resolve_addr,
	.resolve_route = resolve_route,
	.query = query,
	.set_option = set_option,
	.notify = notify,
	.init_qp_attr = init_qp_attr,
	.listen = soft_listen,
	.connect = soft_connect,
	.accept = soft_accept,
	.reject = soft_reject,
	.disconnect = soft_disconnect,
	.modify_qp = modify_qp,
	.migrate = migrate,
};

const struct iw_driver iw_soft_driver = {
	.name = "soft",
	.cm = &soft_ops,
	.probe = soft_probe,
	.source_open = source_open,
	.source_pump = source_pump,
	.source_close = source_close,
	.open_verbs = open_verbs,
	.serves = serves,
};
