// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * One RTM_GETROUTE and what its answer means. The kernel decides everything:
 * rules, VRF, multipath and the source come out of it. This is on the path of
 * every connection, so the answer is walked with the macros of rtnetlink(3),
 * which cost less than the calls and objects of libnl.
 */
#include "netlink/nl_route.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <string.h>

#include "netlink/nl_addr.h"
#include "netlink/nl_ip.h"
#include "netlink/nl_sock.h"

struct route_query {
	struct nl_ip dst;
	struct nl_ip src; /* any: the kernel chooses */
	int oif;	  /* 0: any */
};

struct route_answer {
	int error; /* of a route that exists in order to refuse */
	bool seen;
	bool is_local;
	int ifindex;
	unsigned int mtu;
	struct nl_ip src, gateway; /* len 0: none */
};

/* A scope names the interface as an oif does; the two must not disagree. */
static int take_scope(struct route_query *q, const struct nl_ip *ip)
{
	if (!ip->scope)
		return 0;
	if (q->oif && (uint32_t)q->oif != ip->scope)
		return -EINVAL;
	q->oif = (int)ip->scope;
	return 0;
}

static int query_from(struct route_query *q, const struct sockaddr *dst, const struct sockaddr *src)
{
	int rc;

	rc = nl_ip_from(dst, &q->dst);
	if (rc)
		return rc;
	rc = take_scope(q, &q->dst);
	if (rc)
		return rc;
	q->src.any = true;
	if (src) {
		rc = nl_ip_from(src, &q->src);
		if (rc)
			return rc;
		if (!q->src.any && q->src.family != q->dst.family)
			return -EINVAL;
		rc = take_scope(q, &q->src);
		if (rc)
			return rc;
	}
	if (!q->oif && (nl_ip_needs_scope(&q->dst) || nl_ip_needs_scope(&q->src)))
		return -EINVAL;
	/* As connect(2): this host. The kernel does so itself for 0.0.0.0. */
	if (q->dst.any && q->dst.family == AF_INET6)
		q->dst.bytes[15] = 1;
	return 0;
}

/* A blackhole drops without a word; to a caller the network is not there. */
static int refused(uint8_t rtm_type)
{
	switch (rtm_type) {
	case RTN_BLACKHOLE:
	case RTN_THROW:
		return -ENETUNREACH;
	case RTN_UNREACHABLE:
		return -EHOSTUNREACH;
	case RTN_PROHIBIT:
		return -EACCES;
	default:
		return 0;
	}
}

static int take_ip(const struct rtattr *attr, int family, struct nl_ip *ip)
{
	return nl_ip_from_bytes(family, RTA_DATA(attr), RTA_PAYLOAD(attr), ip);
}

static int take_via(const struct rtattr *attr, struct nl_ip *gateway)
{
	const struct rtvia *via = RTA_DATA(attr);

	if (RTA_PAYLOAD(attr) < sizeof(*via))
		return -EBADMSG;
	return nl_ip_from_bytes(via->rtvia_family, via->rtvia_addr,
				RTA_PAYLOAD(attr) - sizeof(*via), gateway);
}

static void take_metrics(const struct rtattr *metrics, unsigned int *mtu)
{
	const struct rtattr *attr = RTA_DATA(metrics);
	int rem = (int)RTA_PAYLOAD(metrics);

	for (; RTA_OK(attr, rem); attr = RTA_NEXT(attr, rem))
		if (attr->rta_type == RTAX_MTU && RTA_PAYLOAD(attr) >= sizeof(*mtu))
			memcpy(mtu, RTA_DATA(attr), sizeof(*mtu));
}

static int take_attr(const struct rtattr *attr, int family, struct route_answer *a)
{
	switch (attr->rta_type & NLA_TYPE_MASK) {
	case RTA_OIF:
		if (RTA_PAYLOAD(attr) < sizeof(a->ifindex))
			return -EBADMSG;
		memcpy(&a->ifindex, RTA_DATA(attr), sizeof(a->ifindex));
		return 0;
	case RTA_PREFSRC:
		return take_ip(attr, family, &a->src);
	case RTA_GATEWAY:
		return take_ip(attr, family, &a->gateway);
	case RTA_VIA:
		return take_via(attr, &a->gateway);
	case RTA_METRICS:
		take_metrics(attr, &a->mtu);
		return 0;
	default:
		return 0;
	}
}

static int take_route(struct nlmsghdr *hdr, void *arg)
{
	struct route_answer *a = arg;
	const struct rtattr *attr;
	const struct rtmsg *rtm;
	int rem, rc = 0;

	if (!hdr) {
		memset(a, 0, sizeof(*a));
		return 0;
	}
	if (hdr->nlmsg_type != RTM_NEWROUTE || hdr->nlmsg_len < NLMSG_LENGTH(sizeof(*rtm)))
		return -EBADMSG;
	rtm = NLMSG_DATA(hdr);
	a->seen = true;
	a->error = refused(rtm->rtm_type);
	a->is_local = rtm->rtm_type == RTN_LOCAL;
	attr = RTM_RTA(rtm);
	rem = (int)RTM_PAYLOAD(hdr);
	for (; RTA_OK(attr, rem) && !rc; attr = RTA_NEXT(attr, rem))
		rc = take_attr(attr, rtm->rtm_family, a);
	return rc;
}

static int ask(const struct route_query *q, struct route_answer *a)
{
	struct rtmsg rtm = {
		.rtm_family = (unsigned char)q->dst.family,
		.rtm_dst_len = (unsigned char)(q->dst.len * 8),
		.rtm_src_len = (unsigned char)(q->src.any ? 0 : q->src.len * 8),
	};
	const struct nl_head head = { .type = RTM_GETROUTE, .data = &rtm, .len = sizeof(rtm) };
	struct nl_chan *chan;
	struct nl_msg *msg;
	int rc;

	rc = nl_chan_get(NL_CHAN_ROUTE, &head, &chan, &msg);
	if (rc)
		return rc;
	if (nla_put(msg, RTA_DST, (int)q->dst.len, q->dst.bytes) < 0 ||
	    (!q->src.any && nla_put(msg, RTA_SRC, (int)q->src.len, q->src.bytes) < 0) ||
	    (q->oif && nla_put_u32(msg, RTA_OIF, (uint32_t)q->oif) < 0))
		rc = -ENOMEM;
	else
		rc = nl_chan_ask(chan, take_route, a);
	nl_chan_put(chan);
	return rc;
}

/*
 * To a foreign IPv4 source kernels say EINVAL or ENETUNREACH, as to a blackhole
 * or a missing route; for IPv6 they do not look at the source. Only the
 * doubtful cases cost a question.
 */
static int check_source(const struct route_query *q, const struct route_answer *a, int rc)
{
	int where, local;

	if (q->src.any)
		return rc;
	if (q->src.family == AF_INET && rc != -EINVAL && rc != -ENETUNREACH)
		return rc;
	if (q->src.family == AF_INET6 && (rc || nl_ip_equal(&a->src, &q->src)))
		return rc;
	local = nl_addr_owner(&q->src, &where);
	return local ? local : rc;
}

static int source_of(const struct route_query *q, struct route_answer *a)
{
	if (!q->src.any)
		a->src = q->src;
	else if (!a->src.len)
		return -EADDRNOTAVAIL; /* a route, but no address to use it with */
	a->src.mapped = q->dst.mapped;
	a->src.scope = (uint32_t)(q->oif ? q->oif : a->ifindex);
	return 0;
}

int nl_route_lookup(const struct sockaddr *dst, const struct sockaddr *src, int oif,
		    struct nl_route *route)
{
	struct route_query q = { .oif = oif };
	struct route_answer a;
	int rc;

	rc = query_from(&q, dst, src);
	if (rc)
		return rc;
	rc = ask(&q, &a);
	rc = check_source(&q, &a, rc);
	if (rc)
		return rc == -EINVAL ? -ENETUNREACH : rc;
	if (a.error)
		return a.error;
	if (!a.seen)
		return -EBADMSG;
	rc = source_of(&q, &a);
	if (rc)
		return rc;

	route->ifindex = a.ifindex;
	route->is_local = a.is_local;
	route->mtu = a.mtu;
	nl_ip_to(&a.src, &route->src);
	route->has_gateway = a.gateway.len != 0;
	a.gateway.scope = (uint32_t)a.ifindex;
	if (route->has_gateway)
		nl_ip_to(&a.gateway, &route->gateway);
	else
		memset(&route->gateway, 0, sizeof(route->gateway));
	return 0;
}
