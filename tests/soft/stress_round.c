// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* A round: random work from both ends of a pair at once, and its verification. */
#include "tests/soft/stress.h"

#include <errno.h>
#include <sys/param.h>

static void fill(char *to, uint32_t len, uint32_t seed)
{
	for (uint32_t i = 0; i < len; i++)
		to[i] = (char)(seed + i * 7 + (i >> 8));
}

static void verify(const char *at, const struct slot *s, const char *what)
{
	for (uint32_t i = 0; i < s->len; i++)
		if (at[i] != (char)(s->seed + i * 7 + (i >> 8)))
			fail("%s of %u bytes is wrong at %u", what, s->len, i);
}

/* Round, pair, end, receive or send, slot. */
static uint64_t wr_id(const struct worker *w, const struct pair *p, int end, bool recv,
		      unsigned int slot)
{
	return (uint64_t)p->round << 32 | (uint64_t)(p - w->pairs) << 16 | (uint64_t)end << 9 |
	       (uint64_t)recv << 8 | slot;
}

static uint32_t random_length(uint32_t *seed)
{
	static const uint32_t most[] = { 0, 1, 64, 300, 1500, 9000, 40000, SLOT_SIZE };

	return next_random(seed) % (most[next_random(seed) % 8] + 1);
}

static void plan(struct worker *w, struct end *e, struct end *peer)
{
	for (unsigned int i = 0; i < SLOTS; i++) {
		struct slot *s = &e->slots[i];

		s->job = i + 1 < SLOTS ? (enum job)(next_random(&w->seed) % NJOBS) : JOB_SEND;
		s->len = random_length(&w->seed);
		s->seed = next_random(&w->seed);
		s->receive =
			s->job == JOB_SEND || s->job == JOB_SEND_IMM || s->job == JOB_WRITE_IMM;
		if (s->job == JOB_FETCH_ADD || s->job == JOB_CMP_SWAP) {
			s->len = 8;
			s->old = s->seed * 3ull;
			memcpy(out_area(peer, i), &s->old, 8);
		} else if (s->job == JOB_READ) {
			fill(out_area(peer, i), s->len, s->seed);
		}
	}
}

static void post_receives(struct worker *w, struct pair *p, int n, const struct end *from)
{
	struct end *e = &p->end[n];

	e->next_receive = 0;
	for (unsigned int i = 0; i < SLOTS; i++) {
		struct ibv_sge sge = { .addr = (uintptr_t)in_area(e, i),
				       .length = SLOT_SIZE,
				       .lkey = e->mr->lkey };
		struct ibv_recv_wr wr = { .wr_id = wr_id(w, p, n, true, i),
					  .sg_list = &sge,
					  .num_sge = 1 },
				   *bad;

		if (!from->slots[i].receive)
			continue;
		if (ibv_post_recv(e->id->qp, &wr, &bad))
			p->broken = true;
		e->receives_due++;
	}
}

static void describe(struct end *e, struct end *peer, unsigned int i, struct ibv_send_wr *wr)
{
	const struct slot *s = &e->slots[i];

	switch (s->job) {
	case JOB_SEND_IMM:
		wr->opcode = IBV_WR_SEND_WITH_IMM;
		wr->imm_data = s->seed;
		break;
	case JOB_WRITE:
		wr->opcode = IBV_WR_RDMA_WRITE;
		break;
	case JOB_WRITE_IMM:
		wr->opcode = IBV_WR_RDMA_WRITE_WITH_IMM;
		wr->imm_data = s->seed;
		break;
	case JOB_READ:
		wr->opcode = IBV_WR_RDMA_READ;
		wr->wr.rdma.remote_addr = (uintptr_t)out_area(peer, i);
		return;
	case JOB_FETCH_ADD:
		wr->opcode = IBV_WR_ATOMIC_FETCH_AND_ADD;
		wr->wr.atomic.compare_add = s->seed;
		return;
	case JOB_CMP_SWAP:
		wr->opcode = IBV_WR_ATOMIC_CMP_AND_SWP;
		wr->wr.atomic.compare_add = s->old;
		wr->wr.atomic.swap = s->seed;
		return;
	default:
		wr->opcode = IBV_WR_SEND;
	}
	wr->wr.rdma.remote_addr = (uintptr_t)target_area(peer, i);
}

/* All that an end has in a round goes as one list. */
static void post_sends(struct worker *w, struct pair *p, int n)
{
	struct end *e = &p->end[n], *peer = &p->end[!n];
	struct ibv_send_wr wr[SLOTS], *bad, *first = NULL, **link = &first;
	struct ibv_sge sge[SLOTS][2];

	memset(wr, 0, sizeof(wr));
	for (unsigned int i = 0; i < SLOTS; i++) {
		const struct slot *s = &e->slots[i];
		bool inbound = s->job == JOB_READ || s->job >= JOB_FETCH_ADD;
		char *at = inbound ? read_area(e, i) : source_area(e, i);
		uint32_t half = s->len / 3;

		if (s->job == JOB_NONE)
			continue;
		if (!inbound)
			fill(at, s->len, s->seed);
		sge[i][0] = (struct ibv_sge){ (uintptr_t)at, half, e->mr->lkey };
		sge[i][1] = (struct ibv_sge){ (uintptr_t)at + half, s->len - half, e->mr->lkey };
		if (s->job >= JOB_FETCH_ADD)
			sge[i][0] = (struct ibv_sge){ (uintptr_t)at, 8, e->mr->lkey };
		wr[i].wr_id = wr_id(w, p, n, false, i);
		wr[i].sg_list = sge[i];
		wr[i].num_sge = s->job >= JOB_FETCH_ADD ? 1 : 2;
		wr[i].send_flags = IBV_SEND_SIGNALED;
		if (!inbound && s->len <= 64 && s->seed & 1)
			wr[i].send_flags |= IBV_SEND_INLINE;
		if (s->seed & 2 && s->job != JOB_READ)
			wr[i].send_flags |= IBV_SEND_FENCE;
		describe(e, peer, i, &wr[i]);
		if (s->job >= JOB_FETCH_ADD) {
			wr[i].wr.atomic.remote_addr = (uintptr_t)out_area(peer, i);
			wr[i].wr.atomic.rkey = peer->mr->rkey;
		} else {
			wr[i].wr.rdma.rkey = peer->mr->rkey;
		}
		*link = &wr[i];
		link = &wr[i].next;
		e->sends_due++;
	}
	if (ibv_post_send(e->id->qp, first, &bad))
		p->broken = true;
}

void round_begin(struct worker *w, struct pair *p)
{
	p->round++;
	p->in_round = true;
	for (int e = 0; e < 2; e++) {
		p->end[e].sends_due = p->end[e].receives_due = 0;
		plan(w, &p->end[e], &p->end[!e]);
	}
	for (int e = 0; e < 2; e++)
		post_receives(w, p, e, &p->end[!e]);
	for (int e = 0; e < 2; e++)
		post_sends(w, p, e);
}

/* The slot of the peer's that the next receive belongs to. */
static unsigned int next_received(struct end *e, const struct end *from)
{
	while (!from->slots[e->next_receive].receive)
		e->next_receive++;
	return e->next_receive++;
}

static void check_receive(struct end *e, const struct end *from, const struct ibv_wc *wc)
{
	unsigned int i = next_received(e, from);
	const struct slot *s = &from->slots[i];
	bool imm = s->job == JOB_SEND_IMM || s->job == JOB_WRITE_IMM;

	if (i != (wc->wr_id & 0xff))
		fail("receive %u completed in place of %u", (unsigned int)(wc->wr_id & 0xff), i);
	if (wc->opcode != (s->job == JOB_WRITE_IMM ? IBV_WC_RECV_RDMA_WITH_IMM : IBV_WC_RECV))
		fail("receive with opcode %d for job %d", wc->opcode, s->job);
	if (wc->byte_len != s->len)
		fail("received %u bytes, not %u (job %d)", wc->byte_len, s->len, s->job);
	if (imm != !!(wc->wc_flags & IBV_WC_WITH_IMM) || (imm && wc->imm_data != s->seed))
		fail("immediate data of job %d", s->job);
	if (s->job != JOB_WRITE_IMM)
		verify(in_area(e, i), s, "a Send");
}

static uint64_t word(const char *at)
{
	uint64_t v;

	memcpy(&v, at, 8);
	return v;
}

/* All of the round has completed: what was written, read and added. */
static void check_end(const struct end *e, const struct end *peer)
{
	for (unsigned int i = 0; i < SLOTS; i++) {
		const struct slot *s = &e->slots[i];

		switch (s->job) {
		case JOB_WRITE:
		case JOB_WRITE_IMM:
			verify(target_area(peer, i), s, "a Write");
			break;
		case JOB_READ:
			verify(read_area(e, i), s, "a Read");
			break;
		case JOB_FETCH_ADD:
		case JOB_CMP_SWAP:
			if (word(read_area(e, i)) != s->old)
				fail("an atomic found another value");
			if (word(out_area(peer, i)) !=
			    (s->job == JOB_CMP_SWAP ? s->seed : s->old + s->seed))
				fail("an atomic left another value");
			break;
		default:
			break;
		}
	}
}

void round_completion(struct worker *w, struct pair *p, const struct ibv_wc *wc)
{
	struct end *e = &p->end[wc->wr_id >> 9 & 1], *peer = &p->end[!(wc->wr_id >> 9 & 1)];

	if (wc->wr_id & 0x100) {
		check_receive(e, peer, wc);
		e->receives_due--;
	} else {
		e->sends_due--;
	}
	if (e->sends_due || e->receives_due || peer->sends_due || peer->receives_due)
		return;
	p->in_round = false;
	check_end(e, peer);
	check_end(peer, e);
	w->rounds++;
	for (int n = 0; n < 2; n++)
		for (unsigned int i = 0; i < SLOTS; i++)
			w->bytes += p->end[n].slots[i].len;
}
