/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The world around the core in one schedule: a driver with its device, a client
 * with its handler, and what each of them has seen. Scenarios put actors into
 * it (scenarios.c); what must hold is asked where it can break: in the ops
 * (world.c), in the handler (world_client.c), and at the end (invariants.c).
 *
 * All that is known of one id is read and written at points of its record, so
 * that the explorer knows which steps depend on each other.
 */
#ifndef IL_WORLD_H
#define IL_WORLD_H

#include <stdbool.h>

#include "base/lock.h"
#include "iwcm-core/iw_cm.h"
#include "tests/interleave/sched.h"

/* Of what the client rejects; the core's own rejections have reason 0. */
#define W_REASON_CLIENT 28

/* What the device knows of an id's connection. */
enum w_link {
	L_NONE,	     /* nothing, or it is over */
	L_LISTEN,    /* listens */
	L_ASKED,     /* a request has come in, nobody has answered it */
	L_TRYING,    /* connect: CONNECT_REPLY is owed */
	L_ACCEPTED,  /* accept: ESTABLISHED is owed */
	L_RESPONDED, /* InfiniBand: the peer has accepted, we have not completed */
	L_UP,	     /* data flows */
	L_CLOSING,   /* we close: CLOSE is owed */
	L_PEER,	     /* the peer closes: CLOSE is owed */
};

/* What the handler does when it is told of the target's connection. */
enum w_on {
	ON_NOTHING,
	ON_NONZERO,    /* returns non-zero: the core destroys the id */
	ON_DESTROY,    /* calls destroy */
	ON_DISCONNECT, /* calls disconnect */
	ON_MIGRATE,    /* calls migrate, which must refuse */
	ON_DETACH,     /* calls qp_detach */
	ON_ACCEPT,     /* of a request: accepts inside */
	ON_REJECT,     /* of a request: rejects inside */
	ON_PARENT,     /* of a request: destroys the listener inside */
	ON_N
};

/* A QP of the client; lives to the end of the schedule, the core may not use it after detach. */
struct w_qp {
	unsigned int may_be; /* states it may be in as the core knows it, as bits */
	unsigned int told;   /* by the device, and perhaps not heard yet */
	unsigned int moving; /* transitions in flight */
	bool attached, detached;
};

#define W_QPS 5 /* one, and one for each actor that attaches */
#define W_IDS 6
#define W_MEMBER ((void *)&w.membership)

struct w_id {
	/*
	 * What the driver serialises by: it changes @link and appends the event
	 * that says so under this lock. Also the object of all points of this id.
	 */
	struct iw_lock lock;
	struct iw_cm_id *id; /* constant once it is made */
	const char *name;
	bool used;
	bool child; /* of a request: the client's once it was handed out */

	/* The driver's. */
	enum w_link link;
	bool posting;	    /* the outcome of the attempt was posted */
	bool in_attempt;    /* its connect or accept runs */
	bool uncancelled;   /* its disconnect refused to, after connect or accept returned */
	bool cancelled;	    /* its disconnect said that it would cancel */
	bool resolving;	    /* ADDR is owed */
	bool joined;	    /* MULTICAST may be posted */
	bool moving;	    /* between migrate and moved */
	bool device_gone;   /* was posted */
	unsigned int ops;   /* in flight */
	unsigned int users; /* threads that use the id */
	unsigned int gone, put;
	unsigned int said; /* events posted, in the order of the lock */
	unsigned int decided;
	unsigned int migrations;
	unsigned int turned_down; /* requests, by reject of the client's */
	unsigned int calls;	  /* connect and accept */
	unsigned int ups;	  /* establish */
	unsigned int aborts;
	bool was_connected; /* when it was aborted */
	bool closed_here;   /* disconnect of this connection was called */
	bool completing;    /* its establish runs */
	bool leaving;	    /* its leave was called, and no join since */
	bool queued;	    /* child: its request was posted */

	/* The client's. */
	unsigned int inside;   /* handlers that run */
	unsigned int heard;    /* @said of the last event */
	unsigned int begun;    /* connect and accept called */
	unsigned int outcomes; /* of attempts, told */
	unsigned int made;     /* connections told */
	unsigned int closes;
	unsigned int goodbyes; /* DEVICE_GONE told */
	bool handed;	       /* child: its request handler has begun */
	bool requested;	       /* child: its request handler has returned */
	bool doomed;	       /* by the handler: no other event */
	bool lost;	       /* destroy: somebody else was first */
	bool returned;	       /* destroy has */
	bool left;	       /* the group: no event of it */
	bool acted;	       /* the handler has done what the scenario wants */
	struct w_qp qps[W_QPS];

	/* What its calls returned, read when all have ended: sums, in any order. */
	unsigned int attempts;	/* connect or accept: 0 */
	unsigned int refused;	/* reject: 0, of requests and responses */
	unsigned int completed; /* establish: 0 */
	unsigned int given_up;	/* disconnect: 0 */

	/* disconnect and @calls, now and before the actors started. */
	unsigned int ends, ends_before, calls_before;
};

struct il_spec; /* scenarios.h */

struct world {
	const struct il_spec *spec;
	struct w_id ids[W_IDS];
	struct w_id *target, *listener;
	bool was_up;	      /* there is a connection when the actors start */
	bool qp_is_the_cores; /* no actor and no handler has to do with it */
	bool calm;	      /* while the start state is built and in the end: no op fails */
	char membership;
};

extern struct world w;
extern const struct iw_cm_driver_ops w_ops, w_pool_ops;

/* The record of @id; unknown: a violation. */
struct w_id *w_find(struct iw_cm_id *id);
/* Makes an id; of a schedule that has one actor yet. */
struct w_id *w_create(struct w_id *wid, const char *name);

/* ---------------------------------------------------- the device (world_device.c) */

enum w_event {
	E_REQUEST,
	E_REPLY_OK,
	E_REPLY_FAIL,
	E_RESPONSE,
	E_ESTABLISHED,
	E_DISCONNECT,
	E_CLOSE,
	E_GONE,
	E_ADDR,
	E_NOTICE,
	E_MEMBER,
	E_N
};

/*
 * The device does @event to @wid, if what it knows allows that: changes the link
 * and posts. Whoever calls is a thread of the driver: counted in wid->users.
 */
void w_device(struct w_id *wid, enum w_event event);
/* The same in two halves. True: w_drain() is owed. */
bool w_device_append(struct w_id *wid, enum w_event event);
/* A request for the listener: @child is its record. */
bool w_request_append(struct w_id *listener, struct w_id *child);
void w_request(struct w_id *listener, struct w_id *child);
/* A thread of the driver is done with the id: the last one after id_gone puts the reference. */
void w_user_end(struct w_id *wid);
/* Posts what no device would: @n of these, without looking. */
void w_raw(struct w_id *wid, const struct iw_cm_event *evs, unsigned int n);

/* The actors begin: what is counted from here on is theirs. */
void w_actors_start(void);
/* The connection, or the attempt, is over: nothing moves the QP any more. */
void w_check_qp_over(const struct w_id *wid, const char *when);

/* ---------------------------------------------------- the client (world_client.c) */

int w_handler(struct iw_cm_id *id, const struct iw_cm_event *ev);
void w_connect(struct w_id *wid);
void w_accept(struct w_id *wid);
void w_reject(struct w_id *wid);
void w_establish(struct w_id *wid);
void w_disconnect(struct w_id *wid, bool abrupt);
void w_destroy(struct w_id *wid);
void w_migrate(struct w_id *wid);
void w_attach(struct w_id *wid);
void w_detach(struct w_id *wid);
void w_modify(struct w_id *wid, enum iw_qp_state to);
void w_listen(struct w_id *wid);
void w_resolve(struct w_id *wid);
void w_join(struct w_id *wid);
void w_leave(struct w_id *wid);
/* The client keeps the memory of the id while it may call, whoever destroys it meanwhile. */
void w_keep(struct w_id *wid);
void w_unkeep(struct w_id *wid);

/* ---------------------------------------------------- the end (invariants.c) */

/* All actors have ended: the device gives what it owes, then all is counted and destroyed. */
void w_settle(void);
/* After the schedule. */
void w_check_end(void);

#endif
