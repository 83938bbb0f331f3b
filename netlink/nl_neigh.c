// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Neighbour entries: reading one, and having the kernel find one out. The
 * kernel probes on request of a privileged process; for others a datagram to
 * the discard port makes it probe, which is what any use of the address does.
 */
#include "netlink/nl_neigh.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <netlink/addr.h>
#include <netlink/attr.h>
#include <netlink/route/neighbour.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/fault.h"
#include "netlink/nl_ip.h"
#include "netlink/nl_sock.h"
#include "netlink/nl_topo.h"

#define NUD_USABLE (NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_PROBE | NUD_STALE | NUD_DELAY)
#define DISCARD_PORT 9
#define LOOK_MS_MAX 20 /* between two looks */

static int take_neigh(struct nlmsghdr *hdr, void *arg)
{
	struct nl_neigh *neigh = arg;
	struct rtnl_neigh *entry;
	struct nl_addr *lladdr;
	int rc, state;

	if (!hdr) {
		memset(neigh, 0, sizeof(*neigh));
		return 0;
	}
	if (iw_fault(IW_FAULT_ALLOC))
		return -ENOMEM;
	rc = rtnl_neigh_parse(hdr, &entry);
	if (rc < 0)
		return nl_errno(rc);
	state = rtnl_neigh_get_state(entry);
	neigh->state = (uint16_t)(state < 0 ? NUD_NONE : state);
	neigh->valid = neigh->state & NUD_USABLE;
	lladdr = rtnl_neigh_get_lladdr(entry);
	if (lladdr)
		neigh->lladdr_len =
			iw_copy(neigh->lladdr, sizeof(neigh->lladdr),
				nl_addr_get_binary_addr(lladdr), nl_addr_get_len(lladdr));
	rtnl_neigh_put(entry);
	return 0;
}

static int ignore(struct nlmsghdr *hdr, void *arg)
{
	return 0;
}

static int ask(const struct nl_head *head, const struct nl_ip *ip, nl_answer_fn fn, void *arg)
{
	struct nl_chan *chan;
	struct nl_msg *msg;
	int rc;

	rc = nl_chan_get(NL_CHAN_ROUTE, head, &chan, &msg);
	if (rc)
		return rc;
	if (nla_put(msg, NDA_DST, (int)ip->len, ip->bytes) < 0)
		rc = -ENOMEM;
	else
		rc = nl_chan_ask(chan, fn, arg);
	nl_chan_put(chan);
	return rc;
}

static int look(int ifindex, const struct nl_ip *ip, struct nl_neigh *neigh)
{
	const struct ndmsg ndm = { .ndm_family = (uint8_t)ip->family, .ndm_ifindex = ifindex };
	const struct nl_head head = { .type = RTM_GETNEIGH, .data = &ndm, .len = sizeof(ndm) };

	return ask(&head, ip, take_neigh, neigh);
}

/* -EINVAL: not a neighbour's address; an interface must be named. */
static int neigh_ip(int ifindex, const struct sockaddr *addr, struct nl_ip *ip)
{
	int rc = nl_ip_from(addr, ip);

	if (rc)
		return rc;
	return ifindex <= 0 || ip->any ? -EINVAL : 0;
}

int nl_neigh_lookup(int ifindex, const struct sockaddr *addr, struct nl_neigh *neigh)
{
	struct nl_neigh got;
	struct nl_ip ip;
	int rc;

	rc = neigh_ip(ifindex, addr, &ip);
	if (!rc)
		rc = look(ifindex, &ip, &got);
	if (rc)
		return rc == -ENODEV ? -ENOENT : rc;
	*neigh = got;
	return 0;
}

/* Needs CAP_NET_ADMIN: -EPERM without. */
static int probe_by_netlink(int ifindex, const struct nl_ip *ip)
{
	const struct ndmsg ndm = { .ndm_family = (uint8_t)ip->family,
				   .ndm_ifindex = ifindex,
				   .ndm_state = NUD_NONE,
				   .ndm_flags = NTF_USE };
	const struct nl_head head = { .type = RTM_NEWNEIGH,
				      .flags = NLM_F_CREATE | NLM_F_ACK,
				      .data = &ndm,
				      .len = sizeof(ndm) };

	return ask(&head, ip, ignore, NULL);
}

static int bind_to_interface(int fd, int family, int ifindex)
{
	uint32_t index = htonl((uint32_t)ifindex);

	if (family == AF_INET)
		return setsockopt(fd, IPPROTO_IP, IP_UNICAST_IF, &index, sizeof(index));
	return setsockopt(fd, IPPROTO_IPV6, IPV6_UNICAST_IF, &index, sizeof(index));
}

static int probe_by_datagram(int ifindex, const struct nl_ip *ip)
{
	struct sockaddr_storage to;
	struct nl_ip plain = *ip;
	socklen_t len;
	int fd, rc = 0;

	plain.mapped = false;
	plain.scope = (uint32_t)ifindex;
	nl_ip_to(&plain, &to);
	if (plain.family == AF_INET) {
		((struct sockaddr_in *)&to)->sin_port = htons(DISCARD_PORT);
		len = sizeof(struct sockaddr_in);
	} else {
		((struct sockaddr_in6 *)&to)->sin6_port = htons(DISCARD_PORT);
		len = sizeof(struct sockaddr_in6);
	}
	if (iw_fault(IW_FAULT_SYSCALL))
		return -EMFILE;
	fd = socket(plain.family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (iw_fault(IW_FAULT_SYSCALL))
		rc = -ENOBUFS;
	else if (bind_to_interface(fd, plain.family, ifindex) ||
		 sendto(fd, NULL, 0, MSG_NOSIGNAL, (struct sockaddr *)&to, len) < 0)
		rc = errno == EAGAIN ? 0 : -errno;
	close(fd);
	return rc;
}

static int probe(int ifindex, const struct nl_ip *ip)
{
	int rc = probe_by_netlink(ifindex, ip);

	return rc == -EPERM ? probe_by_datagram(ifindex, ip) : rc;
}

static void nap(int64_t ms)
{
	struct timespec nap = { .tv_nsec = (long)ms * 1000000 };

	nanosleep(&nap, NULL); /* a signal only makes the next look come early */
}

/* The probe runs: looks until it has ended, ever less often. */
static int wait_for(int ifindex, const struct nl_ip *ip, int timeout_ms)
{
	int64_t until = (int64_t)iw_now_ms() + timeout_ms, left, step = 1;
	struct nl_neigh neigh;
	int rc;

	for (;;) {
		rc = look(ifindex, ip, &neigh);
		if (rc && rc != -ENOENT)
			return rc;
		if (!rc && neigh.valid)
			return 0;
		if (!rc && neigh.state & NUD_FAILED)
			return -EHOSTUNREACH;
		left = until - (int64_t)iw_now_ms();
		if (left <= 0)
			return -ETIMEDOUT;
		nap(left < step ? left : step);
		if (step < LOOK_MS_MAX)
			step *= 2;
	}
}

int nl_neigh_resolve(int ifindex, const struct sockaddr *addr, int timeout_ms)
{
	struct nl_topo_link link;
	struct nl_neigh neigh;
	struct nl_ip ip;
	int rc;

	rc = neigh_ip(ifindex, addr, &ip);
	if (rc)
		return rc;
	rc = look(ifindex, &ip, &neigh);
	if (!rc && neigh.valid)
		return 0;
	if (rc && rc != -ENOENT)
		return rc == -ENODEV ? -EINVAL : rc;
	rc = nl_topo_one(ifindex, &link);
	if (rc)
		return rc == -ENODEV ? -EINVAL : rc;
	if (link.no_arp)
		return 0;
	rc = probe(ifindex, &ip);
	if (rc)
		return rc;
	return wait_for(ifindex, &ip, timeout_ms);
}
