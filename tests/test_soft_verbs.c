// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Verbs' dialects: what a program sees of an error of each module, through the
 * inline wrappers of <infiniband/verbs.h> where there are some. Devices and
 * memory are real; queues are played by the test.
 */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "driver/soft/soft_cq.h"
#include "driver/soft/soft_mr.h"
#include "driver/soft/soft_qp.h"
#include "driver/soft/soft_rq.h"
#include "driver/soft/soft_verbs.h"

/* -------------------------------------------------------------- Fake modules */

static struct {
	int rc;		    /* of whatever is called next */
	unsigned int calls; /* of any of them */
	struct soft_channel channel;
	struct soft_cq cq;
	struct soft_srq srq;
	struct soft_qp qp;
	struct ibv_send_wr wr;
	int mask;
	bool solicited;
} fake;

static int result(void)
{
	fake.calls++;
	return fake.rc;
}

int soft_channel_create(struct soft_context *ctx, struct soft_channel **channel)
{
	fake.channel.ibv.context = &ctx->verbs.context;
	*channel = &fake.channel;
	return result();
}

int soft_channel_destroy(struct soft_channel *channel)
{
	return result();
}

int soft_channel_get_event(struct soft_channel *channel, struct soft_cq **cq)
{
	*cq = &fake.cq;
	return result();
}

int soft_cq_create(struct soft_context *ctx, int cqe, void *cq_context,
		   struct soft_channel *channel, struct soft_cq **cq)
{
	fake.cq.ibv.context = &ctx->verbs.context;
	fake.cq.ibv.cq_context = cq_context;
	fake.cq.channel = channel;
	*cq = &fake.cq;
	return result();
}

int soft_cq_create_ex(struct soft_context *ctx, const struct ibv_cq_init_attr_ex *attr,
		      struct soft_cq **cq)
{
	fake.cq.ibv.context = &ctx->verbs.context;
	*cq = &fake.cq;
	return result();
}

int soft_cq_destroy(struct soft_cq *cq)
{
	return result();
}

int soft_cq_resize(struct soft_cq *cq, int cqe)
{
	return result();
}

int soft_cq_poll(struct soft_cq *cq, int n, struct ibv_wc *wc)
{
	return result();
}

void soft_cq_req_notify(struct soft_cq *cq, bool solicited_only)
{
	fake.solicited = solicited_only;
	fake.calls++;
}

int soft_rq_post(struct soft_rq *rq, struct ibv_recv_wr *wr, struct ibv_recv_wr **bad)
{
	*bad = wr;
	return result();
}

int soft_srq_create(struct soft_pd *pd, const struct ibv_srq_init_attr *attr, struct soft_srq **srq)
{
	fake.srq.ibv.context = pd->ibv.context;
	*srq = &fake.srq;
	return result();
}

int soft_srq_modify(struct soft_srq *srq, const struct ibv_srq_attr *attr, int mask)
{
	fake.mask = mask;
	return result();
}

void soft_srq_query(struct soft_srq *srq, struct ibv_srq_attr *attr)
{
	fake.calls++;
	attr->max_wr = 1234;
}

int soft_srq_destroy(struct soft_srq *srq)
{
	return result();
}

int soft_qp_create(struct soft_context *ctx, struct ibv_qp_init_attr_ex *attr, struct soft_qp **qp)
{
	fake.qp.ibv.context = &ctx->verbs.context;
	fake.qp.ibv.pd = attr->pd;
	attr->cap.max_send_wr = 4321;
	*qp = &fake.qp;
	return result();
}

int soft_qp_destroy(struct soft_qp *qp)
{
	return result();
}

int soft_qp_modify(struct soft_qp *qp, const struct ibv_qp_attr *attr, int mask)
{
	fake.mask = mask;
	return result();
}

int soft_qp_query(struct soft_qp *qp, struct ibv_qp_attr *attr, int mask,
		  struct ibv_qp_init_attr *init)
{
	return result();
}

int soft_qp_post_recv(struct soft_qp *qp, struct ibv_recv_wr *wr, struct ibv_recv_wr **bad)
{
	*bad = wr;
	return result();
}

int soft_sq_post(struct soft_qp *qp, struct ibv_send_wr *wr, struct ibv_send_wr **bad)
{
	fake.wr = *wr;
	*bad = wr;
	return result();
}

/* What the inline wrappers fall back to, served by verbs/ in the library. */

int(ibv_query_port)(struct ibv_context *context, uint8_t port, struct _compat_ibv_port_attr *attr)
{
	return context->ops._compat_query_port(context, port, attr);
}

int ibv_query_device(struct ibv_context *context, struct ibv_device_attr *attr)
{
	return soft_ibv_query_device(context, attr);
}

struct ibv_qp *ibv_create_qp(struct ibv_pd *domain, struct ibv_qp_init_attr *attr)
{
	return soft_ibv_create_qp(domain, attr);
}

struct ibv_srq *ibv_create_srq(struct ibv_pd *domain, struct ibv_srq_init_attr *attr)
{
	return soft_ibv_create_srq(domain, attr);
}

/* ------------------------------------------------------------------- Fixture */

static struct ibv_context *ctx;
static struct ibv_pd *pd;

static void init(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct soft_device *dev;

	unsetenv("IWSHIM_DEVICE");
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	cr_assert_eq(soft_dev_by_addr((void *)&in, &dev), 0);
	ctx = soft_ibv_open_device(&dev->ibv);
	cr_assert_not_null(ctx);
	pd = soft_ibv_alloc_pd(ctx);
	cr_assert_not_null(pd);
}

static void fini(void)
{
	cr_assert_eq(soft_ibv_dealloc_pd(pd), 0);
	cr_assert_eq(soft_ibv_close_device(ctx), 0);
}

TestSuite(soft_verbs, .timeout = 60);

/* The next call fails so. */
static void fail_with(int rc)
{
	fake.rc = rc;
	errno = 0;
}

#define positive(call, error) cr_assert((call) == (error) && errno == (error))
#define minus_one(call, error) cr_assert((call) == -1 && errno == (error))
#define null(call, error) cr_assert((call) == NULL && errno == (error))

/* ------------------------------------------------------------------ The table */

Test(soft_verbs, methods__all_plain_ones_are_set, .init = init, .fini = fini)
{
	void *const *ops = (void *const *)&ctx->ops;
	struct verbs_context *verbs = verbs_get_ctx(ctx);

	for (size_t i = 0; i < sizeof(ctx->ops) / sizeof(*ops); i++)
		cr_assert_not_null(ops[i], "method %zu", i);
	cr_assert_not_null(verbs);
	cr_assert_eq(verbs->sz, sizeof(*verbs));
	cr_assert_not_null(verbs->priv);
	cr_assert_eq(ctx->cmd_fd, -1);
}

/* Whatever version of libibverbs looks into its private part finds a refusal. */
Test(soft_verbs, methods__private_table_refuses, .init = init, .fini = fini)
{
	void *(*const *stubs)(void) = (void *)verbs_get_ctx(ctx)->priv;

	for (int i = 0; i < 256; i++) {
		errno = 0;
		null(stubs[i](), EOPNOTSUPP);
	}
}

Test(soft_verbs, methods__what_we_lack_is_not_supported, .init = init, .fini = fini)
{
	struct ibv_xrcd_init_attr xrcd = { 0 };
	struct ibv_td_init_attr td = { 0 };
	struct ibv_wq_init_attr wq = { 0 };

	null(ibv_open_xrcd(ctx, &xrcd), EOPNOTSUPP);
	null(ibv_alloc_td(ctx, &td), EOPNOTSUPP);
	null(ibv_create_wq(ctx, &wq), EOPNOTSUPP);
	null(ibv_alloc_null_mr(pd), EOPNOTSUPP);
	cr_assert_eq(ibv_advise_mr(pd, IBV_ADVISE_MR_ADVICE_PREFETCH, 0, NULL, 0), EOPNOTSUPP);
}

/* ---------------------------------------------------------- Device and queries */

Test(soft_verbs, open_device__errors, .init = init, .fini = fini)
{
	struct ibv_device *dev = ctx->device;

	iw_fault_arm(IW_FAULT_ALLOC, 1);
	null(soft_ibv_open_device(dev), ENOMEM);
	iw_fault_arm(IW_FAULT_SYSCALL | IW_FAULT_HERE, 1);
	null(soft_ibv_open_device(dev), EMFILE);
	iw_fault_arm(0, 0);
}

Test(soft_verbs, queries__through_the_wrappers, .init = init, .fini = fini)
{
	struct ibv_device_attr_ex ex;
	struct ibv_device_attr attr;
	struct ibv_port_attr port;
	union {
		struct ibv_port_attr attr;
		uint8_t bytes[64];
	} compat;
	union ibv_gid gid;
	__be16 pkey;

	cr_assert_eq(soft_ibv_query_device(ctx, &attr), 0);
	cr_assert_eq(ibv_query_device_ex(ctx, NULL, &ex), 0);
	cr_assert_eq(memcmp(&attr, &ex.orig_attr, sizeof(attr)), 0);
	cr_assert_eq(ibv_query_port(ctx, 1, &port), 0);
	cr_assert_eq(port.state, IBV_PORT_ACTIVE);
	cr_assert_eq(ibv_query_port(ctx, 2, &port), EINVAL);
	memset(&compat, 0xff, sizeof(compat));
	cr_assert_eq(ctx->ops._compat_query_port(ctx, 1, (void *)&compat), 0);
	cr_assert_eq(compat.attr.link_layer, IBV_LINK_LAYER_ETHERNET);
	cr_assert_eq(compat.attr.port_cap_flags2, 0xffff);
	cr_assert_eq(ctx->ops._compat_query_device(ctx, &attr), 0);
	cr_assert_eq(soft_ibv_query_gid(ctx, 1, 0, &gid), 0);
	minus_one(soft_ibv_query_gid(ctx, 1, 1, &gid), EINVAL);
	minus_one(soft_ibv_query_pkey(ctx, 1, 0, &pkey), EINVAL);
	cr_assert_eq(soft_ibv_get_pkey_index(ctx, 1, htons(0xffff)), -1);
}

Test(soft_verbs, query_gid_ex__one_entry, .init = init, .fini = fini)
{
	struct ibv_gid_entry entry, table[4];
	union ibv_gid gid;

	cr_assert_eq(soft_ibv_query_gid(ctx, 1, 0, &gid), 0);
	cr_assert_eq(soft_ibv_query_gid_ex(ctx, 1, 0, &entry, 0, sizeof(entry)), 0);
	cr_assert_eq(memcmp(&entry.gid, &gid, sizeof(gid)), 0);
	cr_assert_gt(entry.ndev_ifindex, 0);
	cr_assert_eq(entry.port_num, 1);
	positive(soft_ibv_query_gid_ex(ctx, 1, 1, &entry, 0, sizeof(entry)), EINVAL);
	positive(soft_ibv_query_gid_ex(ctx, 257, 0, &entry, 0, sizeof(entry)), EINVAL);
	positive(soft_ibv_query_gid_ex(ctx, 1, 1u << 31, &entry, 0, sizeof(entry)), EINVAL);
	positive(soft_ibv_query_gid_ex(ctx, 1, 0, &entry, 1, sizeof(entry)), EINVAL);
	positive(soft_ibv_query_gid_ex(ctx, 1, 0, &entry, 0, 8), EINVAL);
	entry.gid_index = 77;
	cr_assert_eq(soft_ibv_query_gid_ex(ctx, 1, 0, &entry, 0, sizeof(gid)), 0);
	cr_assert_eq(entry.gid_index, 77);
	cr_assert_eq(soft_ibv_query_gid_table(ctx, table, 4, 0, sizeof(*table)), 1);
	cr_assert_eq(soft_ibv_query_gid_table(ctx, table, 0, 0, sizeof(*table)), -EINVAL);
	cr_assert_eq(soft_ibv_query_gid_table(ctx, table, 4, 1, sizeof(*table)), -EINVAL);
}

Test(soft_verbs, async__through_the_dialect, .init = init, .fini = fini)
{
	struct ibv_async_event event;
	struct soft_context *soft = soft_context_of(ctx);

	soft_async_post(soft, IBV_EVENT_PORT_ACTIVE, NULL);
	cr_assert_eq(soft_ibv_get_async_event(ctx, &event), 0);
	iw_fault_arm(IW_FAULT_SYSCALL | IW_FAULT_HERE, 1);
	minus_one(soft_ibv_get_async_event(ctx, &event), EINTR);
	iw_fault_arm(0, 0);
}

/* ------------------------------------------------------------------- Memory */

Test(soft_verbs, memory__errors, .init = init, .fini = fini)
{
	static char bytes[64];
	struct ibv_mr *mr;

	iw_fault_arm(IW_FAULT_ALLOC, 1);
	null(soft_ibv_alloc_pd(ctx), ENOMEM);
	iw_fault_arm(0, 0);
	null(soft_ibv_reg_mr(pd, bytes, 0, 0, 0), EINVAL);
	mr = soft_ibv_reg_mr(pd, bytes, sizeof(bytes), (uintptr_t)bytes, 0);
	cr_assert_not_null(mr);
	positive(soft_ibv_dealloc_pd(pd), EBUSY);
	cr_assert_eq(soft_ibv_dereg_mr(mr), 0);
}

Test(soft_verbs, mw__bind_goes_through_the_send_queue, .init = init, .fini = fini)
{
	const unsigned int access = IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_MW_BIND;
	static char bytes[64];
	struct ibv_mr *mr = soft_ibv_reg_mr(pd, bytes, 64, (uintptr_t)bytes, access);
	struct ibv_mw *mw = ibv_alloc_mw(pd, IBV_MW_TYPE_1), *two = ibv_alloc_mw(pd, 2);
	struct ibv_qp_init_attr attr = { .qp_type = IBV_QPT_RC };
	struct ibv_qp *qp = soft_ibv_create_qp(pd, &attr);
	struct ibv_mw_bind bind = {
		.wr_id = 7,
		.send_flags = IBV_SEND_SIGNALED,
		.bind_info = { .mr = mr, .addr = (uintptr_t)bytes, .length = 8 },
	};
	uint32_t before;

	cr_assert(mr && mw && two && qp);
	null(ibv_alloc_mw(pd, (enum ibv_mw_type)9), EINVAL);
	before = mw->rkey;
	cr_assert_eq(ibv_bind_mw(qp, mw, &bind), 0);
	cr_assert_neq(mw->rkey, before);
	cr_assert_eq(mw->rkey >> 8, before >> 8);
	cr_assert_eq(fake.wr.opcode, IBV_WR_BIND_MW);
	cr_assert_eq(fake.wr.wr_id, 7);
	cr_assert_eq(fake.wr.send_flags, IBV_SEND_SIGNALED);
	cr_assert_eq(fake.wr.bind_mw.mw, mw);
	cr_assert_eq(fake.wr.bind_mw.rkey, mw->rkey);
	cr_assert_eq(fake.wr.bind_mw.bind_info.length, 8);

	before = mw->rkey;
	fail_with(-ENOMEM);
	positive(ibv_bind_mw(qp, mw, &bind), ENOMEM);
	cr_assert_eq(mw->rkey, before, "a bind that was not posted changes nothing");
	cr_assert_eq(ctx->ops.bind_mw(qp, two, &bind), EINVAL);
	fail_with(0);
	cr_assert_eq(ibv_dealloc_mw(mw), 0);
	cr_assert_eq(ibv_dealloc_mw(two), 0);
	cr_assert_eq(soft_ibv_dereg_mr(mr), 0);
}

/* -------------------------------------------------------------------- Queues */

Test(soft_verbs, cq__dialects, .init = init, .fini = fini)
{
	struct ibv_comp_channel *channel = soft_ibv_create_comp_channel(ctx);
	struct ibv_cq *cq = soft_ibv_create_cq(ctx, 16, &fake, channel, 0), *ready;
	struct ibv_cq_init_attr_ex ex = { .cqe = 16 };
	struct ibv_context other = { 0 };
	struct ibv_comp_channel foreign = { .context = &other };
	void *cq_context = NULL;
	struct ibv_wc wc;

	cr_assert_eq(channel, &fake.channel.ibv);
	cr_assert_eq(cq, &fake.cq.ibv);
	cr_assert_eq(fake.cq.channel, &fake.channel);
	cr_assert_eq(soft_ibv_get_cq_event(channel, &ready, &cq_context), 0);
	cr_assert(ready == cq && cq_context == &fake);
	cr_assert_eq(ibv_create_cq_ex(ctx, &ex), &fake.cq.ex);
	cr_assert_eq(ibv_req_notify_cq(cq, 1), 0);
	cr_assert(fake.solicited);
	fake.rc = 3;
	cr_assert_eq(ibv_poll_cq(cq, 5, &wc), 3);
	fake.rc = 0;
	null(soft_ibv_create_cq(ctx, 16, NULL, NULL, 1), EINVAL);
	null(soft_ibv_create_cq(ctx, 16, NULL, NULL, -1), EINVAL);
	null(soft_ibv_create_cq(ctx, 16, NULL, &foreign, 0), EINVAL);
	ex.comp_vector = 1;
	null(ibv_create_cq_ex(ctx, &ex), EINVAL);
	ex.comp_vector = 0;

	fail_with(-EBUSY);
	null(soft_ibv_create_comp_channel(ctx), EBUSY);
	null(soft_ibv_create_cq(ctx, 16, NULL, NULL, 0), EBUSY);
	null(ibv_create_cq_ex(ctx, &ex), EBUSY);
	minus_one(soft_ibv_get_cq_event(channel, &ready, &cq_context), EBUSY);
	positive(soft_ibv_resize_cq(cq, 32), EBUSY);
	positive(soft_ibv_destroy_cq(cq), EBUSY);
	positive(soft_ibv_destroy_comp_channel(channel), EBUSY);
	cr_assert_lt(ibv_poll_cq(cq, 5, &wc), 0);
	fail_with(0);
	cr_assert_eq(soft_ibv_destroy_cq(cq), 0);
	cr_assert_eq(soft_ibv_destroy_comp_channel(channel), 0);
}

Test(soft_verbs, srq__dialects, .init = init, .fini = fini)
{
	struct ibv_srq_init_attr_ex ex = {
		.comp_mask = IBV_SRQ_INIT_ATTR_PD | IBV_SRQ_INIT_ATTR_TYPE,
		.srq_type = IBV_SRQT_BASIC,
		.pd = pd,
	};
	struct ibv_srq_init_attr init_attr = { .attr = { .max_wr = 10, .max_sge = 1 } };
	struct ibv_srq *srq = soft_ibv_create_srq(pd, &init_attr);
	struct ibv_recv_wr wr = { 0 }, *bad = NULL;
	struct ibv_srq_attr attr = { 0 };

	cr_assert_eq(srq, &fake.srq.ibv);
	cr_assert_eq(init_attr.attr.max_wr, 1234, "the program learns what it got");
	cr_assert_eq(ibv_create_srq_ex(ctx, &ex), srq);
	cr_assert_eq(ex.attr.max_wr, 1234);
	cr_assert_eq(soft_ibv_modify_srq(srq, &attr, IBV_SRQ_LIMIT), 0);
	cr_assert_eq(fake.mask, IBV_SRQ_LIMIT);
	cr_assert_eq(soft_ibv_query_srq(srq, &attr), 0);
	cr_assert_eq(ibv_post_srq_recv(srq, &wr, &bad), 0);
	ex.srq_type = IBV_SRQT_XRC;
	null(ibv_create_srq_ex(ctx, &ex), EOPNOTSUPP);
	ex.srq_type = IBV_SRQT_BASIC;
	ex.comp_mask |= IBV_SRQ_INIT_ATTR_XRCD;
	null(ibv_create_srq_ex(ctx, &ex), EOPNOTSUPP);
	ex.comp_mask = IBV_SRQ_INIT_ATTR_TYPE;
	null(ibv_create_srq_ex(ctx, &ex), EINVAL);

	fail_with(-ENOMEM);
	null(soft_ibv_create_srq(pd, &init_attr), ENOMEM);
	positive(soft_ibv_modify_srq(srq, &attr, 0), ENOMEM);
	positive(soft_ibv_destroy_srq(srq), ENOMEM);
	positive(ibv_post_srq_recv(srq, &wr, &bad), ENOMEM);
	cr_assert_eq(bad, &wr);
	fail_with(0);
	cr_assert_eq(soft_ibv_destroy_srq(srq), 0);
}

static void wr_start(struct ibv_qp_ex *qp)
{
	(void)qp;
}

Test(soft_verbs, qp__dialects, .init = init, .fini = fini)
{
	struct ibv_qp_init_attr init_attr = { .qp_type = IBV_QPT_RC };
	struct ibv_qp_init_attr_ex ex = {
		.comp_mask = IBV_QP_INIT_ATTR_PD | IBV_QP_INIT_ATTR_SEND_OPS_FLAGS,
		.pd = pd,
	};
	struct ibv_qp *qp = soft_ibv_create_qp(pd, &init_attr);
	struct ibv_context other = { 0 };
	struct ibv_cq foreign_cq = { .context = &other };
	struct ibv_recv_wr recv = { 0 }, *bad_recv = NULL;
	struct ibv_send_wr send = { 0 }, *bad_send = NULL;
	struct ibv_qp_attr attr;

	cr_assert_eq(qp, &fake.qp.ibv);
	cr_assert_eq(init_attr.cap.max_send_wr, 4321, "the program learns what it got");
	cr_assert_eq(ibv_create_qp_ex(ctx, &ex), qp);
	cr_assert_eq(soft_ibv_modify_qp(qp, &attr, IBV_QP_STATE), 0);
	cr_assert_eq(fake.mask, IBV_QP_STATE);
	cr_assert_eq(soft_ibv_query_qp(qp, &attr, IBV_QP_STATE, &init_attr), 0);
	cr_assert_eq(ibv_post_send(qp, &send, &bad_send), 0);
	cr_assert_eq(ibv_post_recv(qp, &recv, &bad_recv), 0);
	cr_assert_null(soft_ibv_qp_to_qp_ex(qp));
	fake.qp.ex.wr_start = wr_start;
	cr_assert_eq(soft_ibv_qp_to_qp_ex(qp), &fake.qp.ex);
	ex.comp_mask = IBV_QP_INIT_ATTR_SEND_OPS_FLAGS;
	null(ibv_create_qp_ex(ctx, &ex), EINVAL);
	ex.comp_mask |= IBV_QP_INIT_ATTR_PD;
	init_attr.recv_cq = &foreign_cq;
	null(soft_ibv_create_qp(pd, &init_attr), EINVAL);
	init_attr.recv_cq = NULL;

	fail_with(-ENOMEM);
	null(soft_ibv_create_qp(pd, &init_attr), ENOMEM);
	null(ibv_create_qp_ex(ctx, &ex), ENOMEM);
	positive(soft_ibv_modify_qp(qp, &attr, IBV_QP_STATE), ENOMEM);
	positive(soft_ibv_query_qp(qp, &attr, IBV_QP_STATE, &init_attr), ENOMEM);
	positive(ibv_post_send(qp, &send, &bad_send), ENOMEM);
	positive(ibv_post_recv(qp, &recv, &bad_recv), ENOMEM);
	cr_assert(bad_send == &send && bad_recv == &recv);
	positive(soft_ibv_destroy_qp(qp), ENOMEM);
	fail_with(0);
	cr_assert_eq(soft_ibv_destroy_qp(qp), 0);
}

/* -------------------------------------------------------------------- Forked */

/* In a child nothing of the parent's is touched; each call says EACCES. */
Test(soft_verbs, forked__everything_is_refused, .init = init, .fini = fini)
{
	static char bytes[64];
	struct ibv_mr *mr = soft_ibv_reg_mr(pd, bytes, 64, 0, 0);
	struct ibv_mw *mw = ibv_alloc_mw(pd, IBV_MW_TYPE_1);
	struct ibv_comp_channel *channel = soft_ibv_create_comp_channel(ctx);
	struct ibv_cq *cq = soft_ibv_create_cq(ctx, 16, NULL, NULL, 0);
	struct ibv_srq_init_attr srq_init = { 0 };
	struct ibv_srq *srq = soft_ibv_create_srq(pd, &srq_init);
	struct ibv_qp_init_attr qp_init = { 0 };
	struct ibv_qp *qp = soft_ibv_create_qp(pd, &qp_init);
	struct ibv_recv_wr recv = { 0 }, *bad_recv;
	struct ibv_send_wr send = { 0 }, *bad_send;
	struct ibv_async_event event;
	struct ibv_device_attr attr;
	struct ibv_port_attr port;
	struct ibv_wc wc;

	soft_context_of(ctx)->generation--; /* as if a parent had opened it */
	fake.calls = 0;
	positive(soft_ibv_query_device(ctx, &attr), EACCES);
	positive(ibv_query_port(ctx, 1, &port), EACCES);
	minus_one(soft_ibv_get_async_event(ctx, &event), EACCES);
	null(soft_ibv_alloc_pd(ctx), EACCES);
	positive(soft_ibv_dealloc_pd(pd), EACCES);
	null(soft_ibv_reg_mr(pd, bytes, 64, 0, 0), EACCES);
	positive(soft_ibv_dereg_mr(mr), EACCES);
	null(ibv_alloc_mw(pd, IBV_MW_TYPE_1), EACCES);
	positive(ibv_dealloc_mw(mw), EACCES);
	null(soft_ibv_create_cq(ctx, 1, NULL, NULL, 0), EACCES);
	positive(soft_ibv_destroy_cq(cq), EACCES);
	null(soft_ibv_create_comp_channel(ctx), EACCES);
	positive(soft_ibv_destroy_comp_channel(channel), EACCES);
	positive(soft_ibv_destroy_srq(srq), EACCES);
	positive(soft_ibv_destroy_qp(qp), EACCES);
	cr_assert_lt(ibv_poll_cq(cq, 1, &wc), 0);
	positive(ibv_req_notify_cq(cq, 0), EACCES);
	positive(ibv_post_send(qp, &send, &bad_send), EACCES);
	positive(ibv_post_recv(qp, &recv, &bad_recv), EACCES);
	positive(ibv_post_srq_recv(srq, &recv, &bad_recv), EACCES);
	cr_assert(bad_send == &send && bad_recv == &recv);
	minus_one(soft_ibv_close_device(ctx), EACCES);
	cr_assert_eq(fake.calls, 0);

	soft_context_of(ctx)->generation++;
	cr_assert_eq(ibv_dealloc_mw(mw), 0);
	cr_assert_eq(soft_ibv_dereg_mr(mr), 0);
}
