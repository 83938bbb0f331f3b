// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Synchronous endpoints, one thread on each side: rdma_create_ep and the calls of rdma_verbs.h. */
#include <errno.h>
#include <poll.h>
#include <rdma/rdma_verbs.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/soak/soak_end.h"

static struct ibv_qp_init_attr qp_attr(void)
{
	return (struct ibv_qp_init_attr){
		.cap = { .max_send_wr = WRS,
			 .max_recv_wr = WRS,
			 .max_send_sge = 1,
			 .max_recv_sge = 1 },
		.qp_type = IBV_QPT_RC,
		.sq_sig_all = 1,
	};
}

static int create_ep(unsigned int server, int flags, struct rdma_cm_id **id)
{
	struct rdma_addrinfo hints = { .ai_flags = flags, .ai_port_space = RDMA_PS_TCP }, *info;
	struct ibv_qp_init_attr attr = qp_attr();
	char port[8];
	int rc;

	snprintf(port, sizeof(port), "%u", book->port + server * DOORS + DOOR_SYNC);
	if (rdma_getaddrinfo("127.0.0.1", port, &hints, &info))
		fail("rdma_getaddrinfo: %m");
	rc = rdma_create_ep(id, info, NULL, &attr);
	rdma_freeaddrinfo(info);
	return rc;
}

static int open_end(struct end *e, struct rdma_cm_id *id)
{
	e->mr = rdma_reg_msgs(id, e->memory, sizeof(*e->memory));
	if (!e->mr)
		return -1;
	for (unsigned int i = 0; i <= e->plan.nops; i++)
		if (rdma_post_recv(id, NULL, &e->memory->in[i], sizeof(struct message), e->mr))
			return -1;
	return 0;
}

static void close_end(struct end *e, struct rdma_cm_id *id)
{
	if (e->mr)
		rdma_dereg_mr(e->mr);
	rdma_destroy_ep(id);
	end_drop(e);
}

static bool send_one(struct end *e, struct rdma_cm_id *id, struct message *m)
{
	size_t len = offsetof(struct message, payload) + m->len;
	struct ibv_wc wc;

	end_doing(e, "rdma_get_send_comp");
	return !rdma_post_send(id, NULL, m, len, e->mr, 0) && rdma_get_send_comp(id, &wc) == 1 &&
	       !wc.status;
}

static bool receive_one(struct end *e, struct rdma_cm_id *id)
{
	struct ibv_wc wc;

	end_doing(e, "rdma_get_recv_comp");
	return rdma_get_recv_comp(id, &wc) == 1 && !wc.status;
}

/* ---- passive */

static void echo(struct end *e, struct rdma_cm_id *id)
{
	for (unsigned int i = 0; i < e->plan.nops; i++)
		if (!receive_one(e, id) || !send_one(e, id, &e->memory->in[i]))
			return;
	/* Else the end of the connection flushes the last receive. */
	if (e->plan.ending == END_CLIENT)
		receive_one(e, id);
}

static uint32_t serve_end(struct end *e, struct rdma_cm_id *id)
{
	uint32_t number = e->plan.number;

	if (e->plan.answer == ANSWER_DROP)
		return SEEN_GAVE_UP;
	if (e->plan.answer == ANSWER_REJECT)
		return rdma_reject(id, &number, sizeof(number)) ? SEEN_FAILED : SEEN_REJECTED;
	if (open_end(e, id))
		fail("a synchronous end: %m");
	end_doing(e, "rdma_accept");
	if (rdma_accept(id, NULL))
		return SEEN_FAILED;
	book_see(number, PASSIVE, SEEN_ESTABLISHED);
	echo(e, id);
	end_doing(e, "rdma_disconnect");
	rdma_disconnect(id); /* the peer may have been before us */
	return SEEN_DISCONNECTED;
}

static void serve_request(struct rdma_cm_id *id)
{
	const struct rdma_conn_param *param = &id->event->param.conn;
	uint32_t number = UINT32_MAX;
	struct end *e;

	if (param->private_data_len >= sizeof(number))
		memcpy(&number, param->private_data, sizeof(number));
	if (number >= RECORDS)
		fail("a synchronous request of nobody");
	e = end_new(PASSIVE, number, true, 0);
	if (!e)
		fail("no end is free");
	book_begin(number, PASSIVE, SEEN_SYNC);
	book_see(number, PASSIVE, serve_end(e, id));
	close_end(e, id);
}

void *sync_serve(void *server)
{
	struct rdma_cm_id *listener, *id;
	struct pollfd pfd;

	if (create_ep((unsigned int)(uintptr_t)server, RAI_PASSIVE, &listener) ||
	    rdma_listen(listener, 64))
		fail("a synchronous listener: %m");
	atomic_add(&book->procs[self].listening, 1);
	pfd = (struct pollfd){ .fd = listener->channel->fd, .events = POLLIN };
	while (phase() < PHASE_QUIT) {
		if (poll(&pfd, 1, 100) <= 0)
			continue;
		if (rdma_get_request(listener, &id))
			fail("rdma_get_request: %m");
		serve_request(id);
	}
	rdma_destroy_ep(listener);
	return NULL;
}

/* ---- active */

static bool exchange(struct end *e, struct rdma_cm_id *id)
{
	for (uint32_t i = 0; i < e->plan.nops; i++) {
		struct message *m = &e->memory->out[i];
		uint64_t key = (uint64_t)e->plan.number << 8 | i;

		m->seq = i;
		m->len = e->plan.sizes[i];
		fill(m->payload, m->len, key);
		if (!send_one(e, id, m) || !receive_one(e, id))
			return false;
		m = &e->memory->in[i];
		if (m->seq != i || m->len != e->plan.sizes[i] ||
		    !is_filled(m->payload, m->len, key))
			book_see(e->plan.number, ACTIVE, SEEN_BAD);
	}
	return true;
}

static uint32_t connect_end(struct end *e, struct rdma_cm_id *id)
{
	struct rdma_conn_param param = { .private_data = &e->plan.number,
					 .private_data_len = sizeof(e->plan.number) };
	uint64_t start = now_us();

	if (open_end(e, id))
		fail("a synchronous end: %m");
	end_doing(e, "rdma_connect");
	if (rdma_connect(id, &param))
		return errno == ECONNREFUSED ? SEEN_REFUSED : SEEN_FAILED;
	book_latency(now_us() - start);
	book_see(e->plan.number, ACTIVE, SEEN_ESTABLISHED);
	if (exchange(e, id)) {
		book_see(e->plan.number, ACTIVE, SEEN_WORK_DONE);
		if (e->plan.ending == END_SERVER)
			receive_one(e, id);
	}
	end_doing(e, "rdma_disconnect");
	rdma_disconnect(id);
	return SEEN_DISCONNECTED;
}

void *sync_connect(void *unused)
{
	struct rdma_cm_id *id;
	struct end *e;
	uint32_t number;

	while (phase() == PHASE_RUN && (number = book_number()) != UINT32_MAX) {
		e = end_new(ACTIVE, number, true, 0);
		if (!e)
			fail("no end is free");
		book_begin(number, ACTIVE, SEEN_SYNC);
		end_doing(e, "rdma_create_ep");
		if (create_ep(e->plan.server, 0, &id))
			fail("rdma_create_ep: %m");
		book_see(number, ACTIVE, connect_end(e, id));
		close_end(e, id);
	}
	return unused;
}
