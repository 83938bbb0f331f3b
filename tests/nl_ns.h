/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A network namespace for one test, filled by ip(8). Each Criterion test is a
 * process of its own, so nothing has to be taken down.
 */
#ifndef IW_TEST_NL_NS_H
#define IW_TEST_NL_NS_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>

/* The process moves to a new namespace; the test is skipped if it must not. */
void ns_enter(void);

/*
 * ns_enter(), and two veth pairs, all up:
 *   v0 10.1.0.1/24 10.1.0.2/24 fd01::1/64 fd01::2/64   v1 bare
 *   w0 10.2.0.1/24 fd02::1/64                          w1 bare
 */
void ns_enter_veth(void);

/*
 * Until @dev routes link-local addresses, which comes from a worker of the
 * kernel (a bond's is slow); it fails the test after five seconds.
 */
void ns_await_link_local(const char *dev);

/* A shell command line; ns_run() fails the test if it fails, ns_try() is quiet. */
void ns_run(const char *format, ...) __attribute__((format(printf, 1, 2)));
bool ns_try(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Skips the test unless the kernel can make what the command makes. */
void ns_need(const char *what, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * A process in a namespace of its own that answers for @dev, which moves there;
 * it ends with the test.
 */
pid_t ns_peer(const char *dev);

/* Numeric address, with "%interface" if need be. */
const struct sockaddr *ns_addr(const char *text, struct sockaddr_storage *sa);

/* The other way round, without the scope; from a ring of a few buffers. */
const char *ns_text(const struct sockaddr_storage *sa);

int ns_ifindex(const char *dev);

#endif
