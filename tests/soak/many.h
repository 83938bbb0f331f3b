/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Very many connections: what main() and the two sides share. Each side has one
 * thread (many_side.c), which makes all calls for its ids: it sleeps on the event
 * channel, the completion channel and the jobs that main() (many.c) gives it.
 */
#ifndef MANY_H
#define MANY_H

#include <infiniband/verbs.h>
#include <netinet/in.h>
#include <pthread.h>
#include <rdma/rdma_cma.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ADDRESSES 4 /* 127.0.0.1 and so on: each has its ports */

#define fail(...)                                      \
	do {                                           \
		fprintf(stderr, "many: " __VA_ARGS__); \
		fputc('\n', stderr);                   \
		exit(1);                               \
	} while (0)

enum side_of {
	CLIENT,
	SERVER,
	SIDES
};
enum what {
	NOTHING,
	OPEN,
	CLOSE,
	SEND
};

struct message {
	uint32_t index, round, from, sum;
};

struct one {
	struct rdma_cm_id *id;
	bool up;
	uint32_t round; /* how often it was opened */
	struct message in, out;
};

/* What main() wants done; the side's thread takes it when @what is set. */
struct job {
	enum what what; /* atomic; NOTHING: all has been begun */
	const uint32_t *indices;
	unsigned int n, next;
};

struct held {
	size_t heap;
	unsigned long rss_kb;
	unsigned int fds;
};

/* Shared by both processes; what is made by one side is its own. */
struct side {
	enum side_of which;
	struct rdma_event_channel *channel;
	struct rdma_cm_id *listeners[ADDRESSES];
	struct ibv_comp_channel *comp;
	struct ibv_cq *cq;
	struct ibv_mr *mr;
	struct one *ones;
	struct job job;
	int wake;
	bool quit, measure; /* atomic; @measure: @held is wanted */
	struct held held;
	pthread_t thread;
	pid_t pid; /* of the client's process */
	/* Atomic. */
	unsigned int begun, established, disconnected, sent, received, bad;
};

/* In memory that both processes share. */
extern struct side *sides;
extern in_port_t *ports; /* atomic; the server's */
extern unsigned int wanted;

#define get(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define count(p) __atomic_add_fetch(p, 1, __ATOMIC_ACQ_REL)

/* The whole life of a side: until @quit, at the end of which all of it has gone. */
void *side_live(void *side);

#endif
