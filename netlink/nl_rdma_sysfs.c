// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The table of RDMA devices from sysfs, for kernels and containers without RDMA
 * netlink. Three places tell of interfaces: the GID table of a port, one name
 * for each filled entry; the parent device, which lists its interfaces; and for
 * iWARP the first GID, which begins with the hardware address of the interface
 * (the kernel itself goes by that, and siw on a virtual one has nothing else).
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "netlink/nl_rdma.h"

#define CLASS "class/infiniband"
#define NODE_TYPE_RNIC 4 /* as sysfs numbers them: "4: RNIC" */

/* One step of a walk through a folder; negative stops it. */
typedef int (*each_fn)(const char *path, const char *name, void *arg);

struct walk {
	const char *sysfs;
	struct nl_rdma_table *table;
	struct nl_rdma_dev dev; /* the one being read */
};

/* -ENOENT: no such folder. */
static int for_each(const char *path, each_fn fn, void *arg)
{
	struct dirent *entry;
	int rc = 0;
	DIR *dir;

	if (iw_fault(IW_FAULT_SYSCALL))
		return -EMFILE;
	dir = opendir(path);
	if (!dir)
		return errno == ENOTDIR || errno == EACCES ? -ENOENT : -errno;
	while (!rc && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			rc = fn(path, entry->d_name, arg);
	closedir(dir);
	return rc;
}

/* The first line of a file; false if there is none (an empty GID says EINVAL). */
static bool read_line(const char *path, char *line, size_t room)
{
	ssize_t n;
	int fd;

	if (iw_fault(IW_FAULT_SYSCALL))
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	do
		n = read(fd, line, room - 1);
	while (n < 0 && errno == EINTR);
	close(fd);
	if (n <= 0)
		return false;
	line[n] = '\0';
	line[strcspn(line, "\n")] = '\0';
	return line[0] != '\0';
}

/* Interfaces by number, as the same tree says; 0: unknown or already gone. */
static int ifindex_of(const char *sysfs, const char *name)
{
	char path[PATH_MAX], line[32];

	if (strchr(name, '/') ||
	    snprintf(path, sizeof(path), "%s/class/net/%s/ifindex", sysfs, name) >=
		    (int)sizeof(path) ||
	    !read_line(path, line, sizeof(line)))
		return 0;
	return atoi(line);
}

static int add_interface(struct walk *walk, const char *name)
{
	walk->dev.ifindex = ifindex_of(walk->sysfs, name);
	return walk->dev.ifindex > 0 ? nl_rdma_add(walk->table, &walk->dev) : 0;
}

static int each_gid(const char *path, const char *name, void *arg)
{
	char file[PATH_MAX], ndev[64];

	if (snprintf(file, sizeof(file), "%s/%s", path, name) >= (int)sizeof(file) ||
	    !read_line(file, ndev, sizeof(ndev)))
		return 0;
	return add_interface(arg, ndev);
}

static int each_port(const char *path, const char *name, void *arg)
{
	char file[PATH_MAX];
	struct walk *walk = arg;
	int port = atoi(name), rc;

	if (port < 1 || port > UINT8_MAX ||
	    snprintf(file, sizeof(file), "%s/%s/gid_attrs/ndevs", path, name) >= (int)sizeof(file))
		return 0;
	walk->dev.port = (uint8_t)port;
	rc = for_each(file, each_gid, walk);
	return rc == -ENOENT ? 0 : rc;
}

/* The parent's interfaces: dev_port of each tells which port it is, from 0. */
static int each_net(const char *path, const char *name, void *arg)
{
	char file[PATH_MAX], line[32];
	struct walk *walk = arg;

	walk->dev.port = 1;
	if (snprintf(file, sizeof(file), "%s/%s/dev_port", path, name) < (int)sizeof(file) &&
	    read_line(file, line, sizeof(line)))
		walk->dev.port = (uint8_t)(atoi(line) + 1);
	return add_interface(walk, name);
}

struct by_gid {
	struct walk *walk;
	unsigned char mac[6];
	int ifindex; /* the lowest that fits: a VLAN has the address of what it is on */
};

/* GIDs are eight groups of four digits. */
static bool read_gid_mac(const char *ports, unsigned char *mac)
{
	char file[PATH_MAX], line[64];

	return snprintf(file, sizeof(file), "%s/1/gids/0", ports) < (int)sizeof(file) &&
	       read_line(file, line, sizeof(line)) &&
	       sscanf(line, "%2hhx%2hhx:%2hhx%2hhx:%2hhx%2hhx:0000", &mac[0], &mac[1], &mac[2],
		      &mac[3], &mac[4], &mac[5]) == 6;
}

static int each_candidate(const char *path, const char *name, void *arg)
{
	char file[PATH_MAX], line[64];
	struct by_gid *by = arg;
	unsigned char mac[6];
	int ifindex;

	if (snprintf(file, sizeof(file), "%s/%s/address", path, name) >= (int)sizeof(file) ||
	    !read_line(file, line, sizeof(line)) ||
	    sscanf(line, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx", &mac[0], &mac[1], &mac[2], &mac[3],
		   &mac[4], &mac[5]) != 6 ||
	    memcmp(mac, by->mac, sizeof(mac)))
		return 0;
	ifindex = ifindex_of(by->walk->sysfs, name);
	if (ifindex > 0 && (!by->ifindex || ifindex < by->ifindex))
		by->ifindex = ifindex;
	return 0;
}

static int add_by_gid(struct walk *walk, const char *device)
{
	char file[PATH_MAX], line[64];
	struct by_gid by = { .walk = walk };
	int rc;

	if (snprintf(file, sizeof(file), "%s/node_type", device) >= (int)sizeof(file) ||
	    !read_line(file, line, sizeof(line)) || atoi(line) != NODE_TYPE_RNIC ||
	    snprintf(file, sizeof(file), "%s/ports", device) >= (int)sizeof(file) ||
	    !read_gid_mac(file, by.mac) ||
	    snprintf(file, sizeof(file), "%s/class/net", walk->sysfs) >= (int)sizeof(file))
		return 0;
	rc = for_each(file, each_candidate, &by);
	if (rc || !by.ifindex)
		return rc;
	walk->dev.port = 1;
	walk->dev.ifindex = by.ifindex;
	return nl_rdma_add(walk->table, &walk->dev);
}

static int each_device(const char *path, const char *name, void *arg)
{
	char device[PATH_MAX], file[PATH_MAX + sizeof("/device/net")];
	struct walk *walk = arg;
	size_t before = walk->table->n;
	int rc;

	memset(&walk->dev, 0, sizeof(walk->dev));
	walk->dev.index = UINT32_MAX;
	if (snprintf(walk->dev.name, sizeof(walk->dev.name), "%s", name) >=
		    (int)sizeof(walk->dev.name) ||
	    snprintf(device, sizeof(device), "%s/%s", path, name) >= (int)sizeof(device))
		return 0;
	snprintf(file, sizeof(file), "%s/ports", device);
	rc = for_each(file, each_port, walk);
	if ((!rc || rc == -ENOENT) && walk->table->n == before) {
		snprintf(file, sizeof(file), "%s/device/net", device);
		rc = for_each(file, each_net, walk);
	}
	if ((!rc || rc == -ENOENT) && walk->table->n == before)
		rc = add_by_gid(walk, device);
	return rc == -ENOENT ? 0 : rc;
}

int nl_rdma_read_sysfs(const char *sysfs, struct nl_rdma_table *table)
{
	struct walk walk = { .sysfs = sysfs, .table = table };
	char path[PATH_MAX];
	int rc;

	if (snprintf(path, sizeof(path), "%s/" CLASS, sysfs) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	rc = for_each(path, each_device, &walk);
	if (rc)
		nl_rdma_fini(table);
	return rc;
}

int nl_rdma_any(const char *sysfs)
{
	union {
		struct dirent64 align;
		char bytes[512];
	} room;
	char path[PATH_MAX];
	ssize_t n, at;
	int fd, rc = -ENODEV;

	if (snprintf(path, sizeof(path), "%s/" CLASS, sysfs) >= (int)sizeof(path) ||
	    iw_fault(IW_FAULT_SYSCALL))
		return -ENODEV;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -ENODEV;
	/* "." and ".." leave plenty of room for a first real entry. */
	n = getdents64(fd, &room, sizeof(room));
	for (at = 0; at < n && rc;) {
		const struct dirent64 *entry = (const void *)(room.bytes + at);

		if (entry->d_name[0] != '.')
			rc = 0;
		at += entry->d_reclen;
	}
	close(fd);
	return rc;
}
