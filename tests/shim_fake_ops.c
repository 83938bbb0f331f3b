// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The ops of the driver in memory: addresses, and connections between the ids
 * of the process.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "shim/addr.h"
#include "tests/mock_verbs.h"
#include "tests/shim_fake_net.h"

/* Under the lock. */
static uint16_t next_port = 40000;
static struct iw_cm_conn_param last_param;
static int last_backlog;
static struct sockaddr_storage last_src;
static unsigned int qp_states;
static struct iw_cm_join last_join;

struct iw_cm_conn_param fake_last_param(void)
{
	return last_param;
}

int fake_last_backlog(void)
{
	return last_backlog;
}

struct sockaddr_storage fake_last_src(void)
{
	return last_src;
}

/* ---- addresses */

struct sockaddr_in fake_addr(int device, uint16_t port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(port) };

	sin.sin_addr.s_addr = htonl(0x0a000001u | (uint32_t)device << 8);
	return sin;
}

struct sockaddr_in6 fake_addr6(int device, uint16_t port)
{
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };

	sin6.sin6_addr.s6_addr[0] = 0xfd;
	sin6.sin6_addr.s6_addr[2] = (uint8_t)device;
	sin6.sin6_addr.s6_addr[15] = 1;
	return sin6;
}

struct sockaddr_storage fake_addr_ib(int device, uint16_t port)
{
	struct sockaddr_storage ss = { 0 };
	struct in6_addr gid = fake_addr6(device, 0).sin6_addr;
	struct sockaddr_ib *ib = (void *)&ss;

	ib->sib_family = AF_IB;
	memcpy(&ib->sib_addr, &gid, sizeof(gid));
	ib->sib_sid = htobe64(FAKE_SERVICE | port);
	return ss;
}

unsigned int fake_qp_states(void)
{
	unsigned int states;

	pthread_mutex_lock(&fake_lock);
	states = qp_states;
	qp_states = 0;
	pthread_mutex_unlock(&fake_lock);
	return states;
}

static uint16_t *port_in(struct sockaddr_storage *ss)
{
	if (ss->ss_family == AF_IB)
		return (uint16_t *)&((struct sockaddr_ib *)ss)->sib_sid + 3;
	return ss->ss_family == AF_INET6 ? &((struct sockaddr_in6 *)ss)->sin6_port
					 : &((struct sockaddr_in *)ss)->sin_port;
}

static size_t size_of(const struct sockaddr *addr)
{
	return shim_addr_size(addr);
}

static bool is_any(const struct sockaddr *addr)
{
	return shim_addr_is_any(addr);
}

/* The device behind an address of the documented form; -1: none. */
int fake_device_of(const struct fake_id *f, const struct sockaddr *addr)
{
	const struct sockaddr_in6 *v6 = (const void *)addr;
	const struct sockaddr_in *v4 = (const void *)addr;
	uint32_t ip = ntohl(v4->sin_addr.s_addr);
	int device;

	if (f->source->soft)
		return is_any(addr) ? -1 : FAKE_SOFT_DEVICE;
	if (addr->sa_family == AF_IB)
		device = shim_addr_ib(addr)->sib_addr.sib_raw[2];
	else if (addr->sa_family == AF_INET6)
		device = v6->sin6_addr.s6_addr[0] == 0xfd ? v6->sin6_addr.s6_addr[2] : -1;
	else
		device = ip >> 16 == 0x0a00 ? (int)(ip >> 8 & 0xff) : -1;
	return device < MOCK_NDEVICES ? device : -1;
}

static bool is_local(const struct sockaddr *addr)
{
	const struct sockaddr_in *v4 = (const void *)addr;

	return addr->sa_family != AF_INET || ntohl(v4->sin_addr.s_addr) >> 16 != 0x0a09;
}

static bool is_loopback(const struct sockaddr *addr)
{
	const struct sockaddr_in *v4 = (const void *)addr;

	return addr->sa_family == AF_INET && ntohl(v4->sin_addr.s_addr) >> 24 == 127;
}

/* ---- ops */

static bool taken(struct fake_id *f, struct sockaddr_storage *addr)
{
	struct fake_id *other;

	TAILQ_FOREACH (other, &fake_ids, link)
		if (other != f && !other->listener && other->source->soft == f->source->soft &&
		    other->src.ss_family == addr->ss_family &&
		    *port_in(&other->src) == *port_in(addr) && !(f->reuse && other->reuse))
			return true;
	return false;
}

/* Under the lock. */
static int bind_to(struct fake_id *f, const struct sockaddr *addr)
{
	struct sockaddr_storage ss = { 0 };

	memcpy(&ss, addr, size_of(addr));
	if (!is_local(addr))
		return -EADDRNOTAVAIL;
	f->device = fake_device_of(f, addr);
	if (f->device < 0 && !is_any(addr) && !is_loopback(addr))
		return -ENODEV;
	if (*port_in(&ss) && taken(f, &ss))
		return -EADDRINUSE;
	if (!*port_in(&ss))
		*port_in(&ss) = htons(next_port++);
	f->src = ss;
	return 0;
}

static int op_bind(struct iw_cm_id *cm, void *drv, const struct sockaddr *addr)
{
	struct fake_id *f = drv;
	int rc = fake_called(FAKE_BIND);

	if (rc)
		return rc;
	pthread_mutex_lock(&fake_lock);
	rc = f->src.ss_family ? -EINVAL : bind_to(f, addr);
	pthread_mutex_unlock(&fake_lock);
	return rc;
}

static int op_resolve_addr(struct iw_cm_id *cm, void *drv, const struct sockaddr *src,
			   const struct sockaddr *dst, int timeout_ms)
{
	int rc = fake_called(FAKE_RESOLVE_ADDR), status = fake_called(FAKE_ADDR_EVENT);
	struct sockaddr_in any = fake_addr(0, 0);
	struct sockaddr_in6 any6 = fake_addr6(0, 0);
	struct sockaddr_storage any_ib = fake_addr_ib(0, 0);
	struct fake_id *f = drv;

	if (rc)
		return rc;
	pthread_mutex_lock(&fake_lock);
	memset(&last_src, 0, sizeof(last_src));
	if (src)
		memcpy(&last_src, src, size_of(src));
	if (!src)
		src = dst->sa_family == AF_IB	   ? (struct sockaddr *)&any_ib
		      : dst->sa_family == AF_INET6 ? (struct sockaddr *)&any6
						   : (struct sockaddr *)&any;
	if (!status && (!f->src.ss_family || f->device < 0))
		rc = bind_to(f, src);
	memcpy(&f->dst, dst, size_of(dst));
	if (!rc && !fake_holding)
		fake_put_plain(f, IW_CM_EVENT_ADDR, status);
	pthread_mutex_unlock(&fake_lock);
	return rc;
}

static int op_resolve_route(struct iw_cm_id *cm, void *drv, int timeout_ms)
{
	int rc = fake_called(FAKE_RESOLVE_ROUTE), status = fake_called(FAKE_ROUTE_EVENT);

	if (rc)
		return rc;
	pthread_mutex_lock(&fake_lock);
	((struct fake_id *)drv)->routed = !status;
	if (!fake_holding)
		fake_put_plain(drv, IW_CM_EVENT_ROUTE, status);
	pthread_mutex_unlock(&fake_lock);
	return 0;
}

static int op_query(struct iw_cm_id *cm, void *drv, struct iw_cm_addr_info *info)
{
	struct fake_id *f = drv;
	int rc = fake_called(FAKE_QUERY);

	if (rc)
		return rc;
	pthread_mutex_lock(&fake_lock);
	info->src = f->src;
	info->dst = f->dst;
	info->ibdev_index = f->device == FAKE_SOFT_DEVICE ? -1 : f->device;
	info->port_num = f->device >= 0 ? 1 : 0;
	info->node_guid = f->device == FAKE_SOFT_DEVICE ? FAKE_SOFT_GUID
			  : f->device >= 0		? MOCK_GUID(f->device)
							: 0;
	pthread_mutex_unlock(&fake_lock);
	return 0;
}

static int op_set_option(struct iw_cm_id *cm, void *drv, int level, int name, const void *val,
			 size_t len)
{
	struct fake_id *f = drv;
	int rc = fake_called(FAKE_SET_OPTION);

	if (rc)
		return rc;
	if (level == RDMA_OPTION_IB)
		return op_resolve_route(cm, drv, 1); /* a path that is told needs no search */
	pthread_mutex_lock(&fake_lock);
	if (!level && name == RDMA_OPTION_ID_REUSEADDR)
		f->reuse = true;
	pthread_mutex_unlock(&fake_lock);
	return 0;
}

static int op_notify(struct iw_cm_id *cm, void *drv, int event)
{
	return fake_called(FAKE_NOTIFY);
}

/* GIDs as fake_addr6() has them; paths as many as the transport has. */
static int op_query_path(struct iw_cm_id *cm, void *drv, struct iw_cm_path_info *info)
{
	struct fake_id *f = drv;
	int rc = fake_called(FAKE_QUERY_PATH);
	struct in6_addr gid;

	if (rc)
		return rc;
	memset(info, 0, sizeof(*info));
	pthread_mutex_lock(&fake_lock);
	gid = fake_addr6(f->device, 0).sin6_addr;
	memcpy(info->sgid.raw, &gid, sizeof(gid));
	info->pkey = htons(0xffff);
	if (f->dst.ss_family) {
		gid = fake_addr6(fake_device_of(f, (struct sockaddr *)&f->dst), 0).sin6_addr;
		memcpy(info->dgid.raw, &gid, sizeof(gid));
	}
	if (f->routed || f->listener) {
		info->num_paths = 1;
		info->paths[0].dgid = info->dgid;
		info->paths[0].dlid = htons(FAKE_DLID);
	}
	pthread_mutex_unlock(&fake_lock);
	return 0;
}

static int op_init_qp_attr(struct iw_cm_id *cm, void *drv, void *qp_attr, int *mask)
{
	int rc = fake_called(FAKE_INIT_QP_ATTR);

	if (!rc)
		*mask = IBV_QP_STATE | IBV_QP_ACCESS_FLAGS | IBV_QP_PORT;
	return rc;
}

static int op_listen(struct iw_cm_id *cm, void *drv, int backlog)
{
	struct sockaddr_in any = { .sin_family = AF_INET };
	struct fake_id *f = drv;
	int rc = fake_called(FAKE_LISTEN);

	if (rc)
		return rc;
	pthread_mutex_lock(&fake_lock);
	last_backlog = backlog;
	if (!f->src.ss_family)
		rc = bind_to(f, (struct sockaddr *)&any);
	f->listening = !rc;
	pthread_mutex_unlock(&fake_lock);
	return rc;
}

static struct fake_id *find_listener(const struct fake_id *from, struct sockaddr_storage *dst)
{
	struct fake_id *f;

	TAILQ_FOREACH (f, &fake_ids, link)
		if (f->listening && f->source->soft == from->source->soft &&
		    f->src.ss_family == dst->ss_family && *port_in(&f->src) == *port_in(dst) &&
		    (is_any((struct sockaddr *)&f->src) ||
		     fake_device_of(f, (struct sockaddr *)&f->src) ==
			     fake_device_of(f, (struct sockaddr *)dst)))
			return f;
	return NULL;
}

/* What one side says, as the other hears it: on iWARP there is room for little. */
static struct iw_cm_event event_of(const struct iw_cm_id *cm, enum iw_cm_event_type type,
				   const struct iw_cm_conn_param *said)
{
	struct iw_cm_event ev = { .type = type };

	ev.param.private_data = said->private_data;
	ev.param.private_data_len = said->private_data_len;
	ev.param.responder_resources = said->initiator_depth;
	ev.param.initiator_depth = said->responder_resources;
	if (iw_cm_transport(cm) == IW_CM_IWARP)
		return ev;
	ev.param.flow_control = said->flow_control;
	ev.param.qp_num = said->qp_num;
	ev.param.ece = said->ece;
	return ev;
}

/* A connect without a listener is refused in the call, as siw does. */
static int op_connect(struct iw_cm_id *cm, void *drv, const struct iw_cm_conn_param *param)
{
	struct iw_cm_event ev = event_of(cm, IW_CM_EVENT_CONNECT_REQUEST, param);
	struct fake_id *f = drv, *listener;
	int rc = fake_called(FAKE_CONNECT);

	if (rc)
		return rc;
	pthread_mutex_lock(&fake_lock);
	last_param = *param;
	listener = find_listener(f, &f->dst);
	f->want = true;
	if (listener)
		fake_put(listener, f, &ev);
	else if (!fake_holding)
		rc = -ECONNREFUSED;
	if (rc)
		f->want = false;
	pthread_mutex_unlock(&fake_lock);
	return rc;
}

/* Under the lock: @f has accepted, and both sides know. */
static void connect_both(struct fake_id *f, const struct iw_cm_event *reply)
{
	fake_put(f->peer, NULL, reply);
	f->peer->want = false;
	f->peer->connected = f->connected = true;
	fake_put_plain(f, IW_CM_EVENT_ESTABLISHED, 0);
}

/* Under the lock: the peer learns where to send. */
static void tell_name(struct fake_id *f, struct iw_cm_event *reply)
{
	struct ibv_ah_attr ah = { .dlid = FAKE_DLID, .port_num = 1 };

	memcpy(reply->param.ah, &ah, sizeof(ah));
	reply->param.qkey = FAKE_QKEY;
	fake_put(f->peer, NULL, reply);
	f->peer->want = false;
}

static int op_accept(struct iw_cm_id *cm, void *drv, const struct iw_cm_conn_param *param)
{
	struct iw_cm_event ev = event_of(cm, IW_CM_EVENT_CONNECT_REPLY, param);
	enum iw_cm_transport transport = iw_cm_transport(cm);
	struct fake_id *f = drv;
	int rc = fake_called(FAKE_ACCEPT);

	if (rc)
		return rc;
	pthread_mutex_lock(&fake_lock);
	last_param = *param;
	if (!f->peer) {
		rc = -ECONNRESET;
	} else if (transport == IW_CM_INFINIBAND) {
		ev.type = IW_CM_EVENT_CONNECT_RESPONSE;
		fake_put(f->peer, NULL, &ev);
	} else if (transport == IW_CM_DATAGRAM) {
		tell_name(f, &ev);
	} else if (!fake_holding) {
		connect_both(f, &ev);
	}
	pthread_mutex_unlock(&fake_lock);
	return rc;
}

static int op_establish(struct iw_cm_id *cm, void *drv)
{
	struct fake_id *f = drv;
	int rc = fake_called(FAKE_ESTABLISH);

	if (rc)
		return rc;
	pthread_mutex_lock(&fake_lock);
	f->want = false;
	f->connected = !!f->peer;
	if (f->peer) {
		f->peer->connected = true;
		fake_put_plain(f->peer, IW_CM_EVENT_ESTABLISHED, 0);
	}
	pthread_mutex_unlock(&fake_lock);
	return 0;
}

static int op_reject(struct iw_cm_id *cm, void *drv, const void *private_data, size_t len,
		     uint8_t reason)
{
	struct iw_cm_event ev = { .type = IW_CM_EVENT_CONNECT_REPLY, .status = -ECONNREFUSED };
	struct fake_id *f = drv;
	int rc = fake_called(FAKE_REJECT);

	ev.param.private_data = private_data;
	ev.param.private_data_len = (uint16_t)len;
	if (iw_cm_transport(cm) != IW_CM_IWARP)
		ev.reason = reason ? reason : FAKE_REASON;
	pthread_mutex_lock(&fake_lock);
	if (f->peer) {
		if (f->want) /* the active side refuses what was accepted */
			ev.type = IW_CM_EVENT_ESTABLISHED;
		f->want = false;
		f->peer->want = false;
		f->peer->peer = NULL;
		fake_put(f->peer, NULL, &ev);
		f->peer = NULL;
	}
	pthread_mutex_unlock(&fake_lock);
	return rc;
}

static int op_disconnect(struct iw_cm_id *cm, void *drv, bool abrupt)
{
	struct fake_id *f = drv;
	int rc = fake_called(FAKE_DISCONNECT);

	if (rc)
		return rc;
	pthread_mutex_lock(&fake_lock);
	if (f->connected)
		fake_put_plain(f, IW_CM_EVENT_CLOSE, 0);
	else if (f->want)
		fake_put_plain(f, IW_CM_EVENT_CONNECT_REPLY, -ECONNABORTED);
	f->connected = false;
	fake_forget_requests_of(f);
	fake_part(f, -ECONNRESET);
	pthread_mutex_unlock(&fake_lock);
	return 0;
}

static int op_modify_qp(struct iw_cm_id *cm, void *drv, void *qp, enum iw_qp_state to,
			const struct iw_cm_conn_param *param)
{
	int rc = fake_called(FAKE_MODIFY_QP);

	if (rc)
		return rc;
	pthread_mutex_lock(&fake_lock);
	qp_states |= 1u << to;
	pthread_mutex_unlock(&fake_lock);
	return 0;
}

static int op_migrate(struct iw_cm_id *cm, void *drv, void *source)
{
	struct fake_event *e, *next;
	struct fake_id *f = drv;
	struct iw_source *to = source;
	int rc = fake_called(FAKE_MIGRATE);

	if (rc)
		return rc;
	pthread_mutex_lock(&fake_lock);
	TAILQ_FOREACH_SAFE (e, &f->source->queue, link, next) {
		if (e->id != f)
			continue;
		fake_take(f->source, e);
		TAILQ_INSERT_TAIL(&to->queue, e, link);
		eventfd_write(to->fd, 1);
	}
	f->source = to;
	pthread_mutex_unlock(&fake_lock);
	return 0;
}

/* ---- multicast */

struct iw_cm_join fake_last_join(void)
{
	return last_join;
}

struct iw_cm_event fake_joined(int status)
{
	struct ibv_ah_attr ah = { .dlid = FAKE_MLID, .port_num = 1, .is_global = 1 };
	struct iw_cm_event ev = { .type = IW_CM_EVENT_MULTICAST,
				  .status = status,
				  .membership = last_join.membership };

	memset(ah.grh.dgid.raw, 0xff, sizeof(ah.grh.dgid.raw));
	memcpy(ev.param.ah, &ah, sizeof(ah));
	ev.param.qp_num = 0xffffff;
	ev.param.qkey = FAKE_QKEY;
	return ev;
}

static int op_join(struct iw_cm_id *cm, void *drv, const struct iw_cm_join *join)
{
	int rc = fake_called(FAKE_JOIN), status = fake_called(FAKE_JOIN_EVENT);
	struct iw_cm_event ev;

	if (rc)
		return rc;
	pthread_mutex_lock(&fake_lock);
	last_join = *join;
	ev = fake_joined(status);
	if (!fake_holding)
		fake_put(drv, NULL, &ev);
	pthread_mutex_unlock(&fake_lock);
	return 0;
}

static int op_leave(struct iw_cm_id *cm, void *drv, void *membership)
{
	int rc = fake_called(FAKE_LEAVE);

	fake_forget_group(drv, membership);
	return rc;
}

const struct iw_cm_driver_ops fake_ops = {
	.name = "fake",
	.id_new = fake_id_new,
	.id_gone = fake_id_gone,
	.bind = op_bind,
	.resolve_addr = op_resolve_addr,
	.resolve_route = op_resolve_route,
	.query = op_query,
	.query_path = op_query_path,
	.resolve_service = fake_resolve_service,
	.query_service = fake_query_service,
	.set_option = op_set_option,
	.notify = op_notify,
	.init_qp_attr = op_init_qp_attr,
	.listen = op_listen,
	.connect = op_connect,
	.accept = op_accept,
	.reject = op_reject,
	.establish = op_establish,
	.disconnect = op_disconnect,
	.modify_qp = op_modify_qp,
	.join = op_join,
	.leave = op_leave,
	.migrate = op_migrate,
};
