/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the tests of the shim do again and again: make ids, wait for one event,
 * connect a pair, and look whether all is gone.
 */
#ifndef IW_SHIM_UTIL_H
#define IW_SHIM_UTIL_H

#include <criterion/criterion.h>
#include <errno.h>
#include <rdma/rdma_cma.h>

#include "base/fault.h"
#include "tests/mock_netlink.h"
#include "tests/mock_verbs.h"
#include "tests/shim_fake.h"

#define PORT 7471

/* -1 and this errno. */
#define fails_with(error, call)                                                             \
	do {                                                                                \
		errno = 0;                                                                  \
		cr_assert_eq((call), -1, "%s succeeded", #call);                            \
		cr_assert_eq(errno, (error), "%s: errno %d, not %s", #call, errno, #error); \
	} while (0)

#define succeeds(call)                                                 \
	do {                                                           \
		errno = 0;                                             \
		cr_assert_eq((call), 0, "%s: errno %d", #call, errno); \
	} while (0)

struct pair {
	struct rdma_event_channel *ch;
	struct rdma_cm_id *listener, *client, *child;
};

/* Channels that do not block, so that a missing event fails instead of hanging. */
struct rdma_event_channel *util_channel(void);
struct rdma_cm_id *util_id(struct rdma_event_channel *ch);
/* The next event, which must be of @type. */
struct rdma_cm_event *util_next(struct rdma_event_channel *ch, enum rdma_cm_event_type type);
/* The same, acknowledged; returns its status. */
int util_expect(struct rdma_event_channel *ch, enum rdma_cm_event_type type);
void util_nothing(struct rdma_event_channel *ch);

struct rdma_cm_id *util_listen(struct rdma_event_channel *ch, uint16_t port);
struct ibv_qp_init_attr util_qp_attr(void);
void util_qp(struct rdma_cm_id *id);
int util_resolve(struct rdma_cm_id *id, uint16_t port);
/* An id that may connect to @port; with a QP. */
struct rdma_cm_id *util_client(struct rdma_event_channel *ch, uint16_t port);
/* From here a request has been retrieved and acknowledged; @child has a QP. */
struct pair util_request(void);
/* Both sides have seen ESTABLISHED. */
struct pair util_pair(void);
void util_destroy(struct rdma_cm_id *id);
void util_end_pair(struct pair *p);
/* Nothing is left below and nothing was destroyed twice. */
void util_all_gone(void);

/* Runs @fn in a thread. */
struct later;
struct later *util_later(void *(*fn)(void *), void *arg);
/* False: it has ended. True: it has slept for @ms on end, or is busy 5 s beyond them. */
bool util_still_runs(struct later *later, unsigned int ms);
/* Interrupts it by SIGUSR1 until it has ended, and joins it. */
void *util_interrupt(struct later *later);
void *util_join(struct later *later);

#endif
