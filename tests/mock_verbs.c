// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * libibverbs in memory. Destroyed objects are kept, marked dead, so that a
 * second destroy is seen; that memory belongs to the ledger.
 */
#include "tests/mock_verbs.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind {
	CONTEXT,
	PD,
	CHANNEL,
	CQ,
	QP,
	SRQ,
	XRCD,
	NKINDS
};

struct object {
	struct object *next;
	enum kind kind;
	bool dead;
	int users;
	struct object *on[3]; /* what it keeps alive */
	union {
		struct verbs_context context;
		struct ibv_pd pd;
		struct ibv_comp_channel channel;
		struct ibv_cq cq;
		struct ibv_qp qp;
		struct ibv_srq srq;
		struct ibv_xrcd xrcd;
	} u;
};

/* Protects all below. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct object *ledger;
static int live[NKINDS], misuses;
static uint32_t last_qp_num = 16;
static int fail_with[MOCK_NCALLS];
static unsigned int ncalls[MOCK_NCALLS];
static bool unplugged[MOCK_NDEVICES], no_indices, has_xrc;
static struct ibv_qp_init_attr_ex last_qp;
static union ibv_gid last_mgid;
static uint16_t last_mlid;
static int nattached;
static struct ibv_device devices[MOCK_NDEVICES] = {
	{ .name = "mock0", .transport_type = IBV_TRANSPORT_IWARP },
	{ .name = "mock1", .transport_type = IBV_TRANSPORT_IWARP },
};

void mock_verbs_fail(enum mock_call call, int error)
{
	pthread_mutex_lock(&lock);
	fail_with[call] = error;
	pthread_mutex_unlock(&lock);
}

unsigned int mock_verbs_calls(enum mock_call call)
{
	unsigned int n;

	pthread_mutex_lock(&lock);
	n = ncalls[call];
	pthread_mutex_unlock(&lock);
	return n;
}

void mock_verbs_plug(int device, bool there)
{
	unplugged[device] = !there;
}

void mock_verbs_transport(int device, enum ibv_transport_type type)
{
	devices[device].transport_type = type;
}

void mock_verbs_indices(bool known)
{
	no_indices = !known;
}

void mock_verbs_xrc(bool there)
{
	has_xrc = there;
}

const struct ibv_qp_init_attr_ex *mock_verbs_last_qp(void)
{
	return &last_qp;
}

union ibv_gid mock_verbs_last_mgid(void)
{
	return last_mgid;
}

uint16_t mock_verbs_last_mlid(void)
{
	return last_mlid;
}

int mock_verbs_attached(void)
{
	return __atomic_load_n(&nattached, __ATOMIC_RELAXED);
}

int mock_verbs_live(void)
{
	int n;

	pthread_mutex_lock(&lock);
	n = live[CHANNEL] + live[CQ] + live[QP] + live[SRQ];
	pthread_mutex_unlock(&lock);
	return n;
}

int mock_verbs_contexts(void)
{
	int n;

	pthread_mutex_lock(&lock);
	n = live[CONTEXT] + live[PD] + live[XRCD];
	pthread_mutex_unlock(&lock);
	return n;
}

int mock_verbs_misuses(void)
{
	int n;

	pthread_mutex_lock(&lock);
	n = misuses;
	pthread_mutex_unlock(&lock);
	return n;
}

/* Counts the call; the errno it has to fail with, or 0. */
static int called(enum mock_call call)
{
	int error;

	pthread_mutex_lock(&lock);
	ncalls[call]++;
	error = fail_with[call];
	fail_with[call] = 0;
	pthread_mutex_unlock(&lock);
	if (error)
		errno = error < 0 ? EIO : error;
	return error;
}

static struct object *object_of(void *public)
{
	return public ? (struct object *)(void *)((char *)public - offsetof(struct object, u))
		      : NULL;
}

static struct object *object_new(enum kind kind, void *a, void *b, void *c)
{
	struct object *o = calloc(1, sizeof(*o));

	o->kind = kind;
	o->on[0] = object_of(a);
	o->on[1] = object_of(b);
	o->on[2] = object_of(c);
	pthread_mutex_lock(&lock);
	o->next = ledger;
	ledger = o;
	live[kind]++;
	for (int i = 0; i < 3; i++) {
		if (!o->on[i])
			continue;
		o->on[i]->users++;
		misuses += o->on[i]->dead;
	}
	pthread_mutex_unlock(&lock);
	return o;
}

static int object_end(void *public, enum kind kind)
{
	struct object *o = object_of(public);
	int rc = 0;

	pthread_mutex_lock(&lock);
	if (o->dead || o->kind != kind) {
		misuses++;
		rc = EINVAL;
	} else if (o->users) {
		rc = EBUSY;
	} else {
		o->dead = true;
		live[kind]--;
		for (int i = 0; i < 3; i++)
			if (o->on[i])
				o->on[i]->users--;
	}
	pthread_mutex_unlock(&lock);
	return rc;
}

/* The context's own offset within verbs_context. */
static struct object *context_object(struct ibv_context *context)
{
	return object_of((char *)context - offsetof(struct verbs_context, context));
}

static void *context_base(struct ibv_context *context)
{
	return &context_object(context)->u;
}

struct ibv_device **ibv_get_device_list(int *num_devices)
{
	struct ibv_device **list;
	int n = 0;

	if (called(MOCK_GET_DEVICE_LIST))
		return NULL;
	list = calloc(MOCK_NDEVICES + 1, sizeof(*list));
	for (int i = 0; i < MOCK_NDEVICES; i++)
		if (!unplugged[i])
			list[n++] = &devices[i];
	if (num_devices)
		*num_devices = n;
	return list;
}

void ibv_free_device_list(struct ibv_device **list)
{
	free(list);
}

const char *ibv_get_device_name(struct ibv_device *device)
{
	return device->name;
}

int ibv_get_device_index(struct ibv_device *device)
{
	return no_indices ? -1 : (int)(device - devices);
}

__be64 ibv_get_device_guid(struct ibv_device *device)
{
	return MOCK_GUID(device - devices);
}

static struct ibv_qp *create_qp(struct ibv_context *context, struct ibv_qp_init_attr_ex *attr)
{
	struct object *o;

	if (called(MOCK_CREATE_QP))
		return NULL;
	o = object_new(QP, attr->pd, attr->send_cq, attr->recv_cq);
	o->u.qp.context = context;
	o->u.qp.pd = attr->pd;
	o->u.qp.send_cq = attr->send_cq;
	o->u.qp.recv_cq = attr->recv_cq;
	o->u.qp.srq = attr->srq;
	o->u.qp.qp_type = attr->qp_type;
	o->u.qp.qp_num = __atomic_add_fetch(&last_qp_num, 1, __ATOMIC_RELAXED);
	return &o->u.qp;
}

static struct ibv_qp *create_qp_ex(struct ibv_context *context, struct ibv_qp_init_attr_ex *attr)
{
	last_qp = *attr;
	return create_qp(context, attr);
}

/* ---- XRC */

static struct ibv_xrcd *open_xrcd(struct ibv_context *context, struct ibv_xrcd_init_attr *attr)
{
	struct object *o;

	if (called(MOCK_OPEN_XRCD))
		return NULL;
	o = object_new(XRCD, context_base(context), NULL, NULL);
	o->u.xrcd.context = context;
	return &o->u.xrcd;
}

static int close_xrcd(struct ibv_xrcd *xrcd)
{
	int error = called(MOCK_CLOSE_XRCD);

	return error ? error : object_end(xrcd, XRCD);
}

static struct ibv_srq *create_srq_ex(struct ibv_context *context, struct ibv_srq_init_attr_ex *attr)
{
	struct object *o;

	if (called(MOCK_CREATE_SRQ_EX))
		return NULL;
	o = object_new(SRQ, attr->pd, attr->xrcd, attr->cq);
	o->u.srq.context = context;
	o->u.srq.pd = attr->pd;
	o->u.srq.srq_context = attr->srq_context;
	return &o->u.srq;
}

static void add_xrc(struct verbs_context *context)
{
	context->open_xrcd = open_xrcd;
	context->close_xrcd = close_xrcd;
	context->create_srq_ex = create_srq_ex;
}

/* ---- multicast */

static int mcast(enum mock_call call, const union ibv_gid *gid, uint16_t lid, int by)
{
	int error = called(call);

	if (error)
		return error;
	last_mgid = *gid;
	last_mlid = lid;
	__atomic_add_fetch(&nattached, by, __ATOMIC_RELAXED);
	return 0;
}

void (*mock_verbs_while_attaching)(struct ibv_qp *qp);

int ibv_attach_mcast(struct ibv_qp *qp, const union ibv_gid *gid, uint16_t lid)
{
	if (mock_verbs_while_attaching)
		mock_verbs_while_attaching(qp);
	return mcast(MOCK_ATTACH_MCAST, gid, lid, 1);
}

int ibv_detach_mcast(struct ibv_qp *qp, const union ibv_gid *gid, uint16_t lid)
{
	return mcast(MOCK_DETACH_MCAST, gid, lid, -1);
}

struct ibv_context *ibv_open_device(struct ibv_device *device)
{
	struct object *o;

	if (called(MOCK_OPEN_DEVICE))
		return NULL;
	o = object_new(CONTEXT, NULL, NULL, NULL);
	o->u.context.sz = sizeof(struct verbs_context);
	o->u.context.create_qp_ex = create_qp_ex;
	if (has_xrc)
		add_xrc(&o->u.context);
	o->u.context.context.device = device;
	o->u.context.context.abi_compat = __VERBS_ABI_IS_EXTENDED;
	return &o->u.context.context;
}

int ibv_close_device(struct ibv_context *context)
{
	return object_end(context_base(context), CONTEXT);
}

int ibv_query_device(struct ibv_context *context, struct ibv_device_attr *attr)
{
	int error = called(MOCK_QUERY_DEVICE);

	memset(attr, 0, sizeof(*attr));
	attr->max_qp_rd_atom = MOCK_MAX_RD_ATOM;
	attr->max_qp_init_rd_atom = MOCK_MAX_RD_ATOM;
	return error;
}

static uint8_t link_layer = IBV_LINK_LAYER_INFINIBAND;

void mock_verbs_link_layer(uint8_t layer)
{
	link_layer = layer;
}

/* <infiniband/verbs.h> calls it so where a context has no op for it. */
int(ibv_query_port)(struct ibv_context *context, uint8_t port, struct _compat_ibv_port_attr *attr)
{
	struct ibv_port_attr *whole = (struct ibv_port_attr *)attr;
	int error = called(MOCK_QUERY_PORT);

	whole->state = port == 1 ? IBV_PORT_ACTIVE : IBV_PORT_NOP;
	whole->link_layer = link_layer;
	return error;
}

struct ibv_pd *ibv_alloc_pd(struct ibv_context *context)
{
	struct object *o;

	if (called(MOCK_ALLOC_PD))
		return NULL;
	o = object_new(PD, context_base(context), NULL, NULL);
	o->u.pd.context = context;
	return &o->u.pd;
}

int ibv_dealloc_pd(struct ibv_pd *pd)
{
	int error = called(MOCK_DEALLOC_PD);

	return error ? error : object_end(pd, PD);
}

struct ibv_comp_channel *ibv_create_comp_channel(struct ibv_context *context)
{
	struct object *o;

	if (called(MOCK_CREATE_COMP_CHANNEL))
		return NULL;
	o = object_new(CHANNEL, context_base(context), NULL, NULL);
	o->u.channel.context = context;
	return &o->u.channel;
}

int ibv_destroy_comp_channel(struct ibv_comp_channel *channel)
{
	return object_end(channel, CHANNEL);
}

struct ibv_cq *ibv_create_cq(struct ibv_context *context, int cqe, void *cq_context,
			     struct ibv_comp_channel *channel, int comp_vector)
{
	struct object *o;

	if (called(MOCK_CREATE_CQ))
		return NULL;
	o = object_new(CQ, context_base(context), channel, NULL);
	o->u.cq.context = context;
	o->u.cq.cqe = cqe;
	o->u.cq.cq_context = cq_context;
	o->u.cq.channel = channel;
	return &o->u.cq;
}

int ibv_destroy_cq(struct ibv_cq *cq)
{
	return object_end(cq, CQ);
}

struct ibv_qp *ibv_create_qp(struct ibv_pd *pd, struct ibv_qp_init_attr *attr)
{
	struct ibv_qp_init_attr_ex ex = { .pd = pd,
					  .send_cq = attr->send_cq,
					  .recv_cq = attr->recv_cq,
					  .srq = attr->srq,
					  .qp_type = attr->qp_type };

	return create_qp(pd->context, &ex);
}

struct ibv_srq *ibv_create_srq(struct ibv_pd *pd, struct ibv_srq_init_attr *attr)
{
	struct object *o;

	if (called(MOCK_CREATE_SRQ))
		return NULL;
	o = object_new(SRQ, pd, NULL, NULL);
	o->u.srq.context = pd->context;
	o->u.srq.pd = pd;
	o->u.srq.srq_context = attr->srq_context;
	attr->attr.max_wr++; /* what was created is more than what was asked for */
	return &o->u.srq;
}

int ibv_destroy_srq(struct ibv_srq *srq)
{
	int error = called(MOCK_DESTROY_SRQ);

	return error ? error : object_end(srq, SRQ);
}

int ibv_destroy_qp(struct ibv_qp *qp)
{
	int error = called(MOCK_DESTROY_QP);

	return error ? error : object_end(qp, QP);
}
