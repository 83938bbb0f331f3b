// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * netlink/ replaced by what a test says. Like the original, it does not accept
 * a source of no family.
 */
#include "tests/mock_netlink.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "netlink/nl_link.h"
#include "netlink/nl_route.h"

/* Protects all below. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int route_rc;
static bool route_local, no_device, have_first;
static struct sockaddr_storage first, asked;

void mock_netlink_route(int rc)
{
	route_rc = rc;
}

void mock_netlink_local(bool local)
{
	route_local = local;
}

void mock_netlink_device(bool there)
{
	no_device = !there;
}

void mock_netlink_first(const struct sockaddr_storage *addr)
{
	have_first = addr;
	if (addr)
		first = *addr;
}

struct sockaddr_storage mock_netlink_asked_src(void)
{
	return asked;
}

static size_t size_of(const struct sockaddr *addr)
{
	return addr->sa_family == AF_INET ? sizeof(struct sockaddr_in)
					  : sizeof(struct sockaddr_in6);
}

int nl_route_lookup(const struct sockaddr *dst, const struct sockaddr *src, int oif,
		    struct nl_route *route)
{
	if (src && src->sa_family != dst->sa_family)
		return -EINVAL;
	pthread_mutex_lock(&lock);
	memset(&asked, 0, sizeof(asked));
	if (src)
		memcpy(&asked, src, size_of(src));
	pthread_mutex_unlock(&lock);
	memset(route, 0, sizeof(*route));
	route->ifindex = 2;
	route->is_local = route_local;
	return route_rc;
}

int nl_link_rdma_dev(int ifindex, struct nl_rdma_dev *dev)
{
	if (no_device)
		return -ENODEV;
	memset(dev, 0, sizeof(*dev));
	snprintf(dev->name, sizeof(dev->name), "mock0");
	dev->port = 1;
	dev->ifindex = ifindex;
	return 0;
}

int nl_link_first_rdma_addr(int family, struct nl_rdma_dev *dev, struct sockaddr_storage *addr)
{
	if (!have_first || first.ss_family != family)
		return -ENODEV;
	*addr = first;
	return nl_link_rdma_dev(2, dev);
}

int nl_link_rdma_driver(uint32_t dev_index, uint32_t *driver_id)
{
	return -ENOENT;
}
