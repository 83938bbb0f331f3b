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
static bool route_local, no_device, nothing, have_first, infiniband;
static unsigned int device_calls;
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

void mock_netlink_infiniband(bool yes)
{
	infiniband = yes;
}

void mock_netlink_any(bool there)
{
	nothing = !there;
}

unsigned int mock_netlink_device_calls(void)
{
	unsigned int n;

	pthread_mutex_lock(&lock);
	n = device_calls;
	pthread_mutex_unlock(&lock);
	return n;
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

static int interface_of(const struct sockaddr *addr)
{
	const struct sockaddr_in6 *v6 = (const void *)addr;
	const struct sockaddr_in *v4 = (const void *)addr;
	uint32_t ip = ntohl(v4->sin_addr.s_addr);

	if (addr->sa_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr)    ? 1
		       : IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr) ? 9
							       : 2;
	return ip >> 24 == 127 ? 1 : ip >> 16 == 0x0a01 ? 7 : 2;
}

/* The preferred source, where the tests care. */
static void source_of(const struct sockaddr *dst, struct nl_route *route)
{
	struct sockaddr_in6 *v6 = (void *)&route->src;
	struct sockaddr_in *v4 = (void *)&route->src;

	memcpy(&route->src, dst, size_of(dst));
	if (route->ifindex == 7)
		v4->sin_addr.s_addr = htonl(0x0a010001);
	else if (route->ifindex == 9)
		v6->sin6_scope_id = 0;
	v4->sin_port = 0;
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
	route->ifindex = interface_of(dst);
	route->is_local = route_local || route->ifindex == 1;
	source_of(dst, route);
	return route_rc;
}

int nl_link_rdma_dev(int ifindex, struct nl_rdma_dev *dev)
{
	pthread_mutex_lock(&lock);
	device_calls++;
	pthread_mutex_unlock(&lock);
	if (no_device || ifindex != 2)
		return -ENODEV;
	memset(dev, 0, sizeof(*dev));
	snprintf(dev->name, sizeof(dev->name), "mock0");
	dev->port = 1;
	dev->ifindex = ifindex;
	return 0;
}

bool nl_link_is_infiniband(int ifindex)
{
	return infiniband;
}

int nl_link_any_rdma_dev(void)
{
	return nothing ? -ENODEV : 0;
}

int nl_link_by_addr(const struct sockaddr *addr, int *ifindex)
{
	*ifindex = interface_of(addr);
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
