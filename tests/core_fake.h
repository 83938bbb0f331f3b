/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A driver in memory and a client, for the tests of the core.
 *
 * The driver writes down every op with a sequence number, can be told to fail
 * any op or to run a hook inside of it, and checks what the contract promises
 * to drivers: id_gone exactly once, no op after it, no lock held, never a QP
 * that is NULL or was detached. The client writes down every event and checks
 * that its handler never runs twice at once.
 */
#ifndef CORE_FAKE_H
#define CORE_FAKE_H

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/lock.h"
#include "iwcm-core/iw_cm.h"
#include "iwcm-core/iw_id.h"
#include "iwcm-core/iw_ref.h"

/* ------------------------------------------------------------------ driver */

enum fake_op {
	F_ID_NEW,
	F_ID_GONE,
	F_ABORT,
	F_BIND,
	F_RESOLVE_ADDR,
	F_RESOLVE_ROUTE,
	F_QUERY,
	F_SET_OPTION,
	F_NOTIFY,
	F_LISTEN,
	F_CONNECT,
	F_ACCEPT,
	F_REJECT,
	F_DISCONNECT,
	F_MODIFY_QP,
	F_MIGRATE,
	F_INIT_QP_ATTR,
	F_QUERY_PATH,
	F_RESOLVE_SERVICE,
	F_QUERY_SERVICE,
	F_ESTABLISH,
	F_JOIN,
	F_LEAVE,
	F_NOPS
};

struct fake_call {
	enum fake_op op;
	struct iw_cm_id *id;
	int arg;	  /* backlog, state, abrupt, QP state: whatever the op is about */
	const void *more; /* modify_qp: the parameters; join, leave: the membership */
};

#define FAKE_MAX_CALLS 256

struct fake {
	int fail[F_NOPS];				    /* error to return */
	void (*hook[F_NOPS])(struct iw_cm_id *id, int arg); /* runs inside the op, first */
	bool defer_put; /* id_gone does not put: fake_put_all() does */

	struct fake_call calls[FAKE_MAX_CALLS];
	unsigned int ncalls; /* may exceed the array: the rest is only counted */
	unsigned int count[F_NOPS];
	unsigned int violations;
	char why[128]; /* the first violation */
};

extern struct fake fake;
/* The same ops, drained by the poster or by the pool; tests may copy and change. */
extern const struct iw_cm_driver_ops fake_ops, fake_pool_ops;

/* A QP that knows whether it may be touched. */
struct fake_qp {
	unsigned int magic;
	enum iw_qp_state state;
	unsigned int transitions;
};

struct fake_qp *fake_qp_new(void);
/* Poisons and frees: whoever moves it later is caught. */
void fake_qp_free(struct fake_qp *qp);

/* The driver reports an event, with or without private data. */
int fake_post(struct iw_cm_id *id, enum iw_cm_event_type type, int status);
int fake_post_member(struct iw_cm_id *id, void *membership, int status);
/* A child that is not posted yet. */
int fake_child(struct iw_cm_id *listener, struct iw_cm_id **child);
/* A request arrives: child_new and CONNECT_REQUEST. The error of either. */
int fake_request(struct iw_cm_id *listener);
int fake_request_data(struct iw_cm_id *listener, const void *data, size_t len);
/* Drops what defer_put kept. */
void fake_put_all(void);
/* How often the driver heard id_gone for @id. */
unsigned int fake_gone_count(struct iw_cm_id *id);
/* Index in calls[] of the first @op at or after @from, or -1. */
int fake_find(enum fake_op op, unsigned int from);

/*
 * At the end of a test: every id freed, gone once and put once, no violation,
 * every class of reference at zero.
 */
void fake_check_end(void);

/* ------------------------------------------------------------------ client */

#define CLIENT_MAX_EVENTS 32

struct seen {
	enum iw_cm_event_type type;
	int status;
	struct iw_cm_conn_param param;
	void *membership;
	uint8_t data[IW_CM_PRIVATE_DATA_MAX];
};

struct client {
	struct iw_cm_id *id;
	unsigned int nevents; /* atomic */
	struct seen events[CLIENT_MAX_EVENTS];
	int inside; /* atomic: handlers running now */
	int ret;    /* what the handler returns */
	int (*on_event)(struct client *c, const struct iw_cm_event *ev); /* instead of ret */
	struct client *child; /* of the last request: made by the handler */
	void *arg;
};

struct client *client_new(const struct iw_cm_driver_ops *ops);
/* A client that is not told of yet: for the child of a request. */
struct client *client_bare(void);
int client_handler(struct iw_cm_id *id, const struct iw_cm_event *ev);
unsigned int client_count(struct client *c);
/* Events of one type that the client saw. */
unsigned int client_saw(struct client *c, enum iw_cm_event_type type);
/* Waits at most 10 s for @n events or for a condition to come true. */
bool client_wait(struct client *c, unsigned int n);
#define wait_for(cond)                         \
	({                                     \
		int left_ = 100000;            \
		while (!(cond) && left_-- > 0) \
			usleep(100);           \
		left_ > 0;                     \
	})
/* Destroys the id, if there is one, and frees the client. */
void client_free(struct client *c);

/* -------------------------------------------------------------- situations */

/* States of the contract, split where the past decides what is legal. */
enum situation {
	S_IDLE,
	S_ENDED, /* IDLE after a connection or an attempt */
	S_LISTEN,
	S_CONN_RECV,
	S_ACCEPTED, /* CONN_RECV after accept */
	S_CONN_SENT,
	S_ESTABLISHED,
	S_CLOSING,
	S_NSITUATIONS
};

extern const enum iw_cm_state state_of[S_NSITUATIONS];
extern const char *const situation_name[S_NSITUATIONS];

/* A client brought there. A passive one comes with a listener of its own. */
struct stage {
	struct client *c;
	struct client *listener; /* or NULL */
};

struct stage stage_set(enum situation s, const struct iw_cm_driver_ops *ops);
/* The same on an id of another transport. */
struct stage stage_set_on(enum iw_cm_transport transport, enum situation s,
			  const struct iw_cm_driver_ops *ops);
void stage_clear(struct stage *stage);

#endif
