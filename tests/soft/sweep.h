/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the files of fault_sweep share: sessions that may fail, and what they hold. */
#ifndef SWEEP_H
#define SWEEP_H

#include <errno.h>
#include <infiniband/verbs.h>
#include <rdma/rdma_cma.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SWEEP_BUFFER (160u << 10)

/* All that is due comes within this, or it is lost; the slowest retry included. */
extern int sweep_wait_ms;

/* One end of a connection and its memory. */
struct sweep_end {
	struct rdma_event_channel *events;
	struct rdma_cm_id *id;
	struct ibv_comp_channel *comp;
	struct ibv_cq *cq;
	struct ibv_srq *srq;
	struct ibv_mr *mr;
	uint8_t *bytes;
};

struct sweep {
	struct sweep_end client, server;
	struct rdma_cm_id *listener;
	struct rdma_event_channel *spare; /* to migrate to */
	uint16_t port;			  /* of the listener */
	bool six, wildcard;		  /* set before it listens */
	int peer;			  /* a socket to the process of the other end, or 0 */
	bool told;			  /* it is in a session */
	/* Where the session failed and how; NULL: it did not. */
	const char *step;
	int err;
	/* What no failure excuses. */
	char verdict[256];
};

struct sweep_kind {
	const char *name;
	int (*run)(struct sweep *s); /* 0, or -1 with step and err */
	bool apart;		     /* the other end is another process's */
};
/* NULL behind the last name. */
extern const struct sweep_kind sweep_kinds[];
int sweep_run_migrate(struct sweep *s);
int sweep_run_cancel(struct sweep *s);
int sweep_run_nobody(struct sweep *s);
int sweep_run_refused(struct sweep *s);
int sweep_run_passive(struct sweep *s);
int sweep_run_active(struct sweep *s);

/*
 * The other end of sessions that are one process's: forks it, before anything of
 * RDMA is in use. It serves one session after the other until its socket closes,
 * and knows no failures. Returns the socket, or -1.
 */
int sweep_peer_start(void);
/* The session is over for the other end, too; false: it waits in vain. */
bool sweep_peer_is_done(int peer);

/* Both ends connected; one message on them. 0, or -1 with step and err. */
int sweep_connect(struct sweep *s);
int sweep_talk(struct sweep *s);

/* Ends whatever is left of a session, in the order that the man pages ask for. */
void sweep_close(struct sweep *s);

#endif
