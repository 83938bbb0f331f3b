/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * How commands to /dev/infiniband/rdma_cm are framed: the uapi header's header
 * and payload in one object that write(2) takes whole. The sizes that the
 * kernel checks are pinned here; nothing in this file runs.
 */
#ifndef IW_UCMA_ABI_H
#define IW_UCMA_ABI_H

#include <assert.h>
#include <linux/types.h>
#include <rdma/rdma_user_cm.h>
#include <stddef.h>
#include <stdint.h>

#define UCMA_ABI_MIN 3
#define UCMA_ABI_MAX RDMA_USER_CM_ABI_VERSION

/* Declares struct ucma_<name>: a whole message around struct rdma_ucm_<name>. */
#define UCMA_MESSAGE(name)                                                                      \
	struct ucma_##name {                                                                    \
		struct rdma_ucm_cmd_hdr hdr;                                                    \
		struct rdma_ucm_##name cmd;                                                     \
	};                                                                                      \
	static_assert(sizeof(struct ucma_##name) ==                                             \
			      sizeof(struct rdma_ucm_cmd_hdr) + sizeof(struct rdma_ucm_##name), \
		      "no padding between header and payload")

UCMA_MESSAGE(create_id);
UCMA_MESSAGE(destroy_id);
UCMA_MESSAGE(bind_ip);
UCMA_MESSAGE(bind);
UCMA_MESSAGE(resolve_ip);
UCMA_MESSAGE(resolve_addr);
UCMA_MESSAGE(resolve_route);
UCMA_MESSAGE(query);
UCMA_MESSAGE(connect);
UCMA_MESSAGE(listen);
UCMA_MESSAGE(accept);
UCMA_MESSAGE(reject);
UCMA_MESSAGE(disconnect);
UCMA_MESSAGE(init_qp_attr);
UCMA_MESSAGE(get_event);
UCMA_MESSAGE(set_option);
UCMA_MESSAGE(notify);
UCMA_MESSAGE(migrate_id);
UCMA_MESSAGE(join_ip_mcast);
UCMA_MESSAGE(join_mcast);

/* What abi_version 4 promises; a newer uapi header must not grow unnoticed. */
#define UCMA_SIZE(name, size) static_assert(sizeof(struct rdma_ucm_##name) == (size), #name)

UCMA_SIZE(cmd_hdr, 8);
UCMA_SIZE(create_id, 24);
UCMA_SIZE(destroy_id, 16);
UCMA_SIZE(bind_ip, 40);
UCMA_SIZE(bind, 136);
UCMA_SIZE(resolve_ip, 64);
UCMA_SIZE(resolve_addr, 272);
UCMA_SIZE(resolve_route, 8);
UCMA_SIZE(query, 16);
UCMA_SIZE(query_route_resp, 208);
UCMA_SIZE(query_addr_resp, 280);
UCMA_SIZE(conn_param, 272);
UCMA_SIZE(connect, 288);
UCMA_SIZE(listen, 8);
UCMA_SIZE(accept, 296);
UCMA_SIZE(reject, 264);
UCMA_SIZE(disconnect, 4);
UCMA_SIZE(init_qp_attr, 16);
UCMA_SIZE(get_event, 8);
UCMA_SIZE(event_resp, 336);
UCMA_SIZE(set_option, 24);
UCMA_SIZE(notify, 8);
UCMA_SIZE(migrate_id, 16);
UCMA_SIZE(join_ip_mcast, 48);
UCMA_SIZE(join_mcast, 152);
UCMA_SIZE(ud_param, 304);
static_assert(sizeof(struct ib_user_path_rec) == 64, "a path of QUERY_ROUTE");
static_assert(sizeof(struct ib_path_rec_data) == 72, "a path of QUERY");
static_assert(sizeof(struct ib_uverbs_qp_attr) == 144, "init_qp_attr response");
static_assert(offsetof(struct rdma_ucm_event_resp, param) == 20, "event parameters");
static_assert(offsetof(struct rdma_ucm_event_resp, ece) == 328, "event ECE");

/* RESOLVE_ROUTE finds a path, and an alternate one. */
#define UCMA_PATHS_MAX 2

/* Kernels fill in records only while more room than that of one is left. */
struct ucma_query_path_resp {
	uint32_t num_paths, reserved;
	struct ib_path_rec_data path_data[UCMA_PATHS_MAX + 1];
};
static_assert(offsetof(struct ucma_query_path_resp, path_data) ==
		      offsetof(struct rdma_ucm_query_path_resp, path_data),
	      "a response with room");

/*
 * Of Linux 6.18; older uapi headers have none of it, so these names are ours. The
 * kernel does not tell by abi_version whether it knows the commands.
 */
#define UCMA_CMD_RESOLVE_SERVICE 23 /* RDMA_USER_CM_CMD_RESOLVE_IB_SERVICE */
#define UCMA_QUERY_SERVICE 3	    /* RDMA_USER_CM_QUERY_IB_SERVICE */
#define UCMA_SERVICE_BY_ID 1u	    /* RDMA_USER_CM_IB_SERVICE_FLAG_ID */
#define UCMA_SERVICE_BY_NAME 2u	    /* RDMA_USER_CM_IB_SERVICE_FLAG_NAME */
#define UCMA_SERVICE_NAME_SIZE 64

/* What is asked for: the id is in host order, other than in the records. */
struct ucma_service {
	__aligned_u64 service_id;
	uint8_t name[UCMA_SERVICE_NAME_SIZE];
	uint32_t flags, reserved; /* UCMA_SERVICE_BY_*, one of them */
};

struct rdma_ucm_resolve_service {
	uint32_t id, reserved;
	struct ucma_service service;
};

/* As the subnet administrator has it: in network order. */
struct ucma_service_record {
	__be64 id;
	uint8_t gid[16];
	__be16 pkey;
	uint8_t reserved[2];
	__be32 lease;
	uint8_t key[16];
	uint8_t name[UCMA_SERVICE_NAME_SIZE];
	uint8_t data_8[16];
	__be16 data_16[8];
	__be32 data_32[4];
	__be64 data_64[2];
};

#define UCMA_SERVICES_MAX 32

struct ucma_query_service_resp {
	uint32_t num_records, reserved;
	struct ucma_service_record records[UCMA_SERVICES_MAX];
};

UCMA_MESSAGE(resolve_service);
UCMA_SIZE(resolve_service, 88);
static_assert(sizeof(struct ucma_service) == 80, "a service");
static_assert(offsetof(struct rdma_ucm_resolve_service, service) == 8, "the same on 32 bits");
static_assert(sizeof(struct ucma_service_record) == 176, "a record");
static_assert(offsetof(struct ucma_service_record, name) == 48, "its name");
static_assert(offsetof(struct ucma_query_service_resp, records) == 8, "the same on 32 bits");
static_assert(sizeof(struct ucma_query_service_resp) <= UINT16_MAX, "fits the header's field");

/* Newer kernels number on from here; the uapi header has no names for them. */
enum ucma_event {
	UCMA_EVENT_ADDR_RESOLVED,
	UCMA_EVENT_ADDR_ERROR,
	UCMA_EVENT_ROUTE_RESOLVED,
	UCMA_EVENT_ROUTE_ERROR,
	UCMA_EVENT_CONNECT_REQUEST,
	UCMA_EVENT_CONNECT_RESPONSE,
	UCMA_EVENT_CONNECT_ERROR,
	UCMA_EVENT_UNREACHABLE,
	UCMA_EVENT_REJECTED,
	UCMA_EVENT_ESTABLISHED,
	UCMA_EVENT_DISCONNECTED,
	UCMA_EVENT_DEVICE_REMOVAL,
	UCMA_EVENT_MULTICAST_JOIN,
	UCMA_EVENT_MULTICAST_ERROR,
	UCMA_EVENT_ADDR_CHANGE,
	UCMA_EVENT_TIMEWAIT_EXIT,
	UCMA_EVENT_ADDRINFO_RESOLVED,
	UCMA_EVENT_ADDRINFO_ERROR, /* USER and INTERNAL come from a command that we never give */
	UCMA_NEVENTS
};

#endif
