/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Internal to netlink/: the local addresses, read from the kernel each time.
 */
#ifndef IW_NL_ADDR_H
#define IW_NL_ADDR_H

#include "netlink/nl_ip.h"

/*
 * The interface that owns @ip, within its scope if it has one. Two system calls
 * for IPv6, a few for IPv4. -EADDRNOTAVAIL: none.
 */
int nl_addr_owner(const struct nl_ip *ip, int *ifindex);

/*
 * The best address of @family on @ifindex for somebody to talk to: global
 * before link-local, usable before deprecated, never a tentative one.
 * -EADDRNOTAVAIL: none.
 */
int nl_addr_first(int ifindex, int family, struct nl_ip *ip);

#endif
