// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The exported verbs that a program calls for objects of a context: protection
 * domains, regions, queues. Each asks whose context it is. What an iWARP device
 * has no use for is refused with EOPNOTSUPP.
 *
 * The fast path (ibv_poll_cq, ibv_post_send, ...) does not come by here: those
 * are inline and call the context's own methods.
 */
#include <errno.h>
#include <stddef.h>

#include "driver/soft/soft_dev.h"
#include "driver/soft/soft_verbs.h"
#include "verbs/ibv_forward.h"

static void *refuse(void)
{
	errno = EOPNOTSUPP;
	return NULL;
}

/* ---- protection domains */

IBV_EXPORT struct ibv_pd *ibv_alloc_pd(struct ibv_context *context)
{
	if (soft_context_is_ours(context))
		return soft_ibv_alloc_pd(context);
	return IBV_FORWARD(NULL, alloc_pd, context);
}

IBV_EXPORT int ibv_dealloc_pd(struct ibv_pd *pd)
{
	if (soft_context_is_ours(pd->context))
		return soft_ibv_dealloc_pd(pd);
	return IBV_FORWARD(ENOSYS, dealloc_pd, pd);
}

IBV_EXPORT struct ibv_pd *ibv_import_pd(struct ibv_context *context, uint32_t handle)
{
	if (soft_context_is_ours(context))
		return refuse();
	return IBV_FORWARD(NULL, import_pd, context, handle);
}

IBV_EXPORT void ibv_unimport_pd(struct ibv_pd *pd)
{
	if (!soft_context_is_ours(pd->context))
		IBV_FORWARD((void)0, unimport_pd, pd);
}

/* ---- memory */

/* Constant access flags arrive here, others at ibv_reg_mr_iova2(). */
IBV_EXPORT struct ibv_mr *ibv_reg_mr(struct ibv_pd *pd, void *addr, size_t length, int access)
{
	if (soft_context_is_ours(pd->context))
		return soft_ibv_reg_mr(pd, addr, length, (uintptr_t)addr, (unsigned int)access);
	return IBV_FORWARD(NULL, reg_mr, pd, addr, length, access);
}

IBV_EXPORT struct ibv_mr *ibv_reg_mr_iova(struct ibv_pd *pd, void *addr, size_t length,
					  uint64_t iova, int access)
{
	if (soft_context_is_ours(pd->context))
		return soft_ibv_reg_mr(pd, addr, length, iova, (unsigned int)access);
	return IBV_FORWARD(NULL, reg_mr_iova, pd, addr, length, iova, access);
}

IBV_EXPORT struct ibv_mr *ibv_reg_mr_iova2(struct ibv_pd *pd, void *addr, size_t length,
					   uint64_t iova, unsigned int access)
{
	if (soft_context_is_ours(pd->context))
		return soft_ibv_reg_mr(pd, addr, length, iova, access);
	return IBV_FORWARD(NULL, reg_mr_iova2, pd, addr, length, iova, access);
}

IBV_EXPORT struct ibv_mr *ibv_reg_dmabuf_mr(struct ibv_pd *pd, uint64_t offset, size_t length,
					    uint64_t iova, int fd, int access)
{
	if (soft_context_is_ours(pd->context))
		return refuse();
	return IBV_FORWARD(NULL, reg_dmabuf_mr, pd, offset, length, iova, fd, access);
}

/* ERR_INPUT: nothing was done, the region is as it was. */
IBV_EXPORT int ibv_rereg_mr(struct ibv_mr *mr, int flags, struct ibv_pd *pd, void *addr,
			    size_t length, int access)
{
	if (soft_context_is_ours(mr->context)) {
		refuse();
		return IBV_REREG_MR_ERR_INPUT;
	}
	return IBV_FORWARD(IBV_REREG_MR_ERR_INPUT, rereg_mr, mr, flags, pd, addr, length, access);
}

IBV_EXPORT int ibv_dereg_mr(struct ibv_mr *mr)
{
	if (soft_context_is_ours(mr->context))
		return soft_ibv_dereg_mr(mr);
	return IBV_FORWARD(ENOSYS, dereg_mr, mr);
}

IBV_EXPORT struct ibv_mr *ibv_import_mr(struct ibv_pd *pd, uint32_t handle)
{
	if (soft_context_is_ours(pd->context))
		return refuse();
	return IBV_FORWARD(NULL, import_mr, pd, handle);
}

IBV_EXPORT void ibv_unimport_mr(struct ibv_mr *mr)
{
	if (!soft_context_is_ours(mr->context))
		IBV_FORWARD((void)0, unimport_mr, mr);
}

IBV_EXPORT struct ibv_dm *ibv_import_dm(struct ibv_context *context, uint32_t handle)
{
	if (soft_context_is_ours(context))
		return refuse();
	return IBV_FORWARD(NULL, import_dm, context, handle);
}

IBV_EXPORT void ibv_unimport_dm(struct ibv_dm *dm)
{
	if (!soft_context_is_ours(dm->context))
		IBV_FORWARD((void)0, unimport_dm, dm);
}

/* ---- completions */

IBV_EXPORT struct ibv_comp_channel *ibv_create_comp_channel(struct ibv_context *context)
{
	if (soft_context_is_ours(context))
		return soft_ibv_create_comp_channel(context);
	return IBV_FORWARD(NULL, create_comp_channel, context);
}

IBV_EXPORT int ibv_destroy_comp_channel(struct ibv_comp_channel *channel)
{
	if (soft_context_is_ours(channel->context))
		return soft_ibv_destroy_comp_channel(channel);
	return IBV_FORWARD(ENOSYS, destroy_comp_channel, channel);
}

IBV_EXPORT struct ibv_cq *ibv_create_cq(struct ibv_context *context, int cqe, void *cq_context,
					struct ibv_comp_channel *channel, int comp_vector)
{
	if (soft_context_is_ours(context))
		return soft_ibv_create_cq(context, cqe, cq_context, channel, comp_vector);
	return IBV_FORWARD(NULL, create_cq, context, cqe, cq_context, channel, comp_vector);
}

IBV_EXPORT int ibv_resize_cq(struct ibv_cq *cq, int cqe)
{
	if (soft_context_is_ours(cq->context))
		return soft_ibv_resize_cq(cq, cqe);
	return IBV_FORWARD(ENOSYS, resize_cq, cq, cqe);
}

IBV_EXPORT int ibv_destroy_cq(struct ibv_cq *cq)
{
	if (soft_context_is_ours(cq->context))
		return soft_ibv_destroy_cq(cq);
	return IBV_FORWARD(ENOSYS, destroy_cq, cq);
}

IBV_EXPORT int ibv_get_cq_event(struct ibv_comp_channel *channel, struct ibv_cq **cq,
				void **cq_context)
{
	if (soft_context_is_ours(channel->context))
		return soft_ibv_get_cq_event(channel, cq, cq_context);
	return IBV_FORWARD(-1, get_cq_event, channel, cq, cq_context);
}

/* ---- shared receive queues */

IBV_EXPORT struct ibv_srq *ibv_create_srq(struct ibv_pd *pd, struct ibv_srq_init_attr *attr)
{
	if (soft_context_is_ours(pd->context))
		return soft_ibv_create_srq(pd, attr);
	return IBV_FORWARD(NULL, create_srq, pd, attr);
}

IBV_EXPORT int ibv_modify_srq(struct ibv_srq *srq, struct ibv_srq_attr *attr, int mask)
{
	if (soft_context_is_ours(srq->context))
		return soft_ibv_modify_srq(srq, attr, mask);
	return IBV_FORWARD(ENOSYS, modify_srq, srq, attr, mask);
}

IBV_EXPORT int ibv_query_srq(struct ibv_srq *srq, struct ibv_srq_attr *attr)
{
	if (soft_context_is_ours(srq->context))
		return soft_ibv_query_srq(srq, attr);
	return IBV_FORWARD(ENOSYS, query_srq, srq, attr);
}

IBV_EXPORT int ibv_destroy_srq(struct ibv_srq *srq)
{
	if (soft_context_is_ours(srq->context))
		return soft_ibv_destroy_srq(srq);
	return IBV_FORWARD(ENOSYS, destroy_srq, srq);
}

/* ---- queue pairs */

IBV_EXPORT struct ibv_qp *ibv_create_qp(struct ibv_pd *pd, struct ibv_qp_init_attr *attr)
{
	if (soft_context_is_ours(pd->context))
		return soft_ibv_create_qp(pd, attr);
	return IBV_FORWARD(NULL, create_qp, pd, attr);
}

IBV_EXPORT int ibv_modify_qp(struct ibv_qp *qp, struct ibv_qp_attr *attr, int mask)
{
	if (soft_context_is_ours(qp->context))
		return soft_ibv_modify_qp(qp, attr, mask);
	return IBV_FORWARD(ENOSYS, modify_qp, qp, attr, mask);
}

IBV_EXPORT int ibv_query_qp(struct ibv_qp *qp, struct ibv_qp_attr *attr, int mask,
			    struct ibv_qp_init_attr *init)
{
	if (soft_context_is_ours(qp->context))
		return soft_ibv_query_qp(qp, attr, mask, init);
	return IBV_FORWARD(ENOSYS, query_qp, qp, attr, mask, init);
}

IBV_EXPORT int ibv_destroy_qp(struct ibv_qp *qp)
{
	if (soft_context_is_ours(qp->context))
		return soft_ibv_destroy_qp(qp);
	return IBV_FORWARD(ENOSYS, destroy_qp, qp);
}

IBV_EXPORT struct ibv_qp_ex *ibv_qp_to_qp_ex(struct ibv_qp *qp)
{
	if (soft_context_is_ours(qp->context))
		return soft_ibv_qp_to_qp_ex(qp);
	return IBV_FORWARD(NULL, qp_to_qp_ex, qp);
}

/* 0 promises nothing. */
IBV_EXPORT int ibv_query_qp_data_in_order(struct ibv_qp *qp, enum ibv_wr_opcode op, uint32_t flags)
{
	if (soft_context_is_ours(qp->context))
		return 0;
	return IBV_FORWARD(0, query_qp_data_in_order, qp, op, flags);
}

/* ---- what only other fabrics have */

IBV_EXPORT int ibv_query_ece(struct ibv_qp *qp, struct ibv_ece *ece)
{
	if (soft_context_is_ours(qp->context))
		return EOPNOTSUPP;
	return IBV_FORWARD(ENOSYS, query_ece, qp, ece);
}

IBV_EXPORT int ibv_set_ece(struct ibv_qp *qp, struct ibv_ece *ece)
{
	if (soft_context_is_ours(qp->context))
		return EOPNOTSUPP;
	return IBV_FORWARD(ENOSYS, set_ece, qp, ece);
}

IBV_EXPORT struct ibv_ah *ibv_create_ah(struct ibv_pd *pd, struct ibv_ah_attr *attr)
{
	if (soft_context_is_ours(pd->context))
		return refuse();
	return IBV_FORWARD(NULL, create_ah, pd, attr);
}

IBV_EXPORT int ibv_destroy_ah(struct ibv_ah *ah)
{
	if (soft_context_is_ours(ah->context))
		return EOPNOTSUPP;
	return IBV_FORWARD(ENOSYS, destroy_ah, ah);
}

IBV_EXPORT int ibv_attach_mcast(struct ibv_qp *qp, const union ibv_gid *gid, uint16_t lid)
{
	if (soft_context_is_ours(qp->context))
		return EOPNOTSUPP;
	return IBV_FORWARD(ENOSYS, attach_mcast, qp, gid, lid);
}

IBV_EXPORT int ibv_detach_mcast(struct ibv_qp *qp, const union ibv_gid *gid, uint16_t lid)
{
	if (soft_context_is_ours(qp->context))
		return EOPNOTSUPP;
	return IBV_FORWARD(ENOSYS, detach_mcast, qp, gid, lid);
}
