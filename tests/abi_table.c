// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Names, sizes, offsets and values of rdma/rdma_cma.h as the compiler sees them.
 * Built twice, with ABI_ROWS, ABI_COUNT and ABI_HEADER naming the table: see tests/headers.mk.
 */
#include "tests/abi_table.h"

#include <rdma/rdma_cma.h>

#define STRUCT(type)                                                        \
	{                                                                   \
		"struct " #type, sizeof(struct type), _Alignof(struct type) \
	}
#define ENUM(type)                                                           \
	{                                                                    \
		"enum " #type, sizeof(enum type), (long long)(enum type)(-1) \
	}
#define FIELD(type, field)                                           \
	{                                                            \
#type "." #field, sizeof(((struct type *)0)->field), \
			(long long)offsetof(struct type, field)      \
	}
#define VALUE(name)                                    \
	{                                              \
#name, sizeof(name), (long long)(name) \
	}

extern const struct abi_row ABI_ROWS[];
extern const size_t ABI_COUNT;

#ifdef RDMA_CMA_IWSHIM
const char ABI_HEADER[] = "ours";
#else
const char ABI_HEADER[] = "stock";
#endif

const struct abi_row ABI_ROWS[] = {
	STRUCT(rdma_ib_addr),
	FIELD(rdma_ib_addr, sgid),
	FIELD(rdma_ib_addr, dgid),
	FIELD(rdma_ib_addr, pkey),

	STRUCT(rdma_addr),
	FIELD(rdma_addr, src_addr),
	FIELD(rdma_addr, src_sin),
	FIELD(rdma_addr, src_sin6),
	FIELD(rdma_addr, src_storage),
	FIELD(rdma_addr, dst_addr),
	FIELD(rdma_addr, dst_sin),
	FIELD(rdma_addr, dst_sin6),
	FIELD(rdma_addr, dst_storage),
	FIELD(rdma_addr, addr),
	FIELD(rdma_addr, addr.ibaddr),

	STRUCT(rdma_route),
	FIELD(rdma_route, addr),
	FIELD(rdma_route, path_rec),
	FIELD(rdma_route, num_paths),

	STRUCT(rdma_event_channel),
	FIELD(rdma_event_channel, fd),

	STRUCT(rdma_cm_id),
	FIELD(rdma_cm_id, verbs),
	FIELD(rdma_cm_id, channel),
	FIELD(rdma_cm_id, context),
	FIELD(rdma_cm_id, qp),
	FIELD(rdma_cm_id, route),
	FIELD(rdma_cm_id, ps),
	FIELD(rdma_cm_id, port_num),
	FIELD(rdma_cm_id, event),
	FIELD(rdma_cm_id, send_cq_channel),
	FIELD(rdma_cm_id, send_cq),
	FIELD(rdma_cm_id, recv_cq_channel),
	FIELD(rdma_cm_id, recv_cq),
	FIELD(rdma_cm_id, srq),
	FIELD(rdma_cm_id, pd),
	FIELD(rdma_cm_id, qp_type),

	STRUCT(rdma_conn_param),
	FIELD(rdma_conn_param, private_data),
	FIELD(rdma_conn_param, private_data_len),
	FIELD(rdma_conn_param, responder_resources),
	FIELD(rdma_conn_param, initiator_depth),
	FIELD(rdma_conn_param, flow_control),
	FIELD(rdma_conn_param, retry_count),
	FIELD(rdma_conn_param, rnr_retry_count),
	FIELD(rdma_conn_param, srq),
	FIELD(rdma_conn_param, qp_num),

	STRUCT(rdma_ud_param),
	FIELD(rdma_ud_param, private_data),
	FIELD(rdma_ud_param, private_data_len),
	FIELD(rdma_ud_param, ah_attr),
	FIELD(rdma_ud_param, qp_num),
	FIELD(rdma_ud_param, qkey),

	STRUCT(rdma_cm_event),
	FIELD(rdma_cm_event, id),
	FIELD(rdma_cm_event, listen_id),
	FIELD(rdma_cm_event, event),
	FIELD(rdma_cm_event, status),
	FIELD(rdma_cm_event, param),
	FIELD(rdma_cm_event, param.conn),
	FIELD(rdma_cm_event, param.ud),

	STRUCT(rdma_addrinfo),
	FIELD(rdma_addrinfo, ai_flags),
	FIELD(rdma_addrinfo, ai_family),
	FIELD(rdma_addrinfo, ai_qp_type),
	FIELD(rdma_addrinfo, ai_port_space),
	FIELD(rdma_addrinfo, ai_src_len),
	FIELD(rdma_addrinfo, ai_dst_len),
	FIELD(rdma_addrinfo, ai_src_addr),
	FIELD(rdma_addrinfo, ai_dst_addr),
	FIELD(rdma_addrinfo, ai_src_canonname),
	FIELD(rdma_addrinfo, ai_dst_canonname),
	FIELD(rdma_addrinfo, ai_route_len),
	FIELD(rdma_addrinfo, ai_route),
	FIELD(rdma_addrinfo, ai_connect_len),
	FIELD(rdma_addrinfo, ai_connect),
	FIELD(rdma_addrinfo, ai_next),

	STRUCT(rdma_cm_join_mc_attr_ex),
	FIELD(rdma_cm_join_mc_attr_ex, comp_mask),
	FIELD(rdma_cm_join_mc_attr_ex, join_flags),
	FIELD(rdma_cm_join_mc_attr_ex, addr),

	ENUM(rdma_cm_event_type),
	ENUM(rdma_port_space),
	ENUM(rdma_cm_join_mc_attr_mask),
	ENUM(rdma_cm_mc_join_flags),
	VALUE(RDMA_CM_EVENT_ADDR_RESOLVED),
	VALUE(RDMA_CM_EVENT_ADDR_ERROR),
	VALUE(RDMA_CM_EVENT_ROUTE_RESOLVED),
	VALUE(RDMA_CM_EVENT_ROUTE_ERROR),
	VALUE(RDMA_CM_EVENT_CONNECT_REQUEST),
	VALUE(RDMA_CM_EVENT_CONNECT_RESPONSE),
	VALUE(RDMA_CM_EVENT_CONNECT_ERROR),
	VALUE(RDMA_CM_EVENT_UNREACHABLE),
	VALUE(RDMA_CM_EVENT_REJECTED),
	VALUE(RDMA_CM_EVENT_ESTABLISHED),
	VALUE(RDMA_CM_EVENT_DISCONNECTED),
	VALUE(RDMA_CM_EVENT_DEVICE_REMOVAL),
	VALUE(RDMA_CM_EVENT_MULTICAST_JOIN),
	VALUE(RDMA_CM_EVENT_MULTICAST_ERROR),
	VALUE(RDMA_CM_EVENT_ADDR_CHANGE),
	VALUE(RDMA_CM_EVENT_TIMEWAIT_EXIT),
	VALUE(RDMA_PS_IPOIB),
	VALUE(RDMA_PS_TCP),
	VALUE(RDMA_PS_UDP),
	VALUE(RDMA_PS_IB),
	VALUE(RDMA_IB_IP_PS_MASK),
	VALUE(RDMA_IB_IP_PORT_MASK),
	VALUE(RDMA_IB_IP_PS_TCP),
	VALUE(RDMA_IB_IP_PS_UDP),
	VALUE(RDMA_IB_PS_IB),
	VALUE(RDMA_UDP_QKEY),
	VALUE(RDMA_MAX_RESP_RES),
	VALUE(RDMA_MAX_INIT_DEPTH),
	VALUE(RAI_PASSIVE),
	VALUE(RAI_NUMERICHOST),
	VALUE(RAI_NOROUTE),
	VALUE(RAI_FAMILY),
	VALUE(RDMA_CM_JOIN_MC_ATTR_ADDRESS),
	VALUE(RDMA_CM_JOIN_MC_ATTR_JOIN_FLAGS),
	VALUE(RDMA_CM_JOIN_MC_ATTR_RESERVED),
	VALUE(RDMA_MC_JOIN_FLAG_FULLMEMBER),
	VALUE(RDMA_MC_JOIN_FLAG_SENDONLY_FULLMEMBER),
	VALUE(RDMA_MC_JOIN_FLAG_RESERVED),
	VALUE(RDMA_OPTION_ID),
	VALUE(RDMA_OPTION_IB),
	VALUE(RDMA_OPTION_ID_TOS),
	VALUE(RDMA_OPTION_ID_REUSEADDR),
	VALUE(RDMA_OPTION_ID_AFONLY),
	VALUE(RDMA_OPTION_ID_ACK_TIMEOUT),
	VALUE(RDMA_OPTION_IB_PATH),

/*
 * What rdma-core 44 lacks; RAI_DNS came with all of it. The list is repeated in
 * test_abi.c.
 */
#ifdef RAI_DNS
	VALUE(RAI_SA),
	VALUE(RAI_DNS),
	VALUE(RDMA_CM_EVENT_ADDRINFO_RESOLVED),
	VALUE(RDMA_CM_EVENT_ADDRINFO_ERROR),
	VALUE(RDMA_CM_EVENT_USER),
	VALUE(RDMA_CM_EVENT_INTERNAL),
	FIELD(rdma_cm_event, param.arg),
#endif
};

const size_t ABI_COUNT = sizeof(ABI_ROWS) / sizeof(ABI_ROWS[0]);
