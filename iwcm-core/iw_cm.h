/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The iWARP connection manager: the contract between the shim above it and the
 * drivers below it. It leads connections of InfiniBand and RoCE, and datagram
 * ids, by the same states; what differs hangs on enum iw_cm_transport.
 *
 * The core owns the life of a connection id: its state, the order of its
 * events, its references, the transitions of its QP, and a destroy after which
 * nothing touches the id any more. It knows no socket, no netlink, no verbs
 * call and no clock; addresses pass through it unread.
 *
 * Shim -> core:   the functions under "Calls".
 * Core -> driver: struct iw_cm_driver_ops.
 * Driver -> core: the functions under "Drivers".
 * Core -> shim:   the handler given to iw_cm_create().
 *
 * All functions return 0 or a negative errno and set outputs last. No lock of
 * the core is held while a driver op or the handler runs, so both may call
 * back into the core.
 */
#ifndef IW_CM_H
#define IW_CM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sockaddr;
struct iw_cm_addr_info; /* iw_driver.h */
struct iw_cm_path_info; /* likewise */
struct iw_cm_service;
struct iw_cm_service_info;
struct iw_cm_id;

/* RFC 5044 section 7.1.1: PD_Length is at most 512. */
#define IW_CM_PRIVATE_DATA_MAX 512

enum iw_cm_state {
	/*
	 * No connection: fresh, or after one ended. Addressing is possible.
	 */
	IW_CM_IDLE,
	/* The driver accepts requests for this id. */
	IW_CM_LISTEN,
	/*
	 * Passive: a request has arrived; accept or reject decides. Also from
	 * a successful accept call until the driver reports ESTABLISHED.
	 */
	IW_CM_CONN_RECV,
	/* Active: the request is out (or being sent), no reply yet. */
	IW_CM_CONN_SENT,
	/* Data may flow. */
	IW_CM_ESTABLISHED,
	/*
	 * A close is under way, begun here or by the peer. The driver still
	 * owes CLOSE.
	 */
	IW_CM_CLOSING,
	/* Destroy has begun; nothing leads out of here. */
	IW_CM_DESTROYING,
	IW_CM_NSTATES
};

/* What an id's device speaks. Known when it is bound to one. */
enum iw_cm_transport {
	/* The connection moves the QP to RTS, and to ERR when it ends. */
	IW_CM_IWARP,
	/*
	 * InfiniBand, RoCE: we move the QP. Before accept it goes to RTR and RTS;
	 * the active side does so when CONNECT_RESPONSE has come, and then completes
	 * the connection. The side that did not begin a close has to answer it.
	 */
	IW_CM_INFINIBAND,
	/*
	 * Datagrams over these: an exchange of names. The QP serves many peers and
	 * is moved by its owner's wishes alone; accept makes ESTABLISHED at once,
	 * without an event; nothing is closed.
	 */
	IW_CM_DATAGRAM
};

enum iw_cm_event_type {
	/* Posted on a listener; @child is the new id, in CONN_RECV. */
	IW_CM_EVENT_CONNECT_REQUEST,
	/*
	 * Active. status 0: ESTABLISHED. Negative: the connection failed, the
	 * id is IDLE again and its QP was asked to go to ERR.
	 */
	IW_CM_EVENT_CONNECT_REPLY,
	/*
	 * Active, InfiniBand: the peer has accepted. With a QP attached the core
	 * moves it to RTS, completes the connection by the driver's establish and
	 * delivers CONNECT_REPLY (or its failure). Without one it delivers this, and
	 * the id stays in CONN_SENT until iw_cm_establish().
	 */
	IW_CM_EVENT_CONNECT_RESPONSE,
	/* Passive, after accept. Negative status: as for a failed reply. */
	IW_CM_EVENT_ESTABLISHED,
	/* The peer began to close. Not delivered to the handler. */
	IW_CM_EVENT_DISCONNECT,
	/* The connection has ended; once for each one that was established. */
	IW_CM_EVENT_CLOSE,
	/* The device is being removed. Once for an id, in any state. */
	IW_CM_EVENT_DEVICE_GONE,
	/* Results of iw_cm_resolve_addr and iw_cm_resolve_route, by status. */
	IW_CM_EVENT_ADDR,
	IW_CM_EVENT_ROUTE,
	/* Notice without a state: the address moved (bond failover). */
	IW_CM_EVENT_ADDR_CHANGE,
	/* Notice without a state: InfiniBand's time wait is over. */
	IW_CM_EVENT_TIMEWAIT_EXIT,
	/*
	 * Notice without a state: the result of iw_cm_join(), or (negative, later)
	 * the loss of the group. ev->membership says which.
	 */
	IW_CM_EVENT_MULTICAST,
	/* Notice without a state: the result of iw_cm_resolve_service(), by status. */
	IW_CM_EVENT_ADDRINFO,
	IW_CM_NEVENTS
};

/*
 * Connection parameters, as librdmacm names them: responder_resources is the
 * IRD and initiator_depth the ORD of the side that says them. In an event they
 * say what the peer will issue (responder_resources) and what the peer serves
 * (initiator_depth). The fields below them serve other transports than iWARP.
 */
struct iw_cm_ece {
	uint32_t vendor_id, attr_mod; /* 0: none */
};

struct iw_cm_conn_param {
	const void *private_data; /* may be NULL if the length is 0 */
	uint16_t private_data_len;
	uint16_t responder_resources;
	uint16_t initiator_depth;
	uint8_t flow_control;
	uint8_t retry_count;
	uint8_t rnr_retry_count;
	uint8_t srq;
	uint32_t qp_num;
	uint32_t qkey;
	struct iw_cm_ece ece;
	uint64_t ah[4]; /* of a datagram's event: struct ibv_ah_attr, passed through unread */
};

/* A multicast group to join. */
struct iw_cm_join {
	const struct sockaddr *addr;
	uint16_t flags;	  /* enum rdma_ucm's RDMA_MC_JOIN_FLAG_*, one value */
	void *membership; /* the client's name for it: not NULL, one join each */
};

struct iw_cm_event {
	enum iw_cm_event_type type;
	int status;	 /* 0 or negative errno */
	uint32_t detail; /* the driver's own code, passed through unread */
	uint32_t reason; /* of a failure, as InfiniBand's CM numbers it; 0: none. Unread, too */
	struct iw_cm_conn_param param; /* private data is valid during the handler */
	struct iw_cm_id *child;	       /* CONNECT_REQUEST only */
	void *membership;	       /* MULTICAST only */
};

/*
 * The client's handler. Runs on a thread that drains the id: never twice at
 * once for one id, in the order of posting, with no lock of the core held. It
 * may block, and then stalls its own id only. CONNECT_REQUEST is delivered with
 * @id the listener and ev->child the new id; the child's handler and context
 * are the listener's until this call sets others by iw_cm_set_context().
 * Returns non-zero if the core shall destroy @id (for CONNECT_REQUEST: the
 * child) right after; no event of it follows. Events of a child wait until its
 * request was handled.
 */
typedef int (*iw_cm_handler)(struct iw_cm_id *id, const struct iw_cm_event *ev);

/* QP states as verbs name them; SQD is RDMAC's Closing. */
enum iw_qp_state {
	IW_QP_RESET,
	IW_QP_INIT,
	IW_QP_RTR,
	IW_QP_RTS,
	IW_QP_SQD,
	IW_QP_ERR,
	IW_QP_NSTATES
};

struct iw_cm_driver_ops {
	const char *name;
	/*
	 * The driver posts from a thread that must not run handlers: events are
	 * drained by the core's pool, which starts with the first such id.
	 */
	bool drain_in_pool;

	/*
	 * Makes the driver's object for @id. @arg is what iw_cm_create() was
	 * given; for a child (iw_cm_child_new) id_new is not called. From a
	 * successful return on, the driver holds a DRIVER reference on @id.
	 */
	int (*id_new)(struct iw_cm_id *id, void *arg, void **drv);
	/*
	 * Exactly once for every id that id_new succeeded for and for every
	 * child, in every path. The driver must raise no further event and must
	 * call iw_cm_driver_put() once when no thread of it uses the id any
	 * more, from here or later, in bounded time that no peer controls.
	 * A connection that still exists is dropped abruptly; a request not
	 * accepted is refused on the wire; a listener stops.
	 */
	void (*id_gone)(struct iw_cm_id *id, void *drv);
	/*
	 * Optional. Called at most once, before id_gone, if the id is destroyed
	 * in LISTEN, CONN_RECV, CONN_SENT, ESTABLISHED or CLOSING (@was): cancel
	 * what is pending so that calls in flight return. Must not block.
	 */
	void (*abort)(struct iw_cm_id *id, void *drv, enum iw_cm_state was);

	/* Addressing: see the calls of the same names. NULL: -EOPNOTSUPP. */
	int (*bind)(struct iw_cm_id *id, void *drv, const struct sockaddr *addr);
	int (*resolve_addr)(struct iw_cm_id *id, void *drv, const struct sockaddr *src,
			    const struct sockaddr *dst, int timeout_ms);
	int (*resolve_route)(struct iw_cm_id *id, void *drv, int timeout_ms);
	int (*query)(struct iw_cm_id *id, void *drv, struct iw_cm_addr_info *info);
	int (*set_option)(struct iw_cm_id *id, void *drv, int level, int name, const void *val,
			  size_t len);
	/* struct iw_cm_path_info of iw_driver.h. -EOPNOTSUPP where there are no paths. */
	int (*query_path)(struct iw_cm_id *id, void *drv, struct iw_cm_path_info *info);
	/* Likewise of iw_driver.h. resolve_service returning 0 owes one ADDRINFO. */
	int (*resolve_service)(struct iw_cm_id *id, void *drv, const struct iw_cm_service *service);
	int (*query_service)(struct iw_cm_id *id, void *drv, struct iw_cm_service_info *info);
	int (*notify)(struct iw_cm_id *id, void *drv, int event);
	/* struct ibv_qp_attr; qp_state in it says for which state. */
	int (*init_qp_attr)(struct iw_cm_id *id, void *drv, void *qp_attr, int *mask);

	/*
	 * Connections. connect and accept returning 0 owe CONNECT_REPLY and
	 * ESTABLISHED, in any outcome, possibly before they return; returning an
	 * error they owe nothing. They may block as the device does.
	 */
	int (*listen)(struct iw_cm_id *id, void *drv, int backlog);
	int (*connect)(struct iw_cm_id *id, void *drv, const struct iw_cm_conn_param *param);
	int (*accept)(struct iw_cm_id *id, void *drv, const struct iw_cm_conn_param *param);
	/*
	 * Refuses a request, or (CONN_SENT) the response that was posted, also when
	 * that attempt is canceled; owes no event. @reason: of the InfiniBand CM;
	 * 0: the program wishes it.
	 */
	int (*reject)(struct iw_cm_id *id, void *drv, const void *private_data, size_t len,
		      uint8_t reason);
	/*
	 * Completes the connection after CONNECT_RESPONSE; owes no event. On error
	 * the core rejects. Only drivers that post CONNECT_RESPONSE have it.
	 */
	int (*establish)(struct iw_cm_id *id, void *drv);
	/*
	 * Ends a connection, or (@abrupt, in CONN_SENT) cancels a pending one;
	 * CLOSE or a failed CONNECT_REPLY follows. The QP was asked to go to
	 * SQD or ERR before. A pending one may be cancelled while connect or
	 * accept has not returned, and then once more after it has. On InfiniBand
	 * it also answers, once, a close that the peer began or may have begun; no
	 * event follows that.
	 */
	int (*disconnect)(struct iw_cm_id *id, void *drv, bool abrupt);
	/*
	 * Moves the QP. The only place where a QP of a connection changes its
	 * state at our wish. Never called twice at once for a QP by two threads.
	 * Redundant requests succeed. @param: what accept was
	 * given if it is accept that moves the QP, else NULL.
	 */
	int (*modify_qp)(struct iw_cm_id *id, void *drv, void *qp, enum iw_qp_state to,
			 const struct iw_cm_conn_param *param);
	/*
	 * Datagrams; NULL: -EOPNOTSUPP. join returning 0 owes one MULTICAST, and
	 * may post another one later; after leave returned none is posted.
	 */
	int (*join)(struct iw_cm_id *id, void *drv, const struct iw_cm_join *join);
	int (*leave)(struct iw_cm_id *id, void *drv, void *membership);
	/* Moves the id's event source to @source (struct iw_source). */
	int (*migrate)(struct iw_cm_id *id, void *drv, void *source);
};

/*
 * What all may read. Set at creation and constant, but for @context and
 * @handler of a child, which its request handler may replace, and @transport,
 * which iw_cm_set_transport() sets: read it by iw_cm_transport().
 */
struct iw_cm_id {
	const struct iw_cm_driver_ops *ops;
	void *drv;
	iw_cm_handler handler;
	void *context;
	enum iw_cm_transport transport;
};

static inline enum iw_cm_transport iw_cm_transport(const struct iw_cm_id *id)
{
	return __atomic_load_n(&id->transport, __ATOMIC_RELAXED);
}

/* ------------------------------------------------------------------ Calls */

/* Makes an id in IDLE and the driver's object for it. -ENOMEM or id_new's error. */
int iw_cm_create(const struct iw_cm_driver_ops *ops, void *drv_arg, iw_cm_handler handler,
		 void *context, struct iw_cm_id **id);

/* Before connect, listen or accept; a child begins as IW_CM_IWARP. */
void iw_cm_set_transport(struct iw_cm_id *id, enum iw_cm_transport transport);

/* Inside the request handler of @child only. */
void iw_cm_set_context(struct iw_cm_id *child, iw_cm_handler handler, void *context);

/*
 * Ends the id in any state: aborts what is pending, tells the driver, waits
 * until no handler runs and no reference is left, frees. Never waits for a
 * peer. After it returned, no event of the id is delivered and the driver does
 * not know it any more. Children that were posted but not yet handed to the
 * handler are refused; others live on.
 * Called inside the id's own handler (for a child, that of its request; or
 * inside a driver op of the id): pending things are cancelled at once, the rest
 * takes effect when the handler returns.
 * -EALREADY if a destroy of the id has begun before (the caller that lost has
 * no claim to the id).
 */
int iw_cm_destroy(struct iw_cm_id *id);

/*
 * Addressing, passed to the driver under an OPERATION reference.
 * Legal in IDLE only (-EINVAL otherwise) for bind and the resolve calls; the
 * queries, set_option and notify in every state.
 * -ESHUTDOWN while the id is being destroyed.
 */
int iw_cm_bind(struct iw_cm_id *id, const struct sockaddr *addr);
int iw_cm_resolve_addr(struct iw_cm_id *id, const struct sockaddr *src, const struct sockaddr *dst,
		       int timeout_ms);
int iw_cm_resolve_route(struct iw_cm_id *id, int timeout_ms);
int iw_cm_query(struct iw_cm_id *id, struct iw_cm_addr_info *info);
int iw_cm_set_option(struct iw_cm_id *id, int level, int name, const void *val, size_t len);
int iw_cm_notify(struct iw_cm_id *id, int event);
int iw_cm_query_path(struct iw_cm_id *id, struct iw_cm_path_info *info);
/* Asks the subnet administrator of the port that the id is bound to; ADDRINFO follows. */
int iw_cm_resolve_service(struct iw_cm_id *id, const struct iw_cm_service *service);
/* What it has answered. */
int iw_cm_query_service(struct iw_cm_id *id, struct iw_cm_service_info *info);
/*
 * Multicast, in every state. Each membership has records of its own for its
 * events. After leave returned, whatever it returned, no event of @membership is
 * delivered; it waits for a handler that runs for it, unless called inside.
 * -EEXIST, -ENOENT: by the name. Memberships end with their id.
 */
int iw_cm_join(struct iw_cm_id *id, const struct iw_cm_join *join);
int iw_cm_leave(struct iw_cm_id *id, void *membership);
/*
 * The attributes that a QP of @id needs on its way to @qp_attr->qp_state
 * (struct ibv_qp_attr), and ibv_modify_qp's mask for them. In every state.
 */
int iw_cm_init_qp_attr(struct iw_cm_id *id, void *qp_attr, int *mask);

/*
 * IDLE -> LISTEN. Allocates @slots request credits: that many children may be
 * posted and not yet taken (iw_cm_request_taken); the driver refuses more.
 * @backlog is passed to the driver. -EINVAL in other states and for no slots.
 */
int iw_cm_listen(struct iw_cm_id *id, int backlog, unsigned int slots);

/* The client has taken the request of @child: its credit returns to the listener. */
void iw_cm_request_taken(struct iw_cm_id *child);

/* IDLE -> CONN_SENT; back to IDLE on error. -EINVAL in other states. */
int iw_cm_connect(struct iw_cm_id *id, const struct iw_cm_conn_param *param);

/*
 * In CONN_RECV, once: asks for RTR, then the driver's accept. On error the QP
 * is asked to go to ERR, the request is refused and the id is IDLE.
 */
int iw_cm_accept(struct iw_cm_id *id, const struct iw_cm_conn_param *param);

/*
 * CONN_RECV -> IDLE, once. -EINVAL in other states and after accept, but for an
 * active id on InfiniBand to which CONNECT_RESPONSE was delivered: CONN_SENT ->
 * IDLE.
 */
int iw_cm_reject(struct iw_cm_id *id, const void *private_data, size_t len, uint8_t reason);

/* After CONNECT_RESPONSE was delivered: CONN_SENT -> ESTABLISHED, without an event. */
int iw_cm_establish(struct iw_cm_id *id);

/*
 * ESTABLISHED -> CLOSING (graceful: SQD, abrupt: ERR). CONN_SENT, or CONN_RECV
 * after accept: cancels; the failed CONNECT_REPLY or ESTABLISHED follows, or
 * CLOSE if the connection came first. CLOSING, or IDLE after a connection or
 * an attempt that was reported: 0, nothing happens, but that the first call
 * after a close by an InfiniBand peer moves the QP to ERR and answers the peer,
 * as does the first one after CLOSE where both sides may have begun. LISTEN:
 * 0 but on iWARP, nothing happens. Otherwise -EINVAL. Datagrams: the QP is asked
 * to go to ERR, if there is one, and neither driver nor peer hears of it; IDLE
 * without an attempt that was reported: -EINVAL.
 */
int iw_cm_disconnect(struct iw_cm_id *id, bool abrupt);

/*
 * Moves the id to another event source while none of its handlers runs:
 * waits for a running one, calls the driver's migrate, then @moved(@arg), then
 * lets events flow again. In any state but DESTROYING. -EDEADLK inside the
 * id's own handler.
 */
int iw_cm_migrate(struct iw_cm_id *id, void *source, void (*moved)(void *arg), void *arg);

/*
 * QP. At most one is attached (-EBUSY); it starts in RESET as seen from here.
 * A connection that is made or broken while one is attached moves it.
 * Detach waits until no transition of it is in flight; then nobody of ours
 * uses @qp any more. It works on an id that is being destroyed, too (from its
 * handler). -EINVAL: none attached.
 */
int iw_cm_qp_attach(struct iw_cm_id *id, void *qp);
int iw_cm_qp_detach(struct iw_cm_id *id);
/*
 * A wish of the client (INIT, SQD, ERR; RTR, RTS of a datagram QP). -EINVAL: the
 * table forbids it.
 */
int iw_cm_qp_modify(struct iw_cm_id *id, enum iw_qp_state to);
enum iw_qp_state iw_cm_qp_state(struct iw_cm_id *id);

enum iw_cm_state iw_cm_get_state(struct iw_cm_id *id);
const char *iw_cm_state_name(enum iw_cm_state state);
const char *iw_cm_event_name(enum iw_cm_event_type type);
const char *iw_qp_state_name(enum iw_qp_state state);

/* ---------------------------------------------------------------- Drivers */

/*
 * A request has arrived for @listener: makes the id of the new connection, in
 * CONN_RECV, with a DRIVER reference, taking one of the listener's credits.
 * Allocates all that the connection's events will ever need. On error the
 * driver refuses the request on the wire: -EBUSY no credit, -ENOMEM,
 * -ESHUTDOWN the listener is going, -EINVAL it does not listen.
 */
int iw_cm_child_new(struct iw_cm_id *listener, void *drv, struct iw_cm_id **child);

/*
 * Reports an event. Any thread, no lock of the core held; the driver holds its
 * DRIVER reference on @id. The private data of a request, a response, a reply or
 * ESTABLISHED (iWARP has none) is copied, that of others dropped. May run the
 * handler.
 * 0: taken. -ESHUTDOWN: the id is being destroyed; -EBUSY: an event of this
 * kind is already waiting (DEVICE_GONE: has been posted before; MULTICAST: two
 * of this membership are); -ENOENT: no such membership; -EINVAL: unknown type,
 * status positive, private data without an address or longer than
 * IW_CM_PRIVATE_DATA_MAX (a connection event that is malformed so ends the
 * connection).
 * CONNECT_REQUEST hands ev->child over in every case: on error the child is
 * destroyed (the driver sees its id_gone, possibly before this returns); but
 * for -EBUSY, which says that this child was handed over before.
 */
int iw_cm_post(struct iw_cm_id *id, const struct iw_cm_event *ev);

/*
 * The two halves of iw_cm_post(), for a driver whose threads fetch events in
 * order from one place: it appends under the lock that it fetches under, so
 * that two events of an id cannot overtake each other, and drains without it.
 * iw_cm_append() runs no handler. If it sets @drain, in whatever it returns,
 * the caller owes one iw_cm_drain(), which may run handlers; until then events
 * of the id wait and a destroy of it too.
 */
int iw_cm_append(struct iw_cm_id *id, const struct iw_cm_event *ev, bool *drain);
void iw_cm_drain(struct iw_cm_id *id);

/* Drops the DRIVER reference, exactly once, after (or in) id_gone. */
void iw_cm_driver_put(struct iw_cm_id *id);

/* ------------------------------------------------------------------- Debug */

/* Counters of this process, for logs and tests. */
struct iw_cm_stats {
	uint64_t ids_created, ids_freed;
	uint64_t events_posted, events_delivered;
	uint64_t events_discarded;  /* the id or the membership was going */
	uint64_t events_unexpected; /* not legal in the state: dropped, connection ended */
	uint64_t requests_refused;
};
void iw_cm_get_stats(struct iw_cm_stats *stats);

#endif
