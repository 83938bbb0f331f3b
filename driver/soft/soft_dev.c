// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Devices and contexts. What a device can do is answered in soft_query, its
 * asynchronous events are in soft_async.
 */
#include "driver/soft/soft_dev.h"

#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <limits.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/device_choice.h"
#include "driver/soft/soft_async.h"
#include "driver/soft/soft_fork.h"
#include "driver/soft/soft_verbs.h"

#define DEVICES_MAX 4096
#define ADDRS_FIRST 64
#define ADDRS_MS 1000 /* an address that moves within a second is found where it was */
#define DEFAULT_MTU 1500

/* A local address, IPv4 as mapped. */
struct local_addr {
	struct in6_addr ip;
	unsigned int scope; /* of link-local ones */
	struct soft_device *dev;
};

/*
 * @lock protects: all writing. @devices grows only and is read without it, @n
 * first. Innermost; nothing is waited for under it but the kernel.
 */
static struct {
	struct iw_lock lock;
	struct soft_device *devices[DEVICES_MAX];
	unsigned int n;
	uint64_t seen; /* which refresh is the last */
	struct local_addr *addrs;
	unsigned int n_addrs, addrs_room;
	uint64_t addrs_ms; /* when they were read; 0: never */
} table = { .lock = IW_LOCK_STATIC };

/* ---------------------------------------------------------------- Identity */

static uint64_t hash(uint64_t h, const void *data, size_t len)
{
	const uint8_t *byte = data;

	for (size_t i = 0; i < len; i++)
		h = (h ^ byte[i]) * 0x100000001b3ull;
	return h;
}

/* Interfaces without a MAC take what tells this machine from others. */
static uint64_t hash_host(uint64_t h)
{
	char id[256] = "";
	ssize_t n = 0;
	int fd;

	fd = iw_fault(IW_FAULT_SYSCALL) ? -1 : open("/etc/machine-id", O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, id, sizeof(id));
		close(fd);
	}
	if (n <= 0 && !gethostname(id, sizeof(id) - 1))
		n = (ssize_t)strlen(id);
	return n > 0 ? hash(h, id, (size_t)n) : h;
}

/*
 * A locally administered EUI-64. It is no rewriting of the MAC, as kernel
 * drivers make them, so that both can serve one interface.
 */
static void make_identity(struct soft_device *dev, const char *ifname)
{
	static const uint8_t none[6];
	uint64_t h = hash(0xcbf29ce484222325ull, "iwshim", 6);
	bool has_mac = memcmp(dev->mac, none, sizeof(none)) != 0;
	uint8_t guid[8];

	h = has_mac ? hash(h, dev->mac, sizeof(dev->mac)) : hash_host(h);
	h = hash(h, ifname, strlen(ifname));
	h ^= h >> 32; /* the low bytes of FNV are its best */
	h *= 0x9e3779b97f4a7c15ull;
	for (unsigned int i = 0; i < 8; i++)
		guid[i] = (uint8_t)(h >> (56 - 8 * i));
	guid[0] = (uint8_t)((guid[0] & ~1) | 2);
	memcpy(&dev->guid, guid, sizeof(dev->guid));
	if (!has_mac)
		memcpy(dev->mac, guid, sizeof(dev->mac));
}

static struct soft_device *make_device(const char *ifname, const uint8_t mac[6])
{
	struct soft_device *dev = iw_calloc(1, sizeof(*dev));

	if (!dev)
		return NULL;
	memcpy(dev->mac, mac, sizeof(dev->mac));
	make_identity(dev, ifname);
	dev->ibv.node_type = IBV_NODE_RNIC;
	dev->ibv.transport_type = IBV_TRANSPORT_IWARP;
	snprintf(dev->ibv.name, sizeof(dev->ibv.name), SOFT_DEV_PREFIX "%s", ifname);
	snprintf(dev->ibv.dev_name, sizeof(dev->ibv.dev_name), SOFT_DEV_PREFIX "%s", ifname);
	/* Nothing of that name can be there. */
	snprintf(dev->ibv.dev_path, sizeof(dev->ibv.dev_path),
		 "/sys/devices/virtual/iwshim/verbs/" SOFT_DEV_PREFIX "%s", ifname);
	snprintf(dev->ibv.ibdev_path, sizeof(dev->ibv.ibdev_path),
		 "/sys/devices/virtual/iwshim/" SOFT_DEV_PREFIX "%s", ifname);
	return dev;
}

/* ----------------------------------------------------------------- Refresh */

/* A device is known by name; that of an address may carry a label (eth0:1). */
static struct soft_device *find_name(const char *ifname)
{
	size_t len = strcspn(ifname, ":");

	for (unsigned int i = 0; i < table.n; i++) {
		const char *name = table.devices[i]->ibv.name + strlen(SOFT_DEV_PREFIX);

		if (!strncmp(name, ifname, len) && !name[len])
			return table.devices[i];
	}
	return NULL;
}

static unsigned int read_mtu(int fd, const char *ifname)
{
	struct ifreq request = { 0 };

	iw_copy(request.ifr_name, sizeof(request.ifr_name) - 1, ifname, strlen(ifname));
	if (fd < 0 || iw_fault(IW_FAULT_SYSCALL) || ioctl(fd, SIOCGIFMTU, &request) ||
	    request.ifr_mtu <= 0)
		return DEFAULT_MTU;
	return (unsigned int)request.ifr_mtu;
}

static int see_interface(const struct ifaddrs *ifa, int fd)
{
	const struct sockaddr_ll *ll = (const void *)ifa->ifa_addr;
	struct soft_device *dev = find_name(ifa->ifa_name);
	uint8_t mac[6] = { 0 };

	if (!dev && table.n == DEVICES_MAX)
		return 0; /* those that came first are served */
	if (!dev) {
		if (ll->sll_halen == sizeof(mac))
			memcpy(mac, ll->sll_addr, sizeof(mac));
		dev = make_device(ifa->ifa_name, mac);
		if (!dev)
			return -ENOMEM;
		table.devices[table.n] = dev;
		__atomic_store_n(&table.n, table.n + 1, __ATOMIC_RELEASE);
	}
	__atomic_store_n(&dev->ifindex, (unsigned int)ll->sll_ifindex, __ATOMIC_RELAXED);
	__atomic_store_n(&dev->mtu, read_mtu(fd, ifa->ifa_name), __ATOMIC_RELAXED);
	dev->seen = table.seen;
	return 0;
}

/* False: no IP address. IPv4 is mapped. */
static bool read_addr(const struct sockaddr *sa, struct in6_addr *ip, unsigned int *scope)
{
	*scope = 0;
	if (sa->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)sa;

		*ip = (struct in6_addr){ 0 };
		ip->s6_addr[10] = ip->s6_addr[11] = 0xff;
		memcpy(&ip->s6_addr[12], &in->sin_addr, 4);
	} else if (sa->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)sa;

		*ip = in6->sin6_addr;
		if (IN6_IS_ADDR_LINKLOCAL(ip))
			*scope = in6->sin6_scope_id;
	} else {
		return false;
	}
	return true;
}

static int grow_addrs(void)
{
	unsigned int room = table.addrs_room ? table.addrs_room * 2 : ADDRS_FIRST;
	struct local_addr *addrs = iw_calloc(room, sizeof(*addrs));

	if (!addrs)
		return -ENOMEM;
	iw_copy(addrs, room * sizeof(*addrs), table.addrs, table.n_addrs * sizeof(*addrs));
	free(table.addrs);
	table.addrs = addrs;
	table.addrs_room = room;
	return 0;
}

static int see_addr(const struct ifaddrs *ifa)
{
	struct local_addr addr = { .dev = find_name(ifa->ifa_name) };
	int rc = 0;

	if (!addr.dev || !read_addr(ifa->ifa_addr, &addr.ip, &addr.scope))
		return 0;
	if (table.n_addrs == table.addrs_room)
		rc = grow_addrs();
	if (!rc)
		table.addrs[table.n_addrs++] = addr;
	return rc;
}

static bool is_up(const struct ifaddrs *ifa)
{
	return ifa->ifa_addr && ifa->ifa_flags & IFF_UP;
}

static int see_all(const struct ifaddrs *all, int fd)
{
	int rc = 0;

	table.seen++;
	table.n_addrs = 0;
	for (const struct ifaddrs *ifa = all; ifa && !rc; ifa = ifa->ifa_next)
		if (is_up(ifa) && ifa->ifa_addr->sa_family == AF_PACKET)
			rc = see_interface(ifa, fd);
	for (const struct ifaddrs *ifa = all; ifa && !rc; ifa = ifa->ifa_next)
		if (is_up(ifa))
			rc = see_addr(ifa);
	return rc;
}

static bool is_switched_off(void)
{
	return iw_device_choice() == IW_DEVICE_KERNEL;
}

/* Looks at the interfaces anew; the lock is held. */
static int refresh(void)
{
	struct ifaddrs *all;
	int fd, rc;

	iw_assert_held(&table.lock);
	if (iw_fault(IW_FAULT_SYSCALL))
		return -ENOBUFS;
	if (getifaddrs(&all))
		return -errno;
	fd = iw_fault(IW_FAULT_SYSCALL) ? -1 : socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 && !iw_fault(IW_FAULT_SYSCALL))
		fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	rc = see_all(all, fd);
	if (fd >= 0)
		close(fd);
	freeifaddrs(all);
	table.addrs_ms = rc ? 0 : iw_now_ms();
	return rc;
}

/* ------------------------------------------------------------------- Lists */

static void lock_table(void)
{
	soft_fork_guard(&table.lock);
	iw_lock(&table.lock);
}

int soft_dev_list(struct soft_device **list, unsigned int *n)
{
	unsigned int found = 0, room = *n;
	int rc;
	IW_UNCANCELLED;

	if (is_switched_off())
		return -ENODEV;
	lock_table();
	rc = refresh();
	for (unsigned int i = 0; !rc && i < table.n; i++) {
		if (table.devices[i]->seen != table.seen)
			continue;
		if (found < room)
			list[found] = table.devices[i];
		found++;
	}
	iw_unlock(&table.lock);
	if (rc)
		return rc;
	*n = found;
	return found > room ? -ENOSPC : 0;
}

/* All of 127/8 is the loopback interface's. */
static bool is_loopback(const struct in6_addr *ip)
{
	return IN6_IS_ADDR_LOOPBACK(ip) || (IN6_IS_ADDR_V4MAPPED(ip) && ip->s6_addr[12] == 127);
}

static struct soft_device *find_addr(const struct in6_addr *ip, unsigned int scope)
{
	for (unsigned int i = 0; i < table.n_addrs; i++) {
		const struct local_addr *addr = &table.addrs[i];

		if (scope && addr->scope && scope != addr->scope)
			continue;
		if (IN6_ARE_ADDR_EQUAL(&addr->ip, ip) ||
		    (is_loopback(&addr->ip) && is_loopback(ip)))
			return addr->dev;
	}
	return NULL;
}

int soft_dev_by_addr(const struct sockaddr *addr, struct soft_device **dev)
{
	struct soft_device *found = NULL;
	unsigned int scope;
	struct in6_addr ip;
	int rc = 0;
	IW_UNCANCELLED;

	if (is_switched_off() || !read_addr(addr, &ip, &scope))
		return -ENODEV;
	lock_table();
	if (table.addrs_ms && iw_now_ms() - table.addrs_ms < ADDRS_MS)
		found = find_addr(&ip, scope);
	if (!found) {
		rc = refresh();
		found = rc ? NULL : find_addr(&ip, scope);
	}
	iw_unlock(&table.lock);
	if (!found)
		return rc ? rc : -ENODEV;
	*dev = found;
	return 0;
}

static struct soft_device *find_guid(uint64_t guid)
{
	unsigned int n = __atomic_load_n(&table.n, __ATOMIC_ACQUIRE);

	for (unsigned int i = 0; i < n; i++)
		if (table.devices[i]->guid == guid)
			return table.devices[i];
	return NULL;
}

int soft_dev_by_guid(uint64_t guid, struct soft_device **dev)
{
	struct soft_device *found = find_guid(guid);
	int rc;
	IW_UNCANCELLED;

	if (is_switched_off())
		return -ENODEV;
	if (!found) {
		lock_table();
		rc = refresh();
		iw_unlock(&table.lock);
		if (rc)
			return rc;
		found = find_guid(guid);
	}
	if (!found)
		return -ENODEV;
	*dev = found;
	return 0;
}

bool soft_dev_is_ours(const struct ibv_device *dev)
{
	unsigned int n = __atomic_load_n(&table.n, __ATOMIC_ACQUIRE);

	for (unsigned int i = 0; i < n; i++)
		if (&table.devices[i]->ibv == dev)
			return true;
	return false;
}

/* ---------------------------------------------------------------- Contexts */

bool soft_context_is_ours(const struct ibv_context *ctx)
{
	return ctx && soft_dev_is_ours(ctx->device);
}

int soft_context_open(struct soft_device *dev, struct soft_context **ctx)
{
	struct soft_context *new = iw_calloc(1, sizeof(*new));
	int rc;

	if (!new)
		return -ENOMEM;
	rc = soft_async_init(new);
	if (rc) {
		free(new);
		return rc;
	}
	new->dev = dev;
	new->generation = soft_generation();
	new->verbs.context.device = &dev->ibv;
	new->verbs.context.cmd_fd = -1;
	new->verbs.context.num_comp_vectors = 1;
	pthread_mutex_init(&new->verbs.context.mutex, NULL);
	iw_lock_init(&new->lock);
	soft_verbs_methods(new);
	*ctx = new;
	return 0;
}

static void free_context(struct soft_context *ctx)
{
	pthread_mutex_destroy(&ctx->verbs.context.mutex);
	iw_lock_fini(&ctx->lock);
	free(ctx);
}

int soft_context_close(struct soft_context *ctx)
{
	bool last;

	iw_lock(&ctx->lock);
	ctx->closed = true;
	soft_async_fini(ctx);
	last = !ctx->objects;
	iw_unlock(&ctx->lock);
	if (last)
		free_context(ctx);
	return 0;
}

void soft_context_get(struct soft_context *ctx)
{
	iw_lock(&ctx->lock);
	ctx->objects++;
	iw_unlock(&ctx->lock);
}

void soft_context_put(struct soft_context *ctx)
{
	bool last;

	iw_lock(&ctx->lock);
	last = !--ctx->objects && ctx->closed;
	iw_unlock(&ctx->lock);
	if (last)
		free_context(ctx);
}
