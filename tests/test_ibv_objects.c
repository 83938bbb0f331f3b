// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <criterion/criterion.h>
#include <errno.h>

#include "tests/fake_soft.h"
#include "tests/verbs_util.h"
#include "verbs/ibv_forward.h"

static struct fake_verbs *fake;
static struct ibv_context real_context;
static struct ibv_context *ctx;

/* Objects whose context set_owner() sets. */
static struct ibv_pd pd;
static struct ibv_mr mr;
static struct ibv_dm dm;
static struct ibv_cq cq;
static struct ibv_comp_channel channel;
static struct ibv_srq srq;
static struct ibv_qp qp;
static struct ibv_ah ah;

static void set_up(void)
{
	fake = use_fake(FAKE_VERBS);
	cr_assert(fake);
	real_context.device = &fake->devices[0];
}

TestSuite(objects, .init = set_up);

static void set_owner(struct ibv_context *context)
{
	ctx = pd.context = mr.context = dm.context = cq.context = context;
	channel.context = srq.context = qp.context = ah.context = context;
	fake_soft_last = fake->last = NULL;
	errno = 0;
}

/* The real library answers for what is its own. */
#define FORWARDED(call, name)                                          \
	do {                                                           \
		set_owner(&real_context);                              \
		cr_assert_eq((long)(call), FAKE_VERBS_RC, "%s", name); \
		cr_assert_str_eq(fake->last, name);                    \
		cr_assert_null(fake_soft_last);                        \
	} while (0)

#define ANSWERS(call, name, soft_name)                                        \
	do {                                                                  \
		set_owner(&fake_soft_context);                                \
		cr_assert_eq((long)(call), FAKE_SOFT_RC, "%s of ours", name); \
		cr_assert_str_eq(fake_soft_last, soft_name);                  \
		cr_assert_null(fake->last);                                   \
		FORWARDED(call, name);                                        \
	} while (0)

/* @result for ours, and nobody is asked. */
#define REFUSES(call, name, result)                                     \
	do {                                                            \
		set_owner(&fake_soft_context);                          \
		cr_assert_eq((long)(call), result, "%s of ours", name); \
		cr_assert_null(fake_soft_last);                         \
		cr_assert_null(fake->last);                             \
	} while (0)

#define REFUSES_BY_ERRNO(call, name, result)                 \
	do {                                                 \
		REFUSES(call, name, result);                 \
		cr_assert_eq(errno, EOPNOTSUPP, "%s", name); \
		FORWARDED(call, name);                       \
	} while (0)

Test(objects, memory__answered_by_whose_it_is)
{
	ANSWERS(ibv_alloc_pd(ctx), "alloc_pd", "alloc_pd");
	ANSWERS(ibv_dealloc_pd(&pd), "dealloc_pd", "dealloc_pd");
	ANSWERS(ibv_reg_mr(&pd, NULL, 1, 0), "reg_mr", "reg_mr");
	ANSWERS(ibv_reg_mr_iova(&pd, NULL, 1, 2, 0), "reg_mr_iova", "reg_mr");
	ANSWERS(ibv_reg_mr_iova2(&pd, NULL, 1, 2, 0), "reg_mr_iova2", "reg_mr");
	ANSWERS(ibv_dereg_mr(&mr), "dereg_mr", "dereg_mr");
}

Test(objects, queues__answered_by_whose_it_is)
{
	ANSWERS(ibv_create_comp_channel(ctx), "create_comp_channel", "create_comp_channel");
	ANSWERS(ibv_destroy_comp_channel(&channel), "destroy_comp_channel", "destroy_comp_channel");
	ANSWERS(ibv_create_cq(ctx, 1, NULL, NULL, 0), "create_cq", "create_cq");
	ANSWERS(ibv_resize_cq(&cq, 1), "resize_cq", "resize_cq");
	ANSWERS(ibv_destroy_cq(&cq), "destroy_cq", "destroy_cq");
	ANSWERS(ibv_get_cq_event(&channel, NULL, NULL), "get_cq_event", "get_cq_event");
	ANSWERS(ibv_create_srq(&pd, NULL), "create_srq", "create_srq");
	ANSWERS(ibv_modify_srq(&srq, NULL, 0), "modify_srq", "modify_srq");
	ANSWERS(ibv_query_srq(&srq, NULL), "query_srq", "query_srq");
	ANSWERS(ibv_destroy_srq(&srq), "destroy_srq", "destroy_srq");
}

Test(objects, qp__answered_by_whose_it_is)
{
	ANSWERS(ibv_create_qp(&pd, NULL), "create_qp", "create_qp");
	ANSWERS(ibv_modify_qp(&qp, NULL, 0), "modify_qp", "modify_qp");
	ANSWERS(ibv_query_qp(&qp, NULL, 0, NULL), "query_qp", "query_qp");
	ANSWERS(ibv_destroy_qp(&qp), "destroy_qp", "destroy_qp");
	ANSWERS(ibv_qp_to_qp_ex(&qp), "qp_to_qp_ex", "qp_to_qp_ex");
}

Test(objects, imports__refused)
{
	REFUSES_BY_ERRNO(ibv_import_pd(ctx, 1), "import_pd", 0);
	REFUSES_BY_ERRNO(ibv_import_mr(&pd, 1), "import_mr", 0);
	REFUSES_BY_ERRNO(ibv_import_dm(ctx, 1), "import_dm", 0);
	REFUSES_BY_ERRNO(ibv_reg_dmabuf_mr(&pd, 0, 1, 0, 3, 0), "reg_dmabuf_mr", 0);
	REFUSES_BY_ERRNO(ibv_rereg_mr(&mr, 0, NULL, NULL, 0, 0), "rereg_mr",
			 IBV_REREG_MR_ERR_INPUT);
	REFUSES_BY_ERRNO(ibv_create_ah(&pd, NULL), "create_ah", 0);
}

Test(objects, unimports__nothing_happens_to_ours)
{
	REFUSES((ibv_unimport_pd(&pd), 0), "unimport_pd", 0);
	REFUSES((ibv_unimport_mr(&mr), 0), "unimport_mr", 0);
	REFUSES((ibv_unimport_dm(&dm), 0), "unimport_dm", 0);
	FORWARDED((ibv_unimport_pd(&pd), FAKE_VERBS_RC), "unimport_pd");
	FORWARDED((ibv_unimport_mr(&mr), FAKE_VERBS_RC), "unimport_mr");
	FORWARDED((ibv_unimport_dm(&dm), FAKE_VERBS_RC), "unimport_dm");
}

#define REFUSES_BY_VALUE(call, name, result) \
	do {                                 \
		REFUSES(call, name, result); \
		FORWARDED(call, name);       \
	} while (0)

Test(objects, other_fabrics__refused)
{
	REFUSES_BY_VALUE(ibv_query_qp_data_in_order(&qp, IBV_WR_SEND, 0), "query_qp_data_in_order",
			 0);
	REFUSES_BY_VALUE(ibv_query_ece(&qp, NULL), "query_ece", EOPNOTSUPP);
	REFUSES_BY_VALUE(ibv_set_ece(&qp, NULL), "set_ece", EOPNOTSUPP);
	REFUSES_BY_VALUE(ibv_destroy_ah(&ah), "destroy_ah", EOPNOTSUPP);
	REFUSES_BY_VALUE(ibv_attach_mcast(&qp, NULL, 0), "attach_mcast", EOPNOTSUPP);
	REFUSES_BY_VALUE(ibv_detach_mcast(&qp, NULL, 0), "detach_mcast", EOPNOTSUPP);
}

/* Each dialect's way to say ENOSYS. */
Test(objects, old_library__enosys)
{
	fake = use_fake(FAKE_VERBS_OLD);
	real_context.device = &fake->devices[0];
	set_owner(&real_context);
	cr_assert_null(ibv_alloc_pd(ctx));
	cr_assert_eq(errno, ENOSYS);
	cr_assert_eq(ibv_dealloc_pd(&pd), ENOSYS);
	cr_assert_eq(ibv_modify_qp(&qp, NULL, 0), ENOSYS);
	errno = 0;
	cr_assert_eq(ibv_get_cq_event(&channel, NULL, NULL), -1);
	cr_assert_eq(errno, ENOSYS);
	errno = 0;
	ibv_unimport_pd(&pd);
	cr_assert_eq(errno, ENOSYS);
}
