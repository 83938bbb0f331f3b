// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Ids taken to a stage, and a listener, child and client connected with each other. */
#include "api.h"

#include <arpa/inet.h>
#include <poll.h>

struct rdma_event_channel *new_channel(void)
{
	struct rdma_event_channel *ch = rdma_create_event_channel();

	need(ch);
	return ch;
}

struct rdma_cm_id *new_id(struct rdma_event_channel *ch)
{
	struct rdma_cm_id *id;

	need(!rdma_create_id(ch, &id, NULL, RDMA_PS_TCP));
	return id;
}

struct rdma_cm_id *new_listener(struct rdma_event_channel *ch, int backlog)
{
	struct rdma_cm_id *id = new_id(ch);

	need(!rdma_bind_addr(id, sa(ADDR, 0)));
	need(!rdma_listen(id, backlog));
	return id;
}

struct rdma_cm_id *new_client(struct rdma_event_channel *ch, enum stage stage, __be16 port)
{
	struct rdma_cm_id *id = new_id(ch);

	if (stage >= BOUND)
		need(!rdma_bind_addr(id, sa(ADDR, 0)));
	if (stage >= ADDR_RESOLVED) {
		need(!rdma_resolve_addr(id, NULL, sa(ADDR, ntohs(port)), 2000));
		expect(ch, RDMA_CM_EVENT_ADDR_RESOLVED);
	}
	if (stage >= ROUTE_RESOLVED) {
		need(!rdma_resolve_route(id, 2000));
		expect(ch, RDMA_CM_EVENT_ROUTE_RESOLVED);
	}
	if (stage >= WITH_QP)
		need(!make_qp(id));
	return id;
}

struct ibv_qp_init_attr qp_attr(void)
{
	struct ibv_qp_init_attr attr = {
		.cap = { .max_send_wr = 2, .max_recv_wr = 2, .max_send_sge = 1, .max_recv_sge = 1 },
		.qp_type = IBV_QPT_RC,
		.sq_sig_all = 1,
	};

	return attr;
}

int make_qp(struct rdma_cm_id *id)
{
	struct ibv_qp_init_attr attr = qp_attr();

	return rdma_create_qp(id, NULL, &attr);
}

const char *qp_state(struct ibv_qp *qp)
{
	static const char *const names[] = { "RESET", "INIT", "RTR", "RTS", "SQD", "SQE", "ERR" };

	if (!qp)
		return "no QP";
	return qp->state <= IBV_QPS_ERR ? names[qp->state] : "?";
}

struct rdma_conn_param conn_param(const void *data, uint8_t len)
{
	struct rdma_conn_param p = {
		.private_data = data,
		.private_data_len = len,
		.responder_resources = 1,
		.initiator_depth = 1,
		.retry_count = 7,
		.rnr_retry_count = 7,
	};

	return p;
}

void pair_prepare(struct pair *p)
{
	memset(p, 0, sizeof(*p));
	p->sch = new_channel();
	p->cch = new_channel();
	p->listener = new_listener(p->sch, 8);
	p->client = new_client(p->cch, WITH_QP, rdma_get_src_port(p->listener));
}

void pair_request(struct pair *p)
{
	struct rdma_conn_param param = conn_param(NULL, 0);

	need(!rdma_connect(p->client, &param));
	p->request = next_event(p->sch, PATIENT_MS);
	need(p->request && p->request->event == RDMA_CM_EVENT_CONNECT_REQUEST);
	p->child = p->request->id;
	need(!make_qp(p->child));
}

void pair_up(struct pair *p)
{
	struct rdma_conn_param param = conn_param(NULL, 0);

	pair_prepare(p);
	pair_request(p);
	need(!rdma_accept(p->child, &param));
	rdma_ack_cm_event(p->request);
	p->request = NULL;
	/* In this order: InfiniBand's server hears of it by what the client's library answers. */
	expect(p->cch, RDMA_CM_EVENT_ESTABLISHED);
	expect(p->sch, RDMA_CM_EVENT_ESTABLISHED);
}

/* Before the child has heard that it stands the kernel has nothing to end, or to answer. */
static void wait_for_child(const struct pair *p)
{
	struct pollfd heard = { .fd = p->sch->fd, .events = POLLIN };

	poll(&heard, 1, PATIENT_MS);
}

void pair_hang_up(struct pair *p)
{
	need(!rdma_disconnect(p->client));
	if (on_ib()) {
		wait_for_child(p);
		need(!rdma_disconnect(p->child));
	}
	expect(p->cch, RDMA_CM_EVENT_DISCONNECTED);
}

static int poll_cq(struct ibv_cq *cq, struct ibv_wc *wc)
{
	int64_t end = now_ms() + PATIENT_MS;
	int n;

	while (!(n = ibv_poll_cq(cq, 1, wc)))
		if (now_ms() > end)
			return -1;
	return n == 1 && wc->status == IBV_WC_SUCCESS ? 0 : -1;
}

int pair_talk(struct pair *p)
{
	static const char message[16] = "fifteen letters";
	static char out[16], in[16];
	struct ibv_mr *omr = ibv_reg_mr(p->client->pd, out, sizeof(out), 0);
	struct ibv_mr *imr = ibv_reg_mr(p->child->pd, in, sizeof(in), IBV_ACCESS_LOCAL_WRITE);
	struct ibv_sge osge, isge;
	struct ibv_recv_wr rwr = { .sg_list = &isge, .num_sge = 1 }, *rbad;
	struct ibv_send_wr swr = { .sg_list = &osge, .num_sge = 1, .opcode = IBV_WR_SEND }, *sbad;
	struct ibv_wc wc;
	int n = -1;

	need(omr && imr);
	osge = (struct ibv_sge){ (uintptr_t)out, sizeof(out), omr->lkey };
	isge = (struct ibv_sge){ (uintptr_t)in, sizeof(in), imr->lkey };
	memcpy(out, message, sizeof(out));
	memset(in, 0, sizeof(in));
	if (!ibv_post_recv(p->child->qp, &rwr, &rbad) &&
	    !ibv_post_send(p->client->qp, &swr, &sbad) && !poll_cq(p->client->send_cq, &wc) &&
	    !poll_cq(p->child->recv_cq, &wc) && !memcmp(in, message, sizeof(in)))
		n = (int)wc.byte_len;
	ibv_dereg_mr(omr);
	ibv_dereg_mr(imr);
	return n;
}

static void id_down(struct rdma_cm_id **id)
{
	if (!*id)
		return;
	if ((*id)->qp)
		rdma_destroy_qp(*id);
	rdma_destroy_id(*id);
	*id = NULL;
}

void pair_down(struct pair *p)
{
	if (p->request)
		rdma_ack_cm_event(p->request);
	p->request = NULL;
	id_down(&p->client);
	id_down(&p->child);
	id_down(&p->listener);
	rdma_destroy_event_channel(p->sch);
	rdma_destroy_event_channel(p->cch);
}
