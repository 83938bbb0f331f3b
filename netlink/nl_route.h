/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Questions to the kernel's routing table (RTM_GETROUTE), through libnl-3.
 *
 * Knows no RDMA. Thread-safe; one socket for the process, made on first use,
 * remade in a forked child. Addresses are sockaddr_in or sockaddr_in6; IPv6
 * link-local ones carry their scope, as ip-route(8) wants a device for them.
 * IPv4-mapped IPv6 destinations are looked up as IPv4, which their packets are;
 * their source is mapped again, their gateway is plain IPv4.
 */
#ifndef IW_NL_ROUTE_H
#define IW_NL_ROUTE_H

#include <stdbool.h>
#include <sys/socket.h>

struct nl_route {
	int ifindex; /* egress; for a local destination the loopback's (or its VRF's) */
	struct sockaddr_storage src;	 /* preferred source, port 0; always set */
	struct sockaddr_storage gateway; /* next hop, possibly of another family */
	bool has_gateway;
	bool is_local;	  /* the destination is an address of this host */
	unsigned int mtu; /* 0: the interface's */
};

/*
 * The route that the kernel would use for a packet to @dst, from @src if not
 * NULL and not the wildcard, through the interface @oif if not 0. Two system
 * calls, and two more for an IPv6 @src that is not what the kernel would choose
 * itself. Blocks only as the kernel answers.
 * -EINVAL: family, or link-local without scope; -ENETUNREACH, -EHOSTUNREACH,
 * -EACCES (prohibit), -EINVAL (blackhole) as the kernel says, folded so that a
 * blackhole is -ENETUNREACH; -EADDRNOTAVAIL: @src is not local, or a route but no
 * address to use it with; -ENODEV: no interface @oif; -ENOMEM.
 */
int nl_route_lookup(const struct sockaddr *dst, const struct sockaddr *src, int oif,
		    struct nl_route *route);

#endif
