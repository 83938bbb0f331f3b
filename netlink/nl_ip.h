/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Internal to netlink/: an address as netlink wants it, bare bytes, to and from
 * a sockaddr. IPv4-mapped IPv6 addresses are IPv4 ones here, since the packets
 * are; what goes back to the caller is mapped again.
 */
#ifndef IW_NL_IP_H
#define IW_NL_IP_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct nl_ip {
	int family; /* AF_INET or AF_INET6 */
	bool mapped;
	bool any;
	size_t len;	/* of bytes: 4 or 16 */
	uint32_t scope; /* 0: none, or an address that needs none */
	uint8_t bytes[16];
};

/* -EINVAL: NULL or another family. */
int nl_ip_from(const struct sockaddr *sa, struct nl_ip *ip);

/* As nl_ip_from, from @len raw bytes of an attribute. -EBADMSG: wrong length. */
int nl_ip_from_bytes(int family, const void *bytes, size_t len, struct nl_ip *ip);

/* Port 0. */
void nl_ip_to(const struct nl_ip *ip, struct sockaddr_storage *sa);

/* Link-local: means nothing without an interface. */
bool nl_ip_needs_scope(const struct nl_ip *ip);

bool nl_ip_equal(const struct nl_ip *a, const struct nl_ip *b);

#endif
