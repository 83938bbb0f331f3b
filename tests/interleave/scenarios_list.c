// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Which scenarios there are. The rule: a set of actors makes sense in a start
 * state if each of them can do something there, or once another of the set has
 * acted; what is refused at once whoever acts first is left out. Two of the same
 * kind are a set, too.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "tests/interleave/scenarios.h"

#define B(act) (1ul << (act))

/* Can do something, or is refused by something worth a look, in any state. */
#define ANYWHERE (B(A_DESTROY) | B(A_MIGRATE) | B(A_GONE) | B(A_NOTICE))
#define ENDING (B(A_DISCONNECT) | B(A_ABORT))
#define QP (B(A_DETACH) | B(A_MODIFY) | B(A_ATTACH))
#define OUTCOME (B(A_REPLY_OK) | B(A_REPLY_FAIL) | B(A_RESPONSE))
#define LIVE (ENDING | B(A_PEER) | B(A_CLOSE))

static const unsigned long begins[S_N] = {
	[S_IDLE] = ANYWHERE | QP | B(A_CONNECT) | B(A_LISTEN) | B(A_RESOLVE),
	[S_ENDED] = ANYWHERE | QP | B(A_CONNECT) | B(A_DISCONNECT),
	[S_LISTEN] = ANYWHERE | B(A_REQUEST),
	[S_LISTEN_1] = ANYWHERE | B(A_REQUEST),
	[S_LISTEN_2] = ANYWHERE | B(A_REQUEST),
	[S_RECV_HANDLER] =
		ANYWHERE | B(A_ACCEPT) | B(A_REJECT) | B(A_DESTROY_LISTENER) | B(A_ATTACH),
	[S_RECV] = ANYWHERE | QP | B(A_ACCEPT) | B(A_REJECT) | B(A_DESTROY_LISTENER),
	[S_ACCEPTING] = ANYWHERE | QP | ENDING | B(A_ESTABLISHED) | B(A_REPLY_FAIL) | B(A_ACCEPT) |
			B(A_REJECT) | B(A_DESTROY_LISTENER),
	[S_SENT] = ANYWHERE | QP | ENDING | OUTCOME | B(A_CONNECT),
	[S_CANCELLED] = ANYWHERE | QP | ENDING | B(A_REPLY_FAIL),
	[S_RESPONDED] = ANYWHERE | ENDING | B(A_ESTABLISH) | B(A_REJECT) | B(A_ATTACH),
	[S_UP] = ANYWHERE | QP | LIVE,
	[S_UP_PASSIVE] = ANYWHERE | LIVE | B(A_DESTROY_LISTENER),
	[S_QUEUED] = ANYWHERE | QP | ENDING,
	[S_CLOSING] = ANYWHERE | QP | ENDING | B(A_CLOSE),
	[S_CLOSING_PEER] = ANYWHERE | QP | ENDING | B(A_CLOSE),
	[S_MIGRATING] = ANYWHERE | QP | LIVE,
	[S_DESTROYING] = B(A_DESTROY) | B(A_MIGRATE) | B(A_DETACH) | ENDING | B(A_CONNECT) |
			 B(A_BURST) | B(A_NOTICE),
	[S_GROUP] = ANYWHERE | B(A_JOIN) | B(A_LEAVE) | B(A_MEMBER) | B(A_CONNECT),
};

/* What another one's act makes possible. */
static const unsigned long enables[A_N] = {
	[A_CONNECT] = OUTCOME | ENDING,
	[A_ACCEPT] = B(A_ESTABLISHED) | B(A_REPLY_FAIL) | B(A_CONNECT) | ENDING,
	[A_REJECT] = B(A_CONNECT),
	[A_REPLY_OK] = LIVE,
	[A_ESTABLISHED] = LIVE,
	[A_RESPONSE] = B(A_ESTABLISH) | B(A_REJECT) | B(A_CLOSE),
	[A_ESTABLISH] = LIVE,
	[A_LISTEN] = B(A_REQUEST),
	[A_RESOLVE] = B(A_ADDR),
	[A_CLOSE] = B(A_CONNECT),
	[A_REPLY_FAIL] = B(A_CONNECT),
	[A_JOIN] = B(A_MEMBER) | B(A_LEAVE),
};

/* Events that the handler hears, so that what it does then matters. */
#define HEARD (B(A_REPLY_OK) | B(A_REPLY_FAIL) | B(A_RESPONSE) | B(A_ESTABLISHED) | B(A_CLOSE))

struct kind {
	enum iw_cm_transport transport;
	bool pool, qp;
	enum il_fails fails;
	unsigned long starts;
};

#define INFINIBAND_STARTS                                                                 \
	(B(S_ENDED) | B(S_RECV) | B(S_ACCEPTING) | B(S_SENT) | B(S_CANCELLED) | B(S_UP) | \
	 B(S_UP_PASSIVE) | B(S_QUEUED) | B(S_CLOSING) | B(S_CLOSING_PEER))
#define ALL_STARTS (B(S_N) - 1 - B(S_GROUP) - B(S_RESPONDED))

static const struct kind kinds[] = {
	{ IW_CM_IWARP, false, true, FAIL_QP, ALL_STARTS },
	{ IW_CM_IWARP, true, true, FAIL_NOTHING, ALL_STARTS },
	{ IW_CM_INFINIBAND, false, true, FAIL_QP, INFINIBAND_STARTS },
	{ IW_CM_IWARP, false, false, FAIL_OPS, ALL_STARTS },
	{ IW_CM_INFINIBAND, false, false, FAIL_OPS, INFINIBAND_STARTS | B(S_RESPONDED) },
	{ IW_CM_INFINIBAND, true, true, FAIL_NOTHING, INFINIBAND_STARTS },
	{ IW_CM_DATAGRAM, false, false, FAIL_OPS, B(S_IDLE) | B(S_SENT) | B(S_RECV) | B(S_GROUP) },
	{ IW_CM_DATAGRAM, true, true, FAIL_NOTHING, B(S_SENT) | B(S_RECV) | B(S_GROUP) },
};

static struct il_spec *list;
static unsigned int nlist, room;

static const char *const transports[] = { "iwarp", "ib", "ud" };
static const char *const fails[] = { "", "-fails", "-qpfails" };
static const char *const ons[ON_N] = {
	"",	      "/on-nonzero", "/on-destroy", "/on-disconnect",	    "/on-migrate",
	"/on-detach", "/on-accept",  "/on-reject",  "/on-destroy-listener",
};

/* ----------------------------------------------------------------- the list */

static unsigned long acts_of(const struct il_spec *spec)
{
	unsigned long acts = 0;

	for (unsigned int i = 0; i < spec->nacts; i++)
		acts |= B(spec->acts[i]);
	return acts;
}

static void name_it(struct il_spec *spec)
{
	int n = snprintf(spec->name, sizeof(spec->name), "%s-%s%s%s/%s/",
			 transports[spec->transport], spec->pool ? "pool" : "inline",
			 spec->qp ? "-qp" : "", fails[spec->fails], il_start_names[spec->start]);

	for (unsigned int i = 0; i < spec->nacts; i++)
		n += snprintf(spec->name + n, sizeof(spec->name) - (size_t)n, "%s%s", i ? "+" : "",
			      il_act_names[spec->acts[i]]);
	snprintf(spec->name + n, sizeof(spec->name) - (size_t)n, "%s", ons[spec->on]);
}

static void add(struct il_spec spec)
{
	struct il_spec *more;

	if (nlist == room) {
		room = room ? 2 * room : 1024;
		more = realloc(list, room * sizeof(*list));
		if (!more) {
			perror("scenarios");
			exit(99);
		}
		list = more;
	}
	name_it(&spec);
	list[nlist++] = spec;
}

/* What the transport and the QP have no use for. */
static unsigned long useless(const struct il_spec *spec)
{
	unsigned long acts = 0;

	if (!spec->qp)
		acts |= B(A_DETACH) | B(A_MODIFY);
	if (spec->transport != IW_CM_INFINIBAND)
		acts |= B(A_RESPONSE) | B(A_ESTABLISH);
	if (spec->transport != IW_CM_IWARP)
		acts |= B(A_NOTICE) | B(A_ADDR) | B(A_RESOLVE) | B(A_LISTEN);
	if (spec->transport == IW_CM_INFINIBAND)
		acts |= B(A_REPLY_OK);
	if (spec->transport == IW_CM_DATAGRAM)
		acts |= B(A_ESTABLISHED) | B(A_PEER) | B(A_CLOSE);
	return acts;
}

static bool makes_sense(const struct il_spec *spec)
{
	unsigned long acts = acts_of(spec), can = begins[spec->start], last;

	if (acts & useless(spec))
		return false;
	do {
		last = can;
		for (unsigned int i = 0; i < spec->nacts; i++)
			if (can & B(spec->acts[i]))
				can |= enables[spec->acts[i]];
	} while (can != last);
	return !(acts & ~can);
}

/* What the handler does with what it is told, where somebody tells. */
static void add_reactions(struct il_spec spec)
{
	bool request = acts_of(&spec) & B(A_REQUEST);

	if (spec.transport == IW_CM_DATAGRAM || (spec.pool && spec.transport != IW_CM_IWARP))
		return;
	if (!request && !(acts_of(&spec) & HEARD) && spec.start != S_QUEUED)
		return;
	spec.fails = FAIL_NOTHING;
	for (spec.on = ON_NONZERO; spec.on < ON_N; spec.on++) {
		bool of_request = spec.on >= ON_ACCEPT;

		if (request ? !of_request && spec.on > ON_DESTROY : of_request)
			continue;
		if (spec.on == ON_DETACH && !spec.qp)
			continue;
		add(spec);
	}
}

static void add_pairs(const struct kind *kind)
{
	struct il_spec spec = { .transport = kind->transport,
				.pool = kind->pool,
				.qp = kind->qp,
				.fails = kind->fails,
				.nacts = 2 };

	for (spec.start = 0; spec.start < S_N; spec.start++)
		for (spec.acts[0] = 0; spec.acts[0] < A_TWICE; spec.acts[0]++)
			for (spec.acts[1] = spec.acts[0]; spec.acts[1] < A_TWICE; spec.acts[1]++) {
				if (!(kind->starts & B(spec.start)) || !makes_sense(&spec))
					continue;
				spec.on = ON_NOTHING;
				add(spec);
				add_reactions(spec);
			}
}

/* A device that errs, against each call and against another that does. */
static void add_errors(const struct kind *kind)
{
	static const enum il_act others[] = { A_CONNECT, A_ACCEPT,  A_REJECT,	A_DISCONNECT,
					      A_DESTROY, A_MIGRATE, A_TWICE,	A_BACKWARDS,
					      A_BURST,	 A_GONE,    A_MALFORMED };
	struct il_spec spec = { .transport = kind->transport,
				.pool = kind->pool,
				.qp = kind->qp,
				.loose = true,
				.nacts = 2 };

	for (spec.start = 0; spec.start < S_N; spec.start++)
		for (spec.acts[0] = A_TWICE; spec.acts[0] < A_N; spec.acts[0]++)
			for (unsigned int i = 0; i < IW_ARRAY_SIZE(others); i++) {
				spec.acts[1] = others[i];
				if (spec.start == S_LISTEN_1 || spec.start == S_LISTEN_2 ||
				    !(kind->starts & B(spec.start)))
					continue;
				add(spec);
			}
}

static void add_triples(const struct kind *kind)
{
	struct il_spec spec = {
		.transport = kind->transport, .pool = kind->pool, .qp = kind->qp, .nacts = 3
	};
	enum il_act *acts = spec.acts;

	for (spec.start = 0; spec.start < S_N; spec.start++) {
		if (!(kind->starts & B(spec.start)))
			continue;
		for (acts[0] = 0; acts[0] < A_TWICE; acts[0]++)
			for (acts[1] = acts[0] + 1; acts[1] < A_TWICE; acts[1]++)
				for (acts[2] = acts[1] + 1; acts[2] < A_TWICE; acts[2]++)
					if (makes_sense(&spec))
						add(spec);
	}
}

const struct il_spec *il_specs(unsigned int *n)
{
	if (!list) {
		for (unsigned int i = 0; i < IW_ARRAY_SIZE(kinds); i++)
			add_pairs(&kinds[i]);
		add_errors(&kinds[0]);
		add_errors(&kinds[2]);
		for (unsigned int i = 0; i < IW_ARRAY_SIZE(kinds); i++)
			add_triples(&kinds[i]);
	}
	*n = nlist;
	return list;
}
