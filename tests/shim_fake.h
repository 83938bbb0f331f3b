/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A driver in memory for the tests of the shim: ids of one process listen,
 * connect and disconnect with each other over event sources with real
 * descriptors. Every op can be made to fail, every event to come or not.
 *
 * 10.0.<device>.<host> is an address of mock device <device>; 10.9.x.x is not
 * local; anything else is local without a device. fake_addr_ib() makes others.
 *
 * Connections go as the ids' transport says: on InfiniBand the active side hears
 * CONNECT_RESPONSE and completes by establish, and refusals have a reason; of
 * datagrams the active side alone hears of the accept.
 *
 * This is the kernel's driver. The software one, off until fake_soft(true), is
 * its like with threads of its own in place of descriptors; it has a device of
 * its own, with the GUID FAKE_SOFT_GUID, for every local address.
 */
#ifndef IW_SHIM_FAKE_H
#define IW_SHIM_FAKE_H

#include <rdma/rdma_cma.h>
#include <stdbool.h>

#include "iwcm-core/iw_driver.h"

enum fake_op {
	FAKE_PROBE,
	FAKE_SOURCE_OPEN,
	FAKE_ID_NEW,
	FAKE_BIND,
	FAKE_RESOLVE_ADDR,
	FAKE_RESOLVE_ROUTE,
	FAKE_QUERY,
	FAKE_SET_OPTION,
	FAKE_NOTIFY,
	FAKE_INIT_QP_ATTR,
	FAKE_LISTEN,
	FAKE_CONNECT,
	FAKE_ACCEPT,
	FAKE_REJECT,
	FAKE_DISCONNECT,
	FAKE_MODIFY_QP,
	FAKE_MIGRATE,
	FAKE_PUMP,
	FAKE_OPEN_VERBS,
	FAKE_SOFT_PROBE,
	FAKE_QUERY_PATH,
	FAKE_ESTABLISH,
	FAKE_JOIN,
	FAKE_LEAVE,
	FAKE_RESOLVE_SERVICE,
	FAKE_QUERY_SERVICE,
	/* Not ops but outcomes: the status of the event, once. */
	FAKE_ADDR_EVENT,
	FAKE_ROUTE_EVENT,
	FAKE_JOIN_EVENT,
	FAKE_SERVICE_EVENT,
	FAKE_NOPS
};

/* The next @op fails with the negative errno @error, once. */
void fake_fail(enum fake_op op, int error);
/* As before, but after @skip successes. */
void fake_fail_after(enum fake_op op, int error, unsigned int skip);
unsigned int fake_calls(enum fake_op op);

/* From now on no event of resolving, and no reply to a connect, comes by itself. */
void fake_hold(bool hold);
/* An event for @id, in its order; @ev is copied, private data up to 256 bytes. */
void fake_post(struct rdma_cm_id *id, const struct iw_cm_event *ev);
/* The same at once and on this thread, as a driver with threads of its own does. */
void fake_post_now(struct rdma_cm_id *id, const struct iw_cm_event *ev);
/* Handles the first event of @id's source outside of the channel that it belongs to. */
void fake_pump(struct rdma_cm_id *id);
void fake_post_plain(struct rdma_cm_id *id, enum iw_cm_event_type type, int status);
/* The id's events stay where they are, and its source's descriptor shows none of them. */
void fake_silence(struct rdma_cm_id *id, bool silent);
/* The parameters of the last connect or accept that the driver saw. */
struct iw_cm_conn_param fake_last_param(void);
/* The argument of the last listen. */
int fake_last_backlog(void);

/* 10.0.<device>.1:@port, and its kind. */
struct sockaddr_in fake_addr(int device, uint16_t port);
struct sockaddr_in6 fake_addr6(int device, uint16_t port);
/* The same of AF_IB: its GID is that of fake_addr6(), its service ID FAKE_SERVICE and the port. */
#define FAKE_SERVICE 0x0000000001060000ull
struct sockaddr_storage fake_addr_ib(int device, uint16_t port);
/* What an accepted datagram id says of itself. */
#define FAKE_QKEY 0x1234567u
#define FAKE_DLID 77
/* The last group that was joined, and what its MULTICAST event tells of it. */
struct iw_cm_join fake_last_join(void);
struct iw_cm_event fake_joined(int status);
#define FAKE_MLID 0xc001
/*
 * What the subnet administrator knows: @n records, of the GIDs of fake_addr6() and
 * of service FAKE_SERVICE + i; those with an even number have the name "fake".
 */
void fake_services(unsigned int n);
/* That was asked for last. */
struct iw_cm_service fake_last_service(void);
/* IB_CM_REJ_CONSUMER_DEFINED. */
#define FAKE_REASON 28
/* The states that QPs were moved to since the last call, a bit each. */
unsigned int fake_qp_states(void);

#define FAKE_SOFT_GUID MOCK_GUID(0x50)

/* Whether this build has the software driver. */
void fake_soft(bool there);
/* Ids below that the software driver has. */
int fake_soft_ids(void);
/* The source that the last rdma_resolve_addr told the driver; family 0: none. */
struct sockaddr_storage fake_last_src(void);

/* What is still there of ids and sources; 0 when all is over. */
int fake_live(void);

#endif
