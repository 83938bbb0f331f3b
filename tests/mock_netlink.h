/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The routing look-ups that the shim makes, with answers that a test sets.
 * Without any every destination has a route, by interface 2.
 *
 * 127.0.0.0/8 and ::1 are of interface 1 and 10.1.0.0/16 of interface 7, where
 * this host is 10.1.0.1; neither has an RDMA device. 10.0.0.0/16 is of
 * interface 2. Interface 9, of fe80::/10, has none either.
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
/* Whether interface 2 has an RDMA device, and so the machine. */
void mock_netlink_device(bool there);
/* Whether interfaces without an RDMA device carry IP over InfiniBand. */
void mock_netlink_infiniband(bool yes);
/* Whether the machine has any RDMA device at all. */
void mock_netlink_any(bool there);
/* How often an interface was looked at for a device. */
unsigned int mock_netlink_device_calls(void);

#endif
