// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The table of RDMA devices, from RDMA netlink. The same from sysfs is in
 * nl_rdma_sysfs.c.
 */
#include "netlink/nl_rdma.h"

#include <errno.h>
#include <netlink/attr.h>
#include <rdma/rdma_netlink.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/log.h"
#include "netlink/nl_sock.h"

#define SYSFS "/sys"

int nl_rdma_add(struct nl_rdma_table *table, const struct nl_rdma_dev *dev)
{
	struct nl_rdma_dev *devs;
	size_t room;

	for (size_t i = 0; i < table->n; i++)
		if (table->devs[i].ifindex == dev->ifindex && table->devs[i].port == dev->port &&
		    !strcmp(table->devs[i].name, dev->name))
			return 0;
	if (table->n == table->room) {
		room = table->room ? table->room * 2 : 4;
		devs = iw_calloc(room, sizeof(*devs));
		if (!devs)
			return -ENOMEM;
		if (table->n)
			memcpy(devs, table->devs, table->n * sizeof(*devs));
		free(table->devs);
		table->devs = devs;
		table->room = room;
	}
	table->devs[table->n++] = *dev;
	return 0;
}

const struct nl_rdma_dev *nl_rdma_on(const struct nl_rdma_table *table, int ifindex)
{
	for (size_t i = 0; i < table->n; i++)
		if (table->devs[i].ifindex == ifindex)
			return &table->devs[i];
	return NULL;
}

void nl_rdma_fini(struct nl_rdma_table *table)
{
	free(table->devs);
	memset(table, 0, sizeof(*table));
}

/* False: something is missing; kernels differ in what they send. */
static bool read_dev(struct nlmsghdr *hdr, struct nl_rdma_dev *dev)
{
	struct nlattr *attr;
	int rem;

	memset(dev, 0, sizeof(*dev));
	dev->index = UINT32_MAX;
	nlmsg_for_each_attr (attr, hdr, 0, rem) {
		int type = nla_type(attr);

		if (type == RDMA_NLDEV_ATTR_DEV_NAME)
			nla_strlcpy(dev->name, attr, sizeof(dev->name));
		if (nla_len(attr) < (int)sizeof(uint32_t))
			continue;
		if (type == RDMA_NLDEV_ATTR_DEV_INDEX)
			dev->index = nla_get_u32(attr);
		else if (type == RDMA_NLDEV_ATTR_PORT_INDEX)
			dev->port = (uint8_t)nla_get_u32(attr);
		else if (type == RDMA_NLDEV_ATTR_NDEV_INDEX)
			dev->ifindex = (int)nla_get_u32(attr);
	}
	return dev->index != UINT32_MAX && dev->name[0];
}

/* Every device once; a port of 0 and no interface yet. */
static int take_dev(struct nlmsghdr *hdr, void *arg)
{
	struct nl_rdma_table *devices = arg;
	struct nl_rdma_dev dev;

	if (!hdr) {
		devices->n = 0;
		return 0;
	}
	if (!read_dev(hdr, &dev))
		return 0;
	dev.port = 0;
	dev.ifindex = 0;
	return nl_rdma_add(devices, &dev);
}

static int take_port(struct nlmsghdr *hdr, void *arg)
{
	struct nl_rdma_table *ports = arg;
	struct nl_rdma_dev dev;

	if (!hdr) {
		ports->n = 0;
		return 0;
	}
	if (!read_dev(hdr, &dev) || !dev.ifindex || !dev.port)
		return 0;
	return nl_rdma_add(ports, &dev);
}

static int dump(int command, const uint32_t *dev_index, nl_answer_fn fn, void *arg)
{
	const struct nl_head head = {
		.type = (uint16_t)RDMA_NL_GET_TYPE(RDMA_NL_NLDEV, command),
		.flags = NLM_F_DUMP,
	};
	struct nl_chan *chan;
	struct nl_msg *msg;
	int rc;

	rc = nl_chan_get(NL_CHAN_RDMA, &head, &chan, &msg);
	if (rc)
		return rc;
	if (dev_index && nla_put_u32(msg, RDMA_NLDEV_ATTR_DEV_INDEX, *dev_index) < 0)
		rc = -ENOMEM;
	else
		rc = nl_chan_ask(chan, fn, arg);
	nl_chan_put(chan);
	return rc;
}

static int read_ports(const struct nl_rdma_dev *device, struct nl_rdma_table *table)
{
	struct nl_rdma_table ports = { 0 };
	int rc;

	rc = dump(RDMA_NLDEV_CMD_PORT_GET, &device->index, take_port, &ports);
	if (rc == -ENODEV || rc == -EINVAL)
		rc = 0; /* it left since it was listed */
	for (size_t i = 0; i < ports.n && !rc; i++)
		rc = nl_rdma_add(table, &ports.devs[i]);
	nl_rdma_fini(&ports);
	return rc;
}

int nl_rdma_read_netlink(struct nl_rdma_table *table)
{
	struct nl_rdma_table devices = { 0 };
	int rc;

	rc = dump(RDMA_NLDEV_CMD_GET, NULL, take_dev, &devices);
	for (size_t i = 0; i < devices.n && !rc; i++)
		rc = read_ports(&devices.devs[i], table);
	nl_rdma_fini(&devices);
	if (rc)
		nl_rdma_fini(table);
	return rc;
}

int nl_rdma_read(struct nl_rdma_table *table)
{
	int rc, sysfs;

	rc = nl_rdma_read_netlink(table);
	if (rc == -ENOMEM || (!rc && table->n))
		return rc;
	if (rc)
		iw_debug("RDMA netlink: %s; reading sysfs", strerror(-rc));
	sysfs = nl_rdma_read_sysfs(SYSFS, table);
	return sysfs == -ENOENT ? rc : sysfs;
}
