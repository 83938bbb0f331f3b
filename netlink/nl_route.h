/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Questions to the kernel's routing table (RTM_GETROUTE), through libnl-3.
 *
 * Knows no RDMA. Thread-safe; one socket for the process, made on first use,
 * remade in a forked child. Addresses are sockaddr_in or sockaddr_in6; IPv6
 * link-local ones carry their scope, as ip-route(8) wants a device for them.
 */
#ifndef IW_NL_ROUTE_H
#define IW_NL_ROUTE_H

#include <stdbool.h>
#include <sys/socket.h>

struct nl_route {
	int ifindex;			 /* egress; for a local destination the loopback's */
	struct sockaddr_storage src;	 /* preferred source, port 0; always set */
	struct sockaddr_storage gateway; /* next hop, possibly of another family */
	bool has_gateway;
	bool is_local;	  /* the destination is an address of this host */
	unsigned int mtu; /* 0: the interface's */
};

/*
 * The route that the kernel would use for a packet to @dst, from @src if not
 * NULL and not the wildcard, through the interface @oif if not 0. Two system
 * calls. Blocks only as the kernel answers.
 * -EINVAL: family, or link-local without scope; -ENETUNREACH, -EHOSTUNREACH,
 * -EACCES (prohibit), -EINVAL (blackhole) as the kernel says, folded so that a
 * blackhole is -ENETUNREACH; -EADDRNOTAVAIL: @src is not local; -ENOMEM.
 */
int nl_route_lookup(const struct sockaddr *dst, const struct sockaddr *src, int oif,
		    struct nl_route *route);

#endif
