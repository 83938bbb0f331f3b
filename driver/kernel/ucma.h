/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The commands of /dev/infiniband/rdma_cm, one function each, and the check
 * whether this kernel can take them. Knows numbers and bytes, no ids of ours.
 *
 * Commands return 0 or the kernel's negative errno: -EACCES in a forked child
 * or after a change of credentials, -ENOENT for an unknown id, -EINVAL for an
 * id of another file or in the wrong state, -ENXIO for one that is going. A
 * signal does not interrupt them, but for ucma_connect(). Those that may be slow
 * say so in the log (base/stall.h).
 */
#ifndef IW_UCMA_H
#define IW_UCMA_H

#include <sys/socket.h>

#include "driver/kernel/ucma_abi.h"

/* Where the kernel shows itself; tests give others. */
struct ucma_paths {
	const char *device;	 /* the character device */
	const char *abi_version; /* decimal, of sysfs */
	const char *class_dir;	 /* one entry for each RDMA device */
};
extern const struct ucma_paths ucma_default_paths;

/*
 * 0: the kernel has an RDMA device and speaks our ABI. -ENODEV, -EACCES or
 * -EPERM (another ABI) otherwise; says once in the log what to do about it.
 */
int ucma_probe(const struct ucma_paths *paths);

/* A descriptor (non-blocking, close-on-exec) or a negative errno of open(2). */
int ucma_open(const char *device);
/* Ends all that is left on it, which may take the kernel a while. */
void ucma_close(int fd);

int ucma_create_id(int fd, uint64_t uid, uint16_t ps, uint8_t qp_type, uint32_t *id);
/*
 * Ends the id in the kernel: no event of it is made any more, unread ones are
 * gone. @reported: how many GET_EVENT has handed out or is handing out.
 * May wait for a peer while a connect is pending, see kdev.c.
 */
int ucma_destroy_id(int fd, uint32_t id, uint32_t *reported);
/* Any family: AF_INET and AF_INET6 by BIND_IP, AF_IB by BIND; else -EINVAL. */
int ucma_bind(int fd, uint32_t id, const struct sockaddr *addr);
/* Likewise; @src may be NULL. */
int ucma_resolve_addr(int fd, uint32_t id, const struct sockaddr *src, const struct sockaddr *dst,
		      uint32_t timeout_ms);
int ucma_resolve_route(int fd, uint32_t id, uint32_t timeout_ms);
/* What a kernel too old to write it leaves out is all ones in ibdev_index. */
int ucma_query_route(int fd, uint32_t id, struct rdma_ucm_query_route_resp *resp);
/* The addresses in any family, as QUERY's address and GID options tell them. */
int ucma_query_addr(int fd, uint32_t id, struct rdma_ucm_query_addr_resp *resp);
int ucma_query_gid(int fd, uint32_t id, struct rdma_ucm_query_addr_resp *resp);
/* num_paths may be more than were written: there is room for UCMA_PATHS_MAX. */
int ucma_query_path(int fd, uint32_t id, struct ucma_query_path_resp *resp);
/*
 * Linux 6.18. Older kernels answer -EINVAL to a command that they do not know, as
 * those that do answer for an id in the wrong state; see kservice.c.
 */
int ucma_resolve_service(int fd, uint32_t id, const struct ucma_service *service);
/* num_records may be more than were written: there is room for UCMA_SERVICES_MAX. */
int ucma_query_service(int fd, uint32_t id, struct ucma_query_service_resp *resp);
int ucma_listen(int fd, uint32_t id, int backlog);
/* -EINTR: a signal came during the device's own blocking connect; may be repeated. */
int ucma_connect(int fd, uint32_t id, const struct rdma_ucm_conn_param *param,
		 const struct rdma_ucm_ece *ece);
int ucma_accept(int fd, uint32_t id, uint64_t uid, const struct rdma_ucm_conn_param *param,
		const struct rdma_ucm_ece *ece);
/* Completes an active connection after CONNECT_RESPONSE: ACCEPT without parameters. */
int ucma_establish(int fd, uint32_t id);
/* @len is at most 255. @reason: of the InfiniBand CM; 0: the consumer's. */
int ucma_reject(int fd, uint32_t id, const void *private_data, uint8_t len, uint8_t reason);
int ucma_disconnect(int fd, uint32_t id);
int ucma_init_qp_attr(int fd, uint32_t id, uint32_t qp_state, struct ib_uverbs_qp_attr *resp);
/* -EAGAIN: none waits. */
int ucma_get_event(int fd, struct rdma_ucm_event_resp *resp);
int ucma_set_option(int fd, uint32_t id, const struct rdma_ucm_set_option *option);
int ucma_notify(int fd, uint32_t id, uint32_t event);
struct ucma_group {
	uint32_t id;
	uint64_t uid;	/* events of the membership show it */
	uint16_t flags; /* RDMA_MC_JOIN_FLAG_* */
	const struct sockaddr *addr;
};
/* By JOIN_IP_MCAST where that can say it, else JOIN_MCAST. @membership: its kernel id. */
int ucma_join(int fd, const struct ucma_group *group, uint32_t *membership);
/* @reported: how many of its events GET_EVENT has handed out. */
int ucma_leave(int fd, uint32_t membership, uint32_t *reported);
/* From @old_fd to @fd; @reported as for ucma_destroy_id, by the old file. */
int ucma_migrate_id(int fd, uint32_t id, int old_fd, uint32_t *reported);

#endif
