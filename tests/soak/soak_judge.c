// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * What must hold for each connection, by what both ends wrote down. A kill
 * excuses the connections that it met, and no others.
 */
#include "tests/soak/soak.h"

#define TOLD 20
#define OUTCOMES (SEEN_ESTABLISHED | SEEN_REJECTED | SEEN_REFUSED | SEEN_FAILED)

struct case_of {
	const struct record *r;
	struct plan plan;
	uint32_t a, p; /* what the active and the passive end saw */
	bool sync, is_long;
	bool cut; /* by a kill */
};

static unsigned int bits(uint32_t set)
{
	return (unsigned int)__builtin_popcount(set);
}

/* ---- kills */

static bool was_killed(const struct record *r, enum side side)
{
	return r->seen[side] && book->procs[r->proc[side]].killed;
}

/* @role was away at some time from @from to @to. */
static bool was_away(unsigned int role, uint32_t from, uint32_t to)
{
	uint32_t gone = UINT32_MAX;

	for (unsigned int i = 0; i < PROCS && book->procs[i].pid; i++) {
		const struct proc *p = &book->procs[i];

		if (p->role != role)
			continue;
		if (gone <= to && p->ready_ms >= from)
			return true;
		gone = p->killed ? p->ended_ms : UINT32_MAX;
	}
	return gone <= to;
}

static unsigned int server_of(const struct case_of *c)
{
	if (c->p)
		return book->procs[c->r->proc[PASSIVE]].role;
	return c->is_long ? STEADY_SERVER + 1 : c->plan.server;
}

static bool was_cut(const struct case_of *c)
{
	const struct record *r = c->r;
	uint32_t to = c->a & SEEN_DONE ? r->done_ms : UINT32_MAX;

	if ((was_killed(r, ACTIVE) && !(c->a & SEEN_DONE)) ||
	    (was_killed(r, PASSIVE) && !(c->p & SEEN_DONE)))
		return true;
	return was_away(server_of(c), r->begun_ms, to);
}

/* ---- one end */

/* NULL: it is consistent. */
static const char *judge_end(uint32_t seen, bool killed)
{
	uint32_t outcome = seen & OUTCOMES;

	if (seen & SEEN_TWICE)
		return "an event that cannot come, or came twice";
	if (seen & SEEN_BAD)
		return "wrong bytes";
	if (!(seen & SEEN_DONE))
		return killed ? NULL : "never ended";
	if (bits(outcome) > 1 || (!outcome && !(seen & SEEN_GAVE_UP)))
		return "not exactly one outcome";
	if (outcome & SEEN_ESTABLISHED && bits(seen & (SEEN_DISCONNECTED | SEEN_GAVE_UP)) != 1)
		return "established, and not exactly one end";
	if (!(outcome & SEEN_ESTABLISHED) && seen & SEEN_DISCONNECTED)
		return "DISCONNECTED without ESTABLISHED";
	return NULL;
}

/* ---- both ends, where no kill came between */

static const char *judge_refused(const struct case_of *c)
{
	bool drop = c->plan.answer == ANSWER_DROP;
	uint32_t want = drop || c->sync ? SEEN_REFUSED : SEEN_REJECTED;

	if (!(c->a & want))
		return drop ? "the request was dropped, and no REJECTED came"
			    : "rejected, and no REJECTED with its private data came";
	if (!(c->p & (drop ? SEEN_GAVE_UP : SEEN_REJECTED)))
		return "the passive end did not refuse";
	return NULL;
}

static const char *judge_accepted(const struct case_of *c)
{
	enum ending ending = c->plan.ending;

	if (!(c->a & SEEN_ESTABLISHED) || !(c->a & SEEN_WORK_DONE))
		return "accepted, and not established, or its work not done";
	if (!(c->p & (SEEN_ESTABLISHED | SEEN_GAVE_UP)))
		return "the passive end is not established";
	if (!(c->a & SEEN_GAVE_UP) != (ending != END_CLIENT_DESTROYS))
		return "the active end ended in another way";
	if (!(c->p & SEEN_GAVE_UP) != (ending != END_SERVER_DESTROYS))
		return "the passive end ended in another way";
	return NULL;
}

static const char *judge_long(const struct case_of *c)
{
	uint32_t both = c->a & c->p;

	if (c->a & SEEN_GAVE_UP && !(c->a & SEEN_ESTABLISHED))
		return NULL; /* made again when the end came */
	if (!(both & SEEN_ESTABLISHED) || !(both & SEEN_WORK_DONE))
		return "a long connection broke";
	return NULL;
}

static const char *judge_pair(const struct case_of *c)
{
	if (c->is_long)
		return judge_long(c);
	if (c->plan.giving_up)
		return c->a & SEEN_GAVE_UP || c->a & (SEEN_REFUSED | SEEN_REJECTED) ||
				       c->a & SEEN_DISCONNECTED
			       ? NULL
			       : "gave up in another way";
	if (!c->p)
		return "no request came";
	if (c->plan.answer == ANSWER_REJECT || c->plan.answer == ANSWER_DROP)
		return judge_refused(c);
	return judge_accepted(c);
}

/* ---- all */

static struct case_of case_of(uint32_t number)
{
	const struct record *r = &book->records[number];
	struct case_of c = { .r = r, .a = r->seen[ACTIVE], .p = r->seen[PASSIVE] };

	c.sync = (c.a | c.p) & SEEN_SYNC;
	c.is_long = (c.a | c.p) & SEEN_LONG;
	c.plan = plan_of(number, c.sync);
	c.cut = was_cut(&c);
	return c;
}

static const char *judge(const struct case_of *c)
{
	const char *why = judge_end(c->a, was_killed(c->r, ACTIVE));

	if (!why && c->p)
		why = judge_end(c->p, was_killed(c->r, PASSIVE));
	if (!why && !c->cut)
		why = judge_pair(c);
	return why;
}

static void tell(const struct case_of *c, const char *why)
{
	const struct record *r = c->r;

	printf("# connection %u: %s: active %#x (process %u%s), passive %#x (process %u%s), "
	       "%u to %u ms, server %u%s, answer %u, giving up %u, ending %u\n",
	       c->plan.number, why, c->a, r->proc[ACTIVE], was_killed(r, ACTIVE) ? ", killed" : "",
	       c->p, r->proc[PASSIVE], was_killed(r, PASSIVE) ? ", killed" : "", r->begun_ms,
	       r->done_ms, server_of(c),
	       c->sync	    ? ", synchronous"
	       : c->is_long ? ", long"
			    : "",
	       c->plan.answer, c->plan.giving_up, c->plan.ending);
}

static enum fate fate_of(const struct case_of *c)
{
	if (c->cut && !(c->a & SEEN_WORK_DONE))
		return FATE_CUT;
	if (c->a & SEEN_REJECTED || (c->sync && c->plan.answer == ANSWER_REJECT))
		return FATE_REJECTED;
	if (c->a & SEEN_REFUSED)
		return FATE_DROPPED;
	if (!(c->a & SEEN_WORK_DONE))
		return FATE_GAVE_UP;
	return (c->a | c->p) & SEEN_GAVE_UP ? FATE_DESTROYED : FATE_WHOLE;
}

static enum kind_of kind_of(const struct case_of *c)
{
	if (c->is_long)
		return KIND_LONG;
	if (c->sync)
		return KIND_SYNC;
	return c->plan.door == DOOR_V6 ? KIND_V6 : KIND_V4;
}

/* Messages of a connection that ended in good order: as many came as were sent. */
static void judge_flow(const struct flow_book *f, struct verdict *v)
{
	bool whole = f->finished[ACTIVE] && f->finished[PASSIVE];

	for (int side = 0; side < SIDES; side++) {
		v->messages += f->received[side];
		v->bytes += f->bytes[side];
		if (f->received[side] > f->sent[!side] ||
		    (whole && f->received[side] != f->sent[!side])) {
			printf("# long connection %u: %llu sent, %llu received\n", f->number,
			       (unsigned long long)f->sent[!side],
			       (unsigned long long)f->received[side]);
			v->bad++;
		}
	}
	if (whole)
		v->whole_flows++;
	else
		v->cut_flows++;
}

struct verdict judge_all(void)
{
	uint32_t n = book->next_record < RECORDS ? book->next_record : RECORDS;
	struct verdict v = { 0 };

	for (uint32_t i = 0; i < n; i++) {
		struct case_of c;
		const char *why;

		if (!book->records[i].seen[ACTIVE])
			continue; /* its process was killed before it began */
		c = case_of(i);
		why = judge(&c);
		if (why && v.bad++ < TOLD)
			tell(&c, why);
		v.fates[kind_of(&c)][fate_of(&c)]++;
	}
	for (uint32_t i = 0; i < book->next_flow && i < FLOWS; i++)
		judge_flow(&book->flows[i], &v);
	return v;
}
