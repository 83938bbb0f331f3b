/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Scenarios: a start state, two or three actors, and in which world. The list
 * is made by rule (scenarios_list.c), the start states and actors are code
 * (scenarios.c).
 */
#ifndef IL_SCENARIOS_H
#define IL_SCENARIOS_H

#include "tests/interleave/world.h"

enum il_start {
	S_IDLE,		/* fresh */
	S_ENDED,	/* IDLE after a connection */
	S_LISTEN,	/* nothing has come */
	S_LISTEN_1,	/* a request is queued and unhandled */
	S_LISTEN_2,	/* two */
	S_RECV_HANDLER, /* CONN_RECV, the request is in the handler */
	S_RECV,		/* CONN_RECV, handed out */
	S_ACCEPTING,	/* CONN_RECV, accepted: ESTABLISHED is owed */
	S_SENT,		/* CONN_SENT, the driver's connect has returned */
	S_CANCELLED,	/* the same, and disconnect was called */
	S_RESPONDED,	/* InfiniBand without a QP: CONNECT_RESPONSE was delivered */
	S_UP,		/* ESTABLISHED, active */
	S_UP_PASSIVE,	/* ESTABLISHED, of a listener that lives on */
	S_QUEUED,	/* ESTABLISHED, the peer's close is queued and unhandled */
	S_CLOSING,	/* begun here */
	S_CLOSING_PEER, /* by the peer */
	S_MIGRATING,	/* ESTABLISHED, a migration is in the driver */
	S_DESTROYING,	/* destroy has begun and waits for the driver */
	S_GROUP,	/* IDLE, datagram, member of a group */
	S_N
};

enum il_act {
	/* the client */
	A_CONNECT,
	A_ACCEPT,
	A_REJECT,
	A_ESTABLISH,
	A_DISCONNECT,
	A_ABORT, /* disconnect, abrupt */
	A_DESTROY,
	A_DESTROY_LISTENER,
	A_MIGRATE,
	A_ATTACH,
	A_DETACH,
	A_MODIFY,
	A_LISTEN,
	A_RESOLVE,
	A_JOIN,
	A_LEAVE,
	/* the device */
	A_REQUEST,
	A_REPLY_OK,
	A_REPLY_FAIL,
	A_RESPONSE,
	A_ESTABLISHED,
	A_PEER,
	A_CLOSE,
	A_GONE,
	A_ADDR,
	A_NOTICE,
	A_MEMBER,
	/* a device that errs */
	A_TWICE,     /* a reply and an ESTABLISHED, each twice */
	A_BACKWARDS, /* CLOSE, DISCONNECT, CONNECT_REPLY */
	A_MALFORMED, /* private data without an address, a positive status */
	A_BURST,     /* CONNECT_REPLY, DISCONNECT, CLOSE whatever the state */
	A_N
};

#define IL_ACTS_MAX 3

/* What a driver may refuse, by choice. */
enum il_fails {
	FAIL_NOTHING,
	FAIL_OPS, /* all but */
	FAIL_QP,  /* modify_qp */
};

struct il_spec {
	char name[120];
	enum il_start start;
	enum il_act acts[IL_ACTS_MAX];
	unsigned int nacts;
	enum iw_cm_transport transport;
	bool pool; /* events are drained by the core's threads */
	bool qp;   /* one is attached from the beginning */
	enum il_fails fails;
	bool loose; /* the device errs: what it owes cannot be counted */
	bool deep;  /* too many for every day: --deep alone */
	enum w_on on;
};

extern const char *const il_start_names[S_N];
extern const char *const il_act_names[A_N];

/* All scenarios, in the order in which they are run. @n of them. */
const struct il_spec *il_specs(unsigned int *n);

/* struct il_scenario's: @arg is a struct il_spec. */
void il_scenario_run(const void *arg);
void il_scenario_check(const void *arg);

bool il_act_is_driver(enum il_act act);
/* Those of @spec, the one that its start state keeps running, and the core's thread. */
unsigned int il_nactors(const struct il_spec *spec);

#endif
