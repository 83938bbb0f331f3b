// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The driver in memory and the client of the core's tests. */
#include "tests/core_fake.h"

#include <stdarg.h>

#define QP_ALIVE 0x51a11feu

struct fake fake;

/* The driver's object for an id; kept to the end of the test. */
struct fake_obj {
	TAILQ_ENTRY(fake_obj) link;
	struct iw_cm_id *id;
	unsigned int gone, put;
};

static TAILQ_HEAD(, fake_obj) objs = TAILQ_HEAD_INITIALIZER(objs);
static pthread_mutex_t objs_lock = PTHREAD_MUTEX_INITIALIZER;

static void violation(const char *fmt, ...)
{
	va_list ap;

	if (__atomic_fetch_add(&fake.violations, 1, __ATOMIC_RELAXED))
		return;
	va_start(ap, fmt);
	vsnprintf(fake.why, sizeof(fake.why), fmt, ap);
	va_end(ap);
}

static struct fake_obj *obj_new(void)
{
	struct fake_obj *obj = calloc(1, sizeof(*obj));

	pthread_mutex_lock(&objs_lock);
	TAILQ_INSERT_TAIL(&objs, obj, link);
	pthread_mutex_unlock(&objs_lock);
	return obj;
}

/* Known in debug builds alone, which are those with sanitizers and for coverage. */
static bool is_locked_here(struct iw_cm_id *id)
{
#ifdef IW_DEBUG
	return iw_lock_is_mine(&iw_id_of(id)->lock);
#else
	return false;
#endif
}

/* Writes the op down and checks what holds for all of them. */
static int called_with(enum fake_op op, struct iw_cm_id *id, void *drv, int arg, const void *more)
{
	struct fake_obj *obj = drv;
	unsigned int n = __atomic_fetch_add(&fake.ncalls, 1, __ATOMIC_RELAXED);

	if (n < FAKE_MAX_CALLS)
		fake.calls[n] = (struct fake_call){ op, id, arg, more };
	__atomic_fetch_add(&fake.count[op], 1, __ATOMIC_ACQ_REL);
	if (obj && __atomic_load_n(&obj->gone, __ATOMIC_ACQUIRE))
		violation("op %d after id_gone", op);
	if (is_locked_here(id))
		violation("op %d under the lock of the id", op);
	if (fake.hook[op])
		fake.hook[op](id, arg);
	return fake.fail[op];
}

static int called(enum fake_op op, struct iw_cm_id *id, void *drv, int arg)
{
	return called_with(op, id, drv, arg, NULL);
}

static int fake_id_new(struct iw_cm_id *id, void *arg, void **drv)
{
	int rc = called(F_ID_NEW, id, NULL, 0);
	struct fake_obj *obj;

	if (rc)
		return rc;
	obj = obj_new();
	obj->id = id;
	*drv = obj;
	return 0;
}

static void fake_id_gone(struct iw_cm_id *id, void *drv)
{
	bool defer = fake.defer_put;
	struct fake_obj *obj = drv;

	called(F_ID_GONE, id, drv, 0);
	/* If it is deferred, another thread may put from here on. */
	__atomic_store_n(&obj->gone, obj->gone + 1, __ATOMIC_RELEASE);
	if (defer)
		return;
	__atomic_fetch_add(&obj->put, 1, __ATOMIC_RELAXED);
	iw_cm_driver_put(id);
}

static void fake_abort(struct iw_cm_id *id, void *drv, enum iw_cm_state was)
{
	called(F_ABORT, id, drv, was);
}

static int fake_bind(struct iw_cm_id *id, void *drv, const struct sockaddr *addr)
{
	return called(F_BIND, id, drv, 0);
}

static int fake_resolve_addr(struct iw_cm_id *id, void *drv, const struct sockaddr *src,
			     const struct sockaddr *dst, int timeout_ms)
{
	return called(F_RESOLVE_ADDR, id, drv, timeout_ms);
}

static int fake_resolve_route(struct iw_cm_id *id, void *drv, int timeout_ms)
{
	return called(F_RESOLVE_ROUTE, id, drv, timeout_ms);
}

static int fake_query(struct iw_cm_id *id, void *drv, struct iw_cm_addr_info *info)
{
	return called(F_QUERY, id, drv, 0);
}

static int fake_set_option(struct iw_cm_id *id, void *drv, int level, int name, const void *val,
			   size_t len)
{
	return called(F_SET_OPTION, id, drv, name);
}

static int fake_notify(struct iw_cm_id *id, void *drv, int event)
{
	return called(F_NOTIFY, id, drv, event);
}

static int fake_listen(struct iw_cm_id *id, void *drv, int backlog)
{
	return called(F_LISTEN, id, drv, backlog);
}

static int fake_connect(struct iw_cm_id *id, void *drv, const struct iw_cm_conn_param *param)
{
	return called(F_CONNECT, id, drv, 0);
}

static int fake_accept(struct iw_cm_id *id, void *drv, const struct iw_cm_conn_param *param)
{
	return called(F_ACCEPT, id, drv, 0);
}

static int fake_reject(struct iw_cm_id *id, void *drv, const void *private_data, size_t len,
		       uint8_t reason)
{
	return called(F_REJECT, id, drv, (int)len | reason << 16);
}

static int fake_disconnect(struct iw_cm_id *id, void *drv, bool abrupt)
{
	return called(F_DISCONNECT, id, drv, abrupt);
}

static int fake_modify_qp(struct iw_cm_id *id, void *drv, void *arg, enum iw_qp_state to,
			  const struct iw_cm_conn_param *param)
{
	struct fake_qp *qp = arg;
	int rc = called_with(F_MODIFY_QP, id, drv, (int)to, param);

	if (!qp || __atomic_load_n(&qp->magic, __ATOMIC_RELAXED) != QP_ALIVE) {
		violation("modify_qp with a QP that is not there");
		return -EINVAL;
	}
	if (rc)
		return rc;
	__atomic_store_n(&qp->state, to, __ATOMIC_RELAXED);
	__atomic_fetch_add(&qp->transitions, 1, __ATOMIC_RELAXED);
	return 0;
}

static int fake_migrate(struct iw_cm_id *id, void *drv, void *source)
{
	return called(F_MIGRATE, id, drv, 0);
}

static int fake_init_qp_attr(struct iw_cm_id *id, void *drv, void *attr, int *mask)
{
	return called(F_INIT_QP_ATTR, id, drv, 0);
}

static int fake_query_path(struct iw_cm_id *id, void *drv, struct iw_cm_path_info *info)
{
	return called(F_QUERY_PATH, id, drv, 0);
}

static int fake_resolve_service(struct iw_cm_id *id, void *drv, const struct iw_cm_service *service)
{
	return called(F_RESOLVE_SERVICE, id, drv, 0);
}

static int fake_query_service(struct iw_cm_id *id, void *drv, struct iw_cm_service_info *info)
{
	return called(F_QUERY_SERVICE, id, drv, 0);
}

static int fake_establish(struct iw_cm_id *id, void *drv)
{
	return called(F_ESTABLISH, id, drv, 0);
}

static int fake_join(struct iw_cm_id *id, void *drv, const struct iw_cm_join *join)
{
	return called_with(F_JOIN, id, drv, join->flags, join->membership);
}

static int fake_leave(struct iw_cm_id *id, void *drv, void *membership)
{
	return called_with(F_LEAVE, id, drv, 0, membership);
}

/* clang-format off */
#define FAKE_OPS                                                               \
	.id_new = fake_id_new, .id_gone = fake_id_gone, .abort = fake_abort,   \
	.bind = fake_bind, .resolve_addr = fake_resolve_addr,                  \
	.resolve_route = fake_resolve_route, .query = fake_query,              \
	.set_option = fake_set_option, .notify = fake_notify,                  \
	.listen = fake_listen, .connect = fake_connect, .accept = fake_accept, \
	.reject = fake_reject, .disconnect = fake_disconnect,                  \
	.modify_qp = fake_modify_qp, .migrate = fake_migrate,                  \
	.init_qp_attr = fake_init_qp_attr, .query_path = fake_query_path,      \
	.establish = fake_establish, .join = fake_join, .leave = fake_leave,   \
	.resolve_service = fake_resolve_service,                               \
	.query_service = fake_query_service
/* clang-format on */

const struct iw_cm_driver_ops fake_ops = { .name = "fake", FAKE_OPS };
const struct iw_cm_driver_ops fake_pool_ops = { .name = "fake-pool",
						.drain_in_pool = true,
						FAKE_OPS };

struct fake_qp *fake_qp_new(void)
{
	struct fake_qp *qp = calloc(1, sizeof(*qp));

	qp->magic = QP_ALIVE;
	return qp;
}

void fake_qp_free(struct fake_qp *qp)
{
	__atomic_store_n(&qp->magic, 0xdeadbeefu, __ATOMIC_RELAXED);
	free(qp);
}

int fake_post(struct iw_cm_id *id, enum iw_cm_event_type type, int status)
{
	struct iw_cm_event ev = { .type = type, .status = status };

	return iw_cm_post(id, &ev);
}

int fake_post_member(struct iw_cm_id *id, void *membership, int status)
{
	struct iw_cm_event ev = { .type = IW_CM_EVENT_MULTICAST,
				  .status = status,
				  .membership = membership };

	return iw_cm_post(id, &ev);
}

int fake_child(struct iw_cm_id *listener, struct iw_cm_id **child)
{
	struct fake_obj *obj = obj_new();
	int rc = iw_cm_child_new(listener, obj, child);

	if (rc)
		obj->gone = obj->put = 1; /* the driver's own object: never used */
	else
		obj->id = *child;
	return rc;
}

int fake_request_data(struct iw_cm_id *listener, const void *data, size_t len)
{
	struct iw_cm_event ev = {
		.type = IW_CM_EVENT_CONNECT_REQUEST,
		.param = { .private_data = data, .private_data_len = (uint16_t)len },
	};
	int rc = fake_child(listener, &ev.child);

	return rc ? rc : iw_cm_post(listener, &ev);
}

int fake_request(struct iw_cm_id *listener)
{
	return fake_request_data(listener, NULL, 0);
}

void fake_put_all(void)
{
	struct fake_obj *obj;

	pthread_mutex_lock(&objs_lock);
	TAILQ_FOREACH (obj, &objs, link)
		if (__atomic_load_n(&obj->gone, __ATOMIC_ACQUIRE) && !obj->put) {
			obj->put = 1;
			iw_cm_driver_put(obj->id);
		}
	pthread_mutex_unlock(&objs_lock);
}

unsigned int fake_gone_count(struct iw_cm_id *id)
{
	struct fake_obj *obj;
	unsigned int n = 0;

	pthread_mutex_lock(&objs_lock);
	TAILQ_FOREACH (obj, &objs, link)
		if (obj->id == id)
			n += __atomic_load_n(&obj->gone, __ATOMIC_ACQUIRE);
	pthread_mutex_unlock(&objs_lock);
	return n;
}

int fake_find(enum fake_op op, unsigned int from)
{
	for (unsigned int i = from; i < fake.ncalls && i < FAKE_MAX_CALLS; i++)
		if (fake.calls[i].op == op)
			return (int)i;
	return -1;
}

void fake_check_end(void)
{
	struct fake_obj *obj, *next;
	struct iw_cm_stats stats;

	/* The pool may be about to drop the last reference. */
	cr_assert(wait_for((iw_cm_get_stats(&stats), stats.ids_created == stats.ids_freed)),
		  "%lu ids made, %lu freed", (unsigned long)stats.ids_created,
		  (unsigned long)stats.ids_freed);
	TAILQ_FOREACH_SAFE (obj, &objs, link, next) {
		cr_assert_eq(obj->gone, 1, "id_gone %u times", obj->gone);
		cr_assert_eq(obj->put, 1);
		TAILQ_REMOVE(&objs, obj, link);
		free(obj);
	}
	cr_assert_eq(fake.violations, 0, "%s", fake.why);
	for (int class = 0; class < IW_REF_NCLASSES; class ++)
		cr_assert_eq(iw_ref_total(class), 0, "references of class %d: %ld", class,
			     iw_ref_total(class));
	memset(&fake, 0, sizeof(fake));
}

/* ------------------------------------------------------------------ client */

struct client *client_bare(void)
{
	return calloc(1, sizeof(struct client));
}

struct client *client_new(const struct iw_cm_driver_ops *ops)
{
	struct client *c = client_bare();

	cr_assert_eq(iw_cm_create(ops, NULL, client_handler, c, &c->id), 0);
	return c;
}

static void write_down(struct client *c, const struct iw_cm_event *ev)
{
	unsigned int n = __atomic_load_n(&c->nevents, __ATOMIC_RELAXED);
	struct seen *seen;

	if (n < CLIENT_MAX_EVENTS) {
		seen = &c->events[n];
		seen->type = ev->type;
		seen->status = ev->status;
		seen->param = ev->param;
		seen->membership = ev->membership;
		iw_copy(seen->data, sizeof(seen->data), ev->param.private_data,
			ev->param.private_data_len);
	}
	__atomic_store_n(&c->nevents, n + 1, __ATOMIC_RELEASE);
}

int client_handler(struct iw_cm_id *id, const struct iw_cm_event *ev)
{
	struct client *c = id->context;
	int ret;

	if (__atomic_fetch_add(&c->inside, 1, __ATOMIC_ACQ_REL))
		violation("two handlers of one id at once");
	if (is_locked_here(id))
		violation("a handler under the lock of the id");
	write_down(c, ev);
	if (ev->type == IW_CM_EVENT_CONNECT_REQUEST && !c->on_event && !c->ret) {
		c->child = client_bare();
		c->child->id = ev->child;
		iw_cm_set_context(ev->child, client_handler, c->child);
	}
	ret = c->on_event ? c->on_event(c, ev) : c->ret;
	__atomic_fetch_sub(&c->inside, 1, __ATOMIC_RELEASE);
	return ret;
}

unsigned int client_count(struct client *c)
{
	return __atomic_load_n(&c->nevents, __ATOMIC_ACQUIRE);
}

unsigned int client_saw(struct client *c, enum iw_cm_event_type type)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < client_count(c) && i < CLIENT_MAX_EVENTS; i++)
		n += c->events[i].type == type;
	return n;
}

bool client_wait(struct client *c, unsigned int n)
{
	return wait_for(client_count(c) >= n);
}

void client_free(struct client *c)
{
	if (c->id)
		cr_assert_eq(iw_cm_destroy(c->id), 0);
	free(c);
}

/* -------------------------------------------------------------- situations */

const enum iw_cm_state state_of[] = {
	[S_IDLE] = IW_CM_IDLE,
	[S_ENDED] = IW_CM_IDLE,
	[S_LISTEN] = IW_CM_LISTEN,
	[S_CONN_RECV] = IW_CM_CONN_RECV,
	[S_ACCEPTED] = IW_CM_CONN_RECV,
	[S_CONN_SENT] = IW_CM_CONN_SENT,
	[S_ESTABLISHED] = IW_CM_ESTABLISHED,
	[S_CLOSING] = IW_CM_CLOSING,
};

const char *const situation_name[] = {
	[S_IDLE] = "idle",
	[S_ENDED] = "ended",
	[S_LISTEN] = "listen",
	[S_CONN_RECV] = "conn_recv",
	[S_ACCEPTED] = "accepted",
	[S_CONN_SENT] = "conn_sent",
	[S_ESTABLISHED] = "established",
	[S_CLOSING] = "closing",
};

static const struct iw_cm_conn_param no_param;

static void stage_active(struct stage *stage, enum situation s)
{
	struct iw_cm_id *id = stage->c->id;

	if (s == S_IDLE)
		return;
	if (s == S_LISTEN) {
		cr_assert_eq(iw_cm_listen(id, 8, 8), 0);
		return;
	}
	cr_assert_eq(iw_cm_connect(id, &no_param), 0);
	if (s == S_CONN_SENT)
		return;
	fake_post(id, IW_CM_EVENT_CONNECT_REPLY, s == S_ENDED ? -ECONNREFUSED : 0);
	client_wait(stage->c, 1);
	if (s == S_CLOSING)
		cr_assert_eq(iw_cm_disconnect(id, false), 0);
}

static void stage_passive(struct stage *stage, enum situation s, enum iw_cm_transport transport,
			  const struct iw_cm_driver_ops *ops)
{
	stage->listener = client_new(ops);
	cr_assert_eq(iw_cm_listen(stage->listener->id, 8, 8), 0);
	cr_assert_eq(fake_request(stage->listener->id), 0);
	cr_assert(client_wait(stage->listener, 1));
	/* With a pool the handler may not have returned yet. */
	wait_for(!__atomic_load_n(&stage->listener->inside, __ATOMIC_ACQUIRE));
	stage->c = stage->listener->child;
	iw_cm_set_transport(stage->c->id, transport);
	if (s == S_ACCEPTED)
		cr_assert_eq(iw_cm_accept(stage->c->id, &no_param), 0);
}

struct stage stage_set(enum situation s, const struct iw_cm_driver_ops *ops)
{
	return stage_set_on(IW_CM_IWARP, s, ops);
}

struct stage stage_set_on(enum iw_cm_transport transport, enum situation s,
			  const struct iw_cm_driver_ops *ops)
{
	struct stage stage = { 0 };

	if (s == S_CONN_RECV || s == S_ACCEPTED) {
		stage_passive(&stage, s, transport, ops);
	} else {
		stage.c = client_new(ops);
		iw_cm_set_transport(stage.c->id, transport);
		stage_active(&stage, s);
	}
	cr_assert_eq(iw_cm_get_state(stage.c->id), state_of[s]);
	__atomic_store_n(&stage.c->nevents, 0, __ATOMIC_RELEASE);
	memset(fake.count, 0, sizeof(fake.count));
	fake.ncalls = 0;
	return stage;
}

void stage_clear(struct stage *stage)
{
	client_free(stage->c);
	if (stage->listener)
		client_free(stage->listener);
}
