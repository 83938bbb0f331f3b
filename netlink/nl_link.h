/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Interfaces and addresses, and which RDMA device stands on an interface.
 *
 * The mapping asks RDMA netlink (RDMA_NLDEV_CMD_PORT_GET: device, port, net
 * device index) and falls back on sysfs (/sys/class/infiniband). It is kept
 * for the process and read anew when an answer is not in it, so a device that
 * comes later is found; one that went is found out by whoever opens it.
 */
#ifndef IW_NL_LINK_H
#define IW_NL_LINK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define NL_RDMA_NAME_MAX 64

struct nl_rdma_dev {
	char name[NL_RDMA_NAME_MAX]; /* siw0 */
	uint32_t index;		     /* of RDMA netlink; UINT32_MAX if sysfs told */
	uint8_t port;		     /* from 1 */
	int ifindex;		     /* the interface it sits on */
};

/*
 * The RDMA device that serves @ifindex: on it, or below it where it is a VLAN,
 * macvlan, bond or bridge (for masters: any active slave). -ENODEV: none;
 * -ENOMEM; other errors of netlink.
 */
int nl_link_rdma_dev(int ifindex, struct nl_rdma_dev *dev);

/*
 * Whether @ifindex carries IP over InfiniBand: then an InfiniBand device is below
 * it, although RDMA netlink tells of none. Asks the kernel each time.
 */
bool nl_link_is_infiniband(int ifindex);

/* Whether the machine shows any RDMA device. 0: yes; -ENODEV: no; cheap. */
int nl_link_any_rdma_dev(void);

/*
 * The interface that owns the local address @addr (its scope decides among
 * link-local ones). -EADDRNOTAVAIL: none does; -EINVAL: family, or link-local
 * without scope.
 */
int nl_link_by_addr(const struct sockaddr *addr, int *ifindex);

/*
 * The first global address of @family on @ifindex (a link-local one if there
 * is no other), port 0. -EADDRNOTAVAIL: none.
 */
int nl_link_first_addr(int ifindex, int family, struct sockaddr_storage *addr);

/*
 * The first RDMA device that sits on an interface that is up and has an address
 * of @family, and that address. -ENODEV: none.
 */
int nl_link_first_rdma_addr(int family, struct nl_rdma_dev *dev, struct sockaddr_storage *addr);

/*
 * Which kernel driver an RDMA device has: enum rdma_driver_id of
 * <rdma/ib_user_ioctl_verbs.h>. -ENOENT: the kernel does not say.
 */
int nl_link_rdma_driver(uint32_t dev_index, uint32_t *driver_id);

/* Forget what is kept; for tests and after a removal. */
void nl_link_forget(void);

#endif
