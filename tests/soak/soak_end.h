/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * One end of a short connection. Ends live in slots with a deadline; several
 * threads may hold events of one end, so whoever claims it destroys it.
 */
#ifndef SOAK_END_H
#define SOAK_END_H

#include "tests/soak/soak.h"

#define ENDS 512
#define WRS 8 /* messages of a connection in one direction, at most */

enum command {
	COMMAND_ECHO,
	COMMAND_DISCONNECT,
	COMMAND_DESTROY
};

struct message {
	uint32_t number, seq, command, len;
	uint8_t payload[MAX_PAYLOAD];
};

/* What the active end may write, read and add to. */
struct offer {
	uint64_t addr;
	uint32_t rkey, number;
};

struct memory {
	struct message in[WRS], out[WRS];
	uint64_t counter, found; /* @found: what an atomic brought */
	uint8_t target[MAX_PAYLOAD], read[MAX_PAYLOAD];
};

struct end {
	/* Protects: calls on the id and the QP, against their destruction. Outermost. */
	pthread_mutex_t lock;
	struct rdma_cm_id *id;
	struct ibv_comp_channel *channel; /* of an active end, with its CQ; NULL: it polls */
	struct ibv_cq *cq;		  /* NULL: the server's */
	struct ibv_mr *mr;
	struct memory *memory;
	enum side side;
	struct plan plan;
	struct offer offer;
	uint32_t generation; /* atomic */
	bool used, ending;   /* atomic */
	unsigned int established, failed, disconnected, next_seq;
	uint64_t connect_us;
	const char *doing; /* atomic */
	uint32_t since_ms;
	struct end *next_free;
};

void ends_init(void);
/* NULL: no slot is free, beyond @leave. */
struct end *end_new(enum side side, uint32_t number, bool sync, unsigned int leave);
/* True: the caller is the one to call end_finish(). */
bool end_claim(struct end *e);
bool end_is_ending(const struct end *e);
/* Destroys all of it, in an order that depends on its number. */
void end_finish(struct end *e);
/* Of an end without an id: memory and slot alone. */
void end_drop(struct end *e);
/* Milliseconds of this process's own life: time in which it was stopped does not count. */
uint32_t life_ms(void);
void end_doing(struct end *e, const char *what);
unsigned int ends_used(void);
/* Every half second: ends the process if an end is stuck. */
void ends_watch(void);
void ends_wait_all(void);

/* @shared: the CQ, or NULL: one of its own. Posts all receives. The end's lock is held. */
int end_open(struct end *e, struct ibv_cq *shared);
void end_post(struct end *e, struct ibv_send_wr *wr, void *local, uint32_t len);
uint64_t end_wr_id(const struct end *e, unsigned int i, bool send);
/* NULL: of an end that is no more. */
struct end *end_of(uint64_t wr_id, unsigned int *i, bool *send);

/* CONNECT_ERROR and its like, or DISCONNECTED. Acknowledges; finishes the end. */
void end_on_end(struct rdma_cm_event *ev);
/* Threads that share channels: all events until there are none. */
typedef void (*on_event_fn)(struct rdma_cm_event *ev);
void events_take(struct rdma_event_channel *const *channels, unsigned int n, on_event_fn on_event);
struct rdma_event_channel *new_channel(void);

#endif
