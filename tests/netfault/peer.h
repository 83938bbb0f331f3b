/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * One end of connections whose network is about to fail: peer.c makes and ends
 * them by commands and says every event, flow.c moves data on them, checks it
 * and accounts for every work request.
 */
#ifndef NETFAULT_PEER_H
#define NETFAULT_PEER_H

#include <pthread.h>
#include <rdma/rdma_cma.h>
#include <stdbool.h>
#include <stdint.h>

#define NAME_MAX_LEN 16
#define SLOTS 8
#define RECVS 64
#define SIZE_MAX_MSG 65536

/* What each end tells the other as private data. */
struct hello {
	char name[NAME_MAX_LEN];
	uint64_t addr; /* of its target area: SLOTS of SIZE_MAX_MSG */
	uint32_t key;
	uint32_t size; /* of the structure: siw pads */
};

/* One operation at a time, again and again. */
struct slot {
	char kind; /* s: send, w: write, r: read, v: write, read back and compare; 0: idle */
	uint32_t seq;
	unsigned int open; /* completions and acknowledgements that it waits for */
	bool reading;	   /* v: the second half */
};

/* The data of a connection; under the program's lock. */
struct flow {
	struct ibv_qp *qp;
	struct ibv_cq *cq;
	struct ibv_comp_channel *channel;
	struct ibv_mr *mr;
	uint8_t *mem;
	pthread_t thread;
	bool runs, stop;
	struct hello far;
	struct slot slots[SLOTS];
	uint32_t size;
	unsigned long todo; /* operations not begun */
	unsigned int busy;  /* slots at work */
	bool over;	    /* a work request failed: nothing new is posted */
	int first_error;    /* of them that is not "flushed" */
	unsigned long posted, good, flushed, broken, ops, bad;
};

struct conn {
	struct conn *next;
	char name[NAME_MAX_LEN];
	struct rdma_cm_id *id;
	struct flow flow;
	struct hello said; /* passive: by the client */
	bool passive, established, quiet;
	unsigned int ends; /* terminal events */
};

extern pthread_mutex_t lock;

/* A line of the log: time in ms, the connection's name, and what. */
void say(const struct conn *conn, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* With the lock held: says once that a connection has ended and all its work is back. */
void say_if_quiet(struct conn *conn);

/* Queue pair, memory and receives for conn->id. 0 or -1. */
int flow_open(struct conn *conn);
void flow_hello(const struct conn *conn, struct hello *hello);
/* With the lock held: @kinds for the slots in turn, @count operations (0: without end). */
void flow_start(struct conn *conn, const char *kinds, unsigned long count, uint32_t size);
/* Without the lock; the id has no queue pair afterwards. */
void flow_close(struct conn *conn);

static inline unsigned long flow_back(const struct flow *flow)
{
	return flow->good + flow->flushed + flow->broken;
}

#endif
