/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Cases for rdma_getaddrinfo() and what they give as one line of text. The unit
 * test compares the lines with `expect`, and with the stock library's where that
 * runs; addrinfo_diff prints them for whatever librdmacm it is linked with.
 * Nothing here asks a name server. No hints: flags is NO_HINTS.
 */
#ifndef ADDRINFO_CASES_H
#define ADDRINFO_CASES_H

#include <arpa/inet.h>
#include <errno.h>
#include <infiniband/ib.h>
#include <net/if.h>
#include <netdb.h>
#include <rdma/rdma_cma.h>
#include <stdio.h>
#include <string.h>

#define NO_HINTS -1

struct addrinfo_case {
	const char *name, *node, *service;
	int flags, family, qp_type, ps;
	const char *src, *dst; /* hinted addresses, port 9 */
	const char *expect;
	const char *stock; /* why rdma-core answers differently, see docs/differences.md */
};

#define V4 AF_INET
#define V6 AF_INET6
#define RC IBV_QPT_RC
#define UD IBV_QPT_UD
#define TCP RDMA_PS_TCP
#define UDP RDMA_PS_UDP

static const struct addrinfo_case addrinfo_cases[] = {
	/* Numbers. */
	{ "v4", "192.0.2.1", "7471", NO_HINTS, 0, 0, 0, NULL, NULL,
	  "flags=0 family=2 qp=2 ps=0x106 dst=192.0.2.1:7471", NULL },
	{ "v6", "2001:db8::1", "7471", NO_HINTS, 0, 0, 0, NULL, NULL,
	  "flags=0 family=10 qp=2 ps=0x106 dst=2001:db8::1:7471", NULL },
	{ "v6_scope", "fe80::1%lo", "7471", 0, 0, 0, 0, NULL, NULL,
	  "flags=0 family=10 qp=2 ps=0x106 dst=fe80::1%lo:7471", NULL },
	{ "v6_bad_scope", "fe80::1%nosuch0", "7471", RAI_NUMERICHOST, 0, 0, 0, NULL, NULL,
	  "EAI_NONAME", NULL },
	{ "node_only", "192.0.2.1", NULL, NO_HINTS, 0, 0, 0, NULL, NULL,
	  "flags=0 family=2 qp=2 ps=0x106 dst=192.0.2.1:0", NULL },
	{ "hosts_file", "localhost", "7471", 0, V4, 0, 0, NULL, NULL,
	  "flags=0 family=2 qp=2 ps=0x106 dst=127.0.0.1:7471", NULL },
	{ "numerichost", "192.0.2.1", "7471", RAI_NUMERICHOST, 0, 0, 0, NULL, NULL,
	  "flags=0 family=2 qp=2 ps=0x106 dst=192.0.2.1:7471", NULL },
	{ "numerichost_with_name", "localhost", "7471", RAI_NUMERICHOST, 0, 0, 0, NULL, NULL,
	  "EAI_NONAME", NULL },
	{ "noroute", "192.0.2.1", "7471", RAI_NOROUTE, 0, 0, 0, NULL, NULL,
	  "flags=0 family=2 qp=2 ps=0x106 dst=192.0.2.1:7471", NULL },

	/* Families. */
	{ "family_v6", "2001:db8::1", "7471", 0, V6, 0, 0, NULL, NULL,
	  "flags=0 family=10 qp=2 ps=0x106 dst=2001:db8::1:7471", NULL },
	{ "rai_family", "192.0.2.1", "7471", RAI_FAMILY, V4, 0, 0, NULL, NULL,
	  "flags=0 family=2 qp=2 ps=0x106 dst=192.0.2.1:7471", NULL },
	{ "family_mismatch", "192.0.2.1", "7471", 0, V6, 0, 0, NULL, NULL, "EAI_ADDRFAMILY", NULL },
	{ "family_unix", "192.0.2.1", "7471", 0, AF_UNIX, 0, 0, NULL, NULL, "EAI_FAMILY", NULL },
	{ "family_ib_hint", "fe80::1", "7471", 0, 27, 0, 0, NULL, NULL,
	  "flags=0 family=10 qp=2 ps=0x106 dst=fe80::1:7471", NULL },
	{ "family_ib_numerichost", "fe80::1", "7471", RAI_NUMERICHOST, 27, 0, 0, NULL, NULL,
	  "flags=0 family=10 qp=2 ps=0x106 dst=fe80::1:7471", NULL },
	{ "family_ib", "fe80::1", "7471", RAI_FAMILY, 27, 0, 0, NULL, NULL,
	  "flags=0 family=10 qp=2 ps=0x106 dst=fe80::1:7471", NULL },
	{ "family_ib_number", "fe80::1", "7471", RAI_NUMERICHOST | RAI_FAMILY, 27, 0, 0, NULL, NULL,
	  "flags=0 family=27 qp=2 ps=0x106 dst=fe80::1:0x1061d2f/0xffffffffffffffff",
	  "not compared" },
	{ "gid_passive", "fe80::1", "7471", RAI_NUMERICHOST | RAI_FAMILY | RAI_PASSIVE, 27, UD, UDP,
	  NULL, NULL, "flags=1 family=27 qp=4 ps=0x111 src=fe80::1:0x1111d2f/0xffffffffffffffff",
	  "not compared" },
	{ "gid_without_service", "fe80::1", NULL, RAI_NUMERICHOST | RAI_FAMILY, 27, RC, RDMA_PS_IB,
	  NULL, NULL, "flags=0 family=27 qp=2 ps=0x13f dst=fe80::1:0x13f0000/0xffffffffffff0000",
	  "not compared" },
	{ "gid_service_id", "fe80::1", "0x1000000000000001", RAI_NUMERICHOST | RAI_FAMILY, 27, RC,
	  RDMA_PS_IB, NULL, NULL,
	  "flags=0 family=27 qp=2 ps=0x13f dst=fe80::1:0x1000000000000001/0xffffffffffffffff",
	  "not compared" },
	{ "gid_bad_service", "fe80::1", "http", RAI_NUMERICHOST | RAI_FAMILY, 27, 0, 0, NULL, NULL,
	  "EAI_SERVICE", "not compared" },
	{ "gid_negative_service", "fe80::1", "-1", RAI_NUMERICHOST | RAI_FAMILY, 27, 0, 0, NULL,
	  NULL, "EAI_SERVICE", "not compared" },
	{ "gid_huge_service", "fe80::1", "18446744073709551616", RAI_NUMERICHOST | RAI_FAMILY, 27,
	  0, 0, NULL, NULL, "EAI_SERVICE", "not compared" },
	{ "gid_is_none", "192.0.2.1", "7471", RAI_NUMERICHOST | RAI_FAMILY, 27, 0, 0, NULL, NULL,
	  "EAI_NONAME", "not compared" },
	{ "family_ib_passive", NULL, "7471", RAI_PASSIVE, 27, 0, 0, NULL, NULL,
	  "flags=1 family=2 qp=2 ps=0x106 src=0.0.0.0:7471", NULL },

	/* The passive side. */
	{ "passive_any", NULL, "7471", RAI_PASSIVE, V4, 0, 0, NULL, NULL,
	  "flags=1 family=2 qp=2 ps=0x106 src=0.0.0.0:7471", NULL },
	{ "passive_any_v6", NULL, "7471", RAI_PASSIVE, V6, 0, 0, NULL, NULL,
	  "flags=1 family=10 qp=2 ps=0x106 src=:::7471", NULL },
	{ "passive_node", "192.0.2.1", "7471", RAI_PASSIVE, 0, 0, 0, NULL, NULL,
	  "flags=1 family=2 qp=2 ps=0x106 src=192.0.2.1:7471", NULL },
	{ "passive_node_keeps_its_source", "192.0.2.1", "7471", RAI_PASSIVE, 0, 0, 0, "192.0.2.2",
	  "192.0.2.3", "flags=1 family=2 qp=2 ps=0x106 src=192.0.2.1:7471", NULL },
	{ "passive_hinted_source", NULL, "7471", RAI_PASSIVE, 0, 0, 0, "192.0.2.2", NULL,
	  "flags=1 family=2 qp=2 ps=0x106 src=192.0.2.2:7471", "listens on any address" },
	{ "passive_hinted_source_v6", NULL, "7471", RAI_PASSIVE, 0, 0, 0, "2001:db8::2", NULL,
	  "flags=1 family=10 qp=2 ps=0x106 src=2001:db8::2:7471", "listens on any address" },

	/* The active side, with hints. */
	{ "active_loopback", NULL, "7471", 0, V4, 0, 0, NULL, NULL,
	  "flags=0 family=2 qp=2 ps=0x106 dst=127.0.0.1:7471", NULL },
	{ "active_hinted_source", "192.0.2.1", "7471", 0, 0, 0, 0, "192.0.2.2", NULL,
	  "flags=0 family=2 qp=2 ps=0x106 src=192.0.2.2:9 dst=192.0.2.1:7471", NULL },
	{ "active_hinted_destination", NULL, "7471", 0, 0, 0, 0, NULL, "192.0.2.3",
	  "flags=0 family=2 qp=2 ps=0x106 dst=192.0.2.3:7471", "goes to the loopback address" },
	{ "hints_only_source", NULL, NULL, RAI_PASSIVE, V4, RC, TCP, "192.0.2.2", NULL,
	  "flags=1 family=2 qp=2 ps=0x106 src=192.0.2.2:9", NULL },
	{ "hints_only_both", NULL, NULL, RAI_NOROUTE, V4, UD, UDP, "192.0.2.2", "192.0.2.3",
	  "flags=4 family=2 qp=4 ps=0x111 src=192.0.2.2:9 dst=192.0.2.3:9", NULL },
	{ "hints_only_untyped", NULL, NULL, 0, 0, 0, 0, NULL, "2001:db8::3",
	  "flags=0 family=10 qp=2 ps=0x106 dst=2001:db8::3:9", "leaves family and type 0" },
	{ "hints_only_empty", NULL, NULL, 0, 0, RC, TCP, NULL, NULL,
	  "flags=0 family=0 qp=2 ps=0x106", NULL },

	/* Types. */
	{ "type_rc", "192.0.2.1", "7471", 0, 0, RC, 0, NULL, NULL,
	  "flags=0 family=2 qp=2 ps=0x106 dst=192.0.2.1:7471", NULL },
	{ "type_ud", "192.0.2.1", "7471", 0, 0, UD, 0, NULL, NULL,
	  "flags=0 family=2 qp=4 ps=0x111 dst=192.0.2.1:7471", NULL },
	{ "space_tcp", "192.0.2.1", "7471", 0, 0, 0, TCP, NULL, NULL,
	  "flags=0 family=2 qp=2 ps=0x106 dst=192.0.2.1:7471", NULL },
	{ "space_udp", "192.0.2.1", "7471", 0, 0, 0, UDP, NULL, NULL,
	  "flags=0 family=2 qp=4 ps=0x111 dst=192.0.2.1:7471", NULL },
	{ "space_ipoib", "192.0.2.1", "7471", 0, 0, UD, RDMA_PS_IPOIB, NULL, NULL,
	  "flags=0 family=2 qp=4 ps=0x2 dst=192.0.2.1:7471", NULL },
	{ "space_ib", "192.0.2.1", "7471", 0, 0, RC, RDMA_PS_IB, NULL, NULL,
	  "flags=0 family=2 qp=2 ps=0x13f dst=192.0.2.1:7471", NULL },
	{ "ud_on_tcp", "192.0.2.1", "7471", 0, 0, UD, TCP, NULL, NULL, "EAI_SOCKTYPE", NULL },
	{ "rc_on_udp", "192.0.2.1", "7471", 0, 0, RC, UDP, NULL, NULL, "EAI_SOCKTYPE", NULL },

	/* Services. */
	{ "service_unknown", "192.0.2.1", "nosuch-service", 0, 0, RC, 0, NULL, NULL, "EAI_SERVICE",
	  NULL },
	{ "service_negative", "192.0.2.1", "-1", 0, 0, RC, 0, NULL, NULL, "EAI_SERVICE", NULL },
	{ "service_65535", "192.0.2.1", "65535", 0, 0, 0, 0, NULL, NULL,
	  "flags=0 family=2 qp=2 ps=0x106 dst=192.0.2.1:65535", NULL },
	{ "service_too_big", "192.0.2.1", "70000", 0, 0, 0, 0, NULL, NULL, "EAI_SERVICE",
	  "becomes port 4464" },
	{ "service_empty", "192.0.2.1", "", 0, 0, 0, 0, NULL, NULL,
	  "flags=0 family=2 qp=2 ps=0x106 dst=192.0.2.1:0", NULL },

	/* Misuse. */
	{ "nothing", NULL, NULL, NO_HINTS, 0, 0, 0, NULL, NULL, "EINVAL", NULL },
	{ "unknown_flag", "192.0.2.1", "7471", 0x40000000, 0, 0, 0, NULL, NULL, "EINVAL",
	  "ignored" },
	{ "dns", "192.0.2.1", "7471", RAI_DNS, 0, 0, 0, NULL, NULL,
	  "flags=0 family=2 qp=2 ps=0x106 dst=192.0.2.1:7471", NULL },
	{ "sa", NULL, "7471", RAI_SA, 0, 0, 0, NULL, NULL, "EOPNOTSUPP", "44 ignores RAI_SA" },
	{ "sa_and_node", "192.0.2.1", "7471", RAI_SA, 0, 0, 0, NULL, NULL, "EOPNOTSUPP",
	  "44 ignores RAI_SA" },
	{ "sa_and_dns", NULL, "7471", RAI_SA | RAI_DNS, 0, 0, 0, NULL, NULL, "EOPNOTSUPP",
	  "44 ignores RAI_SA" },
};

#define ADDRINFO_CASES (sizeof(addrinfo_cases) / sizeof(addrinfo_cases[0]))

typedef int addrinfo_get_fn(const char *, const char *, const struct rdma_addrinfo *,
			    struct rdma_addrinfo **);
typedef void addrinfo_free_fn(struct rdma_addrinfo *);

/* Port 9; 0 if there is no text. */
static socklen_t addrinfo_parse(const char *text, struct sockaddr_storage *to)
{
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)to;
	struct sockaddr_in *v4 = (struct sockaddr_in *)to;

	memset(to, 0, sizeof(*to));
	if (!text)
		return 0;
	v4->sin_port = htons(9);
	to->ss_family = strchr(text, ':') ? AF_INET6 : AF_INET;
	if (to->ss_family == AF_INET6)
		return inet_pton(AF_INET6, text, &v6->sin6_addr) == 1 ? sizeof(*v6) : 0;
	return inet_pton(AF_INET, text, &v4->sin_addr) == 1 ? sizeof(*v4) : 0;
}

static size_t addrinfo_print_gid(char *to, size_t room, const char *label,
				 const struct sockaddr_ib *sib)
{
	char gid[INET6_ADDRSTRLEN];

	inet_ntop(AF_INET6, &sib->sib_addr, gid, sizeof(gid));
	return (size_t)snprintf(to, room, " %s=%s:%#llx/%#llx", label, gid,
				(unsigned long long)be64toh(sib->sib_sid),
				(unsigned long long)be64toh(sib->sib_sid_mask));
}

static size_t addrinfo_print_addr(char *to, size_t room, const char *label,
				  const struct sockaddr *addr, socklen_t len)
{
	char host[INET6_ADDRSTRLEN + IF_NAMESIZE + 1], port[8];

	if (!addr && !len)
		return 0;
	if (addr && len == sizeof(struct sockaddr_ib) && addr->sa_family == AF_IB)
		return addrinfo_print_gid(to, room, label, (const void *)addr);
	if (!addr || getnameinfo(addr, len, host, sizeof(host), port, sizeof(port),
				 NI_NUMERICHOST | NI_NUMERICSERV))
		return (size_t)snprintf(to, room, " %s=bad", label);
	return (size_t)snprintf(to, room, " %s=%s:%s", label, host, port);
}

static const char *addrinfo_error(int ret, int err)
{
	switch (ret) {
	case -1:
		return strerrorname_np(err) ? strerrorname_np(err) : "-1 without errno";
	case EAI_NONAME:
		return "EAI_NONAME";
	case EAI_ADDRFAMILY:
		return "EAI_ADDRFAMILY";
	case EAI_FAMILY:
		return "EAI_FAMILY";
	case EAI_SERVICE:
		return "EAI_SERVICE";
	case EAI_SOCKTYPE:
		return "EAI_SOCKTYPE";
	case EAI_SYSTEM:
		return "EAI_SYSTEM";
	default:
		return gai_strerror(ret);
	}
}

static void addrinfo_print(char *to, size_t room, const struct rdma_addrinfo *rai)
{
	size_t at;

	at = (size_t)snprintf(to, room, "flags=%d family=%d qp=%d ps=%#x", rai->ai_flags,
			      rai->ai_family, rai->ai_qp_type, (unsigned int)rai->ai_port_space);
	at += addrinfo_print_addr(to + at, room - at, "src", rai->ai_src_addr, rai->ai_src_len);
	at += addrinfo_print_addr(to + at, room - at, "dst", rai->ai_dst_addr, rai->ai_dst_len);
	if (rai->ai_src_canonname || rai->ai_dst_canonname)
		at += (size_t)snprintf(to + at, room - at, " canonname");
	if (rai->ai_route_len || rai->ai_connect_len)
		at += (size_t)snprintf(to + at, room - at, " route=%zu connect=%zu",
				       rai->ai_route_len, rai->ai_connect_len);
	if (rai->ai_next)
		snprintf(to + at, room - at, " next");
}

/* Runs one case; *to becomes its line. Returns what get() returned. */
static int addrinfo_run(const struct addrinfo_case *c, addrinfo_get_fn *get,
			addrinfo_free_fn *free_list, char *to, size_t room)
{
	struct rdma_addrinfo hints, *rai = NULL;
	struct sockaddr_storage src, dst;
	int ret;

	memset(&hints, 0, sizeof(hints));
	hints.ai_flags = c->flags;
	hints.ai_family = c->family;
	hints.ai_qp_type = c->qp_type;
	hints.ai_port_space = c->ps;
	hints.ai_src_len = addrinfo_parse(c->src, &src);
	hints.ai_src_addr = c->src ? (struct sockaddr *)&src : NULL;
	hints.ai_dst_len = addrinfo_parse(c->dst, &dst);
	hints.ai_dst_addr = c->dst ? (struct sockaddr *)&dst : NULL;

	errno = 0;
	ret = get(c->node, c->service, c->flags == NO_HINTS ? NULL : &hints, &rai);
	if (ret)
		snprintf(to, room, "%s", addrinfo_error(ret, errno));
	else
		addrinfo_print(to, room, rai);
	free_list(rai);
	return ret;
}

#endif
