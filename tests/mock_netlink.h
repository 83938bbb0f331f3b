/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The routing look-ups that the shim makes, with answers that a test sets.
 * Without any every destination has a route.
 */
#ifndef IW_MOCK_NETLINK_H
#define IW_MOCK_NETLINK_H

#include <stdbool.h>
#include <sys/socket.h>

/* What nl_route_lookup says from now on: 0 or a negative errno. */
void mock_netlink_route(int rc);
/* Whether the routes are to an address of this host. */
void mock_netlink_local(bool local);
/* The first address with an RDMA device; NULL: there is none. */
void mock_netlink_first(const struct sockaddr_storage *addr);
/* The source that the last look-up was asked with; family 0: none. */
struct sockaddr_storage mock_netlink_asked_src(void);
/* Whether the interface has an RDMA device. */
void mock_netlink_device(bool there);

#endif
