/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The kernel's neighbour table: is the next hop known, and by which address.
 */
#ifndef IW_NL_NEIGH_H
#define IW_NL_NEIGH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct nl_neigh {
	uint16_t state; /* NUD_* of <linux/neighbour.h> */
	bool valid;	/* a usable link-layer address is there */
	uint8_t lladdr[32];
	size_t lladdr_len;
};

/* The entry of @addr on @ifindex. -ENOENT: none; -EINVAL; -ENOMEM. */
int nl_neigh_lookup(int ifindex, const struct sockaddr *addr, struct nl_neigh *neigh);

/*
 * Makes sure that the entry is valid: if it is not, has the kernel probe it and
 * looks again for at most @timeout_ms. 0, -EHOSTUNREACH (the kernel gave up),
 * -ETIMEDOUT, -EINVAL, -ENOMEM. Interfaces without ARP succeed at once.
 */
int nl_neigh_resolve(int ifindex, const struct sockaddr *addr, int timeout_ms);

#endif
