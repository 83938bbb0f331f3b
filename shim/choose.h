/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Which driver serves an address: the kernel's RDMA device on its interface,
 * else the software device. IWSHIM_DEVICE=auto|kernel|soft decides otherwise;
 * it is read once, and not by programs that run with another user's rights.
 */
#ifndef IW_SHIM_CHOOSE_H
#define IW_SHIM_CHOOSE_H

#include <sys/socket.h>

#include "driver/registry.h"

/* 0: some driver can serve this process; else the error of the one that comes closest. */
int shim_choose_any(void);

/*
 * For an id that is to be at the local address @addr; NULL or a wildcard: at
 * all of them. The errors are those of shim_choose_any(); whether the address
 * is good is left to the driver.
 */
int shim_choose_local(const struct sockaddr *addr, enum iw_driver_kind *kind);

struct shim_path {
	enum iw_driver_kind kind;
	struct sockaddr_storage dst; /* where to go; not the wildcard, nor loopback in the kernel */
	struct sockaddr_storage src; /* with it, port 0; family 0: the driver decides */
};

/*
 * For an id that goes to @dst, from @src where that is neither NULL nor a
 * wildcard. One or two questions to the routing table. -ENETUNREACH,
 * -EHOSTUNREACH, -EACCES, -EADDRNOTAVAIL, -EINVAL as nl_route_lookup() says;
 * otherwise as above.
 */
int shim_choose_path(const struct sockaddr *src, const struct sockaddr *dst,
		     struct shim_path *path);

/* The same for a driver that is fixed already: the id is bound to a device of it. */
int shim_choose_path_of(enum iw_driver_kind kind, const struct sockaddr *src,
			const struct sockaddr *dst, struct shim_path *path);

/* "kernel" or "software". */
const char *shim_driver_name(enum iw_driver_kind kind);

/* Reads the environment again and forgets what was seen; for tests. */
void shim_choose_forget(void);

#endif
