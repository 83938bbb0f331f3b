/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * One connection between two processes, and what is tried on it: the client names a scenario in
 * its private data, and both sides play their part of it. By the plain librdmacm ABI, so that each
 * side runs on whatever library and device the script gives it.
 */
#ifndef IWSHIM_TESTS_VM_PAIR_H
#define IWSHIM_TESTS_VM_PAIR_H

#include "prog.h"

#define PAIR_WAIT_MS 15000
#define PAIR_AREA (1u << 20) /* bytes at @local, and of the region that the peer may use */
#define PAIR_GUARD 4096u     /* unregistered bytes around that region */

/* In the private data of the request, and of the answer. */
struct pair_hello {
	char scenario[32];
};
struct pair_region {
	uint64_t address;
	uint32_t rkey, length;
};

struct pair {
	bool server, established, disconnected;
	struct rdma_event_channel *channel;
	struct rdma_cm_id *id;
	struct ibv_pd *pd;
	struct ibv_cq *cq;
	struct ibv_mr *local_mr, *open_mr;
	uint8_t *local;		   /* ours alone */
	uint8_t *open;		   /* the peer may use it; guards on both sides */
	struct pair_region remote; /* a client's view of the server's */
	char why[200];		   /* what was wrong first; empty: nothing */
};

struct pair_scenario {
	const char *name;
	void (*client)(struct pair *p);
	void (*server)(struct pair *p);
	int access;		  /* of the server's open region; 0: all */
	unsigned int receives;	  /* posted by both before the connection is made, */
	unsigned int receive_len; /* at @local, one after another */
	uint8_t resources, depth; /* of the client; 0: 4 and 4 */
	bool violates;		  /* ends by a Terminate, not by the client */
};

extern const struct pair_scenario pair_data[], pair_bad[];

/* Remembers the first thing that was wrong. */
__attribute__((format(printf, 2, 3))) void pair_fail(struct pair *p, const char *format, ...);

/* Bytes that depend on @seed and on their place. */
void pair_fill(uint8_t *at, uint32_t len, unsigned int seed);
/* Fails if they are not there. */
void pair_check(struct pair *p, const uint8_t *at, uint32_t len, unsigned int seed);

/* Work on @local + @off; failures to post are failures. */
void pair_recv(struct pair *p, uint32_t off, uint32_t len, uint64_t wr_id);
void pair_send(struct pair *p, uint32_t off, uint32_t len, uint64_t wr_id);
/* IBV_WR_RDMA_WRITE or _READ at @to within the peer's region; @rkey 0: the peer's. */
void pair_rdma(struct pair *p, enum ibv_wr_opcode opcode, uint32_t off, uint32_t len, int64_t to,
	       uint32_t rkey);
/* ibv_post_send() of a work request, which is signalled; its error. */
int pair_post(struct pair *p, struct ibv_send_wr *wr, uint32_t off, uint32_t len);

/* The next completion, within PAIR_WAIT_MS: false if none came. */
bool pair_wc(struct pair *p, struct ibv_wc *wc);
/* A completion which must be a success, of the given kind. */
bool pair_done(struct pair *p, enum ibv_wc_opcode opcode, struct ibv_wc *wc);
/* Until the connection has ended, at most PAIR_WAIT_MS. */
void pair_wait_end(struct pair *p);

#endif
