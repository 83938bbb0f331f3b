// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The driver in memory. One lock for all of it, never held over a call into
 * the core. What waits for a pump is counted by the source's eventfd, so that
 * its descriptor is readable exactly while something waits.
 */
#include "tests/shim_fake.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/list.h"
#include "driver/registry.h"
#include "tests/mock_verbs.h"

#define DATA_MAX 256

struct fake_id;

/* One event that waits. Of a request, @peer is who asks. */
struct fake_event {
	TAILQ_ENTRY(fake_event) link;
	struct fake_id *id;
	struct fake_id *peer;
	struct iw_cm_event ev;
	uint8_t data[DATA_MAX];
};

struct iw_source {
	int fd;
	TAILQ_HEAD(, fake_event) queue;
};

struct fake_id {
	TAILQ_ENTRY(fake_id) link;
	struct iw_cm_id *cm;
	struct iw_source *source;
	struct sockaddr_storage src, dst;
	struct fake_id *peer; /* the other end, while both know of each other */
	struct fake_id *listener;
	bool want;  /* active: a request is out */
	int device; /* -1: none */
	int busy;   /* pumps that post for it */
	bool listening, gone, connected, reuse, silent;
	unsigned int unshown; /* events that wait for the end of its silence */
};

/* Protects all below and every object of this file. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static TAILQ_HEAD(, fake_id) ids = TAILQ_HEAD_INITIALIZER(ids);
static int nsources;
static bool holding;
static uint16_t next_port = 40000;
static struct iw_cm_conn_param last_param;
static int last_backlog;
static struct {
	int error;
	unsigned int skip, calls;
} script[FAKE_NOPS];

/* ---- the script */

void fake_fail_after(enum fake_op op, int error, unsigned int skip)
{
	pthread_mutex_lock(&lock);
	script[op].error = error;
	script[op].skip = skip;
	pthread_mutex_unlock(&lock);
}

void fake_fail(enum fake_op op, int error)
{
	fake_fail_after(op, error, 0);
}

static int called_locked(enum fake_op op)
{
	int error;

	script[op].calls++;
	if (!script[op].error)
		return 0;
	if (script[op].skip) {
		script[op].skip--;
		return 0;
	}
	error = script[op].error;
	script[op].error = 0;
	return error;
}

static int called(enum fake_op op)
{
	int error;

	pthread_mutex_lock(&lock);
	error = called_locked(op);
	pthread_mutex_unlock(&lock);
	return error;
}

unsigned int fake_calls(enum fake_op op)
{
	unsigned int n;

	pthread_mutex_lock(&lock);
	n = script[op].calls;
	pthread_mutex_unlock(&lock);
	return n;
}

void fake_hold(bool hold)
{
	pthread_mutex_lock(&lock);
	holding = hold;
	pthread_mutex_unlock(&lock);
}

struct iw_cm_conn_param fake_last_param(void)
{
	return last_param;
}

int fake_last_backlog(void)
{
	return last_backlog;
}

int fake_live(void)
{
	struct fake_id *f;
	int n;

	pthread_mutex_lock(&lock);
	n = nsources;
	TAILQ_FOREACH (f, &ids, link)
		n++;
	pthread_mutex_unlock(&lock);
	return n;
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

static uint16_t *port_in(struct sockaddr_storage *ss)
{
	return ss->ss_family == AF_INET6 ? &((struct sockaddr_in6 *)ss)->sin6_port
					 : &((struct sockaddr_in *)ss)->sin_port;
}

static size_t size_of(const struct sockaddr *addr)
{
	return addr->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
					   : sizeof(struct sockaddr_in);
}

/* The device behind an address of the documented form; -1: none. */
static int device_of(const struct sockaddr *addr)
{
	const struct sockaddr_in6 *v6 = (const void *)addr;
	const struct sockaddr_in *v4 = (const void *)addr;
	uint32_t ip = ntohl(v4->sin_addr.s_addr);
	int device;

	if (addr->sa_family == AF_INET6)
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

static bool is_any(const struct sockaddr *addr)
{
	const struct sockaddr_in6 *v6 = (const void *)addr;
	const struct sockaddr_in *v4 = (const void *)addr;

	return addr->sa_family == AF_INET6 ? IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr)
					   : !v4->sin_addr.s_addr;
}

static bool is_loopback(const struct sockaddr *addr)
{
	const struct sockaddr_in *v4 = (const void *)addr;

	return addr->sa_family == AF_INET && ntohl(v4->sin_addr.s_addr) >> 24 == 127;
}

/* ---- sources */

/* Under the lock. */
static void put(struct fake_id *f, struct fake_id *peer, const struct iw_cm_event *ev)
{
	struct fake_event *e = calloc(1, sizeof(*e));

	e->id = f;
	e->peer = peer;
	e->ev = *ev;
	e->ev.param.private_data_len = (uint16_t)iw_copy(
		e->data, sizeof(e->data), ev->param.private_data, ev->param.private_data_len);
	e->ev.param.private_data = e->data;
	TAILQ_INSERT_TAIL(&f->source->queue, e, link);
	if (f->silent)
		f->unshown++;
	else
		eventfd_write(f->source->fd, 1);
}

static void put_plain(struct fake_id *f, enum iw_cm_event_type type, int status)
{
	struct iw_cm_event ev = { .type = type, .status = status };

	put(f, NULL, &ev);
}

/* Under the lock. */
static void take(struct iw_source *s, struct fake_event *e)
{
	eventfd_t one;

	TAILQ_REMOVE(&s->queue, e, link);
	eventfd_read(s->fd, &one);
}

static int source_open(struct iw_source **source, int *fd)
{
	struct iw_source *s;
	int rc = called(FAKE_SOURCE_OPEN);

	if (rc)
		return rc;
	s = calloc(1, sizeof(*s));
	s->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE);
	if (s->fd < 0) {
		free(s);
		return -errno;
	}
	TAILQ_INIT(&s->queue);
	pthread_mutex_lock(&lock);
	nsources++;
	pthread_mutex_unlock(&lock);
	*source = s;
	*fd = s->fd;
	return 0;
}

static void source_close(struct iw_source *s)
{
	pthread_mutex_lock(&lock);
	nsources--;
	pthread_mutex_unlock(&lock);
	close(s->fd);
	free(s);
}

static struct fake_id *id_make(struct iw_source *source)
{
	struct fake_id *f = calloc(1, sizeof(*f));

	f->source = source;
	f->device = -1;
	return f;
}

/* Under the lock: @f has no peer any more, and the peer hears of it. */
static void part(struct fake_id *f, int status)
{
	struct fake_id *peer = f->peer;

	f->peer = NULL;
	f->want = false;
	if (!peer)
		return;
	peer->peer = NULL;
	if (peer->connected)
		put_plain(peer, IW_CM_EVENT_CLOSE, 0);
	else if (peer->want)
		put_plain(peer, IW_CM_EVENT_CONNECT_REPLY, status);
	peer->want = false;
	peer->connected = false;
}

/* Under the lock: nothing of @f waits any more. */
static void forget_events(struct fake_id *f)
{
	struct fake_event *e, *next;

	TAILQ_FOREACH_SAFE (e, &f->source->queue, link, next) {
		if (e->id != f)
			continue;
		take(f->source, e);
		if (e->peer && !e->peer->gone && e->peer->want)
			put_plain(e->peer, IW_CM_EVENT_CONNECT_REPLY, -ECONNRESET);
		free(e);
	}
}

/* Under the lock: a request whose asker has gone is asked by nobody. */
static void forget_requests_of(struct fake_id *f)
{
	struct fake_event *e, *next;
	struct fake_id *l;

	TAILQ_FOREACH (l, &ids, link) {
		if (!l->listening)
			continue;
		TAILQ_FOREACH_SAFE (e, &l->source->queue, link, next) {
			if (e->peer != f)
				continue;
			take(l->source, e);
			free(e);
		}
	}
}

/* With the lock held, left without it. */
static void finish_and_unlock(struct fake_id *f)
{
	bool last = f->gone && !f->busy;
	struct iw_cm_id *cm = f->cm;

	if (last)
		TAILQ_REMOVE(&ids, f, link);
	pthread_mutex_unlock(&lock);
	if (!last)
		return;
	free(f);
	iw_cm_driver_put(cm);
}

static struct fake_id *child_of(struct fake_id *listener, struct fake_id *peer)
{
	struct fake_id *f = id_make(listener->source);

	f->listener = listener;
	f->src = peer->dst;
	f->dst = peer->src;
	f->device = device_of((struct sockaddr *)&f->src);
	f->peer = peer;
	peer->peer = f;
	return f;
}

/* With the lock held and @e->id busy; left without the lock. */
static void make_request_and_unlock(struct fake_event *e)
{
	struct fake_id *listener = e->id, *child;
	int rc;

	child = child_of(listener, e->peer);
	child->busy++;
	TAILQ_INSERT_TAIL(&ids, child, link);
	pthread_mutex_unlock(&lock);
	rc = iw_cm_child_new(listener->cm, child, &e->ev.child);
	pthread_mutex_lock(&lock);
	if (rc) {
		part(child, -ECONNRESET);
		TAILQ_REMOVE(&ids, child, link);
		pthread_mutex_unlock(&lock);
		free(child);
		return;
	}
	child->cm = e->ev.child;
	pthread_mutex_unlock(&lock);
	iw_cm_post(listener->cm, &e->ev);
	pthread_mutex_lock(&lock);
	child->busy--;
	finish_and_unlock(child);
}

/* The first whose id no other thread is posting for: their order must hold. */
static struct fake_event *first_free(struct iw_source *s)
{
	struct fake_event *e;

	TAILQ_FOREACH (e, &s->queue, link)
		if (!e->id->busy && !e->id->silent)
			return e;
	return NULL;
}

static int source_pump(struct iw_source *s)
{
	struct fake_event *e;
	struct fake_id *f;
	int rc;

	pthread_mutex_lock(&lock);
	rc = called_locked(FAKE_PUMP);
	e = rc ? NULL : first_free(s);
	if (!e) {
		pthread_mutex_unlock(&lock);
		return rc ? rc : -EAGAIN;
	}
	take(s, e);
	f = e->id;
	f->busy++;
	if (e->ev.type == IW_CM_EVENT_CONNECT_REQUEST) {
		make_request_and_unlock(e);
	} else {
		pthread_mutex_unlock(&lock);
		iw_cm_post(f->cm, &e->ev);
	}
	free(e);
	pthread_mutex_lock(&lock);
	f->busy--;
	finish_and_unlock(f);
	return 0;
}

/* ---- ops */

static int id_new(struct iw_cm_id *cm, void *arg, void **drv)
{
	struct iw_cm_open_arg *open = arg;
	struct fake_id *f;
	int rc = called(FAKE_ID_NEW);

	if (rc)
		return rc;
	f = id_make(open->source);
	f->cm = cm;
	pthread_mutex_lock(&lock);
	TAILQ_INSERT_TAIL(&ids, f, link);
	pthread_mutex_unlock(&lock);
	*drv = f;
	return 0;
}

static void id_gone(struct iw_cm_id *cm, void *drv)
{
	struct fake_id *f = drv, *other;

	pthread_mutex_lock(&lock);
	if (!f->cm)
		f->cm = cm; /* a child, before its maker could say */
	part(f, -ECONNRESET);
	forget_events(f);
	forget_requests_of(f);
	TAILQ_FOREACH (other, &ids, link)
		if (other->listener == f)
			other->listener = NULL;
	f->listening = false;
	f->gone = true;
	finish_and_unlock(f);
}

static bool taken(struct fake_id *f, struct sockaddr_storage *addr)
{
	struct fake_id *other;

	TAILQ_FOREACH (other, &ids, link)
		if (other != f && !other->listener && other->src.ss_family == addr->ss_family &&
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
	f->device = device_of(addr);
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
	int rc = called(FAKE_BIND);

	if (rc)
		return rc;
	pthread_mutex_lock(&lock);
	rc = f->src.ss_family ? -EINVAL : bind_to(f, addr);
	pthread_mutex_unlock(&lock);
	return rc;
}

static int op_resolve_addr(struct iw_cm_id *cm, void *drv, const struct sockaddr *src,
			   const struct sockaddr *dst, int timeout_ms)
{
	int rc = called(FAKE_RESOLVE_ADDR), status = called(FAKE_ADDR_EVENT);
	struct sockaddr_in any = fake_addr(0, 0);
	struct sockaddr_in6 any6 = fake_addr6(0, 0);
	struct fake_id *f = drv;

	if (rc)
		return rc;
	pthread_mutex_lock(&lock);
	if (!src)
		src = dst->sa_family == AF_INET6 ? (struct sockaddr *)&any6
						 : (struct sockaddr *)&any;
	if (!status && (!f->src.ss_family || f->device < 0))
		rc = bind_to(f, src);
	memcpy(&f->dst, dst, size_of(dst));
	if (!rc && !holding)
		put_plain(f, IW_CM_EVENT_ADDR, status);
	pthread_mutex_unlock(&lock);
	return rc;
}

static int op_resolve_route(struct iw_cm_id *cm, void *drv, int timeout_ms)
{
	int rc = called(FAKE_RESOLVE_ROUTE), status = called(FAKE_ROUTE_EVENT);

	if (rc)
		return rc;
	pthread_mutex_lock(&lock);
	if (!holding)
		put_plain(drv, IW_CM_EVENT_ROUTE, status);
	pthread_mutex_unlock(&lock);
	return 0;
}

static int op_query(struct iw_cm_id *cm, void *drv, struct iw_cm_addr_info *info)
{
	struct fake_id *f = drv;
	int rc = called(FAKE_QUERY);

	if (rc)
		return rc;
	pthread_mutex_lock(&lock);
	info->src = f->src;
	info->dst = f->dst;
	info->ibdev_index = f->device;
	info->port_num = f->device >= 0 ? 1 : 0;
	info->node_guid = f->device >= 0 ? MOCK_GUID(f->device) : 0;
	pthread_mutex_unlock(&lock);
	return 0;
}

static int op_set_option(struct iw_cm_id *cm, void *drv, int level, int name, const void *val,
			 size_t len)
{
	struct fake_id *f = drv;
	int rc = called(FAKE_SET_OPTION);

	if (rc)
		return rc;
	pthread_mutex_lock(&lock);
	if (!level && name == RDMA_OPTION_ID_REUSEADDR)
		f->reuse = true;
	pthread_mutex_unlock(&lock);
	return 0;
}

static int op_notify(struct iw_cm_id *cm, void *drv, int event)
{
	return called(FAKE_NOTIFY);
}

static int op_init_qp_attr(struct iw_cm_id *cm, void *drv, void *qp_attr, int *mask)
{
	int rc = called(FAKE_INIT_QP_ATTR);

	if (!rc)
		*mask = IBV_QP_STATE | IBV_QP_ACCESS_FLAGS | IBV_QP_PORT;
	return rc;
}

static int op_listen(struct iw_cm_id *cm, void *drv, int backlog)
{
	struct sockaddr_in any = { .sin_family = AF_INET };
	struct fake_id *f = drv;
	int rc = called(FAKE_LISTEN);

	if (rc)
		return rc;
	pthread_mutex_lock(&lock);
	last_backlog = backlog;
	if (!f->src.ss_family)
		rc = bind_to(f, (struct sockaddr *)&any);
	f->listening = !rc;
	pthread_mutex_unlock(&lock);
	return rc;
}

static struct fake_id *find_listener(struct sockaddr_storage *dst)
{
	struct fake_id *f;

	TAILQ_FOREACH (f, &ids, link)
		if (f->listening && f->src.ss_family == dst->ss_family &&
		    *port_in(&f->src) == *port_in(dst) &&
		    (is_any((struct sockaddr *)&f->src) ||
		     device_of((struct sockaddr *)&f->src) == device_of((struct sockaddr *)dst)))
			return f;
	return NULL;
}

/* What one side says, as the other hears it. */
static struct iw_cm_event event_of(enum iw_cm_event_type type, const struct iw_cm_conn_param *said)
{
	struct iw_cm_event ev = { .type = type };

	ev.param.private_data = said->private_data;
	ev.param.private_data_len = said->private_data_len;
	ev.param.responder_resources = said->initiator_depth;
	ev.param.initiator_depth = said->responder_resources;
	return ev;
}

/* A connect without a listener is refused in the call, as siw does. */
static int op_connect(struct iw_cm_id *cm, void *drv, const struct iw_cm_conn_param *param)
{
	struct iw_cm_event ev = event_of(IW_CM_EVENT_CONNECT_REQUEST, param);
	struct fake_id *f = drv, *listener;
	int rc = called(FAKE_CONNECT);

	if (rc)
		return rc;
	pthread_mutex_lock(&lock);
	last_param = *param;
	listener = find_listener(&f->dst);
	f->want = true;
	if (listener)
		put(listener, f, &ev);
	else if (!holding)
		rc = -ECONNREFUSED;
	if (rc)
		f->want = false;
	pthread_mutex_unlock(&lock);
	return rc;
}

static int op_accept(struct iw_cm_id *cm, void *drv, const struct iw_cm_conn_param *param)
{
	struct iw_cm_event ev = event_of(IW_CM_EVENT_CONNECT_REPLY, param);
	struct fake_id *f = drv;
	int rc = called(FAKE_ACCEPT);

	if (rc)
		return rc;
	pthread_mutex_lock(&lock);
	last_param = *param;
	if (f->peer) {
		put(f->peer, NULL, &ev);
		f->peer->want = false;
		f->peer->connected = f->connected = true;
		put_plain(f, IW_CM_EVENT_ESTABLISHED, 0);
	} else {
		rc = -ECONNRESET;
	}
	pthread_mutex_unlock(&lock);
	return rc;
}

static int op_reject(struct iw_cm_id *cm, void *drv, const void *private_data, size_t len)
{
	struct iw_cm_event ev = { .type = IW_CM_EVENT_CONNECT_REPLY, .status = -ECONNREFUSED };
	struct fake_id *f = drv;
	int rc = called(FAKE_REJECT);

	ev.param.private_data = private_data;
	ev.param.private_data_len = (uint16_t)len;
	pthread_mutex_lock(&lock);
	if (f->peer) {
		f->peer->want = false;
		f->peer->peer = NULL;
		put(f->peer, NULL, &ev);
		f->peer = NULL;
	}
	pthread_mutex_unlock(&lock);
	return rc;
}

static int op_disconnect(struct iw_cm_id *cm, void *drv, bool abrupt)
{
	struct fake_id *f = drv;
	int rc = called(FAKE_DISCONNECT);

	if (rc)
		return rc;
	pthread_mutex_lock(&lock);
	if (f->connected)
		put_plain(f, IW_CM_EVENT_CLOSE, 0);
	else if (f->want)
		put_plain(f, IW_CM_EVENT_CONNECT_REPLY, -ECONNABORTED);
	f->connected = false;
	forget_requests_of(f);
	part(f, -ECONNRESET);
	pthread_mutex_unlock(&lock);
	return 0;
}

static int op_modify_qp(struct iw_cm_id *cm, void *drv, void *qp, enum iw_qp_state to)
{
	return called(FAKE_MODIFY_QP);
}

static int op_migrate(struct iw_cm_id *cm, void *drv, void *source)
{
	struct fake_event *e, *next;
	struct fake_id *f = drv;
	struct iw_source *to = source;
	int rc = called(FAKE_MIGRATE);

	if (rc)
		return rc;
	pthread_mutex_lock(&lock);
	TAILQ_FOREACH_SAFE (e, &f->source->queue, link, next) {
		if (e->id != f)
			continue;
		take(f->source, e);
		TAILQ_INSERT_TAIL(&to->queue, e, link);
		eventfd_write(to->fd, 1);
	}
	f->source = to;
	pthread_mutex_unlock(&lock);
	return 0;
}

/* ---- what the test and the shim reach it by */

/* Under the lock. */
static struct fake_id *find(struct rdma_cm_id *id)
{
	struct fake_id *f;

	TAILQ_FOREACH (f, &ids, link)
		if (f->cm && f->cm->context == id && !f->gone)
			return f;
	return NULL;
}

void fake_post(struct rdma_cm_id *id, const struct iw_cm_event *ev)
{
	struct fake_id *f;

	pthread_mutex_lock(&lock);
	f = find(id);
	if (f)
		put(f, NULL, ev);
	pthread_mutex_unlock(&lock);
}

void fake_post_now(struct rdma_cm_id *id, const struct iw_cm_event *ev)
{
	struct fake_id *f;

	pthread_mutex_lock(&lock);
	f = find(id);
	if (f)
		f->busy++;
	pthread_mutex_unlock(&lock);
	if (!f)
		return;
	iw_cm_post(f->cm, ev);
	pthread_mutex_lock(&lock);
	f->busy--;
	finish_and_unlock(f);
}

void fake_silence(struct rdma_cm_id *id, bool silent)
{
	struct fake_id *f;

	pthread_mutex_lock(&lock);
	f = find(id);
	f->silent = silent;
	if (!silent && f->unshown)
		eventfd_write(f->source->fd, f->unshown);
	f->unshown = 0;
	pthread_mutex_unlock(&lock);
}

void fake_pump(struct rdma_cm_id *id)
{
	struct iw_source *source;
	struct fake_id *f;

	pthread_mutex_lock(&lock);
	f = find(id);
	source = f ? f->source : NULL;
	pthread_mutex_unlock(&lock);
	if (source)
		source_pump(source);
}

void fake_post_plain(struct rdma_cm_id *id, enum iw_cm_event_type type, int status)
{
	struct iw_cm_event ev = { .type = type, .status = status };

	fake_post(id, &ev);
}

static int probe(void)
{
	return called(FAKE_PROBE);
}

static const struct iw_cm_driver_ops ops = {
	.name = "fake",
	.id_new = id_new,
	.id_gone = id_gone,
	.bind = op_bind,
	.resolve_addr = op_resolve_addr,
	.resolve_route = op_resolve_route,
	.query = op_query,
	.set_option = op_set_option,
	.notify = op_notify,
	.init_qp_attr = op_init_qp_attr,
	.listen = op_listen,
	.connect = op_connect,
	.accept = op_accept,
	.reject = op_reject,
	.disconnect = op_disconnect,
	.modify_qp = op_modify_qp,
	.migrate = op_migrate,
};

static const struct iw_driver driver = {
	.name = "fake",
	.cm = &ops,
	.probe = probe,
	.source_open = source_open,
	.source_pump = source_pump,
	.source_close = source_close,
};

const struct iw_driver *iw_driver_get(enum iw_driver_kind kind)
{
	return &driver;
}
