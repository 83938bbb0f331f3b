// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Long connections: messages in both directions whose order and bytes are
 * checked, answers to each, Writes that are read back. One thread, one channel
 * and one CQ a process; both ends run the same loop.
 *
 * A message is sent if fewer than WINDOW are unanswered, and received into one of
 * RECEIVES buffers, so that no peer finds none.
 */
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "tests/soak/soak_end.h"

#define SLOTS 64
#define WINDOW 4
#define RECEIVES 16
#define ANSWERS 32
#define CHUNK (16u << 10)
#define AGAIN_MS 300 /* until a connection that has gone is made again */
#define GAP_MS 30    /* between two messages, at most */

enum kind {
	KIND_DATA,
	KIND_ANSWER,
	KIND_FINISH
};

struct head {
	uint32_t kind, flow, len, unused;
	uint64_t seq; /* of the data; KIND_FINISH: how many there were */
};
struct data {
	struct head head;
	uint8_t bytes[CHUNK];
};

struct flow_memory {
	struct data in[RECEIVES], out[WINDOW];
	struct head answers[ANSWERS];
	uint8_t area[CHUNK], source[CHUNK], back[CHUNK];
};

/* What is due for the request to finish of its own (said) and of the peer's (heard). */
struct flow {
	bool used, up, said, heard, over;
	unsigned int server;
	uint32_t number, index, generation;
	enum side side;
	struct rdma_cm_id *id;
	struct ibv_mr *mr;
	struct flow_memory *memory;
	struct offer offer;
	uint64_t sent, answered, received, written, dice;
	unsigned int next_answer;
	bool writing;
	uint32_t next_ms, since_ms;
	const char *doing;
};

/* Who is connected: the private data. */
struct greeting {
	uint32_t number, index;
};

static struct flow flows[SLOTS];
static struct rdma_event_channel *channel;
static struct ibv_comp_channel *comp;
static struct ibv_cq *cq;

static struct flow_book *book_of(const struct flow *f)
{
	return &book->flows[f->index];
}

static void progress(struct flow *f, const char *waits_for)
{
	f->since_ms = life_ms();
	f->doing = waits_for;
}

/* ---- flows */

static struct flow *new_flow(enum side side, const struct greeting *g)
{
	struct flow *f = flows;
	uint32_t generation;

	while (f < flows + SLOTS && f->used)
		f++;
	if (f == flows + SLOTS)
		fail("more long connections than the clients have");
	generation = f->generation + 1;
	*f = (struct flow){ .used = true,
			    .side = side,
			    .number = g->number,
			    .index = g->index,
			    .generation = generation,
			    .dice = book->seed ^ ((uint64_t)g->number << 1 | side) };
	f->memory = malloc(sizeof(*f->memory));
	if (!f->memory)
		fail("malloc");
	progress(f, "begin");
	atomic_add(&book->procs[self].ends, 1);
	book_begin(f->number, side, SEEN_LONG);
	return f;
}

static void end_flow(struct flow *f, uint32_t seen)
{
	f->doing = "rdma_destroy_id";
	if (f->id->qp)
		rdma_destroy_qp(f->id);
	if (rdma_destroy_id(f->id))
		fail("rdma_destroy_id: %m");
	if (f->mr && ibv_dereg_mr(f->mr))
		fail("ibv_dereg_mr: %m");
	free(f->memory);
	book_see(f->number, f->side, seen);
	book_done(f->number, f->side);
	atomic_add(&book->procs[self].ends, -1);
	f->used = false;
}

static uint64_t wr_id_of(const struct flow *f, unsigned int i, bool send)
{
	return (uint64_t)f->generation << 32 | (uint64_t)(f - flows) << 8 | i << 1 | send;
}

static void post_receive(struct flow *f, unsigned int i)
{
	struct ibv_sge sge = { (uintptr_t)&f->memory->in[i], sizeof(struct data), f->mr->lkey };
	struct ibv_recv_wr wr = { .wr_id = wr_id_of(f, i, false), .sg_list = &sge, .num_sge = 1 };
	struct ibv_recv_wr *bad;
	int rc = ibv_post_recv(f->id->qp, &wr, &bad);

	if (rc)
		fail("ibv_post_recv: %s", strerror(rc));
}

static void post(struct flow *f, struct ibv_send_wr *wr, const void *local, uint32_t len)
{
	struct ibv_sge sge = { (uintptr_t)local, len, f->mr->lkey };
	struct ibv_send_wr *bad;
	int rc;

	wr->sg_list = &sge;
	wr->num_sge = 1;
	wr->send_flags = IBV_SEND_SIGNALED;
	rc = ibv_post_send(f->id->qp, wr, &bad);
	if (rc)
		fail("ibv_post_send: %s", strerror(rc));
}

static void open_cq(struct ibv_context *verbs)
{
	if (cq)
		return;
	comp = ibv_create_comp_channel(verbs);
	cq = comp ? ibv_create_cq(verbs, 1 << 14, NULL, comp, 0) : NULL;
	if (!cq || ibv_req_notify_cq(cq, 0))
		fail("ibv_create_cq: %m");
}

static void open_flow(struct flow *f)
{
	struct ibv_qp_init_attr attr = {
		.cap = { .max_send_wr = 2 * ANSWERS,
			 .max_recv_wr = RECEIVES,
			 .max_send_sge = 1,
			 .max_recv_sge = 1 },
		.qp_type = IBV_QPT_RC,
	};

	open_cq(f->id->verbs);
	attr.send_cq = attr.recv_cq = cq;
	if (rdma_create_qp(f->id, NULL, &attr))
		fail("rdma_create_qp: %m");
	f->mr = ibv_reg_mr(f->id->pd, f->memory, sizeof(*f->memory),
			   IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE |
				   IBV_ACCESS_REMOTE_READ);
	if (!f->mr)
		fail("ibv_reg_mr: %m");
	for (unsigned int i = 0; i < RECEIVES; i++)
		post_receive(f, i);
}

/* ---- messages */

static uint64_t key_of(const struct flow *f, enum side side, uint64_t seq)
{
	return ((uint64_t)f->number << 1 | side) * 0x9e3779b97f4a7c15 + (seq << 20);
}

static void send_data(struct flow *f)
{
	struct data *d = &f->memory->out[f->sent % WINDOW];
	struct ibv_send_wr wr = { .wr_id = wr_id_of(f, 0, true), .opcode = IBV_WR_SEND };

	d->head = (struct head){ .kind = KIND_DATA,
				 .flow = f->index,
				 .len = random_below(&f->dice, CHUNK + 1),
				 .seq = f->sent };
	fill(d->bytes, d->head.len, key_of(f, f->side, f->sent));
	/* Before it goes: a kill may come at any time. */
	atomic_add(&book_of(f)->sent[f->side], 1);
	atomic_add(&book_of(f)->bytes[f->side], d->head.len);
	post(f, &wr, d, (uint32_t)sizeof(d->head) + d->head.len);
	f->sent++;
	progress(f, "answers to its messages");
}

static void say(struct flow *f, enum kind kind, uint64_t seq)
{
	struct head *h = &f->memory->answers[f->next_answer++ % ANSWERS];
	struct ibv_send_wr wr = { .wr_id = wr_id_of(f, 0, true), .opcode = IBV_WR_SEND };

	*h = (struct head){ .kind = kind, .flow = f->index, .seq = seq };
	post(f, &wr, h, sizeof(*h));
}

/* The second request is carried out after the first has been placed. */
static void write_and_read(struct flow *f)
{
	struct ibv_send_wr wr = { .wr_id = wr_id_of(f, 0, true), .opcode = IBV_WR_RDMA_WRITE };

	wr.wr.rdma.remote_addr = f->offer.addr;
	wr.wr.rdma.rkey = f->offer.rkey;
	fill(f->memory->source, CHUNK, key_of(f, f->side, ~f->written));
	post(f, &wr, f->memory->source, CHUNK);
	wr.opcode = IBV_WR_RDMA_READ;
	wr.wr_id = wr_id_of(f, 1, true);
	post(f, &wr, f->memory->back, CHUNK);
	f->writing = true;
}

static void bad(struct flow *f, const char *what)
{
	fprintf(stderr, "soak: long connection %u, %s end: %s; seed %llu\n", f->number,
		f->side == ACTIVE ? "active" : "passive", what, (unsigned long long)book->seed);
	book_see(f->number, f->side, SEEN_BAD);
}

static void on_read_back(struct flow *f)
{
	f->writing = false;
	if (!is_filled(f->memory->back, CHUNK, key_of(f, f->side, ~f->written)))
		bad(f, "what was written is not what is read");
	f->written++;
}

static void on_data(struct flow *f, const struct data *d, uint32_t len)
{
	if (d->head.seq != f->received || d->head.len != len - sizeof(d->head))
		bad(f, "a message is missing, or comes again");
	else if (!is_filled(d->bytes, d->head.len, key_of(f, !f->side, f->received)))
		bad(f, "wrong bytes");
	f->received++;
	atomic_add(&book_of(f)->received[f->side], 1);
}

static void on_message(struct flow *f, unsigned int i, uint32_t len)
{
	struct data *d = &f->memory->in[i];
	struct head head = d->head;

	if (len < sizeof(head) || head.flow != f->index) {
		bad(f, "a message of another connection");
		return;
	}
	if (head.kind == KIND_DATA)
		on_data(f, d, len);
	post_receive(f, i);
	if (head.kind == KIND_DATA) {
		say(f, KIND_ANSWER, head.seq);
	} else if (head.kind == KIND_ANSWER) {
		if (head.seq != f->answered)
			bad(f, "an answer out of order");
		f->answered++;
		progress(f, "answers to its messages");
	} else {
		f->heard = true;
		if (head.seq != f->received)
			bad(f, "messages are missing at the end");
	}
}

/* Nothing more of its own; the passive end follows the active one. */
static void maybe_finish(struct flow *f)
{
	bool want = f->side == ACTIVE ? phase() >= PHASE_STOP_LONG : f->heard;

	if (!f->up || f->over || !want || f->writing)
		return;
	if (!f->said && f->answered == f->sent) {
		say(f, KIND_FINISH, f->sent);
		f->said = true;
		progress(f, "the peer's last message");
	}
	if (!f->said || !f->heard)
		return;
	atomic_set(&book_of(f)->finished[f->side], true);
	book_see(f->number, f->side, SEEN_WORK_DONE);
	f->over = true;
	progress(f, "DISCONNECTED");
	if (f->side == ACTIVE)
		rdma_disconnect(f->id);
}

static void on_completion(const struct ibv_wc *wc)
{
	struct flow *f = &flows[wc->wr_id >> 8 & 0xffffff];
	unsigned int i = (unsigned int)(wc->wr_id >> 1) & 0x7f;

	if (!f->used || f->generation != wc->wr_id >> 32 || wc->status == IBV_WC_WR_FLUSH_ERR)
		return;
	if (wc->status)
		bad(f, ibv_wc_status_str(wc->status));
	else if (!(wc->wr_id & 1))
		on_message(f, i, wc->byte_len);
	else if (i)
		on_read_back(f);
	maybe_finish(f);
}

static void take_completions(void)
{
	struct ibv_cq *which;
	struct ibv_wc wc[16];
	void *context;
	int n;

	if (!cq || ibv_get_cq_event(comp, &which, &context))
		return;
	ibv_ack_cq_events(which, 1);
	if (ibv_req_notify_cq(cq, 0))
		fail("ibv_req_notify_cq: %m");
	while ((n = ibv_poll_cq(cq, 16, wc)) > 0)
		for (int i = 0; i < n; i++)
			on_completion(&wc[i]);
}

/* ---- events */

static void on_request(struct rdma_cm_event *ev)
{
	struct rdma_conn_param param = { .responder_resources = 4, .initiator_depth = 4 };
	struct greeting g;
	struct flow *f;

	if (ev->param.conn.private_data_len < sizeof(g))
		fail("a request of nobody");
	memcpy(&g, ev->param.conn.private_data, sizeof(g));
	f = new_flow(PASSIVE, &g);
	f->id = ev->id;
	f->id->context = f;
	open_flow(f);
	f->offer = (struct offer){ (uintptr_t)f->memory->area, f->mr->rkey, f->number };
	param.private_data = &f->offer;
	param.private_data_len = sizeof(f->offer);
	progress(f, "ESTABLISHED");
	if (rdma_accept(f->id, &param)) {
		rdma_ack_cm_event(ev);
		end_flow(f, SEEN_FAILED);
		return;
	}
	rdma_ack_cm_event(ev);
}

static int do_connect(struct flow *f)
{
	struct greeting g = { f->number, f->index };
	struct rdma_conn_param param = { .responder_resources = 4,
					 .initiator_depth = 4,
					 .private_data = &g,
					 .private_data_len = sizeof(g) };

	open_flow(f);
	progress(f, "ESTABLISHED");
	return rdma_connect(f->id, &param);
}

static void on_established(struct rdma_cm_event *ev)
{
	struct flow *f = ev->id->context;

	f->up = true;
	book_see(f->number, f->side, SEEN_ESTABLISHED);
	if (f->side == ACTIVE && ev->param.conn.private_data_len >= sizeof(f->offer))
		memcpy(&f->offer, ev->param.conn.private_data, sizeof(f->offer));
	progress(f, "messages");
	rdma_ack_cm_event(ev);
}

static void on_end(struct rdma_cm_event *ev)
{
	struct flow *f = ev->id->context;
	bool disconnected = ev->event == RDMA_CM_EVENT_DISCONNECTED;

	if (disconnected != f->up)
		bad(f, rdma_event_str(ev->event));
	rdma_ack_cm_event(ev);
	/* What came before it is there. */
	end_flow(f, disconnected ? SEEN_DISCONNECTED : SEEN_FAILED);
}

static void on_event(struct rdma_cm_event *ev)
{
	struct flow *f = ev->id->context;
	int rc = 0;

	switch (ev->event) {
	case RDMA_CM_EVENT_ADDR_RESOLVED:
		progress(f, "ROUTE_RESOLVED");
		rc = rdma_resolve_route(f->id, 10000);
		rdma_ack_cm_event(ev);
		break;
	case RDMA_CM_EVENT_ROUTE_RESOLVED:
		rdma_ack_cm_event(ev);
		rc = do_connect(f);
		break;
	case RDMA_CM_EVENT_CONNECT_REQUEST:
		on_request(ev);
		break;
	case RDMA_CM_EVENT_ESTABLISHED:
		on_established(ev);
		break;
	case RDMA_CM_EVENT_DISCONNECTED:
	case RDMA_CM_EVENT_CONNECT_ERROR:
	case RDMA_CM_EVENT_UNREACHABLE:
	case RDMA_CM_EVENT_REJECTED:
		on_end(ev);
		break;
	case RDMA_CM_EVENT_TIMEWAIT_EXIT:
		rdma_ack_cm_event(ev);
		break;
	default:
		fail("%s, status %d", rdma_event_str(ev->event), ev->status);
	}
	if (rc)
		fail("a long connection: %m");
}

/* ---- the loop */

static void begin_flow(unsigned int server)
{
	struct greeting g = { book_number(),
			      __atomic_fetch_add(&book->next_flow, 1, __ATOMIC_RELAXED) };
	struct sockaddr_storage to = address_of(server, DOOR_LONG);
	struct flow *f;

	if (g.number == UINT32_MAX || g.index >= FLOWS)
		return;
	f = new_flow(ACTIVE, &g);
	f->server = server;
	book_of(f)->number = g.number;
	progress(f, "ADDR_RESOLVED");
	if (rdma_create_id(channel, &f->id, f, RDMA_PS_TCP) ||
	    rdma_resolve_addr(f->id, NULL, (struct sockaddr *)&to, 10000))
		fail("rdma_resolve_addr: %m");
}

static void check_deadline(const struct flow *f)
{
	bool waits = !f->up || f->sent > f->answered || f->said;

	if (!waits || (int32_t)(life_ms() - f->since_ms) < DEADLINE_MS)
		return;
	fail("stuck: long connection %u, %s end, waits for %s; %llu sent, %llu answered, "
	     "%llu received; seed %llu",
	     f->number, f->side == ACTIVE ? "active" : "passive", f->doing,
	     (unsigned long long)f->sent, (unsigned long long)f->answered,
	     (unsigned long long)f->received, (unsigned long long)book->seed);
}

static void tick_flow(struct flow *f)
{
	uint32_t now = now_ms();

	check_deadline(f);
	maybe_finish(f);
	if (!f->up || f->over || f->said || f->heard || (int32_t)(now - f->next_ms) < 0)
		return;
	if (f->side == ACTIVE && phase() >= PHASE_STOP_LONG)
		return;
	f->next_ms = now + random_below(&f->dice, GAP_MS);
	if (f->sent - f->answered < WINDOW)
		send_data(f);
	if (f->side == ACTIVE && !f->writing && random_below(&f->dice, 8) == 0)
		write_and_read(f);
}

/* Ends that are not up when the end comes are not waited for. */
static unsigned int tick(void)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < SLOTS; i++) {
		struct flow *f = &flows[i];

		if (!f->used)
			continue;
		if (f->side == ACTIVE && !f->up && phase() >= PHASE_STOP_LONG) {
			end_flow(f, SEEN_GAVE_UP);
			continue;
		}
		tick_flow(f);
		n++;
	}
	return n;
}

static void take_all(void)
{
	struct pollfd pfd[2] = { { .fd = channel->fd, .events = POLLIN },
				 { .fd = comp ? comp->fd : -1, .events = POLLIN } };
	struct rdma_cm_event *ev;

	if (poll(pfd, 2, 5) <= 0)
		return;
	if (pfd[1].revents)
		take_completions();
	if (pfd[0].revents && !rdma_get_cm_event(channel, &ev)) {
		atomic_add(&book->procs[self].events, 1);
		on_event(ev);
	}
}

static void begin_missing(void)
{
	static uint32_t next_ms;
	unsigned int n[SERVERS] = { 0 };

	if (phase() >= PHASE_STOP || (int32_t)(now_ms() - next_ms) < 0)
		return;
	next_ms = now_ms() + AGAIN_MS;
	for (unsigned int i = 0; i < SLOTS; i++)
		if (flows[i].used)
			n[flows[i].server]++;
	for (unsigned int server = 0; server < SERVERS; server++)
		while (n[server]++ < FLOWS_EACH / SERVERS)
			begin_flow(server);
}

static void close_all(void)
{
	if (cq && (ibv_destroy_cq(cq) || ibv_destroy_comp_channel(comp)))
		fail("ibv_destroy_cq: %m");
	rdma_destroy_event_channel(channel);
}

void long_client_run(void)
{
	unsigned int n;

	channel = new_channel();
	sample_self_start();
	atomic_set(&book->procs[self].ready, true);
	do {
		begin_missing();
		take_all();
		n = tick();
	} while (n || phase() < PHASE_STOP_LONG);
	close_all();
	sample_self_end();
}

void *long_serve(void *server)
{
	struct sockaddr_storage address = address_of((unsigned int)(uintptr_t)server, DOOR_LONG);
	struct rdma_cm_id *listener;
	unsigned int n;

	channel = new_channel();
	if (rdma_create_id(channel, &listener, NULL, RDMA_PS_TCP) ||
	    rdma_bind_addr(listener, (struct sockaddr *)&address) || rdma_listen(listener, 64))
		fail("rdma_listen: %m");
	atomic_add(&book->procs[self].listening, 1);
	do {
		take_all();
		n = tick();
	} while (n || phase() < PHASE_QUIT);
	rdma_destroy_id(listener);
	close_all();
	return NULL;
}
