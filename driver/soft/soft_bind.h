/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Local addresses and ports: sockets that hold a port from bind on, and what a
 * stream's socket is tuned to. Nothing here blocks.
 *
 * A port stays reserved although no listener is there yet: the socket is bound
 * at once, without SO_REUSEADDR. Connections that ended a moment ago (TIME_WAIT)
 * must not stand in the way, so a bind that finds the port in use is tried once
 * more with it, and it is cleared afterwards. That works because all streams and
 * listeners of ours carry SO_REUSEADDR, and sockets that only hold a port do not.
 *
 * A port that may be any is one that nobody holds, as long as a few draws find
 * one; then it may be one of connections, in TIME_WAIT or alive, that share. One
 * with the same peer shows when it is connected (EADDRNOTAVAIL): the kernel keeps
 * the four of a connection unique.
 */
#ifndef IW_SOFT_BIND_H
#define IW_SOFT_BIND_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

struct soft_bind_opts {
	int tos;    /* -1: not set */
	int afonly; /* IPV6_V6ONLY; -1: the system's default */
	bool reuse; /* RDMA_OPTION_ID_REUSEADDR */
	/* Port 0: nobody but a connection needs it, which may take another instead. */
	bool any_port;
};

bool soft_addr_known(const struct sockaddr *addr); /* not NULL, IPv4 or IPv6 */
socklen_t soft_addr_size(const struct sockaddr *addr);
bool soft_addr_is_any(const struct sockaddr *addr);
in_port_t soft_addr_port(const struct sockaddr *addr); /* network order */
void soft_addr_set_port(struct sockaddr *addr, in_port_t port);
/* Same family and host; the port does not count. */
bool soft_addr_same_host(const struct sockaddr *a, const struct sockaddr *b);
/* IPv4 in IPv6 becomes IPv4, as a program that asked for "any" expects. */
void soft_addr_unmap(struct sockaddr_storage *addr);

/*
 * A non-blocking TCP socket bound to @addr (port 0: one is chosen).
 * -EAFNOSUPPORT, -EADDRINUSE, -EADDRNOTAVAIL, -EACCES, -EMFILE, ...
 */
int soft_bind_socket(const struct sockaddr *addr, const struct soft_bind_opts *opts, int *fd);
/* listen(2); -EADDRINUSE if another socket holds the port by now. */
int soft_bind_listen(int fd);
/* The local address of a socket, and with @dst not NULL the peer's; unmapped. */
int soft_bind_names(int fd, struct sockaddr_storage *src, struct sockaddr_storage *dst);
/* The source that the routing table prefers for @dst, port 0. -ENETUNREACH, ... */
int soft_bind_source(const struct sockaddr *dst, struct sockaddr_storage *src);
/* True if both ends are on this machine. */
bool soft_bind_is_same_host(const struct sockaddr *local, const struct sockaddr *peer);
/*
 * What each stream gets: no delay, SO_REUSEADDR, keepalive that notices
 * a dead peer in soft_limit_dead_peer_s(), type of service; between ends on one
 * host the congestion control that does not pace. Best effort.
 */
void soft_bind_tune(int fd, const struct soft_bind_opts *opts, bool same_host);
/* The same for a socket of a listener, from which most of it comes (soft_bind_listen). */
void soft_bind_tune_accepted(int fd, const struct soft_bind_opts *opts, bool same_host);

#endif
