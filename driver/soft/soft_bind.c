// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Local addresses and ports: see the header for the rule of SO_REUSEADDR. What
 * happens on the sockets later is in soft_listen.c and soft_active.c.
 */
#include "driver/soft/soft_bind.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "driver/soft/soft.h"
#include "driver/soft/soft_dev.h"
#include "driver/soft/soft_limit.h"
#include "driver/soft/soft_port.h"

/* Draws of a port: so many in all, of which the first ask for one that nobody holds. */
#define DRAWS 24
#define DRAWS_ODD 4 /* and leave connect(2) its own */
#define DRAWS_ALONE 8

/* --------------------------------------------------------------- Addresses */

static struct sockaddr_in *v4(const struct sockaddr *addr)
{
	return (struct sockaddr_in *)(uintptr_t)addr;
}

static struct sockaddr_in6 *v6(const struct sockaddr *addr)
{
	return (struct sockaddr_in6 *)(uintptr_t)addr;
}

bool soft_addr_known(const struct sockaddr *addr)
{
	return addr && (addr->sa_family == AF_INET || addr->sa_family == AF_INET6);
}

socklen_t soft_addr_size(const struct sockaddr *addr)
{
	return addr->sa_family == AF_INET ? sizeof(struct sockaddr_in)
					  : sizeof(struct sockaddr_in6);
}

bool soft_addr_is_any(const struct sockaddr *addr)
{
	if (addr->sa_family == AF_INET)
		return v4(addr)->sin_addr.s_addr == htonl(INADDR_ANY);
	return addr->sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&v6(addr)->sin6_addr);
}

in_port_t soft_addr_port(const struct sockaddr *addr)
{
	return addr->sa_family == AF_INET ? v4(addr)->sin_port : v6(addr)->sin6_port;
}

void soft_addr_set_port(struct sockaddr *addr, in_port_t port)
{
	if (addr->sa_family == AF_INET)
		v4(addr)->sin_port = port;
	else
		v6(addr)->sin6_port = port;
}

bool soft_addr_same_host(const struct sockaddr *a, const struct sockaddr *b)
{
	if (a->sa_family != b->sa_family)
		return false;
	if (a->sa_family == AF_INET)
		return v4(a)->sin_addr.s_addr == v4(b)->sin_addr.s_addr;
	return a->sa_family == AF_INET6 &&
	       !memcmp(&v6(a)->sin6_addr, &v6(b)->sin6_addr, sizeof(v6(a)->sin6_addr)) &&
	       v6(a)->sin6_scope_id == v6(b)->sin6_scope_id;
}

void soft_addr_unmap(struct sockaddr_storage *addr)
{
	const struct sockaddr_in6 *from = v6((struct sockaddr *)addr);
	struct sockaddr_in to = { .sin_family = AF_INET };

	if (addr->ss_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&from->sin6_addr))
		return;
	to.sin_port = from->sin6_port;
	memcpy(&to.sin_addr, &from->sin6_addr.s6_addr[12], sizeof(to.sin_addr));
	memset(addr, 0, sizeof(*addr));
	memcpy(addr, &to, sizeof(to));
}

/* ----------------------------------------------------------------- Options */

/* Best effort: a stream works without any of them. */
static void set(int fd, int level, int name, int value)
{
	if (setsockopt(fd, level, name, &value, sizeof(value)))
		iw_debug("socket option %d/%d = %d: %s", level, name, value, strerror(errno));
}

static void set_reuse(int fd, bool on)
{
	set(fd, SOL_SOCKET, SO_REUSEADDR, on);
}

static int family_of(int fd)
{
	int family = AF_INET;
	socklen_t len = sizeof(family);

	getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &len);
	return family;
}

static void set_tos(int fd, int tos)
{
	if (tos < 0)
		return;
	if (family_of(fd) == AF_INET6)
		set(fd, IPPROTO_IPV6, IPV6_TCLASS, tos);
	else
		set(fd, IPPROTO_IP, IP_TOS, tos);
}

/* What an accepted socket has of its listener. */
static void tune_lasting(int fd)
{
	const int dead_s = (int)soft_limit_dead_peer_s();

	set_reuse(fd, true);
	set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	/* Idle: half the time, then three probes; bytes under way are soft_guard's. */
	set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set(fd, IPPROTO_TCP, TCP_KEEPIDLE, dead_s / 2);
	set(fd, IPPROTO_TCP, TCP_KEEPINTVL, dead_s / 6);
	set(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
}

void soft_bind_tune_accepted(int fd, const struct soft_bind_opts *opts, bool same_host)
{
	static const char cubic[] = "cubic";

	set_tos(fd, opts->tos);
	if (same_host && (iw_fault(IW_FAULT_SYSCALL) ||
			  setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, cubic, sizeof(cubic) - 1)))
		iw_debug("congestion control stays the system's: %s", strerror(errno));
}

void soft_bind_tune(int fd, const struct soft_bind_opts *opts, bool same_host)
{
	tune_lasting(fd);
	soft_bind_tune_accepted(fd, opts, same_host);
}

/* ----------------------------------------------------------------- Sockets */

static int open_socket(int family, const struct soft_bind_opts *opts)
{
	int fd;

	if (iw_fault(IW_FAULT_SYSCALL))
		return -EMFILE;
	fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
	if (fd < 0)
		return -errno;
	if (family == AF_INET6 && opts->afonly >= 0)
		set(fd, IPPROTO_IPV6, IPV6_V6ONLY, opts->afonly);
	return fd;
}

static int try_bind(int fd, const struct sockaddr *addr)
{
	if (iw_fault(IW_FAULT_SYSCALL))
		return -ENOBUFS;
	return bind(fd, addr, soft_addr_size(addr)) ? -errno : 0;
}

static int bind_and_hold(int fd, const struct sockaddr *addr)
{
	int ret = try_bind(fd, addr);

	if (ret != -EADDRINUSE)
		return ret;
	set_reuse(fd, true);
	ret = try_bind(fd, addr);
	set_reuse(fd, false);
	return ret;
}

static int bind_drawn(int fd, const struct sockaddr *addr)
{
	struct sockaddr_storage at = { 0 };
	int ret = -EADDRINUSE;
	in_port_t port;

	memcpy(&at, addr, soft_addr_size(addr));
	for (unsigned int i = 0; i < DRAWS && ret == -EADDRINUSE; i++) {
		port = soft_port_draw(i < DRAWS_ODD);
		if (!port)
			break;
		soft_addr_set_port((struct sockaddr *)&at, port);
		ret = i < DRAWS_ALONE ? try_bind(fd, (struct sockaddr *)&at)
				      : bind_and_hold(fd, (struct sockaddr *)&at);
	}
	return ret;
}

/* The kernel finds the last port that nobody holds, but takes its time. */
static int bind_any(int fd, const struct sockaddr *addr, bool any_port)
{
	int ret = any_port ? bind_drawn(fd, addr) : try_bind(fd, addr);

	if (ret && any_port)
		return try_bind(fd, addr);
	return ret == -EADDRINUSE ? bind_drawn(fd, addr) : ret;
}

static int bind_as(int fd, const struct sockaddr *addr, const struct soft_bind_opts *opts)
{
	if (opts->reuse) {
		set_reuse(fd, true);
		return try_bind(fd, addr);
	}
	if (soft_addr_port(addr))
		return bind_and_hold(fd, addr);
	return bind_any(fd, addr, opts->any_port);
}

int soft_bind_socket(const struct sockaddr *addr, const struct soft_bind_opts *opts, int *out)
{
	int fd, ret;

	if (!soft_addr_known(addr))
		return -EAFNOSUPPORT;
	fd = open_socket(addr->sa_family, opts);
	if (fd < 0)
		return fd;
	ret = bind_as(fd, addr, opts);
	if (ret) {
		close(fd);
		return ret;
	}
	*out = fd;
	return 0;
}

int soft_bind_listen(int fd)
{
	/* TIME_WAIT of earlier connections counts again here; see the header. */
	tune_lasting(fd);
	if (iw_fault(IW_FAULT_SYSCALL))
		return -ENOBUFS;
	return listen(fd, SOMAXCONN) ? -errno : 0;
}

int soft_bind_names(int fd, struct sockaddr_storage *src, struct sockaddr_storage *dst)
{
	struct sockaddr_storage local = { 0 }, peer = { 0 };
	socklen_t len = sizeof(local);

	if (iw_fault(IW_FAULT_SYSCALL))
		return -ENOTCONN; /* a connection that was reset */
	if (getsockname(fd, (struct sockaddr *)&local, &len))
		return -errno;
	len = sizeof(peer);
	if (dst && iw_fault(IW_FAULT_SYSCALL))
		return -ENOTCONN;
	if (dst && getpeername(fd, (struct sockaddr *)&peer, &len))
		return -errno;
	soft_addr_unmap(&local);
	soft_addr_unmap(&peer);
	*src = local;
	if (dst)
		*dst = peer;
	return 0;
}

/* A datagram socket asks the routing table and sends nothing. */
int soft_bind_source(const struct sockaddr *dst, struct sockaddr_storage *src)
{
	struct sockaddr_storage to = { 0 }, from = { 0 };
	socklen_t len = sizeof(from);
	int fd, ret = 0;

	if (!soft_addr_known(dst))
		return -EAFNOSUPPORT;
	if (iw_fault(IW_FAULT_SYSCALL))
		return -EMFILE;
	fd = socket(dst->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	memcpy(&to, dst, soft_addr_size(dst));
	soft_addr_set_port((struct sockaddr *)&to, htons(9)); /* any but 0 */
	if (iw_fault(IW_FAULT_SYSCALL))
		ret = -ENETUNREACH;
	else if (connect(fd, (struct sockaddr *)&to, soft_addr_size(dst)) ||
		 getsockname(fd, (struct sockaddr *)&from, &len))
		ret = -errno;
	close(fd);
	if (ret)
		return ret;
	soft_addr_set_port((struct sockaddr *)&from, 0);
	*src = from;
	return 0;
}

bool soft_bind_is_same_host(const struct sockaddr *local, const struct sockaddr *peer)
{
	struct soft_device *dev;

	return soft_addr_same_host(local, peer) || !soft_dev_by_addr(peer, &dev);
}
