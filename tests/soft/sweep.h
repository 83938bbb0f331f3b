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

/* All that is due comes within this, or it is lost; the slowest retry included. */
#define SWEEP_WAIT_MS 8000
#define SWEEP_BUFFER (160u << 10)

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
	/* Where the session failed and how; NULL: it did not. */
	const char *step;
	int err;
	/* What no failure excuses. */
	char verdict[256];
};

struct sweep_kind {
	const char *name;
	int (*run)(struct sweep *s); /* 0, or -1 with step and err */
};
/* NULL behind the last name. */
extern const struct sweep_kind sweep_kinds[];

/* Both ends connected; one message on them. 0, or -1 with step and err. */
int sweep_connect(struct sweep *s);
int sweep_talk(struct sweep *s);

/* Ends whatever is left of a session, in the order that the man pages ask for. */
void sweep_close(struct sweep *s);

#endif
