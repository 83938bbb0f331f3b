/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Internal to netlink/: the interfaces and what stands on what, as one reading
 * of the kernel's link table (RTM_GETLINK).
 */
#ifndef IW_NL_TOPO_H
#define IW_NL_TOPO_H

#include <stdbool.h>
#include <stddef.h>

enum nl_link_kind {
	NL_KIND_PLAIN,
	NL_KIND_UPPER,	/* VLAN, macvlan and the like: stands on @lower */
	NL_KIND_MASTER, /* bond, bridge, team, VRF: stands on its slaves */
};

struct nl_topo_link {
	int ifindex;
	enum nl_link_kind kind;
	int lower;  /* of NL_KIND_UPPER, in the same namespace; else 0 */
	int master; /* 0: none */
	bool up;    /* administratively */
	bool running;
	bool no_arp;
	bool backup;	 /* a bond's slave that waits */
	bool infiniband; /* IPoIB */
};

struct nl_topo {
	struct nl_topo_link *links;
	size_t n, room;
};

/* Fills an empty @topo; on an error it is left empty. -ENOMEM, others of netlink. */
int nl_topo_read(struct nl_topo *topo);

/* One interface, without reading the others. -ENODEV: no such interface. */
int nl_topo_one(int ifindex, struct nl_topo_link *link);

/* NULL: none. */
const struct nl_topo_link *nl_topo_find(const struct nl_topo *topo, int ifindex);

/*
 * Calls @found for @ifindex and for what is below it, the nearest first and of
 * a master's running slaves the active before the waiting ones, until it
 * returns true; false if it never did.
 */
bool nl_topo_below(const struct nl_topo *topo, int ifindex, bool (*found)(int, void *), void *arg);

void nl_topo_fini(struct nl_topo *topo);

#endif
