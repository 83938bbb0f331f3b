// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* RTM_GETADDR: who owns an address, which address has an interface. */
#include "netlink/nl_addr.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <string.h>

#include "netlink/nl_sock.h"

#define LOOPBACK_IFINDEX 1 /* in every namespace */

struct addr_entry {
	int ifindex;
	unsigned int scope, flags, prefix_len;
	struct nl_ip ip;
};

struct owner_search {
	const struct nl_ip *wanted;
	int ifindex; /* 0: not found */
};

struct first_search {
	int ifindex, family;
	unsigned int rank; /* of best, lower is better */
	struct nl_ip best; /* len 0: none */
};

/* 0: @entry is filled; -ENOENT: not an address; -EBADMSG. */
static int read_entry(struct nlmsghdr *hdr, struct addr_entry *entry)
{
	struct nlattr *attr, *local = NULL, *address = NULL;
	struct ifaddrmsg *ifa;
	int rem;

	if (hdr->nlmsg_type != RTM_NEWADDR || nlmsg_datalen(hdr) < (int)sizeof(*ifa))
		return -ENOENT;
	ifa = nlmsg_data(hdr);
	entry->ifindex = (int)ifa->ifa_index;
	entry->scope = ifa->ifa_scope;
	entry->flags = ifa->ifa_flags;
	entry->prefix_len = ifa->ifa_prefixlen;
	nlmsg_for_each_attr (attr, hdr, sizeof(*ifa), rem) {
		if (nla_type(attr) == IFA_LOCAL)
			local = attr;
		else if (nla_type(attr) == IFA_ADDRESS)
			address = attr;
		else if (nla_type(attr) == IFA_FLAGS && nla_len(attr) >= (int)sizeof(uint32_t))
			entry->flags = nla_get_u32(attr);
	}
	/* On a point-to-point link IFA_ADDRESS is the other end. */
	attr = local ? local : address;
	if (!attr || (ifa->ifa_family != AF_INET && ifa->ifa_family != AF_INET6))
		return -ENOENT;
	return nl_ip_from_bytes(ifa->ifa_family, nla_data(attr), (size_t)nla_len(attr), &entry->ip);
}

static bool same_prefix(const struct nl_ip *a, const struct nl_ip *b, unsigned int bits)
{
	unsigned int whole = bits / 8, rest = bits % 8;

	if (bits > a->len * 8 || memcmp(a->bytes, b->bytes, whole))
		return false;
	return !rest || !((a->bytes[whole] ^ b->bytes[whole]) >> (8 - rest));
}

/* The whole of 127.0.0.0/8 is local, and any IPv4 prefix on the loopback. */
static bool owns(const struct addr_entry *entry, const struct nl_ip *ip)
{
	if (entry->ip.family != ip->family)
		return false;
	if (nl_ip_equal(&entry->ip, ip))
		return !ip->scope || (int)ip->scope == entry->ifindex;
	return ip->family == AF_INET && entry->ifindex == LOOPBACK_IFINDEX &&
	       same_prefix(&entry->ip, ip, entry->prefix_len);
}

static int take_owner(struct nlmsghdr *hdr, void *arg)
{
	struct owner_search *search = arg;
	struct addr_entry entry;
	int rc;

	if (!hdr) {
		search->ifindex = 0;
		return 0;
	}
	rc = read_entry(hdr, &entry);
	if (rc)
		return rc == -ENOENT ? 0 : rc;
	if (!search->ifindex && owns(&entry, search->wanted))
		search->ifindex = entry.ifindex;
	return 0;
}

int nl_addr_owner(const struct nl_ip *ip, int *ifindex)
{
	bool one = ip->family == AF_INET6; /* IPv4 can only be listed */
	struct ifaddrmsg ifa = {
		.ifa_family = (unsigned char)ip->family,
		.ifa_prefixlen = one ? 128 : 0,
		.ifa_index = one ? ip->scope : 0,
	};
	const struct nl_head head = {
		.type = RTM_GETADDR, .flags = one ? 0 : NLM_F_DUMP, .data = &ifa, .len = sizeof(ifa)
	};
	struct owner_search search = { .wanted = ip };
	struct nl_chan *chan;
	struct nl_msg *msg;
	int rc;

	if (ip->any)
		return -EADDRNOTAVAIL;
	rc = nl_chan_get(NL_CHAN_ROUTE, &head, &chan, &msg);
	if (rc)
		return rc;
	if (one && nla_put(msg, IFA_ADDRESS, (int)ip->len, ip->bytes) < 0)
		rc = -ENOMEM;
	else
		rc = nl_chan_ask(chan, take_owner, &search);
	nl_chan_put(chan);
	if (rc)
		return rc == -ENODEV ? -EADDRNOTAVAIL : rc;
	if (!search.ifindex)
		return -EADDRNOTAVAIL;
	*ifindex = search.ifindex;
	return 0;
}

static unsigned int rank_of(const struct addr_entry *entry)
{
	return entry->scope * 2 + !!(entry->flags & IFA_F_DEPRECATED);
}

static int take_first(struct nlmsghdr *hdr, void *arg)
{
	struct first_search *search = arg;
	struct addr_entry entry;
	int rc;

	if (!hdr) {
		search->best.len = 0;
		return 0;
	}
	rc = read_entry(hdr, &entry);
	if (rc)
		return rc == -ENOENT ? 0 : rc;
	if (entry.ifindex != search->ifindex || entry.ip.family != search->family ||
	    (entry.flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)))
		return 0;
	if (search->best.len && search->rank <= rank_of(&entry))
		return 0;
	search->rank = rank_of(&entry);
	search->best = entry.ip;
	search->best.scope = (uint32_t)entry.ifindex;
	return 0;
}

int nl_addr_first(int ifindex, int family, struct nl_ip *ip)
{
	struct ifaddrmsg ifa = { .ifa_family = (unsigned char)family };
	const struct nl_head head = {
		.type = RTM_GETADDR, .flags = NLM_F_DUMP, .data = &ifa, .len = sizeof(ifa)
	};
	struct first_search search = { .ifindex = ifindex, .family = family };
	struct nl_chan *chan;
	struct nl_msg *msg;
	int rc;

	rc = nl_chan_get(NL_CHAN_ROUTE, &head, &chan, &msg);
	if (rc)
		return rc;
	rc = nl_chan_ask(chan, take_first, &search);
	nl_chan_put(chan);
	if (rc)
		return rc;
	if (!search.best.len)
		return -EADDRNOTAVAIL;
	*ip = search.best;
	return 0;
}
