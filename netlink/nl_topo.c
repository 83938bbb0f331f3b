// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The link table: reading it, and walking down from an interface. */
#include "netlink/nl_topo.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netlink/attr.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "netlink/nl_sock.h"

#define DEPTH_MAX 8 /* as the kernel's own limit of nesting */

static enum nl_link_kind kind_of(const struct nlattr *attr)
{
	static const char *const uppers[] = { "vlan", "macvlan", "macvtap", "ipvlan", "ipvtap" };
	static const char *const masters[] = { "bond", "bridge", "team", "vrf" };

	for (size_t i = 0; i < IW_ARRAY_SIZE(uppers); i++)
		if (!nla_strcmp(attr, uppers[i]))
			return NL_KIND_UPPER;
	for (size_t i = 0; i < IW_ARRAY_SIZE(masters); i++)
		if (!nla_strcmp(attr, masters[i]))
			return NL_KIND_MASTER;
	return NL_KIND_PLAIN;
}

static bool is_bond_backup(struct nlattr *info)
{
	struct nlattr *kind = nla_find(nla_data(info), nla_len(info), IFLA_INFO_SLAVE_KIND);
	struct nlattr *data = nla_find(nla_data(info), nla_len(info), IFLA_INFO_SLAVE_DATA);
	struct nlattr *state;

	if (!kind || !data || nla_strcmp(kind, "bond"))
		return false;
	state = nla_find(nla_data(data), nla_len(data), IFLA_BOND_SLAVE_STATE);
	return state && nla_len(state) >= 1 && nla_get_u8(state) == 1;
}

static void take_info(struct nlattr *info, struct nl_topo_link *link)
{
	struct nlattr *kind = nla_find(nla_data(info), nla_len(info), IFLA_INFO_KIND);

	if (kind)
		link->kind = kind_of(kind);
	link->backup = is_bond_backup(info);
}

/* False: not a link. */
static bool read_link(struct nlmsghdr *hdr, struct nl_topo_link *link)
{
	struct ifinfomsg *ifi;
	struct nlattr *attr;
	bool foreign = false;
	int rem;

	if (hdr->nlmsg_type != RTM_NEWLINK || nlmsg_datalen(hdr) < (int)sizeof(*ifi))
		return false;
	ifi = nlmsg_data(hdr);
	memset(link, 0, sizeof(*link));
	link->ifindex = ifi->ifi_index;
	link->up = ifi->ifi_flags & IFF_UP;
	link->running = ifi->ifi_flags & IFF_RUNNING;
	link->infiniband = ifi->ifi_type == ARPHRD_INFINIBAND;
	link->no_arp = ifi->ifi_flags & (IFF_NOARP | IFF_LOOPBACK);
	nlmsg_for_each_attr (attr, hdr, sizeof(*ifi), rem) {
		int type = nla_type(attr);
		bool is_u32 = nla_len(attr) >= (int)sizeof(uint32_t);

		if (type == IFLA_LINK && is_u32)
			link->lower = (int)nla_get_u32(attr);
		else if (type == IFLA_MASTER && is_u32)
			link->master = (int)nla_get_u32(attr);
		else if (type == IFLA_LINK_NETNSID)
			foreign = true;
		else if (type == IFLA_LINKINFO)
			take_info(attr, link);
	}
	/* For veth and tunnels it is a peer, elsewhere a number of another namespace. */
	if (link->kind != NL_KIND_UPPER || foreign)
		link->lower = 0;
	return true;
}

static int topo_add(struct nl_topo *topo, const struct nl_topo_link *link)
{
	struct nl_topo_link *links;
	size_t room;

	if (topo->n == topo->room) {
		room = topo->room ? topo->room * 2 : 16;
		links = iw_calloc(room, sizeof(*links));
		if (!links)
			return -ENOMEM;
		if (topo->n)
			memcpy(links, topo->links, topo->n * sizeof(*links));
		free(topo->links);
		topo->links = links;
		topo->room = room;
	}
	topo->links[topo->n++] = *link;
	return 0;
}

static int take_link(struct nlmsghdr *hdr, void *arg)
{
	struct nl_topo *topo = arg;
	struct nl_topo_link link;

	if (!hdr) {
		topo->n = 0;
		return 0;
	}
	return read_link(hdr, &link) ? topo_add(topo, &link) : 0;
}

static int take_one(struct nlmsghdr *hdr, void *arg)
{
	struct nl_topo_link *link = arg;

	if (!hdr) {
		memset(link, 0, sizeof(*link));
		return 0;
	}
	return read_link(hdr, link) ? 0 : -EBADMSG;
}

static int ask_links(const struct ifinfomsg *ifi, int flags, nl_answer_fn fn, void *arg)
{
	const struct nl_head head = {
		.type = RTM_GETLINK, .flags = (uint16_t)flags, .data = ifi, .len = sizeof(*ifi)
	};
	struct nl_chan *chan;
	struct nl_msg *msg;
	int rc;

	rc = nl_chan_get(NL_CHAN_ROUTE, &head, &chan, &msg);
	if (rc)
		return rc;
	/* No counters of virtual functions and the like: the answers stay small. */
	rc = nla_put_u32(msg, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS) < 0 ? -ENOMEM : 0;
	if (!rc)
		rc = nl_chan_ask(chan, fn, arg);
	nl_chan_put(chan);
	return rc;
}

int nl_topo_read(struct nl_topo *topo)
{
	const struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC };
	int rc = ask_links(&ifi, NLM_F_DUMP, take_link, topo);

	if (rc)
		nl_topo_fini(topo);
	return rc;
}

int nl_topo_one(int ifindex, struct nl_topo_link *link)
{
	const struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC, .ifi_index = ifindex };

	if (ifindex <= 0)
		return -ENODEV;
	return ask_links(&ifi, 0, take_one, link);
}

const struct nl_topo_link *nl_topo_find(const struct nl_topo *topo, int ifindex)
{
	for (size_t i = 0; i < topo->n; i++)
		if (topo->links[i].ifindex == ifindex)
			return &topo->links[i];
	return NULL;
}

struct walk {
	const struct nl_topo *topo;
	bool (*found)(int, void *);
	void *arg;
};

static bool walk_down(const struct walk *walk, int ifindex, int depth);

static bool walk_slaves(const struct walk *walk, int master, bool backup, int depth)
{
	for (size_t i = 0; i < walk->topo->n; i++) {
		const struct nl_topo_link *slave = &walk->topo->links[i];

		if (slave->master == master && slave->up && slave->running &&
		    slave->backup == backup && walk_down(walk, slave->ifindex, depth))
			return true;
	}
	return false;
}

static bool walk_down(const struct walk *walk, int ifindex, int depth)
{
	const struct nl_topo_link *link;

	if (walk->found(ifindex, walk->arg))
		return true;
	if (depth == DEPTH_MAX)
		return false;
	link = nl_topo_find(walk->topo, ifindex);
	if (!link)
		return false;
	if (link->kind == NL_KIND_MASTER)
		return walk_slaves(walk, ifindex, false, depth + 1) ||
		       walk_slaves(walk, ifindex, true, depth + 1);
	return link->lower && walk_down(walk, link->lower, depth + 1);
}

bool nl_topo_below(const struct nl_topo *topo, int ifindex, bool (*found)(int, void *), void *arg)
{
	const struct walk walk = { .topo = topo, .found = found, .arg = arg };

	return walk_down(&walk, ifindex, 0);
}

void nl_topo_fini(struct nl_topo *topo)
{
	free(topo->links);
	memset(topo, 0, sizeof(*topo));
}
