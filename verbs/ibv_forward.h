/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The real libibverbs behind us: found once, all of its functions looked up at
 * once, each by its own version. Functions that it lacks stay NULL.
 */
#ifndef IW_IBV_FORWARD_H
#define IW_IBV_FORWARD_H

#include <infiniband/verbs.h>
#include <stdbool.h>

/* The header's wrappers are for callers; here the symbols themselves are meant. */
#undef ibv_get_device_list
#undef ibv_query_port
#undef ibv_reg_mr
#undef ibv_reg_mr_iova

/* Newer than some headers that we build with. */
struct ibv_mr *ibv_reg_dmabuf_mr(struct ibv_pd *pd, uint64_t offset, size_t length, uint64_t iova,
				 int fd, int access);
struct ibv_dm *ibv_import_dm(struct ibv_context *ctx, uint32_t dm_handle);
void ibv_unimport_dm(struct ibv_dm *dm);
int ibv_query_qp_data_in_order(struct ibv_qp *qp, enum ibv_wr_opcode op, uint32_t flags);

/*
 * Private to rdma-core; each release gives it another version, and nobody
 * includes its header. @type: 0 is that of a device without RoCE v2.
 */
int ibv_query_gid_type(struct ibv_context *ctx, uint8_t port, unsigned int index, int *type);
/* What we export by that name, without a version. */
int iw_query_gid_type(struct ibv_context *ctx, uint8_t port, unsigned int index, int *type);

/* X(member, symbol, version) */
#define IBV_REAL_SYMBOLS(X)                                                   \
	X(get_device_list, ibv_get_device_list, "IBVERBS_1.1")                \
	X(free_device_list, ibv_free_device_list, "IBVERBS_1.1")              \
	X(get_device_name, ibv_get_device_name, "IBVERBS_1.1")                \
	X(get_device_guid, ibv_get_device_guid, "IBVERBS_1.1")                \
	X(get_device_index, ibv_get_device_index, "IBVERBS_1.9")              \
	X(open_device, ibv_open_device, "IBVERBS_1.1")                        \
	X(close_device, ibv_close_device, "IBVERBS_1.1")                      \
	X(import_device, ibv_import_device, "IBVERBS_1.10")                   \
	X(query_device, ibv_query_device, "IBVERBS_1.1")                      \
	X(query_port, ibv_query_port, "IBVERBS_1.1")                          \
	X(query_gid, ibv_query_gid, "IBVERBS_1.1")                            \
	X(query_gid_ex, _ibv_query_gid_ex, "IBVERBS_1.11")                    \
	X(query_gid_table, _ibv_query_gid_table, "IBVERBS_1.11")              \
	X(query_pkey, ibv_query_pkey, "IBVERBS_1.1")                          \
	X(get_pkey_index, ibv_get_pkey_index, "IBVERBS_1.5")                  \
	X(get_async_event, ibv_get_async_event, "IBVERBS_1.1")                \
	X(alloc_pd, ibv_alloc_pd, "IBVERBS_1.1")                              \
	X(dealloc_pd, ibv_dealloc_pd, "IBVERBS_1.1")                          \
	X(import_pd, ibv_import_pd, "IBVERBS_1.10")                           \
	X(unimport_pd, ibv_unimport_pd, "IBVERBS_1.10")                       \
	X(reg_mr, ibv_reg_mr, "IBVERBS_1.1")                                  \
	X(reg_mr_iova, ibv_reg_mr_iova, "IBVERBS_1.7")                        \
	X(reg_mr_iova2, ibv_reg_mr_iova2, "IBVERBS_1.8")                      \
	X(reg_dmabuf_mr, ibv_reg_dmabuf_mr, "IBVERBS_1.12")                   \
	X(rereg_mr, ibv_rereg_mr, "IBVERBS_1.1")                              \
	X(dereg_mr, ibv_dereg_mr, "IBVERBS_1.1")                              \
	X(import_mr, ibv_import_mr, "IBVERBS_1.10")                           \
	X(unimport_mr, ibv_unimport_mr, "IBVERBS_1.10")                       \
	X(import_dm, ibv_import_dm, "IBVERBS_1.13")                           \
	X(unimport_dm, ibv_unimport_dm, "IBVERBS_1.13")                       \
	X(create_comp_channel, ibv_create_comp_channel, "IBVERBS_1.0")        \
	X(destroy_comp_channel, ibv_destroy_comp_channel, "IBVERBS_1.0")      \
	X(create_cq, ibv_create_cq, "IBVERBS_1.1")                            \
	X(resize_cq, ibv_resize_cq, "IBVERBS_1.1")                            \
	X(destroy_cq, ibv_destroy_cq, "IBVERBS_1.1")                          \
	X(get_cq_event, ibv_get_cq_event, "IBVERBS_1.1")                      \
	X(create_srq, ibv_create_srq, "IBVERBS_1.1")                          \
	X(modify_srq, ibv_modify_srq, "IBVERBS_1.1")                          \
	X(query_srq, ibv_query_srq, "IBVERBS_1.1")                            \
	X(destroy_srq, ibv_destroy_srq, "IBVERBS_1.1")                        \
	X(create_qp, ibv_create_qp, "IBVERBS_1.1")                            \
	X(modify_qp, ibv_modify_qp, "IBVERBS_1.1")                            \
	X(query_qp, ibv_query_qp, "IBVERBS_1.1")                              \
	X(destroy_qp, ibv_destroy_qp, "IBVERBS_1.1")                          \
	X(qp_to_qp_ex, ibv_qp_to_qp_ex, "IBVERBS_1.6")                        \
	X(query_qp_data_in_order, ibv_query_qp_data_in_order, "IBVERBS_1.14") \
	X(query_ece, ibv_query_ece, "IBVERBS_1.10")                           \
	X(set_ece, ibv_set_ece, "IBVERBS_1.10")                               \
	X(create_ah, ibv_create_ah, "IBVERBS_1.1")                            \
	X(destroy_ah, ibv_destroy_ah, "IBVERBS_1.1")                          \
	X(attach_mcast, ibv_attach_mcast, "IBVERBS_1.1")                      \
	X(detach_mcast, ibv_detach_mcast, "IBVERBS_1.1")

#define IBV_REAL_MEMBER(member, symbol, version) __typeof__(symbol) *member;
struct ibv_real {
	IBV_REAL_SYMBOLS(IBV_REAL_MEMBER)
	__typeof__(ibv_query_gid_type) *query_gid_type;
};

/*
 * Where it is looked for when no libibverbs is loaded: absolute paths, NULL at
 * the end. Ours to change in tests alone, before the first ibv_forward().
 */
extern const char *const *ibv_forward_places;

/* Never NULL; all members are NULL if there is no real library. Any thread. */
const struct ibv_real *ibv_forward(void);
/* errno = ENOSYS, and a line in the log: the real library has no such function. */
void ibv_forward_missing(const char *function);
/* Whether @address lies in the real library's code. */
bool ibv_forward_is_real(const void *address);
/* iw_verbs_reachable() without a word in the log. */
bool ibv_forward_is_reachable(void);

/* Calls the real function @member, or gives @failure with errno ENOSYS. */
#define IBV_FORWARD(failure, member, ...)                                        \
	({                                                                       \
		__typeof__(ibv_forward()->member) real_ = ibv_forward()->member; \
		if (!real_)                                                      \
			ibv_forward_missing(#member);                            \
		real_ ? real_(__VA_ARGS__) : (failure);                          \
	})

#define IBV_EXPORT __attribute__((visibility("default")))

#endif
