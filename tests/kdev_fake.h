/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A kernel that a test plays for the kernel driver: rdma_cm's file, by wrapping
 * open, close and write, and a verbs device, by wrapping libibverbs.
 */
#ifndef IW_TEST_KDEV_FAKE_H
#define IW_TEST_KDEV_FAKE_H

#include <infiniband/verbs.h>
#include <stdbool.h>

#include "driver/kernel/ucma.h"

#define FD_FIRST 5000
#define IDS_MAX 16
#define QUEUE_MAX 16
#define MEMBERS_MAX 4
#define CHILD 9 /* kernel id of a request's child */

struct kdev_fake {
	struct {
		bool used;
		int fd;
		uint64_t uid;
		uint32_t reported;
	} ids[IDS_MAX];
	struct {
		int fd;
		uint32_t owner, member; /* @member: its kernel id + 1; 0: none */
		struct rdma_ucm_event_resp resp;
	} queue[QUEUE_MAX];
	struct {
		bool used;
		uint64_t uid;
		uint32_t owner, reported;
	} members[MEMBERS_MAX];
	unsigned int queued, commands[32];
	int open_fds, next_fd, fail_cmd, fail_errno;
	struct rdma_ucm_query_route_resp route;
	size_t route_len;
	struct rdma_ucm_query_addr_resp addr; /* of both options of QUERY */
	struct ucma_query_path_resp path;
	bool knows_services;			 /* Linux 6.18 */
	struct ucma_service service;		 /* that was asked for */
	struct ucma_query_service_resp services; /* no records: ENODATA */
	struct rdma_ucm_conn_param param;	 /* of CONNECT or ACCEPT, with @ece */
	struct rdma_ucm_ece ece;
	uint64_t accept_uid;
	uint8_t reject_reason;
	struct ib_uverbs_qp_attr qp_attr;
};
extern struct kdev_fake k;

/* An event of @owner; CONNECT_REQUEST names the child by @id. */
struct rdma_ucm_event_resp *queue_event(uint32_t owner, uint32_t event, uint32_t id);

/* An event of the membership with that kernel id. */
struct rdma_ucm_event_resp *queue_member_event(uint32_t member, uint32_t event);
/* Runs while JOIN is in the kernel, after it has made the membership. */
extern void (*while_joining)(void);

/* Called when an event has been taken and is on its way to a pump. */
extern void (*on_the_way)(void);
/* Runs while CONNECT is in the kernel, as it is for long with siw. */
extern void (*while_connecting)(void);

struct verbs_fake {
	struct ibv_qp_attr attr;
	enum ibv_qp_state states[8]; /* one for each modification, in turn */
	int mask, ret, ret_sqd;
	unsigned int modified, queried;
	uint32_t vendor_id;
};
extern struct verbs_fake v;
extern struct ibv_device device;
extern struct ibv_context context;
extern struct ibv_qp qp;

#endif
