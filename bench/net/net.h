/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * netbench: one measurement between two processes, over RDMA (whatever
 * librdmacm and libibverbs the process finds) or over plain TCP on the same
 * path. What its files share.
 */
#ifndef NETBENCH_H
#define NETBENCH_H

#include <infiniband/verbs.h>
#include <netinet/in.h>
#include <rdma/rdma_cma.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the command line says, and the pipe between the two processes. */
struct bench {
	struct sockaddr_storage addr;
	socklen_t addr_len;
	size_t size;	/* bytes of a message */
	unsigned int n; /* messages, round trips or connections */
	unsigned int conns;
	bool event;  /* sleep for completions instead of polling */
	bool list;   /* post work requests in lists */
	bool server; /* this process */
	int ctl;     /* to the other process */
};

#define DIE(...)                                           \
	do {                                               \
		fprintf(stderr, "netbench: " __VA_ARGS__); \
		fputc('\n', stderr);                       \
		exit(1);                                   \
	} while (0)
#define MUST(x)                                           \
	do {                                              \
		if (!(x))                                 \
			DIE("%s: %m (" #x ")", __func__); \
	} while (0)

double now(void); /* seconds */
/* Both processes are here. */
void meet(struct bench *b);
/* Hands the server's port over; returns it in the client. */
uint16_t share_port(struct bench *b, uint16_t port);
uint64_t rss(void); /* bytes of this process */

/* ---- RDMA */

#define CQ_SPARE 512 /* entries of the CQ beyond what all queues hold */
#define RING 512     /* receives kept posted by those who receive Sends */

struct ep {
	struct rdma_cm_id *id;
	struct ibv_qp *qp;
	uint64_t peer_addr;
	uint32_t peer_rkey;
};

#define KEPT 8 /* requests that came before their turn */

/* Endpoints share one CQ, its channel and one region. */
struct rdma {
	struct rdma_event_channel *events;
	struct rdma_cm_id *listener;
	struct ibv_comp_channel *channel;
	struct ibv_cq *cq;
	struct ibv_mr *mr;
	char *buf;
	size_t len;
	unsigned int depth; /* of each QP's queues */
	unsigned int n;
	struct ep *eps;
	struct rdma_cm_event *kept[KEPT];
	unsigned int nkept;
};

void rdma_up(struct bench *b, struct rdma *r, unsigned int n, unsigned int depth, size_t len);
void rdma_down(struct rdma *r);
void rdma_listener(struct bench *b, struct rdma *r);
void rdma_connect_one(struct bench *b, struct rdma *r, struct ep *ep);
void rdma_accept_one(struct rdma *r, struct ep *ep);
void rdma_drop(struct ep *ep);
void post_recv(struct rdma *r, struct ep *ep, unsigned int slot, size_t size);
void post_op(struct rdma *r, struct ep *ep, enum ibv_wr_opcode op, size_t size, bool signaled);
/* @n completions, all of them successful; returns the last one's wr_id. */
uint64_t reap(struct bench *b, struct rdma *r, unsigned int n);

/* ---- TCP */
int tcp_listen_on(struct bench *b);
int tcp_dial(struct bench *b);
int tcp_take(int listener);
void tcp_read_all(int fd, void *buf, size_t len, bool poll);
void tcp_write_all(int fd, const void *buf, size_t len);

/* ---- the measurements; they print one figure in the client */
void lat_rdma(struct bench *b);
void lat_tcp(struct bench *b);
void bw_rdma(struct bench *b, const char *op);
void bw_tcp(struct bench *b);
void rate_rdma(struct bench *b);
void rate_tcp(struct bench *b);
void setup_rdma(struct bench *b);
void setup_tcp(struct bench *b);
void many_rdma(struct bench *b, const char *what);

#endif
