/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the files of transfer_stress share. */
#ifndef STRESS_H
#define STRESS_H

#include <infiniband/verbs.h>
#include <pthread.h>
#include <rdma/rdma_cma.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_THREADS 16
#define MAX_PAIRS 16
#define SLOTS 8
#define SLOT_SIZE (96 * 1024)

struct options {
	unsigned int threads, pairs, seconds;
	uint32_t seed;
	const char *addr;
};
extern struct options options;

#define fail(...)                                                 \
	do {                                                      \
		fprintf(stderr, "transfer_stress: " __VA_ARGS__); \
		fputc('\n', stderr);                              \
		exit(1);                                          \
	} while (0)

/* What one slot of a round does; the other end is its counterpart. */
enum job {
	JOB_NONE,
	JOB_SEND,
	JOB_SEND_IMM,
	JOB_WRITE,
	JOB_WRITE_IMM,
	JOB_READ,
	JOB_FETCH_ADD,
	JOB_CMP_SWAP,
	NJOBS
};

struct slot {
	enum job job;
	uint32_t len, seed;
	uint64_t old;	  /* what an atomic finds */
	uint32_t receive; /* how many receives the peer consumes for it */
};

/*
 * One end of a pair. Its memory has five parts of SLOTS slots: out (what the
 * peer reads and changes atomically), in (where Sends land), target (where the
 * peer writes), source (what it sends and writes), read (where its own reads
 * and atomics land).
 */
struct end {
	struct rdma_cm_id *id;
	char *memory;
	struct ibv_mr *mr;
	struct slot slots[SLOTS]; /* of the round under way */
	unsigned int sends_due, receives_due;
	unsigned int next_receive; /* Sends land in the order of posting */
};

struct pair {
	pthread_mutex_t lock; /* protects: up, against a disconnect from outside */
	bool up, broken, established[2];
	struct end end[2];
	uint32_t round;
	bool in_round;
};

struct worker {
	unsigned int index;
	uint32_t seed;
	struct rdma_event_channel *events;
	struct rdma_cm_id *listener;
	struct ibv_pd *pd;
	struct ibv_comp_channel *channel;
	struct ibv_cq *cq;
	struct pair pairs[MAX_PAIRS];
	uint64_t rounds, bytes, connects, broken, disturbed;
};

static inline uint32_t next_random(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

bool time_is_up(void);
void *work(void *arg);

/* ---- connections (stress_conn.c) */
void worker_up(struct worker *w);
void worker_down(struct worker *w);
void pair_connect(struct worker *w, struct pair *p);
void pair_drop(struct pair *p);

/* ---- rounds (stress_round.c) */
void round_begin(struct worker *w, struct pair *p);
/* A completion of @p; the round ends when the last one came. */
void round_completion(struct worker *w, struct pair *p, const struct ibv_wc *wc);

static inline char *out_area(const struct end *e, unsigned int slot)
{
	return e->memory + (size_t)slot * SLOT_SIZE;
}
static inline char *in_area(const struct end *e, unsigned int slot)
{
	return e->memory + (size_t)(SLOTS + slot) * SLOT_SIZE;
}
static inline char *target_area(const struct end *e, unsigned int slot)
{
	return e->memory + (size_t)(2 * SLOTS + slot) * SLOT_SIZE;
}
static inline char *source_area(const struct end *e, unsigned int slot)
{
	return e->memory + (size_t)(3 * SLOTS + slot) * SLOT_SIZE;
}
static inline char *read_area(const struct end *e, unsigned int slot)
{
	return e->memory + (size_t)(4 * SLOTS + slot) * SLOT_SIZE;
}
#define END_MEMORY ((size_t)5 * SLOTS * SLOT_SIZE)

#endif
