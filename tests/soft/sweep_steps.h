/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Steps of a session: 0, or -1 with the step and errno kept in the session. */
#ifndef SWEEP_STEPS_H
#define SWEEP_STEPS_H

#include "tests/soft/sweep.h"

#define SMALL 16
#define LARGE (100u << 10)

#define STEP(call)                                     \
	do {                                           \
		errno = 0;                             \
		if (call)                              \
			return sweep_failed(s, #call); \
	} while (0)

/* A verb that returns its error. */
#define VERB(call)                                     \
	do {                                           \
		errno = (call);                        \
		if (errno)                             \
			return sweep_failed(s, #call); \
	} while (0)

int sweep_failed(struct sweep *s, const char *step);
int64_t sweep_now_ms(void);
struct rdma_cm_event *sweep_next_event(struct rdma_event_channel *ch);
int sweep_get(struct rdma_event_channel *ch, enum rdma_cm_event_type want,
	      struct rdma_cm_event **out);
int sweep_complete(struct sweep *s, struct sweep_end *end, struct ibv_wc *wc);
/* The loopback of the family of @s, or the wildcard. Valid until the next call. */
struct sockaddr *sweep_addr(const struct sweep *s, bool any, uint16_t port);
int sweep_open_channel(struct sweep *s, struct sweep_end *end);
int sweep_open_listener(struct sweep *s);
int sweep_open_srq(struct sweep *s, struct sweep_end *end);
int sweep_equip(struct sweep *s, struct sweep_end *end);
struct rdma_conn_param sweep_param(void);
int sweep_resolve(struct sweep *s);
int sweep_await_request(struct sweep *s);
int sweep_connect_ends(struct sweep *s, bool with_srq);
int sweep_disconnect(struct sweep *s, struct sweep_end *first);
int sweep_post_recv(struct sweep *s, struct sweep_end *end, uint32_t len);
int sweep_post(struct sweep *s, enum ibv_wr_opcode opcode, uint32_t len, unsigned int flags);
int sweep_one_sided(struct sweep *s, enum ibv_wr_opcode opcode, uint32_t len);
int sweep_message(struct sweep *s, enum ibv_wr_opcode opcode, uint32_t len, unsigned int flags);
int sweep_make_ep(struct sweep *s, struct rdma_cm_id **id, uint16_t port, bool passive);
int sweep_answer(struct sweep *s, enum rdma_cm_event_type want);

#endif
