// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * What the process keeps of interfaces and RDMA devices, and the questions to
 * it. Reading is elsewhere: nl_rdma (devices), nl_topo (interfaces), nl_addr.
 */
#include "netlink/nl_link.h"

#include <errno.h>
#include <pthread.h>

#include "base/lock.h"
#include "netlink/nl_addr.h"
#include "netlink/nl_ip.h"
#include "netlink/nl_rdma.h"
#include "netlink/nl_sock.h"
#include "netlink/nl_topo.h"

struct snapshot {
	struct nl_rdma_table rdma;
	struct nl_topo topo;
};

/*
 * Protects @kept, and makes threads that miss at once read one after the other
 * instead of all together. Taken before the channels of nl_sock; held over a
 * fork, so that the child inherits a whole snapshot.
 */
static struct iw_lock link_lock = IW_LOCK_STATIC;
static struct snapshot kept;

static pthread_once_t setup_once = PTHREAD_ONCE_INIT;

static void fork_prepare(void)
{
	iw_lock(&link_lock);
}

static void fork_done(void)
{
	iw_unlock(&link_lock);
}

/* After those of nl_sock: fork runs the last prepare handler first. */
static void setup(void)
{
	nl_chan_setup();
	pthread_atfork(fork_prepare, fork_done, fork_done);
}

static void snapshot_fini(struct snapshot *snapshot)
{
	nl_rdma_fini(&snapshot->rdma);
	nl_topo_fini(&snapshot->topo);
}

/* The old one stays if the kernel does not answer. */
static int snapshot_renew(void)
{
	struct snapshot fresh = { 0 };
	int rc;

	iw_assert_held(&link_lock);
	rc = nl_rdma_read(&fresh.rdma);
	if (rc)
		return rc;
	if (fresh.rdma.n)
		rc = nl_topo_read(&fresh.topo);
	if (rc) {
		snapshot_fini(&fresh);
		return rc;
	}
	snapshot_fini(&kept);
	kept = fresh;
	return 0;
}

struct search {
	const struct nl_rdma_table *table;
	const struct nl_rdma_dev *dev;
};

static bool found(int ifindex, void *arg)
{
	struct search *search = arg;

	search->dev = nl_rdma_on(search->table, ifindex);
	return search->dev != NULL;
}

static int snapshot_find(int ifindex, struct nl_rdma_dev *dev)
{
	struct search search = { .table = &kept.rdma };

	iw_assert_held(&link_lock);
	if (!kept.rdma.n || !nl_topo_below(&kept.topo, ifindex, found, &search))
		return -ENODEV;
	*dev = *search.dev;
	return 0;
}

int nl_link_rdma_dev(int ifindex, struct nl_rdma_dev *dev)
{
	int rc;

	if (ifindex <= 0)
		return -ENODEV;
	pthread_once(&setup_once, setup);
	iw_lock(&link_lock);
	rc = snapshot_find(ifindex, dev);
	if (!rc)
		goto unlock;
	/* The socket of RDMA netlink would load ib_core where nobody wants it. */
	rc = nl_link_any_rdma_dev();
	if (rc)
		goto unlock;
	rc = snapshot_renew();
	if (!rc)
		rc = snapshot_find(ifindex, dev);
unlock:
	iw_unlock(&link_lock);
	return rc;
}

bool nl_link_is_infiniband(int ifindex)
{
	struct nl_topo_link link;

	pthread_once(&setup_once, setup);
	return ifindex > 0 && !nl_topo_one(ifindex, &link) && link.infiniband;
}

int nl_link_any_rdma_dev(void)
{
	return nl_rdma_any("/sys");
}

int nl_link_by_addr(const struct sockaddr *addr, int *ifindex)
{
	struct nl_ip ip;
	int rc;

	rc = nl_ip_from(addr, &ip);
	if (rc)
		return rc;
	if (nl_ip_needs_scope(&ip) && !ip.scope)
		return -EINVAL;
	return nl_addr_owner(&ip, ifindex);
}

int nl_link_first_addr(int ifindex, int family, struct sockaddr_storage *addr)
{
	struct nl_ip ip;
	int rc;

	if (family != AF_INET && family != AF_INET6)
		return -EINVAL;
	rc = nl_addr_first(ifindex, family, &ip);
	if (rc)
		return rc;
	nl_ip_to(&ip, addr);
	return 0;
}

/* -ENODEV: none of the devices that are kept. Links and addresses are asked anew. */
static int first_kept(int family, struct nl_rdma_dev *dev, struct sockaddr_storage *addr)
{
	struct nl_topo_link link;
	int rc;

	iw_assert_held(&link_lock);
	for (size_t i = 0; i < kept.rdma.n; i++) {
		rc = nl_topo_one(kept.rdma.devs[i].ifindex, &link);
		if (!rc && !link.up)
			continue;
		if (!rc)
			rc = nl_link_first_addr(link.ifindex, family, addr);
		if (!rc)
			*dev = kept.rdma.devs[i];
		if (rc != -ENODEV && rc != -EADDRNOTAVAIL)
			return rc;
	}
	return -ENODEV;
}

int nl_link_first_rdma_addr(int family, struct nl_rdma_dev *dev, struct sockaddr_storage *addr)
{
	int rc;

	if (family != AF_INET && family != AF_INET6)
		return -EINVAL;
	pthread_once(&setup_once, setup);
	iw_lock(&link_lock);
	rc = first_kept(family, dev, addr);
	if (rc != -ENODEV)
		goto unlock;
	rc = nl_link_any_rdma_dev();
	if (rc)
		goto unlock;
	rc = snapshot_renew();
	if (!rc)
		rc = first_kept(family, dev, addr);
unlock:
	iw_unlock(&link_lock);
	return rc;
}

void nl_link_forget(void)
{
	pthread_once(&setup_once, setup);
	iw_lock(&link_lock);
	snapshot_fini(&kept);
	iw_unlock(&link_lock);
}
