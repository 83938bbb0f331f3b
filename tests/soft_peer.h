/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A peer that speaks MPA by hand over plain sockets of the loopback. Each
 * function fails the test if the socket does.
 */
#ifndef IW_TEST_SOFT_PEER_H
#define IW_TEST_SOFT_PEER_H

#include <netinet/in.h>
#include <stdbool.h>

#include "driver/soft/mpa.h"

int peer_listen(struct sockaddr_in *addr); /* on 127.0.0.1, a port of its own */
int peer_accept(int listener);		   /* within 5 s */
int peer_connect(const struct sockaddr_storage *addr);
void peer_send(int fd, const void *bytes, size_t len);
/* Exactly @len bytes within 5 s. */
void peer_read(int fd, void *bytes, size_t len);
/* True if the other end closes (or resets) within 5 s; what comes before is discarded. */
bool peer_sees_end(int fd);
/* Nothing comes within @ms, and the connection stays. */
bool peer_sees_silence(int fd, int ms);
void peer_send_frame(int fd, const struct mpa_frame *frame);
/* Reads a whole frame; its private data is in a static buffer. */
struct mpa_frame peer_read_frame(int fd, bool reply);
/* A zero-length RDMA Write, which is an RTR. */
void peer_send_rtr(int fd);

#endif
