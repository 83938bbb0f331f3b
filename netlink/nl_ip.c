// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Addresses between sockaddr and attribute; nothing here talks to the kernel. */
#include "netlink/nl_ip.h"

#include <errno.h>
#include <string.h>

static void from_in(const struct sockaddr_in *in, struct nl_ip *ip)
{
	ip->family = AF_INET;
	ip->len = sizeof(in->sin_addr);
	ip->any = in->sin_addr.s_addr == INADDR_ANY;
	memcpy(ip->bytes, &in->sin_addr, ip->len);
}

static void from_in6(const struct sockaddr_in6 *in6, struct nl_ip *ip)
{
	if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
		ip->family = AF_INET;
		ip->mapped = true;
		ip->len = sizeof(struct in_addr);
		memcpy(ip->bytes, &in6->sin6_addr.s6_addr[12], ip->len);
		ip->any = !ip->bytes[0] && !ip->bytes[1] && !ip->bytes[2] && !ip->bytes[3];
		return;
	}
	ip->family = AF_INET6;
	ip->len = sizeof(in6->sin6_addr);
	ip->any = IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr);
	memcpy(ip->bytes, &in6->sin6_addr, ip->len);
	if (nl_ip_needs_scope(ip))
		ip->scope = in6->sin6_scope_id;
}

int nl_ip_from(const struct sockaddr *sa, struct nl_ip *ip)
{
	if (!sa)
		return -EINVAL;
	memset(ip, 0, sizeof(*ip));
	switch (sa->sa_family) {
	case AF_INET:
		from_in((const struct sockaddr_in *)(const void *)sa, ip);
		return 0;
	case AF_INET6:
		from_in6((const struct sockaddr_in6 *)(const void *)sa, ip);
		return 0;
	default:
		return -EINVAL;
	}
}

int nl_ip_from_bytes(int family, const void *bytes, size_t len, struct nl_ip *ip)
{
	memset(ip, 0, sizeof(*ip));
	if (len != (family == AF_INET ? sizeof(struct in_addr) : sizeof(struct in6_addr)))
		return -EBADMSG;
	ip->family = family;
	ip->len = len;
	memcpy(ip->bytes, bytes, len);
	return 0;
}

void nl_ip_to(const struct nl_ip *ip, struct sockaddr_storage *sa)
{
	struct sockaddr_in *in = (struct sockaddr_in *)sa;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)sa;

	memset(sa, 0, sizeof(*sa));
	if (ip->family == AF_INET && !ip->mapped) {
		in->sin_family = AF_INET;
		memcpy(&in->sin_addr, ip->bytes, sizeof(in->sin_addr));
		return;
	}
	in6->sin6_family = AF_INET6;
	if (ip->mapped) {
		memset(&in6->sin6_addr.s6_addr[10], 0xff, 2);
		memcpy(&in6->sin6_addr.s6_addr[12], ip->bytes, 4);
		return;
	}
	memcpy(&in6->sin6_addr, ip->bytes, sizeof(in6->sin6_addr));
	if (nl_ip_needs_scope(ip))
		in6->sin6_scope_id = ip->scope;
}

bool nl_ip_needs_scope(const struct nl_ip *ip)
{
	const uint8_t *b = ip->bytes;

	if (ip->family != AF_INET6)
		return false;
	if (b[0] == 0xff) /* multicast of interface or link */
		return (b[1] & 0xf) == 1 || (b[1] & 0xf) == 2;
	return b[0] == 0xfe && (b[1] & 0xc0) == 0x80;
}

bool nl_ip_equal(const struct nl_ip *a, const struct nl_ip *b)
{
	return a->family == b->family && !memcmp(a->bytes, b->bytes, a->len);
}
