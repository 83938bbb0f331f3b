// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* One side of very many connections: its thread, which makes all calls for its ids. */
#include "tests/soak/many.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <unistd.h>

#define WINDOW 512 /* connections under way at a time */
#define STEPS 64   /* of a job between two looks at the events */

/* ---- what the process holds */

static unsigned int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int n = 0;

	if (!dir)
		fail("/proc/self/fd: %m");
	for (struct dirent *d; (d = readdir(dir));)
		n += d->d_name[0] != '.';
	closedir(dir);
	return n - 1;
}

static unsigned long rss_kb(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	unsigned long kb = 0;
	char line[256];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "RssAnon: %lu", &kb) == 1)
			break;
	if (f)
		fclose(f);
	return kb;
}

static size_t heap(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

/* ---- one connection */

static struct message message_of(const struct side *s, uint32_t index, enum side_of from)
{
	struct message m = { .index = index, .round = s->ones[index].round, .from = from };

	m.sum = (m.index * 2654435761u) ^ (m.round * 40503u) ^ (m.from + 1);
	return m;
}

static uint64_t wr_id_of(uint32_t index, bool send)
{
	return (uint64_t)index << 1 | send;
}

static void post_receive(struct side *s, uint32_t index)
{
	struct one *one = &s->ones[index];
	struct ibv_sge sge = { (uintptr_t)&one->in, sizeof(one->in), s->mr->lkey };
	struct ibv_recv_wr wr = { .wr_id = wr_id_of(index, false), .sg_list = &sge, .num_sge = 1 };
	struct ibv_recv_wr *bad;

	if (ibv_post_recv(one->id->qp, &wr, &bad))
		fail("ibv_post_recv");
}

static void open_end(struct side *s, uint32_t index)
{
	struct one *one = &s->ones[index];
	struct ibv_qp_init_attr attr = {
		.cap = { .max_send_wr = 2, .max_recv_wr = 2, .max_send_sge = 1, .max_recv_sge = 1 },
		.qp_type = IBV_QPT_RC,
		.sq_sig_all = 1,
	};

	if (!s->cq) {
		s->comp = ibv_create_comp_channel(one->id->verbs);
		s->cq = ibv_create_cq(one->id->verbs, (int)(4 * wanted), NULL, s->comp, 0);
		s->mr = ibv_reg_mr(one->id->pd, s->ones, wanted * sizeof(*s->ones),
				   IBV_ACCESS_LOCAL_WRITE);
		if (!s->cq || !s->mr || ibv_req_notify_cq(s->cq, 0))
			fail("a CQ: %m");
	}
	attr.send_cq = attr.recv_cq = s->cq;
	if (rdma_create_qp(one->id, NULL, &attr))
		fail("rdma_create_qp %u: %m", index);
	post_receive(s, index);
}

static void begin(struct side *s, uint32_t index)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK + index % ADDRESSES),
				  .sin_port = ports[index % ADDRESSES] };
	struct one *one = &s->ones[index];

	one->round++;
	count(&s->begun);
	if (rdma_create_id(s->channel, &one->id, one, RDMA_PS_TCP) ||
	    rdma_resolve_addr(one->id, NULL, (struct sockaddr *)&to, 10000))
		fail("rdma_resolve_addr %u: %m", index);
}

static void send_message(struct side *s, uint32_t index)
{
	struct one *one = &s->ones[index];
	struct ibv_sge sge = { (uintptr_t)&one->out, sizeof(one->out), s->mr->lkey };
	struct ibv_send_wr wr = { .wr_id = wr_id_of(index, true),
				  .sg_list = &sge,
				  .num_sge = 1,
				  .opcode = IBV_WR_SEND },
			   *bad;

	one->out = message_of(s, index, s->which);
	if (ibv_post_send(one->id->qp, &wr, &bad))
		fail("ibv_post_send");
}

static void close_end(struct side *s, struct rdma_cm_id *id)
{
	struct one *one = id->context;

	rdma_destroy_qp(id);
	if (rdma_destroy_id(id))
		fail("rdma_destroy_id: %m");
	one->id = NULL;
	one->up = false;
	count(&s->disconnected);
}

/* ---- events */

static void on_request(struct side *s, const struct rdma_cm_event *ev)
{
	struct rdma_conn_param param = { .responder_resources = 1, .initiator_depth = 1 };
	struct one *one;
	uint32_t index;

	memcpy(&index, ev->param.conn.private_data, sizeof(index));
	if (ev->param.conn.private_data_len < sizeof(index) || index >= wanted || s->ones[index].id)
		fail("a request of nobody");
	one = &s->ones[index];
	one->id = ev->id;
	one->id->context = one;
	one->round++;
	count(&s->begun);
	open_end(s, index);
	if (rdma_accept(one->id, &param))
		fail("rdma_accept %u: %m", index);
}

static void do_connect(struct side *s, struct rdma_cm_id *id)
{
	uint32_t index = (uint32_t)((struct one *)id->context - s->ones);
	struct rdma_conn_param param = { .responder_resources = 1,
					 .initiator_depth = 1,
					 .private_data = &index,
					 .private_data_len = sizeof(index) };

	open_end(s, index);
	if (rdma_connect(id, &param))
		fail("rdma_connect %u: %m", index);
}

/* True: the id's end, after the ack. */
static bool on_event(struct side *s, const struct rdma_cm_event *ev)
{
	switch (ev->event) {
	case RDMA_CM_EVENT_ADDR_RESOLVED:
		if (rdma_resolve_route(ev->id, 10000))
			fail("rdma_resolve_route: %m");
		return false;
	case RDMA_CM_EVENT_ROUTE_RESOLVED:
		do_connect(s, ev->id);
		return false;
	case RDMA_CM_EVENT_CONNECT_REQUEST:
		on_request(s, ev);
		return false;
	case RDMA_CM_EVENT_ESTABLISHED:
		((struct one *)ev->id->context)->up = true;
		count(&s->established);
		return false;
	case RDMA_CM_EVENT_DISCONNECTED:
		return true;
	default:
		fail("%s, status %d", rdma_event_str(ev->event), ev->status);
	}
}

static void take_events(struct side *s)
{
	struct rdma_cm_event *ev;
	struct rdma_cm_id *id;
	bool end;

	while (!rdma_get_cm_event(s->channel, &ev)) {
		id = ev->id;
		end = on_event(s, ev);
		rdma_ack_cm_event(ev);
		if (end)
			close_end(s, id);
	}
	if (errno != EAGAIN)
		fail("rdma_get_cm_event: %m");
}

static void on_receive(struct side *s, uint32_t index)
{
	struct message want = message_of(s, index, !s->which);

	if (memcmp(&want, &s->ones[index].in, sizeof(want)))
		count(&s->bad);
	post_receive(s, index);
	count(&s->received);
	if (s->which == SERVER)
		send_message(s, index);
}

static void take_completions(struct side *s)
{
	struct ibv_wc wc[32];
	struct ibv_cq *cq;
	void *context;
	int n;

	if (ibv_get_cq_event(s->comp, &cq, &context) || ibv_req_notify_cq(cq, 0))
		fail("ibv_get_cq_event: %m");
	ibv_ack_cq_events(cq, 1);
	while ((n = ibv_poll_cq(cq, 32, wc)) > 0)
		for (int i = 0; i < n; i++) {
			if (wc[i].status == IBV_WC_WR_FLUSH_ERR)
				continue; /* the receive of one that has ended */
			if (wc[i].status)
				count(&s->bad);
			else if (wc[i].wr_id & 1)
				count(&s->sent);
			else
				on_receive(s, (uint32_t)(wc[i].wr_id >> 1));
		}
}

/* ---- the thread of a side */

static void step(struct side *s, uint32_t index)
{
	switch (s->job.what) {
	case OPEN:
		begin(s, index);
		break;
	case CLOSE:
		if (rdma_disconnect(s->ones[index].id))
			fail("rdma_disconnect %u: %m", index);
		break;
	default:
		send_message(s, index);
	}
}

static bool may_step(const struct side *s)
{
	return get(&s->job.what) == OPEN ? s->begun - s->established < WINDOW
					 : get(&s->job.what) != NOTHING;
}

static void do_job(struct side *s)
{
	for (unsigned int i = 0; i < STEPS && may_step(s); i++) {
		step(s, s->job.indices[s->job.next++]);
		if (s->job.next == s->job.n)
			__atomic_store_n(&s->job.what, NOTHING, __ATOMIC_RELEASE);
	}
}

static void measure_here(struct side *s)
{
	malloc_trim(0);
	s->held = (struct held){ .heap = heap(), .rss_kb = rss_kb(), .fds = count_fds() };
	__atomic_store_n(&s->measure, false, __ATOMIC_RELEASE);
}

static void *run(void *arg)
{
	struct side *s = arg;
	uint64_t unused;

	while (!get(&s->quit)) {
		struct pollfd pfd[3] = { { .fd = s->channel->fd, .events = POLLIN },
					 { .fd = s->wake, .events = POLLIN },
					 { .fd = s->comp ? s->comp->fd : -1, .events = POLLIN } };

		if (poll(pfd, 3, may_step(s) ? 0 : -1) < 0 && errno != EINTR)
			fail("poll: %m");
		if (pfd[1].revents && read(s->wake, &unused, sizeof(unused)) < 0)
			fail("eventfd: %m");
		if (pfd[0].revents)
			take_events(s);
		if (pfd[2].revents)
			take_completions(s);
		do_job(s);
		if (get(&s->measure))
			measure_here(s);
	}
	return NULL;
}

/* ---- its life */

static void listen_all(struct side *s)
{
	for (unsigned int i = 0; i < ADDRESSES; i++) {
		struct sockaddr_in sin = { .sin_family = AF_INET,
					   .sin_addr.s_addr = htonl(INADDR_LOOPBACK + i) };

		if (rdma_create_id(s->channel, &s->listeners[i], NULL, RDMA_PS_TCP) ||
		    rdma_bind_addr(s->listeners[i], (struct sockaddr *)&sin) ||
		    rdma_listen(s->listeners[i], 2 * WINDOW))
			fail("rdma_listen: %m");
		__atomic_store_n(&ports[i], rdma_get_src_port(s->listeners[i]), __ATOMIC_RELEASE);
	}
}

static void side_up(struct side *s)
{
	s->channel = rdma_create_event_channel();
	if (!s->channel)
		fail("rdma_create_event_channel: %m");
	fcntl(s->channel->fd, F_SETFL, O_NONBLOCK);
	if (s->which == SERVER)
		listen_all(s);
}

static void side_down(struct side *s)
{
	for (unsigned int i = 0; i < ADDRESSES && s->listeners[i]; i++)
		rdma_destroy_id(s->listeners[i]);
	if (ibv_dereg_mr(s->mr) || ibv_destroy_cq(s->cq) || ibv_destroy_comp_channel(s->comp))
		fail("a CQ does not go: %m");
	rdma_destroy_event_channel(s->channel);
}

void *side_live(void *arg)
{
	side_up(arg);
	run(arg);
	side_down(arg);
	return NULL;
}
