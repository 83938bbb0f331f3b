/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What a driver offers to the shim besides the connection ops: event sources,
 * and where an id is bound.
 *
 * An event source belongs to one event channel. A driver whose events must be
 * fetched (the kernel's rdma_cm file) gives it a descriptor that is readable
 * while events wait and a pump that the channel's reader calls.
 */
#ifndef IW_DRIVER_H
#define IW_DRIVER_H

#include <infiniband/sa.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "iwcm-core/iw_cm.h"

struct iw_source; /* each driver has its own */
struct ibv_context;

/* The argument of iw_cm_create() for every driver of ours. */
struct iw_cm_open_arg {
	struct iw_source *source;
	uint16_t ps;	 /* enum rdma_port_space */
	uint8_t qp_type; /* enum ibv_qp_type */
};

struct iw_cm_addr_info {
	struct sockaddr_storage src, dst; /* family 0: none */
	uint64_t node_guid;		  /* network order; 0: bound to no device */
	int ibdev_index;		  /* of RDMA netlink; -1: not known */
	uint8_t port_num;		  /* from 1; 0: bound to no device */
};

/* InfiniBand and RoCE: the addresses below those of IP, and the way between them. */
struct iw_cm_path_info {
	union ibv_gid sgid, dgid; /* zero: not known yet */
	__be16 pkey;
	unsigned int num_paths; /* at most 2; 0 before the route is resolved */
	struct ibv_sa_path_rec paths[2];
};

/* A service of InfiniBand to be looked up: by its name, or if that is empty by its id. */
#define IW_CM_SERVICE_NAME_SIZE 64

struct iw_cm_service {
	char name[IW_CM_SERVICE_NAME_SIZE]; /* ends in 0 */
	uint64_t id;			    /* host order */
};

/* Where one is offered, as the subnet administrator has it. */
struct iw_cm_service_record {
	union ibv_gid gid;
	__be64 id;
	__be16 pkey;
	char name[IW_CM_SERVICE_NAME_SIZE + 1]; /* ends in 0 */
};

#define IW_CM_SERVICE_RECORDS_MAX 32

struct iw_cm_service_info {
	unsigned int num_records; /* at most IW_CM_SERVICE_RECORDS_MAX */
	struct iw_cm_service_record records[IW_CM_SERVICE_RECORDS_MAX];
};

struct iw_driver {
	const char *name;
	const struct iw_cm_driver_ops *cm;
	/*
	 * 0: this driver can serve. -ENODEV: nothing to drive; -EACCES: no
	 * permission; -EPERM: the kernel speaks another ABI. Cheap after the
	 * first success; failures are looked at again.
	 */
	int (*probe)(void);
	/*
	 * @fd stays the source's; level-triggered, non-blocking, close-on-exec.
	 * -1: no descriptor; the driver's own threads post all events.
	 */
	int (*source_open)(struct iw_source **source, int *fd);
	/*
	 * Fetches one event and posts it to the core: handlers run on this
	 * thread. 0: one was handled; -EAGAIN: none waits; other errors are
	 * the source's (-EACCES in a forked child). Any number of threads.
	 */
	int (*source_pump)(struct iw_source *source);
	/* After all ids on it are gone. */
	void (*source_close)(struct iw_source *source);
	/*
	 * Opens the verbs device that @info names, for one that libibverbs does
	 * not know of. NULL: the device is found through ibv_get_device_list().
	 */
	int (*open_verbs)(const struct iw_cm_addr_info *info, struct ibv_context **verbs);
	/* 0: a device of this driver serves the local address; else -ENODEV. NULL: not known. */
	int (*serves)(const struct sockaddr *local);
};

#endif
