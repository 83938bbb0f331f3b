/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A receiver on a bench: a QP whose send queue, receive queue, transmitter and
 * completion queue are stand-ins that write down what they are told, memory that
 * is registered for real with canaries around it, and a peer whose bytes come
 * over a socket pair in pieces of any size.
 */
#ifndef SOFT_RX_ENV_H
#define SOFT_RX_ENV_H

#include <criterion/criterion.h>

#include "driver/soft/soft_qp.h"

#define RX_LOG 64
#define RX_CANARY 64

/* Registered memory between two canaries. */
struct rx_mem {
	uint8_t *block, *ptr; /* ptr: what is registered */
	size_t len;
	struct soft_mr *mr;
};

struct rx_env {
	struct soft_context ctx;
	struct soft_pd *pd, *other_pd;
	struct soft_qp *qp;
	struct soft_srq srq;
	int peer; /* where the peer writes */

	/* What the peer sends. */
	uint8_t *out;
	size_t out_len, out_room;
	uint8_t last[128]; /* the ULPDU put last, or the head of it */
	size_t last_len;

	/* Stand-ins: what they hold. */
	struct soft_rwqe recvs[RX_LOG];
	unsigned int recvs_posted, recvs_taken, limit_at;
	struct soft_swqe *reads[RX_LOG];
	unsigned int reads_posted, reads_done;

	/* What they were told. */
	struct ibv_wc wc[RX_LOG];
	unsigned int wcs, pushes, solicited;
	struct soft_response responses[RX_LOG];
	unsigned int responded;
	unsigned int failures, released, limit_events;
	struct soft_failure failure;
	unsigned int reads_of_socket; /* recv and recvmsg calls */
};

extern struct rx_env *rx_env;

/* How a stream is fed. */
struct rx_way {
	bool crc;
	bool feed;  /* soft_rx_feed(), else over the socket */
	size_t cut; /* first piece; 0: all at once */
	bool bytewise;
};

void rx_env_new(bool crc);
void rx_env_free(void);

struct rx_mem rx_mem_new(size_t len, unsigned int access);
struct rx_mem rx_mem_of(struct soft_pd *pd, size_t len, unsigned int access);
void rx_mem_free(struct rx_mem *mem);
/* Canaries are whole; with @untouched the memory between them, too. */
void rx_mem_check(const struct rx_mem *mem, bool untouched);
/* The memory holds rx_pattern() from @offset on, at @at. */
void rx_mem_check_pattern(const struct rx_mem *mem, size_t at, size_t len, size_t offset);
uint8_t rx_pattern(size_t i);
/* 1 MiB of the pattern. */
const uint8_t *rx_payload(size_t offset);

/* A receive of all of @mem; by rx_recv_sges() of any parts. */
void rx_recv(uint64_t wr_id, const struct rx_mem *mem);
void rx_recv_sges(uint64_t wr_id, const struct ibv_sge *sge, unsigned int n);
struct ibv_sge rx_sge(const struct rx_mem *mem, size_t at, size_t len);
/* A read or atomic in flight. */
struct soft_swqe *rx_read(enum ibv_wr_opcode opcode, const struct ibv_sge *sge, unsigned int n);

/* A header of @op: last segment, @id is its MSN or STag. */
struct ddp_header rx_hdr(enum rdmap_opcode op, uint32_t id);
/* Appends an FPDU to what the peer sends; h->ulpdu is made up here. */
void rx_put(const struct ddp_header *h, const void *body, size_t len);
/* The same of any ULPDU. */
void rx_put_ulpdu(const void *bytes, size_t len);
void rx_put_read(uint32_t msn, const struct rdmap_read_request *r);
void rx_put_atomic(uint32_t msn, const struct rdmap_atomic_request *r);
void rx_put_imm(enum rdmap_opcode op, uint32_t msn, const struct rdmap_immediate *imm);

/* Sends what was put, as @way says, and lets the receiver work. */
void rx_play(const struct rx_way *way);
void rx_play_now(void);

/*
 * Plays a scenario in every way: with and without CRC, whole, byte by byte and
 * cut at each boundary (of long ones near both ends and now and then between).
 * Each time @build in a new environment, then @check; either frees nothing.
 */
void rx_each_way(void (*build)(void), void (*check)(void));

#endif
