/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the shim asks of a socket address: family, size, port, and whether it
 * names a place at all.
 */
#ifndef IW_SHIM_ADDR_H
#define IW_SHIM_ADDR_H

#include <arpa/inet.h>
#include <endian.h>
#include <infiniband/ib.h>
#include <linux/types.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

/* Room for an address in words, without its port. */
#define SHIM_ADDR_TEXT INET6_ADDRSTRLEN

static inline bool shim_addr_known(const struct sockaddr *addr)
{
	return addr && (addr->sa_family == AF_INET || addr->sa_family == AF_INET6 ||
			addr->sa_family == AF_IB);
}

static inline size_t shim_addr_size(const struct sockaddr *addr)
{
	switch (addr->sa_family) {
	case AF_INET:
		return sizeof(struct sockaddr_in);
	case AF_INET6:
		return sizeof(struct sockaddr_in6);
	default:
		return sizeof(struct sockaddr_ib);
	}
}

static inline const struct in6_addr *shim_addr_v6(const struct sockaddr *addr)
{
	return &((const struct sockaddr_in6 *)(const void *)addr)->sin6_addr;
}

static inline uint32_t shim_addr_v4(const struct sockaddr *addr)
{
	return ntohl(((const struct sockaddr_in *)(const void *)addr)->sin_addr.s_addr);
}

static inline const struct sockaddr_ib *shim_addr_ib(const struct sockaddr *addr)
{
	return (const struct sockaddr_ib *)(const void *)addr;
}

static inline bool shim_addr_is_any(const struct sockaddr *addr)
{
	switch (addr->sa_family) {
	case AF_INET:
		return !shim_addr_v4(addr);
	case AF_INET6:
		return IN6_IS_ADDR_UNSPECIFIED(shim_addr_v6(addr));
	case AF_IB:
		return ib_addr_any(&shim_addr_ib(addr)->sib_addr);
	default:
		return false;
	}
}

static inline bool shim_addr_is_loopback(const struct sockaddr *addr)
{
	return addr->sa_family == AF_INET
		       ? shim_addr_v4(addr) >> 24 == 127
		       : addr->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(shim_addr_v6(addr));
}

/* Names one address of one interface: neither nothing, nor all, nor this host. */
static inline bool shim_addr_is_specific(const struct sockaddr *addr)
{
	return addr && (addr->sa_family == AF_INET || addr->sa_family == AF_INET6) &&
	       !shim_addr_is_any(addr) && !shim_addr_is_loopback(addr);
}

/* 0: none. */
static inline __be16 shim_addr_port(const struct sockaddr *addr)
{
	switch (addr->sa_family) {
	case AF_INET:
		return ((const struct sockaddr_in *)(const void *)addr)->sin_port;
	case AF_INET6:
		return ((const struct sockaddr_in6 *)(const void *)addr)->sin6_port;
	case AF_IB:
		return htons((uint16_t)be64toh(shim_addr_ib(addr)->sib_sid));
	default:
		return 0;
	}
}

static inline void shim_addr_set_port(struct sockaddr_storage *addr, __be16 port)
{
	if (addr->ss_family == AF_INET)
		((struct sockaddr_in *)(void *)addr)->sin_port = port;
	else if (addr->ss_family == AF_INET6)
		((struct sockaddr_in6 *)(void *)addr)->sin6_port = port;
}

/* "-" for what has no text. */
static inline const char *shim_addr_text(const struct sockaddr *addr, char text[SHIM_ADDR_TEXT])
{
	switch (addr->sa_family) {
	case AF_INET:
		return inet_ntop(AF_INET,
				 &((const struct sockaddr_in *)(const void *)addr)->sin_addr, text,
				 SHIM_ADDR_TEXT);
	case AF_INET6:
		return inet_ntop(AF_INET6, shim_addr_v6(addr), text, SHIM_ADDR_TEXT);
	case AF_IB:
		return inet_ntop(AF_INET6, &shim_addr_ib(addr)->sib_addr, text, SHIM_ADDR_TEXT);
	default:
		return "-";
	}
}

#endif
