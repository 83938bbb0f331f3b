/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Internal to netlink/: which RDMA device and port stands on which interface,
 * read from the kernel each time. nl_link keeps what is read here.
 */
#ifndef IW_NL_RDMA_H
#define IW_NL_RDMA_H

#include <stddef.h>

#include "netlink/nl_link.h"

/* A device with several interfaces has several entries. */
struct nl_rdma_table {
	struct nl_rdma_dev *devs;
	size_t n, room;
};

/*
 * RDMA netlink, or sysfs where that is missing or knows no interfaces (kernels
 * before 4.17). An empty table is no error. Fills an empty @table; on an error
 * it is left empty. -ENOMEM; errors of socket(2) and of netlink if sysfs fails
 * too.
 */
int nl_rdma_read(struct nl_rdma_table *table);

/* The two sources; tests give @sysfs, the place of /sys, a tree of their own. */
int nl_rdma_read_netlink(struct nl_rdma_table *table);
int nl_rdma_read_sysfs(const char *sysfs, struct nl_rdma_table *table);

/* 0: there is a device below @sysfs; -ENODEV. Three system calls. */
int nl_rdma_any(const char *sysfs);

/* Adds a copy of @dev unless it is there already. -ENOMEM. */
int nl_rdma_add(struct nl_rdma_table *table, const struct nl_rdma_dev *dev);

/* The device on @ifindex itself, NULL if none. */
const struct nl_rdma_dev *nl_rdma_on(const struct nl_rdma_table *table, int ifindex);

void nl_rdma_fini(struct nl_rdma_table *table);

#endif
