/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Stand-ins for what the QP's modules lean on: completion and receive queues,
 * regions, the loop, progress sets, the receiver. They record what is asked of
 * them; tests look, and play the peer at the other end of a socket pair.
 */
#ifndef IW_SOFT_QP_FAKE_H
#define IW_SOFT_QP_FAKE_H

#include "driver/soft/soft_qp.h"

#define FAKE_KEY 0x1100u   /* all of this process's memory */
#define FAKE_STALE 0x2200u /* an STag that is not there */
#define FAKE_HOLE 0x3300u  /* registered, but nothing is mapped there */

struct fake {
	struct soft_context ctx;
	struct soft_device dev;
	struct soft_pd pd;
	struct soft_cq send_cq, recv_cq;
	struct soft_qp *qp;
	int peer; /* the other end of qp->stream.fd */
	/* In the order of time: s send completion, r receive completion, A async
	 * event, F first_fpdu, E ended, L lingering socket, x receiver flushed. */
	char trace[4096];
	unsigned int n_wc, pushes;
	struct ibv_wc wc[4096];
	enum ibv_event_type event;
	int ended_status;
	int pins; /* outstanding */
	bool key_gone;
	uint8_t *words;
	size_t words_len;
	unsigned int hold_ms; /* that they are kept back */
	bool wants_write;
	struct soft_timer *timer; /* running; not the nudge */
	unsigned int nudge_ms;	  /* that it waits; 0: does not run */
	unsigned int binds, invalidated;
};
extern struct fake fake;

/* A QP in INIT with queues of @wr entries and 4 SGEs. */
void fake_setup(unsigned int wr);
void fake_teardown(void);
/* Over a socket pair of @type; @stream without its descriptor. */
int fake_attach(struct soft_stream stream, int type);
/* All that the peer can read now. */
size_t fake_read(void *out, size_t size);
struct ibv_sge fake_sge(const void *addr, uint32_t len);
int fake_post(enum ibv_wr_opcode opcode, const void *addr, uint32_t len, unsigned int flags);

#endif
