// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The choice between the drivers. What it rests on: the environment, which
 * drivers can serve at all, and which interface holds the source address
 * (netlink/). Ids are not known here.
 */
#include "shim/choose.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/device_choice.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/verbs_entry.h"
#include "netlink/nl_link.h"
#include "netlink/nl_route.h"
#include "shim/addr.h"

/* How long an interface without an RDMA device is taken to have none. */
#define BARE_MS 1000
#define BARE_SLOTS 16

static pthread_once_t policy_once = PTHREAD_ONCE_INIT;
static enum iw_device_choice policy_read;

/* Looking for a device on an interface that has none costs some ten system calls. */
static struct iw_lock bare_lock = IW_LOCK_STATIC; /* protects bare */
static struct {
	int ifindex; /* 0: free */
	uint64_t until_ms;
} bare[BARE_SLOTS];

const char *shim_driver_name(enum iw_driver_kind kind)
{
	return kind == IW_DRIVER_KERNEL ? "kernel" : "software";
}

/* ---- the environment */

/* Another thread may have held the lock. */
static void in_child(void)
{
	iw_lock_init(&bare_lock);
	memset(bare, 0, sizeof(bare));
}

static void read_policy(void)
{
	const char *wrong = iw_device_choice_wrong();

	policy_read = iw_device_choice();
	if (wrong)
		iw_error("IWSHIM_DEVICE=%s: not one of auto, kernel, soft; taken as auto", wrong);
}

static void first_policy(void)
{
	pthread_atfork(NULL, NULL, in_child);
	read_policy();
}

static enum iw_device_choice policy(void)
{
	pthread_once(&policy_once, first_policy);
	return policy_read;
}

/* ---- the drivers */

static int kernel_ready(void)
{
	return iw_driver_get(IW_DRIVER_KERNEL)->probe();
}

/* -ENODEV: this build has no software device. */
static int soft_ready(void)
{
	const struct iw_driver *soft = iw_driver_get(IW_DRIVER_SOFT);
	int rc = soft ? 0 : -ENODEV;

	if (!rc)
		rc = iw_verbs_reachable();
	return rc ? rc : soft->probe();
}

static int ready(enum iw_driver_kind kind)
{
	return kind == IW_DRIVER_KERNEL ? kernel_ready() : soft_ready();
}

/*
 * Where the kernel's devices do not serve: software, unless there is none of
 * it. Then the kernel driver is left, with @kernel_rc, what its probe said.
 */
static int soft_instead(int kernel_rc, enum iw_driver_kind *kind)
{
	int rc = soft_ready();

	*kind = rc ? IW_DRIVER_KERNEL : IW_DRIVER_SOFT;
	return rc == -ENODEV ? kernel_rc : rc;
}

int shim_choose_any(void)
{
	enum iw_driver_kind kind;
	int rc;

	if (policy() == IW_DEVICE_SOFT)
		return soft_ready();
	rc = kernel_ready();
	return rc && policy() == IW_DEVICE_AUTO ? soft_instead(rc, &kind) : rc;
}

/* ---- interfaces */

static bool known_bare(int ifindex)
{
	bool found = false;
	uint64_t now = iw_now_ms();

	iw_lock(&bare_lock);
	for (size_t i = 0; i < IW_ARRAY_SIZE(bare) && !found; i++)
		found = bare[i].ifindex == ifindex && bare[i].until_ms > now;
	iw_unlock(&bare_lock);
	return found;
}

/* In the slot that it has, or else the one that ends first. */
static void remember_bare(int ifindex)
{
	size_t slot = 0;

	iw_lock(&bare_lock);
	for (size_t i = 0; i < IW_ARRAY_SIZE(bare); i++) {
		if (bare[i].ifindex == ifindex) {
			slot = i;
			break;
		}
		if (bare[i].until_ms < bare[slot].until_ms)
			slot = i;
	}
	bare[slot].ifindex = ifindex;
	bare[slot].until_ms = iw_now_ms() + BARE_MS;
	iw_unlock(&bare_lock);
}

static bool kernel_serves_interface(int ifindex)
{
	struct nl_rdma_dev dev;
	int rc;

	if (known_bare(ifindex))
		return false;
	rc = nl_link_rdma_dev(ifindex, &dev);
	if (rc == -ENODEV && nl_link_is_infiniband(ifindex))
		return true;
	if (rc == -ENODEV)
		remember_bare(ifindex);
	return !rc;
}

/* An address that no interface holds is the kernel's to refuse. */
static bool kernel_serves_address(const struct sockaddr *addr)
{
	int ifindex;

	return nl_link_by_addr(addr, &ifindex) || kernel_serves_interface(ifindex);
}

void shim_choose_forget(void)
{
	iw_lock(&bare_lock);
	memset(bare, 0, sizeof(bare));
	iw_unlock(&bare_lock);
	policy();
	read_policy();
}

/* ---- a local address */

static bool kernel_serves_local(const struct sockaddr *addr)
{
	if (addr && addr->sa_family == AF_IB)
		return true;
	if (nl_link_any_rdma_dev())
		return false;
	return !shim_addr_is_specific(addr) || kernel_serves_address(addr);
}

static int choose_local_auto(const struct sockaddr *addr, enum iw_driver_kind *kind)
{
	int rc = kernel_ready();

	if (rc && addr && addr->sa_family == AF_IB)
		return rc;
	if (rc || !kernel_serves_local(addr))
		return soft_instead(rc, kind);
	*kind = IW_DRIVER_KERNEL;
	return 0;
}

int shim_choose_local(const struct sockaddr *addr, enum iw_driver_kind *kind)
{
	if (policy() == IW_DEVICE_AUTO)
		return choose_local_auto(addr, kind);
	*kind = policy() == IW_DEVICE_KERNEL ? IW_DRIVER_KERNEL : IW_DRIVER_SOFT;
	return ready(*kind);
}

/* ---- a destination */

static void say_route(const struct sockaddr *addr, const struct nl_route *route)
{
	char dst[SHIM_ADDR_TEXT];
	struct nl_rdma_dev dev;

	shim_addr_text(addr, dst);
	if (route->is_local)
		iw_debug("%s is an address of this host", dst);
	else if (nl_link_rdma_dev(route->ifindex, &dev))
		iw_debug("%s leaves by interface %d, which has no RDMA device", dst,
			 route->ifindex);
	else
		iw_debug("%s leaves by interface %d, RDMA device %s port %u", dst, route->ifindex,
			 dev.name, dev.port);
}

/* Errors of the socket itself do not speak about the route: the driver will. */
static int lookup(const struct sockaddr *dst, const struct sockaddr *src, struct nl_route *route)
{
	int rc = nl_route_lookup(dst, src, 0, route);

	switch (rc) {
	case 0:
		if (iw_log_enabled(IW_LOG_DEBUG))
			say_route(dst, route);
		return 0;
	case -ENETUNREACH:
	case -EHOSTUNREACH:
	case -EACCES:
	case -EADDRNOTAVAIL:
	case -EINVAL:
		return rc;
	default:
		memset(route, 0, sizeof(*route));
		return 0;
	}
}

/*
 * This host by its loopback or wildcard name: the kernel's devices do not sit
 * on the loopback, so go to the address that the id comes from, or else to the
 * first one that has a device, keeping the port. -ENODEV: none has.
 */
static int loopback_to_device(const struct sockaddr *src, struct sockaddr_storage *dst)
{
	__be16 port = shim_addr_port((struct sockaddr *)dst);
	struct sockaddr_storage to = { 0 };
	struct nl_rdma_dev dev;
	int rc;

	if (shim_addr_is_specific((struct sockaddr *)dst))
		return 0;
	if (shim_addr_is_specific(src) && src->sa_family == dst->ss_family) {
		memcpy(&to, src, shim_addr_size(src));
	} else {
		rc = nl_link_first_rdma_addr(dst->ss_family, &dev, &to);
		if (rc)
			return rc;
	}
	shim_addr_set_port(&to, port);
	*dst = to;
	return 0;
}

/* The wildcard is this host, too. */
static void any_to_loopback(struct sockaddr_storage *dst)
{
	if (!shim_addr_is_any((struct sockaddr *)dst))
		return;
	if (dst->ss_family == AF_INET)
		((struct sockaddr_in *)(void *)dst)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		((struct sockaddr_in6 *)(void *)dst)->sin6_addr = in6addr_loopback;
}

/* A link-local source means nothing without the interface that the route gives. */
static void take_source(struct shim_path *path, const struct nl_route *route)
{
	struct sockaddr_in6 *v6 = (void *)&path->src;

	path->src = route->src;
	if (path->src.ss_family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr) &&
	    !v6->sin6_scope_id)
		v6->sin6_scope_id = (uint32_t)route->ifindex;
}

static int kernel_path(const struct sockaddr *src, struct shim_path *path)
{
	struct nl_route route;

	path->kind = IW_DRIVER_KERNEL;
	if (path->dst.ss_family == AF_IB)
		return 0;
	loopback_to_device(src, &path->dst); /* else the kernel says what is wrong */
	return lookup((struct sockaddr *)&path->dst, src, &route);
}

static int soft_path(const struct sockaddr *src, struct shim_path *path)
{
	struct nl_route route;
	int rc;

	path->kind = IW_DRIVER_SOFT;
	if (path->dst.ss_family == AF_IB)
		return -EAFNOSUPPORT;
	any_to_loopback(&path->dst);
	rc = lookup((struct sockaddr *)&path->dst, src, &route);
	if (rc)
		return rc;
	if (src && !shim_addr_is_any(src))
		memcpy(&path->src, src, shim_addr_size(src));
	else
		take_source(path, &route);
	shim_addr_set_port(&path->src, 0);
	return 0;
}

/* Whether the interface that the packets leave from has a device of the kernel's. */
static bool kernel_serves_route(const struct sockaddr *src, const struct sockaddr *dst,
				const struct nl_route *route)
{
	if (shim_addr_is_specific(src))
		return kernel_serves_address(src);
	if (route->is_local)
		return kernel_serves_address(dst);
	return !route->ifindex || kernel_serves_interface(route->ifindex);
}

static int path_auto(const struct sockaddr *src, struct shim_path *path)
{
	const struct sockaddr_storage asked = path->dst;
	struct sockaddr *dst = (struct sockaddr *)&path->dst;
	struct nl_route route;
	enum iw_driver_kind kind;
	int kernel_rc = kernel_ready(), rc;

	if (asked.ss_family == AF_IB)
		return kernel_rc ? kernel_rc : kernel_path(src, path);
	if (kernel_rc || nl_link_any_rdma_dev() || loopback_to_device(src, &path->dst))
		goto without_kernel;
	rc = lookup(dst, src, &route);
	if (rc)
		return rc;
	path->kind = IW_DRIVER_KERNEL;
	if (kernel_serves_route(src, dst, &route))
		return 0;
without_kernel:
	path->dst = asked;
	rc = soft_instead(kernel_rc, &kind);
	if (rc)
		return rc;
	return kind == IW_DRIVER_SOFT ? soft_path(src, path) : kernel_path(src, path);
}

static struct shim_path path_to(const struct sockaddr *dst)
{
	struct shim_path path = { 0 };

	memcpy(&path.dst, dst, shim_addr_size(dst));
	return path;
}

int shim_choose_path_of(enum iw_driver_kind kind, const struct sockaddr *src,
			const struct sockaddr *dst, struct shim_path *path)
{
	struct shim_path found = path_to(dst);
	int rc = kind == IW_DRIVER_KERNEL ? kernel_path(src, &found) : soft_path(src, &found);

	if (!rc)
		*path = found;
	return rc;
}

int shim_choose_path(const struct sockaddr *src, const struct sockaddr *dst, struct shim_path *path)
{
	struct shim_path found = path_to(dst);
	enum iw_driver_kind kind;
	int rc;

	if (policy() != IW_DEVICE_AUTO) {
		kind = policy() == IW_DEVICE_KERNEL ? IW_DRIVER_KERNEL : IW_DRIVER_SOFT;
		rc = ready(kind);
		return rc ? rc : shim_choose_path_of(kind, src, dst, path);
	}
	rc = path_auto(src, &found);
	if (!rc)
		*path = found;
	return rc;
}
