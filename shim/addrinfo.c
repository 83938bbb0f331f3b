// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * rdma_getaddrinfo(): getaddrinfo(3) in terms of QP types and port spaces. It
 * needs no device and no id. Routes are not looked up; those of the hints are
 * handed on.
 *
 * EAI_* codes are negative numbers and overlap negated errnos, so functions here
 * return what rdma_getaddrinfo() returns: 0, EAI_*, or -1 with errno.
 */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <infiniband/ib.h>
#include <netdb.h>
#include <rdma/rdma_cma.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/caller.h"
#include "base/fault.h"
#include "base/stall.h"
#include "shim/addrinfo.h"
#include "shim/export.h"

/* No message carries more private data, and no path has more records (one of each kind: 6). */
#define CONNECT_MAX UINT8_MAX
#define ROUTE_MAX (16 * sizeof(struct ibv_path_data))

#define RAI_KNOWN (RAI_PASSIVE | RAI_NUMERICHOST | RAI_NOROUTE | RAI_FAMILY | RAI_SA | RAI_DNS)

static int fail(int err)
{
	errno = err;
	return -1;
}

/* Copies len bytes; nothing to copy leaves *to NULL. */
static int dup_bytes(void *to, const void *from, size_t len)
{
	void *copy;

	if (!from || !len)
		return 0;
	copy = iw_calloc(1, len);
	if (!copy)
		return fail(ENOMEM);
	memcpy(copy, from, len);
	memcpy(to, &copy, sizeof(copy));
	return 0;
}

static int dup_string(char **to, const char *from)
{
	return dup_bytes(to, from, from ? strlen(from) + 1 : 0);
}

static int dup_addr(struct sockaddr **to, socklen_t *to_len, const struct sockaddr *from,
		    socklen_t len)
{
	int ret = dup_bytes(to, from, len);

	if (*to)
		*to_len = len;
	return ret;
}

static bool is_datagram(int port_space)
{
	return port_space == RDMA_PS_UDP || port_space == RDMA_PS_IPOIB;
}

static bool addr_is_sane(const struct sockaddr *addr, socklen_t len)
{
	return !addr || !len ||
	       (len >= sizeof(addr->sa_family) && len <= sizeof(struct sockaddr_storage));
}

static int check_hints(const struct rdma_addrinfo *hints)
{
	int type = hints->ai_qp_type, ps = hints->ai_port_space;

	if (hints->ai_flags & ~RAI_KNOWN) {
		errno = EINVAL; /* EAI_BADFLAGS is -1, and -1 has an errno */
		return EAI_BADFLAGS;
	}
	/*
	 * A subnet administrator is asked through an id, which there is in
	 * rdma_resolve_addrinfo(3) alone: also with RAI_DNS or a node, which that
	 * rules out.
	 */
	if (hints->ai_flags & RAI_SA)
		return fail(EOPNOTSUPP);
	if ((type == IBV_QPT_UD && ps == RDMA_PS_TCP) ||
	    (type && type != IBV_QPT_UD && is_datagram(ps)))
		return EAI_SOCKTYPE;
	if (!addr_is_sane(hints->ai_src_addr, hints->ai_src_len) ||
	    !addr_is_sane(hints->ai_dst_addr, hints->ai_dst_len))
		return fail(EINVAL);
	if ((hints->ai_connect && hints->ai_connect_len > CONNECT_MAX) ||
	    (hints->ai_route && hints->ai_route_len > ROUTE_MAX))
		return fail(EINVAL);
	return 0;
}

/* 0: whatever there is. */
static int hinted_socktype(const struct rdma_addrinfo *hints)
{
	if (hints->ai_qp_type == IBV_QPT_UD || is_datagram(hints->ai_port_space))
		return SOCK_DGRAM;
	return hints->ai_qp_type || hints->ai_port_space ? SOCK_STREAM : 0;
}

static void set_type(struct rdma_addrinfo *rai, const struct rdma_addrinfo *hints, int socktype)
{
	bool datagram = socktype == SOCK_DGRAM;

	if (hints && hints->ai_qp_type)
		rai->ai_qp_type = hints->ai_qp_type;
	else
		rai->ai_qp_type = datagram ? IBV_QPT_UD : IBV_QPT_RC;
	if (hints && hints->ai_port_space)
		rai->ai_port_space = hints->ai_port_space;
	else
		rai->ai_port_space = datagram ? RDMA_PS_UDP : RDMA_PS_TCP;
}

/* All that points elsewhere, and its length. */
static int copy_pointers(struct rdma_addrinfo *rai, const struct rdma_addrinfo *hints)
{
	if (dup_addr(&rai->ai_src_addr, &rai->ai_src_len, hints->ai_src_addr, hints->ai_src_len) ||
	    dup_addr(&rai->ai_dst_addr, &rai->ai_dst_len, hints->ai_dst_addr, hints->ai_dst_len) ||
	    dup_string(&rai->ai_src_canonname, hints->ai_src_canonname) ||
	    dup_string(&rai->ai_dst_canonname, hints->ai_dst_canonname) ||
	    dup_bytes(&rai->ai_route, hints->ai_route, hints->ai_route_len) ||
	    dup_bytes(&rai->ai_connect, hints->ai_connect, hints->ai_connect_len))
		return -1;

	rai->ai_route_len = rai->ai_route ? hints->ai_route_len : 0;
	rai->ai_connect_len = rai->ai_connect ? hints->ai_connect_len : 0;
	return 0;
}

/* With neither node nor service the hints are the answer. */
static int copy_hints(struct rdma_addrinfo *rai, const struct rdma_addrinfo *hints)
{
	if (copy_pointers(rai, hints))
		return -1;
	rai->ai_flags = hints->ai_flags;
	rai->ai_family = hints->ai_family;
	if (!rai->ai_family && rai->ai_dst_addr)
		rai->ai_family = rai->ai_dst_addr->sa_family;
	else if (!rai->ai_family && rai->ai_src_addr)
		rai->ai_family = rai->ai_src_addr->sa_family;
	set_type(rai, hints, hinted_socktype(hints));
	return 0;
}

/* ---- AF_IB */

/* The port space has the bits above the port's: RDMA_IB_IP_PS_TCP and its like. */
static uint64_t service_prefix(int port_space)
{
	return (uint64_t)(uint32_t)port_space << 16;
}

/* A service id: the port space and the port, or 64 bits that the program knows. */
static int read_service(const char *service, int port_space, struct sockaddr_ib *sib)
{
	uint64_t sid;
	char *end;

	if (!service || !*service) {
		sib->sib_sid = htobe64(service_prefix(port_space));
		sib->sib_sid_mask = htobe64(RDMA_IB_IP_PS_MASK);
		return 0;
	}
	if (*service < '0' || *service > '9')
		return EAI_SERVICE;
	errno = 0;
	sid = strtoull(service, &end, 0);
	if (errno || *end)
		return EAI_SERVICE;
	if (sid <= RDMA_IB_IP_PORT_MASK)
		sid |= service_prefix(port_space);
	sib->sib_sid = htobe64(sid);
	sib->sib_sid_mask = htobe64(UINT64_MAX);
	return 0;
}

/* Without a node: the hinted address of that side, if it is one of InfiniBand's. */
static bool hinted_gid(const struct rdma_addrinfo *hints, struct sockaddr_ib *sib)
{
	bool passive = hints->ai_flags & RAI_PASSIVE;
	const struct sockaddr *addr = passive ? hints->ai_src_addr : hints->ai_dst_addr;
	socklen_t len = passive ? hints->ai_src_len : hints->ai_dst_len;

	if (!addr || len < sizeof(*sib) || addr->sa_family != AF_IB)
		return false;
	memcpy(sib, addr, sizeof(*sib));
	return true;
}

/* Both flags make node a GID; else the hint AF_IB leaves the family open. */
static bool wants_gid(const char *node, const struct rdma_addrinfo *hints)
{
	const int flags = RAI_NUMERICHOST | RAI_FAMILY;
	struct sockaddr_ib sib;

	if (!node)
		return hinted_gid(hints, &sib);
	return hints->ai_family == AF_IB && (hints->ai_flags & flags) == flags;
}

/* A GID is written as an address of IPv6 is. */
static int read_gid(const char *node, const struct rdma_addrinfo *hints, struct sockaddr_ib *sib)
{
	sib->sib_family = AF_IB;
	sib->sib_pkey = 0xffff;
	if (!node)
		return hinted_gid(hints, sib) ? 0 : EAI_NONAME;
	return inet_pton(AF_INET6, node, &sib->sib_addr) == 1 ? 0 : EAI_NONAME;
}

static int resolve_gid(struct rdma_addrinfo *rai, const char *node, const char *service,
		       const struct rdma_addrinfo *hints)
{
	bool passive = hints->ai_flags & RAI_PASSIVE;
	struct sockaddr **addr = passive ? &rai->ai_src_addr : &rai->ai_dst_addr;
	socklen_t *len = passive ? &rai->ai_src_len : &rai->ai_dst_len;
	struct sockaddr_ib sib = { 0 };
	int ret = read_gid(node, hints, &sib);

	if (ret)
		return ret;
	set_type(rai, hints, hinted_socktype(hints));
	ret = read_service(service, rai->ai_port_space, &sib);
	if (ret)
		return ret;
	rai->ai_flags = passive ? RAI_PASSIVE : 0;
	rai->ai_family = AF_IB;
	return dup_addr(addr, len, (struct sockaddr *)&sib, sizeof(sib));
}

/* ---- names */

/* The address that stands in for a missing node: the hinted one of that side. */
static const struct sockaddr *node_hint(const struct rdma_addrinfo *hints, socklen_t *len)
{
	bool passive = hints->ai_flags & RAI_PASSIVE;
	const struct sockaddr *addr = passive ? hints->ai_src_addr : hints->ai_dst_addr;

	*len = passive ? hints->ai_src_len : hints->ai_dst_len;
	if (!addr || *len < (addr->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
							 : sizeof(struct sockaddr_in)))
		return NULL;
	return addr->sa_family == AF_INET || addr->sa_family == AF_INET6 ? addr : NULL;
}

static void copy_port(struct sockaddr *to, const struct sockaddr *from)
{
	/* sin_port and sin6_port lie at one offset. */
	((struct sockaddr_in *)to)->sin_port = ((const struct sockaddr_in *)from)->sin_port;
}

static int convert(struct rdma_addrinfo *rai, const struct rdma_addrinfo *hints,
		   const struct addrinfo *ai, const struct sockaddr *given, socklen_t given_len)
{
	bool passive = hints && (hints->ai_flags & RAI_PASSIVE);
	struct sockaddr **addr = passive ? &rai->ai_src_addr : &rai->ai_dst_addr;
	socklen_t *len = passive ? &rai->ai_src_len : &rai->ai_dst_len;

	if (given ? dup_addr(addr, len, given, given_len)
		  : dup_addr(addr, len, ai->ai_addr, ai->ai_addrlen))
		return -1;
	if (given)
		copy_port(*addr, ai->ai_addr);
	rai->ai_flags = passive ? RAI_PASSIVE : 0;
	rai->ai_family = ai->ai_family;
	set_type(rai, hints, ai->ai_socktype);
	return 0;
}

/* getaddrinfo(3) of glibc takes 70000 for port 4464. */
static bool port_is_too_big(const char *service)
{
	char *end;
	long port;

	if (!service || service[0] < '0' || service[0] > '9')
		return false;
	port = strtol(service, &end, 10);
	return !*end && port > 65535;
}

/* What the hints bring to every answer: the source, a route, data to connect with. */
static int add_hints(struct rdma_addrinfo *rai, const struct rdma_addrinfo *hints)
{
	if (!rai->ai_src_addr &&
	    dup_addr(&rai->ai_src_addr, &rai->ai_src_len, hints->ai_src_addr, hints->ai_src_len))
		return -1;
	if (dup_bytes(&rai->ai_route, hints->ai_route, hints->ai_route_len) ||
	    dup_bytes(&rai->ai_connect, hints->ai_connect, hints->ai_connect_len))
		return -1;
	rai->ai_route_len = rai->ai_route ? hints->ai_route_len : 0;
	rai->ai_connect_len = rai->ai_connect ? hints->ai_connect_len : 0;
	return 0;
}

/* errno is the caller's to read. */
static int look_up(const char *node, const char *service, const struct addrinfo *want,
		   struct addrinfo **found)
{
	static const struct iw_slow slow = { "getaddrinfo", "the name service has not answered",
					     IW_LOG_INFO };
	struct iw_watch watch;
	int ret;

	iw_watch_begin(&watch, &slow);
	ret = getaddrinfo(node, service, want, found);
	iw_watch_end(&watch);
	return ret;
}

static int resolve(struct rdma_addrinfo *rai, const char *node, const char *service,
		   const struct rdma_addrinfo *hints)
{
	const struct sockaddr *given = NULL;
	struct addrinfo want = { 0 }, *found;
	socklen_t given_len = 0;
	int ret;

	if (hints && wants_gid(node, hints))
		return resolve_gid(rai, node, service, hints);
	if (port_is_too_big(service))
		return EAI_SERVICE;
	if (hints) {
		if (!node)
			given = node_hint(hints, &given_len);
		want.ai_family = given ? given->sa_family : hints->ai_family;
		if (want.ai_family == AF_IB)
			want.ai_family = AF_UNSPEC;
		want.ai_socktype = hinted_socktype(hints);
		want.ai_flags = (hints->ai_flags & RAI_PASSIVE ? AI_PASSIVE : 0) |
				(hints->ai_flags & RAI_NUMERICHOST ? AI_NUMERICHOST : 0);
	}
	if (iw_fault(IW_FAULT_SYSCALL)) {
		errno = ENOMEM;
		return EAI_SYSTEM;
	}
	ret = look_up(node, service, hints ? &want : NULL, &found);
	if (ret)
		return ret;
	ret = convert(rai, hints, found, given, given_len);
	freeaddrinfo(found);
	return ret;
}

int shim_addrinfo_check(const struct rdma_addrinfo *hints)
{
	return hints ? check_hints(hints) : 0;
}

int shim_addrinfo_copy(const struct rdma_addrinfo *from, struct rdma_addrinfo **copy)
{
	struct rdma_addrinfo *rai = iw_calloc(1, sizeof(*rai));

	if (!rai)
		return -ENOMEM;
	rai->ai_flags = from->ai_flags;
	rai->ai_family = from->ai_family;
	rai->ai_qp_type = from->ai_qp_type;
	rai->ai_port_space = from->ai_port_space;
	if (copy_pointers(rai, from)) {
		rdma_freeaddrinfo(rai);
		return -ENOMEM;
	}
	*copy = rai;
	return 0;
}

IW_EXPORT int rdma_getaddrinfo(const char *node, const char *service,
			       const struct rdma_addrinfo *hints, struct rdma_addrinfo **res)
{
	struct rdma_addrinfo *rai;
	int ret, err;

	if (!res || (!node && !service && !hints))
		return fail(EINVAL);
	iw_caller_is(__func__, NULL, NULL);
	ret = shim_addrinfo_check(hints);
	if (ret)
		return ret;
	rai = iw_calloc(1, sizeof(*rai));
	if (!rai)
		return fail(ENOMEM);

	ret = node || service ? resolve(rai, node, service, hints) : copy_hints(rai, hints);
	if (!ret && hints && (node || service))
		ret = add_hints(rai, hints);
	if (ret) {
		err = errno;
		rdma_freeaddrinfo(rai);
		errno = err;
		return ret;
	}
	*res = rai;
	return 0;
}

/* Each field is an allocation of its own: programs replace them. */
IW_EXPORT void rdma_freeaddrinfo(struct rdma_addrinfo *res)
{
	struct rdma_addrinfo *next;

	for (; res; res = next) {
		next = res->ai_next;
		free(res->ai_src_addr);
		free(res->ai_dst_addr);
		free(res->ai_src_canonname);
		free(res->ai_dst_canonname);
		free(res->ai_route);
		free(res->ai_connect);
		free(res);
	}
}
