/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The modules of the software device in verbs' own dialects: NULL or -1 with
 * errno, or a positive errno, as the man page of each call says. The methods of
 * a context (ibv_poll_cq, ibv_post_send, ...) and the functions that verbs/
 * forwards to are the same ones.
 *
 * Each first refuses (EACCES) an object that a parent process opened.
 */
#ifndef IW_SOFT_VERBS_H
#define IW_SOFT_VERBS_H

#include <infiniband/verbs.h>

#include "driver/soft/soft_dev.h"

/* Sets ops, abi_compat, sz and the extended methods of a new context. */
void soft_verbs_methods(struct soft_context *ctx);

struct ibv_context *soft_ibv_open_device(struct ibv_device *dev);
int soft_ibv_close_device(struct ibv_context *ctx);
int soft_ibv_query_device(struct ibv_context *ctx, struct ibv_device_attr *attr);
/* @size: of the caller's struct, which may be an older, shorter one. */
int soft_ibv_query_port(struct ibv_context *ctx, uint8_t port, struct ibv_port_attr *attr,
			size_t size);
int soft_ibv_query_gid(struct ibv_context *ctx, uint8_t port, int index, union ibv_gid *gid);
int soft_ibv_query_gid_ex(struct ibv_context *ctx, uint32_t port, uint32_t index,
			  struct ibv_gid_entry *entry, uint32_t flags, size_t size);
ssize_t soft_ibv_query_gid_table(struct ibv_context *ctx, struct ibv_gid_entry *entries, size_t max,
				 uint32_t flags, size_t size);
int soft_ibv_query_pkey(struct ibv_context *ctx, uint8_t port, int index, __be16 *pkey);
int soft_ibv_get_pkey_index(struct ibv_context *ctx, uint8_t port, __be16 pkey);
int soft_ibv_get_async_event(struct ibv_context *ctx, struct ibv_async_event *event);

struct ibv_pd *soft_ibv_alloc_pd(struct ibv_context *ctx);
int soft_ibv_dealloc_pd(struct ibv_pd *pd);
struct ibv_mr *soft_ibv_reg_mr(struct ibv_pd *pd, void *addr, size_t length, uint64_t iova,
			       unsigned int access);
int soft_ibv_dereg_mr(struct ibv_mr *mr);

struct ibv_comp_channel *soft_ibv_create_comp_channel(struct ibv_context *ctx);
int soft_ibv_destroy_comp_channel(struct ibv_comp_channel *channel);
struct ibv_cq *soft_ibv_create_cq(struct ibv_context *ctx, int cqe, void *cq_context,
				  struct ibv_comp_channel *channel, int comp_vector);
int soft_ibv_destroy_cq(struct ibv_cq *cq);
int soft_ibv_resize_cq(struct ibv_cq *cq, int cqe);
int soft_ibv_get_cq_event(struct ibv_comp_channel *channel, struct ibv_cq **cq, void **cq_context);

struct ibv_srq *soft_ibv_create_srq(struct ibv_pd *pd, struct ibv_srq_init_attr *attr);
int soft_ibv_modify_srq(struct ibv_srq *srq, struct ibv_srq_attr *attr, int mask);
int soft_ibv_query_srq(struct ibv_srq *srq, struct ibv_srq_attr *attr);
int soft_ibv_destroy_srq(struct ibv_srq *srq);

struct ibv_qp *soft_ibv_create_qp(struct ibv_pd *pd, struct ibv_qp_init_attr *attr);
struct ibv_qp *soft_ibv_create_qp_ex(struct ibv_context *ctx, struct ibv_qp_init_attr_ex *attr);
int soft_ibv_modify_qp(struct ibv_qp *qp, struct ibv_qp_attr *attr, int mask);
int soft_ibv_query_qp(struct ibv_qp *qp, struct ibv_qp_attr *attr, int mask,
		      struct ibv_qp_init_attr *init);
int soft_ibv_destroy_qp(struct ibv_qp *qp);
/* NULL unless it was made with IBV_QP_INIT_ATTR_SEND_OPS_FLAGS. */
struct ibv_qp_ex *soft_ibv_qp_to_qp_ex(struct ibv_qp *qp);

#endif
