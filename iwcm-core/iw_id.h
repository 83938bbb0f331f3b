/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The private side of a connection id: what the files of the core share. Here
 * are types alone; each group of fields has its one file of functions.
 */
#ifndef IW_ID_H
#define IW_ID_H

#include "base/bytes.h"
#include "base/list.h"
#include "base/lock.h"
#include "iwcm-core/iw_cm.h"

struct iw_credits;

/* Who may hold a reference. No reference belongs to a state. */
enum iw_ref_class {
	IW_REF_CREATOR,	  /* the client; for a child not handed out yet, the core */
	IW_REF_DRAIN,	  /* a drain that runs or is scheduled; a request handler */
	IW_REF_OPERATION, /* a call of the client or a transition in flight */
	IW_REF_DRIVER,	  /* the driver's object for the id */
	IW_REF_NCLASSES
};

/* A kind of event has one record: two of a kind never wait at once. */
enum iw_record_kind {
	IW_RECORD_CONNECTION, /* CONNECT_REPLY or ESTABLISHED */
	IW_RECORD_RESPONSE,
	IW_RECORD_DISCONNECT,
	IW_RECORD_CLOSE,
	IW_RECORD_DEVICE_GONE,
	IW_RECORD_ADDR,
	IW_RECORD_ROUTE,
	IW_RECORD_ADDR_CHANGE,
	IW_RECORD_TIMEWAIT,
	IW_RECORD_ADDRINFO,
	IW_RECORD_NKINDS
};

/* An event that waits: most kinds say nothing but a status, and ids are many. */
struct iw_record {
	TAILQ_ENTRY(iw_record) link;
	enum iw_cm_event_type type;
	int status;
	uint32_t detail, reason;
	void *other;			/* the child of a request; the membership of MULTICAST */
	struct iw_cm_conn_param *param; /* NULL: none kept; its private data is @data */
	uint8_t *data;			/* IW_CM_PRIVATE_DATA_MAX bytes, or NULL: none kept */
	bool waiting;
	bool malformed; /* what the driver said made no sense: end the connection */
};

TAILQ_HEAD(iw_record_list, iw_record);
TAILQ_HEAD(iw_member_list, iw_member); /* iw_member.h */

/* A driver op in flight; lives on the stack of the call. */
struct iw_op {
	TAILQ_ENTRY(iw_op) link;
	iw_thread_id thread;
	const char *call; /* of the program; NULL: none */
	void *qp;	  /* the op moves this QP, or NULL */
};

TAILQ_HEAD(iw_op_list, iw_op);

/*
 * @lock protects every field below it. It is a leaf but for the pool's and the
 * credits' locks, which are taken under it; two ids are never locked at once.
 */
struct iw_id {
	struct iw_cm_id pub;
	struct iw_credits *credits; /* listener: given out; child: its source */

	struct iw_lock lock;
	struct iw_cond cond; /* broadcast whenever something that is waited for ends */

	/* iw_ref.c */
	unsigned int refs[IW_REF_NCLASSES];
	struct iw_op_list ops;
	bool dying;
	bool gone; /* id_gone was called, or is about to be */

	/* iw_state.c */
	enum iw_cm_state state;

	/* iw_conn.c */
	unsigned int attempt; /* counts connections, to tell an old call from a new one */
	bool accepting;	      /* accept was called for the request */
	bool calling;	      /* the driver's connect or accept has not returned */
	bool cancelling;      /* disconnect was called before the outcome */
	bool ended;	      /* a connection or an attempt was reported as over */
	bool answer_owed;     /* the peer of an InfiniBand connection closed it */
	bool close_begun;     /* here, by the client: the peer's may cross it */
	bool credit_held;

	/* iw_establish.c */
	bool responded;	 /* CONNECT_RESPONSE has come in this attempt */
	bool completing; /* or being refused: no event is taken meanwhile */

	/* iw_qp.c */
	void *qp;
	enum iw_qp_state qp_state;

	/* iw_event.c */
	struct iw_record_list queue;
	bool draining; /* somebody drains, or is scheduled to */
	bool running;  /* the drain has begun: @drainer is valid */
	iw_thread_id drainer;
	void *telling;	 /* the membership whose event is being handled, or NULL */
	bool migrating;	 /* no handler may start */
	bool requesting; /* child: its request handler has not returned yet */
	bool posted;	 /* child: its request was posted; under the listener's lock */
	bool handing_out;
	iw_thread_id requester; /* valid while @handing_out */
	struct iw_record records[IW_RECORD_NKINDS];
	struct iw_record request; /* child: waits on the listener's queue, under its lock */

	struct iw_member_list members; /* iw_member.c */

	/* iw_pool.c, under the pool's lock */
	TAILQ_ENTRY(iw_id) pool_link;
	bool in_pool;

	/*
	 * What the records keep that have more to say: of an active id the Reply and
	 * InfiniBand's response, of a child the request and ESTABLISHED. Two share the
	 * private data. Whoever waits first has it: no peer says something after its
	 * response, and the outcome of an accept (a refusal, on InfiniBand) comes when
	 * the request has been handed out.
	 */
	struct iw_cm_conn_param params[2];
	uint8_t private_data[IW_CM_PRIVATE_DATA_MAX];
};

static inline struct iw_id *iw_id_of(struct iw_cm_id *id)
{
	return iw_container_of(id, struct iw_id, pub);
}

#endif
